/* A storage node's gRPC: a real server with reading lanes in the simulator, a push written into the
 * log by hand, and calls of a client of HTTP/2. Once from the engine, once from read indexes. */
#include "server/front_grpc.h"

#include "base/str.h"
#include "model/partitioner.h"
#include "net/metrics.h"
#include "read/batch_get.h"
#include "read/wire.h"
#include "server/front_answer.h"
#include "server/metrics.h"
#include "server/read_group.h"
#include "server/server.h"
#include "test/lib/grpc_rig.h"
#include "test/test.h"

#define PARTITIONS 3u
#define LONG_BATCH 300
#define GRPC_PORT 9999
#define KEY1 LG_LIT("\x08key1")
#define KEY2 LG_LIT("\x08key2")
#define NONE LG_LIT("\x08none")
#define ASSIGNED "{\"partitions\":[[\"s0_8888\"],[\"s0_8888\"],[\"s0_8888\"]]}"
#define GET GRPC_RIG_SERVICE "get"
#define BATCH GRPC_RIG_SERVICE "batchGet"
#define KEY_NOT_FOUND ((uint32_t)-420)

static const char assigned_elsewhere[] = "{\"partitions\":[[\"s1_1\"],[\"s1_1\"],[\"s1_1\"]]}";

static struct grpc_rig w;
static bool is_warm;

/* Version 1 is complete on s0, version 2 is assigned to it and never ends, version 3 is assigned to
 * somebody else. */
static int up_with(int current, bool off)
{
    static const struct lg_clw_row rows[] = {
        {{(const uint8_t *)"\x08key1", 5}, {(const uint8_t *)"\x54", 1}, 1},
        {{(const uint8_t *)"\x08key2", 5}, {NULL, 0}, 2},
    };

    grpc_rig_init(&w, 22);
    w.clw->grpc_off = off;
    w.clw->grpc_port = GRPC_PORT;
    lg_clw_server_start(w.clw, 0);
    lg_clw_store(w.clw, "cities", 3, current, PARTITIONS);
    lg_clw_topic(w.clw, "cities_v1", PARTITIONS);
    lg_clw_topic(w.clw, "cities_v2", PARTITIONS);
    lg_clw_rows(w.clw, "cities_v1", PARTITIONS, rows, LG_ARRAY_SIZE(rows), /* whole= */ true);
    lg_clw_meta(w.clw, LG_META_PUT, "/assignment/cities_v1", ASSIGNED);
    lg_clw_meta(w.clw, LG_META_PUT, "/assignment/cities_v2", ASSIGNED);
    lg_clw_meta(w.clw, LG_META_PUT, "/assignment/cities_v3", assigned_elsewhere);
    lg_clw_run_ms(w.clw, 5000);
    grpc_rig_open(&w, LG_CLW_SERVER_PORT, /* by_hand= */ false);
    return 0;
}

static int up(void **state)
{
    (void)state;
    is_warm = false;
    return up_with(3, /* off= */ false);
}

static int up_warm(void **state)
{
    (void)state;
    is_warm = true;
    return up_with(1, /* off= */ false);
}

static int down(void **state)
{
    (void)state;
    grpc_rig_done(&w);
    return 0;
}

/* Perhaps on another lane. */
static void fresh(void)
{
    grpc_rig_open(&w, LG_CLW_SERVER_PORT, /* by_hand= */ false);
}

/* On another connection before the room for requests is used up. */
static const struct h2_asked *call(const char *path, const struct lg_pb_message *m, const void *msg)
{
    if (w.client.count > H2_CLIENT_ASKED_MAX / 2)
        fresh();
    return grpc_rig_call(&w, path, m, msg, 200);
}

static struct lg_venice_server_response ask(const char *path, struct lg_venice_client_request rq)
{
    struct lg_venice_server_response rs = {0};
    const struct h2_asked *a = call(path, &lg_venice_client_request_pb, &rq);

    grpc_rig_expect_status(a, LG_GRPC_OK); /* Whatever happens: wire-formats 6.2. */
    grpc_rig_decode(&w, a, 0, &lg_venice_server_response_pb, &rs);
    return rs;
}

static struct lg_venice_server_response get(const char *topic, unsigned partition,
                                            struct lg_slice key)
{
    LG_SCOPED(lg_buf) text = {0};

    lg_base64_encode(&text, key, /* url_safe= */ true);
    lg_buf_append_str(&text, "?f=b64");
    return ask(GET, (struct lg_venice_client_request){.partition = partition,
                                                      .key_string = lg_buf_slice(&text),
                                                      .resource_name = lg_slice_str(topic),
                                                      .method = LG_LIT("GET")});
}

