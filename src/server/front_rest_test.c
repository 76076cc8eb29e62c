/* A storage node's REST (wire-formats 5): a real server in the simulator, a push written into the
 * log by hand, and requests as a router or a Java client sends them. */
#include "server/front_rest.h"

#include <stdio.h>

#include "base/str.h"
#include "drivers/sim/transport_sim.h"
#include "model/partitioner.h"
#include "read/batch_get.h"
#include "read/wire.h"
#include "server/front_answer.h"
#include "server/metrics.h"
#include "server/read_group.h"
#include "server/server.h"
#include "test/lib/cluster_world.h"
#include "test/test.h"

#define PARTITIONS 3u
#define KEY1 LG_LIT("\x08key1")
#define KEY2 LG_LIT("\x08key2")
#define KEY3 LG_LIT("\x08key3")
#define NONE LG_LIT("\x08none")
#define LARGE                                                                                      \
    LG_LIT("\x08"                                                                                  \
           "big1")
#define LARGE_BYTES 5000 /* more than indexes have */
#define MEDIUM                                                                                     \
    LG_LIT("\x08"                                                                                  \
           "med1")
#define MEDIUM_BYTES 1000
#define ASSIGNED "{\"partitions\":[[\"s0_8888\"],[\"s0_8888\"],[\"s0_8888\"]]}"

static const char assigned_elsewhere[] = "{\"partitions\":[[\"s1_1\"],[\"s1_1\"],[\"s1_1\"]]}";

/* Version 1 is complete on s0, version 2 is assigned to it and never ends, version 3 is assigned to
 * somebody else. */
static int up_with(void **state, int current)
{
    static const uint8_t large[LARGE_BYTES];
    static const struct lg_clw_row rows[] = {
        {{(const uint8_t *)"\x08key1", 5}, {(const uint8_t *)"\x54", 1}, 1},
        {{(const uint8_t *)"\x08key2", 5}, {NULL, 0}, 2},
        {{(const uint8_t *)"\x08key3", 5}, {(const uint8_t *)"\x01\x02\x03", 3}, 1},
        {{(const uint8_t *)"\x08"
                           "big1",
          5},
         {large, sizeof large},
         1},
        {{(const uint8_t *)"\x08"
                           "med1",
          5},
         {large, MEDIUM_BYTES},
         1},
    };
    struct lg_clw *w = lg_clw_new(21, /* with_controller= */ false);

    lg_clw_server_start(w, 0);
    lg_clw_store(w, "cities", 3, current, PARTITIONS);
    lg_clw_topic(w, "cities_v1", PARTITIONS);
    lg_clw_topic(w, "cities_v2", PARTITIONS);
    lg_clw_rows(w, "cities_v1", PARTITIONS, rows, LG_ARRAY_SIZE(rows), /* whole= */ true);
    lg_clw_meta(w, LG_META_PUT, "/assignment/cities_v1", ASSIGNED);
    lg_clw_meta(w, LG_META_PUT, "/assignment/cities_v2", ASSIGNED);
    lg_clw_meta(w, LG_META_PUT, "/assignment/cities_v3", assigned_elsewhere);
    lg_clw_run_ms(w, 5000);
    *state = w;
    return 0;
}

static bool is_warm;

/* Version 1 is a way back: it is read from the engine. */
static int up(void **state)
{
    is_warm = false;
    return up_with(state, 3);
}

/* Version 1 is served, and read from its indexes. */
static int up_warm(void **state)
{
    is_warm = true;
    return up_with(state, 1);
}

static int down(void **state)
{
    lg_clw_free(*state);
    return 0;
}

static unsigned partition_of(struct lg_slice key)
{
    return lg_partitioner_partition(key, PARTITIONS);
}

