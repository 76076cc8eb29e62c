#include "net/ops_front.h"

#include "base/health.h"
#include "base/json.h"
#include "base/metric.h"
#include "lane/lane.h"

static void answer(struct lg_http_request *rq, int status, const char *content_type,
                   struct lg_slice body)
{
    static const struct lg_http_header fresh = {LG_LIT("Cache-Control"), LG_LIT("no-store")};

    lg_http_respond(rq, &(struct lg_http_response){.status = status,
                                                   .content_type = content_type,
                                                   .headers = &fresh,
                                                   .header_count = 1,
                                                   .body = body});
}

static void metrics(struct lg_http_request *rq)
{
    LG_SCOPED(lg_buf) text = {0};

    if (!lg_metrics_registered()) {
        lg_http_respond_text(rq, 404, "this process keeps no metrics\n");
        return;
    }
    lg_metrics_write(&text);
    answer(rq, 200, LG_METRICS_CONTENT_TYPE, lg_buf_slice(&text));
}

struct listing {
    struct lg_json *checks;
    bool unnamed;
};

static void add_check(void *ctx, const char *name, bool ok, const char *reason)
{
    const struct listing *l = ctx;
    struct lg_json *cell = lg_json_new_object();

    lg_json_set_str(cell, "name", name);
    lg_json_set_bool(cell, "ok", ok);
    lg_json_set_str(cell, "reason", reason[0] == '\0' || l->unnamed ? NULL : reason);
    lg_json_push(l->checks, cell);
}

static void health_json(struct lg_http_request *rq, enum lg_health_kind kind, uint64_t now_us,
                        bool unnamed)
{
    LG_AUTO(lg_json) *json = lg_json_new_object();
    struct listing listing = {lg_json_new_array(), unnamed};
    LG_SCOPED(lg_buf) text = {0};
    bool ok = lg_health_ok(kind, now_us);

    lg_health_each(kind, now_us, add_check, &listing);
    lg_json_set_bool(json, "ok", ok);
    lg_json_set(json, "checks", listing.checks);
    lg_json_write(&text, json, /* pretty= */ false);
    lg_buf_append_byte(&text, '\n');
    answer(rq, ok ? 200 : 503, "application/json", lg_buf_slice(&text));
}

static bool wants_json(struct lg_http_request *rq)
{
    struct lg_slice value;

    return lg_http_param(rq, "output", &value) && lg_slice_eq_str(value, "json");
}

static void answer_text(struct lg_http_request *rq, bool ok, const struct lg_buf *text)
{
    answer(rq, ok ? 200 : 503, "text/plain; charset=utf-8", lg_buf_slice(text));
}

static void health(struct lg_http_request *rq, enum lg_health_kind kind, bool unnamed)
{
    uint64_t now_us = lg_lane_now_us(rq->lane);
    LG_SCOPED(lg_buf) text = {0};
    struct lg_slice value;
    bool verbose, ok;

    if (wants_json(rq)) {
        health_json(rq, kind, now_us, unnamed);
        return;
    }
    verbose = lg_http_param(rq, "verbose", &value);
    ok = unnamed ? lg_health_write_unnamed(&text, kind, now_us, verbose)
                 : lg_health_write(&text, kind, now_us, verbose);
    answer_text(rq, ok, &text);
}

static bool is_get(const struct lg_http_request *rq)
{
    return rq->method == LG_HTTP_GET || rq->method == LG_HTTP_HEAD;
}

static void refuse_method(struct lg_http_request *rq)
{
    lg_http_respond_text(rq, 405, "%.*s answers GET\n", LG_FMT(rq->path));
}

bool lg_ops_front_handle(struct lg_http_request *rq)
{
    bool live = lg_slice_eq_str(rq->path, "/livez"), ready = lg_slice_eq_str(rq->path, "/readyz");

    if (!live && !ready && !lg_ops_front_is_metrics(rq))
        return false;
    if (!is_get(rq))
        refuse_method(rq);
    else if (live || ready)
        health(rq, live ? LG_HEALTH_LIVE : LG_HEALTH_READY, /* unnamed= */ false);
    else
        metrics(rq);
    return true;
}

bool lg_ops_front_handle_plain(struct lg_http_request *rq)
{
    struct lg_slice value;

    if (!lg_slice_eq_str(rq->path, "/readyz"))
        return false;
    if (!is_get(rq)) {
        refuse_method(rq);
        return true;
    }
    if (wants_json(rq) || lg_http_param(rq, "verbose", &value))
        return false;
    lg_ops_front_handle_unnamed(rq);
    return true;
}

void lg_ops_front_handle_unnamed(struct lg_http_request *rq)
{
    health(rq, LG_HEALTH_READY, /* unnamed= */ true);
}
