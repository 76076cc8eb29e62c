/* Options from text. Stateless.
 *
 * "All or nothing" takes two passes over the same text: the first only checks, the second cannot
 * fail any more.
 *
 * What people read about options is in option_explain.c.
 */
#include "base/option.h"

#include "base/str.h"

struct unit {
    const char *name;
    uint64_t factor;
};

/* Rising; each divides the next. */
static const struct unit durations[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
static const struct unit sizes[] = {{"B", 1},
                                    {"KiB", (uint64_t)1 << 10},
                                    {"MiB", (uint64_t)1 << 20},
                                    {"GiB", (uint64_t)1 << 30},
                                    {"TiB", (uint64_t)1 << 40}};
_Static_assert(LG_ARRAY_SIZE(durations) == LG_ARRAY_SIZE(sizes), "units_of gives no count");

/* What separates the words of a name: whoever writes one may take either. */
static char plain(char c)
{
    return c == '-' || c == '.' ? '_' : c;
}

static bool has_suffix(const char *name, const char *suffix)
{
    size_t n = strlen(name), k = strlen(suffix);

    for (size_t i = 0; n >= k && i < k; i++)
        if (plain(name[n - k + i]) != suffix[i])
            return false;
    return n >= k;
}

/* Names that end in their unit, and what one of it is. */
static const struct bare {
    const char *suffix, *expected, *shown;
    uint64_t factor;
} bare_durations[] =
    {{"_ms", "a number of milliseconds without a unit", "milliseconds, without a unit", 1},
     {"_millis", "a number of milliseconds without a unit", "milliseconds, without a unit", 1},
     {"_seconds", "a number of seconds without a unit", "seconds, without a unit", 1000},
     {"_minutes", "a number of minutes without a unit", "minutes, without a unit", 60000},
     {"_hours", "a number of hours without a unit", "hours, without a unit", 3600000}},
  bare_sizes[] = {{"_bytes", "a number of bytes without a unit", "bytes, without a unit", 1}};

/* NULL: its name does not end in a unit. */
static const struct bare *bare_of(const struct lg_option *o)
{
    if (o->type == LG_OPTION_size)
        return has_suffix(o->name, bare_sizes[0].suffix) ? &bare_sizes[0] : NULL;
    for (size_t i = 0; o->type == LG_OPTION_duration && i < LG_ARRAY_SIZE(bare_durations); i++)
        if (has_suffix(o->name, bare_durations[i].suffix))
            return &bare_durations[i];
    return NULL;
}

/* NULL: the option takes bare numbers. */
static const struct unit *units_of(const struct lg_option *o)
{
    if (bare_of(o) != NULL)
        return NULL;
    return o->type == LG_OPTION_duration ? durations : o->type == LG_OPTION_size ? sizes : NULL;
}

static void *field_of(const struct lg_option *o, void *values)
{
    return (char *)values + o->offset;
}

static uint64_t number_of(const struct lg_option *o, const void *values)
{
    const void *field = (const char *)values + o->offset;

    if (o->type == LG_OPTION_boolean)
        return *(const bool *)field;
    if (o->type == LG_OPTION_u32)
        return *(const uint32_t *)field;
    return *(const uint64_t *)field;
}

static void set_number(const struct lg_option *o, void *values, uint64_t v)
{
    if (o->type == LG_OPTION_boolean)
        *(bool *)field_of(o, values) = v != 0;
    else if (o->type == LG_OPTION_u32)
        *(uint32_t *)field_of(o, values) = (uint32_t)v;
    else
        *(uint64_t *)field_of(o, values) = v;
}

/* Takes the largest unit that leaves no remainder. */
static void format_number(struct lg_buf *out, const struct lg_option *o, uint64_t v)
{
    const struct unit *units = units_of(o);
    const struct bare *bare = bare_of(o);
    size_t best = 0;

    if (o->type == LG_OPTION_boolean) {
        lg_buf_append_str(out, v != 0 ? "true" : "false");
        return;
    }
    for (size_t i = 1; units != NULL && v != 0 && i < LG_ARRAY_SIZE(sizes); i++) {
        if (v % units[i].factor == 0)
            best = i;
    }
    lg_buf_appendf(out, "%llu%s",
                   (unsigned long long)(bare != NULL    ? v / bare->factor
                                        : units == NULL ? v
                                                        : v / units[best].factor),
                   units == NULL ? "" : units[best].name);
}

void lg_options_init(const struct lg_option_table *table, void *values)
{
    assert(table->n <= LG_OPTION_ROWS_MAX);
    for (size_t i = 0; i < table->n; i++) {
        const struct lg_option *o = &table->rows[i];

        assert(o->type != LG_OPTION_u32 || o->max <= UINT32_MAX);
        if (o->type == LG_OPTION_str)
            *(char **)field_of(o, values) = o->text == NULL ? NULL : lg_strdup(o->text);
        else
            set_number(o, values, o->number);
    }
}

void lg_options_done(const struct lg_option_table *table, void *values)
{
    for (size_t i = 0; i < table->n; i++) {
        if (table->rows[i].type == LG_OPTION_str) {
            char **field = field_of(&table->rows[i], values);

            lg_free(*field);
            *field = NULL;
        }
    }
}

/* --- Finding ---------------------------------------------------------------------------------- */
/* The only places where an option's name and the one given may differ are dashes and dots. */
static bool same_name(const char *name, struct lg_slice given)
{
    for (size_t i = 0; i < given.size; i++) {
        if (name[i] == '\0' || plain(name[i]) != plain((char)given.data[i]))
            return false;
    }
    return name[given.size] == '\0';
}

static const struct lg_option *find(const struct lg_option_table *table, struct lg_slice name)
{
    for (size_t i = 0; i < table->n; i++) {
        if (same_name(table->rows[i].name, name))
            return &table->rows[i];
    }
    return NULL;
}

const struct lg_option *lg_option_find(const struct lg_option_table *table, const char *name)
{
    return find(table, lg_slice_str(name));
}

/* The row whose name is most like this one, or NULL. */
static const struct lg_option *nearest_row(const struct lg_option_table *table, char *word)
{
    char *names[LG_OPTION_ROWS_MAX];
    const char *nearest;
    const struct lg_option *row = NULL;

    for (char *c = word; *c != '\0'; c++)
        *c = plain(*c);
    for (size_t i = 0; i < table->n; i++) {
        names[i] = lg_strdup(table->rows[i].name);
        for (char *c = names[i]; *c != '\0'; c++)
            *c = plain(*c);
    }
    nearest = lg_nearest(word, (const char *const *)names, table->n);
    for (size_t i = 0; i < table->n; i++) {
        row = names[i] == nearest ? &table->rows[i] : row;
        lg_free(names[i]);
    }
    return row;
}

/* `prefix` is "--" for a flag, whose suggestion is then spelt with dashes. */
static enum lg_rc unknown(const struct lg_option_table *table, const char *prefix,
                          struct lg_slice name, struct lg_error *err)
{
    LG_AUTO_STR char *word = lg_strndup((const char *)name.data, name.size);
    LG_SCOPED(lg_buf) shown = {0};
    const struct lg_option *nearest;

    if (table->owners != NULL && table->owners(&shown, name))
        return lg_error_set(err, LG_ERR_INVALID,
                            "unknown option '%s%.*s': it goes with %.*s; --help lists those that "
                            "go here",
                            prefix, (int)LG_MIN(name.size, (size_t)100), (const char *)name.data,
                            LG_FMT(lg_buf_slice(&shown)));
    nearest = nearest_row(table, word);
    if (nearest == NULL)
        return lg_error_set(err, LG_ERR_INVALID, "unknown option '%s%.*s'; --help lists all",
                            prefix, (int)LG_MIN(name.size, (size_t)100), (const char *)name.data);
    if (*prefix == '\0')
        lg_buf_append_str(&shown, nearest->name);
    else
        lg_option_append_flag(&shown, nearest);
    return lg_error_set(err, LG_ERR_INVALID, "unknown option '%s%.*s'; did you mean '%s%.*s'?",
                        prefix, (int)LG_MIN(name.size, (size_t)100), (const char *)name.data,
                        prefix, LG_FMT(lg_buf_slice(&shown)));
}

/* Where values go: `values` NULL only checks. */
struct target {
    const struct lg_option_table *table;
    void *values;
    unsigned char *origins; /* May be NULL. */
    enum lg_option_origin origin;
};

/* --- Reading values --------------------------------------------------------------------------- */
/* LG_ERR_INVALID with what was expected; `text` is shown up to a sane length. */
static enum lg_rc not_a(const struct lg_option *o, struct lg_slice text, const char *expected,
                        struct lg_error *err)
{
    return lg_error_set(err, LG_ERR_INVALID, "%s: '%.*s' is not %s", o->name,
                        (int)LG_MIN(text.size, (size_t)100), (const char *)text.data, expected);
}

static enum lg_rc out_of_range(const struct lg_option *o, struct lg_slice text,
                               struct lg_error *err)
{
    LG_SCOPED(lg_buf) range = {0};

    if (o->type == LG_OPTION_str) {
        return lg_error_set(err, LG_ERR_INVALID,
                            "%s: a text of %zu bytes is out of range (%llu to %llu bytes)", o->name,
                            text.size, (unsigned long long)o->min, (unsigned long long)o->max);
    }
    format_number(&range, o, o->min);
    lg_buf_append_str(&range, " to ");
    format_number(&range, o, o->max);
    return lg_error_set(err, LG_ERR_INVALID, "%s: %.*s is out of range (%.*s)", o->name,
                        (int)LG_MIN(text.size, (size_t)100), (const char *)text.data,
                        LG_FMT(lg_buf_slice(&range)));
}

/* A number whose product with its unit is over 64 bits is a number, but out of range. */
static enum lg_rc read_with_unit(const struct lg_option *o, struct lg_slice text, uint64_t *out,
                                 struct lg_error *err)
{
    const struct unit *units = units_of(o);
    struct lg_slice unit = text, digits;
    uint64_t v;

    while (unit.size > 0 && unit.data[0] >= '0' && unit.data[0] <= '9')
        unit = lg_slice_skip(unit, 1);
    digits = lg_slice(text.data, text.size - unit.size);
    if (digits.size > 0) {
        for (size_t i = 0; i < LG_ARRAY_SIZE(sizes); i++) {
            if (!lg_slice_eq_str(unit, units[i].name))
                continue;
            if (!lg_parse_u64(digits, UINT64_MAX, &v) ||
                __builtin_mul_overflow(v, units[i].factor, &v))
                return out_of_range(o, text, err);
            *out = v;
            return LG_OK;
        }
    }
    return not_a(o, text,
                 units == durations ? "a time with a unit: ms, s, m, h or d, as in 30s"
                                    : "a size with a unit: B, KiB, MiB, GiB or TiB, as in 64MiB",
                 err);
}

static bool all_digits(struct lg_slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    }
    return text.size > 0;
}

