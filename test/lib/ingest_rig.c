/* One ingestion task on a log of lists. */
#include "test/lib/ingest_rig.h"

#include <stdio.h>

#include "base/str.h"
#include "drivers/memkv/engine_memkv.h"
#include "drivers/sim/disk_sim.h"
#include "pubsub/batch.h"
#include "record/headers.h"
#include "storage/partition.h"
#include "test/test.h"
#include "writer/segment.h"

/* --- A log of one partition, as lists in memory ------------------------------------------------
 */

static struct lg_ingest_rig_log *log_of(struct lg_pubsub *ps)
{
    return LG_CONTAINER_OF(ps, struct lg_ingest_rig_log, ps);
}

/* Backwards and behind a prefix: whoever takes it for a number is wrong. */
static struct lg_position position_of(const struct lg_ingest_rig_log *l, int64_t offset)
{
    struct lg_position p = {.type = 77, .size = 24};

    if (!l->wide)
        return lg_position_from_offset(offset);
    memset(p.bytes, 0xee, sizeof p.bytes);
    for (size_t i = 0; i < 8; i++)
        p.bytes[16 + i] = (uint8_t)(~(uint64_t)offset >> (8 * i));
    return p;
}

static void add_record(const struct lg_ingest_rig_log *l, struct lg_buf *batch,
                       const struct lg_ingest_rig_record *from, int64_t offset)
{
    uint8_t count[LG_RECORD_COUNT_BYTES] = {0};
    struct lg_pubsub_header header = {LG_LIT(LG_HEADER_RECORD_COUNT),
                                      lg_slice(count, sizeof(count))};
    struct lg_pubsub_record r = {.key = lg_buf_slice(&from->key),
                                 .value = lg_buf_slice(&from->value),
                                 .position = position_of(l, offset)};

    if (from->count != -2) {
        lg_headers_record_count(count, from->count);
        r.headers = &header;
        r.header_count = 1;
    }
    lg_batch_add(batch, &r);
}

static size_t first_after(const struct lg_position *p)
{
    int64_t offset;

    if (lg_position_is_earliest(p))
        return 0;
    if (p->type == 77) {
        uint64_t number = 0;

        assert_int_equal(p->size, 24);
        for (size_t i = 0; i < 8; i++)
            number |= (uint64_t)p->bytes[16 + i] << (8 * i);
        return (size_t)~number + 1;
    }
    assert_true(lg_position_offset(p, &offset));
    return (size_t)offset + 1;
}

static void answer_now(struct lg_task *task)
{
    struct lg_pubsub_op *op = LG_CONTAINER_OF(task, struct lg_pubsub_op, task);

    op->done(op);
}

static void answer(struct lg_ingest_rig_log *l, struct lg_pubsub_op *op)
{
    size_t first = first_after(&op->position);
    size_t last = LG_MIN(l->n, first + l->per_fetch);

    if (l->failures > 0) {
        l->failures--;
        op->rc = lg_error_set(&op->err, l->fail_with, "the log says no");
    } else if (op->cancelled) {
        op->rc = lg_error_set(&op->err, LG_ERR_CANCELLED, "cancelled");
    } else if (first < last) {
        LG_SCOPED(lg_buf) batch = {0};

        for (size_t i = first; i < last; i++)
            add_record(l, &batch, &l->records[i], (int64_t)i);
        op->blob = lg_blob_take(&batch);
        op->position = position_of(l, (int64_t)last - 1);
    }
    op->task.run = answer_now;
    lg_lane_post(op->lane, &op->task);
}

static void waited(struct lg_timer *timer)
{
    struct lg_ingest_rig_log *l = LG_CONTAINER_OF(timer, struct lg_ingest_rig_log, wait);

    answer(l, LG_TAKE(l->waiting));
}

static void fake_submit(struct lg_pubsub *ps, struct lg_pubsub_op *op)
{
    struct lg_ingest_rig_log *l = log_of(ps);

    assert_string_equal(LG_INGEST_RIG_TOPIC, op->topic);
    if (op->kind == LG_PUBSUB_START) {
        op->rc = l->start_rc == LG_OK ? LG_OK : lg_error_set(&op->err, l->start_rc, "no start");
        op->position = l->cut ? position_of(l, 3) : lg_position_earliest();
        op->task.run = answer_now;
        lg_lane_post(op->lane, &op->task);
        return;
    }
    assert_int_equal(LG_PUBSUB_FETCH, op->kind);
    assert_null(l->waiting);
    l->fetches++;
    if (l->failures == 0 && first_after(&op->position) >= l->n) {
        l->waiting = op;
        lg_timer_start(op->lane, &l->wait, op->wait_ms * LG_MS, waited);
        return;
    }
    answer(l, op);
}

static void fake_cancel(struct lg_pubsub *ps, struct lg_pubsub_op *op)
{
    struct lg_ingest_rig_log *l = log_of(ps);

    op->cancelled = true;
    if (l->waiting == op) {
        lg_timer_stop(l->lane, &l->wait);
        answer(l, LG_TAKE(l->waiting));
    }
}

