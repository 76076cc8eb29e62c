/* The unreliable log: it keeps the contract while it is only late, and each of its faults does what
 * it says and nothing else. */
#include "drivers/sim/log_sim.h"

#include "test/lib/log_env.h"
#include "test/test.h"

#include "drivers/seglog/seglog.h"
#include "pubsub/batch.h"
#include "pubsub/pubsub_contract.h"

struct world {
    struct lg_log_env env;
    struct lg_disk *disk;
    struct lg_seglog *real;
    struct lg_log_sim_faults faults;
    struct lg_log_sim *log;
    struct lg_pubsub_op op;
    bool done, closed;
};

static void set_closed(void *ctx)
{
    ((struct world *)ctx)->closed = true;
}

static bool is_closed(void *ctx)
{
    return ((struct world *)ctx)->closed;
}

static void up(struct world *w, uint64_t seed)
{
    struct lg_seglog_options o = {.dir = "log"};
    struct lg_error err = {0};

    *w = (struct world){.disk = lg_disk_sim_new(NULL, seed)};
    lg_log_env_init_sim(&w->env, seed, w->disk);
    o.disk = w->env.disk;
    o.lane = w->env.home;
    assert_ok(lg_seglog_open(&o, &w->real, &err));
    w->log = lg_log_sim_new(lg_seglog_pubsub(w->real), w->env.lane, &w->faults);
}

static void down(struct world *w)
{
    lg_log_sim_free(w->log);
    lg_seglog_close(w->real, set_closed, w);
    lg_log_env_run_until(&w->env, is_closed, w);
    assert_true(w->closed);
    lg_log_env_done(&w->env);
    lg_disk_sim_free(w->disk);
}

static void op_done(struct lg_pubsub_op *op)
{
    LG_CONTAINER_OF(op, struct world, op)->done = true;
}

static bool op_is_done(void *ctx)
{
    return ((struct world *)ctx)->done;
}

static void begin(struct world *w, enum lg_pubsub_kind kind)
{
    w->done = false;
    w->op.kind = kind;
    w->op.lane = w->env.lane;
    w->op.topic = "t";
    w->op.partitions = 1;
    w->op.done = op_done;
    lg_pubsub_submit(lg_log_sim_pubsub(w->log), &w->op);
    assert_false(w->done);
}

static enum lg_rc run(struct world *w, enum lg_pubsub_kind kind)
{
    begin(w, kind);
    lg_log_env_run_until(&w->env, op_is_done, w);
    assert_true(w->done);
    return w->op.rc;
}

static enum lg_rc produce(struct world *w)
{
    LG_SCOPED(lg_buf) bytes = {0};
    struct lg_pubsub_record record = {.key = LG_LIT("k"), .value = LG_LIT("v")};
    enum lg_rc rc;

    lg_batch_add(&bytes, &record);
    w->op = (struct lg_pubsub_op){.position = lg_position_earliest(),
                                  .blob = lg_blob_new(lg_buf_slice(&bytes))};
    rc = run(w, LG_PUBSUB_PRODUCE);
    assert_non_null(w->op.blob);
    lg_blob_unref(w->op.blob);
    return rc;
}

/* So many records are there. */
static size_t count(struct world *w)
{
    struct lg_log_sim_faults before = w->faults;
    struct lg_error err;
    size_t n = 0;

    w->faults = (struct lg_log_sim_faults){0};
    w->op = (struct lg_pubsub_op){.position = lg_position_earliest()};
    assert_rc(LG_OK, run(w, LG_PUBSUB_FETCH));
    w->faults = before;
    if (w->op.blob != NULL)
        assert_ok(lg_batch_check(w->op.blob->bytes, &n, &err));
    lg_blob_unref(w->op.blob);
    return n;
}

