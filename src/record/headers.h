/* Headers of a record beside its key and value (wire-formats.md 3.3): names and values. Pure. */
#ifndef LG_RECORD_HEADERS_H
#define LG_RECORD_HEADERS_H

#include "base/base.h"

/* Avro schema of the envelope as JSON; on the first message of a producer in a partition, that is
 * segment 0, sequence 0. */
#define LG_HEADER_PROTOCOL_SCHEMA "vtp"
/* How many records a partition holds, on END_OF_PUSH: 8 bytes big-endian, -1 for not known. */
#define LG_HEADER_RECORD_COUNT "prc"
/* One byte, 0 or 1: is the leader complete? On heartbeats. */
#define LG_HEADER_LEADER_COMPLETE "lcs"

#define LG_RECORD_COUNT_BYTES 8
#define LG_RECORD_COUNT_UNKNOWN INT64_C(-1)

/* The value of `vtp`: schemas/KafkaMessageEnvelope.v14.avsc without its blanks. */
struct lg_slice lg_headers_protocol_schema(void);
/* Must `vtp` stand on this message? */
static inline bool lg_headers_wants_schema(int32_t segment, int32_t sequence)
{
    return segment == 0 && sequence == 0;
}

void lg_headers_record_count(uint8_t out[LG_RECORD_COUNT_BYTES], int64_t count);
/* LG_ERR_BAD_DATA unless 8 bytes that are -1 or a count. */
LG_MUST_CHECK enum lg_rc lg_headers_parse_record_count(struct lg_slice value, int64_t *out,
                                                       struct lg_error *err);

#endif
