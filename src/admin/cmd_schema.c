/* lagoon schema add, list, show, check. */
#include "admin/admin.h"
#include "admin/table.h"
#include "avro/canonical.h"
#include "avro/compat.h"
#include "base/str.h"

/* The text of a user's schema file, as a C string; it must be a schema. */
static enum lg_rc read_schema(struct lg_admin *a, const char *path, struct lg_buf *out,
                              struct lg_schema **out_schema, struct lg_error *err)
{
    enum lg_rc rc = a->read_file(a->ctx, path, out, err);

    if (rc != LG_OK)
        return rc;
    if (lg_schema_parse(lg_buf_slice(out), out_schema, err) != LG_OK)
        return lg_error_wrap(err, "%s", path);
    lg_buf_append_byte(out, 0);
    return LG_OK;
}

/* --- The report. --------------------------------------------------------------------------------
 */

static void print_finding(struct lg_buf *out, const struct lg_json *f, bool with_id)
{
    const char *path = lg_json_get_str(f, "path", ""), *breaks = lg_json_get_str(f, "breaks", NULL);
    const char *remedy = lg_json_get_str(f, "remedy", "");

    lg_buf_appendf(out, "%s", path[0] == 0 ? "(the schema itself)" : path);
    if (with_id)
        lg_buf_appendf(out, "  against value schema %lld",
                       (long long)lg_json_get_int(f, "schemaId", 0));
    lg_buf_appendf(out, "\n    %s\n", lg_json_get_str(f, "change", ""));
    if (breaks != NULL)
        lg_buf_appendf(out, "    breaks %s\n", breaks);
    if (remedy[0] != 0)
        lg_buf_appendf(out, "    remedy: %s\n", remedy);
}

static void print_findings(struct lg_buf *out, const struct lg_json *findings, bool is_cut,
                           bool with_id)
{
    for (size_t i = 0; i < lg_json_size(findings); i++)
        print_finding(out, lg_json_at(findings, i), with_id);
    if (is_cut)
        lg_buf_append_str(out, "... and more\n");
}

/* --- schema add. --------------------------------------------------------------------------------
 */

static enum lg_rc call_add(struct lg_admin *a, const struct lg_command *c, const char *text,
                           bool dry_run, struct lg_api_call *call, struct lg_error *err)
{
    lg_api_call_param(call, "store_name", c->arguments[0]);
    lg_api_call_param(call, "value_schema", text);
    if (c->flags[LG_FLAG_COMPAT] != NULL)
        lg_api_call_param(call, "schema_compat_type", c->flags[LG_FLAG_COMPAT]);
    lg_api_call_param(call, "lagoon_dry_run", dry_run ? "true" : "false");
    return lg_admin_call(a, LG_API_add_value_schema, call, err);
}

static void print_added(struct lg_admin *a, const char *store, const struct lg_json *answer,
                        bool dry_run)
{
    long long id = (long long)lg_json_get_int(answer, "id", 0);

    print_findings(a->out, lg_json_get(answer, "lagoonFindings"),
                   lg_json_get_bool(answer, "lagoonFindingsCut", false), /* with_id= */ true);
    if (!lg_json_get_bool(answer, "lagoonCompatible", false))
        lg_buf_appendf(a->out, "not compatible (%s): nothing was added\n",
                       lg_json_get_str(answer, "lagoonMode", ""));
    else if (!lg_json_get_bool(answer, "lagoonIsNew", false))
        lg_buf_appendf(a->out, "store '%s' has it already, as value schema %lld\n", store, id);
    else if (dry_run)
        lg_buf_appendf(a->out,
                       "compatible (%s): it would be value schema %lld of store '%s'; nothing was "
                       "added: this was a dry run\n",
                       lg_json_get_str(answer, "lagoonMode", ""), id, store);
    else
        lg_buf_appendf(a->out, "store '%s' has value schema %lld\n", store, id);
}

