#include "base/histogram.h"

#include <math.h>

uint64_t lg_histogram_high(size_t cell)
{
    size_t shift;

    assert(cell < LG_HISTOGRAM_CELLS);
    if (cell < (size_t)2 << LG_HISTOGRAM_BITS)
        return cell + 1;
    shift = (cell >> LG_HISTOGRAM_BITS) - 1;
    return ((uint64_t)(cell - (shift << LG_HISTOGRAM_BITS)) + 1) << shift;
}

void lg_histogram_merge(struct lg_histogram *into, const struct lg_histogram *from)
{
    for (size_t i = 0; i < LG_HISTOGRAM_CELLS; i++) {
        uint64_t n = __atomic_load_n(&from->cells[i], __ATOMIC_RELAXED);

        if (n != 0)
            __atomic_store_n(&into->cells[i], into->cells[i] + n, __ATOMIC_RELAXED);
    }
    __atomic_store_n(&into->sum, into->sum + __atomic_load_n(&from->sum, __ATOMIC_RELAXED),
                     __ATOMIC_RELAXED);
}

void lg_histogram_reset(struct lg_histogram *h)
{
    for (size_t i = 0; i < LG_HISTOGRAM_CELLS; i++)
        __atomic_store_n(&h->cells[i], 0, __ATOMIC_RELAXED);
    __atomic_store_n(&h->sum, 0, __ATOMIC_RELAXED);
}

uint64_t lg_histogram_count(const struct lg_histogram *h)
{
    uint64_t n = 0;

    for (size_t i = 0; i < LG_HISTOGRAM_CELLS; i++)
        n += __atomic_load_n(&h->cells[i], __ATOMIC_RELAXED);
    return n;
}

/* A writer may add between the count and the walk: then the last cell that holds something is the
 * answer at the latest. */
uint64_t lg_histogram_quantile(const struct lg_histogram *h, double share)
{
    /* 0.07 * 100 is more than 7. */
    double wanted = ceil(share * (double)lg_histogram_count(h) - 1e-6);
    uint64_t rank = wanted < 1 ? 1 : (uint64_t)wanted, seen = 0, last = 0;

    for (size_t i = 0; i < LG_HISTOGRAM_CELLS; i++) {
        uint64_t n = __atomic_load_n(&h->cells[i], __ATOMIC_RELAXED);

        seen += n;
        if (n != 0)
            last = lg_histogram_high(i);
        if (seen >= rank && n != 0)
            break;
    }
    return last;
}
