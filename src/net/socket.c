#include "net/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <unistd.h>

#define BACKLOG 1024

bool lg_socket_address(const char *host, uint16_t port, struct sockaddr_storage *out,
                       socklen_t *out_size)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

    memset(out, 0, sizeof(*out));
    if (strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    if (inet_pton(AF_INET, host, &in.sin_addr) == 1) {
        memcpy(out, &in, sizeof(in));
        *out_size = sizeof(in);
        return true;
    }
    if (inet_pton(AF_INET6, host, &in6.sin6_addr) == 1) {
        memcpy(out, &in6, sizeof(in6));
        *out_size = sizeof(in6);
        return true;
    }
    return false;
}

void lg_socket_name(const struct sockaddr_storage *a, char *out, size_t size)
{
    char ip[INET6_ADDRSTRLEN] = "?";

    if (a->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)a;

        (void)inet_ntop(AF_INET6, &in6->sin6_addr, ip, sizeof(ip));
        (void)snprintf(out, size, "[%s]:%u", ip, (unsigned)ntohs(in6->sin6_port));
    } else {
        const struct sockaddr_in *in = (const struct sockaddr_in *)a;

        (void)inet_ntop(AF_INET, &in->sin_addr, ip, sizeof(ip));
        (void)snprintf(out, size, "%s:%u", ip, (unsigned)ntohs(in->sin_port));
    }
}

enum lg_rc lg_socket_listen_failed(int errnum, const char *host, uint16_t port,
                                   struct lg_error *err)
{
    switch (errnum) {
    case EADDRINUSE:
        return lg_error_set(err, LG_ERR_IN_USE,
                            "port %u on %s is in use by another process; choose another port or "
                            "stop that process",
                            port, host);
    case EACCES:
        return lg_error_set(err, LG_ERR_REFUSED,
                            "port %u on %s is reserved for privileged processes; choose one above "
                            "1023",
                            port, host);
    case EADDRNOTAVAIL:
        return lg_error_set(err, LG_ERR_INVALID, "%s is not an address of this machine", host);
    default:
        return lg_error_set(err, LG_ERR_IO, "cannot listen on %s:%u: %s", host, port,
                            strerror(errnum));
    }
}

/* A listening descriptor, or -1 with errno. The first one of an address has it for itself, so that
 * a port in use is told; those that share it later join it by SO_REUSEPORT. SO_REUSEADDR is for the
 * next process: what a joined listener accepted and closed keeps the port for a minute without it.
 */
static int listening(const struct sockaddr_storage *address, socklen_t size, bool joins)
{
    int one = 1, saved;
    int fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
        (!joins || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) == 0) &&
        bind(fd, (const struct sockaddr *)address, size) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    saved = errno;
    (void)close(fd);
    errno = saved;
    return -1;
}

enum lg_rc lg_socket_listen(const char *host, uint16_t port, int *out, struct lg_error *err)
{
    struct sockaddr_storage address;
    socklen_t size;
    int fd;

    if (!lg_socket_address(host, port, &address, &size))
        return lg_error_set(err, LG_ERR_INVALID,
                            "cannot listen on \"%s\": give an address such as 127.0.0.1", host);
    fd = listening(&address, size, /* joins= */ false);
    if (fd < 0)
        return lg_socket_listen_failed(errno, host, port, err);
    *out = fd;
    return LG_OK;
}

enum lg_rc lg_socket_listen_beside(int first, bool instead, int *out, struct lg_error *err)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof(address);
    int one = 1, fd = -1;

    if (instead)
        fd = fcntl(first, F_DUPFD_CLOEXEC, 0);
    else if (getsockname(first, (struct sockaddr *)&address, &size) == 0 &&
             setsockopt(first, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) == 0)
        fd = listening(&address, size, /* joins= */ true);
    if (fd < 0)
        return lg_socket_listen_failed(errno, "its address", lg_socket_port(first), err);
    *out = fd;
    return LG_OK;
}

void lg_socket_close_listening(int fd)
{
    (void)shutdown(fd, SHUT_RDWR); /* There is nobody to tell of a failure. */
    (void)close(fd);
}

uint16_t lg_socket_port(int fd)
{
    struct sockaddr_storage a = {0};
    socklen_t size = sizeof(a);
    int failed = getsockname(fd, (struct sockaddr *)&a, &size);

    assert(failed == 0 && "a bound socket has a name");
    (void)failed;
    return ntohs(a.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&a)->sin6_port
                                         : ((struct sockaddr_in *)&a)->sin_port);
}

void lg_socket_no_delay(int fd)
{
    int one = 1;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

int lg_socket_error(int fd)
{
    int errnum = 0;
    socklen_t size = sizeof(errnum);

    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &errnum, &size) == 0 ? errnum : errno;
}

const char *lg_socket_fault(int errnum)
{
    switch (errnum) {
    case ECONNREFUSED:
        return "connection refused";
    case ECONNRESET:
    case EPIPE:
        return "connection reset by peer";
    default:
        return strerror(errnum);
    }
}
