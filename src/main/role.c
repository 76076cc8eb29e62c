#include "main/role.h"

#include <unistd.h>

#include "base/host_list.h"
#include "base/str.h"
#include "main/cli.h"
#include "main/secret_file.h"
#include "metastore/meta_path.h"

/* --- Tables. ---------------------------------------------------------------------------------- */
#define COMMON(name, ...)                                                                          \
    LG_OPTION_KEYED_ROW(struct lg_role_options, common.name, #name, __VA_ARGS__)

static const struct lg_option controller_rows[] = {
#define X(...) LG_OPTION_KEYED_ROW(struct lg_role_options, __VA_ARGS__)
#include "main/options_cluster.def"
#include "main/options_controller.def"
#include "main/options_kafka.def"
#undef X
#define X COMMON
#include "main/options_common.def"
#undef X
};

static const struct lg_option router_rows[] = {
#define X(...) LG_OPTION_KEYED_ROW(struct lg_role_options, __VA_ARGS__)
#include "main/options_cluster.def"
#include "main/options_router.def"
#undef X
#define X COMMON
#include "main/options_common.def"
#undef X
};

static const struct lg_option server_rows[] = {
#define X(...) LG_OPTION_KEYED_ROW(struct lg_role_options, __VA_ARGS__)
#include "main/options_cluster.def"
#include "main/options_kafka.def"
#include "main/options_server.def"
#undef X
#define X COMMON
#include "main/options_common.def"
#undef X
};

static const struct lg_option kafka_rows[] = {
#define X(...) LG_OPTION_KEYED_ROW(struct lg_role_options, __VA_ARGS__)
#include "main/options_kafka.def"
#undef X
};

_Static_assert(LG_ARRAY_SIZE(controller_rows) <= LG_MAIN_OPTIONS_COUNT_MAX, "a role one can learn");
_Static_assert(LG_ARRAY_SIZE(server_rows) <= LG_MAIN_OPTIONS_COUNT_MAX, "a role one can learn");

static bool is_one_of(struct lg_slice text, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (lg_slice_eq_str(text, words[i]))
            return true;
    return false;
}

static enum lg_rc check_cluster_name(struct lg_slice text, struct lg_error *err)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_'))
            return lg_error_set(err, LG_ERR_INVALID,
                                "'%.*s' has other characters than letters, digits, '-' and '_'",
                                (int)text.size, (const char *)text.data);
    }
    return LG_OK;
}

/* It stands in paths of the metadata and in answers: a slash would make it another server's. */
static enum lg_rc check_instance_name(struct lg_slice text, struct lg_error *err)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] <= ' ' || text.data[i] >= 0x7f || text.data[i] == '/')
            return lg_error_set(err, LG_ERR_INVALID,
                                "'%.*s' has a space, a slash, or a character that is not ASCII",
                                (int)text.size, (const char *)text.data);
    if (text.data[0] == '.')
        return lg_error_set(err, LG_ERR_INVALID, "'%.*s' begins with a dot", (int)text.size,
                            (const char *)text.data);
    return LG_OK;
}

/* "/lagoon": begins with a slash and does not end in one. */
static enum lg_rc check_root(struct lg_slice text, struct lg_error *err)
{
    LG_AUTO_STR char *path = lg_strndup((const char *)text.data, text.size);

    if (text.size > 1 && text.data[0] == '/' && text.data[text.size - 1] != '/')
        return lg_meta_path_check(path, err);
    return lg_error_set(err, LG_ERR_INVALID,
                        "'%s' is no node: it must begin with a slash and go on, as in /lagoon",
                        path);
}

/* "zk1:2181,zk2:2181/path" */
static enum lg_rc check_zookeeper(struct lg_slice text, struct lg_error *err)
{
    struct lg_slice servers, path;

    lg_host_list_split(text, &servers, &path);
    if (lg_host_list_check(servers, "zk1:2181", err) != LG_OK)
        return err->rc;
    if (path.size == 0 || check_root(path, err) == LG_OK)
        return LG_OK;
    return lg_error_wrap(err, "the path behind the servers");
}

static enum lg_rc check_text(const struct lg_option *o, struct lg_slice text, struct lg_error *err)
{
    static const char *const protocols[] = {"plaintext", "ssl", "sasl_plaintext", "sasl_ssl"};
    static const char *const mechanisms[] = {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "GSSAPI"};
    static const char *const identifications[] = {"https", "none"};

