/* What is done with one replica, step by step, as its life says (server/replica_state): opened when
 * it is its turn, told, withdrawn before it is closed, closed, tried again. */
#include "base/log.h"
#include "lane/mutant.h"
#include "server/metrics.h"
#include "server/replica_set.h"

#define STEPS_MAX 8u /* that follow at once from each other */

static void open_next(struct lg_replica_manager *m);

/* The labels of server_replicas. */
enum { LOAD_LOADING, LOAD_SERVING, LOAD_FAILED };

static uint32_t label_of(enum lg_replica_state state)
{
    switch (state) {
    case LG_REPLICA_STANDBY:
        return 1;
    case LG_REPLICA_LEADER:
        return 2;
    case LG_REPLICA_ERROR:
        return 3;
    default:
        return 0; /* OFFLINE */
    }
}

static void count_as(struct lg_held *h, bool counted)
{
    struct lg_replica_manager *m = h->topic->manager;
    enum lg_replica_state state = lg_replica_life_told(&h->life);
    uint32_t told = label_of(state);
    uint32_t load = h->status == LG_PUSH_COMPLETED ? LOAD_SERVING
                    : state == LG_REPLICA_ERROR    ? LOAD_FAILED
                                                   : LOAD_LOADING;

    if (h->counted) {
        lg_metric_sub(&lg_metric_server_replica_states, h->counted_as, 1);
        lg_metric_sub(&lg_metric_server_replicas, h->counted_load, 1);
        m->states[h->counted_as]--;
    }
    if (counted) {
        lg_metric_add(&lg_metric_server_replica_states, told, 1);
        lg_metric_add(&lg_metric_server_replicas, load, 1);
        m->states[told]++;
    }
    h->counted = counted;
    h->counted_as = told;
    h->counted_load = load;
}

/* What readers find. */
static void show(const struct lg_held *h, enum lg_replica_found found)
{
    const struct lg_held_topic *t = h->topic;
    struct lg_serving *serving = t->manager->o.serving;

    if (serving != NULL)
        lg_serving_set(serving, lg_slice_str(t->name), t->partition_count, h->partition, found,
                       found == LG_REPLICA_SERVING ? lg_ingest_task_replica(h->task) : NULL);
}

struct lg_held *lg_held_new(struct lg_held_topic *t, uint32_t partition)
{
    struct lg_held *h = lg_new(struct lg_held);
    struct lg_replica_manager *m = t->manager;

    h->topic = t;
    h->partition = partition;
    h->status = LG_PUSH_NOT_STARTED;
    lg_replica_life_init(
        &h->life, m->o.identity == NULL ? 0 : lg_identity_reset(m->o.identity, t->name, partition));
    lg_list_init(&h->queue_link);
    count_as(h, true);
    t->held[partition] = h;
    show(h, LG_REPLICA_NOT_READY);
    t->count++;
    m->replicas++;
    return h;
}

/* Nobody waits for its turn behind it any more. */
static void leave_queue(struct lg_held *h)
{
    struct lg_replica_manager *m = h->topic->manager;

    lg_list_remove(&h->queue_link);
    h->queued = false;
    if (h->opening)
        m->opening--;
    h->opening = false;
}

static void held_free(struct lg_held *h)
{
    struct lg_held_topic *t = h->topic;
    struct lg_replica_manager *m = t->manager;

    lg_timer_stop(m->o.lane, &h->timer);
    leave_queue(h);
    count_as(h, false);
    show(h, LG_REPLICA_NOT_OURS);
    t->held[h->partition] = NULL;
    t->count--;
    m->replicas--;
    lg_free(h);
}

/* --- Opening. ----------------------------------------------------------------------------------
 */

static const enum lg_push_status status_of_event[] = {
    [LG_INGEST_STARTED] = LG_PUSH_STARTED,
    [LG_INGEST_PROGRESS] = LG_PUSH_STARTED,
    [LG_INGEST_END_OF_PUSH_RECEIVED] = LG_PUSH_END_OF_PUSH_RECEIVED,
    [LG_INGEST_COMPLETED] = LG_PUSH_COMPLETED,
    [LG_INGEST_ERROR] = LG_PUSH_ERROR,
};

void lg_held_judge(struct lg_held *h)
{
    const struct lg_replica_manager_options *o = &h->topic->manager->o;
    struct lg_replica_judgement j;

    if (o->judge == NULL)
        return;
    j = o->judge(o->judge_ctx, h->topic->name);
    if (o->serving != NULL)
        lg_serving_close(o->serving, lg_slice_str(h->topic->name), j.closed);
    if (h->task != NULL)
        lg_ingest_task_want(h->task, j.rank);
}

/* A reset that is done is not done again after a restart. */
static void keep_reset(struct lg_held *h)
{
    struct lg_replica_manager *m = h->topic->manager;

    if (m->o.identity == NULL ||
        lg_identity_reset(m->o.identity, h->topic->name, h->partition) == h->life.reset_done)
        return;
    lg_log(LG_LOG_INFO, "replica_reset", "topic=%s partition=%u reset=%lld", h->topic->name,
           h->partition, (long long)h->life.reset_done);
    lg_metric_add(&lg_metric_server_resets_total, 0, 1);
    lg_identity_set_reset(m->o.identity, h->topic->name, h->partition, h->life.reset_done);
}

