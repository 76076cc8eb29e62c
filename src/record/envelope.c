/* The envelope's encoder and decoder, field by field in the order of the schema. Pure.
 *
 * Every payload has a pair `encode_x` and `decode_x` that stand together: reading one checks the
 * other.
 */
#include "record/envelope.h"

#include "avro/decode.h"
#include "avro/encode.h"

/* Branches of the payload union differ from the message type's ids. */
enum payload_branch { BRANCH_PUT = 0, BRANCH_UPDATE = 1, BRANCH_DELETE = 2, BRANCH_CONTROL = 3 };
#define PAYLOAD_BRANCHES 4

const struct lg_guid lg_guid_heartbeat = {{0x81, 0x54, 0x5f, 0x3c, 0xbd, 0x09, 0x39, 0x09, 0xa4,
                                           0x67, 0xa5, 0x83, 0xef, 0x39, 0xe4, 0x68}};
const struct lg_guid lg_guid_leadership = {{0x4a, 0x5e, 0xad, 0x6e, 0xf3, 0xa9, 0x32, 0xf0, 0x86,
                                            0x4e, 0x3b, 0x7c, 0x32, 0x4c, 0x92, 0x75}};

const char *lg_message_type_name(enum lg_message_type type)
{
    switch (type) {
    case LG_MESSAGE_PUT:
        return "PUT";
    case LG_MESSAGE_DELETE:
        return "DELETE";
    case LG_MESSAGE_CONTROL:
        return "CONTROL_MESSAGE";
    case LG_MESSAGE_UPDATE:
        return "UPDATE";
    case LG_MESSAGE_GLOBAL_RT_DIV:
        return "GLOBAL_RT_DIV";
    }
    return "unknown message";
}

const char *lg_control_type_name(enum lg_control_type type)
{
    static const char *const names[LG_CONTROL_TYPES] = {
        "START_OF_PUSH",
        "END_OF_PUSH",
        "START_OF_SEGMENT",
        "END_OF_SEGMENT",
        "START_OF_BUFFER_REPLAY",
        "START_OF_INCREMENTAL_PUSH",
        "END_OF_INCREMENTAL_PUSH",
        "TOPIC_SWITCH",
        "VERSION_SWAP",
    };

    return (size_t)type < LG_CONTROL_TYPES ? names[type] : "unknown control message";
}

struct lg_leader_footer lg_envelope_plain_footer(struct lg_slice host)
{
    static const uint8_t earliest[] = {0x22, 0x01, 0x03, 0x00};

    return (struct lg_leader_footer){
        .present = true,
        .host = host,
        .upstream_offset = -1,
        .upstream_cluster_id = -1,
        .upstream_position = lg_slice(earliest, sizeof(earliest)),
        .term_id = -1,
        .upstream_timestamp_ms = -1,
    };
}

/* --- Keys ------------------------------------------------------------------------------------- */

void lg_envelope_encode_key(struct lg_buf *out, enum lg_key_header header, struct lg_slice key)
{
    lg_buf_append_byte(out, (uint8_t)header);
    lg_buf_append_slice(out, key);
}

void lg_envelope_encode_control_key(struct lg_buf *out, const struct lg_guid *guid, int32_t segment,
                                    int32_t sequence)
{
    lg_buf_append_byte(out, LG_KEY_CONTROL);
    lg_buf_append(out, guid->bytes, LG_GUID_BYTES);
    lg_buf_append_u32be(out, (uint32_t)segment);
    lg_buf_append_u32be(out, (uint32_t)sequence);
}

enum lg_rc lg_envelope_decode_key(struct lg_slice kafka_key, enum lg_key_header *out_header,
                                  struct lg_slice *out_key, struct lg_error *err)
{
    uint8_t header;

    if (kafka_key.size == 0)
        return lg_error_set(err, LG_ERR_BAD_DATA, "record key: empty, without its header byte");
    header = kafka_key.data[0];
    if (header != LG_KEY_DATA && header != LG_KEY_CONTROL && header != LG_KEY_UPDATE &&
        header != LG_KEY_GLOBAL_RT_DIV)
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "record key: header byte 0x%02x is none of 0, 2, 4 and 8", header);
    if (header == LG_KEY_CONTROL && kafka_key.size != LG_CONTROL_KEY_BYTES)
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "record key: a control message's key has %zu bytes, not %d",
                            kafka_key.size, LG_CONTROL_KEY_BYTES);
    *out_header = (enum lg_key_header)header;
    *out_key = lg_slice(kafka_key.data + 1, kafka_key.size - 1);
    return LG_OK;
}

