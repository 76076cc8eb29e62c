/* A storage node, put together.
 *
 *   STARTING ─▶ SERVING ─▶ STOPPING: withdrawn ─▶ drained ─▶ listener closed ─▶ replicas closed
 *                                     ─▶ announcement and catalog gone ─▶ gone
 */
#include "server/server.h"

#include "base/health.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "coord/announce.h"
#include "model/names.h"
#include "server/front_grpc.h"
#include "server/front_rest.h"
#include "server/identity.h"
#include "server/key_profiler.h"
#include "server/quota_keeper.h"
#include "server/read_group.h"
#include "server/read_lanes.h"
#include "storage/warmer.h"

#define STOP_WITHDRAW_MS 3000u /* The metastore may be away: its session ends without us. */
#define STOP_GRACE_MS 5000u
#define DISK_LOOK_MS 1000u
#define DISK_HOLD_MS_DEFAULT 60000u
/* The server's own lane takes in records, too: reads wait for that, and are not refused for it as
 * they would be on a lane that only reads. */
#define HOME_SHED_TIMES 10u

struct lg_server {
    struct lg_server_options o;
    char instance[LG_NAMES_INSTANCE_MAX + 1];
    struct lg_identity *identity;
    struct lg_checkpoint_store *checkpoints;
    struct lg_warmer *warmer;
    struct lg_epoch_reader *reader; /* this lane's */
    struct lg_serving *serving;
    struct lg_quota_keeper *quota;
    struct lg_cold_queue *cold; /* Reads of all lanes that wait for the disk. */
    struct lg_front_rest front;
    struct lg_front_grpc *grpc;
    struct lg_http_server *http;
    struct lg_http_server *rpc; /* on the port of gRPC alone; NULL: there is none */
    struct lg_read_lanes *read_lanes;
    size_t deaf_lanes; /* of them, that cannot listen */

    char *announce_path, *announce_value;
    char life[LG_ANNOUNCE_IDENTITY_MAX]; /* of this process: the same after a lost session */
    struct lg_announce *announce;
    char *address, *zone, *release; /* of the announcement; zone may be NULL */
    uint16_t port;                  /* ... and its port */
    bool disk_low;                  /* ... and whether it says that the disk is low */
    uint64_t has_room_us;           /* since when it has not been; 0: it is low */
    struct lg_timer look;           /* at the disk */
    bool stopping, withdrawn;
    struct lg_timer pause; /* the steps of the end */
    struct lg_offload close;
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

static void announce_changed(void *ctx)
{
    struct lg_server *s = ctx;

    if (s->front.replicas != NULL)
        lg_replica_manager_speak(s->front.replicas, lg_announce_is_there(s->announce));
}

static void announce_failed(void *ctx, const struct lg_error *err)
{
    struct lg_server *s = ctx;

    lg_log(LG_LOG_ERROR, "server_refused", "instance=%s reason=\"%s\"", s->instance, err->text);
    if (s->o.failed != NULL)
        s->o.failed(s->o.failed_ctx, err);
}

/* Announcing itself again is lg_announce's. */
static void session_lost(void *ctx)
{
    const struct lg_server *s = ctx;

    lg_log(LG_LOG_WARN, "server_session_lost", "instance=%s", s->instance);
}

static char *make_value(const struct lg_server *s)
{
    LG_AUTO(lg_json) *json = lg_json_new_object();
    LG_SCOPED(lg_buf) text = {0};

    lg_json_set_str(json, "host", s->address);
    lg_json_set_int(json, "port", s->port);
    lg_json_set_str(json, "identity", lg_identity_text(s->identity));
    lg_json_set_str(json, "life", s->life);
    if (s->zone != NULL)
        lg_json_set_str(json, "zone", s->zone);
    lg_json_set_str(json, "release", s->release);
    if (!s->o.grpc_off)
        lg_json_set_int(json, "grpcPort", s->rpc == NULL ? s->port : lg_http_server_port(s->rpc));
    if (s->disk_low)
        lg_json_set_bool(json, "diskLow", true);
    lg_json_write(&text, json, /* pretty= */ false);
    return lg_strndup((const char *)text.data, text.size);
}

static struct lg_http_server_options listener_of(struct lg_server *s)
{
    return (struct lg_http_server_options){.transport = s->o.transport,
                                           .lane = s->o.lane,
                                           .host = s->o.host,
                                           .port = s->o.port,
                                           .connections_max = s->o.connections_max,
                                           .idle_ms = s->o.idle_ms,
                                           .listener = LG_HTTP_LISTENER_SERVER,
                                           .http2 = s->o.http2,
                                           .rpc = s->o.grpc_off ? &lg_front_grpc_off
                                                                : &lg_front_grpc_offer,
                                           .rpc_ctx = s->grpc,
                                           .handler = lg_front_rest_handle,
                                           .ops = lg_front_rest_ops,
                                           .ctx = &s->front};
}

static void read_lane_failed(void *ctx, const struct lg_error *err)
{
    struct lg_server *s = ctx;

    lg_log(LG_LOG_WARN, "read_lane_failed", "instance=%s reason=\"%s\" what=\"the others answer\"",
           s->instance, err->text);
    s->deaf_lanes++;
    if (s->deaf_lanes == s->o.read_lane_count && s->o.failed != NULL)
        s->o.failed(s->o.failed_ctx, err);
}

/* Its listener is there, and all that its front looks at. */
static void start_read_lanes(struct lg_server *s)
{
    s->read_lanes = lg_read_lanes_start(
        &(struct lg_read_lanes_options){.lanes = s->o.read_lanes,
                                        .count = s->o.read_lane_count,
                                        .http = listener_of(s),
                                        .with = s->http,
                                        .rpc_with = s->rpc,
                                        .home = &s->front,
                                        .home_grpc = s->grpc,
                                        .warmer = s->warmer,
                                        .quota = lg_quota_keeper_quota(s->quota),
                                        .shed_target_us = s->o.shed_target_us,
                                        .cold = s->cold,
                                        .failed = read_lane_failed,
                                        .ctx = s});
}

static enum lg_rc listen_for_rpc(struct lg_server *s, struct lg_error *err)
{
    struct lg_http_server_options http = listener_of(s);

