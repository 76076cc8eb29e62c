/* Calls of gRPC on a connection of HTTP/2 (net/rpc_server.h). What the head says is worked out once
 * per head and connection, and remembered with it. A unary request is read where it came when it
 * came at once, else collected in its call, whose memory waits in the server for the next one; a
 * streaming one is handed on as it comes. Owner: the
 * server's lane.
 */
#include "base/memory_gate.h"
#include "net/http2_impl.h"
#include "net/rpc_server.h"

#define CALLS_KEPT_MAX 1024
#define REFUSED_WAIT_US LG_SEC /* at most */
#define TEXT_FIELDS 3

/* A head that was understood, as a word that is never MEMO_HTTP's: http2_conn.c. */
#define MEMO_CALL ((uintptr_t)2)
#define MEMO_ENCODING_SHIFT 8
#define MEMO_RPC_SHIFT 16

struct call {
    struct lg_http2_user user;
    struct lg_rpc_call in;
    const struct lg_rpc_method_handler *handler;
    struct lg_http_server *server; /* NULL: it is gone, too. */
    struct lg_http2_conn *conn;    /* NULL: the peer is gone, or was told that it took too long. */
    struct lg_h2_stream *st;       /* NULL likewise. */
    struct lg_list link;           /* conn->calls, server->lost_calls or server->spare_calls */
    struct lg_buf body;            /* of a unary call, but for what conn->lent is */
    struct lg_grpc_reader reader;
    size_t kept; /* of a stream: bytes that came and are held; refused: that came */
    bool reader_used, streaming, handed, begun, paused, is_head;
    bool *over; /* Somebody on the stack wants to know that the call is. */
    struct lg_timer deadline;
    struct lg_grpc_refusal refusal; /* of one whose events are refused_events */
};

static const struct lg_http2_events call_events, refused_events;

static struct call *call_of(const struct lg_rpc_call *in)
{
    return LG_CONTAINER_OF(in, struct call, in);
}

static size_t message_max(const struct call *call)
{
    size_t max = call->server->options.rpc->message_bytes_max;

    return max == 0 ? LG_GRPC_MESSAGE_BYTES_DEFAULT : max;
}

/* --- Memory ---------------------------------------------------------------------------------- */

static struct call *call_new(struct lg_http_server *s)
{
    struct lg_list *spare = lg_list_pop_front(&s->spare_calls);
    struct call *call;

    if (LG_LIKELY(spare != NULL)) {
        s->spare_call_count--;
        return LG_CONTAINER_OF(spare, struct call, link);
    }
    call = lg_new(struct call);
    lg_list_init(&call->link);
    return call;
}

static void call_free(struct call *call)
{
    lg_buf_done(&call->body);
    lg_grpc_reader_done(&call->reader);
    lg_free(call);
}

static void call_release(struct call *call)
{
    struct lg_http_server *s = call->server;

    lg_list_remove(&call->link);
    lg_timer_stop(call->in.lane, &call->deadline);
    if (LG_UNLIKELY(call->over != NULL))
        *LG_TAKE(call->over) = true;
    if (s == NULL || s->stopping || s->spare_call_count == CALLS_KEPT_MAX) {
        call_free(call);
        return;
    }
    if (LG_UNLIKELY(call->body.capacity > LG_GRPC_KEPT_BYTES_MAX))
        lg_buf_done(&call->body);
    call->body.size = 0;
    if (LG_UNLIKELY(call->reader_used)) {
        lg_grpc_reader_done(&call->reader);
        call->reader = (struct lg_grpc_reader){0};
    }
    call->reader_used = false;
    call->streaming = call->handed = call->begun = call->is_head = false;
    call->in.peer_gone = false;
    call->in.lost = NULL;
    lg_list_push_front(&s->spare_calls, &call->link);
    s->spare_call_count++;
}

