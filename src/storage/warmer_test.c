/* Read indexes come in the background, and never say anything but what the engine holds: seen
 * through the gets that readers make. Who waits for one is told. */
#include "storage/warmer.h"

#include "test/test.h"

#include "base/str.h"
#include "read/hot_get.h"
#include "record/chunk.h"
#include "test/lib/slow_engine.h"
#include "test/lib/warmer_world.h"

static void a_replica_is_answered_from_memory_once_it_is_complete(void **state)
{
    struct lg_ww *w = *state;
    struct lg_ww_part *p = lg_ww_part_new(w, "a_v1", 100);

    lg_ww_run(w);
    lg_ww_expect_state(p, "off"); /* Nobody wants it. */
    lg_ww_expect(p, "key7", LG_ERR_WOULD_BLOCK, NULL);
    lg_ww_want(p, LG_WARM_COMING);
    lg_ww_expect(p, "key7", LG_ERR_WOULD_BLOCK, NULL);
    lg_ww_run(w);
    lg_ww_expect_state(p, "complete");
    lg_ww_expect(p, "key7", LG_OK, "a_v1 7");
    lg_ww_expect(p, "key99", LG_OK, "a_v1 99");
    lg_ww_expect(p, "key100", LG_ERR_NOT_FOUND, NULL);
    lg_ww_want(p, LG_WARM_OFF);
    lg_ww_expect_state(p, "off");
    lg_ww_expect(p, "key7", LG_ERR_WOULD_BLOCK, NULL);
    lg_ww_want(p, LG_WARM_COMING);
    lg_ww_run(w);
    lg_ww_expect(p, "key7", LG_OK, "a_v1 7");
    lg_ww_part_free(p);
    assert_int_equal(1, w->removed);
}

static void many_keys_of_several_replicas_are_one_group(void **state)
{
    enum { N = 300 };
    struct lg_ww *w = *state;
    struct lg_ww_part *parts[3] = {lg_ww_part_new(w, "a_v1", N), lg_ww_part_new(w, "b_v1", N),
                                   lg_ww_part_new(w, "c_v1", N)};
    struct lg_hot_get *gets = lg_new_array(struct lg_hot_get, N);
    char keys[N][16];

    lg_ww_want(parts[0], LG_WARM_COMING);
    lg_ww_want(parts[1], LG_WARM_COMING);
    lg_ww_run(w);
    for (unsigned i = 0; i < N; i++) {
        (void)snprintf(keys[i], sizeof keys[i], "key%u", i % 5 == 0 ? i + N : i);
        gets[i] = (struct lg_hot_get){.replica = i % 7 == 0 ? NULL : &parts[i % 3]->replica,
                                      .key = lg_slice_str(keys[i])};
    }
    lg_epoch_enter(w->reader);
    lg_hot_get(gets, N);
    for (unsigned i = 0; i < N; i++) {
        LG_AUTO_STR char *value = lg_strf("%c_v1 %u", 'a' + (int)(i % 3), i);

        assert_rc(i % 7 == 0   ? LG_ERR_UNREADY
                  : i % 3 == 2 ? LG_ERR_WOULD_BLOCK /* It is not warm. */
                  : i % 5 == 0 ? LG_ERR_NOT_FOUND
                               : LG_OK,
                  gets[i].rc);
        assert_true(gets[i].rc != LG_OK || lg_slice_eq_str(gets[i].payload, value));
    }
    lg_epoch_leave(w->reader);
    lg_free(gets);
    for (unsigned i = 0; i < 3; i++)
        lg_ww_part_free(parts[i]);
}

