/* lagoon.read.v1.ReadService/BatchGet at a storage node: net/read_stream.h between a call of gRPC
 * and the replicas of this server. Owned by the lane of its call. */
#ifndef LG_SERVER_FRONT_STREAM_H
#define LG_SERVER_FRONT_STREAM_H

#include "net/rpc_server.h"
#include "server/front_rest.h"

/* The streams of a lane. */
struct lg_front_stream_lane {
    const struct lg_front_rest *rest;
    size_t streams; /* that are not gone, with what they wait for */
    void (*left)(struct lg_front_stream_lane *lane); /* One of them has gone. */
};

/* For struct lg_rpc_stream_handler; a call begins with its lane. */
void lg_front_stream_begin(struct lg_front_stream_lane *lane, struct lg_rpc_call *call);
void lg_front_stream_bytes(void *ctx, struct lg_rpc_call *call, struct lg_slice bytes);
void lg_front_stream_half_closed(void *ctx, struct lg_rpc_call *call);
void lg_front_stream_drain(void *ctx, struct lg_rpc_call *call);
void lg_front_stream_room(void *ctx, struct lg_rpc_call *call);
void lg_front_stream_gone(void *ctx, struct lg_rpc_call *call);

#endif