static void expect_text(struct lg_slice s, const char *text)
{
    LG_AUTO_STR char *copy = lg_strndup((const char *)s.data, s.size);

    assert_string_equal(copy, text);
}

static unsigned partition_of(struct lg_slice key)
{
    return lg_partitioner_partition(key, PARTITIONS);
}

/* --- get ------------------------------------------------------------------------------------- */

static void a_value_comes_with_its_schema_id(void **state)
{
    struct lg_venice_server_response rs = get("cities_v1", partition_of(KEY1), KEY1);

    (void)state;
    assert_int_equal(rs.error_code, 200);
    assert_int_equal(rs.schema_id, 1);
    assert_int_equal(rs.response_rcu, 1);
    assert_int_equal(rs.compression_strategy, 0);
    expect_text(rs.data, "T");
    rs = get("cities_v1", partition_of(KEY2), KEY2); /* An empty value is one. */
    assert_int_equal(rs.error_code, 200);
    assert_int_equal(rs.schema_id, 2);
    assert_int_equal(rs.data.size, 0);
}

static void a_key_may_come_as_text(void **state)
{
    struct lg_venice_server_response rs =
        ask(GET, (struct lg_venice_client_request){.partition = partition_of(KEY1),
                                                   .key_string = KEY1,
                                                   .resource_name = LG_LIT("cities_v1")});

    (void)state;
    assert_int_equal(rs.error_code, 200);
    expect_text(rs.data, "T");
}

static void a_missing_key_is_minus_420(void **state)
{
    struct lg_venice_server_response rs = get("cities_v1", partition_of(NONE), NONE);

    (void)state;
    assert_int_equal(rs.error_code, KEY_NOT_FOUND);
    assert_int_equal(rs.data.size, 0);
}

static void what_is_not_here_is_said_as_over_rest(void **state)
{
    struct lg_venice_server_response rs;

    (void)state;
    rs = get("cities_v2", 0, KEY1);
    assert_int_equal(rs.error_code, 503);
    expect_text(rs.error_message, "cities_v2 is not ready to serve yet");
    rs = get("cities_v3", 0, KEY1);
    assert_int_equal(rs.error_code, is_warm ? 400 : 503); /* 503: it is the current one. */
    expect_text(rs.error_message, "No storage exists for: cities_v3");
    rs = get("nothing_v1", 0, KEY1);
    assert_int_equal(rs.error_code, 400);
    rs = get("", 0, KEY1);
    assert_int_equal(rs.error_code, 400);
    rs = get("cities_v1", PARTITIONS, KEY1); /* Current or not: nobody has it. */
    assert_int_equal(rs.error_code, 400);
    expect_text(rs.error_message, "cities_v1 has no such partition");
    rs = get("cities_v1", UINT32_MAX, KEY1);
    assert_int_equal(rs.error_code, 400);
}

static void a_key_that_is_no_base64_is_400(void **state)
{
    struct lg_venice_server_response rs =
        ask(GET, (struct lg_venice_client_request){.key_string = LG_LIT("a_!?f=b64"),
                                                   .resource_name = LG_LIT("cities_v1")});

    (void)state;
    assert_int_equal(rs.error_code, 400);
    expect_text(rs.error_message, "the key is not base64");
}

static void a_get_without_a_key_is_400(void **state)
{
    const struct lg_slice none[] = {LG_SLICE_NULL, LG_LIT("?f=b64")};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(none); i++) {
        struct lg_venice_server_response rs =
            ask(GET, (struct lg_venice_client_request){.key_string = none[i],
                                                       .resource_name = LG_LIT("cities_v1")});

        assert_int_equal(rs.error_code, 400);
        expect_text(rs.error_message, "the key is empty");
    }
}

static void a_message_that_is_no_protobuf_is_internal(void **state)
{
    static const char *const paths[] = {GET, BATCH, "/grpc.health.v1.Health/Check"};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(paths); i++) {
        size_t asked =
            h2_client_ask(&w.client, "POST", paths[i], LG_LIT("\0\0\0\0\1\x0f"), NULL, NULL);

        lg_clw_run_ms(w.clw, 200);
        grpc_rig_expect_status(&w.client.asked[asked], LG_GRPC_INTERNAL);
    }
}

/* --- batchGet -------------------------------------------------------------------------------- */

