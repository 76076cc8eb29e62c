/* The server on the simulated network: a raw client that sends bytes as they stand in the test and
 * collects what comes back. Time is virtual, so that idle times cost nothing. */
#include "net/http_server.h"

#include <stdio.h>

#include "drivers/sim/transport_sim.h"
#include "test/test.h"

#define H "Host: a\r\n"
#define IDLE_MS 5000
#define HELD_MAX 200
#define PEERS_MAX 4

struct rig;

struct peer { /* A client that knows no HTTP. */
    struct rig *rig;
    struct lg_conn *conn;
    struct lg_buf received;
    bool closed, opened;
};

struct rig {
    struct lg_sim *sim;
    struct lg_net_sim *net;
    struct lg_lane *lane;
    struct lg_http_server *server;
    struct peer peers[PEERS_MAX];
    struct lg_http_request *held[HELD_MAX]; /* Requests under /hold, in the order they came. */
    size_t held_count, requests, body_bytes;
    size_t big_bytes; /* What /big answers. */
    bool stopped, answering;
    void (*act)(struct rig *r, size_t i);
    size_t act_i;
    struct lg_task task;
    const char *to_send;
    size_t to_send_size;
};

/* --- The rig -------------------------------------------------------------------------------- */

static void answer_big(struct rig *r, struct lg_http_request *rq)
{
    LG_SCOPED(lg_buf) b = {0};
    uint8_t *room = lg_buf_reserve(&b, r->big_bytes);

    memset(room, 'b', r->big_bytes);
    lg_buf_commit(&b, r->big_bytes);
    struct lg_http_response response = {.status = 200, .body = lg_buf_slice(&b)};
    lg_http_respond(rq, &response);
}

/* /hold waits for the test; /big is long; anything else is answered with method, path and body. */
static void handle(void *ctx, struct lg_http_request *rq)
{
    struct rig *r = (struct rig *)ctx;

    assert_false(r->answering && "nobody is asked from inside an answer");
    r->requests++;
    r->body_bytes += rq->body.size;
    if (lg_slice_starts(rq->path, LG_LIT("/hold"))) {
        assert_true(r->held_count < HELD_MAX);
        r->held[r->held_count++] = rq;
    } else if (lg_slice_eq_str(rq->path, "/big")) {
        answer_big(r, rq);
    } else {
        lg_http_respond_text(rq, 200, "%s %.*s %.*s", lg_http_method_name(rq->method),
                             LG_FMT(rq->path), (int)LG_MIN(rq->body.size, (size_t)100),
                             (const char *)rq->body.data);
    }
}

static void acts(struct lg_task *task)
{
    struct rig *r = LG_CONTAINER_OF(task, struct rig, task);

    r->act(r, r->act_i);
    r->act = NULL;
}

static bool has_acted(void *arg)
{
    return ((struct rig *)arg)->act == NULL;
}

/* Runs `act` as code of the lane. */
static void on_lane(struct rig *r, void (*act)(struct rig *r, size_t i), size_t i)
{
    r->act = act;
    r->act_i = i;
    r->task.run = acts;
    lg_lane_post(r->lane, &r->task);
    assert_true(lg_sim_run_until(r->sim, has_acted, r, LG_SEC));
}

static void rig_init_with(struct rig *r, uint64_t seed, size_t connections_max, size_t body_max)
{
    struct lg_error err;

    *r = (struct rig){.sim = lg_sim_new(seed)};
    r->net = lg_net_sim_new(r->sim);
    r->lane = lg_sim_lane_new(r->sim, NULL, "lane");
    lg_net_sim_set_delay_us(r->net, 10, 100);
    struct lg_http_server_options options = {.transport = lg_net_sim_transport(r->net),
                                             .lane = r->lane,
                                             .host = "world",
                                             .body_bytes_max = body_max,
                                             .connections_max = connections_max,
                                             .idle_ms = IDLE_MS,
                                             .handler = handle,
                                             .ctx = r};
    assert_ok(lg_http_server_start(&options, &r->server, &err));
}

