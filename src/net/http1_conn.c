/* A connection of HTTP/1.1: one request is parsed after the other and each is handed over at once;
 * answers that come out of order wait in their request. A slot holds one request with its memory;
 * idle slots wait in the server for the next request, so a request costs no allocation once the
 * server is warm.
 *
 * One timer per connection, checked lazily: it is not moved at each request, it looks at expiry
 * whether the deadline has moved. Owner: the server's lane.
 */
#include "net/http_server_impl.h"

#include <stdio.h>

#include "base/memory_gate.h"
#include "net/http1.h"

#define PIPELINE_MAX 64                  /* requests in flight per connection */
#define PIPELINE_FIRST 4u                /* ... before it is known how large its answers are */
#define PIPELINE_BYTES ((size_t)8 << 20) /* of answers in flight, judged by the last one */
#define SLOTS_KEPT_MAX 256
#define KEEP_BYTES ((size_t)64 << 10) /* memory that an idle slot may hold on to, per buffer */
#define STALL_CHECKS 4                /* per idle time, while bytes wait for the peer */
#define TEXT_BYTES_MAX 1024

struct server_conn;

struct slot { /* One request. */
    struct lg_http_carried in;
    struct server_conn *conn; /* NULL when the peer is gone. */
    struct lg_http1_message message;
    struct lg_buf response; /* When answered before its turn. */
    bool answered;
    bool streaming;      /* Begun, and not ended. */
    bool wants_room;     /* The streamer found it full. */
    int status;          /* Of the stream, */
    size_t stream_bytes; /* and what it has written. */
    void (*room)(void *ctx);
    void *room_ctx;
    struct lg_task room_task;
    bool room_posted, released; /* Its memory waits for the task. */
    char peer[64];
};

struct server_conn {
    struct lg_http_carrier in;
    struct lg_conn *conn;
    struct lg_http1 *parser;
    struct lg_list slots; /* In the order of the requests. */
    size_t in_flight, window;
    struct lg_buf input; /* Bytes that wait because the pipeline is full. */
    struct lg_task advance_task;
    struct lg_timer watch;
    uint64_t active_us;   /* The last byte of a body, or the last answer. */
    uint64_t head_us;     /* First byte of the head that is being read. */
    uint64_t sent_bytes;  /* Handed to the transport so far. */
    uint64_t taken_bytes; /* Of these, taken by the peer when last looked. */
    uint64_t progress_us; /* When that last grew. */
    bool last_request;    /* No more requests are read. */
    bool owes_continue;   /* "100 Continue" is due when the answers before it are sent. */
    bool closing, paused, dispatching;
    bool undecided; /* It may turn out to speak HTTP/2. */
    bool advance_deferred;
    bool gone; /* The transport has let go of it; it lives until its task has run. */
};

static const struct lg_http_request_ops request_ops;

/* --- Slots ---------------------------------------------------------------------------------- */

static struct slot *slot_new(struct lg_http_server *s)
{
    struct lg_list *spare = lg_list_pop_front(&s->spare1);
    struct slot *slot;

    if (spare != NULL) {
        s->spare1_count--;
        return LG_CONTAINER_OF(spare, struct slot, in.link);
    }
    slot = lg_new(struct slot);
    slot->in.rq.arena = lg_arena_new(0);
    lg_list_init(&slot->in.link);
    return slot;
}

static void slot_free(struct slot *slot)
{
    lg_http1_message_done(&slot->message);
    lg_buf_done(&slot->response);
    lg_arena_free(slot->in.rq.arena);
    lg_free(slot);
}

/* The request is answered and sent, or nobody waits for the answer. */
static void slot_release(struct slot *slot)
{
    struct lg_http_server *s = slot->in.server;

    lg_list_remove(&slot->in.link);
    if (slot->room_posted) {
        slot->released = true;
        slot->conn = NULL;
        if (s != NULL)
            lg_list_push_back(&s->orphans, &slot->in.link);
        return;
    }
    if (s == NULL || s->stopping || s->spare1_count == SLOTS_KEPT_MAX) {
        slot_free(slot);
        return;
    }
    lg_arena_reset(slot->in.rq.arena);
    lg_http1_message_clear(&slot->message, KEEP_BYTES);
    lg_buf_done(&slot->response);
    slot->answered = false;
    slot->streaming = slot->wants_room = false;
    slot->stream_bytes = 0;
    lg_list_push_front(&s->spare1, &slot->in.link);
    s->spare1_count++;
}

