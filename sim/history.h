/* What happened in a simulated run, as its checkers must know it: pushes, versions, rollbacks, and
 * the first violation found. And the data itself: which row a push writes under which key.
 *
 * Everything of a push follows from its number, so that an answer tells which push it came from.
 * Owned by the world; its memory belongs to no node, its size is fixed.
 */
#ifndef LG_SIM_HISTORY_H
#define LG_SIM_HISTORY_H

#include "base/buf.h"
#include "base/json.h"

#define LG_HISTORY_STORES 2
#define LG_HISTORY_COMPRESSED                                                                      \
    1 /* The store with a dictionary and chunking, and without a quota.                            \
       */
/* The store that clients may read from servers, too, which count every read of it. */
#define LG_HISTORY_FAST 1
#define LG_HISTORY_ROUTERS 2
#define LG_HISTORY_SERVERS_MAX 8
#define LG_HISTORY_GRACE_MS 2000 /* that a replica is still read when routers are told it goes */
#define LG_HISTORY_KEYS 48
#define LG_HISTORY_PARTITIONS 3
#define LG_HISTORY_PARTITIONS_TEXT "3"
#define LG_HISTORY_PUSHES_MAX 400
#define LG_HISTORY_VERSIONS_MAX 400 /* of a store */

enum lg_sim_push_state { LG_SIM_PUSH_RUNNING, LG_SIM_PUSH_ACKED, LG_SIM_PUSH_FAILED };

struct lg_sim_push {
    unsigned store;
    int32_t version; /* 0: not known */
    enum lg_sim_push_state state;
    bool abandoned; /* Its pusher died, or it never learned the end. */
    bool written;   /* All its records are acknowledged: it may become current. */
    bool deferred;  /* Its version waits for a swap. */
    bool resumed;   /* Its pusher died, and another one went on under the same id. */
};

struct lg_sim_version { /* As the controller last said. */
    bool known, switchable;
    enum {
        LG_SIM_VERSION_OTHER,
        LG_SIM_VERSION_ONLINE,
        LG_SIM_VERSION_ROLLED_BACK,
        LG_SIM_VERSION_PUSHED, /* complete, waits for its swap */
    } status;
};

struct lg_sim_bucket { /* What bounds a part of a read quota; see quota_holds.c. */
    uint64_t since_us; /* All has been as it is since then; 0: it is not. */
    uint64_t at_us;    /* the last answer */
    int64_t owed, left;
};

struct lg_sim_store { /* What is known of one store. */
    bool created, configured;
    int32_t current;          /* as last seen at the controller */
    uint64_t seen_us;         /* and when */
    uint64_t switched_us;     /* It was switched to after this moment. */
    int32_t version_max;      /* the largest number given out */
    int32_t acked;            /* the last acknowledged push, */
    uint64_t acked_us;        /* and when */
    int32_t rolled_back_max;  /* the largest version that somebody asked to roll back from */
    uint64_t served_since_us; /* the first acknowledged push; 0: none */
    unsigned push_of[LG_HISTORY_VERSIONS_MAX]; /* number of the push, 0: unknown */
    struct lg_sim_version versions[LG_HISTORY_VERSIONS_MAX];
    int32_t served[LG_HISTORY_ROUTERS]; /* by each router, in the order of reads */

    /* Its life: reads may fail while it is away, they must while it is deleted. */
    bool away;           /* from the request to delete it to the answer that it is back */
    uint64_t back_us;    /* when it came back last */
    bool deleted;        /* acknowledged, and nobody asked for it back */
    uint64_t deleted_us; /* since when */
    unsigned schemas;    /* acknowledged ones, beside the first */
    unsigned owner;      /* the number in its owner's name; 0: as it was made */
    bool owner_unknown;  /* a change of unknown end */

    int64_t read_quota; /* keys per second; -1: none */
    bool read_quota_known;
    uint64_t read_quota_us;      /* since when it is that */
    uint64_t read_quota_late_us; /* An earlier request to set it may still come until then. */
    struct lg_sim_bucket buckets[LG_HISTORY_ROUTERS];
};

