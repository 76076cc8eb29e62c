/* The inside of the engine over nghttp2, for http2_nghttp2.c (the session and the port) and
 * http2_nghttp2_in.c (what of the peer's bytes the session sees). One connection, one lane.
 *
 *     input -> in: WINDOW_UPDATE, heads that are known -> us
 *              all else (frames, streams, our windows, HPACK) -> nghttp2 -> events
 *     answers -> net/h2_send.h -> output <- nghttp2's own frames (SETTINGS, PING, RST_STREAM ...)
 */
#ifndef LG_DRIVERS_NGHTTP2_HTTP2_NGHTTP2_IMPL_H
#define LG_DRIVERS_NGHTTP2_HTTP2_NGHTTP2_IMPL_H

#include <nghttp2/nghttp2.h>

#include "drivers/nghttp2/h2_pool.h"
#include "drivers/nghttp2/h2_scan.h"
#include "net/h2_memo.h"
#include "net/h2_request.h"
#include "net/h2_send.h"

/* The code of RST_STREAM frames that never go out: nghttp2 has no other word for a stream that was
 * answered behind its back. */
#define LG_NGHTTP2_ANSWERED UINT32_MAX

struct lg_nghttp2_stream {
    struct lg_h2_sending send;
    struct lg_nghttp2_stream *next, *prev; /* in use; `next` also in the list of free ones */
    bool live, remote_end, paused;
    int64_t content_length; /* -1: not said */
    uint64_t body_bytes;
    size_t kept, credit;
};

struct lg_nghttp2_conn {
    struct lg_h2_sender send;
    nghttp2_session *session;
    struct lg_nghttp2_pool pool;
    bool judged; /* by nghttp2 before us: then it has to see all heads. */
    struct lg_h2_fields fields;
    struct lg_h2_memo memo;
    struct lg_h2_memo_entry *known; /* The head that comes; NULL: it has to be decoded. */
    struct lg_slice block;          /* The block that nghttp2 decodes, when it came whole. */
    struct lg_nghttp2_stream *streams, *free_streams;
    struct lg_nghttp2_stream *found; /* last, by its id: it mostly is the next, too */
    size_t stream_count;
    uint32_t last_id;      /* the highest request's */
    size_t callers_resets; /* whose frames are not made yet: no mistakes of the peer's */
    bool over;
    bool told, drain_due, draining; /* that it ends; that the peer knows */
    uint64_t told_ms;
    size_t consumed; /* of the connection's window, not given back yet */
    size_t block_bytes;
    unsigned continuations;
    bool block_open, settings_came;
    bool ack_due;   /* SETTINGS came, or come. */
    bool table_due; /* The peer gave our heads a table, that is not acknowledged: */
    uint32_t table_least, table_last; /* bytes, in between and now */
    struct lg_nghttp2_scan scan;
    bool collecting;       /* A frame that we have to see whole comes in pieces: */
    struct lg_buf payload; /* what there is of it */
};

/* --- http2_nghttp2.c ------------------------------------------------------------------------- */
void lg_nghttp2_cut(struct lg_nghttp2_conn *c, enum lg_h2_reason why);
/* False once the connection is cut for it. */
static inline bool lg_nghttp2_spend(struct lg_nghttp2_conn *c, enum lg_h2_reason what)
{
    if (LG_LIKELY(lg_h2_guard_spend(&c->send.guard, what)))
        return true;
    lg_nghttp2_cut(c, what);
    return false;
}
/* NULL: there is none, or it is over for us. */
struct lg_nghttp2_stream *lg_nghttp2_find(struct lg_nghttp2_conn *c, int32_t id);
/* Ends a stream for nghttp2, and by a frame for the peer, unless it was answered. The caller is
 * told `gone` when the stream is its. */
void lg_nghttp2_end_stream(struct lg_nghttp2_conn *c, struct lg_nghttp2_stream *st, uint32_t code);
/* The block that nghttp2 decoded, if it came whole: what is remembered may hold no longer. False:
 * nothing may be remembered of this one. */
bool lg_nghttp2_block_decoded(struct lg_nghttp2_conn *c);
/* To the output what nghttp2 has to send: no answers. Not from inside of its callbacks. */
void lg_nghttp2_pump(struct lg_nghttp2_conn *c);

/* --- http2_nghttp2_in.c ---------------------------------------------------------------------- */
void lg_nghttp2_take(struct lg_nghttp2_conn *c, struct lg_slice in);

#endif
