/* Controller, router and server in one process, over the embedded log and metadata: the composition
 * root of `lagoon standalone`.
 *
 * Three threads beside the pool: the control lane (metadata, log, controller), the data lane
 * (server, router), and the caller's own lane, which must not run while these calls do.
 */
#ifndef LG_MAIN_STANDALONE_H
#define LG_MAIN_STANDALONE_H

#include "lane/lane.h"
#include "main/stage.h"

struct lg_authz_config;
struct lg_h2;
struct lg_h2_options;
struct lg_stage;
struct lg_tls_options;
struct lg_standalone; /* Opaque. */

struct lg_standalone_options {
    const char *data; /* the data directory; made if absent */
    const char *host;
    uint16_t controller_port, router_port, server_port; /* 0 picks one */
    uint64_t block_cache_bytes;
    uint64_t read_index_bytes;
    uint64_t node_rcu, read_queue_target_ms;                     /* 0: none */
    struct lg_h2 *(*http2)(const struct lg_h2_options *options); /* as of lg_server_options */
    bool grpc_off; /* as of lg_server_options, and below */
    uint16_t grpc_port;
    const struct lg_tls_options *tls;    /* NULL: none; borrowed for the start */
    const struct lg_authz_config *authz; /* as of the roles' options; borrowed for the start */
    uint64_t memory_limit_bytes;         /* 0: none */
    unsigned pool_threads;
    struct lg_stage_reading reading;
    /* Of every listener; of reads at the router; of the controller. 0: the role's own default. */
    size_t connections_max;
    uint64_t idle_ms, read_timeout_ms;
    uint32_t keep_backups;
    uint64_t disk_low_bytes, disk_reserve_bytes; /* 0: none */
    uint64_t cleanup_interval_ms, trash_grace_ms, failed_keep_ms, deleted_keep_ms;
};

/* Blocks until all three roles are ready.
 * LG_ERR_IN_USE for a directory or port that somebody else has, LG_ERR_CONFLICT for a directory
 * that is not Lagoon's or of another format version. */
LG_MUST_CHECK enum lg_rc lg_standalone_start(const struct lg_standalone_options *options,
                                             struct lg_standalone **out, struct lg_error *err);
/* Writes DIR/endpoints.json, which says where they listen: who finds it finds all ready, and a
 * process that takes signals. */
LG_MUST_CHECK enum lg_rc lg_standalone_announce(struct lg_standalone *s, struct lg_error *err);
uint16_t lg_standalone_controller_port(const struct lg_standalone *s);
uint16_t lg_standalone_router_port(const struct lg_standalone *s);
uint16_t lg_standalone_server_port(const struct lg_standalone *s);
/* What it stands on. */
struct lg_stage *lg_standalone_stage(struct lg_standalone *s);
/* Its data directory; borrowed. */
const char *lg_standalone_data(const struct lg_standalone *s);
/* Stops everything in order and frees it. NULL is allowed. */
void lg_standalone_stop(struct lg_standalone *s);

#endif
