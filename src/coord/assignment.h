/* Which servers are to hold which partitions: a pure function of what is.
 *
 * In this order: the replicas of a partition are on different nodes; on different zones while there
 * are enough; balanced within one, of each topic and of all together, replicas and preferred
 * leaders; and as few replicas move as these allow. A node that is gone keeps its replicas for the
 * delay, unless that leaves a partition with fewer live ones than must be active. A full node is
 * given nothing that another one can hold. Deterministic:
 * nodes and topics may be given in any order, the same input gives the same answer everywhere.
 */
#ifndef LG_COORD_ASSIGNMENT_H
#define LG_COORD_ASSIGNMENT_H

#include "base/base.h"

#define LG_ASSIGNMENT_FACTOR_MAX 16u
#define LG_ASSIGNMENT_REPLICAS_MAX 2000u /* on one server, of all versions together */
#define LG_ASSIGNMENT_NODES_MAX 10000u
#define LG_ASSIGNMENT_NONE UINT32_MAX

struct lg_assignment_node {
    const char *id;
    const char *zone; /* NULL or "": a zone of its own */
    bool live;
    bool leaves;           /* removed or draining: is to hold nothing */
    bool full;             /* keeps what it holds, and takes only what nobody else can */
    int64_t gone_since_ms; /* unless live */
};

struct lg_assignment_topic {
    const char *name;
    uint32_t partitions, factor; /* 1 to LG_ASSIGNMENT_FACTOR_MAX */
    uint32_t min_active;         /* replicas on live nodes that a blink must leave; 0: as a rule */
    /* current[p * factor + r]: the index of a node, or LG_ASSIGNMENT_NONE; preferred leader first.
     * NULL: nobody holds anything yet. */
    const uint32_t *current;
    uint32_t *wanted; /* the answer, of the same shape; those that nobody can hold are NONE, last */
};

struct lg_assignment_input {
    const struct lg_assignment_node *nodes; /* with distinct ids */
    size_t node_count;
    struct lg_assignment_topic *topics; /* with distinct names */
    size_t topic_count;
    int64_t now_ms, delay_ms;
    /* How long a node must be gone before `min_active` counts it as lost: servers that all restart
     * come back one after the other. */
    int64_t blink_ms;
};

struct lg_assignment_result {
    uint64_t moves;   /* replicas that are wanted where there is none now */
    uint64_t missing; /* replicas that nobody can hold: too few nodes, or all are full */
    /* When, without any other change, the answer may be another: a node's delay ends. INT64_MAX:
     * not before something changes. */
    int64_t next_ms;
};

/* max(factor - 1, 1), Venice's rule. */
uint32_t lg_assignment_min_active(uint32_t factor);
struct lg_assignment_result lg_assignment_compute(const struct lg_assignment_input *in);
/* Can a version with `partitions` and `factor` begin? LG_ERR_UNAVAILABLE: fewer live nodes than
 * must be active. LG_ERR_TOO_LARGE: with the `held` replicas there are it is more than nodes may
 * hold. */
LG_MUST_CHECK enum lg_rc lg_assignment_check(size_t live_nodes, uint64_t held, uint32_t partitions,
                                             uint32_t factor, struct lg_error *err);

#endif
