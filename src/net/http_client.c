/* An HTTP/1.1 client over the transport port. Everything belongs to the client's lane.
 *
 * Three kinds of things: an exchange (one per call), a connection (serves one exchange at a time,
 * or is idle), and a host (host:port with its connections and the exchanges that wait for one).
 *
 *   WAITING ──connection──▶ SENT ──whole answer──▶ SETTLED ──done──▶ (lg_http_call_done frees it)
 *      ▲  │                  │  │                     ▲
 *      │  └──── deadline, cancel, refused ────────────┤
 *      └─ reused one closed ─┘  └── fault, deadline, ─┘
 *         before any answer         cancel
 *
 * A connection outlives the client while its `closed` is still due; it then has no host.
 */
#include "net/http_client.h"

#include <stdio.h>

#include "base/map.h"
#include "base/str.h"
#include "lane/sm.h"
#include "net/http1.h"
#include "net/tls.h"

#define IDLE_MAX 32       /* per host */
#define OPEN_MAX 256      /* per host */
#define WAITING_MAX 10000 /* per host */
#define DEADLINE_DEFAULT_US (30 * LG_SEC)
#define HOST_BYTES_MAX 256
#define ENDS "the client is shutting down"

enum { WAITING, SENT, SETTLED };

static const struct lg_sm_state states[] = {
    [WAITING] = {"waiting", LG_TO(SENT) | LG_TO(SETTLED)},
    [SENT] = {"sent", LG_TO(WAITING) | LG_TO(SETTLED)},
    [SETTLED] = {"settled", 0},
};

struct client_conn;

struct host {
    struct lg_http_client *client;
    char *key;         /* "host:port" */
    const char *shown; /* in it: what messages say */
    char *name;
    uint16_t port;
    struct lg_list conns;   /* All that are usable, idle or not. */
    struct lg_list idle;    /* Most recently used first. */
    struct lg_list waiting; /* Exchanges, oldest first. */
    size_t conn_count, idle_count, waiting_count;
};

struct client_conn {
    struct host *host; /* NULL once it is given up: only `closed` is still due. */
    struct lg_list link, idle;
    struct lg_conn *conn;
    struct lg_http1 *parser;
    struct lg_http_exchange *exchange; /* NULL: idle. */
    bool is_open, was_used, is_answering;
};

struct lg_http_exchange {
    struct lg_http_call *call;
    struct lg_http_client *client; /* NULL when settled and told. */
    struct host *host;
    struct lg_list link; /* In client->exchanges, until `done` is told. */
    struct lg_list wait; /* In host->waiting. */
    struct client_conn *conn;
    struct lg_timer deadline;
    struct lg_task task; /* Tells `done` when that must not come from where we are. */
    struct lg_sm sm;
    bool needs_fresh; /* The retry: not on a connection that may be stale too. */
    bool task_posted;
    struct lg_http1_message message; /* What the answer's slices point into. */
};

struct lg_http_client {
    struct lg_transport *transport;
    struct lg_lane *lane;
    struct lg_map *hosts;
    struct lg_list exchanges;
    struct lg_buf scratch; /* Where requests are written. */
    bool is_cancelled;     /* Nothing is sent any more. */
    bool is_freed;
};

static void serve_waiting(struct host *h);

/* --- Hosts ---------------------------------------------------------------------------------- */

static struct host *host_get(struct lg_http_client *client, const char *name, uint16_t port)
{
    char key[HOST_BYTES_MAX + 8];
    struct host *h;

    (void)snprintf(key, sizeof(key), "%s:%u", name, port);
    h = (struct host *)lg_map_get(client->hosts, lg_slice_str(key));
    if (h != NULL)
        return h;
    h = lg_new(struct host);
    h->client = client;
    h->key = lg_strdup(key);
    h->shown = lg_tls_plain_host(h->key);
    h->name = lg_strdup(name);
    h->port = port;
    lg_list_init(&h->conns);
    lg_list_init(&h->idle);
    lg_list_init(&h->waiting);
    (void)lg_map_put(client->hosts, lg_slice_str(key), h); /* There was none. */
    return h;
}

