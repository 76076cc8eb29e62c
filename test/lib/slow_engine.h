/* Engines whose disk is slow, in simulated time. One simulation and one kind of driver at a time.
 */
#ifndef LG_TEST_LIB_SLOW_ENGINE_H
#define LG_TEST_LIB_SLOW_ENGINE_H

#include "drivers/sim/lane_sim.h"
#include "storage/engine.h"

/* A scan of one of this driver's engines takes so much longer from now on: what happens while a
 * read index is filled. The rows are those of its beginning. */
void lg_slow_scan(struct lg_sim *sim, struct lg_engine_driver *driver, uint64_t us);
/* No key but `warm` (static) is in memory from now on, and one that is read takes so long. */
void lg_slow_get(struct lg_sim *sim, struct lg_engine_driver *driver, uint64_t us,
                 struct lg_slice warm);

#endif
