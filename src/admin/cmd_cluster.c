/* lagoon cluster status: the cluster on one screen, what is wrong with it and what to do next. */
#include "admin/admin.h"
#include "admin/cluster_problems.h"
#include "admin/table.h"
#include "base/str.h"

#define LEFT "%-13s"
#define ROWS_SHOWN ((size_t)10) /* of a long list: it is one screen */

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
    size_t n = LG_MIN(lg_json_size(rows), ROWS_SHOWN);
    long long count = number_of(j, "underReplicatedCount");

    if (n == 0)
        return;
    for (size_t i = 0; i < LG_ARRAY_SIZE(names); i++)
        lg_table_cell(table, lg_slice_str(names[i]));
    for (size_t i = 0; i < n; i++) {
        const struct lg_json *row = lg_json_at(rows, i);

        lg_table_cell(table, lg_slice_str(lg_json_get_str(row, "topic", "")));
        lg_table_cellf(table, "%lld", number_of(row, "partition"));
        lg_table_cellf(table, "%lld", number_of(row, "ready"));
        lg_table_cellf(table, "%lld", number_of(row, "factor"));
    }
    lg_buf_append_byte(out, '\n');
    lg_table_write(out, table);
    if (count > (long long)n)
        lg_buf_appendf(out, "and %lld more\n", count - (long long)n);
}

static void count_of(struct lg_buf *out, const struct lg_json *problems, const char *severity)
{
    size_t n = lg_cluster_problems_count(problems, severity);

    if (n > 0)
        lg_buf_appendf(out, "%s%zu %s%s", out->size == 0 ? "" : ", ", n, severity,
                       n == 1 ? "" : "s");
}

/* What is wrong, each with what to do next. */
static void print_problems(struct lg_buf *out, const struct lg_json *j)
{
    const struct lg_json *problems = lg_json_get(j, "problems");
    LG_SCOPED(lg_buf) counts = {0};

    count_of(&counts, problems, "error");
    count_of(&counts, problems, "warning");
    if (counts.size == 0)
        lg_buf_append_str(&counts, "every partition has all its replicas ready");
    count_of(&counts, problems, "note");
    lg_buf_appendf(out, LEFT "%.*s\n", "health", LG_FMT(lg_buf_slice(&counts)));
    for (size_t i = 0; i < lg_json_size(problems); i++) {
        const struct lg_json *row = lg_json_at(problems, i);

        lg_buf_appendf(out, "%s%-8s %s\n%8s next: %s\n", i == 0 ? "\n" : "",
                       lg_json_get_str(row, "severity", ""), lg_json_get_str(row, "what", ""), "",
                       lg_json_get_str(row, "next", ""));
    }
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
    if (lg_json_get(j, "pushesRunning") != NULL)
        lg_buf_appendf(out, LEFT "%lld running\n", "pushes", number_of(j, "pushesRunning"));
    put_text(out, "rebalance", j, "rebalance");
    put_text(out, "clients", j, "clientProtocols");
    print_problems(out, j);
    print_short(out, j);
}

/* A note hurts nobody. */
static enum lg_rc check(const struct lg_json *j, struct lg_error *err)
{
    const struct lg_json *problems = lg_json_get(j, "problems"), *first = lg_json_at(problems, 0);
    size_t n = lg_cluster_problems_count(problems, "error") +
               lg_cluster_problems_count(problems, "warning");

    if (n == 0)
        return LG_OK;
    if (n == 1)
        return lg_error_set(err, LG_ERR_FAILED, "not healthy: %s",
                            lg_json_get_str(first, "what", ""));
    return lg_error_set(err, LG_ERR_FAILED,
                        "not healthy: %s; and %zu more: `lagoon cluster status`",
                        lg_json_get_str(first, "what", ""), n - 1);
}

static long long running_of(const struct lg_json *pushes)
{
    const struct lg_json *rows = lg_json_get(pushes, "pushes");
    long long n = 0;

    for (size_t i = 0; i < lg_json_size(rows); i++)
        n += lg_json_get_bool(lg_json_at(rows, i), "running", false);
    return n;
}

static enum lg_rc show(struct lg_admin *a, const struct lg_command *c, struct lg_error *err)
{
    struct lg_api_call call = {0}, nodes = {0}, pushes = {0};
    enum lg_rc rc = lg_admin_call(a, LG_API_cluster_status, &call, err);

    if (rc == LG_OK)
        rc = lg_admin_call(a, LG_API_nodes, &nodes, err);
    if (rc == LG_OK)
        rc = lg_admin_call(a, LG_API_list_pushes, &pushes, err);
    if (rc == LG_OK) {
        lg_json_set_int(call.answer, "pushesRunning", running_of(pushes.answer));
        lg_json_set(call.answer, "problems",
                    lg_cluster_problems(call.answer, nodes.answer, pushes.answer));
    }
    if (rc == LG_OK && a->output == LG_OUTPUT_TABLE)
        print_status(a->out, call.answer);
    else if (rc == LG_OK)
        lg_admin_print_json(a, call.answer);
    if (rc == LG_OK && c->flags[LG_FLAG_CHECK] != NULL)
        rc = check(call.answer, err);
    lg_api_call_done(&call);
    lg_api_call_done(&nodes);
    lg_api_call_done(&pushes);
    return rc;
}

enum lg_rc lg_admin_cluster_update(struct lg_admin *a, const struct lg_command *c,
                                   struct lg_error *err)
{
    struct lg_api_call call = {0};
    enum lg_rc rc;

    if (c->flags[LG_FLAG_CLIENT_PROTOCOLS] == NULL)
        return lg_error_set(err, LG_ERR_INVALID,
                            "nothing to change; the setting is --client-protocols");
    lg_api_call_param(&call, "client_protocols", c->flags[LG_FLAG_CLIENT_PROTOCOLS]);
    rc = lg_admin_call(a, LG_API_update_cluster, &call, err);
    if (rc == LG_OK && a->output != LG_OUTPUT_TABLE)
        lg_admin_print_json(a, call.answer);
    else if (rc == LG_OK)
        lg_buf_appendf(a->out, "clients are told: %s\n", lg_json_get_str(call.answer, "to", ""));
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
