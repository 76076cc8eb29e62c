/* A storage node as a whole: it announces itself, again when its session was lost, withdraws, and
 * says why it cannot start. */
#include "server/server.h"

#include "base/health.h"
#include "base/str.h"
#include "drivers/loghttp/loghttp.h"
#include "drivers/memkv/engine_memkv.h"
#include "storage/metrics.h"
#include "storage/warmer.h"
#include "test/lib/cluster_world.h"
#include "test/test.h"

static void expect_announced(struct lg_clw *w, bool want)
{
    LG_AUTO_STR char *value = lg_clw_meta_get(w, "/instances/s0_8888");
    LG_AUTO(lg_json) *json = NULL;
    struct lg_error err = {0};

    if (!want) {
        assert_null(value);
        return;
    }
    assert_non_null(value);
    assert_ok(lg_json_parse(lg_slice_str(value), &json, &err));
    assert_string_equal(lg_json_get_str(json, "host", ""), "s0");
    assert_int_equal(lg_json_get_int(json, "port", 0), 8888);
    assert_string_equal(lg_json_get_str(json, "release", ""), LAGOON_VERSION);
    assert_int_equal(strlen(lg_json_get_str(json, "identity", "")), 32);
}

static void it_announces_itself_and_withdraws(void **state)
{
    struct lg_clw *w = lg_clw_new(31, /* with_controller= */ false);

    (void)state;
    expect_announced(w, false);
    lg_clw_server_start(w, 0);
    assert_string_equal(lg_server_instance(w->servers[0].server), "s0_8888");
    assert_int_equal(lg_server_port(w->servers[0].server), 8888);
    lg_clw_run_ms(w, 1000);
    expect_announced(w, true);
    lg_clw_server_stop(w, 0);
    expect_announced(w, false); /* At once, not when its session ends. */
    assert_int_equal(lg_clw_get(w, &w->servers[0], "/health"), 0);
    lg_clw_server_start(w, 0);
    lg_clw_run_ms(w, 1000);
    assert_int_equal(lg_clw_get(w, &w->servers[0], "/health"), 200);
    expect_announced(w, true);
    lg_clw_free(w);
}

static void it_announces_itself_again_after_a_lost_session(void **state)
{
    struct lg_clw *w = lg_clw_new(32, /* with_controller= */ false);

    (void)state;
    lg_clw_server_start(w, 0);
    lg_clw_run_ms(w, 1000);
    lg_meta_sim_cut(w->meta, "s0", true);
    lg_clw_run_ms(w, 10000);
    expect_announced(w, false);
    lg_meta_sim_heal(w->meta);
    lg_clw_run_ms(w, 10000);
    expect_announced(w, true);
    assert_true(lg_meta_sim_losses(w->meta) > 0);
    lg_clw_free(w);
}

/* A client that asks again later finds what a "no" for good would have kept from it. */
static void what_it_does_not_know_yet_may_be_asked_again(void **state)
{
    struct lg_clw *w = lg_clw_new(35, /* with_controller= */ false);

    (void)state;
    lg_meta_sim_set_delay_us(w->meta, 5 * LG_SEC, 5 * LG_SEC);
    lg_clw_server_start(w, 0);
    assert_int_equal(lg_clw_get(w, &w->servers[0], "/storage/cities_v1/0/AA==?f=b64"), 503);
    lg_meta_sim_set_delay_us(w->meta, 100, 100);
    lg_clw_run_ms(w, 30000);
    assert_int_equal(lg_clw_get(w, &w->servers[0], "/storage/cities_v1/0/AA==?f=b64"), 400);
    lg_clw_free(w);
}

static void it_may_be_stopped_at_any_moment_of_its_start(void **state)
{
    struct lg_clw *w = lg_clw_new(33, /* with_controller= */ false);

    (void)state;
    lg_clw_store(w, "cities", 1, 1, 1);
    lg_clw_topic(w, "cities_v1", 1);
    lg_clw_meta(w, LG_META_PUT, "/assignment/cities_v1", "{\"partitions\":[[\"s0_8888\"]]}");
    for (unsigned ms = 0; ms < 40; ms += 3) {
        lg_clw_server_start(w, 0);
        lg_clw_run_ms(w, ms);
        lg_clw_server_stop(w, 0);
        expect_announced(w, false);
    }
    lg_clw_free(w);
}

