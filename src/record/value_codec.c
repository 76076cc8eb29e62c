/* Compression of whole values by a version's strategy. Pure. */
#include "record/value_codec.h"

struct lg_value_codec {
    enum lg_compression strategy;
    struct lg_zstd *zstd;
    struct lg_zstd_dict *dict;
};

enum lg_rc lg_value_codec_new(enum lg_compression strategy, struct lg_slice dictionary,
                              struct lg_value_codec **out, struct lg_error *err)
{
    LG_AUTO(lg_value_codec) *codec = lg_new(struct lg_value_codec);
    enum lg_rc rc = LG_OK;

    codec->strategy = strategy;
    codec->zstd = lg_zstd_new();
    if (strategy == LG_COMPRESSION_ZSTD_WITH_DICT)
        rc = lg_zstd_dict_new(dictionary, LG_ZSTD_LEVEL_DEFAULT, &codec->dict, err);
    if (rc == LG_OK)
        *out = LG_TAKE(codec);
    return rc;
}

struct lg_value_codec *lg_value_codec_clone(const struct lg_value_codec *codec)
{
    struct lg_value_codec *clone = lg_new(struct lg_value_codec);

    clone->strategy = codec->strategy;
    clone->zstd = lg_zstd_new();
    clone->dict = codec->dict == NULL ? NULL : lg_zstd_dict_ref(codec->dict);
    return clone;
}

void lg_value_codec_free(struct lg_value_codec *codec)
{
    if (codec == NULL)
        return;
    lg_zstd_free(codec->zstd);
    lg_zstd_dict_unref(codec->dict);
    lg_free(codec);
}

enum lg_compression lg_value_codec_strategy(const struct lg_value_codec *codec)
{
    return codec->strategy;
}

static enum lg_rc pack(struct lg_value_codec *codec, struct lg_slice value, struct lg_buf *out,
                       struct lg_error *err)
{
    switch (codec->strategy) {
    case LG_COMPRESSION_NO_OP:
        lg_buf_append_slice(out, value);
        return LG_OK;
    case LG_COMPRESSION_GZIP:
        return lg_gzip(out, value, err);
    case LG_COMPRESSION_ZSTD:
    case LG_COMPRESSION_ZSTD_WITH_DICT:
        return lg_zstd_compress(codec->zstd, codec->dict, out, value, err);
    }
    return lg_error_set(err, LG_ERR_UNSUPPORTED, "compression strategy %d", (int)codec->strategy);
}

static enum lg_rc too_large(size_t size, struct lg_error *err)
{
    return lg_error_set(err, LG_ERR_TOO_LARGE,
                        "a value of %zu bytes; at most %zu are allowed (limit value_bytes)", size,
                        LG_VALUE_BYTES_MAX);
}

enum lg_rc lg_value_codec_pack(struct lg_value_codec *codec, struct lg_slice value,
                               struct lg_buf *out, struct lg_error *err)
{
    size_t begin = out->size;
    enum lg_rc rc;

    if (value.size > LG_VALUE_BYTES_MAX)
        return too_large(value.size, err);
    rc = pack(codec, value, out, err);
    if (rc == LG_OK && out->size - begin > LG_VALUE_BYTES_MAX) { /* It did not compress at all. */
        rc = lg_error_set(err, LG_ERR_TOO_LARGE,
                          "a value of %zu bytes that takes %zu compressed; at most %zu are allowed "
                          "(limit value_bytes): push it without compression",
                          value.size, out->size - begin, LG_VALUE_BYTES_MAX);
        out->size = begin;
    }
    return rc;
}

static enum lg_rc unpack(struct lg_value_codec *codec, struct lg_slice packed, struct lg_buf *out,
                         struct lg_error *err)
{
    switch (codec->strategy) {
    case LG_COMPRESSION_NO_OP:
        if (packed.size > LG_VALUE_BYTES_MAX)
            return too_large(packed.size, err);
        lg_buf_append_slice(out, packed);
        return LG_OK;
    case LG_COMPRESSION_GZIP:
        return lg_gunzip(out, packed, err);
    case LG_COMPRESSION_ZSTD:
    case LG_COMPRESSION_ZSTD_WITH_DICT:
        return lg_zstd_decompress(codec->zstd, codec->dict, out, packed, err);
    }
    return lg_error_set(err, LG_ERR_UNSUPPORTED, "compression strategy %d", (int)codec->strategy);
}

/* The output's own ceiling is kept, if it is the lower one. */
enum lg_rc lg_value_codec_unpack(struct lg_value_codec *codec, struct lg_slice packed,
                                 struct lg_buf *out, struct lg_error *err)
{
    size_t ceiling = out->ceiling, begin = out->size;
    enum lg_rc rc;

    if (ceiling == 0 || ceiling > begin + LG_VALUE_BYTES_MAX)
        out->ceiling = begin + LG_VALUE_BYTES_MAX;
    rc = unpack(codec, packed, out, err);
    if (rc == LG_OK && !lg_buf_ok(out))
        rc = too_large(packed.size, err);
    out->ceiling = ceiling;
    if (rc == LG_ERR_BAD_DATA && err != NULL)
        err->rc = rc = LG_ERR_CORRUPT;
    else if (rc == LG_ERR_BAD_DATA)
        rc = LG_ERR_CORRUPT;
    return rc;
}
