/* A schema for records that have none: the narrowest Avro record that accepts every one of them.
 *
 * Feed it all records, then ask. Pure. Owned by one user.
 */
#ifndef LG_PUSHJOB_INFER_H
#define LG_PUSHJOB_INFER_H

#include "base/json.h"

#define LG_INFER_NODES_MAX 16384u /* fields and items, at all depths */
#define LG_INFER_DEPTH_MAX 20u

struct lg_infer; /* Opaque. */

/* `is_text`: values are cells of CSV, so that a column of several types is a string. */
struct lg_infer *lg_infer_new(bool is_text);
void lg_infer_free(struct lg_infer *infer); /* NULL is allowed. */
LG_DEFINE_AUTO(lg_infer, lg_infer_free)
/* One object. LG_ERR_SCHEMA names a member that cannot be a field's name, LG_ERR_TOO_LARGE a limit
 * above that was passed. */
LG_MUST_CHECK enum lg_rc lg_infer_add(struct lg_infer *infer, const struct lg_json *record,
                                      struct lg_error *err);
/* The schema of all records, or of one field (`field` NULL: all). `name` becomes the record's name,
 * as far as Avro allows its letters. LG_ERR_INVALID when there is no such field (names the
 * nearest). The caller owns it. */
LG_MUST_CHECK enum lg_rc lg_infer_schema(const struct lg_infer *infer, const char *name,
                                         const char *field, struct lg_json **out,
                                         struct lg_error *err);

#endif
