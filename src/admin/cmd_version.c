/* lagoon versions, rollback, rollforward, push kill. */
#include "admin/admin.h"
#include "admin/table.h"
#include "base/log.h"
#include "base/str.h"

static void print_versions(struct lg_admin *a, const struct lg_json *store)
{
    static const char *const heading[] = {"VERSION", "STATUS",  "SERVED", "PARTITIONS",
                                          "RECORDS", "CREATED", "PUSH"};
    LG_AUTO(lg_table) *table = lg_table_new(LG_ARRAY_SIZE(heading));
    const struct lg_json *versions = lg_json_get(store, "versions");
    int64_t current = lg_json_get_int(store, "currentVersion", 0);

    for (size_t i = 0; i < LG_ARRAY_SIZE(heading); i++)
        lg_table_cell(table, lg_slice_str(heading[i]));
    for (size_t i = lg_json_size(versions); i > 0; i--) {
        const struct lg_json *v = lg_json_at(versions, i - 1);
        int64_t number = lg_json_get_int(v, "number", 0);
        int64_t records = lg_json_get_int(lg_json_get(v, "lagoon"), "recordCount", -1);
        char created[LG_LOG_TIME_MAX];

        lg_log_time(created, (uint64_t)lg_json_get_int(v, "createdTime", 0));
        lg_table_cellf(table, "%lld", (long long)number);
        lg_table_cellf(table, "%s", lg_json_get_str(v, "status", ""));
        lg_table_cellf(table, "%s", number == current ? "yes" : "");
        lg_table_cellf(table, "%lld", (long long)lg_json_get_int(v, "partitionCount", 0));
        if (records >= 0)
            lg_table_cellf(table, "%lld", (long long)records);
        else
            lg_table_cell(table, LG_SLICE_NULL);
        lg_table_cellf(table, "%s", created);
        lg_table_cellf(table, "%s", lg_json_get_str(v, "pushJobId", ""));
    }
    lg_table_write(a->out, table);
}

enum lg_rc lg_admin_versions(struct lg_admin *a, const struct lg_command *c, struct lg_error *err)
{
    struct lg_api_call call = {0};
    const struct lg_json *store, *versions;
    enum lg_rc rc;

    lg_api_call_param(&call, "store_name", c->arguments[0]);
    rc = lg_admin_call(a, LG_API_store, &call, err);
    store = rc == LG_OK ? lg_json_get(call.answer, "store") : NULL;
    versions = store == NULL ? NULL : lg_json_get(store, "versions");
    if (rc == LG_OK && a->output == LG_OUTPUT_NDJSON) {
        for (size_t i = 0; i < lg_json_size(versions); i++) {
            lg_json_write(a->out, lg_json_at(versions, i), /* pretty= */ false);
            lg_buf_append_byte(a->out, '\n');
        }
    } else if (rc == LG_OK && a->output == LG_OUTPUT_JSON) {
        LG_AUTO(lg_json) *json = lg_json_new_object();

        lg_json_set_str(json, "store", c->arguments[0]);
        lg_json_set_int(json, "currentVersion", lg_json_get_int(store, "currentVersion", 0));
        lg_json_set(json, "versions", lg_json_ref((struct lg_json *)(uintptr_t)versions));
        lg_admin_print_json(a, json);
    } else if (rc == LG_OK && lg_json_size(versions) == 0) {
        lg_buf_appendf(a->out,
                       "store '%s' has no versions; `lagoon push %s FILE --key-field FIELD` "
                       "makes one\n",
                       c->arguments[0], c->arguments[0]);
    } else if (rc == LG_OK) {
        print_versions(a, store);
    }
    lg_api_call_done(&call);
    return rc;
}

static enum lg_rc current_version(struct lg_admin *a, const char *store, int64_t *out,
                                  struct lg_error *err)
{
    struct lg_api_call call = {0};
    enum lg_rc rc;

    lg_api_call_param(&call, "store_name", store);
    rc = lg_admin_call(a, LG_API_store, &call, err);
    if (rc == LG_OK)
        *out = lg_json_get_int(lg_json_get(call.answer, "store"), "currentVersion", 0);
    lg_api_call_done(&call);
    return rc;
}

/* Both directions: ask, then say what is served now and how to undo it. */
static enum lg_rc switch_version(struct lg_admin *a, const char *store, enum lg_api_route route,
                                 const char *undo, struct lg_error *err)
{
    struct lg_api_call call = {0};
    int64_t before = 0, after = 0;
    enum lg_rc rc = current_version(a, store, &before, err);

    lg_api_call_param(&call, "store_name", store);
    if (rc == LG_OK && before > 0) {
        LG_AUTO_STR char *from = lg_strf("%lld", (long long)before);

        lg_api_call_param(&call, "lagoon_from_version", from);
    }
    if (rc == LG_OK)
        rc = lg_admin_call(a, route, &call, err);
    lg_api_call_done(&call);
    if (rc == LG_OK)
        rc = current_version(a, store, &after, err);
    if (rc != LG_OK)
        return rc;
    if (a->output == LG_OUTPUT_TABLE) {
        lg_buf_appendf(a->out, "store '%s' serves version %lld (was %lld). Undo: lagoon %s %s\n",
                       store, (long long)after, (long long)before, undo, store);
    } else {
        LG_AUTO(lg_json) *json = lg_json_new_object();

        lg_json_set_str(json, "store", store);
        lg_json_set_int(json, "currentVersion", after);
        lg_json_set_int(json, "previousVersion", before);
        lg_admin_print_json(a, json);
    }
    return LG_OK;
}

enum lg_rc lg_admin_rollback(struct lg_admin *a, const struct lg_command *c, struct lg_error *err)
{
    return switch_version(a, c->arguments[0], LG_API_rollback_to_backup_version, "rollforward",
                          err);
}

enum lg_rc lg_admin_rollforward(struct lg_admin *a, const struct lg_command *c,
                                struct lg_error *err)
{
    return switch_version(a, c->arguments[0], LG_API_roll_forward_to_future_version, "rollback",
                          err);
}

enum lg_rc lg_admin_push_kill(struct lg_admin *a, const struct lg_command *c, struct lg_error *err)
{
    LG_AUTO_STR char *topic = lg_strf("%s_v%s", c->arguments[0], c->arguments[1]);
    struct lg_api_call call = {0};
    int64_t version;
    enum lg_rc rc;

    if (!lg_parse_i64(lg_slice_str(c->arguments[1]), 1, INT32_MAX, &version))
        return lg_error_set(err, LG_ERR_INVALID, "'%s' is no version number", c->arguments[1]);
    lg_api_call_param(&call, "topic", topic);
    lg_api_call_param(&call, "store_name", c->arguments[0]);
    lg_api_call_param(&call, "version", c->arguments[1]);
    rc = lg_admin_call(a, LG_API_kill_offline_push_job, &call, err);
    if (rc == LG_OK && a->output == LG_OUTPUT_TABLE)
        lg_buf_appendf(a->out, "the push of version %lld of store '%s' is killed\n",
                       (long long)version, c->arguments[0]);
    else if (rc == LG_OK)
        lg_admin_print_json(a, call.answer);
    lg_api_call_done(&call);
    return rc;
}
