/* The judges of a simulated run. Each is told what happened and remembers nothing but what stands
 * in the history; a violation goes there (lg_history_violate). Pure but for replicas_converge,
 * which opens the disks of the dead servers at the end.
 */
#ifndef LG_SIM_CHECKERS_H
#define LG_SIM_CHECKERS_H

#include "lane/disk.h"
#include "metastore/metastore.h"
#include "sim/history.h"

#define LG_CHECK_HEARD_US UINT64_C(3000000) /* until when every router must have heard of it */

/* --- pushes_complete.c: every push ends, and what is acknowledged is readable everywhere. ------
 */

/* The controller gave this push a version: a number used never before. */
void lg_check_push_version(struct lg_history *h, unsigned push, int32_t version);
void lg_check_push_ended(struct lg_history *h, unsigned push, const struct lg_error *err,
                         uint64_t now_us);
/* After the quiet period: what the controller says of a store (StoreInfo). */
void lg_check_pushes_settled(struct lg_history *h, unsigned store, const struct lg_json *info);

/* --- reads_match.c: each answer is of exactly one version. -------------------------------------
 */

struct lg_check_read {
    unsigned store, router;
    const unsigned *keys;
    size_t key_count;
    bool single;
    bool excused; /* Something was broken: it may fail. */
    uint64_t begun_us, answered_us;
    uint64_t calm_us;   /* Nothing was broken since then that a router may have felt. */
    int status;         /* 0: no answer */
    const char *reason; /* of a failure */
    int32_t version;    /* as the answer says; 0: it does not */
    const struct lg_json *body;
};
/* Reads of one store at one router are told in the order in which they were made. */
void lg_check_read(struct lg_history *h, const struct lg_check_read *read);

/* --- quota_holds.c: nobody answers more than a read quota allows, and routers all of that. ------
 */

/* A router wrote this path below /routers. */
void lg_check_router_announced(struct lg_history *h, const char *path, uint64_t now_us);
/* Somebody asks for another read quota; the controller acknowledged it, and no earlier request for
 * one may still come. */
void lg_check_quota_asked(struct lg_history *h, unsigned store);
void lg_check_quota_set(struct lg_history *h, unsigned store, int64_t quota, uint64_t now_us);
/* The controller told of a store (StoreInfo); it was asked at `begun_us`. */
void lg_check_quota_seen(struct lg_history *h, unsigned store, const struct lg_json *info,
                         uint64_t begun_us, uint64_t now_us);
void lg_check_quota_read(struct lg_history *h, const struct lg_check_read *read);
/* A client read it from a server, which is the number in `router`, and not by a router; `live` are
 * the servers that live, as bits. */
void lg_check_server_read(struct lg_history *h, const struct lg_check_read *read, unsigned live);

/* --- nothing_lost.c: what was acknowledged stays. ----------------------------------------------
 */

/* What was asked of a store since it was seen last. */
enum lg_check_asked {
    LG_CHECK_NOTHING,
    LG_CHECK_PUSH,        /* acknowledged, of `version` */
    LG_CHECK_ROLLBACK,    /* acknowledged */
    LG_CHECK_ROLLFORWARD, /* acknowledged */
    LG_CHECK_SWAP,        /* acknowledged, to `version` */
    LG_CHECK_UNKNOWN,     /* something whose end is not known */
};
/* The controller says what it knows of a store (StoreInfo): it was asked at `begun_us` and has
 * answered by `now_us`. */
void lg_check_store_seen(struct lg_history *h, unsigned store, const struct lg_json *info,
                         enum lg_check_asked asked, int32_t version, uint64_t begun_us,
                         uint64_t now_us);
/* A store that was acknowledged is said not to exist; a node's files do not open. */
void lg_check_store_missing(struct lg_history *h, unsigned store, const char *reason);
void lg_check_opened(struct lg_history *h, const char *node, const struct lg_error *err);

/* --- store_life.c: deleted stores stay away, come back as they were, and leave no number free. --
 */

/* A read that began at `begun_us` was answered from a version of the store, though everything is
 * well. */
