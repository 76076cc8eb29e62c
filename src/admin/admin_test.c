/* What the verbs ask and what they print, against a controller and a router that answer by a
 * script. */
#include "admin/admin.h"
#include "model/setting.h"

#include "test/lib/script_world.h"
#include "test/test.h"

#define STORE                                                                                      \
    "{\"name\":\"cities\",\"store\":{\"name\":\"cities\",\"owner\":\"me\",\"currentVersion\":2,"   \
    "\"partitionCount\":4,\"replicationFactor\":1,\"versions\":["                                  \
    "{\"number\":1,\"status\":\"ONLINE\",\"partitionCount\":4,\"createdTime\":0,"                  \
    "\"pushJobId\":\"p1\",\"lagoon\":{\"recordCount\":7}},"                                        \
    "{\"number\":2,\"status\":\"ONLINE\",\"partitionCount\":4,\"createdTime\":0,"                  \
    "\"pushJobId\":\"p2\",\"lagoon\":{\"recordCount\":4321}}]}}"

static const struct lg_script_line healthy[] = {
    {"/list_stores", 200, "{\"stores\":[\"cities\"]}"},
    {"/store?", 200, STORE},
    {"/discover_cluster", 200, "{\"lagoonClientProtocols\":\"grpc\"}"},
    {"/get_key_schema", 200, "{\"id\":1,\"schemaStr\":\"\\\"long\\\"\"}"},
    {"/get_all_value_schema", 200, "{\"schemas\":[{\"id\":1,\"schemaStr\":\"\\\"string\\\"\"}]}"},
    {"/rollback_to_backup_version", 200, "{\"name\":\"cities\",\"version\":1}"},
    {"/roll_forward_to_future_version", 200, "{\"name\":\"cities\",\"version\":3}"},
    {"/list_routers", 200, "{\"routers\":[]}"},
    {"/kill_offline_push_job", 200, "{\"name\":\"cities\"}"},
    {"/new_store", 200, "{\"name\":\"cities\"}"},
    {"/v1/push_status", 200,
     "{\"push\":{\"store\":\"cities\",\"version\":7,\"pushJobId\":\"1700_ab\","
     "\"state\":\"writing\",\"status\":\"STARTED\",\"running\":true,\"error\":null,"
     "\"waitingFor\":\"its pusher to write the rest\",\"pusher\":\"me@host\","
     "\"phase\":\"writing\",\"heardAgoMs\":2100,\"endOfPush\":false,\"records\":50,"
     "\"recordsTotal\":200,\"recordsWritten\":80,\"recordsPerSecond\":10,\"bytes\":1536,"
     "\"bytesPerSecond\":300,\"etaMs\":75000,\"partitionsCompleted\":0,\"partitionCount\":1,"
     "\"partitions\":[{\"partition\":0,\"status\":\"STARTED\",\"records\":50,\"bytes\":1536,"
     "\"replicas\":[{\"instance\":\"srv1_88\",\"live\":true,\"status\":\"STARTED\"},"
     "{\"instance\":\"srv2_88\",\"live\":false,\"status\":\"NOT_CREATED\"}]}]}}"},
    {"/v1/list_pushes", 200,
     "{\"pushes\":[{\"store\":\"cities\",\"version\":6,\"state\":\"failed\","
     "\"pushJobId\":\"p\",\"startedTime\":1,\"recordsTotal\":-1,"
     "\"error\":\"the disk is full\"}]}"},
    {NULL, 0, NULL},
};

static void stores_are_listed_as_a_table_or_json(void **state)
{
    struct lg_script_world *w = lg_script_world_new(healthy);

    (void)state;
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "store", "list"));
    assert_string_equal(lg_script_out(w), "STORE   CURRENT  VERSIONS  PARTITIONS  OWNER\n"
                                          "cities        2         2           4  me\n");
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_NDJSON, "store", "list"));
    assert_int_equal(strncmp(lg_script_out(w), "{\"name\":\"cities\",\"owner\":\"me\",", 30), 0);
    assert_ptr_equal(strchr(lg_script_out(w), '\n'),
                     lg_script_out(w) + strlen(lg_script_out(w)) - 1); /* One line. */
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_JSON, "store", "list"));
    assert_has(lg_script_out(w), "\"stores\"");
    lg_script_world_free(w);
}

