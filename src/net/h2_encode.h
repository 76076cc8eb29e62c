/* Heads of answers as HPACK: what is sent often is encoded once per process, and shrinks to indices
 * into the connection's dynamic table once a connection has sent it before. Nothing is compressed
 * by Huffman's code: its bytes cost more than they save between machines of one site.
 *
 * The table only grows until it is full and never evicts, so an index given out stays valid until
 * the table is dropped because the peer wants a smaller one. Blocks must go out in the order in
 * which they were encoded.
 */
#ifndef LG_NET_H2_ENCODE_H
#define LG_NET_H2_ENCODE_H

#include "net/http2.h"

#define LG_H2_SLOTS 8u            /* prepared heads that a connection remembers */
#define LG_H2_SLOT_BLOCK_MAX 64u  /* bytes of one as indices */
#define LG_H2_SLOT_FIELDS_MAX 16u /* fields of one */
#define LG_H2_TABLE_BYTES_MAX 4096u

struct lg_h2_slot {
    const struct lg_h2_prepared *prepared;
    uint32_t number[LG_H2_SLOT_FIELDS_MAX]; /* of the insertion, from 1; 0: not inserted */
    uint32_t inserted;                      /* that `block` was made for */
    uint32_t size;                          /* of `block`; 0: not made yet */
    uint8_t block[LG_H2_SLOT_BLOCK_MAX];
};
struct lg_h2_encoder {
    uint32_t table_max, table_used; /* bytes */
    uint32_t inserted;
    bool size_due,
        drop_due; /* A size update is to begin the next block; with a drop to 0 before. */
    uint32_t slot_count;
    struct lg_h2_slot slots[LG_H2_SLOTS];
};

void lg_h2_encoder_init(struct lg_h2_encoder *e);
/* The peer's SETTINGS_HEADER_TABLE_SIZE. */
void lg_h2_encoder_resize(struct lg_h2_encoder *e, uint32_t bytes);
/* Appends the block of `head`. */
void lg_h2_encode(struct lg_h2_encoder *e, const struct lg_h2_head *head, struct lg_buf *out);
/* The same without the table, so that it may be sent at any time later behind a prefix. */
void lg_h2_encode_plain(const struct lg_h2_head *head, struct lg_buf *out);
/* What must stand before the next block: mostly nothing. */
void lg_h2_encode_prefix(struct lg_h2_encoder *e, struct lg_buf *out);
/* The block of a prepared head when it is the same as last time and nothing is due; else data NULL.
 * The hit path: no work but a look. */
static inline struct lg_slice lg_h2_encode_ready(const struct lg_h2_encoder *e,
                                                 const struct lg_h2_head *head)
{
    if (head->prepared == NULL || head->count > 0 || e->size_due)
        return LG_SLICE_NULL;
    for (const struct lg_h2_slot *slot = e->slots, *end = slot + e->slot_count; slot != end; slot++)
        if (slot->prepared == head->prepared)
            return slot->size > 0 && slot->inserted == e->inserted
                       ? lg_slice(slot->block, slot->size)
                       : LG_SLICE_NULL;
    return LG_SLICE_NULL;
}

#endif
