/* A small cluster under one seed. */
#include "test/lib/cluster_world.h"

#include <stdio.h>

#include "base/log.h"
#include "base/str.h"
#include "controller/controller.h"
#include "drivers/loghttp/loghttp.h"
#include "drivers/memkv/engine_memkv.h"
#include "drivers/metafile/metafile.h"
#include "drivers/nghttp2/hpack_nghttp2.h"
#include "drivers/seglog/seglog.h"
#include "drivers/sim/pubsub_wide.h"
#include "lane/fault.h"
#include "model/partitioner.h"
#include "net/h2_conn.h"
#include "pubsub/batch.h"
#include "pubsub/log_front.h"
#include "record/headers.h"
#include "record/value_codec.h"
#include "router/router.h"
#include "server/server.h"
#include "test/lib/catalog_nodes.h"
#include "test/test.h"
#include "writer/chunk_writer.h"

#define GROUND_URL "http://ground:5555"
#define PATIENCE_US (60 * LG_SEC)

/* --- Ground. -----------------------------------------------------------------------------------
 */

struct ground { /* In the node's memory. */
    struct lg_lane *lane;
    struct lg_metafile *metafile;
    struct lg_seglog *log;
    struct lg_log_front *front;
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
    if (!lg_log_front_handle(((struct ground *)ctx)->front, rq))
        lg_http_respond_text(rq, 404, "no such path");
}

static void serve(struct lg_clw *w, struct ground *g)
{
    struct lg_controller_options controller = {.lane = g->lane,
                                               .transport = lg_net_sim_transport(w->net),
                                               .host = "ground",
                                               .port = LG_CLW_CONTROLLER_PORT,
                                               .authz = w->authz,
                                               .log_handler = log_request,
                                               .log_ctx = g};
    struct lg_http_server_options plain = {.transport = controller.transport,
                                           .lane = g->lane,
                                           .host = "ground",
                                           .port = LG_CLW_CONTROLLER_PORT,
                                           .handler = log_request,
                                           .ctx = g};
    struct lg_controller *c;
    struct lg_http_server *http;
    struct lg_error err = {0};

    if (!w->with_controller) {
        assert_ok(lg_http_server_start(&plain, &http, &err));
        return;
    }
    controller.metastore = lg_metafile_session_new(g->metafile);
    controller.pubsub = lg_seglog_pubsub(g->log);
    assert_ok(lg_controller_start(&controller, &c, &err));
}

static void ground_main(void *ctx)
{
    struct lg_clw_node *n = ctx;
    struct lg_clw *w = n->world;
    struct ground *g = lg_new(struct ground);
    struct lg_metafile_options metafile = {.disk = n->disk, .dir = "metadata"};
    struct lg_seglog_options log = {.disk = n->disk, .dir = "log"};
    struct lg_error err = {0};

    g->lane = metafile.lane = log.lane = lg_sim_lane_new(w->sim, n->node, n->name);
    assert_ok(lg_metafile_open(&metafile, &g->metafile, &err));
    assert_ok(lg_seglog_open(&log, &g->log, &err));
    g->front = lg_log_front_new(lg_seglog_pubsub(g->log), g->lane);
    serve(w, g);
    lg_meta_sim_serve(w->meta, g->lane,
                      &(struct lg_meta_sim_source){session_open, session_close, g});
}

/* --- Servers and router. -----------------------------------------------------------------------
 */

static struct lg_h2 *http2(const struct lg_h2_options *o)
{
    return lg_h2_own_new(o, &lg_hpack_nghttp2);
}

/* Since when lanes have no rest; 0: they have. The simulator's lanes take no time and do not know
 * how long they wait. */
static uint64_t busy_since_us;

static uint64_t waited_us(struct lg_lane *lane)
{
    uint64_t now_us = lg_lane_now_us(lane);

    return busy_since_us == 0 ? now_us : LG_MIN(busy_since_us, now_us);
}

