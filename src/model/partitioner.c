/* Venice's default partitioner: the MD5 of the key as one big-endian number, modulo the partitions.
 * Pure. */
#include "model/partitioner.h"

#include "base/buf.h"
#include "base/hash.h"

#define PARTITIONS_MAX ((uint32_t)1 << 23)

uint32_t lg_partitioner_partition(struct lg_slice key, uint32_t partitions)
{
    uint8_t digest[16];
    uint64_t m = 0;

    assert(partitions >= 1 && partitions <= PARTITIONS_MAX);
    lg_md5(key, digest);
    for (size_t i = 0; i < sizeof(digest); i += 4)
        m = (m << 32 | lg_load_u32be(digest + i)) % partitions;
    return (uint32_t)m;
}
