/* The inferred schema accepts every record that it was learnt from, and is no wider than that. */
#include "pushjob/infer.h"

#include "avro/json_text.h"
#include "base/str.h"
#include "test/test.h"

static struct lg_json *json_of(const char *text)
{
    struct lg_json *json;
    struct lg_error err = {0};

    assert_ok(lg_json_parse(lg_slice_str(text), &json, &err));
    return json;
}

/* The type of field "x" after these records (a JSON array). */
static void expect(bool is_text, const char *records, const char *want)
{
    LG_AUTO(lg_infer) *infer = lg_infer_new(is_text);
    LG_AUTO(lg_json) *all = json_of(records);
    LG_AUTO(lg_json) *whole = NULL;
    LG_AUTO(lg_json) *field = NULL;
    LG_AUTO(lg_schema) *schema = NULL;
    LG_SCOPED(lg_buf) text = {0}, whole_text = {0};
    struct lg_error err = {0};

    for (size_t i = 0; i < lg_json_size(all); i++)
        assert_ok(lg_infer_add(infer, lg_json_at(all, i), &err));
    assert_ok(lg_infer_schema(infer, "r", "x", &field, &err));
    lg_json_write(&text, field, /* pretty= */ false);
    lg_buf_append_byte(&text, 0);
    assert_string_equal((char *)text.data, want);
    assert_ok(lg_infer_schema(infer, "my file-1", NULL, &whole, &err));
    assert_string_equal(lg_json_get_str(whole, "name", ""), "my_file_1");
    lg_json_write(&whole_text, whole, /* pretty= */ false);
    assert_ok(lg_schema_parse(lg_buf_slice(&whole_text), &schema, &err));
    for (size_t i = 0; i < lg_json_size(all) && !is_text; i++) {
        LG_SCOPED(lg_buf) datum = {0};

        assert_ok(lg_avro_from_json(schema, lg_json_at(all, i), &datum, &err));
    }
}

static void the_narrowest_type_that_fits_all(void **state)
{
    (void)state;
    expect(false, "[{\"x\":1},{\"x\":-5}]", "\"long\"");
    expect(false, "[{\"x\":1},{\"x\":1.5}]", "\"double\"");
    expect(false, "[{\"x\":true}]", "\"boolean\"");
    expect(false, "[{\"x\":\"a\"}]", "\"string\"");
    expect(false, "[{\"x\":null},{\"x\":1}]", "[\"null\",\"long\"]");
    expect(false, "[{\"x\":1},{}]", "[\"null\",\"long\"]");
    expect(false, "[{},{\"x\":1}]", "[\"null\",\"long\"]");
    expect(false, "[{\"x\":null}]", "[\"null\",\"string\"]");
    expect(false, "[{\"x\":1},{\"x\":\"a\"},{\"x\":true}]", "[\"boolean\",\"long\",\"string\"]");
}

static void nested_values_become_arrays_and_records(void **state)
{
    (void)state;
    expect(false, "[{\"x\":[1,2]},{\"x\":[]}]", "{\"type\":\"array\",\"items\":\"long\"}");
    expect(false, "[{\"x\":[]}]", "{\"type\":\"array\",\"items\":\"string\"}");
    expect(false, "[{\"x\":[1,null]}]", "{\"type\":\"array\",\"items\":[\"null\",\"long\"]}");
    expect(false, "[{\"x\":{\"a\":1}},{\"x\":{\"a\":2,\"b\":\"c\"}}]",
           "{\"type\":\"record\",\"name\":\"x\",\"fields\":[{\"name\":\"a\",\"type\":\"long\"},"
           "{\"name\":\"b\",\"type\":[\"null\",\"string\"],\"default\":null}]}");
    /* Names of records are told apart. */
    expect(false, "[{\"x\":[{\"y_z\":{\"a\":1},\"y\":{\"z\":{\"b\":2}}}]}]",
           "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"x_item\",\"fields\":["
           "{\"name\":\"y_z\",\"type\":{\"type\":\"record\",\"name\":\"x_item_y_z\",\"fields\":["
           "{\"name\":\"a\",\"type\":\"long\"}]}},{\"name\":\"y\",\"type\":{\"type\":\"record\","
           "\"name\":\"x_item_y\",\"fields\":[{\"name\":\"z\",\"type\":{\"type\":\"record\","
           "\"name\":\"x_item_y_z_2\",\"fields\":[{\"name\":\"b\",\"type\":\"long\"}]}}]}}]}}");
}

static void a_column_of_csv_with_several_types_is_text(void **state)
{
    (void)state;
    expect(true, "[{\"x\":1},{\"x\":\"007\"}]", "\"string\"");
    expect(true, "[{\"x\":1},{\"x\":true}]", "\"string\"");
    expect(true, "[{\"x\":1},{\"x\":0.5},{\"x\":null}]", "[\"null\",\"double\"]");
}

static void what_cannot_be_a_schema_is_refused(void **state)
{
    LG_AUTO(lg_infer) *infer = lg_infer_new(false);
    LG_AUTO(lg_json) *spaced = json_of("{\"total amount\":1}");
    LG_AUTO(lg_json) *digit = json_of("{\"1st\":1}");
    LG_AUTO(lg_json) *good = json_of("{\"population\":1}");
    LG_SCOPED(lg_buf) text = {0};
    LG_AUTO(lg_json) *deep = NULL;
    struct lg_json *out = NULL;
    struct lg_error err = {0};

    (void)state;
    assert_rc(LG_ERR_SCHEMA, lg_infer_add(infer, spaced, &err));
    assert_non_null(strstr(err.text, "'total amount' cannot be the name of a field"));
    assert_rc(LG_ERR_SCHEMA, lg_infer_add(infer, digit, &err));
    assert_ok(lg_infer_add(infer, good, &err));
    assert_rc(LG_ERR_INVALID, lg_infer_schema(infer, "r", "popluation", &out, &err));
    assert_non_null(strstr(err.text, "did you mean 'population'?"));
    for (unsigned i = 0; i < LG_INFER_DEPTH_MAX + 1; i++)
        lg_buf_append_str(&text, "{\"a\":");
    lg_buf_append_str(&text, "1");
    for (unsigned i = 0; i < LG_INFER_DEPTH_MAX + 1; i++)
        lg_buf_append_str(&text, "}");
    lg_buf_append_byte(&text, 0);
    deep = json_of((const char *)text.data);
    assert_rc(LG_ERR_TOO_LARGE, lg_infer_add(infer, deep, &err));
    assert_non_null(strstr(err.text, "deeper than"));
}

static void the_number_of_fields_is_bounded(void **state)
{
    LG_AUTO(lg_infer) *infer = lg_infer_new(false);
    struct lg_error err = {0};
    enum lg_rc rc = LG_OK;

    (void)state;
    for (unsigned i = 0; i <= LG_INFER_NODES_MAX && rc == LG_OK; i++) {
        LG_AUTO_STR char *text = lg_strf("{\"f%u\":1}", i);
        LG_AUTO(lg_json) *json = json_of(text);

        rc = lg_infer_add(infer, json, &err);
    }
    assert_rc(LG_ERR_TOO_LARGE, rc);
    assert_non_null(strstr(err.text, "16384 fields"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_narrowest_type_that_fits_all),
        cmocka_unit_test(nested_values_become_arrays_and_records),
        cmocka_unit_test(a_column_of_csv_with_several_types_is_text),
        cmocka_unit_test(what_cannot_be_a_schema_is_refused),
        cmocka_unit_test(the_number_of_fields_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
