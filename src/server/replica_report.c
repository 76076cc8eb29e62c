/* What a server tells of its replicas: one node per topic, all that changed in one write; what
 * changes meanwhile goes into the next. */
#include <stdio.h>

#include "base/log.h"
#include "base/str.h"
#include "model/placement.h"
#include "server/replica_set.h"

#define PROGRESS_US LG_SEC
#define PAUSE_US (200 * LG_MS)
/* Of one write, so that no engine refuses it for its size. */
#define TOPICS_MAX 64u
#define BYTES_MAX ((size_t)256 << 10)

/* Nobody is to come here for it any more. */
static bool is_secret(const struct lg_held *h)
{
    return !h->life.wanted || h->topic->manager->withdrawing || h->topic->manager->stopping;
}

static struct lg_json *describe_one(const struct lg_held *h)
{
    struct lg_json *report = lg_replica_report_to_json(
        &(struct lg_replica_report){.status = h->status,
                                    .state = lg_replica_life_told(&h->life),
                                    .term = h->life.term,
                                    .reset = h->life.reset_done,
                                    .records = h->records,
                                    .bytes = h->bytes,
                                    .error = h->err.rc == LG_OK ? NULL : h->err.text});

    if (h->life.tries > 1)
        lg_json_set_int(report, "retries", h->life.tries - 1);
    return report;
}

/* Nothing when there is nothing to tell. Who withdraws tells just that, by an empty object: a node
 * that is gone might have gone with the session, and routers may come back to it as a last resort.
 * The empty ones end with the session. */
static void describe(const struct lg_held_topic *t, struct lg_buf *out)
{
    LG_AUTO(lg_json) *json = lg_json_new_object();

    for (uint32_t p = 0; p < t->partition_count; p++) {
        char number[16];

        if (t->held[p] == NULL || is_secret(t->held[p]))
            continue;
        (void)snprintf(number, sizeof number, "%u", p);
        lg_json_set(json, number, describe_one(t->held[p]));
    }
    if (lg_json_size(json) > 0 || t->manager->withdrawing)
        lg_json_write(out, json, /* pretty= */ false);
}

static void changes_free(struct lg_replica_manager *m)
{
    for (size_t i = 0; i < m->change_count; i++) {
        if (i % 2 == 0) /* Both changes of a topic share the path. */
            lg_free((char *)(uintptr_t)m->changes[i].path);
        lg_free((uint8_t *)(uintptr_t)m->changes[i].value.data);
    }
    lg_free(m->changes);
    m->changes = NULL;
    m->change_count = 0;
}

static void told_all(struct lg_replica_manager *m)
{
    void (*withdrawn)(void *ctx) = m->withdrawn;

    m->withdrawn = NULL;
    if (withdrawn != NULL)
        withdrawn(m->withdrawn_ctx);
}

void lg_replica_report_due(struct lg_timer *progress)
{
    struct lg_replica_manager *m = LG_CONTAINER_OF(progress, struct lg_replica_manager, progress);

    if (m->withdrawing)
        lg_replica_report_touch_all(m);
    else
        lg_replica_report_publish(m);
    if (m->withdrawing && !m->publishing) /* There was nothing to take back. */
        told_all(m);
}

/* What of this topic was withdrawn, is. */
static void topic_published(struct lg_held_topic *t, bool ok)
{
    t->in_publish = false;
    t->dirty |= !ok;
    if (ok)
        t->told = t->telling;
    for (uint32_t p = 0; p < t->partition_count; p++) {
        struct lg_held *h = t->held[p];

        if (h == NULL || !h->withdrawing)
            continue;
        h->withdrawing = false;
        if (ok)
            lg_held_withdrawn(h); /* It may be gone afterwards. */
    }
}

