/* Ingestion of one partition replica: from the version topic into the engine (Venice's
 * StoreIngestionTask, for one partition).
 *
 *   OPENING ──▶ CONSUMING ──▶ SETTLING      readable: the log is not needed any more
 *      │  │                      ▼
 *      │  └───────────────────▶ READY         and warm, or it has waited for that long enough
 *      └──▶ FAILED ◀── CONSUMING              a sentence says why; nothing is checkpointed any more
 *   any of them ──stop──▶ CLOSING ──▶ CLOSED
 *
 * Who is told COMPLETED sends readers here. So what was just loaded says so when its read index is
 * filled (lg_warmer_settle); what was complete when it was opened says so at once, and is read from
 * the engine while it warms: there others may wait for it to come back.
 *
 * While the disk is low nothing is fetched: the task keeps its position and looks again every
 * LG_INGEST_SPACE_MS. A disk that is full all the same closes the replica, which goes on from its
 * checkpoint once there is room.
 *
 * A batch is fetched, then applied by one offload; then the next is fetched: at most one fetched
 * batch is held per task, so memory is bounded by tasks * (fetch_bytes + one record). Retryable
 * errors of the log are waited out, for as long as it takes; a topic that is not there is waited
 * for LG_INGEST_TOPIC_MS, because the engine may hear late of a new one. Records that retention has
 * removed before they were read are never skipped: the replica fails, and the sentence says whether
 * beginning anew helps. Before end of push anything that is wrong with the stream
 * (lost, doubled or damaged messages, an unknown kind of message, a wrong record count) fails the
 * replica.
 *
 * Owner: one lane; every call and callback is on it. The task keeps its own memory alive until the
 * `done` of lg_ingest_task_stop.
 */
#ifndef LG_INGEST_TASK_H
#define LG_INGEST_TASK_H

#include "lane/disk_space.h"
#include "lane/lane.h"
#include "pubsub/pubsub.h"
#include "storage/checkpoint.h"
#include "storage/engine.h"
#include "storage/replica.h"

struct lg_ingest_task;

#define LG_INGEST_FETCH_BYTES ((size_t)1 << 20)
#define LG_INGEST_WAIT_MS 1000      /* Long poll. */
#define LG_INGEST_BACKOFF_MS_MIN 50 /* Doubles up to the maximum while the log is away. */
#define LG_INGEST_BACKOFF_MS_MAX 5000
#define LG_INGEST_SPACE_MS 1000
#define LG_INGEST_TOPIC_MS 10000
#define LG_INGEST_AWAY_FAILURES 3        /* One after the other: then the log is said to be away. */
#define LG_INGEST_PROGRESS_RECORDS 10000 /* A PROGRESS at most this often. */

enum lg_ingest_event {
    LG_INGEST_STARTED, /* Open; consuming goes on behind the checkpoint. */
    LG_INGEST_PROGRESS,
    LG_INGEST_END_OF_PUSH_RECEIVED, /* Everything is read; taking it in. */
    LG_INGEST_READABLE,             /* lg_ingest_task_replica; COMPLETED will follow. */
    LG_INGEST_COMPLETED,            /* And warm. Final. */
    LG_INGEST_WAITING,              /* Not open yet: the disk is full. It goes on by itself. */
    LG_INGEST_ERROR,                /* `err` says why. Final; only stop is left. */
};

struct lg_ingest_status {
    enum lg_ingest_event event;
    uint64_t records, bytes;    /* Puts taken in over the whole push; their keys and values. */
    const struct lg_error *err; /* With ERROR; else NULL. */
};

/* What tasks of one lane share, so that one sentence tells of all: {0}, the caller's, outlives
 * them.
 */
struct lg_ingest_group {
    uint32_t away;     /* tasks to which the log does not answer */
    uint64_t since_us; /* when it began, in lane time */
};

struct lg_ingest_options {
    struct lg_lane *lane;
    struct lg_pubsub *pubsub;                /* May be NULL for a replica known to be complete. */
    struct lg_engine_driver *driver;         /* Borrowed, outlives the task. */
    struct lg_checkpoint_store *checkpoints; /* Borrowed, outlives the task. */
    struct lg_disk_space *space;             /* Borrowed; NULL: never low. */
    struct lg_ingest_group *group;           /* Borrowed; NULL: none. */
    struct lg_warmer *warmer;                /* Borrowed; NULL: no read index. */
    const char *topic;                       /* Copied. */
    uint32_t partition;
    bool wipe;           /* What is on disk goes before it is opened. */
    size_t fetch_bytes;  /* 0: LG_INGEST_FETCH_BYTES */
    uint64_t sync_bytes; /* 0: LG_PARTITION_SYNC_BYTES */
    uint64_t file_bytes; /* 0: LG_BULK_LOAD_FILE_BYTES */
    /* On the lane, never from inside a call of this header. After COMPLETED or ERROR nothing more
     * comes. A completed replica that is opened again says READABLE and COMPLETED only, at once.
     * May stop the task. */
    void (*status)(void *ctx, struct lg_ingest_task *task, const struct lg_ingest_status *status);
    void *ctx;
};

/* Starts at once; cannot fail: what goes wrong later is an ERROR status. */
struct lg_ingest_task *lg_ingest_task_start(const struct lg_ingest_options *o);
/* Ends it: no more status comes; `stopped` comes once, after the last read has let go of the
 * replica and the engine is closed, never from inside this call. With `destroy` checkpoint and
 * files are removed too. `err` is NULL, or says what could not be removed. The task is freed when
 * `stopped` returns. Call it once. */
void lg_ingest_task_stop(struct lg_ingest_task *task, bool destroy,
                         void (*stopped)(void *ctx, const struct lg_error *err), void *ctx);

/* What readers read; NULL unless READABLE and not being stopped. Borrowed: a reader on this or
 * another lane takes its own reference first (lg_replica_ref), here on the task's lane. */
struct lg_replica *lg_ingest_task_replica(struct lg_ingest_task *task);
/* It has said COMPLETED, and is not being stopped. */
bool lg_ingest_task_is_complete(const struct lg_ingest_task *task);
/* How much a read index of it is wanted (storage/warmer.h); nothing unless READABLE. */
void lg_ingest_task_want(struct lg_ingest_task *task, enum lg_warm_rank rank);
const char *lg_ingest_task_topic(const struct lg_ingest_task *task);
uint32_t lg_ingest_task_partition(const struct lg_ingest_task *task);
uint64_t lg_ingest_task_records(const struct lg_ingest_task *task);
uint64_t lg_ingest_task_bytes(const struct lg_ingest_task *task);
/* "opening", "consuming", "waiting for disk space", "waiting for the log", "filling its read
 * index", "ready", "failed", "closing": for humans. */
const char *lg_ingest_task_state(const struct lg_ingest_task *task);

#endif