struct attempt {
    struct lg_clw *w;
    const char *checkpoints, *host;
    enum lg_rc rc;
    struct lg_error err;
};

/* As code of s0, beside the server that runs there. */
static void try_to_start(void *ctx)
{
    struct attempt *a = ctx;
    struct lg_clw_node *n = &a->w->servers[0];
    struct lg_lane *lane = lg_sim_lane_new(a->w->sim, n->node, "second");
    struct lg_server_options o = {.lane = lane,
                                  .metastore = lg_meta_sim_session(a->w->meta, lane),
                                  .transport = lg_net_sim_transport(a->w->net),
                                  .driver = n->engines,
                                  .checkpoint_path = a->checkpoints,
                                  .host = a->host,
                                  .port = LG_CLW_SERVER_PORT};
    struct lg_server *server = NULL;

    a->rc = lg_server_start(&o, &server, &a->err);
    assert_null(server);
}

static void it_says_why_it_cannot_start(void **state)
{
    struct lg_clw *w = lg_clw_new(34, /* with_controller= */ false);
    struct attempt port = {.w = w, .checkpoints = "others", .host = "s0"};
    struct attempt folder = {.w = w, .checkpoints = "checkpoints", .host = "s0"};

    (void)state;
    lg_clw_server_start(w, 0);
    lg_clw_run_ms(w, 1000);
    lg_sim_node_run(w->servers[0].node, try_to_start, &port);
    assert_rc(LG_ERR_IN_USE, port.rc);
    assert_non_null(strstr(port.err.text, "8888"));
    lg_sim_node_run(w->servers[0].node, try_to_start, &folder);
    assert_rc(LG_ERR_IN_USE, folder.rc);
    /* Nothing was left open: the folder is free again. */
    port.rc = LG_OK;
    lg_sim_node_run(w->servers[0].node, try_to_start, &port);
    assert_rc(LG_ERR_IN_USE, port.rc);
    assert_non_null(strstr(port.err.text, "8888"));
    assert_int_equal(lg_clw_get(w, &w->servers[0], "/health"), 200);
    lg_clw_free(w);
}

/* --- Servers with options of their own, on the nodes of the world. -----------------------------
 */

struct own {
    struct lg_clw *w;
    unsigned node;
    struct lg_server_options o; /* the rest is filled in */
    bool with_disk;
    struct lg_engine_driver *engines;
    struct lg_loghttp *log;
    struct lg_server *server;
    enum lg_rc rc;
    struct lg_error err;
    unsigned failures; /* that were told */
    bool stopped;
};

static void note_failed(void *ctx, const struct lg_error *err)
{
    struct own *own = ctx;

    own->failures++;
    own->err = *err;
}

static void own_main(void *ctx)
{
    struct own *own = ctx;
    struct lg_clw_node *n = &own->w->servers[own->node];
    struct lg_lane *lane = lg_sim_lane_new(own->w->sim, n->node, "own");
    struct lg_transport *transport = lg_net_sim_transport(own->w->net);
    struct lg_loghttp_options log = {transport, lane, "lagoon+http://ground:5555"};
    struct lg_error err = {0};

    assert_ok(lg_loghttp_new(&log, &own->log, &err));
    own->engines = lg_memkv_new(n->disk, "engines");
    own->o.lane = lane;
    own->o.transport = transport;
    own->o.metastore = lg_meta_sim_session(own->w->meta, lane);
    own->o.pubsub = lg_loghttp_pubsub(own->log);
    own->o.driver = own->engines;
    own->o.checkpoint_path = "checkpoints";
    own->o.host = n->name;
    own->o.port = LG_CLW_SERVER_PORT;
    own->o.failed = note_failed;
    own->o.failed_ctx = own;
    if (own->with_disk)
        own->o.disk = n->disk;
    own->server = NULL;
    own->rc = lg_server_start(&own->o, &own->server, &own->err);
}

static void own_start(struct own *own)
{
    struct lg_sim_node *node = own->w->servers[own->node].node;

    if (!lg_sim_node_alive(node))
        lg_sim_node_start(node);
    lg_sim_node_run(node, own_main, own);
}

