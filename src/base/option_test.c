/* Tests of the option tables: every type, every refusal, files and flags. */
#include "test/test.h"

#include "base/option.h"

#define ROWS(X)                                                                                    \
    X(verbose, boolean, false, 0, 1, LIVE, "Say more.")                                            \
    X(http_port, u32, 7777, 0, 65535, START, "Port of the front end; 0 picks a free one.")         \
    X(total_limit, u64, 10, 1, UINT64_MAX, LIVE, "A large number.")                                \
    X(grace, duration, 30000, 1, 86400000, LIVE, "Waits so long.")                                 \
    X(drain_grace_ms, duration, 15000, 0, 600000, LIVE, "Answers so long.")                        \
    X(cache, size, 64 << 20, 1 << 20, (uint64_t)1 << 40, START, "Memory for blocks.")              \
    X(block_bytes, size, 4096, 512, 65536, START, "Size of a block.")                              \
    X(data, str, NULL, 1, 100, START, "The data directory.")                                       \
    X(owner, str, "nobody", 0, 10, LIVE, "Who is responsible.")

struct options {
    ROWS(LG_OPTION_FIELD)
};
#define ROW(...) LG_OPTION_ROW(struct options, __VA_ARGS__)
static const struct lg_option rows[] = {ROWS(ROW)};
static const struct lg_option_table table = {.rows = rows, .n = LG_ARRAY_SIZE(rows)};

static int set_up(void **state)
{
    struct options *o = lg_new(struct options);

    lg_options_init(&table, o);
    *state = o;
    return 0;
}

static int tear_down(void **state)
{
    lg_options_done(&table, *state);
    lg_free(*state);
    return 0;
}

static void assert_set_refused(struct options *o, const char *name, const char *text,
                               const char *sentence)
{
    struct lg_error err = {0};

    assert_rc(LG_ERR_INVALID, lg_option_set(&table, o, name, lg_slice_str(text), &err));
    assert_string_equal(err.text, sentence);
}

static void fields_begin_with_their_defaults(void **state)
{
    struct options *o = *state;

    assert_false(o->verbose);
    assert_int_equal(o->http_port, 7777);
    assert_int_equal(o->total_limit, 10);
    assert_int_equal(o->grace, 30000);
    assert_int_equal(o->cache, 64 << 20);
    assert_null(o->data);
    assert_string_equal(o->owner, "nobody");
    assert_int_equal(lg_option_find(&table, "http_port")->when, LG_OPTION_START);
    assert_int_equal(lg_option_find(&table, "drain-grace-ms")->when, LG_OPTION_LIVE);
}

static void every_type_is_read_from_text(void **state)
{
    static const char *const good[][2] = {
        {"verbose", "true"},    {"http_port", "65535"}, {"total_limit", "18446744073709551615"},
        {"grace", "24h"},       {"cache", "1TiB"},      {"drain_grace_ms", "0"},
        {"block_bytes", "512"}, {"data", "/a b"},       {"owner", ""}};
    struct options *o = *state;
    struct lg_error err = {0};

    for (size_t i = 0; i < LG_ARRAY_SIZE(good); i++)
        assert_ok(lg_option_set(&table, o, good[i][0], lg_slice_str(good[i][1]), &err));
    assert_true(o->verbose);
    assert_int_equal(o->http_port, 65535);
    assert_true(o->total_limit == UINT64_MAX);
    assert_int_equal(o->grace, 86400000);
    assert_true(o->cache == (uint64_t)1 << 40);
    assert_int_equal(o->drain_grace_ms, 0);
    assert_int_equal(o->block_bytes, 512);
    assert_string_equal(o->data, "/a b");
    assert_string_equal(o->owner, "");
    assert_ok(lg_option_set(&table, o, "grace", LG_LIT("1500ms"), &err));
    assert_int_equal(o->grace, 1500);
    assert_ok(lg_option_set(&table, o, "grace", LG_LIT("2m"), &err));
    assert_int_equal(o->grace, 120000);
    assert_ok(lg_option_set(&table, o, "verbose", LG_LIT("false"), &err));
    assert_false(o->verbose);
}

