/* The ingestion task in the simulator, on a log of lists: pushes complete, restarts go on, bad
 * streams fail with a sentence, readers keep a replica open. */
#include "ingest/task.h"

#include <stdio.h>

#include "base/str.h"
#include "drivers/memkv/engine_memkv.h"
#include "drivers/sim/disk_sim.h"
#include "ingest/metrics.h"
#include "pubsub/batch.h"
#include "record/headers.h"
#include "storage/partition.h"
#include "storage/warmer.h"
#include "test/lib/ingest_rig.h"
#include "test/lib/slow_engine.h"
#include "test/test.h"
#include "writer/segment.h"

/* --- Claims ------------------------------------------------------------------------------------
 */

static void a_push_becomes_readable(void **state)
{
    struct lg_ingest_rig *w = *state;

    lg_ingest_rig_begin_sorted_push(&w->log);
    lg_ingest_rig_write_rows(&w->log, 100);
    lg_ingest_rig_end_push(&w->log, 100);
    lg_ingest_rig_start_task(w);
    assert_int_equal(0, w->seen[LG_INGEST_STARTED]); /* Never from inside. */
    lg_ingest_rig_expect_complete(w);
    assert_int_equal(1, w->seen[LG_INGEST_STARTED]);
    assert_int_equal(1, w->seen[LG_INGEST_END_OF_PUSH_RECEIVED]);
    assert_string_equal("ready", lg_ingest_task_state(w->task));
    lg_ingest_rig_expect_rows(w, 100);
}

static void a_task_waits_for_what_is_not_written_yet(void **state)
{
    struct lg_ingest_rig *w = *state;

    lg_ingest_rig_begin_sorted_push(&w->log);
    lg_ingest_rig_start_task(w);
    lg_sim_run_us(w->sim, 5 * LG_SEC);
    assert_int_equal(1, w->seen[LG_INGEST_STARTED]);
    assert_string_equal("consuming", lg_ingest_task_state(w->task));
    lg_ingest_rig_write_rows(&w->log, 10);
    lg_ingest_rig_end_push(&w->log, -1);
    lg_ingest_rig_expect_complete(w);
    lg_ingest_rig_expect_rows(w, 10);
}

static void a_completed_replica_needs_no_log_after_a_restart(void **state)
{
    struct lg_ingest_rig *w = *state;
    unsigned fetches;

    lg_ingest_rig_begin_sorted_push(&w->log);
    lg_ingest_rig_write_rows(&w->log, 30);
    lg_ingest_rig_end_push(&w->log, 30);
    lg_ingest_rig_start_task(w);
    lg_ingest_rig_expect_complete(w);
    lg_ingest_rig_stop_task(w, false);
    fetches = w->log.fetches;
    lg_ingest_rig_start_task(w);
    lg_ingest_rig_expect_complete(w);
    assert_int_equal(0, w->seen[LG_INGEST_STARTED]);
    assert_int_equal(fetches, w->log.fetches);
    lg_ingest_rig_expect_rows(w, 30);
}

static void a_stop_in_the_middle_saves_where_it_stands(void **state)
{
    struct lg_ingest_rig *w = *state;
    struct lg_checkpoint c;
    struct lg_error err = {0};
    int64_t offset;

    lg_ingest_rig_begin_sorted_push(&w->log);
    lg_ingest_rig_write_rows(&w->log, 30);
    lg_ingest_rig_start_task(w);
    lg_sim_run_us(w->sim, 3 * LG_SEC);
    lg_ingest_rig_stop_task(w, false);
    assert_ok(lg_checkpoint_load(w->checkpoints, LG_INGEST_RIG_TOPIC, 0, &c, &err));
    assert_true(lg_position_offset(&c.position, &offset));
    assert_int_equal((int64_t)w->log.n - 1, offset);
    assert_int_equal(30, c.records);
    lg_checkpoint_done(&c);
    lg_ingest_rig_end_push(&w->log, 30);
    lg_ingest_rig_start_task(w);
    lg_ingest_rig_expect_complete(w);
    lg_ingest_rig_expect_rows(w, 30);
}

