/* Any bytes as a path: parsed or refused, never more; and who may take it is asked about what it
 * was taken apart into. */
#include "router/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    LG_AUTO(lg_arena) *arena = lg_arena_new(1 << 20);
    struct lg_router_path path;
    struct lg_router_scope scope;
    struct lg_error err;

    if (lg_router_path_parse(lg_slice(data, size), arena, &path, &err) != LG_OK)
        return 0;
    assert(path.resource.size + path.rest.size <= size);
    scope = lg_router_scope_of(&path, size % 2 == 0 ? LG_HTTP_GET : LG_HTTP_POST);
    if ((path.type == LG_ROUTER_STORAGE || path.type == LG_ROUTER_COMPUTE))
        assert(!scope.is_free && lg_slice_eq(scope.store, path.resource));
    if (path.type == LG_ROUTER_V1 && lg_slice_eq_str(path.resource, "stores"))
        assert(!scope.is_free && lg_slice_eq(scope.store, lg_router_v1_path(&path).store));
    return 0;
}
