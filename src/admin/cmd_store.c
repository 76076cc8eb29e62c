/* lagoon store create, list, describe; its other verbs are in cmd_settings.c and cmd_delete.c. */
#include "admin/admin.h"
#include "admin/table.h"
#include "base/str.h"

#define LIST_COLUMNS 5u

/* "long", "record City": what a schema is, in two words; its text when it is neither. */
static void name_schema(struct lg_buf *out, const char *text)
{
    LG_AUTO(lg_json) *json = NULL;
    struct lg_error ignored;
    struct lg_slice word = LG_SLICE_NULL;

    if (lg_json_parse(lg_slice_str(text), &json, &ignored) == LG_OK)
        word = lg_json_type(json) == LG_JSON_STRING
                   ? lg_json_string(json)
                   : lg_slice_str(lg_json_get_str(json, "type", NULL));
    lg_buf_append_slice(out, word.size > 0 ? word : lg_slice_str(text));
    if (json != NULL && lg_json_get_str(json, "name", NULL) != NULL)
        lg_buf_appendf(out, " %s", lg_json_get_str(json, "name", ""));
}

static enum lg_rc read_schema(struct lg_admin *a, const char *flag, const char *path,
                              struct lg_buf *out, struct lg_error *err)
{
    enum lg_rc rc;

    if (path == NULL)
        return lg_error_set(err, LG_ERR_INVALID, "--%s FILE is missing", flag);
    rc = a->read_file(a->ctx, path, out, err);
    if (rc != LG_OK)
        return lg_error_wrap(err, "--%s", flag);
    lg_buf_append_byte(out, 0);
    return LG_OK;
}

enum lg_rc lg_admin_store_create(struct lg_admin *a, const struct lg_command *c,
                                 struct lg_error *err)
{
    LG_SCOPED(lg_buf) key = {0}, value = {0};
    struct lg_api_call call = {0};
    const char *store = c->arguments[0];
    enum lg_rc rc = read_schema(a, "key-schema", c->flags[LG_FLAG_KEY_SCHEMA], &key, err);

    if (rc == LG_OK)
        rc = read_schema(a, "value-schema", c->flags[LG_FLAG_VALUE_SCHEMA], &value, err);
    if (rc != LG_OK)
        return rc;
    lg_api_call_param(&call, "store_name", store);
    lg_api_call_param(&call, "key_schema", (const char *)key.data);
    lg_api_call_param(&call, "value_schema", (const char *)value.data);
    if (c->flags[LG_FLAG_OWNER] != NULL)
        lg_api_call_param(&call, "owner", c->flags[LG_FLAG_OWNER]);
    if (c->flags[LG_FLAG_PARTITIONS] != NULL)
        lg_api_call_param(&call, "partition_count", c->flags[LG_FLAG_PARTITIONS]);
    if (c->flags[LG_FLAG_REPLICATION] != NULL)
        lg_api_call_param(&call, "replication_factor", c->flags[LG_FLAG_REPLICATION]);
    if (c->flags[LG_FLAG_COMPRESSION] != NULL)
        lg_api_call_param(&call, "compression_strategy", c->flags[LG_FLAG_COMPRESSION]);
    if (c->flags[LG_FLAG_CHUNKING] != NULL)
        lg_api_call_param(&call, "chunking_enabled", c->flags[LG_FLAG_CHUNKING]);
    rc = lg_admin_call(a, LG_API_new_store, &call, err);
    if (rc == LG_OK && a->output != LG_OUTPUT_TABLE) {
        lg_admin_print_json(a, call.answer);
    } else if (rc == LG_OK) {
        lg_buf_appendf(a->out, "store '%s' created: key ", store);
        name_schema(a->out, (const char *)key.data);
        lg_buf_append_str(a->out, ", value ");
        name_schema(a->out, (const char *)value.data);
        lg_buf_append_str(a->out, "\n");
    }
    lg_api_call_done(&call);
    return rc;
}

static enum lg_rc get_store(struct lg_admin *a, const char *store, struct lg_api_call *call,
                            struct lg_error *err)
{
    lg_api_call_param(call, "store_name", store);
    return lg_admin_call(a, LG_API_store, call, err);
}

/* Who may see that there is a store, and not what it is like, is told its name. */
static struct lg_json *name_alone(const char *name)
{
    struct lg_json *store = lg_json_new_object();

    lg_json_set_str(store, "name", name);
    return store;
}

/* A row for one store of the list; of JSON an element of `all`. */
static enum lg_rc list_row(struct lg_admin *a, struct lg_table *table, struct lg_json *all,
                           const char *name, struct lg_error *err)
{
    struct lg_api_call call = {0};
    enum lg_rc rc = get_store(a, name, &call, err);
    LG_AUTO(lg_json) *hidden = rc == LG_ERR_REFUSED ? name_alone(name) : NULL;
    struct lg_json *store = rc == LG_OK ? lg_json_get(call.answer, "store") : hidden;

    rc = hidden != NULL ? LG_OK : rc;
    if (hidden != NULL && a->output == LG_OUTPUT_TABLE) {
        lg_table_cellf(table, "%s", name);
        for (size_t i = 1; i < LIST_COLUMNS; i++)
            lg_table_cellf(table, "-");
    } else if (rc == LG_OK && a->output == LG_OUTPUT_TABLE) {
        lg_table_cellf(table, "%s", name);
        lg_table_cellf(table, "%lld", (long long)lg_json_get_int(store, "currentVersion", 0));
        lg_table_cellf(table, "%zu", lg_json_size(lg_json_get(store, "versions")));
        lg_table_cellf(table, "%lld", (long long)lg_json_get_int(store, "partitionCount", 0));
        lg_table_cellf(table, "%s", lg_json_get_str(store, "owner", ""));
    } else if (rc == LG_OK && a->output == LG_OUTPUT_JSON) {
        lg_json_push(all, lg_json_ref(store));
    } else if (rc == LG_OK) {
        lg_json_write(a->out, store, /* pretty= */ false);
        lg_buf_append_byte(a->out, '\n');
    }
    lg_api_call_done(&call);
    return rc == LG_ERR_NO_STORE ? LG_OK : rc; /* Deleted meanwhile. */
}

