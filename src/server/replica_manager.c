#include "server/replica_manager.h"

#include <stdio.h>

#include "base/log.h"
#include "base/map.h"
#include "base/str.h"
#include "base/vec.h"
#include "catalog/tree_read.h"
#include "coord/assignment.h"
#include "model/enums.h"
#include "server/metrics.h"
#include "storage/partition.h"

#define PROGRESS_US LG_SEC
#define PAUSE_US (200 * LG_MS)

struct topic;

struct held { /* One replica of ours. */
    struct topic *topic;
    uint32_t partition;
    struct lg_ingest_task *task;
    enum lg_push_status status;
    uint64_t records, bytes;
    struct lg_error err;
    bool stopping;
    int counted_as; /* the label of server_replicas; -1: not counted */
};

enum { COUNTED_LOADING, COUNTED_SERVING, COUNTED_FAILED, NOT_COUNTED = -1 };

struct topic {
    struct lg_replica_manager *manager;
    char *name;
    uint32_t partition_count;
    struct held **held; /* by partition; NULL: not ours */
    uint32_t open;      /* tasks that have not ended */
    bool dirty;         /* what is published is not what is */
    bool leaving;       /* no replica of it is ours any more */
    struct lg_list link;
};

struct leftover { /* On disk, and nobody knows yet whether it is assigned. */
    char *topic;
    uint32_t partition;
};

struct lg_replica_manager {
    struct lg_replica_manager_options o;
    char *instance;
    struct lg_map *by_name; /* topics that are not leaving */
    struct lg_list topics;  /* all, until their last task has ended */
    uint32_t replicas;

    struct lg_meta_watch watch;
    bool watching, reading, read_again;
    struct lg_tree_read read;
    struct lg_timer pause;
    bool read_failed;

    bool publishing;
    struct lg_meta_op publish;
    struct lg_meta_change *changes;
    size_t change_count;
    struct lg_timer progress;

    LG_VEC(struct leftover) leftovers;
    bool leftovers_listed, sweeping;
    bool sweep_awaited; /* What is being removed is ours again. */
    struct lg_offload sweep;
    struct lg_error sweep_err;

