/* Any bytes as a path: parsed or refused, never more. */
#include "router/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    LG_AUTO(lg_arena) *arena = lg_arena_new(1 << 20);
    struct lg_router_path path;
    struct lg_error err;

    if (lg_router_path_parse(lg_slice(data, size), arena, &path, &err) == LG_OK)
        assert(path.resource.size + path.rest.size <= size);
    return 0;
}
