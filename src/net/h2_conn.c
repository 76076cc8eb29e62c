/* Our own HTTP/2 engine: what comes in, frame by frame. Streams and answers: h2_stream.c; heads of
 * requests: h2_head.c. Where RFC 9113 leaves the choice between a stream's error and the
 * connection's, a peer that cannot count its own frames loses the connection: so it cannot make us
 * reset streams at its pleasure. */
#include "net/h2_conn.h"

#include "net/h2_impl.h"

#define SETTINGS_ENTRIES_MAX 32u

void lg_h2_conn_fault(struct lg_h2_conn *c, uint32_t code, const char *text)
{
    size_t size = 8 + strlen(text);
    uint8_t *p;

    if (c->over)
        return;
    c->over = true;
    c->send.head.fault.code = code;
    c->send.head.fault.text = text;
    if (!c->send.head.fault.by_limit)
        lg_h2_count_fault(LG_H2_OF_CONNECTION, code);
    p = lg_h2_put_frame(&c->send, size, LG_H2_GOAWAY, 0, 0);
    lg_store_u32be(p, c->draining ? c->drain_id : c->last_id);
    lg_store_u32be(p + 4, code);
    memcpy(p + 8, text, size - 8);
}

void lg_h2_conn_cut(struct lg_h2_conn *c, enum lg_h2_reason why)
{
    if (c->over)
        return;
    c->send.head.fault.by_limit = true;
    c->send.head.fault.why = why;
    lg_h2_count(&c->send.head, why);
    lg_h2_conn_fault(c, LG_H2_ENHANCE_YOUR_CALM, lg_h2_reason_name(why));
}

/* --- Frames that came whole ------------------------------------------------------------------ */

static void fault_protocol(struct lg_h2_conn *c, const char *text)
{
    lg_h2_conn_fault(c, LG_H2_PROTOCOL_ERROR, text);
}

static bool set_window(struct lg_h2_conn *c, uint32_t value)
{
    int64_t by = (int64_t)value - c->send.peer_window;

    if (value > LG_H2_WINDOW_MAX) {
        lg_h2_conn_fault(c, LG_H2_FLOW_CONTROL_ERROR, "INITIAL_WINDOW_SIZE over 2^31-1");
        return false;
    }
    c->send.peer_window = value;
    for (size_t i = 0; by != 0 && i < LG_H2_BUCKETS; i++)
        for (struct lg_h2_str *st = c->buckets[i]; st != NULL; st = st->next)
            if (!lg_h2_sending_widen(&c->send, &st->send, by)) {
                lg_h2_conn_fault(c, LG_H2_FLOW_CONTROL_ERROR, "SETTINGS widen a window too far");
                return false;
            }
    return true;
}

static bool set_one(struct lg_h2_conn *c, unsigned id, uint32_t value)
{
    bool good = true;

    switch (id) {
    case LG_H2_SET_HEADER_TABLE_SIZE:
        lg_h2_encoder_resize(&c->send.encoder, value);
        break;
    case LG_H2_SET_INITIAL_WINDOW_SIZE:
        return set_window(c, value);
    case LG_H2_SET_MAX_FRAME_SIZE:
        good = value >= 16384 && value <= 16777215;
        if (good)
            lg_h2_sender_frame_size(&c->send, value);
        break;
    case LG_H2_SET_ENABLE_PUSH:
    case LG_H2_SET_ENABLE_CONNECT_PROTOCOL:
        good = value <= 1;
        break;
    case LG_H2_SET_NO_RFC7540_PRIORITIES:
        good = value <= 1 && (!c->priorities_said || c->priorities == value);
        c->priorities_said = true;
        c->priorities = value;
        break;
    default:
        break;
    }
    if (!good)
        fault_protocol(c, "a setting has a forbidden value");
    return good;
}

