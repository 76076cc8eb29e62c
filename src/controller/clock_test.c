/* Times that outlive a leader: two controllers whose wall clocks differ by a day, and a fail-over
 * in the middle. What a user sees of a push, of a lease and of a server that is gone must not
 * depend on who leads. */
#include "controller/clock.h"

#include "base/str.h"
#include "test/lib/cluster_world.h"
#include "test/test.h"

#define FORM "Content-Type: application/x-www-form-urlencoded\n"
#define DAY_MS INT64_C(86400000)
#define MINUTE_MS 60000u
/* A fail-over may cost so much of what was counted: the session, and the time between two writes.
 */
#define LOST_MS 40000u

static int post(struct lg_clw *w, unsigned i, const char *target, const char *form)
{
    return lg_clw_ask(w, &w->controllers[i], LG_HTTP_POST, target, FORM, lg_slice_str(form));
}

static const char *text(struct lg_clw *w, const char *key)
{
    return lg_json_get_str(w->json, key, "(none)");
}

static bool leads(struct lg_clw *w, unsigned i)
{
    return lg_clw_get(w, &w->controllers[i], "/v1/health") == 200 &&
           lg_json_get_bool(w->json, "leads", false);
}

/* The second one's clock is off by so much. */
static struct lg_clw *pair_up(uint64_t seed, int64_t skew_ms, uint64_t push_timeout_ms)
{
    struct lg_clw *w = lg_clw_new(seed, /* with_controller= */ false);

    w->push_timeout_ms = push_timeout_ms;
    lg_clw_controller_start(w, 0);
    lg_clw_run_ms(w, 2000);
    assert_true(leads(w, 0));
    lg_clw_controller_start(w, 1);
    lg_sim_node_set_skew_ms(w->controllers[1].node, skew_ms);
    lg_clw_run_ms(w, 2000);
    assert_int_equal(post(w, 0, "/new_store",
                          "store_name=cities&key_schema=%22string%22&value_schema=%22long%22&"
                          "owner=me&partition_count=1"),
                     200);
    return w;
}

static int request(struct lg_clw *w, unsigned i, const char *id, unsigned lease_ms)
{
    LG_AUTO_STR char *form = lg_strf(
        "store_name=cities&push_type=BATCH&push_job_id=%s&lagoon_lease_ms=%u", id, lease_ms);

    return post(w, i, "/request_topic", form);
}

static void fail_over(struct lg_clw *w)
{
    lg_clw_controller_kill(w, 0);
    for (int patience = 40; patience > 0 && !leads(w, 1); patience--)
        lg_clw_run_ms(w, 500);
    assert_true(leads(w, 1));
    lg_clw_run_ms(w, 1000);
}

/* Without a pusher that would be heard by asking, as /job is. */
static void expect_push(struct lg_clw *w, unsigned i, const char *status)
{
    const struct lg_json *push;

    assert_int_equal(
        lg_clw_get(w, &w->controllers[i], "/v1/push_status?store_name=cities&version=1"), 200);
    push = lg_json_get(w->json, "push");
    assert_string_equal(lg_json_get_str(push, "status", "(none)"), status);
}

static void a_push_without_servers_waits_as_long_under_two_leaders(void **state)
{
    (void)state;
    for (int64_t sign = -1; sign <= 1; sign += 2) {
        struct lg_clw *w = pair_up((uint64_t)(10 + sign), sign * DAY_MS, 0);

        assert_int_equal(request(w, 0, "p1", 0), 200);
        lg_clw_run_ms(w, 8 * MINUTE_MS);
        expect_push(w, 0, "STARTED");
        fail_over(w);
        expect_push(w, 1, "STARTED"); /* By its own clock it began a day ago, or tomorrow. */
        lg_clw_run_ms(w, 7 * MINUTE_MS);
        expect_push(w, 1, "STARTED");
        lg_clw_run_ms(w, MINUTE_MS + LOST_MS); /* 16 minutes: offline.job.start.timeout */
        expect_push(w, 1, "ERROR");
        assert_non_null(strstr(lg_json_get_str(lg_json_get(w->json, "push"), "error", ""),
                               "partition 0 found 0 of the 1 servers"));
        lg_clw_free(w);
    }
}

static void a_push_that_does_not_end_fails_after_its_time_under_two_leaders(void **state)
{
    (void)state;
    for (int64_t sign = -1; sign <= 1; sign += 2) {
        struct lg_clw *w = pair_up((uint64_t)(20 + sign), sign * DAY_MS, 10 * MINUTE_MS);

        lg_clw_server_start(w, 0);
        lg_clw_run_ms(w, 2000);
        assert_int_equal(request(w, 0, "p1", 0), 200);
        lg_clw_run_ms(w, 5 * MINUTE_MS);
        fail_over(w);
        lg_clw_run_ms(w, 4 * MINUTE_MS);
        expect_push(w, 1, "STARTED");
        lg_clw_run_ms(w, MINUTE_MS + LOST_MS);
        expect_push(w, 1, "ERROR");
        assert_non_null(
            strstr(lg_json_get_str(lg_json_get(w->json, "push"), "error", ""), "push.timeout.ms"));
        lg_clw_free(w);
    }
}

