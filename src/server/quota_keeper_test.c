/* Read quotas of a server in the simulator, with three lanes that read: over REST, gRPC and streams
 * they are one and the same. Time is the simulator's. */
#include "server/quota_keeper.h"

#include "base/str.h"
#include "drivers/sim/lane_sim.h"
#include "model/partitioner.h"
#include "net/grpc.h"
#include "read/wire.h"
#include "server/metrics.h"
#include "server/server.h"
#include "test/lib/cluster_world.h"
#include "test/lib/h2_client.h"
#include "test/test.h"

#define KEY LG_LIT("\x08key1")
#define TARGET "/storage/cities_v1/0/CGtleTE=?f=b64"
#define QUOTA 20u              /* RCU per second, so ... */
#define CAPACITY (QUOTA * 50u) /* ... these are saved up: five times ten seconds */
#define CLIENTS 6u             /* connections of HTTP/2, spread over the lanes */
#define VENICE "/com.linkedin.venice.protocols.VeniceReadService/"

struct world {
    struct lg_clw *w;
    struct h2_client clients[CLIENTS];
    struct lg_lane *lane;
    unsigned turn;
    uint64_t full_us; /* when the bucket was full for the last time */
    uint32_t admitted;
};

#define TRUE INT64_MIN
#define FALSE (INT64_MIN + 1)

static void set_store(struct lg_clw *w, const char *member, int64_t value)
{
    LG_AUTO_STR char *text = lg_clw_meta_get(w, "/stores/cities");
    LG_AUTO(lg_json) *json = NULL;
    LG_AUTO_STR char *changed = NULL;
    LG_SCOPED(lg_buf) out = {0};
    struct lg_error err = {0};

    assert_ok(lg_json_parse(lg_slice_str(text), &json, &err));
    if (value == TRUE || value == FALSE)
        lg_json_set_bool(json, member, value == TRUE);
    else
        lg_json_set_int(json, member, value);
    lg_json_write(&out, json, /* pretty= */ false);
    changed = lg_buf_take_str(&out);
    lg_clw_meta(w, LG_META_PUT, "/stores/cities", changed);
}

static void settle(struct world *q)
{
    lg_clw_run_ms(q->w, 1000);
    q->full_us = lg_sim_now_us(q->w->sim);
    q->admitted = 0;
}

static int up_with(void **state, uint64_t node_rcu)
{
    static const struct lg_clw_row rows[] = {
        {{(const uint8_t *)"\x08key1", 5}, {(const uint8_t *)"\x54", 1}, 1}};
    struct world *q = lg_new(struct world);
    struct lg_clw *w = q->w = lg_clw_new(77, /* with_controller= */ false);

    w->node_rcu = node_rcu;
    lg_clw_server_start(w, 0);
    lg_clw_store(w, "cities", 1, 1, 1);
    lg_clw_topic(w, "cities_v1", 1);
    lg_clw_rows(w, "cities_v1", 1, rows, 1, /* whole= */ true);
    lg_clw_meta(w, LG_META_PUT, "/assignment/cities_v1", "{\"partitions\":[[\"s0_8888\"]]}");
    lg_clw_run_ms(w, 5000);
    q->lane = w->lane;
    for (unsigned i = 0; i < CLIENTS; i++)
        h2_client_open_at(&q->clients[i], lg_net_sim_transport(w->net), q->lane, "s0",
                          LG_CLW_SERVER_PORT, 1 << 20, /* by_hand= */ false);
    *state = q;
    return 0;
}

static int up(void **state)
{
    int rc = up_with(state, 0);
    struct world *q = *state;

    set_store(q->w, "storageNodeReadQuotaEnabled", TRUE);
    set_store(q->w, "readQuotaInCU", QUOTA);
    settle(q);
    return rc;
}

static int up_node(void **state)
{
    int rc = up_with(state, QUOTA);

    settle(*state);
    return rc;
}

static int down(void **state)
{
    struct world *q = *state;

    for (unsigned i = 0; i < CLIENTS; i++)
        if (q->clients[i].conn != NULL)
            lg_conn_close(q->clients[i].conn, /* after_flush= */ false);
    lg_clw_run_ms(q->w, 100);
    lg_clw_server_stop(q->w, 0);
    for (unsigned i = 0; i < CLIENTS; i++)
        h2_client_done(&q->clients[i]);
    lg_clw_free(q->w);
    lg_free(q);
    return 0;
}

