/* Any bytes are refused or read; what is read is written back the same. */
#include "storage/checkpoint.h"

#include "base/hash.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    LG_SCOPED(lg_buf) b = {0};
    LG_SCOPED(lg_buf) again = {0};
    LG_SCOPED(lg_checkpoint) c = {0};
    struct lg_checkpoint twice;

    lg_buf_append(&b, data, size);
    lg_buf_append_u32le(&b, lg_crc32c(0, data, size)); /* Else nothing passes the checksum. */
    if (lg_checkpoint_decode(lg_buf_slice(&b), &c, NULL) != LG_OK)
        return 0;
    lg_checkpoint_encode(&again, &c);
    if (lg_checkpoint_decode(lg_buf_slice(&again), &twice, NULL) != LG_OK)
        __builtin_trap();
    if (twice.records != c.records || !lg_position_equal(&twice.position, &c.position))
        __builtin_trap();
    lg_checkpoint_done(&twice);
    return 0;
}