/* A host without connections and calls is forgotten, so that hosts do not pile up. */
static void host_free_if_unused(struct host *h)
{
    if (h->conn_count > 0 || h->waiting_count > 0)
        return;
    (void)lg_map_remove(h->client->hosts, lg_slice_str(h->key));
    lg_free(h->key);
    lg_free(h->name);
    lg_free(h);
}

static void wait_in(struct host *h, struct lg_http_exchange *x, bool in_front)
{
    x->host = h;
    if (in_front)
        lg_list_push_front(&h->waiting, &x->wait);
    else
        lg_list_push_back(&h->waiting, &x->wait);
    h->waiting_count++;
}

static void stop_waiting(struct lg_http_exchange *x)
{
    struct host *h = x->host;

    lg_list_remove(&x->wait);
    h->waiting_count--;
    x->host = NULL;
}

static void exchange_free(struct lg_http_exchange *x)
{
    lg_http1_message_done(&x->message);
    lg_free(x);
}

/* --- Settling ------------------------------------------------------------------------------- */

/* The last step of every exchange; the call may be gone, or begun anew, when it returns. */
static void tell_done(struct lg_http_exchange *x)
{
    struct lg_http_call *call = x->call;

    lg_list_remove(&x->link);
    x->client = NULL;
    call->done(call);
}

static void task_runs(struct lg_task *task)
{
    struct lg_http_exchange *x = LG_CONTAINER_OF(task, struct lg_http_exchange, task);

    x->task_posted = false;
    if (x->call == NULL)
        exchange_free(x); /* Told already, by the end of the client. */
    else if (x->client != NULL)
        tell_done(x);
}

/* Fixes the result. The exchange has neither connection nor place in a queue any more. */
static void settle(struct lg_http_exchange *x, enum lg_rc rc, const char *text)
{
    assert(x->conn == NULL && x->host == NULL);
    lg_sm_move(&x->sm, SETTLED);
    lg_timer_stop(x->client->lane, &x->deadline);
    x->call->rc = rc;
    if (rc != LG_OK)
        (void)lg_error_set(&x->call->err, rc, "%s", text);
}

static void settle_soon(struct lg_http_exchange *x, enum lg_rc rc, const char *text)
{
    settle(x, rc, text);
    x->task_posted = true;
    x->task.run = task_runs;
    lg_lane_post(x->client->lane, &x->task);
}

/* --- Connections ---------------------------------------------------------------------------- */

static void not_idle(struct client_conn *c)
{
    if (!lg_list_empty(&c->idle)) {
        lg_list_remove(&c->idle);
        c->host->idle_count--;
    }
}

/* Takes the connection out of its host; its exchange, if any, must have been taken away. */
static void detach(struct client_conn *c)
{
    struct host *h = c->host;

    assert(c->exchange == NULL);
    not_idle(c);
    lg_list_remove(&c->link);
    h->conn_count--;
    c->host = NULL;
}

/* Gives a connection up, and its place to whoever waits for one. */
static void give_up(struct client_conn *c)
{
    struct host *h = c->host;

    detach(c);
    lg_conn_close(c->conn, /* after_flush= */ false);
    serve_waiting(h);
    host_free_if_unused(h);
}

static void take_answer(struct lg_http_exchange *x)
{
    struct lg_http_call *call = x->call;

    call->status = x->message.status;
    call->response_headers = x->message.headers;
    call->response_body = x->message.body;
    x->message.body = (struct lg_buf){0};
}

