/* A token bucket that threads share: so many tokens per interval, and at most so many saved up.
 *
 * Its whole state is one word, the tokens given out so far, set against what the clock has brought
 * since its beginning (as in GCRA, ITU-T I.371 annex A; counted in tokens instead of time, so that
 * no rate is rounded). Hence the bound, which holds over every window of w microseconds, not only
 * over those that begin with a refill, whatever the threads do and in whatever order:
 *
 *     taken - given back  <=  capacity + refill * w / interval_us  (+ 1 for the token in the
 * making)
 *
 * Windows are those of the stamps that callers bring. A thread whose stamp is late takes less now,
 * never more later: it only makes the window as much longer as it is late. A clock that stands
 * still, jumps ahead or goes back brings at most a full bucket.
 *
 * Limits never change; a bucket with other limits follows the old one (lg_bucket_init) and takes
 * over what is left in it, so that a change neither brings a burst nor takes tokens away.
 *
 * Any thread, except where said otherwise. Nobody ever waits.
 */
#ifndef LG_LANE_BUCKET_H
#define LG_LANE_BUCKET_H

#include "base/base.h"

#define LG_BUCKET_RATE_MAX ((uint64_t)1 << 32) /* tokens per second; 30 years until it is full */
#define LG_BUCKET_CAPACITY_MAX ((uint64_t)1 << 40)
#define LG_BUCKET_NEVER_US UINT64_MAX
#define LG_BUCKET_CLOSED UINT64_MAX

struct lg_bucket_limit {
    uint64_t refill;      /* tokens that come, evenly spread, in */
    uint64_t interval_us; /* this time; > 0 */
    uint64_t capacity;    /* tokens that are saved up at most */
};

struct lg_bucket {
    uint64_t spent; /* Atomic: tokens given out, or that were not saved up; see bucket.c. */
    /* Read only from here on. */
    struct lg_bucket_limit limit;
    uint64_t base_us;
    uint64_t sharers;
    struct lg_bucket *before; /* Looked at until what is left in it is known. */
};

/* In the caller's memory, before another thread can see it. Without `before` it begins full.
 * Otherwise it goes on with what is left in `before`, which gives nothing any more from the moment
 * when lg_bucket_settle, or the first one who takes from this one, has closed it; `before` itself
 * has been settled, and must live until lg_bucket_settle came back and nobody can be inside
 * lg_bucket_take or lg_bucket_give that began before (lane/epoch.h). `sharers`: so many threads
 * take; of what is left, nobody is given more than the half of an equal share beyond what it
 * needs. */
void lg_bucket_init(struct lg_bucket *b, const struct lg_bucket_limit *limit, uint64_t sharers,
                    struct lg_bucket *before, uint64_t now_us);
/* Takes over what is left in the bucket before, unless somebody else has. */
void lg_bucket_settle(struct lg_bucket *b);
/* Gives nothing from now on. */
void lg_bucket_close(struct lg_bucket *b);

/* Takes at least `least` (> 0) and at most `most` tokens, and returns how many. 0: there are fewer;
 * `*out_wait_us` says when they will have come, if nobody else takes any: LG_BUCKET_NEVER_US when
 * the capacity is less. LG_BUCKET_CLOSED: another one has taken its place. */
uint64_t lg_bucket_take(struct lg_bucket *b, uint64_t now_us, uint64_t least, uint64_t most,
                        uint64_t *out_wait_us);
/* Gives back what was taken from it, or from the one before it, and not spent; what the bucket
 * cannot hold, or comes after another one has followed it, is lost. */
void lg_bucket_give(struct lg_bucket *b, uint64_t n);
/* Tokens that are there. */
uint64_t lg_bucket_left(const struct lg_bucket *b, uint64_t now_us);

#endif
