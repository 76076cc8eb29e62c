/* A cluster whose Kafka wants TLS and a password (SASL_SSL, SCRAM) and whose nodes of ZooKeeper are
 * its own (digest): everything works with the documented settings, of the push job, too; each wrong
 * one ends in a sentence that names what refuses, where, and what to look at, with a stable exit
 * status; no secret is ever shown. Also what of the options reaches Kafka's topics.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/str.h"
#include "test/lib/cluster.h"
#include "test/test.h"

#define ENDS_MS 60000u
#define START_LINE                                                                                 \
    "start.timeout.ms = 8000\n" /* of those that are not let in                                    \
                                 */
#define WRONG_PASSWORD "kafka-wrong-pw-60d2"
#define WRONG_DIGEST "lagoon:zookeeper-wrong-pw-18aa"

static struct lg_cluster cluster, *const c = &cluster;
static char *kafka_conf; /* of a push */

static const char *const secrets[] = {LG_CLUSTER_PASSWORD, "zookeeper-pw-52c8e0", WRONG_PASSWORD,
                                      "zookeeper-wrong-pw-18aa"};

static void assert_no_secret(const struct lg_buf *text, const char *where)
{
    for (size_t i = 0; i < LG_ARRAY_SIZE(secrets); i++)
        if (text->size > 0 &&
            memmem(text->data, text->size, secrets[i], strlen(secrets[i])) != NULL)
            fail_msg("%s shows a secret: %.*s", where, LG_FMT(lg_buf_slice(text)));
}

static char *file_of(const char *name, const char *text, unsigned mode)
{
    char *path = lg_rig_file(&c->rig, name, lg_slice_str(text));

    assert_int_equal(chmod(path, mode), 0);
    return path;
}

/* --- What works. ------------------------------------------------------------------------------ */
static char *secure_lines(const char *password_file, const char *mechanism, const char *ca)
{
    return lg_strf("security.protocol = sasl_ssl\nsasl.mechanism = %s\nsasl.username = lagoon\n"
                   "sasl.password.file = %s\nssl.ca.location = %s/%s\n",
                   mechanism, password_file, lg_cluster_kafka()->folder, ca);
}

static void all_is_served_over_tls_with_a_password(void **state)
{
    LG_AUTO_STR char *rows =
        file_of("rows.ndjson", "{\"id\":\"a\",\"n\":1}\n{\"id\":\"b\",\"n\":2}\n", 0600);
    LG_AUTO_STR char *key = file_of("key.avsc", "\"string\"", 0600);
    LG_AUTO_STR char *value = file_of("value.avsc",
                                      "{\"type\":\"record\",\"name\":\"V\",\"fields\":["
                                      "{\"name\":\"n\",\"type\":\"int\"}]}",
                                      0600);
    LG_SCOPED(lg_reply) reply = {0};

    (void)state;
    assert_run(&c->rig, 0, "store", "create", "safe", "--key-schema", key, "--value-schema", value,
               "--partitions", "2", "--replication", "2");
    assert_run(&c->rig, 0, "push", "safe", rows, "--key-field", "id", "--kafka-config", kafka_conf);
    assert_no_secret(&c->rig.err, "push");
    lg_cluster_wait_version(c, "safe", 1);
    lg_cluster_wait_replicated(c);
    assert_int_equal(lg_cluster_get(c, 0, "safe", "b", &reply), 200);
    assert_non_null(strstr(lg_reply_text(&reply), "2"));
    assert_run(&c->rig, 0, "get", "safe", "a");
    lg_rig_assert_out(&c->rig, "1");
}

static void strangers_can_do_nothing_with_the_nodes_of_zookeeper(void **state)
{
    LG_AUTO_STR char *digest = lg_rig_path(&c->rig, "digest");
    LG_AUTO_STR char *line =
        lg_strf("/usr/bin/python3 test/process/cluster_break.py foreign %s /lagoon/%s %s >&2",
                lg_cluster_zookeeper()->address, c->name, digest);

    (void)state;
    if (system(line) != 0) /* NOLINT(cert-env33-c) */
        fail_msg("failed: %s", line);
}