bool lg_envelope_key_matches(const struct lg_envelope *e, enum lg_key_header header)
{
    switch (e->type) {
    case LG_MESSAGE_PUT:
        return header == LG_KEY_DATA || header == LG_KEY_GLOBAL_RT_DIV;
    case LG_MESSAGE_DELETE:
        return header == LG_KEY_DATA;
    case LG_MESSAGE_CONTROL:
        return header == LG_KEY_CONTROL;
    case LG_MESSAGE_UPDATE:
        return header == LG_KEY_UPDATE;
    case LG_MESSAGE_GLOBAL_RT_DIV:
        return header == LG_KEY_GLOBAL_RT_DIV;
    }
    return false;
}

/* --- Arrays and maps -------------------------------------------------------------------------- */

enum item { ITEM_LONG, ITEM_STRING, ITEM_BYTES, ITEM_PAIR };

static enum lg_rc decode_item(struct lg_decoder *d, enum item item, struct lg_error *err)
{
    struct lg_slice bytes;
    int64_t number;
    enum lg_rc rc;

    switch (item) {
    case ITEM_LONG:
        return lg_decode_long(d, &number, err);
    case ITEM_STRING:
        return lg_decode_string(d, &bytes, err);
    case ITEM_BYTES:
        return lg_decode_bytes(d, &bytes, err);
    case ITEM_PAIR:
        rc = lg_decode_string(d, &bytes, err);
        return rc != LG_OK ? rc : lg_decode_string(d, &bytes, err);
    }
    assert(false && "an item of another kind");
    return LG_ERR_FAILED;
}

/* Steps over all blocks, checking each item, and hands out the bytes as they stand. */
static enum lg_rc decode_sequence(struct lg_decoder *d, enum item item, struct lg_sequence *out,
                                  struct lg_error *err)
{
    size_t start = d->at;
    uint64_t total = 0, n;
    enum lg_rc rc;

    do {
        rc = lg_decode_block(d, item == ITEM_PAIR ? 2 : 1, &n, err);
        if (rc != LG_OK)
            return rc;
        if (n > LG_ENVELOPE_ITEMS_MAX - total)
            return lg_error_set(err, LG_ERR_BAD_DATA, "more than %d items in an array or map",
                                LG_ENVELOPE_ITEMS_MAX);
        total += n;
        for (uint64_t i = 0; i < n && rc == LG_OK; i++)
            rc = decode_item(d, item, err);
        if (rc == LG_OK) /* The bytes stay as they are: they must make sense wherever they stand. */
            rc = lg_decode_block_end(d, err);
        if (rc != LG_OK)
            return rc;
    } while (n != 0);
    *out = (struct lg_sequence){
        .count = total,
        .encoded = lg_slice(d->in.data + start, d->at - start),
    };
    return LG_OK;
}

static void encode_sequence(struct lg_buf *out, struct lg_sequence s)
{
    if (s.encoded.size == 0)
        lg_buf_append_byte(out, 0);
    else
        lg_buf_append_slice(out, s.encoded);
}

/* --- Control messages ------------------------------------------------------------------------- */

/* Runs one decoding step after another; the first failure ends the chain. */
#define FIRST_FAILURE(rc, step)                                                                    \
    do {                                                                                           \
        if ((rc) == LG_OK)                                                                         \
            (rc) = (step);                                                                         \
    } while (0)

static void encode_start_of_push(struct lg_buf *out, const struct lg_control *c)
{
    lg_encode_bool(out, c->start_of_push.sorted);
    lg_encode_bool(out, c->start_of_push.chunked);
    lg_encode_int(out, c->start_of_push.compression);
    lg_encode_long(out, c->start_of_push.has_dictionary);
    if (c->start_of_push.has_dictionary)
        lg_encode_bytes(out, c->start_of_push.dictionary);
    lg_encode_int(out, c->start_of_push.timestamp_policy);
}

static enum lg_rc decode_start_of_push(struct lg_decoder *d, struct lg_control *c,
                                       struct lg_error *err)
{
    enum lg_rc rc = lg_decode_bool(d, &c->start_of_push.sorted, err);
    size_t branch = 0;

