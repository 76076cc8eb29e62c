/* Read quotas of a process: a token bucket per resource (a store version of a server, a store of a
 * router) and one for the node, shared exactly between all lanes and whatever protocol a request
 * came by. The numbers come from model/read_quota.h.
 *
 * A lane takes tokens ahead, a lease, and spends it without a word to the others: the usual request
 * costs two subtractions and not one atomic operation. What all leases of a resource may hold
 * together is set aside from its capacity, so that over every window of w microseconds
 *
 *     admitted RCU  <=  capacity + refill * w / interval_us  (+ 1)
 *
 * whatever lanes hold, and also across a change of the limit (no burst, nothing lost but what a
 * lane held beyond its new lease). On the other side: a lease is at most LG_QUOTA_LEASE_US of the
 * rate, and at most an eighth of the capacity is set aside for all of them. So a lane finds at
 * least 7/8 of a full capacity less one lease of each other lane, and lanes that sleep on their
 * leases keep no more than these leases from a busy one, once: the rate is all its own. A lane that
 * runs gives back a lease of which some is left LG_QUOTA_HOLD_US after it was taken.
 *
 * Threads: a control thread (one at a time) makes and changes resources; each lane uses its own
 * struct lg_quota_lane. Nothing here blocks; lg_quota_take allocates nothing.
 */
#ifndef LG_FETCH_QUOTA_H
#define LG_FETCH_QUOTA_H

#include "lane/bucket.h"

#define LG_QUOTA_LEASE_US 1000u
#define LG_QUOTA_HOLD_US 10000u
#define LG_QUOTA_RESOURCES_MAX 65536u
#define LG_QUOTA_LANES_MAX 256u
/* What a request that no limit but the node's concerns names as its resource. */
#define LG_QUOTA_NONE 0u
#define LG_QUOTA_NEVER_MS UINT32_MAX

struct lg_quota; /* Opaque. */
struct lg_quota_lane;

struct lg_quota_options {
    uint32_t resources_max; /* at once; at most LG_QUOTA_RESOURCES_MAX */
    uint32_t lanes_max;     /* likewise */
};

/* Nothing is limited yet, the node neither. LG_ERR_BUSY when memory is exhausted. */
LG_MUST_CHECK enum lg_rc lg_quota_new(const struct lg_quota_options *o, struct lg_quota **out,
                                      struct lg_error *err);
/* All lanes have closed. NULL is allowed. */
void lg_quota_free(struct lg_quota *q);
LG_DEFINE_AUTO(lg_quota, lg_quota_free)

/* --- The control thread ---------------------------------------------------------------------- */

/* A resource that has no limit yet: all requests pass it. LG_ERR_BUSY: resources_max are there. */
LG_MUST_CHECK enum lg_rc lg_quota_add(struct lg_quota *q, uint32_t *out, struct lg_error *err);
/* Its number may be given to another resource; a request that still names it is counted there. */
void lg_quota_drop(struct lg_quota *q, uint32_t resource);
/* Replaces the limit at once for all lanes; NULL: none. Of LG_QUOTA_NONE: the node's. A first limit
 * begins full, another one goes on with what is left. The same limit again changes nothing. */
void lg_quota_limit(struct lg_quota *q, uint32_t resource, const struct lg_bucket_limit *limit,
                    uint64_t now_us);
/* Tokens that no lane has: for metrics and tests. UINT64_MAX: no limit. */
uint64_t lg_quota_left(const struct lg_quota *q, uint32_t resource, uint64_t now_us);

/* --- Lanes ----------------------------------------------------------------------------------- */

/* LG_ERR_BUSY: lanes_max are there. From any thread, one at a time. */
LG_MUST_CHECK enum lg_rc lg_quota_lane_open(struct lg_quota *q, struct lg_quota_lane **out,
                                            struct lg_error *err);
/* Gives back what it holds. NULL is allowed. */
void lg_quota_lane_close(struct lg_quota_lane *lane);
LG_DEFINE_AUTO(lg_quota_lane, lg_quota_lane_close)

/* At the beginning of each tick: the time of all that follows. Gives back a lease that is old. */
void lg_quota_tick(struct lg_quota_lane *lane, uint64_t now_us);
/* Gives back all leases, for a lane that is about to sleep for long. */
void lg_quota_rest(struct lg_quota_lane *lane);

/* May a request of so many RCU (> 0) be served? A retry passes its resource's limit, not the
 * node's. LG_ERR_QUOTA: over the resource's limit, 429; LG_ERR_BUSY: over the node's, 503; nothing
 * is counted then, and `*out_retry_after_ms` (else untouched) says when it may come back at the
 * earliest, at least 1, or LG_QUOTA_NEVER_MS when it asks for more than is ever saved up. */
LG_MUST_CHECK enum lg_rc lg_quota_take(struct lg_quota_lane *lane, uint32_t resource, uint32_t rcu,
                                       bool is_retry, uint32_t *out_retry_after_ms);

#endif
