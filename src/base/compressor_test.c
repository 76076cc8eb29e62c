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

/* --- gzip ------------------------------------------------------------------------------------ */

static void what_is_gzipped_comes_back_and_equal_input_gives_equal_bytes(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 65535, 65536, 300000};
    static uint8_t bytes[300000];
    struct lg_error err = {0};
    struct lg_rand r;

    lg_rand_seed(&r, 5);
    lg_rand_bytes(&r, bytes, sizeof(bytes) / 2);
    for (size_t i = 0; i < LG_ARRAY_SIZE(sizes); i++) {
        LG_SCOPED(lg_buf) packed = {0}, again = {0}, plain = lg_buf_with_ceiling(sizes[i] + 3);
        struct lg_slice in = lg_slice(bytes + sizeof(bytes) - sizes[i], sizes[i]);

        assert_ok(lg_gzip(&packed, in, &err));
        assert_ok(lg_gzip(&again, in, &err));
        assert_slice_equal(lg_buf_slice(&packed), lg_buf_slice(&again));
        lg_buf_append_str(&plain, "pre");
        assert_ok(lg_gunzip(&plain, lg_buf_slice(&packed), &err));
        assert_slice_equal(lg_slice_skip(lg_buf_slice(&plain), 3), in);
    }
}

/* Two members by gzip 1.12: `printf abc | gzip -n`, `printf de | gzip -n`. */
static void a_gzip_file_of_several_members_is_read(void **state)
{
    (void)state;
    static const uint8_t packed[] = {
        0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x4b, 0x4c, 0x4a, 0x06, 0x00,
        0xc2, 0x41, 0x24, 0x35, 0x03, 0x00, 0x00, 0x00, 0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x03, 0x4b, 0x49, 0x05, 0x00, 0x8b, 0x29, 0x90, 0x7d, 0x02, 0x00, 0x00, 0x00};
    LG_SCOPED(lg_buf) plain = {0};
    struct lg_error err = {0};

    assert_ok(lg_gunzip(&plain, lg_slice(packed, sizeof(packed)), &err));
    assert_slice_equal(lg_buf_slice(&plain), LG_LIT("abcde"));
}

/* A cut, a changed byte, bytes behind the end, a bomb: no output remains of any. */
static void damaged_gzip_is_refused_and_leaves_the_buffer_as_it_was(void **state)
{
    (void)state;
    static uint8_t zeros[1000000];
    LG_SCOPED(lg_buf) packed = {0}, plain = lg_buf_with_ceiling(5000);
    struct lg_error err = {0};

    assert_ok(lg_gzip(&packed, LG_LIT("one two three one two three four"), &err));
    for (size_t n = 0; n < packed.size; n++) {
        assert_rc(LG_ERR_BAD_DATA, lg_gunzip(&plain, lg_slice(packed.data, n), &err));
        assert_int_equal(plain.size, 0);
    }
    packed.data[packed.size - 5] ^= 1; /* the CRC */
    assert_rc(LG_ERR_BAD_DATA, lg_gunzip(&plain, lg_buf_slice(&packed), &err));
    packed.data[packed.size - 5] ^= 1;
    lg_buf_append_str(&packed, "x");
    assert_rc(LG_ERR_BAD_DATA, lg_gunzip(&plain, lg_buf_slice(&packed), &err));
    lg_buf_clear(&packed);
    assert_ok(lg_gzip(&packed, lg_slice(zeros, sizeof(zeros)), &err));
    assert_rc(LG_ERR_TOO_LARGE, lg_gunzip(&plain, lg_buf_slice(&packed), &err));
    assert_int_equal(plain.size, 0);
    assert_true(lg_buf_ok(&plain));
}

/* --- zstd ------------------------------------------------------------------------------------ */

/* `n` records of about 60 bytes, alike as records are; their sizes into `sizes`. */
static void make_samples(struct lg_buf *out, size_t *sizes, size_t n)
{
    struct lg_rand r;

    lg_rand_seed(&r, 6);
    for (size_t i = 0; i < n; i++) {
        size_t before = out->size;

        unsigned city = (unsigned)lg_rand_below(&r, 1000);
        bool is_german = lg_rand_chance(&r, 1, 2);
        unsigned people = (unsigned)lg_rand_below(&r, 1000000);

        lg_buf_appendf(out, "{\"city\":\"Springfield-%u\",\"country\":\"%s\",\"people\":%u}", city,
                       is_german ? "Germany" : "Switzerland", people);
        sizes[i] = out->size - before;
    }
}

