/* When memory that readers may still look at can be freed: epoch-based reclamation (Fraser,
 * "Practical lock-freedom", 2004, section 5.2.3). Readers never wait and never write to a line that
 * another thread reads often; whoever unlinks something hands it over here, and it is freed once
 * every reader that was inside at that moment has left.
 *
 *   reader, on its lane                      writer, any thread
 *   lg_epoch_enter(reader);                  unlink the thing, so that no new reader finds it
 *   ... follow pointers, copy ...            lg_epoch_retire(epoch, &thing->item);
 *   lg_epoch_leave(reader);                  lg_epoch_reclaim(epoch);   now and then
 *
 * A reader stays inside for one group of reads, never across a wait: one that sleeps inside keeps
 * all that is retired meanwhile.
 */
#ifndef LG_LANE_EPOCH_H
#define LG_LANE_EPOCH_H

#include "base/base.h"

#define LG_EPOCH_READERS_MAX 256u /* threads that read at the same time */

struct lg_epoch; /* Opaque. */
struct lg_epoch_reader;

/* Embedded in what is to be freed. */
struct lg_epoch_item {
    struct lg_epoch_item *next; /* Ours. */
    uint64_t retired_at;        /* Ours. */
    void (*release)(struct lg_epoch_item *item);
};

/* LG_ERR_BUSY when memory is exhausted. */
LG_MUST_CHECK enum lg_rc lg_epoch_new(struct lg_epoch **out, struct lg_error *err);
/* No reader is left and none will come: what is still retired is released. NULL is allowed. */
void lg_epoch_free(struct lg_epoch *e);
LG_DEFINE_AUTO(lg_epoch, lg_epoch_free)

/* A place for one thread at a time; from any thread. LG_ERR_BUSY when LG_EPOCH_READERS_MAX are
 * taken. The reader is the epoch's, until it is given back with lg_epoch_quit. */
LG_MUST_CHECK enum lg_rc lg_epoch_join(struct lg_epoch *e, struct lg_epoch_reader **out,
                                       struct lg_error *err);
/* Not while inside. NULL is allowed. */
void lg_epoch_quit(struct lg_epoch_reader *reader);

/* From now on nothing that is retired later is released. Not nested. */
void lg_epoch_enter(struct lg_epoch_reader *reader);
void lg_epoch_leave(struct lg_epoch_reader *reader);
/* Is it between the two? For assertions. */
bool lg_epoch_is_inside(const struct lg_epoch_reader *reader);

/* `item->release` runs once, from some later call of lg_epoch_reclaim or lg_epoch_free, on the
 * thread of that call. From any thread; it is the caller's business that no new reader finds it. */
void lg_epoch_retire(struct lg_epoch *e, struct lg_epoch_item *item);
/* Releases what no reader can see any more; returns how many things still wait. Any thread; never
 * waits for a reader. */
size_t lg_epoch_reclaim(struct lg_epoch *e);

#endif
