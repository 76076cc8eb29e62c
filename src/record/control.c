/* Makers of control messages, and their arrays and maps. Pure. */
#include "record/control.h"

#include "avro/decode.h"
#include "avro/encode.h"

struct lg_control lg_control_start_of_segment(enum lg_checksum_type checksum)
{
    return (struct lg_control){
        .type = LG_CONTROL_START_OF_SEGMENT,
        .start_of_segment = {.checksum_type = (int32_t)checksum},
    };
}

struct lg_control lg_control_end_of_segment(struct lg_slice checksum, bool is_final)
{
    return (struct lg_control){
        .type = LG_CONTROL_END_OF_SEGMENT,
        .end_of_segment = {.checksum = checksum, .is_final = is_final},
    };
}

struct lg_control lg_control_start_of_push(bool sorted, bool chunked)
{
    return (struct lg_control){
        .type = LG_CONTROL_START_OF_PUSH,
        .start_of_push = {.sorted = sorted, .chunked = chunked},
    };
}

struct lg_control lg_control_end_of_push(void)
{
    return (struct lg_control){.type = LG_CONTROL_END_OF_PUSH};
}

struct lg_control lg_control_topic_switch(struct lg_sequence source_servers,
                                          struct lg_slice source_topic, int64_t rewind_start_ms)
{
    return (struct lg_control){
        .type = LG_CONTROL_TOPIC_SWITCH,
        .topic_switch =
            {
                .source_servers = source_servers,
                .source_topic = source_topic,
                .rewind_start_ms = rewind_start_ms,
            },
    };
}

struct lg_control lg_control_version_swap(struct lg_slice old_topic, struct lg_slice new_topic)
{
    return (struct lg_control){
        .type = LG_CONTROL_VERSION_SWAP,
        .version_swap = {.old_topic = old_topic, .new_topic = new_topic, .generation_id = -1},
    };
}

/* The head of a block. Its size in bytes, if it has one, is passed over: a decoded envelope was
 * checked by its items, and that size may be a lie. */
static bool next_block(struct lg_decoder *d, uint64_t *out_count)
{
    int64_t count, size;

    if (lg_decode_long(d, &count, /* err= */ NULL) != LG_OK)
        return false;
    if (count < 0 && lg_decode_long(d, &size, /* err= */ NULL) != LG_OK)
        return false;
    *out_count = count < 0 ? -(uint64_t)count : (uint64_t)count;
    return true;
}

/* Stands the decoder on the next item, over the head of a block if need be. */
static bool next_item(struct lg_sequence_cursor *cursor, struct lg_decoder *d)
{
    *d = lg_decoder_of(cursor->encoded);
    if (cursor->left_in_block == 0 &&
        (cursor->encoded.size == 0 || !next_block(d, &cursor->left_in_block)))
        return false;
    if (cursor->left_in_block == 0) {
        cursor->encoded = LG_SLICE_NULL;
        return false;
    }
    cursor->left_in_block--;
    return true;
}

bool lg_sequence_next_long(struct lg_sequence_cursor *cursor, int64_t *out)
{
    struct lg_decoder d;

    if (!next_item(cursor, &d) || lg_decode_long(&d, out, /* err= */ NULL) != LG_OK)
        return false;
    cursor->encoded = lg_decoder_rest(&d);
    return true;
}

bool lg_sequence_next_bytes(struct lg_sequence_cursor *cursor, struct lg_slice *out)
{
    struct lg_decoder d;

    if (!next_item(cursor, &d) || lg_decode_bytes(&d, out, /* err= */ NULL) != LG_OK)
        return false;
    cursor->encoded = lg_decoder_rest(&d);
    return true;
}

bool lg_sequence_next_pair(struct lg_sequence_cursor *cursor, struct lg_slice *out_key,
                           struct lg_slice *out_value)
{
    struct lg_slice key;
    struct lg_decoder d;

    if (!next_item(cursor, &d) || lg_decode_bytes(&d, &key, /* err= */ NULL) != LG_OK ||
        lg_decode_bytes(&d, out_value, /* err= */ NULL) != LG_OK)
        return false;
    *out_key = key;
    cursor->encoded = lg_decoder_rest(&d);
    return true;
}

void lg_sequence_write_longs(struct lg_buf *out, const int64_t *items, size_t n)
{
    if (n != 0)
        lg_encode_long(out, (int64_t)n);
    for (size_t i = 0; i < n; i++)
        lg_encode_long(out, items[i]);
    lg_encode_long(out, 0);
}

void lg_sequence_write_bytes(struct lg_buf *out, const struct lg_slice *items, size_t n)
{
    if (n != 0)
        lg_encode_long(out, (int64_t)n);
    for (size_t i = 0; i < n; i++)
        lg_encode_bytes(out, items[i]);
    lg_encode_long(out, 0);
}

void lg_sequence_write_pairs(struct lg_buf *out, const struct lg_slice *items, size_t n)
{
    if (n != 0)
        lg_encode_long(out, (int64_t)n);
    for (size_t i = 0; i < 2 * n; i++)
        lg_encode_bytes(out, items[i]);
    lg_encode_long(out, 0);
}
