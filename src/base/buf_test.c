/* Tests of the growing buffer, and of the typed array. */
#include "test/test.h"

#include "base/buf.h"

#include "base/vec.h"

static void appended_bytes_stand_one_after_the_other(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) b = {0};

    lg_buf_append(&b, NULL, 0);
    lg_buf_append_str(&b, "ab");
    lg_buf_append_byte(&b, 'c');
    lg_buf_append_slice(&b, LG_LIT("de"));
    lg_buf_appendf(&b, "-%d", 42);
    assert_slice_equal(lg_buf_slice(&b), LG_LIT("abcde-42"));
    assert_true(lg_buf_ok(&b));
}

static void numbers_are_written_in_the_named_byte_order_and_read_back(void **state)
{
    (void)state;
    static const uint8_t want[] = {1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 7, 8,
                                   4, 3, 2, 1, 8, 7, 6, 5, 4, 3, 2, 1};
    LG_SCOPED(lg_buf) b = {0};

    lg_buf_append_u32be(&b, 0x01020304);
    lg_buf_append_u64be(&b, 0x0102030405060708);
    lg_buf_append_u32le(&b, 0x01020304);
    lg_buf_append_u64le(&b, 0x0102030405060708);
    assert_slice_equal(lg_buf_slice(&b), lg_slice(want, sizeof(want)));
    assert_int_equal(lg_load_u32be(b.data), 0x01020304);
    assert_true(lg_load_u64be(b.data + 4) == 0x0102030405060708);
    assert_int_equal(lg_load_u32le(b.data + 12), 0x01020304);
    assert_true(lg_load_u64le(b.data + 16) == 0x0102030405060708);
}

static void short_copies_write_what_was_asked_and_nothing_else(void **state)
{
    (void)state;
    uint8_t from[140], to[144];

    for (size_t i = 0; i < sizeof from; i++)
        from[i] = (uint8_t)(i + 1);
    for (size_t n = 0; n <= sizeof from; n++) {
        memset(to, 0, sizeof to);
        lg_copy_short(to + 2, from, n);
        assert_slice_equal(lg_slice(to + 2, n), lg_slice(from, n));
        assert_int_equal(to[0] | to[1] | to[n + 2] | to[n + 3], 0);
    }
}

static void short_slices_are_equal_when_each_byte_is(void **state)
{
    (void)state;
    uint8_t a[40], b[40];

    for (size_t i = 0; i < sizeof a; i++)
        a[i] = b[i] = (uint8_t)i;
    for (size_t n = 0; n <= sizeof a; n++) {
        assert_true(lg_slice_eq_short(lg_slice(a, n), lg_slice(b, n)));
        assert_false(n > 0 && lg_slice_eq_short(lg_slice(a, n), lg_slice(b, n - 1)));
        for (size_t i = 0; i < n; i++) {
            b[i] ^= 0x80;
            assert_false(lg_slice_eq_short(lg_slice(a, n), lg_slice(b, n)));
            b[i] ^= 0x80;
        }
    }
}

static void long_formatted_text_is_not_cut(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) b = {0};

    for (int width = 250; width < 260; width++) {
        lg_buf_clear(&b);
        lg_buf_appendf(&b, "%*d", width, 7);
        assert_int_equal(b.size, width);
        assert_int_equal(b.data[width - 1], '7');
    }
}

static void nothing_is_written_past_the_ceiling_and_the_overflow_stays(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) b = lg_buf_with_ceiling(4);

    lg_buf_append_str(&b, "abcd");
    assert_true(lg_buf_ok(&b));
    lg_buf_append_byte(&b, 'e');
    assert_false(lg_buf_ok(&b));
    assert_slice_equal(lg_buf_slice(&b), LG_LIT("abcd"));
    b.size = 0; /* Room again, but there is a hole in the text now. */
    lg_buf_append_byte(&b, 'f');
    assert_int_equal(b.size, 0);
    assert_null(lg_buf_reserve(&b, 1));
    lg_buf_clear(&b);
    assert_true(lg_buf_ok(&b));
    lg_buf_append_str(&b, "12345");
    assert_false(lg_buf_ok(&b));
    assert_int_equal(b.size, 0);
}

static void text_that_exactly_fits_the_ceiling_may_be_formatted(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) small = lg_buf_with_ceiling(3), large = lg_buf_with_ceiling(300);

    lg_buf_appendf(&small, "%s", "abc");
    lg_buf_appendf(&large, "%300d", 1);
    assert_true(lg_buf_ok(&small) && lg_buf_ok(&large));
    lg_buf_clear(&large);
    lg_buf_appendf(&large, "%301d", 1);
    assert_false(lg_buf_ok(&large));
    assert_int_equal(large.size, 0);
}

static void a_huge_request_overflows_instead_of_wrapping_around(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) b = {0};

    lg_buf_append_byte(&b, 'a');
    assert_null(lg_buf_reserve(&b, SIZE_MAX));
    assert_false(lg_buf_ok(&b));
}

static void reserved_bytes_count_once_they_are_committed(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) b = {0};
    uint8_t *room = lg_buf_reserve(&b, 1000);

    memcpy(room, "abc", 3);
    assert_int_equal(b.size, 0);
    lg_buf_commit(&b, 3);
    assert_slice_equal(lg_buf_slice(&b), LG_LIT("abc"));
    assert_non_null(lg_buf_reserve(&b, 0));
}

static void consuming_drops_bytes_at_the_front(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) b = {0};

    lg_buf_append_str(&b, "abcdef");
    lg_buf_consume(&b, 0);
    lg_buf_consume(&b, 4);
    assert_slice_equal(lg_buf_slice(&b), LG_LIT("ef"));
    lg_buf_consume(&b, 2);
    assert_int_equal(b.size, 0);
}

static void the_text_moves_out_as_a_c_string(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) b = lg_buf_with_ceiling(3);
    LG_AUTO_STR char *empty = lg_buf_take_str(&b), *text = NULL;

    lg_buf_append_str(&b, "abc");
    text = lg_buf_take_str(&b);
    assert_string_equal(empty, "");
    assert_string_equal(text, "abc");
    assert_int_equal(b.size, 0);
    lg_buf_append_str(&b, "abcd");
    assert_false(lg_buf_ok(&b)); /* The ceiling stayed. */
}

static void a_typed_array_keeps_what_is_pushed(void **state)
{
    (void)state;
    LG_VEC(int) v = {0};

    for (int i = 0; i < 1000; i++)
        LG_VEC_PUSH(&v, i * 3);
    assert_int_equal(v.size, 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(v.data[i], i * 3);
    LG_VEC_DONE(&v);
    assert_null(v.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appended_bytes_stand_one_after_the_other),
        cmocka_unit_test(numbers_are_written_in_the_named_byte_order_and_read_back),
        cmocka_unit_test(short_copies_write_what_was_asked_and_nothing_else),
        cmocka_unit_test(short_slices_are_equal_when_each_byte_is),
        cmocka_unit_test(long_formatted_text_is_not_cut),
        cmocka_unit_test(nothing_is_written_past_the_ceiling_and_the_overflow_stays),
        cmocka_unit_test(text_that_exactly_fits_the_ceiling_may_be_formatted),
        cmocka_unit_test(a_huge_request_overflows_instead_of_wrapping_around),
        cmocka_unit_test(reserved_bytes_count_once_they_are_committed),
        cmocka_unit_test(consuming_drops_bytes_at_the_front),
        cmocka_unit_test(the_text_moves_out_as_a_c_string),
        cmocka_unit_test(a_typed_array_keeps_what_is_pushed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
