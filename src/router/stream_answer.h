/* A multi-get answered as its parts arrive (wire-formats 4.4): chunks of records, missing keys as
 * records with negative indexes, and a footer record when something fails on its way.
 *
 *   COLLECTING ──first value──▶ STREAMING ──▶ over
 *       └──read ended (well)────────┘ │
 *       └──read failed──▶ refused by the caller, for nothing was sent yet
 *
 * Values stay in the request's arena until the reader has room for them, so that a slow reader
 * costs no memory more than the connection's queue. Owned by one request, on the router's lane.
 */
#ifndef LG_ROUTER_STREAM_ANSWER_H
#define LG_ROUTER_STREAM_ANSWER_H

#include "fetch/layer.h"
#include "net/http_server.h"

struct lg_stream_answer {
    /* What the caller fills. */
    struct lg_http_request *rq;
    struct lg_read *read;    /* Of many keys, key i at index i. */
    int32_t version;         /* told in X-LAGOON-VERSION */
    void (*over)(void *ctx); /* Just before the request, and its arena, are released. */
    void *ctx;

    /* stream_answer.c only. */
    struct lg_read_key **ready; /* In the order in which they came. */
    bool *known;                /* By index: stands in `ready`. */
    size_t ready_count, next;
    bool begun, ended;
};

/* Makes `read` tell of its keys; before the read is submitted. LG_ERR_TOO_LARGE when the arena has
 * no room. The request must be one that can be streamed. */
LG_MUST_CHECK enum lg_rc lg_stream_answer_start(struct lg_stream_answer *a, struct lg_error *err);
/* The read has ended. False when it failed before anything was sent: the caller answers. */
bool lg_stream_answer_read_ended(struct lg_stream_answer *a);

#endif
