/* Hedge: a read whose host stays silent is asked of a second replica too; the first good answer
 * wins, the other copy is taken back. Owned by the stack's lane.
 *
 *     ALONE ──patience──▶ HEDGED ──answer, or time for the next replica──▶ ENDING
 *       │                   │                                                │
 *       │                   └──both failed──┐                                │
 *       └──answer or failure───────────────▶ SETTLED ◀──every copy is back───┘
 *
 * Two reasons let a read have a second copy. A host that answers others but not this read is slow:
 * then the copy costs a piece of a budget, so that a cluster that is slow as a whole is not asked
 * everything twice. A host from which nobody has had an answer since is silent: its process is
 * stopped, or the network swallows what is sent. Then every read on it gets its copy, and the host
 * is avoided. As a copy only ever goes to a host that is not avoided itself, this ends by itself
 * when all of them are silent. A read without another replica keeps all of its time.
 */
#include "fetch/layers.h"

#include "lane/sm.h"

enum { ALONE, HEDGED, ENDING, SETTLED };

static const struct lg_sm_state states[] = {
    [ALONE] = {"alone", LG_TO(HEDGED) | LG_TO(ENDING) | LG_TO(SETTLED)},
    [HEDGED] = {"hedged", LG_TO(ENDING) | LG_TO(SETTLED)},
    [ENDING] = {"ending", LG_TO(SETTLED)},
    [SETTLED] = {"settled", 0},
};

struct hedge { /* One per read; in the read's arena. */
    struct lg_hedge_layer *layer;
    struct lg_read *asked;
    struct lg_read copy[2]; /* The second one has keys of its own. */
    bool back[2];
    unsigned sent;
    bool overdue; /* ENDING for want of any answer. */
    uint64_t begun_us, after_us, silence_us;
    struct lg_timer patience;
    struct lg_sm sm;
};

static void step(struct hedge *h, bool patience_ended);

static uint64_t now_of(const struct hedge *h)
{
    return lg_lane_now_us(h->layer->base.lane);
}

/* --- The budget. -------------------------------------------------------------------------------
 */

#define HUNDREDTHS_MAX ((uint64_t)LG_HEDGES_BURST_MAX * 100)
#define US_PER_HUNDREDTH (LG_SEC / ((uint64_t)LG_HEDGES_PER_SEC * 100))

static void fill_budget(struct lg_hedge_layer *l, uint64_t hundredths)
{
    uint64_t by_time = (lg_lane_now_us(l->base.lane) - l->budget_us) / US_PER_HUNDREDTH;

    l->budget_us += by_time * US_PER_HUNDREDTH;
    l->budget_hundredths = LG_MIN(l->budget_hundredths + by_time + hundredths, HUNDREDTHS_MAX);
}

static bool take_budget(struct lg_hedge_layer *l)
{
    fill_budget(l, 0);
    if (l->budget_hundredths < 100)
        return false;
    l->budget_hundredths -= 100;
    return true;
}

/* --- What is known of the copies. --------------------------------------------------------------
 */

static bool is_pending(const struct hedge *h, unsigned i)
{
    return i < h->sent && !h->back[i];
}

static bool all_back(const struct hedge *h)
{
    return !is_pending(h, 0) && !is_pending(h, 1);
}

/* The copy that was answered; NULL: none so far. */
static struct lg_read *answer_of(struct hedge *h)
{
    for (unsigned i = 0; i < h->sent; i++)
        if (h->back[i] && h->copy[i].rc == LG_OK)
            return &h->copy[i];
    return NULL;
}

/* Has nobody had an answer of its host since the copy was sent, for so long that this says
 * something? */
static bool is_silent(const struct hedge *h, const struct lg_read *copy)
{
    return copy->host != NULL && lg_host_silent_since(copy->host, copy->sent_us) &&
           now_of(h) - copy->sent_us >= h->silence_us;
}

/* Would route find a healthy host that was not asked, for keys[0..count)? */
static bool has_another(const struct hedge *h, const struct lg_read *last,
                        struct lg_read_key **keys, size_t count)
{
    struct lg_read read = *last;
    const struct lg_host *host;

    read.keys = keys;
    read.key_count = count;
    host = lg_route_pick(h->layer->route, &read);
    return host != NULL && !lg_host_avoided(host, now_of(h));
}

static bool may_go_on(const struct hedge *h, const struct lg_read *last)
{
    return lg_read_is_wanted(h->asked) && last->tries > 0 && last->tries < h->layer->tries_max &&
           now_of(h) < h->asked->deadline_us;
}

static bool is_another_left(const struct hedge *h)
{
    const struct lg_read *last = &h->copy[h->sent - 1];

    return may_go_on(h, last) && has_another(h, last, last->keys, last->key_count);
}

/* Several partitions that no other host holds together: scatter splits them, when told that this
 * host does not answer. */
