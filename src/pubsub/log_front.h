/* Serves a pubsub driver over HTTP, under /log/ (docs/formats/log-http.md, ADR 0018).
 *
 * Owner: the lane of the HTTP server whose handler calls it.
 */
#ifndef LG_PUBSUB_LOG_FRONT_H
#define LG_PUBSUB_LOG_FRONT_H

#include "net/http_server.h"
#include "pubsub/pubsub.h"

struct lg_log_front;

#define LG_LOG_FRONT_WAIT_MS_MAX 30000u /* of a fetch */
#define LG_LOG_FRONT_REQUESTS_MAX 4096u /* under way; beyond: LG_ERR_BUSY */
#define LG_LOG_FRONT_POSITION_HEADER "lagoon-position"
#define LG_LOG_FRONT_BATCH_TYPE "application/x-lagoon-batch"

/* `ps` must outlive it. */
struct lg_log_front *lg_log_front_new(struct lg_pubsub *ps, struct lg_lane *lane);
/* False, and nothing done, when the path is not under /log/. Else the request is answered, now or
 * later. */
bool lg_log_front_handle(struct lg_log_front *front, struct lg_http_request *rq);
/* What such a request is about, as it is answered: its topic, empty when it is of none or none that
 * could be, and what is done to it. */
struct lg_log_front_subject {
    struct lg_slice topic; /* In the request's arena. */
    enum { LG_LOG_FRONT_READS, LG_LOG_FRONT_PRODUCES, LG_LOG_FRONT_CHANGES } does;
};
struct lg_log_front_subject lg_log_front_subject(struct lg_http_request *rq);
/* From now on requests are answered with LG_ERR_UNAVAILABLE, and fetches that wait end soon. */
void lg_log_front_stop(struct lg_log_front *front);
/* Requests under way; lg_log_front_free needs 0. */
size_t lg_log_front_requests(const struct lg_log_front *front);
void lg_log_front_free(struct lg_log_front *front); /* NULL is allowed. */

/* May a request with these headers touch the log? A web page may not (see the page). */
bool lg_log_front_allowed(const struct lg_http_headers *headers);

#endif
