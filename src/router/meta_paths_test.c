/* The router's metadata paths (wire-formats 4.7): their JSON, and their refusals as text. */
#include "base/str.h"
#include "router/router_impl.h"
#include "test/lib/cluster_world.h"
#include "test/test.h"

#define PARTITIONS 2u

static int up(void **state)
{
    static const struct lg_clw_row rows[] = {
        {{(const uint8_t *)"\x08key1", 5}, {(const uint8_t *)"\x54", 1}, 1},
    };
    struct lg_clw *w = lg_clw_new(51, /* with_controller= */ true);

    lg_clw_server_start(w, 0);
    lg_clw_router_start(w);
    lg_clw_run_ms(w, 2000);
    lg_clw_new_store(w, "cities", "\"string\"", PARTITIONS, 1);
    lg_clw_new_store(w, "unpushed", "\"string\"", 1, 1);
    assert_int_equal(lg_clw_push(w, "cities", PARTITIONS, rows, 1), 1);
    *state = w;
    return 0;
}

static int down(void **state)
{
    lg_clw_free(*state);
    return 0;
}

static int get(struct lg_clw *w, const char *target)
{
    return lg_clw_get(w, &w->router, target);
}

#define OF(cluster, name)                                                                          \
    "{\"cluster\":" cluster ",\"name\":" name                                                      \
    ",\"error\":null,\"errorType\":null,\"exceptionType\":null"
#define CITIES OF("\"lagoon-0\"", "\"cities\"")
#define NOBODY OF("\"lagoon-0\"", "null")
#define LONG_SCHEMA "\"schemaStr\":\"\\\"long\\\"\"}"

static void every_path_has_venices_json(void **state)
{
    static const struct {
        const char *target, *answer;
    } rows[] = {
        {"/key_schema/cities",
         CITIES ",\"id\":1,\"derivedSchemaId\":-1,\"schemaStr\":\"\\\"string\\\"\"}"},
        {"/value_schema/cities/1", CITIES ",\"id\":1,\"derivedSchemaId\":-1," LONG_SCHEMA},
        {"/value_schema/cities",
         CITIES ",\"superSetSchemaId\":-1,\"schemas\":[{\"id\":1,\"derivedSchemaId\":-1,"
                "\"rmdValueSchemaId\":-1," LONG_SCHEMA "]}"},
        {"/value_schema/cities/",
         CITIES ",\"superSetSchemaId\":-1,\"schemas\":[{\"id\":1,\"derivedSchemaId\":-1,"
                "\"rmdValueSchemaId\":-1," LONG_SCHEMA "]}"},
        {"/latest_value_schema/cities", CITIES ",\"id\":1,\"derivedSchemaId\":-1," LONG_SCHEMA},
        {"/all_value_schema_ids/cities", CITIES ",\"superSetSchemaId\":-1,\"schemaIdSet\":[1]}"},
        {"/current_version/cities", "{\"currentVersion\":1}"},
        {"/current_version/unpushed", "{\"currentVersion\":0}"},
        {"/leader_controller",
         NOBODY ",\"url\":\"http://ground:5555\",\"secureUrl\":null,\"grpcUrl\":null,"
                "\"secureGrpcUrl\":null}"},
        {"/master_controller",
         NOBODY ",\"url\":\"http://ground:5555\",\"secureUrl\":null,\"grpcUrl\":null,"
                "\"secureGrpcUrl\":null}"},
        {"/discover_cluster/cities", CITIES
         ",\"d2Service\":\"lagoon-router\",\"serverD2Service\":\"lagoon-server\","
         "\"zkAddress\":null,\"kafkaBootstrapServers\":null,\"lagoonClientProtocols\":\"both\"}"},
        {"/discover_cluster?store_name=cities", CITIES
         ",\"d2Service\":\"lagoon-router\",\"serverD2Service\":\"lagoon-server\","
         "\"zkAddress\":null,\"kafkaBootstrapServers\":null,\"lagoonClientProtocols\":\"both\"}"},
        {"/stores", NOBODY ",\"stores\":[\"cities\",\"unpushed\"]}"},
        {"/resource_state/cities_v1",
         OF("\"lagoon-0\"", "\"cities_v1\"") ",\"readyToServe\":true,\"replicaStates\":["
                                             "{\"partition\":0,\"participantId\":\"s0_8888\","
                                             "\"venicePushStatus\":\"COMPLETED\"},"
                                             "{\"partition\":1,\"participantId\":\"s0_8888\","
                                             "\"venicePushStatus\":\"COMPLETED\"}],"
                                             "\"unretrievablePartitions\":[]}"},
    };
    struct lg_clw *w = *state;

    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        if (get(w, rows[i].target) != 200)
            fail_msg("%s: %d %.*s", rows[i].target, w->call.status, LG_FMT(lg_clw_body(w)));
        assert_string_equal(lg_clw_header(w, "Content-Type"), "application/json");
        lg_clw_expect_text(w, rows[i].answer);
    }
}