static void own_is_stopped(void *ctx)
{
    ((struct own *)ctx)->stopped = true;
}

static void own_stop(void *ctx)
{
    struct own *own = ctx;

    own->stopped = false;
    lg_server_stop(own->server, own_is_stopped, own);
}

#define HERE "/assignment/cities_v1", "{\"partitions\":[[\"s0_8888\"]]}"
#define ROW                                                                                        \
    &(struct lg_clw_row)                                                                           \
    {                                                                                              \
        LG_LIT("\x02k"), LG_LIT("\x54"), 1                                                         \
    }

static struct lg_clw *world_with_a_push(uint64_t seed, uint32_t partitions)
{
    struct lg_clw *w = lg_clw_new(seed, /* with_controller= */ false);

    lg_clw_store(w, "cities", 1, 1, (int32_t)partitions);
    lg_clw_topic(w, "cities_v1", partitions);
    lg_clw_rows(w, "cities_v1", partitions, ROW, 1, /* whole= */ true);
    return w;
}

/* The second one neither takes the name of the first nor tells anything under it. */
static void two_servers_of_one_name_are_not_mixed_up(void **state)
{
    struct lg_clw *w = world_with_a_push(35, 1);
    struct own second = {.w = w, .node = 1, .with_disk = true};
    LG_AUTO_STR char *report = NULL, *announced = NULL, *later = NULL;

    (void)state;
    second.o.instance = "s0_8888";
    second.o.conflict_ms = 5000;
    lg_clw_server_start(w, 0);
    lg_clw_meta(w, LG_META_PUT, HERE);
    lg_clw_run_ms(w, 3000);
    announced = lg_clw_meta_get(w, "/instances/s0_8888");
    own_start(&second);
    assert_int_equal(second.rc, LG_OK);
    lg_clw_run_ms(w, 3000);
    assert_int_equal(second.failures, 0); /* The other one might go. */
    lg_clw_run_ms(w, 5000);
    assert_int_equal(second.failures, 1);
    assert_rc(LG_ERR_CONFLICT, second.err.rc);
    assert_non_null(strstr(second.err.text, "s0_8888"));
    assert_false(lg_server_ready(second.server));
    later = lg_clw_meta_get(w, "/instances/s0_8888");
    assert_string_equal(announced, later);
    lg_sim_node_run(w->servers[1].node, own_stop, &second);
    lg_clw_run_ms(w, 10000);
    assert_true(second.stopped);
    report = lg_clw_meta_get(w, "/replicas/cities_v1/s0_8888"); /* That of the first is there. */
    assert_non_null(strstr(report, "COMPLETED"));
    assert_true(lg_server_ready(w->servers[0].server));
    lg_clw_free(w);
}

static bool says_low(struct lg_clw *w)
{
    LG_AUTO_STR char *value = lg_clw_meta_get(w, "/instances/s1_8888");

    assert_non_null(value);
    assert_non_null(strstr(value, "\"port\":8888"));
    assert_non_null(strstr(value, "\"zone\":\"rack-3\""));
    return strstr(value, "\"diskLow\":true") != NULL;
}

/* So that a controller gives it nothing more, and people are told. */
static void it_announces_that_its_disk_is_low(void **state)
{
    struct lg_clw *w = world_with_a_push(41, 1);
    struct lg_disk *disk = w->servers[1].disk;
    struct lg_disk_space *space = lg_disk_space_new(
        &(struct lg_disk_space_options){.disk = disk, .folder = "/data", .low_bytes = 1000});
    struct own own = {.w = w, .node = 1, .with_disk = true};
    char zone[] = "rack-3";

    (void)state;
    own.o.space = space;
    own.o.zone = zone;
    own_start(&own);
    memset(zone, 'x', sizeof zone - 1); /* It has its own. */
    assert_int_equal(own.rc, LG_OK);
    lg_clw_run_ms(w, 3000);
    assert_false(says_low(w));
    lg_disk_sim_set_capacity(disk, 1);
    lg_clw_run_ms(w, 2000);
    assert_true(says_low(w));
    assert_true(lg_server_ready(own.server));
    lg_disk_sim_set_capacity(disk, 0);
    lg_clw_run_ms(w, 50000);
    assert_true(says_low(w)); /* Room that comes and goes would be filled each time. */
    lg_clw_run_ms(w, 15000);
    assert_false(says_low(w));
    lg_sim_node_run(w->servers[1].node, own_stop, &own);
    lg_clw_run_ms(w, 10000);
    assert_true(own.stopped);
    lg_disk_space_free(space);
    lg_clw_free(w);
}

