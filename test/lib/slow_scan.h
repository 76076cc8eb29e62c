/* Engines whose scan takes long: what happens while a read index is filled. */
#ifndef LG_TEST_LIB_SLOW_SCAN_H
#define LG_TEST_LIB_SLOW_SCAN_H

#include "drivers/sim/lane_sim.h"
#include "storage/engine.h"

/* A scan of one of this driver's engines takes so much longer from now on, in simulated time; the
 * rows are those of its beginning. One simulation and one kind of driver at a time. */
void lg_slow_scan(struct lg_sim *sim, struct lg_engine_driver *driver, uint64_t us);

#endif
