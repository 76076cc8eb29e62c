/* Tests of layers of options, of files with many faults, and of what people read about options. */
#include "test/test.h"

#include "base/option.h"
#include "base/str.h"

#define ROWS(X)                                                                                    \
    X(data, str, NULL, 1, 100, START, "The data directory.", "Made if absent.", "/var/lib/lagoon") \
    X(log_level, str, "info", 1, 10, LIVE, "How much is logged.", "debug or info.", "debug")       \
    X(http_port, u32, 7777, 0, 65535, START, "Port.", "0 picks one.", "80")                        \
    X(grace, duration, 30000, 1, 86400000, LIVE, "Waits so long.")                                 \
    X(cache, size, 64 << 20, 1 << 20, (uint64_t)1 << 40, LIVE, "Memory for blocks.")               \
    X(verbose, boolean, false, 0, 1, LIVE, "Say more.")                                            \
    X(admin_token, str, NULL, 1, 100, START, "Who may administer.")

struct options {
    ROWS(LG_OPTION_FIELD)
};
#define ROW(...) LG_OPTION_ROW(struct options, __VA_ARGS__)
static const struct lg_option rows[] = {ROWS(ROW)};

static enum lg_rc check_text(const struct lg_option *o, struct lg_slice text, struct lg_error *err)
{
    if (strcmp(o->name, "log_level") == 0 && !lg_slice_eq_str(text, "info") &&
        !lg_slice_eq_str(text, "debug"))
        return lg_error_set(err, LG_ERR_INVALID, "there are debug and info");
    return LG_OK;
}

static const struct lg_option_table table = {
    .rows = rows, .n = LG_ARRAY_SIZE(rows), .check_text = check_text};

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

static const char *const variables[] = {"PATH=/bin", "LAGOON_GRACE=2s", "LAGOON_HTTP_PORT=3",
                                        "LAGOON_FAULTS=x", NULL};

static void flags_win_over_environment_over_file_over_default(void **state)
{
    static char flag[] = "--http-port=4";
    char *argv[] = {flag};
    struct options *o = *state;
    struct lg_error err = {0};
    unsigned char origins[LG_ARRAY_SIZE(rows)];
    struct lg_option_sources s = {.file = LG_LIT("http_port = 1\ngrace = 1s\ncache = 2MiB\n"),
                                  .file_name = "f",
                                  .environment = variables,
                                  .prefix = "LAGOON_",
                                  .argc = 1,
                                  .argv = argv};

    o->verbose = true; /* Of an earlier load: what no layer gives is the default again. */
    assert_ok(lg_options_load(&table, o, origins, &s, &err));
    assert_int_equal(o->http_port, 4);
    assert_int_equal(o->grace, 2000);
    assert_int_equal(o->cache, 2 << 20);
    assert_false(o->verbose);
    assert_int_equal(origins[2], LG_OPTION_BY_FLAG);
    assert_int_equal(origins[3], LG_OPTION_BY_ENVIRONMENT);
    assert_int_equal(origins[4], LG_OPTION_BY_FILE);
    assert_int_equal(origins[5], LG_OPTION_BY_DEFAULT);
    assert_string_equal(lg_option_origin_name(LG_OPTION_BY_ENVIRONMENT), "environment");
}

static void a_bad_layer_leaves_all_values_as_they_were(void **state)
{
    static const char *const bad[] = {"LAGOON_GRACE=2", NULL};
    struct options *o = *state;
    struct lg_error err = {0};
    struct lg_option_sources s = {.file = LG_LIT("http_port = 1\n"),
                                  .file_name = "f",
                                  .environment = bad,
                                  .prefix = "LAGOON_"};

    assert_rc(LG_ERR_INVALID, lg_options_load(&table, o, NULL, &s, &err));
    assert_string_equal(err.text,
                        "environment variable LAGOON_GRACE: grace: '2' is not a time with "
                        "a unit: ms, s, m, h or d, as in 30s");
    assert_int_equal(o->http_port, 7777);
    s = (struct lg_option_sources){.file = LG_LIT("http_port = 1\nlog_level = loud\n"),
                                   .file_name = "f"};
    assert_rc(LG_ERR_INVALID, lg_options_load(&table, o, NULL, &s, &err));
    assert_string_equal(err.text, "f:2: log_level: there are debug and info");
    assert_int_equal(o->http_port, 7777);
    assert_string_equal(o->log_level, "info");
}

