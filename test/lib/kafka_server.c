#include "test/lib/kafka_server.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/str.h"
#include "test/lib/process.h"
#include "test/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define READY_MS 120000u
#define STARTS_MAX 5u
#define HEAP_MB 384u
#define SMALL_HEAP_MB 256u
/* Below the range that the system gives to clients, so that a restart finds its port free. */
#define PORT_FIRST 18000u
#define PORT_COUNT 13000u
#define OUTPUT_MAX ((size_t)8 << 20)

/* --- Files ---------------------------------------------------------------------------------- */

static void write_file(const struct lg_kafka_server *s, const char *name, const struct lg_buf *text)
{
    LG_AUTO_STR char *path = lg_strf("%s/%s", s->folder, name);
    FILE *f = fopen(path, "we");

    assert_non_null(f);
    assert_int_equal(fwrite(text->data, 1, text->size, f), text->size);
    assert_int_equal(fclose(f), 0);
}

static void read_output(const struct lg_kafka_server *s, struct lg_buf *out)
{
    LG_AUTO_STR char *path = lg_strf("%s/output", s->folder);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = 1;

    lg_buf_clear(out);
    if (fd < 0 && errno == ENOENT)
        return; /* The process has not come so far as to open it. */
    assert_true(fd >= 0);
    while (got > 0 && out->size < OUTPUT_MAX) {
        uint8_t *room = lg_buf_reserve(out, 65536);

        assert_non_null(room);
        got = read(fd, room, 65536);
        assert_true(got >= 0);
        lg_buf_commit(out, (size_t)got);
    }
    (void)close(fd);
}

static bool says(const struct lg_buf *text, const char *words)
{
    return text->size > 0 && memmem(text->data, text->size, words, strlen(words)) != NULL;
}

/* The output of a command, without its last newline; fails the test when the command fails. */
static char *output_of(const char *command)
{
    LG_SCOPED(lg_buf) text = {0};
    FILE *f = popen(command, "re");
    size_t got;

    assert_non_null(f);
    do {
        uint8_t *room = lg_buf_reserve(&text, 4096);

        got = fread(room, 1, 4096, f);
        lg_buf_commit(&text, got);
    } while (got > 0);
    if (pclose(f) != 0)
        fail_msg("`%s` failed: %.*s", command, (int)text.size, (const char *)text.data);
    while (text.size > 0 && text.data[text.size - 1] == '\n')
        text.size--;
    return lg_buf_take_str(&text);
}

/* --- Configuration -------------------------------------------------------------------------- */

static unsigned free_port(void)
{
    static unsigned next;

    if (next == 0)
        next = (unsigned)getpid() * 37u;
    for (unsigned tries = 0; tries < PORT_COUNT; tries++) {
        unsigned port = PORT_FIRST + next++ % PORT_COUNT;
        struct sockaddr_in a = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool is_free;

        assert_true(fd >= 0);
        is_free = bind(fd, (struct sockaddr *)&a, sizeof a) == 0;
        (void)close(fd);
        if (is_free)
            return port;
    }
    fail_msg("no port is free");
    return 0;
}

/* An authority of our own, a broker's and a client's certificate. */
static void make_certificates(const struct lg_kafka_server *s)
{
    static const char script[] =
        "cd %s && exec 2>&1 && "
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ca -keyout ca.key -out ca.pem "
        "&& for who in broker client; do "
        "openssl req -newkey rsa:2048 -nodes -subj /CN=$who -keyout $who.key -out $who.csr && "
        "printf 'subjectAltName=IP:127.0.0.1\\n' > $who.ext && "
        "openssl x509 -req -in $who.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 "
        "-extfile $who.ext -out $who.pem || exit 1; done && cat broker.key broker.pem > store.pem";
    LG_AUTO_STR char *command = lg_strf(script, s->folder);
    LG_AUTO_STR char *output = output_of(command);

    (void)output;
}

