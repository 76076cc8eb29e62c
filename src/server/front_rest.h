/* Venice's REST of a storage node: paths, headers, statuses (wire-formats 5). */
#ifndef LG_SERVER_FRONT_REST_H
#define LG_SERVER_FRONT_REST_H

#include "catalog/catalog.h"
#include "net/http_server.h"
#include "server/replica_manager.h"

struct lg_authz;
struct lg_read_group;
struct lg_key_profiler;
struct lg_server_options;

struct lg_front_rest {
    struct lg_replica_manager *replicas;
    struct lg_catalog *catalog;
    struct lg_key_profiler *profiler;
    const struct lg_serving *serving;
    struct lg_read_group *group; /* of the lane */
    struct lg_authz *authz;      /* who may read, asked in front of all that is; NULL: everybody */
    /* On a lane that only reads: the front of the server's lane, and that; else NULL. Of the rest
     * such a front has the tables, its group and the profiler. */
    struct lg_front_rest *home;
    struct lg_lane *home_lane;
    const struct lg_server_options *options; /* that the server was started with; borrowed */
    const char *instance, *announced;        /* its name, and what it says of itself; borrowed */
};

/* Answers one request on the server's lane; an lg_http_handler. `ctx` is a struct lg_front_rest. */
void lg_front_rest_handle(void *ctx, struct lg_http_request *rq);
/* /metrics and /readyz (authz/ops_guard.h); on any lane. */
void lg_front_rest_ops(void *ctx, struct lg_http_request *rq);
/* The same as _handle on a lane that only reads: what is not a read of a replica that serves goes
 * home. */
void lg_front_rest_read(void *ctx, struct lg_http_request *rq);

#endif