static void values_out_of_range_are_refused_with_key_value_and_range(void **state)
{
    struct options *o = *state;

    assert_set_refused(o, "http_port", "65536", "http_port: 65536 is out of range (0 to 65535)");
    assert_set_refused(o, "total_limit", "0",
                       "total_limit: 0 is out of range (1 to 18446744073709551615)");
    assert_set_refused(o, "total_limit", "18446744073709551616",
                       "total_limit: 18446744073709551616 is out of range (1 to "
                       "18446744073709551615)");
    assert_set_refused(o, "grace", "25h", "grace: 25h is out of range (1ms to 1d)");
    assert_set_refused(o, "grace", "0s", "grace: 0s is out of range (1ms to 1d)");
    assert_set_refused(o, "cache", "1KiB", "cache: 1KiB is out of range (1MiB to 1TiB)");
    assert_set_refused(o, "cache", "99999999999TiB",
                       "cache: 99999999999TiB is out of range (1MiB to 1TiB)");
    assert_set_refused(o, "drain_grace_ms", "600001",
                       "drain_grace_ms: 600001 is out of range (0 to 600000)");
    assert_set_refused(o, "owner", "12345678901",
                       "owner: a text of 11 bytes is out of range (0 to 10 bytes)");
    assert_int_equal(o->http_port, 7777);
    assert_string_equal(o->owner, "nobody");
}

static void text_of_another_type_is_refused_and_units_are_asked_for(void **state)
{
    struct options *o = *state;
    struct lg_error err = {0};

    assert_set_refused(o, "verbose", "yes", "verbose: 'yes' is not true or false");
    assert_set_refused(o, "http_port", "80x", "http_port: '80x' is not a whole number");
    assert_set_refused(o, "http_port", "", "http_port: '' is not a whole number");
    assert_set_refused(o, "http_port", "-1", "http_port: '-1' is not a whole number");
    assert_set_refused(o, "grace", "30",
                       "grace: '30' is not a time with a unit: ms, s, m, h or d, as in 30s");
    assert_set_refused(o, "grace", "s",
                       "grace: 's' is not a time with a unit: ms, s, m, h or d, as in 30s");
    assert_set_refused(o, "grace", "1MiB",
                       "grace: '1MiB' is not a time with a unit: ms, s, m, h or d, as in 30s");
    assert_set_refused(
        o, "cache", "64M",
        "cache: '64M' is not a size with a unit: B, KiB, MiB, GiB or TiB, as in 64MiB");
    assert_set_refused(o, "drain_grace_ms", "15s",
                       "drain_grace_ms: '15s' is not a number of milliseconds without a unit");
    assert_set_refused(o, "block_bytes", "4KiB",
                       "block_bytes: '4KiB' is not a number of bytes without a unit");
    assert_rc(LG_ERR_INVALID, lg_option_set(&table, o, "data", lg_slice("a\0b", 3), &err));
    assert_string_equal(err.text, "data: the text holds a NUL byte");
}

static bool others_have_data_dir(struct lg_buf *out, struct lg_slice name)
{
    if (!lg_slice_eq_str(name, "data.dir") && !lg_slice_eq_str(name, "http-por"))
        return false;
    lg_buf_append_str(out, "lagoon server");
    return true;
}

static void an_option_of_somebody_else_is_told_with_his_name(void **state)
{
    static const struct lg_option_table shared = {
        .rows = rows, .n = LG_ARRAY_SIZE(rows), .owners = others_have_data_dir};
    char *flags[] = {(char *)"--http-por=1"};
    struct options *o = *state;
    struct lg_error err = {0};

    assert_rc(LG_ERR_INVALID,
              lg_options_parse_file(&shared, o, LG_LIT("\ndata.dir = /x\n"), "a.conf", &err));
    assert_string_equal(err.text, "a.conf:2: unknown option 'data.dir': it goes with lagoon "
                                  "server; --help lists those that go here");
    /* Rather than what is only like it. */
    assert_rc(LG_ERR_INVALID, lg_options_parse_flags(&shared, o, 1, flags, &err));
    assert_string_equal(err.text, "unknown option '--http-por': it goes with lagoon server; --help "
                                  "lists those that go here");
    assert_rc(LG_ERR_INVALID, lg_option_set(&shared, o, "grase", LG_LIT("1s"), &err));
    assert_string_equal(err.text, "unknown option 'grase'; did you mean 'grace'?");
}

