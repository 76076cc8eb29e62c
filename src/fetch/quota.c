/* Buckets never change, they are replaced: a slot points to the one in force, and a number that
 * grows with every replacement tells a lane that its lease is of an older one. Old buckets go with
 * an epoch of our own, which a lane enters only when it needs the bucket itself, not per request.
 */
#include "fetch/quota.h"

#include "base/block.h"
#include "lane/epoch.h"
#include "lane/mutant.h"
#include "lane/shared.h"

#define SET_ASIDE 8u         /* At most this part of a capacity stands in leases. */
#define ENDLESS (1ULL << 62) /* The lease of a resource without a limit. */
#define SWEPT_PER_TICK 2u

struct limit { /* What a slot points to. */
    struct lg_bucket bucket;
    struct lg_bucket_limit wanted; /* before leases were set aside */
    uint64_t lease_max;
    uint64_t generation; /* the slot's while this is in force */
    struct lg_epoch_item item;
};

struct slot {
    struct limit *limit; /* Atomic; NULL: none. */
    uint64_t generation; /* Atomic; never 0. For a moment behind what `limit` says. */
};

struct lease {
    uint64_t generation;
    uint64_t tokens;
    uint64_t taken_us;
    /* So much was refused, and could not come before then. */
    uint64_t refused;
    uint64_t refused_until_us;
    uint64_t capacity; /* No more can ever be taken at once. */
    uint32_t held;     /* its place in lane->held + 1; 0: not there */
};

struct lg_quota_lane {
    struct lg_quota *quota;
    const struct slot *slots; /* the quota's */
    uint32_t slots_max;
    struct lg_epoch_reader *reader;
    uint64_t now_us;
    uint32_t *held; /* the resources of which a lease is held */
    uint32_t held_count, swept;
    struct lease leases[];
};

struct lg_quota {
    struct lg_epoch *epoch;
    struct slot *slots;
    uint32_t slots_max, lanes_max;
    uint64_t generations;
    uint32_t *free; /* a stack of numbers */
    uint32_t free_count;
    struct lg_bound lanes;
};

/* --- The control thread ---------------------------------------------------------------------- */

enum lg_rc lg_quota_new(const struct lg_quota_options *o, struct lg_quota **out,
                        struct lg_error *err)
{
    LG_AUTO(lg_quota) *q = lg_new(struct lg_quota);
    enum lg_rc rc;

    assert(o->resources_max <= LG_QUOTA_RESOURCES_MAX && o->lanes_max <= LG_QUOTA_LANES_MAX);
    rc = lg_epoch_new(&q->epoch, err);
    if (rc != LG_OK)
        return rc;
    q->slots_max = o->resources_max + 1;
    q->lanes_max = LG_MAX(o->lanes_max, (uint32_t)1);
    q->lanes.max = q->lanes_max;
    q->slots = lg_new_array(struct slot, q->slots_max);
    q->free = lg_new_array(uint32_t, q->slots_max);
    for (uint32_t i = 0; i < q->slots_max; i++)
        q->slots[i].generation = ++q->generations;
    for (uint32_t i = q->slots_max - 1; i > 0; i--)
        q->free[q->free_count++] = i;
    *out = LG_TAKE(q);
    return LG_OK;
}

void lg_quota_free(struct lg_quota *q)
{
    if (q == NULL)
        return;
    for (uint32_t i = 0; q->slots != NULL && i < q->slots_max; i++)
        lg_free(q->slots[i].limit);
    lg_epoch_free(q->epoch);
    lg_free(q->slots);
    lg_free(q->free);
    lg_free(q);
}

static void limit_released(struct lg_epoch_item *item)
{
    lg_free(LG_CONTAINER_OF(item, struct limit, item));
}

static struct limit *limit_new(const struct lg_quota *q, const struct lg_bucket_limit *wanted,
                               struct limit *before, uint64_t now_us)
{
    struct limit *l = lg_new(struct limit);
    struct lg_bucket_limit limit = *wanted;

    l->lease_max =
        LG_MIN((uint64_t)((unsigned __int128)limit.refill * LG_QUOTA_LEASE_US / limit.interval_us),
               limit.capacity / SET_ASIDE / q->lanes_max);
    limit.capacity -= l->lease_max * q->lanes_max;
    l->wanted = *wanted;
    l->item.release = limit_released;
    lg_bucket_init(&l->bucket, &limit, q->lanes_max, before != NULL ? &before->bucket : NULL,
                   now_us);
    return l;
}

/* The bucket first, then the number: a lane that sees the number sees the bucket. One that sees the
 * bucket and not yet the number goes by the bucket's own: what it holds is of that one alone. */
static void publish(struct lg_quota *q, uint32_t resource, struct limit *take_l)
{
    struct slot *s = &q->slots[resource];
    struct limit *old = s->limit;
    uint64_t generation = ++q->generations;

    if (take_l != NULL)
        take_l->generation = generation;
    lg_pointer_store(&s->limit, take_l);
    lg_word_store(&s->generation, generation);
    if (take_l != NULL)
        lg_bucket_settle(&take_l->bucket);
    if (old != NULL) {
        lg_bucket_close(&old->bucket);
        lg_epoch_retire(q->epoch, &old->item);
    }
    (void)lg_epoch_reclaim(q->epoch);
}

