/* Calls of gRPC at a server, over both engines and the simulated network: heads, bodies, deadlines,
 * clients that go, streams, and the end of the server. */
#include "test/test.h"

#include "base/compressor.h"
#include "net/h2_frame.h"
#include "net/metrics.h"
#include "net/rpc_server.h"
#include "test/lib/h2_rig.h"

#define GET "/com.linkedin.venice.protocols.VeniceReadService/get"
#define BATCH "/com.linkedin.venice.protocols.VeniceReadService/batchGet"
#define COUNT "/com.linkedin.venice.protocols.VeniceReadService/countByValue"
#define WATCH "/grpc.health.v1.Health/Watch"
#define STREAM "/lagoon.read.v1.ReadService/BatchGet"
#define MESSAGE_MAX 100

static struct { /* What the methods below saw of the last calls. */
    struct lg_rpc_call *held, *stream;
    unsigned gone, half_closed, drained, rooms, messages, lost;
} seen;

/* --- The methods ----------------------------------------------------------------------------- */

static void answer(struct lg_rpc_call *call, struct lg_slice message)
{
    uint8_t prefix[LG_GRPC_PREFIX_BYTES];
    struct lg_slice pieces[2] = {{prefix, sizeof prefix}, message};

    lg_grpc_prefix(prefix, /* is_compressed= */ false, message.size);
    lg_rpc_answer(call, pieces, LG_ARRAY_SIZE(pieces));
}

static void lost(struct lg_rpc_call *call)
{
    assert_ptr_equal(call, seen.held);
    assert_true(call->peer_gone);
    seen.lost++;
}

/* "hold": the test answers; "fail": PERMISSION_DENIED; anything else comes back. */
static void unary(void *ctx, struct lg_rpc_call *call, struct lg_slice message)
{
    (void)ctx;
    if (lg_slice_eq_str(message, "hold")) {
        seen.held = call;
        assert_null(call->lost); /* Not that of an earlier call. */
        call->lost = lost;
        lg_rpc_wait(call);
    } else if (lg_slice_eq_str(message, "fail")) {
        lg_rpc_fail(call, LG_GRPC_PERMISSION_DENIED, LG_LIT("50 % of it"));
    } else {
        answer(call, message);
    }
}

static void begin(void *ctx, struct lg_rpc_call *call)
{
    (void)ctx;
    seen.stream = call;
}

static void message(void *ctx, struct lg_rpc_call *call, struct lg_slice m)
{
    (void)ctx;
    seen.messages++;
    if (lg_slice_eq_str(m, "end"))
        lg_rpc_finish(call, LG_GRPC_OK, LG_SLICE_NULL);
}

static void bytes(void *ctx, struct lg_rpc_call *call, struct lg_slice b)
{
    (void)ctx;
    lg_rpc_send(call, b);
}

static void half_closed(void *ctx, struct lg_rpc_call *call)
{
    (void)ctx;
    seen.half_closed++;
    lg_rpc_finish(call, LG_GRPC_OK, LG_SLICE_NULL);
}

static void drain(void *ctx, struct lg_rpc_call *call)
{
    (void)ctx;
    seen.drained++;
    lg_rpc_finish(call, LG_GRPC_UNAVAILABLE, LG_LIT("it ends"));
}

static void room(void *ctx, struct lg_rpc_call *call)
{
    (void)ctx, (void)call;
    seen.rooms++;
}

static void gone(void *ctx, struct lg_rpc_call *call)
{
    (void)ctx, (void)call;
    seen.gone++;
    seen.stream = NULL;
}

static const struct lg_rpc_stream_handler by_message = {
    .begin = begin, .message = message, .half_closed = half_closed, .drain = drain, .gone = gone};
static const struct lg_rpc_stream_handler by_bytes = {.begin = begin,
                                                      .bytes = bytes,
                                                      .half_closed = half_closed,
                                                      .drain = drain,
                                                      .room = room,
                                                      .gone = gone};
static const struct lg_rpc_offer offer = {
    .methods = {[LG_RPC_VENICE_READ_GET] = {.unary = unary},
                [LG_RPC_VENICE_READ_BATCH_GET] = {.unary = unary},
                [LG_RPC_HEALTH_WATCH] = {.stream = &by_message},
                [LG_RPC_READ_BATCH_GET] = {.stream = &by_bytes}},
    .message_bytes_max = MESSAGE_MAX};

/* --- The client ------------------------------------------------------------------------------ */

