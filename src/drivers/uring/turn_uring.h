/* What the transport of this driver does in the turns of a lane; see lane_uring.c. */
#ifndef LG_DRIVERS_URING_TURN_URING_H
#define LG_DRIVERS_URING_TURN_URING_H

#include "base/list.h"
#include "drivers/uring/ring_uring.h"
#include "lane/lane.h"

struct lg_turn_uring { /* Embed it; the lane's. */
    struct lg_list link;
    /* Completions have been told. `settled`: a send that was silent is through. */
    void (*reaped)(struct lg_turn_uring *turn, bool settled);
    /* The turn ends: tells what is to be told and asks the kernel for what is to be done. False:
     * something is left, the lane may not sleep. */
    bool (*ends)(struct lg_turn_uring *turn);
    /* Nothing is armed any more and the lane's run ends. */
    bool (*idle)(struct lg_turn_uring *turn);
};

void lg_lane_uring_join_turns(struct lg_lane *lane, struct lg_turn_uring *turn);
struct lg_ring *lg_lane_uring_ring(struct lg_lane *lane);
/* Runs what is deferred, and what that defers. True: nothing is left. */
bool lg_lane_uring_end_tick(struct lg_lane *lane);
/* The run ends: nothing is told, and nothing asked for, until the next. */
bool lg_lane_uring_ending(const struct lg_lane *lane);

#endif