    FIRST_FAILURE(rc, lg_decode_bool(d, &c->start_of_push.chunked, err));
    FIRST_FAILURE(rc, lg_decode_int(d, &c->start_of_push.compression, err));
    FIRST_FAILURE(rc, lg_decode_index(d, 2, &branch, err));
    c->start_of_push.has_dictionary = branch == 1;
    if (branch == 1)
        FIRST_FAILURE(rc, lg_decode_bytes(d, &c->start_of_push.dictionary, err));
    FIRST_FAILURE(rc, lg_decode_int(d, &c->start_of_push.timestamp_policy, err));
    return rc;
}

static void encode_version_swap(struct lg_buf *out, const struct lg_control *c)
{
    lg_encode_string(out, c->version_swap.old_topic);
    lg_encode_string(out, c->version_swap.new_topic);
    lg_encode_long(out, c->version_swap.has_local_high_watermarks);
    if (c->version_swap.has_local_high_watermarks)
        encode_sequence(out, c->version_swap.local_high_watermarks);
    encode_sequence(out, c->version_swap.local_high_watermark_positions);
    lg_encode_bool(out, c->version_swap.is_repush);
    lg_encode_bool(out, c->version_swap.is_last_from_real_time);
    lg_encode_string(out, c->version_swap.source_region);
    lg_encode_string(out, c->version_swap.destination_region);
    lg_encode_long(out, c->version_swap.generation_id);
}

static enum lg_rc decode_version_swap(struct lg_decoder *d, struct lg_control *c,
                                      struct lg_error *err)
{
    enum lg_rc rc = lg_decode_string(d, &c->version_swap.old_topic, err);
    size_t branch = 0;

    FIRST_FAILURE(rc, lg_decode_string(d, &c->version_swap.new_topic, err));
    FIRST_FAILURE(rc, lg_decode_index(d, 2, &branch, err));
    c->version_swap.has_local_high_watermarks = branch == 1;
    if (branch == 1)
        FIRST_FAILURE(rc,
                      decode_sequence(d, ITEM_LONG, &c->version_swap.local_high_watermarks, err));
    FIRST_FAILURE(
        rc, decode_sequence(d, ITEM_BYTES, &c->version_swap.local_high_watermark_positions, err));
    FIRST_FAILURE(rc, lg_decode_bool(d, &c->version_swap.is_repush, err));
    FIRST_FAILURE(rc, lg_decode_bool(d, &c->version_swap.is_last_from_real_time, err));
    FIRST_FAILURE(rc, lg_decode_string(d, &c->version_swap.source_region, err));
    FIRST_FAILURE(rc, lg_decode_string(d, &c->version_swap.destination_region, err));
    FIRST_FAILURE(rc, lg_decode_long(d, &c->version_swap.generation_id, err));
    return rc;
}

/* The union's record; `type` was written before as its branch. */
static void encode_control_record(struct lg_buf *out, const struct lg_control *c)
{
    switch (c->type) {
    case LG_CONTROL_START_OF_PUSH:
        encode_start_of_push(out, c);
        break;
    case LG_CONTROL_END_OF_PUSH: /* Has no fields. */
        break;
    case LG_CONTROL_START_OF_SEGMENT:
        lg_encode_int(out, c->start_of_segment.checksum_type);
        encode_sequence(out, c->start_of_segment.upcoming_aggregates);
        break;
    case LG_CONTROL_END_OF_SEGMENT:
        lg_encode_bytes(out, c->end_of_segment.checksum);
        encode_sequence(out, c->end_of_segment.computed_aggregates);
        lg_encode_bool(out, c->end_of_segment.is_final);
        break;
    case LG_CONTROL_START_OF_BUFFER_REPLAY:
        encode_sequence(out, c->start_of_buffer_replay.source_offsets);
        lg_encode_string(out, c->start_of_buffer_replay.source_cluster);
        lg_encode_string(out, c->start_of_buffer_replay.source_topic);
        break;
    case LG_CONTROL_START_OF_INCREMENTAL_PUSH:
    case LG_CONTROL_END_OF_INCREMENTAL_PUSH:
        lg_encode_string(out, c->incremental_push.version);
        break;
    case LG_CONTROL_TOPIC_SWITCH:
        encode_sequence(out, c->topic_switch.source_servers);
        lg_encode_string(out, c->topic_switch.source_topic);
        lg_encode_long(out, c->topic_switch.rewind_start_ms);
        break;
    case LG_CONTROL_VERSION_SWAP:
        encode_version_swap(out, c);
        break;
    }
}

