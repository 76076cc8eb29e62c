/* Reading the embedded log: opening partitions, reads, fetches that wait for records.
 *
 *   fetch ─▶ partition open? ─▶ records there? ─yes─▶ offloaded read ─▶ answer
 *                                  └─no─▶ waits: woken by a commit, its timer, or a cancel
 */
#include "drivers/seglog/seg_log.h"

#include "base/log.h"
#include "base/str.h"
#include "pubsub/batch.h"

#define TIME_BYTES_PER_STEP ((size_t)16 << 20) /* read in one piece of work */
#define POSITION_BYTES 15u                     /* of a record in an answer: type, size, a varint */

/* --- Opening -------------------------------------------------------------------------------- */

char *seg_partition_path(const struct seg_partition *p)
{
    LG_AUTO_STR char *folder =
        lg_seg_topic_dir(p->topic->log->dir, p->topic->meta.name, p->topic->meta.number);

    return lg_strf("%s/%05u.log", folder, p->number);
}

static enum lg_rc replay_frame(void *ctx, uint64_t offset, struct lg_slice payload,
                               struct lg_error *err)
{
    struct seg_partition *p = ctx;
    struct lg_seg_frame frame;
    enum lg_rc rc = lg_seg_frame_read(payload, &frame, err);

    if (rc != LG_OK)
        return lg_error_wrap(err, "frame at %llu", (unsigned long long)offset);
    if (frame.base != p->new_next)
        return lg_error_set(
            err, LG_ERR_CORRUPT, "frame at %llu begins with record %lld, expected is %lld",
            (unsigned long long)offset, (long long)frame.base, (long long)p->new_next);
    lg_seg_index_add(&p->new_index, frame.base, offset);
    p->new_next += (int64_t)frame.count;
    return LG_OK;
}

static void open_work(struct lg_offload *offload)
{
    struct seg_partition *p = LG_CONTAINER_OF(offload, struct seg_partition, offload);
    LG_AUTO_STR char *path = seg_partition_path(p);
    struct lg_journal_options options = {
        .disk = p->topic->log->disk,
        .path = path,
        .kind = LG_SEG_JOURNAL_KIND,
        .version = LG_SEG_JOURNAL_VERSION,
        .create = false,
        .replay = replay_frame,
        .ctx = p,
    };

    lg_journal_close(LG_TAKE(p->evicted));
    p->new_next = 0;
    p->work_rc = lg_journal_open(&options, &p->new_journal, &p->work_err);
    if (p->work_rc == LG_ERR_NOT_FOUND) { /* Never written: the first commit makes it. */
        p->new_journal = NULL;
        p->work_rc = LG_OK;
    }
    if (p->work_rc != LG_OK)
        lg_error_wrap(&p->work_err, "%s", path);
}

static void settle_opening(struct seg_partition *p)
{
    if (p->work_rc == LG_OK) {
        p->state = SEG_OPEN;
        p->journal = p->new_journal;
        p->index = p->new_index;
        p->next_offset = p->new_next;
        if (p->journal != NULL)
            p->topic->log->open_files++;
        seg_partition_used(p);
    } else {
        bool lasting = p->work_rc == LG_ERR_CORRUPT || p->work_rc == LG_ERR_CONFLICT;

        lg_seg_index_done(&p->new_index);
        p->state = lasting ? SEG_DAMAGED : SEG_CLOSED; /* Else the next use tries again. */
        p->fault = p->work_err;
        lg_log(LG_LOG_ERROR, "log_open_failed", "error=%s", p->work_err.text);
    }
    p->new_journal = NULL;
    p->new_index = (struct lg_seg_index){0};
}

static void opened(struct lg_offload *offload)
{
    struct seg_partition *p = LG_CONTAINER_OF(offload, struct seg_partition, offload);
    struct seg_topic *topic = p->topic;
    struct lg_list waiters;
    struct lg_list *link;

    settle_opening(p);
    lg_list_init(&waiters);
    while ((link = lg_list_pop_front(&p->opening)) != NULL)
        lg_list_push_back(&waiters, link);
    while ((link = lg_list_pop_front(&waiters)) != NULL) {
        struct seg_request *r = LG_CONTAINER_OF(link, struct seg_request, link);

        if (p->work_rc == LG_OK) {
            seg_dispatch(r);
        } else {
            r->op->err = p->work_err;
            seg_answer(r, p->work_rc);
        }
    }
    seg_job_ended(topic->log, topic);
}

