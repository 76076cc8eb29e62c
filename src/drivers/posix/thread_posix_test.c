/* A thread gets a shorter slice, where the kernel tells, and keeps its place otherwise. */
#include "drivers/posix/thread_posix.h"

#include <errno.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "test/test.h"

static void the_policy_and_niceness_stay(void **state)
{
    struct lg_error err;

    (void)state;
    errno = 0;
    assert_int_equal(setpriority(PRIO_PROCESS, 0, 3), 0);
    assert_ok(lg_thread_shorten_slice(&err));
    assert_int_equal(sched_getscheduler(0), SCHED_OTHER);
    assert_int_equal(getpriority(PRIO_PROCESS, 0), 3);
    assert_ok(lg_thread_shorten_slice(&err)); /* Once more does no harm. */
}

/* Kernels before 6.12 say 0. */
static void the_slice_is_what_was_asked_for(void **state)
{
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime_ns, deadline_ns, period_ns;
    } a = {0};
    struct lg_error err;

    (void)state;
    assert_ok(lg_thread_shorten_slice(&err));
    assert_int_equal(syscall(SYS_sched_getattr, 0, &a, sizeof(a), 0), 0);
    assert_true(a.runtime_ns == LG_THREAD_SLICE_NS || a.runtime_ns == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_policy_and_niceness_stay),
        cmocka_unit_test(the_slice_is_what_was_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
