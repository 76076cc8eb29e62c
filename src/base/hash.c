/* Checksums and the hash of maps. Stateless but for tables that are computed before main; any lane.
 *
 * Both CRCs are reflected and use eight tables, one step per eight bytes. Where the processor has
 * the instructions of x86, CRC-32C, which guards every record of our own files, uses the one made
 * for it, and CRC-32, which sums up every record of a topic, the product of polynomials.
 */
#include "base/hash.h"

#include "base/buf.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#include <wmmintrin.h>
#endif

#define CRC32_POLYNOMIAL 0xedb88320U  /* IEEE 802.3, reflected */
#define CRC32C_POLYNOMIAL 0x82f63b78U /* Castagnoli, reflected */

static uint32_t crc32_table[8][256], crc32c_table[8][256];
static bool has_crc_instruction, has_product;

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
#if defined(__x86_64__)
    __builtin_cpu_init();
    has_crc_instruction = __builtin_cpu_supports("sse4.2");
    has_product = __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
#endif
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

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t
crc32c_by_instruction(uint32_t crc, const uint8_t *p, size_t size)
{
    uint64_t wide = crc;

    for (; size >= 8; p += 8, size -= 8)
        wide = _mm_crc32_u64(wide, lg_load_u64le(p));
    crc = (uint32_t)wide;
    for (; size > 0; p++, size--)
        crc = _mm_crc32_u8(crc, *p);
    return crc;
}
#endif

#if defined(__x86_64__)
#define PRODUCT_BYTES_MIN 64u /* fewer are faster by table */

static inline __m128i load(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

/* x times the power of two polynomials in k, plus what stands there: x moved on over so many bits.
 */
__attribute__((target("pclmul,sse4.1"))) static inline __m128i fold(__m128i x, __m128i k,
                                                                    __m128i there)
{
    return _mm_xor_si128(
        _mm_xor_si128(_mm_clmulepi64_si128(x, k, 0x00), _mm_clmulepi64_si128(x, k, 0x11)), there);
}

/* The remainder of 128 bits, by Barrett's reduction. */
__attribute__((target("pclmul,sse4.1"))) static inline uint32_t reduce(__m128i x, __m128i by_128)
{
    const __m128i by_64 = _mm_set_epi64x(0, 0x163cd6124);
    const __m128i barrett = _mm_set_epi64x(0x1f7011641, 0x1db710641); /* quotient, polynomial */
    const __m128i low = _mm_setr_epi32(~0, 0, ~0, 0);
    __m128i q;

    x = _mm_xor_si128(_mm_srli_si128(x, 8), _mm_clmulepi64_si128(x, by_128, 0x10));
    x = _mm_xor_si128(_mm_srli_si128(x, 4),
                      _mm_clmulepi64_si128(_mm_and_si128(x, low), by_64, 0x00));
    q = _mm_clmulepi64_si128(_mm_and_si128(x, low), barrett, 0x10);
    q = _mm_clmulepi64_si128(_mm_and_si128(q, low), barrett, 0x00);
    return (uint32_t)_mm_extract_epi32(_mm_xor_si128(x, q), 1);
}

/* Folding (Gopal et al., "Fast CRC computation for generic polynomials", 2009): four times 16 bytes
 * side by side, then one. The constants are powers of x modulo the polynomial, reflected. */
__attribute__((target("pclmul,sse4.1"))) static uint32_t
crc32_by_product(uint32_t crc, const uint8_t *p, size_t size)
{
    const __m128i by_512 = _mm_set_epi64x(0x1c6e41596, 0x154442bd4);
    const __m128i by_128 = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0);
    __m128i a = _mm_xor_si128(load(p), _mm_cvtsi32_si128((int32_t)crc));
    __m128i b = load(p + 16), c = load(p + 32), d = load(p + 48);

    for (p += 64, size -= 64; size >= 64; p += 64, size -= 64) {
        a = fold(a, by_512, load(p));
        b = fold(b, by_512, load(p + 16));
        c = fold(c, by_512, load(p + 32));
        d = fold(d, by_512, load(p + 48));
    }
    a = fold(fold(fold(a, by_128, b), by_128, c), by_128, d);
    for (; size >= 16; p += 16, size -= 16)
        a = fold(a, by_128, load(p));
    return crc_by_table(crc32_table, reduce(a, by_128), p, size);
}
#endif

uint32_t lg_crc32(uint32_t crc, const void *data, size_t size)
{
#if defined(__x86_64__)
    if (size >= PRODUCT_BYTES_MIN && LG_LIKELY(has_product))
        return ~crc32_by_product(~crc, data, size);
#endif
    return ~crc_by_table(crc32_table, ~crc, data, size);
}

uint32_t lg_crc32_portable(uint32_t crc, const void *data, size_t size)
{
    return ~crc_by_table(crc32_table, ~crc, data, size);
}

uint32_t lg_crc32c(uint32_t crc, const void *data, size_t size)
{
#if defined(__x86_64__)
    if (LG_LIKELY(has_crc_instruction))
        return ~crc32c_by_instruction(~crc, data, size);
#endif
    return ~crc_by_table(crc32c_table, ~crc, data, size);
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

/* Sixteen bytes a step, each step one multiplication. The constants are the fractional digits of
 * square roots of the first primes: odd, dense, and nobody's choice. */
uint64_t lg_hash64(const void *data, size_t size, uint64_t seed)
{
    const uint64_t k0 = 0x6a09e667f3bcc909U, k1 = 0xbb67ae8584caa73bU, k2 = 0x3c6ef372fe94f82bU;
    const uint8_t *p = data;
    uint64_t h = mix(seed ^ k0, (uint64_t)size ^ k1);
    uint8_t tail[16] = {0};

    for (; size > 16; p += 16, size -= 16)
        h = mix(lg_load_u64le(p) ^ k1, lg_load_u64le(p + 8) ^ h);
    if (size > 0)
        memcpy(tail, p, size);
    h = mix(lg_load_u64le(tail) ^ k2, lg_load_u64le(tail + 8) ^ h);
    return mix(h ^ k0, k1);
}
