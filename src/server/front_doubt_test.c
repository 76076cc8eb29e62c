/* What is held, and read, of calls of which it is not known yet whether they may read, and of those
 * that wait for what the server's lane knows: a real server in the simulator that asks a driver
 * which answers when the test says so. */
#include "server/front_grpc.h"

#include <stdio.h>

#include "model/partitioner.h"
#include "net/grpc.h"
#include "net/protos.h"
#include "server/metrics.h"
#include "test/lib/cluster_world.h"
#include "test/lib/h2_client.h"
#include "test/lib/held_authz.h"
#include "test/test.h"

#define SERVICE "/com.linkedin.venice.protocols.VeniceReadService/"
#define STREAM "/lagoon.read.v1.ReadService/BatchGet"
#define TOPIC "cities_v1"
#define KEY LG_LIT("\x08key1")

/* --- The world -------------------------------------------------------------------------------- */

static struct {
    struct lg_clw *clw;
    struct h2_client client;
    struct lg_buf body; /* of what was asked */
} w;

static void up_with(bool one_lane)
{
    static const struct lg_clw_row rows[] = {{LG_LIT("\x08key1"), LG_LIT("\x54"), 1}};

    w.clw = lg_clw_new(41, /* with_controller= */ false);
    w.clw->authz = &held_authz;
    w.clw->one_lane = one_lane;
    lg_clw_server_start(w.clw, 0);
    lg_clw_store(w.clw, "cities", 1, 1, 1);
    lg_clw_topic(w.clw, TOPIC, 1);
    lg_clw_rows(w.clw, TOPIC, 1, rows, LG_ARRAY_SIZE(rows), /* whole= */ true);
    lg_clw_meta(w.clw, LG_META_PUT, "/assignment/" TOPIC, "{\"partitions\":[[\"s0_8888\"]]}");
    lg_clw_run_ms(w.clw, 5000);
    h2_client_open_at(&w.client, lg_net_sim_transport(w.clw->net), w.clw->lane, "s0",
                      LG_CLW_SERVER_PORT, 65535, /* by_hand= */ false);
    w.client.also[0] = "content-type";
    w.client.also[1] = "application/grpc";
    lg_clw_run_ms(w.clw, 100);
}

static int up(void **state)
{
    (void)state;
    up_with(/* one_lane= */ false);
    return 0;
}

static int down(void **state)
{
    (void)state;
    if (w.client.conn != NULL)
        lg_conn_close(w.client.conn, /* after_flush= */ false);
    lg_clw_run_ms(w.clw, 100);
    lg_clw_free(w.clw);
    h2_client_done(&w.client);
    lg_buf_done(&w.body);
    memset(&w, 0, sizeof w);
    return 0;
}

static void append(const struct lg_pb_message *m, const void *message)
{
    struct lg_error err;

    assert_ok(lg_grpc_append(&w.body, m, message, &err));
}

static size_t post(const char *path)
{
    return h2_client_ask(&w.client, "POST", path, lg_buf_slice(&w.body), NULL, NULL);
}

static size_t send_to(const char *path)
{
    size_t i = post(path);

    lg_clw_run_ms(w.clw, 100);
    assert_true(held_authz_is_asked());
    return i;
}

static void add_batch(uint64_t id, struct lg_stream_key *key, uint32_t timeout_ms)
{
    struct lg_stream_batch batch = {
        .store = LG_LIT("cities"), .version = 1, .timeout_ms = timeout_ms};

    batch.keys.data = key;
    batch.keys.size = 1;
    append(&lg_stream_batch_get_request_pb,
           &(struct lg_stream_batch_get_request){.batch_id = id,
                                                 .action_case = LG_STREAM_BATCH_GET_REQUEST_GET,
                                                 .action.get = &batch});
}

static uint64_t rcu(void)
{
    return lg_metric_value(
        &lg_metric_server_rcu_total,
        lg_metric_of_store(&lg_metric_server_rcu_total, lg_metric_store("cities"), 0));
}

/* --- Tests ------------------------------------------------------------------------------------ */

enum kind { GET, BATCH, COUNT, KINDS };

/* The body of a call, and where it goes. */
static const char *write_call(enum kind kind)
{
    struct lg_venice_client_request get = {.key_string = LG_LIT("CGtleTE=?f=b64"),
                                           .resource_name = LG_LIT(TOPIC)};
    struct lg_slice key = KEY, field = LG_LIT("name");
    struct lg_venice_count_by_value_request count = {.resource_name = LG_LIT(TOPIC), .top_k = 1};

    lg_buf_clear(&w.body);
    if (kind == COUNT) {
        count.keys.data = &key;
        count.field_names.data = &field;
        count.keys.size = count.field_names.size = 1;
        append(&lg_venice_count_by_value_request_pb, &count);
        return SERVICE "countByValue";
    }
    if (kind == BATCH) {
        get.is_batch_request = true;
        get.key_bytes = LG_LIT("\0\x0a\x08key1\0"); /* index, bytes, partition */
    }
    append(&lg_venice_client_request_pb, &get);
    return kind == BATCH ? SERVICE "batchGet" : SERVICE "get";
}

