/* What the controller knows, in memory: stores and the topics of their versions, as they stand in
 * the metastore. Owned by the controller's lane; replaced entry by entry after each durable write.
 */
#ifndef LG_CONTROLLER_STATE_H
#define LG_CONTROLLER_STATE_H

#include "base/map.h"
#include "catalog/catalog.h"
#include "model/placement.h"

struct lg_ctl_store {
    struct lg_store *store; /* owned */
    int64_t node_version;   /* of /stores/<store>, for the comparison of the next write */
};

/* What a pusher says of itself with each heartbeat; -1: it does not. */
struct lg_ctl_report {
    char phase[16]; /* "writing"; "": it does not say */
    int64_t records, records_total;
};

/* How fast a push goes, measured between two looks at it. */
struct lg_ctl_rate {
    uint64_t since_us; /* 0: not measured yet */
    int64_t records, bytes;
    int64_t records_per_s, bytes_per_s;
};

/* The topic of a version: /pushes/<topic> and /assignment/<topic>. */
struct lg_ctl_topic {
    char *name, *store, *push_job_id;
    char *details; /* NULL: none */
    char *pusher;  /* who pushes, as it calls itself; NULL: it did not say */
    int32_t version;
    enum lg_push_status status;
    bool end_of_push;
    struct lg_placement placement; /* /assignment/<topic> */
    uint64_t missing_us; /* Since when its assignment is not there; 0: it is. Memory only. */
    uint64_t failed_us;  /* When it failed; 0: not, or before the last start. Memory only. */
    bool deciding;       /* A change that ends this push waits for its turn. Memory only. */
    struct lg_ctl_report report; /* Memory only. */
    struct lg_ctl_rate rate;     /* Memory only. */
    struct lg_ctl_rate *rates;   /* by partition; NULL: not measured yet. Owned. Memory only. */
};

/* A server that holds or may hold replicas: /nodes/<id>. */
struct lg_ctl_node {
    char *id;
    struct lg_node_record record;
};

/* A name whose store was purged: its version numbers are never used again. */
struct lg_ctl_grave {
    char *name;
    int32_t largest_used_version;
};

struct lg_ctl_trash {
    char *topic;
    uint64_t since_us; /* lane time at which it was first seen here */
};

struct lg_ctl_state {
    struct lg_map *stores; /* name -> struct lg_ctl_store, owned */
    struct lg_map *topics; /* name -> struct lg_ctl_topic, owned */
    struct lg_map *graves; /* name -> struct lg_ctl_grave, owned; none of a name that is a store */
    struct lg_map *nodes;  /* id -> struct lg_ctl_node, owned */
    LG_VEC(struct lg_ctl_trash) trash;
    struct lg_map *unreadable; /* paths of nodes that made no sense when they were read */
    uint64_t generation;       /* grows with each change of topics and nodes */
};

struct lg_ctl_state *lg_ctl_state_new(void);
void lg_ctl_state_free(struct lg_ctl_state *s); /* NULL is allowed. */
LG_DEFINE_AUTO(lg_ctl_state, lg_ctl_state_free)

struct lg_ctl_store *lg_ctl_state_store(const struct lg_ctl_state *s, const char *name);
struct lg_ctl_topic *lg_ctl_state_topic(const struct lg_ctl_state *s, const char *name);
/* Of a version; NULL when it is gone. */
struct lg_ctl_topic *lg_ctl_state_version(const struct lg_ctl_state *s, const char *store,
                                          int32_t version);
/* The node at this path made no sense, so what it says is not known here. */
void lg_ctl_state_put_unreadable(struct lg_ctl_state *s, const char *path);
bool lg_ctl_state_is_unreadable(const struct lg_ctl_state *s, const char *path);
/* A path of those below this root ("/assignment"), as a string of the caller's; NULL: there is
 * none. */
char *lg_ctl_state_unreadable_below(const struct lg_ctl_state *s, const char *root);

/* LG_ERR_NO_STORE, with the nearest name; also of a store that was deleted and could come back.
 * LG_ERR_UNREADY when its node is unreadable. */
LG_MUST_CHECK enum lg_rc lg_ctl_state_find(const struct lg_ctl_state *s, const char *name,
                                           struct lg_ctl_store **out, struct lg_error *err);
/* The same for who may not see which stores there are: no other one is named. */
LG_MUST_CHECK enum lg_rc lg_ctl_state_find_unhinted(const struct lg_ctl_state *s, const char *name,
                                                    struct lg_ctl_store **out,
                                                    struct lg_error *err);

/* Takes over what was written. When pushers were last heard, and what they said, stays as it is in
 * memory. */
void lg_ctl_state_put_store(struct lg_ctl_state *s, struct lg_store *take_store,
                            int64_t node_version);
void lg_ctl_state_put_topic(struct lg_ctl_state *s, struct lg_ctl_topic *take_topic);
/* The store's entry goes; its name and largest version number lie in the graveyard. */
void lg_ctl_state_bury(struct lg_ctl_state *s, const char *store, int32_t largest_used_version);
/* The largest version number ever used under a name without a store; 0: none. LG_ERR_UNREADY when
 * its node is unreadable. */
LG_MUST_CHECK enum lg_rc lg_ctl_state_grave(const struct lg_ctl_state *s, const char *store,
                                            int32_t *out, struct lg_error *err);
void lg_ctl_state_unbury(struct lg_ctl_state *s, const char *store); /* Absent is fine. */
/* The topic's entry goes, and it lies in the trash. */
void lg_ctl_state_trash(struct lg_ctl_state *s, const char *topic, uint64_t now_us);
void lg_ctl_state_untrash(struct lg_ctl_state *s, size_t i);

struct lg_ctl_node *lg_ctl_state_node(const struct lg_ctl_state *s, const char *id);
/* Moves the record in. */
void lg_ctl_state_put_node(struct lg_ctl_state *s, const char *id,
                           struct lg_node_record *take_record);
void lg_ctl_state_remove_node(struct lg_ctl_state *s, const char *id); /* Absent is fine. */

void lg_ctl_topic_free(struct lg_ctl_topic *t); /* NULL is allowed. */
LG_DEFINE_AUTO(lg_ctl_topic, lg_ctl_topic_free)
struct lg_ctl_topic *lg_ctl_topic_copy(const struct lg_ctl_topic *t);
/* Sets status and reason; `details` is copied, NULL: none. */
void lg_ctl_topic_settle(struct lg_ctl_topic *t, enum lg_push_status status, const char *details);

/* The values of the nodes; the caller owns them. */
struct lg_json *lg_ctl_topic_push_json(const struct lg_ctl_topic *t);
struct lg_json *lg_ctl_topic_assignment_json(const struct lg_ctl_topic *t);
/* LG_ERR_BAD_DATA. `assignment` may be NULL: nobody is assigned. */
LG_MUST_CHECK enum lg_rc lg_ctl_topic_from_json(const char *name, const struct lg_json *push,
                                                const struct lg_json *assignment,
                                                struct lg_ctl_topic **out, struct lg_error *err);

#endif
