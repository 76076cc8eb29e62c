/* The embedded log: its life, the arrival of operations, topics. Owner: its home lane. */
#include "drivers/seglog/seglog.h"

#include "base/log.h"
#include "base/ref.h"
#include "base/str.h"
#include "drivers/seglog/metrics.h"
#include "drivers/seglog/seg_log.h"

#define FORMAT_TEXT "lagoon-log 1\n"
#define FORMAT_BYTES_MAX 256
#define NO_TOPIC "there is no topic %s"
#define DEADLINE_DEFAULT_US (30 * LG_SEC)

static const struct lg_pubsub_ops ops;

struct lg_position seg_position(int64_t offset)
{
    return offset < 0 ? lg_position_earliest() : lg_position_from_offset(offset);
}

/* --- Requests ------------------------------------------------------------------------------- */

static void request_unref(struct seg_request *r)
{
    if (!lg_ref_put(&r->refs))
        return;
    lg_buf_done(&r->found);
    lg_free(r);
}

static void op_answered(struct lg_task *task)
{
    struct lg_pubsub_op *op = LG_CONTAINER_OF(task, struct lg_pubsub_op, task);
    struct seg_request *r = op->driver_state; /* `done` may free or reuse the operation. */

    op->done(op);
    request_unref(r);
}

static void count_answer(const struct lg_pubsub_op *op, enum lg_rc rc)
{
    bool failed = rc != LG_OK && rc != LG_ERR_CANCELLED;

    if (op->kind == LG_PUBSUB_PRODUCE) {
        lg_metric_add(&lg_metric_log_appends_total, failed, 1);
        if (rc == LG_OK)
            lg_metric_add(&lg_metric_log_append_bytes_total, 0, op->blob->bytes.size);
    } else if (op->kind == LG_PUBSUB_FETCH) {
        lg_metric_add(&lg_metric_log_fetches_total, failed, 1);
        if (rc == LG_OK && op->blob != NULL)
            lg_metric_add(&lg_metric_log_fetch_bytes_total, 0, op->blob->bytes.size);
    }
}

void seg_answer(struct seg_request *r, enum lg_rc rc)
{
    struct lg_pubsub_op *op = r->op;

    assert(!r->completed);
    count_answer(op, rc);
    r->completed = true;
    lg_timer_stop(r->home, &r->timer);
    op->rc = rc;
    op->task.run = op_answered;
    lg_lane_post(op->lane, &op->task);
}

static void op_arrived(struct lg_task *task)
{
    struct lg_pubsub_op *op = LG_CONTAINER_OF(task, struct lg_pubsub_op, task);
    struct seg_request *r = op->driver_state;
    uint64_t now = lg_lane_now_us(r->home);

    r->deadline_us = op->deadline_us != 0 ? op->deadline_us : now + DEADLINE_DEFAULT_US;
    if (op->kind == LG_PUBSUB_FETCH) {
        uint64_t wait_us = LG_MIN(op->wait_ms, UINT64_MAX / LG_MS / 4) * LG_MS;

        r->wait_until_us = now + wait_us;
        if (op->deadline_us != 0)
            r->wait_until_us = LG_MIN(r->wait_until_us, op->deadline_us);
    }
    seg_dispatch(r);
}

static void seglog_submit(struct lg_pubsub *ps, struct lg_pubsub_op *op)
{
    struct lg_seglog *log = LG_CONTAINER_OF(ps, struct lg_seglog, head);
    struct seg_request *r = lg_new(struct seg_request);

    r->refs = 1;
    r->log = log;
    r->home = log->lane;
    r->op = op;
    lg_list_init(&r->link);
    op->driver_state = r;
    op->cancelled = false;
    op->rc = LG_OK;
    op->err = (struct lg_error){0};
    if (op->kind != LG_PUBSUB_PRODUCE)
        op->blob = NULL;
    op->task.run = op_arrived;
    lg_lane_post(log->lane, &op->task);
}

