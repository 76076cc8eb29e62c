/* Keys as people type them. */
#include "avro/text.h"

#include "test/test.h"

static void check(const char *schema_text, const char *text, const char *bytes, size_t size)
{
    LG_AUTO(lg_schema) *schema = NULL;
    LG_SCOPED(lg_buf) out = {0};
    struct lg_error err;

    assert_ok(lg_schema_parse(lg_slice_str(schema_text), &schema, &err));
    lg_buf_append_byte(&out, 'x');
    assert_ok(lg_avro_from_text(schema, lg_slice_str(text), &out, &err));
    assert_slice_equal(lg_slice_skip(lg_buf_slice(&out), 1), lg_slice(bytes, size));
}

static void refuse(const char *schema_text, const char *text, const char *part)
{
    LG_AUTO(lg_schema) *schema = NULL;
    LG_SCOPED(lg_buf) out = {0};
    struct lg_error err;

    assert_ok(lg_schema_parse(lg_slice_str(schema_text), &schema, &err));
    lg_buf_append_byte(&out, 'x');
    assert_rc(LG_ERR_BAD_DATA, lg_avro_from_text(schema, lg_slice_str(text), &out, &err));
    assert_non_null(strstr(err.text, part));
    assert_int_equal(out.size, 1);
}

static void text_of_a_string_is_itself_whatever_it_looks_like(void **state)
{
    (void)state;
    check("\"string\"", "key1", "\x08key1", 5);
    check("\"string\"", "\"quoted\"", "\x10\"quoted\"", 9);
    check("\"string\"", "7",
          "\x02"
          "7",
          2);
    check("\"string\"", "", "\0", 1);
    refuse("\"string\"", "\xff", "UTF-8");
}

static void text_of_any_other_schema_is_json(void **state)
{
    const char *record = "{\"type\":\"record\",\"name\":\"K\",\"fields\":[{\"name\":\"a\",\"type\":"
                         "\"int\"},{\"name\":\"b\",\"type\":\"string\"}]}";

    (void)state;
    check("\"long\"", "3", "\x06", 1);
    check(record, "{\"b\":\"x\",\"a\":1}", "\x02\x02x", 3);
    refuse("\"long\"", "three", "three");
    refuse("\"long\"", "\"3\"", "long");
    refuse(record, "{\"a\":1,\"c\":2}", "c");
    refuse("\"long\"", "", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_of_a_string_is_itself_whatever_it_looks_like),
        cmocka_unit_test(text_of_any_other_schema_is_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
