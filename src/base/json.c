/* JSON over jansson. A value belongs to one thread at a time.
 *
 * A struct lg_json is a json_t under another name. The writer is our own, because jansson prints
 * reals with 17 digits; the parser, the containers and the counting of references are jansson's.
 */
#include "base/json.h"

#include <float.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"

#define INDENT 2

static void *jansson_alloc(size_t size)
{
    return lg_alloc(size);
}

__attribute__((weak)) bool lg_json_leaves_allocator = false;

/* Before main, and so before any value can exist: memory domains see all of jansson's memory. */
__attribute__((constructor)) static void set_up_jansson(void)
{
    if (!lg_json_leaves_allocator)
        json_set_alloc_funcs(jansson_alloc, lg_free);
}

static const json_t *in(const struct lg_json *j)
{
    return (const json_t *)(const void *)j;
}

static json_t *in_mut(struct lg_json *j)
{
    return (json_t *)(void *)j;
}

static struct lg_json *out_of(json_t *j)
{
    return (struct lg_json *)(void *)j;
}

/* --- Reading ---------------------------------------------------------------------------------- */
static enum lg_rc parse_failed(const json_error_t *e, struct lg_error *err)
{
    if (json_error_code(e) == json_error_numeric_overflow)
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "JSON, line %d column %d: the number does not fit 64 bits; write it as "
                            "a string or make it smaller",
                            e->line, e->column);
    return lg_error_set(err, LG_ERR_BAD_DATA, "JSON, line %d column %d: %s", e->line, e->column,
                        e->text);
}

/* JSON never holds a raw NUL, but jansson drops one that follows a number: "[1\0]" would pass. */
static enum lg_rc check_no_nul(struct lg_slice text, struct lg_error *err)
{
    const uint8_t *nul = text.size == 0 ? NULL : memchr(text.data, 0, text.size);
    size_t line = 1, column = 1;

    if (nul == NULL)
        return LG_OK;
    for (const uint8_t *p = text.data; p < nul; p++) {
        line += *p == '\n';
        column = *p == '\n' ? 1 : column + 1;
    }
    return lg_error_set(err, LG_ERR_BAD_DATA,
                        "JSON, line %zu column %zu: a NUL byte; write it as \\u0000 in a string",
                        line, column);
}

enum lg_rc lg_json_parse(struct lg_slice text, struct lg_json **out, struct lg_error *err)
{
    const char *bytes = text.size == 0 ? "" : (const char *)text.data;
    enum lg_rc rc = check_no_nul(text, err);
    json_error_t e;
    json_t *j;

    if (rc != LG_OK)
        return rc;
    j = json_loadb(bytes, text.size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, &e);
    if (j == NULL)
        return parse_failed(&e, err);
    *out = out_of(j);
    return LG_OK;
}

struct lg_json *lg_json_ref(struct lg_json *j)
{
    return out_of(json_incref(in_mut(j)));
}

void lg_json_unref(struct lg_json *j)
{
    json_decref(in_mut(j));
}

enum lg_json_type lg_json_type(const struct lg_json *j)
{
    if (j == NULL)
        return LG_JSON_NULL;
    switch (json_typeof(in(j))) {
    case JSON_OBJECT:
        return LG_JSON_OBJECT;
    case JSON_ARRAY:
        return LG_JSON_ARRAY;
    case JSON_STRING:
        return LG_JSON_STRING;
    case JSON_INTEGER:
        return LG_JSON_INT;
    case JSON_REAL:
        return LG_JSON_REAL;
    case JSON_TRUE:
    case JSON_FALSE:
        return LG_JSON_BOOL;
    case JSON_NULL:
        return LG_JSON_NULL;
    }
    __builtin_unreachable(); /* jansson has no other type. */
}

bool lg_json_bool(const struct lg_json *j)
{
    return json_is_true(in(j));
}

int64_t lg_json_int(const struct lg_json *j)
{
    return json_integer_value(in(j));
}

double lg_json_real(const struct lg_json *j)
{
    return json_number_value(in(j));
}

struct lg_slice lg_json_string(const struct lg_json *j)
{
    return lg_slice(json_string_value(in(j)), json_string_length(in(j)));
}

size_t lg_json_size(const struct lg_json *j)
{
    return json_is_array(in(j)) ? json_array_size(in(j)) : json_object_size(in(j));
}

struct lg_json *lg_json_at(const struct lg_json *array, size_t i)
{
    return out_of(json_array_get(in(array), i));
}

struct lg_json *lg_json_get(const struct lg_json *object, const char *key)
{
    return out_of(json_object_get(in(object), key));
}

/* *i is the address of jansson's iterator, which stands on the member that was given last: it is
 * never 0, and stays valid while that member is there. */
