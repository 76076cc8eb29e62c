#include "main/standalone.h"

#include "base/health.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "controller/controller.h"
#include "drivers/metafile/metafile.h"
#include "drivers/posix/disk_posix.h"
#include "drivers/rocksdb/engine_rocksdb.h"
#include "drivers/seglog/seglog.h"
#include "drivers/uv/lane_uv.h"
#include "main/data_dir.h"
#include "main/observe.h"
#include "main/stage.h"
#include "net/http_client.h"
#include "pubsub/log_front.h"
#include "router/router.h"
#include "server/server.h"

#define INSTANCE "standalone" /* There is one server, whatever port it has this time. */
#define ENDPOINTS_FILE "endpoints.json"
#define RESERVE_FILE "reserve"
#define READY_TIMEOUT_MS 60000u
#define SERVED_TIMEOUT_MS 10000u
#define READY_PAUSE_MS 5u

struct lg_standalone {
    struct lg_data_dir dir;
    struct lg_disk *store_disk; /* DIR/store of the replicas */
    struct lg_disk_space *space;
    char *path; /* DIR */
    char *host;
    struct lg_stage stage;
    struct lg_lane *control, *data;

    struct lg_metafile *metafile;
    struct lg_seglog *log;
    struct lg_log_front *log_front;
    struct lg_metastore *controller_session, *server_session, *router_session;
    struct lg_engine_driver *rocksdb;
    struct lg_controller *controller;
    struct lg_server *server;
    struct lg_router *router;
    uint16_t controller_port, router_port, server_port;
    struct lg_observer *observer;
};

/* --- The data directory. -----------------------------------------------------------------------
 */

static enum lg_rc open_directory(struct lg_standalone *s, const char *data, struct lg_error *err)
{
    enum lg_rc rc = lg_data_dir_open(data, LG_DATA_DIR_STANDALONE, &s->dir, err);

    if (rc == LG_OK)
        rc = lg_disk_remove(s->dir.disk, ENDPOINTS_FILE, err);
    return rc;
}

/* Before anything is written: on a full disk it gives the start some room. */
static void watch_space(struct lg_standalone *s, const struct lg_standalone_options *o)
{
    s->space = lg_disk_space_new(&(struct lg_disk_space_options){
        .disk = s->dir.disk,
        .folder = o->data,
        .low_bytes = o->disk_low_bytes,
        .reserve_path = o->disk_reserve_bytes == 0 ? NULL : RESERVE_FILE,
        .reserve_bytes = o->disk_reserve_bytes,
    });
}

enum lg_rc lg_standalone_announce(struct lg_standalone *s, struct lg_error *err)
{
    LG_AUTO(lg_json) *json = lg_json_new_object();
    LG_SCOPED(lg_buf) text = {0};
    const struct {
        const char *role;
        uint16_t port;
    } roles[] = {
        {"controller", s->controller_port}, {"router", s->router_port}, {"server", s->server_port}};

    for (size_t i = 0; i < LG_ARRAY_SIZE(roles); i++) {
        LG_AUTO_STR char *url =
            lg_strf("%s://%s:%u", lg_transport_scheme(s->stage.transport), s->host, roles[i].port);

        lg_json_set_str(json, roles[i].role, url);
    }
    lg_json_write(&text, json, /* pretty= */ true);
    lg_buf_append_byte(&text, '\n');
    lg_health_set("startup", true, "%s", "");
    return lg_disk_write_file(s->dir.disk, ENDPOINTS_FILE, lg_buf_slice(&text), err);
}

/* --- Putting it together. ----------------------------------------------------------------------
 */

static enum lg_rc make_lanes(struct lg_standalone *s, const struct lg_standalone_options *o,
                             struct lg_error *err)
{
    static const char *const names[] = {"control", "data"};
    enum lg_rc rc = lg_stage_bind(&o->reading, err);

    if (rc == LG_OK)
        rc = lg_stage_open(&s->stage, o->pool_threads, names, LG_ARRAY_SIZE(names), &o->reading,
                           err);
    if (rc == LG_OK && o->tls != NULL)
        rc = lg_stage_use_tls(&s->stage, o->tls, err);
    s->control = s->stage.lanes[0];
    s->data = s->stage.lanes[1];
    return rc;
}

static void handle_log(void *ctx, struct lg_http_request *rq)
{
    struct lg_standalone *s = ctx;

    if (!lg_log_front_handle(s->log_front, rq))
        lg_http_respond_text(rq, 404, "no such path below /log/");
}

static enum lg_rc start_control(struct lg_standalone *s, const struct lg_standalone_options *o,
                                struct lg_error *err)
{
    struct lg_metafile_options meta = {.disk = s->dir.disk, .dir = "meta", .lane = s->control};
    struct lg_seglog_options log = {.disk = s->dir.disk, .dir = "log", .lane = s->control};

