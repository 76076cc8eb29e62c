#include "pushjob/infer.h"

#include "base/map.h"
#include "base/str.h"
#include "base/vec.h"

enum seen { /* Types of JSON that were seen at a place. */
            SEEN_NULL = 1,
            SEEN_BOOL = 2,
            SEEN_LONG = 4,
            SEEN_DOUBLE = 8,
            SEEN_STRING = 16,
            SEEN_ARRAY = 32,
            SEEN_OBJECT = 64,
};

struct node;
struct field {
    char *name;
    struct node *node;
    uint64_t count; /* objects that had it */
};
struct node {
    unsigned seen;
    uint64_t objects;
    LG_VEC(struct field) fields;
    struct lg_map *index; /* name to 1 + its place in `fields` */
    struct node *items;
};

struct lg_infer {
    bool is_text;
    struct node root;
    size_t nodes;
};

struct lg_infer *lg_infer_new(bool is_text)
{
    struct lg_infer *infer = lg_new(struct lg_infer);

    infer->is_text = is_text;
    return infer;
}

/* As deep as LG_INFER_DEPTH_MAX at most. */
static void node_done(struct node *n)
{
    for (size_t i = 0; i < n->fields.size; i++) {
        node_done(n->fields.data[i].node);
        lg_free(n->fields.data[i].node);
        lg_free(n->fields.data[i].name);
    }
    LG_VEC_DONE(&n->fields);
    lg_map_free(n->index);
    if (n->items != NULL)
        node_done(n->items);
    lg_free(n->items);
}

void lg_infer_free(struct lg_infer *infer)
{
    if (infer == NULL)
        return;
    node_done(&infer->root);
    lg_free(infer);
}

/* --- Adding. -----------------------------------------------------------------------------------
 */

