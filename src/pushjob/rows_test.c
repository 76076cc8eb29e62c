/* Rows end up in their partition, sorted, each key once. */
#include "pushjob/rows.h"

#include "base/rand.h"
#include "model/partitioner.h"
#include "test/test.h"

static const struct lg_row *first, *second;

static void rows_come_out_sorted_in_their_partition(void **state)
{
    LG_AUTO(lg_rows) *rows = lg_rows_new(3);
    struct lg_error err = {0};
    struct lg_rand rand;
    size_t count;
    uint64_t seen = 0;

    (void)state;
    lg_rand_seed(&rand, 1);
    for (uint32_t i = 0; i < 1000; i++) {
        uint8_t key[8];

        lg_rand_bytes(&rand, key, sizeof key);
        assert_ok(lg_rows_add(rows, lg_slice(key, sizeof key), lg_slice(&i, sizeof i), &err));
    }
    for (uint32_t p = 0; p < 3; p++) {
        assert_ok(lg_rows_sort(rows, p, &first, &second, &err));
        const struct lg_row *row = lg_rows_of(rows, p, &count);

        for (size_t i = 0; i < count; i++) {
            assert_int_equal(lg_partitioner_partition(row[i].key, 3), p);
            assert_true(i == 0 || lg_slice_cmp(row[i - 1].key, row[i].key) < 0);
        }
        seen += count;
    }
    assert_int_equal(seen, 1000);
    assert_int_equal(lg_rows_total(rows), 1000);
}

static void identical_rows_are_counted_and_dropped(void **state)
{
    LG_AUTO(lg_rows) *rows = lg_rows_new(1);
    struct lg_error err = {0};
    size_t count;

    (void)state;
    for (int i = 0; i < 5; i++)
        assert_ok(lg_rows_add(rows, LG_LIT("k"), LG_LIT("v"), &err));
    assert_ok(lg_rows_add(rows, LG_LIT("l"), LG_LIT("v"), &err));
    assert_ok(lg_rows_sort(rows, 0, &first, &second, &err));
    (void)lg_rows_of(rows, 0, &count);
    assert_int_equal(count, 2);
    assert_int_equal(lg_rows_duplicates(rows), 4);
}

static void two_values_of_one_key_are_refused_and_shown(void **state)
{
    LG_AUTO(lg_rows) *rows = lg_rows_new(1);
    struct lg_error err = {0};

    (void)state;
    assert_ok(lg_rows_add(rows, LG_LIT("k"), LG_LIT("new"), &err));
    assert_ok(lg_rows_add(rows, LG_LIT("a"), LG_LIT("x"), &err));
    assert_ok(lg_rows_add(rows, LG_LIT("k"), LG_LIT("old"), &err));
    assert_rc(LG_ERR_BAD_DATA, lg_rows_sort(rows, 0, &first, &second, &err));
    assert_slice_equal(first->key, LG_LIT("k"));
    assert_slice_equal(first->value, LG_LIT("new"));
    assert_slice_equal(second->value, LG_LIT("old"));
}

static void rows_can_be_spread_over_another_number_of_partitions(void **state)
{
    LG_AUTO(lg_rows) *rows = lg_rows_new(2);
    struct lg_error err = {0};
    uint64_t seen = 0;
    size_t count;

    (void)state;
    for (uint32_t i = 0; i < 100; i++) { /* Each row twice. */
        uint32_t key = i % 50;

        assert_ok(lg_rows_add(rows, lg_slice(&key, sizeof key), LG_LIT("v"), &err));
    }
    for (uint32_t p = 0; p < 2; p++)
        assert_ok(lg_rows_sort(rows, p, &first, &second, &err));
    lg_rows_spread(rows, 7);
    assert_int_equal(lg_rows_partitions(rows), 7);
    for (uint32_t p = 0; p < 7; p++) {
        assert_ok(lg_rows_sort(rows, p, &first, &second, &err));
        const struct lg_row *row = lg_rows_of(rows, p, &count);

        for (size_t i = 0; i < count; i++) {
            assert_int_equal(lg_partitioner_partition(row[i].key, 7), p);
            assert_slice_equal(row[i].value, LG_LIT("v"));
        }
        seen += count;
    }
    assert_int_equal(seen, 50);
    assert_int_equal(lg_rows_duplicates(rows), 50);
}

static void an_empty_partition_sorts(void **state)
{
    LG_AUTO(lg_rows) *rows = lg_rows_new(1);
    struct lg_error err = {0};
    size_t count = 1;

    (void)state;
    assert_ok(lg_rows_sort(rows, 0, &first, &second, &err));
    (void)lg_rows_of(rows, 0, &count);
    assert_int_equal(count, 0);
}

static void a_record_over_the_limit_is_refused_by_name(void **state)
{
    LG_AUTO(lg_rows) *rows = lg_rows_new(1);
    struct lg_error err = {0};
    uint8_t *big = lg_zalloc(LG_PUSH_KEY_BYTES_MAX + 1);

    (void)state;
    assert_rc(LG_ERR_TOO_LARGE,
              lg_rows_add(rows, lg_slice(big, LG_PUSH_KEY_BYTES_MAX + 1), LG_SLICE_NULL, &err));
    assert_non_null(strstr(err.text, "key"));
    assert_rc(LG_ERR_TOO_LARGE,
              lg_rows_add(rows, LG_LIT("k"), lg_slice(big, LG_PUSH_VALUE_BYTES_MAX), &err));
    assert_non_null(strstr(err.text, "972800"));
    assert_int_equal(lg_rows_total(rows), 0);
    lg_free(big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_out_sorted_in_their_partition),
        cmocka_unit_test(identical_rows_are_counted_and_dropped),
        cmocka_unit_test(two_values_of_one_key_are_refused_and_shown),
        cmocka_unit_test(rows_can_be_spread_over_another_number_of_partitions),
        cmocka_unit_test(an_empty_partition_sorts),
        cmocka_unit_test(a_record_over_the_limit_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
