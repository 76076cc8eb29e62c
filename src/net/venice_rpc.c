#include "net/venice_rpc.h"

/* The tags of VeniceClientRequest: number and wire type in one byte. */
enum {
    TAG_PARTITION = 1 << 3 | LG_PB_WIRE_VARINT,
    TAG_KEY_STRING = 2 << 3 | LG_PB_WIRE_SIZED,
    TAG_KEY_BYTES = 3 << 3 | LG_PB_WIRE_SIZED,
    TAG_RESOURCE_NAME = 5 << 3 | LG_PB_WIRE_SIZED,
    TAG_IS_STREAMING = 7 << 3 | LG_PB_WIRE_VARINT,
    TAG_IS_RETRY = 8 << 3 | LG_PB_WIRE_VARINT,
    TAG_IS_BATCH = 9 << 3 | LG_PB_WIRE_VARINT,
    TAG_METHOD = 10 << 3 | LG_PB_WIRE_SIZED,
};

#define ASCII_AT_ONCE_MAX 256u /* bytes */
#define ASCII_8 UINT64_C(0x8080808080808080)

/* ASCII is UTF-8; other texts are left to who looks closer. */
static inline bool is_ascii(struct lg_slice s)
{
    uint64_t bits = 0, eight;

    if (s.size >= sizeof eight) {
        for (size_t i = 0; i + sizeof eight <= s.size; i += sizeof eight) {
            memcpy(&eight, s.data + i, sizeof eight);
            bits |= eight;
        }
        memcpy(&eight, s.data + s.size - sizeof eight, sizeof eight);
        return ((bits | eight) & ASCII_8) == 0;
    }
    for (size_t i = 0; i < s.size; i++)
        bits |= s.data[i];
    return (bits & 0x80) == 0;
}

/* The text that is `n` bytes long; false when it is not there or not ASCII. */
static inline bool take_text(const uint8_t **at, const uint8_t *end, size_t n, struct lg_slice *out)
{
    if (n > (size_t)(end - *at))
        return false;
    *out = lg_slice(*at, n);
    *at += n;
    return true;
}

/* False for all that is unusual: numbers and lengths over 14 bits, texts that are not ASCII, fields
 * that are not known, damage. `*out` may then hold anything. */
static bool read_usual(struct lg_slice in, struct lg_venice_client_request *out)
{
    const uint8_t *at = in.data, *end = at + in.size;
    /* A short message is looked through at once: mostly its numbers are small, too. */
    bool ascii = in.size <= ASCII_AT_ONCE_MAX && is_ascii(in);

    *out = (struct lg_venice_client_request){0};
    while (end - at >= 2) {
        uint8_t tag = *at++;
        uint32_t n = *at++;

        if (n >= 0x80) {
            if (at == end || *at >= 0x80)
                return false;
            n = (n & 0x7f) | (uint32_t)*at++ << 7;
        }
        switch (tag) {
        case TAG_PARTITION:
            out->partition = n;
            continue;
        case TAG_IS_STREAMING:
            out->is_streaming_request = n != 0;
            continue;
        case TAG_IS_RETRY:
            out->is_retry_request = n != 0;
            continue;
        case TAG_IS_BATCH:
            out->is_batch_request = n != 0;
            continue;
        case TAG_KEY_BYTES:
            if (!take_text(&at, end, n, &out->key_bytes))
                return false;
            continue;
        case TAG_KEY_STRING:
            if (!take_text(&at, end, n, &out->key_string) || !(ascii || is_ascii(out->key_string)))
                return false;
            continue;
        case TAG_RESOURCE_NAME:
            if (!take_text(&at, end, n, &out->resource_name) ||
                !(ascii || is_ascii(out->resource_name)))
                return false;
            continue;
        case TAG_METHOD:
            if (!take_text(&at, end, n, &out->method) || !(ascii || is_ascii(out->method)))
                return false;
            continue;
        default:
            return false;
        }
    }
    return at == end;
}

enum lg_rc lg_venice_request_read(struct lg_slice in, struct lg_venice_client_request *out,
                                  struct lg_error *err)
{
    if (LG_LIKELY(in.size > 0 && read_usual(in, out)))
        return LG_OK;
    return lg_pb_decode(&lg_venice_client_request_pb, in, /* arena= */ NULL, out, err);
}

/* --- Answers ---------------------------------------------------------------------------------- */
static inline uint8_t *put_number(uint8_t *to, uint8_t number, uint32_t v)
{
    if (v == 0)
        return to;
    *to++ = (uint8_t)(number << 3 | LG_PB_WIRE_VARINT);
    return lg_pb_put_varint(to, v);
}

void lg_venice_answer(struct lg_venice_answer *out, const struct lg_venice_server_response *rs)
{
    uint8_t *head = put_number(out->head + LG_GRPC_PREFIX_BYTES, 1,
                               (uint32_t)lg_pb_zigzag(rs->schema_id)),
            *tail = out->tail;

    assert(rs->error_message.size == 0 && rs->data.size <= LG_VENICE_DATA_BYTES_MAX);
    if (rs->data.size > 0) {
        *head++ = 2 << 3 | LG_PB_WIRE_SIZED;
        head = lg_pb_put_varint(head, rs->data.size);
    }
    tail = put_number(tail, 3, rs->compression_strategy);
    tail = put_number(tail, 4, rs->response_rcu);
    tail = put_number(tail, 5, rs->is_streaming_response ? 1 : 0);
    tail = put_number(tail, 6, rs->error_code);
    out->head_size = (uint8_t)(head - out->head);
    out->tail_size = (uint8_t)(tail - out->tail);
    lg_grpc_prefix(out->head, /* is_compressed= */ false,
                   lg_venice_answer_size(out, rs->data.size) - LG_GRPC_PREFIX_BYTES);
}
