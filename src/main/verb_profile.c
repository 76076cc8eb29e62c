/* lagoon profile add, use, list, show, remove: the clusters that a user talks to, by name. */
#include "admin/admin.h"
#include "admin/table.h"
#include "base/json.h"
#include "base/str.h"
#include "main/cli.h"
#include "main/profile_file.h"

static bool is_current(const struct lg_profiles *all, const struct lg_profile *row)
{
    return all->current != NULL && strcmp(all->current, row->name) == 0;
}

static struct lg_json *json_of(const struct lg_profiles *all, const struct lg_profile *row)
{
    struct lg_json *json = lg_json_new_object(), *urls = lg_json_new_array();

    lg_json_set_str(json, "name", row->name);
    lg_json_set_bool(json, "current", is_current(all, row));
    for (const char *at = row->controller;; at++) {
        size_t size = strcspn(at, ",");

        lg_json_push(urls, lg_json_new_string(lg_slice(at, size)));
        at += size;
        if (*at == '\0')
            break;
    }
    lg_json_set(json, "controllers", urls);
    lg_json_set_str(json, "cluster", row->cluster);
    lg_json_set_str(json, "router", row->router);
    return json;
}

static void write_json(struct lg_buf *out, struct lg_json *take_json, bool pretty)
{
    LG_AUTO(lg_json) *json = take_json;

    lg_json_write(out, json, pretty);
    lg_buf_append_byte(out, '\n');
}

static void list(struct lg_buf *out, const struct lg_profiles *all, enum lg_output output)
{
    static const char *const heading[] = {"", "PROFILE", "CONTROLLER", "CLUSTER", "ROUTER"};
    LG_AUTO(lg_table) *table = lg_table_new(LG_ARRAY_SIZE(heading));
    LG_AUTO(lg_json) *json = lg_json_new_object();
    struct lg_json *rows = lg_json_new_array();

    lg_json_set(json, "profiles", rows);
    for (size_t i = 0; i < LG_ARRAY_SIZE(heading); i++)
        lg_table_cell(table, lg_slice_str(heading[i]));
    for (size_t i = 0; i < all->count; i++) {
        const struct lg_profile *row = &all->rows[i];

        if (output == LG_OUTPUT_NDJSON)
            write_json(out, json_of(all, row), /* pretty= */ false);
        lg_json_push(rows, json_of(all, row));
        lg_table_cellf(table, "%s", is_current(all, row) ? "*" : "");
        lg_table_cellf(table, "%s", row->name);
        lg_table_cellf(table, "%s", row->controller);
        lg_table_cellf(table, "%s", row->cluster == NULL ? "" : row->cluster);
        lg_table_cellf(table, "%s", row->router == NULL ? "" : row->router);
    }
    if (output == LG_OUTPUT_JSON)
        write_json(out, lg_json_ref(json), /* pretty= */ true);
    else if (output == LG_OUTPUT_TABLE && all->count == 0)
        lg_buf_append_str(out, "no profiles yet; `lagoon profile add NAME --controller URL` makes "
                               "one\n");
    else if (output == LG_OUTPUT_TABLE)
        lg_table_write(out, table);
}

static void show(struct lg_buf *out, const struct lg_profiles *all, const struct lg_profile *row,
                 enum lg_output output)
{
    if (output != LG_OUTPUT_TABLE) {
        write_json(out, json_of(all, row), output == LG_OUTPUT_JSON);
        return;
    }
    lg_buf_appendf(out, "profile     %s%s\ncontroller  %s\ncluster     %s\nrouter      %s\n",
                   row->name, is_current(all, row) ? " (current)" : "", row->controller,
                   row->cluster == NULL ? "whichever answers" : row->cluster,
                   row->router == NULL ? "those that the controller knows" : row->router);
}

/* The one that is named, else the current one. */
static enum lg_rc find(const struct lg_command *c, const struct lg_profiles *all,
                       const struct lg_profile **out, struct lg_error *err)
{
    const char *name = c->argument_count > 0 ? c->arguments[0] : all->current;

    if (name == NULL)
        return lg_error_set(err, LG_ERR_NOT_FOUND,
                            "no profile is in use; `lagoon profile use NAME` takes one, `lagoon "
                            "profile list` shows them");
    return lg_profiles_find(all, name, out, err);
}

static enum lg_rc change(const struct lg_command *c, struct lg_profiles *all, struct lg_error *err)
{
    const char *name = c->arguments[0], *controller = c->flags[LG_FLAG_ITS_CONTROLLER];

    if (c->kind == LG_COMMAND_PROFILE_USE)
        return lg_profiles_use(all, name, err);
    if (c->kind == LG_COMMAND_PROFILE_REMOVE)
        return lg_profiles_remove(all, name, err);
    if (controller == NULL)
        return lg_error_set(err, LG_ERR_INVALID,
                            "a profile needs --controller URL, several separated by commas");
    return lg_profiles_put(all, name, controller, c->flags[LG_FLAG_ITS_CLUSTER],
                           c->flags[LG_FLAG_ITS_ROUTER], err);
}

static void tell(const struct lg_command *c, const struct lg_profiles *all, enum lg_output output,
                 struct lg_buf *out)
{
    const char *name = c->arguments[0];
    const struct lg_profile *row;
    struct lg_error gone;
    bool current = all->current != NULL && strcmp(all->current, name) == 0;

    if (output != LG_OUTPUT_TABLE) {
        LG_AUTO(lg_json) *json = lg_json_new_object();

        if (lg_profiles_find(all, name, &row, &gone) == LG_OK)
            write_json(out, json_of(all, row), output == LG_OUTPUT_JSON);
        else {
            lg_json_set_str(json, "removed", name);
            write_json(out, lg_json_ref(json), output == LG_OUTPUT_JSON);
        }
    } else if (c->kind == LG_COMMAND_PROFILE_REMOVE) {
        lg_buf_appendf(out, "profile '%s' is removed%s\n", name,
                       all->current == NULL && all->count > 0
                           ? "; none is in use: lagoon profile use NAME"
                           : "");
    } else if (current) {
        lg_buf_appendf(out, "profile '%s' is in use\n", name);
    } else {
        lg_buf_appendf(out, "profile '%s' is kept; in use with: lagoon profile use %s\n", name,
                       name);
    }
}

int lg_verb_profile(const struct lg_command *c)
{
    LG_SCOPED(lg_profiles) all = {0};
    LG_SCOPED(lg_buf) out = {0};
    const struct lg_profile *row;
    struct lg_error err = {0};
    enum lg_output output;
    enum lg_rc rc = lg_admin_parse_output(c->flags[LG_FLAG_OUTPUT], &output, &err);

    if (rc == LG_OK)
        rc = lg_profile_file_load(&all, &err);
    if (rc == LG_OK && c->kind == LG_COMMAND_PROFILE_LIST) {
        list(&out, &all, output);
    } else if (rc == LG_OK && c->kind == LG_COMMAND_PROFILE_SHOW) {
        rc = find(c, &all, &row, &err);
        if (rc == LG_OK)
            show(&out, &all, row, output);
    } else if (rc == LG_OK) {
        rc = change(c, &all, &err);
        if (rc == LG_OK)
            rc = lg_profile_file_save(&all, &err);
        if (rc == LG_OK)
            tell(c, &all, output, &out);
    }
    return rc == LG_OK ? lg_cli_print(lg_buf_slice(&out)) : lg_cli_fail(&err);
}