/* Our settings hold from now on: windows may be smaller than those that the peer had to assume. */
static void acknowledged(struct lg_h2_conn *c)
{
    int64_t by = (int64_t)c->stream_window - c->stream_window_now;

    if (c->acknowledged) {
        fault_protocol(c, "SETTINGS acknowledged that were not sent");
        return;
    }
    c->acknowledged = true;
    c->stream_window_now = c->stream_window;
    for (size_t i = 0; by != 0 && i < LG_H2_BUCKETS; i++)
        for (struct lg_h2_str *st = c->buckets[i]; st != NULL; st = st->next)
            st->receive_window += by;
}

static void settings_came(struct lg_h2_conn *c, struct lg_slice p)
{
    if ((c->frame.flags & LG_H2_FLAG_ACK) != 0) {
        acknowledged(c);
        return;
    }
    if (!lg_h2_conn_spend(c, LG_H2_OVER_settings))
        return;
    if (p.size / 6 > SETTINGS_ENTRIES_MAX) {
        lg_h2_conn_cut(c, LG_H2_OVER_settings);
        return;
    }
    for (size_t i = 0; i < p.size; i += 6)
        if (!set_one(c, (unsigned)p.data[i] << 8 | p.data[i + 1], lg_load_u32be(p.data + i + 2)))
            return;
    c->priorities_said = true; /* RFC 9218, 2.1: what the first SETTINGS did not say is 0. */
    (void)lg_h2_put_frame(&c->send, 0, LG_H2_SETTINGS, LG_H2_FLAG_ACK, 0);
}

static void put_ping(struct lg_h2_conn *c, uint8_t flags, const void *bytes)
{
    memcpy(lg_h2_put_frame(&c->send, 8, LG_H2_PING, flags, 0), bytes, 8);
}

static void put_goaway(struct lg_h2_conn *c, uint32_t last_id)
{
    uint8_t *p = lg_h2_put_frame(&c->send, 8, LG_H2_GOAWAY, 0, 0);

    lg_store_u32be(p, last_id);
    lg_store_u32be(p + 4, LG_H2_NO_ERROR);
}

/* What the peer sends from now on it sends against its knowledge. */
static void drain(struct lg_h2_conn *c)
{
    c->draining = true;
    c->drain_id = c->last_id;
    put_goaway(c, c->drain_id);
}

static void ping_came(struct lg_h2_conn *c, struct lg_slice p)
{
    if ((c->frame.flags & LG_H2_FLAG_ACK) != 0) {
        if (c->told && !c->draining && memcmp(p.data, LG_H2_SHUTDOWN_PING, 8) == 0)
            drain(c);
    } else if (lg_h2_conn_spend(c, LG_H2_OVER_pings)) {
        put_ping(c, LG_H2_FLAG_ACK, p.data);
    }
}

static bool is_idle(const struct lg_h2_conn *c, uint32_t id)
{
    return (id & 1) == 0 || id > c->last_id;
}

static void window_came(struct lg_h2_conn *c, struct lg_slice p)
{
    uint32_t by = lg_load_u32be(p.data) & 0x7fffffff, id = c->frame.stream;
    struct lg_h2_str *st;

    if (by < 16 && !lg_h2_conn_spend(c, LG_H2_OVER_small_windows))
        return;
    if (id != 0 && is_idle(c, id)) {
        fault_protocol(c, "WINDOW_UPDATE on an idle stream");
        return;
    }
    st = id == 0 ? NULL : lg_h2_str_find(c, id);
    if (id != 0 && st == NULL)
        return; /* It crossed the end of the answer. */
    if (by == 0) {
        fault_protocol(c, "WINDOW_UPDATE of 0");
        return;
    }
    if (st == NULL) {
        if (!lg_h2_sender_widen(&c->send, by))
            lg_h2_conn_fault(c, LG_H2_FLOW_CONTROL_ERROR, "a window over 2^31-1");
    } else if (!lg_h2_sending_widen(&c->send, &st->send, by)) {
        lg_h2_str_fault(c, st, LG_H2_FLOW_CONTROL_ERROR, /* blame= */ true);
    }
}

