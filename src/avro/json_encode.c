/* From JSON to a datum: lg_avro_from_json, and the same walk for defaults in schemas. Pure. */
#include "avro/decode.h"
#include "avro/encode.h"
#include "avro/json_text.h"
#include "avro/schema_impl.h"
#include "base/str.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

#define SHOWN_BYTES_MAX ((size_t)60) /* of a wrong value in a sentence */
/* Values looked at, in one datum, to find the branches of its unions. Beyond that, a branch is
 * judged by what its value looks like, not by what stands inside: looking inside for every branch
 * at every level would take exponential time. */
#define LOOKS_MAX ((size_t)1 << 20)

struct encode {
    struct lg_buf *out;
    struct lg_error *err;
    bool is_default; /* by the rules for defaults in schemas */
    size_t looks;
};

static enum lg_rc encode(struct encode *e, const struct lg_schema *s, const struct lg_json *json,
                         const struct lg_json_path *path, size_t depth);

/* --- Sentences. ------------------------------------------------------------------------------- */

static void wanted_text(const struct lg_schema *s, struct lg_buf *out)
{
    switch (lg_schema_kind(s)) {
    case LG_AVRO_RECORD:
    case LG_AVRO_ENUM:
        lg_buf_appendf(out, "%s %.*s", lg_avro_kind_name(lg_schema_kind(s)),
                       LG_FMT(lg_schema_full_name(s)));
        break;
    case LG_AVRO_BYTES:
        lg_buf_append_str(out, "bytes (base64 in a string)");
        break;
    case LG_AVRO_FIXED:
        lg_buf_appendf(out, "fixed %.*s (base64 of %zu bytes)", LG_FMT(lg_schema_full_name(s)),
                       lg_schema_fixed_bytes(s));
        break;
    case LG_AVRO_UNION:
        for (size_t i = 0; i < lg_schema_branch_count(s) && out->size < LG_ERROR_TEXT_MAX / 3;
             i++) {
            lg_buf_append_str(out, i == 0 ? "" : " or ");
            wanted_text(lg_schema_branch(s, i), out);
        }
        break;
    default:
        lg_buf_append_str(out, lg_avro_kind_name(lg_schema_kind(s)));
    }
}

static enum lg_rc wrong(struct encode *e, const struct lg_schema *s, const struct lg_json *json,
                        const struct lg_json_path *path)
{
    char where[LG_JSON_PATH_TEXT_MAX];
    LG_SCOPED(lg_buf) wanted = {0};
    LG_SCOPED(lg_buf) given = {0};

    lg_json_path_text(path, where);
    wanted_text(s, &wanted);
    lg_json_write(&given, json, /* pretty= */ false);
    return lg_error_set(e->err, LG_ERR_BAD_DATA, "%s: wanted %.*s, given %.*s%s", where,
                        LG_FMT(lg_buf_slice(&wanted)), (int)LG_MIN(given.size, SHOWN_BYTES_MAX),
                        (const char *)given.data, given.size > SHOWN_BYTES_MAX ? "..." : "");
}

/* --- Scalars. --------------------------------------------------------------------------------- */

static bool as_integer(const struct lg_json *json, int64_t min, int64_t max, int64_t *out)
{
    if (lg_json_type(json) != LG_JSON_INT || lg_json_int(json) < min || lg_json_int(json) > max)
        return false;
    *out = lg_json_int(json);
    return true;
}

/* `has_names`: "NaN" and the infinities are strings. */
static bool as_double(const struct lg_json *json, bool has_names, double *out)
{
    struct lg_slice name = lg_json_string(json);

    switch (lg_json_type(json)) {
    case LG_JSON_INT:
    case LG_JSON_REAL:
        *out = lg_json_real(json);
        return true;
    case LG_JSON_STRING:
        if (!has_names)
            return false;
        if (lg_slice_eq_str(name, "NaN"))
            *out = (double)NAN;
        else if (lg_slice_eq_str(name, "Infinity"))
            *out = (double)INFINITY;
        else if (lg_slice_eq_str(name, "-Infinity"))
            *out = -(double)INFINITY;
        else
            return false;
        return true;
    default:
        return false;
    }
}

