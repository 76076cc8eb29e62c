/* Avro's binary form, reading. Pure.
 *
 * Termination: a walk takes steps in proportion to the bytes it reads, since a schema whose datums
 * are empty is never entered, and items of 0 bytes are counted against a bound.
 */
#include "avro/decode.h"

#include "avro/encode.h"
#include "avro/schema_impl.h"
#include "base/str.h"

static enum lg_rc truncated(const struct lg_decoder *d, const char *what, struct lg_error *err)
{
    return lg_error_set(err, LG_ERR_BAD_DATA, "the data ends at byte %zu, inside %s", d->in.size,
                        what);
}

/* A varint of at most `bytes_max` bytes; bits beyond `bits` must be zero. */
static enum lg_rc decode_varint(struct lg_decoder *d, size_t bytes_max, unsigned bits,
                                const char *what, uint64_t *out, struct lg_error *err)
{
    uint64_t v = 0;

    for (size_t i = 0; i < bytes_max; i++) {
        uint64_t group;
        unsigned shift = 7 * (unsigned)i;

        if (lg_decoder_left(d) <= i)
            return truncated(d, what, err);
        group = d->in.data[d->at + i] & 0x7fU;
        if (shift + 7 > bits && group >> (bits - shift) != 0)
            return lg_error_set(err, LG_ERR_BAD_DATA, "at byte %zu: %s does not fit into %u bits",
                                d->at, what, bits);
        v |= group << shift;
        if ((d->in.data[d->at + i] & 0x80U) == 0) {
            d->at += i + 1;
            *out = v;
            return LG_OK;
        }
    }
    return lg_error_set(err, LG_ERR_BAD_DATA, "at byte %zu: %s is longer than %zu bytes", d->at,
                        what, bytes_max);
}

static int64_t unzigzag(uint64_t z)
{
    return (int64_t)((z >> 1) ^ (0 - (z & 1)));
}

static enum lg_rc decode_signed(struct lg_decoder *d, const char *what, int64_t *out,
                                struct lg_error *err)
{
    uint64_t z;
    enum lg_rc rc = decode_varint(d, LG_VARINT_BYTES_MAX, 64, what, &z, err);

    if (rc == LG_OK)
        *out = unzigzag(z);
    return rc;
}

enum lg_rc lg_decode_bool(struct lg_decoder *d, bool *out, struct lg_error *err)
{
    if (lg_decoder_left(d) == 0)
        return truncated(d, "a boolean", err);
    if (d->in.data[d->at] > 1)
        return lg_error_set(err, LG_ERR_BAD_DATA, "at byte %zu: a boolean is 0 or 1, this is %u",
                            d->at, d->in.data[d->at]);
    *out = d->in.data[d->at++] == 1;
    return LG_OK;
}

enum lg_rc lg_decode_int(struct lg_decoder *d, int32_t *out, struct lg_error *err)
{
    uint64_t z;
    enum lg_rc rc = decode_varint(d, /* bytes_max= */ 5, 32, "an int", &z, err);

    if (rc == LG_OK)
        *out = (int32_t)unzigzag(z);
    return rc;
}

enum lg_rc lg_decode_long(struct lg_decoder *d, int64_t *out, struct lg_error *err)
{
    return decode_signed(d, "a long", out, err);
}

enum lg_rc lg_decode_float(struct lg_decoder *d, float *out, struct lg_error *err)
{
    uint32_t bits;

    if (lg_decoder_left(d) < sizeof(bits))
        return truncated(d, "a float", err);
    bits = lg_load_u32le(d->in.data + d->at);
    memcpy(out, &bits, sizeof(bits));
    d->at += sizeof(bits);
    return LG_OK;
}

enum lg_rc lg_decode_double(struct lg_decoder *d, double *out, struct lg_error *err)
{
    uint64_t bits;

    if (lg_decoder_left(d) < sizeof(bits))
        return truncated(d, "a double", err);
    bits = lg_load_u64le(d->in.data + d->at);
    memcpy(out, &bits, sizeof(bits));
    d->at += sizeof(bits);
    return LG_OK;
}

enum lg_rc lg_decode_bytes(struct lg_decoder *d, struct lg_slice *out, struct lg_error *err)
{
    size_t start = d->at;
    int64_t n;
    enum lg_rc rc = decode_signed(d, "a length", &n, err);

    if (rc != LG_OK)
        return rc;
    if (n < 0) {
        d->at = start;
        return lg_error_set(err, LG_ERR_BAD_DATA, "at byte %zu: the length is negative", start);
    }
    if ((uint64_t)n > lg_decoder_left(d)) {
        d->at = start;
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "at byte %zu: a length of %lld, but the data ends at byte %zu", start,
                            (long long)n, d->in.size);
    }
    *out = lg_slice(d->in.data + d->at, (size_t)n);
    d->at += (size_t)n;
    return LG_OK;
}

enum lg_rc lg_decode_string(struct lg_decoder *d, struct lg_slice *out, struct lg_error *err)
{
    struct lg_slice text;
    size_t start = d->at;
    enum lg_rc rc = lg_decode_bytes(d, &text, err);

