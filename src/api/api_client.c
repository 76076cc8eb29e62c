#include "api/api_client.h"

#include "base/str.h"

struct lg_api_client {
    struct lg_http_client *http;
    struct lg_lane *lane;
    char *host;
    uint16_t port;
};

static void send(struct lg_api_call *call);

enum lg_rc lg_api_client_new(struct lg_http_client *http, struct lg_lane *lane,
                             const char *controller_url, struct lg_api_client **out,
                             struct lg_error *err)
{
    struct lg_api_client *client;
    char *host;
    uint16_t port;
    enum lg_rc rc = lg_http_parse_url(lg_slice_str(controller_url), &host, &port, err);

    if (rc != LG_OK)
        return lg_error_wrap(err, "the controller's address");
    client = lg_new(struct lg_api_client);
    client->http = http;
    client->lane = lane;
    client->host = host;
    client->port = port;
    *out = client;
    return LG_OK;
}

void lg_api_client_free(struct lg_api_client *client)
{
    if (client == NULL)
        return;
    lg_free(client->host);
    lg_free(client);
}

void lg_api_call_param(struct lg_api_call *call, const char *name, const char *value)
{
    if (call->form.size > 0)
        lg_buf_append_byte(&call->form, '&');
    lg_percent_encode(&call->form, lg_slice_str(name));
    lg_buf_append_byte(&call->form, '=');
    lg_percent_encode(&call->form, lg_slice_str(value));
}

void lg_api_call_done(struct lg_api_call *call)
{
    lg_json_unref(call->answer);
    call->answer = NULL;
    call->rc = LG_OK;
    call->err = (struct lg_error){0};
    lg_buf_done(&call->form);
    lg_buf_done(&call->target);
    lg_http_call_done(&call->http);
}

/* Our own controller names its code; Venice's gives an ErrorType. */
static enum lg_rc code_of(const struct lg_json *answer, int status)
{
    const char *code = lg_json_get_str(answer, "lagoonCode", NULL);
    const char *type = lg_json_get_str(answer, "errorType", "");

    if (code != NULL)
        return lg_rc_from_name(code);
    if (strcmp(type, "STORE_NOT_FOUND") == 0)
        return LG_ERR_NO_STORE;
    if (strcmp(type, "SCHEMA_NOT_FOUND") == 0)
        return LG_ERR_NO_SCHEMA;
    if (strcmp(type, "CONCURRENT_BATCH_PUSH") == 0)
        return LG_ERR_CONCURRENT;
    if (strcmp(type, "INVALID_SCHEMA") == 0)
        return LG_ERR_SCHEMA;
    if (strcmp(type, "ACL_ERROR") == 0)
        return LG_ERR_REFUSED;
    if (strcmp(type, "INCORRECT_CONTROLLER") == 0 || status == 421)
        return LG_ERR_MISDIRECTED;
    return status >= 400 && status < 500 ? LG_ERR_INVALID : LG_ERR_FAILED;
}

enum lg_rc lg_api_read_answer(int status, struct lg_slice body, struct lg_json **out,
                              struct lg_error *err)
{
    LG_AUTO(lg_json) *json = NULL;
    struct lg_error ignored;
    const char *sentence;

    if (lg_json_parse(body, &json, &ignored) != LG_OK || lg_json_type(json) != LG_JSON_OBJECT)
        return lg_error_set(err, status == 503 ? LG_ERR_UNAVAILABLE : LG_ERR_FAILED,
                            "the controller answered %d without JSON: %.*s", status,
                            (int)LG_MIN(body.size, (size_t)200), (const char *)body.data);
    sentence = lg_json_get_str(json, "error", NULL);
    if (sentence != NULL)
        return lg_error_set(err, code_of(json, status), "%s", sentence);
    if (status != 200)
        return lg_error_set(err, code_of(json, status), "the controller answered %d", status);
    *out = LG_TAKE(json);
    return LG_OK;
}

static void pause_ended(struct lg_timer *timer)
{
    send(LG_CONTAINER_OF(timer, struct lg_api_call, pause));
}

static void answered(struct lg_http_call *http)
{
    struct lg_api_call *call = LG_CONTAINER_OF(http, struct lg_api_call, http);
    struct lg_lane *lane = call->client->lane;

    if (http->rc == LG_OK) {
        call->rc = lg_api_read_answer(http->status, lg_buf_slice(&http->response_body),
                                      &call->answer, &call->err);
    } else {
        call->rc = http->rc;
        call->err = http->err;
        (void)lg_error_wrap(&call->err, "the controller at %s:%u", call->client->host,
                            call->client->port);
    }
    if ((call->rc == LG_ERR_UNAVAILABLE || call->rc == LG_ERR_MISDIRECTED) &&
        lg_lane_now_us(lane) + LG_API_PAUSE_MS * LG_MS < call->deadline_us) {
        lg_timer_start(lane, &call->pause, LG_API_PAUSE_MS * LG_MS, pause_ended);
        return;
    }
    call->done(call);
}

static void send(struct lg_api_call *call)
{
    static const struct lg_http_header form_header[] = {
        {{(const uint8_t *)"Content-Type", 12},
         {(const uint8_t *)"application/x-www-form-urlencoded", 33}},
    };
    bool post = lg_api_method(call->route) == LG_HTTP_POST;

    lg_http_call_done(&call->http);
    lg_buf_clear(&call->target);
    lg_buf_append_str(&call->target, lg_api_path(call->route));
    if (!post && call->form.size > 0) {
        lg_buf_append_byte(&call->target, '?');
        lg_buf_append_slice(&call->target, lg_buf_slice(&call->form));
    }
    call->http = (struct lg_http_call){
        .host = call->client->host,
        .port = call->client->port,
        .method = lg_api_method(call->route),
        .target = lg_buf_slice(&call->target),
        .headers = post ? form_header : NULL,
        .header_count = post ? 1 : 0,
        .body = post ? lg_buf_slice(&call->form) : LG_SLICE_NULL,
        .deadline_us = call->deadline_us,
        .response_bytes_max = LG_API_ANSWER_BYTES_MAX,
        .done = answered,
    };
    lg_http_call_submit(call->client->http, &call->http);
}

void lg_api_call_submit(struct lg_api_client *client, struct lg_api_call *call)
{
    assert(call->answer == NULL && "lg_api_call_done first");
    call->client = client;
    send(call);
}
