/* One role of a cluster in one process: what controllers, routers and servers have in common.
 *
 *   data directory ─▶ ZooKeeper ─▶ is it our cluster? ─▶ Kafka ─▶ the role ─▶ ready
 *
 * Each step is bounded by start.timeout.ms and fails with one sentence. What is lost later is told
 * by /readyz and comes back by itself. Stops in the opposite order.
 *
 * Two threads beside the pool and the drivers' own: the role's lane, and the caller's, which waits.
 */
#ifndef LG_MAIN_ROLES_H
#define LG_MAIN_ROLES_H

#include "coord/cluster_id.h"
#include "main/log_url.h"
#include "main/observe.h"
#include "main/run.h"
#include "main/stage.h"
#include "metastore/metastore.h"

struct lg_roles;

/* What a role is beside that; `part` is its own. */
struct lg_roles_ops {
    const struct lg_role *role;
    const char *lane;     /* the lane's name: "control" or "data" */
    uint64_t ready_ms;    /* what the role may take to become ready; 0: start.timeout.ms */
    bool creates_cluster; /* the one that may find nothing in ZooKeeper */
    /* Kafka's brokers; NULL: the role needs no Kafka. */
    const char *(*bootstrap)(const struct lg_role_options *o);
    /* How reads are answered; NULL: there are none. */
    struct lg_stage_reading (*reading)(const struct lg_role_options *o);
    /* Before anything else, on the main thread: the data directory. May be NULL. */
    enum lg_rc (*prepare)(struct lg_roles *r, struct lg_error *err);
    /* On the lane: starts, sets `port`, and says to `watched` what to look at. */
    enum lg_rc (*start)(struct lg_roles *r, struct lg_error *err);
    /* On the lane: `done` once it has stopped. Only after a start that succeeded. */
    void (*stop)(struct lg_roles *r, void (*done)(void *ctx), void *ctx);
    /* On the main thread, when the lane is gone: what prepare made. May be NULL. */
    void (*release)(struct lg_roles *r);
};

struct lg_roles {
    const struct lg_roles_ops *ops;
    const struct lg_role_options *o;
    struct lg_run *run;
    struct lg_stage stage;
    struct lg_lane *lane;
    struct lg_metastore *metastore;
    char cluster_id[LG_CLUSTER_ID_CHARS + 1]; /* as /cluster has it; "": it has none yet */
    struct lg_log_url *log;                   /* NULL: none */
    struct lg_observer *observer;
    struct lg_observer_options watched;
    void *part; /* the role's own */
    bool part_runs;
    uint16_t port;           /* that it listens on */
    struct lg_pubsub_op ask; /* whether Kafka is there */
    bool asking, kafka_answers, stopping;
    uint64_t ask_again_us;

    enum lg_rc rc; /* of the step that ran last */
    struct lg_error err;
    struct lg_cluster_check *check; /* while it runs */
    struct lg_timer deadline, poll; /* of the step */
    uint64_t ready_ms, deadline_us;
    bool started, failed; /* `failure` says why; of the lane */
    struct lg_error failure;
};

LG_MUST_CHECK enum lg_rc lg_roles_start(const struct lg_roles_ops *ops, struct lg_run *run,
                                        const struct lg_role_options *options,
                                        struct lg_roles **out, struct lg_error *err);
/* For the `failed` of controllers, routers and servers: the process ends with this error. On the
 * role's lane; `ctx` is a struct lg_roles. */
void lg_roles_fail(void *ctx, const struct lg_error *err);
/* How long another process may hold our place: two sessions. */
uint64_t lg_roles_conflict_ms(const struct lg_roles *r);
/* The name or address by which others reach it. */
const char *lg_roles_announced_host(const struct lg_roles *r);
/* The rest of struct lg_run_ops, whose `running` is a struct lg_roles. */
void lg_roles_describe(const void *running, struct lg_buf *out);
void lg_roles_stop(void *running);
struct lg_stage *lg_roles_stage(void *running);

#endif
