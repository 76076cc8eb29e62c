/* An HTTP server on one lane: parses, bounds and dispatches requests, keeps connections alive,
 * answers pipelined requests in order. HTTP/1.1; on the same port HTTP/2 and calls of gRPC.
 *
 * The handler is called on the server's lane once a request is complete; it answers then or later,
 * exactly once, with lg_http_respond. Everything of the request lives in its arena until then.
 */
#ifndef LG_NET_HTTP_SERVER_H
#define LG_NET_HTTP_SERVER_H

#include "base/arena.h"
#include "base/buf.h"
#include "net/http.h"
#include "net/transport.h"

struct lg_h2;
struct lg_h2_options;
struct lg_rpc_offer;
struct lg_http_server;
struct lg_http_request;
struct lg_http_response;

/* Who brought a request takes its answer: a connection of HTTP/1.1, or another lane
 * (net/http_forward.h). The functions below say what each does. */
struct lg_http_request_ops {
    struct lg_buf (*take_body)(struct lg_http_request *rq);
    void (*respond)(struct lg_http_request *rq, const struct lg_http_response *response);
    bool (*can_stream)(const struct lg_http_request *rq);
    void (*stream_begin)(struct lg_http_request *rq, const struct lg_http_response *response,
                         void (*room)(void *ctx), void *ctx);
    bool (*stream_is_full)(struct lg_http_request *rq);
    void (*stream_write)(struct lg_http_request *rq, struct lg_slice bytes);
    void (*stream_end)(struct lg_http_request *rq);
};

struct lg_http_request {
    const struct lg_http_request_ops *ops;
    enum lg_http_method method;
    struct lg_slice target; /* As sent: "/storage/cities/AmE=?f=b64". */
    struct lg_slice path;   /* Before '?', not decoded. */
    struct lg_slice query;  /* After '?', not decoded; may be empty. */
    struct lg_http_headers headers;
    struct lg_slice body;   /* Whole; chunked bodies are joined. */
    struct lg_arena *arena; /* Of this request; freed after the response is queued. */
    struct lg_lane *lane;
    const char *peer; /* "127.0.0.1:40312" */
    /* Who the peer has shown to be (net/tls.h), as long as the request lives; NULL: nobody. */
    const char *identity;
    bool is_secure;       /* It came over TLS. */
    uint64_t received_us; /* Lane time of the last byte. */
    bool peer_gone;       /* The connection closed meanwhile; respond is still due. */
    void *user;           /* The handler's. */
    /* Likewise; NULL: it does not care. Told once when peer_gone becomes true, before it has
     * answered, and does not answer from inside. Not told of requests that were forwarded. */
    void (*lost)(struct lg_http_request *rq);
    uint64_t id; /* Of this listener, counted from 1: for debug lines. */
};

/* Which of a process's listeners this is, on its metrics. */
enum lg_http_listener {
    LG_HTTP_LISTENER_OTHER, /* Answers no questions of operators: see net/ops_front.h. */
    LG_HTTP_LISTENER_CONTROLLER,
    LG_HTTP_LISTENER_ROUTER,
    LG_HTTP_LISTENER_SERVER
};

struct lg_http_response {
    int status;
    const char *content_type;             /* NULL: no header. */
    const struct lg_http_header *headers; /* Extra ones; copied. */
    size_t header_count;
    struct lg_slice body; /* Copied. */
};

typedef void (*lg_http_handler)(void *ctx, struct lg_http_request *rq);

struct lg_http_server_options {
    struct lg_transport *transport;
    struct lg_lane *lane;
    const char *host;
    uint16_t port; /* 0 picks one. */
    /* NULL, or who listens on another lane already: its address is shared; host and port are not
     * looked at. It is not stopped meanwhile. */
    struct lg_http_server *with;
    bool holds;            /* Nobody is let in here: the address is for those that share it. */
    size_t body_bytes_max; /* 0: LG_HTTP_BODY_BYTES_DEFAULT; over it the answer is 413. */
    /* 0: 10000; over it a connection is closed at once. Of `with`, when there is one: of all that
     * share its address. */
    size_t connections_max;
    uint64_t idle_ms; /* 0: 60000; a connection silent this long is closed. */
    enum lg_http_listener listener;
    /* Makes an engine of HTTP/2 for connections that begin with its preface (prior knowledge, RFC
     * 9113 section 3.3); NULL: only HTTP/1.1 is spoken. */
    struct lg_h2 *(*http2)(const struct lg_h2_options *options);
    /* Methods of gRPC that are offered to who speaks HTTP/2; NULL: none. It outlives the server. */
    const struct lg_rpc_offer *rpc;
    void *rpc_ctx;
    lg_http_handler handler;
    /* Of /metrics and /readyz, with the same ctx; NULL: everybody may see what they name. */
    lg_http_handler ops;
    void *ctx;
};

