/* Tests of bounded compression. */
#include "test/test.h"

#include "base/compressor.h"

#include "base/rand.h"

static void what_is_deflated_inflates_to_the_same(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 100, 65535, 65536, 65537, 300000};
    static uint8_t bytes[300000];
    struct lg_error err = {0};
    struct lg_rand r;

    lg_rand_seed(&r, 4);
    lg_rand_bytes(&r, bytes, sizeof(bytes) / 2); /* The rest is zero and compresses well. */
    for (size_t i = 0; i < LG_ARRAY_SIZE(sizes); i++) {
        LG_SCOPED(lg_buf) packed = {0}, plain = lg_buf_with_ceiling(sizes[i] + 3);
        struct lg_slice in = lg_slice(bytes + sizeof(bytes) - sizes[i], sizes[i]);

        assert_ok(lg_deflate_raw(&packed, in, &err));
        lg_buf_append_str(&plain, "pre"); /* The output is appended, up to the ceiling exactly. */
        assert_ok(lg_inflate_raw(&plain, lg_buf_slice(&packed), &err));
        assert_true(lg_buf_ok(&plain));
        assert_slice_equal(lg_slice_skip(lg_buf_slice(&plain), 3), in);
    }
}

/* "hello hello hello hello\n", packed by Python's zlib with wbits=-15. */
static void a_stream_of_another_program_is_read(void **state)
{
    (void)state;
    static const uint8_t packed[] = {0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x57,
                                     0xc8, 0x40, 0x27, 0xb9, 0x00};
    LG_SCOPED(lg_buf) plain = {0};
    struct lg_error err = {0};

    assert_ok(lg_inflate_raw(&plain, lg_slice(packed, sizeof(packed)), &err));
    assert_slice_equal(lg_buf_slice(&plain), LG_LIT("hello hello hello hello\n"));
}

static void output_over_the_ceiling_is_refused_and_leaves_the_buffer_as_it_was(void **state)
{
    (void)state;
    static uint8_t zeros[1000000];
    LG_SCOPED(lg_buf) packed = {0}, plain = lg_buf_with_ceiling(999999 + 4);
    LG_SCOPED(lg_buf) tiny = lg_buf_with_ceiling(2);
    struct lg_error err = {0};

    assert_ok(lg_deflate_raw(&packed, lg_slice(zeros, sizeof(zeros)), &err));
    lg_buf_append_str(&plain, "kept");
    assert_rc(LG_ERR_TOO_LARGE, lg_inflate_raw(&plain, lg_buf_slice(&packed), &err));
    assert_slice_equal(lg_buf_slice(&plain), LG_LIT("kept"));
    assert_true(lg_buf_ok(&plain));
    assert_non_null(strstr(err.text, "1000003 bytes"));
    assert_rc(LG_ERR_TOO_LARGE, lg_deflate_raw(&tiny, LG_LIT("hello world"), &err));
    assert_int_equal(tiny.size, 0);
}

static void a_cut_stream_is_bad_data_at_every_length(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) packed = {0};
    struct lg_error err = {0};

    assert_ok(lg_deflate_raw(&packed, LG_LIT("one two three one two three four"), &err));
    for (size_t n = 0; n < packed.size; n++) {
        LG_SCOPED(lg_buf) plain = {0};

        assert_rc(LG_ERR_BAD_DATA, lg_inflate_raw(&plain, lg_slice(packed.data, n), &err));
        assert_non_null(strstr(err.text, "ends too early"));
        assert_int_equal(plain.size, 0);
    }
}

static void garbage_and_trailing_bytes_are_bad_data(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) packed = {0}, plain = {0};
    struct lg_error err = {0};

    assert_rc(LG_ERR_BAD_DATA, lg_inflate_raw(&plain, LG_LIT("\xff\xff\xff\xff"), &err));
    assert_non_null(strstr(err.text, "damaged"));
    assert_ok(lg_deflate_raw(&packed, LG_LIT("abc"), &err));
    lg_buf_append_str(&packed, "xy");
    assert_rc(LG_ERR_BAD_DATA, lg_inflate_raw(&plain, lg_buf_slice(&packed), &err));
    assert_string_equal(err.text, "2 bytes follow the end of the DEFLATE stream");
    assert_int_equal(plain.size, 0);
}

/* What Python's fastavro makes of "abc": zlib's bytes without the first two and the last one. */
static void the_beginning_of_the_checksum_may_follow_the_stream(void **state)
{
    (void)state;
    static const uint8_t packed[] = {0x4b, 0x4c, 0x4a, 0x06, 0x00, 0x02, 0x4d, 0x01};
    static const uint8_t wrong[] = {0x4b, 0x4c, 0x4a, 0x06, 0x00, 0x02, 0x4d, 0x02};
    static const uint8_t nothing[] = {0x03, 0x00, 0x00, 0x00, 0x00, 0x01};
    struct lg_error err = {0};

    for (size_t n = 5; n <= sizeof(packed); n++) {
        LG_SCOPED(lg_buf) plain = {0};

        assert_ok(lg_inflate_raw(&plain, lg_slice(packed, n), &err));
        assert_slice_equal(lg_buf_slice(&plain), LG_LIT("abc"));
    }
    LG_SCOPED(lg_buf) plain = {0};
    assert_ok(lg_inflate_raw(&plain, lg_slice(nothing, sizeof(nothing)), &err));
    assert_int_equal(plain.size, 0);
    assert_rc(LG_ERR_BAD_DATA, lg_inflate_raw(&plain, lg_slice(wrong, sizeof(wrong)), &err));
    assert_string_equal(err.text, "3 bytes follow the end of the DEFLATE stream");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_deflated_inflates_to_the_same),
        cmocka_unit_test(a_stream_of_another_program_is_read),
        cmocka_unit_test(output_over_the_ceiling_is_refused_and_leaves_the_buffer_as_it_was),
        cmocka_unit_test(a_cut_stream_is_bad_data_at_every_length),
        cmocka_unit_test(garbage_and_trailing_bytes_are_bad_data),
        cmocka_unit_test(the_beginning_of_the_checksum_may_follow_the_stream),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
