/* Fills the read indexes of a process in the background, a few replicas at a time, and keeps them
 * within one budget of memory.
 *
 *   OFF ──▶ WAITING ──▶ FILLING ──▶ COMPLETE ◀──▶ KEPT   is not wanted any more, and still asked
 *    ▲         ▲ ▲          ├─▶ NO_ROOM ─▶ WAITING       when another index has given memory back
 *    └─────────┼─┴──────────┴─▶ FAILED                   until it is wanted again
 *              └─ a checksum failed: it is filled anew
 *
 * Until an index is complete nobody sees it: reads go to the engine, which is the truth. An index
 * is a replica's own business afterwards: whoever changes the engine of a complete one publishes
 * the change to the index as well (storage/read_index.h).
 *
 * Owner: one lane, which is that of its replicas. Readers are on any lane, each with a place of its
 * own (lg_warmer_join).
 */
#ifndef LG_STORAGE_WARMER_H
#define LG_STORAGE_WARMER_H

#include "lane/epoch.h"
#include "storage/replica.h"

/* So long it takes to fill 40 million rows under load. */
#define LG_WARMER_PATIENCE_MS 60000u

/* Clients that read from servers hear of another version when they ask again, after seconds. */
#define LG_WARMER_KEEP_MS 60000u

struct lg_warmer; /* Opaque. */

struct lg_warmer_options {
    struct lg_lane *lane;
    uint64_t budget_bytes; /* of all indexes together; 0: there are none */
    uint64_t seed;         /* of their hashes: a secret of the process */
};

/* LG_ERR_BUSY when memory is exhausted. */
LG_MUST_CHECK enum lg_rc lg_warmer_new(const struct lg_warmer_options *o, struct lg_warmer **out,
                                       struct lg_error *err);
/* All replicas were removed, all readers have quit. NULL is allowed. */
void lg_warmer_free(struct lg_warmer *w);
LG_DEFINE_AUTO(lg_warmer, lg_warmer_free)
/* What readers are inside of, for others who take things out of their sight; the warmer's. */
struct lg_epoch *lg_warmer_epoch(struct lg_warmer *w);
/* A place for one reading thread; from any thread. See lg_epoch_join. */
LG_MUST_CHECK enum lg_rc lg_warmer_join(struct lg_warmer *w, struct lg_epoch_reader **out,
                                        struct lg_error *err);

/* The replica is complete, and has about so many rows and bytes of keys and values; 0: unknown.
 * It is OFF until it is wanted. */
void lg_warmer_add(struct lg_warmer *w, struct lg_replica *r, uint64_t rows, uint64_t bytes);
/* How much it is wanted from now on. Of those that wait the most wanted one is filled first; when
 * there is no room for it, those that are only kept give theirs. */
void lg_warmer_want(struct lg_warmer *w, struct lg_replica *r, enum lg_warm_rank rank);
/* For one that was just loaded, and is better not read before it is warm: `settled` comes once, on
 * the lane, never from inside, when no fill of it is waited for any more: it has an index, or there
 * is none for now (not wanted, no room and none that is given back, failed), or
 * LG_WARMER_PATIENCE_MS have passed. Until then it is filled before all others that wait. Not when
 * it is removed before. */
void lg_warmer_settle(struct lg_warmer *w, struct lg_replica *r,
                      void (*settled)(struct lg_replica *r));
/* The replica is leaving, and nobody finds it any more: `removed` comes once, on the lane, never
 * from inside, when no fill reads its engine and every reader that was in the epoch has left it.
 * Those who go on hold a reference. */
void lg_warmer_remove(struct lg_warmer *w, struct lg_replica *r,
                      void (*removed)(struct lg_replica *r));

/* A reader found damage in the replica's index (LG_ERR_CORRUPT): it is dropped and filled anew. Any
 * lane; cheap when it was said already. The caller holds the replica. */
void lg_warmer_doubt(struct lg_replica *r);

/* "off", "waiting", "filling", "complete", "no room", "failed", "kept". */
const char *lg_warmer_state(const struct lg_replica *r);

#endif
