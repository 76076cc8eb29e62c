/* Lanes and disks for the tests of log and metadata. Owner: the test. */
#include "test/lib/log_env.h"

#include <stdio.h>
#include <stdlib.h>

#include "test/test.h"

#include "drivers/posix/disk_posix.h"
#include "drivers/uv/lane_uv.h"

#define POLL_US (1 * LG_MS)
#define GIVE_UP_US (120 * LG_SEC)
#define SIM_GIVE_UP_US (600 * LG_SEC)

struct poll { /* Asks a condition on the test's lane, again and again. */
    struct lg_timer timer;
    struct lg_lane *lane;
    bool (*cond)(void *ctx);
    void *ctx;
    uint64_t until_us;
};

static void polled(struct lg_timer *timer)
{
    struct poll *p = LG_CONTAINER_OF(timer, struct poll, timer);

    if (p->cond(p->ctx) || lg_lane_now_us(p->lane) > p->until_us)
        lg_lane_uv_stop(p->lane);
    else
        lg_timer_start(p->lane, &p->timer, POLL_US, polled);
}

void lg_log_env_run_until(void *env, bool (*cond)(void *ctx), void *ctx)
{
    struct lg_log_env *e = env;
    struct poll p = {.lane = e->lane, .cond = cond, .ctx = ctx};

    if (e->sim != NULL) {
        (void)lg_sim_run_until(e->sim, cond, ctx, SIM_GIVE_UP_US);
        return;
    }
    p.until_us = lg_lane_now_us(e->lane) + GIVE_UP_US;
    lg_timer_start(e->lane, &p.timer, 0, polled);
    lg_lane_uv_run(e->lane);
}

struct errand {
    struct lg_task out, back;
    struct lg_lane *lane;
    void (*fn)(void *ctx);
    void *ctx;
    bool done;
};

static void errand_back(struct lg_task *task)
{
    LG_CONTAINER_OF(task, struct errand, back)->done = true;
}

static void errand_out(struct lg_task *task)
{
    struct errand *e = LG_CONTAINER_OF(task, struct errand, out);

    e->fn(e->ctx);
    e->back.run = errand_back;
    lg_lane_post(e->lane, &e->back);
}

static bool errand_done(void *ctx)
{
    return ((struct errand *)ctx)->done;
}

void lg_log_env_on_home(struct lg_log_env *env, void (*fn)(void *ctx), void *ctx)
{
    struct errand e = {.lane = env->lane, .fn = fn, .ctx = ctx};

    e.out.run = errand_out;
    lg_lane_post(env->home, &e.out);
    lg_log_env_run_until(env, errand_done, &e);
    assert_true(e.done);
}

void lg_log_env_init_sim(struct lg_log_env *env, uint64_t seed, struct lg_disk *disk)
{
    *env = (struct lg_log_env){.disk = disk};
    env->sim = lg_sim_new(seed);
    env->home = env->lane = lg_sim_lane_new(env->sim, NULL, "test");
}

void lg_log_env_init_uv(struct lg_log_env *env)
{
    struct lg_error err = {0};

    *env = (struct lg_log_env){.folder = "/tmp/lagoon-test-XXXXXX"};
    assert_non_null(mkdtemp(env->folder));
    assert_ok(lg_disk_posix_new(env->folder, &env->disk, &err));
    assert_ok(lg_pool_uv_new(2, &env->pool, &err));
    assert_ok(lg_lane_uv_new("home", env->pool, &env->home, &err));
    assert_ok(lg_lane_uv_new("test", env->pool, &env->lane, &err));
}

void lg_log_env_start_uv(struct lg_log_env *env)
{
    struct lg_error err = {0};

    assert_ok(lg_lane_uv_start(env->home, &err));
}

void lg_log_env_stop_uv(struct lg_log_env *env)
{
    lg_lane_uv_stop(env->home);
    lg_lane_uv_join(env->home);
}

void lg_log_env_done(struct lg_log_env *env)
{
    struct lg_error err = {0};
    LG_SCOPED(lg_disk_names) names = {0};

    if (env->sim != NULL) {
        lg_sim_free(env->sim);
        return;
    }
    lg_log_env_stop_uv(env);
    lg_lane_uv_free(env->home);
    lg_lane_uv_free(env->lane);
    lg_pool_uv_free(env->pool);
    assert_ok(lg_disk_list(env->disk, ".", &names, &err));
    for (size_t i = 0; i < names.names.size; i++)
        assert_ok(lg_disk_remove_tree(env->disk, names.names.data[i], &err));
    lg_disk_posix_free(env->disk);
    assert_int_equal(remove(env->folder), 0);
}
