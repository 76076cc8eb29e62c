/* Reading, spilling and settling; see the header. At most one read and one spill are under way at a
 * time: two batches, two threads. A full batch waits until the one before is on disk. */
#include "pushjob/gather.h"

#define READ_ROWS_AT_ONCE 20000u /* per offload: between two, the lane looks around */
#define SETTLE_AT_ONCE 4u

struct worker { /* Settles one partition after another. */
    struct lg_gather *gather;
    struct lg_offload offload;
    uint32_t partition;
    struct lg_rows_conflict conflict;
    struct lg_error err;
};

struct lg_gather {
    struct lg_gather_options o;
    struct lg_rows *rows;
    bool cancelled, ended; /* ended: the source, as the lane knows */
    struct lg_error err;   /* The first that counts; rc LG_OK: none. */
    struct lg_rows_conflict conflict;

    bool reading, spilling, finishing;
    struct lg_offload read, spill, finish;
    struct { /* The reading thread's while it reads. */
        bool ended;
        struct lg_error err;
    } source;
    struct lg_error spill_err;
    struct lg_rows_conflict spill_conflict;

    struct worker workers[SETTLE_AT_ONCE];
    uint32_t working;        /* workers under way */
    uint32_t next_partition; /* not yet begun */
    uint32_t settled, failed_partition;
};

static void step(struct lg_gather *g);

static void finished(struct lg_gather *g)
{
    if (g->err.rc == LG_OK && g->cancelled)
        (void)lg_error_set(&g->err, LG_ERR_CANCELLED, "it was cancelled");
    g->o.finished(g->o.ctx, g->err.rc, g->err.rc == LG_OK ? NULL : &g->err, &g->conflict);
}

/* Keeps an error with the conflict behind it, if it has one. */
static void keep(struct lg_gather *g, const struct lg_error *err, struct lg_rows_conflict *conflict)
{
    g->err = *err;
    lg_rows_conflict_done(&g->conflict);
    if (conflict != NULL) {
        g->conflict = *conflict;
        *conflict = (struct lg_rows_conflict){0};
    }
}

/* --- Settling. ---------------------------------------------------------------------------------
 */

static void settle_work(struct lg_offload *offload)
{
    struct worker *w = LG_CONTAINER_OF(offload, struct worker, offload);

    (void)!lg_rows_settle(w->gather->rows, w->partition, &w->conflict, &w->err);
}

static void settle_next(struct worker *w);

/* Partitions are taken in order, so the lowest that fails is always among those that were taken:
 * which error is told does not depend on who was faster. */
static void settle_done(struct lg_offload *offload)
{
    struct worker *w = LG_CONTAINER_OF(offload, struct worker, offload);
    struct lg_gather *g = w->gather;

    g->working--;
    g->settled++;
    if (w->err.rc != LG_OK && (g->err.rc == LG_OK || w->partition < g->failed_partition)) {
        keep(g, &w->err, &w->conflict);
        g->failed_partition = w->partition;
    }
    if (g->err.rc == LG_OK && !g->cancelled)
        g->o.settled_some(g->o.ctx, g->settled);
    settle_next(w);
    if (g->working == 0)
        finished(g);
}

static void settle_next(struct worker *w)
{
    struct lg_gather *g = w->gather;

    if (g->cancelled || g->err.rc != LG_OK || g->next_partition == lg_rows_partitions(g->rows))
        return;
    w->partition = g->next_partition++;
    w->offload.work = settle_work;
    w->offload.done = settle_done;
    g->working++;
    lg_offload(g->o.lane, &w->offload);
}

static void finish_work(struct lg_offload *offload)
{
    lg_rows_finish(LG_CONTAINER_OF(offload, struct lg_gather, finish)->rows);
}

static void finish_done(struct lg_offload *offload)
{
    struct lg_gather *g = LG_CONTAINER_OF(offload, struct lg_gather, finish);

    g->finishing = false;
    if (!g->cancelled)
        g->o.settled_some(g->o.ctx, 0);
    for (uint32_t i = 0; i < SETTLE_AT_ONCE; i++) {
        g->workers[i].gather = g;
        settle_next(&g->workers[i]);
    }
    if (g->working == 0) /* Cancelled. */
        finished(g);
}

