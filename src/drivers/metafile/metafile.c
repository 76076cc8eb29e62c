/* The embedded metadata store: queueing, group commit, sessions. Owner: its home lane.
 *
 *   WRITEs queue ─▶ flush: decided against the staged tree ─▶ one frame, appended and synced by
 *   offload ─▶ the staged tree becomes the durable one ─▶ watches are told, operations answered
 *
 * At most one offload is under way; meanwhile WRITEs queue up for the next commit. Answers of a
 * group wait for its sync, also the refusals: they were decided against changes of the group.
 */
#include "drivers/metafile/metafile.h"

#include "base/log.h"
#include "base/str.h"
#include "drivers/metafile/meta_files.h"
#include "drivers/metafile/meta_watch.h"
#include "drivers/metafile/metrics.h"
#include "lane/fault.h"
#include "lane/mutant.h"

#define FRAME_BYTES_TARGET ((size_t)8 << 20) /* A commit takes no further operation beyond. */

enum work { IDLE, COMMITTING, RENEWING };

struct session {
    struct lg_metastore head;
    struct lg_metafile *mf;
    uint64_t id;
    struct lg_list link; /* Among those that end. */
    struct lg_task task;
    struct lg_lane *lane; /* Where `closed` runs. */
    void (*closed)(void *ctx);
    void *ctx;
};

struct lg_metafile {
    struct lg_disk *disk;
    struct lg_disk_space *space;
    char *dir;
    struct lg_lane *lane;
    struct lg_file *lock;
    struct lg_meta_files files;
    size_t bytes_max;
    uint64_t journal_bytes_min;
    uint64_t next_renewal_bytes; /* Raised after a renewal that failed. */

    struct lg_meta_tree durable, staged;
    struct lg_list queue; /* WRITEs that wait. */
    struct lg_list group; /* WRITEs of the commit under way. */
    size_t queued;
    struct lg_list ending;       /* Sessions to end with the next commit. */
    struct lg_list ending_group; /* Sessions that end with the commit under way. */
    bool sessions_first;         /* The next commit only ends sessions. */
    struct lg_meta_watchers watchers;
    uint64_t next_session; /* Atomic: sessions are made on any thread. */

    struct lg_buf frame;
    uint32_t effects;
    struct lg_meta_paths changed; /* By the commit under way. */

    struct lg_task flush_task;
    bool flush_posted;
    enum work work;
    uint64_t begun_us; /* the commit that is under way */
    struct lg_offload offload;
    struct lg_meta_tree snapshot_of; /* RENEWING: what is written. */
    enum lg_rc work_rc;
    struct lg_error work_err;
    bool work_broken;
    bool broken; /* Nothing may be written any more. */
    struct lg_error broken_err;

    bool closing;
    struct lg_task close_task;
    void (*closed)(void *ctx);
    void *closed_ctx;
};

static void flush_soon(struct lg_metafile *mf);

/* --- Answers -------------------------------------------------------------------------------- */

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

static void answer_children(struct lg_meta_op *op, const struct lg_meta_node *n)
{
    LG_SCOPED(lg_buf) names = {0};

    for (size_t i = 0; i < n->children.size; i++) {
        lg_buf_append_str(&names, n->children.data[i]->name);
        lg_buf_append_byte(&names, '\n');
    }
    op->value = lg_blob_take(&names);
    answer(op, LG_OK);
}

static void answer_read(struct lg_metafile *mf, struct lg_meta_op *op)
{
    const struct lg_meta_node *n;
    enum lg_rc rc = lg_meta_path_check(op->path, &op->err);

    if (rc != LG_OK) {
        answer(op, rc);
        return;
    }
    n = lg_meta_tree_find(&mf->durable, op->path);
    if (n == NULL) {
        answer(op, lg_error_set(&op->err, LG_ERR_NOT_FOUND, "%s does not exist", op->path));
    } else if (op->kind == LG_META_CHILDREN) {
        answer_children(op, n);
    } else {
        op->value = n->value == NULL ? lg_blob_new(LG_SLICE_NULL) : lg_blob_ref(n->value);
        op->version = n->version;
        answer(op, LG_OK);
    }
}

/* --- Deciding ------------------------------------------------------------------------------- */

static void effect_told(void *ctx, enum lg_meta_effect_kind kind, const char *path,
                        const struct lg_meta_node *node)
{
    struct lg_metafile *mf = ctx;

    lg_meta_paths_add(&mf->changed, path, kind == LG_META_NODE_GONE);
    if (node->session != 0)
        return; /* Ephemeral nodes live in memory only. */
    lg_meta_frame_add(&mf->frame, kind, path, node);
    mf->effects++;
}

