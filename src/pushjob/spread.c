#include "pushjob/spread.h"

#include "pubsub/batch.h"
#include "record/headers.h"
#include "writer/segment.h"

/* One partition being written: SOS, PUTs, EOS.
 *
 *     IDLE ──▶ SENDING ──▶ (more rows: SENDING) ──▶ ENDED
 *                 └─ may be lost ─▶ PAUSED ──▶ SENDING, the same batch
 */
struct stream {
    struct lg_spread *spread;
    uint32_t partition;
    const struct lg_row *rows;
    size_t count, next;   /* rows; first not yet in a batch */
    size_t batch_records; /* rows in the batch in flight */
    struct lg_segment segment;
    struct lg_blob *batch;
    struct lg_pubsub_op op;
    struct lg_timer pause;
    bool ended;
};

struct lg_spread {
    struct lg_spread_options o;
    struct stream streams[LG_SPREAD_AT_ONCE];
    uint32_t next_partition;
    uint32_t open; /* streams in use */
    uint64_t records;
    bool failed;
    struct lg_error err;
    struct lg_task begin;
};

static void send_batch(struct stream *s);
static void next_stream(struct stream *s);

static void add_message(struct lg_buf *batch, struct lg_buf *key, struct lg_buf *value,
                        int64_t now_ms, const struct lg_pubsub_header *headers, size_t header_count)
{
    lg_batch_add(batch, &(struct lg_pubsub_record){.key = lg_buf_slice(key),
                                                   .value = lg_buf_slice(value),
                                                   .timestamp_ms = now_ms,
                                                   .headers = headers,
                                                   .header_count = header_count});
    lg_buf_clear(key);
    lg_buf_clear(value);
}

/* Puts rows into the next batch, with the segment's start before the first and its end after the
 * last row. */
static void fill_batch(struct stream *s)
{
    const struct lg_spread_options *o = &s->spread->o;
    struct lg_segment_stamp stamp = {(int64_t)lg_lane_wall_ms(o->lane), lg_slice_str(o->host_name)};
    LG_SCOPED(lg_buf) batch = lg_buf_with_ceiling(LG_BATCH_BYTES_MAX);
    LG_SCOPED(lg_buf) key = {0}, value = {0};
    size_t first = s->next;

    if (first == 0 && !s->segment.is_open) {
        struct lg_pubsub_header vtp = {LG_LIT(LG_HEADER_PROTOCOL_SCHEMA),
                                       lg_headers_protocol_schema()};

        lg_segment_start(&s->segment, &stamp, &key, &value);
        add_message(&batch, &key, &value, stamp.timestamp_ms, &vtp, 1);
    }
    while (s->next < s->count && batch.size < LG_SPREAD_BATCH_BYTES) {
        const struct lg_row *row = &s->rows[s->next++];

        lg_segment_put(&s->segment, &stamp, row->key, o->schema_id, row->value, &key, &value);
        add_message(&batch, &key, &value, stamp.timestamp_ms, NULL, 0);
    }
    if (s->next == s->count) {
        lg_segment_end(&s->segment, &stamp, /* is_final= */ true, &key, &value);
        add_message(&batch, &key, &value, stamp.timestamp_ms, NULL, 0);
        s->ended = true;
    }
    assert(
        lg_buf_ok(&batch)); /* A record is far smaller than the room above LG_SPREAD_BATCH_BYTES. */
    s->batch_records = s->next - first;
    s->batch = lg_blob_take(&batch);
}

static void finish_if_idle(struct lg_spread *spread)
{
    if (spread->open > 0)
        return;
    spread->o.finished(spread->o.ctx, spread->failed ? spread->err.rc : LG_OK,
                       spread->failed ? &spread->err : NULL);
}

static void stop_stream(struct stream *s)
{
    struct lg_spread *spread = s->spread;

    lg_blob_unref(s->batch);
    s->batch = NULL;
    assert(spread->open > 0);
    spread->open--;
    finish_if_idle(spread);
}

