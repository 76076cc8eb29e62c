/* Open-loop schedules, and what they show that a closed loop hides. */
#include "base/schedule.h"

#include <math.h>

#include "test/test.h"

#define MS_NS 1000000ull
#define SECOND_NS 1000000000ull

static void fixed_gaps_do_not_drift(void **state)
{
    (void)state;
    struct lg_schedule s;
    uint64_t at = 0, n = 0;

    lg_schedule_init(&s, LG_SCHEDULE_FIXED, 30000, /* seed= */ 1, /* start_ns= */ 5);
    assert_false(lg_schedule_take(&s, 4, &at)); /* The caller waits until then. */
    assert_int_equal(s.next_ns, 5);
    while (lg_schedule_take(&s, 5 + 1000 * SECOND_NS, &at)) {
        assert_int_equal(at, 5 + (uint64_t)((double)n * (1e9 / 30000)));
        n++;
    }
    assert_int_equal(n, 30000 * 1000 + 1);
    assert_int_equal(at, 5 + 1000 * SECOND_NS);
}

static void poisson_gaps_are_exponential(void **state)
{
    (void)state;
    struct lg_schedule s, same;
    uint64_t at, before = 0, other, n = 0, over[3] = {0, 0, 0};
    double sum = 0, squares = 0;

    lg_schedule_init(&s, LG_SCHEDULE_POISSON, 20000, 9, 0);
    lg_schedule_init(&same, LG_SCHEDULE_POISSON, 20000, 9, 0);
    for (; n < 200000; n++) {
        double gap;

        assert_true(lg_schedule_take(&s, UINT64_MAX, &at));
        assert_true(lg_schedule_take(&same, UINT64_MAX, &other));
        assert_int_equal(at, other);
        gap = (double)(at - before);
        sum += gap;
        squares += gap * gap;
        for (int k = 0; k < 3; k++)
            over[k] += gap > 50000.0 * (k + 1);
        before = at;
    }
    sum /= (double)n;
    assert_true(sum > 49500 && sum < 50500); /* The mean ... */
    /* ... and the standard deviation are 1 / rate, and e^-k of the gaps are over k of them. */
    assert_true(fabs(sqrt(squares / (double)n - sum * sum) - 50000) < 1000);
    for (int k = 0; k < 3; k++)
        assert_true(fabs((double)over[k] / (double)n - exp(-(k + 1))) < 0.005);
}

static void what_is_not_due_is_not_taken(void **state)
{
    (void)state;
    struct lg_schedule s;
    uint64_t at, now = 100;

    lg_schedule_init(&s, LG_SCHEDULE_POISSON, 1000, 3, 100);
    for (int i = 0; i < 1000; i++) {
        while (!lg_schedule_take(&s, now, &at)) {
            assert_true(s.next_ns > now);
            now = s.next_ns;
        }
        assert_true(at <= now && at >= 100);
        now += MS_NS / 4;
    }
    assert_true(now > 800 * MS_NS && now < 1200 * MS_NS);
}

/* --- A server that answers in 100 us and stands still for a second of ten. ---------------------
 */

static uint64_t answered_at(uint64_t sent_ns)
{
    uint64_t stall_ns = 5 * SECOND_NS;

    return (sent_ns >= stall_ns && sent_ns < stall_ns + SECOND_NS ? stall_ns + SECOND_NS
                                                                  : sent_ns) +
           MS_NS / 10;
}

static void latency_from_the_intended_time_shows_a_stall_that_a_closed_loop_omits(void **state)
{
    (void)state;
    static struct lg_schedule_seen seen;
    static struct lg_histogram closed;
    struct lg_schedule s;
    uint64_t now = 0, at, done, free_ns = 0;

    while (now < 10 * SECOND_NS) { /* One at a time: 1 of 90,000 sees the stall. */
        done = answered_at(now);
        lg_histogram_add(&closed, done - now);
        now = done;
    }
    lg_schedule_init(&s, LG_SCHEDULE_POISSON, 5000, 1, 0);
    for (now = 0; now < 10 * SECOND_NS;) { /* One connection: it is sent when that is free. */
        if (!lg_schedule_take(&s, now, &at)) {
            now = s.next_ns;
            continue;
        }
        now = LG_MAX(now, free_ns);
        lg_schedule_sent(&seen, at, now);
        free_ns = answered_at(now);
        lg_schedule_answered(&seen, at, free_ns);
    }
    assert_true(lg_histogram_quantile(&closed, 0.9999) < MS_NS);
    /* A tenth of all is meant to be sent within that second, and half the server then goes into
     * catching up: a tenth waits for half a second and more. */
    assert_true(lg_histogram_quantile(&seen.latency_ns, 0.5) < MS_NS);
    assert_true(lg_histogram_quantile(&seen.latency_ns, 0.9) > 480 * MS_NS);
    assert_true(lg_histogram_quantile(&seen.latency_ns, 1) > 990 * MS_NS);
    assert_true(lg_histogram_quantile(&seen.late_ns, 0.99) > 900 * MS_NS);
    assert_int_equal(lg_histogram_count(&seen.latency_ns), s.taken - 1);
    lg_schedule_answered(&seen, 10, 9); /* Clocks of two cores. */
    assert_int_equal(lg_histogram_quantile(&seen.latency_ns, 0), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixed_gaps_do_not_drift),
        cmocka_unit_test(poisson_gaps_are_exponential),
        cmocka_unit_test(what_is_not_due_is_not_taken),
        cmocka_unit_test(latency_from_the_intended_time_shows_a_stall_that_a_closed_loop_omits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
