/* What operators and their machines ask of every listener: GET /metrics, /livez, /readyz.
 *
 * /livez and /readyz answer 200 or 503; `?verbose` shows every check, `?output=json` the same for
 * programs. They look only at boards that others fill (base/health.h, base/metric.h), so they
 * answer whatever else is stuck.
 */
#ifndef LG_NET_OPS_FRONT_H
#define LG_NET_OPS_FRONT_H

#include "net/http_server.h"

/* Is it about the metrics, which a listener may keep from some? */
static inline bool lg_ops_front_is_metrics(const struct lg_http_request *rq)
{
    return lg_slice_eq_str(rq->path, "/metrics");
}
/* Answers the request if it is one of these; else it is untouched and false is returned. */
bool lg_ops_front_handle(struct lg_http_request *rq);

#endif
