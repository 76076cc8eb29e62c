/* How the router answers: Venice's JSON for its metadata paths, JSON for people under /v1. Pure but
 * for the response it sends. */
#ifndef LG_ROUTER_REPLY_H
#define LG_ROUTER_REPLY_H

#include "base/json.h"
#include "net/http_server.h"
#include "router/metrics.h"

/* 200 and the object; takes the reference. */
void lg_reply_json(struct lg_http_request *rq, int status, struct lg_json *take_json);
/* text/plain, as Venice's router answers errors of its own paths. */
void lg_reply_text(struct lg_http_request *rq, const struct lg_error *err);
/* The same of a request that is refused as it stands; it is counted. */
void lg_reply_bad(struct lg_http_request *rq, enum lg_router_bad why, const struct lg_error *err);
/* 400: this path is not answered by that method; it is counted. */
void lg_reply_bad_method(struct lg_http_request *rq, const char *remedy);
/* {"error": sentence, "code": "ERR_..."}: errors under /v1. */
void lg_reply_error_json(struct lg_http_request *rq, const struct lg_error *err);
/* An object with the members that every answer of Venice's controller has: cluster, name, error,
 * errorType, exceptionType. `name` may be NULL. The caller owns it. */
struct lg_json *lg_reply_base(const char *cluster, const char *name);

#endif
