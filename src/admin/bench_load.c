#include "admin/bench_load.h"

#include "base/rand.h"

#define SWEEP_US (100 * LG_MS)  /* how often what takes too long is looked for */
#define REOPEN_US (100 * LG_MS) /* before a lost connection is opened anew */
#define NONE UINT32_MAX

struct waiting {
    uint64_t intended_ns;
    uint32_t key;
};

struct target {            /* This generator's part of it. */
    struct waiting *queue; /* a ring of LG_BENCH_QUEUE_MAX */
    uint32_t first, waiting;
    struct lg_bench_link **links;
    uint32_t link_count, next_link, open;
};

struct link_state { /* Beside a link: what the load knows of it. */
    struct lg_bench_load *load;
    struct lg_bench_link *link;
    struct target *target;
    uint32_t *free_slots;
    uint32_t free_count;
    struct lg_timer reopen;
    bool is_open, reported, dirty;
};

enum phase { NEW, CONNECTING, SENDING, ENDING, OVER };

struct lg_bench_load {
    struct lg_bench_load_options o;
    enum phase phase;
    struct target *targets;
    struct link_state *states;
    uint32_t state_count, reported;
    struct lg_schedule schedule;
    struct lg_rand rand;
    uint64_t measure_ns, end_ns; /* on the clock */
    uint64_t began_ns, ended_ns; /* told to others */
    uint64_t grace_ns;           /* when nothing is waited for any more */
    uint64_t under_way;          /* requests in slots and queues */
    uint32_t next_target;
    struct lg_timer sweep;
    struct lg_task over;
    struct lg_bench_seen seen;
};

static uint64_t now_ns(struct lg_bench_load *l)
{
    return l->o.clock->now_ns(l->o.clock);
}

static struct link_state *state_of(struct lg_bench_link *k)
{
    return &k->load->states[k->index];
}

/* --- What comes of requests. -------------------------------------------------------------------
 */

static bool counts(const struct lg_bench_load *l, uint64_t intended_ns)
{
    return intended_ns >= l->measure_ns;
}

static void failed(struct lg_bench_load *l, uint64_t intended_ns, enum lg_bench_error error,
                   struct lg_slice text)
{
    char *example = l->seen.example[error];

    if (!counts(l, intended_ns))
        return;
    lg_bench_count(&l->seen.errors[error], 1);
    if (example[0] == 0 && text.size > 0) {
        size_t n = LG_MIN(text.size, (size_t)LG_BENCH_EXAMPLE_BYTES - 1);

        memcpy(example, text.data, n);
        example[n] = 0;
    }
}

static void check_over(struct lg_bench_load *l);

void lg_bench_settled(struct lg_bench_link *k, uint32_t slot, const struct lg_bench_outcome *what)
{
    struct lg_bench_load *l = k->load;
    struct link_state *s = state_of(k);
    struct lg_bench_request *rq = &k->slots[slot];

    assert(rq->is_used);
    rq->is_used = false;
    s->free_slots[s->free_count++] = slot;
    k->used--;
    l->under_way--;
    if (what->error != LG_BENCH_ERRORS) {
        failed(l, rq->intended_ns, what->error, what->text);
    } else if (counts(l, rq->intended_ns)) {
        lg_schedule_answered(&l->seen.times, rq->intended_ns, now_ns(l));
        lg_bench_count(&l->seen.answered, 1);
        lg_bench_count(&l->seen.keys_found, what->found);
        lg_bench_count(&l->seen.keys_missing, what->missing);
        lg_bench_count(&l->seen.value_bytes, what->value_bytes);
    }
    check_over(l);
}

enum lg_bench_error lg_bench_error_of_http(int status)
{
    switch (status) {
    case 200:
        return LG_BENCH_ERRORS;
    case 429:
        return LG_BENCH_QUOTA;
    case 529:
        return LG_BENCH_OVERLOADED;
    case 503:
        return LG_BENCH_UNREADY;
    case 401:
    case 403:
        return LG_BENCH_REFUSED;
    case 504:
        return LG_BENCH_TIMEOUT;
    default:
        return status >= 400 && status < 500 ? LG_BENCH_INVALID
               : status >= 500               ? LG_BENCH_FAILED
                                             : LG_BENCH_BAD_ANSWER;
    }
}

