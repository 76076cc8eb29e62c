#include "net/h2_send.h"

#define KEEP_BYTES_MAX ((size_t)16 << 10) /* of a buffer that a pooled stream keeps */
/* Larger frames than these win nothing and make other streams wait. */
#define FRAME_BYTES_MAX ((size_t)64 << 10)

/* --- Beginning and end ----------------------------------------------------------------------- */

void lg_h2_sender_init(struct lg_h2_sender *s, const struct lg_h2_ops *ops,
                       const struct lg_h2_options *o)
{
    s->head = (struct lg_h2){.ops = ops, .handler = o->handler, .ctx = o->ctx};
    s->head.fault.text = "";
    lg_h2_guard_init(&s->guard, &o->limits, o->now_ms);
    lg_h2_encoder_init(&s->encoder);
    s->send_window = s->peer_window = LG_H2_WINDOW_INITIAL;
    s->peer_frame = LG_H2_FRAME_BYTES_MAX;
}

void lg_h2_sender_done(struct lg_h2_sender *s)
{
    lg_buf_done(&s->out);
}

static void stop_waiting(struct lg_h2_sender *s, struct lg_h2_sending *st)
{
    if (!st->waiting)
        return;
    st->waiting = false;
    if (st->wait_next == st) {
        s->wait_head = NULL;
        return;
    }
    st->wait_prev->wait_next = st->wait_next;
    st->wait_next->wait_prev = st->wait_prev;
    if (s->wait_head == st)
        s->wait_head = st->wait_next;
}

static void start_waiting(struct lg_h2_sender *s, struct lg_h2_sending *st)
{
    if (st->waiting)
        return;
    st->waiting = true;
    if (s->wait_head == NULL) {
        s->wait_head = st->wait_next = st->wait_prev = st;
        return;
    }
    st->wait_next = s->wait_head;
    st->wait_prev = s->wait_head->wait_prev;
    st->wait_prev->wait_next = st;
    s->wait_head->wait_prev = st;
}

static void empty(struct lg_h2_sender *s, struct lg_h2_sending *st)
{
    s->waiting_bytes -= st->waiting_bytes.size - st->waiting_at;
    st->waiting_at = 0;
    if (st->waiting_bytes.capacity > KEEP_BYTES_MAX)
        lg_buf_done(&st->waiting_bytes);
    lg_buf_clear(&st->waiting_bytes);
}

void lg_h2_sending_drop_waiting(struct lg_h2_sender *s, struct lg_h2_sending *st)
{
    stop_waiting(s, st);
    empty(s, st);
    lg_buf_clear(&st->trailers);
}

void lg_h2_sending_done(struct lg_h2_sending *st)
{
    lg_buf_done(&st->waiting_bytes);
    lg_buf_done(&st->trailers);
}

void lg_h2_sending_gone(struct lg_h2_sender *s, struct lg_h2_sending *st, uint32_t code)
{
    if (!st->callers)
        return;
    st->callers = false;
    s->head.handler->gone(s->head.ctx, &st->head, code);
}

/* --- What the peer allows -------------------------------------------------------------------- */

bool lg_h2_sending_widen(struct lg_h2_sender *s, struct lg_h2_sending *st, int64_t by)
{
    if (st->send_window + by > LG_H2_WINDOW_MAX)
        return false;
    st->send_window += by;
    if (st->send_window > 0 && st->waiting_bytes.size > st->waiting_at)
        start_waiting(s, st);
    return true;
}

bool lg_h2_sender_widen(struct lg_h2_sender *s, uint32_t by)
{
    s->send_window += by;
    return s->send_window <= LG_H2_WINDOW_MAX;
}

void lg_h2_sender_frame_size(struct lg_h2_sender *s, uint32_t bytes)
{
    s->peer_frame = LG_MIN((size_t)bytes, FRAME_BYTES_MAX);
}

/* --- Frames ---------------------------------------------------------------------------------- */

uint8_t *lg_h2_put_frame(struct lg_h2_sender *s, size_t size, enum lg_h2_type type, unsigned flags,
                         uint32_t id)
{
    uint8_t *p = lg_buf_reserve(&s->out, LG_H2_FRAME_HEAD_BYTES + size);

    assert(p != NULL);
    lg_buf_commit(&s->out, LG_H2_FRAME_HEAD_BYTES + size);
    return lg_h2_frame_write(p, size, type, flags, id);
}

