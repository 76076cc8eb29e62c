#include "test/lib/cluster.h"

#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "test/test.h"

#define TICK_MS 200u /* sessions of 400 ms and more */
#define SESSION_MS 2000u
#define STOP_MS 60000u
#define POLL_MS 10u
#define LOG_SHOWN_BYTES 3000u
#define TROUBLES_BYTES (LG_CLUSTER_NODES_MAX * sizeof(unsigned))

static struct lg_zookeeper_server zookeeper;
static struct lg_kafka_server kafka;
static unsigned clusters; /* started so far: each has a name of its own */

static const char *const role_names[LG_CLUSTER_ROLES] = {"controller", "router", "server"};

/* --- ZooKeeper and Kafka. --------------------------------------------------------------------- */
void lg_cluster_engines_start(void)
{
    lg_zookeeper_server_start(&zookeeper, TICK_MS, 0);
    lg_kafka_server_start(&kafka, /* with_security= */ false);
}

void lg_cluster_engines_start_secure(void)
{
    lg_zookeeper_server_start(&zookeeper, TICK_MS, 0);
    lg_kafka_server_start(&kafka, /* with_security= */ true);
    lg_kafka_server_scram(&kafka, LG_CLUSTER_PASSWORD);
}

void lg_cluster_engines_done(void)
{
    lg_kafka_server_done(&kafka);
    lg_zookeeper_server_done(&zookeeper);
}

struct lg_zookeeper_server *lg_cluster_zookeeper(void)
{
    return &zookeeper;
}

struct lg_kafka_server *lg_cluster_kafka(void)
{
    return &kafka;
}

/* --- Processes. ------------------------------------------------------------------------------- */
static struct lg_cluster_node *node_of(struct lg_cluster *c, enum lg_cluster_role role, unsigned i)
{
    assert_true(i < c->count[role]);
    return &c->nodes[role][i];
}

/* Odd while there is trouble; readers in other processes look at it. */
static void set_trouble(struct lg_cluster *c, enum lg_cluster_role role, unsigned i, bool on)
{
    if (role == LG_CLUSTER_ROUTER && (c->troubles[i] % 2 == 1) != on)
        (void)__atomic_add_fetch(&c->troubles[i], 1, __ATOMIC_SEQ_CST);
}

unsigned lg_cluster_troubles(const struct lg_cluster *c, unsigned router)
{
    return __atomic_load_n(&c->troubles[router], __ATOMIC_SEQ_CST);
}

bool lg_cluster_troubled(const struct lg_cluster *c, unsigned router, unsigned before)
{
    return before % 2 == 1 || lg_cluster_troubles(c, router) != before;
}

/* ZooKeeper looks once per tick which sessions are over. */
void lg_cluster_disturbed(struct lg_cluster *c)
{
    c->settled_us = lg_clock_mono_us() + (c->session_ms + 2 * TICK_MS) * UINT64_C(1000);
}

/* Written once: others read it by now. */
static char *secret_file(const struct lg_cluster *c, const char *name, const char *text)
{
    char *path = lg_rig_path(&c->rig, name);

    if (access(path, F_OK) == 0)
        return path;
    lg_free(path);
    path = lg_rig_file(&c->rig, name, lg_slice_str(text));
    assert_int_equal(chmod(path, 0600), 0);
    return path;
}

/* What `secure` adds; the files with the secrets are the cluster's. */
static void write_security(const struct lg_cluster *c, enum lg_cluster_role role, bool certificates,
                           struct lg_buf *text)
{
    LG_AUTO_STR char *digest = secret_file(c, "digest", LG_CLUSTER_DIGEST "\n");
    LG_AUTO_STR char *password = secret_file(c, "password", LG_CLUSTER_PASSWORD "\n");

