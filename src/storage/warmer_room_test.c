/* Which read indexes are filled first, which find room in the budget, and which make it. */
#include "storage/warmer.h"

#include "test/test.h"

#include "test/lib/slow_engine.h"
#include "test/lib/warmer_world.h"

static void the_most_wanted_one_comes_first(void **state)
{
    struct lg_ww *w = *state;
    struct lg_ww_part *first = lg_ww_part_new(w, "first_v1", 10),
                      *second = lg_ww_part_new(w, "second_v1", 10),
                      *coming = lg_ww_part_new(w, "s_v2", 10),
                      *current = lg_ww_part_new(w, "s_v1", 10);

    lg_ww_want(first, LG_WARM_COMING);
    lg_ww_want(second, LG_WARM_COMING);
    lg_ww_want(coming, LG_WARM_COMING);
    lg_ww_want(current, LG_WARM_SERVED);
    lg_ww_expect_state(first, "filling");
    lg_ww_expect_state(second, "filling"); /* Two at a time. */
    while (lg_ww_waits(current)) {
        lg_ww_expect_state(coming, "waiting");
        lg_sim_run_us(w->sim, 1);
    }
    lg_ww_run(w);
    lg_ww_expect_state(coming, "complete");
    lg_ww_part_free(first);
    lg_ww_part_free(second);
    lg_ww_part_free(coming);
    lg_ww_part_free(current);
}

static void who_finds_no_room_is_filled_when_another_goes(void **state)
{
    struct lg_ww *w = *state;
    struct lg_ww_part *old = lg_ww_part_new(w, "s_v1", 100),
                      *coming = lg_ww_part_new(w, "s_v2", 100),
                      *huge = lg_ww_part_new(w, "t_v1", 0);

    huge->replica.warm.bytes = 6 * LG_WW_MIB; /* Seen before any work is done for it. */
    lg_ww_want(old, LG_WARM_SERVED);
    lg_ww_run(w);
    lg_ww_want(coming, LG_WARM_COMING);
    lg_ww_want(huge, LG_WARM_COMING);
    lg_ww_run(w);
    lg_ww_expect_state(coming, "no room");
    lg_ww_expect_state(huge, "no room");
    lg_ww_expect(coming, "key1", LG_ERR_WOULD_BLOCK, NULL);
    lg_ww_expect(old, "key1", LG_OK, "s_v1 1"); /* Unharmed. */

    lg_epoch_enter(w->reader); /* Somebody still looks at the old one. */
    lg_ww_want(old, LG_WARM_OFF);
    lg_ww_run(w);
    lg_ww_expect_state(coming, "no room");
    lg_epoch_leave(w->reader);
    lg_ww_run(w);
    lg_ww_expect_state(coming, "complete");
    lg_ww_expect_state(huge, "no room");
    lg_ww_expect(coming, "key1", LG_OK, "s_v2 1");
    lg_ww_part_free(old);
    lg_ww_part_free(coming);
    lg_ww_part_free(huge);
}

/* Each has room, and both together have not: they must not take it from each other for ever. */
static void who_found_no_room_together_is_tried_alone(void **state)
{
    struct lg_ww *w = *state;
    struct lg_ww_part *old = lg_ww_part_new(w, "s_v1", 100), *a = lg_ww_part_new(w, "a_v1", 100),
                      *b = lg_ww_part_new(w, "b_v1", 100);
    unsigned together = 0;

    lg_ww_want(old, LG_WARM_SERVED);
    lg_ww_run(w);
    lg_epoch_enter(w->reader); /* The memory of the old one is still looked at. */
    lg_ww_want(old, LG_WARM_OFF);
    lg_ww_want(a, LG_WARM_SERVED);
    lg_ww_want(b, LG_WARM_SERVED);
    lg_ww_expect_state(a, "filling");
    lg_ww_expect_state(b, "filling");
    lg_ww_settle(b);
    lg_ww_run(w);
    lg_ww_expect_state(a, "no room");
    lg_ww_expect_state(b, "no room");
    assert_int_equal(w->settled, 0); /* There will be. */
    lg_epoch_leave(w->reader);
    for (unsigned us = 0; us < 200000; us++) {
        together += lg_ww_is_filling(a) && lg_ww_is_filling(b);
        lg_sim_run_us(w->sim, 1);
    }
    assert_int_equal(together, 0);
    assert_int_equal(w->settled, 1);
    lg_ww_expect_state(b, "complete"); /* It is waited for. */
    lg_ww_expect_state(a, "no room");
    lg_ww_part_free(b);
    lg_ww_run(w);
    lg_ww_expect_state(a, "complete");
    lg_ww_part_free(a);
    lg_ww_part_free(old);
}