static void cancel_arrived(struct lg_task *task)
{
    struct seg_request *r = LG_CONTAINER_OF(task, struct seg_request, cancel_task);

    if (!r->completed && r->op->kind == LG_PUBSUB_FETCH)
        seg_fetch_cancel(r);
    request_unref(r);
}

static void seglog_cancel(struct lg_pubsub *ps, struct lg_pubsub_op *op)
{
    struct seg_request *r = op->driver_state;

    (void)ps;
    if (op->cancelled)
        return;
    op->cancelled = true;
    lg_ref_get(&r->refs);
    r->cancel_task.run = cancel_arrived;
    lg_lane_post(r->home, &r->cancel_task);
}

/* EARLIEST, then offsets, then LATEST; what this log never gave out sorts by its type. */
static int seglog_compare(struct lg_pubsub *ps, const struct lg_position *a,
                          const struct lg_position *b)
{
    (void)ps;
    return lg_position_compare_offsets(a, b);
}

static const struct lg_pubsub_ops ops = {
    .name = "seglog",
    .submit = seglog_submit,
    .cancel = seglog_cancel,
    .compare = seglog_compare,
};

/* --- Jobs: what keeps topics and the log alive ---------------------------------------------- */

static void retire_soon(struct seg_topic *t);
static void finish_close(struct lg_task *task);

void seg_job_begun(struct lg_seglog *log, struct seg_topic *topic)
{
    log->jobs++;
    if (topic != NULL)
        topic->busy++;
}

static void close_soon(struct lg_seglog *log)
{
    if (!log->closing || log->jobs > 0 || log->close_posted)
        return;
    log->close_posted = true;
    log->close_task.run = finish_close;
    lg_lane_post(log->lane, &log->close_task);
}

void seg_job_ended(struct lg_seglog *log, struct seg_topic *topic)
{
    log->jobs--;
    if (topic != NULL && --topic->busy == 0 && topic->retired)
        retire_soon(topic);
    close_soon(log);
}

/* --- Topics --------------------------------------------------------------------------------- */

static struct seg_topic *topic_new(struct lg_seglog *log, const struct lg_seg_topic_meta *meta,
                                   enum seg_topic_state state)
{
    struct seg_topic *t = lg_new(struct seg_topic);

    assert(meta->config.retention_ms != 0);
    t->log = log;
    t->meta = *meta;
    t->state = state;
    t->partitions = lg_new_array(struct seg_partition *, meta->partitions);
    lg_list_init(&t->waiters);
    lg_list_init(&t->link);
    lg_map_put(log->topics, lg_slice_str(meta->name), t);
    return t;
}

static void topic_free(struct seg_topic *t)
{
    for (uint32_t i = 0; i < t->meta.partitions; i++)
        seg_partition_free(t->partitions[i]);
    lg_free(t->partitions);
    lg_free(t);
}

static struct seg_partition *topic_partition(struct seg_topic *t, uint32_t number)
{
    struct seg_partition *p = t->partitions[number];

    if (p != NULL)
        return p;
    p = t->partitions[number] = lg_new(struct seg_partition);
    p->topic = t;
    p->number = number;
    lg_list_init(&p->queue);
    lg_list_init(&p->opening);
    lg_list_init(&p->waiting);
    lg_list_init(&p->dirty_link);
    lg_list_init(&p->open_link);
    return p;
}

static void redispatch_waiters(struct seg_topic *t)
{
    struct lg_list waiters, *link;

    lg_list_init(&waiters);
    while ((link = lg_list_pop_front(&t->waiters)) != NULL)
        lg_list_push_back(&waiters, link);
    while ((link = lg_list_pop_front(&waiters)) != NULL)
        seg_dispatch(LG_CONTAINER_OF(link, struct seg_request, link));
}

static void create_work(struct lg_offload *offload)
{
    struct seg_topic *t = LG_CONTAINER_OF(offload, struct seg_topic, offload);

    t->work_rc = lg_seg_topic_create(t->log->disk, t->log->dir, &t->meta, &t->work_err);
}

