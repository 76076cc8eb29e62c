/* Tests of text: numbers, base64, percent, hexadecimal, UTF-8 and the nearest name. */
#include "test/test.h"

#include "base/str.h"

#include <ctype.h>

static void formatted_strings_have_any_length(void **state)
{
    (void)state;
    LG_AUTO_STR char *small = lg_strf("%s_v%d", "cities", 3), *large = lg_strf("%5000d", 1);

    assert_string_equal(small, "cities_v3");
    assert_int_equal(strlen(large), 5000);
}

static void whole_numbers_within_the_range_are_read(void **state)
{
    (void)state;
    uint64_t u = 0;
    int64_t i = 0;

    assert_true(lg_parse_u64(LG_LIT("18446744073709551615"), UINT64_MAX, &u));
    assert_true(u == UINT64_MAX);
    assert_true(lg_parse_u64(LG_LIT("0"), 0, &u));
    assert_true(u == 0);
    assert_true(lg_parse_i64(LG_LIT("-9223372036854775808"), INT64_MIN, INT64_MAX, &i));
    assert_true(i == INT64_MIN);
    assert_true(lg_parse_i64(LG_LIT("9223372036854775807"), INT64_MIN, INT64_MAX, &i));
    assert_true(i == INT64_MAX);
    assert_true(lg_parse_i64(LG_LIT("-5"), -5, 5, &i));
    assert_true(i == -5);
}

static void anything_else_is_no_number_and_leaves_the_output_alone(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "-",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "1x",
                                      "0x10",
                                      "1.0",
                                      "--1",
                                      "1e3",
                                      "-6",
                                      "6",
                                      "9223372036854775808",
                                      "-9223372036854775809",
                                      "18446744073709551616",
                                      "99999999999999999999999"};
    uint64_t u = 77;
    int64_t i = 77;

    for (size_t n = 0; n < LG_ARRAY_SIZE(bad); n++) {
        assert_false(lg_parse_i64(lg_slice_str(bad[n]), -5, 5, &i));
        assert_false(lg_parse_u64(lg_slice_str(bad[n]), 5, &u));
    }
    assert_false(lg_parse_u64(LG_LIT("-1"), UINT64_MAX, &u));
    assert_false(lg_parse_u64(LG_LIT("18446744073709551616"), UINT64_MAX, &u));
    assert_false(lg_parse_u64(lg_slice("1\0", 2), UINT64_MAX, &u));
    assert_true(u == 77 && i == 77);
}

