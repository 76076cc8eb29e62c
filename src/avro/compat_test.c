/* What may follow what, and what the report says of it. */
#include "avro/compat.h"

#include "avro/resolve.h"
#include "base/str.h"
#include "test/test.h"

#define REC(fields) "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" fields "]}"
#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "}"
#define FIELD_D(name, type, value) "{\"name\":\"" name "\",\"type\":" type ",\"default\":" value "}"
#define ENUM(symbols) "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[" symbols "]}"
#define ENUM_D(symbols, value)                                                                     \
    "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[" symbols "],\"default\":\"" value "\"}"

static struct lg_schema *parse(const char *text)
{
    struct lg_schema *s = NULL;
    struct lg_error err = {0};

    if (lg_schema_parse(lg_slice_str(text), &s, &err) != LG_OK)
        fail_msg("%s: %s", text, err.text);
    return s;
}

static void check(const char *older, const char *newer, enum lg_compat_mode mode,
                  struct lg_compat_report *report)
{
    LG_AUTO(lg_schema) *a = parse(older);
    LG_AUTO(lg_schema) *b = parse(newer);

    lg_compat_check(a, b, mode, /* schema_id= */ 7, report);
}

/* Findings as "path RULE side" with sides N and O and - , joined by "; ". */
static char *findings_text(const struct lg_compat_report *report)
{
    LG_SCOPED(lg_buf) text = {0};

    for (size_t i = 0; i < report->findings.size; i++) {
        const struct lg_compat_finding *f = &report->findings.data[i];

        assert_int_equal(f->schema_id, 7);
        assert_true(strlen(f->change) > 0);
        lg_buf_appendf(&text, "%s%s %s %c", i == 0 ? "" : "; ", f->path, f->rule, "NO-"[f->breaks]);
    }
    return lg_strf("%.*s", LG_FMT(lg_buf_slice(&text)));
}

