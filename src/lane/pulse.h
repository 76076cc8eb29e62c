/* Whether lanes still run: each is asked for a sign of life by a task, and the next one is asked
 * when it has come. For lanes that have no timers of ours.
 *
 * Owner: one lane, which asks; signs are given on the lanes that are asked.
 */
#ifndef LG_LANE_PULSE_H
#define LG_LANE_PULSE_H

#include "lane/lane.h"

struct lg_pulse; /* Opaque. */

struct lg_pulse_options {
    struct lg_lane *home;         /* who asks */
    struct lg_lane *const *lanes; /* Borrowed for the call; the lanes outlive the pulse's use. */
    size_t count;
    /* A sign came, so long after it was asked for; on the lane that gave it. NULL: nobody listens.
     */
    void (*late)(void *ctx, uint64_t late_us);
    void *ctx;
};

/* It asks for nothing before lg_pulse_take. */
struct lg_pulse *lg_pulse_new(const struct lg_pulse_options *o);
/* No lane that was asked runs any more. NULL is allowed. */
void lg_pulse_free(struct lg_pulse *p);

/* Asks each lane that owes no sign. Returns the time of the oldest among the last signs of all, in
 * lane time: a lane that answers is never older than the call before, one that hangs stays as it
 * was. Without lanes it is the time of the call. */
uint64_t lg_pulse_take(struct lg_pulse *p);

#endif
