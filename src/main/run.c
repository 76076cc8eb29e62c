#include "main/run.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/health.h"
#include "base/str.h"
#include "drivers/nghttp2/hpack_nghttp2.h"
#include "drivers/nghttp2/http2_nghttp2.h"
#include "drivers/posix/cpus_posix.h"
#include "drivers/posix/memory_posix.h"
#include "drivers/uv/lane_uv.h"
#include "main/cli.h"
#include "main/judge.h"
#include "main/notify.h"
#include "main/observe.h"
#include "net/h2_conn.h"

#define EXIT_CUT_OFF 1
#define READ_INDEX_SHARE 2u
#define BLOCK_CACHE_SHARE 4u /* of the memory limit: at most one part is for the block cache */
#define FREED_BYTES_KEPT ((size_t)64 << 20)

struct lg_run {
    const struct lg_role *role;
    const struct lg_run_ops *ops;
    void *values;
    struct lg_common_options *o; /* in values */
    int argc;
    char *const *argv;
    void *running;
    struct lg_judge *judge; /* NULL: nobody says who may do what */
    struct lg_lane *lane;
    struct lg_timer grace, watchdog;
    struct lg_task failing;
    uint64_t watchdog_us;
    bool stopping, failed;
    struct lg_error failure;
};

/* --- Options. --------------------------------------------------------------------------------- */
static enum lg_rc open_log(const struct lg_common_options *o, struct lg_error *err)
{
    struct lg_log_target target;

    lg_common_options_log(o, &target);
    return lg_log_open(&target, err);
}

/* What LIVE rows have to say to somebody. */
static void apply_live(const struct lg_common_options *o)
{
    struct lg_log_levels levels = {0};
    enum lg_log_level level = LG_LOG_INFO;
    struct lg_error err;
    bool known = lg_log_level_from_name(o->log_level, &level) &&
                 lg_main_options_log_levels(o->log_levels, &levels, &err) == LG_OK;

    assert(known && "the table has checked the texts");
    (void)known;
    lg_log_set_level(level);
    lg_log_set_modules(&levels);
    lg_log_set_rotation(o->log_rotate_size, o->log_rotate_keep);
}

static void warned(void *ctx, const char *name, const char *sentence)
{
    (void)ctx;
    lg_log(LG_LOG_WARN, "config_warning", "key=%s reason=%s", name, sentence);
}

static void warn_of_slips(const struct lg_role *role)
{
    for (char **e = environ; *e != NULL; e++) {
        const struct lg_option *meant =
            lg_option_unknown_variable(role->table, LG_MAIN_OPTIONS_PREFIX, *e);

        if (meant != NULL)
            lg_log(LG_LOG_WARN, "variable_unknown", "variable=%.*s did_you_mean=%s",
                   (int)strcspn(*e, "="), *e, meant->name);
    }
}

static enum lg_rc load(const struct lg_run *run, void *values, struct lg_error *err)
{
    const struct lg_role *role = run->role;
    enum lg_rc rc = lg_options_load_all(role->table, values, role->values_size, NULL, run->argc,
                                        run->argv, err);

    return rc == LG_OK ? role->check(values, err) : rc;
}

/* --- SIGHUP. ---------------------------------------------------------------------------------- */
/* The file is fine as a whole, but a part of it waits for a restart: what is in force then may be
 * less than either, an open door say. */
static enum lg_rc check_mixture(struct lg_run *run, void *before, const struct lg_buf *waiting,
                                struct lg_error *err)
{
    LG_SCOPED(lg_buf) back = {0}, ignored = {0};

    if (run->role->check(run->values, err) == LG_OK)
        return LG_OK;
    (void)lg_options_apply_live(run->role->table, run->values, before, &back, &ignored);
    return lg_error_set(err, err->rc, "until a restart, without %.*s: %s",
                        LG_FMT(lg_buf_slice(waiting)), err->text);
}

static enum lg_rc load_again(struct lg_run *run, struct lg_buf *changed, struct lg_buf *waiting,
                             struct lg_error *err)
{
    void *next = lg_alloc(run->role->values_size);
    enum lg_rc rc;

    memset(next, 0, run->role->values_size);
    lg_options_init(run->role->table, next);
    rc = load(run, next, err);
    if (rc == LG_OK) {
        (void)lg_options_apply_live(run->role->table, run->values, next, changed, waiting);
        rc = check_mixture(run, next, waiting, err);
    }
    lg_options_done(run->role->table, next);
    lg_free(next);
    return rc;
}