/* All changes of one WRITE, or none of them. */
static enum lg_rc decide(struct lg_metafile *mf, struct lg_meta_op *op)
{
    const struct session *session = op->driver_state;
    struct lg_meta_tree trial = lg_meta_tree_share(&mf->staged);
    size_t frame_mark = mf->frame.size, paths_mark = mf->changed.list.size;
    uint32_t effects_mark = mf->effects;
    enum lg_rc rc = LG_OK;

    for (size_t i = 0; rc == LG_OK && i < op->change_count; i++) {
        rc = lg_meta_tree_change(&trial, &op->changes[i], session->id, effect_told, mf, &op->err);
        if (rc != LG_OK)
            op->failed_at = i;
    }
    if (rc == LG_OK && trial.bytes > mf->bytes_max && trial.bytes > mf->staged.bytes)
        rc = lg_error_set(&op->err, LG_ERR_TOO_LARGE,
                          "the metadata would take %zu bytes of memory, at most %zu: remove old "
                          "stores or raise the limit",
                          trial.bytes, mf->bytes_max);
    if (rc == LG_OK) {
        lg_meta_tree_done(&mf->staged);
        mf->staged = trial;
        return LG_OK;
    }
    lg_meta_tree_done(&trial);
    mf->frame.size = frame_mark;
    mf->effects = effects_mark;
    lg_meta_paths_cut(&mf->changed, paths_mark);
    return rc;
}

static void end_sessions(struct lg_metafile *mf)
{
    struct lg_list *link;

    while ((link = lg_list_pop_front(&mf->ending)) != NULL) {
        struct session *s = LG_CONTAINER_OF(link, struct session, link);

        lg_meta_tree_end_session(&mf->staged, s->id, effect_told, mf);
        lg_list_push_back(&mf->ending_group, &s->link);
    }
}

/* --- Commit --------------------------------------------------------------------------------- */

static void session_gone(struct lg_task *task)
{
    struct session *s = LG_CONTAINER_OF(task, struct session, task);
    void (*closed)(void *) = s->closed;
    void *ctx = s->ctx;

    lg_free(s);
    if (closed != NULL)
        closed(ctx);
}

/* The commit found no space, and nothing of it stays: sessions that would have ended with it end
 * with the next, alone, for that needs no disk. */
static bool found_no_space(const struct lg_metafile *mf)
{
    return mf->work_rc == LG_ERR_NO_SPACE && lg_journal_usable(mf->files.journal);
}

static void answer_failed(struct lg_metafile *mf, struct lg_meta_op *op)
{
    if (found_no_space(mf))
        answer(op, lg_error_set(&op->err, LG_ERR_NO_SPACE,
                                "the metadata in %s finds no space on the disk, and nothing was "
                                "changed: remove files, and try again",
                                mf->dir));
    else
        answer(op,
               lg_error_set(&op->err, LG_ERR_UNAVAILABLE,
                            "it is unknown whether the change happened: %s", mf->work_err.text));
}

/* The group is durable (or failed with work_rc): everybody learns it. */
static void settle_group(struct lg_metafile *mf)
{
    struct lg_list *link;

    if (mf->work_rc == LG_OK) {
        lg_meta_tree_done(&mf->durable);
        mf->durable = mf->staged;
        lg_meta_watchers_tell(&mf->watchers, &mf->changed);
    } else {
        lg_meta_tree_done(&mf->staged);
    }
    mf->staged = (struct lg_meta_tree){0};
    lg_meta_paths_cut(&mf->changed, 0);
    while ((link = lg_list_pop_front(&mf->group)) != NULL) {
        struct lg_meta_op *op = LG_CONTAINER_OF(link, struct lg_meta_op, link);

        if (mf->work_rc != LG_OK)
            answer_failed(mf, op);
        else
            answer(op, op->rc);
    }
    while ((link = lg_list_pop_front(&mf->ending_group)) != NULL) {
        struct session *s = LG_CONTAINER_OF(link, struct session, link);

        if (found_no_space(mf)) {
            lg_list_push_back(&mf->ending, &s->link);
            mf->sessions_first = true;
            continue;
        }
        s->task.run = session_gone;
        lg_lane_post(s->lane, &s->task);
    }
    mf->work_rc = LG_OK;
}

static void break_store(struct lg_metafile *mf, const struct lg_error *why)
{
    mf->broken = true;
    lg_error_set(&mf->broken_err, LG_ERR_IO,
                 "the metadata cannot be written since an earlier fault (%s): repair the disk and "
                 "restart",
                 why->text);
    lg_log(LG_LOG_ERROR, "metadata_broken", "dir=%s error=%s", mf->dir, why->text);
}

