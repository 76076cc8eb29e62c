#include "drivers/nghttp2/http2_nghttp2.h"

#include "drivers/nghttp2/http2_nghttp2_impl.h"

static struct lg_nghttp2_conn *conn_of(struct lg_h2 *h)
{
    return LG_CONTAINER_OF(h, struct lg_nghttp2_conn, send.head);
}
static struct lg_nghttp2_stream *stream_of(struct lg_h2_stream *st)
{
    return LG_CONTAINER_OF(st, struct lg_nghttp2_stream, send.head);
}

void lg_nghttp2_cut(struct lg_nghttp2_conn *c, enum lg_h2_reason why)
{
    if (c->over)
        return;
    c->over = true;
    c->send.head.fault =
        (struct lg_h2_fault){LG_H2_ENHANCE_YOUR_CALM, true, why, lg_h2_reason_name(why)};
    lg_h2_count(&c->send.head, why);
    (void)nghttp2_session_terminate_session(c->session, NGHTTP2_ENHANCE_YOUR_CALM);
}

/* --- Streams --------------------------------------------------------------------------------- */

/* A stream that we closed is nghttp2's until its RST_STREAM is made, and may be another by then:
 * its memory waits, it is not freed. */
struct lg_nghttp2_stream *lg_nghttp2_find(struct lg_nghttp2_conn *c, int32_t id)
{
    if (c->found == NULL || c->found->send.head.id != (uint32_t)id)
        c->found = nghttp2_session_get_stream_user_data(c->session, id);
    if (c->found != NULL && (!c->found->live || c->found->send.head.id != (uint32_t)id))
        c->found = NULL;
    return c->found;
}

static struct lg_nghttp2_stream *open_stream(struct lg_nghttp2_conn *c, int32_t id, bool remote_end)
{
    struct lg_nghttp2_stream *st = c->free_streams;

    if (st != NULL)
        c->free_streams = st->next;
    else
        st = lg_new(struct lg_nghttp2_stream);
    lg_h2_sending_begin(&c->send, &st->send, (uint32_t)id);
    st->live = true;
    st->remote_end = remote_end;
    st->paused = false;
    st->content_length = -1;
    st->body_bytes = 0;
    st->kept = st->credit = 0;
    st->prev = NULL;
    st->next = c->streams;
    if (st->next != NULL)
        st->next->prev = st;
    c->streams = st;
    c->stream_count++;
    c->found = st;
    (void)nghttp2_session_set_stream_user_data(c->session, id, st);
    return st;
}

/* Its memory waits for another stream. */
static void close_stream(struct lg_nghttp2_conn *c, struct lg_nghttp2_stream *st)
{
    if (st->prev != NULL)
        st->prev->next = st->next;
    else
        c->streams = st->next;
    if (st->next != NULL)
        st->next->prev = st->prev;
    lg_h2_sending_drop(&c->send, &st->send);
    c->stream_count--;
    c->send.guard.body_bytes -= st->kept;
    st->live = false;
    st->next = c->free_streams;
    c->free_streams = st;
}

static void free_streams(struct lg_nghttp2_conn *c)
{
    struct lg_nghttp2_stream *st;

    while ((st = c->free_streams) != NULL) {
        c->free_streams = st->next;
        lg_h2_sending_done(&st->send);
        lg_free(st);
    }
}

void lg_nghttp2_end_stream(struct lg_nghttp2_conn *c, struct lg_nghttp2_stream *st, uint32_t code)
{
    (void)nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, (int32_t)st->send.head.id, code);
    lg_h2_sending_gone(&c->send, &st->send, code);
    if (st->live)
        close_stream(c, st);
}

/* A request that has not come whole is stopped: nobody reads it (RFC 9113, 8.1). */
static void sent_all(struct lg_h2_sender *s, struct lg_h2_sending *sending)
{
    struct lg_nghttp2_stream *st = LG_CONTAINER_OF(sending, struct lg_nghttp2_stream, send);

    lg_nghttp2_end_stream(LG_CONTAINER_OF(s, struct lg_nghttp2_conn, send), st,
                          st->remote_end ? LG_NGHTTP2_ANSWERED : LG_H2_NO_ERROR);
}

