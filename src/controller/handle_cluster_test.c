/* Who lives, and where the replicas are. */
#include "test/lib/controller_world.h"
#include "test/test.h"

static void live_servers_and_routers_are_listed(void **state)
{
    struct lg_cw *w = lg_cw_start(30);

    (void)state;
    lg_cw_until_ready(w);
    assert_int_equal(lg_cw_get(w, "/list_instances"), 200);
    assert_int_equal(lg_json_size(lg_json_get(w->answer, "nodes")), 0);
    lg_cw_servers_up(w, 2);
    lg_cw_put(w, "/routers/r1", "{\"url\":\"http://r1:7777\"}");
    lg_sim_run_us(w->sim, LG_SEC);
    assert_int_equal(lg_cw_get(w, "/list_instances"), 200);
    assert_slice_equal(lg_json_string(lg_json_at(lg_json_get(w->answer, "nodes"), 1)),
                       LG_LIT("srv2_88"));
    assert_int_equal(lg_cw_get(w, "/list_routers"), 200);
    assert_slice_equal(lg_json_string(lg_json_at(lg_json_get(w->answer, "routers"), 0)),
                       LG_LIT("http://r1:7777"));
    lg_cw_meta(w, LG_META_REMOVE, "/instances/srv1_88", "");
    lg_sim_run_us(w->sim, LG_SEC);
    assert_int_equal(lg_cw_get(w, "/list_instances"), 200);
    assert_int_equal(lg_json_size(lg_json_get(w->answer, "nodes")), 1);
    lg_cw_free(w);
}

static void a_controller_that_was_restarted_gives_routers_time_before_it_names_them(void **state)
{
    struct lg_cw *w = lg_cw_start(32);

    (void)state;
    lg_cw_store_up(w);
    lg_cw_put(w, "/routers/r1", "{\"url\":\"http://r1:7777\"}");
    w->extra.routers_settle_ms = 5000;
    lg_cw_restart(w);
    lg_cw_until_ready(w);
    lg_sim_run_us(w->sim, 3 * LG_SEC);
    assert_int_equal(lg_cw_get(w, "/list_routers"), 200);
    assert_int_equal(lg_json_size(lg_json_get(w->answer, "routers")), 0);
    lg_sim_run_us(w->sim, 3 * LG_SEC);
    assert_int_equal(lg_cw_get(w, "/list_routers"), 200);
    assert_int_equal(lg_json_size(lg_json_get(w->answer, "routers")), 1);
    lg_cw_free(w);
}

static void replicas_are_listed_with_their_state(void **state)
{
    struct lg_cw *w = lg_cw_start(31);
    const struct lg_json *replica;

    (void)state;
    lg_cw_store_up(w);
    assert_int_equal(lg_cw_get(w, "/list_replicas?store_name=cities&version=1"), 404);
    assert_int_equal(lg_cw_request(w, "p1", 0), 200);
    assert_int_equal(lg_cw_get(w, "/list_replicas?store_name=cities&version=1"), 200);
    assert_int_equal(lg_json_size(lg_json_get(w->answer, "replicas")), LG_CW_PARTITIONS);
    replica = lg_json_at(lg_json_get(w->answer, "replicas"), 1);
    assert_string_equal(lg_json_get_str(replica, "status", ""), "OFFLINE");
    assert_string_equal(lg_json_get_str(replica, "resource", ""), "cities_v1");
    assert_int_equal(lg_json_get_int(replica, "partitionId", -1), 1);
    replica = lg_json_get(replica, "instance");
    assert_string_equal(lg_json_get_str(replica, "host", ""), "srv1");
    assert_int_equal(lg_json_get_int(replica, "port", 0), 88);
    lg_cw_report(w, "cities_v1", 1, "COMPLETED", NULL);
    lg_sim_run_us(w->sim, LG_SEC);
    assert_int_equal(lg_cw_get(w, "/list_replicas?store_name=cities&version=1"), 200);
    replica = lg_json_at(lg_json_get(w->answer, "replicas"), 0);
    assert_string_equal(lg_json_get_str(replica, "status", ""), "STANDBY");
    assert_int_equal(lg_cw_get(w, "/list_replicas?store_name=cities&version=zwei"), 400);
    lg_cw_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(live_servers_and_routers_are_listed),
        cmocka_unit_test(a_controller_that_was_restarted_gives_routers_time_before_it_names_them),
        cmocka_unit_test(replicas_are_listed_with_their_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
