/* An operator: makes one store, then pushes, rolls back and rolls forward, one at a time, and looks
 * after each what the controller says. Now and then it deletes the store, to bring it back or to
 * purge it and make it anew; adds a value schema; changes the owner. When the world is quiet it
 * pushes once more and waits until nothing is unfinished.
 *
 *     LOOKING (GET /store) ──▶ pause ──▶ one of: push, rollback, roll-forward ... ──▶ LOOKING
 */
#include <stdio.h>

#include "api/api_client.h"
#include "base/str.h"
#include "drivers/loghttp/loghttp.h"
#include "pushjob/pushjob.h"
#include "sim/world.h"

#define PAUSE_MAX_US (700 * LG_MS)
#define PAUSE_LONG_US (4 * LG_SEC) /* sometimes, so that things are cleaned up meanwhile */
#define CALL_US (12 * LG_SEC)
#define PUSH_MS 20000u
#define LAST_PUSH_MS 60000u
#define LEASE_MS 4000u
#define CANCEL_ONE_IN 6
#define CANCEL_WITHIN_US (60 * LG_MS)
#define AWAY_MAX_US (5 * LG_SEC)
#define UNKNOWN_US (12 * LG_SEC) /* longer than any cut of the network holds a request back */

struct actor { /* In the node's memory. */
    struct lg_world_node *n;
    struct lg_world *w;
    struct lg_world_operator *o;
    unsigned store;
    struct lg_lane *lane;
    struct lg_http_client *http;
    struct lg_api_client *api;
    struct lg_api_call call;
    struct lg_timer pause;
    uint64_t begun_us;
    bool quiet; /* The push that runs began in the quiet. */
    int32_t swapping;
    unsigned more;      /* fields of the schema that is being added */
    int64_t read_quota; /* that is being asked for */

    struct lg_pushjob *job;
    struct lg_loghttp *log;
    struct lg_log_sim *unreliable;
    struct lg_buf file;
    struct lg_slice rest;
    struct lg_input_file input; /* reads `rest` */
    char push_id[32];
};

static void look(struct actor *a);

/* Of a leader that was deposed and does not know it, or of a controller that cannot reach the
 * metadata, and says so: it tells what it knew. */
static bool is_outdated(const struct actor *a)
{
    return a->call.age_ms >= 0 || (a->call.term != 0 && a->call.term < a->w->history.term);
}

static struct lg_sim_store *store_of(const struct actor *a)
{
    return &a->w->history.stores[a->store];
}

static void look_due(struct lg_timer *timer)
{
    look(LG_CONTAINER_OF(timer, struct actor, pause));
}

static void look_soon(struct actor *a, uint64_t max_us)
{
    lg_timer_start(a->lane, &a->pause, 1 + lg_rand_below(&a->lane->rand, max_us), look_due);
}

static void ask(struct actor *a, enum lg_api_route route, void (*done)(struct lg_api_call *))
{
    a->call.route = route;
    a->call.deadline_us = lg_lane_now_us(a->lane) + CALL_US;
    a->call.done = done;
    lg_api_call_submit(a->api, &a->call);
}

static void prepare(struct actor *a)
{
    lg_api_call_done(&a->call);
    lg_api_call_param(&a->call, "store_name", lg_history_store_name(a->store));
}

static void asked(struct actor *a, enum lg_check_asked what, int32_t version)
{
    a->o->asked = what;
    a->o->asked_version = version;
}

/* --- Push. -------------------------------------------------------------------------------------
 */

static enum lg_rc open_log(void *ctx, const char *url, struct lg_pubsub **out, struct lg_error *err)
{
    struct actor *a = ctx;
    struct lg_loghttp_options o = {lg_net_sim_transport(a->w->net), a->lane, url};
    enum lg_rc rc = lg_loghttp_new(&o, &a->log, err);

    if (rc == LG_OK) {
        a->unreliable = lg_log_sim_new(lg_loghttp_pubsub(a->log), a->lane, &a->w->log_faults);
        *out = lg_log_sim_pubsub(a->unreliable);
    }
    return rc;
}

static void close_log(void *ctx, struct lg_pubsub *log)
{
    struct actor *a = ctx;

    (void)log;
    lg_log_sim_free(LG_TAKE(a->unreliable));
    lg_loghttp_free(LG_TAKE(a->log));
}

