/* A store: its settings, its schemas and its versions; and the decisions that need nothing else.
 *
 * A value owned by whoever made it (the controller's lane, or a catalog snapshot). The decisions
 * are pure: the clock and the graveyard come in as parameters. All of them leave the store
 * untouched when they fail.
 */
#ifndef LG_MODEL_STORE_H
#define LG_MODEL_STORE_H

#include "base/json.h"
#include "base/vec.h"
#include "model/acl.h"
#include "model/version.h"

#define LG_STORE_VERSIONS_MAX 1000 /* versions that a store may hold at a time */
#define LG_STORE_SCHEMAS_MAX 1000  /* value schemas of a store */
#define LG_STORE_KEEP_BACKUPS_DEFAULT                                                              \
    2 /* two, so that rollback and roll-forward are reversible                                     \
       */
#define LG_STORE_BATCH_GET_LIMIT_DEFAULT 500

struct lg_store_schema {
    int32_t id; /* at least 1 */
    char *text; /* owned; Avro schema as JSON */
};

#define LG_STORE_PAST_PUSHES_MAX 20u /* remembered; the oldest are forgotten */

struct lg_past_push {
    int32_t version;
    enum lg_version_status status; /* when the version left the store */
    char *push_job_id;             /* owned */
    char *details;                 /* owned; why it failed, "" when it did not */
    int64_t created_ms, ended_ms;
    int64_t record_count; /* -1: not known */
};

struct lg_store {
    char *name;  /* owned */
    char *owner; /* owned */
    int64_t created_ms;
    int32_t current_version;          /* 0: none */
    int32_t previous_current_version; /* -1: none */
    int32_t largest_used_version;     /* 0: none; survives the deletion of versions */
    int32_t partition_count;          /* of the next version; 0: not decided */
    int32_t replication_factor;       /* 1 */
    int32_t num_versions_to_preserve; /* with the current one; 0: the cluster's rule */
    int32_t batch_get_limit;          /* -1: LG_STORE_BATCH_GET_LIMIT_DEFAULT */
    bool enable_reads, enable_writes;
    enum lg_compression compression; /* of the next version, as chunking_enabled */
    bool chunking_enabled;
    bool client_decompression_enabled; /* clients may decompress themselves; true */
    bool read_compute_enabled;
    bool storage_node_read_quota_enabled;      /* true: the fast client insists on it */
    bool schema_auto_register;                 /* a push may bring a new value schema; false */
    bool grpc_enabled;                         /* servers answer calls of gRPC for it; true */
    enum lg_client_protocols client_protocols; /* what clients are told; LG_CLIENTS_CLUSTER */
    bool read_index_enabled;           /* servers hold the values in memory, if they can; true */
    int64_t storage_quota_bytes;       /* of one version; -1: no limit */
    int64_t read_quota;                /* keys per second; -1: no limit */
    int64_t backup_retention_ms;       /* -1: the cluster's rule */
    int32_t latest_superset_schema_id; /* -1: none */
    int64_t latest_version_promote_to_current_ms;
    int64_t deleted_ms; /* when it was deleted, which can be undone for a while; 0: it was not */
    struct lg_acl acl;  /* who may do what, where that is asked */
    char *key_schema;   /* owned; its id is always 1 */
    LG_VEC(struct lg_store_schema) value_schemas; /* by id, ascending */
    LG_VEC(struct lg_version) versions;           /* by number, ascending */
    LG_VEC(struct lg_past_push) past_pushes;      /* of versions that are gone, newest last */
};

/* A new store with Venice's defaults, but without quotas and with storage_node_read_quota_enabled;
 * texts are copied. `key_schema` may be NULL. */
struct lg_store *lg_store_new(const char *name, const char *owner, const char *key_schema,
                              int64_t now_ms);
void lg_store_free(struct lg_store *s); /* NULL is allowed. */
LG_DEFINE_AUTO(lg_store, lg_store_free)
struct lg_store *lg_store_copy(const struct lg_store *s);

/* NULL when there is none. Borrowed until the store changes. */
struct lg_version *lg_store_version(const struct lg_store *s, int32_t number);
struct lg_version *lg_store_version_of_push(const struct lg_store *s, const char *push_job_id);
/* The version that is STARTED, or NULL: at most one at a time. */
struct lg_version *lg_store_running_push(const struct lg_store *s);
const char *lg_store_value_schema(const struct lg_store *s, int32_t id);
/* 0 when there is none. */
int32_t lg_store_latest_value_schema_id(const struct lg_store *s);

/* Adds a value schema with the next id, or finds the equal text: its id. LG_ERR_TOO_LARGE. */
LG_MUST_CHECK enum lg_rc lg_store_add_value_schema(struct lg_store *s, const char *text,
                                                   int32_t *out_id, struct lg_error *err);

/* max(largest used here, largest known to the graveyard) + 1: a number is never used twice, not
 * even by a store that was deleted and made again. LG_ERR_CONFLICT when numbers are exhausted. */
LG_MUST_CHECK enum lg_rc lg_store_next_version(const struct lg_store *s, int32_t graveyard_largest,
                                               int32_t *out, struct lg_error *err);

