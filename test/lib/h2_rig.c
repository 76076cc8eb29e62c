#include "test/lib/h2_rig.h"

#include "drivers/nghttp2/hpack_nghttp2.h"
#include "drivers/nghttp2/http2_nghttp2.h"
#include "net/h2_conn.h"
#include "net/metrics.h"

/* --- The server ------------------------------------------------------------------------------ */

static void stream_on(struct h2_streamed *s)
{
    uint8_t piece[H2_RIG_PIECE];

    memset(piece, 's', sizeof piece);
    while (s->left > 0 && !lg_http_stream_is_full(s->rq)) {
        size_t n = LG_MIN(s->left, sizeof piece);

        lg_http_stream_write(s->rq, lg_slice(piece, n));
        s->left -= n;
        s->written += n;
    }
    if (s->left > 0)
        return;
    s->ended = true;
    lg_http_stream_end(s->rq);
}

static void room_came(void *ctx)
{
    struct h2_streamed *s = (struct h2_streamed *)ctx;

    s->rooms++;
    if (s->rq->peer_gone) {
        s->saw_peer_gone = true;
        s->left = 0;
    }
    if (!s->rig->by_hand || s->saw_peer_gone)
        stream_on(s);
}

static void begin_stream(struct h2_rig *r, struct lg_http_request *rq)
{
    struct h2_streamed *s = &r->streams[r->stream_count++];
    struct lg_http_header field = {LG_LIT("X-Kind"), LG_LIT("Long")};
    struct lg_http_response head = {
        .status = 200, .content_type = "text/plain", .headers = &field, .header_count = 1};

    assert_true(r->stream_count <= H2_RIG_HELD_MAX && lg_http_can_stream(rq));
    *s = (struct h2_streamed){.rig = r, .rq = rq, .left = r->stream_bytes};
    lg_http_stream_begin(rq, &head, room_came, s);
    if (!r->by_hand)
        stream_on(s);
}

static void answer_big(struct lg_http_request *rq)
{
    LG_SCOPED(lg_buf) b = {0};

    memset(lg_buf_reserve(&b, MIB), 'b', MIB);
    lg_buf_commit(&b, MIB);
    struct lg_http_response response = {.status = 200, .body = lg_buf_slice(&b)};
    lg_http_respond(rq, &response);
}

static void end_streams(struct h2_rig *r)
{
    for (size_t i = 0; i < r->stream_count; i++)
        if (!r->streams[i].ended) {
            r->streams[i].left = 0;
            stream_on(&r->streams[i]);
        }
}

static void stopped(void *ctx)
{
    ((struct h2_rig *)ctx)->stopped = true;
}

static void handle(void *ctx, struct lg_http_request *rq)
{
    struct h2_rig *r = (struct h2_rig *)ctx;
    LG_SCOPED(lg_buf) body = {0};
    struct lg_slice host = lg_http_header(&rq->headers, "host");

    r->requests++;
    if (lg_slice_eq_str(rq->path, "/hold")) {
        assert_true(r->held_count < H2_RIG_HELD_MAX);
        r->held[r->held_count++] = rq;
        return;
    }
    if (lg_slice_eq_str(rq->path, "/stream")) {
        begin_stream(r, rq);
        return;
    }
    if (lg_slice_eq_str(rq->path, "/big")) {
        answer_big(rq);
        return;
    }
    if (lg_slice_eq_str(rq->path, "/end"))
        end_streams(r);
    if (lg_slice_eq_str(rq->path, "/stop"))
        lg_http_server_stop(r->server, 1000, stopped, r);
    body = lg_http_request_take_body(rq);
    assert_int_equal(rq->body.size, 0);
    lg_http_respond_text(rq, 200, "%s %.*s %.*s %zu %.*s", lg_http_method_name(rq->method),
                         LG_FMT(rq->path), LG_FMT(host), body.size,
                         (int)LG_MIN(body.size, (size_t)20), (const char *)body.data);
}

