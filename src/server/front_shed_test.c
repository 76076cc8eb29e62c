/* What a server says that is asked for more than it can do: a real server in the simulator whose
 * lanes find no rest, or whose disk has much to do, when the test says so, asked by REST, gRPC and
 * a stream. */
#include "fetch/shed.h"
#include "net/metrics.h"
#include "server/metrics.h"
#include "server/read_group.h"
#include "test/lib/grpc_rig.h"
#include "test/lib/held_authz.h"
#include "test/lib/slow_engine.h"
#include "test/test.h"

#define SERVICE GRPC_RIG_SERVICE
#define TOPIC GRPC_RIG_TOPIC
#define KEY LG_LIT("\x08key1")
#define WARM LG_LIT("\x08key2")
#define BATCH_KEYS LG_LIT("\0\x0a\x08key1\0") /* index, bytes, partition */
#define TARGET_US 5000u
#define REASON_OVERLOAD 2u /* of server_refused_total */
/* From one question to the next: half of it is over the target, and within what a burst may
 * wait. */
#define BETWEEN_MS 40u
#define LATE_MS (2 * LG_SHED_BURST_US / 1000 + BETWEEN_MS)

static struct grpc_rig w;
static bool is_late; /* What is asked now has waited, or will wait, for long. */

static void up_with(const struct lg_authz_config *authz, uint64_t read_index_bytes)
{
    static const struct lg_clw_row rows[] = {{LG_LIT("\x08key1"), LG_LIT("\x54"), 1},
                                             {WARM, LG_LIT("\x54"), 1}};

    grpc_rig_init(&w, 51);
    w.clw->authz = authz;
    w.clw->shed_target_us = TARGET_US;
    w.clw->read_index_bytes = read_index_bytes;
    grpc_rig_serve(&w, rows, LG_ARRAY_SIZE(rows));
    grpc_rig_open(&w, LG_CLW_SERVER_PORT, /* by_hand= */ false);
}

static int up(void **state)
{
    (void)state;
    up_with(/* authz= */ NULL, /* read_index_bytes= */ 0);
    return 0;
}

static int down(void **state)
{
    (void)state;
    grpc_rig_done(&w);
    return 0;
}

/* --- Questions -------------------------------------------------------------------------------- */

static uint64_t patience_ms(void)
{
    return BETWEEN_MS + (is_late ? LATE_MS : 0);
}

/* The first message of an answer to this one. */
static void call(const char *path, const struct lg_pb_message *asks, const void *rq,
                 const struct lg_pb_message *answers, void *out)
{
    const struct h2_asked *a = grpc_rig_call(&w, path, asks, rq, patience_ms());

    grpc_rig_expect_status(a, LG_GRPC_OK);
    grpc_rig_decode(&w, a, 0, answers, out);
}

/* Each asks for one key, and returns what became of it: a status of HTTP as the answer says it. */
static int rest_get(void)
{
    int status = lg_clw_get(w.clw, &w.clw->servers[0], "/storage/" TOPIC "/0/CGtleTE=?f=b64");

    lg_clw_run_ms(w.clw, BETWEEN_MS);
    return status;
}

static int rest_batch(void)
{
    int status = lg_clw_ask(w.clw, &w.clw->servers[0], LG_HTTP_POST, "/storage/" TOPIC,
                            "X-VENICE-API-VERSION: 1", BATCH_KEYS);

    lg_clw_run_ms(w.clw, BETWEEN_MS);
    return status;
}

static void expect_words(struct lg_slice text)
{
    assert_slice_equal(text, LG_LIT("Server overloaded"));
}

static int unary(const char *path, struct lg_venice_client_request rq)
{
    struct lg_venice_server_response rs = {0};

    rq.resource_name = LG_LIT(TOPIC);
    call(path, &lg_venice_client_request_pb, &rq, &lg_venice_server_response_pb, &rs);
    if (rs.error_code == 529)
        expect_words(rs.error_message);
    return (int)rs.error_code;
}

static int grpc_get(void)
{
    return unary(SERVICE "get", (struct lg_venice_client_request){.key_string = KEY});
}

static int grpc_batch(void)
{
    return unary(SERVICE "batchGet", (struct lg_venice_client_request){.key_bytes = BATCH_KEYS,
                                                                       .is_batch_request = true});
}

