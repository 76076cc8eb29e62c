/* lagoon nodes: who the cluster is made of; and remove, drain, activate, removable. */
#include "admin/cmd_nodes.h"

#include "admin/table.h"
#include "admin/words.h"
#include "base/str.h"

#define NODES_MAX ((size_t)10000) /* of one answer */

static void heading(struct lg_table *table, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        lg_table_cell(table, lg_slice_str(names[i]));
}

static void number_cell(struct lg_table *table, const struct lg_json *row, const char *key)
{
    lg_table_cellf(table, "%lld", (long long)lg_json_get_int(row, key, 0));
}

static void text_cell(struct lg_table *table, const struct lg_json *row, const char *key)
{
    lg_table_cell(table, lg_slice_str(lg_json_get_str(row, key, "")));
}

static void server_row(struct lg_table *table, const struct lg_json *row)
{
    int64_t gone_ms = lg_json_get_int(row, "goneForMs", -1);
    int64_t grpc_port = lg_json_get_int(row, "grpcPort", 0);
    char text[LG_WORDS_MAX];

    text_cell(table, row, "id");
    text_cell(table, row, "state");
    text_cell(table, row, "zone");
    number_cell(table, row, "replicas");
    number_cell(table, row, "leaders");
    number_cell(table, row, "ready");
    number_cell(table, row, "errors");
    text_cell(table, row, "release");
    if (grpc_port > 0)
        lg_table_cellf(table, "%lld", (long long)grpc_port);
    else
        lg_table_cell(table, LG_LIT("off"));
    lg_table_cell(table, gone_ms > 0 ? lg_slice_str(lg_words_time(text, gone_ms)) : LG_SLICE_NULL);
}

/* Those that take in nothing until somebody makes room. */
static void print_full(struct lg_buf *out, const struct lg_json *rows)
{
    for (size_t i = 0; i < LG_MIN(lg_json_size(rows), NODES_MAX); i++)
        if (lg_json_get_bool(lg_json_at(rows, i), "diskLow", false))
            lg_buf_appendf(out,
                           "the disk of server '%s' is low (disk_low_watermark): it takes in "
                           "nothing, and is given replicas only if nobody else can take them; make "
                           "room there\n",
                           lg_json_get_str(lg_json_at(rows, i), "id", ""));
}

/* Those that are drained and can go no further by themselves. */
static void print_waiting(struct lg_buf *out, const struct lg_json *rows)
{
    for (size_t i = 0; i < LG_MIN(lg_json_size(rows), NODES_MAX); i++) {
        const struct lg_json *row = lg_json_at(rows, i);
        const char *id = lg_json_get_str(row, "id", "");
        long long n = (long long)lg_json_get_int(row, "waitingForRoom", 0);

        if (n > 0)
            lg_buf_appendf(out,
                           "server '%s' is being drained and waits for room: no other server can "
                           "take %lld of its replicas; start another one, or undo it: lagoon nodes "
                           "activate %s\n",
                           id, n, id);
    }
}

static void print_servers(struct lg_buf *out, const struct lg_json *rows)
{
    static const char *const names[] = {"SERVER", "STATE",  "ZONE",    "REPLICAS", "LEADERS",
                                        "READY",  "ERRORS", "RELEASE", "GRPC",     "GONE FOR"};
    LG_AUTO(lg_table) *table = lg_table_new(LG_ARRAY_SIZE(names));

    if (lg_json_size(rows) == 0) {
        lg_buf_append_str(out, "no server is there\n");
        return;
    }
    heading(table, names, LG_ARRAY_SIZE(names));
    for (size_t i = 0; i < LG_MIN(lg_json_size(rows), NODES_MAX); i++)
        server_row(table, lg_json_at(rows, i));
    lg_table_write(out, table);
    print_waiting(out, rows);
    print_full(out, rows);
}

static void print_controllers(struct lg_buf *out, const struct lg_json *rows)
{
    static const char *const names[] = {"CONTROLLER", "LEADS", "URL", "RELEASE"};
    LG_AUTO(lg_table) *table = lg_table_new(LG_ARRAY_SIZE(names));

    if (lg_json_size(rows) == 0)
        return;
    heading(table, names, LG_ARRAY_SIZE(names));
    for (size_t i = 0; i < LG_MIN(lg_json_size(rows), NODES_MAX); i++) {
        const struct lg_json *row = lg_json_at(rows, i);

        text_cell(table, row, "id");
        lg_table_cellf(table, "%s", lg_json_get_bool(row, "leads", false) ? "*" : "");
        text_cell(table, row, "url");
        text_cell(table, row, "release");
    }
    lg_buf_append_byte(out, '\n');
    lg_table_write(out, table);
}

