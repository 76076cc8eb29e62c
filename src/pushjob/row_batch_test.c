/* Rows in memory come out in the order of keys, whatever keys look like. */
#include "pushjob/row_batch.h"

#include "base/rand.h"
#include "base/str.h"
#include "test/test.h"

#define MEMORY ((size_t)1 << 20)

static void add(struct lg_row_batch *b, uint32_t partition, struct lg_slice key,
                struct lg_slice value, uint64_t origin)
{
    struct lg_row row = {key, value, origin};
    struct lg_error err = {0};

    assert_ok(lg_row_batch_add(b, partition, &row, &err));
}

static uint64_t sort(struct lg_row_batch *b, uint32_t partition, enum lg_duplicates policy)
{
    struct lg_row rows[2];
    struct lg_error err = {0};
    uint64_t dropped = 77;

    assert_ok(lg_row_batch_sort(b, partition, policy, &dropped, rows, &err));
    return dropped;
}

static void check_order(const struct lg_row_batch *b, uint32_t partition, size_t count)
{
    assert_int_equal(lg_row_batch_count(b, partition), count);
    for (size_t i = 0; i < count; i++) {
        struct lg_row row = lg_row_batch_at(b, partition, i);

        if (i > 0)
            assert_true(lg_slice_cmp(lg_row_batch_at(b, partition, i - 1).key, row.key) < 0);
        assert_int_equal(row.value.size, sizeof row.origin); /* Each has its own value. */
        assert_memory_equal(row.value.data, &row.origin, sizeof row.origin);
        lg_row_batch_prefetch(b, partition, i + 1);
    }
}

/* Enough rows for the sort by digits, each twice; `write_key` makes key number i. */
static void check_sort(size_t (*write_key)(uint64_t i, uint8_t out[64]), uint64_t count)
{
    LG_AUTO(lg_row_batch) *b = lg_row_batch_new(2, MEMORY);
    uint8_t key[64];

    for (uint64_t i = 0; i < 2 * count; i++) {
        uint64_t origin = i % count;
        size_t size = write_key(origin, key);

        add(b, (uint32_t)(origin % 2), lg_slice(key, size), lg_slice(&origin, sizeof origin),
            origin);
    }
    assert_int_equal(lg_row_batch_rows(b), 2 * count);
    lg_row_batch_index(b);
    assert_int_equal(sort(b, 0, LG_DUPLICATES_FAIL), (count + 1) / 2);
    assert_int_equal(sort(b, 1, LG_DUPLICATES_FAIL), count / 2);
    check_order(b, 0, (size_t)(count + 1) / 2);
    check_order(b, 1, (size_t)count / 2);
}

static uint64_t shuffled(uint64_t i)
{
    return (i * 7919) % 100003;
}

static size_t write_number(uint64_t i, uint8_t out[64])
{
    uint64_t n = shuffled(i) * UINT64_C(0x9e3779b97f4a7c15);

    memcpy(out, &n, sizeof n);
    return sizeof n;
}

static size_t write_text(uint64_t i, uint8_t out[64])
{
    LG_AUTO_STR char *text = lg_strf("user:with a long beginning:%llu", (unsigned long long)i);

    memcpy(out, text, strlen(text));
    return strlen(text);
}

static size_t write_far_apart(uint64_t i, uint8_t out[64]) /* equal in eight bytes and more */
{
    LG_AUTO_STR char *text = lg_strf("%c0123456789012345678901234567890%llu", i % 3 ? 'a' : 'b',
                                     (unsigned long long)shuffled(i));

    memcpy(out, text, strlen(text));
    return strlen(text);
}

static size_t write_zeros(uint64_t i, uint8_t out[64]) /* keys that differ in length only */
{
    memset(out, 0, 64);
    return (size_t)i % 64;
}

static void rows_come_out_by_key_whatever_keys_share(void **state)
{
    (void)state;
    check_sort(write_number, 8000);
    check_sort(write_number, 7);
    check_sort(write_text, 5000);
    check_sort(write_far_apart, 5000);
    check_sort(write_zeros, 64);
}

static void of_equal_keys_the_first_or_the_last_added_stays(void **state)
{
    static const enum lg_duplicates policies[] = {LG_DUPLICATES_FIRST, LG_DUPLICATES_LAST};

    (void)state;
    for (size_t p = 0; p < 2; p++) {
        LG_AUTO(lg_row_batch) *b = lg_row_batch_new(1, MEMORY);

        for (uint64_t i = 0; i < 6000; i++) {
            uint32_t key = (uint32_t)(i % 1500);

            add(b, 0, lg_slice(&key, sizeof key), lg_slice(&i, sizeof i), i);
        }
        lg_row_batch_index(b);
        assert_int_equal(sort(b, 0, policies[p]), 4500);
        check_order(b, 0, 1500);
        for (size_t i = 0; i < 1500; i++) {
            uint64_t origin = lg_row_batch_at(b, 0, i).origin;

            assert_true(p == 0 ? origin < 1500 : origin >= 4500);
        }
    }
}

