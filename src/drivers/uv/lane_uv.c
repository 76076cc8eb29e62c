/* One lane = one uv loop. Its inbox is a lock-free stack that any thread pushes on and the lane
 * empties at once (lane/inbox.h); a uv_async wakes the loop, sent only by the push that finds the
 * stack empty. Timers live in our own heap under a single uv_timer, whose millisecond is rounded
 * up.
 *
 * A turn runs at most TURN_MAX tasks and TURN_MAX timers, so that neither starves the sockets.
 * Owner: see lane_uv.h. Fields marked "any thread" are atomics; the rest is the lane's own.
 */
#include "drivers/uv/lane_uv.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <uv.h>

#include "base/clock.h"
#include "drivers/uv/pool_uv.h"
#include "lane/inbox.h"
#include "lane/metrics.h"
#include "lane/timer_heap.h"

#define TURN_MAX 256
#define DEFERRED_MAX 65536u /* of a tick: more would keep the sockets waiting */

struct lane_signal {
    uv_signal_t uv;
    void (*arrived)(void *ctx, int signo);
    void *ctx;
};

struct lane_uv {
    struct lg_lane lane; /* First: lg_lane pointers are cast back. */
    uv_loop_t loop;
    uv_async_t wake;
    uv_timer_t alarm;
    uv_prepare_t tick_end;
    struct lg_task_queue deferred;
    struct lg_task *at_rest;    /* NULL: nobody wants to know. */
    uint64_t alarm_us;          /* What the alarm is set for; UINT64_MAX: not set. */
    struct lg_inbox inbox;      /* Any thread. */
    struct lg_task_queue ready; /* Taken from the inbox. */
    struct lg_timer_heap timers;
    uint64_t now_us;    /* Read once per turn. */
    bool rests;         /* Nobody has asked for the time since ... */
    uint64_t rested_us; /* ... the loop began to wait, then. */
    uint64_t waited_us; /* In all. */
    struct lg_pool *pool;
    unsigned offloads; /* Any thread: how many are in the pool. */
    bool stopping;     /* Any thread. */
    bool running;      /* Any thread. */
    bool has_thread;
    uv_thread_t thread;
    uint32_t metric; /* The label of this lane. */
    unsigned signals;
    struct lane_signal signal[LG_LANE_UV_SIGNALS_MAX];
};

static _Thread_local const struct lane_uv *current; /* The lane that this thread runs. */

static struct lane_uv *of(struct lg_lane *lane)
{
    return (struct lane_uv *)lane;
}

static bool lane_is_current(const struct lg_lane *lane)
{
    const struct lane_uv *l = (const struct lane_uv *)lane;

    return current == l || !__atomic_load_n(&l->running, __ATOMIC_ACQUIRE);
}

/* --- Clock ---------------------------------------------------------------------------------- */

static void begin_turn(struct lane_uv *l)
{
    l->now_us = lg_clock_mono_us();
    if (l->rests)
        l->waited_us += l->now_us - l->rested_us;
    l->rests = false;
}

/* Who asks first after the loop has waited reads the clock. Outside of a run there are no turns, so
 * the time is always read anew. */
static uint64_t lane_now_us(struct lg_lane *lane)
{
    struct lane_uv *l = of(lane);

    assert(lane_is_current(lane) && "the time of a lane is read on it");
    if (current != l || l->rests)
        begin_turn(l);
    return l->now_us;
}

static uint64_t lane_clock_us(struct lg_lane *lane)
{
    (void)lane;
    return lg_clock_mono_us();
}

static uint64_t lane_waited_us(struct lg_lane *lane)
{
    (void)lane_now_us(lane);
    return of(lane)->waited_us;
}

/* A turn in which nobody asked for the time counts as waiting. libuv does not say whether it waits,
 * so the next turn reads the clock again. */
static void end_turn(struct lane_uv *l)
{
    if (l->rests)
        return;
    l->rests = true;
    l->rested_us = lg_clock_mono_us();
    if (l->at_rest != NULL) {
        struct lg_task *task = LG_TAKE(l->at_rest);

        task->run(task);
    }
}

static void lane_at_rest(struct lg_lane *lane, struct lg_task *task)
{
    of(lane)->at_rest = task;
}

static uint64_t lane_rested_us(struct lg_lane *lane)
{
    return of(lane)->rested_us;
}

static uint64_t lane_wall_ms(struct lg_lane *lane)
{
    (void)lane;
    return lg_clock_wall_ms();
}

/* --- Tasks ---------------------------------------------------------------------------------- */

