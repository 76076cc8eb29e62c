/* The ingestion task in the simulator, on a log of lists: pushes complete, restarts go on, bad
 * streams fail with a sentence, readers keep a replica open. */
#include "test/test.h"

#include <stdio.h>

#include "base/str.h"
#include "drivers/memkv/engine_memkv.h"
#include "drivers/sim/disk_sim.h"
#include "ingest/task.h"
#include "pubsub/batch.h"
#include "record/headers.h"
#include "storage/partition.h"
#include "writer/segment.h"

#define TOPIC "cities_v1"
#define RECORDS_MAX 400

/* --- A log of one partition, as lists in memory ------------------------------------------------
 */

struct record {
    struct lg_buf key, value;
    int64_t count; /* For header `prc`; -2: without it. */
};

struct fake_log {
    struct lg_pubsub ps;
    struct record records[RECORDS_MAX];
    size_t n;
    struct lg_lane *lane;
    struct lg_pubsub_op *waiting;
    struct lg_timer wait;
    enum lg_rc fail_with; /* The next `failures` fetches answer this. */
    unsigned failures;
    unsigned fetches;
    size_t per_fetch; /* Records of one answer. */
    bool wide;        /* Its positions are 24 bytes, and no numbers. */
    bool cut;         /* Its beginning was removed. */
    enum lg_rc start_rc;
};

static struct fake_log *log_of(struct lg_pubsub *ps)
{
    return LG_CONTAINER_OF(ps, struct fake_log, ps);
}

/* Backwards and behind a prefix: whoever takes it for a number is wrong. */
static struct lg_position position_of(const struct fake_log *l, int64_t offset)
{
    struct lg_position p = {.type = 77, .size = 24};

    if (!l->wide)
        return lg_position_from_offset(offset);
    memset(p.bytes, 0xee, sizeof p.bytes);
    for (size_t i = 0; i < 8; i++)
        p.bytes[16 + i] = (uint8_t)(~(uint64_t)offset >> (8 * i));
    return p;
}

static void add_record(const struct fake_log *l, struct lg_buf *batch, const struct record *from,
                       int64_t offset)
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

static void answer(struct fake_log *l, struct lg_pubsub_op *op)
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
    struct fake_log *l = LG_CONTAINER_OF(timer, struct fake_log, wait);

    answer(l, LG_TAKE(l->waiting));
}

