/* Both CRCs by the instructions that ARMv8 has for them, which nearly every 64-bit processor
 * implements; whether this one does is asked before main. */
#include "base/crc_cpu.h"

#if defined(__aarch64__)
#include "base/buf.h"

#include <asm/hwcap.h>
#include <sys/auxv.h>

static bool has_crc_instructions;

__attribute__((constructor)) static void ask(void)
{
    has_crc_instructions = (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0;
}

/* As assembler text: gcc and clang do not agree on the name of the target that has the intrinsics.
 */
#define STEP(mnemonic, registers, crc, word)                                                       \
    __asm__(".arch_extension crc\n\t" mnemonic " %w0, %w0, " registers : "+r"(crc) : "r"(word))

size_t lg_crc32_by_cpu(uint32_t *crc, const uint8_t *p, size_t size)
{
    uint32_t sum = *crc;
    size_t n = size;

    if (LG_UNLIKELY(!has_crc_instructions))
        return 0;
    for (; n >= 8; p += 8, n -= 8)
        STEP("crc32x", "%x1", sum, lg_load_u64le(p));
    for (; n > 0; p++, n--)
        STEP("crc32b", "%w1", sum, (uint32_t)*p);
    *crc = sum;
    return size;
}

size_t lg_crc32c_by_cpu(uint32_t *crc, const uint8_t *p, size_t size)
{
    uint32_t sum = *crc;
    size_t n = size;

    if (LG_UNLIKELY(!has_crc_instructions))
        return 0;
    for (; n >= 8; p += 8, n -= 8)
        STEP("crc32cx", "%x1", sum, lg_load_u64le(p));
    for (; n > 0; p++, n--)
        STEP("crc32cb", "%w1", sum, (uint32_t)*p);
    *crc = sum;
    return size;
}

#endif