static void progress(void *ctx, const struct lg_push_progress *p)
{
    struct actor *a = ctx;

    if (p->version != 0)
        lg_check_push_version(&a->w->history, a->o->push, p->version);
    if (p->phase == LG_PUSH_ENDING)
        a->w->history.pushes[a->o->push].written = true;
}

static void push_finished(void *ctx, struct lg_pushjob *job)
{
    struct actor *a = ctx;
    const struct lg_push_outcome *outcome = lg_pushjob_outcome(job);
    struct lg_error err = outcome->err;
    unsigned push = a->o->push;

    err.rc = outcome->rc;
    lg_sim_trace(a->w->sim, "push_ended", push, a->store, (uint64_t)outcome->version, err.rc);
    lg_sim_trace_text(a->w->sim, lg_slice_str(err.text));
    lg_check_push_version(&a->w->history, push, outcome->version);
    lg_check_push_ended(&a->w->history, push, &err, lg_lane_now_us(a->lane));
    a->o->push = 0;
    if (err.rc == LG_OK) {
        asked(a, outcome->waits_for_swap ? LG_CHECK_NOTHING : LG_CHECK_PUSH, outcome->version);
        a->o->last_push_done = a->quiet && !outcome->waits_for_swap;
    } else {
        a->w->history.pushes[push].abandoned = true; /* Its version may still be completed. */
        asked(a, LG_CHECK_UNKNOWN, 0);
    }
    lg_timer_stop(a->lane, &a->pause);
    lg_pushjob_free(LG_TAKE(a->job));
    look(a);
}

static void change_of_mind(struct lg_timer *timer)
{
    lg_pushjob_cancel(LG_CONTAINER_OF(timer, struct actor, pause)->job);
}

/* The number of the next push. In the quiet only plain ones count. */
static unsigned next_number(struct actor *a)
{
    struct lg_history *h = &a->w->history;

    for (;;) {
        unsigned number = lg_history_push_begun(h, a->store);

        if (number == 0 || !a->w->quiet ||
            (!lg_history_is_empty(number) && !lg_history_is_deferred(number) &&
             !lg_history_is_large(number)))
            return number;
        h->pushes[number].state = LG_SIM_PUSH_FAILED; /* It never begins. */
    }
}

static void push_as(struct actor *a, unsigned number);

static void push(struct actor *a)
{
    unsigned number = next_number(a);

    if (number == 0)
        look_soon(a, LG_SEC);
    else
        push_as(a, number);
}

/* Begins a push, or goes on with one whose pusher died. */
static void push_as(struct actor *a, unsigned number)
{
    struct lg_sim_push *p = &a->w->history.pushes[number];
    LG_AUTO_STR char *id = lg_strf("push-%u", number);

    lg_sim_trace(a->w->sim, "push_begins", number, a->store);
    p->deferred = lg_history_is_deferred(number);
    p->written = p->written || lg_history_is_empty(number);
    a->o->push = number;
    a->quiet = a->w->quiet;
    memcpy(a->push_id, id, strlen(id) + 1);
    lg_buf_clear(&a->file);
    lg_history_file(number, &a->file);
    a->rest = lg_buf_slice(&a->file);
    a->input = (struct lg_input_file){"rows.ndjson", lg_source_of_slice(&a->rest)};
    a->job = lg_pushjob_start(&(struct lg_pushjob_options){
        .lane = a->lane,
        .transport = lg_net_sim_transport(a->w->net),
        .controller_url = LG_WORLD_CONTROLLER_URLS,
        .store = lg_history_store_name(a->store),
        .push_id = a->push_id,
        .host_name = a->n->name,
        .input = {.files = &a->input, .file_count = 1, .key_field = "id"},
        .file_bytes = a->file.size,
        .timeout_ms = a->quiet ? LAST_PUSH_MS : PUSH_MS,
        .lease_ms = LEASE_MS,
        .empty = lg_history_is_empty(number),
        .defer_swap = p->deferred,
        .open_log = open_log,
        .close_log = close_log,
        .progress = progress,
        .finished = push_finished,
        .ctx = a,
    });
    if (!a->quiet && lg_rand_chance(&a->lane->rand, 1, CANCEL_ONE_IN))
        lg_timer_start(a->lane, &a->pause, lg_rand_below(&a->lane->rand, CANCEL_WITHIN_US),
                       change_of_mind);
}

/* --- Rollback and roll-forward. ----------------------------------------------------------------
 */

