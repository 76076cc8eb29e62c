#include "drivers/nghttp2/h2_client_nghttp2.h"

#include <nghttp2/nghttp2.h>

#define FIELDS_MAX 32
#define STREAMS_UNSAID 100u /* before the peer's SETTINGS came: what RFC 9113 (6.5.2) expects */

struct stream {
    void *call;
    int32_t id;
    struct lg_buf waiting; /* of the body */
    size_t at;
    bool is_last, ended;
    struct stream *next, *prev;
};

struct client {
    struct lg_h2_client head;
    nghttp2_session *session;
    struct lg_buf out;
    struct stream *streams;
    uint32_t open;
    bool over, settled, going;
};

static struct client *of(struct lg_h2_client *h)
{
    return LG_CONTAINER_OF(h, struct client, head);
}

static struct stream *find(struct client *c, int32_t id)
{
    return (struct stream *)nghttp2_session_get_stream_user_data(c->session, id);
}

/* nghttp2 knows a stream from when its head is framed; before, only we do. */
static struct stream *find_any(struct client *c, int32_t id)
{
    struct stream *st = find(c, id);

    if (st == NULL)
        for (st = c->streams; st != NULL && st->id != id; st = st->next)
            ;
    return st;
}

static void free_stream(struct client *c, struct stream *st)
{
    if (st->prev != NULL)
        st->prev->next = st->next;
    else
        c->streams = st->next;
    if (st->next != NULL)
        st->next->prev = st->prev;
    c->open--;
    lg_buf_done(&st->waiting);
    lg_free(st);
}

/* --- What comes in --------------------------------------------------------------------------- */

static int on_field(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                    size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags,
                    void *user)
{
    struct client *c = (struct client *)user;
    struct stream *st = find(c, frame->hd.stream_id);

    (void)session, (void)flags;
    if (st != NULL)
        c->head.handler->field(c->head.ctx, st->call, lg_slice(name, name_size),
                               lg_slice(value, value_size));
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t size, void *user)
{
    struct client *c = (struct client *)user;
    struct stream *st = find(c, id);

    (void)session, (void)flags;
    if (st != NULL && size > 0)
        c->head.handler->body(c->head.ctx, st->call, lg_slice(data, size));
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct client *c = (struct client *)user;
    struct stream *st;

    (void)session;
    if (frame->hd.type == NGHTTP2_SETTINGS)
        c->settled = true;
    if (frame->hd.type == NGHTTP2_GOAWAY)
        c->going = true;
    if ((frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        st = find(c, frame->hd.stream_id);
        if (st != NULL)
            st->ended = true;
    }
    return 0;
}

/* A reset with NO_ERROR before the answer's end is no whole answer; after it, the answer is whole
 * whatever the code says (RFC 9113, 8.1). */
static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
    struct client *c = (struct client *)user;
    struct stream *st = find(c, id);

    (void)session;
    if (st == NULL)
        return 0;
    (void)nghttp2_session_set_stream_user_data(c->session, id, NULL);
    if (st->ended)
        code = LG_H2_NO_ERROR;
    else if (code == LG_H2_NO_ERROR)
        code = LG_H2_CANCEL;
    c->head.handler->closed(c->head.ctx, st->call, code);
    free_stream(c, st);
    return 0;
}

/* A call that could not be sent, since a GOAWAY came between. */
static int on_not_sent(nghttp2_session *session, const nghttp2_frame *frame, int why, void *user)
{
    struct client *c = (struct client *)user;
    struct stream *st;

    (void)session, (void)why;
    if (frame->hd.type != NGHTTP2_HEADERS)
        return 0;
    c->going = true;
    st = find_any(c, frame->hd.stream_id);
    if (st != NULL) {
        (void)nghttp2_session_set_stream_user_data(c->session, frame->hd.stream_id, NULL);
        c->head.handler->closed(c->head.ctx, st->call, LG_H2_REFUSED_STREAM);
        free_stream(c, st);
    }
    return 0;
}

/* --- What goes out --------------------------------------------------------------------------- */

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *buf, size_t size,
                         uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct stream *st = (struct stream *)source->ptr;
    size_t n = LG_MIN(size, st->waiting.size - st->at);

    (void)session, (void)id, (void)user;
    if (n == 0 && !st->is_last)
        return NGHTTP2_ERR_DEFERRED;
    if (n > 0)
        memcpy(buf, st->waiting.data + st->at, n);
    st->at += n;
    if (st->at == st->waiting.size) {
        lg_buf_clear(&st->waiting);
        st->at = 0;
        if (st->is_last)
            *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    return (ssize_t)n;
}

static struct lg_slice cl_output(struct lg_h2_client *h)
{
    struct client *c = of(h);
    const uint8_t *data;
    ssize_t n;

    while (c->out.size < LG_H2_OUTPUT_BYTES &&
           (n = nghttp2_session_mem_send(c->session, &data)) > 0)
        lg_buf_append(&c->out, data, (size_t)n);
    return lg_buf_slice(&c->out);
}

