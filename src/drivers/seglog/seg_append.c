/* Produces of the embedded log: a queue per partition, and commits that take what is queued.
 *
 *   queue ─▶ flush (end of the tick) ─▶ commit: one frame per partition, written, then synced, all
 *   in one offload ─▶ acknowledged
 *
 * One frame per partition and sync, never more: two unsynced frames could come back from a power
 * cut with a hole between them. At most COMMITS_MAX commits are under way and at most one per
 * partition; what arrives meanwhile queues up and shares the next.
 */
#include "drivers/seglog/seg_log.h"

#include "base/log.h"
#include "base/str.h"
#include "drivers/seglog/metrics.h"
#include "lane/fault.h"
#include "lane/mutant.h"
#include "pubsub/batch.h"

#define COMMITS_MAX 2u
#define FRAME_BYTES_TARGET ((size_t)1 << 20)   /* A frame takes no further batch beyond. */
#define COMMIT_BYTES_TARGET ((size_t)32 << 20) /* A commit takes no further partition beyond. */

struct part { /* One partition's share of a commit. */
    struct seg_partition *partition;
    struct lg_buf framed; /* the payload, with room for the journal's header before it */
    struct lg_list requests;
    uint32_t count;
    struct lg_journal *journal; /* Made by the work when the partition had none. */
    uint64_t at;
    enum lg_rc rc;
    struct lg_error err;
};

struct commit {
    struct lg_offload offload;
    struct lg_seglog *log;
    size_t bytes;
    uint64_t begun_us;
    LG_VEC(struct part *) parts;
};

/* --- The work, on a pool thread ------------------------------------------------------------- */

static enum lg_rc append_part(struct part *part, struct lg_error *err)
{
    struct seg_partition *p = part->partition;
    enum lg_rc rc = LG_OK;

    if (part->journal == NULL) {
        LG_AUTO_STR char *path = seg_partition_path(p);
        struct lg_journal_options options = {
            .disk = p->topic->log->disk,
            .path = path,
            .kind = LG_SEG_JOURNAL_KIND,
            .version = LG_SEG_JOURNAL_VERSION,
            .create = true,
        };

        rc = lg_journal_open(&options, &part->journal, err);
    }
    if (rc == LG_OK)
        rc = lg_journal_append_framed(part->journal, &part->framed, &part->at, err);
    if (rc == LG_OK)
        rc = lg_fault_check(LG_FAULT_LOG_APPENDED, err);
    return rc;
}

static void commit_work(struct lg_offload *offload)
{
    struct commit *c = LG_CONTAINER_OF(offload, struct commit, offload);

    for (size_t i = 0; i < c->parts.size; i++) {
        struct part *part = c->parts.data[i];

        part->rc = append_part(part, &part->err);
    }
    for (size_t i = 0; i < c->parts.size; i++) {
        struct part *part = c->parts.data[i];

        if (part->rc == LG_OK && !lg_mutant(LG_MUTANT_log_acks_before_sync))
            part->rc = lg_journal_sync(part->journal, &part->err);
        if (part->rc == LG_OK)
            part->rc = lg_fault_check(LG_FAULT_LOG_SYNCED, &part->err);
    }
}

/* --- After it ------------------------------------------------------------------------------- */

static void flush_soon(struct lg_seglog *log);

static void mark_dirty(struct seg_partition *p)
{
    if (p->committing || lg_list_empty(&p->queue) || !lg_list_empty(&p->dirty_link))
        return;
    lg_list_push_back(&p->topic->log->dirty, &p->dirty_link);
    flush_soon(p->topic->log);
}

static void acknowledge(struct part *part)
{
    struct seg_partition *p = part->partition;
    struct lg_list *link;

    lg_seg_index_add(&p->index, p->next_offset, part->at);
    while ((link = lg_list_pop_front(&part->requests)) != NULL) {
        struct seg_request *r = LG_CONTAINER_OF(link, struct seg_request, link);

        p->unacked_bytes -= r->op->blob->bytes.size;
        p->next_offset += (int64_t)r->count;
        lg_metric_add(&lg_metric_log_append_records_total, 0, r->count);
        r->op->position = seg_position(p->next_offset - 1);
        seg_answer(r, LG_OK);
    }
}

