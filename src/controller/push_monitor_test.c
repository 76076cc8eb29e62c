/* The verdict on a push over every combination of what two replicas may say, and the reasons. */
#include "controller/push_monitor.h"

#include "base/str.h"
#include "catalog/state.h"
#include "test/test.h"

/* A snapshot with instances srv0, srv1 and the topic t_v1 of one partition. */
struct seen {
    struct lg_catalog_snapshot snapshot;
    struct lg_catalog_instance instances[2];
    struct lg_catalog_topic topic, *topics[1];
    struct lg_catalog_partition partition;
    struct lg_catalog_replica replicas[2];
    struct lg_catalog_index by_name;
};

static void see(struct seen *s)
{
    memset(s, 0, sizeof(*s));
    s->by_name.places = lg_map_new();
    s->snapshot.topic_by_name = &s->by_name;
    s->topics[0] = &s->topic;
    s->snapshot.topics.data = s->topics;
    s->snapshot.topics.size = 1;
    s->partition.replicas = s->replicas;
    s->topic.partitions = &s->partition;
    s->topic.partition_count = 1;
    (void)lg_map_put(s->by_name.places, LG_LIT("t_v1"), (void *)1);
}

/* Its placement is to be freed. The first replica of a partition leads. */
static struct lg_ctl_topic topic_of(char **ids, uint32_t partitions, uint32_t factor)
{
    struct lg_ctl_topic t = {0};

    lg_placement_init(&t.placement, partitions, factor);
    for (uint32_t p = 0; p < partitions; p++) {
        const char *list[2];
        size_t n = 0;

        for (uint32_t r = 0; r < factor; r++)
            if (ids[p * factor + r] != NULL)
                list[n++] = ids[p * factor + r];
        lg_placement_set_ids(&t.placement.parts[p], list, n);
        lg_placement_set_leader(&t.placement.parts[p], list[0], 1);
    }
    return t;
}

/* status < 0: the replica's instance is not live or has not reported. */
static enum lg_push_status verdict_of(int first, int second, int64_t *records)
{
    char id0[] = "srv0_1", id1[] = "srv1_1", name[] = "t_v1";
    char *ids[] = {id0, id1};
    struct lg_ctl_topic t = topic_of(ids, 1, 2);
    int said[] = {first, second};
    struct lg_push_view view;
    struct seen s;

    see(&s);
    t.name = name;
    s.instances[0].id = id0;
    s.instances[1].id = id1;
    s.snapshot.instances.data = s.instances;
    s.snapshot.instances.size = 2;
    for (uint32_t i = 0; i < 2; i++) {
        if (said[i] >= 0)
            s.partition.replicas[s.partition.count++] =
                (struct lg_catalog_replica){.instance = i,
                                            .status = (enum lg_push_status)said[i],
                                            .records = 10 * (i + 1),
                                            .bytes = i + 1};
    }
    view = lg_push_monitor_view(&t, &s.snapshot);
    *records = view.records;
    lg_map_free(s.by_name.places);
    lg_placement_done(&t.placement);
    return view.verdict;
}

static void two_replicas_decide_as_all_but_one(void **state)
{
    static const int words[] = {-1, LG_PUSH_STARTED, LG_PUSH_END_OF_PUSH_RECEIVED,
                                LG_PUSH_COMPLETED, LG_PUSH_ERROR};

    (void)state;
    for (size_t a = 0; a < LG_ARRAY_SIZE(words); a++) {
        for (size_t b = 0; b < LG_ARRAY_SIZE(words); b++) {
            int64_t records;
            enum lg_push_status got = verdict_of(words[a], words[b], &records);
            enum lg_push_status want;

            if (words[a] == LG_PUSH_COMPLETED)
                want = LG_PUSH_COMPLETED; /* One of two is enough, if it is the leader. */
            else if (words[a] == LG_PUSH_ERROR && words[b] == LG_PUSH_ERROR)
                want = LG_PUSH_ERROR;
            else if (words[a] == LG_PUSH_END_OF_PUSH_RECEIVED ||
                     words[b] == LG_PUSH_END_OF_PUSH_RECEIVED || words[b] == LG_PUSH_COMPLETED)
                want = LG_PUSH_END_OF_PUSH_RECEIVED;
            else
                want = LG_PUSH_STARTED;
            assert_string_equal(lg_push_status_name(got), lg_push_status_name(want));
            assert_int_equal(records, words[b] >= 0 ? 20 : words[a] >= 0 ? 10 : 0);
        }
    }
}