static void what_was_asked_for_a_topic_is_what_kafka_has(void **state)
{
    LG_AUTO_STR char *said = lg_kafka_server_topic_config(lg_cluster_kafka(), "safe_v1");

    (void)state;
    if (strstr(said, "min.insync.replicas=1 ") == NULL ||
        strstr(said, "max.message.bytes=9437184 ") == NULL)
        fail_msg("Kafka says: %s", said);
}

/* --- What does not. --------------------------------------------------------------------------- */
/* A process of the role ends with the status, and says these things. */
static void expect_end(const char *role, const char *conf, int status, const char *const *says)
{
    LG_SCOPED(lg_buf) said = {0};
    struct lg_process p = {0};
    int got;

    lg_process_start(&p, (const char *const[]){role, "--config", conf, NULL}, NULL);
    got = lg_process_wait(&p, ENDS_MS);
    lg_process_stderr(&p, &said);
    assert_no_secret(&said, role);
    lg_buf_append_byte(&said, 0);
    if (got != status)
        fail_msg("%s %s: %d: %s", role, conf, got, (const char *)said.data);
    for (size_t i = 0; says[i] != NULL; i++)
        if (strstr((const char *)said.data, says[i]) == NULL)
            fail_msg("it should say '%s': %s", says[i], (const char *)said.data);
    lg_process_done(&p);
}

#define SAYS(...) ((const char *const[]){__VA_ARGS__, NULL})

static char *conf_of(const char *name, unsigned kafka_port, const char *zookeeper,
                     const char *kafka_lines)
{
    LG_AUTO_STR char *data = lg_rig_path(&c->rig, "stranger");
    LG_AUTO_STR char *text = lg_strf(
        "cluster.name = %s\nzookeeper.address = %s\n%skafka.bootstrap.servers = 127.0.0.1:%u\n"
        "data.base.path = %s\ninstance.name = stranger\nlistener.port = 0\n" START_LINE "%s",
        c->name, lg_cluster_zookeeper()->address, zookeeper, kafka_port, data, kafka_lines);

    return file_of(name, text, 0600);
}

static void expect_kafka(unsigned port, const char *lines, int status, const char *const *says)
{
    LG_AUTO_STR char *digest = lg_rig_path(&c->rig, "digest");
    LG_AUTO_STR char *zookeeper = lg_strf("zookeeper.digest.file = %s\n", digest);
    LG_AUTO_STR char *conf = conf_of("stranger.conf", port, zookeeper, lines);

    expect_end("server", conf, status, says);
}

static void whom_kafka_does_not_let_in_is_told_so_and_why(void **state)
{
    LG_AUTO_STR char *wrong = file_of("wrong", WRONG_PASSWORD "\n", 0600);
    LG_AUTO_STR char *right = lg_rig_path(&c->rig, "password");
    LG_AUTO_STR char *scram = secure_lines(wrong, "SCRAM-SHA-512", "ca.pem");
    LG_AUTO_STR char *plain = secure_lines(wrong, "PLAIN", "ca.pem");
    LG_AUTO_STR char *other = secure_lines(right, "SCRAM-SHA-256", "ca.pem");
    LG_AUTO_STR char *stranger = secure_lines(right, "SCRAM-SHA-512", "client.pem");
    LG_AUTO_STR char *absent = secure_lines(right, "SCRAM-SHA-512", "nowhere.pem");
    unsigned safe = lg_cluster_kafka()->safe_port;
    LG_AUTO_STR char *at = lg_strf("Kafka at 127.0.0.1:%u", safe);
    LG_AUTO_STR char *at_open = lg_strf("Kafka at 127.0.0.1:%u", lg_cluster_kafka()->port);

    (void)state;
    expect_kafka(safe, scram, 4, SAYS(at, "user 'lagoon'", "SCRAM-SHA-512", "check sasl.username"));
    expect_kafka(safe, plain, 4, SAYS(at, "user 'lagoon'", "by PLAIN", "sasl.password.file"));
    expect_kafka(safe, other, 4, SAYS(at, "by SCRAM-SHA-256", "sasl.mechanism"));
    expect_kafka(safe, stranger, 4, SAYS(at, "check ssl.ca.location", "client.pem", "verif"));
    expect_kafka(safe, absent, 2, SAYS("ssl.ca.location: ", "nowhere.pem cannot be read"));
    expect_kafka(safe, "", 4, SAYS(at, "plaintext", "does security.protocol fit"));
    expect_kafka(lg_cluster_kafka()->port, "security.protocol = ssl\n", 4,
                 SAYS(at_open, "speaks ssl", "does security.protocol fit"));
}

