/* Reads many keys, of any partitions of one version, in one operation.
 *
 * Each key has its own outcome. What is in memory is read on the calling lane; all the rest goes to
 * the pool in one offload, or is refused there: then keys in memory behind the first of them are
 * left, too. When nothing is left for the pool, lg_batch_get_try has answered everything without a
 * hop.
 */
#ifndef LG_READ_BATCH_GET_H
#define LG_READ_BATCH_GET_H

#include "lane/shared.h"
#include "read/point_get.h"

#define LG_BATCH_GET_KEYS_MAX 10000
/* Keys that are read on the lane before the rest goes to the pool, so that a large batch does not
 * hold up its neighbours. */
#define LG_BATCH_GET_INLINE_MAX 256

struct lg_batch_get_key {
    /* NULL: LG_ERR_UNREADY. A reference is held until done, and NULL from then on: it may be gone.
     */
    struct lg_replica *replica;
    struct lg_slice key;   /* Borrowed until done. */
    enum lg_rc rc;         /* Out: as lg_point_get_try. */
    struct lg_error err;   /* Out, for failures other than NOT_FOUND. */
    struct lg_value value; /* Out; the caller frees the payload. */
};

struct lg_batch_get {
    struct lg_lane *lane; /* Where it is submitted and `done` runs. */
    struct lg_batch_get_key *keys;
    size_t n; /* At most LG_BATCH_GET_KEYS_MAX: checked by the front that parses them. */
    /* 0, or what all values may have together: keys beyond get LG_ERR_TOO_LARGE. */
    size_t bytes_max;
    size_t bytes_before; /* of values that the caller has already: they are some of all */
    /* 0, or how many bytes of values are enough for now: once there are so many nothing more is
     * read. A key that was left has LG_ERR_WOULD_BLOCK, and may be asked for again with its
     * replica. */
    size_t bytes_enough;
    struct lg_cold_queue *queue; /* Borrowed until done. NULL: it may wait for ever. */
    bool goes_on;                /* As of lg_cold_wait_begin. */
    void (*done)(struct lg_batch_get *get);

    /* Out, when what was submitted is done. `is_late`: it was not read, its keys have
     * LG_ERR_WOULD_BLOCK. */
    struct lg_cold_wait wait;
    struct lg_offload offload; /* Ours. */
    struct lg_task task;       /* Ours. */
    size_t cold;               /* Ours: keys whose rc is LG_ERR_WOULD_BLOCK. */
    size_t bytes;              /* Ours: of all values so far. */
    bool is_full;              /* Ours: nothing more is read. */
    struct lg_flag cancelled;  /* Ours. */
};

/* Reads what is in memory. True: every key has its outcome, `done` will not be called, nothing is
 * held. False: some have rc LG_ERR_WOULD_BLOCK; go on with lg_batch_get_submit, unless
 * lg_batch_get_has_enough. */
LG_MUST_CHECK bool lg_batch_get_try(struct lg_batch_get *get);
/* So many bytes as are enough were read. */
static inline bool lg_batch_get_has_enough(const struct lg_batch_get *get)
{
    return get->bytes_enough > 0 && get->bytes >= get->bytes_enough;
}
/* Reads the keys whose rc is LG_ERR_WOULD_BLOCK; for use after lg_batch_get_try said false. `done`
 * comes once, never from inside. */
void lg_batch_get_submit(struct lg_batch_get *get);
/* Nobody waits for what was submitted: what the pool has not read yet is left, and takes none of
 * its time. `done` comes as ever. On the lane, until then. */
void lg_batch_get_cancel(struct lg_batch_get *get);

#endif
