/* lagoon file head|schema|count|check: looks into a file as a push would, without a Lagoon. */
#include <stdio.h>

#include "admin/admin.h"
#include "admin/table.h"
#include "base/str.h"
#include "base/vec.h"
#include "main/cli.h"
#include "main/files.h"
#include "pushjob/infer.h"

#define HEAD_RECORDS_DEFAULT 10u
#define HEAD_RECORDS_MAX 10000u
#define PROBLEMS_DEFAULT 100u /* that check shows before it gives up */
#define SCHEMA_FILE_BYTES_MAX ((size_t)1 << 20)

struct file {
    const struct lg_command *command;
    struct lg_cli_files files;
    struct lg_input *input;
    enum lg_output output;
    struct lg_buf out;
    struct lg_json *problems; /* of check */
    bool bad;
};

/* --- Records as JSON. --------------------------------------------------------------------------
 */

static enum lg_rc next_record(struct file *f, struct lg_json **out, bool *out_end,
                              struct lg_error *err)
{
    LG_SCOPED(lg_buf) text = {0};
    bool more;
    enum lg_rc rc = lg_input_next_json(f->input, &text, out_end, &more, err);

    if (rc != LG_OK || *out_end)
        return rc;
    return lg_json_parse(lg_buf_slice(&text), out, err);
}

/* --- head. -------------------------------------------------------------------------------------
 */

static void table_cell(struct lg_table *table, const struct lg_json *value)
{
    LG_SCOPED(lg_buf) text = {0};

    if (value == NULL)
        lg_table_cell(table, LG_LIT(""));
    else if (lg_json_type(value) == LG_JSON_STRING)
        lg_table_cell(table, lg_json_string(value));
    else {
        lg_json_write(&text, value, /* pretty= */ false);
        lg_table_cell(table, lg_buf_slice(&text));
    }
}

/* The members of the first record are the columns; NDJSON may have others, which only JSON shows.
 */
static void head_table(struct file *f, const struct lg_json *records)
{
    const struct lg_json *first = lg_json_at(records, 0);
    const char *names[LG_TABLE_COLUMNS_MAX];
    LG_AUTO(lg_table) *table = NULL;
    size_t count = 0, i = 0;
    struct lg_json *value;
    bool is_record = lg_json_type(first) == LG_JSON_OBJECT;

    while (is_record && count < LG_ARRAY_SIZE(names) &&
           lg_json_next(first, &i, &names[count], &value))
        count++;
    if (lg_json_size(records) == 0)
        return;
    table = lg_table_new(count == 0 ? 1 : count);
    if (count == 0)
        lg_table_cell(table, LG_LIT("value"));
    for (size_t c = 0; c < count; c++)
        lg_table_cell(table, lg_slice_str(names[c]));
    for (size_t r = 0; r < lg_json_size(records); r++) {
        if (count == 0)
            table_cell(table, lg_json_at(records, r));
        for (size_t c = 0; c < count; c++)
            table_cell(table, lg_json_get(lg_json_at(records, r), names[c]));
    }
    lg_table_write(&f->out, table);
}

static enum lg_rc head(struct file *f, struct lg_error *err)
{
    const char *limit = f->command->flags[LG_FLAG_RECORDS];
    LG_AUTO(lg_json) *records = lg_json_new_array();
    uint64_t most = HEAD_RECORDS_DEFAULT;
    bool end = false;

    if (limit != NULL && !lg_parse_u64(lg_slice_str(limit), HEAD_RECORDS_MAX, &most))
        return lg_error_set(err, LG_ERR_INVALID, "-n must be 0 to %u, not '%s'", HEAD_RECORDS_MAX,
                            limit);
    while (lg_json_size(records) < most) {
        struct lg_json *record;
        enum lg_rc rc = next_record(f, &record, &end, err);

        if (rc != LG_OK)
            return rc;
        if (end)
            break;
        lg_json_push(records, record);
    }
    if (f->output == LG_OUTPUT_TABLE)
        head_table(f, records);
    for (size_t i = 0; i < lg_json_size(records) && f->output == LG_OUTPUT_NDJSON; i++) {
        lg_json_write(&f->out, lg_json_at(records, i), /* pretty= */ false);
        lg_buf_append_byte(&f->out, '\n');
    }
    if (f->output == LG_OUTPUT_JSON) {
        lg_json_write(&f->out, records, /* pretty= */ true);
        lg_buf_append_byte(&f->out, '\n');
    }
    return LG_OK;
}

/* --- schema. -----------------------------------------------------------------------------------
 */

/* "data/world-cities.csv" gives "world-cities". */
static char *record_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash == NULL ? path : slash + 1;
    const char *point = strchr(base, '.');

    if (strcmp(path, "-") == 0)
        return lg_strdup("Record");
    return lg_strndup(base, point == NULL ? strlen(base) : (size_t)(point - base));
}

static enum lg_rc own_schema(const struct file *f, const char *field, struct lg_json **out,
                             struct lg_error *err)
{
    const struct lg_schema *schema = lg_input_file_schema(f->input);
    LG_SCOPED(lg_buf) text = {0};
    enum lg_rc rc = LG_OK;