static void a_directory_of_another_cluster_is_refused(void **state)
{
    struct lg_clw *w = world_with_a_push(36, 1);
    struct own own = {.w = w, .with_disk = true, .o = {.cluster = "prod", .zone = "rack-3"}};
    LG_AUTO_STR char *announced = NULL;

    (void)state;
    own_start(&own);
    assert_int_equal(own.rc, LG_OK);
    lg_clw_run_ms(w, 1000);
    announced = lg_clw_meta_get(w, "/instances/s0_8888");
    assert_non_null(strstr(announced, "\"zone\":\"rack-3\""));
    lg_clw_server_kill(w, 0);
    own.o.cluster = "test";
    own_start(&own);
    assert_rc(LG_ERR_CONFLICT, own.rc);
    assert_non_null(strstr(own.err.text, "belongs to a server of the cluster prod"));
    lg_clw_server_kill(w, 0);
    own.o.cluster = "prod";
    own_start(&own);
    assert_int_equal(own.rc, LG_OK);
    lg_clw_free(w);
}

/* Release 0.1 wrote no server.json: what is there is a standalone's, and not to be swept. */
static void replicas_without_an_identity_are_not_for_a_cluster(void **state)
{
    struct lg_clw *w = world_with_a_push(37, 1);
    struct own own = {.w = w};

    (void)state;
    lg_clw_meta(w, LG_META_PUT, HERE);
    own_start(&own); /* As 0.1 left it. */
    lg_clw_run_ms(w, 3000);
    assert_int_equal(lg_server_replicas(own.server).leader, 1);
    lg_clw_server_kill(w, 0);
    own.with_disk = true;
    own.o.cluster = "prod";
    own_start(&own);
    assert_rc(LG_ERR_CONFLICT, own.rc);
    assert_non_null(strstr(own.err.text, "holds replicas of a standalone Lagoon"));
    lg_clw_server_kill(w, 0);
    own.o.cluster = NULL; /* A standalone opens it as ever. */
    own_start(&own);
    assert_int_equal(own.rc, LG_OK);
    lg_clw_run_ms(w, 6000);
    assert_int_equal(lg_server_replicas(own.server).leader, 1);
    lg_clw_free(w);
}

static void it_is_withdrawn_before_it_stops_to_answer(void **state)
{
    struct lg_clw *w = world_with_a_push(38, 1);
    struct own own = {.w = w, .with_disk = true, .o = {.drain_ms = 1000}};
    unsigned answered = 0;
    bool empty = false;

    (void)state;
    lg_clw_meta(w, LG_META_PUT, HERE);
    own_start(&own);
    lg_clw_run_ms(w, 3000);
    assert_true(lg_server_ready(own.server));
    lg_sim_node_run(w->servers[0].node, own_stop, &own);
    for (int i = 0; i < 300 && !own.stopped; i++) {
        LG_AUTO_STR char *report = lg_clw_meta_get(w, "/replicas/cities_v1/s0_8888");
        int status = own.stopped ? 0 : lg_clw_get(w, &w->servers[0], "/storage/cities_v1/0/%02k");

        bool told = report != NULL && strcmp(report, "{}") != 0;

        if (told)
            assert_int_equal(status, 200);
        empty |= report != NULL && !told; /* Else it might be a session that ended. */
        answered += !told && status == 200;
        lg_clw_run_ms(w, 10);
    }
    assert_true(own.stopped);
    assert_true(answered > 10 && empty);
    lg_clw_free(w);
}