static void an_unknown_option_gives_the_nearest_right_one(void **state)
{
    struct options *o = *state;

    assert_set_refused(o, "htpp_port", "1",
                       "unknown option 'htpp_port'; did you mean 'http_port'?");
    assert_set_refused(o, "zzzzzz", "1", "unknown option 'zzzzzz'; --help lists all");
    assert_set_refused(o, "http_por", "1", "unknown option 'http_por'; did you mean 'http_port'?");
    assert_null(lg_option_find(&table, "http_portx"));
    assert_null(lg_option_find(&table, ""));
}

static void a_file_sets_options_line_by_line(void **state)
{
    struct options *o = *state;
    struct lg_error err = {0};

    assert_ok(lg_options_parse_file(&table, o,
                                    LG_LIT("# Comment = 1\n\n  http_port=80\r\n"
                                           "\tdata =  /var/x = y # z \n"
                                           "owner =\n"
                                           "drain-grace-ms = 5"),
                                    "a.conf", &err));
    assert_int_equal(o->http_port, 80);
    assert_string_equal(o->data, "/var/x = y # z");
    assert_string_equal(o->owner, "");
    assert_int_equal(o->drain_grace_ms, 5);
    assert_ok(lg_options_parse_file(&table, o, LG_SLICE_NULL, "a.conf", &err));
}

static void assert_file_refused(struct options *o, const char *text, const char *sentence)
{
    struct lg_error err = {0};

    assert_rc(LG_ERR_INVALID, lg_options_parse_file(&table, o, lg_slice_str(text), "a.conf", &err));
    assert_string_equal(err.text, sentence);
    assert_int_equal(o->http_port, 7777); /* All or nothing. */
}

static void a_bad_line_is_named_and_nothing_of_the_file_is_taken(void **state)
{
    struct options *o = *state;
    struct lg_error err = {0};

    assert_file_refused(o, "http_port = 1\nwhat\n",
                        "a.conf:2: expected 'key = value', found 'what'");
    assert_file_refused(o, "http_port = 1\n\ngrase = 2s\n",
                        "a.conf:3: unknown option 'grase'; did you mean 'grace'?");
    assert_file_refused(o, "http_port = 1\n = 2s\n",
                        "a.conf:2: unknown option ''; --help lists all");
    assert_file_refused(o, "http_port = 1\nhttp-port = 1\n",
                        "a.conf:2: http_port is given twice, first on line 1");
    assert_file_refused(o, "http_port = 1\nverbose\0 = 1\n",
                        "a.conf:2: expected 'key = value', found 'verbose'");
    assert_file_refused(o, "http_port = 1\ngrace = 2d",
                        "a.conf:2: grace: 2d is out of range (1ms to 1d)");
    assert_rc(LG_ERR_INVALID, lg_options_parse_file(&table, o, LG_LIT("x"), "a.conf", NULL));
    assert_rc(LG_ERR_TOO_LARGE,
              lg_options_parse_file(&table, o, lg_slice("", LG_OPTION_FILE_BYTES_MAX + 1), "a.conf",
                                    &err));
    assert_string_equal(err.text, "a.conf: 1048577 bytes are over the limit of 1048576");
}

static enum lg_rc flags(struct options *o, const char *const *argv, struct lg_error *err)
{
    char *copy[8];
    int argc = 0;

    for (; argv[argc] != NULL; argc++)
        copy[argc] = (char *)(uintptr_t)argv[argc];
    return lg_options_parse_flags(&table, o, argc, copy, err);
}

