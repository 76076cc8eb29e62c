/* Reads one value of a replica's engine, putting a chunked one together from its pieces
 * (wire-formats.md 2.4). Stateless; any thread.
 */
#ifndef LG_STORAGE_CHUNK_READER_H
#define LG_STORAGE_CHUNK_READER_H

#include "storage/engine.h"

/* Appends the payload, as it was pushed, to `out`. `key` is the user's: in a `chunked` version its
 * suffix is added here. LG_ERR_NOT_FOUND (err is not set). LG_ERR_WOULD_BLOCK when
 * `from_memory_only` and the answer needs the disk, or is large. LG_ERR_CORRUPT for a value without
 * a schema id, a manifest that is none, and a chunk that is missing, no chunk or of a wrong size.
 * On failure outputs are untouched. */
LG_MUST_CHECK enum lg_rc lg_chunk_reader_get(struct lg_engine *e, bool chunked, struct lg_slice key,
                                             bool from_memory_only, int32_t *out_schema_id,
                                             struct lg_buf *out, struct lg_error *err);

#endif