void lg_clw_busy(struct lg_clw *w, bool is_busy)
{
    busy_since_us = is_busy ? lg_sim_now_us(w->sim) : 0;
}

static struct lg_lane *reading_lane(const struct lg_clw_node *n, const char *name)
{
    static struct lg_lane_ops knows;
    struct lg_lane *lane = lg_sim_lane_new(n->world->sim, n->node, name);

    if (n->world->shed_target_us != 0) {
        knows = *lane->ops;
        knows.waited_us = waited_us;
        lane->ops = &knows;
    }
    return lane;
}

static void server_main(void *ctx)
{
    struct lg_clw_node *n = ctx;
    struct lg_clw *w = n->world;
    struct lg_lane *lane = lg_sim_lane_new(w->sim, n->node, n->name);
    struct lg_transport *transport = lg_net_sim_transport(w->net);
    struct lg_loghttp_options log = {transport, lane, "lagoon+" GROUND_URL};
    struct lg_server_options o = {
        .lane = lane,
        .cluster = n->world->server_cluster,
        .cluster_id = n->world->server_cluster_id,
        .transport = transport,
        .disk = n->disk,
        .checkpoint_path = "checkpoints",
        .host = n->name,
        .port = LG_CLW_SERVER_PORT,
        .http2 = http2,
        .grpc_off = w->grpc_off,
        .grpc_port = w->grpc_port,
        .authz = w->authz,
        .node_rcu = w->node_rcu,
        .shed_target_us = w->shed_target_us,
        .read_index_bytes = w->read_index_bytes == 0 ? (uint64_t)16 << 20 : w->read_index_bytes};
    struct lg_lane *readers[] = {reading_lane(n, "read-0"), reading_lane(n, "read-1")};
    struct lg_error err = {0};

    o.read_lanes = readers;
    o.read_lane_count = w->one_lane ? 0 : LG_ARRAY_SIZE(readers);
    o.metastore = lg_meta_sim_session(w->meta, lane);
    n->bytes_before = lg_sim_node_bytes(n->node);
    assert_ok(lg_loghttp_new(&log, &n->log, &err));
    n->engines = lg_memkv_new(n->disk, "engines");
    n->wide = lg_pubsub_wide_new(lg_loghttp_pubsub(n->log));
    o.pubsub = lg_pubsub_wide_pubsub(n->wide); /* Positions are nobody's numbers. */
    o.driver = n->engines;
    assert_ok(lg_server_start(&o, &n->server, &err));
}

static void router_failed(void *ctx, const struct lg_error *err)
{
    struct lg_clw *w = ctx;

    (void)snprintf(w->router_failed, sizeof w->router_failed, "%s", err->text);
}

static void router_main(void *ctx)
{
    struct lg_clw_node *n = ctx;
    struct lg_clw *w = n->world;
    struct lg_lane *lane = lg_sim_lane_new(w->sim, n->node, n->name);
    struct lg_router_options o = {.lane = lane,
                                  .metastore = lg_meta_sim_session(w->meta, lane),
                                  .transport = lg_net_sim_transport(w->net),
                                  .host = n->name,
                                  .port = LG_CLW_ROUTER_PORT,
                                  .controller_url = GROUND_URL,
                                  .read_capacity = w->read_capacity,
                                  .read_timeout_ms =
                                      w->read_timeout_ms == 0 ? 2000 : w->read_timeout_ms,
                                  .authz = w->authz,
                                  .failed = router_failed,
                                  .failed_ctx = w};
    struct lg_error err = {0};

    n->bytes_before = lg_sim_node_bytes(n->node);
    assert_ok(lg_router_start(&o, &n->router, &err));
}

/* --- Controllers of their own. -----------------------------------------------------------------
 */

static void controller_failed(void *ctx, const struct lg_error *err)
{
    struct lg_clw_node *n = ctx;

    (void)snprintf(n->world->controller_failed, sizeof n->world->controller_failed, "%s",
                   err->text);
}