/* Of a key that is not there: the store's values have no fields. */
static int grpc_count(void)
{
    struct lg_venice_count_by_value_request rq = {.resource_name = LG_LIT(TOPIC), .top_k = 1};
    struct lg_venice_count_by_value_response rs = {0};
    struct lg_slice key = LG_LIT("\x08none"), field = LG_LIT("name");

    rq.keys.data = &key;
    rq.field_names.data = &field;
    rq.keys.size = rq.field_names.size = 1;
    call(SERVICE "countByValue", &lg_venice_count_by_value_request_pb, &rq,
         &lg_venice_count_by_value_response_pb, &rs);
    if (rs.error_code == 529)
        expect_words(rs.error_message);
    return (int)rs.error_code;
}

static int stream(void)
{
    struct lg_stream_batch_get_response rs = {0};
    struct lg_stream_key key = {.id = 1, .key = KEY};
    const struct h2_asked *a;

    lg_buf_clear(&w.body);
    grpc_rig_append_batch(&w, 1, &key, 1, /* timeout_ms= */ 0);
    a = &w.client.asked[grpc_rig_send(&w, GRPC_RIG_STREAM)];
    lg_clw_run_ms(w.clw, patience_ms());
    grpc_rig_expect_status(a, LG_GRPC_OK);
    grpc_rig_decode(&w, a, 0, &lg_stream_batch_get_response_pb, &rs);
    assert_non_null(rs.end);
    if (rs.end->status == LG_GRPC_OK) {
        assert_int_equal(rs.values.size, 1);
        return 200;
    }
    assert_int_equal(rs.end->status, LG_GRPC_UNAVAILABLE);
    expect_words(rs.end->message);
    assert_int_equal(rs.end->retry_after_ms, LG_READ_GATE_OVERLOAD_MS);
    assert_int_equal(rs.end->rcu, 0);
    assert_int_equal(rs.values.size, 0);
    return 529;
}

/* --- Answers ---------------------------------------------------------------------------------- */

static uint64_t of_store(const struct lg_metric *m, uint32_t label)
{
    return lg_metric_value(m, lg_metric_of_store(m, lg_metric_store("cities"), label));
}

/* On a lane without rest, what comes has waited for half of the time since its last tick. */
static int ask_late(int (*question)(void))
{
    int status;

    lg_clw_run_ms(w.clw, LATE_MS);
    is_late = true;
    status = question();
    is_late = false;
    return status;
}

static void expect_refused_under_load(int (*question)(void))
{
    enum { QUESTIONS = 8, LATE = 12 };
    uint64_t refused_before = of_store(&lg_metric_server_refused_total, REASON_OVERLOAD),
             rcu_before = of_store(&lg_metric_server_rcu_total, 0);

    for (unsigned i = 0; i < QUESTIONS; i++) {
        assert_int_equal(question(), 200);
        if (i == QUESTIONS / 2)
            lg_clw_busy(w.clw, true); /* A burst is served. */
    }
    for (unsigned i = 0; i < LATE; i++)
        assert_int_equal(ask_late(question), 529);
    assert_int_equal(of_store(&lg_metric_server_refused_total, REASON_OVERLOAD) - refused_before,
                     LATE);
    assert_int_equal(of_store(&lg_metric_server_rcu_total, 0) - rcu_before, QUESTIONS);
    assert_int_equal(ask_late(question), 529);
}

static void rest_says_529_and_when_to_come_back(void **state)
{
    (void)state;
    expect_refused_under_load(rest_get);
    assert_string_equal(lg_clw_header(w.clw, "Retry-After"), "1");
    assert_string_equal(lg_clw_header(w.clw, "X-VENICE-RCU"), "1");
    lg_clw_expect_text(w.clw, "Server overloaded");
    assert_int_equal(ask_late(rest_batch), 529);
    assert_string_equal(lg_clw_header(w.clw, "Retry-After"), "1");
    lg_clw_expect_text(w.clw, "Server overloaded");
    assert_int_equal(lg_clw_get(w.clw, &w.clw->servers[0], "/health"), 200);
}

static void a_batch_of_rest_is_529(void **state)
{
    (void)state;
    expect_refused_under_load(rest_batch);
    assert_string_equal(lg_clw_header(w.clw, "Retry-After"), "1");
}

static void a_get_of_grpc_is_error_code_529_under_the_status_ok(void **state)
{
    (void)state;
    expect_refused_under_load(grpc_get);
}

static void a_batch_get_of_grpc_is_error_code_529_under_the_status_ok(void **state)
{
    (void)state;
    expect_refused_under_load(grpc_batch);
}

