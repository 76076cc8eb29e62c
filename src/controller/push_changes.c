/* The controller's own changes: a push that is complete, one that failed, versions that may go. */
#include "base/log.h"
#include "base/str.h"
#include "controller/core.h"
#include "controller/metrics.h"
#include "lane/fault.h"

/* The topic of a change of ours, which may have gone or ended meanwhile. */
static struct lg_ctl_topic *running(struct lg_change *ch)
{
    struct lg_ctl_topic *t = lg_ctl_state_topic(ch->c->state, ch->topic_name);

    if (t != NULL)
        t->deciding = false; /* This change decides now; if it fails, the next look asks again. */
    return t == NULL || lg_push_status_is_terminal(t->status) ? NULL : t;
}

static struct lg_change *own_change(struct lg_controller *c, struct lg_ctl_topic *t,
                                    void (*begin)(struct lg_change *))
{
    struct lg_change *ch = lg_change_new(c, /* rq= */ NULL, begin);

    ch->store_name = lg_strdup(t->store);
    ch->topic_name = lg_strdup(t->name);
    ch->version = t->version;
    return ch;
}

static void count_completed(const struct lg_change *ch)
{
    const struct lg_ctl_store *entry = lg_ctl_state_store(ch->c->state, ch->store_name);
    const struct lg_ctl_topic *t = lg_ctl_state_topic(ch->c->state, ch->topic_name);
    const struct lg_version *v = lg_store_version(entry->store, ch->version);
    int64_t took_ms = v == NULL ? 0 : lg_ctl_clock_ms(ch->c) - v->started_clock_ms;

    lg_metric_add(&lg_metric_controller_pushes_total, LG_CTL_PUSHES_COMPLETED, 1);
    lg_metric_observe(&lg_metric_controller_push_seconds, 0, (uint64_t)LG_MAX(took_ms, 0) * LG_MS);
    if (t != NULL)
        lg_metric_add(&lg_metric_controller_push_records_total, 0,
                      (uint64_t)lg_push_monitor_view(t, lg_ctl_snapshot(ch->c)).records);
}

static void completed(struct lg_change *ch)
{
    (void)lg_fault_hit(LG_FAULT_SWAP_PERSISTED); /* Ends the process, or nothing. */
    count_completed(ch);
    lg_log(LG_LOG_INFO, "push_completed", "store=%s version=%d current=%d", ch->store_name,
           ch->version, lg_ctl_state_store(ch->c->state, ch->store_name)->store->current_version);
}

static void begin_complete(struct lg_change *ch)
{
    struct lg_ctl_topic *t = running(ch), *after;
    bool swapped;
    struct lg_error err;
    enum lg_rc rc;

    struct lg_push_view view;

    if (t != NULL)
        view = lg_push_monitor_view(t, lg_ctl_snapshot(ch->c));
    if (t == NULL || view.verdict != LG_PUSH_COMPLETED) {
        lg_change_end(ch, LG_OK, NULL); /* No longer so. */
        return;
    }
    rc = lg_change_take_store(ch, ch->store_name, &err);
    if (rc == LG_OK) /* It may have been lowered since the look; the next one fails the push. */
        rc = lg_store_check_quota(ch->store, view.bytes, &err);
    if (rc == LG_OK)
        rc = lg_store_complete_version(ch->store, ch->version,
                                       (int64_t)lg_lane_wall_ms(ch->c->o.lane), &swapped, &err);
    if (rc == LG_OK)
        rc = lg_fault_check(LG_FAULT_SWAP_DECIDED, &err);
    if (rc == LG_OK)
        rc = lg_change_write_store(ch, &err);
    if (rc != LG_OK) {
        lg_change_end(ch, rc, &err);
        return;
    }
    after = lg_ctl_topic_copy(t);
    lg_ctl_topic_settle(after, LG_PUSH_COMPLETED, NULL);
    lg_change_write_topic(ch, after, /* created= */ false);
    ch->applied = completed;
    lg_change_commit(ch);
}

void lg_change_complete_push(struct lg_controller *c, struct lg_ctl_topic *t)
{
    t->deciding = lg_change_submit(own_change(c, t, begin_complete));
}

/* --- A push that failed: what the servers say goes into its details. ---------------------------
 */

static char *reason_of(const struct lg_change *ch, const struct lg_ctl_topic *t)
{
    size_t n = ch->read.rc == LG_OK ? ch->read.nodes.size : 0;
    const char **names = lg_new_array(const char *, n);
    struct lg_slice *values = lg_new_array(struct lg_slice, n);
    char *reason;

    for (size_t i = 0; i < n; i++) {
        const struct lg_tree_node *node = &ch->read.nodes.data[i];

        names[i] = lg_tree_node_name(node);
        values[i] = node->value == NULL ? LG_SLICE_NULL : node->value->bytes;
    }
    reason = lg_push_monitor_reason(names, values, n);
    lg_free(names);
    lg_free(values);
    if (reason == NULL)
        reason = lg_strf("too many replicas of partition %u failed",
                         lg_push_monitor_view(t, lg_ctl_snapshot(ch->c)).first_error);
    return reason;
}

