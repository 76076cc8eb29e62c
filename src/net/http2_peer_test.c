/* Both HTTP/2 engines against nghttp2's client: thousands of requests on one connection,
 * interleaved at random, with small windows, resets from both sides, trailers, large and empty
 * bodies, answers at once and in steps, SETTINGS that change meanwhile. Each body is what its
 * request asked for. */
#include "test/test.h"

#include <inttypes.h>
#include <nghttp2/nghttp2.h>

#include "base/rand.h"
#include "drivers/nghttp2/hpack_nghttp2.h"
#include "drivers/nghttp2/http2_nghttp2.h"
#include "net/h2_conn.h"
#include "test/lib/h2_peer.h"

#define REQUESTS 3000
#define OPEN_MAX 100

/* A request asks in its path for so many bytes; they are derived from its number. Its own body is
 * the same kind of bytes. */
struct request {
    size_t want, got, send, sent, seen;
    bool asked; /* Its HEADERS went out. */
    bool closed, reset, server_reset, headers, trailers;
    struct lg_h2_stream *st;
    size_t written;
};

struct world {
    struct lg_rand rand;
    struct lg_h2 *server;
    nghttp2_session *client;
    struct request requests[REQUESTS + 1];
    int32_t first_unused;
    size_t open, finished, gone;
    bool settings_open, lenient;
    struct lg_h2_prepared *head, *tail;
    struct lg_h2_stream *writing[OPEN_MAX * 2];
};

static uint8_t byte_of(size_t request, size_t at)
{
    return (uint8_t)(request * 31 + at * 7 + (at >> 8));
}

static struct request *of_id(struct world *w, int32_t id)
{
    assert_true(id > 0 && id / 2 < REQUESTS);
    return &w->requests[id / 2];
}

/* --- The server's handler -------------------------------------------------------------------- */

static void server_request(void *ctx, struct lg_h2_stream *st, const struct lg_h2_request *rq)
{
    struct request *r = of_id((struct world *)ctx, (int32_t)st->id);
    char text[32] = {0};

    assert_true(rq->path.size > 1 && rq->path.size < sizeof(text));
    memcpy(text, rq->path.data + 1, rq->path.size - 1);
    assert_int_equal(strtoul(text, NULL, 10), r->want);
    /* Sent with every second request, with another value each time. */
    assert_true((rq->grpc_timeout.data != NULL) == ((st->id / 2) % 2 == 0));
    if (rq->grpc_timeout.data != NULL) {
        (void)snprintf(text, sizeof(text), "%um", st->id);
        assert_slice_equal(rq->grpc_timeout, lg_slice_str(text));
    }
    r->st = st;
}

static void server_body(void *ctx, struct lg_h2_stream *st, struct lg_slice bytes)
{
    struct request *r = of_id((struct world *)ctx, (int32_t)st->id);

    for (size_t i = 0; i < bytes.size; i++)
        assert_int_equal(bytes.data[i], byte_of(st->id, r->seen + i));
    r->seen += bytes.size;
    lg_h2_release(st, bytes.size);
}

static void fill(struct lg_buf *out, size_t request, size_t at, size_t n)
{
    for (size_t i = 0; i < n; i++)
        lg_buf_append_byte(out, byte_of(request, at + i));
}

static void server_end(void *ctx, struct lg_h2_stream *st, const struct lg_http_headers *trailers)
{
    struct world *w = (struct world *)ctx;
    struct request *r = of_id(w, (int32_t)st->id);
    char number[24];
    struct lg_http_header field = {LG_LIT("x-number"), LG_SLICE_NULL};
    struct lg_h2_head head = {w->head, &field, 1}, tail = {w->tail, &field, 1};
    LG_SCOPED(lg_buf) body = {0};
    struct lg_slice pieces[2];

    (void)snprintf(number, sizeof(number), "%u", st->id);
    field.value = lg_slice_str(number);
    (void)trailers;
    assert_int_equal(r->seen, r->send);
    if (lg_rand_chance(&w->rand, 1, 40)) {
        r->server_reset = true;
        r->st = NULL;
        lg_h2_reset(st, LG_H2_INTERNAL_ERROR);
        return;
    }
    if (lg_rand_chance(&w->rand, 1, 2)) {
        head.count = lg_rand_chance(&w->rand, 1, 2) ? 1 : 0; /* Mostly the very same bytes. */
        fill(&body, st->id, 0, r->want);
        pieces[0] = lg_slice(body.data, r->want / 3);
        pieces[1] = lg_slice(body.data + r->want / 3, r->want - r->want / 3);
        r->trailers = lg_rand_chance(&w->rand, 1, 2);
        r->st = NULL;
        lg_h2_respond(st, &head, pieces, 2, r->trailers ? &tail : NULL);
        return;
    }
    lg_h2_begin(st, &head);
    for (size_t i = 0; i < LG_ARRAY_SIZE(w->writing); i++)
        if (w->writing[i] == NULL) {
            w->writing[i] = st;
            return;
        }
    fail_msg("more streams open than may be");
}

