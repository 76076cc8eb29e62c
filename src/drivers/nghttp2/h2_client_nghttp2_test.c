/* The client against our own engine of a server, state machine to state machine. */
#include "drivers/nghttp2/h2_client_nghttp2.h"

#include "drivers/nghttp2/hpack_nghttp2.h"
#include "net/h2_conn.h"
#include "test/test.h"

#define CALLS_MAX 300

struct rig {
    struct lg_h2_client *client;
    struct lg_h2 *server;
    struct lg_h2_stream *asked[CALLS_MAX]; /* by the server, not answered yet */
    size_t requests, ended;
    struct lg_buf got; /* the bodies that the server received */
    size_t gone;
    bool answers; /* each request, at its end */
};

struct call { /* What the client was told of one. */
    struct lg_buf fields, body;
    int closed;
    uint32_t code;
};

/* --- The server ------------------------------------------------------------------------------ */

static void answer(struct lg_h2_stream *st, struct lg_slice body)
{
    struct lg_http_header head[] = {{LG_LIT(":status"), LG_LIT("200")}};
    struct lg_http_header tail[] = {{LG_LIT("grpc-status"), LG_LIT("0")}};
    struct lg_h2_head h = {NULL, head, 1}, t = {NULL, tail, 1};

    lg_h2_respond(st, &h, &body, 1, &t);
}

static void on_request(void *ctx, struct lg_h2_stream *st, const struct lg_h2_request *rq)
{
    struct rig *r = (struct rig *)ctx;

    assert_slice_equal(rq->path, LG_LIT("/a/b"));
    r->asked[r->requests++] = st;
}
static void on_body(void *ctx, struct lg_h2_stream *st, struct lg_slice bytes)
{
    (void)st;
    lg_buf_append_slice(&((struct rig *)ctx)->got, bytes);
}
static void on_end(void *ctx, struct lg_h2_stream *st, const struct lg_http_headers *trailers)
{
    struct rig *r = (struct rig *)ctx;

    (void)trailers;
    r->ended++;
    if (r->answers)
        answer(st, LG_LIT("value"));
}
static void on_gone(void *ctx, struct lg_h2_stream *st, uint32_t code)
{
    (void)st, (void)code;
    ((struct rig *)ctx)->gone++;
}
static const struct lg_h2_handler serves = {on_request, on_body, on_end, on_gone, NULL};

/* --- The client ------------------------------------------------------------------------------ */

static void field(void *ctx, void *call, struct lg_slice name, struct lg_slice value)
{
    (void)ctx;
    lg_buf_appendf(&((struct call *)call)->fields, "%.*s=%.*s ", LG_FMT(name), LG_FMT(value));
}
static void body(void *ctx, void *call, struct lg_slice bytes)
{
    (void)ctx;
    lg_buf_append_slice(&((struct call *)call)->body, bytes);
}
static void closed(void *ctx, void *call, uint32_t code)
{
    struct call *c = (struct call *)call;

    (void)ctx;
    c->closed++;
    c->code = code;
}
static const struct lg_h2_client_handler asks = {field, body, closed};

static void call_done(struct call *c)
{
    lg_buf_done(&c->fields);
    lg_buf_done(&c->body);
}
LG_DEFINE_SCOPED(call, call_done)

/* --- Both ------------------------------------------------------------------------------------ */

static void open_rig(struct rig *r, size_t streams)
{
    struct lg_h2_options o = {.handler = &serves, .ctx = r, .limits = {.streams = streams}};

    r->server = lg_h2_own_new(&o, &lg_hpack_nghttp2);
    r->client = lg_h2_client_nghttp2_new(&asks, r);
}

static void rig_done(struct rig *r)
{
    lg_h2_client_free(r->client);
    lg_h2_free(r->server);
    lg_buf_done(&r->got);
}
LG_DEFINE_SCOPED(rig, rig_done)

/* Carries bytes to and fro until none are left; false once the client says that it is over. */
static bool carry(struct rig *r)
{
    bool more = true;

    for (unsigned turns = 0; more && turns < 100000; turns++) {
        struct lg_slice up = lg_h2_client_output(r->client), down;

        more = up.size > 0;
        (void)lg_h2_input(r->server, up);
        lg_h2_client_sent(r->client, up.size);
        down = lg_h2_output(r->server);
        more = more || down.size > 0;
        if (!lg_h2_client_input(r->client, down))
            return false;
        lg_h2_sent(r->server, down.size);
    }
    return true;
}

