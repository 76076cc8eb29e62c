/* Planning: which step for which pair of types. Pure.
 *
 * This follows Java's Resolver rule by rule, so that a pair of schemas which works there works
 * here: records are not compared by name, enums and fixeds by the name without its namespace, and a
 * reader's union takes the branch of the same type and full name, else the first record that fits
 * by its fields (one of the same short name goes first), else the first promotion.
 */
#include "avro/canonical.h"
#include "avro/resolve_impl.h"

struct plan {
    struct lg_arena *arena;
    const struct lg_aliases *aliases;
    struct lg_map *steps;          /* by pair of types */
    LG_VEC(struct lg_step *) done; /* inner ones first, recursive types aside */
    size_t pairs, comparisons;
    struct lg_error *err;
};

static enum lg_rc plan(struct plan *p, const struct lg_schema *w, const struct lg_schema *r,
                       size_t depth, struct lg_step **out);

/* --- Limits. ---------------------------------------------------------------------------------- */

static enum lg_rc too_large(struct plan *p)
{
    return lg_error_set(p->err, LG_ERR_TOO_LARGE,
                        "the two schemas take more than %d pairs of types, or %zu bytes, to "
                        "compare; make them smaller",
                        LG_RESOLVE_PAIRS_MAX, LG_RESOLVE_PLAN_BYTES_MAX);
}

static enum lg_rc too_deep(struct plan *p)
{
    return lg_error_set(p->err, LG_ERR_TOO_LARGE,
                        "the schema's types nest deeper than %d when they are unfolded; make the "
                        "chain of types shorter",
                        LG_RESOLVE_DEPTH_MAX);
}

/* n indexes, all LG_SCHEMA_NO_INDEX. */
static enum lg_rc new_indexes(struct plan *p, size_t n, size_t **out)
{
    size_t *indexes = lg_arena_alloc(p->arena, n * sizeof(*indexes));

    if (indexes == NULL)
        return too_large(p);
    for (size_t i = 0; i < n; i++)
        indexes[i] = LG_SCHEMA_NO_INDEX;
    *out = indexes;
    return LG_OK;
}

static enum lg_rc new_parts(struct plan *p, size_t n, struct lg_step ***out)
{
    struct lg_step **parts = lg_arena_zalloc(p->arena, n * sizeof(struct lg_step *));

    if (parts == NULL)
        return too_large(p);
    *out = parts;
    return LG_OK;
}

static enum lg_rc new_step(struct plan *p, const struct lg_schema *w, const struct lg_schema *r,
                           enum lg_step_kind kind, struct lg_step **out)
{
    struct lg_step *step = lg_arena_zalloc(p->arena, sizeof(*step));

    if (step == NULL || p->pairs++ >= LG_RESOLVE_PAIRS_MAX)
        return too_large(p);
    step->kind = kind;
    step->writer = w;
    step->reader = r;
    *out = step;
    return LG_OK;
}

static enum lg_rc misfit(struct plan *p, const struct lg_schema *w, const struct lg_schema *r,
                         enum lg_misfit why, struct lg_step **out)
{
    enum lg_rc rc = new_step(p, w, r, LG_STEP_MISFIT, out);

    if (rc == LG_OK)
        (*out)->misfit = why;
    return rc;
}

struct pair {
    uint32_t writer, reader;
};

static struct pair pair_of(const struct lg_schema *w, const struct lg_schema *r)
{
    return (struct pair){w->number, r->number};
}

/* --- Unions of the same structure. ------------------------------------------------------------ */

struct same {
    struct plan *p;
    struct lg_map *records; /* by pair: `yes` or `no` */
    bool yes, no;
    bool is_too_much;
};

static bool is_same(struct same *e, const struct lg_schema *w, const struct lg_schema *r,
                    size_t depth);