static int get_key(struct lg_clw *w, const char *topic, struct lg_slice key)
{
    LG_SCOPED(lg_buf) target = {0};

    lg_buf_appendf(&target, "/storage/%s/%u/", topic, partition_of(key));
    lg_base64_encode(&target, key, /* url_safe= */ true);
    lg_buf_append_str(&target, "?f=b64");
    lg_buf_append_byte(&target, 0);
    return lg_clw_ask(w, &w->servers[0], LG_HTTP_GET, (const char *)target.data,
                      "X-VENICE-API-VERSION: 1", LG_SLICE_NULL);
}

static int get(struct lg_clw *w, const char *target)
{
    return lg_clw_get(w, &w->servers[0], target);
}

/* So many requests are refused in all, and each is counted with its reason: nothing else is. */
static uint64_t refused[LG_FRONT_NO_RESOURCE + 1];

static void note_refusals(void)
{
    for (uint32_t i = 0; i < LG_ARRAY_SIZE(refused); i++)
        refused[i] = lg_metric_value(&lg_metric_server_bad_requests_total, i);
}

static void expect_refusals(enum lg_front_reason reason, uint64_t n)
{
    for (uint32_t i = 0; i < LG_ARRAY_SIZE(refused); i++)
        assert_int_equal(lg_metric_value(&lg_metric_server_bad_requests_total, i) - refused[i],
                         i == (uint32_t)reason ? n : 0);
    note_refusals();
}

static void expect_venice_headers(struct lg_clw *w, const char *schema_id, const char *rcu)
{
    assert_string_equal(lg_clw_header(w, "X-VENICE-SCHEMA-ID"), schema_id);
    assert_string_equal(lg_clw_header(w, "X-VENICE-COMPRESSION-STRATEGY"), "0");
    assert_string_equal(lg_clw_header(w, "X-VENICE-RCU"), rcu);
    assert_string_not_equal(lg_clw_header(w, "Content-Length"), "");
}

/* --- One key. ----------------------------------------------------------------------------------
 */

static void a_value_comes_without_its_schema_id_which_is_a_header(void **state)
{
    struct lg_clw *w = *state;

    assert_int_equal(get_key(w, "cities_v1", KEY1), 200);
    expect_venice_headers(w, "1", "1");
    assert_string_equal(lg_clw_header(w, "Content-Type"), "avro/binary");
    lg_clw_expect_hex(w, "54");
    assert_int_equal(get_key(w, "cities_v1", KEY3), 200);
    lg_clw_expect_hex(w, "010203");
    assert_int_equal(get_key(w, "cities_v1", KEY2), 200); /* An empty value is one. */
    expect_venice_headers(w, "2", "1");
    lg_clw_expect_hex(w, "");
}

static void a_key_may_come_as_text(void **state)
{
    struct lg_clw *w = *state;
    LG_AUTO_STR char *target = lg_strf("/storage/cities_v1/%u/%%08key1", partition_of(KEY1));
    LG_AUTO_STR char *twice = lg_strf("//storage//cities_v1/%u/%%08key1", partition_of(KEY1));

    assert_int_equal(get(w, target), 200);
    lg_clw_expect_hex(w, "54");
    assert_int_equal(get(w, twice), 200); /* As clients join paths. */
}

static void a_missing_key_is_404_without_a_body(void **state)
{
    struct lg_clw *w = *state;

    assert_int_equal(get_key(w, "cities_v1", NONE), 404);
    expect_venice_headers(w, "-1", "1");
    assert_int_equal(lg_clw_body(w).size, 0);
}

static void what_is_not_here_is_400_but_503_for_the_current_version(void **state)
{
    struct lg_clw *w = *state;

    note_refusals();
    assert_int_equal(get_key(w, "cities_v9", KEY1), 400);
    lg_clw_expect_text(w, "No storage exists for: cities_v9");
    expect_venice_headers(w, "-1", "1");
    assert_int_equal(get_key(w, "planets_v1", KEY1), 400);
    assert_int_equal(get_key(w, "cities", KEY1), 400);
    expect_refusals(LG_FRONT_NO_RESOURCE, 3);
    assert_int_equal(get(w, "/storage/cities_v1/3/CGtleTE=?f=b64"), 400);
    lg_clw_expect_text(w, "cities_v1 has no such partition");
    expect_refusals(LG_FRONT_BAD_PARTITION, 1);
    assert_int_equal(get_key(w, "cities_v3", KEY1), 503); /* current, elsewhere */
    lg_clw_expect_text(w, "No storage exists for: cities_v3");
    assert_int_equal(get_key(w, "cities_v2", KEY1), 503); /* ours, loading */
    lg_clw_expect_text(w, "cities_v2 is not ready to serve yet");
    expect_refusals(LG_FRONT_NO_RESOURCE, 0); /* They are fine, elsewhere or later. */
}