    lg_buf_appendf(text, "zookeeper.digest.file = %s\n", digest);
    if (role != LG_CLUSTER_ROUTER && certificates)
        lg_buf_appendf(text,
                       "security.protocol = ssl\nssl.ca.location = %s/ca.pem\n"
                       "ssl.certificate.location = %s/client.pem\n"
                       "ssl.key.location = %s/client.key\n",
                       kafka.folder, kafka.folder, kafka.folder);
    else if (role != LG_CLUSTER_ROUTER)
        lg_buf_appendf(text,
                       "security.protocol = sasl_ssl\nsasl.mechanism = SCRAM-SHA-512\n"
                       "sasl.username = lagoon\nsasl.password.file = %s\n"
                       "ssl.ca.location = %s/ca.pem\n",
                       password, kafka.folder);
}

static void write_words(const struct lg_cluster *c, enum lg_cluster_role role,
                        const struct lg_cluster_options *o, struct lg_cluster_node *n)
{
    LG_SCOPED(lg_buf) text = {0};

    lg_buf_appendf(&text,
                   "cluster.name = %s\nzookeeper.address = %s%s\n"
                   "zookeeper.session.timeout.ms = %u\nstart.timeout.ms = 60000\n",
                   c->name, zookeeper.address, o->zookeeper_path == NULL ? "" : o->zookeeper_path,
                   c->session_ms);
    if (role != LG_CLUSTER_ROUTER)
        lg_buf_appendf(&text, "kafka.bootstrap.servers = 127.0.0.1:%u\n",
                       o->certificates ? kafka.tls_port
                       : o->secure     ? kafka.safe_port
                                       : kafka.port);
    if (o->secure)
        write_security(c, role, o->certificates, &text);
    if (role == LG_CLUSTER_CONTROLLER)
        lg_buf_append_str(&text, "kafka.replication.factor = 1\nkafka.min.in.sync.replicas = 1\n"
                                 "default.replica.factor = 2\n");
    if (role == LG_CLUSTER_SERVER)
        lg_buf_appendf(&text, "data.base.path = %s/%s\ninstance.name = %s\n", c->rig.folder,
                       n->name, n->name);
    if (!o->graceful)
        lg_buf_append_str(&text, "shutdown_grace = 0ms\n");
    if (!o->graceful && role == LG_CLUSTER_SERVER)
        lg_buf_append_str(&text, "server.shutdown.grace = 0ms\n");
    /* Nothing is refused because the machine is busy: other tests run beside this one. */
    if (role == LG_CLUSTER_SERVER)
        lg_buf_append_str(&text, "read_queue_target = 10s\n");
    lg_buf_appendf(&text, "%s\n%s\n", o->common == NULL ? "" : o->common,
                   o->config[role] == NULL ? "" : o->config[role]);
    n->words = lg_buf_take_str(&text);
}

void lg_cluster_launch(struct lg_cluster *c, enum lg_cluster_role role, unsigned i)
{
    struct lg_cluster_node *n = node_of(c, role, i);
    LG_AUTO_STR char *text =
        lg_strf("%s%s = %u\n", n->words,
                role == LG_CLUSTER_CONTROLLER ? "admin.port" : "listener.port", n->port);
    LG_AUTO_STR char *name = lg_strf("%s.conf", n->name);
    LG_AUTO_STR char *path = lg_rig_file(&c->rig, name, lg_slice_str(text));

    assert_false(n->runs);
    lg_process_done(&n->process);
    lg_process_start(&n->process, (const char *const[]){role_names[role], "--config", path, NULL},
                     NULL);
    n->runs = true;
}

/* Its log line says when it is ready, and where it listens. */
static bool said_ready(struct lg_cluster_node *n, enum lg_cluster_role role)
{
    LG_SCOPED(lg_buf) log = {0};
    LG_AUTO_STR char *event = lg_strf(" %s_ready ", role_names[role]);
    const char *line, *listen;
    unsigned port = 0;

    lg_process_stderr(&n->process, &log);
    lg_buf_append_byte(&log, 0);
    line = strstr((const char *)log.data, event);
    if (line == NULL || strchr(line, '\n') == NULL)
        return false;
    listen = strstr(line, "listen=127.0.0.1:");
    assert_non_null(listen);
    assert_int_equal(sscanf(listen, "listen=127.0.0.1:%u", &port), 1);
    n->port = (uint16_t)port;
    return true;
}

