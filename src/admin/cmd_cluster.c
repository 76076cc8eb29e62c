/* lagoon cluster status: the cluster on one screen. */
#include "admin/admin.h"
#include "admin/table.h"
#include "base/str.h"

#define LEFT "%-13s"

static long long number_of(const struct lg_json *object, const char *key)
{
    return (long long)lg_json_get_int(object, key, 0);
}

static void put_text(struct lg_buf *out, const char *name, const struct lg_json *object,
                     const char *key)
{
    const char *text = lg_json_get_str(object, key, "");

    if (*text != '\0')
        lg_buf_appendf(out, LEFT "%s\n", name, text);
}

static void print_leader(struct lg_buf *out, const struct lg_json *j)
{
    const char *leader = lg_json_get_str(j, "leader", "");

    if (*leader == '\0')
        lg_buf_appendf(out, LEFT "none\n", "leader");
    else
        lg_buf_appendf(out, LEFT "%s, term %lld\n", "leader", leader, number_of(j, "term"));
}

static void print_short(struct lg_buf *out, const struct lg_json *j)
{
    static const char *const names[] = {"TOPIC", "PARTITION", "READY", "WANTED"};
    LG_AUTO(lg_table) *table = lg_table_new(LG_ARRAY_SIZE(names));
    const struct lg_json *rows = lg_json_get(j, "underReplicated");
    long long count = number_of(j, "underReplicatedCount");

    if (count == 0) {
        lg_buf_appendf(out, LEFT "every partition has all its replicas ready\n", "health");
        return;
    }
    lg_buf_appendf(out, LEFT "under-replicated: %lld partitions\n\n", "health", count);
    for (size_t i = 0; i < LG_ARRAY_SIZE(names); i++)
        lg_table_cell(table, lg_slice_str(names[i]));
    for (size_t i = 0; i < lg_json_size(rows); i++) {
        const struct lg_json *row = lg_json_at(rows, i);

        lg_table_cell(table, lg_slice_str(lg_json_get_str(row, "topic", "")));
        lg_table_cellf(table, "%lld", number_of(row, "partition"));
        lg_table_cellf(table, "%lld", number_of(row, "ready"));
        lg_table_cellf(table, "%lld", number_of(row, "factor"));
    }
    lg_table_write(out, table);
    if (count > (long long)lg_json_size(rows))
        lg_buf_appendf(out, "and %lld more\n", count - (long long)lg_json_size(rows));
}

static void print_status(struct lg_buf *out, const struct lg_json *j)
{
    const struct lg_json *servers = lg_json_get(j, "servers"),
                         *replicas = lg_json_get(j, "replicas");

    put_text(out, "cluster", j, "cluster");
    print_leader(out, j);
    put_text(out, "metadata", j, "metastore");
    put_text(out, "log", j, "log");
    lg_buf_appendf(out, LEFT "%lld\n" LEFT "%lld\n", "controllers", number_of(j, "controllers"),
                   "routers", number_of(j, "routers"));
    lg_buf_appendf(out, LEFT "%lld live, %lld gone, %lld draining\n", "servers",
                   number_of(servers, "live"), number_of(servers, "gone"),
                   number_of(servers, "draining"));
    lg_buf_appendf(out, LEFT "%lld, with %lld versions\n", "stores", number_of(j, "stores"),
                   number_of(j, "versions"));
    lg_buf_appendf(out, LEFT "%lld wanted, %lld ready, %lld failed, %lld moving\n", "replicas",
                   number_of(replicas, "wanted"), number_of(replicas, "ready"),
                   number_of(replicas, "error"), number_of(replicas, "moving"));
    put_text(out, "rebalance", j, "rebalance");
    print_short(out, j);
}

static enum lg_rc check(const struct lg_json *j, struct lg_error *err)
{
    long long count = number_of(j, "underReplicatedCount");

    if (*lg_json_get_str(j, "leader", "") == '\0')
        return lg_error_set(err, LG_ERR_FAILED, "not healthy: no controller leads");
    if (count > 0)
        return lg_error_set(err, LG_ERR_FAILED,
                            "not healthy: %lld partitions are under-replicated; `lagoon nodes` "
                            "shows which servers are gone",
                            count);
    return LG_OK;
}

static enum lg_rc show(struct lg_admin *a, const struct lg_command *c, struct lg_error *err)
{
    struct lg_api_call call = {0};
    enum lg_rc rc = lg_admin_call(a, LG_API_cluster_status, &call, err);

    if (rc == LG_OK && a->output == LG_OUTPUT_TABLE)
        print_status(a->out, call.answer);
    else if (rc == LG_OK)
        lg_admin_print_json(a, call.answer);
    if (rc == LG_OK && c->flags[LG_FLAG_CHECK] != NULL)
        rc = check(call.answer, err);
    lg_api_call_done(&call);
    return rc;
}

enum lg_rc lg_admin_cluster_status(struct lg_admin *a, const struct lg_command *c,
                                   struct lg_error *err)
{
    if (c->flags[LG_FLAG_CHECK] != NULL && c->flags[LG_FLAG_WATCH] != NULL)
        return lg_error_set(err, LG_ERR_INVALID,
                            "--check looks once and --watch goes on; give one of them");
    return lg_admin_watch(a, c, show, err);
}