enum lg_bench_error lg_bench_error_of_grpc(enum lg_grpc_status status)
{
    switch (status) {
    case LG_GRPC_OK:
        return LG_BENCH_ERRORS;
    case LG_GRPC_RESOURCE_EXHAUSTED:
        return LG_BENCH_QUOTA;
    case LG_GRPC_UNAVAILABLE:
        return LG_BENCH_UNREADY;
    case LG_GRPC_PERMISSION_DENIED:
    case LG_GRPC_UNAUTHENTICATED:
        return LG_BENCH_REFUSED;
    case LG_GRPC_INVALID_ARGUMENT:
    case LG_GRPC_NOT_FOUND:
    case LG_GRPC_UNIMPLEMENTED:
        return LG_BENCH_INVALID;
    case LG_GRPC_DEADLINE_EXCEEDED:
        return LG_BENCH_TIMEOUT;
    default:
        return LG_BENCH_FAILED;
    }
}

/* --- Sending. ----------------------------------------------------------------------------------
 */

static void fill(struct lg_bench_load *l, struct lg_bench_link *k, uint32_t slot,
                 const struct waiting *w)
{
    struct lg_bench_request *rq = &k->slots[slot];
    const struct lg_bench_plan *p = l->o.plan;

    assert(!rq->is_used);
    rq->is_used = true;
    rq->intended_ns = w->intended_ns;
    rq->sent_ns = now_ns(l);
    rq->keys[0] = w->key;
    rq->count = p->kind == LG_BENCH_GET ? 1 : p->batch;
    for (uint32_t i = 1; i < rq->count; i++)
        rq->keys[i] = k->target->keys.data[lg_rand_below(&l->rand, k->target->keys.size)];
}

/* The next connection with room, in turns. */
static struct lg_bench_link *find_room(struct lg_bench_load *l, struct target *t)
{
    for (uint32_t i = 0; i < t->link_count; i++) {
        struct lg_bench_link *k = t->links[t->next_link];

        t->next_link = t->next_link + 1 == t->link_count ? 0 : t->next_link + 1;
        if (l->states[k->index].is_open && k->used < k->slot_count && k->ops->room(k) > 0)
            return k;
    }
    return NULL;
}

static void pump(struct lg_bench_load *l, struct target *t)
{
    bool any = false;

    while (t->waiting > 0) {
        struct lg_bench_link *k = find_room(l, t);
        struct link_state *s;
        uint32_t slot;

        if (k == NULL)
            break;
        s = state_of(k);
        slot = s->free_slots[--s->free_count];
        fill(l, k, slot, &t->queue[t->first]);
        t->first = (t->first + 1) % LG_BENCH_QUEUE_MAX;
        t->waiting--;
        k->used++;
        s->dirty = any = true;
        k->ops->send(k, slot);
    }
    for (uint32_t i = 0; any && i < t->link_count; i++) {
        struct link_state *s = state_of(t->links[i]);

        if (s->dirty && s->is_open)
            t->links[i]->ops->flush(t->links[i]);
        s->dirty = false;
    }
}

static void fail_queue(struct lg_bench_load *l, struct target *t, enum lg_bench_error error,
                       struct lg_slice text)
{
    for (; t->waiting > 0; t->waiting--, l->under_way--) {
        failed(l, t->queue[t->first].intended_ns, error, text);
        t->first = (t->first + 1) % LG_BENCH_QUEUE_MAX;
    }
}

/* One of the targets that have the key. */
static struct target *pick(struct lg_bench_load *l, uint32_t key)
{
    const struct lg_bench_plan *p = l->o.plan;
    const uint32_t *places;
    uint32_t n = 0;

