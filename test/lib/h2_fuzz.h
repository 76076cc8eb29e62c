/* What the fuzz targets of HTTP/2 share: bytes of a fuzzer to bytes of a client, and a record of
 * the requests that come out of an engine. Functions are static: fuzz targets link no test library.
 */
#ifndef LG_TEST_LIB_H2_FUZZ_H
#define LG_TEST_LIB_H2_FUZZ_H

#include "base/hash.h"
#include "net/h2_frame.h"
#include "net/http2.h"

#define H2_FUZZ_STREAMS 512u
#define H2_FUZZ_OUTPUT_MAX ((size_t)64 << 20)

struct h2_fuzz_stream {
    uint32_t id;
    bool ended, gone, answered;
    uint64_t head, trailers, body_bytes, body;
};
struct h2_fuzz {
    struct lg_h2 *h2;
    struct h2_fuzz_stream streams[H2_FUZZ_STREAMS]; /* by id / 2 */
    size_t requests;
    uint8_t manner; /* of answering: bits, see h2_fuzz_end */
    struct lg_h2_prepared *head, *tail;
    bool over;
    uint64_t output_bytes;
    struct lg_h2_stream *open[H2_FUZZ_STREAMS];
};

static uint64_t h2_fuzz_mix(uint64_t seed, struct lg_slice s)
{
    return lg_hash64(s.data, s.size, seed + s.size);
}

static struct h2_fuzz_stream *h2_fuzz_of(struct h2_fuzz *f, const struct lg_h2_stream *st)
{
    struct h2_fuzz_stream *r = &f->streams[st->id / 2 % H2_FUZZ_STREAMS];

    assert(r->id == st->id || r->id == 0);
    return r;
}

static void h2_fuzz_request(void *ctx, struct lg_h2_stream *st, const struct lg_h2_request *rq)
{
    struct h2_fuzz *f = (struct h2_fuzz *)ctx;
    struct h2_fuzz_stream *r = &f->streams[st->id / 2 % H2_FUZZ_STREAMS];
    uint64_t h;

    assert(rq->method.size > 0 && rq->headers.size <= 128);
    h = h2_fuzz_mix(h2_fuzz_mix(1, rq->method), rq->scheme);
    h = h2_fuzz_mix(h2_fuzz_mix(h, rq->authority), rq->path);
    for (size_t i = 0; i < rq->headers.size; i++)
        h = h2_fuzz_mix(h2_fuzz_mix(h, rq->headers.data[i].name), rq->headers.data[i].value);
    h = h2_fuzz_mix(h, rq->grpc_timeout) + (rq->grpc_timeout.data != NULL);
    if (rq->memo != NULL) { /* The same word must mean the same head, but for grpc-timeout. */
        uint64_t plain = h2_fuzz_mix(h2_fuzz_mix(2, rq->path), rq->method) | 1;

        assert(*rq->memo == 0 || *rq->memo == plain);
        *rq->memo = plain;
    }
    if (r->id != 0 && !r->answered && !r->gone) { /* Another one's place: ids can be far apart. */
        lg_h2_reset(st, LG_H2_CANCEL);
        return;
    }
    *r = (struct h2_fuzz_stream){.id = st->id, .head = h + (uint64_t)rq->content_length};
    f->open[st->id / 2 % H2_FUZZ_STREAMS] = st;
    f->requests++;
}

static void h2_fuzz_body(void *ctx, struct lg_h2_stream *st, struct lg_slice bytes)
{
    struct h2_fuzz_stream *r = h2_fuzz_of((struct h2_fuzz *)ctx, st);

    assert(bytes.size > 0 && !r->ended && !r->gone && !r->answered);
    for (size_t i = 0; i < bytes.size; i++) /* However it is cut. */
        r->body = r->body * 1099511628211u + bytes.data[i];
    r->body_bytes += bytes.size;
}

/* Answers at the end of the request: bit 0 of the manner: with a large body; 1: in steps, 2: with
 * trailers; 3: a reset for each fourth; 4: each eighth is left open. */
static void h2_fuzz_end(void *ctx, struct lg_h2_stream *st, const struct lg_http_headers *trailers)
{
    static const uint8_t body[70000] = {1};
    struct h2_fuzz *f = (struct h2_fuzz *)ctx;
    struct h2_fuzz_stream *r = h2_fuzz_of(f, st);
    struct lg_h2_head head = {f->head, NULL, 0}, tail = {f->tail, NULL, 0};
    struct lg_slice piece = lg_slice(body, (f->manner & 1) != 0 ? sizeof(body) : st->id % 100);

    assert(!r->ended && !r->gone && !r->answered);
    r->ended = true;
    for (size_t i = 0; i < trailers->size; i++)
        r->trailers =
            h2_fuzz_mix(h2_fuzz_mix(r->trailers, trailers->data[i].name), trailers->data[i].value);
    if ((f->manner & 16) != 0 && st->id % 16 == 1)
        return;
    r->answered = true;
    f->open[st->id / 2 % H2_FUZZ_STREAMS] = NULL;
    if ((f->manner & 8) != 0 && st->id % 8 == 3) {
        lg_h2_reset(st, LG_H2_CANCEL);
    } else if ((f->manner & 2) != 0) {
        lg_h2_begin(st, &head);
        for (size_t at = 0; at < piece.size; at += 9000) {
            struct lg_slice part = lg_slice(piece.data + at, LG_MIN((size_t)9000, piece.size - at));

            lg_h2_write(st, &part, 1);
        }
        lg_h2_end(st, (f->manner & 4) != 0 ? &tail : NULL);
    } else {
        lg_h2_respond(st, &head, &piece, 1, (f->manner & 4) != 0 ? &tail : NULL);
    }
}