/* A header block that is already encoded, in frames of what the peer takes. */
static void put_block(struct lg_h2_sender *s, uint32_t id, struct lg_slice block, bool end)
{
    unsigned flags = end ? LG_H2_FLAG_END_STREAM : 0;
    enum lg_h2_type type = LG_H2_HEADERS;

    do {
        size_t n = LG_MIN(block.size, s->peer_frame);
        uint8_t *p;

        flags |= n == block.size ? LG_H2_FLAG_END_HEADERS : 0;
        p = lg_h2_put_frame(s, n, type, flags, id);
        if (n > 0)
            memcpy(p, block.data, n);
        block = lg_slice_skip(block, n);
        type = LG_H2_CONTINUATION;
        flags = 0;
    } while (block.size > 0);
}

void lg_h2_put_head(struct lg_h2_sender *s, uint32_t id, const struct lg_h2_head *head, bool end)
{
    struct lg_slice block = lg_h2_encode_ready(&s->encoder, head);
    size_t start = s->out.size, size;

    if (block.data != NULL) {
        put_block(s, id, block, end);
        return;
    }
    (void)lg_h2_put_frame(s, 0, LG_H2_HEADERS, 0, id);
    lg_h2_encode(&s->encoder, head, &s->out);
    size = s->out.size - start - LG_H2_FRAME_HEAD_BYTES;
    if (size <= s->peer_frame) {
        (void)lg_h2_frame_write(s->out.data + start, size, LG_H2_HEADERS,
                                LG_H2_FLAG_END_HEADERS | (end ? LG_H2_FLAG_END_STREAM : 0u), id);
        return;
    }
    {
        LG_SCOPED(lg_buf) copy = {0};

        lg_buf_append(&copy, s->out.data + start + LG_H2_FRAME_HEAD_BYTES, size);
        s->out.size = start;
        put_block(s, id, lg_buf_slice(&copy), end);
    }
}

void lg_h2_put_431(struct lg_h2_sender *s, uint32_t id, enum lg_h2_reason why)
{
    static const struct lg_http_header status = {{(const uint8_t *)":status", 7},
                                                 {(const uint8_t *)"431", 3}};
    struct lg_h2_head head = {NULL, &status, 1};

    lg_h2_count(&s->head, why);
    lg_h2_put_head(s, id, &head, /* end= */ true);
}

static uint8_t *put_bytes(uint8_t *p, struct lg_slice bytes)
{
    lg_copy_short(p, bytes.data, bytes.size);
    return p + bytes.size;
}

static void sent_body(struct lg_h2_sender *s, struct lg_h2_sending *st, size_t bytes)
{
    st->send_window -= (int64_t)bytes;
    s->send_window -= (int64_t)bytes;
    s->answers = true;
    lg_h2_guard_sent(&s->guard);
}

static void put_body(struct lg_h2_sender *s, struct lg_h2_sending *st, const struct lg_slice *body,
                     size_t pieces, size_t bytes, bool end)
{
    uint8_t *p =
        lg_h2_put_frame(s, bytes, LG_H2_DATA, end ? LG_H2_FLAG_END_STREAM : 0, st->head.id);

    for (size_t i = 0; i < pieces; i++)
        p = put_bytes(p, body[i]);
    sent_body(s, st, bytes);
}

/* --- The queue ------------------------------------------------------------------------------- */

static void finish(struct lg_h2_sender *s, struct lg_h2_sending *st)
{
    s->answers = true;
    lg_h2_guard_finished(&s->guard);
    s->sent_all(s, st);
}

static void put_waiting_trailers(struct lg_h2_sender *s, struct lg_h2_sending *st)
{
    LG_SCOPED(lg_buf) block = {0};

    lg_h2_encode_prefix(&s->encoder, &block);
    if (block.size == 0) {
        put_block(s, st->head.id, lg_buf_slice(&st->trailers), /* end= */ true);
        return;
    }
    lg_buf_append_slice(&block, lg_buf_slice(&st->trailers));
    put_block(s, st->head.id, lg_buf_slice(&block), /* end= */ true);
}

