/* Datums as JSON text and back. */
#include "avro/encode.h"
#include "avro/json_text.h"
#include "base/rand.h"
#include "test/test.h"

#include <math.h>
#include <stdlib.h>

static struct lg_schema *parsed(const char *text)
{
    struct lg_schema *s = NULL;
    struct lg_error err = {0};

    assert_ok(lg_schema_parse(lg_slice_str(text), &s, &err));
    return s;
}

/* JSON to bytes; `says` NULL when it must work, else the sentence must hold it. */
static void encoded(const struct lg_schema *s, const char *json_text, struct lg_buf *out,
                    const char *says)
{
    LG_AUTO(lg_json) *json = NULL;
    struct lg_error err = {0};
    enum lg_rc rc;

    assert_ok(lg_json_parse(lg_slice_str(json_text), &json, &err));
    lg_buf_append_str(out, "before");
    rc = lg_avro_from_json(s, json, out, &err);
    if (says == NULL) {
        if (rc != LG_OK)
            fail_msg("%s: %s", json_text, err.text);
        assert_ok(lg_avro_check(s, lg_slice_skip(lg_buf_slice(out), 6), &err));
    } else {
        assert_rc(LG_ERR_BAD_DATA, rc);
        if (strstr(err.text, says) == NULL)
            fail_msg("%s: wanted \"%s\" in: %s", json_text, says, err.text);
        assert_int_equal(out->size, 6);
        assert_rc(LG_ERR_BAD_DATA, lg_avro_from_json(s, json, out, NULL));
    }
    lg_buf_consume(out, 6);
}

/* JSON to bytes to the same JSON; returns the first byte, which is a union's index. */
static uint8_t assert_round(const char *schema, const char *json_text, const char *back)
{
    LG_AUTO(lg_schema) *s = parsed(schema);
    LG_SCOPED(lg_buf) bytes = {0};
    LG_SCOPED(lg_buf) text = {0};
    struct lg_error err = {0};
    struct lg_decoder d;

    encoded(s, json_text, &bytes, NULL);
    d = lg_decoder_of(lg_buf_slice(&bytes));
    assert_ok(lg_avro_to_json(s, &d, &text, &err));
    assert_int_equal(lg_decoder_left(&d), 0);
    lg_buf_append_byte(&text, 0);
    assert_string_equal((const char *)text.data, back == NULL ? json_text : back);
    return bytes.size > 0 ? bytes.data[0] : 0xff;
}

static void assert_wrong(const char *schema, const char *json_text, const char *says)
{
    LG_AUTO(lg_schema) *s = parsed(schema);
    LG_SCOPED(lg_buf) out = {0};

    encoded(s, json_text, &out, says);
}

#define FIXED2 "{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}"
#define ENUM "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}"

static void scalars_go_there_and_back(void **state)
{
    (void)state;
    assert_round("\"null\"", "null", NULL);
    assert_round("\"boolean\"", "true", NULL);
    assert_round("\"boolean\"", "false", NULL);
    assert_round("\"int\"", "-2147483648", NULL);
    assert_round("\"long\"", "9223372036854775807", NULL);
    assert_round("\"long\"", "-9223372036854775808", NULL);
    assert_round("\"double\"", "0.1", NULL);
    assert_round("\"double\"", "5", "5.0");
    assert_round("\"double\"", "-0.0", NULL);
    assert_round("\"double\"", "\"NaN\"", NULL);
    assert_round("\"double\"", "\"Infinity\"", NULL);
    assert_round("\"float\"", "\"-Infinity\"", NULL);
    assert_round("\"float\"", "0.1", NULL);
    assert_round("\"float\"", "16777216", "16777216.0");
    assert_round("\"string\"", "\"\\u0000 \\\" \xc3\xa9\"", NULL);
    assert_round("\"bytes\"", "\"AP8=\"", NULL);
    assert_round("\"bytes\"", "\"\"", NULL);
    assert_round(FIXED2, "\"AP8=\"", NULL);
    assert_round(ENUM, "\"B\"", NULL);
}

