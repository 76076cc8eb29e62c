/* Any bytes as a position in its wire and text forms: what is read writes to what reads the same.
 */
#include "model/position.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    LG_SCOPED(lg_buf) out = {0};
    struct lg_position p, again;
    int64_t offset;

    if (lg_position_decode(lg_slice(data, size), &p, NULL) == LG_OK) {
        lg_position_encode(&out, &p);
        if (lg_position_decode(lg_buf_slice(&out), &again, NULL) != LG_OK ||
            !lg_position_equal(&p, &again))
            __builtin_trap();
        if (lg_position_offset(&p, &offset) && offset < 0)
            __builtin_trap();
    }
    lg_buf_clear(&out);
    if (lg_position_parse_text(lg_slice(data, size), &p, NULL) == LG_OK) {
        lg_position_write_text(&out, &p);
        if (lg_position_parse_text(lg_buf_slice(&out), &again, NULL) != LG_OK ||
            !lg_position_equal(&p, &again))
            __builtin_trap();
    }
    return 0;
}
