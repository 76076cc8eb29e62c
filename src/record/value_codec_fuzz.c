/* Any bytes as a compressed value: the first byte is the strategy. What unpacks is within the limit
 * and packs to something that unpacks to the same. */
#include "record/value_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct lg_value_codec *codecs[4]; /* Kept for the whole run. */
    LG_SCOPED(lg_buf) plain = {0}, packed = {0}, again = {0};
    struct lg_value_codec **codec;

    if (size == 0)
        return 0;
    codec = &codecs[data[0] % 4];
    if (*codec == NULL &&
        lg_value_codec_new((enum lg_compression)(data[0] % 4),
                           LG_LIT("some words that values may repeat"), codec, NULL) != LG_OK)
        __builtin_trap();
    if (lg_value_codec_unpack(*codec, lg_slice(data + 1, size - 1), &plain, NULL) != LG_OK)
        return 0;
    if (plain.size > LG_VALUE_BYTES_MAX)
        __builtin_trap();
    if (lg_value_codec_pack(*codec, lg_buf_slice(&plain), &packed, NULL) == LG_OK &&
        (lg_value_codec_unpack(*codec, lg_buf_slice(&packed), &again, NULL) != LG_OK ||
         !lg_slice_eq(lg_buf_slice(&again), lg_buf_slice(&plain))))
        __builtin_trap();
    return 0;
}
