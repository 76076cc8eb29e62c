/* Any bytes as a suffix and as a manifest: what decodes encodes to something that decodes to the
 * same, and a manifest holds as many keys as it says. */
#include "record/chunk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_suffix(struct lg_slice bytes)
{
    LG_SCOPED(lg_buf) out = {0};
    struct lg_chunk_id id, again;
    bool is_chunk, again_is_chunk;

    if (lg_chunk_read_suffix(bytes, &is_chunk, &id, NULL) != LG_OK)
        return;
    if (is_chunk)
        lg_chunk_write_suffix(&out, &id);
    else
        lg_chunk_write_plain_suffix(&out);
    if (lg_chunk_read_suffix(lg_buf_slice(&out), &again_is_chunk, &again, NULL) != LG_OK ||
        again_is_chunk != is_chunk || !lg_guid_equal(&id.guid, &again.guid) ||
        id.segment != again.segment || id.sequence != again.sequence || id.index != again.index)
        __builtin_trap();
}

static void check_manifest(struct lg_slice bytes)
{
    LG_SCOPED(lg_buf) out = {0}, list = {0};
    struct lg_sequence_cursor cursor = {0};
    struct lg_manifest m, again;
    struct lg_slice keys[LG_CHUNKS_MAX], key;
    uint64_t n = 0;

    if (lg_manifest_decode(bytes, &m, NULL) != LG_OK)
        return;
    cursor.encoded = m.keys.encoded;
    while (lg_sequence_next_bytes(&cursor, &key)) {
        if (n == LG_CHUNKS_MAX)
            __builtin_trap();
        keys[n++] = key;
    }
    if (n != m.keys.count || n < 1)
        __builtin_trap();
    /* As we write it: in one block, whose size is not told. */
    lg_sequence_write_bytes(&list, keys, (size_t)n);
    m.keys = lg_sequence_of(lg_buf_slice(&list), n);
    lg_manifest_encode(&out, &m);
    if (lg_manifest_decode(lg_buf_slice(&out), &again, NULL) != LG_OK || again.size != m.size ||
        again.schema_id != m.schema_id || !lg_slice_eq(again.keys.encoded, m.keys.encoded))
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_suffix(lg_slice(data, size));
    check_manifest(lg_slice(data, size));
    return 0;
}