void lg_http2_call_free_spare(struct lg_http_server *s)
{
    while (!lg_list_empty(&s->spare_calls))
        call_free(LG_CONTAINER_OF(lg_list_pop_front(&s->spare_calls), struct call, link));
    while (!lg_list_empty(&s->lost_calls))
        LG_CONTAINER_OF(lg_list_pop_front(&s->lost_calls), struct call, link)->server = NULL;
}

/* Its stream is not ours any more; the handler has yet to answer. */
static void call_lose(struct call *call)
{
    lg_timer_stop(call->in.lane, &call->deadline);
    call->conn = NULL;
    call->st = NULL;
    call->in.peer = "";
    call->in.identity = NULL;
    call->in.peer_gone = true;
    lg_list_remove(&call->link);
    lg_list_push_back(&call->server->lost_calls, &call->link);
    if (call->in.lost != NULL)
        call->in.lost(&call->in);
}

/* --- Answers --------------------------------------------------------------------------------- */

void lg_rpc_count_refused(enum lg_grpc_reason reason)
{
    lg_metric_add(&lg_metric_rpc_refused_total, (uint32_t)reason, 1);
}

static void count(struct call *call, enum lg_grpc_status status)
{
    if (call->server != NULL)
        lg_metric_add(&lg_metric_rpc_calls_total,
                      (uint32_t)call->in.rpc * 2 + (status == LG_GRPC_OK ? 0 : 1), 1);
}

void lg_http2_call_tell(struct lg_http_server *s)
{
    if (s->answered > 0)
        lg_metric_add(&lg_metric_rpc_calls_total, (uint32_t)s->answered_rpc * 2, s->answered);
    s->answered = 0;
}

/* Calls that went well are told of before their answers are sent, which is at the end of the tick:
 * they are mostly of one method. */
static void count_answer(struct lg_http_server *s, enum lg_rpc rpc)
{
    if (LG_UNLIKELY(s->answered_rpc != rpc)) {
        lg_http2_call_tell(s);
        s->answered_rpc = rpc;
    }
    s->answered++;
}

/* The end of a call whose stream has its last bytes. */
static void call_done(struct call *call)
{
    struct lg_http2_conn *c = call->conn;

    call_release(call);
    lg_http2_answered(c);
}

/* Nobody waited for it. */
static void lost_done(struct call *call)
{
    struct lg_http_server *s = call->server;

    call_release(call);
    if (s != NULL)
        lg_http_server_check_stopped(s);
}

/* Before any byte of an answer: its head says it all. */
static void put_status(struct call *call, enum lg_grpc_status status, struct lg_slice text)
{
    struct lg_grpc_trailers t;
    struct lg_http_header fields[TEXT_FIELDS + LG_ARRAY_SIZE(t.fields)];
    size_t n = 0;
    const struct lg_http_header *head = lg_grpc_head_fields(&n);

    assert(n <= TEXT_FIELDS);
    lg_grpc_trailers(&t, status, text);
    memcpy(fields, head, n * sizeof *head);
    memcpy(fields + n, t.fields, t.count * sizeof t.fields[0]);
    lg_h2_respond(call->st, &(struct lg_h2_head){.fields = fields, .count = n + t.count}, NULL, 0,
                  NULL);
}

void lg_rpc_answer(struct lg_rpc_call *in, const struct lg_slice *pieces, size_t n)
{
    struct call *call = call_of(in);
    struct lg_http_server *s = call->server;

    assert(call->handed && !call->streaming && "a call is answered once");
    if (LG_UNLIKELY(call->conn == NULL)) {
        count(call, LG_GRPC_OK);
        lost_done(call);
        return;
    }
    count_answer(s, call->in.rpc);
    lg_h2_respond(call->st, &(struct lg_h2_head){.prepared = s->rpc_head}, pieces, n,
                  &(struct lg_h2_head){.prepared = s->rpc_ok});
    call_done(call);
}

void lg_rpc_fail(struct lg_rpc_call *in, enum lg_grpc_status status, struct lg_slice text)
{
    struct call *call = call_of(in);

    assert(status != LG_GRPC_OK && !call->begun);
    count(call, status);
    if (call->conn == NULL) {
        lost_done(call);
        return;
    }
    put_status(call, status, text);
    call_done(call);
}

