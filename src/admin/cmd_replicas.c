/* lagoon replicas: each replica of a store, where it is and how; and reset. */
#include "admin/admin.h"
#include "admin/table.h"
#include "base/str.h"

static const char *text_of(const struct lg_json *row, const char *key)
{
    return lg_json_get_str(row, key, "");
}

static void replica_row(struct lg_table *table, const struct lg_json *partition,
                        const struct lg_json *replica)
{
    const char *instance = text_of(replica, "instance");
    bool leads = strcmp(instance, text_of(partition, "leader")) == 0;
    bool live = lg_json_get_bool(replica, "live", true);

    lg_table_cellf(table, "%lld", (long long)lg_json_get_int(partition, "partition", 0));
    lg_table_cell(table, lg_slice_str(instance));
    lg_table_cell(table, lg_slice_str(live ? text_of(replica, "state") : "GONE"));
    lg_table_cellf(table, "%s", leads ? "*" : "");
    lg_table_cell(table, lg_slice_str(text_of(replica, "status")));
    lg_table_cellf(table, "%lld", (long long)lg_json_get_int(replica, "records", 0));
    lg_table_cellf(table, "%lld", (long long)lg_json_get_int(replica, "bytes", 0));
    lg_table_cell(table, lg_slice_str(text_of(replica, "error")));
}

static void print_version(struct lg_buf *out, const struct lg_json *version)
{
    static const char *const names[] = {"PARTITION", "SERVER",  "STATE", "LEADER",
                                        "STATUS",    "RECORDS", "BYTES", "ERROR"};
    LG_AUTO(lg_table) *table = lg_table_new(LG_ARRAY_SIZE(names));
    const struct lg_json *partitions = lg_json_get(version, "partitions");

    for (size_t i = 0; i < LG_ARRAY_SIZE(names); i++)
        lg_table_cell(table, lg_slice_str(names[i]));
    for (size_t p = 0; p < lg_json_size(partitions); p++) {
        const struct lg_json *partition = lg_json_at(partitions, p);
        const struct lg_json *replicas = lg_json_get(partition, "replicas");

        for (size_t r = 0; r < lg_json_size(replicas); r++)
            replica_row(table, partition, lg_json_at(replicas, r));
    }
    lg_buf_appendf(out, "version %lld (%s%s), replication factor %lld\n",
                   (long long)lg_json_get_int(version, "version", 0), text_of(version, "status"),
                   lg_json_get_bool(version, "current", false) ? ", current" : "",
                   (long long)lg_json_get_int(version, "factor", 0));
    lg_table_write(out, table);
}

static enum lg_rc put_number(struct lg_api_call *call, const struct lg_command *c,
                             enum lg_command_flag flag, int64_t least, struct lg_error *err)
{
    const char *text = c->flags[flag], *name = lg_flag_row(flag)->name;
    int64_t number;

    if (text == NULL)
        return LG_OK;
    if (!lg_parse_i64(lg_slice_str(text), least, INT32_MAX, &number))
        return lg_error_set(err, LG_ERR_INVALID, "--%s takes a number from %lld on, not '%.80s'",
                            name, (long long)least, text);
    lg_api_call_param(call, name, text);
    return LG_OK;
}

static enum lg_rc show(struct lg_admin *a, const struct lg_command *c, struct lg_error *err)
{
    struct lg_api_call call = {0};
    const struct lg_json *versions;
    enum lg_rc rc;

