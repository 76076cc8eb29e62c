#include "drivers/zookeeper/metastore_zk.h"

#include <stdlib.h>
#include <zookeeper/zookeeper.h>

#include "base/health.h"
#include "base/log.h"
#include "base/str.h"
#include "drivers/zookeeper/metrics.h"
#include "drivers/zookeeper/zk_session.h"
#include "metastore/meta_path.h"

#define TICKS 10u /* per session timeout: how exactly times are kept */
#define TURN_AGAIN_US (1 * LG_SEC)
#define DRAIN_US (1 * LG_SEC) /* that a handle has for its last answers before it is closed */
#define DRAIN_POLL_US (5 * LG_MS)
#define HEALTH_NAME "zookeeper"

static struct lg_zk_session *of(struct lg_metastore *ms)
{
    return LG_CONTAINER_OF(ms, struct lg_zk_session, head);
}

/* --- Errors --------------------------------------------------------------------------------- */

enum lg_rc lg_zk_session_silence(const struct lg_zk_session *s, struct lg_error *err)
{
    uint64_t for_us = lg_lane_now_us(s->lane) - s->silent_since_us;

    if (s->refused)
        return lg_error_set(err, LG_ERR_REFUSED,
                            "ZooKeeper at %s does not take the credentials: check "
                            "zookeeper.digest.file",
                            s->address);
    return lg_error_set(err, LG_ERR_UNAVAILABLE,
                        "ZooKeeper at %s has not answered for %llu s: reads of data go on, changes "
                        "are refused until it answers (nothing was changed); check that it runs "
                        "and zookeeper.address",
                        s->address, (unsigned long long)(for_us / LG_SEC));
}

enum lg_rc lg_zk_error(const struct lg_zk_session *s, int zk_rc, const char *path,
                       struct lg_error *err)
{
    enum lg_rc rc = lg_zk_rc(zk_rc);

    if (rc == LG_ERR_NOT_FOUND)
        return lg_error_set(err, rc, "%s does not exist", path);
    if (rc == LG_ERR_REFUSED)
        return lg_error_set(err, rc,
                            "ZooKeeper at %s refuses %s%s to these credentials: check "
                            "zookeeper.digest.file",
                            s->address, s->root, path);
    return lg_error_set(err, rc, "ZooKeeper at %s says of %s%s: %s", s->address, s->root, path,
                        lg_zk_text(zk_rc));
}

/* --- Works ---------------------------------------------------------------------------------- */

static void op_answered(struct lg_task *task)
{
    struct lg_meta_op *op = LG_CONTAINER_OF(task, struct lg_meta_op, task);

    op->done(op);
}

static void answer(struct lg_meta_op *op, enum lg_rc rc)
{
    op->rc = rc;
    op->task.run = op_answered;
    lg_lane_post(op->lane, &op->task);
}

void lg_zk_work_end(struct lg_zk_work *w, enum lg_rc rc)
{
    struct lg_zk_session *s = w->session;
    struct lg_meta_op *op = w->op;
    bool was_write = s->write == w;

    lg_metric_add(&lg_metric_zookeeper_operations_total, (uint32_t)op->kind * 2 + (rc != LG_OK), 1);
    lg_metric_observe(&lg_metric_zookeeper_operation_seconds, (uint32_t)op->kind,
                      lg_lane_now_us(s->lane) - w->begun_us);
    if (s->handle != NULL)
        lg_zk_calls_forget(s->handle, w);
    lg_list_remove(&w->link);
    lg_zk_plan_done(&w->plan);
    s->work_count--;
    lg_free(w);
    answer(op, rc);
    if (was_write) {
        s->write = NULL;
        lg_zk_session_next_write(s);
    }
}

void lg_zk_session_next_write(struct lg_zk_session *s)
{
    struct lg_list *link;

    if (s->write != NULL || !s->connected || s->handle == NULL || s->closing)
        return;
    link = lg_list_pop_front(&s->writes);
    if (link == NULL)
        return;
    s->write = LG_CONTAINER_OF(link, struct lg_zk_work, link);
    lg_zk_write_begin(s->write);
}

/* --- Reads ---------------------------------------------------------------------------------- */

