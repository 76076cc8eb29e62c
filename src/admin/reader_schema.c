/* The schema that `lagoon get --schema` shows values in: the router is asked for all value schemas
 * of the store, and one is chosen. */
#include "admin/admin.h"
#include "base/str.h"

struct ask {
    struct lg_http_call call;
    struct lg_admin *admin;
};

static void settled(struct lg_http_call *call)
{
    struct lg_admin *a = LG_CONTAINER_OF(call, struct ask, call)->admin;

    a->wake(a->ctx);
}

static enum lg_rc ask_router(struct lg_admin *a, const char *store, struct lg_json **out,
                             struct lg_error *err)
{
    LG_AUTO_STR char *target = lg_strf("/value_schema/%s", store);
    LG_AUTO_STR char *host = NULL;
    struct ask ask = {.admin = a};
    uint16_t port;
    enum lg_rc rc = lg_http_parse_url(lg_slice_str(a->router_url), &host, &port, err);

    if (rc != LG_OK)
        return lg_error_wrap(err, "the router's address");
    ask.call = (struct lg_http_call){.host = host,
                                     .port = port,
                                     .target = lg_slice_str(target),
                                     .deadline_us = lg_lane_now_us(a->lane) + a->timeout_ms * LG_MS,
                                     .done = settled};
    lg_http_call_submit(a->http, &ask.call);
    a->wait(a->ctx);
    if (ask.call.rc != LG_OK) {
        *err = ask.call.err;
        err->rc = ask.call.rc;
        rc = lg_error_wrap(err, "the router");
    } else if (ask.call.status != 200) {
        rc = lg_error_set(err, ask.call.status == 404 ? LG_ERR_NO_STORE : LG_ERR_FAILED, "%.*s",
                          (int)LG_MIN(ask.call.response_body.size, (size_t)300),
                          (const char *)ask.call.response_body.data);
    } else {
        rc = lg_json_parse(lg_buf_slice(&ask.call.response_body), out, err);
    }
    lg_http_call_done(&ask.call);
    return rc;
}

/* The number that `which` stands for; 0: there is none. */
static int64_t number_of(const struct lg_json *answer, const char *which)
{
    const struct lg_json *schemas = lg_json_get(answer, "schemas");
    int64_t id = 0;

    if (strcmp(which, "superset") == 0)
        return lg_json_get_int(answer, "superSetSchemaId", 0);
    if (strcmp(which, "latest") != 0)
        return lg_parse_i64(lg_slice_str(which), 1, INT32_MAX, &id) ? id : 0;
    for (size_t i = 0; i < lg_json_size(schemas); i++)
        id = LG_MAX(id, lg_json_get_int(lg_json_at(schemas, i), "id", 0));
    return id;
}

enum lg_rc lg_admin_reader_schema(struct lg_admin *a, const char *store, const char *which,
                                  struct lg_buf *out, struct lg_error *err)
{
    LG_AUTO(lg_json) *answer = NULL;
    const struct lg_json *schemas;
    enum lg_rc rc = ask_router(a, store, &answer, err);
    int64_t id;

    if (rc != LG_OK)
        return rc;
    id = number_of(answer, which);
    schemas = lg_json_get(answer, "schemas");
    for (size_t i = 0; id > 0 && i < lg_json_size(schemas); i++)
        if (lg_json_get_int(lg_json_at(schemas, i), "id", 0) == id) {
            lg_buf_append_str(out, lg_json_get_str(lg_json_at(schemas, i), "schemaStr", ""));
            lg_buf_append_byte(out, '\0');
            return LG_OK;
        }
    return lg_error_set(err, LG_ERR_NO_SCHEMA,
                        "store '%s' has no value schema '%s'; `lagoon schema list %s` lists them",
                        store, which, store);
}