static bool is_avro_name(const char *name)
{
    for (size_t i = 0; name[i] != '\0'; i++) {
        char c = name[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';

        if (!letter && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return name[0] != '\0';
}

static enum lg_rc new_node(struct lg_infer *infer, struct node **out, struct lg_error *err)
{
    if (infer->nodes == LG_INFER_NODES_MAX)
        return lg_error_set(err, LG_ERR_TOO_LARGE, "there are more than %u fields",
                            LG_INFER_NODES_MAX);
    infer->nodes++;
    *out = lg_new(struct node);
    return LG_OK;
}

static enum lg_rc field_of(struct lg_infer *infer, struct node *n, const char *name,
                           struct field **out, struct lg_error *err)
{
    uintptr_t place;
    struct node *node = NULL;
    enum lg_rc rc;

    if (n->index == NULL)
        n->index = lg_map_new();
    place = (uintptr_t)lg_map_get(n->index, lg_slice_str(name));
    if (place == 0) {
        if (!is_avro_name(name))
            return lg_error_set(err, LG_ERR_SCHEMA,
                                "'%.120s' cannot be the name of a field; Avro allows letters, "
                                "digits and _, and no digit first: rename it",
                                name);
        rc = new_node(infer, &node, err);
        if (rc != LG_OK)
            return rc;
        LG_VEC_PUSH(&n->fields, (struct field){.name = lg_strdup(name), .node = node});
        place = n->fields.size;
        (void)lg_map_put(n->index, lg_slice_str(name), (void *)place);
    }
    *out = &n->fields.data[place - 1];
    return LG_OK;
}

static enum lg_rc add(struct lg_infer *infer, struct node *n, const struct lg_json *json,
                      unsigned depth, struct lg_error *err);

static enum lg_rc add_object(struct lg_infer *infer, struct node *n, const struct lg_json *json,
                             unsigned depth, struct lg_error *err)
{
    const char *name;
    struct lg_json *value;
    size_t i = 0;

    n->objects++;
    while (lg_json_next(json, &i, &name, &value)) {
        struct field *field = NULL;
        enum lg_rc rc = field_of(infer, n, name, &field, err);

        if (rc != LG_OK)
            return rc;
        field->count++;
        rc = add(infer, field->node, value, depth + 1, err);
        if (rc != LG_OK)
            return rc;
    }
    return LG_OK;
}

static enum lg_rc add_array(struct lg_infer *infer, struct node *n, const struct lg_json *json,
                            unsigned depth, struct lg_error *err)
{
    enum lg_rc rc = n->items == NULL ? new_node(infer, &n->items, err) : LG_OK;

    for (size_t i = 0; i < lg_json_size(json) && rc == LG_OK; i++)
        rc = add(infer, n->items, lg_json_at(json, i), depth + 1, err);
    return rc;
}

static enum lg_rc add(struct lg_infer *infer, struct node *n, const struct lg_json *json,
                      unsigned depth, struct lg_error *err)
{
    static const unsigned seen[] = {
        [LG_JSON_NULL] = SEEN_NULL,    [LG_JSON_BOOL] = SEEN_BOOL,     [LG_JSON_INT] = SEEN_LONG,
        [LG_JSON_REAL] = SEEN_DOUBLE,  [LG_JSON_STRING] = SEEN_STRING, [LG_JSON_ARRAY] = SEEN_ARRAY,
        [LG_JSON_OBJECT] = SEEN_OBJECT};

    if (depth > LG_INFER_DEPTH_MAX)
        return lg_error_set(err, LG_ERR_TOO_LARGE, "a value nests deeper than %u",
                            LG_INFER_DEPTH_MAX);
    n->seen |= seen[lg_json_type(json)];
    if (lg_json_type(json) == LG_JSON_OBJECT)
        return add_object(infer, n, json, depth, err);
    if (lg_json_type(json) == LG_JSON_ARRAY)
        return add_array(infer, n, json, depth, err);
    return LG_OK;
}

enum lg_rc lg_infer_add(struct lg_infer *infer, const struct lg_json *record, struct lg_error *err)
{
    return add(infer, &infer->root, record, 1, err);
}

/* --- The schema. -------------------------------------------------------------------------------
 */

struct writing {
    const struct lg_infer *infer;
    struct lg_map *names; /* of records so far */
};

static struct lg_json *type_of(struct writing *w, const struct node *n, bool optional,
                               const char *name);

/* Letters that Avro does not allow become _; a name that was used gets a number. */
static char *new_name(struct writing *w, const char *wish)
{
    char *name = lg_strf("%s%.200s", wish[0] >= '0' && wish[0] <= '9' ? "_" : "",
                         wish[0] == '\0' ? "Record" : wish);
    char *base;

    for (char *c = name; *c != '\0'; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9')))
            *c = '_';
    base = lg_strdup(name);
    for (unsigned i = 2; lg_map_get(w->names, lg_slice_str(name)) != NULL; i++) {
        lg_free(name);
        name = lg_strf("%s_%u", base, i);
    }
    lg_free(base);
    (void)lg_map_put(w->names, lg_slice_str(name), w);
    return name;
}

static struct lg_json *record_of(struct writing *w, const struct node *n, const char *wish)
{
    LG_AUTO_STR char *name = new_name(w, wish);
    struct lg_json *record = lg_json_new_object(), *fields = lg_json_new_array();

    lg_json_set_str(record, "type", "record");
    lg_json_set_str(record, "name", name);
    for (size_t i = 0; i < n->fields.size; i++) {
        const struct field *f = &n->fields.data[i];
        LG_AUTO_STR char *inner = lg_strf("%s_%s", name, f->name);
        bool optional = f->count < n->objects || (f->node->seen & SEEN_NULL) != 0;
        struct lg_json *field = lg_json_new_object();

        lg_json_set_str(field, "name", f->name);
        lg_json_set(field, "type", type_of(w, f->node, optional, inner));
        if (optional)
            lg_json_set(field, "default", lg_json_new_null());
        lg_json_push(fields, field);
    }
    lg_json_set(record, "fields", fields);
    return record;
}

static struct lg_json *word(const char *type)
{
    return lg_json_new_string(lg_slice_str(type));
}

/* What remains of the types seen: a long is a double where doubles are, and text is what all cells
 * of CSV have in common. */
static unsigned types_of(const struct lg_infer *infer, const struct node *n)
{
    unsigned types = n->seen & ~(unsigned)SEEN_NULL;

    if ((types & SEEN_DOUBLE) != 0)
        types &= ~(unsigned)SEEN_LONG;
    if (types == 0 || (infer->is_text && (types & (types - 1)) != 0))
        types = SEEN_STRING;
    return types;
}

static struct lg_json *array_of(struct writing *w, const struct node *n, const char *name)
{
    LG_AUTO_STR char *inner = lg_strf("%s_item", name);
    struct lg_json *array = lg_json_new_object();

    lg_json_set_str(array, "type", "array");
    lg_json_set(array, "items", type_of(w, n->items, (n->items->seen & SEEN_NULL) != 0, inner));
    return array;
}

static struct lg_json *type_of(struct writing *w, const struct node *n, bool optional,
                               const char *name)
{
    unsigned types = types_of(w->infer, n);
    struct lg_json *branches = lg_json_new_array(), *only;

    if (optional)
        lg_json_push(branches, word("null"));
    if ((types & SEEN_BOOL) != 0)
        lg_json_push(branches, word("boolean"));
    if ((types & SEEN_LONG) != 0)
        lg_json_push(branches, word("long"));
    if ((types & SEEN_DOUBLE) != 0)
        lg_json_push(branches, word("double"));
    if ((types & SEEN_STRING) != 0)
        lg_json_push(branches, word("string"));
    if ((types & SEEN_ARRAY) != 0)
        lg_json_push(branches, array_of(w, n, name));
    if ((types & SEEN_OBJECT) != 0)
        lg_json_push(branches, record_of(w, n, name));
    if (lg_json_size(branches) > 1)
        return branches;
    only = lg_json_ref(lg_json_at(branches, 0));
    lg_json_unref(branches);
    return only;
}

static enum lg_rc no_field(const struct lg_infer *infer, const char *field, struct lg_error *err)
{
    const struct node *root = &infer->root;
    const char **names = lg_new_array(const char *, root->fields.size);
    const char *near;

    for (size_t i = 0; i < root->fields.size; i++)
        names[i] = root->fields.data[i].name;
    near = lg_nearest(field, names, root->fields.size);
    lg_free(names);
    return lg_error_set(err, LG_ERR_INVALID, "its records have no field '%.120s'%s%.120s%s", field,
                        near == NULL ? "" : "; did you mean '", near == NULL ? "" : near,
                        near == NULL ? "" : "'?");
}

enum lg_rc lg_infer_schema(const struct lg_infer *infer, const char *name, const char *field,
                           struct lg_json **out, struct lg_error *err)
{
    LG_AUTO(lg_map) *names = lg_map_new();
    struct writing w = {infer, names};
    const struct node *root = &infer->root;
    const struct field *f;
    uintptr_t place;

    if (field == NULL) {
        *out = record_of(&w, root, name);
        return LG_OK;
    }
    place = root->index == NULL ? 0 : (uintptr_t)lg_map_get(root->index, lg_slice_str(field));
    if (place == 0)
        return no_field(infer, field, err);
    f = &root->fields.data[place - 1];
    *out =
        type_of(&w, f->node, f->count < root->objects || (f->node->seen & SEEN_NULL) != 0, field);
    return LG_OK;
}
