/* What snapshots share, and what is built anew. */
#include "catalog/state.h"

#include "test/lib/catalog_nodes.h"
#include "test/lib/quiet.h"
#include "test/test.h"

static const struct lg_catalog_topic *topic(const struct lg_catalog_snapshot *s, const char *name)
{
    return lg_catalog_topic(s, lg_slice_str(name));
}

static void what_did_not_change_is_shared(void **state)
{
    struct lg_catalog_state *s = lg_cn_two_topics();
    struct lg_catalog_snapshot *first, *second;

    (void)state;
    assert_true(lg_catalog_state_changed(s));
    first = lg_catalog_state_snapshot(s);
    assert_false(lg_catalog_state_changed(s));
    lg_cn_put(s, "/replicas/x_v1/b_1", "{\"0\":{\"status\":\"STARTED\"}}");
    assert_true(lg_catalog_state_changed(s));
    second = lg_catalog_state_snapshot(s);
    assert_int_equal(second->serial, first->serial + 1);
    assert_ptr_equal(topic(second, "y_v1"), topic(first, "y_v1"));
    assert_ptr_not_equal(topic(second, "x_v1"), topic(first, "x_v1"));
    assert_ptr_equal(second->topic_by_name, first->topic_by_name);
    assert_ptr_equal(second->store_by_name, first->store_by_name);
    assert_ptr_equal(second->instances.data, first->instances.data);
    /* The first is as it was. */
    assert_int_equal(topic(first, "x_v1")->partitions[0].replicas[0].status, LG_PUSH_COMPLETED);
    assert_int_equal(topic(second, "x_v1")->partitions[0].replicas[0].status, LG_PUSH_STARTED);
    lg_catalog_snapshot_unref(first);
    lg_catalog_state_free(s);
    assert_int_equal(topic(second, "y_v1")->partitions[0].count, 1); /* It outlives the state. */
    lg_catalog_snapshot_unref(second);
}

static void an_instance_that_comes_moves_the_places_of_others(void **state)
{
    struct lg_catalog_state *s = lg_cn_two_topics();
    struct lg_catalog_snapshot *first = lg_catalog_state_snapshot(s), *second, *third;
    uint32_t place;

    (void)state;
    assert_int_equal(topic(first, "y_v1")->partitions[0].replicas[0].instance, 1);
    lg_cn_put(s, "/instances/a_1", "{\"host\":\"h\",\"port\":1}");
    second = lg_catalog_state_snapshot(s);
    assert_int_equal(second->instances.size, 3);
    assert_non_null(lg_catalog_instance(second, "c_1", &place));
    assert_int_equal(place, 2);
    assert_int_equal(topic(second, "y_v1")->partitions[0].replicas[0].instance, 2);
    assert_int_equal(topic(first, "y_v1")->partitions[0].replicas[0].instance, 1);
    lg_cn_put(s, "/instances/c_1", NULL); /* What it said does not count. */
    third = lg_catalog_state_snapshot(s);
    assert_int_equal(topic(third, "y_v1")->partitions[0].count, 0);
    assert_int_equal(topic(third, "x_v1")->partitions[0].replicas[0].instance, 1);
    lg_catalog_snapshot_unref(first);
    lg_catalog_snapshot_unref(second);
    lg_catalog_snapshot_unref(third);
    lg_catalog_state_free(s);
}

/* Same id, new address: the replicas stay where they are. */
static void an_instance_that_moves_keeps_its_place(void **state)
{
    struct lg_catalog_state *s = lg_cn_two_topics();
    struct lg_catalog_snapshot *first = lg_catalog_state_snapshot(s), *second;

    (void)state;
    lg_cn_put(s, "/instances/c_1", "{\"host\":\"new\",\"port\":2}");
    second = lg_catalog_state_snapshot(s);
    assert_string_equal(lg_catalog_instance(second, "c_1", NULL)->host, "new");
    assert_string_equal(lg_catalog_instance(first, "c_1", NULL)->host, "h");
    assert_ptr_equal(topic(second, "y_v1"), topic(first, "y_v1"));
    lg_catalog_snapshot_unref(first);
    lg_catalog_snapshot_unref(second);
    lg_catalog_state_free(s);
}

static void topics_come_and_go(void **state)
{
    struct lg_catalog_state *s = lg_cn_two_topics();
    struct lg_catalog_snapshot *snapshot;

    (void)state;
    lg_cn_put(s, "/replicas/z_v1/b_1", LG_CN_ONE_DONE); /* Before it is assigned. */
    snapshot = lg_catalog_state_snapshot(s);
    assert_null(topic(snapshot, "z_v1"));
    lg_catalog_snapshot_unref(snapshot);
    lg_cn_put(s, "/assignment/z_v1", "{\"partitions\":[[\"b_1\"]]}");
    lg_cn_put(s, "/assignment/x_v1", NULL);
    snapshot = lg_catalog_state_snapshot(s);
    assert_int_equal(topic(snapshot, "z_v1")->partitions[0].count, 1);
    assert_null(topic(snapshot, "x_v1"));
    assert_int_equal(snapshot->topics.size, 2);
    assert_string_equal(snapshot->topics.data[1]->name, "z_v1");
    lg_catalog_snapshot_unref(snapshot);
    /* More partitions than before. */
    lg_cn_put(s, "/assignment/z_v1", "{\"partitions\":[[],[]]}");
    snapshot = lg_catalog_state_snapshot(s);
    assert_int_equal(topic(snapshot, "z_v1")->partition_count, 2);
    assert_int_equal(topic(snapshot, "z_v1")->partitions[1].count, 0);
    lg_catalog_snapshot_unref(snapshot);
    lg_catalog_state_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_did_not_change_is_shared),
        cmocka_unit_test(an_instance_that_comes_moves_the_places_of_others),
        cmocka_unit_test(an_instance_that_moves_keeps_its_place),
        cmocka_unit_test(topics_come_and_go),
    };

    return cmocka_run_group_tests(tests, lg_test_quiet, NULL);
}