static const struct lg_pubsub_ops fake_ops = {
    .name = "lists", .submit = fake_submit, .cancel = fake_cancel};

/* --- Writing a push ----------------------------------------------------------------------------
 */

static const struct lg_segment_stamp stamp = {1700000000000, {(const uint8_t *)"w", 1}};

static struct lg_ingest_rig_record *next_record(struct lg_ingest_rig_log *l)
{
    struct lg_ingest_rig_record *r = &l->records[l->n++];

    assert_true(l->n <= LG_INGEST_RIG_RECORDS_MAX);
    *r = (struct lg_ingest_rig_record){.count = -2};
    return r;
}

static void write_start(struct lg_ingest_rig_log *l, struct lg_segment *s)
{
    struct lg_ingest_rig_record *r = next_record(l);

    lg_segment_start(s, &stamp, &r->key, &r->value);
}

static void write_end(struct lg_ingest_rig_log *l, struct lg_segment *s)
{
    struct lg_ingest_rig_record *r = next_record(l);

    lg_segment_end(s, &stamp, true, &r->key, &r->value);
}

static void write_control(struct lg_ingest_rig_log *l, struct lg_segment *s,
                          const struct lg_control *c, int64_t count)
{
    struct lg_ingest_rig_record *r = next_record(l);

    r->count = count;
    lg_segment_control(s, &stamp, c, &r->key, &r->value);
}

static void write_put(struct lg_ingest_rig_log *l, struct lg_segment *s, unsigned n)
{
    struct lg_ingest_rig_record *r = next_record(l);
    char key[32], value[32];

    snprintf(key, sizeof(key), "key%04u", n);
    snprintf(value, sizeof(value), "value %u", n);
    lg_segment_put(s, &stamp, lg_slice_str(key), 2, lg_slice_str(value), &r->key, &r->value);
}

void lg_ingest_rig_begin_push(struct lg_ingest_rig_log *l, const struct lg_control *start_of_push)
{
    struct lg_guid guid = lg_segment_guid_of(LG_LIT(LG_INGEST_RIG_TOPIC "/sop"));
    struct lg_segment s;

    lg_segment_init(&s, &guid, 0, LG_CHECKSUM_ADHASH);
    write_start(l, &s);
    write_control(l, &s, start_of_push, -2);
    write_end(l, &s);
}

void lg_ingest_rig_begin_sorted_push(struct lg_ingest_rig_log *l)
{
    struct lg_control c = lg_control_start_of_push(/* sorted= */ true, /* chunked= */ false);

    lg_ingest_rig_begin_push(l, &c);
}

void lg_ingest_rig_write_rows(struct lg_ingest_rig_log *l, unsigned rows)
{
    struct lg_guid guid = lg_segment_guid_of(LG_LIT("job"));
    struct lg_segment s;

    lg_segment_init(&s, &guid, 0, LG_CHECKSUM_ADHASH);
    write_start(l, &s);
    for (unsigned n = 0; n < rows; n++)
        write_put(l, &s, n);
    write_end(l, &s);
}

void lg_ingest_rig_end_push(struct lg_ingest_rig_log *l, int64_t count)
{
    struct lg_guid guid = lg_segment_guid_of(LG_LIT(LG_INGEST_RIG_TOPIC "/eop"));
    struct lg_control c = lg_control_end_of_push();
    struct lg_segment s;

    lg_segment_init(&s, &guid, 0, LG_CHECKSUM_ADHASH);
    write_start(l, &s);
    write_control(l, &s, &c, count);
    write_end(l, &s);
}

/* --- The world of a test -----------------------------------------------------------------------
 */

void lg_ingest_rig_task_stopped(void *ctx, const struct lg_error *err)
{
    struct lg_ingest_rig *w = ctx;

    assert_null(err);
    w->stopped = true;
    w->task = NULL;
}

void lg_ingest_rig_status(void *ctx, struct lg_ingest_task *task, const struct lg_ingest_status *s)
{
    struct lg_ingest_rig *w = ctx;

    assert_false(w->stopped);
    w->seen[s->event]++;
    if (s->event == LG_INGEST_ERROR)
        w->error = *s->err;
    assert_true((s->event == LG_INGEST_ERROR) == (s->err != NULL));
    assert_true((lg_ingest_task_replica(task) != NULL) ==
                (s->event == LG_INGEST_READABLE || s->event == LG_INGEST_COMPLETED));
    assert_true(s->event != LG_INGEST_COMPLETED || w->seen[LG_INGEST_READABLE] == 1);
    if (s->event == LG_INGEST_READABLE)
        lg_ingest_task_want(task, LG_WARM_COMING);
    if (w->stop_at_event && s->event == w->stop_event)
        lg_ingest_task_stop(task, false, lg_ingest_rig_task_stopped, w);
}

