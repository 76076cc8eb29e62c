/* Which part of a store's read quota a process enforces, as its catalog tells: what a control lane
 * hands to lg_quota_limit whenever a new snapshot is there. Pure; of the snapshot's lane.
 */
#ifndef LG_FETCH_QUOTA_SHARE_H
#define LG_FETCH_QUOTA_SHARE_H

#include "catalog/catalog.h"
#include "model/read_quota.h"

/* A server's part of the quota of the store that this version topic is of. False: none of the
 * store's own is enforced: read quotas of servers are off for the store (the setting fast-client),
 * it has no quota, the topic is not known, or `instance_id` has no ready replica of it. */
LG_MUST_CHECK bool lg_quota_share_of_server(const struct lg_catalog_snapshot *s,
                                            struct lg_slice topic, const char *instance_id,
                                            struct lg_bucket_limit *out);

/* What all stores of a router share; to be made anew with each snapshot. `routers_before`: the
 * count that holds while the snapshot names no router (0 when there never was one). `capacity`: RCU
 * per second of one router, 0: any. */
struct lg_read_routers lg_quota_share_routers(const struct lg_catalog_snapshot *s,
                                              uint32_t routers_before, int64_t capacity);
/* A router's part of a store's quota. False: none is enforced: the store is not known or has no
 * quota, or the number of routers is not known. */
LG_MUST_CHECK bool lg_quota_share_of_router(const struct lg_catalog_snapshot *s,
                                            struct lg_slice store,
                                            const struct lg_read_routers *routers,
                                            struct lg_bucket_limit *out);

#endif
