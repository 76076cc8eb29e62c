/* What threads share with a lane: a bound on what is in flight, a flag that is raised once, and
 * words that one thread writes and others read. Everything else crosses by lg_lane_post. */
#ifndef LG_LANE_SHARED_H
#define LG_LANE_SHARED_H

#include "base/base.h"

/* {.max = n}: at most n are taken at any moment. Any thread. */
struct lg_bound {
    uint64_t max;
    uint64_t used; /* Atomic. */
};

/* Takes n, all or none. */
LG_MUST_CHECK static inline bool lg_bound_take(struct lg_bound *b, uint64_t n)
{
    uint64_t used = __atomic_load_n(&b->used, __ATOMIC_RELAXED);

    do {
        if (n > b->max || used > b->max - n)
            return false;
    } while (!__atomic_compare_exchange_n(&b->used, &used, used + n, /* weak= */ true,
                                          __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
    return true;
}

static inline void lg_bound_give(struct lg_bound *b, uint64_t n)
{
    uint64_t before = __atomic_fetch_sub(&b->used, n, __ATOMIC_ACQ_REL);

    assert(before >= n);
    (void)before;
}

/* {0} is down. Any thread. */
struct lg_flag {
    bool raised; /* Atomic. */
};

/* True for the one who raises it; what happened before is seen by whoever sees it raised. */
static inline bool lg_flag_raise(struct lg_flag *f)
{
    return !__atomic_exchange_n(&f->raised, true, __ATOMIC_ACQ_REL);
}

static inline bool lg_flag_is_raised(const struct lg_flag *f)
{
    return __atomic_load_n(&f->raised, __ATOMIC_ACQUIRE);
}

/* A word that is aligned, and what was written before it was stored is seen by whoever loads it. */
static inline void lg_word_store(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static inline uint64_t lg_word_load(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

/* From any thread, of words that several add to. */
static inline void lg_word_add(uint64_t *word, uint64_t n)
{
    (void)__atomic_add_fetch(word, n, __ATOMIC_RELAXED);
}

/* The same for a pointer and what it points to. */
#define lg_pointer_store(place, pointer) __atomic_store_n((place), (pointer), __ATOMIC_RELEASE)
#define lg_pointer_load(place) __atomic_load_n((place), __ATOMIC_ACQUIRE)

#endif