/* --- Out ------------------------------------------------------------------------------------ */

static void send_out(struct server_conn *c, struct lg_buf *bytes)
{
    if (lg_conn_queued(c->conn) == 0)
        c->progress_us = lg_lane_now_us(c->in.server->options.lane);
    c->sent_bytes += bytes->size;
    lg_conn_send(c->conn, bytes);
}

static void close_conn(struct server_conn *c, bool after_flush)
{
    c->closing = true;
    c->last_request = true;
    lg_conn_close(c->conn, after_flush);
}

static void send_text(struct server_conn *c, int status, const char *text)
{
    struct lg_http1_answer a = {
        .status = status, .content_type = "text/plain", .body = lg_slice_str(text)};

    lg_http1_write_response(&c->in.server->scratch, &a);
    send_out(c, &c->in.server->scratch);
}

/* A request that cannot be parsed is a request too: it is answered in its turn, then all ends. */
static void refuse(struct server_conn *c, int status, const char *text)
{
    struct slot *slot;
    char body[TEXT_BYTES_MAX];
    struct lg_http1_answer a = {.status = status, .content_type = "text/plain"};

    lg_http_server_count_refusal(c->in.server, status == 413   ? LG_HTTP_REFUSED_BODY
                                               : status == 503 ? LG_HTTP_REFUSED_MEMORY
                                               : status == 431 ? LG_HTTP_REFUSED_HEAD
                                                               : LG_HTTP_REFUSED_SYNTAX);
    (void)snprintf(body, sizeof(body), "%s\n", text);
    a.body = lg_slice_str(body);
    c->last_request = true;
    if (c->in_flight == 0) {
        lg_http1_write_response(&c->in.server->scratch, &a);
        send_out(c, &c->in.server->scratch);
        close_conn(c, /* after_flush= */ true);
        return;
    }
    slot = slot_new(c->in.server);
    slot->in.server = c->in.server;
    slot->conn = c;
    slot->answered = true;
    lg_http1_write_response(&slot->response, &a);
    lg_list_push_back(&c->slots, &slot->in.link);
    c->in_flight++;
}

static void tell_room(struct lg_task *task)
{
    struct slot *slot = LG_CONTAINER_OF(task, struct slot, room_task);
    struct lg_http_server *s = slot->in.server;

    slot->room_posted = false;
    if (!slot->released) {
        if (slot->streaming)
            slot->room(slot->room_ctx);
        return;
    }
    slot->released = false; /* The stream ended meanwhile. */
    slot_release(slot);
    if (s != NULL)
        lg_http_server_check_stopped(s);
}

/* The streamer waits: it goes on with the lane's next task. */
static void post_room(struct slot *slot)
{
    if (slot->room_posted)
        return;
    slot->wants_room = false;
    slot->room_posted = true;
    slot->room_task.run = tell_room;
    lg_lane_post(slot->in.rq.lane, &slot->room_task);
}

/* Sends the answers whose turn has come. */
static void send_ready(struct server_conn *c)
{
    while (!lg_list_empty(&c->slots)) {
        struct slot *slot = LG_CONTAINER_OF(c->slots.next, struct slot, in.link);

        if (slot->streaming && slot->response.size > 0)
            send_out(c, &slot->response); /* Its turn has come: the beginning. */
        if (slot->streaming && slot->wants_room && lg_conn_queued(c->conn) <= LG_CONN_HIGH_BYTES)
            post_room(slot);
        if (!slot->answered)
            return;
        send_out(c, &slot->response);
        c->in_flight--;
        slot_release(slot);
    }
    if (c->last_request && !c->closing)
        close_conn(c, /* after_flush= */ true);
}

/* --- In ------------------------------------------------------------------------------------- */

static bool is_full(const struct server_conn *c)
{
    return c->in_flight >= c->window || lg_conn_queued(c->conn) > LG_CONN_HIGH_BYTES;
}

/* Answers to requests that were read before the first one filled the send queue wait in memory: of
 * values of 20 MiB a pipeline of 64 would hold more than a GiB, for one peer that does not read. */