/* --- The rig --------------------------------------------------------------------------------- */

static struct lg_h2 *own_engine(const struct lg_h2_options *o)
{
    return lg_h2_own_new(o, &lg_hpack_nghttp2);
}

const h2_rig_engine h2_rig_engines[H2_RIG_ENGINES] = {own_engine, lg_h2_nghttp2_new};

static void acts(struct lg_task *task)
{
    struct h2_rig *r = LG_CONTAINER_OF(task, struct h2_rig, task);

    r->act(r, r->act_i);
    r->act = NULL;
}

static bool has_acted(void *arg)
{
    return ((struct h2_rig *)arg)->act == NULL;
}

/* Runs `act` as code of the lane. */
void h2_rig_on_lane(struct h2_rig *r, void (*act)(struct h2_rig *r, size_t i), size_t i)
{
    r->act = act;
    r->act_i = i;
    r->task.run = acts;
    lg_lane_post(r->lane, &r->task);
    assert_true(lg_sim_run_until(r->sim, has_acted, r, LG_SEC));
}

void h2_rig_settle(struct h2_rig *r)
{
    lg_sim_run_us(r->sim, 100 * LG_MS);
}

void h2_rig_init_with(struct h2_rig *r, h2_rig_engine engine, size_t body_bytes_max,
                      uint64_t idle_ms, const struct lg_rpc_offer *rpc)
{
    static const struct lg_metric_table *const tables[] = {&lg_net_metrics};
    struct lg_error err;

    lg_metrics_register(tables, 1, 10);
    *r = (struct h2_rig){.sim = lg_sim_new(1), .window = 65535};
    r->net = lg_net_sim_new(r->sim);
    r->lane = lg_sim_lane_new(r->sim, NULL, "lane");
    lg_net_sim_set_delay_us(r->net, 10, 100);
    struct lg_http_server_options options = {.transport = lg_net_sim_transport(r->net),
                                             .lane = r->lane,
                                             .host = "world",
                                             .body_bytes_max = body_bytes_max,
                                             .idle_ms = idle_ms,
                                             .http2 = engine,
                                             .rpc = rpc,
                                             .rpc_ctx = r,
                                             .handler = handle,
                                             .ctx = r};
    assert_ok(lg_http_server_start(&options, &r->server, &err));
}

void h2_rig_init(struct h2_rig *r, h2_rig_engine engine)
{
    h2_rig_init_with(r, engine, H2_RIG_BODY_BYTES, H2_RIG_IDLE_MS, NULL);
}

void h2_rig_stop(struct h2_rig *r, size_t grace_ms)
{
    lg_http_server_stop(r->server, grace_ms, stopped, r);
}

static bool is_stopped(void *arg)
{
    return ((struct h2_rig *)arg)->stopped;
}

void h2_rig_done(struct h2_rig *r)
{
    if (!r->stopped) {
        h2_rig_on_lane(r, h2_rig_stop, 0);
        assert_true(lg_sim_run_until(r->sim, is_stopped, r, 10 * LG_SEC));
    }
    lg_sim_run_us(r->sim, LG_SEC);
    for (size_t i = 0; i < H2_RIG_CLIENTS_MAX; i++)
        if (r->clients[i].session != NULL)
            h2_client_done(&r->clients[i]);
    lg_buf_done(&r->plain_received);
    lg_sim_free(r->sim);
    lg_net_sim_free(r->net);
    lg_metrics_reset();
}

/* --- The clients ----------------------------------------------------------------------------- */

void h2_rig_open(struct h2_rig *r, size_t i)
{
    h2_client_open(&r->clients[i], lg_net_sim_transport(r->net), r->lane,
                   lg_http_server_port(r->server), r->window, r->window_by_hand);
}

static void send_request(struct h2_rig *r, size_t i)
{
    r->asked = h2_client_ask(&r->clients[i], NULL, r->path, r->body, NULL, NULL);
}

void h2_rig_begin(struct h2_rig *r, size_t i)
{
    r->asked = h2_client_begin(&r->clients[i], r->path, r->body);
}

