/* What a reader holds: a complete partition replica that stays open as long as it is held.
 *
 * Made by the ingestion task on its lane when the replica is complete. Readers take a reference for
 * the duration of one read, on any lane; when the owner has retired it and the last reference is
 * gone, `drained` runs on the owner's lane and the owner may close the engine.
 */
#ifndef LG_STORAGE_REPLICA_H
#define LG_STORAGE_REPLICA_H

#include "base/ref.h"
#include "lane/epoch.h"
#include "lane/lane.h"
#include "lane/shared.h"
#include "lane/sm.h"
#include "model/enums.h"
#include "storage/engine.h"

struct lg_replica;
struct lg_read_index;
struct lg_warmer;

/* How much a read index of a replica is wanted. */
enum lg_warm_rank {
    LG_WARM_OFF,    /* not at all: its memory goes back at once */
    LG_WARM_KEPT,   /* none is filled; one that is there stays for LG_WARMER_KEEP_MS, or until its
                     * memory is wanted for another */
    LG_WARM_COMING, /* after those that are */
    LG_WARM_SERVED,
};

/* The warmer's (storage/warmer.h). */
struct lg_warm {
    struct lg_warmer *warmer; /* NULL: none takes care of it. */
    struct lg_sm sm;
    struct lg_list link;
    enum lg_warm_rank rank;
    uint64_t rows, bytes, begun_us;
    bool alone; /* It is filled while no other is. */
    struct lg_flag doubted;
    struct lg_task doubt, leave;
    struct lg_epoch_item item;
    void (*removed)(struct lg_replica *r); /* It is leaving. */
    void (*settled)(struct lg_replica *r); /* Somebody waits for the end of its fill. */
    struct lg_timer patience;              /* of that one */
    struct lg_timer keep;                  /* It is kept until then. */
};

struct lg_replica {
    struct lg_engine *engine;    /* Borrowed from the owner. */
    struct lg_read_index *index; /* Atomic; NULL: none that is complete. For readers in an epoch. */
    const char *topic;           /* Borrowed from the owner. */
    uint32_t partition;
    bool chunked;                    /* Its keys carry suffixes (record/chunk.h). */
    enum lg_compression compression; /* Of its values. */
    struct lg_slice dictionary;      /* Of the compression; borrowed from the owner. */
    unsigned refs;                   /* Atomic; lg_replica_ref and _unref only. */
    struct lg_lane *lane;
    struct lg_task task; /* Posted once, by the last unref. */
    void (*drained)(struct lg_replica *r);
    struct lg_warm warm;
};

/* In the owner's memory, with the owner's own reference: neither chunked nor compressed, which the
 * owner may change before the first reader comes. */
void lg_replica_init(struct lg_replica *r, struct lg_lane *lane, struct lg_engine *engine,
                     const char *topic, uint32_t partition);
static inline struct lg_replica *lg_replica_ref(struct lg_replica *r)
{
    lg_ref_get(&r->refs);
    return r;
}
/* From any lane. NULL is allowed. */
void lg_replica_unref(struct lg_replica *r);
/* The owner gives up its reference; `drained` comes once, on the owner's lane, never from inside.
 * Nobody may take a reference from the owner any more. */
void lg_replica_retire(struct lg_replica *r, void (*drained)(struct lg_replica *r));

#endif
