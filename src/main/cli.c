#include "main/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/api_client.h"
#include "base/str.h"
#include "drivers/openssl/transport_tls.h"
#include "drivers/uv/lane_uv.h"
#include "drivers/uv/transport_uv.h"
#include "main/address.h"
#include "main/reads.h"

#define POOL_THREADS 2
#define READ_BYTES ((size_t)64 << 10) /* of a file, at once */
#define ROUTERS_MAX ((size_t)16)

static enum lg_rc too_large(const char *path, size_t limit, struct lg_error *err)
{
    return lg_error_set(err, LG_ERR_TOO_LARGE, "%s is larger than %zu bytes", path, limit);
}

/* What can not be read is refused as early as that is known: `limit` may be a lot of memory. */
static enum lg_rc read_fd(int fd, const char *path, size_t limit, struct lg_buf *out,
                          struct lg_error *err)
{
    bool is_device;
    struct stat st;
    ssize_t got = 1;

    if (fstat(fd, &st) != 0)
        return lg_error_errno(err, errno, "%s", path);
    if (S_ISREG(st.st_mode) && (uint64_t)st.st_size > limit)
        return too_large(path, limit, err);
    is_device = S_ISCHR(st.st_mode) && isatty(fd) == 0;
    out->ceiling = LG_MAX(out->ceiling, limit + READ_BYTES);
    while (got > 0 && out->size <= limit) {
        uint8_t *room = lg_buf_reserve(out, READ_BYTES);

        got = read(fd, room, READ_BYTES);
        if (got < 0)
            return lg_error_errno(err, errno, "%s", path);
        if (got > 0 && is_device) /* /dev/null has none, /dev/zero has no end of them. */
            return lg_error_set(err, LG_ERR_INVALID,
                                "%s is a device, which has no end: name a file", path);
        lg_buf_commit(out, (size_t)got);
    }
    return out->size > limit ? too_large(path, limit, err) : LG_OK;
}

