/* Which partition a key belongs to: Venice's default partitioner (wire-formats.md 1). Pure. */
#ifndef LG_MODEL_PARTITIONER_H
#define LG_MODEL_PARTITIONER_H

#include "base/base.h"

/* The class that Java clients load by this name. */
#define LG_PARTITIONER_CLASS "com.linkedin.venice.partitioner.DefaultVenicePartitioner"

/* `key` is the Avro key alone: no header byte, no chunk suffix. `partitions` is the VERSION's
 * partition count, at least 1 and at most 2^23 (beyond that Java's int arithmetic overflows). */
uint32_t lg_partitioner_partition(struct lg_slice key, uint32_t partitions);

#endif