/* Too many files are open: takes the journal of a partition that nobody uses just now. */
static struct lg_journal *evict(struct lg_seglog *log)
{
    if (log->open_files < log->open_files_max)
        return NULL;
    LG_LIST_EACH(it, &log->open_partitions)
    {
        struct seg_partition *p = LG_CONTAINER_OF(it, struct seg_partition, open_link);

        if (p->committing || p->reads > 0 || !lg_list_empty(&p->queue) || p->refuses)
            continue;
        lg_list_remove(&p->open_link);
        lg_seg_index_done(&p->index);
        p->state = SEG_CLOSED;
        log->open_files--;
        return LG_TAKE(p->journal);
    }
    return NULL; /* All are busy: one more for now. */
}

void seg_partition_used(struct seg_partition *p)
{
    if (p->journal == NULL)
        return;
    lg_list_remove(&p->open_link);
    lg_list_push_back(&p->topic->log->open_partitions, &p->open_link);
}

bool seg_partition_ready(struct seg_partition *p, struct seg_request *r)
{
    switch (p->state) {
    case SEG_OPEN:
        seg_partition_used(p);
        return true;
    case SEG_DAMAGED:
        r->op->err = p->fault;
        seg_answer(r, p->fault.rc);
        return false;
    case SEG_OPENING:
        lg_list_push_back(&p->opening, &r->link);
        return false;
    case SEG_CLOSED:
        break;
    }
    p->state = SEG_OPENING;
    lg_list_push_back(&p->opening, &r->link);
    p->evicted = evict(p->topic->log);
    p->offload.work = open_work;
    p->offload.done = opened;
    seg_job_begun(p->topic->log, p->topic);
    lg_offload(p->topic->log->lane, &p->offload);
    return false;
}

void seg_partition_free(struct seg_partition *p)
{
    if (p == NULL)
        return;
    assert(lg_list_empty(&p->queue) && lg_list_empty(&p->waiting) && lg_list_empty(&p->opening));
    lg_list_remove(&p->open_link);
    lg_list_remove(&p->dirty_link);
    lg_seg_index_done(&p->index);
    lg_journal_close(p->journal);
    lg_free(p);
}

/* --- The read, on a pool thread ------------------------------------------------------------- */

/* Adds the wanted records of a frame; `*out_full` when the answer is large enough. */
static enum lg_rc take_records(struct seg_request *r, const struct lg_seg_frame *frame,
                               size_t max_bytes, bool *out_full, struct lg_error *err)
{
    struct lg_batch_reader reader = lg_batch_read(frame->records);
    int64_t offset = frame->base;

    for (;; offset++) {
        struct lg_slice before = reader.rest;
        struct lg_pubsub_record record;
        bool end = false;
        enum lg_rc rc = lg_batch_next(&reader, &record, &end, err);

        if (rc != LG_OK)
            return lg_error_set(err, LG_ERR_CORRUPT, "record %lld cannot be read",
                                (long long)offset);
        if (end)
            break;
        if (offset <= r->after)
            continue;
        if (r->found.size > 0 && r->found.size + (before.size - reader.rest.size) > max_bytes) {
            *out_full = true;
            return LG_OK;
        }
        record.position = seg_position(offset);
        lg_batch_add(&r->found, &record);
        r->last = offset;
    }
    if (offset != frame->base + (int64_t)frame->count)
        return lg_error_set(err, LG_ERR_CORRUPT, "the frame of record %lld holds another number",
                            (long long)frame->base);
    return LG_OK;
}

static enum lg_rc read_frames(struct seg_request *r, struct lg_error *err)
{
    size_t max_bytes = r->op->max_bytes == 0 ? LG_SEGLOG_FETCH_BYTES_DEFAULT : r->op->max_bytes;
    LG_SCOPED(lg_buf) payload = {0};
    int64_t seen = 0;
    bool full = false;

    max_bytes = LG_MIN(max_bytes, LG_SEGLOG_FETCH_BYTES_MAX);
    while (!full && seen < r->read_end && r->found.size < max_bytes) {
        struct lg_seg_frame frame;
        uint64_t next = 0;
        enum lg_rc rc = lg_journal_read(r->partition->journal, r->read_at, &payload, &next, err);

        if (rc == LG_ERR_NOT_FOUND)
            return lg_error_set(err, LG_ERR_CORRUPT, "it ends before record %lld",
                                (long long)r->read_end);
        if (rc == LG_OK)
            rc = lg_seg_frame_read(lg_buf_slice(&payload), &frame, err);
        if (rc != LG_OK)
            return rc;
        if (r->found.data == NULL) /* The most that this answer can need, if it is one frame. */
            (void)lg_buf_reserve(&r->found, LG_MIN(max_bytes, payload.size) +
                                                frame.count * (size_t)POSITION_BYTES);
        seen = frame.base + (int64_t)frame.count;
        r->read_at = next;
        if (seen > r->after + 1)
            rc = take_records(r, &frame, max_bytes, &full, err);
        if (rc != LG_OK)
            return rc;
    }
    return LG_OK;
}