static void name_endpoints(struct lg_cluster *c)
{
    static const char *const variables[] = {"LAGOON_CONTROLLER", "LAGOON_ROUTER"};

    for (size_t v = 0; v < LG_ARRAY_SIZE(variables); v++) {
        LG_SCOPED(lg_buf) text = {0};

        lg_buf_appendf(&text, "%s=", variables[v]);
        for (unsigned i = 0; i < c->count[v]; i++)
            if (c->nodes[v][i].port != 0 && (v == 0 || i == 0))
                lg_buf_appendf(&text, "%shttp://127.0.0.1:%u", i == 0 ? "" : ",",
                               c->nodes[v][i].port);
        lg_free(c->environment[v]);
        c->environment[v] = lg_buf_take_str(&text);
    }
    c->rig.environment = (const char *const *)c->environment;
}

void lg_cluster_wait_ready(struct lg_cluster *c, enum lg_cluster_role role, unsigned i)
{
    struct lg_cluster_node *n = node_of(c, role, i);
    uint64_t until_us = lg_clock_mono_us() + LG_CLUSTER_WAIT_MS * UINT64_C(1000);

    while (!said_ready(n, role)) {
        bool ended = lg_process_ended(&n->process, POLL_MS);
        LG_SCOPED(lg_buf) log = {0};

        if (!ended && lg_clock_mono_us() < until_us)
            continue;
        lg_process_stderr(&n->process, &log);
        lg_buf_append_byte(&log, 0);
        fail_msg("%s %s:\n%s", n->name, ended ? "ended before it was ready" : "is not ready",
                 (const char *)log.data);
    }
    set_trouble(c, role, i, false);
    name_endpoints(c);
}

void lg_cluster_restart(struct lg_cluster *c, enum lg_cluster_role role, unsigned i)
{
    lg_cluster_launch(c, role, i);
    lg_cluster_wait_ready(c, role, i);
}

void lg_cluster_kill(struct lg_cluster *c, enum lg_cluster_role role, unsigned i)
{
    struct lg_cluster_node *n = node_of(c, role, i);

    set_trouble(c, role, i, true);
    lg_process_kill(&n->process);
    n->runs = n->paused = false;
    lg_cluster_disturbed(c);
}

void lg_cluster_stop(struct lg_cluster *c, enum lg_cluster_role role, unsigned i)
{
    struct lg_cluster_node *n = node_of(c, role, i);

    if (n->paused)
        lg_cluster_resume(c, role, i);
    set_trouble(c, role, i, true);
    lg_process_signal(&n->process, SIGTERM);
    assert_int_equal(lg_process_wait(&n->process, STOP_MS), 0);
    n->runs = false;
}

void lg_cluster_pause(struct lg_cluster *c, enum lg_cluster_role role, unsigned i)
{
    set_trouble(c, role, i, true);
    lg_process_signal(&node_of(c, role, i)->process, SIGSTOP);
    node_of(c, role, i)->paused = true;
    lg_cluster_disturbed(c);
}

void lg_cluster_resume(struct lg_cluster *c, enum lg_cluster_role role, unsigned i)
{
    lg_process_signal(&node_of(c, role, i)->process, SIGCONT);
    node_of(c, role, i)->paused = false;
    set_trouble(c, role, i, false);
    lg_cluster_disturbed(c);
}

/* --- All together. ---------------------------------------------------------------------------- */
unsigned lg_cluster_add(struct lg_cluster *c, enum lg_cluster_role role,
                        const struct lg_cluster_options *options)
{
    unsigned i = c->count[role]++;
    struct lg_cluster_node *n = &c->nodes[role][i];

    assert_true(i < LG_CLUSTER_NODES_MAX);
    n->name = lg_strf("%s-%u", role_names[role], i + 1);
    write_words(c, role, options, n);
    return i;
}

