/* `spent` counts from BIAS at the start, so that a bucket that begins with n tokens has spent BIAS
 * - n. At any moment BIAS + brought(now) - spent are there; when that is more than the capacity,
 * the next one who takes moves `spent` up first: what is not saved up counts as spent.
 *
 * Why the bound holds with stamps in any order: `spent` never goes down but by what is given back.
 * The first to take inside a window that begins at a leaves it at BIAS + brought(a) - capacity or
 * more, before its own; all that is taken in the window adds to that; the last one leaves it at
 * BIAS + brought(b) or less. The difference is capacity + brought(b) - brought(a).
 *
 * The highest bit closes a bucket and keeps what it had spent, so all who come to help compute the
 * same, or more when somebody has given tokens back meanwhile: these are there.
 */
#include "lane/bucket.h"

#include "lane/mutant.h"

#define CLOSED ((uint64_t)1 << 63)
#define PENDING (CLOSED - 1) /* What is left in the bucket before is not known yet. */
#define BIAS LG_BUCKET_CAPACITY_MAX

/* Tokens that have come since the start. */
static uint64_t brought(const struct lg_bucket *b, uint64_t now_us)
{
    uint64_t passed_us = now_us > b->base_us ? now_us - b->base_us : 0;
    unsigned __int128 tokens = (unsigned __int128)b->limit.refill * passed_us;

    tokens /= b->limit.interval_us;
    if (lg_mutant(LG_MUTANT_read_quota_refills_twice))
        tokens *= 2;
    return tokens < PENDING / 2 ? (uint64_t)tokens : PENDING / 2;
}

/* When brought() will be `tokens` more than it is at `now_us`, rounded up. */
static uint64_t wait_for(const struct lg_bucket *b, uint64_t now_us, uint64_t tokens)
{
    unsigned __int128 wanted = (unsigned __int128)brought(b, now_us) + tokens;
    uint64_t passed_us = now_us > b->base_us ? now_us - b->base_us : 0;
    unsigned __int128 wait_us;

    if (b->limit.refill == 0)
        return LG_BUCKET_NEVER_US;
    wait_us = (wanted * b->limit.interval_us + b->limit.refill - 1) / b->limit.refill - passed_us;
    return wait_us < LG_BUCKET_NEVER_US ? (uint64_t)wait_us : LG_BUCKET_NEVER_US;
}

static uint64_t left_of(const struct lg_bucket *b, uint64_t spent, uint64_t now_us)
{
    uint64_t total = BIAS + brought(b, now_us);

    return spent >= total ? 0 : LG_MIN(total - spent, b->limit.capacity);
}

void lg_bucket_init(struct lg_bucket *b, const struct lg_bucket_limit *limit, uint64_t sharers,
                    struct lg_bucket *before, uint64_t now_us)
{
    assert(limit->interval_us > 0 && limit->capacity <= LG_BUCKET_CAPACITY_MAX && sharers > 0);
    assert(limit->refill / LG_BUCKET_RATE_MAX <= limit->interval_us / 1000000);
    *b = (struct lg_bucket){.spent = before != NULL ? PENDING : BIAS - limit->capacity,
                            .limit = *limit,
                            .base_us = now_us,
                            .sharers = sharers,
                            .before = before};
}

static uint64_t closed_at(struct lg_bucket *b)
{
    return __atomic_fetch_or(&b->spent, CLOSED, __ATOMIC_ACQ_REL) & ~CLOSED;
}

void lg_bucket_close(struct lg_bucket *b)
{
    (void)closed_at(b);
}

void lg_bucket_settle(struct lg_bucket *b)
{
    uint64_t pending = PENDING, spent, left;

    if (__atomic_load_n(&b->spent, __ATOMIC_ACQUIRE) != PENDING)
        return;
    spent = closed_at(b->before);
    assert(spent != PENDING && "settle a bucket before another one follows it");
    left = left_of(b->before, spent, b->base_us); /* More than fits is not saved up. */
    (void)__atomic_compare_exchange_n(&b->spent, &pending, BIAS - left,
                                      /* weak= */ false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static uint64_t grant(const struct lg_bucket *b, uint64_t left, uint64_t least, uint64_t most)
{
    uint64_t beyond = (left - least) / (2 * b->sharers);

    return most <= least ? least : least + LG_MIN(most - least, beyond);
}

uint64_t lg_bucket_take(struct lg_bucket *b, uint64_t now_us, uint64_t least, uint64_t most,
                        uint64_t *out_wait_us)
{
    uint64_t spent = __atomic_load_n(&b->spent, __ATOMIC_ACQUIRE), left, n;

    assert(least > 0);
    if (spent == PENDING) {
        lg_bucket_settle(b);
        spent = __atomic_load_n(&b->spent, __ATOMIC_ACQUIRE);
    }
    do {
        if ((spent & CLOSED) != 0)
            return LG_BUCKET_CLOSED;
        left = left_of(b, spent, now_us);
        if (left < least) {
            *out_wait_us =
                least > b->limit.capacity ? LG_BUCKET_NEVER_US : wait_for(b, now_us, least - left);
            return 0;
        }
        n = grant(b, left, least, most);
    } while (!__atomic_compare_exchange_n(&b->spent, &spent, BIAS + brought(b, now_us) - left + n,
                                          /* weak= */ true, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
    return n;
}

void lg_bucket_give(struct lg_bucket *b, uint64_t n)
{
    uint64_t spent;

    lg_bucket_settle(b); /* What a lane kept from the bucket before can come before all else. */
    spent = __atomic_fetch_sub(&b->spent, n, __ATOMIC_RELAXED);
    assert((spent & ~CLOSED) >= n && spent != PENDING);
    (void)spent;
}

uint64_t lg_bucket_left(const struct lg_bucket *b, uint64_t now_us)
{
    uint64_t spent = __atomic_load_n(&b->spent, __ATOMIC_RELAXED);

    return (spent & CLOSED) != 0 || spent == PENDING ? 0 : left_of(b, spent, now_us);
}
