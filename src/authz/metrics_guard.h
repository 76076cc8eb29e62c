/* Who may see GET /metrics of a role that asks who may do what: it tells of the whole cluster, down
 * to names of stores and their traffic, so whoever may see that. */
#ifndef LG_AUTHZ_METRICS_GUARD_H
#define LG_AUTHZ_METRICS_GUARD_H

#include "authz/authz.h"
#include "net/http_server.h"

/* Answers a request for /metrics, at once or when it is known who asks; on the owner's lane. NULL
 * `a`: everybody may. */
void lg_authz_guard_metrics(struct lg_authz *a, struct lg_http_request *rq);

#endif