    if (rc != LG_OK)
        return rc;
    if (!lg_utf8_valid(text)) {
        d->at = start;
        return lg_error_set(err, LG_ERR_BAD_DATA, "at byte %zu: the string is not UTF-8", start);
    }
    *out = text;
    return LG_OK;
}

enum lg_rc lg_decode_fixed(struct lg_decoder *d, size_t size_bytes, struct lg_slice *out,
                           struct lg_error *err)
{
    if (lg_decoder_left(d) < size_bytes)
        return truncated(d, "a fixed", err);
    *out = lg_slice(d->in.data + d->at, size_bytes);
    d->at += size_bytes;
    return LG_OK;
}

enum lg_rc lg_decode_index(struct lg_decoder *d, size_t count, size_t *out, struct lg_error *err)
{
    size_t start = d->at;
    int64_t i;
    enum lg_rc rc = decode_signed(d, "an index", &i, err);

    if (rc != LG_OK)
        return rc;
    if (i < 0 || (uint64_t)i >= count) {
        d->at = start;
        return lg_error_set(err, LG_ERR_BAD_DATA, "at byte %zu: index %lld of %zu choices", start,
                            (long long)i, count);
    }
    *out = (size_t)i;
    return LG_OK;
}

/* A negative count is followed by the size of its block, so that readers may jump over it. */
static enum lg_rc block_size(struct lg_decoder *d, struct lg_error *err)
{
    size_t start = d->at;
    int64_t size;
    enum lg_rc rc = decode_signed(d, "a block's size", &size, err);

    if (rc != LG_OK)
        return rc;
    if (size < 0 || (uint64_t)size > lg_decoder_left(d))
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "at byte %zu: a block of %lld bytes, but the data ends at byte %zu",
                            start, (long long)size, d->in.size);
    d->block_end = d->at + (size_t)size;
    return LG_OK;
}

enum lg_rc lg_decode_block_end(const struct lg_decoder *d, struct lg_error *err)
{
    if (d->block_end == 0 || d->block_end == d->at)
        return LG_OK;
    return lg_error_set(err, LG_ERR_BAD_DATA,
                        "at byte %zu: a block ends that says it ends at byte %zu", d->at,
                        d->block_end);
}

enum lg_rc lg_decode_block(struct lg_decoder *d, size_t item_bytes_min, uint64_t *out_count,
                           struct lg_error *err)
{
    size_t start = d->at;
    int64_t signed_count;
    uint64_t count;
    enum lg_rc rc = decode_signed(d, "a block's count", &signed_count, err);

    if (rc != LG_OK)
        return rc;
    d->block_end = 0;
    count = signed_count < 0 ? 0 - (uint64_t)signed_count : (uint64_t)signed_count;
    if (signed_count < 0) {
        rc = block_size(d, err);
        if (rc != LG_OK)
            return rc;
    }
    if (item_bytes_min > 0 ? count > lg_decoder_left(d) / item_bytes_min
                           : count > LG_DATUM_EMPTY_ITEMS_MAX - d->empty_items)
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "at byte %zu: a block of %llu items, more than the data can hold",
                            start, (unsigned long long)count);
    if (item_bytes_min == 0)
        d->empty_items += count;
    *out_count = count;
    return LG_OK;
}

/* --- Walking a datum. ------------------------------------------------------------------------- */

static enum lg_rc skip(const struct lg_schema *s, struct lg_decoder *d, size_t depth,
                       struct lg_error *err);

static enum lg_rc too_deep(const struct lg_decoder *d, struct lg_error *err)
{
    return lg_error_set(err, LG_ERR_BAD_DATA, "at byte %zu: the datum nests deeper than %d", d->at,
                        LG_DATUM_DEPTH_MAX);
}

static enum lg_rc skip_field(const struct lg_schema *record, size_t i, struct lg_decoder *d,
                             size_t depth, struct lg_error *err)
{
    enum lg_rc rc = skip(lg_schema_field_schema(record, i), d, depth, err);

    if (rc != LG_OK && err != NULL && depth <= LG_DATUM_NAMED_DEPTH_MAX)
        return lg_error_wrap(err, "field %.*s", LG_FMT(lg_schema_field_name(record, i)));
    return rc;
}

static enum lg_rc skip_record(const struct lg_schema *s, struct lg_decoder *d, size_t depth,
                              struct lg_error *err)
{
    size_t n = lg_schema_field_count(s);

    for (size_t i = 0; i < n; i++) {
        enum lg_rc rc = skip_field(s, i, d, depth, err);

        if (rc != LG_OK)
            return rc;
    }
    return LG_OK;
}

