/* Pushes into a real cluster: Venice's own sequence of calls, pushers that are killed and
 * continued, servers and routers that are away meanwhile, limits, and what a push that cannot end
 * says.
 *
 * The moments follow LAGOON_KILL_SEED (printed).
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/rand.h"
#include "base/str.h"
#include "test/lib/cluster.h"
#include "test/test.h"

#define ROWS 4000u
#define BATCH 500u /* keys of one read */
#define CITIES "examples/cities/cities.avro"
#define KILLS 4u
#define LARGE_BYTES (((size_t)20 << 20) - 64) /* The limit is of the whole value. */

static struct lg_cluster c;
static char *key_schema, *value_schema; /* paths */

/* --- Rows: row i of generation g, so that no mixture looks like one of them. -------------------
 */

static char *write_rows(unsigned generation, unsigned rows)
{
    LG_AUTO_STR char *name = lg_strf("rows-%u.ndjson", generation);
    LG_SCOPED(lg_buf) text = {0};

    for (unsigned i = 0; i < rows; i++)
        lg_buf_appendf(&text, "{\"id\":%u,\"text\":\"row %u of generation %u, and more\"}\n", i, i,
                       generation);
    return lg_rig_file(&c.rig, name, lg_buf_slice(&text));
}

static void make_store(const char *name)
{
    assert_run(&c.rig, 0, "store", "create", name, "--key-schema", key_schema, "--value-schema",
               value_schema);
}

static void push(const char *store, const char *file)
{
    assert_run(&c.rig, 0, "push", store, file, "--key-field", "id");
}

/* All rows through each router that runs: each must be of this generation, none may be more. */
static void expect_rows(const char *store, unsigned generation, unsigned rows)
{
    LG_AUTO_STR char *target = lg_strf("/v1/stores/%s", store);

    for (unsigned from = 0; from <= rows; from += BATCH) {
        LG_SCOPED(lg_buf) body = {0};

        for (unsigned i = from; i < from + BATCH; i++)
            lg_buf_appendf(&body, "%s%u", i == from ? "{\"keys\":[" : ",", i);
        lg_buf_append_str(&body, "]}");
        lg_buf_append_byte(&body, 0);
        for (unsigned r = 0; r < c.count[LG_CLUSTER_ROUTER]; r++) {
            LG_SCOPED(lg_reply) reply = {0};
            LG_AUTO(lg_json) *json = NULL;

            assert_int_equal(lg_ask_post(c.nodes[LG_CLUSTER_ROUTER][r].port, target,
                                         (const char *)body.data, &reply),
                             200);
            json = lg_rig_json(lg_buf_slice(&reply.body));
            for (unsigned i = from; i < from + BATCH; i++) {
                const struct lg_json *value =
                    lg_json_get(lg_json_at(lg_json_get(json, "results"), i - from), "value");
                LG_AUTO_STR char *begin = lg_strf("row %u of generation %u,", i, generation);
                bool there = value != NULL && lg_json_type(value) == LG_JSON_OBJECT;

                if ((i < rows) != there)
                    fail_msg("row %u of %u is %s", i, rows, there ? "there" : "missing");
                if (there && strncmp(lg_json_get_str(value, "text", ""), begin, strlen(begin)) != 0)
                    fail_msg("row %u is not of generation %u: %s", i, generation,
                             lg_json_get_str(value, "text", ""));
            }
        }
    }
}

/* --- The controller, as a Java client asks it. -------------------------------------------------
 */

static uint16_t leader_port(void)
{
    return c.nodes[LG_CLUSTER_CONTROLLER][lg_cluster_leader(&c)].port;
}

static struct lg_json *answer(const struct lg_question *question)
{
    LG_SCOPED(lg_reply) reply = {0};
    LG_AUTO(lg_json) *json = NULL;