static const char *bare_number(const struct lg_option *o)
{
    const struct bare *bare = bare_of(o);

    return bare == NULL ? "a whole number" : bare->expected;
}

static enum lg_rc read_number(const struct lg_option *o, struct lg_slice text, uint64_t *out,
                              struct lg_error *err)
{
    uint64_t v;
    enum lg_rc rc;

    if (o->type == LG_OPTION_boolean) {
        if (!lg_slice_eq_str(text, "true") && !lg_slice_eq_str(text, "false"))
            return not_a(o, text, "true or false", err);
        *out = lg_slice_eq_str(text, "true");
        return LG_OK;
    }
    if (units_of(o) != NULL) {
        rc = read_with_unit(o, text, &v, err);
        if (rc != LG_OK)
            return rc;
    } else {
        if (!all_digits(text))
            return not_a(o, text, bare_number(o), err);
        if (!lg_parse_u64(text, UINT64_MAX, &v) ||
            (bare_of(o) != NULL && __builtin_mul_overflow(v, bare_of(o)->factor, &v)))
            return out_of_range(o, text, err);
    }
    if (v < o->min || v > o->max)
        return out_of_range(o, text, err);
    *out = v;
    return LG_OK;
}

static enum lg_rc check_text(const struct lg_option_table *table, const struct lg_option *o,
                             struct lg_slice text, struct lg_error *err)
{
    enum lg_rc rc;

