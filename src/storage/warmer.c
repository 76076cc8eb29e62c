/* Read indexes in the background; see the header. Owner: its lane; fills run on the pool. */
#include "storage/warmer.h"

#include "base/log.h"
#include "lane/mutant.h"
#include "lane/shared.h"
#include "lane/sm.h"
#include "record/chunk.h"
#include "storage/metrics.h"
#include "storage/partition.h"
#include "storage/read_index.h"

#define RECLAIM_US (50 * LG_MS)
#define FILLS_MAX 2u /* at a time: the pool's other threads read for those who wait */

enum { OFF, WAITING, FILLING, COMPLETE, NO_ROOM, FAILED, KEPT, STATES };

static const struct lg_sm_state states[STATES] = {
    [OFF] = {"off", LG_TO(WAITING)},
    [WAITING] = {"waiting", LG_TO(OFF) | LG_TO(FILLING) | LG_TO(NO_ROOM)},
    [FILLING] = {"filling",
                 LG_TO(OFF) | LG_TO(WAITING) | LG_TO(COMPLETE) | LG_TO(NO_ROOM) | LG_TO(FAILED)},
    [COMPLETE] = {"complete", LG_TO(OFF) | LG_TO(WAITING) | LG_TO(KEPT)},
    [NO_ROOM] = {"no room", LG_TO(OFF) | LG_TO(WAITING)},
    [FAILED] = {"failed", LG_TO(OFF)},
    [KEPT] = {"kept", LG_TO(OFF) | LG_TO(COMPLETE)},
};

struct fill {
    struct lg_warmer *w;
    struct lg_replica *r; /* NULL: none is under way. */
    bool in_company;      /* Another one was under way beside it, and took memory. */
    struct lg_offload offload;
    struct lg_flag stop; /* It is not wanted any more. */
    struct lg_read_index *index;
    uint64_t rows;
    enum lg_rc rc;
    struct lg_error err;
};

struct lg_warmer {
    struct lg_lane *lane;
    struct lg_epoch *epoch;
    struct lg_bound budget;
    uint64_t seed;
    struct lg_list replicas; /* by warm.link */
    struct lg_timer reclaim;
    bool freed; /* Memory goes back: who had no room may try again. */
    struct fill fills[FILLS_MAX];
};

/* --- States --------------------------------------------------------------------------------- */

static bool is_wanted(const struct lg_replica *r)
{
    return r->warm.rank > LG_WARM_KEPT;
}

static bool is_settled(const struct lg_replica *r)
{
    switch (r->warm.sm.now) {
    case WAITING:
    case FILLING:
        return false;
    case NO_ROOM: /* There will be, and then it is tried again. */
        return !r->warm.warmer->freed;
    default:
        return true;
    }
}

static void settled(struct lg_timer *timer)
{
    struct lg_replica *r = LG_CONTAINER_OF(timer, struct lg_replica, warm.patience);
    void (*tell)(struct lg_replica * r) = LG_TAKE(r->warm.settled);

    tell(r);
}

static void wait_for(struct lg_replica *r, uint64_t ms)
{
    lg_timer_stop(r->lane, &r->warm.patience);
    lg_timer_start(r->lane, &r->warm.patience, ms * LG_MS, settled);
}

static void move(struct lg_replica *r, unsigned to)
{
    lg_metric_sub(&lg_metric_storage_index_replicas, r->warm.sm.now, 1);
    lg_sm_move(&r->warm.sm, to);
    lg_metric_add(&lg_metric_storage_index_replicas, to, 1);
    if (r->warm.settled != NULL && is_settled(r))
        wait_for(r, 0);
}

const char *lg_warmer_state(const struct lg_replica *r)
{
    return r->warm.warmer == NULL ? states[OFF].name : lg_sm_name(&r->warm.sm);
}

static void show_bytes(struct lg_warmer *w)
{
    lg_metric_set(&lg_metric_storage_index_bytes, 0, lg_word_load(&w->budget.used));
}

static void next(struct lg_warmer *w);

/* --- Memory that goes back ------------------------------------------------------------------ */

