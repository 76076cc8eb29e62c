#include "admin/command.h"

#include <stdio.h>

#include "base/str.h"

#define FLAG_WIDTH 22
#define OWNERS_NAMED_MAX 4u

enum { K_CALLS = 1, K_READS = 2, K_PRINTS = 4 }; /* commands.def says what they mean. */

static const struct lg_command_row commands[] = {
#define X(name, words, arguments, least, most, kinds, runner, function, help, example)             \
    {words, arguments, help, example, least, most, kinds},
#include "admin/commands.def"
#undef X
};

_Static_assert(LG_COMMAND_COUNT <= 128, "a set of commands is one number");
#define BIT(kind) ((unsigned __int128)1 << (kind))
#define C(name) BIT(LG_COMMAND_##name)
static const struct lg_flag_row flags[] = {
#define X(name, flag, value, kinds, commands, help) {flag, value, help, kinds, commands},
#include "admin/flags.def"
#undef X
};
#undef C

const struct lg_command_row *lg_command_row(enum lg_command_kind kind)
{
    return &commands[kind];
}

const struct lg_flag_row *lg_flag_row(enum lg_command_flag flag)
{
    return &flags[flag];
}

bool lg_command_has_flag(enum lg_command_kind kind, enum lg_command_flag flag)
{
    return (flags[flag].kinds & commands[kind].kinds) != 0 ||
           (flags[flag].commands & BIT(kind)) != 0;
}

bool lg_command_runs_role(enum lg_command_kind kind)
{
    return kind == LG_COMMAND_STANDALONE || kind == LG_COMMAND_CONTROLLER ||
           kind == LG_COMMAND_ROUTER || kind == LG_COMMAND_SERVER;
}

const char *lg_command_words(enum lg_command_kind kind)
{
    return commands[kind].words;
}

/* --- Help. -------------------------------------------------------------------------------------
 */

static void help_of_all(struct lg_buf *out)
{
    lg_buf_append_str(out, "lagoon serves data sets that are pushed as whole versions.\n\n"
                           "usage: lagoon COMMAND [arguments]\n\n");
    for (size_t i = 0; i < LG_COMMAND_COUNT; i++)
        lg_buf_appendf(out, "  %-16s %s\n", commands[i].words, commands[i].help);
    lg_buf_append_str(out, "\n`lagoon COMMAND --help` shows arguments, flags and an example.\n"
                           "exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 refused,\n"
                           "            5 unavailable or timed out, 6 conflict, 7 bad data\n");
}

/* The second word of a command that begins with `group`; NULL: it is another one, or all of it. */
static const char *second_word(enum lg_command_kind kind, const char *group)
{
    size_t length = strlen(group);
    const char *words = commands[kind].words;

    return strncmp(words, group, length) == 0 && words[length] == ' ' ? words + length + 1 : NULL;
}

static bool is_group(const char *word)
{
    for (size_t i = 0; i < LG_COMMAND_COUNT; i++)
        if (second_word((enum lg_command_kind)i, word) != NULL)
            return true;
    return false;
}

static bool members(struct lg_buf *out, const char *group, const char *title)
{
    bool any = false;

    for (size_t i = 0; i < LG_COMMAND_COUNT; i++) {
        if (second_word((enum lg_command_kind)i, group) == NULL)
            continue;
        lg_buf_append_str(out, any ? "" : title);
        any = true;
        lg_buf_appendf(out, "  %-16s %s\n", commands[i].words, commands[i].help);
    }
    return any;
}

bool lg_command_help_group(struct lg_buf *out, const char *word)
{
    LG_AUTO_STR char *title = lg_strf("usage: lagoon %s COMMAND [arguments]\n\n", word);

    if (!members(out, word, title))
        return false;
    lg_buf_appendf(out, "\n`lagoon %s COMMAND --help` shows arguments, flags and an example.\n",
                   word);
    return true;
}

/* What does not fit beside its flag stands below it. */
static void flag_line(struct lg_buf *out, const struct lg_flag_row *row)
{
    char left[64];
    int size = snprintf(left, sizeof left, "--%s%s%s", row->name, row->value == NULL ? "" : " ",
                        row->value == NULL ? "" : row->value);

    if (size <= FLAG_WIDTH)
        lg_buf_appendf(out, "  %-*s %s\n", FLAG_WIDTH, left, row->help);
    else
        lg_buf_appendf(out, "  %s\n  %*s %s\n", left, FLAG_WIDTH, "", row->help);
}

