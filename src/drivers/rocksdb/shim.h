/* What RocksDB's C interface of 7.8 lacks, said in C (shim.cc). No state. */
#ifndef LG_DRIVERS_ROCKSDB_SHIM_H
#define LG_DRIVERS_ROCKSDB_SHIM_H

#include <rocksdb/c.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One bound on the memtables of all databases that share these options, charged to the cache. */
void lg_rocksdb_shim_set_write_buffers(rocksdb_options_t *options, size_t bytes,
                                       rocksdb_cache_t *cache);
/* Blocks of the files are checked while they are taken in, and the files are never written to. */
void lg_rocksdb_shim_verify_ingest(rocksdb_ingestexternalfileoptions_t *options);

#ifdef __cplusplus
}
#endif

#endif