static void flags_take_values_after_a_blank_or_an_equals_sign(void **state)
{
    const char *const argv[] = {
        "--http-port", "1", "--http-port=2", "--verbose", "--data=a=b", "--owner", "-", NULL};
    const char *const off[] = {"--verbose=false", "--owner=", NULL}, *const none[] = {NULL};
    struct options *o = *state;
    struct lg_error err = {0};

    assert_ok(flags(o, argv, &err));
    assert_int_equal(o->http_port, 2); /* The last wins. */
    assert_true(o->verbose);
    assert_string_equal(o->data, "a=b");
    assert_string_equal(o->owner, "-");
    assert_ok(flags(o, off, &err));
    assert_false(o->verbose);
    assert_string_equal(o->owner, "");
    assert_ok(flags(o, none, &err));
}

static void bad_flags_are_refused_and_nothing_is_taken(void **state)
{
    static const char *const bad[][4] = {
        {"--http-port=1", "--grase=2s", NULL, "unknown option '--grase'; did you mean '--grace'?"},
        {"--http-port=1", "--drain-grase-ms", NULL,
         "unknown option '--drain-grase-ms'; did you mean '--drain-grace-ms'?"},
        {"--http-port=1", "extra", NULL, "unexpected argument 'extra'; options begin with --"},
        {"--http-port=1", "--", NULL, "unexpected argument '--'; options begin with --"},
        {"--http-port=1", "-v", NULL, "unexpected argument '-v'; options begin with --"},
        {"--verbose", "false", NULL, "--verbose takes its value behind `=`: --verbose=false"},
        {"--verbose", "true", NULL, "--verbose takes its value behind `=`: --verbose=true"},
        {"--verbose", "extra", NULL, "unexpected argument 'extra'; options begin with --"},
        {"--http-port=1", "--data", NULL, "--data needs a value"},
        {"--data", "--http-port=1", NULL, "--data needs a value"},
        {"--http-port=1", "--data=", NULL,
         "data: a text of 0 bytes is out of range (1 to 100 bytes)"},
    };
    struct options *o = *state;

    for (size_t i = 0; i < LG_ARRAY_SIZE(bad); i++) {
        struct lg_error err = {0};

        assert_rc(LG_ERR_INVALID, flags(o, bad[i], &err));
        assert_string_equal(err.text, bad[i][3]);
        assert_int_equal(o->http_port, 7777);
    }
}

static void shown_values_read_back_the_same(void **state)
{
    static const char *const values[][2] = {
        {"verbose", "true"},   {"http_port", "80"}, {"grace", "90s"},
        {"grace", "1d"},       {"grace", "1001ms"}, {"cache", "3MiB"},
        {"cache", "1048577B"}, {"owner", "me"},     {"block_bytes", "4096"}};
    struct options *o = *state;
    struct lg_error err = {0};

    for (size_t i = 0; i < LG_ARRAY_SIZE(values); i++) {
        LG_SCOPED(lg_buf) out = {0};

        assert_ok(lg_option_set(&table, o, values[i][0], lg_slice_str(values[i][1]), &err));
        lg_option_format(&out, lg_option_find(&table, values[i][0]), o);
        assert_slice_equal(lg_buf_slice(&out), lg_slice_str(values[i][1]));
    }
}

static void an_unset_text_is_shown_as_nothing(void **state)
{
    LG_SCOPED(lg_buf) out = {0};

    lg_option_format(&out, lg_option_find(&table, "data"), *state);
    assert_int_equal(out.size, 0);
}

