/* From who holds a partition to who shall hold it, one step at a time: a pure function of the
 * assignment and of what servers report. Called with what is, as often as anybody likes; a step
 * that failed, or whose write was lost, follows again from what is then reported.
 *
 * Make before break: a new replica is listed beside the old ones; an old one leaves only when, in
 * its absence, as many as are wanted are complete on live servers. A live leader gives up first: it
 * is named no more, and only when it does not report LEADER any longer another one is named, with a
 * higher term. A leader that is gone, or whose replica failed, is followed at once.
 */
#ifndef LG_COORD_TRANSITION_H
#define LG_COORD_TRANSITION_H

#include "model/placement.h"

struct lg_transition_view { /* What is known of one server for this partition. */
    bool live;
    bool reported; /* else the rest means nothing */
    enum lg_replica_state state;
    enum lg_push_status status;
    int64_t term;
};

/* What is known of a server; called with ids of the lists only. */
typedef struct lg_transition_view (*lg_transition_look)(void *ctx, const char *id);

/* Changes `part` by one step towards `wanted` (distinct ids, the preferred leader first, at most
 * LG_PLACEMENT_FACTOR_MAX); true when it did. Nobody wanted: everything stays. */
LG_MUST_CHECK bool lg_transition_step(struct lg_placement_partition *part,
                                      const char *const *wanted, uint32_t wanted_count,
                                      lg_transition_look look, void *ctx);
/* Does the partition stand as it is wanted: these replicas, and nothing else? */
bool lg_transition_is_done(const struct lg_placement_partition *part, const char *const *wanted,
                           uint32_t wanted_count);
/* COMPLETED on a live server, so that reads may go there. */
bool lg_transition_is_ready(struct lg_transition_view view);

#endif