static uint64_t home_busy_ms;

static void is_busy(struct lg_task *task)
{
    (void)task;
    lg_sim_spend_us(w.clw->sim, home_busy_ms * LG_MS);
}

/* Whether there is time for it is asked when the server's lane has said what it counts by. */
static int count_while_home_is_busy(void)
{
    struct lg_task busy = {.run = is_busy};

    home_busy_ms = is_late ? LATE_MS : BETWEEN_MS / 2;
    lg_lane_post(held_authz_lane(), &busy);
    return grpc_count();
}

static void a_count_of_grpc_is_error_code_529_under_the_status_ok(void **state)
{
    (void)state;
    up_with(&held_authz, /* read_index_bytes= */ 0);
    w.client.also[0] = NULL;
    (void)h2_client_ask(&w.client, "GET", "/current_version/cities", LG_SLICE_NULL, NULL, NULL);
    w.client.also[0] = "content-type";
    lg_clw_run_ms(w.clw, 100);
    held_authz_say(true);
    expect_refused_under_load(count_while_home_is_busy);
    (void)down(NULL);
}

static void a_batch_of_a_stream_is_unavailable_for_a_while(void **state)
{
    (void)state;
    expect_refused_under_load(stream);
}

static void with_the_first_rest_all_is_served_again(void **state)
{
    (void)state;
    expect_refused_under_load(rest_get);
    lg_clw_busy(w.clw, false);
    assert_int_equal(rest_get(), 200);
    assert_int_equal(grpc_get(), 200);
    assert_int_equal(stream(), 200);
}

/* --- A disk with much to do ------------------------------------------------------------------- */

#define GET_MS 20u /* of the disk */
/* For a thread of the pool: longer than who takes that long may wait. */
#define WAIT_MS ((LG_COLD_PATIENCE + 1) * GET_MS)
#define BEFORE (LG_COLD_PATIENCE + 1)

static int up_on_disk(void **state)
{
    (void)state;
    up_with(/* authz= */ NULL, /* read_index_bytes= */ 1); /* None has room. */
    lg_slow_get(w.clw->sim, w.clw->servers[0].engines, GET_MS * LG_MS, WARM);
    return 0;
}

static int down_from_disk(void **state)
{
    lg_sim_pool_wait_us(w.clw->sim, 0);
    return down(state);
}

static void send_get(size_t *sent)
{
    struct lg_venice_client_request rq = {.resource_name = LG_LIT(TOPIC), .key_string = KEY};

    lg_buf_clear(&w.body);
    grpc_rig_append(&w, &lg_venice_client_request_pb, &rq);
    *sent = grpc_rig_send(&w, SERVICE "get");
    lg_clw_run_ms(w.clw, 1);
}

static void expect_code(size_t sent, uint32_t code)
{
    struct lg_venice_server_response rs = {0};

    grpc_rig_decode(&w, &w.client.asked[sent], 0, &lg_venice_server_response_pb, &rs);
    assert_int_equal(rs.error_code, code);
}

/* They would keep one thread for so long that who comes then is late. */
static void send_those_before(size_t sent[BEFORE])
{
    for (unsigned i = 0; i < BEFORE; i++)
        send_get(&sent[i]);
}

static int ask_behind(int (*question)(void))
{
    size_t before[BEFORE];
    int status;

    send_those_before(before);
    is_late = true;
    status = question();
    is_late = false;
    lg_clw_run_ms(w.clw, LATE_MS);
    for (unsigned i = 0; i < BEFORE; i++)
        expect_code(before[i], 200);
    return status;
}

static void expect_refused_for_its_wait(int (*question)(void))
{
    enum { TIMES = 2, READS = BEFORE + 1 };
    uint64_t refused = of_store(&lg_metric_server_refused_total, REASON_OVERLOAD),
             reads = of_store(&lg_metric_server_store_reads_total, LG_READ_DISK),
             waits = lg_metric_value(&lg_metric_server_disk_queue_seconds, 0);

    for (unsigned i = 0; i < TIMES; i++) /* There are threads enough. */
        assert_int_equal(ask_behind(question), 200);
    assert_int_equal(of_store(&lg_metric_server_refused_total, REASON_OVERLOAD), refused);
    lg_sim_pool_wait_us(w.clw->sim, WAIT_MS * LG_MS);
    for (unsigned i = 0; i < TIMES; i++)
        assert_int_equal(ask_behind(question), 529);
    assert_int_equal(of_store(&lg_metric_server_refused_total, REASON_OVERLOAD) - refused, TIMES);
    assert_int_equal(of_store(&lg_metric_server_store_reads_total, LG_READ_DISK) - reads,
                     TIMES * (READS + READS - 1));
    assert_int_equal(lg_metric_value(&lg_metric_server_disk_queue_seconds, 0) - waits,
                     2 * TIMES * READS);
    lg_sim_pool_wait_us(w.clw->sim, 0);
    assert_int_equal(ask_behind(question), 200);
}

