/* VeniceReadService/countByValue at a storage node: reads the keys, counts the values of the fields
 * on the pool. For calls of gRPC, on their lane. */
#ifndef LG_SERVER_FRONT_COUNT_H
#define LG_SERVER_FRONT_COUNT_H

#include "net/rpc_server.h"
#include "server/front_rest.h"

/* Answers it, then or later. `rest` outlives the listener of the call, and `over(ctx)` comes once,
 * on the lane, when nothing of the call is left: `ctx` lives until then. */
void lg_front_count(const struct lg_front_rest *rest, struct lg_rpc_call *call,
                    struct lg_slice message, void (*over)(void *ctx), void *ctx);

#endif