enum lg_rc lg_admin_schema_add(struct lg_admin *a, const struct lg_command *c, struct lg_error *err)
{
    bool dry_run = c->flags[LG_FLAG_DRY_RUN] != NULL, fits = false;
    struct lg_api_call told = {0}, done = {0};
    LG_SCOPED(lg_buf) text = {0};
    LG_AUTO(lg_schema) *schema = NULL;
    enum lg_rc rc = read_schema(a, c->arguments[1], &text, &schema, err);

    if (rc == LG_OK) /* First only to be told: the report comes whether it fits or not. */
        rc = call_add(a, c, (const char *)text.data, /* dry_run= */ true, &told, err);
    fits = rc == LG_OK && lg_json_get_bool(told.answer, "lagoonCompatible", false);
    if (fits && !dry_run && lg_json_get_bool(told.answer, "lagoonIsNew", false))
        rc = call_add(a, c, (const char *)text.data, /* dry_run= */ false, &done, err);
    if (rc == LG_OK && a->output == LG_OUTPUT_TABLE) {
        print_added(a, c->arguments[0], told.answer, dry_run);
    } else if (rc == LG_OK) {
        lg_json_set_bool(told.answer, "lagoonDryRun", dry_run);
        lg_admin_print_json(a, told.answer);
    }
    if (rc == LG_OK && !fits)
        rc = lg_error_set(err, LG_ERR_SCHEMA, "%s does not fit the schemas of store '%s'",
                          c->arguments[1], c->arguments[0]);
    lg_api_call_done(&told);
    lg_api_call_done(&done);
    return rc;
}

/* --- schema list. -------------------------------------------------------------------------------
 */

static enum lg_rc get_schemas(struct lg_admin *a, const char *store, struct lg_api_call *key,
                              struct lg_api_call *values, struct lg_error *err)
{
    enum lg_rc rc;

    lg_api_call_param(key, "store_name", store);
    lg_api_call_param(values, "store_name", store);
    rc = lg_admin_call(a, LG_API_get_key_schema, key, err);
    return rc == LG_OK ? lg_admin_call(a, LG_API_get_all_value_schema, values, err) : rc;
}

/* {"id": 2 or "key", "name", "fields", "fingerprint", "latest", "superset", "schema"}. */
static struct lg_json *schema_row(int64_t id, const char *text, bool is_latest, bool is_superset)
{
    LG_AUTO(lg_schema) *schema = NULL;
    struct lg_json *row = lg_json_new_object(), *json;
    struct lg_error ignored;

    lg_json_set(row, "id", id == 0 ? lg_json_new_string(LG_LIT("key")) : lg_json_new_int(id));
    if (lg_schema_parse(lg_slice_str(text), &schema, &ignored) == LG_OK) {
        struct lg_slice name = lg_schema_full_name(schema);
        LG_AUTO_STR char *words = lg_strf("%.*s", LG_FMT(name));
        LG_AUTO_STR char *print =
            lg_strf("%016llx", (unsigned long long)lg_schema_fingerprint(schema));

        lg_json_set_str(row, "type", lg_avro_kind_name(lg_schema_kind(schema)));
        lg_json_set_str(row, "name", words);
        lg_json_set_int(row, "fields", (int64_t)lg_schema_field_count(schema));
        lg_json_set_str(row, "fingerprint", print);
    }
    lg_json_set_bool(row, "latest", is_latest);
    lg_json_set_bool(row, "superset", is_superset);
    if (lg_json_parse(lg_slice_str(text), &json, &ignored) == LG_OK)
        lg_json_set(row, "schema", json);
    return row;
}

/* The caller owns the rows. */
static struct lg_json *schema_rows(const struct lg_json *key, const struct lg_json *values)
{
    const struct lg_json *schemas = lg_json_get(values, "schemas");
    int64_t superset = lg_json_get_int(values, "superSetSchemaId", -1);
    struct lg_json *rows = lg_json_new_array();
    size_t n = lg_json_size(schemas);

