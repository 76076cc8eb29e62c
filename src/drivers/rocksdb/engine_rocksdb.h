/* The engine port on RocksDB: one database per replica (ADR 0020), block-based tables whose
 * checksums are verified on every read (ADR 0013).
 *
 * All databases of a driver share one block cache, one bound on memtables and one rate limit. A
 * replica that is being pushed has no database at all, only SST files; end of push makes one. The
 * driver may be used from any thread.
 */
#ifndef LG_DRIVERS_ROCKSDB_ENGINE_ROCKSDB_H
#define LG_DRIVERS_ROCKSDB_ENGINE_ROCKSDB_H

#include "lane/disk.h"
#include "storage/engine.h"

struct lg_rocksdb_options {
    struct lg_disk *disk; /* Of the real file system; outlives the driver. */
    const char *root;     /* The folder that `disk` stands on, as RocksDB is to name it. Copied. */
    size_t block_cache_bytes;       /* 0: 256 MiB */
    size_t write_buffers_bytes;     /* All memtables together; 0: 64 MiB */
    uint64_t rate_bytes_per_second; /* Of flushes and compactions; 0: no limit */
};

struct lg_engine_driver *lg_rocksdb_new(const struct lg_rocksdb_options *options);
void lg_rocksdb_free(
    struct lg_engine_driver *driver); /* Its engines are closed. NULL is allowed. */

#endif