static struct lg_venice_server_response get_many(const char *topic, bool streaming,
                                                 const struct lg_slice *keys, size_t n)
{
    LG_SCOPED(lg_buf) bytes = {0};

    for (size_t i = 0; i < n; i++)
        lg_wire_key_add(&bytes,
                        &(struct lg_wire_key){(int32_t)i, keys[i], (int32_t)partition_of(keys[i])});
    return ask(BATCH, (struct lg_venice_client_request){.key_bytes = lg_buf_slice(&bytes),
                                                        .resource_name = lg_slice_str(topic),
                                                        .is_streaming_request = streaming,
                                                        .is_batch_request = true,
                                                        .method = LG_LIT("POST")});
}

/* How many keys of batches were found so far. */
static uint64_t found_in_batches(void)
{
    return lg_metric_value(&lg_metric_server_keys_total, 3);
}

/* More keys than are read at once, so that the pool has the rest; reset in the same tick, or not.
 */
static uint64_t read_of_long_batch(const char *timeout)
{
    LG_SCOPED(lg_buf) bytes = {0};
    uint64_t before = found_in_batches();

    for (int32_t k = 0; k < LONG_BATCH; k++)
        lg_wire_key_add(&bytes, &(struct lg_wire_key){k, KEY1, (int32_t)partition_of(KEY1)});
    lg_buf_clear(&w.body);
    grpc_rig_append(&w, &lg_venice_client_request_pb,
                    &(struct lg_venice_client_request){.key_bytes = lg_buf_slice(&bytes),
                                                       .resource_name = LG_LIT("cities_v1"),
                                                       .is_batch_request = true,
                                                       .method = LG_LIT("POST")});
    (void)h2_client_ask(&w.client, "POST", BATCH, lg_buf_slice(&w.body),
                        timeout == NULL ? NULL : "grpc-timeout", timeout);
    lg_clw_run_ms(w.clw, 200);
    return found_in_batches() - before;
}

static void the_pool_leaves_what_a_cancelled_batch_asked_for(void **state)
{
    (void)state;
    assert_int_equal(read_of_long_batch(/* timeout= */ NULL), LONG_BATCH);
    assert_int_equal(read_of_long_batch("1u"),
                     is_warm ? LONG_BATCH : LG_BATCH_GET_INLINE_MAX); /* Indexes need no pool. */
    assert_int_equal(read_of_long_batch(/* timeout= */ NULL), LONG_BATCH);
}

static void many_values_come_as_records(void **state)
{
    const struct lg_slice keys[] = {KEY1, NONE, KEY2};
    struct lg_venice_server_response rs = get_many("cities_v1", false, keys, 3);

    (void)state;
    assert_int_equal(rs.error_code, 200);
    assert_int_equal(rs.schema_id, LG_MULTI_GET_API_VERSION);
    assert_int_equal(rs.response_rcu, 3);
    assert_false(rs.is_streaming_response);
    assert_int_equal(rs.data.size, 7); /* Two records: of four bytes and of three. */
    assert_memory_equal(rs.data.data, "\0\2\x54\2\4\0\4", 7);
    rs = get_many("cities_v1", true, keys, 3);
    assert_true(rs.is_streaming_response);
    assert_true(rs.data.size > 7); /* The missing one has a record, too. */
    rs = get_many("cities_v1", false, keys + 1, 1);
    assert_int_equal(rs.error_code, 200); /* Never -420. */
    assert_int_equal(rs.data.size, 0);
    rs = get_many("cities_v1", false, keys, 0);
    assert_int_equal(rs.error_code, 200);
    rs = get_many("cities_v2", false, keys, 3);
    assert_int_equal(rs.error_code, 503);
    rs = get_many("cities_v9", false, keys, 0);
    assert_int_equal(rs.error_code, 400);
}

static void a_malformed_list_of_keys_is_400(void **state)
{
    struct lg_venice_server_response rs =
        ask(BATCH, (struct lg_venice_client_request){.key_bytes = LG_LIT("\0\x14z"),
                                                     .resource_name = LG_LIT("cities_v1")});

    (void)state;
    assert_int_equal(rs.error_code, 400);
    assert_true(rs.error_message.size > 0);
}

/* --- countByValue ---------------------------------------------------------------------------- */

