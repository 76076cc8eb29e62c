/* Supersets: writes the merged schema as JSON text, then parses it, so that what comes out obeys
 * every rule that a user's schema does. Pure.
 *
 * A named type is merged wherever it occurs, also where only one of the two schemas mentions it,
 * because one name can have one definition only.
 */
#include "avro/superset.h"

#include "avro/schema_impl.h"

struct merge {
    const struct lg_schema_doc *first, *second;
    struct lg_buf *out;
    struct lg_map *written; /* full names defined so far */
    struct lg_error *err;
};

/* Either may be NULL, not both. */
static enum lg_rc write_pair(struct merge *m, const struct lg_schema *a, const struct lg_schema *b,
                             size_t depth);

static enum lg_rc contradict(struct merge *m, const struct lg_schema *a, const struct lg_schema *b)
{
    return lg_error_set(
        m->err, LG_ERR_SCHEMA,
        "there is no superset: the one schema has %.*s where the other has %.*s",
        LG_FMT(a->full_name.size > 0 ? a->full_name : lg_slice_str(lg_avro_kind_name(a->kind))),
        LG_FMT(b->full_name.size > 0 ? b->full_name : lg_slice_str(lg_avro_kind_name(b->kind))));
}

static void write_key(struct merge *m, const char *key, bool *is_first)
{
    if (!*is_first)
        lg_buf_append_byte(m->out, ',');
    *is_first = false;
    lg_json_write_string(m->out, lg_slice_str(key));
    lg_buf_append_byte(m->out, ':');
}

static void write_value(struct merge *m, const char *key, const struct lg_json *value,
                        bool *is_first)
{
    write_key(m, key, is_first);
    lg_json_write(m->out, value, /* pretty= */ false);
}

static bool is_among(const char *key, const char *const *keys)
{
    for (; *keys != NULL; keys++)
        if (strcmp(*keys, key) == 0)
            return true;
    return false;
}

/* The members of both objects but those of `own`: the first's, then those only the second has;
 * the doc is the second's. Either may be NULL. */
static void write_attributes(struct merge *m, const struct lg_json *a, const struct lg_json *b,
                             const char *const *own, bool *is_first)
{
    const char *key;
    struct lg_json *value;

    for (size_t i = 0; a != NULL && lg_json_next(a, &i, &key, &value);) {
        bool is_doc = strcmp(key, "doc") == 0 && b != NULL && lg_json_get(b, "doc") != NULL;

        if (!is_among(key, own))
            write_value(m, key, is_doc ? lg_json_get(b, "doc") : value, is_first);
    }
    for (size_t i = 0; b != NULL && lg_json_next(b, &i, &key, &value);)
        if (!is_among(key, own) && (a == NULL || lg_json_get(a, key) == NULL))
            write_value(m, key, value, is_first);
}

/* --- Records and enums. -------------------------------------------------------------------------
 */

static void write_names(struct merge *m, const struct lg_slice *names, size_t n)
{
    lg_buf_append_byte(m->out, '[');
    for (size_t i = 0; i < n; i++) {
        lg_buf_append_str(m->out, i == 0 ? "" : ",");
        lg_json_write_string(m->out, names[i]);
    }
    lg_buf_append_byte(m->out, ']');
}

static enum lg_rc write_field(struct merge *m, const struct lg_schema_field *a,
                              const struct lg_schema_field *b, size_t depth)
{
    static const char *const own[] = {"type", NULL};
    bool is_first = true;
    enum lg_rc rc;

    lg_buf_append_byte(m->out, '{');
    write_attributes(m, a == NULL ? NULL : a->json, b == NULL ? NULL : b->json, own, &is_first);
    write_key(m, "type", &is_first);
    rc = write_pair(m, a == NULL ? NULL : a->schema, b == NULL ? NULL : b->schema, depth + 1);
    lg_buf_append_byte(m->out, '}');
    return rc;
}

