/* Reader: what a router sent becomes what the application reads.
 *
 *     below ──answers──▶ DECODING ──all keys──▶ settled
 *                         │    ▲
 *          unknown schema └────┘ fetched
 */
#include "client/layers.h"

struct decoding { /* One per read; in the read's arena. */
    struct lg_reader_layer *layer;
    struct lg_read *asked;
    struct lg_read copy;
    size_t next;   /* the key to decode next */
    bool *decoded; /* by key: it came, and was decoded then; NULL: nobody asked for that */
    struct lg_schema_wait wait;
};

static void step(struct decoding *d);

static enum lg_rc too_large(const struct lg_reader_layer *l, struct lg_error *err)
{
    return lg_error_set(err, LG_ERR_TOO_LARGE,
                        "a value of more than %zu bytes; value_bytes_max allows no more",
                        l->value_bytes_max);
}

static enum lg_rc decompress(const struct lg_reader_layer *l, const struct lg_read_key *key,
                             struct lg_buf *out, struct lg_error *err)
{
    enum lg_rc rc;

    if (key->compression == LG_COMPRESSION_ZSTD_WITH_DICT)
        return lg_error_set(err, LG_ERR_UNSUPPORTED,
                            "a value came compressed with a dictionary, which only routers have");
    rc = lg_value_codec_unpack(key->compression == LG_COMPRESSION_GZIP ? l->gzip : l->zstd,
                               key->value, out, err);
    if (rc == LG_ERR_CORRUPT) /* On its way; what is stored has checksums of its own. */
        rc = err->rc = LG_ERR_BAD_DATA;
    return rc == LG_ERR_TOO_LARGE ? too_large(l, err) : rc;
}

/* The value becomes what `b` holds, in the read's arena. */
static enum lg_rc keep(struct decoding *d, struct lg_read_key *key, const struct lg_buf *b,
                       struct lg_error *err)
{
    const uint8_t *copy = lg_arena_copy(d->copy.arena, lg_buf_slice(b));

    if (copy == NULL)
        return lg_error_set(err, LG_ERR_TOO_LARGE,
                            "the values need more memory than answer_bytes_max allows");
    key->value = lg_slice(copy, b->size);
    return LG_OK;
}

static enum lg_rc decode(struct decoding *d, struct lg_read_key *key,
                         const struct lg_client_schema *schema, struct lg_error *err)
{
    struct lg_reader_layer *l = d->layer;
    LG_SCOPED(lg_buf) plain = lg_buf_with_ceiling(l->value_bytes_max);
    LG_SCOPED(lg_buf) resolved = lg_buf_with_ceiling(l->value_bytes_max);
    enum lg_rc rc = LG_OK;

    if (key->compression != LG_COMPRESSION_NO_OP) {
        rc = decompress(l, key, &plain, err);
        if (rc == LG_OK)
            rc = keep(d, key, &plain, err);
    } else if (key->value.size > l->value_bytes_max) {
        rc = too_large(l, err);
    }
    if (rc != LG_OK)
        return rc;
    key->compression = LG_COMPRESSION_NO_OP;
    if (schema->resolver == NULL)
        return LG_OK;
    rc = lg_resolve(schema->resolver, key->value, &resolved, err);
    if (rc == LG_ERR_TOO_LARGE)
        return too_large(l, err);
    return rc == LG_OK ? keep(d, key, &resolved, err) : rc;
}

static void settle(struct decoding *d)
{
    struct lg_read *asked = d->asked;

    asked->err = d->copy.err;
    lg_read_settle(asked);
}

static void schema_fetched(struct lg_schema_wait *wait, const struct lg_error *err)
{
    struct decoding *d = LG_CONTAINER_OF(wait, struct decoding, wait);

    if (err->rc == LG_OK) {
        step(d);
        return;
    }
    /* Keys that were decoded keep their values. */
    for (size_t i = d->next; i < d->copy.key_count; i++)
        if (d->copy.keys[i]->rc == LG_OK)
            d->copy.keys[i]->rc = err->rc;
    d->copy.err = *err;
    settle(d);
}

