/* The records inside the bodies of Venice's multi-key requests and answers. Pure.
 *
 * A body is a concatenation of records without a count; a reader goes on until the end. Bounds are
 * the caller's: it counts keys. All slices handed out are borrowed from the body.
 */
#ifndef LG_READ_WIRE_H
#define LG_READ_WIRE_H

#include "avro/decode.h"
#include "base/buf.h"

#define LG_SCHEMA_ID_NOT_FOUND (-1000) /* A streamed record that says "no such key". */
#define LG_SCHEMA_ID_FOOTER (-1001)    /* A streamed record that says why the rest is missing. */
#define LG_KEY_INDEX_FOOTER (-1000000)
#define LG_MULTI_GET_API_VERSION 1
#define LG_MULTI_GET_RESPONSE_SCHEMA "1"

/* MultiGetRouterRequestKeyV1, router to server: {keyIndex: int; keyBytes: bytes; partitionId: int}.
 */
struct lg_wire_key {
    int32_t index;
    struct lg_slice key;
    int32_t partition;
};
void lg_wire_key_add(struct lg_buf *out, const struct lg_wire_key *key);
/* `*out_end` is true, and nothing else written, after the last. LG_ERR_BAD_DATA names the byte. */
LG_MUST_CHECK enum lg_rc lg_wire_key_next(struct lg_decoder *d, struct lg_wire_key *out,
                                          bool *out_end, struct lg_error *err);

/* A client's keys: Avro bytes, one after another. */
LG_MUST_CHECK enum lg_rc lg_wire_client_key_next(struct lg_decoder *d, struct lg_slice *out,
                                                 bool *out_end, struct lg_error *err);

/* MultiGetResponseRecordV1: {keyIndex: int; value: bytes; schemaId: int}. */
struct lg_wire_value {
    int32_t index;
    struct lg_slice value;
    int32_t schema_id;
};
void lg_wire_value_add(struct lg_buf *out, const struct lg_wire_value *value);
/* The record of a missing key in a streamed answer: index -i (0 stays 0), no value, id -1000. */
void lg_wire_missing_add(struct lg_buf *out, int32_t index);
/* The last record of a streamed answer that failed on its way: index -1000000, schema id -1001, and
 * as its value StreamingFooterRecordV1 {status: int; detail: bytes; trailerHeaders: map<string>}.
 */
void lg_wire_footer_add(struct lg_buf *out, int status, struct lg_slice detail);
LG_MUST_CHECK enum lg_rc lg_wire_value_next(struct lg_decoder *d, struct lg_wire_value *out,
                                            bool *out_end, struct lg_error *err);

#endif
