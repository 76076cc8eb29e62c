/* The gets of a tick; see the header.
 *
 * One task ends the tick for all: it is deferred by the first entry. A full group is answered at
 * once, inside the same tick, so that the number of keys that wait is bounded. */
#include "server/read_group.h"

#include "base/vec.h"
#include "server/metrics.h"
#include "server/server.h"

#define GROUP_MAX 64u /* keys that are looked up together */
#define KEPT_MAX 1024u
#define KEPT_KEY_BYTES 1024u              /* memory that an idle get may hold on to */
#define KEPT_BODY_BYTES ((size_t)1 << 20) /* ... and the group, of the answers to batches */
#define RESULTS 3u

struct tally { /* of a store, since the lane last rested */
    bool touched;
    int64_t requests; /* whose service ends with the tick; less than 0 until all are told of */
    uint32_t keys[LG_READ_TIERS];
    uint64_t bytes;
};

struct lg_read_group {
    struct lg_lane *lane;
    struct lg_epoch_reader *reader;
    struct lg_read_gate *gate;
    struct lg_cold_queue *cold;
    struct lg_task end;
    bool inside;                          /* ... the epoch, and the task is deferred. */
    const struct lg_serving_topic *topic; /* that was found last while inside, or NULL */
    bool over, answering;
    struct lg_read_get *asked[GROUP_MAX];
    size_t n;
    struct lg_read_get *spare[KEPT_MAX];
    size_t spare_count, waiting; /* for the pool */
    struct lg_read_scratch scratch;
    struct lg_value value; /* Memory for what the engine has. */
    struct tally *tallies; /* by store */
    uint32_t tally_room;
    LG_VEC(uint32_t) touched;
    bool resting; /* The lane will say when it rests. */
    uint64_t arrived_us;
    struct lg_task rest;
    uint32_t keys[LG_READ_KINDS * RESULTS], reads[LG_READ_KINDS * LG_READ_TIERS];
};

struct waits { /* A get whose key is on disk. */
    struct lg_point_get get;
    struct lg_read_get *asked;
};

static void group_free(struct lg_read_group *g)
{
    for (size_t i = 0; i < g->spare_count; i++) {
        lg_buf_done(&g->spare[i]->key);
        lg_free(g->spare[i]);
    }
    lg_free(g->scratch.gets);
    lg_free(g->scratch.indexes);
    lg_buf_done(&g->scratch.body);
    lg_buf_done(&g->value.payload);
    lg_free(g->tallies);
    LG_VEC_DONE(&g->touched);
    lg_cold_queue_unref(g->cold);
    lg_free(g);
}

/* --- What is told of stores ------------------------------------------------------------------- */

static void make_room(struct lg_read_group *g, uint32_t store)
{
    uint32_t room = LG_MAX(store + 1, g->tally_room * 2);
    struct tally *more = lg_new_array(struct tally, room);

    if (g->tally_room > 0)
        memcpy(more, g->tallies, g->tally_room * sizeof *more);
    lg_free(g->tallies);
    g->tallies = more;
    g->tally_room = room;
}

/* Stores have few, small numbers (base/metric.h), so each finds its own at once. */
static struct tally *tally_of(struct lg_read_group *g, uint32_t store)
{
    struct tally *t;

    if (LG_UNLIKELY(store >= g->tally_room))
        make_room(g, store);
    t = &g->tallies[store];
    if (LG_UNLIKELY(!t->touched)) {
        t->touched = true;
        LG_VEC_PUSH(&g->touched, store);
    }
    return t;
}

static void tell_service(uint32_t store, uint64_t us, uint64_t requests)
{
    struct lg_histogram *h =
        lg_metric_histogram(&lg_metric_server_service_seconds,
                            lg_metric_of_store(&lg_metric_server_service_seconds, store, 0));

    if (h != NULL)
        lg_histogram_add_n(h, us * 1000, requests);
}

static void tell_tally(uint32_t store, struct tally *t, uint64_t us)
{
    if (t->requests > 0)
        tell_service(store, us, (uint64_t)t->requests);
    for (uint32_t from = 0; from < LG_READ_TIERS; from++)
        if (t->keys[from] > 0)
            lg_metric_add(&lg_metric_server_store_reads_total,
                          lg_metric_of_store(&lg_metric_server_store_reads_total, store, from),
                          t->keys[from]);
    if (t->bytes > 0)
        lg_metric_add(&lg_metric_server_value_bytes_total,
                      lg_metric_of_store(&lg_metric_server_value_bytes_total, store, 0), t->bytes);
    *t = (struct tally){0};
}