static void note_answer(struct server_conn *c, size_t bytes)
{
    if (bytes * c->window * 2 <= PIPELINE_BYTES)
        c->window = LG_MIN(c->window * 2, (size_t)PIPELINE_MAX);
    else if (bytes * c->window > PIPELINE_BYTES)
        c->window = LG_MAX(PIPELINE_BYTES / bytes, (size_t)1);
}

static void dispatch(struct server_conn *c)
{
    struct lg_http_server *s = c->in.server;
    struct slot *slot = slot_new(s);
    struct lg_arena *arena = slot->in.rq.arena;

    lg_http1_take(c->parser, &slot->message);
    slot->in.server = s;
    slot->conn = c;
    (void)snprintf(slot->peer, sizeof(slot->peer), "%s", c->conn->peer);
    slot->in.rq = (struct lg_http_request){.ops = &request_ops,
                                           .method = slot->message.method,
                                           .target = slot->message.target,
                                           .headers = slot->message.headers,
                                           .body = lg_buf_slice(&slot->message.body),
                                           .arena = arena,
                                           .peer = slot->peer,
                                           .identity = lg_http_keep_identity(arena, c->conn),
                                           .is_secure = c->conn->is_secure};
    lg_list_push_back(&c->slots, &slot->in.link);
    c->in_flight++;
    c->active_us = lg_lane_now_us(s->options.lane);
    if (!slot->message.keep_alive)
        c->last_request = true;
    lg_http_server_dispatch(&slot->in);
}

/* "100 Continue" may not overtake answers to requests before it. */
static void send_continue(struct server_conn *c)
{
    if (!c->owes_continue || c->in_flight > 0 || c->closing)
        return;
    c->owes_continue = false;
    lg_buf_append_str(&c->in.server->scratch, "HTTP/1.1 100 Continue\r\n\r\n");
    send_out(c, &c->in.server->scratch);
}

/* While memory is short, only small bodies are taken. */
static void limit_body(struct server_conn *c)
{
    size_t usual = c->in.server->options.body_bytes_max;

    if (lg_memory_gate_is_full())
        lg_http1_limit_body(c->parser, LG_MIN(usual, LG_MEMORY_GATE_BODY_BYTES), 503,
                            LG_MEMORY_GATE_TEXT);
    else
        lg_http1_limit_body(c->parser, usual, 413, "the body is over the limit body_bytes");
}

/* Parses until the bytes or the pipeline's room end; returns how many were taken. */
static size_t parse(struct server_conn *c, struct lg_slice bytes)
{
    size_t taken = 0;

    while (taken < bytes.size && !c->last_request && !is_full(c)) {
        size_t used;
        bool was_between = lg_http1_is_between(c->parser);
        enum lg_http1_event event;
        const char *text;

        if (was_between)
            limit_body(c);
        event = lg_http1_feed(c->parser, lg_slice_skip(bytes, taken), &used);
        taken += used;
        if (was_between)
            c->head_us = lg_lane_now_us(c->in.server->options.lane);
        if (event == LG_HTTP1_COMPLETE) {
            dispatch(c);
        } else if (event == LG_HTTP1_EXPECTS) {
            c->owes_continue = true;
        } else if (event == LG_HTTP1_BAD) {
            int status = lg_http1_fault(c->parser, &text);

            refuse(c, status, text);
        }
    }
    return c->last_request ? bytes.size : taken;
}

static void update_pause(struct server_conn *c)
{
    bool pause = !c->closing && (c->input.size > 0 || is_full(c));

    if (pause != c->paused) {
        c->paused = pause;
        lg_conn_pause(c->conn, pause);
    }
}

/* Goes on with what waited for room in the pipeline. Handlers may answer from inside `parse`; those
 * answers return here (`dispatching`) instead of going deeper. */
static void advance(struct server_conn *c)
{
    if (c->dispatching || c->closing)
        return;
    c->dispatching = true;
    if (c->input.size > 0) {
        size_t taken = parse(c, lg_buf_slice(&c->input));

        lg_buf_consume(&c->input, taken);
        if (c->input.size == 0)
            lg_buf_done(&c->input);
    }
    c->dispatching = false;
    send_ready(c);
    send_continue(c);
    update_pause(c);
}

static void advance_now(struct lg_task *task)
{
    struct server_conn *c = LG_CONTAINER_OF(task, struct server_conn, advance_task);

    c->advance_deferred = false;
    if (c->gone)
        lg_free(c);
    else
        advance(c);
}

