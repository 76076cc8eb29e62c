/* HTTP/1.1 on the wire: an incremental, strict parser of requests or responses over llhttp, and the
 * writer of both. Pure: no I/O, no lane; owner is the connection it parses for.
 *
 * The parser takes the head (request or status line, headers) as one contiguous piece, so that
 * every slice of a message points into it, and refuses what proxies are known to disagree about:
 * bare CR or LF, folded headers, Content-Length beside Transfer-Encoding, two lengths, any transfer
 * coding but "chunked", a missing or repeated Host.
 *
 *     ┌──────────── next message ◀────────────┐
 *     ▼                                        │
 *   HEAD ──CRLF CRLF──▶ BODY ──last byte──▶ COMPLETE
 *     └──────────────────┴──▶ BAD (for good)
 */
#ifndef LG_NET_HTTP1_H
#define LG_NET_HTTP1_H

#include "base/buf.h"
#include "net/http.h"

struct lg_http1;

#define LG_HTTP1_TARGET_BYTES_MAX ((size_t)32 << 10)
#define LG_HTTP1_INTERIM_MAX 8 /* responses 1xx before the real one */
/* Bytes of chunk sizes, extensions and trailers that may come with a body of n bytes. */
#define LG_HTTP1_CHUNK_OVERHEAD_MAX(n) (LG_HTTP_HEAD_BYTES_MAX + 8 * (n))

enum lg_http1_kind { LG_HTTP1_REQUEST, LG_HTTP1_RESPONSE };

enum lg_http1_event {
    LG_HTTP1_MORE,     /* All bytes are taken; the message is not complete. */
    LG_HTTP1_EXPECTS,  /* The sender waits for "100 Continue" before the body; feed on. */
    LG_HTTP1_COMPLETE, /* A message is there; bytes after it are not taken. */
    LG_HTTP1_BAD,      /* Malformed or over a limit: see lg_http1_fault. Final. */
};

/* One message. The slices point into `head`, so they stay good when the struct moves. */
struct lg_http1_message {
    enum lg_http_method method; /* Requests. */
    struct lg_slice target;     /* Requests. */
    int status;                 /* Responses. */
    bool keep_alive;            /* The connection may carry another message. */
    bool is_http10;
    struct lg_http_headers headers; /* At most LG_HTTP_HEADERS_MAX. */
    size_t headers_capacity;
    struct lg_buf head;
    struct lg_buf body;
};
/* {0} is an empty message. */
void lg_http1_message_done(struct lg_http1_message *m);
/* Empties it; keeps its memory for reuse unless it is more than `keep_bytes`. */
void lg_http1_message_clear(struct lg_http1_message *m, size_t keep_bytes);

/* `body_bytes_max`: a longer body is BAD with 413. */
struct lg_http1 *lg_http1_new(enum lg_http1_kind kind, size_t body_bytes_max);
void lg_http1_free(struct lg_http1 *p); /* NULL is allowed. */
/* Takes bytes up to the end of the current message; `*out_used` says how many. */
enum lg_http1_event lg_http1_feed(struct lg_http1 *p, struct lg_slice bytes, size_t *out_used);
/* The sender closed. COMPLETE when that ends a response without length, MORE when no message had
 * begun, else BAD. */
enum lg_http1_event lg_http1_finish(struct lg_http1 *p);
/* The complete message moves to `*io`, whose memory the parser uses for the next one. */
void lg_http1_take(struct lg_http1 *p, struct lg_http1_message *io);
/* The message whose head is complete, with what came of its body; NULL before. Borrowed until the
 * next call. */
const struct lg_http1_message *lg_http1_so_far(const struct lg_http1 *p);
/* Forgets what came of the body, for whoever takes it piece by piece. It still counts for the
 * limit. */
void lg_http1_drop_body(struct lg_http1 *p);
/* The next response answers a HEAD: it has no body whatever its headers say. Before its head. */
void lg_http1_expect_no_body(struct lg_http1 *p);
/* Responses: forgets everything, for a new connection's bytes or another limit. */
void lg_http1_reset(struct lg_http1 *p, size_t body_bytes_max);
/* True between messages: no byte of the next one has come. */
bool lg_http1_is_between(const struct lg_http1 *p);
/* True while the head is incomplete (and has begun). */
bool lg_http1_in_head(const struct lg_http1 *p);
/* Another limit from the next message on, with the status and sentence of who passes it; `text` is
 * kept. */
void lg_http1_limit_body(struct lg_http1 *p, size_t bytes_max, int status, const char *text);
/* After BAD: the status that answers it (400, 413, 414, 417, 431, 501, 505) and a sentence without
 * full stop that names what is wrong. */
int lg_http1_fault(const struct lg_http1 *p, const char **out_text);

/* Appends a response: status line, Content-Type if not NULL, the extra headers, Content-Length,
 * Connection, body. Control characters in header values become '?'. */
struct lg_http1_answer {
    int status;
    const char *content_type;
    const struct lg_http_header *headers;
    size_t header_count;
    struct lg_slice body;
    bool to_head;    /* Answers a HEAD: the length is told, the body is not sent. */
    bool keep_alive; /* Else "Connection: close". */
    bool to_http10;  /* Needs "Connection: keep-alive" to be kept. */
    bool chunked;    /* Only the head is written; lg_http1_write_chunk follows. Not to HTTP/1.0. */
};
void lg_http1_write_response(struct lg_buf *out, const struct lg_http1_answer *a);
/* Appends a piece of a chunked body; an empty one is its end. */
void lg_http1_write_chunk(struct lg_buf *out, struct lg_slice bytes);

/* Appends a request with Host and, where the method or a body asks for it, Content-Length. Nothing
 * is appended and LG_ERR_INVALID returned when target or headers hold what must not stand there. */
struct lg_http1_ask {
    enum lg_http_method method;
    struct lg_slice target;
    const char *host;
    uint16_t port;
    const struct lg_http_header *headers;
    size_t header_count;
    struct lg_slice body;
};
LG_MUST_CHECK enum lg_rc lg_http1_check_request(const struct lg_http1_ask *ask,
                                                struct lg_error *err);
/* The ask must have passed lg_http1_check_request. */
void lg_http1_write_request(struct lg_buf *out, const struct lg_http1_ask *ask);

#endif