static void who_is_tried_alone_has_no_company(void **state)
{
    struct lg_ww *w = *state;
    struct lg_ww_part *old = lg_ww_part_new(w, "s_v1", 100), *a = lg_ww_part_new(w, "a_v1", 100),
                      *b = lg_ww_part_new(w, "b_v1", 100), *c = lg_ww_part_new(w, "c_v1", 100);

    lg_ww_want(old, LG_WARM_SERVED);
    lg_ww_run(w);
    lg_slow_scan(w->sim, w->driver, LG_SEC);
    lg_ww_want(a, LG_WARM_SERVED);
    lg_ww_want(b, LG_WARM_SERVED);
    lg_ww_settle(b);
    lg_sim_run_us(w->sim, LG_SEC + LG_SEC / 2);
    lg_ww_want(c, LG_WARM_SERVED);
    lg_ww_expect_state(b, "filling");
    lg_ww_expect_state(a, "waiting");
    lg_ww_expect_state(c, "waiting");
    assert_int_equal(w->settled, 0);
    lg_ww_run(w);
    lg_ww_expect_state(b, "no room");
    lg_ww_expect_state(a, "filling");
    lg_ww_expect_state(c, "waiting");
    assert_int_equal(w->settled, 1);
    lg_sim_run_us(w->sim, 10 * LG_SEC);
    lg_ww_expect_state(a, "no room");
    lg_ww_expect_state(c, "no room");
    lg_ww_expect(old, "key1", LG_OK, "s_v1 1");
    lg_ww_part_free(old);
    lg_ww_part_free(a);
    lg_ww_part_free(b);
    lg_ww_part_free(c);
}

static void who_is_tried_alone_waits_for_the_others(void **state)
{
    struct lg_ww *w = *state;
    struct lg_ww_part *old = lg_ww_part_new(w, "s_v1", 100), *a = lg_ww_part_new(w, "a_v1", 100),
                      *b = lg_ww_part_new(w, "b_v1", 100), *c = lg_ww_part_new(w, "c_v1", 100);

    lg_ww_want(old, LG_WARM_SERVED);
    lg_ww_run(w);
    lg_slow_scan(w->sim, w->driver, LG_SEC);
    lg_ww_want(a, LG_WARM_SERVED);
    lg_ww_want(b, LG_WARM_SERVED);
    lg_sim_run_us(w->sim, LG_SEC + 10 * LG_MS);
    lg_ww_expect_state(b, "no room"); /* The memory that they took is on its way back. */
    lg_ww_want(c, LG_WARM_SERVED);
    lg_sim_run_us(w->sim, LG_SEC / 2);
    lg_ww_expect_state(c, "filling");
    lg_ww_expect_state(a, "waiting");
    lg_ww_expect_state(b, "waiting");
    lg_sim_run_us(w->sim, 10 * LG_SEC);
    lg_ww_part_free(old);
    lg_ww_part_free(a);
    lg_ww_part_free(b);
    lg_ww_part_free(c);
}

/* Whether it is seen before the fill that there is no room, or by it. */
static void what_a_fill_gives_back_is_room_for_another(void **state)
{
    struct lg_ww *w = *state;

    lg_slow_scan(w->sim, w->driver, LG_SEC);
    for (uint64_t bytes = 2000; bytes <= 64000; bytes += 62000) {
        struct lg_ww_part *a = lg_ww_part_new(w, "a_v1", 100), *b = lg_ww_part_new(w, "b_v1", 100);

        b->replica.warm.bytes = bytes;
        lg_ww_want(a, LG_WARM_SERVED);
        lg_sim_run_us(w->sim, LG_SEC / 2); /* It holds all rows by now. */
        lg_ww_want(b, LG_WARM_SERVED);
        lg_ww_want(a, LG_WARM_OFF);
        lg_sim_run_us(w->sim, 10 * LG_SEC);
        lg_ww_expect_state(a, "off");
        lg_ww_expect_state(b, "complete");
        lg_ww_part_free(a);
        lg_ww_part_free(b);
    }
}