static void whom_zookeeper_does_not_let_in_is_told_so_and_why(void **state)
{
    LG_AUTO_STR char *wrong = file_of("wrong-digest", WRONG_DIGEST "\n", 0600);
    LG_AUTO_STR char *no_colon = file_of("no-digest", "zookeeper-wrong-pw-18aa\n", 0600);
    LG_AUTO_STR char *empty = file_of("empty", "\n", 0600);
    LG_AUTO_STR char *at =
        lg_strf("ZooKeeper at %s refuses /lagoon/%s", lg_cluster_zookeeper()->address, c->name);
    const struct {
        const char *file; /* NULL: none */
        int status;
        const char *says, *more;
    } cases[] = {
        {wrong, 4, at, "these credentials (digest): check zookeeper.digest.file"},
        {NULL, 4, at, "who has no credentials: check zookeeper.digest.file"},
        {no_colon, 2, "zookeeper.digest.file", "is not user:password"},
        {empty, 2, "zookeeper.digest.file", "is empty"},
        {"/nowhere/digest", 2, "zookeeper.digest.file", "/nowhere/digest"},
    };

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(cases); i++) {
        LG_AUTO_STR char *text = lg_strf(
            "cluster.name = %s\nzookeeper.address = %s\nlistener.port = 0\n" START_LINE "%s%s\n",
            c->name, lg_cluster_zookeeper()->address,
            cases[i].file == NULL ? "" : "zookeeper.digest.file = ",
            cases[i].file == NULL ? "" : cases[i].file);
        LG_AUTO_STR char *conf = file_of("stranger.conf", text, 0600);

        expect_end("router", conf, cases[i].status, SAYS(cases[i].says, cases[i].more));
    }
}

static void a_push_that_kafka_does_not_let_in_ends_and_says_why(void **state)
{
    LG_AUTO_STR char *rows = lg_rig_path(&c->rig, "rows.ndjson");
    LG_AUTO_STR char *wrong = lg_rig_path(&c->rig, "wrong");
    LG_AUTO_STR char *lines = secure_lines(wrong, "SCRAM-SHA-512", "ca.pem");
    LG_AUTO_STR char *bad = file_of("bad-push.conf", lines, 0600);
    LG_AUTO_STR char *half = file_of("half-push.conf", "security.protocol = sasl_ssl\n", 0600);

    (void)state;
    assert_run(&c->rig, 4, "push", "safe", rows, "--key-field", "id", "--kafka-config", bad);
    lg_rig_assert_err(&c->rig, "user 'lagoon' in by SCRAM-SHA-512");
    lg_rig_assert_err(&c->rig, "sasl.password.file");
    assert_no_secret(&c->rig.err, "push");
    assert_run(&c->rig, 2, "push", "safe", rows, "--key-field", "id", "--kafka-config", half);
    lg_rig_assert_err(&c->rig, "half-push.conf: security.protocol = sasl_ssl needs sasl.mechanism");
    assert_run(&c->rig, 4, "push", "safe", rows, "--key-field", "id", "--timeout", "5s");
    lg_rig_assert_err(&c->rig, "does security.protocol fit");
    /* And what was right goes on. */
    assert_run(&c->rig, 0, "push", "safe", rows, "--key-field", "id", "--kafka-config", kafka_conf);
    assert_run(&c->rig, 0, "get", "safe", "a");
}