void lg_rpc_send(struct lg_rpc_call *in, struct lg_slice frames)
{
    struct call *call = call_of(in);

    assert(call->streaming);
    if (!call->begun)
        lg_h2_begin(call->st, &(struct lg_h2_head){.prepared = call->server->rpc_head});
    call->begun = true;
    if (frames.size > 0)
        lg_h2_write(call->st, &frames, 1);
    lg_http2_flush_soon(call->conn);
}

bool lg_rpc_is_full(const struct lg_rpc_call *in)
{
    return lg_h2_is_full(call_of(in)->st);
}

void lg_rpc_pause(struct lg_rpc_call *in, bool paused)
{
    struct call *call = call_of(in);

    if (call->paused == paused)
        return;
    call->paused = paused;
    lg_h2_pause(call->st, paused);
    if (!paused)
        lg_http2_flush_soon(call->conn); /* Its peer may wait for the window. */
}

void lg_rpc_keep(struct lg_rpc_call *in, size_t bytes)
{
    struct call *call = call_of(in);
    size_t kept = LG_MIN(call->kept, bytes);

    lg_h2_release(call->st, call->kept - kept);
    call->kept = kept;
}

void lg_rpc_finish(struct lg_rpc_call *in, enum lg_grpc_status status, struct lg_slice text)
{
    struct call *call = call_of(in);
    struct lg_grpc_trailers t;

    assert(call->streaming);
    count(call, status);
    if (call->begun) {
        lg_grpc_trailers(&t, status, text);
        lg_h2_end(call->st, &(struct lg_h2_head){.fields = t.fields, .count = t.count});
    } else {
        put_status(call, status, text);
    }
    call_done(call);
}

static void too_late(struct lg_timer *timer)
{
    struct call *call = LG_CONTAINER_OF(timer, struct call, deadline);
    struct lg_http2_conn *c = call->conn;
    struct lg_http_server *s = call->server;

    if (call->streaming) {
        call->handler->stream->gone(s->options.rpc_ctx, &call->in);
        lg_rpc_finish(&call->in, LG_GRPC_DEADLINE_EXCEEDED, LG_SLICE_NULL);
        return;
    }
    put_status(call, LG_GRPC_DEADLINE_EXCEEDED, LG_SLICE_NULL);
    call_lose(call);
    lg_http2_answered(c);
}

void lg_rpc_wait(struct lg_rpc_call *in)
{
    struct call *call = call_of(in);
    uint64_t now_us = lg_lane_now_us(in->lane);

    if (in->deadline_us != UINT64_MAX && call->conn != NULL)
        lg_timer_start(in->lane, &call->deadline,
                       in->deadline_us > now_us ? in->deadline_us - now_us : 0, too_late);
}

void lg_rpc_refuse(struct lg_rpc_call *in, const struct lg_error *err)
{
    enum lg_grpc_status status = lg_grpc_status_of_input(err->rc);

    lg_rpc_count_refused(err->rc == LG_ERR_TOO_LARGE ? LG_GRPC_TOO_LARGE : LG_GRPC_BAD_MESSAGE);
    if (call_of(in)->streaming)
        lg_rpc_finish(in, status, lg_slice_str(err->text));
    else
        lg_rpc_fail(in, status, lg_slice_str(err->text));
}

/* --- The head -------------------------------------------------------------------------------- */

/* Whoever sent it does not speak gRPC. */
static void put_plain(struct lg_h2_stream *st, const struct lg_grpc_refusal *why, bool has_body)
{
    struct lg_slice text = lg_slice_str(why->text);
    const struct lg_http_header fields[] = {
        {LG_LIT(":status"), why->http == 405 ? LG_LIT("405") : LG_LIT("415")},
        {LG_LIT("content-type"), LG_LIT("text/plain")}};

    lg_h2_respond(st, &(struct lg_h2_head){.fields = fields, .count = LG_ARRAY_SIZE(fields)}, &text,
                  has_body ? 1 : 0, NULL);
}

