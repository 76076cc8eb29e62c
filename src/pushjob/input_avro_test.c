/* Containers of another schema than the store's: taken as they are where they equal one of the
 * store's, resolved where nothing is lost, refused else. */
#include "pushjob/input.h"

#include "test/lib/input_rig.h"
#include "test/test.h"

#define CITY(fields)                                                                               \
    "{\"type\":\"record\",\"name\":\"City\",\"fields\":[{\"name\":\"id\",\"type\":\"long\"}"       \
    "" fields "]}"
#define NAME ",{\"name\":\"name\",\"type\":\"string\"}"
#define AREA ",{\"name\":\"area\",\"type\":[\"null\",\"double\"],\"default\":null}"
#define NEED ",{\"name\":\"need\",\"type\":\"int\"}"

static void a_file_of_an_older_schema_is_written_with_it(void **state)
{
    LG_SCOPED(lg_buf) file = {0}, got = {0};
    struct lg_input_case c = {.value_schemas = {CITY(NAME AREA), CITY(NAME), CITY("")}};
    struct lg_error err = {0};
    size_t chosen = 9;

    (void)state;
    lg_input_container(&file, CITY(NAME), "[{\"id\":1,\"name\":\"a\"}]");
    c.files[0] = lg_buf_slice(&file);
    assert_ok(lg_input_case_read(&c, &got, &chosen, &err));
    assert_int_equal(chosen, 1);
    assert_string_equal((char *)got.data, "1={\"id\":1,\"name\":\"a\"};");
}

static void a_file_that_turns_into_the_latest_schema_is_resolved(void **state)
{
    LG_SCOPED(lg_buf) file = {0}, narrow = {0};
    struct lg_input_case c = {.value_schemas = {CITY(NAME AREA)}};

    (void)state;
    lg_input_container(&file, CITY(NAME), "[{\"id\":1,\"name\":\"a\"},{\"id\":2,\"name\":\"b\"}]");
    c.files[0] = lg_buf_slice(&file);
    lg_input_case_expect(&c, "1={\"id\":1,\"name\":\"a\",\"area\":null};"
                             "2={\"id\":2,\"name\":\"b\",\"area\":null};");
    /* An int is promoted, in the key as well. */
    lg_input_container(&narrow,
                       "{\"type\":\"record\",\"name\":\"City\",\"fields\":[{\"name\":\"name\","
                       "\"type\":\"string\"},{\"name\":\"id\",\"type\":\"int\"}]}",
                       "[{\"id\":-7,\"name\":\"a\"}]");
    c.files[0] = lg_buf_slice(&narrow);
    lg_input_case_expect(&c, "-7={\"id\":-7,\"name\":\"a\",\"area\":null};");
}

static void files_of_several_schemas_meet_in_the_latest(void **state)
{
    LG_SCOPED(lg_buf) one = {0}, two = {0};
    struct lg_input_case c = {.file_count = 2, .value_schemas = {CITY(NAME AREA), CITY(NAME)}};

    (void)state;
    lg_input_container(&one, CITY(NAME), "[{\"id\":1,\"name\":\"a\"}]");
    lg_input_container(&two, CITY(NAME AREA), "[{\"id\":2,\"name\":\"b\",\"area\":0.5}]");
    c.files[0] = lg_buf_slice(&one);
    c.files[1] = lg_buf_slice(&two);
    lg_input_case_expect(&c, "1={\"id\":1,\"name\":\"a\",\"area\":null};"
                             "2={\"id\":2,\"name\":\"b\",\"area\":0.5};");
}

static void a_field_is_never_lost_silently(void **state)
{
    LG_SCOPED(lg_buf) file = {0}, deep = {0};
    struct lg_input_case c = {.value_schemas = {CITY(NAME)}};

    (void)state;
    lg_input_container(&file, CITY(NAME AREA), "[{\"id\":1,\"name\":\"a\",\"area\":1}]");
    c.files[0] = lg_buf_slice(&file);
    lg_input_case_fails(&c, LG_ERR_SCHEMA, "one: the value's field 'area' has no place",
                        "lagoon schema add");
    lg_input_container(&deep,
                       CITY(",{\"name\":\"in\",\"type\":{\"type\":\"array\",\"items\":{\"type\":"
                            "\"record\",\"name\":\"In\",\"fields\":[{\"name\":\"x\",\"type\":"
                            "\"int\"},{\"name\":\"y\",\"type\":\"int\"}]}}}"),
                       "[]");
    c.files[0] = lg_buf_slice(&deep);
    c.value_schemas[0] = CITY(",{\"name\":\"in\",\"type\":[\"null\",{\"type\":\"array\",\"items\":{"
                              "\"type\":\"record\",\"name\":\"In\",\"fields\":[{\"name\":\"x\","
                              "\"type\":\"int\"}]}}]}");
    lg_input_case_fails(&c, LG_ERR_SCHEMA, "field 'y'", "lagoon schema add");
}