static void answer_all(struct part *part)
{
    struct seg_partition *p = part->partition;
    struct lg_list *link;

    while ((link = lg_list_pop_front(&part->requests)) != NULL) {
        struct seg_request *r = LG_CONTAINER_OF(link, struct seg_request, link);

        p->unacked_bytes -= r->op->blob->bytes.size;
        r->op->err = part->err;
        seg_answer(r, part->rc);
    }
}

/* Nothing of it stays in the journal: the writers may come again. */
static bool found_no_space(const struct part *part)
{
    return part->rc == LG_ERR_NO_SPACE &&
           (part->journal == NULL || lg_journal_usable(part->journal));
}

static void refuse(struct part *part)
{
    struct seg_partition *p = part->partition;
    LG_AUTO_STR char *path = seg_partition_path(p);

    if (found_no_space(part)) {
        lg_log(LG_LOG_WARN, "log_finds_no_space", "partition=%s error=%s", path, part->err.text);
        answer_all(part);
        return;
    }
    p->refuses = true;
    lg_error_set(&p->fault, LG_ERR_IO,
                 "%s takes no records since a write failed (%s): repair the disk and restart", path,
                 part->err.text);
    lg_log(LG_LOG_ERROR, "log_append_failed", "partition=%s error=%s", path, part->err.text);
    answer_all(part);
    seg_append_fail_queue(p, LG_ERR_IO, p->fault.text);
}

static void settle_part(struct part *part)
{
    struct seg_partition *p = part->partition;
    bool fresh = p->journal == NULL && part->journal != NULL;

    p->committing = false;
    if (fresh) { /* Else it is as it was, and a read on another thread may be looking at it. */
        p->journal = part->journal;
        p->topic->log->open_files++;
    }
    seg_partition_used(p);
    if (part->rc == LG_OK)
        acknowledge(part);
    else
        refuse(part);
    mark_dirty(p);
    seg_fetch_wake(p);
}

static void committed(struct lg_offload *offload)
{
    struct commit *c = LG_CONTAINER_OF(offload, struct commit, offload);
    struct lg_seglog *log = c->log;

    log->commits--;
    lg_metric_observe(&lg_metric_log_commit_seconds, 0, lg_lane_now_us(log->lane) - c->begun_us);
    for (size_t i = 0; i < c->parts.size; i++) {
        struct part *part = c->parts.data[i];
        struct seg_topic *topic = part->partition->topic;

        settle_part(part);
        lg_buf_done(&part->framed);
        lg_free(part);
        seg_job_ended(log, topic);
    }
    LG_VEC_DONE(&c->parts);
    lg_free(c);
    if (!lg_list_empty(&log->dirty))
        flush_soon(log);
}

/* --- Before it ------------------------------------------------------------------------------ */

static bool is_late(struct seg_request *r)
{
    struct lg_pubsub_op *op = r->op;

    if (lg_lane_now_us(r->home) <= r->deadline_us)
        return false;
    lg_error_set(&op->err, LG_ERR_TIMEOUT, "topic %s/%u: the disk did not take the records in time",
                 op->topic, op->partition);
    return true;
}

static void take_requests(struct part *part)
{
    static const uint8_t room[LG_JOURNAL_ROOM_BYTES];
    struct seg_partition *p = part->partition;

    lg_buf_append(&part->framed, room, sizeof(room));
    lg_seg_frame_begin(&part->framed, p->next_offset, 0);
    while (!lg_list_empty(&p->queue) && part->framed.size < FRAME_BYTES_TARGET) {
        struct lg_list *link = lg_list_pop_front(&p->queue);
        struct seg_request *r = LG_CONTAINER_OF(link, struct seg_request, link);

        if (is_late(r)) {
            p->unacked_bytes -= r->op->blob->bytes.size;
            seg_answer(r, LG_ERR_TIMEOUT);
            continue;
        }
        lg_buf_append_slice(&part->framed, r->op->blob->bytes);
        part->count += (uint32_t)r->count;
        lg_list_push_back(&part->requests, &r->link);
    }
    for (size_t i = 0; i < 4; i++)
        part->framed.data[sizeof(room) + 8 + i] = (uint8_t)(part->count >> (8 * i));
}

