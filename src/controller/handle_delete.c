/* The end of a store, which can be undone for a while:
 *
 *     live ──delete──▶ deleted ──purge, or deleted_keep_ms later──▶ gone (a grave, and trash)
 *       ◀──undelete──────┘
 *
 * A deleted store keeps its node, versions, topics and replicas; nobody is told of it any more. A
 * purged one leaves its largest version number in the graveyard, so that a new store of that name
 * never uses one twice. Every request may be repeated.
 */
#include "base/log.h"
#include "controller/core.h"
#include "lane/mutant.h"

int64_t lg_ctl_purge_ms(const struct lg_controller *c, const struct lg_store *store)
{
    return store->deleted_ms + (int64_t)c->o.deleted_keep_ms;
}

static void answer_deleted(struct lg_change *ch, const struct lg_store *store)
{
    ch->answer = lg_answer_base(ch->c, ch->store_name);
    lg_json_set_int(ch->answer, "executionId", 0); /* Venice's TrackableControllerResponse. */
    lg_json_set_int(ch->answer, "lagoonDeletedTime", store->deleted_ms);
    lg_json_set_int(ch->answer, "lagoonPurgeTime", lg_ctl_purge_ms(ch->c, store));
}

/* Copies the store of that name into ch->store, also a deleted one. */
static enum lg_rc take_any(struct lg_change *ch, struct lg_error *err)
{
    const struct lg_ctl_store *entry = lg_ctl_state_store(ch->c->state, ch->store_name);

    if (entry == NULL)
        return lg_change_take_store(ch, ch->store_name, err); /* Which says that there is none. */
    ch->store = lg_store_copy(entry->store);
    return LG_OK;
}

/* --- Delete. ------------------------------------------------------------------------------------
 */

static enum lg_rc check_delete(const struct lg_change *ch, struct lg_error *err)
{
    const struct lg_store *s = ch->store;
    const struct lg_version *running = lg_store_running_push(s);

    if (running != NULL)
        return lg_error_set(err, LG_ERR_CONFLICT,
                            "push %s of store '%s' is running; wait for it, or end it with `lagoon "
                            "push kill %s %d`, then delete the store",
                            running->push_job_id, s->name, s->name, running->number);
    if (!ch->is_enabled && (s->enable_reads || s->enable_writes))
        return lg_error_set(err, LG_ERR_CONFLICT,
                            "%s of store '%s' are enabled; disable both before deleting it",
                            !s->enable_writes  ? "reads"
                            : !s->enable_reads ? "writes"
                                               : "reads and writes",
                            s->name);
    return LG_OK;
}

static void store_deleted(struct lg_change *ch)
{
    const struct lg_store *store = lg_ctl_state_store(ch->c->state, ch->store_name)->store;

    answer_deleted(ch, store);
    lg_log(LG_LOG_INFO, "store_deleted", "store=%s versions=%zu purge_ms=%lld", ch->store_name,
           store->versions.size, (long long)lg_ctl_purge_ms(ch->c, store));
}

static void begin_delete(struct lg_change *ch)
{
    struct lg_error err;
    enum lg_rc rc = take_any(ch, &err);

    if (rc == LG_OK && ch->store->deleted_ms != 0) { /* The same request again. */
        answer_deleted(ch, ch->store);
        lg_change_end(ch, LG_OK, NULL);
        return;
    }
    if (rc == LG_OK)
        rc = check_delete(ch, &err);
    if (rc == LG_OK) {
        ch->store->deleted_ms = LG_MAX((int64_t)lg_lane_wall_ms(ch->c->o.lane), 1);
        rc = lg_change_write_store(ch, &err);
    }
    if (rc != LG_OK) {
        lg_change_end(ch, rc, &err);
        return;
    }
    ch->applied = store_deleted;
    lg_change_commit(ch);
}

void lg_handle_delete_store(struct lg_controller *c, struct lg_http_request *rq)
{
    struct lg_change *ch = lg_change_new(c, rq, begin_delete);
    bool is_cleanup = false;
    struct lg_error err;
    enum lg_rc rc = lg_front_bool(rq, "is_abort_migration_cleanup", false, &is_cleanup, &err);

    ch->store_name = lg_strdup(lg_front_param(rq, "store_name"));
    if (rc == LG_OK && is_cleanup)
        rc = lg_error_set(&err, LG_ERR_UNSUPPORTED,
                          "is_abort_migration_cleanup is not supported: there is one cluster");
    if (rc == LG_OK)
        rc = lg_front_bool(rq, "lagoon_enabled", false, &ch->is_enabled, &err);
    if (rc != LG_OK)
        lg_change_abandon(ch, &err);
    else
        (void)lg_change_submit(ch);
}

