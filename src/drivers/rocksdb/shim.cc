/* The structs below mirror those of RocksDB's db/c.cc, each of which has held the C++ object as its
 * first member in every release so far. No exception leaves this file: nothing here throws but for
 * want of memory. */
#include "drivers/rocksdb/shim.h"

#include <memory>

#include <rocksdb/cache.h>
#include <rocksdb/options.h>
#include <rocksdb/write_buffer_manager.h>

struct rocksdb_options_t {
    rocksdb::Options rep;
};
struct rocksdb_cache_t {
    std::shared_ptr<rocksdb::Cache> rep;
};
struct rocksdb_ingestexternalfileoptions_t {
    rocksdb::IngestExternalFileOptions rep;
};

void lg_rocksdb_shim_set_write_buffers(rocksdb_options_t *options, size_t bytes,
                                       rocksdb_cache_t *cache)
{
    options->rep.write_buffer_manager =
        std::make_shared<rocksdb::WriteBufferManager>(bytes, cache->rep);
}

void lg_rocksdb_shim_set_ingest(rocksdb_ingestexternalfileoptions_t *options, bool verify)
{
    options->rep.verify_checksums_before_ingest = verify;
    options->rep.write_global_seqno = false;
}