/* Whatever is heard of stores between the first step of the end and the last. */
static void it_may_stop_while_stores_change(void **state)
{
    struct lg_clw *w = world_with_a_push(40, 1);
    struct own own = {.w = w, .with_disk = true};

    (void)state;
    lg_clw_meta(w, LG_META_PUT, HERE);
    for (unsigned round = 0; round < 40; round++) {
        own_start(&own);
        lg_clw_run_ms(w, 3000);
        lg_sim_node_run(w->servers[0].node, own_stop, &own);
        lg_sim_run_us(w->sim, round * 37);
        for (unsigned i = 0; i < 3000 && !own.stopped; i++)
            lg_clw_store(w, "cities", 1, (int32_t)(i % 2), 1);
        assert_true(own.stopped);
        lg_clw_server_kill(w, 0);
    }
    lg_clw_free(w);
}

static void replicas_open_a_few_at_a_time(void **state)
{
    enum { PARTITIONS = 24 };
    struct lg_clw *w = world_with_a_push(39, PARTITIONS);
    struct own own = {.w = w, .with_disk = true, .o = {.opens_max = 2}};
    LG_SCOPED(lg_buf) value = {0};
    uint32_t most = 0, waiting = 0;

    (void)state;
    lg_buf_append_str(&value, "{\"partitions\":[");
    for (int p = 0; p < PARTITIONS; p++)
        lg_buf_append_str(&value, p == 0 ? "[\"s0_8888\"]" : ",[\"s0_8888\"]");
    lg_buf_append_str(&value, "]}");
    lg_buf_append_byte(&value, 0);
    lg_clw_meta(w, LG_META_PUT, "/assignment/cities_v1", (const char *)value.data);
    for (int round = 0; round < 2; round++) {
        own_start(&own);
        for (int i = 0; i < 4000; i++) {
            struct lg_replica_sum sum = lg_server_replicas(own.server);

            most = LG_MAX(most, sum.opening);
            waiting = LG_MAX(waiting, sum.waiting_to_open);
            if (sum.waiting_to_open > 0) /* The next server must not be taken down yet. */
                assert_false(lg_server_ready(own.server) && sum.leader == 0);
            lg_sim_run_us(w->sim, 500);
        }
        lg_clw_run_ms(w, 3000);
        assert_int_equal(lg_server_replicas(own.server).leader, PARTITIONS);
        assert_true(lg_server_ready(own.server));
        lg_clw_server_kill(w, 0);
    }
    assert_int_equal(most, 2);
    assert_true(waiting > 10);
    lg_clw_free(w);
}

/* Clients that have not heard of the next one yet ask for it. */
static void the_version_before_keeps_its_index_for_a_while(void **state)
{
    static const struct lg_metric_table *const tables[] = {&lg_storage_metrics};
    enum { COMPLETE = 3, KEPT = 6 }; /* of storage_index_replicas */
    struct lg_clw *w;

    (void)state;
    lg_metrics_register(tables, 1, 10);
    w = lg_clw_new(45, /* with_controller= */ true);
    lg_clw_server_start(w, 0);
    lg_clw_router_start(w);
    lg_clw_run_ms(w, 2000);
    lg_clw_new_store(w, "cities", "\"string\"", 2, 1);
    for (int version = 1; version <= 2; version++) {
        assert_int_equal(lg_clw_push(w, "cities", 2, NULL, 0), version);
        lg_clw_run_ms(w, 1000);
        assert_int_equal(lg_metric_value(&lg_metric_storage_index_replicas, COMPLETE), 2);
        assert_int_equal(lg_metric_value(&lg_metric_storage_index_replicas, KEPT),
                         version == 1 ? 0 : 2);
    }
    lg_clw_run_ms(w, LG_WARMER_KEEP_MS);
    assert_int_equal(lg_metric_value(&lg_metric_storage_index_replicas, COMPLETE), 2);
    assert_int_equal(lg_metric_value(&lg_metric_storage_index_replicas, KEPT), 0);
    assert_int_equal(lg_clw_push(w, "cities", 2, NULL, 0), 3);
    lg_clw_run_ms(w, 1000);
    assert_int_equal(lg_metric_value(&lg_metric_storage_index_replicas, KEPT), 2);
    assert_int_equal(
        lg_clw_post(w, "/update_store", "store_name=cities&lagoon_read_index_enabled=false"), 200);
    lg_clw_run_ms(w, 1000);
    assert_int_equal(lg_metric_value(&lg_metric_storage_index_replicas, COMPLETE), 0);
    assert_int_equal(lg_metric_value(&lg_metric_storage_index_replicas, KEPT), 0);
    lg_clw_free(w);
    lg_metrics_reset();
}

