/* Finding what breaks: a walk over the plan of each direction, which says at every pair of types
 * whether data get through; and a walk over both schemas for defaults that changed. Pure. */
#include "avro/compat.h"

#include "avro/canonical.h"
#include "avro/compat_impl.h"

const char *lg_compat_mode_name(enum lg_compat_mode mode)
{
    static const char *const names[] = {
#define X(mode, name, backward, forward) name,
        LG_COMPAT_MODE_TABLE(X)
#undef X
    };

    return names[mode];
}

enum lg_rc lg_compat_mode_parse(const char *text, enum lg_compat_mode *out, struct lg_error *err)
{
    static const enum lg_compat_mode modes[] = {LG_COMPAT_NONE, LG_COMPAT_BACKWARD,
                                                LG_COMPAT_FORWARD, LG_COMPAT_FULL};

    for (size_t i = 0; i < LG_ARRAY_SIZE(modes); i++) {
        const char *name = lg_compat_mode_name(modes[i]);
        size_t size = strlen(name);

        if (strncmp(text, name, size) == 0 &&
            (text[size] == 0 ||
             (modes[i] != LG_COMPAT_NONE && strcmp(text + size, "_TRANSITIVE") == 0))) {
            *out = modes[i];
            return LG_OK;
        }
    }
    return lg_error_set(err, LG_ERR_INVALID,
                        "no compatibility '%.40s'; there are FULL, BACKWARD, FORWARD and NONE",
                        text);
}

static void finding_done(struct lg_compat_finding *f)
{
    lg_free(f->path);
    lg_free(f->change);
    lg_free(f->remedy);
}

void lg_compat_report_done(struct lg_compat_report *report)
{
    for (size_t i = 0; i < report->findings.size; i++)
        finding_done(&report->findings.data[i]);
    LG_VEC_DONE(&report->findings);
    *report = (struct lg_compat_report){0};
}

/* --- The plan of one direction. -----------------------------------------------------------------
 */

struct walk {
    struct lg_compat_place at;
    const struct lg_aliases *aliases;
    struct lg_map *states; /* of record steps: see below */
    size_t steps;
};

/* A record that is being walked is not entered again: recursive types end there. One that was
 * walked without a finding has none on any other path. */
static const char entered[] = "entered", clean[] = "clean";

static void walk(struct walk *w, const struct lg_step *s, const struct lg_compat_path *path);

static void walk_field(struct walk *w, const struct lg_step *s, size_t i,
                       const struct lg_compat_path *path)
{
    struct lg_compat_path inner = {.up = path, .field = s->writer->fields[i].name};

    if (s->parts[i] != NULL)
        walk(w, s->parts[i], &inner);
}

static void walk_record_parts(struct walk *w, const struct lg_step *s,
                              const struct lg_compat_path *path)
{
    w->at.path = path;
    if (!lg_slice_eq(lg_aliases_name(w->aliases, s->writer), s->reader->name))
        lg_compat_tell_name(&w->at, s->writer, s->reader);
    for (size_t i = 0; i < s->reader->count; i++)
        if (s->sources[i] == LG_SCHEMA_NO_INDEX && s->reader->fields[i].default_json == NULL)
            lg_compat_tell_missing(&w->at, s->reader, i);
    for (size_t i = 0; i < s->writer->count; i++)
        walk_field(w, s, i, path);
}

static void walk_record(struct walk *w, const struct lg_step *s, const struct lg_compat_path *path)
{
    struct lg_slice key = lg_slice(&s, sizeof(const struct lg_step *));
    size_t before = w->at.report->broken;

    if (lg_map_get(w->states, key) != NULL)
        return;
    (void)lg_map_put(w->states, key, (void *)(uintptr_t)entered);
    walk_record_parts(w, s, path);
    if (w->at.report->broken == before)
        (void)lg_map_put(w->states, key, (void *)(uintptr_t)clean);
    else
        (void)lg_map_remove(w->states, key);
}

static void walk_enum(struct walk *w, const struct lg_step *s)
{
    for (size_t i = 0; i < s->writer->count; i++)
        if (s->symbols[i] == LG_SCHEMA_NO_INDEX)
            lg_compat_tell_symbol(&w->at, s->writer, i);
}

static bool is_misfit(const struct lg_step *s)
{
    return s->kind == LG_STEP_MISFIT && s->misfit != LG_MISFIT_MISSING;
}