static void up_with(struct h2_rig *r, size_t engine, uint64_t idle_ms)
{
    memset(&seen, 0, sizeof seen);
    h2_rig_init_with(r, h2_rig_engines[engine], H2_RIG_BODY_BYTES, idle_ms, &offer);
    h2_rig_on_lane(r, h2_rig_open, 0);
    r->clients[0].also[0] = "content-type";
    r->clients[0].also[1] = "application/grpc";
    r->clients[0].also[2] = NULL;
}

static void up(struct h2_rig *r, size_t engine)
{
    up_with(r, engine, H2_RIG_IDLE_MS);
}

#define EACH(r)                                                                                    \
    for (size_t engine = 0; engine < H2_RIG_ENGINES; engine++, h2_rig_done(r))                     \
        if (up(r, engine), true)

/* The i-th field that requests have from now on, beside the content-type. */
static void also(struct h2_rig *r, size_t i, const char *name, const char *value)
{
    r->clients[0].also[2 + 2 * i] = name;
    r->clients[0].also[3 + 2 * i] = value;
    r->clients[0].also[4 + 2 * i] = NULL;
}

static const char *framed(const char *text)
{
    static char frame[MESSAGE_MAX * 2];

    memset(frame, 0, LG_GRPC_PREFIX_BYTES);
    frame[4] = (char)strlen(text);
    (void)snprintf(frame + LG_GRPC_PREFIX_BYTES, sizeof frame - LG_GRPC_PREFIX_BYTES, "%s", text);
    return frame;
}

static size_t call(struct h2_rig *r, const char *path, const char *text)
{
    return h2_rig_ask(r, 0, path, lg_slice(framed(text), LG_GRPC_PREFIX_BYTES + strlen(text)));
}

static void expect_body(struct h2_rig *r, size_t i, const char *text)
{
    const struct h2_asked *a = h2_rig_asked(r, i);

    assert_int_equal(a->status, 200);
    assert_int_equal(a->body.size, LG_GRPC_PREFIX_BYTES + strlen(text));
    assert_memory_equal(a->body.data, framed(text), a->body.size);
}

static void expect(struct h2_rig *r, size_t i, const char *text)
{
    expect_body(r, i, text);
    assert_true(h2_rig_asked(r, i)->closed);
    assert_true(h2_asked_has(h2_rig_asked(r, i), "content-type: application/grpc"));
    assert_true(h2_asked_has(h2_rig_asked(r, i), "grpc-status: 0\n"));
}

static void expect_status(struct h2_rig *r, size_t i, enum lg_grpc_status status)
{
    const struct h2_asked *a = h2_rig_asked(r, i);
    char line[32];

    (void)snprintf(line, sizeof line, "grpc-status: %d\n", (int)status);
    assert_int_equal(a->status, 200);
    if (!h2_asked_has(a, line))
        fail_msg("wanted %s in %.*s", line, (int)a->head.size, (const char *)a->head.data);
    assert_true(a->closed);
}

/* --- Unary calls ----------------------------------------------------------------------------- */

static void a_call_is_answered_with_a_message_and_a_status(void **state)
{
    struct h2_rig r;

    (void)state;
    EACH(&r)
    {
        for (int i = 0; i < 5; i++) { /* The head is remembered, calls are used again. */
            expect(&r, call(&r, GET, "one"), "one");
            expect(&r, call(&r, BATCH, ""), "");
        }
        expect_status(&r, call(&r, GET, "fail"), LG_GRPC_PERMISSION_DENIED);
        assert_true(h2_asked_has(h2_rig_asked(&r, r.asked), "grpc-message: 50 %25 of it\n"));
        assert_int_equal(h2_rig_asked(&r, r.asked)->body.size, 0);
        expect(&r, call(&r, GET, "two"), "two");
        r.clients[0].also[0] = NULL; /* HTTP goes on beside it. */
        h2_rig_expect(&r, h2_rig_get(&r, "/plain"), 200, "GET /plain world 0 ");
    }
}

