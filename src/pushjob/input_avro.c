/* Avro containers. A record's key and value are slices of its block wherever the file's schema is
 * the store's; else they are resolved into buffers. One walk over a record checks it and finds
 * both.
 */
#include "avro/canonical.h"
#include "avro/json_text.h"
#include "pushjob/input_impl.h"

struct avro {
    struct lg_container *container;
    const struct lg_schema *record; /* of the file */
    size_t key_index, value_index;  /* LG_SCHEMA_NO_INDEX: the whole record */
    struct lg_decoder block;
    uint64_t block_offset;
    int64_t block_left; /* records of the block that were not given yet */
    uint64_t number;    /* of the record at hand, from 1 */
};

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

static enum lg_rc require_same(const char *what, const struct lg_schema *of_file,
                               const struct lg_schema *of_store, struct lg_error *err)
{
    LG_SCOPED(lg_buf) a = {0}, b = {0};

    if (lg_schema_equal_canonical(of_file, of_store))
        return LG_OK;
    lg_schema_canonical(of_file, &a);
    lg_schema_canonical(of_store, &b);
    return lg_error_set(err, LG_ERR_SCHEMA,
                        "the %s's schema is %.*s but the store has %.*s; name another field, or "
                        "push to a store with this schema",
                        what, (int)LG_MIN(a.size, (size_t)120), (const char *)a.data,
                        (int)LG_MIN(b.size, (size_t)120), (const char *)b.data);
}

static enum lg_rc bind_avro(struct lg_input *in, struct lg_error *err)
{
    enum lg_rc rc = require_same("key", lg_input_avro_key(in), in->key_schema, err);

    return rc == LG_OK ? require_same("value", lg_input_avro_value(in), in->value_schema, err) : rc;
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