static enum lg_rc sync_and_note(struct lg_metafile *mf)
{
    enum lg_rc rc = lg_journal_sync(mf->files.journal, &mf->work_err);

    if (rc == LG_OK)
        lg_meta_files_note(mf->dir, &mf->files, mf->files.commit + 1);
    return rc;
}

static void commit_work(struct lg_offload *offload)
{
    struct lg_metafile *mf = LG_CONTAINER_OF(offload, struct lg_metafile, offload);
    struct lg_slice payload = lg_buf_slice(&mf->frame);

    mf->work_rc = lg_journal_append(mf->files.journal, payload, NULL, &mf->work_err);
    if (mf->work_rc == LG_ERR_NO_SPACE && lg_disk_space_release(mf->space))
        mf->work_rc = lg_journal_append(mf->files.journal, payload, NULL, &mf->work_err);
    if (mf->work_rc == LG_OK)
        mf->work_rc = lg_fault_check(LG_FAULT_META_APPENDED, &mf->work_err);
    if (mf->work_rc == LG_OK && !lg_mutant(LG_MUTANT_metadata_acks_before_sync))
        mf->work_rc = sync_and_note(mf);
    if (mf->work_rc == LG_OK)
        mf->work_rc = lg_fault_check(LG_FAULT_META_SYNCED, &mf->work_err);
}

static void renew_work(struct lg_offload *offload)
{
    struct lg_metafile *mf = LG_CONTAINER_OF(offload, struct lg_metafile, offload);

    mf->work_rc = lg_meta_files_renew(mf->disk, mf->dir, &mf->snapshot_of, &mf->files,
                                      &mf->work_broken, &mf->work_err);
}

static void renewed(struct lg_offload *offload)
{
    struct lg_metafile *mf = LG_CONTAINER_OF(offload, struct lg_metafile, offload);

    mf->work = IDLE;
    lg_meta_tree_done(&mf->snapshot_of);
    lg_metric_add(&lg_metric_meta_snapshots_total, mf->work_rc != LG_OK, 1);
    mf->next_renewal_bytes = 0;
    if (mf->work_rc != LG_OK && mf->work_broken) {
        break_store(mf, &mf->work_err);
    } else if (mf->work_rc != LG_OK) {
        lg_log(LG_LOG_WARN, "metadata_snapshot_failed", "dir=%s error=%s", mf->dir,
               mf->work_err.text);
        mf->next_renewal_bytes = lg_journal_size(mf->files.journal) + mf->journal_bytes_min;
    }
    mf->work_rc = LG_OK;
    flush_soon(mf);
}

static bool renewal_is_due(const struct lg_metafile *mf)
{
    uint64_t size = lg_journal_size(mf->files.journal);

    return !mf->broken && !mf->closing && size > mf->journal_bytes_min &&
           size > 4 * (uint64_t)mf->files.snapshot_bytes && size > mf->next_renewal_bytes;
}

static void committed(struct lg_offload *offload)
{
    struct lg_metafile *mf = LG_CONTAINER_OF(offload, struct lg_metafile, offload);

    mf->work = IDLE;
    lg_metric_add(&lg_metric_meta_commits_total, mf->work_rc != LG_OK, 1);
    lg_metric_add(&lg_metric_meta_commit_bytes_total, 0, mf->frame.size);
    lg_metric_observe(&lg_metric_meta_commit_seconds, 0, lg_lane_now_us(mf->lane) - mf->begun_us);
    if (mf->work_rc == LG_OK)
        mf->files.commit++;
    else if (found_no_space(mf))
        lg_log(LG_LOG_ERROR, "metadata_finds_no_space", "dir=%s error=%s", mf->dir,
               mf->work_err.text);
    else
        break_store(mf, &mf->work_err);
    settle_group(mf);
    if (renewal_is_due(mf)) {
        mf->work = RENEWING;
        mf->snapshot_of = lg_meta_tree_share(&mf->durable);
        mf->offload.work = renew_work;
        mf->offload.done = renewed;
        lg_offload(mf->lane, &mf->offload);
    } else {
        flush_soon(mf);
    }
}

/* Nothing may be written: what waits is refused, but sessions end, for they are in memory only. */
static void refuse_queue(struct lg_metafile *mf)
{
    struct lg_list *link;

    while ((link = lg_list_pop_front(&mf->queue)) != NULL) {
        struct lg_meta_op *op = LG_CONTAINER_OF(link, struct lg_meta_op, link);

        mf->queued--;
        answer(op, lg_error_set(&op->err, LG_ERR_IO, "%s", mf->broken_err.text));
    }
}

