/* The lanes of a server that only read: each has a listener on the server's address and a front of
 * its own (server/front_rest.h), looks into the serving table, and sends home what is not a read of
 * a replica that serves.
 *
 * Owned by the server's lane; the lanes run while it lives.
 */
#ifndef LG_SERVER_READ_LANES_H
#define LG_SERVER_READ_LANES_H

#include "net/http_server.h"
#include "server/front_grpc.h"
#include "storage/warmer.h"

#define LG_READ_LANES_MAX 64u

struct lg_read_lanes; /* Opaque. */

struct lg_read_lanes_options {
    struct lg_lane *const *lanes; /* Borrowed for the call; the lanes outlive this. */
    size_t count;                 /* at most LG_READ_LANES_MAX */
    /* Of the server's own listener, whose address is shared, and that. It is not stopped before
     * lg_read_lanes_stop is done. */
    struct lg_http_server_options http;
    struct lg_http_server *with;
    struct lg_http_server *rpc_with; /* the same of the port of gRPC alone; NULL: there is none */
    struct lg_front_rest *home;      /* Its fronts; they live as long. */
    struct lg_front_grpc *home_grpc;
    struct lg_warmer *warmer;   /* Likewise. */
    struct lg_quota *quota;     /* Likewise, and it has room for a lane each. */
    uint64_t shed_target_us;    /* as of lg_read_gate_open */
    struct lg_cold_queue *cold; /* Likewise: where their reads wait for the disk. */
    /* A lane cannot listen; on the server's lane, for each. With the last one nobody answers. */
    void (*failed)(void *ctx, const struct lg_error *err);
    void *ctx;
};

/* They begin to listen soon; until then connections wait, and if one cannot, they come to the
 * others. */
struct lg_read_lanes *lg_read_lanes_start(const struct lg_read_lanes_options *o);
/* Closes their listeners, lets reads under way end for at most `grace_ms`, gives the places in the
 * epoch back; `stopped` comes once on the server's lane, never from inside, and all is gone then.
 */
void lg_read_lanes_stop(struct lg_read_lanes *r, uint64_t grace_ms, void (*stopped)(void *ctx),
                        void *ctx);

#endif
