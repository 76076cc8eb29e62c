/* The rows of one partition in memory, in front of its engine: point gets without the engine's code
 * path and without a wait.
 *
 * A hash table with open addressing, one cache line of eight slots at a time, whose slots point
 * into a log-structured memory of segments (Rumble, Kejriwal, Ousterhout, "Log-structured Memory
 * for DRAM-based Storage", FAST 2014). A slot is one word: 16 bits of the key's hash and the
 * address of an entry, which never changes once published. So a reader needs two cache misses, and
 * those of a group of keys overlap (Chen, Ailamaki, Gibbons, Mowry, "Improving Hash Join
 * Performance through Prefetching", ICDE 2004: group prefetching).
 *
 * It knows every key of its partition or it is not asked at all; what is too large to stand here is
 * known by its key, and the value is in the engine. It is memory only: the engine is the truth, and
 * an index that is lost, damaged or over its budget is dropped and can be filled anew.
 *
 * Each entry carries a checksum of its key, sizes and value, which is proven before one of them is
 * trusted: damage there is never a wrong answer, nor one that there is no such row. Slots (eight
 * bytes a row) and the heads of segments have none: a bit that flips there may hide a row, or end
 * the process.
 *
 * Threads: one writer at a time; any number of readers beside it, who are inside `epoch`
 * (lane/epoch.h) from before the call until they no longer look at what it gave them.
 */
#ifndef LG_STORAGE_READ_INDEX_H
#define LG_STORAGE_READ_INDEX_H

#include "lane/epoch.h"
#include "lane/shared.h"

#define LG_READ_INDEX_VALUE_MAX ((size_t)4096) /* larger ones stay in the engine */
#define LG_READ_INDEX_KEY_MAX ((size_t)4096)   /* longer ones are not looked up here */
#define LG_READ_INDEX_SEGMENT_BYTES ((size_t)2 << 20)
#define LG_READ_INDEX_SEGMENT_MIN_BYTES ((size_t)32 << 10)
#define LG_READ_INDEX_ROWS_MAX ((uint64_t)1 << 32)

struct lg_read_index; /* Opaque. */

struct lg_read_index_options {
    struct lg_epoch *epoch;  /* Borrowed; outlives the index and what it retires. */
    struct lg_bound *budget; /* In bytes, shared by all indexes of a process; likewise. */
    uint64_t rows;           /* About so many will come; 0: unknown. */
    uint64_t seed;           /* Of the hash: a secret of the process. */
    size_t segment_bytes;    /* A power of two; 0: LG_READ_INDEX_SEGMENT_BYTES. */
};

/* An empty one. LG_ERR_BUSY: the budget or the memory does not hold even that. */
LG_MUST_CHECK enum lg_rc lg_read_index_new(const struct lg_read_index_options *o,
                                           struct lg_read_index **out, struct lg_error *err);
/* No reader can find it any more (those who have found it already may be inside), and the writer is
 * done: its memory and its part of the budget go back with the epoch. NULL is allowed. */
void lg_read_index_retire(struct lg_read_index *take_x);

/* --- The writer ------------------------------------------------------------------------------ */

/* The row is found from now on, in place of an earlier one of that key. `value` as the engine holds
 * it; of one over LG_READ_INDEX_VALUE_MAX only the key is kept, and so it is with
 * lg_read_index_put_elsewhere. A key over LG_READ_INDEX_KEY_MAX changes nothing: LG_OK.
 * LG_ERR_BUSY: the budget is used up, or memory exhausted, or LG_READ_INDEX_ROWS_MAX passed; the
 * index no longer knows all rows, retire it. LG_ERR_CORRUPT: a checksum fails; likewise. */
LG_MUST_CHECK enum lg_rc lg_read_index_put(struct lg_read_index *x, struct lg_slice key,
                                           struct lg_slice value, struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_read_index_put_elsewhere(struct lg_read_index *x, struct lg_slice key,
                                                     struct lg_error *err);
/* The key is no longer found; absent is nothing new. A row that is damaged stays, as such. */
void lg_read_index_remove(struct lg_read_index *x, struct lg_slice key);

struct lg_read_index_stats {
    uint64_t rows;      /* known */
    uint64_t elsewhere; /* of them known by their key only */
    uint64_t bytes;     /* of the budget that it holds; not what waits for readers */
    uint64_t moved;     /* entries moved so that their segment could be freed */
};
/* On the writer's thread. */
struct lg_read_index_stats lg_read_index_stats(const struct lg_read_index *x);

/* --- Readers --------------------------------------------------------------------------------- */

struct lg_read_index_get {
    struct lg_read_index *index; /* Each its own, when it pleases. */
    struct lg_slice key;         /* Borrowed for the call. */
    /* Out: LG_OK; LG_ERR_NOT_FOUND: the partition has no such key; LG_ERR_WOULD_BLOCK: ask the
     * engine; LG_ERR_CORRUPT: a checksum fails, so ask the engine, and retire the index. */
    enum lg_rc rc;
    struct lg_slice value; /* Out, when LG_OK: the index's, while the reader stays inside. */

    /* Ours. */
    uint64_t hash;
    const void *table;
    const void *entry;
};

/* All of them, as one group. Never blocks, allocates nothing. */
void lg_read_index_get(struct lg_read_index_get *gets, size_t n);

#endif