static void of_a_store_that_may_not_be_read_the_name_is_listed(void **state)
{
    static const struct lg_script_line closed[] = {
        {"/list_stores", 200, "{\"stores\":[\"cities\"]}"},
        {"/store?store_name=cities", 403,
         "{\"error\":\"you may not read store 'cities'\",\"errorType\":\"ACL_ERROR\"}"},
        {NULL, 0, NULL},
    };
    struct lg_script_world *w = lg_script_world_new(closed);

    (void)state;
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "store", "list"));
    assert_string_equal(lg_script_out(w), "STORE   CURRENT  VERSIONS  PARTITIONS  OWNER\n"
                                          "cities        -         -           -      -\n");
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_NDJSON, "store", "list"));
    assert_string_equal(lg_script_out(w), "{\"name\":\"cities\"}\n");
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_JSON, "store", "list", "--details"));
    assert_has(lg_script_out(w), "\"name\": \"cities\"");
    lg_script_world_free(w);
}

static void a_store_is_described_with_schemas_and_versions(void **state)
{
    struct lg_script_world *w = lg_script_world_new(healthy);

    (void)state;
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "store", "describe", "cities"));
    assert_has(lg_script_out(w), "current version      2\n");
    assert_has(lg_script_out(w), "compression          NO_OP\n");
    assert_has(lg_script_out(w), "storage-quota        none\n");
    assert_has(lg_script_out(w), "clients are told     grpc\n");
    assert_has(lg_script_out(w), "key schema           \"long\"\n");
    assert_has(lg_script_out(w), "value schema 1       \"string\"\n");
    assert_has(lg_script_out(w), "VERSION");
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_JSON, "store", "describe", "cities"));
    assert_has(lg_script_out(w), "\"currentVersion\"");
    lg_script_world_free(w);
}

static void versions_show_their_records_and_which_is_served(void **state)
{
    struct lg_script_world *w = lg_script_world_new(healthy);
    const char *second;

    (void)state;
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "versions", "cities"));
    second = strchr(lg_script_out(w), '\n') + 1; /* The newest comes first. */
    assert_has(second, "yes");
    assert_has(second, "4321");
    assert_has(strchr(second, '\n'), "p1");
    assert_null(strstr(strchr(second, '\n'), "yes"));
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_NDJSON, "versions", "cities"));
    assert_has(strchr(lg_script_out(w), '\n') + 1, "\"recordCount\":4321");
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_JSON, "versions", "cities"));
    assert_has(lg_script_out(w), "\"currentVersion\": 2");
    lg_script_world_free(w);
}

static void a_switch_names_the_version_it_starts_from_and_says_how_to_undo_it(void **state)
{
    struct lg_script_world *w = lg_script_world_new(healthy);

    (void)state;
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "rollback", "cities"));
    assert_string_equal(lg_script_out(w),
                        "store 'cities' serves version 1 (was 2). Undo: lagoon rollforward "
                        "cities\n");
    assert_has((const char *)w->asked.data, "lagoon_from_version=2");
    assert_has((const char *)w->asked.data, "/list_routers");
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "rollback", "cities", "--no-wait"));
    assert_null(strstr((const char *)w->asked.data, "/list_routers"));
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "rollback", "cities", "--wait"));
    assert_rc(LG_ERR_INVALID, RUN(w, LG_OUTPUT_TABLE, "rollback", "cities", "--wait", "--no-wait"));
    lg_script_world_free(w);
}

static void a_kill_names_its_topic(void **state)
{
    struct lg_script_world *w = lg_script_world_new(healthy);

    (void)state;
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "push", "kill", "cities", "3"));
    assert_has((const char *)w->asked.data, "topic=cities_v3");
    assert_has(lg_script_out(w), "version 3 of store 'cities' is killed");
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "push", "kill", "cities", "1700_ab"));
    assert_has((const char *)w->asked.data,
               "/v1/push_status?store_name=cities&push_job_id=1700_ab");
    assert_has((const char *)w->asked.data, "topic=cities_v7");
    lg_script_world_free(w);
}

static void a_swap_names_its_version_so_that_it_happens_once(void **state)
{
    struct lg_script_world *w = lg_script_world_new(healthy);

    (void)state;
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "swap", "cities"));
    assert_has((const char *)w->asked.data, "lagoon_swap_version=0"); /* None waits. */
    assert_has(lg_script_out(w), "serves version 3 (was 2). Undo: lagoon rollback cities");
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_JSON, "swap", "cities", "3"));
    assert_has((const char *)w->asked.data, "lagoon_swap_version=3");
    assert_has(lg_script_out(w), "\"currentVersion\": 3");
    assert_rc(LG_ERR_INVALID, RUN(w, LG_OUTPUT_TABLE, "swap", "cities", "x"));
    lg_script_world_free(w);
}

