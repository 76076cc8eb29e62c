/* The main functions of the nodes that are Lagoon: what `lagoon standalone` puts into one process,
 * put into many. Everything here lives in the node's memory and dies with it. */
#include "base/str.h"
#include "controller/controller.h"
#include "drivers/loghttp/loghttp.h"
#include "drivers/memkv/engine_memkv.h"
#include "drivers/metafile/metafile.h"
#include "drivers/seglog/seglog.h"
#include "drivers/sim/pubsub_wide.h"
#include "net/http_server.h"
#include "pubsub/log_front.h"
#include "router/router.h"
#include "server/server.h"
#include "sim/world.h"

/* A start fails only when a file that was acknowledged is lost; but the power may go in it. */
static bool started(struct lg_world_node *n, enum lg_rc rc, const struct lg_error *err)
{
    if (rc == LG_OK)
        return true;
    if (lg_sim_node_alive(n->node)) {
        lg_check_opened(&n->world->history, n->name, err);
        lg_sim_node_kill(n->node);
    }
    return false;
}

/* Of the node's memory, like all the rest. */
static struct lg_disk_space *watch_space(const struct lg_world_node *n)
{
    return lg_disk_space_new(&(struct lg_disk_space_options){
        .disk = n->disk, .folder = n->name, .low_bytes = LG_WORLD_DISK_LOW});
}

/* The log as a node reaches it: over the network, and unreliable. */
static enum lg_rc open_log(struct lg_world_node *n, struct lg_lane *lane,
                           const struct lg_log_sim_faults *faults, struct lg_pubsub **out,
                           struct lg_error *err)
{
    struct lg_loghttp_options o = {lg_net_sim_transport(n->world->net), lane, LG_WORLD_LOG_URL};
    struct lg_loghttp *log = NULL;
    enum lg_rc rc = lg_loghttp_new(&o, &log, err);

    struct lg_pubsub *reached;

    if (rc != LG_OK)
        return rc;
    reached = lg_loghttp_pubsub(log);
    if (n->world->wide_positions)
        reached = lg_pubsub_wide_pubsub(lg_pubsub_wide_new(reached));
    *out = lg_log_sim_pubsub(lg_log_sim_new(reached, lane, faults));
    return LG_OK;
}

/* --- Ground: metadata and log. -----------------------------------------------------------------
 */

struct ground {
    struct lg_lane *lane;
    struct lg_metafile *metafile;
    struct lg_seglog *log;
    struct lg_log_front *front;
    struct lg_http_server *http;
};

static struct lg_metastore *session_open(void *ctx)
{
    return lg_metafile_session_new(((struct ground *)ctx)->metafile);
}

static void session_close(void *ctx, struct lg_metastore *session)
{
    lg_metafile_session_close(session, ((struct ground *)ctx)->lane, NULL, NULL);
}

static void log_request(void *ctx, struct lg_http_request *rq)
{
    struct ground *g = ctx;

    if (!lg_log_front_handle(g->front, rq))
        lg_http_respond_text(rq, 404, "no such path");
}

static enum lg_rc ground_start(struct lg_world_node *n, struct ground *g, struct lg_error *err)
{
    struct lg_metafile_options metafile = {
        .disk = n->disk, .dir = "metadata", .lane = g->lane, .journal_bytes_min = 16 << 10};
    struct lg_seglog_options log = {.disk = n->disk, .dir = "log", .lane = g->lane};
    struct lg_http_server_options http = {.transport = lg_net_sim_transport(n->world->net),
                                          .lane = g->lane,
                                          .host = n->name,
                                          .port = LG_WORLD_LOG_PORT,
                                          .handler = log_request,
                                          .ctx = g};
    enum lg_rc rc;

    metafile.space = log.space = watch_space(n);
    rc = lg_metafile_open(&metafile, &g->metafile, err);
    if (rc == LG_OK)
        rc = lg_seglog_open(&log, &g->log, err);
    if (rc != LG_OK)
        return rc;
    g->front = lg_log_front_new(lg_seglog_pubsub(g->log), g->lane);
    return lg_http_server_start(&http, &g->http, err);
}

