/* Settings through /update_store and Venice's short forms. */
#include "test/lib/controller_world.h"
#include "test/test.h"

static const struct lg_json *changes(const struct lg_cw *w)
{
    return lg_json_get(w->answer, "lagoonChanges");
}

static const struct lg_json *store_of(struct lg_cw *w)
{
    assert_int_equal(lg_cw_get(w, "/store?store_name=cities"), 200);
    return lg_json_get(w->answer, "store");
}

static void settings_change_and_survive_a_power_cut(void **state)
{
    struct lg_cw *w = lg_cw_start(40);
    const struct lg_json *row;

    (void)state;
    lg_cw_store_up(w);
    assert_int_equal(
        lg_cw_post(w, "/update_store",
                   "store_name=cities&cluster_name=lagoon-0&replicate_all_configs=true&"
                   "storage_quota_in_byte=21474836480&compression_strategy=GZIP&"
                   "chunking_enabled=true&owner=me&num_versions_to_preserve=3"),
        200);
    assert_int_equal(lg_json_size(changes(w)), 4); /* The owner stays who it was. */
    row = lg_json_at(changes(w), 0);
    assert_string_equal(lg_json_get_str(row, "setting", ""), "compression");
    assert_string_equal(lg_json_get_str(row, "parameter", ""), "compression_strategy");
    assert_string_equal(lg_json_get_str(row, "from", ""), "NO_OP");
    assert_string_equal(lg_json_get_str(row, "to", ""), "GZIP");
    assert_string_equal(lg_json_get_str(row, "applies", ""), "next push");
    row = lg_json_at(changes(w), 2);
    assert_string_equal(lg_json_get_str(row, "setting", ""), "storage-quota");
    assert_string_equal(lg_json_get_str(row, "from", ""), "none");
    assert_string_equal(lg_json_get_str(row, "to", ""), "20GiB");
    assert_string_equal(lg_json_get_str(row, "applies", ""), "now");
    lg_cw_restart(w);
    lg_cw_until_ready(w);
    row = store_of(w);
    assert_string_equal(lg_json_get_str(row, "compressionStrategy", ""), "GZIP");
    assert_true(lg_json_get_bool(row, "chunkingEnabled", false));
    assert_true(lg_json_get_int(row, "storageQuotaInByte", 0) == INT64_C(20) << 30);
    assert_int_equal(lg_json_get_int(row, "numVersionsToPreserve", 0), 3);
    lg_cw_free(w);
}

static void a_dry_run_tells_the_change_and_changes_nothing(void **state)
{
    struct lg_cw *w = lg_cw_start(41);

    (void)state;
    lg_cw_store_up(w);
    assert_int_equal(
        lg_cw_post(w, "/update_store", "store_name=cities&enable_reads=false&lagoon_dry_run=true"),
        200);
    assert_int_equal(lg_json_size(changes(w)), 1);
    assert_true(lg_json_get_bool(w->answer, "lagoonDryRun", false));
    assert_true(lg_json_get_bool(store_of(w), "enableStoreReads", false));
    assert_int_equal(lg_cw_post(w, "/update_store", "store_name=cities&lagoon_dry_run=maybe"), 400);
    lg_cw_free(w);
}

static void what_is_unknown_or_unsupported_is_refused_by_name(void **state)
{
    static const struct {
        const char *form, *part;
        int status;
    } cases[] = {
        {"enable_read=false", "did you mean 'enable_reads'?", 400},
        {"colour=red", "no setting 'colour'", 400},
        {"enable_reads=no", "reads is true or false", 400},
        {"partition_count=0", "a number from 1 to 1000", 400},
        {"enable_reads=%ff", "not text", 400},
        {"%ff=1", "not text", 400},
        {"write_computation_enabled=true", "write_computation_enabled is not supported", 501},
        {"rewind_time_seconds=10&offset_lag_to_go_online=1", "rewind_time_seconds", 501},
        {"hybrid-store-disk-quota-enabled=true", "hybrid-store-disk-quota-enabled", 501},
        {"backup_strategy=DELETE_ON_NEW_PUSH_START", "always 'KEEP_MIN_VERSIONS'", 501},
        {"version=3", "version is not supported", 501},
        {"regions_filter=dc-0", "regions_filter", 501},
    };
    struct lg_cw *w = lg_cw_start(42);
    LG_AUTO(lg_json) *before = NULL;

    (void)state;
    lg_cw_store_up(w);
    before = lg_json_ref((struct lg_json *)(uintptr_t)store_of(w));
    for (size_t i = 0; i < LG_ARRAY_SIZE(cases); i++) {
        LG_SCOPED(lg_buf) form = {0};

        /* With a good one before it, which must not be applied alone. */
        lg_buf_appendf(&form, "store_name=cities&chunking_enabled=true&%s", cases[i].form);
        lg_buf_append_byte(&form, 0);
        assert_int_equal(lg_cw_post(w, "/update_store", (const char *)form.data), cases[i].status);
        if (strstr(lg_cw_text(w, "error"), cases[i].part) == NULL)
            fail_msg("'%s' does not say '%s'", lg_cw_text(w, "error"), cases[i].part);
    }
    assert_true(lg_json_equal(before, store_of(w)));
    /* What is so anyway may be asked for. */
    assert_int_equal(lg_cw_post(w, "/update_store",
                                "store_name=cities&write_computation_enabled=false&"
                                "hybrid-store-disk-quota-enabled=false&incremental_push_enabled="
                                "false"),
                     200);
    assert_int_equal(lg_json_size(changes(w)), 0);
    assert_int_equal(lg_cw_post(w, "/update_store", "store_name=citys&owner=x"), 404);
    assert_string_equal(lg_cw_text(w, "errorType"), "STORE_NOT_FOUND");
    lg_cw_free(w);
}

