/* What the servers' reports say about a push: pure decisions on the catalog's snapshot. */
#ifndef LG_CONTROLLER_PUSH_MONITOR_H
#define LG_CONTROLLER_PUSH_MONITOR_H

#include "controller/state.h"

struct lg_push_view {
    enum lg_push_status verdict;
    int64_t records, bytes;        /* taken in so far: of each partition its furthest replica */
    uint32_t partitions_completed; /* with at least one complete replica */
    uint32_t partitions;
    uint32_t first_error; /* partition; only when the verdict is ERROR */
};

/* The status of one replica by the snapshot: NOT_CREATED when its instance is not live or has not
 * reported. `out` (may be NULL) is what it said, zeroes when nothing. */
enum lg_push_status lg_push_monitor_replica(const struct lg_catalog_snapshot *snapshot,
                                            const struct lg_catalog_topic *topic,
                                            uint32_t partition, const char *instance,
                                            struct lg_catalog_replica *out);
/* The verdict by model/push_status.h over the topic's placement, waiting for all but one replica of
 * each partition, as Venice does. `snapshot` may be NULL: nothing is known of anybody. */
struct lg_push_view lg_push_monitor_view(const struct lg_ctl_topic *topic,
                                         const struct lg_catalog_snapshot *snapshot);
/* The first reason that the nodes /replicas/<topic>/<instance> give, as "partition 3 on host_1:
 * why"; the caller frees it. `node_names` and `values` have `n` items. NULL when none is given. */
char *lg_push_monitor_reason(const char *const *node_names, const struct lg_slice *values,
                             size_t n);

/* Measures the speed of a push and of each of its partitions: once a second at most, since the last
 * measurement. `view` is of this moment. */
void lg_push_monitor_measure(struct lg_ctl_topic *topic, const struct lg_catalog_snapshot *snapshot,
                             const struct lg_push_view *view, uint64_t now_us);

#endif
