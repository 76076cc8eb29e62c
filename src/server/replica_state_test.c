/* The life of one replica, without a world: what is next in each state, which words count. */
#include "server/replica_state.h"

#include "test/test.h"

static struct lg_replica_wish ours(int64_t term, bool leads)
{
    return (struct lg_replica_wish){.ours = true, .leads = leads, .term = term};
}

static void wish(struct lg_replica_life *l, struct lg_replica_wish what)
{
    lg_replica_life_wish(l, &what);
}

/* Does all that follows at once; the last thing that is left to do. */
static enum lg_life_act settle(struct lg_replica_life *l)
{
    for (int i = 0; i < 10; i++) {
        enum lg_life_act act = lg_replica_life_next(l);

        if (act == LG_LIFE_STAY || act == LG_LIFE_DROP)
            return act;
        lg_replica_life_do(l, act);
    }
    fail_msg("it never comes to rest");
    return LG_LIFE_STAY;
}

static struct lg_replica_life open_life(int64_t term, bool leads)
{
    struct lg_replica_life l;

    lg_replica_life_init(&l, 0);
    wish(&l, ours(term, leads));
    assert_int_equal(settle(&l), LG_LIFE_STAY);
    assert_int_equal(l.sm.now, LG_LIFE_IS_OPENING);
    lg_replica_life_opened(&l);
    assert_int_equal(settle(&l), LG_LIFE_STAY);
    return l;
}

static void expect_told(const struct lg_replica_life *l, enum lg_replica_state want)
{
    assert_string_equal(lg_replica_state_name(lg_replica_life_told(l)),
                        lg_replica_state_name(want));
}

static void it_opens_follows_and_leads(void **state)
{
    struct lg_replica_life l;

    (void)state;
    lg_replica_life_init(&l, 0);
    expect_told(&l, LG_REPLICA_OFFLINE);
    assert_int_equal(lg_replica_life_next(&l), LG_LIFE_DROP); /* Nobody wants it yet. */
    wish(&l, ours(1, false));
    assert_int_equal(lg_replica_life_next(&l), LG_LIFE_OPEN);
    lg_replica_life_do(&l, LG_LIFE_OPEN);
    expect_told(&l, LG_REPLICA_OFFLINE);
    wish(&l, ours(2, true)); /* Named before it is open. */
    assert_int_equal(lg_replica_life_next(&l), LG_LIFE_STAY);
    lg_replica_life_opened(&l);
    expect_told(&l, LG_REPLICA_STANDBY);
    assert_int_equal(settle(&l), LG_LIFE_STAY);
    expect_told(&l, LG_REPLICA_LEADER);
    wish(&l, ours(3, false));
    assert_int_equal(settle(&l), LG_LIFE_STAY);
    expect_told(&l, LG_REPLICA_STANDBY);
    assert_int_equal(l.term, 3);
}

static void a_lower_term_is_ignored(void **state)
{
    struct lg_replica_life l = open_life(5, true);

    (void)state;
    expect_told(&l, LG_REPLICA_LEADER);
    wish(&l, ours(4, false));
    assert_int_equal(settle(&l), LG_LIFE_STAY);
    expect_told(&l, LG_REPLICA_LEADER);
    wish(&l, ours(6, false));
    assert_int_equal(settle(&l), LG_LIFE_STAY);
    wish(&l, ours(5, true)); /* Late words of its own reign. */
    assert_int_equal(settle(&l), LG_LIFE_STAY);
    expect_told(&l, LG_REPLICA_STANDBY);
    assert_int_equal(l.term, 6);
}

