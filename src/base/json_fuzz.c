/* Fuzzes the JSON parser and the writer: what is read must be written so that it reads back equal,
 * compact and pretty. */
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    LG_AUTO(lg_json) *j = NULL;
    struct lg_error err;

    if (lg_json_parse(lg_slice(data, size), &j, &err) != LG_OK)
        return 0;
    for (int pretty = 0; pretty < 2; pretty++) {
        LG_SCOPED(lg_buf) text = {0};
        LG_AUTO(lg_json) *again = NULL;
        enum lg_rc rc;

        lg_json_write(&text, j, pretty != 0);
        rc = lg_json_parse(lg_buf_slice(&text), &again, &err);
        assert(rc == LG_OK);
        assert(lg_json_equal(j, again));
    }
    return 0;
}
