/* Rows reach every partition of a topic once and in order, whatever the log answers. The log here
 * keeps what it acknowledges, and fails and delays as each test says. */
#include "pushjob/spread.h"

#include "drivers/sim/lane_sim.h"
#include "ingest/integrity.h"
#include "pubsub/batch.h"
#include "record/headers.h"
#include "test/test.h"
#include "writer/segment.h"

#define PARTITIONS_MAX 32
#define TOPIC "cities_v1"

struct log {
    struct lg_pubsub pubsub;
    struct lg_sim *sim;
    struct lg_buf data[PARTITIONS_MAX]; /* batches as they were written */
    struct lg_blob *tried[PARTITIONS_MAX];
    unsigned produces, repeated, open, open_most;
    enum lg_rc fail;     /* with this */
    unsigned fail_every; /* each so many-th produce; 0: none */
    bool fail_for_ever;
    uint64_t away_from_us, away_until_us; /* fails in between */
    bool write_anyway;                    /* and only the acknowledgement is lost */
};

struct world {
    struct lg_sim *sim;
    struct lg_lane *lane;
    struct log log;
    struct lg_rows *rows;
    struct lg_spread *spread;
    uint64_t progress;
    unsigned finished;
    enum lg_rc rc;
    struct lg_error err;
    uint64_t cancel_at; /* records; 0: never */
    uint32_t rate;      /* records per second; 0: any */
    uint64_t began_us;
    uint64_t most_in_second; /* of the records that were acknowledged */
    uint64_t second, in_second;
};

/* A repetition must be the batch that was tried before, byte for byte. */
static void remember(struct log *log, const struct lg_pubsub_op *op)
{
    struct lg_blob **tried = &log->tried[op->partition];

    if (*tried != NULL) {
        assert_slice_equal(op->blob->bytes, (*tried)->bytes);
        log->repeated++;
    }
    lg_blob_unref(*tried);
    *tried = op->rc == LG_OK ? NULL : lg_blob_ref(op->blob);
}

static void answer(void *ctx)
{
    struct lg_pubsub_op *op = ctx;
    struct log *log = op->driver_state;

    log->open--;
    op->done(op);
}

static void submit(struct lg_pubsub *ps, struct lg_pubsub_op *op)
{
    struct log *log = LG_CONTAINER_OF(ps, struct log, pubsub);
    uint64_t now_us = lg_sim_now_us(log->sim);
    bool fails = log->fail_for_ever ||
                 (log->fail_every > 0 && ++log->produces % log->fail_every == 0) ||
                 (now_us >= log->away_from_us && now_us < log->away_until_us);

    assert_int_equal(op->kind, LG_PUBSUB_PRODUCE);
    assert_string_equal(op->topic, TOPIC);
    assert_true(op->partition < PARTITIONS_MAX);
    op->rc = LG_OK;
    if (fails)
        op->rc = lg_error_set(&op->err, log->fail, "the log says no");
    if (!fails || log->write_anyway)
        lg_buf_append_slice(&log->data[op->partition], op->blob->bytes);
    remember(log, op);
    op->driver_state = log;
    log->open_most = LG_MAX(log->open_most, ++log->open);
    (void)lg_sim_at(log->sim, now_us + 1 + lg_sim_rand_below(log->sim, 50000), NULL, answer, op);
}

static const struct lg_pubsub_ops log_ops = {.name = "test", .submit = submit};

static void progress(void *ctx, uint64_t records)
{
    struct world *w = ctx;

    uint64_t second = (lg_sim_now_us(w->sim) - w->began_us) / LG_SEC;

    assert_true(records >= w->progress);
    w->in_second = (second == w->second ? w->in_second : 0) + records - w->progress;
    w->second = second;
    w->most_in_second = LG_MAX(w->most_in_second, w->in_second);
    w->progress = records;
    if (w->cancel_at > 0 && records >= w->cancel_at)
        lg_spread_cancel(w->spread);
}

static void finished(void *ctx, enum lg_rc rc, const struct lg_error *err)
{
    struct world *w = ctx;

    w->finished++;
    w->rc = rc;
    if (err != NULL)
        w->err = *err;
    assert_int_equal(w->log.open, 0);
}

static bool is_finished(void *ctx)
{
    return ((struct world *)ctx)->finished > 0;
}

/* `records` rows of `value_bytes` each, sorted. */
static struct world *world_new(uint32_t partitions, uint32_t records, size_t value_bytes)
{
    struct world *w = lg_new(struct world);
    uint8_t *value = lg_zalloc(value_bytes + sizeof records);
    LG_SCOPED(lg_rows_conflict) conflict = {0};
    struct lg_error err = {0};

