/* Sorted rows that do not fit into memory, on disk meanwhile: one temporary file that holds any
 * number of runs. The file has no name from the moment it is made, so a crash leaves nothing.
 *
 *   run    = block*            the rows of one partition, ascending by key
 *   block  = rows u32, key bytes u32, value bytes u32, CRC-32C u32 of the keys, of the values,
 *            and of these 20 bytes; then the keys' section, then the values
 *   keys   = (key size, value size, origin as varints, key)*
 *
 * Keys stand apart from values, so that runs can be compared without reading the values. Every
 * section is checked when it is read. Numbers are little-endian. All calls block; one writer at a
 * time, any number of cursors beside it.
 */
#ifndef LG_PUSHJOB_SPILL_H
#define LG_PUSHJOB_SPILL_H

#include "lane/disk.h"
#include "pushjob/row_batch.h"

#define LG_SPILL_SPARE_BYTES ((uint64_t)64 << 20) /* of the disk, left free */
#define LG_SPILL_BLOCK_BYTES_MIN ((size_t)4 << 10)
#define LG_SPILL_BLOCK_BYTES_MAX ((size_t)64 << 10)

struct lg_spill; /* Opaque. */

struct lg_spill_options {
    struct lg_disk *disk;
    const char *name;   /* Of the file on the disk, while it is made; copied. */
    const char *folder; /* The disk's root in the user's words; copied. */
    size_t block_bytes; /* A block is closed beyond this. */
};

struct lg_spill_run { /* Where a run stands. */
    uint64_t begin, end;
    uint64_t rows;
};

/* Nothing is made before the first run. */
struct lg_spill *lg_spill_new(const struct lg_spill_options *options);
void lg_spill_free(struct lg_spill *spill); /* NULL is allowed. */
LG_DEFINE_AUTO(lg_spill, lg_spill_free)

/* Is there room for that much more? LG_ERR_NO_SPACE names the folder and what would help, as does
 * every error of writing. */
LG_MUST_CHECK enum lg_rc lg_spill_reserve(struct lg_spill *spill, uint64_t bytes,
                                          struct lg_error *err);
/* A run: begin, its rows in ascending order, end. After an error the file takes no more. */
void lg_spill_begin(struct lg_spill *spill);
LG_MUST_CHECK enum lg_rc lg_spill_add(struct lg_spill *spill, const struct lg_row *row,
                                      struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_spill_end(struct lg_spill *spill, struct lg_spill_run *out,
                                      struct lg_error *err);
uint64_t lg_spill_bytes(const struct lg_spill *spill); /* of the file */

/* One reader of one run. A value in its owner's memory; owned by one thread at a time. */
struct lg_spill_cursor {
    struct lg_spill *spill;
    uint64_t at, end;    /* the next block; the end of the run */
    struct lg_buf block; /* the keys' section, and the values if `has_values` */
    struct lg_buf late;  /* the values, if they were read later */
    size_t keys_size, keys_at;
    uint64_t values;    /* where the values stand in the file */
    size_t values_size; /* of the block */
    size_t value_at;    /* of the current row, in the values */
    size_t value_size;
    uint32_t left, values_crc;
    bool has_values;
    bool wants_values;
    struct lg_slice key; /* of the current row; borrowed until the next call */
    uint64_t origin;
};
/* Before the first row. Without `values` only lg_spill_cursor_value reads them. */
void lg_spill_cursor_open(struct lg_spill_cursor *cursor, struct lg_spill *spill,
                          const struct lg_spill_run *run, bool values);
void lg_spill_cursor_done(struct lg_spill_cursor *cursor);
/* To the next row; `*out_end` is true after the last. LG_ERR_CORRUPT when the file is not what was
 * written. */
LG_MUST_CHECK enum lg_rc lg_spill_cursor_next(struct lg_spill_cursor *cursor, bool *out_end,
                                              struct lg_error *err);
/* The value of the current row, borrowed until the next call of lg_spill_cursor_next. */
LG_MUST_CHECK enum lg_rc lg_spill_cursor_value(struct lg_spill_cursor *cursor, struct lg_slice *out,
                                               struct lg_error *err);

#endif