static void created(struct lg_offload *offload)
{
    struct seg_topic *t = LG_CONTAINER_OF(offload, struct seg_topic, offload);
    struct seg_request *owner = LG_TAKE(t->owner);

    t->state = t->work_rc == LG_OK ? SEG_LIVE : SEG_DOOMED;
    owner->op->err = t->work_err;
    seg_answer(owner, t->work_rc);
    redispatch_waiters(t);
    seg_job_ended(t->log, NULL);
}

static void remove_work(struct lg_offload *offload)
{
    struct seg_topic *t = LG_CONTAINER_OF(offload, struct seg_topic, offload);
    LG_AUTO_STR char *folder = lg_seg_topic_dir(t->log->dir, t->meta.name, t->meta.number);

    t->work_rc = lg_disk_remove_tree(t->log->disk, folder, &t->work_err);
}

static void removed(struct lg_offload *offload)
{
    struct seg_topic *t = LG_CONTAINER_OF(offload, struct seg_topic, offload);
    struct lg_seglog *log = t->log;

    if (t->work_rc != LG_OK) /* The next open removes it. */
        lg_log(LG_LOG_WARN, "log_leftover", "topic=%s error=%s", t->meta.name, t->work_err.text);
    lg_list_remove(&t->link);
    topic_free(t);
    seg_job_ended(log, NULL);
}

/* The topic is gone and idle: closes its journals, removes its files. */
static void retire_soon(struct seg_topic *t)
{
    struct lg_seglog *log = t->log;

    t->retired = false; /* Once. */
    for (uint32_t i = 0; i < t->meta.partitions; i++) {
        struct seg_partition *p = t->partitions[i];

        if (p != NULL && p->journal != NULL)
            log->open_files--;
        seg_partition_free(p);
        t->partitions[i] = NULL;
    }
    t->offload.work = remove_work;
    t->offload.done = removed;
    seg_job_begun(log, NULL);
    lg_offload(log->lane, &t->offload);
}

static void unmake_work(struct lg_offload *offload)
{
    struct seg_topic *t = LG_CONTAINER_OF(offload, struct seg_topic, offload);

    t->work_rc = lg_seg_topic_unmake(t->log->disk, t->log->dir, &t->meta, &t->work_err);
}

/* Durably deleted (or not): the owner asked for it, or wants to create the topic anew. */
static void unmade(struct lg_offload *offload)
{
    struct seg_topic *t = LG_CONTAINER_OF(offload, struct seg_topic, offload);
    struct lg_seglog *log = t->log;
    struct seg_request *owner = LG_TAKE(t->owner);

    if (t->work_rc == LG_OK) {
        lg_map_remove(log->topics, lg_slice_str(t->meta.name));
        lg_list_push_back(&log->retired, &t->link);
        t->retired = true;
    } else {
        t->state = SEG_DOOMED;
        owner->op->err = t->work_err;
    }
    if (t->work_rc != LG_OK || owner->op->kind == LG_PUBSUB_DELETE)
        seg_answer(owner, t->work_rc);
    else
        seg_dispatch(owner);
    redispatch_waiters(t);
    seg_job_ended(log, t);
}

static void unmake(struct seg_topic *t, struct seg_request *owner)
{
    t->state = SEG_DELETING;
    t->owner = owner;
    for (uint32_t i = 0; i < t->meta.partitions; i++) {
        struct seg_partition *p = t->partitions[i];

        if (p == NULL)
            continue;
        seg_append_fail_queue(p, LG_ERR_NOT_FOUND, "the topic was deleted");
        seg_fetch_fail_waiting(p, LG_ERR_NOT_FOUND, "the topic was deleted");
    }
    t->offload.work = unmake_work;
    t->offload.done = unmade;
    seg_job_begun(t->log, t);
    lg_offload(t->log->lane, &t->offload);
}

