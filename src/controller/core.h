/* What the files of the controller share: its insides, changes, answers. Nothing outside of
 * controller/ includes this.
 *
 *     request ──▶ front ──▶ handler ──▶ answer              (reads: from memory, at once)
 *                              └──▶ change ──▶ queue ──▶ begin ──▶ write ──▶ applied ──▶ answer
 */
#ifndef LG_CONTROLLER_CORE_H
#define LG_CONTROLLER_CORE_H

#include "api/routes.h"
#include "authz/authz.h"
#include "catalog/tree_read.h"
#include "controller/cleanup.h"
#include "controller/clock.h"
#include "controller/controller.h"
#include "controller/placement.h"
#include "controller/push_monitor.h"
#include "controller/store_lifecycle.h"
#include "controller/topic_writer.h"
#include "controller/version_lifecycle.h"
#include "coord/announce.h"
#include "coord/cluster_id.h"
#include "coord/election.h"
#include "model/names.h"
#include "model/setting.h"

struct lg_change;

#define LG_CONTROLLER_CHOICES_MAX 100u /* settings of one request */
#define LG_CTL_LOOK_INTERVAL_US (500 * LG_MS)

struct lg_controller {
    struct lg_controller_options o;
    char *host, *cluster, *url, *log_url;
    char *url_host; /* the host name of the URL: good in a Host header */
    uint16_t url_port;
    struct lg_http_server *server;
    struct lg_catalog *catalog;
    struct lg_authz *authz;     /* NULL: everybody may everything */
    struct lg_ctl_state *state; /* empty until loaded, and again when it leads no more */

    /* Leadership. */
    char *id;                                /* of this controller: "<host>_<port>" */
    char identity[LG_ANNOUNCE_IDENTITY_MAX]; /* of this process */
    struct lg_cluster_check cluster_check;
    struct lg_announce *announce; /* NULL before the cluster was checked, and after the end */
    struct lg_election *election; /* likewise */
    uint64_t term;                /* in which it leads, as it was told; 0: it follows */
    struct lg_error refused;      /* why it takes no part; LG_OK: it does */
    bool checking, election_stopping;
    bool forgotten; /* `state` is empty */
    uint64_t
        as_of_us; /* When `state` was last known to be what stands in the metastore; 0: never */

    /* Reading the metadata: at start, and again when it is unknown what a write did. */
    struct lg_tree_read load;
    struct lg_meta_op load_store;
    struct lg_ctl_state *loading;
    size_t load_at;
    uint64_t load_term; /* in which it began */
    uint64_t load_began_us;
    struct lg_timer load_pause;
    struct lg_timer reload; /* Some nodes made no sense. */
    bool loaded, load_open, load_told;
    uint64_t seen_us;    /* When the catalog was read first; 0: not yet. */
    uint64_t settled_us; /* When all routers should be known; 0: nothing is loaded yet. */

    struct lg_list changes; /* The first one runs if `change_open`. */
    size_t change_count;
    bool change_open;
    struct lg_task next_change;
    bool next_posted;

    uint64_t own_not_before_us; /* When own changes may be decided again after a failure. */
    struct lg_timer look;       /* Looks at all pushes again: what failed is tried again. */
    struct lg_cleanup *cleanup;
    struct lg_ctl_placer placer;
    struct lg_ctl_clock clock;

    bool stopping, server_stopped, catalog_stopped;
    void (*done)(void *ctx);
    void *done_ctx;
};

/* --- changes.c: one at a time. ---------------------------------------------------------------- */

struct lg_setting_choice { /* A setting and its wanted text, owned. */
    const struct lg_setting *setting;
    char *text;
};

/* A mutation. `begin` runs at its turn and leads, now or later, to lg_change_end. */
struct lg_change {
    struct lg_controller *c;
    struct lg_list link;
    struct lg_http_request *rq; /* Who waits for the answer; NULL: the controller itself. */
    void (*begin)(struct lg_change *ch);
    void (*applied)(struct lg_change *ch); /* The write is durable and in memory. May be NULL. */