static void nested_values_go_there_and_back(void **state)
{
    (void)state;
    assert_round("{\"type\":\"array\",\"items\":\"long\"}", "[]", NULL);
    assert_round("{\"type\":\"array\",\"items\":\"long\"}", "[1,2,3]", NULL);
    assert_round("{\"type\":\"map\",\"values\":[\"null\",\"int\"]}", "{\"b\":1,\"a\":null}", NULL);
    assert_round("{\"type\":\"map\",\"values\":\"int\"}", "{}", NULL);
    assert_round(
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"a\",\"type\":\"int\"},"
        "{\"name\":\"b\",\"type\":{\"type\":\"array\",\"items\":\"string\"}}]}",
        "{\"b\":[\"x\"],\"a\":1}", "{\"a\":1,\"b\":[\"x\"]}");
    assert_round(
        "{\"type\":\"record\",\"name\":\"L\",\"fields\":[{\"name\":\"n\",\"type\":\"int\"},"
        "{\"name\":\"next\",\"type\":[\"null\",\"L\"]}]}",
        "{\"n\":1,\"next\":{\"n\":2,\"next\":null}}", NULL);
}

static void the_bytes_are_avros(void **state)
{
    LG_AUTO(lg_schema) *s = parsed(
        "{\"type\":\"record\",\"name\":\"test\",\"fields\":[{\"name\":\"a\",\"type\":\"long\"},"
        "{\"name\":\"b\",\"type\":\"string\"},{\"name\":\"c\",\"type\":{\"type\":\"map\","
        "\"values\":\"int\"}}]}");
    LG_SCOPED(lg_buf) out = {0};
    (void)state;

    encoded(s, "{\"a\":27,\"b\":\"foo\",\"c\":{\"k\":4}}", &out, NULL);
    assert_slice_equal(lg_buf_slice(&out), LG_LIT("\x36\x06"
                                                  "foo\x02\x02k\x08\x00"));
}

static void a_union_takes_the_branch_that_fits(void **state)
{
    (void)state;
    assert_int_equal(assert_round("[\"null\",\"int\"]", "null", NULL), 0);
    assert_int_equal(assert_round("[\"null\",\"int\"]", "5", NULL), 2);
    assert_int_equal(assert_round("[\"int\",\"long\"]", "5", NULL), 0);
    assert_int_equal(assert_round("[\"int\",\"long\"]", "2147483648", NULL), 2);
    assert_int_equal(assert_round("[\"double\",\"long\"]", "5", NULL), 2);
    assert_int_equal(assert_round("[\"double\",\"long\"]", "5.0", NULL), 0);
    assert_int_equal(assert_round("[\"int\",\"double\"]", "2147483648", "2147483648.0"), 2);
    assert_int_equal(assert_round("[\"float\",\"double\"]", "1e300", "1e+300"), 2);
    assert_int_equal(assert_round("[\"float\",\"double\"]", "0.1", NULL), 2);
    assert_int_equal(assert_round("[\"float\",\"double\"]", "5", "5.0"), 2);
    assert_int_equal(assert_round("[\"float\",\"int\"]", "5", NULL), 2);
    assert_int_equal(assert_round("[\"bytes\",\"string\"]", "\"AP8=\"", NULL), 2);
    assert_int_equal(assert_round("[\"bytes\"," ENUM "]", "\"AP8=\"", NULL), 0);
    assert_int_equal(assert_round("[" FIXED2 ",\"bytes\"]", "\"AA==\"", NULL), 2);
    assert_int_equal(assert_round("[" ENUM ",\"string\"]", "\"B\"", NULL), 0);
    assert_int_equal(assert_round("[" ENUM ",\"string\"]", "\"C\"", NULL), 2);
    assert_int_equal(assert_round("[\"double\",\"string\"]", "\"NaN\"", NULL), 2);
    assert_int_equal(assert_round("[\"double\",\"null\"]", "\"NaN\"", NULL), 0);
    assert_int_equal(
        assert_round("[\"boolean\",{\"type\":\"array\",\"items\":\"int\"}]", "[1]", NULL), 2);
}

