#include "drivers/nghttp2/http2_nghttp2.h"

#include "drivers/nghttp2/h2_heads.h"
#include "drivers/nghttp2/h2_nvs.h"
#include "drivers/nghttp2/h2_pool.h"
#include "drivers/nghttp2/h2_scan.h"
#include "net/h2_guard.h"
#include "net/h2_request.h"

#define KEEP_BYTES_MAX ((size_t)16 << 10) /* of a buffer that a pooled stream keeps */

struct stream {
    struct lg_h2_stream head;
    struct stream *next, *prev; /* in use; `next` also in the list of free ones */
    bool callers, remote_end;
    bool end_due, full_told, paused;
    bool trailers_due;
    int64_t content_length; /* -1: not said */
    uint64_t body_bytes;
    size_t kept, credit;
    struct lg_buf waiting;
    size_t at;
    struct lg_h2_head trailers;
    struct lg_http_header *own_trailers; /* those of them that are not prepared, with their text */
};

struct conn {
    struct lg_h2 head;
    struct lg_h2_guard guard;
    nghttp2_session *session;
    struct lg_nghttp2_pool pool;
    struct lg_nghttp2_heads heads;
    struct stream *streams, *free_streams;
    struct stream *found; /* last, by its id: it mostly is the next, too */
    size_t stream_count;
    bool over, cut_due;
    bool told, drain_due, draining; /* that it ends; that the peer knows */
    uint64_t told_ms;
    enum lg_h2_reason cut_why;
    struct lg_buf out;
    size_t waiting_bytes;
    size_t consumed; /* of the connection's window, not given back yet */
    size_t block_bytes;
    unsigned continuations;
    bool block_open;
    struct lg_nghttp2_scan scan;
};

static struct conn *conn_of(struct lg_h2 *h)
{
    return LG_CONTAINER_OF(h, struct conn, head);
}
static struct stream *stream_of(struct lg_h2_stream *st)
{
    return LG_CONTAINER_OF(st, struct stream, head);
}

static void cut(struct conn *c, enum lg_h2_reason why)
{
    if (c->over)
        return;
    c->over = true;
    c->head.fault =
        (struct lg_h2_fault){LG_H2_ENHANCE_YOUR_CALM, true, why, lg_h2_reason_name(why)};
    lg_h2_count(&c->head, why);
    (void)nghttp2_session_terminate_session(c->session, NGHTTP2_ENHANCE_YOUR_CALM);
}

static bool spend(struct conn *c, enum lg_h2_reason what)
{
    if (lg_h2_guard_spend(&c->guard, what))
        return true;
    cut(c, what);
    return false;
}

/* --- Streams --------------------------------------------------------------------------------- */

static struct stream *find(struct conn *c, int32_t id)
{
    if (c->found == NULL || c->found->head.id != (uint32_t)id)
        c->found = nghttp2_session_get_stream_user_data(c->session, id);
    return c->found;
}

static struct stream *open_stream(struct conn *c, int32_t id, bool remote_end)
{
    struct stream *st = c->free_streams;

    if (st != NULL)
        c->free_streams = st->next;
    else
        st = lg_new(struct stream);
    *st = (struct stream){.head = {&c->head, (uint32_t)id, NULL},
                          .next = c->streams,
                          .remote_end = remote_end,
                          .content_length = -1,
                          .waiting = st->waiting};
    if (st->next != NULL)
        st->next->prev = st;
    c->streams = st;
    c->stream_count++;
    c->found = st;
    (void)nghttp2_session_set_stream_user_data(c->session, id, st);
    return st;
}

static void tell_gone(struct conn *c, struct stream *st, uint32_t code)
{
    if (!st->callers)
        return;
    st->callers = false;
    c->head.handler->gone(c->head.ctx, &st->head, code);
}

/* Its memory waits for another stream. */
static void close_stream(struct conn *c, struct stream *st)
{
    if (st->prev != NULL)
        st->prev->next = st->next;
    else
        c->streams = st->next;
    if (st->next != NULL)
        st->next->prev = st->prev;
    c->stream_count--;
    c->found = NULL;
    c->waiting_bytes -= st->waiting.size - st->at;
    c->guard.body_bytes -= st->kept;
    if (st->waiting.capacity > KEEP_BYTES_MAX)
        lg_buf_done(&st->waiting);
    lg_buf_clear(&st->waiting);
    lg_free(st->own_trailers);
    st->next = c->free_streams;
    c->free_streams = st;
}

