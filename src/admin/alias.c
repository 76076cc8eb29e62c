#include "admin/alias.h"

#include "admin/command.h"
#include "base/str.h"
#include "base/vec.h"

#define NAMES_MAX 256u

const struct lg_alias lg_aliases[] = {
#define X(name, line, settings, help) {name, line, settings, help},
#include "admin/aliases.def"
#undef X
};
const size_t lg_aliases_count = LG_ARRAY_SIZE(lg_aliases);

const struct lg_alias_option lg_alias_options[] = {
#define X(name, letters, takes_value) {name, letters, takes_value},
#include "admin/alias_options.def"
#undef X
};
const size_t lg_alias_options_count = LG_ARRAY_SIZE(lg_alias_options);

_Static_assert(LG_ARRAY_SIZE(lg_aliases) <= NAMES_MAX, "names of a suggestion");
_Static_assert(LG_ARRAY_SIZE(lg_alias_options) <= NAMES_MAX, "names of a suggestion");

/* What was typed: the command, and each option's value ("" for one without; NULL: not given). */
struct typed {
    const struct lg_alias *alias;
    const char *values[LG_ARRAY_SIZE(lg_alias_options)];
    bool used[LG_ARRAY_SIZE(lg_alias_options)];
    bool help;
};

/* --- Reading the line. -------------------------------------------------------------------------
 */

static const struct lg_alias *find_alias(const char *word)
{
    const char *name = strncmp(word, "--", 2) == 0 ? word + 2 : word;

    for (size_t i = 0; *word != '\0' && i < lg_aliases_count; i++)
        if (strcmp(lg_aliases[i].name, name) == 0)
            return &lg_aliases[i];
    return NULL;
}

/* "--store", or "-s"; -1 when there is none. */
static int find_option(const char *word, size_t size)
{
    bool is_long = size > 2 && word[1] == '-';
    const char *name = word + (is_long ? 2 : 1);
    size_t length = size - (is_long ? 2 : 1);

    for (size_t i = 0; i < lg_alias_options_count; i++) {
        const char *have = is_long ? lg_alias_options[i].name : lg_alias_options[i].letters;

        if (length > 0 && strlen(have) == length && memcmp(have, name, length) == 0)
            return (int)i;
    }
    return -1;
}

static int option_named(const char *name, size_t size)
{
    for (size_t i = 0; i < lg_alias_options_count; i++)
        if (strlen(lg_alias_options[i].name) == size &&
            memcmp(lg_alias_options[i].name, name, size) == 0)
            return (int)i;
    return -1;
}

static enum lg_rc unknown_command(const char *word, struct lg_error *err)
{
    const char *names[NAMES_MAX];
    const char *bare = strncmp(word, "--", 2) == 0 ? word + 2 : word, *near;

    for (size_t i = 0; i < lg_aliases_count; i++)
        names[i] = lg_aliases[i].name;
    near = lg_nearest(bare, names, lg_aliases_count);
    return lg_error_set(err, LG_ERR_INVALID,
                        "Venice's admin tool has no command '%.80s'%s%s%s; `lagoon admin --help` "
                        "lists them",
                        word, near == NULL ? "" : "; did you mean '--", near == NULL ? "" : near,
                        near == NULL ? "" : "'?");
}

static enum lg_rc unknown_option(const char *word, struct lg_error *err)
{
    const char *names[NAMES_MAX];
    const char *near;

    for (size_t i = 0; i < lg_alias_options_count; i++)
        names[i] = lg_alias_options[i].name;
    near = strncmp(word, "--", 2) == 0 ? lg_nearest(word + 2, names, lg_alias_options_count) : NULL;
    return lg_error_set(err, LG_ERR_INVALID, "no option '%.80s'%s%s%s", word,
                        near == NULL ? "" : "; did you mean '--", near == NULL ? "" : near,
                        near == NULL ? "" : "'?");
}

static enum lg_rc take_option(struct typed *t, size_t count, const char *const *words, size_t *i,
                              struct lg_error *err)
{
    const char *word = words[*i];
    size_t size = strcspn(word, "=");
    int option = find_option(word, size);

    if (option < 0)
        return unknown_option(word, err);
    if (t->values[option] != NULL)
        return lg_error_set(err, LG_ERR_INVALID, "--%s is given twice",
                            lg_alias_options[option].name);
    if (!lg_alias_options[option].takes_value)
        t->values[option] = "";
    else if (word[size] == '=')
        t->values[option] = word + size + 1;
    else if (*i + 1 < count)
        t->values[option] = words[++*i];
    else
        return lg_error_set(err, LG_ERR_INVALID, "--%s needs a value",
                            lg_alias_options[option].name);
    return LG_OK;
}

