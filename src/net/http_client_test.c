/* The client on the simulated network, against a raw server that answers what the test says, byte
 * for byte, and counts its connections. */
#include "net/http_client.h"

#include <stdio.h>

#include "drivers/sim/transport_sim.h"
#include "test/test.h"

#define CALLS_MAX 400
#define PER_HOST 256 /* connections */

struct rig;

struct served { /* A connection of the raw server. */
    struct rig *rig;
    struct lg_conn *conn;
    struct lg_buf received;
    size_t requests;
    struct served *next;
};

/* What the raw server does with a request. */
enum manner {
    ANSWER,       /* Sends rig->answer. */
    ANSWER_CLOSE, /* Sends it and closes. */
    CLOSE,        /* Closes without a word. */
    CLOSE_SECOND, /* Answers the first of each connection; closes at the second. */
    SILENT,
};

struct rig {
    struct lg_sim *sim;
    struct lg_net_sim *net;
    struct lg_lane *lane;
    struct lg_http_client *client;
    struct lg_listener *listener;
    enum manner manner;
    const char *answer;
    size_t accepted, requests, open;
    struct served *all;
    struct lg_http_call calls[CALLS_MAX];
    size_t done, ok;
    bool inside_submit, told_inside;
    void (*act)(struct rig *r, size_t i);
    size_t act_i;
    struct lg_task task;
    bool frees_in_done; /* `done` frees the client. */
};

/* --- The raw server ------------------------------------------------------------------------- */

static void say(struct served *s, const char *bytes)
{
    LG_SCOPED(lg_buf) b = {0};

    lg_buf_append_str(&b, bytes);
    lg_conn_send(s->conn, &b);
}

static void serve(struct served *s)
{
    struct rig *r = s->rig;
    enum manner manner = r->manner;

    r->requests++;
    s->requests++;
    if (manner == CLOSE_SECOND)
        manner = s->requests == 1 ? ANSWER : CLOSE;
    if (manner == ANSWER || manner == ANSWER_CLOSE)
        say(s, r->answer);
    if (manner == ANSWER_CLOSE || manner == CLOSE)
        lg_conn_close(s->conn, /* after_flush= */ true);
}

/* Requests of these tests have no body, or end with "END". */
static void served_received(void *ctx, struct lg_conn *c, struct lg_slice bytes)
{
    struct served *s = (struct served *)ctx;

    (void)c;
    for (size_t i = 0; i < bytes.size; i++) {
        lg_buf_append_byte(&s->received, bytes.data[i]);
        if (s->received.size >= 4 &&
            memcmp(s->received.data + s->received.size - 4, "\r\n\r\n", 4) == 0) {
            serve(s);
        }
    }
}

static void served_closed(void *ctx, struct lg_conn *c, enum lg_rc why)
{
    struct served *s = (struct served *)ctx;

    (void)c, (void)why;
    s->conn = NULL;
    s->rig->open--;
}

static const struct lg_conn_handler served_handler = {.received = served_received,
                                                      .closed = served_closed};

static void accepted(void *ctx, struct lg_conn *c)
{
    struct rig *r = (struct rig *)ctx;
    struct served *s = lg_new(struct served);

    s->rig = r;
    s->conn = c;
    s->next = r->all;
    r->all = s;
    r->accepted++;
    r->open++;
    c->handler = &served_handler;
    c->ctx = s;
}

/* --- The rig -------------------------------------------------------------------------------- */

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

static void on_lane(struct rig *r, void (*act)(struct rig *r, size_t i), size_t i)
{
    r->act = act;
    r->act_i = i;
    r->task.run = acts;
    lg_lane_post(r->lane, &r->task);
    assert_true(lg_sim_run_until(r->sim, has_acted, r, LG_SEC));
}