static void tell_tallies(struct lg_read_group *g, uint64_t at_us)
{
    for (size_t i = 0; i < g->touched.size; i++)
        tell_tally(g->touched.data[i], &g->tallies[g->touched.data[i]], at_us - g->arrived_us);
    g->touched.size = 0;
    g->resting = false;
}

static void lane_rests(struct lg_task *task)
{
    struct lg_read_group *g = LG_CONTAINER_OF(task, struct lg_read_group, rest);

    tell_tallies(g, lg_lane_rested_us(g->lane));
}

static void await_rest(struct lg_read_group *g, uint64_t arrived_us)
{
    if (g->resting)
        return;
    g->resting = true;
    g->arrived_us = arrived_us;
    g->rest.run = lane_rests;
    lg_lane_at_rest(g->lane, &g->rest);
}

static void were_let_in(void *ctx, uint32_t store, uint32_t requests)
{
    tally_of(ctx, store)->requests += requests;
}

uint32_t lg_read_group_store(const struct lg_read_group *g)
{
    return lg_read_gate_store(g->gate);
}

uint64_t lg_read_group_away(struct lg_read_group *g, uint32_t store)
{
    tally_of(g, store)->requests--;
    return g->arrived_us;
}

void lg_read_group_back(struct lg_read_group *g, uint32_t store, uint64_t arrived_us)
{
    tell_service(store, lg_lane_now_us(g->lane) - arrived_us, 1);
}

void lg_read_group_count_store(struct lg_read_group *g, uint32_t store, enum lg_read_from from,
                               uint32_t keys, uint64_t bytes)
{
    struct tally *t = tally_of(g, store);

    t->keys[from] += keys;
    t->bytes += bytes;
    if (LG_LIKELY(g->resting))
        return;
    if (g->over) /* What was read came back from the disk, and to an end. */
        tell_tallies(g, g->arrived_us);
    else
        await_rest(g, lg_lane_now_us(g->lane));
}

void lg_read_group_count_batch(struct lg_read_group *g, uint32_t store,
                               const struct lg_batch_get *get, size_t keys, uint64_t bytes)
{
    size_t memory = get->n - get->cold; /* The pool had the others. */

    assert(keys >= memory);
    lg_read_group_count_store(g, store, LG_READ_MEMORY, (uint32_t)memory, bytes);
    if (keys > memory)
        lg_read_group_count_store(g, store, LG_READ_DISK, (uint32_t)(keys - memory),
                                  /* bytes= */ 0);
}

struct lg_read_get *lg_read_group_get(struct lg_read_group *g)
{
    struct lg_read_get *get;

    if (LG_LIKELY(g->spare_count > 0))
        return g->spare[--g->spare_count];
    get = lg_new(struct lg_read_get);
    get->group = g;
    get->key = lg_buf_with_ceiling(LG_SERVER_KEY_BYTES_MAX);
    return get;
}

void lg_read_group_drop(struct lg_read_get *get)
{
    struct lg_read_group *g = get->group;

    if (g->over || g->spare_count == KEPT_MAX) {
        lg_buf_done(&get->key);
        lg_free(get);
        return;
    }
    if (LG_UNLIKELY(get->key.capacity > KEPT_KEY_BYTES)) {
        lg_buf_done(&get->key);
        get->key = lg_buf_with_ceiling(LG_SERVER_KEY_BYTES_MAX);
    }
    get->key.size = 0;
    get->waits = NULL;
    g->spare[g->spare_count++] = get;
}

static void answer(struct lg_read_get *get)
{
    get->done(get);
    lg_read_group_drop(get);
}

static void finish(struct lg_read_get *get)
{
    lg_read_group_count_key(get->group, LG_READ_SINGLE, get->rc);
    answer(get);
}

static void finish_engine(struct lg_read_get *get, enum lg_read_from from)
{
    lg_read_group_count_store(get->group, get->store, from, 1,
                              get->rc == LG_OK ? get->payload.size : 0);
    finish(get);
}

