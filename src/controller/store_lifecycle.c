/* What may become a store. Pure. */
#include "controller/store_lifecycle.h"

#include "avro/canonical.h"
#include "base/str.h"
#include "controller/controller.h"
#include "coord/assignment.h"
#include "model/names.h"

static enum lg_rc parse_count(const char *text, const char *what, int64_t max, int32_t otherwise,
                              int32_t *out, struct lg_error *err)
{
    int64_t value;

    *out = otherwise;
    if (text == NULL)
        return LG_OK;
    if (!lg_parse_i64(lg_slice_str(text), 1, max, &value))
        return lg_error_set(err, LG_ERR_INVALID, "%s '%.40s' is not a number between 1 and %lld",
                            what, text, (long long)max);
    *out = (int32_t)value;
    return LG_OK;
}

static enum lg_rc check_schema(const char *text, const char *what, struct lg_error *err)
{
    LG_AUTO(lg_schema) *schema = NULL;

    if (lg_schema_parse(lg_slice_str(text), &schema, err) != LG_OK)
        return lg_error_wrap(err, "%s", what);
    return LG_OK;
}

enum lg_rc lg_store_lifecycle_new(const struct lg_new_store *wanted, struct lg_store **out,
                                  struct lg_error *err)
{
    LG_AUTO(lg_store) *store = NULL;
    int32_t partitions, factor, id;
    enum lg_rc rc = lg_names_check_store(lg_slice_str(wanted->name), err);

    if (rc != LG_OK)
        return rc;
    if (lg_names_is_system_store(lg_slice_str(wanted->name)))
        return lg_error_set(err, LG_ERR_REFUSED,
                            "'%s' begins like a store of the platform's own; choose another name",
                            wanted->name);
    rc = parse_count(wanted->partition_count, "partition_count", LG_CONTROLLER_PARTITIONS_MAX,
                     LG_CONTROLLER_PARTITIONS_DEFAULT, &partitions, err);
    if (rc == LG_OK)
        rc = parse_count(wanted->replication_factor, "replication_factor", LG_ASSIGNMENT_FACTOR_MAX,
                         1, &factor, err);
    if (rc == LG_OK)
        rc = check_schema(wanted->key_schema, "key_schema", err);
    if (rc == LG_OK)
        rc = check_schema(wanted->value_schema, "value_schema", err);
    if (rc != LG_OK)
        return rc;
    store = lg_store_new(wanted->name, wanted->owner == NULL ? "" : wanted->owner,
                         wanted->key_schema, wanted->now_ms);
    store->partition_count = partitions;
    store->replication_factor = factor;
    rc = lg_store_add_value_schema(store, wanted->value_schema, &id, err);
    if (rc != LG_OK)
        return rc;
    *out = LG_TAKE(store);
    return LG_OK;
}

enum lg_rc lg_store_lifecycle_find_schema(const struct lg_store *store, const char *text,
                                          int32_t *out_id, struct lg_error *err)
{
    LG_AUTO(lg_schema) *wanted = NULL;
    enum lg_rc rc = lg_schema_parse(lg_slice_str(text), &wanted, err);

    if (rc != LG_OK)
        return lg_error_wrap(err, "value_schema");
    for (size_t i = 0; i < store->value_schemas.size; i++) {
        LG_AUTO(lg_schema) *have = NULL;
        struct lg_error ignored;

        if (lg_schema_parse(lg_slice_str(store->value_schemas.data[i].text), &have, &ignored) ==
                LG_OK &&
            lg_schema_equal_canonical(have, wanted)) {
            *out_id = store->value_schemas.data[i].id;
            return LG_OK;
        }
    }
    return lg_error_set(err, LG_ERR_NO_SCHEMA, "store '%s' has no such value schema", store->name);
}
