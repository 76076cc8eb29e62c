#include "pushjob/spread.h"

#include "pubsub/batch.h"
#include "record/headers.h"
#include "writer/chunk_writer.h"

/* One partition being written: SOS, PUTs, EOS. Two things go on side by side:
 *
 *     filling   a pool thread puts rows into the next batch
 *     sending   a batch is in flight; it waits for its time before, if there is a rate, and after a
 *               loss it pauses and is sent again
 *
 * A filled batch waits for the one before it. Whatever ends calls step().
 */
struct stream {
    struct lg_spread *spread;
    uint32_t partition;

    /* While it fills these are the pool thread's; between, the lane's. */
    struct lg_offload fill;
    struct lg_rows_stream *rows;
    struct lg_row row; /* The next one, if `has_row`. */
    bool has_row;
    struct lg_chunk_writer writer; /* Of the row, once its first message is written. */
    bool in_row;
    struct lg_segment segment;
    struct lg_segment_stamp stamp;
    struct lg_blob *filled;
    size_t filled_records;
    bool fill_ended;
    struct lg_error fill_err;

    struct lg_blob *next; /* filled, waits; NULL: none */
    size_t next_records;
    bool ended;            /* Nothing is left to fill. */
    struct lg_blob *batch; /* in flight, or waits to be */
    size_t batch_records;
    struct lg_pubsub_op op;
    uint64_t due_us; /* when it may go */
    struct lg_timer pause;
    bool filling, sending; /* sending: in flight, paused, or before its time */
};

struct lg_spread {
    struct lg_spread_options o;
    struct stream streams[LG_SPREAD_AT_ONCE];
    uint32_t next_partition;
    uint32_t open; /* streams in use */
    uint64_t records;
    uint64_t free_us; /* With a rate: when the next batch may go. */
    bool failed;
    struct lg_error err;
    struct lg_task begin;
};

static void pause_ended(struct lg_timer *timer);
static void send_batch(struct stream *s);
static void step(struct stream *s);

/* --- Filling, on a pool thread. ----------------------------------------------------------------
 */

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

static enum lg_rc next_row(struct stream *s)
{
    bool end = false;
    enum lg_rc rc = lg_rows_stream_next(s->rows, &s->row, &end, &s->fill_err);

    s->has_row = rc == LG_OK && !end;
    return rc;
}

/* With a rate, a tenth of a second's: a batch is sent at once. */
static size_t records_max(const struct stream *s)
{
    uint32_t rate = s->spread->o.records_per_second;

    return rate == 0 ? SIZE_MAX : LG_MAX(rate / 10, 1u);
}

/* Puts rows into the batch, with the segment's start before the first and its end after the last
 * row. */
static enum lg_rc fill_batch(struct stream *s, struct lg_buf *batch)
{
    LG_SCOPED(lg_buf) key = {0}, value = {0};
    int64_t now_ms = s->stamp.timestamp_ms;
    enum lg_rc rc = LG_OK;

    if (!s->segment.is_open) {
        struct lg_pubsub_header vtp = {LG_LIT(LG_HEADER_PROTOCOL_SCHEMA),
                                       lg_headers_protocol_schema()};

        lg_segment_start(&s->segment, &s->stamp, &key, &value);
        add_message(batch, &key, &value, now_ms, &vtp, 1);
        rc = next_row(s);
    }
    while (rc == LG_OK && s->has_row && batch->size < LG_SPREAD_BATCH_BYTES &&
           s->filled_records < records_max(s)) {
        bool whole;

        if (!s->in_row)
            lg_chunk_writer_begin(&s->writer, s->spread->o.chunked, s->row.key,
                                  s->spread->o.schema_id, s->row.value);
        whole = lg_chunk_writer_next(&s->writer, &s->segment, &s->stamp, &key, &value);
        add_message(batch, &key, &value, now_ms, NULL, 0);
        s->in_row = !whole;
        if (!whole)
            continue;
        s->filled_records++;
        rc = next_row(s);
    }
    if (rc == LG_OK && !s->has_row) {
        lg_segment_end(&s->segment, &s->stamp, /* is_final= */ true, &key, &value);
        add_message(batch, &key, &value, now_ms, NULL, 0);
        s->fill_ended = true;
    }
    return rc;
}

static void fill_work(struct lg_offload *offload)
{
    struct stream *s = LG_CONTAINER_OF(offload, struct stream, fill);
    LG_SCOPED(lg_buf) batch = lg_buf_with_ceiling(LG_BATCH_BYTES_MAX);

    (void)lg_buf_reserve(&batch, LG_SPREAD_BATCH_BYTES + LG_SPREAD_BATCH_BYTES / 16);
    s->filled_records = 0;
    if (fill_batch(s, &batch) != LG_OK)
        return;
    assert(lg_buf_ok(&batch)); /* A record is far smaller than the room above. */
    s->filled = lg_blob_take(&batch);
}

/* --- Sending. ----------------------------------------------------------------------------------
 */

/* Nothing is waited for any more but what is under way. */
static void fail(struct lg_spread *spread, const struct lg_error *err)
{
    struct lg_lane *lane = spread->o.lane;

    if (spread->failed)
        return;
    spread->failed = true;
    spread->err = *err;
    for (size_t i = 0; i < LG_ARRAY_SIZE(spread->streams); i++) {
        struct lg_timer *pause = &spread->streams[i].pause;

        if (lg_timer_armed(pause))
            lg_timer_start(lane, pause, 0, pause_ended);
    }
}