    if (lg_ask(question, &reply) != 200)
        fail_msg("%s: %d %s", question->target, reply.status, lg_reply_text(&reply));
    json = lg_rig_json(lg_buf_slice(&reply.body));
    assert_int_equal(lg_json_type(lg_json_get(json, "error")), LG_JSON_NULL);
    return LG_TAKE(json);
}

static struct lg_json *get(const char *target)
{
    return answer(&(struct lg_question){.port = leader_port(), .target = target});
}

static struct lg_json *post(const char *target, const char *form)
{
    return answer(
        &(struct lg_question){.port = leader_port(),
                              .target = target,
                              .headers = "Content-Type: application/x-www-form-urlencoded\r\n",
                              .method = "POST",
                              .body = lg_slice_str(form)});
}

struct awaited {
    const char *store, *status;
    int version;
    struct lg_json *job;
};

static bool job_is(struct lg_cluster *cluster, void *ctx)
{
    struct awaited *a = ctx;
    LG_AUTO_STR char *target = lg_strf("/job?store_name=%s&version=%d", a->store, a->version);
    LG_AUTO(lg_json) *json = get(target);
    const char *status = lg_json_get_str(json, "status", "");

    (void)cluster;
    if (strcmp(status, a->status) != 0) {
        if (strcmp(status, "ERROR") == 0)
            fail_msg("%s: %s", a->store, lg_json_get_str(json, "statusDetails", ""));
        return false;
    }
    a->job = LG_TAKE(json);
    return true;
}

/* What /job answers once it says so. */
static struct lg_json *until_job(const char *store, int version, const char *status)
{
    struct awaited a = {.store = store, .version = version, .status = status};

    lg_cluster_until(&c, job_is, &a, status);
    return a.job;
}

static void assert_text(const struct lg_json *json, const char *member, const char *part)
{
    if (strstr(lg_json_get_str(json, member, ""), part) == NULL)
        fail_msg("%s is '%s', without '%s'", member, lg_json_get_str(json, member, "(none)"), part);
}

static void write_topic(const char *topic, const char *file)
{
    LG_AUTO_STR char *command =
        lg_strf("/usr/bin/python3 test/process/topic_write.py 127.0.0.1:%u %s 3 data '%s'",
                lg_cluster_kafka()->port, topic, file);

    assert_int_equal(system(command), 0); /* NOLINT: a script of ours */
}