void lg_quota_limit(struct lg_quota *q, uint32_t resource, const struct lg_bucket_limit *limit,
                    uint64_t now_us)
{
    struct limit *old;

    assert(resource < q->slots_max);
    old = q->slots[resource].limit;
    if (limit == NULL ? old == NULL
                      : old != NULL && old->wanted.refill == limit->refill &&
                            old->wanted.interval_us == limit->interval_us &&
                            old->wanted.capacity == limit->capacity)
        return;
    publish(q, resource, limit != NULL ? limit_new(q, limit, old, now_us) : NULL);
}

enum lg_rc lg_quota_add(struct lg_quota *q, uint32_t *out, struct lg_error *err)
{
    if (q->free_count == 0)
        return lg_error_set(err, LG_ERR_BUSY, "%u resources have a read quota already",
                            q->slots_max - 1);
    *out = q->free[--q->free_count];
    return LG_OK;
}

void lg_quota_drop(struct lg_quota *q, uint32_t resource)
{
    assert(resource != LG_QUOTA_NONE && q->free_count + 1 < q->slots_max);
    publish(q, resource, NULL);
    q->free[q->free_count++] = resource;
}

uint64_t lg_quota_left(const struct lg_quota *q, uint32_t resource, uint64_t now_us)
{
    const struct limit *l = q->slots[resource].limit;

    return l == NULL ? UINT64_MAX : lg_bucket_left(&l->bucket, now_us);
}

/* --- Lanes ----------------------------------------------------------------------------------- */

enum lg_rc lg_quota_lane_open(struct lg_quota *q, struct lg_quota_lane **out, struct lg_error *err)
{
    struct lg_epoch_reader *reader;
    struct lg_quota_lane *lane;
    enum lg_rc rc;

    if (!lg_bound_take(&q->lanes, 1))
        return lg_error_set(err, LG_ERR_BUSY, "%u lanes share the read quotas already",
                            q->lanes_max);
    rc = lg_epoch_join(q->epoch, &reader, err);
    if (rc != LG_OK) {
        lg_bound_give(&q->lanes, 1);
        return rc;
    }
    lane = lg_zalloc(sizeof *lane + q->slots_max * sizeof lane->leases[0]);
    lane->quota = q;
    lane->slots = q->slots;
    lane->slots_max = q->slots_max;
    lane->reader = reader;
    lane->held = lg_new_array(uint32_t, q->slots_max);
    *out = lane;
    return LG_OK;
}

void lg_quota_lane_close(struct lg_quota_lane *lane)
{
    if (lane == NULL)
        return;
    lg_quota_rest(lane);
    lg_epoch_quit(lane->reader);
    lg_bound_give(&lane->quota->lanes, 1);
    lg_free(lane->held);
    lg_free(lane);
}

static void hold(struct lg_quota_lane *lane, uint32_t resource)
{
    struct lease *e = &lane->leases[resource];

    if (e->held != 0)
        return;
    lane->held[lane->held_count++] = resource;
    e->held = lane->held_count;
}

static void unhold(struct lg_quota_lane *lane, uint32_t resource)
{
    struct lease *e = &lane->leases[resource];
    uint32_t last = lane->held[--lane->held_count];

    lane->held[e->held - 1] = last;
    lane->leases[last].held = e->held;
    e->held = 0;
}

/* The bucket that `e` is of; NULL when there is none, or another one by now. Inside the epoch. */
static struct limit *limit_of(struct lg_quota_lane *lane, uint32_t resource, const struct lease *e)
{
    struct limit *l = lg_pointer_load(&lane->quota->slots[resource].limit);

    return l != NULL && l->generation == e->generation ? l : NULL;
}

/* Leaves `keep` in the lease at most. */
static void give_back(struct lg_quota_lane *lane, uint32_t resource, uint64_t keep)
{
    struct lease *e = &lane->leases[resource];

    if (e->tokens > keep && e->tokens < ENDLESS / 2) {
        struct limit *l;

        lg_epoch_enter(lane->reader);
        l = limit_of(lane, resource, e);
        if (l != NULL)
            lg_bucket_give(&l->bucket, e->tokens - keep);
        lg_epoch_leave(lane->reader);
        e->tokens = keep;
    }
}

void lg_quota_rest(struct lg_quota_lane *lane)
{
    while (lane->held_count > 0) {
        uint32_t resource = lane->held[lane->held_count - 1];

        give_back(lane, resource, 0);
        unhold(lane, resource);
    }
}

void lg_quota_tick(struct lg_quota_lane *lane, uint64_t now_us)
{
    lane->now_us = now_us;
    for (uint32_t i = 0; i < SWEPT_PER_TICK && lane->held_count > 0; i++) {
        uint32_t resource = lane->held[lane->swept++ % lane->held_count];

        if (lane->leases[resource].taken_us + LG_QUOTA_HOLD_US < now_us) {
            give_back(lane, resource, 0);
            unhold(lane, resource);
        }
    }
}

