/* The verbs of admin/, on a lane of their own. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "admin/admin.h"
#include "drivers/uv/lane_uv.h"
#include "main/cli.h"
#include "main/reads.h"

#define SCHEMA_FILE_BYTES_MAX ((size_t)1 << 20)

static void wait(void *ctx)
{
    lg_cli_run(ctx);
}

static void wake(void *ctx)
{
    lg_lane_uv_stop(((struct lg_cli *)ctx)->lane);
}

static bool flush(void *ctx, struct lg_buf *out)
{
    struct pollfd reader = {.fd = STDOUT_FILENO};
    int printed = lg_cli_print(lg_buf_slice(out));

    (void)ctx;
    lg_buf_clear(out);
    /* The reader of a pipe may have gone, as `head` does. */
    return printed == 0 && !(poll(&reader, 1, 0) == 1 && (reader.revents & POLLERR) != 0);
}

static enum lg_rc read_file(void *ctx, const char *path, struct lg_buf *out, struct lg_error *err)
{
    (void)ctx;
    return lg_cli_read_file(path, SCHEMA_FILE_BYTES_MAX, out, err);
}

/* Only whoever types at a terminal is asked. */
static enum lg_admin_confirm confirm(void *ctx, const char *question, const char *answer)
{
    char line[512];
    size_t size = strlen(answer);

    (void)ctx;
    if (isatty(STDIN_FILENO) == 0)
        return LG_ADMIN_NO_TERMINAL;
    (void)fprintf(stderr, "%s.\nType %s to go on: ", question, answer);
    if (fgets(line, sizeof line, stdin) == NULL)
        return LG_ADMIN_DENIED;
    return strncmp(line, answer, size) == 0 && (line[size] == '\n' || line[size] == 0)
               ? LG_ADMIN_CONFIRMED
               : LG_ADMIN_DENIED;
}

static enum lg_rc open_store(void *ctx, const char *store, const char *reader_schema,
                             struct lg_error *err)
{
    return lg_reads_open(((struct lg_cli *)ctx)->reads, store, reader_schema, err);
}

static enum lg_rc read_keys(void *ctx, const struct lg_slice *keys, size_t n,
                            struct lg_admin_read_key *out, struct lg_error *err)
{
    return lg_reads_keys(((struct lg_cli *)ctx)->reads, keys, n, out, err);
}

static enum lg_rc read_line(void *ctx, size_t bytes_max, bool wait, struct lg_buf *out,
                            enum lg_admin_line *out_got, struct lg_error *err)
{
    return lg_reads_line(((struct lg_cli *)ctx)->reads, bytes_max, wait, out, out_got, err);
}

/* Whoever watches ends it so, and it did what it was to do. All that was shown is written. */
static void watched_enough(void *ctx, int signo)
{
    (void)ctx;
    (void)signo;
    _exit(0);
}

static void note(void *ctx, const char *text)
{
    (void)ctx;
    (void)fprintf(stderr, "lagoon: %s\n", text);
}

enum lg_rc lg_cli_admin(const struct lg_command *command, struct lg_buf *out, struct lg_error *err)
{
    LG_SCOPED(lg_cli) cli = {0};
    LG_AUTO_STR char *router = NULL;
    struct lg_admin admin = {.timeout_ms = LG_CLI_TIMEOUT_MS,
                             .out = out,
                             .wait = wait,
                             .wake = wake,
                             .flush = flush,
                             .terminal = isatty(STDOUT_FILENO) == 1,
                             .note = note,
                             .read_file = read_file,
                             .confirm = confirm,
                             .open_store = open_store,
                             .read_keys = read_keys,
                             .read_line = read_line,
                             .ctx = &cli};
    enum lg_rc rc = lg_admin_parse_output(command->flags[LG_FLAG_OUTPUT], &admin.output, err);

    if (rc == LG_OK && command->flags[LG_FLAG_TIMEOUT] != NULL)
        rc = lg_command_parse_time(command->flags[LG_FLAG_TIMEOUT], &admin.timeout_ms, err);
    if (rc == LG_OK)
        rc = lg_cli_open(&cli, command, err);
    if (rc != LG_OK)
        return rc;
    admin.lane = cli.lane;
    admin.http = cli.http;
    if (cli.router_url != NULL) {
        admin.router_url = router = lg_cli_first_url(cli.router_url);
        cli.reads = lg_reads_new(cli.router_url, admin.timeout_ms, &cli.tls);
    }
    if (cli.controller_url != NULL)
        rc = lg_api_client_new(cli.http, cli.lane, cli.controller_url, &admin.api, err);
    if (rc == LG_OK && command->flags[LG_FLAG_WATCH] != NULL &&
        command->kind != LG_COMMAND_PUSH_STATUS)
        rc = lg_lane_uv_on_signal(cli.lane, SIGINT, watched_enough, NULL, err);
    if (rc == LG_OK)
        rc = lg_admin_run(&admin, command, err);
    lg_api_client_free(admin.api);
    return rc;
}

int lg_verb_admin(const struct lg_command *command)
{
    LG_SCOPED(lg_buf) out = {0};
    struct lg_error err = {0};
    enum lg_rc rc = lg_cli_admin(command, &out, &err);
    int printed = lg_cli_print(lg_buf_slice(&out));

    return rc == LG_OK ? printed : lg_cli_fail(&err);
}
