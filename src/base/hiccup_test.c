/* What a do-nothing probe notes of simulated stalls, and the verdicts that follow from it. */
#include "base/hiccup.h"

#include "base/rand.h"
#include "test/test.h"

#define US_NS 1000ull
#define MS_NS 1000000ull
#define SECOND_NS 1000000000ull

static struct lg_hiccup h;
static struct lg_histogram latency;

static unsigned late_times;
static uint64_t late_from_ns, late_to_ns;

static void note_late(void *ctx, uint64_t due_ns, uint64_t woke_ns)
{
    (void)ctx;
    late_times++;
    late_from_ns = due_ns;
    late_to_ns = woke_ns;
}

static int set_up(void **state)
{
    (void)state;
    lg_hiccup_init(&h, MS_NS, 0, note_late, NULL);
    lg_histogram_reset(&latency);
    late_times = 0;
    return 0;
}

/* The probe sleeps as it should until then, and wakes 10 us late each time. */
static void run_until(uint64_t end_ns)
{
    while (h.next_ns < end_ns)
        lg_hiccup_woke(&h, h.next_ns + 10 * US_NS);
}

static void a_quiet_machine_has_short_stalls(void **state)
{
    (void)state;
    run_until(10 * SECOND_NS);
    assert_int_equal(lg_histogram_count(&h.stalls_ns), 9999);
    assert_in_range(lg_histogram_quantile(&h.stalls_ns, 1), 10000, 10240);
    assert_int_equal(h.longest_ns, 10000);
    lg_hiccup_woke(&h, h.next_ns - 1); /* Too early: a signal. */
    assert_int_equal(lg_histogram_count(&h.stalls_ns), 9999);
}

static void a_stall_counts_for_every_moment_that_it_hides(void **state)
{
    (void)state;
    run_until(9 * SECOND_NS);
    lg_hiccup_woke(&h, h.next_ns + 1 * SECOND_NS); /* A tenth of the time. */
    assert_int_equal(lg_histogram_count(&h.stalls_ns), 8999 + 1001);
    assert_int_equal(h.next_ns, 9 * SECOND_NS + 1001 * MS_NS);
    assert_in_range(lg_histogram_quantile(&h.stalls_ns, 0.89), 10000, 10240);
    assert_in_range(lg_histogram_quantile(&h.stalls_ns, 0.95), 500 * MS_NS, 516 * MS_NS);
    assert_in_range(lg_histogram_quantile(&h.stalls_ns, 1), SECOND_NS, SECOND_NS + SECOND_NS / 32);
    run_until(11 * SECOND_NS);
    assert_int_equal(h.longest_ns, SECOND_NS);
}

static void who_asks_is_told_when_it_was_late(void **state)
{
    (void)state;
    lg_hiccup_woke(&h, h.next_ns);
    lg_hiccup_woke(&h, h.next_ns - 1);
    assert_int_equal(late_times, 0);
    lg_hiccup_woke(&h, h.next_ns + 3 * MS_NS + 5);
    assert_int_equal(late_times, 1);
    assert_int_equal(late_from_ns, 2 * MS_NS);
    assert_int_equal(late_to_ns, 5 * MS_NS + 5);
    lg_hiccup_woke(&h, h.next_ns + 1);
    assert_int_equal(late_times, 2);
    assert_int_equal(late_from_ns, 6 * MS_NS);
    assert_int_equal(late_to_ns, 6 * MS_NS + 1);
}

static void a_stall_of_hours_is_noted_in_bounded_time(void **state)
{
    (void)state;
    lg_hiccup_woke(&h, 3600 * SECOND_NS);
    assert_int_equal(lg_histogram_count(&h.stalls_ns), 3600 * 1000);
    assert_int_equal(h.next_ns, 3600 * SECOND_NS + MS_NS);
    assert_int_equal(h.longest_ns, 3600 * SECOND_NS - MS_NS);
}

static void answers(uint64_t n, uint64_t ns)
{
    lg_histogram_add_n(&latency, ns, n);
}