    if (strcmp(o->name, "cluster.name") == 0)
        return check_cluster_name(text, err);
    if (strcmp(o->name, "instance.name") == 0)
        return check_instance_name(text, err);
    if (strcmp(o->name, "zookeeper.root") == 0)
        return check_root(text, err);
    if (strcmp(o->name, "zookeeper.address") == 0)
        return check_zookeeper(text, err);
    if (strcmp(o->name, "kafka.bootstrap.servers") == 0)
        return lg_host_list_check(text, "kafka1:9092", err);
    if (strcmp(o->name, "security.protocol") == 0 &&
        !is_one_of(text, protocols, LG_ARRAY_SIZE(protocols)))
        return lg_error_set(err, LG_ERR_INVALID,
                            "no protocol '%.*s'; there are plaintext, ssl, sasl_plaintext and "
                            "sasl_ssl",
                            (int)text.size, (const char *)text.data);
    if (strcmp(o->name, "sasl.mechanism") == 0 &&
        !is_one_of(text, mechanisms, LG_ARRAY_SIZE(mechanisms)))
        return lg_error_set(err, LG_ERR_INVALID,
                            "no mechanism '%.*s'; there are PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 "
                            "and GSSAPI",
                            (int)text.size, (const char *)text.data);
    if (strcmp(o->name, "ssl.endpoint.identification.algorithm") == 0 &&
        !is_one_of(text, identifications, LG_ARRAY_SIZE(identifications)))
        return lg_error_set(err, LG_ERR_INVALID, "it is https or none");
    return lg_common_options_check_text(o, text, err);
}

static const struct lg_option_table controller_table = {
    controller_rows, LG_ARRAY_SIZE(controller_rows), check_text, lg_role_option_owners};
const struct lg_option_table lg_kafka_options_table = {kafka_rows, LG_ARRAY_SIZE(kafka_rows),
                                                       check_text, lg_role_option_owners};
static const struct lg_option_table router_table = {router_rows, LG_ARRAY_SIZE(router_rows),
                                                    check_text, lg_role_option_owners};
static const struct lg_option_table server_table = {server_rows, LG_ARRAY_SIZE(server_rows),
                                                    check_text, lg_role_option_owners};

/* --- What is wrong with values together. ------------------------------------------------------ */
static enum lg_rc need(const char *value, const char *key, const char *what, struct lg_error *err)
{
    if (value != NULL && value[0] != '\0')
        return LG_OK;
    return lg_error_set(err, LG_ERR_INVALID, "%s is missing: %s", key, what);
}

static enum lg_rc check_cluster(const struct lg_role_options *o, struct lg_error *err)
{
    enum lg_rc rc = need(o->cluster_name, "cluster.name", "which cluster is this process of?", err);

    if (rc == LG_OK)
        rc = need(o->zookeeper_address, "zookeeper.address",
                  "where is ZooKeeper? host:port, with commas between several", err);
    if (rc == LG_OK)
        rc = lg_common_options_check(&o->common, o->listen_host, err);
    if (rc == LG_OK && o->announced_host == NULL &&
        (strcmp(o->listen_host, "0.0.0.0") == 0 || strcmp(o->listen_host, "::") == 0))
        return lg_error_set(err, LG_ERR_INVALID,
                            "announced.host is missing: nobody can reach %s, so say by which name "
                            "or address others find this process",
                            o->listen_host);
    return rc;
}

enum lg_rc lg_role_check_kafka(const struct lg_role_options *o, struct lg_error *err)
{
    bool sasl = strncmp(o->security_protocol, "sasl_", 5) == 0;

    if (sasl && o->sasl_mechanism == NULL)
        return lg_error_set(err, LG_ERR_INVALID,
                            "security.protocol = %s needs sasl.mechanism: PLAIN, SCRAM-SHA-256, "
                            "SCRAM-SHA-512 or GSSAPI",
                            o->security_protocol);
    if (!sasl && o->sasl_mechanism != NULL)
        return lg_error_set(err, LG_ERR_INVALID,
                            "sasl.mechanism goes with security.protocol sasl_plaintext or "
                            "sasl_ssl, which is %s",
                            o->security_protocol);
    if (sasl && strcmp(o->sasl_mechanism, "GSSAPI") != 0 &&
        (o->sasl_username == NULL || o->sasl_password_file == NULL))
        return lg_error_set(err, LG_ERR_INVALID,
                            "sasl.mechanism = %s needs sasl.username and sasl.password.file",
                            o->sasl_mechanism);
    if ((o->ssl_certificate_location == NULL) != (o->ssl_key_location == NULL))
        return lg_error_set(err, LG_ERR_INVALID,
                            "ssl.certificate.location and ssl.key.location go together");
    return LG_OK;
}

static enum lg_rc check_kafka(const struct lg_role_options *o, const char *bootstrap,
                              struct lg_error *err)
{
    if (need(bootstrap, "kafka.bootstrap.servers",
             "where is Kafka? host:port, with commas between several", err) != LG_OK)
        return err->rc;
    return lg_role_check_kafka(o, err);
}

