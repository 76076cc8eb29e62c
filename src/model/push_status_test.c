/* Push verdicts: every combination of replicas up to a factor of three, against the rule in words.
 */
#include "model/push_status.h"

#include "test/test.h"

static const enum lg_push_status reports[] = {LG_PUSH_STARTED, LG_PUSH_END_OF_PUSH_RECEIVED,
                                              LG_PUSH_COMPLETED, LG_PUSH_ERROR};
#define REPORTS 4

/* The rule as the sheet words it, on counts. */
static enum lg_push_status expected(const int count[REPORTS], int n, int factor,
                                    bool leader_is_done, enum lg_push_strategy strategy)
{
    int tolerated = strategy == LG_PUSH_STRATEGY_WAIT_ALL || factor == 1 ? 0 : 1;

    if (n == 0)
        return LG_PUSH_NOT_CREATED;
    if (count[2] >= factor - tolerated && leader_is_done)
        return LG_PUSH_COMPLETED;
    if (count[3] > 0 && count[3] > n - factor + tolerated)
        return LG_PUSH_ERROR;
    return count[1] + count[2] > 0 ? LG_PUSH_END_OF_PUSH_RECEIVED : LG_PUSH_STARTED;
}

/* `code` is the reports as digits, replica 0 first; leader -1: none. */
static void check(int code, int n, int factor, int leader, enum lg_push_strategy strategy)
{
    struct lg_push_replica replicas[4] = {{.status = LG_PUSH_NOT_CREATED}};
    int count[REPORTS] = {0};
    bool leader_is_done = leader < 0;
    enum lg_push_status got, want;

    for (int i = 0, c = code; i < n; i++, c /= REPORTS) {
        replicas[i].status = reports[c % REPORTS];
        replicas[i].is_leader = i == leader;
        count[c % REPORTS]++;
        leader_is_done |= i == leader && reports[c % REPORTS] == LG_PUSH_COMPLETED;
    }
    got = lg_push_status_of_partition(replicas, (size_t)n, factor, strategy);
    want = expected(count, n, factor, leader_is_done, strategy);
    if (got != want)
        fail_msg("code %d, n %d, factor %d, leader %d: %s, not %s", code, n, factor, leader,
                 lg_push_status_name(got), lg_push_status_name(want));
}

static void every_combination_of_replicas_follows_the_rule(void **state)
{
    int checked = 0;

    (void)state;
    for (int factor = 1; factor <= 3; factor++)
        for (int n = 0; n <= factor + 1; n++)
            for (int leader = -1; leader < n; leader++)
                for (int code = 0; code < 1 << (2 * n); code++) {
                    check(code, n, factor, leader, LG_PUSH_STRATEGY_WAIT_N_MINUS_ONE);
                    check(code, n, factor, leader, LG_PUSH_STRATEGY_WAIT_ALL);
                    checked += 2;
                }
    assert_true(checked > 2000);
}

static enum lg_push_status verdict(int factor, size_t n, const struct lg_push_replica *replicas)
{
    return lg_push_status_of_partition(replicas, n, factor, LG_PUSH_STRATEGY_WAIT_N_MINUS_ONE);
}

static void a_few_verdicts_in_plain_words(void **state)
{
    struct lg_push_replica one[] = {{.status = LG_PUSH_COMPLETED}};
    struct lg_push_replica three[] = {{.status = LG_PUSH_COMPLETED, .is_leader = true},
                                      {.status = LG_PUSH_COMPLETED},
                                      {.status = LG_PUSH_ERROR}};

    (void)state;
    assert_int_equal(verdict(1, 1, one), LG_PUSH_COMPLETED);
    one[0].status = LG_PUSH_ERROR; /* The only replica failed: so has the push. */
    assert_int_equal(verdict(1, 1, one), LG_PUSH_ERROR);
    one[0].status = LG_PUSH_DVC_DISK_FULL;
    assert_int_equal(verdict(1, 1, one), LG_PUSH_ERROR);
    assert_int_equal(verdict(3, 3, three), LG_PUSH_COMPLETED); /* Two of three will do, */
    three[0].status = LG_PUSH_STARTED;
    three[2].status = LG_PUSH_COMPLETED;
    assert_int_equal(verdict(3, 3, three), LG_PUSH_END_OF_PUSH_RECEIVED); /* not without leader. */
    three[1].status = three[2].status = LG_PUSH_ERROR;
    assert_int_equal(verdict(3, 3, three), LG_PUSH_ERROR);
}

static void a_disabled_replica_counts_as_an_error_once(void **state)
{
    struct lg_push_replica replicas[] = {
        {.status = LG_PUSH_COMPLETED, .disabled = true},
        {.status = LG_PUSH_ERROR, .disabled = true},
        {.status = LG_PUSH_COMPLETED},
    };

    (void)state;
    assert_int_equal(verdict(3, 3, replicas), LG_PUSH_ERROR);
    replicas[0].disabled = false;
    assert_int_equal(verdict(3, 3, replicas), LG_PUSH_COMPLETED);
    replicas[2].status = LG_PUSH_STARTED; /* One of three in error, once: still running. */
    assert_int_equal(verdict(3, 3, replicas), LG_PUSH_END_OF_PUSH_RECEIVED);
}

