/* Avro containers. A record's key and value are slices of its block wherever the file's schema is
 * the store's; else they are resolved into buffers. One walk over a record checks it and finds
 * both.
 */
#include "avro/canonical.h"
#include "avro/json_text.h"
#include "avro/resolve.h"
#include "pushjob/input_impl.h"

struct avro {
    struct lg_container *container;
    const struct lg_schema *record; /* of the file */
    size_t key_index, value_index;  /* LG_SCHEMA_NO_INDEX: the whole record */
    struct lg_decoder block;
    uint64_t block_offset;
    int64_t block_left; /* records of the block that were not given yet */
    uint64_t number;    /* of the record at hand, from 1 */
    struct lg_resolver *resolve_key, *resolve_value; /* NULL: its bytes are the store's */
};

#define ADD_FIRST                                                                                  \
    "add the file's schema first, with `lagoon schema add` or by push --register-schema"

static enum lg_rc open_avro(struct lg_input *in, struct lg_error *err)
{
    struct avro *a = lg_new(struct avro);
    enum lg_rc rc;

    in->reader = a;
    a->key_index = a->value_index = LG_SCHEMA_NO_INDEX;
    rc = lg_container_open((struct lg_source){lg_input_read, in}, &a->container, err);
    if (rc != LG_OK)
        return rc;
    a->record = lg_container_schema(a->container);
    if (lg_schema_kind(a->record) != LG_AVRO_RECORD && in->o.key_field != NULL)
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "it holds values of type %s; records are expected",
                            lg_avro_kind_name(lg_schema_kind(a->record)));
    if (in->o.key_field != NULL)
        rc = lg_input_find_field(a->record, in->o.key_field, &a->key_index, err);
    if (rc == LG_OK && in->o.value_field != NULL)
        rc = lg_input_find_field(a->record, in->o.value_field, &a->value_index, err);
    return rc;
}

static void close_avro(struct lg_input *in)
{
    struct avro *a = in->reader;

    lg_container_close(a->container);
    lg_resolver_unref(a->resolve_key);
    lg_resolver_unref(a->resolve_value);
    lg_free(a);
}

const struct lg_schema *lg_input_avro_schema(const struct lg_input *in)
{
    return ((const struct avro *)in->reader)->record;
}

const struct lg_schema *lg_input_avro_key(const struct lg_input *in)
{
    const struct avro *a = in->reader;

    return lg_schema_field_schema(a->record, a->key_index);
}

const struct lg_schema *lg_input_avro_value(const struct lg_input *in)
{
    const struct avro *a = in->reader;

    return a->value_index == LG_SCHEMA_NO_INDEX ? a->record
                                                : lg_schema_field_schema(a->record, a->value_index);
}

/* --- Resolving into the store's schemas. --------------------------------------------------------
 */

#define LOST_DEPTH_MAX 16u /* how deep a field that would be lost is looked for */

static bool would_lose(const struct lg_schema *file, const struct lg_schema *store, unsigned depth,
                       struct lg_slice *out_field);

/* The field of the store's record that reads this one, by name or alias. */
static const struct lg_schema *counterpart(const struct lg_schema *store, struct lg_slice name)
{
    size_t same = lg_schema_field_index(store, name);

    if (same != LG_SCHEMA_NO_INDEX)
        return lg_schema_field_schema(store, same);
    for (size_t i = 0; i < lg_schema_field_count(store); i++)
        for (size_t j = 0; j < lg_schema_field_alias_count(store, i); j++)
            if (lg_slice_eq(lg_schema_field_alias(store, i, j), name))
                return lg_schema_field_schema(store, i);
    return NULL;
}

/* `but` may be missing: the key, which stands beside the value. */
static bool record_would_lose(const struct lg_schema *file, const struct lg_schema *store,
                              const char *but, unsigned depth, struct lg_slice *out_field)
{
    for (size_t i = 0; i < lg_schema_field_count(file); i++) {
        struct lg_slice name = lg_schema_field_name(file, i);
        const struct lg_schema *other = counterpart(store, name);

        if (other == NULL && but != NULL && lg_slice_eq_str(name, but))
            continue;
        if (other == NULL) {
            *out_field = name;
            return true;
        }
        if (would_lose(lg_schema_field_schema(file, i), other, depth + 1, out_field))
            return true;
    }
    return false;
}