/* --- Asking ---------------------------------------------------------------------------------- */

static int rest(struct world *q, const char *headers)
{
    int status = lg_clw_ask(q->w, &q->w->servers[0], LG_HTTP_GET, TARGET, headers, LG_SLICE_NULL);

    q->admitted += status == 200;
    return status;
}

static int rest_many(struct world *q, uint32_t keys)
{
    LG_SCOPED(lg_buf) body = {0};
    int status;

    for (uint32_t i = 0; i < keys; i++)
        lg_wire_key_add(&body, &(struct lg_wire_key){(int32_t)i, KEY, 0});
    status = lg_clw_ask(q->w, &q->w->servers[0], LG_HTTP_POST, "/storage/cities_v1",
                        "X-VENICE-API-VERSION: 1", lg_buf_slice(&body));
    q->admitted += status == 200 ? keys : 0;
    return status;
}

static bool is_closed(void *ctx)
{
    return ((const struct h2_asked *)ctx)->closed;
}

/* The next connection's answer to a call; its bytes are of that connection. */
static struct lg_slice call(struct world *q, const char *path, const struct lg_pb_message *m,
                            const void *msg)
{
    struct h2_client *c = &q->clients[q->turn++ % CLIENTS];
    LG_SCOPED(lg_buf) frame = {0};
    struct h2_asked *asked;
    struct lg_error err = {0};

    if (c->count == H2_CLIENT_ASKED_MAX) { /* A new one. */
        lg_conn_close(c->conn, /* after_flush= */ false);
        lg_clw_run_ms(q->w, 10);
        h2_client_done(c);
        h2_client_open_at(c, lg_net_sim_transport(q->w->net), q->lane, "s0", LG_CLW_SERVER_PORT,
                          1 << 20, /* by_hand= */ false);
    }
    assert_ok(lg_grpc_append(&frame, m, msg, &err));
    asked = &c->asked[h2_client_ask(c, "POST", path, lg_buf_slice(&frame), "content-type",
                                    "application/grpc")];
    h2_client_flush(c);
    assert_true(lg_sim_run_until(q->w->sim, is_closed, asked, 10 * LG_SEC));
    assert_int_equal(asked->status, 200);
    assert_true(asked->body.size > LG_GRPC_PREFIX_BYTES);
    return lg_slice_skip(lg_buf_slice(&asked->body), LG_GRPC_PREFIX_BYTES);
}

static struct lg_venice_server_response grpc(struct world *q, bool is_retry)
{
    struct lg_venice_client_request rq = {.key_string = LG_LIT("CGtleTE=?f=b64"),
                                          .resource_name = LG_LIT("cities_v1"),
                                          .is_retry_request = is_retry,
                                          .method = LG_LIT("GET")};
    struct lg_venice_server_response rs = {0};
    struct lg_error err = {0};

    assert_ok(lg_pb_decode(&lg_venice_server_response_pb,
                           call(q, VENICE "get", &lg_venice_client_request_pb, &rq), NULL, &rs,
                           &err));
    q->admitted += rs.error_code == 200;
    return rs;
}

static struct lg_venice_server_response grpc_many(struct world *q, uint32_t keys)
{
    struct lg_venice_client_request rq = {
        .resource_name = LG_LIT("cities_v1"), .is_batch_request = true, .method = LG_LIT("POST")};
    struct lg_venice_server_response rs = {0};
    LG_SCOPED(lg_buf) body = {0};
    struct lg_error err = {0};

    for (uint32_t i = 0; i < keys; i++)
        lg_wire_key_add(&body, &(struct lg_wire_key){(int32_t)i, KEY, 0});
    rq.key_bytes = lg_buf_slice(&body);
    assert_ok(lg_pb_decode(&lg_venice_server_response_pb,
                           call(q, VENICE "batchGet", &lg_venice_client_request_pb, &rq), NULL, &rs,
                           &err));
    q->admitted += rs.error_code == 200 ? keys : 0;
    return rs;
}