static void a_head_that_is_no_call_is_refused(void **state)
{
    struct h2_rig r;

    (void)state;
    EACH(&r)
    {
        assert_int_equal(h2_rig_asked(&r, h2_rig_get(&r, GET))->status, 405);
        r.path = GET;
        h2_rig_on_lane(&r, h2_rig_head, 0);
        h2_rig_settle(&r);
        assert_int_equal(h2_rig_asked(&r, r.asked)->status, 405);
        assert_true(h2_rig_asked(&r, r.asked)->closed);
        assert_int_equal(h2_rig_asked(&r, r.asked)->code, 0); /* Nothing that HEAD must not have. */
        assert_int_equal(h2_rig_asked(&r, r.asked)->body.size, 0);
        r.clients[0].also[1] = "application/json";
        assert_int_equal(h2_rig_asked(&r, call(&r, GET, "x"))->status, 415);
        r.clients[0].also[1] = "application/grpc+proto";
        expect(&r, call(&r, GET, "x"), "x");
        expect_status(&r, call(&r, "/a.b/c", "x"), LG_GRPC_UNIMPLEMENTED);
        expect_status(&r, call(&r, "/abc", "x"), LG_GRPC_UNIMPLEMENTED);
        expect_status(&r, call(&r, COUNT, "x"), LG_GRPC_UNIMPLEMENTED); /* Not offered here. */
        also(&r, 0, "grpc-encoding", "br");
        expect_status(&r, call(&r, GET, "x"), LG_GRPC_UNIMPLEMENTED);
        also(&r, 0, "grpc-timeout", "soon");
        expect_status(&r, call(&r, GET, "x"), LG_GRPC_INTERNAL);
        also(&r, 0, "grpc-timeout", "0m");
        expect_status(&r, call(&r, GET, "x"), LG_GRPC_DEADLINE_EXCEEDED);
        also(&r, 0, "grpc-timeout", "1S");
        expect(&r, call(&r, GET, "x"), "x");
        also(&r, 0, "grpc-timeout", "later"); /* Also beside a head that is remembered. */
        expect_status(&r, call(&r, GET, "x"), LG_GRPC_INTERNAL);
        assert_int_equal(r.requests, 0); /* None of it came to the handler of HTTP. */
    }
}

static void begin_get(struct h2_rig *r, size_t i)
{
    r->path = GET;
    r->body = LG_LIT("\0\0");
    h2_rig_begin(r, i);
}

static void begin_unknown(struct h2_rig *r, size_t i)
{
    r->path = "/a.b/c";
    r->body = LG_LIT("\0\0");
    h2_rig_begin(r, i);
}

/* curl 7.88 fails when it is answered while it sends: what the answer was, nobody hears. */
static void a_refused_call_is_answered_at_its_end(void **state)
{
    struct h2_rig r;

    (void)state;
    EACH(&r)
    {
        h2_rig_on_lane(&r, begin_unknown, 0);
        h2_rig_settle(&r);
        assert_int_equal(h2_rig_asked(&r, r.asked)->status, 0);
        h2_rig_on_lane(&r, h2_rig_end, r.asked);
        h2_rig_settle(&r);
        expect_status(&r, r.asked, LG_GRPC_UNIMPLEMENTED);
        expect(&r, call(&r, GET, "x"), "x");

        r.clients[0].also[1] = "application/json";
        h2_rig_on_lane(&r, begin_get, 0);
        h2_rig_settle(&r);
        assert_int_equal(h2_rig_asked(&r, r.asked)->status, 0);
        h2_rig_on_lane(&r, h2_rig_end, r.asked);
        h2_rig_settle(&r);
        assert_int_equal(h2_rig_asked(&r, r.asked)->status, 415);
    }
}

static void a_refusal_comes_before_the_clients_own_deadline(void **state)
{
    struct h2_rig r;

    (void)state;
    EACH(&r)
    {
        also(&r, 0, "grpc-timeout", "200m");
        h2_rig_on_lane(&r, begin_unknown, 0);
        lg_sim_run_us(r.sim, 110 * LG_MS);
        expect_status(&r, r.asked, LG_GRPC_UNIMPLEMENTED);
    }
}

static void a_refused_call_is_answered_beside_one_that_is_taken(void **state)
{
    struct h2_rig r;

    (void)state;
    EACH(&r)
    {
        /* One call of which there is all, and one of which there is not, in one piece of input. */
        r.clients[0].corked = true;
        h2_rig_on_lane(&r, begin_unknown, 0);
        r.clients[0].corked = false;
        expect(&r, call(&r, GET, "x"), "x");
        assert_int_equal(h2_rig_asked(&r, r.asked - 1)->status, 0);
        h2_rig_on_lane(&r, h2_rig_end, r.asked - 1);
        h2_rig_settle(&r);
        expect_status(&r, r.asked - 1, LG_GRPC_UNIMPLEMENTED);
    }
}

/* It may be a stream of a method that is not known here, whose client waits for the answer. */
static void a_refused_call_that_does_not_end_is_answered_in_a_second(void **state)
{
    struct h2_rig r;

    (void)state;
    EACH(&r)
    {
        h2_rig_on_lane(&r, begin_unknown, 0);
        lg_sim_run_us(r.sim, LG_SEC + 100 * LG_MS);
        expect_status(&r, r.asked, LG_GRPC_UNIMPLEMENTED);
        expect(&r, call(&r, GET, "x"), "x");
    }
}

