/* Completion of command lines: what is offered in which place. */
#include "admin/complete.h"

#include "test/test.h"

struct options {
    char *data;
    uint32_t router_port;
};
static const struct lg_option rows[] = {
    LG_OPTION_ROW(struct options, data, str, NULL, 1, 100, START, "The data directory.")
        LG_OPTION_ROW(struct options, router_port, u32, 7777, 0, 65535, START, "A port.")};
static const struct lg_option_table options = {.rows = rows, .n = LG_ARRAY_SIZE(rows)};

static struct lg_buf out;
static enum lg_complete_more more;

static int tear_down(void **state)
{
    (void)state;
    lg_buf_done(&out);
    return 0;
}

/* Completes the words up to NULL. */
static void ask(const char *const *words)
{
    size_t n = 0;

    while (words[n] != NULL)
        n++;
    lg_buf_done(&out);
    lg_complete(&out, n, words, &options, &more);
    lg_buf_append_byte(&out, 0);
}
#define ASK(...) ask((const char *const[]){__VA_ARGS__, NULL})

/* Is the candidate offered, at the beginning of a line? */
static bool offered(const char *candidate)
{
    size_t length = strlen(candidate);

    for (const char *p = (const char *)out.data; p != NULL && *p != '\0';) {
        if (strncmp(p, candidate, length) == 0 && p[length] == '\t')
            return true;
        p = strchr(p, '\n');
        p += p != NULL;
    }
    return false;
}

static size_t lines(void)
{
    size_t n = 0;

    for (const char *p = (const char *)out.data; (p = strchr(p, '\n')) != NULL; p++)
        n++;
    return n;
}

static void every_verb_is_offered_once(void **state)
{
    (void)state;
    ASK("");
    for (size_t i = 0; i < LG_COMMAND_COUNT; i++) {
        const char *words = lg_command_words((enum lg_command_kind)i);
        char first[32] = {0};

        memcpy(first, words, strcspn(words, " "));
        assert_true(offered(first));
    }
    ASK("pus");
    assert_int_equal(lines(), 1);
    assert_true(offered("push"));
    assert_int_equal(more, LG_COMPLETE_NOTHING);
}

static void the_second_word_of_a_verb_is_offered(void **state)
{
    (void)state;
    ASK("store", "");
    assert_true(offered("create"));
    assert_true(offered("list"));
    ASK("store", "cr");
    assert_int_equal(lines(), 1);
    ASK("nonsense", "");
    assert_int_equal(lines(), 0);
}

static void arguments_are_stores_or_files_by_their_place(void **state)
{
    (void)state;
    ASK("push", "cit");
    assert_int_equal(more, LG_COMPLETE_STORES);
    ASK("push", "--create", "--key-field", "id", "cit");
    assert_int_equal(more, LG_COMPLETE_STORES);
    ASK("push", "cities", "");
    assert_int_equal(more, LG_COMPLETE_FILES);
    ASK("store", "create", "");
    assert_int_equal(more, LG_COMPLETE_NOTHING); /* Its name is a new one. */
    ASK("rollback", "cities", "");
    assert_int_equal(more, LG_COMPLETE_NOTHING); /* No second argument. */
    assert_int_equal(lines(), 0);
}

static void flags_are_offered_once_and_their_values_by_kind(void **state)
{
    (void)state;
    ASK("push", "cities", "--key");
    assert_true(offered("--key-field"));
    assert_int_equal(lines(), 1);
    ASK("push", "--key-field", "id", "--key");
    assert_int_equal(lines(), 0);
    ASK("store", "list", "--key"); /* It has no such flag. */
    assert_int_equal(lines(), 0);
    ASK("store", "list", "--output", "");
    assert_true(offered("table") && offered("json") && offered("ndjson"));
    assert_int_equal(lines(), 3);
    ASK("store", "create", "x", "--key-schema", "");
    assert_int_equal(more, LG_COMPLETE_FILES);
}

static void options_of_the_standalone_are_flags(void **state)
{
    (void)state;
    ASK("standalone", "--router");
    assert_true(offered("--router-port"));
    assert_int_equal(lines(), 1);
    ASK("standalone", "--data", "");
    assert_int_equal(more, LG_COMPLETE_FILES);
}

static void nodes_and_profiles_are_offered_where_they_stand(void **state)
{
    (void)state;
    ASK("nodes", "drain", "");
    assert_int_equal(more, LG_COMPLETE_NODES);
    ASK("replicas", "reset", "s", "--instance", "");
    assert_int_equal(more, LG_COMPLETE_NODES);
    ASK("profile", "use", "");
    assert_int_equal(more, LG_COMPLETE_PROFILES);
    ASK("get", "--profile", "");
    assert_int_equal(more, LG_COMPLETE_PROFILES);
    ASK("profile", "add", ""); /* A new name. */
    assert_int_equal(more, LG_COMPLETE_NOTHING);
    ASK("replicas", "");
    assert_int_equal(more, LG_COMPLETE_STORES);
    ASK("nodes", "removable", "a_1", "--stopped", "");
    assert_int_equal(more, LG_COMPLETE_NODES);
    ASK("admin", "--cluster-health-status", "--instances", "");
    assert_int_equal(more, LG_COMPLETE_NODES);
}