/* One frame of a waiting stream's body, or what ends it. */
static void flush_one(struct lg_h2_sender *s, struct lg_h2_sending *st)
{
    size_t waiting = st->waiting_bytes.size - st->waiting_at, n = LG_MIN(waiting, s->peer_frame);
    int64_t window = LG_MIN(s->send_window, st->send_window);
    bool last;

    n = window <= 0 ? 0 : (size_t)LG_MIN((int64_t)n, window);
    last = n == waiting && st->end_due;
    if (n == 0 && waiting > 0) {
        if (st->send_window <= 0)
            stop_waiting(s, st); /* Its window wakes it. */
        return;
    }
    if (n > 0 || !st->trailers_due) {
        unsigned flags = last && !st->trailers_due ? LG_H2_FLAG_END_STREAM : 0;
        uint8_t *p = lg_h2_put_frame(s, n, LG_H2_DATA, flags, st->head.id);

        if (n > 0)
            memcpy(p, st->waiting_bytes.data + st->waiting_at, n);
        st->waiting_at += n;
        s->waiting_bytes -= n;
        sent_body(s, st, n);
        lg_h2_guard_moved(&s->guard);
    }
    if (st->waiting_at < st->waiting_bytes.size)
        return;
    stop_waiting(s, st);
    empty(s, st);
    if (!last)
        return;
    if (st->trailers_due)
        put_waiting_trailers(s, st);
    finish(s, st);
}

static void tell_room(struct lg_h2_sender *s, struct lg_h2_sending *st)
{
    if (!st->callers || !st->full_told ||
        st->waiting_bytes.size - st->waiting_at > LG_H2_STREAM_HIGH_BYTES / 2)
        return;
    st->full_told = false;
    if (s->head.handler->room != NULL)
        s->head.handler->room(s->head.ctx, &st->head);
}

void lg_h2_send_flush(struct lg_h2_sender *s)
{
    while (s->wait_head != NULL && s->out.size < LG_H2_OUTPUT_BYTES) {
        struct lg_h2_sending *st = s->wait_head;
        size_t before = s->out.size;

        flush_one(s, st);
        if (s->out.size > before) {
            if (s->wait_head == st)
                s->wait_head = st->wait_next; /* By turns. */
            tell_room(s, st);
        } else if (st->waiting) {
            return; /* The connection's window is used up: for all of them. */
        }
    }
}

void lg_h2_send_watch(struct lg_h2_sender *s)
{
    s->head.queued = s->waiting_bytes + s->out.size;
    if (s->head.queued > s->guard.limits.queue_bytes && !s->cut_due) {
        s->cut_due = true;
        s->cut_why = LG_H2_OVER_queue_bytes;
    }
}

/* --- Answers --------------------------------------------------------------------------------- */

/* May so many bytes of body go straight into the output? */
static bool fits(const struct lg_h2_sender *s, const struct lg_h2_sending *st, size_t bytes)
{
    return st->waiting_bytes.size == 0 && bytes <= s->peer_frame &&
           (int64_t)bytes <= st->send_window && (int64_t)bytes <= s->send_window &&
           s->out.size < LG_H2_OUTPUT_BYTES;
}

static size_t sum(const struct lg_slice *body, size_t pieces)
{
    size_t bytes = 0;

    for (size_t i = 0; i < pieces; i++)
        bytes += body[i].size;
    return bytes;
}

void lg_h2_send_begin(struct lg_h2_stream *of, const struct lg_h2_head *head)
{
    lg_h2_put_head(lg_h2_sender_of(of->conn), of->id, head, /* end= */ false);
}

void lg_h2_send_write(struct lg_h2_stream *of, const struct lg_slice *body, size_t pieces)
{
    struct lg_h2_sender *s = lg_h2_sender_of(of->conn);
    struct lg_h2_sending *st = lg_h2_sending_of(of);
    size_t bytes = sum(body, pieces);

    assert(st->callers);
    if (bytes == 0 || s->cut_due)
        return;
    if (fits(s, st, bytes)) {
        put_body(s, st, body, pieces, bytes, /* end= */ false);
        return;
    }
    /* A stream that never runs dry would drag along all it ever sent. */
    if (st->waiting_at > st->waiting_bytes.size / 2) {
        lg_buf_consume(&st->waiting_bytes, st->waiting_at);
        st->waiting_at = 0;
    }
    for (size_t i = 0; i < pieces; i++)
        lg_buf_append_slice(&st->waiting_bytes, body[i]);
    s->waiting_bytes += bytes;
    start_waiting(s, st);
    if (st->waiting_bytes.size - st->waiting_at >= LG_H2_STREAM_HIGH_BYTES)
        st->full_told = true;
    lg_h2_send_watch(s);
}