static void what_is_in_pieces_or_too_large_is_left_to_the_engine(void **state)
{
    struct lg_ww *w = *state;
    struct lg_ww_part *p = lg_ww_part_new(w, "a_v1", 0);
    LG_SCOPED(lg_buf) large = {0};

    p->replica.chunked = true;
    for (size_t i = 0; i <= LG_READ_INDEX_VALUE_MAX; i++)
        lg_buf_append_byte(&large, 'x');
    lg_buf_append_byte(&large, 0);
    lg_ww_put(p, LG_LIT("whole\x02\x00"), 3, "here");
    lg_ww_put(p, LG_LIT("large\x02\x00"), 3, (const char *)large.data);
    lg_ww_put(p, LG_LIT("pieces\x02\x00"), LG_SCHEMA_ID_MANIFEST, "names of pieces");
    lg_ww_put(p, LG_LIT("pieces, the first"), LG_SCHEMA_ID_CHUNK, "a piece");
    lg_ww_want(p, LG_WARM_COMING);
    lg_ww_run(w);
    lg_ww_expect(p, "whole", LG_OK, "here");
    lg_ww_expect(p, "large", LG_ERR_WOULD_BLOCK, NULL);
    lg_ww_expect(p, "pieces", LG_ERR_WOULD_BLOCK, NULL);
    lg_ww_expect(p, "pieces, the first", LG_ERR_NOT_FOUND, NULL);
    lg_ww_expect(p, "pieces, the fir", LG_ERR_NOT_FOUND,
                 NULL); /* Nor without what looks like a suffix. */
    lg_ww_expect(p, "whole\x02", LG_ERR_NOT_FOUND, NULL);
    lg_ww_part_free(p);
}

static void a_row_that_makes_no_sense_is_the_engines_to_tell(void **state)
{
    struct lg_ww *w = *state;
    struct lg_ww_part *p = lg_ww_part_new(w, "a_v1", 2);
    struct lg_error err = {0};

    assert_ok(lg_engine_put(p->engine, LG_LIT("short"), LG_LIT("abc"), &err));
    lg_ww_want(p, LG_WARM_COMING);
    lg_ww_run(w);
    lg_ww_expect(p, "short", LG_ERR_WOULD_BLOCK, NULL);
    lg_ww_expect(p, "key1", LG_OK, "a_v1 1");
    lg_ww_part_free(p);
}

static void damage_costs_the_index_not_the_answer(void **state)
{
    struct lg_ww *w = *state;
    struct lg_ww_part *p = lg_ww_part_new(w, "a_v1", 10);
    struct lg_hot_get g = {.replica = &p->replica, .key = LG_LIT("key3")};

    lg_ww_want(p, LG_WARM_COMING);
    lg_ww_run(w);
    lg_epoch_enter(w->reader);
    lg_hot_get(&g, 1);
    assert_rc(LG_OK, g.rc);
    ((uint8_t *)(uintptr_t)g.payload.data)[0] ^= 1; /* A bit of memory flips. */
    lg_epoch_leave(w->reader);
    lg_ww_expect(p, "key3", LG_ERR_WOULD_BLOCK, NULL);
    lg_ww_expect(p, "key3", LG_ERR_WOULD_BLOCK, NULL); /* Told twice, filled once. */
    lg_ww_expect(p, "key4", LG_OK, "a_v1 4");
    lg_ww_run(w);
    lg_ww_expect_state(p, "complete");
    lg_ww_expect(p, "key3", LG_OK, "a_v1 3");
    lg_ww_part_free(p);
}

/* The engine is read at one moment of the simulated time, and without rows nobody looks whether it
 * should go on. */
static void what_is_not_wanted_any_more_is_not_published(void **state)
{
    struct lg_ww *w = *state;

    for (unsigned rows = 0; rows < 20; rows += 19) {
        struct lg_ww_part *p = lg_ww_part_new(w, "a_v1", rows);

        lg_ww_want(p, LG_WARM_COMING);
        lg_ww_expect_state(p, "filling");
        lg_ww_want(p, LG_WARM_OFF);
        lg_ww_run(w);
        lg_ww_expect_state(p, "off");
        lg_ww_expect(p, "key1", LG_ERR_WOULD_BLOCK, NULL);
        lg_ww_want(p, LG_WARM_COMING);
        lg_ww_want(p, LG_WARM_OFF);
        lg_ww_want(p, LG_WARM_COMING); /* Before it has heard of anything. */
        lg_ww_run(w);
        lg_ww_expect_state(p, "complete");
        lg_ww_part_free(p);
    }
}

