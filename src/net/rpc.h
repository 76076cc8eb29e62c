/* The services and methods that proto/ describes, and its files as reflection tells them. Constant.
 */
#ifndef LG_NET_RPC_H
#define LG_NET_RPC_H

#include "net/protos.h"

struct lg_rpc_method {
    struct lg_slice path;    /* "/grpc.health.v1.Health/Check" */
    struct lg_slice service; /* "grpc.health.v1.Health" */
    const struct lg_pb_message *request, *response;
    bool client_streams, server_streams;
};
/* By enum lg_rpc. */
extern const struct lg_rpc_method lg_rpc_methods[LG_RPC_COUNT];
/* The method of that path, without case ignored or anything decoded; LG_RPC_COUNT when there is
 * none. */
enum lg_rpc lg_rpc_find(struct lg_slice path);

struct lg_rpc_file {
    struct lg_slice name;       /* "grpc/health/v1/health.proto" */
    struct lg_slice descriptor; /* google.protobuf.FileDescriptorProto. It imports no other. */
};
extern const struct lg_rpc_file lg_rpc_files[];
extern const size_t lg_rpc_file_count;
struct lg_rpc_symbol {
    struct lg_slice name; /* "grpc.health.v1.Health.Check" */
    size_t file;
};
extern const struct lg_rpc_symbol lg_rpc_symbols[]; /* By name. */
extern const size_t lg_rpc_symbol_count;
/* NULL when there is none. A symbol is the full name of a message, field, oneof, enum, value of an
 * enum, service or method. */
const struct lg_rpc_file *lg_rpc_file_by_name(struct lg_slice name);
const struct lg_rpc_file *lg_rpc_file_of_symbol(struct lg_slice symbol);

#endif