/* A switch names the version it starts from, so that it happens once, however often it is asked. */
static void switched(struct actor *a, enum lg_check_asked what, int32_t version)
{
    enum lg_rc rc = a->call.rc;

    lg_sim_trace(a->w->sim, "switched", a->store, what, rc);
    if (rc == LG_OK || rc == LG_ERR_CONFLICT || rc == LG_ERR_NOT_FOUND) {
        asked(a, rc == LG_OK ? what : LG_CHECK_NOTHING, version);
    } else if (a->begun_us < a->w->changes_excused_until_us) {
        asked(a, LG_CHECK_UNKNOWN, 0);
        a->o->unknown_until_us = lg_lane_now_us(a->lane) + UNKNOWN_US;
    } else {
        lg_history_violate(&a->w->history, "pushes_complete",
                           "a switch of store '%s' failed though nothing is broken: %s",
                           lg_history_store_name(a->store), a->call.err.text);
    }
    look(a);
}

static void rolled_back(struct lg_api_call *call)
{
    struct actor *a = LG_CONTAINER_OF(call, struct actor, call);

    a->w->history.rollbacks++;
    switched(a, LG_CHECK_ROLLBACK, 0);
}

static void rolled_forward(struct lg_api_call *call)
{
    struct actor *a = LG_CONTAINER_OF(call, struct actor, call);

    a->w->history.rollforwards++;
    switched(a, LG_CHECK_ROLLFORWARD, 0);
}

static void swapped(struct lg_api_call *call)
{
    struct actor *a = LG_CONTAINER_OF(call, struct actor, call);

    a->w->history.swaps += call->rc == LG_OK;
    switched(a, LG_CHECK_SWAP, a->swapping);
}

/* The newest version that waits for its swap, as the store was seen last; 0: none. */
static int32_t waiting_version(const struct lg_sim_store *s)
{
    for (int32_t v = LG_HISTORY_VERSIONS_MAX - 1; v > s->current; v--)
        if (s->versions[v].known && s->versions[v].status == LG_SIM_VERSION_PUSHED)
            return v;
    return 0;
}

static void swap(struct actor *a, int32_t version)
{
    LG_AUTO_STR char *text = lg_strf("%d", version);

    a->begun_us = lg_lane_now_us(a->lane);
    a->swapping = version;
    asked(a, LG_CHECK_UNKNOWN, 0);
    prepare(a);
    lg_api_call_param(&a->call, "lagoon_swap_version", text);
    ask(a, LG_API_roll_forward_to_future_version, swapped);
}

static void switch_version(struct actor *a, bool back)
{
    struct lg_sim_store *s = store_of(a);
    LG_AUTO_STR char *from = lg_strf("%d", s->current);

    if (s->current == 0) {
        look_soon(a, PAUSE_MAX_US);
        return;
    }
    a->begun_us = lg_lane_now_us(a->lane);
    asked(a, LG_CHECK_UNKNOWN, 0); /* Until the answer; stays if the node dies. */
    if (back)
        s->rolled_back_max = LG_MAX(s->rolled_back_max, s->current);
    prepare(a);
    lg_api_call_param(&a->call, "lagoon_from_version", from);
    ask(a, back ? LG_API_rollback_to_backup_version : LG_API_roll_forward_to_future_version,
        back ? rolled_back : rolled_forward);
}

/* --- The life of the store. --------------------------------------------------------------------
 */

static const char *const life_words[] = {[LG_LIFE_NONE] = "",
                                         [LG_LIFE_DELETE] = "deleted",
                                         [LG_LIFE_UNDELETE] = "brought back",
                                         [LG_LIFE_PURGE] = "purged"};

/* Nothing but what readers remember stays of it. */
static void forget_store(struct lg_sim_store *s)
{
    s->created = s->configured = false;
    s->away = false;
    s->current = s->acked = 0;
    s->served_since_us = s->seen_us = s->switched_us = 0;
    s->schemas = s->owner = 0;
    s->owner_unknown = s->read_quota_known = false;
    memset(s->versions, 0, sizeof s->versions);
}

static void life_done(struct actor *a)
{
    struct lg_history *h = &a->w->history;
    struct lg_sim_store *s = store_of(a);
    enum lg_life_op op = a->o->life_op;

    a->o->life_op = LG_LIFE_NONE;
    if (op == LG_LIFE_DELETE) {
        s->deleted = true;
        s->deleted_us = lg_lane_now_us(a->lane);
        h->deleted++;
    } else if (op == LG_LIFE_UNDELETE) {
        s->away = false;
        s->back_us = lg_lane_now_us(a->lane);
        h->undeleted++;
    } else {
        forget_store(s);
        h->purged++;
    }
}