    /* Parameters, by kind of change. Owned. */
    char *store_name, *topic_name, *text;
    char *partition_count, *replication_factor, *owner, *value_schema;
    int32_t version, replaced;
    int32_t from_version; /* of a switch; 0: whatever is current */
    int32_t swap_version; /* of a swap; 0: the newest that waits */
    bool swaps;           /* a roll-forward that is a swap */
    enum lg_version_status stopped_as;
    char *pusher;
    int64_t size_bytes; /* -1: not said */
    bool swap_deferred;
    enum lg_node_state node_state;
    int64_t partition; /* -1: all */
    bool wipe;
    struct lg_buf dictionary; /* for the start of push; empty: none */
    int64_t lease_ms;
    int64_t *counts; /* by partition */
    bool start_of_push, sorted, empty;
    int64_t asked_ms; /* of a push that is asked for, in wall time */
    enum lg_push_type push_type;
    LG_VEC(struct lg_setting_choice) choices;
    struct lg_acl acl; /* as asked for */
    enum { LG_CTL_ACL_SET, LG_CTL_ACL_GRANT, LG_CTL_ACL_REVOKE } acl_change;
    enum lg_compat_mode compat_mode;
    bool dry_run;      /* only tells what it would change */
    bool is_enabled;   /* a store may be deleted though reads or writes are enabled */
    bool is_uncertain; /* it is not known whether it was made */
    int64_t deleted_ms;
    int64_t clock_ms;

    /* What becomes of it: taken over into memory after the write. Owned. */
    struct lg_store *store;
    bool store_is_new;
    bool store_is_gone; /* ch->store is what it was */
    LG_VEC(struct lg_ctl_topic *) topics;
    LG_VEC(struct lg_ctl_node_change) nodes;
    uint64_t generation; /* of the state on which it was decided */
    LG_VEC(char *) trashed;
    struct lg_json *answer; /* NULL: the plain one */

    struct lg_topic_writer writer;
    struct lg_tree_read read;
    const char *read_root;
    struct lg_meta_op op;
    struct lg_meta_change fence; /* of the term in which it began */
    void (*confirmed)(struct lg_change *ch);
    LG_VEC(struct lg_meta_change) writes;
    LG_VEC(char *) paths;
    LG_VEC(struct lg_blob *) values;
};

struct lg_change *lg_change_new(struct lg_controller *c, struct lg_http_request *rq,
                                void (*begin)(struct lg_change *ch));
/* Its pusher was heard. */
void lg_ctl_hear(const struct lg_controller *c, struct lg_version *v);
/* Queues it and is true; else refuses it, answers, and it is gone. */
bool lg_change_submit(struct lg_change *ch);
/* Instead of submit: answers the error; the change is gone when this returns. */
void lg_change_abandon(struct lg_change *ch, const struct lg_error *err);
/* Copies the store of that name into ch->store, to be changed. LG_ERR_NO_STORE. */
LG_MUST_CHECK enum lg_rc lg_change_take_store(struct lg_change *ch, const char *name,
                                              struct lg_error *err);
/* Adds ch->store to the write. LG_ERR_TOO_LARGE when its node would be. */
LG_MUST_CHECK enum lg_rc lg_change_write_store(struct lg_change *ch, struct lg_error *err);
/* Adds the end of ch->store: its node goes, its largest version number goes into the graveyard, its
 * versions into the trash. LG_ERR_TOO_LARGE when the graveyard is full. */
LG_MUST_CHECK enum lg_rc lg_change_write_purge(struct lg_change *ch, struct lg_error *err);
/* Adds that no number of ch->store_name is remembered any more. */
void lg_change_write_forget_grave(struct lg_change *ch);
/* Adds a topic's push node, and with `created` its assignment. The entry is moved in. */
void lg_change_write_topic(struct lg_change *ch, struct lg_ctl_topic *take_topic, bool created);
/* Adds a topic's assignment alone. The entry is moved in. */
void lg_change_write_assignment(struct lg_change *ch, struct lg_ctl_topic *take_topic);
/* Adds what is known of a server; its record is moved in. `gone`: nothing any more. */
void lg_change_write_node(struct lg_change *ch, const char *id, struct lg_node_record *take_record,
                          bool gone);
