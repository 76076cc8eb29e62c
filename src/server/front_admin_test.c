/* Diagnostics of a storage node: ingestion states, settings, health of its disk. */
#include "server/front_admin.h"

#include "avro/json_text.h"
#include "base/str.h"
#include "lane/fault.h"
#include "record/system_schema.h"
#include "test/lib/cluster_world.h"
#include "test/test.h"

#define PARTITIONS 2u
#define ASSIGNED "{\"partitions\":[[\"s0_8888\"],[\"s0_8888\"]]}"

static const struct lg_clw_row rows[] = {
    {{(const uint8_t *)"\x08key1", 5}, {(const uint8_t *)"\x54", 1}, 1},
};

/* Version 1 is complete on s0, version 2 is assigned to it and never ends. */
static int up(void **state)
{
    struct lg_clw *w = lg_clw_new(23, /* with_controller= */ false);

    lg_clw_server_start(w, 0);
    lg_clw_store(w, "cities", 2, 1, PARTITIONS);
    lg_clw_topic(w, "cities_v1", PARTITIONS);
    lg_clw_topic(w, "cities_v2", PARTITIONS);
    lg_clw_rows(w, "cities_v1", PARTITIONS, rows, LG_ARRAY_SIZE(rows), /* whole= */ true);
    lg_clw_meta(w, LG_META_PUT, "/assignment/cities_v1", ASSIGNED);
    lg_clw_meta(w, LG_META_PUT, "/assignment/cities_v2", ASSIGNED);
    lg_clw_run_ms(w, 5000);
    *state = w;
    return 0;
}

static int down(void **state)
{
    lg_fault_disarm_all();
    lg_clw_free(*state);
    return 0;
}

static int get(struct lg_clw *w, const char *target)
{
    return lg_clw_get(w, &w->servers[0], target);
}

/* The last answer as an AdminResponseRecord. */
static struct lg_json *admin_record(struct lg_clw *w)
{
    static const char store[] = "venice_system_store_SERVER_ADMIN_RESPONSE";
    LG_AUTO(lg_schema) *schema = NULL;
    struct lg_decoder d = lg_decoder_of(lg_clw_body(w));
    LG_SCOPED(lg_buf) text = {0};
    struct lg_json *json = NULL;
    struct lg_error err = {0};

    assert_string_equal(lg_clw_header(w, "X-VENICE-SCHEMA-ID"), "2");
    assert_ok(lg_schema_parse(lg_system_schema_text(lg_system_schema_find(lg_slice_str(store), 2)),
                              &schema, &err));
    assert_ok(lg_avro_to_json(schema, &d, &text, &err));
    assert_int_equal(lg_decoder_left(&d), 0);
    assert_ok(lg_json_parse(lg_buf_slice(&text), &json, &err));
    return json;
}

static void ingestion_states_tell_how_far_each_replica_is(void **state)
{
    struct lg_clw *w = *state;
    LG_AUTO(lg_json) *done = NULL;
    LG_AUTO(lg_json) *one = NULL;
    const struct lg_json *list;

    assert_int_equal(get(w, "/admin/cities_v1/dump_ingestion_state"), 200);
    done = admin_record(w);
    list = lg_json_get(done, "partitionConsumptionStates");
    assert_int_equal(lg_json_size(list), PARTITIONS);
    assert_int_equal(lg_json_get_int(lg_json_at(list, 1), "partitionId", -1), 1);
    assert_true(lg_json_get_bool(lg_json_at(list, 0), "completionReported", false));
    assert_non_null(
        strstr(lg_json_get_str(lg_json_at(list, 0), "offsetRecord", ""), "\"state\":\"ready\""));
    assert_int_equal(get(w, "/admin/cities_v2/dump_ingestion_state/1"), 200);
    one = admin_record(w);
    list = lg_json_get(one, "partitionConsumptionStates");
    assert_int_equal(lg_json_size(list), 1);
    assert_int_equal(lg_json_get_int(lg_json_at(list, 0), "partitionId", -1), 1);
    assert_false(lg_json_get_bool(lg_json_at(list, 0), "completionReported", true));
    assert_int_equal(get(w, "/admin/cities_v7/dump_ingestion_state"), 400);
    assert_int_equal(get(w, "/admin/cities_v1/dump_ingestion_state/9"), 400);
    assert_int_equal(get(w, "/admin/cities_v1/dump_ingestion_state/x"), 400);
    assert_int_equal(get(w, "/admin/cities_v1/dump_everything"), 400);
    assert_int_equal(get(w, "/admin"), 400);
}

static void settings_are_told(void **state)
{
    struct lg_clw *w = *state;
    LG_AUTO(lg_json) *json = NULL;
    const struct lg_json *map;

    assert_int_equal(get(w, "/admin/cities_v1/dump_server_configs"), 200);
    json = admin_record(w);
    map = lg_json_get(lg_json_get(json, "serverConfigs"), "configMap");
    assert_string_equal(lg_json_get_str(map, "instance", ""), "s0_8888");
    assert_string_equal(lg_json_get_str(map, "batch.keys.max", ""), "5000");
    assert_string_equal(lg_json_get_str(map, "version", ""), LAGOON_VERSION);
}