void lg_check_served(struct lg_history *h, unsigned store, unsigned router, uint64_t begun_us);
/* May reads fail, because the store is away or has just come back? */
bool lg_check_is_away(const struct lg_history *h, unsigned store, uint64_t begun_us);
/* The controller told of a store (StoreInfo), or says there is none. */
void lg_check_life_seen(struct lg_history *h, unsigned store, const struct lg_json *info);
/* An answer to a request to delete, bring back or purge that is none of the expected ones. */
void lg_check_life_failed(struct lg_history *h, unsigned store, const char *what,
                          const struct lg_error *err);
/* The value schema with `more` fields was added as `id`; `is_new`: the controller did not know it.
 */
void lg_check_schema_added(struct lg_history *h, unsigned store, unsigned more, int64_t id,
                           bool is_new);

/* --- one_leader.c: only the leader of the newest term changes the cluster. ---------------------
 */

/* A controller's write to the metadata succeeded. */
void lg_check_written(struct lg_history *h, const char *node, const struct lg_meta_change *changes,
                      size_t count);

/* --- make_before_break.c: how replicas move. ----------------------------------------------------
 */

/* May the router serve a version of which it knows one replica of a partition only? Then the death
 * of a server costs reads: that none does is promised once two are ready. */
bool lg_check_is_thin(const struct lg_history *h, unsigned store, unsigned router,
                      uint64_t begun_us);
/* A server wrote a node below /replicas, a controller one below /assignment. */
void lg_check_reported(struct lg_history *h, const char *path, struct lg_slice value, bool removed,
                       uint64_t now_us);
void lg_check_assigned(struct lg_history *h, const char *path, struct lg_slice value, bool removed,
                       uint64_t now_us);
/* ... or one below /nodes. */
void lg_check_gone(struct lg_history *h, const char *path, struct lg_slice value, uint64_t now_us);
/* The metadata begin anew: a write of which nobody heard the end may stand in them. */
void lg_check_metadata_over(struct lg_history *h);
/* A server begins or ends: what it told is not judged any more. */
void lg_check_server_over(struct lg_history *h, unsigned server);
/* A server removes what lies at the path of its disk, below the folder of its replicas. */
void lg_check_destroyed(struct lg_history *h, unsigned server, const char *path, uint64_t now_us);
/* A server was told that retention has removed what it reads next: it must say so. */
void lg_check_removed(struct lg_history *h, unsigned server, const char *topic, uint32_t partition);
/* The controller says that a drained server holds nothing. */
void lg_check_drained(struct lg_history *h, unsigned server);
/* Was this topic's push complete? */
bool lg_check_topic_done(struct lg_history *h, const char *topic);
/* How many of the zones these servers, as bits, are in. */
unsigned lg_check_zones_of(const struct lg_history *h, unsigned servers);
/* ... or one below /stores: a version that is complete now has leaders that are. */
void lg_check_completed(struct lg_history *h, const char *path, struct lg_slice value);

/* --- replicas_placed.c: replicas stand where they should. --------------------------------------
 */

/* What the controller tells of a store's replicas, when all should be well: the sentence says what
 * is not yet. `servers` are live, as bits. */
LG_MUST_CHECK enum lg_rc lg_check_placed(const struct lg_history *h, const struct lg_json *replicas,
                                         int32_t version, unsigned servers, struct lg_error *err);
/* The first version of them that has a failed replica; 0: none. */
int32_t lg_check_failed_version(const struct lg_json *replicas);

/* --- disks_have_room.c: no server fills its disk, for its engine would end with it. ------------
 */

/* So many writes of the node found no space, though it was told in time that room is little. */
void lg_check_disk(struct lg_history *h, const char *server, uint64_t refused);

/* --- replicas_converge.c: all complete replicas of a version hold the same rows. ---------------
 */

/* Opens what lies on a dead server's disk. */
void lg_check_replicas(struct lg_history *h, const char *server, struct lg_disk *disk,
                       const char *root, const char *checkpoint_path);

#endif
