/* An HTTP server over the transport port: listening, the connections it has, the requests that go
 * to the handler, and the end. What a connection speaks is its own business (http1_conn.c).
 * Everything belongs to the server's lane.
 */
#include "net/http_server_impl.h"

#include "base/log.h"
#include "net/http1.h"
#include "net/ops_front.h"

#define CONNECTIONS_DEFAULT 10000
#define IDLE_MS_DEFAULT 60000

/* --- What is counted ------------------------------------------------------------------------- */

void lg_http_server_count_refusal(const struct lg_http_server *s, enum lg_http_refusal limit)
{
    lg_metric_add(&lg_metric_http_refused_total,
                  (uint32_t)s->options.listener * LG_HTTP_REFUSALS + (uint32_t)limit, 1);
}

void lg_http_server_count_answer(const struct lg_http_server *s, const struct lg_http_request *rq,
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

/* --- Requests -------------------------------------------------------------------------------- */

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

void lg_http_server_dispatch(struct lg_http_carried *r)
{
    struct lg_http_server *s = r->server;

    r->rq.lane = s->options.lane;
    r->rq.id = ++s->last_id;
    r->rq.received_us = lg_lane_now_us(s->options.lane);
    split_target(&r->rq);
    lg_metric_add(&lg_metric_http_request_bytes_total, s->options.listener, r->rq.body.size);
    if (s->options.ops != NULL && lg_ops_front_may_name(&r->rq))
        s->options.ops(s->options.ctx, &r->rq);
    else if (s->options.listener == LG_HTTP_LISTENER_OTHER || !lg_ops_front_handle(&r->rq))
        s->options.handler(s->options.ctx, &r->rq);
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

    lg_http_server_count_refusal(s, LG_HTTP_REFUSED_CONNECTIONS);
    conn->handler = &turned_away;
    conn->ctx = NULL;
    lg_http1_write_response(&s->scratch, &a);
    lg_conn_send(conn, &s->scratch);
    lg_conn_close(conn, /* after_flush= */ true);
}

static void accepted(void *ctx, struct lg_conn *conn)
{
    struct lg_http_server *s = ctx;

    if (!lg_bound_take(s->connections, 1)) {
        turn_away(s, conn);
        return;
    }
    lg_metric_add(&lg_metric_http_connections_total, s->options.listener, 1);
    lg_http1_conn_open(s, conn);
}

const char *lg_http_keep_identity(struct lg_arena *arena, const struct lg_conn *conn)
{
    struct lg_slice name;
    char *copy;

    if (conn->identity == NULL)
        return NULL;
    name = lg_slice_str(conn->identity);
    copy = lg_arena_alloc(arena, name.size + 1);
    assert(copy != NULL && "an arena that is new has room for a name");
    memcpy(copy, conn->identity, name.size + 1);
    return copy;
}

void lg_http_carrier_joined(struct lg_http_server *s, struct lg_http_carrier *c)
{
    c->server = s;
    lg_list_push_back(&s->carriers, &c->link);
    lg_metric_add(&lg_metric_http_connections, s->options.listener, 1);
}

void lg_http_carrier_hands_on(struct lg_http_carrier *c)
{
    lg_list_remove(&c->link);
    lg_metric_sub(&lg_metric_http_connections, c->server->options.listener, 1);
}

void lg_http_carrier_left(struct lg_http_carrier *c)
{
    lg_http_carrier_hands_on(c);
    lg_bound_give(c->server->connections, 1);
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
    s->own_connections.max = s->options.connections_max;
    s->connections = options->with == NULL ? &s->own_connections : options->with->connections;
    lg_list_init(&s->carriers);
    lg_list_init(&s->orphans);
    lg_list_init(&s->spare1);
    lg_list_init(&s->spare2);
    lg_list_init(&s->spare_calls);
    lg_list_init(&s->lost_calls);
    if (options->with != NULL)
        rc = lg_transport_share(options->with->listener, options->lane, accepted, s, &s->listener,
                                err);
    else
        rc = lg_transport_listen(options->transport, options->lane, options->host, options->port,
                                 options->holds ? NULL : accepted, s, &s->listener, err);
    if (rc != LG_OK) {
        lg_free(s);
        return rc;
    }
    s->port = lg_listener_port(s->listener);
    s->listener->http2 = s->options.http2 != NULL;
    if (s->options.rpc != NULL)
        lg_http2_call_prepare(s);
    *out = s;
    return LG_OK;
}

uint16_t lg_http_server_port(const struct lg_http_server *s)
{
    return s->port;
}

static void server_free(struct lg_http_server *s)
{
    lg_http1_conn_free_spare(s);
    lg_http2_conn_free_spare(s);
    lg_http2_call_free_spare(s);
    lg_http2_call_unprepare(s);
    while (!lg_list_empty(&s->orphans))
        LG_CONTAINER_OF(lg_list_pop_front(&s->orphans), struct lg_http_carried, link)->server =
            NULL;
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

void lg_http_server_check_stopped(struct lg_http_server *s)
{
    if (!s->stopping || s->stopped_posted || !lg_list_empty(&s->carriers))
        return;
    if ((!lg_list_empty(&s->orphans) || !lg_list_empty(&s->lost_calls)) && !s->grace_over)
        return;
    s->stopped_posted = true;
    s->stopped_task.run = tell_stopped;
    lg_lane_post(s->options.lane, &s->stopped_task);
}

static void grace_ended(struct lg_timer *t)
{
    struct lg_http_server *s = LG_CONTAINER_OF(t, struct lg_http_server, grace);

    s->grace_over = true;
    LG_LIST_EACH(it, &s->carriers)
    {
        struct lg_http_carrier *c = LG_CONTAINER_OF(it, struct lg_http_carrier, link);

        c->cut(c);
    }
    lg_http_server_check_stopped(s);
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
    LG_LIST_EACH(it, &s->carriers)
    {
        struct lg_http_carrier *c = LG_CONTAINER_OF(it, struct lg_http_carrier, link);

        c->finish(c);
    }
    lg_timer_start(s->options.lane, &s->grace, grace_ms * LG_MS, grace_ended);
    lg_http_server_check_stopped(s);
}
