/* A batch: the bytes in which records travel to and from the log, over HTTP and on disk alike
 * (docs/formats/batch.md).
 *
 * A producer's batch has no positions; a fetched one gives each record its position, as the driver
 * encodes it (opaque to readers).
 */
#ifndef LG_PUBSUB_BATCH_H
#define LG_PUBSUB_BATCH_H

#include "base/buf.h"
#include "pubsub/pubsub.h"

#define LG_BATCH_BYTES_MAX ((size_t)32 << 20)
#define LG_BATCH_RECORD_BYTES_MAX ((size_t)8 << 20)
#define LG_BATCH_HEADERS_MAX 16

/* Appends one record; its position is written if its size is not 0. The buffer starts empty. A
 * record past a limit is written as it is: lg_batch_check refuses it. */
void lg_batch_add(struct lg_buf *batch, const struct lg_pubsub_record *record);

struct lg_batch_reader {
    struct lg_slice rest;
    struct lg_pubsub_header headers[LG_BATCH_HEADERS_MAX];
};
static inline struct lg_batch_reader lg_batch_read(struct lg_slice batch)
{
    return (struct lg_batch_reader){.rest = batch};
}
/* The next record, borrowed from the batch (headers: from the reader, until the next call).
 * `*out_end` is true, and nothing else is written, after the last. LG_ERR_BAD_DATA;
 * LG_ERR_TOO_LARGE for a record over LG_BATCH_RECORD_BYTES_MAX. */
LG_MUST_CHECK enum lg_rc lg_batch_next(struct lg_batch_reader *reader, struct lg_pubsub_record *out,
                                       bool *out_end, struct lg_error *err);
/* Whole and within the limits? Gives the number of records. LG_ERR_BAD_DATA, LG_ERR_TOO_LARGE. */
LG_MUST_CHECK enum lg_rc lg_batch_check(struct lg_slice batch, size_t *out_count,
                                        struct lg_error *err);

#endif
