/* Stores are made once, checked, and durable. */
#include "test/lib/controller_world.h"
#include "test/test.h"

static void a_store_is_made_once_and_survives_a_power_cut(void **state)
{
    struct lg_cw *w = lg_cw_start(4);
    const struct lg_json *store;

    (void)state;
    lg_cw_store_up(w);
    assert_string_equal(lg_cw_text(w, "owner"), "me");
    assert_int_equal(lg_cw_post(w, "/new_store", LG_CW_NEW_STORE), 409);
    assert_string_equal(lg_cw_text(w, "lagoonCode"), "ERR_CONFLICT");
    lg_cw_restart(w);
    lg_cw_until_ready(w);
    assert_int_equal(lg_cw_get(w, "/store?store_name=cities"), 200);
    store = lg_json_get(w->answer, "store");
    assert_int_equal(lg_json_get_int(store, "partitionCount", 0), LG_CW_PARTITIONS);
    assert_int_equal(lg_cw_get(w, "/store?store_name=citys"), 404);
    assert_string_equal(lg_cw_text(w, "errorType"), "STORE_NOT_FOUND");
    assert_non_null(strstr(lg_cw_text(w, "error"), "did you mean 'cities'"));
    assert_int_equal(lg_cw_get(w, "/list_stores"), 200);
    assert_int_equal(lg_json_size(lg_json_get(w->answer, "stores")), 1);
    lg_cw_free(w);
}

static void a_store_may_begin_with_compression_and_chunking(void **state)
{
    struct lg_cw *w = lg_cw_start(6);
    const struct lg_json *store;

    (void)state;
    lg_cw_until_ready(w);
    assert_int_equal(lg_cw_post(w, "/new_store",
                                "store_name=x&key_schema=%22long%22&value_schema=%22long%22&"
                                "compression_strategy=ZSTD_WITH_DICT&chunking_enabled=true"),
                     200);
    assert_int_equal(lg_cw_get(w, "/store?store_name=x"), 200);
    store = lg_json_get(w->answer, "store");
    assert_string_equal(lg_json_get_str(store, "compressionStrategy", ""), "ZSTD_WITH_DICT");
    assert_true(lg_json_get_bool(store, "chunkingEnabled", false));
    lg_cw_free(w);
}

static void bad_stores_are_refused(void **state)
{
    static const struct {
        const char *form, *code;
        int status;
    } cases[] = {
        {"store_name=1x&key_schema=%22long%22&value_schema=%22long%22", "ERR_INVALID", 400},
        {"store_name=x&key_schema=%22lung%22&value_schema=%22long%22", "ERR_SCHEMA", 400},
        {"store_name=x&key_schema=%22long%22&value_schema=%7B", "ERR_BAD_DATA", 400},
        {"store_name=x&key_schema=%22long%22&value_schema=%22long%22&partition_count=0",
         "ERR_INVALID", 400},
        {"store_name=x&key_schema=%22long%22&value_schema=%22long%22&partition_count=1001",
         "ERR_INVALID", 400},
        {"store_name=x&key_schema=%22long%22&value_schema=%22long%22&compression_strategy=LZ4",
         "ERR_INVALID", 400},
        {"store_name=x&key_schema=%22long%22&value_schema=%22long%22&chunking_enabled=maybe",
         "ERR_INVALID", 400},
        {"store_name=x&key_schema=%22long%22&value_schema=%22long%22&replication_factor=99",
         "ERR_INVALID", 400},
        {"store_name=venice_system_store_x&key_schema=%22long%22&value_schema=%22long%22",
         "ERR_REFUSED", 403},
        {"store_name=x&key_schema=%22long%22&value_schema=%22long%22&owner=%ff", "ERR_INVALID",
         400},
    };
    struct lg_cw *w = lg_cw_start(5);

    (void)state;
    lg_cw_until_ready(w);
    for (size_t i = 0; i < LG_ARRAY_SIZE(cases); i++) {
        assert_int_equal(lg_cw_post(w, "/new_store", cases[i].form), cases[i].status);
        assert_string_equal(lg_cw_text(w, "lagoonCode"), cases[i].code);
    }
    assert_int_equal(lg_cw_get(w, "/list_stores"), 200);
    assert_int_equal(lg_json_size(lg_json_get(w->answer, "stores")), 0);
    lg_cw_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_is_made_once_and_survives_a_power_cut),
        cmocka_unit_test(a_store_may_begin_with_compression_and_chunking),
        cmocka_unit_test(bad_stores_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