static enum lg_verdict judge(struct lg_error *why)
{
    return lg_hiccup_judge(&h, &latency, 0.999, MS_NS, why);
}

static void a_run_within_the_bar_passes(void **state)
{
    (void)state;
    struct lg_error why = {0};

    answers(99950, 100 * US_NS);
    answers(50, 5 * MS_NS);
    run_until(SECOND_NS);
    lg_hiccup_woke(&h, h.next_ns + 50 * MS_NS); /* In spite of it. */
    assert_int_equal(judge(&why), LG_VERDICT_PASS);
    assert_string_equal(why.text, "PASS: within the bar (answers 100.4 us, stalls of the machine "
                                  "49283.1 us, bar 1000.0 us)");
    assert_int_equal(judge(NULL), LG_VERDICT_PASS);
}

static void a_run_over_the_bar_fails_when_the_machine_ran(void **state)
{
    (void)state;
    struct lg_error why = {0};

    answers(99000, 100 * US_NS);
    answers(1000, 5 * MS_NS);
    run_until(60 * SECOND_NS);
    lg_hiccup_woke(&h, h.next_ns + 40 * MS_NS); /* 40 of 60,000: rarer than what is judged. */
    assert_int_equal(judge(&why), LG_VERDICT_FAIL);
    assert_non_null(strstr(why.text, "FAIL: over the bar"));
}

static void a_run_over_the_bar_is_void_when_the_machine_stalled(void **state)
{
    (void)state;
    struct lg_error why = {0};

    answers(99000, 100 * US_NS);
    answers(1000, 5 * MS_NS);
    run_until(59 * SECOND_NS);
    lg_hiccup_woke(&h, h.next_ns + 100 * MS_NS);
    assert_int_equal(judge(&why), LG_VERDICT_VOID);
    assert_non_null(strstr(why.text, "VOID: the machine itself stalled"));
}

static void without_a_bar_only_the_machine_voids_a_run(void **state)
{
    (void)state;
    struct lg_error why = {0};

    answers(10000, 100 * US_NS);
    run_until(60 * SECOND_NS);
    assert_int_equal(lg_hiccup_judge(&h, &latency, 0.999, 0, &why), LG_VERDICT_PASS);
    assert_string_equal(why.text, "PASS: the machine ran (answers 100.4 us, stalls of the machine "
                                  "10.2 us)");
    lg_hiccup_woke(&h, h.next_ns + 100 * MS_NS);
    assert_int_equal(lg_hiccup_judge(&h, &latency, 0.999, 0, &why), LG_VERDICT_VOID);
    assert_non_null(strstr(why.text, "VOID: the machine itself stalled"));
    assert_null(strstr(why.text, "bar"));
}

static void too_few_values_say_nothing(void **state)
{
    (void)state;
    struct lg_error why = {0};

    answers(9999, 100 * US_NS);
    run_until(60 * SECOND_NS);
    assert_int_equal(judge(&why), LG_VERDICT_VOID);
    assert_non_null(strstr(why.text, "too few answers"));
    answers(1, 100 * US_NS);
    assert_int_equal(judge(&why), LG_VERDICT_PASS);
    answers(100000, 5 * MS_NS);
    assert_int_equal(judge(&why), LG_VERDICT_FAIL);
    lg_hiccup_init(&h, MS_NS, 0, note_late, NULL);
    run_until(SECOND_NS);
    assert_int_equal(judge(&why), LG_VERDICT_VOID);
    assert_non_null(strstr(why.text, "too short"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, set_up)
    const struct CMUnitTest tests[] = {
        TEST(a_quiet_machine_has_short_stalls),
        TEST(a_stall_counts_for_every_moment_that_it_hides),
        TEST(who_asks_is_told_when_it_was_late),
        TEST(a_stall_of_hours_is_noted_in_bounded_time),
        TEST(a_run_within_the_bar_passes),
        TEST(a_run_over_the_bar_fails_when_the_machine_ran),
        TEST(a_run_over_the_bar_is_void_when_the_machine_stalled),
        TEST(without_a_bar_only_the_machine_voids_a_run),
        TEST(too_few_values_say_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
