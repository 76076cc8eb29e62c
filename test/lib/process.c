#include "test/lib/process.h"

#include "base/clock.h"
#include "base/str.h"
#include "test/test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* A finding of a sanitizer must not look like an exit status of ours. */
#define SANITIZER_STATUS 99
#define OUTPUT_BYTES_MAX ((size_t)64 << 20)
#define ENVIRONMENT_MAX 512u

char *lg_process_binary(void)
{
    const char *given = getenv("LAGOON_BINARY");
    char path[4096];
    ssize_t size;
    char *slash;

    if (given != NULL && given[0] != '\0')
        return lg_strdup(given);
    size = readlink("/proc/self/exe", path, sizeof path - 1);
    assert_true(size > 0);
    path[size] = '\0';
    slash = strrchr(path, '/');
    assert_non_null(slash);
    *slash = '\0';
    return lg_strf("%s/lagoon", path);
}

/* The test's environment, with the child's own entries before those of the same name. */
static char **make_environment(const char *const *extra, char **owned_options)
{
    static const char *const sanitizers[] = {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS",
                                             "LSAN_OPTIONS"};
    char **all = lg_alloc((ENVIRONMENT_MAX + 1) * sizeof(char *));
    size_t n = 0;

    for (size_t i = 0; i < LG_ARRAY_SIZE(sanitizers); i++) {
        const char *options = getenv(sanitizers[i]);

        owned_options[i] = lg_strf("%s=%s:exitcode=%d", sanitizers[i],
                                   options == NULL ? "" : options, SANITIZER_STATUS);
        all[n++] = owned_options[i];
    }
    for (size_t i = 0; extra != NULL && extra[i] != NULL; i++)
        all[n++] = (char *)(uintptr_t)extra[i];
    for (char **e = environ; *e != NULL && n < ENVIRONMENT_MAX; e++) {
        const char *equals = strchr(*e, '=');
        size_t name = equals == NULL ? strlen(*e) : (size_t)(equals - *e) + 1;
        bool taken = false;

        for (size_t i = 0; i < n && !taken; i++)
            taken = strncmp(all[i], *e, name) == 0;
        /* What the caller's shell says about Lagoon must not change what is tested. */
        if (!taken && strncmp(*e, "LAGOON_", 7) != 0)
            all[n++] = *e;
    }
    all[n] = NULL;
    return all;
}

static char *join(const char *const *words)
{
    struct lg_buf text = {0};

    lg_buf_append_str(&text, "lagoon");
    for (size_t i = 0; words[i] != NULL; i++)
        lg_buf_appendf(&text, " %s", words[i]);
    return lg_buf_take_str(&text);
}

static int stdin_fd = -1; /* of children to come */

void lg_process_stdin(int fd)
{
    stdin_fd = fd;
}

