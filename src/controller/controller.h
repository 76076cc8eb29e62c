/* The controller: the one who changes the metadata of a cluster, behind Venice's HTTP routes.
 *
 * Owned by one lane. Changes run one at a time, each as one write of the metastore; an answer that
 * says "ok" is given only after that write is durable. What it knows is in memory, read from the
 * metastore at start; what the cluster does (servers, replicas, routers) it watches there. It
 * completes pushes, swaps versions, retires old ones and empties the trash by itself.
 */
#ifndef LG_CONTROLLER_CONTROLLER_H
#define LG_CONTROLLER_CONTROLLER_H

#include "authz/config.h"
#include "lane/disk_space.h"
#include "metastore/metastore.h"
#include "net/http_server.h"
#include "net/transport.h"
#include "pubsub/pubsub.h"

struct lg_controller;

#define LG_CONTROLLER_STORES_MAX 1000u
#define LG_CONTROLLER_GRAVES_MAX 10000u    /* names of purged stores */
#define LG_CONTROLLER_PARTITIONS_MAX 1000u /* of one store */
#define LG_CONTROLLER_PARTITIONS_DEFAULT 4u
#define LG_CONTROLLER_CHANGES_MAX 1000u /* that wait for their turn */

struct lg_controller_options {
    struct lg_lane *lane;
    struct lg_metastore *metastore; /* A session of its own. */
    struct lg_pubsub *pubsub;
    struct lg_transport *transport;
    const char *host;           /* Where to listen. */
    uint16_t port;              /* 0 picks one. */
    const char *cluster;        /* NULL: "lagoon-0" */
    const char *advertised_url; /* NULL: "http://<host>:<port>" */
    const char *log_url;        /* NULL: the pubsub's url, or "lagoon+" and the advertised url */
    /* Requests below /log/ go here when it is not NULL; it answers them. They have passed the
     * checks of Host and Origin. */
    const struct lg_authz_config
        *authz; /* who may do what; NULL: everybody everything; borrowed for the call */
    lg_http_handler log_handler;
    void *log_ctx;
    uint64_t cleanup_interval_ms; /* between looks for old versions; 0: 1000 */
    uint64_t trash_grace_ms;      /* how long servers may keep a dropped version; 0: 10000 */
    uint64_t failed_keep_ms;      /* how long a failed push can be asked why; 0: 60000 */
    /* How long a push whose pusher was silent for its lease can still be continued, if no other
     * push begins; then it is dropped. 0: 1 h */
    uint64_t abandoned_keep_ms;

    /* How long routers of other processes may need to announce themselves again to a controller
     * that was restarted with its stores: until then it names no routers, so that no push ends, and
     * retires nothing. 0: none, routers live in this process. */
    uint64_t routers_settle_ms;
    uint64_t deleted_keep_ms;    /* how long a deleted store can be brought back; 0: 7 days */
    struct lg_disk_space *space; /* what the log writes to; NULL: not known */
    uint32_t keep_backups;       /* versions kept beside the current one; 0: 2 */
    /* How long backups beyond these stay after a switch; a store's own setting wins. */
    uint64_t backup_retention_ms;
    /* The cluster. */
    uint32_t default_replication_factor; /* of new stores that do not say; 0: 1 */
    /* Live replicas below which a partition is given others before the delay is over, and that no
     * server's removal may undercut; at most the factor counts. 0: one less than the factor. */
    uint32_t min_active_replicas;
    /* Of topics: brokers that hold each, and those of them that must have a record before it counts
     * as written. 0: the log's defaults */
    uint16_t topic_replication, topic_min_insync;
    uint64_t delay_to_rebalance_ms; /* how long a gone server keeps its replicas; 0: 30 min */
    /* How long a server must be gone before a partition with too few live replicas gets others in
     * its place, and how long a new leader waits before it moves anything; 0: 10 s */
    uint64_t blink_ms;
    uint64_t offline_job_start_timeout_ms; /* for a version to find servers; 0: 16 min */
    uint64_t push_timeout_ms;              /* for a push to complete; 0: 24 h */
    /* How often a failed replica is begun again by itself; UINT32_MAX: never; 0: once */
    uint32_t error_partition_auto_reset_limit;
    uint32_t moves_max;     /* partitions that move at once; 0: 100 */
    size_t connections_max; /* of the listener; 0: its default */
    uint64_t idle_ms;       /* of its connections; 0: its default */

    /* It can take no part in this cluster and the process should end: the metadata is another
     * cluster's or too new, or another controller has its address. On the lane; may be NULL. */
    void (*failed)(void *ctx, const struct lg_error *err);
    void *failed_ctx;
    uint64_t conflict_ms; /* how long another one may have its address; as of lg_announce_options */
};

/* Listens at once; answers 503 until it leads and the metadata is read, or another one leads: then
 * it answers 421 and names that. LG_ERR_IN_USE, LG_ERR_INVALID. */
LG_MUST_CHECK enum lg_rc lg_controller_start(const struct lg_controller_options *options,
                                             struct lg_controller **out, struct lg_error *err);
uint16_t lg_controller_port(const struct lg_controller *c);
/* "http://127.0.0.1:5555": how others reach it. Borrowed. */
const char *lg_controller_url(const struct lg_controller *c);
/* Does it lead and has it read the metadata, or does it follow another one that leads? */
bool lg_controller_ready(const struct lg_controller *c);
bool lg_controller_leads(const struct lg_controller *c);
/* The term of the leader, as far as it has heard; 0: none. */
uint64_t lg_controller_term(const struct lg_controller *c);
/* NULL while nobody leads. Borrowed. */
const char *lg_controller_leader_url(const struct lg_controller *c);
/* Why it takes no part in this cluster (see `failed`); NULL: it does. Borrowed. */
const char *lg_controller_refused(const struct lg_controller *c);
/* Puts on the board of this process (base/health.h) what it knows of the cluster: "replication". */
void lg_controller_health(const struct lg_controller *c);
/* Gives leadership up, if it has it, and lets another controller go first: before it is stopped. */
void lg_controller_resign(struct lg_controller *c);
/* Lets the change that runs finish, refuses those that wait, then calls `done` once on the lane;
 * the controller is gone by then. */
void lg_controller_stop(struct lg_controller *c, void (*done)(void *ctx), void *ctx);

#endif
