/* How the blocks of a container file are compressed. Pure. */
#ifndef LG_AVRO_CONTAINER_CODEC_H
#define LG_AVRO_CONTAINER_CODEC_H

#include "base/compressor.h"

enum lg_container_codec { LG_CODEC_NULL, LG_CODEC_DEFLATE, LG_CODEC_SNAPPY, LG_CODEC_ZSTANDARD };
#define LG_CODEC_COUNT 4

/* "null", "deflate", "snappy", "zstandard": as "avro.codec" says it in the header. */
const char *lg_codec_name(enum lg_container_codec codec);
/* False for a codec that we do not have. */
LG_MUST_CHECK bool lg_codec_of_name(struct lg_slice name, enum lg_container_codec *out);

/* Append one block's bytes as the file holds them, and back. Snappy's are followed by the CRC-32 of
 * the plain bytes, big-endian. `zstd` is used by LG_CODEC_ZSTANDARD alone and may be NULL for the
 * others. The ceiling of `out` bounds the output, LG_ERR_TOO_LARGE; LG_ERR_BAD_DATA for a damaged
 * block. `out` is left as it was on failure. */
LG_MUST_CHECK enum lg_rc lg_codec_pack(enum lg_container_codec codec, struct lg_zstd *zstd,
                                       struct lg_buf *out, struct lg_slice plain,
                                       struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_codec_unpack(enum lg_container_codec codec, struct lg_zstd *zstd,
                                         struct lg_buf *out, struct lg_slice stored,
                                         struct lg_error *err);

#endif