/* Each may be repeated, and is until it is answered. A try that was held back may still come: then
 * nothing is asked until it must have come. */
static void life_answered(struct lg_api_call *call)
{
    struct actor *a = LG_CONTAINER_OF(call, struct actor, call);
    bool held = a->begun_us < a->w->changes_excused_until_us;
    enum lg_rc rc = call->rc;

    lg_sim_trace(a->w->sim, "life", a->store, a->o->life_op, rc);
    if (held)
        a->o->life_until_us = lg_lane_now_us(a->lane) + UNKNOWN_US;
    if (rc == LG_OK) {
        life_done(a);
    } else if (rc == LG_ERR_CONFLICT && a->o->life_op == LG_LIFE_DELETE) {
        a->o->life_op = LG_LIFE_NONE; /* A push runs. */
        a->o->life_open = held;
        store_of(a)->away = held;
        store_of(a)->back_us = lg_lane_now_us(a->lane);
    } else if (!held || rc == LG_ERR_CONFLICT || rc == LG_ERR_NO_STORE) {
        lg_check_life_failed(&a->w->history, a->store, life_words[a->o->life_op], &call->err);
    }
    look_soon(a, PAUSE_MAX_US);
}

static void life(struct actor *a, enum lg_life_op op)
{
    static const enum lg_api_route routes[] = {
        [LG_LIFE_DELETE] = LG_API_delete_store,
        [LG_LIFE_UNDELETE] = LG_API_undelete_store,
        [LG_LIFE_PURGE] = LG_API_purge_store,
    };

    a->o->life_op = op;
    a->begun_us = lg_lane_now_us(a->lane);
    if (op == LG_LIFE_DELETE)
        store_of(a)->away = true;
    else if (op == LG_LIFE_UNDELETE)
        store_of(a)->deleted = false;
    prepare(a);
    if (op == LG_LIFE_DELETE)
        lg_api_call_param(&a->call, "lagoon_enabled", "true");
    ask(a, routes[op], life_answered);
}

static void act_deleted_due(struct lg_timer *timer)
{
    struct actor *a = LG_CONTAINER_OF(timer, struct actor, pause);
    uint64_t choice = lg_rand_below(&a->lane->rand, 6);

    if (a->w->quiet || choice < 3)
        life(a, LG_LIFE_UNDELETE);
    else if (choice < 5)
        life(a, LG_LIFE_PURGE);
    else
        look(a);
}

/* --- Schemas and settings. ---------------------------------------------------------------------
 */

static void told(struct actor *a)
{
    if (a->begun_us < a->w->changes_excused_until_us)
        a->o->unknown_until_us = lg_lane_now_us(a->lane) + UNKNOWN_US;
    else if (a->call.rc != LG_OK)
        lg_check_life_failed(&a->w->history, a->store, "changed", &a->call.err);
    look_soon(a, PAUSE_MAX_US);
}

static void schema_added(struct lg_api_call *call)
{
    struct actor *a = LG_CONTAINER_OF(call, struct actor, call);

    a->w->history.schemas += call->rc == LG_OK;
    if (call->rc == LG_OK)
        lg_check_schema_added(&a->w->history, a->store, a->more,
                              lg_json_get_int(call->answer, "id", 0),
                              lg_json_get_bool(call->answer, "lagoonIsNew", false));
    told(a);
}

/* The next one, or one that was acknowledged: that must be known. */
static void add_schema(struct actor *a)
{
    LG_SCOPED(lg_buf) text = {0};
    unsigned known = store_of(a)->schemas;

    a->more = known > 0 && lg_rand_chance(&a->lane->rand, 1, 2)
                  ? 1 + (unsigned)lg_rand_below(&a->lane->rand, known)
                  : known + 1;
    a->begun_us = lg_lane_now_us(a->lane);
    lg_history_schema(a->more, &text);
    lg_buf_append_byte(&text, 0);
    prepare(a);
    lg_api_call_param(&a->call, "value_schema", (const char *)text.data);
    ask(a, LG_API_add_value_schema, schema_added);
}

