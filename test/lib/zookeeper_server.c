#include "test/lib/zookeeper_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "test/test.h"

#define JAVA "/usr/bin/java"
#define CLASS_PATH "/usr/share/java/zookeeper.jar:/usr/share/java/slf4j-simple.jar"
#define READY_MS 60000u
#define CLASHES_MAX 5

static struct sockaddr_in loopback(unsigned port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* A port that nobody listens on at this moment. */
static unsigned free_port(void)
{
    struct sockaddr_in a = loopback(0);
    socklen_t size = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
    assert_int_equal(close(fd), 0);
    return ntohs(a.sin_port);
}

/* Four letters out, the beginning of the answer back. */
static bool answers(unsigned port)
{
    struct sockaddr_in a = loopback(port);
    struct timeval patience = {.tv_sec = 1};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char text[5] = {0};
    bool ok;

    assert_true(fd >= 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ok = connect(fd, (struct sockaddr *)&a, sizeof a) == 0 &&
         send(fd, "ruok", 4, MSG_NOSIGNAL) == 4 && recv(fd, text, 4, MSG_WAITALL) == 4 &&
         strcmp(text, "imok") == 0;
    (void)close(fd);
    return ok;
}

static void write_config(const struct lg_zookeeper_server *z)
{
    LG_AUTO_STR char *path = lg_strf("%s/zoo.cfg", z->folder);
    LG_AUTO_STR char *text = lg_strf("tickTime=%u\n"
                                     "maxSessionTimeout=%u\n"
                                     "initLimit=10\n"
                                     "syncLimit=5\n"
                                     "dataDir=%s/data\n"
                                     "clientPort=%u\n"
                                     "clientPortAddress=127.0.0.1\n"
                                     "maxClientCnxns=0\n"
                                     "admin.enableServer=false\n"
                                     "4lw.commands.whitelist=ruok\n"
                                     "extendedTypesEnabled=true\n"
                                     "forceSync=no\n",
                                     z->tick_ms, LG_ZOOKEEPER_SESSION_MS_MAX, z->folder, z->port);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(close(fd), 0);
}

static LG_NORETURN void be_server(const char *const *words, const struct lg_process *p,
                                  pid_t parent)
{
    int null = open("/dev/null", O_RDONLY);

    /* Dies with the test program, also when that died before this line. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent || null < 0 ||
        dup2(null, STDIN_FILENO) < 0 || dup2(p->out_fd, STDOUT_FILENO) < 0 ||
        dup2(p->err_fd, STDERR_FILENO) < 0)
        _exit(127);
    (void)execv(words[0], (char *const *)(uintptr_t)words);
    _exit(127);
}

static void launch(struct lg_zookeeper_server *z)
{
    LG_AUTO_STR char *config = lg_strf("%s/zoo.cfg", z->folder);
    LG_AUTO_STR char *jute = lg_strf(
        "-Djute.maxbuffer=%zu", z->packet_bytes_max == 0 ? (size_t)1048575 : z->packet_bytes_max);
    const char *words[] = {JAVA,
                           "-Xmx256m",
                           "-XX:+UseSerialGC",
                           "-XX:TieredStopAtLevel=1",
                           jute,
                           "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                           "-cp",
                           CLASS_PATH,
                           "org.apache.zookeeper.server.quorum.QuorumPeerMain",
                           config,
                           NULL};
    pid_t parent = getpid();

    z->process = (struct lg_process){.what = lg_strf("ZooKeeper on port %u", z->port)};
    z->process.out_fd = memfd_create("stdout", MFD_CLOEXEC);
    z->process.err_fd = memfd_create("stderr", MFD_CLOEXEC);
    assert_true(z->process.out_fd >= 0 && z->process.err_fd >= 0);
    z->process.pid = fork();
    assert_true(z->process.pid >= 0);
    if (z->process.pid == 0)
        be_server(words, &z->process, parent);
    z->process.pid_fd = (int)syscall(SYS_pidfd_open, z->process.pid, 0);
    assert_true(z->process.pid_fd >= 0);
}

/* False when the process has ended by itself, as when another one has taken the port. */
static bool becomes_ready(struct lg_zookeeper_server *z)
{
    uint64_t until_us = lg_clock_mono_us() + READY_MS * 1000;

    while (!answers(z->port)) {
        if (lg_process_ended(&z->process, 20))
            return false;
        if (lg_clock_mono_us() > until_us)
            fail_msg("ZooKeeper on port %u does not answer after %u ms", z->port, READY_MS);
    }
    return true;
}

static LG_NORETURN void explain(struct lg_zookeeper_server *z)
{
    LG_SCOPED(lg_buf) text = {0};

    lg_process_stdout(&z->process, &text);
    lg_process_stderr(&z->process, &text);
    lg_buf_append_byte(&text, 0);
    fail_msg("ZooKeeper does not start on port %u:\n%s", z->port, (const char *)text.data);
    abort();
}

void lg_zookeeper_server_start(struct lg_zookeeper_server *z, unsigned tick_ms,
                               size_t packet_bytes_max)
{
    if (access(JAVA, X_OK) != 0)
        fail_msg("%s is missing: apt-get install openjdk-17-jdk-headless", JAVA);
    if (access("/usr/share/java/zookeeper.jar", R_OK) != 0)
        fail_msg("/usr/share/java/zookeeper.jar is missing: apt-get install zookeeper");
    *z = (struct lg_zookeeper_server){.folder = "/tmp/lagoon-zookeeper-XXXXXX",
                                      .tick_ms = tick_ms,
                                      .packet_bytes_max = packet_bytes_max};
    assert_non_null(mkdtemp(z->folder));
    for (int i = 0; i < CLASHES_MAX; i++) {
        LG_AUTO_STR char *address = NULL;

        z->port = free_port();
        address = lg_strf("127.0.0.1:%u", z->port);
        memcpy(z->address, address, strlen(address) + 1);
        write_config(z);
        launch(z);
        if (becomes_ready(z))
            return;
        if (i < CLASHES_MAX - 1)
            lg_process_done(&z->process);
    }
    explain(z);
}

void lg_zookeeper_server_kill(struct lg_zookeeper_server *z)
{
    lg_process_done(&z->process);
}

void lg_zookeeper_server_restart(struct lg_zookeeper_server *z)
{
    launch(z);
    if (!becomes_ready(z))
        explain(z);
}

void lg_zookeeper_server_stop(struct lg_zookeeper_server *z)
{
    lg_process_signal(&z->process, SIGSTOP);
}

void lg_zookeeper_server_continue(struct lg_zookeeper_server *z)
{
    lg_process_signal(&z->process, SIGCONT);
}

static int remove_entry(const char *path, const struct stat *stat, int type, struct FTW *ftw)
{
    (void)stat, (void)type, (void)ftw;
    return remove(path);
}

void lg_zookeeper_server_done(struct lg_zookeeper_server *z)
{
    lg_process_done(&z->process);
    if (z->folder[0] != '\0')
        assert_int_equal(nftw(z->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
    *z = (struct lg_zookeeper_server){0};
}
