/* The batch format (docs/formats/batch.md). Pure: bytes in, records out. */
#include "pubsub/batch.h"

#define VERSION 0x10u
#define VERSION_MASK 0xf0u
#define FLAG_POSITION 0x01u
#define HEAD_BYTES 5u /* version and flags, size */
/* A position comes on top of a record that was within the limit when it was produced. */
#define POSITION_BYTES_MAX (5u + LG_POSITION_MAX)

/* What is left of the record that is being read. */
struct cursor {
    const uint8_t *at;
    size_t left;
};

static void append_u16le(struct lg_buf *b, size_t v)
{
    lg_buf_append_byte(b, (uint8_t)v);
    lg_buf_append_byte(b, (uint8_t)(v >> 8));
}

static void append_position(struct lg_buf *b, const struct lg_position *p)
{
    lg_buf_append_u32le(b, (uint32_t)p->type);
    lg_buf_append_byte(b, p->size);
    lg_buf_append(b, p->bytes, p->size);
}

void lg_batch_add(struct lg_buf *batch, const struct lg_pubsub_record *record)
{
    bool positioned = record->position.size != 0;
    size_t start = batch->size;

    assert(record->header_count <= LG_BATCH_HEADERS_MAX && record->key.size <= UINT32_MAX);
    lg_buf_append_byte(batch, (uint8_t)(VERSION | (positioned ? FLAG_POSITION : 0u)));
    lg_buf_append_u32le(batch, 0); /* The size, known below. */
    if (positioned)
        append_position(batch, &record->position);
    lg_buf_append_u64le(batch, (uint64_t)record->timestamp_ms);
    lg_buf_append_byte(batch, (uint8_t)record->header_count);
    for (size_t i = 0; i < record->header_count; i++) {
        const struct lg_pubsub_header *h = &record->headers[i];

        assert(h->name.size <= UINT16_MAX && h->value.size <= UINT32_MAX);
        append_u16le(batch, h->name.size);
        lg_buf_append_u32le(batch, (uint32_t)h->value.size);
        lg_buf_append_slice(batch, h->name);
        lg_buf_append_slice(batch, h->value);
    }
    lg_buf_append_u32le(batch, (uint32_t)record->key.size);
    lg_buf_append_slice(batch, record->key);
    lg_buf_append_slice(batch, record->value);
    if (lg_buf_ok(batch)) {
        uint32_t size = (uint32_t)LG_MIN(batch->size - start - HEAD_BYTES, (size_t)UINT32_MAX);

        for (size_t i = 0; i < 4; i++)
            batch->data[start + 1 + i] = (uint8_t)(size >> (8 * i));
    }
}

static bool take(struct cursor *c, size_t n, const uint8_t **out)
{
    if (c->left < n)
        return false;
    *out = c->at;
    c->at += n;
    c->left -= n;
    return true;
}

static bool take_slice(struct cursor *c, size_t n, struct lg_slice *out)
{
    const uint8_t *p;

    if (!take(c, n, &p))
        return false;
    *out = lg_slice(p, n);
    return true;
}

static bool take_position(struct cursor *c, struct lg_position *out)
{
    const uint8_t *p;

    if (!take(c, 5, &p) || p[4] == 0 || p[4] > LG_POSITION_MAX)
        return false;
    out->type = (int32_t)lg_load_u32le(p);
    out->size = p[4];
    if (!take(c, out->size, &p))
        return false;
    memcpy(out->bytes, p, out->size);
    return true;
}

static bool take_headers(struct cursor *c, struct lg_pubsub_header *headers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const uint8_t *p;

        if (!take(c, 6, &p) || !take_slice(c, (size_t)p[0] | (size_t)p[1] << 8, &headers[i].name) ||
            !take_slice(c, lg_load_u32le(p + 2), &headers[i].value))
            return false;
    }
    return true;
}

/* All fields of one record, whose bytes are `c`; false when one of them leaves it. */
static bool take_fields(struct cursor *c, bool positioned, struct lg_pubsub_header *headers,
                        struct lg_pubsub_record *out)
{
    const uint8_t *p;

    if (positioned && !take_position(c, &out->position))
        return false;
    if (!take(c, 9, &p) || p[8] > LG_BATCH_HEADERS_MAX)
        return false;
    out->timestamp_ms = (int64_t)lg_load_u64le(p);
    out->headers = headers;
    out->header_count = p[8];
    if (!take_headers(c, headers, out->header_count))
        return false;
    if (!take(c, 4, &p) || !take_slice(c, lg_load_u32le(p), &out->key))
        return false;
    out->value = lg_slice(c->at, c->left);
    return true;
}

enum lg_rc lg_batch_next(struct lg_batch_reader *reader, struct lg_pubsub_record *out,
                         bool *out_end, struct lg_error *err)
{
    struct lg_pubsub_record record = {0};
    struct cursor c;
    uint32_t size;
    uint8_t head;

    if (reader->rest.size == 0) {
        *out_end = true;
        return LG_OK;
    }
    if (reader->rest.size < HEAD_BYTES)
        return lg_error_set(err, LG_ERR_BAD_DATA, "batch: it ends inside a record");
    head = reader->rest.data[0];
    if ((head & VERSION_MASK) != VERSION)
        return lg_error_set(err, LG_ERR_BAD_DATA, "batch: a record of version %u, known is 1",
                            (unsigned)head >> 4);
    if ((head & ~(VERSION_MASK | FLAG_POSITION)) != 0)
        return lg_error_set(err, LG_ERR_BAD_DATA, "batch: a record with unknown flags (0x%02x)",
                            (unsigned)head);
    size = lg_load_u32le(reader->rest.data + 1);
    if (size > LG_BATCH_RECORD_BYTES_MAX + ((head & FLAG_POSITION) != 0 ? POSITION_BYTES_MAX : 0))
        return lg_error_set(err, LG_ERR_TOO_LARGE, "batch: a record of %u bytes, at most %zu", size,
                            LG_BATCH_RECORD_BYTES_MAX);
    if (size > reader->rest.size - HEAD_BYTES)
        return lg_error_set(err, LG_ERR_BAD_DATA, "batch: it ends inside a record");
    c = (struct cursor){reader->rest.data + HEAD_BYTES, size};
    if (!take_fields(&c, (head & FLAG_POSITION) != 0, reader->headers, &record))
        return lg_error_set(err, LG_ERR_BAD_DATA, "batch: a record whose fields do not fit it");
    reader->rest = lg_slice_skip(reader->rest, HEAD_BYTES + (size_t)size);
    *out_end = false;
    *out = record;
    return LG_OK;
}

enum lg_rc lg_batch_check(struct lg_slice batch, size_t *out_count, struct lg_error *err)
{
    struct lg_batch_reader reader = lg_batch_read(batch);
    struct lg_pubsub_record record;
    size_t count = 0;
    bool end = false;

    if (batch.size > LG_BATCH_BYTES_MAX)
        return lg_error_set(err, LG_ERR_TOO_LARGE,
                            "batch: %zu bytes, at most %zu: send it in smaller parts", batch.size,
                            LG_BATCH_BYTES_MAX);
    for (;;) {
        enum lg_rc rc = lg_batch_next(&reader, &record, &end, err);

        if (rc != LG_OK)
            return rc;
        if (end)
            break;
        count++;
    }
    *out_count = count;
    return LG_OK;
}