void lg_cluster_start(struct lg_cluster *c, const struct lg_cluster_options *o)
{
    const unsigned wanted[LG_CLUSTER_ROLES] = {o->controllers, o->routers, o->servers};

    *c = (struct lg_cluster){.session_ms =
                                 o->session_timeout_ms == 0 ? SESSION_MS : o->session_timeout_ms};
    c->troubles = mmap(NULL, TROUBLES_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                       /* offset= */ 0);
    assert_true(c->troubles != MAP_FAILED);
    lg_rig_init(&c->rig);
    c->name =
        o->name != NULL ? lg_strdup(o->name) : lg_strf("test-%d-%u", (int)getpid(), clusters++);
    for (unsigned role = 0; role < LG_CLUSTER_ROLES; role++) {
        for (unsigned i = 0; i < wanted[role]; i++) {
            (void)lg_cluster_add(c, (enum lg_cluster_role)role, o);
            lg_cluster_launch(c, (enum lg_cluster_role)role, i);
            if (role == LG_CLUSTER_CONTROLLER && i == 0) /* It makes the cluster. */
                lg_cluster_wait_ready(c, LG_CLUSTER_CONTROLLER, 0);
        }
    }
    for (unsigned role = 0; role < LG_CLUSTER_ROLES; role++)
        for (unsigned i = 0; i < wanted[role]; i++)
            lg_cluster_wait_ready(c, (enum lg_cluster_role)role, i);
}

