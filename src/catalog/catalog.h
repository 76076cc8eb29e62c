/* What exists and who serves it, read from the metastore into immutable snapshots.
 *
 * A catalog belongs to one lane and so do its snapshots; they are reference counted there. When
 * something changes in the metastore it reads what changed and publishes a new snapshot; while
 * reading fails it keeps the last good one, and so it does for LG_CATALOG_HOLD_MS after its session
 * was lost: servers that lost theirs, too, announce themselves again meanwhile. Then, and after a
 * lost connection, it reads everything again.
 *
 * An instance that is named as changed may have begun anew: with it, all that it says of its
 * replicas is read again before the next snapshot. So no replica counts as ready because of what
 * a former life of its server said.
 *
 * Costs of n changed nodes: n reads (catalog/mirror.h), n values parsed, and a snapshot that copies
 * one pointer per store and per topic and shares the rest (catalog/state.h). Of an instance that
 * comes or goes: also one read per topic of which it holds replicas, and all replicas copied.
 * Memory: each parsed value once, and what older snapshots that somebody holds do not share.
 */
#ifndef LG_CATALOG_CATALOG_H
#define LG_CATALOG_CATALOG_H

#include "avro/schema.h"
#include "base/map.h"
#include "metastore/metastore.h"
#include "model/push_status.h"
#include "model/store.h"

#define LG_CATALOG_REPLICAS_MAX 16u /* of one partition */
#define LG_CATALOG_HOLD_MS 2000u
/* How long a replica whose server's session ended may still be asked when there is no other: as
 * long as controllers keep it for its server (the default of delay.to.rebalance.ms). When they give
 * it up earlier, the assignment says so. */
#define LG_CATALOG_LAST_RESORT_MS 1800000u

struct lg_catalog_value_schema {
    int32_t id;
    struct lg_schema *schema;
};

struct lg_catalog_store { /* Shared by snapshots while the store does not change. */
    unsigned refs;        /* state.c only */
    struct lg_blob *text; /* as it stands in the metastore */
    struct lg_store *store;
    struct lg_schema *key_schema;
    LG_VEC(struct lg_catalog_value_schema) value_schemas; /* by id */
};

struct lg_catalog_instance {
    char *id; /* "127.0.0.1_8888" */
    char *host;
    uint16_t port;
    uint16_t grpc_port;              /* where it answers calls of gRPC; 0: it does not */
    char *zone, *identity, *release; /* "" when it does not say */
    bool disk_low;                   /* It takes in nothing: its disk is below the watermark. */
};

struct lg_catalog_controller {
    char *id, *url, *release;
};

struct lg_catalog_replica {
    uint32_t instance; /* index into the snapshot's instances */
    enum lg_push_status status;
    uint64_t records, bytes; /* taken in so far; bytes of keys and values */
    enum lg_replica_state state;
    int64_t term, reset; /* as of struct lg_replica_report */
    char *error;         /* NULL: none */
};

struct lg_catalog_partition {
    struct lg_catalog_replica *replicas; /* of live instances only; into the topic's */
    uint32_t count;
    /* Who may be asked when nobody is ready (lg_catalog_last_resort): indexes into the snapshot's
     * holders; into the topic's. */
    uint32_t *held;
    uint32_t held_count;
};

struct lg_catalog_topic { /* Shared by snapshots while it does not change. */
    unsigned refs;        /* state.c only */
    char *name;
    uint32_t partition_count;
    struct lg_catalog_partition *partitions;
    struct lg_catalog_replica *replicas; /* of all partitions */
    uint32_t *held;                      /* of all partitions */
};

/* state.h */
struct lg_catalog_index;
struct lg_catalog_instances;

struct lg_catalog_snapshot {
    uint64_t serial;                                  /* of this catalog, from 1 */
    unsigned refs;                                    /* catalog.c only */
    LG_VEC(struct lg_catalog_store *) stores;         /* by name; without the deleted ones */
    LG_VEC(struct lg_catalog_store *) deleted;        /* those that could be brought back */
    size_t disabled;                                  /* how many of `stores` answer no reads */
    LG_VEC(struct lg_catalog_instance) instances;     /* live ones, by id; shared */
    LG_VEC(struct lg_catalog_topic *) topics;         /* by name */
    LG_VEC(char *) routers;                           /* URLs of the live ones */
    LG_VEC(struct lg_catalog_controller) controllers; /* live ones, by id */
    enum lg_client_protocols client_protocols;        /* of the cluster; never LG_CLIENTS_CLUSTER */
    size_t junk; /* nodes that make no sense: left out, or as they were when they did */
    LG_VEC(char *)
    unreadable; /* names of stores of which no value ever made sense; the first few */
    /* snapshot.c only; NULL is an empty one. */
    struct lg_catalog_index *store_by_name, *deleted_by_name, *topic_by_name, *instance_by_id;
    struct lg_catalog_instances *shared_instances, *holders;
};

struct lg_catalog_snapshot *lg_catalog_snapshot_ref(struct lg_catalog_snapshot *s);
void lg_catalog_snapshot_unref(struct lg_catalog_snapshot *s); /* NULL is allowed. */

