#include "router/router_impl.h"

#include "authz/gate.h"
#include "authz/ops_guard.h"
#include "base/log.h"
#include "base/str.h"
#include "catalog/replication.h"
#include "fetch/quota_share.h"
#include "router/metrics.h"

#define STOP_GRACE_MS 5000u
#define READ_TIMEOUT_MS_DEFAULT 10000u
#define REQUEST_BYTES_MAX ((size_t)16 << 20)

#define EARLY_READS_MAX ((size_t)10000)

/* A read that came before the metadata was read; in the request's arena. */
struct early_read {
    struct lg_list link;
    struct lg_http_request *rq;
    struct lg_router_path path;
};

#define QUOTA_STORES_MAX 8192u /* with a read quota; further ones have none */

struct served {
    int32_t version;
    uint32_t metric; /* The store's index there. */
};

/* --- What the layers of fetch/ ask. ------------------------------------------------------------
 */

static size_t ready(void *ctx, const char *topic, uint32_t partition,
                    struct lg_host *out[LG_REPLICAS_MAX])
{
    struct lg_router *r = ctx;
    const struct lg_catalog_snapshot *s = lg_catalog_current(r->catalog);
    const struct lg_catalog_topic *t = lg_catalog_topic(s, lg_slice_str(topic));
    uint32_t instances[LG_CATALOG_REPLICAS_MAX];
    size_t n;

    static_assert(LG_CATALOG_REPLICAS_MAX <= LG_REPLICAS_MAX, "every replica has room");
    if (t == NULL || partition >= t->partition_count)
        return 0;
    n = lg_catalog_ready(t, partition, instances);
    for (size_t i = 0; i < n; i++) {
        const struct lg_catalog_instance *instance = &s->instances.data[instances[i]];

        out[i] = lg_host_table_get(r->hosts, instance->host, instance->port);
    }
    return n;
}

static size_t last_resort(void *ctx, const char *topic, uint32_t partition,
                          struct lg_host *out[LG_REPLICAS_MAX])
{
    struct lg_router *r = ctx;
    const struct lg_catalog_snapshot *s = lg_catalog_current(r->catalog);
    const struct lg_catalog_topic *t = lg_catalog_topic(s, lg_slice_str(topic));
    const struct lg_catalog_instance *instances[LG_CATALOG_REPLICAS_MAX];
    size_t n;

    if (t == NULL || partition >= t->partition_count)
        return 0;
    n = lg_catalog_last_resort(s, t, partition, instances);
    for (size_t i = 0; i < n; i++)
        out[i] = lg_host_table_get(r->hosts, instances[i]->host, instances[i]->port);
    return n;
}

/* --- Versions. ---------------------------------------------------------------------------------
 */

const struct lg_catalog_snapshot *
lg_router_snapshot(struct lg_router *r, struct lg_http_request *rq, struct lg_error *err)
{
    const struct lg_catalog_snapshot *s = lg_catalog_current(r->catalog);

    (void)rq;
    if (s == NULL)
        (void)lg_error_set(err, LG_ERR_UNREADY,
                           "the router has not read the metadata yet; try again");
    return s;
}

enum lg_rc lg_router_version(struct lg_router *r, const struct lg_catalog_snapshot *snapshot,
                             const struct lg_catalog_store *store, int32_t *out,
                             struct lg_error *err)
{
    struct lg_slice name = lg_slice_str(store->store->name);
    struct served *served = lg_map_get(r->served, name);
    int32_t version;
    enum lg_rc rc = lg_catalog_served_version(snapshot, store, served == NULL ? 0 : served->version,
                                              &version, err);

    if (rc != LG_OK)
        return rc;
    if (served == NULL) {
        served = lg_new(struct served);
        served->metric = lg_metric_store(store->store->name);
        (void)lg_map_put(r->served, name, served);
    }
    if (served->version != version) {
        lg_log(LG_LOG_INFO, "version_served", "store=%s version=%d before=%d", store->store->name,
               version, served->version);
        lg_metric_set(&lg_metric_router_version,
                      lg_metric_of_store(&lg_metric_router_version, served->metric, 0),
                      (uint64_t)version);
    }
    served->version = version;
    *out = version;
    return LG_OK;
}

