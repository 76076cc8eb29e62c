/* What is typed, and what comes of it: every verb, every flag, every mistake. */
#include "admin/command.h"

#include <stdio.h>

#include "test/test.h"

#define WORDS(...)                                                                                 \
    (sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)), ((const char *[]){__VA_ARGS__})

static void a_push_takes_store_file_and_flags_in_any_order(void **state)
{
    LG_SCOPED(lg_command) c = {0};
    struct lg_error err = {0};

    (void)state;
    assert_ok(lg_command_parse(
        WORDS("push", "--create", "cities", "--key-field=id", "a.avro", "--value-field", "name"),
        &c, &err));
    assert_int_equal(c.kind, LG_COMMAND_PUSH);
    assert_int_equal(c.argument_count, 2);
    assert_string_equal(c.arguments[0], "cities");
    assert_string_equal(c.arguments[1], "a.avro");
    assert_string_equal(c.flags[LG_FLAG_KEY_FIELD], "id");
    assert_string_equal(c.flags[LG_FLAG_VALUE_FIELD], "name");
    assert_string_equal(c.flags[LG_FLAG_CREATE], "");
    assert_null(c.flags[LG_FLAG_PUSH_ID]);
}

static void a_verb_of_two_words_is_found(void **state)
{
    LG_SCOPED(lg_command) c = {0};
    struct lg_error err = {0};

    (void)state;
    assert_ok(lg_command_parse(WORDS("store", "describe", "cities"), &c, &err));
    assert_int_equal(c.kind, LG_COMMAND_STORE_DESCRIBE);
    assert_int_equal(c.argument_count, 1);
}

static void push_kill_is_not_a_push_of_a_store_named_kill(void **state)
{
    LG_SCOPED(lg_command) c = {0};
    struct lg_error err = {0};

    (void)state;
    assert_ok(lg_command_parse(WORDS("push", "kill", "cities", "3"), &c, &err));
    assert_int_equal(c.kind, LG_COMMAND_PUSH_KILL);
}

static void negative_numbers_and_what_follows_two_dashes_are_arguments(void **state)
{
    LG_SCOPED(lg_command) c = {0};
    struct lg_error err = {0};

    (void)state;
    assert_ok(lg_command_parse(WORDS("get", "temperatures", "-5", "--", "--odd-key"), &c, &err));
    assert_int_equal(c.argument_count, 3);
    assert_string_equal(c.arguments[1], "-5");
    assert_string_equal(c.arguments[2], "--odd-key");
}

static void an_unknown_command_is_refused_with_the_nearest(void **state)
{
    LG_SCOPED(lg_command) c = {0};
    struct lg_error err = {0};

    (void)state;
    assert_rc(LG_ERR_INVALID, lg_command_parse(WORDS("rolback", "cities"), &c, &err));
    assert_non_null(strstr(err.text, "did you mean 'rollback'?"));
    assert_rc(LG_ERR_INVALID, lg_command_parse(WORDS("store", "lst"), &c, &err));
    assert_non_null(strstr(err.text, "did you mean 'store list'?"));
    assert_rc(LG_ERR_INVALID, lg_command_parse(WORDS("zzzzzzzzzz"), &c, &err));
    assert_non_null(strstr(err.text, "lagoon help"));
    assert_rc(LG_ERR_INVALID, lg_command_parse(WORDS("file"), &c, &err));
    assert_string_equal(err.text, "which command of file? With it go head, schema, count, check; "
                                  "`lagoon file --help` explains them");
    assert_rc(LG_ERR_INVALID, lg_command_parse(WORDS("file", "zzzzzzzzzz"), &c, &err));
    assert_string_equal(err.text, "no command 'file zzzzzzzzzz'. With file go head, schema, count, "
                                  "check; `lagoon file --help` explains them");
    assert_rc(LG_ERR_INVALID, lg_command_parse(WORDS("schema", "shwo"), &c, &err));
    assert_non_null(strstr(err.text, "no command 'schema shwo'; did you mean 'schema show'?"));
}