/* A finite double beyond the range of float is refused: it would become an infinity. The bound is
 * half a step above FLT_MAX, up to which rounding stays finite. */
static bool as_float(const struct lg_json *json, bool has_names, float *out)
{
    double v;

    if (!as_double(json, has_names, &v) || (isfinite(v) && fabs(v) >= 0x1.ffffffp127))
        return false;
    *out = (float)v;
    return true;
}

/* In a default, each character is one byte: code points up to 255, so at most two bytes each in
 * UTF-8, and lead bytes 0xc2 and 0xc3 only. */
static bool latin1(struct lg_buf *out, struct lg_slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];

        if (c < 0x80) {
            lg_buf_append_byte(out, c);
        } else if ((c == 0xc2 || c == 0xc3) && i + 1 < text.size) {
            lg_buf_append_byte(out, (uint8_t)((c & 0x03U) << 6 | (text.data[++i] & 0x3fU)));
        } else {
            return false;
        }
    }
    return lg_buf_ok(out);
}

static bool as_bytes(const struct lg_json *json, bool is_default, struct lg_buf *out)
{
    if (lg_json_type(json) != LG_JSON_STRING)
        return false;
    return is_default ? latin1(out, lg_json_string(json))
                      : lg_base64_decode(out, lg_json_string(json));
}

static enum lg_rc encode_bytes(struct encode *e, const struct lg_schema *s,
                               const struct lg_json *json, const struct lg_json_path *path)
{
    LG_SCOPED(lg_buf) bytes = {0};
    bool is_fixed = lg_schema_kind(s) == LG_AVRO_FIXED;

    if (!as_bytes(json, e->is_default, &bytes) ||
        (is_fixed && bytes.size != lg_schema_fixed_bytes(s)))
        return wrong(e, s, json, path);
    if (is_fixed)
        lg_encode_fixed(e->out, lg_buf_slice(&bytes));
    else
        lg_encode_bytes(e->out, lg_buf_slice(&bytes));
    return LG_OK;
}

static bool encode_number(struct encode *e, enum lg_avro_kind kind, const struct lg_json *json)
{
    int64_t i;
    float f;
    double d;

    switch (kind) {
    case LG_AVRO_INT:
        if (!as_integer(json, INT32_MIN, INT32_MAX, &i))
            return false;
        lg_encode_int(e->out, (int32_t)i);
        return true;
    case LG_AVRO_LONG:
        if (!as_integer(json, INT64_MIN, INT64_MAX, &i))
            return false;
        lg_encode_long(e->out, i);
        return true;
    case LG_AVRO_FLOAT:
        if (!as_float(json, /* has_names= */ true, &f))
            return false;
        lg_encode_float(e->out, f);
        return true;
    default:
        if (!as_double(json, /* has_names= */ true, &d))
            return false;
        lg_encode_double(e->out, d);
        return true;
    }
}

static enum lg_rc encode_text(struct encode *e, const struct lg_schema *s,
                              const struct lg_json *json, const struct lg_json_path *path)
{
    size_t symbol;

    if (lg_json_type(json) != LG_JSON_STRING)
        return wrong(e, s, json, path);
    if (lg_schema_kind(s) == LG_AVRO_STRING) {
        lg_encode_string(e->out, lg_json_string(json));
        return LG_OK;
    }
    symbol = lg_schema_symbol_index(s, lg_json_string(json));
    if (symbol == LG_SCHEMA_NO_INDEX)
        return wrong(e, s, json, path);
    lg_encode_long(e->out, (int64_t)symbol);
    return LG_OK;
}

/* --- Unions: which branch? -------------------------------------------------------------------- */

