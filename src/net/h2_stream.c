/* Streams of our own HTTP/2 engine and what they send. Streams are pooled: one that was closed
 * keeps its memory until the connection takes it for another request, which no event does, so a
 * pointer can be asked for `live` after an event. */
#include "net/h2_impl.h"

#define KEEP_BYTES_MAX ((size_t)16 << 10) /* of a buffer that a pooled stream keeps */

/* --- The table ------------------------------------------------------------------------------- */

struct lg_h2_str *lg_h2_str_open(struct lg_h2_conn *c, uint32_t id)
{
    struct lg_h2_str **bucket = &c->buckets[lg_h2_bucket_of(id)], *st = c->free_streams;

    if (st != NULL)
        c->free_streams = st->next;
    else
        st = lg_new(struct lg_h2_str);
    st->head = (struct lg_h2_stream){&c->head, id, NULL};
    st->live = st->callers = true;
    st->waiting = st->remote_end = st->end_due = st->full_told = st->paused = st->trailers_due =
        false;
    st->send_window = c->peer_window;
    st->receive_window = c->stream_window_now;
    st->credit = 0;
    st->content_length = -1;
    st->body_bytes = 0;
    st->kept = st->waiting_at = 0;
    st->next = *bucket;
    *bucket = st;
    c->streams++;
    return st;
}

static void stop_waiting(struct lg_h2_conn *c, struct lg_h2_str *st)
{
    if (!st->waiting)
        return;
    st->waiting = false;
    if (st->wait_next == st) {
        c->wait_head = NULL;
        return;
    }
    st->wait_prev->wait_next = st->wait_next;
    st->wait_next->wait_prev = st->wait_prev;
    if (c->wait_head == st)
        c->wait_head = st->wait_next;
}

static void start_waiting(struct lg_h2_conn *c, struct lg_h2_str *st)
{
    if (st->waiting)
        return;
    st->waiting = true;
    if (c->wait_head == NULL) {
        c->wait_head = st->wait_next = st->wait_prev = st;
        return;
    }
    st->wait_next = c->wait_head;
    st->wait_prev = c->wait_head->wait_prev;
    st->wait_prev->wait_next = st;
    c->wait_head->wait_prev = st;
}

static void empty(struct lg_h2_conn *c, struct lg_h2_str *st)
{
    c->waiting_bytes -= st->waiting_bytes.size - st->waiting_at;
    st->waiting_at = 0;
    if (st->waiting_bytes.capacity > KEEP_BYTES_MAX)
        lg_buf_done(&st->waiting_bytes);
    lg_buf_clear(&st->waiting_bytes);
}

void lg_h2_str_close(struct lg_h2_conn *c, struct lg_h2_str *st)
{
    struct lg_h2_str **at = &c->buckets[lg_h2_bucket_of(st->head.id)];

    stop_waiting(c, st);
    empty(c, st);
    lg_buf_clear(&st->trailers);
    c->guard.body_bytes -= st->kept;
    while (*at != st)
        at = &(*at)->next;
    *at = st->next;
    st->live = st->callers = false;
    st->next = c->free_streams;
    c->free_streams = st;
    c->streams--;
    if (c->data_stream == st)
        c->data_stream = NULL;
}

void lg_h2_str_free_all(struct lg_h2_conn *c)
{
    struct lg_h2_str *st;

    while ((st = c->free_streams) != NULL) {
        c->free_streams = st->next;
        lg_buf_done(&st->waiting_bytes);
        lg_buf_done(&st->trailers);
        lg_free(st);
    }
}

static void tell_gone(struct lg_h2_conn *c, struct lg_h2_str *st, uint32_t code)
{
    if (!st->callers)
        return;
    st->callers = false;
    c->head.handler->gone(c->head.ctx, &st->head, code);
}

void lg_h2_str_drop_all(struct lg_h2_conn *c, uint32_t code)
{
    for (size_t i = 0; i < LG_H2_BUCKETS; i++)
        while (c->buckets[i] != NULL) {
            struct lg_h2_str *st = c->buckets[i];

            tell_gone(c, st, code);
            if (st->live)
                lg_h2_str_close(c, st);
        }
}

