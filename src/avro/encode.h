/* Avro's binary primitives, writing. Each appends to a buffer; past its ceiling nothing is written
 * and lg_buf_ok tells, so callers check once at the end. Pure. */
#ifndef LG_AVRO_ENCODE_H
#define LG_AVRO_ENCODE_H

#include "base/buf.h"

/* Bytes of the longest zigzag varint of a long. */
#define LG_VARINT_BYTES_MAX 10

void lg_encode_bool(struct lg_buf *out, bool v);
void lg_encode_int(struct lg_buf *out, int32_t v);
/* Also block counts, lengths, enum and union indexes. */
void lg_encode_long(struct lg_buf *out, int64_t v);
/* The same into LG_VARINT_BYTES_MAX bytes of the caller's; returns how many it took. */
size_t lg_encode_long_to(uint8_t *out, int64_t v);
void lg_encode_float(struct lg_buf *out, float v);
void lg_encode_double(struct lg_buf *out, double v);
/* Length, then the bytes. */
void lg_encode_bytes(struct lg_buf *out, struct lg_slice bytes);
/* The same; the caller vouches for UTF-8. */
void lg_encode_string(struct lg_buf *out, struct lg_slice text);
/* The bytes alone. */
void lg_encode_fixed(struct lg_buf *out, struct lg_slice bytes);
/* How many bytes lg_encode_long appends. */
size_t lg_encode_long_size(int64_t v);

#endif
