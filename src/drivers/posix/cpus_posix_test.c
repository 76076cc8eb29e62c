/* Lists of processors, and threads that are bound to them. */
#include "drivers/posix/cpus_posix.h"

#include <pthread.h>

#include "test/test.h"

static void expect(const char *text, const char *name)
{
    struct lg_error err;
    cpu_set_t set;
    char out[64];

    assert_ok(lg_cpus_parse(lg_slice_str(text), &set, &err));
    lg_cpus_name(&set, out, sizeof(out));
    assert_string_equal(out, name);
}

static void lists_are_understood(void **state)
{
    (void)state;
    expect("0", "0");
    expect("0-3,8", "0-3,8");
    expect("8,0,1,2-3", "0-3,8");
    expect("1023", "1023");
    expect("5-5,5", "5");
}

static void what_is_no_list_is_refused(void **state)
{
    static const char *const bad[] = {
        "",   ",",     "a",   "1,",   ",1",     "3-1",  "-1",
        "1-", "1-2-3", "0 1", "1024", "0-1024", "0,,1", "99999999999999999999"};
    struct lg_error err;
    cpu_set_t set;

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(bad); i++) {
        assert_rc(LG_ERR_INVALID, lg_cpus_parse(lg_slice_str(bad[i]), &set, &err));
        assert_non_null(strstr(err.text, "is no list of processors"));
    }
}

static void a_name_that_is_too_long_is_cut(void **state)
{
    struct lg_error err;
    cpu_set_t set;
    char out[8];

    (void)state;
    assert_ok(lg_cpus_parse(LG_LIT("0,2,4,6,8,10"), &set, &err));
    lg_cpus_name(&set, out, sizeof(out));
    assert_string_equal(out, "0,2,4,6");
}

static void they_are_picked_in_turns(void **state)
{
    static const unsigned want[] = {1, 4, 5, 1, 4};
    struct lg_error err;
    cpu_set_t set, one;

    (void)state;
    assert_ok(lg_cpus_parse(LG_LIT("1,4-5"), &set, &err));
    for (unsigned i = 0; i < LG_ARRAY_SIZE(want); i++) {
        lg_cpus_pick(&set, i, &one);
        assert_int_equal(CPU_COUNT(&one), 1);
        assert_true(CPU_ISSET(want[i], &one));
    }
}

static void *see_where(void *out)
{
    lg_cpus_allowed(out);
    return NULL;
}

static void a_bound_thread_makes_bound_threads(void **state)
{
    cpu_set_t before, one, child;
    struct lg_error err;
    pthread_t thread;

    (void)state;
    lg_cpus_allowed(&before);
    lg_cpus_pick(&before, 0, &one);
    assert_ok(lg_cpus_bind(&one, &err));
    assert_int_equal(pthread_create(&thread, NULL, see_where, &child), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(CPU_EQUAL(&one, &child));
}

static void a_processor_that_is_not_there_is_named(void **state)
{
    struct lg_error err;
    cpu_set_t set;

    (void)state;
    assert_ok(lg_cpus_parse(LG_LIT("1023"), &set, &err));
    assert_rc(LG_ERR_INVALID, lg_cpus_check(&set, &err));
    assert_non_null(strstr(err.text, "processor 1023 is not there"));
    assert_rc(LG_ERR_INVALID, lg_cpus_bind(&set, &err));
    assert_non_null(strstr(err.text, "no thread to processors 1023"));
    lg_cpus_allowed(&set);
    assert_ok(lg_cpus_check(&set, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_understood),
        cmocka_unit_test(what_is_no_list_is_refused),
        cmocka_unit_test(a_name_that_is_too_long_is_cut),
        cmocka_unit_test(they_are_picked_in_turns),
        cmocka_unit_test(a_processor_that_is_not_there_is_named),
        cmocka_unit_test(a_bound_thread_makes_bound_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
