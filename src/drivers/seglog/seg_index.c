/* Frames and the sparse index of a partition. Pure. */
#include "drivers/seglog/seg_index.h"

void lg_seg_frame_begin(struct lg_buf *payload, int64_t base, uint32_t count)
{
    lg_buf_append_u64le(payload, (uint64_t)base);
    lg_buf_append_u32le(payload, count);
}

enum lg_rc lg_seg_frame_read(struct lg_slice payload, struct lg_seg_frame *out,
                             struct lg_error *err)
{
    struct lg_seg_frame f;

    if (payload.size < LG_SEG_FRAME_HEAD_BYTES)
        return lg_error_set(err, LG_ERR_CORRUPT, "a frame of %zu bytes is too short", payload.size);
    f.base = (int64_t)lg_load_u64le(payload.data);
    f.count = lg_load_u32le(payload.data + 8);
    f.records = lg_slice_skip(payload, LG_SEG_FRAME_HEAD_BYTES);
    if (f.base < 0 || f.count == 0 || f.base > INT64_MAX - (int64_t)f.count)
        return lg_error_set(err, LG_ERR_CORRUPT, "a frame of %u records from offset %lld", f.count,
                            (long long)f.base);
    *out = f;
    return LG_OK;
}

void lg_seg_index_done(struct lg_seg_index *index)
{
    LG_VEC_DONE(&index->entries);
    index->spacing = 0;
}

static void thin_out(struct lg_seg_index *index)
{
    size_t kept = 0;

    for (size_t i = 0; i < index->entries.size; i += 2)
        index->entries.data[kept++] = index->entries.data[i];
    index->entries.size = kept;
    index->spacing *= 2;
}

void lg_seg_index_add(struct lg_seg_index *index, int64_t base, uint64_t at)
{
    size_t n = index->entries.size;

    if (index->spacing == 0)
        index->spacing = LG_SEG_INDEX_SPACING_BYTES;
    if (n > 0 && at - index->entries.data[n - 1].at < index->spacing)
        return;
    if (n >= LG_SEG_INDEX_ENTRIES_MAX)
        thin_out(index);
    LG_VEC_PUSH(&index->entries, (struct lg_seg_index_entry){base, at});
}

bool lg_seg_index_find(const struct lg_seg_index *index, int64_t offset, uint64_t *out_at)
{
    size_t low = 0, high = index->entries.size;

    while (low < high) { /* The first entry beyond `offset`. */
        size_t mid = low + (high - low) / 2;

        if (index->entries.data[mid].base <= offset)
            low = mid + 1;
        else
            high = mid;
    }
    if (index->entries.size == 0)
        return false;
    *out_at = index->entries.data[low == 0 ? 0 : low - 1].at;
    return true;
}
