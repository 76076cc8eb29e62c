/* A server of a small cluster (test/lib/cluster_world.h) and a client of gRPC on a connection to
 * it: what the tests of what a storage node answers share. Every step fails the test when it does
 * not work.
 *
 *   init ─▶ what servers are to be, in r->clw ─▶ serve ─▶ open ─▶ append, send or call ─▶ done
 */
#ifndef LG_TEST_LIB_GRPC_RIG_H
#define LG_TEST_LIB_GRPC_RIG_H

#include "net/grpc.h"
#include "net/protos.h"
#include "test/lib/cluster_world.h"
#include "test/lib/h2_client.h"

#define GRPC_RIG_TOPIC "cities_v1"
#define GRPC_RIG_SERVICE "/com.linkedin.venice.protocols.VeniceReadService/"
#define GRPC_RIG_STREAM "/lagoon.read.v1.ReadService/BatchGet"

struct grpc_rig {
    struct lg_clw *clw;
    struct h2_client client;
    struct lg_buf body;     /* of the next request: frames; it lasts until that is over */
    struct lg_arena *arena; /* of what was decoded */
};

/* The world, without its server and without a controller. */
void grpc_rig_init(struct grpc_rig *r, uint64_t seed);
/* The server, and store "cities" whose one version has one partition and these rows. */
void grpc_rig_serve(struct grpc_rig *r, const struct lg_clw_row *rows, size_t n);
/* A connection, in place of the one there was, whose requests are calls of gRPC. `by_hand`: as of
 * h2_client_open. */
void grpc_rig_open(struct grpc_rig *r, uint16_t port, bool by_hand);
void grpc_rig_done(struct grpc_rig *r);

/* One frame more. */
void grpc_rig_append(struct grpc_rig *r, const struct lg_pb_message *m, const void *message);
/* One batch of a stream more, of version 1; `timeout_ms` 0: none. */
void grpc_rig_append_batch(struct grpc_rig *r, uint64_t id, struct lg_stream_key *keys, uint32_t n,
                           uint32_t timeout_ms);
/* Sends r->body; the number of the request in r->client.asked. */
size_t grpc_rig_send(struct grpc_rig *r, const char *path);
/* Sends this message alone, and lets so much time pass. */
const struct h2_asked *grpc_rig_call(struct grpc_rig *r, const char *path,
                                     const struct lg_pb_message *m, const void *message,
                                     uint64_t ms);

/* It is over, with this status. */
void grpc_rig_expect_status(const struct h2_asked *a, enum lg_grpc_status status);
/* Message number `n` of an answer. */
void grpc_rig_decode(struct grpc_rig *r, const struct h2_asked *a, unsigned n,
                     const struct lg_pb_message *m, void *out);
/* What reads of the store have cost so far, as the server's metrics tell. */
uint64_t grpc_rig_rcu(void);

#endif
