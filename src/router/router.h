/* A router: finds version, partition and replica of a key, and answers in Venice's REST and in JSON
 * for people (/v1).
 *
 * Owned by one lane. It announces itself in the metastore once it listens and has read what exists.
 * A request is pinned at its start to the version served at that moment.
 */
#ifndef LG_ROUTER_ROUTER_H
#define LG_ROUTER_ROUTER_H

#include "authz/config.h"
#include "metastore/metastore.h"
#include "net/transport.h"

struct lg_router; /* Opaque. */

#define LG_ROUTER_PATIENCE_MS 2000u

struct lg_router_options {
    struct lg_lane *lane;
    struct lg_metastore *metastore; /* a session of its own */
    struct lg_transport *transport;
    const char *host;           /* where to listen */
    uint16_t port;              /* 0 picks one */
    const char *announced_host; /* NULL: `host` */
    uint16_t announced_port;    /* 0: the one it listens on */
    const char *cluster;        /* NULL: "lagoon-0" */
    /* What /leader_controller answers while the metadata names no leader; copied. NULL: it says
     * then that there is none. */
    const char *controller_url;
    uint64_t read_timeout_ms; /* of a read; 0: 10000 */
    /* A read without an answer is asked of a second replica after that; 0: 250. */
    uint64_t hedge_after_ms;
    /* A server that answered nobody for so long is avoided; 0: 1000. */
    uint64_t silence_ms;
    uint32_t hedge_percent; /* of reads that a slow server may cause to be asked twice; 0: 10 */
    const struct lg_authz_config
        *authz; /* who may do what; NULL: everybody everything; borrowed for the call */
    /* Keys per second that the read quotas of all stores may let in here together, before what is
     * saved up: beyond it each store's part shrinks. 0: any. */
    uint32_t read_capacity;
    size_t connections_max; /* of the listener; 0: its default */
    uint64_t idle_ms;       /* of its connections; 0: its default */
    uint64_t conflict_ms;   /* as of lg_announce_options */
    /* Another router has its address and does not go: the process should end. May be NULL. */
    void (*failed)(void *ctx, const struct lg_error *err);
    void *failed_ctx;
};

/* Listens at once. A read that comes before it has read the metadata waits for that, for at most
 * LG_ROUTER_PATIENCE_MS after the start; then, and to all other requests, the answer is 503.
 * LG_ERR_IN_USE, LG_ERR_INVALID. */
LG_MUST_CHECK enum lg_rc lg_router_start(const struct lg_router_options *options,
                                         struct lg_router **out, struct lg_error *err);
uint16_t lg_router_port(const struct lg_router *router);
/* Has it read the metadata and announced itself? */
bool lg_router_ready(const struct lg_router *router);
/* Is there such a store? While the metadata is not read: true. */
bool lg_router_has_store(const struct lg_router *router, const char *store);
/* Puts on the board of this process (base/health.h) what it knows of the cluster: "replication". */
void lg_router_health(struct lg_router *router);
/* Withdraws, goes on for `drain_ms` with answers that end their connections, lets requests finish;
 * `stopped` comes once on the lane and the router is gone then. */
void lg_router_stop(struct lg_router *router, uint64_t drain_ms, void (*stopped)(void *ctx),
                    void *ctx);

#endif