static void rig_init(struct rig *r)
{
    rig_init_with(r, 1, 0, 0);
}

static void stopped(void *ctx)
{
    ((struct rig *)ctx)->stopped = true;
}

static void stop_now(struct rig *r, size_t grace_ms)
{
    lg_http_server_stop(r->server, grace_ms, stopped, r);
}

static bool is_stopped(void *arg)
{
    return ((struct rig *)arg)->stopped;
}

static void rig_done(struct rig *r)
{
    if (!r->stopped) {
        on_lane(r, stop_now, 0);
        assert_true(lg_sim_run_until(r->sim, is_stopped, r, 10 * LG_SEC));
    }
    lg_sim_run_us(r->sim, LG_SEC);
    for (size_t i = 0; i < PEERS_MAX; i++)
        lg_buf_done(&r->peers[i].received);
    lg_sim_free(r->sim);
    lg_net_sim_free(r->net);
}

static void peer_opened(void *ctx, struct lg_conn *c)
{
    (void)c;
    ((struct peer *)ctx)->opened = true;
}

static void peer_received(void *ctx, struct lg_conn *c, struct lg_slice bytes)
{
    (void)c;
    lg_buf_append_slice(&((struct peer *)ctx)->received, bytes);
}

static void peer_closed(void *ctx, struct lg_conn *c, enum lg_rc why)
{
    (void)c, (void)why;
    ((struct peer *)ctx)->closed = true;
    ((struct peer *)ctx)->conn = NULL;
}

static const struct lg_conn_handler peer_handler = {
    .opened = peer_opened, .received = peer_received, .closed = peer_closed};

static void connect_peer(struct rig *r, size_t i)
{
    r->peers[i] = (struct peer){.rig = r};
    r->peers[i].conn = lg_conn_open(lg_net_sim_transport(r->net), r->lane, "world",
                                    lg_http_server_port(r->server), &peer_handler, &r->peers[i]);
}

static void send_bytes(struct rig *r, size_t i)
{
    LG_SCOPED(lg_buf) b = {0};

    lg_buf_append(&b, r->to_send, r->to_send_size);
    lg_conn_send(r->peers[i].conn, &b);
}

static void say(struct rig *r, size_t i, const char *bytes)
{
    r->to_send = bytes;
    r->to_send_size = strlen(bytes);
    on_lane(r, send_bytes, i);
}

static void settle(struct rig *r)
{
    lg_sim_run_us(r->sim, 100 * LG_MS);
}

/* What peer i has got since it was last asked. */
static void expect(struct rig *r, size_t i, const char *want)
{
    struct lg_buf *got = &r->peers[i].received;

    settle(r);
    lg_buf_append_byte(got, '\0');
    assert_string_equal((const char *)got->data, want);
    lg_buf_clear(got);
}

static void expect_status(struct rig *r, size_t i, const char *status)
{
    struct lg_buf *got = &r->peers[i].received;

    settle(r);
    lg_buf_append_byte(got, '\0');
    if (strncmp((const char *)got->data, status, strlen(status)) != 0)
        fail_msg("wanted %s, got %s", status, (const char *)got->data);
    lg_buf_clear(got);
}

static size_t count(const struct lg_buf *got, const char *word)
{
    size_t n = 0, size = strlen(word);

    for (size_t at = 0; at + size <= got->size; at++)
        n += memcmp(got->data + at, word, size) == 0;
    return n;
}

static void release_held(struct rig *r, size_t i)
{
    r->answering = true;
    lg_http_respond_text(r->held[i], 200, "%zu", i);
    r->answering = false;
}

#define OK(length) "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " length "\r\n"

/* --- Requests and answers -------------------------------------------------------------------- */

static void a_request_is_answered_and_the_connection_kept(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r);
    on_lane(&r, connect_peer, 0);
    say(&r, 0, "GET /a?b HTTP/1.1\r\n" H "\r\n");
    expect(&r, 0, OK("7") "\r\nGET /a ");
    say(&r, 0, "POST /b HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nhi");
    expect(&r, 0, OK("10") "\r\nPOST /b hi");
    say(&r, 0, "OPTIONS * HTTP/1.1\r\n" H "\r\n");
    expect(&r, 0, OK("10") "\r\nOPTIONS * ");
    assert_false(r.peers[0].closed);
    rig_done(&r);
}

