#include "drivers/posix/hiccup_posix.h"

#include <errno.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <time.h>

#include "lane/shared.h"

struct lg_hiccup_posix {
    pthread_t thread;
    struct lg_flag end;
    struct lg_hiccup hiccup; /* The thread's until it is joined. */
};

static uint64_t now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void *probe(void *ctx)
{
    struct lg_hiccup_posix *x = ctx;

    /* The kernel may else wake a thread 50 us late as it pleases. */
    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    while (!lg_flag_is_raised(&x->end)) {
        struct timespec t = {.tv_sec = (time_t)(x->hiccup.next_ns / 1000000000),
                             .tv_nsec = (long)(x->hiccup.next_ns % 1000000000)};

        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
            ;
        lg_hiccup_woke(&x->hiccup, now_ns());
    }
    return NULL;
}

enum lg_rc lg_hiccup_posix_start(uint64_t period_ns, lg_hiccup_late_fn on_late, void *ctx,
                                 struct lg_hiccup_posix **out, struct lg_error *err)
{
    struct lg_hiccup_posix *x = lg_new(struct lg_hiccup_posix);
    int failed;

    lg_hiccup_init(&x->hiccup, period_ns, now_ns(), on_late, ctx);
    failed = pthread_create(&x->thread, NULL, probe, x);
    if (failed != 0) {
        lg_free(x);
        return lg_error_set(err, LG_ERR_BUSY, "no thread for the hiccup meter: %s",
                            strerror(failed));
    }
    *out = x;
    return LG_OK;
}

void lg_hiccup_posix_stop(struct lg_hiccup_posix *take_x, struct lg_hiccup *out)
{
    if (take_x == NULL)
        return;
    (void)lg_flag_raise(&take_x->end);
    (void)pthread_join(take_x->thread, NULL);
    lg_hiccup_woke(&take_x->hiccup, now_ns()); /* It may have stalled at the end. */
    if (out != NULL)
        *out = take_x->hiccup;
    lg_free(take_x);
}