static void controller_main(void *ctx)
{
    struct lg_clw_node *n = ctx;
    struct lg_clw *w = n->world;
    struct lg_lane *lane = lg_sim_lane_new(w->sim, n->node, n->name);
    struct lg_transport *transport = lg_net_sim_transport(w->net);
    struct lg_loghttp_options log = {transport, lane, "lagoon+" GROUND_URL};
    struct lg_controller_options o = {.lane = lane,
                                      .metastore = lg_meta_sim_session(w->meta, lane),
                                      .transport = transport,
                                      .host = n->name,
                                      .port = LG_CLW_CONTROLLER_PORT,
                                      .authz = w->authz,
                                      .conflict_ms = w->conflict_ms,
                                      .push_timeout_ms = w->push_timeout_ms,
                                      .failed = controller_failed,
                                      .failed_ctx = n};
    struct lg_error err = {0};

    n->bytes_before = lg_sim_node_bytes(n->node);
    assert_ok(lg_loghttp_new(&log, &n->log, &err));
    o.pubsub = lg_loghttp_pubsub(n->log);
    assert_ok(lg_controller_start(&o, &n->controller, &err));
}

static void node_init(struct lg_clw *w, struct lg_clw_node *n, const char *name, uint64_t seed)
{
    n->world = w;
    (void)snprintf(n->name, sizeof n->name, "%s", name);
    n->node = lg_sim_node_new(w->sim, name);
    n->disk = lg_disk_sim_new(w->sim, seed);
    lg_disk_sim_follow(n->disk, n->node);
}

static void hand_main(void *ctx)
{
    struct lg_clw *w = ctx;

    w->hand_lane = lg_sim_lane_new(w->sim, w->hand.node, "hand");
    w->session = lg_meta_sim_session(w->meta, w->hand_lane);
}

static struct lg_clw *world_new(uint64_t seed, bool with_controller,
                                const struct lg_authz_config *authz)
{
    struct lg_clw *w = lg_new(struct lg_clw);
    struct lg_loghttp_options log = {.url = "lagoon+" GROUND_URL};
    struct lg_error err = {0};

    lg_log_set_level(LG_LOG_OFF);
    lg_fault_disarm_all();
    busy_since_us = 0;
    w->with_controller = with_controller;
    w->authz = authz;
    w->sim = lg_sim_new(seed);
    w->net = lg_net_sim_new(w->sim);
    w->meta = lg_meta_sim_new(w->sim);
    w->lane = lg_sim_lane_new(w->sim, NULL, "client");
    w->http = lg_http_client_new(lg_net_sim_transport(w->net), w->lane);
    log.transport = lg_net_sim_transport(w->net);
    log.lane = w->lane;
    assert_ok(lg_loghttp_new(&log, &w->log, &err));
    node_init(w, &w->ground, "ground", seed + 1);
    node_init(w, &w->hand, "hand", seed + 2);
    node_init(w, &w->router, "router", seed + 3);
    for (unsigned i = 0; i < LG_CLW_SERVERS_MAX; i++) {
        char name[16];

        (void)snprintf(name, sizeof name, "s%u", i);
        node_init(w, &w->servers[i], name, seed + 4 + i);
    }
    for (unsigned i = 0; i < LG_CLW_CONTROLLERS_MAX; i++) {
        char name[16];

        (void)snprintf(name, sizeof name, "c%u", i);
        node_init(w, &w->controllers[i], name, seed + 20 + i);
    }
    lg_sim_node_run(w->ground.node, ground_main, &w->ground);
    lg_sim_node_run(w->hand.node, hand_main, w);
    lg_clw_run_ms(w, 500);
    return w;
}

struct lg_clw *lg_clw_new(uint64_t seed, bool with_controller)
{
    return world_new(seed, with_controller, /* authz= */ NULL);
}

