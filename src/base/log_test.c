/* Tests of log lines, through a sink and through standard error. */
#include "test/test.h"

#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"

struct capture {
    int lines;
    enum lg_log_level level;
    char last[LG_LOG_LINE_MAX + 1];
};

static void keep(void *ctx, enum lg_log_level level, const char *line)
{
    struct capture *c = ctx;

    assert_true(strlen(line) < sizeof(c->last));
    memcpy(c->last, line, strlen(line) + 1);
    c->level = level;
    c->lines++;
}

static void a_line_has_level_event_and_text(void **state)
{
    (void)state;
    struct capture c = {0};

    lg_log_set_sink(keep, &c);
    errno = EBUSY;
    lg_log(LG_LOG_WARN, "push_failed", "store=%s version=%d", "cities", 1);
    assert_int_equal(errno, EBUSY);
    assert_string_equal(c.last, "warn push_failed store=cities version=1");
    assert_int_equal(c.level, LG_LOG_WARN);
    lg_log(LG_LOG_INFO, "started", "%s", "");
    assert_string_equal(c.last, "info started");
    lg_log_set_sink(NULL, NULL);
}

static void lines_below_the_level_are_dropped(void **state)
{
    (void)state;
    struct capture c = {0};

    lg_log_set_sink(keep, &c);
    lg_log(LG_LOG_DEBUG, "e", "x"); /* Info is where the level starts. */
    assert_int_equal(c.lines, 0);
    lg_log_set_level(LG_LOG_DEBUG);
    lg_log(LG_LOG_DEBUG, "e", "x");
    assert_int_equal(c.lines, 1);
    lg_log_set_level(LG_LOG_OFF);
    lg_log(LG_LOG_ERROR, "e", "x");
    lg_log(LG_LOG_OFF, "e", "x");
    assert_int_equal(c.lines, 1);
    lg_log_set_level(LG_LOG_INFO);
    lg_log_set_sink(NULL, NULL);
}

static void a_line_stays_one_line(void **state)
{
    (void)state;
    struct capture c = {0};

    lg_log_set_sink(keep, &c);
    lg_log(LG_LOG_INFO, "e", "a\nb\rc\td\x1b[0m\x7f!");
    assert_string_equal(c.last, "info e a b c d [0m !");
    lg_log_set_sink(NULL, NULL);
}

static void a_long_line_is_cut_with_dots(void **state)
{
    (void)state;
    struct capture c = {0};

    lg_log_set_sink(keep, &c);
    lg_log(LG_LOG_INFO, "e", "%*d", LG_LOG_LINE_MAX - 7, 1);
    assert_int_equal(strlen(c.last), LG_LOG_LINE_MAX);
    assert_string_equal(c.last + LG_LOG_LINE_MAX - 2, " 1");
    lg_log(LG_LOG_INFO, "e", "%0*d", LG_LOG_LINE_MAX - 6, 1);
    assert_int_equal(strlen(c.last), LG_LOG_LINE_MAX);
    assert_string_equal(c.last + LG_LOG_LINE_MAX - 4, "0...");
    lg_log_set_sink(NULL, NULL);
}

static void levels_are_found_by_name(void **state)
{
    (void)state;
    enum lg_log_level level = LG_LOG_WARN;

    assert_true(lg_log_level_from_name("debug", &level));
    assert_int_equal(level, LG_LOG_DEBUG);
    assert_true(lg_log_level_from_name("off", &level));
    assert_int_equal(level, LG_LOG_OFF);
    assert_false(lg_log_level_from_name("verbose", &level));
    assert_int_equal(level, LG_LOG_OFF);
}

static void standard_error_gets_the_time_and_a_newline(void **state)
{
    (void)state;
    int saved = dup(STDERR_FILENO), ends[2];
    char line[200] = {0};
    ssize_t n;

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    lg_log(LG_LOG_INFO, "push_completed", "store=cities");
    assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
    n = read(ends[0], line, sizeof(line) - 1);
    assert_int_equal(n, strlen("2026-11-21T03:40:02.123Z info push_completed store=cities\n"));
    assert_memory_equal(line, "20", 2);
    for (size_t i = 0; i < 24; i++) {
        char shape = "dddd-dd-ddTdd:dd:dd.dddZ"[i];

        if (shape == 'd')
            assert_in_range(line[i], '0', '9');
        else
            assert_int_equal(line[i], shape);
    }
    assert_string_equal(line + 24, " info push_completed store=cities\n");
    close(saved);
    close(ends[0]);
    close(ends[1]);
}

static void assert_time(uint64_t wall_ms, const char *want)
{
    char text[LG_LOG_TIME_MAX];

    lg_log_time(text, wall_ms);
    assert_string_equal(text, want);
}

