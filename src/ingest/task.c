/* Ingestion of one partition replica; see the header for its states. Owner: one lane.
 *
 * At any time at most one thing is under way: a fetch, an offload, or a pause. Whatever ends calls
 * step(), which decides by state and by `stopping` what comes next. */
#include "ingest/task.h"

#include "base/log.h"
#include "base/str.h"
#include "ingest/apply.h"
#include "ingest/metrics.h"
#include "lane/mutant.h"
#include "lane/sm.h"
#include "model/names.h"
#include "storage/warmer.h"

enum { OPENING, CONSUMING, ENDING, SETTLING, READY, FAILED, CLOSING, CLOSED };

static const struct lg_sm_state states[] = {
    [OPENING] = {"opening", LG_TO(CONSUMING) | LG_TO(READY) | LG_TO(FAILED) | LG_TO(CLOSING)},
    [CONSUMING] = {"consuming", LG_TO(ENDING) | LG_TO(OPENING) | LG_TO(FAILED) | LG_TO(CLOSING)},
    [ENDING] = {"ending", LG_TO(SETTLING) | LG_TO(OPENING) | LG_TO(FAILED) | LG_TO(CLOSING)},
    [SETTLING] = {"filling its read index", LG_TO(READY) | LG_TO(CLOSING)},
    [READY] = {"ready", LG_TO(CLOSING)},
    [FAILED] = {"failed", LG_TO(CLOSING)},
    [CLOSING] = {"closing", LG_TO(CLOSED)},
    [CLOSED] = {"closed", 0},
};

struct lg_ingest_task {
    struct lg_ingest_options o;
    char *topic;
    struct lg_sm sm;

    struct lg_pubsub_op fetch;
    struct lg_offload offload;
    struct lg_timer pause;
    bool busy; /* One of fetch and offload is under way. */
    uint64_t backoff_ms;

    /* While an offload runs these are its own; between, the lane's. */
    struct lg_partition *partition;
    struct lg_ingest_apply apply;
    struct lg_blob *batch;
    enum lg_rc rc;
    struct lg_error err;

    uint64_t records, bytes; /* Copies for the lane. */
    uint32_t metric_store;
    uint64_t metric_stores_forgotten; /* when that was asked for */
    uint64_t records_reported;
    struct lg_replica replica;

    bool failed; /* Nothing may be checkpointed any more. */
    bool waits_for_space;
    unsigned failures;         /* Fetches that the log did not answer, one after the other. */
    bool away;                 /* It is one of group->away. */
    uint64_t missing_since_us; /* The topic was not there; 0: it was. */
    bool destroy;
    void (*stopped)(void *ctx, const struct lg_error *err);
    void *stopped_ctx;
};

static void fetch_next(struct lg_ingest_task *t);
static void close_now(struct lg_ingest_task *t);
static void leave_for_space(struct lg_ingest_task *t);

static bool stopping(const struct lg_ingest_task *t)
{
    return t->sm.now == CLOSING;
}

static struct lg_ingest_task *task_of(struct lg_offload *offload)
{
    return LG_CONTAINER_OF(offload, struct lg_ingest_task, offload);
}

static void run(struct lg_ingest_task *t, void (*work)(struct lg_offload *offload),
                void (*done)(struct lg_offload *offload))
{
    assert(!t->busy);
    t->busy = true;
    t->offload.work = work;
    t->offload.done = done;
    lg_offload(t->o.lane, &t->offload);
}

/* The receiver may stop the task: callers look at stopping() afterwards. */
static void tell(struct lg_ingest_task *t, enum lg_ingest_event event, const struct lg_error *err)
{
    struct lg_ingest_status status = {
        .event = event, .records = t->records, .bytes = t->bytes, .err = err};

    t->records_reported = t->records;
    t->o.status(t->o.ctx, t, &status);
}