static void a_union_takes_the_record_with_these_members(void **state)
{
    static const char records[] =
        "[{\"type\":\"record\",\"name\":\"A\",\"fields\":[{\"name\":\"x\",\"type\":\"int\"}]},"
        "{\"type\":\"record\",\"name\":\"B\",\"fields\":[{\"name\":\"x\",\"type\":\"string\"},"
        "{\"name\":\"y\",\"type\":\"int\",\"default\":3}]},{\"type\":\"map\",\"values\":\"int\"}]";
    (void)state;

    assert_int_equal(assert_round(records, "{\"x\":1}", NULL), 0);
    assert_int_equal(assert_round(records, "{\"x\":\"s\"}", "{\"x\":\"s\",\"y\":3}"), 2);
    assert_int_equal(assert_round(records, "{\"z\":1}", NULL), 4);
    assert_int_equal(assert_round(records, "{\"x\":1,\"y\":2}", NULL), 4);
    assert_int_equal(
        assert_round("[{\"type\":\"record\",\"name\":\"A\",\"fields\":[{\"name\":\"x\",\"type\":"
                     "\"int\",\"default\":1}]},{\"type\":\"record\",\"name\":\"B\",\"fields\":[]}]",
                     "{}", NULL),
        2);
}

/* All that stands inside counts, however deep. */
static void a_union_looks_into_what_it_takes(void **state)
{
    static const char maps[] =
        "[{\"type\":\"map\",\"values\":{\"type\":\"map\",\"values\":\"string\"}},"
        "{\"type\":\"record\",\"name\":\"A\",\"fields\":[{\"name\":\"m\",\"type\":"
        "{\"type\":\"map\",\"values\":[\"boolean\",\"int\"]}}]},"
        "{\"type\":\"record\",\"name\":\"B\",\"fields\":[{\"name\":\"m\",\"type\":"
        "{\"type\":\"array\",\"items\":{\"type\":\"array\",\"items\":\"long\"}}}]},"
        "{\"type\":\"record\",\"name\":\"C\",\"fields\":[{\"name\":\"m\",\"type\":"
        "{\"type\":\"array\",\"items\":{\"type\":\"array\",\"items\":\"string\"}}}]}]";
    (void)state;

    assert_int_equal(assert_round(maps, "{\"m\":{\"k\":\"x\"}}", NULL), 0);
    assert_int_equal(assert_round(maps, "{\"m\":{\"k\":7}}", NULL), 2);
    assert_int_equal(assert_round(maps, "{\"m\":[[1],[2,3]]}", NULL), 4);
    assert_int_equal(assert_round(maps, "{\"m\":[[],[\"x\"]]}", NULL), 6);
    assert_wrong(maps, "{\"m\":[[1],[\"x\"]]}",
                 "$: wanted map or record A or record B or record C");
}

/* A tree of unions inside each other in which nothing fits until the last leaf: looking into every
 * branch at every level would never end. */
static void a_union_looks_no_longer_than_it_may(void **state)
{
    LG_SCOPED(lg_buf) schema = {0};
    LG_SCOPED(lg_buf) text = {0};
    LG_AUTO(lg_schema) *s = NULL;
    LG_AUTO(lg_json) *json = NULL;
    LG_SCOPED(lg_buf) out = {0};
    struct lg_error err = {0};
    (void)state;

    lg_buf_append_str(&schema, "[{\"type\":\"record\",\"name\":\"A\",\"fields\":[{\"name\":\"n\","
                               "\"type\":[\"null\",\"A\",");
    for (int i = 0; i < 8; i++)
        lg_buf_appendf(&schema,
                       "%s{\"type\":\"record\",\"name\":\"B%d\",\"fields\":[{\"name\":\"n\","
                       "\"type\":[\"null\",\"A\"%s%s]}]}",
                       i == 0 ? "" : ",", i, i == 0 ? "" : ",\"B", i == 0 ? "" : "0\"");
    lg_buf_append_str(&schema, "]}]},\"B0\",\"B1\",\"B2\",\"B3\"]");
    for (int i = 0; i < 90; i++)
        lg_buf_append_str(&text, "{\"n\":");
    lg_buf_append_str(&text, "true");
    for (int i = 0; i < 90; i++)
        lg_buf_append_byte(&text, '}');
    assert_ok(lg_schema_parse(lg_buf_slice(&schema), &s, &err));
    assert_ok(lg_json_parse(lg_buf_slice(&text), &json, &err));
    assert_rc(LG_ERR_BAD_DATA, lg_avro_from_json(s, json, &out, &err));
}