void lg_command_help(struct lg_buf *out, enum lg_command_kind kind)
{
    bool any = false;

    if (kind == LG_COMMAND_COUNT) {
        help_of_all(out);
        return;
    }
    lg_buf_appendf(out, "%s\n\nusage: lagoon %s %s\n", commands[kind].help, commands[kind].words,
                   commands[kind].arguments);
    for (size_t i = 0; i < LG_FLAG_COUNT; i++) {
        if (!lg_command_has_flag(kind, (enum lg_command_flag)i))
            continue;
        lg_buf_append_str(out, any ? "" : "\nflags:\n");
        any = true;
        flag_line(out, &flags[i]);
    }
    (void)members(out, commands[kind].words, "\nfurther commands:\n");
    lg_buf_appendf(out, "\nexample:\n  %s\n", commands[kind].example);
}

/* --- Parsing. ----------------------------------------------------------------------------------
 */

bool lg_command_match(size_t count, const char *const *words, enum lg_command_kind *out,
                      size_t *out_used)
{
    size_t best = 0;

    for (size_t i = 0; i < LG_COMMAND_COUNT; i++) {
        const char *blank = strchr(commands[i].words, ' ');
        size_t n = blank == NULL ? 1 : 2;
        size_t first =
            blank == NULL ? strlen(commands[i].words) : (size_t)(blank - commands[i].words);

        if (count < n || strlen(words[0]) != first ||
            memcmp(words[0], commands[i].words, first) != 0 ||
            (n == 2 && strcmp(words[1], blank + 1) != 0))
            continue;
        if (n > best) {
            best = n;
            *out = (enum lg_command_kind)i;
            *out_used = n;
        }
    }
    return best > 0;
}

/* "store" alone, or with a word that none of its commands has. False: `words[0]` is no group. */
static bool tell_group(size_t count, const char *const *words, const char *near,
                       struct lg_error *err)
{
    LG_SCOPED(lg_buf) all = {0};
    bool two = count > 1 && words[1][0] != '-';

    for (size_t i = 0; i < LG_COMMAND_COUNT; i++) {
        const char *second = second_word((enum lg_command_kind)i, words[0]);

        if (second != NULL)
            lg_buf_appendf(&all, "%s%s", all.size == 0 ? "" : ", ", second);
    }
    if (all.size == 0)
        return false;
    if (two && near != NULL)
        (void)lg_error_set(err, LG_ERR_INVALID,
                           "no command '%s %s'; did you mean '%s'? `lagoon %s --help` lists them",
                           words[0], words[1], near, words[0]);
    else if (two)
        (void)lg_error_set(err, LG_ERR_INVALID,
                           "no command '%s %s'. With %s go %.*s; `lagoon %s --help` explains them",
                           words[0], words[1], words[0], LG_FMT(lg_buf_slice(&all)), words[0]);
    else
        (void)lg_error_set(err, LG_ERR_INVALID,
                           "which command of %s? With it go %.*s; `lagoon %s --help` explains them",
                           words[0], LG_FMT(lg_buf_slice(&all)), words[0]);
    return true;
}

static enum lg_rc unknown_command(size_t count, const char *const *words, struct lg_error *err)
{
    const char *names[LG_COMMAND_COUNT];
    LG_AUTO_STR char *two = lg_strf("%s %s", words[0], count > 1 ? words[1] : "");
    const char *near;
    size_t n = 0;

    for (size_t i = 0; i < LG_COMMAND_COUNT; i++)
        if (second_word((enum lg_command_kind)i, words[0]) != NULL)
            names[n++] = commands[i].words;
    if (tell_group(count, words, lg_nearest(two, names, n), err))
        return LG_ERR_INVALID;
    for (size_t i = 0; i < LG_COMMAND_COUNT; i++)
        names[i] = commands[i].words;
    near = lg_nearest(two, names, LG_COMMAND_COUNT);
    if (near == NULL)
        near = lg_nearest(words[0], names, LG_COMMAND_COUNT);
    return lg_error_set(err, LG_ERR_INVALID, "no command '%s'%s%s%s; `lagoon help` lists them",
                        words[0], near == NULL ? "" : "; did you mean '", near == NULL ? "" : near,
                        near == NULL ? "" : "'?");
}

void lg_command_list(struct lg_buf *out, size_t i, size_t count, const char *words)
{
    lg_buf_appendf(out, "%s%s", i == 0 ? "" : i + 1 == count ? " and " : ", ", words);
}

