/* Sorted rows on their way into an engine: SST files beside it, taken in all at once at the end.
 *
 * Owned by the partition that loads; every call blocks. Files are named by their number, so after a
 * restart the loader goes on behind the files that a checkpoint speaks of.
 */
#ifndef LG_STORAGE_BULK_LOAD_H
#define LG_STORAGE_BULK_LOAD_H

#include "storage/engine.h"

#define LG_BULK_LOAD_FILE_BYTES ((uint64_t)64 << 20) /* A file is finished beyond this. */
#define LG_BULK_LOAD_FILES_MAX 1000000u

struct lg_bulk_load;

struct lg_bulk_load_options {
    struct lg_engine *engine; /* Borrowed; outlives the loader. */
    uint32_t files;           /* Finished files to keep: 0 to files - 1. */
    uint64_t file_bytes;      /* 0: LG_BULK_LOAD_FILE_BYTES */
};

/* Checks that the files it is to keep are there and removes all others of the engine.
 * LG_ERR_NOT_FOUND names the first that is missing (then nothing was removed). */
LG_MUST_CHECK enum lg_rc lg_bulk_load_open(const struct lg_bulk_load_options *o,
                                           struct lg_bulk_load **out, struct lg_error *err);
/* Abandons the unfinished file; finished ones stay. NULL is allowed. */
void lg_bulk_load_close(struct lg_bulk_load *b);
LG_DEFINE_AUTO(lg_bulk_load, lg_bulk_load_close)
/* Keys must ascend strictly: LG_ERR_BAD_DATA otherwise. Any error is final. */
LG_MUST_CHECK enum lg_rc lg_bulk_load_add(struct lg_bulk_load *b, struct lg_slice key,
                                          struct lg_slice value, struct lg_error *err);
/* Finishes the file under way, if any: all rows added so far are durable. */
LG_MUST_CHECK enum lg_rc lg_bulk_load_flush(struct lg_bulk_load *b, struct lg_error *err);
/* Finished files so far, kept ones included. */
uint32_t lg_bulk_load_files(const struct lg_bulk_load *b);
/* Flushes, and makes the engine hold exactly the rows of all files. Nothing may be added after. */
LG_MUST_CHECK enum lg_rc lg_bulk_load_ingest(struct lg_bulk_load *b, struct lg_error *err);

#endif