static void free_streams(struct conn *c)
{
    while (c->streams != NULL)
        close_stream(c, c->streams);
    while (c->free_streams != NULL) {
        struct stream *st = c->free_streams;

        c->free_streams = st->next;
        lg_buf_done(&st->waiting);
        lg_free(st);
    }
}

static void fault_stream(struct conn *c, struct stream *st, uint32_t code)
{
    (void)nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, (int32_t)st->head.id, code);
    tell_gone(c, st, code);
}

/* --- What comes in --------------------------------------------------------------------------- */

static void block_goes_on(struct conn *c, const nghttp2_frame_hd *hd)
{
    c->block_bytes += hd->length;
    c->block_open = (hd->flags & NGHTTP2_FLAG_END_HEADERS) == 0;
    if (c->block_bytes > c->guard.limits.header_block_bytes)
        cut(c, LG_H2_OVER_header_block_bytes);
}

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *user)
{
    struct conn *c = (struct conn *)user;

    (void)session;
    if (c->over || !spend(c, LG_H2_OVER_idle_frames))
        return 0;
    switch (hd->type) {
    case NGHTTP2_HEADERS:
        c->block_bytes = 0;
        c->continuations = 0;
        block_goes_on(c, hd);
        break;
    case NGHTTP2_CONTINUATION:
        if (++c->continuations > c->guard.limits.continuations)
            cut(c, LG_H2_OVER_continuations);
        block_goes_on(c, hd);
        break;
    case NGHTTP2_DATA:
        if (hd->length == 0 && (hd->flags & NGHTTP2_FLAG_END_STREAM) == 0)
            (void)spend(c, LG_H2_OVER_empty_data);
        break;
    case NGHTTP2_PING:
        if ((hd->flags & NGHTTP2_FLAG_ACK) == 0)
            (void)spend(c, LG_H2_OVER_pings);
        break;
    case NGHTTP2_SETTINGS:
        if ((hd->flags & NGHTTP2_FLAG_ACK) == 0)
            (void)spend(c, LG_H2_OVER_settings);
        break;
    default:
        break;
    }
    if (!c->block_open)
        lg_h2_guard_whole(&c->guard);
    return 0;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct conn *c = (struct conn *)user;

    (void)session;
    lg_nghttp2_heads_begin(&c->heads, frame->headers.cat != NGHTTP2_HCAT_REQUEST);
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, nghttp2_rcbuf *name,
                     nghttp2_rcbuf *value, uint8_t flags, void *user)
{
    struct conn *c = (struct conn *)user;

    (void)session, (void)frame, (void)flags;
    if (!c->over)
        lg_nghttp2_heads_add(&c->heads, name, value);
    return 0;
}

/* nghttp2, where it judges, would pass over such a field; the request is refused. */
static int on_invalid_header(nghttp2_session *session, const nghttp2_frame *frame,
                             nghttp2_rcbuf *name, nghttp2_rcbuf *value, uint8_t flags, void *user)
{
    (void)on_header(session, frame, name, value, flags, user);
    lg_nghttp2_heads_spoil(&((struct conn *)user)->heads);
    return 0;
}

static void answer_431(struct conn *c, int32_t id, enum lg_h2_reason why)
{
    static uint8_t name[] = ":status", value[] = "431";
    nghttp2_nv nv = {name, value, 7, 3, NGHTTP2_NV_FLAG_NONE};

    lg_h2_count(&c->head, why);
    (void)nghttp2_submit_response(c->session, id, &nv, 1, /* data_prd= */ NULL);
    (void)spend(c, LG_H2_OVER_resets);
}

static void request_end(struct conn *c, struct stream *st, const struct lg_http_headers *trailers)
{
    static const struct lg_http_headers none = {NULL, 0};

    st->remote_end = true;
    if (st->content_length >= 0 && (uint64_t)st->content_length != st->body_bytes)
        fault_stream(c, st, LG_H2_PROTOCOL_ERROR);
    else if (st->callers)
        c->head.handler->end(c->head.ctx, &st->head, trailers == NULL ? &none : trailers);
}