static const struct {
    const char *older, *newer, *want;
} cases[] = {
    {"\"int\"", "\"int\"", ""},
    {"\"int\"", "\"long\"", " TYPE_CHANGED O"},
    {"\"long\"", "\"int\"", " TYPE_CHANGED N"},
    {"\"string\"", "\"bytes\"", ""},
    {"\"int\"", "\"string\"", " TYPE_CHANGED N;  TYPE_CHANGED O"},
    /* Fields come and go with defaults. */
    {REC(FIELD("a", "\"int\"")), REC(FIELD("a", "\"int\"") "," FIELD_D("b", "\"int\"", "0")), ""},
    {REC(FIELD("a", "\"int\"")), REC(FIELD("a", "\"int\"") "," FIELD("b", "\"int\"")),
     "b FIELD_ADDED_WITHOUT_DEFAULT N"},
    {REC(FIELD("a", "\"int\"") "," FIELD_D("b", "\"int\"", "0")), REC(FIELD("a", "\"int\"")), ""},
    {REC(FIELD("a", "\"int\"") "," FIELD("b", "\"int\"")), REC(FIELD("a", "\"int\"")),
     "b FIELD_REMOVED_WITHOUT_DEFAULT O"},
    /* Every field is told, not only the first; and what is inside the others. */
    {REC(FIELD("a", "\"int\"") "," FIELD("b", "\"int\"") "," FIELD("c", "\"int\"")),
     REC(FIELD("c", "\"string\"") "," FIELD("d", "\"int\"") "," FIELD("e", "\"int\"")),
     "d FIELD_ADDED_WITHOUT_DEFAULT N; e FIELD_ADDED_WITHOUT_DEFAULT N; c TYPE_CHANGED N; "
     "a FIELD_REMOVED_WITHOUT_DEFAULT O; b FIELD_REMOVED_WITHOUT_DEFAULT O; c TYPE_CHANGED O"},
    /* The same change in two places is two findings. */
    {REC(FIELD("a", "\"int\"") "," FIELD("b", "\"int\"")),
     REC(FIELD("a", "\"long\"") "," FIELD("b", "\"long\"")), "a TYPE_CHANGED O; b TYPE_CHANGED O"},
    /* Paths. */
    {REC(FIELD("a", "{\"type\":\"array\",\"items\":{\"type\":\"map\",\"values\":\"int\"}}")),
     REC(FIELD("a", "{\"type\":\"array\",\"items\":{\"type\":\"map\",\"values\":\"string\"}}")),
     "a[]{} TYPE_CHANGED N; a[]{} TYPE_CHANGED O"},
    {REC(FIELD("a", "{\"type\":\"record\",\"name\":\"I\",\"fields\":[" FIELD("x", "\"int\"") "]}")),
     REC(FIELD("a", "{\"type\":\"record\",\"name\":\"I\",\"fields\":[" FIELD(
                        "x", "\"int\"") "," FIELD("y", "\"int\"") "]}")),
     "a.y FIELD_ADDED_WITHOUT_DEFAULT N"},
    /* Unions. */
    {"[\"null\",\"int\"]", "[\"null\",\"int\",\"string\"]", " UNION_BRANCH_ADDED O"},
    {"[\"null\",\"int\",\"string\"]", "[\"null\",\"int\"]", " UNION_BRANCH_REMOVED N"},
    {"[\"null\",\"int\"]", "[\"int\",\"null\"]", ""},
    {"\"int\"", "[\"null\",\"int\"]", " TYPE_CHANGED O"},
    /* Enums. */
    {ENUM("\"A\""), ENUM("\"A\",\"B\""), " ENUM_SYMBOL_ADDED O"},
    {ENUM("\"A\",\"B\""), ENUM("\"A\""), " ENUM_SYMBOL_REMOVED N"},
    {ENUM_D("\"A\"", "A"), ENUM_D("\"A\",\"B\"", "A"), ""},
    {ENUM("\"A\",\"B\""), ENUM("\"B\",\"A\""), ""},
    /* Names and sizes. */
    {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":4}",
     "{\"type\":\"fixed\",\"name\":\"F\",\"size\":8}",
     " FIXED_SIZE_CHANGED N;  FIXED_SIZE_CHANGED O"},
    {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":4}",
     "{\"type\":\"fixed\",\"name\":\"G\",\"size\":4}", " NAME_CHANGED N;  NAME_CHANGED O"},
    {REC(FIELD("a", "\"int\"")),
     "{\"type\":\"record\",\"name\":\"S\",\"fields\":[" FIELD("a", "\"int\"") "]}",
     " NAME_CHANGED N;  NAME_CHANGED O"},
    {REC(FIELD("a", "\"int\"")),
     "{\"type\":\"record\",\"name\":\"S\",\"aliases\":[\"R\"],\"fields\":[" FIELD("a",
                                                                                  "\"int\"") "]}",
     " NAME_CHANGED O"},
    /* Aliases of fields help new readers only. */
    {REC(FIELD("a", "\"int\"")), REC("{\"name\":\"b\",\"aliases\":[\"a\"],\"type\":\"int\"}"),
     "a FIELD_REMOVED_WITHOUT_DEFAULT O"},
    /* A recursive type. */
    {REC(FIELD("n", "[\"null\",\"R\"]") "," FIELD("v", "\"int\"")),
     REC(FIELD("n", "[\"null\",\"R\"]") "," FIELD("v", "\"string\"")),
     "v TYPE_CHANGED N; v TYPE_CHANGED O"},
    /* Worth knowing. */
    {REC(FIELD_D("a", "\"int\"", "1")), REC(FIELD_D("a", "\"int\"", "2")), "a DEFAULT_CHANGED -"},
    {REC(FIELD_D("a", "\"int\"", "1")), REC(FIELD("a", "\"int\"")), "a DEFAULT_CHANGED -"},
    {REC(FIELD("a", "\"int\"")), REC(FIELD_D("a", "\"int\"", "1")), ""},
    {REC(FIELD("a", "\"int\"")), REC(FIELD("a", "{\"type\":\"int\",\"logicalType\":\"date\"}")),
     "a LOGICAL_TYPE_CHANGED -"},
};

static void each_change_has_its_finding(void **state)
{
    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(cases); i++) {
        LG_SCOPED(lg_compat_report) report = {0};
        LG_AUTO_STR char *got = NULL;

        check(cases[i].older, cases[i].newer, LG_COMPAT_FULL, &report);
        got = findings_text(&report);
        if (strcmp(got, cases[i].want) != 0)
            fail_msg("%s -> %s: \"%s\", not \"%s\"", cases[i].older, cases[i].newer, got,
                     cases[i].want);
    }
}