static bool answers(struct lg_cluster *of, void *ctx)
{
    LG_SCOPED(lg_reply) reply = {0};
    struct lg_question q = {.port = of->nodes[LG_CLUSTER_CONTROLLER][0].port, .target = "/readyz"};

    (void)ctx;
    return lg_ask_try(&q, &reply) && reply.status == 200;
}

/* One broker cannot hold three copies. */
static void more_copies_than_brokers_are_refused_with_a_sentence(void **state)
{
    LG_AUTO_STR char *conf = lg_rig_path(&c->rig, "controller-1.conf");
    LG_AUTO_STR char *rows = lg_rig_path(&c->rig, "rows.ndjson");
    LG_AUTO_STR char *port = lg_strf("%u", c->nodes[LG_CLUSTER_CONTROLLER][0].port);
    struct lg_process p = {0};
    bool told;

    (void)state;
    lg_cluster_stop(c, LG_CLUSTER_CONTROLLER, 0);
    lg_process_start(&p,
                     (const char *const[]){"controller", "--config", conf, "--admin-port", port,
                                           "--kafka-replication-factor", "3",
                                           "--kafka-min-in-sync-replicas", "2", NULL},
                     NULL);
    lg_cluster_until(c, answers, NULL, "the controller with three copies leads");
    assert_run(&c->rig, 5, "push", "safe", rows, "--key-field", "id", "--kafka-config", kafka_conf,
               "--timeout", "8s");
    told = strstr((const char *)c->rig.err.data,
                  "start brokers, or lower kafka.replication.factor") != NULL;
    lg_process_signal(&p, SIGTERM);
    assert_int_equal(lg_process_wait(&p, ENDS_MS), 0);
    lg_process_done(&p);
    lg_cluster_restart(c, LG_CLUSTER_CONTROLLER, 0);
    if (!told)
        fail_msg("the push said: %s", (const char *)c->rig.err.data);
}

/* --- Certificates instead of passwords. --------------------------------------------------------
 */
/* `certificate` and `key` may be NULL: none is shown. */
static char *certificate_lines(const char *certificate, const char *key)
{
    LG_SCOPED(lg_buf) text = {0};

    lg_buf_appendf(&text, "security.protocol = ssl\nssl.ca.location = %s/ca.pem\n",
                   lg_cluster_kafka()->folder);
    if (certificate != NULL)
        lg_buf_appendf(&text, "ssl.certificate.location = %s\nssl.key.location = %s\n", certificate,
                       key);
    return lg_buf_take_str(&text);
}

/* One that nobody vouches for, and its key. */
static void make_stranger(const char *certificate, const char *key)
{
    LG_AUTO_STR char *line = lg_strf("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "
                                     "/CN=stranger -keyout %s -out %s 2>/dev/null",
                                     key, certificate);

    assert_int_equal(system(line), 0); /* NOLINT(cert-env33-c) */
}