bool lg_command_flag_owners(struct lg_buf *out, struct lg_slice name)
{
    enum lg_command_kind owners[LG_COMMAND_COUNT];
    size_t n = 0, named;

    for (size_t f = 0; f < LG_FLAG_COUNT; f++)
        for (size_t i = 0; lg_slice_eq_str(name, flags[f].name) && i < LG_COMMAND_COUNT; i++)
            if (lg_command_has_flag((enum lg_command_kind)i, (enum lg_command_flag)f))
                owners[n++] = (enum lg_command_kind)i;
    named = n > OWNERS_NAMED_MAX ? OWNERS_NAMED_MAX - 1 : n;
    for (size_t i = 0; i < named; i++) {
        LG_AUTO_STR char *words = lg_strf("lagoon %s", commands[owners[i]].words);

        lg_command_list(out, i, n > named ? named + 1 : n, words);
    }
    if (n > named)
        lg_buf_appendf(out, " and %zu other verbs", n - named);
    return n > 0;
}

static enum lg_rc unknown_flag(enum lg_command_kind kind, const char *word, lg_option_owners others,
                               struct lg_error *err)
{
    const char *names[LG_FLAG_COUNT];
    size_t n = 0;
    const char *near;
    struct lg_slice name = lg_slice(word + 2, strcspn(word + 2, "="));
    LG_AUTO_STR char *given = lg_strndup((const char *)name.data, name.size);
    LG_SCOPED(lg_buf) owners = {0};

    if (lg_command_flag_owners(&owners, name) || (others != NULL && others(&owners, name)))
        return lg_error_set(err, LG_ERR_INVALID,
                            "'lagoon %s' has no flag '--%.*s': it goes with %.*s; `lagoon %s "
                            "--help` lists those that go here",
                            commands[kind].words, (int)LG_MIN(name.size, (size_t)100),
                            (const char *)name.data, LG_FMT(lg_buf_slice(&owners)),
                            commands[kind].words);

    for (size_t i = 0; i < LG_FLAG_COUNT; i++)
        if (lg_command_has_flag(kind, (enum lg_command_flag)i))
            names[n++] = flags[i].name;
    near = lg_nearest(given, names, n);
    return lg_error_set(err, LG_ERR_INVALID,
                        "'lagoon %s' has no flag '%s'%s%s%s; `lagoon %s --help` lists them",
                        commands[kind].words, word, near == NULL ? "" : "; did you mean '--",
                        near == NULL ? "" : near, near == NULL ? "" : "'?", commands[kind].words);
}

/* "-n", the one short flag that fingers know, as `head` has it. */
static const char *long_form(enum lg_command_kind kind, const char *word)
{
    return strcmp(word, "-n") == 0 && lg_command_has_flag(kind, LG_FLAG_RECORDS) ? "--records"
                                                                                 : word;
}

/* Takes one flag, and its value from after '=' or from the next word. */
static enum lg_rc take_flag(struct lg_command *c, size_t count, const char *const *words, size_t *i,
                            lg_option_owners others, struct lg_error *err)
{
    const char *word = long_form(c->kind, words[*i]), *equals = strchr(word, '=');
    size_t length = equals == NULL ? strlen(word) : (size_t)(equals - word);

    for (size_t f = 0; f < LG_FLAG_COUNT; f++) {
        if (!lg_command_has_flag(c->kind, (enum lg_command_flag)f) ||
            strlen(flags[f].name) != length - 2 || memcmp(flags[f].name, word + 2, length - 2) != 0)
            continue;
        if (c->flags[f] != NULL)
            return lg_error_set(err, LG_ERR_INVALID, "--%s is given twice", flags[f].name);
        if (flags[f].value == NULL) {
            if (equals != NULL)
                return lg_error_set(err, LG_ERR_INVALID, "--%s takes no value", flags[f].name);
            c->flags[f] = "";
        } else if (equals != NULL) {
            c->flags[f] = equals + 1;
        } else if (*i + 1 < count) {
            c->flags[f] = words[++*i];
        } else {
            return lg_error_set(err, LG_ERR_INVALID, "--%s needs a value: %s", flags[f].name,
                                flags[f].value);
        }
        return LG_OK;
    }
    return unknown_flag(c->kind, word, others, err);
}

static enum lg_rc check_arguments(const struct lg_command *c, struct lg_error *err)
{
    if (c->argument_count < commands[c->kind].least)
        return lg_error_set(err, LG_ERR_INVALID, "too few arguments; usage: lagoon %s %s",
                            commands[c->kind].words, commands[c->kind].arguments);
    if (c->argument_count > commands[c->kind].most)
        return lg_error_set(err, LG_ERR_INVALID, "unexpected argument '%s'; usage: lagoon %s %s",
                            c->arguments[commands[c->kind].most], commands[c->kind].words,
                            commands[c->kind].arguments);
    return LG_OK;
}