/* --- Reading. ----------------------------------------------------------------------------------
 */

static void read_work(struct lg_offload *offload)
{
    struct lg_gather *g = LG_CONTAINER_OF(offload, struct lg_gather, read);
    enum lg_rc rc = LG_OK;

    for (unsigned i = 0; i < READ_ROWS_AT_ONCE && !lg_rows_is_full(g->rows); i++) {
        struct lg_row row;

        rc = g->o.next(g->o.ctx, &row, &g->source.ended, &g->source.err);
        if (rc == LG_OK && !g->source.ended)
            rc = lg_rows_add(g->rows, &row, &g->source.err);
        if (rc != LG_OK || g->source.ended)
            return;
    }
}

static void read_done(struct lg_offload *offload)
{
    struct lg_gather *g = LG_CONTAINER_OF(offload, struct lg_gather, read);

    g->reading = false;
    g->ended = g->source.ended;
    if (g->source.err.rc != LG_OK && g->err.rc == LG_OK)
        keep(g, &g->source.err, NULL);
    if (g->err.rc == LG_OK && !g->cancelled)
        g->o.read_some(g->o.ctx);
    step(g);
}

static void spill_work(struct lg_offload *offload)
{
    struct lg_gather *g = LG_CONTAINER_OF(offload, struct lg_gather, spill);

    (void)!lg_rows_spill(g->rows, &g->spill_conflict, &g->spill_err);
}

/* An error of an earlier batch counts more than one of reading on: so it is told whoever was
 * faster. */
static void spill_done(struct lg_offload *offload)
{
    struct lg_gather *g = LG_CONTAINER_OF(offload, struct lg_gather, spill);

    g->spilling = false;
    if (g->spill_err.rc != LG_OK)
        keep(g, &g->spill_err, &g->spill_conflict);
    step(g);
}

/* Something has ended: what can begin? */
static void step(struct lg_gather *g)
{
    bool over = g->cancelled || g->err.rc != LG_OK;

    if (g->reading || (g->spilling && (over || g->ended || lg_rows_is_full(g->rows))))
        return;
    if (over) {
        finished(g);
        return;
    }
    if (g->ended) {
        g->finishing = true;
        lg_offload(g->o.lane, &g->finish);
        return;
    }
    if (lg_rows_is_full(g->rows)) {
        lg_rows_seal(g->rows);
        g->spilling = true;
        lg_offload(g->o.lane, &g->spill);
    }
    g->reading = true;
    lg_offload(g->o.lane, &g->read);
}

/* --- From outside. -----------------------------------------------------------------------------
 */

struct lg_gather *lg_gather_start(const struct lg_gather_options *options)
{
    struct lg_gather *g = lg_new(struct lg_gather);

    g->o = *options;
    g->rows = lg_rows_new(&options->rows);
    g->read.work = read_work;
    g->read.done = read_done;
    g->spill.work = spill_work;
    g->spill.done = spill_done;
    g->finish.work = finish_work;
    g->finish.done = finish_done;
    step(g);
    return g;
}

void lg_gather_cancel(struct lg_gather *g)
{
    g->cancelled = true;
}

struct lg_rows *lg_gather_take(struct lg_gather *g)
{
    assert(g->err.rc == LG_OK);
    return LG_TAKE(g->rows);
}

void lg_gather_free(struct lg_gather *g)
{
    if (g == NULL)
        return;
    assert(!g->reading && !g->spilling && !g->finishing && g->working == 0);
    for (uint32_t i = 0; i < SETTLE_AT_ONCE; i++)
        lg_rows_conflict_done(&g->workers[i].conflict);
    lg_rows_conflict_done(&g->spill_conflict);
    lg_rows_conflict_done(&g->conflict);
    lg_rows_free(g->rows);
    lg_free(g);
}