/* Steps 1 to 7 of wire-formats 9.1; returns the version. */
static int begin_as_venice_does(const char *store, const char *push_id)
{
    static const uint8_t details[] = {0x1a, 0x06, 0, 0, 2, 0, 0, 0};
    LG_AUTO_STR char *discover = lg_strf("/discover_cluster?store_name=%s&cluster_name=*", store);
    LG_AUTO_STR char *of_store = lg_strf("/store?store_name=%s&cluster_name=%s", store, c.name);
    LG_AUTO_STR char *key = lg_strf("/get_key_schema?store_name=%s", store);
    LG_AUTO_STR char *value = lg_strf("store_name=%s&value_schema=%%22string%%22", store);
    LG_AUTO_STR char *telling =
        lg_strf("/send_push_job_details?cluster_name=%s&store_name=%s&version=-1", c.name, store);
    LG_AUTO_STR char *topic =
        lg_strf("store_name=%s&store_size=1000&push_job_id=%s&push_type=BATCH&start_of_push=true&"
                "push_in_sorted_order=false&is_write_compute_enabled=false&partitioners="
                "com.linkedin.venice.partitioner.DefaultVenicePartitioner&source_grid_fabric=&"
                "batch_job_heartbeat_enabled=false&rewind_time_in_seconds_override=-1&"
                "defer_version_swap=false&repush_source_version=-1",
                store, push_id);
    LG_AUTO_STR char *broker = lg_strf("127.0.0.1:%u", lg_cluster_kafka()->port);
    LG_AUTO(lg_json) *found = get(discover);
    LG_AUTO(lg_json) *leads = get("/leader_controller");
    LG_AUTO(lg_json) *envelope =
        get("/discover_cluster?store_name=venice_system_store_KAFKA_MESSAGE_ENVELOPE");
    LG_AUTO(lg_json) *protocols =
        get("/get_all_value_schema?store_name=venice_system_store_KAFKA_MESSAGE_ENVELOPE");
    LG_AUTO(lg_json) *told =
        answer(&(struct lg_question){.port = leader_port(),
                                     .target = telling,
                                     .body = lg_slice(details, sizeof(details)),
                                     .headers = "Content-Type: application/octet-stream\r\n"});
    LG_AUTO(lg_json) *info = get(of_store);
    LG_AUTO(lg_json) *keys = get(key);
    LG_AUTO(lg_json) *values = post("/get_value_schema_id", value);
    LG_AUTO(lg_json) *created = post("/request_topic", topic);
    LG_AUTO(lg_json) *again = post("/request_topic", topic);
    LG_AUTO(lg_json) *seen = get(of_store);
    const struct lg_json *schemas = lg_json_get(protocols, "schemas"), *versions;
    int version = (int)lg_json_get_int(created, "version", 0);
    LG_AUTO_STR char *name = lg_strf("%s_v%d", store, version);

    assert_string_equal(lg_json_get_str(found, "cluster", ""), c.name);
    assert_string_equal(lg_json_get_str(envelope, "cluster", ""), c.name);
    assert_text(leads, "url", "http://127.0.0.1:");
    assert_int_equal(lg_json_get_int(lg_json_at(schemas, lg_json_size(schemas) - 1), "id", 0), 14);
    assert_string_equal(lg_json_get_str(told, "name", ""), store);
    assert_non_null(lg_json_get(info, "store"));
    assert_text(keys, "schemaStr", "\"string\"");
    assert_int_equal(lg_json_get_int(values, "id", 0), 1);
    assert_string_equal(lg_json_get_str(created, "kafkaTopic", ""), name);
    assert_string_equal(lg_json_get_str(created, "kafkaBootstrapServers", ""), broker);
    assert_int_equal(lg_json_get_int(created, "partitions", 0), 3);
    assert_int_equal(lg_json_get_int(created, "replicas", 0), 2);
    assert_string_equal(lg_json_get_str(created, "compressionStrategy", ""), "NO_OP");
    assert_int_equal(lg_json_get_int(again, "version", 0), version); /* The same push. */
    versions = lg_json_get(lg_json_get(seen, "store"), "versions");
    assert_int_equal(lg_json_get_int(lg_json_at(versions, lg_json_size(versions) - 1), "number", 0),
                     version);
    return version;
}

static void the_calls_of_venices_push_job_end_in_a_version_that_is_read(void **state)
{
    LG_AUTO_STR char *text = lg_rig_file(&c.rig, "text.avsc", LG_LIT("\"string\""));
    /* The partitions are Venice's own for three (wire-formats 1). */
    LG_AUTO_STR char *rows =
        lg_rig_file(&c.rig, "by-hand.ndjson",
                    LG_LIT("{\"partition\":0,\"key\":\"086b657931\",\"value\":\"0661626a\"}\n"
                           "{\"partition\":2,\"key\":\"0a68656c6c6f\",\"value\":\"0661626b\"}\n"
                           "{\"partition\":2,\"key\":\"0261\",\"value\":\"0661626c\"}\n"));
    LG_SCOPED(lg_reply) reply = {0};
    LG_AUTO(lg_json) *ended = NULL;
    LG_AUTO(lg_json) *job = NULL;
    int version;

    (void)state;
    assert_run(&c.rig, 0, "store", "create", "venice", "--key-schema", text, "--value-schema", text,
               "--partitions", "3");
    version = begin_as_venice_does("venice", "1700000000000_java");
    write_topic("venice_v1", rows);
    ended = post("/end_of_push", "store_name=venice&version=1&partition_record_counts="
                                 "%7B%220%22:1,%221%22:0,%222%22:2%7D");
    job = until_job("venice", version, "COMPLETED");
    assert_int_equal(lg_json_type(lg_json_get(job, "extraInfo")), LG_JSON_OBJECT);
    lg_cluster_wait_version(&c, "venice", version);
    for (unsigned router = 0; router < 2; router++) {
        assert_int_equal(lg_cluster_get(&c, router, "venice", "hello", &reply), 200);
        assert_non_null(strstr(lg_reply_text(&reply), "abk"));
    }
}