/* The end of a batch of a stream. */
static struct lg_stream_end stream(struct world *q, uint32_t keys, bool is_retry)
{
    LG_AUTO(lg_arena) *arena = lg_arena_new(0);
    struct lg_stream_key key[100];
    struct lg_stream_batch batch = {.store = LG_LIT("cities"), .version = 1, .is_retry = is_retry};
    struct lg_stream_batch_get_request rq = {
        .batch_id = 1, .action_case = LG_STREAM_BATCH_GET_REQUEST_GET, .action.get = &batch};
    struct lg_stream_end end = {0};
    struct lg_error err = {0};
    struct lg_slice in;

    for (uint32_t i = 0; i < keys; i++)
        key[i] = (struct lg_stream_key){.id = i, .key = KEY};
    batch.keys.data = key;
    batch.keys.size = keys;
    in = call(q, "/lagoon.read.v1.ReadService/BatchGet", &lg_stream_batch_get_request_pb, &rq);
    for (bool has = true; has;) {
        struct lg_stream_batch_get_response rs = {0};
        size_t size = lg_load_u32be(in.data - 4);

        assert_ok(lg_pb_decode(&lg_stream_batch_get_response_pb, lg_slice(in.data, size), arena,
                               &rs, &err));
        if (rs.end != NULL) {
            end = *rs.end;
            end.message = LG_SLICE_NULL;
        }
        has = in.size > size + LG_GRPC_PREFIX_BYTES;
        if (has)
            in = lg_slice_skip(in, size + LG_GRPC_PREFIX_BYTES);
    }
    q->admitted += end.status == LG_GRPC_OK ? keys : 0;
    return end;
}

/* --- What holds ------------------------------------------------------------------------------ */

static double allowed(const struct world *q)
{
    return CAPACITY + (double)QUOTA * (double)(lg_sim_now_us(q->w->sim) - q->full_us) / 1e6;
}

/* Asks by all ways in turn until each is refused. */
static void exhaust(struct world *q)
{
    unsigned refused = 0;

    for (unsigned i = 0; refused < 10; i++) {
        uint32_t before = q->admitted;

        assert_true(i < 10 * CAPACITY);
        switch (i % 5) {
        case 0:
            (void)rest(q, NULL);
            break;
        case 1:
            (void)grpc(q, /* is_retry= */ false);
            break;
        case 2:
            (void)rest_many(q, 7);
            break;
        case 3:
            (void)grpc_many(q, 5);
            break;
        default:
            (void)stream(q, 3, /* is_retry= */ false);
            break;
        }
        refused = q->admitted == before ? refused + 1 : 0;
        assert_true(q->admitted <= allowed(q) + 1);
    }
}

static void all_protocols_share_one_quota_exactly(void **state)
{
    struct world *q = *state;

    exhaust(q);
    /* A request for seven may be refused where six are left. */
    assert_true(q->admitted + 10 > allowed(q));
    lg_clw_run_ms(q->w, 5000);
    exhaust(q);
    assert_true(q->admitted + 10 > allowed(q));
}

/* Its last answer is a refusal; soon after there is quota for another one. */
static void empty_it(struct world *q)
{
    int status = 200;

    exhaust(q);
    while (status == 200)
        status = rest(q, NULL);
    assert_int_equal(status, 429);
}

static void a_refusal_says_when_to_come_back(void **state)
{
    struct world *q = *state;
    struct lg_venice_server_response rs;
    struct lg_stream_end end;

    assert_int_equal(rest_many(q, CAPACITY + 1), 429); /* Never. */
    assert_string_equal(lg_clw_header(q->w, "Retry-After"), "");
    empty_it(q);
    assert_int_equal(lg_clw_body(q->w).size, 0); /* As Venice's servers say it. */
    assert_string_equal(lg_clw_header(q->w, "Retry-After"), "1");
    lg_clw_run_ms(q->w, 60); /* Until then it is told that time. */
    assert_int_equal(rest_many(q, 90), 429);
    assert_string_equal(lg_clw_header(q->w, "Retry-After"), "5");
    rs = grpc_many(q, 90);
    assert_int_equal(rs.error_code, 429);
    assert_int_equal(rs.error_message.size, 0);
    end = stream(q, 90, /* is_retry= */ false);
    assert_int_equal(end.status, LG_GRPC_RESOURCE_EXHAUSTED);
    assert_in_range(end.retry_after_ms, 4000, 4600);
}

