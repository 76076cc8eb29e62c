/* A response is built in place: its frame is opened in the output with room for prefix and batch
 * id, values are appended one by one, and the prefix gets its size when the frame is closed:
 * because another batch has something to say, it is large enough, or it is to be sent.
 */
#include "net/read_stream.h"

#include "base/list.h"
#include "base/str.h"

#define BATCHES_DEFAULT 100u
#define LG_READ_STREAM_END_BYTES ((size_t)64) /* about so many */
/* A request takes so much besides its keys, whose array is copied as it doubles. */
#define ARENA_BYTES ((size_t)16 << 10)
#define ARENA_KEYS_FACTOR 4
/* A value of 4 numbers and the heads of itself and its data. */
#define VALUE_HEAD_MAX ((1 + 5) * 6)

enum { /* Tags: number and wire type. */
       TAG_BATCH_ID = 1 << 3 | LG_PB_WIRE_VARINT,
       TAG_VALUES = 2 << 3 | LG_PB_WIRE_SIZED,
       TAG_MISSING = 3 << 3 | LG_PB_WIRE_VARINT, /* One by one: as short as packed, and at once. */
       TAG_END = 4 << 3 | LG_PB_WIRE_SIZED,
       TAG_VALUE_ID = 1 << 3 | LG_PB_WIRE_VARINT,
       TAG_VALUE_SCHEMA_ID = 2 << 3 | LG_PB_WIRE_VARINT,
       TAG_VALUE_DATA = 3 << 3 | LG_PB_WIRE_SIZED,
       TAG_VALUE_COMPRESSION = 4 << 3 | LG_PB_WIRE_VARINT,
       TAG_VALUE_VERSION = 5 << 3 | LG_PB_WIRE_VARINT,
};

struct slot {
    struct lg_read_batch batch;
    struct lg_list node; /* of `active` or `idle` */
};

struct lg_read_stream {
    struct lg_read_stream_options options;
    struct lg_grpc_reader reader;
    struct lg_arena *arena; /* Of the message that is being read. */
    struct lg_buf out;
    size_t open_at;                  /* where the open frame begins in `out`; SIZE_MAX: none */
    const struct lg_read_batch *who; /* the batch of the open frame */
    struct lg_list active, idle;
    size_t batches;
    bool half_closed, draining, failed, aborted;
    enum lg_grpc_status status; /* of the stream */
    struct lg_error error;      /* when it failed */
    struct slot slots[];
};

struct lg_read_stream *lg_read_stream_new(const struct lg_read_stream_options *options)
{
    uint32_t n = options->batches_max == 0 ? BATCHES_DEFAULT : options->batches_max;
    struct lg_read_stream *s =
        lg_zalloc(sizeof *s + (size_t)n * sizeof s->slots[0]); /* Ours, not from outside. */

    s->options = *options;
    s->options.batches_max = n;
    if (s->options.keys_max == 0)
        s->options.keys_max = LG_READ_STREAM_KEYS_DEFAULT;
    s->reader.encoding = options->encoding;
    s->reader.message_bytes_max = options->message_bytes_max;
    s->arena = lg_arena_new(ARENA_BYTES + ARENA_KEYS_FACTOR * sizeof(struct lg_stream_key) *
                                              (size_t)s->options.keys_max);
    s->open_at = SIZE_MAX;
    lg_list_init(&s->active);
    lg_list_init(&s->idle);
    for (uint32_t i = 0; i < n; i++)
        lg_list_push_back(&s->idle, &s->slots[i].node);
    return s;
}

void lg_read_stream_free(struct lg_read_stream *s)
{
    if (s == NULL)
        return;
    assert(s->batches == 0 && "its batches are ended first");
    lg_grpc_reader_done(&s->reader);
    lg_arena_free(s->arena);
    lg_buf_done(&s->out);
    lg_free(s);
}

/* --- Output ----------------------------------------------------------------------------------- */
static void close_frame(struct lg_read_stream *s)
{
    if (s->open_at == SIZE_MAX)
        return;
    lg_grpc_prefix(s->out.data + s->open_at, /* is_compressed= */ false,
                   s->out.size - s->open_at - LG_GRPC_PREFIX_BYTES);
    s->open_at = SIZE_MAX;
    s->who = NULL;
}