static void print_routers(struct lg_buf *out, const struct lg_json *rows)
{
    LG_AUTO(lg_table) *table = lg_table_new(1);

    if (lg_json_size(rows) == 0)
        return;
    lg_table_cell(table, LG_LIT("ROUTER"));
    for (size_t i = 0; i < LG_MIN(lg_json_size(rows), NODES_MAX); i++)
        text_cell(table, lg_json_at(rows, i), "url");
    lg_buf_append_byte(out, '\n');
    lg_table_write(out, table);
}

enum lg_rc lg_admin_find_server(const struct lg_json *rows, const char *id,
                                const struct lg_json **out, struct lg_error *err)
{
    size_t n = LG_MIN(lg_json_size(rows), NODES_MAX);
    const char **ids = lg_new_array(const char *, n + 1);
    const char *near;
    enum lg_rc rc;

    for (size_t i = 0; i < n; i++) {
        ids[i] = lg_json_get_str(lg_json_at(rows, i), "id", "");
        if (strcmp(ids[i], id) == 0) {
            *out = lg_json_at(rows, i);
            lg_free(ids);
            return LG_OK;
        }
    }
    near = lg_nearest(id, ids, n);
    rc = lg_error_set(err, LG_ERR_NOT_FOUND, "no server '%.200s'%s%s%s; `lagoon nodes` lists them",
                      id, near == NULL ? "" : "; did you mean '", near == NULL ? "" : near,
                      near == NULL ? "" : "'?");
    lg_free(ids);
    return rc;
}

static enum lg_rc print_one(struct lg_admin *a, const struct lg_json *answer, const char *id,
                            struct lg_error *err)
{
    LG_AUTO(lg_json) *alone = lg_json_new_array();
    const struct lg_json *row;
    enum lg_rc rc = lg_admin_find_server(lg_json_get(answer, "nodes"), id, &row, err);

    if (rc == LG_OK && a->output != LG_OUTPUT_TABLE) {
        lg_admin_print_json(a, row);
    } else if (rc == LG_OK) {
        lg_json_push(alone, lg_json_ref((struct lg_json *)row));
        print_servers(a->out, alone);
    }
    return rc;
}

static enum lg_rc show(struct lg_admin *a, const struct lg_command *c, struct lg_error *err)
{
    struct lg_api_call call = {0};
    enum lg_rc rc = lg_admin_call(a, LG_API_nodes, &call, err);
    const struct lg_json *servers = rc == LG_OK ? lg_json_get(call.answer, "nodes") : NULL;

    if (rc == LG_OK && c->argument_count > 0) {
        rc = print_one(a, call.answer, c->arguments[0], err);
    } else if (rc == LG_OK && a->output == LG_OUTPUT_JSON) {
        lg_admin_print_json(a, call.answer);
    } else if (rc == LG_OK && a->output == LG_OUTPUT_NDJSON) {
        for (size_t i = 0; i < lg_json_size(servers); i++)
            lg_admin_print_json(a, lg_json_at(servers, i));
    } else if (rc == LG_OK) {
        print_servers(a->out, servers);
        print_controllers(a->out, lg_json_get(call.answer, "controllers"));
        print_routers(a->out, lg_json_get(call.answer, "routers"));
    }
    lg_api_call_done(&call);
    return rc;
}

enum lg_rc lg_admin_nodes(struct lg_admin *a, const struct lg_command *c, struct lg_error *err)
{
    return lg_admin_watch(a, c, show, err);
}

/* --- Changes. ----------------------------------------------------------------------------------
 */

static char *question_of(enum lg_command_kind kind, const char *id)
{
    return kind == LG_COMMAND_NODES_REMOVE
               ? lg_strf("server '%s' will be forgotten, and others take over its replicas", id)
               : lg_strf("every replica of server '%s' will be moved to others", id);
}

static const char *done_text(enum lg_command_kind kind, bool waited)
{
    return kind == LG_COMMAND_NODES_REMOVE  ? "is removed; others take over what it held"
           : waited                         ? "holds no replica any more; stop it and run `lagoon "
                                              "nodes remove`, or fill it again with `lagoon nodes "
                                              "activate`"
           : kind == LG_COMMAND_NODES_DRAIN ? "is being drained; `lagoon nodes` shows when it "
                                              "holds no replica any more, `lagoon nodes "
                                              "activate` undoes it"
                                            : "holds replicas again";
}

static enum lg_api_route route_of(enum lg_command_kind kind)
{
    return kind == LG_COMMAND_NODES_REMOVE  ? LG_API_node_remove
           : kind == LG_COMMAND_NODES_DRAIN ? LG_API_node_drain
                                            : LG_API_node_activate;
}