/* NULL when there is none; borrowed from the snapshot. */
const struct lg_catalog_store *lg_catalog_store(const struct lg_catalog_snapshot *s,
                                                struct lg_slice name);
/* May it be read: is it neither deleted nor are its reads disabled? LG_ERR_NO_STORE,
 * LG_ERR_REFUSED. A store that is not known may. Cheap while there is no such store. */
LG_MUST_CHECK enum lg_rc lg_catalog_check_reads(const struct lg_catalog_snapshot *s,
                                                struct lg_slice name, struct lg_error *err);
/* What clients of the store that read from servers are told to speak: LG_CLIENTS_BOTH,
 * LG_CLIENTS_GRPC or LG_CLIENTS_HTTP. The store's own word goes before its cluster's; where the
 * store's gRPC is off, or no live server answers it, nobody is told to come by it. */
enum lg_client_protocols lg_catalog_told(const struct lg_catalog_snapshot *s,
                                         const struct lg_catalog_store *store);
/* A live instance; `*out_index` (may be NULL) is its place. NULL when it is not there. */
const struct lg_catalog_instance *lg_catalog_instance(const struct lg_catalog_snapshot *s,
                                                      const char *id, uint32_t *out_index);
/* Was it deleted, and can it still be brought back? */
bool lg_catalog_is_deleted(const struct lg_catalog_snapshot *s, struct lg_slice name);
const struct lg_catalog_topic *lg_catalog_topic(const struct lg_catalog_snapshot *s,
                                                struct lg_slice name);
const struct lg_schema *lg_catalog_value_schema(const struct lg_catalog_store *store, int32_t id);
/* LG_ERR_NO_STORE "no store named 'citys'; did you mean 'cities'?", or that it was deleted;
 * LG_ERR_UNREADY when its node makes no sense; or the store. */
LG_MUST_CHECK enum lg_rc lg_catalog_find_store(const struct lg_catalog_snapshot *s,
                                               struct lg_slice name,
                                               const struct lg_catalog_store **out,
                                               struct lg_error *err);
/* The same for who may not see which stores there are: no other one is named. */
LG_MUST_CHECK enum lg_rc lg_catalog_find_store_unhinted(const struct lg_catalog_snapshot *s,
                                                        struct lg_slice name,
                                                        const struct lg_catalog_store **out,
                                                        struct lg_error *err);
/* The ready replicas of a partition (COMPLETED on a live instance): indexes of instances. */
size_t lg_catalog_ready(const struct lg_catalog_topic *topic, uint32_t partition,
                        uint32_t out[LG_CATALOG_REPLICAS_MAX]);
/* A server whose session ends has lost its nodes, not its replicas: when ZooKeeper was away for
 * long, all servers lose theirs together, and go on to serve. So whom to ask when no ready replica
 * is left: those that were ready when their server's session ended, while the assignment gives them
 * to it, until it says anything else of them, withdraws them or begins another life, and for at
 * most LG_CATALOG_LAST_RESORT_MS. In no particular order. Only catalogs with `last_resort` know
 * any. */
size_t lg_catalog_last_resort(const struct lg_catalog_snapshot *s,
                              const struct lg_catalog_topic *topic, uint32_t partition,
                              const struct lg_catalog_instance *out[LG_CATALOG_REPLICAS_MAX]);
/* Has every partition of this version a ready replica? `*out_missing` is the first without. */
bool lg_catalog_version_ready(const struct lg_catalog_snapshot *s, const char *store,
                              int32_t version, uint32_t *out_missing);
/* The version a reader should be given: the current one when it is ready; else the one served
 * before (0: none), if that is; else the first of the two of whose every partition somebody can be
 * asked, even as a last resort; else LG_ERR_UNREADY naming what is missing, or LG_ERR_UNREADY for a
 * store that was never pushed. Pure. */
LG_MUST_CHECK enum lg_rc lg_catalog_served_version(const struct lg_catalog_snapshot *s,
                                                   const struct lg_catalog_store *store,
                                                   int32_t served_before, int32_t *out,
                                                   struct lg_error *err);

/* --- The catalog of a lane. ------------------------------------------------------------------- */

struct lg_catalog; /* Opaque. */

struct lg_catalog_options {
    struct lg_metastore *metastore;
    struct lg_lane *lane;
    bool last_resort; /* It is for whom reads matter: remembers whom to ask when nobody is ready. */
    /* A new snapshot is there; on the lane. May be NULL. */
    void (*changed)(void *ctx, struct lg_catalog_snapshot *snapshot);
    /* As of lg_meta_watch; on the lane. May be NULL. */
    void (*session_lost)(void *ctx);
    void *ctx;
};

struct lg_catalog *lg_catalog_start(const struct lg_catalog_options *options);
/* NULL until the first was read. Borrowed until the next one: ref it to keep it. */
struct lg_catalog_snapshot *lg_catalog_current(struct lg_catalog *c);
/* `stopped` runs once on the lane; the catalog is gone then. */
void lg_catalog_stop(struct lg_catalog *c, void (*stopped)(void *ctx), void *ctx);

#endif