/* Arrays and maps alike: a map's item is a key and a value. */
static enum lg_rc skip_blocks(const struct lg_schema *item, bool has_keys, struct lg_decoder *d,
                              size_t depth, struct lg_error *err)
{
    size_t item_bytes_min = lg_schema_bytes_min(item) + (has_keys ? 1 : 0);
    uint64_t count;

    do { /* Each round reads a byte at least. */
        enum lg_rc rc = lg_decode_block(d, item_bytes_min, &count, err);

        if (rc != LG_OK)
            return rc;
        if (item_bytes_min == 0 && lg_schema_is_empty(item))
            continue;
        for (uint64_t i = 0; i < count; i++) {
            struct lg_slice key;

            rc = has_keys ? lg_decode_string(d, &key, err) : LG_OK;
            if (rc == LG_OK)
                rc = skip(item, d, depth, err);
            if (rc != LG_OK)
                return rc;
        }
    } while (count != 0);
    return LG_OK;
}

static enum lg_rc skip_union(const struct lg_schema *s, struct lg_decoder *d, size_t depth,
                             struct lg_error *err)
{
    size_t i;
    enum lg_rc rc = lg_decode_index(d, lg_schema_branch_count(s), &i, err);

    return rc != LG_OK ? rc : skip(lg_schema_branch(s, i), d, depth, err);
}

static enum lg_rc skip_scalar(const struct lg_schema *s, struct lg_decoder *d, struct lg_error *err)
{
    union {
        bool b;
        int32_t i;
        int64_t l;
        size_t index;
        struct lg_slice bytes;
    } v;

    switch (lg_schema_kind(s)) {
    case LG_AVRO_BOOLEAN:
        return lg_decode_bool(d, &v.b, err);
    case LG_AVRO_INT:
        return lg_decode_int(d, &v.i, err);
    case LG_AVRO_LONG:
        return lg_decode_long(d, &v.l, err);
    case LG_AVRO_FLOAT:
        return lg_decode_fixed(d, sizeof(float), &v.bytes, err);
    case LG_AVRO_DOUBLE:
        return lg_decode_fixed(d, sizeof(double), &v.bytes, err);
    case LG_AVRO_BYTES:
        return lg_decode_bytes(d, &v.bytes, err);
    case LG_AVRO_STRING:
        return lg_decode_string(d, &v.bytes, err);
    case LG_AVRO_ENUM:
        return lg_decode_index(d, lg_schema_symbol_count(s), &v.index, err);
    case LG_AVRO_FIXED:
        return lg_decode_fixed(d, lg_schema_fixed_bytes(s), &v.bytes, err);
    default:
        return LG_OK; /* null */
    }
}

/* `depth` counts the records, arrays and maps around this datum, itself included; a union adds
 * none. */
static enum lg_rc skip(const struct lg_schema *s, struct lg_decoder *d, size_t depth,
                       struct lg_error *err)
{
    if (lg_schema_is_empty(s))
        return LG_OK;
    switch (lg_schema_kind(s)) {
    case LG_AVRO_RECORD:
        return depth > LG_DATUM_DEPTH_MAX ? too_deep(d, err) : skip_record(s, d, depth + 1, err);
    case LG_AVRO_ARRAY:
        return depth > LG_DATUM_DEPTH_MAX
                   ? too_deep(d, err)
                   : skip_blocks(lg_schema_items(s), /* has_keys= */ false, d, depth + 1, err);
    case LG_AVRO_MAP:
        return depth > LG_DATUM_DEPTH_MAX
                   ? too_deep(d, err)
                   : skip_blocks(lg_schema_values(s), /* has_keys= */ true, d, depth + 1, err);
    case LG_AVRO_UNION:
        return skip_union(s, d, depth, err);
    default:
        return skip_scalar(s, d, err);
    }
}

enum lg_rc lg_avro_skip_at(const struct lg_schema *schema, struct lg_decoder *d, size_t depth,
                           struct lg_error *err)
{
    return skip(schema, d, depth, err);
}

enum lg_rc lg_avro_skip(const struct lg_schema *schema, struct lg_decoder *d, struct lg_error *err)
{
    return skip(schema, d, /* depth= */ 1, err);
}

enum lg_rc lg_avro_check(const struct lg_schema *schema, struct lg_slice datum,
                         struct lg_error *err)
{
    struct lg_decoder d = lg_decoder_of(datum);
    enum lg_rc rc = lg_avro_skip(schema, &d, err);

    if (rc != LG_OK)
        return rc;
    if (lg_decoder_left(&d) != 0)
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "the datum ends at byte %zu, but %zu bytes follow it", d.at,
                            lg_decoder_left(&d));
    return LG_OK;
}

enum lg_rc lg_avro_field(const struct lg_schema *record, struct lg_slice datum, size_t field_index,
                         struct lg_slice *out, struct lg_error *err)
{
    struct lg_decoder d = lg_decoder_of(datum);
    size_t start = 0;

    assert(field_index < lg_schema_field_count(record));
    for (size_t i = 0; i <= field_index; i++) {
        enum lg_rc rc;

        start = d.at;
        rc = skip_field(record, i, &d, /* depth= */ 2, err);
        if (rc != LG_OK)
            return rc;
    }
    *out = lg_slice(datum.data + start, d.at - start);
    return LG_OK;
}