static void a_version_keeps_what_it_was_made_with(void **state)
{
    struct lg_cw *w = lg_cw_start(43);
    const struct lg_json *versions;

    (void)state;
    lg_cw_store_up(w);
    assert_int_equal(lg_cw_push(w, "p1"), 1);
    assert_int_equal(lg_cw_post(w, "/update_store",
                                "store_name=cities&compression_strategy=GZIP&"
                                "chunking_enabled=true"),
                     200);
    assert_int_equal(lg_cw_push(w, "p2"), 2);
    versions = lg_json_get(store_of(w), "versions");
    assert_string_equal(lg_json_get_str(lg_json_at(versions, 0), "compressionStrategy", ""),
                        "NO_OP");
    assert_int_equal(lg_json_get_int(lg_json_at(versions, 0), "partitionCount", 0), 3);
    assert_string_equal(lg_json_get_str(lg_json_at(versions, 1), "compressionStrategy", ""),
                        "GZIP");
    assert_true(lg_json_get_bool(lg_json_at(versions, 1), "chunkingEnabled", false));
    assert_int_equal(lg_cw_post(w, "/set_partition_count", "store_name=cities&partition_count=2"),
                     200);
    assert_int_equal(lg_cw_request(w, "p3", 0), 200);
    assert_int_equal(lg_json_get_int(w->answer, "partitions", 0), 2);
    lg_cw_free(w);
}

static void the_short_forms_do_the_same(void **state)
{
    struct lg_cw *w = lg_cw_start(44);

    (void)state;
    lg_cw_store_up(w);
    assert_int_equal(lg_cw_post(w, "/set_owner", "store_name=cities&owner=doge"), 200);
    assert_string_equal(lg_cw_text(w, "owner"), "doge");
    assert_int_equal(lg_cw_post(w, "/set_partition_count", "store_name=cities&partition_count=7"),
                     200);
    assert_int_equal(lg_json_get_int(w->answer, "partitionCount", 0), 7);
    assert_int_equal(lg_cw_post(w, "/set_partition_count", "store_name=cities&partition_count=x"),
                     400);
    assert_int_equal(
        lg_cw_post(w, "/enable_store", "store_name=cities&operation=readwrite&status=false"), 200);
    assert_false(lg_json_get_bool(store_of(w), "enableStoreReads", true));
    assert_false(lg_json_get_bool(store_of(w), "enableStoreWrites", true));
    assert_int_equal(lg_cw_request(w, "p1", 0), 403);
    assert_int_equal(
        lg_cw_post(w, "/enable_store", "store_name=cities&operation=write&status=true"), 200);
    assert_false(lg_json_get_bool(store_of(w), "enableStoreReads", true));
    assert_true(lg_json_get_bool(store_of(w), "enableStoreWrites", false));
    assert_string_equal(lg_json_get_str(store_of(w), "owner", ""), "doge");
    assert_int_equal(lg_cw_post(w, "/enable_store", "store_name=cities&operation=all&status=true"),
                     400);
    assert_int_equal(lg_cw_post(w, "/enable_store", "store_name=cities&operation=read&status=yes"),
                     400);
    lg_cw_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_change_and_survive_a_power_cut),
        cmocka_unit_test(a_dry_run_tells_the_change_and_changes_nothing),
        cmocka_unit_test(what_is_unknown_or_unsupported_is_refused_by_name),
        cmocka_unit_test(a_version_keeps_what_it_was_made_with),
        cmocka_unit_test(the_short_forms_do_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