enum lg_rc lg_admin_nodes_change(struct lg_admin *a, const struct lg_command *c,
                                 struct lg_error *err)
{
    const char *id = c->arguments[0];
    LG_AUTO_STR char *question = question_of(c->kind, id);
    struct lg_api_call list = {0}, call = {0};
    const struct lg_json *row;
    bool waits = c->flags[LG_FLAG_WAIT] != NULL; /* Only a drain can. */
    enum lg_rc rc = lg_admin_call(a, LG_API_nodes, &list, err);

    if (rc == LG_OK) /* Its existence is checked before anybody is asked. */
        rc = lg_admin_find_server(lg_json_get(list.answer, "nodes"), id, &row, err);
    lg_api_call_done(&list);
    if (rc == LG_OK && c->kind != LG_COMMAND_NODES_ACTIVATE)
        rc = lg_admin_may_change(a, c, question, id, err);
    if (rc != LG_OK)
        return rc;
    lg_api_call_param(&call, "node_id", id);
    rc = lg_admin_call(a, route_of(c->kind), &call, err);
    if (rc == LG_OK && waits)
        rc = lg_admin_drain_wait(a, c, call.answer, err);
    if (rc == LG_OK && a->output == LG_OUTPUT_TABLE)
        lg_buf_appendf(a->out, "server '%s' %s\n", id, done_text(c->kind, waits));
    else if (rc == LG_OK)
        lg_admin_print_json(a, call.answer);
    lg_api_call_done(&call);
    return rc;
}

enum lg_rc lg_admin_nodes_removable(struct lg_admin *a, const struct lg_command *c,
                                    struct lg_error *err)
{
    const char *id = c->arguments[0];
    struct lg_api_call call = {0};
    const char *details;
    bool removable;
    enum lg_rc rc;

    lg_api_call_param(&call, "storage_node_id", id);
    if (c->flags[LG_FLAG_STOPPED] != NULL)
        lg_api_call_param(&call, "to_be_stopped_instances", c->flags[LG_FLAG_STOPPED]);
    rc = lg_admin_call(a, LG_API_node_removable, &call, err);
    removable = rc == LG_OK && lg_json_get_bool(call.answer, "removable", false);
    details = rc == LG_OK ? lg_json_get_str(call.answer, "details", "") : "";
    if (rc == LG_OK && a->output != LG_OUTPUT_TABLE)
        lg_admin_print_json(a, call.answer);
    else if (removable)
        lg_buf_appendf(a->out, "server '%s' can be taken out: every partition stays readable\n",
                       id);
    if (rc == LG_OK && !removable)
        rc = lg_error_set(err, LG_ERR_FAILED, "server '%s' cannot be taken out now%s%s", id,
                          *details == '\0' ? "" : ": ", details);
    lg_api_call_done(&call);
    return rc;
}

/* --- What one of them holds. -------------------------------------------------------------------
 */

enum lg_rc lg_admin_nodes_replicas(struct lg_admin *a, const struct lg_command *c,
                                   struct lg_error *err)
{
    static const char *const names[] = {"TOPIC", "PARTITION", "STATE", "STATUS"};
    LG_AUTO(lg_table) *table = lg_table_new(LG_ARRAY_SIZE(names));
    struct lg_api_call call = {0};
    const struct lg_json *rows;
    enum lg_rc rc;

    lg_api_call_param(&call, "storage_node_id", c->arguments[0]);
    rc = lg_admin_call(a, LG_API_storage_node_replicas, &call, err);
    rows = rc == LG_OK ? lg_json_get(call.answer, "replicas") : NULL;
    if (rc == LG_OK && a->output == LG_OUTPUT_JSON)
        lg_admin_print_json(a, call.answer);
    else if (rc == LG_OK && a->output == LG_OUTPUT_TABLE && lg_json_size(rows) == 0)
        lg_buf_appendf(a->out, "server '%s' holds no replica\n", c->arguments[0]);
    heading(table, names, LG_ARRAY_SIZE(names));
    for (size_t i = 0; i < lg_json_size(rows); i++) {
        const struct lg_json *row = lg_json_at(rows, i);

        if (a->output == LG_OUTPUT_NDJSON)
            lg_admin_print_json(a, row);
        text_cell(table, row, "resource");
        number_cell(table, row, "partitionId");
        text_cell(table, row, "status");
        text_cell(table, row, "executionStatus");
    }
    if (a->output == LG_OUTPUT_TABLE && lg_json_size(rows) > 0)
        lg_table_write(a->out, table);
    lg_api_call_done(&call);
    return rc;
}
