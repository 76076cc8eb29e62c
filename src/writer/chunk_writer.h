/* The messages of one row: a put, or in a chunked version the chunks of a large value and then
 * their manifest (wire-formats.md 2.4).
 *
 * Message by message, so that a writer can end a batch between two of them. A plain value; the same
 * calls give the same bytes. Pure: nothing is sent here.
 */
#ifndef LG_WRITER_CHUNK_WRITER_H
#define LG_WRITER_CHUNK_WRITER_H

#include "record/chunk.h"
#include "writer/segment.h"

struct lg_chunk_writer {
    bool chunked;
    struct lg_slice key, value; /* Borrowed until the row is whole. */
    int32_t schema_id;
    size_t chunk_bytes;    /* 0: the value is sent whole. */
    size_t sent;           /* bytes of the value */
    struct lg_chunk_id id; /* of the next chunk */
    struct lg_buf message_key;
    struct lg_buf chunk_keys; /* as the manifest holds them: length and bytes, in order */
};

void lg_chunk_writer_done(struct lg_chunk_writer *w); /* Also of {0}. */
LG_DEFINE_SCOPED(lg_chunk_writer, lg_chunk_writer_done)

/* May a row of this size be written? LG_ERR_TOO_LARGE names the limit, and chunking where it would
 * help. */
LG_MUST_CHECK enum lg_rc lg_chunk_writer_check(bool chunked, size_t key_bytes, size_t value_bytes,
                                               struct lg_error *err);
/* Begins a row that passes lg_chunk_writer_check; the one before must be whole. */
void lg_chunk_writer_begin(struct lg_chunk_writer *w, bool chunked, struct lg_slice key,
                           int32_t schema_id, struct lg_slice value);
/* Appends one message to the segment, as Kafka key and value. True when the row is whole. */
bool lg_chunk_writer_next(struct lg_chunk_writer *w, struct lg_segment *segment,
                          const struct lg_segment_stamp *stamp, struct lg_buf *out_key,
                          struct lg_buf *out_value);

#endif