static void missing_replicas_are_waited_for(void **state)
{
    struct lg_push_replica replicas[] = {{.status = LG_PUSH_STARTED}};

    (void)state;
    assert_int_equal(verdict(3, 0, replicas), LG_PUSH_NOT_CREATED);
    assert_int_equal(verdict(3, 1, replicas), LG_PUSH_STARTED);
    replicas[0].status = LG_PUSH_ERROR;
    assert_int_equal(verdict(3, 1, replicas), LG_PUSH_ERROR);
}

static void the_push_is_as_far_as_its_last_partition(void **state)
{
    enum lg_push_status p[] = {LG_PUSH_COMPLETED, LG_PUSH_COMPLETED, LG_PUSH_COMPLETED};

    (void)state;
    assert_int_equal(lg_push_status_of_job(p, 0), LG_PUSH_NOT_CREATED);
    assert_int_equal(lg_push_status_of_job(p, 3), LG_PUSH_COMPLETED);
    p[1] = LG_PUSH_END_OF_PUSH_RECEIVED;
    assert_int_equal(lg_push_status_of_job(p, 3), LG_PUSH_END_OF_PUSH_RECEIVED);
    p[2] = LG_PUSH_STARTED;
    assert_int_equal(lg_push_status_of_job(p, 3), LG_PUSH_STARTED);
    p[0] = LG_PUSH_NOT_CREATED;
    assert_int_equal(lg_push_status_of_job(p, 3), LG_PUSH_NOT_CREATED);
    p[2] = LG_PUSH_ERROR;
    assert_int_equal(lg_push_status_of_job(p, 3), LG_PUSH_ERROR);
}

static void terminal_statuses_are_the_sheets(void **state)
{
    int terminal = 0, errors = 0;

    (void)state;
    for (int i = 0; i <= LG_PUSH_DVC_OTHER; i++) {
        terminal += lg_push_status_is_terminal((enum lg_push_status)i);
        errors += lg_push_status_is_error((enum lg_push_status)i);
    }
    assert_int_equal(terminal, 9);
    assert_int_equal(errors, 5);
    assert_true(lg_push_status_is_terminal(LG_PUSH_ARCHIVED));
    assert_false(lg_push_status_is_terminal(LG_PUSH_END_OF_PUSH_RECEIVED));
    assert_true(lg_push_status_is_error(LG_PUSH_DVC_OTHER));
    assert_false(lg_push_status_is_error(LG_PUSH_WARNING));
    assert_true(lg_push_status_has_end_of_push(LG_PUSH_COMPLETED));
    assert_false(lg_push_status_has_end_of_push(LG_PUSH_PROGRESS));
    assert_false(lg_push_status_has_end_of_push(LG_PUSH_ERROR));
}

static void a_push_moves_only_forward(void **state)
{
    (void)state;
    assert_true(lg_push_status_may_become(LG_PUSH_NOT_CREATED, LG_PUSH_STARTED));
    assert_true(lg_push_status_may_become(LG_PUSH_STARTED, LG_PUSH_STARTED));
    assert_true(lg_push_status_may_become(LG_PUSH_STARTED, LG_PUSH_COMPLETED));
    assert_true(lg_push_status_may_become(LG_PUSH_END_OF_PUSH_RECEIVED, LG_PUSH_ERROR));
    assert_true(lg_push_status_may_become(LG_PUSH_ERROR, LG_PUSH_ARCHIVED));
    assert_false(lg_push_status_may_become(LG_PUSH_NOT_CREATED, LG_PUSH_COMPLETED));
    assert_false(lg_push_status_may_become(LG_PUSH_END_OF_PUSH_RECEIVED, LG_PUSH_STARTED));
    assert_false(lg_push_status_may_become(LG_PUSH_COMPLETED, LG_PUSH_ERROR));
    assert_false(lg_push_status_may_become(LG_PUSH_ERROR, LG_PUSH_COMPLETED));
    assert_false(lg_push_status_may_become(LG_PUSH_ARCHIVED, LG_PUSH_STARTED));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_combination_of_replicas_follows_the_rule),
        cmocka_unit_test(a_few_verdicts_in_plain_words),
        cmocka_unit_test(a_disabled_replica_counts_as_an_error_once),
        cmocka_unit_test(missing_replicas_are_waited_for),
        cmocka_unit_test(the_push_is_as_far_as_its_last_partition),
        cmocka_unit_test(terminal_statuses_are_the_sheets),
        cmocka_unit_test(a_push_moves_only_forward),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
