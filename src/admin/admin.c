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
    static enum lg_rc (*const functions[])(struct lg_admin *, const struct lg_command *,
                                           struct lg_error *) = {
#define X(name, words, arguments, least, most, kinds, runner, function, help, example) function,
#include "admin/commands.def"
#undef X
    };

    assert(functions[c->kind] != NULL); /* Else it is a verb of another file. */
    return functions[c->kind](a, c, err);
}