    if (text.size < o->min || text.size > o->max)
        return out_of_range(o, text, err);
    if (text.size > 0 && memchr(text.data, 0, text.size) != NULL)
        return lg_error_set(err, LG_ERR_INVALID, "%s: the text holds a NUL byte", o->name);
    if (table->check_text == NULL)
        return LG_OK;
    rc = table->check_text(o, text, err);
    return rc == LG_OK ? LG_OK : lg_error_wrap(err, "%s", o->name);
}

static enum lg_rc assign(const struct target *t, const struct lg_option *o, struct lg_slice text,
                         struct lg_error *err)
{
    uint64_t v = 0;
    enum lg_rc rc;

    if (o->type == LG_OPTION_str) {
        rc = check_text(t->table, o, text, err);
        if (rc == LG_OK && t->values != NULL) {
            char **field = field_of(o, t->values);

            lg_free(*field);
            *field = lg_strndup((const char *)text.data, text.size);
        }
    } else {
        rc = read_number(o, text, &v, err);
        if (rc == LG_OK && t->values != NULL)
            set_number(o, t->values, v);
    }
    if (rc == LG_OK && t->origins != NULL)
        t->origins[o - t->table->rows] = (unsigned char)t->origin;
    return rc;
}

enum lg_rc lg_option_set(const struct lg_option_table *table, void *values, const char *name,
                         struct lg_slice text, struct lg_error *err)
{
    const struct lg_option *o = lg_option_find(table, name);

