/* A connection of HTTP/2 under an HTTP server: an engine (net/http2.h) between the transport and
 * the handler. Each stream is a request like one of HTTP/1.1, or a call of gRPC (http2_call.c); a
 * slot holds a request with its memory, and idle slots wait in the server for the next one. Owner:
 * the server's lane.
 *
 * What is written goes out once per tick, at its end.
 */
#include <stdio.h>

#include "base/log.h"
#include "base/memory_gate.h"
#include "net/http2_impl.h"

#define SLOTS_KEPT_MAX 256
#define KEEP_BYTES ((size_t)64 << 10) /* memory that an idle slot may hold on to */
#define FIELDS_MAX 40u                /* of an answer: more are a bug of the handler */
#define NAME_BYTES_MAX 64u            /* of a field's name in an answer */
#define WATCH_US LG_SEC
#define CONNECTION_BODY_BYTES ((size_t)32 << 20) /* of all bodies that are incomplete */
#define MEMO_HTTP ((uintptr_t)1)                 /* A head that is a request of HTTP. */

struct slot { /* One request. */
    struct lg_http2_user user;
    struct lg_http_carried in;
    struct lg_http2_conn *conn; /* NULL: the peer, or this request of it, is gone. */
    struct lg_h2_stream *st;    /* NULL likewise, and once it is answered. */
    struct lg_buf body;
    bool dispatched, streaming, wants_room;
    int status;          /* Of the stream, */
    size_t stream_bytes; /* and what it has written. */
    void (*room)(void *ctx);
    void *room_ctx;
    struct lg_task room_task;
    bool room_posted, released; /* Its memory waits for the task. */
    char peer[64];
};

static const struct lg_http_request_ops request_ops;
static const struct lg_http2_events slot_events;

/* --- Slots ----------------------------------------------------------------------------------- */

static struct slot *slot_new(struct lg_http_server *s)
{
    struct lg_list *spare = lg_list_pop_front(&s->spare2);
    struct slot *slot;

    if (spare != NULL) {
        s->spare2_count--;
        return LG_CONTAINER_OF(spare, struct slot, in.link);
    }
    slot = lg_new(struct slot);
    slot->user.events = &slot_events;
    slot->in.rq.arena = lg_arena_new(0);
    lg_list_init(&slot->in.link);
    return slot;
}

static void slot_free(struct slot *slot)
{
    lg_buf_done(&slot->body);
    lg_arena_free(slot->in.rq.arena);
    lg_free(slot);
}

/* The request is answered, or nobody waits for the answer. */
static void slot_release(struct slot *slot)
{
    struct lg_http_server *s = slot->in.server;

    lg_list_remove(&slot->in.link);
    slot->conn = NULL;
    slot->st = NULL;
    if (slot->room_posted) {
        slot->released = true;
        if (s != NULL)
            lg_list_push_back(&s->orphans, &slot->in.link);
        return;
    }
    if (s == NULL || s->stopping || s->spare2_count == SLOTS_KEPT_MAX) {
        slot_free(slot);
        return;
    }
    lg_arena_reset(slot->in.rq.arena);
    if (slot->body.size > KEEP_BYTES)
        lg_buf_done(&slot->body);
    slot->body.size = 0;
    slot->dispatched = slot->streaming = slot->wants_room = false;
    slot->stream_bytes = 0;
    lg_list_push_front(&s->spare2, &slot->in.link);
    s->spare2_count++;
}

void lg_http2_conn_free_spare(struct lg_http_server *s)
{
    while (!lg_list_empty(&s->spare2))
        slot_free(LG_CONTAINER_OF(lg_list_pop_front(&s->spare2), struct slot, in.link));
}

/* --- Out ------------------------------------------------------------------------------------- */

static void close_conn(struct lg_http2_conn *c, bool after_flush)
{
    c->closing = true;
    lg_conn_close(c->conn, after_flush);
}

