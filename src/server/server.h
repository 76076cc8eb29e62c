/* A storage node: replicas, and Venice's HTTP in front of them (wire-formats 5).
 *
 * Owned by one lane. It announces itself in the metastore once it listens, follows the assignment,
 * and answers reads of the replicas that are complete.
 */
#ifndef LG_SERVER_SERVER_H
#define LG_SERVER_SERVER_H

#include "authz/config.h"
#include "lane/disk_space.h"
#include "metastore/metastore.h"
#include "net/transport.h"
#include "pubsub/pubsub.h"
#include "server/replica_manager.h"
#include "storage/engine.h"

#define LG_SERVER_BATCH_KEYS_MAX 5000u
#define LG_SERVER_KEY_BYTES_MAX ((size_t)1 << 20)
#define LG_SERVER_ANSWER_BYTES_MAX ((size_t)48 << 20) /* of all values of a batch together */

struct lg_h2;
struct lg_h2_options;
struct lg_server; /* Opaque. */

struct lg_server_options {
    struct lg_lane *lane;
    /* Those that answer who connects (server/read_lanes.h): `lane` has time for all the rest then.
     * None: `lane` answers as well. Borrowed for the call. */
    struct lg_lane *const *read_lanes;
    size_t read_lane_count;
    struct lg_metastore *metastore; /* a session of its own */
    struct lg_pubsub *pubsub;
    struct lg_transport *transport;
    struct lg_engine_driver *driver;
    struct lg_disk_space *space; /* of the driver's disk; NULL: never low */
    /* How long it must have had room until it is told that it is not low any more: else what is
     * given is taken back again and again. 0: a minute. */
    uint64_t disk_hold_ms;
    const char *checkpoint_path; /* of the engine with the checkpoints, below the driver's root */
    const char *host;            /* where to listen */
    uint16_t port;               /* 0 picks one */
    const char *announced_host;  /* NULL: `host` */
    uint16_t announced_port;     /* 0: the one it listens on */
    /* The name under which replicas are assigned to it: it must be the same after a restart. NULL:
     * "<announced host>_<port>", for servers whose port stays. */
    const char *instance;
    /* Where server.json lies, the file that says who this server is (server/identity.h). NULL: it
     * is another one after each start, and resets are done again. */
    struct lg_disk *disk;
    const char *cluster; /* its name; a directory of another one is refused. NULL: standalone */
    /* Its id (coord/cluster_id.h): a directory with replicas of another one is refused, and while
     * the metadata are another one's nothing is removed. NULL: not compared. */
    const char *cluster_id;
    const char *place;      /* the directory, as sentences name it; NULL: they name none */
    const char *zone;       /* where replicas of one partition should not be together; NULL: none */
    const char *release;    /* NULL: that of this program */
    uint32_t opens_max;     /* replicas that open at a time; 0: LG_REPLICA_OPENS_MAX */
    uint64_t drop_grace_ms; /* 0: LG_REPLICA_DROP_GRACE_MS */
    uint64_t drain_ms;      /* between withdrawal and the end of listening; 0: none */
    uint64_t conflict_ms;   /* for another server of this name to go; 0: its default */
    /* Another server with another identity has this name and does not go: this one should be
     * stopped. NULL: it is logged, and the server stays without being announced. */
    void (*failed)(void *ctx, const struct lg_error *err);
    void *failed_ctx;
    /* Makes an engine of HTTP/2 (net/http_server.h); NULL: only HTTP/1.1 is spoken. */
    struct lg_h2 *(*http2)(const struct lg_h2_options *options);
    bool grpc_off;             /* Calls of gRPC are told so, and nobody is told to make any. */
    uint16_t grpc_port;        /* a port for gRPC beside the shared one; 0: there is none */
    uint64_t read_index_bytes; /* of memory for read indexes (storage/warmer.h); 0: none */
    uint64_t node_rcu;         /* keys per second that all stores may ask for together; 0: any */
    uint64_t shed_target_us;   /* as of lg_read_gate_open; 0: nothing is refused for being late */
    unsigned pool_threads;     /* that reads of the disk wait for; 0: one */
    const struct lg_authz_config
        *authz;             /* who may do what; NULL: everybody everything; borrowed for the call */
    size_t connections_max; /* of the listener; 0: its default */
    uint64_t idle_ms;       /* of its connections; 0: its default */
};

/* Listens at once; replicas open in the background. LG_ERR_IN_USE, LG_ERR_INVALID, LG_ERR_CONFLICT
 * for a data directory of another cluster, and what opening the checkpoints may return (it blocks
 * for that). The texts of the options are borrowed while it runs. */
LG_MUST_CHECK enum lg_rc lg_server_start(const struct lg_server_options *options,
                                         struct lg_server **out, struct lg_error *err);
uint16_t lg_server_port(const struct lg_server *server);
/* Has it announced itself, and opened what it had when it started? */
bool lg_server_ready(const struct lg_server *server);
/* Is there such a store? While the metadata is not read: true. */
bool lg_server_has_store(const struct lg_server *server, const char *store);
struct lg_replica_sum lg_server_replicas(const struct lg_server *server);
/* Puts what there is to say on the board of this process (base/health.h): "server", and as
 * warnings, because reads go on, "metastore", "assignment", "replicas", "log". */
void lg_server_health(const struct lg_server *server);
/* "127.0.0.1_8888", or the name that was given; borrowed. */
const char *lg_server_instance(const struct lg_server *server);
/* Withdraws from the metastore, goes on serving for drain_ms, lets reads finish, closes replicas;
 * `stopped` comes once on the lane and the server is gone then. */
void lg_server_stop(struct lg_server *server, void (*stopped)(void *ctx), void *ctx);

#endif
