/* Tests of the clocks: their units and directions, not their values. */
#include "test/test.h"

#include "base/clock.h"

static void the_monotonic_clock_never_goes_back(void **state)
{
    (void)state;
    uint64_t before = lg_clock_mono_us();

    for (int i = 0; i < 1000; i++) {
        uint64_t now = lg_clock_mono_us();

        assert_true(now >= before);
        before = now;
    }
}

static void the_wall_clock_counts_milliseconds_since_1970(void **state)
{
    (void)state;
    uint64_t now_ms = lg_clock_wall_ms();

    assert_in_range(now_ms, 1600000000000, 9999999999999); /* 2020 to 2286 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_monotonic_clock_never_goes_back),
        cmocka_unit_test(the_wall_clock_counts_milliseconds_since_1970),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
