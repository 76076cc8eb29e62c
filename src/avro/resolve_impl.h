/* The inside of a resolver, for the files that build and run it: resolve_alias.c, resolve_plan.c,
 * resolve.c. Internal to this module.
 *
 * A plan is a graph of steps, one for each pair of types that meet. Recursive types make cycles.
 * All steps live in the resolver's arena and never change once lg_resolver_new returned.
 */
#ifndef LG_AVRO_RESOLVE_IMPL_H
#define LG_AVRO_RESOLVE_IMPL_H

#include "avro/resolve.h"
#include "avro/schema_impl.h"

enum lg_step_kind {
    LG_STEP_COPY,         /* the bytes are the same in both schemas */
    LG_STEP_MISFIT,       /* no datum of the writer's type can be read */
    LG_STEP_TO_FLOAT,     /* from int or long */
    LG_STEP_TO_DOUBLE,    /* from int, long or float */
    LG_STEP_TO_STRING,    /* from bytes */
    LG_STEP_ENUM,         /* by `symbols` */
    LG_STEP_ITEMS,        /* arrays and maps, by `inner` */
    LG_STEP_RECORD,       /* by `parts` and `sources` */
    LG_STEP_READER_UNION, /* `branch`, then `inner` */
    LG_STEP_WRITER_UNION, /* by `parts` */
};

enum lg_misfit {
    LG_MISFIT_TYPES,   /* one cannot be promoted to the other */
    LG_MISFIT_NAMES,   /* enums or fixeds of different names */
    LG_MISFIT_SIZES,   /* fixeds of different sizes */
    LG_MISFIT_MISSING, /* the reader's field `branch` has no default and is not written */
    LG_MISFIT_BRANCH,  /* no branch of the reader's union takes the type */
};

/* How far the search for what can never be read has come. */
enum lg_step_mark { LG_STEP_UNSEEN, LG_STEP_VISITED, LG_STEP_READABLE, LG_STEP_UNREADABLE };

struct lg_step {
    enum lg_step_kind kind;
    enum lg_misfit misfit;
    enum lg_step_mark mark;
    bool is_reordered;              /* record: fields are not read in the order they are written */
    const struct lg_schema *writer; /* never a union in LG_STEP_READER_UNION */
    const struct lg_schema *reader;
    struct lg_step *inner;
    struct lg_step **parts; /* by the writer's field (NULL: skipped) or branch */
    size_t *sources;        /* by the reader's field: the writer's field, or LG_SCHEMA_NO_INDEX */
    size_t *symbols;        /* by the writer's symbol: the reader's, or LG_SCHEMA_NO_INDEX */
    size_t branch;
    const struct lg_step *why; /* of an unreadable step: a misfit that every datum meets */
};

struct lg_resolver {
    unsigned refs;
    struct lg_arena *arena;
    struct lg_schema *writer, *reader;
    struct lg_step *root;
};

/* What the reader calls the writer's types and fields. */
struct lg_aliases {
    struct lg_map *types; /* alias of a type to the reader's schema of that name */
    struct lg_map
        *records; /* name or alias of a record to the map of its fields by their aliases */
    LG_VEC(struct lg_map *) owned; /* the maps in `records`, once each */
};
void lg_aliases_done(struct lg_aliases *aliases);
LG_DEFINE_SCOPED(lg_aliases, lg_aliases_done)
/* Gathers the reader's aliases, then refuses a writer that has two fields or two branches of one
 * name after renaming. `aliases` must be {0}. */
LG_MUST_CHECK enum lg_rc lg_aliases_init(struct lg_aliases *aliases, const struct lg_schema *writer,
                                         const struct lg_schema *reader, struct lg_error *err);
/* The full name of a writer's type as the reader calls it. */
struct lg_slice lg_aliases_full_name(const struct lg_aliases *aliases,
                                     const struct lg_schema *writer);
/* The part behind the last dot of it. */
struct lg_slice lg_aliases_name(const struct lg_aliases *aliases, const struct lg_schema *writer);
/* The name of field i of a writer's record as the reader calls it. */
struct lg_slice lg_aliases_field_name(const struct lg_aliases *aliases,
                                      const struct lg_schema *record, size_t i);

/* Builds resolver->root. */
LG_MUST_CHECK enum lg_rc lg_resolver_plan(struct lg_resolver *resolver, struct lg_error *err);
/* The sentence for a misfit. `where` is a path, or NULL. */
enum lg_rc lg_step_refuse(const struct lg_step *step, const char *where, struct lg_error *err);

#endif
