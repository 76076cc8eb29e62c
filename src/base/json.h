/* JSON values (RFC 8259) over jansson, which only this file's .c includes.
 *
 * 64-bit integers are exact; numbers outside are refused, not rounded. Duplicate keys and invalid
 * UTF-8 are refused. Object members keep their order. Nesting is bounded by the parser.
 * A value is not thread-safe; getters return borrowed values.
 */
#ifndef LG_BASE_JSON_H
#define LG_BASE_JSON_H

#include "base/buf.h"

struct lg_json; /* Reference counted. */

/* jansson's allocator is one per process, and ours unless a library that lives in a foreign process
 * defines this as true: there it belongs to the host. */
extern bool lg_json_leaves_allocator;

enum lg_json_type {
    LG_JSON_NULL,
    LG_JSON_BOOL,
    LG_JSON_INT,
    LG_JSON_REAL,
    LG_JSON_STRING,
    LG_JSON_ARRAY,
    LG_JSON_OBJECT
};

/* Any JSON value, nothing after it. LG_ERR_BAD_DATA with line and column. `*out` is owned. */
LG_MUST_CHECK enum lg_rc lg_json_parse(struct lg_slice text, struct lg_json **out,
                                       struct lg_error *err);
struct lg_json *lg_json_ref(struct lg_json *j);
void lg_json_unref(struct lg_json *j); /* NULL is allowed. */
LG_DEFINE_AUTO(lg_json, lg_json_unref)

/* All of these take NULL, which getters return for what is absent, as a JSON null. */
enum lg_json_type lg_json_type(const struct lg_json *j);
bool lg_json_bool(const struct lg_json *j);              /* false unless true */
int64_t lg_json_int(const struct lg_json *j);            /* 0 unless INT */
double lg_json_real(const struct lg_json *j);            /* of INT or REAL, else 0 */
struct lg_slice lg_json_string(const struct lg_json *j); /* may hold NULs; empty unless STRING */
size_t lg_json_size(const struct lg_json *j);            /* elements or members, else 0 */
struct lg_json *lg_json_at(const struct lg_json *array, size_t i);          /* borrowed or NULL */
struct lg_json *lg_json_get(const struct lg_json *object, const char *key); /* borrowed or NULL */
/* size_t i = 0; const char *key; struct lg_json *value; while (lg_json_next(o, &i, &key, &value))
 */
bool lg_json_next(const struct lg_json *object, size_t *i, const char **key,
                  struct lg_json **value);
/* Members with a default when absent, null or of another type. Strings are borrowed. */
const char *lg_json_get_str(const struct lg_json *object, const char *key, const char *otherwise);
int64_t lg_json_get_int(const struct lg_json *object, const char *key, int64_t otherwise);
/* What stored terms, times and counts may be: larger integers are not the same number for all who
 * read JSON. Nothing that is computed from two of them overflows. */
#define LG_JSON_NUMBER_MAX (INT64_C(1) << 53)
/* An integer within [0, LG_JSON_NUMBER_MAX), `otherwise` when absent, null or of another type;
 * LG_ERR_BAD_DATA names the member and the range. */
LG_MUST_CHECK enum lg_rc lg_json_get_number(const struct lg_json *object, const char *key,
                                            int64_t otherwise, int64_t *out, struct lg_error *err);
bool lg_json_get_bool(const struct lg_json *object, const char *key, bool otherwise);
bool lg_json_equal(const struct lg_json *a, const struct lg_json *b);

/* Makers: the caller owns one reference. Strings must be UTF-8 (else NULL is returned). */
struct lg_json *lg_json_new_null(void);
struct lg_json *lg_json_new_bool(bool v);
struct lg_json *lg_json_new_int(int64_t v);
struct lg_json *lg_json_new_real(double v); /* finite */
struct lg_json *lg_json_new_string(struct lg_slice s);
struct lg_json *lg_json_new_array(void);
struct lg_json *lg_json_new_object(void);
/* Add; the reference to `take_value`, which must not be NULL, moves in. Keys must be UTF-8. A key
 * that is there keeps its place. */
void lg_json_push(struct lg_json *array, struct lg_json *take_value);
void lg_json_set(struct lg_json *object, const char *key, struct lg_json *take_value);
/* NULL gives JSON null; bytes that are not UTF-8 become U+FFFD. */
void lg_json_set_str(struct lg_json *object, const char *key, const char *s);
void lg_json_set_int(struct lg_json *object, const char *key, int64_t v);
void lg_json_set_bool(struct lg_json *object, const char *key, bool v);

/* Compact text, or indented by 2 when `pretty`. Reals print with the fewest digits that read back
 * the same. */
void lg_json_write(struct lg_buf *out, const struct lg_json *j, bool pretty);
/* A quoted, escaped JSON string of text; bytes that are not UTF-8 become U+FFFD. */
void lg_json_write_string(struct lg_buf *out, struct lg_slice text);
/* Shortest decimal that reads back as the same double (finite). */
void lg_json_write_real(struct lg_buf *out, double v);

#endif
