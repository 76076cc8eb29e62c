/* The gets of one tick of a lane, answered as one group: keys of many requests are looked up
 * together, so that their memory accesses overlap, at the end of the tick. What no index knows is
 * read from the engine's memory, then on the pool.
 *
 *   lg_read_group_enter(g);                        inside the epoch until the end of the tick
 *   topic = lg_serving_topic(serving, ...);        and its partition
 *   lg_read_group_admit(g, topic, keys, ...);      may it be read?
 *   get = lg_read_group_get(g);                    its memory is the group's
 *   ... fill it ...
 *   lg_read_group_add(get);                        `done` comes: at the end of this tick, or later
 *
 * Owned by its lane.
 */
#ifndef LG_SERVER_READ_GROUP_H
#define LG_SERVER_READ_GROUP_H

#include "lane/epoch.h"
#include "read/batch_get.h"
#include "read/hot_get.h"
#include "read/point_get.h"
#include "server/read_gate.h"

struct lg_read_group; /* Opaque. */

struct lg_read_get { /* One key. The group's memory until `done` returns. */
    struct lg_read_group *group;
    struct lg_replica *replica; /* As the serving table said in this tick. */
    struct lg_buf key;          /* The user's; empty at first. */
    void *user;
    void (*done)(struct lg_read_get *get);  /* It adds nothing to the group. */
    void (*waits)(struct lg_read_get *get); /* `done` comes in a later tick. NULL is allowed. */

    /* For `done`: as of lg_point_get_try, never LG_ERR_WOULD_BLOCK; or LG_ERR_OVERLOADED. */
    enum lg_rc rc;
    const struct lg_error *err; /* Set unless LG_OK or LG_ERR_NOT_FOUND. */
    int32_t schema_id;
    struct lg_slice payload; /* Borrowed for `done`. */
    enum lg_compression compression;

    uint32_t store;      /* Ours, like the rest: on metrics; */
    uint64_t arrived_us; /* while the disk is asked, when its request was there. */
};

/* `reader` is the lane's, borrowed until the group is gone. `take_gate`: who is let in; it closes
 * with lg_read_group_free. `cold`: where what is on disk waits; the group takes a reference.
 * NULL: without bounds. */
struct lg_read_group *lg_read_group_new(struct lg_lane *lane, struct lg_epoch_reader *reader,
                                        struct lg_read_gate *take_gate, struct lg_cold_queue *cold);
/* Nothing is added any more and the tick of the last addition is over; it goes when what waits for
 * the pool is done. NULL is allowed. */
void lg_read_group_free(struct lg_read_group *g);

struct lg_lane *lg_read_group_lane(const struct lg_read_group *g);
struct lg_read_gate *lg_read_group_gate(const struct lg_read_group *g);
/* Where reads that go to the pool wait. */
struct lg_cold_queue *lg_read_group_cold(const struct lg_read_group *g);
/* For what is read on the pool beside single keys: the group stays until it is released, which is
 * done on the lane when that is back. */
void lg_read_group_hold(struct lg_read_group *g);
void lg_read_group_release(struct lg_read_group *g);

/* From here to the end of the tick the lane is inside its epoch: what the serving table says
 * holds. */
void lg_read_group_enter(struct lg_read_group *g);

/* As lg_serving_topic of a table that is always the same. After lg_read_group_enter, in the same
 * tick, whose gets are mostly of one topic: then it is looked up once. */
const struct lg_serving_topic *lg_read_group_topic(struct lg_read_group *g,
                                                   const struct lg_serving *serving,
                                                   struct lg_slice topic);

/* As lg_read_gate_admit. After lg_read_group_enter, in the same tick. What is let in is a request
 * whose service is over with the tick, unless lg_read_group_away says that it takes longer. */
LG_MUST_CHECK static inline enum lg_rc lg_read_group_admit(struct lg_read_group *g,
                                                           const struct lg_serving_topic *topic,
                                                           uint32_t keys, bool is_retry,
                                                           uint32_t *out_retry_after_ms)
{
    return lg_read_gate_admit(lg_read_group_gate(g), topic, keys, is_retry, out_retry_after_ms);
}
/* On metrics, the store of what was let in last. */
uint32_t lg_read_group_store(const struct lg_read_group *g);
/* A request of this store that was let in in this tick waits for the disk: its beginning, for
 * lg_read_group_back when it is answered, if lg_read_gate_was_read. */
uint64_t lg_read_group_away(struct lg_read_group *g, uint32_t store);
void lg_read_group_back(struct lg_read_group *g, uint32_t store, uint64_t arrived_us);

struct lg_read_get *lg_read_group_get(struct lg_read_group *g);
void lg_read_group_add(struct lg_read_get *get);
/* It is not asked after all. */
void lg_read_group_drop(struct lg_read_get *get);

/* Whose memory lasts from one use to the next: for many keys at once. At most
 * LG_SERVER_BATCH_KEYS_MAX. */
struct lg_read_scratch {
    struct lg_hot_get *gets;
    int32_t *indexes;
    size_t room;
    struct lg_buf body;
};
struct lg_read_scratch *lg_read_group_scratch(struct lg_read_group *g, size_t keys);

/* The labels of server_keys_total and server_reads_total. */
enum lg_read_kind { LG_READ_SINGLE, LG_READ_BATCH, LG_READ_KINDS };
enum lg_read_from { LG_READ_MEMORY, LG_READ_DISK, LG_READ_INDEX, LG_READ_TIERS };
/* They are counted at the end of the tick. */
void lg_read_group_count_key(struct lg_read_group *g, enum lg_read_kind kind, enum lg_rc rc);
void lg_read_group_count_read(struct lg_read_group *g, enum lg_read_kind kind,
                              enum lg_read_from from);
/* So many keys of a store were read from there, and so many bytes of values answered. */
void lg_read_group_count_store(struct lg_read_group *g, uint32_t store, enum lg_read_from from,
                               uint32_t keys, uint64_t bytes);
/* The same of a batch that lg_batch_get_try and, if that left any, the pool has read: `keys` of it,
 * each from where it was found. */
void lg_read_group_count_batch(struct lg_read_group *g, uint32_t store,
                               const struct lg_batch_get *get, size_t keys, uint64_t bytes);

#endif