static enum lg_rc write_fields(struct merge *m, const struct lg_schema *a,
                               const struct lg_schema *b, size_t depth)
{
    bool any = false;
    enum lg_rc rc = LG_OK;

    lg_buf_append_byte(m->out, '[');
    for (size_t i = 0; rc == LG_OK && a != NULL && i < a->count; i++, any = true) {
        size_t at = b == NULL ? LG_SCHEMA_NO_INDEX : lg_schema_field_index(b, a->fields[i].name);

        lg_buf_append_str(m->out, any ? "," : "");
        rc = write_field(m, &a->fields[i], at == LG_SCHEMA_NO_INDEX ? NULL : &b->fields[at], depth);
    }
    for (size_t i = 0; rc == LG_OK && b != NULL && i < b->count; i++) {
        if (a != NULL && lg_schema_field_index(a, b->fields[i].name) != LG_SCHEMA_NO_INDEX)
            continue;
        lg_buf_append_str(m->out, any ? "," : "");
        any = true;
        rc = write_field(m, NULL, &b->fields[i], depth);
    }
    lg_buf_append_byte(m->out, ']');
    return rc;
}

static void write_symbols(struct merge *m, const struct lg_schema *a, const struct lg_schema *b)
{
    bool any = false;

    lg_buf_append_byte(m->out, '[');
    for (size_t i = 0; a != NULL && i < a->count; i++, any = true) {
        lg_buf_append_str(m->out, any ? "," : "");
        lg_json_write_string(m->out, a->symbols[i]);
    }
    for (size_t i = 0; b != NULL && i < b->count; i++) {
        if (a != NULL && lg_schema_symbol_index(a, b->symbols[i]) != LG_SCHEMA_NO_INDEX)
            continue;
        lg_buf_append_str(m->out, any ? "," : "");
        any = true;
        lg_json_write_string(m->out, b->symbols[i]);
    }
    lg_buf_append_byte(m->out, ']');
}

static enum lg_rc write_definition(struct merge *m, const struct lg_schema *a,
                                   const struct lg_schema *b, size_t depth)
{
    static const char *const own[] = {"name", "namespace", "aliases", "fields", "symbols", NULL};
    const struct lg_schema *any = a != NULL ? a : b;
    const struct lg_schema *aliased = a != NULL && a->alias_count > 0 ? a : b;
    bool is_first = true;
    enum lg_rc rc = LG_OK;

    lg_buf_append_byte(m->out, '{');
    write_key(m, "name", &is_first);
    lg_json_write_string(m->out, any->name);
    write_key(m, "namespace", &is_first); /* Always: else it would be inherited. */
    lg_json_write_string(m->out, any->space);
    if (aliased != NULL && aliased->alias_count > 0) {
        write_key(m, "aliases", &is_first);
        write_names(m, aliased->aliases, aliased->alias_count);
    }
    write_attributes(m, a == NULL ? NULL : a->json, b == NULL ? NULL : b->json, own, &is_first);
    if (any->kind == LG_AVRO_RECORD) {
        write_key(m, "fields", &is_first);
        rc = write_fields(m, a, b, depth);
    } else if (any->kind == LG_AVRO_ENUM) {
        write_key(m, "symbols", &is_first);
        write_symbols(m, a, b);
    }
    lg_buf_append_byte(m->out, '}');
    return rc;
}

/* One name, one definition: of both schemas, whichever mentions it here. */
static enum lg_rc write_named(struct merge *m, struct lg_slice name, size_t depth)
{
    const struct lg_schema *a = lg_map_get(m->first->names, name);
    const struct lg_schema *b = lg_map_get(m->second->names, name);

    if (lg_map_put(m->written, name, m) != NULL) {
        lg_json_write_string(m->out, name);
        return LG_OK;
    }
    if (a != NULL && b != NULL &&
        (a->kind != b->kind || (a->kind == LG_AVRO_FIXED && a->fixed_bytes != b->fixed_bytes)))
        return lg_error_set(m->err, LG_ERR_SCHEMA,
                            "there is no superset: the two schemas define %.*s differently",
                            LG_FMT(name));
    return write_definition(m, a, b, depth);
}

/* --- Unions and the rest. -----------------------------------------------------------------------
 */

static const struct lg_schema *find_branch(const struct lg_schema *branches,
                                           const struct lg_schema *like)
{
    for (size_t i = 0; branches != NULL && i < branches->count; i++) {
        const struct lg_schema *b = branches->branches[i];

        if (b->kind == like->kind &&
            (!lg_schema_is_named(b) || lg_slice_eq(b->full_name, like->full_name)))
            return b;
    }
    return NULL;
}