static void the_status_of_a_push_says_how_far_it_is_and_what_it_waits_for(void **state)
{
    struct lg_script_world *w = lg_script_world_new(healthy);

    (void)state;
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "push", "status", "cities", "7"));
    assert_has((const char *)w->asked.data, "version=7");
    assert_has(lg_script_out(w), "version      7 (STARTED)\n");
    assert_has(lg_script_out(w), "state        writing\n");
    assert_has(lg_script_out(w), "waiting for  its pusher to write the rest\n");
    assert_has(lg_script_out(w), "pusher       me@host, heard 2 s ago, writing\n");
    assert_has(lg_script_out(w),
               "records      50 loaded of 200 (25 %), 80 written, 10 per second\n");
    assert_has(lg_script_out(w), "bytes        1.5 KiB, 300 B per second\n");
    assert_has(lg_script_out(w), "time left    about 1 min 15 s\n");
    assert_has(lg_script_out(w), "partitions   0 of 1 complete\n");
    assert_has(lg_script_out(w), "srv1_88 STARTED, srv2_88 is not there");
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_JSON, "push", "status", "cities"));
    assert_has(lg_script_out(w), "\"recordsPerSecond\": 10");
    lg_script_world_free(w);
}

static void watching_a_push_ends_with_it_and_fails_if_it_does(void **state)
{
    static const struct lg_script_line failed[] = {
        {"/v1/push_status", 200,
         "{\"push\":{\"version\":7,\"state\":\"failed\",\"records\":5,\"running\":false,"
         "\"error\":\"the disk is full\"}}"},
        {NULL, 0, NULL},
    };
    static const struct lg_script_line served[] = {
        {"/v1/push_status", 200,
         "{\"push\":{\"version\":7,\"state\":\"served\",\"records\":5,\"recordsTotal\":5,"
         "\"running\":false}}"},
        {NULL, 0, NULL},
    };
    struct lg_script_world *w = lg_script_world_new(failed);

    (void)state;
    assert_rc(LG_ERR_FAILED, RUN(w, LG_OUTPUT_TABLE, "push", "status", "cities", "--watch"));
    assert_has(w->err.text, "version 7 failed: the disk is full");
    assert_has(lg_script_out(w), "version 7 failed, 5 records loaded\n");
    w->script = served;
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "push", "status", "cities", "--watch"));
    assert_string_equal(lg_script_out(w), "version 7 served, 5 of 5 records loaded\n");
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_JSON, "push", "status", "cities", "--watch"));
    assert_has(lg_script_out(w), "\"state\":\"served\"");
    lg_script_world_free(w);
}

static const struct lg_script_line asked_for[] = {
    {"/v1/push_status", 200,
     "{\"push\":{\"store\":\"cities\",\"version\":0,\"pushJobId\":\"p8\",\"state\":\"asked\","
     "\"status\":\"NOT_CREATED\",\"running\":true,\"records\":0,\"waitingFor\":\"its turn\"}}"},
    {NULL, 0, NULL},
};

static void previous_again(void *ctx)
{
    static const struct lg_script_line previous[] = {
        {"/v1/push_status", 200,
         "{\"push\":{\"version\":7,\"pushJobId\":\"p7\",\"state\":\"served\",\"records\":5,"
         "\"running\":false}}"},
        {NULL, 0, NULL},
    };

    ((struct lg_script_world *)ctx)->script = previous;
}

static void a_push_without_a_version_is_shown_and_its_refusal_told(void **state)
{
    struct lg_script_world *w = lg_script_world_new(asked_for);

    (void)state;
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "push", "status", "cities"));
    assert_has(lg_script_out(w), "version      none yet\npush id      p8\nstate        asked\n"
                                 "waiting for  its turn\n");
    /* What was there before it is not taken for its end. */
    lg_sim_at(w->sim, lg_sim_now_us(w->sim) + LG_SEC, NULL, previous_again, w);
    assert_rc(LG_ERR_FAILED, RUN(w, LG_OUTPUT_TABLE, "push", "status", "cities", "--watch"));
    assert_has(lg_script_out(w), "push p8 asked for, waiting for its turn\n");
    assert_has(w->err.text, "push 'p8' did not begin");
    lg_script_world_free(w);
}