enum lg_rc lg_router_ready_version(struct lg_router *r, const struct lg_catalog_snapshot *snapshot,
                                   const struct lg_catalog_store *store, int32_t *out,
                                   struct lg_error *err)
{
    int32_t version;
    uint32_t missing;
    enum lg_rc rc = lg_router_version(r, snapshot, store, &version, err);

    if (rc != LG_OK)
        return rc;
    if (!lg_catalog_version_ready(snapshot, store->store->name, version, &missing))
        return lg_error_set(err, LG_ERR_UNREADY,
                            "version %d of store '%s' has no ready server for partition %u: its "
                            "servers lost their sessions; they are asked as long as they answer; "
                            "see that they run and reach ZooKeeper",
                            version, store->store->name, missing);
    *out = version;
    return LG_OK;
}

uint32_t lg_router_store_metric(const struct lg_router *r, const char *store)
{
    const struct served *served = lg_map_get(r->served, lg_slice_str(store));

    return served == NULL ? LG_METRIC_STORE_OTHER : served->metric;
}

/* Who asks names it: only stores that there are have series of their own. */
void lg_router_count_refused(const struct lg_router *r, struct lg_slice store,
                             enum lg_router_refusal why)
{
    const struct lg_metric *m = &lg_metric_router_refused_total;
    const struct lg_catalog_snapshot *s = lg_catalog_current(r->catalog);
    const struct lg_catalog_store *found = s == NULL ? NULL : lg_catalog_store(s, store);
    const struct served *served = found == NULL ? NULL : lg_map_get(r->served, store);
    uint32_t metric = served != NULL  ? served->metric
                      : found != NULL ? lg_metric_store(found->store->name)
                                      : LG_METRIC_STORE_OTHER;

    lg_metric_add(m, lg_metric_of_store(m, metric, why), 1);
}

bool lg_router_has_store(const struct lg_router *r, const char *store)
{
    const struct lg_catalog_snapshot *s = lg_catalog_current(r->catalog);

    return s == NULL || lg_catalog_store(s, lg_slice_str(store)) != NULL;
}

/* Stores that are gone are forgotten. */
static void forget_served(struct lg_router *r, const struct lg_catalog_snapshot *s)
{
    size_t at = 0;
    struct lg_slice name;
    void *value;

    while (lg_map_next(r->served, &at, &name, &value))
        if (s == NULL || lg_catalog_store(s, name) == NULL)
            lg_free(lg_map_remove(r->served, name));
}

/* --- Announcement. -----------------------------------------------------------------------------
 */

static void announce_failed(void *ctx, const struct lg_error *err)
{
    struct lg_router *r = ctx;

    if (r->o.failed != NULL && !r->stopping)
        r->o.failed(r->o.failed_ctx, err);
}

/* By hand: after a lost session nobody knows any more that we are here; once the catalog has read
 * what came meanwhile, we say so again: a live router is one that knows the current versions. */
static void prepare_announcement(struct lg_router *r)
{
    LG_AUTO_STR char *path = lg_strf("/routers/%s", r->id);
    LG_AUTO_STR char *value =
        lg_strf("{\"url\":\"%s\",\"release\":\"" LAGOON_VERSION "\",\"identity\":\"%s\"}", r->url,
                r->identity);

    r->announce = lg_announce_start(&(struct lg_announce_options){.lane = r->o.lane,
                                                                  .metastore = r->o.metastore,
                                                                  .path = path,
                                                                  .value = value,
                                                                  .identity = r->identity,
                                                                  .conflict_ms = r->o.conflict_ms,
                                                                  .by_hand = true,
                                                                  .failed = announce_failed,
                                                                  .ctx = r});
}

static void answer(struct lg_router *r, struct lg_http_request *rq,
                   const struct lg_router_path *path)
{
    switch (path->type) {
    case LG_ROUTER_STORAGE:
        lg_router_storage(r, rq, path);
        break;
    case LG_ROUTER_V1:
        lg_router_v1(r, rq, path);
        break;
    default:
        lg_router_meta(r, rq, path);
        break;
    }
}