static void h2_fuzz_gone(void *ctx, struct lg_h2_stream *st, uint32_t code)
{
    struct h2_fuzz *f = (struct h2_fuzz *)ctx;
    struct h2_fuzz_stream *r = h2_fuzz_of(f, st);

    (void)code;
    assert(!r->gone && !r->answered);
    r->gone = true;
    f->open[st->id / 2 % H2_FUZZ_STREAMS] = NULL;
}

static const struct lg_h2_handler h2_fuzz_handler = {h2_fuzz_request, h2_fuzz_body, h2_fuzz_end,
                                                     h2_fuzz_gone, NULL};

static void h2_fuzz_open(struct h2_fuzz *f, uint8_t manner)
{
    struct lg_http_header head[] = {{LG_LIT(":status"), LG_LIT("200")},
                                    {LG_LIT("content-type"), LG_LIT("application/grpc")}};
    struct lg_http_header tail[] = {{LG_LIT("grpc-status"), LG_LIT("0")}};

    memset(f, 0, sizeof(*f));
    f->manner = manner;
    f->head = lg_h2_prepared_new(head, 2);
    f->tail = lg_h2_prepared_new(tail, 1);
}

static struct lg_h2_options h2_fuzz_options(struct h2_fuzz *f)
{
    return (struct lg_h2_options){.handler = &h2_fuzz_handler,
                                  .ctx = f,
                                  .limits = {.streams = 2048,
                                             .header_bytes = 600,
                                             .header_count = 12,
                                             .body_bytes = 3000,
                                             .connection_body_bytes = 6000},
                                  .stream_window_bytes = 70000,
                                  .connection_window_bytes = 100000};
}

static void h2_fuzz_close(struct h2_fuzz *f)
{
    lg_h2_free(f->h2);
    for (size_t i = 0; i < H2_FUZZ_STREAMS; i++) /* Each is answered or the caller was told. */
        assert(f->streams[i].id == 0 || f->streams[i].answered || f->streams[i].gone);
    lg_h2_prepared_free(f->head);
    lg_h2_prepared_free(f->tail);
}

static void h2_fuzz_take(struct h2_fuzz *f)
{
    for (;;) {
        struct lg_slice out = lg_h2_output(f->h2);

        if (out.size == 0)
            return;
        f->output_bytes += out.size;
        assert(f->output_bytes < H2_FUZZ_OUTPUT_MAX);
        lg_h2_sent(f->h2, out.size);
    }
}

/* One piece of input, in memory of its own size. */
static void h2_fuzz_input(struct h2_fuzz *f, struct lg_slice bytes)
{
    uint8_t *copy = (uint8_t *)lg_alloc(bytes.size);

    memcpy(copy, bytes.data, bytes.size);
    if (!lg_h2_input(f->h2, lg_slice(copy, bytes.size)))
        f->over = true;
    lg_free(copy);
    h2_fuzz_take(f);
}

/* A client's bytes. `raw`: preface, SETTINGS and the bytes as they are. Else records: type and a
 * flag "preset head", flags, stream, length of the payload, payload; so that lengths agree. */
static void h2_fuzz_client(struct lg_slice in, bool raw, struct lg_buf *out)
{
    /* GET and POST of "/": static indices; then a literal grpc-timeout and a field to insert. */
    static const uint8_t heads[4][32] = {
        {6, 0x82, 0x86, 0x84, 0x01, 0x01, 'a'},
        {6, 0x83, 0x86, 0x84, 0x01, 0x01, 'a'},
        {20,  0x83, 0x86, 0x84, 0x01, 0x01, 'a', 0x00, 12,  'g', 'r',
         'p', 'c',  '-',  't',  'i',  'm',  'e', 'o',  'u', 't'},
        {10, 0x83, 0x86, 0x84, 0x41, 0x01, 'a', 0x40, 0x01, 'x', 0x00}};

    lg_buf_append_str(out, LG_H2_PREFACE);
    lg_buf_append(out, "\0\0\0\4\0\0\0\0\0", 9);
    if (raw) {
        lg_buf_append_slice(out, in);
        return;
    }
    while (in.size >= 4) {
        const uint8_t *preset = (in.data[0] & 64) != 0 ? heads[in.data[0] >> 4 & 3] : NULL;
        size_t more = preset == NULL ? 0 : preset[0], n = LG_MIN((size_t)in.data[3], in.size - 4);
        /* A stream of 0xff: far ahead; bit 7: even. */
        uint32_t id = in.data[2] == 0      ? 0
                      : in.data[2] >= 0xf0 ? 101u + 2u * in.data[2]
                                           : (in.data[2] & 127) * 2u - (in.data[2] & 128 ? 0 : 1);
        uint8_t head[LG_H2_FRAME_HEAD_BYTES];

        (void)lg_h2_frame_write(head, n + more, (enum lg_h2_type)(in.data[0] & 15), in.data[1], id);
        lg_buf_append(out, head, sizeof(head));
        if (preset != NULL)
            lg_buf_append(out, preset + 1, more);
        lg_buf_append(out, in.data + 4, n);
        in = lg_slice_skip(in, 4 + n);
    }
}

#endif