static void wake(struct lane_uv *l)
{
    int failed = uv_async_send(&l->wake);

    assert(failed == 0 && "the wake-up handle is open as long as the lane");
    (void)failed;
}

static void lane_post(struct lg_lane *lane, struct lg_task *task)
{
    struct lane_uv *l = of(lane);

    if (lg_inbox_push(&l->inbox, task))
        wake(l);
}

static void lane_defer(struct lg_lane *lane, struct lg_task *task)
{
    struct lane_uv *l = of(lane);

    assert(task->run != NULL && lane_is_current(lane) && "what is deferred belongs to this lane");
    lg_task_queue_push(&l->deferred, task);
}

bool lg_lane_uv_end_tick(struct lg_lane *lane)
{
    struct lane_uv *l = of(lane);

    for (unsigned n = 0; l->deferred.first != NULL; n++) {
        struct lg_task *task;

        if (n == DEFERRED_MAX) {
            wake(l);
            return false;
        }
        task = lg_task_queue_pop(&l->deferred);
        task->run(task); /* It may be freed or deferred again in there. */
    }
    return true;
}

/* For lanes without connections, and before the loop waits: it runs once in each of its turns, and
 * last of what does, as it is the first that began to (libuv puts later ones before it). */
static void tick_ends(uv_prepare_t *handle)
{
    struct lane_uv *l = handle->data;

    (void)lg_lane_uv_end_tick(&l->lane); /* What is left has woken the loop. */
    end_turn(l);
}

static void empty_inbox(struct lane_uv *l)
{
    uint64_t taken = lg_inbox_take(&l->inbox, &l->ready);

    if (taken == 0)
        return;
    lg_metric_add(&lg_metric_lane_tasks_total, l->metric, taken);
    lg_metric_add(&lg_metric_lane_tasks_waiting, l->metric, taken);
}

/* --- Timers --------------------------------------------------------------------------------- */

static void alarm_rang(uv_timer_t *handle);

/* Sets the alarm for the first timer. An alarm that is too early is left alone: it finds nothing
 * due and sets itself again, which is cheaper than moving it at every stop. A timer that is due
 * already takes a turn of the loop instead: a uv_timer of 0 ms that sets itself again never lets go
 * of it. */
static void set_alarm(struct lane_uv *l)
{
    const struct lg_timer *first = lg_timer_heap_first(&l->timers);
    uint64_t now_us = lane_now_us(&l->lane), wait_us;
    int failed;

    if (first == NULL || first->due_us >= l->alarm_us)
        return;
    l->alarm_us = first->due_us;
    if (first->due_us <= now_us) {
        wake(l);
        return;
    }
    wait_us = first->due_us - now_us;
    failed = uv_timer_start(&l->alarm, alarm_rang, wait_us / 1000 + (wait_us % 1000 != 0), 0);
    assert(failed == 0 && "the alarm's handle is open as long as the lane");
    (void)failed;
}

/* Only timers that were armed before this turn: one that restarts itself at once cannot hold it. */
static void fire_timers(struct lane_uv *l)
{
    uint64_t turn_order = l->timers.next_order;

    l->alarm_us = UINT64_MAX;
    for (unsigned n = 0; n < TURN_MAX; n++) {
        struct lg_timer *timer = lg_timer_heap_first(&l->timers);

        if (timer == NULL || timer->due_us > l->now_us || timer->order >= turn_order)
            break;
        lg_timer_heap_remove(&l->timers, timer);
        timer->expired(timer);
    }
    set_alarm(l);
}

/* At the end of a busy turn, whose time is too early for what is due now: the next one has it. */
static void alarm_rang(uv_timer_t *handle)
{
    struct lane_uv *l = handle->data;

    if (!l->rests) {
        wake(l);
        return;
    }
    begin_turn(l);
    fire_timers(l);
}

static void lane_timer_start(struct lg_lane *lane, struct lg_timer *timer)
{
    struct lane_uv *l = of(lane);

    assert(lane_is_current(lane) && "timers belong to their lane");
    lg_timer_heap_add(&l->timers, timer);
    set_alarm(l);
}

static void lane_timer_stop(struct lg_lane *lane, struct lg_timer *timer)
{
    assert(lane_is_current(lane) && "timers belong to their lane");
    lg_timer_heap_remove(&of(lane)->timers, timer);
}

/* --- Turns ----------------------------------------------------------------------------------- */

