/* Decode: undoes the compression of the values that came, unless the asker does that itself.
 *
 *     read ──▶ settled below ──▶ nothing compressed ──────────────────────▶ settled
 *                   │                  dictionary known ──▶ decoded ─────▶ settled
 *                   └─▶ not known ──▶ asked of a server, reads wait ──▶ decoded or failed
 *
 * A version's dictionary is asked once, of the servers that serve it (GET /dictionary), and kept
 * while it is used. Large values are decoded on the pool.
 */
#include "fetch/layers.h"

#include "base/list.h"
#include "base/map.h"
#include "base/str.h"
#include "model/names.h"

struct version { /* Of data with a dictionary; owned by the layer. */
    struct lg_decode_layer *layer;
    struct lg_value_codec *codec; /* NULL until the dictionary came. */
    uint64_t used;
    struct lg_list waiting; /* struct decoding */
    char *topic;
    /* The asking: server after server. */
    struct lg_http_call call;
    struct lg_host *hosts[LG_REPLICAS_MAX];
    size_t host_count, host_next;
    struct lg_buf target;
    bool asking;
};

struct decoding { /* One per read; in the read's arena. */
    struct lg_decode_layer *layer;
    struct lg_read *asked;
    struct lg_read copy;
    struct lg_list link;
    struct lg_offload offload;
    struct lg_value_codec *codec; /* Of the offload alone. */
};

static void ask_next(struct version *v);

static bool is_due(const struct lg_read *read, const struct lg_read_key *key)
{
    return key->rc == LG_OK && key->compression != LG_COMPRESSION_NO_OP &&
           (key->compression > read->accepts || key->compression == LG_COMPRESSION_ZSTD_WITH_DICT);
}

static void settle(struct decoding *d)
{
    d->asked->rc = d->copy.rc;
    d->asked->err = d->copy.err;
    d->asked->retry_after_ms = d->copy.retry_after_ms;
    d->asked->done(d->asked);
}

static void fail(struct decoding *d, const struct lg_error *err)
{
    lg_read_fail(&d->copy, err);
    settle(d);
}

/* --- Decoding. ---------------------------------------------------------------------------------
 */

static enum lg_rc decode_key(struct lg_read *read, struct lg_read_key *key,
                             struct lg_value_codec *codec, struct lg_buf *scratch,
                             struct lg_error *err)
{
    const uint8_t *copy;
    enum lg_rc rc;

    lg_buf_clear(scratch);
    rc = lg_value_codec_unpack(codec, key->value, scratch, err);
    if (rc != LG_OK)
        return lg_error_wrap(err, "%s, partition %u", read->topic, key->partition);
    copy = lg_arena_copy(read->arena, lg_buf_slice(scratch));
    if (copy == NULL)
        return lg_error_set(err, LG_ERR_TOO_LARGE,
                            "the values need more memory than allowed; ask for fewer keys at once");
    key->value = lg_slice(copy, scratch->size);
    key->compression = LG_COMPRESSION_NO_OP;
    return LG_OK;
}

static void decode_all(struct lg_read *read, struct lg_value_codec *codec, struct lg_buf *scratch)
{
    struct lg_error err = {0};

    for (size_t i = 0; i < read->key_count; i++) {
        if (!is_due(read, read->keys[i]))
            continue;
        if (decode_key(read, read->keys[i], codec, scratch, &err) != LG_OK) {
            lg_read_fail(read, &err);
            return;
        }
    }
}

static void decode_large(struct lg_offload *offload)
{
    struct decoding *d = LG_CONTAINER_OF(offload, struct decoding, offload);
    LG_SCOPED(lg_buf) scratch = {0};

    decode_all(&d->copy, d->codec, &scratch);
}

static void large_decoded(struct lg_offload *offload)
{
    struct decoding *d = LG_CONTAINER_OF(offload, struct decoding, offload);

    lg_value_codec_free(LG_TAKE(d->codec));
    settle(d);
}

static void decode(struct decoding *d, struct lg_value_codec *codec)
{
    size_t bytes = 0;

    for (size_t i = 0; i < d->copy.key_count; i++)
        if (is_due(&d->copy, d->copy.keys[i]))
            bytes += d->copy.keys[i]->value.size;
    if (bytes > LG_DECODE_INLINE_BYTES_MAX) {
        d->codec = lg_value_codec_clone(codec);
        d->offload.work = decode_large;
        d->offload.done = large_decoded;
        lg_offload(d->layer->base.lane, &d->offload);
        return;
    }
    decode_all(&d->copy, codec, &d->layer->scratch);
    settle(d);
}

