/* The state of integrity validation as bytes for a checkpoint. Pure.
 *
 *   u8 version | u64 puts | u64 clock | u32 producers |
 *   per producer: GUID, u32 segment, u32 sequence, u8 status, u8 flags, u64 heard, checksum |
 *   u32 CRC-32C of everything before
 *
 * Numbers are big-endian. Producers stand in the order in which they were first seen, so that equal
 * histories give equal bytes.
 */
#include "ingest/integrity_state.h"

#include "base/hash.h"

#define STATE_VERSION 1
#define HEAD_BYTES (1 + 8 + 8 + 4)
#define PRODUCER_BYTES_MIN (LG_GUID_BYTES + 4 + 4 + 1 + 1 + 8)
#define FLAG_REGISTERED 1
#define FLAG_WROTE_DATA 2

static void save_producer(const struct lg_producer *p, struct lg_buf *out)
{
    uint8_t flags =
        (uint8_t)((p->is_registered ? FLAG_REGISTERED : 0) | (p->wrote_data ? FLAG_WROTE_DATA : 0));

    lg_buf_append(out, p->guid.bytes, LG_GUID_BYTES);
    lg_buf_append_u32be(out, (uint32_t)p->segment);
    lg_buf_append_u32be(out, (uint32_t)p->sequence);
    lg_buf_append_byte(out, (uint8_t)p->status);
    lg_buf_append_byte(out, flags);
    lg_buf_append_u64be(out, p->heard);
    lg_checksum_save(out, &p->checksum);
}

void lg_integrity_save(const struct lg_integrity *t, struct lg_buf *out)
{
    size_t start = out->size;
    struct lg_slice guid;
    void *producer;
    size_t at = 0;

    lg_buf_append_byte(out, STATE_VERSION);
    lg_buf_append_u64be(out, t->puts);
    lg_buf_append_u64be(out, t->clock);
    lg_buf_append_u32be(out, (uint32_t)lg_map_size(t->by_guid));
    while (lg_map_next(t->by_guid, &at, &guid, &producer))
        save_producer(producer, out);
    if (lg_buf_ok(out))
        lg_buf_append_u32be(out, lg_crc32c(0, out->data + start, out->size - start));
}

static enum lg_rc damaged(struct lg_error *err, const char *what)
{
    return lg_error_set(err, LG_ERR_CORRUPT,
                        "saved integrity state: %s; delete the replica, it is built again", what);
}

static enum lg_rc load_producer(struct lg_slice *in, struct lg_integrity *t, struct lg_error *err)
{
    struct lg_producer p = {0};
    struct lg_error why = {0};
    struct lg_producer *kept;

    if (in->size < PRODUCER_BYTES_MIN)
        return damaged(err, "a producer is cut short");
    memcpy(p.guid.bytes, in->data, LG_GUID_BYTES);
    p.segment = (int32_t)lg_load_u32be(in->data + 16);
    p.sequence = (int32_t)lg_load_u32be(in->data + 20);
    if (p.segment < 0 || p.sequence < 0 || in->data[24] > LG_SEGMENT_END_OF_FINAL ||
        in->data[25] > (FLAG_REGISTERED | FLAG_WROTE_DATA))
        return damaged(err, "a producer has impossible values");
    p.status = (enum lg_segment_status)in->data[24];
    p.is_registered = (in->data[25] & FLAG_REGISTERED) != 0;
    p.wrote_data = (in->data[25] & FLAG_WROTE_DATA) != 0;
    p.heard = lg_load_u64be(in->data + 26);
    *in = lg_slice_skip(*in, PRODUCER_BYTES_MIN);
    if (lg_checksum_load(in, &p.checksum, &why) != LG_OK)
        return damaged(err, why.text);
    if (lg_map_get(t->by_guid, lg_slice(p.guid.bytes, LG_GUID_BYTES)) != NULL)
        return damaged(err, "a producer stands there twice");
    kept = lg_new(struct lg_producer);
    *kept = p;
    lg_map_put(t->by_guid, lg_slice(p.guid.bytes, LG_GUID_BYTES), kept);
    return LG_OK;
}

enum lg_rc lg_integrity_load(struct lg_slice bytes, struct lg_integrity **out, struct lg_error *err)
{
    LG_AUTO(lg_integrity) *t = NULL;
    struct lg_slice body;
    uint32_t producers;

    if (bytes.size == 0)
        return damaged(err, "it is empty");
    if (bytes.data[0] != STATE_VERSION)
        return lg_error_set(err, LG_ERR_UNSUPPORTED,
                            "saved integrity state has format %d, this program reads %d; delete "
                            "the replica, it is built again",
                            bytes.data[0], STATE_VERSION);
    if (bytes.size < HEAD_BYTES + 4)
        return damaged(err, "it is cut short");
    body = lg_slice(bytes.data, bytes.size - 4);
    if (lg_crc32c(0, body.data, body.size) != lg_load_u32be(bytes.data + body.size))
        return damaged(err, "its checksum differs");
    t = lg_integrity_new();
    t->puts = lg_load_u64be(body.data + 1);
    t->clock = lg_load_u64be(body.data + 9);
    producers = lg_load_u32be(body.data + 17);
    if (producers > LG_INTEGRITY_PRODUCERS_MAX)
        return damaged(err, "it has more producers than a partition may have");
    body = lg_slice_skip(body, HEAD_BYTES);
    for (uint32_t i = 0; i < producers; i++) {
        enum lg_rc rc = load_producer(&body, t, err);

        if (rc != LG_OK)
            return rc;
    }
    if (body.size != 0)
        return damaged(err, "bytes follow the last producer");
    *out = LG_TAKE(t);
    return LG_OK;
}
