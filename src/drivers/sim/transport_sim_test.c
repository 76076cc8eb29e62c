/* The transport contract on the simulated network, and what only a simulation can do: kills,
 * partitions, resets, and the same trace for the same seed. */
#include "drivers/sim/transport_sim.h"

#include "net/transport_contract.h"
#include "test/test.h"

#define TOO_LONG_US (600 * LG_SEC)

static bool run_until(void *ctx, bool (*cond)(void *arg), void *arg)
{
    return lg_sim_run_until((struct lg_sim *)ctx, cond, arg, TOO_LONG_US);
}

static void keep_contract(uint64_t seed, size_t piece_bytes_max, uint64_t *out_hash)
{
    struct lg_sim *sim = lg_sim_new(seed);
    struct lg_net_sim *net = lg_net_sim_new(sim);
    struct lg_transport_contract contract = {.transport = lg_net_sim_transport(net),
                                             .lane = lg_sim_lane_new(sim, NULL, "test"),
                                             .host = "world",
                                             .no_address = "no address",
                                             .run_until = run_until,
                                             .ctx = sim};
    struct lg_error err;

    lg_net_sim_set_piece_bytes_max(net, piece_bytes_max);
    assert_ok(lg_transport_contract(&contract, &err));
    lg_sim_run_us(sim, LG_SEC);
    assert_int_equal(lg_net_sim_connections(net), 0);
    *out_hash = lg_sim_trace_hash(sim);
    lg_sim_free(sim);
    lg_net_sim_free(net);
}

static void the_simulated_network_keeps_the_contract(void **state)
{
    uint64_t hash;

    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++)
        keep_contract(seed, LG_NET_SIM_PIECE_BYTES_MAX, &hash);
}

static void one_seed_gives_one_trace(void **state)
{
    uint64_t first, second, other;

    (void)state;
    keep_contract(7, 50000, &first);
    keep_contract(7, 50000, &second);
    keep_contract(8, 50000, &other);
    assert_true(first == second);
    assert_true(first != other);
}

/* --- Two nodes ------------------------------------------------------------------------------- */

struct peer { /* Lives in the test, so that a kill cannot take it. */
    struct lg_lane *lane;
    struct lg_conn *conn;
    unsigned accepted, opened, closed;
    uint64_t received;
    enum lg_rc why;
    char fault[128];
};

struct two {
    struct lg_sim *sim;
    struct lg_net_sim *net;
    struct lg_sim_node *server_node, *client_node;
    struct peer server, client;
    uint16_t port;
    const char *to;
    struct lg_listener *listener;
};

static void opened(void *ctx, struct lg_conn *c)
{
    (void)c;
    ((struct peer *)ctx)->opened++;
}

static void received(void *ctx, struct lg_conn *c, struct lg_slice bytes)
{
    (void)c;
    ((struct peer *)ctx)->received += bytes.size;
}

static void closed(void *ctx, struct lg_conn *c, enum lg_rc why)
{
    struct peer *p = (struct peer *)ctx;

    p->closed++;
    p->why = why;
    memcpy(p->fault, c->fault, sizeof(p->fault));
    p->conn = NULL;
}

static const struct lg_conn_handler handler = {
    .opened = opened, .received = received, .closed = closed};

static void accepted(void *ctx, struct lg_conn *c)
{
    struct two *t = (struct two *)ctx;

    t->server.accepted++;
    t->server.conn = c;
    c->handler = &handler;
    c->ctx = &t->server;
}

static void server_main(void *ctx)
{
    struct two *t = (struct two *)ctx;
    struct lg_error err;

    t->server.lane = lg_sim_lane_new(t->sim, t->server_node, "server-lane");
    assert_ok(lg_transport_listen(lg_net_sim_transport(t->net), t->server.lane, "server-1", 7777,
                                  accepted, t, &t->listener, &err));
    t->port = lg_listener_port(t->listener);
}