static void request_came(struct conn *c, const nghttp2_frame *frame)
{
    bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    struct lg_h2_request rq;
    enum lg_h2_verdict verdict = lg_nghttp2_heads_end(&c->heads, &rq);
    struct stream *st;

    if (verdict == LG_H2_FIELDS_MALFORMED ||
        (verdict == LG_H2_FIELDS_GOOD && end && rq.content_length > 0)) {
        (void)nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                        NGHTTP2_PROTOCOL_ERROR);
        return;
    }
    st = open_stream(c, frame->hd.stream_id, end);
    if (verdict != LG_H2_FIELDS_GOOD) {
        answer_431(c, frame->hd.stream_id,
                   verdict == LG_H2_FIELDS_OVER_BYTES ? LG_H2_OVER_header_bytes
                                                      : LG_H2_OVER_header_count);
        return;
    }
    lg_h2_guard_progress(&c->guard);
    c->head.requests++;
    st->callers = true;
    st->content_length = rq.content_length;
    c->head.handler->request(c->head.ctx, &st->head, &rq);
    if (end)
        request_end(c, st, NULL);
}

static void trailers_came(struct conn *c, const nghttp2_frame *frame)
{
    struct stream *st = find(c, frame->hd.stream_id);
    enum lg_h2_verdict verdict = lg_nghttp2_heads_end(&c->heads, NULL);
    struct lg_http_headers trailers = lg_nghttp2_heads_trailers(&c->heads);

    if (st == NULL)
        return;
    if (verdict == LG_H2_FIELDS_OVER_BYTES || verdict == LG_H2_FIELDS_OVER_COUNT) {
        lg_h2_count(&c->head, verdict == LG_H2_FIELDS_OVER_BYTES ? LG_H2_OVER_header_bytes
                                                                 : LG_H2_OVER_header_count);
        fault_stream(c, st, LG_H2_ENHANCE_YOUR_CALM);
        return;
    }
    if (verdict != LG_H2_FIELDS_GOOD || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
        fault_stream(c, st, LG_H2_PROTOCOL_ERROR);
    else
        request_end(c, st, &trailers);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct conn *c = (struct conn *)user;
    struct stream *st;

    (void)session;
    if (c->over)
        return 0;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
            request_came(c, frame);
        else
            trailers_came(c, frame);
        break;
    case NGHTTP2_DATA:
        if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
            break;
        st = find(c, frame->hd.stream_id);
        if (st != NULL)
            request_end(c, st, NULL);
        break;
    case NGHTTP2_RST_STREAM:
        (void)spend(c, LG_H2_OVER_resets);
        break;
    case NGHTTP2_WINDOW_UPDATE:
        if (frame->window_update.window_size_increment < 16)
            (void)spend(c, LG_H2_OVER_small_windows);
        break;
    case NGHTTP2_PING:
        if (c->told && (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0 &&
            memcmp(frame->ping.opaque_data, LG_H2_SHUTDOWN_PING, 8) == 0)
            c->drain_due = true;
        break;
    default:
        break;
    }
    return 0;
}

static int on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int code,
                            void *user)
{
    struct conn *c = (struct conn *)user;

    (void)session, (void)frame;
    if (code == NGHTTP2_ERR_REFUSED_STREAM && !c->over)
        lg_h2_count(&c->head, LG_H2_OVER_streams);
    return 0;
}

/* Gives back the window of a stream, unless it takes nothing more. */
static void give_back(struct conn *c, struct stream *st, uint8_t flags, size_t size)
{
    if ((flags & NGHTTP2_FLAG_END_STREAM) != 0)
        return;
    if (st->paused)
        st->credit += size;
    else
        (void)nghttp2_session_consume_stream(c->session, (int32_t)st->head.id, size);
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t size, void *user)
{
    struct conn *c = (struct conn *)user;
    struct stream *st = find(c, id);
    enum lg_h2_reason why;

    (void)session;
    c->consumed += size;
    if (c->over || st == NULL)
        return 0;
    lg_h2_guard_progress(&c->guard);
    give_back(c, st, flags, size);
    st->body_bytes += size;
    if (st->content_length >= 0 && st->body_bytes > (uint64_t)st->content_length) {
        fault_stream(c, st, LG_H2_PROTOCOL_ERROR); /* The end need not be waited for. */
        return 0;
    }
    if (!st->callers)
        return 0;
    st->kept += size;
    c->guard.body_bytes += size;
    if (st->kept > c->guard.limits.body_bytes)
        why = LG_H2_OVER_body_bytes;
    else if (c->guard.body_bytes > c->guard.limits.connection_body_bytes)
        why = LG_H2_OVER_connection_body_bytes;
    else {
        c->head.handler->body(c->head.ctx, &st->head, lg_slice(data, size));
        return 0;
    }
    lg_h2_count(&c->head, why);
    fault_stream(c, st, LG_H2_ENHANCE_YOUR_CALM);
    return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
    struct conn *c = (struct conn *)user;
    struct stream *st = find(c, id);

    (void)session;
    if (st == NULL)
        return 0;
    tell_gone(c, st, code);
    if (st->end_due)
        lg_h2_guard_finished(&c->guard);
    close_stream(c, st);
    return 0;
}