/* An answer made room. Who answers is in the middle of something, of the answers to a whole group
 * of requests perhaps: it is not asked anew before that is over. */
static void advance_soon(struct server_conn *c)
{
    if (c->dispatching || c->closing || c->advance_deferred)
        return;
    if (c->input.size == 0 && !c->paused) { /* Nobody will be asked. */
        advance(c);
        return;
    }
    c->advance_deferred = true;
    c->advance_task.run = advance_now;
    lg_lane_defer(c->in.server->options.lane, &c->advance_task);
}

/* What HTTP/2 begins with is no request of HTTP/1.1 (RFC 9113, section 3.4). False: more bytes are
 * needed, or the connection is somebody else's now. */
static bool decide(struct server_conn *c, struct lg_slice bytes)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    struct lg_http_server *s = c->in.server;
    struct lg_conn *conn = c->conn;
    struct lg_buf input;

    lg_buf_append_slice(&c->input, bytes);
    if (memcmp(c->input.data, preface, LG_MIN(c->input.size, sizeof preface - 1)) != 0)
        return true;
    if (c->input.size < sizeof preface - 1)
        return false;
    input = c->input;
    lg_timer_stop(s->options.lane, &c->watch);
    lg_http1_free(c->parser);
    lg_http_carrier_hands_on(&c->in);
    lg_free(c);
    lg_http2_conn_open(s, conn, lg_buf_slice(&input));
    lg_buf_done(&input);
    return false;
}

static void conn_received(void *ctx, struct lg_conn *conn, struct lg_slice bytes)
{
    struct server_conn *c = (struct server_conn *)ctx;
    size_t taken = 0;

    (void)conn;
    if (c->closing)
        return;
    if (c->undecided) {
        if (!decide(c, bytes))
            return;
        c->undecided = false;
        advance(c);
        return;
    }
    if (!lg_http1_in_head(c->parser)) /* Bytes of a head buy no time. */
        c->active_us = lg_lane_now_us(c->in.server->options.lane);
    c->dispatching = true;
    if (c->input.size == 0)
        taken = parse(c, bytes);
    c->dispatching = false;
    lg_buf_append_slice(&c->input, lg_slice_skip(bytes, taken));
    send_ready(c);
    send_continue(c);
    update_pause(c);
    if (c->input.size > 0 && !is_full(c))
        advance(c); /* A handler answered at once and made room. */
}

static void conn_drained(void *ctx, struct lg_conn *conn)
{
    (void)conn;
    advance((struct server_conn *)ctx);
}

static void conn_closed(void *ctx, struct lg_conn *conn, enum lg_rc why)
{
    struct server_conn *c = (struct server_conn *)ctx;
    struct lg_http_server *s = c->in.server;

    (void)conn, (void)why; /* Whoever waited for the answer is gone; there is nobody to tell. */
    lg_timer_stop(s->options.lane, &c->watch);
    while (!lg_list_empty(&c->slots)) {
        struct slot *slot = LG_CONTAINER_OF(c->slots.next, struct slot, in.link);

        slot->conn = NULL;
        slot->in.rq.peer_gone = true;
        if (slot->streaming)
            post_room(slot);
        if (slot->answered) {
            slot_release(slot);
        } else {
            lg_list_remove(&slot->in.link);
            lg_list_push_back(&s->orphans, &slot->in.link);
            if (slot->in.rq.lost != NULL)
                slot->in.rq.lost(&slot->in.rq);
        }
    }
    lg_http1_free(c->parser);
    lg_buf_done(&c->input);
    lg_http_carrier_left(&c->in);
    if (c->advance_deferred)
        c->gone = true;
    else
        lg_free(c);
    lg_http_server_check_stopped(s);
}

static const struct lg_conn_handler conn_handler = {
    .received = conn_received, .drained = conn_drained, .closed = conn_closed};

/* --- Watch: silence, slow heads, peers that do not read -------------------------------------- */

static uint64_t idle_us(const struct lg_http_server *s)
{
    return s->options.idle_ms * LG_MS;
}

static bool peer_stalls(struct server_conn *c, uint64_t now_us)
{
    uint64_t taken = c->sent_bytes - lg_conn_queued(c->conn);

    if (taken != c->taken_bytes || lg_conn_queued(c->conn) == 0) {
        c->taken_bytes = taken;
        c->progress_us = now_us;
    }
    return now_us - c->progress_us >= idle_us(c->in.server);
}