static bool is_gone(void *ctx, const char *name)
{
    (void)ctx;
    (void)name;
    return false;
}

static uint64_t records_of_cities(void)
{
    const struct lg_metric *m = &lg_metric_ingest_records_total;

    return lg_metric_value(m, lg_metric_of_store(m, lg_metric_store("cities"), 0));
}

/* Its store was deleted, and came back. */
static void a_task_outlives_the_number_of_its_store_on_metrics(void **state)
{
    const struct lg_metric_table *const tables[] = {&lg_ingest_metrics};
    struct lg_ingest_rig *w = *state;
    uint64_t before;

    lg_metrics_register(tables, 1, 10);
    w->log.per_fetch = 5;
    lg_ingest_rig_begin_sorted_push(&w->log);
    lg_ingest_rig_write_rows(&w->log, 30);
    lg_ingest_rig_start_task(w);
    while (records_of_cities() == 0)
        assert_true(lg_sim_step(w->sim));
    before = records_of_cities();
    assert_in_range(before, 1, 29);
    lg_metric_stores_keep(is_gone, NULL);
    lg_metric_stores_keep(is_gone, NULL);
    assert_int_equal(records_of_cities(), 0);
    lg_sim_run_us(w->sim, 3 * LG_SEC);
    assert_int_equal(records_of_cities(), 30 - before);
    lg_metrics_reset();
}

/* The process dies after any amount of time; its successor completes the push with every row. */
static void a_crash_at_any_moment_loses_nothing(void **state)
{
    struct lg_ingest_rig *w = *state;

    lg_ingest_rig_begin_sorted_push(&w->log);
    lg_ingest_rig_write_rows(&w->log, 100);
    lg_ingest_rig_end_push(&w->log, 100);
    for (uint64_t cut = 0; cut < 400; cut += 3) {
        struct lg_error err = {0};

        lg_disk_sim_cut_after(w->disk, cut, NULL, NULL);
        lg_ingest_rig_start_task(w);
        lg_ingest_rig_run_until_settled(w);
        lg_ingest_rig_stop_task(w, false);
        lg_checkpoint_store_close(w->checkpoints);
        lg_memkv_free(w->driver);
        lg_disk_sim_crash(w->disk);
        lg_ingest_rig_open_storage(w);
        lg_ingest_rig_start_task(w);
        lg_ingest_rig_expect_complete(w);
        lg_ingest_rig_expect_rows(w, 100);
        lg_ingest_rig_stop_task(w, true);
        assert_rc(LG_ERR_NOT_FOUND, lg_checkpoint_load(w->checkpoints, LG_INGEST_RIG_TOPIC, 0,
                                                       &(struct lg_checkpoint){0}, &err));
    }
}

static void duplicates_are_dropped_and_passed(void **state)
{
    struct lg_ingest_rig *w = *state;

    lg_ingest_rig_begin_sorted_push(&w->log);
    lg_ingest_rig_write_rows(&w->log, 12);
    lg_ingest_rig_write_rows(&w->log, 12); /* The same producer sends everything again. */
    lg_ingest_rig_begin_sorted_push(&w->log);
    lg_ingest_rig_end_push(&w->log, 12);
    lg_ingest_rig_start_task(w);
    lg_ingest_rig_expect_complete(w);
    lg_ingest_rig_expect_rows(w, 12);
}

static void a_log_that_is_away_is_waited_for(void **state)
{
    static const enum lg_rc codes[] = {LG_ERR_BUSY, LG_ERR_UNAVAILABLE, LG_ERR_TIMEOUT};
    struct lg_ingest_rig *w = *state;

    lg_ingest_rig_begin_sorted_push(&w->log);
    lg_ingest_rig_write_rows(&w->log, 12);
    lg_ingest_rig_end_push(&w->log, 12);
    for (size_t i = 0; i < LG_ARRAY_SIZE(codes); i++) {
        w->log.fail_with = codes[i];
        w->log.failures = 10;
        lg_ingest_rig_start_task(w);
        lg_ingest_rig_expect_complete(w);
        assert_int_equal(0, w->log.failures);
        lg_ingest_rig_stop_task(w, true);
    }
}