static void pushes_are_listed_of_one_store_or_all(void **state)
{
    struct lg_script_world *w = lg_script_world_new(healthy);

    (void)state;
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "push", "list"));
    assert_has((const char *)w->asked.data, "/v1/list_pushes ");
    assert_has(lg_script_out(w), "failed");
    assert_has(lg_script_out(w), "the disk is full");
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_NDJSON, "push", "list", "cities"));
    assert_has((const char *)w->asked.data, "/v1/list_pushes?store_name=cities");
    assert_has(lg_script_out(w), "\"state\":\"failed\"");
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_JSON, "push", "list"));
    assert_has(lg_script_out(w), "[");
    lg_script_world_free(w);
}

static void a_store_is_made_from_its_schema_files(void **state)
{
    struct lg_script_world *w = lg_script_world_new(healthy);

    (void)state;
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "store", "create", "cities", "--key-schema", "k.avsc",
                         "--value-schema", "k.avsc"));
    assert_string_equal(lg_script_out(w), "store 'cities' created: key long, value long\n");
    assert_has((const char *)w->asked.data, "key_schema=%22long%22");
    assert_rc(LG_ERR_NOT_FOUND, RUN(w, LG_OUTPUT_TABLE, "store", "create", "cities", "--key-schema",
                                    "no.avsc", "--value-schema", "k.avsc"));
    assert_has(w->err.text, "--key-schema");
    assert_rc(LG_ERR_INVALID, RUN(w, LG_OUTPUT_TABLE, "store", "create", "cities"));
    lg_script_world_free(w);
}

static void errors_are_passed_on_with_their_code(void **state)
{
    static const struct lg_script_line broken[] = {
        {"/store?", 404,
         "{\"error\":\"no store 'cities'\",\"errorType\":\"STORE_NOT_FOUND\","
         "\"exceptionType\":\"STORE_NOT_FOUND\"}"},
        {NULL, 0, NULL},
    };
    struct lg_script_world *w = lg_script_world_new(broken);

    (void)state;
    assert_rc(LG_ERR_NO_STORE, RUN(w, LG_OUTPUT_TABLE, "versions", "cities"));
    assert_has(w->err.text, "no store 'cities'");
    assert_rc(LG_ERR_NO_STORE, RUN(w, LG_OUTPUT_TABLE, "rollback", "cities"));
    assert_string_equal(lg_script_out(w), "");
    lg_script_world_free(w);
}

static void output_formats_are_known_by_name(void **state)
{
    enum lg_output output;
    struct lg_error err = {0};

    (void)state;
    assert_ok(lg_admin_parse_output(NULL, &output, &err));
    assert_int_equal(output, LG_OUTPUT_TABLE);
    assert_ok(lg_admin_parse_output("ndjson", &output, &err));
    assert_int_equal(output, LG_OUTPUT_NDJSON);
    assert_rc(LG_ERR_INVALID, lg_admin_parse_output("xml", &output, &err));
    assert_has(err.text, "table, json and ndjson");
}

/* --- Settings, the end of a store, schemas. ----------------------------------------------------
 */

static const char *asked(const struct lg_script_world *w)
{
    return (const char *)w->asked.data;
}

static void every_setting_has_a_flag_of_its_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < lg_settings_count; i++) {
        bool found = false;

        for (size_t f = 0; f < LG_FLAG_COUNT; f++)
            found = found ||
                    (strcmp(lg_flag_row((enum lg_command_flag)f)->name, lg_settings[i].name) == 0 &&
                     lg_command_has_flag(LG_COMMAND_STORE_UPDATE, (enum lg_command_flag)f));
        if (!found)
            fail_msg("no flag --%s", lg_settings[i].name);
    }
}

static void an_update_is_told_before_it_is_made(void **state)
{
    static const struct lg_script_line script[] = {
        {"/update_store", 200,
         "{\"lagoonChanges\":[{\"setting\":\"chunking\",\"from\":\"false\",\"to\":\"true\","
         "\"applies\":\"next push\"}]}"},
        {0},
    };
    struct lg_script_world *w = lg_script_world_new(script);

    (void)state;
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "store", "update", "cities", "--chunking", "true",
                         "--set", "read-quota=5,hybrid_x=1", "--dry-run"));
    assert_has(asked(w), "chunking_enabled=true");
    assert_has(asked(w), "read_quota_in_cu=5");
    assert_has(asked(w), "hybrid_x=1"); /* The controller refuses it by name. */
    assert_has(asked(w), "lagoon_dry_run=true");
    assert_null(strstr(asked(w), "lagoon_dry_run=false"));
    assert_has(lg_script_out(w), "chunking");
    assert_has(lg_script_out(w), "next push");
    assert_has(lg_script_out(w), "dry run");
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_JSON, "store", "update", "cities", "--chunking=true"));
    assert_has(asked(w), "lagoon_dry_run=false");
    assert_has(lg_script_out(w), "\"dryRun\": false");
    assert_has(lg_script_out(w), "\"changes\"");
    assert_rc(LG_ERR_INVALID, RUN(w, LG_OUTPUT_TABLE, "store", "update", "cities"));
    assert_has(w->err.text, "--storage-quota");
    assert_rc(LG_ERR_INVALID, RUN(w, LG_OUTPUT_TABLE, "store", "update", "cities", "--set", "x"));
    assert_rc(LG_ERR_INVALID, RUN(w, LG_OUTPUT_TABLE, "store", "update", "cities", "--set", "=x"));
    lg_script_world_free(w);
}

