/* Any bytes as the body of a streaming batch get, however they are cut: the same batches begin and
 * the same answers come; each batch that was asked for has one end, and nothing behind it. */
#include "net/read_stream.h"

#define REQUEST_BYTES_MAX 4096

struct outcome {
    struct lg_buf out;
    size_t begun, keys;
    bool is_done;
    enum lg_grpc_status status;
};

/* Even batches are answered at once, odd ones when the next begins or the stream is over. */
struct owner {
    struct outcome *o;
    struct lg_read_batch *waiting;
};

static void settle(struct owner *owner)
{
    struct lg_read_batch *batch = owner->waiting;

    owner->waiting = NULL;
    if (batch != NULL)
        lg_read_batch_end(batch, &(struct lg_stream_end){.status = LG_GRPC_UNAVAILABLE});
}

static void batch_begins(void *ctx, struct lg_read_batch *batch,
                         const struct lg_stream_batch *asked)
{
    struct owner *owner = ctx;

    settle(owner);
    owner->o->keys += asked->keys.size;
    for (uint32_t i = 0; i < asked->keys.size; i++) {
        const struct lg_stream_key *key = &asked->keys.data[i];

        if (key->key.size % 2 == 0)
            lg_read_batch_missing(batch, key->id);
        else
            lg_read_batch_value(batch, &(struct lg_stream_value){.id = key->id,
                                                                 .schema_id = (int32_t)i,
                                                                 .data = key->key,
                                                                 .version = asked->version});
    }
    if (owner->o->begun++ % 2 == 1)
        owner->waiting = batch;
    else
        lg_read_batch_end(batch, &(struct lg_stream_end){.message = asked->store});
}

static void batch_cancelled(void *ctx, struct lg_read_batch *batch)
{
    struct owner *owner = ctx;

    if (owner->waiting == batch)
        settle(owner);
}

static struct outcome run(struct lg_slice body, size_t step)
{
    static const struct lg_read_stream_handler handler = {.begin = batch_begins,
                                                          .cancel = batch_cancelled};
    struct outcome o = {0};
    struct owner owner = {&o, NULL};
    LG_AUTO(lg_read_stream) *s = lg_read_stream_new(&(struct lg_read_stream_options){
        &handler, &owner, LG_GRPC_GZIP, REQUEST_BYTES_MAX, /* batches_max= */ 2, 50});
    struct lg_slice text;

    while (body.size > 0) {
        size_t n = LG_MIN(step, body.size);
        uint8_t *piece = lg_alloc(n);

        memcpy(piece, body.data, n);
        lg_read_stream_input(s, lg_slice(piece, n));
        lg_free(piece);
        body = lg_slice_skip(body, n);
    }
    lg_read_stream_half_closed(s);
    settle(&owner);
    o.is_done = lg_read_stream_is_done(s, &o.status, &text);
    assert(o.is_done && lg_read_stream_batches(s) == 0);
    lg_buf_append_slice(&o.out, lg_read_stream_output(s));
    return o;
}

static void assert_same(struct outcome *a, struct outcome *b)
{
    assert(a->begun == b->begun && a->keys == b->keys && a->status == b->status);
    assert(lg_slice_eq(lg_buf_slice(&a->out), lg_buf_slice(&b->out)));
    lg_buf_done(&b->out);
}

/* The answer is well-formed and has an end for each batch that began, and for those refused. */
static void check(const struct outcome *o)
{
    LG_SCOPED(lg_grpc_reader) r = {.message_bytes_max = SIZE_MAX};
    LG_AUTO(lg_arena) *arena = lg_arena_new(SIZE_MAX / 2);
    struct lg_slice in = lg_buf_slice(&o->out), message;
    struct lg_stream_batch_get_response rs;
    size_t ends = 0, keys = 0;
    bool has = true;

    while (has) {
        enum lg_rc rc = lg_grpc_next(&r, &in, &message, &has, NULL);

        if (rc == LG_OK && has)
            rc = lg_pb_decode(&lg_stream_batch_get_response_pb, message, arena, &rs, NULL);
        assert(rc == LG_OK);
        if (!has)
            break;
        ends += rs.end != NULL;
        keys += rs.values.size + rs.missing.size;
    }
    assert(lg_grpc_is_between(&r));
    assert(keys == o->keys || o->status != LG_GRPC_OK);
    assert(ends >= o->begun || o->status != LG_GRPC_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcome whole, bytewise, cut;
    struct lg_slice body;

    if (size == 0)
        return 0;
    body = lg_slice(data + 1, size - 1);
    whole = run(body, SIZE_MAX);
    bytewise = run(body, 1);
    cut = run(body, (size_t)data[0] + 2);
    assert_same(&whole, &bytewise);
    assert_same(&whole, &cut);
    check(&whole);
    lg_buf_done(&whole.out);
    return 0;
}
