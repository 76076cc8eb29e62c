/* The peer's bytes on their way to nghttp2, frame by frame. */
#include "drivers/nghttp2/http2_nghttp2_impl.h"

static void feed(struct lg_nghttp2_conn *c, const uint8_t *from, const uint8_t *to)
{
    ssize_t n;

    if (from == to || c->over)
        return;
    n = nghttp2_session_mem_recv(c->session, from, (size_t)(to - from));
    if (n < 0 && !c->over)
        (void)nghttp2_session_terminate_session(c->session, n == NGHTTP2_ERR_BAD_CLIENT_MAGIC
                                                                ? NGHTTP2_PROTOCOL_ERROR
                                                                : NGHTTP2_INTERNAL_ERROR);
}

/* A window of the peer's grows. nghttp2 does not hear of it: it does not know what we send, and
 * would see the window grow without end. */
static void window_came(struct lg_nghttp2_conn *c, uint32_t id, uint32_t by)
{
    struct lg_nghttp2_stream *st = id == 0 ? NULL : lg_nghttp2_find(c, (int32_t)id);
    nghttp2_error_code fault = NGHTTP2_NO_ERROR;

    by &= 0x7fffffff;
    if (nghttp2_session_want_read(c->session) == 0 ||
        !lg_nghttp2_spend(c, LG_H2_OVER_idle_frames) ||
        (by < 16 && !lg_nghttp2_spend(c, LG_H2_OVER_small_windows)))
        return;
    lg_h2_guard_whole(&c->send.guard);
    if (id != 0 && ((id & 1) == 0 || id > c->last_id))
        fault = NGHTTP2_PROTOCOL_ERROR; /* It is idle. */
    else if (id != 0 && st == NULL)
        return; /* It crossed the end of the answer. */
    else if (by == 0)
        fault = NGHTTP2_PROTOCOL_ERROR;
    else if (st == NULL && !lg_h2_sender_widen(&c->send, by))
        fault = NGHTTP2_FLOW_CONTROL_ERROR;
    else if (st != NULL && !lg_h2_sending_widen(&c->send, &st->send, by))
        lg_nghttp2_end_stream(c, st, LG_H2_FLOW_CONTROL_ERROR);
    if (fault != NGHTTP2_NO_ERROR)
        (void)nghttp2_session_terminate_session(c->session, fault);
}

/* HEADERS that came whole. A head that is known nghttp2 gets without its block, or with the
 * grpc-timeout only, for the stream's sake. */
static void headers_came(struct lg_nghttp2_conn *c, struct lg_h2_frame f, struct lg_slice block)
{
    struct lg_h2_hole hole = {LG_SLICE_NULL, LG_SLICE_NULL, false};
    uint8_t bare[LG_H2_FRAME_HEAD_BYTES];

    if (f.size > c->send.guard.limits.header_block_bytes) {
        lg_nghttp2_cut(c, LG_H2_OVER_header_block_bytes);
        return;
    }
    if (f.stream > c->last_id)
        c->known = lg_h2_memo_find(&c->memo, block, &hole);
    if (LG_LIKELY(c->known != NULL)) {
        (void)lg_h2_frame_write(bare, hole.literal.size, LG_H2_HEADERS, f.flags, f.stream);
        feed(c, bare, bare + sizeof bare);
        if (hole.literal.size > 0)
            feed(c, hole.literal.data, hole.literal.data + hole.literal.size);
    } else {
        c->block = block;
        feed(c, c->scan.head, c->scan.head + LG_H2_FRAME_HEAD_BYTES);
        feed(c, block.data, block.data + block.size);
        (void)lg_nghttp2_block_decoded(c);
    }
    c->known = NULL; /* Nobody may have wanted it. */
    c->last_id = LG_MAX(c->last_id, f.stream);
}

static void frame_came(struct lg_nghttp2_conn *c, struct lg_slice payload)
{
    struct lg_h2_frame f = lg_h2_frame_read(c->scan.head);

    if (LG_LIKELY(f.type == LG_H2_HEADERS))
        headers_came(c, f, payload);
    else
        window_came(c, f.stream, lg_load_u32be(payload.data));
}

/* Is it a frame that we have to see whole before nghttp2 does, if ever? */
static bool is_ours(const struct lg_nghttp2_conn *c, struct lg_h2_frame f)
{
    const unsigned flags = LG_H2_FLAG_END_HEADERS | LG_H2_FLAG_PADDED | LG_H2_FLAG_PRIORITY;

    if (c->block_open || !c->settings_came)
        return false; /* That is a fault, or goes on with one frame. */
    if (LG_LIKELY(f.type == LG_H2_HEADERS))
        return (f.flags & flags) == LG_H2_FLAG_END_HEADERS && f.size <= LG_H2_MEMO_BLOCK_MAX &&
               !c->judged;
    return f.type == LG_H2_WINDOW_UPDATE && f.size == 4;
}

