/* Where the records of a partition stand in its journal: the payload of frames, and a sparse index
 * from offset to frame. Pure; owned by whoever holds it. */
#ifndef LG_DRIVERS_SEGLOG_SEG_INDEX_H
#define LG_DRIVERS_SEGLOG_SEG_INDEX_H

#include "base/buf.h"
#include "base/vec.h"

#define LG_SEG_JOURNAL_KIND 0x474f4c4cu
#define LG_SEG_JOURNAL_VERSION 1u
#define LG_SEG_FRAME_HEAD_BYTES 12u
#define LG_SEG_INDEX_SPACING_BYTES ((uint64_t)64 << 10)
#define LG_SEG_INDEX_ENTRIES_MAX 65536u /* Beyond, every other one is dropped. */

struct lg_seg_frame {
    int64_t base;            /* Offset of the first record. */
    uint32_t count;          /* Records, at least 1. */
    struct lg_slice records; /* A batch; borrowed. */
};

/* The head of a payload; the records are appended after it. */
void lg_seg_frame_begin(struct lg_buf *payload, int64_t base, uint32_t count);
/* LG_ERR_CORRUPT. */
LG_MUST_CHECK enum lg_rc lg_seg_frame_read(struct lg_slice payload, struct lg_seg_frame *out,
                                           struct lg_error *err);

struct lg_seg_index_entry {
    int64_t base;
    uint64_t at; /* Offset of the frame in the journal. */
};
struct lg_seg_index { /* Zeroed memory is an empty index. */
    LG_VEC(struct lg_seg_index_entry) entries;
    uint64_t spacing; /* bytes; 0: LG_SEG_INDEX_SPACING_BYTES */
};
void lg_seg_index_done(struct lg_seg_index *index);
/* Frames come in order. */
void lg_seg_index_add(struct lg_seg_index *index, int64_t base, uint64_t at);
/* A frame at or before the one that holds `offset`; false when the index is empty. */
bool lg_seg_index_find(const struct lg_seg_index *index, int64_t offset, uint64_t *out_at);

#endif
