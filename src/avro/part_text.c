/* The text of a part of a schema: the original JSON, rewritten so that it stands alone. Pure.
 *
 * Attributes are copied as they are. Names become full, because the namespace around the part is
 * gone; a named type is defined where it occurs first, because its definition may have stood
 * elsewhere.
 */
#include "avro/schema_impl.h"

struct part {
    struct lg_buf *out;
    struct lg_map *written; /* full names defined so far */
    struct lg_error *err;
};

static enum lg_rc write_node(struct part *p, const struct lg_schema *s, size_t depth);

static void write_key(struct part *p, const char *key, bool *is_first)
{
    if (!*is_first)
        lg_buf_append_byte(p->out, ',');
    *is_first = false;
    lg_json_write_string(p->out, lg_slice_str(key));
    lg_buf_append_byte(p->out, ':');
}

static void write_names(struct part *p, const struct lg_slice *names, size_t n)
{
    lg_buf_append_byte(p->out, '[');
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            lg_buf_append_byte(p->out, ',');
        lg_json_write_string(p->out, names[i]);
    }
    lg_buf_append_byte(p->out, ']');
}

static enum lg_rc write_field(struct part *p, const struct lg_schema_field *f, size_t depth)
{
    size_t i = 0;
    const char *key;
    struct lg_json *value;
    bool is_first = true;
    enum lg_rc rc = LG_OK;

    lg_buf_append_byte(p->out, '{');
    while (rc == LG_OK && lg_json_next(f->json, &i, &key, &value)) {
        write_key(p, key, &is_first);
        if (strcmp(key, "type") == 0)
            rc = write_node(p, f->schema, depth + 1);
        else
            lg_json_write(p->out, value, /* pretty= */ false);
    }
    lg_buf_append_byte(p->out, '}');
    return rc;
}

static enum lg_rc write_fields(struct part *p, const struct lg_schema *s, size_t depth)
{
    enum lg_rc rc = LG_OK;

    lg_buf_append_byte(p->out, '[');
    for (size_t i = 0; rc == LG_OK && i < s->count; i++) {
        if (i > 0)
            lg_buf_append_byte(p->out, ',');
        rc = write_field(p, &s->fields[i], depth);
    }
    lg_buf_append_byte(p->out, ']');
    return rc;
}

/* One attribute of a definition; those that name other types are rewritten. */
static enum lg_rc write_attribute(struct part *p, const struct lg_schema *s, const char *key,
                                  const struct lg_json *value, size_t depth)
{
    if (s->kind == LG_AVRO_RECORD && strcmp(key, "fields") == 0)
        return write_fields(p, s, depth);
    if ((s->kind == LG_AVRO_ARRAY && strcmp(key, "items") == 0) ||
        (s->kind == LG_AVRO_MAP && strcmp(key, "values") == 0))
        return write_node(p, s->items, depth + 1);
    if (lg_schema_is_named(s) && strcmp(key, "aliases") == 0)
        write_names(p, s->aliases, s->alias_count);
    else
        lg_json_write(p->out, value, /* pretty= */ false);
    return LG_OK;
}

static enum lg_rc write_object(struct part *p, const struct lg_schema *s, size_t depth)
{
    size_t i = 0;
    const char *key;
    struct lg_json *value;
    bool is_first = true, is_named = lg_schema_is_named(s);
    enum lg_rc rc = LG_OK;

    lg_buf_append_byte(p->out, '{');
    while (rc == LG_OK && lg_json_next(s->json, &i, &key, &value)) {
        if (is_named && strcmp(key, "namespace") == 0)
            continue;
        write_key(p, key, &is_first);
        if (is_named && strcmp(key, "name") == 0) {
            lg_json_write_string(p->out, s->name);
            write_key(p, "namespace", &is_first); /* Always: else it would be inherited. */
            lg_json_write_string(p->out, s->space);
        } else {
            rc = write_attribute(p, s, key, value, depth);
        }
    }
    lg_buf_append_byte(p->out, '}');
    return rc;
}

static enum lg_rc write_union(struct part *p, const struct lg_schema *s, size_t depth)
{
    enum lg_rc rc = LG_OK;

    lg_buf_append_byte(p->out, '[');
    for (size_t i = 0; rc == LG_OK && i < s->count; i++) {
        if (i > 0)
            lg_buf_append_byte(p->out, ',');
        rc = write_node(p, s->branches[i], depth + 1);
    }
    lg_buf_append_byte(p->out, ']');
    return rc;
}

static enum lg_rc write_node(struct part *p, const struct lg_schema *s, size_t depth)
{
    if (depth > LG_SCHEMA_DEPTH_MAX)
        return lg_error_set(p->err, LG_ERR_TOO_LARGE,
                            "the part's types nest deeper than %d; define them apart",
                            LG_SCHEMA_DEPTH_MAX);
    if (s->kind == LG_AVRO_UNION)
        return write_union(p, s, depth);
    if (lg_json_type(s->json) == LG_JSON_STRING ||
        (lg_schema_is_named(s) && lg_map_get(p->written, s->full_name) != NULL)) {
        lg_json_write_string(p->out, s->full_name);
        return LG_OK;
    }
    if (lg_schema_is_named(s))
        lg_map_put(p->written, s->full_name, (void *)s);
    return write_object(p, s, depth);
}

enum lg_rc lg_schema_part_text(const struct lg_schema *schema, struct lg_buf *out,
                               struct lg_error *err)
{
    LG_AUTO(lg_map) *written = lg_map_new();
    struct part p = {.out = out, .written = written, .err = err};
    size_t before = out->size;
    enum lg_rc rc = write_node(&p, schema, /* depth= */ 1);

    if (rc == LG_OK && !lg_buf_ok(out))
        rc = lg_error_set(err, LG_ERR_TOO_LARGE, "the schema's text is over %zu bytes",
                          out->ceiling);
    if (rc != LG_OK)
        out->size = before;
    return rc;
}
