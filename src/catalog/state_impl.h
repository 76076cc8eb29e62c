/* The inside of the catalog's state, shared by its files only.
 *
 *   state        what a node says goes to the store, topic, instance or report it is of
 *   state_hold   reports whose server's session ended, as long as they are worth something
 *   state_build  a snapshot of all of it
 *
 * Owner: the catalog's lane.
 */
#ifndef LG_CATALOG_STATE_IMPL_H
#define LG_CATALOG_STATE_IMPL_H

#include "base/list.h"
#include "catalog/directory.h"
#include "catalog/state.h"

struct lg_topic_state {
    char *name;
    uint32_t partition_count;   /* 0: it is not assigned */
    struct lg_blob *assignment; /* as it stands there; NULL: none, or nothing is ever held */
    struct lg_list reports;
    struct lg_catalog_topic *built; /* NULL: to be built */
};

struct lg_instance_state {
    char *id;
    bool live;
    struct lg_catalog_instance says; /* what it announced last; zeroes: nothing ever */
    char *life;                      /* of the process that announced it; "" when it did not say */
    uint64_t lives;                  /* that we have heard of */
    uint32_t place;                  /* among the live ones */
    uint32_t held;                   /* reports of it that are */
    uint32_t held_place;             /* among those with reports of the last resort */
    struct lg_list reports;
};

struct lg_report_part { /* What a report says of one partition. */
    uint32_t partition;
    struct lg_catalog_replica replica;
};

struct lg_report { /* What one instance says of its replicas of one topic. */
    struct lg_list of_topic, of_instance;
    struct lg_topic_state *topic;
    struct lg_instance_state *instance;
    LG_VEC(struct lg_report_part) parts;
    char *wrong;   /* NULL: nothing */
    uint64_t life; /* of the instance, when it was read */
    bool held;     /* Its node is gone. */
    uint64_t held_since_us;
    struct lg_list of_held;
};

struct lg_catalog_state {
    struct lg_lane *lane; /* by whose clock reports are held; NULL: none is */
    /* Of struct lg_catalog_store, lg_topic_state, lg_instance_state, char (the URL),
     * lg_catalog_controller. */
    struct lg_directory stores, topics, instances, routers, controllers;
    enum lg_client_protocols client_protocols; /* of the cluster */
    struct lg_map *junk;                       /* paths */
    bool left_out;                             /* The node that is put now makes no sense. */
    bool changed, instances_changed, stores_moved, topics_moved;
    struct lg_list held; /* reports, the one that is held for longest first */
    uint64_t serial;
    /* Of the last snapshot. */
    struct lg_catalog_index *store_by_name, *deleted_by_name, *topic_by_name, *instance_by_id;
    struct lg_catalog_instances *live, *holders;
};

/* --- state.c ---------------------------------------------------------------------------------- */
/* A node that makes no sense stops nobody: it is counted, and told once until it makes sense. */
void lg_catalog_state_leave_out(struct lg_catalog_state *s, const char *path, const char *reason);
void lg_catalog_state_makes_sense(struct lg_catalog_state *s, const char *path);
/* The stores that are there, but never made sense. */
void lg_catalog_state_add_unreadable(const struct lg_catalog_state *s,
                                     struct lg_catalog_snapshot *out);
bool lg_catalog_store_is_deleted(const struct lg_catalog_store *store);
/* It is built anew with the next snapshot. */
void lg_topic_state_changed(struct lg_topic_state *t);
void lg_topic_state_end_if_unused(struct lg_catalog_state *s, struct lg_topic_state *t);
void lg_instance_state_end_if_unused(struct lg_catalog_state *s, struct lg_instance_state *i);
char *lg_report_path(const struct lg_report *r);
/* It must not be held. Its topic and its instance stay. */
void lg_report_free(struct lg_report *r);

/* --- state_hold.c ----------------------------------------------------------------------------- */
/* Its node is gone: did it go with its session only? Then it is held from now on. False when it was
 * withdrawn, or is worth nothing. */
bool lg_report_hold(struct lg_catalog_state *s, struct lg_report *r);
/* It is held, or its instance is gone already and it is about to go. */
bool lg_report_is_last_resort(const struct lg_report *r);
/* It is not held any more, and as it was. */
void lg_report_release(struct lg_catalog_state *s, struct lg_report *r);
/* Another process has begun under the name of this instance, or a topic is gone: what is held of it
 * is freed, and topics or instances that are unused then. */
void lg_instance_state_forget_held(struct lg_catalog_state *s, struct lg_instance_state *i);
void lg_topic_state_forget_held(struct lg_catalog_state *s, struct lg_topic_state *t);
/* The replicas in the topic's reports that are held, and may be asked. */
void lg_topic_state_build_held(const struct lg_topic_state *t, struct lg_catalog_topic *built);

#endif
