/* One lane = one ring. A turn:
 *
 *   enter: what was asked for goes to the kernel; wait ─▶ reap: completions ─▶ tasks ─▶ timers ─▶
 *   deferred tasks, handlers' news, sends, receives: asked for ─▶ enter ...
 *
 * One system call per turn, whatever happened in it. Timers live in our own heap; the wait ends
 * with the first. Who posts to a lane that sleeps writes to an eventfd, of which a read is always
 * armed.
 *
 * At the end of a run everything armed is cancelled and awaited: a lane that does not run has
 * nothing with the kernel, so that any thread may take it apart, and the next run arms it anew.
 *
 * Owner: see lane_uring.h. Fields marked "any thread" are atomics; the rest is the lane's own.
 */
#include "drivers/uring/lane_uring.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "drivers/uring/metrics.h"
#include "drivers/uring/turn_uring.h"
#include "lane/inbox.h"
#include "lane/metrics.h"
#include "lane/timer_heap.h"

#define TURN_MAX 256
#define DEFERRED_MAX 65536u /* of a tick: more would keep the sockets waiting */
#define ENDING_WAIT_US (10 * LG_MS)

struct lane_uring {
    struct lg_lane lane; /* First: lg_lane pointers are cast back. */
    struct lg_ring ring;
    int wake_fd;
    uint64_t wake_count; /* The kernel writes it. */
    struct lg_ring_op wake;
    struct lg_inbox inbox; /* Any thread. */
    bool asleep;           /* Any thread. */
    struct lg_task_queue ready, deferred;
    struct lg_task *at_rest; /* NULL: nobody wants to know. */
    uint64_t told_us;        /* ... what it is told */
    struct lg_timer_heap timers;
    struct lg_list turns;
    uint64_t now_us;    /* Read once per turn. */
    uint64_t rested_us; /* When the wait of this turn began; 0: something was there already. */
    uint64_t waited_us; /* In all. */
    uint32_t spin_us;
    struct lg_pool *pool;
    unsigned offloads; /* Any thread: how many are in the pool. */
    bool stopping;     /* Any thread. */
    bool running;      /* Any thread. */
    bool ending;
    bool has_thread;
    pthread_t thread;
    uint32_t metric; /* The label of this lane. */
};

static _Thread_local const struct lane_uring *current; /* The lane that this thread runs. */

static struct lane_uring *of(struct lg_lane *lane)
{
    return (struct lane_uring *)lane;
}

static bool lane_is_current(const struct lg_lane *lane)
{
    const struct lane_uring *l = (const struct lane_uring *)lane;

    return current == l || !__atomic_load_n(&l->running, __ATOMIC_ACQUIRE);
}

/* --- Clock ---------------------------------------------------------------------------------- */

static uint64_t lane_now_us(struct lg_lane *lane)
{
    struct lane_uring *l = of(lane);

    assert(lane_is_current(lane) && "the time of a lane is read on it");
    if (current != l) /* Outside of a run there are no turns. */
        l->now_us = lg_clock_mono_us();
    return l->now_us;
}

static uint64_t lane_clock_us(struct lg_lane *lane)
{
    (void)lane;
    return lg_clock_mono_us();
}

static uint64_t lane_waited_us(struct lg_lane *lane)
{
    return of(lane)->waited_us;
}

static void lane_at_rest(struct lg_lane *lane, struct lg_task *task)
{
    of(lane)->at_rest = task;
}

static uint64_t lane_rested_us(struct lg_lane *lane)
{
    return of(lane)->told_us;
}

static void tell_rest(struct lane_uring *l, uint64_t at_us)
{
    struct lg_task *task = LG_TAKE(l->at_rest);

    if (task == NULL)
        return;
    l->told_us = at_us;
    task->run(task);
}

static void begin_turn(struct lane_uring *l)
{
    l->now_us = lg_clock_mono_us();
    tell_rest(l, l->now_us); /* It did not wait: one turn's end is the next one's beginning. */
    if (l->rested_us != 0)
        l->waited_us += l->now_us - l->rested_us;
    l->rested_us = 0;
}

static uint64_t lane_wall_ms(struct lg_lane *lane)
{
    (void)lane;
    return lg_clock_wall_ms();
}

/* --- Tasks ---------------------------------------------------------------------------------- */