/* `err` holds the sentence. */
static void fail(struct lg_ingest_task *t, enum lg_rc rc)
{
    t->failed = true;
    t->err.rc = rc;
    lg_metric_add(&lg_metric_ingest_replicas_total, 1, 1);
    lg_sm_move(&t->sm, FAILED);
    tell(t, LG_INGEST_ERROR, &t->err);
}

static uint32_t metric_store_of(const char *topic)
{
    struct lg_slice store;
    int32_t version;
    struct lg_error nobody_to_tell;

    if (lg_names_parse_version_topic(lg_slice_str(topic), &store, &version, &nobody_to_tell) !=
        LG_OK)
        return LG_METRIC_STORE_OTHER;
    else {
        LG_AUTO_STR char *name = lg_strndup((const char *)store.data, store.size);

        return lg_metric_store(name);
    }
}

/* A task may live longer than a store's number: its store may be deleted and come back. */
static uint32_t metric_store(struct lg_ingest_task *t)
{
    uint64_t forgotten = lg_metric_stores_forgotten() + 1; /* 0: not asked yet */

    if (t->metric_stores_forgotten != forgotten)
        t->metric_store = metric_store_of(t->topic);
    t->metric_stores_forgotten = forgotten;
    return t->metric_store;
}

static void count_progress(struct lg_ingest_task *t, uint64_t records, uint64_t bytes)
{
    const struct lg_metric *m = &lg_metric_ingest_records_total;

    /* At the open of a replica all it has jumps into view; only growth after that is work. */
    if (t->sm.now != OPENING && records >= t->records && bytes >= t->bytes) {
        uint32_t store = metric_store(t);

        lg_metric_add(m, lg_metric_of_store(m, store, 0), records - t->records);
        lg_metric_add(&lg_metric_ingest_bytes_total, lg_metric_of_store(m, store, 0),
                      bytes - t->bytes);
    }
    t->records = records;
    t->bytes = bytes;
}

/* An offload is over: counters for the lane. True when the task goes on. */
static bool landed(struct lg_ingest_task *t)
{
    enum lg_rc rc = t->rc; /* The receiver of an error may stop the task, which uses t->rc anew. */

    assert(t->busy);
    t->busy = false;
    if (t->partition != NULL) {
        count_progress(t, lg_partition_records(t->partition), lg_partition_bytes(t->partition));
    }
    t->failed |= rc != LG_OK;
    if (stopping(t)) {
        close_now(t);
        return false;
    }
    if (rc == LG_ERR_NO_SPACE)
        leave_for_space(t);
    else if (rc != LG_OK)
        fail(t, rc);
    return rc == LG_OK;
}

static void set_waiting(struct lg_ingest_task *t, bool waits)
{
    if (waits && !t->waits_for_space)
        lg_metric_add(&lg_metric_ingest_waiting_for_space, 0, 1);
    else if (!waits && t->waits_for_space)
        lg_metric_sub(&lg_metric_ingest_waiting_for_space, 0, 1);
    t->waits_for_space = waits;
}

/* --- The log is away, and back. ----------------------------------------------------------------
 *
 * One line for all tasks of the lane, when the first one has noticed and when the last one is
 * served. */

static void note_answer(struct lg_ingest_task *t)
{
    struct lg_ingest_group *g = t->o.group;

    t->failures = 0;
    if (!t->away)
        return;
    t->away = false;
    lg_metric_sub(&lg_metric_ingest_waiting_for_log, 0, 1);
    if (g != NULL && --g->away == 0)
        lg_log(LG_LOG_INFO, "log_is_back", "after_s=%llu",
               (unsigned long long)((lg_lane_now_us(t->o.lane) - g->since_us) / LG_SEC));
}