static void an_unknown_flag_is_refused_with_the_nearest_of_that_command(void **state)
{
    LG_SCOPED(lg_command) c = {0};
    struct lg_error err = {0};

    (void)state;
    assert_rc(LG_ERR_INVALID,
              lg_command_parse(WORDS("push", "s", "f", "--key-feild", "x"), &c, &err));
    assert_non_null(strstr(err.text, "did you mean '--key-field'?"));
}

static bool roles_have_listener_port(struct lg_buf *out, struct lg_slice name)
{
    if (!lg_slice_eq_str(name, "listener-port"))
        return false;
    lg_buf_append_str(out, "lagoon router and lagoon server");
    return true;
}

static void a_flag_of_another_verb_is_refused_with_that_verb(void **state)
{
    LG_SCOPED(lg_command) c = {0};
    LG_SCOPED(lg_buf) all = {0};
    struct lg_error err = {0};

    (void)state;
    assert_rc(LG_ERR_INVALID, lg_command_parse(WORDS("get", "s", "k", "--create"), &c, &err));
    assert_string_equal(err.text, "'lagoon get' has no flag '--create': it goes with lagoon push; "
                                  "`lagoon get --help` lists those that go here");
    assert_rc(LG_ERR_INVALID, lg_command_parse(WORDS("get", "s", "k", "--stopped=a"), &c, &err));
    assert_non_null(strstr(err.text, "it goes with lagoon nodes removable; "));
    assert_rc(LG_ERR_INVALID,
              lg_command_parse(WORDS("get", "s", "k", "--value-schema", "f"), &c, &err));
    assert_non_null(strstr(err.text, "it goes with lagoon store create and lagoon file check; "));
    assert_true(lg_command_flag_owners(&all, LG_LIT("timeout")));
    lg_buf_append_byte(&all, 0);
    assert_non_null(strstr((const char *)all.data, " other verbs")); /* Not forty names. */
    assert_false(lg_command_flag_owners(&all, LG_LIT("timeou")));
    /* And of somebody who is no verb. */
    assert_rc(LG_ERR_INVALID, lg_command_parse_among(WORDS("get", "s", "k", "--listener-port=1"),
                                                     roles_have_listener_port, &c, &err));
    assert_non_null(strstr(err.text, "'--listener-port': it goes with lagoon router and lagoon "));
    assert_rc(LG_ERR_INVALID, lg_command_parse_among(WORDS("get", "s", "k", "--outptu=json"),
                                                     roles_have_listener_port, &c, &err));
    assert_non_null(strstr(err.text, "did you mean '--output'?"));
}

static void flags_without_their_value_twice_or_with_one_too_many_are_refused(void **state)
{
    LG_SCOPED(lg_command) c = {0};
    struct lg_error err = {0};

    (void)state;
    assert_rc(LG_ERR_INVALID, lg_command_parse(WORDS("push", "s", "f", "--key-field"), &c, &err));
    assert_non_null(strstr(err.text, "--key-field needs a value"));
    assert_rc(LG_ERR_INVALID, lg_command_parse(WORDS("push", "s", "f", "--create=yes"), &c, &err));
    assert_rc(
        LG_ERR_INVALID,
        lg_command_parse(WORDS("push", "s", "f", "--key-field=a", "--key-field=b"), &c, &err));
    assert_non_null(strstr(err.text, "twice"));
}

static void too_few_and_too_many_arguments_show_the_usage(void **state)
{
    LG_SCOPED(lg_command) c = {0};
    struct lg_error err = {0};

    (void)state;
    assert_rc(LG_ERR_INVALID, lg_command_parse(WORDS("get", "cities"), &c, &err));
    assert_non_null(strstr(err.text, "usage: lagoon get NAME KEY..."));
    assert_rc(LG_ERR_INVALID, lg_command_parse(WORDS("rollback", "cities", "now"), &c, &err));
    assert_non_null(strstr(err.text, "unexpected argument 'now'"));
}

