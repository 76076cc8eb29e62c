/* Three real servers, a router and a controller: who dies is followed, who comes takes his share,
 * and reads go on. */
#include "base/str.h"
#include "test/lib/cluster_world.h"
#include "test/test.h"

#define PARTITIONS 6u
#define ROWS 24

static char keys[ROWS][8];

static struct lg_clw *world_of(uint64_t seed, unsigned servers, unsigned factor)
{
    struct lg_clw *w = lg_clw_new(seed, /* with_controller= */ true);
    struct lg_clw_row rows[ROWS];

    for (unsigned i = 0; i < servers; i++)
        lg_clw_server_start(w, i);
    lg_clw_router_start(w);
    lg_clw_run_ms(w, 12000); /* A new leader waits before it moves anything. */
    lg_clw_new_store(w, "cities", "\"string\"", PARTITIONS, factor);
    for (int i = 0; i < ROWS; i++) {
        (void)snprintf(keys[i], sizeof keys[i], "\x06k%02d", i);
        rows[i] = (struct lg_clw_row){lg_slice_str(keys[i]), LG_LIT("\x02"), 1};
    }
    assert_int_equal(lg_clw_push(w, "cities", PARTITIONS, rows, ROWS), 1);
    lg_clw_run_ms(w, 3000);
    return w;
}

static int64_t node_number(struct lg_clw *w, unsigned server, const char *key)
{
    LG_AUTO_STR char *id = lg_strf("s%u_8888", server);
    const struct lg_json *nodes;

    assert_int_equal(lg_clw_get(w, &w->ground, "/v1/nodes"), 200);
    nodes = lg_json_get(w->json, "nodes");
    for (size_t i = 0; i < lg_json_size(nodes); i++)
        if (strcmp(lg_json_get_str(lg_json_at(nodes, i), "id", ""), id) == 0)
            return lg_json_get_int(lg_json_at(nodes, i), key, -2);
    return -1;
}

static void all_is_read(struct lg_clw *w)
{
    for (int i = 0; i < ROWS; i++) {
        LG_AUTO_STR char *path = lg_strf("/storage/cities/%%06%s", keys[i] + 1);

        assert_int_equal(lg_clw_get(w, &w->router, path), 200);
    }
}

static int64_t under_replicated(struct lg_clw *w)
{
    assert_int_equal(lg_clw_get(w, &w->ground, "/v1/cluster_status"), 200);
    return lg_json_get_int(w->json, "underReplicatedCount", -1);
}

/* Ten seconds long: all is read, and nothing lacks a replica. */
static void nothing_is_missed(struct lg_clw *w)
{
    for (int i = 0; i < 20; i++) {
        lg_clw_run_ms(w, 500);
        all_is_read(w);
        assert_int_equal(under_replicated(w), 0);
    }
}

static void a_server_that_comes_takes_its_share_while_all_is_read(void **state)
{
    struct lg_clw *w = world_of(71, 2, 2);

    (void)state;
    assert_int_equal(node_number(w, 0, "ready"), PARTITIONS);
    assert_int_equal(node_number(w, 1, "ready"), PARTITIONS);
    lg_clw_server_start(w, 2);
    nothing_is_missed(w);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(node_number(w, i, "replicas"), 4);
        assert_int_equal(node_number(w, i, "ready"), 4);
        assert_int_equal(node_number(w, i, "leaders"), 2);
    }
    lg_clw_free(w);
}

static void a_server_that_dies_keeps_its_place_for_the_delay_and_is_then_followed(void **state)
{
    struct lg_clw *w = world_of(72, 3, 2);

    (void)state;
    lg_clw_server_kill(w, 1);
    lg_clw_run_ms(w, 60000);
    all_is_read(w);
    assert_int_equal(node_number(w, 1, "replicas"), 4);
    assert_int_equal(node_number(w, 1, "leaders"), 0); /* Others lead meanwhile. */
    assert_int_equal(under_replicated(w), 4);
    lg_clw_run_ms(w, 1800000);
    all_is_read(w);
    assert_int_equal(node_number(w, 1, "replicas"), 0);
    assert_int_equal(node_number(w, 0, "ready"), PARTITIONS);
    assert_int_equal(node_number(w, 2, "ready"), PARTITIONS);
    assert_int_equal(under_replicated(w), 0);
    lg_clw_server_start(w, 1);
    lg_clw_run_ms(w, 10000);
    all_is_read(w);
    assert_int_equal(node_number(w, 1, "ready"), 4);
    lg_clw_free(w);
}

static void three_replicas_change_their_leader_and_change_it_back(void **state)
{
    struct lg_clw *w = world_of(73, 3, 3);

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(node_number(w, i, "leaders"), 2);
    lg_clw_server_kill(w, 0);
    lg_clw_run_ms(w, 20000);
    all_is_read(w);
    assert_int_equal(node_number(w, 0, "leaders"), 0);
    assert_int_equal(node_number(w, 1, "leaders") + node_number(w, 2, "leaders"), PARTITIONS);
    lg_clw_server_start(w, 0);
    lg_clw_run_ms(w, 20000);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(node_number(w, i, "leaders"), 2);
    lg_clw_free(w);
}

static void a_drained_server_can_be_stopped_and_removed(void **state)
{
    struct lg_clw *w = world_of(74, 3, 2);

    (void)state;
    assert_int_equal(lg_clw_post(w, "/v1/drain_node", "node_id=s2_8888"), 200);
    nothing_is_missed(w);
    assert_int_equal(node_number(w, 2, "replicas"), 0);
    lg_clw_server_stop(w, 2);
    lg_clw_run_ms(w, 12000);
    assert_int_equal(lg_clw_post(w, "/v1/remove_node", "node_id=s2_8888"), 200);
    lg_clw_run_ms(w, 2000);
    assert_int_equal(node_number(w, 2, "replicas"), -1);
    all_is_read(w);
    lg_clw_free(w);
}

/* Two servers are not enough for three replicas: it waits for a fourth. */
static void a_server_that_nobody_can_replace_is_not_emptied_yet(void **state)
{
    struct lg_clw *w = world_of(75, 3, 3);

    (void)state;
    assert_int_equal(lg_clw_post(w, "/v1/drain_node", "node_id=s2_8888"), 200);
    nothing_is_missed(w);
    assert_int_equal(node_number(w, 2, "replicas"), PARTITIONS);
    lg_clw_server_start(w, 3);
    lg_clw_run_ms(w, 20000);
    all_is_read(w);
    assert_int_equal(node_number(w, 2, "replicas"), 0);
    assert_int_equal(node_number(w, 3, "ready"), PARTITIONS);
    lg_clw_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_that_comes_takes_its_share_while_all_is_read),
        cmocka_unit_test(a_server_that_dies_keeps_its_place_for_the_delay_and_is_then_followed),
        cmocka_unit_test(three_replicas_change_their_leader_and_change_it_back),
        cmocka_unit_test(a_drained_server_can_be_stopped_and_removed),
        cmocka_unit_test(a_server_that_nobody_can_replace_is_not_emptied_yet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
