/* The thread of the hiccup meter: it measures, and it ends. */
#include "drivers/posix/hiccup_posix.h"

#include <sched.h>
#include <time.h>

#include "test/test.h"

static uint64_t now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void add_late(void *ctx, uint64_t due_ns, uint64_t woke_ns)
{
    *(uint64_t *)ctx += woke_ns - due_ns;
}

static void it_counts_one_wake_for_every_period(void **state)
{
    (void)state;
    struct lg_hiccup_posix *x;
    static struct lg_hiccup seen;
    struct lg_error err = {0};
    uint64_t before = now_ms(), late_ns = 0, from, to, n;

    assert_ok(lg_hiccup_posix_start(100000, add_late, &late_ns, &x, &err)); /* 0.1 ms */
    from = now_ms();
    while (now_ms() < from + 50)
        (void)sched_yield();
    lg_hiccup_posix_stop(x, &seen);
    to = now_ms();
    n = lg_histogram_count(&seen.stalls_ns);
    /* However late it woke: those that it missed count. */
    assert_true(n >= (50 - 1) * 10 && n <= (to - before + 1) * 10);
    assert_true(seen.longest_ns > 0);
    assert_true(late_ns >= seen.longest_ns);
}

static void it_ends_also_when_nobody_wants_to_know(void **state)
{
    (void)state;
    struct lg_hiccup_posix *x;
    struct lg_error err = {0};

    assert_ok(lg_hiccup_posix_start(LG_HICCUP_PERIOD_NS, NULL, NULL, &x, &err));
    lg_hiccup_posix_stop(x, NULL);
    lg_hiccup_posix_stop(NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_counts_one_wake_for_every_period),
        cmocka_unit_test(it_ends_also_when_nobody_wants_to_know),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
