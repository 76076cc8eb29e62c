/* Tests of the random generator against published outputs. */
#include "test/test.h"

#include "base/rand.h"

/* First outputs for the state {1, 2, 3, 4}, from the authors' reference program. */
static void xoshiro_gives_the_reference_outputs(void **state)
{
    (void)state;
    struct lg_rand r = {{1, 2, 3, 4}};

    assert_true(lg_rand_next(&r) == 11520);
    assert_true(lg_rand_next(&r) == 0);
    assert_true(lg_rand_next(&r) == 1509978240);
    assert_true(lg_rand_next(&r) == 1215971899390074240);
}

static void seeds_are_spread_by_splitmix64(void **state)
{
    (void)state;
    struct lg_rand r;

    lg_rand_seed(&r, 0);
    assert_true(r.s[0] == 0xe220a8397b1dcdafU);
    assert_true(r.s[1] == 0x6e789e6aa1b965f4U);
    assert_true(r.s[2] == 0x06c45d188009454fU);
}

static void the_same_seed_gives_the_same_numbers_and_another_seed_others(void **state)
{
    (void)state;
    struct lg_rand a, b, c;
    int same = 0;

    lg_rand_seed(&a, 7);
    lg_rand_seed(&b, 7);
    lg_rand_seed(&c, 8);
    for (int i = 0; i < 100; i++) {
        uint64_t of_a = lg_rand_next(&a), of_b = lg_rand_next(&b), of_c = lg_rand_next(&c);

        assert_true(of_a == of_b);
        same += of_a == of_c;
    }
    assert_int_equal(same, 0);
}

static void numbers_below_n_reach_each_value_and_never_n(void **state)
{
    (void)state;
    int count[6] = {0};
    struct lg_rand r;

    lg_rand_seed(&r, 1);
    for (int i = 0; i < 6000; i++) {
        uint64_t v = lg_rand_below(&r, 6);

        assert_true(v < 6);
        count[v]++;
    }
    for (int i = 0; i < 6; i++)
        assert_in_range(count[i], 800, 1200);
    assert_true(lg_rand_below(&r, 1) == 0);
    assert_true(lg_rand_below(&r, UINT64_MAX) < UINT64_MAX);
}

static void a_chance_is_never_at_zero_always_at_one_and_rare_between(void **state)
{
    (void)state;
    struct lg_rand r;
    int hits = 0;

    lg_rand_seed(&r, 2);
    for (int i = 0; i < 10000; i++) {
        assert_false(lg_rand_chance(&r, 0, 10));
        assert_true(lg_rand_chance(&r, 10, 10));
        hits += lg_rand_chance(&r, 1, 10);
    }
    assert_in_range(hits, 850, 1150);
}

static void random_bytes_fill_the_whole_range_and_nothing_behind_it(void **state)
{
    (void)state;
    uint8_t bytes[21] = {0};
    struct lg_rand r, again;
    uint64_t first;

    lg_rand_seed(&r, 3);
    again = r;
    lg_rand_bytes(&r, bytes, 20);
    first = lg_rand_next(&again);
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(bytes[i], (uint8_t)(first >> (8 * i))); /* On every machine. */
    assert_int_equal(bytes[20], 0);
    assert_int_not_equal(bytes[16] | bytes[17] | bytes[18] | bytes[19], 0);
}

static void the_operating_system_gives_different_seeds(void **state)
{
    (void)state;
    uint64_t a = lg_rand_os_seed(), b = lg_rand_os_seed();

    assert_true(a != b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(xoshiro_gives_the_reference_outputs),
        cmocka_unit_test(seeds_are_spread_by_splitmix64),
        cmocka_unit_test(the_same_seed_gives_the_same_numbers_and_another_seed_others),
        cmocka_unit_test(numbers_below_n_reach_each_value_and_never_n),
        cmocka_unit_test(a_chance_is_never_at_zero_always_at_one_and_rare_between),
        cmocka_unit_test(random_bytes_fill_the_whole_range_and_nothing_behind_it),
        cmocka_unit_test(the_operating_system_gives_different_seeds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
