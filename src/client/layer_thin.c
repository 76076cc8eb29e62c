/* Thin: asks a router over HTTP.
 *
 *     PAUSING ──pause over──▶ ASKING ──answer, deadline, cancel──▶ settled
 *        ▲                      ▲
 *        │ every router tried   │ else
 *        └──────── submit ──────┘
 */
#include "avro/encode.h"
#include "base/str.h"
#include "client/answer.h"
#include "client/layers.h"

#include <stdio.h>

/* A longer key goes into a body: not every router takes a longer request line. */
#define GET_KEY_BYTES_MAX 2048u
/* The highest compression this client undoes: ZSTD. With a dictionary the router does it. */
#define COMPRESSION_MAX "2"

struct exchange { /* One per request; owned by itself until the answer. */
    struct lg_thin_layer *layer;
    struct lg_list link;
    struct lg_read *read;
    bool is_asked; /* Else it pauses. */
    bool is_cancelled;
    struct lg_timer pause;
    struct lg_http_call call;
    struct lg_http_header headers[5];
    char count[16];
    struct lg_buf target, body;
    /* The answer as it comes. */
    uint64_t held;
    struct lg_buf value;           /* of a single get */
    struct lg_multi_answer answer; /* of several keys */
    bool answer_begun;
    struct lg_error answer_err; /* why no more of it was wanted */
};

static void ask(struct exchange *x);

static void exchange_free(struct exchange *x)
{
    lg_list_remove(&x->link);
    x->layer->held -= x->held;
    lg_timer_stop(x->layer->base.lane, &x->pause);
    lg_buf_done(&x->value);
    lg_multi_answer_done(&x->answer);
    lg_http_call_done(&x->call);
    lg_buf_done(&x->target);
    lg_buf_done(&x->body);
    lg_free(x);
}

static void settle(struct exchange *x, const struct lg_error *err)
{
    struct lg_read *read = x->read;

    exchange_free(x);
    if (err->rc != LG_OK)
        lg_read_fail(read, err);
    lg_read_settle(read);
}

/* --- Answers. ----------------------------------------------------------------------------------
 */

static enum lg_rc hold(struct exchange *x, size_t size, struct lg_error *err)
{
    struct lg_thin_layer *l = x->layer;

    if (size > l->o.memory_max - LG_MIN(l->held, l->o.memory_max))
        return lg_error_set(err, LG_ERR_BUSY,
                            "the answers that are on their way take memory_max, %llu bytes; ask "
                            "for less at once",
                            (unsigned long long)l->o.memory_max);
    l->held += size;
    x->held += size;
    return LG_OK;
}

static enum lg_rc take_piece(struct exchange *x, struct lg_slice bytes, struct lg_error *err)
{
    enum lg_rc rc = hold(x, bytes.size, err);

    if (rc != LG_OK)
        return rc;
    if (x->call.method == LG_HTTP_GET) {
        lg_buf_append_slice(&x->value, bytes);
        return LG_OK; /* The call has a limit for it. */
    }
    if (!x->answer_begun)
        rc = lg_answer_multi_begin(&x->call, x->read->host->name, &x->answer, err);
    x->answer_begun = true;
    if (rc != LG_OK)
        return rc;
    rc = lg_multi_answer_feed(&x->answer, bytes, err);
    return rc == LG_OK ? LG_OK : lg_error_wrap(err, "the router %s", x->read->host->name);
}

static bool received(struct lg_http_call *call, struct lg_slice bytes)
{
    struct exchange *x = LG_CONTAINER_OF(call, struct exchange, call);

    return take_piece(x, bytes, &x->answer_err) == LG_OK;
}

/* Why the exchange failed as a whole; LG_OK when there is an answer to read. */
static enum lg_rc check(const struct exchange *x, struct lg_error *err)
{
    enum lg_rc rc;

    if (x->answer_err.rc != LG_OK) {
        *err = x->answer_err;
        return err->rc;
    }
    if (x->call.rc == LG_ERR_TOO_LARGE)
        return lg_error_set(
            err, LG_ERR_TOO_LARGE, "the router %s answers with more than %zu bytes, which is %s",
            x->read->host->name, x->call.response_bytes_max,
            x->call.response_bytes_max == x->layer->o.value_bytes_max ? "value_bytes_max"
                                                                      : "answer_bytes_max");
    rc = lg_answer_status(&x->call, x->read->host->name, err);
    if (rc == LG_ERR_NOT_FOUND && x->call.method != LG_HTTP_GET)
        rc = err->rc = LG_ERR_BAD_DATA; /* Venice's routers never give it to a POST. */
    return rc;
}

