#include "main/options.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "authz/authz.h"
#include "base/str.h"
#include "drivers/posix/cpus_posix.h"
#include "main/cli.h"
#include "main/judge.h"
#include "main/role.h"

static const struct lg_option rows[] = {
#define X(...) LG_OPTION_ROW(struct lg_main_options, __VA_ARGS__)
#include "main/options.def"
#undef X
#define X(name, ...) LG_OPTION_KEYED_ROW(struct lg_main_options, common.name, #name, __VA_ARGS__)
#include "main/options_common.def"
#undef X
};

/* --- Single values. --------------------------------------------------------------------------- */
static enum lg_rc check_level(struct lg_slice text, enum lg_log_level *out, struct lg_error *err)
{
    LG_AUTO_STR char *name = lg_strndup((const char *)text.data, text.size);

    if (lg_log_level_from_name(name, out))
        return LG_OK;
    return lg_error_set(err, LG_ERR_INVALID,
                        "no log level '%.40s'; there are debug, info, warn, error and off", name);
}

static struct lg_slice trim(struct lg_slice s)
{
    while (s.size > 0 && s.data[0] == ' ')
        s = lg_slice_skip(s, 1);
    while (s.size > 0 && s.data[s.size - 1] == ' ')
        s.size--;
    return s;
}

enum lg_rc lg_main_options_log_levels(const char *text, struct lg_log_levels *out,
                                      struct lg_error *err)
{
    struct lg_slice rest = lg_slice_str(text);
    struct lg_log_levels levels = {0};

    while (rest.size > 0) {
        const uint8_t *comma = memchr(rest.data, ',', rest.size);
        struct lg_slice all =
            lg_slice(rest.data, comma == NULL ? rest.size : (size_t)(comma - rest.data));
        struct lg_slice part = trim(all);
        const uint8_t *equals = memchr(part.data, '=', part.size);
        struct lg_log_module_level *m = &levels.modules[levels.count];
        struct lg_slice name;

        rest = lg_slice_skip(rest, LG_MIN(all.size + 1, rest.size));
        if (equals == NULL || equals == part.data)
            return lg_error_set(err, LG_ERR_INVALID, "'%.*s' is not module=level, as in net=debug",
                                LG_FMT(part));
        if (levels.count == LG_LOG_MODULES_MAX)
            return lg_error_set(err, LG_ERR_INVALID, "more than %u modules", LG_LOG_MODULES_MAX);
        name = trim(lg_slice(part.data, (size_t)(equals - part.data)));
        if (name.size >= sizeof m->module)
            return lg_error_set(err, LG_ERR_INVALID, "'%.*s' is no module", LG_FMT(name));
        memcpy(m->module, name.data, name.size);
        if (check_level(trim(lg_slice_skip(part, (size_t)(equals - part.data) + 1)), &m->level,
                        err) != LG_OK)
            return lg_error_wrap(err, "module %s", m->module);
        levels.count++;
    }
    *out = levels;
    return LG_OK;
}

enum lg_rc lg_common_options_check_text(const struct lg_option *o, struct lg_slice text,
                                        struct lg_error *err)
{
    enum lg_log_level level;
    struct lg_log_levels levels;

