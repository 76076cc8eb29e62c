/* The thin thread through a real cluster: controllers, routers and servers as processes, on a real
 * ZooKeeper and a real Kafka. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/str.h"
#include "test/lib/cluster.h"
#include "test/test.h"

#define VENICE "3164603"
#define CITIES "examples/cities/cities.avro"
#define CITIES_V2 "examples/cities/cities-v2.avro"

#define EARLY_END_MS 20000u

static struct lg_cluster c;

struct said {
    struct lg_process *process;
    const char *what;
};

static int set_up_engines(void **state)
{
    (void)state;
    lg_cluster_engines_start();
    return 0;
}

static int tear_down_engines(void **state)
{
    (void)state;
    lg_cluster_engines_done();
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    lg_cluster_start(&c,
                     &(struct lg_cluster_options){.controllers = 2, .routers = 2, .servers = 3});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lg_cluster_done(&c);
    return 0;
}

static void make_cities(void)
{
    assert_run(&c.rig, 0, "store", "create", "cities", "--key-schema", "examples/cities/key.avsc",
               "--value-schema", "examples/cities/value.avsc", "--partitions", "3");
    assert_run(&c.rig, 0, "store", "update", "cities", "--replication", "2");
}

static void push(const char *file)
{
    assert_run(&c.rig, 0, "push", "cities", file, "--key-field", "id");
}

/* Venice is read through each router that runs. */
static void expect_venice(void)
{
    for (unsigned i = 0; i < c.count[LG_CLUSTER_ROUTER]; i++) {
        LG_SCOPED(lg_reply) reply = {0};

        if (!c.nodes[LG_CLUSTER_ROUTER][i].runs)
            continue;
        if (lg_cluster_get(&c, i, "cities", VENICE, &reply) != 200)
            fail_msg("router %u answers %d: %s", i, reply.status, lg_reply_text(&reply));
        assert_non_null(strstr(lg_reply_text(&reply), "\"name\":\"Venice\""));
    }
}

static void a_push_is_read_swapped_and_rolled_back(void **state)
{
    (void)state;
    make_cities();
    push(CITIES);
    lg_cluster_wait_version(&c, "cities", 1);
    expect_venice();
    assert_run(&c.rig, 0, "get", "cities", VENICE, "--output", "json");
    lg_rig_assert_out(&c.rig, "Venice");
    assert_run(&c.rig, 0, "push", "cities", CITIES_V2, "--key-field", "id", "--defer-swap");
    lg_cluster_wait_version(&c, "cities", 1);
    assert_run(&c.rig, 0, "swap", "cities");
    lg_cluster_wait_version(&c, "cities", 2);
    expect_venice();
    assert_run(&c.rig, 0, "rollback", "cities");
    lg_cluster_wait_version(&c, "cities", 1);
    expect_venice();
}

/* On a busy machine something else may not be well before, such as a silent ZooKeeper. */
static bool is_told_of_a_gone_server(struct lg_cluster *cluster, void *ctx)
{
    return LG_RUN(&cluster->rig, "cluster", "status", "--check") == 1 &&
           memmem(cluster->rig.out.data, cluster->rig.out.size, ctx, strlen(ctx)) != NULL;
}

/* `lagoon cluster status` says it in one screen, with what to do next; and nothing when it is
 * over. */
static void the_status_names_a_server_that_is_gone(void)
{
    LG_AUTO(lg_json) *json = NULL;
    struct lg_error err = {0};
    char gone[] = "is gone for ";

    lg_cluster_until(&c, is_told_of_a_gone_server, gone,
                     "the status tells of a server that is gone");
    lg_rig_assert_err(&c.rig, "not healthy: ");
    lg_rig_assert_out(&c.rig, "lagoon nodes remove ");
    assert_run(&c.rig, 0, "cluster", "status", "--output", "json");
    assert_ok(lg_json_parse(lg_buf_slice(&c.rig.out), &json, &err));
    assert_true(lg_json_size(lg_json_get(json, "problems")) > 0);
    assert_run(&c.rig, 0, "admin", "--cluster-health-stores", "--flat-json");
    lg_rig_assert_out(&c.rig, "\"storeStatusMap\":{\"cities\":");
}