/* Met again inside itself, a pair of records counts as the same until a difference is found. */
static bool is_same_record(struct same *e, const struct lg_schema *w, const struct lg_schema *r,
                           size_t depth)
{
    struct pair key = pair_of(w, r);
    struct lg_slice key_bytes = lg_slice(&key, sizeof(key));
    const bool *known = lg_map_get(e->records, key_bytes);

    if (known != NULL)
        return known == &e->yes;
    lg_map_put(e->records, key_bytes, w->count == r->count ? &e->yes : &e->no);
    for (size_t i = 0; w->count == r->count && i < w->count; i++) {
        if (!lg_slice_eq(lg_aliases_field_name(e->p->aliases, w, i), r->fields[i].name) ||
            !is_same(e, w->fields[i].schema, r->fields[i].schema, depth + 1)) {
            lg_map_put(e->records, key_bytes, &e->no);
            break;
        }
    }
    return lg_map_get(e->records, key_bytes) == &e->yes;
}

static bool is_same_enum(const struct lg_schema *w, const struct lg_schema *r)
{
    for (size_t i = 0; w->count == r->count && i < w->count; i++) {
        if (!lg_slice_eq(w->symbols[i], r->symbols[i]))
            return false;
    }
    return w->count == r->count;
}

static bool is_same_union(struct same *e, const struct lg_schema *w, const struct lg_schema *r,
                          size_t depth)
{
    for (size_t i = 0; w->count == r->count && i < w->count; i++) {
        if (!is_same(e, w->branches[i], r->branches[i], depth + 1))
            return false;
    }
    return w->count == r->count;
}

static bool is_same(struct same *e, const struct lg_schema *w, const struct lg_schema *r,
                    size_t depth)
{
    if (depth > LG_RESOLVE_DEPTH_MAX || e->p->comparisons++ > LG_RESOLVE_STEPS_MAX)
        e->is_too_much = true;
    if (e->is_too_much || w->kind != r->kind)
        return false;
    if (lg_schema_is_named(w) && !lg_slice_eq(lg_aliases_name(e->p->aliases, w), r->name))
        return false;
    switch (w->kind) {
    case LG_AVRO_ARRAY:
    case LG_AVRO_MAP:
        return is_same(e, w->items, r->items, depth + 1);
    case LG_AVRO_FIXED:
        return w->fixed_bytes == r->fixed_bytes;
    case LG_AVRO_ENUM:
        return is_same_enum(w, r);
    case LG_AVRO_UNION:
        return is_same_union(e, w, r, depth);
    case LG_AVRO_RECORD:
        return is_same_record(e, w, r, depth);
    default:
        return true;
    }
}

static enum lg_rc unions_are_same(struct plan *p, const struct lg_schema *w,
                                  const struct lg_schema *r, size_t depth, bool *out)
{
    LG_AUTO(lg_map) *records = lg_map_new();
    struct same e = {.p = p, .records = records};

    *out = is_same(&e, w, r, depth);
    return e.is_too_much ? too_large(p) : LG_OK;
}

/* --- Unions. ---------------------------------------------------------------------------------- */

static enum lg_rc reader_union_step(struct plan *p, const struct lg_schema *w,
                                    const struct lg_schema *r, size_t branch, size_t depth,
                                    struct lg_step **out)
{
    struct lg_step *step = NULL;
    enum lg_rc rc = new_step(p, w, r, LG_STEP_READER_UNION, &step);

    if (rc == LG_OK)
        rc = plan(p, w, r->branches[branch], depth + 1, &step->inner);
    if (rc != LG_OK)
        return rc;
    step->branch = branch;
    LG_VEC_PUSH(&p->done, step);
    *out = step;
    return LG_OK;
}

/* Where both unions have the same structure, a branch is read as the branch of the same index. */
static enum lg_rc plan_writer_union(struct plan *p, const struct lg_schema *w,
                                    const struct lg_schema *r, size_t depth, struct lg_step **out)
{
    struct lg_step *step = NULL;
    bool is_same_structure = false;
    enum lg_rc rc = new_step(p, w, r, LG_STEP_WRITER_UNION, &step);

    if (rc == LG_OK)
        rc = new_parts(p, w->count, &step->parts);
    if (rc == LG_OK)
        rc = unions_are_same(p, w, r, depth, &is_same_structure);
    for (size_t i = 0; rc == LG_OK && i < w->count; i++)
        rc = is_same_structure ? reader_union_step(p, w->branches[i], r, i, depth, &step->parts[i])
                               : plan(p, w->branches[i], r, depth + 1, &step->parts[i]);
    *out = step;
    return rc;
}

