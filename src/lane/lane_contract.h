/* What every lane must do, as one asynchronous run that each driver's test starts. */
#ifndef LG_LANE_LANE_CONTRACT_H
#define LG_LANE_LANE_CONTRACT_H

#include "lane/lane.h"

struct lg_lane_contract; /* Opaque: frees itself after `done`. */

/* Runs the contract on the lane, which must have a pool, and may not run yet. `done(ctx, rc, err)`
 * comes once, on the lane: LG_OK, or LG_ERR_FAILED and a sentence at the first promise not kept.
 * Needs some milliseconds of the lane's time. */
void lg_lane_contract_start(struct lg_lane *lane,
                            void (*done)(void *ctx, enum lg_rc rc, const struct lg_error *err),
                            void *ctx);

#endif
