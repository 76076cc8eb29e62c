/* A storage node as a whole: it announces itself, again when its session was lost, withdraws, and
 * says why it cannot start. */
#include "server/server.h"

#include "base/str.h"
#include "drivers/memkv/engine_memkv.h"
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_announces_itself_and_withdraws),
        cmocka_unit_test(it_announces_itself_again_after_a_lost_session),
        cmocka_unit_test(it_may_be_stopped_at_any_moment_of_its_start),
        cmocka_unit_test(it_says_why_it_cannot_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