/* By JSON type alone. */
static bool kind_fits(const struct lg_schema *s, const struct lg_json *json)
{
    switch (lg_json_type(json)) {
    case LG_JSON_NULL:
        return lg_schema_kind(s) == LG_AVRO_NULL;
    case LG_JSON_BOOL:
        return lg_schema_kind(s) == LG_AVRO_BOOLEAN;
    case LG_JSON_INT:
        return lg_schema_kind(s) >= LG_AVRO_INT && lg_schema_kind(s) <= LG_AVRO_DOUBLE;
    case LG_JSON_REAL:
        return lg_schema_kind(s) == LG_AVRO_FLOAT || lg_schema_kind(s) == LG_AVRO_DOUBLE;
    case LG_JSON_STRING:
        return lg_schema_kind(s) == LG_AVRO_STRING || lg_schema_kind(s) == LG_AVRO_ENUM ||
               lg_schema_kind(s) == LG_AVRO_BYTES || lg_schema_kind(s) == LG_AVRO_FIXED ||
               lg_schema_kind(s) == LG_AVRO_FLOAT || lg_schema_kind(s) == LG_AVRO_DOUBLE;
    case LG_JSON_ARRAY:
        return lg_schema_kind(s) == LG_AVRO_ARRAY;
    default:
        return lg_schema_kind(s) == LG_AVRO_RECORD || lg_schema_kind(s) == LG_AVRO_MAP;
    }
}

static bool fits(struct encode *e, const struct lg_schema *s, const struct lg_json *json,
                 size_t depth);

static bool scalar_fits(const struct encode *e, const struct lg_schema *s,
                        const struct lg_json *json)
{
    LG_SCOPED(lg_buf) bytes = {0};
    int64_t i;
    float f;
    double d;

    switch (lg_schema_kind(s)) {
    case LG_AVRO_INT:
        return as_integer(json, INT32_MIN, INT32_MAX, &i);
    case LG_AVRO_FLOAT:
        return as_float(json, /* has_names= */ !e->is_default, &f);
    case LG_AVRO_DOUBLE:
        return as_double(json, /* has_names= */ !e->is_default, &d);
    case LG_AVRO_BYTES:
        return as_bytes(json, e->is_default, &bytes);
    case LG_AVRO_FIXED:
        return as_bytes(json, e->is_default, &bytes) && bytes.size == lg_schema_fixed_bytes(s);
    case LG_AVRO_ENUM:
        return lg_schema_symbol_index(s, lg_json_string(json)) != LG_SCHEMA_NO_INDEX;
    default:
        return true;
    }
}

static bool record_fits(struct encode *e, const struct lg_schema *record,
                        const struct lg_json *json, size_t depth)
{
    size_t found = 0;

    for (size_t i = 0; i < lg_schema_field_count(record); i++) {
        const char *name = (const char *)lg_schema_field_name(record, i).data;
        const struct lg_json *value = lg_json_get(json, name);

        if (value == NULL && !lg_schema_field_has_default(record, i))
            return false;
        if (value != NULL && !fits(e, lg_schema_field_schema(record, i), value, depth))
            return false;
        found += value != NULL ? 1 : 0;
    }
    return e->is_default || found == lg_json_size(json);
}

static bool members_fit(struct encode *e, const struct lg_schema *values,
                        const struct lg_json *json, size_t depth)
{
    size_t i = 0;
    const char *key;
    struct lg_json *value;

    while (lg_json_next(json, &i, &key, &value)) {
        if (!fits(e, values, value, depth))
            return false;
    }
    return true;
}

static bool elements_fit(struct encode *e, const struct lg_schema *items,
                         const struct lg_json *json, size_t depth)
{
    for (size_t i = 0; i < lg_json_size(json); i++) {
        if (!fits(e, items, lg_json_at(json, i), depth))
            return false;
    }
    return true;
}

