/* Borrowed bytes, by value. Valid for the call unless a header says otherwise; owns nothing. */
#ifndef LG_BASE_SLICE_H
#define LG_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct lg_slice {
    const uint8_t *data; /* May be NULL when size is 0. */
    size_t size;         /* bytes */
};

#define LG_SLICE_NULL ((struct lg_slice){NULL, 0})
/* Of a string literal. */
#define LG_LIT(s) ((struct lg_slice){(const uint8_t *)(s), sizeof(s) - 1})
/* For printf: "%.*s", LG_FMT(slice). */
#define LG_FMT(s) (int)(s).size, (const char *)(s).data

static inline struct lg_slice lg_slice(const void *data, size_t size)
{
    return (struct lg_slice){(const uint8_t *)data, size};
}

/* Of a NUL-terminated string, without the NUL. NULL gives the empty slice. */
static inline struct lg_slice lg_slice_str(const char *s)
{
    return lg_slice(s, s == NULL ? 0 : strlen(s));
}

static inline bool lg_slice_eq(struct lg_slice a, struct lg_slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* The same for what is mostly short and mostly equal: without a call. */
static inline bool lg_slice_eq_short(struct lg_slice a, struct lg_slice b)
{
    uint64_t x, y, differ = 0;
    uint32_t u[2], v[2];

    if (a.size != b.size || a.size < sizeof u[0])
        return lg_slice_eq(a, b);
    if (a.size < sizeof x) {
        memcpy(&u[0], a.data, sizeof u[0]);
        memcpy(&v[0], b.data, sizeof v[0]);
        memcpy(&u[1], a.data + a.size - sizeof u[1], sizeof u[1]);
        memcpy(&v[1], b.data + b.size - sizeof v[1], sizeof v[1]);
        return ((u[0] ^ v[0]) | (u[1] ^ v[1])) == 0;
    }
    for (size_t i = 0; i + sizeof x < a.size; i += sizeof x) {
        memcpy(&x, a.data + i, sizeof x);
        memcpy(&y, b.data + i, sizeof y);
        differ |= x ^ y;
    }
    memcpy(&x, a.data + a.size - sizeof x, sizeof x);
    memcpy(&y, b.data + b.size - sizeof y, sizeof y);
    return (differ | (x ^ y)) == 0;
}

static inline bool lg_slice_eq_str(struct lg_slice a, const char *s)
{
    return lg_slice_eq(a, lg_slice_str(s));
}

/* Unsigned lexicographic order: <0, 0, >0. A prefix sorts first. */
static inline int lg_slice_cmp(struct lg_slice a, struct lg_slice b)
{
    size_t n = a.size < b.size ? a.size : b.size;
    int c = n == 0 ? 0 : memcmp(a.data, b.data, n);

    return c != 0 ? c : (a.size > b.size) - (a.size < b.size);
}

static inline bool lg_slice_starts(struct lg_slice s, struct lg_slice prefix)
{
    return s.size >= prefix.size &&
           (prefix.size == 0 || memcmp(s.data, prefix.data, prefix.size) == 0);
}

/* Without its first n bytes; n > size gives the empty slice. */
static inline struct lg_slice lg_slice_skip(struct lg_slice s, size_t n)
{
    return n >= s.size ? LG_SLICE_NULL : lg_slice(s.data + n, s.size - n);
}

#endif
