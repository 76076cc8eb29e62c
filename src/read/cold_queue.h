/* The reads of all lanes that wait for a thread of the pool, because a disk has what they ask for:
 * how many there may be, and which of them have waited for so long that nobody would hear the
 * answer. Those are not read but refused (LG_ERR_OVERLOADED), so that disks that are asked for
 * more than they can do go on doing as much as they can.
 *
 * The rule is that of lanes (fetch/shed.h; its sources are named there), and simpler, for what
 * waits here has a stamp. A queue that was short a moment ago is a burst and may wait; in one that
 * has been standing for an interval nobody waits longer than the target, but for who asks for so
 * much that it takes long itself, or stands behind such. Who waited for something else than reads
 * (a disk that stood still, other work that has the threads) is not refused: those before it should
 * not have taken the threads for so long.
 *
 * Refusing who has waited takes a thread, and its lane has looked for all its keys by then. So once
 * that has happened the door is shut for a while, unless the queue is short before: who would find
 * so many keys before it that it would be late is refused before it waits. All keys of a read under
 * way count as before it, and those of one that was cancelled until a thread takes it up.
 *
 *   lg_cold_wait_begin(&w, queue, lane, keys, ...) on the lane; false: no room, or it would be late
 *   lg_cold_wait_end(&w)                           on the pool; false: it is too late
 *   ... the keys are read ...
 *   lg_cold_read_end(&w, how many)                 0 when it was late, or nobody heard it
 *
 * Any thread, unless said otherwise. It holds no lock: waits and times are words that threads
 * share, and one that is a moment old decides as well.
 */
#ifndef LG_READ_COLD_QUEUE_H
#define LG_READ_COLD_QUEUE_H

#include "lane/lane.h"
#include "lane/shared.h"

/* Keys that wait or are read, of all lanes: some 300 MiB, with what is kept of each. */
#define LG_COLD_KEYS_MAX (1u << 19)
/* Who waits less than this part of the target finds a queue that is not standing. */
#define LG_COLD_SHORT_PART 8u
/* For so many times the target the door is shut. */
#define LG_COLD_SHUT_TARGETS 20u
/* A read may wait so many times as long as it takes, or as those before it do on average; longer
 * than that only for as long as it takes itself. */
#define LG_COLD_PATIENCE 8u
#define LG_COLD_PATIENCE_US_MAX LG_SEC

struct lg_cold_queue_options {
    uint64_t target_us;   /* a standing queue's longest wait; 0: nothing is late */
    uint64_t burst_us;    /* any queue's; not less than the target */
    uint64_t interval_us; /* so long without a short wait, and it stands */
    unsigned threads;     /* of the pool; 0: one */
    uint64_t keys_max;    /* 0: LG_COLD_KEYS_MAX */
};

struct lg_cold_queue; /* Opaque. */

/* With one reference. */
struct lg_cold_queue *lg_cold_queue_new(const struct lg_cold_queue_options *o);
/* NULL is allowed for both. */
struct lg_cold_queue *lg_cold_queue_ref(struct lg_cold_queue *q);
void lg_cold_queue_unref(struct lg_cold_queue *q);
/* False: a read of so many keys or fewer that came now would be refused, if it did not go on. For
 * who can save work then. NULL is allowed. On the lane. */
bool lg_cold_queue_has_room(const struct lg_cold_queue *q, struct lg_lane *lane, size_t keys);
/* Keys that wait or are read. */
uint64_t lg_cold_queue_keys(const struct lg_cold_queue *q);

struct lg_cold_wait { /* Of one read: the caller's memory. Read only, but for cold_queue.c. */
    struct lg_cold_queue *queue; /* NULL: it never waited, or without bounds. */
    struct lg_lane *lane;
    uint64_t begun_us;                  /* lane time; of the wait, then of the read */
    uint64_t waited_us;                 /* from lg_cold_wait_end on */
    uint64_t keys_before, reads_before; /* that waited or were read when it came */
    uint32_t keys;
    bool has_place, goes_on, is_late;
};

/* `queue` is borrowed until lg_cold_read_end; NULL: there are no bounds, and nothing is late.
 * `goes_on`: it is a part of what was begun before, and is counted but not refused. On the lane.
 * False: LG_ERR_OVERLOADED, nothing follows. */
LG_MUST_CHECK bool lg_cold_wait_begin(struct lg_cold_wait *w, struct lg_cold_queue *queue,
                                      struct lg_lane *lane, size_t keys, bool goes_on);
/* A thread has taken it up. False: LG_ERR_OVERLOADED, and nothing is read. */
LG_MUST_CHECK bool lg_cold_wait_end(struct lg_cold_wait *w);
/* So many keys were read. */
void lg_cold_read_end(struct lg_cold_wait *w, size_t keys);
/* The sentence of such an error. */
enum lg_rc lg_cold_refused(struct lg_error *err);

#endif