static void tell_counts(struct lg_read_group *g)
{
    for (uint32_t i = 0; i < LG_ARRAY_SIZE(g->keys); i++)
        if (g->keys[i] > 0)
            lg_metric_add(&lg_metric_server_keys_total, i, g->keys[i]);
    for (uint32_t i = 0; i < LG_ARRAY_SIZE(g->reads); i++)
        if (g->reads[i] > 0)
            lg_metric_add(&lg_metric_server_reads_total, i, g->reads[i]);
    memset(g->keys, 0, sizeof g->keys);
    memset(g->reads, 0, sizeof g->reads);
}

struct lg_lane *lg_read_group_lane(const struct lg_read_group *g)
{
    return g->lane;
}

struct lg_read_gate *lg_read_group_gate(const struct lg_read_group *g)
{
    return g->gate;
}

struct lg_cold_queue *lg_read_group_cold(const struct lg_read_group *g)
{
    return g->cold;
}

void lg_read_group_hold(struct lg_read_group *g)
{
    g->waiting++;
}

void lg_read_group_release(struct lg_read_group *g)
{
    g->waiting--;
    if (!g->inside)
        tell_counts(g);
    if (g->over && g->waiting == 0)
        group_free(g);
}

/* --- What no index knows --------------------------------------------------------------------- */

static void came_from_disk(struct lg_point_get *point)
{
    struct waits *w = LG_CONTAINER_OF(point, struct waits, get);
    struct lg_read_get *get = w->asked;
    struct lg_read_group *g = get->group;
    uint32_t store = get->store;
    uint64_t arrived_us = get->arrived_us;

    get->rc = point->rc;
    get->err = &point->err;
    get->schema_id = point->value.schema_id;
    get->payload = lg_buf_slice(&point->value.payload);
    if (lg_read_gate_was_read(&point->wait, store, /* is_heard= */ true)) {
        finish_engine(get, LG_READ_DISK);
        lg_read_group_back(g, store, arrived_us);
    } else {
        answer(get);
    }
    lg_buf_done(&point->value.payload);
    lg_free(w);
    lg_read_group_release(g);
}

static void read_disk(struct lg_read_get *get)
{
    struct waits *w = lg_new(struct waits);

    lg_read_group_hold(get->group);
    get->arrived_us = lg_read_group_away(get->group, get->store);
    w->asked = get;
    w->get = (struct lg_point_get){.lane = get->group->lane,
                                   .replica = get->replica,
                                   .key = lg_buf_slice(&get->key),
                                   .queue = get->group->cold,
                                   .done = came_from_disk};
    lg_point_get_submit(&w->get);
    if (get->waits != NULL)
        get->waits(get);
}

static void read_engine(struct lg_read_get *get)
{
    struct lg_read_group *g = get->group;
    struct lg_error err = {0};

    lg_buf_clear(&g->value.payload);
    get->rc = lg_point_get_try(get->replica, lg_buf_slice(&get->key), &g->value, &err);
    lg_read_group_count_read(g, LG_READ_SINGLE,
                             get->rc == LG_ERR_WOULD_BLOCK ? LG_READ_DISK : LG_READ_MEMORY);
    if (get->rc == LG_ERR_WOULD_BLOCK) {
        read_disk(get);
        return;
    }
    get->err = &err;
    get->schema_id = g->value.schema_id;
    get->payload = lg_buf_slice(&g->value.payload);
    finish_engine(get, LG_READ_MEMORY);
}

/* --- The group ------------------------------------------------------------------------------- */

/* What indexes answered, one after the other of one store, as gets of a group mostly are. */
struct streak {
    uint32_t store, keys;
    uint64_t bytes;
};

static void count_streak(struct lg_read_group *g, struct streak *s, uint32_t next)
{
    if (s->keys > 0)
        lg_read_group_count_store(g, s->store, LG_READ_INDEX, s->keys, s->bytes);
    *s = (struct streak){.store = next};
}

