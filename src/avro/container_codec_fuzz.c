/* A codec (first byte), then: bytes to pack, which must come back; and the same bytes as a packed
 * block, which may be refused but never more than the ceiling. */
#include "avro/container_codec.h"

#define PLAIN_BYTES_MAX ((size_t)4 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    LG_AUTO(lg_zstd) *zstd = NULL;
    LG_SCOPED(lg_buf) packed = {0};
    LG_SCOPED(lg_buf) plain = lg_buf_with_ceiling(PLAIN_BYTES_MAX);
    enum lg_container_codec codec;
    struct lg_slice in;
    struct lg_error err = {0};

    if (size == 0)
        return 0;
    codec = (enum lg_container_codec)(data[0] % LG_CODEC_COUNT);
    in = lg_slice(data + 1, size - 1);
    zstd = lg_zstd_new();
    lg_buf_append_str(&plain, "pre");
    if (lg_codec_unpack(codec, zstd, &plain, in, &err) != LG_OK)
        assert(plain.size == 3);
    assert(lg_buf_ok(&plain) && plain.size <= PLAIN_BYTES_MAX);
    plain.size = 0;
    assert(lg_codec_pack(codec, zstd, &packed, in, &err) == LG_OK);
    assert(lg_codec_unpack(codec, zstd, &plain, lg_buf_slice(&packed), &err) == LG_OK);
    assert(lg_slice_eq(lg_buf_slice(&plain), in));
    return 0;
}