/* Leaves room for so many bytes. */
static void leave(struct lg_ingest_rig *w, uint64_t room)
{
    uint64_t huge = (uint64_t)1 << 40, now;
    struct lg_error err = {0};

    lg_disk_sim_set_capacity(w->disk, huge);
    assert_ok(lg_disk_free_bytes(w->disk, &now, &err));
    lg_disk_sim_set_capacity(w->disk, huge - now + room);
}

static void a_low_disk_makes_a_task_wait_where_it_stands(void **state)
{
    struct lg_ingest_rig *w = *state;
    struct lg_disk_space *space = lg_disk_space_new(
        &(struct lg_disk_space_options){.disk = w->disk, .folder = "/data", .low_bytes = 100000});

    lg_ingest_rig_begin_sorted_push(&w->log);
    lg_ingest_rig_write_rows(&w->log, 200);
    lg_ingest_rig_end_push(&w->log, 200);
    leave(w, 99999);
    w->space = space;
    lg_ingest_rig_start_task(w);
    lg_sim_run_us(w->sim, 600 * LG_SEC);
    assert_int_equal(0, w->seen[LG_INGEST_COMPLETED] + w->seen[LG_INGEST_ERROR]);
    assert_string_equal("waiting for disk space", lg_ingest_task_state(w->task));
    lg_ingest_rig_stop_task(w, false); /* Also while it waits. */
    lg_ingest_rig_start_task(w);
    lg_sim_run_us(w->sim, 10 * LG_SEC);
    lg_disk_sim_set_capacity(w->disk, 0);
    lg_ingest_rig_expect_complete(w);
    assert_int_equal(200, lg_ingest_task_records(w->task));
    lg_ingest_rig_stop_task(w, false);
    w->space = NULL;
    lg_disk_space_free(space);
}

/* Without a watermark, at every amount of room: the replica is never given lg_ingest_rig_up, and
 * once there is room it goes on from its checkpoint. */
static void a_disk_that_is_full_all_the_same_is_waited_out(void **state)
{
    for (uint64_t room = 0; room < 6000; room += 97) {
        struct lg_ingest_rig *w;

        assert_int_equal(0, lg_ingest_rig_down(state));
        assert_int_equal(0, lg_ingest_rig_up(state));
        w = *state;
        lg_ingest_rig_begin_sorted_push(&w->log);
        lg_ingest_rig_write_rows(&w->log, 60);
        lg_ingest_rig_end_push(&w->log, 60);
        leave(w, room);
        lg_ingest_rig_start_task(w);
        lg_sim_run_us(w->sim, 20 * LG_SEC);
        if (w->seen[LG_INGEST_ERROR] > 0)
            fail_msg("room %u: %s", (unsigned)room, w->error.text);
        lg_disk_sim_set_capacity(w->disk, 0);
        lg_ingest_rig_expect_complete(w);
        assert_int_equal(60, lg_ingest_task_records(w->task));
        lg_ingest_rig_stop_task(w, false);
    }
}

static void a_log_that_refuses_or_is_damaged_is_an_error(void **state)
{
    static const enum lg_rc codes[] = {LG_ERR_REFUSED, LG_ERR_CORRUPT};
    struct lg_ingest_rig *w = *state;

    for (size_t i = 0; i < LG_ARRAY_SIZE(codes); i++) {
        w->log.fail_with = codes[i];
        w->log.failures = 1;
        lg_ingest_rig_start_task(w);
        lg_ingest_rig_expect_error(w, codes[i], "topic cities_v1, partition 0: the log says no");
        lg_ingest_rig_stop_task(w, false);
    }
}