static void begin_read(struct lg_zk_work *w);

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static struct lg_blob *join_names(const struct lg_zk_session *s, struct lg_zk_call *c)
{
    LG_SCOPED(lg_buf) text = {0};

    if (c->names.size > 0)
        qsort(c->names.data, c->names.size, sizeof(char *), by_name);
    for (size_t i = 0; i < c->names.size; i++) {
        if (strchr(c->names.data[i], '\n') != NULL) {
            lg_log(LG_LOG_WARN, "zookeeper_name_ignored", "address=%s parent=%s name=%s",
                   s->address, c->path, c->names.data[i]);
            continue;
        }
        lg_buf_append_str(&text, c->names.data[i]);
        lg_buf_append_byte(&text, '\n');
    }
    return lg_blob_take(&text);
}

static void read_answered(struct lg_zk_call *c)
{
    struct lg_zk_work *w = c->ctx;
    struct lg_zk_session *s = w->session;
    struct lg_meta_op *op = w->op;

    if (lg_zk_is_loss(c->rc)) { /* It changes nothing: again, when there is a connection. */
        lg_list_remove(&w->link);
        lg_list_push_back(&s->waiting, &w->link);
        return;
    }
    lg_zk_session_heard(s, c->sent_us);
    if (c->rc != ZOK) {
        lg_zk_work_end(w, lg_zk_error(s, c->rc, op->path, &op->err));
    } else if (op->kind == LG_META_CHILDREN) {
        op->value = join_names(s, c);
        lg_zk_work_end(w, LG_OK);
    } else if (c->value->bytes.size > LG_META_VALUE_MAX) {
        lg_zk_work_end(w, lg_error_set(&op->err, LG_ERR_TOO_LARGE,
                                       "%s%s in ZooKeeper has %zu bytes, at most %zu: it is not "
                                       "of Lagoon's making, remove it",
                                       s->root, op->path, c->value->bytes.size, LG_META_VALUE_MAX));
    } else {
        op->value = LG_TAKE(c->value);
        op->version = c->version;
        lg_zk_work_end(w, LG_OK);
    }
}

static void begin_read(struct lg_zk_work *w)
{
    struct lg_zk_session *s = w->session;
    LG_AUTO_STR char *full = lg_zk_full_path(s->root, w->op->path);
    struct lg_zk_call *c;

    lg_list_push_back(&s->reads, &w->link);
    c = lg_zk_call_new(s->handle, full, w, read_answered);
    if (w->op->kind == LG_META_GET)
        lg_zk_call_get(c);
    else
        lg_zk_call_children(c);
}

static void begin_waiting(struct lg_zk_session *s)
{
    struct lg_list *link;

    while ((link = lg_list_pop_front(&s->waiting)) != NULL)
        begin_read(LG_CONTAINER_OF(link, struct lg_zk_work, link));
    lg_zk_session_next_write(s);
}

/* --- Arrivals ------------------------------------------------------------------------------- */

static enum lg_rc check_write(const struct lg_zk_session *s, struct lg_meta_op *op)
{
    size_t bytes = 0;

    if (op->change_count > LG_METASTORE_ZK_CHANGES_MAX)
        return lg_error_set(&op->err, LG_ERR_TOO_LARGE, "a write of %zu changes, at most %zu",
                            op->change_count, LG_METASTORE_ZK_CHANGES_MAX);
    for (size_t i = 0; i < op->change_count; i++) {
        const struct lg_meta_change *c = &op->changes[i];
        enum lg_rc rc;

        op->failed_at = i; /* Until it has been found to be fine. */
        rc = lg_meta_path_check(c->path, &op->err);
        if (rc != LG_OK)
            return rc;
        if (c->value.size > LG_META_VALUE_MAX)
            return lg_error_set(&op->err, LG_ERR_TOO_LARGE,
                                "the value for %s has %zu bytes, at most %zu (limit "
                                "metadata_value_bytes): fewer partitions, replicas or schemas",
                                c->path, c->value.size, LG_META_VALUE_MAX);
        bytes += c->value.size;
    }
    op->failed_at = op->change_count;
    if (bytes > s->packet_bytes_max)
        return lg_error_set(&op->err, LG_ERR_TOO_LARGE,
                            "a change of %s carries %zu bytes, ZooKeeper takes %zu: split it, or "
                            "raise jute.maxbuffer on every ZooKeeper server and "
                            "zookeeper.packet.max.bytes",
                            op->changes[0].path, bytes, s->packet_bytes_max);
    return LG_OK;
}