    if (s->o.grpc_off || s->o.grpc_port == 0)
        return LG_OK;
    http.port = s->o.grpc_port;
    http.holds = s->o.read_lane_count > 0;
    if (lg_http_server_start(&http, &s->rpc, err) != LG_OK)
        return lg_error_wrap(err, "grpc_port");
    return LG_OK;
}

static enum lg_rc listen_on(struct lg_server *s, struct lg_error *err)
{
    const char *host = s->o.announced_host == NULL ? s->o.host : s->o.announced_host;
    struct lg_http_server_options http = listener_of(s);
    enum lg_rc rc;

    http.holds = s->o.read_lane_count > 0;
    rc = lg_http_server_start(&http, &s->http, err);
    uint16_t port;

    if (rc != LG_OK)
        return lg_error_wrap(err, "server");
    rc = listen_for_rpc(s, err);
    if (rc != LG_OK)
        return rc;
    port = s->o.announced_port == 0 ? lg_http_server_port(s->http) : s->o.announced_port;
    if (s->o.instance == NULL)
        rc = lg_names_instance(s->instance, host, port, err);
    else
        (void)snprintf(s->instance, sizeof s->instance, "%s", s->o.instance);
    if (rc != LG_OK)
        return rc;
    s->announce_path = lg_strf("/instances/%s", s->instance);
    s->address = lg_strdup(host);
    s->zone = s->o.zone == NULL ? NULL : lg_strdup(s->o.zone);
    s->release = lg_strdup(s->o.release == NULL ? LAGOON_VERSION : s->o.release);
    s->port = port;
    s->disk_low = lg_disk_space_is_low(s->o.space);
    s->announce_value = make_value(s);
    return lg_identity_keep(s->identity, s->instance, err);
}

static enum lg_rc find_one(void *ctx, const char *topic, uint32_t partition,
                           const struct lg_checkpoint *c, struct lg_error *err)
{
    (void)topic;
    (void)partition;
    (void)c;
    (void)err;
    *(bool *)ctx = true;
    return LG_ERR_CANCELLED; /* One is enough. */
}

/* Replicas without the file that says whose they are: release 0.1, which knew no clusters. */
static enum lg_rc check_origin(const struct lg_server *s, struct lg_error *err)
{
    struct lg_error ignored;
    bool found = false;

