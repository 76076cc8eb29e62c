/* The replicas of one server: those that the assignment gives it, and no others.
 *
 *   /assignment changes ─▶ what changed is read (catalog/mirror)
 *                       ─▶ each replica of it does what its life says is next (replica_state)
 *   a replica changes   ─▶ /replicas/<topic>/<instance> is written (one write at a time)
 *
 * Owned by the server's lane. Nothing is removed before the assignment was read well once: a server
 * that cannot reach the metastore keeps all it has, and serves it. The same when the metadata are
 * not those of its cluster any more (emptied, or another one's), or the whole assignment is gone
 * from them: no controller removes more of it than one topic at a time. What is not ours any more
 * is withdrawn first, then read to the end, and then it goes.
 */
#ifndef LG_SERVER_REPLICA_MANAGER_H
#define LG_SERVER_REPLICA_MANAGER_H

#include "ingest/task.h"
#include "metastore/metastore.h"
#include "model/enums.h"
#include "server/identity.h"
#include "server/serving.h"

#define LG_REPLICA_OPENS_MAX 8u /* at a time */
#define LG_REPLICA_DROP_GRACE_MS 1000u

struct lg_replica_manager; /* Opaque. */

struct lg_replica_judgement {
    enum lg_warm_rank rank; /* how much read indexes of its replicas are wanted */
    bool closed;            /* nobody may read its store */
};

struct lg_replica_manager_options {
    struct lg_lane *lane;
    struct lg_metastore *metastore;
    struct lg_pubsub *pubsub;
    struct lg_engine_driver *driver;
    struct lg_disk_space *space; /* NULL: never low */
    struct lg_checkpoint_store *checkpoints;
    const char *instance; /* "127.0.0.1_8888"; copied */
    /* Whose assignment is followed: its name and id (coord/cluster_id.h); copied. A NULL or empty
     * id is not compared. */
    const char *cluster, *cluster_id;
    struct lg_identity *identity; /* remembers which resets are done; NULL: nobody does */
    uint32_t opens_max;           /* replicas that open at a time; 0: LG_REPLICA_OPENS_MAX */
    struct lg_serving *serving;   /* What readers find is kept there; NULL: nobody reads. */
    /* NULL: no read indexes; not with `serving`, whose epoch is that of the warmer. */
    struct lg_warmer *warmer;
    /* What is to be thought of the topic now; NULL: nothing. */
    struct lg_replica_judgement (*judge)(void *ctx, const char *topic);
    void *judge_ctx;
    /* How long a replica that was withdrawn is still read; 0: LG_REPLICA_DROP_GRACE_MS */
    uint64_t drop_grace_ms;
};

struct lg_replica_manager *lg_replica_manager_start(const struct lg_replica_manager_options *o);
/* May it publish its reports? Not before it is announced, and not while another process has its
 * name: it would take away the other's. It begins silent. */
void lg_replica_manager_speak(struct lg_replica_manager *m, bool speaks);
/* Nobody is to be sent here any more: takes back all that was published, and publishes nothing from
 * now on; reads go on. `done` comes once on the lane, when it is so or cannot be said. Once. */
void lg_replica_manager_withdraw(struct lg_replica_manager *m, void (*done)(void *ctx), void *ctx);
/* Withdraws what it published, stops all tasks (their files stay); `stopped` comes once on the lane
 * and the manager is gone then. */
void lg_replica_manager_stop(struct lg_replica_manager *m, void (*stopped)(void *ctx), void *ctx);

/* `judge` may say something else from now on. */
void lg_replica_manager_judge_again(struct lg_replica_manager *m);

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
    enum lg_replica_state role; /* as it was published */
    int64_t term, reset;
    const char *state;       /* "consuming": for humans */
    uint64_t records, bytes; /* taken in so far */
    uint32_t tries;          /* that failed, one after the other */
    const char *fault;       /* why the last one did; "" when none has */
};
/* Calls `note` for each of our replicas of the topic, by partition; how many there are. All but the
 * struct are borrowed for the call. */
size_t lg_replica_manager_each(struct lg_replica_manager *m, struct lg_slice topic,
                               void (*note)(void *ctx, const struct lg_replica_note *n), void *ctx);

/* The same of all topics. */
void lg_replica_manager_each_of_all(struct lg_replica_manager *m,
                                    void (*note)(void *ctx, const struct lg_replica_note *n),
                                    void *ctx);

/* All replicas together. */
struct lg_replica_sum {
    bool assignment_read; /* well, at least once */
    /* What it had when it started is open, or has failed: the next server may be taken down. */
    bool settled;
    bool metastore; /* the last reading and the last report came through */
    /* Why what was read last is not followed: it is not our assignment. NULL: it is. Borrowed until
     * the lane's next task. */
    const char *refusal;
    uint32_t offline, standby, leader, error;
    uint32_t waiting_to_open, opening;
    uint32_t log_away; /* replicas that wait because the log does not answer */
};
struct lg_replica_sum lg_replica_manager_sum(const struct lg_replica_manager *m);

/* Why the disk is not healthy: what it did to a replica that failed by it. NULL when it did
 * nothing; the caller owns the text. */
char *lg_replica_manager_disk_fault(const struct lg_replica_manager *m);

#endif