/* Everything after the verb. A lone "--" ends the flags; a negative number is an argument. */
static enum lg_rc parse_rest(struct lg_command *c, size_t count, const char *const *words,
                             lg_option_owners others, struct lg_error *err)
{
    bool flags_ended = false;

    c->owned = lg_new_array(const char *, count + 1);
    c->arguments = c->owned;
    for (size_t i = 0; i < count; i++) {
        enum lg_rc rc;

        if (!flags_ended && strcmp(words[i], "--") == 0) {
            flags_ended = true;
        } else if (!flags_ended &&
                   (strcmp(words[i], "--help") == 0 || strcmp(words[i], "-h") == 0)) {
            c->wants_help = true;
        } else if (!flags_ended && strncmp(long_form(c->kind, words[i]), "--", 2) == 0) {
            rc = take_flag(c, count, words, &i, others, err);
            if (rc != LG_OK)
                return rc;
        } else {
            c->owned[c->argument_count++] = words[i];
        }
    }
    return c->wants_help ? LG_OK : check_arguments(c, err);
}

enum lg_rc lg_command_parse(size_t count, const char *const *words, struct lg_command *out,
                            struct lg_error *err)
{
    return lg_command_parse_among(count, words, /* others= */ NULL, out, err);
}

enum lg_rc lg_command_parse_among(size_t count, const char *const *words, lg_option_owners others,
                                  struct lg_command *out, struct lg_error *err)
{
    LG_SCOPED(lg_command) c = {0};
    size_t used = 0;
    enum lg_rc rc = LG_OK;

    if (count == 0 || strcmp(words[0], "--help") == 0 || strcmp(words[0], "-h") == 0) {
        c.kind = LG_COMMAND_HELP;
    } else if (strcmp(words[0], "--version") == 0) {
        c.kind = LG_COMMAND_VERSION;
    } else if (!lg_command_match(count, words, &c.kind, &used)) {
        if (count < 2 || (strcmp(words[1], "--help") != 0 && strcmp(words[1], "-h") != 0) ||
            !is_group(words[0]))
            return unknown_command(count, words, err);
        c.kind = LG_COMMAND_HELP;
        c.group = words[0];
    } else if (lg_command_runs_role(c.kind) || c.kind == LG_COMMAND_CONFIG_SHOW ||
               c.kind == LG_COMMAND_ADMIN) {
        c.rest = words + used;
        c.rest_count = count - used;
    } else {
        rc = parse_rest(&c, count - used, words + used, others, err);
    }
    if (rc != LG_OK)
        return rc;
    *out = c;
    c.owned = NULL;
    return LG_OK;
}

void lg_command_done(struct lg_command *command)
{
    lg_free(command->owned);
    command->owned = NULL;
}

enum lg_rc lg_command_parse_size(const char *text, uint64_t min, uint64_t max, uint64_t *out_bytes,
                                 struct lg_error *err)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
    size_t digits = strspn(text, "0123456789");
    uint64_t n;

    for (unsigned i = 0; i < LG_ARRAY_SIZE(units); i++) {
        unsigned shift = 10 * (i + 1);

        if (strcmp(text + digits, units[i]) != 0)
            continue;
        if (!lg_parse_u64(lg_slice(text, digits), max >> shift, &n) || n << shift < min)
            return lg_error_set(err, LG_ERR_INVALID, "'%s' is not from %llu MiB to %llu MiB", text,
                                (unsigned long long)(min >> 20), (unsigned long long)(max >> 20));
        *out_bytes = n << shift;
        return LG_OK;
    }
    return lg_error_set(err, LG_ERR_INVALID,
                        "'%s' is no size; write a number and a unit: 512MiB, 2GiB", text);
}

enum lg_rc lg_command_parse_time(const char *text, uint64_t *out_ms, struct lg_error *err)
{
    static const struct {
        const char *unit;
        uint64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
    const uint64_t days_30 = UINT64_C(30) * 24 * 3600000;
    size_t digits = strspn(text, "0123456789");
    uint64_t n;

    for (size_t i = 0; i < LG_ARRAY_SIZE(units); i++) {
        if (strcmp(text + digits, units[i].unit) != 0)
            continue;
        if (!lg_parse_u64(lg_slice(text, digits), days_30 / units[i].ms, &n) || n == 0)
            break;
        *out_ms = n * units[i].ms;
        return LG_OK;
    }
    return lg_error_set(err, LG_ERR_INVALID,
                        "'%s' is no time; write a number and a unit: 500ms, 30s, 10m, 1h (at most "
                        "720h)",
                        text);
}