static void wrong_values_are_named_with_their_place(void **state)
{
    static const char record[] =
        "{\"type\":\"record\",\"name\":\"a.R\",\"fields\":[{\"name\":\"population\",\"type\":"
        "\"int\"},"
        "{\"name\":\"at\",\"type\":{\"type\":\"array\",\"items\":[\"null\",\"double\"]},"
        "\"default\":[]},{\"name\":\"m\",\"type\":{\"type\":\"map\",\"values\":\"boolean\"},"
        "\"default\":{}}]}";
    (void)state;

    assert_wrong("\"null\"", "0", "$: wanted null, given 0");
    assert_wrong("\"boolean\"", "1", "$: wanted boolean, given 1");
    assert_wrong("\"int\"", "2147483648", "wanted int, given 2147483648");
    assert_wrong("\"int\"", "1.0", "wanted int");
    assert_wrong("\"long\"", "\"1\"", "wanted long, given \"1\"");
    assert_wrong("\"float\"", "1e39", "wanted float");
    assert_wrong("\"double\"", "\"nan\"", "wanted double");
    assert_wrong("\"string\"", "null", "wanted string, given null");
    assert_wrong("\"bytes\"", "\"?\"", "wanted bytes (base64 in a string), given \"?\"");
    assert_wrong(FIXED2, "\"AA==\"", "wanted fixed F (base64 of 2 bytes)");
    assert_wrong(ENUM, "\"C\"", "wanted enum E, given \"C\"");
    assert_wrong("{\"type\":\"array\",\"items\":\"int\"}", "{}", "wanted array, given {}");
    assert_wrong("{\"type\":\"map\",\"values\":\"int\"}", "[]", "wanted map, given []");
    assert_wrong("[\"null\",\"int\",\"string\"]", "true",
                 "$: wanted null or int or string, given true");
    assert_wrong(record, "[]", "wanted record a.R, given []");
    assert_wrong(record, "{}", "$.population is missing; record a.R has no default for it");
    assert_wrong(record, "{\"popluation\":1}",
                 "$.popluation: record a.R has no such field; did you mean \"population\"?");
    assert_wrong(record, "{\"population\":1,\"zzzzzzzz\":1}",
                 "$.zzzzzzzz: record a.R has no such field");
    assert_wrong(record, "{\"population\":1,\"at\":[1,null,\"x\"]}", "$.at[2]: wanted");
    assert_wrong(record, "{\"population\":1,\"m\":{\"k\":7}}", "$.m.k: wanted boolean, given 7");
    assert_wrong("\"int\"",
                 "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
                 "aaa...");
    /* One branch alone is for objects: its own story is told. */
    assert_wrong(
        "[\"null\",{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"n\",\"type\":"
        "\"int\"}]}]",
        "{\"n\":\"x\"}", "$.n: wanted int, given \"x\"");
}

static void a_value_too_deep_is_refused(void **state)
{
    LG_AUTO(lg_schema) *s = parsed("{\"type\":\"record\",\"name\":\"L\",\"fields\":[{\"name\":"
                                   "\"n\",\"type\":[\"null\",\"L\"]}]}");
    LG_SCOPED(lg_buf) text = {0};
    LG_SCOPED(lg_buf) out = {0};
    (void)state;

    for (int i = 0; i <= LG_DATUM_DEPTH_MAX; i++)
        lg_buf_append_str(&text, "{\"n\":");
    lg_buf_append_str(&text, "null");
    for (int i = 0; i <= LG_DATUM_DEPTH_MAX; i++)
        lg_buf_append_byte(&text, '}');
    lg_buf_append_byte(&text, 0);
    encoded(s, (const char *)text.data, &out, "nests deeper than 100");
}