static void answer_refused(struct call *call)
{
    if (call->refusal.http == 200)
        put_status(call, call->refusal.status, lg_slice_str(call->refusal.text));
    else
        put_plain(call->st, &call->refusal, !call->is_head);
    call_done(call);
}

static void refused_long_enough(struct lg_timer *timer)
{
    answer_refused(LG_CONTAINER_OF(timer, struct call, deadline));
}

/* A stream as a call that is none of the handler's yet. */
static inline struct call *take_stream(struct lg_http2_conn *c, struct lg_h2_stream *st)
{
    struct lg_http_server *s = c->in.server;
    struct call *call = call_new(s);

    call->user.events = &call_events;
    call->server = s;
    call->conn = c;
    call->st = st;
    call->in.lane = s->options.lane;
    call->kept = 0;
    call->paused = false;
    st->user = &call->user;
    lg_list_push_back(&c->calls, &call->link);
    return call;
}

/* It is answered at the end of its request: see lg_rpc_turn_away. */
static void await_end(struct call *call, const struct lg_grpc_refusal *why, uint64_t timeout_us)
{
    call->user.events = &refused_events;
    call->refusal = *why;
    lg_timer_start(call->in.lane, &call->deadline, LG_MIN(REFUSED_WAIT_US, timeout_us / 2),
                   refused_long_enough);
}

/* Refused by its head. */
static void refuse(struct lg_http2_conn *c, struct lg_h2_stream *st,
                   const struct lg_h2_request *head, const struct lg_grpc_refusal *why)
{
    struct call *call = take_stream(c, st);
    uint64_t timeout_us = LG_GRPC_NO_TIMEOUT;

    if (head->grpc_timeout.data != NULL && !lg_grpc_parse_timeout(head->grpc_timeout, &timeout_us))
        timeout_us = LG_GRPC_NO_TIMEOUT;
    lg_rpc_count_refused(why->reason);
    call->is_head = lg_slice_eq_str(head->method, "HEAD");
    await_end(call, why, timeout_us);
}

void lg_rpc_turn_away(struct lg_rpc_call *in, enum lg_grpc_status status, const char *text)
{
    struct call *call = call_of(in);
    uint64_t now_us = lg_lane_now_us(in->lane);
    uint64_t left_us = in->deadline_us > now_us ? in->deadline_us - now_us : 0;

    assert(call->streaming && !call->begun && status != LG_GRPC_OK);
    count(call, status);
    call->streaming = call->handed = false;
    await_end(call, &(struct lg_grpc_refusal){.http = 200, .status = status, .text = text},
              left_us);
}

static bool recall(uintptr_t word, struct lg_slice timeout, struct lg_grpc_call *out)
{
    out->rpc = (enum lg_rpc)(word >> MEMO_RPC_SHIFT);
    out->encoding = (enum lg_grpc_encoding)(word >> MEMO_ENCODING_SHIFT & 0xff);
    out->timeout_us = LG_GRPC_NO_TIMEOUT;
    return timeout.data == NULL || lg_grpc_parse_timeout(timeout, &out->timeout_us);
}

static bool is_call(const struct lg_h2_request *head)
{
    return lg_grpc_is_grpc(lg_http_header(&head->headers, "content-type")) ||
           lg_rpc_find(head->path) != LG_RPC_COUNT;
}

/* What the head says, remembered or not. False: it was refused. */
static bool read_head(struct lg_http2_conn *c, struct lg_h2_stream *st,
                      const struct lg_h2_request *head, struct lg_grpc_call *out)
{
    const struct lg_rpc_offer *offer = c->in.server->options.rpc;
    struct lg_grpc_refusal why;

    if (head->memo != NULL && (*head->memo & MEMO_CALL) != 0 &&
        recall(*head->memo, head->grpc_timeout, out))
        return true;
    if (!lg_grpc_read_head(head->method, head->path, &head->headers, head->grpc_timeout, out,
                           &why)) {
        refuse(c, st, head, &why);
        return false;
    }
    if (offer->methods[out->rpc].unary == NULL && offer->methods[out->rpc].stream == NULL) {
        refuse(c, st, head,
               &(struct lg_grpc_refusal){200, LG_GRPC_UNIMPLEMENTED, LG_GRPC_BAD_PATH,
                                         "this method is not offered here"});
        return false;
    }
    if (head->memo != NULL)
        *head->memo = MEMO_CALL | (uintptr_t)out->encoding << MEMO_ENCODING_SHIFT |
                      (uintptr_t)out->rpc << MEMO_RPC_SHIFT;
    return true;
}

