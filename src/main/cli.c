#include "main/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "base/str.h"
#include "drivers/uv/lane_uv.h"
#include "drivers/uv/transport_uv.h"
#include "main/reads.h"

#define POOL_THREADS 2
#define ENDPOINTS_BYTES_MAX ((size_t)64 << 10)

enum lg_rc lg_cli_read_file(const char *path, size_t limit, struct lg_buf *out,
                            struct lg_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = 1;

    if (fd < 0)
        return lg_error_errno(err, errno, "%s", path);
    while (got > 0 && out->size <= limit) {
        uint8_t *room = lg_buf_reserve(out, 64 << 10);

        got = read(fd, room, 64 << 10);
        if (got > 0)
            lg_buf_commit(out, (size_t)got);
    }
    (void)close(fd);
    if (got < 0)
        return lg_error_errno(err, errno, "%s", path);
    if (out->size > limit)
        return lg_error_set(err, LG_ERR_TOO_LARGE, "%s is larger than %zu bytes", path, limit);
    return LG_OK;
}

int lg_cli_fail(const struct lg_error *err)
{
    (void)fprintf(stderr, "lagoon: %s\n", err->text);
    return lg_rc_exit(err->rc);
}

int lg_cli_print(struct lg_slice text)
{
    struct lg_error err;

    while (text.size > 0) {
        ssize_t put = write(STDOUT_FILENO, text.data, text.size);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0 && errno == EPIPE)
            break;
        if (put <= 0) {
            (void)lg_error_errno(&err, put < 0 ? errno : EIO, "standard output");
            return lg_cli_fail(&err);
        }
        text = lg_slice_skip(text, (size_t)put);
    }
    return 0;
}

void lg_cli_keep_standard_files(void)
{
    int fd;

    do /* The lowest free descriptor is taken. */
        fd = open("/dev/null", O_RDONLY);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        (void)close(fd);
}

/* Flag, environment, endpoints.json of a data directory, default: the first that says something. */
static enum lg_rc find_url(const struct lg_command *c, enum lg_flag flag, const char *variable,
                           const char *role, const char *otherwise, char **out,
                           struct lg_error *err)
{
    const char *url = c->flags[flag] != NULL ? c->flags[flag] : getenv(variable);
    const char *data = c->flags[LG_FLAG_DATA];
    LG_SCOPED(lg_buf) text = {0};
    LG_AUTO(lg_json) *json = NULL;
    LG_AUTO_STR char *path = NULL;
    enum lg_rc rc;

    if (data == NULL && url == NULL && lg_command_has_flag(c->kind, flag))
        data = getenv("LAGOON_DATA"); /* Not for a role that the verb never asks. */
    if (url != NULL || data == NULL) {
        *out = lg_strdup(url != NULL ? url : otherwise);
        return LG_OK;
    }
    path = lg_strf("%s/endpoints.json", data);
    rc = lg_cli_read_file(path, ENDPOINTS_BYTES_MAX, &text, err);
    if (rc == LG_ERR_NOT_FOUND)
        return lg_error_set(err, LG_ERR_UNAVAILABLE,
                            "%s does not exist: no standalone is running on %s; start one with "
                            "`lagoon standalone --data %s`",
                            path, data, data);
    if (rc == LG_OK)
        rc = lg_json_parse(lg_buf_slice(&text), &json, err);
    if (rc != LG_OK)
        return lg_error_wrap(err, "%s", path);
    *out = lg_strdup(lg_json_get_str(json, role, otherwise));
    return LG_OK;
}

enum lg_rc lg_cli_open(struct lg_cli *cli, const struct lg_command *command, struct lg_error *err)
{
    enum lg_rc rc = find_url(command, LG_FLAG_CONTROLLER, "LAGOON_CONTROLLER", "controller",
                             "http://127.0.0.1:5555", &cli->controller_url, err);

    if (rc == LG_OK)
        rc = find_url(command, LG_FLAG_ROUTER, "LAGOON_ROUTER", "router", "http://127.0.0.1:7777",
                      &cli->router_url, err);
    if (rc == LG_OK)
        rc = lg_pool_uv_new(POOL_THREADS, &cli->pool, err);
    if (rc == LG_OK)
        rc = lg_lane_uv_new("cli", cli->pool, &cli->lane, err);
    if (rc != LG_OK)
        return rc;
    cli->transport = lg_transport_uv_new();
    cli->http = lg_http_client_new(cli->transport, cli->lane);
    return LG_OK;
}

void lg_cli_close(struct lg_cli *cli)
{
    lg_reads_free(cli->reads);
    lg_http_client_free(cli->http);
    lg_transport_uv_free(cli->transport);
    lg_lane_uv_free(cli->lane);
    lg_pool_uv_free(cli->pool);
    lg_free(cli->controller_url);
    lg_free(cli->router_url);
}

void lg_cli_run(struct lg_cli *cli)
{
    lg_lane_uv_run(cli->lane);
}
