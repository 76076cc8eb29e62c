/* Numbers as people say them. */
#include "admin/words.h"

#include "test/test.h"

static void bytes_have_the_largest_unit_that_is_not_below_one(void **state)
{
    char text[LG_WORDS_MAX];

    (void)state;
    assert_string_equal(lg_words_bytes(text, 0), "0 B");
    assert_string_equal(lg_words_bytes(text, 1023), "1023 B");
    assert_string_equal(lg_words_bytes(text, 1536), "1.5 KiB");
    assert_string_equal(lg_words_bytes(text, INT64_C(5) << 30), "5.0 GiB");
    assert_string_equal(lg_words_bytes(text, INT64_C(3000) << 40), "3000.0 TiB");
}

static void times_have_two_units_at_most(void **state)
{
    char text[LG_WORDS_MAX];

    (void)state;
    assert_string_equal(lg_words_time(text, 999), "0 s");
    assert_string_equal(lg_words_time(text, 59000), "59 s");
    assert_string_equal(lg_words_time(text, 200000), "3 min 20 s");
    assert_string_equal(lg_words_time(text, 3900000), "1 h 5 min");
    assert_string_equal(lg_words_time(text, INT64_C(51) * 3600000), "2 d 3 h");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_have_the_largest_unit_that_is_not_below_one),
        cmocka_unit_test(times_have_two_units_at_most),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