static void bytes_may_come_one_by_one(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r);
    lg_net_sim_set_piece_bytes_max(r.net, 1);
    on_lane(&r, connect_peer, 0);
    say(&r, 0,
        "POST /a HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
        "GET /b HTTP/1.1\r\n" H "\r\n");
    expect(&r, 0, OK("10") "\r\nPOST /a hi" OK("7") "\r\nGET /b ");
    rig_done(&r);
}

static void head_answers_have_a_length_and_no_body(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r);
    on_lane(&r, connect_peer, 0);
    say(&r, 0, "HEAD /a HTTP/1.1\r\n" H "\r\nGET /b HTTP/1.1\r\n" H "\r\n");
    expect(&r, 0, OK("8") "\r\n" OK("7") "\r\nGET /b ");
    rig_done(&r);
}

static void the_rules_of_keeping_alive_are_kept(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r);
    on_lane(&r, connect_peer, 0);
    say(&r, 0, "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    expect(&r, 0, OK("7") "Connection: keep-alive\r\n\r\nGET /a ");
    say(&r, 0, "GET /a HTTP/1.0\r\n\r\n");
    expect(&r, 0, OK("7") "Connection: close\r\n\r\nGET /a ");
    assert_true(r.peers[0].closed);
    on_lane(&r, connect_peer, 1);
    say(&r, 1, "GET /a HTTP/1.1\r\n" H "Connection: close\r\n\r\nGET /ignored HTTP/1.1\r\n\r\n");
    expect(&r, 1, OK("7") "Connection: close\r\n\r\nGET /a ");
    assert_true(r.peers[1].closed);
    on_lane(&r, connect_peer, 2);
    say(&r, 2, "GET /hold HTTP/1.1\r\n" H "\r\n");
    settle(&r);
    lg_http_server_drain(r.server);
    say(&r, 2, "GET /b HTTP/1.1\r\n" H "\r\n"); /* Behind the first one: both are answered. */
    settle(&r);
    on_lane(&r, release_held, 0);
    expect(&r, 2, OK("1") "\r\n0" OK("7") "Connection: close\r\n\r\nGET /b ");
    assert_true(r.peers[2].closed);
    assert_int_equal(r.requests, 5);
    rig_done(&r);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r);
    on_lane(&r, connect_peer, 0);
    say(&r, 0,
        "GET /hold HTTP/1.1\r\n" H "\r\nGET /b HTTP/1.1\r\n" H "\r\n"
        "GET /hold HTTP/1.1\r\n" H "\r\n");
    expect(&r, 0, "");
    assert_int_equal(r.held_count, 2);
    on_lane(&r, release_held, 1);
    expect(&r, 0, "");
    on_lane(&r, release_held, 0);
    expect(&r, 0, OK("1") "\r\n0" OK("7") "\r\nGET /b " OK("1") "\r\n1");
    rig_done(&r);
}

static void a_long_pipeline_waits_for_room(void **state)
{
    LG_SCOPED(lg_buf) b = {0};
    struct rig r;

    (void)state;
    rig_init(&r);
    on_lane(&r, connect_peer, 0);
    for (int i = 0; i < 150; i++)
        lg_buf_append_str(&b, "GET /hold HTTP/1.1\r\n" H "\r\n");
    lg_buf_append_byte(&b, '\0');
    say(&r, 0, (const char *)b.data);
    settle(&r);
    assert_int_equal(r.held_count, 4); /* Nobody knows yet how large the answers are. */
    for (size_t i = 0; i < 150; i++) { /* They are small: room for 8, 16, 32, then 64. */
        on_lane(&r, release_held, i);
        settle(&r);
        assert_int_equal(r.held_count,
                         LG_MIN(i + 1 + (i < 3 ? (size_t)8 << i : (size_t)64), (size_t)150));
    }
    assert_int_equal(count(&r.peers[0].received, "HTTP/1.1 200 OK"), 150);
    rig_done(&r);
}