static void reset_came(struct lg_h2_conn *c, struct lg_slice p)
{
    struct lg_h2_str *st;

    if (is_idle(c, c->frame.stream)) {
        fault_protocol(c, "RST_STREAM on an idle stream");
        return;
    }
    if (!lg_h2_conn_spend(c, LG_H2_OVER_resets))
        return;
    st = lg_h2_str_find(c, c->frame.stream);
    if (st == NULL)
        return;
    if (st->send.callers) {
        st->send.callers = false;
        c->send.head.handler->gone(c->send.head.ctx, &st->send.head, lg_load_u32be(p.data));
    }
    if (st->live)
        lg_h2_str_close(c, st);
}

static void goaway_came(struct lg_h2_conn *c, struct lg_slice p)
{
    uint32_t id = lg_load_u32be(p.data) & 0x7fffffff;

    if ((id & 1) != 0 || id > c->goaway_max)
        fault_protocol(c, "GOAWAY with a stream that it cannot have");
    c->goaway_max = LG_MIN(c->goaway_max, id);
}

/* Strips padding and, of HEADERS, the priority. False: the connection is over. */
static bool strip(struct lg_h2_conn *c, struct lg_slice *p, bool *own_priority)
{
    size_t padding = 0;

    *own_priority = false;
    if ((c->frame.flags & LG_H2_FLAG_PADDED) != 0) {
        padding = p->data[0];
        *p = lg_slice_skip(*p, 1);
    }
    if ((c->frame.flags & LG_H2_FLAG_PRIORITY) != 0) {
        if (p->size < 5) {
            lg_h2_conn_fault(c, LG_H2_FRAME_SIZE_ERROR, "HEADERS shorter than its priority");
            return false;
        }
        *own_priority = (lg_load_u32be(p->data) & 0x7fffffff) == c->frame.stream;
        *p = lg_slice_skip(*p, 5);
    }
    if (padding > p->size) {
        fault_protocol(c, "HEADERS with more padding than frame");
        return false;
    }
    p->size -= padding;
    return true;
}

static bool keep_block(struct lg_h2_conn *c, struct lg_slice p)
{
    c->block_bytes += c->frame.size;
    if (c->block_bytes > c->send.guard.limits.header_block_bytes) {
        lg_h2_conn_cut(c, LG_H2_OVER_header_block_bytes);
        return false;
    }
    lg_buf_append_slice(&c->block, p);
    return true;
}

static void headers_came(struct lg_h2_conn *c, struct lg_slice p)
{
    bool own_priority = false;

    if (c->frame.flags & (LG_H2_FLAG_PADDED | LG_H2_FLAG_PRIORITY))
        if (!strip(c, &p, &own_priority))
            return;
    if (own_priority && c->frame.stream > c->last_id) {
        fault_protocol(c, "HEADERS that depend on themselves");
        return;
    }
    if (c->frame.size > c->send.guard.limits.header_block_bytes) {
        lg_h2_conn_cut(c, LG_H2_OVER_header_block_bytes);
        return;
    }
    if (LG_LIKELY((c->frame.flags & LG_H2_FLAG_END_HEADERS) != 0)) {
        lg_h2_conn_block(c, c->frame.stream, c->frame.flags, p);
        return;
    }
    lg_buf_clear(&c->block);
    c->block_stream = c->frame.stream;
    c->block_flags = c->frame.flags;
    c->continuations = 0;
    c->block_bytes = 0;
    (void)keep_block(c, p);
}

static void continuation_came(struct lg_h2_conn *c, struct lg_slice p)
{
    if (++c->continuations > c->send.guard.limits.continuations) {
        lg_h2_conn_cut(c, LG_H2_OVER_continuations);
        return;
    }
    if (!keep_block(c, p) || (c->frame.flags & LG_H2_FLAG_END_HEADERS) == 0)
        return;
    lg_h2_conn_block(c, c->block_stream, c->block_flags, lg_buf_slice(&c->block));
    c->block_stream = 0;
    lg_buf_clear(&c->block);
}

static void priority_came(struct lg_h2_conn *c, struct lg_slice p)
{
    if ((lg_load_u32be(p.data) & 0x7fffffff) == c->frame.stream)
        fault_protocol(c, "PRIORITY that depends on itself");
}