struct lg_clw *lg_clw_new_guarded(uint64_t seed, const struct lg_authz_config *authz)
{
    return world_new(seed, /* with_controller= */ true, authz);
}

static void forget_answer(struct lg_clw *w)
{
    lg_http_call_done(&w->call);
    lg_json_unref(w->json);
    w->json = NULL;
}

void lg_clw_free(struct lg_clw *w)
{
    forget_answer(w);
    lg_loghttp_free(w->log);
    lg_http_client_free(w->http);
    lg_clw_run_ms(w, 1000); /* Its connections end. */
    lg_sim_free(w->sim);
    lg_net_sim_free(w->net);
    lg_meta_sim_free(w->meta);
    lg_disk_sim_free(w->ground.disk);
    lg_disk_sim_free(w->hand.disk);
    lg_disk_sim_free(w->router.disk);
    for (unsigned i = 0; i < LG_CLW_SERVERS_MAX; i++)
        lg_disk_sim_free(w->servers[i].disk);
    for (unsigned i = 0; i < LG_CLW_CONTROLLERS_MAX; i++)
        lg_disk_sim_free(w->controllers[i].disk);
    lg_free(w);
}

void lg_clw_run_ms(struct lg_clw *w, uint64_t ms)
{
    lg_sim_run_us(w->sim, ms * LG_MS);
}

static void start(struct lg_clw_node *n, void (*main_of)(void *ctx))
{
    if (!lg_sim_node_alive(n->node))
        lg_sim_node_start(n->node);
    n->stopped = false;
    lg_sim_node_run(n->node, main_of, n);
}

void lg_clw_server_start(struct lg_clw *w, unsigned i)
{
    start(&w->servers[i], server_main);
}

void lg_clw_router_start(struct lg_clw *w)
{
    start(&w->router, router_main);
}

static void stopped(void *ctx)
{
    ((struct lg_clw_node *)ctx)->stopped = true;
}

static bool is_stopped(void *ctx)
{
    return ((struct lg_clw_node *)ctx)->stopped;
}

static void server_stop(void *ctx)
{
    struct lg_clw_node *n = ctx;

    lg_server_stop(n->server, stopped, n);
}

static void router_stop(void *ctx)
{
    struct lg_clw_node *n = ctx;

    lg_router_stop(n->router, /* drain_ms= */ 300, stopped, n);
}

static void let_go(void *ctx)
{
    struct lg_clw_node *n = ctx;

    lg_pubsub_wide_free(LG_TAKE(n->wide));
    lg_loghttp_free(LG_TAKE(n->log));
    lg_memkv_free(LG_TAKE(n->engines));
}

void lg_clw_server_stop(struct lg_clw *w, unsigned i)
{
    struct lg_clw_node *n = &w->servers[i];

    lg_sim_node_run(n->node, server_stop, n);
    assert_true(lg_sim_run_until(w->sim, is_stopped, n, PATIENCE_US));
    lg_sim_node_run(n->node, let_go, n);
    lg_clw_run_ms(w, 1000); /* Its connections end. */
    assert_int_equal(lg_sim_node_bytes(n->node), n->bytes_before);
    lg_sim_node_kill(n->node);
}

void lg_clw_server_kill(struct lg_clw *w, unsigned i)
{
    lg_sim_node_kill(w->servers[i].node);
}

static void controller_stop(void *ctx)
{
    struct lg_clw_node *n = ctx;

    lg_controller_stop(n->controller, stopped, n);
}

static void log_free(void *ctx)
{
    lg_loghttp_free(((struct lg_clw_node *)ctx)->log);
}

void lg_clw_controller_start(struct lg_clw *w, unsigned i)
{
    start(&w->controllers[i], controller_main);
}

