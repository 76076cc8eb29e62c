#include "admin/admin.h"

enum lg_rc lg_admin_parse_output(const char *text, enum lg_output *out, struct lg_error *err)
{
    static const char *const names[] = {"table", "json", "ndjson"};

    if (text == NULL) {
        *out = LG_OUTPUT_TABLE;
        return LG_OK;
    }
    for (size_t i = 0; i < LG_ARRAY_SIZE(names); i++)
        if (strcmp(text, names[i]) == 0) {
            *out = (enum lg_output)i;
            return LG_OK;
        }
    return lg_error_set(err, LG_ERR_INVALID,
                        "no output format '%s'; there are table, json and ndjson", text);
}

static void settled(struct lg_api_call *call)
{
    struct lg_admin *a = call->user;

    a->wake(a->ctx);
}

enum lg_rc lg_admin_call(struct lg_admin *a, enum lg_api_route route, struct lg_api_call *call,
                         struct lg_error *err)
{
    call->route = route;
    call->deadline_us = lg_lane_now_us(a->lane) + a->timeout_ms * LG_MS;
    call->done = settled;
    call->user = a;
    lg_api_call_submit(a->api, call);
    a->wait(a->ctx);
    if (call->rc != LG_OK)
        *err = call->err;
    return call->rc;
}

void lg_admin_print_json(struct lg_admin *a, const struct lg_json *json)
{
    lg_json_write(a->out, json, /* pretty= */ a->output == LG_OUTPUT_JSON);
    lg_buf_append_byte(a->out, '\n');
}

enum lg_rc lg_admin_run(struct lg_admin *a, const struct lg_command *c, struct lg_error *err)
{
    switch (c->kind) {
    case LG_COMMAND_STORE_CREATE:
        return lg_admin_store_create(a, c, err);
    case LG_COMMAND_STORE_LIST:
        return lg_admin_store_list(a, c, err);
    case LG_COMMAND_STORE_DESCRIBE:
        return lg_admin_store_describe(a, c, err);
    case LG_COMMAND_VERSIONS:
        return lg_admin_versions(a, c, err);
    case LG_COMMAND_ROLLBACK:
        return lg_admin_rollback(a, c, err);
    case LG_COMMAND_ROLLFORWARD:
        return lg_admin_rollforward(a, c, err);
    case LG_COMMAND_PUSH_KILL:
        return lg_admin_push_kill(a, c, err);
    case LG_COMMAND_GET:
        return lg_admin_get(a, c, err);
    default:
        assert(false && "a verb of another file");
        return LG_ERR_FAILED;
    }
}
