/* Avro's binary primitives, writing. Pure. */
#include "avro/encode.h"

static uint64_t zigzag(int64_t v)
{
    return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

void lg_encode_bool(struct lg_buf *out, bool v)
{
    lg_buf_append_byte(out, v ? 1 : 0);
}

void lg_encode_int(struct lg_buf *out, int32_t v)
{
    lg_encode_long(out, v); /* Zigzag gives an int and a long of the same value the same bytes. */
}

size_t lg_encode_long_to(uint8_t *out, int64_t v)
{
    uint64_t z = zigzag(v);
    size_t n = 0;

    while (z > 0x7f) {
        out[n++] = (uint8_t)(z | 0x80);
        z >>= 7;
    }
    out[n++] = (uint8_t)z;
    return n;
}

void lg_encode_long(struct lg_buf *out, int64_t v)
{
    uint8_t bytes[LG_VARINT_BYTES_MAX];
    uint64_t z = zigzag(v);

    if (z <= 0x7f)
        lg_buf_append_byte(out, (uint8_t)z);
    else
        lg_buf_append(out, bytes, lg_encode_long_to(bytes, v));
}

size_t lg_encode_long_size(int64_t v)
{
    size_t n = 1;

    for (uint64_t z = zigzag(v); z > 0x7f; z >>= 7)
        n++;
    return n;
}

void lg_encode_float(struct lg_buf *out, float v)
{
    uint32_t bits;

    memcpy(&bits, &v, sizeof(bits));
    lg_buf_append_u32le(out, bits);
}

void lg_encode_double(struct lg_buf *out, double v)
{
    uint64_t bits;

    memcpy(&bits, &v, sizeof(bits));
    lg_buf_append_u64le(out, bits);
}

void lg_encode_bytes(struct lg_buf *out, struct lg_slice bytes)
{
    lg_encode_long(out, (int64_t)bytes.size);
    lg_buf_append_slice(out, bytes);
}

void lg_encode_string(struct lg_buf *out, struct lg_slice text)
{
    lg_encode_bytes(out, text);
}

void lg_encode_fixed(struct lg_buf *out, struct lg_slice bytes)
{
    lg_buf_append_slice(out, bytes);
}