void lg_world_ground_main(void *ctx)
{
    struct lg_world_node *n = ctx;
    struct ground *g = lg_new(struct ground);
    struct lg_error err = {0};

    g->lane = lg_sim_lane_new(n->world->sim, n->node, n->name);
    if (started(n, ground_start(n, g, &err), &err))
        lg_meta_sim_serve(n->world->meta, g->lane,
                          &(struct lg_meta_sim_source){session_open, session_close, g});
}

/* --- Controllers. ------------------------------------------------------------------------------
 */

void lg_world_controller_main(void *ctx)
{
    struct lg_world_node *n = ctx;
    struct lg_lane *lane = lg_sim_lane_new(n->world->sim, n->node, n->name);
    struct lg_controller_options o = {.lane = lane,
                                      .metastore = lg_meta_sim_session(n->world->meta, lane),
                                      .transport = lg_net_sim_transport(n->world->net),
                                      .host = n->name,
                                      .port = LG_WORLD_CONTROLLER_PORT,
                                      .trash_grace_ms = 3000,
                                      .failed_keep_ms = 500,
                                      .abandoned_keep_ms = 15000,
                                      .routers_settle_ms = 5000,
                                      .delay_to_rebalance_ms = LG_WORLD_DELAY_MS,
                                      .blink_ms = 1000};
    struct lg_controller *controller;
    struct lg_error err = {0};
    enum lg_rc rc = open_log(n, lane, &n->world->log_faults, &o.pubsub, &err);

    if (rc == LG_OK)
        rc = lg_controller_start(&o, &controller, &err);
    (void)started(n, rc, &err);
}

/* --- Servers and routers. ----------------------------------------------------------------------
 */

void lg_world_server_main(void *ctx)
{
    struct lg_world_node *n = ctx;
    struct lg_lane *lane = lg_sim_lane_new(n->world->sim, n->node, n->name);
    struct lg_server_options o = {.lane = lane,
                                  .transport = lg_net_sim_transport(n->world->net),
                                  .disk = n->disk,
                                  .checkpoint_path = LG_WORLD_CHECKPOINTS,
                                  .drop_grace_ms = LG_HISTORY_GRACE_MS,
                                  .disk_hold_ms = 5000, /* Well within the time to heal. */
                                  .read_index_bytes = LG_WORLD_READ_INDEX_BYTES,
                                  .host = n->name,
                                  .port = LG_WORLD_SERVER_PORT};
    struct lg_lane *readers[] = {lg_sim_lane_new(n->world->sim, n->node, "read-0"),
                                 lg_sim_lane_new(n->world->sim, n->node, "read-1")};
    unsigned zones = n->world->history.zones;
    LG_AUTO_STR char *zone = lg_strf("zone%u", zones == 0 ? 0 : n->number % zones);
    struct lg_server *server;
    struct lg_error err = {0};
    enum lg_rc rc = open_log(n, lane, &n->world->server_log_faults, &o.pubsub, &err);

    o.read_lanes = readers;
    o.read_lane_count = LG_ARRAY_SIZE(readers);
    if (zones > 0)
        o.zone = zone;
    if (rc == LG_OK) {
        o.metastore = lg_meta_sim_session(n->world->meta, lane);
        o.driver = lg_memkv_new(n->disk, LG_WORLD_ENGINES);
        o.space = watch_space(n);
        rc = lg_server_start(&o, &server, &err);
    }
    (void)started(n, rc, &err);
}

void lg_world_router_main(void *ctx)
{
    struct lg_world_node *n = ctx;
    struct lg_lane *lane = lg_sim_lane_new(n->world->sim, n->node, n->name);
    struct lg_router_options o = {.lane = lane,
                                  .metastore = lg_meta_sim_session(n->world->meta, lane),
                                  .transport = lg_net_sim_transport(n->world->net),
                                  .host = n->name,
                                  .port = LG_WORLD_ROUTER_PORT,
                                  .controller_url = LG_WORLD_CONTROLLER_URL,
                                  .read_timeout_ms = 5000};
    struct lg_router *router;
    struct lg_error err = {0};

    (void)started(n, lg_router_start(&o, &router, &err), &err);
}