static void a_partition_tells_its_context_and_has_no_heartbeats(void **state)
{
    struct lg_clw *w = *state;
    LG_SCOPED(lg_buf) text = {0};

    assert_int_equal(get(w, "/topic_partition_ingestion_context/cities_v1/cities_v1/0"), 200);
    assert_false(lg_json_get_bool(w->json, "error", true));
    assert_true(lg_base64_decode(&text, lg_json_string(lg_json_get(w->json, "payload"))));
    lg_buf_append_byte(&text, 0);
    assert_non_null(strstr((const char *)text.data, "\"topic\":\"cities_v1\",\"partition\":0"));
    assert_int_equal(get(w, "/topic_partition_ingestion_context/cities_v1/cities_rt/0"), 200);
    assert_true(lg_json_get_bool(w->json, "error", false));
    assert_int_equal(get(w, "/topic_partition_ingestion_context/cities_v1/0"), 400);
    assert_int_equal(get(w, "/host_heartbeat_lag/cities_v1/0/true"), 200);
    lg_clw_expect_text(w, "{\"payload\":\"e30=\",\"error\":false,\"message\":null}");
    assert_int_equal(get(w, "/host_heartbeat_lag/cities_v1/9/true"), 200);
    assert_true(lg_json_get_bool(w->json, "error", false));
    assert_int_equal(get(w, "/host_heartbeat_lag/cities_v1/0/maybe"), 400);
}

static int post(struct lg_clw *w, const char *target)
{
    return lg_clw_ask(w, &w->servers[0], LG_HTTP_POST, target, NULL, LG_SLICE_NULL);
}

static void a_profile_counts_the_keys_that_are_read(void **state)
{
    struct lg_clw *w = *state;
    LG_AUTO(lg_json) *json = NULL;
    const char *profile;

    assert_int_equal(post(w, "/key_partition_profiler/cities_v1/start?duration=60&topK=5"), 200);
    assert_int_equal(post(w, "/key_partition_profiler/cities_v1/start?duration=60"), 409);
    for (int i = 0; i < 3; i++) /* "key1"; the partition it is not in counts, too. */
        assert_true(get(w, "/storage/cities_v1/1/CGtleTE=?f=b64") > 0);
    assert_int_equal(post(w, "/key_partition_profiler/cities_v1/stop"), 200);
    json = admin_record(w);
    profile = lg_json_get_str(lg_json_get(lg_json_get(json, "serverConfigs"), "configMap"),
                              "profile", "");
    assert_non_null(strstr(profile, "\"totalRequests\":3"));
    assert_non_null(strstr(profile, "\"key\":\"CGtleTE=\",\"partitionId\":1,\"count\":3"));
    assert_int_equal(post(w, "/key_partition_profiler/cities_v1/stop"), 400);
    assert_int_equal(post(w, "/key_partition_profiler/cities_v1/start"), 400);
    assert_int_equal(post(w, "/key_partition_profiler/cities_v1/start?duration=60&topK=0"), 400);
    assert_int_equal(post(w, "/key_partition_profiler/cities_v9/start?duration=60"), 400);
    assert_int_equal(post(w, "/key_partition_profiler/cities_v1/pause"), 400);
    assert_int_equal(get(w, "/key_partition_profiler/cities_v1/start?duration=60"), 400);
}

static void all_replicas_are_listed(void **state)
{
    struct lg_clw *w = *state;
    const struct lg_json *list, *one = NULL;
    int64_t records = 0;

    assert_int_equal(get(w, "/v1/replicas"), 200);
    assert_string_equal(lg_json_get_str(w->json, "instance", ""), "s0_8888");
    assert_int_equal(lg_json_get_int(w->json, "error", -1), 0);
    list = lg_json_get(w->json, "replicas");
    assert_int_equal(lg_json_get_int(w->json, "leader", 0) + lg_json_get_int(w->json, "standby", 0),
                     lg_json_size(list));
    assert_true(lg_json_size(list) > 0);
    for (size_t i = 0; i < lg_json_size(list) && one == NULL; i++) /* In no order. */
        if (strcmp(lg_json_get_str(lg_json_at(list, i), "topic", ""), "cities_v1") == 0)
            one = lg_json_at(list, i);
    assert_non_null(one);
    assert_string_equal(lg_json_get_str(one, "status", ""), "COMPLETED");
    assert_string_equal(lg_json_get_str(one, "role", ""), "LEADER");
    assert_string_equal(lg_json_get_str(one, "state", ""), "ready");
    for (size_t i = 0; i < lg_json_size(list); i++)
        records += lg_json_get_int(lg_json_at(list, i), "records", 0);
    assert_true(records > 0);
}

/* Last: the replica of version 3 fails, and is tried again. */
static void a_disk_that_fails_is_told_by_the_health_check(void **state)
{
    struct lg_clw *w = *state;
    LG_AUTO_STR char *said = NULL;

    assert_int_equal(get(w, "/health"), 200);
    lg_clw_expect_text(w, "OK");
    lg_clw_topic(w, "cities_v3", PARTITIONS);
    lg_clw_rows(w, "cities_v3", PARTITIONS, rows, LG_ARRAY_SIZE(rows), /* whole= */ true);
    lg_fault_arm(LG_FAULT_CHECKPOINT_WRITE, 0, 1000);
    lg_clw_meta(w, LG_META_PUT, "/assignment/cities_v3", ASSIGNED);
    lg_clw_run_ms(w, 5000);
    lg_fault_disarm_all();
    assert_int_equal(get(w, "/health"), 500);
    said = lg_strf("%.*s", LG_FMT(lg_clw_body(w)));
    assert_non_null(strstr(said, "the disk is not healthy: cities_v3"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ingestion_states_tell_how_far_each_replica_is),
        cmocka_unit_test(settings_are_told),
        cmocka_unit_test(a_partition_tells_its_context_and_has_no_heartbeats),
        cmocka_unit_test(a_profile_counts_the_keys_that_are_read),
        cmocka_unit_test(all_replicas_are_listed),
        cmocka_unit_test(a_disk_that_fails_is_told_by_the_health_check),
    };

    return cmocka_run_group_tests(tests, up, down);
}
