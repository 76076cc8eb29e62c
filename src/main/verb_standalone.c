/* lagoon standalone: options, then everything in one process until a signal ends it.
 *
 *   SIGTERM, SIGINT   /readyz says 503 for shutdown_grace while reads go on; then requests in
 * flight finish, checkpoints are written, exit 0. Another one ends the grace, one more the process.
 * shutdown_timeout bounds all of it. SIGHUP            reads the configuration again; opens the log
 * file anew.
 *
 * Everything here runs on the main thread: on its signal lane while the roles run.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/health.h"
#include "base/str.h"
#include "drivers/posix/memory_posix.h"
#include "drivers/uv/lane_uv.h"
#include "main/cli.h"
#include "main/notify.h"
#include "main/observe.h"
#include "main/options.h"
#include "main/standalone.h"

#define EXIT_CUT_OFF 1
#define BLOCK_CACHE_SHARE 4u /* of the memory limit: at most one part is for the block cache */

#define FREED_BYTES_KEPT ((size_t)64 << 20)

struct run {
    struct lg_main_options o;
    int argc;
    char *const *argv;
    struct lg_lane *lane;
    struct lg_timer grace, watchdog;
    uint64_t watchdog_us;
    bool stopping;
};

/* --- Options. --------------------------------------------------------------------------------- */
static enum lg_rc open_log(const struct lg_main_options *o, struct lg_error *err)
{
    struct lg_log_target target = {.path = o->log_file,
                                   .rotate_bytes = o->log_rotate_size,
                                   .rotate_keep = o->log_rotate_keep,
                                   .stream = getenv("JOURNAL_STREAM")};

    if (strcmp(o->log_to, "file") == 0)
        target.to = LG_LOG_TO_FILE;
    else if (strcmp(o->log_to, "journal") == 0)
        target.to = LG_LOG_TO_JOURNAL;
    return lg_log_open(&target, err);
}

/* What LIVE rows have to say to somebody. */
static void apply_live(const struct lg_main_options *o)
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

static void warn_of_slips(void)
{
    for (char **e = environ; *e != NULL; e++) {
        const struct lg_option *meant =
            lg_option_unknown_variable(&lg_main_options_table, LG_MAIN_OPTIONS_PREFIX, *e);

        if (meant != NULL)
            lg_log(LG_LOG_WARN, "variable_unknown", "variable=%.*s did_you_mean=%s",
                   (int)strcspn(*e, "="), *e, meant->name);
    }
}

/* --- SIGHUP. ---------------------------------------------------------------------------------- */
static enum lg_rc load_again(struct run *run, struct lg_buf *changed, struct lg_buf *waiting,
                             struct lg_error *err)
{
    LG_SCOPED(lg_main_options) next = {0};
    enum lg_rc rc;

    lg_main_options_init(&next);
    rc = lg_main_options_load(&next, NULL, run->argc, run->argv, err);
    if (rc == LG_OK)
        rc = lg_main_options_check(&next, err);
    if (rc == LG_OK)
        (void)lg_options_apply_live(&lg_main_options_table, &run->o, &next, changed, waiting);
    return rc;
}

static void reload(void *ctx, int signo)
{
    struct run *run = ctx;
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
        apply_live(&run->o);
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
    lg_lane_uv_stop(LG_CONTAINER_OF(timer, struct run, grace)->lane);
}

