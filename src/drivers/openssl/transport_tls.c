/* Connections that speak TLS over those of another transport.
 *
 *   SHAKING ──finished──▶ OPEN ──lg_conn_close, goodbye, fault──▶ ENDING ──closed below──▶ freed
 *      └────────────────── refused, too slow, close ────────────────┘
 *
 * A server's connection is nobody's until its handshake is over: `accepted` is called then. OpenSSL
 * reads from the bytes that came (`in`, and `held` where the owner paused) and writes into `out`,
 * by a BIO of ours: nothing is kept twice.
 */
#include "drivers/openssl/transport_tls.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdio.h>

#include "base/log.h"
#include "drivers/openssl/metrics.h"
#include "drivers/openssl/tls_context.h"

#define PLAIN_BYTES ((size_t)32 << 10)   /* handed to the owner at once, at most */
#define RECORD_BYTES ((size_t)16 << 10)  /* of plain bytes; RFC 8446, section 5.1 */
#define OUT_BYTES ((size_t)128 << 10)    /* handed on when so much is encrypted */
#define GATHERED_BYTES ((size_t)1 << 20) /* likewise, before it is encrypted */

/* What a peer may send of the handshake after it: renewals of keys, attempts to negotiate again,
 * tickets. OpenSSL answers most of them, whether the peer reads or not. Others renew their keys
 * after gigabytes; one that sends or takes as little as REGAIN_BYTES between two is no flood. */
#define AFTERWARDS_MAX 32u
#define REGAIN_BYTES ((size_t)64 << 10) /* of plain bytes, either way, for one more */

enum conn_state { SHAKING, OPEN, ENDING };
enum result { OK, REFUSED, TIMED_OUT, TOO_MANY, CLOSED, RESULTS };

struct transport_tls {
    struct lg_transport transport; /* First. */
    struct lg_transport *under;
    struct lg_tls_options o; /* Its paths are not used. */
    CRYPTO_RWLOCK *lock;     /* Of `contexts`, which a reload replaces. */
    struct lg_tls_contexts contexts;
    BIO_METHOD *bio;
};

struct listener_tls {
    struct lg_listener listener; /* First. */
    struct lg_listener *under;
    struct lg_list shaking; /* of connections */
    size_t shaking_count;
    void (*accepted)(void *ctx, struct lg_conn *c);
    void *ctx;
};

struct conn_tls {
    struct lg_conn conn; /* First. */
    struct transport_tls *t;
    struct lg_conn *under;
    struct listener_tls *listener; /* while it shakes hands; NULL: we connected, or it is over */
    struct lg_list link;           /* in listener->shaking */
    SSL *ssl;
    enum conn_state state;
    struct lg_timer deadline;
    struct lg_task resume;
    bool told;      /* The owner knows it: `closed` is due. */
    bool receiving; /* What is sent is gathered. */
    bool paused, resume_posted, gone;
    bool close_asked; /* before it was open, after a flush */
    bool by_us;       /* `why` and the fault are ours to tell */
    bool floods;      /* with messages of the handshake */
    enum lg_rc why;
    unsigned afterwards; /* Such messages, those that were regained taken off. */
    size_t regain_bytes; /* exchanged since one was */
    struct lg_slice in;  /* borrowed */
    struct lg_buf held;  /* came while it was paused */
    struct lg_buf plain; /* to be encrypted */
    struct lg_buf out;   /* encrypted, to be handed on */
    char identity[LG_TLS_IDENTITY_BYTES_MAX];
};

/* --- OpenSSL's side -------------------------------------------------------------------------- */

static int bio_read(BIO *bio, char *data, size_t size, size_t *out_got)
{
    struct conn_tls *c = BIO_get_data(bio);
    size_t n = LG_MIN(size, c->in.size);

    BIO_clear_retry_flags(bio);
    if (n == 0) {
        BIO_set_retry_read(bio);
        *out_got = 0;
        return 0;
    }
    memcpy(data, c->in.data, n);
    c->in = lg_slice_skip(c->in, n);
    *out_got = n;
    return 1;
}