static void a_malformed_get_is_400(void **state)
{
    static const struct {
        const char *target;
        enum lg_front_reason reason;
    } rows[] = {
        {"/storage", LG_FRONT_BAD_PATH},
        {"/storage/cities_v1", LG_FRONT_BAD_PATH},
        {"/storage/cities_v1/0", LG_FRONT_BAD_PATH},
        {"/storage/cities_v1/x/CGtleTE=?f=b64", LG_FRONT_BAD_PARTITION},
        {"/storage/cities_v1/-1/CGtleTE=?f=b64", LG_FRONT_BAD_PARTITION},
        {"/storage/cities_v1/99999999999/CGtleTE=?f=b64", LG_FRONT_BAD_PARTITION},
        {"/storage/cities_v1/0/%zz", LG_FRONT_BAD_PATH},
        {"/storage/cities_v1/0/a*b?f=b64", LG_FRONT_BAD_KEY},
        {"/storage/cities_v1/0/a/b", LG_FRONT_BAD_PATH},
        {"/nonsense", LG_FRONT_BAD_PATH},
        {"/", LG_FRONT_BAD_PATH},
        {"/metadat/cities", LG_FRONT_BAD_PATH},
        {"/metadata", LG_FRONT_BAD_PATH},
        {"/metadata/citeis", LG_FRONT_NO_RESOURCE},
        {"/store_properties", LG_FRONT_BAD_PATH},
        {"/store_properties/cities/x", LG_FRONT_BAD_PATH},
        {"/dictionary/cities/x", LG_FRONT_BAD_PATH},
        {"/current_version", LG_FRONT_BAD_PATH},
    };
    struct lg_clw *w = *state;

    note_refusals();
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        if (get(w, rows[i].target) != 400)
            fail_msg("%s: %d", rows[i].target, w->call.status);
        expect_venice_headers(w, "-1", "1");
        expect_refusals(rows[i].reason, 1);
    }
    assert_int_equal(get(w, "/nonsense"), 400);
    lg_clw_expect_text(w, "Invalid request resource: /nonsense");
}

/* --- Many keys. --------------------------------------------------------------------------------
 */

static int post(struct lg_clw *w, const char *target, const char *headers,
                const struct lg_slice *keys, size_t n)
{
    LG_SCOPED(lg_buf) body = {0};

    for (size_t i = 0; i < n; i++)
        lg_wire_key_add(&body, &(struct lg_wire_key){(int32_t)(i + 3), keys[i],
                                                     (int32_t)partition_of(keys[i])});
    return lg_clw_ask(w, &w->servers[0], LG_HTTP_POST, target, headers, lg_buf_slice(&body));
}

static void many_values_come_as_records_and_missing_keys_not_at_all(void **state)
{
    const struct lg_slice keys[] = {KEY1, NONE, KEY2};
    struct lg_clw *w = *state;

    assert_int_equal(
        post(w, "/storage/cities_v1", "X-VENICE-API-VERSION: 1\nX-VENICE-KEY-COUNT: 3", keys, 3),
        200);
    expect_venice_headers(w, "1", "3");
    assert_string_equal(lg_clw_header(w, "Content-Type"), "avro/binary");
    assert_string_equal(lg_clw_header(w, "X-VENICE-STREAMING-RESPONSE"), "");
    lg_clw_expect_hex(w, "060254"
                         "02"
                         "0a00"
                         "04"); /* Indexes 3 and 5, as in the request. */
}

