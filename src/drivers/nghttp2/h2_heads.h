/* Heads of requests as nghttp2 gives them, field by field. A head that came before is known by the
 * strings it is made of: nghttp2 shares one string among all blocks that name the same entry of
 * its table, and what is remembered holds on to its strings, so the same string means the same
 * bytes. Then nothing is copied or judged again (net/h2_request.h). As in our own engine the value
 * of a grpc-timeout may differ. Belongs to one connection, on its lane.
 */
#ifndef LG_DRIVERS_NGHTTP2_H2_HEADS_H
#define LG_DRIVERS_NGHTTP2_H2_HEADS_H

#include <nghttp2/nghttp2.h>

#include "net/h2_request.h"

#define LG_NGHTTP2_HEADS 4u            /* that are remembered */
#define LG_NGHTTP2_HEAD_FIELDS 24u     /* of one */
#define LG_NGHTTP2_HEAD_BYTES_MAX 1024 /* of its names and values */
#define LG_NGHTTP2_TIMEOUT_BYTES_MAX 127u

struct lg_nghttp2_pair { /* Both are held; both NULL for the grpc-timeout. */
    nghttp2_rcbuf *name, *value;
};
struct lg_nghttp2_known {
    struct lg_nghttp2_pair pairs[LG_NGHTTP2_HEAD_FIELDS];
    size_t count; /* 0: nothing is remembered here */
    struct lg_h2_fields fields;
    struct lg_h2_request request; /* borrows from `fields` */
    bool has_timeout;
    uintptr_t memo;
    uint64_t used; /* when, by the count of heads */
};
struct lg_nghttp2_heads {
    struct lg_nghttp2_known known[LG_NGHTTP2_HEADS];
    struct lg_nghttp2_known *recent; /* NULL: nothing is remembered */
    uint64_t clock;
    /* The block that comes. As far as `at` it is the same as this head; NULL: as none. */
    struct lg_nghttp2_known *same;
    size_t at;
    char timeout[LG_NGHTTP2_TIMEOUT_BYTES_MAX];
    size_t timeout_size;
    /* When it is not known. A count over the bound: too many to be remembered. */
    struct lg_h2_fields fields;
    struct lg_nghttp2_pair pairs[LG_NGHTTP2_HEAD_FIELDS];
    size_t count;
    /* Of the block before that was not known, and found no place. */
    struct lg_nghttp2_pair last[LG_NGHTTP2_HEAD_FIELDS];
    size_t last_count;
};

void lg_nghttp2_heads_init(struct lg_nghttp2_heads *h, size_t bytes_max, size_t count_max);
/* Lets go of all strings: before the pool that the session takes them from is done. */
void lg_nghttp2_heads_done(struct lg_nghttp2_heads *h);
/* A block begins: a head, or trailers. */
void lg_nghttp2_heads_begin(struct lg_nghttp2_heads *h, bool trailers);
/* What lg_nghttp2_heads_add does with a field that is not the next of the head that it expects. */
void lg_nghttp2_heads_add_other(struct lg_nghttp2_heads *h, nghttp2_rcbuf *name,
                                nghttp2_rcbuf *value);
static inline void lg_nghttp2_heads_add(struct lg_nghttp2_heads *h, nghttp2_rcbuf *name,
                                        nghttp2_rcbuf *value)
{
    const struct lg_nghttp2_known *k = h->same;

    if (LG_LIKELY(k != NULL && h->at < k->count && k->pairs[h->at].name == name &&
                  k->pairs[h->at].value == value))
        h->at++;
    else
        lg_nghttp2_heads_add_other(h, name, value);
}
/* A field came that nghttp2 would pass over: the block is malformed. */
void lg_nghttp2_heads_spoil(struct lg_nghttp2_heads *h);
/* As lg_h2_fields_end, but that a request may have a memo. */
enum lg_h2_verdict lg_nghttp2_heads_end(struct lg_nghttp2_heads *h, struct lg_h2_request *out);
/* After the end of trailers. Borrowed until the next begin. */
static inline struct lg_http_headers lg_nghttp2_heads_trailers(const struct lg_nghttp2_heads *h)
{
    return (struct lg_http_headers){h->fields.headers, h->fields.count};
}

#endif
