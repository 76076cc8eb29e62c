/* The rows of the bulk load bench: the same on every machine. Row i has the key of 16 hex digits of
 * a bijection of i, so that keys are distinct and arrive in no order, and `value_bytes` bytes that
 * no compressor makes smaller.
 */
#ifndef LG_BENCH_BULK_ROWS_H
#define LG_BENCH_BULK_ROWS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BULK_KEY_BYTES 16

/* The finalizer of splitmix64: a bijection of 64-bit numbers. */
static inline uint64_t bulk_mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static inline void bulk_key(uint64_t i, uint8_t out[BULK_KEY_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    uint64_t n = bulk_mix(i);

    for (size_t d = 0; d < BULK_KEY_BYTES; d++)
        out[d] = (uint8_t)digits[n >> (60 - 4 * d) & 15];
}

static inline void bulk_value(uint64_t i, uint8_t *out, size_t size)
{
    for (size_t at = 0; at < size; at += 8) {
        uint64_t n = bulk_mix(i * 1000003u + at + 1);

        memcpy(out + at, &n, size - at < 8 ? size - at : 8);
    }
}

#endif
