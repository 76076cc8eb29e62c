/* One version of a store: a complete data set that was pushed, or is being pushed.
 *
 * A value without behaviour, owned by the lg_store that holds it.
 */
#ifndef LG_MODEL_VERSION_H
#define LG_MODEL_VERSION_H

#include "base/json.h"
#include "model/enums.h"

#define LG_VERSION_PUSH_ID_MAX 512 /* bytes */

struct lg_version {
    int32_t number; /* at least 1, never reused */
    enum lg_version_status status;
    int64_t created_ms;
    int64_t completed_ms; /* 0 until it is ONLINE or PUSHED for the first time */
    char *push_job_id;    /* owned; the key of idempotence */
    enum lg_push_type push_type;
    int32_t partition_count;
    int32_t replication_factor;
    int32_t min_active_replicas;
    enum lg_compression compression;
    bool chunking_enabled;
    bool swap_deferred;    /* Complete, it waits as PUSHED until somebody swaps it in. */
    int64_t push_lease_ms; /* how long the pusher may be silent; 0: for ever */
    int64_t push_heard_ms; /* when it was last heard; wall time, for people */
    /* By the leaders' clock (controller/clock.h): when it began, -1 if that is not known, and when
     * its pusher was last heard, which is in memory only. */
    int64_t started_clock_ms, heard_clock_ms;
    int64_t size_bytes;   /* what the push said at its beginning that it would write; -1: nothing */
    int64_t record_count; /* what the push said it wrote; -1: not known */
};

/* Frees what the version owns and zeroes it. */
void lg_version_done(struct lg_version *v);

/* ONLINE or PUSHED: everything was ingested once. */
bool lg_version_is_complete(const struct lg_version *v);
/* STARTED, and its pusher has been silent for longer than its lease, by the leaders' clock. */
bool lg_version_lease_expired(const struct lg_version *v, int64_t clock_ms);
/* May Venice's status machine go from one to the other (platform-behaviour.md 1.4)? Staying is
 * always allowed. ROLLED_BACK may become ONLINE again: our roll-forward needs it. */
bool lg_version_status_may_become(enum lg_version_status from, enum lg_version_status to);

/* Venice's Version JSON and the member "lagoon" with what only we have: record count, size and time
 * of completion; with `persistent` also the lease. Venice's clients ignore unknown members. The
 * caller owns the value. */
struct lg_json *lg_version_to_json(const struct lg_version *v, const char *store, bool persistent);
/* Unknown members are ignored, missing ones take their defaults; `number` must be there.
 * LG_ERR_BAD_DATA names the member. `*out` is owned by the caller (lg_version_done). */
LG_MUST_CHECK enum lg_rc lg_version_from_json(const struct lg_json *json, struct lg_version *out,
                                              struct lg_error *err);

#endif