static void server_gone(void *ctx, struct lg_h2_stream *st, uint32_t code)
{
    struct world *w = (struct world *)ctx;
    struct request *r = of_id(w, (int32_t)st->id);

    if (!r->reset && !(w->lenient && code == LG_H2_FLOW_CONTROL_ERROR))
        fail_msg("stream %u gone with code %u", st->id, code);
    r->st = NULL;
    for (size_t i = 0; i < LG_ARRAY_SIZE(w->writing); i++)
        if (w->writing[i] == st)
            w->writing[i] = NULL;
}

static const struct lg_h2_handler handler = {server_request, server_body, server_end, server_gone,
                                             NULL};

/* Those that answer in steps write some more while they have room. */
static void write_some(struct world *w)
{
    struct lg_h2_head tail = {w->tail, NULL, 0};

    for (size_t i = 0; i < LG_ARRAY_SIZE(w->writing); i++) {
        struct lg_h2_stream *st = w->writing[i];
        struct request *r;
        LG_SCOPED(lg_buf) body = {0};
        struct lg_slice piece;
        size_t n;

        if (st == NULL || lg_h2_is_full(st))
            continue;
        r = of_id(w, (int32_t)st->id);
        n = LG_MIN((size_t)lg_rand_below(&w->rand, 20000), r->want - r->written);
        fill(&body, st->id, r->written, n);
        piece = lg_buf_slice(&body);
        lg_h2_write(st, &piece, 1);
        r->written += n;
        if (r->written < r->want)
            continue;
        r->trailers = lg_rand_chance(&w->rand, 1, 2);
        w->writing[i] = NULL;
        r->st = NULL;
        lg_h2_end(st, r->trailers ? &tail : NULL);
    }
}

/* --- The client ------------------------------------------------------------------------------ */

