/* Reads one key of one replica.
 *
 * What is in memory is answered on the calling lane; the rest goes to the pool. Callers on the hot
 * path try first, and submit only when that says LG_ERR_WOULD_BLOCK:
 *
 *   rc = lg_point_get_try(replica, key, &value, &err);
 *   if (rc == LG_ERR_WOULD_BLOCK)
 *       lg_point_get_submit(&get);
 */
#ifndef LG_READ_POINT_GET_H
#define LG_READ_POINT_GET_H

#include "lane/lane.h"
#include "read/cold_queue.h"
#include "storage/replica.h"

/* What is stored under a key. */
struct lg_value {
    int32_t schema_id;
    struct lg_buf payload; /* Owned by the caller; appended to. */
};

/* Now or not at all; never blocks. LG_OK; LG_ERR_NOT_FOUND (err is not set); LG_ERR_WOULD_BLOCK
 * when the answer needs the disk; LG_ERR_UNREADY when `replica` is NULL; LG_ERR_CORRUPT. On failure
 * `*out` is untouched. The caller keeps the replica alive for the call. */
LG_MUST_CHECK enum lg_rc lg_point_get_try(struct lg_replica *replica, struct lg_slice key,
                                          struct lg_value *out, struct lg_error *err);
/* The same, going to the disk if it must: blocks. For offloads. */
LG_MUST_CHECK enum lg_rc lg_point_get_now(struct lg_replica *replica, struct lg_slice key,
                                          struct lg_value *out, struct lg_error *err);

struct lg_point_get {
    struct lg_lane *lane;        /* Where it is submitted and `done` runs. */
    struct lg_replica *replica;  /* A reference is held until done; NULL gives LG_ERR_UNREADY. */
    struct lg_slice key;         /* Borrowed until done. */
    struct lg_cold_queue *queue; /* Borrowed until done. NULL: it may wait for ever. */
    void (*done)(struct lg_point_get *get);

    enum lg_rc rc; /* As lg_point_get_try, never WOULD_BLOCK; LG_ERR_OVERLOADED of `queue`. */
    struct lg_error err;
    struct lg_value value; /* Set up by the caller ({0} will do), who frees the payload. */

    struct lg_cold_wait wait;  /* Out, when what was submitted is done; {0}: it never waited. */
    struct lg_offload offload; /* Ours. */
    struct lg_task task;       /* Ours. */
};

/* `done` comes once, never from inside. */
void lg_point_get_submit(struct lg_point_get *get);

#endif
