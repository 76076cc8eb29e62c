/* Histograms against sorted values, and counts while several threads write and one merges. */
#include "base/histogram.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "base/rand.h"
#include "test/test.h"

static void cells_hold_what_lies_between_their_edges(void **state)
{
    (void)state;
    for (size_t cell = 0; cell + 1 < LG_HISTOGRAM_CELLS; cell++) {
        uint64_t high = lg_histogram_high(cell);

        assert_int_equal(lg_histogram_cell(high), cell);
        assert_int_equal(lg_histogram_cell(high + 1), cell + 1);
        if (cell > 0) /* Two values of one cell differ by 1/32 of the smaller one at most. */
            assert_true((high - lg_histogram_high(cell - 1) - 1) * 32 <=
                        lg_histogram_high(cell - 1));
    }
    assert_int_equal(lg_histogram_cell(0), 0);
    assert_int_equal(lg_histogram_cell(1), 0);
    assert_int_equal(lg_histogram_high(63), 64);
    assert_int_equal(lg_histogram_cell(LG_HISTOGRAM_VALUE_MAX), LG_HISTOGRAM_CELLS - 1);
    assert_int_equal(lg_histogram_cell(UINT64_MAX), LG_HISTOGRAM_CELLS - 1);
    assert_true(lg_histogram_high(LG_HISTOGRAM_CELLS - 1) == LG_HISTOGRAM_VALUE_MAX);
    assert_int_equal(sizeof(struct lg_histogram), 8192 + 8);
}

