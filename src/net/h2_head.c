/* Heads of requests in our own HTTP/2 engine: from a header block to the `request` event, by memory
 * or by decoding. Every block is decoded even when nobody wants its stream, because the table that
 * it may change is the connection's. */
#include "net/h2_impl.h"

/* Decodes into c->fields. *changed: the table did. False: the connection is over. */
static bool decode(struct lg_h2_conn *c, struct lg_slice block, bool trailers, bool *changed)
{
    struct lg_slice rest = block, name, value;
    enum lg_hpack_step step;

    lg_h2_fields_begin(&c->fields, trailers);
    while ((step = c->hpack_ops->next(c->hpack, &rest, &name, &value)) == LG_HPACK_FIELD)
        lg_h2_fields_add(&c->fields, name, value);
    if (step == LG_HPACK_BAD)
        lg_h2_conn_fault(c, LG_H2_COMPRESSION_ERROR, "a header block cannot be decoded");
    else
        *changed = lg_h2_memo_decoded(&c->memo, block);
    return step == LG_HPACK_END;
}

void lg_h2_conn_request_end(struct lg_h2_conn *c, struct lg_h2_str *st,
                            const struct lg_http_headers *trailers)
{
    static const struct lg_http_headers none = {NULL, 0};

    if (!st->live)
        return;
    if (st->content_length >= 0 && (uint64_t)st->content_length != st->body_bytes) {
        lg_h2_str_fault(c, st, LG_H2_PROTOCOL_ERROR, /* blame= */ true);
        return;
    }
    if (st->send.callers)
        c->send.head.handler->end(c->send.head.ctx, &st->send.head,
                                  trailers == NULL ? &none : trailers);
}

static void note_opened(struct lg_h2_conn *c, uint32_t id)
{
    uint32_t by = c->last_id == 0 ? 63 : (id - c->last_id) / 2;

    c->opened = (by > 63 ? 0 : c->opened << by) | 1;
    c->was_reset = by > 63 ? 0 : c->was_reset << by;
    c->last_id = id;
}

static void refuse(struct lg_h2_conn *c, uint32_t id, uint8_t flags, uint32_t code)
{
    lg_h2_put_reset(c, id, code, (flags & LG_H2_FLAG_END_STREAM) != 0);
    if (code != LG_H2_REFUSED_STREAM) /* That was counted as a limit. */
        lg_h2_count_fault(LG_H2_OF_STREAM, code);
    (void)lg_h2_conn_spend(c, LG_H2_OVER_resets);
}

/* An answer of our own, which no handler hears of. */
static void answer_431(struct lg_h2_conn *c, uint32_t id, uint8_t flags, enum lg_h2_reason why)
{
    lg_h2_put_431(&c->send, id, why);
    if ((flags & LG_H2_FLAG_END_STREAM) == 0)
        lg_h2_put_reset(c, id, LG_H2_NO_ERROR, /* ended= */ false);
    (void)lg_h2_conn_spend(c, LG_H2_OVER_resets);
}

static void hand_over(struct lg_h2_conn *c, uint32_t id, uint8_t flags,
                      const struct lg_h2_request *rq)
{
    struct lg_h2_str *st;

    if ((flags & LG_H2_FLAG_END_STREAM) != 0 && rq->content_length > 0) {
        refuse(c, id, flags, LG_H2_PROTOCOL_ERROR);
        return;
    }
    st = lg_h2_str_open(c, id);
    lg_h2_guard_progress(&c->send.guard);
    c->send.head.requests++;
    st->content_length = rq->content_length;
    st->remote_end = (flags & LG_H2_FLAG_END_STREAM) != 0;
    c->send.head.handler->request(c->send.head.ctx, &st->send.head, rq);
    if (st->live && st->remote_end)
        lg_h2_conn_request_end(c, st, NULL);
}

/* A head that came before. False: it did not. */
static bool by_memory(struct lg_h2_conn *c, uint32_t id, uint8_t flags, struct lg_slice block)
{
    struct lg_h2_hole hole;
    struct lg_h2_memo_entry *e = lg_h2_memo_find(&c->memo, block, &hole);
    struct lg_h2_request rq;

    if (e == NULL)
        return false;
    if (!e->hole) {
        hand_over(c, id, flags, &e->request);
        return true;
    }
    if (hole.huffman) {
        struct lg_slice name;

        /* The literal alone is a block; it changes nothing in the table. */
        if (c->hpack_ops->next(c->hpack, &hole.literal, &name, &hole.value) != LG_HPACK_FIELD)
            return lg_h2_conn_fault(c, LG_H2_COMPRESSION_ERROR, "a literal cannot be decoded"),
                   true;
    }
    rq = e->request;
    rq.grpc_timeout = hole.value;
    if (!lg_h2_value_ok(hole.value))
        refuse(c, id, flags, LG_H2_PROTOCOL_ERROR);
    else
        hand_over(c, id, flags, &rq);
    if (hole.huffman) {
        struct lg_slice name, value, rest = LG_SLICE_NULL;

        (void)c->hpack_ops->next(c->hpack, &rest, &name, &value);
    }
    return true;
}

