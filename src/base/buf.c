/* A growing byte buffer with a ceiling. Owned by whoever declares it; not for two threads. */
#include "base/buf.h"

#include <stdio.h>

#define LG_BUF_CAPACITY_MIN 64

static size_t ceiling_of(const struct lg_buf *b)
{
    return b->ceiling == 0 ? LG_BUF_CEILING_DEFAULT : b->ceiling;
}

void lg_buf_done(struct lg_buf *b)
{
    lg_free(b->data);
    *b = (struct lg_buf){0};
}

uint8_t *lg_buf_grow(struct lg_buf *b, size_t extra)
{
    size_t ceiling = ceiling_of(b), capacity;

    if (b->overflowed || b->size > ceiling || extra > ceiling - b->size) {
        b->overflowed = true;
        return NULL;
    }
    if (b->data == NULL || extra > b->capacity - b->size) {
        capacity = LG_MAX(b->capacity * 2, (size_t)LG_BUF_CAPACITY_MIN);
        capacity = LG_MAX(LG_MIN(capacity, ceiling), b->size + extra);
        b->data = lg_realloc(b->data, capacity);
        b->capacity = capacity;
    }
    return b->data + b->size;
}

void lg_buf_append_growing(struct lg_buf *b, const void *data, size_t size)
{
    uint8_t *room;

    if (size == 0)
        return;
    room = lg_buf_reserve(b, size);
    if (room == NULL)
        return;
    memcpy(room, data, size);
    b->size += size;
}

void lg_buf_append_str(struct lg_buf *b, const char *s)
{
    lg_buf_append(b, s, strlen(s));
}

void lg_buf_append_u32be(struct lg_buf *b, uint32_t v)
{
    uint8_t bytes[4];

    lg_store_u32be(bytes, v);
    lg_buf_append(b, bytes, sizeof(bytes));
}

void lg_buf_append_u64be(struct lg_buf *b, uint64_t v)
{
    uint8_t bytes[8];

    lg_store_u32be(bytes, (uint32_t)(v >> 32));
    lg_store_u32be(bytes + 4, (uint32_t)v);
    lg_buf_append(b, bytes, sizeof(bytes));
}

void lg_buf_append_u32le(struct lg_buf *b, uint32_t v)
{
    uint8_t bytes[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};

    lg_buf_append(b, bytes, sizeof(bytes));
}

void lg_buf_append_u64le(struct lg_buf *b, uint64_t v)
{
    uint8_t bytes[8];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(v >> (8 * i));
    lg_buf_append(b, bytes, sizeof(bytes));
}

/* The NUL that vsnprintf insists on is not part of the text, and so must not count against the
 * ceiling: the text is formatted once into a small array and, if it is longer, once more on the
 * heap. */
void lg_buf_appendf(struct lg_buf *b, const char *fmt, ...)
{
    char small[256], *text = small;
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintf(small, sizeof(small), fmt, args);
    va_end(args);
    assert(n >= 0);
    if ((size_t)n >= sizeof(small)) {
        if (b->overflowed || (size_t)n > ceiling_of(b) - b->size) {
            b->overflowed = true;
            return;
        }
        text = lg_alloc((size_t)n + 1);
        va_start(args, fmt);
        vsnprintf(text, (size_t)n + 1, fmt, args);
        va_end(args);
    }
    lg_buf_append(b, text, (size_t)n);
    if (text != small)
        lg_free(text);
}

void lg_buf_consume(struct lg_buf *b, size_t n)
{
    assert(n <= b->size);
    if (n == 0)
        return;
    b->size -= n;
    if (b->size > 0)
        memmove(b->data, b->data + n, b->size);
}

char *lg_buf_take_str(struct lg_buf *b)
{
    char *text = lg_realloc(b->data, b->size + 1);

    text[b->size] = '\0';
    *b = (struct lg_buf){.ceiling = b->ceiling};
    return text;
}
