/* Any bytes as a saved state, their checksum made right: what loads saves to what loads the same,
 * and goes on judging messages. */
#include "ingest/integrity.h"

#include "base/hash.h"
#include "record/control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    LG_SCOPED(lg_buf) in = {0};
    LG_SCOPED(lg_buf) once = {0};
    LG_SCOPED(lg_buf) twice = {0};
    LG_AUTO(lg_integrity) *t = NULL;
    LG_AUTO(lg_integrity) *again = NULL;
    static const struct lg_integrity_rules rules = {0};
    struct lg_envelope e = {.type = LG_MESSAGE_PUT, .producer = {.sequence = 1}};

    if (size == 0)
        return 0;
    lg_buf_append(&in, data, size);
    lg_buf_append_u32be(&in, lg_crc32c(0, data, size));
    if (lg_integrity_load(lg_buf_slice(&in), &t, NULL) != LG_OK)
        return 0;
    lg_integrity_save(t, &once);
    if (lg_integrity_load(lg_buf_slice(&once), &again, NULL) != LG_OK)
        __builtin_trap();
    lg_integrity_save(again, &twice);
    if (!lg_slice_eq(lg_buf_slice(&once), lg_buf_slice(&twice)))
        __builtin_trap();
    if (size >= 21 + LG_GUID_BYTES)
        memcpy(e.producer.guid.bytes, data + 21, LG_GUID_BYTES);
    for (int i = 0; i < 3; i++, e.producer.sequence++)
        if (lg_integrity_check(t, &e, LG_LIT("k"), &rules, NULL) > LG_INTEGRITY_UNREGISTERED)
            __builtin_trap();
    return 0;
}
