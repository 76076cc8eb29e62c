/* Defaults of fields, encoded once when a schema is parsed. Pure.
 *
 * A default may leave out fields of an inner record that have defaults themselves, so preparing one
 * may need another: each is prepared at most once, and the state BUSY finds circles. */
#include "avro/decode.h"
#include "avro/schema_impl.h"

enum lg_rc lg_schema_default_prepare(const struct lg_schema *record, size_t i,
                                     const struct lg_json_path *path, size_t depth,
                                     struct lg_error *err)
{
    struct lg_schema_field *f = &record->fields[i];
    struct lg_schema_doc *doc = record->doc;
    LG_SCOPED(lg_buf) bytes = lg_buf_with_ceiling(LG_SCHEMA_DEFAULTS_BYTES_MAX);
    const uint8_t *copy;
    enum lg_rc rc;

    if (f->default_state == LG_DEFAULT_NONE || f->default_state == LG_DEFAULT_READY)
        return LG_OK;
    if (f->default_state == LG_DEFAULT_BUSY)
        return lg_error_set(err, LG_ERR_SCHEMA, "the default of %.*s.%.*s needs itself",
                            LG_FMT(record->full_name), LG_FMT(f->name));
    f->default_state = LG_DEFAULT_BUSY;
    rc = lg_avro_encode_default(f->schema, f->default_json, path, depth, &bytes, err);
    if (rc == LG_ERR_TOO_LARGE || doc->default_bytes + bytes.size > LG_SCHEMA_DEFAULTS_BYTES_MAX)
        return lg_error_set(err, LG_ERR_TOO_LARGE, "the schema's defaults take over %zu bytes",
                            LG_SCHEMA_DEFAULTS_BYTES_MAX);
    if (rc != LG_OK) {
        if (err == NULL)
            return LG_ERR_SCHEMA;
        err->rc = LG_ERR_SCHEMA;
        return lg_error_wrap(err, "schema: the default of field %.*s", LG_FMT(f->name));
    }
    doc->default_bytes += bytes.size;
    copy = lg_arena_copy(doc->arena, lg_buf_slice(&bytes));
    assert(copy != NULL); /* The sum above is far below the arena's limit. */
    f->default_bytes = lg_slice(copy, bytes.size);
    f->default_state = LG_DEFAULT_READY;
    return LG_OK;
}