/* --- Who was wanted. ---------------------------------------------------------------------------
 */

static void what_was_wanted_is_kept_for_a_while(void **state)
{
    struct lg_ww *w = *state;
    struct lg_ww_part *p = lg_ww_part_new(w, "a_v1", 10);
    const uint64_t whole_us = LG_WARMER_KEEP_MS * LG_MS;

    lg_ww_want(p, LG_WARM_SERVED);
    lg_ww_run(w);
    lg_ww_want(p, LG_WARM_KEPT);
    lg_ww_expect_state(p, "kept");
    lg_sim_run_us(w->sim, whole_us / 2);
    lg_ww_want(p, LG_WARM_KEPT); /* Said again, which changes nothing. */
    lg_sim_run_us(w->sim, whole_us / 2 - 1);
    lg_ww_expect(p, "key7", LG_OK, "a_v1 7");
    lg_sim_run_us(w->sim, 1);
    lg_ww_expect(p, "key7", LG_ERR_WOULD_BLOCK, NULL);
    lg_ww_want(p, LG_WARM_KEPT);
    lg_ww_run(w);
    lg_ww_expect_state(p, "off");

    lg_ww_want(p, LG_WARM_SERVED);
    lg_ww_run(w);
    lg_ww_want(p, LG_WARM_KEPT);
    lg_ww_want(p, LG_WARM_SERVED); /* The way back is short. */
    lg_ww_expect_state(p, "complete");
    lg_sim_run_us(w->sim, 2 * whole_us);
    lg_ww_expect(p, "key7", LG_OK, "a_v1 7");

    lg_ww_want(p, LG_WARM_KEPT);
    lg_ww_want(p, LG_WARM_OFF); /* The switch of the store. */
    lg_ww_expect_state(p, "off");
    lg_ww_expect(p, "key7", LG_ERR_WOULD_BLOCK, NULL);
    lg_sim_run_us(w->sim, 2 * whole_us);
    lg_ww_part_free(p);
}

static void what_is_kept_may_leave_or_be_damaged(void **state)
{
    struct lg_ww *w = *state;
    struct lg_ww_part *leaves = lg_ww_part_new(w, "a_v1", 10),
                      *damaged = lg_ww_part_new(w, "b_v1", 10);

    lg_ww_want(leaves, LG_WARM_SERVED);
    lg_ww_want(damaged, LG_WARM_SERVED);
    lg_ww_run(w);
    lg_ww_want(leaves, LG_WARM_KEPT);
    lg_ww_want(damaged, LG_WARM_KEPT);
    lg_ww_part_free(leaves);
    lg_ww_damage(damaged, "key3");
    lg_ww_expect(damaged, "key3", LG_ERR_WOULD_BLOCK, NULL);
    lg_ww_run(w);
    lg_ww_expect_state(damaged, "off");
    lg_sim_run_us(w->sim, 2 * LG_WARMER_KEEP_MS * LG_MS);
    lg_ww_part_free(damaged);
}

static void what_has_no_index_is_not_filled_to_be_kept(void **state)
{
    struct lg_ww *w = *state;
    struct lg_ww_part *off = lg_ww_part_new(w, "a_v1", 10), *huge = lg_ww_part_new(w, "b_v1", 0),
                      *filling = lg_ww_part_new(w, "c_v1", 10),
                      *other = lg_ww_part_new(w, "d_v1", 10),
                      *waiting = lg_ww_part_new(w, "e_v1", 10);

    huge->replica.warm.bytes = 65 * LG_WW_MIB;
    lg_ww_want(off, LG_WARM_KEPT);
    lg_ww_want(huge, LG_WARM_SERVED);
    lg_ww_want(filling, LG_WARM_SERVED);
    lg_ww_want(other, LG_WARM_SERVED);
    lg_ww_want(waiting, LG_WARM_SERVED);
    lg_ww_expect_state(huge, "no room");
    lg_ww_expect_state(filling, "filling");
    lg_ww_expect_state(waiting, "waiting");
    lg_ww_want(huge, LG_WARM_KEPT);
    lg_ww_want(filling, LG_WARM_KEPT);
    lg_ww_want(waiting, LG_WARM_KEPT);
    lg_ww_run(w);
    lg_ww_expect_state(off, "off");
    lg_ww_expect_state(huge, "off");
    lg_ww_expect_state(filling, "off");
    lg_ww_expect_state(waiting, "off");
    lg_ww_part_free(off);
    lg_ww_part_free(huge);
    lg_ww_part_free(filling);
    lg_ww_part_free(other);
    lg_ww_part_free(waiting);
}