void lg_cluster_done(struct lg_cluster *c)
{
    for (unsigned role = 0; role < LG_CLUSTER_ROLES; role++) {
        for (unsigned i = 0; i < c->count[role]; i++) {
            if (c->nodes[role][i].paused)
                lg_cluster_resume(c, (enum lg_cluster_role)role, i);
            if (c->nodes[role][i].runs)
                lg_process_signal(&c->nodes[role][i].process, SIGTERM);
        }
    }
    for (unsigned role = 0; role < LG_CLUSTER_ROLES; role++) {
        for (unsigned i = 0; i < c->count[role]; i++) {
            struct lg_cluster_node *n = &c->nodes[role][i];

            if (n->runs)
                assert_int_equal(lg_process_wait(&n->process, STOP_MS), 0);
            lg_process_done(&n->process);
            lg_free(n->name);
            lg_free(n->words);
        }
    }
    for (size_t i = 0; i < LG_ARRAY_SIZE(c->environment); i++)
        lg_free(c->environment[i]);
    lg_free(c->name);
    if (c->troubles != NULL)
        assert_int_equal(munmap(c->troubles, TROUBLES_BYTES), 0);
    lg_rig_done(&c->rig);
    *c = (struct lg_cluster){0};
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

void lg_cluster_wipe(struct lg_cluster *c, unsigned server)
{
    struct lg_cluster_node *n = node_of(c, LG_CLUSTER_SERVER, server);
    LG_AUTO_STR char *path = lg_rig_path(&c->rig, n->name);

    assert_false(n->runs);
    assert_int_equal(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* --- Conditions. ------------------------------------------------------------------------------ */
/* The last that each process said. */
static void show_logs(const struct lg_cluster *c)
{
    for (unsigned role = 0; role < LG_CLUSTER_ROLES; role++) {
        for (unsigned i = 0; i < c->count[role]; i++) {
            const struct lg_cluster_node *n = &c->nodes[role][i];
            LG_SCOPED(lg_buf) log = {0};
            struct lg_slice tail;

            if (n->process.pid == 0)
                continue;
            lg_process_stderr(&n->process, &log);
            tail = lg_slice_skip(lg_buf_slice(&log),
                                 log.size - LG_MIN(log.size, (size_t)LOG_SHOWN_BYTES));
            print_message("--- %s:\n%.*s\n", n->name, LG_FMT(tail));
        }
    }
}

void lg_cluster_until(struct lg_cluster *c, bool (*holds)(struct lg_cluster *c, void *ctx),
                      void *ctx, const char *what)
{
    uint64_t until_us = lg_clock_mono_us() + LG_CLUSTER_WAIT_MS * UINT64_C(1000);

    while (!holds(c, ctx)) {
        if (lg_clock_mono_us() > until_us) {
            show_logs(c);
            fail_msg("after %u ms still not: %s", LG_CLUSTER_WAIT_MS, what);
        }
        lg_process_pause(POLL_MS);
    }
}

/* The controller that this one names; false: none that runs. */
static bool named_leader(struct lg_cluster *c, unsigned asked, unsigned *out)
{
    LG_SCOPED(lg_reply) reply = {0};
    struct lg_question q = {.port = c->nodes[LG_CLUSTER_CONTROLLER][asked].port,
                            .target = "/leader_controller"};

    if (!lg_ask_try(&q, &reply) || reply.status != 200)
        return false;
    for (unsigned i = 0; i < c->count[LG_CLUSTER_CONTROLLER]; i++) {
        const struct lg_cluster_node *n = &c->nodes[LG_CLUSTER_CONTROLLER][i];
        LG_AUTO_STR char *url = lg_strf("http://127.0.0.1:%u\"", n->port);

        if (n->runs && !n->paused && strstr(lg_reply_text(&reply), url) != NULL) {
            *out = i;
            return true;
        }
    }
    return false;
}

/* Every controller that runs names the same one, and that one runs. */
static bool has_leader(struct lg_cluster *c, void *ctx)
{
    unsigned *leader = ctx, named = 0;
    bool any = false;

    for (unsigned i = 0; i < c->count[LG_CLUSTER_CONTROLLER]; i++) {
        const struct lg_cluster_node *n = &c->nodes[LG_CLUSTER_CONTROLLER][i];

        if (!n->runs || n->paused)
            continue;
        if (!named_leader(c, i, &named) || (any && named != *leader))
            return false;
        *leader = named;
        any = true;
    }
    return any;
}

unsigned lg_cluster_leader(struct lg_cluster *c)
{
    unsigned leader = 0;

    lg_cluster_until(c, has_leader, &leader, "the controllers agree on one that leads");
    return leader;
}

struct wanted {
    const char *store;
    int version;
};

static bool serve_it(struct lg_cluster *c, void *ctx)
{
    const struct wanted *w = ctx;
    LG_AUTO_STR char *target = lg_strf("/current_version/%s", w->store);

    for (unsigned i = 0; i < c->count[LG_CLUSTER_ROUTER]; i++) {
        const struct lg_cluster_node *n = &c->nodes[LG_CLUSTER_ROUTER][i];
        LG_SCOPED(lg_reply) reply = {0};
        struct lg_question q = {.port = n->port, .target = target};
        LG_AUTO(lg_json) *json = NULL;

        if (!n->runs || n->paused)
            continue;
        if (!lg_ask_try(&q, &reply) || reply.status != 200)
            return false;
        json = lg_rig_json(lg_buf_slice(&reply.body));
        if (lg_json_get_int(json, "currentVersion", 0) != w->version)
            return false;
    }
    return true;
}

void lg_cluster_wait_version(struct lg_cluster *c, const char *store, int version)
{
    struct wanted w = {store, version};
    LG_AUTO_STR char *what = lg_strf("every router serves version %d of %s", version, store);

    lg_cluster_until(c, serve_it, &w, what);
}

int lg_cluster_get(struct lg_cluster *c, unsigned router, const char *store, const char *key,
                   struct lg_reply *reply)
{
    LG_AUTO_STR char *target = lg_strf("/v1/stores/%s/%s", store, key);
    struct lg_question q = {.port = node_of(c, LG_CLUSTER_ROUTER, router)->port, .target = target};

    return lg_ask_try(&q, reply) ? reply->status : 0;
}