static void frame_came(struct lg_h2_conn *c, struct lg_slice p)
{
    if (LG_LIKELY(c->frame.type == LG_H2_HEADERS)) {
        headers_came(c, p);
        return;
    }
    switch (c->frame.type) {
    case LG_H2_CONTINUATION:
        continuation_came(c, p);
        break;
    case LG_H2_PRIORITY:
        priority_came(c, p);
        break;
    case LG_H2_RST_STREAM:
        reset_came(c, p);
        break;
    case LG_H2_SETTINGS:
        settings_came(c, p);
        break;
    case LG_H2_PING:
        ping_came(c, p);
        break;
    case LG_H2_GOAWAY:
        goaway_came(c, p);
        break;
    default:
        window_came(c, p);
        break;
    }
}

/* --- DATA ------------------------------------------------------------------------------------ */

static inline void data_begins(struct lg_h2_conn *c, const struct lg_h2_frame f)
{
    uint32_t id = f.stream;
    struct lg_h2_str *st = lg_h2_str_find(c, id);

    if (is_idle(c, id)) {
        fault_protocol(c, "DATA on an idle stream");
        return;
    }
    if (st == NULL) {
        uint32_t back = (c->last_id - id) / 2;

        if (back > 63 ? id > c->reset_max : (c->was_reset >> back & 1) == 0) {
            lg_h2_conn_fault(c, LG_H2_STREAM_CLOSED, "DATA on a closed stream");
            return;
        }
    } else if (st->remote_end) {
        lg_h2_conn_fault(c, LG_H2_STREAM_CLOSED, "DATA after the end of a request");
        return;
    }
    if (st != NULL && f.size == 0 && (f.flags & LG_H2_FLAG_PADDED) != 0) {
        lg_h2_conn_fault(c, LG_H2_FRAME_SIZE_ERROR, "DATA without the length of its padding");
        return;
    }
    c->receive_window -= f.size;
    if (c->receive_window < 0) {
        lg_h2_conn_fault(c, LG_H2_FLOW_CONTROL_ERROR, "DATA beyond the connection's window");
        return;
    }
    if (st != NULL) {
        st->receive_window -= f.size;
        if (st->receive_window < 0) {
            lg_h2_str_fault(c, st, LG_H2_FLOW_CONTROL_ERROR, /* blame= */ true);
            st = NULL;
        }
    }
    if (f.size == 0 && (f.flags & LG_H2_FLAG_END_STREAM) == 0 &&
        !lg_h2_conn_spend(c, LG_H2_OVER_empty_data))
        return;
    c->data_stream = st;
    c->left = f.size;
    c->padding = 0;
    c->pad_length_due = st != NULL && (f.flags & LG_H2_FLAG_PADDED) != 0;
    c->in = LG_H2_IN_DATA;
}

/* A reader keeps the bytes until it releases them: not too many. */
static bool keep_body(struct lg_h2_conn *c, struct lg_h2_str *st, size_t n)
{
    enum lg_h2_reason why;

    st->kept += n;
    c->send.guard.body_bytes += n;
    if (st->kept > c->send.guard.limits.body_bytes)
        why = LG_H2_OVER_body_bytes;
    else if (c->send.guard.body_bytes > c->send.guard.limits.connection_body_bytes)
        why = LG_H2_OVER_connection_body_bytes;
    else
        return true;
    lg_h2_count(&c->send.head, why);
    lg_h2_str_fault(c, st, LG_H2_ENHANCE_YOUR_CALM, /* blame= */ true);
    return false;
}