/* Files may have changed where no option has. */
static void reload_tls(struct lg_run *run)
{
    struct lg_stage *stage = run->running == NULL ? NULL : run->ops->stage(run->running);
    struct lg_tls_options tls;
    bool is_wanted = lg_common_options_tls(run->o, &tls);
    struct lg_error err = {0};

    if (stage == NULL || (!is_wanted && !lg_stage_uses_tls(stage)))
        return;
    if (is_wanted != lg_stage_uses_tls(stage))
        lg_log(LG_LOG_ERROR, "tls_not_reloaded",
               "reason=\"whether TLS is spoken changes with a restart only\" what=\"%s\"",
               is_wanted ? "it is not" : "it still is");
    else if (lg_stage_reload_tls(stage, &tls, &err) != LG_OK)
        lg_log(LG_LOG_ERROR, "tls_not_reloaded", "reason=\"%s\" what=\"the old ones stay\"",
               err.text);
    else
        lg_log(LG_LOG_INFO, "tls_reloaded", "cert=%s", tls.cert == NULL ? "" : tls.cert);
}

static void reload(void *ctx, int signo)
{
    struct lg_run *run = ctx;
    LG_SCOPED(lg_buf) changed = {0}, waiting = {0};
    LG_AUTO_STR char *state =
        lg_strf("RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)lg_lane_now_us(run->lane));
    struct lg_error err = {0};

    (void)signo;
    lg_notify(state);
    if (lg_log_reopen(&err) != LG_OK)
        lg_log(LG_LOG_ERROR, "log_not_reopened", "reason=%s", err.text);
    if (load_again(run, &changed, &waiting, &err) != LG_OK) {
        lg_log(LG_LOG_ERROR, "config_not_reloaded", "reason=%s", err.text);
    } else {
        apply_live(run->o);
        reload_tls(run);
        lg_log(LG_LOG_INFO, "config_reloaded", "changed=\"%.*s\"", LG_FMT(lg_buf_slice(&changed)));
        if (waiting.size > 0)
            lg_log(LG_LOG_WARN, "config_needs_restart", "keys=\"%.*s\"",
                   LG_FMT(lg_buf_slice(&waiting)));
    }
    lg_notify("READY=1");
}

/* --- SIGTERM, SIGINT. ------------------------------------------------------------------------- */
static void grace_over(struct lg_timer *timer)
{
    lg_lane_uv_stop(LG_CONTAINER_OF(timer, struct lg_run, grace)->lane);
}

static void terminated(void *ctx, int signo)
{
    struct lg_run *run = ctx;
    LG_AUTO_STR char *name = lg_strf("%s_stopping", run->role->name);

    lg_log(LG_LOG_INFO, name, "signal=%d grace_ms=%llu", signo,
           (unsigned long long)(run->stopping ? 0 : run->o->shutdown_grace));
    if (run->stopping || run->o->shutdown_grace == 0) {
        lg_lane_uv_stop(run->lane);
    } else {
        lg_health_set("shutdown", false, "stopping");
        lg_timer_start(run->lane, &run->grace, run->o->shutdown_grace * LG_MS, grace_over);
    }
    if (!run->stopping)
        lg_notify("STOPPING=1");
    run->stopping = true;
}

static const char cut_off_text[] = "lagoon: the shutdown was cut off; the next start recovers\n";

/* One more signal, or shutdown_timeout: what is durable is so already. */
static void cut_off(int signo)
{
    ssize_t unused = write(STDERR_FILENO, cut_off_text, sizeof cut_off_text - 1);

    (void)signo, (void)unused;
    _exit(EXIT_CUT_OFF);
}

/* While the roles stop, the signal lane does not run: signals are taken the plain way. */
static void bound_the_stop(const struct lg_common_options *o)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGALRM};
    struct sigaction action = {.sa_handler = cut_off};

    for (size_t i = 0; i < LG_ARRAY_SIZE(signals); i++)
        (void)sigaction(signals[i], &action, NULL);
    (void)alarm((unsigned)((o->shutdown_timeout + 999) / 1000));
}

/* --- The run. --------------------------------------------------------------------------------- */
static void feed_watchdog(struct lg_timer *timer)
{
    struct lg_run *run = LG_CONTAINER_OF(timer, struct lg_run, watchdog);

    /* A lane that hangs is for systemd to end. */
    if (lg_health_ok(LG_HEALTH_LIVE, lg_lane_now_us(run->lane)))
        lg_notify("WATCHDOG=1");
    lg_timer_start(run->lane, &run->watchdog, run->watchdog_us, feed_watchdog);
}