    if (field != NULL) {
        size_t i = lg_schema_field_index(schema, lg_slice_str(field));
        const char *near = lg_schema_field_nearest(schema, field);

        if (i == LG_SCHEMA_NO_INDEX)
            return lg_error_set(err, LG_ERR_INVALID, "%s: its records have no field '%s'%s%s%s",
                                f->files.inputs[0].name, field,
                                near == NULL ? "" : "; did you mean '", near == NULL ? "" : near,
                                near == NULL ? "" : "'?");
        schema = lg_schema_field_schema(schema, i);
    }
    rc = lg_schema_part_text(schema, &text, err);
    return rc == LG_OK ? lg_json_parse(lg_buf_slice(&text), out, err) : rc;
}

static enum lg_rc inferred_schema(struct file *f, const char *field, struct lg_json **out,
                                  struct lg_error *err)
{
    LG_AUTO(lg_infer) *infer = lg_infer_new(lg_input_format(f->input) == LG_INPUT_CSV);
    LG_AUTO_STR char *name = record_name(f->command->arguments[0]);
    bool end = false;
    enum lg_rc rc = LG_OK;

    while (rc == LG_OK) {
        LG_AUTO(lg_json) *record = NULL;

        rc = next_record(f, &record, &end, err);
        if (rc != LG_OK)
            return rc;
        if (end)
            break;
        rc = lg_infer_add(infer, record, err);
    }
    if (rc == LG_OK && lg_input_records(f->input) == 0)
        rc = lg_error_set(err, LG_ERR_BAD_DATA, "it holds no records to learn a schema from");
    if (rc == LG_OK)
        rc = lg_infer_schema(infer, name, field, out, err);
    return rc == LG_OK ? LG_OK : lg_error_wrap(err, "%s", f->files.inputs[0].name);
}

static enum lg_rc schema(struct file *f, struct lg_error *err)
{
    const char *field = f->command->flags[LG_FLAG_FIELD];
    LG_AUTO(lg_json) *json = NULL;
    enum lg_rc rc = lg_input_file_schema(f->input) != NULL ? own_schema(f, field, &json, err)
                                                           : inferred_schema(f, field, &json, err);

    if (rc != LG_OK)
        return rc;
    lg_json_write(&f->out, json, /* pretty= */ true);
    lg_buf_append_byte(&f->out, '\n');
    return LG_OK;
}

/* --- count and check. ---------------------------------------------------------------------------
 */

static void print_counts(struct file *f, bool with_problems)
{
    LG_AUTO(lg_json) *json = lg_json_new_object();

    lg_json_set_str(json, "file", f->files.inputs[0].name);
    lg_json_set_str(json, "format", lg_input_format_name(lg_input_format(f->input)));
    lg_json_set_int(json, "records", (int64_t)lg_input_records(f->input));
    lg_json_set_int(json, "bytes", (int64_t)lg_input_offset(f->input));
    if (with_problems)
        lg_json_set(json, "problems", lg_json_ref(f->problems));
    lg_json_write(&f->out, json, /* pretty= */ f->output == LG_OUTPUT_JSON);
    lg_buf_append_byte(&f->out, '\n');
}

static enum lg_rc count(struct file *f, struct lg_error *err)
{
    bool end = false, more;
    enum lg_rc rc = LG_OK;

    while (rc == LG_OK && !end)
        rc = lg_input_next_json(f->input, NULL, &end, &more, err);
    if (rc != LG_OK)
        return rc;
    if (f->output == LG_OUTPUT_TABLE)
        lg_buf_appendf(&f->out, "%llu\n", (unsigned long long)lg_input_records(f->input));
    else
        print_counts(f, /* with_problems= */ false);
    return LG_OK;
}

static void note_problem(void *ctx, const struct lg_error *problem)
{
    struct file *f = ctx;
    struct lg_json *text = lg_json_new_string(lg_slice_str(problem->text));

    f->bad = true;
    if (text == NULL) /* A sentence that quotes what is no UTF-8. */
        text = lg_json_new_string(LG_LIT("a problem that cannot be shown"));
    lg_json_push(f->problems, text);
}

static enum lg_rc load_schema(const char *path, struct lg_schema **out, struct lg_error *err)
{
    LG_SCOPED(lg_buf) text = {0};
    enum lg_rc rc = lg_cli_read_file(path, SCHEMA_FILE_BYTES_MAX, &text, err);

    if (rc != LG_OK)
        return rc;
    rc = lg_schema_parse(lg_buf_slice(&text), out, err);
    return rc == LG_OK ? LG_OK : lg_error_wrap(err, "%s", path);
}

/* Against schemas of the user: every record is converted as a push would. */
static enum lg_rc check_by_schema(struct file *f, struct lg_error *err)
{
    LG_AUTO(lg_schema) *key = NULL;
    LG_AUTO(lg_schema) *value = NULL;
    const struct lg_schema *values;
    struct lg_slice key_bytes, value_bytes;
    size_t chosen;
    bool end = false;
    enum lg_rc rc = load_schema(f->command->flags[LG_FLAG_KEY_SCHEMA], &key, err);

