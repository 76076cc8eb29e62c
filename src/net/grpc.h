/* gRPC over HTTP/2 as pure helpers: what a request's head says, messages in their frames, statuses
 * and metadata as header fields. No streams and no sockets; any lane. docs/formats/grpc.md
 *
 * A call over an HTTP/2 engine (net/http2.h):
 *
 *     request   lg_grpc_read_head; when it refuses, lg_grpc_trailers alone, or its status of HTTP
 *     body      lg_grpc_next until it has no more
 *     end       lg_grpc_is_between, else the request was cut off
 *     answer    lg_grpc_head_fields, lg_grpc_append for each message, lg_grpc_trailers
 */
#ifndef LG_NET_GRPC_H
#define LG_NET_GRPC_H

#include "base/buf.h"
#include "net/http.h"
#include "net/rpc.h"

/* --- The head of a request -------------------------------------------------------------------- */
enum lg_grpc_encoding { LG_GRPC_IDENTITY, LG_GRPC_GZIP, LG_GRPC_ENCODINGS };
#define LG_GRPC_ENCODING_NAMES "identity,gzip"
#define LG_GRPC_NO_TIMEOUT UINT64_MAX

struct lg_grpc_call {
    enum lg_rpc rpc;                 /* LG_RPC_COUNT: none that proto/ describes. */
    struct lg_slice service, method; /* Of the path; borrowed from it. */
    uint64_t timeout_us;             /* LG_GRPC_NO_TIMEOUT: none was said; 0: it is over. */
    enum lg_grpc_encoding encoding;  /* of compressed messages that come */
};
/* What a call is refused for; by the labels of rpc_refused_total. */
enum lg_grpc_reason {
    LG_GRPC_BAD_METHOD,
    LG_GRPC_BAD_CONTENT_TYPE,
    LG_GRPC_BAD_PATH,
    LG_GRPC_BAD_ENCODING,
    LG_GRPC_BAD_TIMEOUT,
    LG_GRPC_TOO_LATE,
    LG_GRPC_BAD_MESSAGE,
    LG_GRPC_TOO_LARGE,
    LG_GRPC_BAD_REQUEST, /* a message that asks for what cannot be: Venice's errorCode 400 */
    LG_GRPC_NO_MEMORY,   /* a large message or batch while memory is short: base/memory_gate.h */
};
/* Why a request is not taken. `http` is 200 when it is answered as gRPC, with `status`; else the
 * caller does not speak gRPC and gets that status of HTTP and the text as text/plain. */
struct lg_grpc_refusal {
    int http;
    enum lg_grpc_status status;
    enum lg_grpc_reason reason;
    const char *text; /* Static. */
};
/* `timeout` is the value of grpc-timeout, data NULL: there was none among the fields either. True:
 * `*out` is set; it is a method that proto/ describes (what is not offered is UNIMPLEMENTED, and so
 * the caller's to say). False: `*why` is set. In this order: 405 unless it is a POST, 415 unless
 * lg_grpc_is_grpc, UNIMPLEMENTED for a path that is no method's, UNIMPLEMENTED for an encoding that
 * is not known, INTERNAL for a malformed timeout. */
LG_MUST_CHECK bool lg_grpc_read_head(struct lg_slice http_method, struct lg_slice path,
                                     const struct lg_http_headers *headers, struct lg_slice timeout,
                                     struct lg_grpc_call *out, struct lg_grpc_refusal *why);

/* application/grpc or application/grpc+proto, without minding case, with or without parameters. */
bool lg_grpc_is_grpc(struct lg_slice content_type);
/* "/package.Service/Method": two parts that are not empty. */
LG_MUST_CHECK bool lg_grpc_split_path(struct lg_slice path, struct lg_slice *out_service,
                                      struct lg_slice *out_method);
/* One to eight digits and a unit (H M S m u n) as microseconds, rounded up. */
LG_MUST_CHECK bool lg_grpc_parse_timeout(struct lg_slice text, uint64_t *out_us);
/* The other way round; rounded up where eight digits do not reach. */
void lg_grpc_write_timeout(struct lg_buf *out, uint64_t timeout_us);
/* "identity" or "gzip", exactly; empty is identity. */
LG_MUST_CHECK bool lg_grpc_parse_encoding(struct lg_slice name, enum lg_grpc_encoding *out);

/* --- Messages --------------------------------------------------------------------------------- */
#define LG_GRPC_PREFIX_BYTES 5
#define LG_GRPC_MESSAGE_BYTES_DEFAULT ((size_t)4 << 20) /* as gRPC's own servers have it */
/* More memory than this does not stay with a stream between messages. */
#define LG_GRPC_KEPT_BYTES_MAX ((size_t)64 << 10)

/* Takes messages out of the bytes of a body, however they are cut. {0} begins one. A message that
 * comes in one piece is not copied. */