static void fails(struct lg_task *task)
{
    struct lg_run *run = LG_CONTAINER_OF(task, struct lg_run, failing);

    run->failed = true;
    lg_lane_uv_stop(run->lane);
}

void lg_run_fail(struct lg_run *run, const struct lg_error *err)
{
    run->failure = *err;
    run->failing.run = fails;
    lg_lane_post(run->lane, &run->failing);
}

static const char ended_early_text[] = "lagoon: ended before it was ready\n";

/* Nobody reads from it yet, and what is durable is so already: there is nothing to wait for. */
static void end_early(int signo)
{
    ssize_t unused = write(STDERR_FILENO, ended_early_text, sizeof ended_early_text - 1);

    (void)signo, (void)unused;
    _exit(EXIT_SUCCESS);
}

/* While the role starts, the signal lane does not run. */
static void take_early_signals(void)
{
    static const int signals[] = {SIGTERM, SIGINT};
    struct sigaction action = {.sa_handler = end_early};

    for (size_t i = 0; i < LG_ARRAY_SIZE(signals); i++)
        (void)sigaction(signals[i], &action, NULL);
}

static enum lg_rc take_signals(struct lg_run *run, struct lg_error *err)
{
    enum lg_rc rc = lg_lane_uv_on_signal(run->lane, SIGTERM, terminated, run, err);

    return rc == LG_OK ? lg_lane_uv_on_signal(run->lane, SIGINT, terminated, run, err) : rc;
}

static enum lg_rc start(struct lg_run *run, struct lg_error *err)
{
    enum lg_rc rc = lg_lane_uv_on_signal(run->lane, SIGHUP, reload, run, err);

    take_early_signals();
    if (rc == LG_OK)
        rc = run->ops->start(run, run->values, &run->running, err);
    if (rc != LG_OK)
        return rc;
    rc = take_signals(run, err);
    if (rc == LG_OK && run->ops->announce != NULL)
        rc = run->ops->announce(run->running, err);
    if (rc != LG_OK)
        run->ops->stop(run->running);
    return rc;
}

uint64_t lg_run_memory_limit(const struct lg_common_options *o)
{
    uint64_t there_is = lg_memory_limit_bytes();

    return o->memory_limit != 0 ? o->memory_limit : there_is - there_is / 10;
}

/* At most one part in `share` of the memory; `event` tells that it is less than asked for. */
static uint64_t share_of_memory(const struct lg_common_options *o, uint64_t asked_bytes,
                                uint64_t share, const char *event)
{
    uint64_t limit = lg_run_memory_limit(o);

    if (limit == 0 || asked_bytes <= limit / share)
        return asked_bytes;
    lg_log(LG_LOG_WARN, event, "asked_bytes=%llu bytes=%llu memory_limit_bytes=%llu",
           (unsigned long long)asked_bytes, (unsigned long long)(limit / share),
           (unsigned long long)limit);
    return limit / share;
}

uint64_t lg_run_block_cache(const struct lg_common_options *o, uint64_t asked_bytes)
{
    return share_of_memory(o, asked_bytes, BLOCK_CACHE_SHARE, "block_cache_lowered");
}

static struct lg_h2 *own_engine(const struct lg_h2_options *o)
{
    return lg_h2_own_new(o, &lg_hpack_nghttp2);
}

struct lg_h2 *(*lg_run_http2(const char *engine))(const struct lg_h2_options *options)
{
    return strcmp(engine, "nghttp2") == 0 ? lg_h2_nghttp2_new : own_engine;
}

struct lg_stage_reading lg_run_reading(uint32_t threads, const char *cpus, const char *driver,
                                       uint32_t spin_us)
{
    struct lg_stage_reading reading = {.driver = driver, .spin_us = spin_us};
    cpu_set_t all;

    if (cpus[0] != '\0') {
        struct lg_error err;
        enum lg_rc rc = lg_cpus_parse(lg_slice_str(cpus), &reading.cpus, &err);

        assert(rc == LG_OK && "the options were judged before");
        (void)rc;
    }
    lg_cpus_allowed(&all);
    if (CPU_COUNT(&reading.cpus) > 0)
        all = reading.cpus;
    if (threads == 0)
        threads = (uint32_t)CPU_COUNT(&all);
    reading.lanes = (unsigned)LG_MIN(threads, LG_STAGE_READERS_MAX);
    return reading;
}

