/* Who may see what a role that asks who may do what tells operators: GET /metrics and the reasons
 * on /readyz tell of the whole cluster, down to names of stores and servers, so whoever may see
 * that. That /readyz is ready or not, and which checks say so, is for everybody. */
#ifndef LG_AUTHZ_OPS_GUARD_H
#define LG_AUTHZ_OPS_GUARD_H

#include "authz/authz.h"
#include "net/http_server.h"

/* Answers a request for /metrics or /readyz, at once or when it is known who asks; on the owner's
 * lane. Plain /readyz is answered at once and without reasons: no probe waits for who decides. NULL
 * `a`: everybody may see all. */
void lg_authz_guard_ops(struct lg_authz *a, struct lg_http_request *rq);

#endif