static bool would_split(const struct hedge *h)
{
    const struct lg_read *read = &h->copy[0];

    if (!may_go_on(h, read) ||
        read->keys[0]->partition == read->keys[read->key_count - 1]->partition)
        return false;
    for (size_t i = 0; i < read->key_count; i++)
        if ((i == 0 || read->keys[i]->partition != read->keys[i - 1]->partition) &&
            has_another(h, read, read->keys + i, 1))
            return true;
    return false;
}

/* --- The end. ----------------------------------------------------------------------------------
 */

static void take_keys(struct lg_read *to, const struct lg_read *from)
{
    for (size_t i = 0; i < to->key_count; i++) {
        to->keys[i]->rc = from->keys[i]->rc;
        to->keys[i]->schema_id = from->keys[i]->schema_id;
        to->keys[i]->value = from->keys[i]->value;
        to->keys[i]->compression = from->keys[i]->compression;
        to->keys[i]->version = from->keys[i]->version;
    }
}

/* What to say when no copy was answered: what a host said goes before that we took a copy back. */
static void fail_asked(struct hedge *h)
{
    const struct lg_read *said = &h->copy[0];
    struct lg_error err = {0};

    for (unsigned i = 0; i < h->sent; i++)
        if (h->copy[i].rc != LG_ERR_CANCELLED)
            said = &h->copy[i];
    err = said->err;
    h->asked->retry_after_ms = said->retry_after_ms;
    if (h->overdue && err.rc == LG_ERR_CANCELLED)
        (void)lg_error_set(&err, LG_ERR_TIMEOUT, "%s is silent", h->copy[h->sent - 1].host->name);
    lg_read_fail(h->asked, &err);
}

static void settle(struct hedge *h)
{
    struct lg_read *asked = h->asked, *answer = answer_of(h);
    const struct lg_read *last = &h->copy[h->sent - 1];

    lg_sm_move(&h->sm, SETTLED);
    lg_timer_stop(h->layer->base.lane, &h->patience);
    if (answer != NULL) {
        asked->rc = LG_OK;
        asked->retry_after_ms = 0;
        if (answer == &h->copy[1]) {
            take_keys(asked, answer);
            h->layer->counters->hedges_won++;
        }
    } else if (h->sent == 1 && !h->overdue) {
        asked->rc = h->copy[0].rc;
        asked->err = h->copy[0].err;
        asked->retry_after_ms = h->copy[0].retry_after_ms;
    } else {
        fail_asked(h);
    }
    asked->host = h->copy[0].host;
    asked->tries = last->tries;
    memcpy(asked->tried, last->tried, sizeof asked->tried);
    asked->done(asked);
}

/* What is decided waits for the copies that are taken back: they use the read's memory. */
static void end(struct hedge *h)
{
    lg_sm_move(&h->sm, ENDING);
    lg_timer_stop(h->layer->base.lane, &h->patience);
    for (unsigned i = 0; i < h->sent; i++)
        if (is_pending(h, i))
            lg_read_cancel(&h->copy[i]);
    if (all_back(h))
        settle(h);
}

/* --- The second copy. --------------------------------------------------------------------------
 */

static void second_back(struct lg_read *copy)
{
    struct hedge *h = LG_CONTAINER_OF(copy, struct hedge, copy[1]);

    h->back[1] = true;
    step(h, /* patience_ended= */ false);
}

/* False: there is no memory for it. */
static bool send_second(struct hedge *h)
{
    size_t n = h->asked->key_count;
    struct lg_read_key **pointers = lg_arena_alloc(h->asked->arena, n * sizeof *pointers);
    struct lg_read_key *keys = lg_arena_alloc(h->asked->arena, n * sizeof *keys);

    if (pointers == NULL || keys == NULL)
        return false;
    for (size_t i = 0; i < n; i++) {
        keys[i] = *h->asked->keys[i];
        pointers[i] = &keys[i];
    }
    h->copy[1] = h->copy[0];
    h->copy[1].keys = pointers;
    h->copy[1].host = NULL;
    h->copy[1].cancel = NULL;
    h->copy[1].done = second_back;
    h->sent = 2;
    h->layer->counters->hedges++;
    lg_sm_move(&h->sm, HEDGED);
    lg_layer_submit(h->layer->base.below, &h->copy[1]);
    return true;
}

static void patience_ended(struct lg_timer *timer)
{
    step(LG_CONTAINER_OF(timer, struct hedge, patience), /* patience_ended= */ true);
}

static void wait_more(struct hedge *h)
{
    uint64_t age_us = now_of(h) - h->begun_us;
    uint64_t wait_us = h->silence_us;

    if (h->sm.now == ALONE)
        wait_us = age_us < h->after_us     ? h->after_us - age_us
                  : age_us < h->silence_us ? h->silence_us - age_us
                                           : h->silence_us;
    lg_timer_start(h->layer->base.lane, &h->patience, wait_us, patience_ended);
}

