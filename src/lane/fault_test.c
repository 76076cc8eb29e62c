/* Fault points: arming in process and from the environment. */
#include "lane/fault.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/test.h"

static int disarm(void **state)
{
    (void)state;
    lg_fault_disarm_all();
    return 0;
}

static void nothing_fails_unless_armed(void **state)
{
    (void)state;
    struct lg_error err = {0};

    for (unsigned i = 0; i < LG_FAULT_COUNT; i++)
        assert_ok(lg_fault_check((enum lg_fault)i, &err));
}

static void a_point_fails_after_some_passages_and_so_many_times(void **state)
{
    (void)state;
    lg_fault_arm(LG_FAULT_DISK_READ, 2, 3);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(lg_fault_hit(LG_FAULT_DISK_READ), i >= 2 && i < 5);
        assert_false(lg_fault_hit(LG_FAULT_DISK_WRITE));
    }
}

static void a_failure_names_its_point(void **state)
{
    (void)state;
    struct lg_error err = {0};

    lg_fault_arm(LG_FAULT_ENGINE_READ, 0, 1);
    assert_rc(LG_ERR_IO, lg_fault_check(LG_FAULT_ENGINE_READ, &err));
    assert_string_equal(err.text, "injected fault ENGINE_READ");
    assert_string_equal(lg_fault_name(LG_FAULT_ENGINE_READ), "ENGINE_READ");
}

static void an_exit_point_armed_in_process_only_fails(void **state)
{
    (void)state;
    lg_fault_arm(LG_FAULT_LOG_SYNCED, 0, 1);
    assert_true(lg_fault_hit(LG_FAULT_LOG_SYNCED));
    lg_fault_arm(LG_FAULT_LOG_SYNCED, 0, 1);
    lg_fault_disarm_all();
    assert_false(lg_fault_hit(LG_FAULT_LOG_SYNCED));
}

static void the_environment_arms_points_by_name(void **state)
{
    (void)state;
    struct lg_error err = {0};

    assert_ok(lg_fault_arm_from_env(NULL, &err));
    assert_ok(lg_fault_arm_from_env("", &err));
    assert_ok(lg_fault_arm_from_env("DISK_READ,DISK_WRITE:1", &err));
    assert_true(lg_fault_hit(LG_FAULT_DISK_READ));
    assert_false(lg_fault_hit(LG_FAULT_DISK_READ));
    assert_false(lg_fault_hit(LG_FAULT_DISK_WRITE));
    assert_true(lg_fault_hit(LG_FAULT_DISK_WRITE));
}

static void a_bad_environment_is_refused(void **state)
{
    (void)state;
    struct lg_error err = {0};
    char longer[2000];

    assert_rc(LG_ERR_INVALID, lg_fault_arm_from_env("DISK_REED", &err));
    assert_string_equal(err.text, "no fault point is called \"DISK_REED\", did you mean DISK_READ");
    assert_rc(LG_ERR_INVALID, lg_fault_arm_from_env("DISK_READ:", &err));
    assert_rc(LG_ERR_INVALID, lg_fault_arm_from_env("DISK_READ:-1", &err));
    assert_rc(LG_ERR_INVALID, lg_fault_arm_from_env("DISK_READ:1000000001", &err));
    assert_rc(LG_ERR_INVALID, lg_fault_arm_from_env("DISK_READ,,DISK_WRITE", &err));
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    assert_rc(LG_ERR_INVALID, lg_fault_arm_from_env(longer, &err));
}

static void an_exit_point_from_the_environment_ends_the_process(void **state)
{
    (void)state;
    int pipe_fds[2], status = 0;
    char text[64] = {0};
    pid_t child;

    assert_int_equal(pipe(pipe_fds), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct lg_error err;

        if (dup2(pipe_fds[1], STDERR_FILENO) < 0 ||
            lg_fault_arm_from_env("META_SYNCED:1", &err) != LG_OK ||
            lg_fault_hit(LG_FAULT_META_SYNCED))
            _exit(1);
        _exit(lg_fault_hit(LG_FAULT_META_SYNCED) ? 2 : 3);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
    assert_true(read(pipe_fds[0], text, sizeof(text) - 1) > 0);
    assert_string_equal(text, "fault META_SYNCED\n");
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

static void a_point_that_fails_can_be_told_to_kill_and_the_other_way_round(void **state)
{
    (void)state;
    struct lg_error err = {0};
    int status = 0;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        if (freopen("/dev/null", "w", stderr) == NULL ||
            lg_fault_arm_from_env("META_SYNCED=fail,DISK_READ:1=kill", &err) != LG_OK ||
            !lg_fault_hit(LG_FAULT_META_SYNCED) || lg_fault_hit(LG_FAULT_DISK_READ))
            _exit(1);
        _exit(lg_fault_hit(LG_FAULT_DISK_READ) ? 2 : 3);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
    assert_rc(LG_ERR_INVALID, lg_fault_arm_from_env("DISK_READ=burn", &err));
    assert_string_equal(err.text,
                        "fault \"DISK_READ=burn\": after the equals sign stands kill or fail");
    assert_rc(LG_ERR_INVALID, lg_fault_arm_from_env("DISK_READ:x=kill", &err));
}

enum { THREADS = 4, PASSAGES = 10000, FAILURES = 7000 };

static void *pass_often(void *arg)
{
    unsigned *failed = arg;

    for (unsigned i = 0; i < PASSAGES; i++)
        *failed += lg_fault_hit(LG_FAULT_DISK_SYNC);
    return NULL;
}

static void threads_share_the_count(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    unsigned failed[THREADS] = {0}, total = 0;

    lg_fault_arm(LG_FAULT_DISK_SYNC, 5000, FAILURES);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, pass_often, &failed[i]), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        total += failed[i];
    }
    assert_int_equal(total, FAILURES);
}

#define T(name) cmocka_unit_test_teardown(name, disarm)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(nothing_fails_unless_armed),
        T(a_point_fails_after_some_passages_and_so_many_times),
        T(a_failure_names_its_point),
        T(an_exit_point_armed_in_process_only_fails),
        T(the_environment_arms_points_by_name),
        T(a_bad_environment_is_refused),
        T(an_exit_point_from_the_environment_ends_the_process),
        T(a_point_that_fails_can_be_told_to_kill_and_the_other_way_round),
        T(threads_share_the_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
