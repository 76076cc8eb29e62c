/* The simulated world: one node with log and metadata ("ground": in a cluster Kafka and ZooKeeper),
 * controllers, servers, two routers, two operators who push and swap, and a reader. One seed
 * decides everything.
 *
 *     FAULTS (virtual time of the options) ──▶ QUIET: all healed and started; each operator makes
 *     one more push, each router is read whole ──▶ the end: power cut of all servers, their disks
 *     are compared
 *
 * Owner: lagoon_sim.c; one thread. What the nodes' code holds dies with them; what is in this
 * struct is the world's and survives them.
 */
#ifndef LG_SIM_WORLD_H
#define LG_SIM_WORLD_H

#include "drivers/sim/disk_sim.h"
#include "drivers/sim/lane_sim.h"
#include "drivers/sim/log_sim.h"
#include "drivers/sim/metastore_sim.h"
#include "drivers/sim/transport_sim.h"
#include "sim/checkers/checkers.h"
#include "sim/history.h"

#define LG_WORLD_CONTROLLERS 2
#define LG_WORLD_SERVERS 4
#define LG_WORLD_ROUTERS LG_HISTORY_ROUTERS
#define LG_WORLD_OPERATORS LG_HISTORY_STORES /* one per store */
#define LG_WORLD_CONTROLLER_PORT 5555
#define LG_WORLD_ROUTER_PORT 7777
#define LG_WORLD_SERVER_PORT 8888
#define LG_WORLD_READ_INDEX_BYTES ((uint64_t)300 << 10) /* not enough for all */
#define LG_WORLD_LOG_PORT 9092
#define LG_WORLD_CONTROLLER_URL "http://controller0:5555"
#define LG_WORLD_CONTROLLER_URLS "http://controller0:5555,http://controller1:5555"
#define LG_WORLD_LOG_URL "lagoon+http://ground:9092"
#define LG_WORLD_ENGINES "engines"
#define LG_WORLD_REPLICAS LG_WORLD_ENGINES "/replicas/" /* <topic>.<partition> */
#define LG_WORLD_CHECKPOINTS "checkpoints"

struct lg_world;

enum lg_role {
    LG_ROLE_GROUND,
    LG_ROLE_CONTROLLER,
    LG_ROLE_SERVER,
    LG_ROLE_ROUTER,
    LG_ROLE_OPERATOR,
    LG_ROLE_READER
};

struct lg_world_node {
    struct lg_world *world;
    enum lg_role role;
    unsigned number; /* within its role */
    char name[16];
    struct lg_sim_node *node;
    struct lg_disk *disk;  /* ground and servers */
    uint64_t restart;      /* event; 0: none */
    bool power_gone;       /* The disk has yet to lose what was not synced. */
    uint64_t crowded;      /* event: others give the disk's room back; 0: none */
    uint64_t room_back_us; /* when they did so last; 0: never */
    uint64_t stopped;      /* event: the node goes on; 0: it runs */
    uint64_t slowed;       /* event: the disk is fast again; 0: it is */
    uint64_t up_since_us, down_since_us;
    bool gone_for_good;
};

#define LG_WORLD_NODES                                                                             \
    (1 + LG_WORLD_CONTROLLERS + LG_WORLD_SERVERS + LG_WORLD_ROUTERS + LG_WORLD_OPERATORS + 1)

enum lg_life_op { LG_LIFE_NONE, LG_LIFE_DELETE, LG_LIFE_UNDELETE, LG_LIFE_PURGE };

struct lg_world_operator {     /* What survives an operator's node. */
    enum lg_check_asked asked; /* since the store was seen last */
    int32_t asked_version;
    unsigned push; /* the one that runs, 0: none */
    bool last_push_done, settled;
    bool errors_gone;          /* Every replica that had failed was reset. */
    uint64_t unknown_until_us; /* A request of unknown end may still arrive until then. */
    enum lg_life_op life_op;   /* asked for, and repeated until it is answered */
    uint64_t life_until_us;    /* likewise of these */
    bool life_open;            /* A delete was refused, but an earlier try may have come through. */
};