void lg_clw_controller_stop(struct lg_clw *w, unsigned i)
{
    struct lg_clw_node *n = &w->controllers[i];

    lg_sim_node_run(n->node, controller_stop, n);
    assert_true(lg_sim_run_until(w->sim, is_stopped, n, PATIENCE_US));
    lg_sim_node_run(n->node, log_free, n);
    lg_clw_run_ms(w, 1000);
    assert_int_equal(lg_sim_node_bytes(n->node), n->bytes_before);
    lg_sim_node_kill(n->node);
}

void lg_clw_controller_kill(struct lg_clw *w, unsigned i)
{
    lg_sim_node_kill(w->controllers[i].node);
}

void lg_clw_router_stop(struct lg_clw *w)
{
    lg_sim_node_run(w->router.node, router_stop, &w->router);
    assert_true(lg_sim_run_until(w->sim, is_stopped, &w->router, PATIENCE_US));
    lg_clw_run_ms(w, 1000);
    assert_int_equal(lg_sim_node_bytes(w->router.node), w->router.bytes_before);
    lg_sim_node_kill(w->router.node);
}

/* --- Asking. -----------------------------------------------------------------------------------
 */

#define HEADERS_MAX 8

static void got(struct lg_http_call *call)
{
    struct lg_clw *w = LG_CONTAINER_OF(call, struct lg_clw, call);
    struct lg_error ignored;

    w->answered = true;
    if (call->rc == LG_OK)
        (void)!lg_json_parse(lg_buf_slice(&call->response_body), &w->json, &ignored);
}

static bool has_answer(void *ctx)
{
    return ((struct lg_clw *)ctx)->answered;
}

static size_t headers_of(const char *lines, struct lg_http_header out[HEADERS_MAX])
{
    size_t n = 0;

    for (const char *line = lines; line != NULL && *line != 0; n++) {
        const char *colon = strstr(line, ": "), *end = strchr(line, '\n');
        size_t size = end == NULL ? strlen(line) : (size_t)(end - line);

        assert_true(colon != NULL && n < HEADERS_MAX);
        out[n].name = lg_slice(line, (size_t)(colon - line));
        out[n].value = lg_slice(colon + 2, size - (size_t)(colon + 2 - line));
        line = end == NULL ? NULL : end + 1;
    }
    return n;
}

int lg_clw_ask(struct lg_clw *w, const struct lg_clw_node *node, enum lg_http_method method,
               const char *target, const char *headers, struct lg_slice body)
{
    struct lg_http_header list[HEADERS_MAX];
    bool controls = node == &w->ground || node == &w->controllers[0] || node == &w->controllers[1];
    uint16_t port = controls             ? LG_CLW_CONTROLLER_PORT
                    : node == &w->router ? LG_CLW_ROUTER_PORT
                                         : LG_CLW_SERVER_PORT;

    forget_answer(w);
    w->answered = false;
    w->call = (struct lg_http_call){.host = node->name,
                                    .port = port,
                                    .method = method,
                                    .target = lg_slice_str(target),
                                    .headers = list,
                                    .header_count = headers_of(headers, list),
                                    .body = body,
                                    .deadline_us = lg_lane_now_us(w->lane) + 20 * LG_SEC,
                                    .done = got};
    lg_http_call_submit(w->http, &w->call);
    assert_true(lg_sim_run_until(w->sim, has_answer, w, PATIENCE_US));
    return w->call.rc == LG_OK ? w->call.status : 0;
}

int lg_clw_get(struct lg_clw *w, const struct lg_clw_node *node, const char *target)
{
    return lg_clw_ask(w, node, LG_HTTP_GET, target, NULL, LG_SLICE_NULL);
}

int lg_clw_post(struct lg_clw *w, const char *target, const char *form)
{
    return lg_clw_ask(w, &w->ground, LG_HTTP_POST, target,
                      "Content-Type: application/x-www-form-urlencoded", lg_slice_str(form));
}

