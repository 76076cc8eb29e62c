/* Venice's REST of a storage node: paths, headers, statuses (wire-formats 5). */
#ifndef LG_SERVER_FRONT_REST_H
#define LG_SERVER_FRONT_REST_H

#include "catalog/catalog.h"
#include "net/http_server.h"
#include "server/replica_manager.h"

struct lg_key_profiler;
struct lg_server_options;

struct lg_front_rest {
    struct lg_replica_manager *replicas;
    struct lg_catalog *catalog;
    struct lg_key_profiler *profiler;
    const struct lg_server_options *options; /* that the server was started with; borrowed */
    const char *instance, *announced;        /* its name, and what it says of itself; borrowed */
};

/* Answers one request; an lg_http_handler. `ctx` is a struct lg_front_rest. */
void lg_front_rest_handle(void *ctx, struct lg_http_request *rq);

#endif
