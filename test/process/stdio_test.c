/* The program when its standard files are closed, full, or nobody reads them. */
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "test/lib/process.h"
#include "test/test.h"

#define STATUS_NO_EXEC 99

/* Runs the program with stdout as `target`: a path, or NULL for closed. Its status. */
static int run_with_stdout(const char *target, const char *const *words)
{
    LG_AUTO_STR char *binary = lg_process_binary();
    const char *argv[8] = {binary};
    int status = 0;
    pid_t pid;

    for (size_t i = 0; words[i] != NULL; i++)
        argv[i + 1] = words[i];
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)close(STDOUT_FILENO); /* The lowest descriptor that is free then. */
        if (target == NULL || open(target, O_WRONLY) == STDOUT_FILENO)
            (void)execv(binary, (char *const *)(uintptr_t)argv);
        _exit(STATUS_NO_EXEC);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void output_that_cannot_be_written_is_a_failure(void **state)
{
    (void)state;
    assert_int_equal(run_with_stdout("/dev/full", (const char *[]){"version", NULL}), 1);
    assert_int_equal(run_with_stdout("/dev/full", (const char *[]){"--help", NULL}), 1);
    assert_int_equal(run_with_stdout("/dev/full", (const char *[]){"standalone", "--help", NULL}),
                     1);
    assert_int_equal(run_with_stdout(NULL, (const char *[]){"version", NULL}), 1);
    assert_int_equal(run_with_stdout("/dev/null", (const char *[]){"version", NULL}), 0);
}

/* The event loop's own descriptors must not become 0, 1 or 2. */
static void a_closed_stdout_stops_no_verb(void **state)
{
    (void)state;
    assert_int_equal(
        run_with_stdout(NULL, (const char *[]){"store", "list", "--controller",
                                               "http://127.0.0.1:1", "--timeout", "1s", NULL}),
        5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_that_cannot_be_written_is_a_failure),
        cmocka_unit_test(a_closed_stdout_stops_no_verb),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
