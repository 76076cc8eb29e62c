/* The catalog of a lane: watches, reads, publishes.
 *
 *     IDLE ──something changed──▶ READING ──read──▶ IDLE (a new snapshot)
 *                                    │ changed meanwhile: READING again
 *                                    └─ failed ──▶ PAUSED ──▶ READING
 *     any ──session lost──▶ HOLDING ──▶ READING
 */
#include "catalog/catalog.h"

#include "base/log.h"
#include "catalog/metrics.h"
#include "catalog/tree_read.h"
#include "lane/mutant.h"

#define PAUSE_US (100 * LG_MS)

/* Read in this order: routing is then never older than the stores that refer to it. */
static const char *const roots[] = {"/stores",   "/instances", "/assignment",
                                    "/replicas", "/routers",   "/controllers"};

struct root_watch {
    struct lg_meta_watch watch;
    struct lg_catalog *catalog;
};

struct lg_catalog {
    struct lg_catalog_options o;
    struct root_watch watches[LG_ARRAY_SIZE(roots)];
    size_t open_watches;
    struct lg_tree_read read;
    struct lg_timer pause;
    struct lg_timer hold; /* Armed: HOLDING. */
    bool reading, dirty, stopping, told;
    struct lg_catalog_snapshot *snapshot;
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

static void begin_read(struct lg_catalog *c);

static void end_if_idle(struct lg_catalog *c)
{
    void (*stopped)(void *ctx) = c->stopped;
    void *ctx = c->stopped_ctx;

    if (!c->stopping || c->reading || c->open_watches > 0)
        return;
    lg_catalog_snapshot_unref(c->snapshot);
    lg_free(c);
    stopped(ctx);
}

static void pause_ended(struct lg_timer *timer)
{
    begin_read(LG_CONTAINER_OF(timer, struct lg_catalog, pause));
}

static void publish(struct lg_catalog *c)
{
    struct lg_catalog_snapshot *before = c->snapshot;

    c->snapshot = lg_catalog_snapshot_build(&c->read, before);
    lg_catalog_snapshot_unref(before);
    lg_metric_set(&lg_metric_catalog_junk_nodes, 0, lg_map_size(c->snapshot->junk));
    c->told = false;
    if (c->o.changed != NULL && !c->stopping)
        c->o.changed(c->o.ctx, c->snapshot);
}

static void read_done(struct lg_tree_read *read)
{
    struct lg_catalog *c = LG_CONTAINER_OF(read, struct lg_catalog, read);

    c->reading = false;
    if (read->rc == LG_OK) {
        publish(c);
    } else if (!c->told) { /* Once per series of failures. */
        c->told = true;
        lg_log(LG_LOG_WARN, "catalog_read_failed", "reason=\"%s\"", read->err.text);
    }
    lg_tree_read_done(read);
    if (c->stopping)
        end_if_idle(c);
    else if (read->rc != LG_OK)
        lg_timer_start(c->o.lane, &c->pause, PAUSE_US, pause_ended);
    else if (c->dirty)
        begin_read(c);
}

static void begin_read(struct lg_catalog *c)
{
    if (lg_timer_armed(&c->hold))
        return;
    if (c->reading) {
        c->dirty = !lg_mutant(LG_MUTANT_lost_watch);
        return;
    }
    lg_timer_stop(c->o.lane, &c->pause);
    c->reading = true;
    c->dirty = false;
    c->read = (struct lg_tree_read){.metastore = c->o.metastore,
                                    .lane = c->o.lane,
                                    .roots = roots,
                                    .root_count = LG_ARRAY_SIZE(roots),
                                    .done = read_done};
    lg_tree_read_submit(&c->read);
}

static void changed(struct lg_meta_watch *watch)
{
    struct lg_catalog *c = LG_CONTAINER_OF(watch, struct root_watch, watch)->catalog;

    if (!c->stopping)
        begin_read(c);
}

static void hold_ended(struct lg_timer *timer)
{
    begin_read(LG_CONTAINER_OF(timer, struct lg_catalog, hold));
}

static void session_lost(struct lg_meta_watch *watch)
{
    struct lg_catalog *c = LG_CONTAINER_OF(watch, struct root_watch, watch)->catalog;

    if (c->stopping)
        return;
    /* Others lost theirs as well, perhaps: what the tree says now of who is there is too little. */
    if (c->snapshot != NULL)
        lg_timer_start(c->o.lane, &c->hold, LG_CATALOG_HOLD_MS * LG_MS, hold_ended);
    if (c->o.session_lost != NULL)
        c->o.session_lost(c->o.ctx);
}

static void watch_closed(struct lg_meta_watch *watch)
{
    struct lg_catalog *c = LG_CONTAINER_OF(watch, struct root_watch, watch)->catalog;

    c->open_watches--;
    end_if_idle(c);
}

struct lg_catalog *lg_catalog_start(const struct lg_catalog_options *options)
{
    struct lg_catalog *c = lg_new(struct lg_catalog);

    c->o = *options;
    for (size_t i = 0; i < LG_ARRAY_SIZE(roots); i++) {
        c->watches[i].catalog = c;
        c->watches[i].watch =
            (struct lg_meta_watch){.lane = options->lane, .path = roots[i], .changed = changed};
        if (i == 0) /* One of them is enough to tell it. */
            c->watches[i].watch.session_lost = session_lost;
        c->open_watches++;
        lg_metastore_watch(options->metastore, &c->watches[i].watch);
    }
    return c;
}

struct lg_catalog_snapshot *lg_catalog_current(struct lg_catalog *c)
{
    return c->snapshot;
}

void lg_catalog_stop(struct lg_catalog *c, void (*stopped)(void *ctx), void *ctx)
{
    c->stopping = true;
    c->stopped = stopped;
    c->stopped_ctx = ctx;
    lg_timer_stop(c->o.lane, &c->pause);
    lg_timer_stop(c->o.lane, &c->hold);
    for (size_t i = 0; i < LG_ARRAY_SIZE(roots); i++)
        lg_metastore_unwatch(c->o.metastore, &c->watches[i].watch, watch_closed);
}