/* --- What comes in --------------------------------------------------------------------------- */

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *user)
{
    struct lg_nghttp2_conn *c = (struct lg_nghttp2_conn *)user;

    (void)session;
    if (c->over || !lg_nghttp2_spend(c, LG_H2_OVER_idle_frames))
        return 0;
    switch (hd->type) {
    case NGHTTP2_DATA:
        if (hd->length == 0 && (hd->flags & NGHTTP2_FLAG_END_STREAM) == 0)
            (void)lg_nghttp2_spend(c, LG_H2_OVER_empty_data);
        break;
    case NGHTTP2_PING:
        if ((hd->flags & NGHTTP2_FLAG_ACK) == 0)
            (void)lg_nghttp2_spend(c, LG_H2_OVER_pings);
        break;
    case NGHTTP2_SETTINGS:
        if ((hd->flags & NGHTTP2_FLAG_ACK) == 0)
            (void)lg_nghttp2_spend(c, LG_H2_OVER_settings);
        break;
    default:
        break;
    }
    if (!c->block_open)
        lg_h2_guard_whole(&c->send.guard);
    return 0;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct lg_nghttp2_conn *c = (struct lg_nghttp2_conn *)user;

    (void)session;
    if (c->known == NULL || c->known->hole)
        lg_h2_fields_begin(&c->fields, frame->headers.cat != NGHTTP2_HCAT_REQUEST);
    return 0;
}

static struct lg_slice string_of(nghttp2_rcbuf *s)
{
    nghttp2_vec v = nghttp2_rcbuf_get_buf(s);

    return lg_slice(v.base, v.len);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, nghttp2_rcbuf *name,
                     nghttp2_rcbuf *value, uint8_t flags, void *user)
{
    struct lg_nghttp2_conn *c = (struct lg_nghttp2_conn *)user;

    (void)session, (void)frame, (void)flags;
    if (!c->over)
        lg_h2_fields_add(&c->fields, string_of(name), string_of(value));
    return 0;
}

/* nghttp2, where it judges, would pass over such a field; the request is refused. */
static int on_invalid_header(nghttp2_session *session, const nghttp2_frame *frame,
                             nghttp2_rcbuf *name, nghttp2_rcbuf *value, uint8_t flags, void *user)
{
    struct lg_nghttp2_conn *c = (struct lg_nghttp2_conn *)user;

    (void)on_header(session, frame, name, value, flags, user);
    if (c->fields.verdict == LG_H2_FIELDS_GOOD)
        c->fields.verdict = LG_H2_FIELDS_MALFORMED;
    return 0;
}

/* An answer of our own, which no handler hears of. */
static void answer_431(struct lg_nghttp2_conn *c, int32_t id, bool ended, enum lg_h2_reason why)
{
    lg_h2_put_431(&c->send, (uint32_t)id, why);
    (void)nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, id,
                                    ended ? LG_NGHTTP2_ANSWERED : NGHTTP2_NO_ERROR);
    (void)lg_nghttp2_spend(c, LG_H2_OVER_resets);
}

/* The block that nghttp2 decoded: what is remembered may hold no longer. False: nothing may be
 * remembered of this one. */
bool lg_nghttp2_block_decoded(struct lg_nghttp2_conn *c)
{
    struct lg_slice block = c->block;

    c->block = LG_SLICE_NULL;
    return block.data != NULL && !lg_h2_memo_decoded(&c->memo, block);
}

/* The head that came: remembered, all but a grpc-timeout, or decoded. */
static enum lg_h2_verdict take_head(struct lg_nghttp2_conn *c, struct lg_h2_request *rq)
{
    struct lg_h2_memo_entry *known = c->known;
    struct lg_slice block = c->block;
    enum lg_h2_verdict verdict;

    c->known = NULL;
    if (LG_LIKELY(known != NULL)) {
        *rq = known->request;
        if (known->hole)
            rq->grpc_timeout = lg_h2_fields_timeout(&c->fields);
        return known->hole ? c->fields.verdict : LG_H2_FIELDS_GOOD;
    }
    verdict = lg_h2_fields_end(&c->fields, rq);
    if (lg_nghttp2_block_decoded(c) && verdict == LG_H2_FIELDS_GOOD && !c->judged &&
        c->fields.list_bytes + LG_H2_MEMO_HOLE_VALUE_MAX <= c->send.guard.limits.header_bytes)
        rq->memo = lg_h2_memo_offer(&c->memo, block, c->fields.timeout_at, rq);
    return verdict;
}

