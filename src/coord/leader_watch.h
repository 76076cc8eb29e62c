/* Who leads the cluster, for those who are no candidates: follows the node /leader.
 *
 * Owned by one lane; all calls come from it.
 */
#ifndef LG_COORD_LEADER_WATCH_H
#define LG_COORD_LEADER_WATCH_H

#include "metastore/metastore.h"

struct lg_leader_watch; /* Opaque. */

/* `metastore` outlives it. */
struct lg_leader_watch *lg_leader_watch_start(struct lg_metastore *metastore, struct lg_lane *lane);
/* The URL of the leading controller as it was heard last; NULL: nobody leads, or nothing was heard
 * yet. While the metastore is away it stays. Borrowed for the task. */
const char *lg_leader_watch_url(const struct lg_leader_watch *w);
/* `done` runs once on the lane; it is gone then. */
void lg_leader_watch_stop(struct lg_leader_watch *w, void (*done)(void *ctx), void *ctx);

#endif
