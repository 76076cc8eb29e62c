/* Bounded compression over zlib and zstd, which only compressor.c includes, and snappy, which only
 * compressor_snappy.c does.
 *
 * Every function appends to `out`, whose ceiling bounds the output, and leaves it as it was when it
 * fails: LG_ERR_TOO_LARGE past the ceiling; LG_ERR_BAD_DATA for input that is damaged, cut off or
 * followed by something else. What a header says about the size of its content is never trusted.
 */
#ifndef LG_BASE_COMPRESSOR_H
#define LG_BASE_COMPRESSOR_H

#include "base/buf.h"

/* Raw DEFLATE (RFC 1951, no zlib header), as Avro containers use it. Behind the stream its reader
 * allows the beginning of its Adler-32, which some writers leave there. */
LG_MUST_CHECK enum lg_rc lg_inflate_raw(struct lg_buf *out, struct lg_slice in,
                                        struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_deflate_raw(struct lg_buf *out, struct lg_slice in,
                                        struct lg_error *err);

/* A gzip stream (RFC 1952) of one member: header without name and time, so that equal input gives
 * equal bytes. The reader takes any header and several members, and checks CRC and length. */
LG_MUST_CHECK enum lg_rc lg_gzip(struct lg_buf *out, struct lg_slice in, struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_gunzip(struct lg_buf *out, struct lg_slice in, struct lg_error *err);

/* Snappy's raw format: no frame and no checksum around it. A length that its bytes cannot unfold to
 * is refused before memory is asked for. */
LG_MUST_CHECK enum lg_rc lg_snappy_compress(struct lg_buf *out, struct lg_slice in,
                                            struct lg_error *err);
LG_MUST_CHECK enum lg_rc lg_snappy_decompress(struct lg_buf *out, struct lg_slice in,
                                              struct lg_error *err);

#define LG_ZSTD_LEVEL_DEFAULT 3
#define LG_ZSTD_LEVEL_MAX 19
/* A frame that asks for a larger window than this is refused: log2 of bytes. */
#define LG_ZSTD_WINDOW_LOG_MAX 27
#define LG_ZSTD_DICT_BYTES_MAX ((size_t)1 << 20)

/* A dictionary, digested for both directions. Immutable; any number of users on any lanes. */
struct lg_zstd_dict;
/* `bytes` are copied: what lg_zstd_train gave, or any content. LG_ERR_INVALID for a level outside
 * 1 to LG_ZSTD_LEVEL_MAX; LG_ERR_TOO_LARGE over LG_ZSTD_DICT_BYTES_MAX; LG_ERR_BAD_DATA for a
 * damaged dictionary. */
LG_MUST_CHECK enum lg_rc lg_zstd_dict_new(struct lg_slice bytes, int level,
                                          struct lg_zstd_dict **out, struct lg_error *err);
struct lg_zstd_dict *lg_zstd_dict_ref(struct lg_zstd_dict *dict);
void lg_zstd_dict_unref(struct lg_zstd_dict *dict); /* NULL is allowed. */
LG_DEFINE_AUTO(lg_zstd_dict, lg_zstd_dict_unref)
/* The bytes it was made of, while it lives. */
struct lg_slice lg_zstd_dict_bytes(const struct lg_zstd_dict *dict);

/* Working memory of zstd, reused from call to call; one user at a time. */
struct lg_zstd;
struct lg_zstd *lg_zstd_new(void);
void lg_zstd_free(struct lg_zstd *z); /* NULL is allowed. */
LG_DEFINE_AUTO(lg_zstd, lg_zstd_free)

/* One frame that says the size of its content. `dict` may be NULL: then at LG_ZSTD_LEVEL_DEFAULT.
 */
LG_MUST_CHECK enum lg_rc lg_zstd_compress(struct lg_zstd *z, const struct lg_zstd_dict *dict,
                                          struct lg_buf *out, struct lg_slice in,
                                          struct lg_error *err);
/* Any number of frames, at least one. `dict` may be NULL; a frame that names another dictionary is
 * LG_ERR_BAD_DATA. */
LG_MUST_CHECK enum lg_rc lg_zstd_decompress(struct lg_zstd *z, const struct lg_zstd_dict *dict,
                                            struct lg_buf *out, struct lg_slice in,
                                            struct lg_error *err);

/* Trains a dictionary of at most `size_max` bytes and appends it to `out`. `samples` are `n` pieces
 * of the given sizes, one behind the other. The same samples give the same bytes. Samples that zstd
 * cannot learn from (too few, too small, all alike) give what they end with: their last bytes are a
 * dictionary too. No samples: LG_ERR_INVALID. */
LG_MUST_CHECK enum lg_rc lg_zstd_train(struct lg_buf *out, struct lg_slice samples,
                                       const size_t *sizes, size_t n, size_t size_max,
                                       struct lg_error *err);

#endif