static void request_end(struct lg_nghttp2_conn *c, struct lg_nghttp2_stream *st,
                        const struct lg_http_headers *trailers)
{
    static const struct lg_http_headers none = {NULL, 0};

    st->remote_end = true;
    if (st->content_length >= 0 && (uint64_t)st->content_length != st->body_bytes)
        lg_nghttp2_end_stream(c, st, LG_H2_PROTOCOL_ERROR);
    else if (st->send.callers)
        c->send.head.handler->end(c->send.head.ctx, &st->send.head,
                                  trailers == NULL ? &none : trailers);
}

static void request_came(struct lg_nghttp2_conn *c, const nghttp2_frame *frame)
{
    bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    struct lg_h2_request rq;
    enum lg_h2_verdict verdict = take_head(c, &rq);
    struct lg_nghttp2_stream *st;

    if (verdict == LG_H2_FIELDS_MALFORMED ||
        (verdict == LG_H2_FIELDS_GOOD && end && rq.content_length > 0)) {
        (void)nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                        NGHTTP2_PROTOCOL_ERROR);
        return;
    }
    if (verdict != LG_H2_FIELDS_GOOD) {
        answer_431(c, frame->hd.stream_id, end,
                   verdict == LG_H2_FIELDS_OVER_BYTES ? LG_H2_OVER_header_bytes
                                                      : LG_H2_OVER_header_count);
        return;
    }
    st = open_stream(c, frame->hd.stream_id, end);
    lg_h2_guard_progress(&c->send.guard);
    c->send.head.requests++;
    st->content_length = rq.content_length;
    c->send.head.handler->request(c->send.head.ctx, &st->send.head, &rq);
    if (end && st->live)
        request_end(c, st, NULL);
}

static void trailers_came(struct lg_nghttp2_conn *c, const nghttp2_frame *frame)
{
    struct lg_nghttp2_stream *st = lg_nghttp2_find(c, frame->hd.stream_id);
    enum lg_h2_verdict verdict = lg_h2_fields_end(&c->fields, NULL);
    struct lg_http_headers trailers = {c->fields.headers, c->fields.count};

    (void)lg_nghttp2_block_decoded(c);
    if (st == NULL)
        return;
    if (verdict == LG_H2_FIELDS_OVER_BYTES || verdict == LG_H2_FIELDS_OVER_COUNT) {
        lg_h2_count(&c->send.head, verdict == LG_H2_FIELDS_OVER_BYTES ? LG_H2_OVER_header_bytes
                                                                      : LG_H2_OVER_header_count);
        lg_nghttp2_end_stream(c, st, LG_H2_ENHANCE_YOUR_CALM);
        return;
    }
    if (verdict != LG_H2_FIELDS_GOOD || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
        lg_nghttp2_end_stream(c, st, LG_H2_PROTOCOL_ERROR);
    else
        request_end(c, st, &trailers);
}

static void set_window(struct lg_nghttp2_conn *c, uint32_t value)
{
    int64_t by = (int64_t)value - c->send.peer_window;

    c->send.peer_window = value;
    for (struct lg_nghttp2_stream *st = c->streams; st != NULL && by != 0; st = st->next)
        if (!lg_h2_sending_widen(&c->send, &st->send, by)) {
            (void)nghttp2_session_terminate_session(c->session, NGHTTP2_FLOW_CONTROL_ERROR);
            return;
        }
}

/* Those that matter for answers; nghttp2 judged them, and acknowledges them at the next chance. */
static void settings_came(struct lg_nghttp2_conn *c, const nghttp2_settings *settings)
{
    c->settings_came = true;
    for (size_t i = 0; i < settings->niv; i++) {
        uint32_t value = settings->iv[i].value;

        switch (settings->iv[i].settings_id) {
        case NGHTTP2_SETTINGS_HEADER_TABLE_SIZE:
            c->table_least = c->table_due ? LG_MIN(c->table_least, value) : value;
            c->table_last = value;
            c->table_due = true;
            break;
        case NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE:
            set_window(c, value);
            break;
        case NGHTTP2_SETTINGS_MAX_FRAME_SIZE:
            lg_h2_sender_frame_size(&c->send, value);
            break;
        default:
            break;
        }
    }
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct lg_nghttp2_conn *c = (struct lg_nghttp2_conn *)user;
    struct lg_nghttp2_stream *st;

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
        st = lg_nghttp2_find(c, frame->hd.stream_id);
        if (st != NULL)
            request_end(c, st, NULL);
        break;
    case NGHTTP2_RST_STREAM:
        (void)lg_nghttp2_spend(c, LG_H2_OVER_resets);
        break;
    case NGHTTP2_SETTINGS:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0)
            settings_came(c, &frame->settings);
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
    struct lg_nghttp2_conn *c = (struct lg_nghttp2_conn *)user;

    (void)session, (void)frame;
    if (code == NGHTTP2_ERR_REFUSED_STREAM && !c->over)
        lg_h2_count(&c->send.head, LG_H2_OVER_streams);
    return 0;
}