static enum lg_rc check_op(const struct lg_zk_session *s, struct lg_meta_op *op)
{
    if (s->closing)
        return lg_error_set(&op->err, LG_ERR_UNAVAILABLE, "the session with ZooKeeper is closed");
    if (s->work_count >= LG_METASTORE_ZK_QUEUE_MAX)
        return lg_error_set(&op->err, LG_ERR_BUSY,
                            "%zu operations on the metadata are waiting: "
                            "try later",
                            s->work_count);
    return op->kind == LG_META_WRITE ? check_write(s, op) : lg_meta_path_check(op->path, &op->err);
}

static void op_arrived(struct lg_task *task)
{
    struct lg_meta_op *op = LG_CONTAINER_OF(task, struct lg_meta_op, task);
    struct lg_zk_session *s = op->driver_state;
    enum lg_rc rc = check_op(s, op);
    struct lg_zk_work *w;

    if (rc == LG_OK && op->kind == LG_META_WRITE && op->change_count == 0) {
        answer(op, LG_OK);
        return;
    }
    if (rc == LG_OK && s->lost)
        rc = lg_zk_session_silence(s, &op->err);
    if (rc != LG_OK) {
        lg_metric_add(&lg_metric_zookeeper_operations_total, (uint32_t)op->kind * 2 + 1, 1);
        answer(op, rc);
        return;
    }
    w = lg_new(struct lg_zk_work);
    w->session = s;
    w->op = op;
    w->begun_us = lg_lane_now_us(s->lane);
    w->due_us = w->begun_us + s->session_us;
    lg_list_init(&w->link);
    s->work_count++;
    if (op->kind == LG_META_WRITE) {
        lg_list_push_back(&s->writes, &w->link);
        lg_zk_session_next_write(s);
    } else if (s->connected) {
        begin_read(w);
    } else {
        lg_list_push_back(&s->waiting, &w->link);
    }
}

static void zk_submit(struct lg_metastore *ms, struct lg_meta_op *op)
{
    struct lg_zk_session *s = of(ms);

    op->driver_state = s;
    op->rc = LG_OK;
    op->err = (struct lg_error){0};
    op->value = NULL;
    op->failed_at = op->change_count;
    op->task.run = op_arrived;
    lg_lane_post(s->lane, &op->task);
}

static void zk_watch(struct lg_metastore *ms, struct lg_meta_watch *watch)
{
    lg_zk_watch_start(of(ms), watch);
}

static void zk_unwatch(struct lg_metastore *ms, struct lg_meta_watch *watch,
                       void (*closed)(struct lg_meta_watch *watch))
{
    lg_zk_watch_stop(of(ms), watch, closed);
}

/* A request that only asks for an answer is sent with each tick, so an answer is never much older
 * than one while all is well. */
static bool zk_silence(struct lg_metastore *ms, uint64_t *out_us, struct lg_error *err)
{
    const struct lg_zk_session *s = of(ms);
    uint64_t silent_us = lg_lane_now_us(s->lane) - s->heard_us;
    uint64_t grace_us = s->session_us / (s->connected ? 2 : 4);

    *out_us = silent_us;
    if (!s->lost && !s->refused && silent_us < grace_us)
        return false;
    if (s->refused)
        (void)lg_zk_session_silence(s, err);
    else
        (void)lg_error_set(err, LG_ERR_UNAVAILABLE,
                           "ZooKeeper at %s has not answered for %llu s: changes are refused until "
                           "it does, reads of data go on; check that it runs, that it was not "
                           "emptied or put back to an older state (it takes no session of before "
                           "then), and zookeeper.address, and ask again",
                           s->address, (unsigned long long)(silent_us / LG_SEC));
    return true;
}

static const struct lg_metastore_ops ops = {
    .name = "zookeeper",
    .submit = zk_submit,
    .watch = zk_watch,
    .unwatch = zk_unwatch,
    .silence = zk_silence,
};

/* --- Failing what is pending ---------------------------------------------------------------- */