static struct lg_venice_count_by_value_response count(const char *topic, struct lg_slice *keys,
                                                      uint32_t n, const char *field, int32_t top)
{
    struct lg_venice_count_by_value_request rq = {.resource_name = lg_slice_str(topic),
                                                  .top_k = top};
    struct lg_venice_count_by_value_response rs = {0};
    struct lg_slice name = lg_slice_str(field);
    const struct h2_asked *a;

    rq.keys.data = keys;
    rq.keys.size = n;
    rq.field_names.data = &name;
    rq.field_names.size = 1;
    a = call(GRPC_RIG_SERVICE "countByValue", &lg_venice_count_by_value_request_pb, &rq);
    grpc_rig_expect_status(a, LG_GRPC_OK);
    grpc_rig_decode(&w, a, 0, &lg_venice_count_by_value_response_pb, &rs);
    return rs;
}

/* The values of this store are longs: what is counted is tested in value_counts_test and
 * test/process/grpc_test. */
static void only_fields_of_records_are_counted(void **state)
{
    struct lg_slice keys[] = {KEY1, NONE}, empty[] = {KEY1, LG_LIT("")};
    struct lg_venice_count_by_value_response rs;

    (void)state;
    rs = count("cities_v1", keys, 2, "f", 3);
    assert_int_equal(rs.error_code, 400);
    assert_non_null(memmem(rs.error_message.data, rs.error_message.size, "no records", 10));
    rs = count("cities_v1", keys + 1, 1, "f", 3); /* Nothing is found, nothing is wrong. */
    assert_int_equal(rs.error_code, 200);
    assert_int_equal(rs.field_to_value_counts.size, 1);
    assert_int_equal(rs.field_to_value_counts.data[0].value->value_to_counts.size, 0);
    assert_int_equal(count("cities_v1", keys, 2, "f", 0).error_code, 400);
    assert_int_equal(count("cities_v1", keys, 0, "f", 1).error_code, 400);
    assert_int_equal(count("cities_v1", empty, 2, "f", 1).error_code, 400);
    assert_int_equal(count("cities_v1", keys, 2, "", 1).error_code, 400);
    assert_int_equal(count("cities_v2", keys, 2, "f", 1).error_code, 503);
    assert_int_equal(count("nothing_v1", keys, 2, "f", 1).error_code, 400);
}

/* --- Streams --------------------------------------------------------------------------------- */

/* One batch of one stream; the answer's only message. */
static struct lg_stream_batch_get_response stream(struct lg_stream_batch batch,
                                                  struct lg_stream_key *keys, uint32_t n)
{
    struct lg_stream_batch_get_response rs = {0};
    const struct h2_asked *a;

    batch.keys.data = keys;
    batch.keys.size = n;
    a = call(GRPC_RIG_STREAM, &lg_stream_batch_get_request_pb,
             &(struct lg_stream_batch_get_request){.batch_id = 7,
                                                   .action_case = LG_STREAM_BATCH_GET_REQUEST_GET,
                                                   .action.get = &batch});
    grpc_rig_expect_status(a, LG_GRPC_OK);
    grpc_rig_decode(&w, a, 0, &lg_stream_batch_get_response_pb, &rs);
    assert_int_equal(rs.batch_id, 7);
    assert_non_null(rs.end);
    return rs;
}

static void a_batch_of_a_stream_is_answered_key_by_key(void **state)
{
    struct lg_stream_key keys[] = {
        {.id = 5, .key = KEY1},
        {.id = 6, .key = NONE},
        {.id = 9, .key = KEY2, .partition = partition_of(KEY2), .has_partition = true}};
    struct lg_stream_batch_get_response rs =
        stream((struct lg_stream_batch){.store = LG_LIT("cities"), .version = 1}, keys, 3);

    (void)state;
    assert_int_equal(rs.end->status, LG_GRPC_OK);
    assert_int_equal(rs.end->rcu, 3);
    assert_int_equal(rs.end->version, 1);
    assert_int_equal(rs.values.size, 2);
    assert_int_equal(rs.values.data[0].id, 5);
    expect_text(rs.values.data[0].data, "T");
    assert_int_equal(rs.values.data[0].schema_id, 1);
    assert_int_equal(rs.values.data[0].version, 0);
    assert_int_equal(rs.values.data[1].id, 9);
    assert_int_equal(rs.missing.size, 1);
    assert_int_equal(rs.missing.data[0], 6);
}

static void without_a_version_the_current_one_is_read(void **state)
{
    struct lg_stream_key key = {.key = KEY1};
    struct lg_stream_batch_get_response rs =
        stream((struct lg_stream_batch){.store = LG_LIT("cities")}, &key, 1);

    (void)state;
    if (is_warm) {
        assert_int_equal(rs.end->status, LG_GRPC_OK);
        assert_int_equal(rs.values.data[0].version, 1);
    } else { /* Version 3 is somebody else's. */
        assert_int_equal(rs.end->status, LG_GRPC_UNAVAILABLE);
        assert_int_equal(rs.end->version, 3);
    }
}

