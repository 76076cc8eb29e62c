/* Rows in bounded memory: gathered in the order of the input, then put into the order of keys, one
 * partition at a time.
 *
 * Owned by the rows of a push. Adding, indexing and clearing happen on one thread at a time; after
 * lg_row_batch_index partitions may be sorted and read on several threads at once, each by one.
 */
#ifndef LG_PUSHJOB_ROW_BATCH_H
#define LG_PUSHJOB_ROW_BATCH_H

#include "base/base.h"

struct lg_row {
    struct lg_slice key, value; /* In the memory of whoever gave it. */
    uint64_t origin;            /* Where it stands in the input; the caller's own number. */
};

/* What becomes of two different values of one key (`push --duplicates`). Identical rows are always
 * dropped and counted. First and last are by the order of adding, which is that of the files. */
enum lg_duplicates { LG_DUPLICATES_FAIL, LG_DUPLICATES_FIRST, LG_DUPLICATES_LAST };

struct lg_row_batch; /* Opaque. */

/* Full at about `memory_bytes`, what sorting needs on top of the rows included. */
struct lg_row_batch *lg_row_batch_new(uint32_t partitions, size_t memory_bytes);
void lg_row_batch_free(struct lg_row_batch *batch); /* NULL is allowed. */
LG_DEFINE_AUTO(lg_row_batch, lg_row_batch_free)
/* Copies. LG_ERR_TOO_LARGE when the machine gives no more memory. */
LG_MUST_CHECK enum lg_rc lg_row_batch_add(struct lg_row_batch *batch, uint32_t partition,
                                          const struct lg_row *row, struct lg_error *err);
bool lg_row_batch_is_full(const struct lg_row_batch *batch);
uint64_t lg_row_batch_rows(const struct lg_row_batch *batch);  /* of all partitions */
uint64_t lg_row_batch_bytes(const struct lg_row_batch *batch); /* of their keys and values */
/* The rows of each partition in the order of adding. Nothing may be added after. */
void lg_row_batch_index(struct lg_row_batch *batch);
/* Sorts an indexed partition by key (unsigned, lexicographic), and leaves one row of each key.
 * `*out_dropped` rows went. Two different values under LG_DUPLICATES_FAIL: LG_ERR_BAD_DATA, and
 * `out_rows` are the first two of the smallest such key. */
LG_MUST_CHECK enum lg_rc lg_row_batch_sort(struct lg_row_batch *batch, uint32_t partition,
                                           enum lg_duplicates policy, uint64_t *out_dropped,
                                           struct lg_row out_rows[2], struct lg_error *err);
/* Of an indexed partition. */
size_t lg_row_batch_count(const struct lg_row_batch *batch, uint32_t partition);
struct lg_row lg_row_batch_at(const struct lg_row_batch *batch, uint32_t partition, size_t i);
/* What all keys of an indexed partition begin with; meaningless when it has no rows. */
struct lg_slice lg_row_batch_common(const struct lg_row_batch *batch, uint32_t partition);
/* A hint that row `i` will be wanted soon; `i` may be past the end. */
void lg_row_batch_prefetch(const struct lg_row_batch *batch, uint32_t partition, size_t i);
/* Without rows again, for more; its memory stays. */
void lg_row_batch_clear(struct lg_row_batch *batch);

#endif