static void damage_is_noticed_each_time(void **state)
{
    struct lg_ww *w = *state;
    struct lg_ww_part *p = lg_ww_part_new(w, "a_v1", 10);

    lg_ww_want(p, LG_WARM_COMING);
    lg_ww_run(w);
    for (unsigned i = 0; i < 3; i++) {
        lg_ww_damage(p, "key3");
        lg_ww_expect(p, "key3", LG_ERR_WOULD_BLOCK, NULL);
        lg_ww_run(w);
        lg_ww_expect(p, "key3", LG_OK, "a_v1 3");
    }
    lg_ww_part_free(p);
}

static void what_is_told_of_damage_may_come_late(void **state)
{
    struct lg_ww *w = *state;
    struct lg_ww_part *p = lg_ww_part_new(w, "a_v1", 10);

    lg_ww_want(p, LG_WARM_COMING);
    lg_ww_run(w);
    lg_ww_damage(p, "key3");
    lg_ww_expect(p, "key3", LG_ERR_WOULD_BLOCK, NULL);
    lg_ww_want(p, LG_WARM_OFF); /* The index has gone when it is heard. */
    lg_ww_run(w);
    lg_ww_expect_state(p, "off");
    lg_ww_want(p, LG_WARM_COMING);
    lg_ww_run(w);
    lg_ww_damage(p, "key3");
    lg_ww_expect(p, "key3", LG_ERR_WOULD_BLOCK, NULL);
    lg_ww_part_free(p); /* And here the replica leaves. */
}

static void nobody_leaves_while_a_reader_may_look_at_it(void **state)
{
    struct lg_ww *w = *state;
    struct lg_ww_part *p = lg_ww_part_new(w, "a_v1", 10);

    lg_ww_want(p, LG_WARM_COMING);
    lg_ww_run(w);
    lg_epoch_enter(w->reader);
    lg_warmer_remove(w->w, &p->replica, lg_ww_removed);
    lg_ww_run(w);
    assert_int_equal(w->removed, 0);
    lg_epoch_leave(w->reader);
    lg_ww_run(w);
    assert_int_equal(w->removed, 1);
    assert_int_equal(w->drained, 1);
}

/* One that waits leaves in the very moment in which the fill before it ends. */
static void who_leaves_is_not_filled(void **state)
{
    struct lg_ww *w = *state;

    for (uint64_t us = 0; us < 400; us++) {
        struct lg_ww_part *a = lg_ww_part_new(w, "a_v1", 5), *b = lg_ww_part_new(w, "b_v1", 5),
                          *c = lg_ww_part_new(w, "c_v1", 5);
        unsigned before = w->removed;

        lg_ww_want(a, LG_WARM_COMING);
        lg_ww_want(c, LG_WARM_COMING);
        lg_ww_want(b, LG_WARM_COMING);
        lg_sim_run_us(w->sim, us);
        lg_warmer_remove(w->w, &b->replica, lg_ww_removed);
        assert_string_not_equal(lg_warmer_state(&b->replica), "waiting");
        lg_ww_run(w);
        assert_int_equal(w->removed, before + 1);
        lg_ww_expect(a, "key1", LG_OK, "a_v1 1");
        lg_ww_part_free(a);
        lg_ww_part_free(c);
    }
}