static void a_streamed_answer_names_the_missing_keys_by_negative_indexes(void **state)
{
    const struct lg_slice keys[] = {KEY1, NONE};
    struct lg_clw *w = *state;

    assert_int_equal(
        post(w, "/storage/cities_v1", "X-VENICE-API-VERSION: 1\nX-VENICE-STREAMING: 1", keys, 2),
        200);
    expect_venice_headers(w, "1", "2");
    assert_string_equal(lg_clw_header(w, "X-VENICE-STREAMING-RESPONSE"), "1");
    lg_clw_expect_hex(w, "060254"
                         "02"
                         "0700cf0f"); /* Index -4, no value, schema -1000. */
}

static void a_post_is_never_404(void **state)
{
    const struct lg_slice none[] = {NONE}, one[] = {KEY1};
    struct lg_clw *w = *state;

    assert_int_equal(post(w, "/storage/cities_v1", "X-VENICE-API-VERSION: 1", none, 1), 200);
    lg_clw_expect_hex(w, "");
    assert_int_equal(post(w, "/storage/cities_v9", "X-VENICE-API-VERSION: 1", one, 1), 400);
    assert_int_equal(post(w, "/storage/planets_v1", "X-VENICE-API-VERSION: 1", one, 1), 400);
    assert_int_equal(post(w, "/storage/cities_v3", "X-VENICE-API-VERSION: 1", one, 1), 503);
    assert_int_equal(post(w, "/storage/cities_v2", "X-VENICE-API-VERSION: 1", one, 1), 503);
    note_refusals();
    assert_int_equal(post(w, "/current_version/planets", NULL, one, 1), 405);
    assert_int_equal(post(w, "/dictionary/cities/1", NULL, one, 1), 405);
    assert_int_equal(post(w, "/compute/cities_v1", "X-VENICE-API-VERSION: 3", one, 1), 405);
    expect_refusals(LG_FRONT_BAD_METHOD, 3);
    assert_int_equal(post(w, "/key_partition_profiler/cities_v1/start?duration=0", NULL, one, 1),
                     400);
    expect_refusals(LG_FRONT_BAD_PARAMETER, 1);
}

static void a_wrong_api_version_is_400(void **state)
{
    static const char *const headers[] = {NULL, "X-VENICE-API-VERSION: 2",
                                          "X-VENICE-API-VERSION: x", "X-VENICE-API-VERSION: 01"};
    const struct lg_slice one[] = {KEY1};
    struct lg_clw *w = *state;

    note_refusals();
    for (size_t i = 0; i < LG_ARRAY_SIZE(headers); i++)
        assert_int_equal(post(w, "/storage/cities_v1", headers[i], one, 1), 400);
    lg_clw_expect_text(w, "X-VENICE-API-VERSION must be 1, not '01'");
    expect_refusals(LG_FRONT_BAD_VERSION, LG_ARRAY_SIZE(headers));
}

static int post_hex(struct lg_clw *w, const char *hex)
{
    LG_SCOPED(lg_buf) body = {0};

    assert_true(lg_hex_decode(&body, lg_slice_str(hex)));
    return lg_clw_ask(w, &w->servers[0], LG_HTTP_POST, "/storage/cities_v1",
                      "X-VENICE-API-VERSION: 1", lg_buf_slice(&body));
}

