/* Under-replication: which partitions of current versions have fewer ready replicas than their
 * version wants, and how every role that knows says so on its board of health ("replication").
 *
 * Owned by the lane of whoever counts.
 */
#ifndef LG_CATALOG_REPLICATION_H
#define LG_CATALOG_REPLICATION_H

#include "catalog/catalog.h"
#include "model/names.h"

#define LG_REPLICATION_NAMED_MAX 3u /* partitions that are told by name; the others are counted */

struct lg_replication { /* {0} is a start. */
    uint32_t partitions;
    struct {
        char store[LG_STORE_NAME_MAX + 1];
        int32_t version;
        uint32_t partition, ready, wanted;
    } named[LG_REPLICATION_NAMED_MAX]; /* the first ones */
};

/* One more partition that has `ready` of `wanted` replicas. */
void lg_replication_add(struct lg_replication *r, const char *store, int32_t version,
                        uint32_t partition, uint32_t ready, uint32_t wanted);
/* Adds all of a snapshot. A version of which nobody has said anything has none ready. */
void lg_replication_count(struct lg_replication *r, const struct lg_catalog_snapshot *s);
/* "[+]replication ok: every partition ..." or "[-]replication under-replicated: N partitions of
 * current versions: S version V partition P (1 of 2 ready), ... and M more; ...": a warning, as all
 * is read while one replica of each is ready. */
void lg_replication_tell(const struct lg_replication *r);
/* Nobody here knows any more: takes it off the board. */
void lg_replication_forget(void);

#endif
