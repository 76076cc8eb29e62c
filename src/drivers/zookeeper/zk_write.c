/* A WRITE of the port as one ZooKeeper multi. Owner: the home lane of the session.
 *
 *   read what the plan needs ─▶ build ─▶ multi ─▶ done
 *         ▲                                │ what was read no longer holds
 *         └────────────────────────────────┘ at most LG_METASTORE_ZK_ATTEMPTS_MAX times
 *
 * While it only reads nothing has happened: a connection that goes then lets the write wait for the
 * next one. Once the multi has been sent it is unknown.
 */
#include "drivers/zookeeper/zk_session.h"

#include <zookeeper/zookeeper.h>

#include "base/str.h"
#include "drivers/zookeeper/metrics.h"

static void read_all(struct lg_zk_work *w);

/* Back to the front of those that wait. */
static void wait_again(struct lg_zk_work *w)
{
    struct lg_zk_session *s = w->session;

    assert(s->write == w);
    s->write = NULL;
    lg_list_push_front(&s->writes, &w->link);
    lg_zk_session_next_write(s);
}

/* --- The multi ------------------------------------------------------------------------------ */

static enum lg_zk_outcome outcome_of(int rc)
{
    switch (rc) {
    case ZNONODE:
        return LG_ZK_ABSENT;
    case ZNODEEXISTS:
        return LG_ZK_PRESENT;
    case ZBADVERSION:
        return LG_ZK_BAD_VERSION;
    case ZNOTEMPTY:
        return LG_ZK_HAS_CHILDREN;
    case ZNOCHILDRENFOREPHEMERALS:
        return LG_ZK_EPHEMERAL;
    default:
        return LG_ZK_OTHER;
    }
}

static void write_failed(struct lg_zk_work *w, const struct lg_zk_call *c)
{
    struct lg_zk_session *s = w->session;
    int why = c->rc;
    size_t step = lg_zk_call_failed_step(c, &why);
    enum lg_rc rc = LG_ERR_FAILED;

    if (step == c->op_count) { /* Not of a step: the whole request. */
        lg_zk_work_end(w, lg_zk_error(s, c->rc, w->op->changes[0].path, &w->op->err));
        return;
    }
    if (lg_zk_plan_judge(&w->plan, step, outcome_of(why), w->op->changes, &rc, &w->op->err)) {
        if (w->attempts < LG_METASTORE_ZK_ATTEMPTS_MAX)
            read_all(w);
        else
            lg_zk_work_end(w, lg_error_set(&w->op->err, LG_ERR_BUSY,
                                           "%s was changed by others %u times while it was to be "
                                           "changed: try again",
                                           w->plan.steps.data[step].path, w->attempts));
        return;
    }
    w->op->failed_at = w->plan.steps.data[step].change;
    if (outcome_of(why) == LG_ZK_OTHER)
        rc = lg_zk_error(s, why, w->plan.steps.data[step].path, &w->op->err);
    lg_zk_work_end(w, rc);
}

static void multi_answered(struct lg_zk_call *c)
{
    struct lg_zk_work *w = c->ctx;
    struct lg_zk_session *s = w->session;

    if (c->rc == ZINVALIDSTATE) { /* The client did not take it. */
        w->sent = false;
        wait_again(w);
    } else if (lg_zk_is_loss(c->rc)) {
        lg_zk_work_end(w, lg_error_set(&w->op->err, LG_ERR_UNAVAILABLE,
                                       "it is unknown whether the change of %s happened: the "
                                       "connection to ZooKeeper at %s was lost meanwhile",
                                       w->op->changes[0].path, s->address));
    } else {
        w->sent = false;
        lg_zk_session_heard(s, c->sent_us);
        if (c->rc == ZOK)
            lg_zk_work_end(w, LG_OK);
        else
            write_failed(w, c);
    }
}