static void records_that_were_announced_and_did_not_come_fail_the_push(void **state)
{
    LG_AUTO_STR char *text = lg_rig_file(&c.rig, "text.avsc", LG_LIT("\"string\""));
    LG_AUTO_STR char *rows =
        lg_rig_file(&c.rig, "one.ndjson",
                    LG_LIT("{\"partition\":0,\"key\":\"086b657931\",\"value\":\"0661626a\"}\n"));
    LG_AUTO(lg_json) *ended = NULL;
    LG_AUTO(lg_json) *job = NULL;

    (void)state;
    assert_run(&c.rig, 0, "store", "create", "counted", "--key-schema", text, "--value-schema",
               text, "--partitions", "3");
    assert_int_equal(begin_as_venice_does("counted", "1700000000001_java"), 1);
    write_topic("counted_v1", rows);
    ended = post("/end_of_push", "store_name=counted&version=1&partition_record_counts="
                                 "%7B%220%22:5,%221%22:0,%222%22:0%7D");
    job = until_job("counted", 1, "ERROR");
    assert_text(job, "statusDetails",
                "the push announced 5 records for this partition, 1 came; push again");
}

/* --- Replicas. -------------------------------------------------------------------------------- */

static void expect_factor(const char *store, int factor)
{
    LG_AUTO_STR char *target = lg_strf("/store?store_name=%s", store);
    LG_AUTO(lg_json) *json = get(target);

    assert_int_equal(lg_json_get_int(lg_json_get(json, "store"), "replicationFactor", 0), factor);
}

static void a_store_that_does_not_say_gets_the_clusters_factor(void **state)
{
    (void)state;
    make_store("factor-of-cluster");
    expect_factor("factor-of-cluster", 2);
    assert_run(&c.rig, 0, "store", "create", "factor-said", "--key-schema", key_schema,
               "--value-schema", value_schema, "--replication", "3");
    expect_factor("factor-said", 3);
    assert_run(&c.rig, 0, "push", "factor-of-push", CITIES, "--key-field", "id", "--create");
    expect_factor("factor-of-push", 2);
    assert_run(&c.rig, 0, "push", "factor-said-by-push", CITIES, "--key-field", "id", "--create",
               "--replication", "1");
    expect_factor("factor-said-by-push", 1);
    assert_run(&c.rig, 2, "push", "factor-of-push", CITIES, "--key-field", "id", "--replication",
               "1");
    lg_rig_assert_err(&c.rig, "--replication go with --create");
}

static void a_push_completes_while_a_server_is_away(void **state)
{
    LG_AUTO_STR char *one = write_rows(1, ROWS);
    LG_AUTO_STR char *two = write_rows(2, ROWS);

    (void)state;
    make_store("away");
    push("away", one);
    lg_cluster_kill(&c, LG_CLUSTER_SERVER, 1);
    push("away", two);
    lg_cluster_wait_version(&c, "away", 2);
    expect_rows("away", 2, ROWS);
    lg_cluster_restart(&c, LG_CLUSTER_SERVER, 1);
    lg_cluster_wait_replicated(&c);
    expect_rows("away", 2, ROWS);
}

/* --- Killed pushers. -------------------------------------------------------------------------- */

static uint64_t seed(void)
{
    const char *text = getenv("LAGOON_KILL_SEED");
    uint64_t number = lg_rand_os_seed();

    if (text != NULL && !lg_parse_u64(lg_slice_str(text), UINT64_MAX, &number))
        fail_msg("LAGOON_KILL_SEED is not a number");
    print_message("LAGOON_KILL_SEED=%llu\n", (unsigned long long)number);
    return number;
}