static void what_is_not_ours_leaves_first_and_may_come_back(void **state)
{
    struct lg_replica_life l = open_life(1, true);

    (void)state;
    wish(&l, (struct lg_replica_wish){.term = 1});
    assert_int_equal(settle(&l), LG_LIFE_STAY);
    assert_int_equal(l.sm.now, LG_LIFE_IS_LEAVING); /* By STANDBY, and no further. */
    expect_told(&l, LG_REPLICA_OFFLINE);
    wish(&l, ours(2, true));
    assert_int_equal(settle(&l), LG_LIFE_STAY);
    expect_told(&l, LG_REPLICA_LEADER);
    wish(&l, (struct lg_replica_wish){.term = 2});
    assert_int_equal(settle(&l), LG_LIFE_STAY);
    l.quiet = true; /* Withdrawn, and the grace is over. */
    assert_int_equal(settle(&l), LG_LIFE_STAY);
    assert_int_equal(l.sm.now, LG_LIFE_IS_CLOSING);
    assert_true(lg_replica_life_destroys(&l));
    lg_replica_life_closed(&l);
    expect_told(&l, LG_REPLICA_DROPPED);
}

static void a_change_of_mind_while_it_closes_opens_it_again(void **state)
{
    struct lg_replica_life l = open_life(1, false);

    (void)state;
    wish(&l, (struct lg_replica_wish){.term = 1});
    (void)settle(&l);
    l.quiet = true;
    (void)settle(&l);
    wish(&l, ours(1, false));
    assert_int_equal(settle(&l), LG_LIFE_STAY); /* Its files are on their way out. */
    lg_replica_life_closed(&l);
    assert_int_equal(lg_replica_life_next(&l), LG_LIFE_OPEN);
}

static void a_reset_closes_and_opens_it_once(void **state)
{
    struct lg_replica_life l = open_life(1, true);
    struct lg_replica_wish again = {.ours = true, .leads = true, .term = 1, .reset = 2};

    (void)state;
    again.wipe = true;
    wish(&l, again);
    (void)settle(&l);
    assert_int_equal(l.sm.now, LG_LIFE_IS_LEAVING);
    l.quiet = true;
    (void)settle(&l);
    assert_int_equal(l.sm.now, LG_LIFE_IS_CLOSING);
    assert_false(lg_replica_life_destroys(&l)); /* What is wiped is wiped when it opens. */
    lg_replica_life_closed(&l);
    assert_int_equal(lg_replica_life_next(&l), LG_LIFE_OPEN);
    lg_replica_life_do(&l, LG_LIFE_OPEN);
    assert_true(lg_replica_life_wipes(&l));
    assert_int_equal(l.reset_done, 0); /* Not before it is open. */
    lg_replica_life_opened(&l);
    assert_int_equal(l.reset_done, 2);
    assert_false(lg_replica_life_wipes(&l));
    (void)settle(&l);
    expect_told(&l, LG_REPLICA_LEADER);
    wish(&l, again); /* The same words again. */
    assert_int_equal(settle(&l), LG_LIFE_STAY);
    expect_told(&l, LG_REPLICA_LEADER);
}

static void a_reset_that_was_done_in_a_former_life_is_not_done_again(void **state)
{
    struct lg_replica_wish want = {.ours = true, .term = 1, .reset = 3, .wipe = true};
    struct lg_replica_life l;

    (void)state;
    lg_replica_life_init(&l, 3);
    wish(&l, want);
    lg_replica_life_do(&l, lg_replica_life_next(&l));
    assert_false(lg_replica_life_wipes(&l));
    lg_replica_life_init(&l, 2); /* And one that came while the server was away is. */
    wish(&l, want);
    lg_replica_life_do(&l, lg_replica_life_next(&l));
    assert_true(lg_replica_life_wipes(&l));
}

