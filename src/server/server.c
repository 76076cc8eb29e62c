/* A storage node, put together.
 *
 *   STARTING ─▶ SERVING ─▶ STOPPING: listener closed ─▶ replicas closed ─▶ catalog gone ─▶ gone
 */
#include "server/server.h"

#include "base/json.h"
#include "base/str.h"
#include "coord/announce.h"
#include "model/names.h"
#include "server/front_rest.h"
#include "server/key_profiler.h"

#define STOP_GRACE_MS 5000u

struct lg_server {
    struct lg_server_options o;
    char instance[LG_NAMES_INSTANCE_MAX + 1];
    struct lg_checkpoint_store *checkpoints;
    struct lg_front_rest front;
    struct lg_http_server *http;

    char *announce_value;
    struct lg_announce *announce;
    bool stopping;
    unsigned parts; /* that a stop still waits for */
    struct lg_offload close;
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

static void announce_failed(void *ctx, const struct lg_error *err)
{
    struct lg_server *s = ctx;

    if (s->o.failed != NULL && !s->stopping)
        s->o.failed(s->o.failed_ctx, err);
}

/* "I am here": for as long as the metastore session lives. */
static void announce(struct lg_server *s)
{
    LG_AUTO_STR char *path = lg_strf("/instances/%s", s->instance);

    s->announce = lg_announce_start(&(struct lg_announce_options){.lane = s->o.lane,
                                                                  .metastore = s->o.metastore,
                                                                  .path = path,
                                                                  .value = s->announce_value,
                                                                  .identity = s->o.identity,
                                                                  .conflict_ms = s->o.conflict_ms,
                                                                  .failed = announce_failed,
                                                                  .ctx = s});
}

/* Of v0.1 are host and port; what is not configured is left out. */
static char *announcement(const struct lg_server *s, const char *host, uint16_t port)
{
    struct lg_json *json = lg_json_new_object();
    LG_SCOPED(lg_buf) text = {0};

    lg_json_set_str(json, "host", host);
    lg_json_set_int(json, "port", port);
    if (s->o.zone != NULL)
        lg_json_set_str(json, "zone", s->o.zone);
    if (s->o.identity != NULL)
        lg_json_set_str(json, "identity", s->o.identity);
    lg_json_set_str(json, "release", LAGOON_VERSION);
    lg_json_write(&text, json, /* pretty= */ false);
    lg_json_unref(json);
    return lg_strndup((const char *)text.data, text.size);
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
    s->announce_value = announcement(s, host, port);
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
    s->front.catalog = lg_catalog_start(
        &(struct lg_catalog_options){.metastore = options->metastore, .lane = options->lane});
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
    return !server->stopping && lg_announce_is_there(server->announce);
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

/* Withdrawn, and without requests. */
static void idle(void *ctx)
{
    struct lg_server *s = ctx;

    if (--s->parts == 0)
        lg_replica_manager_stop(s->front.replicas, replicas_stopped, s);
}

void lg_server_stop(struct lg_server *s, void (*stopped)(void *ctx), void *ctx)
{
    s->stopping = true;
    s->stopped = stopped;
    s->stopped_ctx = ctx;
    s->parts = 2;
    lg_announce_stop(s->announce, idle, s);
    lg_http_server_stop(s->http, STOP_GRACE_MS, idle, s);
}
