/* The catalog of a lane: a mirror of what matters, parsed as it comes, published when it is
 * current. When to read, hold and try again is the mirror's. */
#include "catalog/catalog.h"

#include "base/health.h"
#include "base/str.h"
#include "catalog/metrics.h"
#include "catalog/mirror.h"
#include "catalog/state.h"

static const struct lg_mirror_root roots[LG_CATALOG_ROOTS] = {
    [LG_CATALOG_STORES] = {"/stores", 1},         [LG_CATALOG_INSTANCES] = {"/instances", 1},
    [LG_CATALOG_ASSIGNMENT] = {"/assignment", 1}, [LG_CATALOG_REPLICAS] = {"/replicas", 2},
    [LG_CATALOG_ROUTERS] = {"/routers", 1},       [LG_CATALOG_CONTROLLERS] = {"/controllers", 1},
    [LG_CATALOG_SETTINGS] = {"/settings", 1},
};

struct lg_catalog {
    struct lg_catalog_options o;
    struct lg_mirror *mirror;
    struct lg_catalog_state *state;
    struct lg_catalog_snapshot *snapshot;
    struct lg_timer forget; /* Something is held. */
    bool junk_told;         /* on the board of /readyz */
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

static void read_report_also(void *ctx, const char *path)
{
    lg_mirror_read_also(ctx, LG_CATALOG_REPLICAS, path);
}

static void leaf(void *ctx, size_t root, const char *path, const struct lg_blob *value)
{
    struct lg_catalog *c = ctx;

    lg_catalog_state_put(c->state, (enum lg_catalog_root)root, path, value);
    lg_metric_add(&lg_metric_catalog_nodes_read_total, 0, 1);
    /* It may be another life of it, of which we have not heard everything yet. */
    if (root == LG_CATALOG_INSTANCES && value != NULL &&
        !lg_mirror_reads_all(c->mirror, LG_CATALOG_REPLICAS))
        lg_catalog_state_reports(c->state, strrchr(path, '/') + 1, read_report_also, c->mirror);
}

static void forget(struct lg_timer *timer)
{
    struct lg_catalog *c = LG_CONTAINER_OF(timer, struct lg_catalog, forget);
    LG_AUTO_STR char *path = NULL;
    const char *instance;

    if (lg_catalog_state_forget_at_us(c->state, &instance) == 0)
        return;
    /* After a reading only: nothing is dropped while nobody knows what the metastore says. */
    path = lg_strf("/instances/%s", instance);
    lg_mirror_read_again(c->mirror, LG_CATALOG_INSTANCES, path);
}

static void arm_forget(struct lg_catalog *c)
{
    const char *ignored;
    uint64_t now_us = lg_lane_now_us(c->o.lane);
    uint64_t at_us = lg_catalog_state_forget_at_us(c->state, &ignored);

    lg_timer_stop(c->o.lane, &c->forget);
    if (at_us != 0)
        lg_timer_start(c->o.lane, &c->forget, at_us > now_us ? at_us - now_us : 0, forget);
}

/* For /readyz?verbose, and `lagoon cluster status`. */
static void tell_junk(struct lg_catalog *c)
{
    LG_SCOPED(lg_buf) paths = {0};

    if (c->snapshot->junk == 0 && !c->junk_told)
        return;
    c->junk_told = c->snapshot->junk > 0;
    lg_catalog_state_tell_junk(c->state, &paths);
    if (c->junk_told)
        lg_health_warn(
            "nodes", false,
            "%zu of the metadata make no sense: %.*s; write back what they held, or remove them",
            c->snapshot->junk, LG_FMT(lg_buf_slice(&paths)));
    else
        lg_health_forget("nodes");
}

static void current(void *ctx)
{
    struct lg_catalog *c = ctx;
    struct lg_catalog_snapshot *before = c->snapshot;

    lg_catalog_state_forget(c->state);
    arm_forget(c);
    if (!lg_catalog_state_changed(c->state))
        return;
    c->snapshot = lg_catalog_state_snapshot(c->state);
    lg_catalog_snapshot_unref(before);
    lg_metric_set(&lg_metric_catalog_junk_nodes, 0, c->snapshot->junk);
    tell_junk(c);
    if (c->o.changed != NULL)
        c->o.changed(c->o.ctx, c->snapshot);
}

static void session_lost(void *ctx)
{
    struct lg_catalog *c = ctx;

    if (c->o.session_lost != NULL)
        c->o.session_lost(c->o.ctx);
}

struct lg_catalog *lg_catalog_start(const struct lg_catalog_options *options)
{
    struct lg_catalog *c = lg_new(struct lg_catalog);

    c->o = *options;
    c->state = lg_catalog_state_new(options->last_resort ? options->lane : NULL);
    c->mirror = lg_mirror_start(&(struct lg_mirror_options){
        .metastore = options->metastore,
        .lane = options->lane,
        .roots = roots,
        .root_count = LG_ARRAY_SIZE(roots),
        .hold_us = LG_CATALOG_HOLD_MS * LG_MS,
        .leaf = leaf,
        .current = current,
        .session_lost = session_lost,
        .ctx = c,
    });
    return c;
}

struct lg_catalog_snapshot *lg_catalog_current(struct lg_catalog *c)
{
    return c->snapshot;
}

static void mirror_stopped(void *ctx)
{
    struct lg_catalog *c = ctx;
    void (*stopped)(void *) = c->stopped;
    void *stopped_ctx = c->stopped_ctx;

    lg_catalog_snapshot_unref(c->snapshot);
    lg_catalog_state_free(c->state);
    lg_free(c);
    stopped(stopped_ctx);
}

void lg_catalog_stop(struct lg_catalog *c, void (*stopped)(void *ctx), void *ctx)
{
    c->stopped = stopped;
    c->stopped_ctx = ctx;
    lg_timer_stop(c->o.lane, &c->forget);
    lg_mirror_stop(c->mirror, mirror_stopped, c);
}
