#include "pushjob/text_value.h"

#include <math.h>
#include <stdlib.h>

#include "avro/encode.h"
#include "avro/json_text.h"
#include "base/str.h"
#include "pushjob/text_time.h"

#define SHOWN_BYTES_MAX ((size_t)60) /* of a wrong text in a sentence */

/* --- Sentences. ------------------------------------------------------------------------------- */

static const char *wanted(const struct lg_schema *s)
{
    struct lg_slice logical = lg_schema_logical_type(s);

    if (logical.size > 0 && lg_text_time_of(s) != LG_TEXT_NO_TIME)
        return lg_text_time_wanted(lg_text_time_of(s));
    switch (lg_schema_kind(s)) {
    case LG_AVRO_NULL:
        return "nothing (null)";
    case LG_AVRO_BOOLEAN:
        return "true or false";
    case LG_AVRO_INT:
        return "an int (-2147483648 to 2147483647)";
    case LG_AVRO_LONG:
        return "a long (whole number of 64 bits)";
    case LG_AVRO_FLOAT:
        return "a float";
    case LG_AVRO_DOUBLE:
        return "a double";
    case LG_AVRO_STRING:
        return "a string in UTF-8";
    case LG_AVRO_ENUM:
        return "a symbol of the enum";
    case LG_AVRO_BYTES:
    case LG_AVRO_FIXED:
        return lg_slice_eq_str(logical, "decimal") ? "a decimal number" : "base64";
    case LG_AVRO_UNION:
        return "a value of one of the union's branches";
    default:
        return "JSON";
    }
}

static enum lg_rc wrong(const struct lg_schema *s, struct lg_slice text, struct lg_error *err)
{
    LG_SCOPED(lg_buf) shown = {0};

    if (text.size == 0)
        return lg_error_set(err, LG_ERR_BAD_DATA, "wanted %s, but the field is empty", wanted(s));
    lg_json_write_string(&shown, lg_slice(text.data, LG_MIN(text.size, SHOWN_BYTES_MAX)));
    return lg_error_set(err, LG_ERR_BAD_DATA, "wanted %s, given %.*s%s", wanted(s),
                        LG_FMT(lg_buf_slice(&shown)), text.size > SHOWN_BYTES_MAX ? "..." : "");
}

/* --- Numbers. --------------------------------------------------------------------------------- */

/* Blanks around anything that is no string do no harm. */
static struct lg_slice trimmed(struct lg_slice text)
{
    while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t'))
        text = lg_slice_skip(text, 1);
    while (text.size > 0 && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t'))
        text.size--;
    return text;
}

/* Letters without case; `word` is in lower case. */
static bool is_word(struct lg_slice text, const char *word)
{
    if (text.size != strlen(word))
        return false;
    for (size_t i = 0; i < text.size; i++)
        if ((text.data[i] | (text.data[i] >= 'A' && text.data[i] <= 'Z' ? 0x20 : 0)) !=
            (uint8_t)word[i])
            return false;
    return true;
}

/* A whole number; "5.0" is one, as programs write whole numbers that passed through floats. */
static bool as_integer(struct lg_slice text, int64_t min, int64_t max, int64_t *out)
{
    const uint8_t *point = text.size == 0 ? NULL : memchr(text.data, '.', text.size);

    if (point != NULL) {
        struct lg_slice zeros = lg_slice_skip(text, (size_t)(point - text.data) + 1);

        for (size_t i = 0; i < zeros.size; i++)
            if (zeros.data[i] != '0')
                return false;
        text.size = (size_t)(point - text.data);
        if (zeros.size == 0)
            return false;
    }
    if (text.size > 1 && text.data[0] == '+' && text.data[1] != '-')
        text = lg_slice_skip(text, 1);
    return lg_parse_i64(text, min, max, out);
}

static bool is_decimal_text(struct lg_slice text)
{
    bool digit = false;

    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] >= '0' && text.data[i] <= '9')
            digit = true;
        else if (memchr("+-.eE", text.data[i], 5) == NULL)
            return false;
    }
    return digit;
}