static void answer_group(struct lg_read_group *g)
{
    struct lg_hot_get hot[GROUP_MAX];
    struct streak streak = {.store = g->asked[0]->store};
    size_t n = g->n;

    for (size_t i = 0; i < n; i++) {
        hot[i].replica = g->asked[i]->replica;
        hot[i].key = lg_buf_slice(&g->asked[i]->key);
    }
    lg_hot_get(hot, n);
    g->n = 0;
    g->answering = true;
    for (size_t i = 0; i < n; i++) {
        struct lg_read_get *get = g->asked[i];

        if (LG_UNLIKELY(hot[i].rc != LG_OK && hot[i].rc != LG_ERR_NOT_FOUND)) {
            read_engine(get);
            continue;
        }
        lg_read_group_count_read(g, LG_READ_SINGLE, LG_READ_INDEX);
        get->rc = hot[i].rc;
        get->schema_id = hot[i].schema_id;
        get->payload = hot[i].rc == LG_OK ? hot[i].payload : LG_SLICE_NULL;
        if (LG_UNLIKELY(get->store != streak.store))
            count_streak(g, &streak, get->store);
        streak.keys++;
        streak.bytes += get->payload.size;
        finish(get);
    }
    count_streak(g, &streak, 0);
    g->answering = false;
}

static void tick_ends(struct lg_task *task)
{
    struct lg_read_group *g = LG_CONTAINER_OF(task, struct lg_read_group, end);

    if (g->n > 0)
        answer_group(g);
    tell_counts(g);
    if (LG_UNLIKELY(g->scratch.body.capacity > KEPT_BODY_BYTES))
        lg_buf_done(&g->scratch.body);
    lg_read_gate_rest(g->gate);
    g->topic = NULL;
    lg_epoch_leave(g->reader);
    g->inside = false;
}

void lg_read_group_enter(struct lg_read_group *g)
{
    if (g->inside)
        return;
    g->inside = true;
    lg_epoch_enter(g->reader);
    lg_read_gate_tick(g->gate);
    g->end.run = tick_ends;
    lg_lane_defer(g->lane, &g->end);
    await_rest(g, lg_read_gate_arrived_us(g->gate));
}

const struct lg_serving_topic *lg_read_group_topic(struct lg_read_group *g,
                                                   const struct lg_serving *serving,
                                                   struct lg_slice topic)
{
    assert(g->inside);
    g->topic = lg_serving_topic_again(serving, g->topic, topic);
    return g->topic;
}

void lg_read_group_add(struct lg_read_get *get)
{
    struct lg_read_group *g = get->group;

    assert(g->inside && !g->over && !g->answering);
    get->compression = get->replica->compression;
    get->store = lg_read_gate_store(g->gate);
    g->asked[g->n++] = get;
    if (g->n == GROUP_MAX)
        answer_group(g);
}

struct lg_read_scratch *lg_read_group_scratch(struct lg_read_group *g, size_t keys)
{
    struct lg_read_scratch *s = &g->scratch;

    assert(keys <= LG_SERVER_BATCH_KEYS_MAX);
    lg_buf_clear(&s->body);
    if (keys <= s->room)
        return s;
    s->room = LG_MIN(LG_MAX(keys, s->room * 2), (size_t)LG_SERVER_BATCH_KEYS_MAX);
    lg_free(s->gets);
    lg_free(s->indexes);
    s->gets = lg_new_array(struct lg_hot_get, s->room);
    s->indexes = lg_new_array(int32_t, s->room);
    return s;
}

void lg_read_group_count_key(struct lg_read_group *g, enum lg_read_kind kind, enum lg_rc rc)
{
    g->keys[kind * RESULTS + (rc == LG_OK ? 0U : rc == LG_ERR_NOT_FOUND ? 1U : 2U)]++;
}

void lg_read_group_count_read(struct lg_read_group *g, enum lg_read_kind kind,
                              enum lg_read_from from)
{
    g->reads[kind * LG_READ_TIERS + from]++;
}

struct lg_read_group *lg_read_group_new(struct lg_lane *lane, struct lg_epoch_reader *reader,
                                        struct lg_read_gate *take_gate, struct lg_cold_queue *cold)
{
    struct lg_read_group *g = lg_new(struct lg_read_group);

    g->lane = lane;
    g->reader = reader;
    g->gate = take_gate;
    g->cold = lg_cold_queue_ref(cold);
    lg_read_gate_watch(take_gate, were_let_in, g);
    return g;
}

void lg_read_group_free(struct lg_read_group *g)
{
    if (g == NULL)
        return;
    assert(g->n == 0 && !g->inside);
    g->over = true;
    if (g->resting) { /* The lane need not come to rest any more. */
        lg_lane_at_rest(g->lane, NULL);
        tell_tallies(g, lg_lane_now_us(g->lane));
    }
    lg_read_gate_close(LG_TAKE(g->gate));
    if (g->waiting == 0)
        group_free(g);
}