static void what_is_wrong_with_a_batch_ends_it(void **state)
{
    static const struct {
        const char *store;
        uint32_t version, partition;
        struct lg_slice key;
        enum lg_grpc_status status;
    } rows[] = {
        {"nothing", 0, 0, {(const uint8_t *)"a", 1}, LG_GRPC_NOT_FOUND},
        {"nothing", 1, 0, {(const uint8_t *)"a", 1}, LG_GRPC_NOT_FOUND},
        {"", 1, 0, {(const uint8_t *)"a", 1}, LG_GRPC_NOT_FOUND},
        {"cities", 9, 0, {(const uint8_t *)"a", 1}, LG_GRPC_NOT_FOUND},
        {"cities", UINT32_MAX, 0, {(const uint8_t *)"a", 1}, LG_GRPC_NOT_FOUND},
        {"cities", 2, 0, {(const uint8_t *)"a", 1}, LG_GRPC_UNAVAILABLE},
        {"cities", 1, PARTITIONS, {(const uint8_t *)"a", 1}, LG_GRPC_INVALID_ARGUMENT},
        {"cities", 1, 0, {NULL, 0}, LG_GRPC_INVALID_ARGUMENT},
    };

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        struct lg_stream_key key = {
            .key = rows[i].key, .partition = rows[i].partition, .has_partition = true};
        struct lg_stream_batch_get_response rs =
            stream((struct lg_stream_batch){.store = lg_slice_str(rows[i].store),
                                            .version = rows[i].version},
                   &key, 1);

        assert_int_equal(rs.end->status, rows[i].status);
        assert_int_equal(rs.values.size, 0);
        assert_true(rs.end->message.size > 0);
        if (rs.end->status == LG_GRPC_INVALID_ARGUMENT)
            continue;
        rs = stream((struct lg_stream_batch){.store = lg_slice_str(rows[i].store),
                                             .version = rows[i].version},
                    NULL, 0);
        assert_int_equal(rs.end->status, rows[i].status); /* No key says anything else. */
    }
}

static void many_keys_of_a_batch_take_many_turns(void **state)
{
    enum { N = 1000 };
    static struct lg_stream_key keys[N];
    struct lg_stream_batch_get_response rs;

    (void)state;
    for (uint32_t i = 0; i < N; i++)
        keys[i] = (struct lg_stream_key){.id = i, .key = i % 2 == 0 ? KEY1 : NONE};
    rs = stream((struct lg_stream_batch){.store = LG_LIT("cities"), .version = 1}, keys, N);
    assert_int_equal(rs.end->status, LG_GRPC_OK);
    assert_int_equal(rs.values.size, N / 2);
    assert_int_equal(rs.missing.size, N / 2);
}

/* --- Health and reflection ------------------------------------------------------------------- */

static void health_tells_whether_the_server_serves(void **state)
{
    struct lg_grpc_health_check_request rq = {
        .service = LG_LIT("com.linkedin.venice.protocols.VeniceReadService")};
    struct lg_grpc_health_check_response rs = {0};
    const struct h2_asked *a;

    (void)state;
    a = call("/grpc.health.v1.Health/Check", &lg_grpc_health_check_request_pb, &rq);
    grpc_rig_expect_status(a, LG_GRPC_OK);
    grpc_rig_decode(&w, a, 0, &lg_grpc_health_check_response_pb, &rs);
    assert_int_equal(rs.status, LG_GRPC_HEALTH_SERVING);
    rq.service = LG_LIT("nobody.Knows");
    a = call("/grpc.health.v1.Health/Check", &lg_grpc_health_check_request_pb, &rq);
    grpc_rig_expect_status(a, LG_GRPC_NOT_FOUND);
}