static void note_silence(struct lg_ingest_task *t, const struct lg_error *why)
{
    struct lg_ingest_group *g = t->o.group;

    lg_metric_add(&lg_metric_ingest_waits_total, 0, 1);
    if (++t->failures != LG_INGEST_AWAY_FAILURES || t->away)
        return;
    t->away = true;
    lg_metric_add(&lg_metric_ingest_waiting_for_log, 0, 1);
    if (g == NULL || g->away++ > 0)
        return;
    g->since_us = lg_lane_now_us(t->o.lane);
    lg_log(LG_LOG_WARN, "log_is_away",
           "topic=%s partition=%u reason=\"%s\" what=\"replicas wait and go on by themselves\"",
           t->topic, t->o.partition, why->text);
}

static bool is_readable(const struct lg_ingest_task *t)
{
    return t->sm.now == SETTLING || t->sm.now == READY;
}

static void index_settled(struct lg_replica *r)
{
    struct lg_ingest_task *t = LG_CONTAINER_OF(r, struct lg_ingest_task, replica);

    lg_sm_move(&t->sm, READY);
    tell(t, LG_INGEST_COMPLETED, NULL);
}

static void become_readable(struct lg_ingest_task *t)
{
    bool loaded = t->sm.now == ENDING; /* Else it was complete when it was opened. */
    struct lg_partition_shape shape = lg_partition_shape(t->partition);

    lg_replica_init(&t->replica, t->o.lane, lg_partition_engine(t->partition), t->topic,
                    t->o.partition);
    t->replica.chunked = shape.chunked;
    t->replica.compression = shape.compression;
    t->replica.dictionary = shape.dictionary;
    if (t->o.warmer != NULL)
        lg_warmer_add(t->o.warmer, &t->replica, lg_partition_records(t->partition),
                      lg_partition_bytes(t->partition));
    if (loaded)
        lg_metric_add(&lg_metric_ingest_replicas_total, 0, 1);
    set_waiting(t, false);
    lg_sm_move(&t->sm, loaded ? SETTLING : READY);
    tell(t, LG_INGEST_READABLE, NULL);
    if (t->sm.now == SETTLING && t->o.warmer != NULL)
        lg_warmer_settle(t->o.warmer, &t->replica, index_settled);
    else if (t->sm.now == SETTLING)
        index_settled(&t->replica);
    else if (t->sm.now == READY)
        tell(t, LG_INGEST_COMPLETED, NULL);
}

/* Whose fault it is that `err` tells of; what storage says names the replica already. */
static void name_it(struct lg_ingest_task *t)
{
    if (strstr(t->err.text, t->topic) != NULL)
        return;
    (void)lg_error_wrap(&t->err, "topic %s, partition %u", t->topic, t->o.partition);
}

/* --- Ending ---------------------------------------------------------------------------------- */

static void end_work(struct lg_offload *offload)
{
    struct lg_ingest_task *t = task_of(offload);

    t->rc = lg_ingest_apply_end(&t->apply, &t->err);
    if (t->rc != LG_OK)
        name_it(t);
}

static void end_done(struct lg_offload *offload)
{
    struct lg_ingest_task *t = task_of(offload);

    if (landed(t))
        become_readable(t);
}

static void end_of_push(struct lg_ingest_task *t)
{
    lg_sm_move(&t->sm, ENDING);
    tell(t, LG_INGEST_END_OF_PUSH_RECEIVED, NULL);
    if (!stopping(t))
        run(t, end_work, end_done);
}

/* --- Consuming ------------------------------------------------------------------------------- */

static void apply_work(struct lg_offload *offload)
{
    struct lg_ingest_task *t = task_of(offload);

    t->rc = lg_ingest_apply_batch(&t->apply, t->batch->bytes, &t->err);
    if (t->rc != LG_OK)
        name_it(t);
}

static void apply_done(struct lg_offload *offload)
{
    struct lg_ingest_task *t = task_of(offload);
    int64_t lag_ms = (int64_t)lg_lane_wall_ms(t->o.lane) - t->apply.newest_ms;

    lg_blob_unref(LG_TAKE(t->batch));
    if (!landed(t))
        return;
    lg_metric_observe(&lg_metric_ingest_lag_seconds, 0, (uint64_t)LG_MAX(lag_ms, 0) * LG_MS);
    if (t->apply.end_of_push) {
        end_of_push(t);
        return;
    }
    if (t->records - t->records_reported >= LG_INGEST_PROGRESS_RECORDS)
        tell(t, LG_INGEST_PROGRESS, NULL);
    if (!stopping(t))
        fetch_next(t);
}

