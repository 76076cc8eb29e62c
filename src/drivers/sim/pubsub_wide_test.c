/* Tests of the log with opaque positions. */
#include "drivers/sim/pubsub_wide.h"

#include "test/lib/log_env.h"
#include "test/test.h"

#include "drivers/seglog/seglog.h"
#include "pubsub/batch.h"
#include "pubsub/pubsub_contract.h"

struct world {
    struct lg_disk *disk;
    struct lg_log_env env;
    struct lg_seglog *log;
    struct lg_pubsub_wide *wide;
    bool closed;
};

static void set_closed(void *ctx)
{
    *(bool *)ctx = true;
}

static bool is_set(void *ctx)
{
    return *(bool *)ctx;
}

static void init(struct world *w, uint64_t seed)
{
    struct lg_seglog_options options = {.dir = "log"};
    struct lg_error err = {0};

    *w = (struct world){.disk = lg_disk_sim_new(NULL, seed)};
    lg_log_env_init_sim(&w->env, seed, w->disk);
    options.disk = w->disk;
    options.lane = w->env.home;
    assert_ok(lg_seglog_open(&options, &w->log, &err));
    w->wide = lg_pubsub_wide_new(lg_seglog_pubsub(w->log));
}

static void close_log(void *ctx)
{
    struct world *w = ctx;

    lg_seglog_close(w->log, set_closed, &w->closed);
}

static void done(struct world *w)
{
    lg_log_env_on_home(&w->env, close_log, w);
    lg_log_env_run_until(&w->env, is_set, &w->closed);
    assert_true(w->closed);
    lg_pubsub_wide_free(w->wide);
    lg_log_env_done(&w->env);
    lg_disk_sim_free(w->disk);
}

static void it_keeps_the_contract(void **state)
{
    (void)state;
    struct lg_error err = {0};
    struct world w;

    init(&w, 3);
    assert_ok(lg_pubsub_contract(&(struct lg_pubsub_contract){.ps = lg_pubsub_wide_pubsub(w.wide),
                                                              .lane = w.env.lane,
                                                              .run_until = lg_log_env_run_until,
                                                              .ctx = &w.env},
                                 &err));
    done(&w);
}

static bool ended;

static void op_done(struct lg_pubsub_op *op)
{
    (void)op;
    ended = true;
}

static enum lg_rc run(struct world *w, struct lg_pubsub_op *op)
{
    ended = false;
    op->lane = w->env.lane;
    op->done = op_done;
    lg_pubsub_submit(lg_pubsub_wide_pubsub(w->wide), op);
    lg_log_env_run_until(&w->env, is_set, &ended);
    assert_true(ended);
    return op->rc;
}

static void a_position_that_was_made_up_or_changed_is_refused(void **state)
{
    (void)state;
    struct lg_pubsub_op create = {.kind = LG_PUBSUB_CREATE, .topic = "t", .partitions = 1};
    struct lg_pubsub_op produce = {.kind = LG_PUBSUB_PRODUCE, .topic = "t"};
    struct lg_pubsub_op fetch = {.kind = LG_PUBSUB_FETCH, .topic = "t"};
    LG_SCOPED(lg_buf) batch = {0};
    LG_AUTO(lg_blob) *blob = NULL;
    struct lg_position good;
    int64_t offset;
    struct world w;

    init(&w, 4);
    lg_batch_add(&batch, &(struct lg_pubsub_record){.key = LG_LIT("k")});
    blob = produce.blob = lg_blob_take(&batch);
    assert_rc(LG_OK, run(&w, &create));
    assert_rc(LG_OK, run(&w, &produce));
    good = produce.position;
    assert_int_equal(good.type, LG_PUBSUB_WIDE_TYPE);
    assert_int_equal(good.size, LG_PUBSUB_WIDE_BYTES);
    assert_false(lg_position_offset(&good, &offset));
    fetch.position = good;
    assert_rc(LG_OK, run(&w, &fetch));
    fetch.position = lg_position_from_offset(0);
    assert_rc(LG_ERR_INVALID, run(&w, &fetch));
    assert_non_null(strstr(fetch.err.text, "a position of type 0 is not one of this log"));
    for (size_t i = 0; i < LG_PUBSUB_WIDE_BYTES; i++) {
        fetch.position = good;
        fetch.position.bytes[i] ^= 1;
        assert_rc(LG_ERR_INVALID, run(&w, &fetch));
    }
    done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_keeps_the_contract),
        cmocka_unit_test(a_position_that_was_made_up_or_changed_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