static void a_malformed_list_of_keys_is_400(void **state)
{
    struct lg_clw *w = *state;

    note_refusals();
    assert_int_equal(post_hex(w, "00040261"), 400); /* no partition */
    assert_non_null(strstr((const char *)lg_clw_body(w).data, "MultiGetRouterRequestKeyV1"));
    assert_int_equal(post_hex(w, "00ff"), 400);
    expect_refusals(LG_FRONT_BAD_BODY, 2);
    assert_int_equal(post_hex(w, "0004026110"), 400); /* partition 8 of 3 */
    lg_clw_expect_text(w, "cities_v1 has no such partition");
    assert_int_equal(post_hex(w, "0004026101"), 400); /* partition -1 */
    lg_clw_expect_text(w, "cities_v1 has no such partition");
    expect_refusals(LG_FRONT_BAD_PARTITION, 2);
    assert_int_equal(lg_clw_ask(w, &w->servers[0], LG_HTTP_POST, "/storage",
                                "X-VENICE-API-VERSION: 1", LG_SLICE_NULL),
                     400);
    assert_int_equal(lg_clw_ask(w, &w->servers[0], LG_HTTP_POST, "/storage/cities_v1/0",
                                "X-VENICE-API-VERSION: 1", LG_SLICE_NULL),
                     400);
    expect_refusals(LG_FRONT_BAD_PATH, 2);
}

static void hears_nothing(void *ctx, struct lg_conn *c, struct lg_slice bytes)
{
    (void)ctx, (void)c, (void)bytes;
}

static void hangs_up(void *ctx, struct lg_conn *c, enum lg_rc why)
{
    (void)ctx, (void)c, (void)why;
}

/* More keys than are read at once, so that the pool has the rest, of somebody who hangs up. */
static void the_pool_leaves_what_nobody_waits_for(void **state)
{
    enum { KEYS = 300, FOUND_IN_BATCHES = 3 };
    static const struct lg_conn_handler handler = {.received = hears_nothing, .closed = hangs_up};
    struct lg_clw *w = *state;
    uint64_t before = lg_metric_value(&lg_metric_server_keys_total, FOUND_IN_BATCHES);
    LG_SCOPED(lg_buf) body = {0};
    LG_SCOPED(lg_buf) request = {0};
    struct lg_conn *conn;

    for (int32_t i = 0; i < KEYS; i++)
        lg_wire_key_add(&body, &(struct lg_wire_key){i, KEY1, (int32_t)partition_of(KEY1)});
    lg_buf_appendf(&request,
                   "POST /storage/cities_v1 HTTP/1.1\r\nHost: a\r\nX-VENICE-API-VERSION: 1\r\n"
                   "Content-Length: %zu\r\n\r\n",
                   body.size);
    lg_buf_append_slice(&request, lg_buf_slice(&body));
    lg_net_sim_set_delay_us(w->net, 1, 1);
    conn = lg_conn_open(lg_net_sim_transport(w->net), w->lane, "s0", LG_CLW_SERVER_PORT, &handler,
                        NULL);
    lg_conn_send(conn, &request);
    lg_conn_close(conn, /* after_flush= */ true);
    lg_clw_run_ms(w, 200);
    assert_int_equal(lg_metric_value(&lg_metric_server_keys_total, FOUND_IN_BATCHES) - before,
                     LG_BATCH_GET_INLINE_MAX);
}

static void no_keys_are_no_records(void **state)
{
    struct lg_clw *w = *state;

    assert_int_equal(post_hex(w, ""), 200);
    lg_clw_expect_hex(w, "");
}

/* What the server holds when it has answered so many times this key. */
static size_t bytes_after_batch_of(struct lg_clw *w, struct lg_slice key)
{
    LG_SCOPED(lg_buf) body = {0};

    for (int32_t i = 0; i < (int32_t)LG_SERVER_BATCH_KEYS_MAX; i++)
        lg_wire_key_add(&body, &(struct lg_wire_key){i, key, (int32_t)partition_of(key)});
    assert_int_equal(lg_clw_ask(w, &w->servers[0], LG_HTTP_POST, "/storage/cities_v1",
                                "X-VENICE-API-VERSION: 1", lg_buf_slice(&body)),
                     200);
    lg_clw_run_ms(w, 1000);
    return lg_sim_node_bytes(w->servers[0].node);
}

/* A lane would keep the memory of its largest batch. What the simulated connection holds on to is
 * the answer as it was sent. */
