/* A connection of `lagoon bench` over HTTP/1.1: one request at a time, by a client of its own. */
#include "admin/bench_load.h"
#include "avro/encode.h"
#include "base/str.h"
#include "net/http_client.h"
#include "read/wire.h"

struct rest {
    struct lg_bench_link head;
    const struct lg_bench_load_options *o;
    struct lg_http_client *http;
    struct lg_http_call call;
    struct lg_task opened;
    struct lg_buf target, body;
    bool is_waiting, is_dropped, is_closing;
};

static struct rest *of(struct lg_bench_link *k)
{
    return LG_CONTAINER_OF(k, struct rest, head);
}

/* The connection itself is made by the first request. */
static void opened(struct lg_task *task)
{
    lg_bench_link_is_open(&LG_CONTAINER_OF(task, struct rest, opened)->head);
}

static void open_link(struct lg_bench_link *k)
{
    struct rest *r = of(k);

    if (r->http == NULL)
        r->http = lg_http_client_new(r->o->transport, r->o->lane);
    r->opened.run = opened;
    lg_lane_post(r->o->lane, &r->opened);
}

static uint32_t room(const struct lg_bench_link *k)
{
    return LG_CONTAINER_OF(k, const struct rest, head)->is_waiting ? 0 : 1;
}

/* --- Requests. ---------------------------------------------------------------------------------
 */

static void write_get(struct rest *r, uint32_t key)
{
    const struct lg_bench_plan *p = r->head.plan;

    if (p->through_router)
        lg_buf_appendf(&r->target, "/storage/%s/", p->store);
    else
        lg_buf_appendf(&r->target, "/storage/%s_v%u/%u/", p->store, p->version,
                       p->keys.data[key].partition);
    lg_base64_encode(&r->target, lg_bench_key_bytes(p, key), /* url_safe= */ true);
    lg_buf_append_str(&r->target, "?f=b64");
}

static void write_batch(struct rest *r, const struct lg_bench_request *rq)
{
    const struct lg_bench_plan *p = r->head.plan;

    if (p->through_router)
        lg_buf_appendf(&r->target, "/storage/%s", p->store);
    else
        lg_buf_appendf(&r->target, "/storage/%s_v%u", p->store, p->version);
    for (uint32_t i = 0; i < rq->count; i++) {
        struct lg_slice key = lg_bench_key_bytes(p, rq->keys[i]);

        if (p->through_router) {
            lg_encode_bytes(&r->body, key);
        } else {
            lg_wire_key_add(&r->body,
                            &(struct lg_wire_key){(int32_t)i, key,
                                                  (int32_t)p->keys.data[rq->keys[i]].partition});
        }
    }
}

/* --- Answers. ----------------------------------------------------------------------------------
 */

static void read_values(const struct lg_bench_request *rq, struct lg_slice body,
                        struct lg_bench_outcome *out)
{
    struct lg_decoder d = {.in = body};
    struct lg_wire_value v;
    bool end = false;
    struct lg_error err;

    while (!end) {
        if (lg_wire_value_next(&d, &v, &end, &err) != LG_OK || out->found > rq->count) {
            out->error = LG_BENCH_BAD_ANSWER;
            return;
        }
        if (end)
            break;
        out->found++;
        out->value_bytes += v.value.size;
    }
    out->missing = rq->count - LG_MIN(out->found, rq->count);
}

static enum lg_bench_error error_of_call(const struct lg_http_call *call)
{
    switch (call->rc) {
    case LG_ERR_TIMEOUT:
        return LG_BENCH_TIMEOUT;
    case LG_ERR_BAD_DATA:
    case LG_ERR_TOO_LARGE:
        return LG_BENCH_BAD_ANSWER;
    default:
        return LG_BENCH_LOST;
    }
}

static void answered(struct lg_http_call *call)
{
    struct rest *r = LG_CONTAINER_OF(call, struct rest, call);
    const struct lg_bench_plan *p = r->head.plan;
    struct lg_bench_outcome what = {.error = LG_BENCH_ERRORS};
    struct lg_slice body = lg_buf_slice(&call->response_body);
    bool lost = call->rc != LG_OK;

    r->is_waiting = false;
    if (r->is_closing)
        return;
    if (lost) {
        what.error = error_of_call(call);
        what.text = lg_slice_str(call->err.text);
    } else if (call->status == 404 && p->kind == LG_BENCH_GET) {
        what.missing = 1; /* No such key; no such version is told by a 400 of a server. */
    } else if (call->status != 200) {
        what.error = lg_bench_error_of_http(call->status);
        what.text = body;
    } else if (p->kind == LG_BENCH_GET) {
        what.found = 1;
        what.value_bytes = body.size;
    } else {
        read_values(&r->head.slots[0], body, &what);
    }
    if (!r->is_dropped)
        lg_bench_settled(&r->head, 0, &what);
    if (lost)
        lg_bench_link_is_lost(&r->head, r->is_dropped ? LG_SLICE_NULL : what.text);
    lg_http_call_done(call);
    if (!lost)
        lg_bench_link_has_room(&r->head);
}

static void send(struct lg_bench_link *k, uint32_t slot)
{
    static const struct lg_http_header headers[] = {
        {LG_LIT("X-VENICE-API-VERSION"), LG_LIT("1")},
        {LG_LIT("X-VENICE-SUPPORTED-COMPRESSION-STRATEGY"), LG_LIT("1")}};
    struct rest *r = of(k);
    const struct lg_bench_plan *p = k->plan;
    bool is_get = p->kind == LG_BENCH_GET;

    lg_buf_clear(&r->target);
    lg_buf_clear(&r->body);
    if (is_get)
        write_get(r, k->slots[slot].keys[0]);
    else
        write_batch(r, &k->slots[slot]);
    r->is_waiting = true;
    r->is_dropped = false;
    r->call = (struct lg_http_call){.host = k->target->host,
                                    .port = k->target->port,
                                    .method = is_get ? LG_HTTP_GET : LG_HTTP_POST,
                                    .target = lg_buf_slice(&r->target),
                                    .headers = headers,
                                    .header_count = LG_ARRAY_SIZE(headers),
                                    .body = lg_buf_slice(&r->body),
                                    .deadline_us =
                                        lg_lane_now_us(r->o->lane) + (p->timeout_ms + 1000) * LG_MS,
                                    .done = answered};
    lg_http_call_submit(r->http, &r->call);
}

static void flush(struct lg_bench_link *k)
{
    (void)k;
}

static void drop(struct lg_bench_link *k, uint32_t slot)
{
    struct rest *r = of(k);

    (void)slot;
    r->is_dropped = true;
    lg_http_call_cancel(&r->call);
}

static void free_link(struct lg_bench_link *k)
{
    struct rest *r = of(k);

    r->is_closing = true;
    lg_http_client_free(r->http); /* What is under way is told `answered`. */
    lg_http_call_done(&r->call);
    lg_buf_done(&r->target);
    lg_buf_done(&r->body);
    lg_free(r);
}

static const struct lg_bench_link_ops ops = {open_link, room, send, flush, drop, free_link};

struct lg_bench_link *lg_bench_link_rest_new(const struct lg_bench_load_options *o)
{
    struct rest *r = lg_new(struct rest);

    r->head.ops = &ops;
    r->o = o;
    return &r->head;
}