static bool fits(struct encode *e, const struct lg_schema *s, const struct lg_json *json,
                 size_t depth)
{
    bool is_deep = e->looks < LOOKS_MAX && depth <= LG_DATUM_DEPTH_MAX;

    e->looks++;
    if (lg_schema_kind(s) == LG_AVRO_UNION) {
        for (size_t i = 0; i < lg_schema_branch_count(s); i++) {
            if (fits(e, lg_schema_branch(s, i), json, depth))
                return true;
        }
        return false;
    }
    if (!kind_fits(s, json) || !is_deep)
        return kind_fits(s, json);
    switch (lg_schema_kind(s)) {
    case LG_AVRO_RECORD:
        return record_fits(e, s, json, depth + 1);
    case LG_AVRO_MAP:
        return members_fit(e, lg_schema_values(s), json, depth + 1);
    case LG_AVRO_ARRAY:
        return elements_fit(e, lg_schema_items(s), json, depth + 1);
    default:
        return scalar_fits(e, s, json);
    }
}

/* Which branches are asked first, second and third: a double before a float, which would lose
 * digits, and a record of just these members before one that adds defaults. Defaults of schemas
 * follow the order of branches alone. */
static int branch_turn(const struct encode *e, const struct lg_schema *branch,
                       const struct lg_json *json)
{
    enum lg_avro_kind kind = lg_schema_kind(branch);
    bool is_real = kind == LG_AVRO_FLOAT || kind == LG_AVRO_DOUBLE;
    bool is_binary = kind == LG_AVRO_BYTES || kind == LG_AVRO_FIXED;

    if (e->is_default)
        return 0;
    switch (lg_json_type(json)) {
    case LG_JSON_INT:
        return kind == LG_AVRO_FLOAT ? 2 : is_real ? 1 : 0;
    case LG_JSON_REAL:
        return kind == LG_AVRO_FLOAT ? 1 : 0;
    case LG_JSON_STRING:
        return is_real ? 2 : is_binary ? 1 : 0;
    default:
        return kind == LG_AVRO_RECORD && lg_schema_field_count(branch) != lg_json_size(json) ? 1
                                                                                             : 0;
    }
}

/* When one branch alone is of the right JSON type, it is taken without a look: should it not fit,
 * its own complaint is more precise than the union's. */
static size_t choose_branch(struct encode *e, const struct lg_schema *s, const struct lg_json *json,
                            size_t depth)
{
    size_t fitting = 0, last_fitting = LG_SCHEMA_NO_INDEX;

    for (size_t i = 0; i < lg_schema_branch_count(s); i++) {
        if (kind_fits(lg_schema_branch(s, i), json)) {
            fitting++;
            last_fitting = i;
        }
    }
    if (fitting <= 1)
        return last_fitting;
    for (int turn = 0; turn < 3; turn++) {
        for (size_t i = 0; i < lg_schema_branch_count(s); i++) {
            const struct lg_schema *branch = lg_schema_branch(s, i);

            if (branch_turn(e, branch, json) == turn && fits(e, branch, json, depth))
                return i;
        }
    }
    return LG_SCHEMA_NO_INDEX;
}

static enum lg_rc encode_union(struct encode *e, const struct lg_schema *s,
                               const struct lg_json *json, const struct lg_json_path *path,
                               size_t depth)
{
    size_t i = choose_branch(e, s, json, depth);

    if (i == LG_SCHEMA_NO_INDEX)
        return wrong(e, s, json, path);
    lg_encode_long(e->out, (int64_t)i);
    return encode(e, lg_schema_branch(s, i), json, path, depth);
}

/* --- Arrays, maps, records. ------------------------------------------------------------------- */

