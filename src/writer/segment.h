/* One producer's stream into one partition: segments, sequence numbers and the running checksum
 * (wire-formats.md 3.5).
 *
 * A plain value owned by the writer of that partition. The caller gives the GUID, the time and the
 * writer's name; each call appends one message as Kafka key and value. The same calls give the same
 * bytes, so that a repeated push is dropped as a duplicate. Pure: nothing is sent here.
 */
#ifndef LG_WRITER_SEGMENT_H
#define LG_WRITER_SEGMENT_H

#include "record/chunk.h"

struct lg_segment {
    struct lg_guid guid;
    int32_t number;        /* of the open segment, or of the next one to open */
    int32_t next_sequence; /* of the next message; 0 when no segment is open */
    bool is_open;
    struct lg_checksum checksum;
};

/* Where and as whom a message is written. */
struct lg_segment_stamp {
    int64_t timestamp_ms;
    struct lg_slice writer; /* host name in the footer */
};

/* Starts before segment `first` (0 for a new GUID; the number after the last one otherwise). */
void lg_segment_init(struct lg_segment *s, const struct lg_guid *guid, int32_t first,
                     enum lg_checksum_type checksum);

/* START_OF_SEGMENT; no segment may be open. The message with segment 0 and sequence 0 wants the
 * header `vtp` (record/headers.h). */
void lg_segment_start(struct lg_segment *s, const struct lg_segment_stamp *stamp,
                      struct lg_buf *out_key, struct lg_buf *out_value);
/* END_OF_SEGMENT with the checksum; the next segment may be started, unless the caller says that it
 * was final. */
void lg_segment_end(struct lg_segment *s, const struct lg_segment_stamp *stamp, bool is_final,
                    struct lg_buf *out_key, struct lg_buf *out_value);

/* Messages inside an open segment. `key` is the Avro key (with its chunk suffix if the version is
 * chunked). */
void lg_segment_put(struct lg_segment *s, const struct lg_segment_stamp *stamp, struct lg_slice key,
                    int32_t schema_id, struct lg_slice value, struct lg_buf *out_key,
                    struct lg_buf *out_value);
/* A piece of a large value (record/chunk.h); `key` has the chunk's suffix. */
void lg_segment_chunk(struct lg_segment *s, const struct lg_segment_stamp *stamp,
                      struct lg_slice key, struct lg_slice piece, struct lg_buf *out_key,
                      struct lg_buf *out_value);
void lg_segment_delete(struct lg_segment *s, const struct lg_segment_stamp *stamp,
                       struct lg_slice key, struct lg_buf *out_key, struct lg_buf *out_value);
/* Any control message but the two above: START_OF_PUSH, END_OF_PUSH ... */
void lg_segment_control(struct lg_segment *s, const struct lg_segment_stamp *stamp,
                        const struct lg_control *control, struct lg_buf *out_key,
                        struct lg_buf *out_value);

/* The GUID that belongs to a text: MD5 of it, marked as a name-based UUID (version 3). */
struct lg_guid lg_segment_guid_of(struct lg_slice name);

#endif
