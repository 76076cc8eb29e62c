/* Supersets: fields of both, and data of both can be read into them. */
#include "avro/superset.h"

#include "avro/compat.h"
#include "avro/resolve.h"
#include "test/test.h"

#define REC(fields) "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" fields "]}"
#define A "{\"name\":\"a\",\"type\":\"int\",\"default\":1}"
#define B "{\"name\":\"b\",\"type\":\"string\",\"default\":\"x\"}"
#define C "{\"name\":\"c\",\"type\":[\"null\",\"long\"],\"default\":null}"

static struct lg_schema *parse(const char *text)
{
    struct lg_schema *s = NULL;
    struct lg_error err = {0};

    if (lg_schema_parse(lg_slice_str(text), &s, &err) != LG_OK)
        fail_msg("%s: %s", text, err.text);
    return s;
}

static const struct {
    const char *first, *second, *want;
} cases[] = {
    {REC(A "," B), REC(A "," C), REC(A "," B "," C)},
    {REC(A), REC(A "," B), REC(A "," B)},
    {REC(A "," B), REC(A), REC(A "," B)},
    {REC(B "," A), REC(A "," B), REC(B "," A)},
    {"\"long\"", "\"long\"", "\"long\""},
    /* Defaults are the first's, where it has one. */
    {REC("{\"name\":\"a\",\"type\":\"int\",\"default\":2}"), REC(A),
     REC("{\"name\":\"a\",\"type\":\"int\",\"default\":2}")},
    {REC("{\"name\":\"a\",\"type\":\"int\"}"), REC(A), REC(A)},
    /* Inside other types. */
    {"{\"type\":\"array\",\"items\":" REC(A) "}", "{\"type\":\"array\",\"items\":" REC(B) "}",
     "{\"type\":\"array\",\"items\":" REC(A "," B) "}"},
    {"{\"type\":\"map\",\"values\":[\"null\"," REC(A) "]}",
     "{\"type\":\"map\",\"values\":[" REC(B) ",\"null\"]}",
     "{\"type\":\"map\",\"values\":[\"null\"," REC(A "," B) "]}"},
    /* Branches and symbols are joined in order. */
    {"[\"null\",\"int\"]", "[\"string\",\"int\",\"null\"]", "[\"null\",\"int\",\"string\"]"},
    {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"],\"default\":\"A\"}",
     "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"C\",\"A\"],\"default\":\"A\"}",
     "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\",\"C\"],\"default\":\"A\"}"},
    /* A type is merged also where only the second mentions it, and once. */
    {"{\"type\":\"record\",\"name\":\"O\",\"fields\":[{\"name\":\"x\",\"type\":" REC(A) "}]}",
     "{\"type\":\"record\",\"name\":\"O\",\"fields\":[{\"name\":\"y\",\"default\":null,\"type\":["
     "\"null\"," REC(B) "]},{\"name\":\"x\",\"type\":\"R\"}]}",
     "{\"type\":\"record\",\"name\":\"O\",\"fields\":[{\"name\":\"x\",\"type\":" REC(
         A "," B) "},{"
                  "\"name\":\"y\",\"default\":null,\"type\":[\"null\",\"R\"]}]}"},
    /* Recursion. */
    {REC("{\"name\":\"n\",\"type\":[\"null\",\"R\"],\"default\":null}"),
     REC(A ",{\"name\":\"n\",\"type\":[\"null\",\"R\"],\"default\":null}"),
     REC("{\"name\":\"n\",\"type\":[\"null\",\"R\"],\"default\":null}," A)},
    /* Namespaces and logical types. */
    {"{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"n.s\",\"fields\":[{\"name\":\"d\","
     "\"type\":{\"type\":\"int\",\"logicalType\":\"date\"}}]}",
     "{\"type\":\"record\",\"name\":\"n.s.R\",\"fields\":[{\"name\":\"d\",\"type\":{\"type\":"
     "\"int\",\"logicalType\":\"date\"}}," A "]}",
     "{\"type\":\"record\",\"name\":\"n.s.R\",\"fields\":[{\"name\":\"d\",\"type\":{\"type\":"
     "\"int\",\"logicalType\":\"date\"}}," A "]}"},
};

