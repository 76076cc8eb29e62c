/* The codecs of container files over base/compressor.h. Pure. */
#include "avro/container_codec.h"

#include "base/hash.h"

#define CRC_BYTES 4

static const char *const names[LG_CODEC_COUNT] = {
    [LG_CODEC_NULL] = "null",
    [LG_CODEC_DEFLATE] = "deflate",
    [LG_CODEC_SNAPPY] = "snappy",
    [LG_CODEC_ZSTANDARD] = "zstandard",
};

const char *lg_codec_name(enum lg_container_codec codec)
{
    assert((unsigned)codec < LG_CODEC_COUNT);
    return names[codec];
}

bool lg_codec_of_name(struct lg_slice name, enum lg_container_codec *out)
{
    for (size_t i = 0; i < LG_CODEC_COUNT; i++) {
        if (lg_slice_eq_str(name, names[i])) {
            *out = (enum lg_container_codec)i;
            return true;
        }
    }
    return false;
}

static enum lg_rc too_large(const struct lg_buf *out, struct lg_error *err)
{
    return lg_error_set(err, LG_ERR_TOO_LARGE, "the block is over the limit of %zu bytes",
                        out->ceiling == 0 ? LG_BUF_CEILING_DEFAULT : out->ceiling);
}

static bool has_room(const struct lg_buf *out, size_t n)
{
    size_t ceiling = out->ceiling == 0 ? LG_BUF_CEILING_DEFAULT : out->ceiling;

    return !out->overflowed && out->size <= ceiling && n <= ceiling - out->size;
}

static enum lg_rc copy(struct lg_buf *out, struct lg_slice bytes, struct lg_error *err)
{
    if (!has_room(out, bytes.size))
        return too_large(out, err);
    lg_buf_append_slice(out, bytes);
    return LG_OK;
}

static enum lg_rc snappy_pack(struct lg_buf *out, struct lg_slice plain, struct lg_error *err)
{
    size_t before = out->size;
    enum lg_rc rc = lg_snappy_compress(out, plain, err);

    if (rc != LG_OK)
        return rc;
    if (!has_room(out, CRC_BYTES)) {
        out->size = before;
        return too_large(out, err);
    }
    lg_buf_append_u32be(out, lg_crc32(0, plain.data, plain.size));
    return LG_OK;
}

static enum lg_rc snappy_unpack(struct lg_buf *out, struct lg_slice stored, struct lg_error *err)
{
    size_t before = out->size;
    uint32_t want, got;
    enum lg_rc rc;

    if (stored.size < CRC_BYTES)
        return lg_error_set(err, LG_ERR_BAD_DATA, "the snappy block has no room for its checksum");
    want = lg_load_u32be(stored.data + stored.size - CRC_BYTES);
    rc = lg_snappy_decompress(out, lg_slice(stored.data, stored.size - CRC_BYTES), err);
    if (rc != LG_OK)
        return rc;
    got = out->size == before ? lg_crc32(0, NULL, 0)
                              : lg_crc32(0, out->data + before, out->size - before);
    if (want == got)
        return LG_OK;
    out->size = before;
    return lg_error_set(err, LG_ERR_BAD_DATA,
                        "the snappy block is damaged: its checksum is %08x, that of its content "
                        "%08x",
                        want, got);
}

enum lg_rc lg_codec_pack(enum lg_container_codec codec, struct lg_zstd *zstd, struct lg_buf *out,
                         struct lg_slice plain, struct lg_error *err)
{
    switch (codec) {
    case LG_CODEC_DEFLATE:
        return lg_deflate_raw(out, plain, err);
    case LG_CODEC_SNAPPY:
        return snappy_pack(out, plain, err);
    case LG_CODEC_ZSTANDARD:
        return lg_zstd_compress(zstd, /* dict= */ NULL, out, plain, err);
    default:
        return copy(out, plain, err);
    }
}

enum lg_rc lg_codec_unpack(enum lg_container_codec codec, struct lg_zstd *zstd, struct lg_buf *out,
                           struct lg_slice stored, struct lg_error *err)
{
    switch (codec) {
    case LG_CODEC_DEFLATE:
        return lg_inflate_raw(out, stored, err);
    case LG_CODEC_SNAPPY:
        return snappy_unpack(out, stored, err);
    case LG_CODEC_ZSTANDARD:
        return lg_zstd_decompress(zstd, /* dict= */ NULL, out, stored, err);
    default:
        return copy(out, stored, err);
    }
}
