/* A schema, a zero byte, and a datum. What is valid must print as JSON, and what prints must read
 * back, unless a union or a map with a key twice stands in the way. */
#include "avro/json_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *zero = size == 0 ? NULL : memchr(data, 0, size);
    size_t schema_bytes = zero == NULL ? size : (size_t)(zero - data);
    struct lg_slice datum =
        zero == NULL ? LG_SLICE_NULL : lg_slice(zero + 1, size - schema_bytes - 1);
    LG_AUTO(lg_schema) *s = NULL;
    LG_SCOPED(lg_buf) text = lg_buf_with_ceiling((size_t)1 << 20);
    struct lg_decoder skipped = lg_decoder_of(datum), printed = lg_decoder_of(datum);
    struct lg_slice field = {0};
    struct lg_error err = {0};
    enum lg_rc skip_rc, print_rc;

    if (lg_schema_parse(lg_slice(data, schema_bytes), &s, &err) != LG_OK)
        return 0;
    skip_rc = lg_avro_skip(s, &skipped, &err);
    print_rc = lg_avro_to_json(s, &printed, &text, &err);
    assert(skip_rc == LG_OK || skip_rc == LG_ERR_BAD_DATA);
    if (print_rc == LG_OK) {
        LG_AUTO(lg_json) *json = NULL;

        assert(skip_rc == LG_OK && skipped.at == printed.at);
        /* Keys with NUL bytes and nesting beyond the parser's are the only reasons to refuse. */
        if (lg_json_parse(lg_buf_slice(&text), &json, &err) == LG_OK) {
            LG_SCOPED(lg_buf) back = {0};
            enum lg_rc rc = lg_avro_from_json(s, json, &back, &err);

            if (rc == LG_OK)
                assert(lg_avro_check(s, lg_buf_slice(&back), &err) == LG_OK);
        }
    }
    for (size_t i = 0; i < lg_schema_field_count(s); i++) {
        if (lg_avro_field(s, datum, i, &field, &err) == LG_OK)
            assert(lg_avro_check(lg_schema_field_schema(s, i), field, NULL) == LG_OK);
    }
    return 0;
}