static void pause_over(struct lg_timer *timer)
{
    fetch_next(LG_CONTAINER_OF(timer, struct lg_ingest_task, pause));
}

/* The log is away: between half the pause and all of it, so that many tasks do not come at once. */
static void wait_and_fetch(struct lg_ingest_task *t)
{
    uint64_t half_us = t->backoff_ms * LG_MS / 2;
    uint64_t jitter_us = lg_rand_below(&t->o.lane->rand, half_us + 1);

    lg_timer_start(t->o.lane, &t->pause, half_us + jitter_us, pause_over);
    t->backoff_ms = LG_MIN(t->backoff_ms * 2, (uint64_t)LG_INGEST_BACKOFF_MS_MAX);
}

/* Whoever takes in data waits first; what is there is read on. */
static bool must_wait_for_space(struct lg_ingest_task *t)
{
    set_waiting(t, lg_disk_space_is_low(t->o.space));
    if (t->waits_for_space)
        lg_timer_start(t->o.lane, &t->pause, LG_INGEST_SPACE_MS * LG_MS, pause_over);
    return t->waits_for_space;
}

static bool worth_waiting(enum lg_rc rc)
{
    return rc == LG_ERR_BUSY || rc == LG_ERR_UNAVAILABLE || rc == LG_ERR_TIMEOUT;
}

/* A new topic may not be known everywhere at once. */
static bool may_be_late(struct lg_ingest_task *t)
{
    uint64_t now_us = lg_lane_now_us(t->o.lane);

    if (t->missing_since_us == 0)
        t->missing_since_us = now_us;
    return now_us - t->missing_since_us < LG_INGEST_TOPIC_MS * LG_MS;
}

static void fail_missing(struct lg_ingest_task *t)
{
    lg_error_set(&t->err, LG_ERR_NOT_FOUND,
                 "topic %s does not exist any more; partition %u is not complete and cannot be "
                 "completed without it: push the store again",
                 t->topic, t->o.partition);
    fail(t, LG_ERR_NOT_FOUND);
}

/* The log has answered where its topic begins: is all of it still there? */
static void start_known(struct lg_pubsub_op *op)
{
    struct lg_ingest_task *t = LG_CONTAINER_OF(op, struct lg_ingest_task, fetch);
    bool whole = op->rc == LG_OK && lg_position_is_earliest(&op->position);
    enum lg_rc rc = t->err.rc;

    assert(t->busy);
    t->busy = false;
    if (stopping(t)) {
        close_now(t);
        return;
    }
    if (op->rc == LG_OK && lg_mutant(LG_MUTANT_skips_gone_position)) {
        t->apply.position = op->position;
        wait_and_fetch(t);
        return;
    }
    (void)lg_error_wrap(&t->err, "topic %s, partition %u", t->topic, t->o.partition);
    if (t->err.rc != LG_OK) {
        LG_AUTO_STR char *text = lg_strf(
            "%s; %s", t->err.text,
            whole ? "the topic is whole from its beginning: reset the replica with --wipe and it "
                    "reads all of it"
                  : "what it lacks is in the topic no more: push the store again");

        (void)lg_error_set(&t->err, rc, "%s", text);
    }
    fail(t, rc);
}

/* What follows our position is not in the log: never skipped. The log is asked once more, so that
 * the sentence can say what helps. */
static void position_is_gone(struct lg_ingest_task *t, const struct lg_error *why)
{
    t->err = *why;
    t->busy = true;
    t->fetch = (struct lg_pubsub_op){.kind = LG_PUBSUB_START,
                                     .lane = t->o.lane,
                                     .topic = t->topic,
                                     .partition = t->o.partition,
                                     .done = start_known};
    lg_pubsub_submit(t->o.pubsub, &t->fetch);
}

