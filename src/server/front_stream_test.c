/* What a stream of batch gets holds at a time: a real server in the simulator whose values are so
 * large that the pool reads them, and a client of HTTP/2 that cancels, or does not read. */
#include "server/front_stream.h"

#include "base/memory_gate.h"
#include "net/http2.h"
#include "net/metrics.h"
#include "server/metrics.h"
#include "server/server.h"
#include "test/lib/grpc_rig.h"
#include "test/test.h"

#define UNARY GRPC_RIG_SERVICE "batchGet"
#define LARGE 8u /* keys with large values, each in chunks: never in an index */
#define VALUE_BYTES ((size_t)1 << 20)
#define KEY_BYTES 5u
#define READS_OF_THE_POOL 4 /* of server_reads_total: of batches, from the disk */
#define IN_POOL_MAX 2u      /* as front_stream.c has it */

static struct grpc_rig w;
static uint64_t reads_before;
static size_t bytes_before, bytes_peak;

static const char keys[LARGE][KEY_BYTES + 1] = {"\x08key0", "\x08key1", "\x08key2", "\x08key3",
                                                "\x08key4", "\x08key5", "\x08key6", "\x08key7"};

static struct lg_slice key(size_t i)
{
    return lg_slice(keys[i], KEY_BYTES);
}

/* `by_hand`: the client reads nothing but what it is told to. */
static void world_up(bool by_hand)
{
    static uint8_t value[VALUE_BYTES];
    struct lg_clw_row rows[LARGE];

    for (size_t i = 0; i < LARGE; i++)
        rows[i] = (struct lg_clw_row){key(i), lg_slice(value, sizeof value), 1};
    grpc_rig_init(&w, 31);
    w.clw->shape.chunked = true;
    grpc_rig_serve(&w, rows, LARGE);
    lg_net_sim_set_delay_us(w.clw->net, 1, 1);
    grpc_rig_open(&w, LG_CLW_SERVER_PORT, by_hand);
    reads_before = 0;
    bytes_before = bytes_peak = 0;
}

static void add_batch(uint64_t id, struct lg_stream_key *asked, uint32_t n)
{
    grpc_rig_append_batch(&w, id, asked, n, /* timeout_ms= */ 0);
}

static void add_large(uint64_t id, size_t from, uint32_t n)
{
    struct lg_stream_key asked[LARGE] = {0};

    for (uint32_t i = 0; i < n; i++)
        asked[i] = (struct lg_stream_key){.id = i, .key = key(from + i)};
    add_batch(id, asked, n);
}

static uint64_t reads_of_the_pool(void)
{
    return lg_metric_value(&lg_metric_server_reads_total, READS_OF_THE_POOL) - reads_before;
}

static bool pool_is_asked(void *arg)
{
    (void)arg;
    return reads_of_the_pool() > 0;
}

/* Sends what was added; the pool has got the first of it when this returns. */
static size_t ask(void)
{
    size_t i;

    reads_before = lg_metric_value(&lg_metric_server_reads_total, READS_OF_THE_POOL);
    i = grpc_rig_send(&w, GRPC_RIG_STREAM);
    assert_true(lg_sim_run_until(w.clw->sim, pool_is_asked, NULL, 10 * LG_SEC));
    return i;
}

static void few_groups_of_a_stream_are_in_the_pool_at_a_time(void **state)
{
    size_t i;

    (void)state;
    world_up(/* by_hand= */ false);
    for (size_t b = 0; b < LARGE; b++)
        add_large(b + 1, b, 1);
    i = ask();
    assert_int_equal(reads_of_the_pool(), IN_POOL_MAX);
    lg_clw_run_ms(w.clw, 5000);
    assert_int_equal(reads_of_the_pool(), LARGE);
    assert_true(w.client.asked[i].closed);
    assert_true(w.client.asked[i].body.size > LARGE * VALUE_BYTES);
    grpc_rig_done(&w);
}

static bool note_peak(void *arg)
{
    (void)arg;
    bytes_peak = LG_MAX(bytes_peak, lg_sim_node_bytes(w.clw->servers[0].node));
    return false;
}

/* How much more memory the server has from the moment on in which the pool is asked. */
static size_t memory_for_a_batch(bool is_reset)
{
    size_t i, more;

    world_up(/* by_hand= */ true);
    add_large(1, 0, LARGE);
    i = ask();
    bytes_before = lg_sim_node_bytes(w.clw->servers[0].node);
    if (is_reset)
        h2_client_reset(&w.client, i);
    assert_false(lg_sim_run_until(w.clw->sim, note_peak, NULL, LG_SEC));
    more = bytes_peak - LG_MIN(bytes_peak, bytes_before);
    grpc_rig_done(&w);
    return more;
}

static void the_pool_leaves_what_a_stream_that_is_gone_asked_for(void **state)
{
    (void)state;
    assert_true(memory_for_a_batch(/* is_reset= */ false) > VALUE_BYTES);
    assert_true(memory_for_a_batch(/* is_reset= */ true) < VALUE_BYTES / 2);
}

