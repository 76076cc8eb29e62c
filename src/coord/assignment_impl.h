/* What the files of the assignment share: one computation's work. Nothing outside of coord/
 * includes this. */
#ifndef LG_COORD_ASSIGNMENT_IMPL_H
#define LG_COORD_ASSIGNMENT_IMPL_H

#include "base/vec.h"
#include "coord/assignment.h"

#define NONE LG_ASSIGNMENT_NONE

struct node {
    const struct lg_assignment_node *in;
    uint32_t zone;
    bool takes;         /* live, it stays, and it is not full */
    bool keeps;         /* it stays: live, or gone for less than the delay */
    bool blinks;        /* gone for so short that nobody counts it as lost */
    uint32_t total;     /* replicas */
    uint32_t of_topic;  /* replicas, of the topic at hand */
    uint32_t leads;     /* partitions of all topics */
    uint32_t leads_now; /* of the topic at hand */
};

struct spot { /* One replica: rows[topic].list[partition * factor + slot]. */
    uint32_t topic, partition;
};

struct work {
    const struct lg_assignment_input *in;
    struct node *nodes;  /* by id */
    uint32_t *sorted_at; /* caller's index -> index in `nodes` */
    uint32_t *caller_at; /* and back */
    uint32_t *topic_at;  /* topics by name */
    uint32_t **lists;    /* by place in topic_at: indexes in `nodes` */
    uint32_t node_count, zone_count;
    uint64_t missing;
    /* By node: replicas of the topic at hand, then of all, in one number; NO_KEY: it takes none. */
    int32_t *keys;
    uint16_t *pairs; /* of the topic at hand: how often two nodes hold a partition together */
};

/* The replicas of each node, over all topics. */
struct shelf {
    LG_VEC(struct spot) spots;
};

static inline struct lg_assignment_topic *topic_of(const struct work *w, uint32_t t)
{
    return &w->in->topics[w->topic_at[t]];
}

static inline uint32_t list_size(const uint32_t *list, uint32_t factor)
{
    uint32_t n = 0;

    while (n < factor && list[n] != NONE)
        n++;
    return n;
}

/* Puts the preferred leader of each partition first. */
void lg_assignment_lead(struct work *w);

#endif
