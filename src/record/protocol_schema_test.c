/* The schema that the header `vtp` carries: the file, and Avro. */
#include "record/headers.h"

#include <stdio.h>

#include "avro/schema.h"
#include "base/json.h"
#include "test/test.h"

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
        cmocka_unit_test(the_embedded_schema_is_the_file_without_its_blanks),
        cmocka_unit_test(the_embedded_schema_is_avro_and_names_what_venice_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