enum lg_rc lg_admin_store_list(struct lg_admin *a, const struct lg_command *c, struct lg_error *err)
{
    static const char *const heading[LIST_COLUMNS] = {"STORE", "CURRENT", "VERSIONS", "PARTITIONS",
                                                      "OWNER"};
    LG_AUTO(lg_table) *table = lg_table_new(LIST_COLUMNS);
    LG_AUTO(lg_json) *all = lg_json_new_array();
    struct lg_api_call call = {0};
    const struct lg_json *names;
    enum lg_rc rc;

    if (c->flags[LG_FLAG_DELETED] != NULL)
        return lg_admin_list_deleted(a, err);
    rc = lg_admin_call(a, LG_API_list_stores, &call, err);
    if (rc == LG_OK && a->output == LG_OUTPUT_JSON && c->flags[LG_FLAG_DETAILS] == NULL) {
        lg_admin_print_json(a, call.answer);
    } else if (rc == LG_OK) {
        for (size_t i = 0; i < LIST_COLUMNS; i++)
            lg_table_cell(table, lg_slice_str(heading[i]));
        names = lg_json_get(call.answer, "stores");
        for (size_t i = 0; i < lg_json_size(names) && rc == LG_OK; i++) {
            struct lg_slice name = lg_json_string(lg_json_at(names, i));
            LG_AUTO_STR char *text = lg_strndup((const char *)name.data, name.size);

            rc = list_row(a, table, all, text, err);
        }
        if (rc == LG_OK && a->output == LG_OUTPUT_TABLE)
            lg_table_write(a->out, table);
        else if (rc == LG_OK && a->output == LG_OUTPUT_JSON)
            lg_admin_print_json(a, all);
    }
    lg_api_call_done(&call);
    return rc;
}

static enum lg_rc print_schemas(struct lg_admin *a, const char *store, struct lg_error *err)
{
    struct lg_api_call key = {0}, values = {0};
    const struct lg_json *schemas;
    enum lg_rc rc;

    lg_api_call_param(&key, "store_name", store);
    lg_api_call_param(&values, "store_name", store);
    rc = lg_admin_call(a, LG_API_get_key_schema, &key, err);
    if (rc == LG_OK)
        rc = lg_admin_call(a, LG_API_get_all_value_schema, &values, err);
    if (rc == LG_OK) {
        lg_buf_appendf(a->out, "%-20s %s\n", "key schema",
                       lg_json_get_str(key.answer, "schemaStr", ""));
        schemas = lg_json_get(values.answer, "schemas");
        for (size_t i = 0; i < lg_json_size(schemas); i++)
            lg_buf_appendf(a->out, "value schema %-7lld %s\n",
                           (long long)lg_json_get_int(lg_json_at(schemas, i), "id", 0),
                           lg_json_get_str(lg_json_at(schemas, i), "schemaStr", ""));
    }
    lg_api_call_done(&key);
    lg_api_call_done(&values);
    return rc;
}

/* What comes of the store's word and its cluster's. */
static enum lg_rc print_told(struct lg_admin *a, const char *store, struct lg_error *err)
{
    struct lg_api_call call = {0};
    const char *told;
    enum lg_rc rc;

    lg_api_call_param(&call, "store_name", store);
    rc = lg_admin_call(a, LG_API_discover_cluster, &call, err);
    told = rc == LG_OK ? lg_json_get_str(call.answer, "lagoonClientProtocols", "") : "";
    if (*told != 0)
        lg_buf_appendf(a->out, "%-20s %s\n", "clients are told", told);
    lg_api_call_done(&call);
    return rc;
}

enum lg_rc lg_admin_store_describe(struct lg_admin *a, const struct lg_command *c,
                                   struct lg_error *err)
{
    struct lg_api_call call = {0};
    enum lg_rc rc = get_store(a, c->arguments[0], &call, err);
    const struct lg_json *store = rc == LG_OK ? lg_json_get(call.answer, "store") : NULL;

    if (rc == LG_OK && a->output != LG_OUTPUT_TABLE) {
        lg_admin_print_json(a, store);
    } else if (rc == LG_OK) {
        lg_buf_appendf(a->out, "%-20s %s\n", "store", c->arguments[0]);
        lg_buf_appendf(a->out, "%-20s %lld\n", "current version",
                       (long long)lg_json_get_int(store, "currentVersion", 0));
        lg_admin_print_settings(a, store);
        rc = print_told(a, c->arguments[0], err);
    }
    if (rc == LG_OK && a->output == LG_OUTPUT_TABLE) {
        rc = print_schemas(a, c->arguments[0], err);
    }
    lg_api_call_done(&call);
    if (rc == LG_OK && a->output == LG_OUTPUT_TABLE)
        rc = lg_admin_versions(a, c, err);
    return rc;
}