static void pause_ended(struct lg_timer *timer)
{
    send_batch(LG_CONTAINER_OF(timer, struct stream, pause));
}

static bool worth_repeating(const struct stream *s)
{
    return s->op.rc != LG_ERR_CANCELLED && lg_rc_retry(s->op.rc) != LG_RETRY_NEVER &&
           s->op.rc != LG_ERR_CORRUPT && s->op.rc != LG_ERR_IO && !s->spread->failed &&
           lg_lane_now_us(s->spread->o.lane) < s->spread->o.deadline_us;
}

static void produced(struct lg_pubsub_op *op)
{
    struct stream *s = LG_CONTAINER_OF(op, struct stream, op);
    struct lg_spread *spread = s->spread;

    if (op->rc == LG_OK) {
        lg_blob_unref(s->batch);
        s->batch = NULL;
        spread->records += s->batch_records;
        if (!spread->failed) {
            spread->o.progress(spread->o.ctx, spread->records);
            next_stream(s);
            return;
        }
    } else if (worth_repeating(s)) {
        lg_timer_start(spread->o.lane, &s->pause, LG_SPREAD_PAUSE_MS * LG_MS, pause_ended);
        return;
    } else if (!spread->failed) {
        spread->failed = true;
        spread->err = op->err;
        spread->err.rc = op->rc;
        (void)lg_error_wrap(&spread->err, "writing %s partition %u", spread->o.topic, s->partition);
    }
    stop_stream(s);
}

static void send_batch(struct stream *s)
{
    if (s->spread->failed) {
        stop_stream(s);
        return;
    }
    s->op = (struct lg_pubsub_op){
        .kind = LG_PUBSUB_PRODUCE,
        .lane = s->spread->o.lane,
        .topic = s->spread->o.topic,
        .partition = s->partition,
        .blob = s->batch,
        .done = produced,
    };
    lg_pubsub_submit(s->spread->o.log, &s->op);
}

/* Goes on with the stream's partition, or takes the next one, or ends. */
static void next_stream(struct stream *s)
{
    struct lg_spread *spread = s->spread;

    if (s->ended) {
        if (spread->next_partition == lg_rows_partitions(spread->o.rows)) {
            stop_stream(s);
            return;
        }
        s->partition = spread->next_partition++;
        s->rows = lg_rows_of(spread->o.rows, s->partition, &s->count);
        s->next = 0;
        s->ended = false;
        lg_segment_init(&s->segment, &spread->o.guid, /* first= */ 0, LG_CHECKSUM_ADHASH);
    }
    fill_batch(s);
    send_batch(s);
}

static void begin(struct lg_task *task)
{
    struct lg_spread *spread = LG_CONTAINER_OF(task, struct lg_spread, begin);
    uint32_t streams = LG_MIN(LG_SPREAD_AT_ONCE, lg_rows_partitions(spread->o.rows));

    spread->open = streams;
    for (uint32_t i = 0; i < streams; i++) {
        spread->streams[i].spread = spread;
        spread->streams[i].ended = true; /* No partition yet. */
        next_stream(&spread->streams[i]);
    }
}

struct lg_spread *lg_spread_start(const struct lg_spread_options *options)
{
    struct lg_spread *spread = lg_new(struct lg_spread);

    spread->o = *options;
    spread->begin.run = begin;
    lg_lane_post(options->lane, &spread->begin);
    return spread;
}

void lg_spread_cancel(struct lg_spread *spread)
{
    if (spread->failed)
        return;
    spread->failed = true;
    (void)lg_error_set(&spread->err, LG_ERR_CANCELLED, "the push was cancelled");
}

void lg_spread_free(struct lg_spread *spread)
{
    if (spread == NULL)
        return;
    assert(spread->open == 0);
    lg_free(spread);
}
