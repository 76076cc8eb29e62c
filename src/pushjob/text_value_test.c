/* Text becomes the datum that the schema asks for, or is refused with what was wanted. What is
 * expected is shown as JSON. */
#include "pushjob/text_value.h"

#include "avro/json_text.h"
#include "test/test.h"

static struct lg_schema *schema_of(const char *text)
{
    struct lg_schema *schema;
    struct lg_error err = {0};

    assert_ok(lg_schema_parse(lg_slice_str(text), &schema, &err));
    return schema;
}

static enum lg_rc encode(const char *schema_text, struct lg_slice text, bool quoted,
                         struct lg_buf *out_json, struct lg_error *err)
{
    LG_AUTO(lg_schema) *schema = schema_of(schema_text);
    LG_SCOPED(lg_buf) datum = {0};
    struct lg_decoder d;
    enum lg_rc rc = lg_text_value_encode(schema, text, quoted, &datum, err);

    if (rc != LG_OK) {
        assert_int_equal(datum.size, 0); /* As it was. */
        return rc;
    }
    d = lg_decoder_of(lg_buf_slice(&datum));
    assert_rc(LG_OK, lg_avro_check(schema, lg_buf_slice(&datum), err));
    assert_rc(LG_OK, lg_avro_to_json(schema, &d, out_json, err));
    lg_buf_append_byte(out_json, 0);
    return LG_OK;
}

struct good {
    const char *schema, *text, *json;
};

static void expect_all(const struct good *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool quoted = cases[i].text[0] == '"';
        struct lg_slice text = lg_slice_str(cases[i].text);
        LG_SCOPED(lg_buf) json = {0};
        struct lg_error err = {0};

        if (quoted)
            text = lg_slice(text.data + 1, text.size - 1);
        if (encode(cases[i].schema, text, quoted, &json, &err) != LG_OK)
            fail_msg("%s of %s: %s", cases[i].text, cases[i].schema, err.text);
        assert_string_equal((const char *)json.data, cases[i].json);
    }
}

struct bad {
    const char *schema, *text, *word;
};

static void refuse_all(const struct bad *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        LG_SCOPED(lg_buf) json = {0};
        struct lg_error err = {0};

        if (encode(cases[i].schema, lg_slice_str(cases[i].text), false, &json, &err) !=
            LG_ERR_BAD_DATA)
            fail_msg("%s of %s is accepted as %s", cases[i].text, cases[i].schema, json.data);
        if (strstr(err.text, cases[i].word) == NULL)
            fail_msg("'%s' is not in: %s", cases[i].word, err.text);
    }
}

#define INT "\"int\""
#define LONG "\"long\""
#define FLOAT "\"float\""
#define DOUBLE "\"double\""
#define BOOLEAN "\"boolean\""
#define STRING "\"string\""
#define ENUM "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"RED\",\"BLUE\"]}"
#define FIXED "{\"type\":\"fixed\",\"name\":\"F\",\"size\":4}"

static void numbers_are_read_within_their_range(void **state)
{
    static const struct good good[] = {
        {INT, "0", "0"},
        {INT, "-2147483648", "-2147483648"},
        {INT, "2147483647", "2147483647"},
        {INT, "+7", "7"},
        {INT, " 7 ", "7"},
        {INT, "007", "7"},
        {INT, "5.0", "5"},
        {INT, "-5.00", "-5"},
        {LONG, "9223372036854775807", "9223372036854775807"},
        {LONG, "-9223372036854775808", "-9223372036854775808"},
        {FLOAT, "0.1", "0.1"},
        {FLOAT, "3.4028235e38", "3.4028235e+38"},
        {DOUBLE, "1e3", "1000.0"},
        {DOUBLE, "-.5", "-0.5"},
        {DOUBLE, "12", "12.0"},
        {DOUBLE, "NaN", "\"NaN\""},
        {DOUBLE, "nan", "\"NaN\""},
        {DOUBLE, "-Infinity", "\"-Infinity\""},
        {DOUBLE, "inf", "\"Infinity\""},
        {FLOAT, "Infinity", "\"Infinity\""},
        {BOOLEAN, "true", "true"},
        {BOOLEAN, "FALSE", "false"},
        {BOOLEAN, "1", "true"},
        {BOOLEAN, "0", "false"},
    };
    static const struct bad bad[] = {
        {INT, "2147483648", "wanted an int (-2147483648 to 2147483647), given \"2147483648\""},
        {INT, "", "wanted an int (-2147483648 to 2147483647), but the field is empty"},
        {INT, "5.5", "an int"},
        {INT, "5.", "an int"},
        {INT, ".0", "an int"},
        {INT, "+-5", "an int"},
        {INT, "abc", "given \"abc\""},
        {INT, "1 2", "an int"},
        {INT, "0x10", "an int"},
        {LONG, "9223372036854775808", "a long"},
        {FLOAT, "1e39", "a float"},
        {DOUBLE, "1e999", "a double"},
        {DOUBLE, "0x1p3", "a double"},
        {DOUBLE, "1,5", "a double"},
        {DOUBLE, "e", "a double"},
        {DOUBLE, "", "a double"},
        {BOOLEAN, "yes", "true or false"},
        {BOOLEAN, "2", "true or false"},
    };

    (void)state;
    expect_all(good, LG_ARRAY_SIZE(good));
    refuse_all(bad, LG_ARRAY_SIZE(bad));
}

