/* Any bytes as a file of profiles; what is taken is written and taken again. */
#include "admin/profile.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    LG_SCOPED(lg_profiles) p = {0}, again = {0};
    LG_SCOPED(lg_buf) text = {0};
    struct lg_error err;

    if (lg_profiles_parse(lg_slice(data, size), &p, &err) != LG_OK)
        return 0;
    lg_profiles_write(&text, &p);
    if (text.size <= LG_PROFILE_FILE_BYTES_MAX &&
        (lg_profiles_parse(lg_buf_slice(&text), &again, &err) != LG_OK || again.count != p.count))
        abort();
    return 0;
}
