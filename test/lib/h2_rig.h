/* An HTTP server with connections of HTTP/2 on the simulated network, its handler, and clients that
 * a test drives. Time is virtual.
 *
 * The handler: /hold waits for the test, /stream comes in pieces while there is room, /big is long,
 * /end ends what streams, /stop stops the server; anything else is answered with its method, path,
 * host and body.
 */
#ifndef LG_TEST_LIB_H2_RIG_H
#define LG_TEST_LIB_H2_RIG_H

#include "test/test.h"

#include "drivers/sim/transport_sim.h"
#include "net/http_server.h"
#include "test/lib/h2_client.h"

struct lg_h2;
struct lg_h2_options;

#define H2_RIG_IDLE_MS 5000
#define H2_RIG_BODY_BYTES 100000 /* the server's limit */
#define H2_RIG_HELD_MAX 16
#define H2_RIG_CLIENTS_MAX 2
#define H2_RIG_PIECE ((size_t)16 << 10) /* of a stream */
#define MIB ((size_t)1 << 20)

struct h2_streamed { /* One request under /stream: so many bytes, while there is room. */
    struct h2_rig *rig;
    struct lg_http_request *rq;
    size_t left, written;
    unsigned rooms;
    bool saw_peer_gone, ended;
};

struct h2_rig {
    struct lg_sim *sim;
    struct lg_net_sim *net;
    struct lg_lane *lane;
    struct lg_http_server *server;
    struct h2_client clients[H2_RIG_CLIENTS_MAX];
    struct lg_http_request *held[H2_RIG_HELD_MAX];
    size_t held_count, requests;
    struct h2_streamed streams[H2_RIG_HELD_MAX];
    size_t stream_count, stream_bytes;
    bool by_hand; /* Streams are written and ended by the test. */
    bool stopped;
    size_t asked; /* The number of the last request. */
    const char *path;
    struct lg_slice body;
    uint32_t window;
    bool window_by_hand;
    struct lg_conn *plain; /* A client of HTTP/1.1. */
    struct lg_buf plain_received;
    bool plain_closed;
    void (*act)(struct h2_rig *r, size_t i);
    size_t act_i;
    struct lg_task task;
};

typedef struct lg_h2 *(*h2_rig_engine)(const struct lg_h2_options *o);
#define H2_RIG_ENGINES 2
extern const h2_rig_engine h2_rig_engines[H2_RIG_ENGINES];

/* The engine may be NULL: then only HTTP/1.1 is spoken. */
void h2_rig_init(struct h2_rig *r, h2_rig_engine engine);
/* With this bound on bodies, this time for a peer that is silent, and methods of gRPC (NULL: none),
 * whose ctx is the rig. */
void h2_rig_init_with(struct h2_rig *r, h2_rig_engine engine, size_t body_bytes_max,
                      uint64_t idle_ms, const struct lg_rpc_offer *rpc);
/* Stops the server, unless that is done. */
void h2_rig_done(struct h2_rig *r);
#define EACH_ENGINE(r)                                                                             \
    for (size_t engine_ = 0; engine_ < H2_RIG_ENGINES; engine_++, h2_rig_done(r))                  \
        if (h2_rig_init(r, h2_rig_engines[engine_]), true)

/* Runs `act` as code of the lane. */
void h2_rig_on_lane(struct h2_rig *r, void (*act)(struct h2_rig *r, size_t i), size_t i);
/* Everything that is on its way arrives: a tenth of a second passes. */
void h2_rig_settle(struct h2_rig *r);

/* For h2_rig_on_lane; i is what stands behind each. */
void h2_rig_stop(struct h2_rig *r, size_t grace_ms);
void h2_rig_open(struct h2_rig *r, size_t i);  /* client */
void h2_rig_begin(struct h2_rig *r, size_t i); /* client; a body without an end, of path and body */
void h2_rig_end(struct h2_rig *r, size_t i);   /* request of client 0, that began so */
void h2_rig_head(struct h2_rig *r, size_t i);  /* client; of path */
void h2_rig_leave(struct h2_rig *r, size_t i); /* client */
void h2_rig_reset(struct h2_rig *r, size_t i); /* request of client 0 */
void h2_rig_take(struct h2_rig *r, size_t i);  /* request of client 0: a MiB more */
void h2_rig_pause(struct h2_rig *r, size_t i); /* 0 or 1: client 0 reads nothing */
void h2_rig_release(struct h2_rig *r, size_t i); /* held request: answers with its number */
void h2_rig_say_now(struct h2_rig *r, size_t i); /* ignored; sends body on the plain connection */

/* A request of client 0, and what came for it. */
struct h2_asked *h2_rig_asked(struct h2_rig *r, size_t i);
/* Client i asks; returns the number of its request, once all is settled. */
size_t h2_rig_ask(struct h2_rig *r, size_t i, const char *path, struct lg_slice body);
size_t h2_rig_get(struct h2_rig *r, const char *path); /* client 0 */
/* Request i of client 0 was answered so, wholly. */
void h2_rig_expect(struct h2_rig *r, size_t i, int status, const char *text);
bool h2_asked_has(const struct h2_asked *a, const char *line);
/* Bytes as they stand on a connection of their own; and what came back holds the text. */
void h2_rig_say(struct h2_rig *r, const char *bytes);
void h2_rig_expect_plain(struct h2_rig *r, const char *text);

#endif