static void release_held_big(struct rig *r, size_t i)
{
    answer_big(r, r->held[i]);
}

/* Many large answers that wait for a slow peer would take all memory. */
static void large_answers_leave_room_for_few_requests(void **state)
{
    LG_SCOPED(lg_buf) b = {0};
    struct rig r;

    (void)state;
    rig_init(&r);
    r.big_bytes = 3 << 20;
    on_lane(&r, connect_peer, 0);
    for (int i = 0; i < 40; i++)
        lg_buf_append_str(&b, "GET /hold HTTP/1.1\r\n" H "\r\n");
    lg_buf_append_byte(&b, '\0');
    say(&r, 0, (const char *)b.data);
    settle(&r);
    for (size_t i = 0; i < 10; i++) {
        on_lane(&r, release_held_big, i);
        lg_sim_run_us(r.sim, LG_SEC);
        assert_int_equal(r.held_count, LG_MAX(i + 3, (size_t)4)); /* Two of 3 MiB. */
    }
    for (size_t i = 10; i < 40; i++) {
        on_lane(&r, release_held, i);
        settle(&r);
    }
    assert_int_equal(r.held_count, 40);
    assert_int_equal(count(&r.peers[0].received, "HTTP/1.1 200 OK"), 40);
    rig_done(&r);
}

static void one_hundred_continue_is_sent_in_its_turn(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r);
    on_lane(&r, connect_peer, 0);
    say(&r, 0, "PUT /a HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    expect(&r, 0, "HTTP/1.1 100 Continue\r\n\r\n");
    say(&r, 0, "hi");
    expect(&r, 0, OK("9") "\r\nPUT /a hi");
    say(&r, 0,
        "GET /hold HTTP/1.1\r\n" H "\r\n"
        "PUT /a HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    expect(&r, 0, "");
    on_lane(&r, release_held, 0);
    expect(&r, 0, OK("1") "\r\n0HTTP/1.1 100 Continue\r\n\r\n");
    say(&r, 0, "hi");
    expect(&r, 0, OK("9") "\r\nPUT /a hi");
    rig_done(&r);
}

/* --- Refusals ------------------------------------------------------------------------------- */

static void malformed_input_is_answered_in_its_turn_and_ends_the_connection(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r);
    on_lane(&r, connect_peer, 0);
    say(&r, 0, "GET /hold HTTP/1.1\r\n" H "\r\nGET / HTTP/1.1\nGET /c HTTP/1.1\r\n" H "\r\n");
    expect(&r, 0, "");
    on_lane(&r, release_held, 0);
    expect(&r, 0,
           OK("1") "\r\n0HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n"
                   "Content-Length: 36\r\nConnection: close\r\n\r\n"
                   "a line that does not end with CR LF\n");
    assert_true(r.peers[0].closed);
    assert_int_equal(r.requests, 1);
    on_lane(&r, connect_peer, 1);
    say(&r, 1, "\x16\x03\x01");
    expect_status(&r, 1, "HTTP/1.1 400 ");
    assert_true(r.peers[1].closed);
    rig_done(&r);
}

static void too_much_is_refused_with_its_status(void **state)
{
    LG_SCOPED(lg_buf) b = {0};
    struct rig r;

    (void)state;
    rig_init_with(&r, 1, 0, 10);
    on_lane(&r, connect_peer, 0);
    say(&r, 0, "PUT /a HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 11\r\n\r\n");
    expect_status(&r, 0, "HTTP/1.1 413 ");
    assert_true(r.peers[0].closed);
    on_lane(&r, connect_peer, 1);
    say(&r, 1, "PUT /a HTTP/1.1\r\n" H "Content-Length: 10\r\n\r\n0123456789");
    expect_status(&r, 1, "HTTP/1.1 200 ");
    lg_buf_append_str(&b, "GET / HTTP/1.1\r\nX: ");
    for (size_t i = 0; i < LG_HTTP_HEAD_BYTES_MAX; i++)
        lg_buf_append_byte(&b, 'x');
    lg_buf_append_byte(&b, '\0');
    say(&r, 1, (const char *)b.data);
    expect_status(&r, 1, "HTTP/1.1 431 ");
    assert_true(r.peers[1].closed);
    rig_done(&r);
}