    if (o == NULL)
        return unknown(table, "", lg_slice_str(name), err);
    return assign(&(struct target){.table = table, .values = values}, o, text, err);
}

/* --- Files ------------------------------------------------------------------------------------ */
static struct lg_slice trim(struct lg_slice s)
{
    while (s.size > 0 && (s.data[0] == ' ' || s.data[0] == '\t'))
        s = lg_slice_skip(s, 1);
    while (s.size > 0 &&
           (s.data[s.size - 1] == ' ' || s.data[s.size - 1] == '\t' || s.data[s.size - 1] == '\r'))
        s.size--;
    return s;
}

static bool is_blank(struct lg_slice line)
{
    line = trim(line);
    return line.size == 0 || line.data[0] == '#';
}

/* Cuts the next line off. */
static struct lg_slice next_line(struct lg_slice *text)
{
    const uint8_t *end = memchr(text->data, '\n', text->size);
    struct lg_slice line =
        lg_slice(text->data, end == NULL ? text->size : (size_t)(end - text->data));

    *text = lg_slice_skip(*text, LG_MIN(line.size + 1, text->size));
    return line;
}

/* `given` has the line on which each row was given, 0 for none. */
static enum lg_rc parse_line(const struct target *t, struct lg_slice line, size_t number,
                             size_t *given, struct lg_error *err)
{
    const uint8_t *equals;
    const struct lg_option *o;
    struct lg_slice key;

    line = trim(line);
    if (is_blank(line))
        return LG_OK;
    equals = memchr(line.data, '=', line.size);
    if (equals == NULL)
        return lg_error_set(err, LG_ERR_INVALID, "expected 'key = value', found '%.*s'",
                            (int)LG_MIN(line.size, (size_t)100), (const char *)line.data);
    key = trim(lg_slice(line.data, (size_t)(equals - line.data)));
    o = find(t->table, key);
    if (o == NULL)
        return unknown(t->table, "", key, err);
    if (given[o - t->table->rows] != 0)
        return lg_error_set(err, LG_ERR_INVALID, "%s is given twice, first on line %zu", o->name,
                            given[o - t->table->rows]);
    given[o - t->table->rows] = number;
    return assign(t, o, trim(lg_slice_skip(line, (size_t)(equals - line.data) + 1)), err);
}

static enum lg_rc parse_lines(const struct target *t, struct lg_slice text, const char *where,
                              struct lg_error *err)
{
    size_t given[LG_OPTION_ROWS_MAX] = {0};

    for (size_t number = 1; text.size > 0; number++) {
        enum lg_rc rc = parse_line(t, next_line(&text), number, given, err);

        if (rc != LG_OK && err != NULL)
            return lg_error_wrap(err, "%s:%zu", where, number);
        if (rc != LG_OK)
            return rc;
    }
    return LG_OK;
}