static void a_mode_counts_its_readers_only(void **state)
{
    static const struct {
        enum lg_compat_mode mode;
        size_t added, removed; /* findings */
    } rows[] = {
        {LG_COMPAT_NONE, 0, 0},
        {LG_COMPAT_BACKWARD, 1, 0},
        {LG_COMPAT_FORWARD, 0, 1},
        {LG_COMPAT_FULL, 1, 1},
    };
    const char *one = REC(FIELD("a", "\"int\""));
    const char *two = REC(FIELD("a", "\"int\"") "," FIELD("b", "\"int\""));

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        LG_SCOPED(lg_compat_report) added = {0};
        LG_SCOPED(lg_compat_report) removed = {0};

        check(one, two, rows[i].mode, &added);
        check(two, one, rows[i].mode, &removed);
        assert_int_equal(added.broken, rows[i].added);
        assert_int_equal(removed.broken, rows[i].removed);
    }
}

static void modes_have_names(void **state)
{
    static const struct {
        const char *text;
        enum lg_compat_mode mode;
    } good[] = {
        {"NONE", LG_COMPAT_NONE},
        {"FULL", LG_COMPAT_FULL},
        {"FULL_TRANSITIVE", LG_COMPAT_FULL},
        {"BACKWARD_TRANSITIVE", LG_COMPAT_BACKWARD},
        {"FORWARD", LG_COMPAT_FORWARD},
    };
    static const char *const bad[] = {"", "full", "NONE_TRANSITIVE", "FULL_", "BACKWARDS"};
    enum lg_compat_mode mode;
    struct lg_error err = {0};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(good); i++) {
        assert_ok(lg_compat_mode_parse(good[i].text, &mode, &err));
        assert_int_equal(mode, good[i].mode);
    }
    for (size_t i = 0; i < LG_ARRAY_SIZE(bad); i++)
        assert_rc(LG_ERR_INVALID, lg_compat_mode_parse(bad[i], &mode, &err));
    assert_string_equal(lg_compat_mode_name(LG_COMPAT_FORWARD), "FORWARD");
}

static void the_sentences_name_the_thing_and_the_remedy(void **state)
{
    LG_SCOPED(lg_compat_report) report = {0};
    LG_AUTO(lg_json) *json = NULL;
    const struct lg_json *row;

    (void)state;
    check(REC(FIELD("a", "\"int\"")),
          REC(FIELD("a", "[\"null\",\"int\"]") "," FIELD(
              "b", "{\"type\":\"array\",\"items\":\"long\"}")),
          LG_COMPAT_FULL, &report);
    json = lg_compat_report_json(&report);
    assert_int_equal(lg_json_size(json), 2);
    row = lg_json_at(json, 0);
    assert_string_equal(lg_json_get_str(row, "path", ""), "b");
    assert_string_equal(lg_json_get_str(row, "breaks", ""), "new readers of old data");
    assert_string_equal(lg_json_get_str(row, "change", ""),
                        "field b (array of long) was added without a default, which old records "
                        "lack");
    assert_non_null(strstr(lg_json_get_str(row, "remedy", ""), "\"default\": null"));
    assert_int_equal(lg_json_get_int(row, "schemaId", 0), 7);
    row = lg_json_at(json, 1);
    assert_string_equal(lg_json_get_str(row, "path", ""), "a");
    assert_string_equal(lg_json_get_str(row, "breaks", ""), "old readers of new data");
    assert_string_equal(lg_json_get_str(row, "change", ""),
                        "the type changed from int to [null, int]");
}

/* Diamonds: each record has two fields of the next one, 30 deep, and the last one changes. */
static char *diamond(const char *last)
{
    LG_SCOPED(lg_buf) text = {0};

    for (int i = 0; i < 30; i++)
        lg_buf_appendf(&text,
                       "{\"type\":\"record\",\"name\":\"D%d\",\"fields\":[{\"name\":\"l\","
                       "\"type\":",
                       i);
    lg_buf_append_str(&text, last);
    for (int i = 29; i >= 0; i--) {
        LG_AUTO_STR char *next = i == 29 ? lg_strdup(last) : lg_strf("\"D%d\"", i + 1);

        lg_buf_appendf(&text, "},{\"name\":\"r\",\"type\":%s}]}", next);
    }
    return lg_strf("%.*s", LG_FMT(lg_buf_slice(&text)));
}

