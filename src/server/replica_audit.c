/* Is what this server told of its replicas still there? A report that somebody removed or wrote
 * over is told anew: without it nobody comes to a replica that is ready.
 *
 *   a node of ours is named ─▶ its topic is suspected ─(AUDIT_US)─▶ read it ─▶ another value? tell
 *
 * Our own writes are named as well, so a node is looked at once a second at most, one at a time;
 * one that is about to be written is not, since that write names it again.
 */
#include "base/hash.h"
#include "base/log.h"
#include "base/str.h"
#include "metastore/meta_names.h"
#include "server/replica_set.h"

#define REPORTS "/replicas"
#define AUDIT_US LG_SEC

uint64_t lg_replica_report_digest(struct lg_slice value)
{
    return value.size == 0 ? 0 : lg_hash64(value.data, value.size, 0);
}

static char *path_of(const struct lg_held_topic *t)
{
    return lg_strf(REPORTS "/%s/%s", t->name, t->manager->instance);
}

static void look(struct lg_replica_manager *m);

static void look_is_due(struct lg_timer *timer)
{
    look(LG_CONTAINER_OF(timer, struct lg_replica_manager, audit.pause));
}

static void look_later(struct lg_replica_manager *m)
{
    if (!m->stopping && !m->audit.reading && !lg_timer_armed(&m->audit.pause))
        lg_timer_start(m->o.lane, &m->audit.pause, AUDIT_US, look_is_due);
}

static void judge(struct lg_held_topic *t, const struct lg_meta_op *op)
{
    uint64_t there =
        op->rc == LG_OK && op->value != NULL ? lg_replica_report_digest(op->value->bytes) : 0;

    if (t->dirty || t->in_publish || there == t->told)
        return;
    lg_log(LG_LOG_WARN, "replica_report_replaced", "path=%s found=\"%s\"", op->path,
           op->rc == LG_OK ? "another value" : "nothing");
    lg_replica_report_touch(t, /* now= */ true);
}

static void was_read(struct lg_meta_op *op)
{
    struct lg_replica_manager *m = LG_CONTAINER_OF(op, struct lg_replica_manager, audit.op);
    LG_AUTO_STR char *path = LG_TAKE(m->audit.path);
    LG_AUTO_STR char *topic = LG_TAKE(m->audit.topic);
    struct lg_held_topic *t = lg_map_get(m->by_name, lg_slice_str(topic));

    (void)path; /* The operation has it until here. */
    m->audit.reading = false;
    if (m->stopping) {
        lg_blob_unref(LG_TAKE(op->value));
        lg_replica_manager_end_if_idle(m);
        return;
    }
    if (t != NULL && (op->rc == LG_OK || op->rc == LG_ERR_NOT_FOUND)) {
        judge(t, op);
    } else if (t != NULL) { /* Whoever reads the assignment tells that ZooKeeper is away. */
        t->suspected = true;
        look_later(m);
    }
    lg_blob_unref(LG_TAKE(op->value));
    if (!lg_timer_armed(&m->audit.pause))
        look(m);
}

static void look(struct lg_replica_manager *m)
{
    struct lg_held_topic *next = NULL;

    if (m->stopping || m->withdrawing || !m->speaks || m->audit.reading)
        return; /* Who begins to speak tells everything. */
    LG_LIST_EACH(it, &m->topics)
    {
        struct lg_held_topic *t = LG_CONTAINER_OF(it, struct lg_held_topic, link);
        bool is_settled = !t->dirty && !t->in_publish;

        if (next == NULL && t->suspected && is_settled)
            next = t;
        t->suspected &= is_settled && t != next;
    }
    if (next == NULL)
        return;
    m->audit.reading = true;
    m->audit.topic = lg_strdup(next->name);
    m->audit.path = path_of(next);
    m->audit.op = (struct lg_meta_op){
        .kind = LG_META_GET, .lane = m->o.lane, .path = m->audit.path, .done = was_read};
    lg_metastore_submit(m->o.metastore, &m->audit.op);
}

static void reports_changed(struct lg_meta_watch *watch)
{
    struct lg_replica_manager *m = LG_CONTAINER_OF(watch, struct lg_replica_manager, audit.watch);
    bool any = false;

    LG_LIST_EACH(it, &m->topics)
    {
        struct lg_held_topic *t = LG_CONTAINER_OF(it, struct lg_held_topic, link);
        LG_AUTO_STR char *path = path_of(t);

        t->suspected |= lg_meta_names_cover(watch->names, lg_slice_str(path));
        any |= t->suspected;
    }
    if (any)
        look_later(m);
}

static void unwatched(struct lg_meta_watch *watch)
{
    struct lg_replica_manager *m = LG_CONTAINER_OF(watch, struct lg_replica_manager, audit.watch);

    m->audit.watching = false;
    lg_replica_manager_end_if_idle(m);
}

void lg_replica_audit_start(struct lg_replica_manager *m)
{
    m->audit.watching = true;
    m->audit.watch =
        (struct lg_meta_watch){.lane = m->o.lane, .path = REPORTS, .changed = reports_changed};
    lg_metastore_watch(m->o.metastore, &m->audit.watch);
}

void lg_replica_audit_stop(struct lg_replica_manager *m)
{
    lg_timer_stop(m->o.lane, &m->audit.pause);
    lg_metastore_unwatch(m->o.metastore, &m->audit.watch, unwatched);
}

bool lg_replica_audit_is_idle(const struct lg_replica_manager *m)
{
    return !m->audit.watching && !m->audit.reading;
}
