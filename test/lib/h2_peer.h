/* The other side of an HTTP/2 engine under test: frames written as text go in, events and frames
 * that come out are kept as text. One connection of one engine; see h2_peer_send for the notation.
 */
#ifndef LG_TEST_LIB_H2_PEER_H
#define LG_TEST_LIB_H2_PEER_H

#include "base/buf.h"
#include "net/http2.h"

enum h2_engine { H2_OWN, H2_NGHTTP2, H2_ENGINES };
extern const char *const h2_engine_names[H2_ENGINES];

#define H2_PEER_OPEN_MAX 4096

struct h2_peer {
    struct lg_h2 *h2;
    enum h2_engine engine;
    struct lg_buf log; /* events, a line each: "request 1 GET /", "body 1 3", "end 1", "gone 1 8" */
    struct lg_buf frames; /* that came out, a line each: "HEADERS 1 END", "DATA 1 5", "RST 1 8" */
    struct lg_buf bodies; /* of all requests, as they came */
    struct lg_buf out;    /* bytes that are no whole frame yet */
    struct lg_h2_stream *held[H2_PEER_OPEN_MAX];  /* by id / 2: not answered */
    size_t cut;                                   /* Input goes in by so many bytes; 0: at once. */
    bool deaf;                                    /* Output is not taken. */
    bool over;                                    /* lg_h2_input or lg_h2_tick said so. */
    size_t answer_bytes;                          /* of a body; 5 at first */
    const struct lg_h2_prepared *head, *trailers; /* of answers; trailers may be NULL */
    struct lg_h2_prepared *own_head;
    uint64_t requests_with_memo, memo_hits;
    size_t frames_seen;
    bool opened; /* The preface went in. */
};

/* A head of one field, to be freed. */
struct lg_h2_prepared *h2_peer_prepare(const char *name, const char *value);

/* For each engine, with a connection that is open: what follows, a statement. */
#define EACH_PEER_OF(p, limits, stream_window, connection_window)                                  \
    for (unsigned engine_ = 0; engine_ < H2_ENGINES; engine_++, h2_peer_close(p))                  \
        if (h2_peer_open(p, (enum h2_engine)engine_, limits, stream_window, connection_window),    \
            true)
#define EACH_PEER(p) EACH_PEER_OF(p, NULL, 0, 0)
/* The same with input in whole and in pieces. */
#define EACH_PEER_AND_CUT(p)                                                                       \
    for (size_t cut_ = 0; cut_ <= 11; cut_ += cut_ == 0 ? 1 : 5)                                   \
        EACH_PEER(p)                                                                               \
    if ((p)->cut = cut_, true)

/* `limits` may be NULL. Requests are answered 200 at their end, with a body of 5 bytes; those to
 * "/hold" are kept in `held`. */
void h2_peer_open(struct h2_peer *p, enum h2_engine engine, const struct lg_h2_limits *limits,
                  uint32_t stream_window, uint32_t connection_window);
void h2_peer_close(struct h2_peer *p);
/* Frames: "TYPE FLAGS STREAM PAYLOAD; ...". TYPE is D, H, Y (priority), R, S, U (push promise), P,
 * G, W, C or a number in hex; FLAGS is in hex. The payload is any of
 *     0a0b      bytes in hex             z100      so many zeros
 *     {a=b c=d} fields as literals       @get @post @hold   whole heads
 *     #100      the length to be told instead of the true one
 * A script that begins with '!' is sent without preface and SETTINGS before it; "!!" sends the
 * preface only. "x50 (...)": fifty times, what stands in brackets, each time with the next odd
 * stream where it says '?'. */
void h2_peer_send(struct h2_peer *p, const char *script);
/* The bytes of such a script, for corpora and for senders of their own. */
void h2_peer_script(struct h2_peer *p, const char *script, struct lg_buf *out);
void h2_peer_send_bytes(struct h2_peer *p, struct lg_slice bytes);
/* Takes the output and notes its frames. */
void h2_peer_take(struct h2_peer *p);
/* Does the log (or do the frames) have that line? */
bool h2_peer_heard(const struct h2_peer *p, const char *line);
bool h2_peer_got(const struct h2_peer *p, const char *line);

#endif