static void walk_writer_union(struct walk *w, const struct lg_step *s,
                              const struct lg_compat_path *path)
{
    bool is_other = false;

    for (size_t i = 0; s->reader->kind != LG_AVRO_UNION && i < s->writer->count; i++)
        is_other = is_other || is_misfit(s->parts[i]);
    if (is_other) { /* One sentence about the union, not one for each branch. */
        lg_compat_tell_types(&w->at, s->writer, s->reader);
        return;
    }
    for (size_t i = 0; i < s->writer->count; i++)
        walk(w, s->parts[i], path);
}

/* By what a step holds, not by its kind: one whose bytes are only copied still joins two types. */
static void walk(struct walk *w, const struct lg_step *s, const struct lg_compat_path *path)
{
    struct lg_compat_path items = {.up = path, .is_map = s->writer->kind == LG_AVRO_MAP};
    enum lg_avro_kind kind = s->writer->kind;

    if (++w->steps > LG_COMPAT_STEPS_MAX || w->at.report->findings.size >= LG_COMPAT_FINDINGS_MAX) {
        w->at.report->is_cut = true;
        return;
    }
    w->at.path = path;
    if (is_misfit(s))
        lg_compat_tell_misfit(&w->at, s);
    else if (kind == LG_AVRO_UNION && s->parts != NULL)
        walk_writer_union(w, s, path);
    else if (kind == LG_AVRO_RECORD && s->reader->kind == LG_AVRO_RECORD &&
             (s->parts != NULL || s->writer->count == 0))
        walk_record(w, s, path);
    else if (s->inner != NULL)
        walk(w, s->inner, s->reader->kind == LG_AVRO_UNION ? path : &items);
    else if (s->symbols != NULL)
        walk_enum(w, s);
}

/* `reader` on data of `writer`. */
static void check_direction(const struct lg_schema *writer, const struct lg_schema *reader,
                            const struct lg_compat_place *at)
{
    LG_AUTO(lg_arena) *arena = lg_arena_new(LG_RESOLVE_PLAN_BYTES_MAX);
    LG_AUTO(lg_map) *states = lg_map_new();
    LG_SCOPED(lg_aliases) aliases = {0};
    struct lg_resolver plan = {.refs = 1,
                               .arena = arena,
                               .writer = (struct lg_schema *)(uintptr_t)writer,
                               .reader = (struct lg_schema *)(uintptr_t)reader};
    struct walk w = {.at = *at, .aliases = &aliases, .states = states};
    struct lg_error err = {0};
    size_t before = at->report->broken;
    enum lg_rc rc = lg_aliases_init(&aliases, writer, reader, &err);

    if (rc == LG_OK)
        rc = lg_resolver_plan(&plan, &err);
    /* A pair that is refused as a whole has a plan all the same, which tells the fields. */
    if (rc == LG_OK || (rc == LG_ERR_SCHEMA && plan.root != NULL))
        walk(&w, plan.root, /* path= */ NULL);
    if (rc != LG_OK && at->report->broken == before)
        lg_compat_tell_refused(at, err.text);
}

/* --- Defaults. ----------------------------------------------------------------------------------
 */

struct compare {
    struct lg_compat_place at; /* `report` NULL: only whether there is a difference */
    struct lg_map *seen;       /* full names of the new schema's records */
    bool differs;              /* in what readers see */
    size_t steps;
};

static void compare(struct compare *c, const struct lg_schema *a, const struct lg_schema *b,
                    const struct lg_compat_path *path);

static bool same_names(const struct lg_slice *a, size_t a_count, const struct lg_slice *b,
                       size_t b_count)
{
    if (a_count != b_count)
        return false;
    for (size_t i = 0; i < a_count; i++)
        if (!lg_slice_eq(a[i], b[i]))
            return false;
    return true;
}

static bool same_default(const struct lg_schema_field *a, const struct lg_schema_field *b)
{
    if (a->default_json == NULL || b->default_json == NULL)
        return a->default_json == b->default_json;
    return lg_json_equal(a->default_json, b->default_json);
}

static void compare_field(struct compare *c, const struct lg_schema_field *a,
                          const struct lg_schema_field *b, const struct lg_compat_path *path)
{
    struct lg_compat_path inner = {.up = path, .field = b->name};

    c->at.path = path;
    if (!same_default(a, b)) {
        c->differs = true;
        if (c->at.report != NULL && a->default_json != NULL)
            lg_compat_tell_default(&c->at, a, b);
    }
    if (!same_names(a->aliases, a->alias_count, b->aliases, b->alias_count))
        c->differs = true;
    compare(c, a->schema, b->schema, &inner);
}