/* Gives back the window of a stream, unless it takes nothing more. */
static void give_back(struct lg_nghttp2_conn *c, struct lg_nghttp2_stream *st, uint8_t flags,
                      size_t size)
{
    if ((flags & NGHTTP2_FLAG_END_STREAM) != 0)
        return;
    if (st->paused)
        st->credit += size;
    else
        (void)nghttp2_session_consume_stream(c->session, (int32_t)st->send.head.id, size);
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t size, void *user)
{
    struct lg_nghttp2_conn *c = (struct lg_nghttp2_conn *)user;
    struct lg_nghttp2_stream *st = lg_nghttp2_find(c, id);
    enum lg_h2_reason why;

    (void)session;
    c->consumed += size;
    if (c->over || st == NULL)
        return 0;
    lg_h2_guard_progress(&c->send.guard);
    give_back(c, st, flags, size);
    st->body_bytes += size;
    if (st->content_length >= 0 && st->body_bytes > (uint64_t)st->content_length) {
        lg_nghttp2_end_stream(c, st, LG_H2_PROTOCOL_ERROR); /* The end need not be waited for. */
        return 0;
    }
    if (!st->send.callers)
        return 0;
    st->kept += size;
    c->send.guard.body_bytes += size;
    if (st->kept > c->send.guard.limits.body_bytes)
        why = LG_H2_OVER_body_bytes;
    else if (c->send.guard.body_bytes > c->send.guard.limits.connection_body_bytes)
        why = LG_H2_OVER_connection_body_bytes;
    else {
        c->send.head.handler->body(c->send.head.ctx, &st->send.head, lg_slice(data, size));
        return 0;
    }
    lg_h2_count(&c->send.head, why);
    lg_nghttp2_end_stream(c, st, LG_H2_ENHANCE_YOUR_CALM);
    return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *user)
{
    struct lg_nghttp2_conn *c = (struct lg_nghttp2_conn *)user;
    struct lg_nghttp2_stream *st = lg_nghttp2_find(c, id);

    (void)session;
    if (st == NULL)
        return 0;
    lg_h2_sending_gone(&c->send, &st->send, code);
    if (st->live)
        close_stream(c, st);
    return 0;
}

/* --- What the caller asks for ---------------------------------------------------------------- */

static void ng_reset(struct lg_h2_stream *of, uint32_t code)
{
    struct lg_nghttp2_conn *c = conn_of(of->conn);

    stream_of(of)->send.callers = false;
    c->callers_resets += code != LG_H2_NO_ERROR;
    lg_nghttp2_end_stream(c, stream_of(of), code);
}

static void ng_release(struct lg_h2_stream *of, size_t n)
{
    struct lg_nghttp2_stream *st = stream_of(of);

    n = LG_MIN(n, st->kept);
    st->kept -= n;
    conn_of(of->conn)->send.guard.body_bytes -= n;
}

static void ng_pause(struct lg_h2_stream *of, bool paused)
{
    struct lg_nghttp2_stream *st = stream_of(of);

    st->paused = paused;
    if (paused || st->remote_end || st->credit == 0)
        return;
    (void)nghttp2_session_consume_stream(conn_of(of->conn)->session, (int32_t)of->id, st->credit);
    st->credit = 0;
}

/* --- The port -------------------------------------------------------------------------------- */

static void drop_all(struct lg_nghttp2_conn *c, uint32_t code)
{
    while (c->streams != NULL) {
        struct lg_nghttp2_stream *st = c->streams;

        lg_h2_sending_gone(&c->send, &st->send, code);
        if (st->live)
            close_stream(c, st);
    }
    c->send.head.queued = c->send.out.size;
}

