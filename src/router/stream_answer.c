/* Streams records while the connection has room; the rest waits as keys in the arena. */
#include "router/stream_answer.h"

#include <stdio.h>

#include "read/wire.h"

#define PIECE_BYTES ((size_t)64 << 10) /* records are written together up to here */

static bool is_settled(const struct lg_read_key *key)
{
    return key->rc == LG_OK || key->rc == LG_ERR_NOT_FOUND;
}

/* The read will undo its compression before it ends; until then the value is of no use. */
static bool waits_for_decoding(const struct lg_read *read, const struct lg_read_key *key)
{
    return key->rc == LG_OK && key->compression != LG_COMPRESSION_NO_OP &&
           (key->compression > read->accepts || key->compression == LG_COMPRESSION_ZSTD_WITH_DICT);
}

static void take(struct lg_stream_answer *a, struct lg_read_key *key)
{
    if (a->known[key->index] || !is_settled(key) || waits_for_decoding(a->read, key))
        return;
    a->known[key->index] = true;
    a->ready[a->ready_count++] = key;
}

static void on_room(void *ctx);

/* All values of a version have the same strategy: that of the first. */
static void begin(struct lg_stream_answer *a)
{
    enum lg_compression compression = LG_COMPRESSION_NO_OP;
    char number[16], version[16];
    struct lg_http_header headers[] = {
        {LG_LIT("X-VENICE-SCHEMA-ID"), LG_LIT(LG_MULTI_GET_RESPONSE_SCHEMA)},
        {LG_LIT("X-VENICE-COMPRESSION-STRATEGY"), LG_SLICE_NULL},
        {LG_LIT("X-VENICE-STREAMING-RESPONSE"), LG_LIT("1")},
        {LG_LIT("X-VENICE-CLIENT-COMPUTE"), LG_LIT("0")},
        {LG_LIT("X-LAGOON-VERSION"), LG_SLICE_NULL},
    };

    for (size_t i = 0; i < a->ready_count; i++) {
        if (a->ready[i]->rc != LG_OK)
            continue;
        compression = a->ready[i]->compression;
        break;
    }
    (void)snprintf(number, sizeof number, "%d", (int)compression);
    (void)snprintf(version, sizeof version, "%d", a->version);
    headers[1].value = lg_slice_str(number);
    headers[4].value = lg_slice_str(version);
    a->begun = true;
    lg_http_stream_begin(a->rq,
                         &(struct lg_http_response){.status = 200,
                                                    .content_type = "avro/binary",
                                                    .headers = headers,
                                                    .header_count = LG_ARRAY_SIZE(headers)},
                         on_room, a);
}

static void add_record(const struct lg_stream_answer *a, struct lg_buf *piece)
{
    const struct lg_read_key *key = a->ready[a->next];

    if (key->rc == LG_OK)
        lg_wire_value_add(piece,
                          &(struct lg_wire_value){(int32_t)key->index, key->value, key->schema_id});
    else if (key->rc == LG_ERR_NOT_FOUND)
        lg_wire_missing_add(piece, (int32_t)key->index);
    /* Else the read failed since: the footer says so. */
}

/* Writes what there is room for; true when nothing is left. */
static bool write_records(struct lg_stream_answer *a)
{
    LG_SCOPED(lg_buf) piece = {0};

    while (a->next < a->ready_count && !lg_http_stream_is_full(a->rq)) {
        lg_buf_clear(&piece);
        while (a->next < a->ready_count && piece.size < PIECE_BYTES) {
            add_record(a, &piece);
            a->next++;
        }
        lg_http_stream_write(a->rq, lg_buf_slice(&piece));
    }
    return a->next == a->ready_count;
}

static void end(struct lg_stream_answer *a)
{
    struct lg_http_request *rq = a->rq;

    if (a->read->rc != LG_OK) {
        LG_SCOPED(lg_buf) footer = {0};

        lg_wire_footer_add(&footer, lg_rc_http(a->read->rc, /* is_post= */ true),
                           lg_slice_str(a->read->err.text));
        lg_http_stream_write(rq, lg_buf_slice(&footer));
    }
    a->over(a->ctx);
    lg_http_stream_end(rq); /* The arena, and `a` in it, are gone after this. */
}

static void go_on(struct lg_stream_answer *a)
{
    if (a->begun && write_records(a) && a->ended)
        end(a);
}

static void on_room(void *ctx)
{
    go_on(ctx);
}

static void key_answered(void *ctx, struct lg_read_key *key)
{
    struct lg_stream_answer *a = ctx;

    take(a, key);
    if (!a->begun && key->rc == LG_OK && a->known[key->index])
        begin(a);
    else if (!a->begun)
        return;
    go_on(a);
}

enum lg_rc lg_stream_answer_start(struct lg_stream_answer *a, struct lg_error *err)
{
    size_t n = a->read->key_count;

    a->ready = lg_arena_zalloc(a->rq->arena, n * sizeof(void *));
    a->known = lg_arena_zalloc(a->rq->arena, n * sizeof(bool));
    if (a->ready == NULL || a->known == NULL)
        return lg_error_set(err, LG_ERR_TOO_LARGE, "the keys need more memory than allowed");
    a->read->key_answered = key_answered;
    a->read->key_ctx = a;
    a->read->gone = &a->rq->peer_gone;
    return LG_OK;
}

bool lg_stream_answer_read_ended(struct lg_stream_answer *a)
{
    if (a->read->rc != LG_OK && !a->begun)
        return false;
    a->ended = true;
    if (a->read->rc == LG_OK)
        for (size_t i = 0; i < a->read->key_count; i++)
            take(a, a->read->keys[i]);
    if (!a->begun)
        begin(a);
    go_on(a);
    return true;
}