static void answered(struct client_conn *c, bool nothing_follows)
{
    struct lg_http_exchange *x = c->exchange;
    struct host *h = c->host;

    lg_http1_take(c->parser, &x->message);
    c->exchange = NULL;
    x->conn = NULL;
    settle(x, LG_OK, NULL);
    take_answer(x);
    if (x->message.keep_alive && nothing_follows && h->idle_count < IDLE_MAX) {
        lg_list_push_front(&h->idle, &c->idle);
        h->idle_count++;
        c->was_used = true;
        c->is_answering = false;
        serve_waiting(h);
    } else {
        give_up(c);
    }
    tell_done(x);
}

/* The connection cannot serve its exchange: `rc` and a sentence to tell the caller. */
static void fail(struct client_conn *c, enum lg_rc rc, const char *text)
{
    struct lg_http_exchange *x = c->exchange;

    c->exchange = NULL;
    x->conn = NULL;
    settle(x, rc, text);
    give_up(c);
    tell_done(x);
}

static void conn_opened(void *ctx, struct lg_conn *conn)
{
    (void)conn;
    ((struct client_conn *)ctx)->is_open = true;
}

/* Hands over what came of the body, to whoever takes it as it comes. False: the call has ended. */
static bool hand_over(struct client_conn *c)
{
    struct lg_http_call *call = c->exchange->call;
    const struct lg_http1_message *m = call->received == NULL ? NULL : lg_http1_so_far(c->parser);
    bool goes_on;

    if (m == NULL || m->status != 200 || m->body.size == 0)
        return true;
    call->status = m->status;
    call->response_headers = m->headers;
    goes_on = call->received(call, lg_buf_slice(&m->body));
    call->response_headers = (struct lg_http_headers){0};
    lg_http1_drop_body(c->parser);
    if (!goes_on)
        fail(c, LG_ERR_CANCELLED, "no more of the answer was wanted");
    return goes_on;
}

static void parse_failed(struct client_conn *c)
{
    const char *text;
    struct lg_error err;
    int status = lg_http1_fault(c->parser, &text);
    enum lg_rc rc = status == 413 || status == 431 ? LG_ERR_TOO_LARGE : LG_ERR_BAD_DATA;

    (void)lg_error_set(&err, rc, "the answer of %s cannot be used: %s", c->host->shown, text);
    fail(c, rc, err.text);
}

static void conn_received(void *ctx, struct lg_conn *conn, struct lg_slice bytes)
{
    struct client_conn *c = (struct client_conn *)ctx;
    enum lg_http1_event event;
    size_t used;

    (void)conn;
    if (c->host == NULL)
        return; /* Given up. */
    if (c->exchange == NULL) {
        give_up(c); /* Nobody asked: what follows could be taken for an answer. */
        return;
    }
    c->is_answering = true;
    event = lg_http1_feed(c->parser, bytes, &used);
    if (event != LG_HTTP1_BAD && !hand_over(c))
        return;
    if (event == LG_HTTP1_COMPLETE)
        answered(c, /* nothing_follows= */ used == bytes.size);
    else if (event == LG_HTTP1_BAD)
        parse_failed(c);
}

/* A kept connection may have been closed by its server just when we chose it: nothing of the
 * request was answered, so it goes out once more, on a fresh one. */
static void retry(struct client_conn *c)
{
    struct lg_http_exchange *x = c->exchange;
    struct host *h = c->host;

    c->exchange = NULL;
    x->conn = NULL;
    x->needs_fresh = true;
    lg_sm_move(&x->sm, WAITING);
    wait_in(h, x, /* in_front= */ true);
    detach(c);
    serve_waiting(h);
}

static void closed_with_exchange(struct client_conn *c, enum lg_rc why)
{
    struct lg_error err;
    const char *fault = c->conn->fault[0] != '\0' ? c->conn->fault : "connection closed";

    if (c->was_used && !c->is_answering && !c->exchange->needs_fresh) {
        retry(c);
        return;
    }
    if (why == LG_OK && c->is_answering) {
        if (lg_http1_finish(c->parser) == LG_HTTP1_COMPLETE) {
            answered(c, /* nothing_follows= */ true);
            return;
        }
    }
    if (c->is_open && !c->conn->untrusted)
        (void)lg_error_set(&err, LG_ERR_UNAVAILABLE, "%s went away before its answer was whole: %s",
                           c->host->shown, fault);
    else
        (void)lg_error_set(&err, LG_ERR_UNAVAILABLE, "cannot reach %s: %s", c->host->shown, fault);
    c->exchange->call->untrusted = c->conn->untrusted;
    fail(c, LG_ERR_UNAVAILABLE, err.text);
}

