/* Which replicas are read here: the table that every reading lane looks into, without a wait.
 *
 * One owner (the server's lane) changes it; readers on any lane are inside `epoch` (lane/epoch.h)
 * from before they look until they have taken what they need: values, or a reference of the replica
 * (lg_replica_ref). So who takes a replica out may close it once an epoch has passed
 * (storage/warmer.h, lg_warmer_remove), and its last reference has gone.
 */
#ifndef LG_SERVER_SERVING_H
#define LG_SERVER_SERVING_H

#include "lane/epoch.h"
#include "storage/replica.h"

struct lg_serving; /* Opaque. */

enum lg_replica_found {
    LG_REPLICA_SERVING,   /* `*out` is it */
    LG_REPLICA_CLOSED,    /* ours, but nobody may read the store now */
    LG_REPLICA_NOT_READY, /* ours, and still loading or failed */
    LG_REPLICA_NOT_OURS,  /* the topic, or this partition of it, is not here */
    LG_REPLICA_NOWHERE,   /* the topic is here, and has no such partition */
};

/* `epoch` is borrowed and outlives it; `seed` is of its hash, a secret of the process. */
struct lg_serving *lg_serving_new(struct lg_epoch *epoch, uint64_t seed);
/* No reader is left. NULL is allowed. */
void lg_serving_free(struct lg_serving *s);
LG_DEFINE_AUTO(lg_serving, lg_serving_free)

/* --- The owner ------------------------------------------------------------------------------- */

/* From now on this is what readers find; `replica` is borrowed, and NULL unless LG_REPLICA_SERVING.
 * A topic has as many partitions as it is first set with (1 to LG_SERVING_PARTITIONS_MAX), until it
 * is removed; `partition` is one of them. */
void lg_serving_set(struct lg_serving *s, struct lg_slice topic, uint32_t partition_count,
                    uint32_t partition, enum lg_replica_found found, struct lg_replica *replica);
/* Whether the topic's store may be read, while it has partitions of ours; at first it may. */
void lg_serving_close(struct lg_serving *s, struct lg_slice topic, bool closed);
/* Which read quota its reads are counted against (a resource of fetch/quota.h), and its store's
 * index on metrics; at first zeroes. A topic that is not here is nothing to do. */
void lg_serving_limit(struct lg_serving *s, struct lg_slice topic, uint32_t resource,
                      uint32_t metric);
/* Whether calls of gRPC for the topic are refused; at first they are not. A topic that is not here
 * is nothing to do. */
void lg_serving_grpc(struct lg_serving *s, struct lg_slice topic, bool off);
/* None of its partitions is ours; absent is nothing new. */
void lg_serving_remove(struct lg_serving *s, struct lg_slice topic);

#define LG_SERVING_PARTITIONS_MAX 65536u

/* --- Readers --------------------------------------------------------------------------------- */

/* Inside an epoch. Never blocks, allocates nothing. */
enum lg_replica_found lg_serving_find(const struct lg_serving *s, struct lg_slice topic,
                                      uint32_t partition, struct lg_replica **out);
/* The same in two steps, for many partitions of one topic; NULL: it is not here. Valid until the
 * reader leaves the epoch. */
struct lg_serving_topic;
const struct lg_serving_topic *lg_serving_topic(const struct lg_serving *s, struct lg_slice topic);
/* The same for who found `last` before in this epoch, or NULL: mostly it is the same again. */
const struct lg_serving_topic *lg_serving_topic_again(const struct lg_serving *s,
                                                      const struct lg_serving_topic *last,
                                                      struct lg_slice topic);
uint32_t lg_serving_partitions(const struct lg_serving_topic *t); /* of the version, here or not */
enum lg_replica_found lg_serving_partition(const struct lg_serving_topic *t, uint32_t partition,
                                           struct lg_replica **out);
/* NULL is allowed: no. */
bool lg_serving_grpc_is_off(const struct lg_serving_topic *t);
struct lg_serving_limit {
    uint32_t resource, metric;
};
struct lg_serving_limit lg_serving_limit_of(const struct lg_serving_topic *t);
/* Any one of the topic that serves: what they share is the same in all. */
enum lg_replica_found lg_serving_find_any(const struct lg_serving *s, struct lg_slice topic,
                                          struct lg_replica **out);

#endif