static void a_failure_is_told_until_it_is_open_again(void **state)
{
    struct lg_replica_life l = open_life(1, false);

    (void)state;
    assert_true(lg_replica_life_failed(&l));
    expect_told(&l, LG_REPLICA_ERROR);
    assert_int_equal(settle(&l), LG_LIFE_STAY); /* It waits for the pause, or a reset. */
    l.again = true;
    (void)settle(&l);
    assert_int_equal(l.sm.now, LG_LIFE_IS_CLOSING);
    expect_told(&l, LG_REPLICA_ERROR);
    assert_false(lg_replica_life_failed(&l)); /* Late news. */
    lg_replica_life_closed(&l);
    expect_told(&l, LG_REPLICA_ERROR);
    (void)settle(&l);
    expect_told(&l, LG_REPLICA_ERROR);
    lg_replica_life_opened(&l);
    expect_told(&l, LG_REPLICA_STANDBY);
    assert_int_equal(l.tries, 1); /* It may fail again at the same place. */
    assert_true(lg_replica_life_failed(&l));
    assert_int_equal(l.tries, 2);
    wish(&l, (struct lg_replica_wish){.ours = true, .term = 1, .reset = 1});
    (void)settle(&l);
    lg_replica_life_closed(&l);
    (void)settle(&l);
    assert_int_equal(l.tries, 0); /* Somebody has seen to it. */
    expect_told(&l, LG_REPLICA_OFFLINE);
    lg_replica_life_opened(&l);
    lg_replica_life_completed(&l);
    assert_int_equal(l.tries, 0);
}

static void a_failed_replica_that_is_not_ours_goes(void **state)
{
    struct lg_replica_life l = open_life(1, true);

    (void)state;
    assert_true(lg_replica_life_failed(&l));
    wish(&l, (struct lg_replica_wish){.term = 1});
    (void)settle(&l);
    assert_int_equal(l.sm.now, LG_LIFE_IS_CLOSING); /* Nobody reads it: no grace. */
    assert_true(lg_replica_life_destroys(&l));
}

static void the_end_of_the_server_closes_it_and_keeps_its_files(void **state)
{
    struct lg_replica_life l = open_life(1, true);

    (void)state;
    l.ending = true;
    (void)settle(&l);
    assert_int_equal(l.sm.now, LG_LIFE_IS_CLOSING);
    assert_false(lg_replica_life_destroys(&l));
    wish(&l, (struct lg_replica_wish){.term = 1});
    assert_false(lg_replica_life_destroys(&l));
    lg_replica_life_closed(&l);
    assert_int_equal(l.sm.now, LG_LIFE_IS_DROPPED);
    lg_replica_life_init(&l, 0);
    wish(&l, ours(1, false));
    l.ending = true;
    assert_int_equal(lg_replica_life_next(&l), LG_LIFE_DROP);
}

static void pauses_grow_and_end(void **state)
{
    (void)state;
    assert_int_equal(lg_replica_retry_ms(0), 0);
    assert_int_equal(lg_replica_retry_ms(1), 1000);
    assert_int_equal(lg_replica_retry_ms(2), 2000);
    assert_int_equal(lg_replica_retry_ms(4), 8000);
    assert_int_equal(lg_replica_retry_ms(LG_REPLICA_RETRIES_MAX), LG_REPLICA_RETRY_MS_MAX);
    assert_int_equal(lg_replica_retry_ms(LG_REPLICA_RETRIES_MAX + 1), 0);
    assert_true(lg_replica_worth_retry(LG_ERR_IO));
    assert_true(lg_replica_worth_retry(LG_ERR_IN_USE));
    assert_false(lg_replica_worth_retry(LG_ERR_CORRUPT));
    assert_false(lg_replica_worth_retry(LG_ERR_NOT_FOUND));
    assert_false(lg_replica_worth_retry(LG_ERR_POSITION_GONE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_opens_follows_and_leads),
        cmocka_unit_test(a_lower_term_is_ignored),
        cmocka_unit_test(what_is_not_ours_leaves_first_and_may_come_back),
        cmocka_unit_test(a_change_of_mind_while_it_closes_opens_it_again),
        cmocka_unit_test(a_reset_closes_and_opens_it_once),
        cmocka_unit_test(a_reset_that_was_done_in_a_former_life_is_not_done_again),
        cmocka_unit_test(a_failure_is_told_until_it_is_open_again),
        cmocka_unit_test(a_failed_replica_that_is_not_ours_goes),
        cmocka_unit_test(the_end_of_the_server_closes_it_and_keeps_its_files),
        cmocka_unit_test(pauses_grow_and_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
