/* The driver that asks a service over HTTP: POST
 * {"principal":"CN=x","store":"cities","method":"Read"}, with null for nobody and "" for the
 * cluster; the answer is 200 and {"allowed":true} or false. Whatever else comes is no answer.
 * Owner: the lane of its table. */
#include "authz/authz.h"
#include "base/json.h"
#include "base/str.h"
#include "net/http_client.h"

#define ANSWER_BYTES_MAX ((size_t)64 << 10)

struct http_driver {
    struct lg_authz_driver driver; /* First. */
    struct lg_lane *lane;
    struct lg_http_client *client;
    char *host, *target;
    uint16_t port;
    uint64_t timeout_us;
};

struct question {
    struct lg_http_call call;
    struct lg_authz_ask *ask;
    struct lg_buf body;
};

enum lg_rc lg_authz_http_answer(int status, struct lg_slice body, bool *out_allowed,
                                struct lg_error *err)
{
    LG_AUTO(lg_json) *json = NULL;
    const struct lg_json *allowed = NULL;

    if (status != 200)
        return lg_error_set(err, LG_ERR_UNAVAILABLE, "the service that decides said %d", status);
    if (lg_json_parse(body, &json, err) == LG_OK)
        allowed = lg_json_get(json, "allowed");
    if (lg_json_type(allowed) != LG_JSON_BOOL)
        return lg_error_set(err, LG_ERR_UNAVAILABLE,
                            "the service that decides did not say {\"allowed\":true} or false");
    *out_allowed = lg_json_bool(allowed);
    return LG_OK;
}

static void read_answer(struct question *q)
{
    struct lg_authz_ask *ask = q->ask;

    ask->rc = q->call.rc;
    ask->err = q->call.err;
    if (ask->rc != LG_OK)
        ask->rc = lg_error_wrap(&ask->err, "the service that decides");
    else
        ask->rc = lg_authz_http_answer(q->call.status, lg_buf_slice(&q->call.response_body),
                                       &ask->allowed, &ask->err);
}

static void answered(struct lg_http_call *call)
{
    struct question *q = LG_CONTAINER_OF(call, struct question, call);
    struct lg_authz_ask *ask = q->ask;

    read_answer(q);
    lg_http_call_done(&q->call);
    lg_buf_done(&q->body);
    lg_free(q);
    ask->done(ask);
}

static void http_ask(struct lg_authz_driver *d, struct lg_authz_ask *ask)
{
    static const struct lg_http_header headers[] = {
        {{(const uint8_t *)"Content-Type", 12}, {(const uint8_t *)"application/json", 16}}};
    struct http_driver *h = LG_CONTAINER_OF(d, struct http_driver, driver);
    LG_AUTO(lg_json) *json = lg_json_new_object();
    struct question *q = lg_new(struct question);

    lg_json_set_str(json, "principal", ask->principal);
    lg_json_set_str(json, "store", ask->store);
    lg_json_set_str(json, "method", lg_acl_method_name(ask->method));
    lg_json_write(&q->body, json, /* pretty= */ false);
    q->ask = ask;
    q->call = (struct lg_http_call){.host = h->host,
                                    .port = h->port,
                                    .method = LG_HTTP_POST,
                                    .target = lg_slice_str(h->target),
                                    .headers = headers,
                                    .header_count = LG_ARRAY_SIZE(headers),
                                    .body = lg_buf_slice(&q->body),
                                    .deadline_us = lg_lane_now_us(h->lane) + h->timeout_us,
                                    .response_bytes_max = ANSWER_BYTES_MAX,
                                    .done = answered};
    lg_http_call_submit(h->client, &q->call);
}

static void http_cancel(struct lg_authz_driver *d)
{
    struct http_driver *h = LG_CONTAINER_OF(d, struct http_driver, driver);

    lg_http_client_free(LG_TAKE(h->client)); /* What is under way ends here. */
}

static void http_free(struct lg_authz_driver *d)
{
    struct http_driver *h = LG_CONTAINER_OF(d, struct http_driver, driver);

    lg_http_client_free(h->client);
    lg_free(h->host);
    lg_free(h->target);
    lg_free(h);
}

static const struct lg_authz_driver_ops ops = {
    .name = "http", .ask = http_ask, .cancel = http_cancel, .free = http_free};

enum lg_rc lg_authz_http_new(const struct lg_authz_http_options *o, struct lg_authz_driver **out,
                             struct lg_error *err)
{
    struct http_driver *h;
    const char *authority = strstr(o->url, "://");
    const char *path = authority == NULL ? NULL : strchr(authority + 3, '/');
    uint16_t port;
    char *host;
    enum lg_rc rc = lg_http_parse_url(lg_slice_str(o->url), &host, &port, err);

    if (rc != LG_OK)
        return lg_error_wrap(err, "authz");
    h = lg_new(struct http_driver);
    h->driver.ops = &ops;
    h->lane = o->lane;
    h->host = host;
    h->port = port;
    h->target = lg_strdup(path == NULL ? "/" : path);
    h->timeout_us = (o->timeout_ms == 0 ? LG_AUTHZ_TIMEOUT_MS : o->timeout_ms) * LG_MS;
    h->client = lg_http_client_new(o->transport, o->lane);
    *out = &h->driver;
    return LG_OK;
}