static void owner_changed(struct lg_api_call *call)
{
    struct actor *a = LG_CONTAINER_OF(call, struct actor, call);

    store_of(a)->owner_unknown = call->rc != LG_OK || a->begun_us < a->w->changes_excused_until_us;
    a->w->history.updated += call->rc == LG_OK;
    told(a);
}

static void change_owner(struct actor *a)
{
    LG_AUTO_STR char *owner = lg_strf("owner-%u", ++store_of(a)->owner);

    a->begun_us = lg_lane_now_us(a->lane);
    store_of(a)->owner_unknown = true;
    prepare(a);
    lg_api_call_param(&a->call, "owner", owner);
    ask(a, LG_API_update_store, owner_changed);
}

/* --- Read quotas. -------------------------------------------------------------------------------
 */

static void ask_read_quota(struct actor *a, int64_t quota)
{
    LG_AUTO_STR char *text = lg_strf("%lld", (long long)quota);

    a->begun_us = lg_lane_now_us(a->lane);
    a->read_quota = quota;
    lg_check_quota_asked(&a->w->history, a->store);
    lg_api_call_param(&a->call, "read_quota_in_cu", text);
}

/* One that was held back, or whose end is not known, may come later: until then nobody asks for
 * another one. */
static void read_quota_answered(struct actor *a)
{
    bool late = a->call.rc != LG_OK || a->begun_us < a->w->changes_excused_until_us;

    if (late)
        store_of(a)->read_quota_late_us = lg_lane_now_us(a->lane) + UNKNOWN_US;
    if (a->call.rc == LG_OK)
        lg_check_quota_set(&a->w->history, a->store, a->read_quota, lg_lane_now_us(a->lane));
}

static void read_quota_changed(struct lg_api_call *call)
{
    struct actor *a = LG_CONTAINER_OF(call, struct actor, call);

    read_quota_answered(a);
    told(a);
}

static void change_read_quota(struct actor *a, int64_t quota)
{
    if (lg_lane_now_us(a->lane) < store_of(a)->read_quota_late_us) {
        look_soon(a, PAUSE_MAX_US);
        return;
    }
    prepare(a);
    ask_read_quota(a, quota);
    ask(a, LG_API_update_store, read_quota_changed);
}

static bool has_read_quota(struct actor *a)
{
    const struct lg_sim_store *s = store_of(a);

    return a->w->history.read_quotas && !(s->read_quota_known && s->read_quota < 0);
}

/* --- Deciding. ---------------------------------------------------------------------------------
 */

static bool unfinished(const struct lg_json *info)
{
    const struct lg_json *versions = lg_json_get(info, "versions");

    for (size_t i = 0; i < lg_json_size(versions); i++) {
        const char *status = lg_json_get_str(lg_json_at(versions, i), "status", "");

        if (strcmp(status, "STARTED") == 0 || strcmp(status, "ERROR") == 0 ||
            strcmp(status, "KILLED") == 0)
            return true;
    }
    return false;
}

static void replicas_told(struct lg_api_call *call)
{
    struct actor *a = LG_CONTAINER_OF(call, struct actor, call);
    char *unplaced = a->w->unplaced[a->store];
    size_t size = sizeof a->w->unplaced[0];
    struct lg_error err = call->err;

    if (call->rc == LG_OK && !is_outdated(a) &&
        lg_check_placed(&a->w->history, call->answer, store_of(a)->current, lg_world_servers(a->w),
                        &err) == LG_OK) {
        unplaced[0] = '\0';
        a->o->settled = true;
    } else {
        (void)snprintf(unplaced, size, "%.199s", err.text);
    }
    look_soon(a, LG_SEC); /* It must stay so. */
}

static void node_removed(struct lg_api_call *call)
{
    struct actor *a = LG_CONTAINER_OF(call, struct actor, call);

    /* One that came late and held nothing is forgotten with its session. */
    a->w->removed_told = call->rc == LG_OK || call->rc == LG_ERR_NOT_FOUND;
    look_soon(a, LG_SEC);
}

static void remove_node(struct actor *a)
{
    LG_AUTO_STR char *id = lg_strf("server%d_%d", a->w->removed, LG_WORLD_SERVER_PORT);

    lg_api_call_done(&a->call);
    lg_api_call_param(&a->call, "node_id", id);
    ask(a, LG_API_node_remove, node_removed);
}

/* --- Replicas that failed, and a server that is drained. ---------------------------------------
 */

