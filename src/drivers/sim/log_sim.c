/* Each operation goes on to the inner driver as a copy, and comes back when its fate allows.
 *
 *     submit ──lost, gone────────────────────────▶ pause ──▶ done
 *       └────▶ inner ──twice──▶ inner ──late──▶ pause ──▶ done
 *
 * Owner: the lane it was made for. */
#include "drivers/sim/log_sim.h"

#include "base/str.h"
#include "base/vec.h"
#include "pubsub/batch.h"

#define GAPS_MAX 256u
#define GAP_RECORDS 4u /* So many go, and others follow them. */

struct gap { /* What is before `first`, and it, is not there. */
    char *topic;
    uint32_t partition;
    struct lg_position first;
};

struct lg_log_sim {
    struct lg_pubsub head; /* First. */
    struct lg_pubsub *inner;
    struct lg_lane *lane;
    const struct lg_log_sim_faults *faults;
    size_t ops;  /* under way */
    bool closed; /* It goes with the last of them. */
    LG_VEC(struct gap) gaps;
};

struct log_op {
    struct lg_log_sim *log;
    struct lg_pubsub_op inner, *outer;
    bool lost, answer_lost, again, empty;
    bool is_short;     /* It answers few records, ... */
    bool strikes_gone; /* ... and they are removed, if there are some. */
    bool gone;
    uint64_t late_us;
    struct lg_timer pause;
};

/* --- Retention. --------------------------------------------------------------------------------
 */

static void forget_gaps(struct lg_log_sim *log)
{
    for (size_t i = 0; i < log->gaps.size; i++)
        lg_free(log->gaps.data[i].topic);
    log->gaps.size = 0;
}

static struct gap *gap_of(struct lg_log_sim *log, const struct lg_pubsub_op *op)
{
    if (log->faults->gone == 0)
        forget_gaps(log);
    for (size_t i = 0; i < log->gaps.size; i++)
        if (log->gaps.data[i].partition == op->partition &&
            strcmp(log->gaps.data[i].topic, op->topic) == 0)
            return &log->gaps.data[i];
    return NULL;
}

static bool is_before_gap(struct lg_log_sim *log, const struct lg_pubsub_op *op)
{
    const struct gap *g = gap_of(log, op);

    return g != NULL && lg_pubsub_compare(log->inner, &op->position, &g->first) < 0;
}

/* Only the first records of what a fetch answered, as if nobody wanted more. */
static void shorten(struct lg_pubsub_op *fetch)
{
    struct lg_batch_reader reader;
    struct lg_pubsub_record record = {0};
    struct lg_blob *rest;
    struct lg_error err;
    bool end = false;
    size_t n = 0;

    if (fetch->rc != LG_OK || fetch->blob == NULL)
        return;
    reader = lg_batch_read(fetch->blob->bytes);
    while (n < GAP_RECORDS && lg_batch_next(&reader, &record, &end, &err) == LG_OK && !end)
        n++;
    if (n < GAP_RECORDS || reader.rest.size == 0)
        return;
    rest = fetch->blob;
    fetch->blob = lg_blob_new(lg_slice(rest->bytes.data, rest->bytes.size - reader.rest.size));
    fetch->position = record.position;
    lg_blob_unref(rest);
}

/* The answer of a fetch is removed from the log, as this lane sees it. */
static void remove_answered(struct log_op *o)
{
    struct lg_log_sim *log = o->log;
    struct gap *g = gap_of(log, &o->inner);

    if (o->inner.rc != LG_OK || o->inner.blob == NULL || (g == NULL && log->gaps.size == GAPS_MAX))
        return;
    if (g == NULL) {
        LG_VEC_PUSH(&log->gaps, (struct gap){.topic = lg_strdup(o->inner.topic),
                                             .partition = o->inner.partition});
        g = &log->gaps.data[log->gaps.size - 1];
    }
    g->first = o->inner.position;
    o->gone = true;
    if (log->faults->removed != NULL)
        log->faults->removed(log->faults->removes_ctx, log->lane, o->inner.topic,
                             o->inner.partition);
    lg_blob_unref(LG_TAKE(o->inner.blob));
}

/* --- Answers. ----------------------------------------------------------------------------------
 */

/* What an operation gives back, as its caller may see it. */
static void give(struct log_op *o)
{
    struct lg_pubsub_op *to = o->outer;
    const struct lg_pubsub_op *from = &o->inner;

    to->rc = from->rc;
    to->err = from->err;
    if (from->rc == LG_OK && (o->lost || o->answer_lost))
        to->rc = lg_error_set(&to->err, LG_ERR_UNAVAILABLE,
                              "no answer came from the log for topic %s; try again",
                              to->topic == NULL ? "(all)" : to->topic);
    if (o->gone)
        to->rc =
            lg_error_set(&to->err, LG_ERR_POSITION_GONE,
                         "retention has removed records of topic %s, partition %u, that follow",
                         to->topic, to->partition);
    if (to->rc == LG_OK && !o->empty) {
        to->partitions = from->partitions;
        to->config = from->config;
        to->position = from->position;
        if (to->kind == LG_PUBSUB_START && gap_of(o->log, to) != NULL)
            to->position = gap_of(o->log, to)->first;
    }
    if (to->kind != LG_PUBSUB_FETCH && to->kind != LG_PUBSUB_LIST)
        return;
    to->blob = to->rc == LG_OK && !o->empty ? from->blob : NULL;
    if (to->blob == NULL && from->rc == LG_OK && from->blob != NULL)
        lg_blob_unref(from->blob);
}