static void fetch_failed(struct lg_ingest_task *t, struct lg_pubsub_op *op)
{
    bool gone = op->rc == LG_ERR_POSITION_GONE || op->rc == LG_ERR_CONFLICT;

    if (worth_waiting(op->rc)) {
        note_silence(t, &op->err);
        wait_and_fetch(t);
    } else if (op->rc == LG_ERR_NOT_FOUND && may_be_late(t)) {
        wait_and_fetch(t);
    } else if (op->rc == LG_ERR_NOT_FOUND) {
        fail_missing(t);
    } else if (gone) {
        position_is_gone(t, &op->err);
    } else {
        lg_error_set(&t->err, op->rc, "topic %s, partition %u: %s", t->topic, t->o.partition,
                     op->err.text);
        fail(t, op->rc);
    }
}

/* The log has no record and neither have we: the push has yet to begin, or retention has removed
 * all of it. Then nothing will ever come. */
static void empty_start_known(struct lg_pubsub_op *op)
{
    struct lg_ingest_task *t = LG_CONTAINER_OF(op, struct lg_ingest_task, fetch);

    assert(t->busy);
    t->busy = false;
    if (stopping(t)) {
        close_now(t);
    } else if (op->rc != LG_OK) {
        wait_and_fetch(t); /* The fetch tells what is the matter. */
    } else if (lg_position_is_earliest(&op->position)) {
        fetch_next(t);
    } else {
        (void)lg_error_set(&t->err, LG_ERR_POSITION_GONE,
                           "topic %s, partition %u: retention has removed every record; what the "
                           "replica lacks is in the topic no more: push the store again",
                           t->topic, t->o.partition);
        fail(t, LG_ERR_POSITION_GONE);
    }
}

static void ask_where_it_begins(struct lg_ingest_task *t)
{
    assert(!t->busy);
    t->busy = true;
    t->fetch = (struct lg_pubsub_op){.kind = LG_PUBSUB_START,
                                     .lane = t->o.lane,
                                     .topic = t->topic,
                                     .partition = t->o.partition,
                                     .done = empty_start_known};
    lg_pubsub_submit(t->o.pubsub, &t->fetch);
}

static void fetched(struct lg_pubsub_op *op)
{
    struct lg_ingest_task *t = LG_CONTAINER_OF(op, struct lg_ingest_task, fetch);

    assert(t->busy);
    t->busy = false;
    t->batch = LG_TAKE(op->blob);
    if (stopping(t)) {
        lg_blob_unref(LG_TAKE(t->batch));
        close_now(t);
        return;
    }
    if (!worth_waiting(op->rc))
        note_answer(t);
    if (op->rc != LG_OK) {
        fetch_failed(t, op);
        return;
    }
    t->missing_since_us = 0;
    t->backoff_ms = LG_INGEST_BACKOFF_MS_MIN;
    if (t->batch == NULL && lg_position_is_earliest(&t->apply.position))
        ask_where_it_begins(t);
    else if (t->batch == NULL)
        fetch_next(t);
    else
        run(t, apply_work, apply_done);
}

static void fetch_next(struct lg_ingest_task *t)
{
    if (t->o.pubsub == NULL) {
        lg_error_set(&t->err, LG_ERR_UNAVAILABLE,
                     "topic %s, partition %u is not complete, and no log was given to read",
                     t->topic, t->o.partition);
        fail(t, LG_ERR_UNAVAILABLE);
        return;
    }
    assert(!t->busy);
    if (must_wait_for_space(t))
        return;
    t->busy = true;
    t->fetch = (struct lg_pubsub_op){
        .kind = LG_PUBSUB_FETCH,
        .lane = t->o.lane,
        .topic = t->topic,
        .partition = t->o.partition,
        .position = t->apply.position,
        .max_bytes = t->o.fetch_bytes == 0 ? LG_INGEST_FETCH_BYTES : t->o.fetch_bytes,
        .wait_ms = LG_INGEST_WAIT_MS,
        .done = fetched,
    };
    lg_pubsub_submit(t->o.pubsub, &t->fetch);
}