/* --- Dictionaries. -----------------------------------------------------------------------------
 */

static void version_free(struct version *v)
{
    assert(!v->asking && lg_list_empty(&v->waiting));
    lg_value_codec_free(v->codec);
    lg_http_call_done(&v->call);
    lg_buf_done(&v->target);
    lg_free(v->topic);
    lg_free(v);
}

/* Makes room for one more. */
static void forget_one(struct lg_decode_layer *l)
{
    struct version *oldest = NULL;
    struct lg_slice topic;
    void *value;
    size_t at = 0;

    while (lg_map_next(l->versions, &at, &topic, &value)) {
        struct version *v = value;

        if (!v->asking && (oldest == NULL || v->used < oldest->used))
            oldest = v;
    }
    if (oldest == NULL)
        return; /* All are being asked for: as many as there are versions being read. */
    lg_map_remove(l->versions, lg_slice_str(oldest->topic));
    version_free(oldest);
}

/* All that wait go on; the version is forgotten when it has no dictionary, so that the next read
 * asks again. */
static void release(struct version *v, const struct lg_error *err)
{
    struct lg_list waiting;
    struct lg_list *it;

    v->asking = false;
    lg_list_init(&waiting);
    while ((it = lg_list_pop_front(&v->waiting)) != NULL)
        lg_list_push_back(&waiting, it);
    if (v->codec == NULL)
        lg_map_remove(v->layer->versions, lg_slice_str(v->topic));
    while ((it = lg_list_pop_front(&waiting)) != NULL) {
        struct decoding *d = LG_CONTAINER_OF(it, struct decoding, link);

        if (v->codec == NULL)
            fail(d, err);
        else
            decode(d, v->codec);
    }
    if (v->codec == NULL)
        version_free(v);
}

static void told(struct lg_http_call *call)
{
    struct version *v = LG_CONTAINER_OF(call, struct version, call);
    struct lg_host *host = v->hosts[v->host_next - 1];
    struct lg_error err = call->err;

    err.rc = call->rc;
    if (call->rc == LG_OK && call->status == 200)
        (void)!lg_value_codec_new(LG_COMPRESSION_ZSTD_WITH_DICT, lg_buf_slice(&call->response_body),
                                  &v->codec, &err);
    else if (call->rc == LG_OK)
        (void)lg_error_set(&err, LG_ERR_UNREADY, "%s answered %d", host->name, call->status);
    lg_http_call_done(&v->call);
    lg_host_release(host);
    if (v->codec == NULL && v->host_next < v->host_count && err.rc != LG_ERR_CANCELLED) {
        ask_next(v);
        return;
    }
    if (v->codec == NULL) {
        if (lg_rc_retry(err.rc) != LG_RETRY_ELSEWHERE && err.rc != LG_ERR_CANCELLED)
            err.rc = LG_ERR_UNREADY;
        (void)lg_error_wrap(&err, "the dictionary of %s cannot be had", v->topic);
    }
    release(v, &err);
}

static void ask_next(struct version *v)
{
    struct lg_host *host = v->hosts[v->host_next++];
    const struct decoding *first = LG_CONTAINER_OF(v->waiting.next, struct decoding, link);
    uint64_t now_us = lg_lane_now_us(v->layer->base.lane), deadline_us = first->copy.deadline_us;

    /* One that is silent leaves time for the next. */
    if (v->host_next < v->host_count && deadline_us > now_us)
        deadline_us = now_us + (deadline_us - now_us) / 4;
    v->call = (struct lg_http_call){
        .host = host->address,
        .port = host->port,
        .method = LG_HTTP_GET,
        .target = lg_buf_slice(&v->target),
        .deadline_us = deadline_us,
        .response_bytes_max = LG_ZSTD_DICT_BYTES_MAX,
        .done = told,
    };
    lg_host_hold(host); /* The call borrows its address. */
    lg_http_call_submit(v->layer->client, &v->call);
}