const char *lg_clw_header(struct lg_clw *w, const char *name)
{
    static char text[4][200];
    static unsigned turn;
    struct lg_slice value = lg_http_header(&w->call.response_headers, name);
    char *out = text[turn++ % 4];

    (void)snprintf(out, sizeof text[0], "%.*s", LG_FMT(value));
    return out;
}

struct lg_slice lg_clw_body(const struct lg_clw *w)
{
    return lg_buf_slice(&w->call.response_body);
}

void lg_clw_expect_hex(const struct lg_clw *w, const char *hex)
{
    LG_SCOPED(lg_buf) got_hex = {0};

    lg_hex_encode(&got_hex, lg_clw_body(w));
    lg_buf_append_byte(&got_hex, 0);
    assert_string_equal((const char *)got_hex.data, hex);
}

void lg_clw_expect_text(const struct lg_clw *w, const char *text)
{
    LG_AUTO_STR char *got_text = lg_strf("%.*s", LG_FMT(lg_clw_body(w)));

    assert_string_equal(got_text, text);
}

/* --- Metadata by hand. -------------------------------------------------------------------------
 */

struct touch {
    struct lg_clw *w;
    struct lg_meta_op op;
    struct lg_meta_change change;
    char *value; /* of the world */
    bool done;
};

static void touched(struct lg_meta_op *op)
{
    struct touch *t = LG_CONTAINER_OF(op, struct touch, op);
    struct lg_alloc_domain *before;

    t->done = true;
    if (op->value == NULL)
        return;
    before = lg_alloc_domain_enter(NULL);
    t->value = lg_strf("%.*s", LG_FMT(op->value->bytes));
    (void)lg_alloc_domain_enter(before);
    lg_blob_unref(op->value);
}

static bool is_touched(void *ctx)
{
    return ((struct touch *)ctx)->done;
}

static void touch_submit(void *ctx)
{
    struct touch *t = ctx;

    lg_metastore_submit(t->w->session, &t->op);
}

static void touch(struct touch *t)
{
    t->op.lane = t->w->hand_lane;
    t->op.done = touched;
    lg_sim_node_run(t->w->hand.node, touch_submit, t);
    assert_true(lg_sim_run_until(t->w->sim, is_touched, t, PATIENCE_US));
}

void lg_clw_meta(struct lg_clw *w, enum lg_meta_change_kind kind, const char *path,
                 const char *value)
{
    struct touch t = {.w = w};

    t.change = (struct lg_meta_change){
        .kind = kind, .path = path, .value = lg_slice_str(value), .version = LG_META_ANY_VERSION};
    t.op = (struct lg_meta_op){.kind = LG_META_WRITE, .changes = &t.change, .change_count = 1};
    touch(&t);
    if (t.op.rc != LG_OK)
        fail_msg("%s: %s", path, t.op.err.text);
}

char *lg_clw_meta_get(struct lg_clw *w, const char *path)
{
    struct touch t = {.w = w, .op = {.kind = LG_META_GET, .path = path}};

    touch(&t);
    return t.value;
}

void lg_clw_store(struct lg_clw *w, const char *name, int32_t versions, int32_t current,
                  int32_t partitions)
{
    struct lg_cn_store store = {
        .name = name, .partitions = partitions, .versions = versions, .current = current};
    LG_AUTO_STR char *path = lg_strf("/stores/%s", name);
    LG_AUTO_STR char *text = lg_cn_store_text(&store);

    lg_clw_meta(w, LG_META_PUT, path, text);
}

/* --- The log by hand. --------------------------------------------------------------------------
 */

struct produce {
    struct lg_pubsub_op op;
    bool done;
};

static void produced(struct lg_pubsub_op *op)
{
    LG_CONTAINER_OF(op, struct produce, op)->done = true;
}

static bool is_produced(void *ctx)
{
    return ((struct produce *)ctx)->done;
}