/* Does each controller, whether it leads or not, and each router say so? */
static bool all_say(struct lg_cluster *cluster, void *ctx)
{
    static const enum lg_cluster_role roles[] = {LG_CLUSTER_CONTROLLER, LG_CLUSTER_ROUTER};
    const char *part = ctx;

    for (size_t i = 0; i < LG_ARRAY_SIZE(roles); i++)
        for (unsigned n = 0; n < cluster->count[roles[i]]; n++) {
            LG_SCOPED(lg_reply) reply = {0};

            assert_int_equal(
                lg_ask_get(cluster->nodes[roles[i]][n].port, "/readyz?verbose", &reply), 200);
            if (strstr(lg_reply_text(&reply), part) == NULL)
                return false;
        }
    return true;
}

static void wait_probes(const char *part)
{
    char copy[200];

    (void)snprintf(copy, sizeof copy, "%s", part);
    lg_cluster_until(&c, all_say, copy, part);
}

static void a_server_dies_and_every_key_is_still_read(void **state)
{
    static const char whole[] =
        "[+]replication ok: every partition that is read has all its replicas";

    (void)state;
    make_cities();
    push(CITIES);
    lg_cluster_wait_version(&c, "cities", 1);
    lg_cluster_wait_replicated(&c);
    wait_probes(whole);
    for (unsigned i = 0; i < c.count[LG_CLUSTER_SERVER]; i++) {
        lg_cluster_kill(&c, LG_CLUSTER_SERVER, i);
        for (unsigned n = 0; n < 50; n++)
            expect_venice();
        assert_run(&c.rig, 0, "get", "cities", VENICE, "2988507", "2643743", "--output", "json");
        if (i == 0) {
            the_status_names_a_server_that_is_gone();
            wait_probes("[-]replication under-replicated: ");
            wait_probes(" of current versions: cities version 1 partition ");
            wait_probes(" (1 of 2 ready)");
        }
        lg_cluster_restart(&c, LG_CLUSTER_SERVER, i);
        push(i % 2 == 0 ? CITIES_V2 : CITIES);
        lg_cluster_wait_version(&c, "cities", 2 + (int)i);
        lg_cluster_wait_replicated(&c);
        wait_probes(whole);
    }
}

static void the_leading_controller_dies_and_the_other_one_completes_pushes(void **state)
{
    unsigned leader = lg_cluster_leader(&c), next;

    (void)state;
    make_cities();
    push(CITIES);
    lg_cluster_kill(&c, LG_CLUSTER_CONTROLLER, leader);
    expect_venice();
    next = lg_cluster_leader(&c);
    assert_int_not_equal(next, leader);
    push(CITIES_V2);
    lg_cluster_wait_version(&c, "cities", 2);
    expect_venice();
    lg_cluster_restart(&c, LG_CLUSTER_CONTROLLER, leader);
    assert_int_equal(lg_cluster_leader(&c), next); /* Who comes back does not take over. */
}

static void who_names_another_cluster_is_refused_with_those_that_are_there(void **state)
{
    LG_AUTO_STR char *address = lg_strf("--zookeeper-address=%s", lg_cluster_zookeeper()->address);
    LG_AUTO_STR char *quoted = lg_strf("'%s'", c.name);

    (void)state;
    assert_run(&c.rig, 3, "router", "--cluster-name=nonesuch", address, "--listener-port=0");
    lg_rig_assert_err(&c.rig, "there is no cluster 'nonesuch' below /lagoon");
    lg_rig_assert_err(&c.rig, quoted);
}

