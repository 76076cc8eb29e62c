#include "main/notify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"

void lg_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t n = path == NULL ? 0 : strlen(path);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    int fd;

    if (n == 0 || n >= sizeof to.sun_path || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(to.sun_path, path, n);
    if (path[0] == '@') /* The abstract name space, which has no file. */
        to.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
                         (const struct sockaddr *)&to, size) < 0)
        lg_log(LG_LOG_DEBUG, "systemd_not_notified", "state=%s errno=%d", state, errno);
    if (fd >= 0)
        (void)close(fd);
}

uint64_t lg_notify_watchdog_us(void)
{
    const char *text = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    uint64_t us = 0, for_pid = (uint64_t)getpid();

    if (text == NULL || !lg_parse_u64(lg_slice_str(text), UINT64_MAX, &us) ||
        (pid != NULL && !lg_parse_u64(lg_slice_str(pid), UINT64_MAX, &for_pid)))
        return 0;
    return for_pid == (uint64_t)getpid() ? us / 2 : 0;
}