    lg_json_push(rows, schema_row(0, lg_json_get_str(key, "schemaStr", ""), false, false));
    for (size_t i = 0; i < n; i++) {
        const struct lg_json *s = lg_json_at(schemas, i);
        int64_t id = lg_json_get_int(s, "id", 0);

        lg_json_push(
            rows, schema_row(id, lg_json_get_str(s, "schemaStr", ""), i + 1 == n, id == superset));
    }
    return rows;
}

static void print_rows(struct lg_admin *a, const struct lg_json *rows)
{
    static const char *const heading[] = {"ID", "TYPE", "NAME", "FIELDS", "FINGERPRINT", "NOTE"};
    LG_AUTO(lg_table) *table = lg_table_new(LG_ARRAY_SIZE(heading));

    for (size_t i = 0; i < LG_ARRAY_SIZE(heading); i++)
        lg_table_cell(table, lg_slice_str(heading[i]));
    for (size_t i = 0; i < lg_json_size(rows); i++) {
        const struct lg_json *row = lg_json_at(rows, i);
        int64_t id = lg_json_get_int(row, "id", 0);
        bool latest = lg_json_get_bool(row, "latest", false);
        bool superset = lg_json_get_bool(row, "superset", false);

        if (id == 0)
            lg_table_cellf(table, "key");
        else
            lg_table_cellf(table, "%lld", (long long)id);
        lg_table_cellf(table, "%s", lg_json_get_str(row, "type", ""));
        lg_table_cellf(table, "%s", lg_json_get_str(row, "name", ""));
        lg_table_cellf(table, "%lld", (long long)lg_json_get_int(row, "fields", 0));
        lg_table_cellf(table, "%s", lg_json_get_str(row, "fingerprint", ""));
        lg_table_cellf(table, "%s%s%s", latest ? "latest" : "", latest && superset ? ", " : "",
                       superset ? "superset" : "");
    }
    lg_table_write(a->out, table);
}

enum lg_rc lg_admin_schema_list(struct lg_admin *a, const struct lg_command *c,
                                struct lg_error *err)
{
    struct lg_api_call key = {0}, values = {0};
    enum lg_rc rc = get_schemas(a, c->arguments[0], &key, &values, err);

    if (rc == LG_OK) {
        LG_AUTO(lg_json) *rows = schema_rows(key.answer, values.answer);

        if (a->output == LG_OUTPUT_TABLE) {
            print_rows(a, rows);
        } else if (a->output == LG_OUTPUT_JSON) {
            lg_admin_print_json(a, rows);
        } else {
            for (size_t i = 0; i < lg_json_size(rows); i++)
                lg_admin_print_json(a, lg_json_at(rows, i));
        }
    }
    lg_api_call_done(&key);
    lg_api_call_done(&values);
    return rc;
}

/* --- schema show. -------------------------------------------------------------------------------
 */

static enum lg_rc wanted_id(const char *store, const char *which, const struct lg_json *values,
                            int64_t *out, struct lg_error *err)
{
    const struct lg_json *schemas = lg_json_get(values, "schemas");
    int64_t superset = lg_json_get_int(values, "superSetSchemaId", -1);

    if (which == NULL || strcmp(which, "latest") == 0) {
        *out = lg_json_get_int(lg_json_at(schemas, lg_json_size(schemas) - 1), "id", 0);
        return LG_OK;
    }
    if (strcmp(which, "superset") == 0 && superset < 0)
        return lg_error_set(err, LG_ERR_NO_SCHEMA,
                            "store '%s' has no superset schema; `lagoon store update %s "
                            "--read-compute true` makes one",
                            store, store);
    if (strcmp(which, "superset") == 0)
        *out = superset;
    else if (!lg_parse_i64(lg_slice_str(which), 1, INT32_MAX, out))
        return lg_error_set(err, LG_ERR_INVALID,
                            "'%s' is no schema; give an id, latest, superset or key", which);
    return LG_OK;
}

/* The row of the schema asked for; borrowed from `rows`. */
static enum lg_rc find_row(const struct lg_command *c, const struct lg_json *values,
                           const struct lg_json *rows, const struct lg_json **out,
                           struct lg_error *err)
{
    const char *which = c->argument_count > 1 ? c->arguments[1] : NULL;
    int64_t id = 0; /* of the key's row, as lg_json_get_int sees it */

