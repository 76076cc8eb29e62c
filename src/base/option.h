/* The engine behind tables of options (ADR 0008): one row gives the field, the parser, the range
 * check and the help. Stateless; a struct of values belongs to whoever declares it.
 *
 *   X(name, type, default, min, max, when, help)                               some/options.def
 *   X(http_port, u32, 7777, 0, 65535, START, "Port of the front end; 0 picks a free one.")
 *
 *   type     C type       text
 *   boolean  bool         true or false; as a flag also alone
 *   u32      uint32_t     a decimal number
 *   u64      uint64_t     a decimal number
 *   duration uint64_t ms  a number and a unit: 500ms 30s 10m 2h 7d; bare when the name ends in _ms
 *   size     uint64_t     a number and a unit: 64B 4KiB 16MiB 1GiB; bare when it ends in _bytes
 *   str      char *       text without NUL, owned by the struct; min and max bound its bytes
 *
 * when   START: needs a restart. LIVE: may change while the program runs.
 *
 * The user of a table writes:
 *
 *   struct foo_options {
 *   #define X LG_OPTION_FIELD
 *   #include "foo/options.def"
 *   #undef X
 *   };
 *   static const struct lg_option rows[] = {
 *   #define X(...) LG_OPTION_ROW(struct foo_options, __VA_ARGS__)
 *   #include "foo/options.def"
 *   #undef X
 *   };
 *   static const struct lg_option_table table = {rows, LG_ARRAY_SIZE(rows)};
 */
#ifndef LG_BASE_OPTION_H
#define LG_BASE_OPTION_H

#include "base/buf.h"

/* Rows of a table, and bytes of a configuration file. */
#define LG_OPTION_ROWS_MAX ((size_t)256)
#define LG_OPTION_FILE_BYTES_MAX ((size_t)1 << 20)

enum lg_option_type {
    LG_OPTION_boolean,
    LG_OPTION_u32,
    LG_OPTION_u64,
    LG_OPTION_duration,
    LG_OPTION_size,
    LG_OPTION_str
};
enum lg_option_when { LG_OPTION_START, LG_OPTION_LIVE };

struct lg_option {
    const char *name; /* With underscores; as a flag also with dashes. */
    enum lg_option_type type;
    enum lg_option_when when;
    size_t offset;     /* of the field */
    uint64_t number;   /* default, unless str */
    const char *text;  /* default of a str; NULL: the option is not set */
    uint64_t min, max; /* inclusive */
    const char *help;  /* One sentence. */
};
struct lg_option_table {
    const struct lg_option *rows;
    size_t n;
};

#define LG_OPTION_C_boolean bool
#define LG_OPTION_C_u32 uint32_t
#define LG_OPTION_C_u64 uint64_t
#define LG_OPTION_C_duration uint64_t
#define LG_OPTION_C_size uint64_t
#define LG_OPTION_C_str char *
#define LG_OPTION_DEFAULT_boolean(v) .number = (v)
#define LG_OPTION_DEFAULT_u32(v) .number = (v)
#define LG_OPTION_DEFAULT_u64(v) .number = (v)
#define LG_OPTION_DEFAULT_duration(v) .number = (v)
#define LG_OPTION_DEFAULT_size(v) .number = (v)
#define LG_OPTION_DEFAULT_str(v) .text = (v)

#define LG_OPTION_FIELD(name_, type_, default_, min_, max_, when_, help_) LG_OPTION_C_##type_ name_;
#define LG_OPTION_ROW(struct_, ...) LG_OPTION_ROW_(struct_, __VA_ARGS__)
#define LG_OPTION_ROW_(struct_, name_, type_, default_, min_, max_, when_, help_)                  \
    {.name = #name_,                                                                               \
     .type = LG_OPTION_##type_,                                                                    \
     .when = LG_OPTION_##when_,                                                                    \
     .offset = offsetof(struct_, name_),                                                           \
     LG_OPTION_DEFAULT_##type_(default_),                                                          \
     .min = (min_),                                                                                \
     .max = (max_),                                                                                \
     .help = (help_)},

/* Sets every field to its default. `values` is the struct whose offsets the rows hold. */
void lg_options_init(const struct lg_option_table *table, void *values);
/* Frees the strings. */
void lg_options_done(const struct lg_option_table *table, void *values);

/* The row of that name ('-' and '_' are the same), or NULL. */
const struct lg_option *lg_option_find(const struct lg_option_table *table, const char *name);

/* Sets one option from its text. LG_ERR_INVALID: no such option (the sentence gives the nearest
 * right one), text of another type, a missing unit, or out of range. */
LG_MUST_CHECK enum lg_rc lg_option_set(const struct lg_option_table *table, void *values,
                                       const char *name, struct lg_slice text,
                                       struct lg_error *err);

/* Lines `key = value`; empty lines and lines that begin with '#' mean nothing; blanks around key
 * and value do not count. All or nothing. `where` names the file in sentences: "lagoon.conf:3:
 * ...". LG_ERR_INVALID as above, also for a key given twice; LG_ERR_TOO_LARGE over
 * LG_OPTION_FILE_BYTES_MAX. */
LG_MUST_CHECK enum lg_rc lg_options_parse_file(const struct lg_option_table *table, void *values,
                                               struct lg_slice text, const char *where,
                                               struct lg_error *err);

/* `--name value`, `--name=value`, and `--name` alone for a boolean. Of a repeated flag the last
 * wins. All or nothing. Anything that is not a flag is refused with LG_ERR_INVALID. A file that a
 * flag names is read between two calls: flags, file, flags again, so that flags win. */
LG_MUST_CHECK enum lg_rc lg_options_parse_flags(const struct lg_option_table *table, void *values,
                                                int argc, char *const *argv, struct lg_error *err);

/* The value's text, as lg_option_set reads it. Of a str that is not set: nothing. */
void lg_option_format(struct lg_buf *out, const struct lg_option *option, const void *values);
/* Two lines a row: the flag with its default and range, then the sentence. */
void lg_options_help(struct lg_buf *out, const struct lg_option_table *table);

#endif
