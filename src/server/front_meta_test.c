/* /metadata and /store_properties of a storage node: every part is there, read back through the
 * schemas that clients fetch. */
#include "server/front_meta.h"

#include <stdio.h>

#include "avro/json_text.h"
#include "base/str.h"
#include "record/system_schema.h"
#include "test/lib/cluster_world.h"
#include "test/test.h"

static int up(void **state)
{
    static const struct lg_clw_row rows[] = {
        {{(const uint8_t *)"\x08key1", 5}, {(const uint8_t *)"\x54", 1}, 1},
    };
    struct lg_clw *w = lg_clw_new(77, /* with_controller= */ true);

    w->grpc_port = 9999;
    lg_clw_server_start(w, 0);
    lg_clw_router_start(w);
    lg_clw_run_ms(w, 2000);
    lg_clw_new_store(w, "cities", "\"string\"", 2, 1);
    lg_clw_new_store(w, "unpushed", "\"string\"", 1, 1);
    assert_int_equal(lg_clw_push(w, "cities", 2, rows, 1), 1);
    lg_clw_run_ms(w, 2000);
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
    return lg_clw_get(w, &w->servers[0], target);
}

static void to_text(const char *word, int32_t id, struct lg_slice record, struct lg_buf *out)
{
    LG_AUTO_STR char *store = lg_strf(LG_SYSTEM_STORE_PREFIX "%s", word);
    LG_AUTO(lg_schema) *schema = NULL;
    struct lg_decoder d = lg_decoder_of(record);
    struct lg_error err = {0};

    assert_ok(lg_schema_parse(lg_system_schema_text(lg_system_schema_find(lg_slice_str(store), id)),
                              &schema, &err));
    assert_ok(lg_avro_to_json(schema, &d, out, &err));
    assert_int_equal(lg_decoder_left(&d), 0);
}

static void metadata_has_every_part_that_the_fast_client_needs(void **state)
{
    struct lg_clw *w = *state;
    LG_SCOPED(lg_buf) text = {0};

    assert_int_equal(get(w, "/metadata/cities"), 200);
    assert_string_equal(lg_clw_header(w, "X-VENICE-SCHEMA-ID"), "4");
    assert_string_equal(lg_clw_header(w, "Content-Type"), "avro/binary");
    to_text("SERVER_METADATA_RESPONSE", 4, lg_clw_body(w), &text);
    assert_slice_equal(
        lg_buf_slice(&text),
        LG_LIT("{\"versionMetadata\":{\"currentVersion\":1,\"compressionStrategy\":0,"
               "\"partitionCount\":2,\"partitionerClass\":"
               "\"com.linkedin.venice.partitioner.DefaultVenicePartitioner\","
               "\"partitionerParams\":{},\"amplificationFactor\":1,\"storageMode\":0},"
               "\"versions\":[1],\"keySchema\":{\"1\":\"\\\"string\\\"\"},"
               "\"valueSchemas\":{\"1\":\"\\\"long\\\"\"},\"latestSuperSetValueSchemaId\":-1,"
               "\"routingInfo\":{\"0\":[\"http://s0:8888\"],\"1\":[\"http://s0:8888\"]},"
               "\"helixGroupInfo\":{\"http://s0:8888\":0},\"batchGetLimit\":500,"
               "\"externalStorageReadMode\":0}"));
}

static void expect_told(struct lg_clw *w, const char *told, const char *url)
{
    LG_AUTO_STR char *routing =
        lg_strf("\"routingInfo\":{\"0\":[\"%s\"],\"1\":[\"%s\"]}", url, url);
    LG_AUTO_STR char *groups = lg_strf("\"helixGroupInfo\":{\"%s\":0}", url);
    LG_SCOPED(lg_buf) text = {0};

    lg_clw_run_ms(w, 1000); /* Their catalogs have heard of it. */
    assert_int_equal(get(w, "/metadata/cities"), 200);
    assert_string_equal(lg_clw_header(w, "X-LAGOON-CLIENT-PROTOCOLS"), told);
    to_text("SERVER_METADATA_RESPONSE", 4, lg_clw_body(w), &text);
    assert_non_null(memmem(text.data, text.size, routing, strlen(routing)));
    assert_non_null(memmem(text.data, text.size, groups, strlen(groups)));
    assert_int_equal(lg_clw_get(w, &w->router, "/discover_cluster/cities"), 200);
    assert_string_equal(lg_json_get_str(w->json, "lagoonClientProtocols", ""), told);
    assert_int_equal(lg_clw_get(w, &w->ground, "/discover_cluster?store_name=cities"), 200);
    assert_string_equal(lg_json_get_str(w->json, "lagoonClientProtocols", ""), told);
}