    w->sim = lg_sim_new(7);
    w->lane = lg_sim_lane_new(w->sim, NULL, "push");
    w->log = (struct log){.pubsub.ops = &log_ops, .sim = w->sim, .fail = LG_ERR_UNAVAILABLE};
    w->rows = lg_rows_new(&(struct lg_rows_options){.partitions = partitions});
    for (uint32_t i = 0; i < records; i++) {
        struct lg_row row = {lg_slice(&i, sizeof i), lg_slice(value, value_bytes + sizeof i), i};

        memcpy(value, &i, sizeof i);
        assert_ok(lg_rows_add(w->rows, &row, &err));
    }
    lg_rows_finish(w->rows);
    for (uint32_t p = 0; p < partitions; p++)
        assert_ok(lg_rows_settle(w->rows, p, &conflict, &err));
    lg_free(value);
    return w;
}

static void world_free(struct world *w)
{
    lg_spread_free(w->spread);
    lg_rows_free(w->rows);
    for (size_t i = 0; i < PARTITIONS_MAX; i++) {
        lg_buf_done(&w->log.data[i]);
        lg_blob_unref(w->log.tried[i]);
    }
    lg_sim_free(w->sim);
    lg_free(w);
}

static void run(struct world *w)
{
    w->began_us = lg_sim_now_us(w->sim);
    w->spread = lg_spread_start(&(struct lg_spread_options){
        .lane = w->lane,
        .log = &w->log.pubsub,
        .topic = TOPIC,
        .rows = w->rows,
        .guid = lg_segment_guid_of(LG_LIT("push 1")),
        .schema_id = 3,
        .host_name = "me",
        .records_per_second = w->rate,
        .deadline_us = lg_sim_now_us(w->sim) + 60 * LG_SEC,
        .progress = progress,
        .finished = finished,
        .ctx = w,
    });
    assert_int_equal(w->finished, 0); /* Never from inside start. */
    assert_true(lg_sim_run_until(w->sim, is_finished, w, 600 * LG_SEC));
    lg_sim_run_us(w->sim, LG_SEC);
    assert_int_equal(w->finished, 1);
}

struct reading {
    struct lg_rows_stream *rows;
    uint64_t count, next;
    unsigned starts, ends, duplicates;
};

static void judge(struct reading *r, struct lg_integrity *integrity,
                  const struct lg_pubsub_record *record, bool is_first)
{
    static const struct lg_integrity_rules rules = {0};
    struct lg_error err = {0};
    struct lg_envelope e;
    enum lg_key_header header;
    struct lg_slice key;
    enum lg_integrity_verdict verdict;

    assert_ok(lg_envelope_decode_key(record->key, &header, &key, &err));
    assert_ok(lg_envelope_decode(record->value, &e, &err));
    assert_true(lg_envelope_key_matches(&e, header));
    if (is_first) { /* The schema of the envelope stands on the first message. */
        assert_int_equal(record->header_count, 1);
        assert_slice_equal(record->headers[0].name, LG_LIT(LG_HEADER_PROTOCOL_SCHEMA));
    }
    verdict = lg_integrity_check(integrity, &e, key, &rules, &err);
    if (verdict == LG_INTEGRITY_DUPLICATE) {
        r->duplicates++;
        return;
    }
    if (verdict != LG_INTEGRITY_OK)
        fail_msg("%s: %s", lg_integrity_verdict_name(verdict), err.text);
    assert_slice_equal(e.footer.host, LG_LIT("me"));
    if (e.type == LG_MESSAGE_PUT) {
        struct lg_row row;
        bool end = false;

        assert_ok(lg_rows_stream_next(r->rows, &row, &end, &err));
        assert_false(end);
        assert_slice_equal(key, row.key);
        assert_slice_equal(e.put.value, row.value);
        assert_int_equal(e.put.schema_id, 3);
        r->next++;
    } else if (e.control.type == LG_CONTROL_START_OF_SEGMENT) {
        r->starts++;
    } else {
        assert_int_equal(e.control.type, LG_CONTROL_END_OF_SEGMENT);
        assert_true(e.control.end_of_segment.is_final);
        r->ends++;
    }
}

/* One segment with all rows of the partition, in order; the count of duplicates. */
static unsigned check_partition(const struct world *w, uint32_t partition)
{
    struct lg_batch_reader reader = lg_batch_read(lg_buf_slice(&w->log.data[partition]));
    LG_AUTO(lg_integrity) *integrity = lg_integrity_new();
    struct reading r = {0};
    struct lg_error err = {0};
    bool is_first = true;

    r.rows = lg_rows_stream_new(w->rows, partition);
    r.count = lg_rows_count(w->rows, partition);
    for (;;) {
        struct lg_pubsub_record record;
        bool end = false;

        assert_ok(lg_batch_next(&reader, &record, &end, &err));
        if (end)
            break;
        judge(&r, integrity, &record, is_first);
        is_first = false;
    }
    assert_int_equal(r.starts, 1);
    assert_int_equal(r.ends, 1);
    assert_int_equal(r.next, r.count);
    lg_rows_stream_free(r.rows);
    assert_ok(lg_integrity_check_ended(integrity, NULL, &err)); /* Its checksum was right. */
    assert_ok(lg_integrity_check_count(integrity, (int64_t)r.count, &err));
    return r.duplicates;
}