static enum lg_admin_confirm the_answer = LG_ADMIN_CONFIRMED;
static unsigned questions;

static enum lg_admin_confirm answer_question(void *ctx, const char *question, const char *answer)
{
    (void)ctx;
    questions++;
    assert_non_null(strstr(question, "'cities'"));
    assert_string_equal(answer, "cities");
    return the_answer;
}

static void who_sits_at_a_terminal_is_asked_before_a_store_goes(void **state)
{
    static const struct lg_script_line script[] = {
        {"/store?", 200, "{\"store\":{\"name\":\"cities\",\"versions\":[]}}"},
        {"/delete_store", 200, "{\"lagoonPurgeTime\":1000}"},
        {"/purge_store", 200, "{}"},
        {0},
    };
    struct lg_script_world *w = lg_script_world_new(script);

    (void)state;
    /* Nobody to ask: a delete can be undone, a purge cannot. */
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "store", "delete", "cities"));
    assert_has(asked(w), "lagoon_enabled=true");
    assert_has(lg_script_out(w), "1970-01-01T00:00:01");
    assert_has(lg_script_out(w), "Undo: lagoon store undelete cities");
    assert_rc(LG_ERR_INVALID, RUN(w, LG_OUTPUT_TABLE, "store", "purge", "cities"));
    assert_has(w->err.text, "--force");
    assert_null(strstr(asked(w), "/purge_store"));
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "store", "purge", "cities", "--force"));
    assert_has(lg_script_out(w), "its name is free");

    w->confirm = answer_question;
    the_answer = LG_ADMIN_DENIED;
    assert_rc(LG_ERR_CANCELLED, RUN(w, LG_OUTPUT_TABLE, "store", "delete", "cities"));
    assert_null(strstr(asked(w), "/delete_store"));
    assert_rc(LG_ERR_CANCELLED, RUN(w, LG_OUTPUT_TABLE, "store", "purge", "cities"));
    assert_null(strstr(asked(w), "/purge_store"));
    assert_int_equal(questions, 2);
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "store", "delete", "cities", "--force"));
    assert_int_equal(questions, 2);
    the_answer = LG_ADMIN_CONFIRMED;
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "store", "delete", "cities"));
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_JSON, "store", "purge", "cities"));
    assert_int_equal(questions, 4);
    lg_script_world_free(w);
}

static void an_undeleted_store_says_what_it_serves_and_what_is_disabled(void **state)
{
    static const struct lg_script_line back[] = {
        {"/undelete_store", 200,
         "{\"lagoonWasDeleted\":true,\"version\":3,\"enableStoreReads\":false,"
         "\"enableStoreWrites\":true}"},
        {0},
    };
    static const struct lg_script_line live[] = {
        {"/undelete_store", 200, "{\"lagoonWasDeleted\":false,\"version\":0}"},
        {0},
    };
    struct lg_script_world *w = lg_script_world_new(back);

    (void)state;
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "store", "undelete", "cities", "--no-wait"));
    assert_has(lg_script_out(w), "serves version 3");
    assert_has(lg_script_out(w), "lagoon store update cities --reads true\n");
    w->script = live;
    assert_rc(LG_OK, RUN(w, LG_OUTPUT_TABLE, "store", "undelete", "cities"));
    assert_has(lg_script_out(w), "is not deleted");
    lg_script_world_free(w);
}