static void rig_init(struct rig *r, uint64_t seed, enum manner manner, const char *answer)
{
    struct lg_error err;

    *r = (struct rig){.sim = lg_sim_new(seed), .manner = manner, .answer = answer};
    r->net = lg_net_sim_new(r->sim);
    r->lane = lg_sim_lane_new(r->sim, NULL, "lane");
    lg_net_sim_set_delay_us(r->net, 10, 100);
    assert_ok(lg_transport_listen(lg_net_sim_transport(r->net), r->lane, "world", 7777, accepted, r,
                                  &r->listener, &err));
    r->client = lg_http_client_new(lg_net_sim_transport(r->net), r->lane);
}

static void free_client(struct rig *r, size_t i)
{
    (void)i;
    lg_http_client_free(LG_TAKE(r->client));
}

static void rig_done(struct rig *r)
{
    struct served *s;

    on_lane(r, free_client, 0);
    lg_sim_run_us(r->sim, 10 * LG_SEC);
    while ((s = r->all) != NULL) {
        r->all = s->next;
        lg_buf_done(&s->received);
        lg_free(s);
    }
    for (size_t i = 0; i < CALLS_MAX; i++)
        lg_http_call_done(&r->calls[i]);
    lg_sim_free(r->sim);
    lg_net_sim_free(r->net);
}

static struct rig *rig_of(struct lg_http_call *call);

static void call_done(struct lg_http_call *call)
{
    struct rig *r = rig_of(call);

    r->told_inside |= r->inside_submit;
    r->done++;
    r->ok += call->rc == LG_OK;
    if (r->frees_in_done && r->client != NULL)
        lg_http_client_free(LG_TAKE(r->client));
}

static struct rig *the_rig; /* Calls carry no context of their own: they are embedded. */

static struct rig *rig_of(struct lg_http_call *call)
{
    assert_true(call >= the_rig->calls && call < the_rig->calls + CALLS_MAX);
    return the_rig;
}

static struct lg_http_call *fill(struct rig *r, size_t i)
{
    struct lg_http_call *call = &r->calls[i];

    lg_http_call_done(call);
    the_rig = r;
    *call = (struct lg_http_call){.host = "world",
                                  .port = 7777,
                                  .method = LG_HTTP_GET,
                                  .target = LG_LIT("/x"),
                                  .done = call_done};
    return call;
}

static void submit_filled(struct rig *r, size_t i)
{
    r->inside_submit = true;
    lg_http_call_submit(r->client, &r->calls[i]);
    r->inside_submit = false;
}

static void submit(struct rig *r, size_t i)
{
    (void)fill(r, i);
    on_lane(r, submit_filled, i);
}

static void settle(struct rig *r)
{
    lg_sim_run_us(r->sim, 100 * LG_MS);
}

/* One call after the other. */
static struct lg_http_call *call_once(struct rig *r, size_t i)
{
    size_t before = r->done;

    submit(r, i);
    settle(r);
    assert_int_equal(r->done, before + 1);
    return &r->calls[i];
}

#define HELLO "HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 5\r\n\r\nhello"

/* --- Answers -------------------------------------------------------------------------------- */

static void connections_are_kept_and_used_again(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r, 1, ANSWER, HELLO);
    for (size_t i = 0; i < 5; i++) {
        struct lg_http_call *call = call_once(&r, i);

        assert_rc(LG_OK, call->rc);
        assert_int_equal(call->status, 200);
        assert_slice_equal(lg_buf_slice(&call->response_body), LG_LIT("hello"));
        assert_slice_equal(lg_http_header(&call->response_headers, "x-a"), LG_LIT("b"));
    }
    assert_int_equal(r.accepted, 1);
    assert_int_equal(r.requests, 5);
    assert_false(r.told_inside);
    lg_buf_append_byte(&r.all->received, '\0');
    assert_memory_equal(r.all->received.data, "GET /x HTTP/1.1\r\nHost: world:7777\r\n\r\nGET /x ",
                        44);
    rig_done(&r);
}