static unsigned check_all(const struct world *w)
{
    unsigned duplicates = 0;

    assert_rc(LG_OK, w->rc);
    assert_int_equal(w->progress, lg_rows_total(w->rows));
    for (uint32_t p = 0; p < lg_rows_partitions(w->rows); p++)
        duplicates += check_partition(w, p);
    return duplicates;
}

static void every_partition_gets_one_segment_with_its_rows_in_order(void **state)
{
    struct world *w = world_new(3, 1000, 10);

    (void)state;
    run(w);
    assert_int_equal(check_all(w), 0);
    world_free(w);
}

static void a_partition_larger_than_a_batch_goes_out_in_several(void **state)
{
    struct world *w = world_new(2, 100, 60000);

    (void)state;
    w->log.fail_every = UINT32_MAX; /* counts, never fails */
    run(w);
    assert_int_equal(check_all(w), 0);
    assert_true(w->log.produces >= 6);
    world_free(w);
}

static void more_partitions_than_streams_are_written_a_few_at_a_time(void **state)
{
    struct world *w = world_new(PARTITIONS_MAX, 500, 10);

    (void)state;
    run(w);
    assert_int_equal(check_all(w), 0);
    assert_int_equal(w->log.open_most, LG_SPREAD_AT_ONCE);
    world_free(w);
}

static void a_partition_without_rows_gets_its_segment_too(void **state)
{
    struct world *w = world_new(4, 1, 10);

    (void)state;
    run(w);
    assert_int_equal(check_all(w), 0);
    world_free(w);
    w = world_new(2, 0, 0);
    run(w);
    assert_int_equal(check_all(w), 0);
    world_free(w);
}

static void a_lost_batch_is_sent_again_until_it_is_written(void **state)
{
    static const enum lg_rc passing[] = {LG_ERR_UNAVAILABLE, LG_ERR_BUSY, LG_ERR_TIMEOUT};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(passing); i++) {
        struct world *w = world_new(12, 300, 20000);

        w->log.fail = passing[i];
        w->log.fail_every = 3;
        run(w);
        assert_int_equal(check_all(w), 0);
        assert_true(w->log.repeated > 3);
        world_free(w);
    }
}

static void a_lost_acknowledgement_repeats_the_same_bytes_which_readers_drop(void **state)
{
    struct world *w = world_new(12, 300, 20000);

    (void)state;
    w->log.fail_every = 3;
    w->log.write_anyway = true;
    run(w);
    assert_true(check_all(w) >= w->log.repeated);
    assert_true(w->log.repeated > 3);
    world_free(w);
}

static void an_error_that_repeating_cannot_heal_ends_the_push_and_is_named(void **state)
{
    static const enum lg_rc final[] = {LG_ERR_IO, LG_ERR_NOT_FOUND, LG_ERR_TOO_LARGE,
                                       LG_ERR_CORRUPT, LG_ERR_CANCELLED};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(final); i++) {
        struct world *w = world_new(12, 1000, 10);

        w->log.fail = final[i];
        w->log.fail_every = 5;
        run(w);
        assert_rc(final[i], w->rc);
        assert_rc(final[i], w->err.rc);
        assert_non_null(strstr(w->err.text, "writing " TOPIC " partition "));
        assert_non_null(strstr(w->err.text, "the log says no"));
        assert_int_equal(w->log.repeated, 0);
        world_free(w);
    }
}

static void repetitions_end_at_the_deadline(void **state)
{
    struct world *w = world_new(2, 10, 10);

    (void)state;
    w->log.fail_for_ever = true;
    run(w);
    assert_rc(LG_ERR_UNAVAILABLE, w->rc);
    assert_true(lg_sim_now_us(w->sim) >= 60 * LG_SEC);
    assert_true(lg_sim_now_us(w->sim) <= 70 * LG_SEC);
    world_free(w);
}

static void a_cancel_ends_when_what_is_in_flight_has_ended(void **state)
{
    struct world *w = world_new(PARTITIONS_MAX, 3000, 10);

    (void)state;
    w->cancel_at = 500;
    run(w);
    assert_rc(LG_ERR_CANCELLED, w->rc);
    assert_true(w->progress >= 500);
    assert_true(w->progress < 3000);
    world_free(w);
}