    if (rc == LG_OK)
        rc = load_schema(f->command->flags[LG_FLAG_VALUE_SCHEMA], &value, err);
    values = value;
    if (rc == LG_OK)
        rc = lg_input_bind(f->input, key, &values, 1, &chosen, err);
    while (rc == LG_OK && !end)
        rc = lg_input_next(f->input, &key_bytes, &value_bytes, &end, err);
    return f->bad ? LG_OK : rc; /* What note_problem heard is told below. */
}

static enum lg_rc check_by_itself(struct file *f, uint64_t problems_max, struct lg_error *err)
{
    bool end = false, more = true;

    while (!end && more && lg_json_size(f->problems) < problems_max) {
        enum lg_rc rc = lg_input_next_json(f->input, NULL, &end, &more, err);

        if (rc != LG_OK && rc != LG_ERR_BAD_DATA && rc != LG_ERR_TOO_LARGE)
            return rc;
        if (rc != LG_OK)
            note_problem(f, err);
        more = more || rc == LG_OK;
    }
    return LG_OK;
}

static enum lg_rc check(struct file *f, bool by_schema, uint64_t problems_max, struct lg_error *err)
{
    size_t problems;
    enum lg_rc rc = by_schema ? check_by_schema(f, err) : check_by_itself(f, problems_max, err);

    if (rc != LG_OK)
        return rc;
    problems = lg_json_size(f->problems);
    if (f->output != LG_OUTPUT_TABLE) {
        print_counts(f, /* with_problems= */ true);
    } else {
        for (size_t i = 0; i < problems; i++)
            lg_buf_appendf(&f->out, "%.*s\n", LG_FMT(lg_json_string(lg_json_at(f->problems, i))));
        if (problems == 0)
            lg_buf_appendf(&f->out, "%s: %llu records, all good\n", f->files.inputs[0].name,
                           (unsigned long long)lg_input_records(f->input));
    }
    if (problems == 0)
        return LG_OK;
    return lg_error_set(err, LG_ERR_BAD_DATA, "%s: %zu problem%s%s beside %llu good record%s",
                        f->files.inputs[0].name, problems, problems == 1 ? "" : "s",
                        problems == problems_max ? " at least" : "",
                        (unsigned long long)lg_input_records(f->input),
                        lg_input_records(f->input) == 1 ? "" : "s");
}

/* Schemas come in pairs, with a key: else there is nothing that they could be held against. */
static enum lg_rc check_flags(const struct lg_command *c, bool *out_by_schema, struct lg_error *err)
{
    *out_by_schema = c->flags[LG_FLAG_VALUE_SCHEMA] != NULL;
    if ((c->flags[LG_FLAG_KEY_SCHEMA] != NULL) != *out_by_schema ||
        (c->flags[LG_FLAG_KEY_FIELD] != NULL) != *out_by_schema)
        return lg_error_set(err, LG_ERR_INVALID,
                            "--key-schema, --value-schema and --key-field belong together: the "
                            "records are checked as a push into such a store would");
    return LG_OK;
}

/* --- The verb. ---------------------------------------------------------------------------------
 */

static enum lg_rc run(struct file *f, struct lg_error *err)
{
    const struct lg_command *c = f->command;
    struct lg_input_options options;
    bool by_schema = false;
    enum lg_rc rc = lg_admin_parse_output(c->flags[LG_FLAG_OUTPUT], &f->output, err);

    if (rc == LG_OK && c->kind == LG_COMMAND_FILE_CHECK)
        rc = check_flags(c, &by_schema, err);
    if (rc == LG_OK)
        rc = lg_cli_files_open(&f->files, c->arguments, 1, err);
    if (rc == LG_OK)
        rc = lg_cli_input_options(c, &f->files, &options, err);
    if (rc != LG_OK)
        return rc;
    if (options.errors_max == 0)
        options.errors_max = PROBLEMS_DEFAULT;
    options.bad_record = note_problem;
    options.ctx = f;
    rc = lg_input_open(&options, &f->input, err);
    if (rc != LG_OK)
        return rc;
    switch (c->kind) {
    case LG_COMMAND_FILE_HEAD:
        return head(f, err);
    case LG_COMMAND_FILE_SCHEMA:
        return schema(f, err);
    case LG_COMMAND_FILE_COUNT:
        return count(f, err);
    default:
        return check(f, by_schema, options.errors_max, err);
    }
}

int lg_verb_file(const struct lg_command *command)
{
    struct file f = {.command = command, .problems = lg_json_new_array()};
    struct lg_error err = {0};
    enum lg_rc rc = run(&f, &err);
    int printed = lg_cli_print(lg_buf_slice(&f.out));

    lg_input_close(f.input);
    lg_cli_files_close(&f.files);
    lg_buf_done(&f.out);
    lg_json_unref(f.problems);
    return rc == LG_OK ? printed : lg_cli_fail(&err);
}