/* --- Small frames ---------------------------------------------------------------------------- */

void lg_h2_put_reset(struct lg_h2_conn *c, uint32_t id, uint32_t code, bool ended)
{
    uint8_t *p = lg_buf_reserve(&c->out, LG_H2_FRAME_HEAD_BYTES + 4);

    assert(p != NULL);
    lg_store_u32be(lg_h2_frame_write(p, 4, LG_H2_RST_STREAM, 0, id), code);
    lg_buf_commit(&c->out, LG_H2_FRAME_HEAD_BYTES + 4);
    if (ended)
        return;
    if (c->last_id - id < 128)
        c->was_reset |= (uint64_t)1 << ((c->last_id - id) / 2);
    c->reset_max = LG_MAX(c->reset_max, id);
}

void lg_h2_put_window(struct lg_h2_conn *c, uint32_t id, uint32_t bytes)
{
    uint8_t *p = lg_buf_reserve(&c->out, LG_H2_FRAME_HEAD_BYTES + 4);

    assert(p != NULL);
    lg_store_u32be(lg_h2_frame_write(p, 4, LG_H2_WINDOW_UPDATE, 0, id), bytes);
    lg_buf_commit(&c->out, LG_H2_FRAME_HEAD_BYTES + 4);
}

void lg_h2_str_fault(struct lg_h2_conn *c, struct lg_h2_str *st, uint32_t code, bool blame)
{
    lg_h2_put_reset(c, st->head.id, code, st->remote_end);
    tell_gone(c, st, code);
    if (st->live)
        lg_h2_str_close(c, st);
    if (blame)
        (void)lg_h2_conn_spend(c, LG_H2_OVER_resets);
}

void lg_h2_str_credit(struct lg_h2_conn *c, struct lg_h2_str *st, size_t bytes)
{
    st->credit += (uint32_t)bytes;
    if (st->paused || st->remote_end || st->credit < c->stream_window / 2)
        return;
    lg_h2_put_window(c, st->head.id, st->credit);
    st->receive_window += st->credit;
    st->credit = 0;
}

bool lg_h2_str_widen(struct lg_h2_conn *c, struct lg_h2_str *st, int64_t by)
{
    if (st->send_window + by > LG_H2_WINDOW_MAX)
        return false;
    st->send_window += by;
    if (st->send_window > 0 && st->waiting_bytes.size > st->waiting_at)
        start_waiting(c, st);
    return true;
}

/* --- Answers --------------------------------------------------------------------------------- */

/* The answer is sent. A request that has not come whole is stopped: nobody reads it (8.1). */
static void sent_all(struct lg_h2_conn *c, struct lg_h2_str *st)
{
    lg_h2_guard_finished(&c->guard);
    if (!st->remote_end)
        lg_h2_put_reset(c, st->head.id, LG_H2_NO_ERROR, /* ended= */ false);
    lg_h2_str_close(c, st);
}

/* A header block that is already encoded, in frames of what the peer takes. */
static void put_block(struct lg_h2_conn *c, uint32_t id, struct lg_slice block, bool end)
{
    unsigned flags = end ? LG_H2_FLAG_END_STREAM : 0;
    enum lg_h2_type type = LG_H2_HEADERS;

    do {
        size_t n = LG_MIN(block.size, c->peer_frame);
        uint8_t *p = lg_buf_reserve(&c->out, LG_H2_FRAME_HEAD_BYTES + n);

        assert(p != NULL);
        flags |= n == block.size ? LG_H2_FLAG_END_HEADERS : 0;
        p = lg_h2_frame_write(p, n, type, flags, id);
        if (n > 0)
            memcpy(p, block.data, n);
        lg_buf_commit(&c->out, LG_H2_FRAME_HEAD_BYTES + n);
        block = lg_slice_skip(block, n);
        type = LG_H2_CONTINUATION;
        flags = 0;
    } while (block.size > 0);
}

