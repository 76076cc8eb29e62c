/* Routes of access permissions (model/acl.h): Venice's three, and ours that adds or takes away
 * single ones, so that two people who do that at once lose nothing. */
#include "base/log.h"
#include "base/str.h"
#include "controller/core.h"

/* Venice's AclResponse: the permissions as a text of JSON. */
static struct lg_json *acl_answer(const struct lg_controller *c, const struct lg_store *store)
{
    LG_AUTO(lg_json) *outer = lg_json_new_object();
    struct lg_json *json = lg_answer_base(c, store->name);
    LG_SCOPED(lg_buf) text = {0};

    lg_json_set(outer, "AccessPermissions", lg_acl_to_json(&store->acl));
    lg_json_write(&text, outer, /* pretty= */ false);
    lg_json_set(json, "accessPermissions", lg_json_new_string(lg_buf_slice(&text)));
    return json;
}

void lg_handle_get_acl(struct lg_controller *c, struct lg_http_request *rq)
{
    struct lg_ctl_store *entry;
    struct lg_error err;

    if (lg_ctl_state_find(c->state, lg_front_param(rq, "store_name"), &entry, &err) != LG_OK)
        lg_answer_error(c, rq, 0, &err);
    else
        lg_answer_json(rq, acl_answer(c, entry->store));
}

static void acl_changed(struct lg_change *ch)
{
    LG_AUTO(lg_json) *json = lg_acl_to_json(&ch->acl);
    LG_SCOPED(lg_buf) text = {0};
    static const char *const words[] = {"set", "grant", "revoke"};

    lg_json_write(&text, json, /* pretty= */ false);
    lg_log(LG_LOG_INFO, "acl_changed", "store=%s change=%s acl=\"%.*s\"", ch->store_name,
           words[ch->acl_change], LG_FMT(lg_buf_slice(&text)));
}

static enum lg_rc apply(struct lg_change *ch, struct lg_error *err)
{
    struct lg_acl *acl = &ch->store->acl;

    if (ch->acl_change == LG_CTL_ACL_SET) {
        lg_acl_done(acl);
        *acl = lg_acl_copy(&ch->acl);
        return LG_OK;
    }
    for (size_t m = 0; m < LG_ACL_METHODS; m++)
        for (size_t i = 0; i < ch->acl.who[m].size; i++) {
            struct lg_slice who = lg_slice_str(ch->acl.who[m].data[i]);

            if (ch->acl_change == LG_CTL_ACL_REVOKE)
                (void)lg_acl_remove(acl, (enum lg_acl_method)m, who);
            else if (lg_acl_add(acl, (enum lg_acl_method)m, who, err) != LG_OK)
                return err->rc;
        }
    return LG_OK;
}

static void begin_acl(struct lg_change *ch)
{
    struct lg_error err;
    enum lg_rc rc = lg_change_take_store(ch, ch->store_name, &err);

    if (rc == LG_OK)
        rc = apply(ch, &err);
    if (rc == LG_OK)
        rc = lg_change_write_store(ch, &err);
    if (rc != LG_OK) {
        lg_change_end(ch, rc, &err);
        return;
    }
    ch->answer = acl_answer(ch->c, ch->store);
    ch->applied = acl_changed;
    lg_change_commit(ch);
}

static struct lg_change *acl_new(struct lg_controller *c, struct lg_http_request *rq)
{
    struct lg_change *ch = lg_change_new(c, rq, begin_acl);

    ch->store_name = lg_strdup(lg_front_param(rq, "store_name"));
    return ch;
}

static enum lg_rc take_acl(struct lg_change *ch, struct lg_http_request *rq, struct lg_error *err)
{
    enum lg_rc rc =
        lg_acl_parse(lg_slice_str(lg_front_param(rq, "access_permission")), &ch->acl, err);

    if (rc == LG_OK && ch->acl_change != LG_CTL_ACL_REVOKE) /* That may be of any name. */
        rc = lg_acl_check_names(&ch->acl, err);
    return rc;
}

void lg_handle_update_acl(struct lg_controller *c, struct lg_http_request *rq)
{
    struct lg_change *ch = acl_new(c, rq);
    struct lg_error err;

    if (take_acl(ch, rq, &err) != LG_OK)
        lg_change_abandon(ch, &err);
    else
        (void)lg_change_submit(ch);
}

void lg_handle_delete_acl(struct lg_controller *c, struct lg_http_request *rq)
{
    (void)lg_change_submit(acl_new(c, rq));
}

void lg_handle_change_acl(struct lg_controller *c, struct lg_http_request *rq)
{
    struct lg_change *ch = acl_new(c, rq);
    const char *operation = lg_front_param(rq, "operation");
    struct lg_error err;
    enum lg_rc rc = LG_OK;

    if (strcmp(operation, "grant") == 0)
        ch->acl_change = LG_CTL_ACL_GRANT;
    else if (strcmp(operation, "revoke") == 0)
        ch->acl_change = LG_CTL_ACL_REVOKE;
    else
        rc = lg_error_set(&err, LG_ERR_INVALID, "operation is grant or revoke, not '%.40s'",
                          operation);
    if (rc == LG_OK)
        rc = take_acl(ch, rq, &err);
    if (rc != LG_OK)
        lg_change_abandon(ch, &err);
    else
        (void)lg_change_submit(ch);
}
