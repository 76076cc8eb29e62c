/* Where log lines end: standard error, a file with rotation, the journal. Any thread: one mutex,
 * held while a line is written, keeps lines whole and in order.
 *
 * Losing lines is worse than a slow one, so rotation happens on the thread whose line fills the
 * file: some renames. A target that fails is passed over for standard error line by line; it is
 * tried again with the next line.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/metrics.h"
#include "base/str.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define ROTATED_MAX 10000u /* what a keep that was lowered may have left */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* All below. */
static struct {
    enum lg_log_to to;
    int fd; /* of the file, or of the socket; -1: none */
    uint64_t size, rotate_bytes;
    unsigned rotate_keep;
    char path[LG_LOG_PATH_MAX];
    struct sockaddr_un journal;
} target = {.fd = -1};

static bool write_all(int fd, struct lg_slice bytes)
{
    while (bytes.size > 0) {
        ssize_t n = write(fd, bytes.data, bytes.size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes = lg_slice_skip(bytes, (size_t)n);
    }
    return true;
}

/* Two parts of one line in one write, so that lines of several processes do not mix. */
static bool write_line(int fd, struct lg_slice first, struct lg_slice second)
{
    uint8_t line[LG_LOG_LINE_MAX + 64];

    assert(first.size + second.size <= sizeof line);
    memcpy(line, first.data, first.size);
    memcpy(line + first.size, second.data, second.size);
    return write_all(fd, lg_slice(line, first.size + second.size));
}

/* --- Files. ----------------------------------------------------------------------------------- */
static enum lg_rc open_file(const char *path, int *out_fd, uint64_t *out_size, struct lg_error *err)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    struct stat st;

    if (fd < 0)
        return lg_error_errno(err, errno, "log file %s", path);
    *out_size = fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
    *out_fd = fd;
    return LG_OK;
}

static void rotated_name(char *out, size_t size, unsigned i)
{
    if (i == 0)
        (void)snprintf(out, size, "%s", target.path);
    else
        (void)snprintf(out, size, "%s.%u", target.path, i);
}

/* FILE.1 becomes FILE.2 and so on; what is beyond `keep` goes. When that fails the file simply
 * grows, and the next try comes when it has grown by as much again. */
static void rotate(void)
{
    char from[LG_LOG_PATH_MAX + 16], to[LG_LOG_PATH_MAX + 16];
    struct lg_error err;
    int fd;

    for (unsigned i = LG_MAX(target.rotate_keep, 1u); i < ROTATED_MAX; i++) {
        rotated_name(to, sizeof to, i);
        if (unlink(to) != 0)
            break;
    }
    for (unsigned i = LG_MAX(target.rotate_keep, 1u); i > 0; i--) {
        rotated_name(from, sizeof from, i - 1);
        rotated_name(to, sizeof to, i);
        (void)rename(from, to); /* There may be fewer yet. */
    }
    target.size = 0;
    if (open_file(target.path, &fd, &target.size, &err) != LG_OK)
        return;
    (void)close(target.fd);
    target.fd = fd;
}

static bool write_to_file(struct lg_slice time, struct lg_slice text)
{
    uint64_t n = time.size + text.size;

    if (target.fd < 0)
        return false;
    if (target.rotate_bytes > 0 && target.size > 0 && target.size + n > target.rotate_bytes)
        rotate();
    target.size += n;
    return write_line(target.fd, time, text);
}

/* --- The journal. ----------------------------------------------------------------------------- */
static int priority_of(enum lg_log_level level)
{
    static const int priorities[] = {7, 6, 4, 3, 3}; /* As syslog counts. */

    return priorities[level];
}

/* Is standard error what JOURNAL_STREAM ("device:inode") names? */
static bool is_journal_stream(const char *stream)
{
    struct stat st;
    char mine[64];

    if (stream == NULL || fstat(STDERR_FILENO, &st) != 0)
        return false;
    (void)snprintf(mine, sizeof mine, "%llu:%llu", (unsigned long long)st.st_dev,
                   (unsigned long long)st.st_ino);
    return strcmp(mine, stream) == 0;
}

static bool write_to_journal(enum lg_log_level level, const char *event, struct lg_slice text)
{
    char message[LG_LOG_LINE_MAX + 512];
    int n;

    if (target.fd < 0) { /* By way of standard error. */
        char prefix[8];

        (void)snprintf(prefix, sizeof prefix, "<%d>", priority_of(level));
        return write_line(STDERR_FILENO, lg_slice_str(prefix), text);
    }
    n = snprintf(message, sizeof message,
                 "PRIORITY=%d\nSYSLOG_IDENTIFIER=lagoon\nLAGOON_EVENT=%.200s\nMESSAGE=%.*s",
                 priority_of(level), event, LG_FMT(text));
    return n > 0 && sendto(target.fd, message, LG_MIN((size_t)n, sizeof message - 1), MSG_NOSIGNAL,
                           (const struct sockaddr *)&target.journal, sizeof target.journal) == n;
}

static enum lg_rc open_journal(const struct lg_log_target *t, int *out_fd, struct sockaddr_un *out,
                               struct lg_error *err)
{
    const char *path = t->socket == NULL ? JOURNAL_SOCKET : t->socket;
    int fd;