/* --- Opening --------------------------------------------------------------------------------- */

static void open_work(struct lg_offload *offload)
{
    struct lg_ingest_task *t = task_of(offload);
    struct lg_partition_options o = {.driver = t->o.driver,
                                     .checkpoints = t->o.checkpoints,
                                     .topic = t->topic,
                                     .partition = t->o.partition,
                                     .sync_bytes = t->o.sync_bytes,
                                     .file_bytes = t->o.file_bytes};

    t->rc = LG_OK;
    if (t->o.wipe)
        t->rc =
            lg_partition_destroy(t->o.driver, t->o.checkpoints, t->topic, t->o.partition, &t->err);
    if (t->rc == LG_OK)
        t->rc = lg_partition_open(&o, &t->partition, &t->err);
    if (t->rc == LG_OK)
        t->rc = lg_ingest_apply_open(t->partition, &t->apply, &t->err);
    if (t->rc != LG_OK)
        name_it(t);
}

static void open_done(struct lg_offload *offload)
{
    struct lg_ingest_task *t = task_of(offload);

    if (!landed(t))
        return;
    if (lg_partition_wiped(t->partition) != NULL)
        lg_log(LG_LOG_WARN, "replica_wiped", "topic=%s partition=%u reason=\"%s\"", t->topic,
               t->o.partition, lg_partition_wiped(t->partition));
    t->o.wipe = false; /* Done; opened again after a wait it goes on. */
    if (lg_partition_checkpoint(t->partition)->end_of_push) {
        become_readable(t);
        return;
    }
    set_waiting(t, false);
    lg_sm_move(&t->sm, CONSUMING);
    tell(t, LG_INGEST_STARTED, NULL);
    if (!stopping(t))
        fetch_next(t);
}

/* --- A disk that is full all the same. --------------------------------------------------------
 */

static void open_again(struct lg_timer *timer)
{
    struct lg_ingest_task *t = LG_CONTAINER_OF(timer, struct lg_ingest_task, pause);

    t->failed = false;
    run(t, open_work, open_done);
}

static void leave_work(struct lg_offload *offload)
{
    struct lg_ingest_task *t = task_of(offload);

    lg_ingest_apply_done(&t->apply);
    lg_partition_close(LG_TAKE(t->partition));
}

static void left(struct lg_offload *offload)
{
    struct lg_ingest_task *t = task_of(offload);

    t->busy = false;
    if (stopping(t))
        close_now(t);
    else
        lg_timer_start(t->o.lane, &t->pause, LG_INGEST_SPACE_MS * LG_MS, open_again);
}

/* What is in memory may be past what is stored: the checkpoint says where to go on. */
static void leave_for_space(struct lg_ingest_task *t)
{
    lg_log(LG_LOG_WARN, "replica_waits_for_space", "topic=%s partition=%u reason=\"%s\"", t->topic,
           t->o.partition, t->err.text);
    set_waiting(t, true);
    if (t->sm.now != OPENING)
        lg_sm_move(&t->sm, OPENING);
    else
        tell(t, LG_INGEST_WAITING, NULL);
    if (!stopping(t))
        run(t, leave_work, left);
}

struct lg_ingest_task *lg_ingest_task_start(const struct lg_ingest_options *o)
{
    struct lg_ingest_task *t = lg_new(struct lg_ingest_task);

    t->o = *o;
    t->topic = lg_strdup(o->topic);
    t->o.topic = t->topic;
    t->backoff_ms = LG_INGEST_BACKOFF_MS_MIN;
    lg_sm_start(&t->sm, states);
    run(t, open_work, open_done);
    return t;
}

