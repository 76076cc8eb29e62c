/* From JSON text to a schema, in three passes: build the nodes, refuse records without an end, and
 * encode the defaults (schema_defaults.c), which need all types to be known. Pure. */
#include "avro/decode.h"
#include "avro/schema_impl.h"
#include "base/str.h"

#include <stdio.h>

/* All nodes, names and defaults of one schema. The text is a hundredth of it at most. */
#define ARENA_BYTES_MAX ((size_t)256 << 20)

struct parse {
    struct lg_schema_doc *doc;
    struct lg_error *err;
};

/* What surrounds a definition: where it is, how deep, and the namespace it inherits. */
struct place {
    const struct lg_json_path *path;
    size_t depth;
    struct lg_slice space;
};

static enum lg_rc parse_node(struct parse *p, struct lg_json *json, struct place at,
                             struct lg_schema **out);

static enum lg_rc LG_PRINTF(3, 4)
    fault(struct parse *p, const struct lg_json_path *path, const char *fmt, ...)
{
    char where[LG_JSON_PATH_TEXT_MAX], what[LG_ERROR_TEXT_MAX / 2];
    va_list args;

    lg_json_path_text(path, where);
    va_start(args, fmt);
    vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    return lg_error_set(p->err, LG_ERR_SCHEMA, "schema at %s: %s", where, what);
}

/* The arena is far larger than what a text within its limit can ask for. */
static void *take(struct parse *p, size_t n, size_t size)
{
    void *memory = lg_arena_zalloc(p->doc->arena, n * size);

    assert(memory != NULL);
    return memory;
}

static struct lg_slice keep(struct parse *p, struct lg_slice text)
{
    const char *copy = lg_arena_str(p->doc->arena, text);

    assert(copy != NULL);
    return lg_slice(copy, text.size);
}

/* "an enum", "a record". */
static const char *article(const struct lg_schema *s)
{
    return s->kind == LG_AVRO_ENUM || s->kind == LG_AVRO_ARRAY ? "an" : "a";
}

static struct lg_schema *new_node(struct parse *p, enum lg_avro_kind kind,
                                  const struct lg_json *json)
{
    struct lg_schema *s = take(p, 1, sizeof(*s));

    s->doc = p->doc;
    s->number = (uint32_t)p->doc->nodes.size;
    s->kind = kind;
    s->json = json;
    s->full_name = s->name = lg_slice_str(lg_avro_kind_name(kind));
    s->symbol_default = LG_SCHEMA_NO_INDEX;
    if (lg_json_type(json) == LG_JSON_OBJECT) {
        s->logical_type = lg_slice_str(lg_json_get_str(json, "logicalType", ""));
        s->doc_text = lg_slice_str(lg_json_get_str(json, "doc", ""));
    }
    LG_VEC_PUSH(&p->doc->nodes, s);
    return s;
}

static bool kind_of_word(struct lg_slice word, size_t count, enum lg_avro_kind *out)
{
    for (size_t i = 0; i < count; i++) {
        if (lg_slice_eq_str(word, lg_avro_kind_name((enum lg_avro_kind)i))) {
            *out = (enum lg_avro_kind)i;
            return true;
        }
    }
    return false;
}

/* --- Names. ----------------------------------------------------------------------------------- */

