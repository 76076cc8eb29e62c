/* The read quotas of a server: what its catalog says of stores and replicas becomes limits
 * (fetch/quota_share.h) that all its lanes share, whatever a request came by, and the serving table
 * says which limit a topic has.
 *
 * Owned by the server's lane.
 */
#ifndef LG_SERVER_QUOTA_KEEPER_H
#define LG_SERVER_QUOTA_KEEPER_H

#include "catalog/catalog.h"
#include "fetch/quota.h"
#include "server/serving.h"

#define LG_QUOTA_KEEPER_TOPICS_MAX 8192u /* with a limit of their own; further ones have none */

struct lg_quota_keeper; /* Opaque. */

struct lg_quota_keeper_options {
    struct lg_lane *lane;
    struct lg_serving *serving; /* Borrowed; outlives it. */
    uint32_t lanes;             /* that answer reads */
    uint64_t node_rcu;          /* RCU per second of all stores together; 0: any */
};

/* LG_ERR_BUSY when memory is exhausted. */
LG_MUST_CHECK enum lg_rc lg_quota_keeper_new(const struct lg_quota_keeper_options *o,
                                             struct lg_quota_keeper **out, struct lg_error *err);
/* All lanes of its quota have closed. NULL is allowed. */
void lg_quota_keeper_free(struct lg_quota_keeper *k);
/* For the lanes. */
struct lg_quota *lg_quota_keeper_quota(struct lg_quota_keeper *k);
/* A new snapshot is there; `instance` is this server's name. */
void lg_quota_keeper_update(struct lg_quota_keeper *k, const struct lg_catalog_snapshot *s,
                            const char *instance);

#endif
