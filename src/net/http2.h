/* HTTP/2 of a server as a port: one connection as a pure state machine. No sockets and no clock:
 * the peer's bytes go in, requests come out as events, answers go in, bytes to send come out, all
 * on the lane that owns the connection.
 *
 * Two engines implement it: net/h2_conn.h (our own framing) and drivers/nghttp2. Both refuse the
 * same requests (net/h2_request.h) and keep the same limits (net/h2_guard.h).
 *
 * A tick of the caller: lg_h2_input with what was read, answers (from inside the events or later),
 * lg_h2_output, one write, lg_h2_sent. Events come from inside lg_h2_input, lg_h2_output,
 * lg_h2_tick and lg_h2_free only. In an event every call is allowed but those four.
 *
 * A stream is the caller's from `request` until it ends the answer (lg_h2_respond, lg_h2_end,
 * lg_h2_reset) or is told `gone`; afterwards its pointer is dead. Its events:
 *
 *     request, body*, end        then nothing more, unless `gone` before the answer's end
 */
#ifndef LG_NET_HTTP2_H
#define LG_NET_HTTP2_H

#include "base/buf.h"
#include "net/http.h"

/* RFC 9113, section 7. */
enum lg_h2_error {
    LG_H2_NO_ERROR,
    LG_H2_PROTOCOL_ERROR,
    LG_H2_INTERNAL_ERROR,
    LG_H2_FLOW_CONTROL_ERROR,
    LG_H2_SETTINGS_TIMEOUT,
    LG_H2_STREAM_CLOSED,
    LG_H2_FRAME_SIZE_ERROR,
    LG_H2_REFUSED_STREAM,
    LG_H2_CANCEL,
    LG_H2_COMPRESSION_ERROR,
    LG_H2_CONNECT_ERROR,
    LG_H2_ENHANCE_YOUR_CALM,
    LG_H2_INADEQUATE_SECURITY,
    LG_H2_HTTP_1_1_REQUIRED
};

/* Bounds of one connection: see h2_limits.def. 0: the default. */
struct lg_h2_limits {
#define X(name, preset, per_second, text) size_t name;
#include "net/h2_limits.def"
#undef X
};
/* Which limit was passed; labels of http2_limits_total in the same order. */
enum lg_h2_reason {
#define X(name, preset, per_second, text) LG_H2_OVER_##name,
#include "net/h2_limits.def"
#undef X
    LG_H2_REASONS
};
const char *lg_h2_reason_name(enum lg_h2_reason r); /* "header_bytes" */
const char *lg_h2_error_name(uint32_t code);        /* "PROTOCOL_ERROR"; "UNKNOWN" */

struct lg_h2;
struct lg_h2_stream { /* The head that every engine embeds first. */
    struct lg_h2 *conn;
    uint32_t id;
    void *user; /* The caller's; NULL at first. */
};

/* A request's head, valid and in lower case. Borrowed for the event. */
struct lg_h2_request {
    struct lg_slice method, scheme, authority, path; /* Scheme and path are empty for CONNECT. */
    struct lg_http_headers headers; /* The other fields in their order, but for grpc-timeout. */
    struct lg_slice grpc_timeout;   /* The value of that field; data NULL: there was none. */
    int64_t content_length;         /* -1: not said. */
    /* A word of the caller for this very head on this connection: 0 until the caller sets it, and
     * the same for every later request whose head differs in nothing but grpc-timeout. NULL when
     * the engine does not remember the head. So routing and authorisation need not be repeated;
     * what is decided anew at times belongs behind an epoch of the caller's. */
    uintptr_t *memo;
};

struct lg_h2_handler {
    void (*request)(void *ctx, struct lg_h2_stream *st, const struct lg_h2_request *rq);
    /* Never empty. The bytes lie in the input of the running lg_h2_input and live as long. */
    void (*body)(void *ctx, struct lg_h2_stream *st, struct lg_slice bytes);
    /* The request is complete. `trailers` are borrowed for the event, mostly none. */
    void (*end)(void *ctx, struct lg_h2_stream *st, const struct lg_http_headers *trailers);
    /* Reset by the peer, by a limit or with its connection; nothing can be answered any more. */
    void (*gone)(void *ctx, struct lg_h2_stream *st, uint32_t code);
    /* A stream that was full (lg_h2_is_full) has room again. May be NULL. */
    void (*room)(void *ctx, struct lg_h2_stream *st);
};