static void a_lease_is_neither_over_nor_endless_after_a_fail_over(void **state)
{
    (void)state;
    for (int64_t sign = -1; sign <= 1; sign += 2) {
        struct lg_clw *w = pair_up((uint64_t)(30 + sign), sign * DAY_MS, 0);

        assert_int_equal(request(w, 0, "p1", MINUTE_MS), 200);
        fail_over(w);
        assert_int_equal(request(w, 1, "p2", 0), 400);
        assert_string_equal(text(w, "errorType"), "CONCURRENT_BATCH_PUSH");
        lg_clw_run_ms(w, MINUTE_MS / 2);
        assert_int_equal(post(w, 1, "/push_heartbeat", "store_name=cities&version=1"), 200);
        /* A clock that jumps under a leader changes nothing either. */
        lg_sim_node_set_skew_ms(w->controllers[1].node, -sign * DAY_MS);
        lg_clw_run_ms(w, MINUTE_MS - 5000);
        assert_int_equal(request(w, 1, "p2", 0), 400);
        lg_clw_run_ms(w, 10000);
        assert_int_equal(request(w, 1, "p2", 0), 200);
        assert_int_equal(lg_json_get_int(w->json, "version", 0), 2);
        lg_clw_free(w);
    }
}

static int64_t gone_for_ms(struct lg_clw *w, unsigned i)
{
    const struct lg_json *nodes;

    assert_int_equal(lg_clw_get(w, &w->controllers[i], "/v1/nodes"), 200);
    nodes = lg_json_get(w->json, "nodes");
    assert_int_equal(lg_json_size(nodes), 1);
    assert_string_equal(lg_json_get_str(lg_json_at(nodes, 0), "state", ""), "GONE");
    return lg_json_get_int(lg_json_at(nodes, 0), "goneForMs", -1);
}

static void a_server_is_gone_as_long_for_the_next_leader(void **state)
{
    (void)state;
    for (int64_t sign = -1; sign <= 1; sign += 2) {
        struct lg_clw *w = pair_up((uint64_t)(40 + sign), sign * DAY_MS, 0);

        lg_clw_server_start(w, 0);
        lg_clw_run_ms(w, 2000);
        lg_clw_server_kill(w, 0);
        lg_clw_run_ms(w, 5 * MINUTE_MS);
        assert_in_range(gone_for_ms(w, 0), 5 * MINUTE_MS - LOST_MS, 5 * MINUTE_MS);
        fail_over(w);
        assert_in_range(gone_for_ms(w, 1), 5 * MINUTE_MS - 2 * LOST_MS, 5 * MINUTE_MS + LOST_MS);
        lg_clw_free(w);
    }
}

static void a_clock_with_junk_gives_everything_its_time_anew(void **state)
{
    static const char *const junk[] = {"{\"ms\":9223372036854775807}", "{\"ms\":-1}", "[noise",
                                       "{}", ""};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(junk); i++) {
        struct lg_clw *w = pair_up(50 + i, 0, 0);
        LG_AUTO_STR char *value = NULL;
        int64_t ms = -5;
        struct lg_error err = {0};

        assert_rc(LG_ERR_BAD_DATA, lg_ctl_clock_read(lg_slice_str(junk[i]), &ms, &err));
        assert_int_equal(ms, -5);
        assert_int_equal(request(w, 0, "p1", 0), 200);
        lg_clw_run_ms(w, MINUTE_MS); /* It has been written. */
        value = lg_clw_meta_get(w, LG_CTL_CLOCK_PATH);
        assert_non_null(value);
        assert_ok(lg_ctl_clock_read(lg_slice_str(value), &ms, &err));
        assert_true(ms >= MINUTE_MS / 2);
        lg_clw_controller_kill(w, 0);
        lg_clw_meta(w, LG_META_PUT, LG_CTL_CLOCK_PATH, junk[i]);
        lg_clw_run_ms(w, 20000);
        assert_true(leads(w, 1));
        expect_push(w, 1, "STARTED");
        lg_clw_run_ms(w, 15 * MINUTE_MS);
        expect_push(w, 1, "STARTED");
        lg_clw_run_ms(w, MINUTE_MS + LOST_MS);
        expect_push(w, 1, "ERROR");
        lg_clw_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_push_without_servers_waits_as_long_under_two_leaders),
        cmocka_unit_test(a_push_that_does_not_end_fails_after_its_time_under_two_leaders),
        cmocka_unit_test(a_lease_is_neither_over_nor_endless_after_a_fail_over),
        cmocka_unit_test(a_server_is_gone_as_long_for_the_next_leader),
        cmocka_unit_test(a_clock_with_junk_gives_everything_its_time_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