static void reclaim(struct lg_timer *timer)
{
    struct lg_warmer *w = LG_CONTAINER_OF(timer, struct lg_warmer, reclaim);

    if (lg_epoch_reclaim(w->epoch) > 0) {
        lg_timer_start(w->lane, &w->reclaim, RECLAIM_US, reclaim);
        return;
    }
    show_bytes(w);
    if (!w->freed)
        return;
    w->freed = false;
    LG_LIST_EACH(it, &w->replicas)
    {
        struct lg_replica *r = LG_CONTAINER_OF(it, struct lg_replica, warm.link);

        if (r->warm.sm.now == NO_ROOM)
            move(r, WAITING);
    }
    next(w);
}

static void drop(struct lg_warmer *w, struct lg_read_index *index)
{
    lg_read_index_retire(index);
    if (!lg_timer_armed(&w->reclaim))
        lg_timer_start(w->lane, &w->reclaim, RECLAIM_US, reclaim);
}

/* Nobody finds the index any more; who has found it may go on for a moment. */
static void withdraw(struct lg_warmer *w, struct lg_replica *r)
{
    struct lg_read_index *index = r->index;

    lg_pointer_store(&r->index, NULL);
    w->freed = true;
    drop(w, index);
}

/* Of one that is not wanted as it was. */
static void give_up(struct lg_warmer *w, struct lg_replica *r)
{
    if (r->warm.sm.now == COMPLETE || r->warm.sm.now == KEPT)
        withdraw(w, r);
    lg_timer_stop(w->lane, &r->warm.keep);
    move(r, OFF);
}

static void kept_long_enough(struct lg_timer *timer)
{
    struct lg_replica *r = LG_CONTAINER_OF(timer, struct lg_replica, warm.keep);

    give_up(r->warm.warmer, r);
}

/* Those that are only kept go first. Their memory is there when no reader looks at it any more. */
static void make_room(struct lg_warmer *w)
{
    LG_LIST_EACH(it, &w->replicas)
    {
        struct lg_replica *r = LG_CONTAINER_OF(it, struct lg_replica, warm.link);

        if (r->warm.sm.now == KEPT)
            give_up(w, r);
    }
}

static void find_no_room(struct lg_warmer *w, struct lg_replica *r)
{
    make_room(w);
    move(r, NO_ROOM);
}

/* --- Filling -------------------------------------------------------------------------------- */

/* In a chunked version the user's key stands before a suffix, and a value in pieces is known by its
 * manifest: of that only the key is kept, and of the pieces nothing. */
static enum lg_rc add_row(void *ctx, struct lg_slice key, struct lg_slice value,
                          struct lg_error *err)
{
    struct fill *f = ctx;
    int32_t id;

    if (lg_flag_is_raised(&f->stop))
        return LG_ERR_CANCELLED;
    f->rows++;
    if (lg_mutant(LG_MUTANT_index_misses_rows) && f->rows % 8 == 0)
        return LG_OK;
    if (value.size < LG_PARTITION_VALUE_HEADER_BYTES) /* The engine's readers say what is wrong. */
        return lg_read_index_put_elsewhere(f->index, key, err);
    if (!f->r->chunked)
        return lg_read_index_put(f->index, key, value, err);
    if (key.size < LG_CHUNK_PLAIN_SUFFIX_BYTES)
        return lg_error_set(err, LG_ERR_CORRUPT, "a key of a chunked version has no suffix");
    id = (int32_t)lg_load_u32be(value.data);
    if (id == LG_SCHEMA_ID_CHUNK)
        return LG_OK;
    key.size -= LG_CHUNK_PLAIN_SUFFIX_BYTES;
    return id == LG_SCHEMA_ID_MANIFEST ? lg_read_index_put_elsewhere(f->index, key, err)
                                       : lg_read_index_put(f->index, key, value, err);
}

/* The replica itself; under a planted bug one of the same store and partition that is complete. */
static const struct lg_replica *source(const struct lg_warmer *w, const struct lg_replica *r)
{
    const char *version = strrchr(r->topic, '_');

    if (!lg_mutant(LG_MUTANT_index_of_another_version))
        return r;
    LG_LIST_EACH(it, &w->replicas)
    {
        const struct lg_replica *other = LG_CONTAINER_OF(it, struct lg_replica, warm.link);

        if (other != r && other->partition == r->partition && other->warm.sm.now == COMPLETE &&
            strncmp(other->topic, r->topic, (size_t)(version - r->topic) + 1) == 0)
            return other;
    }
    return r;
}

