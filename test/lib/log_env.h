/* Where the tests of log and metadata run: one simulated lane on a simulated disk, or two real
 * lanes (a home lane on a thread of its own, and the test's lane) on a folder.
 */
#ifndef LG_TEST_LIB_LOG_ENV_H
#define LG_TEST_LIB_LOG_ENV_H

#include "drivers/sim/disk_sim.h"
#include "drivers/sim/lane_sim.h"
#include "lane/disk.h"
#include "lane/lane.h"

struct lg_pool_uv;

struct lg_log_env {
    struct lg_disk *disk;
    struct lg_lane *home; /* Of the driver under test. */
    struct lg_lane *lane; /* Of the test; may be the same. */
    struct lg_sim *sim;   /* NULL on real lanes. */
    struct lg_pool_uv *pool;
    char folder[64]; /* Of the real disk; removed at the end. */
};

/* Waits for `cond`; gives up after a long time (simulated, or a minute). */
void lg_log_env_run_until(void *env, bool (*cond)(void *ctx), void *ctx);
/* Runs `fn(ctx)` on the home lane and waits until it has returned. */
void lg_log_env_on_home(struct lg_log_env *env, void (*fn)(void *ctx), void *ctx);

/* The lanes run on `disk`, which stays the caller's. */
void lg_log_env_init_sim(struct lg_log_env *env, uint64_t seed, struct lg_disk *disk);
/* Makes a folder and its disk too. The home lane's thread starts with lg_log_env_start_uv, so that
 * a driver can be opened before. Fails the test on errors. */
void lg_log_env_init_uv(struct lg_log_env *env);
void lg_log_env_start_uv(struct lg_log_env *env);
/* Ends the home lane's thread, so that a transport can be freed before the lanes are. */
void lg_log_env_stop_uv(struct lg_log_env *env);
/* The driver must be closed. */
void lg_log_env_done(struct lg_log_env *env);

#endif