static void two_values_of_one_key_are_told_the_first_two_of_the_smallest_key(void **state)
{
    LG_AUTO(lg_row_batch) *b = lg_row_batch_new(1, MEMORY);
    struct lg_row rows[2];
    struct lg_error err = {0};
    uint64_t dropped;

    (void)state;
    add(b, 0, LG_LIT("z"), LG_LIT("1"), 0);
    add(b, 0, LG_LIT("k"), LG_LIT("new"), 1);
    add(b, 0, LG_LIT("z"), LG_LIT("2"), 2);
    add(b, 0, LG_LIT("a"), LG_LIT("x"), 3);
    add(b, 0, LG_LIT("k"), LG_LIT("new"), 4);
    add(b, 0, LG_LIT("k"), LG_LIT("old"), 5);
    lg_row_batch_index(b);
    assert_rc(LG_ERR_BAD_DATA, lg_row_batch_sort(b, 0, LG_DUPLICATES_FAIL, &dropped, rows, &err));
    assert_slice_equal(rows[0].key, LG_LIT("k"));
    assert_slice_equal(rows[0].value, LG_LIT("new"));
    assert_int_equal(rows[0].origin, 1);
    assert_slice_equal(rows[1].value, LG_LIT("old"));
    assert_int_equal(rows[1].origin, 5);
}

static void a_batch_is_full_within_its_memory_and_can_be_used_again(void **state)
{
    LG_AUTO(lg_row_batch) *b = lg_row_batch_new(3, MEMORY);
    size_t rows_before = 0;
    uint8_t value[100] = {0};

    (void)state;
    for (int round = 0; round < 3; round++) {
        uint64_t n = 0;

        for (; !lg_row_batch_is_full(b); n++)
            add(b, (uint32_t)(n % 3), lg_slice(&n, sizeof n), lg_slice(value, sizeof value), n);
        assert_true(lg_row_batch_bytes(b) <= MEMORY);
        assert_true(lg_row_batch_bytes(b) >= MEMORY / 2);
        assert_true(round == 0 || rows_before == n);
        rows_before = (size_t)n;
        lg_row_batch_index(b);
        for (uint32_t p = 0; p < 3; p++)
            assert_int_equal(sort(b, p, LG_DUPLICATES_FAIL), 0);
        assert_int_equal(
            lg_row_batch_count(b, 0) + lg_row_batch_count(b, 1) + lg_row_batch_count(b, 2), n);
        lg_row_batch_clear(b);
        assert_int_equal(lg_row_batch_rows(b), 0);
        assert_int_equal(lg_row_batch_bytes(b), 0);
    }
}

static void a_row_larger_than_a_chunk_has_its_own(void **state)
{
    LG_AUTO(lg_row_batch) *b = lg_row_batch_new(1, MEMORY);
    uint8_t *big = lg_zalloc(400000);

    (void)state;
    for (int round = 0; round < 3; round++) {
        add(b, 0, LG_LIT("b"), LG_LIT("small"), 0);
        memset(big, 'A' + round, 400000);
        add(b, 0, LG_LIT("c"), lg_slice(big, 400000), 1);
        add(b, 0, LG_LIT("a"), LG_LIT("small"), 2);
        lg_row_batch_index(b);
        assert_int_equal(sort(b, 0, LG_DUPLICATES_FAIL), 0);
        assert_int_equal(lg_row_batch_count(b, 0), 3);
        assert_slice_equal(lg_row_batch_at(b, 0, 0).key, LG_LIT("a"));
        assert_slice_equal(lg_row_batch_at(b, 0, 2).value, lg_slice(big, 400000));
        lg_row_batch_clear(b);
    }
    lg_free(big);
}

static void an_empty_batch_is_indexed_and_sorted(void **state)
{
    LG_AUTO(lg_row_batch) *b = lg_row_batch_new(2, MEMORY);

    (void)state;
    lg_row_batch_index(b);
    assert_int_equal(sort(b, 1, LG_DUPLICATES_FAIL), 0);
    assert_int_equal(lg_row_batch_count(b, 1), 0);
    assert_int_equal(lg_row_batch_common(b, 1).size, 0);
    lg_row_batch_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_out_by_key_whatever_keys_share),
        cmocka_unit_test(of_equal_keys_the_first_or_the_last_added_stays),
        cmocka_unit_test(two_values_of_one_key_are_told_the_first_two_of_the_smallest_key),
        cmocka_unit_test(a_batch_is_full_within_its_memory_and_can_be_used_again),
        cmocka_unit_test(a_row_larger_than_a_chunk_has_its_own),
        cmocka_unit_test(an_empty_batch_is_indexed_and_sorted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