static void help_is_found_wherever_it_is_asked(void **state)
{
    LG_SCOPED(lg_command) a = {0}, b = {0}, c = {0};
    struct lg_error err = {0};

    (void)state;
    assert_ok(lg_command_parse(0, NULL, &a, &err));
    assert_int_equal(a.kind, LG_COMMAND_HELP);
    assert_ok(lg_command_parse(WORDS("--help"), &b, &err));
    assert_int_equal(b.kind, LG_COMMAND_HELP);
    assert_ok(lg_command_parse(WORDS("push", "--help"), &c, &err));
    assert_true(c.wants_help);
}

static void a_group_of_commands_has_a_page_and_alone_is_a_mistake(void **state)
{
    static const char *const groups[] = {"store", "schema", "cluster", "profile", "config", "file"};
    struct lg_error err = {0};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(groups); i++) {
        LG_SCOPED(lg_command) alone = {0}, c = {0}, d = {0};
        LG_SCOPED(lg_buf) page = {0};

        assert_rc(LG_ERR_INVALID, lg_command_parse(1, &groups[i], &alone, &err));
        assert_non_null(strstr(err.text, "which command of "));
        assert_ok(lg_command_parse(WORDS(groups[i], "--help"), &c, &err));
        assert_int_equal(c.kind, LG_COMMAND_HELP);
        assert_string_equal(c.group, groups[i]);
        assert_ok(lg_command_parse(WORDS(groups[i], "-h"), &d, &err));
        assert_string_equal(d.group, groups[i]);
        assert_true(lg_command_help_group(&page, groups[i]));
        assert_true(lg_slice_starts(lg_buf_slice(&page), LG_LIT("usage: lagoon ")));
    }
}

static void a_page_of_a_group_lists_its_commands_and_no_others(void **state)
{
    LG_SCOPED(lg_buf) page = {0}, none = {0}, nodes = {0};

    (void)state;
    assert_true(lg_command_help_group(&page, "profile"));
    lg_buf_append_byte(&page, 0);
    for (int kind = 0; kind < LG_COMMAND_COUNT; kind++) {
        const char *words = lg_command_words((enum lg_command_kind)kind);
        char row[40];

        assert_in_range(snprintf(row, sizeof row, "\n  %s ", words), 1, sizeof row - 1);
        assert_int_equal(strstr((const char *)page.data, row) != NULL,
                         strncmp(words, "profile ", 8) == 0);
    }
    assert_false(lg_command_help_group(&none, "rollback"));
    assert_false(lg_command_help_group(&none, "sto"));
    assert_int_equal(none.size, 0);
    lg_command_help(&nodes, LG_COMMAND_NODES); /* A command that is a group, too. */
    lg_buf_append_byte(&nodes, 0);
    assert_non_null(strstr((const char *)nodes.data, "further commands:\n  nodes replicas"));
}

static void every_command_has_help_with_an_example_that_parses(void **state)
{
    (void)state;
    for (int kind = 0; kind < LG_COMMAND_COUNT; kind++) {
        LG_SCOPED(lg_buf) page = {0};
        LG_SCOPED(lg_command) c = {0};
        struct lg_error err = {0};
        const char *words[16];
        size_t n = 0;
        char *example;

        lg_command_help(&page, (enum lg_command_kind)kind);
        lg_buf_append_byte(&page, 0);
        example = strstr((char *)page.data, "example:\n  lagoon ");
        assert_non_null(example);
        example += strlen("example:\n  lagoon ");
        for (char *at = example; *at != 0 && *at != '\n';) {
            size_t length = strcspn(at, " \n");

            words[n++] = at;
            at += length;
            if (*at != 0)
                *at++ = 0;
        }
        assert_ok(lg_command_parse(n, words, &c, &err));
        assert_int_equal(c.kind, kind);
    }
}

