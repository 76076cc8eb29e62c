/* The system stores: their schemas are the files, parse, and encode what is given. */
#include "record/system_schema.h"

#include <stdio.h>

#include "avro/json_text.h"
#include "base/str.h"
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

static void every_schema_is_its_file_and_parses(void **state)
{
    const struct lg_system_schema *s;

    (void)state;
    for (size_t i = 0; (s = lg_system_schema_at(i)) != NULL; i++) {
        LG_AUTO_STR char *path = lg_strf("schemas/%s.v%d.avsc", s->record, s->id);
        LG_SCOPED(lg_buf) file = {0};
        LG_SCOPED(lg_buf) compact = {0};
        LG_AUTO(lg_json) *json = NULL;
        LG_AUTO(lg_schema) *schema = NULL;
        struct lg_error err = {0};

        read_file(path, &file);
        assert_ok(lg_json_parse(lg_buf_slice(&file), &json, &err));
        lg_json_write(&compact, json, /* pretty= */ false);
        assert_slice_equal(lg_system_schema_text(s), lg_buf_slice(&compact));
        assert_ok(lg_schema_parse(lg_system_schema_text(s), &schema, &err));
        assert_slice_equal(lg_schema_name(schema), lg_slice_str(s->record));
        assert_ptr_equal(lg_system_schema_find(lg_slice_str(s->store), s->id), s);
    }
}

static void stores_are_found_by_name_and_id(void **state)
{
    static const char metadata[] = "venice_system_store_SERVER_METADATA_RESPONSE";

    (void)state;
    assert_true(lg_system_store_exists(lg_slice_str(metadata)));
    assert_true(lg_system_store_exists(LG_LIT("venice_system_store_KAFKA_MESSAGE_ENVELOPE")));
    assert_false(lg_system_store_exists(LG_LIT("venice_system_store_SERVER_METADATA")));
    assert_false(lg_system_store_exists(LG_LIT("cities")));
    assert_false(lg_system_store_exists(LG_SLICE_NULL));
    assert_int_equal(lg_system_schema_find(lg_slice_str(metadata), 0)->id, 4);
    assert_int_equal(lg_system_schema_find(lg_slice_str(metadata), 1)->id, 1);
    assert_null(lg_system_schema_find(lg_slice_str(metadata), 5));
    assert_int_equal(
        lg_system_schema_find(LG_LIT("venice_system_store_KAFKA_MESSAGE_ENVELOPE"), 0)->id, 14);
    assert_slice_equal(lg_system_store_key_schema(lg_slice_str(metadata)), LG_LIT("\"int\""));
    assert_non_null(strstr((const char *)lg_system_store_key_schema(
                               LG_LIT("venice_system_store_METADATA_SYSTEM_SCHEMA_STORE"))
                               .data,
                           "keyStrings"));
}

static void a_record_is_encoded_with_venices_defaults(void **state)
{
    LG_AUTO(lg_json) *json = NULL;
    LG_SCOPED(lg_buf) out = {0};
    LG_SCOPED(lg_buf) hex = {0};
    struct lg_error err = {0};

    (void)state;
    assert_ok(lg_json_parse(LG_LIT("{\"storeMetaValueAvro\":\"AQI=\"}"), &json, &err));
    assert_ok(lg_system_record_encode("SERVER_STORE_PROPERTIES_PAYLOAD", 1, json, &out, &err));
    for (size_t i = 0; i < out.size; i++)
        lg_buf_appendf(&hex, "%02x", out.data[i]);
    assert_slice_equal(lg_buf_slice(&hex), LG_LIT("020401020000")); /* 1, 2 bytes, null, null */
    lg_json_set_str(json, "nobody", "knows");
    assert_int_equal(
        lg_system_record_encode("SERVER_STORE_PROPERTIES_PAYLOAD", 1, json, &out, &err),
        LG_ERR_BAD_DATA);
    assert_non_null(strstr(err.text, "nobody"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_schema_is_its_file_and_parses),
        cmocka_unit_test(stores_are_found_by_name_and_id),
        cmocka_unit_test(a_record_is_encoded_with_venices_defaults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