static void hand_on(struct lg_h2_conn *c, struct lg_slice bytes, bool last)
{
    struct lg_h2_str *st = c->data_stream;

    lg_h2_guard_progress(&c->send.guard);
    st->body_bytes += bytes.size;
    /* More than it said: the end need not be waited for. */
    if (st->content_length >= 0 && st->body_bytes > (uint64_t)st->content_length) {
        lg_h2_str_fault(c, st, LG_H2_PROTOCOL_ERROR, /* blame= */ true);
        return;
    }
    if (st->send.callers && !keep_body(c, st, bytes.size))
        return;
    st->remote_end = last;
    if (last && st->content_length >= 0 && (uint64_t)st->content_length != st->body_bytes) {
        lg_h2_str_fault(c, st, LG_H2_PROTOCOL_ERROR, /* blame= */ true);
        return;
    }
    if (st->send.callers)
        c->send.head.handler->body(c->send.head.ctx, &st->send.head, bytes);
}

static void data_ends(struct lg_h2_conn *c)
{
    struct lg_h2_str *st = c->data_stream;

    c->in = LG_H2_IN_HEAD;
    c->data_stream = NULL;
    /* Empty or discarded, the frame still used up window. */
    c->credit += c->frame.size;
    if (st == NULL)
        return;
    if ((c->frame.flags & LG_H2_FLAG_END_STREAM) != 0) {
        st->remote_end = true;
        lg_h2_conn_request_end(c, st, NULL);
        return;
    }
    lg_h2_str_credit(c, st, c->frame.size);
}

/* Takes what there is of a DATA frame; returns how much. */
static size_t data_came(struct lg_h2_conn *c, struct lg_slice in)
{
    size_t used = 0, n;

    if (LG_LIKELY(c->left > 0 && c->left <= in.size && c->padding == 0 && !c->pad_length_due)) {
        n = c->left;
        c->left = 0;
        if (c->data_stream != NULL)
            hand_on(c, lg_slice(in.data, n), (c->frame.flags & LG_H2_FLAG_END_STREAM) != 0);
        if (!c->over)
            data_ends(c);
        return n;
    }
    if (c->pad_length_due && in.size > 0) {
        c->pad_length_due = false;
        c->padding = in.data[0];
        c->left--;
        used = 1;
        if (c->padding > c->left) {
            fault_protocol(c, "DATA with more padding than frame");
            return used;
        }
        in = lg_slice_skip(in, 1);
    }
    n = c->left > c->padding ? c->left - c->padding : 0;
    n = LG_MIN(in.size, n);
    if (n > 0) {
        bool last = n == c->left && (c->frame.flags & LG_H2_FLAG_END_STREAM) != 0;

        if (c->data_stream != NULL)
            hand_on(c, lg_slice(in.data, n), last);
        c->left -= n;
        used += n;
        in = lg_slice_skip(in, n);
        if (c->over)
            return used;
    }
    if (c->left <= c->padding) {
        n = LG_MIN(in.size, c->left);
        c->left -= n;
        c->padding -= n;
        used += n;
    }
    if (c->left == 0 && !c->pad_length_due)
        data_ends(c);
    return used;
}

/* --- Bytes to frames ------------------------------------------------------------------------- */

/* What a frame's head tells about it: sizes and streams. NULL: all is well. */
static inline const char *judge_head(const struct lg_h2_frame *f, uint32_t *code)
{
    static const struct {
        bool on_stream, on_connection;
        uint32_t least, most; /* bytes */
    } rules[] = {
        [LG_H2_DATA] = {true, false, 0, UINT32_MAX},
        [LG_H2_HEADERS] = {true, false, 0, UINT32_MAX},
        [LG_H2_PRIORITY] = {true, false, 5, 5},
        [LG_H2_RST_STREAM] = {true, false, 4, 4},
        [LG_H2_SETTINGS] = {false, true, 0, UINT32_MAX},
        [LG_H2_PUSH_PROMISE] = {true, true, 0, UINT32_MAX},
        [LG_H2_PING] = {false, true, 8, 8},
        [LG_H2_GOAWAY] = {false, true, 8, UINT32_MAX},
        [LG_H2_WINDOW_UPDATE] = {true, true, 4, 4},
        [LG_H2_CONTINUATION] = {true, false, 0, UINT32_MAX},
    };
    bool padded = (f->flags & LG_H2_FLAG_PADDED) != 0 && f->type == LG_H2_HEADERS;

    *code = LG_H2_FRAME_SIZE_ERROR;
    if (f->size > LG_H2_FRAME_BYTES_MAX)
        return "a frame longer than SETTINGS_MAX_FRAME_SIZE";
    if (LG_LIKELY(f->type <= LG_H2_HEADERS && (f->stream & 1) != 0 && !padded))
        return NULL;
    if (f->type >= LG_ARRAY_SIZE(rules))
        return NULL;
    if (f->size < rules[f->type].least || f->size > rules[f->type].most || (padded && f->size == 0))
        return "a frame of a wrong length";
    if (f->type == LG_H2_SETTINGS &&
        ((f->flags & LG_H2_FLAG_ACK) != 0 ? f->size != 0 : f->size % 6 != 0))
        return "SETTINGS of a wrong length";
    *code = LG_H2_PROTOCOL_ERROR;
    if (f->stream == 0 ? !rules[f->type].on_connection : !rules[f->type].on_stream)
        return "a frame on a stream where it cannot be";
    if (f->type == LG_H2_PUSH_PROMISE)
        return "PUSH_PROMISE from a client";
    return f->type == LG_H2_HEADERS && (f->stream & 1) == 0 ? "HEADERS on an even stream" : NULL;
}