static void produce(struct lg_clw *w, struct produce *p)
{
    p->op.lane = w->lane;
    p->op.done = produced;
    lg_pubsub_submit(lg_loghttp_pubsub(w->log), &p->op);
    assert_true(lg_sim_run_until(w->sim, is_produced, p, PATIENCE_US));
    if (p->op.rc != LG_OK)
        fail_msg("topic %s: %s", p->op.topic, p->op.err.text);
}

void lg_clw_topic(struct lg_clw *w, const char *topic, uint32_t partitions)
{
    struct produce p = {.op = {.kind = LG_PUBSUB_CREATE, .topic = topic, .partitions = partitions}};

    produce(w, &p);
}

void lg_clw_topic_delete(struct lg_clw *w, const char *topic)
{
    struct produce p = {.op = {.kind = LG_PUBSUB_DELETE, .topic = topic}};

    produce(w, &p);
}

struct writing {
    struct lg_segment segment;
    struct lg_segment_stamp stamp;
    struct lg_buf batch, key, value;
};

static void add(struct writing *x, const struct lg_pubsub_header *header)
{
    lg_batch_add(&x->batch, &(struct lg_pubsub_record){.key = lg_buf_slice(&x->key),
                                                       .value = lg_buf_slice(&x->value),
                                                       .timestamp_ms = x->stamp.timestamp_ms,
                                                       .headers = header,
                                                       .header_count = header != NULL});
    lg_buf_clear(&x->key);
    lg_buf_clear(&x->value);
}

/* One row in the world's shape. */
static void write_row(struct writing *x, const struct lg_clw_shape *shape,
                      const struct lg_clw_row *row)
{
    LG_AUTO(lg_value_codec) *codec = NULL;
    LG_SCOPED(lg_chunk_writer) w = {0};
    LG_SCOPED(lg_buf) packed = {0};
    struct lg_error err = {0};
    bool whole = false;

    assert_ok(lg_value_codec_new(shape->compression, shape->dictionary, &codec, &err));
    assert_ok(lg_value_codec_pack(codec, row->value, &packed, &err));
    assert_ok(lg_chunk_writer_check(shape->chunked, row->key.size, packed.size, &err));
    lg_chunk_writer_begin(&w, shape->chunked, row->key, row->schema_id, lg_buf_slice(&packed));
    while (!whole) {
        whole = lg_chunk_writer_next(&w, &x->segment, &x->stamp, &x->key, &x->value);
        add(x, NULL);
    }
}

static void write_rows(struct writing *x, const struct lg_clw_shape *shape,
                       const struct lg_clw_row *rows, size_t n, uint32_t partition,
                       uint32_t partitions, int64_t *count)
{
    for (size_t i = 0; i < n; i++) {
        if (lg_partitioner_partition(rows[i].key, partitions) != partition)
            continue;
        write_row(x, shape, &rows[i]);
        ++*count;
    }
}

/* One partition's batch. */
static struct lg_blob *messages(const struct lg_clw_shape *shape, const char *topic,
                                uint32_t partition, uint32_t partitions,
                                const struct lg_clw_row *rows, size_t n, bool whole)
{
    struct writing x = {.stamp = {.timestamp_ms = 1700000000000, .writer = LG_LIT("test")}};
    struct lg_pubsub_header schema = {LG_LIT(LG_HEADER_PROTOCOL_SCHEMA),
                                      lg_headers_protocol_schema()};
    uint8_t number[LG_RECORD_COUNT_BYTES];
    struct lg_pubsub_header counted = {LG_LIT(LG_HEADER_RECORD_COUNT),
                                       lg_slice(number, sizeof number)};
    struct lg_control start_of_push = lg_control_start_of_push(false, shape->chunked);
    struct lg_control end_of_push = lg_control_end_of_push();
    LG_AUTO_STR char *name = lg_strf("%s/rows", topic);
    struct lg_guid guid = lg_segment_guid_of(lg_slice_str(name));
    int64_t count = 0;

    start_of_push.start_of_push.compression = (int32_t)shape->compression;
    start_of_push.start_of_push.has_dictionary = shape->dictionary.size > 0;
    start_of_push.start_of_push.dictionary = shape->dictionary;
    lg_segment_init(&x.segment, &guid, 0, LG_CHECKSUM_ADHASH);
    lg_segment_start(&x.segment, &x.stamp, &x.key, &x.value);
    add(&x, &schema);
    if (whole) {
        lg_segment_control(&x.segment, &x.stamp, &start_of_push, &x.key, &x.value);
        add(&x, NULL);
    }
    write_rows(&x, shape, rows, n, partition, partitions, &count);
    if (whole) {
        lg_headers_record_count(number, count);
        lg_segment_control(&x.segment, &x.stamp, &end_of_push, &x.key, &x.value);
        add(&x, &counted);
    }
    lg_segment_end(&x.segment, &x.stamp, true, &x.key, &x.value);
    add(&x, NULL);
    lg_buf_done(&x.key);
    lg_buf_done(&x.value);
    return lg_blob_take(&x.batch);
}