    lg_api_call_param(&call, "store_name", c->arguments[0]);
    rc = put_number(&call, c, LG_FLAG_OF_VERSION, 1, err);
    if (rc == LG_OK)
        rc = put_number(&call, c, LG_FLAG_OF_PARTITION, 0, err);
    if (rc == LG_OK)
        rc = lg_admin_call(a, LG_API_replicas, &call, err);
    versions = rc == LG_OK ? lg_json_get(call.answer, "versions") : NULL;
    if (rc == LG_OK && a->output == LG_OUTPUT_JSON)
        lg_admin_print_json(a, call.answer);
    else if (rc == LG_OK && a->output == LG_OUTPUT_TABLE && lg_json_size(versions) == 0)
        lg_buf_appendf(a->out, "store '%s' has no version yet\n", c->arguments[0]);
    for (size_t i = 0; a->output != LG_OUTPUT_JSON && i < lg_json_size(versions); i++) {
        if (a->output == LG_OUTPUT_NDJSON) {
            lg_admin_print_json(a, lg_json_at(versions, i));
            continue;
        }
        lg_buf_append_str(a->out, i == 0 ? "" : "\n");
        print_version(a->out, lg_json_at(versions, i));
    }
    lg_api_call_done(&call);
    return rc;
}

enum lg_rc lg_admin_replicas(struct lg_admin *a, const struct lg_command *c, struct lg_error *err)
{
    return lg_admin_watch(a, c, show, err);
}

/* --- Reset. ------------------------------------------------------------------------------------
 */

/* What is thrown away comes back from the log, but until then the replica serves nothing. */
static enum lg_rc confirm(struct lg_admin *a, const struct lg_command *c, struct lg_error *err)
{
    const char *partition = c->flags[LG_FLAG_OF_PARTITION];
    LG_AUTO_STR char *what =
        partition == NULL ? lg_strdup("all partitions") : lg_strf("partition %s", partition);
    LG_AUTO_STR char *question =
        lg_strf("%s of version %s of store '%s' will be wiped on %s and loaded again", what,
                c->flags[LG_FLAG_OF_VERSION], c->arguments[0],
                c->flags[LG_FLAG_INSTANCE] == NULL ? "the servers where they failed"
                                                   : c->flags[LG_FLAG_INSTANCE]);

    return lg_admin_may_change(a, c, question, c->arguments[0], err);
}

static void print_reset(struct lg_buf *out, const struct lg_command *c, int64_t count)
{
    if (count == 0)
        lg_buf_append_str(out, "no replica has failed there; name one with --instance to reset it "
                               "all the same\n");
    else
        lg_buf_appendf(out, "%lld %s again; `lagoon replicas %s --version %s` shows how it goes\n",
                       (long long)count, count == 1 ? "replica begins" : "replicas begin",
                       c->arguments[0], c->flags[LG_FLAG_OF_VERSION]);
}

enum lg_rc lg_admin_replicas_reset(struct lg_admin *a, const struct lg_command *c,
                                   struct lg_error *err)
{
    struct lg_api_call call = {0};
    enum lg_rc rc = LG_OK;

    if (c->flags[LG_FLAG_OF_VERSION] == NULL)
        return lg_error_set(err, LG_ERR_INVALID,
                            "which version? Give --version N; `lagoon replicas %s` shows where it "
                            "failed",
                            c->arguments[0]);
    lg_api_call_param(&call, "store_name", c->arguments[0]);
    rc = put_number(&call, c, LG_FLAG_OF_VERSION, 1, err);
    if (rc == LG_OK)
        rc = put_number(&call, c, LG_FLAG_OF_PARTITION, 0, err);
    if (c->flags[LG_FLAG_INSTANCE] != NULL)
        lg_api_call_param(&call, "instance", c->flags[LG_FLAG_INSTANCE]);
    if (rc == LG_OK && c->flags[LG_FLAG_WIPE] != NULL) {
        lg_api_call_param(&call, "wipe", "true");
        rc = confirm(a, c, err);
    }
    if (rc == LG_OK)
        rc = lg_admin_call(a, LG_API_reset_error_partition, &call, err);
    if (rc == LG_OK && a->output == LG_OUTPUT_TABLE)
        print_reset(a->out, c, lg_json_get_int(call.answer, "reset", 0));
    else if (rc == LG_OK)
        lg_admin_print_json(a, call.answer);
    lg_api_call_done(&call);
    return rc;
}