/* Nothing is started again meanwhile. */
static void clients_are_told_what_operators_say(void **state)
{
    struct lg_clw *w = *state;

    expect_told(w, "both", "http://s0:8888");
    assert_int_equal(lg_clw_post(w, "/v1/update_cluster", "client_protocols=grpc"), 200);
    assert_string_equal(lg_json_get_str(w->json, "from", ""), "both");
    expect_told(w, "grpc", "http://s0:9999");
    assert_int_equal(
        lg_clw_post(w, "/update_store", "store_name=cities&lagoon_client_protocols=http"), 200);
    expect_told(w, "http", "http://s0:8888");
    assert_int_equal(
        lg_clw_post(w, "/update_store", "store_name=cities&lagoon_client_protocols=grpc"), 200);
    assert_int_equal(lg_clw_post(w, "/v1/update_cluster", "client_protocols=http"), 200);
    expect_told(w, "grpc", "http://s0:9999");
    assert_int_equal(lg_clw_post(w, "/update_store", "store_name=cities&lagoon_grpc_enabled=false"),
                     200);
    expect_told(w, "http", "http://s0:8888");
    assert_int_equal(
        lg_clw_post(w, "/update_store",
                    "store_name=cities&lagoon_grpc_enabled=true&lagoon_client_protocols=cluster"),
        200);
    assert_int_equal(lg_clw_post(w, "/v1/update_cluster", "client_protocols=both"), 200);
    expect_told(w, "both", "http://s0:8888");
    assert_int_equal(lg_clw_post(w, "/v1/update_cluster", "client_protocols=cluster"), 400);
    assert_int_equal(lg_clw_post(w, "/v1/update_cluster", "client_protocols="), 400);
    assert_int_equal(lg_clw_get(w, &w->ground, "/v1/cluster_status"), 200);
    assert_string_equal(lg_json_get_str(w->json, "clientProtocols", ""), "both");
    assert_int_equal(lg_clw_get(w, &w->ground, "/v1/nodes"), 200);
    assert_int_equal(lg_json_get_int(lg_json_at(lg_json_get(w->json, "nodes"), 0), "grpcPort", 0),
                     9999);
}

/* Of two replicas, the one that answers gRPC; where none does, all. */
static void servers_without_grpc_are_not_told_to_who_speaks_only_that(void **state)
{
    struct lg_clw *w = lg_clw_new(78, /* with_controller= */ true);
    LG_SCOPED(lg_buf) text = {0}, without = {0};
    static const char without_grpc[] = "\"0\":[\"http://s1:8888\"]";
    static const char with_grpc[] = "\"0\":[\"http://s0:8888\"]";

    (void)state;
    lg_clw_server_start(w, 0);
    w->grpc_off = true;
    lg_clw_server_start(w, 1);
    lg_clw_router_start(w);
    lg_clw_run_ms(w, 2000);
    lg_clw_new_store(w, "cities", "\"string\"", 1, 2);
    assert_int_equal(lg_clw_push(w, "cities", 1, NULL, 0), 1);
    assert_int_equal(lg_clw_post(w, "/v1/update_cluster", "client_protocols=grpc"), 200);
    lg_clw_run_ms(w, 2000);
    assert_int_equal(get(w, "/metadata/cities"), 200);
    to_text("SERVER_METADATA_RESPONSE", 4, lg_clw_body(w), &text);
    assert_non_null(memmem(text.data, text.size, with_grpc, strlen(with_grpc)));
    w->grpc_off = false;
    lg_clw_server_start(w, 2); /* It answers gRPC, and holds nothing. */
    lg_clw_run_ms(w, 2000);
    lg_clw_server_stop(w, 0);
    lg_clw_run_ms(w, 2000);
    assert_int_equal(lg_clw_get(w, &w->servers[1], "/metadata/cities"), 200);
    to_text("SERVER_METADATA_RESPONSE", 4, lg_clw_body(w), &without);
    assert_string_equal(lg_clw_header(w, "X-LAGOON-CLIENT-PROTOCOLS"), "grpc");
    assert_non_null(memmem(without.data, without.size, without_grpc, strlen(without_grpc)));
    lg_clw_free(w);
}