bool lg_json_next(const struct lg_json *object, size_t *i, const char **key, struct lg_json **value)
{
    json_t *j = (json_t *)(uintptr_t)(const void *)object;
    void *iter = *i == 0 ? json_object_iter(j) : json_object_iter_next(j, (void *)*i);

    if (iter == NULL)
        return false;
    *i = (size_t)iter;
    *key = json_object_iter_key(iter);
    *value = out_of(json_object_iter_value(iter));
    return true;
}

const char *lg_json_get_str(const struct lg_json *object, const char *key, const char *otherwise)
{
    const json_t *member = json_object_get(in(object), key);

    return json_is_string(member) ? json_string_value(member) : otherwise;
}

int64_t lg_json_get_int(const struct lg_json *object, const char *key, int64_t otherwise)
{
    const json_t *member = json_object_get(in(object), key);

    return json_is_integer(member) ? json_integer_value(member) : otherwise;
}

enum lg_rc lg_json_get_number(const struct lg_json *object, const char *key, int64_t otherwise,
                              int64_t *out, struct lg_error *err)
{
    const json_t *member = json_object_get(in(object), key);
    int64_t value = json_is_integer(member) ? json_integer_value(member) : otherwise;

    if (json_is_integer(member) && (value < 0 || value >= LG_JSON_NUMBER_MAX))
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "\"%s\" is %lld, which is not between 0 and 2^53; correct it", key,
                            (long long)value);
    *out = value;
    return LG_OK;
}

bool lg_json_get_bool(const struct lg_json *object, const char *key, bool otherwise)
{
    const json_t *member = json_object_get(in(object), key);

    return json_is_boolean(member) ? json_is_true(member) : otherwise;
}

bool lg_json_equal(const struct lg_json *a, const struct lg_json *b)
{
    return json_equal(in(a), in(b)) != 0;
}

/* --- Making ----------------------------------------------------------------------------------- */
struct lg_json *lg_json_new_null(void)
{
    return out_of(json_null());
}

struct lg_json *lg_json_new_bool(bool v)
{
    return out_of(json_boolean(v));
}

struct lg_json *lg_json_new_int(int64_t v)
{
    return out_of(json_integer(v));
}

struct lg_json *lg_json_new_real(double v)
{
    assert(isfinite(v));
    return out_of(json_real(v));
}

struct lg_json *lg_json_new_string(struct lg_slice s)
{
    if (!lg_utf8_valid(s))
        return NULL;
    return out_of(json_stringn_nocheck(s.size == 0 ? "" : (const char *)s.data, s.size));
}

struct lg_json *lg_json_new_array(void)
{
    return out_of(json_array());
}

struct lg_json *lg_json_new_object(void)
{
    return out_of(json_object());
}

/* Memory never fails, so a refusal can only be a mistake of the caller: no container, no value, or
 * a container put into itself. */
void lg_json_push(struct lg_json *array, struct lg_json *take_value)
{
    int rc = json_array_append_new(in_mut(array), in_mut(take_value));

    assert(rc == 0);
    (void)rc;
}

void lg_json_set(struct lg_json *object, const char *key, struct lg_json *take_value)
{
    int rc = json_object_set_new(in_mut(object), key, in_mut(take_value));

    assert(rc == 0);
    (void)rc;
}

/* Appends text with U+FFFD in place of each byte that is not UTF-8. */
static void append_repaired(struct lg_buf *out, struct lg_slice text)
{
    while (text.size > 0) {
        size_t n = lg_utf8_length(text);

        if (n == 0)
            lg_buf_append_str(out, "\xef\xbf\xbd");
        else
            lg_buf_append(out, text.data, n);
        text = lg_slice_skip(text, LG_MAX(n, (size_t)1));
    }
}

void lg_json_set_str(struct lg_json *object, const char *key, const char *s)
{
    LG_SCOPED(lg_buf) repaired = {0};
    struct lg_json *value;

    if (s == NULL) {
        lg_json_set(object, key, lg_json_new_null());
        return;
    }
    value = lg_json_new_string(lg_slice_str(s));
    if (value == NULL) {
        append_repaired(&repaired, lg_slice_str(s));
        value = lg_json_new_string(lg_buf_slice(&repaired));
    }
    lg_json_set(object, key, value);
}

void lg_json_set_int(struct lg_json *object, const char *key, int64_t v)
{
    lg_json_set(object, key, lg_json_new_int(v));
}

void lg_json_set_bool(struct lg_json *object, const char *key, bool v)
{
    lg_json_set(object, key, lg_json_new_bool(v));
}

