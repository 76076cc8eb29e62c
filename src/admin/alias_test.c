/* Command lines of Venice's admin tool: each row of the table is a line that our parser takes, and
 * every mistake is named. */
#include "admin/alias.h"

#include "admin/command.h"
#include "base/str.h"
#include "test/test.h"

/* The line that comes of it, its words separated by blanks. */
static enum lg_rc expand(const char *line, struct lg_buf *out, struct lg_error *err)
{
    LG_AUTO_STR char *copy = lg_strdup(line);
    LG_SCOPED(lg_alias_words) words = {0};
    const char *typed[64];
    size_t n = 0;
    enum lg_rc rc;

    for (char *rest = copy, *word; (word = strsep(&rest, " ")) != NULL;)
        typed[n++] = word;
    lg_buf_clear(out);
    rc = lg_alias_expand(n, typed, &words, err);
    for (size_t i = 0; i < words.count; i++)
        lg_buf_appendf(out, "%s%s", i == 0 ? "" : " ", words.words[i]);
    lg_buf_append_byte(out, '\0');
    return rc;
}

static void assert_expands(const char *line, const char *want)
{
    LG_SCOPED(lg_buf) out = {0};
    struct lg_error err = {0};

    assert_ok(expand(line, &out, &err));
    assert_string_equal((const char *)out.data, want);
}

static void assert_refused(const char *line, enum lg_rc rc, const char *part)
{
    LG_SCOPED(lg_buf) out = {0};
    struct lg_error err = {0};

    assert_rc(rc, expand(line, &out, &err));
    if (strstr(err.text, part) == NULL)
        fail_msg("expected '%s' in: %s", part, err.text);
}

static void a_command_becomes_ours_with_its_options_in_our_places(void **state)
{
    (void)state;
    assert_expands("--new-store --url http://c:5555 --cluster main --store cities "
                   "--key-schema-file k.avsc --value-schema-file v.avsc --owner me",
                   "store create cities --key-schema k.avsc --value-schema v.avsc --owner me "
                   "--controller http://c:5555 --cluster main --output json");
    assert_expands("--job-status -u http://c:5555 -s cities",
                   "push status cities --controller http://c:5555 --output json");
    assert_expands("--job-status --store cities --version 3 --flat-json",
                   "push status cities 3 --output json --compact");
    assert_expands("--remove-node --storage-node h_1 --profile prod --output table --timeout 5s",
                   "nodes remove h_1 --yes --profile prod --timeout 5s --output table");
}

static void the_command_may_stand_anywhere_and_without_its_dashes(void **state)
{
    (void)state;
    assert_expands("--url http://c:5555 --store=schemas --describe-store",
                   "store describe schemas --controller http://c:5555 --output json");
    assert_expands("list-stores", "store list --output json");
    assert_expands("--cluster-health-status --instances a_1,b_1 --to-be-stopped-nodes c_1 -c main",
                   "call aggregatedHealthStatus instances=a_1,b_1 to_be_stopped_instances=c_1 "
                   "--cluster main --output json");
    assert_expands("--cluster-health-status --instances a_1",
                   "call aggregatedHealthStatus instances=a_1 --output json");
    assert_expands("reset-error-partition --store s --version 2 --partition 0",
                   "replicas reset s --version 2 --partition 0 --yes --output json");
}

static void settings_go_into_one_set_with_venice_s_parameters(void **state)
{
    (void)state;
    assert_expands("--update-store --store s --readability false --storage-quota 1000 "
                   "--backup-version-retention-day 2 --replicate-all-configs",
                   "store update s --set enable_reads=false,storage_quota_in_byte=1000,"
                   "backup_version_retention_ms=172800000 --output json");
    assert_expands("--update-store --store s --backup-version-retention-day -1",
                   "store update s --set backup_version_retention_ms=-1 --output json");
    assert_refused("--update-store --store s --backup-version-retention-day soon", LG_ERR_INVALID,
                   "--backup-version-retention-day takes a whole number, not 'soon'");
}

static void what_lagoon_has_not_is_said_and_only_if_venice_has_it(void **state)
{
    (void)state;
    assert_refused("--migrate-store --store s", LG_ERR_UNSUPPORTED,
                   "not in Lagoon: --migrate-store");
    assert_refused("--migrate-store --store s --cluster-src a --no-such-thing", LG_ERR_UNSUPPORTED,
                   "not in Lagoon: --migrate-store; push the store's data");
    assert_refused("--update-store --store s --hybrid-offset-lag 5", LG_ERR_UNSUPPORTED,
                   "not in Lagoon: --hybrid-offset-lag of --update-store");
    assert_refused("--delete-old-version --store s", LG_ERR_UNSUPPORTED, "old versions go by them");
    assert_refused("--new-store --store s --key-schema-file k --value-schema-file v --vson_store x",
                   LG_ERR_UNSUPPORTED, "not in Lagoon: --vson_store of --new-store");
    assert_refused("--kill-job --store s --version 1 --owner me", LG_ERR_UNSUPPORTED,
                   "--owner of --kill-job");
    assert_refused("--make-coffee", LG_ERR_INVALID, "has no command '--make-coffee'");
    assert_refused("--list-store", LG_ERR_INVALID, "did you mean '--list-stores'?");
}

static void mistakes_are_named(void **state)
{
    (void)state;
    assert_refused("--kill-job --store s", LG_ERR_INVALID, "--kill-job needs --version");
    assert_refused("--store s", LG_ERR_INVALID, "which command?");
    assert_refused("--list-stores --describe-store", LG_ERR_INVALID, "are two commands");
    assert_refused("--describe-store --stor s", LG_ERR_INVALID, "did you mean '--store'?");
    assert_refused("--describe-store --store", LG_ERR_INVALID, "--store needs a value");
    assert_refused("--describe-store --store a --store b", LG_ERR_INVALID, "given twice");
    assert_refused("--describe-store cities", LG_ERR_INVALID, "unexpected word 'cities'");
    assert_refused("--describe-store -zzz s", LG_ERR_INVALID, "no option '-zzz'");
    assert_refused("--describe-store -", LG_ERR_INVALID, "no option '-'");
}

