/* What may become a store: the decisions behind /new_store and /add_value_schema. Pure. */
#ifndef LG_CONTROLLER_STORE_LIFECYCLE_H
#define LG_CONTROLLER_STORE_LIFECYCLE_H

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

/* The id of the store's value schema that is canonically equal to `text`. LG_ERR_NO_SCHEMA when
 * there is none; LG_ERR_SCHEMA or LG_ERR_BAD_DATA when the text is no schema. */
LG_MUST_CHECK enum lg_rc lg_store_lifecycle_find_schema(const struct lg_store *store,
                                                        const char *text, int32_t *out_id,
                                                        struct lg_error *err);

#endif
