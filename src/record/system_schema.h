/* The schemas of Venice's own records and the system stores that clients fetch them from
 * (wire-formats 2.3): "venice_system_store_SERVER_METADATA_RESPONSE" has the schemas of what
 * /metadata answers, by the id that its header says. Constant, of no lane. Pure.
 */
#ifndef LG_RECORD_SYSTEM_SCHEMA_H
#define LG_RECORD_SYSTEM_SCHEMA_H

#include "avro/schema.h"
#include "base/json.h"

#define LG_SYSTEM_STORE_PREFIX "venice_system_store_"

/* What our own answers are written with. */
#define LG_METADATA_RESPONSE_SCHEMA_ID 4
#define LG_ADMIN_RESPONSE_SCHEMA_ID 2
#define LG_STORE_PROPERTIES_SCHEMA_ID 1
#define LG_STORE_META_VALUE_SCHEMA_ID 47

struct lg_system_schema {
    const char *store;  /* "venice_system_store_SERVER_METADATA_RESPONSE" */
    const char *record; /* "MetadataResponseRecord": schemas/<record>.v<id>.avsc */
    int32_t id;         /* of the value schema */
    const char *text;   /* system_schema.c only: lg_system_schema_text */
    size_t text_size;
};

/* The schema as JSON without blanks and docs. */
struct lg_slice lg_system_schema_text(const struct lg_system_schema *schema);

/* Does a system store of this name exist? */
bool lg_system_store_exists(struct lg_slice store);
/* The schema of its keys; Venice gives "int" to those that hold nothing but schemas. */
struct lg_slice lg_system_store_key_schema(struct lg_slice store);
/* The i-th of all schemas: those of one store stand together, by id. NULL at the end. */
const struct lg_system_schema *lg_system_schema_at(size_t i);
/* NULL when there is none; id 0 finds the largest. */
const struct lg_system_schema *lg_system_schema_find(struct lg_slice store, int32_t id);

/* Appends a record of one of our answers, given in JSON by the rules of avro/json_text.h: members
 * that are missing take Venice's defaults. `word`: "SERVER_METADATA_RESPONSE". LG_ERR_BAD_DATA,
 * LG_ERR_TOO_LARGE. */
LG_MUST_CHECK enum lg_rc lg_system_record_encode(const char *word, int32_t id,
                                                 const struct lg_json *json, struct lg_buf *out,
                                                 struct lg_error *err);

#endif