static void fill_done(struct lg_offload *offload)
{
    struct stream *s = LG_CONTAINER_OF(offload, struct stream, fill);

    s->filling = false;
    s->next = LG_TAKE(s->filled);
    s->next_records = s->filled_records;
    s->ended = s->fill_ended;
    if (s->fill_err.rc != LG_OK)
        fail(s->spread, &s->fill_err);
    step(s);
}

static void fill(struct stream *s)
{
    const struct lg_spread_options *o = &s->spread->o;

    s->stamp =
        (struct lg_segment_stamp){(int64_t)lg_lane_wall_ms(o->lane), lg_slice_str(o->host_name)};
    s->filling = true;
    s->fill.work = fill_work;
    s->fill.done = fill_done;
    lg_offload(o->lane, &s->fill);
}

static void stop_stream(struct stream *s)
{
    struct lg_spread *spread = s->spread;

    lg_blob_unref(LG_TAKE(s->batch));
    lg_blob_unref(LG_TAKE(s->next));
    lg_rows_stream_free(LG_TAKE(s->rows));
    lg_chunk_writer_done(&s->writer);
    assert(spread->open > 0);
    spread->open--;
    if (spread->open == 0)
        spread->o.finished(spread->o.ctx, spread->failed ? spread->err.rc : LG_OK,
                           spread->failed ? &spread->err : NULL);
}

static void fail_late(struct stream *s)
{
    const struct lg_spread_options *o = &s->spread->o;
    struct lg_error err;

    (void)lg_error_set(&err, LG_ERR_TIMEOUT,
                       "writing %s: %llu of %llu records were written when the time of the push "
                       "was over, at %u per second at most; allow more, or more time (--timeout)",
                       o->topic, (unsigned long long)s->spread->records,
                       (unsigned long long)lg_rows_total(o->rows), o->records_per_second);
    fail(s->spread, &err);
}

static void pause_ended(struct lg_timer *timer)
{
    struct stream *s = LG_CONTAINER_OF(timer, struct stream, pause);

    if (lg_lane_now_us(s->spread->o.lane) < s->due_us)
        fail_late(s);
    if (s->spread->failed) {
        s->sending = false;
        step(s);
    } else {
        send_batch(s);
    }
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
        lg_blob_unref(LG_TAKE(s->batch));
        spread->records += s->batch_records;
        if (!spread->failed)
            spread->o.progress(spread->o.ctx, spread->records);
    } else if (worth_repeating(s)) {
        if (spread->o.waits != NULL)
            spread->o.waits(spread->o.ctx, &op->err);
        lg_timer_start(spread->o.lane, &s->pause, LG_SPREAD_PAUSE_MS * LG_MS, pause_ended);
        return;
    } else if (!spread->failed) {
        op->err.rc = op->rc;
        (void)lg_error_wrap(&op->err, "writing %s partition %u", spread->o.topic, s->partition);
        fail(spread, &op->err);
    }
    s->sending = false;
    step(s);
}

static void send_batch(struct stream *s)
{
    s->sending = true;
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

/* At once, or when its time has come, if that is before the end of the push's. */
static void send_in_time(struct stream *s)
{
    struct lg_spread *spread = s->spread;
    uint32_t rate = spread->o.records_per_second;
    uint64_t now_us = lg_lane_now_us(spread->o.lane);

    s->due_us = LG_MAX(now_us, spread->free_us);
    if (rate > 0)
        spread->free_us = s->due_us + s->batch_records * LG_SEC / rate;
    if (s->due_us == now_us) {
        send_batch(s);
        return;
    }
    s->sending = true;
    lg_timer_start(spread->o.lane, &s->pause,
                   LG_MIN(s->due_us, LG_MAX(spread->o.deadline_us, now_us)) - now_us, pause_ended);
}

/* Takes the next partition, if there is one. */
static bool next_partition(struct stream *s)
{
    struct lg_spread *spread = s->spread;

    if (spread->next_partition == lg_rows_partitions(spread->o.rows))
        return false;
    lg_rows_stream_free(s->rows);
    s->partition = spread->next_partition++;
    s->rows = lg_rows_stream_new(spread->o.rows, s->partition);
    s->has_row = s->in_row = s->ended = s->fill_ended = false;
    lg_segment_init(&s->segment, &spread->o.guid, /* first= */ 0, LG_CHECKSUM_ADHASH);
    return true;
}

/* Something has ended: what can begin? */
static void step(struct stream *s)
{
    bool busy = s->filling || s->sending;

    if (s->spread->failed) {
        if (!busy)
            stop_stream(s);
        return;
    }
    if (!busy && s->ended && s->next == NULL && !next_partition(s)) {
        stop_stream(s);
        return;
    }
    if (!s->sending && s->next != NULL) {
        s->batch = LG_TAKE(s->next);
        s->batch_records = s->next_records;
        send_in_time(s);
    }
    if (!s->filling && s->next == NULL && !s->ended)
        fill(s);
}

static void begin(struct lg_task *task)
{
    struct lg_spread *spread = LG_CONTAINER_OF(task, struct lg_spread, begin);
    uint32_t streams = LG_MIN(LG_SPREAD_AT_ONCE, lg_rows_partitions(spread->o.rows));

    spread->open = streams;
    for (uint32_t i = 0; i < streams; i++) {
        spread->streams[i].spread = spread;
        spread->streams[i].ended = true; /* No partition yet. */
        step(&spread->streams[i]);
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
    struct lg_error err;

    (void)lg_error_set(&err, LG_ERR_CANCELLED, "the push was cancelled");
    fail(spread, &err);
}

void lg_spread_free(struct lg_spread *spread)
{
    if (spread == NULL)
        return;
    assert(spread->open == 0);
    lg_free(spread);
}