uint64_t lg_run_read_index(const struct lg_common_options *o, uint64_t asked_bytes)
{
    return share_of_memory(o, asked_bytes, READ_INDEX_SHARE, "read_index_lowered");
}

const struct lg_authz_config *lg_run_authz(const struct lg_run *run)
{
    return lg_judge_config(run->judge);
}

/* "<role>_<what> controller=5555 ..." */
static void log_state(const struct lg_run *run, const char *what, const struct lg_buf *text)
{
    LG_AUTO_STR char *event = lg_strf("%s_%s", run->role->name, what);

    lg_log(LG_LOG_INFO, event, "%.*s", LG_FMT(lg_buf_slice(text)));
}

static void serve(struct lg_run *run)
{
    LG_SCOPED(lg_buf) text = {0};

    run->ops->describe(run->running, &text);
    log_state(run, "ready", &text);
    lg_notify("READY=1\nSTATUS=serving");
    run->watchdog_us = lg_notify_watchdog_us();
    if (run->watchdog_us > 0)
        lg_timer_start(run->lane, &run->watchdog, run->watchdog_us, feed_watchdog);
    lg_lane_uv_run(run->lane);
    bound_the_stop(run->o);
    lg_timer_stop(run->lane, &run->grace);
    lg_timer_stop(run->lane, &run->watchdog);
    if (run->failed)
        lg_notify("STOPPING=1");
    run->ops->stop(run->running);
    log_state(run, "stopped", &text);
}

static enum lg_rc run_all(struct lg_run *run, struct lg_error *err)
{
    enum lg_rc rc = load(run, run->values, err);

    if (rc == LG_OK)
        rc = open_log(run->o, err);
    if (rc != LG_OK)
        return rc;
    apply_live(run->o);
    lg_observe_register(run->o->metrics_stores);
    warn_of_slips(run->role);
    run->role->warn(run->values, warned, NULL);
    rc = lg_lane_uv_new("signals", NULL, &run->lane, err);
    if (rc == LG_OK)
        rc = lg_judge_open(run->o, &run->judge, err);
    if (rc == LG_OK)
        rc = start(run, err);
    if (rc == LG_OK) {
        serve(run);
        if (run->failed) {
            *err = run->failure;
            rc = err->rc;
        }
    } else {
        LG_AUTO_STR char *event = lg_strf("%s_not_started", run->role->name);

        lg_log(LG_LOG_ERROR, event, "reason=%s", err->text);
    }
    lg_judge_close(run->judge);
    lg_lane_uv_free(run->lane);
    lg_log_close();
    return rc;
}

static int help(const struct lg_role *role)
{
    LG_SCOPED(lg_buf) text = {0};

    lg_command_help(&text, role->kind);
    lg_buf_append_str(&text, "\noptions:\n");
    lg_options_help(&text, role->table);
    lg_buf_appendf(&text, "\n`lagoon config explain KEY%s%s` says more about one.\n",
                   role == &lg_role_standalone ? "" : " --role ",
                   role == &lg_role_standalone ? "" : role->name);
    return lg_cli_print(lg_buf_slice(&text));
}

int lg_run(const struct lg_role *role, const struct lg_run_ops *ops,
           const struct lg_command *command)
{
    struct lg_run run = {.role = role,
                         .ops = ops,
                         .values = lg_alloc(role->values_size),
                         .argc = (int)command->rest_count,
                         .argv = (char *const *)(uintptr_t)command->rest};
    struct lg_error err = {0};
    bool wants_help = command->kind == LG_COMMAND_HELP;
    enum lg_rc rc = LG_OK;

    for (size_t i = 0; i < command->rest_count; i++)
        wants_help = wants_help || strcmp(command->rest[i], "--help") == 0 ||
                     strcmp(command->rest[i], "-h") == 0;
    memset(run.values, 0, role->values_size);
    if (!wants_help) {
        lg_alloc_keep_freed(FREED_BYTES_KEPT);
        lg_options_init(role->table, run.values);
        run.o = role->common(run.values);
        rc = run_all(&run, &err);
        lg_options_done(role->table, run.values);
    }
    lg_free(run.values);
    if (wants_help)
        return help(role);
    return rc == LG_OK ? 0 : lg_cli_fail(&err);
}
