/* The parts that servers and routers enforce of a store's quota. */
#include "model/read_quota.h"

#include "test/test.h"

static void assert_limit(const struct lg_bucket_limit *got, uint64_t refill, uint64_t interval_us,
                         uint64_t capacity)
{
    assert_int_equal(got->refill, refill);
    assert_int_equal(got->interval_us, interval_us);
    assert_int_equal(got->capacity, capacity);
}

static void a_server_enforces_the_part_of_the_replicas_that_it_serves(void **state)
{
    (void)state;
    static const struct {
        uint32_t ready, partitions, mine;
        int64_t quota;
        uint64_t refill;
    } cases[] = {
        {1, 1, 1, 1800, 18000},
        {3, 16, 16, 1800, 6000},
        {3, 16, 4, 1800, 1500},
        {2, 3, 1, 1, 2},
        /* 10 / 6 = 1.67, rounded up */ {7, 7, 7, 700, 1000},
        {3, 1, 1, 1, 4},
        /* a third of 10 */ {20, 65535, 65535, 2, 1},
        {5, 8, 8, 4294967295, 8589934590},
    };

    for (size_t i = 0; i < LG_ARRAY_SIZE(cases); i++) {
        struct lg_read_share share = {0};
        struct lg_bucket_limit limit;

        for (uint32_t p = 0; p < cases[i].partitions; p++)
            lg_read_share_add(&share, cases[i].ready, p < cases[i].mine);
        assert_true(lg_read_quota_of_server(cases[i].quota, &share, &limit));
        assert_int_equal(limit.refill, cases[i].refill);
        assert_int_equal(limit.interval_us, 10000000);
        assert_true(limit.capacity <= 5 * limit.refill && limit.capacity + 5 > 5 * limit.refill);
    }
}

static void partitions_that_nobody_serves_count_and_bring_nothing(void **state)
{
    (void)state;
    struct lg_read_share share = {0};
    struct lg_bucket_limit limit;

    assert_false(lg_read_quota_of_server(100, &share, &limit));
    lg_read_share_add(&share, 0, false);
    lg_read_share_add(&share, 2, false);
    assert_false(lg_read_quota_of_server(100, &share, &limit)); /* As Venice: no bucket. */
    lg_read_share_add(&share, 2, true);
    lg_read_share_add(&share, 1, true);
    assert_true(lg_read_quota_of_server(100, &share, &limit));
    assert_limit(&limit, 375, 10000000, 1875);
}

static void the_parts_of_all_servers_are_the_quota(void **state)
{
    (void)state;
    /* 10 partitions of 3 replicas over 5 servers. */
    uint64_t sum = 0;

    for (uint32_t server = 0; server < 5; server++) {
        struct lg_read_share share = {0};
        struct lg_bucket_limit limit;

        for (uint32_t p = 0; p < 10; p++)
            lg_read_share_add(&share, 3, (server + p) % 5 < 3);
        assert_true(lg_read_quota_of_server(1800, &share, &limit));
        sum += limit.refill;
    }
    assert_int_equal(sum, 18000);
}

static void stores_without_a_quota_have_no_limit(void **state)
{
    (void)state;
    struct lg_read_share share = {0};
    struct lg_read_routers routers = {.live = 1};
    struct lg_bucket_limit limit;

    lg_read_share_add(&share, 1, true);
    assert_false(lg_read_quota_of_server(-1, &share, &limit));
    assert_false(lg_read_quota_of_router(-1, &routers, &limit));
    assert_false(lg_read_quota_of_node(0, &limit));
    assert_true(lg_read_quota_of_server(0, &share, &limit));
    assert_limit(&limit, 0, 10000000, 0);
    assert_true(lg_read_quota_of_node(100000, &limit));
    assert_limit(&limit, 1000000, 10000000, 5000000);
}

/* What one process can enforce at most: not its part of the most. */
static void quotas_of_any_size_are_limits(void **state)
{
    (void)state;
    const uint64_t most = LG_BUCKET_RATE_MAX;
    struct lg_read_share whole = {0}, thousandth = {0};
    struct lg_bucket_limit limit;

    lg_read_share_add(&whole, 1, true);
    for (unsigned p = 0; p < 1000; p++)
        lg_read_share_add(&thousandth, 1, p == 0);
    assert_true(lg_read_quota_of_server((int64_t)most, &whole, &limit));
    assert_limit(&limit, 10 * most, 10000000, 50 * most);
    assert_true(lg_read_quota_of_server((int64_t)most * 10, &thousandth, &limit));
    assert_limit(&limit, (10 * most + 99) / 100, 10000000, (50 * most + 99) / 100);
    assert_true(lg_read_quota_of_server(INT64_MAX, &thousandth, &limit));
    assert_limit(&limit, 10 * most, 10000000, 50 * most);
    assert_true(lg_read_quota_of_node(UINT64_MAX, &limit));
    assert_limit(&limit, 10 * most, 10000000, 50 * most);
}

static void a_router_enforces_its_part_by_the_number_of_live_routers(void **state)
{
    (void)state;
    static const struct {
        int64_t quota, total, capacity;
        uint32_t live, buffer;
        uint64_t part;
    } cases[] = {
        {1800, 1800, 6000, 3, 150, 1200}, /* 600, and the buffer's whole part once more */
        {1800, 1800, 6000, 3, 99, 600},
        {1800, 1800, 6000, 3, 250, 1800},
        {7, 7, 6000, 3, 0, 5}, /* never under 5 */
        {0, 0, 6000, 3, 0, 5},
        {9000, 24000, 6000, 2, 0, 2250}, /* 4500 of 12000, of which 6000 can be done */
        {9000, 24000, 0, 2, 0, 4500},
        {4, 1000000, 100, 1, 0, 1}, /* something is left of it */
        {4294967295, 1, 0, 1, 900, 4294967296},
        {4294967296, 1, 0, 4, 0, 1073741824},
        {INT64_MAX, INT64_MAX, 0, 3, UINT32_MAX, 4294967296},
        {INT64_MAX, INT64_MAX, 6000, 3, 0, 6000},
    };
    struct lg_read_routers unknown = {.live = 0};
    struct lg_bucket_limit limit;

    for (size_t i = 0; i < LG_ARRAY_SIZE(cases); i++) {
        struct lg_read_routers routers = {.live = cases[i].live,
                                          .quota_total = cases[i].total,
                                          .capacity = cases[i].capacity,
                                          .buffer_percent = cases[i].buffer};

        assert_true(lg_read_quota_of_router(cases[i].quota, &routers, &limit));
        assert_limit(&limit, cases[i].part, 1000000, 30 * cases[i].part);
    }
    assert_false(lg_read_quota_of_router(1800, &unknown, &limit));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_enforces_the_part_of_the_replicas_that_it_serves),
        cmocka_unit_test(partitions_that_nobody_serves_count_and_bring_nothing),
        cmocka_unit_test(the_parts_of_all_servers_are_the_quota),
        cmocka_unit_test(stores_without_a_quota_have_no_limit),
        cmocka_unit_test(quotas_of_any_size_are_limits),
        cmocka_unit_test(a_router_enforces_its_part_by_the_number_of_live_routers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