static void a_slip_in_a_variable_names_the_nearest_option(void **state)
{
    (void)state;
    assert_ptr_equal(lg_option_unknown_variable(&table, "LAGOON_", "LAGOON_LOGLEVEL=debug"),
                     &rows[1]);
    assert_null(lg_option_unknown_variable(&table, "LAGOON_", "LAGOON_LOG_LEVEL=debug"));
    assert_null(lg_option_unknown_variable(&table, "LAGOON_", "LAGOON_SOMETHING_ELSE=1"));
    assert_null(lg_option_unknown_variable(&table, "LAGOON_", "LOGLEVEL=1"));
    assert_null(lg_option_unknown_variable(&table, "LAGOON_", "LAGOON_loglevel=1"));
    assert_null(lg_option_unknown_variable(&table, "LAGOON_", "LAGOON_LOGLEVEL"));
}

static void every_fault_of_a_file_is_told_with_its_line(void **state)
{
    LG_SCOPED(lg_buf) out = {0};
    LG_AUTO_STR char *text = NULL;

    (void)state;
    assert_int_equal(lg_options_check_file(&table,
                                           LG_LIT("# fine\nhttp_prt = 1\ngrace = 5\n"
                                                  "http_port = 70000\n\nwhat\nlog_level = loud\n"
                                                  "cache = 1MiB\ncache = 2MiB\nverbose = yes"),
                                           "a.conf", &out),
                     7);
    text = lg_buf_take_str(&out);
    assert_string_equal(
        text, "a.conf:2: unknown option 'http_prt'; did you mean 'http_port'?\n"
              "a.conf:3: grace: '5' is not a time with a unit: ms, s, m, h or d, as in 30s\n"
              "a.conf:4: http_port: 70000 is out of range (0 to 65535)\n"
              "a.conf:6: expected 'key = value', found 'what'\n"
              "a.conf:7: log_level: there are debug and info\n"
              "a.conf:9: cache is given twice, first on line 8\n"
              "a.conf:10: verbose: 'yes' is not true or false\n");
    assert_int_equal(lg_options_check_file(&table, LG_LIT("http_port = 1"), "a.conf", &out), 0);
    assert_int_equal(out.size, 0);
}

static void a_file_that_is_too_large_is_one_fault(void **state)
{
    LG_SCOPED(lg_buf) out = {0};
    char *big = lg_zalloc(LG_OPTION_FILE_BYTES_MAX + 1);

    (void)state;
    assert_int_equal(
        lg_options_check_file(&table, lg_slice(big, LG_OPTION_FILE_BYTES_MAX + 1), "b", &out), 1);
    lg_free(big);
}

static void the_line_of_an_option_is_found(void **state)
{
    struct lg_slice text = LG_LIT("# cache = 1MiB\n\n cache=2MiB\nhttp-port = 5");

    (void)state;
    assert_int_equal(lg_option_line(&table, &rows[4], text), 3);
    assert_int_equal(lg_option_line(&table, &rows[2], text), 4);
    assert_int_equal(lg_option_line(&table, &rows[0], text), 0);
}

static void only_live_rows_change_while_running(void **state)
{
    struct options *o = *state, next = {0};
    LG_SCOPED(lg_buf) changed = {0}, waiting = {0}, ignored = {0};
    uint64_t grace = o->grace;
    struct lg_error err = {0};

    lg_options_init(&table, &next);
    assert_ok(lg_options_parse_file(
        &table, &next, LG_LIT("log_level = debug\nhttp_port = 1\ngrace = 5s\ndata = /x\n"), "f",
        &err));
    assert_int_equal(lg_options_apply_live(&table, o, &next, &changed, &waiting), 2);
    assert_int_equal(lg_options_apply_live(&table, o, &next, &ignored, &ignored), 2);
    assert_string_equal(o->log_level, "info"); /* As it was. */
    assert_int_equal(o->grace, grace);
    assert_int_equal(lg_options_apply_live(&table, o, &next, &ignored, &ignored), 2);
    lg_options_done(&table, &next);
    assert_string_equal(o->log_level, "debug");
    assert_int_equal(o->grace, 5000);
    assert_int_equal(o->http_port, 7777);
    assert_null(o->data);
    assert_true(lg_slice_eq_str(lg_buf_slice(&changed), "log_level grace"));
    assert_true(lg_slice_eq_str(lg_buf_slice(&waiting), "data http_port"));
}

