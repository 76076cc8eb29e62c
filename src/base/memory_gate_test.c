/* The memory gate: when it closes, and when it opens again. */
#include "base/memory_gate.h"

#include "test/test.h"

static void it_is_full_above_the_limit_and_opens_a_tenth_below(void **state)
{
    (void)state;
    lg_memory_gate_set(1000, 1000);
    assert_false(lg_memory_gate_is_full());
    lg_memory_gate_set(1001, 1000);
    assert_true(lg_memory_gate_is_full());
    lg_memory_gate_set(901, 1000); /* Not yet: it would open and close all the time. */
    assert_true(lg_memory_gate_is_full());
    lg_memory_gate_set(900, 1000);
    assert_false(lg_memory_gate_is_full());
}

static void without_a_limit_it_is_never_full(void **state)
{
    (void)state;
    lg_memory_gate_set(UINT64_MAX, 0);
    assert_false(lg_memory_gate_is_full());
    lg_memory_gate_set(2, 1);
    lg_memory_gate_set(2, 0);
    assert_false(lg_memory_gate_is_full());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_full_above_the_limit_and_opens_a_tenth_below),
        cmocka_unit_test(without_a_limit_it_is_never_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
