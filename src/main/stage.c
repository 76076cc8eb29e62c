#include "main/stage.h"

#include <stdio.h>

#include "base/log.h"
#include "drivers/openssl/transport_tls.h"
#include "drivers/posix/cpus_posix.h"
#include "drivers/uring/lane_uring.h"
#include "drivers/uring/transport_uring.h"
#include "drivers/uv/lane_uv.h"
#include "drivers/uv/transport_uv.h"

static enum lg_rc add_lane_uv(struct lg_stage *stage, const char *name, struct lg_error *err)
{
    enum lg_rc rc = lg_lane_uv_new(name, stage->pool, &stage->lanes[stage->lane_count], err);

    stage->lane_count += rc == LG_OK;
    return rc;
}

static void free_lane(struct lg_lane *lane)
{
    if (lg_lane_uring_is(lane))
        lg_lane_uring_free(lane);
    else
        lg_lane_uv_free(lane);
}

/* --- Lanes that read. ------------------------------------------------------------------------- */
static const char *reader_name(struct lg_stage *stage, unsigned i)
{
    char *name = stage->reader[i].name;

    assert(i < LG_STAGE_READERS_MAX);
    (void)snprintf(name, sizeof stage->reader[0].name, "read-%hhu", (unsigned char)(i + 1));
    return name;
}

/* All of them or none: they share an address. */
static enum lg_rc add_readers_uring(struct lg_stage *stage, const char *first,
                                    const struct lg_stage_reading *reading, struct lg_error *err)
{
    const struct lg_lane_uring_options o = {.pool = lg_pool_uv_port(stage->pool),
                                            .spin_us = reading->spin_us};
    size_t before = stage->lane_count;
    enum lg_rc rc = LG_OK;

    for (unsigned i = 0; rc == LG_OK && i <= reading->lanes; i++) {
        rc = lg_lane_uring_new(i == 0 ? first : reader_name(stage, i - 1), &o,
                               &stage->lanes[stage->lane_count], err);
        stage->lane_count += rc == LG_OK;
    }
    while (rc != LG_OK && stage->lane_count > before)
        lg_lane_uring_free(stage->lanes[--stage->lane_count]);
    return rc;
}

static enum lg_rc add_readers_uv(struct lg_stage *stage, const char *first,
                                 const struct lg_stage_reading *reading, struct lg_error *err)
{
    enum lg_rc rc = add_lane_uv(stage, first, err);

    for (unsigned i = 0; rc == LG_OK && i < reading->lanes; i++)
        rc = add_lane_uv(stage, reader_name(stage, i), err);
    return rc;
}

/* On its lane, before all else. */
static void reader_begins(struct lg_task *task)
{
    struct lg_stage_reader *reader = LG_CONTAINER_OF(task, struct lg_stage_reader, begins);
    struct lg_error err;

    if (lg_cpus_bind(&reader->cpu, &err) != LG_OK)
        lg_log(LG_LOG_WARN, "read_lane_not_bound", "lane=%s reason=\"%s\"", reader->name, err.text);
}

static void bind_readers(struct lg_stage *stage, const struct lg_stage_reading *reading)
{
    for (unsigned i = 0; i < stage->reader_count && CPU_COUNT(&reading->cpus) > 0; i++) {
        struct lg_stage_reader *reader = &stage->reader[i];

        lg_cpus_pick(&reading->cpus, i, &reader->cpu);
        reader->begins.run = reader_begins;
        lg_lane_post(stage->readers[i], &reader->begins);
    }
}

enum lg_rc lg_stage_bind(const struct lg_stage_reading *reading, struct lg_error *err)
{
    cpu_set_t allowed, others;
    char names[64];

    if (CPU_COUNT(&reading->cpus) == 0)
        return LG_OK;
    if (lg_cpus_check(&reading->cpus, err) != LG_OK)
        return lg_error_wrap(err, "read_cpus");
    lg_cpus_allowed(&allowed);
    CPU_XOR(&others, &allowed, &reading->cpus);
    if (CPU_COUNT(&others) == 0)
        others = allowed;
    lg_cpus_name(&others, names, sizeof(names));
    lg_log(LG_LOG_INFO, "read_cpus", "readers=%u others_run_on=%s", reading->lanes, names);
    return lg_cpus_bind(&others, err);
}

