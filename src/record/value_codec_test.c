/* Tests of the compression of values. */
#include "test/test.h"

#include "record/value_codec.h"

#include "base/rand.h"

static const struct lg_slice dictionary = {(const uint8_t *)"a dictionary of any content", 27};

static struct lg_value_codec *codec_of(enum lg_compression strategy)
{
    struct lg_value_codec *codec = NULL;
    struct lg_error err = {0};

    assert_ok(lg_value_codec_new(strategy, dictionary, &codec, &err));
    assert_int_equal(lg_value_codec_strategy(codec), strategy);
    return codec;
}

static void every_strategy_gives_back_what_it_was_given(void **state)
{
    (void)state;
    static uint8_t bytes[100000];
    static const size_t sizes[] = {0, 1, 50, 100000};
    struct lg_error err = {0};
    struct lg_rand r;

    lg_rand_seed(&r, 9);
    lg_rand_bytes(&r, bytes, sizeof(bytes) / 4);
    for (int s = LG_COMPRESSION_NO_OP; s <= LG_COMPRESSION_ZSTD_WITH_DICT; s++)
        for (size_t i = 0; i < LG_ARRAY_SIZE(sizes); i++) {
            LG_AUTO(lg_value_codec) *codec = codec_of((enum lg_compression)s);
            LG_SCOPED(lg_buf) packed = {0}, again = {0}, plain = {0};
            struct lg_slice value = lg_slice(bytes, sizes[i]);

            assert_ok(lg_value_codec_pack(codec, value, &packed, &err));
            assert_ok(lg_value_codec_pack(codec, value, &again, &err));
            assert_slice_equal(lg_buf_slice(&packed), lg_buf_slice(&again));
            if (s == LG_COMPRESSION_NO_OP)
                assert_int_equal(packed.size, sizes[i]);
            else if (sizes[i] > 50)
                assert_in_range(packed.size, 1, sizes[i] / 2);
            lg_buf_append_str(&plain, "before");
            assert_ok(lg_value_codec_unpack(codec, lg_buf_slice(&packed), &plain, &err));
            assert_slice_equal(lg_slice_skip(lg_buf_slice(&plain), 6), value);
        }
}

static void the_largest_value_passes_and_one_byte_more_does_not(void **state)
{
    (void)state;
    uint8_t *zeros = lg_zalloc(LG_VALUE_BYTES_MAX + 1);
    struct lg_error err = {0};

    for (int s = LG_COMPRESSION_NO_OP; s <= LG_COMPRESSION_ZSTD_WITH_DICT; s++) {
        LG_AUTO(lg_value_codec) *codec = codec_of((enum lg_compression)s);
        LG_SCOPED(lg_buf) packed = {0}, plain = {0};

        assert_ok(lg_value_codec_pack(codec, lg_slice(zeros, LG_VALUE_BYTES_MAX), &packed, &err));
        assert_ok(lg_value_codec_unpack(codec, lg_buf_slice(&packed), &plain, &err));
        assert_int_equal(plain.size, LG_VALUE_BYTES_MAX);
        assert_rc(
            LG_ERR_TOO_LARGE,
            lg_value_codec_pack(codec, lg_slice(zeros, LG_VALUE_BYTES_MAX + 1), &packed, &err));
        assert_string_equal(
            err.text,
            "a value of 20971521 bytes; at most 20971520 are allowed (limit value_bytes)");
    }
    lg_free(zeros);
}

