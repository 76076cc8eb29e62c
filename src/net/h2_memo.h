/* Heads of requests that a connection sent before: the same bytes mean the same request as long as
 * the HPACK table did not change meanwhile, so they need no decoding. Only blocks that change
 * nothing in the table are remembered; whoever decodes one that does forgets all.
 *
 * One hole is allowed: a literal grpc-timeout, which clients send with another value each time.
 */
#ifndef LG_NET_H2_MEMO_H
#define LG_NET_H2_MEMO_H

#include "net/http2.h"

#define LG_H2_MEMO_ENTRIES 8u
#define LG_H2_MEMO_BLOCK_MAX 1024u /* bytes; longer blocks are not remembered */
#define LG_H2_MEMO_SEEN 16u
#define LG_H2_MEMO_HOLE_MAX 127u       /* bytes of what stands in the hole, as sent */
#define LG_H2_MEMO_HOLE_VALUE_MAX 203u /* once decoded: Huffman's codes have 5 bits or more */

struct lg_h2_memo_entry {
    bool valid, hole;
    uint32_t prefix;  /* with a hole: bytes of the block up to its value's length */
    uint32_t literal; /* where the literal with the hole begins */
    struct lg_buf block;
    struct lg_buf text;
    struct lg_http_header *headers;
    size_t capacity;
    struct lg_h2_request request; /* borrows from this entry */
    uintptr_t memo;
    uint64_t used; /* when, by the memo's count of hits */
};
struct lg_h2_memo {
    struct lg_h2_memo_entry entries[LG_H2_MEMO_ENTRIES];
    uint64_t hits, clock;
    uint64_t seen[LG_H2_MEMO_SEEN];
    unsigned seen_at;
};

/* What stands in the hole of a block. */
struct lg_h2_hole {
    struct lg_slice literal; /* The whole field as sent. */
    struct lg_slice value;
    bool huffman; /* `value` is still compressed. */
};

void lg_h2_memo_done(struct lg_h2_memo *m);
/* The entry of a block, or NULL. *hole is set when the entry has one. Borrowed until the next offer
 * or forget. */
struct lg_h2_memo_entry *lg_h2_memo_find(struct lg_h2_memo *m, struct lg_slice block,
                                         struct lg_h2_hole *hole);
/* A block was decoded well: when it changes the table, all is forgotten. Does it? */
bool lg_h2_memo_decoded(struct lg_h2_memo *m, struct lg_slice block);
/* A block that was decoded and changed nothing in the table. `timeout`: which of its fields, from
 * 1, is a grpc-timeout; 0: none. The entry's word for the caller, or NULL when it was not taken. */
uintptr_t *lg_h2_memo_offer(struct lg_h2_memo *m, struct lg_slice block, size_t timeout,
                            const struct lg_h2_request *rq);
void lg_h2_memo_forget(struct lg_h2_memo *m);

#endif
