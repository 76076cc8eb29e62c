/* lagoon versions, rollback, rollforward, swap. */
#include "admin/admin.h"
#include "admin/table.h"
#include "base/log.h"
#include "base/str.h"

/* Why a version stays, and until when. */
static void print_kept(struct lg_table *table, const struct lg_json *ours)
{
    int64_t until_ms = lg_json_get_int(ours, "keptUntil", 0);
    char until[LG_LOG_TIME_MAX];

    if (until_ms == 0) {
        lg_table_cellf(table, "%s", lg_json_get_str(ours, "kept", ""));
        return;
    }
    lg_log_time(until, (uint64_t)until_ms);
    lg_table_cellf(table, "%s, until %s", lg_json_get_str(ours, "kept", ""), until);
}

static void print_versions(struct lg_admin *a, const struct lg_json *store)
{
    static const char *const heading[] = {"VERSION", "STATUS",  "SERVED", "PARTITIONS",
                                          "RECORDS", "CREATED", "KEPT",   "PUSH"};
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
        print_kept(table, lg_json_get(v, "lagoon"));
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

/* Asks for a switch, waits until the routers have it, says what is served now and how to undo it.
 */
static enum lg_rc switch_version(struct lg_admin *a, const struct lg_command *c,
                                 enum lg_api_route route, struct lg_api_call *call, int64_t before,
                                 const char *undo, struct lg_error *err)
{
    const char *store = c->arguments[0];
    int64_t after = 0;
    enum lg_rc rc;

    if (c->flags[LG_FLAG_WAIT] != NULL && c->flags[LG_FLAG_NO_WAIT] != NULL)
        return lg_error_set(err, LG_ERR_INVALID, "--wait and --no-wait exclude each other");
    rc = lg_admin_call(a, route, call, err);
    if (rc != LG_OK && call->may_be_made)
        return lg_error_wrap(err, "`lagoon versions %s` shows whether it happened", store);
    if (rc == LG_OK)
        after = lg_json_get_int(call->answer, "version", 0);
    if (rc == LG_OK)
        rc = lg_admin_until_served(a, c, store, (int32_t)after, err);
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

static enum lg_rc roll(struct lg_admin *a, const struct lg_command *c, enum lg_api_route route,
                       const char *undo, struct lg_error *err)
{
    struct lg_api_call look = {0}, call = {0};
    int64_t before = 0;
    enum lg_rc rc;

    lg_api_call_param(&look, "store_name", c->arguments[0]);
    rc = lg_admin_call(a, LG_API_store, &look, err);
    if (rc == LG_OK)
        before = lg_json_get_int(lg_json_get(look.answer, "store"), "currentVersion", 0);
    lg_api_call_param(&call, "store_name", c->arguments[0]);
    if (rc == LG_OK && before > 0) {
        LG_AUTO_STR char *from = lg_strf("%lld", (long long)before);

        lg_api_call_param(&call, "lagoon_from_version", from);
    }
    if (rc == LG_OK)
        rc = switch_version(a, c, route, &call, before, undo, err);
    lg_api_call_done(&look);
    lg_api_call_done(&call);
    return rc;
}

enum lg_rc lg_admin_rollback(struct lg_admin *a, const struct lg_command *c, struct lg_error *err)
{
    return roll(a, c, LG_API_rollback_to_backup_version, "rollforward", err);
}

enum lg_rc lg_admin_rollforward(struct lg_admin *a, const struct lg_command *c,
                                struct lg_error *err)
{
    return roll(a, c, LG_API_roll_forward_to_future_version, "rollback", err);
}

/* The newest version that waits for its swap; 0: none, which the controller says better. */
static int64_t newest_waiting(const struct lg_json *store)
{
    const struct lg_json *versions = lg_json_get(store, "versions");
    int64_t current = lg_json_get_int(store, "currentVersion", 0), found = 0;

    for (size_t i = 0; i < lg_json_size(versions); i++) {
        const struct lg_json *v = lg_json_at(versions, i);
        int64_t number = lg_json_get_int(v, "number", 0);

        if (number > current && strcmp(lg_json_get_str(v, "status", ""), "PUSHED") == 0)
            found = LG_MAX(found, number);
    }
    return found;
}

enum lg_rc lg_admin_swap(struct lg_admin *a, const struct lg_command *c, struct lg_error *err)
{
    struct lg_api_call look = {0}, call = {0};
    const struct lg_json *store;
    int64_t version = 0;
    enum lg_rc rc;

    if (c->argument_count > 1 &&
        !lg_parse_i64(lg_slice_str(c->arguments[1]), 1, INT32_MAX, &version))
        return lg_error_set(err, LG_ERR_INVALID, "'%s' is no version number", c->arguments[1]);
    lg_api_call_param(&look, "store_name", c->arguments[0]);
    rc = lg_admin_call(a, LG_API_store, &look, err);
    if (rc == LG_OK) {
        LG_AUTO_STR char *wanted = NULL;

        store = lg_json_get(look.answer, "store");
        /* Named, so that asking again after a lost answer changes nothing. */
        wanted = lg_strf("%lld", (long long)(version != 0 ? version : newest_waiting(store)));
        lg_api_call_param(&call, "store_name", c->arguments[0]);
        lg_api_call_param(&call, "lagoon_swap_version", wanted);
        rc = switch_version(a, c, LG_API_roll_forward_to_future_version, &call,
                            lg_json_get_int(store, "currentVersion", 0), "rollback", err);
    }
    lg_api_call_done(&look);
    lg_api_call_done(&call);
    return rc;
}