static void take_queue(struct lg_metafile *mf)
{
    if (mf->sessions_first) {
        mf->sessions_first = false;
        end_sessions(mf);
        return;
    }
    while (mf->frame.size < FRAME_BYTES_TARGET) {
        struct lg_list *link = lg_list_pop_front(&mf->queue);
        struct lg_meta_op *op;

        if (link == NULL) {
            end_sessions(mf); /* After everything their operations asked for. */
            return;
        }
        op = LG_CONTAINER_OF(link, struct lg_meta_op, link);
        mf->queued--;
        op->rc = decide(mf, op);
        lg_list_push_back(&mf->group, &op->link);
    }
}

static void finish_close(struct lg_task *task)
{
    struct lg_metafile *mf = LG_CONTAINER_OF(task, struct lg_metafile, close_task);
    void (*closed)(void *) = mf->closed;
    void *ctx = mf->closed_ctx;

    lg_meta_tree_done(&mf->durable);
    lg_meta_tree_done(&mf->staged);
    lg_meta_paths_done(&mf->changed);
    lg_buf_done(&mf->frame);
    lg_meta_files_done(&mf->files);
    lg_file_close(mf->lock);
    lg_free(mf->dir);
    lg_free(mf);
    if (closed != NULL)
        closed(ctx);
}

static void flush(struct lg_task *task)
{
    struct lg_metafile *mf = LG_CONTAINER_OF(task, struct lg_metafile, flush_task);

    mf->flush_posted = false;
    if (mf->work != IDLE)
        return; /* Its end flushes. */
    if (mf->broken)
        refuse_queue(mf);
    if (!lg_list_empty(&mf->queue) || !lg_list_empty(&mf->ending)) {
        lg_meta_frame_begin(&mf->frame);
        mf->effects = 0;
        mf->staged = lg_meta_tree_share(&mf->durable);
        take_queue(mf);
        if (mf->effects == 0) {
            settle_group(mf); /* Refusals and ephemeral nodes need no disk. */
            flush_soon(mf);
            return;
        }
        lg_meta_frame_end(&mf->frame, mf->files.commit + 1, mf->effects);
        mf->work = COMMITTING;
        mf->begun_us = lg_lane_now_us(mf->lane);
        mf->offload.work = commit_work;
        mf->offload.done = committed;
        lg_offload(mf->lane, &mf->offload);
        return;
    }
    if (mf->closing) {
        mf->close_task.run = finish_close;
        lg_lane_post(mf->lane, &mf->close_task);
    }
}

static void flush_soon(struct lg_metafile *mf)
{
    if (mf->flush_posted ||
        (lg_list_empty(&mf->queue) && lg_list_empty(&mf->ending) && !mf->closing))
        return;
    mf->flush_posted = true;
    mf->flush_task.run = flush;
    lg_lane_post(mf->lane, &mf->flush_task);
}

/* --- The port ------------------------------------------------------------------------------- */

static enum lg_rc check_write(const struct lg_metafile *mf, struct lg_meta_op *op)
{
    size_t bytes = 0;

    if (mf->queued >= LG_METAFILE_QUEUE_MAX)
        return lg_error_set(&op->err, LG_ERR_BUSY, "%d metadata changes are waiting: try later",
                            LG_METAFILE_QUEUE_MAX);
    if (op->change_count > LG_METAFILE_CHANGES_MAX)
        return lg_error_set(&op->err, LG_ERR_TOO_LARGE, "a write of %zu changes, at most %d",
                            op->change_count, LG_METAFILE_CHANGES_MAX);
    for (size_t i = 0; i < op->change_count; i++)
        bytes += op->changes[i].value.size + LG_META_PATH_MAX;
    if (bytes > LG_METAFILE_WRITE_BYTES_MAX)
        return lg_error_set(&op->err, LG_ERR_TOO_LARGE,
                            "a write of %zu bytes, at most %zu: split it", bytes,
                            LG_METAFILE_WRITE_BYTES_MAX);
    return LG_OK;
}

static void op_arrived(struct lg_task *task)
{
    struct lg_meta_op *op = LG_CONTAINER_OF(task, struct lg_meta_op, task);
    struct lg_metafile *mf = ((struct session *)op->driver_state)->mf;
    enum lg_rc rc;

    if (op->kind != LG_META_WRITE) {
        answer_read(mf, op);
        return;
    }
    rc = check_write(mf, op);
    if (rc != LG_OK) {
        answer(op, rc);
        return;
    }
    lg_list_push_back(&mf->queue, &op->link);
    mf->queued++;
    flush_soon(mf);
}