/* --- What goes out --------------------------------------------------------------------------- */

static int on_sent_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct conn *c = (struct conn *)user;
    struct stream *st;

    switch (frame->hd.type) {
    case NGHTTP2_GOAWAY:
        if (frame->goaway.error_code != NGHTTP2_NO_ERROR && !c->over) {
            c->over = true;
            c->head.fault.code = frame->goaway.error_code;
            c->head.fault.text = lg_h2_error_name(frame->goaway.error_code);
        }
        break;
    case NGHTTP2_RST_STREAM:
        /* NO_ERROR ends answered requests, CANCEL is the caller's; the rest is the peer's doing. */
        if (frame->rst_stream.error_code != NGHTTP2_NO_ERROR &&
            frame->rst_stream.error_code != NGHTTP2_CANCEL &&
            !lg_h2_guard_spend(&c->guard, LG_H2_OVER_resets) && !c->over) {
            c->cut_due = true;
            c->cut_why = LG_H2_OVER_resets;
        }
        break;
    case NGHTTP2_HEADERS:
    case NGHTTP2_DATA:
        if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
            break;
        st = find(c, frame->hd.stream_id);
        if (st != NULL && !st->remote_end)
            (void)nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                            NGHTTP2_NO_ERROR);
        break;
    default:
        break;
    }
    return 0;
}

static void submit_trailers(struct conn *c, struct stream *st)
{
    nghttp2_nv few[LG_NGHTTP2_NVS_FEW], *nva;
    size_t count;

    nva = lg_nghttp2_nvs(&st->trailers, few, &count);
    (void)nghttp2_submit_trailer(c->session, (int32_t)st->head.id, nva, count);
    if (nva != few)
        lg_free(nva);
}

/* How many bytes the next DATA frame has; send_body, which comes next, puts them out. */
static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *buf, size_t size,
                         uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct conn *c = (struct conn *)user;
    struct stream *st = (struct stream *)source->ptr;
    size_t left = st->waiting.size - st->at, n = LG_MIN(size, left);

    (void)session, (void)id, (void)buf;
    if (n == 0 && !st->end_due)
        return NGHTTP2_ERR_DEFERRED;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (n == left && st->end_due) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (st->trailers_due) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            submit_trailers(c, st);
        }
    }
    return (ssize_t)n;
}

static int send_body(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head, size_t n,
                     nghttp2_data_source *source, void *user)
{
    struct conn *c = (struct conn *)user;
    struct stream *st = (struct stream *)source->ptr;

    (void)session;
    assert(frame->data.padlen == 0); /* It asks who wants padding, and we do not. */
    lg_buf_append(&c->out, head, LG_H2_FRAME_HEAD_BYTES);
    if (n > 0)
        lg_buf_append(&c->out, st->waiting.data + st->at, n);
    st->at += n;
    c->waiting_bytes -= n;
    if (st->at == st->waiting.size) {
        lg_buf_clear(&st->waiting);
        st->at = 0;
    }
    lg_h2_guard_sent(&c->guard);
    lg_h2_guard_moved(&c->guard);
    c->found = st; /* Its trailers are next. */
    return c->out.size < LG_H2_OUTPUT_BYTES ? 0 : NGHTTP2_ERR_PAUSE;
}