static void a_stream_that_is_full_takes_no_more_requests(void **state)
{
    enum { KEYS = 100, LONG_KEY_BYTES = 1000, BATCHES = 40 };
    static uint8_t bytes[LONG_KEY_BYTES];
    struct lg_stream_key absent[KEYS];
    const struct h2_asked *a;
    size_t i;

    (void)state;
    world_up(/* by_hand= */ true);
    lg_net_sim_set_delay_us(w.clw->net, 5000, 5000); /* It is full before all has come. */
    for (uint32_t k = 0; k < KEYS; k++)
        absent[k] = (struct lg_stream_key){.id = k, .key = lg_slice(bytes, sizeof bytes)};
    add_large(1, 0, LARGE);
    for (uint64_t b = 0; b < BATCHES; b++)
        add_batch(b + 2, absent, KEYS);
    i = ask();
    a = &w.client.asked[i];
    lg_clw_run_ms(w.clw, 5000);
    assert_in_range(a->sent, 1, w.body.size / 2);
    for (unsigned turn = 0; turn < 20; turn++) { /* Reading makes room for the rest. */
        h2_client_take(&w.client, i, VALUE_BYTES);
        lg_clw_run_ms(w.clw, 500);
    }
    assert_int_equal(a->sent, w.body.size);
    assert_true(a->closed);
    grpc_rig_done(&w);
}

static uint64_t refusals(enum lg_grpc_reason reason)
{
    return lg_metric_value(&lg_metric_rpc_refused_total, (uint32_t)reason);
}

/* It pays for nothing, and is counted. */
static void a_batch_that_cannot_be_read_here_is_refused_before_it_is_let_in(void **state)
{
    struct lg_stream_key elsewhere = {
        .id = 1, .key = key(0), .partition = 7, .has_partition = true};
    struct lg_stream_key empty = {.id = 1};
    uint64_t rcu_before, refused_before;

    (void)state;
    world_up(/* by_hand= */ false);
    rcu_before = grpc_rig_rcu();
    refused_before = refusals(LG_GRPC_BAD_REQUEST);
    add_batch(1, &elsewhere, 1);
    add_batch(2, &empty, 1);
    (void)grpc_rig_send(&w, GRPC_RIG_STREAM);
    lg_clw_run_ms(w.clw, 1000);
    assert_int_equal(grpc_rig_rcu(), rcu_before);
    assert_int_equal(refusals(LG_GRPC_BAD_REQUEST), refused_before + 2);
    grpc_rig_done(&w);
}

static void messages_that_do_not_end_are_bounded_over_all_streams(void **state)
{
    /* Of the bodies of one connection so much is kept: 16 of these. */
    enum { STREAMS = 18, KEPT = LG_HTTP_BODY_BYTES_DEFAULT / LG_GRPC_MESSAGE_BYTES_DEFAULT };
    size_t size = LG_GRPC_MESSAGE_BYTES_DEFAULT - 100, i[STREAMS];

    (void)state;
    world_up(/* by_hand= */ false);
    memset(lg_buf_reserve(&w.body, size), 0, size);
    lg_grpc_prefix(w.body.data, /* is_compressed= */ false, LG_GRPC_MESSAGE_BYTES_DEFAULT);
    lg_buf_commit(&w.body, size);
    for (size_t s = 0; s < STREAMS; s++) {
        i[s] = h2_client_begin(&w.client, GRPC_RIG_STREAM, lg_buf_slice(&w.body));
        lg_clw_run_ms(w.clw, 1000);
    }
    for (size_t s = 0; s < STREAMS; s++)
        assert_int_equal(w.client.asked[i[s]].closed, s >= KEPT);
    assert_int_equal(w.client.asked[i[KEPT]].code, LG_H2_ENHANCE_YOUR_CALM);
    grpc_rig_done(&w);
}

static void while_memory_is_short_only_small_batches_are_taken(void **state)
{
    static uint8_t bytes[20000];
    struct lg_stream_key large = {.id = 1, .key = lg_slice(bytes, sizeof bytes)};
    uint64_t refused_before = refusals(LG_GRPC_NO_MEMORY), rcu_before;
    size_t i, unary;

    (void)state;
    world_up(/* by_hand= */ false);
    rcu_before = grpc_rig_rcu();
    lg_memory_gate_set(2, 1);
    add_batch(1, &large, 1);
    add_large(2, 0, 1);
    i = grpc_rig_send(&w, GRPC_RIG_STREAM);
    lg_clw_run_ms(w.clw, 5000);
    assert_int_equal(refusals(LG_GRPC_NO_MEMORY), refused_before + 1);
    assert_int_equal(grpc_rig_rcu(), rcu_before + 1);
    unary = h2_client_ask(&w.client, "POST", UNARY, lg_slice(bytes, sizeof bytes), NULL, NULL);
    lg_clw_run_ms(w.clw, 100);
    lg_memory_gate_set(0, 0);
    assert_int_equal(refusals(LG_GRPC_NO_MEMORY), refused_before + 2);
    assert_true(w.client.asked[unary].closed);
    assert_true(w.client.asked[i].closed && w.client.asked[i].body.size > VALUE_BYTES);
    grpc_rig_done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_groups_of_a_stream_are_in_the_pool_at_a_time),
        cmocka_unit_test(the_pool_leaves_what_a_stream_that_is_gone_asked_for),
        cmocka_unit_test(a_stream_that_is_full_takes_no_more_requests),
        cmocka_unit_test(a_batch_that_cannot_be_read_here_is_refused_before_it_is_let_in),
        cmocka_unit_test(messages_that_do_not_end_are_bounded_over_all_streams),
        cmocka_unit_test(while_memory_is_short_only_small_batches_are_taken),
    };
    static const struct lg_metric_table *const tables[] = {&lg_server_metrics, &lg_net_metrics};
    int failed;

    lg_metrics_register(tables, LG_ARRAY_SIZE(tables), 10);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    lg_metrics_reset();
    return failed;
}