/* A union of the file against the branches of the same kind and name. */
static bool union_would_lose(const struct lg_schema *file, const struct lg_schema *store,
                             unsigned depth, struct lg_slice *out_field)
{
    for (size_t i = 0; i < lg_schema_branch_count(store); i++) {
        const struct lg_schema *branch = lg_schema_branch(store, i);

        if (lg_schema_kind(branch) == lg_schema_kind(file) &&
            lg_slice_eq(lg_schema_name(branch), lg_schema_name(file)))
            return would_lose(file, branch, depth + 1, out_field);
    }
    return false;
}

/* Has the file a field that the store's schema has no place for? Resolution passes over such data,
 * which is right for readers; a push must not lose it silently. */
static bool would_lose(const struct lg_schema *file, const struct lg_schema *store, unsigned depth,
                       struct lg_slice *out_field)
{
    if (depth > LOST_DEPTH_MAX)
        return false;
    if (lg_schema_kind(file) == LG_AVRO_UNION) {
        for (size_t i = 0; i < lg_schema_branch_count(file); i++)
            if (would_lose(lg_schema_branch(file, i), store, depth + 1, out_field))
                return true;
        return false;
    }
    if (lg_schema_kind(store) == LG_AVRO_UNION)
        return union_would_lose(file, store, depth, out_field);
    if (lg_schema_kind(file) != lg_schema_kind(store))
        return false;
    switch (lg_schema_kind(file)) {
    case LG_AVRO_RECORD:
        return record_would_lose(file, store, NULL, depth, out_field);
    case LG_AVRO_ARRAY:
        return would_lose(lg_schema_items(file), lg_schema_items(store), depth + 1, out_field);
    case LG_AVRO_MAP:
        return would_lose(lg_schema_values(file), lg_schema_values(store), depth + 1, out_field);
    default:
        return false;
    }
}

/* `*out` is NULL when the file's bytes are the store's. */
static enum lg_rc fit(const char *what, const struct lg_schema *of_file,
                      const struct lg_schema *of_store, const char *but, struct lg_resolver **out,
                      struct lg_error *err)
{
    LG_AUTO(lg_resolver) *resolver = NULL;
    struct lg_slice lost;
    bool both_records;
    enum lg_rc rc;

    if (lg_schema_equal_canonical(of_file, of_store))
        return LG_OK;
    both_records =
        lg_schema_kind(of_file) == LG_AVRO_RECORD && lg_schema_kind(of_store) == LG_AVRO_RECORD;
    if (both_records ? record_would_lose(of_file, of_store, but, 0, &lost)
                     : would_lose(of_file, of_store, 0, &lost))
        return lg_error_set(
            err, LG_ERR_SCHEMA,
            "the %s's field '%.*s' has no place in the store's schema (%s %.*s); " ADD_FIRST, what,
            (int)LG_MIN(lost.size, (size_t)120), (const char *)lost.data,
            lg_avro_kind_name(lg_schema_kind(of_store)),
            (int)LG_MIN(lg_schema_name(of_store).size, (size_t)120),
            (const char *)lg_schema_name(of_store).data);
    rc = lg_resolver_new(of_file, of_store, &resolver, err);
    if (rc != LG_OK)
        return lg_error_wrap(err,
                             "the %s's schema is another than the store's, and does not turn "
                             "into it (a new value schema: " ADD_FIRST ")",
                             what);
    if (!lg_resolver_is_identity(resolver))
        *out = LG_TAKE(resolver);
    return LG_OK;
}

static enum lg_rc bind_avro(struct lg_input *in, struct lg_error *err)
{
    struct avro *a = in->reader;
    const char *but = in->o.value_field == NULL ? in->o.key_field : NULL;
    enum lg_rc rc = fit("key", lg_input_avro_key(in), in->key_schema, NULL, &a->resolve_key, err);

    if (rc != LG_OK)
        return rc;
    rc = fit("value", lg_input_avro_value(in), in->value_schema, but, &a->resolve_value, err);
    in->resolves = in->resolves || a->resolve_key != NULL || a->resolve_value != NULL;
    return rc;
}

