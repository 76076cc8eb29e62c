#include "read/wire.h"

#include "avro/encode.h"

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
    if (*out_end)
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

void lg_wire_value_add(struct lg_buf *out, const struct lg_wire_value *value)
{
    lg_encode_int(out, value->index);
    lg_encode_bytes(out, value->value);
    lg_encode_int(out, value->schema_id);
}

void lg_wire_missing_add(struct lg_buf *out, int32_t index)
{
    lg_wire_value_add(out, &(struct lg_wire_value){-index, LG_SLICE_NULL, LG_SCHEMA_ID_NOT_FOUND});
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