static void secrets_are_known_by_their_names(void **state)
{
    (void)state;
    assert_true(lg_option_is_secret(lg_option_find(&table, "admin_token")));
    assert_false(lg_option_is_secret(lg_option_find(&table, "data")));
}

static void a_key_is_explained_on_one_page(void **state)
{
    LG_SCOPED(lg_buf) out = {0};
    LG_AUTO_STR char *text = NULL;

    (void)state;
    lg_option_explain(&out, &rows[2]);
    lg_option_explain(&out, &rows[0]);
    lg_option_explain(&out, &rows[3]);
    text = lg_buf_take_str(&out);
    assert_string_equal(text, "http_port\n"
                              "  Port.\n"
                              "  0 picks one.\n"
                              "\n"
                              "  value     a whole number\n"
                              "  default   7777\n"
                              "  range     0 to 65535\n"
                              "  changes   at the next start\n"
                              "  flag      --http-port\n"
                              "  variable  LAGOON_HTTP_PORT\n"
                              "  example   http_port = 80\n"
                              "data\n"
                              "  The data directory.\n"
                              "  Made if absent.\n"
                              "\n"
                              "  value     text\n"
                              "  default   not set\n"
                              "  range     1 to 100 bytes\n"
                              "  changes   at the next start\n"
                              "  flag      --data\n"
                              "  variable  LAGOON_DATA\n"
                              "  example   data = /var/lib/lagoon\n"
                              "grace\n"
                              "  Waits so long.\n"
                              "\n"
                              "  value     a time with a unit: ms, s, m, h or d\n"
                              "  default   30s\n"
                              "  range     1ms to 1d\n"
                              "  changes   live: at SIGHUP (lagoon rereads its file)\n"
                              "  flag      --grace\n"
                              "  variable  LAGOON_GRACE\n");
}

/* Takes the comment sign from every "#key = value" line. */
static char *uncomment(struct lg_slice sample)
{
    struct lg_buf out = {0};

    for (size_t i = 0; i < sample.size; i++) {
        bool begins = i == 0 || sample.data[i - 1] == '\n';

        if (!begins || sample.data[i] != '#' || i + 1 == sample.size || sample.data[i + 1] == ' ')
            lg_buf_append_byte(&out, sample.data[i]);
    }
    return lg_buf_take_str(&out);
}

static void the_sample_is_a_file_that_changes_nothing(void **state)
{
    static const char *const but[] = {"admin_token", NULL};
    struct options *o = *state;
    LG_SCOPED(lg_buf) out = {0};
    LG_AUTO_STR char *text = NULL;
    struct lg_error err = {0};

    lg_options_sample(&out, &table, but);
    assert_ok(lg_options_parse_file(&table, o, lg_buf_slice(&out), "s", &err));
    assert_null(o->data);
    /* And every line may be taken into use as it stands. */
    text = uncomment(lg_buf_slice(&out));
    assert_ok(lg_options_parse_file(&table, o, lg_slice_str(text), "s", &err));
    assert_string_equal(o->data, "/var/lib/lagoon");
    assert_int_equal(o->grace, 30000);
    assert_non_null(strstr(text, "log_level = info\n"));
    assert_null(strstr(text, "admin_token"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(flags_win_over_environment_over_file_over_default),
        TEST(a_bad_layer_leaves_all_values_as_they_were),
        TEST(a_slip_in_a_variable_names_the_nearest_option),
        TEST(every_fault_of_a_file_is_told_with_its_line),
        TEST(a_file_that_is_too_large_is_one_fault),
        TEST(the_line_of_an_option_is_found),
        TEST(only_live_rows_change_while_running),
        TEST(secrets_are_known_by_their_names),
        TEST(a_key_is_explained_on_one_page),
        TEST(the_sample_is_a_file_that_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