    if (p->places_each == 0) {
        l->next_target = (l->next_target + 1) % (uint32_t)p->targets.size;
        return &l->targets[l->next_target];
    }
    places = &p->places.data[p->keys.data[key].partition * p->places_each];
    while (n < p->places_each && places[n] != NONE)
        n++;
    return &l->targets[places[n == 1 ? 0 : lg_rand_below(&l->rand, n)]];
}

static void enqueue(struct lg_bench_load *l, uint64_t intended_ns)
{
    uint32_t key = (uint32_t)lg_rand_below(&l->rand, l->o.plan->keys.size);
    struct target *t = pick(l, key);

    if (t->open == 0) {
        failed(l, intended_ns, LG_BENCH_CONNECT, LG_SLICE_NULL);
    } else if (t->waiting == LG_BENCH_QUEUE_MAX) {
        failed(l, intended_ns, LG_BENCH_NOT_SENT, LG_SLICE_NULL);
    } else {
        t->queue[(t->first + t->waiting++) % LG_BENCH_QUEUE_MAX] =
            (struct waiting){intended_ns, key};
        l->under_way++;
    }
}

static void begin_to_end(struct lg_bench_load *l, uint64_t at_ns)
{
    l->phase = ENDING;
    l->grace_ns = at_ns + l->o.plan->timeout_ms * 1000000;
    if (l->began_ns == 0)
        lg_word_store(&l->began_ns, at_ns);
    lg_word_store(&l->ended_ns, at_ns);
    check_over(l);
}

void lg_bench_load_rang(struct lg_bench_load *l)
{
    uint64_t now = now_ns(l), intended;

    if (l->phase != SENDING)
        return;
    while (l->schedule.next_ns < l->end_ns && lg_schedule_take(&l->schedule, now, &intended)) {
        if (counts(l, intended)) {
            if (l->began_ns == 0)
                lg_word_store(&l->began_ns, l->measure_ns);
            lg_bench_count(&l->seen.intended, 1);
            lg_schedule_sent(&l->seen.times, intended, now);
        }
        enqueue(l, intended);
    }
    for (size_t i = 0; i < l->o.plan->targets.size; i++)
        pump(l, &l->targets[i]);
    if (l->schedule.next_ns >= l->end_ns && now >= l->end_ns)
        begin_to_end(l, l->end_ns);
    else
        l->o.clock->ring_at(l->o.clock, LG_MIN(l->schedule.next_ns, l->end_ns));
}

/* --- The end. ----------------------------------------------------------------------------------
 */

static void is_over(struct lg_task *task)
{
    struct lg_bench_load *l = LG_CONTAINER_OF(task, struct lg_bench_load, over);

    l->o.over(l->o.ctx);
}

static void check_over(struct lg_bench_load *l)
{
    if (l->phase != ENDING || l->under_way > 0)
        return;
    l->phase = OVER;
    lg_timer_stop(l->o.lane, &l->sweep);
    l->over.run = is_over;
    lg_lane_post(l->o.lane, &l->over);
}

static void give_up(struct lg_bench_link *k, uint32_t slot, enum lg_bench_error error)
{
    k->ops->drop(k, slot);
    lg_bench_settled(k, slot, &(struct lg_bench_outcome){.error = error});
}

static void give_up_all(struct lg_bench_load *l)
{
    for (size_t i = 0; i < l->o.plan->targets.size; i++)
        fail_queue(l, &l->targets[i], LG_BENCH_UNANSWERED, LG_SLICE_NULL);
    for (uint32_t i = 0; i < l->state_count; i++)
        for (uint32_t slot = 0; slot < l->states[i].link->slot_count; slot++)
            if (l->states[i].link->slots[slot].is_used)
                give_up(l->states[i].link, slot, LG_BENCH_UNANSWERED);
    check_over(l);
}