static void a_name_or_a_file_that_cannot_be_used_is_told_at_the_start(void **state)
{
    LG_AUTO_STR char *name = lg_strf("--cluster-name=%s", c.name);
    LG_AUTO_STR char *address = lg_strf("--zookeeper-address=%s", lg_cluster_zookeeper()->address);
    LG_AUTO_STR char *data = lg_rig_path(&c.rig, "unnamed");
    LG_AUTO_STR char *base = lg_strf("--data-base-path=%s", data);

    (void)state;
    /* In the metadata it would be below server "a", and look like a server "b". */
    assert_run(&c.rig, 2, "server", name, address, base, "--instance-name=a/b", "--listener-port=0",
               "--kafka-bootstrap-servers=127.0.0.1:1");
    lg_rig_assert_err(&c.rig, "instance.name: 'a/b'");
    /* An option of another role or verb is told as such. */
    assert_run(&c.rig, 2, "router", name, address, "--kafka-bootstrap-servers=127.0.0.1:1");
    lg_rig_assert_err(&c.rig, "unknown option '--kafka-bootstrap-servers': it goes with lagoon "
                              "controller and lagoon server; --help");
    assert_run(&c.rig, 2, "nodes", address);
    lg_rig_assert_err(&c.rig, "'lagoon nodes' has no flag '--zookeeper-address': it goes with "
                              "lagoon controller, lagoon router and lagoon server; `lagoon nodes ");
    assert_run(&c.rig, 2, "server", name, address, base, "--key-field=id");
    lg_rig_assert_err(&c.rig, "'--key-field': it goes with lagoon push and lagoon file check; ");
    assert_run(&c.rig, 2, "router", name, address, "--listener-port=0",
               "--zookeeper-digest-file=/nonexistent/digest");
    lg_rig_assert_err(&c.rig, "zookeeper.digest.file: /nonexistent/digest");
}

static void an_engine_that_is_not_there_ends_the_start_by_name(void **state)
{
    LG_AUTO_STR char *name = lg_strf("--cluster-name=%s", c.name);
    LG_AUTO_STR char *address = lg_strf("--zookeeper-address=%s", lg_cluster_zookeeper()->address);
    LG_AUTO_STR char *data = lg_rig_path(&c.rig, "lost");
    LG_AUTO_STR char *base = lg_strf("--data-base-path=%s", data);

    (void)state;
    assert_run(&c.rig, 5, "router", name, "--zookeeper-address=127.0.0.1:1", "--listener-port=0",
               "--start-timeout-ms=1000");
    lg_rig_assert_err(&c.rig, "127.0.0.1:1");
    lg_rig_assert_err(&c.rig, "zookeeper.address");
    assert_run(&c.rig, 5, "server", name, address, base, "--instance-name=lost",
               "--listener-port=0", "--kafka-bootstrap-servers=127.0.0.1:1",
               "--start-timeout-ms=3000");
    lg_rig_assert_err(&c.rig, "Kafka at 127.0.0.1:1 did not answer");
    lg_rig_assert_err(&c.rig, "kafka.bootstrap.servers");
}

/* A listener that takes connections and never says anything; its port. */
static unsigned deaf_listener(int *out_fd)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;

    *out_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(*out_fd >= 0);
    assert_int_equal(bind(*out_fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(*out_fd, 16), 0);
    assert_int_equal(getsockname(*out_fd, (struct sockaddr *)&a, &size), 0);
    return ntohs(a.sin_port);
}