static void fill_work(struct lg_offload *offload)
{
    struct fill *f = LG_CONTAINER_OF(offload, struct fill, offload);
    const struct lg_replica *r = source(f->w, f->r);
    struct lg_read_index_options o = {
        .epoch = f->w->epoch, .budget = &f->w->budget, .rows = r->warm.rows, .seed = f->w->seed};

    f->rc = lg_read_index_new(&o, &f->index, &f->err);
    if (f->rc == LG_OK)
        f->rc = lg_engine_each(r->engine, add_row, f, &f->err);
    if (f->rc == LG_ERR_BUSY && f->index != NULL && lg_mutant(LG_MUTANT_index_without_room))
        f->rc = LG_OK;
}

/* Whoever found it in the epoch before has a reference by now, or has gone. */
static void out_of_sight(struct lg_epoch_item *item)
{
    struct lg_replica *r = LG_CONTAINER_OF(item, struct lg_replica, warm.item);

    r->warm.warmer = NULL;
    r->warm.removed(r);
}

/* Nothing is under way for it any more. */
static void leave(struct lg_replica *r)
{
    lg_metric_sub(&lg_metric_storage_index_replicas, r->warm.sm.now, 1);
    lg_list_remove(&r->warm.link);
    r->warm.item.release = out_of_sight;
    lg_epoch_retire(r->warm.warmer->epoch, &r->warm.item);
    reclaim(&r->warm.warmer->reclaim);
}

static void leave_later(struct lg_task *task)
{
    leave(LG_CONTAINER_OF(task, struct lg_replica, warm.leave));
}

static void publish(struct lg_warmer *w, struct lg_replica *r, struct lg_read_index *index)
{
    struct lg_read_index_stats stats = lg_read_index_stats(index);

    r->warm.doubted = (struct lg_flag){0};
    lg_pointer_store(&r->index, index);
    move(r, COMPLETE);
    lg_log(LG_LOG_INFO, "read_index_complete",
           "topic=%s partition=%u rows=%llu bytes=%llu elsewhere=%llu took_ms=%llu", r->topic,
           r->partition, (unsigned long long)stats.rows, (unsigned long long)stats.bytes,
           (unsigned long long)stats.elsewhere,
           (unsigned long long)((lg_lane_now_us(w->lane) - r->warm.begun_us) / LG_MS));
}

static void not_filled(const struct fill *f, struct lg_replica *r)
{
    if (f->rc != LG_ERR_CANCELLED)
        lg_log(f->rc == LG_ERR_BUSY ? LG_LOG_INFO : LG_LOG_WARN, "read_index_not_filled",
               "topic=%s partition=%u reason=\"%s\" what=\"it is read from the engine\"", r->topic,
               r->partition, f->err.text);
    if (!is_wanted(r))
        move(r, OFF);
    else if (f->rc == LG_ERR_BUSY)
        find_no_room(f->w, r);
    else /* It may be wanted again before it has heard that it was not. */
        move(r, f->rc == LG_ERR_CANCELLED ? WAITING : FAILED);
}

static void fill_done(struct lg_offload *offload)
{
    struct fill *f = LG_CONTAINER_OF(offload, struct fill, offload);
    struct lg_warmer *w = f->w;
    struct lg_replica *r = LG_TAKE(f->r);

    if (f->rc == LG_OK && !is_wanted(r)) /* It was done before it heard of that. */
        f->rc = LG_ERR_CANCELLED;
    lg_metric_add(&lg_metric_storage_index_fills_total,
                  f->rc == LG_OK              ? 0
                  : f->rc == LG_ERR_CANCELLED ? 1
                  : f->rc == LG_ERR_BUSY      ? 2
                                              : 3,
                  1);
    /* Two together may find no room where each alone does. */
    r->warm.alone = f->rc == LG_ERR_BUSY && f->in_company;
    if (f->rc == LG_OK) {
        publish(w, r, LG_TAKE(f->index));
    } else {
        drop(w, LG_TAKE(f->index));
        w->freed |= f->rc != LG_ERR_BUSY || f->in_company; /* What it had; alone that is no more. */
        not_filled(f, r);
    }
    show_bytes(w);
    if (r->warm.removed != NULL)
        leave(r);
    next(w);
}

