/* Digests: MD5 (RFC 1321, for the partitioner), CRC-32 (IEEE 802.3, as zlib), CRC-32C (Castagnoli,
 * RFC 3720, for our own files), SHA-256 (for fingerprints), Adler-32 (RFC 1950), and a fast 64-bit
 * hash for maps and traces. */
#ifndef LG_BASE_HASH_H
#define LG_BASE_HASH_H

#include "base/base.h"

struct lg_md5 {
    uint32_t state[4];
    uint64_t length; /* bytes fed */
    uint8_t block[64];
};
void lg_md5_init(struct lg_md5 *m);
void lg_md5_update(struct lg_md5 *m, const void *data, size_t size);
void lg_md5_final(struct lg_md5 *m, uint8_t out[16]);
void lg_md5(struct lg_slice s, uint8_t out[16]);
void lg_sha256(struct lg_slice s, uint8_t out[32]);

/* Continues from `crc`; start with 0. */
uint32_t lg_crc32(uint32_t crc, const void *data, size_t size);
uint32_t lg_crc32c(uint32_t crc, const void *data, size_t size);
/* The same without the processor's special instructions; only tests call them. */
uint32_t lg_crc32_portable(uint32_t crc, const void *data, size_t size);
uint32_t lg_crc32c_portable(uint32_t crc, const void *data, size_t size);
/* Start with 1. */
uint32_t lg_adler32(uint32_t adler, const void *data, size_t size);
/* 64 bits of good mixing, the same on every machine and compiler. */
uint64_t lg_hash64(const void *data, size_t size, uint64_t seed);

#endif
