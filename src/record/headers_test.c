/* Record headers, and the schema that one of them carries. */
#include "record/headers.h"

#include <stdio.h>

#include "avro/schema.h"
#include "base/json.h"
#include "test/test.h"

static void a_record_count_is_eight_bytes_big_endian(void **state)
{
    uint8_t bytes[LG_RECORD_COUNT_BYTES];
    struct lg_error err = {0};
    int64_t count = 0;

    (void)state;
    lg_headers_record_count(bytes, 0x0102030405060708);
    assert_memory_equal(bytes, "\1\2\3\4\5\6\7\x08", 8);
    assert_ok(lg_headers_parse_record_count(lg_slice(bytes, 8), &count, &err));
    assert_int_equal(count, 0x0102030405060708);
    lg_headers_record_count(bytes, LG_RECORD_COUNT_UNKNOWN);
    assert_memory_equal(bytes, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
    assert_ok(lg_headers_parse_record_count(lg_slice(bytes, 8), &count, &err));
    assert_int_equal(count, -1);
}

static void a_malformed_record_count_is_refused(void **state)
{
    struct lg_error err = {0};
    int64_t count = 5;

    (void)state;
    assert_rc(LG_ERR_BAD_DATA, lg_headers_parse_record_count(LG_LIT("1234567"), &count, &err));
    assert_non_null(strstr(err.text, "prc has 7 bytes"));
    assert_rc(LG_ERR_BAD_DATA, lg_headers_parse_record_count(
                                   LG_LIT("\xff\xff\xff\xff\xff\xff\xff\xfe"), &count, &err));
    assert_int_equal(count, 5);
}

static void the_schema_goes_with_the_very_first_message(void **state)
{
    (void)state;
    assert_true(lg_headers_wants_schema(0, 0));
    assert_false(lg_headers_wants_schema(0, 1));
    assert_false(lg_headers_wants_schema(1, 0));
}

static void read_file(const char *path, struct lg_buf *out)
{
    FILE *f = fopen(path, "rb");
    size_t n;

    if (f == NULL)
        fail_msg("%s cannot be opened; run the test from the root of the source tree", path);
    do {
        n = fread(lg_buf_reserve(out, 4096), 1, 4096, f);
        lg_buf_commit(out, n);
    } while (n > 0);
    fclose(f);
}

static void the_embedded_schema_is_the_file_without_its_blanks(void **state)
{
    LG_SCOPED(lg_buf) file = {0};
    LG_SCOPED(lg_buf) compact = {0};
    LG_AUTO(lg_json) *json = NULL;
    struct lg_error err = {0};

    (void)state;
    read_file("schemas/KafkaMessageEnvelope.v14.avsc", &file);
    assert_ok(lg_json_parse(lg_buf_slice(&file), &json, &err));
    lg_json_write(&compact, json, /* pretty= */ false);
    assert_slice_equal(lg_headers_protocol_schema(), lg_buf_slice(&compact));
}

static void the_embedded_schema_is_avro_and_names_what_venice_names(void **state)
{
    LG_AUTO(lg_schema) *schema = NULL;
    const struct lg_schema *payload;
    struct lg_error err = {0};

    (void)state;
    assert_ok(lg_schema_parse(lg_headers_protocol_schema(), &schema, &err));
    assert_slice_equal(lg_schema_full_name(schema),
                       LG_LIT("com.linkedin.venice.kafka.protocol.KafkaMessageEnvelope"));
    assert_int_equal(lg_schema_field_count(schema), 4);
    payload = lg_schema_field_schema(schema, 2);
    assert_slice_equal(lg_schema_name(lg_schema_branch(payload, 0)), LG_LIT("Put"));
    assert_slice_equal(lg_schema_name(lg_schema_branch(payload, 1)), LG_LIT("Update"));
    assert_slice_equal(lg_schema_name(lg_schema_branch(payload, 2)), LG_LIT("Delete"));
    assert_slice_equal(lg_schema_name(lg_schema_branch(payload, 3)), LG_LIT("ControlMessage"));
    assert_true(lg_schema_field_has_default(schema, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_count_is_eight_bytes_big_endian),
        cmocka_unit_test(a_malformed_record_count_is_refused),
        cmocka_unit_test(the_schema_goes_with_the_very_first_message),
        cmocka_unit_test(the_embedded_schema_is_the_file_without_its_blanks),
        cmocka_unit_test(the_embedded_schema_is_avro_and_names_what_venice_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
