/* A growing byte buffer with a ceiling. Owned by whoever declares it.
 *
 * Appending past the ceiling does not write, sets `overflowed` and keeps it set: callers check once
 * at the end (lg_buf_ok). A ceiling of 0 means LG_BUF_CEILING_DEFAULT.
 */
#ifndef LG_BASE_BUF_H
#define LG_BASE_BUF_H

#include <endian.h>

#include "base/base.h"

#define LG_BUF_CEILING_DEFAULT ((size_t)1 << 30)

struct lg_buf {
    uint8_t *data;
    size_t size;     /* bytes in use */
    size_t capacity; /* bytes allocated */
    size_t ceiling;  /* bytes allowed; 0 = default */
    bool overflowed;
};

/* {0} is a valid empty buffer with the default ceiling. */
static inline struct lg_buf lg_buf_with_ceiling(size_t ceiling)
{
    return (struct lg_buf){.ceiling = ceiling};
}
/* Frees the memory and makes it {0} again. */
void lg_buf_done(struct lg_buf *b);
LG_DEFINE_SCOPED(lg_buf, lg_buf_done)
/* Size 0, memory and ceiling kept, overflow forgotten. */
static inline void lg_buf_clear(struct lg_buf *b)
{
    b->size = 0;
    b->overflowed = false;
}
/* What lg_buf_reserve does when there is no room yet. */
uint8_t *lg_buf_grow(struct lg_buf *b, size_t extra);
/* Room for `extra` more bytes: pointer to it, or NULL past the ceiling (overflowed is set). */
static inline uint8_t *lg_buf_reserve(struct lg_buf *b, size_t extra)
{
    if (LG_UNLIKELY(b->data == NULL || extra > b->capacity - b->size || b->overflowed))
        return lg_buf_grow(b, extra);
    return b->data + b->size;
}
/* Takes `n` reserved bytes into use. */
static inline void lg_buf_commit(struct lg_buf *b, size_t n)
{
    b->size += n;
}
/* What lg_buf_append does when there is no room yet. */
void lg_buf_append_growing(struct lg_buf *b, const void *data, size_t size);
static inline void lg_buf_append(struct lg_buf *b, const void *data, size_t size)
{
    if (LG_UNLIKELY(size == 0 || size > b->capacity - b->size || b->overflowed)) {
        lg_buf_append_growing(b, data, size);
        return;
    }
    memcpy(b->data + b->size, data, size);
    b->size += size;
}
static inline void lg_buf_append_slice(struct lg_buf *b, struct lg_slice s)
{
    lg_buf_append(b, s.data, s.size);
}
void lg_buf_append_str(struct lg_buf *b, const char *s);
static inline void lg_buf_append_byte(struct lg_buf *b, uint8_t byte)
{
    lg_buf_append(b, &byte, 1);
}
void lg_buf_append_u32be(struct lg_buf *b, uint32_t v);
void lg_buf_append_u64be(struct lg_buf *b, uint64_t v);
void lg_buf_append_u32le(struct lg_buf *b, uint32_t v);
void lg_buf_append_u64le(struct lg_buf *b, uint64_t v);
void lg_buf_appendf(struct lg_buf *b, const char *fmt, ...) LG_PRINTF(2, 3);
/* Drops the first n bytes (n <= size). */
void lg_buf_consume(struct lg_buf *b, size_t n);
static inline struct lg_slice lg_buf_slice(const struct lg_buf *b)
{
    return lg_slice(b->data, b->size);
}
static inline bool lg_buf_ok(const struct lg_buf *b)
{
    return !b->overflowed;
}
/* The text as a C string owned by the caller; the buffer is empty afterwards. */
char *lg_buf_take_str(struct lg_buf *b);

static inline uint32_t lg_load_u32be(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof v);
    return be32toh(v);
}
static inline uint64_t lg_load_u64be(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof v);
    return be64toh(v);
}
static inline uint32_t lg_load_u32le(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof v);
    return le32toh(v);
}
static inline uint64_t lg_load_u64le(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof v);
    return le64toh(v);
}
/* memcpy for what is mostly short: up to 128 bytes without a call. What a step of less than its
 * width would copy, the last one copies with bytes that were copied already. */
static inline void lg_copy_short(uint8_t *to, const uint8_t *from, size_t size)
{
    if (size > 128) {
        memcpy(to, from, size);
    } else if (size >= 16) {
        for (size_t i = 0; i + 16 < size; i += 16)
            memcpy(to + i, from + i, 16);
        memcpy(to + size - 16, from + size - 16, 16);
    } else if (size >= 8) {
        memcpy(to, from, 8);
        memcpy(to + size - 8, from + size - 8, 8);
    } else if (size >= 4) {
        memcpy(to, from, 4);
        memcpy(to + size - 4, from + size - 4, 4);
    } else if (size > 0) {
        to[0] = from[0];
        to[size / 2] = from[size / 2];
        to[size - 1] = from[size - 1];
    }
}
static inline void lg_store_u32be(uint8_t *p, uint32_t v)
{
    v = htobe32(v);
    memcpy(p, &v, sizeof v);
}

#endif