/* Whether nobody listens there or somebody who does not answer; all roles at once. */
static void without_zookeeper_each_role_gives_up_after_its_start_timeout(void **state)
{
    static const char *const roles[] = {"controller", "router", "server"};
    int fd;
    unsigned ports[] = {1, deaf_listener(&fd)};
    struct lg_process p[LG_ARRAY_SIZE(ports)][LG_ARRAY_SIZE(roles)] = {0};

    (void)state;
    for (size_t k = 0; k < LG_ARRAY_SIZE(ports); k++) {
        LG_AUTO_STR char *address = lg_strf("--zookeeper-address=127.0.0.1:%u", ports[k]);
        LG_AUTO_STR char *base = lg_strf("--data-base-path=%s/unstarted-%zu", c.rig.folder, k);

        for (size_t i = 0; i < LG_ARRAY_SIZE(roles); i++)
            lg_process_start(
                &p[k][i],
                (const char *const[]){roles[i], "--cluster-name=absent", address,
                                      "--start-timeout-ms=1500",
                                      i == 0 ? "--admin-port=0" : "--listener-port=0",
                                      i == 1 ? NULL : "--kafka-bootstrap-servers=127.0.0.1:1",
                                      i == 2 ? base : NULL, "--instance-name=unstarted", NULL},
                NULL);
    }
    for (size_t k = 0; k < LG_ARRAY_SIZE(ports); k++)
        for (size_t i = 0; i < LG_ARRAY_SIZE(roles); i++) {
            LG_AUTO_STR char *says = lg_strf("lagoon: no ZooKeeper answers at 127.0.0.1:%u after "
                                             "1.5 s; check zookeeper.address\n",
                                             ports[k]);
            LG_SCOPED(lg_buf) said = {0};

            assert_int_equal(lg_process_wait(&p[k][i], EARLY_END_MS), 5);
            lg_process_stderr(&p[k][i], &said);
            if (said.size == 0 || memmem(said.data, said.size, says, strlen(says)) == NULL)
                fail_msg("%s should say '%s': %.*s", roles[i], says, LG_FMT(lg_buf_slice(&said)));
            lg_process_done(&p[k][i]);
        }
    (void)close(fd);
}

/* --- Two on one ZooKeeper. ---------------------------------------------------------------------
 */
static bool knows_server(struct lg_cluster *of, void *ctx)
{
    (void)ctx;
    return LG_RUN(&of->rig, "nodes", "server-1") == 0;
}

static void make_store(struct lg_cluster *of, const char *store)
{
    LG_AUTO_STR char *rows =
        lg_rig_file(&of->rig, "rows.ndjson", LG_LIT("{\"id\":\"a\",\"n\":1}\n"));
    LG_AUTO_STR char *key = lg_rig_file(&of->rig, "key.avsc", LG_LIT("\"string\""));
    LG_AUTO_STR char *value = lg_rig_file(&of->rig, "value.avsc",
                                          LG_LIT("{\"type\":\"record\",\"name\":\"V\",\"fields\":["
                                                 "{\"name\":\"n\",\"type\":\"int\"}]}"));

    assert_run(&of->rig, 0, "store", "create", store, "--key-schema", key, "--value-schema", value,
               "--partitions", "1", "--replication", "1");
    assert_run(&of->rig, 0, "push", store, rows, "--key-field", "id");
    lg_cluster_wait_version(of, store, 1);
}

/* Clusters of one name, with servers of one name, below different paths behind the address. */
static void two_clusters_below_two_paths_of_one_zookeeper_do_not_mix(void **state)
{
    static const char *const paths[] = {"/twin-a", "/twins/b"}, *const stores[] = {"apples",
                                                                                   "pears"};
    struct lg_cluster twins[2];
    LG_AUTO_STR char *third =
        lg_strf("--zookeeper-address=%s/twins", lg_cluster_zookeeper()->address);

    (void)state;
    for (size_t i = 0; i < 2; i++)
        lg_cluster_start(&twins[i], &(struct lg_cluster_options){.controllers = 1,
                                                                 .routers = 1,
                                                                 .servers = 1,
                                                                 .name = "twin",
                                                                 .zookeeper_path = paths[i]});
    for (size_t i = 0; i < 2; i++)
        make_store(&twins[i], stores[i]);
    for (size_t i = 0; i < 2; i++) {
        LG_SCOPED(lg_reply) reply = {0}, none = {0};
        struct lg_cluster *twin = &twins[i];

        assert_int_equal(lg_cluster_get(twin, 0, stores[i], "a", &reply), 200);
        assert_int_equal(lg_cluster_get(twin, 0, stores[1 - i], "a", &none), 404);
        assert_run(&twin->rig, 0, "store", "list", "--output", "json");
        lg_rig_assert_out(&twin->rig, stores[i]);
        assert_null(
            memmem(twin->rig.out.data, twin->rig.out.size, stores[1 - i], strlen(stores[1 - i])));
        assert_run(&twin->rig, 0, "cluster", "status");
        lg_rig_assert_out(&twin->rig, "servers      1 live, 0 gone, 0 draining\n");
    }
    /* Between them there is none of that name, nor anywhere else. */
    assert_run(&c.rig, 3, "router", "--cluster-name=twin", third, "--listener-port=0");
    lg_rig_assert_err(&c.rig,
                      "there is no cluster 'twin' below /lagoon of ZooKeeper at 127.0.0.1:");
    lg_rig_assert_err(&c.rig, "/twins (there is no other)");
    /* The end of one is not the end of the other. */
    lg_cluster_done(&twins[0]);
    lg_cluster_until(&twins[1], knows_server, NULL, "the other twin goes on");
    assert_run(&twins[1].rig, 0, "push", "pears", "--empty");
    lg_cluster_wait_version(&twins[1], "pears", 2);
    lg_cluster_done(&twins[1]);
}

