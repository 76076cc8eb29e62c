/* Byte streams as a port: sockets in production (drivers/uv), a lossy model in the simulator.
 *
 * Completion-shaped (ADR 0023): a connection hands over bytes it received and takes over buffers to
 * send; everything written during one tick goes out in one write at its end. A connection lives on
 * one lane and is only touched there. Handlers are called on that lane, never from inside a call
 * into the transport.
 */
#ifndef LG_NET_TRANSPORT_H
#define LG_NET_TRANSPORT_H

#include "base/buf.h"
#include "lane/lane.h"

struct lg_transport;
struct lg_listener;
struct lg_conn;

/* What a connection tells its owner. Set by lg_conn_open (client) or in `accepted` (server). */
struct lg_conn_handler {
    void (*opened)(void *ctx, struct lg_conn *c); /* Client side: connected. */
    void (*received)(void *ctx, struct lg_conn *c, struct lg_slice bytes); /* Borrowed. */
    /* The send queue fell to LG_CONN_LOW_BYTES after having been above LG_CONN_HIGH_BYTES. */
    void (*drained)(void *ctx, struct lg_conn *c);
    /* The last call ever: by the peer (LG_OK), by lg_conn_close (LG_ERR_CANCELLED), or by a fault.
     * The connection is gone when this returns. */
    void (*closed)(void *ctx, struct lg_conn *c, enum lg_rc why);
};

#define LG_CONN_HIGH_BYTES ((size_t)1 << 20)
#define LG_CONN_LOW_BYTES ((size_t)256 << 10)

struct lg_transport_ops {
    const char *name;
    enum lg_rc (*listen)(struct lg_transport *t, struct lg_lane *lane, const char *host,
                         uint16_t port, void (*accepted)(void *ctx, struct lg_conn *c), void *ctx,
                         struct lg_listener **out, struct lg_error *err);
    enum lg_rc (*share)(struct lg_listener *with, struct lg_lane *lane,
                        void (*accepted)(void *ctx, struct lg_conn *c), void *ctx,
                        struct lg_listener **out, struct lg_error *err);
    uint16_t (*listener_port)(const struct lg_listener *l);
    void (*listener_close)(struct lg_listener *l);
    struct lg_conn *(*open)(struct lg_transport *t, struct lg_lane *lane, const char *host,
                            uint16_t port, const struct lg_conn_handler *handler, void *ctx);
    void (*send)(struct lg_conn *c, struct lg_buf *take_bytes);
    size_t (*queued)(const struct lg_conn *c);
    void (*pause)(struct lg_conn *c, bool paused);
    void (*close)(struct lg_conn *c, bool after_flush);
};

struct lg_transport { /* The head that every driver embeds first. */
    const struct lg_transport_ops *ops;
    bool is_secure; /* Those that listen speak TLS: their URLs begin with https. */
};
struct lg_listener {
    struct lg_transport *transport;
    bool http2; /* The owner speaks HTTP/2 on its connections: TLS offers it then. Set at once. */
};
struct lg_conn {
    struct lg_transport *transport;
    struct lg_lane *lane;
    const struct lg_conn_handler *handler; /* The owner sets both inside `accepted`. */
    void *ctx;
    char peer[64];   /* "127.0.0.1:40312", for messages. */
    char fault[128]; /* Why it closed by a fault, for messages: "connection refused"; else "". */
    bool is_secure;  /* TLS is spoken. */
    bool untrusted;  /* That fault is a certificate, of the peer or ours: it stays as it is. */
    const char
        *identity; /* Who the peer has shown to be (net/tls.h), while it lives; NULL: nobody. */
};

/* "http" or "https": how URLs of those that listen begin. */
static inline const char *lg_transport_scheme(const struct lg_transport *t)
{
    return t->is_secure ? "https" : "http";
}
/* Accepts on host:port (port 0 picks a free one) and calls `accepted` on `lane` for each: the owner
 * sets c->handler and c->ctx there. NULL: nobody is let in here, the address is held for those that
 * share it, and connections wait for the first of them. LG_ERR_IN_USE when somebody else has the
 * port (names it), LG_ERR_INVALID for a host that is no address. */
static inline LG_MUST_CHECK enum lg_rc
lg_transport_listen(struct lg_transport *t, struct lg_lane *lane, const char *host, uint16_t port,
                    void (*accepted)(void *ctx, struct lg_conn *c), void *ctx,
                    struct lg_listener **out, struct lg_error *err)
{
    return t->ops->listen(t, lane, host, port, accepted, ctx, out, err);
}
/* One more listener on the address of `with`, for another lane: each connection comes to one of
 * them. Nobody else gets the port. `with` is not closed meanwhile. Errors as above. */
static inline LG_MUST_CHECK enum lg_rc
lg_transport_share(struct lg_listener *with, struct lg_lane *lane,
                   void (*accepted)(void *ctx, struct lg_conn *c), void *ctx,
                   struct lg_listener **out, struct lg_error *err)
{
    return with->transport->ops->share(with, lane, accepted, ctx, out, err);
}
static inline uint16_t lg_listener_port(const struct lg_listener *l)
{
    return l->transport->ops->listener_port(l);
}
/* Stops accepting; accepted connections live on. NULL is allowed. */
static inline void lg_listener_close(struct lg_listener *l)
{
    if (l != NULL)
        l->transport->ops->listener_close(l);
}
/* Begins to connect; `opened` or `closed` follows. `host` is an address or a name. */
static inline struct lg_conn *lg_conn_open(struct lg_transport *t, struct lg_lane *lane,
                                           const char *host, uint16_t port,
                                           const struct lg_conn_handler *handler, void *ctx)
{
    return t->ops->open(t, lane, host, port, handler, ctx);
}
/* Queues the bytes; the buffer is empty afterwards. Allowed before `opened`. Ignored after close.
 */
static inline void lg_conn_send(struct lg_conn *c, struct lg_buf *take_bytes)
{
    c->transport->ops->send(c, take_bytes);
}
/* Bytes queued and not yet taken by the other side's kernel. */
static inline size_t lg_conn_queued(const struct lg_conn *c)
{
    return c->transport->ops->queued(c);
}
/* A paused connection delivers nothing: back-pressure. */
static inline void lg_conn_pause(struct lg_conn *c, bool paused)
{
    c->transport->ops->pause(c, paused);
}
/* `closed` still follows, later. With after_flush what is queued is sent first, however long the
 * peer takes: a close without it may follow, and ends that. */
static inline void lg_conn_close(struct lg_conn *c, bool after_flush)
{
    c->transport->ops->close(c, after_flush);
}

#endif