static void put_head(struct lg_h2_conn *c, uint32_t id, const struct lg_h2_head *head, bool end)
{
    struct lg_slice block = lg_h2_encode_ready(&c->encoder, head);
    size_t start = c->out.size, size;
    uint8_t *p;

    if (block.data != NULL) {
        put_block(c, id, block, end);
        return;
    }
    p = lg_buf_reserve(&c->out, LG_H2_FRAME_HEAD_BYTES);
    assert(p != NULL);
    lg_buf_commit(&c->out, LG_H2_FRAME_HEAD_BYTES);
    lg_h2_encode(&c->encoder, head, &c->out);
    size = c->out.size - start - LG_H2_FRAME_HEAD_BYTES;
    if (size <= c->peer_frame) {
        (void)lg_h2_frame_write(c->out.data + start, size, LG_H2_HEADERS,
                                LG_H2_FLAG_END_HEADERS | (end ? LG_H2_FLAG_END_STREAM : 0u), id);
        return;
    }
    {
        LG_SCOPED(lg_buf) copy = {0};

        lg_buf_append(&copy, c->out.data + start + LG_H2_FRAME_HEAD_BYTES, size);
        c->out.size = start;
        put_block(c, id, lg_buf_slice(&copy), end);
    }
}

static void put_waiting_trailers(struct lg_h2_conn *c, struct lg_h2_str *st)
{
    LG_SCOPED(lg_buf) block = {0};

    lg_h2_encode_prefix(&c->encoder, &block);
    if (block.size == 0) {
        put_block(c, st->head.id, lg_buf_slice(&st->trailers), /* end= */ true);
        return;
    }
    lg_buf_append_slice(&block, lg_buf_slice(&st->trailers));
    put_block(c, st->head.id, lg_buf_slice(&block), /* end= */ true);
}

/* One frame of a waiting stream's body, or what ends it. */
static void flush_one(struct lg_h2_conn *c, struct lg_h2_str *st)
{
    size_t waiting = st->waiting_bytes.size - st->waiting_at, n = LG_MIN(waiting, c->peer_frame);
    int64_t window = LG_MIN(c->send_window, st->send_window);
    bool last;
    uint8_t *p;

    n = window <= 0 ? 0 : (size_t)LG_MIN((int64_t)n, window);
    last = n == waiting && st->end_due;
    if (n == 0 && waiting > 0) {
        if (st->send_window <= 0)
            stop_waiting(c, st); /* Its window wakes it. */
        return;
    }
    if (n > 0 || !st->trailers_due) {
        unsigned flags = last && !st->trailers_due ? LG_H2_FLAG_END_STREAM : 0;

        p = lg_buf_reserve(&c->out, LG_H2_FRAME_HEAD_BYTES + n);
        assert(p != NULL);
        p = lg_h2_frame_write(p, n, LG_H2_DATA, flags, st->head.id);
        if (n > 0)
            memcpy(p, st->waiting_bytes.data + st->waiting_at, n);
        lg_buf_commit(&c->out, LG_H2_FRAME_HEAD_BYTES + n);
        st->waiting_at += n;
        c->waiting_bytes -= n;
        st->send_window -= (int64_t)n;
        c->send_window -= (int64_t)n;
        lg_h2_guard_sent(&c->guard);
        lg_h2_guard_moved(&c->guard);
    }
    if (st->waiting_at < st->waiting_bytes.size)
        return;
    stop_waiting(c, st);
    empty(c, st);
    if (!last)
        return;
    if (st->trailers_due)
        put_waiting_trailers(c, st);
    sent_all(c, st);
}

static void tell_room(struct lg_h2_conn *c, struct lg_h2_str *st)
{
    if (!st->live || !st->callers || !st->full_told ||
        st->waiting_bytes.size - st->waiting_at > LG_H2_STREAM_HIGH_BYTES / 2)
        return;
    st->full_told = false;
    if (c->head.handler->room != NULL)
        c->head.handler->room(c->head.ctx, &st->head);
}

void lg_h2_str_flush(struct lg_h2_conn *c)
{
    while (c->wait_head != NULL && c->out.size < LG_H2_OUTPUT_BYTES) {
        struct lg_h2_str *st = c->wait_head;
        size_t before = c->out.size;

        flush_one(c, st);
        if (c->out.size > before) {
            if (c->wait_head == st)
                c->wait_head = st->wait_next; /* By turns. */
            tell_room(c, st);
        } else if (st->waiting) {
            return; /* The connection's window is used up: for all of them. */
        }
    }
}