static void send_multi(struct lg_zk_work *w)
{
    struct lg_zk_session *s = w->session;
    const struct lg_meta_op *op = w->op;
    enum lg_rc rc =
        lg_zk_plan_build(&w->plan, op->changes, op->change_count, &w->op->failed_at, &w->op->err);
    size_t bytes = lg_zk_plan_bytes(&w->plan, strlen(s->root));

    if (rc == LG_OK && bytes > s->packet_bytes_max)
        rc = lg_error_set(&w->op->err, LG_ERR_TOO_LARGE,
                          "a change of %s takes up to %zu bytes, ZooKeeper takes %zu: split it, or "
                          "raise jute.maxbuffer on every ZooKeeper server and "
                          "zookeeper.packet.max.bytes",
                          op->changes[0].path, bytes, s->packet_bytes_max);
    if (rc != LG_OK || w->plan.steps.size == 0) {
        lg_zk_work_end(w, rc);
        return;
    }
    w->attempts++;
    w->sent = true;
    lg_metric_add(&lg_metric_zookeeper_write_attempts_total, 0, 1);
    lg_zk_call_multi(lg_zk_call_new(s->handle, s->root, w, multi_answered), s->root, &w->plan);
}

/* --- The reads ------------------------------------------------------------------------------ */

static void read_ended(struct lg_zk_work *w)
{
    if (--w->pending > 0)
        return;
    if (w->lost)
        wait_again(w);
    else if (w->failed)
        lg_zk_work_end(w, w->rc);
    else
        send_multi(w);
}

static void read_failed(struct lg_zk_work *w, const struct lg_zk_call *c, const char *path)
{
    if (lg_zk_is_loss(c->rc)) {
        w->lost = true;
    } else if (!w->failed) {
        w->failed = true;
        w->rc = lg_zk_error(w->session, c->rc, path, &w->op->err);
    }
}

static const char *port_path(const struct lg_zk_session *s, const char *full)
{
    const char *path = full + strlen(s->root);

    return path[0] == '\0' ? "/" : path;
}

static void seen(struct lg_zk_call *c)
{
    struct lg_zk_work *w = c->ctx;
    const char *path = port_path(w->session, c->path);

    if (c->rc == ZOK || c->rc == ZNONODE)
        lg_zk_plan_learn(&w->plan, path, c->rc == ZOK, c->is_ephemeral);
    else
        read_failed(w, c, path);
    read_ended(w);
}

static void listed(struct lg_zk_call *c)
{
    struct lg_zk_work *w = c->ctx;
    const char *path = port_path(w->session, c->path);

    if (c->rc != ZOK && c->rc != ZNONODE)
        read_failed(w, c, path);
    else
        lg_zk_plan_learn(&w->plan, path, c->rc == ZOK, /* is_ephemeral= */ false);
    w->tree_nodes += c->names.size;
    if (w->tree_nodes > LG_METASTORE_ZK_TREE_NODES_MAX && !w->failed) {
        w->failed = true;
        w->rc = lg_error_set(&w->op->err, LG_ERR_TOO_LARGE,
                             "there are more than %zu nodes at and below %s: remove them in parts",
                             LG_METASTORE_ZK_TREE_NODES_MAX, path);
    }
    for (size_t i = 0; i < c->names.size && !w->failed && !w->lost; i++) {
        LG_AUTO_STR char *child = lg_strf("%s/%s", c->path, c->names.data[i]);

        w->pending++;
        lg_zk_call_children(lg_zk_call_new(c->handle, child, w, listed));
    }
    read_ended(w);
}

static void need(void *ctx, const char *path, bool tree)
{
    struct lg_zk_work *w = ctx;
    struct lg_zk_session *s = w->session;
    LG_AUTO_STR char *full = lg_zk_full_path(s->root, path);

    w->pending++;
    if (tree)
        lg_zk_call_children(lg_zk_call_new(s->handle, full, w, listed));
    else
        lg_zk_call_exists(lg_zk_call_new(s->handle, full, w, seen));
}

static void read_all(struct lg_zk_work *w)
{
    w->pending = 1; /* This function. */
    w->tree_nodes = 0;
    w->failed = w->lost = false;
    lg_zk_plan_need(&w->plan, w->op->changes, w->op->change_count, need, w);
    read_ended(w);
}

void lg_zk_write_begin(struct lg_zk_work *w)
{
    read_all(w);
}