    if (s->o.cluster == NULL || !lg_identity_is_new(s->identity))
        return LG_OK;
    (void)!lg_checkpoint_each(s->checkpoints, find_one, &found, &ignored);
    if (!found)
        return LG_OK;
    return lg_error_set(err, LG_ERR_CONFLICT,
                        "the data directory holds replicas of a standalone Lagoon, which do not "
                        "belong to the cluster %s; give the server a directory of its own",
                        s->o.cluster);
}

/* --- Read indexes ---------------------------------------------------------------------------- */

/* What was rolled back, or has failed, may stand above the version that is served, too. */
static bool may_come(const struct lg_store *store, int32_t version)
{
    const struct lg_version *v = lg_store_version(store, version);

    return v == NULL || (v->status != LG_VERSION_ROLLED_BACK && v->status != LG_VERSION_ERROR &&
                         v->status != LG_VERSION_KILLED);
}

static enum lg_warm_rank rank_of(const struct lg_store *store, int32_t version)
{
    if (!store->read_index_enabled)
        return LG_WARM_OFF;
    if (version == store->current_version)
        return LG_WARM_SERVED;
    return version > store->current_version && may_come(store, version) ? LG_WARM_COMING
                                                                        : LG_WARM_KEPT;
}

/* The version that is served, and the one that comes, are held in memory; the one before for as
 * long as clients may still ask for it. A way back is read from the engine until it is warm. A
 * store may do without. */
static struct lg_replica_judgement judge(void *ctx, const char *topic)
{
    struct lg_server *s = ctx;
    const struct lg_catalog_snapshot *snapshot = lg_catalog_current(s->front.catalog);
    struct lg_replica_judgement j = {LG_WARM_OFF, false};
    const struct lg_catalog_store *store;
    struct lg_slice name;
    struct lg_error err;
    int32_t version;

    if (snapshot == NULL ||
        lg_names_parse_version_topic(lg_slice_str(topic), &name, &version, &err) != LG_OK)
        return j;
    j.closed = lg_catalog_check_reads(snapshot, name, &err) != LG_OK;
    store = lg_catalog_store(snapshot, name);
    if (store != NULL)
        j.rank = rank_of(store->store, version);
    return j;
}

/* Which stores' calls of gRPC are answered. */
static void tell_grpc(const struct lg_server *s, const struct lg_catalog_snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->topics.size; i++) {
        struct lg_slice topic = lg_slice_str(snapshot->topics.data[i]->name), name;
        const struct lg_catalog_store *store;
        struct lg_error err;
        int32_t version;

        if (lg_names_parse_version_topic(topic, &name, &version, &err) != LG_OK)
            continue;
        store = lg_catalog_store(snapshot, name);
        if (store != NULL)
            lg_serving_grpc(s->serving, topic, !store->store->grpc_enabled);
    }
}

static void catalog_changed(void *ctx, struct lg_catalog_snapshot *snapshot)
{
    struct lg_server *s = ctx;

    lg_authz_learn(s->front.authz, snapshot);
    tell_grpc(s, snapshot);
    lg_quota_keeper_update(s->quota, snapshot, s->instance);
    if (s->front.replicas != NULL)
        lg_replica_manager_judge_again(s->front.replicas);
}

static bool is_ready(void *ctx)
{
    return lg_server_ready(ctx);
}

static enum lg_rc start_warmer(struct lg_server *s, struct lg_error *err)
{
    struct lg_warmer_options o = {.lane = s->o.lane,
                                  .budget_bytes = s->o.read_index_bytes,
                                  .seed = lg_rand_next(&s->o.lane->rand)};
    struct lg_read_gate *gate;
    enum lg_rc rc;

