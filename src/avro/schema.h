/* Avro 1.11 schemas: the model that every other file of this module walks.
 *
 * A parsed schema is immutable and may be shared by lanes; it is reference counted as a whole.
 * Accessors return borrowed parts (fields, branches, items ...), which live as long as the schema
 * they came from; lg_schema_ref on a part keeps the whole alive. Slices are borrowed likewise.
 * Pure: no I/O, no clock, no log.
 */
#ifndef LG_AVRO_SCHEMA_H
#define LG_AVRO_SCHEMA_H

#include "base/buf.h"
#include "base/json.h"

#define LG_SCHEMA_TEXT_BYTES_MAX ((size_t)1 << 20)
#define LG_SCHEMA_DEPTH_MAX 64      /* nested definitions in the JSON text */
#define LG_SCHEMA_FIELDS_MAX 4096   /* of one record */
#define LG_SCHEMA_SYMBOLS_MAX 65536 /* of one enum */
#define LG_SCHEMA_BRANCHES_MAX 256  /* of one union */
#define LG_SCHEMA_FIXED_BYTES_MAX ((size_t)1 << 24)
#define LG_SCHEMA_NAME_BYTES_MAX 1024                  /* a full name with its namespace */
#define LG_SCHEMA_DEFAULTS_BYTES_MAX ((size_t)1 << 20) /* encoded defaults of one schema */

enum lg_avro_kind {
    LG_AVRO_NULL,
    LG_AVRO_BOOLEAN,
    LG_AVRO_INT,
    LG_AVRO_LONG,
    LG_AVRO_FLOAT,
    LG_AVRO_DOUBLE,
    LG_AVRO_BYTES,
    LG_AVRO_STRING,
    LG_AVRO_RECORD, /* Also what old schemas call "error". */
    LG_AVRO_ENUM,
    LG_AVRO_ARRAY,
    LG_AVRO_MAP,
    LG_AVRO_UNION,
    LG_AVRO_FIXED,
};
#define LG_AVRO_KIND_COUNT 14

/* The word in schemas: "null", "record" ... */
const char *lg_avro_kind_name(enum lg_avro_kind kind);

enum lg_field_order { LG_FIELD_ASCENDING, LG_FIELD_DESCENDING, LG_FIELD_IGNORE };

struct lg_schema; /* Opaque. */

/* Parses and validates. LG_ERR_SCHEMA with the JSON path of the fault ("$.fields[2].type: ..."),
 * LG_ERR_BAD_DATA when the text is not JSON, LG_ERR_TOO_LARGE past a limit above.
 * The text may be a bare word like `"long"` with its quotes; the same without quotes is refused. */
LG_MUST_CHECK enum lg_rc lg_schema_parse(struct lg_slice json_text, struct lg_schema **out,
                                         struct lg_error *err);
struct lg_schema *lg_schema_ref(const struct lg_schema *schema);
void lg_schema_unref(struct lg_schema *schema); /* NULL is allowed. */
LG_DEFINE_AUTO(lg_schema, lg_schema_unref)

/* The JSON text exactly as it was given to lg_schema_parse, whichever part is asked. */
struct lg_slice lg_schema_text(const struct lg_schema *schema);
/* A JSON text of this part alone, which parses by itself: names are full, each named type is
 * defined where it occurs first, all attributes are kept. LG_ERR_TOO_LARGE when types nest deeper
 * than LG_SCHEMA_DEPTH_MAX. */
LG_MUST_CHECK enum lg_rc lg_schema_part_text(const struct lg_schema *schema, struct lg_buf *out,
                                             struct lg_error *err);

enum lg_avro_kind lg_schema_kind(const struct lg_schema *schema);
/* "com.example.City" of a named type (record, enum, fixed), else the kind's word. */
struct lg_slice lg_schema_full_name(const struct lg_schema *schema);
/* "City", or the kind's word. */
struct lg_slice lg_schema_name(const struct lg_schema *schema);
/* "com.example"; empty without one. */
struct lg_slice lg_schema_namespace(const struct lg_schema *schema);
/* Full names that a reader's named type also answers to. */
size_t lg_schema_alias_count(const struct lg_schema *schema);
struct lg_slice lg_schema_alias(const struct lg_schema *schema, size_t i);
struct lg_slice lg_schema_doc(const struct lg_schema *schema);          /* empty without one */
struct lg_slice lg_schema_logical_type(const struct lg_schema *schema); /* empty without one */
/* Any attribute of the definition (precision, avro.java.string ...) or NULL. Do not keep or change
 * it: JSON values are not thread-safe, only reading them is. */
const struct lg_json *lg_schema_attribute(const struct lg_schema *schema, const char *name);

/* Fewest bytes a datum takes. */
size_t lg_schema_bytes_min(const struct lg_schema *schema);
/* True when every datum takes 0 bytes: null, fixed of size 0, records of nothing else. */
bool lg_schema_is_empty(const struct lg_schema *schema);

/* --- Records. i < field_count, else it is the caller's mistake. ------------------------------- */
#define LG_SCHEMA_NO_INDEX ((size_t)-1)
size_t lg_schema_field_count(const struct lg_schema *record); /* 0 unless a record */
struct lg_slice lg_schema_field_name(const struct lg_schema *record, size_t i);
const struct lg_schema *lg_schema_field_schema(const struct lg_schema *record, size_t i);
struct lg_slice lg_schema_field_doc(const struct lg_schema *record, size_t i);
enum lg_field_order lg_schema_field_order(const struct lg_schema *record, size_t i);
size_t lg_schema_field_alias_count(const struct lg_schema *record, size_t i);
struct lg_slice lg_schema_field_alias(const struct lg_schema *record, size_t i, size_t alias);
bool lg_schema_field_has_default(const struct lg_schema *record, size_t i);
/* The default, encoded as a datum of the field's schema; empty without one. */
struct lg_slice lg_schema_field_default(const struct lg_schema *record, size_t i);
/* LG_SCHEMA_NO_INDEX when the record has no such field. */
size_t lg_schema_field_index(const struct lg_schema *record, struct lg_slice name);
/* The field whose name is nearest, for "did you mean"; NULL when none is near. */
const char *lg_schema_field_nearest(const struct lg_schema *record, const char *name);

/* --- Unions. ---------------------------------------------------------------------------------- */
size_t lg_schema_branch_count(const struct lg_schema *branches); /* 0 unless a union */
const struct lg_schema *lg_schema_branch(const struct lg_schema *branches, size_t i);

/* --- Arrays and maps: NULL of any other kind. ------------------------------------------------- */
const struct lg_schema *lg_schema_items(const struct lg_schema *array);
const struct lg_schema *lg_schema_values(const struct lg_schema *map);

/* --- Enums. ----------------------------------------------------------------------------------- */
size_t lg_schema_symbol_count(const struct lg_schema *enumeration); /* 0 unless an enum */
struct lg_slice lg_schema_symbol(const struct lg_schema *enumeration, size_t i);
size_t lg_schema_symbol_index(const struct lg_schema *enumeration, struct lg_slice symbol);
/* The symbol that stands for unknown ones, or LG_SCHEMA_NO_INDEX. */
size_t lg_schema_symbol_default(const struct lg_schema *enumeration);

/* --- Fixed. ----------------------------------------------------------------------------------- */
size_t lg_schema_fixed_bytes(const struct lg_schema *fixed); /* 0 unless a fixed */

#endif