static void a_field_under_another_name_is_found_by_its_alias(void **state)
{
    LG_SCOPED(lg_buf) file = {0};
    struct lg_input_case c = {
        .value_schemas = {
            CITY(",{\"name\":\"title\",\"type\":\"string\",\"aliases\":[\"name\"]}")}};

    (void)state;
    lg_input_container(&file, CITY(NAME), "[{\"id\":1,\"name\":\"a\"}]");
    c.files[0] = lg_buf_slice(&file);
    lg_input_case_expect(&c, "1={\"id\":1,\"title\":\"a\"};");
}

static void a_key_beside_the_values_schema_is_left_out_of_the_value(void **state)
{
    LG_SCOPED(lg_buf) file = {0};
    struct lg_input_case c = {.value_schemas = {"{\"type\":\"record\",\"name\":\"City\","
                                                "\"fields\":[{\"name\":\"name\",\"type\":"
                                                "\"string\"}]}"}};

    (void)state;
    lg_input_container(&file, CITY(NAME), "[{\"id\":1,\"name\":\"a\"}]");
    c.files[0] = lg_buf_slice(&file);
    lg_input_case_expect(&c, "1={\"name\":\"a\"};");
}

static void what_does_not_turn_into_the_stores_schema_is_refused(void **state)
{
    LG_SCOPED(lg_buf) file = {0};
    struct lg_input_case c = {.value_schemas = {CITY(NAME NEED)}};

    (void)state;
    lg_input_container(&file, CITY(NAME), "[{\"id\":1,\"name\":\"a\"}]");
    c.files[0] = lg_buf_slice(&file);
    lg_input_case_fails(&c, LG_ERR_SCHEMA, "one: the value's schema is another", "need");
    c.value_schemas[0] = CITY(NAME);
    c.key_schema = "\"string\"";
    lg_input_case_fails(&c, LG_ERR_SCHEMA, "the key's schema", "");
}

static void a_symbol_that_the_store_lacks_is_named_with_its_record(void **state)
{
    LG_SCOPED(lg_buf) file = {0}, got = {0};
    struct lg_error err = {0};
    struct lg_input_case c = {
        .value_schemas = {CITY(",{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"E\","
                               "\"symbols\":[\"A\"]}}")}};

    (void)state;
    lg_input_container(&file,
                       CITY(",{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"E\","
                            "\"symbols\":[\"B\",\"A\"]}}"),
                       "[{\"id\":1,\"e\":\"A\"},{\"id\":2,\"e\":\"B\"},{\"id\":3,\"e\":\"A\"}]");
    c.files[0] = lg_buf_slice(&file);
    lg_input_case_fails(&c, LG_ERR_SCHEMA, "one: record 2, in the block at byte", "B");
    c.options.errors_max = 5; /* The records behind it are read all the same. */
    assert_rc(LG_ERR_BAD_DATA, lg_input_case_read(&c, &got, NULL, &err));
    assert_non_null(strstr((char *)got.data, ";!one: record 2"));
    assert_non_null(strstr((char *)got.data, ";3={\"id\":3,\"e\":\"A\"};"));
}

static void records_are_shown_as_json(void **state)
{
    LG_SCOPED(lg_buf) file = {0}, got = {0};
    struct lg_input_case c = {0};
    struct lg_error err = {0};

    (void)state;
    lg_input_container(&file, CITY(NAME), "[{\"id\":1,\"name\":\"a\"},{\"id\":2,\"name\":\"b\"}]");
    c.files[0] = lg_buf_slice(&file);
    assert_ok(lg_input_case_json(&c, &got, &err));
    assert_string_equal((char *)got.data, "{\"id\":1,\"name\":\"a\"};{\"id\":2,\"name\":\"b\"};");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_of_an_older_schema_is_written_with_it),
        cmocka_unit_test(a_file_that_turns_into_the_latest_schema_is_resolved),
        cmocka_unit_test(files_of_several_schemas_meet_in_the_latest),
        cmocka_unit_test(a_field_is_never_lost_silently),
        cmocka_unit_test(a_field_under_another_name_is_found_by_its_alias),
        cmocka_unit_test(a_key_beside_the_values_schema_is_left_out_of_the_value),
        cmocka_unit_test(what_does_not_turn_into_the_stores_schema_is_refused),
        cmocka_unit_test(a_symbol_that_the_store_lacks_is_named_with_its_record),
        cmocka_unit_test(records_are_shown_as_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
