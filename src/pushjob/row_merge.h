/* The rows of one partition from all places where they are, as one ascending stream in which each
 * key comes once: batches in memory and any number of runs on disk.
 *
 * Owned by one thread at a time.
 */
#ifndef LG_PUSHJOB_ROW_MERGE_H
#define LG_PUSHJOB_ROW_MERGE_H

#include "pushjob/row_batch.h"
#include "pushjob/spill.h"

struct lg_row_merge; /* Opaque. */

struct lg_row_merge_options {        /* All borrowed while the merge lives. */
    struct lg_spill *spill;          /* NULL without runs. */
    const struct lg_spill_run *runs; /* in the order of adding */
    size_t run_count;
    const struct lg_row_batch *const *first; /* Sorted; their rows were added before those of the */
    size_t first_count;                      /* runs, in this order. */
    const struct lg_row_batch *last; /* Sorted; its rows were added after those. NULL: none. */
    uint32_t partition;              /* of the batches */
    size_t common;                   /* bytes that are equal in all keys */
    enum lg_duplicates duplicates;
    bool values; /* Are the values wanted? */
};

struct lg_row_merge *lg_row_merge_new(const struct lg_row_merge_options *options);
void lg_row_merge_free(struct lg_row_merge *merge); /* NULL is allowed. */
LG_DEFINE_AUTO(lg_row_merge, lg_row_merge_free)
/* The next row, borrowed until the next call; without `values` its value may be missing. `*out_end`
 * is true, and nothing else is written, after the last. Without `values` two different values of
 * one key are LG_ERR_BAD_DATA under LG_DUPLICATES_FAIL, and `out_rows` are the two. Errors are
 * final. */
LG_MUST_CHECK enum lg_rc lg_row_merge_next(struct lg_row_merge *merge, struct lg_row *out,
                                           bool *out_end, struct lg_row out_rows[2],
                                           struct lg_error *err);
/* Rows that gave way to another of their key so far. */
uint64_t lg_row_merge_dropped(const struct lg_row_merge *merge);

#endif
