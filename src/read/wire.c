#include "read/wire.h"

#include "avro/encode.h"

/* --- The usual record, without a call for each part ------------------------------------------ */

/* A number of one or two bytes that is not negative; false: it is another one. */
static inline bool take_small(const uint8_t **at, const uint8_t *end, uint32_t *out)
{
    const uint8_t *p = *at;
    uint32_t z;

    if (end - p < 2)
        return false;
    z = p[0];
    if (z >= 0x80) {
        if (p[1] >= 0x80)
            return false;
        z = (z & 0x7f) | (uint32_t)p[1] << 7;
        p++;
    }
    *at = p + 1;
    *out = z >> 1;
    return (z & 1) == 0;
}

/* The next key, if it is a usual one and not the body's last; else nothing is read. */
static bool take_usual_key(struct lg_decoder *d, struct lg_wire_key *out)
{
    const uint8_t *at = d->in.data + d->at, *end = d->in.data + d->in.size;
    uint32_t index, size, partition;

    if (!take_small(&at, end, &index) || !take_small(&at, end, &size) || (size_t)(end - at) < size)
        return false;
    out->key = lg_slice(at, size);
    at += size;
    if (!take_small(&at, end, &partition))
        return false;
    out->index = (int32_t)index;
    out->partition = (int32_t)partition;
    d->at = (size_t)(at - d->in.data);
    return true;
}

void lg_wire_key_add(struct lg_buf *out, const struct lg_wire_key *key)
{
    lg_encode_int(out, key->index);
    lg_encode_bytes(out, key->key);
    lg_encode_int(out, key->partition);
}

enum lg_rc lg_wire_key_next(struct lg_decoder *d, struct lg_wire_key *out, bool *out_end,
                            struct lg_error *err)
{
    struct lg_wire_key key;
    enum lg_rc rc;

    *out_end = lg_decoder_left(d) == 0;
    if (*out_end || LG_LIKELY(take_usual_key(d, out)))
        return LG_OK;
    rc = lg_decode_int(d, &key.index, err);
    if (rc == LG_OK)
        rc = lg_decode_bytes(d, &key.key, err);
    if (rc == LG_OK)
        rc = lg_decode_int(d, &key.partition, err);
    if (rc == LG_OK)
        *out = key;
    return rc;
}

enum lg_rc lg_wire_client_key_next(struct lg_decoder *d, struct lg_slice *out, bool *out_end,
                                   struct lg_error *err)
{
    *out_end = lg_decoder_left(d) == 0;
    return *out_end ? LG_OK : lg_decode_bytes(d, out, err);
}

static inline uint8_t *put_number(uint8_t *to, int64_t v)
{
    if (LG_LIKELY(v >= 0 && v < 64)) {
        *to = (uint8_t)(v << 1);
        return to + 1;
    }
    return to + lg_encode_long_to(to, v);
}

void lg_wire_value_add(struct lg_buf *out, const struct lg_wire_value *value)
{
    uint8_t *room = lg_buf_reserve(out, value->value.size + 3 * LG_VARINT_BYTES_MAX), *at = room;

    if (room == NULL)
        return; /* Over the ceiling, which the buffer says. */
    at = put_number(at, value->index);
    at = put_number(at, (int64_t)value->value.size);
    if (value->value.size > 0)
        memcpy(at, value->value.data, value->value.size);
    at = put_number(at + value->value.size, value->schema_id);
    lg_buf_commit(out, (size_t)(at - room));
}

void lg_wire_missing_add(struct lg_buf *out, int32_t index)
{
    /* The index is the client's: INT32_MIN stays what it is. */
    lg_wire_value_add(out, &(struct lg_wire_value){(int32_t)(0U - (uint32_t)index), LG_SLICE_NULL,
                                                   LG_SCHEMA_ID_NOT_FOUND});
}

void lg_wire_footer_add(struct lg_buf *out, int status, struct lg_slice detail)
{
    LG_SCOPED(lg_buf) footer = {0};

    lg_encode_int(&footer, status);
    lg_encode_bytes(&footer, detail);
    lg_encode_long(&footer, 0); /* No headers. */
    lg_wire_value_add(out, &(struct lg_wire_value){LG_KEY_INDEX_FOOTER, lg_buf_slice(&footer),
                                                   LG_SCHEMA_ID_FOOTER});
}

enum lg_rc lg_wire_value_next(struct lg_decoder *d, struct lg_wire_value *out, bool *out_end,
                              struct lg_error *err)
{
    struct lg_wire_value value;
    enum lg_rc rc;

    *out_end = lg_decoder_left(d) == 0;
    if (*out_end)
        return LG_OK;
    rc = lg_decode_int(d, &value.index, err);
    if (rc == LG_OK)
        rc = lg_decode_bytes(d, &value.value, err);
    if (rc == LG_OK)
        rc = lg_decode_int(d, &value.schema_id, err);
    if (rc == LG_OK)
        *out = value;
    return rc;
}