static size_t ask(enum kind kind)
{
    return send_to(write_call(kind));
}

static void what_nobody_waits_for_is_not_read(void **state)
{
    (void)state;
    for (enum kind kind = GET; kind < KINDS; kind++) {
        uint64_t before;
        size_t i;

        (void)up(NULL);
        before = rcu();
        i = ask(kind);
        h2_client_reset(&w.client, i);
        lg_clw_run_ms(w.clw, 100);
        held_authz_say(true);
        lg_clw_run_ms(w.clw, 100);
        assert_int_equal(rcu(), before);
        (void)down(NULL);

        (void)up(NULL);
        i = ask(kind);
        held_authz_say(true);
        lg_clw_run_ms(w.clw, 100);
        assert_int_equal(rcu(), before + 1);
        assert_true(w.client.asked[i].closed && w.client.asked[i].code == 0);
        (void)down(NULL);
    }
}

static void is_busy(struct lg_task *task)
{
    (void)task;
    lg_sim_spend_us(w.clw->sim, 500 * LG_MS);
}

/* Who may read is known; what it counts by, the server's lane says when it has time. */
static void a_count_that_nobody_waits_for_any_more_is_not_read(void **state)
{
    (void)state;
    for (unsigned leaves = 0; leaves < 2; leaves++) {
        struct lg_task busy = {.run = is_busy};
        uint64_t before;
        size_t i;

        (void)up(NULL);
        (void)ask(COUNT);
        held_authz_say(true);
        lg_clw_run_ms(w.clw, 100);
        before = rcu();
        lg_lane_post(held_authz_lane(), &busy);
        lg_clw_run_ms(w.clw, 1);
        i = post(write_call(COUNT));
        lg_clw_run_ms(w.clw, 100);
        assert_false(held_authz_is_asked() || w.client.asked[i].closed);
        if (leaves)
            h2_client_reset(&w.client, i);
        lg_clw_run_ms(w.clw, 1000);
        assert_int_equal(rcu() - before, leaves ? 0 : 1);
        (void)down(NULL);
    }
}

/* --- REST ------------------------------------------------------------------------------------- */

static size_t ask_rest(const char *method, const char *path, struct lg_slice body)
{
    size_t i;

    w.client.also[0] = "x-venice-api-version";
    w.client.also[1] = "1";
    i = h2_client_ask(&w.client, method, path, body, NULL, NULL);
    lg_clw_run_ms(w.clw, 100);
    assert_true(held_authz_is_asked() && !w.client.asked[i].closed);
    return i;
}

static const struct {
    const char *method, *path;
    struct lg_slice body;
} rests[] = {{"GET", "/storage/" TOPIC "/0/CGtleTE=?f=b64", {NULL, 0}},
             {"POST", "/storage/" TOPIC, {(const uint8_t *)"\0\x0a\x08key1\0", 8}}};

/* On the server's lane, which knows of it. */
static void a_request_of_rest_that_nobody_waits_for_is_not_read(void **state)
{
    (void)state;
    for (size_t k = 0; k < 2 * LG_ARRAY_SIZE(rests); k++) {
        bool leaves = k % 2 == 1;
        uint64_t before;
        size_t i;

        up_with(/* one_lane= */ true);
        before = rcu();
        i = ask_rest(rests[k / 2].method, rests[k / 2].path, rests[k / 2].body);
        if (leaves)
            h2_client_reset(&w.client, i);
        lg_clw_run_ms(w.clw, 100);
        held_authz_say(true);
        lg_clw_run_ms(w.clw, 100);
        assert_int_equal(rcu() - before, leaves ? 0 : 1);
        assert_int_equal(w.client.asked[i].status, leaves ? 0 : 200);
        (void)down(NULL);
    }
}

/* The lane that it came on gave up waiting; nobody told the server's. */
static void what_is_allowed_when_the_server_has_ended_is_not_read(void **state)
{
    static const char *const paths[] = {"/storage/" TOPIC "/0/CGtleTE=?f=b64",
                                        "/current_version/cities", "/metadata/cities"};

    (void)state;
    for (size_t k = 0; k < LG_ARRAY_SIZE(paths); k++) {
        size_t i;

        (void)up(NULL);
        i = ask_rest("GET", paths[k], LG_SLICE_NULL);
        held_authz_at_the_end(true);
        lg_clw_server_stop(w.clw, 0);
        assert_false(held_authz_is_asked());
        assert_int_equal(w.client.asked[i].status, 0);
        (void)down(NULL);
    }
}

/* --- What is told ------------------------------------------------------------------------------
 */