/* Who takes no answers is not asked for more requests. */
static void update_pause(struct lg_http2_conn *c)
{
    bool pause = lg_conn_queued(c->conn) > LG_CONN_HIGH_BYTES;

    if (LG_UNLIKELY(pause != c->paused) && !c->closing) {
        c->paused = pause;
        lg_conn_pause(c->conn, pause);
    }
}

/* What there is to send, as far as the peer takes it. */
static void flush(struct lg_http2_conn *c)
{
    struct lg_buf *out = &c->in.server->scratch;

    lg_http2_call_tell(c->in.server);
    while (!c->closing && lg_conn_queued(c->conn) + out->size <= LG_CONN_HIGH_BYTES) {
        struct lg_slice bytes;

        bytes = lg_h2_output(c->h);
        if (bytes.size == 0)
            break;
        lg_buf_append_slice(out, bytes);
        lg_h2_sent(c->h, bytes.size);
    }
    c->sent_bytes += out->size;
    if (out->size > 0)
        lg_conn_send(c->conn, out);
    if (!c->closing && lg_h2_is_over(c->h))
        close_conn(c, /* after_flush= */ true);
    update_pause(c);
}

static void flush_now(struct lg_task *task)
{
    struct lg_http2_conn *c = LG_CONTAINER_OF(task, struct lg_http2_conn, flush_task);

    c->flush_deferred = false;
    if (c->gone) {
        lg_free(c);
        return;
    }
    c->active_us = lg_lane_now_us(c->in.server->options.lane);
    flush(c);
}

void lg_http2_flush_soon(struct lg_http2_conn *c)
{
    if (c->flush_deferred)
        return;
    c->flush_deferred = true;
    c->flush_task.run = flush_now;
    lg_lane_defer(c->in.server->options.lane, &c->flush_task);
}

/* --- Answers --------------------------------------------------------------------------------- */

struct fields {
    struct lg_http_header data[FIELDS_MAX];
    size_t n;
    char status[8], length[24];
    struct lg_buf names; /* in lower case */
};

static void add(struct fields *f, struct lg_slice name, struct lg_slice value)
{
    assert(f->n < FIELDS_MAX);
    f->data[f->n++] = (struct lg_http_header){name, value};
}

/* Names are in lower case in HTTP/2 (RFC 9113, section 8.2). */
static void add_lower(struct fields *f, struct lg_slice name, struct lg_slice value)
{
    size_t at = f->names.size;

    assert(name.size <= NAME_BYTES_MAX);
    for (size_t i = 0; i < name.size; i++) {
        uint8_t ch = name.data[i];

        lg_buf_append_byte(&f->names, ch >= 'A' && ch <= 'Z' ? (uint8_t)(ch | 0x20) : ch);
    }
    add(f, lg_slice(f->names.data + at, name.size), value);
}

static void head_of(struct fields *f, const struct lg_http_response *r, bool with_length)
{
    (void)lg_buf_reserve(&f->names, FIELDS_MAX * NAME_BYTES_MAX); /* So that nothing moves. */
    (void)snprintf(f->status, sizeof f->status, "%d", r->status);
    add(f, LG_LIT(":status"), lg_slice_str(f->status));
    if (r->content_type != NULL)
        add(f, LG_LIT("content-type"), lg_slice_str(r->content_type));
    for (size_t i = 0; i < r->header_count; i++)
        add_lower(f, r->headers[i].name, r->headers[i].value);
    if (!with_length || r->status < 200 || r->status == 204 || r->status == 304)
        return;
    (void)snprintf(f->length, sizeof f->length, "%zu", r->body.size);
    add(f, LG_LIT("content-length"), lg_slice_str(f->length));
}

void lg_http2_answered(struct lg_http2_conn *c)
{
    if (LG_UNLIKELY(c->in.server->draining))
        lg_h2_shutdown(c->h);
    lg_http2_flush_soon(c);
}

static struct slot *slot_of(const struct lg_http_request *rq)
{
    return LG_CONTAINER_OF(rq, struct slot, in.rq);
}

static void release_orphan(struct slot *slot)
{
    struct lg_http_server *s = slot->in.server;

    slot_release(slot);
    if (s != NULL)
        lg_http_server_check_stopped(s);
}