static void submit_head(struct conn *c, struct stream *st, const struct lg_h2_head *head,
                        bool with_body)
{
    nghttp2_data_provider provider = {.source = {.ptr = st}, .read_callback = read_body};
    nghttp2_nv few[LG_NGHTTP2_NVS_FEW], *nva;
    size_t count;

    nva = lg_nghttp2_nvs(head, few, &count);
    (void)nghttp2_submit_response(c->session, (int32_t)st->head.id, nva, count,
                                  with_body ? &provider : NULL);
    if (nva != few)
        lg_free(nva);
}

static void keep_trailers(struct stream *st, const struct lg_h2_head *trailers)
{
    st->trailers_due = true;
    st->trailers = *trailers;
    if (trailers->count > 0)
        st->trailers.fields = st->own_trailers =
            lg_nghttp2_fields_copy(trailers->fields, trailers->count);
}

static void watch_queue(struct conn *c)
{
    c->head.queued = c->waiting_bytes + c->out.size;
    if (c->head.queued > c->guard.limits.queue_bytes && !c->cut_due) {
        c->cut_due = true;
        c->cut_why = LG_H2_OVER_queue_bytes;
    }
}

static void append_body(struct conn *c, struct stream *st, const struct lg_slice *body,
                        size_t pieces)
{
    size_t before;

    if (c->cut_due)
        return;
    if (st->at > st->waiting.size / 2) {
        lg_buf_consume(&st->waiting, st->at);
        st->at = 0;
    }
    before = st->waiting.size;
    for (size_t i = 0; i < pieces; i++)
        lg_buf_append_slice(&st->waiting, body[i]);
    c->waiting_bytes += st->waiting.size - before;
    watch_queue(c);
    if (st->waiting.size - st->at >= LG_H2_STREAM_HIGH_BYTES)
        st->full_told = true;
}

static void ng_respond(struct lg_h2_stream *of, const struct lg_h2_head *head,
                       const struct lg_slice *body, size_t pieces,
                       const struct lg_h2_head *trailers)
{
    struct conn *c = conn_of(of->conn);
    struct stream *st = stream_of(of);

    assert(st->callers);
    append_body(c, st, body, pieces);
    if (trailers != NULL)
        keep_trailers(st, trailers);
    st->end_due = true;
    st->callers = false;
    submit_head(c, st, head, st->waiting.size > 0 || trailers != NULL);
}

static void ng_begin(struct lg_h2_stream *of, const struct lg_h2_head *head)
{
    submit_head(conn_of(of->conn), stream_of(of), head, /* with_body= */ true);
}

static void ng_write(struct lg_h2_stream *of, const struct lg_slice *body, size_t pieces)
{
    struct conn *c = conn_of(of->conn);

    assert(stream_of(of)->callers);
    append_body(c, stream_of(of), body, pieces);
    (void)nghttp2_session_resume_data(c->session, (int32_t)of->id);
}

static void ng_end(struct lg_h2_stream *of, const struct lg_h2_head *trailers)
{
    struct stream *st = stream_of(of);

    assert(st->callers);
    if (trailers != NULL)
        keep_trailers(st, trailers);
    st->end_due = true;
    st->callers = false;
    (void)nghttp2_session_resume_data(conn_of(of->conn)->session, (int32_t)of->id);
}

static void ng_reset(struct lg_h2_stream *of, uint32_t code)
{
    struct conn *c = conn_of(of->conn);

    stream_of(of)->callers = false;
    (void)nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, (int32_t)of->id, code);
}

static bool ng_is_full(const struct lg_h2_stream *of)
{
    const struct stream *st = LG_CONTAINER_OF(of, const struct stream, head);

    return st->waiting.size - st->at >= LG_H2_STREAM_HIGH_BYTES;
}

static void ng_release(struct lg_h2_stream *of, size_t n)
{
    struct stream *st = stream_of(of);

    n = LG_MIN(n, st->kept);
    st->kept -= n;
    conn_of(of->conn)->guard.body_bytes -= n;
}

static void ng_pause(struct lg_h2_stream *of, bool paused)
{
    struct stream *st = stream_of(of);

    st->paused = paused;
    if (paused || st->credit == 0)
        return;
    (void)nghttp2_session_consume_stream(conn_of(of->conn)->session, (int32_t)of->id, st->credit);
    st->credit = 0;
}

/* --- The port -------------------------------------------------------------------------------- */

