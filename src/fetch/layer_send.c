/* Send: asks the chosen server over HTTP, in the words of Venice's storage node.
 *
 * One key:   GET  /storage/<topic>/<partition>/<base64 key>?f=b64
 * Several:   POST /storage/<topic>, body of MultiGetRouterRequestKeyV1, keyIndex = position in the
 * read; so does one key that is too long for a request target
 */
#include "fetch/layers.h"

#include "base/str.h"
#include "fetch/quota.h"
#include "lane/mutant.h"
#include "net/http1.h"
#include "read/wire.h"

#define RESPONSE_BYTES_MAX ((size_t)64 << 20)
#define RETRY_AFTER_S_MAX ((uint64_t)3600)

struct exchange { /* One per request; owned by itself until the answer. */
    struct lg_send_layer *layer;
    struct lg_read *read;
    struct lg_http_call call;
    struct lg_buf target, body;
};

static void exchange_free(struct exchange *x)
{
    lg_http_call_done(&x->call);
    lg_buf_done(&x->target);
    lg_buf_done(&x->body);
    lg_free(x);
}

/* A server's refusal as a code the layers above can act on. */
static enum lg_rc rc_of_status(int status)
{
    switch (status) {
    case 400: /* It does not have this version (any more): another server may. */
    case 500:
    case 503:
        return LG_ERR_UNREADY;
    case 413:
        return LG_ERR_TOO_LARGE;
    case 429: /* Another replica would spend of the same quota. */
        return LG_ERR_QUOTA;
    case 529:
        return LG_ERR_OVERLOADED;
    default:
        return LG_ERR_BAD_ANSWER;
    }
}

/* Our servers leave it out of a 429 only when more is asked for than is ever saved up. A date, or
 * what is no number, says nothing. */
static uint32_t retry_after_of(const struct lg_http_call *call)
{
    struct lg_slice text = lg_http_header(&call->response_headers, "Retry-After");
    uint64_t seconds;

    if (text.size == 0 && call->status == 429)
        return LG_QUOTA_NEVER_MS;
    if (!lg_parse_u64(text, UINT64_MAX, &seconds))
        return 0;
    return (uint32_t)LG_MIN(seconds, RETRY_AFTER_S_MAX) * 1000;
}

/* A server of before compression says nothing. */
static enum lg_rc compression_of(const struct lg_read *read, const struct lg_http_call *call,
                                 enum lg_compression *out, struct lg_error *err)
{
    struct lg_slice text = lg_http_header(&call->response_headers, "X-VENICE-COMPRESSION-STRATEGY");
    int64_t id = LG_COMPRESSION_NO_OP;

    if ((text.size == 0 || lg_parse_i64(text, 0, INT32_MAX, &id)) &&
        lg_compression_from_id(id, out))
        return LG_OK;
    return lg_error_set(err, LG_ERR_BAD_ANSWER, "%s answered with compression strategy '%.*s'",
                        read->host->name, (int)LG_MIN(text.size, (size_t)20),
                        (const char *)text.data);
}

static enum lg_rc take_single(struct lg_read *read, struct lg_http_call *call, struct lg_error *err)
{
    struct lg_read_key *key = read->keys[0];
    struct lg_slice id = lg_http_header(&call->response_headers, "X-VENICE-SCHEMA-ID");
    struct lg_slice body = lg_buf_slice(&call->response_body);
    const uint8_t *copy;
    int64_t schema_id;

    if (call->status == 404) {
        key->rc = LG_ERR_NOT_FOUND;
        return LG_OK;
    }
    if (!lg_parse_i64(id, 1, INT32_MAX, &schema_id))
        return lg_error_set(err, LG_ERR_BAD_ANSWER, "%s answered without a schema id",
                            read->host->name);
    if (compression_of(read, call, &key->compression, err) != LG_OK)
        return err->rc;
    copy = lg_arena_copy(read->arena, body);
    if (copy == NULL)
        return lg_error_set(err, LG_ERR_TOO_LARGE, "the answer needs more memory than allowed");
    key->rc = LG_OK;
    key->schema_id = (int32_t)schema_id;
    key->value = lg_slice(copy, body.size);
    return LG_OK;
}

static enum lg_rc take_several(struct lg_read *read, struct lg_http_call *call,
                               struct lg_error *err)
{
    struct lg_slice body = lg_buf_slice(&call->response_body);
    const uint8_t *copy = lg_arena_copy(read->arena, body);
    struct lg_decoder d = lg_decoder_of(lg_slice(copy, body.size));
    enum lg_compression compression;
    struct lg_wire_value value;
    bool end = false;

    if (copy == NULL)
        return lg_error_set(err, LG_ERR_TOO_LARGE, "the answer needs more memory than allowed");
    if (compression_of(read, call, &compression, err) != LG_OK)
        return err->rc;
    for (size_t i = 0; i < read->key_count; i++)
        read->keys[i]->rc = LG_ERR_NOT_FOUND; /* Missing keys are omitted. */
    while (!end) {
        if (lg_wire_value_next(&d, &value, &end, err) != LG_OK)
            return lg_error_set(err, LG_ERR_BAD_ANSWER, "%s sent a malformed answer",
                                read->host->name);
        if (end)
            break;
        if (lg_mutant(LG_MUTANT_scatter_mixes_values) && value.index < 2)
            value.index = 1 - value.index;
        if (value.index < 0 || (size_t)value.index >= read->key_count)
            return lg_error_set(err, LG_ERR_BAD_ANSWER, "%s answered key %d of %zu",
                                read->host->name, value.index, read->key_count);
        read->keys[value.index]->rc = LG_OK;
        read->keys[value.index]->schema_id = value.schema_id;
        read->keys[value.index]->value = value.value;
        read->keys[value.index]->compression = compression;
    }
    return LG_OK;
}