static enum lg_rc resolve(struct lg_input *in, struct lg_slice *key, struct lg_slice *value,
                          struct lg_error *err)
{
    const struct avro *a = in->reader;
    enum lg_rc rc = LG_OK;

    in->go_on = true; /* The record was walked: the next one begins where it should. */
    if (a->resolve_key != NULL) {
        lg_buf_clear(&in->key);
        rc = lg_resolve(a->resolve_key, *key, &in->key, err);
        *key = lg_buf_slice(&in->key);
    }
    if (rc == LG_OK && a->resolve_value != NULL) {
        lg_buf_clear(&in->value);
        rc = lg_resolve(a->resolve_value, *value, &in->value, err);
        *value = lg_buf_slice(&in->value);
    }
    return rc;
}

/* --- Records. ----------------------------------------------------------------------------------
 */

/* The next block with records in it, if there is one. */
static enum lg_rc enter_block(struct avro *a, bool *out_end, struct lg_error *err)
{
    while (a->block_left == 0) { /* Every round reads bytes of the file or ends. */
        struct lg_slice bytes = LG_SLICE_NULL;
        enum lg_rc rc;

        if (lg_decoder_left(&a->block) != 0)
            return lg_error_set(err, LG_ERR_BAD_DATA,
                                "in the block at byte %llu of the file: it holds more than the "
                                "records it counts",
                                (unsigned long long)a->block_offset);
        a->block_offset = lg_container_offset(a->container);
        rc = lg_container_next_block(a->container, &bytes, &a->block_left, out_end, err);
        if (rc != LG_OK || *out_end)
            return rc;
        a->block = lg_decoder_of(bytes);
    }
    *out_end = false;
    return LG_OK;
}

static enum lg_rc place(const struct avro *a, struct lg_error *err)
{
    return lg_error_wrap(err, "record %llu, in the block at byte %llu of the file",
                         (unsigned long long)a->number, (unsigned long long)a->block_offset);
}

/* Steps over the record at hand, field by field, and keeps the two that matter. */
static enum lg_rc walk(struct avro *a, struct lg_slice *out_key, struct lg_slice *out_value,
                       struct lg_error *err)
{
    struct lg_decoder *d = &a->block;
    size_t n = lg_schema_field_count(a->record), start = d->at;

    for (size_t i = 0; i < n; i++) {
        size_t at = d->at;
        enum lg_rc rc = lg_avro_skip(lg_schema_field_schema(a->record, i), d, err);

        if (rc != LG_OK)
            return lg_error_wrap(err, "field %.*s", LG_FMT(lg_schema_field_name(a->record, i)));
        if (i == a->key_index)
            *out_key = lg_slice(d->in.data + at, d->at - at);
        if (i == a->value_index)
            *out_value = lg_slice(d->in.data + at, d->at - at);
    }
    if (a->value_index == LG_SCHEMA_NO_INDEX)
        *out_value = lg_slice(d->in.data + start, d->at - start);
    return LG_OK;
}

static enum lg_rc next_avro(struct lg_input *in, struct lg_slice *out_key,
                            struct lg_slice *out_value, bool *out_end, struct lg_error *err)
{
    struct avro *a = in->reader;
    enum lg_rc rc = enter_block(a, out_end, err);

    if (rc != LG_OK || *out_end)
        return rc;
    a->block_left--;
    a->number++;
    rc = walk(a, out_key, out_value, err);
    if (rc == LG_OK && (a->resolve_key != NULL || a->resolve_value != NULL))
        rc = resolve(in, out_key, out_value, err);
    return rc == LG_OK ? LG_OK : place(a, err);
}

static enum lg_rc next_avro_json(struct lg_input *in, struct lg_buf *out, bool *out_end,
                                 struct lg_error *err)
{
    struct avro *a = in->reader;
    enum lg_rc rc = enter_block(a, out_end, err);

    if (rc != LG_OK || *out_end)
        return rc;
    a->block_left--;
    a->number++;
    rc = out == NULL ? lg_avro_skip(a->record, &a->block, err)
                     : lg_avro_to_json(a->record, &a->block, out, err);
    return rc == LG_OK ? LG_OK : place(a, err);
}

const struct lg_input_ops lg_input_avro_ops = {
    .open = open_avro,
    .close = close_avro,
    .bind = bind_avro,
    .next = next_avro,
    .next_json = next_avro_json,
};