static void pause_over(struct lg_timer *timer)
{
    struct lg_held *h = LG_CONTAINER_OF(timer, struct lg_held, timer);

    h->life.again = h->life.sm.now == LG_LIFE_IS_ERROR;
    lg_held_drive(h);
}

static void failed(struct lg_held *h, const struct lg_error *why)
{
    struct lg_replica_manager *m = h->topic->manager;
    uint64_t pause_ms;

    if (!lg_replica_life_failed(&h->life))
        return;
    h->err = *why;
    pause_ms = lg_replica_worth_retry(why->rc) ? lg_replica_retry_ms(h->life.tries) : 0;
    lg_timer_stop(m->o.lane, &h->timer);
    if (pause_ms > 0)
        lg_timer_start(m->o.lane, &h->timer, pause_ms * LG_MS, pause_over);
    lg_log(LG_LOG_ERROR, "replica_failed",
           "topic=%s partition=%u tries=%u again_ms=%llu reason=\"%s\"", h->topic->name,
           h->partition, h->life.tries, (unsigned long long)pause_ms, h->err.text);
}

static void opened(struct lg_held *h)
{
    bool was = h->life.sm.now == LG_LIFE_IS_OPENING;

    lg_replica_life_opened(&h->life);
    if (was)
        keep_reset(h);
}

/* Readers that come find it. The others are told when it is complete. */
static void readable(struct lg_held *h)
{
    lg_held_judge(h);
    show(h, LG_REPLICA_SERVING);
}

static void task_reports(void *ctx, struct lg_ingest_task *task,
                         const struct lg_ingest_status *status)
{
    struct lg_held *h = ctx;
    struct lg_replica_manager *m = h->topic->manager;
    enum lg_push_status before = h->status;

    (void)task;
    if (status->event == LG_INGEST_READABLE) {
        readable(h);
        return;
    }
    leave_queue(h); /* It is open, or failed, or waits for room on the disk. */
    if (status->event != LG_INGEST_WAITING) {
        h->status = status_of_event[status->event];
        h->records = status->records;
        h->bytes = status->bytes;
        if (status->event == LG_INGEST_ERROR)
            failed(h, status->err);
        else
            opened(h);
    }
    if (lg_mutant(LG_MUTANT_publishes_before_ready) &&
        (status->event == LG_INGEST_STARTED || status->event == LG_INGEST_PROGRESS))
        h->status = LG_PUSH_COMPLETED;
    if (status->event == LG_INGEST_COMPLETED) {
        lg_replica_life_completed(&h->life);
        h->err = (struct lg_error){0};
        lg_log(LG_LOG_INFO, "replica_completed", "topic=%s partition=%u records=%llu",
               h->topic->name, h->partition, (unsigned long long)h->records);
    }
    lg_replica_report_touch(h->topic, h->status != before || status->event == LG_INGEST_COMPLETED);
    lg_held_drive(h);
    open_next(m);
}

static void open_now(struct lg_held *h)
{
    struct lg_replica_manager *m = h->topic->manager;

    lg_replica_life_do(&h->life, LG_LIFE_OPEN);
    if (h->life.tries == 0) {
        h->status = LG_PUSH_NOT_STARTED;
        h->err = (struct lg_error){0};
    }
    h->opening = true;
    m->opening++;
    h->task =
        lg_ingest_task_start(&(struct lg_ingest_options){.lane = m->o.lane,
                                                         .pubsub = m->o.pubsub,
                                                         .driver = m->o.driver,
                                                         .space = m->o.space,
                                                         .checkpoints = m->o.checkpoints,
                                                         .group = &m->ingest,
                                                         .warmer = m->o.warmer,
                                                         .topic = h->topic->name,
                                                         .partition = h->partition,
                                                         .wipe = lg_replica_life_wipes(&h->life),
                                                         .status = task_reports,
                                                         .ctx = h});
    count_as(h, true);
}

static void open_next(struct lg_replica_manager *m)
{
    while (m->opening < m->o.opens_max && !lg_list_empty(&m->queue)) {
        struct lg_held *h =
            LG_CONTAINER_OF(lg_list_pop_front(&m->queue), struct lg_held, queue_link);

        h->queued = false;
        open_now(h);
    }
    m->settled |= m->read_once && m->opening == 0;
}

static void enqueue(struct lg_held *h)
{
    struct lg_replica_manager *m = h->topic->manager;

    if (h->queued)
        return;
    h->queued = true;
    lg_list_push_back(&m->queue, &h->queue_link);
    open_next(m);
}

/* --- Leaving. ----------------------------------------------------------------------------------
 */

static void grace_over(struct lg_timer *timer)
{
    struct lg_held *h = LG_CONTAINER_OF(timer, struct lg_held, timer);

    h->life.quiet = h->life.sm.now == LG_LIFE_IS_LEAVING;
    lg_held_drive(h);
}

