/* Tests of the board of checks behind /livez and /readyz. */
#include "test/test.h"

#include "base/health.h"

#define S UINT64_C(1000000)

static int set_up(void **state)
{
    (void)state;
    lg_health_reset();
    return 0;
}

static void assert_board(enum lg_health_kind kind, uint64_t now_us, bool verbose, bool ok,
                         const char *want)
{
    struct lg_buf out = {0};
    LG_AUTO_STR char *text = NULL;

    assert_int_equal(lg_health_write(&out, kind, now_us, verbose), ok);
    assert_int_equal(lg_health_ok(kind, now_us), ok);
    text = lg_buf_take_str(&out);
    assert_string_equal(text, want);
}

static void an_empty_board_is_fine(void **state)
{
    (void)state;
    assert_board(LG_HEALTH_READY, 0, false, true, "ok\n");
    assert_board(LG_HEALTH_LIVE, 0, true, true, "livez check passed\n");
}

static void every_check_has_a_line(void **state)
{
    (void)state;
    lg_health_set("metadata", true, "%s", "");
    lg_health_set("disk", true, "%u %% free", 40);
    assert_board(LG_HEALTH_READY, 0, true, true,
                 "[+]metadata ok\n[+]disk ok: 40 % free\nreadyz check passed\n");
    assert_board(LG_HEALTH_READY, 0, false, true, "ok\n");
    lg_health_set("disk", false, "low: %u %% free", 3);
    assert_board(LG_HEALTH_READY, 0, true, false,
                 "[+]metadata ok\n[-]disk low: 3 % free\nreadyz check failed\n");
    assert_board(LG_HEALTH_READY, 0, false, false, "[-]disk low: 3 % free\nreadyz check failed\n");
    lg_health_set("disk", false, "%s", "");
    assert_board(LG_HEALTH_READY, 0, false, false, "[-]disk failed\nreadyz check failed\n");
    lg_health_forget("disk");
    lg_health_forget("disk");
    assert_board(LG_HEALTH_READY, 0, false, true, "ok\n");
}

static void what_is_unnamed_has_the_checks_and_no_reasons(void **state)
{
    static const char *const want[] = {
        "[-]disk failed: reason withheld\nreadyz check failed\n",
        "[+]nodes ok\n[-]disk failed: reason withheld\nreadyz check failed\n"};

    (void)state;
    lg_health_set("nodes", true, "of cities at s0");
    for (unsigned verbose = 0; verbose < 2; verbose++) {
        LG_SCOPED(lg_buf) out = {0};

        lg_health_set("disk", true, "%s", "");
        assert_true(lg_health_write_unnamed(&out, LG_HEALTH_READY, 0, verbose != 0));
        lg_buf_clear(&out);
        lg_health_set("disk", false, "of s0 is low");
        assert_false(lg_health_write_unnamed(&out, LG_HEALTH_READY, 0, verbose != 0));
        lg_buf_append_byte(&out, 0);
        assert_string_equal((const char *)out.data, want[verbose]);
    }
}

static void who_is_silent_too_long_is_dead_and_not_ready(void **state)
{
    (void)state;
    lg_health_set("metadata", false, "not read");
    lg_health_beat("lane data", 5 * S);
    assert_board(LG_HEALTH_LIVE, 6 * S, true, true, "[+]lane data ok\nlivez check passed\n");
    assert_board(LG_HEALTH_LIVE, 4 * S, false, true, "ok\n"); /* Another lane's older clock. */
    assert_board(LG_HEALTH_LIVE, 26 * S, false, false,
                 "[-]lane data silent for 21 s\nlivez check failed\n");
    lg_health_set("metadata", true, "%s", "");
    assert_board(LG_HEALTH_READY, 26 * S, false, false,
                 "[-]lane data silent for 21 s\nreadyz check failed\n");
    lg_health_beat("lane data", 26 * S);
    assert_board(LG_HEALTH_READY, 26 * S, false, true, "ok\n");
}

static void a_warning_is_shown_and_fails_no_probe(void **state)
{
    (void)state;
    lg_health_warn("disk", false, "low: %u %% free", 3);
    assert_board(LG_HEALTH_READY, 0, true, true, "[-]disk low: 3 % free\nreadyz check passed\n");
    assert_board(LG_HEALTH_READY, 0, false, true, "ok\n");
    lg_health_warn("disk", true, "%s", "");
    assert_board(LG_HEALTH_READY, 0, true, true, "[+]disk ok\nreadyz check passed\n");
    lg_health_set("disk", false, "%s", "");
    assert_board(LG_HEALTH_READY, 0, false, false, "[-]disk failed\nreadyz check failed\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_empty_board_is_fine, set_up),
        cmocka_unit_test_setup(every_check_has_a_line, set_up),
        cmocka_unit_test_setup(a_warning_is_shown_and_fails_no_probe, set_up),
        cmocka_unit_test_setup(what_is_unnamed_has_the_checks_and_no_reasons, set_up),
        cmocka_unit_test_setup(who_is_silent_too_long_is_dead_and_not_ready, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