static enum lg_rc decode_control_record(struct lg_decoder *d, struct lg_control *c,
                                        struct lg_error *err)
{
    enum lg_rc rc = LG_OK;

    switch (c->type) {
    case LG_CONTROL_START_OF_PUSH:
        return decode_start_of_push(d, c, err);
    case LG_CONTROL_END_OF_PUSH:
        return LG_OK;
    case LG_CONTROL_START_OF_SEGMENT:
        rc = lg_decode_int(d, &c->start_of_segment.checksum_type, err);
        FIRST_FAILURE(
            rc, decode_sequence(d, ITEM_STRING, &c->start_of_segment.upcoming_aggregates, err));
        return rc;
    case LG_CONTROL_END_OF_SEGMENT:
        rc = lg_decode_bytes(d, &c->end_of_segment.checksum, err);
        FIRST_FAILURE(rc,
                      decode_sequence(d, ITEM_LONG, &c->end_of_segment.computed_aggregates, err));
        FIRST_FAILURE(rc, lg_decode_bool(d, &c->end_of_segment.is_final, err));
        return rc;
    case LG_CONTROL_START_OF_BUFFER_REPLAY:
        rc = decode_sequence(d, ITEM_LONG, &c->start_of_buffer_replay.source_offsets, err);
        FIRST_FAILURE(rc, lg_decode_string(d, &c->start_of_buffer_replay.source_cluster, err));
        FIRST_FAILURE(rc, lg_decode_string(d, &c->start_of_buffer_replay.source_topic, err));
        return rc;
    case LG_CONTROL_START_OF_INCREMENTAL_PUSH:
    case LG_CONTROL_END_OF_INCREMENTAL_PUSH:
        return lg_decode_string(d, &c->incremental_push.version, err);
    case LG_CONTROL_TOPIC_SWITCH:
        rc = decode_sequence(d, ITEM_STRING, &c->topic_switch.source_servers, err);
        FIRST_FAILURE(rc, lg_decode_string(d, &c->topic_switch.source_topic, err));
        FIRST_FAILURE(rc, lg_decode_long(d, &c->topic_switch.rewind_start_ms, err));
        return rc;
    case LG_CONTROL_VERSION_SWAP:
        return decode_version_swap(d, c, err);
    }
    assert(false && "a control message of another type");
    return LG_ERR_FAILED;
}

static void encode_control(struct lg_buf *out, const struct lg_control *c)
{
    lg_encode_int(out, (int32_t)c->type);
    encode_sequence(out, c->debug_info);
    lg_encode_long(out, (int64_t)c->type);
    encode_control_record(out, c);
}

static enum lg_rc decode_control(struct lg_decoder *d, struct lg_control *c, struct lg_error *err)
{
    int32_t type = 0;
    size_t branch = 0;
    enum lg_rc rc = lg_decode_int(d, &type, err);

    if (rc == LG_OK && (type < 0 || type >= LG_CONTROL_TYPES))
        return lg_error_set(err, LG_ERR_UNSUPPORTED, "control message type %d is not known", type);
    FIRST_FAILURE(rc, decode_sequence(d, ITEM_PAIR, &c->debug_info, err));
    FIRST_FAILURE(rc, lg_decode_index(d, LG_CONTROL_TYPES, &branch, err));
    if (rc == LG_OK && branch != (size_t)type)
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "control message type %d contradicts its payload, branch %zu", type,
                            branch);
    c->type = (enum lg_control_type)type;
    FIRST_FAILURE(rc, decode_control_record(d, c, err));
    return rc;
}

/* --- Data ------------------------------------------------------------------------------------- */

static void encode_put(struct lg_buf *out, const struct lg_put *p)
{
    lg_encode_bytes(out, p->value);
    lg_encode_int(out, p->schema_id);
    lg_encode_int(out, p->rmd_version);
    lg_encode_bytes(out, p->rmd);
}

static enum lg_rc decode_put(struct lg_decoder *d, struct lg_put *p, struct lg_error *err)
{
    enum lg_rc rc = lg_decode_bytes(d, &p->value, err);