void h2_rig_end(struct h2_rig *r, size_t i)
{
    h2_client_end(&r->clients[0], i);
}

void h2_rig_reset(struct h2_rig *r, size_t i)
{
    h2_client_reset(&r->clients[0], i);
}

void h2_rig_head(struct h2_rig *r, size_t i)
{
    r->asked = h2_client_ask(&r->clients[i], "HEAD", r->path, LG_SLICE_NULL, NULL, NULL);
}

void h2_rig_take(struct h2_rig *r, size_t i)
{
    h2_client_take(&r->clients[0], i, MIB);
}

void h2_rig_pause(struct h2_rig *r, size_t paused)
{
    lg_conn_pause(r->clients[0].conn, paused != 0);
}

void h2_rig_leave(struct h2_rig *r, size_t i)
{
    lg_conn_close(r->clients[i].conn, /* after_flush= */ false);
}

void h2_rig_release(struct h2_rig *r, size_t i)
{
    lg_http_respond_text(r->held[i], 200, "%zu", i);
}

struct h2_asked *h2_rig_asked(struct h2_rig *r, size_t i)
{
    return &r->clients[0].asked[i];
}

/* Client i asks; what became of it is `*h2_rig_asked(r, ...)`, once it is settled. */
size_t h2_rig_ask(struct h2_rig *r, size_t i, const char *path, struct lg_slice body)
{
    r->path = path;
    r->body = body;
    h2_rig_on_lane(r, send_request, i);
    h2_rig_settle(r);
    return r->asked;
}

size_t h2_rig_get(struct h2_rig *r, const char *path)
{
    return h2_rig_ask(r, 0, path, LG_SLICE_NULL);
}

void h2_rig_expect(struct h2_rig *r, size_t i, int status, const char *text)
{
    struct h2_asked *a = h2_rig_asked(r, i);

    assert_int_equal(a->status, status);
    lg_buf_append_byte(&a->body, '\0');
    assert_string_equal((const char *)a->body.data, text);
    assert_true(a->closed);
    assert_int_equal(a->code, LG_H2_NO_ERROR);
}

bool h2_asked_has(const struct h2_asked *a, const char *line)
{
    return memmem(a->head.data, a->head.size, line, strlen(line)) != NULL;
}

static void plain_received(void *ctx, struct lg_conn *c, struct lg_slice bytes)
{
    (void)c;
    lg_buf_append_slice(&((struct h2_rig *)ctx)->plain_received, bytes);
}

static void plain_closed(void *ctx, struct lg_conn *c, enum lg_rc why)
{
    (void)c, (void)why;
    ((struct h2_rig *)ctx)->plain_closed = true;
}

static void plain_opened(void *ctx, struct lg_conn *c)
{
    (void)ctx, (void)c;
}

static const struct lg_conn_handler plain_handler = {
    .opened = plain_opened, .received = plain_received, .closed = plain_closed};

void h2_rig_say_now(struct h2_rig *r, size_t i)
{
    LG_SCOPED(lg_buf) b = {0};

    (void)i;
    if (r->plain == NULL)
        r->plain = lg_conn_open(lg_net_sim_transport(r->net), r->lane, "world",
                                lg_http_server_port(r->server), &plain_handler, r);
    lg_buf_append_slice(&b, r->body);
    lg_conn_send(r->plain, &b);
}

void h2_rig_say(struct h2_rig *r, const char *bytes)
{
    r->body = lg_slice_str(bytes);
    h2_rig_on_lane(r, h2_rig_say_now, 0);
    h2_rig_settle(r);
}

void h2_rig_expect_plain(struct h2_rig *r, const char *text)
{
    if (memmem(r->plain_received.data, r->plain_received.size, text, strlen(text)) == NULL)
        fail_msg("wanted %s, got %.*s", text, (int)r->plain_received.size,
                 (const char *)r->plain_received.data);
    lg_buf_clear(&r->plain_received);
}
