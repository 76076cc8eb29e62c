/* A connection of HTTP/1.1 that its transport lets go of in the very tick in which an answer made
 * room for requests that wait: over a connection of our own, because a network takes turns. */
#include "drivers/sim/transport_sim.h"
#include "net/http_server.h"
#include "test/test.h"

#define ASKED 6u
#define AT_FIRST 4u /* are handed over before it is known how large answers are */

static struct {
    struct lg_sim *sim;
    struct lg_lane *lane;
    struct lg_transport_ops hooked;
    const struct lg_transport_ops *usual;
    void (*accepted)(void *ctx, struct lg_conn *c); /* as the server listens */
    void *ctx;
    struct lg_conn conn;
    struct lg_http_request *held[ASKED];
    size_t held_count, sends;
    bool done, stopped;
} w;

static enum lg_rc noted_listen(struct lg_transport *t, struct lg_lane *lane, const char *host,
                               uint16_t port, void (*accepted)(void *ctx, struct lg_conn *c),
                               void *ctx, struct lg_listener **out, struct lg_error *err)
{
    w.accepted = accepted;
    w.ctx = ctx;
    return w.usual->listen(t, lane, host, port, accepted, ctx, out, err);
}

static void conn_send(struct lg_conn *c, struct lg_buf *take_bytes)
{
    (void)c;
    w.sends++;
    lg_buf_done(take_bytes);
}

static size_t conn_queued(const struct lg_conn *c)
{
    (void)c;
    return 0;
}

static void conn_pause(struct lg_conn *c, bool paused)
{
    (void)c, (void)paused;
}

static const struct lg_transport_ops conn_ops = {
    .send = conn_send, .queued = conn_queued, .pause = conn_pause};

static void hold(void *ctx, struct lg_http_request *rq)
{
    (void)ctx;
    w.held[w.held_count++] = rq;
}

static void answer(size_t i)
{
    lg_http_respond_text(w.held[i], 200, "%zu", i);
}

static void one_tick(struct lg_task *task)
{
    static struct lg_transport ours = {.ops = &conn_ops};
    LG_SCOPED(lg_buf) requests = {0};

    (void)task;
    for (unsigned i = 0; i < ASKED; i++)
        lg_buf_append_str(&requests, "GET /hold HTTP/1.1\r\nHost: a\r\n\r\n");
    w.conn = (struct lg_conn){.transport = &ours, .lane = w.lane};
    w.accepted(w.ctx, &w.conn);
    w.conn.handler->received(w.conn.ctx, &w.conn, lg_buf_slice(&requests));
    assert_int_equal(w.held_count, AT_FIRST);
    answer(0); /* Makes room, for later in this tick. */
    w.conn.handler->closed(w.conn.ctx, &w.conn, LG_OK);
    w.done = true;
}

static void later_tick(struct lg_task *task)
{
    (void)task;
    assert_int_equal(w.held_count, AT_FIRST); /* The rest is nobody's. */
    assert_int_equal(w.sends, 1);
    for (size_t i = 1; i < AT_FIRST; i++) {
        assert_true(w.held[i]->peer_gone);
        answer(i);
    }
    assert_int_equal(w.sends, 1);
    w.done = true;
}

static bool is_done(void *arg)
{
    (void)arg;
    return w.done;
}

static bool is_stopped(void *arg)
{
    (void)arg;
    return w.stopped;
}

static void stopped(void *ctx)
{
    (void)ctx;
    w.stopped = true;
}

static void run(void (*tick)(struct lg_task *task))
{
    struct lg_task task = {.run = tick};

    w.done = false;
    lg_lane_post(w.lane, &task);
    assert_true(lg_sim_run_until(w.sim, is_done, NULL, LG_SEC));
}

static void a_connection_may_go_in_the_tick_in_which_it_has_room_again(void **state)
{
    struct lg_http_server *server;
    struct lg_transport *net;
    struct lg_net_sim *sim_net;
    struct lg_error err;

    (void)state;
    w.sim = lg_sim_new(1);
    w.lane = lg_sim_lane_new(w.sim, NULL, "lane");
    sim_net = lg_net_sim_new(w.sim);
    net = lg_net_sim_transport(sim_net);
    w.usual = net->ops;
    w.hooked = *net->ops;
    w.hooked.listen = noted_listen;
    net->ops = &w.hooked;
    assert_ok(lg_http_server_start(
        &(struct lg_http_server_options){
            .transport = net, .lane = w.lane, .host = "world", .handler = hold},
        &server, &err));
    run(one_tick);
    run(later_tick);
    lg_http_server_stop(server, 0, stopped, NULL);
    assert_true(lg_sim_run_until(w.sim, is_stopped, NULL, LG_SEC));
    lg_sim_run_us(w.sim, LG_SEC);
    lg_sim_free(w.sim);
    lg_net_sim_free(sim_net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_may_go_in_the_tick_in_which_it_has_room_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