/* Readers that were on their way when it was withdrawn are still answered. */
void lg_held_withdrawn(struct lg_held *h)
{
    struct lg_replica_manager *m = h->topic->manager;

    if (h->life.sm.now != LG_LIFE_IS_LEAVING || h->withdrawn)
        return;
    h->withdrawn = true;
    lg_timer_start(m->o.lane, &h->timer, m->o.drop_grace_ms * LG_MS, grace_over);
}

static void leave(struct lg_held *h)
{
    lg_replica_life_do(&h->life, LG_LIFE_LEAVE);
    h->withdrawn = h->withdrawing = false;
    h->status = LG_PUSH_NOT_STARTED; /* A reset tells so; of what is dropped nothing is told. */
    h->life.quiet = lg_mutant(LG_MUTANT_drops_before_withdraw);
}

static void come_back(struct lg_held *h)
{
    struct lg_replica_manager *m = h->topic->manager;

    lg_replica_life_do(&h->life, LG_LIFE_COME_BACK);
    lg_timer_stop(m->o.lane, &h->timer);
    h->status = lg_ingest_task_is_complete(h->task) ? LG_PUSH_COMPLETED : LG_PUSH_STARTED;
}

static void task_stopped(void *ctx, const struct lg_error *err)
{
    struct lg_held *h = ctx;
    struct lg_held_topic *t = h->topic;
    struct lg_replica_manager *m = t->manager;

    h->task = NULL;
    leave_queue(h);
    if (err != NULL) {
        lg_log(LG_LOG_WARN, "replica_not_closed", "topic=%s partition=%u reason=\"%s\"", t->name,
               h->partition, err->text);
        if (h->destroying && !h->life.wanted)
            lg_replica_sweep_add(m, t->name, h->partition); /* Tries again, in peace. */
    }
    lg_replica_life_closed(&h->life);
    lg_held_drive(h);
    open_next(m);
    lg_replica_manager_end_if_idle(m);
}

static void close_now(struct lg_held *h)
{
    struct lg_replica_manager *m = h->topic->manager;

    h->destroying = lg_replica_life_destroys(&h->life);
    lg_replica_life_do(&h->life, LG_LIFE_CLOSE);
    lg_timer_stop(m->o.lane, &h->timer);
    show(h, LG_REPLICA_NOT_READY);
    lg_ingest_task_stop(h->task, h->destroying, task_stopped, h);
}

/* --- The whole. --------------------------------------------------------------------------------
 */

/* It is not open. What a former life left of it is removed like all that is not ours. */
static void drop(struct lg_held *h)
{
    struct lg_held_topic *t = h->topic;
    struct lg_replica_manager *m = t->manager;

    if (h->life.sm.now == LG_LIFE_IS_QUEUED) {
        if (!h->life.ending)
            lg_replica_sweep_add(m, t->name, h->partition);
        lg_replica_life_do(&h->life, LG_LIFE_DROP);
    }
    if (m->o.identity != NULL && !h->life.ending)
        lg_identity_set_reset(m->o.identity, t->name, h->partition, 0);
    held_free(h);
    if (!m->stopping)
        lg_replica_report_touch(t, /* now= */ true);
    lg_held_topic_free_if_gone(t);
}

static void act(struct lg_held *h, enum lg_life_act what)
{
    switch (what) {
    case LG_LIFE_PROMOTE:
    case LG_LIFE_DEMOTE:
        lg_replica_life_do(&h->life, what);
        lg_log(LG_LOG_INFO, what == LG_LIFE_PROMOTE ? "replica_leads" : "replica_follows",
               "topic=%s partition=%u term=%lld", h->topic->name, h->partition,
               (long long)h->life.term);
        break;
    case LG_LIFE_LEAVE:
        leave(h);
        break;
    case LG_LIFE_COME_BACK:
        come_back(h);
        break;
    case LG_LIFE_CLOSE:
        close_now(h);
        break;
    case LG_LIFE_OPEN:
    case LG_LIFE_STAY:
    case LG_LIFE_DROP:
        break; /* The caller's. */
    }
}

void lg_held_drive(struct lg_held *h)
{
    enum lg_life_act what = lg_replica_life_next(&h->life);
    bool moved = false;

    for (unsigned i = 0;
         i < STEPS_MAX && what != LG_LIFE_STAY && what != LG_LIFE_OPEN && what != LG_LIFE_DROP;
         i++) {
        act(h, what);
        moved = true;
        lg_metric_add(&lg_metric_server_transitions_total, (uint32_t)what - 1, 1);
        what = lg_replica_life_next(&h->life);
    }
    if (what == LG_LIFE_DROP || h->life.sm.now == LG_LIFE_IS_DROPPED) {
        drop(h);
        return;
    }
    if (what == LG_LIFE_OPEN)
        enqueue(h);
    count_as(h, true);
    if (moved)
        lg_replica_report_touch(h->topic, /* now= */ true);
}
