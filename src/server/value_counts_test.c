/* Counting values of fields: texts of all kinds, order, bounds, what is refused. */
#include "server/value_counts.h"

#include "avro/json_text.h"
#include "test/test.h"

static const char schema_text[] =
    "{\"type\":\"record\",\"name\":\"R\",\"fields\":["
    "{\"name\":\"s\",\"type\":\"string\"},{\"name\":\"n\",\"type\":[\"null\",\"long\"]},"
    "{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}},"
    "{\"name\":\"u\",\"type\":[\"null\",\"string\"]},"
    "{\"name\":\"a\",\"type\":{\"type\":\"array\",\"items\":\"int\"}}]}";

static struct lg_value_counts *counts_of(const char *first, const char *second)
{
    const struct lg_slice names[] = {lg_slice_str(first), lg_slice_str(second)};
    struct lg_value_counts *c = NULL;
    struct lg_error err;

    assert_ok(lg_value_counts_new(names, second == NULL ? 1 : 2, &c, &err));
    return c;
}

static struct lg_schema *parse(const char *text)
{
    struct lg_schema *schema = NULL;
    struct lg_error err;

    assert_ok(lg_schema_parse(lg_slice_str(text), &schema, &err));
    return schema;
}

static enum lg_rc add(struct lg_value_counts *c, const struct lg_schema *schema, const char *json,
                      struct lg_error *out)
{
    LG_AUTO(lg_json) *value = NULL;
    LG_SCOPED(lg_buf) bytes = {0};
    struct lg_error err;

    assert_ok(lg_json_parse(lg_slice_str(json), &value, &err));
    assert_ok(lg_avro_from_json(schema, value, &bytes, &err));
    return lg_value_counts_add(c, schema, lg_buf_slice(&bytes), out);
}

static void expect(const struct lg_venice_count_by_value_response *rs, size_t field, size_t i,
                   const char *text, int n)
{
    const struct lg_venice_value_count *count = rs->field_to_value_counts.data[field].value;

    assert_true(i < count->value_to_counts.size);
    assert_true(lg_slice_eq_str(count->value_to_counts.data[i].key, text));
    assert_int_equal(count->value_to_counts.data[i].value, n);
}

static void the_most_frequent_come_first(void **state)
{
    LG_AUTO(lg_value_counts) *c = counts_of("u", "s");
    LG_AUTO(lg_schema) *schema = parse(schema_text);
    struct lg_venice_count_by_value_response rs = {0};
    struct lg_error err;

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_ok(add(c, schema, "{\"s\":\"x\",\"n\":1,\"e\":\"A\",\"u\":null,\"a\":[]}", &err));
    for (int i = 0; i < 2; i++) {
        assert_ok(
            add(c, schema, "{\"s\":\"z\\\"\",\"n\":1,\"e\":\"A\",\"u\":\"q\",\"a\":[]}", &err));
        assert_ok(add(c, schema, "{\"s\":\"y\",\"n\":1,\"e\":\"A\",\"u\":\"\",\"a\":[]}", &err));
    }
    assert_ok(add(c, schema, "{\"s\":\"xx\",\"n\":1,\"e\":\"A\",\"u\":\"r\",\"a\":[]}", &err));
    lg_value_counts_take(c, 3, &rs);
    assert_int_equal(rs.field_to_value_counts.size, 2);
    assert_true(lg_slice_eq_str(rs.field_to_value_counts.data[0].key, "u"));
    expect(&rs, 0, 0, "null", 3);
    expect(&rs, 0, 1, "", 2);
    expect(&rs, 0, 2, "q", 2);
    assert_int_equal(rs.field_to_value_counts.data[0].value->value_to_counts.size, 3);
    expect(&rs, 1, 0, "x", 3);
    expect(&rs, 1, 1, "y", 2);
    expect(&rs, 1, 2, "z\"", 2);
}

static void every_kind_has_a_text(void **state)
{
    static const struct {
        const char *field, *text;
    } rows[] = {{"s", "x"}, {"n", "5"}, {"e", "B"}, {"u", "w"}, {"a", "[1,2]"}};
    LG_AUTO(lg_schema) *schema = parse(schema_text);

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        LG_AUTO(lg_value_counts) *c = counts_of(rows[i].field, NULL);
        struct lg_venice_count_by_value_response rs = {0};
        struct lg_error err;

        assert_ok(
            add(c, schema, "{\"s\":\"x\",\"n\":5,\"e\":\"B\",\"u\":\"w\",\"a\":[1,2]}", &err));
        lg_value_counts_take(c, 10, &rs);
        expect(&rs, 0, 0, rows[i].text, 1);
    }
}

static void long_texts_are_cut_between_characters(void **state)
{
    LG_AUTO(lg_value_counts) *c = counts_of("s", NULL);
    LG_AUTO(lg_schema) *schema = parse(
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"s\",\"type\":\"string\"}]}");
    struct lg_venice_count_by_value_response rs = {0};
    char json[4 * LG_VALUE_COUNTS_TEXT_MAX];
    struct lg_error err;
    size_t n;

    (void)state;
    n = (size_t)snprintf(json, sizeof json, "{\"s\":\"a");
    while (n < 2 * LG_VALUE_COUNTS_TEXT_MAX)
        n += (size_t)snprintf(json + n, sizeof json - n, "\xc3\xa9");
    (void)snprintf(json + n, sizeof json - n, "\"}");
    assert_ok(add(c, schema, json, &err));
    lg_value_counts_take(c, 1, &rs);
    assert_int_equal(rs.field_to_value_counts.data[0].value->value_to_counts.data[0].key.size,
                     LG_VALUE_COUNTS_TEXT_MAX - 1);
}

static void what_cannot_be_counted_is_refused(void **state)
{
    static struct lg_slice many[LG_VALUE_COUNTS_FIELDS_MAX + 1];
    const struct lg_slice twice[] = {LG_LIT("a"), LG_LIT("a")}, empty[] = {LG_SLICE_NULL};
    LG_AUTO(lg_schema) *schema = parse(schema_text), *number = parse("\"long\"");
    LG_AUTO(lg_value_counts) *c = counts_of("nope", NULL), *s = counts_of("s", NULL);
    struct lg_value_counts *none = NULL;
    struct lg_error err;

    (void)state;
    assert_int_equal(lg_value_counts_new(twice, 0, &none, &err), LG_ERR_INVALID);
    assert_int_equal(lg_value_counts_new(twice, 2, &none, &err), LG_ERR_INVALID);
    assert_int_equal(lg_value_counts_new(empty, 1, &none, &err), LG_ERR_INVALID);
    assert_int_equal(lg_value_counts_new(many, LG_ARRAY_SIZE(many), &none, &err), LG_ERR_INVALID);
    assert_int_equal(lg_value_counts_add(c, schema, LG_LIT("\2x"), &err), LG_ERR_INVALID);
    assert_non_null(strstr(err.text, "'nope'"));
    assert_int_equal(lg_value_counts_add(s, number, LG_LIT("\2"), &err), LG_ERR_INVALID);
    assert_int_equal(lg_value_counts_add(s, schema, LG_LIT("\4x"), &err), LG_ERR_BAD_DATA);
    assert_int_equal(lg_value_counts_add(s, schema, LG_LIT("\2x\7"), &err), LG_ERR_BAD_DATA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_most_frequent_come_first),
        cmocka_unit_test(every_kind_has_a_text),
        cmocka_unit_test(long_texts_are_cut_between_characters),
        cmocka_unit_test(what_cannot_be_counted_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