static void reflection_tells_what_is_offered(void **state)
{
    static const char *const paths[] = {
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(paths); i++) {
        struct lg_reflection_request rq = {.message_request_case =
                                               LG_REFLECTION_REQUEST_LIST_SERVICES,
                                           .message_request.list_services = LG_LIT("*")};
        struct lg_reflection_response rs = {0};
        const struct h2_asked *a = call(paths[i], &lg_reflection_request_pb, &rq);

        grpc_rig_expect_status(a, LG_GRPC_OK);
        grpc_rig_decode(&w, a, 0, &lg_reflection_response_pb, &rs);
        assert_int_equal(rs.message_response_case, LG_REFLECTION_RESPONSE_LIST_SERVICES_RESPONSE);
        assert_int_equal(rs.message_response.list_services_response->service.size, 5);
        rq.message_request_case = LG_REFLECTION_REQUEST_FILE_CONTAINING_SYMBOL;
        rq.message_request.file_containing_symbol =
            LG_LIT("com.linkedin.venice.protocols.VeniceReadService.get");
        a = call(paths[i], &lg_reflection_request_pb, &rq);
        grpc_rig_decode(&w, a, 0, &lg_reflection_response_pb, &rs);
        assert_int_equal(rs.message_response_case, LG_REFLECTION_RESPONSE_FILE_DESCRIPTOR_RESPONSE);
    }
}

/* --- Where it is read ------------------------------------------------------------------------ */

static void reads_come_from_where_they_should(void **state)
{
    const struct lg_slice keys[] = {KEY1, NONE};
    struct lg_stream_key key = {.key = KEY1};
    enum { SINGLE = 0, BATCH_OF = 3, MEMORY = 0, INDEX = 2 };
    uint64_t before[6];

    (void)state;
    for (uint32_t i = 0; i < 6; i++)
        before[i] = lg_metric_value(&lg_metric_server_reads_total, i);
    (void)get("cities_v1", partition_of(KEY1), KEY1);
    (void)get("cities_v1", partition_of(NONE), NONE);
    (void)get_many("cities_v1", false, keys, 2);
    (void)stream((struct lg_stream_batch){.store = LG_LIT("cities"), .version = 1}, &key, 1);
    for (uint32_t i = 0; i < 6; i++)
        assert_int_equal(lg_metric_value(&lg_metric_server_reads_total, i) - before[i],
                         i == SINGLE + (is_warm ? INDEX : MEMORY)     ? 2
                         : i == BATCH_OF + (is_warm ? INDEX : MEMORY) ? 2
                                                                      : 0);
}

/* --- What is counted of a store --------------------------------------------------------------- */

struct seen { /* of the store cities */
    uint64_t requests, keys[LG_READ_TIERS], bytes, batches;
};

static uint64_t value_of(const struct lg_metric *m, uint32_t label)
{
    return lg_metric_value(m, lg_metric_of_store(m, lg_metric_store("cities"), label));
}

static struct seen look(void)
{
    struct seen s = {.requests = value_of(&lg_metric_server_service_seconds, 0),
                     .bytes = value_of(&lg_metric_server_value_bytes_total, 0),
                     .batches = value_of(&lg_metric_server_stream_batches_total, 0)};

    for (uint32_t from = 0; from < LG_READ_TIERS; from++)
        s.keys[from] = value_of(&lg_metric_server_store_reads_total, from);
    return s;
}

static void every_request_is_counted_once_with_its_store(void **state)
{
    const struct lg_slice keys[] = {KEY1, NONE};
    struct lg_stream_key key = {.key = KEY1};
    struct seen before = look(), now;
    unsigned tier = is_warm ? LG_READ_INDEX : LG_READ_MEMORY;

    (void)state;
    (void)get("cities_v1", partition_of(KEY1), KEY1);
    (void)get("cities_v1", partition_of(NONE), NONE);
    (void)get("cities_v3", 0, KEY1); /* It is not here: nothing is let in. */
    (void)get_many("cities_v1", false, keys, 2);
    (void)stream((struct lg_stream_batch){.store = LG_LIT("cities"), .version = 1}, &key, 1);
    now = look();
    assert_int_equal(now.requests - before.requests, 4);
    for (unsigned from = 0; from < LG_READ_TIERS; from++)
        assert_int_equal(now.keys[from] - before.keys[from], from == tier ? 5 : 0);
    assert_int_equal(now.bytes - before.bytes, 3); /* of KEY1, each time */
    assert_int_equal(now.batches - before.batches, 1);
    fresh(); /* Its streams end with it. */
    assert_int_equal(lg_metric_value(&lg_metric_server_streams, 0), 0);
}

/* --- Where, and whether at all ---------------------------------------------------------------- */

static void expect_announced(int grpc_port)
{
    LG_AUTO_STR char *value = lg_clw_meta_get(w.clw, "/instances/s0_8888");
    LG_AUTO(lg_json) *json = NULL;
    struct lg_error err;

    assert_ok(lg_json_parse(lg_slice_str(value), &json, &err));
    assert_int_equal(lg_json_get_int(json, "grpcPort", 0), grpc_port);
}