/* Adds how far the leaders' clock got. */
/* What clients of the cluster are told to speak (lg_catalog_told). */
void lg_change_write_clients(struct lg_change *ch, enum lg_client_protocols protocols);
void lg_change_write_clock(struct lg_change *ch, int64_t clock_ms);
/* Adds the end of a topic: its nodes go, it lies in the trash. */
void lg_change_write_trash(struct lg_change *ch, const char *topic);
/* Before a topic is touched: asks the metastore whether this controller still leads; `then` runs if
 * so, else the change ends. A leader that was stopped and is asked for a push the moment it goes on
 * must not delete what it takes for a left-over topic: it may be that of a later leader. */
void lg_change_confirm(struct lg_change *ch, void (*then)(struct lg_change *ch));
/* Submits the write; then memory follows, `applied` runs, and the change ends with an answer. */
void lg_change_commit(struct lg_change *ch);
/* Ends it: LG_OK with ch->answer, or an error. The change is gone when this returns. */
void lg_change_end(struct lg_change *ch, enum lg_rc rc, const struct lg_error *err);
/* Refuses everything that waits. */
void lg_changes_refuse(struct lg_controller *c, const struct lg_error *err);
/* The metastore does not answer: refuses everything that waits, and tells who asked for the change
 * that runs that nobody knows what becomes of it. That change ends by itself. */
void lg_changes_cut_off(struct lg_controller *c, const struct lg_error *why);

/* --- leadership.c ----------------------------------------------------------------------------- */

/* Checks the cluster, announces itself, campaigns. */
void lg_ctl_campaign(struct lg_controller *c);
/* Resigns and withdraws; lg_ctl_wake when a part of it is over. */
void lg_ctl_campaign_stop(struct lg_controller *c);
bool lg_ctl_campaign_over(const struct lg_controller *c);
/* Does it lead, as far as it knows? */
bool lg_ctl_leads(const struct lg_controller *c);
/* Does it lead, has it read what exists, and does the metastore answer? Only then it decides. */
bool lg_ctl_ready(const struct lg_controller *c);
/* Does the metastore not answer, for longer than a short grace? Then err says so. */
bool lg_ctl_is_cut_off(const struct lg_controller *c, struct lg_error *err);
/* While it is cut off: may reads be answered from what it knew when the metastore answered last? */
bool lg_ctl_holds(const struct lg_controller *c);
/* How old that is. */
uint64_t lg_ctl_held_ms(const struct lg_controller *c);
/* Why it does not, for who asked: LG_ERR_MISDIRECTED names the leader, LG_ERR_UNAVAILABLE says that
 * there will be one soon; or what refuses this controller. */
enum lg_rc lg_ctl_not_leader(const struct lg_controller *c, struct lg_error *err);
/* Empties `state`. No change may be under way. */
void lg_ctl_forget(struct lg_controller *c);

/* --- load.c ----------------------------------------------------------------------------------- */

/* Reads the metadata; changes wait meanwhile. Repeated until it succeeds or leadership ends. While
 * a change is under way it begins after that. */
void lg_ctl_load(struct lg_controller *c);

/* --- controller.c ----------------------------------------------------------------------------- */

/* Something moved: begins the next change, looks at pushes, ends a stop. */
void lg_ctl_wake(struct lg_controller *c);
void lg_ctl_look_at_pushes(struct lg_controller *c);
const struct lg_catalog_snapshot *lg_ctl_snapshot(const struct lg_controller *c);
/* Have routers of other processes had their time to announce themselves (routers_settle_ms)? */
bool lg_ctl_settled(const struct lg_controller *c);

