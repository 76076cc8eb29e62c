/* lagoon store update: settings of a store, by flags of their names or by --set. The controller
 * says what changes, in a dry run first. */
#include "admin/admin.h"
#include "admin/table.h"
#include "base/str.h"
#include "model/setting.h"

#define CHOICES_MAX 100u

/* The value of the flag that is called like the setting; NULL: not given. */
static const char *flag_of(const struct lg_command *c, const struct lg_setting *setting)
{
    for (size_t f = 0; f < LG_FLAG_COUNT; f++)
        if (strcmp(lg_flag_row((enum lg_command_flag)f)->name, setting->name) == 0)
            return c->flags[f];
    return NULL;
}

/* One key=value of --set: a setting's name, or a parameter as Venice calls it. */
static enum lg_rc take_pair(struct lg_api_call *call, struct lg_slice pair, struct lg_error *err)
{
    LG_AUTO_STR char *key = lg_strndup((const char *)pair.data, pair.size);
    char *equals = strchr(key, '=');
    const struct lg_setting *setting;

    if (equals == NULL || equals == key)
        return lg_error_set(err, LG_ERR_INVALID,
                            "--set takes KEY=VALUE, several separated by commas, not '%.80s'", key);
    *equals = 0;
    setting = lg_setting_find(key);
    lg_api_call_param(call, setting == NULL ? key : setting->parameter, equals + 1);
    return LG_OK;
}

static enum lg_rc take_set(struct lg_api_call *call, const char *text, size_t *count,
                           struct lg_error *err)
{
    struct lg_slice rest = lg_slice_str(text);

    while (rest.size > 0) {
        const uint8_t *comma = memchr(rest.data, ',', rest.size);
        struct lg_slice pair =
            comma == NULL ? rest : lg_slice(rest.data, (size_t)(comma - rest.data));
        enum lg_rc rc = take_pair(call, pair, err);

        if (rc != LG_OK)
            return rc;
        if (++*count > CHOICES_MAX)
            return lg_error_set(err, LG_ERR_TOO_LARGE, "--set has more than %u settings",
                                CHOICES_MAX);
        rest = lg_slice_skip(rest, pair.size + 1);
    }
    return LG_OK;
}

static enum lg_rc no_choice(struct lg_error *err)
{
    LG_SCOPED(lg_buf) names = {0};

    for (size_t i = 0; i < lg_settings_count; i++)
        lg_buf_appendf(&names, "%s--%s", i == 0 ? "" : ", ", lg_settings[i].name);
    return lg_error_set(err, LG_ERR_INVALID, "nothing to change; the settings are %.*s",
                        LG_FMT(lg_buf_slice(&names)));
}

static enum lg_rc call_update(struct lg_admin *a, const struct lg_command *c, bool dry_run,
                              struct lg_api_call *call, struct lg_error *err)
{
    const char *set = c->flags[LG_FLAG_SET];
    size_t count = 0;
    enum lg_rc rc = LG_OK;

    lg_api_call_param(call, "store_name", c->arguments[0]);
    for (size_t i = 0; i < lg_settings_count; i++) {
        const char *value = flag_of(c, &lg_settings[i]);

        if (value == NULL)
            continue;
        lg_api_call_param(call, lg_settings[i].parameter, value);
        count++;
    }
    if (set != NULL)
        rc = take_set(call, set, &count, err);
    if (rc == LG_OK && count == 0)
        rc = no_choice(err);
    if (rc != LG_OK)
        return rc;
    lg_api_call_param(call, "lagoon_dry_run", dry_run ? "true" : "false");
    return lg_admin_call(a, LG_API_update_store, call, err);
}

static void print_changes(struct lg_admin *a, const char *store, bool dry_run,
                          const struct lg_json *changes)
{
    static const char *const heading[] = {"SETTING", "FROM", "TO", "APPLIES"};
    LG_AUTO(lg_table) *table = lg_table_new(LG_ARRAY_SIZE(heading));

    if (lg_json_size(changes) == 0) {
        lg_buf_appendf(a->out, "store '%s' is like that already\n", store);
        return;
    }
    for (size_t i = 0; i < LG_ARRAY_SIZE(heading); i++)
        lg_table_cell(table, lg_slice_str(heading[i]));
    for (size_t i = 0; i < lg_json_size(changes); i++) {
        static const char *const keys[] = {"setting", "from", "to", "applies"};

        for (size_t k = 0; k < LG_ARRAY_SIZE(keys); k++)
            lg_table_cellf(table, "%s", lg_json_get_str(lg_json_at(changes, i), keys[k], ""));
    }
    lg_table_write(a->out, table);
    lg_buf_appendf(a->out,
                   dry_run ? "nothing was changed in store '%s': this was a dry run\n"
                           : "store '%s' is updated\n",
                   store);
}

static void print_json(struct lg_admin *a, const char *store, bool dry_run,
                       const struct lg_json *changes)
{
    LG_AUTO(lg_json) *json = lg_json_new_object();

    lg_json_set_str(json, "store", store);
    lg_json_set_bool(json, "dryRun", dry_run);
    lg_json_set(json, "changes", lg_json_ref((struct lg_json *)(uintptr_t)changes));
    lg_admin_print_json(a, json);
}

enum lg_rc lg_admin_store_update(struct lg_admin *a, const struct lg_command *c,
                                 struct lg_error *err)
{
    bool dry_run = c->flags[LG_FLAG_DRY_RUN] != NULL;
    struct lg_api_call told = {0}, done = {0};
    const struct lg_json *changes;
    /* First only to be told, because a repeated request finds nothing left to change. */
    enum lg_rc rc = call_update(a, c, /* dry_run= */ true, &told, err);

    changes = rc == LG_OK ? lg_json_get(told.answer, "lagoonChanges") : NULL;
    if (rc == LG_OK && !dry_run && lg_json_size(changes) > 0)
        rc = call_update(a, c, /* dry_run= */ false, &done, err);
    if (rc == LG_OK && a->output == LG_OUTPUT_TABLE)
        print_changes(a, c->arguments[0], dry_run, changes);
    else if (rc == LG_OK)
        print_json(a, c->arguments[0], dry_run, changes);
    lg_api_call_done(&told);
    lg_api_call_done(&done);
    return rc;
}

void lg_admin_print_settings(struct lg_admin *a, const struct lg_json *info)
{
    struct lg_store *store;
    struct lg_error ignored;

    /* An answer of a controller that is newer than this program: shown without. */
    if (lg_store_from_json(info, &store, &ignored) != LG_OK)
        return;
    for (size_t i = 0; i < lg_settings_count; i++) {
        LG_SCOPED(lg_buf) text = {0};

        lg_setting_text(&lg_settings[i], store, &text);
        lg_buf_appendf(a->out, "%-20s %.*s\n", lg_settings[i].name, LG_FMT(lg_buf_slice(&text)));
    }
    lg_store_free(store);
}
