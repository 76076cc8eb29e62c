/* Lanes on libuv: one event loop each, on a thread of its own or on the thread that calls
 * lg_lane_uv_run; and the pool of threads that runs what the lanes offload.
 *
 *   lg_pool_uv_new ─▶ lg_lane_uv_new ─▶ lg_lane_uv_start ─▶ … ─▶ lg_lane_uv_stop ─▶
 *   lg_lane_uv_join ─▶ lg_lane_uv_free ─▶ lg_pool_uv_free
 *
 * Owner: the composition root. A lane that does not run belongs to whoever holds it, so services
 * may be set up on it (timers, listeners, posts) before it starts; from then on only the lane
 * itself may touch it, except for lg_lane_post and lg_lane_uv_stop.
 */
#ifndef LG_DRIVERS_UV_LANE_UV_H
#define LG_DRIVERS_UV_LANE_UV_H

#include "lane/pool.h"

struct lg_pool_uv;

#define LG_POOL_UV_THREADS_MAX 64

/* A pool of `threads` threads (1 to LG_POOL_UV_THREADS_MAX) that serve one queue, first in first
 * out. LG_ERR_IO when the system gives no threads. */
LG_MUST_CHECK enum lg_rc lg_pool_uv_new(unsigned threads, struct lg_pool_uv **out,
                                        struct lg_error *err);
/* Runs what is queued, then ends the threads. The lanes that use it must be gone. NULL is allowed.
 */
void lg_pool_uv_free(struct lg_pool_uv *pool);
LG_DEFINE_AUTO(lg_pool_uv, lg_pool_uv_free)
/* The same as a port, for lanes of other drivers. Borrowed. */
struct lg_pool *lg_pool_uv_port(struct lg_pool_uv *pool);

/* A lane that does not run yet. `name` is copied. `pool` may be NULL for a lane that never
 * offloads; it is shared, and must outlive the lane. LG_ERR_IO when the system gives no event loop.
 */
LG_MUST_CHECK enum lg_rc lg_lane_uv_new(const char *name, struct lg_pool_uv *pool,
                                        struct lg_lane **out, struct lg_error *err);
/* The lane must not run, and every handle that others opened on its loop must be closed or closing.
 * Waits for work of its own that is in the pool; tasks and `done` calls that have not run are
 * dropped. NULL is allowed. */
void lg_lane_uv_free(struct lg_lane *lane);

/* Its uv_loop_t, for the transport beside this file. */
void *lg_lane_uv_loop(struct lg_lane *lane);

/* Runs what is deferred, and what that defers; on the lane, before the transport beside this file
 * sends. True: nothing is left. */
bool lg_lane_uv_end_tick(struct lg_lane *lane);

/* Runs the lane on a new thread, until lg_lane_uv_stop. LG_ERR_IO when there is no thread. */
LG_MUST_CHECK enum lg_rc lg_lane_uv_start(struct lg_lane *lane, struct lg_error *err);
/* Waits for the end of the thread that lg_lane_uv_start made. Without one it does nothing. */
void lg_lane_uv_join(struct lg_lane *lane);
/* Runs the lane on the calling thread, until lg_lane_uv_stop. May be called again afterwards. */
void lg_lane_uv_run(struct lg_lane *lane);
/* Ends the run after the turn that is under way; from any thread. When the lane does not run, its
 * next run ends after one turn. */
void lg_lane_uv_stop(struct lg_lane *lane);

#define LG_LANE_UV_SIGNALS_MAX 8

/* Calls `arrived` on the lane whenever the process gets the signal; the signal's default action is
 * off from now on. Set up before the lane runs, or on the lane; LG_LANE_UV_SIGNALS_MAX per lane. */
LG_MUST_CHECK enum lg_rc lg_lane_uv_on_signal(struct lg_lane *lane, int signo,
                                              void (*arrived)(void *ctx, int signo), void *ctx,
                                              struct lg_error *err);

#endif
