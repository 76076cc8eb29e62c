/* Record headers and their values. */
#include "record/headers.h"

#include "test/test.h"

static void a_record_count_is_eight_bytes_big_endian(void **state)
{
    uint8_t bytes[LG_RECORD_COUNT_BYTES];
    struct lg_error err = {0};
    int64_t count = 0;

    (void)state;
    lg_headers_record_count(bytes, 0x0102030405060708);
    assert_memory_equal(bytes, "\1\2\3\4\5\6\7\x08", 8);
    assert_ok(lg_headers_parse_record_count(lg_slice(bytes, 8), &count, &err));
    assert_int_equal(count, 0x0102030405060708);
    lg_headers_record_count(bytes, LG_RECORD_COUNT_UNKNOWN);
    assert_memory_equal(bytes, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
    assert_ok(lg_headers_parse_record_count(lg_slice(bytes, 8), &count, &err));
    assert_int_equal(count, -1);
}

static void a_malformed_record_count_is_refused(void **state)
{
    struct lg_error err = {0};
    int64_t count = 5;

    (void)state;
    assert_rc(LG_ERR_BAD_DATA, lg_headers_parse_record_count(LG_LIT("1234567"), &count, &err));
    assert_non_null(strstr(err.text, "prc has 7 bytes"));
    assert_rc(LG_ERR_BAD_DATA, lg_headers_parse_record_count(
                                   LG_LIT("\xff\xff\xff\xff\xff\xff\xff\xfe"), &count, &err));
    assert_int_equal(count, 5);
}

static void the_schema_goes_with_the_very_first_message(void **state)
{
    (void)state;
    assert_true(lg_headers_wants_schema(0, 0));
    assert_false(lg_headers_wants_schema(0, 1));
    assert_false(lg_headers_wants_schema(1, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_count_is_eight_bytes_big_endian),
        cmocka_unit_test(a_malformed_record_count_is_refused),
        cmocka_unit_test(the_schema_goes_with_the_very_first_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
