/* HTTP/2 of a client as a port: one connection as a pure state machine, as net/http2.h is of a
 * server. No sockets and no clock: calls and the peer's bytes go in, answers come out as events,
 * bytes to send come out. On the lane that owns the connection. Implemented by
 * drivers/nghttp2/h2_client_nghttp2.h.
 *
 * A tick of the caller: lg_h2_client_input with what was read, calls, lg_h2_client_output, one
 * write, lg_h2_client_sent. Events come from inside lg_h2_client_input, lg_h2_client_output and
 * lg_h2_client_free only; in an event every call is allowed but those. The events of a call:
 *
 *     field*, body*, field*, closed        then nothing more: its `call` is forgotten
 */
#ifndef LG_NET_H2_CLIENT_H
#define LG_NET_H2_CLIENT_H

#include "base/buf.h"
#include "net/http.h"
#include "net/http2.h"

/* Windows that we give: what a peer may send ahead. */
#define LG_H2_CLIENT_STREAM_WINDOW ((uint32_t)4 << 20)
#define LG_H2_CLIENT_CONNECTION_WINDOW ((uint32_t)64 << 20)

struct lg_h2_client;

struct lg_h2_client_handler {
    /* A field of the head, `:status` first, or of the trailers. Borrowed. */
    void (*field)(void *ctx, void *call, struct lg_slice name, struct lg_slice value);
    /* Never empty; borrowed. */
    void (*body)(void *ctx, void *call, struct lg_slice bytes);
    /* LG_H2_NO_ERROR: the whole answer came. Else it was reset or lost with its connection, and
     * this is why (enum lg_h2_error). */
    void (*closed)(void *ctx, void *call, uint32_t code);
};

struct lg_h2_client_ops {
    const char *name;
    void (*free)(struct lg_h2_client *h);
    bool (*input)(struct lg_h2_client *h, struct lg_slice bytes);
    struct lg_slice (*output)(struct lg_h2_client *h);
    void (*sent)(struct lg_h2_client *h, size_t n);
    uint32_t (*room)(const struct lg_h2_client *h);
    uint32_t (*call)(struct lg_h2_client *h, const struct lg_http_header *fields, size_t count,
                     struct lg_slice body, bool is_last, void *call);
    void (*write)(struct lg_h2_client *h, uint32_t stream, struct lg_slice body, bool is_last);
    void (*reset)(struct lg_h2_client *h, uint32_t stream, uint32_t code);
};

struct lg_h2_client { /* The head that every driver embeds first. */
    const struct lg_h2_client_ops *ops;
    const struct lg_h2_client_handler *handler;
    void *ctx;
};

/* Calls that are under way get `closed` with LG_H2_CANCEL. NULL is allowed. */
static inline void lg_h2_client_free(struct lg_h2_client *h)
{
    if (h != NULL)
        h->ops->free(h);
}
/* False: the connection is over, by GOAWAY and the end of what was under way, or because the peer's
 * bytes are no HTTP/2; send the output and close. Calls that are left get `closed` when it is
 * freed.
 */
static inline LG_MUST_CHECK bool lg_h2_client_input(struct lg_h2_client *h, struct lg_slice bytes)
{
    return h->ops->input(h, bytes);
}
/* All bytes that are to be sent now; may be empty. Borrowed until the next call for `h`. */
static inline struct lg_slice lg_h2_client_output(struct lg_h2_client *h)
{
    return h->ops->output(h);
}
/* The first n of them went out. */
static inline void lg_h2_client_sent(struct lg_h2_client *h, size_t n)
{
    h->ops->sent(h, n);
}
/* How many more calls the peer takes now; 0 once it has said GOAWAY. */
static inline uint32_t lg_h2_client_room(const struct lg_h2_client *h)
{
    return h->ops->room(h);
}
/* Begins a call: the fields (pseudo fields first, names in lower case) and the beginning of its
 * body, or all of it when `is_last`. Copies both; `call` comes back in the events. Returns the
 * stream's number, 0 when the connection takes no more calls: then no event follows. */
static inline LG_MUST_CHECK uint32_t lg_h2_client_call(struct lg_h2_client *h,
                                                       const struct lg_http_header *fields,
                                                       size_t count, struct lg_slice body,
                                                       bool is_last, void *call)
{
    return h->ops->call(h, fields, count, body, is_last, call);
}
/* More of the body of a call that began without `is_last`; copied. Nothing after its `closed`. */
static inline void lg_h2_client_write(struct lg_h2_client *h, uint32_t stream, struct lg_slice body,
                                      bool is_last)
{
    h->ops->write(h, stream, body, is_last);
}
/* Gives the call up; `closed` follows with the code. */
static inline void lg_h2_client_reset(struct lg_h2_client *h, uint32_t stream, uint32_t code)
{
    h->ops->reset(h, stream, code);
}

#endif
