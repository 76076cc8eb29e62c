/* Bounded compression over zlib, which only this file's .c includes. */
#ifndef LG_BASE_COMPRESSOR_H
#define LG_BASE_COMPRESSOR_H

#include "base/buf.h"

/* Raw DEFLATE (RFC 1951, no zlib header), as Avro containers use it. Appends to `out`; its ceiling
 * bounds the output: LG_ERR_TOO_LARGE past it, LG_ERR_BAD_DATA for a damaged stream
 * and for bytes behind it, except the beginning of its Adler-32, which some writers leave there. */
LG_MUST_CHECK enum lg_rc lg_inflate_raw(struct lg_buf *out, struct lg_slice in,
                                        struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_deflate_raw(struct lg_buf *out, struct lg_slice in,
                                        struct lg_error *err);

#endif
