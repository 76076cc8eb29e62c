/* Each operation goes on to the inner driver as a copy, and comes back when its fate allows.
 *
 *     submit ──lost──────────────────────────────▶ pause ──▶ done
 *       └────▶ inner ──twice──▶ inner ──late──▶ pause ──▶ done
 *
 * Owner: the lane it was made for. */
#include "drivers/sim/log_sim.h"

struct lg_log_sim {
    struct lg_pubsub head; /* First. */
    struct lg_pubsub *inner;
    struct lg_lane *lane;
    const struct lg_log_sim_faults *faults;
    size_t ops;  /* under way */
    bool closed; /* It goes with the last of them. */
};

struct log_op {
    struct lg_log_sim *log;
    struct lg_pubsub_op inner, *outer;
    bool lost, answer_lost, again, empty;
    uint64_t late_us;
    struct lg_timer pause;
};

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
    if (to->rc == LG_OK && !o->empty) {
        to->partitions = from->partitions;
        to->config = from->config;
        to->position = from->position;
    }
    if (to->kind != LG_PUBSUB_FETCH && to->kind != LG_PUBSUB_LIST)
        return;
    to->blob = to->rc == LG_OK && !o->empty ? from->blob : NULL;
    if (to->blob == NULL && from->rc == LG_OK)
        lg_blob_unref(from->blob);
}

static void free_if_over(struct lg_log_sim *log)
{
    if (log->closed && log->ops == 0)
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
    if (!o->lost) {
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

    if (o != NULL && !o->lost && !lg_timer_armed(&o->pause))
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