void lg_clw_rows(struct lg_clw *w, const char *topic, uint32_t partitions,
                 const struct lg_clw_row *rows, size_t n, bool whole)
{
    for (uint32_t i = 0; i < partitions; i++) {
        struct produce p = {.op = {.kind = LG_PUBSUB_PRODUCE, .topic = topic, .partition = i}};

        p.op.blob = messages(&w->shape, topic, i, partitions, rows, n, whole);
        produce(w, &p);
        lg_blob_unref(p.op.blob);
    }
}

/* --- With a controller. ------------------------------------------------------------------------
 */

void lg_clw_new_store(struct lg_clw *w, const char *name, const char *key_schema,
                      uint32_t partitions, unsigned replication)
{
    LG_SCOPED(lg_buf) form = {0};

    lg_buf_appendf(&form, "store_name=%s&owner=me&partition_count=%u&replication_factor=%u", name,
                   partitions, replication);
    lg_buf_append_str(&form, "&value_schema=%22long%22&key_schema=");
    lg_percent_encode(&form, lg_slice_str(key_schema));
    lg_buf_append_byte(&form, 0);
    if (lg_clw_post(w, "/new_store", (const char *)form.data) != 200)
        fail_msg("new store: %.*s", LG_FMT(lg_clw_body(w)));
    lg_clw_run_ms(w, 500);
}

int lg_clw_push(struct lg_clw *w, const char *store, uint32_t partitions,
                const struct lg_clw_row *rows, size_t n)
{
    static unsigned pushes;
    LG_AUTO_STR char *ask =
        lg_strf("store_name=%s&push_type=BATCH&push_job_id=push%u", store, ++pushes);
    LG_AUTO_STR char *topic = NULL;
    LG_AUTO_STR char *end = NULL;
    int version;

    if (lg_clw_post(w, "/request_topic", ask) != 200)
        fail_msg("push: %.*s", LG_FMT(lg_clw_body(w)));
    version = (int)lg_json_get_int(w->json, "version", 0);
    topic = lg_strf("%s_v%d", store, version);
    lg_clw_rows(w, topic, partitions, rows, n, /* whole= */ false);
    end = lg_strf("store_name=%s&version=%d", store, version);
    assert_int_equal(lg_clw_post(w, "/end_of_push", end), 200);
    lg_clw_until_served(w, store, version);
    return version;
}

void lg_clw_until_served(struct lg_clw *w, const char *store, int version)
{
    LG_AUTO_STR char *target = lg_strf("/current_version/%s", store);
    int64_t now = -1;

    for (int i = 0; i < 300 && now != version; i++) {
        lg_clw_run_ms(w, 100);
        if (lg_clw_get(w, &w->router, target) == 200)
            now = lg_json_get_int(w->json, "currentVersion", -1);
    }
    assert_int_equal(now, version);
}