static int bio_write(BIO *bio, const char *data, size_t size, size_t *out_put)
{
    struct conn_tls *c = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    lg_buf_append(&c->out, data, size);
    *out_put = size;
    return 1;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP;
}

static BIO_METHOD *bio_method(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "lagoon");

    assert(m != NULL && "out of memory");
    (void)BIO_meth_set_read_ex(m, bio_read);
    (void)BIO_meth_set_write_ex(m, bio_write);
    (void)BIO_meth_set_ctrl(m, bio_ctrl);
    return m;
}

bool lg_tls_speaks_http2(const SSL *ssl)
{
    const struct conn_tls *c = SSL_get_app_data(ssl);

    return c->listener != NULL && c->listener->listener.http2;
}

/* A message of the handshake has come or goes. One too many is the last that is read: OpenSSL
 * would go on with all that has come. */
static void message_seen(int is_ours, int version, int type, const void *data, size_t size,
                         SSL *ssl, void *arg)
{
    struct conn_tls *c = arg;

    (void)version, (void)data, (void)size, (void)ssl;
    if (is_ours != 0 || type != SSL3_RT_HANDSHAKE || c->state != OPEN)
        return;
    if (c->afterwards++ < AFTERWARDS_MAX)
        return;
    c->floods = true;
    c->in = LG_SLICE_NULL;
}

/* Plain bytes went, or came. */
static void exchanged(struct conn_tls *c, size_t size)
{
    c->regain_bytes += size;
    if (LG_LIKELY(c->regain_bytes < REGAIN_BYTES))
        return;
    c->afterwards -= (unsigned)LG_MIN(c->afterwards, c->regain_bytes / REGAIN_BYTES);
    c->regain_bytes %= REGAIN_BYTES;
}

/* A new one, with the certificates of now. */
static SSL *ssl_new(struct conn_tls *c, bool server)
{
    struct transport_tls *t = c->t;
    BIO *bio = BIO_new(t->bio);
    SSL *ssl;
    int locked = CRYPTO_THREAD_read_lock(t->lock);

    assert(locked == 1 && bio != NULL);
    (void)locked;
    ssl = SSL_new(server ? t->contexts.server : t->contexts.client);
    (void)CRYPTO_THREAD_unlock(t->lock);
    assert(ssl != NULL && "out of memory");
    BIO_set_data(bio, c);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_app_data(ssl, c);
    SSL_set_msg_callback(ssl, message_seen);
    SSL_set_msg_callback_arg(ssl, c);
    if (server)
        SSL_set_accept_state(ssl);
    else
        SSL_set_connect_state(ssl);
    return ssl;
}

/* --- Ends ------------------------------------------------------------------------------------ */

static void hand_on(struct conn_tls *c)
{
    if (c->out.size > 0)
        lg_conn_send(c->under, &c->out);
}

static void count(const struct conn_tls *c, enum result result)
{
    bool server = SSL_is_server(c->ssl) == 1;

    lg_metric_add(&lg_metric_tls_handshakes_total, (server ? 0 : RESULTS) + (uint32_t)result, 1);
}

/* The handshake is over, well or not. */
static void shaken(struct conn_tls *c, enum result result)
{
    count(c, result);
    lg_metric_sub(&lg_metric_tls_handshakes, 0, 1);
    lg_timer_stop(c->conn.lane, &c->deadline);
    if (c->listener == NULL)
        return;
    lg_list_remove(&c->link);
    c->listener->shaking_count--;
    c->listener = NULL;
}

static void shaken_refused(struct conn_tls *c, enum lg_tls_refusal why)
{
    bool server = SSL_is_server(c->ssl) == 1;

    lg_metric_add(&lg_metric_tls_refused_total, (server ? 0 : LG_TLS_REFUSALS) + (uint32_t)why, 1);
    shaken(c, REFUSED);
}

/* Nothing more is exchanged; `closed` follows from below. */
static void end(struct conn_tls *c, bool after_flush)
{
    if (c->state == ENDING)
        return;
    c->state = ENDING;
    hand_on(c);
    lg_conn_close(c->under, after_flush);
}