static void positions_need_not_be_numbers(void **state)
{
    struct lg_ingest_rig *w = *state;

    w->log.wide = true;
    lg_ingest_rig_begin_sorted_push(&w->log);
    lg_ingest_rig_write_rows(&w->log, 40);
    lg_ingest_rig_start_task(w);
    lg_sim_run_us(w->sim, 5 * LG_SEC);
    lg_ingest_rig_stop_task(w, false); /* In the middle: the checkpoint keeps such a position. */
    lg_ingest_rig_end_push(&w->log, 40);
    lg_ingest_rig_start_task(w);
    lg_ingest_rig_expect_complete(w);
    lg_ingest_rig_expect_rows(w, 40);
}

/* What follows the position was removed: nothing is passed over, and the sentence says what helps.
 */
static void records_that_are_gone_are_told_and_never_skipped(void **state)
{
    struct lg_ingest_rig *w = *state;
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

    lg_ingest_rig_begin_sorted_push(&w->log);
    lg_ingest_rig_write_rows(&w->log, 40);
    lg_ingest_rig_end_push(&w->log, 40);
    for (size_t i = 0; i < LG_ARRAY_SIZE(cases); i++) {
        w->log.fail_with = cases[i].rc;
        w->log.failures = 1;
        w->log.cut = cases[i].cut;
        w->log.start_rc = cases[i].start_rc;
        lg_ingest_rig_start_task(w);
        lg_ingest_rig_expect_error(w, cases[i].rc,
                                   "topic cities_v1, partition 0: the log says no; ");
        assert_non_null(strstr(w->error.text, cases[i].help));
        assert_int_equal(0, lg_ingest_task_records(w->task));
        lg_ingest_rig_stop_task(w, false);
    }
}

static void a_topic_that_retention_has_emptied_is_told_and_not_waited_for(void **state)
{
    struct lg_ingest_rig *w = *state;

    w->log.cut = true;
    lg_ingest_rig_start_task(w);
    lg_ingest_rig_expect_error(w, LG_ERR_POSITION_GONE,
                               "topic cities_v1, partition 0: retention has removed every record; "
                               "what the replica lacks is in the topic no more: push the store "
                               "again");
    lg_ingest_rig_stop_task(w, false);
}

static void a_task_may_be_stopped_while_it_asks_where_the_topic_begins(void **state)
{
    struct lg_ingest_rig *w = *state;

    for (unsigned us = 1; us < 400; us += 13) {
        w->log.fail_with = LG_ERR_POSITION_GONE;
        w->log.failures = 1;
        lg_ingest_rig_start_task(w);
        lg_sim_run_us(w->sim, us);
        lg_ingest_rig_stop_task(w, true);
    }
}

static void a_topic_that_comes_late_is_waited_for(void **state)
{
    struct lg_ingest_rig *w = *state;

    lg_ingest_rig_begin_sorted_push(&w->log);
    lg_ingest_rig_write_rows(&w->log, 12);
    lg_ingest_rig_end_push(&w->log, 12);
    w->log.fail_with = LG_ERR_NOT_FOUND;
    w->log.failures = 4;
    lg_ingest_rig_start_task(w);
    lg_ingest_rig_expect_complete(w);
    lg_ingest_rig_expect_rows(w, 12);
}

static void a_topic_that_was_deleted_is_an_error_that_says_so(void **state)
{
    struct lg_ingest_rig *w = *state;

    lg_ingest_rig_begin_sorted_push(&w->log);
    lg_ingest_rig_write_rows(&w->log, 12);
    lg_ingest_rig_start_task(w);
    lg_sim_run_us(w->sim, 5 * LG_SEC);
    w->log.fail_with = LG_ERR_NOT_FOUND;
    w->log.failures = 1000;
    lg_ingest_rig_expect_error(w, LG_ERR_NOT_FOUND,
                               "topic cities_v1 does not exist any more; partition 0");
    assert_non_null(strstr(w->error.text, "push the store again"));
}

