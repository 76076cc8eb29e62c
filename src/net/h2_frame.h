/* Frames of HTTP/2 as bytes (RFC 9113, sections 4 and 6). */
#ifndef LG_NET_H2_FRAME_H
#define LG_NET_H2_FRAME_H

#include "base/buf.h"

#define LG_H2_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define LG_H2_PREFACE_BYTES ((size_t)24)
#define LG_H2_FRAME_HEAD_BYTES ((size_t)9)
#define LG_H2_FRAME_BYTES_MAX ((size_t)16384) /* what we take; SETTINGS_MAX_FRAME_SIZE unsaid */
#define LG_H2_WINDOW_MAX ((int64_t)0x7fffffff)
#define LG_H2_WINDOW_INITIAL ((int64_t)65535)

enum lg_h2_type {
    LG_H2_DATA,
    LG_H2_HEADERS,
    LG_H2_PRIORITY,
    LG_H2_RST_STREAM,
    LG_H2_SETTINGS,
    LG_H2_PUSH_PROMISE,
    LG_H2_PING,
    LG_H2_GOAWAY,
    LG_H2_WINDOW_UPDATE,
    LG_H2_CONTINUATION
};
enum {
    LG_H2_FLAG_END_STREAM = 1,
    LG_H2_FLAG_ACK = 1,
    LG_H2_FLAG_END_HEADERS = 4,
    LG_H2_FLAG_PADDED = 8,
    LG_H2_FLAG_PRIORITY = 0x20
};
enum lg_h2_setting {
    LG_H2_SET_HEADER_TABLE_SIZE = 1,
    LG_H2_SET_ENABLE_PUSH,
    LG_H2_SET_MAX_CONCURRENT_STREAMS,
    LG_H2_SET_INITIAL_WINDOW_SIZE,
    LG_H2_SET_MAX_FRAME_SIZE,
    LG_H2_SET_MAX_HEADER_LIST_SIZE,
    LG_H2_SET_ENABLE_CONNECT_PROTOCOL = 8,
    LG_H2_SET_NO_RFC7540_PRIORITIES
};

struct lg_h2_frame {
    uint32_t size; /* of the payload */
    uint8_t type, flags;
    uint32_t stream;
};

static inline struct lg_h2_frame lg_h2_frame_read(const uint8_t p[LG_H2_FRAME_HEAD_BYTES])
{
    uint32_t size_and_type = lg_load_u32be(p);

    return (struct lg_h2_frame){size_and_type >> 8, (uint8_t)size_and_type, p[4],
                                lg_load_u32be(p + 5) & 0x7fffffff};
}

/* Writes a frame's head, returns what follows it. */
static inline uint8_t *lg_h2_frame_write(uint8_t *p, size_t size, enum lg_h2_type type,
                                         unsigned flags, uint32_t stream)
{
    lg_store_u32be(p, (uint32_t)size << 8 | (uint8_t)type);
    p[4] = (uint8_t)flags;
    lg_store_u32be(p + 5, stream);
    return p + LG_H2_FRAME_HEAD_BYTES;
}

#endif
