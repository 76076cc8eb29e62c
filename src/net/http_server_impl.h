/* What the server and its connections share: for http_server.c and the connections
 * (http1_conn.c) only. All of it belongs to the server's lane.
 */
#ifndef LG_NET_HTTP_SERVER_IMPL_H
#define LG_NET_HTTP_SERVER_IMPL_H

#include "base/list.h"
#include "lane/shared.h"
#include "net/http_server.h"
#include "net/metrics.h"
#include "net/rpc.h"

/* The name of the peer, as long as a request's arena lives; NULL: it has none. */
const char *lg_http_keep_identity(struct lg_arena *arena, const struct lg_conn *conn);

/* A connection, whatever it speaks; the head of its struct. */
struct lg_http_carrier {
    struct lg_http_server *server;
    struct lg_list link; /* In server->carriers. */
    /* Nothing more is taken in; it closes when all is answered. */
    void (*finish)(struct lg_http_carrier *c);
    void (*cut)(struct lg_http_carrier *c); /* It closes now. */
};

/* A request with the answer it waits for; the head of its struct. It outlives its connection (the
 * handler has yet to answer) and even the server: it then only waits for its respond call. */
struct lg_http_carried {
    struct lg_http_request rq;
    struct lg_list link;           /* Its connection's, server->orphans or a list of spare ones. */
    struct lg_http_server *server; /* NULL when the server is gone. */
};

struct lg_http_server {
    struct lg_http_server_options options;
    struct lg_listener *listener;
    uint16_t port;
    uint64_t last_id;
    struct lg_list carriers, orphans;
    struct lg_list spare1, spare2; /* Requests of HTTP/1.1 and /2 that wait for the next one. */
    struct lg_list spare_calls, lost_calls; /* http2_call.c */
    size_t spare1_count, spare2_count, spare_call_count;
    /* Connections, of all who share the address: that of options.with, else its own. */
    struct lg_bound *connections, own_connections;
    struct lg_h2_prepared *rpc_head, *rpc_ok; /* Of answers of gRPC; NULL without. */
    enum lg_rpc answered_rpc;                 /* So many calls of it were answered, */
    uint64_t answered;                        /* of which no metric was told yet. */
    struct lg_buf scratch;                    /* Where answers are written. */
    bool draining, stopping, grace_over, stopped_posted;
    struct lg_timer grace;
    struct lg_task stopped_task;
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

/* --- http_server.c --------------------------------------------------------------------------- */

/* A connection that is there, with its place among those that may be, and one that has gone: then
 * its struct may be freed. Whoever only hands the connection on leaves the place to the next one.
 */
void lg_http_carrier_joined(struct lg_http_server *s, struct lg_http_carrier *c);
void lg_http_carrier_left(struct lg_http_carrier *c);
void lg_http_carrier_hands_on(struct lg_http_carrier *c);
/* The server stops once nobody is left. */
void lg_http_server_check_stopped(struct lg_http_server *s);
/* Fills what every request has and hands it to the handler, which may answer from inside. The
 * caller has set ops, method, target, headers, body, arena and peer. */
void lg_http_server_dispatch(struct lg_http_carried *r);
void lg_http_server_count_answer(const struct lg_http_server *s, const struct lg_http_request *rq,
                                 int status, size_t body_bytes);
void lg_http_server_count_refusal(const struct lg_http_server *s, enum lg_http_refusal limit);

/* --- http1_conn.c ---------------------------------------------------------------------------- */

/* Takes a connection over that has just come; hands it on when it begins with HTTP/2's preface. */
void lg_http1_conn_open(struct lg_http_server *s, struct lg_conn *conn);
/* Frees the requests that wait for the next one. */
void lg_http1_conn_free_spare(struct lg_http_server *s);

/* --- http2_conn.c ---------------------------------------------------------------------------- */

/* The same for one that has begun with HTTP/2's preface: `bytes` are what has come so far. */
void lg_http2_conn_open(struct lg_http_server *s, struct lg_conn *conn, struct lg_slice bytes);
void lg_http2_conn_free_spare(struct lg_http_server *s);

/* --- http2_call.c ---------------------------------------------------------------------------- */

/* Encodes what all answers of gRPC begin and end with; frees that. */
void lg_http2_call_prepare(struct lg_http_server *s);
void lg_http2_call_unprepare(struct lg_http_server *s);
/* Frees the calls that wait for the next one; those that are lost wait for their answer only. */
void lg_http2_call_free_spare(struct lg_http_server *s);

#endif
