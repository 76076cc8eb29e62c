/* Any bytes as the three kinds of multi-key bodies: read to the end or refused. */
#include "read/wire.h"

#define RECORDS_MAX 100000u /* every record takes a byte at least */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lg_decoder keys = lg_decoder_of(lg_slice(data, size)), client = keys, values = keys;
    struct lg_error err;
    struct lg_wire_key key;
    struct lg_wire_value value;
    struct lg_slice text;
    bool end = false;
    size_t n = 0;

    while (lg_wire_key_next(&keys, &key, &end, &err) == LG_OK && !end && n++ < RECORDS_MAX)
        assert(key.key.size <= size);
    end = false;
    n = 0;
    while (lg_wire_client_key_next(&client, &text, &end, &err) == LG_OK && !end &&
           n++ < RECORDS_MAX)
        assert(text.size <= size);
    end = false;
    n = 0;
    while (lg_wire_value_next(&values, &value, &end, &err) == LG_OK && !end && n++ < RECORDS_MAX)
        assert(value.value.size <= size);
    return 0;
}