/* Our own reason, told instead of the one from below. */
static void end_with(struct conn_tls *c, enum lg_rc why)
{
    c->by_us = true;
    c->why = why;
    end(c, /* after_flush= */ true);
}

/* Likewise, at once: the fault is told, and what is queued is dropped. */
static void cut(struct conn_tls *c)
{
    c->by_us = true;
    c->why = LG_ERR_UNAVAILABLE;
    end(c, /* after_flush= */ false);
}

static void conn_free(struct conn_tls *c)
{
    SSL_free(c->ssl);
    lg_buf_done(&c->held);
    lg_buf_done(&c->plain);
    lg_buf_done(&c->out);
    lg_free(c);
}

static void under_closed(void *ctx, struct lg_conn *under, enum lg_rc why)
{
    struct conn_tls *c = ctx;

    if (c->state == SHAKING)
        shaken(c, CLOSED);
    if (c->by_us) {
        why = c->why;
    } else {
        memcpy(c->conn.fault, under->fault, sizeof c->conn.fault);
        if (why == LG_OK && c->state != ENDING) { /* Bytes may be missing. */
            why = LG_ERR_UNAVAILABLE;
            (void)snprintf(c->conn.fault, sizeof c->conn.fault,
                           c->state == OPEN ? "cut off without the goodbye of TLS"
                                            : "closed during the handshake of TLS");
        }
    }
    c->state = ENDING;
    if (c->told)
        c->conn.handler->closed(c->conn.ctx, &c->conn, why);
    if (c->resume_posted)
        c->gone = true;
    else
        conn_free(c);
}

/* --- Out ------------------------------------------------------------------------------------- */

static void encrypt(struct conn_tls *c)
{
    size_t done = 0;

    while (done < c->plain.size) {
        size_t put = 0;

        ERR_clear_error();
        if (SSL_write_ex(c->ssl, c->plain.data + done, LG_MIN(c->plain.size - done, RECORD_BYTES),
                         &put) != 1) {
            c->conn.untrusted = lg_tls_describe(c->ssl, c->conn.fault, sizeof c->conn.fault);
            lg_buf_done(&c->plain);
            end_with(c, LG_ERR_UNAVAILABLE);
            return;
        }
        done += put;
        exchanged(c, put);
        if (c->out.size >= OUT_BYTES)
            hand_on(c);
    }
    if (c->plain.size > RECORD_BYTES)
        lg_buf_done(&c->plain);
    else
        lg_buf_clear(&c->plain);
}

/* As long as it is open: encrypts what was gathered, and hands it on. */
static void flush(struct conn_tls *c)
{
    if (c->state == OPEN && c->plain.size > 0)
        encrypt(c);
    if (c->state != ENDING)
        hand_on(c);
}

static void tls_send(struct lg_conn *conn, struct lg_buf *take_bytes)
{
    struct conn_tls *c = (struct conn_tls *)conn;

    if (c->state == ENDING || c->close_asked) {
        lg_buf_done(take_bytes);
        return;
    }
    if (c->plain.size == 0 && take_bytes->size > RECORD_BYTES) {
        lg_buf_done(&c->plain);
        c->plain = *take_bytes;
        *take_bytes = (struct lg_buf){0};
    } else {
        lg_buf_append_slice(&c->plain, lg_buf_slice(take_bytes));
        lg_buf_clear(take_bytes);
    }
    if (c->state == OPEN && (!c->receiving || c->plain.size > GATHERED_BYTES))
        flush(c);
}

static size_t tls_queued(const struct lg_conn *conn)
{
    const struct conn_tls *c = (const struct conn_tls *)conn;

    return c->plain.size + c->out.size + lg_conn_queued(c->under);
}

/* --- In -------------------------------------------------------------------------------------- */