static void by_decoding(struct lg_h2_conn *c, uint32_t id, uint8_t flags, struct lg_slice block,
                        bool wanted)
{
    struct lg_h2_request rq;
    bool changed;

    if (!decode(c, block, /* trailers= */ false, &changed) || !wanted)
        return;
    switch (lg_h2_fields_end(&c->fields, &rq)) {
    case LG_H2_FIELDS_GOOD:
        /* Before the event, so that the first request can set its word, too. What may stand in the
         * hole must not bring the head over its limit. */
        if (!changed &&
            c->fields.list_bytes + LG_H2_MEMO_HOLE_VALUE_MAX <= c->send.guard.limits.header_bytes)
            rq.memo = lg_h2_memo_offer(&c->memo, block, c->fields.timeout_at, &rq);
        hand_over(c, id, flags, &rq);
        break;
    case LG_H2_FIELDS_MALFORMED:
        refuse(c, id, flags, LG_H2_PROTOCOL_ERROR);
        break;
    case LG_H2_FIELDS_OVER_BYTES:
        answer_431(c, id, flags, LG_H2_OVER_header_bytes);
        break;
    case LG_H2_FIELDS_OVER_COUNT:
        answer_431(c, id, flags, LG_H2_OVER_header_count);
        break;
    }
}

static void trailers_came(struct lg_h2_conn *c, struct lg_h2_str *st, uint8_t flags,
                          struct lg_slice block)
{
    struct lg_http_headers trailers;
    enum lg_h2_verdict verdict;
    bool changed;

    if (!decode(c, block, /* trailers= */ true, &changed))
        return;
    verdict = lg_h2_fields_end(&c->fields, NULL);
    if (verdict == LG_H2_FIELDS_OVER_BYTES || verdict == LG_H2_FIELDS_OVER_COUNT) {
        lg_h2_count(&c->send.head, verdict == LG_H2_FIELDS_OVER_BYTES ? LG_H2_OVER_header_bytes
                                                                      : LG_H2_OVER_header_count);
        lg_h2_str_fault(c, st, LG_H2_ENHANCE_YOUR_CALM, /* blame= */ true);
        return;
    }
    if (verdict != LG_H2_FIELDS_GOOD || (flags & LG_H2_FLAG_END_STREAM) == 0) {
        lg_h2_str_fault(c, st, LG_H2_PROTOCOL_ERROR, /* blame= */ true);
        return;
    }
    st->remote_end = true;
    trailers = (struct lg_http_headers){c->fields.headers, c->fields.count};
    lg_h2_conn_request_end(c, st, &trailers);
}

/* HEADERS for a stream that is over, or was passed over. */
static void late_block(struct lg_h2_conn *c, uint32_t id, struct lg_slice block)
{
    uint32_t back = (c->last_id - id) / 2;
    bool reset = back > 63 ? id <= c->reset_max : (c->was_reset >> back & 1) != 0;

    if (!reset) {
        bool opened = back > 63 || (c->opened >> back & 1) != 0;

        lg_h2_conn_fault(c, opened ? LG_H2_STREAM_CLOSED : LG_H2_PROTOCOL_ERROR,
                         "HEADERS on a closed stream");
        return;
    }
    by_decoding(c, id, 0, block, /* wanted= */ false); /* They crossed our reset. */
}

void lg_h2_conn_block(struct lg_h2_conn *c, uint32_t id, uint8_t flags, struct lg_slice block)
{
    struct lg_h2_str *st;

    if (LG_LIKELY(id > c->last_id)) {
        if (c->draining && id > c->drain_id) {
            note_opened(c, id); /* What follows on it crossed our GOAWAY, too. */
            c->was_reset |= 1;
            c->reset_max = id;
            by_decoding(c, id, flags, block, /* wanted= */ false);
            return;
        }
        note_opened(c, id);
        if (c->streams >= c->send.guard.limits.streams) {
            lg_h2_count(&c->send.head, LG_H2_OVER_streams);
            by_decoding(c, id, flags, block, /* wanted= */ false);
            if (!c->over)
                refuse(c, id, flags, LG_H2_REFUSED_STREAM);
            return;
        }
        if (!by_memory(c, id, flags, block))
            by_decoding(c, id, flags, block, /* wanted= */ true);
        return;
    }
    st = lg_h2_str_find(c, id);
    if (st == NULL)
        late_block(c, id, block);
    else if (st->remote_end)
        lg_h2_conn_fault(c, LG_H2_STREAM_CLOSED, "HEADERS after the end of a request");
    else
        trailers_came(c, st, flags, block);
}