static void a_log_that_is_away_is_told_once_for_all_tasks(void **state)
{
    struct lg_ingest_rig *w = *state;

    lg_ingest_rig_begin_sorted_push(&w->log);
    lg_ingest_rig_write_rows(&w->log, 12);
    w->log.fail_with = LG_ERR_UNAVAILABLE;
    w->log.failures = 2; /* A hiccup is not worth a line. */
    lg_ingest_rig_start_task(w);
    lg_sim_run_us(w->sim, 5 * LG_SEC);
    assert_int_equal(0, w->group.away);
    lg_ingest_rig_stop_task(w, true);
    w->log.failures = 1000000;
    lg_ingest_rig_start_task(w);
    lg_sim_run_us(w->sim, 60 * LG_SEC);
    assert_int_equal(1, w->group.away);
    assert_string_equal("waiting for the log", lg_ingest_task_state(w->task));
    lg_ingest_rig_stop_task(w, false); /* Who has left does not wait any more. */
    assert_int_equal(0, w->group.away);
    lg_ingest_rig_start_task(w);
    lg_sim_run_us(w->sim, 60 * LG_SEC);
    assert_int_equal(1, w->group.away);
    assert_int_equal(0, w->seen[LG_INGEST_ERROR]);
    w->log.failures = 0; /* It is back. */
    lg_ingest_rig_end_push(&w->log, 12);
    lg_ingest_rig_expect_complete(w);
    assert_int_equal(0, w->group.away);
    lg_ingest_rig_expect_rows(w, 12);
}

static void what_is_wiped_before_it_is_opened_is_read_anew(void **state)
{
    struct lg_ingest_rig *w = *state;
    unsigned before;

    lg_ingest_rig_begin_sorted_push(&w->log);
    lg_ingest_rig_write_rows(&w->log, 12);
    lg_ingest_rig_end_push(&w->log, 12);
    lg_ingest_rig_start_task(w);
    lg_ingest_rig_expect_complete(w);
    lg_ingest_rig_stop_task(w, false);
    before = w->log.fetches;
    lg_ingest_rig_start_task(w);
    lg_ingest_rig_expect_complete(w);
    assert_int_equal(before, w->log.fetches);
    lg_ingest_rig_stop_task(w, false);
    w->wipe = true;
    lg_ingest_rig_start_task(w);
    lg_ingest_rig_expect_complete(w);
    assert_true(w->log.fetches > before);
    lg_ingest_rig_expect_rows(w, 12);
}

static void a_lost_record_fails_the_replica(void **state)
{
    struct lg_ingest_rig *w = *state;
    struct lg_checkpoint c;
    struct lg_error err = {0};

    lg_ingest_rig_begin_sorted_push(&w->log);
    lg_ingest_rig_write_rows(&w->log, 20);
    lg_buf_done(&w->log.records[10].key);
    lg_buf_done(&w->log.records[10].value);
    memmove(&w->log.records[10], &w->log.records[11], (w->log.n - 11) * sizeof(w->log.records[0]));
    w->log.n--;
    lg_ingest_rig_end_push(&w->log, 19);
    lg_ingest_rig_start_task(w);
    lg_ingest_rig_expect_error(w, LG_ERR_CORRUPT, "record at 0:");
    assert_int_equal(0, w->seen[LG_INGEST_END_OF_PUSH_RECEIVED]);
    lg_ingest_rig_stop_task(w, false);
    assert_ok(lg_checkpoint_load(w->checkpoints, LG_INGEST_RIG_TOPIC, 0, &c, &err));
    assert_false(c.end_of_push);
    lg_checkpoint_done(&c);
}

static void a_changed_value_fails_at_the_end_of_its_segment(void **state)
{
    struct lg_ingest_rig *w = *state;
    struct lg_ingest_rig_record *r;

    lg_ingest_rig_begin_sorted_push(&w->log);
    lg_ingest_rig_write_rows(&w->log, 20);
    r = &w->log.records[8];
    for (size_t i = 0; i + 5 < r->value.size; i++)
        if (memcmp(r->value.data + i, "value", 5) == 0)
            r->value.data[i] = 'V';
    lg_ingest_rig_end_push(&w->log, 20);
    lg_ingest_rig_start_task(w);
    lg_ingest_rig_expect_error(w, LG_ERR_CORRUPT, "segment");
}