/* As operators change it: at once, and back. */
static void a_store_may_be_served_without_a_read_index(void **state)
{
    static const struct lg_metric_table *const tables[] = {&lg_storage_metrics};
    enum { COMPLETE = 3 }; /* of storage_index_replicas */
    struct lg_clw *w;

    (void)state;
    lg_metrics_register(tables, 1, 10);
    w = lg_clw_new(44, /* with_controller= */ true);
    lg_clw_server_start(w, 0);
    lg_clw_router_start(w);
    lg_clw_run_ms(w, 2000);
    lg_clw_new_store(w, "cities", "\"string\"", 2, 1);
    assert_int_equal(lg_clw_push(w, "cities", 2, NULL, 0), 1);
    lg_clw_run_ms(w, 1000);
    assert_int_equal(lg_metric_value(&lg_metric_storage_index_replicas, COMPLETE), 2);
    assert_int_equal(
        lg_clw_post(w, "/update_store", "store_name=cities&lagoon_read_index_enabled=false"), 200);
    lg_clw_run_ms(w, 1000);
    assert_int_equal(lg_metric_value(&lg_metric_storage_index_replicas, COMPLETE), 0);
    assert_int_equal(
        lg_clw_post(w, "/update_store", "store_name=cities&lagoon_read_index_enabled=true"), 200);
    lg_clw_run_ms(w, 1000);
    assert_int_equal(lg_metric_value(&lg_metric_storage_index_replicas, COMPLETE), 2);
    lg_clw_free(w);
    lg_metrics_reset();
}

static bool find_line(const struct lg_buf *text, const char *line)
{
    LG_AUTO_STR char *all = lg_strndup((const char *)text->data, text->size);

    return strstr(all, line) != NULL;
}

static void its_health_names_what_is_wrong(void **state)
{
    struct lg_clw *w = world_with_a_push(40, 1);
    struct own own = {.w = w, .with_disk = true};
    LG_SCOPED(lg_buf) text = {0};

    (void)state;
    lg_health_reset();
    lg_clw_meta(w, LG_META_PUT, HERE);
    own_start(&own);
    lg_server_health(own.server);
    assert_false(lg_health_write(&text, LG_HEALTH_READY, 0, /* verbose= */ true));
    assert_true(find_line(&text, "[-]server has not announced itself"));
    assert_true(find_line(&text, "[-]assignment is not read yet"));
    lg_clw_run_ms(w, 3000);
    lg_server_health(own.server);
    lg_buf_clear(&text);
    assert_true(lg_health_write(&text, LG_HEALTH_READY, 0, /* verbose= */ true));
    assert_true(find_line(&text, "[+]server"));
    assert_true(find_line(&text, "1 leader, 0 standby, 0 offline, 0 error"));
    lg_health_reset();
    lg_clw_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_announces_itself_and_withdraws),
        cmocka_unit_test(it_announces_itself_again_after_a_lost_session),
        cmocka_unit_test(what_it_does_not_know_yet_may_be_asked_again),
        cmocka_unit_test(it_may_be_stopped_at_any_moment_of_its_start),
        cmocka_unit_test(it_says_why_it_cannot_start),
        cmocka_unit_test(two_servers_of_one_name_are_not_mixed_up),
        cmocka_unit_test(it_announces_that_its_disk_is_low),
        cmocka_unit_test(a_directory_of_another_cluster_is_refused),
        cmocka_unit_test(replicas_without_an_identity_are_not_for_a_cluster),
        cmocka_unit_test(it_is_withdrawn_before_it_stops_to_answer),
        cmocka_unit_test(it_may_stop_while_stores_change),
        cmocka_unit_test(replicas_open_a_few_at_a_time),
        cmocka_unit_test(the_version_before_keeps_its_index_for_a_while),
        cmocka_unit_test(a_store_may_be_served_without_a_read_index),
        cmocka_unit_test(its_health_names_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