static void what_zstd_compresses_comes_back_with_and_without_dictionary(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 65535, 65536, 65537, 300000};
    static uint8_t bytes[300000];
    LG_AUTO(lg_zstd) *z = lg_zstd_new();
    LG_AUTO(lg_zstd_dict) *dict = NULL;
    struct lg_error err = {0};
    struct lg_rand r;

    lg_rand_seed(&r, 7);
    lg_rand_bytes(&r, bytes, sizeof(bytes) / 2);
    assert_ok(lg_zstd_dict_new(LG_LIT("any content is a dictionary"), 3, &dict, &err));
    assert_slice_equal(lg_zstd_dict_bytes(dict), LG_LIT("any content is a dictionary"));
    for (size_t i = 0; i < 2 * LG_ARRAY_SIZE(sizes); i++) {
        size_t size = sizes[i / 2];
        LG_SCOPED(lg_buf) packed = {0}, plain = lg_buf_with_ceiling(size + 3);
        struct lg_slice in = lg_slice(bytes + sizeof(bytes) - size, size);

        assert_ok(lg_zstd_compress(z, i % 2 == 0 ? NULL : dict, &packed, in, &err));
        lg_buf_append_str(&plain, "pre");
        assert_ok(
            lg_zstd_decompress(z, i % 2 == 0 ? NULL : dict, &plain, lg_buf_slice(&packed), &err));
        assert_slice_equal(lg_slice_skip(lg_buf_slice(&plain), 3), in);
    }
}

/* "hello hello hello hello\n" by zstd 1.5.4 from a pipe: no content size in its header. Twice. */
static void frames_of_unknown_size_are_read_one_behind_the_other(void **state)
{
    (void)state;
    static const uint8_t frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58, 0x6d, 0x00,
                                    0x00, 0x38, 0x68, 0x65, 0x6c, 0x6c, 0x6f, 0x20,
                                    0x0a, 0x01, 0x00, 0x99, 0x4b, 0x11};
    LG_AUTO(lg_zstd) *z = lg_zstd_new();
    LG_SCOPED(lg_buf) twice = {0}, plain = {0};
    struct lg_error err = {0};

    lg_buf_append(&twice, frame, sizeof(frame));
    lg_buf_append(&twice, frame, sizeof(frame));
    assert_ok(lg_zstd_decompress(z, NULL, &plain, lg_buf_slice(&twice), &err));
    assert_slice_equal(lg_buf_slice(&plain),
                       LG_LIT("hello hello hello hello\nhello hello hello hello\n"));
}

static void a_trained_dictionary_makes_small_records_small(void **state)
{
    (void)state;
    enum { N = 2000 };
    static size_t sizes[N];
    LG_AUTO(lg_zstd) *z = lg_zstd_new();
    LG_AUTO(lg_zstd_dict) *dict = NULL;
    LG_SCOPED(lg_buf)
    samples = {0}, bytes = {0}, again = {0}, with = {0}, without = {0}, plain = {0};
    struct lg_slice record =
        LG_LIT("{\"city\":\"Springfield-77\",\"country\":\"Switzerland\",\"people\":123456}");
    struct lg_error err = {0};

    make_samples(&samples, sizes, N);
    assert_ok(lg_zstd_train(&bytes, lg_buf_slice(&samples), sizes, N, 4096, &err));
    assert_ok(lg_zstd_train(&again, lg_buf_slice(&samples), sizes, N, 4096, &err));
    assert_slice_equal(lg_buf_slice(&bytes), lg_buf_slice(&again));
    assert_in_range(bytes.size, 256, 4096);
    assert_ok(lg_zstd_dict_new(lg_buf_slice(&bytes), LG_ZSTD_LEVEL_DEFAULT, &dict, &err));
    assert_ok(lg_zstd_compress(z, dict, &with, record, &err));
    assert_ok(lg_zstd_compress(z, NULL, &without, record, &err));
    assert_in_range(with.size, 1, without.size / 2);
    assert_ok(lg_zstd_decompress(z, dict, &plain, lg_buf_slice(&with), &err));
    assert_slice_equal(lg_buf_slice(&plain), record);
    /* Its reader needs the dictionary. */
    assert_rc(LG_ERR_BAD_DATA, lg_zstd_decompress(z, NULL, &plain, lg_buf_slice(&with), &err));
    assert_non_null(strstr(err.text, "ictionary"));
}

