/* Any text as a store's JSON: refused, or a store that survives being written and read again. */
#include "model/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    LG_AUTO(lg_json) *json = NULL;
    LG_AUTO(lg_json) *again = NULL;
    LG_AUTO(lg_store) *store = NULL;
    LG_AUTO(lg_store) *copy = NULL;
    struct lg_error err;

    if (lg_json_parse(lg_slice(data, size), &json, &err) != LG_OK ||
        lg_store_from_json(json, &store, &err) != LG_OK)
        return 0;
    again = lg_store_to_json(store, LG_STORE_JSON_PERSISTENT);
    if (lg_store_from_json(again, &copy, &err) == LG_OK)
        assert(copy->versions.size == store->versions.size &&
               copy->current_version == store->current_version);
    else
        assert(false && "what we write we must read");
    return 0;
}