/* The first frame is SETTINGS, a head is continued at once, and nothing else is. */
static bool is_in_order(struct lg_h2_conn *c, const struct lg_h2_frame *f)
{
    if (!c->settings_came && (f->type != LG_H2_SETTINGS || (f->flags & LG_H2_FLAG_ACK) != 0)) {
        fault_protocol(c, "the first frame is not SETTINGS");
        return false;
    }
    c->settings_came = true;
    if (c->block_stream != 0 && (f->type != LG_H2_CONTINUATION || f->stream != c->block_stream)) {
        fault_protocol(c, "a header block is not continued");
        return false;
    }
    if (f->type == LG_H2_CONTINUATION && c->block_stream == 0) {
        fault_protocol(c, "CONTINUATION of nothing");
        return false;
    }
    return true;
}

static void head_came(struct lg_h2_conn *c, const uint8_t head[LG_H2_FRAME_HEAD_BYTES])
{
    const struct lg_h2_frame f = lg_h2_frame_read(head);
    const char *text;
    uint32_t code;

    c->frame = f;
    c->in_at = 0;
    if (LG_UNLIKELY(!c->settings_came || c->block_stream != 0 || f.type == LG_H2_CONTINUATION) &&
        !is_in_order(c, &f))
        return;
    text = judge_head(&f, &code);
    if (LG_UNLIKELY(text != NULL)) {
        lg_h2_conn_fault(c, code, text);
        return;
    }
    if (!lg_h2_conn_spend(c, LG_H2_OVER_idle_frames))
        return;
    if (c->block_stream == 0)
        lg_h2_guard_whole(&c->send.guard);
    if (f.type == LG_H2_DATA) {
        data_begins(c, f);
        return;
    }
    c->left = f.size;
    c->in = f.type > LG_H2_CONTINUATION ? LG_H2_IN_SKIP : LG_H2_IN_PAYLOAD;
}

/* Collects the payload if it is not whole in `in`; returns what was used. */
static size_t payload_came(struct lg_h2_conn *c, struct lg_slice in)
{
    size_t n = LG_MIN(in.size, c->left);

    if (LG_LIKELY(n == c->left && c->payload.size == 0)) {
        c->in = LG_H2_IN_HEAD;
        frame_came(c, lg_slice(in.data, n));
        return n;
    }
    lg_buf_append(&c->payload, in.data, n);
    c->left -= n;
    if (c->left == 0) {
        c->in = LG_H2_IN_HEAD;
        frame_came(c, lg_buf_slice(&c->payload));
        lg_buf_clear(&c->payload);
    }
    return n;
}

