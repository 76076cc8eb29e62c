/* lagoon acl show, grant, revoke, clear: who may do what with a store. */
#include "admin/admin.h"
#include "admin/table.h"
#include "base/str.h"
#include "model/acl.h"

static void write_table(struct lg_admin *a, const struct lg_acl *acl)
{
    LG_AUTO(lg_table) *table = lg_table_new(2);

    lg_table_cellf(table, "METHOD");
    lg_table_cellf(table, "PRINCIPAL");
    for (size_t m = 0; m < LG_ACL_METHODS; m++)
        for (size_t i = 0; i < acl->who[m].size; i++) {
            lg_table_cellf(table, "%s", lg_acl_method_name((enum lg_acl_method)m));
            lg_table_cellf(table, "%s", acl->who[m].data[i]);
        }
    lg_table_write(a->out, table);
}

/* What the store's permissions are now, from the answer. */
static enum lg_rc print(struct lg_admin *a, const char *store, const struct lg_json *answer,
                        struct lg_error *err)
{
    LG_SCOPED(lg_acl) acl = {0};

    if (a->output != LG_OUTPUT_TABLE) {
        lg_admin_print_json(a, answer);
        return LG_OK;
    }
    if (lg_acl_parse(lg_slice_str(lg_json_get_str(answer, "accessPermissions", "{}")), &acl, err) !=
        LG_OK)
        return lg_error_wrap(err, "the controller's answer");
    if (lg_acl_is_empty(&acl))
        lg_buf_appendf(a->out,
                       "store '%s' has no permissions: with authz = acl only admins may touch it, "
                       "without it everybody may\n",
                       store);
    else
        write_table(a, &acl);
    return LG_OK;
}

static enum lg_rc call_and_print(struct lg_admin *a, const char *store, enum lg_api_route route,
                                 struct lg_api_call *call, struct lg_error *err)
{
    enum lg_rc rc;

    lg_api_call_param(call, "store_name", store);
    rc = lg_admin_call(a, route, call, err);
    if (rc == LG_OK)
        rc = print(a, store, call->answer, err);
    lg_api_call_done(call);
    return rc;
}

enum lg_rc lg_admin_acl_show(struct lg_admin *a, const struct lg_command *c, struct lg_error *err)
{
    struct lg_api_call call = {0};

    return call_and_print(a, c->arguments[0], LG_API_get_acl, &call, err);
}

enum lg_rc lg_admin_acl_clear(struct lg_admin *a, const struct lg_command *c, struct lg_error *err)
{
    struct lg_api_call call = {0};

    return call_and_print(a, c->arguments[0], LG_API_delete_acl, &call, err);
}

/* grant, revoke: STORE METHOD PRINCIPAL... */
enum lg_rc lg_admin_acl_change(struct lg_admin *a, const struct lg_command *c, struct lg_error *err)
{
    LG_SCOPED(lg_acl) acl = {0};
    LG_AUTO(lg_json) *json = NULL;
    LG_SCOPED(lg_buf) text = {0};
    struct lg_api_call call = {0};
    enum lg_acl_method method;

    if (!lg_acl_method_from_name(lg_slice_str(c->arguments[1]), &method))
        return lg_error_set(err, LG_ERR_INVALID,
                            "no method '%.40s'; there are read, write and admin", c->arguments[1]);
    for (size_t i = 2; i < c->argument_count; i++)
        if (lg_acl_add(&acl, method, lg_slice_str(c->arguments[i]), err) != LG_OK)
            return err->rc;
    json = lg_acl_to_json(&acl);
    lg_json_write(&text, json, /* pretty= */ false);
    lg_buf_append_byte(&text, 0);
    lg_api_call_param(&call, "operation", c->kind == LG_COMMAND_ACL_GRANT ? "grant" : "revoke");
    lg_api_call_param(&call, "access_permission", (const char *)text.data);
    return call_and_print(a, c->arguments[0], LG_API_change_acl, &call, err);
}