static void until_version_given(struct lg_process *push)
{
    for (;;) {
        LG_SCOPED(lg_buf) said = {0};

        lg_process_stderr(push, &said);
        lg_buf_append_byte(&said, 0);
        if (strstr((const char *)said.data, " is version ") != NULL || lg_process_ended(push, 1))
            return;
    }
}

static void a_pusher_killed_at_any_moment_is_continued_under_its_id(void **state)
{
    struct lg_rand rand;

    (void)state;
    lg_rand_seed(&rand, seed());
    make_store("killed");
    for (unsigned i = 0; i < KILLS; i++) {
        unsigned rows = ROWS - 100 * i;
        LG_AUTO_STR char *file = write_rows(10 + i, rows);
        LG_AUTO_STR char *id = lg_strf("generation-%u", i);
        LG_AUTO(lg_json) *outcome = NULL;
        struct lg_process process = {0};

        if (i == KILLS / 2) /* The second pusher must come to the same bytes, and dictionary. */
            assert_run(&c.rig, 0, "store", "update", "killed", "--compression", "ZSTD_WITH_DICT",
                       "--chunking", "true");
        lg_rig_spawn(&c.rig, &process,
                     (const char *const[]){"push", "killed", file, "--key-field", "id", "--push-id",
                                           id, NULL});
        if (i % 2 == 0)
            until_version_given(&process);
        (void)lg_process_ended(&process, lg_rand_below(&rand, 400));
        lg_process_kill(&process);
        lg_process_done(&process);
        assert_run(&c.rig, 0, "push", "killed", file, "--key-field", "id", "--push-id", id,
                   "--output", "json");
        outcome = lg_rig_json(lg_buf_slice(&c.rig.out));
        assert_int_equal(lg_json_get_int(outcome, "version", 0), i + 1);
        assert_int_equal(lg_json_get_int(outcome, "records", 0), rows);
        lg_cluster_wait_version(&c, "killed", (int)i + 1);
        expect_rows("killed", 10 + i, rows);
    }
}

static void a_running_push_keeps_others_out_until_it_is_killed(void **state)
{
    LG_AUTO_STR char *file = write_rows(1, BATCH);
    LG_AUTO(lg_json) *quiet = NULL;

    (void)state;
    make_store("busy");
    quiet = post("/request_topic", "store_name=busy&push_type=BATCH&push_job_id=quiet");
    assert_run(&c.rig, 6, "push", "busy", file, "--key-field", "id");
    lg_rig_assert_err(&c.rig, "push quiet of store busy (version 1) is still running");
    assert_run(&c.rig, 0, "push", "kill", "busy", "quiet");
    push("busy", file);
    lg_cluster_wait_version(&c, "busy", 2);
    expect_rows("busy", 1, BATCH);
    assert_run(&c.rig, 0, "push", "status", "busy", "quiet");
    lg_rig_assert_out(&c.rig, "killed");
}

/* --- What a push says. ------------------------------------------------------------------------ */