static void drop_all(struct conn *c, uint32_t code)
{
    for (struct stream *st = c->streams; st != NULL; st = st->next) {
        tell_gone(c, st, code);
        st->end_due = false; /* Nothing of it is sent any more, not even an end. */
        lg_buf_done(&st->waiting);
        st->at = 0;
    }
    c->waiting_bytes = 0;
    c->head.queued = c->out.size;
}

static void pump(struct conn *c)
{
    const uint8_t *data;
    ssize_t n;

    while (c->out.size < LG_H2_OUTPUT_BYTES &&
           (n = nghttp2_session_mem_send(c->session, &data)) > 0)
        lg_buf_append(&c->out, data, (size_t)n);
}

/* The library refuses requests from when the frame is made, not from when it is asked for; what
 * came in one piece with the peer's word is served. */
static void drain(struct conn *c)
{
    c->draining = true;
    (void)nghttp2_submit_goaway(c->session, NGHTTP2_FLAG_NONE,
                                nghttp2_session_get_last_proc_stream_id(c->session),
                                NGHTTP2_NO_ERROR, NULL, 0);
    pump(c);
}

static bool settle(struct conn *c)
{
    if (c->drain_due && !c->draining)
        drain(c);
    pump(c);
    if (c->cut_due && !c->over) {
        cut(c, c->cut_why);
        pump(c);
    }
    watch_queue(c);
    if (c->over)
        drop_all(c, c->head.fault.code);
    return !c->over;
}

/* nghttp2 does not tell of frames that it does not know. */
static void scan(struct conn *c, struct lg_slice in)
{
    while (in.size > 0)
        if (lg_nghttp2_scan_next(&c->scan, &in) && c->scan.head[3] > LG_H2_CONTINUATION)
            (void)spend(c, LG_H2_OVER_idle_frames);
}

static bool ng_input(struct lg_h2 *h, struct lg_slice bytes)
{
    struct conn *c = conn_of(h);
    ssize_t n;

    if (c->over)
        return false;
    scan(c, bytes);
    n = nghttp2_session_mem_recv(c->session, bytes.data, bytes.size);
    if (c->consumed > 0)
        (void)nghttp2_session_consume_connection(c->session, c->consumed);
    c->consumed = 0;
    if (n < 0 && !c->over)
        (void)nghttp2_session_terminate_session(c->session, n == NGHTTP2_ERR_BAD_CLIENT_MAGIC
                                                                ? NGHTTP2_PROTOCOL_ERROR
                                                                : NGHTTP2_INTERNAL_ERROR);
    return settle(c);
}

static void tell_room(struct conn *c)
{
    for (struct stream *st = c->streams, *next; st != NULL; st = next) {
        next = st->next;
        if (!st->callers || !st->full_told ||
            st->waiting.size - st->at > LG_H2_STREAM_HIGH_BYTES / 2)
            continue;
        st->full_told = false;
        if (c->head.handler->room != NULL)
            c->head.handler->room(c->head.ctx, &st->head);
    }
}

static struct lg_slice ng_output(struct lg_h2 *h)
{
    struct conn *c = conn_of(h);

    if (settle(c)) {
        tell_room(c);
        pump(c);
    }
    c->head.queued = c->waiting_bytes + c->out.size;
    return lg_buf_slice(&c->out);
}

static void ng_sent(struct lg_h2 *h, size_t n)
{
    struct conn *c = conn_of(h);

    if (n == 0)
        return;
    lg_buf_consume(&c->out, n);
    c->head.queued = c->waiting_bytes + c->out.size;
    lg_h2_guard_moved(&c->guard);
}

static bool ng_tick(struct lg_h2 *h, uint64_t now_ms)
{
    struct conn *c = conn_of(h);
    bool partial = c->block_open || lg_nghttp2_scan_is_partial(&c->scan);
    enum lg_h2_reason why;

    if (!lg_h2_guard_tick(&c->guard, now_ms, c->waiting_bytes + c->out.size > 0, partial, &why))
        cut(c, why);
    else if (c->told && now_ms >= c->told_ms + LG_H2_SHUTDOWN_WAIT_MS)
        c->drain_due = true;
    return settle(c);
}