/* Then its connection ends with the answer. */
static void a_refused_call_is_answered_when_its_peer_is_silent_for_less(void **state)
{
    struct h2_rig r;

    (void)state;
    for (size_t engine = 0; engine < H2_RIG_ENGINES; engine++, h2_rig_done(&r)) {
        up_with(&r, engine, /* idle_ms= */ 500);
        lg_sim_run_us(r.sim, 300 * LG_MS);
        h2_rig_on_lane(&r, begin_unknown, 0);
        lg_sim_run_us(r.sim, 900 * LG_MS);
        expect_status(&r, r.asked, LG_GRPC_UNIMPLEMENTED);
        assert_int_equal(r.clients[0].goaways, 1);
        assert_int_equal(r.clients[0].goaway_code, 0);
    }
}

static void begin_long_unknown(struct h2_rig *r, size_t i)
{
    static char large[MESSAGE_MAX + LG_GRPC_PREFIX_BYTES + 1];

    r->path = "/a.b/c";
    r->body = lg_slice(large, sizeof large);
    h2_rig_begin(r, i);
}

static void a_refused_call_is_answered_where_it_is_too_long(void **state)
{
    struct h2_rig r;

    (void)state;
    EACH(&r)
    {
        h2_rig_on_lane(&r, begin_long_unknown, 0);
        h2_rig_settle(&r);
        expect_status(&r, r.asked, LG_GRPC_UNIMPLEMENTED);
    }
}

static void a_refused_call_may_go_before_its_answer(void **state)
{
    struct h2_rig r;

    (void)state;
    EACH(&r)
    {
        h2_rig_on_lane(&r, begin_unknown, 0);
        h2_rig_settle(&r);
        h2_rig_on_lane(&r, h2_rig_reset, r.asked);
        lg_sim_run_us(r.sim, 2 * LG_SEC);
        assert_int_equal(h2_rig_asked(&r, r.asked)->status, 0);
        expect(&r, call(&r, GET, "x"), "x");
        h2_rig_on_lane(&r, begin_unknown, 0);
        h2_rig_settle(&r);
        h2_rig_on_lane(&r, h2_rig_stop, 60000);
        lg_sim_run_us(r.sim, 2 * LG_SEC);
        assert_true(r.stopped);
        expect_status(&r, r.asked, LG_GRPC_UNIMPLEMENTED);
    }
}

static void a_body_that_is_not_one_message_is_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        enum lg_grpc_status status;
    } rows[] = {
        {"\0\0\0\0", 4, LG_GRPC_INTERNAL},
        {"\0\0\0\0\2x", 6, LG_GRPC_INTERNAL},
        {"\0\0\0\0\1x\0\0\0\0\1y", 12, LG_GRPC_INTERNAL},
        {"\0\0\0\0\1x\0", 7, LG_GRPC_INTERNAL},
        {"\2\0\0\0\1x", 6, LG_GRPC_INTERNAL},
        {"\1\0\0\0\1x", 6, LG_GRPC_INTERNAL}, /* Compressed, and nobody said how. */
        {"\0\0\1\0\0x", 6, LG_GRPC_RESOURCE_EXHAUSTED},
    };
    static char large[MESSAGE_MAX + LG_GRPC_PREFIX_BYTES + 1];
    struct h2_rig r;

    (void)state;
    EACH(&r)
    {
        for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++)
            expect_status(&r, h2_rig_ask(&r, 0, GET, lg_slice(rows[i].bytes, rows[i].size)),
                          rows[i].status);
        large[4] = MESSAGE_MAX;
        assert_int_equal(
            h2_rig_asked(&r, h2_rig_ask(&r, 0, GET, lg_slice(large, sizeof large - 1)))->body.size,
            sizeof large - 1);
        large[4] = MESSAGE_MAX + 1;
        expect_status(&r, h2_rig_ask(&r, 0, GET, lg_slice(large, sizeof large)),
                      LG_GRPC_RESOURCE_EXHAUSTED);
        expect(&r, call(&r, GET, "after"), "after");
    }
}