/* --- Who may ask. ------------------------------------------------------------------------------
 */

struct asker {
    struct lg_router *router;
    struct lg_router_path path;
};

static void go(const void *ctx, struct lg_http_request *rq)
{
    const struct asker *a = ctx;

    answer(a->router, rq, &a->path);
}

static void refuse(const void *ctx, struct lg_http_request *rq, enum lg_authz_verdict verdict,
                   const struct lg_error *why)
{
    const struct asker *a = ctx;
    struct lg_router_scope scope = lg_router_scope_of(&a->path, rq->method);
    struct lg_error err;

    if (verdict == LG_AUTHZ_DENIED)
        lg_router_count_refused(a->router, scope.store, LG_ROUTER_REFUSED_PERMISSION);
    (void)!lg_authz_refuse(verdict, why, rq->identity, scope.store, scope.may, &err);
    if (a->path.type == LG_ROUTER_V1)
        lg_reply_error_json(rq, &err);
    else
        lg_reply_text(rq, &err);
}

/* In front of all answers. */
static void dispatch(struct lg_router *r, struct lg_http_request *rq,
                     const struct lg_router_path *path)
{
    static const struct lg_authz_gate_ops gate = {.go = go, .refuse = refuse};
    struct lg_router_scope scope = {.is_free = r->authz == NULL};

    if (!scope.is_free)
        scope = lg_router_scope_of(path, rq->method);
    if (scope.is_free)
        answer(r, rq, path);
    else
        lg_authz_gate(&(struct lg_authz_gate){.authz = r->authz,
                                              .rq = rq,
                                              .store = scope.store,
                                              .may = scope.may,
                                              .ops = &gate,
                                              .ctx = &(struct asker){r, *path},
                                              .ctx_size = sizeof(struct asker)});
}

/* --- Those that came early. --------------------------------------------------------------------
 */

/* Those that waited go on, whatever is known by now. */
static void release_early(struct lg_router *r)
{
    r->patient_until_us = 0;
    lg_timer_stop(r->o.lane, &r->patience);
    while (!lg_list_empty(&r->early)) {
        struct early_read *early =
            LG_CONTAINER_OF(lg_list_pop_front(&r->early), struct early_read, link);

        struct lg_router_path path = early->path; /* The arena goes with the answer. */

        r->early_count--;
        dispatch(r, early->rq, &path);
    }
}

static void patience_ended(struct lg_timer *timer)
{
    release_early(LG_CONTAINER_OF(timer, struct lg_router, patience));
}

/* Clients of a router that was restarted are here before it knows anything: they need not hear of
 * that. Who asks how it is hears it. */
static bool keep_early(struct lg_router *r, struct lg_http_request *rq,
                       const struct lg_router_path *path)
{
    bool reads = path->type == LG_ROUTER_STORAGE ||
                 (path->type == LG_ROUTER_V1 && !lg_slice_eq(path->resource, LG_LIT("health")));
    struct early_read *early;

    if (!reads || r->stopping || r->early_count >= EARLY_READS_MAX ||
        lg_catalog_current(r->catalog) != NULL || lg_lane_now_us(r->o.lane) >= r->patient_until_us)
        return false;
    early = lg_arena_alloc(rq->arena, sizeof *early);
    if (early == NULL) /* Its path took all the room: it is answered as it is. */
        return false;
    *early = (struct early_read){.rq = rq, .path = *path};
    lg_list_push_back(&r->early, &early->link);
    r->early_count++;
    return true;
}

/* This router's part of each store's quota. */
static void set_quotas(struct lg_router *r, const struct lg_catalog_snapshot *s)
{
    struct lg_read_routers all = lg_quota_share_routers(s, r->routers_known, r->o.read_capacity);
    uint64_t now_us = lg_lane_now_us(r->o.lane);

    r->routers_known = all.live;
    lg_quota_book_begin(r->quota_book);
    for (size_t i = 0; i < s->stores.size; i++) {
        struct lg_slice name = lg_slice_str(s->stores.data[i]->store->name);
        struct lg_bucket_limit limit;

        if (lg_quota_share_of_router(s, name, &all, &limit))
            (void)lg_quota_book_set(r->quota_book, name, &limit, now_us);
    }
    lg_quota_book_end(r->quota_book, NULL, NULL);
}