/* A frame that nghttp2 made. False: it is not to be sent. */
static bool is_sent(struct lg_nghttp2_conn *c, struct lg_slice frame)
{
    const uint8_t *payload = frame.data + LG_H2_FRAME_HEAD_BYTES;
    uint32_t code;

    switch (frame.data[3]) {
    case LG_H2_RST_STREAM:
        code = lg_load_u32be(payload);
        if (code == LG_NGHTTP2_ANSWERED)
            return false;
        if (code == LG_H2_NO_ERROR) /* It ends a request that was answered before its end. */
            return true;
        if (c->callers_resets > 0) {
            c->callers_resets--;
            return true;
        }
        /* These two were counted as limits. */
        if (code != LG_H2_ENHANCE_YOUR_CALM && code != LG_H2_REFUSED_STREAM)
            lg_h2_count_fault(LG_H2_OF_STREAM, code);
        if (!lg_h2_guard_spend(&c->send.guard, LG_H2_OVER_resets) && !c->over) {
            c->send.cut_due = true;
            c->send.cut_why = LG_H2_OVER_resets;
        }
        return true;
    case LG_H2_GOAWAY:
        code = lg_load_u32be(payload + 4);
        if (code != LG_H2_NO_ERROR && !c->over) {
            c->over = true;
            c->send.head.fault.code = code;
            c->send.head.fault.text = lg_h2_error_name(code);
            lg_h2_count_fault(LG_H2_OF_CONNECTION, code);
        }
        return true;
    default:
        return true;
    }
}

/* What nghttp2 has to send: one frame at a time, and no answers. */
void lg_nghttp2_pump(struct lg_nghttp2_conn *c)
{
    const uint8_t *data;
    ssize_t n;

    while ((n = nghttp2_session_mem_send(c->session, &data)) > 0)
        if (is_sent(c, lg_slice(data, (size_t)n)))
            lg_buf_append(&c->send.out, data, (size_t)n);
    /* SETTINGS are acknowledged now: heads go by them from the next on (RFC 7541, 4.2). */
    if (c->table_due) {
        lg_h2_encoder_resize(&c->send.encoder, c->table_least);
        lg_h2_encoder_resize(&c->send.encoder, c->table_last);
        c->table_due = false;
    }
}

/* The library refuses requests from when the frame is made, not from when it is asked for; what
 * came in one piece with the peer's word is served. */
static void drain(struct lg_nghttp2_conn *c)
{
    c->draining = true;
    (void)nghttp2_submit_goaway(c->session, NGHTTP2_FLAG_NONE,
                                nghttp2_session_get_last_proc_stream_id(c->session),
                                NGHTTP2_NO_ERROR, NULL, 0);
    lg_nghttp2_pump(c);
}

static bool settle(struct lg_nghttp2_conn *c)
{
    if (c->drain_due && !c->draining)
        drain(c);
    lg_nghttp2_pump(c);
    if (c->send.cut_due && !c->over) {
        lg_nghttp2_cut(c, c->send.cut_why);
        lg_nghttp2_pump(c);
    }
    lg_h2_send_watch(&c->send);
    if (c->over)
        drop_all(c, c->send.head.fault.code);
    return !c->over;
}

static bool ng_input(struct lg_h2 *h, struct lg_slice bytes)
{
    struct lg_nghttp2_conn *c = conn_of(h);

    if (c->over)
        return false;
    lg_nghttp2_take(c, bytes);
    if (c->consumed > 0)
        (void)nghttp2_session_consume_connection(c->session, c->consumed);
    c->consumed = 0;
    return settle(c);
}

static struct lg_slice ng_output(struct lg_h2 *h)
{
    struct lg_nghttp2_conn *c = conn_of(h);

    if (settle(c) && c->send.wait_head != NULL) {
        lg_h2_send_flush(&c->send);
        lg_nghttp2_pump(c);
    }
    c->send.head.queued = c->send.waiting_bytes + c->send.out.size;
    return lg_buf_slice(&c->send.out);
}

static bool ng_tick(struct lg_h2 *h, uint64_t now_ms)
{
    struct lg_nghttp2_conn *c = conn_of(h);
    bool partial = c->block_open || lg_nghttp2_scan_is_partial(&c->scan);
    enum lg_h2_reason why;

    if (!lg_h2_guard_tick(&c->send.guard, now_ms, c->send.waiting_bytes + c->send.out.size > 0,
                          partial, &why))
        lg_nghttp2_cut(c, why);
    else if (c->told && now_ms >= c->told_ms + LG_H2_SHUTDOWN_WAIT_MS)
        c->drain_due = true;
    return settle(c);
}

