/* Tests of the embedded log: the contract on both kinds of lanes and disks, and what is its own. */
#include "drivers/seglog/seglog.h"

#include "test/lib/log_env.h"
#include "test/test.h"

#include "pubsub/batch.h"
#include "pubsub/pubsub_contract.h"

static struct lg_seglog *open_log(struct lg_log_env *env)
{
    struct lg_seglog_options options = {.disk = env->disk, .dir = "log", .lane = env->home};
    struct lg_seglog *log = NULL;
    struct lg_error err = {0};

    assert_ok(lg_seglog_open(&options, &log, &err));
    return log;
}

struct closing {
    struct lg_seglog *log;
    bool done; /* Written on the home lane, read on the test's: atomic. */
};

static void log_closed(void *ctx)
{
    __atomic_store_n(&((struct closing *)ctx)->done, true, __ATOMIC_RELEASE);
}

static void begin_close(void *ctx)
{
    lg_seglog_close(((struct closing *)ctx)->log, log_closed, ctx);
}

static bool is_closed(void *ctx)
{
    return __atomic_load_n(&((struct closing *)ctx)->done, __ATOMIC_ACQUIRE);
}

static void close_log(struct lg_log_env *env, struct lg_seglog *log)
{
    struct closing c = {.log = log};

    lg_log_env_on_home(env, begin_close, &c);
    lg_log_env_run_until(env, is_closed, &c);
    assert_true(is_closed(&c));
}

static void it_keeps_the_contract_in_the_simulator(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct lg_disk *disk = lg_disk_sim_new(NULL, seed);
        struct lg_error err = {0};
        struct lg_log_env env;
        struct lg_seglog *log;

        lg_log_env_init_sim(&env, seed, disk);
        log = open_log(&env);
        assert_ok(lg_pubsub_contract(&(struct lg_pubsub_contract){lg_seglog_pubsub(log), env.lane,
                                                                  lg_log_env_run_until, &env},
                                     &err));
        close_log(&env, log);
        lg_log_env_done(&env);
        lg_disk_sim_free(disk);
    }
}

static void it_keeps_the_contract_on_real_lanes_and_files(void **state)
{
    (void)state;
    struct lg_error err = {0};
    struct lg_log_env env;
    struct lg_seglog *log;

    lg_log_env_init_uv(&env);
    log = open_log(&env);
    lg_log_env_start_uv(&env);
    assert_ok(lg_pubsub_contract(
        &(struct lg_pubsub_contract){lg_seglog_pubsub(log), env.lane, lg_log_env_run_until, &env},
        &err));
    close_log(&env, log);
    lg_log_env_done(&env);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_keeps_the_contract_in_the_simulator),
        cmocka_unit_test(it_keeps_the_contract_on_real_lanes_and_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
