/* How the values of a version are compressed: each as a whole, without its schema id
 * (wire-formats.md 10.1).
 *
 * A codec is the version's strategy, its dictionary if it has one, and working memory: one user at
 * a time. Pure.
 */
#ifndef LG_RECORD_VALUE_CODEC_H
#define LG_RECORD_VALUE_CODEC_H

#include "base/compressor.h"
#include "model/enums.h"
#include "record/chunk.h"

struct lg_value_codec;

/* `dictionary` counts for ZSTD_WITH_DICT only. LG_ERR_BAD_DATA when it is damaged, LG_ERR_TOO_LARGE
 * when it is over LG_ZSTD_DICT_BYTES_MAX. */
LG_MUST_CHECK enum lg_rc lg_value_codec_new(enum lg_compression strategy,
                                            struct lg_slice dictionary, struct lg_value_codec **out,
                                            struct lg_error *err);
/* Another one of the same strategy that shares the dictionary, for a user beside this one's. */
struct lg_value_codec *lg_value_codec_clone(const struct lg_value_codec *codec);
void lg_value_codec_free(struct lg_value_codec *codec); /* NULL is allowed. */
LG_DEFINE_AUTO(lg_value_codec, lg_value_codec_free)
enum lg_compression lg_value_codec_strategy(const struct lg_value_codec *codec);

/* Appends. A value over LG_VALUE_BYTES_MAX, packed or not: LG_ERR_TOO_LARGE. Equal values become
 * equal bytes. */
LG_MUST_CHECK enum lg_rc lg_value_codec_pack(struct lg_value_codec *codec, struct lg_slice value,
                                             struct lg_buf *out, struct lg_error *err);
/* Appends at most LG_VALUE_BYTES_MAX bytes: LG_ERR_TOO_LARGE beyond. LG_ERR_CORRUPT for bytes that
 * are not the strategy's. On failure `out` is as it was. */
LG_MUST_CHECK enum lg_rc lg_value_codec_unpack(struct lg_value_codec *codec, struct lg_slice packed,
                                               struct lg_buf *out, struct lg_error *err);

#endif