/* May so many bytes of body go straight into the output? */
static bool fits(const struct lg_h2_conn *c, const struct lg_h2_str *st, size_t bytes)
{
    return st->waiting_bytes.size == 0 && bytes <= c->peer_frame &&
           (int64_t)bytes <= st->send_window && (int64_t)bytes <= c->send_window &&
           c->out.size < LG_H2_OUTPUT_BYTES;
}

static uint8_t *put_bytes(uint8_t *p, struct lg_slice s)
{
    lg_copy_short(p, s.data, s.size);
    return p + s.size;
}

static void sent_body(struct lg_h2_conn *c, struct lg_h2_str *st, size_t bytes)
{
    st->send_window -= (int64_t)bytes;
    c->send_window -= (int64_t)bytes;
    lg_h2_guard_sent(&c->guard);
}

static void put_body(struct lg_h2_conn *c, struct lg_h2_str *st, const struct lg_slice *body,
                     size_t pieces, size_t bytes, bool end)
{
    uint8_t *p = lg_buf_reserve(&c->out, LG_H2_FRAME_HEAD_BYTES + bytes);

    assert(p != NULL);
    p = lg_h2_frame_write(p, bytes, LG_H2_DATA, end ? LG_H2_FLAG_END_STREAM : 0, st->head.id);
    for (size_t i = 0; i < pieces; i++)
        p = put_bytes(p, body[i]);
    lg_buf_commit(&c->out, LG_H2_FRAME_HEAD_BYTES + bytes);
    sent_body(c, st, bytes);
}

static size_t sum(const struct lg_slice *body, size_t pieces)
{
    size_t bytes = 0;

    for (size_t i = 0; i < pieces; i++)
        bytes += body[i].size;
    return bytes;
}

static void watch_queue(struct lg_h2_conn *c)
{
    c->head.queued = c->waiting_bytes + c->out.size;
    if (c->head.queued > c->guard.limits.queue_bytes && !c->cut_due) {
        c->cut_due = true;
        c->cut_why = LG_H2_OVER_queue_bytes;
    }
}

void lg_h2_own_begin(struct lg_h2_stream *head_of, const struct lg_h2_head *head)
{
    put_head(lg_h2_conn_of(head_of->conn), head_of->id, head, /* end= */ false);
}

void lg_h2_own_write(struct lg_h2_stream *head_of, const struct lg_slice *body, size_t pieces)
{
    struct lg_h2_conn *c = lg_h2_conn_of(head_of->conn);
    struct lg_h2_str *st = lg_h2_str_of(head_of);
    size_t bytes = sum(body, pieces);

    assert(st->callers);
    if (bytes == 0 || c->cut_due)
        return;
    if (fits(c, st, bytes)) {
        put_body(c, st, body, pieces, bytes, /* end= */ false);
        return;
    }
    /* A stream that never runs dry would drag along all it ever sent. */
    if (st->waiting_at > st->waiting_bytes.size / 2) {
        lg_buf_consume(&st->waiting_bytes, st->waiting_at);
        st->waiting_at = 0;
    }
    for (size_t i = 0; i < pieces; i++)
        lg_buf_append_slice(&st->waiting_bytes, body[i]);
    c->waiting_bytes += bytes;
    start_waiting(c, st);
    if (st->waiting_bytes.size - st->waiting_at >= LG_H2_STREAM_HIGH_BYTES)
        st->full_told = true;
    watch_queue(c);
}

void lg_h2_own_end(struct lg_h2_stream *head_of, const struct lg_h2_head *trailers)
{
    struct lg_h2_conn *c = lg_h2_conn_of(head_of->conn);
    struct lg_h2_str *st = lg_h2_str_of(head_of);

    assert(st->callers);
    st->callers = false;
    if (st->waiting_bytes.size == 0) {
        if (trailers != NULL)
            put_head(c, st->head.id, trailers, /* end= */ true);
        else
            put_body(c, st, NULL, 0, 0, /* end= */ true);
        sent_all(c, st);
        watch_queue(c);
        return;
    }
    st->end_due = true;
    st->trailers_due = trailers != NULL;
    if (trailers != NULL)
        lg_h2_encode_plain(trailers, &st->trailers);
}