static void client_main(void *ctx)
{
    struct two *t = (struct two *)ctx;

    t->client.lane = lg_sim_lane_new(t->sim, t->client_node, "client-lane");
    t->client.conn = lg_conn_open(lg_net_sim_transport(t->net), t->client.lane, t->to, t->port,
                                  &handler, &t->client);
}

static void two_init(struct two *t, uint64_t seed)
{
    *t = (struct two){.sim = lg_sim_new(seed), .to = "server-1"};
    t->net = lg_net_sim_new(t->sim);
    t->server_node = lg_sim_node_new(t->sim, "server-1");
    t->client_node = lg_sim_node_new(t->sim, "client-1");
    lg_sim_node_run(t->server_node, server_main, t);
}

static void two_connect(struct two *t)
{
    lg_sim_node_run(t->client_node, client_main, t);
    lg_sim_run_us(t->sim, LG_SEC);
}

static void two_done(struct two *t)
{
    lg_sim_free(t->sim);
    lg_net_sim_free(t->net);
}

static void client_sends(void *ctx)
{
    struct two *t = (struct two *)ctx;
    struct lg_buf b = {0};

    lg_buf_append_str(&b, "ten bytes!");
    lg_conn_send(t->client.conn, &b);
    lg_buf_done(&b);
}

static void nodes_reach_one_another_by_name(void **state)
{
    struct two t;

    (void)state;
    two_init(&t, 1);
    two_connect(&t);
    assert_int_equal(t.client.opened, 1);
    assert_int_equal(t.server.accepted, 1);
    assert_string_equal(t.client.conn->peer, "server-1:7777");
    lg_sim_node_run(t.client_node, client_sends, &t);
    lg_sim_run_us(t.sim, LG_SEC);
    assert_int_equal(t.server.received, 10);
    two_done(&t);
}

static void loopback_does_not_leave_the_node(void **state)
{
    struct two t;

    (void)state;
    two_init(&t, 2);
    t.to = "127.0.0.1";
    two_connect(&t);
    assert_int_equal(t.client.opened, 0);
    assert_rc(LG_ERR_UNAVAILABLE, t.client.why);
    assert_string_equal(t.client.fault, "connection refused");
    two_done(&t);
}

static void a_killed_node_resets_its_connections_and_leaves_its_port(void **state)
{
    struct two t;

    (void)state;
    two_init(&t, 3);
    two_connect(&t);
    lg_sim_node_kill(t.server_node);
    assert_int_equal(t.client.closed, 0); /* Not before the reset has arrived. */
    lg_sim_run_us(t.sim, LG_SEC);
    assert_int_equal(t.client.closed, 1);
    assert_rc(LG_ERR_UNAVAILABLE, t.client.why);
    assert_int_equal(t.server.closed, 0); /* The dead are told nothing. */
    assert_int_equal(lg_net_sim_connections(t.net), 0);

    two_connect(&t); /* Nobody listens. */
    assert_int_equal(t.client.closed, 2);
    assert_string_equal(t.client.fault, "connection refused");

    lg_sim_node_start(t.server_node);
    lg_sim_node_run(t.server_node, server_main, &t);
    two_connect(&t);
    assert_int_equal(t.client.opened, 2);
    two_done(&t);
}

static void a_node_killed_with_bytes_on_their_way_is_not_touched(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct two t;

        two_init(&t, seed);
        lg_sim_node_run(t.client_node, client_main, &t);
        lg_sim_run_us(t.sim, seed * 40);
        if (t.client.conn != NULL)
            lg_sim_node_run(t.client_node, client_sends, &t);
        lg_sim_run_us(t.sim, seed * 30);
        lg_sim_node_kill(seed % 2 == 0 ? t.server_node : t.client_node);
        lg_sim_run_us(t.sim, LG_SEC);
        assert_int_equal(lg_net_sim_connections(t.net), 0);
        two_done(&t);
    }
}