/* The servers that hold a key of the read serve its version. */
static bool start_asking(struct version *v, const struct lg_read *read)
{
    struct lg_decode_layer *l = v->layer;
    struct lg_slice store;
    int32_t number;

    if (lg_names_parse_version_topic(lg_slice_str(read->topic), &store, &number, NULL) != LG_OK)
        return false;
    v->host_count =
        lg_replica_source_any(&l->source, read->topic, read->keys[0]->partition, v->hosts);
    v->host_next = 0;
    if (v->host_count == 0)
        return false;
    lg_buf_clear(&v->target);
    lg_buf_appendf(&v->target, "/dictionary/%.*s/%d", LG_FMT(store), number);
    v->asking = true;
    ask_next(v);
    return true;
}

static struct version *version_of(struct lg_decode_layer *l, const char *topic)
{
    struct version *v = lg_map_get(l->versions, lg_slice_str(topic));

    if (v == NULL) {
        if (lg_map_size(l->versions) >= LG_DECODE_DICTIONARIES_MAX)
            forget_one(l);
        v = lg_new(struct version);
        v->layer = l;
        v->topic = lg_strdup(topic);
        lg_list_init(&v->waiting);
        lg_map_put(l->versions, lg_slice_str(topic), v);
    }
    v->used = ++l->clock;
    return v;
}

static void decode_with_dictionary(struct decoding *d)
{
    struct version *v = version_of(d->layer, d->copy.topic);

    if (v->codec != NULL) {
        decode(d, v->codec);
        return;
    }
    lg_list_push_back(&v->waiting, &d->link);
    if (!v->asking && !start_asking(v, &d->copy)) {
        struct lg_error err;

        (void)lg_error_set(&err, LG_ERR_UNREADY, "no server has the dictionary of %s now",
                           v->topic);
        release(v, &err);
    }
}

/* --- The layer. --------------------------------------------------------------------------------
 */

/* All values of a version have one strategy. */
static void settled_below(struct lg_read *copy)
{
    struct decoding *d = LG_CONTAINER_OF(copy, struct decoding, copy);
    enum lg_compression strategy = LG_COMPRESSION_NO_OP;

    for (size_t i = 0; i < copy->key_count && strategy == LG_COMPRESSION_NO_OP; i++)
        if (is_due(copy, copy->keys[i]))
            strategy = copy->keys[i]->compression;
    if (copy->rc != LG_OK || strategy == LG_COMPRESSION_NO_OP || !lg_read_is_wanted(copy))
        settle(d);
    else if (strategy == LG_COMPRESSION_ZSTD_WITH_DICT)
        decode_with_dictionary(d);
    else
        decode(d, d->layer->codecs[strategy]);
}

static void submit(struct lg_layer *layer, struct lg_read *read)
{
    struct lg_decode_layer *l = LG_CONTAINER_OF(layer, struct lg_decode_layer, base);
    struct decoding *d = lg_arena_zalloc(read->arena, sizeof *d);

    if (d == NULL) {
        lg_read_fail_later(layer, read, LG_ERR_TOO_LARGE,
                           "the read needs more memory than allowed");
        return;
    }
    d->layer = l;
    d->asked = read;
    lg_list_init(&d->link);
    d->copy = *read;
    d->copy.done = settled_below;
    lg_layer_submit(layer->below, &d->copy);
}

static const struct lg_layer_ops ops = {"decode", submit};

void lg_decode_layer_init(struct lg_decode_layer *l, struct lg_lane *lane, struct lg_layer *below,
                          const struct lg_replica_source *source, struct lg_http_client *client)
{
    *l = (struct lg_decode_layer){.base = {&ops, below, lane}, .source = *source, .client = client};
    l->versions = lg_map_new();
    for (size_t i = 0; i < LG_ARRAY_SIZE(l->codecs); i++) {
        enum lg_rc rc =
            lg_value_codec_new((enum lg_compression)i, LG_SLICE_NULL, &l->codecs[i], NULL);

        assert(rc == LG_OK); /* Only a dictionary can be wrong. */
        (void)rc;
    }
}

void lg_decode_layer_done(struct lg_decode_layer *l)
{
    struct lg_slice topic;
    void *version;
    size_t at = 0;

    while (lg_map_next(l->versions, &at, &topic, &version))
        version_free(version);
    lg_map_free(l->versions);
    for (size_t i = 0; i < LG_ARRAY_SIZE(l->codecs); i++)
        lg_value_codec_free(l->codecs[i]);
    lg_buf_done(&l->scratch);
}
