/* What an HTTP/2 engine costs per request: unary gRPC calls with a value of 64 bytes, 64 in flight,
 * heads as a client of gRPC sends them (all fields by index after the first). No sockets, no
 * storage. For bench/http2/per_request.py, which counts instructions under callgrind.
 *
 *     bench.http2.per_request own|nghttp2 TICKS
 */
#include <stdio.h>

#include "drivers/nghttp2/hpack_nghttp2.h"
#include "drivers/nghttp2/http2_nghttp2.h"
#include "net/h2_conn.h"
#include "net/h2_frame.h"

#define IN_FLIGHT 64u

static struct lg_h2_prepared *head, *tail;
static size_t answered;

static void on_request(void *ctx, struct lg_h2_stream *st, const struct lg_h2_request *rq)
{
    (void)ctx, (void)st, (void)rq;
}
static void on_body(void *ctx, struct lg_h2_stream *st, struct lg_slice bytes)
{
    (void)ctx, (void)st, (void)bytes;
}
static void on_end(void *ctx, struct lg_h2_stream *st, const struct lg_http_headers *trailers)
{
    static const uint8_t value[64];
    struct lg_h2_head h = {head, NULL, 0}, t = {tail, NULL, 0};
    struct lg_slice pieces[2] = {LG_LIT("\0\0\0\0\x46\x12\x40\x20\1\x08\x07"), {value, 64}};

    (void)ctx, (void)trailers;
    answered++;
    lg_h2_respond(st, &h, pieces, 2, &t);
}
static void on_gone(void *ctx, struct lg_h2_stream *st, uint32_t code)
{
    (void)ctx, (void)st, (void)code;
}

static void put(struct lg_buf *out, enum lg_h2_type type, unsigned flags, uint32_t id,
                const void *payload, size_t size)
{
    uint8_t bytes[LG_H2_FRAME_HEAD_BYTES];

    (void)lg_h2_frame_write(bytes, size, type, flags, id);
    lg_buf_append(out, bytes, sizeof(bytes));
    lg_buf_append(out, payload, size);
}

static void put_call(struct lg_buf *out, uint32_t id)
{
    static const char first[] = "\x83\x86\x44\x16/VeniceReadService/get\x41\x09localhost\x40\x02te"
                                "\x08trailers\x5f\x10"
                                "application/grpc",
                      again[] = "\x83\x86\xc1\xc0\xbf\xbe";
    static const uint8_t message[50] = {0, 0, 0, 0, 45};

    if (id == 1)
        put(out, LG_H2_HEADERS, LG_H2_FLAG_END_HEADERS, id, first, sizeof(first) - 1);
    else
        put(out, LG_H2_HEADERS, LG_H2_FLAG_END_HEADERS, id, again, sizeof(again) - 1);
    put(out, LG_H2_DATA, LG_H2_FLAG_END_STREAM, id, message, sizeof(message));
}

int main(int argc, char **argv)
{
    static const struct lg_h2_handler handler = {on_request, on_body, on_end, on_gone, NULL};
    struct lg_http_header h[] = {{LG_LIT(":status"), LG_LIT("200")},
                                 {LG_LIT("content-type"), LG_LIT("application/grpc")}};
    struct lg_http_header t[] = {{LG_LIT("grpc-status"), LG_LIT("0")}};
    struct lg_h2_options o = {.handler = &handler};
    LG_SCOPED(lg_buf) in = {0};
    struct lg_h2 *h2;
    size_t ticks = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
    uint32_t id = 1;

    if (ticks == 0)
        return 2;
    head = lg_h2_prepared_new(h, 2);
    tail = lg_h2_prepared_new(t, 1);
    h2 = strcmp(argv[1], "own") == 0 ? lg_h2_own_new(&o, &lg_hpack_nghttp2) : lg_h2_nghttp2_new(&o);
    lg_buf_append_str(&in, LG_H2_PREFACE);
    put(&in, LG_H2_SETTINGS, 0, 0, "\0\4\x7f\xff\xff\xff", 6);
    put(&in, LG_H2_WINDOW_UPDATE, 0, 0, "\x7f\0\0\0", 4);
    for (size_t i = 0; i < ticks; i++) {
        for (unsigned k = 0; k < IN_FLIGHT; k++, id += 2)
            put_call(&in, id);
        if (!lg_h2_input(h2, lg_buf_slice(&in))) {
            (void)fprintf(stderr, "%s\n", h2->fault.text);
            return 1;
        }
        lg_h2_sent(h2, lg_h2_output(h2).size);
        lg_buf_clear(&in);
    }
    (void)printf("%zu\n", answered);
    lg_h2_free(h2);
    lg_h2_prepared_free(head);
    lg_h2_prepared_free(tail);
    return answered == ticks * IN_FLIGHT ? 0 : 1;
}