    meta.space = log.space = s->space;
    enum lg_rc rc = lg_metafile_open(&meta, &s->metafile, err);

    if (rc == LG_OK)
        rc = lg_seglog_open(&log, &s->log, err);
    if (rc != LG_OK)
        return rc;
    s->log_front = lg_log_front_new(lg_seglog_pubsub(s->log), s->control);
    s->controller_session = lg_metafile_session_new(s->metafile);
    s->server_session = lg_metafile_session_new(s->metafile);
    s->router_session = lg_metafile_session_new(s->metafile);
    rc = lg_controller_start(
        &(struct lg_controller_options){.lane = s->control,
                                        .metastore = s->controller_session,
                                        .pubsub = lg_seglog_pubsub(s->log),
                                        .transport = s->stage.transport,
                                        .host = o->host,
                                        .port = o->controller_port,
                                        .connections_max = o->connections_max,
                                        .idle_ms = o->idle_ms,
                                        .authz = o->authz,
                                        .space = s->space,
                                        .keep_backups = o->keep_backups,
                                        .cleanup_interval_ms = o->cleanup_interval_ms,
                                        .trash_grace_ms = o->trash_grace_ms,
                                        .failed_keep_ms = o->failed_keep_ms,
                                        .deleted_keep_ms = o->deleted_keep_ms,
                                        .log_handler = handle_log,
                                        .log_ctx = s},
        &s->controller, err);
    if (rc == LG_OK)
        s->controller_port = lg_controller_port(s->controller);
    return rc;
}

static enum lg_rc start_data(struct lg_standalone *s, const struct lg_standalone_options *o,
                             struct lg_error *err)
{
    LG_AUTO_STR char *root = lg_strf("%s/store", o->data);
    enum lg_rc rc = lg_disk_posix_new(root, &s->store_disk, err);

    if (rc != LG_OK)
        return rc;
    s->rocksdb = lg_rocksdb_new(&(struct lg_rocksdb_options){
        .disk = s->store_disk, .root = root, .block_cache_bytes = o->block_cache_bytes});
    rc = lg_server_start(
        &(struct lg_server_options){.lane = s->data,
                                    .read_lanes = s->stage.readers,
                                    .read_lane_count = s->stage.reader_count,
                                    .metastore = s->server_session,
                                    .pubsub = lg_seglog_pubsub(s->log),
                                    .transport = s->stage.transport,
                                    .driver = s->rocksdb,
                                    .space = s->space,
                                    .disk = s->store_disk,
                                    .checkpoint_path = "checkpoints",
                                    .host = o->host,
                                    .port = o->server_port,
                                    .read_index_bytes = o->read_index_bytes,
                                    .http2 = o->http2,
                                    .grpc_off = o->grpc_off,
                                    .grpc_port = o->grpc_port,
                                    .node_rcu = o->node_rcu,
                                    .shed_target_us = o->read_queue_target_ms * LG_MS,
                                    .pool_threads = o->pool_threads,
                                    .connections_max = o->connections_max,
                                    .idle_ms = o->idle_ms,
                                    .authz = o->authz,
                                    .instance = INSTANCE},
        &s->server, err);
    if (rc == LG_OK)
        rc = lg_router_start(
            &(struct lg_router_options){.lane = s->data,
                                        .metastore = s->router_session,
                                        .transport = s->stage.transport,
                                        .host = o->host,
                                        .port = o->router_port,
                                        .connections_max = o->connections_max,
                                        .idle_ms = o->idle_ms,
                                        .authz = o->authz,
                                        .read_timeout_ms = o->read_timeout_ms,
                                        .controller_url = lg_controller_url(s->controller)},
            &s->router, err);
    if (rc != LG_OK)
        return rc;
    s->server_port = lg_server_port(s->server);
    s->router_port = lg_router_port(s->router);
    return LG_OK;
}

/* --- Ready when a user would say so: both fronts answer, and reads do.
 * -----------------------------------
 */

struct probe {
    struct lg_standalone *s;
    struct lg_http_client *client;
    struct lg_http_call call;
    struct lg_timer pause;
    const char *host;
    /* 0: the controller answers, 1: the router does, 2: every store is served, 3: the observer has
     * seen that all roles are ready, so that /readyz says so too */
    unsigned stage;
    uint64_t deadline_us, served_deadline_us;
    bool settled;
    struct lg_error why; /* it is not ready */
};

static void probe_send(struct probe *p);
static void probe_settle(struct probe *p);

static void probe_again(struct lg_timer *timer)
{
    struct probe *p = LG_CONTAINER_OF(timer, struct probe, pause);

    if (p->stage == 3)
        probe_settle(p);
    else
        probe_send(p);
}