static enum lg_rc check_controller(const void *values, struct lg_error *err)
{
    const struct lg_role_options *o = values;
    enum lg_rc rc = check_cluster(o, err);

    if (rc == LG_OK)
        rc = check_kafka(o, o->controller_bootstrap, err);
    if (rc == LG_OK && o->admin_port == 0 && o->announced_port == 0 && o->announced_host != NULL)
        return lg_error_set(err, LG_ERR_INVALID,
                            "announced.host needs a port to go with it: give admin.port or "
                            "announced.port");
    if (rc == LG_OK && o->kafka_min_isr > o->kafka_replication_factor)
        return lg_error_set(err, LG_ERR_INVALID,
                            "kafka.min.in.sync.replicas is %u, but kafka.replication.factor is %u: "
                            "nothing could ever be written",
                            o->kafka_min_isr, o->kafka_replication_factor);
    if (rc == LG_OK && o->min_active_replica > o->default_replica_factor)
        return lg_error_set(err, LG_ERR_INVALID,
                            "min.active.replica is %u, but default.replica.factor is %u: there "
                            "would never be so many; it is 1 to %u, or 0",
                            o->min_active_replica, o->default_replica_factor,
                            o->default_replica_factor);
    return rc;
}

static enum lg_rc check_router(const void *values, struct lg_error *err)
{
    return check_cluster(values, err);
}

static enum lg_rc check_server(const void *values, struct lg_error *err)
{
    const struct lg_role_options *o = values;
    enum lg_rc rc = check_cluster(o, err);

    if (rc == LG_OK)
        rc = check_kafka(o, o->server_bootstrap, err);
    if (rc == LG_OK)
        rc = need(o->data, "data.base.path", "where are the replicas to lie?", err);
    if (rc == LG_OK && o->grpc)
        rc = lg_options_check_grpc_port(o->grpc_port, "listener.port", o->server_port, err);
    if (rc == LG_OK && o->instance_name == NULL && o->server_port == 0 && o->announced_port == 0)
        return lg_error_set(err, LG_ERR_INVALID,
                            "instance.name is missing: with a picked port the server would have "
                            "another name after each start, and its replicas would be lost to it");
    return rc;
}

/* --- What is allowed but hardly meant. -------------------------------------------------------- */
static void warn_role(const void *values, lg_option_warned warn, void *ctx)
{
    const struct lg_role_options *o = values;

    lg_common_options_warn(&o->common, o->listen_host, warn, ctx);
    lg_secret_file_warn("zookeeper.digest.file", o->zookeeper_digest_file, warn, ctx);
}

void lg_role_warn_kafka(const struct lg_role_options *o, lg_option_warned warn, void *ctx)
{
    bool tls = strstr(o->security_protocol, "ssl") != NULL;

    lg_secret_file_warn("sasl.password.file", o->sasl_password_file, warn, ctx);
    lg_secret_file_warn("ssl.key.location", o->ssl_key_location, warn, ctx);
    if (!tls && o->ssl_ca_location != NULL)
        warn(ctx, "ssl.ca.location", "it is not used: security.protocol is not ssl or sasl_ssl");
    if (!tls && o->sasl_mechanism != NULL && strcmp(o->sasl_mechanism, "PLAIN") == 0)
        warn(ctx, "sasl.mechanism", "the password goes over the network as it is, without TLS");
}

static void warn_controller(const void *values, lg_option_warned warn, void *ctx)
{
    const struct lg_role_options *o = values;

    warn_role(values, warn, ctx);
    lg_role_warn_kafka(o, warn, ctx);
    if (o->kafka_replication_factor == 1)
        warn(ctx, "kafka.replication.factor",
             "the loss of one broker loses what the servers have not yet taken in");
    else if (o->kafka_min_isr == o->kafka_replication_factor)
        warn(ctx, "kafka.min.in.sync.replicas", "no push can go on while any broker is away");
    if (o->min_active_replica != 0 && o->min_active_replica == o->default_replica_factor)
        warn(ctx, "min.active.replica",
             "each restart of a server moves its replicas: delay.to.rebalance.ms does not count");
}

static void warn_server(const void *values, lg_option_warned warn, void *ctx)
{
    const struct lg_role_options *o = values;
    uint64_t memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);

    warn_role(values, warn, ctx);
    lg_role_warn_kafka(o, warn, ctx);
    lg_options_warn_folder("data.base.path", o->data, warn, ctx);
    if (!o->grpc && o->grpc_port != 0)
        warn(ctx, "grpc_port", "it is not used: grpc is false");
    if (o->block_cache > memory / 2)
        warn(ctx, "rocksdb.block.cache.size.in.bytes", "it is over half of this machine's memory");
}

