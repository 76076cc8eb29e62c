/* Which server holds which replica of a topic, what servers report of theirs, and the servers
 * themselves: the values of /assignment/<topic>, /replicas/<topic>/<instance> and /nodes/<id>
 * (docs/design/cluster.md). Written and read here alone, by controllers, servers and catalogs.
 *
 * Members that are absent get their defaults, so that what release 0.1 wrote is read; members that
 * are not known are passed over.
 */
#ifndef LG_MODEL_PLACEMENT_H
#define LG_MODEL_PLACEMENT_H

#include "base/json.h"
#include "base/vec.h"
#include "model/enums.h"

#define LG_PLACEMENT_PARTITIONS_MAX 65535u
#define LG_PLACEMENT_FACTOR_MAX 16u
#define LG_PLACEMENT_LIST_MAX 20u      /* replicas of a partition while they move */
#define LG_PLACEMENT_RESETS_MAX 10000u /* of a topic */

struct lg_placement_partition {
    char **ids; /* owned, distinct; who is to hold a replica, the preferred leader first */
    uint32_t count;
    char *leader; /* one of the ids; NULL: nobody */
    int64_t term; /* of this leader; grows with each change of it */
    /* Where the replicas are to end up, while that is another list than `ids`; count 0: it is not.
     */
    char **wanted;
    uint32_t wanted_count;
};

/* A replica is to begin again: closed and opened when the number is higher than the one it did. */
struct lg_placement_reset {
    uint32_t partition;
    char *id;
    int64_t number; /* from 1 */
    bool wipe;      /* what it has on disk goes first */
};

struct lg_placement {
    struct lg_placement_partition *parts; /* owned */
    uint32_t partitions;
    uint32_t factor;                          /* replicas wanted of each partition */
    LG_VEC(struct lg_placement_reset) resets; /* by partition, then id */
};

void lg_placement_done(struct lg_placement *p); /* Also of zeroes. */
LG_DEFINE_SCOPED(lg_placement, lg_placement_done)
/* `out` must be empty (zeroes). */
void lg_placement_init(struct lg_placement *out, uint32_t partitions, uint32_t factor);
void lg_placement_copy(struct lg_placement *out, const struct lg_placement *from);
bool lg_placement_equal(const struct lg_placement *a, const struct lg_placement *b);

bool lg_placement_lists(const struct lg_placement_partition *part, const char *id);
bool lg_placement_leads(const struct lg_placement_partition *part, const char *id);
/* Puts a copy of the list in the place of the one there; a leader that is not in it any more is
 * none. At most LG_PLACEMENT_LIST_MAX. */
void lg_placement_set_ids(struct lg_placement_partition *part, const char *const *ids, size_t n);
void lg_placement_set_wanted(struct lg_placement_partition *part, const char *const *ids, size_t n);
void lg_placement_set_leader(struct lg_placement_partition *part, const char *id, int64_t term);

/* What a replica was asked to do last; number 0: nothing. */
struct lg_placement_reset lg_placement_reset_of(const struct lg_placement *p, uint32_t partition,
                                                const char *id);
/* Asks it once more. LG_ERR_TOO_LARGE when there are too many. */
LG_MUST_CHECK enum lg_rc lg_placement_reset(struct lg_placement *p, uint32_t partition,
                                            const char *id, bool wipe, struct lg_error *err);

/* {"partitions":[["<id>",…],…],"factor":N,"leaders":["<id>" or null,…],"terms":[N,…],
 *  "wanted":[["<id>",…] or null,…],"resets":{"<partition>":{"<id>":N or {"number":N,"wipe":true}}}}
 * without "wanted" and "resets" when there are none. The caller owns the value. */
struct lg_json *lg_placement_to_json(const struct lg_placement *p);
/* LG_ERR_BAD_DATA says what is wrong; `out` is untouched then. */
LG_MUST_CHECK enum lg_rc lg_placement_from_json(const struct lg_json *json,
                                                struct lg_placement *out, struct lg_error *err);

/* --- What a server says of one replica: a member "<partition>" of its node. ------------------- */

struct lg_replica_report {
    enum lg_push_status status;
    enum lg_replica_state state;
    int64_t term;            /* under which it leads or follows; 0: not said */
    int64_t reset;           /* the highest reset number it has carried out */
    uint64_t records, bytes; /* taken in so far */
    const char *error;       /* NULL: none. Borrowed: from the JSON, or what the writer gave */
};

struct lg_json *lg_replica_report_to_json(const struct lg_replica_report *r);
/* Without "state" it is STANDBY, or ERROR for a status that is one. LG_ERR_BAD_DATA for an unknown
 * status or state. */
LG_MUST_CHECK enum lg_rc lg_replica_report_from_json(const struct lg_json *json,
                                                     struct lg_replica_report *out,
                                                     struct lg_error *err);

/* --- A server that holds or may hold replicas: /nodes/<id>. ------------------------------------
 */

enum lg_node_state { LG_NODE_ACTIVE, LG_NODE_DRAINING, LG_NODE_REMOVED };

struct lg_node_record {
    char *zone; /* owned; "" when it has none */
    int64_t first_seen_ms;
    int64_t gone_since_ms; /* wall time, for people; 0: it is there */
    int64_t gone_clock_ms; /* the same by the leaders' clock (controller/clock.h); -1: not known */
    enum lg_node_state state;
};

void lg_node_record_done(struct lg_node_record *n);
LG_DEFINE_SCOPED(lg_node_record, lg_node_record_done)
const char *lg_node_state_name(enum lg_node_state state);
struct lg_json *lg_node_record_to_json(const struct lg_node_record *n);
/* LG_ERR_BAD_DATA. */
LG_MUST_CHECK enum lg_rc lg_node_record_from_json(const struct lg_json *json,
                                                  struct lg_node_record *out, struct lg_error *err);

#endif