static uint32_t ask(struct rig *r, struct call *c, struct lg_slice bytes, bool is_last)
{
    struct lg_http_header fields[] = {{LG_LIT(":method"), LG_LIT("POST")},
                                      {LG_LIT(":scheme"), LG_LIT("http")},
                                      {LG_LIT(":path"), LG_LIT("/a/b")},
                                      {LG_LIT(":authority"), LG_LIT("me")}};

    return lg_h2_client_call(r->client, fields, LG_ARRAY_SIZE(fields), bytes, is_last, c);
}

static void calls_are_answered_with_head_body_and_trailers(void **state)
{
    LG_SCOPED(rig) r = {.answers = true};
    LG_SCOPED(call) a = {0};
    LG_SCOPED(call) b = {0};

    (void)state;
    open_rig(&r, 0);
    assert_int_equal(ask(&r, &a, LG_LIT("one"), true), 1);
    assert_int_equal(ask(&r, &b, LG_LIT("two"), true), 3);
    assert_true(carry(&r));
    assert_slice_equal(lg_buf_slice(&r.got), LG_LIT("onetwo"));
    assert_slice_equal(lg_buf_slice(&a.fields), LG_LIT(":status=200 grpc-status=0 "));
    assert_slice_equal(lg_buf_slice(&b.body), LG_LIT("value"));
    assert_int_equal(a.closed, 1);
    assert_int_equal(b.closed, 1);
    assert_int_equal(a.code, LG_H2_NO_ERROR);
}

static void a_call_that_stays_open_sends_more_and_ends(void **state)
{
    LG_SCOPED(rig) r = {.answers = true};
    LG_SCOPED(call) a = {0};
    LG_SCOPED(call) b = {0};
    uint32_t stream;

    (void)state;
    open_rig(&r, 0);
    (void)ask(&r, &b, LG_LIT(""), false);
    stream = ask(&r, &a, LG_LIT("x"), false);
    lg_h2_client_write(r.client, stream, LG_LIT("y"), false); /* before the head is sent */
    assert_true(carry(&r));
    assert_slice_equal(lg_buf_slice(&r.got), LG_LIT("xy"));
    assert_int_equal(r.ended, 0);
    lg_h2_client_write(r.client, stream, LG_LIT("z"), true);
    assert_true(carry(&r));
    assert_slice_equal(lg_buf_slice(&r.got), LG_LIT("xyz"));
    assert_int_equal(a.closed, 1);
    assert_int_equal(b.closed, 0);
}

static void the_peers_limit_of_streams_is_the_room(void **state)
{
    LG_SCOPED(rig) r = {0};
    struct call calls[8] = {0};

    (void)state;
    open_rig(&r, 5);
    assert_true(carry(&r)); /* Its SETTINGS come. */
    assert_int_equal(lg_h2_client_room(r.client), 5);
    for (size_t i = 0; i < 5; i++)
        assert_int_not_equal(ask(&r, &calls[i], LG_LIT("k"), true), 0);
    assert_int_equal(lg_h2_client_room(r.client), 0);
    assert_true(carry(&r));
    answer(r.asked[2], LG_LIT("v"));
    assert_true(carry(&r));
    assert_int_equal(calls[2].closed, 1);
    assert_int_equal(lg_h2_client_room(r.client), 1);
    for (size_t i = 0; i < 5; i++)
        call_done(&calls[i]);
    /* Those of the stack are told before they go. */
    lg_h2_client_free(r.client);
    r.client = NULL;
    assert_int_equal(calls[4].closed, 1);
    assert_int_equal(calls[4].code, LG_H2_CANCEL);
}

