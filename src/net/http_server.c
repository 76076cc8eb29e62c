/* An HTTP/1.1 server over the transport port. Everything belongs to the server's lane.
 *
 * A connection parses one request after the other and hands each to the handler at once; answers
 * that come out of order wait in their request. A slot holds one request with its memory; idle
 * slots wait in the server for the next request, so a request costs no allocation once the server
 * is warm.
 *
 * A slot outlives its connection (the handler has yet to answer) and even the server: it then only
 * waits for its respond call, which frees it.
 *
 * One timer per connection, checked lazily: it is not moved at each request, it looks at expiry
 * whether the deadline has moved.
 */
#include "net/http_server.h"

#include <stdio.h>

#include "base/log.h"
#include "base/memory_gate.h"
#include "net/http1.h"
#include "net/metrics.h"
#include "net/ops_front.h"

#define CONNECTIONS_DEFAULT 10000
#define IDLE_MS_DEFAULT 60000
#define PIPELINE_MAX 64                  /* requests in flight per connection */
#define PIPELINE_FIRST 4u                /* ... before it is known how large its answers are */
#define PIPELINE_BYTES ((size_t)8 << 20) /* of answers in flight, judged by the last one */
#define SLOTS_KEPT_MAX 256
#define KEEP_BYTES ((size_t)64 << 10) /* memory that an idle slot may hold on to, per buffer */
#define STALL_CHECKS 4                /* per idle time, while bytes wait for the peer */
#define TEXT_BYTES_MAX 1024

struct server_conn;

struct slot { /* One request. */
    struct lg_http_request rq;
    struct lg_list link;           /* In conn->slots, server->orphans or server->spare. */
    struct server_conn *conn;      /* NULL when the peer is gone. */
    struct lg_http_server *server; /* NULL when the server is gone. */
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
    struct lg_http_server *server;
    struct lg_list link; /* In server->conns. */
    struct lg_conn *conn;
    struct lg_http1 *parser;
    struct lg_list slots; /* In the order of the requests. */
    size_t in_flight, window;
    struct lg_buf input; /* Bytes that wait because the pipeline is full. */
    struct lg_timer watch;
    uint64_t active_us;   /* The last byte of a body, or the last answer. */
    uint64_t head_us;     /* First byte of the head that is being read. */
    uint64_t sent_bytes;  /* Handed to the transport so far. */
    uint64_t taken_bytes; /* Of these, taken by the peer when last looked. */
    uint64_t progress_us; /* When that last grew. */
    bool last_request;    /* No more requests are read. */
    bool owes_continue;   /* "100 Continue" is due when the answers before it are sent. */
    bool closing, paused, dispatching;
};

struct lg_http_server {
    struct lg_http_server_options options;
    struct lg_listener *listener;
    uint16_t port;
    uint64_t last_id;
    struct lg_list conns, orphans, spare;
    size_t conn_count, spare_count;
    struct lg_buf scratch; /* Where answers are written. */
    bool draining, stopping, grace_over, stopped_posted;
    struct lg_timer grace;
    struct lg_task stopped_task;
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

static void advance(struct server_conn *c);
static void check_stopped(struct lg_http_server *s);

/* --- Slots ---------------------------------------------------------------------------------- */

static struct slot *slot_new(struct lg_http_server *s)
{
    struct lg_list *spare = lg_list_pop_front(&s->spare);
    struct slot *slot;

