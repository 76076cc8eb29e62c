#include "test/lib/h2_client.h"

#include <nghttp2/nghttp2.h>

/* --- What comes ------------------------------------------------------------------------------ */

static struct h2_asked *of_id(struct h2_client *c, int32_t id)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->asked[i].id == id)
            return &c->asked[i];
    return NULL;
}

static int header_came(nghttp2_session *s, const nghttp2_frame *frame, const uint8_t *name,
                       size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags,
                       void *user)
{
    struct h2_asked *a = of_id((struct h2_client *)user, frame->hd.stream_id);

    (void)s, (void)flags;
    if (a == NULL)
        return 0;
    if (lg_slice_eq_str(lg_slice(name, name_size), ":status"))
        a->status = (value[0] - '0') * 100 + (value[1] - '0') * 10 + value[2] - '0';
    else
        lg_buf_appendf(&a->head, "%.*s: %.*s\n", (int)name_size, (const char *)name,
                       (int)value_size, (const char *)value);
    return 0;
}

static int data_came(nghttp2_session *s, uint8_t flags, int32_t id, const uint8_t *data, size_t n,
                     void *user)
{
    struct h2_asked *a = of_id((struct h2_client *)user, id);

    (void)s, (void)flags;
    if (a != NULL)
        lg_buf_append(&a->body, data, n);
    return 0;
}

static int stream_closed(nghttp2_session *s, int32_t id, uint32_t code, void *user)
{
    struct h2_asked *a = of_id((struct h2_client *)user, id);

    (void)s;
    if (a != NULL) {
        a->closed = true;
        a->code = code;
    }
    return 0;
}

static int frame_came(nghttp2_session *s, const nghttp2_frame *frame, void *user)
{
    struct h2_client *c = (struct h2_client *)user;

    (void)s;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        c->goaways++;
        c->goaway_code = frame->goaway.error_code;
    }
    return 0;
}

static ssize_t read_body(nghttp2_session *s, int32_t id, uint8_t *buf, size_t size, uint32_t *flags,
                         nghttp2_data_source *source, void *user)
{
    struct h2_asked *a = of_id((struct h2_client *)user, id);
    size_t n = LG_MIN(size, a->send.size - a->sent);

    (void)s, (void)source;
    memcpy(buf, a->send.data + a->sent, n);
    a->sent += n;
    if (a->sent < a->send.size)
        return (ssize_t)n;
    if (!a->is_open_ended)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    else if (n == 0)
        return NGHTTP2_ERR_DEFERRED;
    return (ssize_t)n;
}

/* --- The connection -------------------------------------------------------------------------- */

static void conn_opened(void *ctx, struct lg_conn *conn)
{
    (void)ctx, (void)conn;
}

static void conn_received(void *ctx, struct lg_conn *conn, struct lg_slice bytes)
{
    struct h2_client *c = (struct h2_client *)ctx;
    ssize_t n = nghttp2_session_mem_recv(c->session, bytes.data, bytes.size);

    (void)conn;
    assert(n == (ssize_t)bytes.size && "the server sends what a strict client takes");
    (void)n;
    h2_client_flush(c);
}

static void conn_closed(void *ctx, struct lg_conn *conn, enum lg_rc why)
{
    struct h2_client *c = (struct h2_client *)ctx;

    (void)conn, (void)why;
    c->conn = NULL;
    c->closed = true;
}

static const struct lg_conn_handler handler = {
    .opened = conn_opened, .received = conn_received, .closed = conn_closed};

void h2_client_open(struct h2_client *c, struct lg_transport *transport, struct lg_lane *lane,
                    uint16_t port, uint32_t window, bool by_hand)
{
    h2_client_open_at(c, transport, lane, "world", port, window, by_hand);
}