static enum lg_rc write_union(struct merge *m, const struct lg_schema *a, const struct lg_schema *b,
                              size_t depth)
{
    bool any = false;
    enum lg_rc rc = LG_OK;

    lg_buf_append_byte(m->out, '[');
    for (size_t i = 0; rc == LG_OK && a != NULL && i < a->count; i++, any = true) {
        lg_buf_append_str(m->out, any ? "," : "");
        rc = write_pair(m, a->branches[i], find_branch(b, a->branches[i]), depth + 1);
    }
    for (size_t i = 0; rc == LG_OK && b != NULL && i < b->count; i++) {
        if (find_branch(a, b->branches[i]) != NULL)
            continue;
        lg_buf_append_str(m->out, any ? "," : "");
        any = true;
        rc = write_pair(m, NULL, b->branches[i], depth + 1);
    }
    lg_buf_append_byte(m->out, ']');
    return rc;
}

static const struct lg_json *object_of(const struct lg_schema *s)
{
    return s != NULL && lg_json_type(s->json) == LG_JSON_OBJECT ? s->json : NULL;
}

/* Arrays, maps and primitives, with the attributes they bear. */
static enum lg_rc write_plain(struct merge *m, const struct lg_schema *a, const struct lg_schema *b,
                              size_t depth)
{
    static const char *const own[] = {"type", "items", "values", NULL};
    const struct lg_schema *any = a != NULL ? a : b;
    bool has_items = any->kind == LG_AVRO_ARRAY || any->kind == LG_AVRO_MAP, is_first = true;
    enum lg_rc rc = LG_OK;

    if (object_of(a) == NULL && object_of(b) == NULL) {
        lg_json_write_string(m->out, lg_slice_str(lg_avro_kind_name(any->kind)));
        return LG_OK;
    }
    lg_buf_append_byte(m->out, '{');
    write_key(m, "type", &is_first);
    lg_json_write_string(m->out, lg_slice_str(lg_avro_kind_name(any->kind)));
    write_attributes(m, object_of(a), object_of(b), own, &is_first);
    if (has_items) {
        write_key(m, any->kind == LG_AVRO_ARRAY ? "items" : "values", &is_first);
        rc = write_pair(m, a == NULL ? NULL : a->items, b == NULL ? NULL : b->items, depth + 1);
    }
    lg_buf_append_byte(m->out, '}');
    return rc;
}

static enum lg_rc write_pair(struct merge *m, const struct lg_schema *a, const struct lg_schema *b,
                             size_t depth)
{
    const struct lg_schema *any = a != NULL ? a : b;

    if (depth > LG_SCHEMA_DEPTH_MAX)
        return lg_error_set(m->err, LG_ERR_TOO_LARGE, "the superset's types nest deeper than %d",
                            LG_SCHEMA_DEPTH_MAX);
    if (a != NULL && b != NULL &&
        (a->kind != b->kind || (lg_schema_is_named(a) && !lg_slice_eq(a->full_name, b->full_name))))
        return contradict(m, a, b);
    if (lg_schema_is_named(any))
        return write_named(m, any->full_name, depth);
    if (any->kind == LG_AVRO_UNION)
        return write_union(m, a, b, depth);
    return write_plain(m, a, b, depth);
}

enum lg_rc lg_schema_superset(const struct lg_schema *first, const struct lg_schema *second,
                              struct lg_schema **out, struct lg_error *err)
{
    LG_AUTO(lg_map) *written = lg_map_new();
    LG_SCOPED(lg_buf) text = {.ceiling = LG_SCHEMA_TEXT_BYTES_MAX};
    struct merge m = {
        .first = first->doc, .second = second->doc, .out = &text, .written = written, .err = err};
    enum lg_rc rc = write_pair(&m, first, second, /* depth= */ 1);

    if (rc == LG_OK && !lg_buf_ok(&text))
        rc = lg_error_set(err, LG_ERR_TOO_LARGE, "the superset's text is over %zu bytes",
                          LG_SCHEMA_TEXT_BYTES_MAX);
    if (rc == LG_OK && lg_schema_parse(lg_buf_slice(&text), out, err) != LG_OK)
        return lg_error_wrap(err, "the superset");
    return rc;
}