/* Said before its options are looked at: that one of them is wrong helps nobody. */
static enum lg_rc not_here(const struct lg_alias *alias, struct lg_error *err)
{
    return lg_error_set(err, LG_ERR_UNSUPPORTED, "not in Lagoon: --%s; %s", alias->name,
                        alias->help);
}

static enum lg_rc read_line(struct typed *t, size_t count, const char *const *words,
                            struct lg_error *err)
{
    enum lg_rc rc = LG_OK;

    for (size_t i = 0; rc == LG_OK && i < count; i++) {
        const struct lg_alias *alias = find_alias(words[i]);

        if (strcmp(words[i], "--help") == 0 || strcmp(words[i], "-h") == 0)
            t->help = true;
        else if (alias != NULL && t->alias != NULL)
            rc = lg_error_set(err, LG_ERR_INVALID, "--%s and --%s are two commands; give one",
                              t->alias->name, alias->name);
        else if (alias != NULL)
            t->alias = alias;
        else if (*words[i] == '-' &&
                 (t->alias != NULL || find_option(words[i], strcspn(words[i], "=")) >= 0))
            rc = take_option(t, count, words, &i, err);
        else if (t->alias == NULL)
            rc = unknown_command(words[i], err);
        else
            rc = lg_error_set(err, LG_ERR_INVALID, "unexpected word '%.80s'", words[i]);
    }
    return rc;
}

/* --- Writing ours. -----------------------------------------------------------------------------
 */

struct line {
    LG_VEC(char *) words;
};

static void add(struct line *line, const char *word)
{
    LG_VEC_PUSH(&line->words, lg_strdup(word));
}

/* The value of an option of the tables; NULL: not given. Marks it as used. */
static const char *value_of(struct typed *t, const char *name, size_t size)
{
    int option = option_named(name, size);

    assert(option >= 0); /* A row of aliases.def names one that alias_options.def has not. */
    t->used[option] = true;
    return t->values[option];
}

/* A "{option}" in a piece of the line; `*out` is NULL when it was not given. False: there is none.
 */
static bool placeholder(struct typed *t, const char *word, size_t size, const char **out,
                        struct lg_slice *out_name)
{
    const char *open = memchr(word, '{', size);
    const char *close = open == NULL ? NULL : memchr(open, '}', size - (size_t)(open - word));

    if (close == NULL)
        return false;
    *out_name = lg_slice(open + 1, (size_t)(close - open) - 1);
    *out = value_of(t, open + 1, (size_t)(close - open) - 1);
    return true;
}

/* The value, behind what stands before its place: "store_name={store}". */
static void add_value(struct line *line, const char *word, const char *value)
{
    LG_AUTO_STR char *all = lg_strf("%.*s%s", (int)strcspn(word, "{"), word, value);

    add(line, all);
}

/* "[--owner {owner}]": all of it, or nothing. */
static void add_group(struct line *line, struct typed *t, const char *group, size_t size)
{
    const char *value = NULL;
    struct lg_slice name;

    if (!placeholder(t, group, size, &value, &name) || value == NULL)
        return;
    if (*group == '-') {
        LG_AUTO_STR char *flag = lg_strndup(group, strcspn(group, " "));

        add(line, flag);
        add(line, value);
    } else {
        add_value(line, group, value);
    }
}

static enum lg_rc add_word(struct line *line, struct typed *t, const char *word, size_t size,
                           struct lg_error *err)
{
    LG_AUTO_STR char *plain = lg_strndup(word, size);
    const char *value;
    struct lg_slice name;

    if (*word == '<') {
        (void)value_of(t, word + 1, size - 2);
    } else if (!placeholder(t, word, size, &value, &name)) {
        add(line, plain);
    } else if (value == NULL) {
        return lg_error_set(err, LG_ERR_INVALID, "--%s needs --%.*s", t->alias->name, LG_FMT(name));
    } else {
        add_value(line, word, value);
    }
    return LG_OK;
}

static enum lg_rc add_line(struct line *line, struct typed *t, struct lg_error *err)
{
    enum lg_rc rc = LG_OK;

