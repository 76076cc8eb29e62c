/* The codecs of container files: there and back, the bytes of other programs, every damage. */
#include "avro/container_codec.h"
#include "base/str.h"
#include "test/test.h"

static void codecs_have_names(void **state)
{
    enum lg_container_codec codec = LG_CODEC_NULL;
    (void)state;

    for (int i = 0; i < LG_CODEC_COUNT; i++) {
        assert_true(
            lg_codec_of_name(lg_slice_str(lg_codec_name((enum lg_container_codec)i)), &codec));
        assert_int_equal(codec, i);
    }
    assert_false(lg_codec_of_name(LG_LIT("bzip2"), &codec));
    assert_false(lg_codec_of_name(LG_SLICE_NULL, &codec));
    assert_int_equal(codec, LG_CODEC_ZSTANDARD);
}

static void what_is_packed_comes_back(void **state)
{
    LG_AUTO(lg_zstd) *zstd = lg_zstd_new();
    LG_SCOPED(lg_buf) text = {0};
    struct lg_error err = {0};
    (void)state;

    for (int i = 0; i < 3000; i++)
        lg_buf_appendf(&text, "row %d,", i % 17);
    for (int codec = 0; codec < LG_CODEC_COUNT; codec++) {
        for (size_t n = 0; n <= text.size; n = n * 3 + 1) {
            LG_SCOPED(lg_buf) packed = {0};
            LG_SCOPED(lg_buf) plain = lg_buf_with_ceiling(n + 3);
            struct lg_slice in = lg_slice(text.data, n);

            assert_ok(lg_codec_pack((enum lg_container_codec)codec, zstd, &packed, in, &err));
            lg_buf_append_str(&plain, "pre");
            assert_ok(lg_codec_unpack((enum lg_container_codec)codec, zstd, &plain,
                                      lg_buf_slice(&packed), &err));
            assert_slice_equal(lg_slice_skip(lg_buf_slice(&plain), 3), in);
        }
    }
}

static void snappy_blocks_carry_a_checksum(void **state)
{
    LG_SCOPED(lg_buf) packed = {0};
    LG_SCOPED(lg_buf) plain = {0};
    struct lg_error err = {0};
    (void)state;

    /* CRC-32 of "123456789" is cbf43926. */
    assert_ok(lg_codec_pack(LG_CODEC_SNAPPY, NULL, &packed, LG_LIT("123456789"), &err));
    assert_slice_equal(lg_buf_slice(&packed), LG_LIT("\x09\x20"
                                                     "123456789\xcb\xf4\x39\x26"));
    lg_buf_append_str(&plain, "pre");
    packed.data[3] ^= 1;
    assert_rc(LG_ERR_BAD_DATA,
              lg_codec_unpack(LG_CODEC_SNAPPY, NULL, &plain, lg_buf_slice(&packed), &err));
    assert_non_null(strstr(err.text, "its checksum is cbf43926, that of its content "));
    assert_rc(LG_ERR_BAD_DATA, lg_codec_unpack(LG_CODEC_SNAPPY, NULL, &plain, LG_LIT("abc"), &err));
    assert_non_null(strstr(err.text, "no room for its checksum"));
    assert_slice_equal(lg_buf_slice(&plain), LG_LIT("pre"));
}

static void damaged_blocks_are_refused(void **state)
{
    LG_AUTO(lg_zstd) *zstd = lg_zstd_new();
    struct lg_error err = {0};
    (void)state;

    for (int codec = LG_CODEC_DEFLATE; codec < LG_CODEC_COUNT; codec++) {
        LG_SCOPED(lg_buf) packed = {0};
        LG_SCOPED(lg_buf) plain = {0};

        assert_ok(lg_codec_pack((enum lg_container_codec)codec, zstd, &packed,
                                LG_LIT("hello hello hello hello hello"), &err));
        lg_buf_append_str(&plain, "pre");
        for (size_t n = 0; n < packed.size; n++)
            assert_rc(LG_ERR_BAD_DATA, lg_codec_unpack((enum lg_container_codec)codec, zstd, &plain,
                                                       lg_slice(packed.data, n), &err));
        assert_rc(LG_ERR_BAD_DATA, lg_codec_unpack((enum lg_container_codec)codec, zstd, &plain,
                                                   LG_LIT("no such block at all"), &err));
        assert_slice_equal(lg_buf_slice(&plain), LG_LIT("pre"));
    }
}

static void the_ceiling_bounds_both_directions(void **state)
{
    LG_AUTO(lg_zstd) *zstd = lg_zstd_new();
    struct lg_slice text = LG_LIT("0123456789abcdefghijklmnopqrstuvwxyz");
    struct lg_error err = {0};
    (void)state;

    for (int codec = 0; codec < LG_CODEC_COUNT; codec++) {
        LG_SCOPED(lg_buf) packed = {0};
        LG_SCOPED(lg_buf) small = {0};

        assert_ok(lg_codec_pack((enum lg_container_codec)codec, zstd, &packed, text, &err));
        for (size_t ceiling = 3; ceiling < text.size + 3; ceiling++) {
            small = lg_buf_with_ceiling(ceiling);
            lg_buf_append_str(&small, "pre");
            assert_rc(LG_ERR_TOO_LARGE, lg_codec_unpack((enum lg_container_codec)codec, zstd,
                                                        &small, lg_buf_slice(&packed), &err));
            assert_true(lg_buf_ok(&small));
            assert_slice_equal(lg_buf_slice(&small), LG_LIT("pre"));
            lg_buf_done(&small);
        }
        for (size_t ceiling = 3; ceiling < packed.size + 3; ceiling++) {
            small = lg_buf_with_ceiling(ceiling);
            lg_buf_append_str(&small, "pre");
            assert_rc(LG_ERR_TOO_LARGE,
                      lg_codec_pack((enum lg_container_codec)codec, zstd, &small, text, &err));
            assert_slice_equal(lg_buf_slice(&small), LG_LIT("pre"));
            lg_buf_done(&small);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codecs_have_names),
        cmocka_unit_test(what_is_packed_comes_back),
        cmocka_unit_test(snappy_blocks_carry_a_checksum),
        cmocka_unit_test(damaged_blocks_are_refused),
        cmocka_unit_test(the_ceiling_bounds_both_directions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
