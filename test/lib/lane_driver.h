/* A driver of lanes that have threads, for tests; and what each of them must do beside the contract
 * (lane/lane_contract.h): run on the caller's thread and on one of its own, take posts from many
 * threads, starve nobody, have one time per tick, stop and go on. */
#ifndef LG_TEST_LIB_LANE_DRIVER_H
#define LG_TEST_LIB_LANE_DRIVER_H

#include "drivers/uv/lane_uv.h"

struct lg_lane_driver {
    enum lg_rc (*lane_new)(const char *name, struct lg_pool_uv *pool, struct lg_lane **out,
                           struct lg_error *err);
    void (*lane_free)(struct lg_lane *lane);
    enum lg_rc (*start)(struct lg_lane *lane, struct lg_error *err);
    void (*stop)(struct lg_lane *lane);
    void (*join)(struct lg_lane *lane);
    void (*run)(struct lg_lane *lane);
};

/* Runs these tests as a group; how many of them failed. */
int lg_lane_driver_run(const struct lg_lane_driver *driver);

#endif
