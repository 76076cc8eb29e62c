/* Bounds and flags, by several threads at once. */
#include "lane/shared.h"

#include <pthread.h>

#include "test/test.h"

#define THREADS 4u
#define ROUNDS 20000u

static void a_bound_gives_no_more_than_it_has(void **state)
{
    struct lg_bound b = {.max = 10};

    (void)state;
    assert_true(lg_bound_take(&b, 4));
    assert_true(lg_bound_take(&b, 6));
    assert_false(lg_bound_take(&b, 1));
    assert_true(lg_bound_take(&b, 0));
    lg_bound_give(&b, 6);
    assert_false(lg_bound_take(&b, 7));
    assert_true(lg_bound_take(&b, 6));
    assert_false(lg_bound_take(&b, UINT64_MAX));
}

struct shared {
    struct lg_bound bound;
    struct lg_flag flag;
    unsigned inside, most, raised; /* Atomic. */
};

static void *run(void *arg)
{
    struct shared *s = arg;

    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned inside;

        if (!lg_bound_take(&s->bound, 1))
            continue;
        inside = __atomic_add_fetch(&s->inside, 1, __ATOMIC_SEQ_CST);
        if (inside > 2)
            __atomic_store_n(&s->most, inside, __ATOMIC_SEQ_CST);
        __atomic_sub_fetch(&s->inside, 1, __ATOMIC_SEQ_CST);
        lg_bound_give(&s->bound, 1);
    }
    if (lg_flag_raise(&s->flag))
        __atomic_add_fetch(&s->raised, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void threads_never_pass_a_bound_and_one_raises_a_flag(void **state)
{
    struct shared s = {.bound = {.max = 2}};
    pthread_t threads[THREADS];

    (void)state;
    assert_false(lg_flag_is_raised(&s.flag));
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run, &s), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(s.most, 0);
    assert_int_equal(s.bound.used, 0);
    assert_int_equal(s.raised, 1);
    assert_true(lg_flag_is_raised(&s.flag));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bound_gives_no_more_than_it_has),
        cmocka_unit_test(threads_never_pass_a_bound_and_one_raises_a_flag),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