static void replica_reset(struct lg_api_call *call)
{
    struct actor *a = LG_CONTAINER_OF(call, struct actor, call);

    lg_sim_trace(a->w->sim, "replica_reset", a->store, call->rc);
    a->w->history.resets += call->rc == LG_OK;
    look_soon(a, LG_SEC);
}

static void failed_told(struct lg_api_call *call)
{
    struct actor *a = LG_CONTAINER_OF(call, struct actor, call);
    bool known = call->rc == LG_OK && !is_outdated(a);
    int32_t version = known ? lg_check_failed_version(call->answer) : 0;
    LG_AUTO_STR char *text = lg_strf("%d", version);
    char *unplaced = a->w->unplaced[a->store];

    if (!known || version == 0) {
        a->o->errors_gone = known;
        unplaced[0] = '\0';
        look_soon(a, PAUSE_MAX_US);
        return;
    }
    (void)snprintf(unplaced, sizeof a->w->unplaced[0],
                   "a replica of version %d has failed, and stays so though it was reset", version);
    prepare(a);
    lg_api_call_param(&a->call, "version", text);
    if (lg_rand_chance(&a->lane->rand, 1, 2))
        lg_api_call_param(&a->call, "wipe", "true");
    ask(a, LG_API_reset_error_partition, replica_reset);
}

/* Is it empty? */
static void nodes_told(struct lg_api_call *call)
{
    struct actor *a = LG_CONTAINER_OF(call, struct actor, call);
    const struct lg_json *nodes = lg_json_get(call->answer, "nodes");
    LG_AUTO_STR char *id = lg_strf("server%d_%d", a->w->drained, LG_WORLD_SERVER_PORT);

    for (size_t i = 0; call->rc == LG_OK && !is_outdated(a) && i < lg_json_size(nodes); i++) {
        const struct lg_json *node = lg_json_at(nodes, i);

        if (strcmp(lg_json_get_str(node, "id", ""), id) != 0 ||
            lg_json_get_int(node, "replicas", -1) != 0)
            continue;
        lg_check_drained(&a->w->history, (unsigned)a->w->drained);
        lg_world_drained(a->w);
    }
    look_soon(a, PAUSE_MAX_US);
}

static void node_drained(struct lg_api_call *call)
{
    struct actor *a = LG_CONTAINER_OF(call, struct actor, call);

    lg_sim_trace(a->w->sim, "drain", (uint64_t)a->w->drained, call->rc);
    a->w->drain_told = call->rc == LG_OK;
    look_soon(a, PAUSE_MAX_US);
}

/* False when there is nothing to do. */
static bool drains(struct actor *a)
{
    LG_AUTO_STR char *id = lg_strf("server%d_%d", a->w->drained, LG_WORLD_SERVER_PORT);

    if (a->store != 0 || a->w->drained < 0 || a->w->drain_over ||
        lg_lane_now_us(a->lane) < a->w->drain_us)
        return false;
    lg_api_call_done(&a->call);
    if (a->w->drain_told) {
        ask(a, LG_API_nodes, nodes_told);
        return true;
    }
    a->w->drain_asked = true;
    lg_api_call_param(&a->call, "node_id", id);
    ask(a, LG_API_node_drain, node_drained);
    return true;
}

static void act_quietly(struct actor *a, const struct lg_json *info)
{
    if (a->w->removed >= 0 && !a->w->removed_told && a->store == 0) {
        remove_node(a); /* Refused while it seems to be live. */
        return;
    }
    if (!a->o->errors_gone) {
        prepare(a);
        ask(a, LG_API_replicas, failed_told);
        return;
    }
    if (has_read_quota(a)) { /* All is to be read soon. */
        change_read_quota(a, -1);
        return;
    }
    if (!a->o->last_push_done) {
        push(a);
        return;
    }
    if (!unfinished(info)) {
        lg_check_pushes_settled(&a->w->history, a->store, info);
        prepare(a);
        ask(a, LG_API_replicas, replicas_told);
        return;
    }
    look_soon(a, LG_SEC); /* It must stay so. */
}

static void act_rarely(struct actor *a)
{
    uint64_t choice = lg_rand_below(&a->lane->rand, 6);

    if (choice < 2)
        life(a, LG_LIFE_DELETE);
    else if (choice == 2)
        add_schema(a);
    else if (choice == 3)
        change_owner(a);
    else
        look_soon(a, PAUSE_MAX_US);
}

