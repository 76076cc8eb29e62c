/* Values of record headers. Pure. */
#include "record/headers.h"

#include "base/buf.h"

void lg_headers_record_count(uint8_t out[LG_RECORD_COUNT_BYTES], int64_t count)
{
    assert(count >= LG_RECORD_COUNT_UNKNOWN);
    lg_store_u32be(out, (uint32_t)((uint64_t)count >> 32));
    lg_store_u32be(out + 4, (uint32_t)(uint64_t)count);
}

enum lg_rc lg_headers_parse_record_count(struct lg_slice value, int64_t *out, struct lg_error *err)
{
    int64_t count;

    if (value.size != LG_RECORD_COUNT_BYTES)
        return lg_error_set(err, LG_ERR_BAD_DATA, "header %s has %zu bytes, not %d",
                            LG_HEADER_RECORD_COUNT, value.size, LG_RECORD_COUNT_BYTES);
    count = (int64_t)lg_load_u64be(value.data);
    if (count < LG_RECORD_COUNT_UNKNOWN)
        return lg_error_set(err, LG_ERR_BAD_DATA, "header %s is %lld: neither a count nor -1",
                            LG_HEADER_RECORD_COUNT, (long long)count);
    *out = count;
    return LG_OK;
}
