/* Schemas by id and by canonical form. */
#include "test/lib/controller_world.h"
#include "test/test.h"

static void schemas_are_found_by_their_canonical_form(void **state)
{
    struct lg_cw *w = lg_cw_start(6);
    const struct lg_json *schemas;

    (void)state;
    lg_cw_store_up(w);
    assert_int_equal(lg_cw_get(w, "/get_key_schema?store_name=cities"), 200);
    assert_string_equal(lg_cw_text(w, "schemaStr"), "\"long\"");
    assert_int_equal(lg_cw_get(w, "/get_value_schema?store_name=cities&schema_id=1"), 200);
    assert_int_equal(lg_cw_get(w, "/get_value_schema?store_name=cities&schema_id=2"), 404);
    assert_string_equal(lg_cw_text(w, "errorType"), "SCHEMA_NOT_FOUND");
    assert_int_equal(lg_cw_post(w, "/get_value_schema_id",
                                "store_name=cities&value_schema=%7B%22type%22:%22string%22%7D"),
                     200);
    assert_int_equal(lg_json_get_int(w->answer, "id", 0), 1);
    assert_int_equal(
        lg_cw_post(w, "/get_value_schema_id", "store_name=cities&value_schema=%22int%22"), 404);
    assert_int_equal(
        lg_cw_post(w, "/add_value_schema", "store_name=cities&value_schema=%22string%22"), 200);
    assert_int_equal(lg_json_get_int(w->answer, "id", 0), 1);
    assert_int_equal(lg_cw_post(w, "/add_value_schema", "store_name=cities&value_schema=%22int%22"),
                     501);
    assert_int_equal(
        lg_cw_get(w, "/get_all_value_schema?store_name=venice_system_store_KAFKA_MESSAGE_ENVELOPE"),
        200);
    schemas = lg_json_get(w->answer, "schemas");
    assert_int_equal(lg_json_size(schemas), 1);
    assert_int_equal(lg_json_get_int(lg_json_at(schemas, 0), "id", 0), 14);
    assert_int_equal(lg_cw_get(w, "/discover_cluster?store_name=cities&cluster_name=*"), 200);
    assert_string_equal(lg_cw_text(w, "cluster"), "lagoon-0");
    assert_int_equal(lg_cw_get(w, "/leader_controller?cluster_name=lagoon-0"), 200);
    assert_string_equal(lg_cw_text(w, "url"), "http://ctl:5555");
    lg_cw_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schemas_are_found_by_their_canonical_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
