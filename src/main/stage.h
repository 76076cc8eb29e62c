/* What a role's parts stand on: a pool, a transport, lanes on threads of their own, and the
 * caller's lane, which runs only while it waits for one of them.
 *
 *   lg_stage_open ─▶ (parts are made) ─▶ lg_stage_start ─▶ lg_stage_do ... ─▶ lg_stage_join
 *                                                          ─▶ (parts are freed) ─▶ lg_stage_close
 *
 * Owned by the thread that opens it.
 */
#ifndef LG_MAIN_STAGE_H
#define LG_MAIN_STAGE_H

#include "lane/lane.h"
#include "net/transport.h"

#define LG_STAGE_LANES_MAX 2u

struct lg_pool_uv;

struct lg_stage { /* {0} is closed. */
    struct lg_pool_uv *pool;
    struct lg_transport *transport;
    struct lg_lane *main, *lanes[LG_STAGE_LANES_MAX];
    bool runs[LG_STAGE_LANES_MAX];
    size_t lane_count;

    struct lg_task step; /* One thing done on another lane while the main lane waits. */
    void (*step_fn)(void *ctx);
    void *step_ctx;
};

/* `names` of the lanes, borrowed. What was made before a failure goes with lg_stage_close. */
LG_MUST_CHECK enum lg_rc lg_stage_open(struct lg_stage *stage, unsigned pool_threads,
                                       const char *const *names, size_t lane_count,
                                       struct lg_error *err);
/* Runs the lanes. */
LG_MUST_CHECK enum lg_rc lg_stage_start(struct lg_stage *stage, struct lg_error *err);
/* Runs `fn` on `lane` and waits until lg_stage_done was called with the stage. Runs the lanes first
 * if they do not yet: what stops on one waits for answers of the other. False when that is not
 * possible; nothing durable depends on it, the process is about to end. */
bool lg_stage_do(struct lg_stage *stage, struct lg_lane *lane, void (*fn)(void *ctx), void *ctx);
/* What a step calls when it is through, from any lane. `stage` is a struct lg_stage. */
void lg_stage_done(void *stage);
/* Ends the lanes' threads, frees transport and lanes; nothing may be under way any more. */
void lg_stage_join(struct lg_stage *stage);
/* Frees the pool. */
void lg_stage_close(struct lg_stage *stage);

#endif
