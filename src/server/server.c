/* A storage node, put together.
 *
 *   STARTING ─▶ SERVING ─▶ STOPPING: listener closed ─▶ replicas closed ─▶ catalog gone ─▶ gone
 */
#include "server/server.h"

#include "base/log.h"
#include "base/str.h"
#include "model/names.h"
#include "server/front_rest.h"
#include "server/key_profiler.h"

#define PAUSE_US (200 * LG_MS)
#define STOP_GRACE_MS 5000u

struct lg_server {
    struct lg_server_options o;
    char instance[LG_NAMES_INSTANCE_MAX + 1];
    struct lg_checkpoint_store *checkpoints;
    struct lg_front_rest front;
    struct lg_http_server *http;

    char *announce_path, *announce_value;
    struct lg_meta_change announce_changes[2];
    struct lg_meta_op announce;
    bool announcing, announce_lost, ready, stopping, idle;
    struct lg_timer announce_again;
    struct lg_offload close;
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

static void announce(struct lg_server *s);
static void stop_replicas(struct lg_server *s);

static void announce_due(struct lg_timer *timer)
{
    announce(LG_CONTAINER_OF(timer, struct lg_server, announce_again));
}

static void announced(struct lg_meta_op *op)
{
    struct lg_server *s = LG_CONTAINER_OF(op, struct lg_server, announce);

    s->announcing = false;
    if (s->stopping) {
        if (op->change_count > 1) /* It still said that we are here. */
            announce(s);
        else if (s->idle)
            stop_replicas(s);
        return;
    }
    if (s->announce_lost) {
        announce(s);
        return;
    }
    s->ready = op->rc == LG_OK;
    if (s->ready) {
        lg_log(LG_LOG_INFO, "server_announced", "instance=%s", s->instance);
        return;
    }
    lg_log(LG_LOG_WARN, "server_not_announced", "instance=%s reason=\"%s\"", s->instance,
           op->err.text);
    lg_timer_start(s->o.lane, &s->announce_again, PAUSE_US, announce_due);
}

/* "I am here": for as long as the metastore session lives. */
static void announce(struct lg_server *s)
{
    s->announce_changes[0] = (struct lg_meta_change){
        .kind = LG_META_REMOVE_TREE, .path = s->announce_path, .version = LG_META_ANY_VERSION};
    s->announce_changes[1] = (struct lg_meta_change){.kind = LG_META_CREATE_EPHEMERAL,
                                                     .path = s->announce_path,
                                                     .value = lg_slice_str(s->announce_value),
                                                     .version = LG_META_ANY_VERSION};
    s->announcing = true;
    s->announce_lost = false;
    s->announce = (struct lg_meta_op){.kind = LG_META_WRITE,
                                      .lane = s->o.lane,
                                      .changes = s->announce_changes,
                                      .change_count = s->stopping ? 1 : 2,
                                      .done = announced};
    lg_metastore_submit(s->o.metastore, &s->announce);
}

/* Nobody knows any more that we are here. */
static void session_lost(void *ctx)
{
    struct lg_server *s = ctx;

    lg_log(LG_LOG_WARN, "server_session_lost", "instance=%s", s->instance);
    s->ready = false;
    lg_timer_stop(s->o.lane, &s->announce_again);
    if (s->announcing)
        s->announce_lost = true; /* It may have belonged to the session that is lost. */
    else if (!s->stopping)
        announce(s);
}

static enum lg_rc listen_on(struct lg_server *s, struct lg_error *err)
{
    const char *host = s->o.announced_host == NULL ? s->o.host : s->o.announced_host;
    struct lg_http_server_options http = {.transport = s->o.transport,
                                          .lane = s->o.lane,
                                          .host = s->o.host,
                                          .port = s->o.port,
                                          .connections_max = s->o.connections_max,
                                          .idle_ms = s->o.idle_ms,
                                          .listener = LG_HTTP_LISTENER_SERVER,
                                          .handler = lg_front_rest_handle,
                                          .ctx = &s->front};
    enum lg_rc rc = lg_http_server_start(&http, &s->http, err);
    uint16_t port;

    if (rc != LG_OK)
        return lg_error_wrap(err, "server");
    port = lg_http_server_port(s->http);
    if (s->o.instance == NULL)
        rc = lg_names_instance(s->instance, host, port, err);
    else
        (void)snprintf(s->instance, sizeof s->instance, "%s", s->o.instance);
    s->announce_path = lg_strf("/instances/%s", s->instance);
    s->announce_value = lg_strf("{\"host\":\"%s\",\"port\":%u}", host, port);
    return rc;
}

enum lg_rc lg_server_start(const struct lg_server_options *options, struct lg_server **out,
                           struct lg_error *err)
{
    struct lg_server *s = lg_new(struct lg_server);
    enum lg_rc rc;

    s->o = *options;
    rc = lg_checkpoint_store_open(options->driver, options->checkpoint_path, &s->checkpoints, err);
    if (rc == LG_OK)
        rc = listen_on(s, err);
    if (rc != LG_OK) {
        lg_checkpoint_store_close(s->checkpoints);
        lg_free(s);
        return rc;
    }
    s->front.catalog =
        lg_catalog_start(&(struct lg_catalog_options){.metastore = options->metastore,
                                                      .lane = options->lane,
                                                      .session_lost = session_lost,
                                                      .ctx = s});
    s->front.replicas = lg_replica_manager_start(
        &(struct lg_replica_manager_options){.lane = options->lane,
                                             .metastore = options->metastore,
                                             .pubsub = options->pubsub,
                                             .driver = options->driver,
                                             .space = options->space,
                                             .checkpoints = s->checkpoints,
                                             .instance = s->instance});
    s->front.profiler = lg_key_profiler_new(options->lane);
    s->front.options = &s->o;
    s->front.instance = s->instance;
    s->front.announced = s->announce_value;
    announce(s);
    *out = s;
    return LG_OK;
}

uint16_t lg_server_port(const struct lg_server *server)
{
    return lg_http_server_port(server->http);
}

bool lg_server_ready(const struct lg_server *server)
{
    return server->ready;
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

    lg_key_profiler_free(s->front.profiler);
    lg_free(s->announce_path);
    lg_free(s->announce_value);
    lg_free(s);
    stopped(ctx);
}

static void catalog_stopped(void *ctx)
{
    struct lg_server *s = ctx;

    s->close.work = close_work;
    s->close.done = closed;
    lg_offload(s->o.lane, &s->close);
}

static void replicas_stopped(void *ctx)
{
    struct lg_server *s = ctx;

    lg_catalog_stop(s->front.catalog, catalog_stopped, s);
}

static void stop_replicas(struct lg_server *s)
{
    lg_replica_manager_stop(s->front.replicas, replicas_stopped, s);
}

static void http_stopped(void *ctx)
{
    struct lg_server *s = ctx;

    s->idle = true;
    if (!s->announcing)
        stop_replicas(s);
}

void lg_server_stop(struct lg_server *s, void (*stopped)(void *ctx), void *ctx)
{
    s->stopping = true;
    s->stopped = stopped;
    s->stopped_ctx = ctx;
    lg_timer_stop(s->o.lane, &s->announce_again);
    if (!s->announcing)
        announce(s); /* Withdraws. */
    lg_http_server_stop(s->http, STOP_GRACE_MS, http_stopped, s);
}