static LG_NORETURN void be_child(const char *binary, char **argv, char **env,
                                 const struct lg_process *p, pid_t parent)
{
    int null = open("/dev/null", O_RDONLY);

    /* Dies with the test program, also when that died before this line. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent || null < 0 ||
        dup2(stdin_fd < 0 ? null : stdin_fd, STDIN_FILENO) < 0 ||
        dup2(p->out_fd, STDOUT_FILENO) < 0 || dup2(p->err_fd, STDERR_FILENO) < 0)
        _exit(127);
    (void)execve(binary, argv, env);
    _exit(127);
}

void lg_process_start(struct lg_process *p, const char *const *words,
                      const char *const *environment)
{
    LG_AUTO_STR char *binary = lg_process_binary();
    char *options[4], *argv[LG_PROCESS_WORDS_MAX + 2] = {binary};
    char **env = make_environment(environment, options);
    pid_t parent = getpid();
    size_t n = 0;

    for (; words[n] != NULL; n++) {
        assert_true(n < LG_PROCESS_WORDS_MAX);
        argv[n + 1] = (char *)(uintptr_t)words[n];
    }
    if (access(binary, X_OK) != 0)
        fail_msg("%s cannot be run: build it, or name it with LAGOON_BINARY", binary);
    *p = (struct lg_process){.what = join(words)};
    p->out_fd = memfd_create("stdout", MFD_CLOEXEC);
    p->err_fd = memfd_create("stderr", MFD_CLOEXEC);
    assert_true(p->out_fd >= 0 && p->err_fd >= 0);
    p->pid = fork();
    assert_true(p->pid >= 0);
    if (p->pid == 0)
        be_child(binary, argv, env, p, parent);
    p->pid_fd = (int)syscall(SYS_pidfd_open, p->pid, 0);
    assert_true(p->pid_fd >= 0);
    for (size_t i = 0; i < LG_ARRAY_SIZE(options); i++)
        lg_free(options[i]);
    lg_free(env);
}

bool lg_process_ended(struct lg_process *p, uint64_t timeout_ms)
{
    uint64_t until_us = lg_clock_mono_us() + timeout_ms * 1000;
    int raw;

    while (!p->ended) {
        struct pollfd end = {.fd = p->pid_fd, .events = POLLIN};
        uint64_t now_us = lg_clock_mono_us();
        uint64_t left_ms = now_us >= until_us ? 0 : (until_us - now_us + 999) / 1000;
        int ready = poll(&end, 1, (int)LG_MIN(left_ms, (uint64_t)600000));

        if (ready < 0 && errno == EINTR)
            continue;
        assert_true(ready >= 0);
        if (ready == 0 && left_ms == 0)
            return false;
        if (ready == 0)
            continue;
        assert_int_equal(waitpid(p->pid, &raw, 0), p->pid);
        p->ended = true;
        p->status = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
    }
    return true;
}

/* From where a sanitizer speaks; NULL: none does. A failure shows the beginning of a text only. */
static const char *finding(const struct lg_buf *text)
{
    const char *at = strstr((const char *)text->data, "Sanitizer:");

    return at != NULL ? at : strstr((const char *)text->data, "runtime error:");
}

int lg_process_wait(struct lg_process *p, uint64_t timeout_ms)
{
    LG_SCOPED(lg_buf) text = {0};
    bool in_time = lg_process_ended(p, timeout_ms);

    lg_process_stderr(p, &text);
    lg_buf_append_byte(&text, 0);
    if (!in_time)
        fail_msg("`%s` still runs after %llu ms; it said:\n%s", p->what,
                 (unsigned long long)timeout_ms, (const char *)text.data);
    if (p->status == SANITIZER_STATUS || finding(&text) != NULL)
        fail_msg("`%s`: a sanitizer found something:\n%s", p->what,
                 finding(&text) != NULL ? finding(&text) : (const char *)text.data);
    if (p->status == 128 + SIGABRT || p->status == 128 + SIGSEGV || p->status == 127)
        fail_msg("`%s` ended with status %d:\n%s", p->what, p->status, (const char *)text.data);
    return p->status;
}

void lg_process_freeze(pid_t pid)
{
    siginfo_t info;
    int rc;

    assert_int_equal(kill(pid, SIGSTOP), 0);
    do {
        rc = waitid(P_PID, (id_t)pid, &info, WSTOPPED | WEXITED | WNOWAIT);
    } while (rc != 0 && errno == EINTR);
    assert_int_equal(rc, 0);
}

void lg_process_signal(struct lg_process *p, int signo)
{
    if (!p->ended && signo == SIGSTOP)
        lg_process_freeze(p->pid);
    else if (!p->ended)
        assert_int_equal(kill(p->pid, signo), 0);
}

void lg_process_kill(struct lg_process *p)
{
    if (!lg_process_ended(p, 0))
        lg_process_signal(p, SIGKILL);
    (void)lg_process_wait(p, 10000);
}

static void read_all(int fd, struct lg_buf *out)
{
    off_t at = 0;
    ssize_t got;

    do {
        uint8_t *room = lg_buf_reserve(out, 1 << 16);

        assert_true(room != NULL && (size_t)at < OUTPUT_BYTES_MAX);
        got = pread(fd, room, 1 << 16, at);
        assert_true(got >= 0);
        lg_buf_commit(out, (size_t)got);
        at += got;
    } while (got > 0);
}

void lg_process_stdout(const struct lg_process *p, struct lg_buf *out)
{
    read_all(p->out_fd, out);
}

void lg_process_stderr(const struct lg_process *p, struct lg_buf *out)
{
    read_all(p->err_fd, out);
}

void lg_process_done(struct lg_process *p)
{
    int raw;

    if (p->pid > 0 && !p->ended) {
        (void)kill(p->pid, SIGKILL);
        (void)waitpid(p->pid, &raw, 0);
    }
    if (p->pid > 0) {
        (void)close(p->pid_fd);
        (void)close(p->out_fd);
        (void)close(p->err_fd);
    }
    lg_free(p->what);
    *p = (struct lg_process){0};
}

void lg_process_pause(uint64_t ms)
{
    (void)poll(NULL, 0, (int)ms);
}