static void connections_over_the_limit_are_turned_away(void **state)
{
    struct rig r;

    (void)state;
    rig_init_with(&r, 1, 2, 0);
    on_lane(&r, connect_peer, 0);
    on_lane(&r, connect_peer, 1);
    settle(&r);
    on_lane(&r, connect_peer, 2);
    expect_status(&r, 2, "HTTP/1.1 503 ");
    assert_true(r.peers[2].closed);
    say(&r, 1, "GET /a HTTP/1.1\r\n" H "Connection: close\r\n\r\n");
    expect_status(&r, 1, "HTTP/1.1 200 ");
    on_lane(&r, connect_peer, 3);
    say(&r, 3, "GET /a HTTP/1.1\r\n" H "\r\n");
    expect_status(&r, 3, "HTTP/1.1 200 ");
    rig_done(&r);
}

static void a_port_in_use_is_an_error(void **state)
{
    struct lg_http_server *second = NULL;
    struct lg_error err;
    struct rig r;

    (void)state;
    rig_init(&r);
    struct lg_http_server_options options = {.transport = lg_net_sim_transport(r.net),
                                             .lane = r.lane,
                                             .host = "world",
                                             .port = lg_http_server_port(r.server),
                                             .handler = handle};
    assert_rc(LG_ERR_IN_USE, lg_http_server_start(&options, &second, &err));
    assert_null(second);
    rig_done(&r);
}

/* --- Time ----------------------------------------------------------------------------------- */

static void silence_closes_a_connection(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r);
    on_lane(&r, connect_peer, 0);
    say(&r, 0, "GET /a HTTP/1.1\r\n" H "\r\n");
    lg_sim_run_us(r.sim, (IDLE_MS - 500) * LG_MS);
    assert_false(r.peers[0].closed);
    say(&r, 0, "GET /a HTTP/1.1\r\n" H "\r\n");
    lg_sim_run_us(r.sim, (IDLE_MS - 500) * LG_MS);
    assert_false(r.peers[0].closed);
    lg_sim_run_us(r.sim, LG_SEC);
    assert_true(r.peers[0].closed);
    assert_int_equal(count(&r.peers[0].received, "HTTP/1.1 "), 2); /* And no third. */
    rig_done(&r);
}

static void a_head_that_dribbles_in_is_cut_off(void **state)
{
    struct rig r;
    const char *head = "GET /aaaaaaaaaaaaaaaaaaaaaaaa HTTP/1.1\r\n";

    (void)state;
    rig_init(&r);
    on_lane(&r, connect_peer, 0);
    for (size_t i = 0; i < 12 && r.peers[0].conn != NULL; i++) {
        char byte[2] = {head[i], '\0'};

        say(&r, 0, byte);
        lg_sim_run_us(r.sim, IDLE_MS / 10 * LG_MS);
    }
    expect_status(&r, 0, "HTTP/1.1 408 ");
    assert_true(r.peers[0].closed);
    rig_done(&r);
}

static void a_slow_handler_is_not_the_peers_silence(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r);
    on_lane(&r, connect_peer, 0);
    say(&r, 0, "GET /hold HTTP/1.1\r\n" H "\r\n");
    lg_sim_run_us(r.sim, 10 * IDLE_MS * LG_MS);
    assert_false(r.peers[0].closed);
    on_lane(&r, release_held, 0);
    expect(&r, 0, OK("1") "\r\n0");
    rig_done(&r);
}

/* --- Peers that do not read, or go away ------------------------------------------------------ */

static void stop_reading(struct rig *r, size_t i)
{
    lg_conn_pause(r->peers[i].conn, true);
}

static void go_on_reading(struct rig *r, size_t i)
{
    lg_conn_pause(r->peers[i].conn, false);
}