static void it_may_leave_at_any_moment(void **state)
{
    struct lg_ww *w = *state;

    for (uint64_t us = 0; us < 3000; us += 10) {
        struct lg_ww_part *a = lg_ww_part_new(w, "a_v1", 20), *b = lg_ww_part_new(w, "b_v1", 20),
                          *c = lg_ww_part_new(w, "c_v1", 20);

        lg_ww_want(a, LG_WARM_COMING);
        lg_ww_want(c, LG_WARM_COMING);
        lg_ww_want(b, LG_WARM_COMING);
        if (us % 20 == 0)
            lg_ww_want(a, LG_WARM_OFF); /* And is wanted again before the fill has heard of it. */
        if (us % 40 == 0)
            lg_ww_want(a, LG_WARM_COMING);
        lg_sim_run_us(w->sim, us);
        if (us % 3 == 0) { /* The other one leaves, which may just wait for its turn. */
            lg_ww_part_free(b);
            lg_ww_part_free(a);
            lg_ww_part_free(c);
            continue;
        }
        lg_ww_part_free(a);
        lg_ww_run(w);
        lg_ww_expect_state(b, "complete");
        lg_ww_expect(b, "key1", LG_OK, "b_v1 1");
        lg_ww_part_free(b);
        lg_ww_part_free(c);
    }
}

/* --- Who waits for an index. -------------------------------------------------------------------
 */

static void who_waits_for_an_index_is_told_when_it_is_there(void **state)
{
    struct lg_ww *w = *state;
    struct lg_ww_part *p = lg_ww_part_new(w, "a_v1", 10);

    lg_slow_scan(w->sim, w->driver, 5 * LG_SEC);
    lg_ww_want(p, LG_WARM_COMING);
    lg_ww_settle(p);
    lg_sim_run_us(w->sim, 4 * LG_SEC);
    lg_ww_expect_state(p, "filling");
    assert_int_equal(w->settled, 0);
    lg_sim_run_us(w->sim, 2 * LG_SEC);
    lg_ww_expect_state(p, "complete");
    assert_int_equal(w->settled, 1);
    lg_ww_settle(p); /* It has one. */
    lg_sim_run_us(w->sim, LG_MS);
    assert_int_equal(w->settled, 1);
    lg_sim_run_us(w->sim, 100 * LG_SEC);
    assert_int_equal(w->settled, 1);
    lg_ww_part_free(p);
}

static void who_waits_for_what_will_not_come_is_told_so(void **state)
{
    struct lg_ww *w = *state;
    struct lg_ww_part *off = lg_ww_part_new(w, "a_v1", 10), *huge = lg_ww_part_new(w, "b_v1", 0),
                      *bad = lg_ww_part_new(w, "c_v1", 0),
                      *switched = lg_ww_part_new(w, "d_v1", 10);

    lg_ww_settle(off);
    lg_sim_run_us(w->sim, LG_MS);
    assert_int_equal(w->settled, 1);
    huge->replica.warm.bytes = 65 * LG_WW_MIB;
    lg_ww_want(huge, LG_WARM_COMING);
    lg_ww_settle(huge);
    lg_sim_run_us(w->sim, LG_MS);
    lg_ww_expect_state(huge, "no room");
    assert_int_equal(w->settled, 1);
    bad->replica.chunked = true;
    lg_ww_put(bad, LG_LIT("k"), 3, "its key has no suffix");
    lg_ww_want(bad, LG_WARM_COMING);
    lg_ww_settle(bad);
    lg_ww_run(w);
    lg_ww_expect_state(bad, "failed");
    assert_int_equal(w->settled, 1);
    lg_ww_want(switched, LG_WARM_COMING);
    lg_ww_settle(switched);
    lg_ww_want(switched, LG_WARM_OFF);
    lg_ww_run(w);
    lg_ww_expect_state(switched, "off");
    assert_int_equal(w->settled, 1);
    lg_ww_part_free(off);
    lg_ww_part_free(huge);
    lg_ww_part_free(bad);
    lg_ww_part_free(switched);
}