    if (which == NULL || strcmp(which, "key") != 0) {
        enum lg_rc rc = wanted_id(c->arguments[0], which, values, &id, err);

        if (rc != LG_OK)
            return rc;
    }
    for (size_t i = 0; i < lg_json_size(rows); i++) {
        if (lg_json_get_int(lg_json_at(rows, i), "id", 0) == id) {
            *out = lg_json_at(rows, i);
            return LG_OK;
        }
    }
    return lg_error_set(err, LG_ERR_NO_SCHEMA,
                        "store '%s' has no value schema %lld; `lagoon schema list %s` lists them",
                        c->arguments[0], (long long)id, c->arguments[0]);
}

enum lg_rc lg_admin_schema_show(struct lg_admin *a, const struct lg_command *c,
                                struct lg_error *err)
{
    struct lg_api_call key = {0}, values = {0};
    const struct lg_json *row = NULL;
    enum lg_rc rc = get_schemas(a, c->arguments[0], &key, &values, err);

    if (rc == LG_OK) {
        LG_AUTO(lg_json) *rows = schema_rows(key.answer, values.answer);

        rc = find_row(c, values.answer, rows, &row, err);
        if (rc == LG_OK && a->output == LG_OUTPUT_TABLE) { /* Good as a file. */
            lg_json_write(a->out, lg_json_get(row, "schema"), /* pretty= */ !a->compact);
            lg_buf_append_byte(a->out, '\n');
        } else if (rc == LG_OK) {
            lg_admin_print_json(a, row);
        }
    }
    lg_api_call_done(&key);
    lg_api_call_done(&values);
    return rc;
}

/* --- schema check. ------------------------------------------------------------------------------
 */

static void print_check(struct lg_admin *a, enum lg_compat_mode mode,
                        const struct lg_compat_report *report)
{
    LG_AUTO(lg_json) *findings = lg_compat_report_json(report);

    if (a->output == LG_OUTPUT_TABLE) {
        print_findings(a->out, findings, report->is_cut, /* with_id= */ false);
        lg_buf_appendf(a->out, "%s (%s)\n", report->broken == 0 ? "compatible" : "not compatible",
                       lg_compat_mode_name(mode));
    } else {
        LG_AUTO(lg_json) *json = lg_json_new_object();

        lg_json_set_bool(json, "compatible", report->broken == 0);
        lg_json_set_str(json, "mode", lg_compat_mode_name(mode));
        lg_json_set_bool(json, "findingsCut", report->is_cut);
        lg_json_set(json, "findings", lg_json_ref(findings));
        lg_admin_print_json(a, json);
    }
}

enum lg_rc lg_admin_schema_check(struct lg_admin *a, const struct lg_command *c,
                                 struct lg_error *err)
{
    LG_SCOPED(lg_buf) old_text = {0}, new_text = {0};
    LG_AUTO(lg_schema) *older = NULL;
    LG_AUTO(lg_schema) *newer = NULL;
    LG_SCOPED(lg_compat_report) report = {0};
    enum lg_compat_mode mode = LG_COMPAT_FULL;
    enum lg_rc rc = LG_OK;

    if (c->flags[LG_FLAG_COMPAT] != NULL)
        rc = lg_compat_mode_parse(c->flags[LG_FLAG_COMPAT], &mode, err);
    if (rc == LG_OK)
        rc = read_schema(a, c->arguments[0], &old_text, &older, err);
    if (rc == LG_OK)
        rc = read_schema(a, c->arguments[1], &new_text, &newer, err);
    if (rc != LG_OK)
        return rc;
    lg_compat_check(older, newer, mode, /* schema_id= */ 1, &report);
    print_check(a, mode, &report);
    return report.broken == 0 ? LG_OK
                              : lg_error_set(err, LG_ERR_SCHEMA, "%s does not fit %s",
                                             c->arguments[1], c->arguments[0]);
}