static void configure_work(struct lg_offload *offload)
{
    struct seg_topic *t = LG_CONTAINER_OF(offload, struct seg_topic, offload);

    t->work_rc = lg_seg_topic_configure(t->log->disk, t->log->dir, &t->meta, &t->owner->config,
                                        &t->work_err);
}

static void configured(struct lg_offload *offload)
{
    struct seg_topic *t = LG_CONTAINER_OF(offload, struct seg_topic, offload);
    struct lg_seglog *log = t->log;
    struct seg_request *owner = LG_TAKE(t->owner);

    t->configuring = false;
    if (t->work_rc == LG_OK)
        t->meta.config = owner->config;
    else
        owner->op->err = t->work_err;
    seg_answer(owner, t->work_rc);
    redispatch_waiters(t);
    seg_job_ended(log, t);
}

/* All but the replication, which is that of the creation. */
static void configure(struct seg_request *r, struct seg_topic *t)
{
    enum lg_rc rc;

    r->config = r->op->config;
    r->config.replication = t->meta.config.replication;
    rc = lg_pubsub_config_check(r->op->topic, &r->config, &r->op->err);
    if (rc != LG_OK || lg_pubsub_config_equal(&r->config, &t->meta.config)) {
        seg_answer(r, rc);
        return;
    }
    t->configuring = true;
    t->owner = r;
    t->offload.work = configure_work;
    t->offload.done = configured;
    seg_job_begun(r->log, t);
    lg_offload(r->log->lane, &t->offload);
}

static void create(struct seg_request *r, struct seg_topic *t)
{
    struct lg_pubsub_op *op = r->op;
    struct lg_seg_topic_meta meta = {.partitions = op->partitions, .config = op->config};
    enum lg_rc rc = lg_seg_topic_name_check(op->topic, &op->err);

    if (rc == LG_OK)
        rc = lg_pubsub_config_check(op->topic, &meta.config, &op->err);

    if (rc == LG_OK && (op->partitions == 0 || op->partitions > LG_TOPIC_PARTITIONS_MAX))
        rc = lg_error_set(&op->err, LG_ERR_INVALID, "topic %s: %u partitions, allowed are 1 to %u",
                          op->topic, op->partitions, LG_TOPIC_PARTITIONS_MAX);
    if (rc == LG_OK && t != NULL && t->state == SEG_DOOMED) {
        unmake(t, r);
        return;
    }
    if (rc == LG_OK && t != NULL && t->meta.partitions != op->partitions)
        rc = lg_error_set(&op->err, LG_ERR_CONFLICT, "topic %s exists with %u partitions, not %u",
                          op->topic, t->meta.partitions, op->partitions);
    if (rc != LG_OK || t != NULL) {
        seg_answer(r, rc);
        return;
    }
    rc = lg_disk_space_check(r->log->space, &op->err);
    if (rc != LG_OK) {
        seg_answer(r, rc);
        return;
    }
    memcpy(meta.name, op->topic, strlen(op->topic) + 1);
    meta.number = r->log->next_number++;
    t = topic_new(r->log, &meta, SEG_CREATING);
    t->owner = r;
    t->offload.work = create_work;
    t->offload.done = created;
    seg_job_begun(r->log, NULL);
    lg_offload(r->log->lane, &t->offload);
}

/* --- Dispatch ------------------------------------------------------------------------------- */

static void list_topics(struct seg_request *r)
{
    LG_SCOPED(lg_buf) names = {0};
    struct lg_slice name;
    void *value;
    size_t at = 0;

    while (lg_map_next(r->log->topics, &at, &name, &value)) {
        if (((struct seg_topic *)value)->state != SEG_LIVE)
            continue;
        lg_buf_append_slice(&names, name);
        lg_buf_append_byte(&names, '\n');
    }
    r->op->blob = lg_blob_take(&names);
    seg_answer(r, LG_OK);
}

