/* lagoon config explain, check, show, sample: the configuration explains and checks itself. */
#include "base/json.h"
#include "base/str.h"
#include "main/cli.h"
#include "main/options.h"

static const struct lg_option_table *const table = &lg_main_options_table;

static enum lg_rc parse_output(const char *text, bool *out_json, struct lg_error *err)
{
    *out_json = text != NULL && strcmp(text, "json") == 0;
    if (text != NULL && !*out_json && strcmp(text, "table") != 0)
        return lg_error_set(err, LG_ERR_INVALID,
                            "no output format '%s' here; there are table and json", text);
    return LG_OK;
}

static int print_json(const struct lg_json *json)
{
    LG_SCOPED(lg_buf) text = {0};

    lg_json_write(&text, json, /* pretty= */ true);
    lg_buf_append_byte(&text, '\n');
    return lg_cli_print(lg_buf_slice(&text));
}

static void set_text(struct lg_json *json, const char *name,
                     void (*format)(struct lg_buf *out, const struct lg_option *o),
                     const struct lg_option *o)
{
    struct lg_buf text = {0};
    LG_AUTO_STR char *value = NULL;

    format(&text, o);
    value = lg_buf_take_str(&text);
    lg_json_set_str(json, name, value);
}

/* --- explain ---------------------------------------------------------------------------------- */
static struct lg_json *json_of(const struct lg_option *o)
{
    struct lg_json *json = lg_json_new_object();

    lg_json_set_str(json, "key", o->name);
    lg_json_set_str(json, "help", o->help);
    lg_json_set_str(json, "more", o->more);
    lg_json_set_str(json, "value", lg_option_type_text(o));
    if (o->type == LG_OPTION_str && o->text == NULL)
        lg_json_set_str(json, "default", NULL);
    else
        set_text(json, "default", lg_option_format_default, o);
    set_text(json, "range", lg_option_format_range, o);
    lg_json_set_bool(json, "live", o->when == LG_OPTION_LIVE);
    lg_json_set_str(json, "example", o->example);
    return json;
}

int lg_verb_config_explain(const struct lg_command *c)
{
    LG_SCOPED(lg_buf) text = {0};
    LG_AUTO(lg_json) *all = lg_json_new_array();
    const struct lg_option *only = NULL;
    struct lg_error err = {0};
    bool json;

    if (parse_output(c->flags[LG_FLAG_OUTPUT], &json, &err) != LG_OK)
        return lg_cli_fail(&err);
    if (c->argument_count > 0) {
        only = lg_option_find(table, c->arguments[0]);
        if (only == NULL) { /* The table's own sentence, with the nearest key. */
            (void)!lg_option_set(table, NULL, c->arguments[0], LG_SLICE_NULL, &err);
            return lg_cli_fail(&err);
        }
    }
    for (size_t i = 0; i < table->n; i++) {
        if (only != NULL && only != &table->rows[i])
            continue;
        if (text.size > 0)
            lg_buf_append_byte(&text, '\n');
        lg_option_explain(&text, &table->rows[i]);
        if (json)
            lg_json_push(all, json_of(&table->rows[i]));
    }
    if (!json)
        return lg_cli_print(lg_buf_slice(&text));
    return print_json(only == NULL ? all : lg_json_at(all, 0));
}

/* --- check ------------------------------------------------------------------------------------ */
struct report {
    const char *path;
    struct lg_slice text;
    struct lg_buf errors, warnings; /* one per line */
    size_t error_count, warning_count;
};

static void add_about(struct report *r, struct lg_buf *out, const char *name, const char *sentence)
{
    size_t line = name == NULL ? 0 : lg_option_line(table, lg_option_find(table, name), r->text);

    lg_buf_append_str(out, r->path);
    if (line > 0)
        lg_buf_appendf(out, ":%zu", line);
    lg_buf_append_str(out, ": ");
    if (name != NULL)
        lg_buf_appendf(out, "%s: ", name);
    lg_buf_appendf(out, "%s\n", sentence);
}

static void warned(void *ctx, const char *name, const char *sentence)
{
    struct report *r = ctx;

    /* What the file does not say is not the file's fault. */
    if (lg_option_line(table, lg_option_find(table, name), r->text) == 0)
        return;
    add_about(r, &r->warnings, name, sentence);
    r->warning_count++;
}

static void check_together(struct report *r)
{
    LG_SCOPED(lg_main_options) o = {0};
    struct lg_error err = {0};
    enum lg_rc rc;

    lg_main_options_init(&o);
    rc = lg_options_parse_file(table, &o, r->text, r->path, &err);
    assert(rc == LG_OK && "each line was checked");
    if (o.config != NULL) {
        add_about(r, &r->errors, "config", "a configuration file cannot name another");
        r->error_count++;
    }
    if (o.data == NULL) /* A flag or the environment may say it. */
        o.data = lg_strdup("/");
    if (lg_main_options_check(&o, &err) != LG_OK) {
        add_about(r, &r->errors, NULL, err.text);
        r->error_count++;
    }
    lg_main_options_warn(&o, warned, r);
}

static void append_lines(struct lg_json *array, struct lg_slice lines)
{
    while (lines.size > 0) {
        const uint8_t *end = memchr(lines.data, '\n', lines.size);
        size_t n = (size_t)(end - lines.data);
        LG_AUTO_STR char *line = lg_strndup((const char *)lines.data, n);
        struct lg_json *cell = lg_json_new_object();

        lg_json_set_str(cell, "message", line);
        lg_json_push(array, cell);
        lines = lg_slice_skip(lines, n + 1);
    }
}