static void a_port_of_its_own_is_announced_and_answers_the_same(void **state)
{
    (void)state;
    expect_announced(GRPC_PORT);
    for (unsigned i = 0; i < 6; i++) { /* Every lane listens there. */
        grpc_rig_open(&w, GRPC_PORT, /* by_hand= */ false);
        expect_text(get("cities_v1", partition_of(KEY1), KEY1).data, "T");
    }
    fresh();
}

static const struct h2_asked *ask_raw(const char *path)
{
    return call(path, &lg_venice_client_request_pb,
                &(struct lg_venice_client_request){.key_string = LG_LIT("x"),
                                                   .resource_name = LG_LIT("cities_v1")});
}

static void expect_off(const struct h2_asked *a, const char *text)
{
    grpc_rig_expect_status(a, LG_GRPC_UNIMPLEMENTED);
    if (memmem(a->head.data, a->head.size, text, strlen(text)) == NULL)
        fail_msg("wanted %s in %.*s", text, (int)a->head.size, (const char *)a->head.data);
}

static uint64_t refusals(enum lg_grpc_reason reason)
{
    return lg_metric_value(&lg_metric_rpc_refused_total, (uint32_t)reason);
}

static void write_store(bool grpc_enabled)
{
    LG_AUTO_STR char *text = lg_clw_meta_get(w.clw, "/stores/cities");
    LG_AUTO(lg_json) *json = NULL;
    LG_SCOPED(lg_buf) out = {0};
    struct lg_error err;

    assert_ok(lg_json_parse(lg_slice_str(text), &json, &err));
    lg_json_set_bool(lg_json_get(json, "lagoon"), "grpcEnabled", grpc_enabled);
    lg_json_write(&out, json, /* pretty= */ false);
    lg_buf_append_byte(&out, 0);
    lg_clw_meta(w.clw, LG_META_PUT, "/stores/cities", (const char *)out.data);
    lg_clw_run_ms(w.clw, 1000);
}

/* Venice's service says it as it says every error, so that its clients hear the sentence. */
static void expect_off_for_the_store(uint32_t error_code, struct lg_slice text)
{
    assert_int_equal(error_code, 400);
    expect_text(text, LG_FRONT_GRPC_OFF);
}

/* Without a restart, and back; REST goes on meanwhile. */
static void a_store_whose_grpc_is_off_says_so(void **state)
{
    struct lg_slice keys[] = {KEY1};
    struct lg_stream_key key = {.id = 5, .key = KEY1};
    struct lg_venice_count_by_value_response counted;
    struct lg_venice_server_response said;
    struct lg_stream_batch_get_response rs;
    LG_AUTO_STR char *target = lg_strf("/storage/cities_v1/%u/key1", partition_of(LG_LIT("key1")));

    uint64_t before = refusals(LG_GRPC_BAD_REQUEST);

    (void)state;
    write_store(false);
    said = get("cities_v1", partition_of(KEY1), KEY1);
    expect_off_for_the_store(said.error_code, said.error_message);
    said = get_many("cities_v1", false, keys, 1);
    expect_off_for_the_store(said.error_code, said.error_message);
    counted = count("cities_v1", keys, 1, "f", 1);
    expect_off_for_the_store(counted.error_code, counted.error_message);
    rs = stream((struct lg_stream_batch){.store = LG_LIT("cities"), .version = 1}, &key, 1);
    assert_int_equal(rs.end->status, LG_GRPC_UNIMPLEMENTED);
    assert_int_equal(refusals(LG_GRPC_BAD_REQUEST) - before, 4);
    assert_int_equal(lg_clw_get(w.clw, &w.clw->servers[0], target), 404);
    lg_clw_expect_text(w.clw, "");
    write_store(true);
    expect_text(get("cities_v1", partition_of(KEY1), KEY1).data, "T");
}

static int up_off(void **state)
{
    (void)state;
    return up_with(3, /* off= */ true);
}

