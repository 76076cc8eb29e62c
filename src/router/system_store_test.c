/* System stores: which there are, and their schemas by id. */
#include "router/system_store.h"

#include "test/test.h"

static void a_system_store_has_its_schemas_and_no_version(void **state)
{
    LG_AUTO(lg_store) *s =
        lg_router_system_store(LG_LIT("venice_system_store_SERVER_METADATA_RESPONSE"));
    LG_AUTO(lg_store) *envelope =
        lg_router_system_store(LG_LIT("venice_system_store_KAFKA_MESSAGE_ENVELOPE"));

    (void)state;
    assert_non_null(s);
    assert_string_equal(s->name, "venice_system_store_SERVER_METADATA_RESPONSE");
    assert_string_equal(s->key_schema, "\"int\"");
    assert_int_equal(s->current_version, 0);
    assert_int_equal(s->value_schemas.size, 4);
    assert_int_equal(lg_store_latest_value_schema_id(s), 4);
    assert_non_null(strstr(lg_store_value_schema(s, 4), "externalStorageReadMode"));
    assert_null(strstr(lg_store_value_schema(s, 1), "batchGetLimit"));
    assert_non_null(envelope);
    assert_int_equal(lg_store_latest_value_schema_id(envelope), 14);
}

static void other_names_are_no_system_stores(void **state)
{
    (void)state;
    assert_null(lg_router_system_store(LG_LIT("cities")));
    assert_null(lg_router_system_store(LG_LIT("venice_system_store_")));
    assert_null(lg_router_system_store(LG_SLICE_NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_system_store_has_its_schemas_and_no_version),
        cmocka_unit_test(other_names_are_no_system_stores),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