static void the_superset_has_the_fields_of_both(void **state)
{
    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(cases); i++) {
        LG_AUTO(lg_schema) *first = parse(cases[i].first);
        LG_AUTO(lg_schema) *second = parse(cases[i].second);
        LG_AUTO(lg_schema) *want = parse(cases[i].want);
        LG_AUTO(lg_schema) *got = NULL;
        struct lg_error err = {0};

        assert_ok(lg_schema_superset(first, second, &got, &err));
        if (!lg_compat_same(got, want))
            fail_msg("row %zu: %.*s", i, LG_FMT(lg_schema_text(got)));
    }
}

static void data_of_both_can_be_read_into_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(cases); i++) {
        LG_AUTO(lg_schema) *first = parse(cases[i].first);
        LG_AUTO(lg_schema) *second = parse(cases[i].second);
        LG_AUTO(lg_schema) *got = NULL;
        LG_SCOPED(lg_compat_report) report = {0};
        struct lg_error err = {0};

        assert_ok(lg_schema_superset(first, second, &got, &err));
        lg_compat_check(first, got, LG_COMPAT_BACKWARD, 1, &report);
        lg_compat_check(second, got, LG_COMPAT_BACKWARD, 2, &report);
        if (report.broken > 0)
            fail_msg("row %zu: %s", i, report.findings.data[0].change);
    }
}

static void docs_are_the_newer_ones(void **state)
{
    LG_AUTO(lg_schema) *first =
        parse("{\"type\":\"record\",\"name\":\"R\",\"doc\":\"old\",\"owner\":\"me\",\"fields\":[{"
              "\"name\":\"a\",\"doc\":\"was\",\"type\":\"int\"}]}");
    LG_AUTO(lg_schema) *second =
        parse("{\"type\":\"record\",\"name\":\"R\",\"doc\":\"new\",\"team\":\"us\",\"fields\":[{"
              "\"name\":\"a\",\"doc\":\"is\",\"type\":\"int\"}]}");
    LG_AUTO(lg_schema) *got = NULL;
    struct lg_error err = {0};

    (void)state;
    assert_ok(lg_schema_superset(first, second, &got, &err));
    assert_slice_equal(lg_schema_doc(got), LG_LIT("new"));
    assert_slice_equal(lg_schema_field_doc(got, 0), LG_LIT("is"));
    assert_slice_equal(lg_json_string(lg_schema_attribute(got, "owner")), LG_LIT("me"));
    assert_slice_equal(lg_json_string(lg_schema_attribute(got, "team")), LG_LIT("us"));
}

static void what_contradicts_has_none(void **state)
{
    static const struct {
        const char *first, *second, *sentence;
    } rows[] = {
        {"\"int\"", "\"long\"", "int where the other has long"},
        {REC(A), "{\"type\":\"record\",\"name\":\"S\",\"fields\":[" A "]}",
         "R where the other has S"},
        {REC(A), REC("{\"name\":\"a\",\"type\":\"string\"}"), "int where the other has string"},
        {"\"int\"", "[\"null\",\"int\"]", "int where the other has union"},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":4}",
         "{\"type\":\"fixed\",\"name\":\"F\",\"size\":8}", "define F differently"},
        {REC("{\"name\":\"x\",\"type\":{\"type\":\"fixed\",\"name\":\"T\",\"size\":4}}"),
         REC("{\"name\":\"y\",\"type\":{\"type\":\"enum\",\"name\":\"T\",\"symbols\":[\"A\"]}}"),
         "define T differently"},
    };

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        LG_AUTO(lg_schema) *first = parse(rows[i].first);
        LG_AUTO(lg_schema) *second = parse(rows[i].second);
        struct lg_schema *got = NULL;
        struct lg_error err = {0};

        assert_rc(LG_ERR_SCHEMA, lg_schema_superset(first, second, &got, &err));
        if (strstr(err.text, rows[i].sentence) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", err.text, rows[i].sentence);
        assert_null(got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_superset_has_the_fields_of_both),
        cmocka_unit_test(data_of_both_can_be_read_into_it),
        cmocka_unit_test(docs_are_the_newer_ones),
        cmocka_unit_test(what_contradicts_has_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