static void catalog_changed(void *ctx, struct lg_catalog_snapshot *s)
{
    struct lg_router *r = ctx;

    lg_authz_learn(r->authz, s);
    forget_served(r, s);
    set_quotas(r, s);
    /* Swaps now, not at the next read: what /current_version says is then what reads get. */
    for (size_t i = 0; i < s->stores.size; i++) {
        struct lg_error err;
        int32_t version;

        (void)!lg_router_version(r, s, s->stores.data[i], &version, &err);
    }
    release_early(r);
    if (!r->stopping)
        lg_announce_now(r->announce);
}

/* --- Requests. ---------------------------------------------------------------------------------
 */

static void handle(void *ctx, struct lg_http_request *rq)
{
    struct lg_router *r = ctx;
    struct lg_router_path path;
    struct lg_error err = {0};

    if (rq->method == LG_HTTP_OPTIONS) { /* Venice's health check. */
        lg_http_respond(rq, &(struct lg_http_response){.status = 200});
        return;
    }
    if (lg_router_path_parse(rq->path, rq->arena, &path, &err) != LG_OK) {
        lg_reply_bad(rq, LG_ROUTER_BAD_PATH, &err);
        return;
    }
    if (!keep_early(r, rq, &path))
        dispatch(r, rq, &path);
}

/* --- Life. -------------------------------------------------------------------------------------
 */

static void router_free(struct lg_router *r)
{
    lg_fetch_stack_free(r->stack); /* Of a router that did not come up. */
    forget_served(r, NULL);
    lg_map_free(r->served);
    lg_quota_lane_close(r->quota_lane);
    lg_quota_book_free(r->quota_book);
    lg_quota_free(r->quota);
    lg_host_table_free(r->hosts);
    lg_free(r->cluster);
    lg_free(r->controller_url);
    lg_free(r->url);
    lg_free(r);
}

static void ops(void *ctx, struct lg_http_request *rq)
{
    lg_authz_guard_ops(((struct lg_router *)ctx)->authz, rq);
}

static enum lg_rc listen_on(struct lg_router *r, struct lg_error *err)
{
    const char *host = r->o.announced_host == NULL ? r->o.host : r->o.announced_host;
    uint16_t port;
    struct lg_http_server_options http = {.transport = r->o.transport,
                                          .lane = r->o.lane,
                                          .host = r->o.host,
                                          .port = r->o.port,
                                          .body_bytes_max = REQUEST_BYTES_MAX,
                                          .connections_max = r->o.connections_max,
                                          .idle_ms = r->o.idle_ms,
                                          .listener = LG_HTTP_LISTENER_ROUTER,
                                          .handler = handle,
                                          .ops = ops,
                                          .ctx = r};
    enum lg_rc rc = lg_http_server_start(&http, &r->http, err);

    if (rc != LG_OK)
        return lg_error_wrap(err, "router");
    port = r->o.announced_port == 0 ? lg_http_server_port(r->http) : r->o.announced_port;
    rc = lg_names_instance(r->id, host, port, err);
    r->url = lg_strf("%s://%s:%u", lg_transport_scheme(r->o.transport), host, port);
    return rc;
}

enum lg_rc lg_router_start(const struct lg_router_options *options, struct lg_router **out,
                           struct lg_error *err)
{
    struct lg_router *r = lg_new(struct lg_router);
    enum lg_rc rc;

