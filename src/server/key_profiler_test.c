/* The key profiler: frequent keys are found in bounded memory, sessions end. */
#include "server/key_profiler.h"

#include "drivers/sim/lane_sim.h"
#include "test/test.h"

struct rig {
    struct lg_sim *sim;
    struct lg_lane *lane;
    struct lg_key_profiler *p;
};

static int up(void **state)
{
    struct rig *r = lg_new(struct rig);

    r->sim = lg_sim_new(1);
    r->lane = lg_sim_lane_new(r->sim, NULL, "lane");
    r->p = lg_key_profiler_new(r->lane);
    *state = r;
    return 0;
}

static int down(void **state)
{
    struct rig *r = *state;

    lg_key_profiler_free(r->p);
    lg_sim_free(r->sim);
    lg_free(r);
    return 0;
}

#define TOPIC LG_LIT("cities_v1")

struct reader {
    struct lg_task task;
    struct lg_key_profiler *p;
};

static void frequent_keys_and_partitions_are_found(void **state)
{
    struct rig *r = *state;
    LG_AUTO(lg_json) *json = NULL;
    const struct lg_json *keys, *partitions;
    struct lg_error err;

    assert_ok(lg_key_profiler_start(r->p, TOPIC, 60000, 2, &err));
    for (int i = 0; i < 100; i++) {
        char rare[2] = {'r', (char)('0' + i % 10)};

        lg_key_profiler_record(r->p, TOPIC, 1, LG_LIT("hot"));
        if (i % 5 == 0)
            lg_key_profiler_record(r->p, TOPIC, 0, lg_slice(rare, 2));
        lg_key_profiler_record(r->p, LG_LIT("towns_v1"), 1, LG_LIT("hot"));
    }
    json = lg_key_profiler_stop(r->p, TOPIC);
    assert_non_null(json);
    assert_int_equal(lg_json_get_int(json, "totalRequests", 0), 120);
    keys = lg_json_get(json, "topKeys");
    assert_int_equal(lg_json_size(keys), 2); /* Two counters. */
    assert_string_equal(lg_json_get_str(lg_json_at(keys, 0), "key", ""), "aG90");
    assert_int_equal(lg_json_get_int(lg_json_at(keys, 0), "count", 0), 100);
    assert_int_equal(lg_json_get_int(lg_json_at(keys, 0), "error", -1), 0);
    partitions = lg_json_get(json, "partitionDistribution");
    assert_int_equal(lg_json_size(partitions), 2);
    assert_int_equal(lg_json_get_int(lg_json_at(partitions, 0), "count", 0), 20);
    assert_null(lg_key_profiler_stop(r->p, TOPIC));
}

static void sessions_are_bounded_and_end_by_themselves(void **state)
{
    static const char *const topics[] = {"a_v1", "b_v1", "c_v1", "d_v1", "e_v1"};
    struct rig *r = *state;
    LG_AUTO(lg_json) *json = NULL;
    struct lg_error err;

    for (size_t i = 0; i < LG_ARRAY_SIZE(topics); i++)
        assert_ok(lg_key_profiler_start(r->p, lg_slice_str(topics[i]), 1000, 1, &err));
    assert_rc(LG_ERR_CONFLICT, lg_key_profiler_start(r->p, lg_slice_str(topics[0]), 1000, 1, &err));
    assert_rc(LG_ERR_BUSY, lg_key_profiler_start(r->p, TOPIC, 1000, 1, &err));
    assert_true(lg_key_profiler_runs(r->p));
    lg_sim_run_us(r->sim, 2 * LG_SEC);
    assert_false(lg_key_profiler_runs(r->p)); /* Results wait, and cost the readers nothing. */
    lg_key_profiler_record(r->p, LG_LIT("b_v1"), 0, LG_LIT("late"));
    json = lg_key_profiler_stop(r->p, LG_LIT("b_v1"));
    assert_int_equal(lg_json_get_int(json, "totalRequests", -1), 0);
    assert_int_equal(lg_json_get_int(json, "actualDurationMs", 0), 1000);
    assert_ok(lg_key_profiler_start(r->p, LG_LIT("a_v1"), 1000, 1, &err)); /* Again. */
    assert_ok(lg_key_profiler_start(r->p, LG_LIT("g_v1"), 1000, 1, &err));
    /* No room but that of a result that nobody fetched. */
    assert_ok(lg_key_profiler_start(r->p, TOPIC, 1000, 1, &err)); /* Left for `free`. */
    assert_null(lg_key_profiler_stop(r->p, LG_LIT("c_v1")));
    assert_non_null(json);
    assert_rc(LG_ERR_INVALID, lg_key_profiler_start(r->p, LG_LIT("f_v1"), 0, 1, &err));
    assert_rc(LG_ERR_INVALID, lg_key_profiler_start(r->p, LG_LIT("f_v1"), 1800001, 1, &err));
    assert_rc(LG_ERR_INVALID, lg_key_profiler_start(r->p, LG_LIT("f_v1"), 1, 0, &err));
    assert_rc(LG_ERR_INVALID, lg_key_profiler_start(r->p, LG_LIT("f_v1"), 1, 1001, &err));
}

static void read_many(struct lg_task *task)
{
    struct reader *reader = LG_CONTAINER_OF(task, struct reader, task);

    for (unsigned i = 0; i < LG_PROFILER_NOTES_MAX + 10; i++)
        lg_key_profiler_record(reader->p, TOPIC, 0, LG_LIT("hot"));
}

/* A lane that reads faster than the server's counts takes no more memory for it. */
static void notes_are_bounded_and_what_is_missed_is_told(void **state)
{
    struct rig *r = *state;
    struct reader reader = {.task = {.run = read_many}, .p = r->p};
    LG_AUTO(lg_json) *json = NULL;
    struct lg_error err;

    assert_ok(lg_key_profiler_start(r->p, TOPIC, 60000, 2, &err));
    lg_lane_post(lg_sim_lane_new(r->sim, NULL, "reader"), &reader.task);
    lg_sim_run_us(r->sim, LG_SEC);
    json = lg_key_profiler_stop(r->p, TOPIC);
    assert_int_equal(lg_json_get_int(json, "totalRequests", 0), LG_PROFILER_NOTES_MAX);
    assert_int_equal(lg_json_get_int(json, "missedRequests", 0), 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(frequent_keys_and_partitions_are_found, up, down),
        cmocka_unit_test_setup_teardown(sessions_are_bounded_and_end_by_themselves, up, down),
        cmocka_unit_test_setup_teardown(notes_are_bounded_and_what_is_missed_is_told, up, down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
