/* What people are told of a push: how far it is, how fast, what it waits for. Pure; made from what
 * the controller knows of the version, its topic and its replicas.
 */
#ifndef LG_CONTROLLER_PUSH_REPORT_H
#define LG_CONTROLLER_PUSH_REPORT_H

#include "controller/push_monitor.h"
#include "lane/disk_space.h"

struct lg_push_report_input {
    const struct lg_store *store;
    const struct lg_version *version;
    const struct lg_ctl_topic *topic;           /* NULL: it has none any more */
    const struct lg_catalog_snapshot *snapshot; /* NULL: nothing is known of servers */
    int64_t clock_ms;                           /* by the leaders' clock */
    int64_t abandoned_keep_ms;
    struct lg_disk_space *space; /* of the log; NULL: not known */
};

/* The caller owns the value; docs/reference/routes.md names its members. With `partitions` also one
 * row per partition and replica. */
struct lg_json *lg_push_report(const struct lg_push_report_input *in, bool partitions);
struct lg_push_asked {
    const struct lg_store *store;
    const char *push_job_id, *pusher; /* the pusher may be NULL */
    const char *topic;                /* that is being made; NULL: its turn has not come */
    const char *log;                  /* where that is made */
    int32_t version;                  /* that it will have; 0: not known yet */
    uint32_t partitions;
    int64_t asked_ms;
    bool swap_deferred;
};

/* The same of a push that is asked for and has no version yet. */
struct lg_json *lg_push_report_asked(const struct lg_push_asked *asked);
/* The same of a push whose version is gone. */
struct lg_json *lg_push_report_past(const struct lg_store *store, const struct lg_past_push *push);

#endif