static void a_wrong_record_count_fails_the_replica(void **state)
{
    struct lg_ingest_rig *w = *state;

    lg_ingest_rig_begin_sorted_push(&w->log);
    lg_ingest_rig_write_rows(&w->log, 20);
    lg_ingest_rig_end_push(&w->log, 21);
    lg_ingest_rig_start_task(w);
    lg_ingest_rig_expect_error(w, LG_ERR_CORRUPT, "21");
}

static void an_unfinished_segment_fails_a_sorted_push(void **state)
{
    struct lg_ingest_rig *w = *state;

    lg_ingest_rig_begin_sorted_push(&w->log);
    lg_ingest_rig_write_rows(&w->log, 20);
    lg_ingest_rig_cut_log(&w->log, w->log.n - 1); /* The end of the segment is lost. */
    lg_ingest_rig_end_push(&w->log, -1);
    lg_ingest_rig_start_task(w);
    lg_ingest_rig_expect_error(w, LG_ERR_CORRUPT, "segment");
}

static void what_a_batch_version_cannot_hold_fails_it(void **state)
{
    struct lg_ingest_rig *w = *state;
    struct lg_control packed = lg_control_start_of_push(true, false);
    struct lg_control swap = lg_control_version_swap(LG_LIT("a_v1"), LG_LIT("a_v2"));

    packed.start_of_push.compression = 4;
    lg_ingest_rig_begin_push(&w->log, &packed);
    lg_ingest_rig_start_task(w);
    lg_ingest_rig_expect_error(w, LG_ERR_UNSUPPORTED, "compression strategy 4");
    lg_ingest_rig_stop_task(w, true);

    packed.start_of_push.compression = LG_COMPRESSION_ZSTD_WITH_DICT;
    lg_ingest_rig_cut_log(&w->log, 0);
    lg_ingest_rig_begin_push(&w->log, &packed);
    lg_ingest_rig_start_task(w);
    lg_ingest_rig_expect_error(w, LG_ERR_BAD_DATA, "without a dictionary");
    lg_ingest_rig_stop_task(w, true);

    lg_ingest_rig_cut_log(&w->log, 0);
    lg_ingest_rig_begin_push(&w->log, &swap);
    lg_ingest_rig_start_task(w);
    lg_ingest_rig_expect_error(w, LG_ERR_UNSUPPORTED, "VERSION_SWAP");
}

static void an_end_without_a_start_fails(void **state)
{
    struct lg_ingest_rig *w = *state;

    lg_ingest_rig_end_push(&w->log, 0);
    lg_ingest_rig_start_task(w);
    lg_ingest_rig_expect_error(w, LG_ERR_BAD_DATA, "END_OF_PUSH before START_OF_PUSH");
}

static void bytes_that_are_no_message_fail_the_replica(void **state)
{
    struct lg_ingest_rig *w = *state;

    lg_ingest_rig_begin_sorted_push(&w->log);
    w->log.records[1].value.data[0] = 0x42;
    lg_ingest_rig_start_task(w);
    lg_ingest_rig_expect_error(w, LG_ERR_BAD_DATA, "topic cities_v1, partition 0: record at 0:");
}

/* At every length: a clear refusal that names the place, never a crash and never a whole replica.
 */
static void a_record_that_is_cut_fails_the_replica(void **state)
{
    struct lg_ingest_rig *w = *state;
    size_t whole;

    lg_ingest_rig_begin_sorted_push(&w->log);
    lg_ingest_rig_write_rows(&w->log, 3);
    lg_ingest_rig_end_push(&w->log, 3);
    whole = w->log.records[4].value.size;
    for (size_t size = 0; size < whole; size += 3) {
        w->log.records[4].value.size = size;
        lg_ingest_rig_start_task(w);
        lg_ingest_rig_run_until_settled(w);
        assert_int_equal(0, w->seen[LG_INGEST_COMPLETED]);
        assert_non_null(strstr(w->error.text, "topic cities_v1, partition 0: record at 0:"));
        lg_ingest_rig_stop_task(w, true);
    }
    w->log.records[4].value.size = whole;
    lg_ingest_rig_start_task(w);
    lg_ingest_rig_expect_complete(w);
}