static void dispatch_to_partition(struct seg_request *r, struct seg_topic *t)
{
    struct lg_pubsub_op *op = r->op;

    if (op->partition >= t->meta.partitions) {
        seg_answer(r, lg_error_set(&op->err, LG_ERR_NOT_FOUND,
                                   "topic %s has %u partitions; there is no partition %u",
                                   op->topic, t->meta.partitions, op->partition));
        return;
    }
    r->partition = topic_partition(t, op->partition);
    if (!seg_partition_ready(r->partition, r))
        return;
    if (op->kind == LG_PUBSUB_PRODUCE) {
        seg_append_submit(r);
    } else if (op->kind == LG_PUBSUB_FETCH) {
        seg_fetch_submit(r);
    } else if (op->kind == LG_PUBSUB_TIME) {
        seg_time_submit(r);
    } else if (op->kind == LG_PUBSUB_START) { /* Nothing is ever removed. */
        op->position = lg_position_earliest();
        seg_answer(r, LG_OK);
    } else {
        op->position = seg_position(r->partition->next_offset - 1);
        seg_answer(r, LG_OK);
    }
}

void seg_dispatch(struct seg_request *r)
{
    struct lg_pubsub_op *op = r->op;
    struct seg_topic *t;

    if (r->log->closing) {
        seg_answer(r, lg_error_set(&op->err, LG_ERR_UNAVAILABLE, "the log is closing"));
        return;
    }
    if (op->kind == LG_PUBSUB_LIST) {
        list_topics(r);
        return;
    }
    if (op->kind == LG_PUBSUB_PING) {
        seg_answer(r, LG_OK);
        return;
    }
    t = lg_map_get(r->log->topics, lg_slice_str(op->topic));
    if (op->kind == LG_PUBSUB_CREATE || op->kind == LG_PUBSUB_DELETE ||
        op->kind == LG_PUBSUB_CONFIGURE) {
        if (t != NULL && (t->state == SEG_CREATING || t->state == SEG_DELETING || t->configuring))
            lg_list_push_back(&t->waiters, &r->link);
        else if (op->kind == LG_PUBSUB_CONFIGURE && t != NULL && t->state == SEG_LIVE)
            configure(r, t);
        else if (op->kind == LG_PUBSUB_CONFIGURE)
            seg_answer(r, lg_error_set(&op->err, LG_ERR_NOT_FOUND, NO_TOPIC, op->topic));
        else if (op->kind == LG_PUBSUB_CREATE)
            create(r, t);
        else if (t == NULL)
            seg_answer(r, LG_OK);
        else
            unmake(t, r);
        return;
    }
    if (t == NULL || t->state != SEG_LIVE) {
        seg_answer(r, lg_error_set(&op->err, LG_ERR_NOT_FOUND, NO_TOPIC, op->topic));
    } else if (op->kind == LG_PUBSUB_DESCRIBE) {
        op->partitions = t->meta.partitions;
        op->config = t->meta.config;
        seg_answer(r, LG_OK);
    } else {
        dispatch_to_partition(r, t);
    }
}

/* --- Life ----------------------------------------------------------------------------------- */

static enum lg_rc topic_found(void *ctx, const struct lg_seg_topic_meta *meta, struct lg_error *err)
{
    struct lg_seglog *log = ctx;
    struct seg_topic *other = lg_map_get(log->topics, lg_slice_str(meta->name));

    if (other != NULL)
        return lg_error_set(
            err, LG_ERR_CORRUPT, "topic %s stands in two folders, %llu and %llu: remove one",
            meta->name, (unsigned long long)other->meta.number, (unsigned long long)meta->number);
    (void)topic_new(log, meta, SEG_LIVE);
    log->next_number = LG_MAX(log->next_number, meta->number + 1);
    return LG_OK;
}

static enum lg_rc check_format(struct lg_seglog *log, struct lg_error *err)
{
    LG_AUTO_STR char *path = lg_strf("%s/~format", log->dir);
    LG_SCOPED(lg_buf) text = {0};
    enum lg_rc rc = lg_disk_read_file(log->disk, path, FORMAT_BYTES_MAX, &text, err);