    if (strcmp(o->name, "log_level") == 0)
        return check_level(text, &level, err);
    if (strcmp(o->name, "log_levels") == 0) {
        LG_AUTO_STR char *copy = lg_strndup((const char *)text.data, text.size);

        return lg_main_options_log_levels(copy, &levels, err);
    }
    if (strcmp(o->name, "read_driver") == 0 && !lg_slice_eq_str(text, "auto") &&
        !lg_slice_eq_str(text, "uring") && !lg_slice_eq_str(text, "uv"))
        return lg_error_set(err, LG_ERR_INVALID,
                            "'%.*s' is no driver; there are auto, uring and uv",
                            (int)LG_MIN(text.size, (size_t)40), (const char *)text.data);
    if (strcmp(o->name, "read_cpus") == 0 && text.size > 0) {
        cpu_set_t set;

        return lg_cpus_parse(text, &set, err);
    }
    if (strcmp(o->name, "http2_engine") == 0 && !lg_slice_eq_str(text, "own") &&
        !lg_slice_eq_str(text, "nghttp2"))
        return lg_error_set(err, LG_ERR_INVALID, "'%.*s' is no engine; there are own and nghttp2",
                            (int)LG_MIN(text.size, (size_t)40), (const char *)text.data);
    if (strcmp(o->name, "tls_client_auth") == 0 && !lg_slice_eq_str(text, "require") &&
        !lg_slice_eq_str(text, "request") && !lg_slice_eq_str(text, "off"))
        return lg_error_set(err, LG_ERR_INVALID, "it is require, request or off");
    if (strcmp(o->name, "authz") == 0)
        return lg_judge_check_text(text, err);
    if (strcmp(o->name, "authz_admins") == 0 || strcmp(o->name, "authz_trusted") == 0 ||
        strcmp(o->name, "authz_observers") == 0)
        return lg_authz_check_list(text, err);
    if (strcmp(o->name, "tls_min_version") == 0 && !lg_slice_eq_str(text, "1.2") &&
        !lg_slice_eq_str(text, "1.3"))
        return lg_error_set(err, LG_ERR_INVALID, "it is 1.2 or 1.3");
    if (strcmp(o->name, "log_to") == 0 && !lg_slice_eq_str(text, "stderr") &&
        !lg_slice_eq_str(text, "file") && !lg_slice_eq_str(text, "journal"))
        return lg_error_set(err, LG_ERR_INVALID,
                            "'%.*s' is nowhere; there are stderr, file and journal",
                            (int)LG_MIN(text.size, (size_t)40), (const char *)text.data);
    return LG_OK;
}

const struct lg_option_table lg_main_options_table = {
    rows, LG_ARRAY_SIZE(rows), lg_common_options_check_text, lg_role_option_owners};
_Static_assert(LG_ARRAY_SIZE(rows) <= LG_MAIN_OPTIONS_COUNT_MAX, "a program one can learn");

/* --- All values. ------------------------------------------------------------------------------ */
void lg_main_options_init(struct lg_main_options *o)
{
    lg_options_init(&lg_main_options_table, o);
}

void lg_main_options_done(struct lg_main_options *o)
{
    lg_options_done(&lg_main_options_table, o);
}

enum lg_rc lg_options_load_all(const struct lg_option_table *table, void *values,
                               size_t values_size, unsigned char *origins, int argc,
                               char *const *argv, struct lg_error *err)
{
    void *first = lg_alloc(values_size);
    const struct lg_option *config = lg_option_find(table, "config");
    LG_SCOPED(lg_buf) text = {0}, path = {0};
    struct lg_option_sources sources = {.environment = (const char *const *)environ,
                                        .prefix = LG_MAIN_OPTIONS_PREFIX,
                                        .argc = argc,
                                        .argv = argv};
    enum lg_rc rc;
    size_t line;

    /* Which file? Flags and environment say so. */
    memset(first, 0, values_size);
    lg_options_init(table, first);
    rc = lg_options_load(table, first, NULL, &sources, err);
    if (rc == LG_OK)
        lg_option_format(&path, config, first);
    if (path.size > 0) {
        lg_buf_append_byte(&path, 0);
        sources.file_name = (const char *)path.data;
        rc = lg_cli_read_file(sources.file_name, LG_OPTION_FILE_BYTES_MAX, &text, err);
        sources.file = lg_buf_slice(&text);
    }
    line = lg_option_line(table, config, sources.file);
    if (rc == LG_OK && line > 0)
        rc = lg_error_set(err, LG_ERR_INVALID, "%s:%zu: config: %s", sources.file_name, line,
                          LG_OPTIONS_NESTED_TEXT);
    if (rc == LG_OK)
        rc = lg_options_load(table, values, origins, &sources, err);
    lg_options_done(table, first);
    lg_free(first);
    return rc;
}

enum lg_rc lg_main_options_load(struct lg_main_options *o, unsigned char *origins, int argc,
                                char *const *argv, struct lg_error *err)
{
    return lg_options_load_all(&lg_main_options_table, o, sizeof *o, origins, argc, argv, err);
}

/* An address of loopback, or the one name that always is. "127.example.org" is a name like others.
 */
