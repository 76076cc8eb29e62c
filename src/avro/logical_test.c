/* Logical types: each one on its type, and each way in which one does not count. */
#include "avro/logical.h"
#include "test/test.h"

static struct lg_logical logical_of(const char *text)
{
    LG_AUTO(lg_schema) *s = NULL;
    struct lg_error err = {0};

    assert_ok(lg_schema_parse(lg_slice_str(text), &s, &err));
    return lg_schema_logical(s);
}

#define ON(type, logical) "{\"type\":\"" type "\",\"logicalType\":\"" logical "\"}"
#define ON_FIXED(size, logical)                                                                    \
    "{\"type\":\"fixed\",\"name\":\"F\",\"size\":" size ",\"logicalType\":" logical "}"
#define DECIMAL(rest) "{\"type\":\"bytes\",\"logicalType\":\"decimal\"" rest "}"

static void each_logical_type_stands_on_its_type(void **state)
{
    static const struct {
        const char *schema;
        enum lg_logical_kind kind;
    } rows[] = {
        {ON("string", "uuid"), LG_LOGICAL_UUID},
        {ON_FIXED("16", "\"uuid\""), LG_LOGICAL_UUID},
        {ON("int", "date"), LG_LOGICAL_DATE},
        {ON("int", "time-millis"), LG_LOGICAL_TIME_MILLIS},
        {ON("long", "time-micros"), LG_LOGICAL_TIME_MICROS},
        {ON("long", "timestamp-millis"), LG_LOGICAL_TIMESTAMP_MILLIS},
        {ON("long", "timestamp-micros"), LG_LOGICAL_TIMESTAMP_MICROS},
        {ON("long", "timestamp-nanos"), LG_LOGICAL_TIMESTAMP_NANOS},
        {ON("long", "local-timestamp-millis"), LG_LOGICAL_LOCAL_TIMESTAMP_MILLIS},
        {ON("long", "local-timestamp-micros"), LG_LOGICAL_LOCAL_TIMESTAMP_MICROS},
        {ON("long", "local-timestamp-nanos"), LG_LOGICAL_LOCAL_TIMESTAMP_NANOS},
        {ON_FIXED("12", "\"duration\""), LG_LOGICAL_DURATION},
        {"\"long\"", LG_LOGICAL_NONE},
        {ON("int", "none"), LG_LOGICAL_NONE},
        {ON("null", "none"), LG_LOGICAL_NONE},
        {ON("int", "fortnight"), LG_LOGICAL_NONE},
        {ON("string", "date"), LG_LOGICAL_NONE},
        {ON("long", "time-millis"), LG_LOGICAL_NONE},
        {ON("int", "timestamp-millis"), LG_LOGICAL_NONE},
        {ON("bytes", "uuid"), LG_LOGICAL_NONE},
        {ON_FIXED("15", "\"uuid\""), LG_LOGICAL_NONE},
        {ON_FIXED("11", "\"duration\""), LG_LOGICAL_NONE},
        {ON_FIXED("12", "7"), LG_LOGICAL_NONE},
        {ON("bytes", "duration"), LG_LOGICAL_NONE},
    };
    (void)state;

    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        struct lg_logical logical = logical_of(rows[i].schema);

        if (logical.kind != rows[i].kind)
            fail_msg("%s: %s", rows[i].schema, lg_logical_name(logical.kind));
        assert_int_equal(logical.precision, 0);
    }
    assert_string_equal(lg_logical_name(LG_LOGICAL_DURATION), "duration");
}

static void a_decimal_has_digits_that_fit(void **state)
{
    static const char *const bad[] = {
        DECIMAL(""),
        DECIMAL(",\"precision\":0"),
        DECIMAL(",\"precision\":-1"),
        DECIMAL(",\"precision\":\"4\""),
        DECIMAL(",\"precision\":4294967296"),
        DECIMAL(",\"precision\":4,\"scale\":5"),
        DECIMAL(",\"precision\":4,\"scale\":-1"),
        DECIMAL(",\"precision\":4,\"scale\":1.5"),
        ON_FIXED("2", "\"decimal\",\"precision\":5"),
        ON_FIXED("0", "\"decimal\",\"precision\":1"),
        "{\"type\":\"string\",\"logicalType\":\"decimal\",\"precision\":4}",
    };
    struct lg_logical d = logical_of(DECIMAL(",\"precision\":9,\"scale\":2"));
    (void)state;

    assert_int_equal(d.kind, LG_LOGICAL_DECIMAL);
    assert_int_equal(d.precision, 9);
    assert_int_equal(d.scale, 2);
    d = logical_of(ON_FIXED("2", "\"decimal\",\"precision\":4"));
    assert_int_equal(d.kind, LG_LOGICAL_DECIMAL);
    assert_int_equal(d.scale, 0);
    for (size_t i = 0; i < LG_ARRAY_SIZE(bad); i++) {
        if (logical_of(bad[i]).kind != LG_LOGICAL_NONE)
            fail_msg("%s", bad[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_logical_type_stands_on_its_type),
        cmocka_unit_test(a_decimal_has_digits_that_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