/* Moves a partition's queue into the commit. */
static void add_part(struct commit *c, struct seg_partition *p)
{
    struct part *part = lg_new(struct part);

    part->partition = p;
    part->journal = p->journal;
    lg_list_init(&part->requests);
    take_requests(part);
    if (part->count == 0) { /* All of them were late. */
        lg_buf_done(&part->framed);
        lg_free(part);
        return;
    }
    p->committing = true;
    c->bytes += part->framed.size;
    LG_VEC_PUSH(&c->parts, part);
    seg_job_begun(c->log, p->topic);
}

static void flush(struct lg_task *task)
{
    struct lg_seglog *log = LG_CONTAINER_OF(task, struct lg_seglog, flush_task);
    struct commit *c;
    struct lg_list *link;

    log->flush_posted = false;
    if (log->commits >= COMMITS_MAX || lg_list_empty(&log->dirty)) {
        seg_job_ended(log, NULL); /* The flush itself. */
        return;
    }
    c = lg_new(struct commit);
    c->log = log;
    while (c->bytes < COMMIT_BYTES_TARGET && (link = lg_list_pop_front(&log->dirty)) != NULL)
        add_part(c, LG_CONTAINER_OF(link, struct seg_partition, dirty_link));
    if (c->parts.size == 0) {
        lg_free(c);
    } else {
        log->commits++;
        c->begun_us = lg_lane_now_us(log->lane);
        c->offload.work = commit_work;
        c->offload.done = committed;
        lg_offload(log->lane, &c->offload);
    }
    if (!lg_list_empty(&log->dirty))
        flush_soon(log);
    seg_job_ended(log, NULL);
}

static void flush_soon(struct lg_seglog *log)
{
    if (log->flush_posted || log->commits >= COMMITS_MAX)
        return;
    log->flush_posted = true;
    log->flush_task.run = flush;
    seg_job_begun(log, NULL);
    lg_lane_post(log->lane, &log->flush_task);
}

void seg_append_fail_queue(struct seg_partition *p, enum lg_rc rc, const char *why)
{
    struct lg_list *link;

    lg_list_remove(&p->dirty_link);
    while ((link = lg_list_pop_front(&p->queue)) != NULL) {
        struct seg_request *r = LG_CONTAINER_OF(link, struct seg_request, link);

        p->unacked_bytes -= r->op->blob->bytes.size;
        lg_error_set(&r->op->err, rc, "%s", why);
        seg_answer(r, rc);
    }
}

void seg_append_submit(struct seg_request *r)
{
    struct seg_partition *p = r->partition;
    struct lg_pubsub_op *op = r->op;
    size_t size = op->blob->bytes.size;
    enum lg_rc rc = lg_batch_check(op->blob->bytes, &r->count, &op->err);

    if (rc == LG_OK && r->count == 0)
        rc = lg_error_set(&op->err, LG_ERR_INVALID, "topic %s/%u: a batch without records",
                          op->topic, op->partition);
    if (rc == LG_OK && p->refuses)
        rc = lg_error_set(&op->err, LG_ERR_IO, "%s", p->fault.text);
    if (rc == LG_OK)
        rc = lg_disk_space_check(p->topic->log->space, &op->err);
    if (rc == LG_OK && p->unacked_bytes + size > LG_SEGLOG_UNACKED_BYTES_MAX) {
        lg_metric_add(&lg_metric_log_refused_total, 0, 1);
        rc = lg_error_set(&op->err, LG_ERR_BUSY,
                          "topic %s/%u: %zu bytes wait for the disk already: try later", op->topic,
                          op->partition, p->unacked_bytes);
    }
    if (rc != LG_OK) {
        seg_answer(r, rc);
        return;
    }
    p->unacked_bytes += size;
    lg_list_push_back(&p->queue, &r->link);
    mark_dirty(p);
}