static void act(struct actor *a, const struct lg_json *info)
{
    static const int64_t read_quotas[] = {-1, 8, 24, 40};
    uint64_t choice = lg_rand_below(&a->lane->rand, 10);

    if (lg_rand_chance(&a->lane->rand, 1, 2) && drains(a))
        return; /* Pushes go on meanwhile. */
    if (a->w->quiet)
        act_quietly(a, info);
    else if (lg_lane_now_us(a->lane) < a->o->unknown_until_us)
        look_soon(a, PAUSE_MAX_US);
    else if (a->w->history.read_quotas && lg_rand_chance(&a->lane->rand, 1, 12))
        change_read_quota(a,
                          read_quotas[lg_rand_below(&a->lane->rand, LG_ARRAY_SIZE(read_quotas))]);
    else if (choice % 2 == 0 && waiting_version(store_of(a)) != 0)
        swap(a, waiting_version(store_of(a)));
    else if (choice < 6)
        push(a);
    else if (choice < 9)
        switch_version(a, choice < 8);
    else
        act_rarely(a);
}

static void act_due(struct lg_timer *timer)
{
    struct actor *a = LG_CONTAINER_OF(timer, struct actor, pause);

    act(a, lg_json_get(a->call.answer, "store"));
}

static void looked(struct lg_api_call *call)
{
    struct actor *a = LG_CONTAINER_OF(call, struct actor, call);
    bool unknown = lg_lane_now_us(a->lane) < a->o->unknown_until_us;

    if (is_outdated(a)) {
        look_soon(a, PAUSE_MAX_US);
        return;
    }
    if (a->o->life_open && (call->rc == LG_OK || call->rc == LG_ERR_NO_STORE)) {
        a->o->life_open = false;
        a->o->life_op = LG_LIFE_DELETE; /* Did it come through after all? */
        if (call->rc == LG_ERR_NO_STORE)
            life_done(a);
        a->o->life_op = LG_LIFE_NONE;
        store_of(a)->away = call->rc == LG_ERR_NO_STORE;
        store_of(a)->back_us = lg_lane_now_us(a->lane);
    }
    if (call->rc == LG_OK)
        lg_check_life_seen(&a->w->history, a->store, lg_json_get(call->answer, "store"));
    if (call->rc == LG_OK && a->w->history.read_quotas)
        lg_check_quota_seen(&a->w->history, a->store, lg_json_get(call->answer, "store"),
                            a->begun_us, lg_lane_now_us(a->lane));
    if (call->rc == LG_ERR_NO_STORE && store_of(a)->deleted) {
        lg_timer_start(a->lane, &a->pause, 1 + lg_rand_below(&a->lane->rand, AWAY_MAX_US),
                       act_deleted_due);
        return;
    }
    if (call->rc == LG_OK) {
        bool is_long = !a->w->quiet && lg_rand_chance(&a->lane->rand, 1, 8);

        lg_check_store_seen(&a->w->history, a->store, lg_json_get(call->answer, "store"),
                            unknown ? LG_CHECK_UNKNOWN : a->o->asked, a->o->asked_version,
                            a->begun_us, lg_lane_now_us(a->lane));
        asked(a, unknown ? LG_CHECK_UNKNOWN : LG_CHECK_NOTHING, 0);
        lg_timer_start(a->lane, &a->pause,
                       1 + lg_rand_below(&a->lane->rand, is_long ? PAUSE_LONG_US : PAUSE_MAX_US),
                       act_due);
        return;
    }
    if (call->rc == LG_ERR_NO_STORE)
        lg_check_store_missing(&a->w->history, a->store, call->err.text);
    look_soon(a, PAUSE_MAX_US);
}

static void created(struct lg_api_call *call)
{
    struct actor *a = LG_CONTAINER_OF(call, struct actor, call);

    /* A conflict is the answer to a request that was made twice. */
    if (call->rc == LG_OK || call->rc == LG_ERR_CONFLICT)
        store_of(a)->created = true;
    look_soon(a, PAUSE_MAX_US);
}

static void configured(struct lg_api_call *call)
{
    struct actor *a = LG_CONTAINER_OF(call, struct actor, call);

    store_of(a)->configured = store_of(a)->configured || call->rc == LG_OK;
    if (a->w->history.read_quotas)
        read_quota_answered(a);
    look_soon(a, PAUSE_MAX_US);
}