static void write_security(const struct lg_kafka_server *s, struct lg_buf *t)
{
    lg_buf_appendf(t,
                   "sasl.enabled.mechanisms=PLAIN\n"
                   "listener.name.sasl.plain.sasl.jaas.config="
                   "org.apache.kafka.common.security.plain.PlainLoginModule required "
                   "user_lagoon=\"secret\";\n"
                   "ssl.keystore.type=PEM\nssl.keystore.location=%s/store.pem\n"
                   "ssl.truststore.type=PEM\nssl.truststore.location=%s/ca.pem\n"
                   "ssl.client.auth=required\n"
                   "listener.name.safe.ssl.client.auth=none\n"
                   "listener.name.safe.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512\n"
                   "listener.name.safe.plain.sasl.jaas.config="
                   "org.apache.kafka.common.security.plain.PlainLoginModule required "
                   "user_lagoon=\"secret\";\n"
                   "listener.name.safe.scram-sha-512.sasl.jaas.config="
                   "org.apache.kafka.common.security.scram.ScramLoginModule required;\n",
                   s->folder, s->folder);
}

static void write_config(const struct lg_kafka_server *s)
{
    LG_SCOPED(lg_buf) t = {0};
    LG_SCOPED(lg_buf) log = {0};
    LG_AUTO_STR char *more =
        s->with_security ? lg_strf(",SASL://127.0.0.1:%u,TLS://127.0.0.1:%u,SAFE://127.0.0.1:%u",
                                   s->sasl_port, s->tls_port, s->safe_port)
                         : lg_strf("%s", "");

    LG_AUTO_STR char *controller = s->node == 1
                                       ? lg_strf(",CONTROLLER://127.0.0.1:%u", s->controller_port)
                                       : lg_strf("%s", "");

    lg_buf_appendf(&t,
                   "process.roles=broker%s\nnode.id=%u\n"
                   "controller.quorum.voters=1@127.0.0.1:%u\n"
                   "listeners=PLAINTEXT://127.0.0.1:%u%s%s\n"
                   "advertised.listeners=PLAINTEXT://127.0.0.1:%u%s\n",
                   s->node == 1 ? ",controller" : "", s->node, s->controller_port, s->port,
                   controller, more, s->port, more);
    lg_buf_appendf(
        &t,
        "controller.listener.names=CONTROLLER\ninter.broker.listener.name=PLAINTEXT\n"
        "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,"
        "SASL:SASL_PLAINTEXT,TLS:SSL,SAFE:SASL_SSL\n"
        "log.dirs=%s/data\nnum.partitions=1\noffsets.topic.replication.factor=1\n"
        "offsets.topic.num.partitions=1\nauto.create.topics.enable=false\n"
        "group.initial.rebalance.delay.ms=0\nlog.cleaner.dedupe.buffer.size=2097152\n"
        "transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n"
        "transaction.state.log.num.partitions=1\n"
        /* After a kill it is let in again when the controller has missed it for so long. */
        "broker.session.timeout.ms=1500\nbroker.heartbeat.interval.ms=300\n"
        "num.network.threads=2\nnum.io.threads=2\nreplica.lag.time.max.ms=3000\n"
        /* Tests wait for the cleaner and for retention. */
        "log.cleaner.backoff.ms=200\nlog.retention.check.interval.ms=300\n"
        "log.initial.task.delay.ms=300\nlog.index.size.max.bytes=65536\n",
        s->folder);
    if (s->with_security)
        write_security(s, &t);
    write_file(s, "server.properties", &t);
    lg_buf_append_str(&log, "log4j.rootLogger=WARN, C\n"
                            "log4j.logger.kafka.server.KafkaRaftServer=INFO\n"
                            "log4j.appender.C=org.apache.log4j.ConsoleAppender\n"
                            "log4j.appender.C.layout=org.apache.log4j.PatternLayout\n"
                            "log4j.appender.C.layout.ConversionPattern=%d %p %c %m%n\n");
    write_file(s, "log4j.properties", &log);
}

/* What the broker's own tool for it would write. */
static void format_data(const struct lg_kafka_server *s)
{
    LG_AUTO_STR char *data = lg_strf("mkdir -p %s/data", s->folder);
    LG_AUTO_STR char *output = output_of(data);
    LG_SCOPED(lg_buf) t = {0};

    (void)output;
    lg_buf_appendf(&t,
                   "version=1\nnode.id=%u\ncluster.id=TGFnb29uVGVzdHNLYWZrYQ\n"
                   "directory.id=AAAAAAAAAAAAAAAAAAA%uAg\n",
                   s->node, s->node);
    write_file(s, "data/meta.properties", &t);
}

