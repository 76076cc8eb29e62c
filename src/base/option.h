/* The engine behind tables of options (ADR 0008): one row gives the field, the parser, the range
 * check and the help. Stateless; a struct of values belongs to whoever declares it.
 *
 *   X(name, type, default, min, max, when, help, more, example)                some/options.def
 *   X(http_port, u32, 7777, 0, 65535, START, "Port of the front end.",
 *     "0 picks a free one, which the log tells.", "7777")
 *
 *   type     C type       text
 *   boolean  bool         true or false; as a flag also alone
 *   u32      uint32_t     a decimal number
 *   u64      uint64_t     a decimal number
 *   duration uint64_t ms  a number and a unit: 500ms 30s 10m 2h 7d; bare when the name ends in one:
 *                         _ms, _millis, _seconds, _minutes, _hours
 *   size     uint64_t     a number and a unit: 64B 4KiB 16MiB 1GiB; bare when it ends in _bytes
 *   str      char *       text without NUL, owned by the struct; min and max bound its bytes
 *
 * when   START: needs a restart. LIVE: may change while the program runs.
 *
 * `more` (what to know before changing it) and `example` (a value) may be left out.
 *
 * A key may differ from its field, as Venice's keys with dots do: LG_OPTION_KEYED_ROW(struct,
 * zookeeper_address, "zookeeper.address", str, ...). Dots, dashes and underscores are the same to
 * whoever writes a name.
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
    const char *name; /* With underscores or dots; as a flag with dashes. */
    enum lg_option_type type;
    enum lg_option_when when;
    size_t offset;     /* of the field */
    uint64_t number;   /* default, unless str */
    const char *text;  /* default of a str; NULL: the option is not set */
    uint64_t min, max; /* inclusive */
    union {
        struct {
            const char *help;    /* One sentence. */
            const char *more;    /* Some more; may be NULL. */
            const char *example; /* A value as it is written; may be NULL. */
        };
        const char *words[3];
    };
};
/* Appends who else has an option of that name: "lagoon router and lagoon push". False: nobody. */
typedef bool (*lg_option_owners)(struct lg_buf *out, struct lg_slice name);

struct lg_option_table {
    const struct lg_option *rows;
    size_t n;
    /* What a text must be beside its length; LG_ERR_INVALID says why it is not. NULL: anything. */
    enum lg_rc (*check_text)(const struct lg_option *option, struct lg_slice text,
                             struct lg_error *err);
    lg_option_owners owners; /* Asked about a name that is no row. NULL: there is nobody else. */
};

/* Where a value comes from; the later wins. */
enum lg_option_origin {
    LG_OPTION_BY_DEFAULT,
    LG_OPTION_BY_FILE,
    LG_OPTION_BY_ENVIRONMENT,
    LG_OPTION_BY_FLAG
};
const char *lg_option_origin_name(enum lg_option_origin origin);

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