static void answers_may_come_byte_by_byte(void **state)
{
    struct rig r;

    (void)state;
    rig_init(
        &r, 2, ANSWER,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n");
    lg_net_sim_set_piece_bytes_max(r.net, 1);
    for (size_t i = 0; i < 3; i++)
        assert_slice_equal(lg_buf_slice(&call_once(&r, i)->response_body), LG_LIT("hello"));
    assert_int_equal(r.accepted, 1);
    rig_done(&r);
}

static struct lg_buf taken;   /* by take_piece */
static size_t wanted, pieces; /* bytes it takes before it has enough */

static bool take_piece(struct lg_http_call *call, struct lg_slice bytes)
{
    assert_int_equal(call->status, 200);
    assert_slice_equal(lg_http_header(&call->response_headers, "x-a"), LG_LIT("b"));
    lg_buf_append_slice(&taken, bytes);
    pieces++;
    return taken.size < wanted;
}

static struct lg_http_call *take_once(struct rig *r, size_t i, size_t enough)
{
    size_t before = r->done;

    lg_buf_clear(&taken);
    wanted = enough;
    pieces = 0;
    fill(r, i)->received = take_piece;
    on_lane(r, submit_filled, i);
    settle(r);
    assert_int_equal(r->done, before + 1);
    return &r->calls[i];
}

static void a_body_may_be_taken_as_it_comes(void **state)
{
    struct rig r;
    struct lg_http_call *call;

    (void)state;
    rig_init(&r, 2, ANSWER, HELLO);
    lg_net_sim_set_piece_bytes_max(r.net, 1);
    call = take_once(&r, 0, SIZE_MAX);
    assert_rc(LG_OK, call->rc);
    assert_slice_equal(lg_buf_slice(&taken), LG_LIT("hello"));
    assert_int_equal(pieces, 5);
    assert_int_equal(call->response_body.size, 0);
    assert_slice_equal(lg_http_header(&call->response_headers, "x-a"), LG_LIT("b"));
    /* Enough: the call ends at once, and its connection is not used again. */
    call = take_once(&r, 1, 3);
    assert_rc(LG_ERR_CANCELLED, call->rc);
    assert_slice_equal(lg_buf_slice(&taken), LG_LIT("hel"));
    assert_slice_equal(lg_buf_slice(&call_once(&r, 2)->response_body), LG_LIT("hello"));
    assert_int_equal(r.accepted, 2);
    /* Other answers are gathered, as without it. */
    r.answer = "HTTP/1.1 503 No\r\nContent-Length: 3\r\n\r\nbad";
    call = take_once(&r, 3, SIZE_MAX);
    assert_int_equal(pieces, 0);
    assert_slice_equal(lg_buf_slice(&call->response_body), LG_LIT("bad"));
    lg_buf_done(&taken);
    rig_done(&r);
}

static void bytes_that_were_taken_count_for_the_limit(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r, 2, ANSWER,
             "HTTP/1.1 200 OK\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n3\r\n"
             "lo!\r\n0\r\n\r\n");
    lg_net_sim_set_piece_bytes_max(r.net, 1);
    lg_buf_clear(&taken);
    wanted = SIZE_MAX;
    fill(&r, 0)->received = take_piece;
    r.calls[0].response_bytes_max = 5;
    on_lane(&r, submit_filled, 0);
    settle(&r);
    assert_rc(LG_ERR_TOO_LARGE, r.calls[0].rc);
    assert_int_equal(taken.size, 5);
    lg_buf_done(&taken);
    rig_done(&r);
}

static void answers_without_a_body_have_none(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r, 3, ANSWER, "HTTP/1.1 204 No Content\r\n\r\n");
    assert_int_equal(call_once(&r, 0)->status, 204);
    r.answer = "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n";
    assert_int_equal(call_once(&r, 1)->status, 304);
    r.answer = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
    fill(&r, 2)->method = LG_HTTP_HEAD;
    on_lane(&r, submit_filled, 2);
    settle(&r);
    assert_rc(LG_OK, r.calls[2].rc);
    assert_int_equal(r.calls[2].response_body.size, 0);
    assert_int_equal(r.accepted, 1);
    rig_done(&r);
}