static void who_waits_too_long_is_told_all_the_same(void **state)
{
    struct lg_ww *w = *state;
    struct lg_ww_part *p = lg_ww_part_new(w, "a_v1", 10);

    lg_slow_scan(w->sim, w->driver, 100 * LG_SEC);
    lg_ww_want(p, LG_WARM_COMING);
    lg_ww_settle(p);
    lg_sim_run_us(w->sim, LG_WARMER_PATIENCE_MS * LG_MS - 1);
    assert_int_equal(w->settled, 0);
    lg_sim_run_us(w->sim, 1);
    assert_int_equal(w->settled, 1);
    lg_ww_expect_state(p, "filling");
    lg_sim_run_us(w->sim, 50 * LG_SEC);
    lg_ww_expect_state(p, "complete"); /* It goes on. */
    assert_int_equal(w->settled, 1);
    lg_ww_part_free(p);
}

static void the_one_that_is_waited_for_comes_first(void **state)
{
    struct lg_ww *w = *state;
    struct lg_ww_part *first = lg_ww_part_new(w, "a_v1", 10),
                      *second = lg_ww_part_new(w, "b_v1", 10),
                      *current = lg_ww_part_new(w, "s_v1", 10),
                      *coming = lg_ww_part_new(w, "s_v2", 10);

    lg_ww_want(first, LG_WARM_SERVED);
    lg_ww_want(second, LG_WARM_SERVED);
    lg_ww_want(current, LG_WARM_SERVED);
    lg_ww_want(coming, LG_WARM_COMING);
    lg_ww_settle(coming);
    while (lg_ww_waits(coming)) {
        lg_ww_expect_state(current, "waiting");
        lg_sim_run_us(w->sim, 1);
    }
    lg_ww_run(w);
    assert_int_equal(w->settled, 1);
    lg_ww_expect_state(current, "complete");
    lg_ww_part_free(first);
    lg_ww_part_free(second);
    lg_ww_part_free(current);
    lg_ww_part_free(coming);
}

static void who_waits_and_leaves_is_told_nothing(void **state)
{
    struct lg_ww *w = *state;

    for (uint64_t us = 0; us < 400; us += 5) {
        struct lg_ww_part *p = lg_ww_part_new(w, "a_v1", 10);

        lg_ww_want(p, LG_WARM_COMING);
        lg_ww_settle(p);
        lg_sim_run_us(w->sim, us);
        if (w->settled > 0)
            us = 400;
        w->settled = 0;
        lg_ww_part_free(p);
        lg_sim_run_us(w->sim, 100 * LG_SEC);
        assert_int_equal(w->settled, 0);
    }
}

static void a_budget_of_nothing_is_the_switch(void **state)
{
    struct lg_ww *w = *state;
    struct lg_ww_part *p = lg_ww_part_new(w, "a_v1", 10);

    lg_ww_want(p, LG_WARM_COMING);
    lg_ww_settle(p);
    lg_ww_run(w);
    assert_int_equal(w->settled, 1);
    lg_ww_expect_state(p, "off");
    lg_ww_expect(p, "key1", LG_ERR_WOULD_BLOCK, NULL);
    lg_ww_part_free(p);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, lg_ww_up, lg_ww_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_replica_is_answered_from_memory_once_it_is_complete),
        TEST(many_keys_of_several_replicas_are_one_group),
        TEST(what_is_in_pieces_or_too_large_is_left_to_the_engine),
        TEST(a_row_that_makes_no_sense_is_the_engines_to_tell),
        TEST(damage_costs_the_index_not_the_answer),
        TEST(what_is_not_wanted_any_more_is_not_published),
        TEST(damage_is_noticed_each_time),
        TEST(what_is_told_of_damage_may_come_late),
        TEST(nobody_leaves_while_a_reader_may_look_at_it),
        TEST(who_leaves_is_not_filled),
        TEST(it_may_leave_at_any_moment),
        TEST(who_waits_for_an_index_is_told_when_it_is_there),
        TEST(who_waits_for_what_will_not_come_is_told_so),
        TEST(who_waits_too_long_is_told_all_the_same),
        TEST(the_one_that_is_waited_for_comes_first),
        TEST(who_waits_and_leaves_is_told_nothing),
        cmocka_unit_test_setup_teardown(a_budget_of_nothing_is_the_switch, lg_ww_up_without,
                                        lg_ww_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