static void expect_status(const struct h2_asked *a, enum lg_grpc_status status)
{
    char line[32];

    (void)snprintf(line, sizeof line, "grpc-status: %d\n", (int)status);
    assert_true(a->closed);
    if (memmem(a->head.data, a->head.size, line, strlen(line)) == NULL)
        fail_msg("wanted %s in %.*s", line, (int)a->head.size, (const char *)a->head.data);
}

static void expect_unknown(const struct h2_asked *a, enum kind kind)
{
    struct lg_venice_count_by_value_response counted = {0};
    struct lg_venice_server_response read = {0};
    LG_AUTO(lg_arena) *arena = lg_arena_new(0);
    struct lg_slice message;
    struct lg_error err;

    expect_status(a, LG_GRPC_OK);
    assert_true(lg_grpc_single(lg_buf_slice(&a->body), LG_GRPC_MESSAGE_BYTES_DEFAULT, &message));
    if (kind == COUNT) {
        assert_ok(
            lg_pb_decode(&lg_venice_count_by_value_response_pb, message, arena, &counted, &err));
        read.error_code = counted.error_code;
        read.error_message = counted.error_message;
    } else {
        assert_ok(lg_pb_decode(&lg_venice_server_response_pb, message, arena, &read, &err));
    }
    assert_int_equal(read.error_code, 503);
    assert_slice_equal(read.error_message,
                       LG_LIT("it is not known who may do that: the judge sleeps"));
}

/* It is an error of Venice's service like others; who may not is told so by gRPC itself. */
static void what_is_not_decided_is_error_code_503_under_the_status_ok(void **state)
{
    (void)state;
    for (enum kind kind = GET; kind < KINDS; kind++) {
        size_t i;

        (void)up(NULL);
        i = ask(kind);
        held_authz_cannot_say();
        lg_clw_run_ms(w.clw, 100);
        expect_unknown(&w.client.asked[i], kind);
        (void)down(NULL);

        (void)up(NULL);
        i = ask(kind);
        held_authz_say(false);
        lg_clw_run_ms(w.clw, 100);
        expect_status(&w.client.asked[i], LG_GRPC_UNAUTHENTICATED);
        (void)down(NULL);
    }
}

/* They would be in memory, however long the driver takes. */
static void a_stream_whose_keys_wait_takes_no_more_requests(void **state)
{
    enum { BATCHES = 40 };
    static uint8_t bytes[(size_t)100 << 10];
    struct lg_stream_key large = {.id = 1, .key = lg_slice(bytes, sizeof bytes)};
    const struct h2_asked *a;
    size_t i;

    (void)state;
    lg_net_sim_set_delay_us(w.clw->net, 1000, 1000);
    for (uint64_t b = 0; b < BATCHES; b++)
        add_batch(b + 1, &large, /* timeout_ms= */ 0);
    i = send_to(STREAM);
    a = &w.client.asked[i];
    lg_clw_run_ms(w.clw, 3000);
    assert_in_range(a->sent, (size_t)1 << 20, w.body.size / 2);
    held_authz_say(true);
    lg_clw_run_ms(w.clw, 3000);
    assert_int_equal(a->sent, w.body.size);
    assert_true(a->closed && a->code == 0);
}

/* Its answers have gone out already: nothing but the window goes to the client. */
static void a_stream_whose_keys_are_gone_goes_on_at_once(void **state)
{
    enum { BATCHES = 40 };
    static uint8_t bytes[(size_t)100 << 10];
    struct lg_stream_key large = {.id = 1, .key = lg_slice(bytes, sizeof bytes)};
    size_t i, sent;

    (void)state;
    for (uint64_t b = 0; b < BATCHES; b++)
        add_batch(b + 1, &large, /* timeout_ms= */ 100);
    i = send_to(STREAM);
    lg_clw_run_ms(w.clw, 1300);
    sent = w.client.asked[i].sent;
    assert_true(sent < w.body.size);
    held_authz_say(true);
    lg_clw_run_ms(w.clw, 50);
    assert_true(w.client.asked[i].sent > sent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_nobody_waits_for_is_not_read),
        cmocka_unit_test(a_count_that_nobody_waits_for_any_more_is_not_read),
        cmocka_unit_test(a_request_of_rest_that_nobody_waits_for_is_not_read),
        cmocka_unit_test(what_is_allowed_when_the_server_has_ended_is_not_read),
        cmocka_unit_test(what_is_not_decided_is_error_code_503_under_the_status_ok),
        cmocka_unit_test_setup_teardown(a_stream_whose_keys_wait_takes_no_more_requests, up, down),
        cmocka_unit_test_setup_teardown(a_stream_whose_keys_are_gone_goes_on_at_once, up, down),
    };
    static const struct lg_metric_table *const tables[] = {&lg_server_metrics};
    int failed;

    lg_metrics_register(tables, LG_ARRAY_SIZE(tables), 10);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    lg_metrics_reset();
    return failed;
}