static void probe_settle(struct probe *p)
{
    bool given_up = lg_lane_now_us(p->s->stage.main) > p->deadline_us;

    if (p->stage == 3 && !lg_observer_roles_ready(p->s->observer) && !given_up) {
        lg_timer_start(p->s->stage.main, &p->pause, READY_PAUSE_MS * LG_MS, probe_again);
        return;
    }
    p->settled = true;
    lg_lane_uv_stop(p->s->stage.main);
}

static const char *name_of(const struct probe *p)
{
    return p->stage == 0 ? "controller" : "router";
}

/* Our own role refuses us: no waiting will change that, so it is said at once. */
static void note_why(struct probe *p, const struct lg_http_call *call)
{
    bool was_told = p->why.rc == LG_ERR_REFUSED;

    if (call->rc != LG_OK)
        p->why = call->err;
    else
        (void)lg_error_set(&p->why, call->status == 403 ? LG_ERR_REFUSED : LG_ERR_UNREADY,
                           "it answered %d: %.*s%s", call->status,
                           (int)LG_MIN(call->response_body.size, (size_t)200),
                           (const char *)call->response_body.data,
                           call->status == 403 ? "; that is this process, which authz_trusted "
                                                 "has to name"
                                               : "");
    if (p->why.rc == LG_ERR_REFUSED && !was_told)
        lg_log(LG_LOG_WARN, "standalone_waits", "role=%s reason=\"%s\"", name_of(p), p->why.text);
}

static void probe_answered(struct lg_http_call *call)
{
    struct probe *p = LG_CONTAINER_OF(call, struct probe, call);

    uint64_t now_us = lg_lane_now_us(p->s->stage.main);
    bool given_up = now_us > p->deadline_us || (p->stage == 2 && now_us > p->served_deadline_us);

    if (call->rc == LG_OK && call->status == 200)
        p->stage++;
    else if (p->stage < 2)
        note_why(p, call);
    else if (given_up && p->stage == 2) /* A damaged store must not keep the others away. */
        lg_log(LG_LOG_WARN, "standalone_not_all_served", "reason=\"%.*s\"",
               (int)LG_MIN(call->response_body.size, (size_t)300),
               (const char *)call->response_body.data);
    if (p->stage == 3 || given_up)
        probe_settle(p);
    else
        lg_timer_start(p->s->stage.main, &p->pause, READY_PAUSE_MS * LG_MS, probe_again);
}

static void probe_send(struct probe *p)
{
    lg_http_call_done(&p->call);
    p->call = (struct lg_http_call){
        .host = p->host,
        .port = p->stage == 0 ? p->s->controller_port : p->s->router_port,
        .method = LG_HTTP_GET,
        .target = p->stage == 1 ? LG_LIT("/v1/stores") : LG_LIT("/v1/health"),
        .done = probe_answered,
    };
    lg_http_call_submit(p->client, &p->call);
}

static enum lg_rc wait_ready(struct lg_standalone *s, const char *host, struct lg_error *err)
{
    struct probe p = {.s = s, .host = host};

    p.client = lg_http_client_new(s->stage.transport, s->stage.main);
    p.deadline_us = lg_lane_now_us(s->stage.main) + READY_TIMEOUT_MS * LG_MS;
    p.served_deadline_us = lg_lane_now_us(s->stage.main) + SERVED_TIMEOUT_MS * LG_MS;
    probe_send(&p);
    while (!p.settled)
        lg_lane_uv_run(s->stage.main);
    lg_http_call_done(&p.call);
    lg_http_client_free(p.client);
    if (p.stage < 2)
        return lg_error_set(err, LG_ERR_TIMEOUT, "the %s is not ready after %u s: %s", name_of(&p),
                            READY_TIMEOUT_MS / 1000, p.why.text);
    return LG_OK;
}

enum lg_rc lg_standalone_start(const struct lg_standalone_options *options,
                               struct lg_standalone **out, struct lg_error *err)
{
    struct lg_standalone *s = lg_new(struct lg_standalone);
    enum lg_rc rc;

    s->path = lg_strdup(options->data);
    s->host = lg_strdup(options->host);
    rc = open_directory(s, options->data, err);
    lg_health_set("startup", false, "starting");
    if (rc == LG_OK) {
        watch_space(s, options);
        rc = make_lanes(s, options, err);
    }
    if (rc == LG_OK)
        rc = start_control(s, options, err);
    if (rc == LG_OK)
        rc = start_data(s, options, err);
    if (rc == LG_OK)
        s->observer = lg_observer_start(
            &(struct lg_observer_options){.control = s->control,
                                          .data = s->data,
                                          .readers = s->stage.readers,
                                          .reader_count = s->stage.reader_count,
                                          .controller = s->controller,
                                          .router = s->router,
                                          .server = s->server,
                                          .space = s->space,
                                          .path = options->data,
                                          .memory_limit_bytes = options->memory_limit_bytes});
    if (rc == LG_OK)
        rc = lg_stage_start(&s->stage, err);
    if (rc == LG_OK)
        rc = wait_ready(s, options->host, err);
    if (rc != LG_OK) {
        lg_standalone_stop(s);
        return rc;
    }
    *out = s;
    return LG_OK;
}

