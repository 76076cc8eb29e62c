#include "drivers/uv/alarm_uv.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "drivers/uv/lane_uv.h"

#define NS_PER_S UINT64_C(1000000000)

struct lg_alarm_uv {
    uv_poll_t poll;
    int fd;
    void (*rang)(void *ctx);
    void *ctx;
};

uint64_t lg_alarm_uv_now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* Without a count to read it was set anew meanwhile. */
static void is_readable(uv_poll_t *handle, int status, int events)
{
    struct lg_alarm_uv *a = (struct lg_alarm_uv *)handle->data;
    uint64_t times;

    (void)status, (void)events;
    if (read(a->fd, &times, sizeof(times)) == sizeof(times))
        a->rang(a->ctx);
}

enum lg_rc lg_alarm_uv_new(struct lg_lane *lane, void (*rang)(void *ctx), void *ctx,
                           struct lg_alarm_uv **out, struct lg_error *err)
{
    uv_loop_t *loop = (uv_loop_t *)lg_lane_uv_loop(lane);
    struct lg_alarm_uv *a;
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), failed;

    if (fd < 0)
        return lg_error_set(err, LG_ERR_IO, "cannot make a timer: %s", strerror(errno));
    a = lg_new(struct lg_alarm_uv);
    failed = uv_poll_init(loop, &a->poll, fd);
    if (failed != 0) {
        (void)close(fd);
        lg_free(a);
        return lg_error_set(err, LG_ERR_IO, "cannot watch a timer: %s", uv_strerror(failed));
    }
    a->fd = fd;
    a->rang = rang;
    a->ctx = ctx;
    a->poll.data = a;
    failed = uv_poll_start(&a->poll, UV_READABLE, is_readable);
    assert(failed == 0 && "it was just made");
    (void)failed;
    *out = a;
    return LG_OK;
}

static void is_closed(uv_handle_t *handle)
{
    struct lg_alarm_uv *a = (struct lg_alarm_uv *)handle->data;

    (void)close(a->fd);
    lg_free(a);
}

void lg_alarm_uv_free(struct lg_alarm_uv *a)
{
    if (a != NULL)
        uv_close((uv_handle_t *)&a->poll, is_closed);
}

void lg_alarm_uv_set(struct lg_alarm_uv *a, uint64_t at_ns)
{
    struct itimerspec when = {0};

    at_ns = LG_MAX(at_ns, UINT64_C(1)); /* 0 would stop it. */
    when.it_value.tv_sec = (time_t)(at_ns / NS_PER_S);
    when.it_value.tv_nsec = (long)(at_ns % NS_PER_S);
    (void)timerfd_settime(a->fd, TFD_TIMER_ABSTIME, &when, NULL); /* Every value is valid. */
}