/* --- Closing --------------------------------------------------------------------------------- */

/* An orderly stop in the middle of a push saves where it stands. */
static enum lg_rc save_progress(struct lg_ingest_task *t)
{
    if (t->partition == NULL || t->failed || t->destroy || !lg_partition_started(t->partition) ||
        lg_partition_checkpoint(t->partition)->end_of_push || t->apply.end_of_push)
        return LG_OK;
    return lg_ingest_apply_sync(&t->apply, &t->err);
}

static void close_work(struct lg_offload *offload)
{
    struct lg_ingest_task *t = task_of(offload);

    t->rc = save_progress(t);
    lg_ingest_apply_done(&t->apply);
    lg_partition_close(LG_TAKE(t->partition));
    if (t->destroy)
        t->rc =
            lg_partition_destroy(t->o.driver, t->o.checkpoints, t->topic, t->o.partition, &t->err);
}

static void close_done(struct lg_offload *offload)
{
    struct lg_ingest_task *t = task_of(offload);

    lg_sm_move(&t->sm, CLOSED);
    t->stopped(t->stopped_ctx, t->rc == LG_OK ? NULL : &t->err);
    lg_free(t->topic);
    set_waiting(t, false);
    lg_free(t);
}

/* Nothing is under way any more. */
static void close_now(struct lg_ingest_task *t)
{
    run(t, close_work, close_done);
}

static void readers_gone(struct lg_replica *r)
{
    close_now(LG_CONTAINER_OF(r, struct lg_ingest_task, replica));
}

static void index_gone(struct lg_replica *r)
{
    lg_replica_retire(r, readers_gone);
}

void lg_ingest_task_stop(struct lg_ingest_task *t, bool destroy,
                         void (*stopped)(void *ctx, const struct lg_error *err), void *ctx)
{
    bool readable = is_readable(t);
    unsigned was = t->sm.now;

    assert(!stopping(t) && "stop is called once");
    note_answer(t); /* It does not wait any more. */
    t->destroy = destroy;
    t->stopped = stopped;
    t->stopped_ctx = ctx;
    lg_sm_move(&t->sm, CLOSING);
    lg_timer_stop(t->o.lane, &t->pause);
    if (readable && t->o.warmer != NULL)
        lg_warmer_remove(t->o.warmer, &t->replica, index_gone);
    else if (readable)
        lg_replica_retire(&t->replica, readers_gone);
    else if (!t->busy)
        close_now(t);
    else if (was == CONSUMING && t->batch == NULL)
        lg_pubsub_cancel(t->o.pubsub, &t->fetch); /* Its end comes to fetched(). */
}

/* --- Questions ------------------------------------------------------------------------------- */

struct lg_replica *lg_ingest_task_replica(struct lg_ingest_task *t)
{
    return is_readable(t) ? &t->replica : NULL;
}

bool lg_ingest_task_is_complete(const struct lg_ingest_task *t)
{
    return t->sm.now == READY;
}

void lg_ingest_task_want(struct lg_ingest_task *t, enum lg_warm_rank rank)
{
    if (is_readable(t) && t->o.warmer != NULL)
        lg_warmer_want(t->o.warmer, &t->replica, rank);
}

const char *lg_ingest_task_topic(const struct lg_ingest_task *t)
{
    return t->topic;
}

uint32_t lg_ingest_task_partition(const struct lg_ingest_task *t)
{
    return t->o.partition;
}

uint64_t lg_ingest_task_records(const struct lg_ingest_task *t)
{
    return t->records;
}

uint64_t lg_ingest_task_bytes(const struct lg_ingest_task *t)
{
    return t->bytes;
}

const char *lg_ingest_task_state(const struct lg_ingest_task *t)
{
    if (t->waits_for_space && !stopping(t))
        return "waiting for disk space";
    return t->away ? "waiting for the log" : lg_sm_name(&t->sm);
}
