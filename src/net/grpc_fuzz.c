/* Fuzzes gRPC's framing and the words of its heads: whatever the bytes and however they are cut,
 * the same messages come out and the same error; and what fields say is read or refused, in bounds.
 */
#include "net/grpc.h"

#define MESSAGE_MAX 4096
#define MESSAGES_MAX 10000 /* a message takes five bytes at least */

struct outcome {
    enum lg_rc rc;
    size_t messages;
    bool is_between;
    struct lg_buf joined;
};

/* Pieces of `step` bytes, each in memory of its own. */
static struct outcome run(enum lg_grpc_encoding encoding, struct lg_slice body, size_t step)
{
    LG_SCOPED(lg_grpc_reader)
    r = {.message_bytes_max = MESSAGE_MAX, .encoding = encoding};
    struct outcome o = {.rc = LG_OK};

    while (body.size > 0 && o.rc == LG_OK) {
        size_t n = LG_MIN(step, body.size);
        uint8_t *piece = lg_alloc(n);
        struct lg_slice in = {piece, n}, message;
        bool has = true;

        memcpy(piece, body.data, n);
        while (o.rc == LG_OK && has) {
            o.rc = lg_grpc_next(&r, &in, &message, &has, NULL);
            if (o.rc != LG_OK || !has)
                continue;
            assert(message.size <= MESSAGE_MAX && ++o.messages <= MESSAGES_MAX);
            lg_buf_append_u32be(&o.joined, (uint32_t)message.size);
            lg_buf_append_slice(&o.joined, message);
        }
        assert(o.rc != LG_OK || in.size == 0);
        lg_free(piece);
        body = lg_slice_skip(body, n);
    }
    o.is_between = lg_grpc_is_between(&r);
    return o;
}

static void assert_same(struct outcome *a, struct outcome *b)
{
    assert(a->rc == b->rc && a->messages == b->messages);
    assert(a->rc != LG_OK || a->is_between == b->is_between);
    assert(lg_slice_eq(lg_buf_slice(&a->joined), lg_buf_slice(&b->joined)));
    lg_buf_done(&b->joined);
}

static void read_words(struct lg_slice text)
{
    struct lg_http_header fields[4] = {{LG_LIT("content-type"), LG_LIT("application/grpc")},
                                       {LG_LIT("grpc-encoding"), text},
                                       {LG_LIT("grpc-accept-encoding"), text},
                                       {LG_LIT("grpc-timeout"), text}};
    LG_SCOPED(lg_buf) decoded = {0}, again = {0}, binary = {0};
    struct lg_slice values = text;
    struct lg_grpc_trailers t;
    struct lg_grpc_refusal why;
    struct lg_grpc_call call;
    bool has = true;

    if (!lg_grpc_read_head(LG_LIT("POST"), text, &(struct lg_http_headers){fields, 4},
                           LG_SLICE_NULL, &call, &why))
        assert(why.text[0] != '\0');
    fields[0].value = text;
    (void)lg_grpc_read_head(LG_LIT("POST"), LG_LIT("/grpc.health.v1.Health/Check"),
                            &(struct lg_http_headers){fields, 1}, text, &call, &why);
    lg_grpc_trailers(&t, lg_grpc_parse_status(text), text);
    if (t.count == 2) {
        lg_grpc_decode_text(&decoded, t.fields[1].value);
        assert(lg_slice_starts(text, lg_buf_slice(&decoded)));
    }
    lg_grpc_decode_text(&again, text);
    (void)lg_grpc_metadata_valid(text, text);
    while (has && lg_grpc_next_binary(&values, &binary, &has, NULL) == LG_OK)
        ;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum lg_grpc_encoding encoding;
    struct outcome whole, bytewise, cut;
    struct lg_slice rest;

    if (size < 2)
        return 0;
    encoding = (data[0] & 1) == 0 ? LG_GRPC_IDENTITY : LG_GRPC_GZIP;
    rest = lg_slice(data + 2, size - 2);
    whole = run(encoding, rest, SIZE_MAX);
    bytewise = run(encoding, rest, 1);
    cut = run(encoding, rest, (size_t)data[1] + 2);
    assert_same(&whole, &bytewise);
    assert_same(&whole, &cut);
    lg_buf_done(&whole.joined);
    read_words(rest);
    return 0;
}