/* --- What systemd and probes see. --------------------------------------------------------------
 */
static int notify_fd;
static struct lg_buf notified;

static bool was_told(struct lg_cluster *cluster, void *ctx)
{
    char message[256];
    ssize_t n;

    (void)cluster;
    while ((n = recv(notify_fd, message, sizeof message, MSG_DONTWAIT)) > 0)
        lg_buf_append(&notified, message, (size_t)n);
    return notified.size > 0 &&
           memmem(notified.data, notified.size, ctx, strlen((const char *)ctx)) != NULL;
}

static void await_told(const char *what)
{
    lg_cluster_until(&c, was_told, (void *)(uintptr_t)what, what);
    lg_buf_clear(&notified);
}

static void every_role_tells_systemd_how_it_is(void **state)
{
    static const char *const roles[] = {"controller", "router", "server"};
    LG_AUTO_STR char *name = lg_strf("--cluster-name=%s", c.name);
    LG_AUTO_STR char *zookeeper =
        lg_strf("--zookeeper-address=%s", lg_cluster_zookeeper()->address);
    LG_AUTO_STR char *kafka =
        lg_strf("--kafka-bootstrap-servers=127.0.0.1:%u", lg_cluster_kafka()->port);
    LG_AUTO_STR char *data = lg_strf("--data-base-path=%s/notified", c.rig.folder);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    LG_AUTO_STR char *socket_env = NULL;

    (void)state;
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%.90s/notify", c.rig.folder);
    notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(notify_fd, (struct sockaddr *)&address, sizeof address), 0);
    socket_env = lg_strf("NOTIFY_SOCKET=%s", address.sun_path);
    for (size_t i = 0; i < LG_ARRAY_SIZE(roles); i++) {
        const char *port = i == 0 ? "--admin-port=0" : "--listener-port=0";
        const char *words[] = {roles[i],
                               name,
                               zookeeper,
                               port,
                               i == 1 ? NULL : kafka,
                               i == 2 ? data : NULL,
                               "--instance-name=notified",
                               NULL};
        struct lg_process p = {0};

        lg_process_start(&p, words, (const char *const[]){socket_env, "WATCHDOG_USEC=20000", NULL});
        await_told("READY=1\nSTATUS=serving");
        await_told("WATCHDOG=1");
        lg_process_signal(&p, SIGHUP);
        await_told("RELOADING=1\nMONOTONIC_USEC=");
        lg_process_signal(&p, SIGTERM);
        await_told("STOPPING=1");
        assert_int_equal(lg_process_wait(&p, 60000), 0);
        lg_process_done(&p);
    }
    close(notify_fd);
    lg_buf_done(&notified);
}

static bool has_said(struct lg_cluster *cluster, void *ctx)
{
    const struct said *s = ctx;
    LG_SCOPED(lg_buf) log = {0};

    (void)cluster;
    lg_process_stderr(s->process, &log);
    return log.size > 0 && memmem(log.data, log.size, s->what, strlen(s->what)) != NULL;
}