static bool fits(struct lg_warmer *w, const struct lg_replica *r)
{
    return r->warm.bytes <= w->budget.max - LG_MIN(w->budget.max, lg_word_load(&w->budget.used));
}

static bool goes_before(const struct lg_replica *a, const struct lg_replica *b)
{
    bool awaited = a->warm.settled != NULL;

    if (awaited != (b->warm.settled != NULL))
        return awaited;
    return a->warm.rank > b->warm.rank;
}

/* Of those that wait the one that is waited for, then the most wanted. */
static struct lg_replica *choose(struct lg_warmer *w)
{
    struct lg_replica *best = NULL;

    LG_LIST_EACH(it, &w->replicas)
    {
        struct lg_replica *r = LG_CONTAINER_OF(it, struct lg_replica, warm.link);

        if (r->warm.sm.now != WAITING)
            continue;
        if (!fits(w, r))
            find_no_room(w, r);
        else if (best == NULL || goes_before(r, best))
            best = r;
    }
    return best;
}

/* NULL: one that is not under way. */
static struct fill *fill_of(struct lg_warmer *w, const struct lg_replica *r)
{
    for (size_t i = 0; i < FILLS_MAX; i++)
        if (w->fills[i].r == r)
            return &w->fills[i];
    return NULL;
}

static void begin(struct lg_warmer *w, struct fill *f, struct lg_replica *r, bool in_company)
{
    *f = (struct fill){.w = w,
                       .r = r,
                       .in_company = in_company,
                       .offload = {.work = fill_work, .done = fill_done}};
    move(r, FILLING);
    r->warm.begun_us = lg_lane_now_us(w->lane);
    lg_offload(w->lane, &f->offload);
}

/* False: nothing waits, or it waits for the end of a fill. */
static bool begin_one(struct lg_warmer *w)
{
    struct fill *place = fill_of(w, NULL);
    struct lg_replica *r = place == NULL ? NULL : choose(w);
    bool in_company = false;

    if (r == NULL)
        return false;
    for (size_t i = 0; i < FILLS_MAX; i++) {
        struct fill *other = &w->fills[i];

        if (other->r == NULL)
            continue;
        if (r->warm.alone || other->r->warm.alone)
            return false;
        in_company = other->in_company = true;
    }
    begin(w, place, r, in_company);
    return true;
}

static void next(struct lg_warmer *w)
{
    while (begin_one(w))
        continue;
}

/* --- Replicas ------------------------------------------------------------------------------- */

static void doubted(struct lg_task *task)
{
    struct lg_replica *r = LG_CONTAINER_OF(task, struct lg_replica, warm.doubt);
    struct lg_warmer *w = r->warm.warmer;

    if (w == NULL || r->warm.removed != NULL ||
        (r->warm.sm.now != COMPLETE && r->warm.sm.now != KEPT))
        return;
    lg_log(LG_LOG_WARN, "read_index_damaged",
           "topic=%s partition=%u what=\"it is dropped, and filled anew if it is wanted\"",
           r->topic, r->partition);
    lg_metric_add(&lg_metric_storage_index_damaged_total, 0, 1);
    if (r->warm.sm.now == KEPT) {
        give_up(w, r);
        return;
    }
    withdraw(w, r);
    move(r, WAITING);
    next(w);
}

void lg_warmer_doubt(struct lg_replica *r)
{
    if (lg_flag_raise(&r->warm.doubted))
        lg_lane_post(r->lane, &r->warm.doubt);
}

void lg_warmer_add(struct lg_warmer *w, struct lg_replica *r, uint64_t rows, uint64_t bytes)
{
    assert(r->lane == w->lane && r->warm.warmer == NULL);
    r->warm =
        (struct lg_warm){.warmer = w, .rows = rows, .bytes = bytes, .doubt = {.run = doubted}};
    lg_sm_start(&r->warm.sm, states);
    lg_metric_add(&lg_metric_storage_index_replicas, OFF, 1);
    lg_list_push_back(&w->replicas, &r->warm.link);
}