struct lg_store_push {
    const char *push_job_id; /* not empty, at most LG_VERSION_PUSH_ID_MAX bytes */
    enum lg_push_type push_type;
    int32_t graveyard_largest;   /* largest version number ever used under this name; 0: none */
    int64_t lease_ms;            /* 0: for ever */
    int64_t size_bytes;          /* what it will write; -1: it does not say */
    bool swap_deferred;          /* once complete it waits for its swap */
    int64_t now_ms;              /* wall time */
    int64_t clock_ms;            /* by the leaders' clock */
    int32_t min_active_replicas; /* at most the factor counts; 0: one less than the factor */
};
/* Makes the next version as STARTED, with the store's settings of this moment. The same push id
 * again gives the version it made the first time, whatever became of it (`*out_is_new` false).
 * LG_ERR_CONCURRENT while another push runs; LG_ERR_REFUSED when writes are disabled;
 * LG_ERR_INVALID for a bad push id; LG_ERR_TOO_LARGE past LG_STORE_VERSIONS_MAX and for a size over
 * the store's quota. */
LG_MUST_CHECK enum lg_rc lg_store_add_version(struct lg_store *s, const struct lg_store_push *push,
                                              struct lg_version **out, bool *out_is_new,
                                              struct lg_error *err);

/* The push of `number` is complete: ONLINE, and current if its number is above the current one;
 * PUSHED if writes are disabled or its swap is deferred. Complete already: nothing happens.
 * `*out_swapped` says whether the current version changed. LG_ERR_NOT_FOUND; LG_ERR_CONFLICT if it
 * was killed or failed. */
LG_MUST_CHECK enum lg_rc lg_store_complete_version(struct lg_store *s, int32_t number,
                                                   int64_t now_ms, bool *out_swapped,
                                                   struct lg_error *err);
/* STARTED becomes ERROR or KILLED (`to`). Already ERROR or KILLED: nothing happens. LG_ERR_CONFLICT
 * if it is complete: that cannot be undone, only rolled back. */
LG_MUST_CHECK enum lg_rc lg_store_fail_version(struct lg_store *s, int32_t number,
                                               enum lg_version_status to, struct lg_error *err);

/* The newest ONLINE version below the current one; 0: none. */
int32_t lg_store_rollback_target(const struct lg_store *s);
/* The version that the last rollback left: the lowest ROLLED_BACK one above the current one. Else
 * the newest ONLINE or PUSHED one above it. 0: none. */
int32_t lg_store_rollforward_target(const struct lg_store *s);
/* The old current version becomes ROLLED_BACK and stays. Reversible at once by roll-forward, and a
 * new push becomes current as ever: its number is above all. LG_ERR_CONFLICT without a target;
 * LG_ERR_REFUSED when writes are disabled. */
LG_MUST_CHECK enum lg_rc lg_store_roll_back(struct lg_store *s, int64_t now_ms,
                                            int32_t *out_current, struct lg_error *err);
/* The target becomes ONLINE and current; the old current version stays ONLINE as its backup. */
LG_MUST_CHECK enum lg_rc lg_store_roll_forward(struct lg_store *s, int64_t now_ms,
                                               int32_t *out_current, struct lg_error *err);

/* Makes a version current that waits for its swap: `wanted`, or (0) the newest that is PUSHED above
 * the current one. The one that is current already: nothing happens. LG_ERR_NOT_FOUND;
 * LG_ERR_CONFLICT, with what to do instead, for one that is not complete or is below the current
 * one; LG_ERR_REFUSED when writes are disabled. */
LG_MUST_CHECK enum lg_rc lg_store_swap(struct lg_store *s, int32_t wanted, int64_t now_ms,
                                       int32_t *out_current, struct lg_error *err);
/* Is there room for so many bytes? LG_ERR_TOO_LARGE names quota, size and remedy. */
LG_MUST_CHECK enum lg_rc lg_store_check_quota(const struct lg_store *s, int64_t bytes,
                                              struct lg_error *err);

/* Forgets a version; its number stays used, and its push is remembered among the past ones with
 * `details` (NULL: none). LG_ERR_NOT_FOUND; LG_ERR_CONFLICT if it is current or STARTED. */
LG_MUST_CHECK enum lg_rc lg_store_remove_version(struct lg_store *s, int32_t number,
                                                 const char *details, int64_t now_ms,
                                                 struct lg_error *err);
/* NULL when there is none. */
const struct lg_past_push *lg_store_past_push(const struct lg_store *s, int32_t version);

enum lg_store_json {
    LG_STORE_JSON_INFO,       /* Venice's StoreInfo, record counts: the answer to /store */
    LG_STORE_JSON_PERSISTENT, /* the same and what nobody asks for: schemas, times, leases */
};
/* The caller owns the value. */
struct lg_json *lg_store_to_json(const struct lg_store *s, enum lg_store_json form);
/* Reads either form. Unknown members are ignored, missing ones take their defaults; `name` must be
 * there. LG_ERR_BAD_DATA names the member. */
LG_MUST_CHECK enum lg_rc lg_store_from_json(const struct lg_json *json, struct lg_store **out,
                                            struct lg_error *err);

#endif
