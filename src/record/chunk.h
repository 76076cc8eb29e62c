/* Large values in pieces: the suffixes that the keys of a chunked version carry, and the manifest
 * that names the pieces of a value (Venice's ChunkedKeySuffix and ChunkedValueManifest,
 * wire-formats.md 2.4).
 *
 * In a chunked version every key of a topic and of storage is the user's key and a suffix. All
 * chunks of a value come first, then its manifest. Decoding copies nothing. Pure.
 */
#ifndef LG_RECORD_CHUNK_H
#define LG_RECORD_CHUNK_H

#include "record/control.h"

#define LG_SCHEMA_ID_CHUNK (-10)    /* of a put whose value is a piece */
#define LG_SCHEMA_ID_MANIFEST (-20) /* of a put whose value is a manifest */

/* What a value may have, before and after compression. */
#define LG_KEY_BYTES_MAX ((size_t)512 << 10)
#define LG_VALUE_BYTES_MAX ((size_t)20 << 20)
/* Key and value in one message; a value that does not fit is cut into chunks. */
#define LG_RECORD_PAYLOAD_BYTES_MAX ((size_t)972800)
/* Chunks of one value. Up to this many, their keys ascend with their index: each index is one byte.
 */
#define LG_CHUNKS_MAX 64
#define LG_CHUNK_SUFFIX_BYTES_MAX 33
#define LG_CHUNK_PLAIN_SUFFIX_BYTES 2

/* Which message the first chunk of the value was, and which chunk this is. */
struct lg_chunk_id {
    struct lg_guid guid;
    int32_t segment, sequence; /* of the first chunk: the same for all */
    int32_t index;             /* from 0 */
};

/* The suffix of a key whose value is whole or a manifest, and of a deleted one. */
void lg_chunk_write_plain_suffix(struct lg_buf *out);
void lg_chunk_write_suffix(struct lg_buf *out, const struct lg_chunk_id *id);
/* The whole slice must be one suffix. `*out_is_chunk` false: the plain one, `*out` is zero.
 * LG_ERR_BAD_DATA. */
LG_MUST_CHECK enum lg_rc lg_chunk_read_suffix(struct lg_slice suffix, bool *out_is_chunk,
                                              struct lg_chunk_id *out, struct lg_error *err);

struct lg_manifest {
    struct lg_sequence keys; /* array<bytes>: key and chunk suffix, in order */
    int32_t schema_id;       /* of the user's value */
    int32_t size;            /* bytes of all chunks together */
};

/* `keys.encoded` was written with lg_sequence_write_bytes. */
void lg_manifest_encode(struct lg_buf *out, const struct lg_manifest *m);
/* The whole slice must be one manifest: 1 to LG_CHUNKS_MAX keys, a schema id of at least 1, a size
 * of at most LG_VALUE_BYTES_MAX. LG_ERR_BAD_DATA. `*out` borrows from `bytes`; read its keys with
 * lg_sequence_next_bytes. */
LG_MUST_CHECK enum lg_rc lg_manifest_decode(struct lg_slice bytes, struct lg_manifest *out,
                                            struct lg_error *err);

#endif