static void an_unknown_world_decides_nothing(void **state)
{
    char id[] = "srv0_1", name[] = "t_v1";
    char *ids[] = {id, NULL};
    struct lg_ctl_topic t = topic_of(ids, 1, 2);
    struct lg_push_view view;

    (void)state;
    t.name = name;
    view = lg_push_monitor_view(&t, NULL);
    assert_int_equal(view.verdict, LG_PUSH_STARTED);
    assert_int_equal(view.partitions, 1);
    assert_int_equal(view.partitions_completed, 0);
    lg_placement_done(&t.placement);
}

static void the_only_replica_decides_alone(void **state)
{
    char id[] = "srv0_1", name[] = "t_v1";
    char *ids[] = {id, NULL}; /* Two were wanted, one server was there. */
    struct lg_ctl_topic t = topic_of(ids, 1, 2);
    struct seen s;

    (void)state;
    t.name = name;
    see(&s);
    s.instances[0].id = id;
    s.snapshot.instances.data = s.instances;
    s.snapshot.instances.size = 1;
    s.partition.count = 1;
    s.partition.replicas[0].status = LG_PUSH_ERROR;
    assert_int_equal(lg_push_monitor_view(&t, &s.snapshot).verdict, LG_PUSH_ERROR);
    s.partition.replicas[0].status = LG_PUSH_END_OF_PUSH_RECEIVED;
    assert_int_equal(lg_push_monitor_view(&t, &s.snapshot).verdict, LG_PUSH_END_OF_PUSH_RECEIVED);
    s.partition.replicas[0].status = LG_PUSH_COMPLETED;
    assert_int_equal(lg_push_monitor_view(&t, &s.snapshot).verdict, LG_PUSH_COMPLETED);
    lg_map_free(s.by_name.places);
    lg_placement_done(&t.placement);
}

/* A version of factor 3 needs two complete replicas: with one server, however complete, it waits.
 */
static void too_few_replicas_for_the_factor_wait(void **state)
{
    char id0[] = "srv0_1", id1[] = "srv1_1", name[] = "t_v1";
    char *one[] = {id0, NULL}, *two[] = {id0, id1};

    (void)state;
    for (int n = 1; n <= 2; n++) {
        struct lg_ctl_topic t = topic_of(n == 1 ? one : two, 1, 2);
        struct seen s;

        see(&s);
        t.name = name;
        t.placement.factor = 3;
        s.instances[0].id = id0;
        s.instances[1].id = id1;
        s.snapshot.instances.data = s.instances;
        s.snapshot.instances.size = 2;
        s.partition.replicas[0] = (struct lg_catalog_replica){.status = LG_PUSH_COMPLETED};
        s.partition.count = 1;
        assert_int_equal(lg_push_monitor_view(&t, &s.snapshot).verdict,
                         n == 1 ? LG_PUSH_NOT_CREATED : LG_PUSH_END_OF_PUSH_RECEIVED);
        s.partition.replicas[1] =
            (struct lg_catalog_replica){.instance = 1, .status = LG_PUSH_COMPLETED};
        s.partition.count = (uint32_t)n;
        assert_int_equal(lg_push_monitor_view(&t, &s.snapshot).verdict,
                         n == 1 ? LG_PUSH_NOT_CREATED : LG_PUSH_COMPLETED);
        lg_map_free(s.by_name.places);
        lg_placement_done(&t.placement);
    }
}