static void late_answers_keep_the_contract(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct world w;
        struct lg_error err = {0};

        up(&w, seed);
        w.faults = (struct lg_log_sim_faults){.late = 3, .late_max_us = 100 * LG_MS};
        assert_ok(lg_pubsub_contract(&(struct lg_pubsub_contract){.ps = lg_log_sim_pubsub(w.log),
                                                                  .lane = w.env.lane,
                                                                  .run_until = lg_log_env_run_until,
                                                                  .ctx = &w.env},
                                     &err));
        down(&w);
    }
}

static void what_is_lost_did_not_happen_and_a_lost_answer_hides_what_did(void **state)
{
    struct world w;

    (void)state;
    up(&w, 1);
    w.op = (struct lg_pubsub_op){.position = lg_position_earliest()};
    assert_rc(LG_OK, run(&w, LG_PUBSUB_CREATE));
    w.faults.lost = 1;
    assert_rc(LG_ERR_UNAVAILABLE, produce(&w));
    assert_string_equal(w.op.err.text, "no answer came from the log for topic t; try again");
    assert_int_equal(count(&w), 0);
    w.faults = (struct lg_log_sim_faults){.answer_lost = 1};
    assert_rc(LG_ERR_UNAVAILABLE, produce(&w));
    assert_true(lg_position_is_earliest(&w.op.position)); /* Nothing is told of it. */
    assert_int_equal(count(&w), 1);
    w.op = (struct lg_pubsub_op){.position = lg_position_earliest()};
    assert_rc(LG_ERR_UNAVAILABLE, run(&w, LG_PUBSUB_FETCH));
    assert_null(w.op.blob);
    w.op = (struct lg_pubsub_op){.position = lg_position_earliest()};
    assert_rc(LG_ERR_UNAVAILABLE, run(&w, LG_PUBSUB_LIST));
    assert_null(w.op.blob);
    down(&w);
}

static void records_are_written_twice_and_a_fetch_finds_nothing(void **state)
{
    struct world w;

    (void)state;
    up(&w, 2);
    w.op = (struct lg_pubsub_op){.position = lg_position_earliest()};
    assert_rc(LG_OK, run(&w, LG_PUBSUB_CREATE));
    w.faults.twice = 1;
    assert_rc(LG_OK, produce(&w));
    assert_int_equal(count(&w), 2);
    w.faults = (struct lg_log_sim_faults){.empty = 1};
    w.op = (struct lg_pubsub_op){.position = lg_position_earliest()};
    assert_rc(LG_OK, run(&w, LG_PUBSUB_FETCH));
    assert_null(w.op.blob);
    assert_true(lg_position_is_earliest(&w.op.position));
    down(&w);
}

static void a_fault_of_the_inner_log_stays_what_it_is(void **state)
{
    struct world w;

    (void)state;
    up(&w, 3);
    w.faults = (struct lg_log_sim_faults){.answer_lost = 1, .twice = 1, .late = 1};
    w.op = (struct lg_pubsub_op){.position = lg_position_earliest()};
    assert_rc(LG_ERR_NOT_FOUND, run(&w, LG_PUBSUB_FETCH));
    assert_null(w.op.blob);
    assert_rc(LG_ERR_NOT_FOUND, produce(&w));
    down(&w);
}

static void a_fetch_that_waits_can_be_cancelled_and_a_late_answer_comes(void **state)
{
    struct world w;
    struct lg_pubsub *ps;

    (void)state;
    up(&w, 4);
    ps = lg_log_sim_pubsub(w.log);
    w.op = (struct lg_pubsub_op){.position = lg_position_earliest()};
    assert_rc(LG_OK, run(&w, LG_PUBSUB_CREATE));
    w.op = (struct lg_pubsub_op){.position = lg_position_earliest(), .wait_ms = 20000};
    begin(&w, LG_PUBSUB_FETCH);
    lg_sim_run_us(w.env.sim, LG_SEC);
    lg_pubsub_cancel(ps, &w.op);
    lg_sim_run_us(w.env.sim, LG_SEC);
    assert_true(w.done);
    assert_rc(LG_ERR_CANCELLED, w.op.rc);
    w.faults = (struct lg_log_sim_faults){.late = 1, .late_max_us = 10 * LG_SEC};
    w.op = (struct lg_pubsub_op){.position = lg_position_earliest()};
    begin(&w, LG_PUBSUB_END);
    lg_sim_run_us(w.env.sim, 50 * LG_MS);
    assert_false(w.done);
    lg_pubsub_cancel(ps, &w.op);
    lg_log_env_run_until(&w.env, op_is_done, &w);
    assert_rc(LG_OK, w.op.rc);
    down(&w);
}

