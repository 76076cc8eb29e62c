/* Which logical type an attribute is, and whether it fits its schema. Pure. */
#include "avro/logical.h"

#define UUID_BYTES 16
#define DURATION_BYTES 12
#define DIGITS_PER_BIT 0.30102999566398120 /* log10(2) */

struct row {
    const char *name;
    enum lg_avro_kind kind;
    size_t fixed_bytes; /* a fixed of this size; 0: no fixed */
};

/* Decimal looks closer; a uuid stands on a string too. */
static const struct row rows[LG_LOGICAL_COUNT] = {
    [LG_LOGICAL_NONE] = {"none", LG_AVRO_NULL, 0},
    [LG_LOGICAL_DECIMAL] = {"decimal", LG_AVRO_BYTES, 0},
    [LG_LOGICAL_UUID] = {"uuid", LG_AVRO_STRING, UUID_BYTES},
    [LG_LOGICAL_DATE] = {"date", LG_AVRO_INT, 0},
    [LG_LOGICAL_TIME_MILLIS] = {"time-millis", LG_AVRO_INT, 0},
    [LG_LOGICAL_TIME_MICROS] = {"time-micros", LG_AVRO_LONG, 0},
    [LG_LOGICAL_TIMESTAMP_MILLIS] = {"timestamp-millis", LG_AVRO_LONG, 0},
    [LG_LOGICAL_TIMESTAMP_MICROS] = {"timestamp-micros", LG_AVRO_LONG, 0},
    [LG_LOGICAL_TIMESTAMP_NANOS] = {"timestamp-nanos", LG_AVRO_LONG, 0},
    [LG_LOGICAL_LOCAL_TIMESTAMP_MILLIS] = {"local-timestamp-millis", LG_AVRO_LONG, 0},
    [LG_LOGICAL_LOCAL_TIMESTAMP_MICROS] = {"local-timestamp-micros", LG_AVRO_LONG, 0},
    [LG_LOGICAL_LOCAL_TIMESTAMP_NANOS] = {"local-timestamp-nanos", LG_AVRO_LONG, 0},
    [LG_LOGICAL_DURATION] = {"duration", LG_AVRO_FIXED, DURATION_BYTES},
};

const char *lg_logical_name(enum lg_logical_kind kind)
{
    assert((unsigned)kind < LG_LOGICAL_COUNT);
    return rows[kind].name;
}

static enum lg_logical_kind kind_of_name(struct lg_slice name)
{
    for (int i = LG_LOGICAL_NONE + 1; i < LG_LOGICAL_COUNT; i++) {
        if (lg_slice_eq_str(name, rows[i].name))
            return (enum lg_logical_kind)i;
    }
    return LG_LOGICAL_NONE;
}

/* An attribute that is an int; absent, `otherwise`. */
static bool int_attribute(const struct lg_schema *s, const char *name, int64_t otherwise,
                          int32_t *out)
{
    const struct lg_json *json = lg_schema_attribute(s, name);
    int64_t v = json == NULL ? otherwise : lg_json_int(json);

    if ((json != NULL && lg_json_type(json) != LG_JSON_INT) || v < 0 || v > INT32_MAX)
        return false;
    *out = (int32_t)v;
    return true;
}

/* Decimal digits that every number of so many bytes in two's complement can have. */
static double digits_of(size_t bytes)
{
    return bytes == 0 ? 0 : DIGITS_PER_BIT * (8 * (double)bytes - 1);
}

static struct lg_logical decimal_of(const struct lg_schema *s)
{
    struct lg_logical decimal = {.kind = LG_LOGICAL_DECIMAL};
    enum lg_avro_kind kind = lg_schema_kind(s);

    if ((kind != LG_AVRO_BYTES && kind != LG_AVRO_FIXED) ||
        !int_attribute(s, "precision", 0, &decimal.precision) ||
        !int_attribute(s, "scale", 0, &decimal.scale) || decimal.precision == 0 ||
        decimal.scale > decimal.precision ||
        (kind == LG_AVRO_FIXED && decimal.precision > digits_of(lg_schema_fixed_bytes(s))))
        return (struct lg_logical){.kind = LG_LOGICAL_NONE};
    return decimal;
}

struct lg_logical lg_schema_logical(const struct lg_schema *s)
{
    enum lg_logical_kind logical = kind_of_name(lg_schema_logical_type(s));
    const struct row *row = &rows[logical];
    bool is_fixed = lg_schema_kind(s) == LG_AVRO_FIXED && row->fixed_bytes != 0 &&
                    lg_schema_fixed_bytes(s) == row->fixed_bytes;
    bool is_other = lg_schema_kind(s) == row->kind && row->kind != LG_AVRO_FIXED;

    if (logical == LG_LOGICAL_DECIMAL)
        return decimal_of(s);
    return (struct lg_logical){.kind = is_fixed || is_other ? logical : LG_LOGICAL_NONE};
}
