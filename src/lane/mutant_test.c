/* The table of planted bugs: none is set unless it is asked for, and each can be named. */
#include "lane/mutant.h"

#include "test/test.h"

static void nothing_is_wrong_unless_it_is_set(void **state)
{
    (void)state;
    for (int m = LG_MUTANT_NONE + 1; m < LG_MUTANT_COUNT; m++)
        assert_false(lg_mutant((enum lg_mutant)m));
    lg_mutant_set(LG_MUTANT_rollback_to_oldest);
    assert_true(lg_mutant(LG_MUTANT_rollback_to_oldest));
    assert_false(lg_mutant(LG_MUTANT_log_acks_before_sync));
    lg_mutant_set(LG_MUTANT_NONE);
    assert_false(lg_mutant(LG_MUTANT_rollback_to_oldest));
}

static void each_has_a_name_that_finds_it_and_a_sentence(void **state)
{
    (void)state;
    for (int m = LG_MUTANT_NONE; m < LG_MUTANT_COUNT; m++) {
        enum lg_mutant found = LG_MUTANT_COUNT;

        assert_true(lg_mutant_from_name(lg_mutant_name((enum lg_mutant)m), &found));
        assert_int_equal(found, m);
        assert_true(strlen(lg_mutant_text((enum lg_mutant)m)) > 0);
    }
}

static void names_are_read_with_either_hyphen_and_refused_when_unknown(void **state)
{
    enum lg_mutant found = LG_MUTANT_NONE;

    (void)state;
    assert_true(lg_mutant_from_name("log-acks-before_sync", &found));
    assert_int_equal(found, LG_MUTANT_log_acks_before_sync);
    assert_false(lg_mutant_from_name("log_acks", &found));
    assert_false(lg_mutant_from_name("log_acks_before_sync_", &found));
    assert_false(lg_mutant_from_name("", &found));
    assert_int_equal(found, LG_MUTANT_log_acks_before_sync);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_wrong_unless_it_is_set),
        cmocka_unit_test(each_has_a_name_that_finds_it_and_a_sentence),
        cmocka_unit_test(names_are_read_with_either_hyphen_and_refused_when_unknown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