    if (spare != NULL) {
        s->spare_count--;
        return LG_CONTAINER_OF(spare, struct slot, link);
    }
    slot = lg_new(struct slot);
    slot->rq.arena = lg_arena_new(0);
    lg_list_init(&slot->link);
    return slot;
}

static void slot_free(struct slot *slot)
{
    lg_http1_message_done(&slot->message);
    lg_buf_done(&slot->response);
    lg_arena_free(slot->rq.arena);
    lg_free(slot);
}

/* The request is answered and sent, or nobody waits for the answer. */
static void slot_release(struct slot *slot)
{
    struct lg_http_server *s = slot->server;

    lg_list_remove(&slot->link);
    if (slot->room_posted) {
        slot->released = true;
        slot->conn = NULL;
        if (s != NULL)
            lg_list_push_back(&s->orphans, &slot->link);
        return;
    }
    if (s == NULL || s->stopping || s->spare_count == SLOTS_KEPT_MAX) {
        slot_free(slot);
        return;
    }
    lg_arena_reset(slot->rq.arena);
    lg_http1_message_clear(&slot->message, KEEP_BYTES);
    lg_buf_done(&slot->response);
    slot->answered = false;
    slot->streaming = slot->wants_room = false;
    slot->stream_bytes = 0;
    lg_list_push_front(&s->spare, &slot->link);
    s->spare_count++;
}

/* --- Out ------------------------------------------------------------------------------------ */

static void send_out(struct server_conn *c, struct lg_buf *bytes)
{
    if (lg_conn_queued(c->conn) == 0)
        c->progress_us = lg_lane_now_us(c->server->options.lane);
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

    lg_http1_write_response(&c->server->scratch, &a);
    send_out(c, &c->server->scratch);
}

static void count_refusal(const struct lg_http_server *s, enum lg_http_refusal limit)
{
    lg_metric_add(&lg_metric_http_refused_total,
                  (uint32_t)s->options.listener * LG_HTTP_REFUSALS + (uint32_t)limit, 1);
}

/* A request that cannot be parsed is a request too: it is answered in its turn, then all ends. */
static void refuse(struct server_conn *c, int status, const char *text)
{
    struct slot *slot;
    char body[TEXT_BYTES_MAX];
    struct lg_http1_answer a = {.status = status, .content_type = "text/plain"};

    count_refusal(c->server, status == 413   ? LG_HTTP_REFUSED_BODY
                             : status == 503 ? LG_HTTP_REFUSED_MEMORY
                             : status == 431 ? LG_HTTP_REFUSED_HEAD
                                             : LG_HTTP_REFUSED_SYNTAX);
    (void)snprintf(body, sizeof(body), "%s\n", text);
    a.body = lg_slice_str(body);
    c->last_request = true;
    if (c->in_flight == 0) {
        lg_http1_write_response(&c->server->scratch, &a);
        send_out(c, &c->server->scratch);
        close_conn(c, /* after_flush= */ true);
        return;
    }
    slot = slot_new(c->server);
    slot->server = c->server;
    slot->conn = c;
    slot->answered = true;
    lg_http1_write_response(&slot->response, &a);
    lg_list_push_back(&c->slots, &slot->link);
    c->in_flight++;
}

static void tell_room(struct lg_task *task)
{
    struct slot *slot = LG_CONTAINER_OF(task, struct slot, room_task);
    struct lg_http_server *s = slot->server;

    slot->room_posted = false;
    if (!slot->released) {
        if (slot->streaming)
            slot->room(slot->room_ctx);
        return;
    }
    slot->released = false; /* The stream ended meanwhile. */
    slot_release(slot);
    if (s != NULL)
        check_stopped(s);
}

/* The streamer waits: it goes on with the lane's next task. */
static void post_room(struct slot *slot)
{
    if (slot->room_posted)
        return;
    slot->wants_room = false;
    slot->room_posted = true;
    slot->room_task.run = tell_room;
    lg_lane_post(slot->rq.lane, &slot->room_task);
}

/* Sends the answers whose turn has come. */
static void send_ready(struct server_conn *c)
{
    while (!lg_list_empty(&c->slots)) {
        struct slot *slot = LG_CONTAINER_OF(c->slots.next, struct slot, link);

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

static void split_target(struct lg_http_request *rq)
{
    struct lg_slice t = rq->target;
    const uint8_t *question, *slash;

    if (lg_slice_starts(t, LG_LIT("http://"))) { /* The form for proxies (RFC 9112, 3.2.2). */
        t = lg_slice_skip(t, 7);
        slash = (const uint8_t *)memchr(t.data, '/', t.size);
        t = slash == NULL ? LG_LIT("/") : lg_slice_skip(t, (size_t)(slash - t.data));
    }
    question = (const uint8_t *)memchr(t.data, '?', t.size);
    rq->path = question == NULL ? t : lg_slice(t.data, (size_t)(question - t.data));
    rq->query = question == NULL ? LG_SLICE_NULL : lg_slice_skip(t, rq->path.size + 1);
}

static void dispatch(struct server_conn *c)
{
    struct lg_http_server *s = c->server;
    struct slot *slot = slot_new(s);
    struct lg_arena *arena = slot->rq.arena;

    lg_http1_take(c->parser, &slot->message);
    slot->server = s;
    slot->conn = c;
    (void)snprintf(slot->peer, sizeof(slot->peer), "%s", c->conn->peer);
    slot->rq = (struct lg_http_request){.method = slot->message.method,
                                        .target = slot->message.target,
                                        .headers = slot->message.headers,
                                        .body = lg_buf_slice(&slot->message.body),
                                        .arena = arena,
                                        .lane = s->options.lane,
                                        .peer = slot->peer,
                                        .id = ++s->last_id,
                                        .received_us = lg_lane_now_us(s->options.lane)};
    split_target(&slot->rq);
    lg_list_push_back(&c->slots, &slot->link);
    c->in_flight++;
    c->active_us = slot->rq.received_us;
    if (!slot->message.keep_alive)
        c->last_request = true;
    lg_metric_add(&lg_metric_http_request_bytes_total, s->options.listener, slot->rq.body.size);
    if (s->options.listener == LG_HTTP_LISTENER_OTHER || !lg_ops_front_handle(&slot->rq))
        s->options.handler(s->options.ctx, &slot->rq);
}

/* "100 Continue" may not overtake answers to requests before it. */
static void send_continue(struct server_conn *c)
{
    if (!c->owes_continue || c->in_flight > 0 || c->closing)
        return;
    c->owes_continue = false;
    lg_buf_append_str(&c->server->scratch, "HTTP/1.1 100 Continue\r\n\r\n");
    send_out(c, &c->server->scratch);
}

/* While memory is short, only small bodies are taken. */
static void limit_body(struct server_conn *c)
{
    size_t usual = c->server->options.body_bytes_max;

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
            c->head_us = lg_lane_now_us(c->server->options.lane);
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
 * calls return here (`dispatching`) instead of going deeper. */
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

static void conn_received(void *ctx, struct lg_conn *conn, struct lg_slice bytes)
{
    struct server_conn *c = (struct server_conn *)ctx;
    size_t taken = 0;

    (void)conn;
    if (c->closing)
        return;
    if (!lg_http1_in_head(c->parser)) /* Bytes of a head buy no time. */
        c->active_us = lg_lane_now_us(c->server->options.lane);
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
    struct lg_http_server *s = c->server;

    (void)conn, (void)why; /* Whoever waited for the answer is gone; there is nobody to tell. */
    lg_timer_stop(s->options.lane, &c->watch);
    while (!lg_list_empty(&c->slots)) {
        struct slot *slot = LG_CONTAINER_OF(c->slots.next, struct slot, link);

        slot->conn = NULL;
        slot->rq.peer_gone = true;
        if (slot->streaming)
            post_room(slot);
        if (slot->answered) {
            slot_release(slot);
        } else {
            lg_list_remove(&slot->link);
            lg_list_push_back(&s->orphans, &slot->link);
        }
    }
    lg_http1_free(c->parser);
    lg_buf_done(&c->input);
    lg_list_remove(&c->link);
    s->conn_count--;
    lg_metric_sub(&lg_metric_http_connections, s->options.listener, 1);
    lg_free(c);
    check_stopped(s);
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
    return now_us - c->progress_us >= idle_us(c->server);
}

static void watch_expired(struct lg_timer *t)
{
    struct server_conn *c = LG_CONTAINER_OF(t, struct server_conn, watch);
    struct lg_lane *lane = c->server->options.lane;
    uint64_t now_us = lg_lane_now_us(lane), idle = idle_us(c->server);
    bool in_head = lg_http1_in_head(c->parser) && c->in_flight == 0;
    uint64_t since_us = in_head ? c->head_us : c->active_us;

    if (peer_stalls(c, now_us)) {
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
            count_refusal(c->server, LG_HTTP_REFUSED_TIME);
            send_text(c, 408, "the request did not arrive in time\n");
        }
        close_conn(c, /* after_flush= */ true);
        lg_timer_start(lane, t, idle, watch_expired);
    }
}

/* --- Accepting ------------------------------------------------------------------------------ */

static void turned_away_closed(void *ctx, struct lg_conn *conn, enum lg_rc why)
{
    (void)ctx, (void)conn, (void)why;
}

static void turned_away_received(void *ctx, struct lg_conn *conn, struct lg_slice bytes)
{
    (void)ctx, (void)conn, (void)bytes;
}

static const struct lg_conn_handler turned_away = {.received = turned_away_received,
                                                   .closed = turned_away_closed};

static void turn_away(struct lg_http_server *s, struct lg_conn *conn)
{
    struct lg_http1_answer a = {
        .status = 503,
        .content_type = "text/plain",
        .body =
            LG_LIT("too many connections: the limit connections is reached; try again later\n")};

    count_refusal(s, LG_HTTP_REFUSED_CONNECTIONS);
    conn->handler = &turned_away;
    conn->ctx = NULL;
    lg_http1_write_response(&s->scratch, &a);
    lg_conn_send(conn, &s->scratch);
    lg_conn_close(conn, /* after_flush= */ true);
}

static void accepted(void *ctx, struct lg_conn *conn)
{
    struct lg_http_server *s = (struct lg_http_server *)ctx;
    struct server_conn *c;

    if (s->conn_count >= s->options.connections_max) {
        turn_away(s, conn);
        return;
    }
    c = lg_new(struct server_conn);
    c->server = s;
    c->conn = conn;
    conn->handler = &conn_handler;
    conn->ctx = c;
    c->parser = lg_http1_new(LG_HTTP1_REQUEST, s->options.body_bytes_max);
    c->window = PIPELINE_FIRST;
    lg_list_init(&c->slots);
    lg_list_push_back(&s->conns, &c->link);
    s->conn_count++;
    lg_metric_add(&lg_metric_http_connections, s->options.listener, 1);
    lg_metric_add(&lg_metric_http_connections_total, s->options.listener, 1);
    c->active_us = c->progress_us = lg_lane_now_us(s->options.lane);
    lg_timer_start(s->options.lane, &c->watch, idle_us(s), watch_expired);
}

/* --- Life ----------------------------------------------------------------------------------- */

enum lg_rc lg_http_server_start(const struct lg_http_server_options *options,
                                struct lg_http_server **out, struct lg_error *err)
{
    struct lg_http_server *s = lg_new(struct lg_http_server);
    enum lg_rc rc;

    s->options = *options;
    s->options.host = NULL; /* Borrowed for this call. */
    if (s->options.body_bytes_max == 0)
        s->options.body_bytes_max = LG_HTTP_BODY_BYTES_DEFAULT;
    if (s->options.connections_max == 0)
        s->options.connections_max = CONNECTIONS_DEFAULT;
    if (s->options.idle_ms == 0)
        s->options.idle_ms = IDLE_MS_DEFAULT;
    lg_list_init(&s->conns);
    lg_list_init(&s->orphans);
    lg_list_init(&s->spare);
    rc = lg_transport_listen(options->transport, options->lane, options->host, options->port,
                             accepted, s, &s->listener, err);
    if (rc != LG_OK) {
        lg_free(s);
        return rc;
    }
    s->port = lg_listener_port(s->listener);
    *out = s;
    return LG_OK;
}

uint16_t lg_http_server_port(const struct lg_http_server *s)
{
    return s->port;
}

static void server_free(struct lg_http_server *s)
{
    while (!lg_list_empty(&s->spare))
        slot_free(LG_CONTAINER_OF(lg_list_pop_front(&s->spare), struct slot, link));
    while (!lg_list_empty(&s->orphans))
        LG_CONTAINER_OF(lg_list_pop_front(&s->orphans), struct slot, link)->server = NULL;
    lg_buf_done(&s->scratch);
    lg_free(s);
}

static void tell_stopped(struct lg_task *task)
{
    struct lg_http_server *s = LG_CONTAINER_OF(task, struct lg_http_server, stopped_task);
    void (*stopped)(void *) = s->stopped;
    void *ctx = s->stopped_ctx;

    lg_timer_stop(s->options.lane, &s->grace);
    server_free(s);
    stopped(ctx);
}

static void check_stopped(struct lg_http_server *s)
{
    if (!s->stopping || s->stopped_posted || !lg_list_empty(&s->conns))
        return;
    if (!lg_list_empty(&s->orphans) && !s->grace_over)
        return;
    s->stopped_posted = true;
    s->stopped_task.run = tell_stopped;
    lg_lane_post(s->options.lane, &s->stopped_task);
}

static void grace_ended(struct lg_timer *t)
{
    struct lg_http_server *s = LG_CONTAINER_OF(t, struct lg_http_server, grace);

    s->grace_over = true;
    LG_LIST_EACH(it, &s->conns)
    close_conn(LG_CONTAINER_OF(it, struct server_conn, link), /* after_flush= */ false);
    check_stopped(s);
}

void lg_http_server_drain(struct lg_http_server *s)
{
    s->draining = true;
}

void lg_http_server_stop(struct lg_http_server *s, uint64_t grace_ms, void (*stopped)(void *ctx),
                         void *ctx)
{
    assert(!s->stopping);
    s->stopping = true;
    s->stopped = stopped;
    s->stopped_ctx = ctx;
    lg_listener_close(s->listener);
    s->listener = NULL;
    LG_LIST_EACH(it, &s->conns)
    {
        struct server_conn *c = LG_CONTAINER_OF(it, struct server_conn, link);

        c->last_request = true;
        if (c->in_flight == 0 && !c->closing)
            close_conn(c, /* after_flush= */ true);
    }
    lg_timer_start(s->options.lane, &s->grace, grace_ms * LG_MS, grace_ended);
    check_stopped(s);
}

/* --- Answers -------------------------------------------------------------------------------- */

static void count_answer(const struct lg_http_server *s, const struct lg_http_request *rq,
                         int status, size_t body_bytes)
{
    uint32_t listener = (uint32_t)s->options.listener;
    uint32_t class = (uint32_t)LG_MIN(LG_MAX(status / 100, 1), 5) - 1;
    uint64_t took_us = lg_lane_now_us(s->options.lane) - rq->received_us;

    lg_metric_add(&lg_metric_http_requests_total, listener * 5 + class, 1);
    lg_metric_observe(&lg_metric_http_request_seconds, listener, took_us);
    lg_metric_add(&lg_metric_http_response_bytes_total, listener, body_bytes);
    if (lg_log_wanted(LG_LOG_DEBUG)) /* No target: it may hold a key. */
        lg_log(LG_LOG_DEBUG, "http_answered",
               "port=%u id=%llu method=%s status=%d bytes=%zu time_us=%llu peer=%s", s->port,
               (unsigned long long)rq->id, lg_http_method_name(rq->method), status, body_bytes,
               (unsigned long long)took_us, rq->peer);
}

/* Is this the connection's last answer? While the server drains it is, unless the peer has sent
 * more requests already: those are answered, too. */
static bool ends_connection(const struct slot *slot)
{
    struct server_conn *c = slot->conn;

    if (slot->server->stopping)
        return true;
    if (!slot->server->draining || slot->link.next != &c->slots || c->input.size > 0)
        return false;
    c->last_request = true; /* send_ready closes it. */
    return true;
}

struct lg_buf lg_http_request_take_body(struct lg_http_request *rq)
{
    struct slot *slot = LG_CONTAINER_OF(rq, struct slot, rq);
    struct lg_buf body = slot->message.body;

    slot->message.body = (struct lg_buf){0};
    rq->body = LG_SLICE_NULL;
    return body;
}

void lg_http_respond(struct lg_http_request *rq, const struct lg_http_response *response)
{
    struct slot *slot = LG_CONTAINER_OF(rq, struct slot, rq);
    struct server_conn *c = slot->conn;
    struct lg_http_server *s = slot->server;
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
        count_answer(s, rq, response->status, response->body.size);
    if (c == NULL) {
        slot_release(slot);
        if (s != NULL)
            check_stopped(s);
        return;
    }
    if (ends_connection(slot))
        a.keep_alive = false;
    slot->answered = true;
    c->active_us = lg_lane_now_us(s->options.lane);
    if (c->slots.next == &slot->link) { /* Its turn: by way of the common buffer. */
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
    advance(c);
}

/* --- Streams -------------------------------------------------------------------------------- */

static bool is_its_turn(const struct slot *slot)
{
    return slot->conn->slots.next == &slot->link;
}

bool lg_http_can_stream(const struct lg_http_request *rq)
{
    const struct slot *slot = LG_CONTAINER_OF(rq, struct slot, rq);

    return rq->method != LG_HTTP_HEAD && !slot->message.is_http10;
}

void lg_http_stream_begin(struct lg_http_request *rq, const struct lg_http_response *response,
                          void (*room)(void *ctx), void *ctx)
{
    struct slot *slot = LG_CONTAINER_OF(rq, struct slot, rq);
    struct lg_http1_answer a = {.status = response->status,
                                .content_type = response->content_type,
                                .headers = response->headers,
                                .header_count = response->header_count,
                                .keep_alive = slot->message.keep_alive,
                                .chunked = true};

    assert(!slot->answered && !slot->streaming && lg_http_can_stream(rq));
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

bool lg_http_stream_is_full(struct lg_http_request *rq)
{
    struct slot *slot = LG_CONTAINER_OF(rq, struct slot, rq);

    slot->wants_room =
        slot->conn != NULL &&
        (!is_its_turn(slot) || lg_conn_queued(slot->conn->conn) > LG_CONN_HIGH_BYTES);
    return slot->wants_room;
}

void lg_http_stream_write(struct lg_http_request *rq, struct lg_slice bytes)
{
    struct slot *slot = LG_CONTAINER_OF(rq, struct slot, rq);

    assert(slot->streaming);
    slot->stream_bytes += bytes.size;
    if (slot->conn == NULL || bytes.size == 0)
        return;
    lg_http1_write_chunk(&slot->response, bytes);
    if (is_its_turn(slot))
        send_out(slot->conn, &slot->response);
}

void lg_http_stream_end(struct lg_http_request *rq)
{
    struct slot *slot = LG_CONTAINER_OF(rq, struct slot, rq);
    struct server_conn *c = slot->conn;
    struct lg_http_server *s = slot->server;

    assert(slot->streaming);
    slot->streaming = slot->wants_room = false;
    slot->answered = true;
    if (s != NULL)
        count_answer(s, rq, slot->status, slot->stream_bytes);
    if (c == NULL) {
        slot_release(slot);
        if (s != NULL)
            check_stopped(s);
        return;
    }
    c->active_us = lg_lane_now_us(s->options.lane);
    lg_http1_write_chunk(&slot->response, LG_SLICE_NULL);
    send_ready(c);
    advance(c);
}

void lg_http_respond_text(struct lg_http_request *rq, int status, const char *fmt, ...)
{
    char text[TEXT_BYTES_MAX];
    struct lg_http_response response = {.status = status, .content_type = "text/plain"};
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args); /* A longer text is cut. */
    va_end(args);
    response.body = lg_slice_str(text);
    lg_http_respond(rq, &response);
}

void lg_http_respond_error(struct lg_http_request *rq, const struct lg_error *err)
{
    lg_http_respond_text(rq, lg_rc_http(err->rc, rq->method == LG_HTTP_POST), "%s\n",
                         err->text[0] != '\0' ? err->text : lg_rc_text(err->rc));
}