static void ng_shutdown(struct lg_h2 *h)
{
    struct lg_nghttp2_conn *c = conn_of(h);

    if (c->over || c->told)
        return;
    c->told = true;
    c->told_ms = c->send.guard.now_ms;
    (void)nghttp2_submit_ping(c->session, NGHTTP2_FLAG_NONE, (const uint8_t *)LG_H2_SHUTDOWN_PING);
    (void)nghttp2_submit_shutdown_notice(c->session);
}

static bool ng_is_over(const struct lg_h2 *h)
{
    const struct lg_nghttp2_conn *c = LG_CONTAINER_OF(h, const struct lg_nghttp2_conn, send.head);

    return c->over || (c->draining && c->stream_count == 0) ||
           nghttp2_session_want_read(c->session) == 0;
}

static void ng_free(struct lg_h2 *h)
{
    struct lg_nghttp2_conn *c = conn_of(h);

    c->over = true;
    drop_all(c, LG_H2_CANCEL);
    nghttp2_session_del(c->session);
    free_streams(c);
    lg_h2_fields_done(&c->fields);
    lg_h2_memo_done(&c->memo);
    lg_buf_done(&c->payload);
    lg_nghttp2_pool_done(&c->pool);
    lg_h2_sender_done(&c->send);
    lg_free(c);
}

static const struct lg_h2_ops ops = {
    .name = "nghttp2",
    .free = ng_free,
    .input = ng_input,
    .output = ng_output,
    .sent = lg_h2_send_sent,
    .tick = ng_tick,
    .shutdown = ng_shutdown,
    .is_over = ng_is_over,
    .respond = lg_h2_send_respond,
    .begin = lg_h2_send_begin,
    .write = lg_h2_send_write,
    .end = lg_h2_send_end,
    .reset = ng_reset,
    .is_full = lg_h2_send_is_full,
    .release = ng_release,
    .pause = ng_pause,
};

static void open_session(struct lg_nghttp2_conn *c)
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
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_no_http_messaging(option, c->judged ? 0 : 1);
    /* Ours come first, and know no clock. */
    nghttp2_option_set_stream_reset_rate_limit(option, UINT64_MAX / 2, UINT64_MAX / 2);
    nghttp2_option_set_max_continuations(option, c->send.guard.limits.continuations + 16);
    nghttp2_option_set_max_outbound_ack(option, SIZE_MAX);
    rc = nghttp2_session_server_new3(&c->session, cb, c, option, &c->pool.mem);
    assert(rc == 0);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(cb);
}

static struct lg_h2 *conn_new(const struct lg_h2_options *o, bool judged)
{
    struct lg_nghttp2_conn *c = lg_new(struct lg_nghttp2_conn);
    uint32_t window = o->connection_window_bytes == 0 ? LG_H2_CONNECTION_WINDOW_DEFAULT
                                                      : o->connection_window_bytes;
    nghttp2_settings_entry settings[3];

    lg_h2_sender_init(&c->send, &ops, o);
    c->send.sent_all = sent_all;
    c->judged = judged;
    lg_h2_fields_init(&c->fields, c->send.guard.limits.header_bytes,
                      c->send.guard.limits.header_count);
    lg_nghttp2_pool_init(&c->pool);
    lg_nghttp2_scan_init(&c->scan);
    open_session(c);
    settings[0] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
                                           (uint32_t)c->send.guard.limits.streams};
    settings[1] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,
                                           o->stream_window_bytes == 0 ? LG_H2_STREAM_WINDOW_DEFAULT
                                                                       : o->stream_window_bytes};
    settings[2] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
                                           (uint32_t)c->send.guard.limits.header_bytes};
    (void)nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings, 3);
    (void)nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0,
                                                (int32_t)LG_MAX(window, 65535u));
    return &c->send.head;
}

struct lg_h2 *lg_h2_nghttp2_new(const struct lg_h2_options *o)
{
    return conn_new(o, /* judged= */ false);
}

struct lg_h2 *lg_h2_nghttp2_new_judging(const struct lg_h2_options *o)
{
    return conn_new(o, /* judged= */ true);
}