struct lg_world_cut { /* A partition that will heal. */
    struct lg_world *world;
    struct lg_world_node *a, *b;
    bool open, both_ways; /* else from a to b */
};
#define LG_WORLD_CUTS 8

/* What a server that is gone holds waits for it so long. */
#define LG_WORLD_DELAY_MS 5000

#define LG_WORLD_SKEW_MS (INT64_C(24) * 3600 * 1000)

/* Below so much no data is taken in; what is under way must fit into half of it. */
#define LG_WORLD_DISK_LOW ((uint64_t)256 << 10)

struct lg_world {
    struct lg_sim *sim;
    struct lg_net_sim *net;
    struct lg_meta_sim *meta;
    struct lg_history history;
    struct lg_world_node nodes[LG_WORLD_NODES];
    int removed;       /* a server that goes for good in the quiet; -1: none */
    int drained;       /* a server that is emptied first; -1: none */
    uint64_t drain_us; /* from then on */
    bool drain_asked, drain_told, drain_over;
    unsigned factor;                       /* replicas of each partition */
    bool removed_told;                     /* ... and the controller has been told */
    char unplaced[LG_HISTORY_STORES][200]; /* What is not yet well about a store's replicas. */
    struct lg_world_operator operators[LG_WORLD_OPERATORS];
    bool scanned[LG_WORLD_ROUTERS][LG_HISTORY_STORES];
    char scan_reason[LG_WORLD_ROUTERS][LG_HISTORY_STORES][200];
    bool wide_positions; /* drivers/sim/pubsub_wide: in every other world */
    bool mild;           /* only single servers fail: reads must not notice */
    bool mild_crowds;    /* servers have little room, and none crashes */
    bool quiet;
    uint64_t faults_end_us, quiet_us;
    uint64_t excused_until_us;         /* Reads that begin before may fail. */
    uint64_t slow_until_us;            /* Sessions may end though their nodes live. */
    uint64_t changes_excused_until_us; /* What is asked of controllers before may fail. */
    struct lg_log_sim_faults log_faults, server_log_faults;
    bool errors; /* Replicas may have failed. */
    struct lg_world_cut cuts[LG_WORLD_CUTS];
};

struct lg_world *lg_world_new(uint64_t seed);
void lg_world_free(struct lg_world *w); /* NULL is allowed. */
/* Runs everything; false when a checker found a violation (history.violated). */
bool lg_world_run(struct lg_world *w);

/* Servers that live when all is quiet, as bits. */
unsigned lg_world_servers(const struct lg_world *w);
/* Those that live now. */
unsigned lg_world_live(struct lg_world *w);

/* --- For the files of sim/. ------------------------------------------------------------------- */

struct lg_world_node *lg_world_node(struct lg_world *w, enum lg_role role, unsigned number);
/* kill -9, or a power cut, now; it comes back after `down_us`. Of a dead node: nothing. */
void lg_world_crash(struct lg_world_node *n, bool power_cut, uint64_t down_us);
/* From the code of the node, in the middle of an operation of its disk: the power cut is now. */
void lg_world_power_gone(struct lg_world_node *n, uint64_t down_us);
void lg_world_start(struct lg_world_node *n);
/* The drained server is empty: it is stopped for good. */
void lg_world_drained(struct lg_world *w);
/* Reads and changes that begin from now until `after_us` from now may fail. */
void lg_world_excuse(struct lg_world *w, uint64_t after_us);
/* Changes only: no read depends on a controller. */
void lg_world_excuse_changes(struct lg_world *w, uint64_t after_us);

/* The main functions of the nodes, run as their code; ctx is a struct lg_world_node. */
void lg_world_ground_main(void *ctx);
void lg_world_controller_main(void *ctx);
void lg_world_server_main(void *ctx);
void lg_world_router_main(void *ctx);
void lg_world_operator_main(void *ctx);
void lg_world_reader_main(void *ctx);

/* faults.c: plans the next fault, until the world is quiet. */
void lg_world_faults_start(struct lg_world *w);
/* Ends all faults at once. */
void lg_world_faults_end(struct lg_world *w);

#endif