void h2_client_open_at(struct h2_client *c, struct lg_transport *transport, struct lg_lane *lane,
                       const char *host, uint16_t port, uint32_t window, bool by_hand)
{
    nghttp2_session_callbacks *calls;
    nghttp2_session *session;
    nghttp2_option *option;
    nghttp2_settings_entry first = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window};

    *c = (struct h2_client){.conn = NULL};
    nghttp2_session_callbacks_new(&calls);
    nghttp2_session_callbacks_set_on_header_callback(calls, header_came);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls, data_came);
    nghttp2_session_callbacks_set_on_stream_close_callback(calls, stream_closed);
    nghttp2_session_callbacks_set_on_frame_recv_callback(calls, frame_came);
    nghttp2_option_new(&option);
    nghttp2_option_set_no_auto_window_update(option, by_hand);
    nghttp2_session_client_new2(&session, calls, c, option);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(calls);
    (void)nghttp2_submit_settings(session, 0, &first, 1);
    (void)nghttp2_session_set_local_window_size(session, 0, 0, (int32_t)LG_MAX(window, 65535u));
    c->session = session;
    c->conn = lg_conn_open(transport, lane, host, port, &handler, c);
    h2_client_flush(c);
}

void h2_client_done(struct h2_client *c)
{
    nghttp2_session_del(c->session);
    for (size_t i = 0; i < c->count; i++) {
        lg_buf_done(&c->asked[i].head);
        lg_buf_done(&c->asked[i].body);
    }
    *c = (struct h2_client){.conn = NULL};
}

void h2_client_flush(struct h2_client *c)
{
    LG_SCOPED(lg_buf) out = {0};

    while (!c->corked) {
        const uint8_t *data;
        ssize_t n = nghttp2_session_mem_send(c->session, &data);

        assert(n >= 0);
        if (n == 0)
            break;
        lg_buf_append(&out, data, (size_t)n);
    }
    if (c->conn != NULL && out.size > 0)
        lg_conn_send(c->conn, &out);
}

/* --- Requests -------------------------------------------------------------------------------- */

static nghttp2_nv nv_of(const char *name, const char *value)
{
    return (nghttp2_nv){(uint8_t *)name, (uint8_t *)value, strlen(name), strlen(value), 0};
}

static size_t submit(struct h2_client *c, const char *method, const char *path,
                     struct lg_slice body, bool is_open_ended, const char *name, const char *value)
{
    nghttp2_nv fields[5 + LG_ARRAY_SIZE(c->also) / 2] = {
        nv_of(":method", method), nv_of(":scheme", "http"), nv_of(":authority", "world"),
        nv_of(":path", path)};
    nghttp2_data_provider provider = {.read_callback = read_body};
    struct h2_asked *a = &c->asked[c->count];
    bool has_body = is_open_ended || body.size > 0;
    size_t n = 4;

    assert(c->count < H2_CLIENT_ASKED_MAX);
    *a = (struct h2_asked){.send = body, .is_open_ended = is_open_ended};
    if (name != NULL)
        fields[n++] = nv_of(name, value);
    for (size_t i = 0; c->also[i] != NULL; i += 2)
        fields[n++] = nv_of(c->also[i], c->also[i + 1]);
    a->id = nghttp2_submit_request(c->session, NULL, fields, n, has_body ? &provider : NULL, NULL);
    assert(a->id > 0);
    c->count++;
    h2_client_flush(c);
    return c->count - 1;
}

size_t h2_client_ask(struct h2_client *c, const char *method, const char *path,
                     struct lg_slice body, const char *extra_name, const char *extra_value)
{
    if (method == NULL)
        method = body.size > 0 ? "POST" : "GET";
    return submit(c, method, path, body, /* is_open_ended= */ false, extra_name, extra_value);
}

size_t h2_client_begin(struct h2_client *c, const char *path, struct lg_slice body)
{
    return submit(c, "POST", path, body, /* is_open_ended= */ true, NULL, NULL);
}

void h2_client_end(struct h2_client *c, size_t i)
{
    c->asked[i].is_open_ended = false;
    (void)nghttp2_session_resume_data(c->session, c->asked[i].id);
    h2_client_flush(c);
}

void h2_client_reset(struct h2_client *c, size_t i)
{
    (void)nghttp2_submit_rst_stream(c->session, 0, c->asked[i].id, NGHTTP2_CANCEL);
    h2_client_flush(c);
}

void h2_client_take(struct h2_client *c, size_t i, size_t n)
{
    if (i != H2_CLIENT_NONE)
        (void)nghttp2_submit_window_update(c->session, 0, c->asked[i].id, (int32_t)n);
    (void)nghttp2_submit_window_update(c->session, 0, 0, (int32_t)n);
    h2_client_flush(c);
}

void h2_client_ping(struct h2_client *c)
{
    (void)nghttp2_submit_ping(c->session, 0, NULL);
    h2_client_flush(c);
}