/* RFC 4648, section 10. */
static void base64_gives_the_vectors_of_the_rfc_both_ways(void **state)
{
    (void)state;
    static const char *const plain[] = {"", "f", "fo", "foo", "foob", "fooba", "foobar"};
    static const char *const coded[] = {"",         "Zg==",     "Zm8=",    "Zm9v",
                                        "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};

    for (size_t i = 0; i < LG_ARRAY_SIZE(plain); i++) {
        LG_SCOPED(lg_buf) text = {0}, bytes = {0}, unpadded = {0};
        struct lg_slice code = lg_slice_str(coded[i]);

        lg_base64_encode(&text, lg_slice_str(plain[i]), false);
        assert_slice_equal(lg_buf_slice(&text), code);
        assert_true(lg_base64_decode(&bytes, code));
        assert_slice_equal(lg_buf_slice(&bytes), lg_slice_str(plain[i]));
        while (code.size > 0 && code.data[code.size - 1] == '=')
            code.size--;
        assert_true(lg_base64_decode(&unpadded, code));
        assert_slice_equal(lg_buf_slice(&unpadded), lg_slice_str(plain[i]));
    }
}

static void base64_reads_both_alphabets_and_writes_the_chosen_one(void **state)
{
    (void)state;
    static const uint8_t raw[] = {0xfb, 0xff, 0xfe};
    LG_SCOPED(lg_buf) standard = {0}, url = {0}, a = {0}, b = {0};

    lg_base64_encode(&standard, lg_slice(raw, 3), false);
    lg_base64_encode(&url, lg_slice(raw, 3), true);
    assert_slice_equal(lg_buf_slice(&standard), LG_LIT("+//+"));
    assert_slice_equal(lg_buf_slice(&url), LG_LIT("-__-"));
    assert_true(lg_base64_decode(&a, LG_LIT("+//+")));
    assert_true(lg_base64_decode(&b, LG_LIT("-__-")));
    assert_slice_equal(lg_buf_slice(&a), lg_slice(raw, 3));
    assert_slice_equal(lg_buf_slice(&b), lg_slice(raw, 3));
}

static void malformed_base64_is_refused_and_nothing_is_appended(void **state)
{
    (void)state;
    static const char *const bad[] = {"Z",     "Zm9vY",   "Zg=",     "Zm9=v", "Zg==Zg==",
                                      "====",  "Z===",    "Zm 8",    "Zm8\n", "=",
                                      "Zg===", "Zm\x80v", "Zm 8Zm9v"};
    LG_SCOPED(lg_buf) out = {0}, tiny = lg_buf_with_ceiling(2), exact = lg_buf_with_ceiling(6);

    lg_buf_append_str(&out, "kept");
    for (size_t i = 0; i < LG_ARRAY_SIZE(bad); i++)
        assert_false(lg_base64_decode(&out, lg_slice_str(bad[i])));
    assert_slice_equal(lg_buf_slice(&out), LG_LIT("kept"));
    assert_false(lg_base64_decode(&tiny, LG_LIT("Zm9v")));
    assert_false(lg_buf_ok(&tiny));
    assert_true(lg_base64_decode(&exact, LG_LIT("Zm9vYmFy")));
}

static void base64_refuses_each_other_character_at_each_place(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) out = {0};

    for (size_t place = 0; place < 8; place++)
        for (unsigned c = 0; c < 256; c++) {
            char text[] = "Zm9vYmFy";
            bool good = c != 0 && c < 128 && (isalnum((int)c) || strchr("+/-_", (int)c) != NULL);

            text[place] = (char)c;
            if (c == '=' && place == 7) /* It stands for no bits. */
                good = true;
            assert_int_equal(lg_base64_decode(&out, lg_slice(text, 8)), good);
        }
}

static void percent_escapes_are_decoded_in_both_cases_of_digits(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) a = {0}, b = {0};

    assert_true(lg_percent_decode(&a, LG_LIT("a%2Fb%2fc+d%00"), false));
    assert_slice_equal(lg_buf_slice(&a), LG_LIT("a/b/c+d\0"));
    assert_true(lg_percent_decode(&b, LG_LIT("a+b%2B"), true));
    assert_slice_equal(lg_buf_slice(&b), LG_LIT("a b+"));
}

static void bad_percent_escapes_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"%", "%2", "abc%", "%zz", "%2g", "%g2", "%%41"};
    LG_SCOPED(lg_buf) out = {0};

    for (size_t i = 0; i < LG_ARRAY_SIZE(bad); i++)
        assert_false(lg_percent_decode(&out, lg_slice_str(bad[i]), false));
    assert_int_equal(out.size, 0);
}

static void all_bytes_survive_percent_and_hexadecimal(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) percent = {0}, hex = {0}, a = {0}, b = {0}, unreserved = {0};
    uint8_t all[256];

    for (size_t i = 0; i < sizeof(all); i++)
        all[i] = (uint8_t)i;
    lg_percent_encode(&percent, lg_slice(all, 256));
    lg_hex_encode(&hex, lg_slice(all, 256));
    assert_int_equal(hex.size, 512);
    assert_true(lg_percent_decode(&a, lg_buf_slice(&percent), true));
    assert_true(lg_hex_decode(&b, lg_buf_slice(&hex)));
    assert_slice_equal(lg_buf_slice(&a), lg_slice(all, 256));
    assert_slice_equal(lg_buf_slice(&b), lg_slice(all, 256));
    lg_percent_encode(&unreserved, LG_LIT("aZ09-._~ /"));
    assert_slice_equal(lg_buf_slice(&unreserved), LG_LIT("aZ09-._~%20%2F"));
}

static void malformed_hexadecimal_is_refused(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) out = {0};

    assert_false(lg_hex_decode(&out, LG_LIT("abc")));
    assert_false(lg_hex_decode(&out, LG_LIT("0g")));
    assert_int_equal(out.size, 0);
    assert_true(lg_hex_decode(&out, LG_LIT("AbCd")));
    assert_slice_equal(lg_buf_slice(&out), LG_LIT("\xab\xcd"));
}