    if (rc == LG_ERR_NOT_FOUND)
        return lg_disk_write_file(log->disk, path, LG_LIT(FORMAT_TEXT), err);
    if (rc == LG_OK && !lg_slice_eq(lg_buf_slice(&text), LG_LIT(FORMAT_TEXT)))
        return lg_error_set(err, LG_ERR_CONFLICT,
                            "%s says \"%.*s\"; this program knows \"lagoon-log 1\": use the "
                            "program that wrote the folder",
                            path, (int)LG_MIN(text.size, (size_t)40), (const char *)text.data);
    return rc;
}

static enum lg_rc open_dir(struct lg_seglog *log, struct lg_error *err)
{
    LG_AUTO_STR char *lock_path = lg_strf("%s/~lock", log->dir);
    enum lg_rc rc = lg_disk_make_dirs(log->disk, log->dir, err);

    if (rc == LG_OK)
        rc = lg_disk_lock(log->disk, lock_path, &log->lock, err);
    if (rc == LG_OK)
        rc = check_format(log, err);
    if (rc == LG_OK)
        rc = lg_seg_topic_scan(log->disk, log->dir, topic_found, log, err);
    return rc;
}

static void finish_close(struct lg_task *task)
{
    struct lg_seglog *log = LG_CONTAINER_OF(task, struct lg_seglog, close_task);
    void (*closed)(void *) = log->closed;
    void *ctx = log->closed_ctx, *value;
    struct lg_slice name;
    size_t at = 0;

    assert(lg_list_empty(&log->retired));
    while (lg_map_next(log->topics, &at, &name, &value))
        topic_free(value);
    lg_map_free(log->topics);
    lg_file_close(log->lock);
    lg_free(log->dir);
    lg_free(log->url);
    lg_free(log);
    if (closed != NULL)
        closed(ctx);
}

enum lg_rc lg_seglog_open(const struct lg_seglog_options *options, struct lg_seglog **out,
                          struct lg_error *err)
{
    struct lg_seglog *log = lg_new(struct lg_seglog);
    enum lg_rc rc;

    log->head.ops = &ops;
    log->disk = options->disk;
    log->space = options->space;
    log->dir = lg_strdup(options->dir);
    log->lane = options->lane;
    log->topics = lg_map_new();
    log->next_number = 1;
    log->open_files_max =
        options->open_files == 0 ? LG_SEGLOG_OPEN_FILES_DEFAULT : options->open_files;
    lg_list_init(&log->retired);
    lg_list_init(&log->open_partitions);
    lg_list_init(&log->dirty);
    rc = open_dir(log, err);
    if (rc != LG_OK) {
        lg_error_wrap(err, "log in %s", log->dir);
        finish_close(&log->close_task);
        return rc;
    }
    *out = log;
    return LG_OK;
}

void lg_seglog_close(struct lg_seglog *log, void (*closed)(void *ctx), void *ctx)
{
    struct lg_slice name;
    void *value;
    size_t at = 0;

    assert(!log->closing);
    log->closed = closed;
    log->closed_ctx = ctx;
    log->closing = true;
    while (lg_map_next(log->topics, &at, &name, &value)) {
        struct seg_topic *t = value;

        for (uint32_t i = 0; i < t->meta.partitions; i++) {
            if (t->partitions[i] == NULL)
                continue;
            seg_append_fail_queue(t->partitions[i], LG_ERR_UNAVAILABLE, "the log is closing");
            seg_fetch_fail_waiting(t->partitions[i], LG_ERR_CANCELLED, "the log is closing");
        }
    }
    close_soon(log);
}

struct lg_pubsub *lg_seglog_pubsub(struct lg_seglog *log)
{
    return &log->head;
}

void lg_seglog_set_url(struct lg_seglog *log, const char *url)
{
    lg_free(log->url);
    log->url = lg_strdup(url);
    log->head.url = log->url;
}