    r->o = *options;
    if (r->o.read_timeout_ms == 0)
        r->o.read_timeout_ms = READ_TIMEOUT_MS_DEFAULT;
    r->cluster = lg_strdup(options->cluster == NULL ? "lagoon-0" : options->cluster);
    if (options->controller_url != NULL)
        r->controller_url = lg_strdup(options->controller_url);
    lg_list_init(&r->early);
    r->patient_until_us = lg_lane_now_us(options->lane) + LG_ROUTER_PATIENCE_MS * LG_MS;
    r->served = lg_map_new();
    r->hosts = lg_host_table_new();
    r->stack = lg_fetch_stack_new(
        &(struct lg_fetch_options){.lane = options->lane,
                                   .transport = options->transport,
                                   .hosts = r->hosts,
                                   .source = {ready, last_resort, r},
                                   .hedge = {.after_us = options->hedge_after_ms * LG_MS,
                                             .silence_us = options->silence_ms * LG_MS,
                                             .percent = options->hedge_percent}});
    rc = lg_quota_new(&(struct lg_quota_options){.resources_max = QUOTA_STORES_MAX, .lanes_max = 1},
                      &r->quota, err);
    if (rc == LG_OK)
        rc = lg_quota_lane_open(r->quota, &r->quota_lane, err);
    if (rc == LG_OK) {
        r->quota_book = lg_quota_book_new(r->quota);
        rc = listen_on(r, err);
    }
    if (rc != LG_OK) {
        router_free(r);
        return rc;
    }
    lg_announce_make_identity(options->lane, r->identity);
    prepare_announcement(r);
    lg_timer_start(options->lane, &r->patience, LG_ROUTER_PATIENCE_MS * LG_MS, patience_ended);
    r->authz = lg_authz_open(options->authz, options->lane, options->transport, /* epoch= */ NULL);
    r->leader = lg_leader_watch_start(options->metastore, options->lane);
    r->catalog = lg_catalog_start(&(struct lg_catalog_options){.metastore = options->metastore,
                                                               .lane = options->lane,
                                                               .last_resort = true,
                                                               .changed = catalog_changed,
                                                               .ctx = r});
    *out = r;
    return LG_OK;
}

uint16_t lg_router_port(const struct lg_router *router)
{
    return lg_http_server_port(router->http);
}

bool lg_router_ready(const struct lg_router *router)
{
    return !router->stopping && lg_announce_is_there(router->announce);
}

/* Reads run on this lane: what did not change is not counted again. */
void lg_router_health(struct lg_router *router)
{
    const struct lg_catalog_snapshot *s = lg_catalog_current(router->catalog);
    struct lg_replication replication = {0};

    if (s == NULL || s->serial == router->told_serial)
        return;
    router->told_serial = s->serial;
    lg_replication_count(&replication, s);
    lg_replication_tell(&replication);
}

/* The end: withdrawn and without requests, then without reads, then without catalog and leader,
 * then gone. */
static void authz_stopped(void *ctx)
{
    struct lg_router *r = ctx;
    void (*stopped)(void *ctx) = r->stopped;
    void *stopped_ctx = r->stopped_ctx;

    router_free(r);
    stopped(stopped_ctx);
}

static void part_stopped(void *ctx)
{
    struct lg_router *r = ctx;

    if (--r->parts == 0)
        lg_authz_stop(LG_TAKE(r->authz), r->o.lane, authz_stopped, r);
}

static void reads_ended(void *ctx)
{
    struct lg_router *r = ctx;

    r->parts = 2;
    lg_catalog_stop(r->catalog, part_stopped, r);
    lg_leader_watch_stop(r->leader, part_stopped, r);
}

static void idle(void *ctx)
{
    struct lg_router *r = ctx;

    if (--r->parts == 0) /* Reads in flight report to what ends after them. */
        lg_fetch_stack_stop(LG_TAKE(r->stack), reads_ended, r);
}

static void drained(struct lg_timer *timer)
{
    struct lg_router *r = LG_CONTAINER_OF(timer, struct lg_router, drain);

    lg_http_server_stop(r->http, STOP_GRACE_MS, idle, r);
}

void lg_router_stop(struct lg_router *r, uint64_t drain_ms, void (*stopped)(void *ctx), void *ctx)
{
    r->stopping = true;
    r->stopped = stopped;
    r->stopped_ctx = ctx;
    r->parts = 2;
    release_early(r);
    lg_announce_stop(r->announce, idle, r);
    lg_http_server_drain(r->http);
    if (drain_ms > 0)
        lg_timer_start(r->o.lane, &r->drain, drain_ms * LG_MS, drained);
    else
        lg_http_server_stop(r->http, STOP_GRACE_MS, idle, r);
}
