/* Tests of a push's compression: every row comes out once, in order, and reads back. */
#include "test/test.h"

#include <stdio.h>

#include "pushjob/packer.h"

struct input {
    size_t rows, next, value_bytes, fails_at;
    char key[32];
    struct lg_buf value;
};

static void value_of(struct lg_buf *out, size_t n, size_t bytes)
{
    lg_buf_clear(out);
    lg_buf_appendf(out, "{\"city\":\"Springfield-%zu\",\"country\":\"%s\",\"n\":%zu}", n % 97,
                   n % 2 ? "Germany" : "Switzerland", n);
    while (out->size < bytes)
        lg_buf_append_byte(out, (uint8_t)(out->size * n >> 3));
}

static enum lg_rc next(void *ctx, struct lg_row *out, bool *out_end, struct lg_error *err)
{
    struct input *in = ctx;

    if (in->next == in->fails_at)
        return lg_error_set(err, LG_ERR_BAD_DATA, "the input is bad");
    *out_end = in->next == in->rows;
    if (*out_end)
        return LG_OK;
    snprintf(in->key, sizeof(in->key), "key%08zu", in->next);
    value_of(&in->value, in->next, in->value_bytes);
    *out = (struct lg_row){
        .key = lg_slice_str(in->key), .value = lg_buf_slice(&in->value), .origin = in->next++};
    return LG_OK;
}

static struct lg_packer *packer_of(struct input *in, enum lg_compression compression, bool chunked)
{
    return lg_packer_new(
        &(struct lg_packer_options){.shape = {compression, chunked}, .next = next, .ctx = in});
}

static void check_rows(enum lg_compression compression, size_t rows, size_t value_bytes)
{
    struct input in = {.rows = rows, .value_bytes = value_bytes, .fails_at = SIZE_MAX};
    LG_AUTO(lg_packer) *p = packer_of(&in, compression, true);
    LG_SCOPED(lg_buf) want = {0}, got = {0};
    struct lg_error err = {0};
    uint64_t raw_bytes = 0;

    for (size_t n = 0;; n++) {
        struct lg_row row;
        bool end = false;
        char key[32];

        assert_ok(lg_packer_next(p, &row, &end, &err));
        if (end) {
            assert_int_equal(n, rows);
            break;
        }
        assert_int_equal(row.origin, n);
        snprintf(key, sizeof(key), "key%08zu", n);
        assert_slice_equal(row.key, lg_slice_str(key));
        value_of(&want, n, value_bytes);
        lg_buf_clear(&got);
        assert_ok(lg_packer_unpack(p, row.value, &got, &err));
        assert_slice_equal(lg_buf_slice(&got), lg_buf_slice(&want));
        raw_bytes += want.size;
    }
    assert_int_equal(lg_packer_raw_bytes(p), raw_bytes);
    if (compression == LG_COMPRESSION_NO_OP)
        assert_int_equal(lg_packer_packed_bytes(p), raw_bytes);
    if (compression == LG_COMPRESSION_ZSTD_WITH_DICT)
        assert_in_range(lg_packer_dictionary(p).size, 8, LG_PACKER_DICTIONARY_BYTES);
    else
        assert_int_equal(lg_packer_dictionary(p).size, 0);
    if (compression == LG_COMPRESSION_ZSTD_WITH_DICT && value_bytes == 0 && rows >= 10000)
        assert_in_range(lg_packer_packed_bytes(p), 1, raw_bytes / 2);
    lg_buf_done(&in.value);
}

static void rows_come_out_once_and_in_order_with_every_strategy(void **state)
{
    (void)state;
    for (int c = LG_COMPRESSION_NO_OP; c <= LG_COMPRESSION_ZSTD_WITH_DICT; c++) {
        check_rows((enum lg_compression)c, 0, 0);
        check_rows((enum lg_compression)c, 1, 0);
        check_rows((enum lg_compression)c, 500, 2000);
    }
}

/* More rows than are held, of small and of large values. */
static void the_rows_behind_the_sample_come_too(void **state)
{
    (void)state;
    check_rows(LG_COMPRESSION_ZSTD_WITH_DICT, 20000, 0);
    check_rows(LG_COMPRESSION_ZSTD_WITH_DICT, 20000, 600);
    check_rows(LG_COMPRESSION_ZSTD_WITH_DICT, 90, (size_t)1 << 20);
}

static void the_same_rows_give_the_same_dictionary(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) first = {0};

    for (int i = 0; i < 2; i++) {
        struct input in = {.rows = 3000, .fails_at = SIZE_MAX};
        LG_AUTO(lg_packer) *p = packer_of(&in, LG_COMPRESSION_ZSTD_WITH_DICT, false);
        struct lg_error err = {0};
        struct lg_row row;
        bool end = false;

        while (!end)
            assert_ok(lg_packer_next(p, &row, &end, &err));
        if (i == 0)
            lg_buf_append_slice(&first, lg_packer_dictionary(p));
        else
            assert_slice_equal(lg_buf_slice(&first), lg_packer_dictionary(p));
        lg_buf_done(&in.value);
    }
}