static void watch_expired(struct lg_timer *t)
{
    struct server_conn *c = LG_CONTAINER_OF(t, struct server_conn, watch);
    struct lg_lane *lane = c->in.server->options.lane;
    uint64_t now_us = lg_lane_now_us(lane), idle = idle_us(c->in.server);
    bool in_head = lg_http1_in_head(c->parser) && c->in_flight == 0;
    uint64_t since_us = in_head ? c->head_us : c->active_us;

    if (peer_stalls(c, now_us)) {
        lg_http_server_count_refusal(c->in.server, LG_HTTP_REFUSED_TIME);
        close_conn(c, /* after_flush= */ false);
        return;
    }
    if (lg_conn_queued(c->conn) > 0) {
        lg_timer_start(lane, t, idle / STALL_CHECKS + 1, watch_expired);
    } else if (c->in_flight > 0 || c->closing) {
        lg_timer_start(lane, t, idle, watch_expired); /* The handler's time is not the peer's. */
    } else if (now_us - since_us < idle) {
        lg_timer_start(lane, t, since_us + idle - now_us, watch_expired);
    } else {
        if (!lg_http1_is_between(c->parser)) {
            lg_http_server_count_refusal(c->in.server, LG_HTTP_REFUSED_TIME);
            send_text(c, 408, "the request did not arrive in time\n");
        }
        close_conn(c, /* after_flush= */ true);
        lg_timer_start(lane, t, idle, watch_expired);
    }
}

/* --- Beginning and end ----------------------------------------------------------------------- */

static void finish(struct lg_http_carrier *carrier)
{
    struct server_conn *c = LG_CONTAINER_OF(carrier, struct server_conn, in);

    c->last_request = true;
    if (c->in_flight == 0 && !c->closing)
        close_conn(c, /* after_flush= */ true);
}

static void cut(struct lg_http_carrier *carrier)
{
    close_conn(LG_CONTAINER_OF(carrier, struct server_conn, in), /* after_flush= */ false);
}

void lg_http1_conn_open(struct lg_http_server *s, struct lg_conn *conn)
{
    struct server_conn *c = lg_new(struct server_conn);

    c->in.finish = finish;
    c->in.cut = cut;
    c->conn = conn;
    conn->handler = &conn_handler;
    conn->ctx = c;
    c->parser = lg_http1_new(LG_HTTP1_REQUEST, s->options.body_bytes_max);
    c->window = PIPELINE_FIRST;
    c->undecided = s->options.http2 != NULL;
    lg_list_init(&c->slots);
    lg_http_carrier_joined(s, &c->in);
    c->active_us = c->progress_us = lg_lane_now_us(s->options.lane);
    lg_timer_start(s->options.lane, &c->watch, idle_us(s), watch_expired);
}

void lg_http1_conn_free_spare(struct lg_http_server *s)
{
    while (!lg_list_empty(&s->spare1))
        slot_free(LG_CONTAINER_OF(lg_list_pop_front(&s->spare1), struct slot, in.link));
}

/* --- Answers -------------------------------------------------------------------------------- */

/* Is this the connection's last answer? While the server drains it is, unless the peer has sent
 * more requests already: those are answered, too. */
static bool ends_connection(const struct slot *slot)
{
    struct server_conn *c = slot->conn;

    if (slot->in.server->stopping)
        return true;
    if (!slot->in.server->draining || slot->in.link.next != &c->slots || c->input.size > 0)
        return false;
    c->last_request = true; /* send_ready closes it. */
    return true;
}

static struct lg_buf take_body(struct lg_http_request *rq)
{
    struct slot *slot = LG_CONTAINER_OF(rq, struct slot, in.rq);
    struct lg_buf body = slot->message.body;

    slot->message.body = (struct lg_buf){0};
    rq->body = LG_SLICE_NULL;
    return body;
}