/* What is wrong with the peer's bytes nghttp2 answers with a GOAWAY, and is over when that is
 * framed.
 */
static bool cl_input(struct lg_h2_client *h, struct lg_slice bytes)
{
    struct client *c = of(h);

    if (c->over)
        return false;
    if (nghttp2_session_mem_recv(c->session, bytes.data, bytes.size) < 0)
        c->over = true;
    (void)cl_output(h);
    if (nghttp2_session_want_read(c->session) == 0)
        c->over = true;
    return !c->over;
}

static void cl_sent(struct lg_h2_client *h, size_t n)
{
    if (n > 0)
        lg_buf_consume(&of(h)->out, n);
}

static uint32_t cl_room(const struct lg_h2_client *h)
{
    const struct client *c = LG_CONTAINER_OF(h, const struct client, head);
    uint32_t most = STREAMS_UNSAID;

    if (c->over || c->going)
        return 0;
    if (c->settled)
        most = nghttp2_session_get_remote_settings(c->session,
                                                   NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    return most > c->open ? most - c->open : 0;
}

static uint32_t cl_call(struct lg_h2_client *h, const struct lg_http_header *fields, size_t count,
                        struct lg_slice body, bool is_last, void *call)
{
    struct client *c = of(h);
    struct stream *st;
    nghttp2_nv nva[FIELDS_MAX];
    nghttp2_data_provider provider = {.read_callback = read_body};
    bool has_body = body.size > 0 || !is_last;
    int32_t id;

    assert(count <= FIELDS_MAX);
    if (c->over || c->going)
        return 0;
    for (size_t i = 0; i < count; i++)
        nva[i] = (nghttp2_nv){(uint8_t *)(uintptr_t)fields[i].name.data,
                              (uint8_t *)(uintptr_t)fields[i].value.data, fields[i].name.size,
                              fields[i].value.size, NGHTTP2_NV_FLAG_NONE};
    st = lg_new(struct stream);
    st->call = call;
    st->is_last = is_last;
    provider.source.ptr = st;
    id = nghttp2_submit_request(c->session, NULL, nva, count, has_body ? &provider : NULL, st);
    if (id < 0) { /* No numbers are left. */
        lg_free(st);
        c->going = true;
        return 0;
    }
    lg_buf_append_slice(&st->waiting, body);
    st->id = id;
    st->next = c->streams;
    if (st->next != NULL)
        st->next->prev = st;
    c->streams = st;
    c->open++;
    return (uint32_t)id;
}

static void cl_write(struct lg_h2_client *h, uint32_t stream, struct lg_slice body, bool is_last)
{
    struct client *c = of(h);
    struct stream *st = find_any(c, (int32_t)stream);

    assert(st != NULL && !st->is_last);
    lg_buf_append_slice(&st->waiting, body);
    st->is_last = is_last;
    (void)nghttp2_session_resume_data(c->session, (int32_t)stream);
}

static void cl_reset(struct lg_h2_client *h, uint32_t stream, uint32_t code)
{
    (void)nghttp2_submit_rst_stream(of(h)->session, NGHTTP2_FLAG_NONE, (int32_t)stream, code);
}

/* --- Life ------------------------------------------------------------------------------------ */

static void cl_free(struct lg_h2_client *h)
{
    struct client *c = of(h);

    c->over = true;
    nghttp2_session_del(c->session);
    while (c->streams != NULL) {
        struct stream *st = c->streams;

        c->head.handler->closed(c->head.ctx, st->call, LG_H2_CANCEL);
        free_stream(c, st);
    }
    lg_buf_done(&c->out);
    lg_free(c);
}

static const struct lg_h2_client_ops ops = {
    .name = "nghttp2",
    .free = cl_free,
    .input = cl_input,
    .output = cl_output,
    .sent = cl_sent,
    .room = cl_room,
    .call = cl_call,
    .write = cl_write,
    .reset = cl_reset,
};

static void open_session(struct client *c)
{
    nghttp2_session_callbacks *cb;
    int rc = nghttp2_session_callbacks_new(&cb);

    assert(rc == 0); /* It fails for want of some bytes only (ADR 0003). */
    nghttp2_session_callbacks_set_on_header_callback(cb, on_field);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(cb, on_not_sent);
    rc = nghttp2_session_client_new(&c->session, cb, c);
    assert(rc == 0);
    (void)rc;
    nghttp2_session_callbacks_del(cb);
}

struct lg_h2_client *lg_h2_client_nghttp2_new(const struct lg_h2_client_handler *handler, void *ctx)
{
    static const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, LG_H2_CLIENT_STREAM_WINDOW}};
    struct client *c = lg_new(struct client);

    c->head = (struct lg_h2_client){&ops, handler, ctx};
    open_session(c);
    (void)nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings, LG_ARRAY_SIZE(settings));
    (void)nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0,
                                                (int32_t)LG_H2_CLIENT_CONNECTION_WINDOW);
    return &c->head;
}
