/* What a connection of HTTP/2 shares with the calls of gRPC on it: for http2_conn.c and
 * http2_call.c only. All of it belongs to the server's lane. */
#ifndef LG_NET_HTTP2_IMPL_H
#define LG_NET_HTTP2_IMPL_H

#include "net/http2.h"
#include "net/http_server_impl.h"

struct lg_http2_conn {
    struct lg_http_carrier in;
    struct lg_conn *conn;
    struct lg_h2 *h;
    struct lg_list slots, calls; /* What is under way. */
    /* The call, if any, whose body so far lies in the input that is being read. */
    struct lg_http2_user *lent_to;
    struct lg_slice lent;
    struct lg_task flush_task;
    bool flush_deferred;
    bool closing, gone; /* gone: the memory waits for the task. */
    bool paused;        /* Not read from. */
    struct lg_timer watch;
    uint64_t active_us;
    uint64_t sent_bytes, taken_bytes; /* Handed to the transport; of them taken by the peer, */
    uint64_t progress_us;             /* which was seen to take some then. */
};

struct lg_http2_user;
struct lg_http2_events { /* See struct lg_h2_handler. */
    void (*body)(struct lg_http2_user *user, struct lg_slice bytes);
    void (*end)(struct lg_http2_user *user);
    void (*gone)(struct lg_http2_user *user);
    void (*room)(struct lg_http2_user *user);
};
struct lg_http2_user { /* Of a stream; in its request or call. */
    const struct lg_http2_events *events;
};

/* --- http2_conn.c ---------------------------------------------------------------------------- */

/* What there is to send goes out at the end of this tick. */
void lg_http2_flush_soon(struct lg_http2_conn *c);
/* A request was answered: it is sent soon, and a server that drains takes nothing more. */
void lg_http2_answered(struct lg_http2_conn *c);

/* --- http2_call.c ---------------------------------------------------------------------------- */

/* Takes the stream if it is a call of gRPC. False: it is a request of HTTP. */
LG_MUST_CHECK bool lg_http2_call_begin(struct lg_http2_conn *c, struct lg_h2_stream *st,
                                       const struct lg_h2_request *head);
/* Metrics hear of the calls that were answered: before anything is sent of it. */
void lg_http2_call_tell(struct lg_http_server *s);
/* The input was read: what is lent of it does not live longer, so it is copied. */
void lg_http2_call_keep(struct lg_http2_conn *c);
/* Does a call wait for its handler, or for either side of a stream? */
bool lg_http2_call_is_asked(const struct lg_http2_conn *c);
/* Ends those whose request is not complete. */
void lg_http2_call_end_late(struct lg_http2_conn *c);
/* The server ends: streaming calls hear of it. */
void lg_http2_call_drain(struct lg_http2_conn *c);

#endif