static enum lg_rc check_size(struct lg_slice text, const char *where, struct lg_error *err)
{
    if (text.size > LG_OPTION_FILE_BYTES_MAX)
        return lg_error_set(err, LG_ERR_TOO_LARGE, "%s: %zu bytes are over the limit of %zu", where,
                            text.size, LG_OPTION_FILE_BYTES_MAX);
    return LG_OK;
}

enum lg_rc lg_options_parse_file(const struct lg_option_table *table, void *values,
                                 struct lg_slice text, const char *where, struct lg_error *err)
{
    struct target t = {.table = table, .origin = LG_OPTION_BY_FILE};
    enum lg_rc rc = check_size(text, where, err);

    if (rc == LG_OK)
        rc = parse_lines(&t, text, where, err);
    t.values = values;
    return rc == LG_OK ? parse_lines(&t, text, where, err) : rc;
}

size_t lg_options_check_file(const struct lg_option_table *table, struct lg_slice text,
                             const char *where, struct lg_buf *out)
{
    struct target t = {.table = table};
    size_t given[LG_OPTION_ROWS_MAX] = {0}, faults = 0;
    struct lg_error err = {0};

    if (check_size(text, where, &err) != LG_OK) {
        lg_buf_appendf(out, "%s\n", err.text);
        return 1;
    }
    for (size_t number = 1; text.size > 0; number++) {
        if (parse_line(&t, next_line(&text), number, given, &err) != LG_OK) {
            lg_buf_appendf(out, "%s:%zu: %s\n", where, number, err.text);
            faults++;
        }
    }
    return faults;
}

size_t lg_option_line(const struct lg_option_table *table, const struct lg_option *option,
                      struct lg_slice text)
{
    for (size_t number = 1; text.size > 0; number++) {
        struct lg_slice line = trim(next_line(&text));
        const uint8_t *equals = memchr(line.data, '=', line.size);

        if (!is_blank(line) && equals != NULL &&
            find(table, trim(lg_slice(line.data, (size_t)(equals - line.data)))) == option)
            return number;
    }
    return 0;
}