static void use_reader(struct call *call)
{
    call->reader_used = true;
    call->reader.message_bytes_max = message_max(call);
    call->reader.encoding = call->in.encoding;
}

static void begin_stream(struct call *call)
{
    const struct lg_http_server *s = call->server;
    bool over = false;

    call->streaming = call->handed = true;
    use_reader(call);
    lg_rpc_wait(&call->in);
    call->over = &over;
    call->handler->stream->begin(s->options.rpc_ctx, &call->in);
    if (over)
        return;
    call->over = NULL;
    /* It was on its way when the others heard that the server ends. */
    if (call->streaming && s->stopping)
        call->handler->stream->drain(s->options.rpc_ctx, &call->in);
}

bool lg_http2_call_begin(struct lg_http2_conn *c, struct lg_h2_stream *st,
                         const struct lg_h2_request *head)
{
    struct lg_http_server *s = c->in.server;
    bool known = head->memo != NULL && (*head->memo & MEMO_CALL) != 0;
    struct lg_grpc_call said;
    struct call *call;

    if (s->options.rpc == NULL || (!known && !is_call(head)))
        return false;
    if (!read_head(c, st, head, &said))
        return true;
    if (said.timeout_us == 0) {
        refuse(c, st, head,
               &(struct lg_grpc_refusal){200, LG_GRPC_DEADLINE_EXCEEDED, LG_GRPC_TOO_LATE,
                                         "the deadline was over when the call came"});
        return true;
    }
    call = take_stream(c, st);
    call->handler = &s->options.rpc->methods[said.rpc];
    call->in.rpc = said.rpc;
    call->in.received_us = c->active_us; /* It is as new as what is read now. */
    call->in.deadline_us =
        said.timeout_us == LG_GRPC_NO_TIMEOUT ? UINT64_MAX : call->in.received_us + said.timeout_us;
    call->in.encoding = said.encoding;
    call->in.peer = c->conn->peer;
    call->in.identity = c->conn->identity;
    call->in.is_secure = c->conn->is_secure;
    call->in.user = NULL;
    if (call->handler->stream != NULL)
        begin_stream(call);
    return true;
}

/* --- The body -------------------------------------------------------------------------------- */

static void fail_input(struct call *call, const struct lg_error *err)
{
    if (call->streaming)
        call->handler->stream->gone(call->server->options.rpc_ctx, &call->in);
    lg_rpc_refuse(&call->in, err);
}

/* The handler may end the call in a message. */
static void hand_messages(struct call *call, struct lg_slice bytes)
{
    struct lg_slice message;
    struct lg_error err = {0};
    bool has = false, over = false;

    call->over = &over;
    while (lg_grpc_next(&call->reader, &bytes, &message, &has, &err) == LG_OK && has) {
        call->handler->stream->message(call->server->options.rpc_ctx, &call->in, message);
        if (over)
            return;
    }
    call->over = NULL;
    lg_rpc_keep(&call->in, call->reader.held.size);
    if (err.rc != LG_OK)
        fail_input(call, &err);
}

void lg_http2_call_keep(struct lg_http2_conn *c)
{
    if (c->lent_to == NULL)
        return;
    lg_buf_append_slice(&LG_CONTAINER_OF(c->lent_to, struct call, user)->body, c->lent);
    c->lent_to = NULL;
}

