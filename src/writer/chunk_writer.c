/* The messages of one row. Pure. */
#include "writer/chunk_writer.h"

#include "avro/encode.h"

void lg_chunk_writer_done(struct lg_chunk_writer *w)
{
    lg_buf_done(&w->message_key);
    lg_buf_done(&w->chunk_keys);
    *w = (struct lg_chunk_writer){0};
}

/* The largest value fits into its chunks beside the largest key. */
_Static_assert((LG_RECORD_PAYLOAD_BYTES_MAX - LG_KEY_BYTES_MAX) * LG_CHUNKS_MAX >=
                   LG_VALUE_BYTES_MAX,
               "there are enough chunks");

enum lg_rc lg_chunk_writer_check(bool chunked, size_t key_bytes, size_t value_bytes,
                                 struct lg_error *err)
{
    if (key_bytes > LG_KEY_BYTES_MAX)
        return lg_error_set(err, LG_ERR_TOO_LARGE,
                            "a key of %zu bytes; at most %zu are allowed (limit key_bytes)",
                            key_bytes, LG_KEY_BYTES_MAX);
    if (value_bytes > LG_VALUE_BYTES_MAX)
        return lg_error_set(err, LG_ERR_TOO_LARGE,
                            "a value of %zu bytes; at most %zu are allowed (limit value_bytes)",
                            value_bytes, LG_VALUE_BYTES_MAX);
    if (!chunked && key_bytes + value_bytes > LG_RECORD_PAYLOAD_BYTES_MAX)
        return lg_error_set(
            err, LG_ERR_TOO_LARGE,
            "a record of %zu bytes; at most %zu are allowed for key and value without chunking "
            "(limit record_bytes): `lagoon store update STORE --chunking true` allows values of "
            "%zu MiB",
            key_bytes + value_bytes, LG_RECORD_PAYLOAD_BYTES_MAX, LG_VALUE_BYTES_MAX >> 20);
    return LG_OK;
}

void lg_chunk_writer_begin(struct lg_chunk_writer *w, bool chunked, struct lg_slice key,
                           int32_t schema_id, struct lg_slice value)
{
    assert(lg_chunk_writer_check(chunked, key.size, value.size, NULL) == LG_OK);
    w->chunked = chunked;
    w->key = key;
    w->value = value;
    w->schema_id = schema_id;
    w->chunk_bytes = key.size + value.size > LG_RECORD_PAYLOAD_BYTES_MAX
                         ? LG_RECORD_PAYLOAD_BYTES_MAX - key.size
                         : 0;
    w->sent = 0;
    w->id = (struct lg_chunk_id){0};
    lg_buf_clear(&w->chunk_keys);
}

static void write_chunk(struct lg_chunk_writer *w, struct lg_segment *segment,
                        const struct lg_segment_stamp *stamp, struct lg_buf *out_key,
                        struct lg_buf *out_value)
{
    size_t n = LG_MIN(w->chunk_bytes, w->value.size - w->sent);

    if (w->id.index == 0) { /* All chunks are named after the first one's message. */
        w->id.guid = segment->guid;
        w->id.segment = segment->number;
        w->id.sequence = segment->next_sequence;
    }
    lg_chunk_write_suffix(&w->message_key, &w->id);
    lg_encode_bytes(&w->chunk_keys, lg_buf_slice(&w->message_key));
    lg_segment_chunk(segment, stamp, lg_buf_slice(&w->message_key),
                     lg_slice(w->value.data + w->sent, n), out_key, out_value);
    w->sent += n;
    w->id.index++;
}

static void write_manifest(struct lg_chunk_writer *w, struct lg_segment *segment,
                           const struct lg_segment_stamp *stamp, struct lg_buf *out_key,
                           struct lg_buf *out_value)
{
    LG_SCOPED(lg_buf) list = {0}, manifest = {0};

    lg_encode_long(&list, w->id.index);
    lg_buf_append_slice(&list, lg_buf_slice(&w->chunk_keys));
    lg_encode_long(&list, 0);
    lg_manifest_encode(&manifest,
                       &(struct lg_manifest){
                           .keys = lg_sequence_of(lg_buf_slice(&list), (uint64_t)w->id.index),
                           .schema_id = w->schema_id,
                           .size = (int32_t)w->value.size,
                       });
    lg_chunk_write_plain_suffix(&w->message_key);
    lg_segment_put(segment, stamp, lg_buf_slice(&w->message_key), LG_SCHEMA_ID_MANIFEST,
                   lg_buf_slice(&manifest), out_key, out_value);
}

bool lg_chunk_writer_next(struct lg_chunk_writer *w, struct lg_segment *segment,
                          const struct lg_segment_stamp *stamp, struct lg_buf *out_key,
                          struct lg_buf *out_value)
{
    if (!w->chunked) {
        lg_segment_put(segment, stamp, w->key, w->schema_id, w->value, out_key, out_value);
        return true;
    }
    lg_buf_clear(&w->message_key);
    lg_buf_append_slice(&w->message_key, w->key);
    if (w->chunk_bytes == 0) {
        lg_chunk_write_plain_suffix(&w->message_key);
        lg_segment_put(segment, stamp, lg_buf_slice(&w->message_key), w->schema_id, w->value,
                       out_key, out_value);
        return true;
    }
    if (w->sent < w->value.size) {
        write_chunk(w, segment, stamp, out_key, out_value);
        return false;
    }
    write_manifest(w, segment, stamp, out_key, out_value);
    return true;
}