static size_t preface_came(struct lg_h2_conn *c, struct lg_slice in)
{
    static const char preface[] = LG_H2_PREFACE;
    size_t n = LG_MIN(in.size, LG_H2_PREFACE_BYTES - c->in_at);

    if (memcmp(in.data, preface + c->in_at, n) != 0) {
        fault_protocol(c, "no HTTP/2 connection preface");
        return n;
    }
    c->in_at += n;
    if (c->in_at == LG_H2_PREFACE_BYTES) {
        c->in = LG_H2_IN_HEAD;
        c->in_at = 0;
    }
    return n;
}

static size_t head_bytes_came(struct lg_h2_conn *c, struct lg_slice in)
{
    size_t n = LG_MIN(in.size, LG_H2_FRAME_HEAD_BYTES - c->in_at);

    if (LG_LIKELY(n == LG_H2_FRAME_HEAD_BYTES)) {
        head_came(c, in.data);
        return n;
    }
    memcpy(c->frame_head + c->in_at, in.data, n);
    c->in_at += n;
    if (c->in_at == LG_H2_FRAME_HEAD_BYTES)
        head_came(c, c->frame_head);
    return n;
}

static size_t take(struct lg_h2_conn *c, struct lg_slice in)
{
    size_t n;

    switch (c->in) {
    case LG_H2_IN_PREFACE:
        return preface_came(c, in);
    case LG_H2_IN_HEAD:
        return head_bytes_came(c, in);
    case LG_H2_IN_PAYLOAD:
        return payload_came(c, in);
    case LG_H2_IN_DATA:
        return data_came(c, in);
    case LG_H2_IN_SKIP:
        break;
    }
    n = LG_MIN(in.size, c->left);
    c->left -= n;
    if (c->left == 0)
        c->in = LG_H2_IN_HEAD;
    return n;
}

/* Is there something that can be taken without another byte? */
static bool is_due(const struct lg_h2_conn *c)
{
    return (c->in == LG_H2_IN_PAYLOAD || c->in == LG_H2_IN_SKIP ||
            (c->in == LG_H2_IN_DATA && !c->pad_length_due)) &&
           c->left == 0;
}

/* --- The port -------------------------------------------------------------------------------- */

/* What ended the connection outside of an event's reach is told now. */
static bool settle(struct lg_h2_conn *c)
{
    if (c->send.cut_due && !c->over)
        lg_h2_conn_cut(c, c->send.cut_why);
    if (!c->over)
        return true;
    lg_h2_str_drop_all(c, c->send.head.fault.code);
    c->send.head.queued = c->send.out.size;
    return false;
}

static bool own_input(struct lg_h2 *h, struct lg_slice bytes)
{
    struct lg_h2_conn *c = lg_h2_conn_of(h);

    while (!c->over && (bytes.size > 0 || is_due(c))) {
        size_t n = take(c, bytes);

        bytes = lg_slice(bytes.data + n, bytes.size - n);
    }
    if (c->credit >= c->window / 2 && !c->over) {
        lg_h2_put_window(c, 0, c->credit);
        c->receive_window += c->credit;
        c->credit = 0;
    }
    return settle(c);
}

static struct lg_slice own_output(struct lg_h2 *h)
{
    struct lg_h2_conn *c = lg_h2_conn_of(h);

    if (settle(c) && c->send.wait_head != NULL)
        lg_h2_send_flush(&c->send);
    c->send.head.queued = c->send.waiting_bytes + c->send.out.size;
    return lg_buf_slice(&c->send.out);
}

static bool own_tick(struct lg_h2 *h, uint64_t now_ms)
{
    struct lg_h2_conn *c = lg_h2_conn_of(h);
    bool partial =
        c->in != LG_H2_IN_HEAD || c->in_at > 0 || c->block_stream != 0 || !c->settings_came;
    enum lg_h2_reason why;

    /* A body may take its time. */
    if (c->in == LG_H2_IN_DATA)
        partial = false;
    if (!lg_h2_guard_tick(&c->send.guard, now_ms, c->send.waiting_bytes + c->send.out.size > 0,
                          partial, &why))
        lg_h2_conn_cut(c, why);
    else if (c->told && !c->draining && now_ms >= c->told_ms + LG_H2_SHUTDOWN_WAIT_MS)
        drain(c);
    return settle(c);
}