static struct lg_buf take_body(struct lg_http_request *rq)
{
    struct slot *slot = slot_of(rq);
    struct lg_buf body = slot->body;

    slot->body = (struct lg_buf){0};
    rq->body = LG_SLICE_NULL;
    return body;
}

static void respond(struct lg_http_request *rq, const struct lg_http_response *response)
{
    struct slot *slot = slot_of(rq);
    struct lg_http2_conn *c = slot->conn;
    bool has_body = rq->method != LG_HTTP_HEAD && response->body.size > 0;
    struct fields f = {.n = 0};
    struct lg_h2_head head;

    assert(slot->dispatched && !slot->streaming && "a request is answered exactly once");
    if (slot->in.server != NULL)
        lg_http_server_count_answer(slot->in.server, rq, response->status, response->body.size);
    if (c == NULL) {
        release_orphan(slot);
        return;
    }
    head_of(&f, response, /* with_length= */ true);
    head = (struct lg_h2_head){.fields = f.data, .count = f.n};
    lg_h2_respond(slot->st, &head, &response->body, has_body ? 1 : 0, NULL);
    lg_buf_done(&f.names);
    slot_release(slot);
    lg_http2_answered(c);
}

static bool can_stream(const struct lg_http_request *rq)
{
    return rq->method != LG_HTTP_HEAD;
}

static void tell_room(struct lg_task *task)
{
    struct slot *slot = LG_CONTAINER_OF(task, struct slot, room_task);

    slot->room_posted = false;
    if (!slot->released) {
        if (slot->streaming)
            slot->room(slot->room_ctx);
        return;
    }
    slot->released = false; /* The stream ended meanwhile. */
    release_orphan(slot);
}

/* The streamer waits: it goes on with the lane's next task. */
static void post_room(struct slot *slot)
{
    slot->wants_room = false;
    if (slot->room_posted)
        return;
    slot->room_posted = true;
    slot->room_task.run = tell_room;
    lg_lane_post(slot->in.rq.lane, &slot->room_task);
}

static void stream_begin(struct lg_http_request *rq, const struct lg_http_response *response,
                         void (*room)(void *ctx), void *ctx)
{
    struct slot *slot = slot_of(rq);
    struct fields f = {.n = 0};
    struct lg_h2_head head;

    assert(slot->dispatched && !slot->streaming && can_stream(rq));
    slot->streaming = true;
    slot->status = response->status;
    slot->room = room;
    slot->room_ctx = ctx;
    if (slot->conn == NULL)
        return;
    head_of(&f, response, /* with_length= */ false);
    head = (struct lg_h2_head){.fields = f.data, .count = f.n};
    lg_h2_begin(slot->st, &head);
    lg_buf_done(&f.names);
    lg_http2_flush_soon(slot->conn);
}

static bool stream_is_full(struct lg_http_request *rq)
{
    struct slot *slot = slot_of(rq);

    slot->wants_room = slot->conn != NULL && lg_h2_is_full(slot->st);
    return slot->wants_room;
}

static void stream_write(struct lg_http_request *rq, struct lg_slice bytes)
{
    struct slot *slot = slot_of(rq);

    assert(slot->streaming);
    slot->stream_bytes += bytes.size;
    if (slot->conn == NULL || bytes.size == 0)
        return;
    lg_h2_write(slot->st, &bytes, 1);
    lg_http2_flush_soon(slot->conn);
}

static void stream_end(struct lg_http_request *rq)
{
    struct slot *slot = slot_of(rq);
    struct lg_http2_conn *c = slot->conn;

    assert(slot->streaming);
    slot->streaming = slot->wants_room = false;
    if (slot->in.server != NULL)
        lg_http_server_count_answer(slot->in.server, rq, slot->status, slot->stream_bytes);
    if (c == NULL) {
        release_orphan(slot);
        return;
    }
    lg_h2_end(slot->st, NULL);
    slot_release(slot);
    lg_http2_answered(c);
}