    for (const char *at = t->alias->line; rc == LG_OK && *at != '\0';) {
        size_t size = *at == '[' ? strcspn(at, "]") + 1 : strcspn(at, " ");

        if (*at == '[')
            add_group(line, t, at + 1, size - 2);
        else
            rc = add_word(line, t, at, size, err);
        at += size;
        at += *at == ' ';
    }
    return rc;
}

/* "option=parameter", or "option*N=parameter". */
static enum lg_rc add_setting(struct lg_buf *set, struct typed *t, const char *row, size_t size,
                              struct lg_error *err)
{
    size_t name = strcspn(row, "*="), left = strcspn(row, "=");
    const char *value = value_of(t, row, name);
    int64_t factor = 1, number = 0;

    if (value == NULL)
        return LG_OK;
    lg_buf_appendf(set, "%s%.*s=", set->size == 0 ? "" : ",", (int)(size - left - 1),
                   row + left + 1);
    if (row[name] == '=') {
        lg_buf_append_str(set, value);
        return LG_OK;
    }
    if (!lg_parse_i64(lg_slice(row + name + 1, left - name - 1), 1, INT32_MAX, &factor) ||
        !lg_parse_i64(lg_slice_str(value), -1, INT64_MAX / factor, &number))
        return lg_error_set(err, LG_ERR_INVALID, "--%.*s takes a whole number, not '%.80s'",
                            (int)name, row, value);
    lg_buf_appendf(set, "%lld", (long long)(number < 0 ? number : number * factor));
    return LG_OK;
}

static enum lg_rc add_settings(struct line *line, struct typed *t, struct lg_error *err)
{
    LG_SCOPED(lg_buf) set = {0};
    enum lg_rc rc = LG_OK;

    for (const char *at = t->alias->settings; rc == LG_OK && at != NULL && *at != '\0';) {
        size_t size = strcspn(at, " ");

        rc = add_setting(&set, t, at, size, err);
        at += size;
        at += *at == ' ';
    }
    if (rc == LG_OK && set.size > 0) {
        lg_buf_append_byte(&set, '\0');
        add(line, "--set");
        add(line, (const char *)set.data);
    }
    return rc;
}

/* What every command has. Venice's tool writes JSON, and so do these unless --output says else. */
static void add_common(struct line *line, struct typed *t)
{
    static const char *const pairs[][2] = {{"url", "--controller"},
                                           {"cluster", "--cluster"},
                                           {"profile", "--profile"},
                                           {"data", "--data"},
                                           {"timeout", "--timeout"}};
    const char *output = value_of(t, "output", strlen("output"));
    bool flat = value_of(t, "flat-json", strlen("flat-json")) != NULL;

    for (size_t i = 0; i < LG_ARRAY_SIZE(pairs); i++) {
        const char *value = value_of(t, pairs[i][0], strlen(pairs[i][0]));

        if (value == NULL)
            continue;
        add(line, pairs[i][1]);
        add(line, value);
    }
    (void)value_of(t, "disable-log", strlen("disable-log"));
    add(line, "--output");
    add(line, output != NULL ? output : "json");
    if (flat)
        add(line, "--compact");
}

static enum lg_rc check_unused(const struct typed *t, struct lg_error *err)
{
    for (size_t i = 0; i < lg_alias_options_count; i++)
        if (t->values[i] != NULL && !t->used[i])
            return lg_error_set(
                err, LG_ERR_UNSUPPORTED,
                "not in Lagoon: --%s of --%s; `lagoon admin --%s --help` shows what "
                "it takes",
                lg_alias_options[i].name, t->alias->name, t->alias->name);
    return LG_OK;
}

static void line_done(struct line *line)
{
    for (size_t i = 0; i < line->words.size; i++)
        lg_free(line->words.data[i]);
    LG_VEC_DONE(&line->words);
}

enum lg_rc lg_alias_expand(size_t count, const char *const *words, struct lg_alias_words *out,
                           struct lg_error *err)
{
    struct typed t = {0};
    struct line line = {0};
    enum lg_rc rc = read_line(&t, count, words, err);

    if (rc != LG_OK)
        return t.alias != NULL && t.alias->line == NULL ? not_here(t.alias, err) : rc;
    if (t.help || count == 0) {
        out->help_of = t.alias;
        out->help_of_all = t.alias == NULL;
        return LG_OK;
    }
    if (t.alias == NULL)
        return lg_error_set(err, LG_ERR_INVALID,
                            "which command? `lagoon admin --help` lists those of Venice's tool");
    if (t.alias->line == NULL)
        return not_here(t.alias, err);
    rc = add_line(&line, &t, err);
    if (rc == LG_OK)
        rc = add_settings(&line, &t, err);
    if (rc == LG_OK)
        add_common(&line, &t);
    if (rc == LG_OK)
        rc = check_unused(&t, err);
    if (rc != LG_OK) {
        line_done(&line);
        return rc;
    }
    out->words = line.words.data;
    out->count = line.words.size;
    return LG_OK;
}

