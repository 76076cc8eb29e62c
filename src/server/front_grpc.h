/* gRPC of a storage node (docs/formats/grpc.md): Venice's read service (countByValue:
 * server/front_count.h), our streaming one (server/front_stream.h), health and reflection.
 *
 * One per lane beside the lane's REST front, with which it shares everything; owned by that lane.
 */
#ifndef LG_SERVER_FRONT_GRPC_H
#define LG_SERVER_FRONT_GRPC_H

#include "net/grpc_health.h"
#include "net/rpc_server.h"
#include "server/front_rest.h"

struct lg_front_grpc; /* Opaque. */

/* `rest` is borrowed and outlives it. On the server's lane, `ready` says with `ready_ctx` whether
 * the server serves; other lanes ask there: NULL. `home` is the one of the server's lane, NULL
 * there. */
struct lg_front_grpc_options {
    struct lg_lane *lane;
    const struct lg_front_rest *rest;
    bool (*ready)(void *ctx);
    void *ready_ctx;
    struct lg_front_grpc *home;
};
struct lg_front_grpc *lg_front_grpc_new(const struct lg_front_grpc_options *o);
/* The listener whose calls it answers is gone. NULL is allowed. */
void lg_front_grpc_free(struct lg_front_grpc *f);

/* For struct lg_http_server_options; rpc_ctx is a struct lg_front_grpc. */
extern const struct lg_rpc_offer lg_front_grpc_offer;
/* The same methods where the operator has turned gRPC off: each is told so (UNIMPLEMENTED). It
 * takes any rpc_ctx. */
extern const struct lg_rpc_offer lg_front_grpc_off;

#endif
