/* Suffixes and manifests of chunked values. Pure. */
#include "record/chunk.h"

#include "avro/decode.h"
#include "avro/encode.h"

#define BRANCH_CHUNK_ID 0
#define BRANCH_NULL 1

void lg_chunk_write_plain_suffix(struct lg_buf *out)
{
    lg_encode_long(out, BRANCH_NULL);
    lg_encode_bool(out, false);
}

void lg_chunk_write_suffix(struct lg_buf *out, const struct lg_chunk_id *id)
{
    lg_encode_long(out, BRANCH_CHUNK_ID);
    lg_encode_fixed(out, lg_slice(id->guid.bytes, LG_GUID_BYTES));
    lg_encode_int(out, id->segment);
    lg_encode_int(out, id->sequence);
    lg_encode_int(out, id->index);
    lg_encode_bool(out, true);
}

static enum lg_rc read_chunk_id(struct lg_decoder *d, struct lg_chunk_id *id, struct lg_error *err)
{
    struct lg_slice guid;
    enum lg_rc rc = lg_decode_fixed(d, LG_GUID_BYTES, &guid, err);

    if (rc == LG_OK)
        rc = lg_decode_int(d, &id->segment, err);
    if (rc == LG_OK)
        rc = lg_decode_int(d, &id->sequence, err);
    if (rc == LG_OK)
        rc = lg_decode_int(d, &id->index, err);
    if (rc == LG_OK)
        memcpy(id->guid.bytes, guid.data, LG_GUID_BYTES);
    return rc;
}

enum lg_rc lg_chunk_read_suffix(struct lg_slice suffix, bool *out_is_chunk, struct lg_chunk_id *out,
                                struct lg_error *err)
{
    struct lg_decoder d = lg_decoder_of(suffix);
    struct lg_chunk_id id = {0};
    bool is_chunk = false;
    size_t branch = BRANCH_NULL;
    enum lg_rc rc = lg_decode_index(&d, 2, &branch, err);

    if (rc == LG_OK && branch == BRANCH_CHUNK_ID)
        rc = read_chunk_id(&d, &id, err);
    if (rc == LG_OK)
        rc = lg_decode_bool(&d, &is_chunk, err);
    if (rc != LG_OK)
        return rc;
    if (lg_decoder_left(&d) > 0)
        return lg_error_set(err, LG_ERR_BAD_DATA, "%zu bytes follow the suffix of the key",
                            lg_decoder_left(&d));
    if (is_chunk != (branch == BRANCH_CHUNK_ID))
        return lg_error_set(err, LG_ERR_BAD_DATA, "the suffix of the key contradicts itself");
    *out_is_chunk = is_chunk;
    *out = id;
    return LG_OK;
}

void lg_manifest_encode(struct lg_buf *out, const struct lg_manifest *m)
{
    lg_encode_fixed(out, m->keys.encoded);
    lg_encode_int(out, m->schema_id);
    lg_encode_int(out, m->size);
}

static enum lg_rc read_keys(struct lg_decoder *d, struct lg_sequence *keys, struct lg_error *err)
{
    size_t begin = d->at;
    uint64_t in_block, count = 0;
    struct lg_slice key;
    enum lg_rc rc = LG_OK;

    do { /* Bounded by the limit on `count`: every block but the last has a key. */
        rc = lg_decode_block(d, /* item_bytes_min= */ 1, &in_block, err);
        if (rc == LG_OK && in_block > LG_CHUNKS_MAX - count)
            rc = lg_error_set(err, LG_ERR_BAD_DATA, "the manifest names more than %d chunks",
                              LG_CHUNKS_MAX);
        for (uint64_t i = 0; rc == LG_OK && i < in_block; i++)
            rc = lg_decode_bytes(d, &key, err);
        if (rc == LG_OK)
            rc = lg_decode_block_end(d, err);
        count += in_block;
    } while (rc == LG_OK && in_block > 0);
    if (rc != LG_OK)
        return rc;
    if (count == 0)
        return lg_error_set(err, LG_ERR_BAD_DATA, "the manifest names no chunk");
    *keys = lg_sequence_of(lg_slice(d->in.data + begin, d->at - begin), count);
    return LG_OK;
}

enum lg_rc lg_manifest_decode(struct lg_slice bytes, struct lg_manifest *out, struct lg_error *err)
{
    struct lg_decoder d = lg_decoder_of(bytes);
    struct lg_manifest m = {0};
    enum lg_rc rc = read_keys(&d, &m.keys, err);

    if (rc == LG_OK)
        rc = lg_decode_int(&d, &m.schema_id, err);
    if (rc == LG_OK)
        rc = lg_decode_int(&d, &m.size, err);
    if (rc != LG_OK)
        return rc;
    if (lg_decoder_left(&d) > 0)
        return lg_error_set(err, LG_ERR_BAD_DATA, "%zu bytes follow the manifest",
                            lg_decoder_left(&d));
    if (m.schema_id < 1)
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "the manifest names schema id %d, that is no schema of values",
                            m.schema_id);
    if (m.size < 0 || (size_t)m.size > LG_VALUE_BYTES_MAX)
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "the manifest announces %d bytes; a value has at most %zu", m.size,
                            LG_VALUE_BYTES_MAX);
    *out = m;
    return LG_OK;
}
