/* CRCs by the instructions that the processor has for them, if it has: crc_x86.c and crc_arm.c.
 * Only hash.c calls this, and does by table what is left. */
#ifndef LG_BASE_CRC_CPU_H
#define LG_BASE_CRC_CPU_H

#include "base/base.h"

#if defined(__x86_64__) || defined(__aarch64__)
/* Moves `*crc`, which is inverted as the algorithm has it, on over the first bytes of p and says
 * how many these are: all, none, or as many as the instructions suit. CRC-32 and CRC-32C. */
size_t lg_crc32_by_cpu(uint32_t *crc, const uint8_t *p, size_t size);
size_t lg_crc32c_by_cpu(uint32_t *crc, const uint8_t *p, size_t size);
#else
static inline size_t lg_crc32_by_cpu(uint32_t *crc, const uint8_t *p, size_t size)
{
    (void)crc, (void)p, (void)size;
    return 0;
}
static inline size_t lg_crc32c_by_cpu(uint32_t *crc, const uint8_t *p, size_t size)
{
    (void)crc, (void)p, (void)size;
    return 0;
}
#endif

#endif