static void fake_submit(struct lg_pubsub *ps, struct lg_pubsub_op *op)
{
    struct fake_log *l = log_of(ps);

    assert_string_equal(TOPIC, op->topic);
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
    struct fake_log *l = log_of(ps);

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

static struct record *next_record(struct fake_log *l)
{
    struct record *r = &l->records[l->n++];

    assert_true(l->n <= RECORDS_MAX);
    *r = (struct record){.count = -2};
    return r;
}

static void write_start(struct fake_log *l, struct lg_segment *s)
{
    struct record *r = next_record(l);

    lg_segment_start(s, &stamp, &r->key, &r->value);
}

static void write_end(struct fake_log *l, struct lg_segment *s)
{
    struct record *r = next_record(l);

    lg_segment_end(s, &stamp, true, &r->key, &r->value);
}

static void write_control(struct fake_log *l, struct lg_segment *s, const struct lg_control *c,
                          int64_t count)
{
    struct record *r = next_record(l);

    r->count = count;
    lg_segment_control(s, &stamp, c, &r->key, &r->value);
}

static void write_put(struct fake_log *l, struct lg_segment *s, unsigned n)
{
    struct record *r = next_record(l);
    char key[32], value[32];

    snprintf(key, sizeof(key), "key%04u", n);
    snprintf(value, sizeof(value), "value %u", n);
    lg_segment_put(s, &stamp, lg_slice_str(key), 2, lg_slice_str(value), &r->key, &r->value);
}

static void begin_push(struct fake_log *l, const struct lg_control *start_of_push)
{
    struct lg_guid guid = lg_segment_guid_of(LG_LIT(TOPIC "/sop"));
    struct lg_segment s;

    lg_segment_init(&s, &guid, 0, LG_CHECKSUM_ADHASH);
    write_start(l, &s);
    write_control(l, &s, start_of_push, -2);
    write_end(l, &s);
}

static void begin_sorted_push(struct fake_log *l)
{
    struct lg_control c = lg_control_start_of_push(/* sorted= */ true, /* chunked= */ false);

    begin_push(l, &c);
}

static void write_rows(struct fake_log *l, unsigned rows)
{
    struct lg_guid guid = lg_segment_guid_of(LG_LIT("job"));
    struct lg_segment s;

    lg_segment_init(&s, &guid, 0, LG_CHECKSUM_ADHASH);
    write_start(l, &s);
    for (unsigned n = 0; n < rows; n++)
        write_put(l, &s, n);
    write_end(l, &s);
}

static void end_push(struct fake_log *l, int64_t count)
{
    struct lg_guid guid = lg_segment_guid_of(LG_LIT(TOPIC "/eop"));
    struct lg_control c = lg_control_end_of_push();
    struct lg_segment s;

    lg_segment_init(&s, &guid, 0, LG_CHECKSUM_ADHASH);
    write_start(l, &s);
    write_control(l, &s, &c, count);
    write_end(l, &s);
}

/* --- The world of a test -----------------------------------------------------------------------
 */

struct world {
    struct lg_sim *sim;
    struct lg_lane *lane;
    struct lg_disk *disk;
    struct lg_engine_driver *driver;
    struct lg_checkpoint_store *checkpoints;
    struct fake_log log;
    struct lg_ingest_task *task;
    unsigned seen[LG_INGEST_ERROR + 1]; /* Events of the task. */
    struct lg_error error;
    bool stopped, stop_at_event;
    enum lg_ingest_event stop_event;
    struct lg_disk_space *space;
    struct lg_ingest_group group;
    bool wipe;
};

static void task_stopped(void *ctx, const struct lg_error *err)
{
    struct world *w = ctx;

    assert_null(err);
    w->stopped = true;
    w->task = NULL;
}

static void status(void *ctx, struct lg_ingest_task *task, const struct lg_ingest_status *s)
{
    struct world *w = ctx;

    assert_false(w->stopped);
    w->seen[s->event]++;
    if (s->event == LG_INGEST_ERROR)
        w->error = *s->err;
    assert_true((s->event == LG_INGEST_ERROR) == (s->err != NULL));
    assert_true((lg_ingest_task_replica(task) != NULL) == (s->event == LG_INGEST_COMPLETED));
    if (w->stop_at_event && s->event == w->stop_event)
        lg_ingest_task_stop(task, false, task_stopped, w);
}

static void start_task(void *ctx)
{
    struct world *w = ctx;
    struct lg_ingest_options o = {.lane = w->lane,
                                  .pubsub = &w->log.ps,
                                  .driver = w->driver,
                                  .checkpoints = w->checkpoints,
                                  .space = w->space,
                                  .group = &w->group,
                                  .wipe = w->wipe,
                                  .topic = TOPIC,
                                  .partition = 0,
                                  .sync_bytes = 300,
                                  .file_bytes = 200,
                                  .status = status,
                                  .ctx = w};

    memset(w->seen, 0, sizeof(w->seen));
    w->stopped = false;
    w->task = lg_ingest_task_start(&o);
}

static void open_storage(struct world *w)
{
    struct lg_error err = {0};

    w->driver = lg_memkv_new(w->disk, "");
    assert_ok(lg_checkpoint_store_open(w->driver, "checkpoints", &w->checkpoints, &err));
}

static int up(void **state)
{
    struct world *w = lg_new(struct world);

    w->sim = lg_sim_new(11);
    w->lane = lg_sim_lane_new(w->sim, NULL, "data");
    w->disk = lg_disk_sim_new(w->sim, 5);
    w->log.ps.ops = &fake_ops;
    w->log.lane = w->lane;
    w->log.per_fetch = 7;
    open_storage(w);
    *state = w;
    return 0;
}

static bool is_stopped(void *ctx)
{
    return ((struct world *)ctx)->stopped;
}

static void stop_task(struct world *w, bool destroy)
{
    lg_ingest_task_stop(w->task, destroy, task_stopped, w);
    assert_false(w->stopped);
    assert_true(lg_sim_run_until(w->sim, is_stopped, w, 60 * LG_SEC));
}

static void cut_log(struct fake_log *l, size_t n)
{
    while (l->n > n) {
        l->n--;
        lg_buf_done(&l->records[l->n].key);
        lg_buf_done(&l->records[l->n].value);
    }
}

static int down(void **state)
{
    struct world *w = *state;

    if (w->task != NULL)
        stop_task(w, false);
    lg_checkpoint_store_close(w->checkpoints);
    lg_memkv_free(w->driver);
    lg_sim_free(w->sim);
    lg_disk_sim_free(w->disk);
    cut_log(&w->log, 0);
    lg_free(w);
    return 0;
}

static bool is_settled(void *ctx)
{
    struct world *w = ctx;

    return w->seen[LG_INGEST_COMPLETED] + w->seen[LG_INGEST_ERROR] > 0;
}

static void run_until_settled(struct world *w)
{
    assert_true(lg_sim_run_until(w->sim, is_settled, w, 600 * LG_SEC));
}

static void expect_complete(struct world *w)
{
    run_until_settled(w);
    if (w->seen[LG_INGEST_ERROR] > 0)
        fail_msg("%s", w->error.text);
    assert_int_equal(1, w->seen[LG_INGEST_COMPLETED]);
}

static void expect_error(struct world *w, enum lg_rc rc, const char *part)
{
    run_until_settled(w);
    assert_int_equal(0, w->seen[LG_INGEST_COMPLETED]);
    assert_rc(rc, w->error.rc);
    if (strstr(w->error.text, part) == NULL)
        fail_msg("'%s' is not in '%s'", part, w->error.text);
    assert_string_equal("failed", lg_ingest_task_state(w->task));
    assert_null(lg_ingest_task_replica(w->task));
}

static void expect_rows(struct world *w, unsigned rows)
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

/* --- Claims ------------------------------------------------------------------------------------
 */

static void a_push_becomes_readable(void **state)
{
    struct world *w = *state;

    begin_sorted_push(&w->log);
    write_rows(&w->log, 100);
    end_push(&w->log, 100);
    start_task(w);
    assert_int_equal(0, w->seen[LG_INGEST_STARTED]); /* Never from inside. */
    expect_complete(w);
    assert_int_equal(1, w->seen[LG_INGEST_STARTED]);
    assert_int_equal(1, w->seen[LG_INGEST_END_OF_PUSH_RECEIVED]);
    assert_string_equal("ready", lg_ingest_task_state(w->task));
    expect_rows(w, 100);
}

static void a_task_waits_for_what_is_not_written_yet(void **state)
{
    struct world *w = *state;

    begin_sorted_push(&w->log);
    start_task(w);
    lg_sim_run_us(w->sim, 5 * LG_SEC);
    assert_int_equal(1, w->seen[LG_INGEST_STARTED]);
    assert_string_equal("consuming", lg_ingest_task_state(w->task));
    write_rows(&w->log, 10);
    end_push(&w->log, -1);
    expect_complete(w);
    expect_rows(w, 10);
}

static void a_completed_replica_needs_no_log_after_a_restart(void **state)
{
    struct world *w = *state;
    unsigned fetches;

    begin_sorted_push(&w->log);
    write_rows(&w->log, 30);
    end_push(&w->log, 30);
    start_task(w);
    expect_complete(w);
    stop_task(w, false);
    fetches = w->log.fetches;
    start_task(w);
    expect_complete(w);
    assert_int_equal(0, w->seen[LG_INGEST_STARTED]);
    assert_int_equal(fetches, w->log.fetches);
    expect_rows(w, 30);
}

static void a_stop_in_the_middle_saves_where_it_stands(void **state)
{
    struct world *w = *state;
    struct lg_checkpoint c;
    struct lg_error err = {0};
    int64_t offset;

    begin_sorted_push(&w->log);
    write_rows(&w->log, 30);
    start_task(w);
    lg_sim_run_us(w->sim, 3 * LG_SEC);
    stop_task(w, false);
    assert_ok(lg_checkpoint_load(w->checkpoints, TOPIC, 0, &c, &err));
    assert_true(lg_position_offset(&c.position, &offset));
    assert_int_equal((int64_t)w->log.n - 1, offset);
    assert_int_equal(30, c.records);
    lg_checkpoint_done(&c);
    end_push(&w->log, 30);
    start_task(w);
    expect_complete(w);
    expect_rows(w, 30);
}

/* The process dies after any amount of time; its successor completes the push with every row. */
static void a_crash_at_any_moment_loses_nothing(void **state)
{
    struct world *w = *state;

    begin_sorted_push(&w->log);
    write_rows(&w->log, 100);
    end_push(&w->log, 100);
    for (uint64_t cut = 0; cut < 400; cut += 3) {
        struct lg_error err = {0};

        lg_disk_sim_cut_after(w->disk, cut, NULL, NULL);
        start_task(w);
        run_until_settled(w);
        stop_task(w, false);
        lg_checkpoint_store_close(w->checkpoints);
        lg_memkv_free(w->driver);
        lg_disk_sim_crash(w->disk);
        open_storage(w);
        start_task(w);
        expect_complete(w);
        expect_rows(w, 100);
        stop_task(w, true);
        assert_rc(LG_ERR_NOT_FOUND,
                  lg_checkpoint_load(w->checkpoints, TOPIC, 0, &(struct lg_checkpoint){0}, &err));
    }
}

static void duplicates_are_dropped_and_passed(void **state)
{
    struct world *w = *state;

    begin_sorted_push(&w->log);
    write_rows(&w->log, 12);
    write_rows(&w->log, 12); /* The same producer sends everything again. */
    begin_sorted_push(&w->log);
    end_push(&w->log, 12);
    start_task(w);
    expect_complete(w);
    expect_rows(w, 12);
}

static void a_log_that_is_away_is_waited_for(void **state)
{
    static const enum lg_rc codes[] = {LG_ERR_BUSY, LG_ERR_UNAVAILABLE, LG_ERR_TIMEOUT};
    struct world *w = *state;

    begin_sorted_push(&w->log);
    write_rows(&w->log, 12);
    end_push(&w->log, 12);
    for (size_t i = 0; i < LG_ARRAY_SIZE(codes); i++) {
        w->log.fail_with = codes[i];
        w->log.failures = 10;
        start_task(w);
        expect_complete(w);
        assert_int_equal(0, w->log.failures);
        stop_task(w, true);
    }
}

/* Leaves room for so many bytes. */
static void leave(struct world *w, uint64_t room)
{
    uint64_t huge = (uint64_t)1 << 40, now;
    struct lg_error err = {0};

    lg_disk_sim_set_capacity(w->disk, huge);
    assert_ok(lg_disk_free_bytes(w->disk, &now, &err));
    lg_disk_sim_set_capacity(w->disk, huge - now + room);
}

static void a_low_disk_makes_a_task_wait_where_it_stands(void **state)
{
    struct world *w = *state;
    struct lg_disk_space *space = lg_disk_space_new(
        &(struct lg_disk_space_options){.disk = w->disk, .folder = "/data", .low_bytes = 100000});

    begin_sorted_push(&w->log);
    write_rows(&w->log, 200);
    end_push(&w->log, 200);
    leave(w, 99999);
    w->space = space;
    start_task(w);
    lg_sim_run_us(w->sim, 600 * LG_SEC);
    assert_int_equal(0, w->seen[LG_INGEST_COMPLETED] + w->seen[LG_INGEST_ERROR]);
    assert_string_equal("waiting for disk space", lg_ingest_task_state(w->task));
    stop_task(w, false); /* Also while it waits. */
    start_task(w);
    lg_sim_run_us(w->sim, 10 * LG_SEC);
    lg_disk_sim_set_capacity(w->disk, 0);
    expect_complete(w);
    assert_int_equal(200, lg_ingest_task_records(w->task));
    stop_task(w, false);
    w->space = NULL;
    lg_disk_space_free(space);
}

/* Without a watermark, at every amount of room: the replica is never given up, and once there is
 * room it goes on from its checkpoint. */
static void a_disk_that_is_full_all_the_same_is_waited_out(void **state)
{
    for (uint64_t room = 0; room < 6000; room += 97) {
        struct world *w;

        assert_int_equal(0, down(state));
        assert_int_equal(0, up(state));
        w = *state;
        begin_sorted_push(&w->log);
        write_rows(&w->log, 60);
        end_push(&w->log, 60);
        leave(w, room);
        start_task(w);
        lg_sim_run_us(w->sim, 20 * LG_SEC);
        if (w->seen[LG_INGEST_ERROR] > 0)
            fail_msg("room %u: %s", (unsigned)room, w->error.text);
        lg_disk_sim_set_capacity(w->disk, 0);
        expect_complete(w);
        assert_int_equal(60, lg_ingest_task_records(w->task));
        stop_task(w, false);
    }
}

static void a_log_that_refuses_or_is_damaged_is_an_error(void **state)
{
    static const enum lg_rc codes[] = {LG_ERR_REFUSED, LG_ERR_CORRUPT};
    struct world *w = *state;

    for (size_t i = 0; i < LG_ARRAY_SIZE(codes); i++) {
        w->log.fail_with = codes[i];
        w->log.failures = 1;
        start_task(w);
        expect_error(w, codes[i], "topic cities_v1, partition 0: the log says no");
        stop_task(w, false);
    }
}

static void positions_need_not_be_numbers(void **state)
{
    struct world *w = *state;

    w->log.wide = true;
    begin_sorted_push(&w->log);
    write_rows(&w->log, 40);
    start_task(w);
    lg_sim_run_us(w->sim, 5 * LG_SEC);
    stop_task(w, false); /* In the middle: the checkpoint keeps such a position. */
    end_push(&w->log, 40);
    start_task(w);
    expect_complete(w);
    expect_rows(w, 40);
}

/* What follows the position was removed: nothing is passed over, and the sentence says what helps.
 */
static void records_that_are_gone_are_told_and_never_skipped(void **state)
{
    struct world *w = *state;
    static const struct {
        enum lg_rc rc, start_rc;
        bool cut;
        const char *help;
    } cases[] = {
        {LG_ERR_POSITION_GONE, LG_OK, true, "push the store again"},
        {LG_ERR_POSITION_GONE, LG_ERR_UNAVAILABLE, false, "push the store again"},
        {LG_ERR_CONFLICT, LG_OK, false, "reset the replica with --wipe"},
        {LG_ERR_CONFLICT, LG_OK, true, "push the store again"},
    };

    begin_sorted_push(&w->log);
    write_rows(&w->log, 40);
    end_push(&w->log, 40);
    for (size_t i = 0; i < LG_ARRAY_SIZE(cases); i++) {
        w->log.fail_with = cases[i].rc;
        w->log.failures = 1;
        w->log.cut = cases[i].cut;
        w->log.start_rc = cases[i].start_rc;
        start_task(w);
        expect_error(w, cases[i].rc, "topic cities_v1, partition 0: the log says no; ");
        assert_non_null(strstr(w->error.text, cases[i].help));
        assert_int_equal(0, lg_ingest_task_records(w->task));
        stop_task(w, false);
    }
}

static void a_task_may_be_stopped_while_it_asks_where_the_topic_begins(void **state)
{
    struct world *w = *state;

    for (unsigned us = 1; us < 400; us += 13) {
        w->log.fail_with = LG_ERR_POSITION_GONE;
        w->log.failures = 1;
        start_task(w);
        lg_sim_run_us(w->sim, us);
        stop_task(w, true);
    }
}

static void a_topic_that_comes_late_is_waited_for(void **state)
{
    struct world *w = *state;

    begin_sorted_push(&w->log);
    write_rows(&w->log, 12);
    end_push(&w->log, 12);
    w->log.fail_with = LG_ERR_NOT_FOUND;
    w->log.failures = 4;
    start_task(w);
    expect_complete(w);
    expect_rows(w, 12);
}

static void a_topic_that_was_deleted_is_an_error_that_says_so(void **state)
{
    struct world *w = *state;

    begin_sorted_push(&w->log);
    write_rows(&w->log, 12);
    start_task(w);
    lg_sim_run_us(w->sim, 5 * LG_SEC);
    w->log.fail_with = LG_ERR_NOT_FOUND;
    w->log.failures = 1000;
    expect_error(w, LG_ERR_NOT_FOUND, "topic cities_v1 does not exist any more; partition 0");
    assert_non_null(strstr(w->error.text, "push the store again"));
}

static void a_log_that_is_away_is_told_once_for_all_tasks(void **state)
{
    struct world *w = *state;

    begin_sorted_push(&w->log);
    write_rows(&w->log, 12);
    w->log.fail_with = LG_ERR_UNAVAILABLE;
    w->log.failures = 2; /* A hiccup is not worth a line. */
    start_task(w);
    lg_sim_run_us(w->sim, 5 * LG_SEC);
    assert_int_equal(0, w->group.away);
    stop_task(w, true);
    w->log.failures = 1000000;
    start_task(w);
    lg_sim_run_us(w->sim, 60 * LG_SEC);
    assert_int_equal(1, w->group.away);
    assert_string_equal("waiting for the log", lg_ingest_task_state(w->task));
    stop_task(w, false); /* Who has left does not wait any more. */
    assert_int_equal(0, w->group.away);
    start_task(w);
    lg_sim_run_us(w->sim, 60 * LG_SEC);
    assert_int_equal(1, w->group.away);
    assert_int_equal(0, w->seen[LG_INGEST_ERROR]);
    w->log.failures = 0; /* It is back. */
    end_push(&w->log, 12);
    expect_complete(w);
    assert_int_equal(0, w->group.away);
    expect_rows(w, 12);
}

static void what_is_wiped_before_it_is_opened_is_read_anew(void **state)
{
    struct world *w = *state;
    unsigned before;

    begin_sorted_push(&w->log);
    write_rows(&w->log, 12);
    end_push(&w->log, 12);
    start_task(w);
    expect_complete(w);
    stop_task(w, false);
    before = w->log.fetches;
    start_task(w);
    expect_complete(w);
    assert_int_equal(before, w->log.fetches);
    stop_task(w, false);
    w->wipe = true;
    start_task(w);
    expect_complete(w);
    assert_true(w->log.fetches > before);
    expect_rows(w, 12);
}

static void a_lost_record_fails_the_replica(void **state)
{
    struct world *w = *state;
    struct lg_checkpoint c;
    struct lg_error err = {0};

    begin_sorted_push(&w->log);
    write_rows(&w->log, 20);
    lg_buf_done(&w->log.records[10].key);
    lg_buf_done(&w->log.records[10].value);
    memmove(&w->log.records[10], &w->log.records[11], (w->log.n - 11) * sizeof(w->log.records[0]));
    w->log.n--;
    end_push(&w->log, 19);
    start_task(w);
    expect_error(w, LG_ERR_CORRUPT, "record at 0:");
    assert_int_equal(0, w->seen[LG_INGEST_END_OF_PUSH_RECEIVED]);
    stop_task(w, false);
    assert_ok(lg_checkpoint_load(w->checkpoints, TOPIC, 0, &c, &err));
    assert_false(c.end_of_push);
    lg_checkpoint_done(&c);
}

static void a_changed_value_fails_at_the_end_of_its_segment(void **state)
{
    struct world *w = *state;
    struct record *r;

    begin_sorted_push(&w->log);
    write_rows(&w->log, 20);
    r = &w->log.records[8];
    for (size_t i = 0; i + 5 < r->value.size; i++)
        if (memcmp(r->value.data + i, "value", 5) == 0)
            r->value.data[i] = 'V';
    end_push(&w->log, 20);
    start_task(w);
    expect_error(w, LG_ERR_CORRUPT, "segment");
}

static void a_wrong_record_count_fails_the_replica(void **state)
{
    struct world *w = *state;

    begin_sorted_push(&w->log);
    write_rows(&w->log, 20);
    end_push(&w->log, 21);
    start_task(w);
    expect_error(w, LG_ERR_CORRUPT, "21");
}

static void an_unfinished_segment_fails_a_sorted_push(void **state)
{
    struct world *w = *state;

    begin_sorted_push(&w->log);
    write_rows(&w->log, 20);
    cut_log(&w->log, w->log.n - 1); /* The end of the segment is lost. */
    end_push(&w->log, -1);
    start_task(w);
    expect_error(w, LG_ERR_CORRUPT, "segment");
}

static void what_a_batch_version_cannot_hold_fails_it(void **state)
{
    struct world *w = *state;
    struct lg_control packed = lg_control_start_of_push(true, false);
    struct lg_control swap = lg_control_version_swap(LG_LIT("a_v1"), LG_LIT("a_v2"));

    packed.start_of_push.compression = 4;
    begin_push(&w->log, &packed);
    start_task(w);
    expect_error(w, LG_ERR_UNSUPPORTED, "compression strategy 4");
    stop_task(w, true);

    packed.start_of_push.compression = LG_COMPRESSION_ZSTD_WITH_DICT;
    cut_log(&w->log, 0);
    begin_push(&w->log, &packed);
    start_task(w);
    expect_error(w, LG_ERR_BAD_DATA, "without a dictionary");
    stop_task(w, true);

    cut_log(&w->log, 0);
    begin_push(&w->log, &swap);
    start_task(w);
    expect_error(w, LG_ERR_UNSUPPORTED, "VERSION_SWAP");
}

static void an_end_without_a_start_fails(void **state)
{
    struct world *w = *state;

    end_push(&w->log, 0);
    start_task(w);
    expect_error(w, LG_ERR_BAD_DATA, "END_OF_PUSH before START_OF_PUSH");
}

static void bytes_that_are_no_message_fail_the_replica(void **state)
{
    struct world *w = *state;

    begin_sorted_push(&w->log);
    w->log.records[1].value.data[0] = 0x42;
    start_task(w);
    expect_error(w, LG_ERR_BAD_DATA, "topic cities_v1, partition 0: record at 0:");
}

/* At every length: a clear refusal that names the place, never a crash and never a whole replica.
 */
static void a_record_that_is_cut_fails_the_replica(void **state)
{
    struct world *w = *state;
    size_t whole;

    begin_sorted_push(&w->log);
    write_rows(&w->log, 3);
    end_push(&w->log, 3);
    whole = w->log.records[4].value.size;
    for (size_t size = 0; size < whole; size += 3) {
        w->log.records[4].value.size = size;
        start_task(w);
        run_until_settled(w);
        assert_int_equal(0, w->seen[LG_INGEST_COMPLETED]);
        assert_non_null(strstr(w->error.text, "topic cities_v1, partition 0: record at 0:"));
        stop_task(w, true);
    }
    w->log.records[4].value.size = whole;
    start_task(w);
    expect_complete(w);
}

static void an_envelope_of_another_version_fails_the_replica(void **state)
{
    struct world *w = *state;

    begin_sorted_push(&w->log);
    write_rows(&w->log, 3);
    w->log.records[4].value.data[1] = 99; /* Magic byte, then the version of the protocol. */
    start_task(w);
    expect_error(w, LG_ERR_UNSUPPORTED, "topic cities_v1, partition 0: record at 0:");
}

static void a_task_without_a_log_serves_only_what_is_complete(void **state)
{
    struct world *w = *state;
    struct lg_ingest_options o = {.lane = w->lane,
                                  .driver = w->driver,
                                  .checkpoints = w->checkpoints,
                                  .topic = TOPIC,
                                  .status = status,
                                  .ctx = w};

    w->task = lg_ingest_task_start(&o);
    expect_error(w, LG_ERR_UNAVAILABLE, "not complete");
}

static void a_task_may_be_stopped_from_any_status(void **state)
{
    struct world *w = *state;
    struct lg_error err = {0};

    begin_sorted_push(&w->log);
    write_rows(&w->log, 20);
    end_push(&w->log, 20);
    w->stop_at_event = true;
    for (int event = LG_INGEST_STARTED; event <= LG_INGEST_ERROR; event++) {
        w->stop_event = (enum lg_ingest_event)event;
        w->log.fail_with = LG_ERR_CORRUPT;
        w->log.failures = event == LG_INGEST_ERROR;
        if (event == LG_INGEST_PROGRESS || event == LG_INGEST_WAITING)
            continue; /* Come with ten thousand records, and on a full disk, only. */
        if (event == LG_INGEST_ERROR) /* It is complete by now, and would not ask the log. */
            assert_ok(lg_partition_destroy(w->driver, w->checkpoints, TOPIC, 0, &err));
        start_task(w);
        assert_true(lg_sim_run_until(w->sim, is_stopped, w, 60 * LG_SEC));
        assert_int_equal(1, w->seen[event]);
    }
    w->stop_at_event = false;
    start_task(w);
    expect_complete(w); /* The interrupted push was finished by a later task. */
    expect_rows(w, 20);
}

static void a_stop_at_any_moment_is_answered(void **state)
{
    struct world *w = *state;

    begin_sorted_push(&w->log);
    write_rows(&w->log, 60);
    end_push(&w->log, 60);
    for (unsigned steps = 0; steps < 60; steps++) {
        start_task(w);
        for (unsigned i = 0; i < steps; i++)
            (void)lg_sim_step(w->sim);
        stop_task(w, steps % 2 == 0);
    }
}

static void readers_keep_a_replica_open(void **state)
{
    struct world *w = *state;
    struct lg_replica *held;
    LG_SCOPED(lg_buf) out = {0};

    begin_sorted_push(&w->log);
    write_rows(&w->log, 20);
    end_push(&w->log, 20);
    start_task(w);
    expect_complete(w);
    held = lg_replica_ref(lg_ingest_task_replica(w->task));
    lg_ingest_task_stop(w->task, /* destroy= */ true, task_stopped, w);
    assert_null(lg_ingest_task_replica(w->task));
    lg_sim_run_us(w->sim, 10 * LG_SEC);
    assert_false(w->stopped);
    assert_rc(LG_OK, lg_engine_get(held->engine, LG_LIT("key0003"), true, &out, NULL));
    lg_replica_unref(held);
    assert_false(w->stopped); /* Never from inside. */
    assert_true(lg_sim_run_until(w->sim, is_stopped, w, LG_SEC));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_push_becomes_readable),
        TEST(a_task_waits_for_what_is_not_written_yet),
        TEST(a_completed_replica_needs_no_log_after_a_restart),
        TEST(a_stop_in_the_middle_saves_where_it_stands),
        TEST(a_crash_at_any_moment_loses_nothing),
        TEST(duplicates_are_dropped_and_passed),
        TEST(a_log_that_is_away_is_waited_for),
        TEST(a_log_that_refuses_or_is_damaged_is_an_error),
        TEST(a_low_disk_makes_a_task_wait_where_it_stands),
        TEST(a_disk_that_is_full_all_the_same_is_waited_out),
        TEST(positions_need_not_be_numbers),
        TEST(records_that_are_gone_are_told_and_never_skipped),
        TEST(a_task_may_be_stopped_while_it_asks_where_the_topic_begins),
        TEST(a_topic_that_comes_late_is_waited_for),
        TEST(a_topic_that_was_deleted_is_an_error_that_says_so),
        TEST(a_log_that_is_away_is_told_once_for_all_tasks),
        TEST(what_is_wiped_before_it_is_opened_is_read_anew),
        TEST(a_lost_record_fails_the_replica),
        TEST(a_changed_value_fails_at_the_end_of_its_segment),
        TEST(a_wrong_record_count_fails_the_replica),
        TEST(an_unfinished_segment_fails_a_sorted_push),
        TEST(what_a_batch_version_cannot_hold_fails_it),
        TEST(an_end_without_a_start_fails),
        TEST(bytes_that_are_no_message_fail_the_replica),
        TEST(a_record_that_is_cut_fails_the_replica),
        TEST(an_envelope_of_another_version_fails_the_replica),
        TEST(a_task_without_a_log_serves_only_what_is_complete),
        TEST(a_task_may_be_stopped_from_any_status),
        TEST(a_stop_at_any_moment_is_answered),
        TEST(readers_keep_a_replica_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
