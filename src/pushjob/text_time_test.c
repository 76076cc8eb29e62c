/* Dates and times: the numbers were computed with GNU date. */
#include "pushjob/text_time.h"

#include "test/test.h"

static void expect(enum lg_text_time kind, const char *text, int64_t want)
{
    int64_t got;

    if (!lg_text_time_parse(kind, lg_slice_str(text), &got))
        fail_msg("'%s' is refused", text);
    assert_int_equal(got, want);
}

static void refuse(enum lg_text_time kind, const char *text)
{
    int64_t got = -5;

    if (lg_text_time_parse(kind, lg_slice_str(text), &got))
        fail_msg("'%s' is accepted as %lld", text, (long long)got);
}

static void dates_are_days_of_the_gregorian_calendar(void **state)
{
    static const char *const bad[] = {"2023-02-29",  "1900-02-29", "2024-13-01", "2024-00-01",
                                      "2024-01-00",  "2024-04-31", "2024-1-1",   "24-01-01",
                                      "2024-01-01x", "2024/01/01", "",           "2024-01"};

    (void)state;
    expect(LG_TEXT_DATE, "1970-01-01", 0);
    expect(LG_TEXT_DATE, "1969-12-31", -1);
    expect(LG_TEXT_DATE, "2000-02-29", 11016);
    expect(LG_TEXT_DATE, "2024-02-29", 19782);
    expect(LG_TEXT_DATE, "2024-03-01", 19783);
    expect(LG_TEXT_DATE, "9999-12-31", 2932896);
    expect(LG_TEXT_DATE, "0001-01-01", -719162);
    for (size_t i = 0; i < LG_ARRAY_SIZE(bad); i++)
        refuse(LG_TEXT_DATE, bad[i]);
}

static void times_of_day(void **state)
{
    (void)state;
    expect(LG_TEXT_TIME_MILLIS, "00:00", 0);
    expect(LG_TEXT_TIME_MILLIS, "23:59:59.999", 86399999);
    expect(LG_TEXT_TIME_MILLIS, "01:02:03.5", 3723500);
    expect(LG_TEXT_TIME_MILLIS, "01:02:03.500000", 3723500);
    expect(LG_TEXT_TIME_MICROS, "23:59:59.999999", INT64_C(86399999999));
    refuse(LG_TEXT_TIME_MILLIS, "01:02:03.0001"); /* Finer than it can hold. */
    refuse(LG_TEXT_TIME_MILLIS, "24:00:00");
    refuse(LG_TEXT_TIME_MILLIS, "00:60");
    refuse(LG_TEXT_TIME_MILLIS, "00:00:60");
    refuse(LG_TEXT_TIME_MILLIS, "00:00:00.");
    refuse(LG_TEXT_TIME_MILLIS, "00:00Z");
    refuse(LG_TEXT_TIME_MILLIS, "");
}

static void timestamps_know_zones_and_are_utc_without(void **state)
{
    (void)state;
    expect(LG_TEXT_TIMESTAMP_MILLIS, "1970-01-01T00:00:00Z", 0);
    expect(LG_TEXT_TIMESTAMP_MILLIS, "2024-02-29T23:59:59.999Z", INT64_C(1709251199999));
    expect(LG_TEXT_TIMESTAMP_MILLIS, "2024-02-29 23:59:59.999", INT64_C(1709251199999));
    expect(LG_TEXT_TIMESTAMP_MILLIS, "2024-03-01T01:59:59.999+02:00", INT64_C(1709251199999));
    expect(LG_TEXT_TIMESTAMP_MILLIS, "2024-02-29T18:29:59.999-0530", INT64_C(1709251199999));
    expect(LG_TEXT_TIMESTAMP_MILLIS, "2024-03-01T00:59:59.999+01", INT64_C(1709251199999));
    expect(LG_TEXT_TIMESTAMP_MILLIS, "2024-02-29", INT64_C(1709164800000));
    expect(LG_TEXT_TIMESTAMP_MICROS, "1969-12-31T23:59:59.999999Z", -1);
    expect(LG_TEXT_LOCAL_TIMESTAMP_MILLIS, "2024-02-29T00:00", INT64_C(1709164800000));
    expect(LG_TEXT_LOCAL_TIMESTAMP_MICROS, "1970-01-01T00:00:00.000001", 1);
    refuse(LG_TEXT_LOCAL_TIMESTAMP_MILLIS, "2024-02-29T00:00:00Z");
    refuse(LG_TEXT_TIMESTAMP_MILLIS, "2024-02-29T");
    refuse(LG_TEXT_TIMESTAMP_MILLIS, "2024-02-29T00:00:00 Z");
    refuse(LG_TEXT_TIMESTAMP_MILLIS, "2024-02-29T00:00:00+");
    refuse(LG_TEXT_TIMESTAMP_MILLIS, "2024-02-29T00:00:00+24:00");
    refuse(LG_TEXT_TIMESTAMP_MILLIS, "2024-02-29T00:00:00Zz");
    refuse(LG_TEXT_NO_TIME, "2024-02-29");
}

static void logical_types_count_only_on_their_own_type(void **state)
{
    static const struct {
        const char *schema;
        enum lg_text_time want;
    } cases[] = {
        {"{\"type\":\"int\",\"logicalType\":\"date\"}", LG_TEXT_DATE},
        {"{\"type\":\"long\",\"logicalType\":\"date\"}", LG_TEXT_NO_TIME},
        {"{\"type\":\"int\",\"logicalType\":\"time-millis\"}", LG_TEXT_TIME_MILLIS},
        {"{\"type\":\"long\",\"logicalType\":\"time-micros\"}", LG_TEXT_TIME_MICROS},
        {"{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}", LG_TEXT_TIMESTAMP_MILLIS},
        {"{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}", LG_TEXT_TIMESTAMP_MICROS},
        {"{\"type\":\"long\",\"logicalType\":\"local-timestamp-millis\"}",
         LG_TEXT_LOCAL_TIMESTAMP_MILLIS},
        {"{\"type\":\"string\",\"logicalType\":\"uuid\"}", LG_TEXT_NO_TIME},
        {"\"long\"", LG_TEXT_NO_TIME},
    };

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(cases); i++) {
        LG_AUTO(lg_schema) *schema = NULL;
        struct lg_error err = {0};

        assert_ok(lg_schema_parse(lg_slice_str(cases[i].schema), &schema, &err));
        assert_int_equal(lg_text_time_of(schema), cases[i].want);
        if (cases[i].want != LG_TEXT_NO_TIME)
            assert_true(strlen(lg_text_time_wanted(cases[i].want)) > 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_are_days_of_the_gregorian_calendar),
        cmocka_unit_test(times_of_day),
        cmocka_unit_test(timestamps_know_zones_and_are_utc_without),
        cmocka_unit_test(logical_types_count_only_on_their_own_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
