/* The table of hosts is bounded, whatever addresses servers have had. */
#include "fetch/host_health.h"

#include "base/str.h"
#include "test/test.h"

static struct lg_host_table *table;

static int up(void **state)
{
    (void)state;
    table = lg_host_table_new();
    return 0;
}

static int down(void **state)
{
    (void)state;
    lg_host_table_free(table);
    return 0;
}

/* Of the `i`-th pod there ever was. */
static struct lg_host *get(uint32_t i)
{
    LG_AUTO_STR char *address = lg_strf("10.%u.%u.%u", i >> 16 & 255, i >> 8 & 255, i & 255);

    return lg_host_table_get(table, address, 7777);
}

static void addresses_that_nobody_asks_any_more_are_forgotten(void **state)
{
    struct lg_host *host = get(0);

    (void)state;
    for (unsigned i = 0; i < LG_HOST_FAILURES; i++) {
        lg_host_sent(table, host);
        lg_host_answered(host, false, 0);
    }
    for (uint32_t i = 1; i < 3 * LG_HOSTS_MAX; i++)
        (void)get(i);
    assert_int_equal(lg_host_table_size(table), LG_HOSTS_MAX);
    host = get(0); /* It is back, and nothing is known of it. */
    assert_string_equal(host->name, "10.0.0.0:7777");
    assert_string_equal(host->address, "10.0.0.0");
    assert_int_equal(host->failures, 0);
    assert_false(lg_host_avoided(host, 0));
    assert_int_equal(lg_host_table_size(table), LG_HOSTS_MAX);
}

static void hosts_in_use_stay(void **state)
{
    struct lg_host *pending = get(0), *held = get(1), *served = get(2);

    (void)state;
    lg_host_sent(table, pending);
    lg_host_hold(held);
    for (uint32_t i = 3; i < 3 * LG_HOSTS_MAX; i++) {
        (void)get(i);
        if (i % 100 == 0)
            assert_ptr_equal(get(2), served);
    }
    assert_ptr_equal(get(0), pending);
    assert_ptr_equal(get(1), held);
    assert_string_equal(pending->name, "10.0.0.0:7777");
    assert_string_equal(held->address, "10.0.0.1");
    assert_int_equal(pending->pending, 1);
    lg_host_answered(pending, true, 1);
    lg_host_release(held);
    for (uint32_t i = 3; i < 2 * LG_HOSTS_MAX; i++)
        (void)get(i);
    assert_true(lg_host_table_size(table) <= LG_HOSTS_MAX + 2);
    assert_string_not_equal(held->address, "10.0.0.1"); /* Memory of another by now. */
}

/* More than there is room for: the table is as large as that, and no larger. */
static void it_grows_by_what_is_in_use_at_once(void **state)
{
    enum { BUSY = LG_HOSTS_MAX + 50 };

    (void)state;
    for (uint32_t i = 0; i < BUSY; i++)
        lg_host_sent(table, get(i));
    assert_int_equal(lg_host_table_size(table), BUSY);
    for (uint32_t i = 0; i < BUSY; i++) {
        struct lg_host *host = get(i);

        assert_int_equal(host->pending, 1);
        lg_host_answered(host, true, 1);
    }
    for (uint32_t i = BUSY; i < 3 * BUSY; i++)
        (void)get(i);
    assert_int_equal(lg_host_table_size(table), BUSY);
}

/* What a read looks up at once are as many hosts, though all others are busy. */
static void what_was_just_looked_up_is_not_taken(void **state)
{
    struct lg_host *first, *second;

    (void)state;
    for (uint32_t i = 0; i < LG_HOSTS_MAX; i++)
        lg_host_sent(table, get(i));
    first = get(LG_HOSTS_MAX);
    second = get(LG_HOSTS_MAX + 1);
    assert_ptr_not_equal(first, second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(addresses_that_nobody_asks_any_more_are_forgotten, up,
                                        down),
        cmocka_unit_test_setup_teardown(hosts_in_use_stay, up, down),
        cmocka_unit_test_setup_teardown(it_grows_by_what_is_in_use_at_once, up, down),
        cmocka_unit_test_setup_teardown(what_was_just_looked_up_is_not_taken, up, down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