/* What the metadata say of the replicas of a version; sets of servers are bits. */
struct lg_sim_topic {
    bool known;
    bool unsure; /* Somebody may have written while the metadata went down, unseen. */
    bool done;   /* The push was seen to be complete. */
    unsigned listed[LG_HISTORY_PARTITIONS], led_by[LG_HISTORY_PARTITIONS]; /* as assigned */
    unsigned goal[LG_HISTORY_PARTITIONS];     /* where it is going, or is */
    unsigned complete[LG_HISTORY_PARTITIONS]; /* reported it at some time */
    unsigned told[LG_HISTORY_PARTITIONS];     /* tell now that they are complete */
    uint64_t both_us[LG_HISTORY_PARTITIONS];  /* since when two have told so; 0: never yet */
    unsigned gone[LG_HISTORY_PARTITIONS];     /* have yet to tell that the log lacks something */
    uint64_t untold_us[LG_HISTORY_PARTITIONS][LG_HISTORY_SERVERS_MAX]; /* ... did so until then */
    unsigned leads[LG_HISTORY_PARTITIONS];                             /* reported it last */
    uint64_t told_us; /* when one told last that it is complete, or is not any more */
};

struct lg_history {
    struct lg_sim_push pushes[LG_HISTORY_PUSHES_MAX + 1]; /* from 1 */
    unsigned push_count;
    struct lg_sim_store stores[LG_HISTORY_STORES];
    uint64_t reads, reads_failed, acked, rollbacks, rollforwards, swaps, refused, resumed;
    uint64_t deleted, undeleted, purged, schemas, updated, resets, drained;
    uint64_t quotas; /* read quotas that were set */
    uint64_t reads_metered, reads_refused;

    struct lg_sim_topic topics[LG_HISTORY_STORES][LG_HISTORY_VERSIONS_MAX];
    unsigned calm;   /* servers of which all others must know by now that they are well */
    unsigned all;    /* all servers, when all are well and stay */
    unsigned zones;  /* that servers are in, server i in i % zones; 0: none */
    unsigned blinks; /* those known to be away, though not for long, while nothing else happens */
    uint64_t gone_seen_us[LG_HISTORY_SERVERS_MAX]; /* The leader wrote that it is gone; 0: not. */
    char leader[16]; /* the node that leads in the newest term; "": none yet */
    int64_t term;
    uint64_t leaders; /* how often another node came to lead */

    bool read_quotas;    /* Stores have some: in every other pair of worlds. */
    unsigned routers;    /* that have announced themselves, as bits */
    uint64_t routers_us; /* when one did so last */
    uint64_t servers_us; /* when one came or went last */
    /* Of what fast clients read, of one version. */
    struct lg_sim_bucket server_buckets[LG_HISTORY_SERVERS_MAX];
    int32_t bucket_versions[LG_HISTORY_SERVERS_MAX];

    bool clocks_differ; /* of the controllers: how long ago something was is not known */

    bool violated;
    char checker[32];
    char sentence[640];
};

/* Remembers the first violation; later ones follow from it. */
void lg_history_violate(struct lg_history *h, const char *checker, const char *fmt, ...)
    LG_PRINTF(3, 4);

const char *lg_history_store_name(unsigned store);
/* The next push; 0 when there is no room for one more. */
unsigned lg_history_push_begun(struct lg_history *h, unsigned store);

/* --- Data. ------------------------------------------------------------------------------------ */

/* The kinds of pushes; plain ones are none of these. */
bool lg_history_is_empty(unsigned push);    /* It has no row. */
bool lg_history_is_deferred(unsigned push); /* Its version waits for a swap. */
bool lg_history_is_large(unsigned push);    /* It is over the store's quota. */
#define LG_HISTORY_QUOTA_BYTES_TEXT "12000"
/* How long surplus backups stay, by store; "default": no longer than needed. */
#define LG_HISTORY_RETENTION_MS(store) ((store) == 1 ? INT64_C(4000) : INT64_C(-1))

/* Does this push write a row under this key? */
bool lg_history_has_row(unsigned push, unsigned key);
size_t lg_history_row_count(unsigned push);
void lg_history_row_text(unsigned push, unsigned key, struct lg_buf *out);
/* All rows of a push as NDJSON. */
void lg_history_file(unsigned push, struct lg_buf *out);
/* Which push wrote this value of this key? 0, and why in a sentence, when none did. */
unsigned lg_history_push_of_value(const struct lg_json *value, unsigned key, struct lg_error *err);

/* The value schema with so many more fields than the first, each with a default. */
void lg_history_schema(unsigned more, struct lg_buf *out);
#define LG_HISTORY_KEY_SCHEMA "\"long\""
#define LG_HISTORY_VALUE_SCHEMA                                                                    \
    "{\"type\":\"record\",\"name\":\"Row\",\"fields\":[{\"name\":\"id\",\"type\":\"long\"},"       \
    "{\"name\":\"push\",\"type\":\"long\"},{\"name\":\"text\",\"type\":\"string\"}]}"

#endif