static const struct lg_http_request_ops request_ops = {.take_body = take_body,
                                                       .respond = respond,
                                                       .can_stream = can_stream,
                                                       .stream_begin = stream_begin,
                                                       .stream_is_full = stream_is_full,
                                                       .stream_write = stream_write,
                                                       .stream_end = stream_end};

/* --- What the engine tells ------------------------------------------------------------------- */

static enum lg_http_method method_of(struct lg_slice name)
{
    for (enum lg_http_method m = LG_HTTP_GET; m < LG_HTTP_OTHER; m++)
        if (lg_slice_eq_str(name, lg_http_method_name(m)))
            return m;
    return LG_HTTP_OTHER;
}

static struct lg_slice keep(struct lg_arena *arena, struct lg_slice s)
{
    return lg_slice(lg_arena_copy(arena, s), s.size);
}

/* What the event lends, in the arena of the request. False: there is no room for it. */
static bool keep_head(struct lg_http_request *rq, const struct lg_h2_request *head)
{
    struct lg_http_header *fields;
    size_t n = head->headers.size;

    rq->method = method_of(head->method);
    rq->target = keep(rq->arena, head->path);
    fields = lg_arena_alloc(rq->arena, (n + 1) * sizeof *fields);
    if (rq->target.data == NULL || fields == NULL)
        return false;
    for (size_t i = 0; i < n; i++) {
        fields[i].name = keep(rq->arena, head->headers.data[i].name);
        fields[i].value = keep(rq->arena, head->headers.data[i].value);
        if (fields[i].name.data == NULL || fields[i].value.data == NULL)
            return false;
    }
    fields[n] = (struct lg_http_header){LG_LIT("host"), keep(rq->arena, head->authority)};
    rq->headers = (struct lg_http_headers){fields, n + 1};
    return true;
}

static void refuse(struct slot *slot, int status, enum lg_http_refusal limit, const char *text)
{
    slot->dispatched = true;
    slot->in.rq.received_us = lg_lane_now_us(slot->in.rq.lane);
    lg_http_server_count_refusal(slot->in.server, limit);
    lg_http_respond_text(&slot->in.rq, status, "%s\n", text);
}

static void on_request(void *ctx, struct lg_h2_stream *st, const struct lg_h2_request *head)
{
    struct lg_http2_conn *c = ctx;
    struct lg_http_server *s = c->in.server;
    struct lg_arena *arena;
    struct slot *slot;

    if ((head->memo == NULL || *head->memo != MEMO_HTTP) && lg_http2_call_begin(c, st, head))
        return;
    if (head->memo != NULL)
        *head->memo = MEMO_HTTP;
    slot = slot_new(s);
    arena = slot->in.rq.arena;

    slot->in.server = s;
    slot->conn = c;
    slot->st = st;
    st->user = &slot->user;
    (void)snprintf(slot->peer, sizeof slot->peer, "%s", c->conn->peer);
    slot->in.rq = (struct lg_http_request){.ops = &request_ops,
                                           .arena = arena,
                                           .lane = s->options.lane,
                                           .peer = slot->peer,
                                           .identity = lg_http_keep_identity(arena, c->conn),
                                           .is_secure = c->conn->is_secure};
    lg_list_push_back(&c->slots, &slot->in.link);
    if (!keep_head(&slot->in.rq, head))
        refuse(slot, 431, LG_HTTP_REFUSED_HEAD, "the head is too large");
}

static void slot_body(struct lg_http2_user *user, struct lg_slice bytes)
{
    struct slot *slot = LG_CONTAINER_OF(user, struct slot, user);
    const struct lg_http2_conn *c = slot->conn;
    size_t max = c->in.server->options.body_bytes_max, size = slot->body.size + bytes.size;

    if (size > max)
        refuse(slot, 413, LG_HTTP_REFUSED_BODY, "the body is over the limit body_bytes");
    else if (size > LG_MEMORY_GATE_BODY_BYTES && lg_memory_gate_is_full())
        refuse(slot, 503, LG_HTTP_REFUSED_MEMORY, LG_MEMORY_GATE_TEXT);
    else
        lg_buf_append_slice(&slot->body, bytes);
}