/* --- Environment ------------------------------------------------------------------------------ */
/* The name of "LAGOON_HTTP_PORT=1" in small letters ("http_port") and the value, or false. */
static bool split_variable(const char *prefix, const char *variable, char *name, size_t room,
                           const char **out_value)
{
    const char *equals = strchr(variable, '=');
    size_t skip = strlen(prefix), n;

    if (equals == NULL || strncmp(variable, prefix, skip) != 0)
        return false;
    n = (size_t)(equals - variable) - skip;
    if (n == 0 || n >= room)
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = variable[skip + i];

        if (c >= 'a' && c <= 'z')
            return false; /* Variables are written in capitals. */
        name[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    name[n] = '\0';
    *out_value = equals + 1;
    return true;
}

static enum lg_rc parse_environment(const struct target *t, const char *const *environment,
                                    const char *prefix, struct lg_error *err)
{
    for (size_t i = 0; environment != NULL && environment[i] != NULL; i++) {
        char name[64];
        const char *value;
        const struct lg_option *o;

        if (!split_variable(prefix, environment[i], name, sizeof name, &value))
            continue;
        o = lg_option_find(t->table, name);
        if (o != NULL && assign(t, o, lg_slice_str(value), err) != LG_OK)
            return lg_error_wrap(err, "environment variable %.*s",
                                 (int)(value - environment[i]) - 1, environment[i]);
    }
    return LG_OK;
}

const struct lg_option *lg_option_unknown_variable(const struct lg_option_table *table,
                                                   const char *prefix, const char *variable)
{
    const char *value;
    char name[64];

    if (!split_variable(prefix, variable, name, sizeof name, &value) ||
        lg_option_find(table, name) != NULL)
        return NULL;
    return nearest_row(table, name);
}

/* --- Flags ------------------------------------------------------------------------------------ */
static bool is_truth(const char *word)
{
    return strcmp(word, "true") == 0 || strcmp(word, "false") == 0;
}

/* Reads argv[*at] and, if it is there and not after '=', its value; moves *at behind them. */
static enum lg_rc parse_flag(const struct target *t, int argc, char *const *argv, int *at,
                             struct lg_error *err)
{
    const char *arg = argv[(*at)++], *equals;
    const struct lg_option *o;
    struct lg_slice name;

    if (strncmp(arg, "--", 2) != 0 || arg[2] == '\0')
        return lg_error_set(err, LG_ERR_INVALID,
                            "unexpected argument '%.100s'; options begin "
                            "with --",
                            arg);
    equals = strchr(arg, '=');
    name = equals == NULL ? lg_slice_str(arg + 2) : lg_slice(arg + 2, (size_t)(equals - arg) - 2);
    o = find(t->table, name);
    if (o == NULL)
        return unknown(t->table, "--", name, err);
    if (equals != NULL)
        return assign(t, o, lg_slice_str(equals + 1), err);
    if (o->type == LG_OPTION_boolean && *at < argc && is_truth(argv[*at]))
        return lg_error_set(err, LG_ERR_INVALID, "--%.*s takes its value behind `=`: --%.*s=%s",
                            LG_FMT(name), LG_FMT(name), argv[*at]);
    if (o->type == LG_OPTION_boolean)
        return assign(t, o, LG_LIT("true"), err);
    if (*at == argc || strncmp(argv[*at], "--", 2) == 0)
        return lg_error_set(err, LG_ERR_INVALID, "--%.*s needs a value", LG_FMT(name));
    return assign(t, o, lg_slice_str(argv[(*at)++]), err);
}

static enum lg_rc parse_flags(const struct target *t, int argc, char *const *argv,
                              struct lg_error *err)
{
    enum lg_rc rc = LG_OK;
    int at = 0;

    while (rc == LG_OK && at < argc)
        rc = parse_flag(t, argc, argv, &at, err);
    return rc;
}

enum lg_rc lg_options_parse_flags(const struct lg_option_table *table, void *values, int argc,
                                  char *const *argv, struct lg_error *err)
{
    struct target t = {.table = table, .origin = LG_OPTION_BY_FLAG};
    enum lg_rc rc = parse_flags(&t, argc, argv, err);

    t.values = values;
    return rc == LG_OK ? parse_flags(&t, argc, argv, err) : rc;
}

/* --- All layers ------------------------------------------------------------------------------- */
static enum lg_rc parse_layers(struct target *t, const struct lg_option_sources *s,
                               struct lg_error *err)
{
    enum lg_rc rc = LG_OK;

    t->origin = LG_OPTION_BY_FILE;
    if (s->file_name != NULL)
        rc = check_size(s->file, s->file_name, err);
    if (rc == LG_OK && s->file_name != NULL)
        rc = parse_lines(t, s->file, s->file_name, err);
    t->origin = LG_OPTION_BY_ENVIRONMENT;
    if (rc == LG_OK)
        rc = parse_environment(t, s->environment, s->prefix, err);
    t->origin = LG_OPTION_BY_FLAG;
    return rc == LG_OK ? parse_flags(t, s->argc, s->argv, err) : rc;
}

enum lg_rc lg_options_load(const struct lg_option_table *table, void *values,
                           unsigned char *origins, const struct lg_option_sources *sources,
                           struct lg_error *err)
{
    struct target t = {.table = table};
    enum lg_rc rc = parse_layers(&t, sources, err);

    if (rc != LG_OK)
        return rc;
    lg_options_done(table, values);
    lg_options_init(table, values);
    if (origins != NULL)
        memset(origins, LG_OPTION_BY_DEFAULT, table->n);
    t.values = values;
    t.origins = origins;
    return parse_layers(&t, sources, err);
}

/* What a row's value looks like, for comparisons. */
static bool same_value(const struct lg_option *o, const void *a, const void *b)
{
    LG_SCOPED(lg_buf) x = {0}, y = {0};

    lg_option_format(&x, o, a);
    lg_option_format(&y, o, b);
    return lg_slice_eq(lg_buf_slice(&x), lg_buf_slice(&y));
}

size_t lg_options_apply_live(const struct lg_option_table *table, void *values, void *from,
                             struct lg_buf *out_changed, struct lg_buf *out_waiting)
{
    size_t changed = 0;

    for (size_t i = 0; i < table->n; i++) {
        const struct lg_option *o = &table->rows[i];
        struct lg_buf *names = o->when == LG_OPTION_LIVE ? out_changed : out_waiting;

        if (same_value(o, values, from))
            continue;
        lg_buf_appendf(names, "%s%s", names->size > 0 ? " " : "", o->name);
        if (o->when != LG_OPTION_LIVE)
            continue;
        changed++;
        if (o->type == LG_OPTION_str) {
            char **mine = field_of(o, values), **theirs = field_of(o, from), *kept = *mine;

            *mine = *theirs;
            *theirs = kept; /* Freed with the rest of `from`. */
        } else {
            uint64_t kept = number_of(o, values);

            set_number(o, values, number_of(o, from));
            set_number(o, from, kept);
        }
    }
    return changed;
}

/* --- Showing ---------------------------------------------------------------------------------- */
void lg_option_format(struct lg_buf *out, const struct lg_option *option, const void *values)
{
    if (option->type == LG_OPTION_str) {
        const char *text = *(char *const *)(const void *)((const char *)values + option->offset);

        if (text != NULL)
            lg_buf_append_str(out, text);
    } else {
        format_number(out, option, number_of(option, values));
    }
}

const char *lg_option_origin_name(enum lg_option_origin origin)
{
    static const char *const names[] = {"default", "file", "environment", "flag"};

    return names[origin];
}

bool lg_option_is_secret(const struct lg_option *option)
{
    return has_suffix(option->name, "_secret") || has_suffix(option->name, "_password") ||
           has_suffix(option->name, "_token");
}

void lg_option_append_flag(struct lg_buf *out, const struct lg_option *option)
{
    for (const char *c = option->name; *c != '\0'; c++)
        lg_buf_append_byte(out, (uint8_t)(plain(*c) == '_' ? '-' : *c));
}

const char *lg_option_type_text(const struct lg_option *o)
{
    switch (o->type) {
    case LG_OPTION_boolean:
        return "true or false";
    case LG_OPTION_duration:
        return bare_of(o) != NULL ? bare_of(o)->shown : "a time with a unit: ms, s, m, h or d";
    case LG_OPTION_size:
        return bare_of(o) != NULL ? bare_of(o)->shown
                                  : "a size with a unit: B, KiB, MiB, GiB or TiB";
    case LG_OPTION_str:
        return "text";
    default:
        return "a whole number";
    }
}

void lg_option_format_default(struct lg_buf *out, const struct lg_option *o)
{
    if (o->type != LG_OPTION_str)
        format_number(out, o, o->number);
    else if (o->text != NULL)
        lg_buf_append_str(out, o->text);
}

void lg_option_format_range(struct lg_buf *out, const struct lg_option *o)
{
    if (o->type == LG_OPTION_boolean)
        return;
    if (o->type == LG_OPTION_str) {
        lg_buf_appendf(out, "%llu to %llu bytes", (unsigned long long)o->min,
                       (unsigned long long)o->max);
        return;
    }
    format_number(out, o, o->min);
    lg_buf_append_str(out, " to ");
    format_number(out, o, o->max);
}

static void append_limits(struct lg_buf *out, const struct lg_option *o)
{
    if (o->type == LG_OPTION_str && o->text == NULL)
        return;
    lg_buf_append_str(out, o->type == LG_OPTION_str ? "  (default '" : "  (default ");
    lg_option_format_default(out, o);
    if (o->type != LG_OPTION_str && o->type != LG_OPTION_boolean) {
        lg_buf_append_str(out, ", ");
        lg_option_format_range(out, o);
    }
    lg_buf_append_str(out, o->type == LG_OPTION_str ? "')" : ")");
}

void lg_options_help(struct lg_buf *out, const struct lg_option_table *table)
{
    static const char *const words[] = {
        [LG_OPTION_boolean] = "",       [LG_OPTION_u32] = " N",     [LG_OPTION_u64] = " N",
        [LG_OPTION_duration] = " TIME", [LG_OPTION_size] = " SIZE", [LG_OPTION_str] = " TEXT"};

    for (size_t i = 0; i < table->n; i++) {
        const struct lg_option *o = &table->rows[i];

        lg_buf_append_str(out, "  --");
        lg_option_append_flag(out, o);
        lg_buf_append_str(out, words[o->type]);
        append_limits(out, o);
        lg_buf_appendf(out, "\n      %s\n", o->help);
    }
}