const char *lg_standalone_data(const struct lg_standalone *s)
{
    return s->path;
}

struct lg_stage *lg_standalone_stage(struct lg_standalone *s)
{
    return &s->stage;
}

uint16_t lg_standalone_controller_port(const struct lg_standalone *s)
{
    return s->controller_port;
}

uint16_t lg_standalone_router_port(const struct lg_standalone *s)
{
    return s->router_port;
}

uint16_t lg_standalone_server_port(const struct lg_standalone *s)
{
    return s->server_port;
}

/* --- Taking it apart: one step at a time, each on the lane it belongs to. ----------------------
 */

static void stop_observing_data(void *ctx)
{
    struct lg_standalone *s = ctx;

    lg_observer_stop_data(s->observer);
    lg_stage_done(&s->stage);
}

static void stop_observing_control(void *ctx)
{
    struct lg_standalone *s = ctx;

    lg_observer_stop_control(s->observer);
    lg_stage_done(&s->stage);
}

static void stop_router(void *ctx)
{
    struct lg_standalone *s = ctx;

    lg_router_stop(s->router, /* drain_ms= */ 0, lg_stage_done, &s->stage);
}

static void stop_server(void *ctx)
{
    struct lg_standalone *s = ctx;

    lg_server_stop(s->server, lg_stage_done, &s->stage);
}

static void stop_controller(void *ctx)
{
    struct lg_standalone *s = ctx;

    lg_log_front_stop(s->log_front);
    lg_controller_stop(s->controller, lg_stage_done, &s->stage);
}

static void close_router_session(void *ctx)
{
    struct lg_standalone *s = ctx;

    lg_metafile_session_close(s->router_session, s->control, lg_stage_done, &s->stage);
}

static void close_server_session(void *ctx)
{
    struct lg_standalone *s = ctx;

    lg_metafile_session_close(s->server_session, s->control, lg_stage_done, &s->stage);
}

static void close_controller_session(void *ctx)
{
    struct lg_standalone *s = ctx;

    lg_metafile_session_close(s->controller_session, s->control, lg_stage_done, &s->stage);
}

static void close_log(void *ctx)
{
    struct lg_standalone *s = ctx;

    lg_seglog_close(s->log, lg_stage_done, &s->stage);
}

static void close_metafile(void *ctx)
{
    struct lg_standalone *s = ctx;

    lg_metafile_close(s->metafile, lg_stage_done, &s->stage);
}

static void stop_roles(struct lg_standalone *s)
{
    if (s->observer != NULL) {
        (void)lg_stage_do(&s->stage, s->data, stop_observing_data, s);
        (void)lg_stage_do(&s->stage, s->control, stop_observing_control, s);
    }
    if (s->router != NULL)
        (void)lg_stage_do(&s->stage, s->data, stop_router, s);
    if (s->server != NULL)
        (void)lg_stage_do(&s->stage, s->data, stop_server, s);
    if (s->controller != NULL)
        (void)lg_stage_do(&s->stage, s->control, stop_controller, s);
    if (s->router_session != NULL)
        (void)lg_stage_do(&s->stage, s->control, close_router_session, s);
    if (s->server_session != NULL)
        (void)lg_stage_do(&s->stage, s->control, close_server_session, s);
    if (s->controller_session != NULL)
        (void)lg_stage_do(&s->stage, s->control, close_controller_session, s);
    lg_log_front_free(s->log_front);
    if (s->log != NULL)
        (void)lg_stage_do(&s->stage, s->control, close_log, s);
    if (s->metafile != NULL)
        (void)lg_stage_do(&s->stage, s->control, close_metafile, s);
}

void lg_standalone_stop(struct lg_standalone *s)
{
    struct lg_error err;

    if (s == NULL)
        return;
    stop_roles(s);
    if (s->dir.lock != NULL && lg_disk_remove(s->dir.disk, ENDPOINTS_FILE, &err) != LG_OK)
        lg_log(LG_LOG_WARN, "endpoints_not_removed", "reason=\"%s\"", err.text);
    lg_stage_join(&s->stage);
    lg_observer_free(s->observer);
    lg_rocksdb_free(s->rocksdb);
    lg_stage_close(&s->stage);
    lg_disk_space_free(s->space);
    lg_disk_posix_free(s->store_disk);
    lg_data_dir_close(&s->dir);
    lg_free(s->path);
    lg_free(s->host);
    lg_free(s);
}