static void an_envelope_of_another_version_fails_the_replica(void **state)
{
    struct lg_ingest_rig *w = *state;

    lg_ingest_rig_begin_sorted_push(&w->log);
    lg_ingest_rig_write_rows(&w->log, 3);
    w->log.records[4].value.data[1] = 99; /* Magic byte, then the version of the protocol. */
    lg_ingest_rig_start_task(w);
    lg_ingest_rig_expect_error(w, LG_ERR_UNSUPPORTED, "topic cities_v1, partition 0: record at 0:");
}

static void a_task_without_a_log_serves_only_what_is_complete(void **state)
{
    struct lg_ingest_rig *w = *state;
    struct lg_ingest_options o = {.lane = w->lane,
                                  .driver = w->driver,
                                  .checkpoints = w->checkpoints,
                                  .topic = LG_INGEST_RIG_TOPIC,
                                  .status = lg_ingest_rig_status,
                                  .ctx = w};

    w->task = lg_ingest_task_start(&o);
    lg_ingest_rig_expect_error(w, LG_ERR_UNAVAILABLE, "not complete");
}

static void is_in_state(struct lg_ingest_rig *w, const char *state, const char *index)
{
    struct lg_replica *r = lg_ingest_task_replica(w->task);

    assert_string_equal(state, lg_ingest_task_state(w->task));
    assert_true(lg_ingest_task_is_complete(w->task) == (w->seen[LG_INGEST_COMPLETED] > 0));
    assert_string_equal(index, lg_warmer_state(r));
}

/* What was complete before is needed now; nobody waits for what is just loaded. */
static void what_was_just_loaded_is_complete_once_it_is_warm(void **state)
{
    struct lg_ingest_rig *w = *state;
    struct lg_warmer_options o = {.lane = w->lane, .budget_bytes = (uint64_t)1 << 20, .seed = 1};
    struct lg_error err = {0};

    assert_ok(lg_warmer_new(&o, &w->warmer, &err));
    lg_slow_scan(w->sim, w->driver, 5 * LG_SEC);
    lg_ingest_rig_begin_sorted_push(&w->log);
    lg_ingest_rig_write_rows(&w->log, 20);
    lg_ingest_rig_end_push(&w->log, 20);
    for (int stops = 1; stops >= 0; stops--) {
        lg_ingest_rig_start_task(w);
        lg_sim_run_us(w->sim, 4 * LG_SEC);
        assert_int_equal(w->seen[LG_INGEST_READABLE], 1);
        assert_int_equal(w->seen[LG_INGEST_COMPLETED], 0);
        is_in_state(w, "filling its read index", "filling");
        if (stops > 0)
            lg_ingest_rig_stop_task(w, true);
    }
    lg_ingest_rig_expect_complete(w);
    is_in_state(w, "ready", "complete");
    lg_ingest_rig_stop_task(w, false);

    lg_ingest_rig_start_task(w);
    lg_ingest_rig_expect_complete(w);
    is_in_state(w, "ready", "filling");
    lg_ingest_rig_stop_task(w, false);
    lg_warmer_free(LG_TAKE(w->warmer));
}