/* Only at the level of the record itself, as Java looks. */
static bool has_misfit(const struct lg_step *record)
{
    if (record->kind != LG_STEP_RECORD)
        return true;
    for (size_t i = 0; i < record->writer->count; i++) {
        if (record->parts[i] != NULL && record->parts[i]->kind == LG_STEP_MISFIT)
            return true;
    }
    return false;
}

/* The branch of the same type, if there is one: LG_SCHEMA_NO_INDEX otherwise. */
static enum lg_rc same_type_branch(struct plan *p, const struct lg_schema *w,
                                   const struct lg_schema *r, size_t depth, size_t *out)
{
    size_t fitting = LG_SCHEMA_NO_INDEX;

    for (size_t i = 0; i < r->count; i++) {
        const struct lg_schema *b = r->branches[i];
        struct lg_step *step = NULL;
        enum lg_rc rc;

        if (w->kind != b->kind)
            continue;
        if (!lg_schema_is_named(w) ||
            lg_slice_eq(lg_aliases_full_name(p->aliases, w), b->full_name)) {
            *out = i;
            return LG_OK;
        }
        if (w->kind != LG_AVRO_RECORD)
            continue;
        rc = plan(p, w, b, depth + 1, &step);
        if (rc != LG_OK)
            return rc;
        if (!has_misfit(step) &&
            (fitting == LG_SCHEMA_NO_INDEX || lg_slice_eq(lg_aliases_name(p->aliases, w), b->name)))
            fitting = i;
    }
    *out = fitting;
    return LG_OK;
}

static bool is_promotion(enum lg_avro_kind w, enum lg_avro_kind r)
{
    switch (r) {
    case LG_AVRO_LONG:
        return w == LG_AVRO_INT;
    case LG_AVRO_FLOAT:
        return w == LG_AVRO_INT || w == LG_AVRO_LONG;
    case LG_AVRO_DOUBLE:
        return w == LG_AVRO_INT || w == LG_AVRO_LONG || w == LG_AVRO_FLOAT;
    case LG_AVRO_BYTES:
        return w == LG_AVRO_STRING;
    case LG_AVRO_STRING:
        return w == LG_AVRO_BYTES;
    default:
        return false;
    }
}

static enum lg_rc plan_reader_union(struct plan *p, const struct lg_schema *w,
                                    const struct lg_schema *r, size_t depth, struct lg_step **out)
{
    size_t branch = LG_SCHEMA_NO_INDEX;
    enum lg_rc rc = same_type_branch(p, w, r, depth, &branch);

    if (rc != LG_OK)
        return rc;
    for (size_t i = 0; branch == LG_SCHEMA_NO_INDEX && i < r->count; i++) {
        if (is_promotion(w->kind, r->branches[i]->kind))
            branch = i;
    }
    return branch == LG_SCHEMA_NO_INDEX ? misfit(p, w, r, LG_MISFIT_BRANCH, out)
                                        : reader_union_step(p, w, r, branch, depth, out);
}

/* --- Records. --------------------------------------------------------------------------------- */

static struct lg_slice pair_key(const struct pair *pair)
{
    return lg_slice(pair, sizeof(*pair));
}

/* The step is known before its fields are planned, so that a recursive type finds itself. When a
 * field is missing, whoever found it meanwhile must see that too. */