static void want(struct lg_warmer *w, struct lg_replica *r)
{
    if (r->warm.sm.now == KEPT) {
        lg_timer_stop(w->lane, &r->warm.keep);
        move(r, COMPLETE);
    } else if (r->warm.sm.now == OFF) {
        move(r, WAITING);
        next(w);
    }
}

static bool has_one_without_room(const struct lg_warmer *w)
{
    LG_LIST_EACH(it, &w->replicas)
    {
        if (LG_CONTAINER_OF(it, struct lg_replica, warm.link)->warm.sm.now == NO_ROOM)
            return true;
    }
    return false;
}

static void keep(struct lg_warmer *w, struct lg_replica *r)
{
    if (r->warm.sm.now == COMPLETE) {
        move(r, KEPT);
        if (has_one_without_room(w)) { /* The next version, say: it did not fit beside this one. */
            give_up(w, r);
            return;
        }
        lg_timer_start(w->lane, &r->warm.keep, LG_WARMER_KEEP_MS * LG_MS, kept_long_enough);
    } else if (r->warm.sm.now != KEPT && r->warm.sm.now != OFF) {
        give_up(w, r);
    }
}

void lg_warmer_want(struct lg_warmer *w, struct lg_replica *r, enum lg_warm_rank rank)
{
    if (w->budget.max == 0)
        return;
    r->warm.rank = r->warm.removed == NULL ? rank : LG_WARM_OFF;
    if (r->warm.sm.now == FILLING) {
        if (!is_wanted(r))
            (void)lg_flag_raise(&fill_of(w, r)->stop);
    } else if (is_wanted(r)) {
        want(w, r);
    } else if (rank == LG_WARM_KEPT) {
        keep(w, r);
    } else if (r->warm.sm.now != OFF) {
        give_up(w, r);
    }
}

void lg_warmer_settle(struct lg_warmer *w, struct lg_replica *r, void (*tell)(struct lg_replica *r))
{
    assert(r->warm.warmer == w && r->warm.settled == NULL && r->warm.removed == NULL);
    r->warm.settled = tell;
    wait_for(r, is_settled(r) ? 0 : LG_WARMER_PATIENCE_MS);
}

void lg_warmer_remove(struct lg_warmer *w, struct lg_replica *r,
                      void (*removed)(struct lg_replica *r))
{
    assert(r->warm.warmer == w && r->warm.removed == NULL);
    r->warm.removed = removed;
    r->warm.settled = NULL;
    lg_timer_stop(w->lane, &r->warm.patience);
    lg_warmer_want(w, r, LG_WARM_OFF); /* So that no fill begins meanwhile. */
    if (r->warm.sm.now == FILLING)
        return; /* Its end will see it. */
    r->warm.leave.run = leave_later;
    lg_lane_post(w->lane, &r->warm.leave);
}

/* --- Its life ------------------------------------------------------------------------------- */

enum lg_rc lg_warmer_new(const struct lg_warmer_options *o, struct lg_warmer **out,
                         struct lg_error *err)
{
    struct lg_warmer *w = lg_new(struct lg_warmer);
    enum lg_rc rc = lg_epoch_new(&w->epoch, err);

    if (rc != LG_OK) {
        lg_free(w);
        return rc;
    }
    w->lane = o->lane;
    w->budget.max = o->budget_bytes;
    w->seed = o->seed;
    lg_list_init(&w->replicas);
    *out = w;
    return LG_OK;
}

void lg_warmer_free(struct lg_warmer *w)
{
    if (w == NULL)
        return;
    assert(lg_list_empty(&w->replicas) && "every replica is removed before");
    lg_timer_stop(w->lane, &w->reclaim);
    lg_epoch_free(w->epoch);
    show_bytes(w);
    lg_free(w);
}

enum lg_rc lg_warmer_join(struct lg_warmer *w, struct lg_epoch_reader **out, struct lg_error *err)
{
    return lg_epoch_join(w->epoch, out, err);
}

struct lg_epoch *lg_warmer_epoch(struct lg_warmer *w)
{
    return w->epoch;
}
