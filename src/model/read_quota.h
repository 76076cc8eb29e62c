/* Venice's read quotas in numbers: what a request costs, and which part of a store's quota a router
 * or a server enforces. Pure.
 *
 * The unit is the RCU: one key. A single get costs 1, a batch as many as it has keys, found or not,
 * a computation as many as it looks at. A store's quota is in RCU per second, for the cluster.
 *
 * Router: max(quota / live routers, 5), times 1 + the whole part of a buffer (Venice's default of
 * 1.5 doubles it), saved up for 30 s. When the quotas of all stores pass what a router can do, each
 * store's part shrinks in proportion, where an option says what that is. Retries of the router's
 * own are not counted.
 *
 * Server: the quota is split evenly over the partitions, each over the replicas that serve it; a
 * server enforces the sum of its parts. A bucket per store version; it is refilled for 10 s at a
 * time in the sum (Venice's "incremental" variant: evenly in time) and saves up five times that. A
 * request that says it is a retry passes the store's bucket and pays the node's only. The node's
 * bucket: none unless an option sets it (Venice's default is 100,000 RCU/s), same interval, same
 * multiple.
 *
 * Exempt, because they read no records: /health, /metadata, /dictionary, /store_properties,
 * /current_version, /admin, and what else names no key.
 */
#ifndef LG_MODEL_READ_QUOTA_H
#define LG_MODEL_READ_QUOTA_H

#include "lane/bucket.h"

#define LG_READ_QUOTA_INTERVAL_MS 10000u
#define LG_READ_QUOTA_CAPACITY_MULTIPLE 5u
#define LG_READ_QUOTA_ROUTER_MIN 5u
#define LG_READ_QUOTA_ROUTER_WINDOW_MS 30000u
#define LG_READ_QUOTA_ROUTER_BUFFER_PERCENT 150u

/* --- Server ---------------------------------------------------------------------------------- */

/* Zeroes are a version without partitions. */
struct lg_read_share {
    unsigned __int128 parts; /* of one partition each, in a unit that 1 to 20 divide */
    uint32_t partitions;
};

/* One more partition, with so many replicas that serve it; is one of them this server's? */
void lg_read_share_add(struct lg_read_share *s, uint32_t ready, bool mine);

/* A server's part of `quota` RCU per second. False: no limit of the store's own is enforced here,
 * because it has none (below 0), or this server serves none of its partitions yet. A quota of 0
 * lets nothing pass; a part beyond LG_BUCKET_RATE_MAX is that. */
LG_MUST_CHECK bool lg_read_quota_of_server(int64_t quota, const struct lg_read_share *share,
                                           struct lg_bucket_limit *out);
/* The node's own; false: 0, none. */
LG_MUST_CHECK bool lg_read_quota_of_node(uint64_t rcu_per_second, struct lg_bucket_limit *out);

/* --- Router ---------------------------------------------------------------------------------- */

struct lg_read_routers {
    uint32_t live;           /* 0: not known; pass the last count that was, if there was one */
    int64_t quota_total;     /* of all stores that have one */
    int64_t capacity;        /* RCU/s of one router; 0: no protection */
    uint32_t buffer_percent; /* LG_READ_QUOTA_ROUTER_BUFFER_PERCENT */
};

/* A router's part of `quota`. False: no limit, as for a server, or the routers are not known. */
LG_MUST_CHECK bool lg_read_quota_of_router(int64_t quota, const struct lg_read_routers *routers,
                                           struct lg_bucket_limit *out);

#endif