static void text_and_bytes(void **state)
{
    static const struct good good[] = {
        {STRING, "", "\"\""},
        {STRING, " a b ", "\" a b \""},
        {STRING, "\xc3\xa9", "\"\xc3\xa9\""},
        {STRING, "null", "\"null\""},
        {ENUM, "BLUE", "\"BLUE\""},
        {ENUM, " RED", "\"RED\""},
        {"\"bytes\"", "AP8=", "\"AP8=\""},
        {"\"bytes\"", "", "\"\""},
        {FIXED, "AAECAw==", "\"AAECAw==\""},
    };
    static const struct bad bad[] = {
        {STRING, "\xff\xfe", "a string in UTF-8"},
        {ENUM, "blue", "a symbol of the enum"},
        {"\"bytes\"", "*", "base64"},
        {FIXED, "AAEC", "base64"},
        {"\"null\"", "x", "nothing"},
    };

    (void)state;
    expect_all(good, LG_ARRAY_SIZE(good));
    refuse_all(bad, LG_ARRAY_SIZE(bad));
}

#define DECIMAL(scale)                                                                             \
    "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":10,\"scale\":" #scale "}"
#define DECIMAL_FIXED                                                                              \
    "{\"type\":\"fixed\",\"name\":\"D\",\"size\":3,\"logicalType\":\"decimal\",\"precision\":6,"   \
    "\"scale\":2}"

static void decimals_are_scaled_twos_complement(void **state)
{
    static const struct good good[] = {
        {DECIMAL(2), "1.00", "\"ZA==\""},            /* 100 */
        {DECIMAL(2), "1.27", "\"fw==\""},            /* 127 */
        {DECIMAL(2), "1.28", "\"AIA=\""},            /* 128 needs its sign bit */
        {DECIMAL(2), "-1.28", "\"gA==\""},           /* -128 does not */
        {DECIMAL(2), "-1.29", "\"/38=\""},           /* -129 */
        {DECIMAL(2), "1.2", "\"eA==\""},             /* 120 */
        {DECIMAL(2), "1.20000", "\"eA==\""},         /* zeros behind the scale */
        {DECIMAL(2), "+12", "\"BLA=\""},             /* 1200 */
        {DECIMAL(0), "0", "\"AA==\""},               /* one byte at least */
        {DECIMAL(0), "-1", "\"/w==\""},              /* */
        {DECIMAL(2), "99999999.99", "\"AlQL4/8=\""}, /* all ten digits */
        {DECIMAL_FIXED, "-0.01", "\"////\""},
        {DECIMAL_FIXED, "2.56", "\"AAEA\""},
    };
    static const struct bad bad[] = {
        {DECIMAL(2), "1.234", "a decimal number"},        {DECIMAL(2), "", "decimal"},
        {DECIMAL(2), "100000000.00", "a decimal number"}, {DECIMAL(2), "1.2.3", "decimal"},
        {DECIMAL(2), "1e3", "a decimal number"},          {DECIMAL(2), "-", "decimal"},
        {DECIMAL_FIXED, "10000.00", "a decimal number"},
    };

    (void)state;
    expect_all(good, LG_ARRAY_SIZE(good));
    refuse_all(bad, LG_ARRAY_SIZE(bad));
}

static void unions_take_the_branch_that_fits(void **state)
{
    static const struct good good[] = {
        {"[\"null\",\"int\"]", "", "null"},
        {"[\"null\",\"int\"]", "5", "5"},
        {"[\"null\",\"string\"]", "", "null"},
        {"[\"null\",\"string\"]", "\"", "\"\""},
        {"[\"null\",\"string\"]", "x", "\"x\""},
        {"[\"string\",\"null\"]", "", "null"},
        {"[\"string\",\"long\"]", "5", "5"},
        {"[\"string\",\"long\"]", "\"5", "\"5\""},
        {"[\"string\",\"long\"]", "5x", "\"5x\""},
        {"[\"double\",\"long\"]", "5", "5"},
        {"[\"double\",\"long\"]", "5.5", "5.5"},
        {"[\"boolean\",\"int\"]", "1", "1"},
        {"[\"boolean\",\"int\"]", "true", "true"},
        {"[\"int\",\"long\"]", "3000000000", "3000000000"},
        {"[\"string\"," ENUM "]", "RED", "\"RED\""},
        {"[\"null\",{\"type\":\"array\",\"items\":\"int\"}]", "[1,2]", "[1,2]"},
    };
    static const struct bad bad[] = {
        {"[\"null\",\"int\"]", "x", "wanted an int"},
        {"[\"null\",\"int\",\"boolean\"]", "x", "one of the union's branches"},
        {"[\"int\",\"boolean\"]", "", "the field is empty"},
    };

    (void)state;
    expect_all(good, LG_ARRAY_SIZE(good));
    refuse_all(bad, LG_ARRAY_SIZE(bad));
}

static void nested_types_are_json(void **state)
{
    static const struct good good[] = {
        {"{\"type\":\"array\",\"items\":\"int\"}", "[1, 2]", "[1,2]"},
        {"{\"type\":\"map\",\"values\":\"boolean\"}", "{\"a\":true}", "{\"a\":true}"},
        {"{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"x\",\"type\":\"int\"}]}",
         "{\"x\":1}", "{\"x\":1}"},
    };
    static const struct bad bad[] = {
        {"{\"type\":\"array\",\"items\":\"int\"}", "[1,", "as JSON"},
        {"{\"type\":\"array\",\"items\":\"int\"}", "[\"a\"]", "$[0]: wanted int"},
        {"{\"type\":\"array\",\"items\":\"int\"}", "", "wanted JSON, but the field is empty"},
    };

    (void)state;
    expect_all(good, LG_ARRAY_SIZE(good));
    refuse_all(bad, LG_ARRAY_SIZE(bad));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_read_within_their_range),
        cmocka_unit_test(text_and_bytes),
        cmocka_unit_test(decimals_are_scaled_twos_complement),
        cmocka_unit_test(unions_take_the_branch_that_fits),
        cmocka_unit_test(nested_types_are_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
