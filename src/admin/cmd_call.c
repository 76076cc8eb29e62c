/* lagoon call: any route of the controller, by its name, for what no verb shows. */
#include "admin/admin.h"
#include "admin/json_table.h"
#include "base/str.h"

/* Of "NAME=VALUE". The route must have such a parameter: a mistyped one would be passed over. */
static enum lg_rc add_param(struct lg_api_call *call, enum lg_api_route route, const char *word,
                            struct lg_error *err)
{
    const char *const lists[] = {lg_api_required(route), lg_api_optional(route)};
    size_t size = strcspn(word, "=");

    if (word[size] == '\0' || size == 0)
        return lg_error_set(err, LG_ERR_INVALID, "'%.80s' is no parameter; write NAME=VALUE", word);
    for (size_t l = 0; l < LG_ARRAY_SIZE(lists); l++) {
        const char *names = lists[l];

        for (struct lg_slice name = lg_api_next_name(&names); name.size > 0;
             name = lg_api_next_name(&names)) {
            LG_AUTO_STR char *text = lg_strndup((const char *)name.data, name.size);

            if (!lg_slice_eq(name, lg_slice(word, size)))
                continue;
            lg_api_call_param(call, text, word + size + 1);
            return LG_OK;
        }
    }
    return lg_error_set(err, LG_ERR_INVALID, "%s has no parameter '%.*s'; it has: %s%s%s",
                        lg_api_path(route), (int)LG_MIN(size, (size_t)80), word, lists[0],
                        *lists[0] == '\0' || *lists[1] == '\0' ? "" : " ", lists[1]);
}

enum lg_rc lg_admin_call_route(struct lg_admin *a, const struct lg_command *c, struct lg_error *err)
{
    const char *name = c->arguments[0];
    LG_AUTO_STR char *path = lg_strf("%s%s", *name == '/' ? "" : "/", name);
    struct lg_api_call call = {0};
    enum lg_api_route route;
    enum lg_rc rc = lg_api_find(lg_slice_str(path), &route, err);

    for (size_t i = 1; rc == LG_OK && i < c->argument_count; i++)
        rc = add_param(&call, route, c->arguments[i], err);
    if (rc == LG_OK)
        rc = lg_admin_call(a, route, &call, err);
    if (rc == LG_OK && c->flags[LG_FLAG_OUTPUT] == NULL && a->output == LG_OUTPUT_TABLE)
        a->output = LG_OUTPUT_JSON; /* Tables are for whoever asks for them. */
    if (rc == LG_OK && a->output == LG_OUTPUT_TABLE)
        lg_json_table_write(a->out, call.answer);
    else if (rc == LG_OK)
        lg_admin_print_json(a, call.answer);
    lg_api_call_done(&call);
    return rc;
}