static void the_memory_of_a_large_answer_is_given_back(void **state)
{
    struct lg_clw *w = *state;
    size_t before = bytes_after_batch_of(w, KEY1), after = bytes_after_batch_of(w, MEDIUM);
    size_t answer = lg_clw_body(w).size;

    assert_true(answer > LG_SERVER_BATCH_KEYS_MAX * MEDIUM_BYTES);
    assert_true(after < before + answer + ((size_t)1 << 20));
}

static void the_number_of_keys_is_bounded(void **state)
{
    struct lg_clw *w = *state;
    LG_SCOPED(lg_buf) body = {0};

    note_refusals();
    for (int32_t i = 0; i <= (int32_t)LG_SERVER_BATCH_KEYS_MAX; i++) {
        if (i == (int32_t)LG_SERVER_BATCH_KEYS_MAX)
            assert_int_equal(lg_clw_ask(w, &w->servers[0], LG_HTTP_POST, "/storage/cities_v1",
                                        "X-VENICE-API-VERSION: 1", lg_buf_slice(&body)),
                             200);
        lg_wire_key_add(&body, &(struct lg_wire_key){i, KEY1, (int32_t)partition_of(KEY1)});
    }
    assert_int_equal(lg_clw_ask(w, &w->servers[0], LG_HTTP_POST, "/storage/cities_v1",
                                "X-VENICE-API-VERSION: 1", lg_buf_slice(&body)),
                     413);
    lg_clw_expect_text(w, "more than 5000 keys (limit server_batch_keys)");
    expect_refusals(LG_FRONT_TOO_LARGE, 1);
}

/* --- The rest. ---------------------------------------------------------------------------------
 */

static void the_other_paths_answer_as_venice_does(void **state)
{
    struct lg_clw *w = *state;

    assert_int_equal(get(w, "/health"), 200);
    lg_clw_expect_text(w, "OK");
    assert_int_equal(get(w, "/current_version/cities"), 200);
    lg_clw_expect_text(w, "{\"currentVersion\":3,\"error\":false,\"message\":null}");
    assert_int_equal(get(w, "/current_version/citeis"), 404);
    lg_clw_expect_text(w, "no store named 'citeis'; did you mean 'cities'?");
    assert_int_equal(get(w, "/current_version"), 400);
    assert_int_equal(get(w, "/dictionary/cities/1"), 404);
    assert_int_equal(get(w, "/compute/cities_v1"), 405);
    assert_int_equal(lg_clw_ask(w, &w->servers[0], LG_HTTP_OPTIONS, "/any", NULL, LG_SLICE_NULL),
                     200);
    assert_int_equal(
        lg_clw_ask(w, &w->servers[0], LG_HTTP_PUT, "/storage/cities_v1", NULL, LG_SLICE_NULL), 405);
    assert_int_equal(lg_clw_ask(w, &w->servers[0], LG_HTTP_DELETE, "/storage/cities_v1/0/x", NULL,
                                LG_SLICE_NULL),
                     405);
}

/* The tests of this program that read keys have been here with the same answers from the engine. */
static void reads_come_from_where_they_should(void **state)
{
    const struct lg_slice keys[] = {KEY1, NONE};
    enum { SINGLE = 0, BATCH = 3, MEMORY = 0, INDEX = 2 };
    struct lg_clw *w = *state;
    uint64_t before[6];

    for (uint32_t i = 0; i < 6; i++)
        before[i] = lg_metric_value(&lg_metric_server_reads_total, i);
    assert_int_equal(get_key(w, "cities_v1", KEY1), 200);
    assert_int_equal(get_key(w, "cities_v1", NONE), 404);
    assert_int_equal(post(w, "/storage/cities_v1", "X-VENICE-API-VERSION: 1", keys, 2), 200);
    for (uint32_t i = 0; i < 6; i++)
        assert_int_equal(lg_metric_value(&lg_metric_server_reads_total, i) - before[i],
                         i == SINGLE + (is_warm ? INDEX : MEMORY)  ? 2
                         : i == BATCH + (is_warm ? INDEX : MEMORY) ? 1
                                                                   : 0);
}

