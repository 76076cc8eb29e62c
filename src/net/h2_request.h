/* From the fields of a header block to a request: RFC 9113 section 8 as one place that both HTTP/2
 * engines use, so that what is refused does not depend on the engine. Pure; one per connection,
 * reused for each block, its memory is kept.
 */
#ifndef LG_NET_H2_REQUEST_H
#define LG_NET_H2_REQUEST_H

#include "net/http2.h"

enum lg_h2_verdict {
    LG_H2_FIELDS_GOOD,
    LG_H2_FIELDS_MALFORMED,  /* RFC 9113, 8.1.1: a stream error PROTOCOL_ERROR. */
    LG_H2_FIELDS_OVER_BYTES, /* To be answered 431. */
    LG_H2_FIELDS_OVER_COUNT  /* The same. */
};

struct lg_h2_field { /* Places in `text`. */
    uint32_t name, name_size, value, value_size;
};
struct lg_h2_fields {
    struct lg_buf text;
    struct lg_h2_field *fields; /* those of a request's `headers`, or trailers */
    struct lg_http_header *headers;
    size_t count, capacity;
    size_t list_bytes, list_count;
    size_t bytes_max, count_max;
    struct lg_h2_field pseudo[4]; /* method, scheme, authority, path */
    bool seen[4];
    struct lg_h2_field timeout, host;
    size_t timeout_at; /* which field of the block it was, from 1 */
    bool timeout_seen, host_seen, regular_seen;
    bool trailers;
    int64_t content_length;
    enum lg_h2_verdict verdict; /* The first that is not good stays. */
};

void lg_h2_fields_init(struct lg_h2_fields *f, size_t bytes_max, size_t count_max);
void lg_h2_fields_done(struct lg_h2_fields *f);
/* A new block begins: a head, or trailers. */
void lg_h2_fields_begin(struct lg_h2_fields *f, bool trailers);
/* The next field, copied. After a verdict that is not good nothing is kept any more. */
void lg_h2_fields_add(struct lg_h2_fields *f, struct lg_slice name, struct lg_slice value);
/* The block is complete. `out` (NULL for trailers, which are f->headers and f->count afterwards)
 * borrows from `f` until the next begin; its memo is NULL. */
enum lg_h2_verdict lg_h2_fields_end(struct lg_h2_fields *f, struct lg_h2_request *out);
/* The value of the block's grpc-timeout so far; data NULL: there is none. Borrowed until the next
 * begin. */
struct lg_slice lg_h2_fields_timeout(const struct lg_h2_fields *f);
/* May these bytes be a field's value (8.2.1)? */
bool lg_h2_value_ok(struct lg_slice value);

#endif