static void free_if_over(struct lg_log_sim *log)
{
    if (!log->closed || log->ops > 0)
        return;
    forget_gaps(log);
    LG_VEC_DONE(&log->gaps);
    lg_free(log);
}

static void finish(struct log_op *o)
{
    struct lg_pubsub_op *outer = o->outer;

    give(o);
    o->log->ops--;
    free_if_over(o->log);
    outer->driver_state = NULL;
    lg_free(o);
    outer->done(outer);
}

static void pause_ended(struct lg_timer *timer)
{
    finish(LG_CONTAINER_OF(timer, struct log_op, pause));
}

static void inner_done(struct lg_pubsub_op *inner)
{
    struct log_op *o = LG_CONTAINER_OF(inner, struct log_op, inner);

    if (o->is_short)
        shorten(inner);
    if (o->strikes_gone)
        remove_answered(o);
    if (o->again && inner->rc == LG_OK) {
        o->again = false;
        lg_pubsub_submit(o->log->inner, inner);
    } else if (o->late_us > 0) {
        lg_timer_start(o->log->lane, &o->pause, o->late_us, pause_ended);
    } else {
        finish(o);
    }
}

static bool strikes(struct lg_log_sim *log, uint32_t one_in)
{
    return one_in > 0 && lg_rand_chance(&log->lane->rand, 1, one_in);
}

static void draw_fate(struct log_op *o)
{
    struct lg_log_sim *log = o->log;
    const struct lg_log_sim_faults *f = log->faults;

    o->lost = strikes(log, f->lost);
    o->answer_lost = strikes(log, f->answer_lost);
    o->again = o->inner.kind == LG_PUBSUB_PRODUCE && strikes(log, f->twice);
    o->empty = o->inner.kind == LG_PUBSUB_FETCH && strikes(log, f->empty);
    o->is_short = o->inner.kind == LG_PUBSUB_FETCH && f->gone > 0 &&
                  f->removes(f->removes_ctx, o->inner.topic);
    o->strikes_gone = o->is_short && !lg_position_is_earliest(&o->inner.position) &&
                      gap_of(log, &o->inner) == NULL && strikes(log, f->gone);
    if (strikes(log, f->late))
        o->late_us = 1 + lg_rand_below(&log->lane->rand, LG_MAX(f->late_max_us, (uint64_t)1));
}

static void log_submit(struct lg_pubsub *ps, struct lg_pubsub_op *op)
{
    struct lg_log_sim *log = (struct lg_log_sim *)ps;
    struct log_op *o = lg_new(struct log_op);

    assert(op->lane == log->lane && "it serves one lane");
    o->log = log;
    o->outer = op;
    o->inner = *op;
    o->inner.done = inner_done;
    o->inner.rc = LG_OK;
    op->driver_state = o;
    log->ops++;
    draw_fate(o);
    o->gone = op->kind == LG_PUBSUB_FETCH && is_before_gap(log, op);
    if (!o->lost && !o->gone) {
        lg_pubsub_submit(log->inner, &o->inner);
        return;
    }
    o->inner.blob = NULL; /* Nothing will come out of it. */
    lg_timer_start(log->lane, &o->pause, 1 + o->late_us, pause_ended);
}

static void log_cancel(struct lg_pubsub *ps, struct lg_pubsub_op *op)
{
    struct lg_log_sim *log = (struct lg_log_sim *)ps;
    struct log_op *o = op->driver_state;

    if (o != NULL && !o->lost && !o->gone && !lg_timer_armed(&o->pause))
        lg_pubsub_cancel(log->inner, &o->inner);
}

static int log_compare(struct lg_pubsub *ps, const struct lg_position *a,
                       const struct lg_position *b)
{
    return lg_pubsub_compare(((struct lg_log_sim *)ps)->inner, a, b);
}

static const struct lg_pubsub_ops ops = {
    .name = "log_sim", .submit = log_submit, .cancel = log_cancel, .compare = log_compare};

struct lg_log_sim *lg_log_sim_new(struct lg_pubsub *inner, struct lg_lane *lane,
                                  const struct lg_log_sim_faults *faults)
{
    struct lg_log_sim *log = lg_new(struct lg_log_sim);

    log->head = (struct lg_pubsub){&ops, inner->url};
    log->inner = inner;
    log->lane = lane;
    log->faults = faults;
    return log;
}

void lg_log_sim_free(struct lg_log_sim *log)
{
    if (log == NULL)
        return;
    log->closed = true;
    free_if_over(log);
}

struct lg_pubsub *lg_log_sim_pubsub(struct lg_log_sim *log)
{
    return &log->head;
}
