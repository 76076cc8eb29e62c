/* Answers of an HTTP/2 connection as bytes: what both engines of net/http2.h send, so that they
 * differ only in how they read. It has the peer's windows, the heads (net/h2_encode.h) and the
 * queue; the engine tells it of the peer's settings and of windows that grow, and closes streams
 * when it is told that all of an answer went out. One per connection, on its lane.
 *
 *     respond --(fits)--------------------> output
 *     begin, write, end -(does not)-> queue -(flush, by turns, a frame each)-> output
 */
#ifndef LG_NET_H2_SEND_H
#define LG_NET_H2_SEND_H

#include "net/h2_encode.h"
#include "net/h2_frame.h"
#include "net/h2_guard.h"

struct lg_h2_sending { /* Of a stream: the head that every engine embeds first. */
    struct lg_h2_stream head;
    struct lg_h2_sending *wait_next, *wait_prev; /* the ring of those that have something to send */
    bool waiting;
    bool callers; /* The caller may still use it. */
    bool end_due; /* The answer is complete, but not sent. */
    bool full_told;
    bool trailers_due; /* `trailers` follow what waits. */
    int64_t send_window;
    struct lg_buf waiting_bytes;
    size_t waiting_at;
    struct lg_buf trailers;
};

struct lg_h2_sender { /* Of a connection: the head that every engine embeds first. */
    struct lg_h2 head;
    struct lg_h2_guard guard;
    struct lg_h2_encoder encoder;
    /* All of the answer is in the output: the engine closes the stream. */
    void (*sent_all)(struct lg_h2_sender *s, struct lg_h2_sending *st);
    bool cut_due; /* by cut_why, at the next chance for events */
    enum lg_h2_reason cut_why;
    struct lg_h2_sending *wait_head; /* next to be served; the ring is closed */
    int64_t send_window;
    int64_t peer_window; /* the peer's SETTINGS_INITIAL_WINDOW_SIZE */
    size_t peer_frame;   /* its SETTINGS_MAX_FRAME_SIZE */
    struct lg_buf out;
    bool answers;         /* Some of `out` is of answers. */
    size_t waiting_bytes; /* in all streams */
};

static inline struct lg_h2_sender *lg_h2_sender_of(struct lg_h2 *h)
{
    return LG_CONTAINER_OF(h, struct lg_h2_sender, head);
}
static inline struct lg_h2_sending *lg_h2_sending_of(struct lg_h2_stream *st)
{
    return LG_CONTAINER_OF(st, struct lg_h2_sending, head);
}

void lg_h2_sender_init(struct lg_h2_sender *s, const struct lg_h2_ops *ops,
                       const struct lg_h2_options *o);
void lg_h2_sender_done(struct lg_h2_sender *s);
/* A stream begins, and is the caller's. Memory that it has from before is used again. */
static inline void lg_h2_sending_begin(struct lg_h2_sender *s, struct lg_h2_sending *st,
                                       uint32_t id)
{
    st->head = (struct lg_h2_stream){&s->head, id, NULL};
    st->callers = true;
    st->waiting = st->end_due = st->full_told = st->trailers_due = false;
    st->send_window = s->peer_window;
}
/* What lg_h2_sending_drop does with a stream that waits. */
void lg_h2_sending_drop_waiting(struct lg_h2_sender *s, struct lg_h2_sending *st);
/* It is over: nothing of it is sent any more. */
static inline void lg_h2_sending_drop(struct lg_h2_sender *s, struct lg_h2_sending *st)
{
    st->callers = st->end_due = false;
    if (LG_UNLIKELY(st->waiting_bytes.size > 0 || st->trailers_due))
        lg_h2_sending_drop_waiting(s, st);
}
/* Frees its memory; after a drop. */
void lg_h2_sending_done(struct lg_h2_sending *st);
/* Tells the caller that the stream is gone, when it is the caller's. */
void lg_h2_sending_gone(struct lg_h2_sender *s, struct lg_h2_sending *st, uint32_t code);

/* --- What the peer allows -------------------------------------------------------------------- */
/* The peer's window of a stream grew by `by` (negative: it shrank). False: beyond 2^31-1. */
LG_MUST_CHECK bool lg_h2_sending_widen(struct lg_h2_sender *s, struct lg_h2_sending *st,
                                       int64_t by);
/* The connection's grew. False: beyond 2^31-1. */
LG_MUST_CHECK bool lg_h2_sender_widen(struct lg_h2_sender *s, uint32_t by);
/* The peer's SETTINGS_MAX_FRAME_SIZE, which is a valid one. */
void lg_h2_sender_frame_size(struct lg_h2_sender *s, uint32_t bytes);

/* --- What goes out --------------------------------------------------------------------------- */
/* Room in the output for a frame, whose head is written: what follows it. */
uint8_t *lg_h2_put_frame(struct lg_h2_sender *s, size_t size, enum lg_h2_type type, unsigned flags,
                         uint32_t id);
void lg_h2_put_head(struct lg_h2_sender *s, uint32_t id, const struct lg_h2_head *head, bool end);
/* An answer of our own to a head that is over a limit, which is counted; no handler hears of it. */
void lg_h2_put_431(struct lg_h2_sender *s, uint32_t id, enum lg_h2_reason why);
/* Sends of the waiting streams what windows and output take. */
void lg_h2_send_flush(struct lg_h2_sender *s);
/* Notes what is queued; too much of it cuts the connection at the next chance. */
void lg_h2_send_watch(struct lg_h2_sender *s);

/* Of struct lg_h2_ops. */
void lg_h2_send_respond(struct lg_h2_stream *st, const struct lg_h2_head *head,
                        const struct lg_slice *body, size_t pieces,
                        const struct lg_h2_head *trailers);
void lg_h2_send_begin(struct lg_h2_stream *st, const struct lg_h2_head *head);
void lg_h2_send_write(struct lg_h2_stream *st, const struct lg_slice *body, size_t pieces);
void lg_h2_send_end(struct lg_h2_stream *st, const struct lg_h2_head *trailers);
bool lg_h2_send_is_full(const struct lg_h2_stream *st);
void lg_h2_send_sent(struct lg_h2 *h, size_t n);

#endif
