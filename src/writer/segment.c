/* One producer's stream into one partition. Pure. */
#include "writer/segment.h"

void lg_segment_init(struct lg_segment *s, const struct lg_guid *guid, int32_t first,
                     enum lg_checksum_type checksum)
{
    assert(first >= 0);
    memset(s, 0, sizeof(*s));
    s->guid = *guid;
    s->number = first;
    lg_checksum_init(&s->checksum, checksum);
}

/* Everything but type and payload. */
static struct lg_envelope envelope_of(const struct lg_segment *s,
                                      const struct lg_segment_stamp *stamp, int64_t logical)
{
    return (struct lg_envelope){
        .producer =
            {
                .guid = s->guid,
                .segment = s->number,
                .sequence = s->next_sequence,
                .timestamp_ms = stamp->timestamp_ms,
                .logical_timestamp = logical,
            },
        .footer = lg_envelope_plain_footer(stamp->writer),
    };
}

/* The last step of every message: bytes out, checksum and sequence on. */
static void append(struct lg_segment *s, const struct lg_envelope *e, struct lg_slice key,
                   struct lg_buf *out_key, struct lg_buf *out_value)
{
    assert(s->is_open && s->next_sequence < INT32_MAX);
    if (e->type == LG_MESSAGE_CONTROL)
        lg_envelope_encode_control_key(out_key, &s->guid, s->number, s->next_sequence);
    else
        lg_envelope_encode_key(out_key, LG_KEY_DATA, key);
    lg_envelope_encode(out_value, e);
    lg_checksum_feed(&s->checksum, e, key);
    s->next_sequence++;
}

static void append_control(struct lg_segment *s, const struct lg_segment_stamp *stamp,
                           const struct lg_control *control, struct lg_buf *out_key,
                           struct lg_buf *out_value)
{
    struct lg_envelope e = envelope_of(s, stamp, LG_LOGICAL_TIMESTAMP_NONE);

    e.type = LG_MESSAGE_CONTROL;
    e.control = *control;
    append(s, &e, LG_SLICE_NULL, out_key, out_value);
}

void lg_segment_start(struct lg_segment *s, const struct lg_segment_stamp *stamp,
                      struct lg_buf *out_key, struct lg_buf *out_value)
{
    enum lg_checksum_type type = s->checksum.type;
    struct lg_control start = lg_control_start_of_segment(type);

    assert(!s->is_open);
    lg_checksum_init(&s->checksum, type);
    s->is_open = true;
    s->next_sequence = 0;
    append_control(s, stamp, &start, out_key, out_value);
}

void lg_segment_end(struct lg_segment *s, const struct lg_segment_stamp *stamp, bool is_final,
                    struct lg_buf *out_key, struct lg_buf *out_value)
{
    uint8_t sum[LG_CHECKSUM_BYTES_MAX];
    size_t size = lg_checksum_value(&s->checksum, sum);
    struct lg_control end = lg_control_end_of_segment(lg_slice(sum, size), is_final);

    append_control(s, stamp, &end, out_key, out_value);
    s->is_open = false;
    s->next_sequence = 0;
    s->number++;
}

void lg_segment_control(struct lg_segment *s, const struct lg_segment_stamp *stamp,
                        const struct lg_control *control, struct lg_buf *out_key,
                        struct lg_buf *out_value)
{
    assert(control->type != LG_CONTROL_START_OF_SEGMENT &&
           control->type != LG_CONTROL_END_OF_SEGMENT);
    append_control(s, stamp, control, out_key, out_value);
}

static void append_put(struct lg_segment *s, struct lg_envelope *e, struct lg_slice key,
                       int32_t schema_id, struct lg_slice value, struct lg_buf *out_key,
                       struct lg_buf *out_value)
{
    e->type = LG_MESSAGE_PUT;
    e->put = (struct lg_put){.value = value, .schema_id = schema_id, .rmd_version = -1};
    append(s, e, key, out_key, out_value);
}

void lg_segment_put(struct lg_segment *s, const struct lg_segment_stamp *stamp, struct lg_slice key,
                    int32_t schema_id, struct lg_slice value, struct lg_buf *out_key,
                    struct lg_buf *out_value)
{
    struct lg_envelope e = envelope_of(s, stamp, LG_LOGICAL_TIMESTAMP_APP);

    append_put(s, &e, key, schema_id, value, out_key, out_value);
}

void lg_segment_chunk(struct lg_segment *s, const struct lg_segment_stamp *stamp,
                      struct lg_slice key, struct lg_slice piece, struct lg_buf *out_key,
                      struct lg_buf *out_value)
{
    struct lg_envelope e = envelope_of(s, stamp, LG_LOGICAL_TIMESTAMP_NONE);

    append_put(s, &e, key, LG_SCHEMA_ID_CHUNK, piece, out_key, out_value);
}

void lg_segment_delete(struct lg_segment *s, const struct lg_segment_stamp *stamp,
                       struct lg_slice key, struct lg_buf *out_key, struct lg_buf *out_value)
{
    struct lg_envelope e = envelope_of(s, stamp, LG_LOGICAL_TIMESTAMP_APP);

    e.type = LG_MESSAGE_DELETE;
    e.delete_ = (struct lg_delete){.schema_id = -1, .rmd_version = -1};
    append(s, &e, key, out_key, out_value);
}

struct lg_guid lg_segment_guid_of(struct lg_slice name)
{
    struct lg_guid guid;

    lg_md5(name, guid.bytes);
    guid.bytes[6] = (uint8_t)((guid.bytes[6] & 0x0f) | 0x30); /* version 3 */
    guid.bytes[8] = (uint8_t)((guid.bytes[8] & 0x3f) | 0x80); /* RFC 4122 variant */
    return guid;
}
