/* A lane: a logical thread. It runs one task at a time, owns data, and has a clock, timers, a
 * random source and a way to hand blocking work to a pool. Production maps a lane to an OS thread
 * with a libuv loop (drivers/uv); the simulator steps all lanes of all nodes on one thread under
 * one seed (drivers/sim).
 *
 * Rules for everything asynchronous above row 0:
 *   1. An operation is one struct, allocated by the submitter, that embeds its task, timers, state.
 *   2. `done` comes exactly once, on the submitting lane, never from inside submit.
 *   3. Memory dies after the last `done`.
 */
#ifndef LG_LANE_LANE_H
#define LG_LANE_LANE_H

#include "base/base.h"
#include "base/list.h"
#include "base/rand.h"

struct lg_lane;

/* Something to run soon. Embed it; it must stay alive until it has run. One post at a time. */
struct lg_task {
    struct lg_task *next; /* The inbox's. */
    void (*run)(struct lg_task *task);
};

/* One shot. Embed it; zeroed memory is a valid stopped timer. */
struct lg_timer {
    uint64_t due_us;
    uint64_t order; /* Ties fire in the order in which they were started. */
    size_t slot;    /* The heap's; 0 = not armed. */
    void (*expired)(struct lg_timer *timer);
};

/* Blocking work. `work` runs on a pool thread and may touch only what this struct gives it; `done`
 * runs on the lane afterwards. In the simulator `work` runs at once, `done` after simulated time.
 */
struct lg_offload {
    struct lg_task task;  /* The driver's. */
    struct lg_lane *lane; /* The driver's. */
    void (*work)(struct lg_offload *offload);
    void (*done)(struct lg_offload *offload);
};

struct lg_lane_ops {
    void (*post)(struct lg_lane *lane, struct lg_task *task);
    void (*defer)(struct lg_lane *lane, struct lg_task *task);
    void (*timer_start)(struct lg_lane *lane, struct lg_timer *timer);
    void (*timer_stop)(struct lg_lane *lane, struct lg_timer *timer);
    void (*offload)(struct lg_lane *lane, struct lg_offload *offload);
    uint64_t (*now_us)(struct lg_lane *lane);
    uint64_t (*wall_ms)(struct lg_lane *lane);
    bool (*is_current)(const struct lg_lane *lane);
    uint64_t (*waited_us)(struct lg_lane *lane); /* NULL: it does not know. */
    uint64_t (*clock_us)(struct lg_lane *lane);  /* Any thread. NULL: now_us is, of one thread. */
    void (*at_rest)(struct lg_lane *lane, struct lg_task *task);
    uint64_t (*rested_us)(struct lg_lane *lane);
};

/* The head that every driver embeds first. */
struct lg_lane {
    const struct lg_lane_ops *ops;
    const char *name;
    struct lg_rand rand; /* This lane's own source. */
};

/* Queues `task` to run on the lane, after what is already queued. From any thread; this is the only
 * call of this header that may come from another lane. The sender no longer touches the task. */
static inline void lg_lane_post(struct lg_lane *lane, struct lg_task *task)
{
    lane->ops->post(lane, task);
}

/* Queues `task` to run on the calling lane at the end of this tick: behind everything that has come
 * in it and what is deferred already, before what its connections send goes out. Costs no wake-up,
 * unlike a post. A task that is deferred from one that was deferred runs in the same tick. */
static inline void lg_lane_defer(struct lg_lane *lane, struct lg_task *task)
{
    lane->ops->defer(lane, task);
}

/* Microseconds since an arbitrary moment, the same for all lanes of a process; read when the tick
 * begins, so equal within one task, and with threads within the tick. */
static inline uint64_t lg_lane_now_us(struct lg_lane *lane)
{
    return lane->ops->now_us(lane);
}

/* As lg_lane_now_us, but read anew: within a tick it goes on. For who has a reason to ask; any
 * thread. */
static inline uint64_t lg_lane_clock_us(struct lg_lane *lane)
{
    return lane->ops->clock_us == NULL ? lane->ops->now_us(lane) : lane->ops->clock_us(lane);
}

/* How long the lane has waited for work, all in all, up to the beginning of this tick: what passed
 * besides it was busy, its connections among what it did. For differences. */
#define LG_LANE_WAITED_UNKNOWN UINT64_MAX /* The driver does not know. */
static inline uint64_t lg_lane_waited_us(struct lg_lane *lane)
{
    return lane->ops->waited_us == NULL ? LG_LANE_WAITED_UNKNOWN : lane->ops->waited_us(lane);
}

/* `task` runs once when all is done that was there to do, its bytes sent, and the lane is about to
 * wait or to look for more; lg_lane_rested_us tells it when that was, without another look at the
 * clock. It hands nothing on and asks nothing else of the lane. A lane keeps one: a later call
 * replaces it, NULL takes it back. On the lane. */
static inline void lg_lane_at_rest(struct lg_lane *lane, struct lg_task *task)
{
    lane->ops->at_rest(lane, task);
}
static inline uint64_t lg_lane_rested_us(struct lg_lane *lane)
{
    return lane->ops->rested_us(lane);
}

/* Milliseconds since 1970, for timestamps in records and metadata; may jump. */
static inline uint64_t lg_lane_wall_ms(struct lg_lane *lane)
{
    return lane->ops->wall_ms(lane);
}

/* (Re)starts: `expired` runs once on the lane, `after_us` from now at the earliest. */
static inline void lg_timer_start(struct lg_lane *lane, struct lg_timer *timer, uint64_t after_us,
                                  void (*expired)(struct lg_timer *timer))
{
    if (timer->slot != 0)
        lane->ops->timer_stop(lane, timer);
    timer->due_us = lg_lane_now_us(lane) + after_us;
    timer->expired = expired;
    lane->ops->timer_start(lane, timer);
}

/* After this `expired` will not run. Stopping a stopped timer is allowed. */
static inline void lg_timer_stop(struct lg_lane *lane, struct lg_timer *timer)
{
    if (timer->slot != 0)
        lane->ops->timer_stop(lane, timer);
}

static inline bool lg_timer_armed(const struct lg_timer *timer)
{
    return timer->slot != 0;
}

/* Hands `offload->work` to the pool. */
static inline void lg_offload(struct lg_lane *lane, struct lg_offload *offload)
{
    lane->ops->offload(lane, offload);
}

/* True when called from code that this lane runs: for assertions. */
static inline bool lg_lane_is_current(const struct lg_lane *lane)
{
    return lane->ops->is_current(lane);
}

#define LG_MS 1000ULL     /* microseconds */
#define LG_SEC 1000000ULL /* microseconds */

#endif