/* Puts at least `rcu` tokens into the lease, of the limit in force; false when they are not there.
 */
static bool renew(struct lg_quota_lane *lane, uint32_t resource, uint64_t rcu)
{
    struct lease *e = &lane->leases[resource];
    const struct slot *s = &lane->quota->slots[resource];
    uint64_t wait_us = 0, got = LG_BUCKET_CLOSED, capacity = 0, least;
    struct limit *l;

    lg_epoch_enter(lane->reader);
    do { /* Again only when the control thread has replaced it meanwhile. */
        uint64_t generation = lg_word_load(&s->generation);

        l = lg_pointer_load(&s->limit);
        if (l != NULL)
            generation = l->generation;
        if (e->generation != generation) { /* What was taken is kept, as far as it is allowed. */
            *e = (struct lease){.generation = generation, .tokens = e->tokens, .held = e->held};
            e->tokens = LG_MIN(e->tokens, l == NULL ? 0 : l->lease_max);
        }
        if (l == NULL || e->tokens >= rcu)
            break;
        capacity = l->bucket.limit.capacity;
        least = rcu - e->tokens;
        got = lg_bucket_take(&l->bucket, lane->now_us, least, least + l->lease_max, &wait_us);
    } while (got == LG_BUCKET_CLOSED);
    lg_epoch_leave(lane->reader);
    e->taken_us = lane->now_us;
    if (l == NULL) {
        e->tokens = ENDLESS;
        return true;
    }
    hold(lane, resource);
    if (got != LG_BUCKET_CLOSED) {
        e->tokens += got;
        e->refused = got == 0 ? rcu : 0;
        e->capacity = capacity;
        e->refused_until_us = wait_us == LG_BUCKET_NEVER_US ? UINT64_MAX : lane->now_us + wait_us;
    }
    return e->tokens >= rcu;
}

static bool is_enough(const struct lg_quota_lane *lane, uint32_t resource, uint64_t rcu)
{
    const struct lease *e = &lane->leases[resource];

    return e->tokens >= rcu && e->generation == lg_word_load(&lane->slots[resource].generation);
}

static bool take_of(struct lg_quota_lane *lane, uint32_t resource, uint64_t rcu)
{
    struct lease *e = &lane->leases[resource];

    if (!is_enough(lane, resource, rcu)) {
        if (e->generation == lg_word_load(&lane->slots[resource].generation) && e->refused != 0 &&
            ((rcu >= e->refused && lane->now_us < e->refused_until_us) ||
             lg_mutant(LG_MUTANT_read_quota_refuses_on)))
            return false; /* Without a look at what others share. */
        if (!renew(lane, resource, rcu))
            return false;
    }
    e->tokens -= rcu;
    return true;
}

/* Of a request that was refused, maybe because a smaller one was. */
static uint32_t retry_after_ms(const struct lg_quota_lane *lane, uint32_t resource, uint64_t rcu)
{
    uint64_t until_us = lane->leases[resource].refused_until_us;

    if (until_us == UINT64_MAX || rcu > lane->leases[resource].capacity)
        return LG_QUOTA_NEVER_MS;
    return (uint32_t)LG_MIN((until_us - lane->now_us + 999) / 1000, LG_QUOTA_NEVER_MS - 1);
}

/* What a request took that is not served after all. */
static void untake(struct lg_quota_lane *lane, uint32_t resource, uint64_t rcu)
{
    struct lease *e = &lane->leases[resource];

    e->tokens += rcu;
    give_back(lane, resource, e->tokens - rcu);
}

/* When a lease does not hold it. Not inlined, so that the usual case needs no stack. */
static __attribute__((noinline)) enum lg_rc take_more(struct lg_quota_lane *lane, uint32_t resource,
                                                      uint32_t rcu, bool is_counted,
                                                      uint32_t *out_retry_after_ms)
{
    if (is_counted && !take_of(lane, resource, rcu)) {
        *out_retry_after_ms = retry_after_ms(lane, resource, rcu);
        return LG_ERR_QUOTA;
    }
    if (!take_of(lane, LG_QUOTA_NONE, rcu)) {
        if (is_counted)
            untake(lane, resource, rcu);
        *out_retry_after_ms = retry_after_ms(lane, LG_QUOTA_NONE, rcu);
        return LG_ERR_BUSY;
    }
    return LG_OK;
}

enum lg_rc lg_quota_take(struct lg_quota_lane *lane, uint32_t resource, uint32_t rcu, bool is_retry,
                         uint32_t *out_retry_after_ms)
{
    bool is_counted = resource != LG_QUOTA_NONE && !is_retry;

    assert(rcu > 0 && resource < lane->slots_max);
    if (LG_UNLIKELY(!is_enough(lane, LG_QUOTA_NONE, rcu)) ||
        (is_counted && LG_UNLIKELY(!is_enough(lane, resource, rcu))))
        return take_more(lane, resource, rcu, is_counted, out_retry_after_ms);
    lane->leases[LG_QUOTA_NONE].tokens -= rcu;
    if (is_counted)
        lane->leases[resource].tokens -= rcu;
    return LG_OK;
}