static void an_answer_without_length_is_read_to_the_end(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r, 4, ANSWER_CLOSE, "HTTP/1.1 200 OK\r\n\r\nuntil the end");
    assert_slice_equal(lg_buf_slice(&call_once(&r, 0)->response_body), LG_LIT("until the end"));
    r.answer = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx";
    assert_slice_equal(lg_buf_slice(&call_once(&r, 1)->response_body), LG_LIT("x"));
    assert_int_equal(r.accepted, 2);
    rig_done(&r);
}

static void a_connection_with_bytes_left_over_is_not_used_again(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r, 5, ANSWER, HELLO "X");
    for (size_t i = 0; i < 50; i++) /* The rest comes in the same piece, or in a later one. */
        assert_slice_equal(lg_buf_slice(&call_once(&r, i)->response_body), LG_LIT("hello"));
    assert_int_equal(r.accepted, 50);
    rig_done(&r);
}

static void the_body_of_a_request_is_sent_with_its_length(void **state)
{
    struct rig r;
    struct lg_http_call *call;
    struct lg_http_header extra[] = {{LG_LIT("X-B"), LG_LIT("c")}};

    (void)state;
    rig_init(&r, 6, ANSWER, HELLO);
    call = fill(&r, 0);
    call->method = LG_HTTP_POST;
    call->headers = extra;
    call->header_count = 1;
    call->body = LG_LIT("body\r\n\r\n"); /* Its end also ends what the raw server waits for. */
    on_lane(&r, submit_filled, 0);
    settle(&r);
    lg_buf_append_byte(&r.all->received, '\0');
    assert_string_equal(
        (const char *)r.all->received.data,
        "POST /x HTTP/1.1\r\nHost: world:7777\r\nX-B: c\r\nContent-Length: 8\r\n\r\n"
        "body\r\n\r\n");
    rig_done(&r);
}

/* --- Faults --------------------------------------------------------------------------------- */

static void a_refused_connection_names_the_host(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r, 7, ANSWER, HELLO);
    fill(&r, 0)->port = 1;
    on_lane(&r, submit_filled, 0);
    settle(&r);
    assert_rc(LG_ERR_UNAVAILABLE, r.calls[0].rc);
    assert_string_equal(r.calls[0].err.text, "cannot reach world:1: connection refused");
    rig_done(&r);
}

static void a_stale_connection_is_replaced_once(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r, 8, CLOSE_SECOND, HELLO);
    for (size_t i = 0; i < 4; i++)
        assert_rc(LG_OK, call_once(&r, i)->rc);
    assert_int_equal(r.accepted, 4); /* Each closed at its second request ... */
    assert_int_equal(r.requests, 7); /* ... which went out again. */
    rig_done(&r);
}

static void the_second_try_is_on_a_fresh_connection(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r, 20, CLOSE_SECOND, HELLO);
    for (size_t i = 0; i < 3; i++)
        submit(&r, i); /* Three connections at once, all idle afterwards and all stale. */
    settle(&r);
    assert_int_equal(r.accepted, 3);
    assert_rc(LG_OK, call_once(&r, 3)->rc);
    assert_int_equal(r.accepted, 4);
    assert_int_equal(r.requests, 5);
    rig_done(&r);
}

static void a_server_that_always_closes_is_asked_at_most_twice(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r, 9, CLOSE, HELLO);
    assert_rc(LG_ERR_UNAVAILABLE, call_once(&r, 0)->rc);
    assert_int_equal(r.requests, 1); /* A fresh connection: no retry. */
    r.manner = ANSWER;
    assert_rc(LG_OK, call_once(&r, 1)->rc);
    r.manner = CLOSE;
    assert_rc(LG_ERR_UNAVAILABLE, call_once(&r, 2)->rc);
    assert_int_equal(r.requests, 4);
    assert_string_equal(r.calls[2].err.text,
                        "world:7777 went away before its answer was whole: connection closed");
    rig_done(&r);
}

