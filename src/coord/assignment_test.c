/* Balanced, apart, deterministic; and a clear word when there are too few servers. */
#include "coord/assignment.h"

#include "base/rand.h"
#include "test/test.h"

static const char *const ids[] = {"a_1", "b_1", "c_1", "d_1", "e_1", "f_1", "g_1"};

static void replicas_are_balanced_and_apart(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= 7; n++)
        for (uint32_t factor = 1; factor <= 3 && factor <= n; factor++)
            for (uint32_t partitions = 1; partitions <= 40; partitions += 3) {
                struct lg_assignment_input in = {ids, n, partitions, factor, NULL};
                uint32_t out[40 * 3], held[7] = {0}, least = UINT32_MAX, most = 0;
                struct lg_error err = {0};

                assert_ok(lg_assignment_compute(&in, out, &err));
                for (uint32_t p = 0; p < partitions; p++)
                    for (uint32_t r = 0; r < factor; r++) {
                        assert_true(out[p * factor + r] < n);
                        held[out[p * factor + r]]++;
                        for (uint32_t q = 0; q < r; q++)
                            assert_int_not_equal(out[p * factor + r], out[p * factor + q]);
                    }
                for (uint32_t i = 0; i < n; i++) {
                    least = LG_MIN(least, held[i]);
                    most = LG_MAX(most, held[i]);
                }
                assert_true(most - least <= 1);
            }
}

static void a_loaded_server_gets_less(void **state)
{
    const uint32_t load[] = {10, 0};
    struct lg_assignment_input in = {ids, 2, 6, 1, load};
    uint32_t out[6];
    struct lg_error err = {0};

    (void)state;
    assert_ok(lg_assignment_compute(&in, out, &err));
    for (size_t p = 0; p < 6; p++)
        assert_int_equal(out[p], 1);
}

static void one_server_too_few_leaves_the_last_replica_open(void **state)
{
    struct lg_assignment_input in = {ids, 1, 2, 2, NULL};
    uint32_t out[4];
    struct lg_error err = {0};

    (void)state;
    assert_ok(lg_assignment_compute(&in, out, &err));
    assert_int_equal(out[0], 0);
    assert_int_equal(out[1], LG_ASSIGNMENT_NONE);
}

static void too_few_servers_are_refused_with_both_numbers(void **state)
{
    struct lg_assignment_input in = {ids, 1, 2, 3, NULL};
    uint32_t out[6];
    struct lg_error err = {0};

    (void)state;
    assert_rc(LG_ERR_UNAVAILABLE, lg_assignment_compute(&in, out, &err));
    assert_non_null(strstr(err.text, "1 servers are live and 2 are needed"));
    in.instance_count = 0;
    in.replication_factor = 1;
    assert_rc(LG_ERR_UNAVAILABLE, lg_assignment_compute(&in, out, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replicas_are_balanced_and_apart),
        cmocka_unit_test(a_loaded_server_gets_less),
        cmocka_unit_test(one_server_too_few_leaves_the_last_replica_open),
        cmocka_unit_test(too_few_servers_are_refused_with_both_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