    *out_fd = -1;
    if (is_journal_stream(t->stream))
        return LG_OK;
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof out->sun_path)
        return lg_error_set(err, LG_ERR_INVALID, "the journal's socket %s has too long a name",
                            path);
    memcpy(out->sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return lg_error_errno(err, errno, "the journal's socket");
    if (access(path, W_OK) != 0) {
        (void)close(fd);
        return lg_error_set(err, LG_ERR_UNAVAILABLE,
                            "there is no journal at %s; say log_to = stderr or file", path);
    }
    *out_fd = fd;
    return LG_OK;
}

/* --- Both. ------------------------------------------------------------------------------------ */
static enum lg_rc check_length(const struct lg_log_target *t, struct lg_error *err)
{
    if (t->to == LG_LOG_TO_FILE && strlen(t->path) >= LG_LOG_PATH_MAX)
        return lg_error_set(err, LG_ERR_INVALID, "the log file's path is too long");
    return LG_OK;
}

/* As open(O_CREAT) judges it: the file, or where it would be made. */
static enum lg_rc check_file(const char *path, struct lg_error *err)
{
    char folder[LG_LOG_PATH_MAX];
    const char *slash = strrchr(path, '/');
    struct stat st;
    bool is_there = stat(path, &st) == 0;

    if (is_there && S_ISDIR(st.st_mode))
        return lg_error_errno(err, EISDIR, "log file %s", path);
    if (slash == NULL)
        (void)snprintf(folder, sizeof folder, ".");
    else
        (void)snprintf(folder, sizeof folder, "%.*s", (int)(slash - path) + 1, path);
    if (access(is_there ? path : folder, W_OK) != 0)
        return lg_error_errno(err, errno, "log file %s", path);
    return LG_OK;
}

enum lg_rc lg_log_check(const struct lg_log_target *t, struct lg_error *err)
{
    struct sockaddr_un journal;
    enum lg_rc rc = check_length(t, err);
    int fd = -1;

    if (rc == LG_OK && t->to == LG_LOG_TO_FILE)
        rc = check_file(t->path, err);
    else if (rc == LG_OK && t->to == LG_LOG_TO_JOURNAL)
        rc = open_journal(t, &fd, &journal, err);
    if (fd >= 0)
        (void)close(fd);
    return rc;
}

enum lg_rc lg_log_open(const struct lg_log_target *t, struct lg_error *err)
{
    struct sockaddr_un journal = {0};
    uint64_t size = 0;
    int fd = -1;
    enum lg_rc rc = check_length(t, err);

    if (rc == LG_OK && t->to == LG_LOG_TO_FILE)
        rc = open_file(t->path, &fd, &size, err);
    else if (rc == LG_OK && t->to == LG_LOG_TO_JOURNAL)
        rc = open_journal(t, &fd, &journal, err);
    if (rc != LG_OK)
        return rc;
    pthread_mutex_lock(&mutex);
    if (target.fd >= 0)
        (void)close(target.fd);
    target.to = t->to;
    target.fd = fd;
    target.size = size;
    target.rotate_bytes = t->rotate_bytes;
    target.rotate_keep = t->rotate_keep;
    target.journal = journal;
    if (t->to == LG_LOG_TO_FILE)
        memcpy(target.path, t->path, strlen(t->path) + 1);
    pthread_mutex_unlock(&mutex);
    return LG_OK;
}

enum lg_rc lg_log_reopen(struct lg_error *err)
{
    enum lg_rc rc = LG_OK;
    int fd;

    pthread_mutex_lock(&mutex);
    if (target.to == LG_LOG_TO_FILE) {
        rc = open_file(target.path, &fd, &target.size, err);
        if (rc == LG_OK) {
            (void)close(target.fd);
            target.fd = fd;
        }
    }
    pthread_mutex_unlock(&mutex);
    return rc;
}

void lg_log_set_rotation(uint64_t rotate_bytes, unsigned rotate_keep)
{
    pthread_mutex_lock(&mutex);
    target.rotate_bytes = rotate_bytes;
    target.rotate_keep = rotate_keep;
    pthread_mutex_unlock(&mutex);
}

void lg_log_close(void)
{
    pthread_mutex_lock(&mutex);
    if (target.fd >= 0)
        (void)close(target.fd);
    target.to = LG_LOG_TO_STDERR;
    target.fd = -1;
    pthread_mutex_unlock(&mutex);
}

void lg_log_write(enum lg_log_level level, const char *event, struct lg_slice time,
                  struct lg_slice text)
{
    bool written = false;

    pthread_mutex_lock(&mutex);
    if (target.to == LG_LOG_TO_FILE)
        written = write_to_file(time, text);
    else if (target.to == LG_LOG_TO_JOURNAL)
        written = write_to_journal(level, event, text);
    if (!written && target.to != LG_LOG_TO_STDERR)
        lg_metric_add(&lg_metric_log_write_errors_total, 0, 1);
    if (!written) /* Behind that there is nowhere left to report to. */
        (void)write_line(STDERR_FILENO, time, text);
    pthread_mutex_unlock(&mutex);
}