static void a_get_of_rest_is_529_when_it_waited_for_the_disk(void **state)
{
    (void)state;
    expect_refused_for_its_wait(rest_get);
    lg_sim_pool_wait_us(w.clw->sim, WAIT_MS * LG_MS);
    assert_int_equal(ask_behind(rest_get), 529);
    assert_string_equal(lg_clw_header(w.clw, "Retry-After"), "1");
    lg_clw_expect_text(w.clw, "Server overloaded");
}

static void a_batch_of_rest_is_529_when_it_waited_for_the_disk(void **state)
{
    (void)state;
    expect_refused_for_its_wait(rest_batch);
    lg_sim_pool_wait_us(w.clw->sim, WAIT_MS * LG_MS);
    assert_int_equal(ask_behind(rest_batch), 529);
    assert_string_equal(lg_clw_header(w.clw, "Retry-After"), "1");
    lg_clw_expect_text(w.clw, "Server overloaded");
}

static void a_get_of_grpc_is_529_when_it_waited_for_the_disk(void **state)
{
    (void)state;
    expect_refused_for_its_wait(grpc_get);
}

static void a_batch_get_of_grpc_is_529_when_it_waited_for_the_disk(void **state)
{
    (void)state;
    expect_refused_for_its_wait(grpc_batch);
}

static void a_count_of_grpc_is_529_when_it_waited_for_the_disk(void **state)
{
    (void)state;
    expect_refused_for_its_wait(grpc_count);
}

static void a_batch_of_a_stream_is_unavailable_when_it_waited_for_the_disk(void **state)
{
    (void)state;
    expect_refused_for_its_wait(stream);
}

/* Somebody who waited has just been refused, and others who came meanwhile wait yet. */
static void shut_the_door(void)
{
    size_t first[BEFORE], second[BEFORE], late;

    assert_int_equal(grpc_get(), 200); /* What a key takes. */
    lg_sim_pool_wait_us(w.clw->sim, WAIT_MS * LG_MS);
    send_those_before(first);
    send_get(&late);
    lg_clw_run_ms(w.clw, WAIT_MS / 2);
    send_those_before(second);
    lg_clw_run_ms(w.clw, WAIT_MS / 2);
    expect_code(late, 529);
}

static void expect_refused_at_once(int (*question)(void))
{
    uint64_t refused = of_store(&lg_metric_server_refused_total, REASON_OVERLOAD),
             reads = of_store(&lg_metric_server_store_reads_total, LG_READ_DISK),
             waits = lg_metric_value(&lg_metric_server_disk_queue_seconds, 0);

    shut_the_door();
    assert_int_equal(question(), 529);
    lg_clw_run_ms(w.clw, LATE_MS);
    /* One to know what a key takes, those before, and not those behind the one who was late: */
    assert_int_equal(of_store(&lg_metric_server_store_reads_total, LG_READ_DISK) - reads,
                     1 + BEFORE);
    assert_int_equal(of_store(&lg_metric_server_refused_total, REASON_OVERLOAD) - refused,
                     1 + BEFORE + 1);
    /* ... all have waited but for who was refused at once. */
    assert_int_equal(lg_metric_value(&lg_metric_server_disk_queue_seconds, 0) - waits,
                     1 + BEFORE + 1 + BEFORE);
    lg_sim_pool_wait_us(w.clw->sim, 0);
    assert_int_equal(question(), 200);
}

static void a_get_of_rest_is_529_at_once_while_others_are_late(void **state)
{
    (void)state;
    expect_refused_at_once(rest_get);
}

static void a_batch_of_rest_is_529_at_once_while_others_are_late(void **state)
{
    (void)state;
    expect_refused_at_once(rest_batch);
}

static void a_get_of_grpc_is_529_at_once_while_others_are_late(void **state)
{
    (void)state;
    expect_refused_at_once(grpc_get);
}

