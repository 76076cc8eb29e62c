/* The inside of the pool of threads, shared by lane_uv.c and pool_uv.c. Users see lane_uv.h. */
#ifndef LG_DRIVERS_UV_POOL_UV_H
#define LG_DRIVERS_UV_POOL_UV_H

#include <uv.h>

#include "drivers/uv/lane_uv.h"

/* As uv_thread_create, but the thread blocks all signals: they belong to the threads that the
 * program itself made, whose handlers must not run on ours. */
int lg_pool_uv_thread(uv_thread_t *out, void (*run)(void *arg), void *arg);

#endif