static int print_report(const struct report *r, bool as_json)
{
    LG_SCOPED(lg_buf) text = {0};

    if (as_json) {
        LG_AUTO(lg_json) *json = lg_json_new_object();
        struct lg_json *errors = lg_json_new_array(), *warnings = lg_json_new_array();

        append_lines(errors, lg_buf_slice(&r->errors));
        append_lines(warnings, lg_buf_slice(&r->warnings));
        lg_json_set_str(json, "file", r->path);
        lg_json_set_bool(json, "ok", r->error_count == 0);
        lg_json_set(json, "errors", errors);
        lg_json_set(json, "warnings", warnings);
        return print_json(json);
    }
    lg_buf_append_slice(&text, lg_buf_slice(&r->errors));
    for (struct lg_slice rest = lg_buf_slice(&r->warnings); rest.size > 0;) {
        const uint8_t *end = memchr(rest.data, '\n', rest.size);
        size_t n = (size_t)(end - rest.data);

        lg_buf_appendf(&text, "warning: %.*s\n", (int)n, (const char *)rest.data);
        rest = lg_slice_skip(rest, n + 1);
    }
    lg_buf_appendf(&text, "%s: %s, %zu error%s, %zu warning%s\n", r->path,
                   r->error_count == 0 ? "ok" : "not usable", r->error_count,
                   r->error_count == 1 ? "" : "s", r->warning_count,
                   r->warning_count == 1 ? "" : "s");
    return lg_cli_print(lg_buf_slice(&text));
}

int lg_verb_config_check(const struct lg_command *c)
{
    LG_SCOPED(lg_buf) text = {0};
    struct report r = {.path = c->arguments[0]};
    struct lg_error err = {0};
    bool json;
    int status;

    if (parse_output(c->flags[LG_FLAG_OUTPUT], &json, &err) != LG_OK ||
        lg_cli_read_file(r.path, LG_OPTION_FILE_BYTES_MAX, &text, &err) != LG_OK)
        return lg_cli_fail(&err);
    r.text = lg_buf_slice(&text);
    r.error_count = lg_options_check_file(table, r.text, r.path, &r.errors);
    if (r.error_count == 0)
        check_together(&r);
    status = print_report(&r, json);
    lg_buf_done(&r.errors);
    lg_buf_done(&r.warnings);
    return status != 0 ? status : r.error_count == 0 ? 0 : lg_rc_exit(LG_ERR_INVALID);
}

/* --- show ------------------------------------------------------------------------------------- */
static char *shown_value(const struct lg_option *o, const struct lg_main_options *values)
{
    struct lg_buf text = {0};

    lg_option_format(&text, o, values);
    if (lg_option_is_secret(o) && text.size > 0) {
        lg_buf_clear(&text);
        lg_buf_append_str(&text, "********");
    }
    return lg_buf_take_str(&text);
}

static int print_values(const struct lg_main_options *o, const unsigned char *origins, bool as_json)
{
    LG_SCOPED(lg_buf) text = {0};
    LG_AUTO(lg_json) *json = lg_json_new_object();

    for (size_t i = 0; i < table->n; i++) {
        const struct lg_option *row = &table->rows[i];
        LG_AUTO_STR char *value = shown_value(row, o);
        const char *origin = lg_option_origin_name((enum lg_option_origin)origins[i]);
        struct lg_json *cell = lg_json_new_object();

        lg_buf_appendf(&text, "%-18s %-24s %s\n", row->name, value, origin);
        lg_json_set_str(cell, "value", value);
        lg_json_set_str(cell, "origin", origin);
        lg_json_set(json, row->name, cell);
    }
    return as_json ? print_json(json) : lg_cli_print(lg_buf_slice(&text));
}

/* Takes `--output FORMAT` out of the words that are options of standalone. */
static enum lg_rc take_output(const struct lg_command *c, char **out_words, int *out_count,
                              bool *out_json, struct lg_error *err)
{
    const char *output = NULL;

    *out_count = 0;
    for (size_t i = 0; i < c->rest_count; i++) {
        const char *word = c->rest[i];

        if (strncmp(word, "--output=", 9) == 0)
            output = word + 9;
        else if (strcmp(word, "--output") == 0 && i + 1 < c->rest_count)
            output = c->rest[++i];
        else
            out_words[(*out_count)++] = (char *)(uintptr_t)word;
    }
    return parse_output(output, out_json, err);
}

int lg_verb_config_show(const struct lg_command *c)
{
    LG_SCOPED(lg_main_options) o = {0};
    unsigned char origins[LG_MAIN_OPTIONS_COUNT_MAX];
    char **words = lg_new_array(char *, c->rest_count + 1);
    struct lg_error err = {0};
    bool json;
    int count;
    enum lg_rc rc = take_output(c, words, &count, &json, &err);

    for (int i = 0; i < count; i++) {
        if (strcmp(words[i], "--help") == 0 || strcmp(words[i], "-h") == 0) {
            LG_SCOPED(lg_buf) page = {0};

            lg_free(words);
            lg_command_help(&page, c->kind);
            return lg_cli_print(lg_buf_slice(&page));
        }
    }
    lg_main_options_init(&o);
    if (rc == LG_OK)
        rc = lg_main_options_load(&o, origins, count, words, &err);
    lg_free(words);
    return rc == LG_OK ? print_values(&o, origins, json) : lg_cli_fail(&err);
}

/* --- sample ----------------------------------------------------------------------------------- */
int lg_verb_config_sample(const struct lg_command *c)
{
    LG_SCOPED(lg_buf) text = {0};

    (void)c;
    lg_main_options_sample(&text);
    return lg_cli_print(lg_buf_slice(&text));
}