/* A frame begins; all before it was fed, if its kind needs that. */
static void frame_begins(struct lg_nghttp2_conn *c, struct lg_h2_frame f)
{
    if (c->ack_due)
        lg_nghttp2_pump(c); /* What follows may be answered by the new settings, and must follow. */
    if (f.type > LG_H2_CONTINUATION) /* Of those that it does not know nghttp2 tells nothing. */
        (void)lg_nghttp2_spend(c, LG_H2_OVER_idle_frames);
}

/* HEADERS or CONTINUATION that nghttp2 decodes as they come: they may change the table. It does not
 * tell of those that it passes over. */
static void block_comes(struct lg_nghttp2_conn *c, struct lg_h2_frame f)
{
    lg_h2_memo_forget(&c->memo);
    if (f.type == LG_H2_HEADERS) {
        c->last_id = LG_MAX(c->last_id, f.stream);
        c->block_bytes = c->continuations = 0;
    } else if (++c->continuations > c->send.guard.limits.continuations) {
        lg_nghttp2_cut(c, LG_H2_OVER_continuations);
    }
    c->block_bytes += f.size;
    c->block_open = (f.flags & LG_H2_FLAG_END_HEADERS) == 0;
    /* A frame that is longer than any may be is another fault, which nghttp2 finds. */
    if (c->block_bytes > c->send.guard.limits.header_block_bytes && f.size <= LG_H2_FRAME_BYTES_MAX)
        lg_nghttp2_cut(c, LG_H2_OVER_header_block_bytes);
}

/* DATA that nobody wants: nghttp2 passes over it without a word. */
static void stray_data_comes(struct lg_nghttp2_conn *c, struct lg_h2_frame f)
{
    if (lg_nghttp2_spend(c, LG_H2_OVER_idle_frames) && f.size == 0 &&
        (f.flags & LG_H2_FLAG_END_STREAM) == 0)
        (void)lg_nghttp2_spend(c, LG_H2_OVER_empty_data);
}

/* Gives nghttp2 the frames, but for what it is not to see. The head of a frame is held back until
 * it is whole; what else can be is given in one piece. */
void lg_nghttp2_take(struct lg_nghttp2_conn *c, struct lg_slice in)
{
    const uint8_t *fed = in.data, *end = in.data + in.size;

    while (in.size > 0 && !c->over) {
        size_t held = c->scan.at;
        struct lg_h2_frame f;
        bool is_stray;

        if (c->collecting) {
            size_t n = LG_MIN(in.size, c->scan.left);

            lg_buf_append(&c->payload, in.data, n);
            c->scan.left -= n;
            in = lg_slice_skip(in, n);
            fed = end - in.size;
            c->collecting = c->scan.left > 0;
            if (!c->collecting)
                frame_came(c, lg_buf_slice(&c->payload));
            continue;
        }
        if (!lg_nghttp2_scan_next(&c->scan, &in)) {
            end -= c->scan.at - held;
            break;
        }
        f = lg_h2_frame_read(c->scan.head);
        is_stray = f.type == LG_H2_DATA && lg_nghttp2_find(c, (int32_t)f.stream) == NULL;
        if (f.type == LG_H2_HEADERS || f.type >= LG_H2_WINDOW_UPDATE || held > 0 || c->ack_due ||
            is_stray) {
            const uint8_t *head = end - in.size - (LG_H2_FRAME_HEAD_BYTES - held);

            feed(c, fed, head);
            fed = head;
            frame_begins(c, f);
        }
        c->ack_due = f.type == LG_H2_SETTINGS;
        if (is_ours(c, f)) {
            fed = end - in.size;
            if (LG_LIKELY(f.size <= in.size)) {
                c->scan.left = 0;
                in = lg_slice_skip(in, f.size);
                frame_came(c, lg_slice(fed, f.size));
                fed += f.size;
            } else {
                c->collecting = true;
                lg_buf_clear(&c->payload);
            }
            continue;
        }
        if (f.type == LG_H2_HEADERS || f.type == LG_H2_CONTINUATION)
            block_comes(c, f);
        else if (is_stray && lg_nghttp2_find(c, (int32_t)f.stream) == NULL)
            stray_data_comes(c, f);
        if (held > 0) {
            feed(c, c->scan.head, c->scan.head + LG_H2_FRAME_HEAD_BYTES);
            fed = end - in.size;
        }
    }
    feed(c, fed, end);
}