static void respond(struct lg_http_request *rq, const struct lg_http_response *response)
{
    struct slot *slot = LG_CONTAINER_OF(rq, struct slot, in.rq);
    struct server_conn *c = slot->conn;
    struct lg_http_server *s = slot->in.server;
    struct lg_http1_answer a = {.status = response->status,
                                .content_type = response->content_type,
                                .headers = response->headers,
                                .header_count = response->header_count,
                                .body = response->body,
                                .to_head = rq->method == LG_HTTP_HEAD,
                                .to_http10 = slot->message.is_http10,
                                .keep_alive = slot->message.keep_alive};

    assert(!slot->answered && !slot->streaming && "a request is answered exactly once");
    if (s != NULL)
        lg_http_server_count_answer(s, rq, response->status, response->body.size);
    if (c == NULL) {
        slot_release(slot);
        if (s != NULL)
            lg_http_server_check_stopped(s);
        return;
    }
    if (ends_connection(slot))
        a.keep_alive = false;
    slot->answered = true;
    c->active_us = lg_lane_now_us(s->options.lane);
    if (c->slots.next == &slot->in.link) { /* Its turn: by way of the common buffer. */
        lg_http1_write_response(&s->scratch, &a);
        note_answer(c, s->scratch.size);
        send_out(c, &s->scratch);
        c->in_flight--;
        slot_release(slot);
        send_ready(c);
    } else {
        lg_http1_write_response(&slot->response, &a);
        note_answer(c, slot->response.size);
    }
    advance_soon(c);
}

/* --- Streams -------------------------------------------------------------------------------- */

static bool is_its_turn(const struct slot *slot)
{
    return slot->conn->slots.next == &slot->in.link;
}

static bool can_stream(const struct lg_http_request *rq)
{
    const struct slot *slot = LG_CONTAINER_OF(rq, struct slot, in.rq);

    return rq->method != LG_HTTP_HEAD && !slot->message.is_http10;
}

static void stream_begin(struct lg_http_request *rq, const struct lg_http_response *response,
                         void (*room)(void *ctx), void *ctx)
{
    struct slot *slot = LG_CONTAINER_OF(rq, struct slot, in.rq);
    struct lg_http1_answer a = {.status = response->status,
                                .content_type = response->content_type,
                                .headers = response->headers,
                                .header_count = response->header_count,
                                .keep_alive = slot->message.keep_alive,
                                .chunked = true};

    assert(!slot->answered && !slot->streaming && can_stream(rq));
    slot->streaming = true;
    slot->status = response->status;
    slot->room = room;
    slot->room_ctx = ctx;
    if (slot->conn == NULL)
        return;
    if (ends_connection(slot))
        a.keep_alive = false;
    lg_http1_write_response(&slot->response, &a);
    if (is_its_turn(slot))
        send_out(slot->conn, &slot->response);
}

static bool stream_is_full(struct lg_http_request *rq)
{
    struct slot *slot = LG_CONTAINER_OF(rq, struct slot, in.rq);

    slot->wants_room =
        slot->conn != NULL &&
        (!is_its_turn(slot) || lg_conn_queued(slot->conn->conn) > LG_CONN_HIGH_BYTES);
    return slot->wants_room;
}

static void stream_write(struct lg_http_request *rq, struct lg_slice bytes)
{
    struct slot *slot = LG_CONTAINER_OF(rq, struct slot, in.rq);

    assert(slot->streaming);
    slot->stream_bytes += bytes.size;
    if (slot->conn == NULL || bytes.size == 0)
        return;
    lg_http1_write_chunk(&slot->response, bytes);
    if (is_its_turn(slot))
        send_out(slot->conn, &slot->response);
}

static void stream_end(struct lg_http_request *rq)
{
    struct slot *slot = LG_CONTAINER_OF(rq, struct slot, in.rq);
    struct server_conn *c = slot->conn;
    struct lg_http_server *s = slot->in.server;

    assert(slot->streaming);
    slot->streaming = slot->wants_room = false;
    slot->answered = true;
    if (s != NULL)
        lg_http_server_count_answer(s, rq, slot->status, slot->stream_bytes);
    if (c == NULL) {
        slot_release(slot);
        if (s != NULL)
            lg_http_server_check_stopped(s);
        return;
    }
    c->active_us = lg_lane_now_us(s->options.lane);
    lg_http1_write_chunk(&slot->response, LG_SLICE_NULL);
    send_ready(c);
    advance_soon(c);
}

static const struct lg_http_request_ops request_ops = {.take_body = take_body,
                                                       .respond = respond,
                                                       .can_stream = can_stream,
                                                       .stream_begin = stream_begin,
                                                       .stream_is_full = stream_is_full,
                                                       .stream_write = stream_write,
                                                       .stream_end = stream_end};