static bool as_double(struct lg_slice text, double *out)
{
    char digits[LG_TEXT_NUMBER_BYTES_MAX + 1];
    char *end;
    double v;

    if (is_word(text, "nan")) {
        *out = (double)NAN;
        return true;
    }
    if (is_word(text, "infinity") || is_word(text, "inf") || is_word(text, "+inf")) {
        *out = (double)INFINITY;
        return true;
    }
    if (is_word(text, "-infinity") || is_word(text, "-inf")) {
        *out = -(double)INFINITY;
        return true;
    }
    if (text.size > LG_TEXT_NUMBER_BYTES_MAX || !is_decimal_text(text))
        return false;
    memcpy(digits, text.data, text.size);
    digits[text.size] = '\0';
    v = strtod(digits, &end);
    if (*end != '\0' || !isfinite(v))
        return false;
    *out = v;
    return true;
}

/* A finite number beyond the range of float is refused: it would become an infinity. */
static bool as_float(struct lg_slice text, float *out)
{
    double v;

    if (!as_double(text, &v) || (isfinite(v) && fabs(v) >= 0x1.ffffffp127))
        return false;
    *out = (float)v;
    return true;
}

static bool as_boolean(struct lg_slice text, bool *out)
{
    *out = is_word(text, "true") || is_word(text, "1");
    return *out || is_word(text, "false") || is_word(text, "0");
}

static bool encode_number(const struct lg_schema *s, struct lg_slice text, struct lg_buf *out)
{
    enum lg_avro_kind kind = lg_schema_kind(s);
    int64_t i;
    float f;
    double d;

    switch (kind) {
    case LG_AVRO_INT:
    case LG_AVRO_LONG:
        if (!as_integer(text, kind == LG_AVRO_INT ? INT32_MIN : INT64_MIN,
                        kind == LG_AVRO_INT ? INT32_MAX : INT64_MAX, &i) &&
            !lg_text_time_parse(lg_text_time_of(s), text, &i))
            return false;
        lg_encode_long(out, i);
        return true;
    case LG_AVRO_FLOAT:
        if (!as_float(text, &f))
            return false;
        lg_encode_float(out, f);
        return true;
    default:
        if (!as_double(text, &d))
            return false;
        lg_encode_double(out, d);
        return true;
    }
}

/* --- Decimals: big-endian two's complement of the number without its point. --------------------
 */

struct decimal {
    uint8_t bytes[LG_TEXT_NUMBER_BYTES_MAX / 2 + 1]; /* A digit takes less than half a byte. */
    bool negative;
    size_t digits; /* without leading zeros */
    size_t used;   /* bytes at the end that are not zero yet */
};

static void append_digit(struct decimal *d, uint8_t digit)
{
    unsigned carry = digit;

    for (size_t n = 1; n <= d->used || carry > 0; n++) {
        uint8_t *byte = &d->bytes[sizeof d->bytes - n];

        carry += *byte * 10U;
        *byte = (uint8_t)carry;
        carry >>= 8;
        d->used = LG_MAX(d->used, n);
    }
    d->digits += d->digits > 0 || digit > 0;
}

/* `scale` digits behind the point: more are refused unless they are zeros, fewer are filled up. */
static bool parse_decimal(struct lg_slice text, size_t scale, struct decimal *d)
{
    bool behind = false, any = false;
    size_t fraction = 0, at = 0;

    if (text.size > LG_TEXT_NUMBER_BYTES_MAX / 2 || scale > LG_TEXT_NUMBER_BYTES_MAX / 2)
        return false;
    if (text.size > 0 && (text.data[0] == '-' || text.data[0] == '+'))
        d->negative = text.data[at++] == '-';
    for (; at < text.size; at++) {
        uint8_t c = text.data[at];

        if (c == '.' && !behind) {
            behind = true;
            continue;
        }
        if (c < '0' || c > '9' || (behind && fraction == scale && c != '0'))
            return false;
        any = true;
        if (behind && fraction == scale)
            continue;
        fraction += behind;
        append_digit(d, (uint8_t)(c - '0'));
    }
    for (; fraction < scale; fraction++)
        append_digit(d, 0);
    return any;
}

