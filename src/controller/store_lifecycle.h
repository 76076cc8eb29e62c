/* What may become a store: the decisions behind /new_store and /add_value_schema. Pure. */
#ifndef LG_CONTROLLER_STORE_LIFECYCLE_H
#define LG_CONTROLLER_STORE_LIFECYCLE_H

#include "avro/compat.h"
#include "model/store.h"

struct lg_new_store {
    const char *name, *owner;
    const char *key_schema, *value_schema;
    const char *partition_count, *replication_factor; /* ours; NULL: the defaults */
    int64_t now_ms;
};

/* LG_ERR_INVALID for a bad name or number, LG_ERR_REFUSED for a name of the platform's own,
 * LG_ERR_SCHEMA or LG_ERR_BAD_DATA for a schema, LG_ERR_TOO_LARGE for one over the limit. */
LG_MUST_CHECK enum lg_rc lg_store_lifecycle_new(const struct lg_new_store *wanted,
                                                struct lg_store **out, struct lg_error *err);

/* The id of the store's value schema that readers cannot tell from `text`; else of the newest that
 * is canonically equal. LG_ERR_NO_SCHEMA when there is none; LG_ERR_SCHEMA or LG_ERR_BAD_DATA when
 * the text is no schema. */
LG_MUST_CHECK enum lg_rc lg_store_lifecycle_find_schema(const struct lg_store *store,
                                                        const char *text, int32_t *out_id,
                                                        struct lg_error *err);

struct lg_add_schema {
    const char *text;
    enum lg_compat_mode mode;
    int32_t wanted_id; /* 0: whichever is next */
};
struct lg_added_schema {
    int32_t id;
    bool is_new;
};
/* Adds a value schema that may follow every one there is; one that readers cannot tell from another
 * gets the id of that. With read compute the superset follows, perhaps as a schema of its own. The
 * report has the findings, also when all is well. LG_ERR_SCHEMA when it breaks somebody, or there
 * is no superset; LG_ERR_CONFLICT when `wanted_id` is not its id; LG_ERR_BAD_DATA,
 * LG_ERR_TOO_LARGE.
 */
LG_MUST_CHECK enum lg_rc lg_store_lifecycle_add_schema(struct lg_store *store,
                                                       const struct lg_add_schema *wanted,
                                                       struct lg_compat_report *report,
                                                       struct lg_added_schema *out,
                                                       struct lg_error *err);
/* Settings that need more, after some were changed: a superset schema with read compute, none
 * without. LG_ERR_SCHEMA when there is no superset of the value schemas. */
LG_MUST_CHECK enum lg_rc lg_store_lifecycle_settle(struct lg_store *store, struct lg_error *err);

#endif
