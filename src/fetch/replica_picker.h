/* Which replica to ask: a pure choice over what is known of the hosts. */
#ifndef LG_FETCH_REPLICA_PICKER_H
#define LG_FETCH_REPLICA_PICKER_H

#include "fetch/host_health.h"

#define LG_REPLICAS_MAX 16u

/* Of `hosts` (ready replicas), the one that is not in `tried`, healthy before avoided, with the
 * fewest requests pending, least recently asked among equals. NULL when all were tried. */
struct lg_host *lg_replica_pick(struct lg_host *const *hosts, size_t count,
                                const struct lg_host *const *tried, size_t tried_count,
                                uint64_t now_us);

#endif