static void half_an_answer_is_not_asked_for_again(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r, 10, ANSWER, HELLO);
    assert_rc(LG_OK, call_once(&r, 0)->rc);
    r.manner = ANSWER_CLOSE;
    r.answer = "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf";
    assert_rc(LG_ERR_UNAVAILABLE, call_once(&r, 1)->rc);
    assert_int_equal(r.requests, 2);
    rig_done(&r);
}

static void answers_have_a_limit(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r, 11, ANSWER, HELLO);
    fill(&r, 0)->response_bytes_max = 4;
    on_lane(&r, submit_filled, 0);
    settle(&r);
    assert_rc(LG_ERR_TOO_LARGE, r.calls[0].rc);
    fill(&r, 1)->response_bytes_max = 5;
    on_lane(&r, submit_filled, 1);
    settle(&r);
    assert_rc(LG_OK, r.calls[1].rc);
    rig_done(&r);
}

static void nonsense_is_bad_data(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r, 12, ANSWER, "SSH-2.0-OpenSSH_9.2\r\n");
    assert_rc(LG_ERR_BAD_DATA, call_once(&r, 0)->rc);
    assert_string_equal(r.calls[0].err.text,
                        "the answer of world:7777 cannot be used: the answer is not HTTP/1.1");
    rig_done(&r);
}

static void a_request_that_must_not_be_sent_is_refused(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r, 13, ANSWER, HELLO);
    fill(&r, 0)->target = LG_LIT("/x HTTP/1.1\r\nX: y");
    on_lane(&r, submit_filled, 0);
    settle(&r);
    assert_rc(LG_ERR_INVALID, r.calls[0].rc);
    assert_int_equal(r.accepted, 0);
    assert_false(r.told_inside);
    rig_done(&r);
}

/* --- Time, cancelling, ending ---------------------------------------------------------------- */

static void a_deadline_ends_a_call(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r, 14, SILENT, HELLO);
    fill(&r, 0)->deadline_us = lg_sim_now_us(r.sim) + 5 * LG_SEC;
    on_lane(&r, submit_filled, 0);
    submit(&r, 1); /* The default: 30 s. */
    lg_sim_run_us(r.sim, 4900 * LG_MS);
    assert_int_equal(r.done, 0);
    lg_sim_run_us(r.sim, 200 * LG_MS);
    assert_int_equal(r.done, 1);
    assert_rc(LG_ERR_TIMEOUT, r.calls[0].rc);
    assert_string_equal(r.calls[0].err.text, "world:7777 did not answer GET /x in time");
    lg_sim_run_us(r.sim, 24 * LG_SEC);
    assert_int_equal(r.done, 1);
    lg_sim_run_us(r.sim, 2 * LG_SEC);
    assert_int_equal(r.done, 2);
    settle(&r);
    assert_int_equal(r.open, 0); /* Neither connection can be used again. */
    rig_done(&r);
}

static void cancel_it(struct rig *r, size_t i)
{
    r->inside_submit = true;
    lg_http_call_cancel(&r->calls[i]);
    lg_http_call_cancel(&r->calls[i]);
    r->inside_submit = false;
}

static void cancelling_ends_a_call_later(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r, 15, SILENT, HELLO);
    submit(&r, 0);
    settle(&r);
    on_lane(&r, cancel_it, 0);
    settle(&r);
    assert_int_equal(r.done, 1);
    assert_rc(LG_ERR_CANCELLED, r.calls[0].rc);
    assert_false(r.told_inside);
    on_lane(&r, cancel_it, 0); /* Too late: nothing happens. */
    settle(&r);
    assert_int_equal(r.done, 1);
    rig_done(&r);
}

static void cancel_and_free(struct rig *r, size_t i)
{
    lg_http_call_cancel(&r->calls[i]);
    lg_http_client_free(LG_TAKE(r->client));
}

