/* lagoon config explain, check, show, sample: the configuration explains and checks itself. */
#include "base/json.h"
#include "base/str.h"
#include "drivers/openssl/transport_tls.h"
#include "drivers/posix/cpus_posix.h"
#include "main/cli.h"
#include "main/role.h"

static enum lg_rc parse_role(const char *text, const struct lg_role **out, struct lg_error *err)
{
    const struct lg_role *role = text == NULL ? &lg_role_standalone : lg_role_find(text);

    if (role == NULL)
        return lg_error_set(err, LG_ERR_INVALID,
                            "no role '%s'; there are standalone, controller, router and server",
                            text);
    *out = role;
    return LG_OK;
}

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
    const struct lg_option_table *table;
    const struct lg_role *role = NULL;
    struct lg_error err = {0};
    bool json;

    if (parse_output(c->flags[LG_FLAG_OUTPUT], &json, &err) != LG_OK ||
        parse_role(c->flags[LG_FLAG_ROLE], &role, &err) != LG_OK)
        return lg_cli_fail(&err);
    table = role->table;
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
    const struct lg_role *role;
    const char *path;
    struct lg_slice text;
    struct lg_buf errors, warnings; /* one per line */
    size_t error_count, warning_count;
};

static void add_about(struct report *r, struct lg_buf *out, const char *name, const char *sentence)
{
    const struct lg_option_table *table = r->role->table;
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
    const struct lg_option_table *table = r->role->table;

    /* What the file does not say is not the file's fault. */
    if (lg_option_line(table, lg_option_find(table, name), r->text) == 0)
        return;
    add_about(r, &r->warnings, name, sentence);
    r->warning_count++;
}

static void missing(struct report *r, const struct lg_option *o)
{
    LG_SCOPED(lg_buf) flag = {0};
    LG_AUTO_STR char *sentence = NULL;

    lg_option_append_flag(&flag, o);
    sentence = lg_strf("is missing: the %s needs `%s = %s` here, or as --%.*s", r->role->name,
                       o->name, o->example, LG_FMT(lg_buf_slice(&flag)));
    add_about(r, &r->warnings, o->name, sentence);
    r->warning_count++;
}

/* A flag or the environment may say what the file does not: then it is not missing there, so it is
 * no fault of the file. A standalone is told its directory by a flag as a rule. */
static void fill_elsewhere(struct report *r, void *values)
{
    const struct lg_role *role = r->role;

    for (size_t i = 0; role->elsewhere[i] != NULL; i++) {
        const struct lg_option *o = lg_option_find(role->table, role->elsewhere[i]);
        LG_SCOPED(lg_buf) text = {0};
        struct lg_error err;

        if (o == NULL)
            continue;
        lg_option_format(&text, o, values);
        if (text.size != 0)
            continue;
        if (role != &lg_role_standalone)
            missing(r, o);
        if (lg_option_set(role->table, values, o->name, lg_slice_str(o->example), &err) != LG_OK)
            assert(false && "an example is a value");
    }
}

/* Of what an option names, by which its sentence begins. */
static void file_is_wrong(void *ctx, const struct lg_error *err)
{
    struct report *r = ctx;
    const char *colon = strchr(err->text, ':');
    LG_AUTO_STR char *name = lg_strndup(err->text, (size_t)(colon - err->text));

    add_about(r, &r->errors, name, colon + 2);
    r->error_count++;
}

/* What a start finds on the machine. */
static void check_machine(struct report *r, void *values)
{
    const struct lg_option_table *table = r->role->table;
    const struct lg_common_options *common = r->role->common(values);
    const struct lg_option *cpus = lg_option_find(table, "read_cpus");
    LG_SCOPED(lg_buf) names = {0};
    struct lg_tls_options tls;
    struct lg_log_target log;
    struct lg_error err;
    cpu_set_t set;

    if (lg_common_options_tls(common, &tls))
        lg_tls_check_files(&tls, file_is_wrong, r);
    lg_common_options_log(common, &log);
    if ((log.to != LG_LOG_TO_FILE || log.path != NULL) && lg_log_check(&log, &err) != LG_OK) {
        (void)lg_error_wrap(&err, log.to == LG_LOG_TO_FILE ? "log_file" : "log_to");
        file_is_wrong(r, &err);
    }
    if (cpus != NULL)
        lg_option_format(&names, cpus, values);
    if (names.size > 0 && lg_cpus_parse(lg_buf_slice(&names), &set, &err) == LG_OK &&
        lg_cpus_check(&set, &err) != LG_OK) {
        (void)lg_error_wrap(&err, "read_cpus");
        file_is_wrong(r, &err);
    }
}

