/* The thin thread through a real cluster: controllers, routers and servers as processes, on a real
 * ZooKeeper and a real Kafka. */
#include "base/str.h"
#include "test/lib/cluster.h"
#include "test/test.h"

#define VENICE "3164603"
#define CITIES "examples/cities/cities.avro"
#define CITIES_V2 "examples/cities/cities-v2.avro"

static struct lg_cluster c;

static int set_up_engines(void **state)
{
    (void)state;
    lg_cluster_engines_start();
    return 0;
}

static int tear_down_engines(void **state)
{
    (void)state;
    lg_cluster_engines_done();
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    lg_cluster_start(&c,
                     &(struct lg_cluster_options){.controllers = 2, .routers = 2, .servers = 3});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lg_cluster_done(&c);
    return 0;
}

static void make_cities(void)
{
    assert_run(&c.rig, 0, "store", "create", "cities", "--key-schema", "examples/cities/key.avsc",
               "--value-schema", "examples/cities/value.avsc", "--partitions", "3");
    assert_run(&c.rig, 0, "store", "update", "cities", "--replication", "2");
}

static void push(const char *file)
{
    assert_run(&c.rig, 0, "push", "cities", file, "--key-field", "id");
}

/* Venice is read through each router that runs. */
static void expect_venice(void)
{
    for (unsigned i = 0; i < c.count[LG_CLUSTER_ROUTER]; i++) {
        LG_SCOPED(lg_reply) reply = {0};

        if (!c.nodes[LG_CLUSTER_ROUTER][i].runs)
            continue;
        if (lg_cluster_get(&c, i, "cities", VENICE, &reply) != 200)
            fail_msg("router %u answers %d: %s", i, reply.status, lg_reply_text(&reply));
        assert_non_null(strstr(lg_reply_text(&reply), "\"name\":\"Venice\""));
    }
}

static void a_push_is_read_swapped_and_rolled_back(void **state)
{
    (void)state;
    make_cities();
    push(CITIES);
    lg_cluster_wait_version(&c, "cities", 1);
    expect_venice();
    assert_run(&c.rig, 0, "get", "cities", VENICE, "--output", "json");
    lg_rig_assert_out(&c.rig, "Venice");
    assert_run(&c.rig, 0, "push", "cities", CITIES_V2, "--key-field", "id", "--defer-swap");
    lg_cluster_wait_version(&c, "cities", 1);
    assert_run(&c.rig, 0, "swap", "cities");
    lg_cluster_wait_version(&c, "cities", 2);
    expect_venice();
    assert_run(&c.rig, 0, "rollback", "cities");
    lg_cluster_wait_version(&c, "cities", 1);
    expect_venice();
}

static void a_server_dies_and_every_key_is_still_read(void **state)
{
    (void)state;
    make_cities();
    push(CITIES);
    lg_cluster_wait_version(&c, "cities", 1);
    lg_cluster_wait_replicated(&c);
    for (unsigned i = 0; i < c.count[LG_CLUSTER_SERVER]; i++) {
        lg_cluster_kill(&c, LG_CLUSTER_SERVER, i);
        for (unsigned n = 0; n < 50; n++)
            expect_venice();
        assert_run(&c.rig, 0, "get", "cities", VENICE, "2988507", "2643743", "--output", "json");
        lg_cluster_restart(&c, LG_CLUSTER_SERVER, i);
        push(i % 2 == 0 ? CITIES_V2 : CITIES);
        lg_cluster_wait_version(&c, "cities", 2 + (int)i);
        lg_cluster_wait_replicated(&c);
    }
}

static void the_leading_controller_dies_and_the_other_one_completes_pushes(void **state)
{
    unsigned leader = lg_cluster_leader(&c), next;

    (void)state;
    make_cities();
    push(CITIES);
    lg_cluster_kill(&c, LG_CLUSTER_CONTROLLER, leader);
    expect_venice();
    next = lg_cluster_leader(&c);
    assert_int_not_equal(next, leader);
    push(CITIES_V2);
    lg_cluster_wait_version(&c, "cities", 2);
    expect_venice();
    lg_cluster_restart(&c, LG_CLUSTER_CONTROLLER, leader);
    assert_int_equal(lg_cluster_leader(&c), next); /* Who comes back does not take over. */
}

static void who_names_another_cluster_is_refused_with_those_that_are_there(void **state)
{
    LG_AUTO_STR char *address = lg_strf("--zookeeper-address=%s", lg_cluster_zookeeper()->address);
    LG_AUTO_STR char *quoted = lg_strf("'%s'", c.name);

    (void)state;
    assert_run(&c.rig, 3, "router", "--cluster-name=nonesuch", address, "--listener-port=0");
    lg_rig_assert_err(&c.rig, "there is no cluster 'nonesuch' below /lagoon");
    lg_rig_assert_err(&c.rig, quoted);
}

static void an_engine_that_is_not_there_ends_the_start_by_name(void **state)
{
    LG_AUTO_STR char *name = lg_strf("--cluster-name=%s", c.name);
    LG_AUTO_STR char *address = lg_strf("--zookeeper-address=%s", lg_cluster_zookeeper()->address);
    LG_AUTO_STR char *data = lg_rig_path(&c.rig, "lost");
    LG_AUTO_STR char *base = lg_strf("--data-base-path=%s", data);

    (void)state;
    assert_run(&c.rig, 5, "router", name, "--zookeeper-address=127.0.0.1:1", "--listener-port=0",
               "--start-timeout-ms=1000");
    lg_rig_assert_err(&c.rig, "127.0.0.1:1");
    lg_rig_assert_err(&c.rig, "zookeeper.address");
    assert_run(&c.rig, 5, "server", name, address, base, "--instance-name=lost",
               "--listener-port=0", "--kafka-bootstrap-servers=127.0.0.1:1",
               "--start-timeout-ms=3000");
    lg_rig_assert_err(&c.rig, "Kafka at 127.0.0.1:1 did not answer");
    lg_rig_assert_err(&c.rig, "kafka.bootstrap.servers");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_push_is_read_swapped_and_rolled_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_server_dies_and_every_key_is_still_read, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            the_leading_controller_dies_and_the_other_one_completes_pushes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            who_names_another_cluster_is_refused_with_those_that_are_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_engine_that_is_not_there_ends_the_start_by_name, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, set_up_engines, tear_down_engines);
}