/* A lane that is awake looks into its inbox before it sleeps. */
static void wake(struct lane_uring *l)
{
    static const uint64_t one = 1;

    if (__atomic_exchange_n(&l->asleep, false, __ATOMIC_SEQ_CST)) {
        ssize_t written = write(l->wake_fd, &one, sizeof(one));

        assert(written == sizeof(one) && "the counter of wake-ups is far from full");
        (void)written;
    }
}

static void lane_post(struct lg_lane *lane, struct lg_task *task)
{
    struct lane_uring *l = of(lane);

    if (lg_inbox_push(&l->inbox, task))
        wake(l);
}

static void lane_defer(struct lg_lane *lane, struct lg_task *task)
{
    assert(task->run != NULL && lane_is_current(lane) && "what is deferred belongs to this lane");
    lg_task_queue_push(&of(lane)->deferred, task);
}

bool lg_lane_uring_end_tick(struct lg_lane *lane)
{
    struct lane_uring *l = of(lane);

    for (unsigned n = 0; l->deferred.first != NULL; n++) {
        struct lg_task *task;

        if (n == DEFERRED_MAX)
            return false;
        task = lg_task_queue_pop(&l->deferred);
        task->run(task); /* It may be freed or deferred again in there. */
    }
    return true;
}

/* Tasks posted meanwhile wait in the inbox for the next turn, even if this one has room. */
static void run_tasks(struct lane_uring *l)
{
    uint64_t taken = lg_inbox_take(&l->inbox, &l->ready);
    unsigned n = 0;

    if (l->ready.first == NULL)
        return;
    lg_metric_add(&lg_metric_lane_tasks_total, l->metric, taken);
    lg_metric_add(&lg_metric_lane_tasks_waiting, l->metric, taken);
    for (; n < TURN_MAX && l->ready.first != NULL; n++) {
        struct lg_task *task = lg_task_queue_pop(&l->ready);

        task->run(task); /* It may be freed or posted again in there. */
    }
    lg_metric_sub(&lg_metric_lane_tasks_waiting, l->metric, n);
}

/* --- Timers --------------------------------------------------------------------------------- */

/* Only timers that were armed before this turn: one that restarts itself at once cannot hold it. */
static void fire_timers(struct lane_uring *l)
{
    uint64_t turn_order = l->timers.next_order;

    for (unsigned n = 0; n < TURN_MAX; n++) {
        struct lg_timer *timer = lg_timer_heap_first(&l->timers);

        if (timer == NULL || timer->due_us > l->now_us || timer->order >= turn_order)
            return;
        lg_timer_heap_remove(&l->timers, timer);
        timer->expired(timer);
    }
}

static void lane_timer_start(struct lg_lane *lane, struct lg_timer *timer)
{
    assert(lane_is_current(lane) && "timers belong to their lane");
    lg_timer_heap_add(&of(lane)->timers, timer);
}

static void lane_timer_stop(struct lg_lane *lane, struct lg_timer *timer)
{
    assert(lane_is_current(lane) && "timers belong to their lane");
    lg_timer_heap_remove(&of(lane)->timers, timer);
}

/* --- Offloads ------------------------------------------------------------------------------- */

static void offload_done(struct lg_task *task)
{
    struct lg_offload *offload = LG_CONTAINER_OF(task, struct lg_offload, task);

    offload->done(offload);
}

/* On the pool's thread. The count goes down last: it is what lg_lane_uring_free waits for. */
static void work_returned(struct lg_offload *offload)
{
    struct lane_uring *l = of(offload->lane);

    offload->task.run = offload_done;
    lane_post(&l->lane, &offload->task);
    __atomic_sub_fetch(&l->offloads, 1, __ATOMIC_RELEASE);
}

static void lane_offload(struct lg_lane *lane, struct lg_offload *offload)
{
    struct lane_uring *l = of(lane);

    assert(lane_is_current(lane) && l->pool != NULL && "this lane was made without a pool");
    offload->lane = lane;
    __atomic_add_fetch(&l->offloads, 1, __ATOMIC_RELAXED);
    l->pool->submit(l->pool, offload, work_returned);
}

/* --- Turns ---------------------------------------------------------------------------------- */

static void woken(struct lg_ring_op *op, int result, unsigned flags)
{
    (void)op, (void)result, (void)flags; /* The inbox tells why; the turn's end arms it again. */
}

static bool arm_wake(struct lane_uring *l)
{
    struct io_uring_sqe *sqe;

    if (l->wake.armed)
        return true;
    sqe = lg_ring_arm(&l->ring, &l->wake);
    if (sqe == NULL)
        return false;
    io_uring_prep_read(sqe, l->wake_fd, &l->wake_count, sizeof(l->wake_count), 0);
    lg_ring_bind(&l->ring, sqe, &l->wake);
    return true;
}

