/* Fuzzes both HTTP/2 engines side by side: the same bytes in, the same requests out. nghttp2 judges
 * requests, too, or sees no head that its engine remembers. What may differ, and why:
 *
 * - HEADERS and DATA on streams that are closed, or were passed over: our own engine remembers the
 *   last 64 of them and cuts the connection, as RFC 9113 5.1 wants; nghttp2 without its list of
 *   closed streams passes over such frames. Nothing is compared from there on.
 * - Once the peer said GOAWAY and nothing is open, nghttp2 hears nothing more. The same.
 * - One may see a fault some bytes before the other: nghttp2 decodes a header block as it comes. So
 *   the input is cut to whole frames and blocks, and faults are compared at its end.
 * - SETTINGS that name a setting twice: nghttp2 judges the last value only, RFC 9113 6.5.3 each.
 * The input ends before such a frame.
 * - SETTINGS that bring a stream's window above 2^31-1: nghttp2 resets the stream, RFC 9113 6.9.2
 *   wants the connection's end. Nothing is compared from there on.
 * - A request that is reset: how much of its body came before depends on whether windows and
 * lengths are judged by frame or by piece. That it is gone must agree.
 */
#include "drivers/nghttp2/hpack_nghttp2.h"
#include "drivers/nghttp2/http2_nghttp2.h"
#include "net/h2_conn.h"
#include "test/lib/h2_fuzz.h"

static bool is_stricter(const struct lg_h2 *own)
{
    return strcmp(own->fault.text, "HEADERS on a closed stream") == 0 ||
           strcmp(own->fault.text, "DATA on a closed stream") == 0 ||
           strcmp(own->fault.text, "SETTINGS widen a window too far") == 0;
}

static void compare(const struct h2_fuzz *a, const struct h2_fuzz *b)
{
    assert(a->requests == b->requests);
    for (size_t i = 0; i < H2_FUZZ_STREAMS; i++) {
        const struct h2_fuzz_stream *x = &a->streams[i], *y = &b->streams[i];

        assert(x->id == y->id && x->head == y->head);
        assert(x->gone == y->gone);
        if (x->gone)
            continue;
        assert(x->ended == y->ended && x->trailers == y->trailers);
        assert(x->body_bytes == y->body_bytes && x->body == y->body);
    }
}

static bool repeats(const uint8_t *p, size_t size)
{
    for (size_t i = 0; i + 6 <= size; i += 6)
        for (size_t k = 0; k < i; k += 6)
            if (memcmp(p + i, p + k, 2) == 0)
                return true;
    return false;
}

/* Bytes of it that are whole frames and whole header blocks. */
static size_t whole(struct lg_slice bytes)
{
    size_t at = LG_H2_PREFACE_BYTES, end = at;
    bool block = false;

    while (bytes.size >= at + LG_H2_FRAME_HEAD_BYTES) {
        struct lg_h2_frame f = lg_h2_frame_read(bytes.data + at);

        if (f.size > LG_H2_FRAME_BYTES_MAX)
            return at + LG_H2_FRAME_HEAD_BYTES; /* A fault at once. */
        at += LG_H2_FRAME_HEAD_BYTES + f.size;
        if (at > bytes.size ||
            (f.type == LG_H2_SETTINGS && repeats(bytes.data + at - f.size, f.size)))
            break;
        if (f.type == LG_H2_HEADERS || f.type == LG_H2_CONTINUATION)
            block = (f.flags & LG_H2_FLAG_END_HEADERS) == 0;
        else
            block = false;
        end = block ? end : at;
    }
    return end;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct h2_fuzz own, ng;
    LG_SCOPED(lg_buf) bytes = {0};
    struct lg_h2_options o;
    struct lg_slice rest;
    size_t step, n, frame = LG_H2_PREFACE_BYTES;
    bool same = true;

    if (size < 2 || size > 8192)
        return 0;
    h2_fuzz_open(&own, data[0] & 31);
    h2_fuzz_open(&ng, data[0] & 31);
    o = h2_fuzz_options(&own);
    own.h2 = lg_h2_own_new(&o, &lg_hpack_nghttp2);
    o = h2_fuzz_options(&ng);
    ng.h2 = (data[0] & 64) != 0 ? lg_h2_nghttp2_new(&o) : lg_h2_nghttp2_new_judging(&o);
    h2_fuzz_client(lg_slice(data + 2, size - 2), (data[0] & 128) != 0, &bytes);
    bytes.size = whole(lg_buf_slice(&bytes));
    step = data[1] == 0 ? bytes.size : data[1];
    for (rest = lg_buf_slice(&bytes); rest.size > 0 && same; rest = lg_slice_skip(rest, n)) {
        struct lg_slice piece;

        /* nghttp2 closes a stream when its RST_STREAM goes out: so output is taken at each frame.
         */
        if (frame == 0)
            frame = rest.size < 9 ? rest.size : 9 + lg_h2_frame_read(rest.data).size;
        n = LG_MIN(step, rest.size);
        n = LG_MIN(n, frame);
        frame -= n;
        piece = lg_slice(rest.data, n);

        if (!own.over)
            h2_fuzz_input(&own, piece);
        if (!ng.over)
            h2_fuzz_input(&ng, piece);
        same =
            !(own.over && is_stricter(own.h2)) && !(lg_h2_is_over(ng.h2) && ng.h2->fault.code == 0);
    }
    if (same) {
        if (own.over != ng.over)
            (void)fprintf(stderr, "own: %d %s, nghttp2: %d %s\n", own.over, own.h2->fault.text,
                          ng.over, ng.h2->fault.text);
        assert(own.over == ng.over);
        compare(&own, &ng);
    }
    h2_fuzz_close(&own);
    h2_fuzz_close(&ng);
    return 0;
}