static enum lg_rc plan_record(struct plan *p, const struct lg_schema *w, const struct lg_schema *r,
                              size_t depth, struct lg_step **out)
{
    struct pair key = pair_of(w, r);
    struct lg_step *step = NULL;
    size_t last = 0;
    enum lg_rc rc = new_step(p, w, r, LG_STEP_RECORD, &step);

    if (rc == LG_OK)
        rc = new_parts(p, w->count, &step->parts);
    if (rc == LG_OK)
        rc = new_indexes(p, r->count, &step->sources);
    if (rc != LG_OK)
        return rc;
    lg_map_put(p->steps, pair_key(&key), step);
    for (size_t i = 0; i < w->count; i++) {
        size_t field = lg_schema_field_index(r, lg_aliases_field_name(p->aliases, w, i));

        if (field == LG_SCHEMA_NO_INDEX)
            continue;
        rc = plan(p, w->fields[i].schema, r->fields[field].schema, depth + 1, &step->parts[i]);
        if (rc != LG_OK)
            return rc;
        step->sources[field] = i;
        step->is_reordered = step->is_reordered || field < last;
        last = field;
    }
    for (size_t i = 0; i < r->count; i++) {
        if (step->sources[i] == LG_SCHEMA_NO_INDEX && r->fields[i].default_json == NULL) {
            step->kind = LG_STEP_MISFIT;
            step->misfit = LG_MISFIT_MISSING;
            step->branch = i;
        }
    }
    *out = step;
    return LG_OK;
}

/* --- The other pairs. ------------------------------------------------------------------------- */

static enum lg_rc plan_enum(struct plan *p, const struct lg_schema *w, const struct lg_schema *r,
                            struct lg_step **out)
{
    struct lg_step *step = NULL;
    enum lg_rc rc;

    if (!lg_slice_eq(lg_aliases_name(p->aliases, w), r->name))
        return misfit(p, w, r, LG_MISFIT_NAMES, out);
    rc = new_step(p, w, r, LG_STEP_ENUM, &step);
    if (rc == LG_OK)
        rc = new_indexes(p, w->count, &step->symbols);
    if (rc != LG_OK)
        return rc;
    for (size_t i = 0; i < w->count; i++) {
        step->symbols[i] = lg_schema_symbol_index(r, w->symbols[i]);
        if (step->symbols[i] == LG_SCHEMA_NO_INDEX)
            step->symbols[i] = r->symbol_default;
    }
    *out = step;
    return LG_OK;
}

static enum lg_rc plan_fixed(struct plan *p, const struct lg_schema *w, const struct lg_schema *r,
                             struct lg_step **out)
{
    if (!lg_slice_eq(lg_aliases_name(p->aliases, w), r->name))
        return misfit(p, w, r, LG_MISFIT_NAMES, out);
    if (w->fixed_bytes != r->fixed_bytes)
        return misfit(p, w, r, LG_MISFIT_SIZES, out);
    return new_step(p, w, r, LG_STEP_COPY, out);
}

static enum lg_rc plan_items(struct plan *p, const struct lg_schema *w, const struct lg_schema *r,
                             size_t depth, struct lg_step **out)
{
    struct lg_step *step = NULL;
    enum lg_rc rc = new_step(p, w, r, LG_STEP_ITEMS, &step);

    if (rc == LG_OK)
        rc = plan(p, w->items, r->items, depth + 1, &step->inner);
    *out = step;
    return rc;
}

/* An int has the bytes of the same long, a string those of the same bytes. */
static enum lg_rc plan_promotion(struct plan *p, const struct lg_schema *w,
                                 const struct lg_schema *r, struct lg_step **out)
{
    enum lg_step_kind kind = LG_STEP_COPY;

    if (!is_promotion(w->kind, r->kind))
        return misfit(p, w, r, LG_MISFIT_TYPES, out);
    if (r->kind == LG_AVRO_FLOAT)
        kind = LG_STEP_TO_FLOAT;
    else if (r->kind == LG_AVRO_DOUBLE)
        kind = LG_STEP_TO_DOUBLE;
    else if (r->kind == LG_AVRO_STRING)
        kind = LG_STEP_TO_STRING;
    return new_step(p, w, r, kind, out);
}