static void what_does_not_fit_is_refused_with_its_origin(void **state)
{
    (void)state;
    static const struct {
        enum lg_compression compression;
        bool chunked;
        size_t bytes;
        const char *sentence;
    } cases[] = {
        {LG_COMPRESSION_NO_OP, false, 972800, "--chunking"},
        {LG_COMPRESSION_NO_OP, true, LG_VALUE_BYTES_MAX + 1, "a value of 20971521 bytes"},
        {LG_COMPRESSION_NO_OP, false, LG_VALUE_BYTES_MAX + 1, "a value of 20971521 bytes"},
        {LG_COMPRESSION_GZIP, true, LG_VALUE_BYTES_MAX + 1, "a value of 20971521 bytes"},
    };

    for (size_t i = 0; i < LG_ARRAY_SIZE(cases); i++) {
        struct input in = {.rows = 1, .value_bytes = cases[i].bytes, .fails_at = SIZE_MAX};
        LG_AUTO(lg_packer) *p = packer_of(&in, cases[i].compression, cases[i].chunked);
        struct lg_row row = {.origin = 77};
        struct lg_error err = {0};
        bool end = false;

        assert_rc(LG_ERR_TOO_LARGE, lg_packer_next(p, &row, &end, &err));
        if (strstr(err.text, cases[i].sentence) == NULL)
            fail_msg("'%s' is not in '%s'", cases[i].sentence, err.text);
        assert_int_equal(row.origin, 0);
        lg_buf_done(&in.value);
    }
}

/* Compressed it fits, so it is allowed. */
static void a_large_value_that_compresses_needs_no_chunks(void **state)
{
    (void)state;
    struct input in = {.rows = 1, .value_bytes = 2000000, .fails_at = SIZE_MAX};
    LG_AUTO(lg_packer) *p = packer_of(&in, LG_COMPRESSION_ZSTD, false);
    struct lg_row row;
    struct lg_error err = {0};
    bool end = false;

    assert_ok(lg_packer_next(p, &row, &end, &err));
    assert_in_range(row.value.size, 1, 900000);
    lg_buf_done(&in.value);
}

static void errors_of_the_input_pass(void **state)
{
    (void)state;
    for (int c = LG_COMPRESSION_NO_OP; c <= LG_COMPRESSION_ZSTD_WITH_DICT; c++) {
        struct input in = {.rows = 10, .fails_at = 3};
        LG_AUTO(lg_packer) *p = packer_of(&in, (enum lg_compression)c, false);
        struct lg_row row;
        struct lg_error err = {0};
        bool end = false;
        enum lg_rc rc = LG_OK;

        for (int i = 0; i < 4 && rc == LG_OK; i++)
            rc = lg_packer_next(p, &row, &end, &err);
        assert_rc(LG_ERR_BAD_DATA, rc);
        assert_string_equal(err.text, "the input is bad");
        lg_buf_done(&in.value);
    }
}

static void a_store_and_its_version_say_how_values_are_stored(void **state)
{
    (void)state;
    LG_AUTO(lg_json) *store = NULL;
    LG_AUTO(lg_json) *version = NULL;
    LG_AUTO(lg_json) *foreign = NULL;
    struct lg_packer_shape shape = {0};
    struct lg_error err = {0};

    assert_ok(lg_json_parse(LG_LIT("{\"compressionStrategy\":\"ZSTD_WITH_DICT\","
                                   "\"chunkingEnabled\":true}"),
                            &store, &err));
    assert_ok(lg_json_parse(LG_LIT("{\"compressionStrategy\":\"ZSTD_WITH_DICT\","
                                   "\"lagoon\":{\"chunkingEnabled\":true}}"),
                            &version, &err));
    assert_ok(lg_json_parse(LG_LIT("{\"compressionStrategy\":\"LZ9\"}"), &foreign, &err));
    assert_ok(lg_packer_shape_of_store(store, &shape, &err));
    assert_int_equal(shape.compression, LG_COMPRESSION_ZSTD_WITH_DICT);
    assert_true(shape.chunked);
    assert_true(lg_packer_shape_fits_version(&shape, version));
    shape.chunked = false;
    assert_false(lg_packer_shape_fits_version(&shape, version));
    shape = (struct lg_packer_shape){LG_COMPRESSION_GZIP, true};
    assert_false(lg_packer_shape_fits_version(&shape, version));
    assert_rc(LG_ERR_UNSUPPORTED, lg_packer_shape_of_store(foreign, &shape, &err));
    assert_non_null(strstr(err.text, "LZ9"));
    assert_ok(lg_packer_shape_of_store(NULL, &shape, &err)); /* of a controller of before */
    assert_int_equal(shape.compression, LG_COMPRESSION_NO_OP);
    assert_false(shape.chunked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_out_once_and_in_order_with_every_strategy),
        cmocka_unit_test(the_rows_behind_the_sample_come_too),
        cmocka_unit_test(the_same_rows_give_the_same_dictionary),
        cmocka_unit_test(what_does_not_fit_is_refused_with_its_origin),
        cmocka_unit_test(a_large_value_that_compresses_needs_no_chunks),
        cmocka_unit_test(errors_of_the_input_pass),
        cmocka_unit_test(a_store_and_its_version_say_how_values_are_stored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
