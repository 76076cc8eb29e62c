/* Aliases: the writer's names as the reader's schema calls them. Pure.
 *
 * As in Java, the writer's schema is renamed before it is compared: a type by the reader's type
 * that has its full name as an alias, a field by the field that has its name as an alias, in the
 * record of the same (renamed) name. Of several types with the same alias, the last one met counts.
 */
#include "avro/resolve_impl.h"

struct walk {
    struct lg_aliases *aliases;
    struct lg_map *seen; /* full names of records that were entered */
    struct lg_error *err;
};

void lg_aliases_done(struct lg_aliases *aliases)
{
    for (size_t i = 0; i < aliases->owned.size; i++)
        lg_map_free(aliases->owned.data[i]);
    LG_VEC_DONE(&aliases->owned);
    lg_map_free(aliases->types);
    lg_map_free(aliases->records);
    *aliases = (struct lg_aliases){0};
}

static enum lg_rc too_deep(struct walk *w)
{
    return lg_error_set(w->err, LG_ERR_TOO_LARGE,
                        "the schema's types nest deeper than %d when they are unfolded; make the "
                        "chain of types shorter",
                        LG_RESOLVE_DEPTH_MAX);
}

/* --- Gathering. ------------------------------------------------------------------------------- */

static enum lg_rc gather(struct walk *w, const struct lg_schema *s, size_t depth);

/* A record's fields by their aliases, NULL when it has none. The last one of an alias counts. */
static struct lg_map *fields_by_alias(struct lg_aliases *aliases, const struct lg_schema *record)
{
    struct lg_map *map = NULL;

    for (size_t f = 0; f < record->count; f++) {
        for (size_t i = 0; i < record->fields[f].alias_count; i++) {
            if (map == NULL)
                map = lg_map_new();
            lg_map_put(map, record->fields[f].aliases[i], &record->fields[f]);
        }
    }
    if (map != NULL)
        LG_VEC_PUSH(&aliases->owned, map);
    return map;
}

static enum lg_rc gather_record(struct walk *w, const struct lg_schema *s, size_t depth)
{
    struct lg_map *renamed;

    if (lg_map_put(w->seen, s->full_name, w->seen) != NULL)
        return LG_OK;
    for (size_t i = 0; i < s->count; i++) {
        enum lg_rc rc = gather(w, s->fields[i].schema, depth + 1);

        if (rc != LG_OK)
            return rc;
    }
    renamed = fields_by_alias(w->aliases, s);
    if (renamed == NULL)
        return LG_OK;
    lg_map_put(w->aliases->records, s->full_name, renamed);
    for (size_t i = 0; i < s->alias_count; i++)
        lg_map_put(w->aliases->records, s->aliases[i], renamed);
    return LG_OK;
}

static enum lg_rc gather(struct walk *w, const struct lg_schema *s, size_t depth)
{
    enum lg_rc rc = LG_OK;

    if (depth > LG_RESOLVE_DEPTH_MAX)
        return too_deep(w);
    for (size_t i = 0; i < s->alias_count; i++)
        lg_map_put(w->aliases->types, s->aliases[i], (void *)s);
    if (s->kind == LG_AVRO_RECORD)
        return gather_record(w, s, depth);
    if (s->kind == LG_AVRO_ARRAY || s->kind == LG_AVRO_MAP)
        return gather(w, s->items, depth + 1);
    for (size_t i = 0; rc == LG_OK && i < lg_schema_branch_count(s); i++)
        rc = gather(w, s->branches[i], depth + 1);
    return rc;
}

/* --- Looking up. ------------------------------------------------------------------------------ */

struct lg_slice lg_aliases_full_name(const struct lg_aliases *aliases,
                                     const struct lg_schema *writer)
{
    const struct lg_schema *reader = lg_map_get(aliases->types, writer->full_name);

    return reader == NULL || !lg_schema_is_named(writer) ? writer->full_name : reader->full_name;
}

struct lg_slice lg_aliases_name(const struct lg_aliases *aliases, const struct lg_schema *writer)
{
    const struct lg_schema *reader = lg_map_get(aliases->types, writer->full_name);