static void times_are_utc_also_around_leap_days(void **state)
{
    (void)state;

    assert_time(0, "1970-01-01T00:00:00.000Z");
    assert_time(951782399999, "2000-02-28T23:59:59.999Z");
    assert_time(951782400000, "2000-02-29T00:00:00.000Z");
    assert_time(951868800000, "2000-03-01T00:00:00.000Z");
    assert_time(1732160402123, "2024-11-21T03:40:02.123Z");
    assert_time(4107542399000, "2100-02-28T23:59:59.000Z");
    assert_time(4107542400000, "2100-03-01T00:00:00.000Z");
    assert_time(1767225599999, "2025-12-31T23:59:59.999Z");
}

static void assert_line(struct capture *c, const char *want)
{
    assert_string_equal(c->last, want);
}

static void texts_are_quoted_when_they_need_it(void **state)
{
    (void)state;
    struct capture c = {0};

    lg_log_set_sink(keep, &c);
    lg_log(LG_LOG_INFO, "e", "a=%s b=%s c=%s", "x", "two words", "");
    assert_line(&c, "info e a=x b=\"two words\" c=\"\"");
    lg_log(LG_LOG_INFO, "e", "a=%s", "say \"no\" \\ = b=1");
    assert_line(&c, "info e a=\"say \\\"no\\\" \\\\ = b=1\"");
    lg_log(LG_LOG_INFO, "e", "a=%s", "line\nlevel=error");
    assert_line(&c, "info e a=\"line level=error\"");
    lg_log(LG_LOG_INFO, "e", "reason=\"%s\" n=%d", "it said \"no\"", 3);
    assert_line(&c, "info e reason=\"it said \\\"no\\\"\" n=3");
    lg_log(LG_LOG_INFO, "e", "a=%.*s/%s", 3, "abcdef",
           "g h"); /* A part of a value stays as it is. */
    assert_line(&c, "info e a=abc/g h");
    lg_log_set_sink(NULL, NULL);
}

static void every_kind_of_argument_is_printed(void **state)
{
    (void)state;
    struct capture c = {0};
    size_t size = 7;

    lg_log_set_sink(keep, &c);
    lg_log(LG_LOG_INFO, "e", "%d %u %lld %llu %ld %zu %c %% %s", -1, 4000000000u, -2LL,
           18446744073709551615ULL, 5L, size, 'c', "end");
    assert_line(&c, "info e -1 4000000000 -2 18446744073709551615 5 7 c % end");
    lg_log(LG_LOG_INFO, "e", "%016llx %05d|%-4d|%+d|%x %.3f %*d %.*s.", 0xabcULL, 42, 7, 7, 255,
           2.5, 4, 9, 2, "xyz");
    assert_line(&c, "info e 0000000000000abc 00042|7   |+7|ff 2.500    9 xy.");
    lg_log_set_sink(NULL, NULL);
}

static void a_module_may_have_a_level_of_its_own(void **state)
{
    (void)state;
    struct capture c = {0};
    struct lg_log_levels levels = {.modules = {{"net", LG_LOG_DEBUG}, {"base", LG_LOG_ERROR}},
                                   .count = 2};

    lg_log_set_sink(keep, &c);
    lg_log_set_modules(&levels);
    lg_log(LG_LOG_WARN, "e", "x"); /* This file is of base. */
    assert_int_equal(c.lines, 0);
    lg_log(LG_LOG_ERROR, "e", "x");
    assert_int_equal(c.lines, 1);
    lg_log_at("src/net/http.c", LG_LOG_DEBUG, "e", "x");
    assert_int_equal(c.lines, 2);
    lg_log_at("src/drivers/uv/lane.c", LG_LOG_DEBUG, "e", "x");
    assert_int_equal(c.lines, 2);
    assert_true(lg_log_wanted_at("/somewhere/src/drivers/uv/lane.c", LG_LOG_INFO));
    assert_false(lg_log_wanted_at("lane.c", LG_LOG_DEBUG));
    lg_log_set_modules(&(struct lg_log_levels){0});
    lg_log(LG_LOG_INFO, "e", "x");
    assert_int_equal(c.lines, 3);
    lg_log_set_sink(NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_has_level_event_and_text),
        cmocka_unit_test(lines_below_the_level_are_dropped),
        cmocka_unit_test(a_line_stays_one_line),
        cmocka_unit_test(a_long_line_is_cut_with_dots),
        cmocka_unit_test(levels_are_found_by_name),
        cmocka_unit_test(standard_error_gets_the_time_and_a_newline),
        cmocka_unit_test(times_are_utc_also_around_leap_days),
        cmocka_unit_test(texts_are_quoted_when_they_need_it),
        cmocka_unit_test(every_kind_of_argument_is_printed),
        cmocka_unit_test(a_module_may_have_a_level_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