void lg_h2_send_end(struct lg_h2_stream *of, const struct lg_h2_head *trailers)
{
    struct lg_h2_sender *s = lg_h2_sender_of(of->conn);
    struct lg_h2_sending *st = lg_h2_sending_of(of);

    assert(st->callers);
    st->callers = false;
    if (s->cut_due)
        return; /* Of what was written some was dropped: it must not look whole. */
    if (st->waiting_bytes.size == 0) {
        if (trailers != NULL)
            lg_h2_put_head(s, st->head.id, trailers, /* end= */ true);
        else
            put_body(s, st, NULL, 0, 0, /* end= */ true);
        finish(s, st);
        lg_h2_send_watch(s);
        return;
    }
    st->end_due = true;
    st->trailers_due = trailers != NULL;
    if (trailers != NULL)
        lg_h2_encode_plain(trailers, &st->trailers);
}

/* Head, body and trailers, as most answers are: the heads are ready, everything fits. False: they
 * are not, or it does not. */
static bool put_whole(struct lg_h2_sender *s, struct lg_h2_sending *st,
                      const struct lg_h2_head *head, const struct lg_slice *body, size_t pieces,
                      size_t bytes, const struct lg_h2_head *trailers)
{
    struct lg_slice first = lg_h2_encode_ready(&s->encoder, head), last;
    size_t all;
    uint8_t *p;

    if (first.data == NULL || bytes == 0 || trailers == NULL || !fits(s, st, bytes))
        return false;
    last = lg_h2_encode_ready(&s->encoder, trailers);
    if (last.data == NULL)
        return false;
    all = 3 * LG_H2_FRAME_HEAD_BYTES + first.size + bytes + last.size;
    p = lg_buf_reserve(&s->out, all);
    assert(p != NULL);
    p = lg_h2_frame_write(p, first.size, LG_H2_HEADERS, LG_H2_FLAG_END_HEADERS, st->head.id);
    p = put_bytes(p, first);
    p = lg_h2_frame_write(p, bytes, LG_H2_DATA, 0, st->head.id);
    for (size_t i = 0; i < pieces; i++)
        p = put_bytes(p, body[i]);
    p = lg_h2_frame_write(p, last.size, LG_H2_HEADERS,
                          LG_H2_FLAG_END_HEADERS | LG_H2_FLAG_END_STREAM, st->head.id);
    (void)put_bytes(p, last);
    lg_buf_commit(&s->out, all);
    sent_body(s, st, bytes);
    return true;
}

void lg_h2_send_respond(struct lg_h2_stream *of, const struct lg_h2_head *head,
                        const struct lg_slice *body, size_t pieces,
                        const struct lg_h2_head *trailers)
{
    struct lg_h2_sender *s = lg_h2_sender_of(of->conn);
    struct lg_h2_sending *st = lg_h2_sending_of(of);
    size_t bytes = sum(body, pieces);

    assert(st->callers);
    if (LG_LIKELY(put_whole(s, st, head, body, pieces, bytes, trailers))) {
        st->callers = false;
        finish(s, st);
        lg_h2_send_watch(s);
        return;
    }
    lg_h2_put_head(s, st->head.id, head, bytes == 0 && trailers == NULL);
    if (bytes > 0 && !fits(s, st, bytes)) {
        lg_h2_send_write(of, body, pieces);
        lg_h2_send_end(of, trailers);
        return;
    }
    st->callers = false;
    if (bytes > 0)
        put_body(s, st, body, pieces, bytes, trailers == NULL);
    if (trailers != NULL)
        lg_h2_put_head(s, st->head.id, trailers, /* end= */ true);
    finish(s, st);
    lg_h2_send_watch(s);
}

bool lg_h2_send_is_full(const struct lg_h2_stream *of)
{
    const struct lg_h2_sending *st = LG_CONTAINER_OF(of, const struct lg_h2_sending, head);

    return st->waiting_bytes.size - st->waiting_at >= LG_H2_STREAM_HIGH_BYTES;
}

void lg_h2_send_sent(struct lg_h2 *h, size_t n)
{
    struct lg_h2_sender *s = lg_h2_sender_of(h);

    if (n == 0)
        return;
    lg_buf_consume(&s->out, n);
    s->head.queued = s->waiting_bytes + s->out.size;
    /* Who lets answers wait is not the better reader for taking the acknowledgements of PINGs. */
    if (LG_LIKELY(s->answers || s->waiting_bytes == 0))
        lg_h2_guard_moved(&s->guard);
    s->answers = s->answers && s->out.size > 0;
}
