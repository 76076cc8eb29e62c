/* A log by its URL, whichever driver that takes:
 *
 *   kafka://host:port,host:port     Apache Kafka, with or without the scheme
 *   lagoon+http://host:port         the embedded log of a standalone
 *
 * Opened by controllers and servers for the cluster's Kafka, and by a push for the log that the
 * controller names. Owned by the lane that it is opened for.
 */
#ifndef LG_MAIN_LOG_URL_H
#define LG_MAIN_LOG_URL_H

#include "main/role.h"
#include "net/transport.h"
#include "pubsub/pubsub.h"

struct lg_log_url; /* Opaque. */

struct lg_log_url_options {
    const char *url;
    struct lg_lane *lane;
    struct lg_transport *transport;
    /* How Kafka is spoken to: the options of options_kafka.def. NULL: plainly. */
    const struct lg_role_options *kafka;
};

/* Connects with the first operation. LG_ERR_INVALID: no such kind of log, or settings that make no
 * sense; LG_ERR_NOT_FOUND and the like for files that are named. */
LG_MUST_CHECK enum lg_rc lg_log_url_open(const struct lg_log_url_options *options,
                                         struct lg_log_url **out, struct lg_error *err);
struct lg_pubsub *lg_log_url_pubsub(struct lg_log_url *log);
/* On its lane, when every operation is done. `closed` (may be NULL) runs once on the lane, never
 * from inside. */
void lg_log_url_close(struct lg_log_url *log, void (*closed)(void *ctx), void *ctx);

#endif