static enum lg_rc fail_text(const struct lg_zk_session *s, const struct lg_zk_work *w,
                            struct lg_error *err)
{
    if (w->sent)
        return lg_error_set(err, LG_ERR_UNAVAILABLE,
                            "it is unknown whether the change of %s happened: ZooKeeper at %s has "
                            "not answered in time",
                            w->op->changes[0].path, s->address);
    if (s->closing)
        return lg_error_set(err, LG_ERR_UNAVAILABLE, "the session with ZooKeeper is closed");
    if (s->connected)
        return lg_error_set(err, LG_ERR_UNAVAILABLE,
                            "ZooKeeper at %s has not come to it within the session timeout of %llu "
                            "ms, nothing was changed: try again",
                            s->address, (unsigned long long)(s->session_us / LG_MS));
    return lg_zk_session_silence(s, err);
}

static void fail_due(struct lg_zk_session *s, struct lg_list *list, uint64_t until_us)
{
    LG_LIST_EACH(it, list)
    {
        struct lg_zk_work *w = LG_CONTAINER_OF(it, struct lg_zk_work, link);

        if (w->due_us <= until_us)
            lg_zk_work_end(w, fail_text(s, w, &w->op->err));
    }
}

/* What was due by then. The write under way comes last: its end begins the next. */
static void fail_until(struct lg_zk_session *s, uint64_t until_us)
{
    fail_due(s, &s->reads, until_us);
    fail_due(s, &s->waiting, until_us);
    fail_due(s, &s->writes, until_us);
    if (s->write != NULL && s->write->due_us <= until_us)
        lg_zk_work_end(s->write, fail_text(s, s->write, &s->write->op->err));
}

/* --- The session ---------------------------------------------------------------------------- */

static void session_state(struct lg_zk_session *s, enum lg_zk_state state);

void lg_zk_session_heard(struct lg_zk_session *s, uint64_t sent_us)
{
    if (sent_us > s->heard_us)
        s->heard_us = sent_us;
}

static void set_connected(struct lg_zk_session *s, bool connected)
{
    __atomic_store_n(&s->connected, connected, __ATOMIC_RELEASE);
}

static void tell_health(const struct lg_zk_session *s)
{
    if (s->connected)
        lg_health_warn(HEALTH_NAME, true, "connected to %s", s->address);
    else
        lg_health_warn(
            HEALTH_NAME, false, "%s has not answered for %llu s: changes wait", s->address,
            (unsigned long long)((lg_lane_now_us(s->lane) - s->silent_since_us) / LG_SEC));
}

/* From now on there is no session: whatever was done in its name is not any more. */
static void lose(struct lg_zk_session *s, const char *why)
{
    if (s->connected) {
        set_connected(s, false);
        s->silent_since_us = lg_lane_now_us(s->lane);
    }
    if (s->lost)
        return;
    s->lost = true;
    (void)__atomic_add_fetch(&s->epoch, 1, __ATOMIC_RELEASE);
    lg_metric_add(&lg_metric_zookeeper_sessions_lost_total, 0, 1);
    lg_log(LG_LOG_WARN, "zookeeper_session_lost", "address=%s why=%s epoch=%llu", s->address, why,
           (unsigned long long)s->epoch);
    fail_until(s, UINT64_MAX);
}

static void turn_work(struct lg_offload *offload)
{
    struct lg_zk_session *s = LG_CONTAINER_OF(offload, struct lg_zk_session, turn);

    if (s->old != NULL)
        lg_zk_handle_close(s->old);
    if (s->ending != NULL)
        lg_zk_events_stop(s->ending);
    if (s->next != NULL)
        s->turn_rc = lg_zk_handle_open(s->next, &s->turn_err);
}

static void finish_close(struct lg_zk_session *s);

static void turn(struct lg_zk_session *s);

static void turned(struct lg_offload *offload)
{
    struct lg_zk_session *s = LG_CONTAINER_OF(offload, struct lg_zk_session, turn);
    struct lg_zk_handle *next = LG_TAKE(s->next);

    s->turning = false;
    lg_zk_handle_free(LG_TAKE(s->old)); /* All that its threads have posted has run. */
    s->handle_used = false;
    if (s->ending != NULL)
        lg_zk_events_free(LG_TAKE(s->ending));
    if (next == NULL) {
        finish_close(s);
        return;
    }
    if (s->turn_rc != LG_OK) {
        lg_log(LG_LOG_WARN, "zookeeper_open_failed", "address=%s error=%s", s->address,
               s->turn_err.text);
        lg_zk_handle_free(next);
        s->turn_again_us = lg_lane_now_us(s->lane) + TURN_AGAIN_US;
    } else {
        s->handle = next;
        session_state(s, lg_zk_handle_begin(next));
    }
    if (s->closing)
        turn(s);
}