static void metafile_submit(struct lg_metastore *ms, struct lg_meta_op *op)
{
    struct session *s = LG_CONTAINER_OF(ms, struct session, head);

    op->driver_state = s;
    op->rc = LG_OK;
    op->err = (struct lg_error){0};
    op->value = NULL;
    op->failed_at = op->change_count;
    op->task.run = op_arrived;
    lg_lane_post(s->mf->lane, &op->task);
}

static void metafile_watch(struct lg_metastore *ms, struct lg_meta_watch *watch)
{
    struct session *s = LG_CONTAINER_OF(ms, struct session, head);

    lg_meta_watcher_start(&s->mf->watchers, watch);
}

static void metafile_unwatch(struct lg_metastore *ms, struct lg_meta_watch *watch,
                             void (*closed)(struct lg_meta_watch *watch))
{
    (void)ms;
    lg_meta_watcher_stop(watch, closed);
}

static const struct lg_metastore_ops ops = {
    .name = "metafile",
    .submit = metafile_submit,
    .watch = metafile_watch,
    .unwatch = metafile_unwatch,
};

/* --- Sessions ------------------------------------------------------------------------------- */

struct lg_metastore *lg_metafile_session_new(struct lg_metafile *mf)
{
    struct session *s = lg_new(struct session);

    s->head.ops = &ops;
    s->mf = mf;
    s->id = __atomic_add_fetch(&mf->next_session, 1, __ATOMIC_RELAXED);
    lg_list_init(&s->link);
    return &s->head;
}

static void session_ends(struct lg_task *task)
{
    struct session *s = LG_CONTAINER_OF(task, struct session, task);

    lg_list_push_back(&s->mf->ending, &s->link);
    flush_soon(s->mf);
}

void lg_metafile_session_close(struct lg_metastore *session, struct lg_lane *lane,
                               void (*closed)(void *ctx), void *ctx)
{
    struct session *s = LG_CONTAINER_OF(session, struct session, head);

    s->lane = lane;
    s->closed = closed;
    s->ctx = ctx;
    s->task.run = session_ends;
    lg_lane_post(s->mf->lane, &s->task);
}

/* --- Life ----------------------------------------------------------------------------------- */

static enum lg_rc open_files(struct lg_metafile *mf, struct lg_error *err)
{
    LG_AUTO_STR char *lock_path = lg_strf("%s/lock", mf->dir);
    enum lg_rc rc = lg_disk_make_dirs(mf->disk, mf->dir, err);

    if (rc == LG_OK)
        rc = lg_disk_lock(mf->disk, lock_path, &mf->lock, err);
    if (rc == LG_OK)
        rc = lg_meta_files_open(mf->disk, mf->dir, &mf->durable, &mf->files, err);
    return rc;
}

enum lg_rc lg_metafile_open(const struct lg_metafile_options *options, struct lg_metafile **out,
                            struct lg_error *err)
{
    struct lg_metafile *mf = lg_new(struct lg_metafile);
    enum lg_rc rc;

    assert(options->bytes_max <= LG_METAFILE_BYTES_MAX);
    mf->disk = options->disk;
    mf->space = options->space;
    mf->dir = lg_strdup(options->dir);
    mf->lane = options->lane;
    mf->bytes_max = options->bytes_max == 0 ? LG_METAFILE_BYTES_DEFAULT : options->bytes_max;
    mf->journal_bytes_min = options->journal_bytes_min == 0 ? LG_METAFILE_JOURNAL_BYTES_MIN
                                                            : options->journal_bytes_min;
    lg_list_init(&mf->queue);
    lg_list_init(&mf->group);
    lg_list_init(&mf->ending);
    lg_list_init(&mf->ending_group);
    lg_meta_watchers_init(&mf->watchers, mf->lane);
    lg_meta_tree_init(&mf->durable);
    rc = open_files(mf, err);
    if (rc != LG_OK) {
        lg_error_wrap(err, "metadata in %s", mf->dir);
        finish_close(&mf->close_task);
        return rc;
    }
    *out = mf;
    return LG_OK;
}

void lg_metafile_close(struct lg_metafile *mf, void (*closed)(void *ctx), void *ctx)
{
    assert(!mf->closing && lg_list_empty(&mf->watchers.list));
    mf->closing = true;
    mf->closed = closed;
    mf->closed_ctx = ctx;
    flush_soon(mf);
}

uint64_t lg_metafile_generation(const struct lg_metafile *mf)
{
    return mf->files.generation;
}

size_t lg_metafile_bytes(const struct lg_metafile *mf)
{
    return mf->durable.bytes;
}