static void strangers_to_certificates_are_told_so_and_why(const char *own, const char *own_key)
{
    unsigned port = lg_cluster_kafka()->tls_port;
    LG_AUTO_STR char *strange = lg_rig_path(&c->rig, "stranger.pem");
    LG_AUTO_STR char *strange_key = lg_rig_path(&c->rig, "stranger.key");
    LG_AUTO_STR char *none = certificate_lines(NULL, NULL);
    LG_AUTO_STR char *stranger = certificate_lines(strange, strange_key);
    LG_AUTO_STR char *other_key = certificate_lines(own, strange_key);
    LG_AUTO_STR char *absent = certificate_lines(own, "/nowhere/client.key");
    LG_AUTO_STR char *half = lg_strf("security.protocol = ssl\nssl.key.location = %s\n", own_key);
    LG_AUTO_STR char *at = lg_strf("Kafka at 127.0.0.1:%u", port);

    make_stranger(strange, strange_key);
    expect_kafka(port, none, 4, SAYS(at, "wants a certificate", "ssl.certificate.location"));
    expect_kafka(port, stranger, 4, SAYS(at, "does not accept the certificate", strange));
    expect_kafka(port, other_key, 2, SAYS("ssl.key.location"));
    expect_kafka(port, absent, 2, SAYS("ssl.key.location", "/nowhere/client.key"));
    expect_kafka(port, half, 2, SAYS("ssl.certificate.location and ssl.key.location go together"));
}

static void a_certificate_of_its_own_lets_each_process_in(void **state)
{
    LG_AUTO_STR char *own = lg_strf("%s/client.pem", lg_cluster_kafka()->folder);
    LG_AUTO_STR char *own_key = lg_strf("%s/client.key", lg_cluster_kafka()->folder);
    LG_AUTO_STR char *lines = certificate_lines(own, own_key);
    LG_AUTO_STR char *no_lines = certificate_lines(NULL, NULL);
    LG_AUTO_STR char *push = file_of("certificate-push.conf", lines, 0600);
    LG_AUTO_STR char *bare = file_of("bare-push.conf", no_lines, 0600);
    LG_AUTO_STR char *rows = lg_rig_path(&c->rig, "rows.ndjson");
    LG_AUTO_STR char *key = lg_rig_path(&c->rig, "key.avsc");
    LG_AUTO_STR char *value = lg_rig_path(&c->rig, "value.avsc");
    LG_SCOPED(lg_reply) reply = {0};
    struct lg_cluster known;

    (void)state;
    lg_cluster_start(
        &known,
        &(struct lg_cluster_options){
            .controllers = 1, .routers = 1, .servers = 1, .secure = true, .certificates = true});
    assert_run(&known.rig, 0, "store", "create", "mutual", "--key-schema", key, "--value-schema",
               value, "--partitions", "2", "--replication", "1");
    assert_run(&known.rig, 0, "push", "mutual", rows, "--key-field", "id", "--kafka-config", push);
    lg_cluster_wait_version(&known, "mutual", 1);
    assert_int_equal(lg_cluster_get(&known, 0, "mutual", "b", &reply), 200);
    /* The pusher, too, has to show one. */
    assert_run(&known.rig, 4, "push", "mutual", rows, "--key-field", "id", "--kafka-config", bare,
               "--timeout", "5s");
    lg_rig_assert_err(&known.rig, "wants a certificate of who connects, and there is none: give "
                                  "ssl.certificate.location and ssl.key.location");
    strangers_to_certificates_are_told_so_and_why(own, own_key);
    lg_cluster_done(&known);
}

/* --- Secrets. --------------------------------------------------------------------------------- */
static void read_proc(const struct lg_process *p, const char *what, struct lg_buf *out)
{
    LG_AUTO_STR char *path = lg_strf("/proc/%ld/%s", (long)p->pid, what);

    lg_rig_read_file(path, out);
}

static void no_secret_is_in_a_log_a_listing_or_what_config_shows(void **state)
{
    static const char *const roles[] = {"controller", "router", "server"};

    (void)state;
    for (unsigned role = 0; role < LG_CLUSTER_ROLES; role++) {
        LG_AUTO_STR char *name = lg_strf("%s-1.conf", roles[role]);
        LG_AUTO_STR char *conf = lg_rig_path(&c->rig, name);

        for (unsigned i = 0; i < c->count[role]; i++) {
            const struct lg_process *p = &c->nodes[role][i].process;
            LG_SCOPED(lg_buf) text = {0};

            lg_process_stderr(p, &text);
            lg_process_stdout(p, &text);
            read_proc(p, "cmdline", &text);
            read_proc(p, "environ", &text);
            assert_no_secret(&text, c->nodes[role][i].name);
        }
        assert_run(&c->rig, 0, "config", "show", "--role", roles[role], "--config", conf);
        lg_rig_assert_out(&c->rig, "zookeeper.digest.file");
        assert_no_secret(&c->rig.out, "config show");
        assert_run(&c->rig, 0, "config", "check", conf, "--role", roles[role]);
        lg_rig_assert_out(&c->rig, ": ok, 0 errors");
        assert_no_secret(&c->rig.out, "config check");
    }
}

