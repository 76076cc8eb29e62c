/* Any bytes as a container file, by records. */
#include "avro/container.h"
#include "avro/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lg_slice rest = lg_slice(data, size);
    LG_AUTO(lg_container) *c = NULL;
    struct lg_error err = {0};
    bool at_end = false;

    if (lg_container_open(lg_source_of_slice(&rest), &c, &err) != LG_OK)
        return 0;
    while (!at_end) { /* Records of 0 bytes are bounded by the reader, others by the file. */
        struct lg_slice record = {0};

        if (lg_container_next_record(c, &record, &at_end, &err) != LG_OK)
            return 0;
        if (!at_end)
            assert(lg_avro_check(lg_container_schema(c), record, &err) == LG_OK);
    }
    assert(lg_container_offset(c) == size);
    return 0;
}
