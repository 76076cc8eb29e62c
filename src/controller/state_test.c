/* What stands in the metadata comes back from it; what makes no sense is refused. */
#include "controller/state.h"

#include "test/test.h"

static void a_topic_comes_back_from_its_nodes(void **state)
{
    static const char *const ids[] = {"a_1", "b_1"};
    struct lg_ctl_topic t = {.name = (char[]){"cities_v2"},
                             .store = (char[]){"cities"},
                             .push_job_id = (char[]){"p"},
                             .details = (char[]){"why"},
                             .version = 2,
                             .status = LG_PUSH_ERROR,
                             .end_of_push = true};
    LG_AUTO(lg_json) *push = lg_ctl_topic_push_json(&t);
    LG_AUTO(lg_json) *assignment = NULL;
    LG_AUTO(lg_ctl_topic) *back = NULL;
    LG_AUTO(lg_json) *again = NULL;
    LG_AUTO(lg_json) *assigned = NULL;
    struct lg_error err = {0};

    (void)state;
    lg_placement_init(&t.placement, 2, 2);
    lg_placement_set_ids(&t.placement.parts[0], ids, 1);
    lg_placement_set_ids(&t.placement.parts[1], ids, 2);
    lg_placement_set_leader(&t.placement.parts[1], "b_1", 3);
    assignment = lg_ctl_topic_assignment_json(&t);
    lg_placement_done(&t.placement);
    assert_ok(lg_ctl_topic_from_json("cities_v2", push, assignment, &back, &err));
    again = lg_ctl_topic_push_json(back);
    assigned = lg_ctl_topic_assignment_json(back);
    assert_true(lg_json_equal(push, again));
    assert_true(lg_json_equal(assignment, assigned));
    assert_int_equal(back->placement.factor, 2);
    assert_string_equal(back->placement.parts[1].leader, "b_1");
}

static void nodes_that_make_no_sense_are_refused(void **state)
{
    static const char *const pushes[] = {
        "{}",
        "{\"store\":\"x\",\"version\":0,\"status\":\"STARTED\"}",
        "{\"store\":\"x\",\"version\":4294967297,\"status\":\"STARTED\"}",
        "{\"store\":\"x\",\"version\":1,\"status\":\"started\"}",
        "{\"version\":1,\"status\":\"STARTED\"}",
    };
    static const char good[] = "{\"store\":\"x\",\"version\":1,\"status\":\"STARTED\"}";
    static const char bad_assignment[] = "{\"partitions\":3}";
    LG_AUTO(lg_json) *push = NULL;
    LG_AUTO(lg_json) *assignment = NULL;
    LG_AUTO(lg_ctl_topic) *t = NULL;
    struct lg_error err = {0};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(pushes); i++) {
        LG_AUTO(lg_json) *json = NULL;

        assert_ok(lg_json_parse(lg_slice_str(pushes[i]), &json, &err));
        assert_rc(LG_ERR_BAD_DATA, lg_ctl_topic_from_json("x_v1", json, NULL, &t, &err));
    }
    assert_ok(lg_json_parse(lg_slice_str(good), &push, &err));
    assert_ok(lg_json_parse(lg_slice_str(bad_assignment), &assignment, &err));
    assert_rc(LG_ERR_BAD_DATA, lg_ctl_topic_from_json("x_v1", push, assignment, &t, &err));
    assert_ok(lg_ctl_topic_from_json("x_v1", push, NULL, &t, &err));
}

static void a_topic_leaves_the_trash_by_itself(void **state)
{
    LG_AUTO(lg_ctl_state) *s = lg_ctl_state_new();
    struct lg_ctl_topic *t = lg_new(struct lg_ctl_topic);

    (void)state;
    t->name = lg_strdup("cities_v1");
    t->store = lg_strdup("cities");
    t->push_job_id = lg_strdup("p");
    t->version = 1;
    lg_ctl_state_put_topic(s, t);
    assert_ptr_equal(lg_ctl_state_version(s, "cities", 1), t);
    lg_ctl_state_trash(s, t->name, 7); /* Its own name: it must outlive the entry. */
    lg_ctl_state_trash(s, "cities_v2", 8);
    assert_null(lg_ctl_state_version(s, "cities", 1));
    assert_int_equal(s->trash.size, 2);
    lg_ctl_state_untrash(s, 0);
    assert_int_equal(s->trash.size, 1);
    assert_string_equal(s->trash.data[0].topic, "cities_v2");
}

static void a_heartbeat_outlives_a_write(void **state)
{
    LG_AUTO(lg_ctl_state) *s = lg_ctl_state_new();
    struct lg_store *before = lg_store_new("cities", "me", "\"long\"", 1), *after;
    struct lg_store_push push = {.push_job_id = "p", .push_type = LG_PUSH_TYPE_BATCH, .now_ms = 10};
    struct lg_version *v;
    struct lg_error err = {0};
    bool is_new;

    (void)state;
    before->partition_count = 1;
    assert_ok(lg_store_add_version(before, &push, &v, &is_new, &err));
    after = lg_store_copy(before);
    lg_ctl_state_put_store(s, before, 0);
    lg_store_version(lg_ctl_state_store(s, "cities")->store, 1)->heard_clock_ms = 99;
    lg_ctl_state_put_store(s, after, 1);
    assert_int_equal(lg_ctl_state_store(s, "cities")->node_version, 1);
    assert_int_equal(lg_store_version(lg_ctl_state_store(s, "cities")->store, 1)->heard_clock_ms,
                     99);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_topic_comes_back_from_its_nodes),
        cmocka_unit_test(nodes_that_make_no_sense_are_refused),
        cmocka_unit_test(a_topic_leaves_the_trash_by_itself),
        cmocka_unit_test(a_heartbeat_outlives_a_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