/* --- The process ---------------------------------------------------------------------------- */

static LG_NORETURN void be_broker(const struct lg_kafka_server *s, char *class_path, pid_t parent)
{
    LG_AUTO_STR char *output = lg_strf("%s/output", s->folder);
    LG_AUTO_STR char *log = lg_strf("-Dlog4j.configuration=file:%s/log4j.properties", s->folder);
    LG_AUTO_STR char *config = lg_strf("%s/server.properties", s->folder);
    int null = open("/dev/null", O_RDONLY);
    int out = open(output, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    LG_AUTO_STR char *xmx = lg_strf("-Xmx%um", s->heap_mb);
    char java[] = "java", gc[] = "-XX:+UseSerialGC", tier[] = "-XX:TieredStopAtLevel=1",
         cp[] = "-cp", name[] = "kafka.Kafka";
    char *argv[] = {java, xmx, gc, tier, log, cp, class_path, name, config, NULL};

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent || null < 0 || out < 0 ||
        dup2(null, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
        dup2(out, STDERR_FILENO) < 0)
        _exit(127);
    (void)execvp(java, argv);
    _exit(127);
}

static void run(struct lg_kafka_server *s)
{
    LG_AUTO_STR char *jars = output_of("python3 tools/kafka_jars.py 2>&1");
    LG_AUTO_STR char *class_path = lg_strf("%s/*", jars);
    pid_t parent = getpid();

    s->pid = fork();
    assert_true(s->pid >= 0);
    if (s->pid == 0)
        be_broker(s, class_path, parent);
    s->pid_fd = (int)syscall(SYS_pidfd_open, s->pid, 0);
    assert_true(s->pid_fd >= 0);
}

static void reap(struct lg_kafka_server *s)
{
    int raw;

    assert_int_equal(waitpid(s->pid, &raw, 0), s->pid);
    (void)close(s->pid_fd);
    s->pid = 0;
}

/* False when it ended because one of its ports was taken. */
static bool until_ready(struct lg_kafka_server *s)
{
    uint64_t until_us = lg_clock_mono_us() + READY_MS * 1000ull;
    LG_SCOPED(lg_buf) output = {0};

    for (;;) {
        struct pollfd end = {.fd = s->pid_fd, .events = POLLIN};
        bool ended = poll(&end, 1, 20) > 0;

        if (ended) {
            reap(s);
            read_output(s, &output);
            if (says(&output, "Address already in use"))
                return false;
            fail_msg("the Kafka broker ended (is java 17 installed?): %.*s",
                     (int)LG_MIN(output.size, (size_t)4000), (const char *)output.data);
        }
        read_output(s, &output);
        if (says(&output, "Kafka Server started"))
            return true;
        if (lg_clock_mono_us() > until_us)
            fail_msg("the Kafka broker is not ready after %u ms: %.*s", READY_MS,
                     (int)LG_MIN(output.size, (size_t)4000), (const char *)output.data);
    }
}

static void prepare(struct lg_kafka_server *s, unsigned node, bool with_security)
{
    *s = (struct lg_kafka_server){.folder = "/tmp/lagoon-kafka-XXXXXX",
                                  .node = node,
                                  .heap_mb = HEAP_MB,
                                  .with_security = with_security};
    assert_non_null(mkdtemp(s->folder));
    if (with_security)
        make_certificates(s);
    format_data(s);
}

static void choose_ports(struct lg_kafka_server *s)
{
    s->port = free_port();
    s->controller_port = free_port();
    s->sasl_port = free_port();
    s->tls_port = free_port();
    s->safe_port = free_port();
}

void lg_kafka_server_start(struct lg_kafka_server *s, bool with_security)
{
    prepare(s, 1, with_security);
    for (unsigned tries = 0; tries < STARTS_MAX; tries++) {
        choose_ports(s);
        write_config(s);
        run(s);
        if (until_ready(s)) {
            s->url = lg_strf("kafka://127.0.0.1:%u", s->port);
            return;
        }
    }
    fail_msg("no free ports for a Kafka broker");
}

/* False when one of them found a port taken: then none runs. */
static bool run_all(struct lg_kafka_server *s, size_t n)
{
    bool ready = true;

    for (size_t i = 0; i < n; i++) {
        choose_ports(&s[i]);
        if (i > 0)
            s[i].controller_port = s[0].controller_port;
        write_config(&s[i]);
        run(&s[i]);
    }
    for (size_t i = 0; ready && i < n; i++)
        ready = until_ready(&s[i]);
    for (size_t i = 0; !ready && i < n; i++)
        if (s[i].pid > 0)
            lg_kafka_server_kill(&s[i]);
    return ready;
}

void lg_kafka_servers_start(struct lg_kafka_server *s, size_t n)
{
    assert_true(n <= LG_TEST_BROKERS_MAX); /* A digit tells their folders apart. */
    for (size_t i = 0; i < n; i++) {
        prepare(&s[i], (unsigned)i + 1, /* with_security= */ false);
        s[i].heap_mb = SMALL_HEAP_MB;
    }
    for (unsigned tries = 0; tries < STARTS_MAX; tries++) {
        if (!run_all(s, n))
            continue;
        for (size_t i = 0; i < n; i++)
            s[i].url = lg_strf("kafka://127.0.0.1:%u", s[i].port);
        return;
    }
    fail_msg("no free ports for %zu Kafka brokers", n);
}

char *lg_kafka_servers_url(const struct lg_kafka_server *s, size_t n)
{
    LG_SCOPED(lg_buf) t = {0};

    for (size_t i = 0; i < n; i++)
        lg_buf_appendf(&t, "%s127.0.0.1:%u", i == 0 ? "kafka://" : ",", s[i].port);
    return lg_buf_take_str(&t);
}

/* One of Kafka's own tools, against the listener without security. */
static char *run_config_tool(const struct lg_kafka_server *s, const char *words)
{
    LG_AUTO_STR char *jars = output_of("python3 tools/kafka_jars.py 2>&1");
    LG_AUTO_STR char *command = lg_strf(
        "java -Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 "
        "-Dlog4j.configuration=file:%s/log4j.properties -cp '%s/*' kafka.admin.ConfigCommand "
        "--bootstrap-server 127.0.0.1:%u %s 2>&1",
        s->folder, jars, s->port, words);

    return output_of(command);
}

void lg_kafka_server_scram(const struct lg_kafka_server *s, const char *password)
{
    LG_AUTO_STR char *words = lg_strf("--alter --entity-type users --entity-name lagoon "
                                      "--add-config 'SCRAM-SHA-512=[password=%s]'",
                                      password);
    LG_AUTO_STR char *output = run_config_tool(s, words);

    (void)output;
}

char *lg_kafka_server_topic_config(const struct lg_kafka_server *s, const char *topic)
{
    LG_AUTO_STR char *words = lg_strf("--describe --entity-type topics --entity-name %s", topic);

    return run_config_tool(s, words);
}

void lg_kafka_server_kill(struct lg_kafka_server *s)
{
    assert_int_equal(kill(s->pid, SIGKILL), 0);
    reap(s);
}

void lg_kafka_server_restart(struct lg_kafka_server *s)
{
    assert_int_equal(s->pid, 0);
    run(s);
    if (!until_ready(s))
        fail_msg("a port of the Kafka broker was taken while it was down");
}

void lg_kafka_server_wipe(const struct lg_kafka_server *s)
{
    LG_AUTO_STR char *command = lg_strf("rm -rf %s/data", s->folder);
    LG_AUTO_STR char *output = output_of(command);

    (void)output;
    assert_int_equal(s->pid, 0);
    format_data(s);
}

void lg_kafka_server_pause(struct lg_kafka_server *s)
{
    lg_process_freeze(s->pid);
}

void lg_kafka_server_resume(struct lg_kafka_server *s)
{
    assert_int_equal(kill(s->pid, SIGCONT), 0);
}

void lg_kafka_server_done(struct lg_kafka_server *s)
{
    if (s->pid > 0)
        lg_kafka_server_kill(s);
    if (s->folder[0] != '\0') {
        LG_AUTO_STR char *command = lg_strf("rm -rf %s", s->folder);
        LG_AUTO_STR char *output = output_of(command);

        (void)output;
    }
    lg_free(s->url);
    *s = (struct lg_kafka_server){0};
}