static void drained(struct lg_timer *timer)
{
    struct lg_zk_session *s = LG_CONTAINER_OF(timer, struct lg_zk_session, drain);

    if (s->old != NULL && !lg_zk_handle_is_idle(s->old) &&
        lg_lane_now_us(s->lane) < s->drained_us) {
        lg_timer_start(s->lane, &s->drain, DRAIN_POLL_US, drained);
        return;
    }
    s->ending = s->closing ? LG_TAKE(s->watches.events) : NULL;
    s->next = s->closing ? NULL : lg_zk_handle_new(&s->handle_options);
    s->turn.work = turn_work;
    s->turn.done = turned;
    lg_offload(s->lane, &s->turn);
}

/* Closes the handle, if there is one, and opens another, unless the session is closing. */
static void turn(struct lg_zk_session *s)
{
    assert(!s->turning);
    s->turning = true;
    s->turn_again_us = 0;
    s->beating = false;
    s->old = LG_TAKE(s->handle);
    if (s->old != NULL)
        lg_zk_calls_forget(s->old, /* ctx= */ NULL);
    lg_zk_watches_handle_gone(s);
    s->drained_us = lg_lane_now_us(s->lane) + DRAIN_US;
    drained(&s->drain);
}

static void connected(struct lg_zk_session *s)
{
    bool is_new = s->lost, is_first = !is_new && !s->handle_used;

    s->handle_used = true;
    s->heard_us = lg_lane_now_us(s->lane);
    s->session_us = lg_zk_handle_session_us(s->handle);
    s->lost = s->refused = false;
    set_connected(s, true);
    lg_metric_add(&lg_metric_zookeeper_reconnects_total, 0, is_first ? 0 : 1);
    lg_log(LG_LOG_INFO, "zookeeper_connected", "address=%s session=%s epoch=%llu", s->address,
           is_new ? "new" : "same", (unsigned long long)s->epoch);
    tell_health(s);
    lg_zk_watches_connected(s, is_new);
    begin_waiting(s);
}

static void session_state(struct lg_zk_session *s, enum lg_zk_state state)
{
    /* A handle serves one session: once that has been given up it can only be closed. */
    bool used_up = s->lost && s->handle_used;

    if (s->closing || s->turning)
        return;
    switch (state) {
    case LG_ZK_CONNECTED:
        if (used_up) {
            turn(s);
        } else if (!s->connected) {
            connected(s);
        }
        return;
    case LG_ZK_DISCONNECTED:
        if (!s->connected)
            return;
        set_connected(s, false);
        s->silent_since_us = lg_lane_now_us(s->lane);
        lg_log(LG_LOG_WARN, "zookeeper_disconnected", "address=%s", s->address);
        tell_health(s);
        return;
    case LG_ZK_REFUSED:
        s->refused = true;
        lose(s, "the credentials were not taken");
        s->turn_again_us = lg_lane_now_us(s->lane) + TURN_AGAIN_US;
        return;
    case LG_ZK_EXPIRED:
        lose(s, "ZooKeeper has ended it");
        turn(s);
        return;
    }
}

static void told(void *ctx, struct lg_zk_handle *h, enum lg_zk_state state)
{
    struct lg_zk_session *s = ctx;

    if (h == s->handle) /* Else it is being closed. */
        session_state(s, state);
}

static void beat_answered(struct lg_zk_call *c)
{
    struct lg_zk_session *s = c->ctx;

    s->beating = false;
    if (!lg_zk_is_loss(c->rc))
        lg_zk_session_heard(s, c->sent_us);
}

static uint64_t tick_us(const struct lg_zk_session *s)
{
    return LG_MAX(s->session_us / TICKS, 10 * LG_MS);
}

/* A client that has not noticed anything, as when this process alone stood still, tells nothing
 * either: its session, and the nodes in its name, would live on and nobody would open another. One
 * that is disconnected tells when it has an answer. */
static void give_up(struct lg_zk_session *s)
{
    bool notices_nothing = s->connected;

    lose(s, "it has not answered for the session timeout");
    if (notices_nothing && !s->turning)
        turn(s);
}