    rc = lg_warmer_new(&o, &s->warmer, err);
    if (rc != LG_OK)
        return rc;
    s->front.serving = s->serving = lg_serving_new(lg_warmer_epoch(s->warmer), o.seed);
    rc = lg_warmer_join(s->warmer, &s->reader, err);
    if (rc == LG_OK)
        rc = lg_quota_keeper_new(
            &(struct lg_quota_keeper_options){.lane = s->o.lane,
                                              .serving = s->serving,
                                              .lanes = (uint32_t)s->o.read_lane_count + 1,
                                              .node_rcu = s->o.node_rcu},
            &s->quota, err);
    if (rc == LG_OK)
        rc = lg_read_gate_open(s->o.lane, lg_quota_keeper_quota(s->quota),
                               s->o.shed_target_us * HOME_SHED_TIMES, &gate, err);
    if (rc != LG_OK)
        return rc;
    s->cold = lg_cold_queue_new(
        &(struct lg_cold_queue_options){.target_us = s->o.shed_target_us,
                                        .burst_us = lg_read_gate_burst_us(s->o.shed_target_us),
                                        .interval_us = LG_SHED_INTERVAL_US,
                                        .threads = s->o.pool_threads});
    s->front.group = lg_read_group_new(s->o.lane, s->reader, gate, s->cold);
    s->grpc = lg_front_grpc_new(&(struct lg_front_grpc_options){
        .lane = s->o.lane, .rest = &s->front, .ready = is_ready, .ready_ctx = s});
    return LG_OK;
}

static void stop_warmer(struct lg_server *s)
{
    lg_front_grpc_free(s->grpc);
    lg_read_group_free(s->front.group);
    lg_cold_queue_unref(s->cold);
    lg_epoch_quit(s->reader);
    lg_quota_keeper_free(s->quota);
    lg_serving_free(s->serving);
    lg_warmer_free(s->warmer);
}

/* --- The start ------------------------------------------------------------------------------- */

static enum lg_rc open_state(struct lg_server *s, struct lg_error *err)
{
    const struct lg_server_options *o = &s->o;
    enum lg_rc rc = lg_identity_open(&(struct lg_identity_options){.lane = o->lane,
                                                                   .disk = o->disk,
                                                                   .cluster = o->cluster,
                                                                   .cluster_id = o->cluster_id,
                                                                   .place = o->place},
                                     &s->identity, err);

    if (rc == LG_OK)
        rc = lg_checkpoint_store_open(o->driver, o->checkpoint_path, &s->checkpoints, err);
    if (rc == LG_OK)
        rc = check_origin(s, err);
    return rc;
}

static void announce(struct lg_server *s)
{
    s->announce =
        lg_announce_start(&(struct lg_announce_options){.lane = s->o.lane,
                                                        .metastore = s->o.metastore,
                                                        .path = s->announce_path,
                                                        .value = s->announce_value,
                                                        .identity = lg_identity_text(s->identity),
                                                        .life = s->life,
                                                        .conflict_ms = s->o.conflict_ms,
                                                        .changed = announce_changed,
                                                        .failed = announce_failed,
                                                        .ctx = s});
}

/* Whether the disk is low is told when it changes: at once when it is, and when it has had room for
 * a while, as a controller fills it again then. */
static void look_at_disk(struct lg_timer *timer)
{
    struct lg_server *s = LG_CONTAINER_OF(timer, struct lg_server, look);
    uint64_t now_us = lg_lane_now_us(s->o.lane);
    bool low = lg_disk_space_is_low(s->o.space);

    if (low || !s->disk_low)
        s->has_room_us = 0;
    else if (s->has_room_us == 0)
        s->has_room_us = now_us;
    if (low != s->disk_low && (low || now_us - s->has_room_us >= s->o.disk_hold_ms * LG_MS)) {
        s->disk_low = low;
        lg_free(s->announce_value);
        s->announce_value = make_value(s);
        s->front.announced = s->announce_value;
        lg_announce_say(s->announce, s->announce_value);
    }
    lg_timer_start(s->o.lane, &s->look, DISK_LOOK_MS * LG_MS, look_at_disk);
}

static void nothing_left(void *ctx)
{
    (void)ctx;
}

