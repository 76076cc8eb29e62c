/* Which servers hold the replicas: keeps the list of servers, decides where replicas are wanted
 * (coord/assignment), and brings them there step by step (coord/transition). The leading controller
 * looks whenever something changed, and does one change at a time. Owned by the controller's lane.
 */
#ifndef LG_CONTROLLER_PLACEMENT_H
#define LG_CONTROLLER_PLACEMENT_H

#include "controller/state.h"
#include "coord/transition.h"

struct lg_controller;
struct lg_change;

struct lg_ctl_node_change {
    char *id;
    struct lg_node_record record;
    bool gone; /* it is forgotten */
};

/* What it saw when it looked last: nothing is to do until one of these is another. */
struct lg_ctl_placer {
    uint64_t loads;       /* how often the metadata was read */
    bool open;            /* a change of its own waits or runs */
    uint64_t led_us;      /* since when this controller knows the metadata; 0: it does not */
    uint64_t seen_serial; /* of the catalog's snapshot; 0: none */
    uint64_t seen_generation;
    uint64_t nodes_seen; /* a digest of the servers when wanted places were computed last */
    int64_t next_ms;     /* of the leaders' clock, at which to compute again whatever happens */
    bool pending;        /* more is wanted than may move at once */
    bool settled;        /* it was long enough ago that this controller began to lead */
};

/* What becomes of all replicas, for people and metrics. */
struct lg_ctl_census {
    uint32_t live, gone, draining;  /* servers */
    uint64_t wanted, ready, errors; /* replicas of all versions */
    uint32_t moving;                /* partitions on their way */
    uint32_t underreplicated;       /* partitions of current versions */
    int64_t waits_ms; /* until the first gone server's replicas move; -1: nobody is gone */
};

/* Looks, and submits a change if one is due. */
void lg_ctl_place_look(struct lg_controller *c);
/* The metadata was read anew. */
void lg_ctl_place_forget(struct lg_controller *c);
/* It leads no more, or the controller stops: what it said of the cluster is taken back. */
void lg_ctl_place_end(void);
/* Metrics and /readyz of a leader. */
void lg_ctl_place_tell(const struct lg_controller *c);
/* Places a new version beside all others; with too few servers lists stay short or empty, and are
 * filled when servers come. LG_ERR_TOO_LARGE. `out` must be empty. */
LG_MUST_CHECK enum lg_rc lg_ctl_place_version(struct lg_controller *c, const char *topic,
                                              const struct lg_version *v, struct lg_placement *out,
                                              struct lg_error *err);
/* How many replicas of a partition must be on live servers (min.active.replica). */
uint32_t lg_ctl_place_min_active(const struct lg_controller *c, uint32_t factor);
/* The first partition that has fewer servers than must be active; false: none. */
bool lg_ctl_place_lacks_servers(const struct lg_ctl_topic *t, uint32_t *out_partition);
/* What is known of one replica. */
struct lg_transition_view lg_ctl_place_view(const struct lg_catalog_snapshot *s,
                                            const struct lg_catalog_topic *topic,
                                            uint32_t partition, const char *id);
/* How many replicas of a partition that are listed can be read. */
uint32_t lg_ctl_place_ready(const struct lg_catalog_snapshot *s,
                            const struct lg_catalog_topic *topic, const struct lg_ctl_topic *t,
                            uint32_t partition);
/* Counts everything; `each` (may be NULL) is called for each under-replicated partition. */
struct lg_ctl_census lg_ctl_place_census(const struct lg_controller *c,
                                         void (*each)(void *ctx, const struct lg_ctl_topic *t,
                                                      uint32_t partition, uint32_t ready),
                                         void *ctx);
/* Must a server that is drained go on holding this replica, as no other one may take it? */
bool lg_ctl_place_lacks_room(const struct lg_controller *c, const struct lg_ctl_topic *t,
                             uint32_t partition, const char *id);
/* How long a server is gone, by the leaders' clock; 0: it is there. */
int64_t lg_ctl_place_gone_ms(const struct lg_controller *c, const struct lg_node_record *record);
/* Is this the topic of its store's current version? */
bool lg_ctl_place_is_current(const struct lg_controller *c, const struct lg_ctl_topic *t);

#endif