static void ticked(struct lg_timer *timer)
{
    struct lg_zk_session *s = LG_CONTAINER_OF(timer, struct lg_zk_session, tick);
    uint64_t now_us = lg_lane_now_us(s->lane);

    lg_timer_start(s->lane, &s->tick, tick_us(s), ticked);
    if (!s->lost && now_us - s->heard_us >= s->session_us)
        give_up(s);
    fail_until(s, now_us);
    if (s->connected && !s->beating) {
        s->beating = true;
        lg_zk_call_exists(lg_zk_call_new(s->handle, s->root, s, beat_answered));
    }
    if (s->turn_again_us != 0 && now_us >= s->turn_again_us && !s->turning)
        turn(s);
    lg_zk_watches_tick(s);
    tell_health(s);
}

bool lg_metastore_zk_connected(const struct lg_metastore *session)
{
    const struct lg_zk_session *s = (const struct lg_zk_session *)session;

    return __atomic_load_n(&s->connected, __ATOMIC_ACQUIRE);
}

uint64_t lg_metastore_zk_epoch(const struct lg_metastore *session)
{
    const struct lg_zk_session *s = (const struct lg_zk_session *)session;

    return __atomic_load_n(&s->epoch, __ATOMIC_ACQUIRE);
}

void lg_metastore_zk_identity(const struct lg_metastore *session, int64_t *out_id,
                              uint8_t out_password[16])
{
    const struct lg_zk_session *s = (const struct lg_zk_session *)session;

    assert(s->handle != NULL);
    lg_zk_handle_identity(s->handle, out_id, out_password);
}

/* --- Life ----------------------------------------------------------------------------------- */

static void session_free(struct lg_zk_session *s)
{
    lg_free(s->address);
    lg_free(s->root);
    lg_free(s->digest);
    lg_free(s);
}

static void closed_arrived(struct lg_task *task)
{
    struct lg_zk_session *s = LG_CONTAINER_OF(task, struct lg_zk_session, close_task);
    void (*closed)(void *) = s->closed;
    void *ctx = s->closed_ctx;

    session_free(s);
    if (closed != NULL)
        closed(ctx);
}

static void finish_close(struct lg_zk_session *s)
{
    lg_zk_watches_done(s);
    lg_health_forget(HEALTH_NAME);
    s->close_task.run = closed_arrived;
    lg_lane_post(s->closed_lane, &s->close_task);
}

static void begin_close(struct lg_task *task)
{
    struct lg_zk_session *s = LG_CONTAINER_OF(task, struct lg_zk_session, close_task);

    assert(lg_list_empty(&s->watches.watchers));
    s->closing = true;
    lg_timer_stop(s->lane, &s->tick);
    fail_until(s, UINT64_MAX);
    set_connected(s, false);
    if (!s->turning)
        turn(s);
}

void lg_metastore_zk_close(struct lg_metastore *session, struct lg_lane *lane,
                           void (*closed)(void *ctx), void *ctx)
{
    struct lg_zk_session *s = of(session);

    s->closed_lane = lane;
    s->closed = closed;
    s->closed_ctx = ctx;
    s->close_task.run = begin_close;
    lg_lane_post(s->lane, &s->close_task);
}

/* --- Open ----------------------------------------------------------------------------------- */