static enum lg_rc encode_array(struct encode *e, const struct lg_schema *s,
                               const struct lg_json *json, const struct lg_json_path *path,
                               size_t depth)
{
    size_t n = lg_json_size(json);

    if (lg_json_type(json) != LG_JSON_ARRAY)
        return wrong(e, s, json, path);
    if (n > 0)
        lg_encode_long(e->out, (int64_t)n);
    for (size_t i = 0; i < n; i++) {
        struct lg_json_path element = lg_json_path_element(path, i);
        enum lg_rc rc = encode(e, lg_schema_items(s), lg_json_at(json, i), &element, depth + 1);

        if (rc != LG_OK)
            return rc;
    }
    lg_encode_long(e->out, 0);
    return LG_OK;
}

static enum lg_rc encode_map(struct encode *e, const struct lg_schema *s,
                             const struct lg_json *json, const struct lg_json_path *path,
                             size_t depth)
{
    size_t i = 0;
    const char *key;
    struct lg_json *value;

    if (lg_json_type(json) != LG_JSON_OBJECT)
        return wrong(e, s, json, path);
    if (lg_json_size(json) > 0)
        lg_encode_long(e->out, (int64_t)lg_json_size(json));
    while (lg_json_next(json, &i, &key, &value)) {
        struct lg_json_path member = lg_json_path_member(path, key);
        enum lg_rc rc;

        lg_encode_string(e->out, lg_slice_str(key));
        rc = encode(e, lg_schema_values(s), value, &member, depth + 1);
        if (rc != LG_OK)
            return rc;
    }
    lg_encode_long(e->out, 0);
    return LG_OK;
}

static enum lg_rc encode_missing(struct encode *e, const struct lg_schema *s, size_t i,
                                 const struct lg_json_path *path, size_t depth)
{
    enum lg_rc rc = LG_OK;

    if (!lg_schema_field_has_default(s, i)) {
        char where[LG_JSON_PATH_TEXT_MAX];

        lg_json_path_text(path, where);
        return lg_error_set(e->err, LG_ERR_BAD_DATA,
                            "%s is missing; record %.*s has no default for it", where,
                            LG_FMT(lg_schema_full_name(s)));
    }
    if (e->is_default) /* The schema is still being parsed: it may not be ready yet. */
        rc = lg_schema_default_prepare(s, i, path, depth, e->err);
    if (rc == LG_OK)
        lg_buf_append_slice(e->out, lg_schema_field_default(s, i));
    return rc;
}

static enum lg_rc refuse_unknown(struct encode *e, const struct lg_schema *s,
                                 const struct lg_json *json, const struct lg_json_path *path)
{
    size_t i = 0;
    const char *key;
    struct lg_json *value;

    while (lg_json_next(json, &i, &key, &value)) {
        struct lg_json_path member = lg_json_path_member(path, key);
        char where[LG_JSON_PATH_TEXT_MAX];
        const char *nearest;

        if (lg_schema_field_index(s, lg_slice_str(key)) != LG_SCHEMA_NO_INDEX)
            continue;
        lg_json_path_text(&member, where);
        nearest = lg_schema_field_nearest(s, key);
        return lg_error_set(e->err, LG_ERR_BAD_DATA, "%s: record %.*s has no such field%s%s%s",
                            where, LG_FMT(lg_schema_full_name(s)),
                            nearest == NULL ? "" : "; did you mean \"",
                            nearest == NULL ? "" : nearest, nearest == NULL ? "" : "\"?");
    }
    return LG_OK;
}

static enum lg_rc encode_record(struct encode *e, const struct lg_schema *s,
                                const struct lg_json *json, const struct lg_json_path *path,
                                size_t depth)
{
    size_t found = 0;

    if (lg_json_type(json) != LG_JSON_OBJECT)
        return wrong(e, s, json, path);
    for (size_t i = 0; i < lg_schema_field_count(s); i++) {
        const char *name = (const char *)lg_schema_field_name(s, i).data;
        struct lg_json_path member = lg_json_path_member(path, name);
        const struct lg_json *value = lg_json_get(json, name);
        enum lg_rc rc;

        found += value != NULL ? 1 : 0;
        rc = value == NULL ? encode_missing(e, s, i, &member, depth + 1)
                           : encode(e, lg_schema_field_schema(s, i), value, &member, depth + 1);
        if (rc != LG_OK) {
            /* A misspelt name is the better story than the field it leaves missing. */
            if (value == NULL && !e->is_default && refuse_unknown(e, s, json, path) != LG_OK)
                return LG_ERR_BAD_DATA;
            return rc;
        }
    }
    return found == lg_json_size(json) || e->is_default ? LG_OK : refuse_unknown(e, s, json, path);
}

