/* From a datum to JSON text. Pure. */
#include "avro/json_text.h"

#include "base/map.h"
#include "base/str.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct text {
    struct lg_decoder *d;
    struct lg_buf *out;
    struct lg_error *err;
};

static enum lg_rc write_datum(struct text *t, const struct lg_schema *s, size_t depth);

/* --- Numbers. --------------------------------------------------------------------------------- */

/* JSON has no numbers for these. */
static bool write_not_finite(struct lg_buf *out, double v)
{
    if (isnan(v))
        lg_buf_append_str(out, "\"NaN\"");
    else if (isinf(v))
        lg_buf_append_str(out, v > 0 ? "\"Infinity\"" : "\"-Infinity\"");
    else
        return false;
    return true;
}

/* A real shows that it is one: 5 would read back as an integer, and in a union become another
 * branch. `from` is where the number begins in `out`. */
static void mark_as_real(struct lg_buf *out, size_t from)
{
    for (size_t i = from; i < out->size; i++) {
        if (out->data[i] == '.' || out->data[i] == 'e' || out->data[i] == 'E')
            return;
    }
    lg_buf_append_str(out, ".0");
}

/* The fewest digits that read back the same. Below FLT_MIN a float has fewer than FLT_DIG digits.
 */
static void write_float(struct lg_buf *out, float v)
{
    size_t from = out->size;
    char digits[40];
    int most = fabsf(v) < FLT_MIN ? 1 : FLT_DIG;

    if (write_not_finite(out, (double)v))
        return;
    do
        snprintf(digits, sizeof(digits), "%.*g", most, (double)v);
    while (most++ < FLT_DECIMAL_DIG && strtof(digits, NULL) != v);
    lg_buf_append_str(out, digits);
    mark_as_real(out, from);
}

static void write_double(struct lg_buf *out, double v)
{
    size_t from = out->size;

    if (write_not_finite(out, v))
        return;
    lg_json_write_real(out, v);
    mark_as_real(out, from);
}

/* --- Scalars. --------------------------------------------------------------------------------- */

static enum lg_rc write_integer(struct text *t, enum lg_avro_kind kind)
{
    int32_t i;
    int64_t l;
    enum lg_rc rc;

    if (kind == LG_AVRO_INT) {
        rc = lg_decode_int(t->d, &i, t->err);
        l = rc == LG_OK ? i : 0;
    } else {
        rc = lg_decode_long(t->d, &l, t->err);
    }
    if (rc == LG_OK)
        lg_buf_appendf(t->out, "%lld", (long long)l);
    return rc;
}

static enum lg_rc write_real(struct text *t, enum lg_avro_kind kind)
{
    float f;
    double d;
    enum lg_rc rc;

    if (kind == LG_AVRO_FLOAT) {
        rc = lg_decode_float(t->d, &f, t->err);
        if (rc == LG_OK)
            write_float(t->out, f);
    } else {
        rc = lg_decode_double(t->d, &d, t->err);
        if (rc == LG_OK)
            write_double(t->out, d);
    }
    return rc;
}

static enum lg_rc write_boolean(struct text *t)
{
    bool v;
    enum lg_rc rc = lg_decode_bool(t->d, &v, t->err);

    if (rc == LG_OK)
        lg_buf_append_str(t->out, v ? "true" : "false");
    return rc;
}

static enum lg_rc write_bytes(struct text *t, const struct lg_schema *s)
{
    struct lg_slice bytes;
    enum lg_rc rc = lg_schema_kind(s) == LG_AVRO_FIXED
                        ? lg_decode_fixed(t->d, lg_schema_fixed_bytes(s), &bytes, t->err)
                        : lg_decode_bytes(t->d, &bytes, t->err);

    if (rc != LG_OK)
        return rc;
    lg_buf_append_byte(t->out, '"');
    lg_base64_encode(t->out, bytes, /* url_safe= */ false);
    lg_buf_append_byte(t->out, '"');
    return LG_OK;
}

static enum lg_rc write_string(struct text *t)
{
    struct lg_slice v;
    enum lg_rc rc = lg_decode_string(t->d, &v, t->err);

    if (rc == LG_OK)
        lg_json_write_string(t->out, v);
    return rc;
}

static enum lg_rc write_symbol(struct text *t, const struct lg_schema *s)
{
    size_t i;
    enum lg_rc rc = lg_decode_index(t->d, lg_schema_symbol_count(s), &i, t->err);

    if (rc == LG_OK)
        lg_json_write_string(t->out, lg_schema_symbol(s, i));
    return rc;
}

/* --- Nested kinds. ---------------------------------------------------------------------------- */

static enum lg_rc write_union(struct text *t, const struct lg_schema *s, size_t depth)
{
    size_t i;
    enum lg_rc rc = lg_decode_index(t->d, lg_schema_branch_count(s), &i, t->err);

    return rc != LG_OK ? rc : write_datum(t, lg_schema_branch(s, i), depth);
}

