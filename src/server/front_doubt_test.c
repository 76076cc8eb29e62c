/* What is held, and read, of calls of which it is not known yet whether they may read, and of those
 * that wait for what the server's lane knows: a real server in the simulator that asks a driver
 * which answers when the test says so. */
#include "server/front_grpc.h"

#include "base/health.h"
#include "server/metrics.h"
#include "test/lib/grpc_rig.h"
#include "test/lib/held_authz.h"
#include "test/test.h"

#define SERVICE GRPC_RIG_SERVICE
#define TOPIC GRPC_RIG_TOPIC
#define KEY LG_LIT("\x08key1")

/* --- The world -------------------------------------------------------------------------------- */

static struct grpc_rig w;

static void up_with(bool one_lane)
{
    static const struct lg_clw_row rows[] = {{LG_LIT("\x08key1"), LG_LIT("\x54"), 1}};

    grpc_rig_init(&w, 41);
    w.clw->authz = &held_authz;
    w.clw->one_lane = one_lane;
    grpc_rig_serve(&w, rows, LG_ARRAY_SIZE(rows));
    grpc_rig_open(&w, LG_CLW_SERVER_PORT, /* by_hand= */ false);
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
    grpc_rig_done(&w);
    return 0;
}

static size_t send_to(const char *path)
{
    size_t i = grpc_rig_send(&w, path);

    lg_clw_run_ms(w.clw, 100);
    assert_true(held_authz_is_asked());
    return i;
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
        grpc_rig_append(&w, &lg_venice_count_by_value_request_pb, &count);
        return SERVICE "countByValue";
    }
    if (kind == BATCH) {
        get.is_batch_request = true;
        get.key_bytes = LG_LIT("\0\x0a\x08key1\0"); /* index, bytes, partition */
    }
    grpc_rig_append(&w, &lg_venice_client_request_pb, &get);
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
        before = grpc_rig_rcu();
        i = ask(kind);
        h2_client_reset(&w.client, i);
        lg_clw_run_ms(w.clw, 100);
        held_authz_say(true);
        lg_clw_run_ms(w.clw, 100);
        assert_int_equal(grpc_rig_rcu(), before);
        (void)down(NULL);

        (void)up(NULL);
        i = ask(kind);
        held_authz_say(true);
        lg_clw_run_ms(w.clw, 100);
        assert_int_equal(grpc_rig_rcu(), before + 1);
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
        before = grpc_rig_rcu();
        lg_lane_post(held_authz_lane(), &busy);
        lg_clw_run_ms(w.clw, 1);
        i = grpc_rig_send(&w, write_call(COUNT));
        lg_clw_run_ms(w.clw, 100);
        assert_false(held_authz_is_asked() || w.client.asked[i].closed);
        if (leaves)
            h2_client_reset(&w.client, i);
        lg_clw_run_ms(w.clw, 1000);
        assert_int_equal(grpc_rig_rcu() - before, leaves ? 0 : 1);
        (void)down(NULL);
    }
}

/* --- REST ------------------------------------------------------------------------------------- */

static size_t send_rest(const char *method, const char *path, struct lg_slice body)
{
    size_t i;

    w.client.also[0] = "x-venice-api-version";
    w.client.also[1] = "1";
    i = h2_client_ask(&w.client, method, path, body, NULL, NULL);
    lg_clw_run_ms(w.clw, 100);
    return i;
}

static size_t ask_rest(const char *method, const char *path, struct lg_slice body)
{
    size_t i = send_rest(method, path, body);

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
        before = grpc_rig_rcu();
        i = ask_rest(rests[k / 2].method, rests[k / 2].path, rests[k / 2].body);
        if (leaves)
            h2_client_reset(&w.client, i);
        lg_clw_run_ms(w.clw, 100);
        held_authz_say(true);
        lg_clw_run_ms(w.clw, 100);
        assert_int_equal(grpc_rig_rcu() - before, leaves ? 0 : 1);
        assert_int_equal(w.client.asked[i].status, leaves ? 0 : 200);
        (void)down(NULL);
    }
}

/* Whoever asks: it says only that something is wrong. */
static void a_probe_waits_for_nobody(void **state)
{
    size_t i;

    (void)state;
    up_with(/* one_lane= */ true);
    lg_health_set("disk", false, "of cities");
    i = send_rest("GET", "/readyz", LG_SLICE_NULL);
    assert_int_equal(w.client.asked[i].status, 503);
    assert_slice_equal(lg_buf_slice(&w.client.asked[i].body),
                       LG_LIT("[-]disk failed: reason withheld\nreadyz check failed\n"));
    assert_false(held_authz_is_asked());
    lg_health_reset();
    (void)down(NULL);
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

/* --- What is told ----------------------------------------------------------------------------- */

static void expect_unknown(const struct h2_asked *a, enum kind kind)
{
    struct lg_venice_count_by_value_response counted = {0};
    struct lg_venice_server_response read = {0};

    grpc_rig_expect_status(a, LG_GRPC_OK);
    if (kind == COUNT) {
        grpc_rig_decode(&w, a, 0, &lg_venice_count_by_value_response_pb, &counted);
        read.error_code = counted.error_code;
        read.error_message = counted.error_message;
    } else {
        grpc_rig_decode(&w, a, 0, &lg_venice_server_response_pb, &read);
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
        grpc_rig_expect_status(&w.client.asked[i], LG_GRPC_UNAUTHENTICATED);
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
        grpc_rig_append_batch(&w, b + 1, &large, 1, /* timeout_ms= */ 0);
    i = send_to(GRPC_RIG_STREAM);
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
        grpc_rig_append_batch(&w, b + 1, &large, 1, /* timeout_ms= */ 100);
    i = send_to(GRPC_RIG_STREAM);
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
        cmocka_unit_test(a_probe_waits_for_nobody),
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