static void without_a_leader_nothing_is_complete(void **state)
{
    char id[] = "srv0_1", name[] = "t_v1";
    char *ids[] = {id};
    struct lg_ctl_topic t = topic_of(ids, 1, 1);
    struct seen s;

    (void)state;
    t.name = name;
    see(&s);
    s.instances[0].id = id;
    s.snapshot.instances.data = s.instances;
    s.snapshot.instances.size = 1;
    s.partition.count = 1;
    s.partition.replicas[0].status = LG_PUSH_COMPLETED;
    lg_placement_set_leader(&t.placement.parts[0], NULL, 1); /* It is being handed over. */
    assert_int_equal(lg_push_monitor_view(&t, &s.snapshot).verdict, LG_PUSH_END_OF_PUSH_RECEIVED);
    lg_placement_set_leader(&t.placement.parts[0], id, 2);
    assert_int_equal(lg_push_monitor_view(&t, &s.snapshot).verdict, LG_PUSH_COMPLETED);
    lg_map_free(s.by_name.places);
    lg_placement_done(&t.placement);
}

static void one_open_partition_keeps_the_push_open(void **state)
{
    char id[] = "srv0_1", name[] = "t_v1";
    char *ids[] = {id, id};
    struct lg_ctl_topic t = topic_of(ids, 2, 1);
    struct lg_catalog_partition partitions[2];
    struct lg_push_view view;
    struct seen s;

    (void)state;
    t.name = name;
    see(&s);
    s.instances[0].id = id;
    s.snapshot.instances.data = s.instances;
    s.snapshot.instances.size = 1;
    memset(partitions, 0, sizeof(partitions));
    partitions[0].replicas = &s.replicas[0];
    partitions[1].replicas = &s.replicas[1];
    partitions[0].count = partitions[1].count = 1;
    partitions[0].replicas[0].status = LG_PUSH_COMPLETED;
    partitions[1].replicas[0].status = LG_PUSH_STARTED;
    s.topic.partitions = partitions;
    s.topic.partition_count = 2;
    view = lg_push_monitor_view(&t, &s.snapshot);
    assert_int_equal(view.verdict, LG_PUSH_STARTED);
    assert_int_equal(view.partitions_completed, 1);
    partitions[1].replicas[0].status = LG_PUSH_ERROR;
    view = lg_push_monitor_view(&t, &s.snapshot);
    assert_int_equal(view.verdict, LG_PUSH_ERROR);
    assert_int_equal(view.first_error, 1);
    lg_map_free(s.by_name.places);
    lg_placement_done(&t.placement);
}

static void the_first_reason_is_named(void **state)
{
    static const char *const names[] = {"a_1", "b_1", "c_1"};
    const struct lg_slice values[] = {
        LG_LIT("not JSON"),
        LG_LIT("{\"0\":{\"status\":\"STARTED\",\"error\":null}}"),
        LG_LIT("{\"0\":{\"error\":null},\"3\":{\"status\":\"ERROR\",\"error\":\"disk full\"}}"),
    };
    LG_AUTO_STR char *reason = lg_push_monitor_reason(names, values, 3);

    (void)state;
    assert_string_equal(reason, "partition 3 on c_1: disk full");
    assert_null(lg_push_monitor_reason(names, values, 2));
    assert_null(lg_push_monitor_reason(names, values, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_replicas_decide_as_all_but_one),
        cmocka_unit_test(an_unknown_world_decides_nothing),
        cmocka_unit_test(the_only_replica_decides_alone),
        cmocka_unit_test(too_few_replicas_for_the_factor_wait),
        cmocka_unit_test(without_a_leader_nothing_is_complete),
        cmocka_unit_test(one_open_partition_keeps_the_push_open),
        cmocka_unit_test(the_first_reason_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