static void negate(struct decimal *d)
{
    unsigned carry = 1;

    for (size_t i = sizeof d->bytes; i-- > 0;) {
        carry += (uint8_t)~d->bytes[i];
        d->bytes[i] = (uint8_t)carry;
        carry >>= 8;
    }
}

/* The shortest form with its sign bit. */
static struct lg_slice shortest(const struct decimal *d)
{
    size_t from = 0;
    uint8_t sign = d->bytes[0];

    while (from + 1 < sizeof d->bytes && d->bytes[from] == sign &&
           ((d->bytes[from + 1] ^ sign) & 0x80) == 0)
        from++;
    return lg_slice(d->bytes + from, sizeof d->bytes - from);
}

static bool encode_decimal(const struct lg_schema *s, struct lg_slice text, struct lg_buf *out)
{
    int64_t scale = lg_json_int(lg_schema_attribute(s, "scale"));
    int64_t precision = lg_json_int(lg_schema_attribute(s, "precision"));
    struct decimal d = {0};
    struct lg_slice bytes;

    if (scale < 0 || !parse_decimal(text, (size_t)scale, &d) ||
        (precision > 0 && d.digits > (uint64_t)precision))
        return false;
    if (d.negative)
        negate(&d);
    bytes = shortest(&d);
    if (lg_schema_kind(s) == LG_AVRO_BYTES) {
        lg_encode_bytes(out, bytes);
        return true;
    }
    if (bytes.size > lg_schema_fixed_bytes(s))
        return false;
    for (size_t i = bytes.size; i < lg_schema_fixed_bytes(s); i++)
        lg_buf_append_byte(out, d.bytes[0]); /* all sign */
    lg_encode_fixed(out, bytes);
    return true;
}

/* --- The other types. --------------------------------------------------------------------------
 */

static bool encode_bytes(const struct lg_schema *s, struct lg_slice text, struct lg_buf *out)
{
    LG_SCOPED(lg_buf) bytes = {0};

    if (lg_slice_eq_str(lg_schema_logical_type(s), "decimal"))
        return encode_decimal(s, text, out);
    if (!lg_base64_decode(&bytes, text))
        return false;
    if (lg_schema_kind(s) == LG_AVRO_BYTES)
        lg_encode_bytes(out, lg_buf_slice(&bytes));
    else if (bytes.size == lg_schema_fixed_bytes(s))
        lg_encode_fixed(out, lg_buf_slice(&bytes));
    else
        return false;
    return true;
}

/* Anything but unions and nested types. */
static bool encode_plain(const struct lg_schema *s, struct lg_slice text, bool quoted,
                         struct lg_buf *out)
{
    struct lg_slice bare = trimmed(text);
    size_t symbol;
    bool flag;

    switch (lg_schema_kind(s)) {
    case LG_AVRO_NULL:
        return text.size == 0 && !quoted;
    case LG_AVRO_BOOLEAN:
        if (!as_boolean(bare, &flag))
            return false;
        lg_encode_bool(out, flag);
        return true;
    case LG_AVRO_STRING:
        if (!lg_utf8_valid(text))
            return false;
        lg_encode_string(out, text);
        return true;
    case LG_AVRO_ENUM:
        symbol = lg_schema_symbol_index(s, bare);
        if (symbol == LG_SCHEMA_NO_INDEX)
            return false;
        lg_encode_long(out, (int64_t)symbol);
        return true;
    case LG_AVRO_BYTES:
    case LG_AVRO_FIXED:
        return encode_bytes(s, bare, out);
    default:
        return encode_number(s, bare, out);
    }
}