static void a_task_may_be_stopped_from_any_status(void **state)
{
    struct lg_ingest_rig *w = *state;
    struct lg_error err = {0};

    lg_ingest_rig_begin_sorted_push(&w->log);
    lg_ingest_rig_write_rows(&w->log, 20);
    lg_ingest_rig_end_push(&w->log, 20);
    w->stop_at_event = true;
    for (int event = LG_INGEST_STARTED; event <= LG_INGEST_ERROR; event++) {
        w->stop_event = (enum lg_ingest_event)event;
        w->log.fail_with = LG_ERR_CORRUPT;
        w->log.failures = event == LG_INGEST_ERROR;
        if (event == LG_INGEST_PROGRESS || event == LG_INGEST_WAITING)
            continue; /* Come with ten thousand records, and on a full disk, only. */
        if (event == LG_INGEST_ERROR) /* It is complete by now, and would not ask the log. */
            assert_ok(
                lg_partition_destroy(w->driver, w->checkpoints, LG_INGEST_RIG_TOPIC, 0, &err));
        lg_ingest_rig_start_task(w);
        assert_true(lg_sim_run_until(w->sim, lg_ingest_rig_is_stopped, w, 60 * LG_SEC));
        assert_int_equal(1, w->seen[event]);
    }
    w->stop_at_event = false;
    lg_ingest_rig_start_task(w);
    lg_ingest_rig_expect_complete(w); /* The interrupted push was finished by a later task. */
    lg_ingest_rig_expect_rows(w, 20);
}

static void a_stop_at_any_moment_is_answered(void **state)
{
    struct lg_ingest_rig *w = *state;

    lg_ingest_rig_begin_sorted_push(&w->log);
    lg_ingest_rig_write_rows(&w->log, 60);
    lg_ingest_rig_end_push(&w->log, 60);
    for (unsigned steps = 0; steps < 60; steps++) {
        lg_ingest_rig_start_task(w);
        for (unsigned i = 0; i < steps; i++)
            (void)lg_sim_step(w->sim);
        lg_ingest_rig_stop_task(w, steps % 2 == 0);
    }
}

static void readers_keep_a_replica_open(void **state)
{
    struct lg_ingest_rig *w = *state;
    struct lg_replica *held;
    LG_SCOPED(lg_buf) out = {0};

    lg_ingest_rig_begin_sorted_push(&w->log);
    lg_ingest_rig_write_rows(&w->log, 20);
    lg_ingest_rig_end_push(&w->log, 20);
    lg_ingest_rig_start_task(w);
    lg_ingest_rig_expect_complete(w);
    held = lg_replica_ref(lg_ingest_task_replica(w->task));
    lg_ingest_task_stop(w->task, /* destroy= */ true, lg_ingest_rig_task_stopped, w);
    assert_null(lg_ingest_task_replica(w->task));
    lg_sim_run_us(w->sim, 10 * LG_SEC);
    assert_false(w->stopped);
    assert_rc(LG_OK, lg_engine_get(held->engine, LG_LIT("key0003"), true, &out, NULL));
    lg_replica_unref(held);
    assert_false(w->stopped); /* Never from inside. */
    assert_true(lg_sim_run_until(w->sim, lg_ingest_rig_is_stopped, w, LG_SEC));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, lg_ingest_rig_up, lg_ingest_rig_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_push_becomes_readable),
        TEST(a_task_waits_for_what_is_not_written_yet),
        TEST(a_completed_replica_needs_no_log_after_a_restart),
        TEST(a_stop_in_the_middle_saves_where_it_stands),
        TEST(a_task_outlives_the_number_of_its_store_on_metrics),
        TEST(a_crash_at_any_moment_loses_nothing),
        TEST(duplicates_are_dropped_and_passed),
        TEST(a_log_that_is_away_is_waited_for),
        TEST(a_log_that_refuses_or_is_damaged_is_an_error),
        TEST(a_low_disk_makes_a_task_wait_where_it_stands),
        TEST(a_disk_that_is_full_all_the_same_is_waited_out),
        TEST(positions_need_not_be_numbers),
        TEST(records_that_are_gone_are_told_and_never_skipped),
        TEST(a_topic_that_retention_has_emptied_is_told_and_not_waited_for),
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
        TEST(what_was_just_loaded_is_complete_once_it_is_warm),
        TEST(a_task_may_be_stopped_from_any_status),
        TEST(a_stop_at_any_moment_is_answered),
        TEST(readers_keep_a_replica_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