/* Edges in Prometheus' text are powers of two: they have to be edges of cells. */
static void powers_of_two_are_edges(void **state)
{
    (void)state;
    for (unsigned power = 0; power <= LG_HISTOGRAM_VALUE_BITS; power++) {
        uint64_t edge = (uint64_t)1 << power;

        assert_true(lg_histogram_high(lg_histogram_cell(edge)) == edge);
    }
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

#define VALUES 20000u

static void quantiles_are_those_of_the_sorted_values_within_a_32nd(void **state)
{
    (void)state;
    static const double shares[] = {0, 0.0001, 0.5, 0.9, 0.99, 0.999, 0.9999, 1};
    static uint64_t values[VALUES];
    static struct lg_histogram h;
    struct lg_rand rand;

    lg_rand_seed(&rand, 1);
    for (unsigned bits = 1; bits <= LG_HISTOGRAM_VALUE_BITS; bits += 5) {
        lg_histogram_reset(&h);
        for (size_t i = 0; i < VALUES; i++) {
            values[i] = lg_rand_next(&rand) >> (64 - bits) >> lg_rand_below(&rand, bits);
            lg_histogram_add(&h, values[i]);
        }
        qsort(values, VALUES, sizeof values[0], by_size);
        for (size_t s = 0; s < LG_ARRAY_SIZE(shares); s++) {
            double rank = shares[s] * VALUES;
            size_t at = (size_t)rank + ((double)(size_t)rank < rank ? 1 : 0);
            uint64_t want = values[at == 0 ? 0 : at - 1];
            uint64_t got = lg_histogram_quantile(&h, shares[s]);

            assert_in_range(got, LG_MAX(want, (uint64_t)1), LG_MAX(want + want / 32, (uint64_t)1));
        }
    }
}

static void ranks_are_exact(void **state)
{
    (void)state;
    static struct lg_histogram h, hundred;

    for (uint64_t i = 1; i <= 10; i++)
        lg_histogram_add(&h, i);
    assert_int_equal(lg_histogram_quantile(&h, 0), 1);
    assert_int_equal(lg_histogram_quantile(&h, 0.1), 1);
    assert_int_equal(lg_histogram_quantile(&h, 0.11), 2);
    assert_int_equal(lg_histogram_quantile(&h, 0.5), 5);
    assert_int_equal(lg_histogram_quantile(&h, 0.9), 9);
    assert_int_equal(lg_histogram_quantile(&h, 0.91), 10);
    assert_int_equal(lg_histogram_quantile(&h, 1), 10);
    for (uint64_t i = 1; i <= 100; i++) /* Values of 36 bits, far apart. */
        lg_histogram_add(&hundred, i < 64 ? i : i << 20);
    for (int i = 1; i < 64; i++)
        assert_int_equal(lg_histogram_quantile(&hundred, i / 100.0), i);
}

static void an_empty_one_has_no_values(void **state)
{
    (void)state;
    static struct lg_histogram h;

    assert_int_equal(lg_histogram_quantile(&h, 0.5), 0);
    assert_int_equal(lg_histogram_count(&h), 0);
    lg_histogram_add(&h, UINT64_MAX / 2);
    assert_true(lg_histogram_quantile(&h, 0.5) == LG_HISTOGRAM_VALUE_MAX);
    lg_histogram_reset(&h);
    assert_int_equal(lg_histogram_count(&h), 0);
    assert_int_equal(h.sum, 0);
}

static void what_is_merged_is_as_if_it_had_been_recorded_there(void **state)
{
    (void)state;
    static struct lg_histogram parts[3], all, merged;
    struct lg_rand rand;

    lg_rand_seed(&rand, 2);
    for (int i = 0; i < 10000; i++) {
        uint64_t value = lg_rand_next(&rand) >> lg_rand_below(&rand, 64);

        value &= ((uint64_t)1 << 40) - 1; /* So that the sum does not wrap. */
        lg_histogram_add(&parts[i % 3], value);
        lg_histogram_add_n(&all, value, 1);
    }
    lg_histogram_add_n(&all, 77, 5);
    for (int i = 0; i < 5; i++)
        lg_histogram_add(&parts[1], 77);
    for (int i = 0; i < 3; i++)
        lg_histogram_merge(&merged, &parts[i]);
    assert_memory_equal(&merged, &all, sizeof all);
    assert_int_equal(lg_histogram_count(&merged), 10005);
}

/* --- Threads -------------------------------------------------------------------------------- */

#define WRITERS 3
#define EACH 300000u

static struct lg_histogram lanes[WRITERS];

static void *record(void *ctx)
{
    struct lg_histogram *h = ctx;

    for (uint64_t i = 0; i < EACH; i++)
        lg_histogram_add(h, i % 1000);
    return NULL;
}

static void counts_are_exact_while_one_reads(void **state)
{
    (void)state;
    static struct lg_histogram seen;
    pthread_t threads[WRITERS];
    uint64_t before = 0, now;

    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, record, &lanes[i]), 0);
    do { /* Never less than a moment ago. */
        lg_histogram_reset(&seen);
        for (int i = 0; i < WRITERS; i++)
            lg_histogram_merge(&seen, &lanes[i]);
        now = lg_histogram_count(&seen);
        assert_true(now >= before);
        assert_true(lg_histogram_quantile(&seen, 1) <= 1008);
        before = now;
        (void)sched_yield();
    } while (now < WRITERS * EACH);
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(now, WRITERS * EACH);
    lg_histogram_reset(&seen);
    for (int i = 0; i < WRITERS; i++)
        lg_histogram_merge(&seen, &lanes[i]);
    assert_int_equal(seen.sum, WRITERS * (EACH / 1000) * 999 * 500);
    assert_in_range(lg_histogram_quantile(&seen, 0.5), 499, 512);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_hold_what_lies_between_their_edges),
        cmocka_unit_test(powers_of_two_are_edges),
        cmocka_unit_test(quantiles_are_those_of_the_sorted_values_within_a_32nd),
        cmocka_unit_test(ranks_are_exact),
        cmocka_unit_test(an_empty_one_has_no_values),
        cmocka_unit_test(what_is_merged_is_as_if_it_had_been_recorded_there),
        cmocka_unit_test(counts_are_exact_while_one_reads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