static void a_secret_that_everybody_may_read_is_warned_of(void **state)
{
    LG_AUTO_STR char *open = file_of("open-secret", LG_CLUSTER_PASSWORD "\n", 0644);
    LG_AUTO_STR char *text = lg_strf("cluster.name = a\nzookeeper.address = h:1\n"
                                     "zookeeper.digest.file = %s\n",
                                     open);
    LG_AUTO_STR char *conf = file_of("open.conf", text, 0600);
    LG_AUTO_STR char *rows = lg_rig_path(&c->rig, "rows.ndjson");
    LG_AUTO_STR char *lines = secure_lines(open, "SCRAM-SHA-512", "ca.pem");
    LG_AUTO_STR char *push = file_of("open-push.conf", lines, 0600);
    LG_AUTO_STR char *sentence =
        lg_strf("everybody on this machine can read the file: chmod 600 %s", open);

    (void)state;
    assert_run(&c->rig, 0, "config", "check", conf, "--role", "router");
    lg_rig_assert_out(&c->rig, "open.conf:3: zookeeper.digest.file: ");
    lg_rig_assert_out(&c->rig, sentence);
    assert_no_secret(&c->rig.out, "config check");
    assert_run(&c->rig, 0, "push", "safe", rows, "--key-field", "id", "--kafka-config", push);
    lg_rig_assert_err(&c->rig, "sasl.password.file");
    lg_rig_assert_err(&c->rig, sentence);
    assert_no_secret(&c->rig.err, "push");
}

/* --- The program. ----------------------------------------------------------------------------- */
static int set_up(void **state)
{
    LG_AUTO_STR char *password = NULL;
    LG_AUTO_STR char *lines = NULL;

    (void)state;
    lg_cluster_engines_start_secure();
    lg_cluster_start(c, &(struct lg_cluster_options){
                            .controllers = 1, .routers = 1, .servers = 2, .secure = true});
    password = lg_rig_path(&c->rig, "password");
    lines = secure_lines(password, "SCRAM-SHA-512", "ca.pem");
    kafka_conf = file_of("push.conf", lines, 0600);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lg_free(kafka_conf);
    lg_cluster_done(c);
    lg_cluster_engines_done();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_served_over_tls_with_a_password),
        cmocka_unit_test(strangers_can_do_nothing_with_the_nodes_of_zookeeper),
        cmocka_unit_test(what_was_asked_for_a_topic_is_what_kafka_has),
        cmocka_unit_test(whom_kafka_does_not_let_in_is_told_so_and_why),
        cmocka_unit_test(whom_zookeeper_does_not_let_in_is_told_so_and_why),
        cmocka_unit_test(a_push_that_kafka_does_not_let_in_ends_and_says_why),
        cmocka_unit_test(a_certificate_of_its_own_lets_each_process_in),
        cmocka_unit_test(more_copies_than_brokers_are_refused_with_a_sentence),
        cmocka_unit_test(a_secret_that_everybody_may_read_is_warned_of),
        cmocka_unit_test(no_secret_is_in_a_log_a_listing_or_what_config_shows),
    };

    const char *only = getenv("LAGOON_CLUSTER_ONLY");

    if (only != NULL) /* cmocka's pattern, while one of them is looked at */
        cmocka_set_test_filter(only);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
