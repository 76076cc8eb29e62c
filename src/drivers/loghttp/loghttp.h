/* The log of another process, reached over HTTP (docs/formats/log-http.md). A driver of the pubsub
 * port.
 *
 * It lives on one lane, with an HTTP client of its own; operations may come from any lane of the
 * process. It repeats nothing: what cannot be reached is LG_ERR_UNAVAILABLE or LG_ERR_TIMEOUT, and
 * the caller decides.
 */
#ifndef LG_DRIVERS_LOGHTTP_LOGHTTP_H
#define LG_DRIVERS_LOGHTTP_LOGHTTP_H

#include "net/transport.h"
#include "pubsub/pubsub.h"

struct lg_loghttp;

struct lg_loghttp_options {
    struct lg_transport *transport;
    struct lg_lane *lane;
    const char *url; /* "lagoon+http://host:port"; copied. */
};

/* LG_ERR_INVALID when the url is not one of a log. Connects with the first operation. */
LG_MUST_CHECK enum lg_rc lg_loghttp_new(const struct lg_loghttp_options *options,
                                        struct lg_loghttp **out, struct lg_error *err);
/* On its lane, when no operation is on its way to it any more; those under way end with
 * LG_ERR_CANCELLED. NULL is allowed. */
void lg_loghttp_free(struct lg_loghttp *log);
struct lg_pubsub *lg_loghttp_pubsub(struct lg_loghttp *log);

#endif