static enum lg_rc add_readers(struct lg_stage *stage, const char *first,
                              const struct lg_stage_reading *reading, struct lg_error *err)
{
    enum lg_rc rc = LG_ERR_UNAVAILABLE;

    if (strcmp(reading->driver, "uv") != 0) {
        rc = add_readers_uring(stage, first, reading, err);
        if (rc != LG_OK && strcmp(reading->driver, "auto") != 0)
            return lg_error_wrap(err, "read_driver = %s", reading->driver);
        if (rc != LG_OK)
            lg_log(LG_LOG_INFO, "read_driver", "driver=uv reason=\"%s\"", err->text);
    }
    if (rc == LG_OK) {
        stage->transport_uv = stage->transport;
        stage->transport = lg_transport_uring_new(stage->transport_uv);
        lg_log(LG_LOG_INFO, "read_driver", "driver=uring lanes=%u", reading->lanes + 1);
    } else {
        rc = add_readers_uv(stage, first, reading, err);
    }
    stage->reader_count = rc == LG_OK ? reading->lanes : 0;
    stage->readers = &stage->lanes[stage->lane_count - stage->reader_count];
    bind_readers(stage, reading);
    return rc;
}

enum lg_rc lg_stage_open(struct lg_stage *stage, unsigned pool_threads, const char *const *names,
                         size_t lane_count, const struct lg_stage_reading *reading,
                         struct lg_error *err)
{
    enum lg_rc rc = lg_pool_uv_new(pool_threads, &stage->pool, err);
    size_t others = reading == NULL ? lane_count : lane_count - 1;

    assert(lane_count >= 1 && lane_count <= LG_STAGE_LANES_MAX);
    assert(reading == NULL || reading->lanes <= LG_STAGE_READERS_MAX);
    stage->transport = lg_transport_uv_new();
    if (rc == LG_OK)
        rc = lg_lane_uv_new("main", stage->pool, &stage->main, err);
    for (size_t i = 0; rc == LG_OK && i < others; i++)
        rc = add_lane_uv(stage, names[i], err);
    if (rc == LG_OK && reading != NULL)
        rc = add_readers(stage, names[others], reading, err);
    stage->sockets = stage->transport;
    return rc;
}

enum lg_rc lg_stage_use_tls(struct lg_stage *stage, const struct lg_tls_options *tls,
                            struct lg_error *err)
{
    return lg_transport_tls_new(stage->sockets, tls, &stage->transport, err);
}

bool lg_stage_uses_tls(const struct lg_stage *stage)
{
    return stage->transport != stage->sockets;
}

enum lg_rc lg_stage_reload_tls(struct lg_stage *stage, const struct lg_tls_options *tls,
                               struct lg_error *err)
{
    assert(lg_stage_uses_tls(stage));
    return lg_transport_tls_reload(stage->transport, tls, err);
}

enum lg_rc lg_stage_start(struct lg_stage *stage, struct lg_error *err)
{
    enum lg_rc rc = LG_OK;

    for (size_t i = 0; rc == LG_OK && i < stage->lane_count; i++) {
        if (stage->runs[i])
            continue;
        rc = lg_lane_uring_is(stage->lanes[i]) ? lg_lane_uring_start(stage->lanes[i], err)
                                               : lg_lane_uv_start(stage->lanes[i], err);
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

static void end_lane(struct lg_lane *lane)
{
    if (lg_lane_uring_is(lane)) {
        lg_lane_uring_stop(lane);
        lg_lane_uring_join(lane);
    } else {
        lg_lane_uv_stop(lane);
        lg_lane_uv_join(lane);
    }
}

void lg_stage_join(struct lg_stage *stage)
{
    for (size_t i = stage->lane_count; i-- > 0;) {
        if (stage->runs[i])
            end_lane(stage->lanes[i]);
    }
    if (stage->transport_uv != NULL)
        lg_transport_uring_free(stage->sockets);
    lg_transport_uv_free(stage->transport_uv != NULL ? stage->transport_uv : stage->sockets);
    if (stage->transport != stage->sockets)
        lg_transport_tls_free(stage->transport);
    for (size_t i = stage->lane_count; i-- > 0;)
        free_lane(stage->lanes[i]);
    lg_lane_uv_free(stage->main);
    stage->transport = stage->transport_uv = stage->sockets = NULL;
    stage->main = NULL;
    stage->lane_count = 0;
}

void lg_stage_close(struct lg_stage *stage)
{
    lg_pool_uv_free(stage->pool);
    *stage = (struct lg_stage){0};
}
