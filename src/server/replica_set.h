/* What the parts of the replica manager share: its replicas, by topic. For replica_manager.c,
 * replica_drive.c, replica_report.c, replica_audit.c and replica_sweep.c only.
 *
 *   replica_manager   reads the assignment, tells each replica what is wanted of it, finds them
 *   replica_drive     does what a replica's life (replica_state) says is next
 *   replica_report    writes /replicas/<topic>/<instance>
 *   replica_audit     sees to it that what was written stays
 *   replica_sweep     removes from the disk what is not ours
 *
 * Owned by the server's lane.
 */
#ifndef LG_SERVER_REPLICA_SET_H
#define LG_SERVER_REPLICA_SET_H

#include "base/map.h"
#include "base/vec.h"
#include "catalog/mirror.h"
#include "model/enums.h"
#include "server/replica_manager.h"
#include "server/replica_state.h"

/* Labels of server_replica_states. */
#define LG_REPLICA_LABELS 4

struct lg_held_topic;

struct lg_held { /* One replica of ours. */
    struct lg_held_topic *topic;
    uint32_t partition;
    struct lg_replica_life life;
    struct lg_ingest_task *task; /* NULL while it is not open */
    enum lg_push_status status;
    uint64_t records, bytes;
    struct lg_error err;
    bool counted;
    uint32_t counted_as;   /* label of server_replica_states */
    uint32_t counted_load; /* label of server_replicas */
    bool queued, opening;  /* it waits for its turn to open; it has one */
    struct lg_list queue_link;
    bool withdrawing, withdrawn; /* LEAVING: it is being told; it was */
    bool destroying;             /* CLOSING: its files go too */
    struct lg_timer timer;       /* LEAVING: the grace; ERROR: the pause */
};

struct lg_held_topic {
    struct lg_replica_manager *manager;
    char *name;
    uint32_t partition_count;
    struct lg_held **held;  /* by partition; NULL: not ours */
    uint32_t count;         /* of them */
    bool dirty;             /* what is published is not what is */
    bool awaited;           /* the assignment has another shape of it: read again when it is gone */
    bool looked_at;         /* it stays meanwhile, whatever happens to its replicas */
    bool in_publish;        /* the write that is under way speaks of it */
    uint64_t told, telling; /* digest of what was written last, and of that write; 0: nothing */
    bool suspected;         /* the node may not be what was written */
    struct lg_list link;
};

struct lg_leftover { /* On disk, and not ours. */
    char *topic;
    uint32_t partition;
    uint32_t tries;
};

struct lg_replica_sweep {
    LG_VEC(struct lg_leftover) waiting;
    struct lg_leftover now; /* being removed; topic NULL: none */
    bool busy;              /* the offload is under way */
    bool listed;            /* what a former life left is known */
    bool judged;            /* and compared with the assignment, once */
    bool awaited;           /* what is being removed is ours again */
    struct lg_offload offload;
    struct lg_timer pause;
    enum lg_rc rc;
    struct lg_error err;
};

struct lg_replica_audit {
    struct lg_meta_watch watch;
    bool watching, reading;
    struct lg_timer pause;
    struct lg_meta_op op;
    char *topic, *path; /* that are being read */
};

struct lg_news {           /* What a node of the assignment says now. */
    struct lg_blob *value; /* owned; NULL: it is gone, or */
    bool unreadable;
};

struct lg_replica_manager {
    struct lg_replica_manager_options o;
    char *instance;
    char *cluster, *cluster_id; /* NULL: not compared */
    struct lg_map *by_name;
    struct lg_list topics;
    uint32_t replicas;

    struct lg_mirror *mirror; /* NULL before a former life's replicas are listed, and in the end */
    struct lg_map *news;      /* path -> struct lg_news: what was not followed yet */
    bool there;               /* /assignment is */
    struct lg_blob *origin;   /* /cluster; NULL: it is not there */
    bool read_failed, read_once, settled;
    struct lg_error not_ours; /* rc LG_OK: the one that was read last is */
    struct lg_map *junk;      /* paths that were told to be unreadable */

    struct lg_list queue; /* of those that want to open */
    uint32_t opening;
    uint32_t states[LG_REPLICA_LABELS]; /* how many are in each */
    struct lg_ingest_group ingest;

    bool speaks; /* else nothing is published */
    bool publishing, publish_failing;
    struct lg_meta_op publish;
    struct lg_meta_change *changes;
    size_t change_count;
    struct lg_timer progress;

    struct lg_replica_sweep sweep;
    struct lg_replica_audit audit;

    bool withdrawing; /* nothing of ours is told any more */
    void (*withdrawn)(void *ctx);
    void *withdrawn_ctx;
    bool stopping;
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

/* --- replica_manager.c ------------------------------------------------------------------------ */
/* Follows the assignment from now on; once. */
void lg_replica_manager_begin(struct lg_replica_manager *m);
/* Reads what is assigned of this topic once more. */
void lg_replica_manager_read(struct lg_replica_manager *m, const char *topic);
void lg_replica_manager_end_if_idle(struct lg_replica_manager *m);
/* Frees a topic that holds nothing, once everybody was told so. */
void lg_held_topic_free_if_gone(struct lg_held_topic *t);
/* May the assignment give it to us? A node that cannot be read might. `news` are all that are. */
bool lg_replica_manager_may_be_ours(struct lg_replica_manager *m, const struct lg_map *news,
                                    const struct lg_leftover *l);
bool lg_held_has(const struct lg_replica_manager *m, const char *topic, uint32_t partition);

/* --- replica_drive.c -------------------------------------------------------------------------- */
/* A new replica; nothing is done with it before lg_held_drive. */
struct lg_held *lg_held_new(struct lg_held_topic *t, uint32_t partition);
/* Does what is next until there is nothing. It may free `h`, not its topic. */
void lg_held_drive(struct lg_held *h);
/* Asks what is to be thought of its topic, and does so. */
void lg_held_judge(struct lg_held *h);
/* The others know now that it is not to be read here any more. */
void lg_held_withdrawn(struct lg_held *h);

/* --- replica_report.c ------------------------------------------------------------------------- */
/* A change of status is told at once, progress once a second. */
void lg_replica_report_touch(struct lg_held_topic *t, bool now);
void lg_replica_report_touch_all(struct lg_replica_manager *m);
void lg_replica_report_publish(struct lg_replica_manager *m);
void lg_replica_report_due(struct lg_timer *progress); /* of the manager's timer */

/* --- replica_audit.c -------------------------------------------------------------------------- */
void lg_replica_audit_start(struct lg_replica_manager *m);
void lg_replica_audit_stop(struct lg_replica_manager *m);
bool lg_replica_audit_is_idle(const struct lg_replica_manager *m);
/* Of a report as it is written; 0: there is none. */
uint64_t lg_replica_report_digest(struct lg_slice value);

/* --- replica_sweep.c -------------------------------------------------------------------------- */
/* Lists what a former life left; the assignment is read afterwards. */
void lg_replica_sweep_list(struct lg_replica_manager *m);
/* Of what was listed, what the assignment does not give us goes; once, with the first reading. */
void lg_replica_sweep_judge(struct lg_replica_manager *m, const struct lg_map *news);
void lg_replica_sweep_add(struct lg_replica_manager *m, const char *topic, uint32_t partition);
/* Is it being removed at this moment? */
bool lg_replica_sweep_is_at(const struct lg_replica_manager *m, const char *topic,
                            uint32_t partition);
void lg_replica_sweep_stop(struct lg_replica_manager *m);
void lg_replica_sweep_done(struct lg_replica_manager *m);

#endif