void lg_ingest_rig_start_task(void *ctx)
{
    struct lg_ingest_rig *w = ctx;
    struct lg_ingest_options o = {.lane = w->lane,
                                  .pubsub = &w->log.ps,
                                  .driver = w->driver,
                                  .checkpoints = w->checkpoints,
                                  .space = w->space,
                                  .group = &w->group,
                                  .wipe = w->wipe,
                                  .warmer = w->warmer,
                                  .topic = LG_INGEST_RIG_TOPIC,
                                  .partition = 0,
                                  .sync_bytes = 300,
                                  .file_bytes = 200,
                                  .status = lg_ingest_rig_status,
                                  .ctx = w};

    memset(w->seen, 0, sizeof(w->seen));
    w->stopped = false;
    w->task = lg_ingest_task_start(&o);
}

void lg_ingest_rig_open_storage(struct lg_ingest_rig *w)
{
    struct lg_error err = {0};

    w->driver = lg_memkv_new(w->disk, "");
    assert_ok(lg_checkpoint_store_open(w->driver, "checkpoints", &w->checkpoints, &err));
}

int lg_ingest_rig_up(void **state)
{
    struct lg_ingest_rig *w = lg_new(struct lg_ingest_rig);

    w->sim = lg_sim_new(11);
    w->lane = lg_sim_lane_new(w->sim, NULL, "data");
    w->disk = lg_disk_sim_new(w->sim, 5);
    w->log.ps.ops = &fake_ops;
    w->log.lane = w->lane;
    w->log.per_fetch = 7;
    lg_ingest_rig_open_storage(w);
    *state = w;
    return 0;
}

bool lg_ingest_rig_is_stopped(void *ctx)
{
    return ((struct lg_ingest_rig *)ctx)->stopped;
}

void lg_ingest_rig_stop_task(struct lg_ingest_rig *w, bool destroy)
{
    lg_ingest_task_stop(w->task, destroy, lg_ingest_rig_task_stopped, w);
    assert_false(w->stopped);
    assert_true(lg_sim_run_until(w->sim, lg_ingest_rig_is_stopped, w, 60 * LG_SEC));
}

void lg_ingest_rig_cut_log(struct lg_ingest_rig_log *l, size_t n)
{
    while (l->n > n) {
        l->n--;
        lg_buf_done(&l->records[l->n].key);
        lg_buf_done(&l->records[l->n].value);
    }
}

int lg_ingest_rig_down(void **state)
{
    struct lg_ingest_rig *w = *state;

    if (w->task != NULL)
        lg_ingest_rig_stop_task(w, false);
    lg_checkpoint_store_close(w->checkpoints);
    lg_memkv_free(w->driver);
    lg_sim_free(w->sim);
    lg_disk_sim_free(w->disk);
    lg_ingest_rig_cut_log(&w->log, 0);
    lg_free(w);
    return 0;
}

static bool is_settled(void *ctx)
{
    struct lg_ingest_rig *w = ctx;

    return w->seen[LG_INGEST_COMPLETED] + w->seen[LG_INGEST_ERROR] > 0;
}

void lg_ingest_rig_run_until_settled(struct lg_ingest_rig *w)
{
    assert_true(lg_sim_run_until(w->sim, is_settled, w, 600 * LG_SEC));
}

void lg_ingest_rig_expect_complete(struct lg_ingest_rig *w)
{
    lg_ingest_rig_run_until_settled(w);
    if (w->seen[LG_INGEST_ERROR] > 0)
        fail_msg("%s", w->error.text);
    assert_int_equal(1, w->seen[LG_INGEST_COMPLETED]);
}

void lg_ingest_rig_expect_error(struct lg_ingest_rig *w, enum lg_rc rc, const char *part)
{
    lg_ingest_rig_run_until_settled(w);
    assert_int_equal(0, w->seen[LG_INGEST_COMPLETED]);
    assert_rc(rc, w->error.rc);
    if (strstr(w->error.text, part) == NULL)
        fail_msg("'%s' is not in '%s'", part, w->error.text);
    assert_string_equal("failed", lg_ingest_task_state(w->task));
    assert_null(lg_ingest_task_replica(w->task));
}

void lg_ingest_rig_expect_rows(struct lg_ingest_rig *w, unsigned rows)
{
    struct lg_replica *r = lg_ingest_task_replica(w->task);

    for (unsigned n = 0; n <= rows; n++) {
        LG_SCOPED(lg_buf) out = {0};
        LG_AUTO_STR char *key = lg_strf("key%04u", n);
        LG_AUTO_STR char *value = lg_strf("value %u", n);
        enum lg_rc rc = lg_engine_get(r->engine, lg_slice_str(key), true, &out, NULL);

        assert_rc(n < rows ? LG_OK : LG_ERR_NOT_FOUND, rc);
        if (n < rows)
            assert_slice_equal(lg_slice_skip(lg_buf_slice(&out), 4), lg_slice_str(value));
    }
    assert_int_equal(rows, lg_ingest_task_records(w->task));
}
