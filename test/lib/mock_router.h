/* A router that answers what a test says, byte for byte, on any lane and transport. It serves the
 * metadata of one store by itself and asks the test about the rest. */
#ifndef LG_TEST_LIB_MOCK_ROUTER_H
#define LG_TEST_LIB_MOCK_ROUTER_H

#include "net/http1.h"
#include "net/transport.h"

#define LG_MOCK_SCHEMAS_MAX 8u

struct lg_mock_reply {
    int status;
    const char *headers; /* more lines, each ended by "\r\n" */
    struct lg_slice body;
    bool chunked; /* in chunks of 3 bytes, without a length */
    bool silent;  /* no answer at all */
    bool hang_up; /* closes instead */
    bool cut;     /* closes after half of the body */
    bool stall;   /* sends half of the body, and no more */
};

struct lg_mock_router {
    /* What the test fills before it is started, and may change on its lane. */
    const char *store;
    const char *key_schema; /* NULL: the store does not exist */
    const char *value_schema[LG_MOCK_SCHEMAS_MAX];
    size_t hidden;       /* so many of the last schemas are not in all_value_schema_ids */
    bool no_ids;         /* all_value_schema_ids is not known here */
    int metadata_status; /* 0: answers; else this, to every question about metadata */
    void (*handle)(struct lg_mock_router *m, const struct lg_http1_message *rq,
                   struct lg_mock_reply *reply);
    void *ctx;

    uint16_t port;
    struct lg_buf asked; /* "GET /path\n" for each request, in order */
    size_t requests, reads;

    struct lg_transport *transport;
    struct lg_listener *listener;
    struct lg_list conns;
};

/* Listens on `host`, on m->port (0: any, which is then set). */
void lg_mock_router_start(struct lg_mock_router *m, struct lg_transport *transport,
                          struct lg_lane *lane, const char *host);
/* Stops listening and closes every connection; may be started again on its port. On its lane. */
void lg_mock_router_stop(struct lg_mock_router *m);
void lg_mock_router_done(struct lg_mock_router *m);
/* The Avro keys in the body of a multi-get; returns how many. */
size_t lg_mock_keys(const struct lg_http1_message *rq, struct lg_slice *out, size_t max);

#endif