static enum lg_rc take_answer(struct exchange *x, struct lg_error *err)
{
    const char *router = x->read->host->name;
    enum lg_rc rc = check(x, err);

    if (x->call.method == LG_HTTP_GET && (rc == LG_OK || rc == LG_ERR_NOT_FOUND))
        return lg_answer_single(&x->call, router, lg_buf_slice(&x->value), x->read, err);
    if (rc == LG_OK && !x->answer_begun) /* An empty body: no key was found. */
        rc = lg_answer_multi_begin(&x->call, router, &x->answer, err);
    if (rc == LG_OK) {
        rc = lg_multi_answer_end(&x->answer, err);
        if (rc != LG_OK)
            (void)lg_error_wrap(err, "the router %s", router);
    }
    return rc;
}

static void answered(struct lg_http_call *call)
{
    struct exchange *x = LG_CONTAINER_OF(call, struct exchange, call);
    struct lg_read *read = x->read;
    struct lg_error err = {0};
    enum lg_rc rc = take_answer(x, &err);
    bool ill = rc != LG_OK && rc != LG_ERR_CANCELLED && lg_rc_retry(rc) == LG_RETRY_ELSEWHERE;

    err.rc = rc;
    lg_host_answered(read->host, !ill, lg_lane_now_us(x->layer->base.lane));
    settle(x, &err);
}

static void pause_ended(struct lg_timer *timer)
{
    struct exchange *x = LG_CONTAINER_OF(timer, struct exchange, pause);
    struct lg_error err;

    if (!x->is_cancelled) {
        ask(x);
        return;
    }
    (void)lg_error_set(&err, LG_ERR_CANCELLED, "the read was cancelled");
    settle(x, &err);
}

static void cancel(struct exchange *x)
{
    if (x->is_cancelled)
        return;
    x->is_cancelled = true;
    if (x->is_asked)
        lg_http_call_cancel(&x->call);
    else
        lg_timer_start(x->layer->base.lane, &x->pause, 0, pause_ended);
}

/* --- Asking. -----------------------------------------------------------------------------------
 */

static void write_single(struct exchange *x)
{
    x->call.method = LG_HTTP_GET;
    lg_buf_appendf(&x->target, "/storage/%s/", x->layer->o.store);
    lg_base64_encode(&x->target, x->read->keys[0]->key, /* url_safe= */ true);
    lg_buf_append_str(&x->target, "?f=b64");
}

static void write_multi(struct exchange *x)
{
    x->call.method = LG_HTTP_POST;
    lg_buf_appendf(&x->target, "/storage/%s", x->layer->o.store);
    for (size_t i = 0; i < x->read->key_count; i++)
        lg_encode_bytes(&x->body, x->read->keys[i]->key);
    (void)snprintf(x->count, sizeof x->count, "%zu", x->read->key_count);
    x->headers[2] = (struct lg_http_header){LG_LIT("X-VENICE-KEY-COUNT"), lg_slice_str(x->count)};
    x->headers[3] = (struct lg_http_header){LG_LIT("X-VENICE-STREAMING"), LG_LIT("1")};
    x->headers[4] =
        (struct lg_http_header){LG_LIT("Content-Type"), LG_LIT("application/octet-stream")};
}

/* A router that is silent must not use up the time in which another would answer. */
static uint64_t deadline_of_try(const struct lg_thin_layer *l, const struct lg_read *read)
{
    uint64_t now_us = lg_lane_now_us(l->base.lane);

    if (read->tries == l->o.tries_max || read->tries >= l->o.routers->count ||
        now_us >= read->deadline_us)
        return read->deadline_us;
    return now_us + (read->deadline_us - now_us) / 2;
}