/* They would look for ZooKeeper for ten minutes. */
static void sigterm_before_a_role_is_ready_ends_it_at_once(void **state)
{
    static const char *const roles[] = {"controller", "router", "server"};
    static const int signals[] = {SIGTERM, SIGINT};
    LG_AUTO_STR char *data = lg_strf("--data-base-path=%s/early", c.rig.folder);

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(roles) * LG_ARRAY_SIZE(signals); i++) {
        size_t role = i / LG_ARRAY_SIZE(signals);
        const char *words[] = {roles[role],
                               "--cluster-name=early",
                               "--zookeeper-address=127.0.0.1:1",
                               "--start-timeout-ms=600000",
                               role == 0 ? "--admin-port=0" : "--listener-port=0",
                               role == 1 ? NULL : "--kafka-bootstrap-servers=127.0.0.1:1",
                               role == 2 ? data : NULL,
                               "--instance-name=early",
                               NULL};
        struct lg_process p = {0};
        struct said waits = {&p, " zookeeper_client "};

        lg_process_start(&p, words, NULL);
        lg_cluster_until(&c, has_said, &waits, "it waits for ZooKeeper");
        lg_process_signal(&p, signals[i % LG_ARRAY_SIZE(signals)]);
        assert_int_equal(lg_process_wait(&p, EARLY_END_MS), 0);
        assert_true(has_said(&c, &(struct said){&p, "ended before it was ready"}));
        lg_process_done(&p);
    }
}

/* What Prometheus makes of it; its own checker judges. */
static void lint_metrics(uint16_t port)
{
    LG_AUTO_STR char *line =
        lg_strf("curl -sf http://127.0.0.1:%u/metrics | promtool check metrics", port);

    if (system(line) != 0) /* NOLINT(cert-env33-c) */
        fail_msg("promtool does not like the metrics of port %u", port);
}

/* A reload under load: LIVE keys take effect, others are named, what is wrong changes nothing. */
static void reload(unsigned role, const char *lines, const char *said)
{
    struct lg_cluster_node *n = &c.nodes[role][0];
    LG_AUTO_STR char *name = lg_strf("%s.conf", n->name);
    LG_AUTO_STR char *text =
        lg_strf("%s%s = 0\n%s", n->words,
                role == LG_CLUSTER_CONTROLLER ? "admin.port" : "listener.port", lines);
    LG_AUTO_STR char *path = lg_rig_file(&c.rig, name, lg_slice_str(text));
    struct said wish = {&n->process, said};

    assert_non_null(path);
    lg_process_signal(&n->process, SIGHUP);
    lg_cluster_until(&c, has_said, &wish, said);
}

static void every_role_is_scraped_and_reloaded_under_load(void **state)
{
    struct lg_process pusher = {0};

    (void)state;
    lg_rig_spawn(&c.rig, &pusher,
                 (const char *const[]){"push", "cities", CITIES_V2, "--key-field", "id", NULL});
    for (unsigned role = 0; role < LG_CLUSTER_ROLES; role++) {
        struct lg_cluster_node *n = &c.nodes[role][0];

        expect_venice();
        lint_metrics(n->port);
        reload(role, "log_level = debug\n", "config_reloaded changed=\"log_level\"");
        reload(role, "log_level = debug\nannounced.host = elsewhere\nannounced.port = 1\n",
               "config_needs_restart keys=\"announced.host");
        reload(role, "log_level = loud\n", "config_not_reloaded reason=");
        expect_venice();
    }
    assert_int_equal(lg_process_wait(&pusher, LG_RIG_VERB_MS), 0);
    lg_process_done(&pusher);
}

static void every_role_answers_probes_and_scrapes(void **state)
{
    static const char *const targets[] = {"/livez", "/readyz?verbose", "/metrics"};

    (void)state;
    for (unsigned role = 0; role < LG_CLUSTER_ROLES; role++) {
        uint16_t port = c.nodes[role][0].port;

        for (size_t i = 0; i < LG_ARRAY_SIZE(targets); i++) {
            LG_SCOPED(lg_reply) reply = {0};

            assert_int_equal(lg_ask_get(port, targets[i], &reply), 200);
            if (i == 1)
                assert_non_null(strstr(lg_reply_text(&reply), "[+]zookeeper ok"));
            if (i == 1 && role != LG_CLUSTER_ROUTER)
                assert_non_null(strstr(lg_reply_text(&reply), "[+]kafka ok"));
            if (i == 2)
                assert_non_null(strstr(lg_reply_text(&reply), "lagoon_build_info"));
        }
    }
}

