/* The replicas of one server: those that the assignment gives it, and no others.
 *
 *   /assignment changes ─▶ read it ─▶ start what is new, stop and destroy what is not ours any more
 *   a task reports      ─▶ /replicas/<topic>/<instance> is written (one write at a time)
 *
 * Owned by the server's lane. Nothing is removed before the assignment was read well once: a server
 * that cannot reach the metastore keeps all it has.
 */
#ifndef LG_SERVER_REPLICA_MANAGER_H
#define LG_SERVER_REPLICA_MANAGER_H

#include "ingest/task.h"
#include "metastore/metastore.h"

struct lg_replica_manager; /* Opaque. */

struct lg_replica_manager_options {
    struct lg_lane *lane;
    struct lg_metastore *metastore;
    struct lg_pubsub *pubsub;
    struct lg_engine_driver *driver;
    struct lg_disk_space *space; /* NULL: never low */
    struct lg_checkpoint_store *checkpoints;
    const char *instance; /* "127.0.0.1_8888"; copied */
};

struct lg_replica_manager *lg_replica_manager_start(const struct lg_replica_manager_options *o);
/* Withdraws what it published, stops all tasks (their files stay); `stopped` comes once on the lane
 * and the manager is gone then. */
void lg_replica_manager_stop(struct lg_replica_manager *m, void (*stopped)(void *ctx), void *ctx);

enum lg_replica_found {
    LG_REPLICA_SERVING,   /* `*out` is it; borrowed until the lane's next task */
    LG_REPLICA_NOT_READY, /* ours, and still loading or failed */
    LG_REPLICA_NOT_OURS,  /* the topic, or this partition of it, is not here */
};
enum lg_replica_found lg_replica_manager_find(struct lg_replica_manager *m, struct lg_slice topic,
                                              uint32_t partition, struct lg_replica **out);
/* Any replica of the topic that serves: what they share is the same in all. */
enum lg_replica_found lg_replica_manager_find_any(struct lg_replica_manager *m,
                                                  struct lg_slice topic, struct lg_replica **out);

/* What can be told of one replica of ours. */
struct lg_replica_note {
    const char *topic;
    uint32_t partition;
    enum lg_push_status status; /* as it was published */
    const char *state;          /* "consuming": for humans */
    uint64_t records, bytes;    /* taken in so far */
    const char *fault;          /* "" unless it failed */
};
/* Calls `note` for each of our replicas of the topic, by partition; how many there are. All but the
 * struct are borrowed for the call. */
size_t lg_replica_manager_each(struct lg_replica_manager *m, struct lg_slice topic,
                               void (*note)(void *ctx, const struct lg_replica_note *n), void *ctx);

/* Why the disk is not healthy: what it did to a replica that failed by it. NULL when it did
 * nothing; the caller owns the text. */
char *lg_replica_manager_disk_fault(const struct lg_replica_manager *m);

#endif
