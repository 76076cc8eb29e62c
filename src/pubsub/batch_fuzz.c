/* Fuzzes the reader of batches: any bytes are read or refused, and what is read writes back to the
 * bytes it came from. */
#include "pubsub/batch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lg_batch_reader reader = lg_batch_read(lg_slice(data, size));
    struct lg_error err = {0};
    size_t count = 0, seen = 0;
    enum lg_rc checked = lg_batch_check(lg_slice(data, size), &count, &err);

    for (;;) {
        LG_SCOPED(lg_buf) again = {0};
        struct lg_slice before = reader.rest;
        struct lg_pubsub_record record;
        bool end = false;
        enum lg_rc rc = lg_batch_next(&reader, &record, &end, &err);

        if (rc != LG_OK) {
            assert(checked != LG_OK);
            break;
        }
        if (end) {
            assert(checked == LG_OK && count == seen);
            break;
        }
        seen++;
        lg_batch_add(&again, &record);
        assert(again.size == before.size - reader.rest.size);
        assert(memcmp(again.data, before.data, again.size) == 0);
    }
    return 0;
}
