/* The clock of the leaders: how long a push runs, a pusher is silent, a server is gone.
 *
 * Wall clocks of two controllers may differ by a day, and a fail-over must neither end what has
 * just begun nor begin anew what is nearly over. So the leader counts on its own monotonic clock,
 * writes every few seconds how far it got (/clock/leaders) while anything is measured, and the next
 * one counts on from there. What is lost is the time without a leader and the few seconds: nothing
 * is ever over too early. Owned by the controller's lane.
 */
#ifndef LG_CONTROLLER_CLOCK_H
#define LG_CONTROLLER_CLOCK_H

#include "base/error.h"
#include "base/slice.h"
#include "lane/lane.h"

#define LG_CTL_CLOCK_ROOT "/clock"
#define LG_CTL_CLOCK_PATH "/clock/leaders"
#define LG_CTL_CLOCK_WRITE_MS 10000 /* the longest between two writes */

struct lg_controller;

struct lg_ctl_clock { /* {0} has never run. */
    int64_t base_ms;  /* what it said at `base_us` of the lane */
    uint64_t base_us;
    int64_t written_ms; /* what stands in the metastore */
    bool runs;
    bool open; /* a write of it waits or runs */
};

/* Milliseconds since the first leader of this cluster; 0 before it was read. Never goes back in
 * this process. */
int64_t lg_ctl_clock_ms(const struct lg_controller *c);
/* The value of the node: {"ms":N}. LG_ERR_BAD_DATA. Pure. */
LG_MUST_CHECK enum lg_rc lg_ctl_clock_read(struct lg_slice value, int64_t *out_ms,
                                           struct lg_error *err);
/* The metadata was read, with this value: counts on from it, or from what this process has counted
 * since it read it last, whichever is more. */
void lg_ctl_clock_set(struct lg_controller *c, int64_t stored_ms);
/* Submits a write of it when one is due. */
void lg_ctl_clock_look(struct lg_controller *c);

#endif