static void a_value_of_20_mib_is_pushed_in_pieces(void **state)
{
    LG_SCOPED(lg_buf) text = {0};
    LG_AUTO_STR char *file = NULL;

    (void)state;
    assert_run(&c.rig, 0, "store", "create", "large", "--key-schema", key_schema, "--value-schema",
               value_schema, "--chunking", "true", "--compression", "GZIP");
    lg_buf_append_str(&text, "{\"id\":1,\"text\":\"");
    for (size_t i = 0; i < LARGE_BYTES; i++) /* Little of it is said twice. */
        lg_buf_append_byte(&text, (uint8_t)('a' + (i * i / 7 + i / 5) % 26));
    lg_buf_append_str(&text, "\"}\n");
    file = lg_rig_file(&c.rig, "large.ndjson", lg_buf_slice(&text));
    push("large", file);
    lg_cluster_wait_version(&c, "large", 1);
    for (unsigned router = 0; router < 2; router++) {
        LG_SCOPED(lg_reply) reply = {0};
        LG_AUTO(lg_json) *json = NULL;
        const char *got;

        assert_int_equal(lg_cluster_get(&c, router, "large", "1", &reply), 200);
        json = lg_rig_json(lg_buf_slice(&reply.body));
        if (lg_json_get(json, "value") != NULL)
            got = lg_json_get_str(lg_json_get(json, "value"), "text", "");
        else
            got = lg_json_get_str(json, "text", "");
        assert_int_equal(strlen(got), LARGE_BYTES);
        assert_memory_equal(got, text.data + strlen("{\"id\":1,\"text\":\""), LARGE_BYTES);
    }
}

static void limits_and_duplicates_are_told(void **state)
{
    LG_AUTO_STR char *file = write_rows(1, BATCH);
    LG_AUTO_STR char *twice =
        lg_rig_file(&c.rig, "twice.ndjson",
                    LG_LIT("{\"id\":7,\"text\":\"the one\"}\n{\"id\":7,\"text\":\"the other\"}\n"));

    (void)state;
    make_store("told");
    assert_run(&c.rig, 0, "store", "update", "told", "--storage-quota", "4KiB");
    assert_run(&c.rig, 4, "push", "told", file, "--key-field", "id");
    lg_rig_assert_err(&c.rig, "Storage quota exceeded. Store quota 4096 bytes");
    assert_run(&c.rig, 0, "store", "update", "told", "--storage-quota", "1MiB");
    assert_int_not_equal(LG_RUN(&c.rig, "push", "told", twice, "--key-field", "id"), 0);
    lg_rig_assert_err(&c.rig, "the one");
    lg_rig_assert_err(&c.rig, "the other");
    push("told", file);
    expect_rows("told", 1, BATCH);
}

static void a_whole_cluster_swaps_and_rolls_back_and_forward(void **state)
{
    LG_AUTO_STR char *one = write_rows(1, BATCH);
    LG_AUTO_STR char *two = write_rows(2, BATCH);

    (void)state;
    make_store("swapped");
    push("swapped", one);
    assert_run(&c.rig, 0, "push", "swapped", two, "--key-field", "id", "--defer-swap");
    lg_cluster_wait_version(&c, "swapped", 1);
    expect_rows("swapped", 1, BATCH);
    assert_run(&c.rig, 0, "swap", "swapped");
    expect_rows("swapped", 2, BATCH); /* At once: every router has it. */
    for (unsigned i = 0; i < 3; i++) {
        assert_run(&c.rig, 0, "rollback", "swapped");
        expect_rows("swapped", 1, BATCH);
        assert_run(&c.rig, 0, "rollforward", "swapped");
        expect_rows("swapped", 2, BATCH);
    }
}

/* --- Old versions. ---------------------------------------------------------------------------- */

static bool has_topic(const char *topic)
{
    LG_AUTO_STR char *command =
        lg_strf("kcat -L -b 127.0.0.1:%u 2>/dev/null | grep -q 'topic \"%s\"'",
                lg_cluster_kafka()->port, topic);

    return system(command) == 0; /* NOLINT: no words of strangers */
}

static size_t routers_that_are_known(void)
{
    LG_AUTO(lg_json) *json = get("/v1/nodes");

    return lg_json_size(lg_json_get(json, "routers"));
}

static bool topic_is_gone(struct lg_cluster *cluster, void *ctx)
{
    (void)cluster;
    if (has_topic(ctx))
        return false;
    /* A router that stands still could not hear of the switch: its session must be over. */
    assert_int_equal(routers_that_are_known(), 1);
    return true;
}