static void versions_are_offered_and_words_in_capitals_are_not(void **state)
{
    (void)state;
    ASK("push", "status", "cities", "");
    assert_int_equal(more, LG_COMPLETE_VERSIONS);
    assert_int_equal(lines(), 0);
    ASK("swap", "cities", "");
    assert_int_equal(more, LG_COMPLETE_VERSIONS);
    ASK("replicas", "cities", "--version", "");
    assert_int_equal(more, LG_COMPLETE_VERSIONS);
    ASK("schema", "show", "cities", "");
    assert_true(offered("latest") && offered("superset") && offered("key"));
    assert_int_equal(lines(), 3);
    ASK("store", "update", "s", "--compression", "ZSTD_");
    assert_true(offered("ZSTD_WITH_DICT"));
    ASK("store", "update", "s", "--read-quota", "");
    assert_true(offered("none"));
    assert_int_equal(lines(), 1);
    ASK("profile", "add", "p", "--cluster", "");
    assert_int_equal(more, LG_COMPLETE_NOTHING);
}

static void routes_of_the_controller_are_offered(void **state)
{
    (void)state;
    ASK("call", "node_rem");
    assert_true(offered("node_removable"));
    assert_int_equal(lines(), 1);
}

static void venice_s_commands_and_their_options_are_offered(void **state)
{
    (void)state;
    ASK("admin", "--kill");
    assert_true(offered("--kill-job"));
    assert_int_equal(lines(), 1);
    ASK("admin", "--migrate"); /* Lagoon has not. */
    assert_int_equal(lines(), 0);
    ASK("admin", "--kill-job", "--");
    assert_true(offered("--store"));
    assert_true(offered("--version"));
    assert_true(offered("--url"));
    assert_false(offered("--owner"));
    assert_false(offered("--list-stores"));
    ASK("admin", "--kill-job", "--store", "s", "--s");
    assert_int_equal(lines(), 0);
    ASK("admin", "--update-store", "--storage-");
    assert_true(offered("--storage-quota"));
    assert_true(offered("--storage-node-read-quota-enabled"));
    ASK("admin", "--kill-job", "--store", "");
    assert_int_equal(more, LG_COMPLETE_STORES);
    ASK("admin", "--new-store", "--key-schema-file", "");
    assert_int_equal(more, LG_COMPLETE_FILES);
    ASK("admin", "--remove-node", "--storage-node", "");
    assert_int_equal(more, LG_COMPLETE_NODES);
    ASK("admin", "--list-stores", "--profile", "");
    assert_int_equal(more, LG_COMPLETE_PROFILES);
    ASK("admin", "--list-stores", "--url", "");
    assert_int_equal(more, LG_COMPLETE_NOTHING);
}

static void no_words_are_no_candidates(void **state)
{
    (void)state;
    lg_buf_done(&out);
    lg_complete(&out, 0, NULL, &options, &more);
    assert_int_equal(out.size, 0);
    assert_int_equal(more, LG_COMPLETE_NOTHING);
}

static void shells_without_a_script_are_refused_by_name(void **state)
{
    (void)state;
    struct lg_error err;

    assert_rc(LG_ERR_INVALID, lg_complete_script(&out, "tcsh", &err));
    assert_string_equal(err.text, "no completion for 'tcsh'; there are bash, zsh and fish");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(every_verb_is_offered_once, tear_down),
        cmocka_unit_test_teardown(the_second_word_of_a_verb_is_offered, tear_down),
        cmocka_unit_test_teardown(arguments_are_stores_or_files_by_their_place, tear_down),
        cmocka_unit_test_teardown(flags_are_offered_once_and_their_values_by_kind, tear_down),
        cmocka_unit_test_teardown(options_of_the_standalone_are_flags, tear_down),
        cmocka_unit_test_teardown(nodes_and_profiles_are_offered_where_they_stand, tear_down),
        cmocka_unit_test_teardown(versions_are_offered_and_words_in_capitals_are_not, tear_down),
        cmocka_unit_test_teardown(routes_of_the_controller_are_offered, tear_down),
        cmocka_unit_test_teardown(venice_s_commands_and_their_options_are_offered, tear_down),
        cmocka_unit_test_teardown(no_words_are_no_candidates, tear_down),
        cmocka_unit_test_teardown(shells_without_a_script_are_refused_by_name, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