/* The peer's goodbye, or bytes that are none of TLS. */
static void read_ended(struct conn_tls *c)
{
    int why = SSL_get_error(c->ssl, 0);

    if (why == SSL_ERROR_WANT_READ || c->state != OPEN)
        return;
    if (why == SSL_ERROR_ZERO_RETURN) {
        flush(c);
        (void)SSL_shutdown(c->ssl); /* Ours goes into `out`. */
        end_with(c, LG_OK);
        return;
    }
    c->conn.untrusted = lg_tls_describe(c->ssl, c->conn.fault, sizeof c->conn.fault);
    end_with(c, LG_ERR_UNAVAILABLE); /* With the alert that stands in `out`. */
}

/* Decrypts what came, as much as fits; false when there is nothing, or it is over. */
static bool read_some(struct conn_tls *c, uint8_t *plain, size_t *out_size)
{
    size_t size = 0;

    while (size < PLAIN_BYTES) {
        size_t got = 0;

        ERR_clear_error();
        if (SSL_read_ex(c->ssl, plain + size, PLAIN_BYTES - size, &got) != 1)
            break;
        size += got;
    }
    *out_size = size;
    exchanged(c, size);
    return size > 0;
}

/* It asks for answers without end, and may read none of them. */
static void cut_flood(struct conn_tls *c)
{
    (void)snprintf(c->conn.fault, sizeof c->conn.fault,
                   "more than %u messages of TLS's handshake after it, and hardly any data",
                   AFTERWARDS_MAX);
    lg_metric_add(&lg_metric_tls_floods_total, SSL_is_server(c->ssl) != 1, 1);
    if (lg_log_wanted(LG_LOG_DEBUG))
        lg_log(LG_LOG_DEBUG, "tls_flood", "peer=%s reason=\"%s\"", c->conn.peer, c->conn.fault);
    cut(c);
}

static void deliver(struct conn_tls *c)
{
    uint8_t plain[PLAIN_BYTES];
    size_t size;

    while (c->state == OPEN && !c->paused) {
        bool some = read_some(c, plain, &size);

        if (LG_UNLIKELY(c->floods)) {
            cut_flood(c);
            return;
        }
        if (!some) {
            read_ended(c);
            return;
        }
        c->conn.handler->received(c->conn.ctx, &c->conn, lg_slice(plain, size));
    }
}

static const char plain_http[] = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n"
                                 "Connection: close\r\nContent-Length: 43\r\n\r\n"
                                 "this port speaks TLS: begin with https://\r\n";

static void refuse(struct conn_tls *c)
{
    bool is_http = ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_HTTP_REQUEST;
    enum lg_tls_refusal why = lg_tls_refusal(c->ssl);

    c->conn.untrusted = lg_tls_describe(c->ssl, c->conn.fault, sizeof c->conn.fault);
    if (is_http) { /* An alert would tell its user nothing. */
        lg_buf_clear(&c->out);
        lg_buf_append_str(&c->out, plain_http);
    }
    if (lg_log_wanted(LG_LOG_DEBUG))
        lg_log(LG_LOG_DEBUG, "tls_refused", "peer=%s reason=\"%s\"", c->conn.peer, c->conn.fault);
    shaken_refused(c, why);
    end_with(c, LG_ERR_UNAVAILABLE);
}

/* The owner gets to know it. */
static void open_up(struct conn_tls *c)
{
    struct listener_tls *l = c->listener;

    shaken(c, OK);
    c->state = OPEN;
    if (lg_tls_identity(c->ssl, c->identity))
        c->conn.identity = c->identity;
    if (l != NULL) {
        c->told = true;
        l->accepted(l->ctx, &c->conn);
        assert(c->conn.handler != NULL && "`accepted` sets the handler");
        return;
    }
    if (!c->close_asked && c->conn.handler->opened != NULL)
        c->conn.handler->opened(c->conn.ctx, &c->conn);
    if (c->close_asked && c->state == OPEN) {
        flush(c);
        (void)SSL_shutdown(c->ssl);
        end(c, /* after_flush= */ true);
    }
}