/* --- Undelete. ----------------------------------------------------------------------------------
 */

static void answer_live(struct lg_change *ch, const struct lg_store *store, bool was_deleted)
{
    ch->answer = lg_answer_base(ch->c, ch->store_name);
    lg_json_set_bool(ch->answer, "lagoonWasDeleted", was_deleted);
    lg_json_set_int(ch->answer, "version", store->current_version);
    lg_json_set_bool(ch->answer, "enableStoreReads", store->enable_reads);
    lg_json_set_bool(ch->answer, "enableStoreWrites", store->enable_writes);
}

static void store_undeleted(struct lg_change *ch)
{
    const struct lg_store *store = lg_ctl_state_store(ch->c->state, ch->store_name)->store;

    answer_live(ch, store, /* was_deleted= */ true);
    lg_log(LG_LOG_INFO, "store_undeleted", "store=%s current=%d", ch->store_name,
           store->current_version);
}

static void begin_undelete(struct lg_change *ch)
{
    struct lg_error err;
    enum lg_rc rc = take_any(ch, &err);

    if (rc == LG_OK && ch->store->deleted_ms == 0) {
        answer_live(ch, ch->store, /* was_deleted= */ false);
        lg_change_end(ch, LG_OK, NULL);
        return;
    }
    if (rc == LG_OK) {
        ch->store->deleted_ms = 0;
        if (lg_mutant(LG_MUTANT_undelete_forgets_current))
            ch->store->current_version = 0;
        rc = lg_change_write_store(ch, &err);
    }
    if (rc != LG_OK) {
        lg_change_end(ch, rc, &err);
        return;
    }
    ch->applied = store_undeleted;
    lg_change_commit(ch);
}

void lg_handle_undelete_store(struct lg_controller *c, struct lg_http_request *rq)
{
    struct lg_change *ch = lg_change_new(c, rq, begin_undelete);

    ch->store_name = lg_strdup(lg_front_param(rq, "store_name"));
    (void)lg_change_submit(ch);
}

/* --- Purge. -------------------------------------------------------------------------------------
 */

static void store_purged(struct lg_change *ch)
{
    lg_log(LG_LOG_INFO, "store_purged", "store=%s by=%s", ch->store_name,
           ch->rq == NULL ? "time" : "request");
}

static enum lg_rc check_purge(const struct lg_change *ch, struct lg_error *err)
{
    if (ch->store->deleted_ms == 0)
        return lg_error_set(err, LG_ERR_CONFLICT,
                            "store '%s' is not deleted; `lagoon store delete %s` comes before a "
                            "purge",
                            ch->store_name, ch->store_name);
    if (ch->rq == NULL && ch->store->deleted_ms != ch->deleted_ms)
        return lg_error_set(err, LG_ERR_CONFLICT, "store '%s' was deleted anew", ch->store_name);
    return LG_OK;
}

static void begin_purge(struct lg_change *ch)
{
    struct lg_error err;
    enum lg_rc rc;

    if (lg_ctl_state_store(ch->c->state, ch->store_name) == NULL &&
        lg_map_get(ch->c->state->graves, lg_slice_str(ch->store_name)) != NULL) {
        lg_change_end(ch, LG_OK, NULL); /* The same request again. */
        return;
    }
    rc = take_any(ch, &err);
    if (rc == LG_OK)
        rc = check_purge(ch, &err);
    if (rc == LG_OK)
        rc = lg_change_write_purge(ch, &err);
    if (rc != LG_OK) {
        lg_change_end(ch, rc, &err);
        return;
    }
    ch->applied = store_purged;
    lg_change_commit(ch);
}

void lg_handle_purge_store(struct lg_controller *c, struct lg_http_request *rq)
{
    struct lg_change *ch = lg_change_new(c, rq, begin_purge);

    ch->store_name = lg_strdup(lg_front_param(rq, "store_name"));
    (void)lg_change_submit(ch);
}

