/* The table of system stores: texts come from schemas/ by way of tools/gen_schemas.py. Pure. */
#include "record/system_schema.h"

#include <stdio.h>

#include "avro/json_text.h"
#include "record/headers.h"

#define META_STORE LG_SYSTEM_STORE_PREFIX "METADATA_SYSTEM_SCHEMA_STORE"
#define META_STORE_KEY META_STORE "_KEY"

/* clang-format off */
static const struct lg_system_schema schemas[] = {
#define X(word, record, id, text) {LG_SYSTEM_STORE_PREFIX #word, record, id, text, sizeof(text) - 1},
#include "record/system_schemas.def"
#undef X
    /* Its text is what messages carry: record/protocol_schema.c. */
    {LG_SYSTEM_STORE_PREFIX "KAFKA_MESSAGE_ENVELOPE", "KafkaMessageEnvelope", 14, NULL, 0},
};
/* clang-format on */

struct lg_slice lg_system_schema_text(const struct lg_system_schema *schema)
{
    return schema->text == NULL ? lg_headers_protocol_schema()
                                : lg_slice(schema->text, schema->text_size);
}

const struct lg_system_schema *lg_system_schema_at(size_t i)
{
    return i < LG_ARRAY_SIZE(schemas) ? &schemas[i] : NULL;
}

const struct lg_system_schema *lg_system_schema_find(struct lg_slice store, int32_t id)
{
    const struct lg_system_schema *found = NULL;

    for (size_t i = 0; i < LG_ARRAY_SIZE(schemas); i++)
        if (lg_slice_eq_str(store, schemas[i].store) && (id == 0 || id == schemas[i].id))
            found = &schemas[i]; /* Ids ascend. */
    return found;
}

bool lg_system_store_exists(struct lg_slice store)
{
    return lg_system_schema_find(store, 0) != NULL;
}

struct lg_slice lg_system_store_key_schema(struct lg_slice store)
{
    static const char none[] = "\"int\"";

    if (lg_slice_eq_str(store, META_STORE))
        return lg_system_schema_text(lg_system_schema_find(lg_slice_str(META_STORE_KEY), 0));
    return lg_slice(none, sizeof none - 1);
}

enum lg_rc lg_system_record_encode(const char *word, int32_t id, const struct lg_json *json,
                                   struct lg_buf *out, struct lg_error *err)
{
    LG_AUTO(lg_schema) *schema = NULL;
    const struct lg_system_schema *found;
    char store[64];
    enum lg_rc rc;

    (void)snprintf(store, sizeof store, LG_SYSTEM_STORE_PREFIX "%s", word);
    found = lg_system_schema_find(lg_slice_str(store), id);
    assert(found != NULL && "our own answers have schemas");
    rc = lg_schema_parse(lg_system_schema_text(found), &schema, err);
    return rc == LG_OK ? lg_avro_from_json(schema, json, out, err) : rc;
}
