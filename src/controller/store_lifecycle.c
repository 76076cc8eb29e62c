/* What may become a store. Pure. */
#include "controller/store_lifecycle.h"

#include "avro/canonical.h"
#include "avro/superset.h"
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
        return lg_error_set(err, LG_ERR_INVALID,
                            "%s '%.40s' is not a number between 1 and %lld, its limit", what, text,
                            (long long)max);
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

/* --- Value schemas. ------------------------------------------------------------------------------
 */

/* They were parsed when they came in. */
static enum lg_rc parse_own(const struct lg_store *store, size_t i, struct lg_schema **out,
                            struct lg_error *err)
{
    if (lg_schema_parse(lg_slice_str(store->value_schemas.data[i].text), out, err) != LG_OK)
        return lg_error_wrap(err, "value schema %d of store '%s'", store->value_schemas.data[i].id,
                             store->name);
    return LG_OK;
}

/* 0: none. `*out_canonical`: the newest that is canonically equal. */
static enum lg_rc find_same(const struct lg_store *store, const struct lg_schema *wanted,
                            int32_t *out_same, int32_t *out_canonical, struct lg_error *err)
{
    *out_same = *out_canonical = 0;
    for (size_t i = 0; *out_same == 0 && i < store->value_schemas.size; i++) {
        LG_AUTO(lg_schema) *have = NULL;
        enum lg_rc rc = parse_own(store, i, &have, err);

        if (rc != LG_OK)
            return rc;
        if (lg_compat_same(have, wanted))
            *out_same = store->value_schemas.data[i].id;
        if (lg_schema_equal_canonical(have, wanted))
            *out_canonical = store->value_schemas.data[i].id;
    }
    return LG_OK;
}

enum lg_rc lg_store_lifecycle_find_schema(const struct lg_store *store, const char *text,
                                          int32_t *out_id, struct lg_error *err)
{
    LG_AUTO(lg_schema) *wanted = NULL;
    int32_t same, canonical;
    enum lg_rc rc = lg_schema_parse(lg_slice_str(text), &wanted, err);

    if (rc != LG_OK)
        return lg_error_wrap(err, "value_schema");
    rc = find_same(store, wanted, &same, &canonical, err);
    if (rc != LG_OK)
        return rc;
    if (same == 0 && canonical == 0)
        return lg_error_set(err, LG_ERR_NO_SCHEMA, "store '%s' has no such value schema",
                            store->name);
    *out_id = same != 0 ? same : canonical;
    return LG_OK;
}

static enum lg_rc check_compatible(const struct lg_store *store, const struct lg_schema *wanted,
                                   enum lg_compat_mode mode, struct lg_compat_report *report,
                                   struct lg_error *err)
{
    const struct lg_compat_finding *f;

    for (size_t i = 0; i < store->value_schemas.size; i++) {
        LG_AUTO(lg_schema) *have = NULL;
        size_t before = report->findings.size;
        enum lg_rc rc = parse_own(store, i, &have, err);

        if (rc != LG_OK)
            return rc;
        lg_compat_check(have, wanted, mode, store->value_schemas.data[i].id, report);
        if (i + 1 < store->value_schemas.size) /* What is only worth knowing is told once. */
            lg_compat_drop_notes(report, before);
    }
    if (report->broken == 0)
        return LG_OK;
    f = report->findings.data;
    while (f->breaks == LG_COMPAT_NOBODY)
        f++;
    return lg_error_set(err, LG_ERR_SCHEMA,
                        "the schema does not fit value schema %d of store '%s': %s (breaks %s); "
                        "%s%s",
                        f->schema_id, store->name, f->change, lg_compat_side_text(f->breaks),
                        f->remedy, report->broken > 1 ? "; there is more" : "");
}

static enum lg_rc add_superset(struct lg_store *store, const struct lg_schema *superset,
                               struct lg_error *err)
{
    LG_AUTO_STR char *text = lg_strf("%.*s", LG_FMT(lg_schema_text(superset)));
    int32_t id;
    enum lg_rc rc = lg_store_add_value_schema(store, text, &id, err);

    if (rc == LG_OK)
        store->latest_superset_schema_id = id;
    return rc;
}

/* Of the former superset, or the former latest schema, and the one just added. */
static enum lg_rc extend_superset(struct lg_store *store, const char *former, int32_t former_id,
                                  const struct lg_schema *added, int32_t added_id,
                                  struct lg_error *err)
{
    LG_AUTO(lg_schema) *base = NULL;
    LG_AUTO(lg_schema) *from_added = NULL;
    LG_AUTO(lg_schema) *from_base = NULL;
    enum lg_rc rc = lg_schema_parse(lg_slice_str(former), &base, err);