static void metadata_is_refused_with_the_reason(void **state)
{
    struct lg_clw *w = *state;

    assert_int_equal(get(w, "/metadata/citys"), 400);
    lg_clw_expect_text(w, "no store named 'citys'; did you mean 'cities'?");
    assert_int_equal(get(w, "/metadata/"), 400);
    assert_int_equal(get(w, "/metadata/cities/1"), 400);
    assert_int_equal(get(w, "/metadata/unpushed"), 503);
    assert_int_equal(
        lg_clw_post(w, "/update_store", "store_name=cities&storage_node_read_quota_enabled=false"),
        200);
    lg_clw_run_ms(w, 2000);
    assert_int_equal(get(w, "/metadata/cities"), 403);
    lg_clw_expect_text(w, "Fast client is not enabled for store: cities, please ensure storage "
                          "node read quota is enabled for the given store");
    assert_int_equal(
        lg_clw_post(w, "/update_store", "store_name=cities&storage_node_read_quota_enabled=true"),
        200);
    lg_clw_run_ms(w, 2000);
    assert_int_equal(get(w, "/metadata/cities"), 200);
}

static void store_properties_hold_a_meta_value(void **state)
{
    struct lg_clw *w = *state;
    LG_SCOPED(lg_buf) text = {0};
    LG_SCOPED(lg_buf) value = {0};
    LG_SCOPED(lg_buf) value_text = {0};
    LG_AUTO(lg_json) *json = NULL;
    LG_AUTO(lg_json) *meta = NULL;
    const struct lg_json *properties;
    struct lg_error err = {0};

    assert_int_equal(get(w, "/store_properties/cities"), 200);
    assert_string_equal(lg_clw_header(w, "X-VENICE-SCHEMA-ID"), "1");
    to_text("SERVER_STORE_PROPERTIES_PAYLOAD", 1, lg_clw_body(w), &text);
    assert_ok(lg_json_parse(lg_buf_slice(&text), &json, &err));
    assert_int_equal(lg_json_get_int(json, "storeMetaValueSchemaVersion", 0), 47);
    assert_int_equal(lg_json_size(lg_json_get(json, "routingInfo")), 2);
    assert_int_equal(lg_json_size(lg_json_get(json, "helixGroupInfo")), 1);
    assert_true(lg_base64_decode(&value, lg_json_string(lg_json_get(json, "storeMetaValueAvro"))));
    to_text("METADATA_SYSTEM_SCHEMA_STORE", 47, lg_buf_slice(&value), &value_text);
    assert_ok(lg_json_parse(lg_buf_slice(&value_text), &meta, &err));
    properties = lg_json_get(meta, "storeProperties");
    assert_string_equal(lg_json_get_str(properties, "name", ""), "cities");
    assert_int_equal(lg_json_get_int(properties, "currentVersion", 0), 1);
    assert_int_equal(lg_json_get_int(properties, "persistenceType", 0), 2); /* Venice's default. */
    assert_int_equal(lg_json_size(lg_json_get(properties, "versions")), 1);
    assert_string_equal(
        lg_json_get_str(lg_json_get(lg_json_get(meta, "storeKeySchemas"), "keySchemaMap"), "1", ""),
        "\"string\"");
    assert_int_equal(
        lg_json_size(lg_json_get(lg_json_get(meta, "storeValueSchemas"), "valueSchemaMap")), 1);
}

static void store_properties_leave_out_schemas_that_are_known(void **state)
{
    struct lg_clw *w = *state;
    size_t all;

    assert_int_equal(get(w, "/store_properties/cities/0"), 200);
    all = lg_clw_body(w).size;
    assert_int_equal(get(w, "/store_properties/cities/1"), 200);
    assert_true(lg_clw_body(w).size < all);
    assert_int_equal(get(w, "/store_properties/cities/-1"), 400);
    assert_int_equal(get(w, "/store_properties/cities/one"), 400);
    assert_int_equal(get(w, "/store_properties/citys"), 400);
    assert_int_equal(get(w, "/store_properties"), 400);
    assert_int_equal(get(w, "/store_properties/unpushed"), 503);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metadata_has_every_part_that_the_fast_client_needs),
        cmocka_unit_test(clients_are_told_what_operators_say),
        cmocka_unit_test(servers_without_grpc_are_not_told_to_who_speaks_only_that),
        cmocka_unit_test(metadata_is_refused_with_the_reason),
        cmocka_unit_test(store_properties_hold_a_meta_value),
        cmocka_unit_test(store_properties_leave_out_schemas_that_are_known),
    };

    return cmocka_run_group_tests(tests, up, down);
}
