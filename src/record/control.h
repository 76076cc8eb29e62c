/* Control messages: makers with Venice's values, and the arrays and maps they carry.
 *
 * A maker returns a value whose slices are borrowed from its arguments. Pure.
 */
#ifndef LG_RECORD_CONTROL_H
#define LG_RECORD_CONTROL_H

#include "record/checksum.h"
#include "record/envelope.h"

struct lg_control lg_control_start_of_segment(enum lg_checksum_type checksum);
struct lg_control lg_control_end_of_segment(struct lg_slice checksum, bool is_final);
/* No compression, no dictionary, timestamp policy 0; set them in the result if wanted. */
struct lg_control lg_control_start_of_push(bool sorted, bool chunked);
struct lg_control lg_control_end_of_push(void);
struct lg_control lg_control_topic_switch(struct lg_sequence source_servers,
                                          struct lg_slice source_topic, int64_t rewind_start_ms);
struct lg_control lg_control_version_swap(struct lg_slice old_topic, struct lg_slice new_topic);

/* Reads one item and moves `cursor`, which starts as {.encoded = sequence.encoded}. False at the
 * end, and on bytes that are no such sequence (a decoded envelope holds none). */
struct lg_sequence_cursor {
    struct lg_slice encoded; /* what is left */
    uint64_t left_in_block;
};
LG_MUST_CHECK bool lg_sequence_next_long(struct lg_sequence_cursor *cursor, int64_t *out);
/* Strings and bytes alike. */
LG_MUST_CHECK bool lg_sequence_next_bytes(struct lg_sequence_cursor *cursor, struct lg_slice *out);
LG_MUST_CHECK bool lg_sequence_next_pair(struct lg_sequence_cursor *cursor,
                                         struct lg_slice *out_key, struct lg_slice *out_value);

/* Appends the Avro form to `out`, one block. The result is made by lg_sequence_of once `out` does
 * not grow any more. */
void lg_sequence_write_longs(struct lg_buf *out, const int64_t *items, size_t n);
void lg_sequence_write_bytes(struct lg_buf *out, const struct lg_slice *items, size_t n);
/* Keys and values in turn: 2 * n slices. */
void lg_sequence_write_pairs(struct lg_buf *out, const struct lg_slice *items, size_t n);
static inline struct lg_sequence lg_sequence_of(struct lg_slice encoded, uint64_t count)
{
    return (struct lg_sequence){.count = count, .encoded = encoded};
}

#endif
