/* The verbs of a cluster's operator, against a standalone: one controller that leads, one router,
 * one server that leads every partition. */
#include <signal.h>
#include <stdlib.h>

#include "base/str.h"
#include "test/lib/rig.h"
#include "test/test.h"

#define BOUND_MS 60000u

static struct lg_rig rig; /* With one store, "cities", of 4 partitions. */

static int set_up(void **state)
{
    (void)state;
    lg_rig_init(&rig);
    lg_rig_start(&rig, NULL, NULL);
    assert_run(&rig, 0, "push", "cities", "examples/cities/cities.avro", "--key-field", "id",
               "--create");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lg_rig_done(&rig);
    return 0;
}

static struct lg_json *said(void)
{
    return lg_rig_json(lg_slice_str((const char *)rig.out.data));
}

/* The name of the only server. */
static char *only_node(void)
{
    LG_AUTO(lg_json) *nodes = NULL;

    assert_run(&rig, 0, "nodes", "--output", "json");
    nodes = said();
    assert_int_equal(lg_json_size(lg_json_get(nodes, "nodes")), 1);
    return lg_strdup(lg_json_get_str(lg_json_at(lg_json_get(nodes, "nodes"), 0), "id", ""));
}

static void nodes_shows_the_only_server_controller_and_router(void **state)
{
    LG_AUTO_STR char *id = only_node(), *router = lg_strf(":%u", rig.router);
    LG_AUTO(lg_json) *json = said();
    const struct lg_json *node = lg_json_at(lg_json_get(json, "nodes"), 0);
    const struct lg_json *controllers = lg_json_get(json, "controllers");

    (void)state;
    assert_string_equal(lg_json_get_str(node, "state", ""), "LIVE");
    assert_int_equal(lg_json_get_int(node, "replicas", -1), 4);
    assert_int_equal(lg_json_get_int(node, "leaders", -1), 4);
    assert_int_equal(lg_json_get_int(node, "ready", -1), 4);
    assert_int_equal(lg_json_get_int(node, "errors", -1), 0);
    assert_int_equal(lg_json_size(controllers), 1);
    assert_true(lg_json_get_bool(lg_json_at(controllers, 0), "leads", false));
    assert_int_equal(lg_json_size(lg_json_get(json, "routers")), 1);
    assert_run(&rig, 0, "nodes");
    lg_rig_assert_out(&rig, id);
    lg_rig_assert_out(&rig, "LIVE");
    lg_rig_assert_out(&rig, "CONTROLLER");
    lg_rig_assert_out(&rig, router);
    assert_run(&rig, 0, "nodes", id);
    assert_run(&rig, 3, "nodes", "nobody");
    lg_rig_assert_err(&rig, "no server 'nobody'");
}

static void replicas_shows_each_with_its_records(void **state)
{
    LG_AUTO_STR char *id = only_node();
    LG_AUTO(lg_json) *json = NULL;
    const struct lg_json *version, *partitions;
    int64_t records = 0;

    (void)state;
    assert_run(&rig, 0, "replicas", "cities", "--output", "json");
    json = said();
    version = lg_json_at(lg_json_get(json, "versions"), 0);
    assert_true(lg_json_get_bool(version, "current", false));
    partitions = lg_json_get(version, "partitions");
    assert_int_equal(lg_json_size(partitions), 4);
    for (size_t p = 0; p < lg_json_size(partitions); p++) {
        const struct lg_json *partition = lg_json_at(partitions, p);
        const struct lg_json *replica = lg_json_at(lg_json_get(partition, "replicas"), 0);

        assert_string_equal(lg_json_get_str(partition, "leader", ""), id);
        assert_string_equal(lg_json_get_str(replica, "instance", ""), id);
        assert_string_equal(lg_json_get_str(replica, "status", ""), "COMPLETED");
        assert_true(lg_json_get_bool(replica, "live", false));
        records += lg_json_get_int(replica, "records", 0);
    }
    assert_true(records > 100);
    assert_run(&rig, 0, "replicas", "cities", "--version", "1", "--partition", "2");
    lg_rig_assert_out(&rig, "version 1 (ONLINE, current), replication factor 1");
    lg_rig_assert_out(&rig, "COMPLETED");
    assert_run(&rig, 3, "replicas", "nothing");
    lg_rig_assert_err(&rig, "nothing");
    assert_run(&rig, 3, "replicas", "cities", "--version", "77");
    assert_run(&rig, 2, "replicas", "cities", "--version", "x");
}

static void the_cluster_is_healthy_and_the_check_says_so(void **state)
{
    LG_AUTO(lg_json) *json = NULL;

    (void)state;
    assert_run(&rig, 0, "cluster", "status", "--check");
    lg_rig_assert_out(&rig, "servers      1 live, 0 gone, 0 draining");
    lg_rig_assert_out(&rig, "health       every partition has all its replicas ready");
    assert_run(&rig, 0, "cluster", "status", "--output", "json");
    json = said();
    assert_int_equal(lg_json_get_int(json, "underReplicatedCount", -1), 0);
    assert_int_equal(lg_json_get_int(json, "stores", -1), 1);
    assert_int_equal(lg_json_get_int(lg_json_get(json, "replicas"), "ready", -1), 4);
    assert_true(*lg_json_get_str(json, "leader", "") != '\0');
}

static void a_push_is_shown_by_partition_and_by_server(void **state)
{
    LG_AUTO_STR char *id = only_node();

    (void)state;
    assert_run(&rig, 0, "push", "status", "cities", "--partitions", "--servers");
    lg_rig_assert_out(&rig, "PARTITION");
    lg_rig_assert_out(&rig, "SERVER");
    lg_rig_assert_out(&rig, id);
}

static void the_only_server_cannot_go(void **state)
{
    LG_AUTO_STR char *id = only_node();

    (void)state;
    assert_run(&rig, 1, "nodes", "removable", id);
    lg_rig_assert_err(&rig, "cannot be taken out now");
    assert_run(&rig, 2, "nodes", "remove", id); /* Nobody is there to ask. */
    lg_rig_assert_err(&rig, "--yes");
    assert_int_not_equal(LG_RUN(&rig, "nodes", "remove", id, "--yes"), 0);
    assert_run(&rig, 3, "nodes", "drain", "nobody", "--yes");
    assert_run(&rig, 0, "get", "cities", "3164603"); /* It goes on. */
}

static void watching_ends_well_with_an_interrupt(void **state)
{
    struct lg_process p = {0};
    bool twice = false;

    (void)state;
    lg_rig_spawn(&rig, &p,
                 (const char *const[]){"cluster", "status", "--watch", "--interval", "50ms", NULL});
    for (unsigned waited = 0; !twice && waited < BOUND_MS; waited += 20) {
        LG_SCOPED(lg_buf) out = {0};
        const char *first;

        lg_process_stdout(&p, &out);
        lg_buf_append_byte(&out, 0);
        first = strstr((const char *)out.data, "cluster ");
        twice = first != NULL && strstr(first + 1, "\ncluster ") != NULL;
        lg_process_pause(20);
    }
    assert_true(twice);
    lg_process_signal(&p, SIGINT);
    assert_int_equal(lg_process_wait(&p, BOUND_MS), 0);
    lg_process_done(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_shows_the_only_server_controller_and_router),
        cmocka_unit_test(replicas_shows_each_with_its_records),
        cmocka_unit_test(the_cluster_is_healthy_and_the_check_says_so),
        cmocka_unit_test(a_push_is_shown_by_partition_and_by_server),
        cmocka_unit_test(the_only_server_cannot_go),
        cmocka_unit_test(watching_ends_well_with_an_interrupt),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
