/* Calls of gRPC at a server: what an HTTP server (net/http_server.h) hands to whoever offers
 * methods of proto/, and how they answer. Calls come over HTTP/2 (http2_call.c).
 *
 * Everything is on the server's lane. A call is the handler's from its first event until it answers
 * (lg_rpc_answer, lg_rpc_fail, lg_rpc_finish) or is told `gone`; afterwards its pointer is dead.
 */
#ifndef LG_NET_RPC_SERVER_H
#define LG_NET_RPC_SERVER_H

#include "net/grpc.h"

struct lg_lane;

struct lg_rpc_call {
    enum lg_rpc rpc;
    struct lg_lane *lane;
    uint64_t received_us;           /* Lane time of its head. */
    uint64_t deadline_us;           /* Lane time; UINT64_MAX: it said none. */
    enum lg_grpc_encoding encoding; /* of compressed messages that come */
    const char *peer;               /* "127.0.0.1:40312"; "" once it is gone */
    /* Who the peer has shown to be (net/tls.h); NULL: nobody, and once it is gone. */
    const char *identity;
    bool is_secure; /* It came over TLS. */
    bool peer_gone; /* Of a unary call: nobody waits any more; the answer is still due. */
    void *user;     /* The handler's; NULL at first. */
    /* Likewise: told once when peer_gone becomes true, and does not answer from inside. */
    void (*lost)(struct lg_rpc_call *call);
};

/* Of a streaming method. `message` or `bytes` is set. */
struct lg_rpc_stream_handler {
    void (*begin)(void *ctx, struct lg_rpc_call *call);
    /* A message, borrowed for the call. */
    void (*message)(void *ctx, struct lg_rpc_call *call, struct lg_slice message);
    /* The next bytes of the body, with the frames of gRPC in them, borrowed for the call. They
     * count as kept until lg_rpc_keep says otherwise. */
    void (*bytes)(void *ctx, struct lg_rpc_call *call, struct lg_slice bytes);
    /* The client will send no more. */
    void (*half_closed)(void *ctx, struct lg_rpc_call *call);
    /* The server ends: the call should, soon. */
    void (*drain)(void *ctx, struct lg_rpc_call *call);
    /* A call that was full has room again. May be NULL. */
    void (*room)(void *ctx, struct lg_rpc_call *call);
    /* The client is gone, or its deadline is over: the call is dead when this returns. */
    void (*gone)(void *ctx, struct lg_rpc_call *call);
};

struct lg_rpc_method_handler { /* One of the two is set; neither: the method is not offered. */
    /* The request is complete; `message` is borrowed for the call. Answered from inside or later,
     * exactly once. */
    void (*unary)(void *ctx, struct lg_rpc_call *call, struct lg_slice message);
    const struct lg_rpc_stream_handler *stream;
};

/* What a listener offers. Static. */
struct lg_rpc_offer {
    struct lg_rpc_method_handler methods[LG_RPC_COUNT];
    size_t message_bytes_max; /* 0: LG_GRPC_MESSAGE_BYTES_DEFAULT */
};

/* --- Answers of unary calls ------------------------------------------------------------------ */

/* The answer's message, in its frame, as pieces that are copied; and OK. */
void lg_rpc_answer(struct lg_rpc_call *call, const struct lg_slice *pieces, size_t n);
/* A status of gRPC, never OK, without a message; `text` may be empty. Of any call that has sent
 * nothing yet. */
void lg_rpc_fail(struct lg_rpc_call *call, enum lg_grpc_status status, struct lg_slice text);
/* Of any call, streaming or not: what came is no request of this method (LG_ERR_BAD_DATA, so
 * INTERNAL) or is over a bound (LG_ERR_TOO_LARGE, so RESOURCE_EXHAUSTED). Failures of our own are
 * not: this one is counted in rpc_refused_total. */
void lg_rpc_refuse(struct lg_rpc_call *call, const struct lg_error *err);
/* For a call whose refusal is in its answer's message, as Venice's service has it. */
void lg_rpc_count_refused(enum lg_grpc_reason reason);
/* The answer takes longer than this tick: from now on the deadline is watched, and a call that
 * passes it is answered with DEADLINE_EXCEEDED, and peer_gone. */
void lg_rpc_wait(struct lg_rpc_call *call);

/* --- Streaming calls ------------------------------------------------------------------------- */

/* Messages in their frames; copied. It may be called on a full call, but should not. */
void lg_rpc_send(struct lg_rpc_call *call, struct lg_slice frames);
bool lg_rpc_is_full(const struct lg_rpc_call *call);
/* Nothing is taken from the client meanwhile, but for what it may have sent ahead. */
void lg_rpc_pause(struct lg_rpc_call *call, bool paused);
/* So much of what came as `bytes` is still held. What all calls of a connection hold is bounded. */
void lg_rpc_keep(struct lg_rpc_call *call, size_t bytes);
/* From inside of `begin`, for a call that is not taken: no event comes for it any more, and it is
 * answered, never OK, at the end of its request, after a second or half of its time, or once more
 * came than a message may have; what comes is dropped. (curl 7.88 fails without a word of the
 * answer when its stream is closed while it sends.) `text` is static. */
void lg_rpc_turn_away(struct lg_rpc_call *call, enum lg_grpc_status status, const char *text);
/* The last word, with any status. */
void lg_rpc_finish(struct lg_rpc_call *call, enum lg_grpc_status status, struct lg_slice text);

#endif