static void step(struct decoding *d)
{
    struct lg_read *read = &d->copy;

    for (; d->next < read->key_count; d->next++) {
        struct lg_read_key *key = read->keys[d->next];
        const struct lg_client_schema *schema;
        struct lg_error err;
        enum lg_rc rc;

        if (key->rc != LG_OK || (d->decoded != NULL && d->decoded[d->next]))
            continue;
        rc = lg_schema_cache_value(d->layer->schemas, key->schema_id, &schema, &err);
        if (rc == LG_ERR_NO_SCHEMA) {
            lg_schema_cache_fetch(d->layer->schemas, key->schema_id, &d->wait);
            return;
        }
        if (rc == LG_OK)
            rc = decode(d, key, schema, &err);
        if (rc == LG_OK)
            continue;
        key->rc = err.rc = rc;
        if (read->err.rc == LG_OK)
            read->err = err;
    }
    settle(d);
}

static void settled(struct lg_read *copy)
{
    struct decoding *d = LG_CONTAINER_OF(copy, struct decoding, copy);

    if (copy->rc != LG_OK) {
        settle(d);
        return;
    }
    d->copy.err = (struct lg_error){0}; /* What a try before the good one said. */
    step(d);
}

/* Decodes a key at once if that can be done, and passes it on; else it waits for the end. */
static void key_came(void *key_ctx, struct lg_read_key *key)
{
    struct decoding *d = key_ctx;
    const struct lg_client_schema *schema;
    struct lg_error err;

    d->decoded[key->index] = false; /* A try before may have set it. */
    if (key->rc == LG_OK) {
        if (lg_schema_cache_value(d->layer->schemas, key->schema_id, &schema, &err) != LG_OK ||
            decode(d, key, schema, &err) != LG_OK)
            return; /* The same is found, and told, at the end. */
        d->decoded[key->index] = true;
    }
    d->asked->key_answered(d->asked->key_ctx, key);
}

static void submit(struct lg_layer *layer, struct lg_read *read)
{
    struct lg_reader_layer *l = LG_CONTAINER_OF(layer, struct lg_reader_layer, base);
    struct decoding *d = lg_arena_zalloc(read->arena, sizeof *d);

    if (d == NULL) {
        lg_read_fail_later(layer, read, LG_ERR_TOO_LARGE,
                           "the read needs more memory than allowed");
        return;
    }
    d->layer = l;
    d->asked = read;
    d->wait.done = schema_fetched;
    d->copy = *read;
    d->copy.done = settled;
    if (read->key_answered != NULL)
        d->decoded = lg_arena_zalloc(read->arena, read->key_count);
    d->copy.key_answered = d->decoded == NULL ? NULL : key_came;
    d->copy.key_ctx = d;
    lg_layer_submit(layer->below, &d->copy);
}

static const struct lg_layer_ops ops = {"reader", submit};

static struct lg_value_codec *codec_of(enum lg_compression strategy)
{
    struct lg_value_codec *codec = NULL;
    struct lg_error err;
    enum lg_rc rc = lg_value_codec_new(strategy, /* dictionary= */ LG_SLICE_NULL, &codec, &err);

    assert(rc == LG_OK && "only a dictionary can be wrong");
    (void)rc;
    return codec;
}

void lg_reader_layer_init(struct lg_reader_layer *l, struct lg_lane *lane, struct lg_layer *below,
                          struct lg_schema_cache *schemas, size_t value_bytes_max)
{
    *l = (struct lg_reader_layer){.base = {&ops, below, lane},
                                  .schemas = schemas,
                                  .gzip = codec_of(LG_COMPRESSION_GZIP),
                                  .zstd = codec_of(LG_COMPRESSION_ZSTD),
                                  .value_bytes_max = value_bytes_max};
}

void lg_reader_layer_done(struct lg_reader_layer *l)
{
    lg_value_codec_free(l->gzip);
    lg_value_codec_free(l->zstd);
    l->gzip = l->zstd = NULL;
}