/* Tasks posted meanwhile wait in the inbox for the next turn, even if this one has room. */
static void woken(uv_async_t *handle)
{
    struct lane_uv *l = handle->data;
    unsigned n = 0;

    (void)lane_now_us(&l->lane);
    empty_inbox(l);
    for (; n < TURN_MAX && l->ready.first != NULL; n++) {
        struct lg_task *task = lg_task_queue_pop(&l->ready);

        task->run(task); /* It may be freed or posted again in there. */
    }
    lg_metric_sub(&lg_metric_lane_tasks_waiting, l->metric, n);
    if (l->ready.first != NULL)
        wake(l);
    fire_timers(l);
    if (__atomic_load_n(&l->stopping, __ATOMIC_ACQUIRE))
        uv_stop(&l->loop);
}

/* --- Offloads ------------------------------------------------------------------------------- */

static void offload_done(struct lg_task *task)
{
    struct lg_offload *offload = LG_CONTAINER_OF(task, struct lg_offload, task);

    offload->done(offload);
}

/* On the pool's thread. The count goes down last: it is what lg_lane_uv_free waits for. */
static void work_returned(struct lg_offload *offload)
{
    struct lane_uv *l = of(offload->lane);

    offload->task.run = offload_done;
    lane_post(&l->lane, &offload->task);
    __atomic_sub_fetch(&l->offloads, 1, __ATOMIC_RELEASE);
}

static void lane_offload(struct lg_lane *lane, struct lg_offload *offload)
{
    struct lane_uv *l = of(lane);

    assert(lane_is_current(lane) && l->pool != NULL && "this lane was made without a pool");
    offload->lane = lane;
    __atomic_add_fetch(&l->offloads, 1, __ATOMIC_RELAXED);
    l->pool->submit(l->pool, offload, work_returned);
}

/* --- Life ----------------------------------------------------------------------------------- */

static const struct lg_lane_ops ops = {
    .post = lane_post,
    .defer = lane_defer,
    .timer_start = lane_timer_start,
    .timer_stop = lane_timer_stop,
    .offload = lane_offload,
    .now_us = lane_now_us,
    .wall_ms = lane_wall_ms,
    .is_current = lane_is_current,
    .waited_us = lane_waited_us,
    .clock_us = lane_clock_us,
    .at_rest = lane_at_rest,
    .rested_us = lane_rested_us,
};

/* The first loop of a process makes a pipe for signals, and libuv ends the process when it cannot.
 * So we find out before. */
static int try_descriptors(void)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) != 0)
        return uv_translate_sys_error(errno);
    (void)close(fds[0]);
    (void)close(fds[1]);
    return 0;
}

static int init_loop(uv_loop_t *loop)
{
    int failed = try_descriptors();

    if (failed != 0)
        return failed;
    loop->backend_fd = -1;
    failed = uv_loop_init(loop);
    if (failed != 0 && loop->backend_fd >= 0) /* libuv 1.44 leaves it open. */
        (void)close(loop->backend_fd);
    return failed;
}

enum lg_rc lg_lane_uv_new(const char *name, struct lg_pool_uv *pool, struct lg_lane **out,
                          struct lg_error *err)
{
    struct lane_uv *l = lg_new(struct lane_uv);
    int failed = init_loop(&l->loop);
    bool has_loop = failed == 0;

    if (has_loop)
        failed = uv_async_init(&l->loop, &l->wake, woken);
    if (failed != 0) {
        if (has_loop)
            (void)uv_loop_close(&l->loop); /* It has no handles, so this cannot fail. */
        lg_free(l);
        return lg_error_set(err, LG_ERR_IO, "cannot make the event loop of lane %s: %s", name,
                            uv_strerror(failed));
    }
    failed = uv_timer_init(&l->loop, &l->alarm);
    assert(failed == 0 && "a timer needs no resources");
    failed = uv_prepare_init(&l->loop, &l->tick_end);
    assert(failed == 0);
    failed = uv_prepare_start(&l->tick_end, tick_ends);
    assert(failed == 0 && "this handle needs no resources");
    uv_unref((uv_handle_t *)&l->tick_end);
    l->wake.data = l->alarm.data = l->tick_end.data = l;
    lg_task_queue_init(&l->deferred);
    l->alarm_us = UINT64_MAX;
    lg_task_queue_init(&l->ready);
    l->pool = pool == NULL ? NULL : lg_pool_uv_port(pool);
    l->lane.ops = &ops;
    l->lane.name = lg_strdup(name);
    l->metric = lg_lane_metric_label(name);
    lg_rand_seed(&l->lane.rand, lg_rand_os_seed());
    *out = &l->lane;
    return LG_OK;
}

void *lg_lane_uv_loop(struct lg_lane *lane)
{
    return &of(lane)->loop;
}

