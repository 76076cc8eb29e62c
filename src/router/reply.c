#include "router/reply.h"

void lg_reply_json(struct lg_http_request *rq, int status, struct lg_json *take_json)
{
    LG_SCOPED(lg_buf) body = {0};

    lg_json_write(&body, take_json, /* pretty= */ false);
    lg_json_unref(take_json);
    lg_http_respond(rq, &(struct lg_http_response){.status = status,
                                                   .content_type = "application/json",
                                                   .body = lg_buf_slice(&body)});
}

void lg_reply_text(struct lg_http_request *rq, const struct lg_error *err)
{
    lg_http_respond_error(rq, err);
}

void lg_reply_bad(struct lg_http_request *rq, enum lg_router_bad why, const struct lg_error *err)
{
    lg_router_count_bad(why);
    lg_reply_text(rq, err);
}

void lg_reply_bad_method(struct lg_http_request *rq, const char *remedy)
{
    lg_router_count_bad(LG_ROUTER_BAD_METHOD);
    lg_http_respond_text(rq, 400, "%s is not answered here; %s", lg_http_method_name(rq->method),
                         remedy);
}

void lg_reply_error_json(struct lg_http_request *rq, const struct lg_error *err)
{
    struct lg_json *json = lg_json_new_object();

    lg_json_set_str(json, "error", err->text);
    lg_json_set_str(json, "code", lg_rc_name(err->rc));
    lg_reply_json(rq, lg_rc_http(err->rc, rq->method == LG_HTTP_POST), json);
}

struct lg_json *lg_reply_base(const char *cluster, const char *name)
{
    struct lg_json *json = lg_json_new_object();

    lg_json_set_str(json, "cluster", cluster);
    lg_json_set_str(json, "name", name);
    lg_json_set_str(json, "error", NULL);
    lg_json_set_str(json, "errorType", NULL);
    lg_json_set_str(json, "exceptionType", NULL);
    return json;
}
