/* CRC-32C, which guards every record of our own files, by the instruction of x86 that is made for
 * it; CRC-32, which sums up every record of a topic, by the product of polynomials. What the
 * processor has is asked before main. */
#include "base/crc_cpu.h"

#if defined(__x86_64__)
#include "base/buf.h"

#include <nmmintrin.h>
#include <wmmintrin.h>

static bool has_crc_instruction, has_product;

__attribute__((constructor)) static void ask(void)
{
    __builtin_cpu_init();
    has_crc_instruction = __builtin_cpu_supports("sse4.2");
    has_product = __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
}

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
__attribute__((target("pclmul,sse4.1"))) static size_t
crc32_by_product(uint32_t *crc, const uint8_t *p, size_t size)
{
    const uint8_t *const start = p;
    const __m128i by_512 = _mm_set_epi64x(0x1c6e41596, 0x154442bd4);
    const __m128i by_128 = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0);
    __m128i a = _mm_xor_si128(load(p), _mm_cvtsi32_si128((int32_t)*crc));
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
    *crc = reduce(a, by_128);
    return (size_t)(p - start);
}

size_t lg_crc32_by_cpu(uint32_t *crc, const uint8_t *p, size_t size)
{
    return size >= PRODUCT_BYTES_MIN && LG_LIKELY(has_product) ? crc32_by_product(crc, p, size) : 0;
}

/* Records are short: the loop is unrolled, and what is left has no loop. */
__attribute__((target("sse4.2"))) size_t lg_crc32c_by_cpu(uint32_t *crc, const uint8_t *p,
                                                          size_t size)
{
    uint64_t wide = *crc;
    uint32_t narrow;

    if (LG_UNLIKELY(!has_crc_instruction))
        return 0;
    for (size_t n = size / 32; n > 0; n--, p += 32) {
        wide = _mm_crc32_u64(wide, lg_load_u64le(p));
        wide = _mm_crc32_u64(wide, lg_load_u64le(p + 8));
        wide = _mm_crc32_u64(wide, lg_load_u64le(p + 16));
        wide = _mm_crc32_u64(wide, lg_load_u64le(p + 24));
    }
    for (size_t n = size % 32 / 8; n > 0; n--, p += 8)
        wide = _mm_crc32_u64(wide, lg_load_u64le(p));
    narrow = (uint32_t)wide;
    if ((size & 4) != 0)
        narrow = _mm_crc32_u32(narrow, lg_load_u32le(p)), p += 4;
    if ((size & 2) != 0)
        narrow = _mm_crc32_u16(narrow, (uint16_t)(p[0] | p[1] << 8)), p += 2;
    if ((size & 1) != 0)
        narrow = _mm_crc32_u8(narrow, *p);
    *crc = narrow;
    return size;
}

#endif
