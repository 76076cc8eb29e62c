/* What the simulator has done: a hash of all of it, and its last events, for reports of failures.
 * Owner: the simulator. */
#ifndef LG_DRIVERS_SIM_RING_H
#define LG_DRIVERS_SIM_RING_H

#include "drivers/sim/lane_sim.h"

#define LG_SIM_TEXT_KEPT 47 /* bytes of a name or text that an event keeps */

struct lg_sim_traced {
    uint64_t now_us;
    const char *what; /* A literal. */
    char lane[LG_SIM_TEXT_KEPT + 1];
    char text[LG_SIM_TEXT_KEPT + 1];
    uint64_t values[LG_SIM_TRACE_VALUES_MAX];
    size_t n;
};

struct lg_sim_ring { /* {0} has no events. */
    uint64_t hash, traced;
    struct lg_sim_traced events[LG_SIM_EVENTS_KEPT];
};

void lg_sim_ring_mix(struct lg_sim_ring *r, uint64_t value);
/* As of lg_sim_trace; `lane` is copied. */
void lg_sim_ring_add(struct lg_sim_ring *r, uint64_t now_us, const char *lane, const char *what,
                     const uint64_t *values, size_t n);
/* Of the last event. */
void lg_sim_ring_text(struct lg_sim_ring *r, struct lg_slice text);
void lg_sim_ring_dump(const struct lg_sim_ring *r, struct lg_buf *out);

#endif
