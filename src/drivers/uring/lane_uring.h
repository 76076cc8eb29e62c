/* Lanes on io_uring: one ring each, on a thread of its own or on the thread that calls
 * lg_lane_uring_run. Beside drivers/uv, for lanes that serve reads (ADR 0042); what it needs of the
 * kernel is in Linux 6.1 and later, and lg_lane_uring_new says what is missing.
 *
 *   lg_lane_uring_new ─▶ lg_lane_uring_start ─▶ … ─▶ lg_lane_uring_stop ─▶ lg_lane_uring_join ─▶
 *   lg_lane_uring_free
 *
 * Owner and rules: as drivers/uv/lane_uv.h says, and: all runs of a lane are on one thread.
 */
#ifndef LG_DRIVERS_URING_LANE_URING_H
#define LG_DRIVERS_URING_LANE_URING_H

#include "lane/pool.h"

struct lg_lane_uring_options {
    struct lg_pool *pool; /* Borrowed; NULL for a lane that never offloads. */
    /* Looks for work so long before it sleeps: a processor of its own for some microseconds of
     * latency. 0: not at all. */
    uint32_t spin_us;
    /* 0: the default. What a turn can ask of the kernel, what that can tell before it has to put
     * some aside, and what it receives into: powers of two but for the bytes. */
    uint32_t requests, completions, buffers;
    size_t buffer_bytes;
};

/* A lane that does not run yet. `name` is copied. LG_ERR_UNAVAILABLE when the kernel, or what
 * confines the process, refuses io_uring or a part of it that is needed. */
LG_MUST_CHECK enum lg_rc lg_lane_uring_new(const char *name,
                                           const struct lg_lane_uring_options *options,
                                           struct lg_lane **out, struct lg_error *err);
/* The lane must not run, and what uses it must be gone. Waits for work of its own that is in the
 * pool; tasks and `done` calls that have not run are dropped. NULL is allowed. */
void lg_lane_uring_free(struct lg_lane *lane);
/* Whether a lane is of this driver. */
bool lg_lane_uring_is(const struct lg_lane *lane);

/* Runs the lane on a new thread, until lg_lane_uring_stop. LG_ERR_IO when there is no thread. */
LG_MUST_CHECK enum lg_rc lg_lane_uring_start(struct lg_lane *lane, struct lg_error *err);
/* Waits for the end of the thread that lg_lane_uring_start made. Without one it does nothing. */
void lg_lane_uring_join(struct lg_lane *lane);
/* Runs the lane on the calling thread, until lg_lane_uring_stop. May be called again afterwards. */
void lg_lane_uring_run(struct lg_lane *lane);
/* Ends the run after the turn that is under way; from any thread. When the lane does not run, its
 * next run ends after one turn. */
void lg_lane_uring_stop(struct lg_lane *lane);

#endif