struct removal {
    const char *topic;
    unsigned told;
};

static bool is_of_topic(void *ctx, const char *topic)
{
    return strcmp(((struct removal *)ctx)->topic, topic) == 0;
}

static void removed(void *ctx, struct lg_lane *lane, const char *topic, uint32_t partition)
{
    assert_non_null(lane);
    assert_string_equal(topic, "t");
    assert_int_equal(partition, 0);
    ((struct removal *)ctx)->told++;
}

/* How many records a fetch from there answers, and where it ends. */
static enum lg_rc fetch(struct world *w, struct lg_position from, size_t *out_n)
{
    struct lg_error err;
    enum lg_rc rc;

    w->op = (struct lg_pubsub_op){.position = from};
    rc = run(w, LG_PUBSUB_FETCH);
    *out_n = 0;
    if (w->op.blob != NULL)
        assert_ok(lg_batch_check(w->op.blob->bytes, out_n, &err));
    lg_blob_unref(w->op.blob);
    return rc;
}

static void what_retention_removed_is_told_until_the_log_is_whole_again(void **state)
{
    struct removal r = {"other", 0};
    struct lg_position middle, start;
    struct world w;
    size_t n;

    (void)state;
    up(&w, 5);
    w.op = (struct lg_pubsub_op){.position = lg_position_earliest()};
    assert_rc(LG_OK, run(&w, LG_PUBSUB_CREATE));
    for (unsigned i = 0; i < 6; i++)
        assert_rc(LG_OK, produce(&w));
    w.faults = (struct lg_log_sim_faults){
        .gone = 1, .removes = is_of_topic, .removed = removed, .removes_ctx = &r};
    assert_rc(LG_OK, fetch(&w, lg_position_earliest(), &n));
    assert_int_equal(n, 6); /* It is about another topic. */
    r.topic = "t";
    assert_rc(LG_OK, fetch(&w, lg_position_earliest(), &n));
    assert_int_equal(n, 4);
    middle = w.op.position;
    assert_rc(LG_ERR_POSITION_GONE, fetch(&w, middle, &n));
    assert_int_equal(r.told, 1);
    assert_rc(LG_OK, produce(&w));
    w.op = (struct lg_pubsub_op){.position = lg_position_earliest()};
    assert_rc(LG_OK, run(&w, LG_PUBSUB_START));
    start = w.op.position;
    assert_true(lg_pubsub_compare(lg_log_sim_pubsub(w.log), &middle, &start) < 0);
    assert_rc(LG_ERR_POSITION_GONE, fetch(&w, lg_position_earliest(), &n));
    assert_rc(LG_ERR_POSITION_GONE, fetch(&w, middle, &n));
    assert_rc(LG_OK, fetch(&w, start, &n));
    assert_int_equal(n, 1);
    w.faults = (struct lg_log_sim_faults){0};
    assert_rc(LG_OK, fetch(&w, middle, &n));
    assert_int_equal(n, 3);
    assert_int_equal(r.told, 1);
    down(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(late_answers_keep_the_contract),
        cmocka_unit_test(what_is_lost_did_not_happen_and_a_lost_answer_hides_what_did),
        cmocka_unit_test(records_are_written_twice_and_a_fetch_finds_nothing),
        cmocka_unit_test(a_fault_of_the_inner_log_stays_what_it_is),
        cmocka_unit_test(a_fetch_that_waits_can_be_cancelled_and_a_late_answer_comes),
        cmocka_unit_test(what_retention_removed_is_told_until_the_log_is_whole_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