enum lg_rc lg_cli_read_file(const char *path, size_t limit, struct lg_buf *out,
                            struct lg_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    enum lg_rc rc;

    if (fd < 0)
        return lg_error_errno(err, errno, "%s", path);
    rc = read_fd(fd, path, limit, out, err);
    (void)close(fd);
    return rc;
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

/* --- Where the other side is. -------------------------------------------------------------------
 */

static void settled(struct lg_api_call *call)
{
    lg_lane_uv_stop(((struct lg_cli *)call->user)->lane);
}

/* One question before the verb's own. The caller frees it with lg_api_call_done. */
static enum lg_rc ask(struct lg_cli *cli, struct lg_api_client *api, enum lg_api_route route,
                      uint64_t timeout_ms, struct lg_api_call *call, struct lg_error *err)
{
    *call = (struct lg_api_call){.route = route, .done = settled, .user = cli, .impatient = true};
    call->deadline_us = lg_lane_now_us(cli->lane) + timeout_ms * LG_MS;
    lg_api_call_submit(api, call);
    lg_cli_run(cli);
    if (call->rc != LG_OK)
        *err = call->err;
    return call->rc;
}

static enum lg_rc check_cluster(struct lg_cli *cli, struct lg_api_client *api, const char *want,
                                uint64_t timeout_ms, struct lg_error *err)
{
    struct lg_api_call call;
    /* A question that is answered without the metadata, too. */
    enum lg_rc rc = ask(cli, api, LG_API_list_instances, timeout_ms, &call, err);
    const char *have = rc == LG_OK ? lg_json_get_str(call.answer, "cluster", "") : NULL;

    if (rc == LG_OK && strcmp(have, want) != 0)
        rc = lg_error_set(err, LG_ERR_CONFLICT,
                          "the controller at %s belongs to cluster '%s', not to '%s'; correct the "
                          "profile or --cluster",
                          cli->controller_url, have, want);
    lg_api_call_done(&call);
    return rc;
}

/* All routers, since a client goes on to the next when one is away. */
static enum lg_rc find_routers(struct lg_cli *cli, struct lg_api_client *api, uint64_t timeout_ms,
                               struct lg_error *err)
{
    struct lg_api_call call;
    LG_SCOPED(lg_buf) urls = {0};
    enum lg_rc rc = ask(cli, api, LG_API_list_routers, timeout_ms, &call, err);
    const struct lg_json *rows = rc == LG_OK ? lg_json_get(call.answer, "routers") : NULL;

    for (size_t i = 0; i < LG_MIN(lg_json_size(rows), ROUTERS_MAX); i++)
        lg_buf_appendf(&urls, "%s%.*s", i == 0 ? "" : ",",
                       LG_FMT(lg_json_string(lg_json_at(rows, i))));
    if (rc == LG_OK && urls.size == 0)
        rc = lg_error_set(err, LG_ERR_UNAVAILABLE,
                          "the controller at %s knows no router that lives; start one, or name one "
                          "with --router",
                          cli->controller_url);
    if (rc == LG_OK)
        cli->router_url = lg_buf_take_str(&urls);
    lg_api_call_done(&call);
    return rc;
}

/* Asks the controller what the address leaves open. */
static enum lg_rc complete(struct lg_cli *cli, const struct lg_command *c,
                           const struct lg_address *address, struct lg_error *err)
{
    bool wants_routers = address->router == NULL && lg_command_has_flag(c->kind, LG_FLAG_ROUTER);
    bool wants_cluster = address->cluster != NULL && address->controller != NULL;
    const char *timeout = c->flags[LG_FLAG_TIMEOUT];
    struct lg_api_client *api = NULL;
    uint64_t timeout_ms = LG_CLI_TIMEOUT_MS;
    enum lg_rc rc = LG_OK;

    if (!wants_routers && !wants_cluster)
        return LG_OK;
    if (timeout != NULL)
        rc = lg_command_parse_time(timeout, &timeout_ms, err);
    if (rc == LG_OK)
        rc = lg_api_client_new(cli->http, cli->lane, cli->controller_url, &api, err);
    if (rc == LG_OK && wants_cluster)
        rc = check_cluster(cli, api, address->cluster, timeout_ms, err);
    if (rc == LG_OK && wants_routers)
        rc = find_routers(cli, api, timeout_ms, err);
    lg_api_client_free(api);
    return rc;
}

char *lg_cli_first_url(const char *urls)
{
    return lg_strndup(urls, strcspn(urls, ","));
}

static const char *flag_or_variable(const struct lg_command *command, unsigned flag,
                                    const char *name)
{
    const char *value = command->flags[flag] != NULL ? command->flags[flag] : getenv(name);

    return value == NULL || value[0] == '\0' ? NULL : value;
}

struct lg_tls_options lg_cli_tls(const struct lg_command *command)
{
    return (struct lg_tls_options){
        .ca = flag_or_variable(command, LG_FLAG_TLS_CA, "LAGOON_TLS_CA"),
        .cert = flag_or_variable(command, LG_FLAG_TLS_CERT, "LAGOON_TLS_CERT"),
        .key = flag_or_variable(command, LG_FLAG_TLS_KEY, "LAGOON_TLS_KEY")};
}

bool lg_cli_says_tls(const struct lg_tls_options *tls)
{
    return tls->ca != NULL || tls->cert != NULL || tls->key != NULL;
}

/* OpenSSL is only set up for those who need it. */
static bool says_tls(const struct lg_cli *cli, const struct lg_address *address)
{
    return lg_cli_says_tls(&cli->tls) ||
           (address->controller != NULL && strstr(address->controller, "https://") != NULL) ||
           (address->router != NULL && strstr(address->router, "https://") != NULL);
}

enum lg_rc lg_cli_open(struct lg_cli *cli, const struct lg_command *command, struct lg_error *err)
{
    struct lg_address address = {0};
    enum lg_rc rc = lg_address_find(command, &address, err);

    cli->tls = lg_cli_tls(command);
    if (rc == LG_OK)
        rc = lg_pool_uv_new(POOL_THREADS, &cli->pool, err);
    if (rc == LG_OK)
        rc = lg_lane_uv_new("cli", cli->pool, &cli->lane, err);
    if (rc == LG_OK) {
        cli->transport = cli->sockets = lg_transport_uv_new();
        if (says_tls(cli, &address))
            rc = lg_transport_tls_new(cli->sockets, &cli->tls, &cli->transport, err);
    }
    if (rc == LG_OK) {
        cli->http = lg_http_client_new(cli->transport, cli->lane);
        cli->controller_url = address.controller == NULL ? NULL : lg_strdup(address.controller);
        cli->router_url = address.router == NULL ? NULL : lg_strdup(address.router);
        rc = complete(cli, command, &address, err);
    }
    lg_address_done(&address);
    return rc;
}

void lg_cli_close(struct lg_cli *cli)
{
    lg_reads_free(cli->reads);
    lg_http_client_free(cli->http);
    lg_transport_uv_free(cli->sockets);
    if (cli->transport != cli->sockets)
        lg_transport_tls_free(cli->transport);
    lg_lane_uv_free(cli->lane);
    lg_pool_uv_free(cli->pool);
    lg_free(cli->controller_url);
    lg_free(cli->router_url);
}

void lg_cli_run(struct lg_cli *cli)
{
    lg_lane_uv_run(cli->lane);
}