/* Of a unary call: what is not its body's beginning, or too much. */
static void collect_more(struct call *call, struct lg_slice bytes)
{
    struct lg_error err;

    if (call->body.size + bytes.size > message_max(call) + LG_GRPC_PREFIX_BYTES) {
        (void)lg_error_set(&err, LG_ERR_TOO_LARGE, "the message is over the limit");
        fail_input(call, &err);
    } else if (call->body.size + bytes.size > LG_MEMORY_GATE_BODY_BYTES &&
               lg_memory_gate_is_full()) {
        lg_rpc_count_refused(LG_GRPC_NO_MEMORY);
        lg_rpc_fail(&call->in, LG_GRPC_UNAVAILABLE, LG_LIT(LG_MEMORY_GATE_TEXT));
    } else {
        lg_buf_append_slice(&call->body, bytes);
    }
}

static void stream_body(struct call *call, struct lg_slice bytes)
{
    call->kept += bytes.size;
    if (call->handler->stream->bytes != NULL)
        call->handler->stream->bytes(call->server->options.rpc_ctx, &call->in, bytes);
    else
        hand_messages(call, bytes);
}

/* The first bytes of a unary call's body are mostly all of it, and its end comes next. */
static void call_body(struct lg_http2_user *user, struct lg_slice bytes)
{
    struct call *call = LG_CONTAINER_OF(user, struct call, user);
    struct lg_http2_conn *c = call->conn;

    if (LG_UNLIKELY(call->streaming)) {
        stream_body(call, bytes);
        return;
    }
    if (LG_UNLIKELY(c->lent_to != NULL))
        lg_http2_call_keep(c);
    if (LG_LIKELY(call->body.size == 0 && bytes.size <= message_max(call) + LG_GRPC_PREFIX_BYTES)) {
        c->lent_to = user;
        c->lent = bytes;
    } else {
        collect_more(call, bytes);
    }
}

/* The one message of a unary call, when it is not simply the body. */
static bool read_message(struct call *call, struct lg_slice *out, struct lg_error *err)
{
    struct lg_slice in = lg_buf_slice(&call->body), more;
    bool has = false, another = false;

    use_reader(call);
    if (lg_grpc_next(&call->reader, &in, out, &has, err) != LG_OK)
        return false;
    if (has && in.size > 0) {
        struct lg_grpc_reader rest = {.message_bytes_max = message_max(call),
                                      .encoding = call->in.encoding};

        another = lg_grpc_next(&rest, &in, &more, &another, err) == LG_OK;
        lg_grpc_reader_done(&rest);
    }
    if (!has || another || !lg_grpc_is_between(&call->reader))
        (void)lg_error_set(err, LG_ERR_BAD_DATA, "the request is not just one whole message");
    return err->rc == LG_OK;
}

static void end_stream(struct call *call)
{
    struct lg_error err;

    if (call->handler->stream->message != NULL && !lg_grpc_is_between(&call->reader)) {
        (void)lg_error_set(&err, LG_ERR_BAD_DATA, "the request ends inside a message");
        fail_input(call, &err);
        return;
    }
    call->handler->stream->half_closed(call->server->options.rpc_ctx, &call->in);
}

static void end_unusual(struct call *call)
{
    struct lg_slice message;
    struct lg_error err = {0};

    if (read_message(call, &message, &err))
        call->handler->unary(call->server->options.rpc_ctx, &call->in, message);
    else
        fail_input(call, &err);
}

static void call_end(struct lg_http2_user *user)
{
    struct call *call = LG_CONTAINER_OF(user, struct call, user);
    struct lg_http2_conn *c = call->conn;
    struct lg_slice body, message;

    if (call->streaming) {
        end_stream(call);
        return;
    }
    call->handed = true;
    if (LG_LIKELY(c->lent_to == user)) {
        body = c->lent;
        c->lent_to = NULL;
    } else {
        body = lg_buf_slice(&call->body);
    }
    if (LG_LIKELY(lg_grpc_single(body, message_max(call), &message))) {
        call->handler->unary(call->server->options.rpc_ctx, &call->in, message);
        return;
    }
    if (call->body.size == 0)
        lg_buf_append_slice(&call->body, body);
    end_unusual(call);
}