static void open_frame(struct lg_read_stream *s, const struct lg_read_batch *who, uint64_t id)
{
    uint8_t head[LG_GRPC_PREFIX_BYTES + 1 + LG_PB_VARINT_BYTES_MAX] = {0};
    uint8_t *at = head + LG_GRPC_PREFIX_BYTES;

    close_frame(s);
    if (id != 0) {
        *at++ = TAG_BATCH_ID;
        at = lg_pb_put_varint(at, id);
    }
    s->open_at = s->out.size;
    s->who = who;
    lg_buf_append(&s->out, head, (size_t)(at - head));
}

static void abort_output(struct lg_read_stream *s)
{
    lg_buf_done(&s->out);
    s->open_at = SIZE_MAX;
    s->who = NULL;
}

/* Room for `n` more bytes of a batch's answer, in a frame of its own batch. The output has no other
 * bound than those who call this. */
static uint8_t *room_for(struct lg_read_stream *s, const struct lg_read_batch *batch, size_t n)
{
    uint8_t *room;

    if (s->who != batch || s->out.size - s->open_at + n > LG_READ_STREAM_MESSAGE_BYTES)
        open_frame(s, batch, batch->id);
    room = lg_buf_reserve(&s->out, n);
    assert(room != NULL);
    return room;
}

static bool is_heard(const struct lg_read_stream *s)
{
    return !s->failed && !s->aborted;
}

/* NULL when the answer is to be dropped. */
static uint8_t *room_for_answer(struct lg_read_batch *batch, size_t n)
{
    struct lg_read_stream *s = batch->stream;

    if (batch->cancelled || !is_heard(s))
        return NULL;
    if (n > LG_READ_STREAM_UNSENT_BYTES_MAX || s->out.size > LG_READ_STREAM_UNSENT_BYTES_MAX - n) {
        batch->cut = true;
        return NULL;
    }
    return room_for(s, batch, n);
}

struct lg_slice lg_read_stream_output(struct lg_read_stream *s)
{
    close_frame(s);
    return lg_buf_slice(&s->out);
}

void lg_read_stream_sent(struct lg_read_stream *s, size_t n)
{
    bool was_full = lg_read_stream_is_full(s);

    close_frame(s);
    lg_buf_consume(&s->out, n);
    if (s->out.size == 0 && s->out.capacity > LG_READ_STREAM_FULL_BYTES)
        lg_buf_done(&s->out);
    if (was_full && !lg_read_stream_is_full(s) && s->options.handler->room != NULL)
        s->options.handler->room(s->options.ctx);
}

bool lg_read_stream_is_full(const struct lg_read_stream *s)
{
    return s->out.size >= LG_READ_STREAM_FULL_BYTES;
}

/* --- Answers ---------------------------------------------------------------------------------- */
static uint8_t *put_number(uint8_t *to, uint8_t tag, uint32_t v)
{
    if (v == 0)
        return to;
    *to++ = tag;
    return lg_pb_put_varint(to, v);
}

static size_t number_size(uint32_t v)
{
    return v == 0 ? 0 : 1 + lg_pb_varint_size(v);
}

void lg_read_batch_value(struct lg_read_batch *batch, const struct lg_stream_value *v)
{
    uint32_t schema = (uint32_t)lg_pb_zigzag(v->schema_id);
    size_t size = number_size(v->id) + number_size(schema) + number_size(v->compression) +
                  number_size(v->version);
    uint8_t *start, *to;

    if (v->data.size > 0)
        size += 1 + lg_pb_varint_size(v->data.size) + v->data.size;
    start = to = room_for_answer(batch, VALUE_HEAD_MAX + v->data.size);
    if (to == NULL)
        return;
    *to++ = TAG_VALUES;
    to = lg_pb_put_varint(to, size);
    to = put_number(to, TAG_VALUE_ID, v->id);
    to = put_number(to, TAG_VALUE_SCHEMA_ID, schema);
    if (v->data.size > 0) {
        *to++ = TAG_VALUE_DATA;
        to = lg_pb_put_varint(to, v->data.size);
        memcpy(to, v->data.data, v->data.size);
        to += v->data.size;
    }
    to = put_number(to, TAG_VALUE_COMPRESSION, v->compression);
    to = put_number(to, TAG_VALUE_VERSION, v->version);
    lg_buf_commit(&batch->stream->out, (size_t)(to - start));
}

void lg_read_batch_missing(struct lg_read_batch *batch, uint32_t key_id)
{
    uint8_t *start = room_for_answer(batch, 1 + LG_PB_VARINT_BYTES_MAX);

    if (start == NULL)
        return;
    *start = TAG_MISSING;
    lg_buf_commit(&batch->stream->out, (size_t)(lg_pb_put_varint(start + 1, key_id) - start));
}

