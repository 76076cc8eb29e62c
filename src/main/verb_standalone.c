/* lagoon standalone: options, then everything in one process until a signal comes. */
#include <signal.h>
#include <stdio.h>

#include "base/log.h"
#include "base/option.h"
#include "base/str.h"
#include "drivers/uv/lane_uv.h"
#include "lane/fault.h"
#include "main/cli.h"
#include "main/standalone.h"

#include <stdlib.h>

struct options {
#define X LG_OPTION_FIELD
#include "main/options.def"
#undef X
};

static const struct lg_option rows[] = {
#define X(...) LG_OPTION_ROW(struct options, __VA_ARGS__)
#include "main/options.def"
#undef X
};
static const struct lg_option_table table = {.rows = rows, .n = LG_ARRAY_SIZE(rows)};

const struct lg_option_table *lg_cli_options(void)
{
    return &table;
}

static enum lg_rc parse(struct options *o, const struct lg_command *c, struct lg_error *err)
{
    LG_SCOPED(lg_buf) text = {0};
    char *const *argv = (char *const *)(uintptr_t)c->rest;
    int argc = (int)c->rest_count;
    enum lg_rc rc = lg_options_parse_flags(&table, o, argc, argv, err);

    if (rc == LG_OK && o->config != NULL) { /* Flags, file, flags again: flags win. */
        LG_AUTO_STR char *path = lg_strdup(o->config);

        rc = lg_cli_read_file(path, LG_OPTION_FILE_BYTES_MAX, &text, err);
        if (rc == LG_OK)
            rc = lg_options_parse_file(&table, o, lg_buf_slice(&text), path, err);
        if (rc == LG_OK)
            rc = lg_options_parse_flags(&table, o, argc, argv, err);
    }
    return rc;
}

/* An address of loopback, or the one name that always is. "127.example.org" is a name like others.
 */
static bool is_loopback(const char *host)
{
    return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
           (strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == strlen(host));
}

static enum lg_rc check(const struct options *o, struct lg_error *err)
{
    enum lg_log_level level;

    if (o->data == NULL)
        return lg_error_set(err, LG_ERR_INVALID, "--data DIR is missing");
    if (!lg_log_level_from_name(o->log_level, &level))
        return lg_error_set(err, LG_ERR_INVALID,
                            "no log level '%s'; there are debug, info, warn, error and off",
                            o->log_level);
    lg_log_set_level(level);
    if (!is_loopback(o->host) && !o->insecure)
        return lg_error_set(err, LG_ERR_REFUSED,
                            "listening on %s would let everybody in: there is no authentication "
                            "yet; say --insecure if that is meant",
                            o->host);
    return lg_fault_arm_from_env(getenv("LAGOON_FAULTS"), err);
}

static void signalled(void *ctx, int signo)
{
    lg_log(LG_LOG_INFO, "standalone_stopping", "signal=%d", signo);
    lg_lane_uv_stop(ctx);
}

static enum lg_rc run(const struct options *o, struct lg_error *err)
{
    struct lg_standalone *s = NULL;
    struct lg_lane *lane = NULL;
    enum lg_rc rc = lg_lane_uv_new("signals", NULL, &lane, err);

    if (rc == LG_OK)
        rc = lg_lane_uv_on_signal(lane, SIGTERM, signalled, lane, err);
    if (rc == LG_OK)
        rc = lg_lane_uv_on_signal(lane, SIGINT, signalled, lane, err);
    if (rc == LG_OK)
        rc = lg_standalone_start(
            &(struct lg_standalone_options){.data = o->data,
                                            .host = o->host,
                                            .controller_port = (uint16_t)o->controller_port,
                                            .router_port = (uint16_t)o->router_port,
                                            .server_port = (uint16_t)o->server_port,
                                            .block_cache_bytes = o->block_cache,
                                            .pool_threads = o->pool_threads},
            &s, err);
    if (rc == LG_OK) {
        lg_log(LG_LOG_INFO, "standalone_ready", "controller=%u router=%u server=%u data=%s",
               lg_standalone_controller_port(s), lg_standalone_router_port(s),
               lg_standalone_server_port(s), o->data);
        lg_lane_uv_run(lane);
        lg_standalone_stop(s);
        lg_log(LG_LOG_INFO, "standalone_stopped", "data=%s", o->data);
    }
    lg_lane_uv_free(lane);
    return rc;
}

static int help(void)
{
    LG_SCOPED(lg_buf) text = {0};

    lg_command_help(&text, LG_COMMAND_STANDALONE);
    lg_buf_append_str(&text, "\noptions:\n");
    lg_options_help(&text, &table);
    return lg_cli_print(lg_buf_slice(&text));
}

int lg_verb_standalone(const struct lg_command *command)
{
    struct options o;
    struct lg_error err = {0};
    enum lg_rc rc;

    for (size_t i = 0; i < command->rest_count; i++)
        if (strcmp(command->rest[i], "--help") == 0 || strcmp(command->rest[i], "-h") == 0)
            return help();
    lg_options_init(&table, &o);
    rc = parse(&o, command, &err);
    if (rc == LG_OK)
        rc = check(&o, &err);
    if (rc == LG_OK)
        rc = run(&o, &err);
    lg_options_done(&table, &o);
    return rc == LG_OK ? 0 : lg_cli_fail(&err);
}
