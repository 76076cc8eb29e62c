/* Gets that memory answers: a group of keys, of any replicas, from their read indexes, as one group
 * of overlapping memory accesses. What an index cannot answer is left for read/point_get.h.
 *
 *   lg_epoch_enter(reader);
 *   lg_hot_get(gets, n);
 *   ... copy what was found into answers ...
 *   lg_epoch_leave(reader);
 */
#ifndef LG_READ_HOT_GET_H
#define LG_READ_HOT_GET_H

#include "storage/read_index.h"
#include "storage/replica.h"

struct lg_hot_get {
    struct lg_replica *replica; /* NULL: LG_ERR_UNREADY. The caller keeps it alive for the call. */
    struct lg_slice key;        /* The user's; borrowed for the call. */
    /* Out: LG_OK; LG_ERR_NOT_FOUND; LG_ERR_UNREADY; LG_ERR_WOULD_BLOCK: no index knows the value,
     * ask with lg_point_get_try. */
    enum lg_rc rc;
    int32_t schema_id;       /* Out, when LG_OK. */
    struct lg_slice payload; /* Out, when LG_OK: the index's, until the caller leaves the epoch. */
};

/* Answers all of them. The calling thread is inside its epoch (lg_warmer_join). Never blocks,
 * allocates nothing. Damage that is found costs a get LG_ERR_WOULD_BLOCK and the replica its index,
 * which is filled anew. */
void lg_hot_get(struct lg_hot_get *gets, size_t n);

#endif