static void reports_read(struct lg_tree_read *read)
{
    struct lg_change *ch = LG_CONTAINER_OF(read, struct lg_change, read);
    struct lg_ctl_topic *t = running(ch), *after;
    LG_AUTO_STR char *reason = t == NULL ? NULL : reason_of(ch, t);
    struct lg_error err;
    enum lg_rc rc;

    lg_tree_read_done(read);
    if (t == NULL) {
        lg_change_end(ch, LG_OK, NULL);
        return;
    }
    rc = lg_change_take_store(ch, ch->store_name, &err);
    if (rc == LG_OK)
        rc = lg_store_fail_version(ch->store, ch->version, LG_VERSION_ERROR, &err);
    if (rc == LG_OK)
        rc = lg_change_write_store(ch, &err);
    if (rc != LG_OK) {
        lg_change_end(ch, rc, &err);
        return;
    }
    after = lg_ctl_topic_copy(t);
    lg_ctl_topic_settle(after, LG_PUSH_ERROR, reason);
    after->failed_us = lg_lane_now_us(ch->c->o.lane);
    lg_change_write_topic(ch, after, /* created= */ false);
    lg_metric_add(&lg_metric_controller_pushes_total, LG_CTL_PUSHES_FAILED, 1);
    lg_log(LG_LOG_ERROR, "push_failed", "store=%s version=%d reason=\"%s\"", ch->store_name,
           ch->version, reason);
    lg_change_commit(ch);
}

static void begin_fail(struct lg_change *ch)
{
    ch->text = lg_strf("/replicas/%s", ch->topic_name);
    ch->read_root = ch->text;
    ch->read = (struct lg_tree_read){
        .metastore = ch->c->o.metastore,
        .lane = ch->c->o.lane,
        .roots = &ch->read_root,
        .root_count = 1,
        .done = reports_read,
    };
    lg_tree_read_submit(&ch->read);
}

void lg_change_fail_push(struct lg_controller *c, struct lg_ctl_topic *t)
{
    t->deciding = lg_change_submit(own_change(c, t, begin_fail));
}

/* --- A push that the controller stops by itself: over its quota, or abandoned. -----------------
 */

static void begin_stop(struct lg_change *ch)
{
    struct lg_ctl_topic *t = running(ch), *after;
    struct lg_error err;
    enum lg_rc rc;

    if (t == NULL) {
        lg_change_end(ch, LG_OK, NULL);
        return;
    }
    rc = lg_change_take_store(ch, ch->store_name, &err);
    /* A pusher that came back while this waited for its turn goes on. */
    if (rc == LG_OK && ch->stopped_as == LG_VERSION_KILLED &&
        !lg_version_lease_expired(lg_store_version(ch->store, ch->version),
                                  lg_ctl_clock_ms(ch->c))) {
        lg_change_end(ch, LG_OK, NULL);
        return;
    }
    if (rc == LG_OK)
        rc = lg_store_fail_version(ch->store, ch->version, ch->stopped_as, &err);
    if (rc == LG_OK)
        rc = lg_change_write_store(ch, &err);
    if (rc != LG_OK) {
        lg_change_end(ch, rc, &err);
        return;
    }
    after = lg_ctl_topic_copy(t);
    lg_ctl_topic_settle(after, LG_PUSH_ERROR, ch->text);
    after->failed_us = lg_lane_now_us(ch->c->o.lane);
    lg_change_write_topic(ch, after, /* created= */ false);
    lg_metric_add(&lg_metric_controller_pushes_total, LG_CTL_PUSHES_STOPPED, 1);
    lg_log(LG_LOG_ERROR, "push_stopped", "store=%s version=%d reason=\"%s\"", ch->store_name,
           ch->version, ch->text);
    lg_change_commit(ch);
}

void lg_change_stop_push(struct lg_controller *c, struct lg_ctl_topic *t, enum lg_version_status to,
                         const char *reason)
{
    struct lg_change *ch = own_change(c, t, begin_stop);

    ch->text = lg_strdup(reason);
    ch->stopped_as = to;
    t->deciding = lg_change_submit(ch);
}

/* --- Retiring. ---------------------------------------------------------------------------------
 */

static void retired(struct lg_change *ch)
{
    for (size_t i = 0; i < ch->trashed.size; i++)
        lg_log(LG_LOG_INFO, "version_retired", "topic=%s", ch->trashed.data[i]);
}

/* What is told of the push once its version is gone. */
static const char *details_of(const struct lg_change *ch, int32_t version)
{
    const struct lg_ctl_topic *t = lg_ctl_state_version(ch->c->state, ch->store_name, version);

    return t == NULL ? NULL : t->details;
}

static void begin_retire(struct lg_change *ch)
{
    int32_t versions[LG_CLEANUP_VERSIONS_MAX];
    struct lg_error err;
    enum lg_rc rc = lg_change_take_store(ch, ch->store_name, &err);
    size_t n = 0;

    /* The routers confirmed `version`; if another one is current by now they are asked again. */
    if (rc == LG_OK && ch->store->current_version == ch->version)
        n = lg_cleanup_due(ch->c, ch->store, versions);
    for (size_t i = 0; rc == LG_OK && i < n; i++) {
        char topic[LG_NAMES_TOPIC_MAX + 1];

        lg_names_version_topic(topic, ch->store_name, versions[i]);
        rc = lg_store_remove_version(ch->store, versions[i], details_of(ch, versions[i]),
                                     (int64_t)lg_lane_wall_ms(ch->c->o.lane), &err);
        if (rc == LG_OK)
            lg_change_write_trash(ch, topic);
    }
    if (rc == LG_OK && n > 0)
        rc = lg_change_write_store(ch, &err);
    if (rc != LG_OK || n == 0) {
        lg_change_end(ch, rc, &err);
        return;
    }
    ch->applied = retired;
    lg_change_commit(ch);
}

void lg_change_retire(struct lg_controller *c, const char *store, int32_t current)
{
    struct lg_change *ch = lg_change_new(c, /* rq= */ NULL, begin_retire);

    ch->store_name = lg_strdup(store);
    ch->version = current;
    (void)lg_change_submit(ch); /* Else the next look asks again. */
}