void lg_lane_uv_run(struct lg_lane *lane)
{
    struct lane_uv *l = of(lane);
    const struct lane_uv *before = current;

    assert(!__atomic_load_n(&l->running, __ATOMIC_ACQUIRE) && "the lane runs already");
    current = l;
    __atomic_store_n(&l->running, true, __ATOMIC_RELEASE);
    if (__atomic_load_n(&l->stopping, __ATOMIC_ACQUIRE))
        wake(l); /* The stop that came early has to end this run. */
    begin_turn(l);
    (void)uv_run(&l->loop,
                 UV_RUN_DEFAULT); /* It tells whether handles are left: some always are. */
    __atomic_store_n(&l->stopping, false, __ATOMIC_RELEASE);
    __atomic_store_n(&l->running, false, __ATOMIC_RELEASE);
    current = before;
}

static void run_thread(void *arg)
{
    lg_lane_uv_run(arg);
}

enum lg_rc lg_lane_uv_start(struct lg_lane *lane, struct lg_error *err)
{
    struct lane_uv *l = of(lane);
    int failed;

    assert(!l->has_thread && "the lane has a thread already");
    failed = lg_pool_uv_thread(&l->thread, run_thread, lane);
    if (failed != 0)
        return lg_error_set(err, LG_ERR_IO, "cannot start the thread of lane %s: %s", lane->name,
                            uv_strerror(failed));
    l->has_thread = true;
    return LG_OK;
}

void lg_lane_uv_join(struct lg_lane *lane)
{
    struct lane_uv *l = of(lane);

    if (!l->has_thread)
        return;
    uv_thread_join(&l->thread);
    l->has_thread = false;
}

void lg_lane_uv_stop(struct lg_lane *lane)
{
    struct lane_uv *l = of(lane);

    __atomic_store_n(&l->stopping, true, __ATOMIC_RELEASE);
    wake(l);
}

/* The work is short and nobody else waits here: yielding beats a condition that production would
 * carry for this moment only. */
static void await_offloads(struct lane_uv *l)
{
    while (__atomic_load_n(&l->offloads, __ATOMIC_ACQUIRE) != 0)
        uv_sleep(1);
}

void lg_lane_uv_free(struct lg_lane *lane)
{
    struct lane_uv *l;
    int failed;

    if (lane == NULL)
        return;
    l = of(lane);
    assert(!l->has_thread && !__atomic_load_n(&l->running, __ATOMIC_ACQUIRE));
    await_offloads(l);
    uv_close((uv_handle_t *)&l->wake, NULL);
    uv_close((uv_handle_t *)&l->alarm, NULL);
    uv_close((uv_handle_t *)&l->tick_end, NULL);
    for (unsigned i = 0; i < l->signals; i++)
        uv_close((uv_handle_t *)&l->signal[i].uv, NULL);
    (void)uv_run(&l->loop, UV_RUN_DEFAULT);
    failed = uv_loop_close(&l->loop);
    assert(failed == 0 && "a handle on the lane's loop was not closed by its owner");
    (void)failed;
    lg_timer_heap_done(&l->timers);
    lg_free((char *)(uintptr_t)lane->name);
    lg_free(l);
}

/* --- Signals -------------------------------------------------------------------------------- */

static void signal_arrived(uv_signal_t *handle, int signo)
{
    struct lane_signal *s = handle->data;

    s->arrived(s->ctx, signo);
}

enum lg_rc lg_lane_uv_on_signal(struct lg_lane *lane, int signo,
                                void (*arrived)(void *ctx, int signo), void *ctx,
                                struct lg_error *err)
{
    struct lane_uv *l = of(lane);
    struct lane_signal *s = &l->signal[l->signals];
    int failed;

    assert(lane_is_current(lane));
    if (l->signals == LG_LANE_UV_SIGNALS_MAX)
        return lg_error_set(err, LG_ERR_TOO_LARGE, "lane %s handles %d signals already", lane->name,
                            LG_LANE_UV_SIGNALS_MAX);
    failed = uv_signal_init(&l->loop, &s->uv);
    if (failed == 0) {
        l->signals++; /* From here on lg_lane_uv_free closes the handle. */
        s->uv.data = s;
        s->arrived = arrived;
        s->ctx = ctx;
        failed = uv_signal_start(&s->uv, signal_arrived, signo);
    }
    if (failed != 0)
        return lg_error_set(err, LG_ERR_IO, "cannot handle signal %d: %s", signo,
                            uv_strerror(failed));
    return LG_OK;
}
