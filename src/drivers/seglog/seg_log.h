/* The inside of the embedded log, shared by its files; everything belongs to the home lane unless
 * it says otherwise.
 *
 *   seglog.c      life, arrival of operations, topics
 *   seg_append.c  queues of produces, group commit
 *   seg_fetch.c   opening partitions, reads, fetches that wait
 */
#ifndef LG_DRIVERS_SEGLOG_SEG_LOG_H
#define LG_DRIVERS_SEGLOG_SEG_LOG_H

#include "base/map.h"
#include "drivers/seglog/seg_index.h"
#include "drivers/seglog/seg_topic.h"
#include "drivers/seglog/seglog.h"
#include "lane/journal.h"

/*   CREATING ─▶ LIVE ─▶ DELETING ─▶ (gone)      A creation or deletion that failed leaves DOOMED:
 *       └────▶ DOOMED ─▶ DELETING               unknown on disk, so it is deleted before reuse. */
enum seg_topic_state { SEG_CREATING, SEG_LIVE, SEG_DELETING, SEG_DOOMED };

struct seg_topic {
    struct lg_seglog *log;
    struct lg_seg_topic_meta meta;
    enum seg_topic_state state;
    struct seg_partition **partitions; /* meta.partitions slots; NULL until first used. */
    struct lg_list waiters;            /* Requests that wait for CREATING or DELETING to end. */
    struct seg_request *owner;         /* Whose creation, deletion, configuring is under way. */
    bool configuring;                  /* LIVE, and what would change it waits. */
    unsigned busy;                     /* Offloads that use its partitions. */
    bool retired;                      /* Deleted: its files go when nothing is busy. */
    struct lg_list link;               /* Among the retired. */
    struct lg_offload offload;
    enum lg_rc work_rc;
    struct lg_error work_err;
};

/*   CLOSED ─▶ OPENING ─▶ OPEN ─▶ CLOSED (evicted)      OPENING ─▶ DAMAGED (for good)  */
enum seg_partition_state { SEG_CLOSED, SEG_OPENING, SEG_OPEN, SEG_DAMAGED };

struct seg_partition {
    struct seg_topic *topic;
    uint32_t number;
    enum seg_partition_state state;
    struct lg_journal *journal; /* NULL while OPEN: nothing was ever written. */
    struct lg_seg_index index;
    int64_t next_offset; /* Of the next record; all before are durable. */

    struct lg_list queue;   /* PRODUCE: not yet in a commit. */
    struct lg_list opening; /* Requests that wait for OPENING to end. */
    struct lg_list waiting; /* FETCH: nothing to read yet. */
    size_t unacked_bytes;   /* Queued and under way. */
    bool committing;
    unsigned reads;            /* FETCH: reads under way. */
    bool refuses;              /* An append failed: what is on disk after the end is unknown. */
    struct lg_error fault;     /* Why it is DAMAGED or refuses. */
    struct lg_list dirty_link; /* Has a queue, waits for a commit. */
    struct lg_list open_link;  /* Has a journal open; least recently used first. */

    struct lg_offload offload; /* OPENING. */
    struct lg_seg_index new_index;
    struct lg_journal *new_journal;
    int64_t new_next;
    struct lg_journal *evicted; /* Of another partition, closed on the way. */
    enum lg_rc work_rc;
    struct lg_error work_err;
};

/* One operation on its way. Two holders: the operation's lane, and a cancel that travels. */
struct seg_request {
    unsigned refs; /* Atomic. */
    struct lg_seglog *log;
    struct lg_lane *home;
    struct lg_pubsub_op *op;
    struct lg_task cancel_task;
    bool completed; /* The operation is no longer ours. */
    bool cancelled;
    struct lg_list link;
    struct seg_partition *partition;
    uint64_t deadline_us;
    size_t count;                   /* PRODUCE: records. */
    struct lg_pubsub_config config; /* CONFIGURE: checked. */

    bool resolved; /* FETCH: `after` is known. */
    int64_t after; /* Offset; -1: from the beginning. */
    uint64_t wait_until_us;
    struct lg_timer timer;
    struct lg_offload offload;
    uint64_t read_at; /* FETCH: where the work begins. */
    int64_t read_end; /* The first offset that it may not show. */
    struct lg_buf found;
    int64_t last;
    int64_t time_ms; /* TIME: of the record that is looked for. */
    bool time_found; /* TIME: `last` is the one before it. */
    enum lg_rc work_rc;
    struct lg_error work_err;
};

struct lg_seglog {
    struct lg_pubsub head;
    struct lg_disk *disk;
    struct lg_disk_space *space;
    char *dir, *url;
    struct lg_lane *lane;
    struct lg_file *lock;
    struct lg_map *topics; /* By name; struct seg_topic. */
    struct lg_list retired;
    uint64_t next_number;
    size_t open_files, open_files_max;
    struct lg_list open_partitions;

    struct lg_list dirty;
    unsigned commits; /* Under way. */
    struct lg_task flush_task;
    bool flush_posted;

    unsigned jobs; /* Offloads under way, of any kind. */
    bool closing, close_posted;
    struct lg_task close_task;
    void (*closed)(void *ctx);
    void *closed_ctx;
};

/* seglog.c */
void seg_answer(struct seg_request *r, enum lg_rc rc);              /* err is in r->op->err. */
void seg_dispatch(struct seg_request *r);                           /* (Again) from the start. */
void seg_job_begun(struct lg_seglog *log, struct seg_topic *topic); /* topic may be NULL. */
void seg_job_ended(struct lg_seglog *log, struct seg_topic *topic);
struct lg_position seg_position(int64_t offset); /* -1: EARLIEST */

/* seg_append.c */
void seg_append_submit(struct seg_request *r);
void seg_append_fail_queue(struct seg_partition *p, enum lg_rc rc, const char *why);

/* seg_fetch.c */
/* True when the partition is open; else the request waits, or is answered. */
bool seg_partition_ready(struct seg_partition *p, struct seg_request *r);
void seg_partition_used(struct seg_partition *p); /* Has just been used, or has got a journal. */
void seg_partition_free(struct seg_partition *p);
char *seg_partition_path(const struct seg_partition *p); /* Owned by the caller. */
void seg_fetch_submit(struct seg_request *r);
void seg_time_submit(struct seg_request *r);
void seg_fetch_cancel(struct seg_request *r);
void seg_fetch_wake(struct seg_partition *p);
void seg_fetch_fail_waiting(struct seg_partition *p, enum lg_rc rc, const char *why);

#endif
