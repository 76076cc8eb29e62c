/* lagoon store delete, undelete, purge, and the list of what was deleted. */
#include "admin/admin.h"
#include "admin/table.h"
#include "base/log.h"
#include "base/str.h"

/* Whoever types at a terminal repeats the name; a purge by a script needs --force. */
static enum lg_rc confirm(struct lg_admin *a, const struct lg_command *c, const char *question,
                          bool is_final, struct lg_error *err)
{
    const char *store = c->arguments[0];
    enum lg_admin_confirm answer = LG_ADMIN_NO_TERMINAL;

    if (c->flags[LG_FLAG_FORCE] != NULL)
        return LG_OK;
    if (a->confirm != NULL)
        answer = a->confirm(a->ctx, question, store);
    if (answer == LG_ADMIN_DENIED)
        return lg_error_set(err, LG_ERR_CANCELLED, "store '%s' is left as it is", store);
    if (answer == LG_ADMIN_NO_TERMINAL && is_final)
        return lg_error_set(err, LG_ERR_INVALID,
                            "purging store '%s' cannot be undone, and there is no terminal to ask "
                            "at; add --force",
                            store);
    return LG_OK;
}

/* The store's existence is checked before anybody is asked. */
static enum lg_rc count_versions(struct lg_admin *a, const char *store, size_t *out,
                                 struct lg_error *err)
{
    struct lg_api_call call = {0};
    enum lg_rc rc;

    lg_api_call_param(&call, "store_name", store);
    rc = lg_admin_call(a, LG_API_store, &call, err);
    if (rc == LG_OK)
        *out = lg_json_size(lg_json_get(lg_json_get(call.answer, "store"), "versions"));
    lg_api_call_done(&call);
    return rc;
}

enum lg_rc lg_admin_store_delete(struct lg_admin *a, const struct lg_command *c,
                                 struct lg_error *err)
{
    const char *store = c->arguments[0];
    struct lg_api_call call = {0};
    char until[LG_LOG_TIME_MAX];
    size_t versions = 0;
    enum lg_rc rc = count_versions(a, store, &versions, err);

    if (rc == LG_OK) {
        LG_AUTO_STR char *question =
            lg_strf("store '%s' and its %zu versions will not be served any more", store, versions);

        rc = confirm(a, c, question, /* is_final= */ false, err);
    }
    if (rc != LG_OK)
        return rc;
    lg_api_call_param(&call, "store_name", store);
    lg_api_call_param(&call, "lagoon_enabled", "true");
    rc = lg_admin_call(a, LG_API_delete_store, &call, err);
    if (rc == LG_OK && a->output == LG_OUTPUT_TABLE) {
        lg_log_time(until, (uint64_t)lg_json_get_int(call.answer, "lagoonPurgeTime", 0));
        lg_buf_appendf(a->out,
                       "store '%s' is deleted; its data stay until %s. Undo: lagoon store undelete "
                       "%s\n",
                       store, until, store);
    } else if (rc == LG_OK) {
        lg_admin_print_json(a, call.answer);
    }
    lg_api_call_done(&call);
    return rc;
}

static void print_undeleted(struct lg_admin *a, const char *store, const struct lg_json *answer)
{
    bool reads = lg_json_get_bool(answer, "enableStoreReads", true);
    bool writes = lg_json_get_bool(answer, "enableStoreWrites", true);
    int64_t version = lg_json_get_int(answer, "version", 0);

    if (!lg_json_get_bool(answer, "lagoonWasDeleted", true)) {
        lg_buf_appendf(a->out, "store '%s' is not deleted; nothing to do\n", store);
        return;
    }
    if (version > 0)
        lg_buf_appendf(a->out, "store '%s' is back and serves version %lld\n", store,
                       (long long)version);
    else
        lg_buf_appendf(a->out, "store '%s' is back; it has no version to serve\n", store);
    if (!reads || !writes)
        lg_buf_appendf(a->out, "it is disabled as before: lagoon store update %s%s%s\n", store,
                       reads ? "" : " --reads true", writes ? "" : " --writes true");
}