/* --- The step. ---------------------------------------------------------------------------------
 */

static void step_alone(struct hedge *h)
{
    bool silent, another;

    if (h->back[0]) {
        settle(h);
        return;
    }
    silent = is_silent(h, &h->copy[0]);
    another = is_another_left(h);
    if (silent && !another && would_split(h)) {
        lg_host_went_silent(h->copy[0].host, now_of(h));
        h->overdue = true;
        end(h);
        return;
    }
    if (silent && another)
        lg_host_went_silent(h->copy[0].host, now_of(h));
    if (another && (silent || take_budget(h->layer)))
        (void)send_second(h); /* Else it stays alone. */
    wait_more(h);
}

/* Neither answered nor both back: is it time to leave the rest to retry and another replica? */
static bool is_overdue(const struct hedge *h, bool patience_is_over)
{
    const struct lg_read *second = &h->copy[1];

    if (!is_another_left(h))
        return false;
    if (h->back[1]) /* The first was given up on already. */
        return lg_rc_retry(second->rc) == LG_RETRY_ELSEWHERE;
    return patience_is_over && is_silent(h, second);
}

static void step_hedged(struct hedge *h, bool patience_is_over)
{
    struct lg_read *answer = answer_of(h);

    /* The second was quicker with the same question, though it was asked later. */
    if (answer == &h->copy[1] && is_pending(h, 0) &&
        lg_host_silent_since(h->copy[0].host, h->copy[0].sent_us))
        lg_host_went_silent(h->copy[0].host, now_of(h));
    for (unsigned i = 0; patience_is_over && i < 2; i++)
        if (is_pending(h, i) && is_silent(h, &h->copy[i]))
            lg_host_went_silent(h->copy[i].host, now_of(h));
    if (answer != NULL) {
        end(h);
    } else if (all_back(h)) {
        settle(h);
    } else if (is_overdue(h, patience_is_over)) {
        h->overdue = true;
        end(h);
    } else if (patience_is_over) {
        wait_more(h);
    }
}

static void step(struct hedge *h, bool patience_is_over)
{
    switch (h->sm.now) {
    case ALONE:
        step_alone(h);
        break;
    case HEDGED:
        step_hedged(h, patience_is_over);
        break;
    case ENDING:
        if (all_back(h))
            settle(h);
        break;
    default:
        assert(false && "a settled read has no copy under way");
    }
}

static void first_back(struct lg_read *copy)
{
    struct hedge *h = LG_CONTAINER_OF(copy, struct hedge, copy[0]);

    h->back[0] = true;
    step(h, /* patience_ended= */ false);
}

static void submit(struct lg_layer *layer, struct lg_read *read)
{
    struct lg_hedge_layer *l = LG_CONTAINER_OF(layer, struct lg_hedge_layer, base);
    struct hedge *h = lg_arena_zalloc(read->arena, sizeof *h);
    uint64_t now_us = lg_lane_now_us(layer->lane), left_us;

    if (h == NULL) {
        lg_read_fail_later(layer, read, LG_ERR_TOO_LARGE,
                           "the read needs more memory than allowed");
        return;
    }
    left_us = read->deadline_us > now_us ? read->deadline_us - now_us : 0;
    fill_budget(l, l->o.percent);
    h->layer = l;
    h->asked = read;
    h->begun_us = now_us;
    /* Whatever the deadline, there is time for another replica before it. */
    h->after_us = LG_MIN(l->o.after_us, left_us / 4);
    h->silence_us = LG_MAX(LG_MIN(l->o.silence_us, left_us / 2), LG_MS);
    h->copy[0] = *read;
    h->copy[0].done = first_back;
    h->sent = 1;
    lg_sm_start(&h->sm, states);
    lg_layer_submit(layer->below, &h->copy[0]);
    wait_more(h);
}

static const struct lg_layer_ops ops = {"hedge", submit};

void lg_hedge_layer_init(struct lg_hedge_layer *l, struct lg_lane *lane,
                         struct lg_route_layer *below, unsigned tries_max,
                         const struct lg_hedge_options *options, struct lg_fetch_counters *counters)
{
    *l = (struct lg_hedge_layer){.base = {&ops, &below->base, lane},
                                 .route = below,
                                 .o = *options,
                                 .tries_max = tries_max,
                                 .budget_hundredths = HUNDREDTHS_MAX,
                                 .budget_us = lg_lane_now_us(lane),
                                 .counters = counters};
    if (l->o.after_us == 0)
        l->o.after_us = LG_HEDGE_AFTER_US_DEFAULT;
    if (l->o.silence_us == 0)
        l->o.silence_us = LG_HEDGE_SILENCE_US_DEFAULT;
    if (l->o.percent == 0)
        l->o.percent = LG_HEDGE_PERCENT_DEFAULT;
}