/* Once, after the store was made: its quotas, or how its values are stored; and how long backups
 * stay. */
static void configure(struct actor *a)
{
    LG_AUTO_STR char *retention = lg_strf("%lld", (long long)LG_HISTORY_RETENTION_MS(a->store));

    if (a->store == LG_HISTORY_COMPRESSED) {
        lg_api_call_param(&a->call, "compression_strategy", "ZSTD_WITH_DICT");
        lg_api_call_param(&a->call, "chunking_enabled", "true");
    } else {
        lg_api_call_param(&a->call, "storage_quota_in_byte", LG_HISTORY_QUOTA_BYTES_TEXT);
    }
    lg_api_call_param(&a->call, "backup_version_retention_ms", retention);
    if (a->w->history.read_quotas)
        ask_read_quota(a, a->store == LG_HISTORY_FAST ? 24 : 8);
    if (a->w->history.read_quotas && a->store != LG_HISTORY_FAST)
        lg_api_call_param(&a->call, "storage_node_read_quota_enabled", "false");
    ask(a, LG_API_update_store, configured);
}

static void look(struct actor *a)
{
    if (lg_lane_now_us(a->lane) < a->o->life_until_us) {
        look_soon(a, LG_SEC);
        return;
    }
    if (a->o->life_op != LG_LIFE_NONE) {
        life(a, a->o->life_op);
        return;
    }
    prepare(a);
    a->begun_us = lg_lane_now_us(a->lane);
    if (store_of(a)->created && store_of(a)->deleted) {
        ask(a, LG_API_store, looked);
        return;
    }
    if (store_of(a)->created && !store_of(a)->configured) {
        configure(a);
        return;
    }
    if (store_of(a)->created) {
        ask(a, LG_API_store, looked);
        return;
    }
    store_of(a)->deleted = false;
    lg_api_call_param(&a->call, "owner", "simulation");
    lg_api_call_param(&a->call, "key_schema", LG_HISTORY_KEY_SCHEMA);
    lg_api_call_param(&a->call, "value_schema", LG_HISTORY_VALUE_SCHEMA);
    lg_api_call_param(&a->call, "partition_count", LG_HISTORY_PARTITIONS_TEXT);
    lg_api_call_param(&a->call, "replication_factor", a->w->factor == 3 ? "3" : "2");
    ask(a, LG_API_new_store, created);
}

/* What a former life of the node left open has an unknown end. Half of the pushes go on under their
 * id: those are begun now. */
static void remember(struct actor *a)
{
    struct lg_history *h = &a->w->history;
    unsigned number = a->o->push;

    if (number != 0 && lg_rand_chance(&a->lane->rand, 1, 2)) {
        h->pushes[number].resumed = true;
        h->resumed++;
        lg_sim_trace(a->w->sim, "push_resumed", number, a->store);
        push_as(a, number);
        return;
    }
    if (a->o->push != 0) {
        h->pushes[a->o->push].abandoned = true;
        h->pushes[a->o->push].state = LG_SIM_PUSH_FAILED;
        asked(a, LG_CHECK_UNKNOWN, 0);
    }
    if (a->o->life_op != LG_LIFE_NONE)
        a->o->life_until_us = lg_lane_now_us(a->lane) + UNKNOWN_US;
    if (a->o->asked == LG_CHECK_UNKNOWN && a->o->push == 0)
        a->o->unknown_until_us = lg_lane_now_us(a->lane) + UNKNOWN_US;
    if (store_of(a)->configured && a->w->history.read_quotas && !store_of(a)->read_quota_known)
        a->o->unknown_until_us = store_of(a)->read_quota_late_us =
            lg_lane_now_us(a->lane) + UNKNOWN_US;
    a->o->push = 0;
    look(a);
}

void lg_world_operator_main(void *ctx)
{
    struct lg_world_node *n = ctx;
    struct actor *a = lg_new(struct actor);
    struct lg_error err;

    a->n = n;
    a->w = n->world;
    a->o = &n->world->operators[n->number];
    a->store = n->number;
    a->lane = lg_sim_lane_new(n->world->sim, n->node, n->name);
    a->http = lg_http_client_new(lg_net_sim_transport(n->world->net), a->lane);
    if (lg_api_client_new(a->http, a->lane, LG_WORLD_CONTROLLER_URLS, &a->api, &err) != LG_OK)
        assert(false && "the controllers' URLs are some");
    remember(a);
}