static ssize_t client_read(nghttp2_session *s, int32_t id, uint8_t *buf, size_t size,
                           uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct request *r = of_id((struct world *)user, id);
    size_t n = LG_MIN(size, r->send - r->sent);

    (void)s, (void)source;
    for (size_t i = 0; i < n; i++)
        buf[i] = byte_of((size_t)id, r->sent + i);
    r->sent += n;
    if (r->sent == r->send)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

static int client_data(nghttp2_session *s, uint8_t flags, int32_t id, const uint8_t *data, size_t n,
                       void *user)
{
    struct request *r = of_id((struct world *)user, id);

    (void)s, (void)flags;
    for (size_t i = 0; i < n; i++)
        assert_int_equal(data[i], byte_of((size_t)id, r->got + i));
    r->got += n;
    return 0;
}

static int client_header(nghttp2_session *s, const nghttp2_frame *frame, const uint8_t *name,
                         size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags,
                         void *user)
{
    struct request *r = of_id((struct world *)user, frame->hd.stream_id);
    struct lg_slice n = lg_slice(name, name_size), v = lg_slice(value, value_size);
    char number[24];

    (void)s, (void)flags;
    (void)snprintf(number, sizeof(number), "%d", frame->hd.stream_id);
    if (lg_slice_eq_str(n, ":status"))
        assert_slice_equal(v, LG_LIT("200"));
    else if (lg_slice_eq_str(n, "content-type"))
        assert_slice_equal(v, LG_LIT("application/grpc+proto"));
    else if (lg_slice_eq_str(n, "x-number"))
        assert_slice_equal(v, lg_slice_str(number));
    else
        assert_slice_equal(n, LG_LIT("grpc-status"));
    r->headers = true;
    return 0;
}

static int client_close(nghttp2_session *s, int32_t id, uint32_t code, void *user)
{
    struct world *w = (struct world *)user;
    struct request *r = of_id(w, id);

    (void)s;
    r->closed = true;
    w->open--;
    /* With nghttp2 on both sides the client at times resets a stream by FLOW_CONTROL_ERROR after it
     * made its window smaller. Our engine must not see that. */
    if (code == NGHTTP2_FLOW_CONTROL_ERROR && w->lenient)
        r->reset = true;
    if (r->reset || r->server_reset) {
        w->gone++;
        return 0;
    }
    assert_int_equal(code, NGHTTP2_NO_ERROR);
    assert_true(r->headers);
    assert_int_equal(r->got, r->want);
    w->finished++;
    return 0;
}

static int client_frame(nghttp2_session *s, const nghttp2_frame *frame, void *user)
{
    (void)s;
    if (frame->hd.type == NGHTTP2_SETTINGS && (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0)
        ((struct world *)user)->settings_open = false;
    return 0;
}

static int client_sent(nghttp2_session *s, const nghttp2_frame *frame, void *user)
{
    (void)s;
    if (frame->hd.type == NGHTTP2_HEADERS)
        of_id((struct world *)user, frame->hd.stream_id)->asked = true;
    return 0;
}

static size_t size_at_random(struct world *w)
{
    static const size_t most[] = {1, 100, 2000, 40000, 200000};

    return lg_rand_below(
        &w->rand,
        most[lg_rand_below(&w->rand, lg_rand_chance(&w->rand, 1, 20) ? LG_ARRAY_SIZE(most) : 3)]);
}

static nghttp2_nv nv_of(const char *name, const char *value)
{
    return (nghttp2_nv){(uint8_t *)name, (uint8_t *)value, strlen(name), strlen(value),
                        strcmp(name, "grpc-timeout") == 0 ? NGHTTP2_NV_FLAG_NO_INDEX : 0};
}

static void ask(struct world *w)
{
    int32_t id = w->first_unused;
    struct request *r = of_id(w, id);
    char path[24], timeout[24];
    nghttp2_data_provider body = {.read_callback = client_read};
    nghttp2_nv fields[6];
    size_t n = 5;

    r->want = size_at_random(w);
    r->send = lg_rand_chance(&w->rand, 1, 2) ? size_at_random(w) : 0;
    (void)snprintf(path, sizeof(path), "/%zu", r->want);
    (void)snprintf(timeout, sizeof(timeout), "%dm", id);
    fields[0] = nv_of(":method", "POST");
    fields[1] = nv_of(":scheme", "http");
    fields[2] = nv_of(":authority", "peer");
    fields[3] = nv_of(":path", path);
    fields[4] = nv_of("te", "trailers");
    if ((id / 2) % 2 == 0)
        fields[n++] = nv_of("grpc-timeout", timeout);
    assert_int_equal(
        nghttp2_submit_request(w->client, NULL, fields, n, r->send > 0 ? &body : NULL, NULL), id);
    w->first_unused += 2;
    w->open++;
}

static void change_settings(struct world *w)
{
    nghttp2_settings_entry e[2] = {
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, (uint32_t)lg_rand_below(&w->rand, 40000)},
        {NGHTTP2_SETTINGS_HEADER_TABLE_SIZE,
         lg_rand_chance(&w->rand, 1, 3) ? 0 : (uint32_t)lg_rand_below(&w->rand, 5000)}};

    w->settings_open = true;
    assert_int_equal(nghttp2_submit_settings(w->client, NGHTTP2_FLAG_NONE, e, 2), 0);
}

static void act(struct world *w)
{
    uint64_t dice = lg_rand_below(&w->rand, 100);

    if (dice < 60 && w->open < OPEN_MAX && w->first_unused / 2 < REQUESTS)
        ask(w);
    else if (dice < 63 && w->first_unused > 1) {
        int32_t id = (int32_t)lg_rand_below(&w->rand, (uint64_t)w->first_unused / 2) * 2 + 1;

        if (!of_id(w, id)->closed && of_id(w, id)->asked) {
            of_id(w, id)->reset = true;
            assert_int_equal(nghttp2_submit_rst_stream(w->client, 0, id, NGHTTP2_CANCEL), 0);
        }
    } else if (dice < 64 && !w->settings_open)
        change_settings(w);
    else if (dice < 65)
        assert_int_equal(nghttp2_submit_ping(w->client, 0, NULL), 0);
}

/* Some bytes each way, cut at random. */
static bool exchange(struct world *w)
{
    const uint8_t *data;
    ssize_t n = nghttp2_session_mem_send(w->client, &data);
    struct lg_slice in = lg_slice(data, n > 0 ? (size_t)n : 0), out;
    bool moved = in.size > 0;

    while (in.size > 0) {
        size_t cut = LG_MIN((size_t)lg_rand_below(&w->rand, 3000) + 1, in.size);

        assert_true(lg_h2_input(w->server, lg_slice(in.data, cut)));
        in = lg_slice_skip(in, cut);
    }
    write_some(w);
    out = lg_h2_output(w->server);
    if (out.size > 0) {
        size_t cut = LG_MIN((size_t)lg_rand_below(&w->rand, 30000) + 1, out.size);

        assert_int_equal(nghttp2_session_mem_recv(w->client, out.data, cut), (ssize_t)cut);
        lg_h2_sent(w->server, cut);
        moved = true;
    }
    return moved;
}

static void open_client(struct world *w, uint32_t window)
{
    nghttp2_settings_entry e = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window};
    nghttp2_session_callbacks *cb;

    assert_int_equal(nghttp2_session_callbacks_new(&cb), 0);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, client_data);
    nghttp2_session_callbacks_set_on_header_callback(cb, client_header);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, client_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(cb, client_sent);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, client_frame);
    assert_int_equal(nghttp2_session_client_new(&w->client, cb, w), 0);
    nghttp2_session_callbacks_del(cb);
    assert_int_equal(nghttp2_submit_settings(w->client, NGHTTP2_FLAG_NONE, &e, 1), 0);
}