static void ceilings_hold(void **state)
{
    LG_AUTO(lg_schema) *s = parsed("{\"type\":\"array\",\"items\":\"null\"}");
    LG_AUTO(lg_schema) *text_schema = parsed("\"string\"");
    LG_AUTO(lg_json) *json = lg_json_new_string(LG_LIT("twelve bytes"));
    LG_SCOPED(lg_buf) out = lg_buf_with_ceiling(12);
    struct lg_decoder d = lg_decoder_of(LG_LIT("\x80\x80\x80\x01\x00"));
    struct lg_error err = {0};
    (void)state;

    assert_rc(LG_ERR_TOO_LARGE, lg_avro_from_json(text_schema, json, &out, &err));
    assert_int_equal(out.size, 0);
    assert_true(lg_buf_ok(&out));
    assert_rc(LG_ERR_TOO_LARGE, lg_avro_to_json(s, &d, &out, &err));
}

static void bad_bytes_are_named(void **state)
{
    LG_AUTO(lg_schema) *s =
        parsed("{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"m\","
               "\"type\":{\"type\":\"map\",\"values\":\"int\"}}]}");
    static const struct {
        struct lg_slice bytes;
        const char *says;
    } bad[] = {
        {{(const uint8_t *)"\x04\x02k\x00\x02k\x02\x00", 8},
         "field m: at byte 4: the map has a key"},
        {{(const uint8_t *)"\x02\x02k", 3}, "field m: "},
        {{(const uint8_t *)"", 0}, "field m: the data ends at byte 0"},
    };
    (void)state;

    for (size_t i = 0; i < LG_ARRAY_SIZE(bad); i++) {
        LG_SCOPED(lg_buf) out = {0};
        struct lg_decoder d = lg_decoder_of(bad[i].bytes);
        struct lg_error err = {0};

        assert_rc(LG_ERR_BAD_DATA, lg_avro_to_json(s, &d, &out, &err));
        if (strstr(err.text, bad[i].says) == NULL)
            fail_msg("wanted \"%s\" in: %s", bad[i].says, err.text);
    }
}

static void floats_print_the_fewest_digits(void **state)
{
    static const struct {
        float v;
        const char *text;
    } vectors[] = {
        {0.1F, "0.1"},
        {3.4028235e38F, "3.4028235e+38"},
        {1e-45F, "1e-45"},
        {1.17549435e-38F, "1.1754944e-38"},
        {16777216.0F, "16777216.0"},
        {-0.0F, "-0.0"},
    };
    LG_AUTO(lg_schema) *s = parsed("\"float\"");
    struct lg_error err = {0};
    struct lg_rand r;
    (void)state;

    lg_rand_seed(&r, 9);
    for (size_t i = 0; i < 5000; i++) {
        LG_SCOPED(lg_buf) bytes = {0};
        LG_SCOPED(lg_buf) text = {0};
        uint32_t bits = (uint32_t)lg_rand_next(&r);
        struct lg_decoder d;
        float v;

        memcpy(&v, &bits, sizeof(v));
        if (i < LG_ARRAY_SIZE(vectors))
            v = vectors[i].v;
        if (!isfinite(v))
            continue;
        lg_encode_float(&bytes, v);
        d = lg_decoder_of(lg_buf_slice(&bytes));
        assert_ok(lg_avro_to_json(s, &d, &text, &err));
        lg_buf_append_byte(&text, 0);
        if (i < LG_ARRAY_SIZE(vectors))
            assert_string_equal((const char *)text.data, vectors[i].text);
        assert_true(strtof((const char *)text.data, NULL) == v);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_go_there_and_back),
        cmocka_unit_test(nested_values_go_there_and_back),
        cmocka_unit_test(the_bytes_are_avros),
        cmocka_unit_test(a_union_takes_the_branch_that_fits),
        cmocka_unit_test(a_union_takes_the_record_with_these_members),
        cmocka_unit_test(a_union_looks_into_what_it_takes),
        cmocka_unit_test(a_union_looks_no_longer_than_it_may),
        cmocka_unit_test(wrong_values_are_named_with_their_place),
        cmocka_unit_test(a_value_too_deep_is_refused),
        cmocka_unit_test(ceilings_hold),
        cmocka_unit_test(bad_bytes_are_named),
        cmocka_unit_test(floats_print_the_fewest_digits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
