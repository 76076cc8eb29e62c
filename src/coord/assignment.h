/* Which servers hold which partitions: a pure function.
 *
 * Balanced: each replica goes to the server that holds the fewest, so a topic alone is spread
 * within one replica per server; the replicas of a partition are on different servers.
 * Deterministic: the same input gives the same answer on every machine.
 */
#ifndef LG_COORD_ASSIGNMENT_H
#define LG_COORD_ASSIGNMENT_H

#include "base/base.h"

#define LG_ASSIGNMENT_FACTOR_MAX 16u
#define LG_ASSIGNMENT_REPLICAS_MAX 2000u /* on one server, of all versions together */

struct lg_assignment_input {
    const char *const *instances; /* ids of live servers, sorted, without repetition */
    size_t instance_count;
    uint32_t partitions;
    uint32_t replication_factor; /* 1 to LG_ASSIGNMENT_FACTOR_MAX */
    /* How many replicas each instance holds already of other topics; NULL: none. */
    const uint32_t *load;
};

/* out[p * replication_factor + r] is the index of the instance that holds replica r of partition p;
 * room for partitions * replication_factor. With fewer servers than replicas wanted, but at least
 * max(replication_factor - 1, 1), the missing last ones are LG_ASSIGNMENT_NONE; with fewer still,
 * LG_ERR_UNAVAILABLE says how many there are and how many are needed. */
#define LG_ASSIGNMENT_NONE UINT32_MAX
LG_MUST_CHECK enum lg_rc lg_assignment_compute(const struct lg_assignment_input *input,
                                               uint32_t *out, struct lg_error *err);

#endif
