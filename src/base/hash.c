/* Checksums and the hash of maps. Stateless but for tables that are computed before main; any lane.
 *
 * Both CRCs are reflected. What the processor has no instructions for (crc_cpu.h) goes through
 * eight tables, one step per eight bytes.
 */
#include "base/hash.h"

#include "base/buf.h"
#include "base/crc_cpu.h"

#define CRC32_POLYNOMIAL 0xedb88320U  /* IEEE 802.3, reflected */
#define CRC32C_POLYNOMIAL 0x82f63b78U /* Castagnoli, reflected */

static uint32_t crc32_table[8][256], crc32c_table[8][256];

static void fill(uint32_t table[8][256], uint32_t polynomial)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;

        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (polynomial & (0 - (crc & 1)));
        table[0][i] = crc;
    }
    for (size_t t = 1; t < 8; t++) {
        for (size_t i = 0; i < 256; i++)
            table[t][i] = table[t - 1][i] >> 8 ^ table[0][table[t - 1][i] & 0xff];
    }
}

__attribute__((constructor)) static void fill_tables(void)
{
    fill(crc32_table, CRC32_POLYNOMIAL);
    fill(crc32c_table, CRC32C_POLYNOMIAL);
}

static uint32_t crc_by_table(uint32_t table[8][256], uint32_t crc, const uint8_t *p, size_t size)
{
    for (; size >= 8; p += 8, size -= 8) {
        uint32_t lo = lg_load_u32le(p) ^ crc, hi = lg_load_u32le(p + 4);

        crc = table[7][lo & 0xff] ^ table[6][lo >> 8 & 0xff] ^ table[5][lo >> 16 & 0xff] ^
              table[4][lo >> 24] ^ table[3][hi & 0xff] ^ table[2][hi >> 8 & 0xff] ^
              table[1][hi >> 16 & 0xff] ^ table[0][hi >> 24];
    }
    for (; size > 0; p++, size--)
        crc = crc >> 8 ^ table[0][(crc ^ *p) & 0xff];
    return crc;
}

uint32_t lg_crc32(uint32_t crc, const void *data, size_t size)
{
    size_t done;

    crc = ~crc;
    done = lg_crc32_by_cpu(&crc, data, size);
    return done == size
               ? ~crc
               : ~crc_by_table(crc32_table, crc, (const uint8_t *)data + done, size - done);
}

uint32_t lg_crc32_portable(uint32_t crc, const void *data, size_t size)
{
    return ~crc_by_table(crc32_table, ~crc, data, size);
}

uint32_t lg_crc32c(uint32_t crc, const void *data, size_t size)
{
    size_t done;

    crc = ~crc;
    done = lg_crc32c_by_cpu(&crc, data, size);
    return done == size
               ? ~crc
               : ~crc_by_table(crc32c_table, crc, (const uint8_t *)data + done, size - done);
}

uint32_t lg_crc32c_portable(uint32_t crc, const void *data, size_t size)
{
    return ~crc_by_table(crc32c_table, ~crc, data, size);
}

uint32_t lg_adler32(uint32_t adler, const void *data, size_t size)
{
    const uint8_t *p = data;
    uint32_t a = adler & 0xffff, b = adler >> 16;

    while (size > 0) {
        size_t n = LG_MIN(size, (size_t)5552); /* The most steps that cannot overflow b. */

        for (size_t i = 0; i < n; i++) {
            a += p[i];
            b += a;
        }
        a %= 65521;
        b %= 65521;
        p += n;
        size -= n;
    }
    return b << 16 | a;
}

/* Folds the 128-bit product into 64 bits. The factors are added again, because a factor of zero
 * would forget the other. */
static uint64_t mix(uint64_t a, uint64_t b)
{
    __extension__ unsigned __int128 product = (unsigned __int128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64) ^ a ^ b;
}

/* The last 0 to 16 bytes as two words, as if zeros followed them. What a second load sees of the
 * first one's bytes is shifted out, or the same. */
static inline void load_tail(const uint8_t *p, size_t size, uint64_t *lo, uint64_t *hi)
{
    *lo = *hi = 0;
    if (size > 8) {
        *lo = lg_load_u64le(p);
        *hi = lg_load_u64le(p + size - 8) >> (16 - size) * 8;
    } else if (size == 8) {
        *lo = lg_load_u64le(p);
    } else if (size >= 4) {
        *lo = lg_load_u32le(p) | (uint64_t)lg_load_u32le(p + size - 4) << (size - 4) * 8;
    } else {
        for (size_t i = 0; i < size; i++)
            *lo |= (uint64_t)p[i] << i * 8;
    }
}

/* Sixteen bytes a step, each step one multiplication. The constants are the fractional digits of
 * square roots of the first primes: odd, dense, and nobody's choice. */
uint64_t lg_hash64(const void *data, size_t size, uint64_t seed)
{
    const uint64_t k0 = 0x6a09e667f3bcc909U, k1 = 0xbb67ae8584caa73bU, k2 = 0x3c6ef372fe94f82bU;
    const uint8_t *p = data;
    uint64_t h = mix(seed ^ k0, (uint64_t)size ^ k1), lo, hi;

    for (; size > 16; p += 16, size -= 16)
        h = mix(lg_load_u64le(p) ^ k1, lg_load_u64le(p + 8) ^ h);
    load_tail(p, size, &lo, &hi);
    h = mix(lo ^ k2, hi ^ h);
    return mix(h ^ k0, k1);
}
