/* Avro object container files: a header with the schema, then blocks of records, each closed by the
 * file's sync marker.
 *
 * Reader and writer see the world through callbacks, so that they stay pure: no file is opened here
 * and no random marker drawn. Owned by whoever opened them; one user at a time.
 */
#ifndef LG_AVRO_CONTAINER_H
#define LG_AVRO_CONTAINER_H

#include "avro/container_codec.h"
#include "avro/schema.h"

#define LG_CONTAINER_BLOCK_BYTES_MAX ((size_t)64 << 20) /* stored, and again inflated */
/* A block may inflate to so many times its stored size, and 1 MiB more. Only zstandard can go
 * beyond, with blocks of almost nothing but repetition. */
#define LG_CONTAINER_RATIO_MAX ((size_t)16384)
#define LG_CONTAINER_RATIO_FREE_BYTES ((size_t)1 << 20)
#define LG_CONTAINER_HEADER_BYTES_MAX ((size_t)4 << 20)
#define LG_CONTAINER_SYNC_BYTES 16

/* Where bytes come from. */
struct lg_source {
    /* 1 to `size` bytes into `out`; `*out_read` is 0 only at the end. */
    enum lg_rc (*read)(void *ctx, void *out, size_t size, size_t *out_read, struct lg_error *err);
    void *ctx;
};
/* Reads a slice in memory; `*slice` is moved forward. */
struct lg_source lg_source_of_slice(struct lg_slice *slice);

struct lg_container; /* Opaque. */

/* Reads the header. `source` is copied, its ctx must live as long as the reader. LG_ERR_BAD_DATA
 * for a foreign or truncated file (says what the file looks like), LG_ERR_UNSUPPORTED for a codec
 * that we do not have, LG_ERR_SCHEMA for a bad schema in it, or the source's own error. */
LG_MUST_CHECK enum lg_rc lg_container_open(struct lg_source source, struct lg_container **out,
                                           struct lg_error *err);
void lg_container_close(struct lg_container *container); /* NULL is allowed. */
LG_DEFINE_AUTO(lg_container, lg_container_close)

/* Borrowed from the reader: lg_schema_ref to keep it. */
const struct lg_schema *lg_container_schema(const struct lg_container *container);
enum lg_container_codec lg_container_codec(const struct lg_container *container);
/* A value of the header's metadata, e.g. "avro.schema"; false when there is none. */
bool lg_container_metadata(const struct lg_container *container, const char *key,
                           struct lg_slice *out);
/* Bytes of the file consumed so far: for progress bars and errors. */
uint64_t lg_container_offset(const struct lg_container *container);

/* The next block, inflated: `*out_count` datums back to back, to be told apart by lg_avro_skip.
 * Borrowed until the next call. At the proper end `*out_end` is true and the rest untouched.
 * LG_ERR_BAD_DATA for a truncated file, a wrong marker, a damaged block, a second file joined to
 * the first, LG_ERR_TOO_LARGE past the limits above; each names the byte offset. The records
 * themselves are not checked. */
LG_MUST_CHECK enum lg_rc lg_container_next_block(struct lg_container *container,
                                                 struct lg_slice *out_block, int64_t *out_count,
                                                 bool *out_end, struct lg_error *err);
/* The next record's bytes, checked against the schema; reads blocks as needed. Borrowed until the
 * next call. Do not mix with lg_container_next_block. A bad record is named by its number, counted
 * from 1 over the file, and its block's offset. */
LG_MUST_CHECK enum lg_rc lg_container_next_record(struct lg_container *container,
                                                  struct lg_slice *out_record, bool *out_end,
                                                  struct lg_error *err);

/* --- Writer. ---------------------------------------------------------------------------------- */

/* Where bytes go. */
struct lg_sink {
    enum lg_rc (*write)(void *ctx, struct lg_slice bytes, struct lg_error *err);
    void *ctx;
};
/* Appends to a buffer; LG_ERR_TOO_LARGE past its ceiling. */
struct lg_sink lg_sink_of_buf(struct lg_buf *buf);

struct lg_container_writer; /* Opaque. */

struct lg_container_writer_options {
    const struct lg_schema *schema; /* Its text goes into the header; a reference is kept. */
    enum lg_container_codec codec;
    size_t block_bytes; /* a block is closed before it grows past this; 0: 64 KiB; at most 32 MiB */
    const uint8_t *sync; /* LG_CONTAINER_SYNC_BYTES bytes, drawn by the caller; copied */
};

/* Writes the header. The sink's ctx must live as long as the writer. */
LG_MUST_CHECK enum lg_rc lg_container_writer_open(struct lg_sink sink,
                                                  const struct lg_container_writer_options *options,
                                                  struct lg_container_writer **out,
                                                  struct lg_error *err);
/* One encoded datum, checked against the schema first. */
LG_MUST_CHECK enum lg_rc lg_container_writer_add(struct lg_container_writer *writer,
                                                 struct lg_slice datum, struct lg_error *err);
/* Writes what is pending as a block. Must be called at the end, else the last records are lost. */
LG_MUST_CHECK enum lg_rc lg_container_writer_flush(struct lg_container_writer *writer,
                                                   struct lg_error *err);
void lg_container_writer_close(struct lg_container_writer *writer); /* NULL is allowed. */
LG_DEFINE_AUTO(lg_container_writer, lg_container_writer_close)

#endif