static bool is_name(struct lg_slice s)
{
    for (size_t i = 0; i < s.size; i++) {
        uint8_t c = s.data[i];
        bool is_letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';

        if (!is_letter && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return s.size > 0;
}

/* Names joined by dots. */
static bool is_full_name(struct lg_slice s)
{
    size_t start = 0;

    if (s.size == 0 || s.size > LG_SCHEMA_NAME_BYTES_MAX)
        return false;
    for (size_t i = 0; i <= s.size; i++) {
        if (i < s.size && s.data[i] != '.')
            continue;
        if (!is_name(lg_slice(s.data + start, i - start)))
            return false;
        start = i + 1;
    }
    return true;
}

static const uint8_t *last_dot(struct lg_slice s)
{
    return s.size == 0 ? NULL : memrchr(s.data, '.', s.size);
}

/* "Foo" in namespace "a.b" is "a.b.Foo"; a name with a dot is full already. */
static struct lg_slice full_name(struct parse *p, struct lg_slice name, struct lg_slice space)
{
    char *joined;

    if (space.size == 0 || last_dot(name) != NULL)
        return keep(p, name);
    joined = lg_arena_strf(p->doc->arena, "%.*s.%.*s", LG_FMT(space), LG_FMT(name));
    assert(joined != NULL);
    return lg_slice_str(joined);
}

/* A list of other names, each joined with the namespace. */
static enum lg_rc parse_aliases(struct parse *p, const struct lg_json *json, struct lg_slice space,
                                const struct lg_json_path *up, struct lg_slice **out,
                                size_t *out_count)
{
    const struct lg_json *list = lg_json_get(json, "aliases");
    struct lg_json_path path = lg_json_path_member(up, "aliases");
    struct lg_slice *names;
    size_t n;

    if (list == NULL)
        return LG_OK;
    if (lg_json_type(list) != LG_JSON_ARRAY)
        return fault(p, &path, "aliases are an array of names");
    n = lg_json_size(list);
    names = take(p, n, sizeof(*names));
    for (size_t i = 0; i < n; i++) {
        struct lg_slice alias = lg_json_string(lg_json_at(list, i));

        if (!is_full_name(alias))
            return fault(p, &path, "\"%.*s\" is not a name", LG_FMT(alias));
        names[i] = full_name(p, alias, space);
    }
    *out = names;
    *out_count = n;
    return LG_OK;
}

/* Name, namespace and aliases of a record, enum or fixed, and its entry among the known names. */
static enum lg_rc parse_names(struct parse *p, struct lg_schema *s, struct place *at)
{
    struct lg_json_path path = lg_json_path_member(at->path, "name");
    const struct lg_json *space_json = lg_json_get(s->json, "namespace");
    struct lg_slice name = lg_json_string(lg_json_get(s->json, "name"));
    enum lg_avro_kind primitive;
    const uint8_t *dot;

    if (!is_full_name(name))
        return fault(p, &path,
                     "%s %s needs a name of letters, digits and _, not beginning with a digit",
                     article(s), lg_avro_kind_name(s->kind));
    if (last_dot(name) == NULL && space_json != NULL) {
        at->space = lg_json_string(space_json);
        path = lg_json_path_member(at->path, "namespace");
        if (at->space.size > 0 && !is_full_name(at->space))
            return fault(p, &path, "\"%.*s\" is not names joined by dots", LG_FMT(at->space));
    }
    path = lg_json_path_member(at->path, "name");
    s->full_name = full_name(p, name, at->space);
    if (s->full_name.size > LG_SCHEMA_NAME_BYTES_MAX)
        return fault(p, &path, "the full name is over %d bytes", LG_SCHEMA_NAME_BYTES_MAX);
    if (kind_of_word(s->full_name, LG_AVRO_PRIMITIVE_COUNT, &primitive))
        return fault(p, &path, "\"%.*s\" is a primitive type; choose another name", LG_FMT(name));
    dot = last_dot(s->full_name);
    s->name = dot == NULL ? s->full_name
                          : lg_slice_skip(s->full_name, (size_t)(dot + 1 - s->full_name.data));
    s->space = dot == NULL
                   ? LG_SLICE_NULL
                   : keep(p, lg_slice(s->full_name.data, (size_t)(dot - s->full_name.data)));
    at->space = s->space;
    if (lg_map_get(p->doc->names, s->full_name) != NULL)
        return fault(p, &path, "\"%.*s\" is defined twice", LG_FMT(s->full_name));
    lg_map_put(p->doc->names, s->full_name, s);
    return parse_aliases(p, s->json, s->space, at->path, &s->aliases, &s->alias_count);
}

/* A word where a schema is wanted: a primitive, or a type defined before. As in Java, a name that
 * its namespace does not hold is sought outside of any. */
static enum lg_rc parse_word(struct parse *p, const struct lg_json *json, struct lg_slice word,
                             struct place at, struct lg_schema **out)
{
    enum lg_avro_kind kind;
    struct lg_schema *named;

    if (kind_of_word(word, LG_AVRO_PRIMITIVE_COUNT, &kind)) {
        if (p->doc->primitives[kind] == NULL)
            p->doc->primitives[kind] = new_node(p, kind, json);
        *out = p->doc->primitives[kind];
        return LG_OK;
    }
    named = lg_map_get(p->doc->names, full_name(p, word, at.space));
    if (named == NULL)
        named = lg_map_get(p->doc->names, word);
    if (named == NULL)
        return fault(p, at.path, "no type \"%.*s\" is defined before this place", LG_FMT(word));
    *out = named;
    return LG_OK;
}

/* --- Records. --------------------------------------------------------------------------------- */

static enum lg_rc parse_order(struct parse *p, struct lg_schema_field *f,
                              const struct lg_json_path *up)
{
    struct lg_json_path path = lg_json_path_member(up, "order");
    const char *order = lg_json_get_str(f->json, "order", "ascending");

    if (strcmp(order, "ascending") == 0)
        f->order = LG_FIELD_ASCENDING;
    else if (strcmp(order, "descending") == 0)
        f->order = LG_FIELD_DESCENDING;
    else if (strcmp(order, "ignore") == 0)
        f->order = LG_FIELD_IGNORE;
    else
        return fault(p, &path, "the order is ascending, descending or ignore, not \"%s\"", order);
    return LG_OK;
}

static enum lg_rc parse_field(struct parse *p, struct lg_schema *record, struct lg_json *json,
                              struct lg_schema_field *f, struct place at)
{
    struct lg_json_path name_path = lg_json_path_member(at.path, "name");
    struct lg_json_path type_path = lg_json_path_member(at.path, "type");
    struct lg_schema *type = NULL;
    enum lg_rc rc;

    if (lg_json_type(json) != LG_JSON_OBJECT)
        return fault(p, at.path, "a field is an object with name and type");
    f->json = json;
    f->name = lg_json_string(lg_json_get(json, "name"));
    if (!is_name(f->name) || f->name.size > LG_SCHEMA_NAME_BYTES_MAX)
        return fault(p, &name_path,
                     "a field needs a name of letters, digits and _, not beginning with a digit");
    if (lg_map_put(record->index, f->name, f) != NULL)
        return fault(p, &name_path, "the record has two fields \"%.*s\"", LG_FMT(f->name));
    if (lg_json_get(json, "type") == NULL)
        return fault(p, at.path, "field \"%.*s\" has no type", LG_FMT(f->name));
    rc = parse_order(p, f, at.path);
    if (rc == LG_OK)
        rc = parse_aliases(p, json, LG_SLICE_NULL, at.path, &f->aliases, &f->alias_count);
    if (rc == LG_OK)
        rc = parse_node(p, lg_json_get(json, "type"),
                        (struct place){&type_path, at.depth, at.space}, &type);
    if (rc != LG_OK)
        return rc;
    f->schema = type;
    f->doc = lg_slice_str(lg_json_get_str(json, "doc", ""));
    f->default_json = lg_json_get(json, "default");
    f->default_state = f->default_json == NULL ? LG_DEFAULT_NONE : LG_DEFAULT_RAW;
    return LG_OK;
}

/* The member that lists a definition's parts: an array within its limit. */
static enum lg_rc list_of(struct parse *p, const struct lg_schema *s, const char *key,
                          size_t count_max, const struct lg_json_path *path,
                          const struct lg_json **out)
{
    const struct lg_json *list = lg_json_get(s->json, key);

    if (list == NULL || lg_json_type(list) != LG_JSON_ARRAY)
        return fault(p, path, "%s %s needs an array \"%s\"", article(s), lg_avro_kind_name(s->kind),
                     key);
    if (lg_json_size(list) > count_max)
        return fault(p, path, "%zu %s, over the limit of %zu", lg_json_size(list), key, count_max);
    *out = list;
    return LG_OK;
}

static enum lg_rc parse_record(struct parse *p, struct lg_schema *s, struct place at)
{
    struct lg_json_path path = lg_json_path_member(at.path, "fields");
    const struct lg_json *list = NULL;
    enum lg_rc rc = parse_names(p, s, &at);

    if (rc == LG_OK)
        rc = list_of(p, s, "fields", LG_SCHEMA_FIELDS_MAX, at.path, &list);
    if (rc != LG_OK)
        return rc;
    s->count = lg_json_size(list);
    s->fields = take(p, s->count, sizeof(*s->fields));
    s->index = lg_map_new();
    for (size_t i = 0; i < s->count; i++) {
        struct lg_json_path element = lg_json_path_element(&path, i);

        rc = parse_field(p, s, lg_json_at(list, i), &s->fields[i],
                         (struct place){&element, at.depth, at.space});
        if (rc != LG_OK)
            return rc;
    }
    return LG_OK;
}

/* --- The other kinds. ------------------------------------------------------------------------- */

static enum lg_rc parse_enum_default(struct parse *p, struct lg_schema *s, struct place at)
{
    const struct lg_json *symbol = lg_json_get(s->json, "default");
    struct lg_json_path path = lg_json_path_member(at.path, "default");

    if (symbol == NULL)
        return LG_OK;
    s->symbol_default = lg_schema_symbol_index(s, lg_json_string(symbol));
    if (s->symbol_default == LG_SCHEMA_NO_INDEX)
        return fault(p, &path, "the default is not one of the symbols");
    return LG_OK;
}

static enum lg_rc parse_enum(struct parse *p, struct lg_schema *s, struct place at)
{
    struct lg_json_path path = lg_json_path_member(at.path, "symbols");
    const struct lg_json *list = NULL;
    enum lg_rc rc = parse_names(p, s, &at);

    if (rc == LG_OK)
        rc = list_of(p, s, "symbols", LG_SCHEMA_SYMBOLS_MAX, at.path, &list);
    if (rc != LG_OK)
        return rc;
    if (lg_json_size(list) == 0)
        return fault(p, &path, "an enum needs a symbol at least");
    s->count = lg_json_size(list);
    s->symbols = take(p, s->count, sizeof(*s->symbols));
    s->index = lg_map_new();
    for (size_t i = 0; i < s->count; i++) {
        struct lg_json_path element = lg_json_path_element(&path, i);

        s->symbols[i] = lg_json_string(lg_json_at(list, i));
        if (!is_name(s->symbols[i]))
            return fault(p, &element, "a symbol is made of letters, digits and _");
        if (lg_map_put(s->index, s->symbols[i], &s->symbols[i]) != NULL)
            return fault(p, &element, "the enum has \"%.*s\" twice", LG_FMT(s->symbols[i]));
    }
    return parse_enum_default(p, s, at);
}

static enum lg_rc parse_fixed(struct parse *p, struct lg_schema *s, struct place at)
{
    struct lg_json_path path = lg_json_path_member(at.path, "size");
    const struct lg_json *size = lg_json_get(s->json, "size");
    enum lg_rc rc = parse_names(p, s, &at);

    if (rc != LG_OK)
        return rc;
    if (size == NULL || lg_json_type(size) != LG_JSON_INT || lg_json_int(size) < 0 ||
        (uint64_t)lg_json_int(size) > LG_SCHEMA_FIXED_BYTES_MAX)
        return fault(p, &path, "a fixed needs a size from 0 to %zu bytes",
                     LG_SCHEMA_FIXED_BYTES_MAX);
    s->fixed_bytes = (size_t)lg_json_int(size);
    return LG_OK;
}

static enum lg_rc parse_items(struct parse *p, struct lg_schema *s, const char *key,
                              struct place at)
{
    struct lg_json_path path = lg_json_path_member(at.path, key);
    struct lg_json *json = lg_json_get(s->json, key);
    struct lg_schema *items = NULL;
    enum lg_rc rc;

    if (json == NULL)
        return fault(p, at.path, "%s %s needs \"%s\"", article(s), lg_avro_kind_name(s->kind), key);
    rc = parse_node(p, json, (struct place){&path, at.depth, at.space}, &items);
    s->items = items;
    return rc;
}

/* Unnamed types may stand once each in a union, named ones once per name. */
static enum lg_rc parse_union(struct parse *p, struct lg_json *json, struct place at,
                              struct lg_schema **out)
{
    struct lg_schema *s = new_node(p, LG_AVRO_UNION, json);
    LG_AUTO(lg_map) *seen = lg_map_new();

    s->count = lg_json_size(json);
    if (s->count == 0 || s->count > LG_SCHEMA_BRANCHES_MAX)
        return fault(p, at.path, "a union has 1 to %d branches, this has %zu",
                     LG_SCHEMA_BRANCHES_MAX, s->count);
    s->branches = take(p, s->count, sizeof(struct lg_schema *));
    for (size_t i = 0; i < s->count; i++) {
        struct lg_json_path path = lg_json_path_element(at.path, i);
        struct lg_schema *branch = NULL;
        enum lg_rc rc =
            parse_node(p, lg_json_at(json, i), (struct place){&path, at.depth, at.space}, &branch);

        if (rc != LG_OK)
            return rc;
        if (branch->kind == LG_AVRO_UNION)
            return fault(p, &path, "a union may not stand directly inside a union");
        if (lg_map_put(seen, branch->full_name, branch) != NULL)
            return fault(p, &path, "the union has \"%.*s\" twice", LG_FMT(branch->full_name));
        s->branches[i] = branch;
    }
    *out = s;
    return LG_OK;
}

static enum lg_rc parse_object(struct parse *p, struct lg_json *json, struct place at,
                               struct lg_schema **out)
{
    struct lg_json_path path = lg_json_path_member(at.path, "type");
    const struct lg_json *type = lg_json_get(json, "type");
    struct lg_slice word = lg_json_string(type);
    enum lg_avro_kind kind;
    enum lg_rc rc = LG_OK;

    if (type == NULL)
        return fault(p, at.path, "the definition has no \"type\"");
    if (lg_json_type(type) != LG_JSON_STRING)
        return fault(p, &path, "the type is a word; write the inner schema without an outer one");
    if (lg_slice_eq_str(word, "error"))
        kind = LG_AVRO_RECORD;
    else if (lg_slice_eq_str(word, "union") || !kind_of_word(word, LG_AVRO_KIND_COUNT, &kind))
        return parse_word(p, type, word, (struct place){&path, at.depth, at.space}, out);
    *out = new_node(p, kind, json);
    if (kind == LG_AVRO_RECORD)
        rc = parse_record(p, *out, at);
    else if (kind == LG_AVRO_ENUM)
        rc = parse_enum(p, *out, at);
    else if (kind == LG_AVRO_FIXED)
        rc = parse_fixed(p, *out, at);
    else if (kind == LG_AVRO_ARRAY || kind == LG_AVRO_MAP)
        rc = parse_items(p, *out, kind == LG_AVRO_ARRAY ? "items" : "values", at);
    return rc;
}

static enum lg_rc parse_node(struct parse *p, struct lg_json *json, struct place at,
                             struct lg_schema **out)
{
    if (++at.depth > LG_SCHEMA_DEPTH_MAX)
        return fault(p, at.path, "types nest deeper than %d; define the inner ones apart",
                     LG_SCHEMA_DEPTH_MAX);
    switch (lg_json_type(json)) {
    case LG_JSON_STRING:
        return parse_word(p, json, lg_json_string(json), at, out);
    case LG_JSON_ARRAY:
        return parse_union(p, json, at, out);
    case LG_JSON_OBJECT:
        return parse_object(p, json, at, out);
    default:
        return fault(p, at.path, "a schema is a name, an object, or an array of branches");
    }
}

/* --- Measuring. ------------------------------------------------------------------------------- */

static void measure_leaf(struct lg_schema *s)
{
    static const size_t sizes[LG_AVRO_KIND_COUNT] = {
        [LG_AVRO_BOOLEAN] = 1, [LG_AVRO_INT] = 1,   [LG_AVRO_LONG] = 1,   [LG_AVRO_FLOAT] = 4,
        [LG_AVRO_DOUBLE] = 8,  [LG_AVRO_BYTES] = 1, [LG_AVRO_STRING] = 1, [LG_AVRO_ENUM] = 1,
        [LG_AVRO_ARRAY] = 1,   [LG_AVRO_MAP] = 1,   [LG_AVRO_UNION] = 1,
    };

    s->bytes_min = s->kind == LG_AVRO_FIXED ? s->fixed_bytes : sizes[s->kind];
    s->is_empty = s->bytes_min == 0;
    s->mark = LG_MARK_DONE;
}

/* Sizes and heights, records inside records first. A record that is met again on the way down would
 * contain itself in every datum, which then has no end. Recursion is as deep as heights allow. */
static enum lg_rc measure(struct parse *p, struct lg_schema *s, size_t depth)
{
    size_t height = 0, bytes_min = 0;

    if (s->mark == LG_MARK_DONE)
        return LG_OK;
    if (s->kind != LG_AVRO_RECORD) {
        measure_leaf(s);
        return LG_OK;
    }
    if (s->mark == LG_MARK_ENTERED)
        return fault(p, NULL,
                     "record %.*s contains itself in every case; put a union with null or "
                     "an array in between",
                     LG_FMT(s->full_name));
    s->mark = LG_MARK_ENTERED;
    for (size_t i = 0; i < s->count && depth <= LG_DATUM_DEPTH_MAX; i++) {
        struct lg_schema *inner = (struct lg_schema *)s->fields[i].schema;
        enum lg_rc rc = measure(p, inner, depth + 1);

        if (rc != LG_OK)
            return rc;
        height = LG_MAX(height, inner->height);
        bytes_min = LG_MIN(bytes_min + inner->bytes_min, SIZE_MAX / 4);
    }
    if (depth > LG_DATUM_DEPTH_MAX || height >= LG_DATUM_DEPTH_MAX)
        return fault(p, NULL, "record %.*s holds more than %d records inside each other",
                     LG_FMT(s->full_name), LG_DATUM_DEPTH_MAX);
    s->height = height + 1;
    s->bytes_min = bytes_min;
    s->is_empty = bytes_min == 0;
    s->mark = LG_MARK_DONE;
    return LG_OK;
}

static enum lg_rc measure_all(struct parse *p)
{
    for (size_t i = 0; i < p->doc->nodes.size; i++) {
        enum lg_rc rc = measure(p, p->doc->nodes.data[i], /* depth= */ 1);

        if (rc != LG_OK)
            return rc;
    }
    return LG_OK;
}

static enum lg_rc prepare_defaults(struct parse *p)
{
    for (size_t i = 0; i < p->doc->nodes.size; i++) {
        const struct lg_schema *s = p->doc->nodes.data[i];

        for (size_t f = 0; f < lg_schema_field_count(s); f++) {
            struct lg_json_path record = lg_json_path_member(NULL, (const char *)s->full_name.data);
            struct lg_json_path path =
                lg_json_path_member(&record, (const char *)s->fields[f].name.data);
            enum lg_rc rc = lg_schema_default_prepare(s, f, &path, /* depth= */ 1, p->err);

            if (rc != LG_OK)
                return rc;
        }
    }
    return LG_OK;
}

static struct lg_schema_doc *doc_new(struct lg_slice text)
{
    struct lg_schema_doc *doc = lg_new(struct lg_schema_doc);

    doc->refs = 1;
    doc->arena = lg_arena_new(ARENA_BYTES_MAX);
    doc->names = lg_map_new();
    doc->text = lg_slice(lg_arena_str(doc->arena, text), text.size);
    return doc;
}

enum lg_rc lg_schema_parse(struct lg_slice json_text, struct lg_schema **out, struct lg_error *err)
{
    LG_AUTO(lg_schema_doc) *doc = NULL;
    struct parse p = {.err = err};
    enum lg_rc rc;

    if (json_text.size > LG_SCHEMA_TEXT_BYTES_MAX)
        return lg_error_set(err, LG_ERR_TOO_LARGE,
                            "the schema has %zu bytes, over the limit schema_bytes of %zu",
                            json_text.size, LG_SCHEMA_TEXT_BYTES_MAX);
    p.doc = doc = doc_new(json_text);
    rc = lg_json_parse(doc->text, &doc->json, err);
    if (rc != LG_OK)
        return err == NULL ? rc : lg_error_wrap(err, "schema");
    rc = parse_node(&p, doc->json, (struct place){0}, &doc->root);
    if (rc == LG_OK)
        rc = measure_all(&p);
    if (rc == LG_OK)
        rc = prepare_defaults(&p);
    if (rc != LG_OK)
        return rc;
    *out = doc->root;
    (void)LG_TAKE(doc);
    return LG_OK;
}