static void published(struct lg_meta_op *op)
{
    struct lg_replica_manager *m = LG_CONTAINER_OF(op, struct lg_replica_manager, publish);
    bool ok = op->rc == LG_OK;

    changes_free(m);
    if (!ok && !m->publish_failing)
        lg_log(LG_LOG_WARN, "replicas_not_published", "reason=\"%s\"", op->err.text);
    else if (ok && m->publish_failing)
        lg_log(LG_LOG_INFO, "replicas_published_again", "instance=%s", m->instance);
    m->publish_failing = !ok;
    LG_LIST_EACH(it, &m->topics)
    {
        struct lg_held_topic *t = LG_CONTAINER_OF(it, struct lg_held_topic, link);

        if (t->in_publish)
            topic_published(t, ok);
        lg_held_topic_free_if_gone(t);
    }
    m->publishing = false; /* Only now: what changed in the loop goes into the next write. */
    if (ok)
        lg_replica_report_publish(m);
    else if (!m->stopping)
        lg_timer_start(m->o.lane, &m->progress, PAUSE_US, lg_replica_report_due);
    if (m->withdrawing && !m->publishing) /* What cannot be withdrawn ends with the session. */
        told_all(m);
    lg_replica_manager_end_if_idle(m);
}

/* The two changes that make a topic's node say what is so now; the size of its value. */
static size_t add_changes(struct lg_replica_manager *m, struct lg_held_topic *t)
{
    char *path = lg_strf("/replicas/%s/%s", t->name, m->instance);
    struct lg_buf value = {0};

    t->dirty = false;
    t->in_publish = true;
    for (uint32_t p = 0; p < t->partition_count; p++)
        if (t->held[p] != NULL)
            t->held[p]->withdrawing = t->held[p]->life.sm.now == LG_LIFE_IS_LEAVING;
    describe(t, &value);
    t->telling = lg_replica_report_digest(lg_buf_slice(&value));
    m->changes[m->change_count++] = (struct lg_meta_change){
        .kind = LG_META_REMOVE_TREE, .path = path, .version = LG_META_ANY_VERSION};
    m->changes[m->change_count++] = (struct lg_meta_change){
        .kind = value.size > 0 ? LG_META_CREATE_EPHEMERAL : LG_META_REMOVE_TREE,
        .path = path,
        .value = lg_buf_slice(&value),
        .version = LG_META_ANY_VERSION};
    return value.size;
}

void lg_replica_report_publish(struct lg_replica_manager *m)
{
    size_t room = 0, bytes = 0;

    if (m->publishing || !m->speaks)
        return;
    LG_LIST_EACH(it, &m->topics)
    room += LG_CONTAINER_OF(it, struct lg_held_topic, link)->dirty;
    if (room == 0)
        return;
    lg_timer_stop(m->o.lane, &m->progress);
    room = LG_MIN(room, (size_t)TOPICS_MAX);
    m->changes = lg_new_array(struct lg_meta_change, 2 * room);
    LG_LIST_EACH(it, &m->topics)
    {
        struct lg_held_topic *t = LG_CONTAINER_OF(it, struct lg_held_topic, link);

        if (t->dirty && m->change_count < 2 * room && bytes < BYTES_MAX)
            bytes += add_changes(m, t);
    }
    m->publishing = true;
    m->publish = (struct lg_meta_op){.kind = LG_META_WRITE,
                                     .lane = m->o.lane,
                                     .changes = m->changes,
                                     .change_count = m->change_count,
                                     .done = published};
    lg_metastore_submit(m->o.metastore, &m->publish);
}

void lg_replica_report_touch(struct lg_held_topic *t, bool now)
{
    struct lg_replica_manager *m = t->manager;

    t->dirty = true;
    if (now)
        lg_replica_report_publish(m);
    else if (!lg_timer_armed(&m->progress))
        lg_timer_start(m->o.lane, &m->progress, PROGRESS_US, lg_replica_report_due);
}

void lg_replica_report_touch_all(struct lg_replica_manager *m)
{
    LG_LIST_EACH(it, &m->topics)
    LG_CONTAINER_OF(it, struct lg_held_topic, link)->dirty = true;
    lg_replica_report_publish(m);
}