static enum lg_rc take_answer(struct exchange *x, struct lg_error *err)
{
    struct lg_read *read = x->read;
    struct lg_http_call *call = &x->call;
    struct lg_slice why = lg_buf_slice(&call->response_body);

    read->retry_after_ms = 0;
    if (call->rc != LG_OK) {
        *err = call->err;
        err->rc = call->rc;
        return call->rc;
    }
    if (call->method == LG_HTTP_GET && (call->status == 200 || call->status == 404))
        return take_single(read, call, err);
    if (call->method == LG_HTTP_POST && call->status == 200)
        return take_several(read, call, err);
    read->retry_after_ms = retry_after_of(call);
    if (why.size == 0) /* As of a server over a store's quota. */
        why = lg_slice_str(lg_http_reason(call->status));
    return lg_error_set(err, rc_of_status(call->status), "%s answered %d: %.*s", read->host->name,
                        call->status, (int)LG_MIN(why.size, (size_t)200), (const char *)why.data);
}

static void answered(struct lg_http_call *call)
{
    struct exchange *x = LG_CONTAINER_OF(call, struct exchange, call);
    struct lg_read *read = x->read;
    struct lg_error err = {0};
    enum lg_rc rc = take_answer(x, &err);

    read->cancel = NULL;
    /* INVALID is a call that was never sent: no answer of a host is. */
    if (rc == LG_ERR_CANCELLED || rc == LG_ERR_INVALID)
        lg_host_dropped(read->host);
    else
        lg_host_answered(read->host, rc == LG_OK || rc == LG_ERR_QUOTA,
                         lg_lane_now_us(x->layer->base.lane));
    if (rc != LG_OK)
        lg_read_fail(read, &err);
    exchange_free(x);
    lg_read_settle(read);
}

/* False: the key is too long to stand in a target. */
static bool write_get(struct exchange *x)
{
    const struct lg_read_key *key = x->read->keys[0];

    if (key->key.size > LG_HTTP1_TARGET_BYTES_MAX)
        return false;
    x->call.method = LG_HTTP_GET;
    lg_buf_appendf(&x->target, "/storage/%s/%u/", x->read->topic, key->partition);
    lg_base64_encode(&x->target, key->key, /* url_safe= */ true);
    lg_buf_append_str(&x->target, "?f=b64");
    return lg_buf_slice(&x->target).size <= LG_HTTP1_TARGET_BYTES_MAX;
}

static void write_request(struct exchange *x)
{
    struct lg_read *read = x->read;

    if (read->key_count == 1 && write_get(x))
        return;
    lg_buf_clear(&x->target);
    x->call.method = LG_HTTP_POST;
    lg_buf_appendf(&x->target, "/storage/%s", read->topic);
    for (size_t i = 0; i < read->key_count; i++)
        lg_wire_key_add(&x->body, &(struct lg_wire_key){(int32_t)i, read->keys[i]->key,
                                                        (int32_t)read->keys[i]->partition});
}

static void cancel(struct lg_read *read)
{
    struct exchange *x = read->cancel_ctx;

    lg_http_call_cancel(&x->call);
}

static void submit(struct lg_layer *layer, struct lg_read *read)
{
    /* The last is for retries and hedges. Of routers only: Venice's fast clients never say it. */
    static const struct lg_http_header headers[] = {
        {{(const uint8_t *)"X-VENICE-API-VERSION", 20}, {(const uint8_t *)"1", 1}},
        {{(const uint8_t *)"X-VENICE-RETRY", 14}, {(const uint8_t *)"1", 1}},
    };
    struct lg_send_layer *l = LG_CONTAINER_OF(layer, struct lg_send_layer, base);
    struct exchange *x = lg_new(struct exchange);

    x->layer = l;
    x->read = read;
    write_request(x);
    x->call.host = read->host->address;
    x->call.port = read->host->port;
    x->call.target = lg_buf_slice(&x->target);
    x->call.body = lg_buf_slice(&x->body);
    x->call.headers = headers;
    x->call.header_count = read->again || read->tries > 1 ? 2 : 1;
    x->call.deadline_us = read->deadline_us;
    x->call.response_bytes_max = RESPONSE_BYTES_MAX;
    x->call.done = answered;
    read->sent_us = lg_lane_now_us(layer->lane);
    read->cancel = cancel;
    read->cancel_ctx = x;
    lg_host_sent(l->hosts, read->host);
    lg_http_call_submit(l->client, &x->call);
}

static const struct lg_layer_ops ops = {"send", submit};

void lg_send_layer_init(struct lg_send_layer *l, struct lg_lane *lane, struct lg_host_table *hosts,
                        struct lg_http_client *client)
{
    *l = (struct lg_send_layer){.base = {&ops, NULL, lane}, .hosts = hosts, .client = client};
}