static bool is_nested(const struct lg_schema *s)
{
    return lg_schema_kind(s) == LG_AVRO_RECORD || lg_schema_kind(s) == LG_AVRO_ARRAY ||
           lg_schema_kind(s) == LG_AVRO_MAP;
}

static enum lg_rc encode_json(const struct lg_schema *s, struct lg_slice text, struct lg_buf *out,
                              struct lg_error *err)
{
    LG_AUTO(lg_json) *json = NULL;
    enum lg_rc rc;

    if (text.size == 0)
        return wrong(s, text, err);
    rc = lg_json_parse(text, &json, err);
    return rc == LG_OK
               ? lg_avro_from_json(s, json, out, err)
               : lg_error_wrap(err, "wanted %s %.*s as JSON", lg_avro_kind_name(lg_schema_kind(s)),
                               LG_FMT(lg_schema_name(s)));
}

/* --- Unions: which branch? -------------------------------------------------------------------- */

/* In which turn a branch is asked: exact types first, then reals, text, nested types, binary. Text
 * between quotes is text first. */
static int turn_of(const struct lg_schema *s, bool quoted)
{
    switch (lg_schema_kind(s)) {
    case LG_AVRO_NULL:
        return 0;
    case LG_AVRO_STRING:
        return quoted ? 1 : 5;
    case LG_AVRO_INT:
    case LG_AVRO_LONG:
    case LG_AVRO_ENUM:
        return 2;
    case LG_AVRO_BOOLEAN:
        return 3;
    case LG_AVRO_FLOAT:
    case LG_AVRO_DOUBLE:
        return 4;
    case LG_AVRO_BYTES:
    case LG_AVRO_FIXED:
        return lg_slice_eq_str(lg_schema_logical_type(s), "decimal") ? 3 : 7;
    default:
        return 6;
    }
}
#define TURNS 8

static bool try_branch(const struct lg_schema *s, size_t i, struct lg_slice text, bool quoted,
                       struct lg_buf *out)
{
    size_t before = out->size;
    struct lg_error ignored;

    lg_encode_long(out, (int64_t)i);
    if (lg_text_value_encode(lg_schema_branch(s, i), text, quoted, out, &ignored) == LG_OK)
        return true;
    out->size = before;
    return false;
}

/* The only branch beside null, whose own complaint is more precise than the union's. */
static const struct lg_schema *only_branch(const struct lg_schema *s)
{
    const struct lg_schema *only = NULL;

    for (size_t i = 0; i < lg_schema_branch_count(s); i++) {
        if (lg_schema_kind(lg_schema_branch(s, i)) == LG_AVRO_NULL)
            continue;
        if (only != NULL)
            return NULL;
        only = lg_schema_branch(s, i);
    }
    return only;
}

static enum lg_rc encode_union(const struct lg_schema *s, struct lg_slice text, bool quoted,
                               struct lg_buf *out, struct lg_error *err)
{
    const struct lg_schema *only = only_branch(s);

    for (int turn = 0; turn < TURNS; turn++)
        for (size_t i = 0; i < lg_schema_branch_count(s); i++)
            if (turn_of(lg_schema_branch(s, i), quoted) == turn &&
                try_branch(s, i, text, quoted, out))
                return LG_OK;
    if (only == NULL)
        return wrong(s, text, err);
    return lg_text_value_encode(only, text, quoted, out, err);
}

enum lg_rc lg_text_value_encode(const struct lg_schema *s, struct lg_slice text, bool quoted,
                                struct lg_buf *out, struct lg_error *err)
{
    if (lg_schema_kind(s) == LG_AVRO_UNION)
        return encode_union(s, text, quoted, out, err);
    if (is_nested(s))
        return encode_json(s, text, out, err);
    return encode_plain(s, text, quoted, out) ? LG_OK : wrong(s, text, err);
}
