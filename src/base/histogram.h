/* A histogram with cells whose width grows with the value: 32 per power of two, as in HdrHistogram
 * (Tene, hdrhistogram.org) with a power of two in the place of decimal digits.
 *
 * A cell holds the values in (low, high]. What is read from it is its `high`: never less than what
 * was recorded, and more by at most 1/32 (3.2 %); up to 64 exact. Values over
 * LG_HISTOGRAM_VALUE_MAX share the last cell. 8 KiB, always. Counts are exact.
 *
 * One thread writes, with plain stores; any thread reads or merges meanwhile and sees each cell as
 * it was at some moment since. Histograms are merged by adding their cells.
 */
#ifndef LG_BASE_HISTOGRAM_H
#define LG_BASE_HISTOGRAM_H

#include "base/base.h"

#define LG_HISTOGRAM_BITS 5u /* 2^5 cells per power of two */
#define LG_HISTOGRAM_VALUE_BITS 36u
/* 19 hours of microseconds, 68 seconds of nanoseconds. */
#define LG_HISTOGRAM_VALUE_MAX ((uint64_t)1 << LG_HISTOGRAM_VALUE_BITS)
#define LG_HISTOGRAM_CELLS                                                                         \
    ((size_t)(LG_HISTOGRAM_VALUE_BITS - LG_HISTOGRAM_BITS + 1) << LG_HISTOGRAM_BITS)

struct lg_histogram { /* Zeroes are an empty one. */
    uint64_t cells[LG_HISTOGRAM_CELLS];
    uint64_t sum;
};

static inline size_t lg_histogram_cell(uint64_t value)
{
    uint64_t x = value - (value != 0);
    unsigned shift;

    if (LG_UNLIKELY(x >= LG_HISTOGRAM_VALUE_MAX))
        return LG_HISTOGRAM_CELLS - 1;
    /* 0 for the first two powers, where each cell is one value wide. */
    shift = 63 - LG_HISTOGRAM_BITS -
            (unsigned)__builtin_clzll(x | (((uint64_t)2 << LG_HISTOGRAM_BITS) - 1));
    return ((size_t)shift << LG_HISTOGRAM_BITS) + (size_t)(x >> shift);
}

/* The largest value of the cell. */
uint64_t lg_histogram_high(size_t cell);

/* By its one writer. */
static inline void lg_histogram_add(struct lg_histogram *h, uint64_t value)
{
    uint64_t *cell = &h->cells[lg_histogram_cell(value)];

    __atomic_store_n(cell, *cell + 1, __ATOMIC_RELAXED);
    __atomic_store_n(&h->sum, h->sum + value, __ATOMIC_RELAXED);
}

/* `n` times the same. By its one writer. */
static inline void lg_histogram_add_n(struct lg_histogram *h, uint64_t value, uint64_t n)
{
    uint64_t *cell = &h->cells[lg_histogram_cell(value)];

    __atomic_store_n(cell, *cell + n, __ATOMIC_RELAXED);
    __atomic_store_n(&h->sum, h->sum + n * value, __ATOMIC_RELAXED);
}

/* Adds `from`, which may be written meanwhile, to `into`, of which the caller is the writer. */
void lg_histogram_merge(struct lg_histogram *into, const struct lg_histogram *from);
/* Forgets all; by its one writer. */
void lg_histogram_reset(struct lg_histogram *h);
uint64_t lg_histogram_count(const struct lg_histogram *h);
/* The least value of which at least `share` (0 to 1) of all are not larger, as its cell tells it;
 * 0: the smallest, 1: the largest. Of an empty one 0. */
uint64_t lg_histogram_quantile(const struct lg_histogram *h, double share);

#endif
