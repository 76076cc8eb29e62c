/* The rows of a push, by partition: gathered, sorted by key in bounded memory, duplicates judged.
 *
 *   adding ─▶ batch is full ─▶ seal ─▶ spill (sorted; kept, or written to disk) ─▶ adding goes on
 *   end of input ─▶ finish ─▶ settle each partition ─▶ streams, any number of times
 *
 * What fits into memory never touches the disk. Owned by one push. Adding happens on one thread at
 * a time, beside one lg_rows_spill on another; different partitions may be settled and streamed on
 * several threads at once. The same rows give the same streams.
 */
#ifndef LG_PUSHJOB_ROWS_H
#define LG_PUSHJOB_ROWS_H

#include "lane/disk.h"
#include "pushjob/row_batch.h"
#include "record/chunk.h"

#define LG_ROWS_MEMORY_BYTES_DEFAULT ((uint64_t)768 << 20)
#define LG_ROWS_MEMORY_BYTES_MIN ((uint64_t)1 << 20)
#define LG_ROWS_MEMORY_BYTES_MAX ((uint64_t)1 << 40)
#define LG_ROWS_RUNS_MAX 1024u /* spilled batches: about 100 times the memory */
/* Held at a time when there is no disk to sort on. */
#define LG_PUSH_BYTES_MAX ((uint64_t)16 << 30)
#define LG_PUSH_KEY_BYTES_MAX LG_KEY_BYTES_MAX
#define LG_PUSH_VALUE_BYTES_MAX LG_VALUE_BYTES_MAX

struct lg_rows; /* Opaque. */

struct lg_rows_options {
    uint32_t partitions;
    enum lg_duplicates duplicates;
    uint64_t memory_bytes;   /* about; 0: LG_ROWS_MEMORY_BYTES_DEFAULT */
    struct lg_disk *disk;    /* NULL: everything stays in memory. Borrowed. */
    const char *temp_folder; /* the disk's root in the user's words; with disk; copied */
    const char *temp_name;   /* of a file to be made on it; with disk; copied */
};

struct lg_rows_conflict { /* Two different values of one key; owned by the caller. */
    struct lg_buf key, values[2];
    uint64_t origins[2];
};
void lg_rows_conflict_done(struct lg_rows_conflict *conflict);
LG_DEFINE_SCOPED(lg_rows_conflict, lg_rows_conflict_done)

struct lg_rows *lg_rows_new(const struct lg_rows_options *options);
void lg_rows_free(struct lg_rows *rows); /* NULL is allowed. */
LG_DEFINE_AUTO(lg_rows, lg_rows_free)

/* Copies. LG_ERR_TOO_LARGE names the limit that was passed. */
LG_MUST_CHECK enum lg_rc lg_rows_add(struct lg_rows *rows, const struct lg_row *row,
                                     struct lg_error *err);
/* Should the batch be sealed before more is added? Never without a disk. */
bool lg_rows_is_full(const struct lg_rows *rows);
/* Takes the full batch aside; adding goes on with an empty one. A batch that was sealed before must
 * have been spilled. */
void lg_rows_seal(struct lg_rows *rows);
/* Sorts what was sealed, and writes it to the temporary file once the memory is in use. Blocks; may
 * run beside lg_rows_add.
 * LG_ERR_BAD_DATA: two values of one key, told in `conflict`; LG_ERR_NO_SPACE names the folder and
 * the remedy; LG_ERR_TOO_LARGE past LG_ROWS_RUNS_MAX. Any error is final. */
LG_MUST_CHECK enum lg_rc lg_rows_spill(struct lg_rows *rows, struct lg_rows_conflict *conflict,
                                       struct lg_error *err);
/* The input has ended; nothing is sealed. */
void lg_rows_finish(struct lg_rows *rows);
/* Sorts what of a partition is in memory and compares it with what is on disk. Blocks. Errors as
 * for lg_rows_spill, and LG_ERR_CORRUPT, LG_ERR_IO for the temporary file. */
LG_MUST_CHECK enum lg_rc lg_rows_settle(struct lg_rows *rows, uint32_t partition,
                                        struct lg_rows_conflict *conflict, struct lg_error *err);

uint32_t lg_rows_partitions(const struct lg_rows *rows);
uint64_t lg_rows_added(const struct lg_rows *rows);         /* so far, duplicates included */
uint64_t lg_rows_bytes(const struct lg_rows *rows);         /* of their keys and values */
uint64_t lg_rows_spilled_bytes(const struct lg_rows *rows); /* in the temporary file */
/* After all partitions were settled. */
uint64_t lg_rows_count(const struct lg_rows *rows, uint32_t partition);
uint64_t lg_rows_total(const struct lg_rows *rows);
uint64_t lg_rows_duplicates(const struct lg_rows *rows); /* dropped */

/* The rows of a settled partition, ascending. Owned by one thread at a time. */
struct lg_rows_stream; /* Opaque. */

struct lg_rows_stream *lg_rows_stream_new(const struct lg_rows *rows, uint32_t partition);
void lg_rows_stream_free(struct lg_rows_stream *stream); /* NULL is allowed. */
LG_DEFINE_AUTO(lg_rows_stream, lg_rows_stream_free)
/* Blocks. The next row, borrowed until the next call; `*out_end` is true, and nothing else is
 * written, after the last. LG_ERR_CORRUPT, LG_ERR_IO for the temporary file. */
LG_MUST_CHECK enum lg_rc lg_rows_stream_next(struct lg_rows_stream *stream, struct lg_row *out,
                                             bool *out_end, struct lg_error *err);

#endif