static void read_work(struct lg_offload *offload)
{
    struct seg_request *r = LG_CONTAINER_OF(offload, struct seg_request, offload);

    r->work_rc = read_frames(r, &r->work_err);
    if (r->work_rc != LG_OK) {
        LG_AUTO_STR char *path = seg_partition_path(r->partition);

        lg_error_wrap(&r->work_err, "%s", path);
    }
}

static void read_done(struct lg_offload *offload)
{
    struct seg_request *r = LG_CONTAINER_OF(offload, struct seg_request, offload);
    struct seg_topic *topic = r->partition->topic;
    struct lg_seglog *log = r->log;

    r->partition->reads--;
    if (r->work_rc == LG_OK) {
        r->op->blob = lg_blob_take(&r->found);
        r->op->position = seg_position(r->last);
    } else {
        lg_log(LG_LOG_ERROR, "log_read_failed", "error=%s", r->work_err.text);
        r->op->err = r->work_err;
    }
    seg_answer(r, r->work_rc);
    seg_job_ended(log, topic);
}

static void start_read(struct seg_request *r)
{
    struct seg_partition *p = r->partition;
    bool indexed = lg_seg_index_find(&p->index, r->after + 1, &r->read_at);

    assert(indexed && p->journal != NULL);
    r->read_end = p->next_offset;
    p->reads++;
    r->offload.work = read_work;
    r->offload.done = read_done;
    seg_job_begun(r->log, p->topic);
    lg_offload(r->home, &r->offload);
}

/* --- The first record of a time -------------------------------------------------------------- */

/* Looks through a frame; `last` follows. */
static enum lg_rc look_for_time(struct seg_request *r, const struct lg_seg_frame *frame,
                                struct lg_error *err)
{
    struct lg_batch_reader reader = lg_batch_read(frame->records);
    int64_t offset = frame->base;
    bool end = false;

    for (;; offset++) {
        struct lg_pubsub_record record;
        enum lg_rc rc = lg_batch_next(&reader, &record, &end, err);

        if (rc != LG_OK)
            return lg_error_set(err, LG_ERR_CORRUPT, "record %lld cannot be read",
                                (long long)offset);
        if (end)
            return LG_OK;
        if (record.timestamp_ms >= r->time_ms) {
            r->time_found = true;
            return LG_OK;
        }
        r->last = offset;
    }
}

static enum lg_rc read_times(struct seg_request *r, struct lg_error *err)
{
    LG_SCOPED(lg_buf) payload = {0};
    size_t seen = 0;

    while (!r->time_found && r->last + 1 < r->read_end && seen < TIME_BYTES_PER_STEP) {
        struct lg_seg_frame frame;
        uint64_t next = 0;
        enum lg_rc rc = lg_journal_read(r->partition->journal, r->read_at, &payload, &next, err);

        if (rc == LG_ERR_NOT_FOUND)
            return lg_error_set(err, LG_ERR_CORRUPT, "it ends before record %lld",
                                (long long)r->read_end);
        if (rc == LG_OK)
            rc = lg_seg_frame_read(lg_buf_slice(&payload), &frame, err);
        if (rc == LG_OK)
            rc = look_for_time(r, &frame, err);
        if (rc != LG_OK)
            return rc;
        seen += payload.size;
        r->read_at = next;
    }
    return LG_OK;
}

static void time_work(struct lg_offload *offload)
{
    struct seg_request *r = LG_CONTAINER_OF(offload, struct seg_request, offload);

    r->work_rc = read_times(r, &r->work_err);
    if (r->work_rc != LG_OK) {
        LG_AUTO_STR char *path = seg_partition_path(r->partition);

        lg_error_wrap(&r->work_err, "%s", path);
    }
}

static void time_step(struct seg_request *r);

static void time_done(struct lg_offload *offload)
{
    struct seg_request *r = LG_CONTAINER_OF(offload, struct seg_request, offload);
    struct seg_topic *topic = r->partition->topic;
    struct lg_seglog *log = r->log;

    r->partition->reads--;
    if (r->work_rc != LG_OK) {
        lg_log(LG_LOG_ERROR, "log_read_failed", "error=%s", r->work_err.text);
        r->op->err = r->work_err;
        seg_answer(r, r->work_rc);
    } else if (r->time_found || r->last + 1 >= r->read_end) {
        r->op->position = seg_position(r->last);
        seg_answer(r, LG_OK);
    } else if (topic->state != SEG_LIVE || log->closing) {
        seg_answer(r, lg_error_set(&r->op->err, LG_ERR_NOT_FOUND, "topic %s was deleted meanwhile",
                                   r->op->topic));
    } else if (lg_lane_now_us(r->home) > r->deadline_us) {
        seg_answer(r, lg_error_set(&r->op->err, LG_ERR_TIMEOUT,
                                   "topic %s/%u: looking for a time took too long", r->op->topic,
                                   r->op->partition));
    } else {
        time_step(r);
    }
    seg_job_ended(log, topic);
}