    FIRST_FAILURE(rc, lg_decode_int(d, &p->schema_id, err));
    FIRST_FAILURE(rc, lg_decode_int(d, &p->rmd_version, err));
    FIRST_FAILURE(rc, lg_decode_bytes(d, &p->rmd, err));
    return rc;
}

static void encode_update(struct lg_buf *out, const struct lg_update *u)
{
    lg_encode_int(out, u->schema_id);
    lg_encode_int(out, u->update_schema_id);
    lg_encode_bytes(out, u->value);
}

static enum lg_rc decode_update(struct lg_decoder *d, struct lg_update *u, struct lg_error *err)
{
    enum lg_rc rc = lg_decode_int(d, &u->schema_id, err);

    FIRST_FAILURE(rc, lg_decode_int(d, &u->update_schema_id, err));
    FIRST_FAILURE(rc, lg_decode_bytes(d, &u->value, err));
    return rc;
}

static void encode_delete(struct lg_buf *out, const struct lg_delete *x)
{
    lg_encode_int(out, x->schema_id);
    lg_encode_int(out, x->rmd_version);
    lg_encode_bytes(out, x->rmd);
}

static enum lg_rc decode_delete(struct lg_decoder *d, struct lg_delete *x, struct lg_error *err)
{
    enum lg_rc rc = lg_decode_int(d, &x->schema_id, err);

    FIRST_FAILURE(rc, lg_decode_int(d, &x->rmd_version, err));
    FIRST_FAILURE(rc, lg_decode_bytes(d, &x->rmd, err));
    return rc;
}

/* --- Producer, footer, envelope --------------------------------------------------------------- */

static void encode_producer(struct lg_buf *out, const struct lg_producer_metadata *p)
{
    lg_encode_fixed(out, lg_slice(p->guid.bytes, LG_GUID_BYTES));
    lg_encode_int(out, p->segment);
    lg_encode_int(out, p->sequence);
    lg_encode_long(out, p->timestamp_ms);
    lg_encode_long(out, p->logical_timestamp);
}

static enum lg_rc decode_producer(struct lg_decoder *d, struct lg_producer_metadata *p,
                                  struct lg_error *err)
{
    struct lg_slice guid;
    enum lg_rc rc = lg_decode_fixed(d, LG_GUID_BYTES, &guid, err);

    if (rc == LG_OK)
        memcpy(p->guid.bytes, guid.data, LG_GUID_BYTES);
    FIRST_FAILURE(rc, lg_decode_int(d, &p->segment, err));
    FIRST_FAILURE(rc, lg_decode_int(d, &p->sequence, err));
    FIRST_FAILURE(rc, lg_decode_long(d, &p->timestamp_ms, err));
    FIRST_FAILURE(rc, lg_decode_long(d, &p->logical_timestamp, err));
    if (rc == LG_OK && (p->segment < 0 || p->sequence < 0))
        return lg_error_set(err, LG_ERR_BAD_DATA, "segment %d or sequence %d is negative",
                            p->segment, p->sequence);
    return rc;
}

static void encode_footer(struct lg_buf *out, const struct lg_leader_footer *f)
{
    lg_encode_long(out, f->present);
    if (!f->present)
        return;
    lg_encode_string(out, f->host);
    lg_encode_long(out, f->upstream_offset);
    lg_encode_int(out, f->upstream_cluster_id);
    lg_encode_bytes(out, f->upstream_position);
    lg_encode_long(out, f->term_id);
    lg_encode_long(out, f->upstream_timestamp_ms);
}

static enum lg_rc decode_footer(struct lg_decoder *d, struct lg_leader_footer *f,
                                struct lg_error *err)
{
    size_t branch = 0;
    enum lg_rc rc = lg_decode_index(d, 2, &branch, err);

    f->present = branch == 1;
    if (rc != LG_OK || !f->present)
        return rc;
    rc = lg_decode_string(d, &f->host, err);
    FIRST_FAILURE(rc, lg_decode_long(d, &f->upstream_offset, err));
    FIRST_FAILURE(rc, lg_decode_int(d, &f->upstream_cluster_id, err));
    FIRST_FAILURE(rc, lg_decode_bytes(d, &f->upstream_position, err));
    FIRST_FAILURE(rc, lg_decode_long(d, &f->term_id, err));
    FIRST_FAILURE(rc, lg_decode_long(d, &f->upstream_timestamp_ms, err));
    return rc;
}

