/* The schema model: life time, accessors, and the text of a part. Immutable, shared by lanes. */
#include "avro/schema.h"

#include "avro/schema_impl.h"
#include "base/ref.h"
#include "base/str.h"

static const char *const kind_names[LG_AVRO_KIND_COUNT] = {
    [LG_AVRO_NULL] = "null",   [LG_AVRO_BOOLEAN] = "boolean", [LG_AVRO_INT] = "int",
    [LG_AVRO_LONG] = "long",   [LG_AVRO_FLOAT] = "float",     [LG_AVRO_DOUBLE] = "double",
    [LG_AVRO_BYTES] = "bytes", [LG_AVRO_STRING] = "string",   [LG_AVRO_RECORD] = "record",
    [LG_AVRO_ENUM] = "enum",   [LG_AVRO_ARRAY] = "array",     [LG_AVRO_MAP] = "map",
    [LG_AVRO_UNION] = "union", [LG_AVRO_FIXED] = "fixed",
};

const char *lg_avro_kind_name(enum lg_avro_kind kind)
{
    assert((unsigned)kind < LG_AVRO_KIND_COUNT);
    return kind_names[kind];
}

void lg_schema_doc_free(struct lg_schema_doc *doc)
{
    if (doc == NULL)
        return;
    for (size_t i = 0; i < doc->nodes.size; i++)
        lg_map_free(doc->nodes.data[i]->index);
    LG_VEC_DONE(&doc->nodes);
    lg_map_free(doc->names);
    lg_json_unref(doc->json);
    lg_arena_free(doc->arena);
    lg_free(doc);
}

struct lg_schema *lg_schema_ref(const struct lg_schema *schema)
{
    lg_ref_get(&schema->doc->refs);
    return (struct lg_schema *)schema;
}

void lg_schema_unref(struct lg_schema *schema)
{
    if (schema != NULL && lg_ref_put(&schema->doc->refs))
        lg_schema_doc_free(schema->doc);
}

struct lg_slice lg_schema_text(const struct lg_schema *schema)
{
    return schema->doc->text;
}

enum lg_avro_kind lg_schema_kind(const struct lg_schema *schema)
{
    return schema->kind;
}

struct lg_slice lg_schema_full_name(const struct lg_schema *schema)
{
    return schema->full_name;
}

struct lg_slice lg_schema_name(const struct lg_schema *schema)
{
    return schema->name;
}

struct lg_slice lg_schema_namespace(const struct lg_schema *schema)
{
    return schema->space;
}

size_t lg_schema_alias_count(const struct lg_schema *schema)
{
    return schema->alias_count;
}

struct lg_slice lg_schema_alias(const struct lg_schema *schema, size_t i)
{
    assert(i < schema->alias_count);
    return schema->aliases[i];
}

struct lg_slice lg_schema_doc(const struct lg_schema *schema)
{
    return schema->doc_text;
}

struct lg_slice lg_schema_logical_type(const struct lg_schema *schema)
{
    return schema->logical_type;
}

const struct lg_json *lg_schema_attribute(const struct lg_schema *schema, const char *name)
{
    return lg_json_type(schema->json) == LG_JSON_OBJECT ? lg_json_get(schema->json, name) : NULL;
}

size_t lg_schema_bytes_min(const struct lg_schema *schema)
{
    return schema->bytes_min;
}

bool lg_schema_is_empty(const struct lg_schema *schema)
{
    return schema->is_empty;
}

/* --- Records. --------------------------------------------------------------------------------- */

static const struct lg_schema_field *field_at(const struct lg_schema *record, size_t i)
{
    assert(record->kind == LG_AVRO_RECORD && i < record->count);
    return &record->fields[i];
}

size_t lg_schema_field_count(const struct lg_schema *record)
{
    return record->kind == LG_AVRO_RECORD ? record->count : 0;
}

struct lg_slice lg_schema_field_name(const struct lg_schema *record, size_t i)
{
    return field_at(record, i)->name;
}