static void time_step(struct seg_request *r)
{
    r->partition->reads++;
    r->offload.work = time_work;
    r->offload.done = time_done;
    seg_job_begun(r->log, r->partition->topic);
    lg_offload(r->home, &r->offload);
}

/* There is no index of times: the log is read from its beginning, in steps. */
void seg_time_submit(struct seg_request *r)
{
    struct seg_partition *p = r->partition;

    r->last = -1;
    r->time_ms = r->op->timestamp_ms;
    r->read_end = p->next_offset;
    if (r->time_ms < 0 || p->next_offset == 0) {
        r->op->position = lg_position_earliest();
        seg_answer(r, LG_OK);
        return;
    }
    r->read_at = lg_journal_begin(p->journal);
    time_step(r);
}

/* --- Fetches -------------------------------------------------------------------------------- */

static enum lg_rc resolve(struct seg_request *r, struct lg_error *err)
{
    const struct lg_position *p = &r->op->position;
    int64_t end = r->partition->next_offset;

    if (lg_position_is_earliest(p)) {
        r->after = -1;
    } else if (lg_position_is_latest(p)) {
        r->after = end - 1;
    } else if (!lg_position_offset(p, &r->after)) {
        return lg_error_set(err, LG_ERR_INVALID,
                            "topic %s/%u: a position of type %d is not one of this log",
                            r->op->topic, r->op->partition, p->type);
    } else if (r->after >= end) {
        return lg_error_set(err, LG_ERR_CONFLICT,
                            "topic %s/%u: position %lld lies beyond the end, which is %lld: the "
                            "topic was made anew since; read from the beginning",
                            r->op->topic, r->op->partition, (long long)r->after,
                            (long long)end - 1);
    }
    r->resolved = true;
    return LG_OK;
}

static void wait_ended(struct lg_timer *timer)
{
    struct seg_request *r = LG_CONTAINER_OF(timer, struct seg_request, timer);

    lg_list_remove(&r->link);
    seg_answer(r, LG_OK); /* No record came: blob NULL, position unchanged. */
}

void seg_fetch_submit(struct seg_request *r)
{
    struct seg_partition *p = r->partition;
    uint64_t now = lg_lane_now_us(r->home);

    if (!r->resolved) {
        enum lg_rc rc = resolve(r, &r->op->err);

        if (rc != LG_OK) {
            seg_answer(r, rc);
            return;
        }
    }
    if (r->after + 1 < p->next_offset) {
        start_read(r);
    } else if (r->cancelled) {
        seg_answer(r, lg_error_set(&r->op->err, LG_ERR_CANCELLED, "the fetch was cancelled"));
    } else if (now >= r->wait_until_us) {
        seg_answer(r, LG_OK);
    } else {
        lg_list_push_back(&p->waiting, &r->link);
        lg_timer_start(r->home, &r->timer, r->wait_until_us - now, wait_ended);
    }
}

void seg_fetch_cancel(struct seg_request *r)
{
    r->cancelled = true;
    if (!lg_timer_armed(&r->timer))
        return; /* Being opened or read: looked at before it would wait. */
    lg_list_remove(&r->link);
    seg_answer(r, lg_error_set(&r->op->err, LG_ERR_CANCELLED, "the fetch was cancelled"));
}

static void take_waiting(struct seg_partition *p, struct lg_list *out)
{
    struct lg_list *link;

    lg_list_init(out);
    while ((link = lg_list_pop_front(&p->waiting)) != NULL) {
        struct seg_request *r = LG_CONTAINER_OF(link, struct seg_request, link);

        lg_timer_stop(r->home, &r->timer);
        lg_list_push_back(out, &r->link);
    }
}

void seg_fetch_wake(struct seg_partition *p)
{
    struct lg_list woken, *link;

    take_waiting(p, &woken);
    while ((link = lg_list_pop_front(&woken)) != NULL)
        seg_dispatch(LG_CONTAINER_OF(link, struct seg_request, link));
}

void seg_fetch_fail_waiting(struct seg_partition *p, enum lg_rc rc, const char *why)
{
    struct lg_list woken, *link;

    take_waiting(p, &woken);
    while ((link = lg_list_pop_front(&woken)) != NULL) {
        struct seg_request *r = LG_CONTAINER_OF(link, struct seg_request, link);

        lg_error_set(&r->op->err, rc, "%s", why);
        seg_answer(r, rc);
    }
}