static void terminated(void *ctx, int signo)
{
    struct run *run = ctx;

    lg_log(LG_LOG_INFO, "standalone_stopping", "signal=%d grace_ms=%llu", signo,
           (unsigned long long)(run->stopping ? 0 : run->o.shutdown_grace));
    if (run->stopping || run->o.shutdown_grace == 0) {
        lg_lane_uv_stop(run->lane);
    } else {
        lg_health_set("shutdown", false, "stopping");
        lg_timer_start(run->lane, &run->grace, run->o.shutdown_grace * LG_MS, grace_over);
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
static void bound_the_stop(const struct lg_main_options *o)
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
    struct run *run = LG_CONTAINER_OF(timer, struct run, watchdog);

    /* A lane that hangs is for systemd to end. */
    if (lg_health_ok(LG_HEALTH_LIVE, lg_lane_now_us(run->lane)))
        lg_notify("WATCHDOG=1");
    lg_timer_start(run->lane, &run->watchdog, run->watchdog_us, feed_watchdog);
}

static enum lg_rc take_signals(struct run *run, struct lg_error *err)
{
    enum lg_rc rc = lg_lane_uv_on_signal(run->lane, SIGTERM, terminated, run, err);

    if (rc == LG_OK)
        rc = lg_lane_uv_on_signal(run->lane, SIGINT, terminated, run, err);
    if (rc == LG_OK)
        rc = lg_lane_uv_on_signal(run->lane, SIGHUP, reload, run, err);
    return rc;
}

/* What was asked for, or nine tenths of what there is. 0: not known, then there is no limit. */
static uint64_t memory_limit(const struct lg_main_options *o)
{
    uint64_t there_is = lg_memory_limit_bytes();

    return o->memory_limit != 0 ? o->memory_limit : there_is - there_is / 10;
}

static uint64_t block_cache(const struct lg_main_options *o)
{
    uint64_t limit = memory_limit(o);

    if (limit == 0 || o->block_cache <= limit / BLOCK_CACHE_SHARE)
        return o->block_cache;
    lg_log(LG_LOG_WARN, "block_cache_lowered",
           "asked_bytes=%llu bytes=%llu memory_limit_bytes=%llu",
           (unsigned long long)o->block_cache, (unsigned long long)(limit / BLOCK_CACHE_SHARE),
           (unsigned long long)limit);
    return limit / BLOCK_CACHE_SHARE;
}

static enum lg_rc start(const struct lg_main_options *o, struct lg_standalone **out,
                        struct lg_error *err)
{
    return lg_standalone_start(
        &(struct lg_standalone_options){.data = o->data,
                                        .host = o->host,
                                        .controller_port = (uint16_t)o->controller_port,
                                        .router_port = (uint16_t)o->router_port,
                                        .server_port = (uint16_t)o->server_port,
                                        .block_cache_bytes = block_cache(o),
                                        .memory_limit_bytes = memory_limit(o),
                                        .pool_threads = o->pool_threads,
                                        .connections_max = o->connections,
                                        .idle_ms = o->idle_timeout,
                                        .read_timeout_ms = o->read_timeout,
                                        .keep_backups = o->keep_backups,
                                        .disk_low_bytes = o->disk_low_watermark,
                                        .disk_reserve_bytes = o->disk_reserve,
                                        .cleanup_interval_ms = o->cleanup_interval,
                                        .trash_grace_ms = o->trash_grace,
                                        .failed_keep_ms = o->failed_push_keep,
                                        .deleted_keep_ms = o->deleted_keep},
        out, err);
}

static void serve(struct run *run, struct lg_standalone *s)
{
    lg_log(LG_LOG_INFO, "standalone_ready", "controller=%u router=%u server=%u data=%s",
           lg_standalone_controller_port(s), lg_standalone_router_port(s),
           lg_standalone_server_port(s), run->o.data);
    lg_notify("READY=1\nSTATUS=serving");
    run->watchdog_us = lg_notify_watchdog_us();
    if (run->watchdog_us > 0)
        lg_timer_start(run->lane, &run->watchdog, run->watchdog_us, feed_watchdog);
    lg_lane_uv_run(run->lane);
    bound_the_stop(&run->o);
    lg_timer_stop(run->lane, &run->grace);
    lg_timer_stop(run->lane, &run->watchdog);
    lg_standalone_stop(s);
    lg_log(LG_LOG_INFO, "standalone_stopped", "data=%s", run->o.data);
}

static enum lg_rc run_all(struct run *run, struct lg_error *err)
{
    struct lg_standalone *s = NULL;
    enum lg_rc rc = lg_main_options_load(&run->o, NULL, run->argc, run->argv, err);

    if (rc == LG_OK)
        rc = lg_main_options_check(&run->o, err);
    if (rc == LG_OK)
        rc = open_log(&run->o, err);
    if (rc != LG_OK)
        return rc;
    apply_live(&run->o);
    lg_observe_register(run->o.metrics_stores);
    warn_of_slips();
    lg_main_options_warn(&run->o, warned, NULL);
    rc = lg_lane_uv_new("signals", NULL, &run->lane, err);
    if (rc == LG_OK)
        rc = take_signals(run, err);
    if (rc == LG_OK)
        rc = start(&run->o, &s, err);
    if (rc == LG_OK)
        serve(run, s);
    else
        lg_log(LG_LOG_ERROR, "standalone_not_started", "reason=%s", err->text);
    lg_lane_uv_free(run->lane);
    lg_log_close();
    return rc;
}

static int help(void)
{
    LG_SCOPED(lg_buf) text = {0};

    lg_command_help(&text, LG_COMMAND_STANDALONE);
    lg_buf_append_str(&text, "\noptions:\n");
    lg_options_help(&text, &lg_main_options_table);
    lg_buf_append_str(&text, "\n`lagoon config explain KEY` says more about one.\n");
    return lg_cli_print(lg_buf_slice(&text));
}

int lg_verb_standalone(const struct lg_command *command)
{
    struct run run = {.argc = (int)command->rest_count,
                      .argv = (char *const *)(uintptr_t)command->rest};
    struct lg_error err = {0};
    enum lg_rc rc;

    for (size_t i = 0; i < command->rest_count; i++)
        if (strcmp(command->rest[i], "--help") == 0 || strcmp(command->rest[i], "-h") == 0)
            return help();
    lg_alloc_keep_freed(FREED_BYTES_KEPT);
    lg_main_options_init(&run.o);
    rc = run_all(&run, &err);
    lg_main_options_done(&run.o);
    return rc == LG_OK ? 0 : lg_cli_fail(&err);
}