/* Only a lane that may refuse what waits for it measures how long that is. */
static void servers_with_a_target_tell_how_long_they_are_waited_for(void **state)
{
    unsigned told = 0;

    (void)state;
    expect_venice();
    for (unsigned i = 0; i < c.count[LG_CLUSTER_SERVER]; i++) {
        static const char waited[] = "\nlagoon_server_queue_seconds_count ";
        LG_SCOPED(lg_reply) reply = {0};
        const char *at;

        assert_int_equal(lg_ask_get(c.nodes[LG_CLUSTER_SERVER][i].port, "/metrics", &reply), 200);
        at = strstr(lg_reply_text(&reply), waited);
        told += at != NULL && strtoull(at + sizeof waited - 1, NULL, 10) > 0;
    }
    assert_in_range(told, 1, c.count[LG_CLUSTER_SERVER]);
}

/* --- Who may not take part. --------------------------------------------------------------------
 */
static void a_second_server_of_a_name_ends_and_names_both(void **state)
{
    LG_AUTO_STR char *name = lg_strf("--cluster-name=%s", c.name);
    LG_AUTO_STR char *zookeeper =
        lg_strf("--zookeeper-address=%s", lg_cluster_zookeeper()->address);
    LG_AUTO_STR char *kafka =
        lg_strf("--kafka-bootstrap-servers=127.0.0.1:%u", lg_cluster_kafka()->port);
    LG_AUTO_STR char *data = lg_strf("--data-base-path=%s/second", c.rig.folder);
    LG_AUTO_STR char *same = lg_strf("--data-base-path=%s/server-1", c.rig.folder);

    (void)state;
    assert_run(&c.rig, 6, "server", name, zookeeper, kafka, data, "--instance-name=server-1",
               "--listener-port=0", "--zookeeper-session-timeout-ms=1000");
    lg_rig_assert_err(&c.rig, "server-1");
    /* Its directory is locked. */
    assert_run(&c.rig, 6, "server", name, zookeeper, kafka, same, "--instance-name=server-1",
               "--listener-port=0");
    lg_rig_assert_err(&c.rig, "is in use");
    push(CITIES); /* The first one goes on. */
    expect_venice();
}

static void a_directory_of_a_standalone_is_not_a_servers(void **state)
{
    LG_AUTO_STR char *name = lg_strf("--cluster-name=%s", c.name);
    LG_AUTO_STR char *zookeeper =
        lg_strf("--zookeeper-address=%s", lg_cluster_zookeeper()->address);
    LG_AUTO_STR char *kafka =
        lg_strf("--kafka-bootstrap-servers=127.0.0.1:%u", lg_cluster_kafka()->port);
    LG_AUTO_STR char *data = lg_strf("--data=%s/server-1", c.rig.folder);
    LG_AUTO_STR char *foreign = lg_strf("--data-base-path=%s", c.rig.folder);

    (void)state;
    lg_cluster_stop(&c, LG_CLUSTER_SERVER, 0);
    assert_run(&c.rig, 6, "standalone", data, "--controller-port=0", "--router-port=0",
               "--server-port=0");
    lg_rig_assert_err(&c.rig, "lagoon server data directory");
    assert_run(&c.rig, 6, "server", name, zookeeper, kafka, foreign, "--instance-name=x");
    lg_rig_assert_err(&c.rig, "not a data directory of Lagoon");
    lg_cluster_restart(&c, LG_CLUSTER_SERVER, 0);
}

