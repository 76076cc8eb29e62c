/* What operators and their machines ask of every listener: GET /metrics, /livez, /readyz.
 *
 * /livez and /readyz answer 200 or 503; `?verbose` shows every check, `?output=json` the same for
 * programs. They look only at boards that others fill (base/health.h, base/metric.h), so they
 * answer whatever else is stuck.
 */
#ifndef LG_NET_OPS_FRONT_H
#define LG_NET_OPS_FRONT_H

#include "net/http_server.h"

static inline bool lg_ops_front_is_metrics(const struct lg_http_request *rq)
{
    return lg_slice_eq_str(rq->path, "/metrics");
}
/* May its answer name stores and servers, which a listener may keep from some? */
static inline bool lg_ops_front_may_name(const struct lg_http_request *rq)
{
    return lg_ops_front_is_metrics(rq) || lg_slice_eq_str(rq->path, "/readyz");
}
/* Answers the request if it is one of these; else it is untouched and false is returned. On the
 * lane of the request, as those below. */
bool lg_ops_front_handle(struct lg_http_request *rq);
/* Answers the request if it is /readyz as probes ask it, without a word that asks for more, and
 * names nothing: nobody has to know for that who may hear more. Else it is untouched and false is
 * returned. */
bool lg_ops_front_handle_plain(struct lg_http_request *rq);
/* Answers /readyz with the same status and checks as lg_ops_front_handle, and without reasons. */
void lg_ops_front_handle_unnamed(struct lg_http_request *rq);

#endif
