/* Stores and schemas as a user has them: settings, deletion and its undo, schemas that evolve. */
#include "base/str.h"
#include "test/lib/rig.h"
#include "test/test.h"

#define CITIES "examples/cities/cities.avro"
#define V1                                                                                         \
    "{\"type\":\"record\",\"name\":\"Person\",\"fields\":[{\"name\":\"name\",\"type\":\"string\"}" \
    ",{\"name\":\"age\",\"type\":\"int\"}]}"
/* Fits: a new field with a default. */
#define V2                                                                                         \
    "{\"type\":\"record\",\"name\":\"Person\",\"fields\":[{\"name\":\"name\",\"type\":\"string\"}" \
    ",{\"name\":\"age\",\"type\":\"int\"},{\"name\":\"town\",\"type\":\"string\",\"default\":"     \
    "\"Venice\"}]}"
/* Does not: age goes without a default, height comes without one, name changes. */
#define BAD                                                                                        \
    "{\"type\":\"record\",\"name\":\"Person\",\"fields\":[{\"name\":\"name\",\"type\":\"int\"},{"  \
    "\"name\":\"height\",\"type\":\"double\"}]}"

static struct lg_rig rig;

static int set_up(void **state)
{
    (void)state;
    lg_rig_init(&rig);
    lg_rig_start(&rig, NULL, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lg_rig_done(&rig);
    return 0;
}

static void make_people(const char *name)
{
    LG_AUTO_STR char *key = lg_rig_file(&rig, "key.avsc", LG_LIT("\"string\""));
    LG_AUTO_STR char *value = lg_rig_file(&rig, "value.avsc", LG_LIT(V1));
    LG_AUTO_STR char *data = lg_rig_file(
        &rig, "data.ndjson", LG_LIT("{\"key\":\"ada\",\"value\":{\"name\":\"Ada\",\"age\":36}}\n"));

    assert_run(&rig, 0, "store", "create", name, "--key-schema", key, "--value-schema", value);
    assert_run(&rig, 0, "push", name, data, "--key-field", "key", "--value-field", "value");
}

/* The status of a read of "ada" at the router, as soon as it is this one. */
static void assert_read(const char *store, int status)
{
    LG_AUTO_STR char *target = lg_strf("/v1/stores/%s/ada", store);
    int got = 0;

    for (unsigned i = 0; i < 10000 && got != status; i++) {
        LG_SCOPED(lg_reply) reply = {0};

        got = lg_ask_get(rig.router, target, &reply);
        if (got != status)
            lg_process_pause(1);
    }
    assert_int_equal(got, status);
}

static void settings_are_shown_changed_and_refused(void **state)
{
    LG_AUTO(lg_json) *json = NULL;

    (void)state;
    make_people("settings");
    assert_run(&rig, 0, "store", "update", "settings", "--storage-quota", "10GiB", "--chunking",
               "true", "--dry-run");
    lg_rig_assert_out(&rig, "storage-quota");
    lg_rig_assert_out(&rig, "10GiB");
    lg_rig_assert_out(&rig, "next push");
    lg_rig_assert_out(&rig, "dry run");
    assert_run(&rig, 0, "store", "describe", "settings");
    lg_rig_assert_out(&rig, "storage-quota        none");
    assert_run(&rig, 0, "store", "update", "settings", "--storage-quota", "10GiB", "--chunking",
               "true", "--set", "backup_version_retention_ms=86400000,owner=doge", "--output",
               "json");
    json = lg_rig_json(lg_buf_slice(&rig.out));
    assert_int_equal(lg_json_size(lg_json_get(json, "changes")), 4);
    assert_run(&rig, 0, "store", "describe", "settings");
    lg_rig_assert_out(&rig, "storage-quota        10GiB");
    lg_rig_assert_out(&rig, "backup-retention     1d");
    lg_rig_assert_out(&rig, "owner                doge");
    assert_run(&rig, 0, "store", "update", "settings", "--chunking", "true");
    lg_rig_assert_out(&rig, "like that already");
    assert_run(&rig, 2, "store", "update", "settings", "--chunking", "perhaps");
    lg_rig_assert_err(&rig, "chunking is true or false");
    assert_run(&rig, 2, "store", "update", "settings", "--partitions", "0");
    lg_rig_assert_err(&rig, "from 1 to 1000");
    assert_run(&rig, 2, "store", "update", "settings");
    assert_run(&rig, 4, "store", "update", "settings", "--set", "write_computation_enabled=true");
    lg_rig_assert_err(&rig, "write_computation_enabled is not supported");
    assert_run(&rig, 2, "store", "update", "settings", "--set", "chunkin_enabled=true");
    lg_rig_assert_err(&rig, "did you mean 'chunking_enabled'");
}

static void a_deleted_store_comes_back_as_it_was(void **state)
{
    LG_AUTO_STR char *key = NULL;

    (void)state;
    make_people("people");
    key = lg_rig_path(&rig, "key.avsc");
    assert_read("people", 200);
    assert_run(&rig, 0, "store", "delete", "people");
    lg_rig_assert_out(&rig, "Undo: lagoon store undelete people");
    assert_read("people", 404);
    assert_run(&rig, 0, "store", "list");
    assert_null(strstr((const char *)rig.out.data, "people"));
    assert_run(&rig, 0, "store", "list", "--deleted");
    lg_rig_assert_out(&rig, "people");
    lg_rig_assert_out(&rig, "STAYS UNTIL");
    assert_run(&rig, 3, "store", "describe", "people");
    lg_rig_assert_err(&rig, "was deleted; `lagoon store undelete people`");
    assert_run(&rig, 6, "store", "create", "people", "--key-schema", key, "--value-schema", key);
    lg_rig_assert_err(&rig, "lagoon store undelete people");
    lg_rig_assert_err(&rig, "lagoon store purge people");
    /* Also across a restart. */
    lg_rig_stop(&rig);
    lg_rig_start(&rig, NULL, NULL);
    assert_read("people", 404);
    assert_run(&rig, 0, "store", "undelete", "people");
    lg_rig_assert_out(&rig, "is back and serves version 1");
    assert_read("people", 200);
    assert_run(&rig, 0, "get", "people", "ada");
    lg_rig_assert_out(&rig, "Ada");
    assert_run(&rig, 0, "store", "undelete", "people");
    lg_rig_assert_out(&rig, "nothing to do");
}

/* How many replicas of the process have their read index in that state. */
static long index_replicas(const char *state)
{
    LG_AUTO_STR char *line = lg_strf("lagoon_storage_index_replicas{state=\"%s\"} ", state);
    LG_SCOPED(lg_reply) reply = {0};
    const char *at;

    assert_int_equal(lg_ask_get(rig.router, "/metrics", &reply), 200);
    at = strstr(lg_reply_text(&reply), line);
    assert_non_null(at);
    return strtol(at + strlen(line), NULL, 10);
}

static void wait_complete(long want)
{
    for (unsigned i = 0; i < 10000 && index_replicas("complete") != want; i++)
        lg_process_pause(1);
    assert_int_equal(index_replicas("complete"), want);
}

/* At once, without a restart, and reads do not notice. */
static void a_store_may_be_read_without_an_index(void **state)
{
    long before;

    (void)state;
    for (unsigned i = 0; i < 10000 && index_replicas("waiting") + index_replicas("filling") > 0;
         i++)
        lg_process_pause(1);
    before = index_replicas("complete");
    make_people("indexed");
    assert_read("indexed", 200);
    wait_complete(before + 4);
    assert_run(&rig, 0, "store", "update", "indexed", "--read-index", "false");
    wait_complete(before);
    assert_read("indexed", 200);
    assert_run(&rig, 0, "store", "describe", "indexed");
    lg_rig_assert_out(&rig, "read-index           false");
    assert_run(&rig, 0, "store", "update", "indexed", "--read-index", "true");
    wait_complete(before + 4);
    assert_run(&rig, 0, "store", "delete", "indexed", "--force");
}

static size_t folder_count(const char *part)
{
    LG_AUTO(lg_json) *topics = lg_rig_topics(&rig);
    LG_SCOPED(lg_buf) text = {0};
    size_t n = 0;

    lg_json_write(&text, topics, /* pretty= */ false);
    lg_buf_append_byte(&text, 0);
    for (const char *at = (const char *)text.data; (at = strstr(at, part)) != NULL; at++)
        n++;
    return n;
}

static void a_purge_is_for_good_and_numbers_go_on(void **state)
{
    (void)state;
    make_people("gone");
    assert_run(&rig, 6, "store", "purge", "gone", "--force");
    lg_rig_assert_err(&rig, "lagoon store delete gone");
    assert_run(&rig, 0, "store", "delete", "gone", "--force");
    assert_run(&rig, 2, "store", "purge", "gone"); /* Nobody can be asked. */
    lg_rig_assert_err(&rig, "--force");
    assert_run(&rig, 0, "store", "purge", "gone", "--force");
    assert_run(&rig, 3, "store", "undelete", "gone");
    for (unsigned i = 0; i < 30000 && folder_count("\"gone_v") > 0; i++)
        lg_process_pause(1);
    assert_int_equal(folder_count("\"gone_v"), 0);
    make_people("gone");
    lg_rig_assert_out(&rig, "version 2");
    assert_read("gone", 200);
}

static void schemas_evolve_and_old_values_stay_readable(void **state)
{
    LG_AUTO_STR char *v2 = lg_rig_file(&rig, "v2.avsc", LG_LIT(V2));
    LG_AUTO_STR char *bad = lg_rig_file(&rig, "bad.avsc", LG_LIT(BAD));
    LG_AUTO_STR char *data = lg_rig_file(
        &rig, "data2.ndjson",
        LG_LIT("{\"key\":\"ada\",\"value\":{\"name\":\"Ada\",\"age\":37,\"town\":\"London\"}}\n"));
    LG_AUTO(lg_json) *json = NULL;

    (void)state;
    make_people("evolving");
    assert_run(&rig, 7, "schema", "add", "evolving", bad);
    lg_rig_assert_out(&rig, "height  against value schema 1");
    lg_rig_assert_out(&rig, "was added without a default");
    lg_rig_assert_out(&rig, "age  against value schema 1");
    lg_rig_assert_out(&rig, "was removed, which has no default for old readers");
    lg_rig_assert_out(&rig, "the type changed from string to int");
    lg_rig_assert_out(&rig, "remedy: ");
    lg_rig_assert_err(&rig, "does not fit the schemas of store 'evolving'");
    assert_run(&rig, 0, "schema", "add", "evolving", v2, "--dry-run");
    lg_rig_assert_out(&rig, "would be value schema 2");
    assert_run(&rig, 0, "schema", "add", "evolving", v2);
    lg_rig_assert_out(&rig, "has value schema 2");
    assert_run(&rig, 0, "schema", "add", "evolving", v2);
    lg_rig_assert_out(&rig, "has it already, as value schema 2");
    assert_run(&rig, 0, "schema", "list", "evolving");
    lg_rig_assert_out(&rig, "Person");
    lg_rig_assert_out(&rig, "latest");
    assert_run(&rig, 0, "schema", "list", "evolving", "--output", "json");
    json = lg_rig_json(lg_buf_slice(&rig.out));
    assert_int_equal(lg_json_size(json), 3); /* The key's among them. */
    assert_run(&rig, 0, "schema", "show", "evolving", "1");
    assert_null(strstr((const char *)rig.out.data, "town"));
    assert_run(&rig, 0, "schema", "show", "evolving");
    lg_rig_assert_out(&rig, "\"town\"");
    assert_run(&rig, 0, "schema", "show", "evolving", "key");
    assert_string_equal((const char *)rig.out.data, "\"string\"\n");
    assert_run(&rig, 3, "schema", "show", "evolving", "9");
    assert_run(&rig, 3, "schema", "show", "evolving", "superset");
    lg_rig_assert_err(&rig, "--read-compute true");
    assert_run(&rig, 0, "store", "update", "evolving", "--read-compute", "true");
    assert_run(&rig, 0, "schema", "show", "evolving", "superset", "--output", "ndjson");
    lg_rig_assert_out(&rig, "\"id\":2");
    assert_run(&rig, 0, "get", "evolving", "ada", "--output", "json");
    assert_null(strstr((const char *)rig.out.data, "town")); /* As it was written. */
    assert_run(&rig, 0, "get", "evolving", "ada", "--schema", "latest", "--output", "json");
    lg_rig_assert_out(&rig, "\"town\":\"Venice\"");
    assert_run(&rig, 0, "get", "evolving", "ada", "--schema", "2", "--output", "json");
    lg_rig_assert_out(&rig, "\"town\":\"Venice\"");
    assert_run(&rig, 3, "get", "evolving", "ada", "--schema", "9");
    lg_rig_assert_err(&rig, "lagoon schema list evolving");
    /* A push of the new schema, read by a new client and by an old one; and back. */
    assert_run(&rig, 0, "push", "evolving", data, "--key-field", "key", "--value-field", "value");
    assert_run(&rig, 0, "get", "evolving", "ada", "--output", "json");
    lg_rig_assert_out(&rig, "{\"name\":\"Ada\",\"age\":37,\"town\":\"London\"}");
    assert_run(&rig, 0, "get", "evolving", "ada", "--schema", "1", "--output", "json");
    lg_rig_assert_out(&rig, "{\"name\":\"Ada\",\"age\":37}");
    assert_run(&rig, 0, "rollback", "evolving");
    assert_run(&rig, 0, "get", "evolving", "ada", "--output", "json");
    lg_rig_assert_out(&rig, "{\"name\":\"Ada\",\"age\":36}");
}

static void two_files_are_compared_without_a_store(void **state)
{
    LG_AUTO_STR char *v1 = lg_rig_file(&rig, "v1.avsc", LG_LIT(V1));
    LG_AUTO_STR char *v2 = lg_rig_file(&rig, "v2.avsc", LG_LIT(V2));
    LG_AUTO_STR char *bad = lg_rig_file(&rig, "bad.avsc", LG_LIT(BAD));
    LG_AUTO(lg_json) *json = NULL;

    (void)state;
    assert_run(&rig, 0, "schema", "check", v1, v2);
    lg_rig_assert_out(&rig, "compatible (FULL)");
    assert_run(&rig, 7, "schema", "check", v1, bad, "--output", "json");
    json = lg_rig_json(lg_buf_slice(&rig.out));
    assert_false(lg_json_get_bool(json, "compatible", true));
    assert_int_equal(lg_json_size(lg_json_get(json, "findings")), 4);
    assert_run(&rig, 0, "schema", "check", v1, bad, "--compat", "NONE");
    assert_run(&rig, 2, "schema", "check", v1, bad, "--compat", "HALF");
    assert_run(&rig, 3, "schema", "check", v1, "no-such-file.avsc");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_are_shown_changed_and_refused),
        cmocka_unit_test(a_store_may_be_read_without_an_index),
        cmocka_unit_test(a_deleted_store_comes_back_as_it_was),
        cmocka_unit_test(a_purge_is_for_good_and_numbers_go_on),
        cmocka_unit_test(schemas_evolve_and_old_values_stay_readable),
        cmocka_unit_test(two_files_are_compared_without_a_store),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