/* Ten seconds' worth, in batches of a tenth of a second's; an acknowledgement takes up to 50 ms. */
static void no_more_records_than_the_rate_are_written_in_a_second(void **state)
{
    struct world *w = world_new(12, 5000, 10);
    uint64_t took_us;

    (void)state;
    w->rate = 500;
    run(w);
    took_us = lg_sim_now_us(w->sim) - w->began_us - LG_SEC;
    assert_int_equal(check_all(w), 0);
    assert_true(took_us >= 98 * LG_SEC / 10);
    assert_true(took_us <= 105 * LG_SEC / 10);
    assert_true(w->most_in_second <= 600);
    world_free(w);
}

/* Two seconds without the log are not made up for. */
static void what_the_log_took_late_brings_no_burst(void **state)
{
    struct world *w = world_new(2, 3000, 10);

    (void)state;
    w->rate = 300;
    w->log.away_from_us = lg_sim_now_us(w->sim) + 2 * LG_SEC;
    w->log.away_until_us = w->log.away_from_us + 2 * LG_SEC;
    run(w);
    assert_int_equal(check_all(w), 0);
    assert_true(w->log.repeated > 10);
    assert_true(w->most_in_second <= 390);
    world_free(w);
}

static void a_rate_of_one_record_a_second_is_kept(void **state)
{
    struct world *w = world_new(3, 12, 10);

    (void)state;
    w->rate = 1;
    run(w);
    assert_int_equal(check_all(w), 0);
    assert_true(lg_sim_now_us(w->sim) - w->began_us >= 11 * LG_SEC);
    assert_true(w->most_in_second <= 2);
    world_free(w);
}

static void a_rate_too_low_for_the_time_of_the_push_ends_it_and_says_so(void **state)
{
    struct world *w = world_new(2, 1000, 10);

    (void)state;
    w->rate = 10;
    run(w);
    assert_rc(LG_ERR_TIMEOUT, w->rc);
    assert_true(lg_sim_now_us(w->sim) - w->began_us <= 62 * LG_SEC);
    assert_non_null(strstr(w->err.text, "of 1000 records were written"));
    assert_non_null(strstr(w->err.text, "10 per second"));
    assert_true(w->progress > 580 && w->progress <= 601);
    world_free(w);
}

static void cancel_now(void *ctx)
{
    lg_spread_cancel(((struct world *)ctx)->spread);
}

static void a_cancel_is_not_kept_waiting_for_the_rate(void **state)
{
    struct world *w = world_new(PARTITIONS_MAX, 100, 10);

    (void)state;
    w->rate = 1; /* Eight batches have their time reserved, the last one in eight seconds. */
    (void)lg_sim_at(w->sim, lg_sim_now_us(w->sim) + LG_SEC / 2, NULL, cancel_now, w);
    run(w);
    assert_rc(LG_ERR_CANCELLED, w->rc);
    assert_true(lg_sim_now_us(w->sim) - w->began_us < LG_SEC / 2 + LG_SEC + LG_SEC / 10);
    world_free(w);
}

static void a_cancel_during_the_repetitions_ends_them(void **state)
{
    struct world *w = world_new(1, 10, 10);

    (void)state;
    w->log.fail_for_ever = true;
    (void)lg_sim_at(w->sim, lg_sim_now_us(w->sim) + 5 * LG_SEC, NULL, cancel_now, w);
    run(w);
    assert_rc(LG_ERR_CANCELLED, w->rc);
    assert_true(w->log.repeated > 3);
    assert_true(lg_sim_now_us(w->sim) < 10 * LG_SEC);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_partition_gets_one_segment_with_its_rows_in_order),
        cmocka_unit_test(a_partition_larger_than_a_batch_goes_out_in_several),
        cmocka_unit_test(more_partitions_than_streams_are_written_a_few_at_a_time),
        cmocka_unit_test(a_partition_without_rows_gets_its_segment_too),
        cmocka_unit_test(a_lost_batch_is_sent_again_until_it_is_written),
        cmocka_unit_test(a_lost_acknowledgement_repeats_the_same_bytes_which_readers_drop),
        cmocka_unit_test(an_error_that_repeating_cannot_heal_ends_the_push_and_is_named),
        cmocka_unit_test(repetitions_end_at_the_deadline),
        cmocka_unit_test(no_more_records_than_the_rate_are_written_in_a_second),
        cmocka_unit_test(what_the_log_took_late_brings_no_burst),
        cmocka_unit_test(a_rate_of_one_record_a_second_is_kept),
        cmocka_unit_test(a_rate_too_low_for_the_time_of_the_push_ends_it_and_says_so),
        cmocka_unit_test(a_cancel_ends_when_what_is_in_flight_has_ended),
        cmocka_unit_test(a_cancel_is_not_kept_waiting_for_the_rate),
        cmocka_unit_test(a_cancel_during_the_repetitions_ends_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
