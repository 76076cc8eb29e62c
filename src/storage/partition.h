/* One partition replica on its server: an engine, the checkpoint that says how far it has come, and
 * the loader that fills it during a push.
 *
 * The order of things makes every crash harmless: rows become durable (SST file finished, or engine
 * flushed), then the checkpoint that speaks of them is written. At end of push the files are
 * finished, taken in atomically, and only then the checkpoint says end_of_push. A crash in between
 * only makes the replica read part of the log again.
 *
 * Owned by one ingestion task, which calls it from one offload at a time: every call blocks. Once
 * complete, any number of threads may read its engine.
 */
#ifndef LG_STORAGE_PARTITION_H
#define LG_STORAGE_PARTITION_H

#include "storage/checkpoint.h"
#include "storage/engine.h"

#define LG_PARTITION_SYNC_BYTES ((uint64_t)60 << 20) /* Venice's interval for sorted pushes. */
#define LG_PARTITION_VALUE_HEADER_BYTES 4            /* Schema id, signed, big-endian. */

struct lg_partition;

struct lg_partition_options {
    struct lg_engine_driver *driver;
    struct lg_checkpoint_store *checkpoints;
    const char *topic; /* Copied. */
    uint32_t partition;
    uint64_t sync_bytes; /* 0: LG_PARTITION_SYNC_BYTES */
    uint64_t file_bytes; /* 0: LG_BULK_LOAD_FILE_BYTES */
};

/* Opens the replica where its checkpoint left it; makes it if it is new. What does not fit the
 * checkpoint (a missing SST file, damaged or vanished content) is wiped, and the checkpoint then
 * says EARLIEST: the log holds everything. LG_ERR_IN_USE, LG_ERR_IO, LG_ERR_NO_SPACE. */
LG_MUST_CHECK enum lg_rc lg_partition_open(const struct lg_partition_options *o,
                                           struct lg_partition **out, struct lg_error *err);
/* No read may be running. What was not synced is lost. NULL is allowed. */
void lg_partition_close(struct lg_partition *p);
LG_DEFINE_AUTO(lg_partition, lg_partition_close)
/* Removes a replica that is not open; absent is LG_OK. If it stops half-way, the checkpoint says
 * `removing`: call it again, or open the replica, which begins anew. */
LG_MUST_CHECK enum lg_rc lg_partition_destroy(struct lg_engine_driver *driver,
                                              struct lg_checkpoint_store *checkpoints,
                                              const char *topic, uint32_t partition,
                                              struct lg_error *err);

/* The last checkpoint: saved, loaded or EARLIEST. Borrowed until the next call that changes it. */
const struct lg_checkpoint *lg_partition_checkpoint(const struct lg_partition *p);
/* Was something wiped at open? A sentence for the log, or NULL. */
const char *lg_partition_wiped(const struct lg_partition *p);
struct lg_engine *lg_partition_engine(struct lg_partition *p);

/* What START_OF_PUSH says of a version. */
struct lg_partition_shape {
    bool sorted, chunked;
    enum lg_compression compression;
    struct lg_slice dictionary; /* of the compression */
};
/* START_OF_PUSH; the dictionary is copied. Seen again it must say the same (LG_ERR_BAD_DATA). */
LG_MUST_CHECK enum lg_rc lg_partition_start(struct lg_partition *p,
                                            const struct lg_partition_shape *shape,
                                            struct lg_error *err);
/* Stores schema id (big-endian) + payload: a value, a manifest, or a chunk, which does not count as
 * a record. In a sorted push keys ascend strictly, else
 * LG_ERR_BAD_DATA. LG_ERR_BAD_DATA before START_OF_PUSH and after end of push. Any error of the
 * engine is final for the replica: close it without syncing. */
LG_MUST_CHECK enum lg_rc lg_partition_put(struct lg_partition *p, struct lg_slice key,
                                          int32_t schema_id, struct lg_slice payload,
                                          struct lg_error *err);
/* LG_ERR_BAD_DATA in a sorted push, as in Venice: what was put is in a file already. */
LG_MUST_CHECK enum lg_rc lg_partition_remove(struct lg_partition *p, struct lg_slice key,
                                             struct lg_error *err);
/* Was START_OF_PUSH seen, and what did it say? The dictionary lives as long as the partition. */
bool lg_partition_started(const struct lg_partition *p);
struct lg_partition_shape lg_partition_shape(const struct lg_partition *p);
/* Has enough come since the last checkpoint that the caller should sync? */
bool lg_partition_wants_sync(const struct lg_partition *p);
/* Puts taken in, and bytes of their keys and values, over the whole push. */
uint64_t lg_partition_records(const struct lg_partition *p);
uint64_t lg_partition_bytes(const struct lg_partition *p);
/* Makes all rows durable, then saves a checkpoint at `position`. Fault point INGEST_FLUSHED. */
LG_MUST_CHECK enum lg_rc lg_partition_sync(struct lg_partition *p,
                                           const struct lg_position *position,
                                           struct lg_slice integrity, struct lg_error *err);
/* END_OF_PUSH: makes the rows the content of the engine, then saves a checkpoint that says so.
 * Fault points INGEST_FLUSHED, INGEST_SST_MOVED, INGEST_DONE. */
LG_MUST_CHECK enum lg_rc lg_partition_end(struct lg_partition *p,
                                          const struct lg_position *position,
                                          struct lg_slice integrity, struct lg_error *err);

#endif
