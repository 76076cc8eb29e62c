/* Any text as a schema. What parses must survive every walk, and its own text must parse to the
 * same canonical form. */
#include "avro/canonical.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    LG_AUTO(lg_schema) *s = NULL;
    LG_AUTO(lg_schema) *again = NULL;
    LG_SCOPED(lg_buf) text = {0};
    struct lg_error err = {0};

    if (lg_schema_parse(lg_slice(data, size), &s, &err) != LG_OK)
        return 0;
    lg_schema_canonical(s, &text);
    assert(lg_buf_ok(&text));
    if (lg_schema_parse(lg_buf_slice(&text), &again, &err) == LG_OK)
        assert(lg_schema_fingerprint(again) == lg_schema_fingerprint(s));
    lg_buf_clear(&text);
    assert(lg_schema_part_text(s, &text, &err) == LG_OK);
    for (size_t i = 0; i < lg_schema_field_count(s); i++) {
        enum lg_rc rc;

        lg_buf_clear(&text);
        rc = lg_schema_part_text(lg_schema_field_schema(s, i), &text, &err);
        assert(rc == LG_OK || rc == LG_ERR_TOO_LARGE);
    }
    return 0;
}