static void a_schema_that_does_not_fit_prints_its_report(void **state)
{
    static const struct lg_script_line script[] = {
        {"/add_value_schema", 200,
         "{\"id\":-1,\"lagoonCompatible\":false,\"lagoonMode\":\"FULL\",\"lagoonFindings\":[{"
         "\"path\":\"a.b\",\"breaks\":\"new readers of old data\",\"change\":\"it changed\","
         "\"remedy\":\"do this\",\"schemaId\":4}]}"},
        {0},
    };
    struct lg_script_world *w = lg_script_world_new(script);

    (void)state;
    assert_rc(LG_ERR_SCHEMA, RUN(w, LG_OUTPUT_TABLE, "schema", "add", "cities", "k.avsc"));
    assert_has(lg_script_out(w),
               "a.b  against value schema 4\n    it changed\n    breaks new readers of old "
               "data\n    remedy: do this\nnot compatible (FULL)");
    assert_null(strstr(asked(w), "lagoon_dry_run=false"));
    assert_rc(LG_ERR_SCHEMA, RUN(w, LG_OUTPUT_JSON, "schema", "add", "cities", "k.avsc"));
    assert_has(lg_script_out(w), "\"lagoonCompatible\": false");
    assert_rc(LG_ERR_NOT_FOUND, RUN(w, LG_OUTPUT_TABLE, "schema", "add", "cities", "no.avsc"));
    lg_script_world_free(w);
}

/* The first attempt may have been made, whatever the last one was answered. */
static void a_switch_of_which_nobody_knows_says_how_to_see_whether_it_happened(void **state)
{
#define UNSURE(flag)                                                                               \
    {                                                                                              \
        {"/store?", 200, "{\"store\":{\"name\":\"cities\",\"currentVersion\":2}}"},                \
            {"/rollback_to_backup_version", 503,                                                   \
             "{\"error\":\"ZooKeeper at zk:2181 has not answered for 9 s: changes are refused\","  \
             "\"lagoonCode\":\"ERR_UNAVAILABLE\",\"lagoonUncertain\":" flag                        \
             ",\"lagoonMetadata\":{\"reachable\":false,\"silentMs\":9000}}"},                      \
        {                                                                                          \
            NULL, 0, NULL                                                                          \
        }                                                                                          \
    }
    static const struct lg_script_line unsure[] = UNSURE("true"), refused[] = UNSURE("false");
#undef UNSURE
    struct lg_script_world *w = lg_script_world_new(unsure);

    (void)state;
    assert_rc(LG_ERR_UNAVAILABLE, RUN(w, LG_OUTPUT_TABLE, "rollback", "cities"));
    assert_has(w->err.text,
               "`lagoon versions cities` shows whether it happened: it is not known whether the "
               "change was made, look before you ask again: ZooKeeper at zk:2181 has not answered");
    lg_script_world_free(w);
    w = lg_script_world_new(refused);
    assert_rc(LG_ERR_UNAVAILABLE, RUN(w, LG_OUTPUT_TABLE, "rollback", "cities"));
    assert_null(strstr(w->err.text, "not known"));
    lg_script_world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_setting_has_a_flag_of_its_name),
        cmocka_unit_test(an_update_is_told_before_it_is_made),
        cmocka_unit_test(who_sits_at_a_terminal_is_asked_before_a_store_goes),
        cmocka_unit_test(an_undeleted_store_says_what_it_serves_and_what_is_disabled),
        cmocka_unit_test(a_schema_that_does_not_fit_prints_its_report),
        cmocka_unit_test(stores_are_listed_as_a_table_or_json),
        cmocka_unit_test(of_a_store_that_may_not_be_read_the_name_is_listed),
        cmocka_unit_test(a_store_is_described_with_schemas_and_versions),
        cmocka_unit_test(versions_show_their_records_and_which_is_served),
        cmocka_unit_test(a_switch_names_the_version_it_starts_from_and_says_how_to_undo_it),
        cmocka_unit_test(a_kill_names_its_topic),
        cmocka_unit_test(a_swap_names_its_version_so_that_it_happens_once),
        cmocka_unit_test(the_status_of_a_push_says_how_far_it_is_and_what_it_waits_for),
        cmocka_unit_test(watching_a_push_ends_with_it_and_fails_if_it_does),
        cmocka_unit_test(a_push_without_a_version_is_shown_and_its_refusal_told),
        cmocka_unit_test(pushes_are_listed_of_one_store_or_all),
        cmocka_unit_test(a_store_is_made_from_its_schema_files),
        cmocka_unit_test(errors_are_passed_on_with_their_code),
        cmocka_unit_test(a_switch_of_which_nobody_knows_says_how_to_see_whether_it_happened),
        cmocka_unit_test(output_formats_are_known_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