static void conn_closed(void *ctx, struct lg_conn *conn, enum lg_rc why)
{
    struct client_conn *c = (struct client_conn *)ctx;

    (void)conn;
    if (c->host != NULL) {
        if (c->exchange != NULL)
            closed_with_exchange(c, why);
        else
            give_up(c);
    }
    lg_http1_free(c->parser);
    lg_free(c);
}

static const struct lg_conn_handler conn_handler = {
    .opened = conn_opened, .received = conn_received, .closed = conn_closed};

static struct client_conn *conn_new(struct host *h)
{
    struct client_conn *c = lg_new(struct client_conn);

    c->host = h;
    lg_list_init(&c->idle);
    c->parser = lg_http1_new(LG_HTTP1_RESPONSE, 0);
    lg_list_push_back(&h->conns, &c->link);
    h->conn_count++;
    c->conn =
        lg_conn_open(h->client->transport, h->client->lane, h->name, h->port, &conn_handler, c);
    return c;
}

/* --- Sending -------------------------------------------------------------------------------- */

static struct lg_http1_ask ask_of(const struct lg_http_call *call)
{
    return (struct lg_http1_ask){.method = call->method,
                                 .target = call->target,
                                 .host = lg_tls_plain_host(call->host),
                                 .port = call->port,
                                 .headers = call->headers,
                                 .header_count = call->header_count,
                                 .body = call->body};
}

static void send(struct client_conn *c, struct lg_http_exchange *x)
{
    struct lg_http_call *call = x->call;
    struct lg_http1_ask ask = ask_of(call);
    struct lg_buf *scratch = &x->client->scratch;

    lg_sm_move(&x->sm, SENT);
    x->conn = c;
    c->exchange = x;
    c->is_answering = false;
    lg_http1_reset(c->parser, call->response_bytes_max == 0 ? LG_HTTP_BODY_BYTES_DEFAULT
                                                            : call->response_bytes_max);
    if (call->method == LG_HTTP_HEAD)
        lg_http1_expect_no_body(c->parser);
    lg_http1_write_request(scratch, &ask);
    lg_conn_send(c->conn, scratch);
}

static struct client_conn *pick(struct host *h, const struct lg_http_exchange *x)
{
    struct client_conn *c;

    if (!lg_list_empty(&h->idle) && !x->needs_fresh) {
        c = LG_CONTAINER_OF(h->idle.next, struct client_conn, idle);
        not_idle(c);
        return c;
    }
    if (h->conn_count < OPEN_MAX)
        return conn_new(h);
    return NULL;
}

/* Each turn sends one exchange or ends the loop. */
static void serve_waiting(struct host *h)
{
    while (!h->client->is_cancelled && !lg_list_empty(&h->waiting)) {
        struct lg_http_exchange *x =
            LG_CONTAINER_OF(h->waiting.next, struct lg_http_exchange, wait);
        struct client_conn *c = pick(h, x);

        if (c == NULL)
            return;
        stop_waiting(x);
        send(c, x);
    }
}

/* Takes the exchange away from wherever it is; the result is the caller's to fix. */
static void withdraw(struct lg_http_exchange *x)
{
    struct client_conn *c = x->conn;
    struct host *h = x->host;

    if (c != NULL) {
        c->exchange = NULL;
        x->conn = NULL;
        give_up(c); /* Its answer may still come: it cannot serve another exchange. */
    } else if (h != NULL) {
        stop_waiting(x);
        host_free_if_unused(h);
    }
}