static void help_lists_every_flag_with_default_and_range(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) out = {0};

    lg_options_help(&out, &table);
    assert_slice_equal(
        lg_buf_slice(&out),
        LG_LIT("  --verbose  (default false)\n      Say more.\n"
               "  --http-port N  (default 7777, 0 to 65535)\n"
               "      Port of the front end; 0 picks a free one.\n"
               "  --total-limit N  (default 10, 1 to 18446744073709551615)\n"
               "      A large number.\n"
               "  --grace TIME  (default 30s, 1ms to 1d)\n      Waits so long.\n"
               "  --drain-grace-ms TIME  (default 15000, 0 to 600000)\n      Answers so long.\n"
               "  --cache SIZE  (default 64MiB, 1MiB to 1TiB)\n      Memory for blocks.\n"
               "  --block-bytes SIZE  (default 4096, 512 to 65536)\n      Size of a block.\n"
               "  --data TEXT\n      The data directory.\n"
               "  --owner TEXT  (default 'nobody')\n      Who is responsible.\n"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* Venice's keys: words between dots, and units at the end of the name. */
struct keyed {
    uint64_t delay, period, cache;
};
static const struct lg_option keyed_rows[] = {
    LG_OPTION_KEYED_ROW(struct keyed, delay, "delay.to.rebalance.ms", duration, 1800000, 0,
                        86400000, START, "Waits so long.")
        LG_OPTION_KEYED_ROW(struct keyed, period, "graceful.period.in.seconds", duration, 30000, 0,
                            3600000, LIVE, "Answers so long.")
            LG_OPTION_KEYED_ROW(struct keyed, cache, "cache.size.in.bytes", size, 4096, 512, 65536,
                                START, "Memory for blocks.")};
static const struct lg_option_table keyed_table = {.rows = keyed_rows,
                                                   .n = LG_ARRAY_SIZE(keyed_rows)};

static void keys_with_dots_are_found_however_they_are_spelt(void **state)
{
    struct keyed o;
    struct lg_error err = {0};
    LG_SCOPED(lg_buf) text = {0};

    (void)state;
    lg_options_init(&keyed_table, &o);
    assert_ok(lg_option_set(&keyed_table, &o, "delay-to-rebalance-ms", LG_LIT("5"), &err));
    assert_int_equal(o.delay, 5);
    assert_ok(lg_option_set(&keyed_table, &o, "delay_to_rebalance_ms", LG_LIT("6"), &err));
    assert_int_equal(o.delay, 6);
    assert_ok(lg_option_set(&keyed_table, &o, "graceful.period.in.seconds", LG_LIT("7"), &err));
    assert_int_equal(o.period, 7000);
    lg_option_format(&text, &keyed_rows[1], &o);
    assert_true(lg_slice_eq_str(lg_buf_slice(&text), "7"));
    assert_rc(LG_ERR_INVALID, lg_option_set(&keyed_table, &o, "graceful.period.in.seconds",
                                            LG_LIT("18446744073709551615"), &err));
    assert_string_equal(err.text, "graceful.period.in.seconds: 18446744073709551615 is out of "
                                  "range (0 to 3600)");
    assert_rc(LG_ERR_INVALID,
              lg_option_set(&keyed_table, &o, "graceful.period.in.seconds", LG_LIT("7s"), &err));
    assert_string_equal(err.text, "graceful.period.in.seconds: '7s' is not a number of seconds "
                                  "without a unit");
    assert_rc(LG_ERR_INVALID,
              lg_option_set(&keyed_table, &o, "cache.size.in.bytes", LG_LIT("4KiB"), &err));
    assert_rc(LG_ERR_INVALID,
              lg_option_set(&keyed_table, &o, "delay.to.rebalanc.ms", LG_LIT("5"), &err));
    assert_string_equal(err.text, "unknown option 'delay.to.rebalanc.ms'; did you mean "
                                  "'delay.to.rebalance.ms'?");
    text.size = 0;
    lg_options_help(&text, &keyed_table);
    lg_buf_append_byte(&text, 0);
    assert_non_null(strstr((const char *)text.data, "--delay-to-rebalance-ms TIME"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(fields_begin_with_their_defaults),
        TEST(every_type_is_read_from_text),
        TEST(values_out_of_range_are_refused_with_key_value_and_range),
        TEST(text_of_another_type_is_refused_and_units_are_asked_for),
        TEST(an_option_of_somebody_else_is_told_with_his_name),
        TEST(an_unknown_option_gives_the_nearest_right_one),
        TEST(a_file_sets_options_line_by_line),
        TEST(a_bad_line_is_named_and_nothing_of_the_file_is_taken),
        TEST(flags_take_values_after_a_blank_or_an_equals_sign),
        TEST(bad_flags_are_refused_and_nothing_is_taken),
        TEST(shown_values_read_back_the_same),
        TEST(an_unset_text_is_shown_as_nothing),
        TEST(help_lists_every_flag_with_default_and_range),
        cmocka_unit_test(keys_with_dots_are_found_however_they_are_spelt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
