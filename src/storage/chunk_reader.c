/* One value from an engine, whole or in chunks. */
#include "storage/chunk_reader.h"

#include "lane/mutant.h"
#include "record/chunk.h"
#include "storage/partition.h"

/* One row: its payload is appended, its schema id stripped. */
static enum lg_rc get_row(struct lg_engine *e, struct lg_slice key, bool from_memory_only,
                          int32_t *out_schema_id, struct lg_buf *out, struct lg_error *err)
{
    size_t begin = out->size, payload_size;
    uint8_t *stored;
    enum lg_rc rc = lg_engine_get(e, key, from_memory_only, out, err);

    if (rc != LG_OK)
        return rc;
    if (!lg_buf_ok(out) || out->size - begin < LG_PARTITION_VALUE_HEADER_BYTES) {
        out->size = begin;
        return lg_error_set(err, LG_ERR_CORRUPT, "a value without a schema id");
    }
    stored = out->data + begin;
    payload_size = out->size - begin - LG_PARTITION_VALUE_HEADER_BYTES;
    *out_schema_id = (int32_t)lg_load_u32be(stored);
    if (lg_mutant(LG_MUTANT_schema_id_forgotten) && *out_schema_id > 1)
        *out_schema_id = 1;
    memmove(stored, stored + LG_PARTITION_VALUE_HEADER_BYTES, payload_size);
    out->size = begin + payload_size;
    return LG_OK;
}

static enum lg_rc get_chunk(struct lg_engine *e, struct lg_slice key, uint64_t index,
                            struct lg_buf *out, struct lg_error *err)
{
    int32_t id;
    enum lg_rc rc = get_row(e, key, /* from_memory_only= */ false, &id, out, err);

    if (rc == LG_ERR_NOT_FOUND)
        return lg_error_set(err, LG_ERR_CORRUPT, "chunk %llu of a value is missing",
                            (unsigned long long)index);
    if (rc == LG_OK && id != LG_SCHEMA_ID_CHUNK)
        return lg_error_set(err, LG_ERR_CORRUPT,
                            "chunk %llu of a value has schema id %d, that is no chunk",
                            (unsigned long long)index, id);
    return rc;
}

static enum lg_rc get_chunks(struct lg_engine *e, const struct lg_manifest *m, struct lg_buf *out,
                             struct lg_error *err)
{
    struct lg_sequence_cursor cursor = {.encoded = m->keys.encoded};
    size_t begin = out->size;
    struct lg_slice key;
    uint64_t index = 0;

    while (lg_sequence_next_bytes(&cursor, &key)) { /* Bounded: the manifest was checked. */
        enum lg_rc rc = get_chunk(e, key, index++, out, err);

        if (rc != LG_OK)
            return rc;
        if (out->size - begin > (size_t)m->size)
            break;
    }
    if (out->size - begin != (size_t)m->size)
        return lg_error_set(err, LG_ERR_CORRUPT,
                            "the chunks of a value have %zu bytes, its manifest announces %d",
                            out->size - begin, m->size);
    return LG_OK;
}

static enum lg_rc get_large(struct lg_engine *e, struct lg_slice manifest, int32_t *out_schema_id,
                            struct lg_buf *out, struct lg_error *err)
{
    size_t begin = out->size;
    struct lg_manifest m;
    enum lg_rc rc = lg_manifest_decode(manifest, &m, err);

    if (rc == LG_ERR_BAD_DATA)
        rc = lg_error_set(err, LG_ERR_CORRUPT, "the manifest of a value is damaged");
    if (rc == LG_OK &&
        lg_buf_reserve(out, (size_t)m.size + LG_PARTITION_VALUE_HEADER_BYTES) == NULL)
        rc = lg_error_set(err, LG_ERR_TOO_LARGE, "a value of %d bytes is more than may be read",
                          m.size);
    if (rc == LG_OK)
        rc = get_chunks(e, &m, out, err);
    if (rc == LG_OK)
        *out_schema_id = m.schema_id;
    else
        out->size = begin;
    return rc;
}

enum lg_rc lg_chunk_reader_get(struct lg_engine *e, bool chunked, struct lg_slice key,
                               bool from_memory_only, int32_t *out_schema_id, struct lg_buf *out,
                               struct lg_error *err)
{
    LG_SCOPED(lg_buf) with_suffix = {0};
    LG_SCOPED(lg_buf) manifest = {0};
    size_t begin = out->size;
    int32_t id;
    enum lg_rc rc;

    if (chunked) {
        lg_buf_append_slice(&with_suffix, key);
        lg_chunk_write_plain_suffix(&with_suffix);
        key = lg_buf_slice(&with_suffix);
    }
    rc = get_row(e, key, from_memory_only, &id, out, err);
    if (rc != LG_OK)
        return rc;
    if (chunked && id == LG_SCHEMA_ID_MANIFEST) {
        lg_buf_append(&manifest, out->data + begin, out->size - begin);
        out->size = begin;
        if (from_memory_only) /* It takes long enough to leave the lane for it. */
            return LG_ERR_WOULD_BLOCK;
        return get_large(e, lg_buf_slice(&manifest), out_schema_id, out, err);
    }
    *out_schema_id = id;
    return LG_OK;
}