static void a_peer_that_does_not_read_holds_its_requests_back(void **state)
{
    LG_SCOPED(lg_buf) b = {0};
    struct rig r;

    (void)state;
    rig_init(&r);
    r.big_bytes = 300000;
    on_lane(&r, connect_peer, 0);
    settle(&r);
    on_lane(&r, stop_reading, 0);
    for (int i = 0; i < 30; i++)
        lg_buf_append_str(&b, "GET /big HTTP/1.1\r\n" H "\r\n");
    lg_buf_append_byte(&b, '\0');
    say(&r, 0, (const char *)b.data);
    settle(&r);
    assert_true(r.requests >= 3 && r.requests <= 6); /* About LG_CONN_HIGH_BYTES of answers. */
    on_lane(&r, go_on_reading, 0);
    lg_sim_run_us(r.sim, LG_SEC);
    assert_int_equal(r.requests, 30);
    assert_int_equal(count(&r.peers[0].received, "HTTP/1.1 200 OK"), 30);
    assert_true(r.peers[0].received.size > 30 * 300000);
    assert_false(r.peers[0].closed);
    rig_done(&r);
}

static void a_peer_that_never_reads_is_cut_off(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r);
    r.big_bytes = 300000;
    on_lane(&r, connect_peer, 0);
    settle(&r);
    on_lane(&r, stop_reading, 0);
    say(&r, 0, "GET /big HTTP/1.1\r\n" H "Connection: close\r\n\r\n");
    lg_sim_run_us(r.sim, 2 * IDLE_MS * LG_MS);
    on_lane(&r, go_on_reading, 0);
    lg_sim_run_us(r.sim, LG_SEC);
    assert_true(r.peers[0].closed);
    assert_true(r.peers[0].received.size < 300000);
    rig_done(&r);
}

static void hang_up(struct rig *r, size_t i)
{
    lg_conn_close(r->peers[i].conn, /* after_flush= */ false);
}

static void a_request_learns_that_its_peer_is_gone(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r);
    on_lane(&r, connect_peer, 0);
    say(&r, 0, "GET /hold HTTP/1.1\r\n" H "\r\n");
    settle(&r);
    assert_false(r.held[0]->peer_gone);
    on_lane(&r, hang_up, 0);
    settle(&r);
    assert_true(r.held[0]->peer_gone);
    assert_slice_equal(r.held[0]->path, LG_LIT("/hold")); /* Still there. */
    on_lane(&r, release_held, 0);
    on_lane(&r, connect_peer, 1);
    say(&r, 1, "GET /a HTTP/1.1\r\n" H "\r\n");
    expect_status(&r, 1, "HTTP/1.1 200 ");
    rig_done(&r);
}

/* --- Stopping ------------------------------------------------------------------------------- */

static void stopping_lets_requests_finish(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r);
    on_lane(&r, connect_peer, 0);
    on_lane(&r, connect_peer, 1);
    say(&r, 0, "GET /hold HTTP/1.1\r\n" H "\r\n");
    settle(&r);
    on_lane(&r, stop_now, 2000);
    settle(&r);
    assert_true(r.peers[1].closed); /* Idle. */
    assert_false(r.stopped);
    on_lane(&r, connect_peer, 2);
    settle(&r);
    assert_true(r.peers[2].closed && !r.peers[2].opened);
    on_lane(&r, release_held, 0);
    expect(&r, 0, OK("1") "Connection: close\r\n\r\n0");
    assert_true(r.stopped);
    rig_done(&r);
}

static void stopping_ends_at_the_grace_time(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r);
    on_lane(&r, connect_peer, 0);
    say(&r, 0, "GET /hold HTTP/1.1\r\n" H "\r\n");
    settle(&r);
    on_lane(&r, stop_now, 2000);
    lg_sim_run_us(r.sim, 1900 * LG_MS);
    assert_false(r.stopped);
    lg_sim_run_us(r.sim, 200 * LG_MS);
    assert_true(r.stopped);
    assert_true(r.held[0]->peer_gone);
    on_lane(&r, release_held, 0); /* The request outlives the server. */
    rig_done(&r);
}