/* Head, body and trailers, as most answers are: the heads are ready, everything fits. False: they
 * are not, or it does not. */
static bool put_whole(struct lg_h2_conn *c, struct lg_h2_str *st, const struct lg_h2_head *head,
                      const struct lg_slice *body, size_t pieces, size_t bytes,
                      const struct lg_h2_head *trailers)
{
    struct lg_slice first = lg_h2_encode_ready(&c->encoder, head), last;
    size_t all;
    uint8_t *p;

    if (first.data == NULL || bytes == 0 || trailers == NULL || !fits(c, st, bytes))
        return false;
    last = lg_h2_encode_ready(&c->encoder, trailers);
    if (last.data == NULL)
        return false;
    all = 3 * LG_H2_FRAME_HEAD_BYTES + first.size + bytes + last.size;
    p = lg_buf_reserve(&c->out, all);
    assert(p != NULL);
    p = lg_h2_frame_write(p, first.size, LG_H2_HEADERS, LG_H2_FLAG_END_HEADERS, st->head.id);
    p = put_bytes(p, first);
    p = lg_h2_frame_write(p, bytes, LG_H2_DATA, 0, st->head.id);
    for (size_t i = 0; i < pieces; i++)
        p = put_bytes(p, body[i]);
    p = lg_h2_frame_write(p, last.size, LG_H2_HEADERS,
                          LG_H2_FLAG_END_HEADERS | LG_H2_FLAG_END_STREAM, st->head.id);
    (void)put_bytes(p, last);
    lg_buf_commit(&c->out, all);
    sent_body(c, st, bytes);
    return true;
}

void lg_h2_own_respond(struct lg_h2_stream *head_of, const struct lg_h2_head *head,
                       const struct lg_slice *body, size_t pieces,
                       const struct lg_h2_head *trailers)
{
    struct lg_h2_conn *c = lg_h2_conn_of(head_of->conn);
    struct lg_h2_str *st = lg_h2_str_of(head_of);
    size_t bytes = sum(body, pieces);

    assert(st->callers);
    if (LG_LIKELY(put_whole(c, st, head, body, pieces, bytes, trailers))) {
        st->callers = false;
        sent_all(c, st);
        watch_queue(c);
        return;
    }
    put_head(c, st->head.id, head, bytes == 0 && trailers == NULL);
    if (bytes > 0 && !fits(c, st, bytes)) {
        lg_h2_own_write(head_of, body, pieces);
        lg_h2_own_end(head_of, trailers);
        return;
    }
    st->callers = false;
    if (bytes > 0)
        put_body(c, st, body, pieces, bytes, trailers == NULL);
    if (trailers != NULL)
        put_head(c, st->head.id, trailers, /* end= */ true);
    sent_all(c, st);
    watch_queue(c);
}

void lg_h2_own_reset(struct lg_h2_stream *head_of, uint32_t code)
{
    struct lg_h2_str *st = lg_h2_str_of(head_of);

    st->callers = false;
    lg_h2_str_fault(lg_h2_conn_of(head_of->conn), st, code, /* blame= */ false);
}

bool lg_h2_own_is_full(const struct lg_h2_stream *head_of)
{
    const struct lg_h2_str *st = LG_CONTAINER_OF(head_of, const struct lg_h2_str, head);

    return st->waiting_bytes.size - st->waiting_at >= LG_H2_STREAM_HIGH_BYTES;
}

void lg_h2_own_release(struct lg_h2_stream *head_of, size_t n)
{
    struct lg_h2_str *st = lg_h2_str_of(head_of);

    n = LG_MIN(n, st->kept);
    st->kept -= n;
    lg_h2_conn_of(head_of->conn)->guard.body_bytes -= n;
}

void lg_h2_own_pause(struct lg_h2_stream *head_of, bool paused)
{
    struct lg_h2_str *st = lg_h2_str_of(head_of);

    st->paused = paused;
    if (!paused)
        lg_h2_str_credit(lg_h2_conn_of(head_of->conn), st, 0);
}
