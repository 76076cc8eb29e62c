/* Fuzzes our own HTTP/2 engine: whatever the bytes and however they are cut, the same requests come
 * out, the same fault ends the connection, and every stream ends in an answer or in `gone`. */
#include "net/h2_conn.h"

#include "drivers/nghttp2/hpack_nghttp2.h"
#include "test/lib/h2_fuzz.h"

static void run(struct h2_fuzz *f, uint8_t manner, struct lg_slice bytes, uint64_t cut)
{
    struct lg_h2_options o;

    h2_fuzz_open(f, manner);
    o = h2_fuzz_options(f);
    f->h2 = lg_h2_own_new(&o, &lg_hpack_nghttp2);
    while (bytes.size > 0) {
        size_t n = cut == 0 ? bytes.size : LG_MIN(bytes.size, (size_t)(cut % 61) + 1);

        h2_fuzz_input(f, lg_slice(bytes.data, n));
        bytes = lg_slice_skip(bytes, n);
        cut = cut <= 1 ? cut : (cut * 6364136223846793005u + 1442695040888963407u) | 2;
    }
}

/* Was it cut for noise that answers give back? Then it matters which went out before, and so how
 * the bytes were cut. */
static bool was_noisy(const struct h2_fuzz *f)
{
    return f->h2->over[LG_H2_OVER_small_windows] + f->h2->over[LG_H2_OVER_pings] +
               f->h2->over[LG_H2_OVER_idle_frames] >
           0;
}

static void expect_same(const struct h2_fuzz *a, const struct h2_fuzz *b)
{
    assert(a->over == b->over && a->h2->fault.code == b->h2->fault.code);
    /* Not the text: whether a stream is answered and closed by then depends on the cut. */
    assert(a->h2->fault.by_limit == b->h2->fault.by_limit && a->h2->fault.why == b->h2->fault.why);
    assert(a->requests == b->requests);
    for (size_t i = 0; i < H2_FUZZ_STREAMS; i++) {
        assert(a->streams[i].head == b->streams[i].head && a->streams[i].id == b->streams[i].id);
        assert(a->streams[i].gone == b->streams[i].gone);
        /* A body longer than its content-length ends the request with the piece that goes over: how
         * much came before depends on the cut. */
        if (a->streams[i].gone)
            continue;
        assert(a->streams[i].body == b->streams[i].body);
        assert(a->streams[i].ended == b->streams[i].ended);
        assert(a->streams[i].trailers == b->streams[i].trailers);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct h2_fuzz a, b;
    LG_SCOPED(lg_buf) bytes = {0};

    if (size < 3 || size > 8192)
        return 0;
    h2_fuzz_client(lg_slice(data + 2, size - 2), (data[0] & 128) != 0, &bytes);
    if ((data[0] & 32) != 0 && bytes.size > 33) /* Without preface and SETTINGS. */
        lg_buf_consume(&bytes, 33);
    run(&a, data[0] & 31, lg_buf_slice(&bytes), 0);
    run(&b, data[0] & 31, lg_buf_slice(&bytes), data[1]);
    if (!was_noisy(&a) && !was_noisy(&b))
        expect_same(&a, &b);
    h2_fuzz_close(&a);
    h2_fuzz_close(&b);
    return 0;
}