void lg_ctl_purge_due(struct lg_controller *c)
{
    int64_t now_ms = (int64_t)lg_lane_wall_ms(c->o.lane);
    const struct lg_store *due = NULL;
    struct lg_change *ch;
    struct lg_slice key;
    void *value;

    /* One at a time, and only when nothing waits: the next look finds the next. */
    if (c->change_count > 0 || lg_lane_now_us(c->o.lane) < c->own_not_before_us)
        return;
    for (size_t at = 0; lg_map_next(c->state->stores, &at, &key, &value);) {
        const struct lg_store *store = ((struct lg_ctl_store *)value)->store;

        if (store->deleted_ms != 0 && now_ms >= lg_ctl_purge_ms(c, store) &&
            (due == NULL || strcmp(store->name, due->name) < 0))
            due = store;
    }
    if (due == NULL)
        return;
    ch = lg_change_new(c, NULL, begin_purge);
    ch->store_name = lg_strdup(due->name);
    ch->deleted_ms = due->deleted_ms;
    (void)lg_change_submit(ch);
}

/* --- What is left of it. ------------------------------------------------------------------------
 */

/* What still stands of a store of that name; NULL: nothing. */
static const char *remains(const struct lg_controller *c, const char *name)
{
    const struct lg_ctl_store *entry = lg_ctl_state_store(c->state, name);
    struct lg_slice store;
    struct lg_error ignored;
    int32_t version;

    if (entry != NULL)
        return entry->store->deleted_ms == 0 ? "the store exists"
                                             : "the store is deleted but can still be brought back";
    for (size_t i = 0; i < c->state->trash.size; i++)
        if (lg_names_parse_version_topic(lg_slice_str(c->state->trash.data[i].topic), &store,
                                         &version, &ignored) == LG_OK &&
            lg_slice_eq_str(store, name))
            return "topics of its versions are still being deleted";
    return NULL;
}

void lg_handle_validate_store_deleted(struct lg_controller *c, struct lg_http_request *rq)
{
    const char *name = lg_front_param(rq, "store_name");
    const char *reason = remains(c, name);
    struct lg_json *json = lg_answer_base(c, name);

    /* Venice's StoreDeletedValidationResponse. */
    lg_json_set_bool(json, "storeDeleted", reason == NULL);
    lg_json_set_str(json, "reason", reason);
    lg_answer_json(rq, json);
}

void lg_handle_check_resource_cleanup_for_store_creation(struct lg_controller *c,
                                                         struct lg_http_request *rq)
{
    const char *name = lg_front_param(rq, "store_name");
    const struct lg_ctl_store *entry = lg_ctl_state_store(c->state, name);
    struct lg_error err;

    /* Trash hinders nobody: version numbers are not used again. */
    if (entry == NULL) {
        lg_answer_json(rq, lg_answer_base(c, name));
        return;
    }
    (void)lg_error_set(&err, LG_ERR_CONFLICT, "store '%s': %s", name, remains(c, name));
    lg_answer_error(c, rq, 0, &err);
}

static void grave_forgotten(struct lg_change *ch)
{
    lg_ctl_state_unbury(ch->c->state, ch->store_name);
    lg_log(LG_LOG_INFO, "grave_forgotten", "store=%s", ch->store_name);
}

static void begin_forget_grave(struct lg_change *ch)
{
    struct lg_error err;
    const char *reason = remains(ch->c, ch->store_name);

    if (reason != NULL) {
        enum lg_rc rc = lg_error_set(&err, LG_ERR_CONFLICT, "store '%s' cannot be forgotten: %s",
                                     ch->store_name, reason);

        lg_change_end(ch, rc, &err);
        return;
    }
    lg_change_write_forget_grave(ch);
    ch->applied = grave_forgotten;
    lg_change_commit(ch);
}

/* Version numbers begin with 1 again: for names that nobody remembers. */
void lg_handle_remove_store_from_graveyard(struct lg_controller *c, struct lg_http_request *rq)
{
    struct lg_change *ch = lg_change_new(c, rq, begin_forget_grave);

    ch->store_name = lg_strdup(lg_front_param(rq, "store_name"));
    (void)lg_change_submit(ch);
}
