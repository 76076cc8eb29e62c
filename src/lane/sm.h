/* State machines whose states and moves are declared, and checked at run time. */
#ifndef LG_LANE_SM_H
#define LG_LANE_SM_H

#include "base/base.h"

struct lg_sm_state {
    const char *name;
    uint32_t next; /* Bits (LG_TO) of the states it may move to. */
};

struct lg_sm {
    const struct lg_sm_state *states;
    unsigned now;
};

#define LG_TO(state) (1u << (state))

static inline void lg_sm_start(struct lg_sm *sm, const struct lg_sm_state *states)
{
    sm->states = states;
    sm->now = 0;
}

static inline void lg_sm_move(struct lg_sm *sm, unsigned to)
{
    assert((sm->states[sm->now].next & LG_TO(to)) != 0 && "undeclared state move");
    sm->now = to;
}

static inline const char *lg_sm_name(const struct lg_sm *sm)
{
    return sm->states[sm->now].name;
}

#endif