static bool is_loopback(const char *host)
{
    return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
           (strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == strlen(host));
}

bool lg_common_options_tls(const struct lg_common_options *o, struct lg_tls_options *out)
{
    *out = (struct lg_tls_options){
        .cert = o->tls_cert,
        .key = o->tls_key,
        .client_ca = o->tls_client_ca,
        .client_auth = strcmp(o->tls_client_auth, "require") == 0   ? LG_TLS_CLIENT_REQUIRE
                       : strcmp(o->tls_client_auth, "request") == 0 ? LG_TLS_CLIENT_REQUEST
                                                                    : LG_TLS_CLIENT_OFF,
        .ca = o->tls_ca,
        .min_version = strcmp(o->tls_min_version, "1.3") == 0 ? LG_TLS_1_3 : LG_TLS_1_2,
        .always = true,
        .handshake_ms = o->tls_handshake_timeout,
        .handshakes_max = o->tls_handshakes};
    return o->tls_cert != NULL || o->tls_ca != NULL;
}

void lg_common_options_log(const struct lg_common_options *o, struct lg_log_target *out)
{
    *out = (struct lg_log_target){.to = strcmp(o->log_to, "file") == 0      ? LG_LOG_TO_FILE
                                        : strcmp(o->log_to, "journal") == 0 ? LG_LOG_TO_JOURNAL
                                                                            : LG_LOG_TO_STDERR,
                                  .path = o->log_file,
                                  .rotate_bytes = o->log_rotate_size,
                                  .rotate_keep = o->log_rotate_keep,
                                  .stream = getenv("JOURNAL_STREAM")};
}

static enum lg_rc check_authz(const struct lg_common_options *o, struct lg_error *err)
{
    bool is_off = strcmp(o->authz, "off") == 0;

    if (is_off && (o->authz_admins[0] != '\0' || o->authz_trusted[0] != '\0' ||
                   o->authz_observers[0] != '\0'))
        return lg_error_set(err, LG_ERR_INVALID,
                            "authz_admins, authz_trusted and authz_observers do nothing while "
                            "authz is off: say authz = acl, or leave them out");
    if (!is_off && (o->tls_client_ca == NULL || strcmp(o->tls_client_auth, "off") == 0))
        return lg_error_set(err, LG_ERR_INVALID,
                            "authz needs tls_client_ca: without it nobody can show who they are");
    if (strcmp(o->authz, "acl") == 0 && o->authz_admins[0] == '\0')
        return lg_error_set(
            err, LG_ERR_INVALID,
            "authz = acl needs authz_admins: nobody could permit anything to anybody");
    return LG_OK;
}

/* Is everybody who connects asked for a certificate, or let in only where somebody permitted it? */
static bool knows_its_peers(const struct lg_common_options *o)
{
    return o->tls_cert != NULL && o->tls_client_ca != NULL &&
           (strcmp(o->tls_client_auth, "require") == 0 || strcmp(o->authz, "off") != 0);
}

enum lg_rc lg_common_options_check(const struct lg_common_options *o, const char *host,
                                   struct lg_error *err)
{
    if (strcmp(o->log_to, "file") == 0 && o->log_file == NULL)
        return lg_error_set(err, LG_ERR_INVALID,
                            "log_to = file needs log_file: the path of the file");
    if ((o->tls_cert == NULL) != (o->tls_key == NULL))
        return lg_error_set(err, LG_ERR_INVALID, "tls_cert and tls_key go together; %s is missing",
                            o->tls_cert == NULL ? "tls_cert" : "tls_key");
    if (o->tls_client_ca != NULL && o->tls_cert == NULL)
        return lg_error_set(err, LG_ERR_INVALID,
                            "tls_client_ca needs tls_cert: without TLS nobody shows a certificate");
    if (check_authz(o, err) != LG_OK)
        return err->rc;
    if (!is_loopback(host) && !o->insecure && !knows_its_peers(o))
        return lg_error_set(err, LG_ERR_REFUSED,
                            "listening on %s would let everybody in: give tls_cert, tls_key and "
                            "tls_client_ca, or say --insecure if that is meant",
                            host);
    return LG_OK;
}