/* What takes longer than --timeout is given up. */
static void sweep(struct lg_timer *timer)
{
    struct lg_bench_load *l = LG_CONTAINER_OF(timer, struct lg_bench_load, sweep);
    uint64_t now = now_ns(l), patience = l->o.plan->timeout_ms * 1000000;

    lg_timer_start(l->o.lane, &l->sweep, SWEEP_US, sweep);
    if (l->phase == ENDING && now >= l->grace_ns) {
        give_up_all(l);
        return;
    }
    for (uint32_t i = 0; i < l->state_count; i++) {
        struct lg_bench_link *k = l->states[i].link;

        for (uint32_t slot = 0; k->used > 0 && slot < k->slot_count; slot++)
            if (k->slots[slot].is_used && k->slots[slot].intended_ns + patience < now)
                give_up(k, slot, LG_BENCH_TIMEOUT);
    }
    for (size_t i = 0; i < l->o.plan->targets.size; i++) {
        struct target *t = &l->targets[i];

        for (; t->waiting > 0 && t->queue[t->first].intended_ns + patience < now; t->waiting--) {
            failed(l, t->queue[t->first].intended_ns, LG_BENCH_TIMEOUT, LG_SLICE_NULL);
            t->first = (t->first + 1) % LG_BENCH_QUEUE_MAX;
            l->under_way--;
        }
        pump(l, t);
    }
    check_over(l);
}

void lg_bench_load_end(struct lg_bench_load *l)
{
    uint64_t now = now_ns(l);

    if (l->phase == CONNECTING || l->phase == NEW)
        l->measure_ns = now;
    if (l->phase == ENDING)
        give_up_all(l);
    else if (l->phase != OVER)
        begin_to_end(l, now);
}

/* --- Connections. ------------------------------------------------------------------------------
 */

static void begin_to_send(struct lg_bench_load *l)
{
    const struct lg_bench_plan *p = l->o.plan;
    uint64_t now = now_ns(l);

    if (l->phase != CONNECTING)
        return;
    l->phase = SENDING;
    l->measure_ns = now + p->warm_up_ms * 1000000;
    l->end_ns = l->measure_ns + p->duration_ms * 1000000;
    lg_schedule_init(&l->schedule, p->arrivals, p->rate / p->threads, p->seed * 2 + 1 + l->o.index,
                     now);
    lg_bench_load_rang(l);
}

static void reported(struct link_state *s)
{
    struct lg_bench_load *l = s->load;

    if (s->reported)
        return;
    s->reported = true;
    if (++l->reported == l->state_count)
        begin_to_send(l);
}

void lg_bench_link_is_open(struct lg_bench_link *k)
{
    struct link_state *s = state_of(k);

    assert(!s->is_open);
    s->is_open = true;
    s->target->open++;
    reported(s);
    pump(k->load, s->target);
}

static void reopen(struct lg_timer *timer)
{
    struct link_state *s = LG_CONTAINER_OF(timer, struct link_state, reopen);

    if (s->load->phase < ENDING)
        s->link->ops->open(s->link);
}

void lg_bench_link_is_lost(struct lg_bench_link *k, struct lg_slice why)
{
    struct link_state *s = state_of(k);

    if (s->is_open)
        s->target->open--;
    s->is_open = false;
    if (s->target->open == 0)
        fail_queue(k->load, s->target, LG_BENCH_CONNECT, why);
    if (k->load->seen.example[LG_BENCH_CONNECT][0] == 0 && why.size > 0)
        memcpy(k->load->seen.example[LG_BENCH_CONNECT], why.data,
               LG_MIN(why.size, (size_t)LG_BENCH_EXAMPLE_BYTES - 1));
    if (k->load->phase < ENDING)
        lg_timer_start(k->load->o.lane, &s->reopen, REOPEN_US, reopen);
    reported(s);
    check_over(k->load);
}

void lg_bench_link_has_room(struct lg_bench_link *k)
{
    pump(k->load, state_of(k)->target);
}

/* --- Life. -------------------------------------------------------------------------------------
 */