    return reader == NULL || !lg_schema_is_named(writer) ? writer->name : reader->name;
}

/* The reader's fields by alias that count for this record of the writer, or NULL. */
static const struct lg_map *renames(const struct lg_aliases *aliases,
                                    const struct lg_schema *record)
{
    return lg_map_get(aliases->records, lg_aliases_full_name(aliases, record));
}

struct lg_slice lg_aliases_field_name(const struct lg_aliases *aliases,
                                      const struct lg_schema *record, size_t i)
{
    const struct lg_map *fields = renames(aliases, record);
    const struct lg_schema_field *reader =
        fields == NULL ? NULL : lg_map_get(fields, record->fields[i].name);

    return reader == NULL ? record->fields[i].name : reader->name;
}

/* --- Names twice. ----------------------------------------------------------------------------- */

static enum lg_rc check(struct walk *w, const struct lg_schema *s, size_t depth);

static enum lg_rc check_record(struct walk *w, const struct lg_schema *s, size_t depth)
{
    LG_AUTO(lg_map) *names = NULL;

    if (lg_map_put(w->seen, s->full_name, w->seen) != NULL)
        return LG_OK;
    if (renames(w->aliases, s) != NULL)
        names = lg_map_new();
    for (size_t i = 0; i < s->count; i++) {
        enum lg_rc rc = check(w, s->fields[i].schema, depth + 1);

        if (rc != LG_OK)
            return rc;
        if (names != NULL) {
            struct lg_slice name = lg_aliases_field_name(w->aliases, s, i);
            const struct lg_schema_field *other = lg_map_put(names, name, &s->fields[i]);

            if (other != NULL)
                return lg_error_set(w->err, LG_ERR_SCHEMA,
                                    "fields %.*s and %.*s of the writer's record %.*s are both "
                                    "called %.*s by the reader; take away the alias",
                                    LG_FMT(other->name), LG_FMT(s->fields[i].name),
                                    LG_FMT(s->full_name), LG_FMT(name));
        }
    }
    return LG_OK;
}

static enum lg_rc check_union(struct walk *w, const struct lg_schema *s, size_t depth)
{
    LG_AUTO(lg_map) *names = lg_map_new();

    for (size_t i = 0; i < s->count; i++) {
        struct lg_slice name = lg_aliases_full_name(w->aliases, s->branches[i]);
        enum lg_rc rc;

        if (lg_map_put(names, name, names) != NULL)
            return lg_error_set(w->err, LG_ERR_SCHEMA,
                                "two branches of one union of the writer are both called %.*s by "
                                "the reader; take away the alias",
                                LG_FMT(name));
        rc = check(w, s->branches[i], depth + 1);
        if (rc != LG_OK)
            return rc;
    }
    return LG_OK;
}

static enum lg_rc check(struct walk *w, const struct lg_schema *s, size_t depth)
{
    if (depth > LG_RESOLVE_DEPTH_MAX)
        return too_deep(w);
    if (s->kind == LG_AVRO_RECORD)
        return check_record(w, s, depth);
    if (s->kind == LG_AVRO_ARRAY || s->kind == LG_AVRO_MAP)
        return check(w, s->items, depth + 1);
    return s->kind == LG_AVRO_UNION ? check_union(w, s, depth) : LG_OK;
}

enum lg_rc lg_aliases_init(struct lg_aliases *aliases, const struct lg_schema *writer,
                           const struct lg_schema *reader, struct lg_error *err)
{
    LG_AUTO(lg_map) *entered = lg_map_new();
    LG_AUTO(lg_map) *checked = lg_map_new();
    struct walk w = {.aliases = aliases, .seen = entered, .err = err};
    enum lg_rc rc;

    aliases->types = lg_map_new();
    aliases->records = lg_map_new();
    rc = gather(&w, reader, /* depth= */ 1);
    if (rc != LG_OK || lg_map_size(aliases->types) + lg_map_size(aliases->records) == 0)
        return rc;
    w.seen = checked;
    return check(&w, writer, /* depth= */ 1);
}