static void read_seen(uint64_t *out)
{
    const struct lg_metric *m = &lg_metric_server_store_reads_total;

    for (uint32_t from = 0; from < LG_READ_TIERS; from++)
        out[from] = lg_metric_value(m, lg_metric_of_store(m, lg_metric_store("cities"), from));
    out[LG_READ_TIERS] = lg_metric_value(
        &lg_metric_server_value_bytes_total,
        lg_metric_of_store(&lg_metric_server_value_bytes_total, lg_metric_store("cities"), 0));
}

/* Values that indexes do not have, among some that they do. Of the former more than are read on the
 * lane. */
static void only_what_no_index_knows_is_read_from_the_engine(void **state)
{
    enum { SMALL = 40, MISSING = 2, LARGE_ONES = LG_BATCH_GET_INLINE_MAX + 30 };
    struct lg_clw *w = *state;
    uint64_t before[LG_READ_TIERS + 1], now[LG_READ_TIERS + 1];
    struct lg_slice keys[SMALL + MISSING + LARGE_ONES];
    size_t n = 0, found[2] = {0};
    struct lg_wire_value value;
    struct lg_decoder d;
    struct lg_error err;
    bool end = false;

    while (n < LG_ARRAY_SIZE(keys)) { /* The first ones are large, the last ones are not. */
        keys[n] = n < LARGE_ONES ? LARGE : n < LARGE_ONES + SMALL ? KEY1 : NONE;
        n++;
    }
    read_seen(before);
    assert_int_equal(post(w, "/storage/cities_v1", "X-VENICE-API-VERSION: 1", keys, n), 200);
    read_seen(now);
    d = lg_decoder_of(lg_clw_body(w));
    while (lg_wire_value_next(&d, &value, &end, &err) == LG_OK && !end)
        found[value.value.size == LARGE_BYTES]++;
    assert_true(end);
    assert_int_equal(found[0], SMALL);
    assert_int_equal(found[1], LARGE_ONES);
    assert_int_equal(now[LG_READ_INDEX] - before[LG_READ_INDEX], SMALL + MISSING);
    assert_int_equal(now[LG_READ_MEMORY] - before[LG_READ_MEMORY], LG_BATCH_GET_INLINE_MAX);
    assert_int_equal(now[LG_READ_DISK] - before[LG_READ_DISK],
                     LARGE_ONES - LG_BATCH_GET_INLINE_MAX);
    assert_int_equal(now[LG_READ_TIERS] - before[LG_READ_TIERS], SMALL + LARGE_ONES * LARGE_BYTES);
}

/* --- Many at a time. ---------------------------------------------------------------------------
 */

#define PIPELINES 4
#define PIPELINED 200u /* more than are answered before the rest is read */

struct pipeline { /* A client that knows no HTTP. */
    struct lg_conn *conn;
    struct lg_buf received;
    bool closed;
};

static void pipeline_received(void *ctx, struct lg_conn *c, struct lg_slice bytes)
{
    (void)c;
    lg_buf_append_slice(&((struct pipeline *)ctx)->received, bytes);
}

static void pipeline_closed(void *ctx, struct lg_conn *c, enum lg_rc why)
{
    (void)c, (void)why;
    ((struct pipeline *)ctx)->closed = true;
}

static bool all_closed(void *arg)
{
    const struct pipeline *p = arg;

    for (size_t i = 0; i < PIPELINES; i++)
        if (!p[i].closed)
            return false;
    return true;
}

static void append_gets(struct lg_buf *out)
{
    for (unsigned i = 0; i < PIPELINED; i++) {
        lg_buf_appendf(out, "GET /storage/cities_v1/%u/", partition_of(KEY1));
        lg_base64_encode(out, KEY1, /* url_safe= */ true);
        lg_buf_appendf(out, "?f=b64 HTTP/1.1\r\nHost: a\r\n%s\r\n",
                       i + 1 == PIPELINED ? "Connection: close\r\n" : "");
    }
}

