/* The inside of a compatibility report: compat.c finds, compat_text.c words. Internal to this
 * module. */
#ifndef LG_AVRO_COMPAT_IMPL_H
#define LG_AVRO_COMPAT_IMPL_H

#include "avro/compat.h"
#include "avro/resolve_impl.h"

/* Where a walk is: a chain on the C stack. */
struct lg_compat_path {
    const struct lg_compat_path *up;
    struct lg_slice field; /* NULL data: the items of an array, or the values of a map */
    bool is_map;
};

struct lg_compat_place {
    struct lg_compat_report *report;
    enum lg_compat_side side;
    int32_t schema_id;
    const struct lg_compat_path *path;
};

/* One sentence each, appended to the report. */
void lg_compat_tell_missing(const struct lg_compat_place *at, const struct lg_schema *reader,
                            size_t field);
void lg_compat_tell_types(const struct lg_compat_place *at, const struct lg_schema *writer,
                          const struct lg_schema *reader);
void lg_compat_tell_misfit(const struct lg_compat_place *at, const struct lg_step *step);
void lg_compat_tell_symbol(const struct lg_compat_place *at, const struct lg_schema *writer,
                           size_t symbol);
void lg_compat_tell_name(const struct lg_compat_place *at, const struct lg_schema *writer,
                         const struct lg_schema *reader);
void lg_compat_tell_default(const struct lg_compat_place *at, const struct lg_schema_field *older,
                            const struct lg_schema_field *newer);
void lg_compat_tell_logical(const struct lg_compat_place *at, const struct lg_schema *older,
                            const struct lg_schema *newer);
/* What cannot even be compared. */
void lg_compat_tell_refused(const struct lg_compat_place *at, const char *sentence);

#endif