LG_MUST_CHECK enum lg_rc lg_http_server_start(const struct lg_http_server_options *options,
                                              struct lg_http_server **out, struct lg_error *err);
uint16_t lg_http_server_port(const struct lg_http_server *s);
/* It will stop soon: each connection's next answer says `Connection: close` and ends it, so that
 * whoever keeps one alive goes elsewhere with nothing lost. New connections are still taken. */
void lg_http_server_drain(struct lg_http_server *s);
/* Stops accepting, closes idle connections, lets requests in flight finish for at most `grace_ms`,
 * then calls `stopped` once on the lane; the server is freed when it returns. */
void lg_http_server_stop(struct lg_http_server *s, uint64_t grace_ms, void (*stopped)(void *ctx),
                         void *ctx);

/* Moves the body out, so that it needs no copy to outlive the request; `rq->body` is empty after.
 */
static inline struct lg_buf lg_http_request_take_body(struct lg_http_request *rq)
{
    return rq->ops->take_body(rq);
}
/* Answers and releases the request: `rq` and its arena are gone when this returns. */
static inline void lg_http_respond(struct lg_http_request *rq,
                                   const struct lg_http_response *response)
{
    rq->ops->respond(rq, response);
}

/* An answer in pieces, for bodies that come little by little: begin, write as long as there is
 * room, end. Only the connection's send queue holds what was written: a slow reader makes the
 * stream full, one that does not read at all is cut off after the idle time. Without
 * lg_http_can_stream (a HEAD, HTTP/1.0) the answer must be lg_http_respond. */
static inline bool lg_http_can_stream(const struct lg_http_request *rq)
{
    return rq->ops->can_stream(rq);
}
/* The response has no body. `room` comes on the lane when a full stream has room again, and when
 * the peer has gone (rq->peer_gone), never from inside these calls. */
static inline void lg_http_stream_begin(struct lg_http_request *rq,
                                        const struct lg_http_response *response,
                                        void (*room)(void *ctx), void *ctx)
{
    rq->ops->stream_begin(rq, response, room, ctx);
}
/* True while earlier answers of the connection are not sent or its queue is over
 * LG_CONN_HIGH_BYTES. Never once the peer has gone: what is written then is dropped. */
static inline bool lg_http_stream_is_full(struct lg_http_request *rq)
{
    return rq->ops->stream_is_full(rq);
}
/* A piece; it may be written to a full stream, but should not. Empty: nothing. */
static inline void lg_http_stream_write(struct lg_http_request *rq, struct lg_slice bytes)
{
    rq->ops->stream_write(rq, bytes);
}
/* The end; releases the request as lg_http_respond does. */
static inline void lg_http_stream_end(struct lg_http_request *rq)
{
    rq->ops->stream_end(rq);
}

/* A text/plain answer; `status` as given. */
void lg_http_respond_text(struct lg_http_request *rq, int status, const char *fmt, ...)
    LG_PRINTF(3, 4);
/* A text/plain answer with the table's status for this error, minding GET and POST. */
void lg_http_respond_error(struct lg_http_request *rq, const struct lg_error *err);

/* The i-th segment of the path, percent-decoded into the request's arena, empty segments ("//")
 * skipped. False when there is none; a bad escape gives LG_SLICE_NULL with data NULL and true. */
bool lg_http_path_segment(struct lg_http_request *rq, size_t i, struct lg_slice *out);
size_t lg_http_path_segments(const struct lg_http_request *rq);
/* A parameter of the query, or of the body when it is a form (application/x-www-form-urlencoded);
 * decoded into the arena. False when absent. The query wins. */
bool lg_http_param(struct lg_http_request *rq, const char *name, struct lg_slice *out);
/* All parameters, those of the query first: size_t at = 0; while (lg_http_param_next(rq, &at,
 * &name, &value)). Decoded into the arena: data NULL for a bad escape. */
bool lg_http_param_next(struct lg_http_request *rq, size_t *at, struct lg_slice *out_name,
                        struct lg_slice *out_value);

#endif