#define LG_OPTION_FIELD(name_, type_, ...) LG_OPTION_C_##type_ name_;
#define LG_OPTION_KEYED_FIELD(name_, key_, type_, ...) LG_OPTION_C_##type_ name_;
#define LG_OPTION_ROW(struct_, ...) LG_OPTION_ROW_(struct_, __VA_ARGS__)
#define LG_OPTION_ROW_(struct_, name_, ...)                                                        \
    LG_OPTION_KEYED_ROW_(struct_, name_, #name_, __VA_ARGS__)
#define LG_OPTION_KEYED_ROW(struct_, ...) LG_OPTION_KEYED_ROW_(struct_, __VA_ARGS__)
#define LG_OPTION_KEYED_ROW_(struct_, field_, key_, type_, default_, min_, max_, when_, ...)       \
    {.name = (key_),                                                                               \
     .type = LG_OPTION_##type_,                                                                    \
     .when = LG_OPTION_##when_,                                                                    \
     .offset = offsetof(struct_, field_),                                                          \
     LG_OPTION_DEFAULT_##type_(default_),                                                          \
     .min = (min_),                                                                                \
     .max = (max_),                                                                                \
     .words = {__VA_ARGS__}},

/* Sets every field to its default. `values` is the struct whose offsets the rows hold. */
void lg_options_init(const struct lg_option_table *table, void *values);
/* Frees the strings. */
void lg_options_done(const struct lg_option_table *table, void *values);

/* The row of that name ('-', '_' and '.' are the same), or NULL. */
const struct lg_option *lg_option_find(const struct lg_option_table *table, const char *name);

/* Sets one option from its text. LG_ERR_INVALID: no such option (the sentence says with whom it
 * goes, or gives the nearest right one), text of another type, a missing unit, or out of range. */
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

/* All layers at once. */
struct lg_option_sources {
    struct lg_slice file;
    const char *file_name;          /* for sentences; NULL: no file */
    const char *const *environment; /* "NAME=value", NULL at the end; NULL: none */
    const char *prefix;             /* "LAGOON_": LAGOON_HTTP_PORT is http_port */
    int argc;
    char *const *argv;
};
/* Sets every field anew: its default, then file, environment and flags. All or nothing: on failure
 * `values`, which must have been initialised, are what they were. `origins` has room for a byte per
 * row (an enum lg_option_origin), or is NULL. Variables that are no option are left to others: see
 * lg_option_unknown_variable. */
LG_MUST_CHECK enum lg_rc lg_options_load(const struct lg_option_table *table, void *values,
                                         unsigned char *origins,
                                         const struct lg_option_sources *sources,
                                         struct lg_error *err);
/* Of "PREFIX_NAME=value": the nearest option when NAME is none but looks like a slip of the pen
 * ("LAGOON_LOGLEVEL"), else NULL. */
const struct lg_option *lg_option_unknown_variable(const struct lg_option_table *table,
                                                   const char *prefix, const char *variable);

/* Every fault of a file, one line each: "lagoon.conf:3: ...". Returns how many. */
size_t lg_options_check_file(const struct lg_option_table *table, struct lg_slice text,
                             const char *where, struct lg_buf *out);
/* The line on which the file gives this option; 0: it does not. */
size_t lg_option_line(const struct lg_option_table *table, const struct lg_option *option,
                      struct lg_slice text);

/* Exchanges the values of LIVE rows that differ, so that to do it again undoes it, and appends
 * their names, separated by blanks, to `out_changed`; those of START rows that differ to
 * `out_waiting`. Returns how many LIVE ones changed. */
size_t lg_options_apply_live(const struct lg_option_table *table, void *values, void *from,
                             struct lg_buf *out_changed, struct lg_buf *out_waiting);

/* The value's text, as lg_option_set reads it. Of a str that is not set: nothing. */
void lg_option_format(struct lg_buf *out, const struct lg_option *option, const void *values);
/* Its name as a flag is spelt: "zookeeper-address". */
void lg_option_append_flag(struct lg_buf *out, const struct lg_option *option);
/* Would showing it give something away? By its name: *_secret, *_password, *_token. */
bool lg_option_is_secret(const struct lg_option *option);
/* What a value is: "a time with a unit", "true or false", ... */
const char *lg_option_type_text(const struct lg_option *option);
/* The default, least and largest value; nothing when there is none. */
void lg_option_format_default(struct lg_buf *out, const struct lg_option *option);
void lg_option_format_range(struct lg_buf *out, const struct lg_option *option);
/* A paragraph for people. */
void lg_option_explain(struct lg_buf *out, const struct lg_option *option);
/* A configuration file with every row but those in `but` (NULL at the end), each commented out
 * with its default and explained. */
void lg_options_sample(struct lg_buf *out, const struct lg_option_table *table,
                       const char *const *but);
/* Two lines a row: the flag with its default and range, then the sentence. */
void lg_options_help(struct lg_buf *out, const struct lg_option_table *table);

#endif