static void a_partition_holds_everything_back_until_it_heals(void **state)
{
    struct two t;

    (void)state;
    two_init(&t, 4);
    two_connect(&t);
    lg_net_sim_partition(t.net, "client-1", "server-1", true);
    lg_sim_node_run(t.client_node, client_sends, &t);
    lg_sim_run_us(t.sim, 60 * LG_SEC);
    assert_int_equal(t.server.received, 0);
    assert_int_equal(t.client.closed, 0);
    lg_net_sim_partition(t.net, "server-1", "client-1", false);
    lg_sim_run_us(t.sim, LG_SEC);
    assert_int_equal(t.server.received, 10);

    lg_net_sim_partition(t.net, "server-1", "client-1", true);
    two_connect(&t);
    assert_int_equal(t.client.opened, 1);
    lg_net_sim_heal(t.net);
    lg_sim_run_us(t.sim, LG_SEC);
    assert_int_equal(t.client.opened, 2);
    two_done(&t);
}

static void a_way_that_is_cut_on_one_side_carries_what_comes_from_the_other(void **state)
{
    struct two t;

    (void)state;
    two_init(&t, 5);
    two_connect(&t);
    lg_net_sim_cut_way(t.net, "server-1", "client-1", true);
    lg_net_sim_cut_way(t.net, "server-1", "client-1", true);
    lg_sim_node_run(t.client_node, client_sends, &t);
    lg_sim_run_us(t.sim, 10 * LG_SEC);
    assert_int_equal(t.server.received, 10);
    two_connect(&t); /* The server hears of it, the client not of the server. */
    assert_int_equal(t.server.accepted, 2);
    assert_int_equal(t.client.opened, 1);
    lg_net_sim_cut_way(t.net, "client-1", "server-1", false); /* It was not cut. */
    lg_sim_run_us(t.sim, LG_SEC);
    assert_int_equal(t.client.opened, 1);
    lg_net_sim_cut_way(t.net, "server-1", "client-1", false);
    lg_sim_run_us(t.sim, LG_SEC);
    assert_int_equal(t.client.opened, 2);
    two_done(&t);
}

static void a_reset_is_told_to_both_sides(void **state)
{
    struct two t;

    (void)state;
    two_init(&t, 5);
    two_connect(&t);
    lg_net_sim_set_reset_chance(t.net, 1, 1);
    lg_sim_node_run(t.client_node, client_sends, &t);
    lg_sim_run_us(t.sim, LG_SEC);
    assert_int_equal(t.server.received, 0);
    assert_rc(LG_ERR_UNAVAILABLE, t.server.why);
    assert_rc(LG_ERR_UNAVAILABLE, t.client.why);
    assert_string_equal(t.client.fault, "connection reset by peer");
    assert_int_equal(lg_net_sim_connections(t.net), 0);
    two_done(&t);
}

static void the_network_holds_no_memory_of_a_node(void **state)
{
    struct two t;
    size_t before;

    (void)state;
    two_init(&t, 6);
    two_connect(&t);
    before = lg_sim_node_bytes(t.client_node);
    for (int i = 0; i < 100; i++)
        lg_sim_node_run(t.client_node, client_sends, &t);
    lg_sim_run_us(t.sim, LG_SEC);
    assert_int_equal(t.server.received, 1000);
    assert_int_equal(lg_sim_node_bytes(t.client_node), before);
    two_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_simulated_network_keeps_the_contract),
        cmocka_unit_test(one_seed_gives_one_trace),
        cmocka_unit_test(nodes_reach_one_another_by_name),
        cmocka_unit_test(loopback_does_not_leave_the_node),
        cmocka_unit_test(a_killed_node_resets_its_connections_and_leaves_its_port),
        cmocka_unit_test(a_node_killed_with_bytes_on_their_way_is_not_touched),
        cmocka_unit_test(a_partition_holds_everything_back_until_it_heals),
        cmocka_unit_test(a_way_that_is_cut_on_one_side_carries_what_comes_from_the_other),
        cmocka_unit_test(a_reset_is_told_to_both_sides),
        cmocka_unit_test(the_network_holds_no_memory_of_a_node),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