/* The answer, which is the same message, is not compressed, though the client would take it. */
static void a_compressed_request_is_read(void **state)
{
    struct lg_grpc_health_check_request small = {
        .service = LG_LIT("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")};
    LG_SCOPED(lg_buf) packed = {0}, frame = {0}, plain = {0};
    struct lg_error err;
    struct h2_rig r;

    (void)state;
    assert_ok(lg_grpc_append(&plain, &lg_grpc_health_check_request_pb, &small, &err));
    assert_ok(lg_gzip(&packed, lg_slice_skip(lg_buf_slice(&plain), LG_GRPC_PREFIX_BYTES), &err));
    lg_grpc_prefix(lg_buf_reserve(&frame, LG_GRPC_PREFIX_BYTES), /* is_compressed= */ true,
                   packed.size);
    lg_buf_commit(&frame, LG_GRPC_PREFIX_BYTES);
    lg_buf_append_slice(&frame, lg_buf_slice(&packed));
    EACH(&r)
    {
        also(&r, 0, "grpc-encoding", "gzip");
        also(&r, 1, "grpc-accept-encoding", "gzip");
        (void)h2_rig_ask(&r, 0, GET, lg_buf_slice(&frame));
        expect_status(&r, r.asked, LG_GRPC_OK);
        assert_int_equal(h2_rig_asked(&r, r.asked)->body.size, plain.size);
        assert_memory_equal(h2_rig_asked(&r, r.asked)->body.data, plain.data, plain.size);
        assert_false(h2_asked_has(h2_rig_asked(&r, r.asked), "grpc-encoding"));
    }
}

static void answer_held(struct h2_rig *r, size_t i)
{
    (void)r, (void)i;
    answer(seen.held, LG_LIT("late"));
}

static uint64_t counted(enum lg_rpc rpc, bool failed)
{
    return lg_metric_value(&lg_metric_rpc_calls_total, (uint32_t)rpc * 2 + (failed ? 1 : 0));
}

/* Also those that are answered when their client, or its connection, is gone. */
static void each_call_is_counted_by_its_method_and_outcome(void **state)
{
    struct h2_rig r;

    (void)state;
    EACH(&r)
    {
        uint64_t gets = counted(LG_RPC_VENICE_READ_GET, false);
        uint64_t fails = counted(LG_RPC_VENICE_READ_GET, true);
        uint64_t batches = counted(LG_RPC_VENICE_READ_BATCH_GET, false);

        for (int i = 0; i < 3; i++) {
            (void)call(&r, GET, "one");
            assert_int_equal(counted(LG_RPC_VENICE_READ_GET, false), gets + (uint64_t)i + 1);
            (void)call(&r, BATCH, "two");
        }
        (void)call(&r, GET, "fail");
        (void)call(&r, GET, "hold");
        h2_rig_on_lane(&r, h2_rig_leave, 0);
        h2_rig_settle(&r);
        h2_rig_on_lane(&r, answer_held, 0);
        assert_int_equal(counted(LG_RPC_VENICE_READ_GET, false), gets + 4);
        assert_int_equal(counted(LG_RPC_VENICE_READ_GET, true), fails + 1);
        assert_int_equal(counted(LG_RPC_VENICE_READ_BATCH_GET, false), batches + 3);
    }
}

static void put_frame(struct lg_buf *out, enum lg_h2_type type, unsigned flags, uint32_t stream,
                      struct lg_slice payload)
{
    uint8_t head[LG_H2_FRAME_HEAD_BYTES];

    (void)lg_h2_frame_write(head, payload.size, type, flags, stream);
    lg_buf_append(out, head, sizeof head);
    lg_buf_append_slice(out, payload);
}

/* A head of GET, without the table: its fields stand in the static one, or in full. */
static void put_get(struct lg_buf *out, uint32_t stream)
{
    static const char type[] = "\x0f\x10\x10"
                               "application/grpc";
    LG_SCOPED(lg_buf) block = {0};

    lg_buf_append_str(&block, "\x83\x86\x01\x01x\x04");
    lg_buf_append_byte(&block, (uint8_t)strlen(GET));
    lg_buf_append_str(&block, GET);
    lg_buf_append_str(&block, type);
    put_frame(out, LG_H2_HEADERS, LG_H2_FLAG_END_HEADERS, stream, lg_buf_slice(&block));
}

