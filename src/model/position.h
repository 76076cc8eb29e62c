/* A place in a topic's partition, opaque: a type and a few bytes that only the driver of that type
 * understands (wire-formats.md 3.4).
 *
 * Nothing above a driver may do arithmetic on a position or compare two by anything but
 * lg_position_equal; order is the driver's (lg_pubsub_compare). Passed by value or by pointer;
 * owns nothing.
 */
#ifndef LG_MODEL_POSITION_H
#define LG_MODEL_POSITION_H

#include "base/buf.h"
#include "base/json.h"

#define LG_POSITION_MAX 32 /* bytes of a driver's own encoding */

/* Position types on the wire. */
#define LG_POSITION_OFFSET INT32_C(0) /* Kafka's: one zigzag long */
#define LG_POSITION_LATEST INT32_C(-1)
#define LG_POSITION_EARLIEST INT32_C(-2)

struct lg_position {
    int32_t type;
    uint8_t size; /* bytes in use; 0 for EARLIEST and LATEST */
    uint8_t bytes[LG_POSITION_MAX];
};

static inline struct lg_position lg_position_earliest(void)
{
    return (struct lg_position){.type = LG_POSITION_EARLIEST};
}
static inline struct lg_position lg_position_latest(void)
{
    return (struct lg_position){.type = LG_POSITION_LATEST};
}
static inline bool lg_position_is_earliest(const struct lg_position *p)
{
    return p->type == LG_POSITION_EARLIEST;
}
static inline bool lg_position_is_latest(const struct lg_position *p)
{
    return p->type == LG_POSITION_LATEST;
}
static inline struct lg_slice lg_position_bytes(const struct lg_position *p)
{
    return lg_slice(p->bytes, p->size);
}
bool lg_position_equal(const struct lg_position *a, const struct lg_position *b);

/* For drivers whose position is a number. An offset is at least 0. */
struct lg_position lg_position_from_offset(int64_t offset);
/* False unless `p` is an offset position that is whole. */
LG_MUST_CHECK bool lg_position_offset(const struct lg_position *p, int64_t *out);

/* Their order: EARLIEST, then offsets, then LATEST and whatever is no offset. */
int lg_position_compare_offsets(const struct lg_position *a, const struct lg_position *b);

/* Wire form: 22 01, then Avro {type: int, rawBytes: bytes}. */
void lg_position_encode(struct lg_buf *out, const struct lg_position *p);
/* The whole slice must be one position. LG_ERR_BAD_DATA; LG_ERR_UNSUPPORTED for another protocol
 * version; LG_ERR_TOO_LARGE past LG_POSITION_MAX. */
LG_MUST_CHECK enum lg_rc lg_position_decode(struct lg_slice bytes, struct lg_position *out,
                                            struct lg_error *err);

/* Text form: "<type>:<standard base64 of the raw bytes>", e.g. "0:VA==". */
void lg_position_write_text(struct lg_buf *out, const struct lg_position *p);
LG_MUST_CHECK enum lg_rc lg_position_parse_text(struct lg_slice text, struct lg_position *out,
                                                struct lg_error *err);

/* JSON form: {"typeId":0,"base64PositionBytes":"VA=="}. The caller owns the value. */
struct lg_json *lg_position_to_json(const struct lg_position *p);
LG_MUST_CHECK enum lg_rc lg_position_from_json(const struct lg_json *json, struct lg_position *out,
                                               struct lg_error *err);

#endif