static void slot_end(struct lg_http2_user *user)
{
    struct slot *slot = LG_CONTAINER_OF(user, struct slot, user);

    slot->in.rq.body = lg_buf_slice(&slot->body);
    slot->dispatched = true;
    lg_http_server_dispatch(&slot->in);
}

/* Whoever waited for the answer is gone; there is nobody to tell. */
static void slot_gone(struct lg_http2_user *user)
{
    struct slot *slot = LG_CONTAINER_OF(user, struct slot, user);

    slot->conn = NULL;
    slot->st = NULL;
    slot->in.rq.peer_gone = true;
    if (!slot->dispatched) {
        slot_release(slot);
        return;
    }
    if (slot->streaming)
        post_room(slot);
    lg_list_remove(&slot->in.link);
    lg_list_push_back(&slot->in.server->orphans, &slot->in.link);
    if (slot->in.rq.lost != NULL)
        slot->in.rq.lost(&slot->in.rq);
}

static void slot_room(struct lg_http2_user *user)
{
    struct slot *slot = LG_CONTAINER_OF(user, struct slot, user);

    if (slot->wants_room)
        post_room(slot);
}

static const struct lg_http2_events slot_events = {
    .body = slot_body, .end = slot_end, .gone = slot_gone, .room = slot_room};

static void on_body(void *ctx, struct lg_h2_stream *st, struct lg_slice bytes)
{
    struct lg_http2_user *user = st->user;

    (void)ctx;
    user->events->body(user, bytes);
}

static void on_end(void *ctx, struct lg_h2_stream *st, const struct lg_http_headers *trailers)
{
    struct lg_http2_user *user = st->user;

    (void)ctx, (void)trailers;
    user->events->end(user);
}

static void on_gone(void *ctx, struct lg_h2_stream *st, uint32_t code)
{
    struct lg_http2_user *user = st->user;

    (void)ctx, (void)code;
    user->events->gone(user);
}

static void on_room(void *ctx, struct lg_h2_stream *st)
{
    struct lg_http2_user *user = st->user;

    (void)ctx;
    user->events->room(user);
}

static const struct lg_h2_handler engine_handler = {
    .request = on_request, .body = on_body, .end = on_end, .gone = on_gone, .room = on_room};

/* --- In -------------------------------------------------------------------------------------- */

static void take_in(struct lg_http2_conn *c, struct lg_slice bytes)
{
    c->active_us = lg_lane_now_us(c->in.server->options.lane);
    (void)lg_h2_input(c->h, bytes); /* That it is over is seen by flush. */
    lg_http2_call_keep(c);
    lg_http2_flush_soon(c);
}

static void conn_received(void *ctx, struct lg_conn *conn, struct lg_slice bytes)
{
    struct lg_http2_conn *c = ctx;

    (void)conn;
    if (!c->closing)
        take_in(c, bytes);
}

static void conn_drained(void *ctx, struct lg_conn *conn)
{
    (void)conn;
    flush(ctx);
}

static void conn_closed(void *ctx, struct lg_conn *conn, enum lg_rc why)
{
    struct lg_http2_conn *c = ctx;
    struct lg_http_server *s = c->in.server;

    (void)conn, (void)why;
    if (c->h->fault.by_limit)
        lg_log(LG_LOG_DEBUG, "http2_cut", "limit=%s", lg_h2_reason_name(c->h->fault.why));
    lg_timer_stop(s->options.lane, &c->watch);
    c->closing = true;
    lg_http2_call_tell(s);
    lg_h2_free(c->h);
    lg_http_carrier_left(&c->in);
    if (c->flush_deferred)
        c->gone = true;
    else
        lg_free(c);
    lg_http_server_check_stopped(s);
}

static const struct lg_conn_handler conn_handler = {
    .received = conn_received, .drained = conn_drained, .closed = conn_closed};

/* --- Time ------------------------------------------------------------------------------------ */