static void a_broken_network_leaves_nothing_behind(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct rig r;

        rig_init_with(&r, seed, 0, 0);
        r.big_bytes = 100000;
        lg_net_sim_set_reset_chance(r.net, 1, 10);
        for (size_t i = 0; i < PEERS_MAX; i++) {
            on_lane(&r, connect_peer, i);
            say(&r, i,
                "GET /big HTTP/1.1\r\n" H "\r\nGET /a HTTP/1.1\r\n" H "\r\n"
                "GET /hold HTTP/1.1\r\n" H "\r\nGET /b HTTP/1.1\r\n" H "\r\n");
        }
        lg_sim_run_us(r.sim, LG_SEC);
        for (size_t i = 0; i < r.held_count; i++)
            on_lane(&r, release_held, i);
        rig_done(&r); /* ASan would name what is left. */
    }
}

/* --- Streams -------------------------------------------------------------------------------- */

#define PIECE ((size_t)256 << 10)

struct streamed { /* Writes pieces while there is room. */
    struct lg_http_request *rq;
    size_t pieces, written, rooms;
    bool gone;
};

static struct streamed streamed;

static void stream_on(void *ctx)
{
    struct streamed *s = (struct streamed *)ctx;
    LG_SCOPED(lg_buf) piece = {0};

    s->rooms++;
    s->gone = s->rq->peer_gone;
    memset(lg_buf_reserve(&piece, PIECE), 's', PIECE);
    lg_buf_commit(&piece, PIECE);
    while (!s->gone && s->written < s->pieces && !lg_http_stream_is_full(s->rq)) {
        lg_http_stream_write(s->rq, lg_buf_slice(&piece));
        s->written++;
    }
    if (s->gone || s->written == s->pieces)
        lg_http_stream_end(LG_TAKE(s->rq));
}

static void begin_stream(struct rig *r, size_t i)
{
    struct lg_http_response response = {.status = 200, .content_type = "avro/binary"};

    streamed.rq = r->held[i];
    assert_true(lg_http_can_stream(streamed.rq));
    lg_http_stream_begin(streamed.rq, &response, stream_on, &streamed);
    stream_on(&streamed);
}

static void write_ab(struct rig *r, size_t i)
{
    struct lg_http_response response = {.status = 200, .content_type = "avro/binary"};

    lg_http_stream_begin(r->held[i], &response, stream_on, &streamed);
    lg_http_stream_write(r->held[i], LG_LIT("ab"));
    lg_http_stream_write(r->held[i], LG_LIT(""));
    lg_http_stream_write(r->held[i], LG_LIT("0123456789abcdefg"));
    lg_http_stream_end(r->held[i]);
}

#define CHUNKED                                                                                    \
    "HTTP/1.1 200 OK\r\nContent-Type: avro/binary\r\nTransfer-Encoding: chunked\r\n\r\n"           \
    "2\r\nab\r\n11\r\n0123456789abcdefg\r\n0\r\n\r\n"

static void a_stream_comes_in_chunks_and_the_connection_stays(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r);
    connect_peer(&r, 0);
    say(&r, 0, "GET /hold HTTP/1.1\r\n" H "\r\n");
    settle(&r);
    on_lane(&r, write_ab, 0);
    settle(&r);
    expect(&r, 0, CHUNKED);
    lg_buf_clear(&r.peers[0].received);
    say(&r, 0, "GET /hold HTTP/1.1\r\n" H "\r\nGET /hold HTTP/1.1\r\n" H "\r\n");
    settle(&r);
    on_lane(&r, write_ab, 2); /* The later one first: it waits for its turn. */
    settle(&r);
    expect(&r, 0, "");
    on_lane(&r, write_ab, 1);
    settle(&r);
    expect(&r, 0, CHUNKED CHUNKED);
    rig_done(&r);
}

