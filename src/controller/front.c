/* The HTTP front: checks who asks, finds the route, checks its parameters, calls its handler. */
#include "base/str.h"
#include "controller/core.h"
#include "controller/origin.h"
#include "net/tls.h"

typedef void (*handler)(struct lg_controller *c, struct lg_http_request *rq);

static const handler handlers[LG_API_COUNT] = {
#define X(id, method, path, required, optional) [LG_API_##id] = lg_handle_##id,
#include "api/routes.def"
#undef X
};

const char *lg_front_param(struct lg_http_request *rq, const char *name)
{
    struct lg_slice value;

    if (!lg_http_param(rq, name, &value) || value.size == 0 || !lg_utf8_valid(value) ||
        memchr(value.data, 0, value.size) != NULL)
        return NULL;
    return lg_arena_str(rq->arena, value);
}

enum lg_rc lg_front_bool(struct lg_http_request *rq, const char *name, bool otherwise, bool *out,
                         struct lg_error *err)
{
    const char *text = lg_front_param(rq, name);

    if (text == NULL)
        *out = otherwise;
    else if (strcmp(text, "true") == 0)
        *out = true;
    else if (strcmp(text, "false") == 0)
        *out = false;
    else
        return lg_error_set(err, LG_ERR_INVALID, "%s must be true or false, not '%.40s'", name,
                            text);
    return LG_OK;
}

enum lg_rc lg_front_number(struct lg_http_request *rq, const char *name, int64_t min, int64_t max,
                           int64_t otherwise, int64_t *out, struct lg_error *err)
{
    const char *text = lg_front_param(rq, name);
    int64_t value = otherwise;

    if (text != NULL && !lg_parse_i64(lg_slice_str(text), min, max, &value))
        return lg_error_set(err, LG_ERR_INVALID, "%s '%.40s' is not a number between %lld and %lld",
                            name, text, (long long)min, (long long)max);
    *out = value;
    return LG_OK;
}

/* Each parameter that the route knows must be text; each required one must be there. */
static enum lg_rc check_params(struct lg_http_request *rq, const char *names, bool required,
                               struct lg_error *err)
{
    for (struct lg_slice name = lg_api_next_name(&names); name.size > 0;
         name = lg_api_next_name(&names)) {
        const char *text = lg_arena_str(rq->arena, name);
        struct lg_slice value;
        bool present;

        if (text == NULL)
            return lg_error_set(err, LG_ERR_TOO_LARGE, "the request has too many parameters");
        present = lg_http_param(rq, text, &value);
        if (required && (!present || value.size == 0))
            return lg_error_set(err, LG_ERR_INVALID, "%s is a required parameter", text);
        if (present && value.size > 0 &&
            (!lg_utf8_valid(value) || memchr(value.data, 0, value.size) != NULL))
            return lg_error_set(err, LG_ERR_INVALID, "%s is not text in UTF-8", text);
        if (present && value.size > 0 && lg_front_param(rq, text) == NULL)
            return lg_error_set(err, LG_ERR_TOO_LARGE, "%s is too long", text);
    }
    return LG_OK;
}

static bool answers_always(enum lg_api_route route)
{
    return route == LG_API_health || route == LG_API_leader_controller ||
           route == LG_API_master_controller;
}

/* May it be answered while the metastore is away, from what was known before? Not where somebody
 * acts on the answer as if it were true now. */
static bool reads_memory(enum lg_api_route route)
{
    switch (route) {
    case LG_API_node_removable:
    case LG_API_validate_store_deleted:
    case LG_API_check_resource_cleanup_for_store_creation:
    case LG_API_metadata:
    case LG_API_delete_acl: /* Though it is a GET. */
        return false;
    case LG_API_get_value_schema_id: /* A POST, because schemas are long. */
    case LG_API_get_value_or_derived_schema_id:
        return true;
    default:
        return lg_api_method(route) == LG_HTTP_GET;
    }
}

/* Who does not lead, has not read the metadata or cannot reach it says only that it is here, and
 * why; but reads go on without the metadata while this controller remembers them. */
static enum lg_rc check_ready(const struct lg_controller *c, enum lg_api_route route,
                              struct lg_error *err)
{
    bool cut_off;

    if (answers_always(route) || lg_ctl_ready(c))
        return LG_OK;
    cut_off = lg_ctl_is_cut_off(c, err);
    /* A pusher is heard, whoever else is not. */
    if (cut_off && lg_ctl_holds(c) &&
        (reads_memory(route) || (route == LG_API_push_heartbeat && lg_ctl_leads(c))))
        return LG_OK;
    (void)lg_ctl_not_leader(c, err);
    if (cut_off && c->refused.rc == LG_OK && reads_memory(route))
        (void)lg_error_wrap(err, "this controller knows nothing that it could answer");
    return err->rc;
}

void lg_front_allowed(struct lg_controller *c, struct lg_http_request *rq, enum lg_api_route route)
{
    struct lg_error err;

    if (route == LG_API_COUNT) {
        c->o.log_handler(c->o.log_ctx, rq);
        return;
    }
    if (rq->method != lg_api_method(route)) {
        (void)lg_error_set(&err, LG_ERR_INVALID, "%s answers %s, not %s", lg_api_path(route),
                           lg_http_method_name(lg_api_method(route)),
                           lg_http_method_name(rq->method));
        lg_answer_error(c, rq, 405, &err);
        return;
    }
    if (check_params(rq, lg_api_required(route), true, &err) != LG_OK ||
        check_params(rq, lg_api_optional(route), false, &err) != LG_OK) {
        lg_answer_error(c, rq, 0, &err);
        return;
    }
    if (check_ready(c, route, &err) != LG_OK) {
        lg_answer_error(c, rq, 0, &err);
        return;
    }
    handlers[route](c, rq);
}

static bool is_from_here(struct lg_controller *c, struct lg_http_request *rq,
                         enum lg_http_method as, struct lg_error *err)
{
    const char *names[] = {c->host, lg_tls_plain_host(c->url_host)};

    return lg_origin_check(as, &rq->headers, names, LG_ARRAY_SIZE(names), err) == LG_OK;
}

void lg_front_handle(void *ctx, struct lg_http_request *rq)
{
    struct lg_controller *c = ctx;
    enum lg_api_route route = LG_API_COUNT;
    struct lg_error err;
    bool ok = is_from_here(c, rq, rq->method, &err);

    if (ok && (c->o.log_handler == NULL || !lg_slice_starts(rq->path, LG_LIT("/log/"))))
        ok = lg_api_find(rq->path, &route, &err) == LG_OK;
    if (ok && route == LG_API_delete_acl)
        ok = is_from_here(c, rq, LG_HTTP_POST, &err);
    if (ok)
        lg_guard(c, rq, route);
    else
        lg_answer_error(c, rq, 0, &err);
}