/* A head or trailers that are sent often, encoded once. Immutable, shared by connections of a
 * lane and by lanes; must outlive every connection it was used on. */
struct lg_h2_prepared;
/* Copies the fields; names in lower case, of a head `:status` first. They must be well-formed. */
struct lg_h2_prepared *lg_h2_prepared_new(const struct lg_http_header *fields, size_t count);
void lg_h2_prepared_free(struct lg_h2_prepared *p);
const struct lg_http_header *lg_h2_prepared_fields(const struct lg_h2_prepared *p,
                                                   size_t *out_count);

/* Fields to send: the prepared ones (NULL: none), then the given ones. Borrowed for the call. */
struct lg_h2_head {
    const struct lg_h2_prepared *prepared;
    const struct lg_http_header *fields;
    size_t count;
};

/* Why a connection ends. `why` is meaningful when it is a limit. */
struct lg_h2_fault {
    uint32_t code; /* enum lg_h2_error, as in our GOAWAY */
    bool by_limit;
    enum lg_h2_reason why;
    const char *text; /* Static; "" while all is well. */
};

struct lg_h2_options {
    const struct lg_h2_handler *handler; /* Must outlive the connection. */
    void *ctx;
    struct lg_h2_limits limits;
    uint32_t stream_window_bytes;     /* What a peer may send ahead; 0: 256 KiB. */
    uint32_t connection_window_bytes; /* 0: 1 MiB; at least 65535. */
    uint64_t now_ms;                  /* As for lg_h2_tick. */
};

struct lg_h2_ops {
    const char *name;
    void (*free)(struct lg_h2 *h);
    bool (*input)(struct lg_h2 *h, struct lg_slice bytes);
    struct lg_slice (*output)(struct lg_h2 *h);
    void (*sent)(struct lg_h2 *h, size_t n);
    bool (*tick)(struct lg_h2 *h, uint64_t now_ms);
    void (*shutdown)(struct lg_h2 *h);
    bool (*is_over)(const struct lg_h2 *h);
    void (*respond)(struct lg_h2_stream *st, const struct lg_h2_head *head,
                    const struct lg_slice *body, size_t pieces, const struct lg_h2_head *trailers);
    void (*begin)(struct lg_h2_stream *st, const struct lg_h2_head *head);
    void (*write)(struct lg_h2_stream *st, const struct lg_slice *body, size_t pieces);
    void (*end)(struct lg_h2_stream *st, const struct lg_h2_head *trailers);
    void (*reset)(struct lg_h2_stream *st, uint32_t code);
    bool (*is_full)(const struct lg_h2_stream *st);
    void (*release)(struct lg_h2_stream *st, size_t n);
    void (*pause)(struct lg_h2_stream *st, bool paused);
};

struct lg_h2 { /* The head that every engine embeds first. */
    const struct lg_h2_ops *ops;
    const struct lg_h2_handler *handler;
    void *ctx;
    struct lg_h2_fault fault;
    uint64_t requests;            /* that were handed over */
    size_t queued;                /* bytes of answers that the peer has not taken */
    uint64_t over[LG_H2_REASONS]; /* how often each limit was passed */
};

/* `gone` comes for every stream that is the caller's. NULL is allowed. */
static inline void lg_h2_free(struct lg_h2 *h)
{
    if (h != NULL)
        h->ops->free(h);
}
/* Any number of bytes, from the connection preface on. False: the connection is over; send what
 * lg_h2_output gives, close. Later input is ignored. */
static inline bool lg_h2_input(struct lg_h2 *h, struct lg_slice bytes)
{
    return h->ops->input(h, bytes);
}
/* All bytes that are to be sent now; may be empty. Borrowed until the next call for `h`. It stops
 * at about LG_H2_OUTPUT_BYTES: ask again once they are sent. */