static void a_stores_state_has_the_fields_that_readers_look_at(void **state)
{
    struct lg_clw *w = *state;

    assert_int_equal(get(w, "/store_state/cities"), 200);
    assert_string_equal(lg_json_get_str(w->json, "name", ""), "cities");
    assert_int_equal(lg_json_get_int(w->json, "currentVersion", 0), 1);
    assert_int_equal(lg_json_get_int(w->json, "partitionCount", 0), PARTITIONS);
    assert_int_equal(lg_json_size(lg_json_get(w->json, "versions")), 1);
    assert_string_equal(lg_json_get_str(w->json, "offLinePushStrategy", ""),
                        "WAIT_N_MINUS_ONE_REPLCIA_PER_PARTITION");
    assert_string_equal(lg_json_get_str(w->json, "persistenceType", ""), "ROCKS_DB");
    assert_true(lg_json_get_bool(w->json, "enableReads", false));
    assert_true(lg_json_get_int(w->json, "createdTime", 0) > 0);
    assert_null(lg_json_get(w->json, "lagoon")); /* What only we keep stays here. */
}

static void refusals_are_text_with_venices_status(void **state)
{
    static const struct {
        const char *target;
        int status;
        const char *says;
    } rows[] = {
        {"/key_schema/citeis", 404, "no store named 'citeis'; did you mean 'cities'?"},
        {"/value_schema/cities/2", 404, "store 'cities' has no value schema '2'"},
        {"/value_schema/cities/x", 404, "store 'cities' has no value schema 'x'"},
        {"/value_schema/cities/0", 404, "no value schema '0'"},
        {"/value_schema/citeis/1", 404, "did you mean 'cities'?"},
        {"/current_version/citeis", 404, "did you mean 'cities'?"},
        {"/store_state/citeis", 404, "did you mean 'cities'?"},
        {"/update_schema/cities/1", 404,
         "Update schema doesn't exist for value schema id: 1 of store: cities"},
        {"/resource_state/cities_v7", 404, "no version 'cities_v7'"},
        {"/resource_state/cities", 404, "a version is <store>_v<N>"},
        {"/key_schema", 400, "Resource name required, valid path should be : /key_schema/<name>"},
        {"/current_version/", 400, "Resource name required"},
        {"/discover_cluster", 400, "Resource name required"},
        {"/value_schema/venice_system_store_SERVER_METADATA_RESPONSE/5", 404,
         "has no value schema '5'"},
        {"/current_version/venice_system_store_SERVER_METADATA_RESPONSE", 404, "no store named"},
        {"/request_topic/cities", 400, "Online writes are only supported for hybrid stores."},
        {"/request_topic/citeis", 404, "did you mean 'cities'?"},
        {"/request_topic", 400, "Resource name required"},
        {"/stream_hybrid_store_quota/citeis", 404, "did you mean 'cities'?"},
        {"/stream_reprocessing_hybrid_store_quota/cities", 400, "cities"},
        {"/stream_reprocessing_hybrid_store_quota/citeis_v1", 404, "did you mean 'cities'?"},
        {"/blob_discovery", 400, "Blob Discovery: missing storeName:"},
        {"/blob_discovery?store_name=cities&store_version=1", 400, "missing storeName:cities"},
        {"/blob_discovery?store_name=citeis&store_version=1&store_partition=0", 404,
         "did you mean 'cities'?"},
        {"/blob_discovery?store_name=cities&store_version=1&store_partition=0", 403,
         "blob transfer is not enabled for store: cities"},
        {"/push_status/citeis_v1", 404, "did you mean 'cities'?"},
        {"/push_status/cities", 400, "cities"},
        {"/admin/readQuotaThrottle/enable", 400, "takes no action"},
        {"/admin/unknown", 501, "no such admin task"},
        {"/compute/cities", 405, "read compute"},
        {"/nonsense", 400, "no such path: '/nonsense'"},
    };
    struct lg_clw *w = *state;

    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        LG_AUTO_STR char *text = NULL;

        if (get(w, rows[i].target) != rows[i].status)
            fail_msg("%s: %d %.*s", rows[i].target, w->call.status, LG_FMT(lg_clw_body(w)));
        text = lg_strf("%.*s", LG_FMT(lg_clw_body(w)));
        if (strstr(text, rows[i].says) == NULL)
            fail_msg("%s: %s", rows[i].target, text);
        assert_int_equal(strncmp(lg_clw_header(w, "Content-Type"), "text/plain", 10), 0);
    }
    assert_int_equal(
        lg_clw_ask(w, &w->router, LG_HTTP_POST, "/key_schema/cities", NULL, LG_SLICE_NULL), 400);
}