/* Bodies that come at once are read where they lie in the input; these do not. */
static void bodies_that_come_in_turns_are_kept_apart(void **state)
{
    static uint8_t
        filler[4096]; /* So that the input comes at once, and lies where the last one did. */
    struct h2_rig r;

    (void)state;
    EACH(&r)
    {
        LG_SCOPED(lg_buf) out = {0};

        lg_buf_append_str(&out, LG_H2_PREFACE);
        put_frame(&out, LG_H2_SETTINGS, 0, 0, LG_SLICE_NULL);
        put_get(&out, 1);
        put_get(&out, 3);
        put_get(&out, 5);
        put_frame(&out, LG_H2_DATA, 0, 1, LG_LIT("\0\0\0\0\5fir"));
        put_frame(&out, LG_H2_DATA, 0, 3, LG_LIT("\0\0\0\0\6second"));
        put_frame(&out, LG_H2_DATA, LG_H2_FLAG_END_STREAM, 1, LG_LIT("st"));
        put_frame(&out, LG_H2_DATA, LG_H2_FLAG_END_STREAM, 3, LG_SLICE_NULL);
        put_frame(&out, LG_H2_DATA, 0, 5, LG_LIT("\0\0\0\0\5third"));
        put_frame(&out, (enum lg_h2_type)0x20, 0, 0, lg_slice(filler, sizeof filler));
        r.body = lg_buf_slice(&out);
        h2_rig_on_lane(&r, h2_rig_say_now, 0);
        h2_rig_settle(&r);
        lg_buf_clear(&out);
        put_frame(&out, (enum lg_h2_type)0x20, 0, 0, lg_slice(filler, sizeof filler));
        put_frame(&out, LG_H2_DATA, LG_H2_FLAG_END_STREAM, 5, LG_SLICE_NULL);
        r.body = lg_buf_slice(&out);
        h2_rig_on_lane(&r, h2_rig_say_now, 0);
        h2_rig_settle(&r);
        assert_non_null(memmem(r.plain_received.data, r.plain_received.size, "first", 5));
        assert_non_null(memmem(r.plain_received.data, r.plain_received.size, "second", 6));
        h2_rig_expect_plain(&r, "third");
    }
}

static void a_deadline_ends_the_call_and_the_answer_is_dropped(void **state)
{
    struct h2_rig r;
    size_t i;

    (void)state;
    EACH(&r)
    {
        also(&r, 0, "grpc-timeout", "50m");
        expect_status(&r, call(&r, GET, "hold"), LG_GRPC_DEADLINE_EXCEEDED);
        assert_true(seen.held->peer_gone);
        assert_int_equal(seen.lost, 1);
        h2_rig_on_lane(&r, answer_held, 0);
        also(&r, 0, "grpc-timeout", "5S");
        i = call(&r, GET, "hold");
        assert_false(h2_rig_asked(&r, i)->closed);
        h2_rig_on_lane(&r, answer_held, 0);
        h2_rig_settle(&r);
        expect(&r, i, "late");
        assert_int_equal(seen.lost, 1); /* Somebody waited for this one. */
    }
}

static void a_client_that_goes_leaves_nothing_behind(void **state)
{
    struct h2_rig r;
    size_t i;

    (void)state;
    EACH(&r)
    {
        also(&r, 0, "grpc-timeout", "1S");
        i = call(&r, GET, "hold");
        assert_string_not_equal(seen.held->peer, "");
        h2_rig_on_lane(&r, h2_rig_reset, i);
        h2_rig_settle(&r);
        assert_true(seen.held->peer_gone);
        assert_string_equal(seen.held->peer, "");
        lg_sim_run_us(r.sim, 2 * LG_SEC); /* Its deadline is nobody's any more. */
        assert_int_equal(seen.lost, 1);
        h2_rig_on_lane(&r, answer_held, 0);
        (void)call(&r, GET, "hold");
        h2_rig_on_lane(&r, h2_rig_leave, 0);
        h2_rig_settle(&r);
        assert_true(seen.held->peer_gone);
        h2_rig_on_lane(&r, h2_rig_stop, 1000); /* It waits for the answer. */
        h2_rig_settle(&r);
        assert_false(r.stopped);
        h2_rig_on_lane(&r, answer_held, 0);
        h2_rig_settle(&r);
        assert_true(r.stopped);
    }
}

static void an_answer_may_come_when_the_server_is_gone(void **state)
{
    struct h2_rig r;

    (void)state;
    EACH(&r)
    {
        (void)call(&r, GET, "hold");
        h2_rig_on_lane(&r, h2_rig_stop, 10);
        h2_rig_settle(&r);
        assert_true(r.stopped);
        h2_rig_on_lane(&r, answer_held, 0);
    }
}

static void a_request_that_never_ends_is_given_up(void **state)
{
    struct h2_rig r;

    (void)state;
    EACH(&r)
    {
        h2_rig_on_lane(&r, begin_get, 0);
        lg_sim_run_us(r.sim, (H2_RIG_IDLE_MS + 2000) * LG_MS);
        expect_status(&r, r.asked, LG_GRPC_DEADLINE_EXCEEDED);
        assert_true(r.clients[0].goaways > 0);
    }
}

/* --- Streams --------------------------------------------------------------------------------- */