static void deadline_passed(struct lg_timer *t)
{
    struct lg_http_exchange *x = LG_CONTAINER_OF(t, struct lg_http_exchange, deadline);
    struct lg_error err;

    (void)lg_error_set(
        &err, LG_ERR_TIMEOUT, "%.200s:%u did not answer %s %.*s in time",
        lg_tls_plain_host(x->call->host), x->call->port, lg_http_method_name(x->call->method),
        (int)LG_MIN(x->call->target.size, (size_t)100), (const char *)x->call->target.data);
    withdraw(x);
    settle(x, LG_ERR_TIMEOUT, err.text);
    tell_done(x);
}

/* --- The caller's side ---------------------------------------------------------------------- */

struct lg_http_client *lg_http_client_new(struct lg_transport *transport, struct lg_lane *lane)
{
    struct lg_http_client *client = lg_new(struct lg_http_client);

    client->transport = transport;
    client->lane = lane;
    client->hosts = lg_map_new();
    lg_list_init(&client->exchanges);
    return client;
}

static enum lg_rc check_call(const struct lg_http_call *call, struct lg_error *err)
{
    struct lg_http1_ask ask = ask_of(call);
    size_t host_bytes = strlen(call->host);

    if (host_bytes == 0 || host_bytes >= HOST_BYTES_MAX)
        return lg_error_set(err, LG_ERR_INVALID, "the name of a host has 1 to %d bytes",
                            HOST_BYTES_MAX - 1);
    return lg_http1_check_request(&ask, err);
}

void lg_http_call_submit(struct lg_http_client *client, struct lg_http_call *call)
{
    struct lg_http_exchange *x = lg_new(struct lg_http_exchange);
    uint64_t now_us = lg_lane_now_us(client->lane);
    uint64_t deadline_us =
        call->deadline_us != 0 ? call->deadline_us : now_us + DEADLINE_DEFAULT_US;
    struct lg_error err;
    enum lg_rc rc = check_call(call, &err);
    struct host *h;

    assert(!client->is_freed);
    assert(call->response_bytes_max <= LG_BUF_CEILING_DEFAULT);
    x->call = call;
    x->client = client;
    lg_list_init(&x->wait);
    lg_list_push_back(&client->exchanges, &x->link);
    lg_sm_start(&x->sm, states);
    call->exchange = x;
    call->rc = LG_OK;
    call->err.text[0] = '\0';
    call->status = 0;
    call->response_headers = (struct lg_http_headers){0};
    call->response_body = (struct lg_buf){0};
    if (rc != LG_OK) {
        settle_soon(x, rc, err.text);
        return;
    }
    if (client->is_cancelled) {
        settle_soon(x, LG_ERR_CANCELLED, ENDS);
        return;
    }
    h = host_get(client, call->host, call->port);
    if (h->waiting_count >= WAITING_MAX) {
        (void)lg_error_set(&err, LG_ERR_BUSY, "%d calls wait for %s already", WAITING_MAX,
                           h->shown);
        settle_soon(x, LG_ERR_BUSY, err.text);
        return;
    }
    lg_timer_start(client->lane, &x->deadline, deadline_us > now_us ? deadline_us - now_us : 0,
                   deadline_passed);
    wait_in(h, x, /* in_front= */ false);
    serve_waiting(h);
}

void lg_http_call_cancel(struct lg_http_call *call)
{
    struct lg_http_exchange *x = call->exchange;

    if (x == NULL || x->sm.now == SETTLED)
        return;
    withdraw(x);
    settle_soon(x, LG_ERR_CANCELLED, "the call was cancelled");
}

void lg_http_call_done(struct lg_http_call *call)
{
    struct lg_http_exchange *x = call->exchange;

    if (x == NULL)
        return;
    assert(x->client == NULL && "the call's `done` has not come yet");
    lg_buf_done(&call->response_body);
    call->response_headers = (struct lg_http_headers){0};
    call->exchange = NULL;
    x->call = NULL;
    if (!x->task_posted)
        exchange_free(x);
}

