/* Topics as a port: partitioned, ordered, durable logs of records with opaque positions.
 *
 * Drivers: seglog (embedded), loghttp (the embedded log of another process), kafka. Every driver
 * passes lg_pubsub_contract. An operation is one struct, submitted from any lane that the
 * driver serves; `done` comes exactly once on `op->lane`, never from inside submit.
 *
 * "Acknowledged" means durable: a produce is done only after the records are synced.
 */
#ifndef LG_PUBSUB_PUBSUB_H
#define LG_PUBSUB_PUBSUB_H

#include "base/blob.h"
#include "lane/lane.h"
#include "model/position.h"

struct lg_pubsub;

struct lg_pubsub_header {
    struct lg_slice name, value;
};

/* One record; slices are borrowed from the batch that holds them. */
struct lg_pubsub_record {
    struct lg_slice key, value;
    int64_t timestamp_ms; /* The producer's; a log may put the time at which it took the record. */
    const struct lg_pubsub_header *headers;
    size_t header_count;
    struct lg_position position; /* Set by fetch. */
};

/* How a topic keeps its records. Zeroed: for ever, not compacted, the log's own replication. A log
 * that keeps everything (seglog) keeps these values durably, tells them, and removes nothing. */
struct lg_pubsub_config {
    int64_t retention_ms; /* -1 or 0: for ever (told as -1) */
    bool compacted;       /* Of equal keys the last record stays. */
    int64_t min_compaction_lag_ms;
    uint16_t replication; /* of CREATE only; 0: the log's default, 1 where there is no other */
    uint16_t min_insync_replicas; /* 0: the log's default */
};

enum lg_pubsub_kind {
    LG_PUBSUB_CREATE,    /* topic, partitions, config -> LG_OK; LG_ERR_CONFLICT if it exists with
                            another number of partitions (its configuration stays as it is) */
    LG_PUBSUB_DELETE,    /* topic -> LG_OK also when absent */
    LG_PUBSUB_DESCRIBE,  /* topic -> partitions, config; LG_ERR_NOT_FOUND */
    LG_PUBSUB_LIST,      /* -> blob: topic names, each ended by '\n' */
    LG_PUBSUB_PRODUCE,   /* topic, partition, blob -> position of the last record */
    LG_PUBSUB_FETCH,     /* topic, partition, position, max_bytes, wait_ms -> blob, position */
    LG_PUBSUB_END,       /* topic, partition -> position of the last record; EARLIEST when empty */
    LG_PUBSUB_CONFIGURE, /* topic, config -> LG_OK: all of it but the replication; LG_ERR_NOT_FOUND
                          */
    LG_PUBSUB_START,     /* topic, partition -> position from which FETCH answers the first record
                            that is still there; EARLIEST when nothing was removed */
    LG_PUBSUB_TIME,      /* topic, partition, timestamp_ms -> position from which FETCH answers the
                            first record of that time or later; that of END when there is none, and
                            that of START for a time below 0 */
    LG_PUBSUB_PING,      /* -> LG_OK: the log answers, and lets us in. Costs the same however many
                            topics there are. */
};

/* Kinds that are about no topic. */
static inline bool lg_pubsub_of_all(enum lg_pubsub_kind kind)
{
    return kind == LG_PUBSUB_LIST || kind == LG_PUBSUB_PING;
}

/* FETCH answers records strictly after `position` (EARLIEST: from the beginning; LATEST: only what
 * comes later), at least one if there is one, at most about max_bytes, waiting up to wait_ms for
 * the first. An empty answer has blob NULL and the position unchanged. LG_ERR_NOT_FOUND: no such
 * topic or partition; LG_ERR_CONFLICT: a position beyond the end, as of a topic that was made anew;
 * LG_ERR_POSITION_GONE: records after the position were removed by retention (the sentence tells
 * the first one that is there); LG_ERR_CORRUPT: the log is damaged there (named, never skipped).
 * PRODUCE and FETCH carry batches (pubsub/batch.h); the driver checks the batch it is given. After
 * a PRODUCE that failed with a retryable error the records may or may not be in the log: the caller
 * repeats it, and readers drop the duplicates by producer, segment and sequence. Produces of one
 * partition may be under way together and keep the order of their submission; after one that
 * failed, later ones may have succeeded. */
struct lg_pubsub_op {
    enum lg_pubsub_kind kind;
    struct lg_lane *lane; /* Where `done` runs. */
    const char *topic;    /* Borrowed until done. */
    uint32_t partition;
    uint32_t partitions;            /* CREATE in, DESCRIBE out. */
    struct lg_position position;    /* In and out, see above. */
    size_t max_bytes;               /* FETCH; 0: 1 MiB */
    uint64_t wait_ms;               /* FETCH */
    int64_t timestamp_ms;           /* TIME */
    struct lg_pubsub_config config; /* CREATE, CONFIGURE in; DESCRIBE out. */
    uint64_t deadline_us;           /* Lane time; 0: 30 s from submit (plus wait_ms). */
    struct lg_blob *blob; /* PRODUCE: in, borrowed. FETCH, LIST: out, owned by the caller. */
    void (*done)(struct lg_pubsub_op *op);

    enum lg_rc rc;
    struct lg_error err;

    struct lg_task task; /* The driver's. */
    void *driver_state;  /* The driver's. */
    struct lg_list link; /* The driver's. */
    bool cancelled;      /* The driver's. */
};

struct lg_pubsub_ops {
    const char *name;
    void (*submit)(struct lg_pubsub *ps, struct lg_pubsub_op *op);
    /* A wish, from op->lane: a waiting FETCH ends soon with LG_ERR_CANCELLED. `done` still comes.
     */
    void (*cancel)(struct lg_pubsub *ps, struct lg_pubsub_op *op);
    /* <0, 0, >0 of two positions of one partition; EARLIEST sorts first, LATEST last. Any thread.
     */
    int (*compare)(struct lg_pubsub *ps, const struct lg_position *a, const struct lg_position *b);
};

struct lg_pubsub { /* The head that every driver embeds first. */
    const struct lg_pubsub_ops *ops;
    const char
        *url; /* How other processes reach it: "lagoon+http://127.0.0.1:5555"; may be NULL. */
};

static inline void lg_pubsub_submit(struct lg_pubsub *ps, struct lg_pubsub_op *op)
{
    ps->ops->submit(ps, op);
}
static inline void lg_pubsub_cancel(struct lg_pubsub *ps, struct lg_pubsub_op *op)
{
    ps->ops->cancel(ps, op);
}
static inline int lg_pubsub_compare(struct lg_pubsub *ps, const struct lg_position *a,
                                    const struct lg_position *b)
{
    return ps->ops->compare(ps, a, b);
}

/* LG_ERR_INVALID names the value that is out of range. Gives 0 its meaning: -1 for the retention.
 */
LG_MUST_CHECK enum lg_rc lg_pubsub_config_check(const char *topic, struct lg_pubsub_config *config,
                                                struct lg_error *err);
/* Values as they are told: equal, and 0 as the retention equal to -1? */
bool lg_pubsub_config_equal(const struct lg_pubsub_config *a, const struct lg_pubsub_config *b);

#define LG_TOPIC_PARTITIONS_MAX 10000u
#define LG_TOPIC_REPLICATION_MAX 100u
#define LG_TOPIC_NAME_MAX 249u

#endif