static void retries_pass_the_quota_of_the_store(void **state)
{
    struct world *q = *state;

    empty_it(q);
    assert_int_equal(rest(q, "X-VENICE-RETRY: 1"), 200);
    assert_int_equal(grpc(q, /* is_retry= */ true).error_code, 200);
    assert_int_equal(stream(q, 50, /* is_retry= */ true).status, LG_GRPC_OK);
    while (rest(q, NULL) == 200) /* What came meanwhile. */
        ;
    assert_int_equal(rest(q, "X-VENICE-RETRY: true"), 200);
    assert_int_equal(rest(q, "X-VENICE-RETRIES: 1"), 429);
}

static void what_reads_no_keys_costs_nothing(void **state)
{
    struct world *q = *state;

    empty_it(q);
    assert_int_equal(rest_many(q, 0), 200);
    assert_int_equal(lg_clw_get(q->w, &q->w->servers[0], "/health"), 200);
    assert_int_equal(lg_clw_get(q->w, &q->w->servers[0], "/current_version/cities"), 200);
}

static void a_change_of_the_store_holds_at_once(void **state)
{
    struct world *q = *state;

    empty_it(q);
    set_store(q->w, "storageNodeReadQuotaEnabled", FALSE);
    lg_clw_run_ms(q->w, 100);
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(rest(q, NULL), 200);
    set_store(q->w, "storageNodeReadQuotaEnabled", TRUE);
    set_store(q->w, "readQuotaInCU", 0);
    lg_clw_run_ms(q->w, 100);
    assert_int_equal(rest(q, NULL), 429); /* Nothing passes. */
    assert_string_equal(lg_clw_header(q->w, "Retry-After"), "");
}

static uint64_t of_cities(const struct lg_metric *m)
{
    return lg_metric_value(m, lg_metric_of_store(m, lg_metric_store("cities"), 0));
}

static void reads_are_counted_for_their_store_whatever_becomes_of_its_quota(void **state)
{
    static const struct {
        int64_t quota;
        uint64_t told;
    } rows[] = {{QUOTA, QUOTA},
                {-1, LG_BUCKET_RATE_MAX},
                {QUOTA, QUOTA},
                {INT64_MAX, LG_BUCKET_RATE_MAX},
                {-1, LG_BUCKET_RATE_MAX}};
    struct world *q = *state;
    uint64_t before = of_cities(&lg_metric_server_rcu_total);

    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        set_store(q->w, "readQuotaInCU", rows[i].quota);
        lg_clw_run_ms(q->w, 1000);
        assert_true(of_cities(&lg_metric_server_read_quota) == rows[i].told);
        assert_int_equal(rest(q, NULL), 200);
        assert_int_equal(of_cities(&lg_metric_server_rcu_total) - before, i + 1);
    }
}

static void the_nodes_capacity_is_of_all_stores_and_retries(void **state)
{
    struct world *q = *state;
    struct lg_venice_server_response rs;

    while (rest(q, "X-VENICE-RETRY: 1") == 200)
        assert_true(q->admitted <= allowed(q) + 1);
    assert_true(q->admitted + 2 > allowed(q));
    assert_int_equal(q->w->call.status, 503);
    lg_clw_expect_text(q->w, "Server over capacity");
    assert_string_equal(lg_clw_header(q->w, "Retry-After"), "1");
    assert_int_equal(rest_many(q, 50), 503);
    rs = grpc_many(q, 50);
    assert_int_equal(rs.error_code, 503);
    assert_int_equal(stream(q, 50, /* is_retry= */ true).status, LG_GRPC_UNAVAILABLE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)
    const struct CMUnitTest tests[] = {
        TEST(all_protocols_share_one_quota_exactly),
        TEST(a_refusal_says_when_to_come_back),
        TEST(retries_pass_the_quota_of_the_store),
        TEST(what_reads_no_keys_costs_nothing),
        TEST(a_change_of_the_store_holds_at_once),
        TEST(reads_are_counted_for_their_store_whatever_becomes_of_its_quota),
        cmocka_unit_test_setup_teardown(the_nodes_capacity_is_of_all_stores_and_retries, up_node,
                                        down),
    };
    static const struct lg_metric_table *const tables[] = {&lg_server_metrics};
    int failed;

    lg_metrics_register(tables, LG_ARRAY_SIZE(tables), 10);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    lg_metrics_reset();
    return failed;
}