static enum lg_rc check_options(const struct lg_metastore_zk_options *o, struct lg_error *err)
{
    if (o->address == NULL || o->address[0] == '\0' || strchr(o->address, '/') != NULL)
        return lg_error_set(err, LG_ERR_INVALID,
                            "zookeeper.address \"%s\" is not host:port,host:port (a path belongs "
                            "into zookeeper.root)",
                            o->address == NULL ? "" : o->address);
    if (lg_meta_path_check(o->root, err) != LG_OK)
        return lg_error_wrap(err, "zookeeper.root");
    if (strcmp(o->root, "/") == 0)
        return lg_error_set(err, LG_ERR_INVALID,
                            "zookeeper.root is \"/\", which is not Lagoon's alone: take a path "
                            "such as /lagoon");
    if (o->digest != NULL && (o->digest[0] == ':' || strchr(o->digest, ':') == NULL))
        return lg_error_set(err, LG_ERR_INVALID, "zookeeper.digest is not user:password");
    if (o->session_ms != 0 && (o->session_ms < LG_METASTORE_ZK_SESSION_MS_MIN ||
                               o->session_ms > LG_METASTORE_ZK_SESSION_MS_MAX))
        return lg_error_set(
            err, LG_ERR_INVALID, "zookeeper.session.timeout is %u ms, it must be within %u and %u",
            o->session_ms, LG_METASTORE_ZK_SESSION_MS_MIN, LG_METASTORE_ZK_SESSION_MS_MAX);
    if (o->packet_bytes_max != 0 && (o->packet_bytes_max < LG_METASTORE_ZK_PACKET_BYTES_MIN ||
                                     o->packet_bytes_max > LG_METASTORE_ZK_PACKET_BYTES_MAX))
        return lg_error_set(err, LG_ERR_INVALID,
                            "zookeeper.packet.max.bytes is %zu, it must be within %zu and %zu",
                            o->packet_bytes_max, LG_METASTORE_ZK_PACKET_BYTES_MIN,
                            LG_METASTORE_ZK_PACKET_BYTES_MAX);
    return LG_OK;
}

static struct lg_zk_session *session_new(const struct lg_metastore_zk_options *o)
{
    struct lg_zk_session *s = lg_new(struct lg_zk_session);

    s->head.ops = &ops;
    s->lane = o->lane;
    s->address = lg_strdup(o->address);
    s->root = lg_strdup(o->root);
    s->digest = o->digest == NULL ? NULL : lg_strdup(o->digest);
    s->packet_bytes_max =
        o->packet_bytes_max == 0 ? LG_METASTORE_ZK_PACKET_BYTES_DEFAULT : o->packet_bytes_max;
    s->epoch = 1;
    s->handle_options = (struct lg_zk_options){
        .address = s->address,
        .digest = s->digest,
        .session_ms = o->session_ms == 0 ? LG_METASTORE_ZK_SESSION_MS_DEFAULT : o->session_ms,
        .lane = s->lane,
        .told = told,
        .ctx = s,
    };
    lg_list_init(&s->reads);
    lg_list_init(&s->waiting);
    lg_list_init(&s->writes);
    return s;
}

static enum lg_rc connect_first(struct lg_zk_session *s, const struct lg_metastore_zk_options *o,
                                struct lg_zk_handle *h, struct lg_error *err)
{
    unsigned connect_ms = o->connect_ms == 0 ? LG_METASTORE_ZK_CONNECT_MS_DEFAULT : o->connect_ms;
    enum lg_rc rc = lg_zk_handle_open(h, err);
    enum lg_zk_state state;

    if (rc != LG_OK)
        return rc;
    state = lg_zk_handle_await(h, connect_ms);
    if (state == LG_ZK_CONNECTED)
        return lg_zk_handle_make_root(h, s->root, o->create_root, err);
    if (state == LG_ZK_REFUSED)
        return lg_error_set(err, LG_ERR_REFUSED,
                            "ZooKeeper at %s does not take the credentials: check "
                            "zookeeper.digest.file",
                            s->address);
    return lg_error_set(err, LG_ERR_UNAVAILABLE,
                        "no ZooKeeper answers at %s after %u.%u s; check zookeeper.address",
                        s->address, connect_ms / 1000, connect_ms % 1000 / 100);
}

enum lg_rc lg_metastore_zk_open(const struct lg_metastore_zk_options *options,
                                struct lg_metastore **out, struct lg_error *err)
{
    enum lg_rc rc = check_options(options, err);
    struct lg_zk_session *s;
    struct lg_zk_handle *h;

    if (rc != LG_OK)
        return rc;
    s = session_new(options);
    h = lg_zk_handle_new(&s->handle_options);
    rc = connect_first(s, options, h, err);
    if (rc != LG_OK) {
        lg_zk_handle_close(h);
        lg_zk_handle_free(h);
        session_free(s);
        return rc;
    }
    lg_zk_watches_init(s);
    s->handle = h;
    s->silent_since_us = lg_lane_now_us(s->lane);
    s->session_us = lg_zk_handle_session_us(h);
    s->heard_us = s->silent_since_us;
    lg_timer_start(s->lane, &s->tick, tick_us(s), ticked);
    session_state(s, lg_zk_handle_begin(h));
    *out = &s->head;
    return LG_OK;
}