static void the_end_of_the_client_ends_its_calls(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r, 16, SILENT, HELLO);
    for (size_t i = 0; i < 3; i++)
        submit(&r, i);
    settle(&r);
    on_lane(&r, cancel_and_free, 1);
    assert_int_equal(r.done, 3);
    for (size_t i = 0; i < 3; i++)
        assert_rc(LG_ERR_CANCELLED, r.calls[i].rc);
    rig_done(&r);
}

static void cancel_all(struct rig *r, size_t i)
{
    r->inside_submit = true;
    lg_http_client_cancel(r->client);
    r->inside_submit = false;
    (void)i;
}

/* Those that wait for a connection get none of those that become free by it. */
static void a_client_can_be_cancelled_as_a_whole(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r, 18, SILENT, HELLO);
    for (size_t i = 0; i < PER_HOST + 10; i++)
        submit(&r, i);
    settle(&r);
    assert_int_equal(r.accepted, PER_HOST);
    on_lane(&r, cancel_all, 0);
    settle(&r);
    assert_int_equal(r.done, PER_HOST + 10);
    submit(&r, PER_HOST + 10);
    settle(&r);
    assert_int_equal(r.done, PER_HOST + 11);
    for (size_t i = 0; i < PER_HOST + 11; i++)
        assert_rc(LG_ERR_CANCELLED, r.calls[i].rc);
    assert_int_equal(r.accepted, PER_HOST);
    assert_int_equal(r.open, 0);
    assert_false(r.told_inside);
    rig_done(&r);
}

static void done_may_free_the_client(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r, 17, ANSWER, HELLO);
    r.frees_in_done = true;
    for (size_t i = 0; i < 3; i++)
        submit(&r, i);
    settle(&r);
    assert_int_equal(r.done, 3);
    rig_done(&r);
}

/* --- Many calls ----------------------------------------------------------------------------- */

static void submit_all(struct rig *r, size_t n)
{
    for (size_t i = 0; i < n; i++)
        lg_http_call_submit(r->client, &r->calls[i]);
}

static void connections_have_a_bound_and_calls_wait_their_turn(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r, 18, SILENT, HELLO);
    for (size_t i = 0; i < CALLS_MAX; i++)
        (void)fill(&r, i);
    on_lane(&r, submit_all, CALLS_MAX);
    settle(&r);
    assert_int_equal(r.open, 256);
    r.manner = ANSWER;
    for (struct served *s = r.all; s != NULL; s = s->next)
        say(s, HELLO);
    settle(&r);
    assert_int_equal(r.ok, CALLS_MAX);
    assert_int_equal(r.accepted, 256);
    settle(&r);
    assert_int_equal(r.open, 32); /* What is kept idle. */
    rig_done(&r);
}

static struct lg_http_call many[10300];
static size_t many_done, many_busy;

static void one_of_many_done(struct lg_http_call *call)
{
    many_done++;
    many_busy += call->rc == LG_ERR_BUSY;
}

static void submit_many(struct rig *r, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        many[i] = (struct lg_http_call){
            .host = "world", .port = 7777, .target = LG_LIT("/"), .done = one_of_many_done};
        lg_http_call_submit(r->client, &many[i]);
    }
}

static void the_queue_has_a_bound(void **state)
{
    struct rig r;

    (void)state;
    many_done = many_busy = 0;
    rig_init(&r, 19, SILENT, HELLO);
    on_lane(&r, submit_many, LG_ARRAY_SIZE(many));
    settle(&r);
    assert_int_equal(many_busy, LG_ARRAY_SIZE(many) - 10000 - 256);
    on_lane(&r, free_client, 0);
    settle(&r);
    assert_int_equal(many_done, LG_ARRAY_SIZE(many));
    for (size_t i = 0; i < LG_ARRAY_SIZE(many); i++)
        lg_http_call_done(&many[i]);
    rig_done(&r);
}