/* --- Roles. ----------------------------------------------------------------------------------- */
static struct lg_common_options *role_common(void *values)
{
    return &((struct lg_role_options *)values)->common;
}

static struct lg_common_options *standalone_common(void *values)
{
    return &((struct lg_main_options *)values)->common;
}

static enum lg_rc check_standalone(const void *values, struct lg_error *err)
{
    return lg_main_options_check(values, err);
}

static void warn_standalone(const void *values, lg_option_warned warn, void *ctx)
{
    lg_main_options_warn(values, warn, ctx);
}

static const char *const elsewhere_standalone[] = {"data", NULL};
static const char *const elsewhere_role[] = {"cluster.name", "zookeeper.address",
                                             "kafka.bootstrap.servers", "data.base.path", NULL};

const struct lg_role lg_role_standalone = {"standalone",           LG_COMMAND_STANDALONE,
                                           &lg_main_options_table, sizeof(struct lg_main_options),
                                           standalone_common,      check_standalone,
                                           warn_standalone,        elsewhere_standalone};
const struct lg_role lg_role_controller = {
    "controller", LG_COMMAND_CONTROLLER, &controller_table, sizeof(struct lg_role_options),
    role_common,  check_controller,      warn_controller,   elsewhere_role};
const struct lg_role lg_role_router = {
    "router",    LG_COMMAND_ROUTER, &router_table, sizeof(struct lg_role_options),
    role_common, check_router,      warn_role,     elsewhere_role};
const struct lg_role lg_role_server = {
    "server",    LG_COMMAND_SERVER, &server_table, sizeof(struct lg_role_options),
    role_common, check_server,      warn_server,   elsewhere_role};

static const struct lg_role *const roles[] = {&lg_role_standalone, &lg_role_controller,
                                              &lg_role_router, &lg_role_server};

const struct lg_role *lg_role_find(const char *name)
{
    for (size_t i = 0; i < LG_ARRAY_SIZE(roles); i++)
        if (strcmp(roles[i]->name, name) == 0)
            return roles[i];
    return NULL;
}

const struct lg_role *lg_role_of(enum lg_command_kind kind)
{
    for (size_t i = 0; i < LG_ARRAY_SIZE(roles); i++)
        if (roles[i]->kind == kind)
            return roles[i];
    return NULL;
}

bool lg_role_option_owners(struct lg_buf *out, struct lg_slice name)
{
    LG_AUTO_STR char *word = lg_strndup((const char *)name.data, name.size);
    LG_SCOPED(lg_buf) verbs = {0};
    size_t have[LG_ARRAY_SIZE(roles)], n = 0;
    bool is_flag = lg_command_flag_owners(&verbs, name);

    for (size_t i = 0; i < LG_ARRAY_SIZE(roles); i++)
        if (lg_option_find(roles[i]->table, word) != NULL)
            have[n++] = i;
    for (size_t i = 0; i < n; i++) {
        LG_AUTO_STR char *role = lg_strf("lagoon %s", roles[have[i]]->name);

        lg_command_list(out, i, n, role);
    }
    if (is_flag)
        lg_buf_appendf(out, "%s%.*s", n > 0 ? ", and with " : "", LG_FMT(lg_buf_slice(&verbs)));
    return n > 0 || is_flag;
}

void lg_role_sample(struct lg_buf *out, const struct lg_role *role)
{
    static const char *const but[] = {"config", NULL};
    bool standalone = role == &lg_role_standalone;

    lg_buf_appendf(out, "# Configuration of `lagoon %s --config FILE`.\n#\n", role->name);
    lg_buf_appendf(out, "# Made by `lagoon config sample%s%s`: every key with its default,%s\n",
                   standalone ? "" : " --role ", standalone ? "" : role->name,
                   standalone ? " commented" : "");
    lg_buf_appendf(out, standalone ? "# out. " : "# commented out. ");
    lg_buf_append_str(out, "Flags win over variables LAGOON_<KEY>, these over this file.\n");
    lg_buf_appendf(out,
                   "# `lagoon config check FILE%s%s` tells what is wrong with a file; SIGHUP\n",
                   standalone ? "" : " --role ", standalone ? "" : role->name);
    lg_buf_append_str(out, "# makes a running lagoon read it again and apply what is live.\n");
    lg_options_sample(out, role->table, but);
}

const struct lg_option_table *lg_cli_options(enum lg_command_kind kind)
{
    const struct lg_role *role = lg_role_of(kind);

    return role == NULL ? &lg_main_options_table : role->table;
}