static void the_topic_of_an_old_version_waits_for_a_router_that_stands_still(void **state)
{
    LG_AUTO_STR char *file = write_rows(3, BATCH);
    struct lg_process process = {0};
    char topic[] = "kept_v1";

    (void)state;
    make_store("kept");
    push("kept", file);
    push("kept", file);
    assert_true(has_topic(topic)); /* One backup is kept. */
    assert_int_equal(routers_that_are_known(), 2);
    lg_cluster_pause(&c, LG_CLUSTER_ROUTER, 1);
    lg_rig_spawn(&c.rig, &process,
                 (const char *const[]){"push", "kept", file, "--key-field", "id", NULL});
    lg_cluster_until(&c, topic_is_gone, topic, "the topic of version 1 is deleted");
    lg_cluster_resume(&c, LG_CLUSTER_ROUTER, 1);
    assert_int_equal(lg_process_wait(&process, LG_RIG_VERB_MS), 0);
    lg_process_done(&process);
    lg_cluster_wait_version(&c, "kept", 3);
    expect_rows("kept", 3, BATCH);
}

/* --- Pushes that cannot end. ------------------------------------------------------------------ */

/* Its time runs out while the other tests go on: it is begun before them. */
static void begin_push_that_does_not_end(void)
{
    LG_AUTO(lg_json) *begun = NULL;

    make_store("endless");
    begun = post("/request_topic", "store_name=endless&push_type=BATCH&push_job_id=endless");
}

static void a_push_that_does_not_end_fails_with_a_sentence(void **state)
{
    LG_AUTO_STR char *file = write_rows(1, BATCH);
    LG_AUTO(lg_json) *job = NULL;

    (void)state;
    job = until_job("endless", 1, "ERROR");
    assert_text(job, "statusDetails", "push.timeout.ms");
    push("endless", file);
    lg_cluster_wait_version(&c, "endless", 2);
}

/* --- One cluster for all. --------------------------------------------------------------------- */

static int set_up(void **state)
{
    (void)state;
    lg_cluster_engines_start();
    lg_cluster_start(
        &c, &(struct lg_cluster_options){.controllers = 2,
                                         .routers = 2,
                                         .servers = 3,
                                         .config[LG_CLUSTER_CONTROLLER] =
                                             "keep.backups = 1\n"
                                             "controller.backup.version.default.retention.ms = 0\n"
                                             "trash_grace = 100ms\n"
                                             "failed_push_keep = 1h\n" /* one is asked late */
                                             "push.timeout.ms = 30000\n"});
    key_schema = lg_rig_file(&c.rig, "key.avsc", LG_LIT("\"long\""));
    value_schema =
        lg_rig_file(&c.rig, "value.avsc",
                    LG_LIT("{\"type\":\"record\",\"name\":\"Row\",\"fields\":[{\"name\":\"id\","
                           "\"type\":\"long\"},{\"name\":\"text\",\"type\":\"string\"}]}"));
    begin_push_that_does_not_end();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lg_free(key_schema);
    lg_free(value_schema);
    lg_cluster_done(&c);
    lg_cluster_engines_done();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_calls_of_venices_push_job_end_in_a_version_that_is_read),
        cmocka_unit_test(records_that_were_announced_and_did_not_come_fail_the_push),
        cmocka_unit_test(a_store_that_does_not_say_gets_the_clusters_factor),
        cmocka_unit_test(a_push_completes_while_a_server_is_away),
        cmocka_unit_test(a_pusher_killed_at_any_moment_is_continued_under_its_id),
        cmocka_unit_test(a_running_push_keeps_others_out_until_it_is_killed),
        cmocka_unit_test(a_value_of_20_mib_is_pushed_in_pieces),
        cmocka_unit_test(limits_and_duplicates_are_told),
        cmocka_unit_test(a_whole_cluster_swaps_and_rolls_back_and_forward),
        cmocka_unit_test(the_topic_of_an_old_version_waits_for_a_router_that_stands_still),
        cmocka_unit_test(a_push_that_does_not_end_fails_with_a_sentence),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