static void ask(struct exchange *x)
{
    struct lg_thin_layer *l = x->layer;
    struct lg_read *read = x->read;
    bool single = read->single && read->keys[0]->key.size <= GET_KEY_BYTES_MAX;

    x->is_asked = true;
    x->headers[0] = (struct lg_http_header){LG_LIT("X-VENICE-API-VERSION"), LG_LIT("1")};
    x->headers[1] = (struct lg_http_header){LG_LIT("X-VENICE-SUPPORTED-COMPRESSION-STRATEGY"),
                                            LG_LIT(COMPRESSION_MAX)};
    if (single)
        write_single(x);
    else
        write_multi(x);
    x->call.host = read->host->address;
    x->call.port = read->host->port;
    x->call.target = lg_buf_slice(&x->target);
    x->call.body = lg_buf_slice(&x->body);
    x->call.headers = x->headers;
    x->call.header_count = single ? 2 : 5;
    x->call.deadline_us = deadline_of_try(l, read);
    x->call.response_bytes_max = l->o.answer_bytes_max;
    if (single)
        x->call.response_bytes_max = LG_MIN(l->o.answer_bytes_max, l->o.value_bytes_max);
    x->call.received = received;
    x->call.done = answered;
    x->answer.keys = read->keys;
    x->answer.key_count = read->key_count;
    x->answer.arena = read->arena;
    x->answer.value_bytes_max = l->o.value_bytes_max;
    x->answer.answered = read->key_answered;
    x->answer.ctx = read->key_ctx;
    lg_host_sent(l->o.routers->hosts, read->host);
    lg_http_call_submit(l->o.http, &x->call);
}

/* Chooses the router; `*out_pause_us` is not 0 when all were tried before. False: no time is left.
 */
static bool choose(struct lg_thin_layer *l, struct lg_read *read, uint64_t *out_pause_us)
{
    uint64_t now_us = lg_lane_now_us(l->base.lane);

    *out_pause_us = 0;
    read->host = lg_routers_pick(l->o.routers, read->tried, read->tries, now_us);
    if (read->host == NULL) {
        *out_pause_us = l->o.retry_pause_us << (read->tries - 1);
        read->host = lg_routers_pick(l->o.routers, NULL, 0, now_us);
    }
    return now_us + *out_pause_us < read->deadline_us;
}

static void submit(struct lg_layer *layer, struct lg_read *read)
{
    struct lg_thin_layer *l = LG_CONTAINER_OF(layer, struct lg_thin_layer, base);
    struct exchange *x;
    uint64_t pause_us;

    if (l->stopping) {
        lg_read_fail_later(layer, read, LG_ERR_CANCELLED, "the client was closed");
        return;
    }
    if (read->tries == 0)
        lg_routers_read_began(l->o.routers);
    if ((read->tries > 0 && !lg_routers_take_retry(l->o.routers)) || !choose(l, read, &pause_us)) {
        read->host = NULL; /* Which tells the retry layer that this is the end. */
        if (read->err.rc != LG_OK && read->tries > 0)
            lg_read_fail_later(layer, read, read->err.rc, "%s", read->err.text);
        else
            lg_read_fail_later(layer, read, LG_ERR_TIMEOUT, "the deadline passed");
        return;
    }
    assert(read->tries < LG_READ_TRIES_MAX);
    read->tried[read->tries++] = read->host;
    x = lg_new(struct exchange);
    x->layer = l;
    x->read = read;
    lg_list_push_back(&l->exchanges, &x->link);
    if (pause_us == 0)
        ask(x);
    else
        lg_timer_start(layer->lane, &x->pause, pause_us, pause_ended);
}

static const struct lg_layer_ops ops = {"thin", submit};

void lg_thin_layer_init(struct lg_thin_layer *l, const struct lg_thin_options *options)
{
    *l = (struct lg_thin_layer){.base = {&ops, NULL, options->lane}, .o = *options};
    lg_list_init(&l->exchanges);
}

void lg_thin_layer_cancel(struct lg_thin_layer *l, const struct lg_arena *arena)
{
    LG_LIST_EACH(it, &l->exchanges)
    {
        struct exchange *x = LG_CONTAINER_OF(it, struct exchange, link);

        if (x->read->arena == arena)
            cancel(x);
    }
}

void lg_thin_layer_stop(struct lg_thin_layer *l)
{
    l->stopping = true;
    LG_LIST_EACH(it, &l->exchanges)
    cancel(LG_CONTAINER_OF(it, struct exchange, link));
}