static enum lg_rc plan_pair(struct plan *p, const struct lg_schema *w, const struct lg_schema *r,
                            size_t depth, struct lg_step **out)
{
    if (w->kind == LG_AVRO_UNION)
        return plan_writer_union(p, w, r, depth, out);
    if (r->kind == LG_AVRO_UNION)
        return plan_reader_union(p, w, r, depth, out);
    if (w->kind != r->kind)
        return plan_promotion(p, w, r, out);
    switch (w->kind) {
    case LG_AVRO_RECORD:
        return plan_record(p, w, r, depth, out);
    case LG_AVRO_ENUM:
        return plan_enum(p, w, r, out);
    case LG_AVRO_FIXED:
        return plan_fixed(p, w, r, out);
    case LG_AVRO_ARRAY:
    case LG_AVRO_MAP:
        return plan_items(p, w, r, depth, out);
    default:
        return new_step(p, w, r, LG_STEP_COPY, out);
    }
}

static enum lg_rc plan(struct plan *p, const struct lg_schema *w, const struct lg_schema *r,
                       size_t depth, struct lg_step **out)
{
    struct pair key = pair_of(w, r);
    struct lg_step *step = lg_map_get(p->steps, pair_key(&key));
    enum lg_rc rc;

    if (step == NULL) {
        if (depth > LG_RESOLVE_DEPTH_MAX)
            return too_deep(p);
        rc = plan_pair(p, w, r, depth, &step);
        if (rc != LG_OK)
            return rc;
        lg_map_put(p->steps, pair_key(&key), step);
        LG_VEC_PUSH(&p->done, step);
    }
    *out = step;
    return LG_OK;
}

/* --- What can be copied. ---------------------------------------------------------------------- */

static bool copies_parts(const struct lg_step *s)
{
    for (size_t i = 0; i < s->writer->count; i++) {
        if (s->parts[i] == NULL || s->parts[i]->kind != LG_STEP_COPY)
            return false;
    }
    return true;
}

/* A branch keeps its index, so that only the index needs to be looked at. */
static bool copies_branches(const struct lg_step *s)
{
    for (size_t i = 0; i < s->writer->count; i++) {
        const struct lg_step *part = s->parts[i];

        if (part->kind != LG_STEP_READER_UNION || part->branch != i ||
            part->inner->kind != LG_STEP_COPY)
            return false;
    }
    return true;
}

static bool copies_symbols(const struct lg_step *s)
{
    for (size_t i = 0; i < s->writer->count; i++) {
        if (s->symbols[i] != i)
            return false;
    }
    return true;
}

static bool is_copy(const struct lg_step *s)
{
    switch (s->kind) {
    case LG_STEP_COPY:
        return true;
    case LG_STEP_ENUM:
        return copies_symbols(s);
    case LG_STEP_ITEMS:
        return s->inner->kind == LG_STEP_COPY;
    case LG_STEP_RECORD:
        return !s->is_reordered && s->writer->count == s->reader->count && copies_parts(s);
    case LG_STEP_WRITER_UNION:
        return copies_branches(s);
    default:
        return false;
    }
}

/* --- What can never be read. ------------------------------------------------------------------ */

/* A step is unreadable when every datum meets a misfit; arrays and maps count as if they had items.
 * A type met again inside itself decides nothing, nor does what only a datum beyond
 * LG_DATUM_DEPTH_MAX could reach. Every step is entered once; `path` leads to it, and `where` gets
 * the place of the misfit that the step names in `why`. */
static bool is_unreadable(struct lg_step *s, const struct lg_json_path *path, size_t depth,
                          char where[LG_JSON_PATH_TEXT_MAX]);

static bool is_record_unreadable(struct lg_step *s, const struct lg_json_path *path, size_t depth,
                                 char where[LG_JSON_PATH_TEXT_MAX])
{
    for (size_t i = 0; i < s->reader->count; i++) {
        char inner_where[LG_JSON_PATH_TEXT_MAX];
        const char *name = (const char *)s->reader->fields[i].name.data;
        struct lg_json_path member = lg_json_path_member(path, name);
        struct lg_step *part;

        if (s->sources[i] == LG_SCHEMA_NO_INDEX)
            continue;
        part = s->parts[s->sources[i]];
        if (is_unreadable(part, &member, depth, inner_where) && s->why == NULL) {
            s->why = part->why;
            memcpy(where, inner_where, sizeof(inner_where));
        }
    }
    return s->why != NULL;
}

