/* May a schema follow another one? A report with one finding per field: what changed, which readers
 * it breaks, and the remedy.
 *
 * The judge is the plan by which data are resolved (avro/resolve.h): compatible means that every
 * datum that one schema can write, the other can read. Beside that, records that meet must have the
 * same name, or an alias, as Venice's controller demands. Pure.
 */
#ifndef LG_AVRO_COMPAT_H
#define LG_AVRO_COMPAT_H

#include "avro/schema.h"
#include "base/json.h"
#include "base/vec.h"

#define LG_COMPAT_FINDINGS_MAX 200   /* of one report; then it is cut */
#define LG_COMPAT_STEPS_MAX 1000000u /* pairs of types that a report visits; then it is cut */

/* X(mode, name, new readers read old data, old readers read new data) */
#define LG_COMPAT_MODE_TABLE(X)                                                                    \
    X(LG_COMPAT_NONE, "NONE", false, false)                                                        \
    X(LG_COMPAT_BACKWARD, "BACKWARD", true, false)                                                 \
    X(LG_COMPAT_FORWARD, "FORWARD", false, true)                                                   \
    X(LG_COMPAT_FULL, "FULL", true, true)

enum lg_compat_mode {
#define X(mode, name, backward, forward) mode,
    LG_COMPAT_MODE_TABLE(X)
#undef X
};
const char *lg_compat_mode_name(enum lg_compat_mode mode);
/* "FULL", "FULL_TRANSITIVE": the same here, every schema there is counts in any mode.
 * LG_ERR_INVALID. */
LG_MUST_CHECK enum lg_rc lg_compat_mode_parse(const char *text, enum lg_compat_mode *out,
                                              struct lg_error *err);

enum lg_compat_side {
    LG_COMPAT_NEW_READERS, /* of data written with the old schema */
    LG_COMPAT_OLD_READERS, /* of data written with the new schema */
    LG_COMPAT_NOBODY,      /* worth knowing, breaks nothing */
};

struct lg_compat_finding {
    enum lg_compat_side breaks;
    const char *rule;  /* "FIELD_ADDED_WITHOUT_DEFAULT" */
    int32_t schema_id; /* of the old schema, as the caller numbers it */
    char *path;        /* owned: "address.zip", "tags[]", "" for the schema itself */
    char *change;      /* owned: "field zip (int) was added without a default" */
    char *remedy;      /* owned; "" when nothing needs one */
};

struct lg_compat_report {
    LG_VEC(struct lg_compat_finding) findings;
    size_t broken; /* findings that break somebody */
    bool is_cut;   /* There may be more. */
};
void lg_compat_report_done(struct lg_compat_report *report);
LG_DEFINE_SCOPED(lg_compat_report, lg_compat_report_done)

/* Appends the findings of `newer` after `older`; `schema_id` is noted with each. */
void lg_compat_check(const struct lg_schema *older, const struct lg_schema *newer,
                     enum lg_compat_mode mode, int32_t schema_id, struct lg_compat_report *report);
/* Takes away the findings from `from` on that break nobody. */
void lg_compat_drop_notes(struct lg_compat_report *report, size_t from);
/* Do all readers see the same with either? Only docs, order and attributes may differ. */
bool lg_compat_same(const struct lg_schema *a, const struct lg_schema *b);

/* "new readers of old data", "old readers of new data", "nobody". */
const char *lg_compat_side_text(enum lg_compat_side side);
/* [{"path","rule","breaks","change","remedy","schemaId"}]; the caller owns it. */
struct lg_json *lg_compat_report_json(const struct lg_compat_report *report);

#endif