static void begin_stream(struct h2_rig *r, size_t i)
{
    r->path = i == 0 ? STREAM : WATCH;
    r->body = lg_slice(framed("abc"), LG_GRPC_PREFIX_BYTES + 3);
    h2_rig_begin(r, 0);
}

static void fill(struct h2_rig *r, size_t n)
{
    static uint8_t piece[16384];

    (void)r;
    for (size_t i = 0; i < n; i++)
        lg_rpc_send(seen.stream, lg_slice(piece, sizeof piece));
}

static void a_stream_sends_while_it_receives(void **state)
{
    struct h2_rig r;

    (void)state;
    EACH(&r)
    {
        expect(&r, call(&r, STREAM, "both"),
               "both"); /* Half-closed by the client, then finished. */
        assert_int_equal(seen.half_closed, 1);
        h2_rig_on_lane(&r, begin_stream, 0);
        h2_rig_settle(&r);
        expect_body(&r, r.asked, "abc");
        assert_false(h2_rig_asked(&r, r.asked)->closed);
        h2_rig_on_lane(&r, fill, 1); /* Nobody asked for it. */
        h2_rig_settle(&r);
        assert_int_equal(h2_rig_asked(&r, r.asked)->body.size, LG_GRPC_PREFIX_BYTES + 3 + 16384);
        h2_rig_on_lane(&r, h2_rig_reset, r.asked);
        h2_rig_settle(&r);
        assert_int_equal(seen.gone, 1);
        assert_int_equal(seen.half_closed, 1);
    }
}

static void messages_of_a_stream_come_one_by_one(void **state)
{
    static const char two[] = "\0\0\0\0\1x\0\0\0\0\1y", ended[] = "\0\0\0\0\3end\0\0\0\0\1y",
                      cut[] = "\0\0\0\0\2x", bad[] = "\0\0\0\0\1x\7\0\0\0\1x";
    struct h2_rig r;

    (void)state;
    EACH(&r)
    {
        expect_status(&r, h2_rig_ask(&r, 0, WATCH, lg_slice(two, sizeof two - 1)), LG_GRPC_OK);
        assert_int_equal(seen.messages, 2);
        assert_int_equal(seen.half_closed, 1);
        expect_status(&r, h2_rig_ask(&r, 0, WATCH, lg_slice(ended, sizeof ended - 1)), LG_GRPC_OK);
        assert_int_equal(seen.messages, 3); /* What comes behind the end is nobody's. */
        expect_status(&r, h2_rig_ask(&r, 0, WATCH, lg_slice(cut, sizeof cut - 1)),
                      LG_GRPC_INTERNAL);
        expect_status(&r, h2_rig_ask(&r, 0, WATCH, lg_slice(bad, sizeof bad - 1)),
                      LG_GRPC_INTERNAL);
        assert_int_equal(seen.messages, 4);
        assert_int_equal(seen.gone, 2);
        expect(&r, call(&r, GET, "after"), "after");
    }
}

/* What is taken is not kept: neither a window nor the bound on bodies ends it. */
static void a_stream_takes_more_than_a_connection_may_keep(void **state)
{
    enum { MESSAGES = 36 * (1 << 20) / (LG_GRPC_PREFIX_BYTES + MESSAGE_MAX) };
    LG_SCOPED(lg_buf) body = {0};
    struct h2_rig r;

    (void)state;
    for (unsigned i = 0; i < MESSAGES; i++) {
        uint8_t *room = lg_buf_reserve(&body, LG_GRPC_PREFIX_BYTES + MESSAGE_MAX);

        lg_grpc_prefix(room, /* is_compressed= */ false, MESSAGE_MAX);
        memset(room + LG_GRPC_PREFIX_BYTES, 'm', MESSAGE_MAX);
        lg_buf_commit(&body, LG_GRPC_PREFIX_BYTES + MESSAGE_MAX);
    }
    EACH(&r)
    {
        (void)h2_rig_ask(&r, 0, WATCH, lg_buf_slice(&body));
        lg_sim_run_us(r.sim, 60 * LG_SEC);
        expect_status(&r, r.asked, LG_GRPC_OK);
        assert_int_equal(seen.messages, MESSAGES);
    }
}