static void a_report_is_bounded(void **state)
{
    LG_AUTO_STR char *ints = diamond("\"int\"");
    LG_AUTO_STR char *longs = diamond("\"long\"");
    LG_SCOPED(lg_compat_report) same = {0};
    LG_SCOPED(lg_compat_report) other = {0};

    (void)state;
    check(ints, ints, LG_COMPAT_FULL, &same);
    assert_int_equal(same.findings.size, 0);
    assert_false(same.is_cut);
    check(ints, longs, LG_COMPAT_FULL, &other);
    assert_int_equal(other.findings.size, LG_COMPAT_FINDINGS_MAX);
    assert_true(other.is_cut);
    check(longs, ints, LG_COMPAT_FORWARD, &same); /* All can be read: no findings, no 2^30 steps. */
    assert_int_equal(same.findings.size, 0);
}

static void what_readers_cannot_tell_apart_is_the_same(void **state)
{
    static const struct {
        const char *a, *b;
        bool same;
    } rows[] = {
        {REC(FIELD("a", "\"int\"")),
         "{\"type\":\"record\",\"name\":\"R\",\"doc\":\"d\",\"fields\":[{\"name\":\"a\",\"doc\":"
         "\"x\",\"order\":\"ignore\",\"type\":{\"type\":\"int\"}}]}",
         true},
        {REC(FIELD("a", "\"int\"")), REC(FIELD("b", "\"int\"")), false},
        {REC(FIELD("a", "\"int\"")), REC(FIELD_D("a", "\"int\"", "0")), false},
        {REC(FIELD_D("a", "\"int\"", "1")), REC(FIELD_D("a", "\"int\"", "1")), true},
        {REC(FIELD_D("a", "\"int\"", "1")), REC(FIELD_D("a", "\"int\"", "2")), false},
        {REC(FIELD("a", "\"int\"")), REC("{\"name\":\"a\",\"aliases\":[\"b\"],\"type\":\"int\"}"),
         false},
        {ENUM("\"A\""), ENUM_D("\"A\"", "A"), false},
        {"\"int\"", "{\"type\":\"int\",\"logicalType\":\"date\"}", false},
    };

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        LG_AUTO(lg_schema) *a = parse(rows[i].a);
        LG_AUTO(lg_schema) *b = parse(rows[i].b);

        if (lg_compat_same(a, b) != rows[i].same || lg_compat_same(b, a) != rows[i].same)
            fail_msg("row %zu", i);
    }
}

static void notes_can_be_dropped(void **state)
{
    LG_SCOPED(lg_compat_report) report = {0};
    LG_AUTO_STR char *got = NULL;
    size_t before;

    (void)state;
    check(REC(FIELD_D("a", "\"int\"", "1")), REC(FIELD_D("a", "\"int\"", "2")), LG_COMPAT_FULL,
          &report);
    before = report.findings.size;
    check(REC(FIELD_D("a", "\"int\"", "1")),
          REC(FIELD_D("a", "\"int\"", "2") "," FIELD("b", "\"int\"")), LG_COMPAT_FULL, &report);
    lg_compat_drop_notes(&report, before);
    got = findings_text(&report);
    assert_string_equal(got, "a DEFAULT_CHANGED -; b FIELD_ADDED_WITHOUT_DEFAULT N");
    assert_int_equal(report.broken, 1);
}

/* What has no finding can be planned both ways; the resolver refuses no datum of it. */
static void what_is_compatible_resolves(void **state)
{
    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(cases); i++) {
        LG_AUTO(lg_schema) *a = parse(cases[i].older);
        LG_AUTO(lg_schema) *b = parse(cases[i].newer);
        LG_SCOPED(lg_compat_report) report = {0};
        LG_AUTO(lg_resolver) *there = NULL;
        LG_AUTO(lg_resolver) *back = NULL;
        struct lg_error err = {0};

        lg_compat_check(a, b, LG_COMPAT_FULL, 1, &report);
        if (report.broken > 0)
            continue;
        assert_ok(lg_resolver_new(a, b, &there, &err));
        assert_ok(lg_resolver_new(b, a, &back, &err));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_change_has_its_finding),
        cmocka_unit_test(a_mode_counts_its_readers_only),
        cmocka_unit_test(modes_have_names),
        cmocka_unit_test(the_sentences_name_the_thing_and_the_remedy),
        cmocka_unit_test(a_report_is_bounded),
        cmocka_unit_test(what_readers_cannot_tell_apart_is_the_same),
        cmocka_unit_test(notes_can_be_dropped),
        cmocka_unit_test(what_is_compatible_resolves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