/* Into the open frame. */
static void append_end(struct lg_read_stream *s, const struct lg_stream_end *end)
{
    size_t size = lg_pb_size(&lg_stream_end_pb, end);
    uint8_t *start = lg_buf_reserve(&s->out, 1 + LG_PB_VARINT_BYTES_MAX + size), *to = start;
    struct lg_stream_end bare = *end;

    assert(start != NULL);
    *to++ = TAG_END;
    to = lg_pb_put_varint(to, size);
    if (lg_pb_write(&lg_stream_end_pb, end, to, size, NULL) == LG_OK) {
        lg_buf_commit(&s->out, (size_t)(to - start) + size);
        return;
    }
    bare.message = LG_SLICE_NULL;
    append_end(s, &bare);
}

static void release(struct lg_read_batch *batch)
{
    struct lg_read_stream *s = batch->stream;
    struct slot *slot = LG_CONTAINER_OF(batch, struct slot, batch);

    lg_list_remove(&slot->node);
    lg_list_push_back(&s->idle, &slot->node);
    s->batches--;
}

void lg_read_batch_end(struct lg_read_batch *batch, const struct lg_stream_end *end)
{
    struct lg_read_stream *s = batch->stream;
    struct lg_stream_end cut = *end;

    cut.status = LG_GRPC_RESOURCE_EXHAUSTED;
    cut.message = LG_LIT("the values are more than a stream may hold unsent");
    if (is_heard(s)) {
        (void)room_for(s, batch, LG_READ_STREAM_END_BYTES);
        append_end(s, batch->cut && end->status == LG_GRPC_OK ? &cut : end);
        close_frame(s); /* The next batch in this slot is another one. */
    }
    release(batch);
}

void lg_read_batch_fail(struct lg_read_batch *batch, const struct lg_error *err)
{
    lg_read_batch_end(batch, &(struct lg_stream_end){.status = (uint32_t)lg_rc_grpc(err->rc),
                                                     .message = lg_slice_str(err->text)});
}

/* --- Input ------------------------------------------------------------------------------------ */

/* The end of a batch that did not begin. */
static void refuse(struct lg_read_stream *s, uint64_t id, enum lg_grpc_status status,
                   struct lg_slice text)
{
    open_frame(s, NULL, id);
    append_end(s, &(struct lg_stream_end){.status = (uint32_t)status, .message = text});
    close_frame(s);
}

/* What its client could have known. */
static void refuse_request(struct lg_read_stream *s, uint64_t id, enum lg_grpc_status status,
                           struct lg_slice text)
{
    if (s->options.handler->refused != NULL)
        s->options.handler->refused(s->options.ctx);
    refuse(s, id, status, text);
}

static void refuse_keys(struct lg_read_stream *s, uint64_t id)
{
    LG_AUTO_STR char *text =
        lg_strf("more than %u keys in one batch (limit stream_batch_keys)", s->options.keys_max);

    refuse_request(s, id, LG_GRPC_INVALID_ARGUMENT, lg_slice_str(text));
}

static void refuse_batches(struct lg_read_stream *s, uint64_t id)
{
    LG_AUTO_STR char *text =
        lg_strf("more than %u batches of the stream under way", s->options.batches_max);

    refuse_request(s, id, LG_GRPC_RESOURCE_EXHAUSTED, lg_slice_str(text));
}

static void begin(struct lg_read_stream *s, uint64_t id, const struct lg_stream_batch *asked)
{
    struct lg_list *node;
    struct slot *slot;

    if (s->draining) {
        refuse(s, id, LG_GRPC_UNAVAILABLE, LG_LIT("this server will end"));
        return;
    }
    if (asked->keys.size > s->options.keys_max) {
        refuse_keys(s, id);
        return;
    }
    node = lg_list_pop_front(&s->idle);
    if (node == NULL) {
        refuse_batches(s, id);
        return;
    }
    slot = LG_CONTAINER_OF(node, struct slot, node);
    slot->batch = (struct lg_read_batch){.stream = s, .id = id};
    lg_list_push_back(&s->active, node);
    s->batches++;
    s->options.handler->begin(s->options.ctx, &slot->batch, asked);
}

static void cancel_batch(struct lg_read_stream *s, struct lg_read_batch *batch)
{
    if (batch->cancelled)
        return;
    batch->cancelled = true;
    if (s->options.handler->cancel != NULL)
        s->options.handler->cancel(s->options.ctx, batch);
}