static void call_gone(struct lg_http2_user *user)
{
    struct call *call = LG_CONTAINER_OF(user, struct call, user);

    if (call->streaming)
        call->handler->stream->gone(call->server->options.rpc_ctx, &call->in);
    else if (call->handed) {
        call_lose(call);
        return;
    }
    if (call->conn->lent_to == user)
        call->conn->lent_to = NULL;
    call_release(call);
}

static void call_room(struct lg_http2_user *user)
{
    struct call *call = LG_CONTAINER_OF(user, struct call, user);

    if (call->streaming && call->handler->stream->room != NULL)
        call->handler->stream->room(call->server->options.rpc_ctx, &call->in);
}

static const struct lg_http2_events call_events = {
    .body = call_body, .end = call_end, .gone = call_gone, .room = call_room};

static void refused_body(struct lg_http2_user *user, struct lg_slice bytes)
{
    struct call *call = LG_CONTAINER_OF(user, struct call, user);

    call->kept += bytes.size;
    lg_h2_release(call->st, bytes.size);
    if (call->kept > message_max(call) + LG_GRPC_PREFIX_BYTES)
        answer_refused(call);
}

static void refused_end(struct lg_http2_user *user)
{
    answer_refused(LG_CONTAINER_OF(user, struct call, user));
}

static void refused_gone(struct lg_http2_user *user)
{
    call_release(LG_CONTAINER_OF(user, struct call, user));
}

static void refused_room(struct lg_http2_user *user)
{
    (void)user; /* Nothing is written before the answer, which is whole. */
}

static const struct lg_http2_events refused_events = {
    .body = refused_body, .end = refused_end, .gone = refused_gone, .room = refused_room};

bool lg_http2_call_is_asked(const struct lg_http2_conn *c)
{
    LG_LIST_EACH(it, &c->calls)
    {
        if (LG_CONTAINER_OF(it, struct call, link)->handed)
            return true;
    }
    return false;
}

void lg_http2_call_end_late(struct lg_http2_conn *c)
{
    while (!lg_list_empty(&c->calls)) {
        struct call *call = LG_CONTAINER_OF(c->calls.next, struct call, link);

        if (call->user.events == &refused_events)
            answer_refused(call);
        else
            lg_rpc_fail(&call->in, LG_GRPC_DEADLINE_EXCEEDED,
                        LG_LIT("the request did not arrive in time"));
    }
}

/* The call that is told may end, and others stay where they are. */
void lg_http2_call_drain(struct lg_http2_conn *c)
{
    struct lg_list *next;

    for (struct lg_list *it = c->calls.next; it != &c->calls; it = next) {
        struct call *call = LG_CONTAINER_OF(it, struct call, link);

        next = it->next;
        if (call->streaming)
            call->handler->stream->drain(call->server->options.rpc_ctx, &call->in);
    }
}

/* --- The server's ---------------------------------------------------------------------------- */

static bool is_whole(const struct lg_rpc_stream_handler *h)
{
    return h == NULL || (h->begin != NULL && (h->message != NULL) != (h->bytes != NULL) &&
                         h->half_closed != NULL && h->drain != NULL && h->gone != NULL);
}

void lg_http2_call_prepare(struct lg_http_server *s)
{
    size_t n = 0;
    const struct lg_http_header *head = lg_grpc_head_fields(&n);
    struct lg_grpc_trailers ok;

    for (size_t i = 0; s->options.rpc != NULL && i < LG_RPC_COUNT; i++)
        assert(is_whole(s->options.rpc->methods[i].stream));
    s->rpc_head = lg_h2_prepared_new(head, n);
    lg_grpc_trailers(&ok, LG_GRPC_OK, LG_SLICE_NULL);
    s->rpc_ok = lg_h2_prepared_new(ok.fields, ok.count);
}

void lg_http2_call_unprepare(struct lg_http_server *s)
{
    lg_h2_prepared_free(s->rpc_head);
    lg_h2_prepared_free(s->rpc_ok);
}