static enum lg_rc encode_nested(struct encode *e, const struct lg_schema *s,
                                const struct lg_json *json, const struct lg_json_path *path,
                                size_t depth)
{
    if (depth > LG_DATUM_DEPTH_MAX)
        return lg_error_set(e->err, LG_ERR_BAD_DATA, "the value nests deeper than %d",
                            LG_DATUM_DEPTH_MAX);
    if (!lg_buf_ok(e->out)) /* No use to go on; lg_avro_from_json names it. */
        return LG_ERR_TOO_LARGE;
    if (lg_schema_kind(s) == LG_AVRO_RECORD)
        return encode_record(e, s, json, path, depth);
    if (lg_schema_kind(s) == LG_AVRO_ARRAY)
        return encode_array(e, s, json, path, depth);
    return encode_map(e, s, json, path, depth);
}

static enum lg_rc encode(struct encode *e, const struct lg_schema *s, const struct lg_json *json,
                         const struct lg_json_path *path, size_t depth)
{
    switch (lg_schema_kind(s)) {
    case LG_AVRO_NULL:
        return lg_json_type(json) == LG_JSON_NULL ? LG_OK : wrong(e, s, json, path);
    case LG_AVRO_BOOLEAN:
        if (lg_json_type(json) != LG_JSON_BOOL)
            return wrong(e, s, json, path);
        lg_encode_bool(e->out, lg_json_bool(json));
        return LG_OK;
    case LG_AVRO_INT:
    case LG_AVRO_LONG:
    case LG_AVRO_FLOAT:
    case LG_AVRO_DOUBLE:
        return encode_number(e, lg_schema_kind(s), json) ? LG_OK : wrong(e, s, json, path);
    case LG_AVRO_BYTES:
    case LG_AVRO_FIXED:
        return encode_bytes(e, s, json, path);
    case LG_AVRO_STRING:
    case LG_AVRO_ENUM:
        return encode_text(e, s, json, path);
    case LG_AVRO_UNION:
        return encode_union(e, s, json, path, depth);
    default:
        return encode_nested(e, s, json, path, depth);
    }
}

/* --- The two ways in. ------------------------------------------------------------------------- */

static enum lg_rc encode_whole(struct encode *e, const struct lg_schema *s,
                               const struct lg_json *json, const struct lg_json_path *path,
                               size_t depth)
{
    size_t before = e->out->size;
    enum lg_rc rc = encode(e, s, json, path, depth);

    if (!lg_buf_ok(e->out))
        rc = lg_error_set(e->err, LG_ERR_TOO_LARGE, "the encoded value is over %zu bytes",
                          e->out->ceiling);
    if (rc != LG_OK) {
        e->out->size = before;
        e->out->overflowed = false;
    }
    return rc;
}

enum lg_rc lg_avro_from_json(const struct lg_schema *schema, const struct lg_json *json,
                             struct lg_buf *out, struct lg_error *err)
{
    struct encode e = {.out = out, .err = err};

    assert(lg_buf_ok(out));
    return encode_whole(&e, schema, json, /* path= */ NULL, /* depth= */ 1);
}

enum lg_rc lg_avro_encode_default(const struct lg_schema *schema, const struct lg_json *json,
                                  const struct lg_json_path *path, size_t depth, struct lg_buf *out,
                                  struct lg_error *err)
{
    struct encode e = {.out = out, .err = err, .is_default = true};

    return encode_whole(&e, schema, json, path, depth);
}