enum lg_rc lg_admin_store_undelete(struct lg_admin *a, const struct lg_command *c,
                                   struct lg_error *err)
{
    struct lg_api_call call = {0};
    enum lg_rc rc;

    lg_api_call_param(&call, "store_name", c->arguments[0]);
    rc = lg_admin_call(a, LG_API_undelete_store, &call, err);
    if (rc == LG_OK)
        rc = lg_admin_until_served(a, c, c->arguments[0],
                                   (int32_t)lg_json_get_int(call.answer, "version", 0), err);
    if (rc == LG_OK && a->output == LG_OUTPUT_TABLE)
        print_undeleted(a, c->arguments[0], call.answer);
    else if (rc == LG_OK)
        lg_admin_print_json(a, call.answer);
    lg_api_call_done(&call);
    return rc;
}

enum lg_rc lg_admin_store_purge(struct lg_admin *a, const struct lg_command *c,
                                struct lg_error *err)
{
    const char *store = c->arguments[0];
    LG_AUTO_STR char *question =
        lg_strf("all data of the deleted store '%s' will be gone for good", store);
    struct lg_api_call call = {0};
    enum lg_rc rc = confirm(a, c, question, /* is_final= */ true, err);

    if (rc != LG_OK)
        return rc;
    lg_api_call_param(&call, "store_name", store);
    rc = lg_admin_call(a, LG_API_purge_store, &call, err);
    if (rc == LG_OK && a->output == LG_OUTPUT_TABLE)
        lg_buf_appendf(a->out, "store '%s' is gone for good; its name is free\n", store);
    else if (rc == LG_OK)
        lg_admin_print_json(a, call.answer);
    lg_api_call_done(&call);
    return rc;
}

static void print_deleted(struct lg_admin *a, const struct lg_json *rows)
{
    static const char *const heading[] = {"STORE", "VERSIONS", "OWNER", "DELETED", "STAYS UNTIL"};
    LG_AUTO(lg_table) *table = lg_table_new(LG_ARRAY_SIZE(heading));

    for (size_t i = 0; i < LG_ARRAY_SIZE(heading); i++)
        lg_table_cell(table, lg_slice_str(heading[i]));
    for (size_t i = 0; i < lg_json_size(rows); i++) {
        const struct lg_json *row = lg_json_at(rows, i);
        char deleted[LG_LOG_TIME_MAX], until[LG_LOG_TIME_MAX];

        lg_log_time(deleted, (uint64_t)lg_json_get_int(row, "deletedTime", 0));
        lg_log_time(until, (uint64_t)lg_json_get_int(row, "purgeTime", 0));
        lg_table_cellf(table, "%s", lg_json_get_str(row, "name", ""));
        lg_table_cellf(table, "%lld", (long long)lg_json_get_int(row, "versions", 0));
        lg_table_cellf(table, "%s", lg_json_get_str(row, "owner", ""));
        lg_table_cellf(table, "%s", deleted);
        lg_table_cellf(table, "%s", until);
    }
    lg_table_write(a->out, table);
}

enum lg_rc lg_admin_list_deleted(struct lg_admin *a, struct lg_error *err)
{
    struct lg_api_call call = {0};
    const struct lg_json *rows;
    enum lg_rc rc;

    lg_api_call_param(&call, "lagoon_deleted", "true");
    rc = lg_admin_call(a, LG_API_list_stores, &call, err);
    rows = rc == LG_OK ? lg_json_get(call.answer, "lagoonDeleted") : NULL;
    if (rc == LG_OK && a->output == LG_OUTPUT_JSON) {
        lg_admin_print_json(a, call.answer);
    } else if (rc == LG_OK && a->output == LG_OUTPUT_NDJSON) {
        for (size_t i = 0; i < lg_json_size(rows); i++) {
            lg_json_write(a->out, lg_json_at(rows, i), /* pretty= */ false);
            lg_buf_append_byte(a->out, '\n');
        }
    } else if (rc == LG_OK) {
        print_deleted(a, rows);
    }
    lg_api_call_done(&call);
    return rc;
}
