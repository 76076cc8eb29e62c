/* Any bytes as a record: what decodes encodes to something that decodes to the same, agrees with
 * the schema, and its arrays and maps hold as many items as they say. */
#include "record/envelope.h"

#include "avro/decode.h"
#include "record/control.h"
#include "record/headers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct lg_schema *schema(void)
{
    static struct lg_schema *parsed; /* Kept for the whole run. */

    if (parsed == NULL && lg_schema_parse(lg_headers_protocol_schema(), &parsed, NULL) != LG_OK)
        __builtin_trap();
    return parsed;
}

static void check_debug_info(const struct lg_control *c)
{
    struct lg_sequence_cursor at = {.encoded = c->debug_info.encoded};
    struct lg_slice key, value;
    uint64_t n = 0;

    while (lg_sequence_next_pair(&at, &key, &value))
        n++;
    if (n != c->debug_info.count)
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    LG_SCOPED(lg_buf) once = {0};
    LG_SCOPED(lg_buf) twice = {0};
    struct lg_checksum sum;
    struct lg_envelope e, again;
    enum lg_key_header header;
    struct lg_slice key;

    if (lg_envelope_decode_key(lg_slice(data, size), &header, &key, NULL) == LG_OK &&
        key.size + 1 != size)
        __builtin_trap();
    if (lg_envelope_decode(lg_slice(data, size), &e, NULL) != LG_OK)
        return 0;
    if (lg_avro_check(schema(), lg_slice(data + 2, size - 2), NULL) != LG_OK)
        __builtin_trap();
    if (e.type == LG_MESSAGE_CONTROL)
        check_debug_info(&e.control);
    lg_checksum_init(&sum, LG_CHECKSUM_ADHASH);
    lg_checksum_feed(&sum, &e, LG_LIT("key"));
    lg_envelope_encode(&once, &e);
    if (lg_envelope_decode(lg_buf_slice(&once), &again, NULL) != LG_OK)
        __builtin_trap();
    lg_envelope_encode(&twice, &again);
    if (!lg_slice_eq(lg_buf_slice(&once), lg_buf_slice(&twice)))
        __builtin_trap();
    return 0;
}
