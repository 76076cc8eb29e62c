/* The inside of our own HTTP/2 engine, for h2_conn.c (what comes in), h2_head.c (heads of requests)
 * and h2_stream.c (streams). What goes out: h2_send.h. One connection, one lane.
 *
 *     input:   PREFACE -> HEAD -> PAYLOAD (collected) -> HEAD ...
 *                          |  -> DATA (handed on as it comes) -> HEAD
 *                          |  -> SKIP (of no meaning here) -> HEAD
 *     any of them -> over: GOAWAY is the last thing in the output
 */
#ifndef LG_NET_H2_IMPL_H
#define LG_NET_H2_IMPL_H

#include "net/h2_memo.h"
#include "net/h2_request.h"
#include "net/h2_send.h"
#include "net/hpack.h"

#define LG_H2_BUCKETS 256u /* of streams by id; a power of two */

struct lg_h2_conn;

struct lg_h2_str {
    struct lg_h2_sending send;
    struct lg_h2_str *next; /* in its bucket, or in the list of free ones */
    bool live;
    bool remote_end; /* The peer's END_STREAM came. */
    bool paused;
    int64_t receive_window;
    uint32_t credit;        /* bytes taken from the peer that its window was not given back */
    int64_t content_length; /* -1: not said */
    uint64_t body_bytes;
    size_t kept; /* of them, by the caller */
};

enum lg_h2_input {
    LG_H2_IN_PREFACE,
    LG_H2_IN_HEAD,
    LG_H2_IN_PAYLOAD,
    LG_H2_IN_DATA,
    LG_H2_IN_SKIP
};

struct lg_h2_conn {
    struct lg_h2_sender send;
    const struct lg_hpack_ops *hpack_ops;
    struct lg_hpack *hpack;
    struct lg_h2_memo memo;
    struct lg_h2_fields fields;

    enum lg_h2_input in;
    struct lg_h2_frame frame; /* whose payload is being read */
    uint8_t frame_head[LG_H2_FRAME_HEAD_BYTES];
    size_t in_at;                  /* bytes of the preface or of frame_head that came */
    struct lg_buf payload;         /* collected of a frame that came in pieces */
    size_t left;                   /* bytes of the payload to come, padding included */
    size_t padding;                /* of them */
    bool pad_length_due;           /* DATA: the byte that tells it has not come. */
    struct lg_h2_str *data_stream; /* DATA: NULL when nobody wants it. */
    struct lg_buf block;           /* a head that is continued */
    uint32_t block_stream;         /* whose; 0: none */
    uint8_t block_flags;
    size_t block_bytes; /* as sent, of its frames */
    unsigned continuations;
    bool settings_came, acknowledged;

    bool over;
    bool told, draining; /* that it ends; that the peer knows */
    uint64_t told_ms;
    uint32_t last_id;    /* the highest request's */
    uint64_t opened;     /* bit i: id last_id - 2i was one */
    uint64_t was_reset;  /* bit i: it was reset by us before its end */
    uint32_t reset_max;  /* the highest id that we reset */
    uint32_t drain_id;   /* with `draining`: the last that is served */
    uint32_t goaway_max; /* the highest id in a GOAWAY of the peer so far */
    bool priorities_said;
    uint32_t priorities;

    struct lg_h2_str *buckets[LG_H2_BUCKETS];
    struct lg_h2_str *free_streams;
    size_t streams;

    int64_t receive_window;
    uint32_t credit;
    uint32_t window, stream_window; /* ours */
    int64_t stream_window_now;      /* what new streams begin with */
};

static inline struct lg_h2_conn *lg_h2_conn_of(struct lg_h2 *h)
{
    return LG_CONTAINER_OF(h, struct lg_h2_conn, send.head);
}
static inline struct lg_h2_str *lg_h2_str_of(struct lg_h2_stream *st)
{
    return LG_CONTAINER_OF(st, struct lg_h2_str, send.head);
}

/* --- h2_conn.c ------------------------------------------------------------------------------- */
/* GOAWAY, and the connection is over. Streams stay until events may be sent. */
void lg_h2_conn_fault(struct lg_h2_conn *c, uint32_t code, const char *text);
void lg_h2_conn_cut(struct lg_h2_conn *c, enum lg_h2_reason why);
/* False once the connection is cut for it. */
static inline bool lg_h2_conn_spend(struct lg_h2_conn *c, enum lg_h2_reason what)
{
    if (LG_LIKELY(lg_h2_guard_spend(&c->send.guard, what)))
        return true;
    lg_h2_conn_cut(c, what);
    return false;
}

/* --- h2_head.c ------------------------------------------------------------------------------- */
/* A whole header block of a stream came. */
void lg_h2_conn_block(struct lg_h2_conn *c, uint32_t id, uint8_t flags, struct lg_slice block);
/* The request ended: `end` or, when its length is not what it said, a reset. */
void lg_h2_conn_request_end(struct lg_h2_conn *c, struct lg_h2_str *st,
                            const struct lg_http_headers *trailers);

/* --- h2_stream.c ----------------------------------------------------------------------------- */
static inline size_t lg_h2_bucket_of(uint32_t id)
{
    return (id >> 1) & (LG_H2_BUCKETS - 1);
}
static inline struct lg_h2_str *lg_h2_str_find(const struct lg_h2_conn *c, uint32_t id)
{
    struct lg_h2_str *st = c->buckets[lg_h2_bucket_of(id)];

    while (st != NULL && st->send.head.id != id)
        st = st->next;
    return st;
}
struct lg_h2_str *lg_h2_str_open(struct lg_h2_conn *c, uint32_t id);
/* Takes it out of the connection; its memory stays with the connection. */
void lg_h2_str_close(struct lg_h2_conn *c, struct lg_h2_str *st);
void lg_h2_str_free_all(struct lg_h2_conn *c);
/* RST_STREAM. `blame`: for a mistake of the peer, which its budget pays. The caller is told `gone`
 * when the stream is its. */
void lg_h2_str_fault(struct lg_h2_conn *c, struct lg_h2_str *st, uint32_t code, bool blame);
/* The same for an id without a stream. Not `ended`: frames of it may still be under way. */
void lg_h2_put_reset(struct lg_h2_conn *c, uint32_t id, uint32_t code, bool ended);
void lg_h2_put_window(struct lg_h2_conn *c, uint32_t id, uint32_t bytes);
/* Bytes of a body were taken: its stream's window is given back when half of it is used up. */
void lg_h2_str_credit(struct lg_h2_conn *c, struct lg_h2_str *st, size_t bytes);
/* Tells `gone` to all callers' streams and closes all. */
void lg_h2_str_drop_all(struct lg_h2_conn *c, uint32_t code);

/* Of the sender: the stream is closed. */
void lg_h2_str_sent_all(struct lg_h2_sender *s, struct lg_h2_sending *st);

void lg_h2_own_reset(struct lg_h2_stream *st, uint32_t code);
void lg_h2_own_release(struct lg_h2_stream *st, size_t n);
void lg_h2_own_pause(struct lg_h2_stream *st, bool paused);

#endif