static void ng_shutdown(struct lg_h2 *h)
{
    struct conn *c = conn_of(h);

    if (c->over || c->told)
        return;
    c->told = true;
    c->told_ms = c->guard.now_ms;
    (void)nghttp2_submit_ping(c->session, NGHTTP2_FLAG_NONE, (const uint8_t *)LG_H2_SHUTDOWN_PING);
    (void)nghttp2_submit_shutdown_notice(c->session);
}

static bool ng_is_over(const struct lg_h2 *h)
{
    const struct conn *c = LG_CONTAINER_OF(h, const struct conn, head);

    return c->over || (c->draining && c->stream_count == 0) ||
           nghttp2_session_want_read(c->session) == 0;
}

static void ng_free(struct lg_h2 *h)
{
    struct conn *c = conn_of(h);

    c->over = true;
    drop_all(c, LG_H2_CANCEL);
    nghttp2_session_del(c->session);
    free_streams(c);
    lg_nghttp2_heads_done(&c->heads);
    lg_nghttp2_pool_done(&c->pool);
    lg_buf_done(&c->out);
    lg_free(c);
}

static const struct lg_h2_ops ops = {
    .name = "nghttp2",
    .free = ng_free,
    .input = ng_input,
    .output = ng_output,
    .sent = ng_sent,
    .tick = ng_tick,
    .shutdown = ng_shutdown,
    .is_over = ng_is_over,
    .respond = ng_respond,
    .begin = ng_begin,
    .write = ng_write,
    .end = ng_end,
    .reset = ng_reset,
    .is_full = ng_is_full,
    .release = ng_release,
    .pause = ng_pause,
};

/* Does nghttp2 judge requests before we do? */
static void open_session(struct conn *c, bool judged)
{
    nghttp2_session_callbacks *cb;
    nghttp2_option *option;
    int rc = nghttp2_session_callbacks_new(&cb);

    rc = rc == 0 ? nghttp2_option_new(&option) : rc;
    assert(rc == 0); /* They fail for want of some bytes only (ADR 0003). */
    nghttp2_session_callbacks_set_on_begin_frame_callback(cb, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback2(cb, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback2(cb, on_invalid_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(cb, on_invalid_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_sent_frame);
    nghttp2_session_callbacks_set_send_data_callback(cb, send_body);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_no_http_messaging(option, judged ? 0 : 1);
    /* Ours come first, and know no clock. */
    nghttp2_option_set_stream_reset_rate_limit(option, UINT64_MAX / 2, UINT64_MAX / 2);
    nghttp2_option_set_max_continuations(option, c->guard.limits.continuations + 16);
    nghttp2_option_set_max_outbound_ack(option,
                                        c->guard.limits.pings + c->guard.limits.settings + 16);
    rc = nghttp2_session_server_new3(&c->session, cb, c, option, &c->pool.mem);
    assert(rc == 0);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(cb);
}

static struct lg_h2 *conn_new(const struct lg_h2_options *o, bool judged)
{
    struct conn *c = lg_new(struct conn);
    uint32_t window = o->connection_window_bytes == 0 ? LG_H2_CONNECTION_WINDOW_DEFAULT
                                                      : o->connection_window_bytes;
    nghttp2_settings_entry settings[3];

    c->head = (struct lg_h2){.ops = &ops, .handler = o->handler, .ctx = o->ctx};
    c->head.fault.text = "";
    lg_h2_guard_init(&c->guard, &o->limits, o->now_ms);
    lg_nghttp2_heads_init(&c->heads, c->guard.limits.header_bytes, c->guard.limits.header_count);
    lg_nghttp2_pool_init(&c->pool);
    lg_nghttp2_scan_init(&c->scan);
    open_session(c, judged);
    settings[0] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
                                           (uint32_t)c->guard.limits.streams};
    settings[1] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,
                                           o->stream_window_bytes == 0 ? LG_H2_STREAM_WINDOW_DEFAULT
                                                                       : o->stream_window_bytes};
    settings[2] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
                                           (uint32_t)c->guard.limits.header_bytes};
    (void)nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings, 3);
    (void)nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0,
                                                (int32_t)LG_MAX(window, 65535u));
    return &c->head;
}

struct lg_h2 *lg_h2_nghttp2_new(const struct lg_h2_options *o)
{
    return conn_new(o, /* judged= */ false);
}

struct lg_h2 *lg_h2_nghttp2_new_judging(const struct lg_h2_options *o)
{
    return conn_new(o, /* judged= */ true);
}