static uint64_t idle_us(const struct lg_http2_conn *c)
{
    return c->in.server->options.idle_ms * LG_MS;
}

/* What waits in the transport is not seen by the engine, nor is it once the engine is done. */
static bool peer_stalls(struct lg_http2_conn *c, uint64_t now_us)
{
    size_t queued = lg_conn_queued(c->conn);
    uint64_t taken = c->sent_bytes - queued;

    if (taken != c->taken_bytes || queued == 0) {
        c->taken_bytes = taken;
        c->progress_us = now_us;
    }
    return now_us - c->progress_us >= idle_us(c);
}

static bool handler_is_asked(const struct lg_http2_conn *c)
{
    LG_LIST_EACH(it, &c->slots)
    {
        if (LG_CONTAINER_OF(it, struct slot, in.link)->dispatched)
            return true;
    }
    return lg_http2_call_is_asked(c);
}

/* Nobody is at work here, and the peer is silent: what has begun to come will not end. */
static void end_idle(struct lg_http2_conn *c)
{
    while (!lg_list_empty(&c->slots))
        refuse(LG_CONTAINER_OF(c->slots.next, struct slot, in.link), 408, LG_HTTP_REFUSED_TIME,
               "the request did not arrive in time");
    lg_http2_call_end_late(c);
    lg_h2_shutdown(c->h);
}

static void watch(struct lg_timer *timer)
{
    struct lg_http2_conn *c = LG_CONTAINER_OF(timer, struct lg_http2_conn, watch);
    struct lg_lane *lane = c->in.server->options.lane;
    uint64_t now_us = lg_lane_now_us(lane);

    if (peer_stalls(c, now_us)) {
        lg_http_server_count_refusal(c->in.server, LG_HTTP_REFUSED_TIME);
        close_conn(c, /* after_flush= */ false);
        return;
    }
    lg_timer_start(lane, timer, WATCH_US, watch); /* Also while the last bytes go out. */
    if (c->closing)
        return;
    if (handler_is_asked(c) || lg_conn_queued(c->conn) > 0)
        c->active_us = now_us; /* The handler's time is not the peer's; who reads is not silent. */
    if (now_us - c->active_us >= idle_us(c))
        end_idle(c);
    (void)!lg_h2_tick(c->h, now_us / LG_MS);
    flush(c);
}

/* --- Beginning and end ----------------------------------------------------------------------- */

static void finish(struct lg_http_carrier *carrier)
{
    struct lg_http2_conn *c = LG_CONTAINER_OF(carrier, struct lg_http2_conn, in);

    if (c->closing)
        return;
    lg_h2_shutdown(c->h);
    lg_http2_call_drain(c);
    lg_http2_flush_soon(c);
}

static void cut(struct lg_http_carrier *carrier)
{
    close_conn(LG_CONTAINER_OF(carrier, struct lg_http2_conn, in), /* after_flush= */ false);
}

void lg_http2_conn_open(struct lg_http_server *s, struct lg_conn *conn, struct lg_slice bytes)
{
    struct lg_http2_conn *c = lg_new(struct lg_http2_conn);
    uint64_t now_us = lg_lane_now_us(s->options.lane);
    struct lg_h2_options o = {.handler = &engine_handler, .ctx = c, .now_ms = now_us / LG_MS};

    c->in.finish = finish;
    c->in.cut = cut;
    c->conn = conn;
    conn->handler = &conn_handler;
    conn->ctx = c;
    lg_list_init(&c->slots);
    lg_list_init(&c->calls);
    lg_http_carrier_joined(s, &c->in);
    c->progress_us = now_us;
    /* on_body answers what is over the limit; the engine would only reset it. */
    o.limits.body_bytes = SIZE_MAX;
    o.limits.connection_body_bytes = LG_MAX(s->options.body_bytes_max, CONNECTION_BODY_BYTES);
    c->h = s->options.http2(&o);
    lg_timer_start(s->options.lane, &c->watch, WATCH_US, watch);
    take_in(c, bytes);
}
