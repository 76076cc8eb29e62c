/* lagoon.read.v1.ReadService/BatchGet without a socket: bytes of a stream's body in, batches out;
 * values in, bytes of the answer's body out. The rules: docs/formats/grpc.md. Owned by one lane.
 *
 *     REQUESTS ──half-closed──▶ LAST BATCHES ──all ended──▶ DONE
 *        └──────────────bytes that nobody understands──────▶ FAILED
 *
 * The owner feeds what comes (lg_read_stream_input), sends what lg_read_stream_output gives after
 * each turn of its lane, and ends the stream of HTTP/2 once lg_read_stream_is_done. A handler
 * answers each batch with values, missing keys and one end, from inside `begin` or later. No memory
 * is taken per batch, key or value, but what the buffers grow by.
 */
#ifndef LG_NET_READ_STREAM_H
#define LG_NET_READ_STREAM_H

#include "net/grpc.h"

/* A response is closed when it has grown to this. */
#define LG_READ_STREAM_MESSAGE_BYTES ((size_t)64 << 10)
/* With so much unsent the stream is full: the owner feeds no more, and handlers look for no more
 * values, until it is not. */
#define LG_READ_STREAM_FULL_BYTES ((size_t)256 << 10)
/* For handlers that do it all the same. Values over it are dropped, and their batch ends with
 * RESOURCE_EXHAUSTED. */
#define LG_READ_STREAM_UNSENT_BYTES_MAX ((size_t)64 << 20)

/* Of one batch. */
#define LG_READ_STREAM_KEYS_DEFAULT 10000u

struct lg_read_stream;
struct lg_read_batch { /* The handler's, from `begin` until it ends it. */
    struct lg_read_stream *stream;
    uint64_t id;    /* The client's; several batches may have the same. */
    void *user;     /* The handler's; NULL at first. */
    bool cancelled; /* Nobody waits for values any more; the end is still due. */
    bool cut;       /* What it found was more than a stream may hold; its end will say so. */
};

struct lg_read_stream_handler {
    /* Everything in `asked` is borrowed for the call. The batch may be ended from inside. */
    void (*begin)(void *ctx, struct lg_read_batch *batch, const struct lg_stream_batch *asked);
    /* The batch is not wanted any more: by its client, or because the stream is over. It is still
     * to be ended, best with CANCELLED; from inside is allowed. May be NULL. */
    void (*cancel)(void *ctx, struct lg_read_batch *batch);
    /* A stream that was full has room again; from inside lg_read_stream_sent. May be NULL. */
    void (*room)(void *ctx);
    /* A batch did not begin: it has too many keys, it is one too many, or no `get` that is known.
     * Its end says so. May be NULL. */
    void (*refused)(void *ctx);
};

struct lg_read_stream_options {
    const struct lg_read_stream_handler *handler; /* Outlives the stream. */
    void *ctx;
    enum lg_grpc_encoding encoding; /* of what comes */
    size_t message_bytes_max;       /* 0: LG_GRPC_MESSAGE_BYTES_DEFAULT */
    uint32_t batches_max;           /* under way at a time; 0: 100 */
    uint32_t keys_max;              /* of one batch; 0: LG_READ_STREAM_KEYS_DEFAULT */
};
struct lg_read_stream *lg_read_stream_new(const struct lg_read_stream_options *options);
/* All batches must have ended: lg_read_stream_abort, and wait for lg_read_stream_batches. NULL is
 * allowed. */
void lg_read_stream_free(struct lg_read_stream *s);
LG_DEFINE_AUTO(lg_read_stream, lg_read_stream_free)

/* The next bytes of the body. After a failure they are ignored. */
void lg_read_stream_input(struct lg_read_stream *s, struct lg_slice bytes);
/* The client will send no more. */
void lg_read_stream_half_closed(struct lg_read_stream *s);
/* The server will end: what comes from now on is refused with UNAVAILABLE, and so ends the stream
 * when the batches under way have. */
void lg_read_stream_drain(struct lg_read_stream *s);
/* The client is gone: batches are cancelled, output is dropped. */
void lg_read_stream_abort(struct lg_read_stream *s);

/* What is to be sent, whole messages; borrowed until the next call for `s`. */
struct lg_slice lg_read_stream_output(struct lg_read_stream *s);
/* The first n bytes of it are sent or copied. */
void lg_read_stream_sent(struct lg_read_stream *s, size_t n);
bool lg_read_stream_is_full(const struct lg_read_stream *s);
/* Bytes of a message whose rest is to come. */
size_t lg_read_stream_held(const struct lg_read_stream *s);
size_t lg_read_stream_batches(const struct lg_read_stream *s); /* under way */
/* Nothing more will come but the output there is: end the stream with these trailers. The text is
 * borrowed from `s`. */
bool lg_read_stream_is_done(const struct lg_read_stream *s, enum lg_grpc_status *out_status,
                            struct lg_slice *out_text);
/* What was wrong with the bytes of a stream that is done; NULL: nothing. Borrowed from `s`. */
const struct lg_error *lg_read_stream_refused(const struct lg_read_stream *s);

/* --- The handler's answers -------------------------------------------------------------------- */

/* The value's data is copied. Dropped when the batch is cancelled. */
void lg_read_batch_value(struct lg_read_batch *batch, const struct lg_stream_value *value);
void lg_read_batch_missing(struct lg_read_batch *batch, uint32_t key_id);
/* The batch is gone when this returns. A message that is not UTF-8 is left out. */
void lg_read_batch_end(struct lg_read_batch *batch, const struct lg_stream_end *end);
/* The same of an error: the table's status, the error's sentence. */
void lg_read_batch_fail(struct lg_read_batch *batch, const struct lg_error *err);

#endif