/* Every option that the row can have, each with a value. */
static char *full_line(const struct lg_alias *alias)
{
    LG_SCOPED(lg_buf) line = {0};

    lg_buf_appendf(&line, "--%s", alias->name);
    for (const char *c = alias->line; *c != '\0'; c++)
        if (*c == '{' || *c == '<') {
            int size = (int)strcspn(c + 1, "}>");

            lg_buf_appendf(&line, " --%.*s", size, c + 1);
            if (*c == '{')
                lg_buf_append_str(&line, " 1");
            else
                for (size_t i = 0; i < lg_alias_options_count; i++)
                    if (strlen(lg_alias_options[i].name) == (size_t)size &&
                        memcmp(lg_alias_options[i].name, c + 1, (size_t)size) == 0)
                        lg_buf_append_str(&line, lg_alias_options[i].takes_value ? " 1" : "");
        }
    for (const char *at = alias->settings; at != NULL && *at != '\0';) {
        lg_buf_appendf(&line, " --%.*s 1", (int)strcspn(at, "*="), at);
        at += strcspn(at, " ");
        at += *at == ' ';
    }
    lg_buf_append_str(&line, " --url http://c:1 --cluster x --timeout 1s");
    return lg_buf_take_str(&line);
}

static void every_row_is_a_line_that_our_parser_takes(void **state)
{
    size_t ours = 0;

    (void)state;
    for (size_t i = 0; i < lg_aliases_count; i++) {
        LG_AUTO_STR char *line = NULL;
        LG_SCOPED(lg_buf) out = {0};
        LG_SCOPED(lg_command) command = {0};
        struct lg_error err = {0};
        const char *words[64];
        size_t n = 0;

        if (lg_aliases[i].line == NULL)
            continue;
        line = full_line(&lg_aliases[i]);
        if (expand(line, &out, &err) != LG_OK)
            fail_msg("%s: %s", line, err.text);
        for (char *rest = (char *)out.data, *word; (word = strsep(&rest, " ")) != NULL;)
            words[n++] = word;
        if (lg_command_parse(n, words, &command, &err) != LG_OK)
            fail_msg("%s: %s", line, err.text);
        ours++;
    }
    assert_in_range(ours, 30, lg_aliases_count);
}

/* The sentence tells what to use, or why it is not needed. */
static void what_is_refused_is_explained(void **state)
{
    (void)state;
    for (size_t i = 0; i < lg_aliases_count; i++) {
        LG_AUTO_STR char *line = lg_strf("--%s --store s", lg_aliases[i].name);

        if (strlen(lg_aliases[i].help) < 10)
            fail_msg("--%s has no sentence", lg_aliases[i].name);
        if (lg_aliases[i].line == NULL)
            assert_refused(line, LG_ERR_UNSUPPORTED, lg_aliases[i].help);
    }
}

static void no_name_stands_twice(void **state)
{
    (void)state;
    for (size_t i = 0; i < lg_aliases_count; i++)
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(lg_aliases[i].name, lg_aliases[j].name);
    for (size_t i = 0; i < lg_alias_options_count; i++)
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(lg_alias_options[i].name, lg_alias_options[j].name);
            if (*lg_alias_options[i].letters != '\0')
                assert_string_not_equal(lg_alias_options[i].letters, lg_alias_options[j].letters);
        }
}

static void help_lists_all_and_shows_one(void **state)
{
    LG_SCOPED(lg_alias_words) all = {0}, one = {0}, none = {0};
    LG_SCOPED(lg_buf) page = {0};
    const char *const words[] = {"--help", "--kill-job"};
    struct lg_error err = {0};

    (void)state;
    assert_ok(lg_alias_expand(1, words, &all, &err));
    assert_true(all.help_of_all);
    assert_ok(lg_alias_expand(0, NULL, &none, &err));
    assert_true(none.help_of_all);
    assert_ok(lg_alias_expand(2, words, &one, &err));
    assert_string_equal(one.help_of->name, "kill-job");
    lg_alias_help(&page, NULL);
    lg_buf_append_byte(&page, '\0');
    for (size_t i = 0; i < lg_aliases_count; i++) {
        LG_AUTO_STR char *name = lg_strf("  --%s", lg_aliases[i].name);

        if (strstr((const char *)page.data, name) == NULL)
            fail_msg("the help does not list %s", name);
    }
    assert_non_null(strstr((const char *)page.data, "lagoon push kill STORE VERSION"));
    lg_buf_clear(&page);
    lg_alias_help(&page, one.help_of);
    lg_buf_append_byte(&page, '\0');
    assert_non_null(
        strstr((const char *)page.data, "--kill-job is: lagoon push kill STORE VERSION"));
    assert_non_null(strstr((const char *)page.data, "--store, -s"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_becomes_ours_with_its_options_in_our_places),
        cmocka_unit_test(the_command_may_stand_anywhere_and_without_its_dashes),
        cmocka_unit_test(settings_go_into_one_set_with_venice_s_parameters),
        cmocka_unit_test(what_lagoon_has_not_is_said_and_only_if_venice_has_it),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(every_row_is_a_line_that_our_parser_takes),
        cmocka_unit_test(what_is_refused_is_explained),
        cmocka_unit_test(no_name_stands_twice),
        cmocka_unit_test(help_lists_all_and_shows_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
