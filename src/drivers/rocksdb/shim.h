/* What RocksDB's C interface of 7.8 lacks, said in C (shim.cc). No state. */
#ifndef LG_DRIVERS_ROCKSDB_SHIM_H
#define LG_DRIVERS_ROCKSDB_SHIM_H

#include <rocksdb/c.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One bound on the memtables of all databases that share these options, charged to the cache. */
void lg_rocksdb_shim_set_write_buffers(rocksdb_options_t *options, size_t bytes,
                                       rocksdb_cache_t *cache);
/* The files are never written to; with `verify` all their blocks are read and checked while they
 * are taken in. */
void lg_rocksdb_shim_set_ingest(rocksdb_ingestexternalfileoptions_t *options, bool verify);

#ifdef __cplusplus
}
#endif

#endif
