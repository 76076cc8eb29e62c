/* System stores, made from the table in record/system_schema.h. */
#include "router/system_store.h"

#include "base/str.h"
#include "base/vec.h"
#include "record/system_schema.h"

struct lg_store *lg_router_system_store(struct lg_slice name)
{
    struct lg_slice key = lg_system_store_key_schema(name);
    const struct lg_system_schema *schema;
    LG_AUTO_STR char *key_text = NULL;
    LG_AUTO_STR char *name_text = NULL;
    struct lg_store *store;

    if (!lg_system_store_exists(name))
        return NULL;
    key_text = lg_strndup((const char *)key.data, key.size);
    name_text = lg_strndup((const char *)name.data, name.size);
    store = lg_store_new(name_text, "", key_text, /* now_ms= */ 0);
    for (size_t i = 0; (schema = lg_system_schema_at(i)) != NULL; i++) {
        struct lg_slice text = lg_system_schema_text(schema);
        struct lg_store_schema row = {.id = schema->id};

        if (!lg_slice_eq_str(name, schema->store))
            continue;
        row.text = lg_strndup((const char *)text.data, text.size);
        LG_VEC_PUSH(&store->value_schemas, row);
    }
    return store;
}