static void reap(struct lane_uring *l)
{
    bool settled = lg_ring_settled(&l->ring);

    if (io_uring_cq_has_overflow(&l->ring.uring))
        lg_metric_add(&lg_metric_uring_overflows_total, 0, 1);
    lg_ring_reap(&l->ring);
    LG_LIST_EACH(it, &l->turns)
    {
        struct lg_turn_uring *turn = LG_CONTAINER_OF(it, struct lg_turn_uring, link);

        turn->reaped(turn, settled);
    }
}

/* False: the lane has something to do at once. */
static bool end_turn(struct lane_uring *l)
{
    bool done = lg_lane_uring_end_tick(&l->lane);

    LG_LIST_EACH(it, &l->turns)
    {
        struct lg_turn_uring *turn = LG_CONTAINER_OF(it, struct lg_turn_uring, link);

        done = turn->ends(turn) && done;
    }
    return arm_wake(l) && done && l->ready.first == NULL && l->deferred.first == NULL;
}

static uint64_t sleep_us(struct lane_uring *l)
{
    const struct lg_timer *first = lg_timer_heap_first(&l->timers);

    if (first == NULL)
        return UINT64_MAX;
    return first->due_us <= l->now_us ? 0 : first->due_us - l->now_us;
}

static bool has_news(struct lane_uring *l)
{
    return !lg_inbox_empty(&l->inbox) || __atomic_load_n(&l->stopping, __ATOMIC_SEQ_CST);
}

/* Looks until something stirs or `us` are over. True: something does. */
static bool spin(struct lane_uring *l, uint64_t us)
{
    uint64_t began_us = lg_clock_mono_us();

    lg_ring_enter(&l->ring, 0);
    do {
        if (lg_ring_stirs(&l->ring) || !lg_inbox_empty(&l->inbox) ||
            __atomic_load_n(&l->stopping, __ATOMIC_RELAXED))
            return true;
    } while (lg_clock_mono_us() - began_us < us);
    return false;
}

/* Sleep is told first and the inbox looked at afterwards; who posts does it the other way round. */
static void enter(struct lane_uring *l, bool may_sleep)
{
    uint64_t wait_us = may_sleep ? sleep_us(l) : 0;

    if (wait_us > 0 && !lg_ring_stirs(&l->ring) && !has_news(l)) {
        l->rested_us = lg_clock_mono_us();
        tell_rest(l, l->rested_us);
    }
    if (wait_us > 0 && l->spin_us > 0) {
        uint64_t us = LG_MIN(wait_us, l->spin_us);

        wait_us = spin(l, us) ? 0 : wait_us == UINT64_MAX ? wait_us : wait_us - us;
    }
    if (wait_us > 0) {
        __atomic_store_n(&l->asleep, true, __ATOMIC_SEQ_CST);
        if (has_news(l))
            wait_us = 0;
    }
    lg_ring_enter(&l->ring, wait_us);
    __atomic_store_n(&l->asleep, false, __ATOMIC_RELAXED);
}

/* Everything that is armed ends, and what still comes is kept for the next run. */
static void end_run(struct lane_uring *l)
{
    bool idle = false;

    l->ending = true;
    while (!idle) {
        bool asked = l->ring.armed > 0 && lg_ring_cancel_all(&l->ring);

        lg_ring_enter(&l->ring, asked ? ENDING_WAIT_US : 0);
        reap(l);
        idle = l->ring.armed == 0 && lg_ring_settled(&l->ring);
        LG_LIST_EACH(it, &l->turns)
        {
            struct lg_turn_uring *turn = LG_CONTAINER_OF(it, struct lg_turn_uring, link);

            idle = turn->idle(turn) && idle;
        }
    }
    l->ending = false;
}

bool lg_lane_uring_ending(const struct lg_lane *lane)
{
    return ((const struct lane_uring *)lane)->ending;
}