static void every_call_ends_once_whatever_the_network_does(void **state)
{
    size_t ok = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct rig r;

        rig_init(&r, seed, ANSWER, HELLO);
        lg_net_sim_set_reset_chance(r.net, 1, 16);
        for (size_t i = 0; i < 100; i++) {
            submit(&r, i);
            lg_sim_run_us(r.sim, 100);
        }
        lg_sim_run_us(r.sim, 60 * LG_SEC);
        assert_int_equal(r.done, 100);
        ok += r.ok;
        for (size_t i = 0; i < 100; i++)
            if (r.calls[i].rc == LG_OK)
                assert_slice_equal(lg_buf_slice(&r.calls[i].response_body), LG_LIT("hello"));
        rig_done(&r);
    }
    assert_true(ok > 1000 && ok < 3000); /* Both outcomes were seen. */
}

/* --- URLs ----------------------------------------------------------------------------------- */

static void urls_are_taken_apart(void **state)
{
    static const struct {
        const char *url, *host;
        uint16_t port;
    } good[] = {
        {"http://127.0.0.1:5555", "127.0.0.1", 5555},
        {"http://localhost:1/", "localhost", 1},
        {"http://host/path:5", "host", 80},
        {"http://[::1]:65535/x", "::1", 65535},
        {"http://[::1]", "::1", 80},
        {"https://host:5", "tls:host", 5},
        {"https://host", "tls:host", 443},
        {"https://[::1]:7/", "tls:::1", 7},
    };
    static const char *const bad[] = {
        "",          "http://",        "https://",      "a:1",          "http://a:0",
        "http://a:", "http://a:65536", "http://a:x",    "http://:1",    "http://a b:1",
        "http:///x", "http://[::1",    "http://[::1]x", "http://u@a:1", "http://a:1:2",
    };
    struct lg_error err;

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(good); i++) {
        LG_AUTO_STR char *host = NULL;
        uint16_t port = 0;

        assert_ok(lg_http_parse_url(lg_slice_str(good[i].url), &host, &port, &err));
        assert_string_equal(host, good[i].host);
        assert_int_equal(port, good[i].port);
    }
    for (size_t i = 0; i < LG_ARRAY_SIZE(bad); i++) {
        char *host = NULL;
        uint16_t port = 0;

        if (lg_http_parse_url(lg_slice_str(bad[i]), &host, &port, &err) != LG_ERR_INVALID)
            fail_msg("%s is taken for a URL", bad[i]);
        assert_null(host);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connections_are_kept_and_used_again),
        cmocka_unit_test(answers_may_come_byte_by_byte),
        cmocka_unit_test(a_body_may_be_taken_as_it_comes),
        cmocka_unit_test(bytes_that_were_taken_count_for_the_limit),
        cmocka_unit_test(answers_without_a_body_have_none),
        cmocka_unit_test(an_answer_without_length_is_read_to_the_end),
        cmocka_unit_test(a_connection_with_bytes_left_over_is_not_used_again),
        cmocka_unit_test(the_body_of_a_request_is_sent_with_its_length),
        cmocka_unit_test(a_refused_connection_names_the_host),
        cmocka_unit_test(a_stale_connection_is_replaced_once),
        cmocka_unit_test(the_second_try_is_on_a_fresh_connection),
        cmocka_unit_test(a_server_that_always_closes_is_asked_at_most_twice),
        cmocka_unit_test(half_an_answer_is_not_asked_for_again),
        cmocka_unit_test(answers_have_a_limit),
        cmocka_unit_test(nonsense_is_bad_data),
        cmocka_unit_test(a_request_that_must_not_be_sent_is_refused),
        cmocka_unit_test(a_deadline_ends_a_call),
        cmocka_unit_test(cancelling_ends_a_call_later),
        cmocka_unit_test(the_end_of_the_client_ends_its_calls),
        cmocka_unit_test(a_client_can_be_cancelled_as_a_whole),
        cmocka_unit_test(done_may_free_the_client),
        cmocka_unit_test(connections_have_a_bound_and_calls_wait_their_turn),
        cmocka_unit_test(the_queue_has_a_bound),
        cmocka_unit_test(every_call_ends_once_whatever_the_network_does),
        cmocka_unit_test(urls_are_taken_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