static void compare_records(struct compare *c, const struct lg_schema *a, const struct lg_schema *b,
                            const struct lg_compat_path *path)
{
    if (lg_map_put(c->seen, b->full_name, c->seen) != NULL)
        return;
    for (size_t i = 0; i < b->count; i++) {
        size_t at = lg_schema_field_index(a, b->fields[i].name);

        if (at != LG_SCHEMA_NO_INDEX)
            compare_field(c, &a->fields[at], &b->fields[i], path);
    }
}

static void compare(struct compare *c, const struct lg_schema *a, const struct lg_schema *b,
                    const struct lg_compat_path *path)
{
    struct lg_compat_path items = {.up = path, .is_map = a->kind == LG_AVRO_MAP};

    if (a->kind != b->kind || ++c->steps > LG_COMPAT_STEPS_MAX)
        return;
    if (lg_schema_is_named(a) &&
        !same_names(a->aliases, a->alias_count, b->aliases, b->alias_count))
        c->differs = true;
    if (a->kind == LG_AVRO_ENUM && a->symbol_default != b->symbol_default)
        c->differs = true;
    if (!lg_slice_eq(a->logical_type, b->logical_type)) {
        c->differs = true;
        c->at.path = path;
        if (c->at.report != NULL)
            lg_compat_tell_logical(&c->at, a, b);
    }
    if (a->kind == LG_AVRO_RECORD)
        compare_records(c, a, b, path);
    else if (a->kind == LG_AVRO_ARRAY || a->kind == LG_AVRO_MAP)
        compare(c, a->items, b->items, &items);
    else if (a->kind == LG_AVRO_UNION)
        for (size_t i = 0; i < LG_MIN(a->count, b->count); i++)
            compare(c, a->branches[i], b->branches[i], path);
}

bool lg_compat_same(const struct lg_schema *a, const struct lg_schema *b)
{
    LG_AUTO(lg_map) *seen = lg_map_new();
    struct compare c = {.seen = seen};

    if (!lg_schema_equal_canonical(a, b))
        return false;
    compare(&c, a, b, /* path= */ NULL);
    return !c.differs;
}

/* --- The report. --------------------------------------------------------------------------------
 */

void lg_compat_check(const struct lg_schema *older, const struct lg_schema *newer,
                     enum lg_compat_mode mode, int32_t schema_id, struct lg_compat_report *report)
{
    static const bool sides[][2] = {
#define X(mode, name, backward, forward) {backward, forward},
        LG_COMPAT_MODE_TABLE(X)
#undef X
    };
    LG_AUTO(lg_map) *seen = lg_map_new();
    struct lg_compat_place at = {.report = report, .schema_id = schema_id};
    struct compare c = {.seen = seen};

    at.side = LG_COMPAT_NEW_READERS;
    if (sides[mode][0])
        check_direction(older, newer, &at);
    at.side = LG_COMPAT_OLD_READERS;
    if (sides[mode][1])
        check_direction(newer, older, &at);
    at.side = LG_COMPAT_NOBODY;
    c.at = at;
    compare(&c, older, newer, /* path= */ NULL);
}

void lg_compat_drop_notes(struct lg_compat_report *report, size_t from)
{
    size_t kept = LG_MIN(from, report->findings.size);

    for (size_t i = kept; i < report->findings.size; i++) {
        struct lg_compat_finding *f = &report->findings.data[i];

        if (f->breaks != LG_COMPAT_NOBODY)
            report->findings.data[kept++] = *f;
        else
            finding_done(f);
    }
    report->findings.size = kept;
}

struct lg_json *lg_compat_report_json(const struct lg_compat_report *report)
{
    struct lg_json *list = lg_json_new_array();

    for (size_t i = 0; i < report->findings.size; i++) {
        const struct lg_compat_finding *f = &report->findings.data[i];
        struct lg_json *row = lg_json_new_object();

        lg_json_set_str(row, "path", f->path);
        lg_json_set_str(row, "rule", f->rule);
        lg_json_set_str(row, "breaks",
                        f->breaks == LG_COMPAT_NOBODY ? NULL : lg_compat_side_text(f->breaks));
        lg_json_set_str(row, "change", f->change);
        lg_json_set_str(row, "remedy", f->remedy);
        lg_json_set_int(row, "schemaId", f->schema_id);
        lg_json_push(list, row);
    }
    return list;
}