static void times_need_a_unit_and_a_sane_size(void **state)
{
    struct lg_error err = {0};
    uint64_t ms = 0;

    (void)state;
    assert_ok(lg_command_parse_time("500ms", &ms, &err));
    assert_int_equal(ms, 500);
    assert_ok(lg_command_parse_time("30s", &ms, &err));
    assert_int_equal(ms, 30000);
    assert_ok(lg_command_parse_time("2h", &ms, &err));
    assert_int_equal(ms, 7200000);
    for (size_t i = 0; i < 6; i++) {
        static const char *const wrong[] = {"30", "", "s", "0s", "-1s", "99999999h"};

        assert_rc(LG_ERR_INVALID, lg_command_parse_time(wrong[i], &ms, &err));
    }
}

static void sizes_need_a_unit_and_keep_within_their_bounds(void **state)
{
    static const char *const wrong[] = {"512",  "",     "MiB",   "-1MiB",
                                        "1KiB", "3GiB", "1 GiB", "99999999999999999999GiB"};
    const uint64_t mib = 1 << 20;
    struct lg_error err = {0};
    uint64_t bytes = 0;

    (void)state;
    assert_ok(lg_command_parse_size("512MiB", mib, 2048 * mib, &bytes, &err));
    assert_int_equal(bytes, 512 * mib);
    assert_ok(lg_command_parse_size("2GiB", mib, 2048 * mib, &bytes, &err));
    assert_int_equal(bytes, 2048 * mib);
    assert_ok(lg_command_parse_size("1024KiB", mib, 2048 * mib, &bytes, &err));
    assert_int_equal(bytes, mib);
    for (size_t i = 0; i < LG_ARRAY_SIZE(wrong); i++)
        assert_rc(LG_ERR_INVALID, lg_command_parse_size(wrong[i], mib, 2048 * mib, &bytes, &err));
    assert_int_equal(bytes, mib);
}

static void a_lone_n_is_the_number_of_records_where_there_are_records(void **state)
{
    const char *const head[] = {"file", "head", "f", "-n", "3"};
    const char *const bare[] = {"file", "head", "f", "-n"};
    const char *const get[] = {"get", "cities", "-n"};
    LG_SCOPED(lg_command) c = {0};
    LG_SCOPED(lg_command) key = {0};
    struct lg_error err = {0};

    (void)state;
    assert_ok(lg_command_parse(LG_ARRAY_SIZE(head), head, &c, &err));
    assert_int_equal(c.kind, LG_COMMAND_FILE_HEAD);
    assert_string_equal(c.flags[LG_FLAG_RECORDS], "3");
    assert_int_equal(c.argument_count, 1);
    assert_rc(LG_ERR_INVALID, lg_command_parse(LG_ARRAY_SIZE(bare), bare, &key, &err));
    assert_non_null(strstr(err.text, "--records needs a value"));
    assert_ok(lg_command_parse(LG_ARRAY_SIZE(get), get, &key, &err)); /* A key. */
    assert_int_equal(key.argument_count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_push_takes_store_file_and_flags_in_any_order),
        cmocka_unit_test(a_verb_of_two_words_is_found),
        cmocka_unit_test(push_kill_is_not_a_push_of_a_store_named_kill),
        cmocka_unit_test(negative_numbers_and_what_follows_two_dashes_are_arguments),
        cmocka_unit_test(an_unknown_command_is_refused_with_the_nearest),
        cmocka_unit_test(an_unknown_flag_is_refused_with_the_nearest_of_that_command),
        cmocka_unit_test(a_flag_of_another_verb_is_refused_with_that_verb),
        cmocka_unit_test(flags_without_their_value_twice_or_with_one_too_many_are_refused),
        cmocka_unit_test(too_few_and_too_many_arguments_show_the_usage),
        cmocka_unit_test(help_is_found_wherever_it_is_asked),
        cmocka_unit_test(a_group_of_commands_has_a_page_and_alone_is_a_mistake),
        cmocka_unit_test(a_page_of_a_group_lists_its_commands_and_no_others),
        cmocka_unit_test(every_command_has_help_with_an_example_that_parses),
        cmocka_unit_test(times_need_a_unit_and_a_sane_size),
        cmocka_unit_test(sizes_need_a_unit_and_keep_within_their_bounds),
        cmocka_unit_test(a_lone_n_is_the_number_of_records_where_there_are_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