static void run(enum h2_engine engine, uint64_t seed)
{
    struct world *w = lg_new(struct world);
    struct lg_http_header head[] = {{LG_LIT(":status"), LG_LIT("200")},
                                    {LG_LIT("content-type"), LG_LIT("application/grpc+proto")}};
    struct lg_http_header tail[] = {{LG_LIT("grpc-status"), LG_LIT("0")}};
    struct lg_h2_options o = {.handler = &handler,
                              .ctx = w,
                              .stream_window_bytes = 20000,
                              .connection_window_bytes = 70000,
                              .limits = {.resets = 4 * REQUESTS, .settings = REQUESTS}};
    unsigned idle = 0;

    lg_rand_seed(&w->rand, seed);
    w->first_unused = 1;
    w->lenient = engine == H2_NGHTTP2;
    w->head = lg_h2_prepared_new(head, 2);
    w->tail = lg_h2_prepared_new(tail, 1);
    w->server = engine == H2_OWN ? lg_h2_own_new(&o, &lg_hpack_nghttp2) : lg_h2_nghttp2_new(&o);
    open_client(w, (uint32_t)lg_rand_below(&w->rand, 5000));
    while (w->finished + w->gone < REQUESTS && idle < 10000) {
        for (unsigned i = 0; i < 3; i++)
            act(w);
        idle = exchange(w) ? 0 : idle + 1;
        if (idle == 9000) /* A window of 0 may have been the last word. */
            assert_int_equal(
                nghttp2_submit_settings(
                    w->client, 0,
                    &(nghttp2_settings_entry){NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 30000}, 1),
                0);
    }
    if (w->finished + w->gone < REQUESTS)
        fail_msg("engine %s, seed %" PRIu64 ": %zu finished, %zu gone, %zu open",
                 h2_engine_names[engine], seed, w->finished, w->gone, w->open);
    assert_true(w->finished > REQUESTS / 2);
    assert_int_equal(w->server->fault.code, 0);
    lg_h2_free(w->server);
    nghttp2_session_del(w->client);
    lg_h2_prepared_free(w->head);
    lg_h2_prepared_free(w->tail);
    lg_free(w);
}

static void our_engine_answers_everything_right(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++)
        run(H2_OWN, seed);
}

static void nghttp2s_engine_answers_everything_right(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 2; seed++)
        run(H2_NGHTTP2, seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_engine_answers_everything_right),
        cmocka_unit_test(nghttp2s_engine_answers_everything_right),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