static void resets_are_told_either_way(void **state)
{
    LG_SCOPED(rig) r = {0};
    LG_SCOPED(call) a = {0};
    LG_SCOPED(call) b = {0};
    uint32_t stream;

    (void)state;
    open_rig(&r, 0);
    (void)ask(&r, &a, LG_LIT("1"), true);
    stream = ask(&r, &b, LG_LIT("2"), true);
    assert_true(carry(&r));
    lg_h2_reset(r.asked[0], LG_H2_REFUSED_STREAM);
    assert_true(carry(&r));
    assert_int_equal(a.closed, 1);
    assert_int_equal(a.code, LG_H2_REFUSED_STREAM);
    lg_h2_client_reset(r.client, stream, LG_H2_CANCEL);
    assert_true(carry(&r));
    assert_int_equal(b.closed, 1);
    assert_int_equal(b.code, LG_H2_CANCEL);
    assert_int_equal(r.gone, 1);
}

/* The end of an answer is told by END_STREAM alone. */
static void a_reset_without_an_error_is_no_whole_answer(void **state)
{
    LG_SCOPED(rig) r = {0};
    LG_SCOPED(call) a = {0};

    (void)state;
    open_rig(&r, 0);
    (void)ask(&r, &a, LG_LIT("1"), true);
    assert_true(carry(&r));
    lg_h2_reset(r.asked[0], LG_H2_NO_ERROR);
    assert_true(carry(&r));
    assert_int_equal(a.closed, 1);
    assert_int_equal(a.code, LG_H2_CANCEL);
}

static void after_goaway_no_call_begins_and_what_runs_ends(void **state)
{
    LG_SCOPED(rig) r = {0};
    LG_SCOPED(call) a = {0};
    LG_SCOPED(call) b = {0};

    (void)state;
    open_rig(&r, 0);
    (void)ask(&r, &a, LG_LIT("1"), true);
    assert_true(carry(&r));
    lg_h2_shutdown(r.server);
    assert_true(carry(&r));
    assert_int_equal(lg_h2_client_room(r.client), 0);
    assert_int_equal(ask(&r, &b, LG_LIT("2"), true), 0);
    answer(r.asked[0], LG_LIT("v"));
    assert_false(carry(&r)); /* It is over. */
    assert_int_equal(a.closed, 1);
    assert_int_equal(a.code, LG_H2_NO_ERROR);
}

static void what_is_no_http2_ends_the_connection(void **state)
{
    LG_SCOPED(rig) r = {0};
    LG_SCOPED(call) a = {0};

    (void)state;
    open_rig(&r, 0);
    (void)ask(&r, &a, LG_LIT("1"), true);
    (void)lg_h2_client_output(r.client);
    assert_false(lg_h2_client_input(r.client, LG_LIT("HTTP/1.1 400 Bad Request\r\n\r\n")) &&
                 lg_h2_client_room(r.client) > 0);
    lg_h2_client_free(r.client);
    r.client = NULL;
    assert_int_equal(a.closed, 1);
    assert_int_not_equal(a.code, LG_H2_NO_ERROR);
}

static void large_bodies_pass_the_windows(void **state)
{
    LG_SCOPED(rig) r = {0};
    LG_SCOPED(call) a = {0};
    LG_SCOPED(lg_buf) large = {0};

    (void)state;
    for (size_t i = 0; i < (size_t)900 << 10; i++)
        lg_buf_append_byte(&large, (uint8_t)(i * 7));
    open_rig(&r, 0);
    (void)ask(&r, &a, lg_buf_slice(&large), true);
    assert_true(carry(&r));
    assert_slice_equal(lg_buf_slice(&r.got), lg_buf_slice(&large));
    answer(r.asked[0], lg_buf_slice(&large));
    assert_true(carry(&r));
    assert_slice_equal(lg_buf_slice(&a.body), lg_buf_slice(&large));
    assert_int_equal(a.closed, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_are_answered_with_head_body_and_trailers),
        cmocka_unit_test(a_call_that_stays_open_sends_more_and_ends),
        cmocka_unit_test(the_peers_limit_of_streams_is_the_room),
        cmocka_unit_test(resets_are_told_either_way),
        cmocka_unit_test(a_reset_without_an_error_is_no_whole_answer),
        cmocka_unit_test(after_goaway_no_call_begins_and_what_runs_ends),
        cmocka_unit_test(what_is_no_http2_ends_the_connection),
        cmocka_unit_test(large_bodies_pass_the_windows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