/* --- answer.c --------------------------------------------------------------------------------- */

/* Venice's base fields (wire-formats.md 8.1): cluster, name, error, errorType, exceptionType. The
 * caller owns the value. `name` may be NULL. */
struct lg_json *lg_answer_base(const struct lg_controller *c, const char *name);
/* The log as Venice's push jobs hand it to Kafka's client: brokers without a scheme. The embedded
 * log keeps its own. Borrowed from the controller. */
const char *lg_answer_bootstrap_servers(const struct lg_controller *c);
/* Answers 200. */
void lg_answer_json(struct lg_http_request *rq, struct lg_json *take_json);
/* Answers an error: base fields, and ours: lagoonCode. `status` 0: the code's. */
void lg_answer_error(const struct lg_controller *c, struct lg_http_request *rq, int status,
                     const struct lg_error *err);
/* Answers that it is not known whether a change was made: an error with lagoonUncertain. */
void lg_answer_uncertain(const struct lg_controller *c, struct lg_http_request *rq,
                         const struct lg_error *err);

/* --- front.c ---------------------------------------------------------------------------------- */

void lg_front_handle(void *ctx, struct lg_http_request *rq);
/* Who may take it was asked: on with it. `route` LG_API_COUNT: the log's. */
void lg_front_allowed(struct lg_controller *c, struct lg_http_request *rq, enum lg_api_route route);
/* guard.c: asks who may; lg_front_allowed follows now, later, or never. */
void lg_guard(struct lg_controller *c, struct lg_http_request *rq, enum lg_api_route route);
/* A parameter as a C string in the request's arena; NULL when absent or empty. The front has
 * checked that required ones are there and that all are text. */
const char *lg_front_param(struct lg_http_request *rq, const char *name);
/* "true" or "false", exactly; `otherwise` when absent. LG_ERR_INVALID. */
LG_MUST_CHECK enum lg_rc lg_front_bool(struct lg_http_request *rq, const char *name, bool otherwise,
                                       bool *out, struct lg_error *err);
/* A number; LG_ERR_INVALID names the parameter. `otherwise` when absent. */
LG_MUST_CHECK enum lg_rc lg_front_number(struct lg_http_request *rq, const char *name, int64_t min,
                                         int64_t max, int64_t otherwise, int64_t *out,
                                         struct lg_error *err);

/* --- handle_*.c: one per route. --------------------------------------------------------------- */

#define X(id, method, path, required, optional)                                                    \
    void lg_handle_##id(struct lg_controller *c, struct lg_http_request *rq);
#include "api/routes.def"
#undef X

/* --- handle_delete.c -------------------------------------------------------------------------- */

/* When a deleted store is purged, in wall time. */
int64_t lg_ctl_purge_ms(const struct lg_controller *c, const struct lg_store *store);
/* Purges one store whose time has come, if there is one. */
void lg_ctl_purge_due(struct lg_controller *c);

/* --- handle_version.c ------------------------------------------------------------------------- */

/* The monitor's own changes: a push that is complete, one that failed. */
void lg_change_complete_push(struct lg_controller *c, struct lg_ctl_topic *topic);
void lg_change_fail_push(struct lg_controller *c, struct lg_ctl_topic *topic);
/* Ends a running push as `to` (ERROR or KILLED) for a reason of the controller's own; copied. */
void lg_change_stop_push(struct lg_controller *c, struct lg_ctl_topic *topic,
                         enum lg_version_status to, const char *reason);
/* The newest push of the store (and of this id, unless NULL) that somebody asks for and waits, and
 * of which there is no version yet. NULL: there is none. Who names the id is told also when who
 * asked for it has gone away. */
const struct lg_change *lg_change_asked_push(const struct lg_controller *c,
                                             const struct lg_store *store, const char *push_job_id);
/* Retires what may go of a store, if its current version is still `current`. */
void lg_change_retire(struct lg_controller *c, const char *store, int32_t current);

#endif
