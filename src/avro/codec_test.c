/* Binary primitives both ways, and walking a datum. Vectors are the specification's. */
#include "avro/decode.h"
#include "avro/encode.h"
#include "base/rand.h"
#include "test/test.h"

static struct lg_schema *parsed(const char *text)
{
    struct lg_schema *s = NULL;
    struct lg_error err = {0};

    assert_ok(lg_schema_parse(lg_slice_str(text), &s, &err));
    return s;
}

static void longs_are_zigzag_varints(void **state)
{
    static const struct {
        int64_t v;
        struct lg_slice bytes;
    } vectors[] = {
        {0, {(const uint8_t *)"\x00", 1}},
        {-1, {(const uint8_t *)"\x01", 1}},
        {1, {(const uint8_t *)"\x02", 1}},
        {-2, {(const uint8_t *)"\x03", 1}},
        {-64, {(const uint8_t *)"\x7f", 1}},
        {64, {(const uint8_t *)"\x80\x01", 2}},
        {123456789, {(const uint8_t *)"\xaa\xb4\xde\x75", 4}},
        {INT64_MAX, {(const uint8_t *)"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10}},
        {INT64_MIN, {(const uint8_t *)"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10}},
    };
    struct lg_error err = {0};
    (void)state;

    for (size_t i = 0; i < LG_ARRAY_SIZE(vectors); i++) {
        LG_SCOPED(lg_buf) out = {0};
        struct lg_decoder d = lg_decoder_of(vectors[i].bytes);
        int64_t v = 7;

        lg_encode_long(&out, vectors[i].v);
        assert_slice_equal(lg_buf_slice(&out), vectors[i].bytes);
        assert_int_equal(lg_encode_long_size(vectors[i].v), out.size);
        assert_ok(lg_decode_long(&d, &v, &err));
        assert_true(v == vectors[i].v);
        assert_int_equal(lg_decoder_left(&d), 0);
    }
}

static void ints_keep_their_range(void **state)
{
    static const int32_t values[] = {0, -1, 63, 64, -65, 1 << 20, INT32_MAX, INT32_MIN};
    struct lg_error err = {0};
    (void)state;

    for (size_t i = 0; i < LG_ARRAY_SIZE(values); i++) {
        LG_SCOPED(lg_buf) out = {0};
        struct lg_decoder d;
        int32_t v = 7;

        lg_encode_int(&out, values[i]);
        d = lg_decoder_of(lg_buf_slice(&out));
        assert_ok(lg_decode_int(&d, &v, &err));
        assert_int_equal(v, values[i]);
    }
}

static void assert_long_refused(struct lg_slice bytes, const char *says)
{
    struct lg_decoder d = lg_decoder_of(bytes);
    struct lg_error err = {0};
    int64_t v = 7;

    assert_rc(LG_ERR_BAD_DATA, lg_decode_long(&d, &v, &err));
    assert_true(v == 7);
    assert_int_equal(d.at, 0);
    if (strstr(err.text, says) == NULL)
        fail_msg("wanted \"%s\" in: %s", says, err.text);
    assert_rc(LG_ERR_BAD_DATA, lg_decode_long(&d, &v, NULL));
}

static void varints_are_bounded(void **state)
{
    struct lg_decoder d = lg_decoder_of(LG_LIT("\x82\x80\x80\x80\x00"));
    struct lg_error err = {0};
    int64_t l = 0;
    int32_t i = 7;
    (void)state;

    /* Needless groups are allowed, as in Java. */
    assert_ok(lg_decode_int(&d, &i, &err));
    assert_int_equal(i, 1);
    d = lg_decoder_of(LG_LIT("\x82\x80\x80\x80\x80\x80\x80\x80\x80\x00"));
    assert_ok(lg_decode_long(&d, &l, &err));
    assert_true(l == 1);

    assert_long_refused(LG_SLICE_NULL, "ends at byte 0, inside a long");
    assert_long_refused(LG_LIT("\x80"), "ends at byte 1, inside a long");
    assert_long_refused(LG_LIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), "into 64 bits");
    assert_long_refused(LG_LIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00"), "than 10 bytes");
    d = lg_decoder_of(LG_LIT("\x80\x80\x80\x80\x10"));
    assert_rc(LG_ERR_BAD_DATA, lg_decode_int(&d, &i, &err));
    assert_non_null(strstr(err.text, "into 32 bits"));
    d = lg_decoder_of(LG_LIT("\x80\x80\x80\x80\x80\x00"));
    assert_rc(LG_ERR_BAD_DATA, lg_decode_int(&d, &i, &err));
    assert_non_null(strstr(err.text, "than 5 bytes"));
}

static void other_primitives_go_there_and_back(void **state)
{
    LG_SCOPED(lg_buf) out = {0};
    struct lg_decoder d;
    struct lg_error err = {0};
    struct lg_slice text, bytes, fixed;
    float f;
    double x;
    bool yes, no;
    (void)state;

    lg_encode_string(&out, LG_LIT("foo"));
    assert_slice_equal(lg_buf_slice(&out), LG_LIT("\x06"
                                                  "foo"));
    lg_encode_bytes(&out, LG_LIT("\xff"));
    lg_encode_float(&out, 1.5F);
    lg_encode_double(&out, -2.25);
    lg_encode_bool(&out, true);
    lg_encode_bool(&out, false);
    lg_encode_fixed(&out, LG_LIT("xy"));
    assert_slice_equal(
        lg_slice_skip(lg_buf_slice(&out), 4),
        LG_LIT("\x02\xff\x00\x00\xc0\x3f\x00\x00\x00\x00\x00\x00\x02\xc0\x01\x00xy"));
    d = lg_decoder_of(lg_buf_slice(&out));
    assert_ok(lg_decode_string(&d, &text, &err));
    assert_slice_equal(text, LG_LIT("foo"));
    assert_ptr_equal(text.data, out.data + 1);
    assert_ok(lg_decode_bytes(&d, &bytes, &err));
    assert_slice_equal(bytes, LG_LIT("\xff"));
    assert_ok(lg_decode_float(&d, &f, &err));
    assert_ok(lg_decode_double(&d, &x, &err));
    assert_true(f == 1.5F && x == -2.25);
    assert_ok(lg_decode_bool(&d, &yes, &err));
    assert_ok(lg_decode_bool(&d, &no, &err));
    assert_true(yes && !no);
    assert_slice_equal(lg_decoder_rest(&d), LG_LIT("xy"));
    assert_ok(lg_decode_fixed(&d, 2, &fixed, &err));
    assert_slice_equal(fixed, LG_LIT("xy"));
    assert_rc(LG_ERR_BAD_DATA, lg_decode_bool(&d, &yes, &err));
    assert_rc(LG_ERR_BAD_DATA, lg_decode_float(&d, &f, &err));
    assert_rc(LG_ERR_BAD_DATA, lg_decode_double(&d, &x, &err));
    assert_rc(LG_ERR_BAD_DATA, lg_decode_fixed(&d, 1, &fixed, &err));
}

/* --- Datums. ---------------------------------------------------------------------------------- */

static void assert_datum(const char *schema, struct lg_slice datum, const char *says)
{
    LG_AUTO(lg_schema) *s = parsed(schema);
    struct lg_error err = {0};
    enum lg_rc rc = lg_avro_check(s, datum, &err);

    if (says == NULL) {
        if (rc != LG_OK)
            fail_msg("%s: %s", schema, err.text);
        return;
    }
    assert_rc(LG_ERR_BAD_DATA, rc);
    if (strstr(err.text, says) == NULL)
        fail_msg("%s: wanted \"%s\" in: %s", schema, says, err.text);
    assert_rc(LG_ERR_BAD_DATA, lg_avro_check(s, datum, NULL));
}

static void good_datums_pass(void **state)
{
    (void)state;
    assert_datum("\"null\"", LG_SLICE_NULL, NULL);
    assert_datum("\"boolean\"", LG_LIT("\x01"), NULL);
    assert_datum("{\"type\":\"record\",\"name\":\"test\",\"fields\":[{\"name\":\"a\",\"type\":"
                 "\"long\"},{\"name\":\"b\",\"type\":\"string\"}]}",
                 LG_LIT("\x36\x06"
                        "foo"),
                 NULL);
    assert_datum("{\"type\":\"array\",\"items\":\"long\"}", LG_LIT("\x04\x06\x36\x00"), NULL);
    /* The same with a block's size, and in two blocks. */
    assert_datum("{\"type\":\"array\",\"items\":\"long\"}", LG_LIT("\x03\x04\x06\x36\x00"), NULL);
    assert_datum("{\"type\":\"array\",\"items\":\"long\"}", LG_LIT("\x02\x06\x02\x36\x00"), NULL);
    assert_datum("{\"type\":\"map\",\"values\":\"int\"}", LG_LIT("\x02\x02k\x08\x00"), NULL);
    assert_datum("[\"null\",\"string\"]",
                 LG_LIT("\x02\x02"
                        "a"),
                 NULL);
    assert_datum("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}", LG_LIT("\x02"),
                 NULL);
    assert_datum("{\"type\":\"fixed\",\"name\":\"F\",\"size\":3}", LG_LIT("abc"), NULL);
    assert_datum("{\"type\":\"array\",\"items\":\"null\"}", LG_LIT("\x80\x80\x80\x01\x00"), NULL);
}

static void bad_datums_are_named(void **state)
{
    static const char strings[] = "{\"type\":\"map\",\"values\":\"string\"}";
    static const char longs[] = "{\"type\":\"array\",\"items\":\"long\"}";
    static const char nulls[] = "{\"type\":\"array\",\"items\":\"null\"}";
    (void)state;

    assert_datum("\"null\"", LG_LIT("x"), "1 bytes follow");
    assert_datum("\"boolean\"", LG_LIT("\x02"), "a boolean is 0 or 1, this is 2");
    assert_datum("\"int\"", LG_LIT("\x80\x80\x80\x80\x80\x01"), "longer than 5 bytes");
    assert_datum("\"float\"", LG_LIT("abc"), "ends at byte 3");
    assert_datum("\"double\"", LG_LIT("abc"), "ends at byte 3");
    assert_datum("\"bytes\"", LG_LIT("\x01"), "the length is negative");
    assert_datum("\"bytes\"", LG_LIT("\x06xx"), "a length of 3, but the data ends at byte 3");
    assert_datum("\"bytes\"", LG_LIT("\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "a length of 92");
    assert_datum("\"string\"", LG_LIT("\x02\xff"), "not UTF-8");
    assert_datum("[\"null\",\"int\"]", LG_LIT("\x04"), "index 2 of 2 choices");
    assert_datum("[\"null\",\"int\"]", LG_LIT("\x01"), "index -1 of 2 choices");
    assert_datum("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}", LG_LIT("\x04"),
                 "index 2 of 2 choices");
    assert_datum("{\"type\":\"fixed\",\"name\":\"F\",\"size\":3}", LG_LIT("ab"), "inside a fixed");
    assert_datum(longs, LG_LIT("\x04\x06"), "a block of 2 items");
    assert_datum(longs, LG_LIT("\x02\x06"), "inside a block's count");
    assert_datum(longs, LG_LIT("\x01\x20\x06\x00"), "a block of 16 bytes");
    assert_datum(longs, LG_LIT("\x01\x01\x06\x00"), "a block of -1 bytes");
    assert_datum(longs, LG_LIT("\x01"), "inside a block's size");
    assert_datum(longs, LG_LIT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00\x00"), "more than");
    assert_datum(strings, LG_LIT("\x02\x02\xff\x00\x00"), "not UTF-8");
    assert_datum(strings, LG_LIT("\x04\x02k\x00"), "a block of 2 items");
    assert_datum(nulls, LG_LIT("\x82\x80\x80\x01\x00"), "more than the data can hold");
    /* Blocks add up. */
    assert_datum(nulls, LG_LIT("\x80\x80\x80\x01\x02\x00"), "more than the data can hold");
    assert_datum(
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":{\"type\":"
        "\"record\",\"name\":\"S\",\"fields\":[{\"name\":\"b\",\"type\":\"long\"}]}}]}",
        LG_LIT("\x80"), "field a: field b: the data ends at byte 1");
}

static void depth_is_bounded(void **state)
{
    LG_AUTO(lg_schema) *s = parsed("{\"type\":\"record\",\"name\":\"L\",\"fields\":[{\"name\":"
                                   "\"next\",\"type\":[\"null\",\"L\"]}]}");
    struct lg_error err = {0};
    uint8_t datum[LG_DATUM_DEPTH_MAX + 1];
    (void)state;

    memset(datum, 2, sizeof(datum));
    datum[LG_DATUM_DEPTH_MAX - 1] = 0;
    assert_ok(lg_avro_check(s, lg_slice(datum, LG_DATUM_DEPTH_MAX), &err));
    datum[LG_DATUM_DEPTH_MAX - 1] = 2;
    datum[LG_DATUM_DEPTH_MAX] = 0;
    assert_rc(LG_ERR_BAD_DATA, lg_avro_check(s, lg_slice(datum, sizeof(datum)), &err));
    assert_non_null(strstr(err.text, "nests deeper than 100"));
}

static void a_field_is_cut_out(void **state)
{
    LG_AUTO(lg_schema) *s = parsed(
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":\"string\"},"
        "{\"name\":\"b\",\"type\":\"long\"},{\"name\":\"c\",\"type\":\"null\"},"
        "{\"name\":\"d\",\"type\":\"boolean\"}]}");
    struct lg_slice datum = LG_LIT("\x04hi\x80\x01\x07"), out = {0};
    struct lg_error err = {0};
    (void)state;

    assert_ok(lg_avro_field(s, datum, 0, &out, &err));
    assert_slice_equal(out, LG_LIT("\x04hi"));
    assert_ok(lg_avro_field(s, datum, 1, &out, &err));
    assert_slice_equal(out, LG_LIT("\x80\x01"));
    assert_ok(lg_avro_field(s, datum, 2, &out, &err));
    assert_int_equal(out.size, 0);
    assert_rc(LG_ERR_BAD_DATA, lg_avro_field(s, datum, 3, &out, &err));
    assert_non_null(strstr(err.text, "field d: at byte 5"));
    assert_rc(LG_ERR_BAD_DATA, lg_avro_field(s, datum, 3, &out, NULL));
}

static void skip_leaves_the_decoder_after_the_datum(void **state)
{
    LG_AUTO(lg_schema) *s = parsed("{\"type\":\"array\",\"items\":\"int\"}");
    struct lg_decoder d = lg_decoder_of(LG_LIT("\x02\x08\x00\x00rest"));
    struct lg_error err = {0};
    (void)state;

    assert_ok(lg_avro_skip(s, &d, &err));
    assert_ok(lg_avro_skip(s, &d, &err));
    assert_slice_equal(lg_decoder_rest(&d), LG_LIT("rest"));
}

static void random_longs_survive(void **state)
{
    struct lg_rand r;
    struct lg_error err = {0};
    (void)state;

    lg_rand_seed(&r, 3);
    for (int i = 0; i < 10000; i++) {
        LG_SCOPED(lg_buf) out = {0};
        unsigned shift = (unsigned)lg_rand_below(&r, 64);
        int64_t v = (int64_t)(lg_rand_next(&r) >> shift), back = 0;
        struct lg_decoder d;

        lg_encode_long(&out, i % 2 == 0 ? v : ~v);
        assert_int_equal(lg_encode_long_size(i % 2 == 0 ? v : ~v), out.size);
        d = lg_decoder_of(lg_buf_slice(&out));
        assert_ok(lg_decode_long(&d, &back, &err));
        assert_true(back == (i % 2 == 0 ? v : ~v));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(longs_are_zigzag_varints),
        cmocka_unit_test(ints_keep_their_range),
        cmocka_unit_test(varints_are_bounded),
        cmocka_unit_test(other_primitives_go_there_and_back),
        cmocka_unit_test(good_datums_pass),
        cmocka_unit_test(bad_datums_are_named),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(a_field_is_cut_out),
        cmocka_unit_test(skip_leaves_the_decoder_after_the_datum),
        cmocka_unit_test(random_longs_survive),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