const struct lg_schema *lg_schema_field_schema(const struct lg_schema *record, size_t i)
{
    return field_at(record, i)->schema;
}

struct lg_slice lg_schema_field_doc(const struct lg_schema *record, size_t i)
{
    return field_at(record, i)->doc;
}

enum lg_field_order lg_schema_field_order(const struct lg_schema *record, size_t i)
{
    return field_at(record, i)->order;
}

size_t lg_schema_field_alias_count(const struct lg_schema *record, size_t i)
{
    return field_at(record, i)->alias_count;
}

struct lg_slice lg_schema_field_alias(const struct lg_schema *record, size_t i, size_t alias)
{
    assert(alias < field_at(record, i)->alias_count);
    return field_at(record, i)->aliases[alias];
}

bool lg_schema_field_has_default(const struct lg_schema *record, size_t i)
{
    return field_at(record, i)->default_json != NULL;
}

struct lg_slice lg_schema_field_default(const struct lg_schema *record, size_t i)
{
    return field_at(record, i)->default_bytes;
}

size_t lg_schema_field_index(const struct lg_schema *record, struct lg_slice name)
{
    const struct lg_schema_field *field;

    if (record->kind != LG_AVRO_RECORD)
        return LG_SCHEMA_NO_INDEX;
    field = lg_map_get(record->index, name);
    return field == NULL ? LG_SCHEMA_NO_INDEX : (size_t)(field - record->fields);
}

const char *lg_schema_field_nearest(const struct lg_schema *record, const char *name)
{
    size_t n = lg_schema_field_count(record);
    const char **names = lg_new_array(const char *, n);
    const char *nearest;

    for (size_t i = 0; i < n; i++)
        names[i] = (const char *)record->fields[i].name.data;
    nearest = lg_nearest(name, names, n);
    lg_free(names);
    return nearest;
}

/* --- Unions, arrays, maps, enums, fixed. ------------------------------------------------------ */

size_t lg_schema_branch_count(const struct lg_schema *branches)
{
    return branches->kind == LG_AVRO_UNION ? branches->count : 0;
}

const struct lg_schema *lg_schema_branch(const struct lg_schema *branches, size_t i)
{
    assert(branches->kind == LG_AVRO_UNION && i < branches->count);
    return branches->branches[i];
}

const struct lg_schema *lg_schema_items(const struct lg_schema *array)
{
    return array->kind == LG_AVRO_ARRAY ? array->items : NULL;
}

const struct lg_schema *lg_schema_values(const struct lg_schema *map)
{
    return map->kind == LG_AVRO_MAP ? map->items : NULL;
}

size_t lg_schema_symbol_count(const struct lg_schema *enumeration)
{
    return enumeration->kind == LG_AVRO_ENUM ? enumeration->count : 0;
}

struct lg_slice lg_schema_symbol(const struct lg_schema *enumeration, size_t i)
{
    assert(enumeration->kind == LG_AVRO_ENUM && i < enumeration->count);
    return enumeration->symbols[i];
}

size_t lg_schema_symbol_index(const struct lg_schema *enumeration, struct lg_slice symbol)
{
    const struct lg_slice *found;

    if (enumeration->kind != LG_AVRO_ENUM)
        return LG_SCHEMA_NO_INDEX;
    found = lg_map_get(enumeration->index, symbol);
    return found == NULL ? LG_SCHEMA_NO_INDEX : (size_t)(found - enumeration->symbols);
}

size_t lg_schema_symbol_default(const struct lg_schema *enumeration)
{
    return enumeration->kind == LG_AVRO_ENUM ? enumeration->symbol_default : LG_SCHEMA_NO_INDEX;
}

size_t lg_schema_fixed_bytes(const struct lg_schema *fixed)
{
    return fixed->kind == LG_AVRO_FIXED ? fixed->fixed_bytes : 0;
}
