/* A schema, a zero byte, and JSON. What is encoded must be a valid datum whose text reads back and
 * encodes to the same text. */
#include "avro/json_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void print(const struct lg_schema *s, struct lg_slice datum, struct lg_buf *out)
{
    struct lg_decoder d = lg_decoder_of(datum);
    struct lg_error err = {0};
    enum lg_rc rc = lg_avro_to_json(s, &d, out, &err);

    assert(rc == LG_OK || rc == LG_ERR_TOO_LARGE);
    assert(rc != LG_OK || lg_decoder_left(&d) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *zero = size == 0 ? NULL : memchr(data, 0, size);
    LG_AUTO(lg_schema) *s = NULL;
    LG_AUTO(lg_json) *json = NULL;
    LG_AUTO(lg_json) *json_again = NULL;
    LG_SCOPED(lg_buf) datum = lg_buf_with_ceiling((size_t)1 << 20);
    LG_SCOPED(lg_buf) text = lg_buf_with_ceiling((size_t)1 << 22);
    LG_SCOPED(lg_buf) text_again = lg_buf_with_ceiling((size_t)1 << 22);
    struct lg_error err = {0};

    if (zero == NULL || lg_schema_parse(lg_slice(data, (size_t)(zero - data)), &s, &err) != LG_OK)
        return 0;
    if (lg_json_parse(lg_slice_skip(lg_slice(data, size), (size_t)(zero - data) + 1), &json,
                      &err) != LG_OK)
        return 0;
    if (lg_avro_from_json(s, json, &datum, &err) != LG_OK)
        return 0;
    print(s, lg_buf_slice(&datum), &text);
    if (!lg_buf_ok(&text) || lg_json_parse(lg_buf_slice(&text), &json_again, &err) != LG_OK)
        return 0;
    lg_buf_clear(&datum);
    if (lg_avro_from_json(s, json_again, &datum, &err) == LG_OK)
        print(s, lg_buf_slice(&datum), &text_again);
    return 0;
}