/* Takes the handshake a step on. */
static void shake(struct conn_tls *c)
{
    int done;

    ERR_clear_error();
    done = SSL_do_handshake(c->ssl);
    if (done == 1)
        open_up(c);
    else if (SSL_get_error(c->ssl, done) != SSL_ERROR_WANT_READ)
        refuse(c);
}

static void take_in(struct conn_tls *c, struct lg_slice bytes)
{
    c->in = bytes;
    c->receiving = true;
    if (c->state == SHAKING)
        shake(c);
    deliver(c);
    c->receiving = false;
    flush(c);
    bytes = c->in;
    c->in = LG_SLICE_NULL;
    if (c->state == OPEN)
        lg_buf_append_slice(&c->held, bytes);
    if (c->state == OPEN && c->paused)
        lg_conn_pause(c->under, true); /* It may have been asked for before it was open. */
}

static void under_opened(void *ctx, struct lg_conn *under)
{
    struct conn_tls *c = ctx;

    (void)under;
    take_in(c, LG_SLICE_NULL); /* We speak first. */
}

static void under_received(void *ctx, struct lg_conn *under, struct lg_slice bytes)
{
    struct conn_tls *c = ctx;

    (void)under;
    if (c->state == ENDING)
        return;
    if (c->held.size > 0)
        lg_buf_append_slice(&c->held, bytes);
    else
        take_in(c, bytes);
}

static void under_drained(void *ctx, struct lg_conn *under)
{
    struct conn_tls *c = ctx;

    (void)under;
    if (c->state == OPEN && c->told && c->conn.handler->drained != NULL)
        c->conn.handler->drained(c->conn.ctx, &c->conn);
}

static const struct lg_conn_handler under_handler = {.opened = under_opened,
                                                     .received = under_received,
                                                     .drained = under_drained,
                                                     .closed = under_closed};

/* What was held while it was paused, then what comes. */
static void resumed(struct lg_task *task)
{
    struct conn_tls *c = LG_CONTAINER_OF(task, struct conn_tls, resume);
    struct lg_buf held = c->held;

    c->resume_posted = false;
    if (c->gone) {
        conn_free(c);
        return;
    }
    if (c->paused || c->state != OPEN)
        return;
    c->held = (struct lg_buf){0};
    take_in(c, lg_buf_slice(&held));
    lg_buf_done(&held);
    if (!c->paused && c->state == OPEN)
        lg_conn_pause(c->under, false);
}

static void tls_pause(struct lg_conn *conn, bool paused)
{
    struct conn_tls *c = (struct conn_tls *)conn;

    if (c->paused == paused || c->state == ENDING)
        return;
    c->paused = paused;
    if (paused || c->receiving || c->state == SHAKING) {
        lg_conn_pause(c->under, paused && c->state == OPEN);
    } else if (!c->resume_posted) {
        c->resume_posted = true;
        c->resume.run = resumed;
        lg_lane_post(c->conn.lane, &c->resume);
    }
}

static void tls_close(struct lg_conn *conn, bool after_flush)
{
    struct conn_tls *c = (struct conn_tls *)conn;

    if (c->state == ENDING) { /* What is flushed may wait for ever for a peer that does not read. */
        if (!after_flush)
            lg_conn_close(c->under, /* after_flush= */ false);
        return;
    }
    if (c->state == SHAKING && after_flush) {
        c->close_asked = true;
        return;
    }
    if (c->state == SHAKING)
        shaken(c, CLOSED);
    if (c->state == OPEN && after_flush) {
        flush(c);
        if (c->state == OPEN)
            (void)SSL_shutdown(c->ssl);
    }
    end(c, after_flush);
}

/* --- Beginnings ------------------------------------------------------------------------------ */

static void too_slow(struct lg_timer *timer)
{
    struct conn_tls *c = LG_CONTAINER_OF(timer, struct conn_tls, deadline);

    (void)snprintf(c->conn.fault, sizeof c->conn.fault, "the handshake of TLS took too long");
    shaken(c, TIMED_OUT);
    cut(c);
}

