/* A latch: a thread of an application waits until a lane has done something, once. */
#ifndef LG_DRIVERS_UV_LATCH_UV_H
#define LG_DRIVERS_UV_LATCH_UV_H

#include <uv.h>

#include "base/base.h"

struct lg_latch_uv {
    uv_sem_t opened;
};

/* LG_ERR_IO when the system gives no semaphore. */
LG_MUST_CHECK enum lg_rc lg_latch_uv_init(struct lg_latch_uv *latch, struct lg_error *err);
/* After lg_latch_uv_wait; nobody else uses it any more. */
void lg_latch_uv_done(struct lg_latch_uv *latch);
/* Once, from any thread. What it did before is seen by the one who waits. */
void lg_latch_uv_open(struct lg_latch_uv *latch);
/* Returns when it is open. Never on a lane. */
void lg_latch_uv_wait(struct lg_latch_uv *latch);

#endif