static bool is_writer_union_unreadable(struct lg_step *s, const struct lg_json_path *path,
                                       size_t depth, char where[LG_JSON_PATH_TEXT_MAX])
{
    size_t unreadable = 0;

    for (size_t i = 0; i < s->writer->count; i++) {
        if (is_unreadable(s->parts[i], path, depth, where)) {
            s->why = s->parts[i]->why;
            unreadable++;
        }
    }
    return unreadable == s->writer->count;
}

static bool is_inner_unreadable(struct lg_step *s, const struct lg_json_path *path, size_t depth,
                                char where[LG_JSON_PATH_TEXT_MAX])
{
    bool result = is_unreadable(s->inner, path, depth, where);

    s->why = s->inner->why;
    return result;
}

static bool is_unreadable(struct lg_step *s, const struct lg_json_path *path, size_t depth,
                          char where[LG_JSON_PATH_TEXT_MAX])
{
    struct lg_json_path element = lg_json_path_element(path, 0);
    bool result = s->kind == LG_STEP_MISFIT;

    if (result || s->mark == LG_STEP_UNREADABLE)
        lg_json_path_text(path, where);
    if (s->mark != LG_STEP_UNSEEN || depth > LG_RESOLVE_DEPTH_MAX)
        return s->mark == LG_STEP_UNREADABLE;
    s->mark = LG_STEP_VISITED;
    s->why = result ? s : NULL;
    if (s->kind == LG_STEP_RECORD)
        result = is_record_unreadable(s, path, depth + 1, where);
    else if (s->kind == LG_STEP_ITEMS)
        result = is_inner_unreadable(s, &element, depth + 1, where);
    else if (s->kind == LG_STEP_READER_UNION)
        result = is_inner_unreadable(s, path, depth + 1, where);
    else if (s->kind == LG_STEP_WRITER_UNION)
        result = is_writer_union_unreadable(s, path, depth + 1, where);
    s->mark = result ? LG_STEP_UNREADABLE : LG_STEP_READABLE;
    return result;
}

/* Where neither schema has bytes there is nothing to do, and going on would take a time that the
 * input does not bound. */
static void shorten(struct plan *p)
{
    for (size_t i = 0; i < p->done.size; i++) {
        struct lg_step *s = p->done.data[i];

        if (is_copy(s) || (s->mark == LG_STEP_READABLE && lg_schema_is_empty(s->writer) &&
                           lg_schema_is_empty(s->reader)))
            s->kind = LG_STEP_COPY;
    }
}

enum lg_rc lg_resolver_plan(struct lg_resolver *resolver, struct lg_error *err)
{
    LG_SCOPED(lg_aliases) aliases = {0};
    LG_AUTO(lg_map) *steps = lg_map_new();
    struct plan p = {.arena = resolver->arena, .aliases = &aliases, .steps = steps, .err = err};
    char where[LG_JSON_PATH_TEXT_MAX] = "$";
    enum lg_rc rc;

    if (lg_schema_equal_canonical(resolver->writer, resolver->reader))
        return new_step(&p, resolver->writer, resolver->reader, LG_STEP_COPY, &resolver->root);
    rc = lg_aliases_init(&aliases, resolver->writer, resolver->reader, err);
    if (rc == LG_OK)
        rc = plan(&p, resolver->writer, resolver->reader, /* depth= */ 1, &resolver->root);
    if (rc == LG_OK && is_unreadable(resolver->root, /* path= */ NULL, /* depth= */ 1, where))
        rc = lg_step_refuse(resolver->root->why, where, err);
    if (rc == LG_OK)
        shorten(&p);
    LG_VEC_DONE(&p.done);
    return rc;
}