static void a_configuration_that_makes_no_sense_is_refused(void **state)
{
    static const struct {
        const char *words[5];
        int status;
        const char *said;
    } cases[] = {
        {{"router"}, 2, "cluster.name is missing"},
        {{"router", "--cluster-name=a/b"}, 2, "cluster.name: 'a/b' has other characters"},
        {{"router", "--cluster-name=a"}, 2, "zookeeper.address is missing"},
        {{"router", "--cluster-name=a", "--zookeeper-address=x:1", "--listen-host=0.0.0.0"},
         4,
         "say --insecure"},
        {{"router", "--cluster-name=a", "--zookeeper-address=x:1", "--listen-host=0.0.0.0",
          "--insecure"},
         2,
         "announced.host is missing"},
        {{"router", "--cluster-nam=a"}, 2, "did you mean '--cluster-name'?"},
        {{"router", "--zookeeper-root=lagoon"}, 2, "it must begin with a slash"},
        {{"controller", "--cluster-name=a", "--zookeeper-address=x:1"},
         2,
         "kafka.bootstrap.servers is missing"},
        {{"controller", "--cluster-name=a", "--zookeeper-address=x:1",
          "--kafka-bootstrap-servers=x:1", "--security-protocol=sasl_ssl"},
         2,
         "needs sasl.mechanism"},
        {{"controller", "--cluster-name=a", "--zookeeper-address=x:1",
          "--kafka-bootstrap-servers=x:1", "--kafka-min-in-sync-replicas=4"},
         2,
         "nothing could ever be written"},
        {{"controller", "--delay-to-rebalance-ms=30m"},
         2,
         "delay.to.rebalance.ms: '30m' is not a number of milliseconds without a unit"},
        {{"server", "--cluster-name=a", "--zookeeper-address=x:1", "--kafka-bootstrap-servers=x:1"},
         2,
         "data.base.path is missing"},
        {{"server", "--security-protocol=tls"}, 2, "no protocol 'tls'"},
    };

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(cases); i++) {
        const char *words[6] = {0};

        memcpy(words, cases[i].words, sizeof cases[i].words);
        lg_rig_assert(&c.rig, cases[i].status, lg_rig_run(&c.rig, words));
        lg_rig_assert_err(&c.rig, cases[i].said);
    }
}

/* One cluster for all that do it no harm. */
static int set_up_shared(void **state)
{
    (void)state;
    lg_cluster_start(&c,
                     &(struct lg_cluster_options){.controllers = 1, .routers = 1, .servers = 2});
    make_cities();
    push(CITIES);
    lg_cluster_wait_version(&c, "cities", 1);
    return 0;
}

static int tear_down_shared(void **state)
{
    (void)tear_down(state);
    return tear_down_engines(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest alone[] = {
        TEST(a_push_is_read_swapped_and_rolled_back),
        TEST(a_server_dies_and_every_key_is_still_read),
        TEST(the_leading_controller_dies_and_the_other_one_completes_pushes),
    };
    const struct CMUnitTest shared[] = {
        cmocka_unit_test(who_names_another_cluster_is_refused_with_those_that_are_there),
        cmocka_unit_test(a_name_or_a_file_that_cannot_be_used_is_told_at_the_start),
        cmocka_unit_test(an_engine_that_is_not_there_ends_the_start_by_name),
        cmocka_unit_test(without_zookeeper_each_role_gives_up_after_its_start_timeout),
        cmocka_unit_test(two_clusters_below_two_paths_of_one_zookeeper_do_not_mix),
        cmocka_unit_test(every_role_tells_systemd_how_it_is),
        cmocka_unit_test(sigterm_before_a_role_is_ready_ends_it_at_once),
        cmocka_unit_test(every_role_is_scraped_and_reloaded_under_load),
        cmocka_unit_test(every_role_answers_probes_and_scrapes),
        cmocka_unit_test(servers_with_a_target_tell_how_long_they_are_waited_for),
        cmocka_unit_test(a_second_server_of_a_name_ends_and_names_both),
        cmocka_unit_test(a_directory_of_a_standalone_is_not_a_servers),
        cmocka_unit_test(a_configuration_that_makes_no_sense_is_refused),
    };
    const char *only = getenv("LAGOON_CLUSTER_ONLY");
    int failed;

    if (only != NULL) /* cmocka's pattern, while one of them is looked at */
        cmocka_set_test_filter(only);
    failed = cmocka_run_group_tests(alone, set_up_engines, NULL);
    return failed + cmocka_run_group_tests(shared, set_up_shared, tear_down_shared);
}