    /* In the order of the one and of the other: which order fields have is nobody's matter. */
    if (rc == LG_OK)
        rc = lg_schema_superset(added, base, &from_added, err);
    if (rc == LG_OK)
        rc = lg_schema_superset(base, added, &from_base, err);
    if (rc != LG_OK)
        return lg_error_wrap(err, "store '%s' has read compute", store->name);
    if (lg_compat_same(from_added, added))
        store->latest_superset_schema_id = added_id;
    else if (lg_compat_same(from_base, base))
        store->latest_superset_schema_id = former_id;
    else
        return add_superset(store, from_base, err);
    return LG_OK;
}

static enum lg_rc add_new(struct lg_store *store, const struct lg_add_schema *wanted,
                          const struct lg_schema *schema, int32_t *out_id, struct lg_error *err)
{
    int32_t latest = lg_store_latest_value_schema_id(store);
    int32_t former_id =
        store->latest_superset_schema_id > 0 ? store->latest_superset_schema_id : latest;
    const char *former = lg_store_value_schema(store, former_id);
    enum lg_rc rc;

    if (wanted->wanted_id != 0 && wanted->wanted_id != latest + 1)
        return lg_error_set(err, LG_ERR_CONFLICT,
                            "the next value schema of store '%s' is %d, not %d", store->name,
                            latest + 1, wanted->wanted_id);
    rc = lg_store_add_value_schema(store, wanted->text, out_id, err);
    if (rc == LG_OK && store->read_compute_enabled && former != NULL)
        rc = extend_superset(store, former, former_id, schema, *out_id, err);
    return rc;
}

enum lg_rc lg_store_lifecycle_add_schema(struct lg_store *store, const struct lg_add_schema *wanted,
                                         struct lg_compat_report *report,
                                         struct lg_added_schema *out, struct lg_error *err)
{
    LG_AUTO(lg_schema) *schema = NULL;
    int32_t id, same, canonical;
    enum lg_rc rc = lg_schema_parse(lg_slice_str(wanted->text), &schema, err);

    if (rc != LG_OK)
        return lg_error_wrap(err, "value_schema");
    rc = find_same(store, schema, &same, &canonical, err);
    if (rc == LG_OK && same != 0 && wanted->wanted_id != 0 && wanted->wanted_id != same)
        return lg_error_set(err, LG_ERR_CONFLICT,
                            "store '%s' has this value schema as %d already, not as %d",
                            store->name, same, wanted->wanted_id);
    if (rc == LG_OK && same != 0) {
        *out = (struct lg_added_schema){.id = same};
        return LG_OK;
    }
    if (rc == LG_OK)
        rc = check_compatible(store, schema, wanted->mode, report, err);
    if (rc == LG_OK)
        rc = add_new(store, wanted, schema, &id, err);
    if (rc != LG_OK)
        return rc;
    *out = (struct lg_added_schema){.id = id, .is_new = true};
    return LG_OK;
}

/* Of all value schemas, in their order. */
static enum lg_rc make_superset(struct lg_store *store, struct lg_error *err)
{
    LG_AUTO(lg_schema) *all = NULL;
    int32_t same, canonical;
    enum lg_rc rc = parse_own(store, 0, &all, err);

    for (size_t i = 1; rc == LG_OK && i < store->value_schemas.size; i++) {
        LG_AUTO(lg_schema) *next = NULL;
        struct lg_schema *superset = NULL;

        rc = parse_own(store, i, &next, err);
        if (rc == LG_OK)
            rc = lg_schema_superset(all, next, &superset, err);
        if (rc == LG_OK) {
            lg_schema_unref(all);
            all = superset;
        }
    }
    if (rc == LG_OK)
        rc = find_same(store, all, &same, &canonical, err);
    if (rc != LG_OK)
        return lg_error_wrap(err, "store '%s' cannot have read compute", store->name);
    if (same == 0)
        return add_superset(store, all, err);
    store->latest_superset_schema_id = same;
    return LG_OK;
}

enum lg_rc lg_store_lifecycle_settle(struct lg_store *store, struct lg_error *err)
{
    if (!store->read_compute_enabled) {
        store->latest_superset_schema_id = -1;
        return LG_OK;
    }
    if (store->latest_superset_schema_id > 0 || store->value_schemas.size == 0)
        return LG_OK;
    return make_superset(store, err);
}
