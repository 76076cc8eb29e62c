/* The heap of timers against a plain sorted order. */
#include "lane/timer_heap.h"

#include "test/test.h"

enum { TIMERS = 200, ROUNDS = 200 };

static void an_empty_heap_has_no_first(void **state)
{
    (void)state;
    struct lg_timer_heap heap = {0};

    assert_null(lg_timer_heap_first(&heap));
    lg_timer_heap_done(&heap);
}

static void ties_leave_in_the_order_of_their_arrival(void **state)
{
    (void)state;
    struct lg_timer_heap heap = {0};
    struct lg_timer timers[TIMERS] = {0};

    for (unsigned i = 0; i < TIMERS; i++) {
        timers[i].due_us = 7;
        lg_timer_heap_add(&heap, &timers[i]);
    }
    for (unsigned i = 0; i < TIMERS; i++) {
        assert_ptr_equal(lg_timer_heap_first(&heap), &timers[i]);
        lg_timer_heap_remove(&heap, &timers[i]);
        assert_false(lg_timer_armed(&timers[i]));
    }
    lg_timer_heap_done(&heap);
}

static const struct lg_timer *earliest(const struct lg_timer *timers)
{
    const struct lg_timer *best = NULL;

    for (unsigned i = 0; i < TIMERS; i++) {
        const struct lg_timer *t = &timers[i];

        if (t->slot != 0 && (best == NULL || t->due_us < best->due_us ||
                             (t->due_us == best->due_us && t->order < best->order)))
            best = t;
    }
    return best;
}

static void the_first_is_the_earliest_after_any_additions_and_removals(void **state)
{
    (void)state;
    struct lg_timer_heap heap = {0};
    struct lg_timer timers[TIMERS] = {0};
    struct lg_rand rand;

    lg_rand_seed(&rand, 1);
    for (unsigned i = 0; i < ROUNDS * TIMERS; i++) {
        struct lg_timer *t = &timers[lg_rand_below(&rand, TIMERS)];

        if (t->slot != 0) {
            lg_timer_heap_remove(&heap, t);
        } else {
            t->due_us = lg_rand_below(&rand, 50);
            lg_timer_heap_add(&heap, t);
        }
        assert_ptr_equal(lg_timer_heap_first(&heap), earliest(timers));
    }
    lg_timer_heap_done(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_heap_has_no_first),
        cmocka_unit_test(ties_leave_in_the_order_of_their_arrival),
        cmocka_unit_test(the_first_is_the_earliest_after_any_additions_and_removals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