static void system_stores_give_their_schemas(void **state)
{
    static const char name[] = "venice_system_store_SERVER_METADATA_RESPONSE";
    struct lg_clw *w = *state;

    assert_int_equal(get(w, "/discover_cluster/venice_system_store_SERVER_METADATA_RESPONSE"), 200);
    assert_string_equal(lg_json_get_str(w->json, "name", ""), name);
    assert_string_equal(lg_json_get_str(w->json, "serverD2Service", ""), "lagoon-server");
    assert_int_equal(get(w, "/all_value_schema_ids/venice_system_store_SERVER_METADATA_RESPONSE"),
                     200);
    assert_int_equal(lg_json_size(lg_json_get(w->json, "schemaIdSet")), 4);
    assert_int_equal(get(w, "/value_schema/venice_system_store_SERVER_METADATA_RESPONSE/4"), 200);
    assert_int_equal(lg_json_get_int(w->json, "id", 0), 4);
    assert_non_null(strstr(lg_json_get_str(w->json, "schemaStr", ""), "externalStorageReadMode"));
    assert_int_equal(get(w, "/key_schema/venice_system_store_SERVER_METADATA_RESPONSE"), 200);
    assert_string_equal(lg_json_get_str(w->json, "schemaStr", ""), "\"int\"");
    assert_int_equal(get(w, "/latest_value_schema/venice_system_store_KAFKA_MESSAGE_ENVELOPE"),
                     200);
    assert_int_equal(lg_json_get_int(w->json, "id", 0), 14);
    assert_int_equal(get(w, "/value_schema/venice_system_store_METADATA_SYSTEM_SCHEMA_STORE/47"),
                     200);
    assert_int_equal(get(w, "/stores"), 200); /* Nobody made them. */
    assert_int_equal(lg_json_size(lg_json_get(w->json, "stores")), 2);
}

static void writers_and_operators_are_answered_as_by_venice(void **state)
{
    struct lg_clw *w = *state;

    assert_int_equal(get(w, "/stream_hybrid_store_quota/cities"), 200);
    lg_clw_expect_text(w, OF("\"lagoon-0\"", "\"cities_v1\"") ",\"quotaStatus\":\"UNKNOWN\"}");
    assert_int_equal(get(w, "/stream_reprocessing_hybrid_store_quota/cities_v1"), 200);
    assert_string_equal(lg_json_get_str(w->json, "quotaStatus", ""), "UNKNOWN");
    assert_int_equal(get(w, "/update_schema/cities"), 200);
    assert_int_equal(lg_json_size(lg_json_get(w->json, "schemas")), 0);
    assert_int_equal(get(w, "/push_status/cities_v1"), 400);
    assert_string_equal(lg_json_get_str(w->json, "executionStatus", ""), "COMPLETED");
    assert_non_null(strstr(lg_json_get_str(w->json, "error", ""), "GET /job"));
    assert_int_equal(get(w, "/push_status/cities_v9"), 400);
    assert_int_equal(lg_json_type(lg_json_get(w->json, "executionStatus")), LG_JSON_NULL);
}