static void samples_without_a_lesson_are_a_dictionary_themselves(void **state)
{
    (void)state;
    size_t size = 20;
    LG_SCOPED(lg_buf) bytes = {0}, cut = {0};
    LG_SCOPED(lg_buf) tiny = lg_buf_with_ceiling(10);
    struct lg_error err = {0};

    assert_ok(lg_zstd_train(&bytes, LG_LIT("aaaaaaaaaabbbbbbbbbb"), &size, 1, 4096, &err));
    assert_slice_equal(lg_buf_slice(&bytes), LG_LIT("aaaaaaaaaabbbbbbbbbb"));
    assert_ok(lg_zstd_train(&cut, LG_LIT("aaaaaaaaaabbbbbbbbbb"), &size, 1, 10, &err));
    assert_slice_equal(lg_buf_slice(&cut), LG_LIT("bbbbbbbbbb"));
    assert_rc(LG_ERR_INVALID, lg_zstd_train(&cut, LG_SLICE_NULL, NULL, 0, 4096, &err));
    assert_rc(LG_ERR_INVALID, lg_zstd_train(&cut, LG_LIT("1234567"), &size, 1, 4096, &err));
    assert_rc(LG_ERR_TOO_LARGE, lg_zstd_train(&tiny, LG_LIT("aaaaaaaaaabb"), &size, 1, 4096, &err));
}

static void damaged_zstd_is_refused_and_leaves_the_buffer_as_it_was(void **state)
{
    (void)state;
    static uint8_t zeros[1000000];
    LG_AUTO(lg_zstd) *z = lg_zstd_new();
    LG_SCOPED(lg_buf) packed = {0}, plain = lg_buf_with_ceiling(999999);
    LG_SCOPED(lg_buf) tiny = lg_buf_with_ceiling(4);
    struct lg_error err = {0};

    assert_ok(lg_zstd_compress(z, NULL, &packed, LG_LIT("one two three one two three"), &err));
    for (size_t n = 0; n < packed.size; n++) {
        assert_rc(LG_ERR_BAD_DATA,
                  lg_zstd_decompress(z, NULL, &plain, lg_slice(packed.data, n), &err));
        assert_int_equal(plain.size, 0);
    }
    lg_buf_append_str(&packed, "behind the end");
    assert_rc(LG_ERR_BAD_DATA, lg_zstd_decompress(z, NULL, &plain, lg_buf_slice(&packed), &err));
    assert_rc(LG_ERR_BAD_DATA, lg_zstd_decompress(z, NULL, &plain, LG_LIT("not a frame"), &err));
    assert_non_null(strstr(err.text, "damaged"));
    lg_buf_clear(&packed);
    assert_ok(lg_zstd_compress(z, NULL, &packed, lg_slice(zeros, sizeof(zeros)), &err));
    assert_rc(LG_ERR_TOO_LARGE, lg_zstd_decompress(z, NULL, &plain, lg_buf_slice(&packed), &err));
    assert_non_null(strstr(err.text, "999999 bytes"));
    assert_int_equal(plain.size, 0);
    assert_true(lg_buf_ok(&plain));
    assert_rc(LG_ERR_TOO_LARGE, lg_zstd_compress(z, NULL, &tiny, LG_LIT("hello"), &err));
    assert_int_equal(tiny.size, 0);
}

/* A header that promises 1 TB costs nothing: room is given as output comes. */
static void a_frame_is_not_believed_about_its_size(void **state)
{
    (void)state;
    static const uint8_t frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0xc0, 0x00, 0x00,
                                    0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00,
                                    0x00, 0x19, 0x00, 0x00, 'a',  'b',  'c'};
    LG_AUTO(lg_zstd) *z = lg_zstd_new();
    LG_SCOPED(lg_buf) plain = {0};
    struct lg_error err = {0};

    assert_rc(LG_ERR_BAD_DATA,
              lg_zstd_decompress(z, NULL, &plain, lg_slice(frame, sizeof(frame)), &err));
    assert_in_range(plain.capacity, 0, 1 << 20);
}