static unsigned count_answers(struct lg_slice text)
{
    static const char want[] = "HTTP/1.1 200 OK\r\n";
    const uint8_t *at;
    unsigned n = 0;

    while ((at = memmem(text.data, text.size, want, sizeof want - 1)) != NULL) {
        n++;
        text = lg_slice_skip(text, (size_t)(at - text.data) + 1);
    }
    return n;
}

/* What is answered makes room for more, while the rest of its group waits for its answers. */
static void many_gets_of_a_pipeline_are_all_answered(void **state)
{
    static const struct lg_conn_handler handler = {.received = pipeline_received,
                                                   .closed = pipeline_closed};
    struct lg_clw *w = *state;
    struct pipeline p[PIPELINES] = {0};

    for (size_t i = 0; i < PIPELINES; i++) {
        LG_SCOPED(lg_buf) gets = {0};

        append_gets(&gets);
        p[i].conn = lg_conn_open(lg_net_sim_transport(w->net), w->lane, "s0", LG_CLW_SERVER_PORT,
                                 &handler, &p[i]);
        lg_conn_send(p[i].conn, &gets);
    }
    assert_true(lg_sim_run_until(w->sim, all_closed, p, 20 * LG_SEC));
    for (size_t i = 0; i < PIPELINES; i++) {
        assert_int_equal(count_answers(lg_buf_slice(&p[i].received)), PIPELINED);
        lg_buf_done(&p[i].received);
    }
}

int main(void)
{
    const struct CMUnitTest warm[] = {
        cmocka_unit_test(a_value_comes_without_its_schema_id_which_is_a_header),
        cmocka_unit_test(a_key_may_come_as_text),
        cmocka_unit_test(a_missing_key_is_404_without_a_body),
        cmocka_unit_test(many_values_come_as_records_and_missing_keys_not_at_all),
        cmocka_unit_test(a_streamed_answer_names_the_missing_keys_by_negative_indexes),
        cmocka_unit_test(no_keys_are_no_records),
        cmocka_unit_test(reads_come_from_where_they_should),
        cmocka_unit_test(only_what_no_index_knows_is_read_from_the_engine),
        cmocka_unit_test(the_memory_of_a_large_answer_is_given_back),
        cmocka_unit_test(many_gets_of_a_pipeline_are_all_answered),
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_comes_without_its_schema_id_which_is_a_header),
        cmocka_unit_test(a_key_may_come_as_text),
        cmocka_unit_test(a_missing_key_is_404_without_a_body),
        cmocka_unit_test(what_is_not_here_is_400_but_503_for_the_current_version),
        cmocka_unit_test(a_malformed_get_is_400),
        cmocka_unit_test(many_values_come_as_records_and_missing_keys_not_at_all),
        cmocka_unit_test(a_streamed_answer_names_the_missing_keys_by_negative_indexes),
        cmocka_unit_test(a_post_is_never_404),
        cmocka_unit_test(a_wrong_api_version_is_400),
        cmocka_unit_test(a_malformed_list_of_keys_is_400),
        cmocka_unit_test(no_keys_are_no_records),
        cmocka_unit_test(the_number_of_keys_is_bounded),
        cmocka_unit_test(the_pool_leaves_what_nobody_waits_for),
        cmocka_unit_test(the_other_paths_answer_as_venice_does),
        cmocka_unit_test(reads_come_from_where_they_should),
        cmocka_unit_test(many_gets_of_a_pipeline_are_all_answered),
    };
    static const struct lg_metric_table *const tables[] = {&lg_server_metrics};
    int failed;

    lg_metrics_register(tables, LG_ARRAY_SIZE(tables), 10);
    failed = cmocka_run_group_tests(tests, up, down); /* Reads change nothing: one world each. */
    failed += cmocka_run_group_tests(warm, up_warm, down);
    lg_metrics_reset();
    return failed;
}