static void start_failed(struct lg_server *s)
{
    if (s->rpc != NULL)
        lg_http_server_stop(s->rpc, 0, nothing_left, NULL);
    if (s->http != NULL) /* It has no connection yet, so it asks for nothing of ours. */
        lg_http_server_stop(s->http, 0, nothing_left, NULL);
    lg_free(s->announce_path);
    lg_free(s->announce_value);
    lg_free(s->address);
    lg_free(s->zone);
    lg_free(s->release);
    lg_checkpoint_store_close(s->checkpoints);
    lg_identity_free(s->identity);
    stop_warmer(s);
    lg_free(s);
}

enum lg_rc lg_server_start(const struct lg_server_options *options, struct lg_server **out,
                           struct lg_error *err)
{
    struct lg_server *s = lg_new(struct lg_server);
    enum lg_rc rc;

    s->o = *options;
    if (s->o.disk_hold_ms == 0)
        s->o.disk_hold_ms = DISK_HOLD_MS_DEFAULT;
    lg_announce_make_identity(options->lane, s->life);
    rc = open_state(s, err);
    if (rc == LG_OK)
        rc = start_warmer(s, err);
    if (rc == LG_OK)
        rc = listen_on(s, err);
    if (rc != LG_OK) {
        start_failed(s);
        return rc;
    }
    s->front.authz = lg_authz_open(options->authz, options->lane, options->transport,
                                   lg_warmer_epoch(s->warmer));
    s->front.catalog =
        lg_catalog_start(&(struct lg_catalog_options){.metastore = options->metastore,
                                                      .lane = options->lane,
                                                      .changed = catalog_changed,
                                                      .session_lost = session_lost,
                                                      .ctx = s});
    s->front.replicas = lg_replica_manager_start(
        &(struct lg_replica_manager_options){.lane = options->lane,
                                             .metastore = options->metastore,
                                             .pubsub = options->pubsub,
                                             .driver = options->driver,
                                             .space = options->space,
                                             .checkpoints = s->checkpoints,
                                             .instance = s->instance,
                                             .identity = s->identity,
                                             .cluster = options->cluster,
                                             .cluster_id = options->cluster_id,
                                             .serving = s->serving,
                                             .warmer = s->warmer,
                                             .judge = judge,
                                             .judge_ctx = s,
                                             .opens_max = options->opens_max,
                                             .drop_grace_ms = options->drop_grace_ms});
    s->front.profiler = lg_key_profiler_new(options->lane);
    s->front.options = &s->o;
    s->front.instance = s->instance;
    s->front.announced = s->announce_value;
    start_read_lanes(s);
    announce(s);
    if (s->o.space != NULL)
        lg_timer_start(s->o.lane, &s->look, DISK_LOOK_MS * LG_MS, look_at_disk);
    *out = s;
    return LG_OK;
}

uint16_t lg_server_port(const struct lg_server *server)
{
    return lg_http_server_port(server->http);
}

bool lg_server_ready(const struct lg_server *server)
{
    return lg_replica_manager_sum(server->front.replicas).settled && !server->stopping &&
           lg_announce_is_there(server->announce);
}

bool lg_server_has_store(const struct lg_server *server, const char *store)
{
    const struct lg_catalog_snapshot *s = lg_catalog_current(server->front.catalog);

    return s == NULL || lg_catalog_store(s, lg_slice_str(store)) != NULL;
}

struct lg_replica_sum lg_server_replicas(const struct lg_server *server)
{
    return lg_replica_manager_sum(server->front.replicas);
}

void lg_server_health(const struct lg_server *server)
{
    struct lg_replica_sum sum = lg_replica_manager_sum(server->front.replicas);
    bool there = lg_announce_is_there(server->announce), ready = lg_server_ready(server);

    if (ready || !there)
        lg_health_set("server", ready, "%s", ready ? "" : "has not announced itself");
    else if (!sum.assignment_read)
        lg_health_set("server", false, "does not know yet which replicas are its own");
    else
        lg_health_set("server", false, "opens its replicas: %u wait",
                      sum.waiting_to_open + sum.opening);
    lg_health_warn("metastore", sum.metastore, "%s",
                   sum.metastore ? "" : "does not answer: what is here is kept and served");
    if (sum.refusal != NULL)
        lg_health_warn("assignment", false, "all is kept: %s", sum.refusal);
    else
        lg_health_warn("assignment", sum.assignment_read, "%s",
                       sum.assignment_read ? "" : "is not read yet");
    lg_health_warn("replicas", sum.error == 0, "%u leader, %u standby, %u offline, %u error",
                   sum.leader, sum.standby, sum.offline, sum.error);
    lg_health_warn("log", sum.log_away == 0, "%u replicas wait for it", sum.log_away);
}