static void a_batch_get_of_grpc_is_529_at_once_while_others_are_late(void **state)
{
    (void)state;
    expect_refused_at_once(grpc_batch);
}

static void a_count_of_grpc_is_529_at_once_while_others_are_late(void **state)
{
    (void)state;
    expect_refused_at_once(grpc_count);
}

static void a_batch_of_a_stream_is_unavailable_at_once_while_others_are_late(void **state)
{
    (void)state;
    expect_refused_at_once(stream);
}

/* Of a third batch, while two others of the stream are in the pool. */
static void what_is_in_memory_is_told_though_the_rest_cannot_go_to_the_disk_yet(void **state)
{
    enum { MANY_KEYS = 16 };
    struct lg_stream_batch_get_response rs = {0};
    struct lg_stream_key many[MANY_KEYS], few[2] = {{.id = 1, .key = KEY}, {.id = 2, .key = WARM}};
    const struct h2_asked *a;

    (void)state;
    for (unsigned i = 0; i < MANY_KEYS; i++)
        many[i] = (struct lg_stream_key){.id = i, .key = KEY};
    shut_the_door();
    lg_buf_clear(&w.body);
    grpc_rig_append_batch(&w, 1, many, MANY_KEYS, /* timeout_ms= */ 0);
    grpc_rig_append_batch(&w, 2, many, MANY_KEYS, /* timeout_ms= */ 0);
    grpc_rig_append_batch(&w, 3, few, LG_ARRAY_SIZE(few), /* timeout_ms= */ 0);
    a = &w.client.asked[grpc_rig_send(&w, GRPC_RIG_STREAM)];
    lg_clw_run_ms(w.clw, GET_MS);
    grpc_rig_decode(&w, a, 0, &lg_stream_batch_get_response_pb, &rs);
    assert_int_equal(rs.batch_id, 3);
    assert_int_equal(rs.values.size, 1);
    assert_false(a->closed);
    lg_sim_pool_wait_us(w.clw->sim, 0);
    lg_clw_run_ms(w.clw, (2 * MANY_KEYS + 4 * BEFORE) * GET_MS);
    assert_true(a->closed);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, up, down)
#define ON_DISK(f) cmocka_unit_test_setup_teardown(f, up_on_disk, down_from_disk)
    const struct CMUnitTest tests[] = {
        TEST(rest_says_529_and_when_to_come_back),
        TEST(a_batch_of_rest_is_529),
        TEST(a_get_of_grpc_is_error_code_529_under_the_status_ok),
        TEST(a_batch_get_of_grpc_is_error_code_529_under_the_status_ok),
        cmocka_unit_test(a_count_of_grpc_is_error_code_529_under_the_status_ok),
        TEST(a_batch_of_a_stream_is_unavailable_for_a_while),
        TEST(with_the_first_rest_all_is_served_again),
        ON_DISK(a_get_of_rest_is_529_when_it_waited_for_the_disk),
        ON_DISK(a_batch_of_rest_is_529_when_it_waited_for_the_disk),
        ON_DISK(a_get_of_grpc_is_529_when_it_waited_for_the_disk),
        ON_DISK(a_batch_get_of_grpc_is_529_when_it_waited_for_the_disk),
        ON_DISK(a_count_of_grpc_is_529_when_it_waited_for_the_disk),
        ON_DISK(a_batch_of_a_stream_is_unavailable_when_it_waited_for_the_disk),
        ON_DISK(a_get_of_rest_is_529_at_once_while_others_are_late),
        ON_DISK(a_batch_of_rest_is_529_at_once_while_others_are_late),
        ON_DISK(a_get_of_grpc_is_529_at_once_while_others_are_late),
        ON_DISK(a_batch_get_of_grpc_is_529_at_once_while_others_are_late),
        ON_DISK(a_count_of_grpc_is_529_at_once_while_others_are_late),
        ON_DISK(a_batch_of_a_stream_is_unavailable_at_once_while_others_are_late),
        ON_DISK(what_is_in_memory_is_told_though_the_rest_cannot_go_to_the_disk_yet),
    };
#undef TEST
#undef ON_DISK
    static const struct lg_metric_table *const tables[] = {&lg_server_metrics, &lg_net_metrics};
    int failed;

    lg_metrics_register(tables, LG_ARRAY_SIZE(tables), 10);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    lg_metrics_reset();
    return failed;
}