static enum payload_branch branch_of(enum lg_message_type type)
{
    switch (type) {
    case LG_MESSAGE_PUT:
    case LG_MESSAGE_GLOBAL_RT_DIV:
        return BRANCH_PUT;
    case LG_MESSAGE_DELETE:
        return BRANCH_DELETE;
    case LG_MESSAGE_CONTROL:
        return BRANCH_CONTROL;
    case LG_MESSAGE_UPDATE:
        return BRANCH_UPDATE;
    }
    assert(false && "a message of another type");
    return BRANCH_PUT;
}

void lg_envelope_encode(struct lg_buf *out, const struct lg_envelope *e)
{
    enum payload_branch branch = branch_of(e->type);

    lg_buf_append_byte(out, LG_ENVELOPE_MAGIC);
    lg_buf_append_byte(out, LG_ENVELOPE_VERSION);
    lg_encode_int(out, (int32_t)e->type);
    encode_producer(out, &e->producer);
    lg_encode_long(out, (int64_t)branch);
    if (branch == BRANCH_PUT)
        encode_put(out, &e->put);
    else if (branch == BRANCH_UPDATE)
        encode_update(out, &e->update);
    else if (branch == BRANCH_DELETE)
        encode_delete(out, &e->delete_);
    else
        encode_control(out, &e->control);
    encode_footer(out, &e->footer);
}

static enum lg_rc decode_payload(struct lg_decoder *d, struct lg_envelope *e, struct lg_error *err)
{
    size_t branch;
    enum lg_rc rc = lg_decode_index(d, PAYLOAD_BRANCHES, &branch, err);

    if (rc != LG_OK)
        return rc;
    if (branch != branch_of(e->type))
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "message type %s contradicts its payload, branch %zu",
                            lg_message_type_name(e->type), branch);
    switch ((enum payload_branch)branch) {
    case BRANCH_PUT:
        return decode_put(d, &e->put, err);
    case BRANCH_UPDATE:
        return decode_update(d, &e->update, err);
    case BRANCH_DELETE:
        return decode_delete(d, &e->delete_, err);
    case BRANCH_CONTROL:
        return decode_control(d, &e->control, err);
    }
    return LG_ERR_FAILED;
}

static enum lg_rc decode_fields(struct lg_decoder *d, struct lg_envelope *e, struct lg_error *err)
{
    int32_t type = 0;
    enum lg_rc rc = lg_decode_int(d, &type, err);

    if (rc == LG_OK && (type < LG_MESSAGE_PUT || type > LG_MESSAGE_GLOBAL_RT_DIV))
        return lg_error_set(err, LG_ERR_UNSUPPORTED, "message type %d is not known", type);
    e->type = (enum lg_message_type)type;
    FIRST_FAILURE(rc, decode_producer(d, &e->producer, err));
    FIRST_FAILURE(rc, decode_payload(d, e, err));
    FIRST_FAILURE(rc, decode_footer(d, &e->footer, err));
    if (rc == LG_OK && lg_decoder_left(d) != 0)
        return lg_error_set(err, LG_ERR_BAD_DATA, "%zu bytes follow its end", lg_decoder_left(d));
    return rc;
}

enum lg_rc lg_envelope_decode(struct lg_slice value, struct lg_envelope *out, struct lg_error *err)
{
    struct lg_decoder d = lg_decoder_of(value);
    struct lg_envelope e = {0};
    struct lg_error why = {0};
    enum lg_rc rc;

    if (value.size < 2 || value.data[0] != LG_ENVELOPE_MAGIC)
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "record value: not a Venice message, it does not begin with 0x%02x",
                            LG_ENVELOPE_MAGIC);
    if (value.data[1] != LG_ENVELOPE_VERSION)
        return lg_error_set(err, LG_ERR_UNSUPPORTED,
                            "record value: message protocol version %d; this program reads "
                            "version %d, so the writer must use that one",
                            (int8_t)value.data[1], LG_ENVELOPE_VERSION);
    d.at = 2;
    rc = decode_fields(&d, &e, &why);
    if (rc != LG_OK)
        return lg_error_set(err, rc, "record value: %s", why.text);
    *out = e;
    return LG_OK;
}