static struct conn_tls *conn_new(struct transport_tls *t, struct lg_lane *lane, bool server)
{
    struct conn_tls *c = lg_new(struct conn_tls);

    c->conn.transport = &t->transport;
    c->conn.lane = lane;
    c->conn.is_secure = true;
    c->t = t;
    c->ssl = ssl_new(c, server);
    lg_metric_add(&lg_metric_tls_handshakes, 0, 1);
    lg_timer_start(lane, &c->deadline, t->o.handshake_ms * LG_MS, too_slow);
    return c;
}

static void nobody_received(void *ctx, struct lg_conn *under, struct lg_slice bytes)
{
    (void)ctx, (void)under, (void)bytes;
}

static void nobody_closed(void *ctx, struct lg_conn *under, enum lg_rc why)
{
    (void)ctx, (void)under, (void)why;
}

static const struct lg_conn_handler turned_away = {.received = nobody_received,
                                                   .closed = nobody_closed};

static void under_accepted(void *ctx, struct lg_conn *under)
{
    struct listener_tls *l = ctx;
    struct transport_tls *t = (struct transport_tls *)l->listener.transport;
    struct conn_tls *c;

    if (!t->transport.is_secure) {
        l->accepted(l->ctx, under);
        return;
    }
    if (l->shaking_count >= t->o.handshakes_max) {
        lg_metric_add(&lg_metric_tls_handshakes_total, TOO_MANY, 1);
        under->handler = &turned_away;
        lg_conn_close(under, /* after_flush= */ false);
        return;
    }
    c = conn_new(t, under->lane, /* server= */ true);
    c->under = under;
    c->listener = l;
    memcpy(c->conn.peer, under->peer, sizeof c->conn.peer);
    lg_list_push_back(&l->shaking, &c->link);
    l->shaking_count++;
    under->handler = &under_handler;
    under->ctx = c;
}

static struct lg_conn *tls_open(struct lg_transport *transport, struct lg_lane *lane,
                                const char *host, uint16_t port,
                                const struct lg_conn_handler *handler, void *ctx)
{
    struct transport_tls *t = (struct transport_tls *)transport;
    const char *name = lg_tls_plain_host(host);
    struct conn_tls *c;

    if (name == host && !t->o.always)
        return lg_conn_open(t->under, lane, host, port, handler, ctx);
    c = conn_new(t, lane, /* server= */ false);
    c->conn.handler = handler;
    c->conn.ctx = ctx;
    c->told = true;
    c->under = lg_conn_open(t->under, lane, name, port, &under_handler, c);
    memcpy(c->conn.peer, c->under->peer, sizeof c->conn.peer);
    if (!lg_tls_expect_host(c->ssl, name)) {
        (void)snprintf(c->conn.fault, sizeof c->conn.fault, "no certificate can be for this name");
        shaken_refused(c, LG_TLS_REFUSED_NAME);
        cut(c);
    }
    return &c->conn;
}

/* --- Listeners ------------------------------------------------------------------------------- */

static struct listener_tls *listener_new(struct lg_transport *transport,
                                         void (*accepted)(void *ctx, struct lg_conn *c), void *ctx)
{
    struct listener_tls *l = lg_new(struct listener_tls);

    l->listener.transport = transport;
    l->accepted = accepted;
    l->ctx = ctx;
    lg_list_init(&l->shaking);
    return l;
}

static enum lg_rc tls_listen(struct lg_transport *transport, struct lg_lane *lane, const char *host,
                             uint16_t port, void (*accepted)(void *ctx, struct lg_conn *c),
                             void *ctx, struct lg_listener **out, struct lg_error *err)
{
    struct transport_tls *t = (struct transport_tls *)transport;
    struct listener_tls *l = listener_new(transport, accepted, ctx);
    enum lg_rc rc = lg_transport_listen(
        t->under, lane, host, port, accepted == NULL ? NULL : under_accepted, l, &l->under, err);

    if (rc != LG_OK) {
        lg_free(l);
        return rc;
    }
    *out = &l->listener;
    return LG_OK;
}

