/* What a storage node tells operators in Venice's words (wire-formats 5.1, 5.4). */
#ifndef LG_SERVER_FRONT_ADMIN_H
#define LG_SERVER_FRONT_ADMIN_H

#include "net/http_server.h"
#include "server/front_rest.h"

/* GET /health: 200 "OK", or 500 naming what a disk did. */
void lg_front_health(const struct lg_front_rest *f, struct lg_http_request *rq);
/* GET /v1/replicas: all replicas of this server as JSON, ours. */
void lg_front_replicas(const struct lg_front_rest *f, struct lg_http_request *rq);
/* GET /admin/<topic>/dump_ingestion_state[/<partition>], /admin/<topic>/dump_server_configs:
 * AdminResponseRecord. */
void lg_front_admin(const struct lg_front_rest *f, struct lg_http_request *rq);
/* GET /topic_partition_ingestion_context/<version topic>/<topic>/<partition>: how far it is. */
void lg_front_ingestion_context(const struct lg_front_rest *f, struct lg_http_request *rq);
/* GET /host_heartbeat_lag/<topic>/<partition>/<true|false>: batch versions have no heartbeats. */
void lg_front_heartbeat_lag(const struct lg_front_rest *f, struct lg_http_request *rq);
/* POST /key_partition_profiler/<topic>/start?duration=<seconds>&topK=, .../stop. */
void lg_front_profiler(const struct lg_front_rest *f, struct lg_http_request *rq);

#endif