static void a_full_stream_hears_of_room(void **state)
{
    struct h2_rig r;

    (void)state;
    for (size_t engine = 0; engine < H2_RIG_ENGINES; engine++, h2_rig_done(&r)) {
        memset(&seen, 0, sizeof seen);
        h2_rig_init_with(&r, h2_rig_engines[engine], H2_RIG_BODY_BYTES, H2_RIG_IDLE_MS, &offer);
        r.window_by_hand = true;
        h2_rig_on_lane(&r, h2_rig_open, 0);
        r.clients[0].also[0] = "content-type";
        r.clients[0].also[1] = "application/grpc";
        h2_rig_on_lane(&r, begin_stream, 0);
        h2_rig_settle(&r);
        assert_false(lg_rpc_is_full(seen.stream));
        h2_rig_on_lane(&r, fill, 16);
        h2_rig_settle(&r);
        assert_true(lg_rpc_is_full(seen.stream));
        assert_int_equal(seen.rooms, 0);
        h2_rig_on_lane(&r, h2_rig_take, r.asked);
        h2_rig_settle(&r);
        assert_true(seen.rooms > 0);
        assert_false(lg_rpc_is_full(seen.stream));
        assert_int_equal(h2_rig_asked(&r, r.asked)->body.size, 16 * 16384 + 8);
    }
}

static void a_deadline_ends_a_stream(void **state)
{
    struct h2_rig r;

    (void)state;
    EACH(&r)
    {
        also(&r, 0, "grpc-timeout", "50m");
        h2_rig_on_lane(&r, begin_stream, 0);
        h2_rig_settle(&r);
        expect_status(&r, r.asked, LG_GRPC_DEADLINE_EXCEEDED);
        assert_int_equal(seen.gone, 1);
    }
}

static void streams_hear_that_the_server_ends(void **state)
{
    struct h2_rig r;
    size_t first;

    (void)state;
    EACH(&r)
    {
        h2_rig_on_lane(&r, begin_stream, 0);
        h2_rig_settle(&r);
        first = r.asked;
        h2_rig_on_lane(&r, begin_stream, 1);
        h2_rig_settle(&r);
        h2_rig_on_lane(&r, h2_rig_stop, 60000);
        h2_rig_settle(&r);
        assert_int_equal(seen.drained, 2);
        expect_status(&r, first, LG_GRPC_UNAVAILABLE);
        expect_status(&r, r.asked, LG_GRPC_UNAVAILABLE);
        assert_true(r.stopped); /* It did not have to wait. */
    }
}

static void stop_and_begin(struct h2_rig *r, size_t i)
{
    h2_rig_stop(r, 60000);
    begin_stream(r, i); /* Its client has not heard of that. */
}

static void a_stream_that_comes_while_the_server_ends_hears_it_too(void **state)
{
    struct h2_rig r;

    (void)state;
    EACH(&r)
    {
        expect(&r, call(&r, GET, "x"), "x");
        h2_rig_on_lane(&r, stop_and_begin, 1);
        h2_rig_settle(&r);
        expect_status(&r, r.asked, LG_GRPC_UNAVAILABLE);
        assert_true(r.stopped);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_answered_with_a_message_and_a_status),
        cmocka_unit_test(a_head_that_is_no_call_is_refused),
        cmocka_unit_test(a_refused_call_is_answered_at_its_end),
        cmocka_unit_test(a_refusal_comes_before_the_clients_own_deadline),
        cmocka_unit_test(a_refused_call_is_answered_beside_one_that_is_taken),
        cmocka_unit_test(a_refused_call_that_does_not_end_is_answered_in_a_second),
        cmocka_unit_test(a_refused_call_is_answered_when_its_peer_is_silent_for_less),
        cmocka_unit_test(a_refused_call_is_answered_where_it_is_too_long),
        cmocka_unit_test(a_refused_call_may_go_before_its_answer),
        cmocka_unit_test(a_body_that_is_not_one_message_is_refused),
        cmocka_unit_test(a_compressed_request_is_read),
        cmocka_unit_test(each_call_is_counted_by_its_method_and_outcome),
        cmocka_unit_test(bodies_that_come_in_turns_are_kept_apart),
        cmocka_unit_test(a_deadline_ends_the_call_and_the_answer_is_dropped),
        cmocka_unit_test(a_client_that_goes_leaves_nothing_behind),
        cmocka_unit_test(an_answer_may_come_when_the_server_is_gone),
        cmocka_unit_test(a_request_that_never_ends_is_given_up),
        cmocka_unit_test(a_stream_sends_while_it_receives),
        cmocka_unit_test(messages_of_a_stream_come_one_by_one),
        cmocka_unit_test(a_stream_takes_more_than_a_connection_may_keep),
        cmocka_unit_test(a_full_stream_hears_of_room),
        cmocka_unit_test(a_deadline_ends_a_stream),
        cmocka_unit_test(streams_hear_that_the_server_ends),
        cmocka_unit_test(a_stream_that_comes_while_the_server_ends_hears_it_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