static inline struct lg_slice lg_h2_output(struct lg_h2 *h)
{
    return h->ops->output(h);
}
/* The first n of them went out. */
static inline void lg_h2_sent(struct lg_h2 *h, size_t n)
{
    h->ops->sent(h, n);
}
/* Time passes, in milliseconds of any origin: once a second is enough. False as lg_h2_input. */
static inline LG_MUST_CHECK bool lg_h2_tick(struct lg_h2 *h, uint64_t now_ms)
{
    return h->ops->tick(h, now_ms);
}
/* No more requests, please (RFC 9113, 6.8). The peer is told, by a PING and, in the same write, a
 * GOAWAY with the highest id; what it sent before it answers the PING is served, what comes then is
 * refused, and the connection is over once the last answer is sent. (The PING comes first: clients
 * of nghttp2 that have nothing under way answer none behind a GOAWAY.) A peer that does not answer
 * the PING within LG_H2_SHUTDOWN_WAIT_MS (lg_h2_tick) is taken for one that did. More calls change
 * nothing. */
#define LG_H2_SHUTDOWN_WAIT_MS 2000u
#define LG_H2_SHUTDOWN_PING "goodbye." /* 8 bytes */
static inline void lg_h2_shutdown(struct lg_h2 *h)
{
    h->ops->shutdown(h);
}
/* Nothing will come any more: close once the output is sent. */
static inline bool lg_h2_is_over(const struct lg_h2 *h)
{
    return h->ops->is_over(h);
}

/* The whole answer at once: copied, once when the peer's windows take it. `trailers` NULL: none;
 * without pieces and trailers the head ends the stream. The stream is no longer the caller's. */
static inline void lg_h2_respond(struct lg_h2_stream *st, const struct lg_h2_head *head,
                                 const struct lg_slice *body, size_t pieces,
                                 const struct lg_h2_head *trailers)
{
    st->conn->ops->respond(st, head, body, pieces, trailers);
}
/* The answer in steps: begin, write as often as one likes while it is not full, end. */
static inline void lg_h2_begin(struct lg_h2_stream *st, const struct lg_h2_head *head)
{
    st->conn->ops->begin(st, head);
}
/* Copied. It may be called on a full stream, but should not. */
static inline void lg_h2_write(struct lg_h2_stream *st, const struct lg_slice *body, size_t pieces)
{
    st->conn->ops->write(st, body, pieces);
}
/* `trailers` NULL: none. The stream is no longer the caller's. */
static inline void lg_h2_end(struct lg_h2_stream *st, const struct lg_h2_head *trailers)
{
    st->conn->ops->end(st, trailers);
}
/* Drops what is not sent yet. The stream is no longer the caller's; `gone` does not come. */
static inline void lg_h2_reset(struct lg_h2_stream *st, uint32_t code)
{
    st->conn->ops->reset(st, code);
}
/* LG_H2_STREAM_HIGH_BYTES or more wait for the peer; `room` follows at half of it. */
static inline bool lg_h2_is_full(const struct lg_h2_stream *st)
{
    return st->conn->ops->is_full(st);
}
/* n bytes of the request's body are done with: for streams without an end, whose bodies would pass
 * the limit otherwise. */
static inline void lg_h2_release(struct lg_h2_stream *st, size_t n)
{
    st->conn->ops->release(st, n);
}
/* A paused stream gives its peer no new window: at most stream_window_bytes still come. */
static inline void lg_h2_pause(struct lg_h2_stream *st, bool paused)
{
    st->conn->ops->pause(st, paused);
}

#define LG_H2_OUTPUT_BYTES ((size_t)256 << 10)
#define LG_H2_STREAM_HIGH_BYTES ((size_t)64 << 10)
#define LG_H2_STREAM_WINDOW_DEFAULT ((uint32_t)256 << 10)
#define LG_H2_CONNECTION_WINDOW_DEFAULT ((uint32_t)1 << 20)

#endif
