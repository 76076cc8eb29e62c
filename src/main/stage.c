#include "main/stage.h"

#include "drivers/uv/lane_uv.h"
#include "drivers/uv/transport_uv.h"

enum lg_rc lg_stage_open(struct lg_stage *stage, unsigned pool_threads, const char *const *names,
                         size_t lane_count, struct lg_error *err)
{
    enum lg_rc rc = lg_pool_uv_new(pool_threads, &stage->pool, err);

    assert(lane_count <= LG_STAGE_LANES_MAX);
    if (rc == LG_OK)
        rc = lg_lane_uv_new("main", stage->pool, &stage->main, err);
    for (size_t i = 0; rc == LG_OK && i < lane_count; i++) {
        rc = lg_lane_uv_new(names[i], stage->pool, &stage->lanes[i], err);
        stage->lane_count += rc == LG_OK;
    }
    stage->transport = lg_transport_uv_new();
    return rc;
}

enum lg_rc lg_stage_start(struct lg_stage *stage, struct lg_error *err)
{
    enum lg_rc rc = LG_OK;

    for (size_t i = 0; rc == LG_OK && i < stage->lane_count; i++) {
        if (stage->runs[i])
            continue;
        rc = lg_lane_uv_start(stage->lanes[i], err);
        stage->runs[i] = rc == LG_OK;
    }
    return rc;
}

/* --- Steps. ----------------------------------------------------------------------------------- */
static void step_run(struct lg_task *task)
{
    struct lg_stage *stage = LG_CONTAINER_OF(task, struct lg_stage, step);

    stage->step_fn(stage->step_ctx);
}

static void step_back(struct lg_task *task)
{
    struct lg_stage *stage = LG_CONTAINER_OF(task, struct lg_stage, step);

    stage->step_fn = NULL;
    lg_lane_uv_stop(stage->main);
}

void lg_stage_done(void *ctx)
{
    struct lg_stage *stage = ctx;

    stage->step.run = step_back;
    lg_lane_post(stage->main, &stage->step);
}

bool lg_stage_do(struct lg_stage *stage, struct lg_lane *lane, void (*fn)(void *ctx), void *ctx)
{
    struct lg_error err;

    if (lg_stage_start(stage, &err) != LG_OK)
        return false;
    stage->step.run = step_run;
    stage->step_fn = fn;
    stage->step_ctx = ctx;
    lg_lane_post(lane, &stage->step);
    while (stage->step_fn != NULL)
        lg_lane_uv_run(stage->main);
    return true;
}

void lg_stage_join(struct lg_stage *stage)
{
    for (size_t i = stage->lane_count; i-- > 0;) {
        if (stage->runs[i]) {
            lg_lane_uv_stop(stage->lanes[i]);
            lg_lane_uv_join(stage->lanes[i]);
        }
    }
    lg_transport_uv_free(stage->transport);
    for (size_t i = stage->lane_count; i-- > 0;)
        lg_lane_uv_free(stage->lanes[i]);
    lg_lane_uv_free(stage->main);
    stage->transport = NULL;
    stage->main = NULL;
    stage->lane_count = 0;
}

void lg_stage_close(struct lg_stage *stage)
{
    lg_pool_uv_free(stage->pool);
    *stage = (struct lg_stage){0};
}