static enum lg_rc tls_share(struct lg_listener *with, struct lg_lane *lane,
                            void (*accepted)(void *ctx, struct lg_conn *c), void *ctx,
                            struct lg_listener **out, struct lg_error *err)
{
    struct listener_tls *l = listener_new(with->transport, accepted, ctx);
    enum lg_rc rc = lg_transport_share(((struct listener_tls *)with)->under, lane, under_accepted,
                                       l, &l->under, err);

    if (rc != LG_OK) {
        lg_free(l);
        return rc;
    }
    *out = &l->listener;
    return LG_OK;
}

static uint16_t tls_listener_port(const struct lg_listener *l)
{
    return lg_listener_port(((const struct listener_tls *)l)->under);
}

/* Connections that shake hands have nobody to go to any more. */
static void tls_listener_close(struct lg_listener *listener)
{
    struct listener_tls *l = (struct listener_tls *)listener;

    lg_listener_close(l->under);
    while (!lg_list_empty(&l->shaking)) {
        struct conn_tls *c = LG_CONTAINER_OF(l->shaking.next, struct conn_tls, link);

        shaken(c, CLOSED);
        end(c, /* after_flush= */ false);
    }
    lg_free(l);
}

/* --- Life ------------------------------------------------------------------------------------ */

static const struct lg_transport_ops ops = {
    .name = "tls",
    .listen = tls_listen,
    .share = tls_share,
    .listener_port = tls_listener_port,
    .listener_close = tls_listener_close,
    .open = tls_open,
    .send = tls_send,
    .queued = tls_queued,
    .pause = tls_pause,
    .close = tls_close,
};

enum lg_rc lg_transport_tls_new(struct lg_transport *under, const struct lg_tls_options *options,
                                struct lg_transport **out, struct lg_error *err)
{
    struct lg_tls_contexts contexts;
    enum lg_rc rc = lg_tls_contexts_load(options, &contexts, err);
    struct transport_tls *t;

    if (rc != LG_OK)
        return rc;
    t = lg_new(struct transport_tls);
    t->transport.ops = &ops;
    t->transport.is_secure = contexts.server != NULL;
    t->under = under;
    t->contexts = contexts;
    t->o = (struct lg_tls_options){
        .always = options->always,
        .handshake_ms =
            options->handshake_ms == 0 ? LG_TLS_HANDSHAKE_MS_DEFAULT : options->handshake_ms,
        .handshakes_max =
            options->handshakes_max == 0 ? LG_TLS_HANDSHAKES_MAX_DEFAULT : options->handshakes_max};
    t->lock = CRYPTO_THREAD_lock_new();
    t->bio = bio_method();
    *out = &t->transport;
    return LG_OK;
}

enum lg_rc lg_transport_tls_reload(struct lg_transport *transport,
                                   const struct lg_tls_options *options, struct lg_error *err)
{
    struct transport_tls *t = (struct transport_tls *)transport;
    struct lg_tls_contexts next, old;
    enum lg_rc rc = lg_tls_contexts_load(options, &next, err);

    if (rc == LG_OK && (next.server != NULL) != t->transport.is_secure) {
        lg_tls_contexts_done(&next);
        rc = lg_error_set(err, LG_ERR_INVALID,
                          "whether listeners speak TLS changes with a restart only");
    }
    lg_metric_add(&lg_metric_tls_reloads_total, rc != LG_OK, 1);
    if (rc != LG_OK)
        return rc;
    (void)CRYPTO_THREAD_write_lock(t->lock);
    old = t->contexts;
    t->contexts = next;
    (void)CRYPTO_THREAD_unlock(t->lock);
    lg_tls_contexts_done(&old); /* Connections hold on to theirs. */
    return LG_OK;
}

void lg_transport_tls_free(struct lg_transport *transport)
{
    struct transport_tls *t = (struct transport_tls *)transport;

    if (t == NULL)
        return;
    lg_tls_contexts_done(&t->contexts);
    CRYPTO_THREAD_lock_free(t->lock);
    BIO_meth_free(t->bio);
    lg_free(t);
}