void lg_alias_words_done(struct lg_alias_words *w)
{
    for (size_t i = 0; i < w->count; i++)
        lg_free(w->words[i]);
    lg_free(w->words);
    *w = (struct lg_alias_words){0};
}

/* --- Help. -------------------------------------------------------------------------------------
 */

void lg_alias_line(struct lg_buf *out, const struct lg_alias *alias)
{
    bool value = false, dropped = false;

    lg_buf_append_str(out, "lagoon ");
    for (const char *c = alias->line; *c != '\0'; c++) {
        if (*c == '{' || *c == '}')
            value = *c == '{';
        else if (*c == '<' || *c == '>')
            dropped = *c == '<';
        else if (!dropped && !(*c == ' ' && c[1] == '<'))
            lg_buf_append_byte(out, value && *c >= 'a' && *c <= 'z' ? (uint8_t)(*c - 'a' + 'A')
                                                                    : (uint8_t)*c);
    }
    if (alias->settings != NULL)
        lg_buf_append_str(out, " --set KEY=VALUE,...");
}

static void help_of_all(struct lg_buf *out)
{
    lg_command_help(out, LG_COMMAND_ADMIN);
    lg_buf_append_str(out, "\nEach command is one of Lagoon under another name; what it says is "
                           "JSON unless --output table\nis given:\n");
    for (size_t i = 0; i < lg_aliases_count; i++) {
        if (lg_aliases[i].line == NULL)
            continue;
        lg_buf_appendf(out, "  --%-30s ", lg_aliases[i].name);
        lg_alias_line(out, &lg_aliases[i]);
        lg_buf_append_byte(out, '\n');
    }
    lg_buf_append_str(out, "\nnot in Lagoon:\n");
    for (size_t i = 0; i < lg_aliases_count; i++)
        if (lg_aliases[i].line == NULL)
            lg_buf_appendf(out, "  --%s: %s\n", lg_aliases[i].name, lg_aliases[i].help);
}

static void option_line(struct lg_buf *out, const char *name, size_t size, const char *what)
{
    int option = option_named(name, size);
    const char *letters = lg_alias_options[option].letters;
    LG_AUTO_STR char *left =
        lg_strf("--%.*s%s%s", (int)size, name, *letters == '\0' ? "" : ", -", letters);

    lg_buf_appendf(out, "  %-42s %s\n", left, what);
}

/* The options in the line and in the settings, each with its part. */
static void put_options(struct lg_buf *out, const struct lg_alias *alias)
{
    bool optional = false;

    lg_buf_append_str(out, "\noptions:\n");
    for (const char *c = alias->line; *c != '\0'; c++) {
        optional = *c == '[' || (optional && *c != ']');
        if (*c == '{' || *c == '<')
            option_line(out, c + 1, strcspn(c + 1, "}>"),
                        *c == '<'  ? "Accepted; it changes nothing here."
                        : optional ? "May be given."
                                   : "Must be given.");
    }
    for (const char *at = alias->settings; at != NULL && *at != '\0';) {
        size_t size = strcspn(at, " ");

        option_line(out, at, strcspn(at, "*="), "May be given.");
        at += size;
        at += *at == ' ';
    }
    option_line(out, "url", 3, "The controller, as --controller.");
    option_line(out, "cluster", 7, "The name that its cluster must have.");
    option_line(out, "flat-json", 9, "JSON on one line.");
    option_line(out, "output", 6, "table, json (the default) or ndjson.");
    option_line(out, "profile", 7, "As for every command of Lagoon.");
    option_line(out, "timeout", 7, "Give up after this time.");
}

void lg_alias_help(struct lg_buf *out, const struct lg_alias *alias)
{
    if (alias == NULL) {
        help_of_all(out);
        return;
    }
    if (alias->line == NULL) {
        lg_buf_appendf(out, "Not in Lagoon: --%s; %s\n", alias->name, alias->help);
        return;
    }
    lg_buf_appendf(out, "%s\n\n--%s is: ", alias->help, alias->name);
    lg_alias_line(out, alias);
    lg_buf_append_byte(out, '\n');
    put_options(out, alias);
}