enum lg_rc lg_options_check_grpc_port(uint32_t port, const char *other, uint32_t others,
                                      struct lg_error *err)
{
    if (port == 0 || port != others)
        return LG_OK;
    return lg_error_set(err, LG_ERR_INVALID,
                        "grpc_port and %s are both %u; leave grpc_port out to have gRPC on the "
                        "server's port, or give it another one",
                        other, port);
}

static enum lg_rc check_grpc_port(const struct lg_main_options *o, struct lg_error *err)
{
    const struct {
        const char *name;
        uint32_t port;
    } others[] = {{"server_port", o->server_port},
                  {"router_port", o->router_port},
                  {"controller_port", o->controller_port}};

    for (size_t i = 0; i < LG_ARRAY_SIZE(others); i++)
        if (lg_options_check_grpc_port(o->grpc ? o->grpc_port : 0, others[i].name, others[i].port,
                                       err) != LG_OK)
            return err->rc;
    return LG_OK;
}

enum lg_rc lg_main_options_check(const struct lg_main_options *o, struct lg_error *err)
{
    if (o->data == NULL)
        return lg_error_set(err, LG_ERR_INVALID, "--data DIR is missing");
    if (o->controller_port != 0 &&
        (o->controller_port == o->router_port || o->controller_port == o->server_port))
        return lg_error_set(err, LG_ERR_INVALID,
                            "controller_port %u is given to another listener too",
                            o->controller_port);
    if (o->router_port != 0 && o->router_port == o->server_port)
        return lg_error_set(err, LG_ERR_INVALID,
                            "router_port and server_port are both %u; they need two",
                            o->router_port);
    if (check_grpc_port(o, err) != LG_OK)
        return err->rc;
    return lg_common_options_check(&o->common, o->host, err);
}

/* May this user write the file or directory, or make it? What does not exist yet is asked of its
 * parent. */
static bool is_writable(const char *path)
{
    LG_AUTO_STR char *at = lg_strdup(path);

    while (access(at, F_OK) != 0) {
        char *slash = strrchr(at, '/');

        if (slash == NULL)
            return access(".", W_OK) == 0;
        if (slash == at)
            return access("/", W_OK) == 0;
        *slash = '\0';
    }
    return access(at, W_OK) == 0;
}

void lg_options_warn_folder(const char *key, const char *path,
                            void (*warn)(void *ctx, const char *name, const char *sentence),
                            void *ctx)
{
    struct stat st;

    if (path != NULL && stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
        warn(ctx, key, "it is a file, not a directory");
    else if (path != NULL && !is_writable(path))
        warn(ctx, key, "the directory cannot be written by this user");
}

void lg_common_options_warn(const struct lg_common_options *o, const char *host,
                            void (*warn)(void *ctx, const char *name, const char *sentence),
                            void *ctx)
{
    if (o->insecure && is_loopback(host))
        warn(ctx, "insecure", "nothing is gained by it: the address to listen on is loopback");
    if (!is_loopback(host) && o->insecure && knows_its_peers(o))
        warn(ctx, "insecure", "nothing is gained by it: whoever connects must show a certificate");
    else if (!is_loopback(host) && o->insecure)
        warn(ctx, "insecure", "everybody who reaches the ports may read, push and delete");
    if (o->log_file != NULL && strcmp(o->log_to, "file") != 0)
        warn(ctx, "log_file", "it is not used: log_to is not file");
    if (o->shutdown_grace > 90000)
        warn(ctx, "shutdown_grace",
             "systemd kills a service that needs over 90 s to stop, unless TimeoutStopSec is "
             "larger");
}

void lg_main_options_warn(const struct lg_main_options *o,
                          void (*warn)(void *ctx, const char *name, const char *sentence),
                          void *ctx)
{
    uint64_t memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);

    lg_common_options_warn(&o->common, o->host, warn, ctx);
    lg_options_warn_folder("data", o->data, warn, ctx);
    if (!o->grpc && o->grpc_port != 0)
        warn(ctx, "grpc_port", "it is not used: grpc is false");
    if (o->block_cache > memory / 2)
        warn(ctx, "block_cache", "it is over half of this machine's memory");
}