/* All of that id; a handler may end the batch that it is told of, and no other. */
static void cancel(struct lg_read_stream *s, uint64_t id, bool all)
{
    LG_LIST_EACH(it, &s->active)
    {
        struct slot *slot = LG_CONTAINER_OF(it, struct slot, node);

        if (all || slot->batch.id == id)
            cancel_batch(s, &slot->batch);
    }
}

static void fail(struct lg_read_stream *s, enum lg_rc rc)
{
    s->failed = true;
    s->status = lg_grpc_status_of_input(rc);
    close_frame(s);
    cancel(s, 0, /* all= */ true);
}

static void take(struct lg_read_stream *s, const struct lg_stream_batch_get_request *rq)
{
    switch (rq->action_case) {
    case LG_STREAM_BATCH_GET_REQUEST_GET:
        begin(s, rq->batch_id, rq->action.get);
        break;
    case LG_STREAM_BATCH_GET_REQUEST_CANCEL:
        cancel(s, rq->batch_id, /* all= */ false);
        break;
    default: /* Of a newer client. */
        refuse_request(s, rq->batch_id, LG_GRPC_UNIMPLEMENTED,
                       LG_LIT("an action that is not known here"));
    }
}

/* A request with far too many keys is not read but for its batch's id, so that the batch can be
 * ended and the stream goes on. */
static enum lg_rc refuse_large(struct lg_read_stream *s, struct lg_slice message)
{
    static const struct lg_pb_field id_only[] = {
        {1, LG_PB_UINT64, LG_PB_PLAIN, offsetof(struct lg_stream_batch_get_request, batch_id), 0,
         "batch_id", NULL}};
    static const struct lg_pb_message m = {"lagoon.read.v1.BatchGetRequest", id_only, 1,
                                           sizeof(struct lg_stream_batch_get_request), false};
    struct lg_stream_batch_get_request rq;
    enum lg_rc rc = lg_pb_decode(&m, message, /* arena= */ NULL, &rq, &s->error);

    if (rc == LG_OK)
        refuse_keys(s, rq.batch_id);
    return rc;
}

/* One message of the body. */
static enum lg_rc read_request(struct lg_read_stream *s, struct lg_slice message)
{
    struct lg_stream_batch_get_request rq;
    enum lg_rc rc;

    lg_arena_reset(s->arena);
    rc = lg_pb_decode(&lg_stream_batch_get_request_pb, message, s->arena, &rq, &s->error);
    if (rc == LG_ERR_TOO_LARGE)
        return refuse_large(s, message);
    if (rc == LG_OK)
        take(s, &rq);
    return rc;
}

void lg_read_stream_input(struct lg_read_stream *s, struct lg_slice bytes)
{
    struct lg_slice message;
    bool has = true;

    while (has && !s->failed && !s->aborted && !s->half_closed) {
        enum lg_rc rc = lg_grpc_next(&s->reader, &bytes, &message, &has, &s->error);

        if (rc == LG_OK && has)
            rc = read_request(s, message);
        if (rc != LG_OK)
            fail(s, rc);
    }
}

void lg_read_stream_half_closed(struct lg_read_stream *s)
{
    if (s->failed || s->half_closed)
        return;
    s->half_closed = true;
    if (!lg_grpc_is_between(&s->reader))
        fail(s, lg_error_set(&s->error, LG_ERR_BAD_DATA, "the stream ends inside a message"));
}

void lg_read_stream_drain(struct lg_read_stream *s)
{
    s->draining = true;
}

void lg_read_stream_abort(struct lg_read_stream *s)
{
    s->aborted = true;
    abort_output(s);
    cancel(s, 0, /* all= */ true);
}

size_t lg_read_stream_held(const struct lg_read_stream *s)
{
    return s->reader.held.size;
}

size_t lg_read_stream_batches(const struct lg_read_stream *s)
{
    return s->batches;
}

bool lg_read_stream_is_done(const struct lg_read_stream *s, enum lg_grpc_status *out_status,
                            struct lg_slice *out_text)
{
    *out_status = LG_GRPC_OK;
    *out_text = LG_SLICE_NULL;
    if (s->batches > 0)
        return false;
    if (s->failed) {
        *out_status = s->status;
        *out_text = lg_slice_str(s->error.text);
    } else if (!s->half_closed && s->draining) {
        *out_status = LG_GRPC_UNAVAILABLE;
        *out_text = LG_LIT("this server will end");
    }
    return s->failed || s->half_closed || s->draining || s->aborted;
}

const struct lg_error *lg_read_stream_refused(const struct lg_read_stream *s)
{
    return s->failed ? &s->error : NULL;
}
