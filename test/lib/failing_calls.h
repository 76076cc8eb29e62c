/* System calls that fail on purpose: the n-th that the program makes from now on, counted over all
 * of its threads, with an errno of one's choice.
 *
 * Include this in exactly one file of a test program: it defines the C library's functions anew, in
 * front of the C library, and they must stand in the program itself. Unarmed they only pass on.
 * Reads and writes that are not of sockets pass uncounted when `sockets_only`: libuv's own wake-ups
 * may not fail. Neither may the pipe that it makes for signals, once in a process: it aborts
 * without.
 */
#ifndef LG_TEST_LIB_FAILING_CALLS_H
#define LG_TEST_LIB_FAILING_CALLS_H

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define LG_CALL_SHORT 0 /* in place of an errno: half of what was asked for is transferred */

static uint64_t failing_in; /* Atomic: so many calls on, one fails; 0: not armed */
static int failing_with;    /* errno, or LG_CALL_SHORT */
static bool failing_come;   /* Atomic: it has failed */
static bool failing_sockets_only;
static const char *failing_name; /* of the call that failed */

static void fail_call_at(uint64_t nth, int with, bool sockets_only)
{
    failing_with = with;
    failing_sockets_only = sockets_only;
    failing_name = "none";
    __atomic_store_n(&failing_come, false, __ATOMIC_SEQ_CST);
    __atomic_store_n(&failing_in, nth, __ATOMIC_SEQ_CST);
}

static bool call_must_fail(const char *name)
{
    if (__atomic_load_n(&failing_in, __ATOMIC_SEQ_CST) == 0 ||
        __atomic_sub_fetch(&failing_in, 1, __ATOMIC_SEQ_CST) != 0)
        return false;
    failing_name = name;
    (void)dprintf(STDERR_FILENO, "%s fails. ", name);
    __atomic_store_n(&failing_come, true, __ATOMIC_SEQ_CST);
    errno = failing_with;
    return true;
}

static bool call_counts(int fd)
{
    struct stat st;
    int saved = errno;
    bool counts = !failing_sockets_only || (fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode));

    errno = saved;
    return counts;
}

#define LG_CALL __attribute__((visibility("default")))
#define LG_REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* A call that fails or does not. */
#define LG_FAILING(type, name, params, args)                                                       \
    LG_CALL type name params                                                                       \
    {                                                                                              \
        static __typeof__(&name) real;                                                             \
                                                                                                   \
        if (real == NULL)                                                                          \
            real = LG_REAL(name);                                                                  \
        return failing_with != LG_CALL_SHORT && call_must_fail(#name) ? (type)-1 : real args;      \
    }

/* A transfer of `size` bytes of `fd`, which may also be short. */
#define LG_FAILING_TRANSFER(name, params, args, short_args)                                        \
    LG_CALL ssize_t name params                                                                    \
    {                                                                                              \
        static __typeof__(&name) real;                                                             \
                                                                                                   \
        if (real == NULL)                                                                          \
            real = LG_REAL(name);                                                                  \
        if (call_counts(fd) && size > 0 && call_must_fail(#name))                                  \
            return failing_with == LG_CALL_SHORT ? real short_args : -1;                           \
        return real args;                                                                          \
    }

LG_FAILING_TRANSFER(pread, (int fd, void *data, size_t size, off_t at), (fd, data, size, at),
                    (fd, data, (size + 1) / 2, at))
LG_FAILING_TRANSFER(pwrite, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at),
                    (fd, data, (size + 1) / 2, at))
LG_FAILING_TRANSFER(read, (int fd, void *data, size_t size), (fd, data, size),
                    (fd, data, (size + 1) / 2))
LG_FAILING_TRANSFER(write, (int fd, const void *data, size_t size), (fd, data, size),
                    (fd, data, (size + 1) / 2))
LG_FAILING(ssize_t, sendmsg, (int fd, const struct msghdr *m, int flags), (fd, m, flags))
LG_FAILING(int, fdatasync, (int fd), (fd))
LG_FAILING(int, fsync, (int fd), (fd))
LG_FAILING(int, ftruncate, (int fd, off_t size), (fd, size))
LG_FAILING(int, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to))
LG_FAILING(int, unlinkat, (int fd, const char *path, int flags), (fd, path, flags))
LG_FAILING(int, mkdirat, (int fd, const char *path, mode_t mode), (fd, path, mode))
LG_FAILING(int, socket, (int domain, int type, int protocol), (domain, type, protocol))
LG_FAILING(int, connect, (int fd, const struct sockaddr *to, socklen_t size), (fd, to, size))
LG_FAILING(int, epoll_create1, (int flags), (flags))
LG_FAILING(int, eventfd, (unsigned value, int flags), (value, flags))

LG_CALL int openat(int fd, const char *path, int flags, ...)
{
    static __typeof__(&openat) real;
    va_list ap;
    mode_t mode;

    if (real == NULL)
        real = LG_REAL(openat);
    va_start(ap, flags);
    mode = va_arg(ap, mode_t); /* Without O_CREAT nobody looks at it. */
    va_end(ap);
    return failing_with != LG_CALL_SHORT && call_must_fail("openat") ? -1
                                                                     : real(fd, path, flags, mode);
}

#endif