/* Whether it is seen before the fill that there is no room, or by it. */
static void what_is_kept_makes_room_for_what_is_wanted(void **state)
{
    struct lg_ww *w = *state;

    for (uint64_t bytes = 2000; bytes <= 64000; bytes += 62000) {
        struct lg_ww_part *old = lg_ww_part_new(w, "s_v1", 100),
                          *coming = lg_ww_part_new(w, "s_v2", 100);

        coming->replica.warm.bytes = bytes;
        lg_ww_want(old, LG_WARM_SERVED);
        lg_ww_run(w);
        lg_ww_want(old, LG_WARM_KEPT);
        lg_epoch_enter(w->reader); /* Somebody still looks at it. */
        lg_ww_want(coming, LG_WARM_COMING);
        lg_ww_settle(coming);
        lg_ww_run(w);
        lg_ww_expect_state(old, "off");
        lg_ww_expect_state(coming, "no room");
        assert_int_equal(w->settled, 0); /* There will be. */
        lg_epoch_leave(w->reader);
        lg_ww_run(w);
        lg_ww_expect_state(coming, "complete");
        assert_int_equal(w->settled, 1);
        lg_ww_want(old, LG_WARM_SERVED); /* What is wanted does not. */
        lg_ww_settle(old);
        lg_ww_run(w);
        lg_ww_expect_state(old, "no room");
        assert_int_equal(w->settled, 1);
        lg_ww_expect(coming, "key1", LG_OK, "s_v2 1");
        lg_ww_part_free(old);
        lg_ww_part_free(coming);
    }
}

/* As when a store's next version did not fit beside this one, and is served now. */
static void what_is_only_kept_gives_way_to_what_found_no_room_before(void **state)
{
    struct lg_ww *w = *state;
    struct lg_ww_part *old = lg_ww_part_new(w, "s_v1", 100), *now = lg_ww_part_new(w, "s_v2", 100);

    lg_ww_want(old, LG_WARM_SERVED);
    lg_ww_run(w);
    lg_ww_want(now, LG_WARM_COMING);
    lg_ww_run(w);
    lg_ww_expect_state(now, "no room");
    lg_ww_want(now, LG_WARM_SERVED);
    lg_ww_want(old, LG_WARM_KEPT);
    lg_ww_run(w);
    lg_ww_expect_state(old, "off");
    lg_ww_expect_state(now, "complete");
    lg_ww_part_free(old);
    lg_ww_part_free(now);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, lg_ww_up, lg_ww_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_most_wanted_one_comes_first),
        cmocka_unit_test_setup_teardown(who_finds_no_room_is_filled_when_another_goes,
                                        lg_ww_up_small, lg_ww_down),
        cmocka_unit_test_setup_teardown(who_found_no_room_together_is_tried_alone, lg_ww_up_small,
                                        lg_ww_down),
        cmocka_unit_test_setup_teardown(who_is_tried_alone_has_no_company, lg_ww_up_small,
                                        lg_ww_down),
        cmocka_unit_test_setup_teardown(who_is_tried_alone_waits_for_the_others, lg_ww_up_small,
                                        lg_ww_down),
        cmocka_unit_test_setup_teardown(what_a_fill_gives_back_is_room_for_another, lg_ww_up_small,
                                        lg_ww_down),
        TEST(what_was_wanted_is_kept_for_a_while),
        TEST(what_is_kept_may_leave_or_be_damaged),
        TEST(what_has_no_index_is_not_filled_to_be_kept),
        cmocka_unit_test_setup_teardown(what_is_kept_makes_room_for_what_is_wanted, lg_ww_up_small,
                                        lg_ww_down),
        cmocka_unit_test_setup_teardown(what_is_only_kept_gives_way_to_what_found_no_room_before,
                                        lg_ww_up_small, lg_ww_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
