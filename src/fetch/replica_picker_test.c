/* Which replica is asked, and how a host's failures count. */
#include "fetch/replica_picker.h"

#include "test/test.h"

static struct lg_host *hosts[3];
static struct lg_host_table *table;

static int make_hosts(void **state)
{
    (void)state;
    table = lg_host_table_new();
    for (uint16_t i = 0; i < 3; i++)
        hosts[i] = lg_host_table_get(table, "server", (uint16_t)(8000 + i));
    return 0;
}

static int free_hosts(void **state)
{
    (void)state;
    lg_host_table_free(table);
    return 0;
}

static void a_host_is_made_once(void **state)
{
    (void)state;
    assert_ptr_equal(hosts[1], lg_host_table_get(table, "server", 8001));
    assert_ptr_not_equal(hosts[1], hosts[2]);
    assert_string_equal(hosts[2]->name, "server:8002");
}

static void the_least_busy_replica_is_picked(void **state)
{
    (void)state;
    lg_host_sent(table, hosts[0]);
    lg_host_sent(table, hosts[1]);
    lg_host_sent(table, hosts[1]);
    assert_ptr_equal(hosts[2], lg_replica_pick(hosts, 3, NULL, 0, 0));
    lg_host_sent(table, hosts[2]);
    lg_host_sent(table, hosts[2]);
    assert_ptr_equal(hosts[0], lg_replica_pick(hosts, 3, NULL, 0, 0));
}

static void equals_take_turns(void **state)
{
    struct lg_host *seen[6];

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        seen[i] = lg_replica_pick(hosts, 3, NULL, 0, 0);
        lg_host_sent(table, seen[i]);
        lg_host_answered(seen[i], true, 0);
        assert_true(i < 3 || seen[i] == seen[i - 3]);
    }
    assert_ptr_not_equal(seen[0], seen[1]);
    assert_ptr_not_equal(seen[1], seen[2]);
}

static void tried_replicas_are_not_picked_again(void **state)
{
    const struct lg_host *tried[] = {hosts[0], hosts[2], hosts[1]};

    (void)state;
    assert_ptr_equal(hosts[1], lg_replica_pick(hosts, 3, tried, 2, 0));
    assert_null(lg_replica_pick(hosts, 3, tried, 3, 0));
    assert_null(lg_replica_pick(hosts, 0, NULL, 0, 0));
}

static void a_failing_host_is_avoided_for_a_while(void **state)
{
    (void)state;
    for (unsigned i = 0; i < LG_HOST_FAILURES; i++) {
        assert_false(lg_host_avoided(hosts[0], 0));
        lg_host_sent(table, hosts[0]);
        lg_host_answered(hosts[0], false, 0);
    }
    assert_true(lg_host_avoided(hosts[0], LG_HOST_AVOID_US - 1));
    assert_false(lg_host_avoided(hosts[0], LG_HOST_AVOID_US));
    lg_host_sent(table, hosts[1]); /* Busier, but well. */
    assert_ptr_equal(hosts[1], lg_replica_pick(hosts, 2, NULL, 0, 1));
    assert_ptr_equal(hosts[0], lg_replica_pick(hosts, 1, NULL, 0, 1)); /* Nobody else has it. */
}

static void one_good_answer_forgives(void **state)
{
    (void)state;
    for (unsigned i = 0; i < LG_HOST_FAILURES; i++) {
        lg_host_sent(table, hosts[0]);
        lg_host_answered(hosts[0], false, 0);
    }
    lg_host_sent(table, hosts[0]);
    lg_host_answered(hosts[0], true, 1);
    assert_false(lg_host_avoided(hosts[0], 1));
    assert_int_equal(hosts[0]->failures, 0);
}

static void a_silent_host_is_avoided_longer_each_time(void **state)
{
    uint64_t now_us = 0, avoid_us = LG_HOST_AVOID_US;

    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        lg_host_went_silent(hosts[0], now_us);
        lg_host_went_silent(hosts[0], now_us + 1); /* Of the same silence. */
        assert_true(lg_host_avoided(hosts[0], now_us + avoid_us - 1));
        now_us += avoid_us;
        assert_false(lg_host_avoided(hosts[0], now_us));
        avoid_us = LG_MIN(2 * avoid_us, LG_HOST_SILENCE_US_MAX);
    }
    assert_int_equal(avoid_us, LG_HOST_SILENCE_US_MAX);
    lg_host_sent(table, hosts[0]);
    assert_true(lg_host_avoided(hosts[0], now_us)); /* One request tries it. */
    lg_host_dropped(hosts[0]);
    assert_false(lg_host_avoided(hosts[0], now_us)); /* It told nothing. */
    lg_host_sent(table, hosts[0]);
    assert_true(lg_host_silent_since(hosts[0], now_us));
    lg_host_answered(hosts[0], true, now_us + 1);
    assert_false(lg_host_silent_since(hosts[0], now_us));
    lg_host_sent(table, hosts[0]);
    assert_false(lg_host_avoided(hosts[0], now_us + 1));
    lg_host_went_silent(hosts[0], now_us + 1);
    assert_int_equal(hosts[0]->avoid_until_us, now_us + 1 + LG_HOST_AVOID_US); /* From the start. */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_host_is_made_once, make_hosts, free_hosts),
        cmocka_unit_test_setup_teardown(the_least_busy_replica_is_picked, make_hosts, free_hosts),
        cmocka_unit_test_setup_teardown(equals_take_turns, make_hosts, free_hosts),
        cmocka_unit_test_setup_teardown(tried_replicas_are_not_picked_again, make_hosts,
                                        free_hosts),
        cmocka_unit_test_setup_teardown(a_failing_host_is_avoided_for_a_while, make_hosts,
                                        free_hosts),
        cmocka_unit_test_setup_teardown(a_silent_host_is_avoided_longer_each_time, make_hosts,
                                        free_hosts),
        cmocka_unit_test_setup_teardown(one_good_answer_forgives, make_hosts, free_hosts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