static int post(struct lg_clw *w, const char *target)
{
    return lg_clw_ask(w, &w->router, LG_HTTP_POST, target, NULL, LG_SLICE_NULL);
}

static void the_switch_of_read_throttling_is_kept(void **state)
{
    struct lg_clw *w = *state;

    assert_int_equal(get(w, "/admin/readQuotaThrottle"), 200);
    lg_clw_expect_text(w, "{\"readThrottlingEnabled\":true,\"earlyThrottleEnabled\":false}");
    assert_int_equal(post(w, "/admin/readQuotaThrottle/disable"), 200);
    assert_int_equal(get(w, "/admin/readQuotaThrottle"), 200);
    lg_clw_expect_text(w, "{\"readThrottlingEnabled\":false,\"earlyThrottleEnabled\":false}");
    assert_int_equal(post(w, "/admin/readQuotaThrottle/enable"), 200);
    lg_clw_expect_text(w, "{\"readThrottlingEnabled\":true,\"earlyThrottleEnabled\":false}");
    assert_int_equal(post(w, "/admin/readQuotaThrottle"), 400);
    assert_int_equal(post(w, "/admin/readQuotaThrottle/flip"), 400);
    assert_int_equal(post(w, "/admin/unknown/enable"), 501);
    assert_int_equal(post(w, "/admin"), 400);
}

static void discovery_of_an_unknown_store_is_json(void **state)
{
    struct lg_clw *w = *state;

    assert_int_equal(get(w, "/discover_cluster/citeis"), 404);
    lg_clw_expect_text(w, "{\"cluster\":null,\"name\":null,"
                          "\"error\":\"no store named 'citeis'; did you mean 'cities'?\","
                          "\"errorType\":\"STORE_NOT_FOUND\","
                          "\"exceptionType\":\"STORE_NOT_FOUND\"}");
}

static void health_checks_are_answered_without_a_body(void **state)
{
    struct lg_clw *w = *state;

    assert_int_equal(lg_clw_ask(w, &w->router, LG_HTTP_OPTIONS, "/any/path", NULL, LG_SLICE_NULL),
                     200);
    assert_int_equal(lg_clw_body(w).size, 0);
    assert_int_equal(get(w, "/admin"), 200);
    assert_int_equal(lg_clw_body(w).size, 0);
}

static void what_is_not_served_is_told(void **state)
{
    struct lg_clw *w = *state;

    lg_clw_server_kill(w, 0);
    lg_clw_run_ms(w, 8000);
    assert_int_equal(get(w, "/resource_state/cities_v1"), 200);
    assert_false(lg_json_get_bool(w->json, "readyToServe", true));
    assert_int_equal(lg_json_size(lg_json_get(w->json, "replicaStates")), 0);
    assert_int_equal(lg_json_size(lg_json_get(w->json, "unretrievablePartitions")), 2);
    assert_int_equal(get(w, "/current_version/cities"), 503);
    assert_int_equal(get(w, "/key_schema/cities"), 200); /* Schemas need no server. */
    lg_clw_server_start(w, 0);
    lg_clw_until_served(w, "cities", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_path_has_venices_json),
        cmocka_unit_test(a_stores_state_has_the_fields_that_readers_look_at),
        cmocka_unit_test(refusals_are_text_with_venices_status),
        cmocka_unit_test(system_stores_give_their_schemas),
        cmocka_unit_test(writers_and_operators_are_answered_as_by_venice),
        cmocka_unit_test(the_switch_of_read_throttling_is_kept),
        cmocka_unit_test(discovery_of_an_unknown_store_is_json),
        cmocka_unit_test(health_checks_are_answered_without_a_body),
        cmocka_unit_test(what_is_not_served_is_told),
    };
    return cmocka_run_group_tests(tests, up, down); /* One world for all. */
}