static void a_server_whose_grpc_is_off_says_so(void **state)
{
    static const char *const paths[] = {
        GET,
        BATCH,
        GRPC_RIG_SERVICE "countByValue",
        GRPC_RIG_STREAM,
        "/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/Watch",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"};
    uint64_t before = refusals(LG_GRPC_BAD_PATH);

    (void)state;
    expect_announced(0);
    for (size_t i = 0; i < LG_ARRAY_SIZE(paths); i++)
        expect_off(ask_raw(paths[i]), "gRPC is off on this server");
    assert_int_equal(refusals(LG_GRPC_BAD_PATH) - before, LG_ARRAY_SIZE(paths));
    for (size_t i = 0; i < LG_ARRAY_SIZE(paths); i++) {
        size_t asked = h2_client_begin(&w.client, paths[i], LG_LIT("\0"));

        lg_clw_run_ms(w.clw, 100);
        assert_int_equal(w.client.asked[asked].status, 0); /* It is not answered while it sends. */
        h2_client_reset(&w.client, asked);
    }
    assert_int_equal(lg_clw_get(w.clw, &w.clw->servers[0], "/health"), 200);
    lg_clw_server_stop(w.clw, 0);
}

/* Last: the server ends, and gives back all of its memory. */
static void streams_hear_of_the_end(void **state)
{
    static const char *const paths[] = {
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", GRPC_RIG_STREAM};
    struct lg_grpc_health_check_request rq = {.service = LG_SLICE_NULL};
    struct lg_grpc_health_check_response rs = {0};
    size_t i, more[LG_ARRAY_SIZE(paths)];
    struct h2_asked *a;

    (void)state;
    fresh();
    lg_buf_clear(&w.body);
    grpc_rig_append(&w, &lg_grpc_health_check_request_pb, &rq);
    i = grpc_rig_send(&w, "/grpc.health.v1.Health/Watch");
    for (size_t k = 0; k < LG_ARRAY_SIZE(paths); k++)
        more[k] = h2_client_begin(&w.client, paths[k], LG_LIT("\0"));
    lg_clw_run_ms(w.clw, 2000);
    a = &w.client.asked[i];
    grpc_rig_decode(&w, a, 0, &lg_grpc_health_check_response_pb, &rs);
    if (rs.status != LG_GRPC_HEALTH_SERVING) /* What the lane knew before it asked. */
        grpc_rig_decode(&w, a, 1, &lg_grpc_health_check_response_pb, &rs);
    assert_int_equal(rs.status, LG_GRPC_HEALTH_SERVING);
    assert_false(a->closed);
    lg_clw_server_stop(w.clw, 0);
    grpc_rig_expect_status(a, LG_GRPC_UNAVAILABLE);
    for (size_t k = 0; k < LG_ARRAY_SIZE(paths); k++)
        grpc_rig_expect_status(&w.client.asked[more[k]], LG_GRPC_UNAVAILABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_comes_with_its_schema_id),
        cmocka_unit_test(a_key_may_come_as_text),
        cmocka_unit_test(a_missing_key_is_minus_420),
        cmocka_unit_test(what_is_not_here_is_said_as_over_rest),
        cmocka_unit_test(a_key_that_is_no_base64_is_400),
        cmocka_unit_test(a_get_without_a_key_is_400),
        cmocka_unit_test(a_message_that_is_no_protobuf_is_internal),
        cmocka_unit_test(many_values_come_as_records),
        cmocka_unit_test(the_pool_leaves_what_a_cancelled_batch_asked_for),
        cmocka_unit_test(a_malformed_list_of_keys_is_400),
        cmocka_unit_test(only_fields_of_records_are_counted),
        cmocka_unit_test(a_batch_of_a_stream_is_answered_key_by_key),
        cmocka_unit_test(without_a_version_the_current_one_is_read),
        cmocka_unit_test(what_is_wrong_with_a_batch_ends_it),
        cmocka_unit_test(many_keys_of_a_batch_take_many_turns),
        cmocka_unit_test(health_tells_whether_the_server_serves),
        cmocka_unit_test(reflection_tells_what_is_offered),
        cmocka_unit_test(reads_come_from_where_they_should),
        cmocka_unit_test(every_request_is_counted_once_with_its_store),
        cmocka_unit_test(a_port_of_its_own_is_announced_and_answers_the_same),
        cmocka_unit_test(a_store_whose_grpc_is_off_says_so),
        cmocka_unit_test(streams_hear_of_the_end),
    };
    const struct CMUnitTest off[] = {cmocka_unit_test(a_server_whose_grpc_is_off_says_so)};
    static const struct lg_metric_table *const tables[] = {&lg_server_metrics, &lg_net_metrics};
    int failed;

    lg_metrics_register(tables, LG_ARRAY_SIZE(tables), 10);
    failed = cmocka_run_group_tests(tests, up, down);
    failed += cmocka_run_group_tests(tests, up_warm, down);
    failed += cmocka_run_group_tests(off, up_off, down);
    lg_metrics_reset();
    return failed;
}
