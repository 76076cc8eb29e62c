/* Writes the controller's control messages, a bounded number of partitions at a time. */
#include "controller/topic_writer.h"

#include "base/str.h"
#include "pubsub/batch.h"
#include "record/headers.h"
#include "writer/segment.h"

#define WRITER_NAME LG_LIT("controller")

static void fill(struct lg_topic_writer *w);

/* Appends the message that stands in key and value, and empties both. */
static void add(struct lg_buf *batch, struct lg_buf *key, struct lg_buf *value, int64_t now_ms,
                const struct lg_pubsub_header *header)
{
    struct lg_pubsub_record record = {
        .key = lg_buf_slice(key),
        .value = lg_buf_slice(value),
        .timestamp_ms = now_ms,
        .headers = header,
        .header_count = header == NULL ? 0 : 1,
    };

    lg_batch_add(batch, &record);
    lg_buf_clear(key);
    lg_buf_clear(value);
}

static struct lg_control start_of_push(const struct lg_topic_writer *w)
{
    struct lg_control control = lg_control_start_of_push(w->sorted, w->chunked);

    control.start_of_push.compression = (int32_t)w->compression;
    control.start_of_push.has_dictionary = w->dictionary.size > 0;
    control.start_of_push.dictionary = w->dictionary;
    return control;
}

static struct lg_blob *messages(const struct lg_topic_writer *w, uint32_t partition)
{
    bool starts = w->kind == LG_TOPIC_WRITE_START;
    LG_AUTO_STR char *name = lg_strf("%s/%s", w->topic, starts ? "sop" : "eop");
    struct lg_guid guid = lg_segment_guid_of(lg_slice_str(name));
    struct lg_segment_stamp stamp = {.timestamp_ms = w->now_ms, .writer = WRITER_NAME};
    struct lg_control control = starts ? start_of_push(w) : lg_control_end_of_push();
    LG_SCOPED(lg_buf) batch = {0}, key = {0}, value = {0};
    uint8_t count[LG_RECORD_COUNT_BYTES];
    struct lg_pubsub_header schema = {lg_slice_str(LG_HEADER_PROTOCOL_SCHEMA),
                                      lg_headers_protocol_schema()};
    struct lg_pubsub_header counted = {lg_slice_str(LG_HEADER_RECORD_COUNT),
                                       lg_slice(count, sizeof(count))};
    struct lg_segment segment;

    lg_headers_record_count(count,
                            w->counts == NULL ? LG_RECORD_COUNT_UNKNOWN : w->counts[partition]);
    lg_segment_init(&segment, &guid, 0, LG_CHECKSUM_ADHASH);
    lg_segment_start(&segment, &stamp, &key, &value);
    add(&batch, &key, &value, w->now_ms, &schema);
    lg_segment_control(&segment, &stamp, &control, &key, &value);
    add(&batch, &key, &value, w->now_ms, starts ? NULL : &counted);
    if (!starts) {
        lg_segment_end(&segment, &stamp, /* is_final= */ true, &key, &value);
        add(&batch, &key, &value, w->now_ms, NULL);
    }
    return lg_blob_take(&batch);
}

static void note(struct lg_topic_writer *w, enum lg_rc rc, const struct lg_error *err)
{
    if (rc == LG_OK || w->rc != LG_OK)
        return;
    w->rc = rc;
    w->err = *err;
    w->err.rc = rc;
    (void)lg_error_wrap(&w->err, "topic %s", w->topic);
}

static void produced(struct lg_pubsub_op *op)
{
    struct lg_topic_writer_slot *slot = LG_CONTAINER_OF(op, struct lg_topic_writer_slot, op);
    struct lg_topic_writer *w = slot->writer;

    lg_blob_unref(op->blob);
    op->blob = NULL;
    slot->busy = false;
    w->in_flight--;
    if (op->rc == LG_ERR_NOT_FOUND) /* It was made, or seen, just now: a log that has come back. */
        op->rc = lg_error_set(&op->err, LG_ERR_UNAVAILABLE,
                              "the log does not know it any more, or not yet; ask again");
    note(w, op->rc, &op->err);
    fill(w);
}

static void produce(struct lg_topic_writer *w, struct lg_topic_writer_slot *slot)
{
    uint32_t partition = w->next++;

    slot->writer = w;
    slot->busy = true;
    slot->op = (struct lg_pubsub_op){
        .kind = LG_PUBSUB_PRODUCE,
        .lane = w->lane,
        .topic = w->topic,
        .partition = partition,
        .blob = messages(w, partition),
        .deadline_us = lg_lane_now_us(w->lane) + LG_TOPIC_WRITER_PRODUCE_MS * LG_MS,
        .done = produced,
    };
    w->in_flight++;
    lg_pubsub_submit(w->pubsub, &slot->op);
}

/* Runs from a `done` of the pubsub only, so `w->done` never comes from inside start. */
static void fill(struct lg_topic_writer *w)
{
    bool more = w->kind == LG_TOPIC_WRITE_END || w->start_of_push;

    for (size_t i = 0; more && w->rc == LG_OK && i < LG_TOPIC_WRITER_IN_FLIGHT; i++) {
        if (!w->slots[i].busy && w->next < w->partitions)
            produce(w, &w->slots[i]);
    }
    if (w->in_flight == 0)
        w->done(w);
}

static void created(struct lg_pubsub_op *op)
{
    struct lg_topic_writer *w = LG_CONTAINER_OF(op, struct lg_topic_writer, admin);

    note(w, op->rc, &op->err);
    fill(w);
}

/* What was left over of that name is gone. */
static void deleted(struct lg_pubsub_op *op)
{
    struct lg_topic_writer *w = LG_CONTAINER_OF(op, struct lg_topic_writer, admin);

    note(w, op->rc, &op->err);
    if (w->rc != LG_OK) {
        w->done(w);
        return;
    }
    w->admin = (struct lg_pubsub_op){
        .kind = LG_PUBSUB_CREATE,
        .lane = w->lane,
        .topic = w->topic,
        .partitions = w->partitions,
        .config = w->config,
        .done = created,
    };
    lg_pubsub_submit(w->pubsub, &w->admin);
}

/* The end is only written to a topic that is whole. */
static void described(struct lg_pubsub_op *op)
{
    struct lg_topic_writer *w = LG_CONTAINER_OF(op, struct lg_topic_writer, admin);
    struct lg_error err = op->err;
    enum lg_rc rc = op->rc;

    if (rc == LG_OK && op->partitions != w->partitions)
        rc = lg_error_set(&err, LG_ERR_CORRUPT, "it has %u partitions, the version %u",
                          op->partitions, w->partitions);
    note(w, rc, &err);
    fill(w);
}

void lg_topic_writer_start(struct lg_topic_writer *w)
{
    bool starts = w->kind == LG_TOPIC_WRITE_START;

    w->rc = LG_OK;
    w->err = (struct lg_error){0};
    w->next = w->in_flight = 0;
    w->now_ms = (int64_t)lg_lane_wall_ms(w->lane);
    memset(w->slots, 0, sizeof(w->slots));
    w->admin = (struct lg_pubsub_op){
        .kind = starts ? LG_PUBSUB_DELETE : LG_PUBSUB_DESCRIBE,
        .lane = w->lane,
        .topic = w->topic,
        .done = starts ? deleted : described,
    };
    lg_pubsub_submit(w->pubsub, &w->admin);
}