/* A few bytes that would become more than a value may have. */
static void a_bomb_is_refused_at_the_limit(void **state)
{
    (void)state;
    uint8_t *zeros = lg_zalloc(2 * LG_VALUE_BYTES_MAX);
    struct lg_slice large = lg_slice(zeros, 2 * LG_VALUE_BYTES_MAX);
    LG_AUTO(lg_value_codec) *gzip = codec_of(LG_COMPRESSION_GZIP);
    LG_AUTO(lg_value_codec) *zstd = codec_of(LG_COMPRESSION_ZSTD);
    LG_AUTO(lg_value_codec) *none = codec_of(LG_COMPRESSION_NO_OP);
    LG_AUTO(lg_zstd) *z = lg_zstd_new();
    LG_SCOPED(lg_buf) a = {0}, b = {0}, out = {0};
    struct lg_error err = {0};

    assert_ok(lg_gzip(&a, large, &err));
    assert_ok(lg_zstd_compress(z, NULL, &b, large, &err));
    lg_buf_append_str(&out, "kept");
    assert_rc(LG_ERR_TOO_LARGE, lg_value_codec_unpack(gzip, lg_buf_slice(&a), &out, &err));
    assert_rc(LG_ERR_TOO_LARGE, lg_value_codec_unpack(zstd, lg_buf_slice(&b), &out, &err));
    assert_rc(LG_ERR_TOO_LARGE, lg_value_codec_unpack(none, large, &out, &err));
    assert_slice_equal(lg_buf_slice(&out), LG_LIT("kept"));
    assert_int_equal(out.ceiling, 0);
    lg_free(zeros);
}

static void bytes_of_another_strategy_are_corrupt(void **state)
{
    (void)state;
    struct lg_error err = {0};

    for (int s = LG_COMPRESSION_GZIP; s <= LG_COMPRESSION_ZSTD_WITH_DICT; s++) {
        LG_AUTO(lg_value_codec) *codec = codec_of((enum lg_compression)s);
        LG_SCOPED(lg_buf) out = {0};

        assert_rc(LG_ERR_CORRUPT, lg_value_codec_unpack(codec, LG_LIT("\x0cvalue1"), &out, &err));
        assert_int_equal(err.rc, LG_ERR_CORRUPT);
        assert_rc(LG_ERR_CORRUPT, lg_value_codec_unpack(codec, LG_SLICE_NULL, &out, NULL));
        assert_int_equal(out.size, 0);
    }
}

static void a_clone_outlives_what_it_was_made_of(void **state)
{
    (void)state;
    struct lg_error err = {0};

    for (int s = LG_COMPRESSION_NO_OP; s <= LG_COMPRESSION_ZSTD_WITH_DICT; s++) {
        struct lg_value_codec *codec = codec_of((enum lg_compression)s);
        LG_AUTO(lg_value_codec) *clone = lg_value_codec_clone(codec);
        LG_SCOPED(lg_buf) packed = {0}, plain = {0};

        assert_ok(lg_value_codec_pack(codec, LG_LIT("a dictionary value"), &packed, &err));
        lg_value_codec_free(codec);
        assert_int_equal(lg_value_codec_strategy(clone), s);
        assert_ok(lg_value_codec_unpack(clone, lg_buf_slice(&packed), &plain, &err));
        assert_slice_equal(lg_buf_slice(&plain), LG_LIT("a dictionary value"));
    }
}

static void a_damaged_dictionary_is_refused(void **state)
{
    (void)state;
    static const uint8_t damaged[] = {0x37, 0xa4, 0x30, 0xec, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    static uint8_t large[LG_ZSTD_DICT_BYTES_MAX + 1];
    struct lg_value_codec *codec = NULL;
    struct lg_error err = {0};

    assert_rc(LG_ERR_BAD_DATA,
              lg_value_codec_new(LG_COMPRESSION_ZSTD_WITH_DICT, lg_slice(damaged, sizeof(damaged)),
                                 &codec, &err));
    assert_rc(LG_ERR_TOO_LARGE, lg_value_codec_new(LG_COMPRESSION_ZSTD_WITH_DICT,
                                                   lg_slice(large, sizeof(large)), &codec, &err));
    assert_null(codec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_strategy_gives_back_what_it_was_given),
        cmocka_unit_test(the_largest_value_passes_and_one_byte_more_does_not),
        cmocka_unit_test(a_bomb_is_refused_at_the_limit),
        cmocka_unit_test(bytes_of_another_strategy_are_corrupt),
        cmocka_unit_test(a_clone_outlives_what_it_was_made_of),
        cmocka_unit_test(a_damaged_dictionary_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