static void check_together(struct report *r)
{
    const struct lg_role *role = r->role;
    void *values = lg_alloc(role->values_size);
    struct lg_error err = {0};
    enum lg_rc rc;

    memset(values, 0, role->values_size);
    lg_options_init(role->table, values);
    rc = lg_options_parse_file(role->table, values, r->text, r->path, &err);
    assert(rc == LG_OK && "each line was checked");
    if (role->common(values)->config != NULL) {
        add_about(r, &r->errors, "config", LG_OPTIONS_NESTED_TEXT);
        r->error_count++;
    }
    fill_elsewhere(r, values);
    if (role->check(values, &err) != LG_OK) {
        add_about(r, &r->errors, NULL, err.text);
        r->error_count++;
    }
    check_machine(r, values);
    role->warn(values, warned, r);
    lg_options_done(role->table, values);
    lg_free(values);
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
        parse_role(c->flags[LG_FLAG_ROLE], &r.role, &err) != LG_OK ||
        lg_cli_read_file(r.path, LG_OPTION_FILE_BYTES_MAX, &text, &err) != LG_OK)
        return lg_cli_fail(&err);
    r.text = lg_buf_slice(&text);
    r.error_count = lg_options_check_file(r.role->table, r.text, r.path, &r.errors);
    if (r.error_count == 0)
        check_together(&r);
    status = print_report(&r, json);
    lg_buf_done(&r.errors);
    lg_buf_done(&r.warnings);
    return status != 0 ? status : r.error_count == 0 ? 0 : lg_rc_exit(LG_ERR_INVALID);
}

/* --- show ------------------------------------------------------------------------------------- */
static char *shown_value(const struct lg_option *o, const void *values)
{
    struct lg_buf text = {0};

    lg_option_format(&text, o, values);
    if (lg_option_is_secret(o) && text.size > 0) {
        lg_buf_clear(&text);
        lg_buf_append_str(&text, "********");
    }
    return lg_buf_take_str(&text);
}

static int print_values(const struct lg_option_table *table, const void *values,
                        const unsigned char *origins, bool as_json)
{
    LG_SCOPED(lg_buf) text = {0};
    LG_AUTO(lg_json) *json = lg_json_new_object();
    int width = 0;

    for (size_t i = 0; i < table->n; i++)
        width = LG_MAX(width, (int)strlen(table->rows[i].name));
    for (size_t i = 0; i < table->n; i++) {
        const struct lg_option *row = &table->rows[i];
        LG_AUTO_STR char *value = shown_value(row, values);
        const char *origin = lg_option_origin_name((enum lg_option_origin)origins[i]);
        struct lg_json *cell = lg_json_new_object();

        lg_buf_appendf(&text, "%-*s %-24s %s\n", width, row->name, value, origin);
        lg_json_set_str(cell, "value", value);
        lg_json_set_str(cell, "origin", origin);
        lg_json_set(json, row->name, cell);
    }
    return as_json ? print_json(json) : lg_cli_print(lg_buf_slice(&text));
}

struct show {
    char **words; /* the options of the role */
    int count;
    bool json, help;
    const struct lg_role *role;
};

/* `--output FORMAT` and `--role ROLE` are of this verb, all other words of the role. */
static enum lg_rc take_own(const struct lg_command *c, struct show *show, struct lg_error *err)
{
    static const char *const names[] = {"--output", "--role"};
    const char *values[LG_ARRAY_SIZE(names)] = {NULL};

    for (size_t i = 0; i < c->rest_count; i++) {
        const char *word = c->rest[i];
        bool taken = false;

        for (size_t k = 0; k < LG_ARRAY_SIZE(names) && !taken; k++) {
            size_t n = strlen(names[k]);

            taken = strncmp(word, names[k], n) == 0 &&
                    (word[n] == '=' || (word[n] == '\0' && i + 1 < c->rest_count));
            if (taken)
                values[k] = word[n] == '=' ? word + n + 1 : c->rest[++i];
        }
        if (!taken)
            show->words[show->count++] = (char *)(uintptr_t)word;
        show->help = show->help || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
    }
    if (parse_output(values[0], &show->json, err) != LG_OK)
        return err->rc;
    return parse_role(values[1], &show->role, err);
}

static int show_values(const struct show *show)
{
    const struct lg_option_table *table = show->role->table;
    void *values = lg_alloc(show->role->values_size);
    unsigned char origins[LG_MAIN_OPTIONS_COUNT_MAX];
    struct lg_error err = {0};
    int status;

    memset(values, 0, show->role->values_size);
    lg_options_init(table, values);
    if (lg_options_load_all(table, values, show->role->values_size, origins, show->count,
                            show->words, &err) == LG_OK)
        status = print_values(table, values, origins, show->json);
    else
        status = lg_cli_fail(&err);
    lg_options_done(table, values);
    lg_free(values);
    return status;
}

int lg_verb_config_show(const struct lg_command *c)
{
    struct show show = {.words = lg_new_array(char *, c->rest_count + 1)};
    struct lg_error err = {0};
    enum lg_rc rc = take_own(c, &show, &err);
    LG_SCOPED(lg_buf) page = {0};
    int status;

    if (show.help) {
        lg_command_help(&page, c->kind);
        status = lg_cli_print(lg_buf_slice(&page));
    } else {
        status = rc == LG_OK ? show_values(&show) : lg_cli_fail(&err);
    }
    lg_free(show.words);
    return status;
}

/* --- sample ----------------------------------------------------------------------------------- */
int lg_verb_config_sample(const struct lg_command *c)
{
    LG_SCOPED(lg_buf) text = {0};
    const struct lg_role *role = NULL;
    struct lg_error err = {0};

    if (parse_role(c->flags[LG_FLAG_ROLE], &role, &err) != LG_OK)
        return lg_cli_fail(&err);
    lg_role_sample(&text, role);
    return lg_cli_print(lg_buf_slice(&text));
}
