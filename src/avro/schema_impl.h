/* The inside of a schema, for the files that build and walk it: schema.c, schema_parse.c,
 * schema_defaults.c, json_encode.c, canonical.c. Internal to this module.
 *
 * One document holds everything that came from one text: its nodes live in one arena and point at
 * each other freely (recursive types make cycles), and one count keeps them all. Immutable once
 * lg_schema_parse returned it.
 */
#ifndef LG_AVRO_SCHEMA_IMPL_H
#define LG_AVRO_SCHEMA_IMPL_H

#include "avro/decode.h"
#include "avro/json_path.h"
#include "avro/schema.h"
#include "base/arena.h"
#include "base/map.h"
#include "base/vec.h"

#define LG_AVRO_PRIMITIVE_COUNT 8 /* LG_AVRO_NULL to LG_AVRO_STRING */

enum lg_default_state { LG_DEFAULT_NONE, LG_DEFAULT_RAW, LG_DEFAULT_BUSY, LG_DEFAULT_READY };

struct lg_schema_field {
    struct lg_slice name; /* NUL-terminated, as all slices here that come from JSON */
    const struct lg_schema *schema;
    struct lg_slice doc;
    struct lg_slice *aliases;
    size_t alias_count;
    enum lg_field_order order;
    const struct lg_json *json;         /* the field's object */
    const struct lg_json *default_json; /* NULL without one */
    enum lg_default_state default_state;
    struct lg_slice default_bytes;
};

/* How far the check for endless records has come (schema_parse.c). */
enum lg_schema_mark { LG_MARK_NEW, LG_MARK_ENTERED, LG_MARK_DONE };

struct lg_schema {
    struct lg_schema_doc *doc;
    uint32_t number; /* among the nodes of the document */
    enum lg_avro_kind kind;
    const struct lg_json *json; /* a string, array or object */
    struct lg_slice full_name, name, space, doc_text, logical_type;
    struct lg_slice *aliases;
    size_t alias_count;
    struct lg_schema_field *fields;
    const struct lg_schema **branches;
    struct lg_slice *symbols;
    size_t count; /* of fields, branches or symbols */
    size_t symbol_default;
    const struct lg_schema *items; /* or a map's values */
    size_t fixed_bytes;
    size_t bytes_min;
    bool is_empty;
    size_t height; /* levels of records directly inside each other */
    enum lg_schema_mark mark;
    struct lg_map *index; /* field or symbol by name; values point into fields or symbols */
};

struct lg_schema_doc {
    unsigned refs;
    struct lg_arena *arena;
    struct lg_slice text;
    struct lg_json *json;
    struct lg_schema *root;
    struct lg_map *names; /* full name to node */
    LG_VEC(struct lg_schema *) nodes;
    struct lg_schema *primitives[LG_AVRO_PRIMITIVE_COUNT]; /* those without attributes, shared */
    size_t default_bytes;                                  /* of all fields so far */
};

void lg_schema_doc_free(struct lg_schema_doc *doc); /* NULL and half-built are allowed. */
LG_DEFINE_AUTO(lg_schema_doc, lg_schema_doc_free)

/* Encodes the default of field i, and those it needs, once. */
LG_MUST_CHECK enum lg_rc lg_schema_default_prepare(const struct lg_schema *record, size_t i,
                                                   const struct lg_json_path *path, size_t depth,
                                                   struct lg_error *err);
/* As lg_avro_from_json, by the rules for defaults: bytes are code points up to 255, a union takes
 * its first branch that fits, members without a field are ignored as Java does. */
LG_MUST_CHECK enum lg_rc lg_avro_encode_default(const struct lg_schema *schema,
                                                const struct lg_json *json,
                                                const struct lg_json_path *path, size_t depth,
                                                struct lg_buf *out, struct lg_error *err);

/* As lg_avro_skip, for a datum that has depth - 1 records, arrays and maps around it. */
LG_MUST_CHECK enum lg_rc lg_avro_skip_at(const struct lg_schema *schema, struct lg_decoder *d,
                                         size_t depth, struct lg_error *err);

static inline bool lg_schema_is_named(const struct lg_schema *schema)
{
    return schema->kind == LG_AVRO_RECORD || schema->kind == LG_AVRO_ENUM ||
           schema->kind == LG_AVRO_FIXED;
}

#endif