struct lg_grpc_reader {
    size_t message_bytes_max;       /* compressed and not; 0: LG_GRPC_MESSAGE_BYTES_DEFAULT */
    enum lg_grpc_encoding encoding; /* of messages whose prefix says that they are compressed */
    uint8_t prefix[LG_GRPC_PREFIX_BYTES];
    size_t prefix_size;
    struct lg_buf held;     /* the beginning of a message whose rest is to come */
    struct lg_buf inflated; /* what was compressed */
};
void lg_grpc_reader_done(struct lg_grpc_reader *r);
LG_DEFINE_SCOPED(lg_grpc_reader, lg_grpc_reader_done)
/* Takes from the front of `*in`: the next message, decompressed, and true in `*out_has`; or all of
 * it, and false. The message is valid until the next call and as long as `*in`'s bytes are.
 * LG_ERR_TOO_LARGE: over the bound, told by the prefix before memory is taken. LG_ERR_BAD_DATA: a
 * prefix that is none, a compressed message without an encoding, damaged gzip. The body is then
 * worth nothing any more; end the call with lg_grpc_status_of_input. */
LG_MUST_CHECK enum lg_rc lg_grpc_next(struct lg_grpc_reader *r, struct lg_slice *in,
                                      struct lg_slice *out, bool *out_has, struct lg_error *err);
/* The message of a body that came whole and is just one, not compressed: what nearly all unary
 * calls are. False: it is something else, for lg_grpc_next to judge. The bound is
 * meant as it stands. */
static inline bool lg_grpc_single(struct lg_slice body, size_t message_bytes_max,
                                  struct lg_slice *out)
{
    if (body.size < LG_GRPC_PREFIX_BYTES || body.data[0] != 0 ||
        lg_load_u32be(body.data + 1) != body.size - LG_GRPC_PREFIX_BYTES ||
        body.size - LG_GRPC_PREFIX_BYTES > message_bytes_max)
        return false;
    *out = lg_slice_skip(body, LG_GRPC_PREFIX_BYTES);
    return true;
}
/* Between two messages: the body may end here. */
bool lg_grpc_is_between(const struct lg_grpc_reader *r);
/* The status for what lg_grpc_next and lg_pb_decode refused: gRPC says INTERNAL where the caller is
 * not at fault but the bytes are, and RESOURCE_EXHAUSTED for what is too large. */
enum lg_grpc_status lg_grpc_status_of_input(enum lg_rc rc);

/* `size` at most UINT32_MAX. */
static inline void lg_grpc_prefix(uint8_t to[LG_GRPC_PREFIX_BYTES], bool is_compressed, size_t size)
{
    assert(size <= UINT32_MAX);
    to[0] = is_compressed ? 1 : 0;
    lg_store_u32be(to + 1, (uint32_t)size);
}
/* Appends the message with its prefix. Errors, and `out` then, as of lg_pb_encode. */
LG_MUST_CHECK enum lg_rc lg_grpc_append(struct lg_buf *out, const struct lg_pb_message *m,
                                        const void *msg, struct lg_error *err);

/* --- Heads and trailers of answers ------------------------------------------------------------ */

/* `:status` 200, content-type, and grpc-accept-encoding; no answer is compressed. Static, for
 * lg_h2_prepared_new. */
const struct lg_http_header *lg_grpc_head_fields(size_t *out_count);

#define LG_GRPC_TEXT_BYTES_MAX 1024 /* of grpc-message, percent-encoded; the rest is cut */
struct lg_grpc_trailers {           /* Points into itself: it does not move. */
    struct lg_http_header fields[2];
    size_t count;
    char text[LG_GRPC_TEXT_BYTES_MAX];
};
/* grpc-status, and grpc-message unless the text is empty. No memory is taken. */
void lg_grpc_trailers(struct lg_grpc_trailers *out, enum lg_grpc_status status,
                      struct lg_slice text);
/* The same of an error: the table's status and the error's sentence. */
void lg_grpc_trailers_of(struct lg_grpc_trailers *out, const struct lg_error *err);

const char *lg_grpc_status_name(enum lg_grpc_status status); /* "NOT_FOUND" */
/* Of a grpc-status field: UNKNOWN when it is no number of the list. */
enum lg_grpc_status lg_grpc_parse_status(struct lg_slice text);
/* What an answer means that is not gRPC's, by its status of HTTP. */
enum lg_grpc_status lg_grpc_status_of_http(int http);
/* grpc-message decoded: what is no escape stays as it is. */
void lg_grpc_decode_text(struct lg_buf *out, struct lg_slice text);

/* --- Metadata --------------------------------------------------------------------------------- */

/* Its value is base64: the name ends with "-bin". */
bool lg_grpc_is_binary(struct lg_slice name);
/* A name and value that may be sent: lower-case letters, digits, `_-.`, no name of gRPC's own; the
 * value printable ASCII without blanks around it, or base64 for a binary one. */
bool lg_grpc_metadata_valid(struct lg_slice name, struct lg_slice value);
/* Without padding, as gRPC wants it. */
void lg_grpc_encode_binary(struct lg_buf *out, struct lg_slice bytes);
/* A binary field may carry several values with commas between: appends the next of `*values` and
 * moves it behind; false in `*out_has` at the end. LG_ERR_BAD_DATA: not base64. */
LG_MUST_CHECK enum lg_rc lg_grpc_next_binary(struct lg_slice *values, struct lg_buf *out,
                                             bool *out_has, struct lg_error *err);

#endif
