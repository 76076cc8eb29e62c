/* From a source of rows to sorted rows: reading beside sorting and writing to the temporary file,
 * then all partitions, several at a time.
 *
 *   READING ─▶ (a batch is full: it is spilled, reading goes on) ─▶ SETTLING ─▶ finished
 *
 * Runs on one lane; rows are read, sorted and spilled on pool threads.
 */
#ifndef LG_PUSHJOB_GATHER_H
#define LG_PUSHJOB_GATHER_H

#include "lane/lane.h"
#include "pushjob/rows.h"

struct lg_gather; /* Opaque. */

struct lg_gather_options {
    struct lg_lane *lane;
    struct lg_rows_options rows;
    /* On a pool thread: the next row, borrowed until the next call; `*out_end` after the last. */
    enum lg_rc (*next)(void *ctx, struct lg_row *out, bool *out_end, struct lg_error *err);
    /* On the lane, while `next` does not run: some rows were read. May cancel. */
    void (*read_some)(void *ctx);
    /* On the lane: reading has ended; `done` partitions are sorted. May cancel. */
    void (*settled_some)(void *ctx, uint32_t done);
    /* Once, never from inside start. With LG_ERR_BAD_DATA `conflict` may tell two rows, if
     * conflict->key holds something or the two values differ. */
    void (*finished)(void *ctx, enum lg_rc rc, const struct lg_error *err,
                     const struct lg_rows_conflict *conflict);
    void *ctx;
};

struct lg_gather *lg_gather_start(const struct lg_gather_options *options);
/* A wish: `finished` comes with LG_ERR_CANCELLED when what is under way has ended. */
void lg_gather_cancel(struct lg_gather *gather);
/* After `finished` with LG_OK; moves them out. */
struct lg_rows *lg_gather_take(struct lg_gather *gather);
/* After `finished`. NULL is allowed. */
void lg_gather_free(struct lg_gather *gather);

#endif