/* --- Writing ---------------------------------------------------------------------------------- */
static void write_escaped(struct lg_buf *out, uint8_t c)
{
    static const char escapes[] = "\"\"\\\\\bb\ff\nn\rr\tt"; /* Pairs: byte, letter. */

    for (size_t i = 0; i + 1 < sizeof(escapes); i += 2) {
        if ((uint8_t)escapes[i] == c) {
            lg_buf_append_byte(out, '\\');
            lg_buf_append_byte(out, (uint8_t)escapes[i + 1]);
            return;
        }
    }
    lg_buf_appendf(out, "\\u%04x", c);
}

void lg_json_write_string(struct lg_buf *out, struct lg_slice text)
{
    size_t plain = 0; /* Bytes at the front that stand for themselves. */

    lg_buf_append_byte(out, '"');
    while (plain < text.size) {
        uint8_t c = text.data[plain];
        size_t n = c < 0x80 ? 1 : lg_utf8_length(lg_slice_skip(text, plain));

        if (n > 0 && c >= ' ' && c != '"' && c != '\\') {
            plain += n;
            continue;
        }
        lg_buf_append(out, text.data, plain);
        if (n == 0)
            lg_buf_append_str(out, "\xef\xbf\xbd");
        else
            write_escaped(out, c);
        text = lg_slice_skip(text, plain + 1);
        plain = 0;
    }
    lg_buf_append_slice(out, text);
    lg_buf_append_byte(out, '"');
}

/* Any decimal of up to 15 digits survives the way through a double, so %.15g prints the shortest
 * one if there is one; of 17 digits every double survives. Only subnormal numbers carry fewer. */
void lg_json_write_real(struct lg_buf *out, double v)
{
    int precision = fabs(v) < DBL_MIN ? 1 : 15;
    char text[40];

    assert(isfinite(v));
    for (; precision <= 17; precision++) {
        snprintf(text, sizeof(text), "%.*g", precision, v);
        if (strtod(text, NULL) == v)
            break;
    }
    lg_buf_append_str(out, text);
    if (strpbrk(text, ".e") == NULL)
        lg_buf_append_str(out, ".0"); /* Or it would read back as an integer. */
}

static void new_line(struct lg_buf *out, bool pretty, int depth)
{
    if (pretty)
        lg_buf_appendf(out, "\n%*s", depth * INDENT, "");
}

/* The depth of a value that was read is bounded by jansson's parser (2048 levels). */
static void write_value(struct lg_buf *out, const struct lg_json *j, bool pretty, int depth);

static void write_array(struct lg_buf *out, const struct lg_json *j, bool pretty, int depth)
{
    lg_buf_append_byte(out, '[');
    for (size_t i = 0; i < lg_json_size(j); i++) {
        if (i > 0)
            lg_buf_append_byte(out, ',');
        new_line(out, pretty, depth + 1);
        write_value(out, lg_json_at(j, i), pretty, depth + 1);
    }
    if (lg_json_size(j) > 0)
        new_line(out, pretty, depth);
    lg_buf_append_byte(out, ']');
}

static void write_object(struct lg_buf *out, const struct lg_json *j, bool pretty, int depth)
{
    bool is_first = true;
    struct lg_json *value;
    const char *key;
    size_t i = 0;

    lg_buf_append_byte(out, '{');
    while (lg_json_next(j, &i, &key, &value)) {
        if (!is_first)
            lg_buf_append_byte(out, ',');
        is_first = false;
        new_line(out, pretty, depth + 1);
        lg_json_write_string(out, lg_slice_str(key));
        lg_buf_append_str(out, pretty ? ": " : ":");
        write_value(out, value, pretty, depth + 1);
    }
    if (!is_first)
        new_line(out, pretty, depth);
    lg_buf_append_byte(out, '}');
}

static void write_value(struct lg_buf *out, const struct lg_json *j, bool pretty, int depth)
{
    switch (lg_json_type(j)) {
    case LG_JSON_NULL:
        lg_buf_append_str(out, "null");
        return;
    case LG_JSON_BOOL:
        lg_buf_append_str(out, lg_json_bool(j) ? "true" : "false");
        return;
    case LG_JSON_INT:
        lg_buf_appendf(out, "%lld", (long long)lg_json_int(j));
        return;
    case LG_JSON_REAL:
        lg_json_write_real(out, lg_json_real(j));
        return;
    case LG_JSON_STRING:
        lg_json_write_string(out, lg_json_string(j));
        return;
    case LG_JSON_ARRAY:
        write_array(out, j, pretty, depth);
        return;
    case LG_JSON_OBJECT:
        write_object(out, j, pretty, depth);
        return;
    }
}

void lg_json_write(struct lg_buf *out, const struct lg_json *j, bool pretty)
{
    write_value(out, j, pretty, 0);
}