void lg_http_client_cancel(struct lg_http_client *client)
{
    client->is_cancelled = true;
    for (struct lg_list *it = client->exchanges.next; it != &client->exchanges; it = it->next) {
        struct lg_http_exchange *x = LG_CONTAINER_OF(it, struct lg_http_exchange, link);

        if (x->sm.now != SETTLED) {
            withdraw(x);
            settle_soon(x, LG_ERR_CANCELLED, ENDS);
        }
    }
}

void lg_http_client_free(struct lg_http_client *client)
{
    struct lg_slice key;
    void *value;

    if (client == NULL)
        return;
    client->is_cancelled = true;
    client->is_freed = true;
    while (!lg_list_empty(&client->exchanges)) {
        struct lg_http_exchange *x =
            LG_CONTAINER_OF(client->exchanges.next, struct lg_http_exchange, link);

        if (x->sm.now != SETTLED) {
            withdraw(x);
            settle(x, LG_ERR_CANCELLED, ENDS);
        }
        tell_done(x);
    }
    for (size_t at = 0; lg_map_next(client->hosts, &at, &key, &value); at = 0)
        give_up(LG_CONTAINER_OF(((struct host *)value)->conns.next, struct client_conn, link));
    lg_map_free(client->hosts);
    lg_buf_done(&client->scratch);
    lg_free(client);
}

/* --- URLs ----------------------------------------------------------------------------------- */

static enum lg_rc bad_url(struct lg_slice url, struct lg_error *err)
{
    return lg_error_set(err, LG_ERR_INVALID, "\"%.*s\" is not a URL such as http://127.0.0.1:5555",
                        (int)LG_MIN(url.size, (size_t)200), (const char *)url.data);
}

static bool is_host_name(struct lg_slice s)
{
    for (size_t i = 0; i < s.size; i++) {
        uint8_t c = s.data[i];

        if (c <= ' ' || c >= 0x7f || strchr("/\\?#@[]", c) != NULL)
            return false;
    }
    return s.size > 0 && s.size < HOST_BYTES_MAX;
}

enum lg_rc lg_http_parse_url(struct lg_slice url, char **out_host, uint16_t *out_port,
                             struct lg_error *err)
{
    bool tls = lg_slice_starts(url, LG_LIT("https://"));
    struct lg_slice rest = lg_slice_skip(url, LG_MIN(url.size, tls ? (size_t)8 : 7)), host, port;
    const uint8_t *slash, *end;
    uint64_t number = tls ? 443 : 80;

    if ((!tls && !lg_slice_starts(url, LG_LIT("http://"))) || rest.size == 0)
        return bad_url(url, err);
    slash = (const uint8_t *)memchr(rest.data, '/', rest.size);
    if (slash != NULL)
        rest.size = (size_t)(slash - rest.data);
    if (rest.size == 0)
        return bad_url(url, err);
    if (rest.data[0] == '[') { /* [::1]:5555 */
        end = (const uint8_t *)memchr(rest.data, ']', rest.size);
        if (end == NULL)
            return bad_url(url, err);
        host = lg_slice(rest.data + 1, (size_t)(end - rest.data) - 1);
        port = lg_slice_skip(rest, host.size + 2);
    } else {
        end = (const uint8_t *)memchr(rest.data, ':', rest.size);
        host = end == NULL ? rest : lg_slice(rest.data, (size_t)(end - rest.data));
        port = lg_slice_skip(rest, host.size);
    }
    if (!is_host_name(host))
        return bad_url(url, err);
    if (port.size > 0 &&
        (port.data[0] != ':' || !lg_parse_u64(lg_slice_skip(port, 1), UINT16_MAX, &number) ||
         number == 0))
        return bad_url(url, err);
    *out_host = lg_strf("%s%.*s", tls ? LG_TLS_HOST : "", LG_FMT(host));
    *out_port = (uint16_t)number;
    return LG_OK;
}
