/* Enumerations: a few rows by hand, all rows both ways. */
#include "model/enums.h"

#include "test/test.h"

static void names_and_ids_are_venices(void **state)
{
    (void)state;
    assert_int_equal(LG_VERSION_ONLINE, 3);
    assert_int_equal(LG_VERSION_ROLLED_BACK, 8);
    assert_string_equal(lg_version_status_name(LG_VERSION_ROLLED_BACK), "ROLLED_BACK");
    assert_int_equal(LG_PUSH_COMPLETED, 10);
    assert_int_equal(LG_PUSH_ERROR, 12);
    assert_string_equal(lg_push_status_name(LG_PUSH_END_OF_PUSH_RECEIVED), "END_OF_PUSH_RECEIVED");
    assert_int_equal(LG_REPLICA_LEADER, 12);
    assert_string_equal(lg_push_strategy_name(LG_PUSH_STRATEGY_WAIT_N_MINUS_ONE),
                        "WAIT_N_MINUS_ONE_REPLCIA_PER_PARTITION");
    assert_string_equal(lg_compression_name(LG_COMPRESSION_ZSTD_WITH_DICT), "ZSTD_WITH_DICT");
    assert_string_equal(lg_push_type_name(LG_PUSH_TYPE_INCREMENTAL), "INCREMENTAL");
    assert_string_equal(lg_backup_strategy_name(LG_BACKUP_KEEP_MIN_VERSIONS), "KEEP_MIN_VERSIONS");
}

/* Every id of a table finds its name, and the name finds the id; `rows` are there. */
#define ASSERT_BOTH_WAYS(type, rows)                                                               \
    do {                                                                                           \
        int found_ = 0;                                                                            \
                                                                                                   \
        for (int64_t id_ = -1; id_ < 64; id_++) {                                                  \
            enum type v_, w_;                                                                      \
                                                                                                   \
            if (!type##_from_id(id_, &v_))                                                         \
                continue;                                                                          \
            found_++;                                                                              \
            assert_int_equal((int64_t)v_, id_);                                                    \
            assert_true(type##_from_name(lg_slice_str(type##_name(v_)), &w_));                     \
            assert_int_equal(v_, w_);                                                              \
        }                                                                                          \
        assert_int_equal(found_, rows);                                                            \
    } while (0)

static void every_row_is_found_both_ways(void **state)
{
    (void)state;
    ASSERT_BOTH_WAYS(lg_version_status, 9);
    ASSERT_BOTH_WAYS(lg_push_type, 4);
    ASSERT_BOTH_WAYS(lg_compression, 4);
    ASSERT_BOTH_WAYS(lg_push_strategy, 2);
    ASSERT_BOTH_WAYS(lg_backup_strategy, 2);
    ASSERT_BOTH_WAYS(lg_replica_state, 6);
    ASSERT_BOTH_WAYS(lg_push_status, 22);
}

static void unknown_names_and_ids_are_not_found(void **state)
{
    enum lg_version_status v = LG_VERSION_PUSHED;

    (void)state;
    assert_false(lg_version_status_from_name(LG_LIT("online"), &v));
    assert_false(lg_version_status_from_name(LG_LIT(""), &v));
    assert_false(lg_version_status_from_name(LG_LIT("ONLINEX"), &v));
    assert_false(lg_version_status_from_id(9, &v));
    assert_false(lg_version_status_from_id(-1, &v));
    assert_int_equal(v, LG_VERSION_PUSHED);
    assert_string_equal(lg_version_status_name((enum lg_version_status)99), "UNKNOWN_ENUM");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_ids_are_venices),
        cmocka_unit_test(every_row_is_found_both_ways),
        cmocka_unit_test(unknown_names_and_ids_are_not_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
