/* A push: reads a file, sorts it, writes it to the log as a new version, and waits until every live
 * router serves it.
 *
 *   FINDING ─▶ READING ─▶ SORTING ─▶ REQUESTING ─▶ WRITING ─▶ ENDING ─▶ WAITING
 *      ▲                    ▼   ▲        └─ after a failure from here on: KILLING ─▶ done
 *      └──── CREATING ◀─────┘   │                 WAITING ─▶ CONFIRMING ─▶ done
 *   FINDING, once the store is made ─┘
 *
 * An empty push goes from FINDING to REQUESTING. A push whose id is known already goes on where it
 * was: from REQUESTING to WAITING, if all was written.
 *
 * Everything is validated before the controller is asked for a store or a version, and a version
 * that cannot be finished is killed: nothing partial is left behind. The same push id writes the
 * same bytes again, which readers drop as duplicates: so every step may be repeated. Runs on one
 * lane.
 */
#ifndef LG_PUSHJOB_PUSHJOB_H
#define LG_PUSHJOB_PUSHJOB_H

#include "lane/lane.h"
#include "net/transport.h"
#include "pubsub/pubsub.h"
#include "pushjob/input.h"
#include "pushjob/packer.h"
#include "pushjob/rows.h"

struct lg_pushjob; /* Opaque. */

enum lg_push_phase {
    LG_PUSH_FINDING,    /* the store */
    LG_PUSH_CREATING,   /* the store, if wanted */
    LG_PUSH_READING,    /* done, total: bytes of the file */
    LG_PUSH_SORTING,    /* partitions */
    LG_PUSH_REQUESTING, /* a version */
    LG_PUSH_WRITING,    /* records */
    LG_PUSH_ENDING,
    LG_PUSH_WAITING,    /* records that servers have taken in */
    LG_PUSH_CONFIRMING, /* routers that answer the version */
    LG_PUSH_KILLING,
    LG_PUSH_FINISHED,
};
const char *lg_push_phase_name(enum lg_push_phase phase); /* "reading" */

struct lg_push_progress {
    enum lg_push_phase phase;
    uint64_t done, total; /* total 0: not known */
    int32_t version;      /* 0 until one was given */
};

struct lg_pushjob_options { /* All borrowed until `finished`. */
    struct lg_lane *lane;
    struct lg_transport *transport;
    const char *controller_url;
    const char *store;
    const char *push_id;
    const char *host_name;         /* Of this writer, for the records' footer. */
    struct lg_input_options input; /* The files, read on a pool thread. */
    uint64_t file_bytes;           /* of all files; 0: not known */
    enum lg_duplicates duplicates;
    uint64_t sort_memory_bytes;  /* about; 0: LG_ROWS_MEMORY_BYTES_DEFAULT */
    uint32_t records_per_second; /* written at most; 0: as many as the log takes */
    struct lg_disk *temp_disk;   /* for rows that do not fit into it; NULL: they are kept anyway */
    const char *temp_folder;     /* its root in the user's words; with temp_disk */
    bool create_store;
    const char *owner;    /* with create_store */
    uint32_t partitions;  /* with create_store; 0: the controller's default */
    uint32_t replication; /* with create_store; 0: the controller's default */
    uint64_t timeout_ms;  /* of the whole push */
    uint64_t lease_ms;    /* silence after which another push may replace this one; 0: 30 s */
    bool register_schema; /* First adds the file's value schema to the store, if it is new. */
    bool dry_run;         /* reads, sorts and judges everything, and changes nothing */
    bool empty;           /* a version without a record; there are no files */
    bool defer_swap;      /* Once complete, the version waits for a swap. */
    bool no_wait;         /* ends when all is written and the servers do the rest */
    const char *pusher;   /* who pushes, for people: "me@host, process 7"; NULL: not told */
    /* With create_store: how the values of its versions are stored. */
    struct lg_packer_shape shape;
    /* Opens the log at a URL that the controller gave; the driver is freed by close_log. */
    enum lg_rc (*open_log)(void *ctx, const char *url, struct lg_pubsub **out,
                           struct lg_error *err);
    void (*close_log)(void *ctx, struct lg_pubsub *log);
    /* Before a store is made: its schemas. */
    void (*creating)(void *ctx, const char *key_schema, const char *value_schema);
    void (*progress)(void *ctx, const struct lg_push_progress *progress); /* often */
    /* The log takes nothing now, and the push waits for it: why. May come often; NULL is allowed.
     */
    void (*waiting)(void *ctx, const struct lg_error *why);
    void (*finished)(void *ctx, struct lg_pushjob *job); /* once */
    void *ctx;
};

/* How well the files' schema fits the store's. */
enum lg_push_fit {
    LG_PUSH_FIT_SAME,     /* the bytes of the files are written as they are */
    LG_PUSH_FIT_RESOLVED, /* records are converted into the store's schema */
    LG_PUSH_FIT_ADDED,    /* with register_schema: The file's schema was, or would be, added. */
    LG_PUSH_FIT_NEW,      /* The store would be made. */
    LG_PUSH_FIT_UNKNOWN,  /* The controller could not be asked; only with dry_run. */
};

/* What came of it; valid in `finished`. */
struct lg_push_outcome {
    enum lg_rc rc;
    struct lg_error err;
    int32_t version;
    uint32_t partitions;
    uint64_t records, bytes, duplicates;
    struct lg_packer_shape shape;
    uint64_t raw_bytes, packed_bytes; /* of the values, before and after compression */
    bool store_created;
    bool waits_for_swap; /* The version is complete, or will be, and is not served yet. */
    bool loads;          /* with no_wait: the servers still load it */
    enum lg_push_fit fit;
    int32_t schema_id; /* that the values are written with; 0: not known */
    uint64_t key_bytes_max, value_bytes_max;
    const uint64_t *partition_records; /* with dry_run: of each partition; valid until free */
};

struct lg_pushjob *lg_pushjob_start(const struct lg_pushjob_options *options);
/* A wish: `finished` comes with LG_ERR_CANCELLED after the version was killed. */
void lg_pushjob_cancel(struct lg_pushjob *job);
const struct lg_push_outcome *lg_pushjob_outcome(const struct lg_pushjob *job);
/* After `finished`. NULL is allowed. */
void lg_pushjob_free(struct lg_pushjob *job);

#endif
