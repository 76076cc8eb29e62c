/* Positions: wire, text and JSON forms. Pure. */
#include "model/position.h"

#include "avro/decode.h"
#include "avro/encode.h"
#include "base/str.h"

#define WIRE_MAGIC 0x22
#define WIRE_VERSION 1

bool lg_position_equal(const struct lg_position *a, const struct lg_position *b)
{
    return a->type == b->type && lg_slice_eq(lg_position_bytes(a), lg_position_bytes(b));
}

struct lg_position lg_position_from_offset(int64_t offset)
{
    struct lg_position p = {.type = LG_POSITION_OFFSET};

    assert(offset >= 0);
    p.size = (uint8_t)lg_encode_long_to(p.bytes, offset);
    return p;
}

bool lg_position_offset(const struct lg_position *p, int64_t *out)
{
    struct lg_decoder d = lg_decoder_of(lg_position_bytes(p));
    int64_t offset;

    if (p->type != LG_POSITION_OFFSET || lg_decode_long(&d, &offset, /* err= */ NULL) != LG_OK ||
        lg_decoder_left(&d) != 0 || offset < 0)
        return false;
    *out = offset;
    return true;
}

void lg_position_encode(struct lg_buf *out, const struct lg_position *p)
{
    lg_buf_append_byte(out, WIRE_MAGIC);
    lg_buf_append_byte(out, WIRE_VERSION);
    lg_encode_int(out, p->type);
    lg_encode_bytes(out, lg_position_bytes(p));
}

/* Type and bytes as they came from outside, into a position. */
static enum lg_rc fill(int64_t type, struct lg_slice bytes, struct lg_position *out,
                       struct lg_error *err)
{
    struct lg_position p = {.type = (int32_t)type, .size = (uint8_t)bytes.size};

    if (type < INT32_MIN || type > INT32_MAX)
        return lg_error_set(err, LG_ERR_BAD_DATA, "position type %lld is not an int",
                            (long long)type);
    if (bytes.size > LG_POSITION_MAX)
        return lg_error_set(err, LG_ERR_TOO_LARGE,
                            "a position of %zu bytes is over the limit of %d", bytes.size,
                            LG_POSITION_MAX);
    if ((type == LG_POSITION_EARLIEST || type == LG_POSITION_LATEST) && bytes.size != 0)
        return lg_error_set(err, LG_ERR_BAD_DATA, "a symbolic position carries %zu bytes, not none",
                            bytes.size);
    if (bytes.size != 0)
        memcpy(p.bytes, bytes.data, bytes.size);
    *out = p;
    return LG_OK;
}

enum lg_rc lg_position_decode(struct lg_slice bytes, struct lg_position *out, struct lg_error *err)
{
    struct lg_decoder d = lg_decoder_of(bytes);
    struct lg_error why = {0};
    struct lg_slice raw;
    int32_t type;

    if (bytes.size < 2 || bytes.data[0] != WIRE_MAGIC)
        return lg_error_set(err, LG_ERR_BAD_DATA, "not a position: it does not begin with 0x%02x",
                            WIRE_MAGIC);
    if (bytes.data[1] != WIRE_VERSION)
        return lg_error_set(err, LG_ERR_UNSUPPORTED,
                            "position protocol version %d is not known; this program reads %d",
                            bytes.data[1], WIRE_VERSION);
    d.at = 2;
    if (lg_decode_int(&d, &type, &why) != LG_OK || lg_decode_bytes(&d, &raw, &why) != LG_OK)
        return lg_error_set(err, LG_ERR_BAD_DATA, "position: %s", why.text);
    if (lg_decoder_left(&d) != 0)
        return lg_error_set(err, LG_ERR_BAD_DATA, "%zu bytes follow the position",
                            lg_decoder_left(&d));
    return fill(type, raw, out, err);
}

void lg_position_write_text(struct lg_buf *out, const struct lg_position *p)
{
    lg_buf_appendf(out, "%d:", p->type);
    lg_base64_encode(out, lg_position_bytes(p), /* url_safe= */ false);
}

/* Base64 to position. The text is bounded first, so that nothing large is decoded in vain. */
static enum lg_rc fill_base64(int64_t type, struct lg_slice text, struct lg_position *out,
                              struct lg_error *err)
{
    LG_SCOPED(lg_buf) raw = {0};

    if (text.size > (size_t)LG_POSITION_MAX * 2)
        return lg_error_set(err, LG_ERR_TOO_LARGE,
                            "a position's text of %zu bytes is over the limit", text.size);
    if (!lg_base64_decode(&raw, text))
        return lg_error_set(err, LG_ERR_BAD_DATA, "the bytes of position \"%.*s\" are not base64",
                            LG_FMT(text));
    return fill(type, lg_buf_slice(&raw), out, err);
}

enum lg_rc lg_position_parse_text(struct lg_slice text, struct lg_position *out,
                                  struct lg_error *err)
{
    const uint8_t *colon = text.size == 0 ? NULL : memchr(text.data, ':', text.size);
    struct lg_slice head;
    int64_t type;

    if (colon == NULL)
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "a position reads <type>:<base64>, as in 0:VA==; there is no ':'");
    head = lg_slice(text.data, (size_t)(colon - text.data));
    if (!lg_parse_i64(head, INT32_MIN, INT32_MAX, &type))
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "a position reads <type>:<base64>, as in 0:VA==; the type is not a "
                            "number");
    return fill_base64(type, lg_slice_skip(text, head.size + 1), out, err);
}

struct lg_json *lg_position_to_json(const struct lg_position *p)
{
    struct lg_json *json = lg_json_new_object();
    LG_SCOPED(lg_buf) text = {0};

    lg_base64_encode(&text, lg_position_bytes(p), /* url_safe= */ false);
    lg_json_set_int(json, "typeId", p->type);
    lg_json_set(json, "base64PositionBytes", lg_json_new_string(lg_buf_slice(&text)));
    return json;
}

enum lg_rc lg_position_from_json(const struct lg_json *json, struct lg_position *out,
                                 struct lg_error *err)
{
    const struct lg_json *type = lg_json_get(json, "typeId");
    const struct lg_json *bytes = lg_json_get(json, "base64PositionBytes");

    if (type == NULL || lg_json_type(type) != LG_JSON_INT || bytes == NULL ||
        lg_json_type(bytes) != LG_JSON_STRING)
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "a position needs the members typeId (a number) and "
                            "base64PositionBytes (a string)");
    return fill_base64(lg_json_int(type), lg_json_string(bytes), out, err);
}

int lg_position_compare_offsets(const struct lg_position *a, const struct lg_position *b)
{
    int64_t x = INT64_MAX, y = INT64_MAX;

    if (lg_position_is_earliest(a) || !lg_position_offset(a, &x))
        x = lg_position_is_earliest(a) ? -1 : INT64_MAX;
    if (lg_position_is_earliest(b) || !lg_position_offset(b, &y))
        y = lg_position_is_earliest(b) ? -1 : INT64_MAX;
    return (x > y) - (x < y);
}