/* A stop is seen at the end of a turn, as the turn that posted it has to be whole. */
static void run_turns(struct lane_uring *l)
{
    for (;;) {
        bool may_sleep;

        begin_turn(l);
        reap(l);
        run_tasks(l);
        fire_timers(l);
        may_sleep = end_turn(l);
        if (__atomic_load_n(&l->stopping, __ATOMIC_ACQUIRE))
            return;
        enter(l, may_sleep);
    }
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

bool lg_lane_uring_is(const struct lg_lane *lane)
{
    return lane->ops == &ops;
}

void lg_lane_uring_join_turns(struct lg_lane *lane, struct lg_turn_uring *turn)
{
    lg_list_push_back(&of(lane)->turns, &turn->link);
}

struct lg_ring *lg_lane_uring_ring(struct lg_lane *lane)
{
    return &of(lane)->ring;
}

enum lg_rc lg_lane_uring_new(const char *name, const struct lg_lane_uring_options *options,
                             struct lg_lane **out, struct lg_error *err)
{
    struct lane_uring *l = lg_new(struct lane_uring);
    enum lg_rc rc = lg_ring_open(&l->ring, options, err);

    if (rc == LG_OK && (l->wake_fd = eventfd(0, EFD_CLOEXEC)) < 0) {
        rc = lg_error_set(err, LG_ERR_IO, "cannot make the event of lane %s: %s", name,
                          strerror(errno));
        lg_ring_close(&l->ring);
    }
    if (rc != LG_OK) {
        lg_free(l);
        return rc;
    }
    l->wake.completed = woken;
    lg_task_queue_init(&l->ready);
    lg_task_queue_init(&l->deferred);
    lg_list_init(&l->turns);
    l->pool = options->pool;
    l->spin_us = options->spin_us;
    l->lane.ops = &ops;
    l->lane.name = lg_strdup(name);
    l->metric = lg_lane_metric_label(name);
    lg_rand_seed(&l->lane.rand, lg_rand_os_seed());
    *out = &l->lane;
    return LG_OK;
}

void lg_lane_uring_run(struct lg_lane *lane)
{
    struct lane_uring *l = of(lane);
    const struct lane_uring *before = current;
    struct lg_error err;
    enum lg_rc rc;

    assert(!__atomic_load_n(&l->running, __ATOMIC_ACQUIRE) && "the lane runs already");
    rc = lg_ring_enable(&l->ring, &err);
    assert(rc == LG_OK && "all runs of a lane are on one thread");
    (void)rc;
    current = l;
    __atomic_store_n(&l->running, true, __ATOMIC_RELEASE);
    run_turns(l);
    end_run(l);
    lg_ring_rest(&l->ring);
    __atomic_store_n(&l->stopping, false, __ATOMIC_RELEASE);
    __atomic_store_n(&l->running, false, __ATOMIC_RELEASE);
    current = before;
}

static void *run_thread(void *arg)
{
    lg_lane_uring_run(arg);
    return NULL;
}

/* The thread blocks all signals: they belong to those that the program itself made. */
enum lg_rc lg_lane_uring_start(struct lg_lane *lane, struct lg_error *err)
{
    struct lane_uring *l = of(lane);
    sigset_t all, before;
    int failed;

    assert(!l->has_thread && "the lane has a thread already");
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&l->thread, NULL, run_thread, lane);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0)
        return lg_error_set(err, LG_ERR_IO, "cannot start the thread of lane %s: %s", lane->name,
                            strerror(failed));
    l->has_thread = true;
    return LG_OK;
}

void lg_lane_uring_join(struct lg_lane *lane)
{
    struct lane_uring *l = of(lane);

    if (!l->has_thread)
        return;
    (void)pthread_join(l->thread, NULL);
    l->has_thread = false;
}

void lg_lane_uring_stop(struct lg_lane *lane)
{
    struct lane_uring *l = of(lane);

    __atomic_store_n(&l->stopping, true, __ATOMIC_SEQ_CST);
    wake(l);
}

/* The work is short and nobody else waits here: yielding beats a condition that production would
 * carry for this moment only. */
static void await_offloads(struct lane_uring *l)
{
    while (__atomic_load_n(&l->offloads, __ATOMIC_ACQUIRE) != 0)
        (void)poll(NULL, 0, 1);
}

void lg_lane_uring_free(struct lg_lane *lane)
{
    struct lane_uring *l;

    if (lane == NULL)
        return;
    l = of(lane);
    assert(!l->has_thread && !__atomic_load_n(&l->running, __ATOMIC_ACQUIRE));
    assert(lg_list_empty(&l->turns) && "its transport was not freed");
    await_offloads(l);
    lg_ring_close(&l->ring);
    (void)close(l->wake_fd);
    lg_timer_heap_done(&l->timers);
    lg_free((char *)(uintptr_t)lane->name);
    lg_free(l);
}