static void own_shutdown(struct lg_h2 *h)
{
    struct lg_h2_conn *c = lg_h2_conn_of(h);

    if (c->over || c->told)
        return;
    c->told = true;
    c->told_ms = c->send.guard.now_ms;
    put_ping(c, 0, LG_H2_SHUTDOWN_PING);
    put_goaway(c, 0x7fffffff);
}

static bool own_is_over(const struct lg_h2 *h)
{
    const struct lg_h2_conn *c = LG_CONTAINER_OF(h, const struct lg_h2_conn, send.head);

    return c->over || (c->draining && c->streams == 0);
}

static void own_free(struct lg_h2 *h)
{
    struct lg_h2_conn *c = lg_h2_conn_of(h);

    c->over = true;
    lg_h2_str_drop_all(c, LG_H2_CANCEL);
    lg_h2_str_free_all(c);
    c->hpack_ops->free(c->hpack);
    lg_h2_memo_done(&c->memo);
    lg_h2_fields_done(&c->fields);
    lg_buf_done(&c->payload);
    lg_buf_done(&c->block);
    lg_h2_sender_done(&c->send);
    lg_free(c);
}

static const struct lg_h2_ops ops = {
    .name = "lagoon",
    .free = own_free,
    .input = own_input,
    .output = own_output,
    .sent = lg_h2_send_sent,
    .tick = own_tick,
    .shutdown = own_shutdown,
    .is_over = own_is_over,
    .respond = lg_h2_send_respond,
    .begin = lg_h2_send_begin,
    .write = lg_h2_send_write,
    .end = lg_h2_send_end,
    .reset = lg_h2_own_reset,
    .is_full = lg_h2_send_is_full,
    .release = lg_h2_own_release,
    .pause = lg_h2_own_pause,
};

static uint8_t *put_setting(uint8_t *p, enum lg_h2_setting id, size_t value)
{
    p[0] = 0, p[1] = (uint8_t)id;
    lg_store_u32be(p + 2, (uint32_t)value);
    return p + 6;
}

struct lg_h2 *lg_h2_own_new(const struct lg_h2_options *o, const struct lg_hpack_ops *hpack)
{
    struct lg_h2_conn *c = lg_new(struct lg_h2_conn);
    uint8_t *p;

    lg_h2_sender_init(&c->send, &ops, o);
    c->send.sent_all = lg_h2_str_sent_all;
    c->hpack_ops = hpack;
    c->hpack = hpack->open();
    lg_h2_fields_init(&c->fields, c->send.guard.limits.header_bytes,
                      c->send.guard.limits.header_count);
    c->goaway_max = 0x7fffffff;
    c->window = LG_MAX(o->connection_window_bytes == 0 ? LG_H2_CONNECTION_WINDOW_DEFAULT
                                                       : o->connection_window_bytes,
                       (uint32_t)LG_H2_WINDOW_INITIAL);
    c->receive_window = c->window;
    c->stream_window =
        o->stream_window_bytes == 0 ? LG_H2_STREAM_WINDOW_DEFAULT : o->stream_window_bytes;
    /* Until the peer has seen our settings, it may go by those that all begin with. */
    c->stream_window_now = LG_MAX((int64_t)c->stream_window, LG_H2_WINDOW_INITIAL);
    p = lg_h2_put_frame(&c->send, 18, LG_H2_SETTINGS, 0, 0);
    p = put_setting(p, LG_H2_SET_MAX_CONCURRENT_STREAMS, c->send.guard.limits.streams);
    p = put_setting(p, LG_H2_SET_INITIAL_WINDOW_SIZE, c->stream_window);
    (void)put_setting(p, LG_H2_SET_MAX_HEADER_LIST_SIZE, c->send.guard.limits.header_bytes);
    if (c->window > LG_H2_WINDOW_INITIAL)
        lg_h2_put_window(c, 0, c->window - (uint32_t)LG_H2_WINDOW_INITIAL);
    return &c->send.head;
}