static void a_slow_reader_holds_the_stream_back(void **state)
{
    struct rig r;
    size_t at_first;

    (void)state;
    rig_init(&r);
    connect_peer(&r, 0);
    streamed = (struct streamed){.pieces = 64};
    on_lane(&r, stop_reading, 0);
    say(&r, 0, "GET /hold HTTP/1.1\r\n" H "\r\n");
    settle(&r);
    on_lane(&r, begin_stream, 0);
    settle(&r);
    at_first = streamed.written;
    assert_in_range(at_first, 1, 32); /* Of 16 MiB, what the queue and the network hold. */
    assert_non_null(streamed.rq);
    on_lane(&r, go_on_reading, 0);
    settle(&r);
    assert_null(streamed.rq);
    assert_int_equal(streamed.written, 64);
    assert_true(streamed.rooms > 1);
    assert_true(r.peers[0].received.size > 64 * PIECE);
    rig_done(&r);
}

static void a_stream_that_nobody_reads_is_cut_off(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r);
    connect_peer(&r, 0);
    streamed = (struct streamed){.pieces = 64};
    on_lane(&r, stop_reading, 0);
    say(&r, 0, "GET /hold HTTP/1.1\r\n" H "\r\n");
    settle(&r);
    on_lane(&r, begin_stream, 0);
    lg_sim_run_us(r.sim, 3 * IDLE_MS * LG_MS);
    assert_null(streamed.rq); /* Told by `room`, it ended. */
    assert_true(streamed.gone);
    assert_true(streamed.written < 64);
    rig_done(&r);
}

static void a_stream_learns_that_its_peer_hung_up(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r);
    connect_peer(&r, 0);
    streamed = (struct streamed){.pieces = 64};
    on_lane(&r, stop_reading, 0);
    say(&r, 0, "GET /hold HTTP/1.1\r\n" H "\r\n");
    settle(&r);
    on_lane(&r, begin_stream, 0);
    settle(&r);
    assert_non_null(streamed.rq);
    on_lane(&r, hang_up, 0);
    settle(&r);
    assert_true(streamed.gone);
    assert_null(streamed.rq);
    rig_done(&r);
}

static void see_http10(struct rig *r, size_t i)
{
    assert_false(lg_http_can_stream(r->held[i]));
    release_held(r, i);
}

static void old_clients_get_no_streams(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r);
    connect_peer(&r, 0);
    say(&r, 0, "GET /hold HTTP/1.0\r\n" H "\r\n");
    settle(&r);
    on_lane(&r, see_http10, 0);
    settle(&r);
    rig_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_answered_and_the_connection_kept),
        cmocka_unit_test(bytes_may_come_one_by_one),
        cmocka_unit_test(head_answers_have_a_length_and_no_body),
        cmocka_unit_test(the_rules_of_keeping_alive_are_kept),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(a_long_pipeline_waits_for_room),
        cmocka_unit_test(large_answers_leave_room_for_few_requests),
        cmocka_unit_test(one_hundred_continue_is_sent_in_its_turn),
        cmocka_unit_test(malformed_input_is_answered_in_its_turn_and_ends_the_connection),
        cmocka_unit_test(too_much_is_refused_with_its_status),
        cmocka_unit_test(connections_over_the_limit_are_turned_away),
        cmocka_unit_test(a_port_in_use_is_an_error),
        cmocka_unit_test(silence_closes_a_connection),
        cmocka_unit_test(a_head_that_dribbles_in_is_cut_off),
        cmocka_unit_test(a_slow_handler_is_not_the_peers_silence),
        cmocka_unit_test(a_peer_that_does_not_read_holds_its_requests_back),
        cmocka_unit_test(a_peer_that_never_reads_is_cut_off),
        cmocka_unit_test(a_request_learns_that_its_peer_is_gone),
        cmocka_unit_test(stopping_lets_requests_finish),
        cmocka_unit_test(stopping_ends_at_the_grace_time),
        cmocka_unit_test(a_broken_network_leaves_nothing_behind),
        cmocka_unit_test(a_stream_comes_in_chunks_and_the_connection_stays),
        cmocka_unit_test(a_slow_reader_holds_the_stream_back),
        cmocka_unit_test(a_stream_that_nobody_reads_is_cut_off),
        cmocka_unit_test(a_stream_learns_that_its_peer_hung_up),
        cmocka_unit_test(old_clients_get_no_streams),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