const char *lg_server_instance(const struct lg_server *server)
{
    return server->instance;
}

/* --- The end, step by step. --------------------------------------------------------------------
 */

static void close_work(struct lg_offload *offload)
{
    lg_checkpoint_store_close(LG_CONTAINER_OF(offload, struct lg_server, close)->checkpoints);
}

static void closed(struct lg_offload *offload)
{
    struct lg_server *s = LG_CONTAINER_OF(offload, struct lg_server, close);
    void (*stopped)(void *ctx) = s->stopped;
    void *ctx = s->stopped_ctx;

    stop_warmer(s);
    lg_key_profiler_free(s->front.profiler);
    lg_free(s->announce_path);
    lg_free(s->announce_value);
    lg_free(s->address);
    lg_free(s->zone);
    lg_free(s->release);
    lg_free(s);
    stopped(ctx);
}

static void identity_closed(void *ctx)
{
    struct lg_server *s = ctx;

    s->close.work = close_work;
    s->close.done = closed;
    lg_offload(s->o.lane, &s->close);
}

static void authz_stopped(void *ctx)
{
    struct lg_server *s = ctx;

    lg_identity_close(s->identity, identity_closed, s);
}

static void catalog_stopped(void *ctx)
{
    struct lg_server *s = ctx;

    lg_authz_stop(LG_TAKE(s->front.authz), s->o.lane, authz_stopped, s);
}

static void announce_stopped(void *ctx)
{
    struct lg_server *s = ctx;

    lg_catalog_stop(s->front.catalog, catalog_stopped, s);
}

static void replicas_stopped(void *ctx)
{
    struct lg_server *s = ctx;

    s->front.replicas = NULL; /* The catalog and the announcement still tell what they hear. */
    lg_announce_stop(s->announce, announce_stopped, s);
}

static void http_stopped(void *ctx)
{
    struct lg_server *s = ctx;

    lg_replica_manager_stop(s->front.replicas, replicas_stopped, s);
}

static void rpc_stopped(void *ctx)
{
    struct lg_server *s = ctx;

    lg_http_server_stop(s->http, STOP_GRACE_MS, http_stopped, s);
}

/* What they sent home is answered by now. */
static void read_lanes_stopped(void *ctx)
{
    struct lg_server *s = ctx;

    if (s->rpc == NULL)
        rpc_stopped(s);
    else
        lg_http_server_stop(s->rpc, STOP_GRACE_MS, rpc_stopped, s);
}

static void drained(struct lg_timer *timer)
{
    struct lg_server *s = LG_CONTAINER_OF(timer, struct lg_server, pause);

    lg_read_lanes_stop(s->read_lanes, STOP_GRACE_MS, read_lanes_stopped, s);
}

/* Routers hear of it in their own time: meanwhile it answers. */
static void withdrawn(void *ctx)
{
    struct lg_server *s = ctx;

    if (s->withdrawn)
        return;
    s->withdrawn = true;
    lg_timer_start(s->o.lane, &s->pause, s->o.drain_ms * LG_MS, drained);
}

static void not_withdrawn(struct lg_timer *timer)
{
    struct lg_server *s = LG_CONTAINER_OF(timer, struct lg_server, pause);

    lg_log(LG_LOG_WARN, "server_not_withdrawn", "instance=%s", s->instance);
    withdrawn(s);
}

void lg_server_stop(struct lg_server *s, void (*stopped)(void *ctx), void *ctx)
{
    s->stopping = true;
    s->stopped = stopped;
    s->stopped_ctx = ctx;
    lg_timer_stop(s->o.lane, &s->look);
    lg_timer_start(s->o.lane, &s->pause, STOP_WITHDRAW_MS * LG_MS, not_withdrawn);
    lg_replica_manager_withdraw(s->front.replicas, withdrawn, s);
    lg_announce_withdraw(s->announce);
}