static void utf8_is_accepted_up_to_its_exact_borders(void **state)
{
    (void)state;
    static const char *const good[] = {"",
                                       "a",
                                       "\xc2\x80",         /* U+0080 */
                                       "\xdf\xbf",         /* U+07FF */
                                       "\xe0\xa0\x80",     /* U+0800 */
                                       "\xed\x9f\xbf",     /* U+D7FF */
                                       "\xee\x80\x80",     /* U+E000 */
                                       "\xef\xbf\xbf",     /* U+FFFF */
                                       "\xf0\x90\x80\x80", /* U+10000 */
                                       "\xf4\x8f\xbf\xbf" /* U+10FFFF */};
    static const char *const bad[] = {"\x80",
                                      "\xbf",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xc2",
                                      "\xc2\x41",
                                      "\xe0\x9f\xbf",
                                      "\xe0\xa0",
                                      "\xe1\x80\x41",
                                      "\xed\xa0\x80",
                                      "\xed\xbf\xbf",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf0\x90\x80",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xff",
                                      "ok\xfe"};

    for (size_t i = 0; i < LG_ARRAY_SIZE(good); i++)
        assert_true(lg_utf8_valid(lg_slice_str(good[i])));
    for (size_t i = 0; i < LG_ARRAY_SIZE(bad); i++)
        assert_false(lg_utf8_valid(lg_slice_str(bad[i])));
    assert_true(lg_utf8_valid(lg_slice("a\0b", 3)));
    assert_int_equal(lg_utf8_length(LG_LIT("\xe2\x82\xac!")), 3);
    assert_int_equal(lg_utf8_length(LG_SLICE_NULL), 0);
}

static void the_nearest_name_is_found_within_a_third_of_the_word(void **state)
{
    (void)state;
    static const char *const names[] = {"partition_count", "replication_factor", "store", "stop"};
    size_t n = LG_ARRAY_SIZE(names);

    assert_string_equal(lg_nearest("partiton_count", names, n), "partition_count");
    assert_string_equal(lg_nearest("partitoin_count", names, n), "partition_count"); /* swap */
    assert_string_equal(lg_nearest("replication", names, n) == NULL ? "none" : "some", "none");
    assert_string_equal(lg_nearest("stroe", names, n), "store"); /* 1; to "stop" it is 2 */
    assert_string_equal(lg_nearest("st", names, n), "stop");
    assert_null(lg_nearest("zzzzzz", names, n));
    assert_null(lg_nearest("store", names, 0));
}

static void among_equals_the_first_name_wins_and_overlong_words_have_none(void **state)
{
    (void)state;
    static const char *const names[] = {"aab", "aac"};
    static const char *const wide_names[] = {
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"};

    assert_string_equal(lg_nearest("aaa", names, 2), "aab");
    assert_int_equal(strlen(wide_names[0]), 65);
    assert_null(lg_nearest(wide_names[0], wide_names, 1));
    assert_null(lg_nearest(wide_names[0] + 1, wide_names, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formatted_strings_have_any_length),
        cmocka_unit_test(whole_numbers_within_the_range_are_read),
        cmocka_unit_test(anything_else_is_no_number_and_leaves_the_output_alone),
        cmocka_unit_test(base64_gives_the_vectors_of_the_rfc_both_ways),
        cmocka_unit_test(base64_reads_both_alphabets_and_writes_the_chosen_one),
        cmocka_unit_test(malformed_base64_is_refused_and_nothing_is_appended),
        cmocka_unit_test(base64_refuses_each_other_character_at_each_place),
        cmocka_unit_test(percent_escapes_are_decoded_in_both_cases_of_digits),
        cmocka_unit_test(bad_percent_escapes_are_refused),
        cmocka_unit_test(all_bytes_survive_percent_and_hexadecimal),
        cmocka_unit_test(malformed_hexadecimal_is_refused),
        cmocka_unit_test(utf8_is_accepted_up_to_its_exact_borders),
        cmocka_unit_test(the_nearest_name_is_found_within_a_third_of_the_word),
        cmocka_unit_test(among_equals_the_first_name_wins_and_overlong_words_have_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