static enum lg_rc write_record(struct text *t, const struct lg_schema *s, size_t depth)
{
    lg_buf_append_byte(t->out, '{');
    for (size_t i = 0; i < lg_schema_field_count(s); i++) {
        enum lg_rc rc;

        if (i > 0)
            lg_buf_append_byte(t->out, ',');
        lg_json_write_string(t->out, lg_schema_field_name(s, i));
        lg_buf_append_byte(t->out, ':');
        rc = write_datum(t, lg_schema_field_schema(s, i), depth + 1);
        if (rc == LG_ERR_BAD_DATA && t->err != NULL && depth <= LG_DATUM_NAMED_DEPTH_MAX)
            return lg_error_wrap(t->err, "field %.*s", LG_FMT(lg_schema_field_name(s, i)));
        if (rc != LG_OK)
            return rc;
    }
    lg_buf_append_byte(t->out, '}');
    return LG_OK;
}

/* A key twice would be an object that our own parser refuses. */
static enum lg_rc write_key(struct text *t, struct lg_map *seen)
{
    struct lg_slice key;
    size_t start = t->d->at;
    enum lg_rc rc = lg_decode_string(t->d, &key, t->err);

    if (rc != LG_OK)
        return rc;
    if (lg_map_put(seen, key, seen) != NULL)
        return lg_error_set(t->err, LG_ERR_BAD_DATA, "at byte %zu: the map has a key twice", start);
    lg_json_write_string(t->out, key);
    lg_buf_append_byte(t->out, ':');
    return LG_OK;
}

/* Arrays (`seen` NULL) and maps alike. */
static enum lg_rc write_items(struct text *t, const struct lg_schema *item, struct lg_map *seen,
                              size_t depth)
{
    size_t item_bytes_min = lg_schema_bytes_min(item) + (seen != NULL ? 1 : 0);
    bool is_first = true;
    uint64_t count;

    do { /* Each round reads a byte at least. */
        enum lg_rc rc = lg_decode_block(t->d, item_bytes_min, &count, t->err);

        if (rc != LG_OK)
            return rc;
        for (uint64_t i = 0; i < count; i++) {
            if (!is_first)
                lg_buf_append_byte(t->out, ',');
            is_first = false;
            rc = seen != NULL ? write_key(t, seen) : LG_OK;
            if (rc == LG_OK)
                rc = write_datum(t, item, depth + 1);
            if (rc != LG_OK)
                return rc;
        }
    } while (count != 0);
    return LG_OK;
}

static enum lg_rc write_nested(struct text *t, const struct lg_schema *s, size_t depth)
{
    enum lg_avro_kind kind = lg_schema_kind(s);
    enum lg_rc rc;

    if (depth > LG_DATUM_DEPTH_MAX)
        return lg_error_set(t->err, LG_ERR_BAD_DATA, "at byte %zu: the datum nests deeper than %d",
                            t->d->at, LG_DATUM_DEPTH_MAX);
    if (kind == LG_AVRO_RECORD)
        return write_record(t, s, depth);
    if (kind == LG_AVRO_ARRAY) {
        lg_buf_append_byte(t->out, '[');
        rc = write_items(t, lg_schema_items(s), /* seen= */ NULL, depth);
        lg_buf_append_byte(t->out, ']');
    } else {
        LG_AUTO(lg_map) *seen = lg_map_new();

        lg_buf_append_byte(t->out, '{');
        rc = write_items(t, lg_schema_values(s), seen, depth);
        lg_buf_append_byte(t->out, '}');
    }
    return rc;
}

static enum lg_rc write_datum(struct text *t, const struct lg_schema *s, size_t depth)
{
    enum lg_avro_kind kind = lg_schema_kind(s);

    /* Records of nothing may unfold without end of text: stop as soon as it is too much. */
    if (!lg_buf_ok(t->out))
        return lg_error_set(t->err, LG_ERR_TOO_LARGE, "the JSON text is over %zu bytes",
                            t->out->ceiling);
    switch (kind) {
    case LG_AVRO_NULL:
        lg_buf_append_str(t->out, "null");
        return LG_OK;
    case LG_AVRO_BOOLEAN:
        return write_boolean(t);
    case LG_AVRO_INT:
    case LG_AVRO_LONG:
        return write_integer(t, kind);
    case LG_AVRO_FLOAT:
    case LG_AVRO_DOUBLE:
        return write_real(t, kind);
    case LG_AVRO_BYTES:
    case LG_AVRO_FIXED:
        return write_bytes(t, s);
    case LG_AVRO_STRING:
        return write_string(t);
    case LG_AVRO_ENUM:
        return write_symbol(t, s);
    case LG_AVRO_UNION:
        return write_union(t, s, depth);
    default:
        return write_nested(t, s, depth);
    }
}

enum lg_rc lg_avro_to_json(const struct lg_schema *schema, struct lg_decoder *d, struct lg_buf *out,
                           struct lg_error *err)
{
    struct text t = {.d = d, .out = out, .err = err};
    enum lg_rc rc = write_datum(&t, schema, /* depth= */ 1);

    if (rc == LG_OK && !lg_buf_ok(out))
        return lg_error_set(err, LG_ERR_TOO_LARGE, "the JSON text is over %zu bytes", out->ceiling);
    return rc;
}