static void add_link(struct lg_bench_load *l, size_t target, uint32_t index)
{
    const struct lg_bench_plan *p = l->o.plan;
    struct lg_bench_link *k = p->protocol == LG_BENCH_GRPC ? lg_bench_link_grpc_new(&l->o)
                                                           : lg_bench_link_rest_new(&l->o);
    struct link_state *s = &l->states[index];
    uint32_t keys = p->kind == LG_BENCH_GET ? 1 : p->batch;

    k->load = l;
    k->plan = p;
    k->target = &p->targets.data[target];
    k->index = index;
    k->slot_count = p->protocol == LG_BENCH_GRPC ? p->in_flight : 1;
    k->slots = lg_new_array(struct lg_bench_request, k->slot_count);
    s->load = l;
    s->link = k;
    s->target = &l->targets[target];
    s->free_slots = lg_new_array(uint32_t, k->slot_count);
    for (uint32_t i = 0; i < k->slot_count; i++) {
        k->slots[i].keys = lg_new_array(uint32_t, keys);
        s->free_slots[s->free_count++] = k->slot_count - 1 - i;
    }
}

struct lg_bench_load *lg_bench_load_new(const struct lg_bench_load_options *o)
{
    const struct lg_bench_plan *p = o->plan;
    struct lg_bench_load *l = lg_new(struct lg_bench_load);
    uint32_t links = p->connections / p->threads + (o->index < p->connections % p->threads), at = 0;

    l->o = *o;
    lg_rand_seed(&l->rand, p->seed * 1000003 + o->index);
    l->measure_ns = UINT64_MAX;
    l->targets = lg_new_array(struct target, p->targets.size);
    l->state_count = links * (uint32_t)p->targets.size;
    l->states = lg_new_array(struct link_state, l->state_count);
    for (size_t i = 0; i < p->targets.size; i++) {
        struct target *t = &l->targets[i];

        t->queue = lg_new_array(struct waiting, LG_BENCH_QUEUE_MAX);
        t->links = lg_new_array(struct lg_bench_link *, links);
        for (t->link_count = 0; t->link_count < links; t->link_count++, at++) {
            add_link(l, i, at);
            t->links[t->link_count] = l->states[at].link;
        }
    }
    return l;
}

void lg_bench_load_start(struct lg_bench_load *l)
{
    assert(l->phase == NEW);
    l->phase = CONNECTING;
    lg_timer_start(l->o.lane, &l->sweep, SWEEP_US, sweep);
    for (uint32_t i = 0; i < l->state_count; i++)
        l->states[i].link->ops->open(l->states[i].link);
}

void lg_bench_load_free(struct lg_bench_load *l)
{
    if (l == NULL)
        return;
    l->phase = OVER;
    lg_timer_stop(l->o.lane, &l->sweep);
    for (uint32_t i = 0; i < l->state_count; i++) {
        struct lg_bench_link *k = l->states[i].link;

        lg_timer_stop(l->o.lane, &l->states[i].reopen);
        for (uint32_t slot = 0; slot < k->slot_count; slot++)
            lg_free(k->slots[slot].keys);
        lg_free(k->slots);
        k->slots = NULL;
        k->slot_count = k->used = 0;
        k->ops->free(k);
        lg_free(l->states[i].free_slots);
    }
    for (size_t i = 0; i < l->o.plan->targets.size; i++) {
        lg_free(l->targets[i].queue);
        lg_free(l->targets[i].links);
    }
    lg_free(l->targets);
    lg_free(l->states);
    lg_free(l);
}

const struct lg_bench_seen *lg_bench_load_seen(const struct lg_bench_load *l)
{
    return &l->seen;
}

void lg_bench_load_times(const struct lg_bench_load *l, uint64_t *out_began_ns,
                         uint64_t *out_ended_ns)
{
    *out_ended_ns = lg_word_load(&l->ended_ns);
    *out_began_ns = lg_word_load(&l->began_ns);
}