    bool stopping;
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

static void read_assignment(struct lg_replica_manager *m);
static void free_if_gone(struct topic *t);
static void publish(struct lg_replica_manager *m);
static void end_if_idle(struct lg_replica_manager *m);

/* --- What is told about the replicas. ----------------------------------------------------------
 */

static char *replicas_path(const struct lg_replica_manager *m, const struct topic *t)
{
    return lg_strf("/replicas/%s/%s", t->name, m->instance);
}

/* Nothing when there is nothing to tell. */
static void describe(const struct topic *t, struct lg_buf *out)
{
    LG_AUTO(lg_json) *json = lg_json_new_object();

    for (uint32_t p = 0; p < t->partition_count; p++) {
        const struct held *h = t->held[p];
        struct lg_json *report;
        char number[16];

        if (h == NULL || h->stopping)
            continue;
        report = lg_json_new_object();
        lg_json_set_str(report, "status", lg_push_status_name(h->status));
        lg_json_set_int(report, "records", (int64_t)h->records);
        lg_json_set_int(report, "bytes", (int64_t)h->bytes);
        lg_json_set_str(report, "error", h->err.rc == LG_OK ? NULL : h->err.text);
        (void)snprintf(number, sizeof number, "%u", p);
        lg_json_set(json, number, report);
    }
    if (lg_json_size(json) > 0)
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

static void publish_again(struct lg_timer *timer)
{
    publish(LG_CONTAINER_OF(timer, struct lg_replica_manager, progress));
}

static void published(struct lg_meta_op *op)
{
    struct lg_replica_manager *m = LG_CONTAINER_OF(op, struct lg_replica_manager, publish);

    m->publishing = false;
    changes_free(m);
    if (op->rc == LG_OK && !m->stopping)
        LG_LIST_EACH(it, &m->topics)
    free_if_gone(LG_CONTAINER_OF(it, struct topic, link));
    if (op->rc != LG_OK) {
        lg_log(LG_LOG_WARN, "replicas_not_published", "reason=\"%s\"", op->err.text);
        LG_LIST_EACH(it, &m->topics)
        LG_CONTAINER_OF(it, struct topic, link)->dirty = true;
        if (!m->stopping)
            lg_timer_start(m->o.lane, &m->progress, PAUSE_US, publish_again);
    } else if (!m->stopping) {
        publish(m);
    }
    end_if_idle(m);
}

/* Writes what changed, all topics in one write; what changes meanwhile goes into the next. */
static void publish(struct lg_replica_manager *m)
{
    size_t count = 0, room = 0;

    if (m->publishing)
        return;
    LG_LIST_EACH(it, &m->topics)
    room += LG_CONTAINER_OF(it, struct topic, link)->dirty;
    if (room == 0)
        return;
    lg_timer_stop(m->o.lane, &m->progress);
    m->changes = lg_new_array(struct lg_meta_change, 2 * room);
    LG_LIST_EACH(it, &m->topics)
    {
        struct topic *t = LG_CONTAINER_OF(it, struct topic, link);
        struct lg_buf value = {0};
        char *path;

        if (!t->dirty)
            continue;
        t->dirty = false;
        path = replicas_path(m, t);
        m->changes[count++] = (struct lg_meta_change){
            .kind = LG_META_REMOVE_TREE, .path = path, .version = LG_META_ANY_VERSION};
        if (!t->leaving && !m->stopping)
            describe(t, &value);
        m->changes[count++] = (struct lg_meta_change){
            .kind = value.size > 0 ? LG_META_CREATE_EPHEMERAL : LG_META_REMOVE_TREE,
            .path = path,
            .value = lg_buf_slice(&value),
            .version = LG_META_ANY_VERSION};
    }
    m->change_count = count;
    m->publishing = true;
    m->publish = (struct lg_meta_op){.kind = LG_META_WRITE,
                                     .lane = m->o.lane,
                                     .changes = m->changes,
                                     .change_count = count,
                                     .done = published};
    lg_metastore_submit(m->o.metastore, &m->publish);
}

/* A change of status is told at once, progress once a second. */
static void touch(struct topic *t, bool now)
{
    struct lg_replica_manager *m = t->manager;

    t->dirty = true;
    if (now)
        publish(m);
    else if (!lg_timer_armed(&m->progress))
        lg_timer_start(m->o.lane, &m->progress, PROGRESS_US, publish_again);
}

/* --- Tasks. ------------------------------------------------------------------------------------
 */

static const enum lg_push_status status_of_event[] = {
    [LG_INGEST_STARTED] = LG_PUSH_STARTED,
    [LG_INGEST_PROGRESS] = LG_PUSH_STARTED,
    [LG_INGEST_END_OF_PUSH_RECEIVED] = LG_PUSH_END_OF_PUSH_RECEIVED,
    [LG_INGEST_COMPLETED] = LG_PUSH_COMPLETED,
    [LG_INGEST_ERROR] = LG_PUSH_ERROR,
};

static void count_as(struct held *h, int state)
{
    if (h->counted_as != NOT_COUNTED)
        lg_metric_sub(&lg_metric_server_replicas, (uint32_t)h->counted_as, 1);
    if (state != NOT_COUNTED)
        lg_metric_add(&lg_metric_server_replicas, (uint32_t)state, 1);
    h->counted_as = state;
}

static void task_reports(void *ctx, struct lg_ingest_task *task,
                         const struct lg_ingest_status *status)
{
    struct held *h = ctx;
    enum lg_push_status before = h->status;

    h->status = status_of_event[status->event];
    count_as(h, h->status == LG_PUSH_COMPLETED ? COUNTED_SERVING
                : h->status == LG_PUSH_ERROR   ? COUNTED_FAILED
                                               : COUNTED_LOADING);
    h->records = status->records;
    h->bytes = status->bytes;
    if (status->err != NULL) {
        h->err = *status->err;
        lg_log(LG_LOG_ERROR, "replica_failed", "topic=%s partition=%u reason=\"%s\"",
               h->topic->name, lg_ingest_task_partition(task), h->err.text);
    } else if (status->event == LG_INGEST_COMPLETED) {
        lg_log(LG_LOG_INFO, "replica_completed", "topic=%s partition=%u records=%llu",
               h->topic->name, lg_ingest_task_partition(task), (unsigned long long)h->records);
    }
    touch(h->topic, h->status != before || status->event == LG_INGEST_COMPLETED);
}

static void topic_free(struct topic *t)
{
    for (uint32_t p = 0; p < t->partition_count; p++)
        lg_free(t->held[p]);
    lg_list_remove(&t->link);
    lg_free(t->held);
    lg_free(t->name);
    lg_free(t);
}

/* A topic that nobody needs any more, and of which everybody was told so. */
static void free_if_gone(struct topic *t)
{
    if (t->leaving && !t->dirty && t->open == 0 && !t->manager->publishing)
        topic_free(t);
}

static void task_stopped(void *ctx, const struct lg_error *err)
{
    struct held *h = ctx;
    struct topic *t = h->topic;
    struct lg_replica_manager *m = t->manager;

    if (err != NULL)
        lg_log(LG_LOG_WARN, "replica_not_removed", "topic=%s reason=\"%s\"", t->name, err->text);
    count_as(h, NOT_COUNTED);
    t->held[h->partition] = NULL;
    lg_free(h);
    m->replicas--;
    t->open--;
    if (m->stopping) {
        end_if_idle(m);
        return;
    }
    free_if_gone(t);
    read_assignment(m); /* It may be ours again. */
}

static void hold(struct topic *t, uint32_t partition)
{
    struct lg_replica_manager *m = t->manager;
    struct held *h = lg_new(struct held);

    h->topic = t;
    h->partition = partition;
    h->status = LG_PUSH_NOT_STARTED;
    h->counted_as = NOT_COUNTED;
    count_as(h, COUNTED_LOADING);
    t->held[partition] = h;
    t->open++;
    m->replicas++;
    h->task = lg_ingest_task_start(&(struct lg_ingest_options){.lane = m->o.lane,
                                                               .pubsub = m->o.pubsub,
                                                               .driver = m->o.driver,
                                                               .space = m->o.space,
                                                               .checkpoints = m->o.checkpoints,
                                                               .topic = t->name,
                                                               .partition = partition,
                                                               .status = task_reports,
                                                               .ctx = h});
}

static void let_go(struct held *h, bool destroy)
{
    if (h->stopping)
        return;
    h->stopping = true;
    lg_ingest_task_stop(h->task, destroy, task_stopped, h);
}

/* --- The assignment. ---------------------------------------------------------------------------
 */

static bool names_us(const struct lg_replica_manager *m, const struct lg_json *instances)
{
    for (size_t i = 0; i < lg_json_size(instances); i++)
        if (lg_slice_eq_str(lg_json_string(lg_json_at(instances, i)), m->instance))
            return true;
    return false;
}

static struct topic *topic_new(struct lg_replica_manager *m, const char *name, uint32_t partitions)
{
    struct topic *t = lg_new(struct topic);

    t->manager = m;
    t->name = lg_strdup(name);
    t->partition_count = partitions;
    t->held = lg_new_array(struct held *, partitions);
    lg_list_push_back(&m->topics, &t->link);
    (void)lg_map_put(m->by_name, lg_slice_str(t->name), t);
    return t;
}

static bool is_leaving(const struct lg_replica_manager *m, const char *name)
{
    LG_LIST_EACH(it, &m->topics)
    {
        const struct topic *t = LG_CONTAINER_OF(it, struct topic, link);

        if (t->leaving && strcmp(t->name, name) == 0)
            return true;
    }
    return false;
}

/* The partitions of a topic, each a list of instances; NULL, and logged, when it cannot be read. */
static struct lg_json *read_node(const struct lg_tree_node *node)
{
    struct lg_json *json = NULL;
    struct lg_error err = {0};

    if (node->value == NULL || lg_json_parse(node->value->bytes, &json, &err) != LG_OK)
        lg_log(LG_LOG_ERROR, "assignment_unreadable", "topic=%s reason=\"%s\"",
               lg_tree_node_name(node), err.text);
    return json;
}

/* Is this leftover being removed from the disk at this moment? */
static bool is_being_swept(const struct lg_replica_manager *m, const char *name, uint32_t partition)
{
    const struct leftover *l;

    if (!m->sweeping || m->leftovers.size == 0)
        return false;
    l = &m->leftovers.data[m->leftovers.size - 1];
    return l->partition == partition && strcmp(l->topic, name) == 0;
}

static bool is_held(const struct topic *t, uint32_t partition)
{
    return t != NULL && partition < t->partition_count && t->held[partition] != NULL;
}

/* Stops a replica that is not ours any more, and nobody is told that it is here any longer. */
static void give_up(struct topic *t, uint32_t partition)
{
    if (t->held[partition]->stopping)
        return;
    let_go(t->held[partition], /* destroy= */ true);
    touch(t, /* now= */ true);
}

/* Starts and stops replicas of one topic. */
static void follow(struct lg_replica_manager *m, const struct lg_tree_node *node)
{
    const char *name = lg_tree_node_name(node);
    struct topic *t = lg_map_get(m->by_name, lg_slice_str(name));
    LG_AUTO(lg_json) *json = read_node(node);
    const struct lg_json *partitions;

    if (json == NULL)
        return;
    partitions = lg_json_get(json, "partitions");
    for (uint32_t p = 0; p < lg_json_size(partitions); p++) {
        bool ours = names_us(m, lg_json_at(partitions, p));

        if (!ours && is_held(t, p))
            give_up(t, p);
        if (!ours || is_held(t, p))
            continue;
        if (is_being_swept(m, name, p)) {
            m->sweep_awaited = true;
            continue;
        }
        if (is_leaving(m, name))
            return; /* Its last life is not over; task_stopped comes back here. */
        if (m->replicas >= LG_ASSIGNMENT_REPLICAS_MAX) {
            lg_log(LG_LOG_ERROR, "replica_refused", "topic=%s partition=%u limit=%u", name, p,
                   LG_ASSIGNMENT_REPLICAS_MAX);
            continue;
        }
        if (t == NULL)
            t = topic_new(m, name, (uint32_t)lg_json_size(partitions));
        hold(t, p);
    }
}

static void leave(struct topic *t)
{
    struct lg_replica_manager *m = t->manager;

    (void)lg_map_remove(m->by_name, lg_slice_str(t->name));
    t->leaving = true;
    t->dirty = true;
    for (uint32_t p = 0; p < t->partition_count; p++)
        if (t->held[p] != NULL)
            let_go(t->held[p], /* destroy= */ true);
    publish(m);
}

static bool is_assigned(const struct lg_tree_read *read, const char *topic)
{
    for (size_t i = 0; i < read->nodes.size; i++)
        if (strcmp(lg_tree_node_name(&read->nodes.data[i]), topic) == 0)
            return true;
    return false;
}

/* --- What a former life left on the disk. ------------------------------------------------------
 */

static void sweep_next(struct lg_replica_manager *m);

static enum lg_rc note_leftover(void *ctx, const char *topic, uint32_t partition,
                                const struct lg_checkpoint *c, struct lg_error *err)
{
    struct lg_replica_manager *m = ctx;

    (void)c;
    (void)err;
    LG_VEC_PUSH(&m->leftovers, (struct leftover){lg_strdup(topic), partition});
    return LG_OK;
}

static void list_work(struct lg_offload *offload)
{
    struct lg_replica_manager *m = LG_CONTAINER_OF(offload, struct lg_replica_manager, sweep);

    (void)!lg_checkpoint_each(m->o.checkpoints, note_leftover, m, &m->sweep_err);
}

static void listed(struct lg_offload *offload)
{
    struct lg_replica_manager *m = LG_CONTAINER_OF(offload, struct lg_replica_manager, sweep);

    m->sweeping = false;
    m->leftovers_listed = true;
    if (m->sweep_err.rc != LG_OK)
        lg_log(LG_LOG_ERROR, "checkpoints_unreadable", "reason=\"%s\"", m->sweep_err.text);
    if (m->stopping)
        end_if_idle(m);
    else
        read_assignment(m);
}

static void sweep_work(struct lg_offload *offload)
{
    struct lg_replica_manager *m = LG_CONTAINER_OF(offload, struct lg_replica_manager, sweep);
    const struct leftover *l = &m->leftovers.data[m->leftovers.size - 1];

    (void)!lg_partition_destroy(m->o.driver, m->o.checkpoints, l->topic, l->partition,
                                &m->sweep_err);
}

static void swept(struct lg_offload *offload)
{
    struct lg_replica_manager *m = LG_CONTAINER_OF(offload, struct lg_replica_manager, sweep);
    struct leftover *l = &m->leftovers.data[--m->leftovers.size];

    if (m->sweep_err.rc != LG_OK)
        lg_log(LG_LOG_WARN, "leftover_not_removed", "topic=%s reason=\"%s\"", l->topic,
               m->sweep_err.text);
    else
        lg_log(LG_LOG_INFO, "leftover_removed", "topic=%s partition=%u", l->topic, l->partition);
    lg_free(l->topic);
    m->sweeping = false;
    if (m->sweep_awaited)
        read_assignment(m);
    m->sweep_awaited = false;
    sweep_next(m);
}

static void sweep_next(struct lg_replica_manager *m)
{
    if (m->stopping) {
        end_if_idle(m);
        return;
    }
    while (m->leftovers.size > 0) { /* What became ours meanwhile stays. */
        const struct leftover *l = &m->leftovers.data[m->leftovers.size - 1];

        if (!is_held(lg_map_get(m->by_name, lg_slice_str(l->topic)), l->partition))
            break;
        lg_free(m->leftovers.data[--m->leftovers.size].topic);
    }
    if (m->leftovers.size == 0)
        return;
    m->sweep_err = (struct lg_error){0};
    m->sweeping = true;
    m->sweep.work = sweep_work;
    m->sweep.done = swept;
    lg_offload(m->o.lane, &m->sweep);
}

/* Does the assignment give it to us? An assignment that cannot be read might. */
static bool may_be_ours(const struct lg_replica_manager *m, const struct lg_tree_read *read,
                        const struct leftover *l)
{
    for (size_t i = 0; i < read->nodes.size; i++) {
        LG_AUTO(lg_json) *json = NULL;

        if (strcmp(lg_tree_node_name(&read->nodes.data[i]), l->topic) != 0)
            continue;
        json = read_node(&read->nodes.data[i]);
        return json == NULL ||
               names_us(m, lg_json_at(lg_json_get(json, "partitions"), l->partition));
    }
    return false;
}

/* Of what was on disk at the start, only what no assignment gives us is removed, once. */
static void sweep_leftovers(struct lg_replica_manager *m, const struct lg_tree_read *read)
{
    size_t kept = 0;

    for (size_t i = 0; i < m->leftovers.size; i++) {
        if (may_be_ours(m, read, &m->leftovers.data[i]))
            lg_free(m->leftovers.data[i].topic);
        else
            m->leftovers.data[kept++] = m->leftovers.data[i];
    }
    m->leftovers.size = kept;
    sweep_next(m);
}

/* --- Reading. ----------------------------------------------------------------------------------
 */

static void pause_ended(struct lg_timer *timer)
{
    read_assignment(LG_CONTAINER_OF(timer, struct lg_replica_manager, pause));
}

static void follow_all(struct lg_replica_manager *m, const struct lg_tree_read *read)
{
    for (size_t i = 0; i < read->nodes.size; i++)
        follow(m, &read->nodes.data[i]);
    LG_LIST_EACH(it, &m->topics)
    {
        struct topic *t = LG_CONTAINER_OF(it, struct topic, link);

        if (!t->leaving && !is_assigned(read, t->name))
            leave(t);
    }
    if (m->leftovers.size > 0 && !m->sweeping)
        sweep_leftovers(m, read);
}

static void assignment_read(struct lg_tree_read *read)
{
    struct lg_replica_manager *m = LG_CONTAINER_OF(read, struct lg_replica_manager, read);

    m->reading = false;
    if (m->stopping) {
        lg_tree_read_done(read);
        end_if_idle(m);
        return;
    }
    if (read->rc == LG_OK) {
        follow_all(m, read);
        m->read_failed = false;
    } else {
        if (!m->read_failed)
            lg_log(LG_LOG_WARN, "assignment_not_read", "reason=\"%s\"", read->err.text);
        m->read_failed = true;
        lg_timer_start(m->o.lane, &m->pause, PAUSE_US, pause_ended);
    }
    lg_tree_read_done(read);
    if (m->read_again)
        read_assignment(m);
}

static void read_assignment(struct lg_replica_manager *m)
{
    static const char *const root[] = {"/assignment"};

    if (m->stopping || !m->leftovers_listed)
        return;
    m->read_again = m->reading;
    if (m->reading)
        return;
    lg_timer_stop(m->o.lane, &m->pause);
    m->reading = true;
    m->read = (struct lg_tree_read){.metastore = m->o.metastore,
                                    .lane = m->o.lane,
                                    .roots = root,
                                    .root_count = 1,
                                    .done = assignment_read};
    lg_tree_read_submit(&m->read);
}

/* What we published is gone with the session. What is being published may belong to it. */
static void session_lost(struct lg_meta_watch *watch)
{
    struct lg_replica_manager *m = LG_CONTAINER_OF(watch, struct lg_replica_manager, watch);

    LG_LIST_EACH(it, &m->topics)
    LG_CONTAINER_OF(it, struct topic, link)->dirty = true;
    publish(m);
}

static void assignment_changed(struct lg_meta_watch *watch)
{
    read_assignment(LG_CONTAINER_OF(watch, struct lg_replica_manager, watch));
}

/* --- Life. -------------------------------------------------------------------------------------
 */

struct lg_replica_manager *lg_replica_manager_start(const struct lg_replica_manager_options *o)
{
    struct lg_replica_manager *m = lg_new(struct lg_replica_manager);

    m->o = *o;
    m->instance = lg_strdup(o->instance);
    m->o.instance = m->instance;
    m->by_name = lg_map_new();
    lg_list_init(&m->topics);
    m->watching = true;
    m->watch = (struct lg_meta_watch){.lane = o->lane,
                                      .path = "/assignment",
                                      .changed = assignment_changed,
                                      .session_lost = session_lost};
    lg_metastore_watch(o->metastore, &m->watch);
    m->sweeping = true;
    m->sweep.work = list_work;
    m->sweep.done = listed;
    lg_offload(o->lane, &m->sweep);
    return m;
}

static void watch_closed(struct lg_meta_watch *watch)
{
    struct lg_replica_manager *m = LG_CONTAINER_OF(watch, struct lg_replica_manager, watch);

    m->watching = false;
    end_if_idle(m);
}

static void end_if_idle(struct lg_replica_manager *m)
{
    void (*stopped)(void *ctx) = m->stopped;
    void *ctx = m->stopped_ctx;

    if (!m->stopping || m->watching || m->reading || m->publishing || m->sweeping ||
        m->replicas > 0)
        return;
    LG_LIST_EACH(it, &m->topics)
    topic_free(LG_CONTAINER_OF(it, struct topic, link));
    for (size_t i = 0; i < m->leftovers.size; i++)
        lg_free(m->leftovers.data[i].topic);
    LG_VEC_DONE(&m->leftovers);
    lg_map_free(m->by_name);
    lg_free(m->instance);
    lg_free(m);
    stopped(ctx);
}

void lg_replica_manager_stop(struct lg_replica_manager *m, void (*stopped)(void *ctx), void *ctx)
{
    m->stopping = true;
    m->stopped = stopped;
    m->stopped_ctx = ctx;
    lg_timer_stop(m->o.lane, &m->pause);
    lg_timer_stop(m->o.lane, &m->progress);
    LG_LIST_EACH(it, &m->topics)
    {
        struct topic *t = LG_CONTAINER_OF(it, struct topic, link);

        t->dirty = true; /* Withdrawn before the tasks are gone. */
        for (uint32_t p = 0; p < t->partition_count; p++)
            if (t->held[p] != NULL)
                let_go(t->held[p], /* destroy= */ false);
    }
    publish(m);
    lg_metastore_unwatch(m->o.metastore, &m->watch, watch_closed);
}

enum lg_replica_found lg_replica_manager_find(struct lg_replica_manager *m, struct lg_slice topic,
                                              uint32_t partition, struct lg_replica **out)
{
    const struct topic *t = lg_map_get(m->by_name, topic);

    if (t == NULL || partition >= t->partition_count || t->held[partition] == NULL)
        return LG_REPLICA_NOT_OURS;
    if (t->held[partition]->stopping)
        return LG_REPLICA_NOT_READY;
    *out = lg_ingest_task_replica(t->held[partition]->task);
    return *out == NULL ? LG_REPLICA_NOT_READY : LG_REPLICA_SERVING;
}

enum lg_replica_found lg_replica_manager_find_any(struct lg_replica_manager *m,
                                                  struct lg_slice topic, struct lg_replica **out)
{
    const struct topic *t = lg_map_get(m->by_name, topic);
    enum lg_replica_found found = LG_REPLICA_NOT_OURS;

    for (uint32_t p = 0; t != NULL && p < t->partition_count && found != LG_REPLICA_SERVING; p++)
        found = LG_MIN(found, lg_replica_manager_find(m, topic, p, out));
    return found;
}

size_t lg_replica_manager_each(struct lg_replica_manager *m, struct lg_slice topic,
                               void (*note)(void *ctx, const struct lg_replica_note *n), void *ctx)
{
    const struct topic *t = lg_map_get(m->by_name, topic);
    size_t count = 0;

    for (uint32_t p = 0; t != NULL && p < t->partition_count; p++) {
        const struct held *h = t->held[p];

        if (h == NULL || h->stopping)
            continue;
        count++;
        note(ctx, &(struct lg_replica_note){.topic = t->name,
                                            .partition = p,
                                            .status = h->status,
                                            .state = lg_ingest_task_state(h->task),
                                            .records = lg_ingest_task_records(h->task),
                                            .bytes = lg_ingest_task_bytes(h->task),
                                            .fault = h->err.text});
    }
    return count;
}

char *lg_replica_manager_disk_fault(const struct lg_replica_manager *m)
{
    LG_LIST_EACH(it, &m->topics)
    {
        const struct topic *t = LG_CONTAINER_OF(it, struct topic, link);

        for (uint32_t p = 0; p < t->partition_count; p++)
            if (t->held[p] != NULL && t->held[p]->err.rc == LG_ERR_IO)
                return lg_strf("%s, partition %u: %s", t->name, p, t->held[p]->err.text);
    }
    return NULL;
}