static void dictionaries_that_cannot_be_are_refused(void **state)
{
    (void)state;
    /* The magic number of a trained dictionary, and then nonsense. */
    static const uint8_t damaged[] = {0x37, 0xa4, 0x30, 0xec, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    static uint8_t large[LG_ZSTD_DICT_BYTES_MAX + 1];
    LG_AUTO(lg_zstd_dict) *dict = NULL;
    struct lg_error err = {0};

    assert_rc(LG_ERR_INVALID, lg_zstd_dict_new(LG_LIT("0123456789"), 0, &dict, &err));
    assert_rc(LG_ERR_INVALID, lg_zstd_dict_new(LG_LIT("0123456789"), 20, &dict, &err));
    assert_rc(LG_ERR_TOO_LARGE, lg_zstd_dict_new(lg_slice(large, sizeof(large)), 3, &dict, &err));
    assert_rc(LG_ERR_BAD_DATA,
              lg_zstd_dict_new(lg_slice(damaged, sizeof(damaged)), 3, &dict, &err));
    assert_null(dict);
    assert_ok(lg_zstd_dict_new(LG_SLICE_NULL, 3, &dict, &err));
    lg_zstd_dict_unref(lg_zstd_dict_ref(dict));
}

static void what_snappy_compresses_comes_back(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 100, 65536, 65537, 300000};
    static uint8_t bytes[300000];
    struct lg_error err = {0};
    struct lg_rand r;

    lg_rand_seed(&r, 5);
    lg_rand_bytes(&r, bytes, sizeof(bytes) / 2); /* The rest is zero and compresses well. */
    for (size_t i = 0; i < LG_ARRAY_SIZE(sizes); i++) {
        LG_SCOPED(lg_buf) packed = {0}, plain = lg_buf_with_ceiling(sizes[i] + 3);
        struct lg_slice in = lg_slice(bytes + sizeof(bytes) - sizes[i], sizes[i]);

        assert_ok(lg_snappy_compress(&packed, in, &err));
        lg_buf_append_str(&plain, "pre");
        assert_ok(lg_snappy_decompress(&plain, lg_buf_slice(&packed), &err));
        assert_slice_equal(lg_slice_skip(lg_buf_slice(&plain), 3), in);
    }
    {
        /* "hello hello hello hello\n", packed by python3-snappy. */
        static const char packed[] = "\x18\x14hello B\x06\x00\x00\x0a";
        LG_SCOPED(lg_buf) plain = {0};

        assert_ok(lg_snappy_decompress(&plain, lg_slice(packed, sizeof(packed) - 1), &err));
        assert_slice_equal(lg_buf_slice(&plain), LG_LIT("hello hello hello hello\n"));
    }
}

static void damaged_snappy_is_refused_and_leaves_the_buffer_as_it_was(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) packed = {0}, plain = lg_buf_with_ceiling(30), small = {0};
    struct lg_error err = {0};

    assert_ok(lg_snappy_compress(&packed, LG_LIT("hello hello hello hello"), &err));
    lg_buf_append_str(&plain, "pre");
    for (size_t n = 0; n < packed.size; n++)
        assert_rc(LG_ERR_BAD_DATA, lg_snappy_decompress(&plain, lg_slice(packed.data, n), &err));
    assert_rc(LG_ERR_BAD_DATA, lg_snappy_decompress(&plain, LG_LIT("\x04zz"), &err));
    /* A promise of 64 MiB in eight bytes is not believed. */
    assert_rc(LG_ERR_BAD_DATA, lg_snappy_decompress(&small, LG_LIT("\x80\x80\x80\x20zzzz"), &err));
    assert_int_equal(small.capacity, 0);
    assert_slice_equal(lg_buf_slice(&plain), LG_LIT("pre"));
    plain.ceiling = 25;
    assert_rc(LG_ERR_TOO_LARGE, lg_snappy_decompress(&plain, lg_buf_slice(&packed), &err));
    assert_non_null(strstr(err.text, "snappy is over the limit of 25 bytes"));
    plain.ceiling = 5;
    assert_rc(LG_ERR_TOO_LARGE, lg_snappy_compress(&plain, LG_LIT("hello"), &err));
    assert_true(lg_buf_ok(&plain));
    assert_slice_equal(lg_buf_slice(&plain), LG_LIT("pre"));
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
        cmocka_unit_test(what_is_gzipped_comes_back_and_equal_input_gives_equal_bytes),
        cmocka_unit_test(a_gzip_file_of_several_members_is_read),
        cmocka_unit_test(damaged_gzip_is_refused_and_leaves_the_buffer_as_it_was),
        cmocka_unit_test(what_zstd_compresses_comes_back_with_and_without_dictionary),
        cmocka_unit_test(frames_of_unknown_size_are_read_one_behind_the_other),
        cmocka_unit_test(a_trained_dictionary_makes_small_records_small),
        cmocka_unit_test(samples_without_a_lesson_are_a_dictionary_themselves),
        cmocka_unit_test(damaged_zstd_is_refused_and_leaves_the_buffer_as_it_was),
        cmocka_unit_test(a_frame_is_not_believed_about_its_size),
        cmocka_unit_test(dictionaries_that_cannot_be_are_refused),
        cmocka_unit_test(what_snappy_compresses_comes_back),
        cmocka_unit_test(damaged_snappy_is_refused_and_leaves_the_buffer_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
