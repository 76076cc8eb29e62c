/* Versions: leases, the status machine, and the JSON. */
#include "model/version.h"

#include "test/test.h"

static void a_lease_ends_after_silence_but_only_while_the_push_runs(void **state)
{
    struct lg_version v = {
        .status = LG_VERSION_STARTED, .push_lease_ms = 1000, .heard_clock_ms = 5000};

    (void)state;
    assert_false(lg_version_lease_expired(&v, 6000));
    assert_true(lg_version_lease_expired(&v, 6001));
    v.status = LG_VERSION_ONLINE;
    assert_false(lg_version_lease_expired(&v, 6001));
    v.status = LG_VERSION_STARTED;
    v.push_lease_ms = 0; /* for ever */
    assert_false(lg_version_lease_expired(&v, INT64_MAX / 2));
}

static void complete_is_online_or_pushed(void **state)
{
    int complete = 0;

    (void)state;
    for (int i = 0; i <= LG_VERSION_ROLLED_BACK; i++) {
        struct lg_version v = {.status = (enum lg_version_status)i};

        complete += lg_version_is_complete(&v);
        if (lg_version_is_complete(&v))
            assert_true(i == LG_VERSION_ONLINE || i == LG_VERSION_PUSHED);
    }
    assert_int_equal(complete, 2);
}

static void the_status_machine_is_venices_and_rollforward(void **state)
{
    int moves = 0;

    (void)state;
    for (int from = 0; from <= LG_VERSION_ROLLED_BACK; from++)
        for (int to = 0; to <= LG_VERSION_ROLLED_BACK; to++)
            moves += lg_version_status_may_become((enum lg_version_status)from,
                                                  (enum lg_version_status)to) &&
                     from != to;
    assert_int_equal(moves, 10);
    assert_true(lg_version_status_may_become(LG_VERSION_KILLED, LG_VERSION_KILLED));
    assert_false(lg_version_status_may_become(LG_VERSION_KILLED, LG_VERSION_ONLINE));
    assert_false(lg_version_status_may_become(LG_VERSION_ERROR, LG_VERSION_ONLINE));
    assert_true(lg_version_status_may_become(LG_VERSION_ONLINE, LG_VERSION_ROLLED_BACK));
    assert_true(lg_version_status_may_become(LG_VERSION_ROLLED_BACK, LG_VERSION_ONLINE));
    assert_false(lg_version_status_may_become(LG_VERSION_ONLINE, LG_VERSION_STARTED));
}

static void a_version_comes_back_from_its_json(void **state)
{
    struct lg_version v = {
        .number = 7,
        .status = LG_VERSION_ROLLED_BACK,
        .created_ms = 1700000000000,
        .completed_ms = 1700000000001,
        .push_job_id = lg_strdup("17_x"),
        .push_type = LG_PUSH_TYPE_INCREMENTAL,
        .partition_count = 12,
        .replication_factor = 3,
        .min_active_replicas = 2,
        .compression = LG_COMPRESSION_GZIP,
        .chunking_enabled = true,
        .push_lease_ms = 9,
        .push_heard_ms = 10,
        .started_clock_ms = 11,
        .record_count = 11,
    };
    struct lg_version back = {0};
    LG_AUTO(lg_json) *json = lg_version_to_json(&v, "cities", /* persistent= */ true);
    LG_AUTO(lg_json) *again = NULL;
    struct lg_error err = {0};

    (void)state;
    assert_string_equal(lg_json_get_str(json, "storeName", ""), "cities");
    assert_string_equal(lg_json_get_str(json, "status", ""), "ROLLED_BACK");
    assert_ok(lg_version_from_json(json, &back, &err));
    again = lg_version_to_json(&back, "cities", /* persistent= */ true);
    assert_true(lg_json_equal(json, again));
    assert_string_equal(back.push_job_id, "17_x");
    assert_int_equal(back.record_count, 11);
    assert_int_equal(back.push_heard_ms, 10);
    assert_int_equal(back.started_clock_ms, 11);
    lg_version_done(&v);
    lg_version_done(&back);
    assert_null(back.push_job_id);
}

static void clients_are_told_the_record_count_but_not_the_lease(void **state)
{
    struct lg_version v = {
        .number = 1, .replication_factor = 1, .record_count = 44, .push_lease_ms = 5};
    LG_AUTO(lg_json) *json = lg_version_to_json(&v, "s", /* persistent= */ false);

    (void)state;
    assert_int_equal(lg_json_get_int(lg_json_get(json, "lagoon"), "recordCount", -1), 44);
    assert_non_null(lg_json_get(lg_json_get(json, "lagoon"), "completedTime"));
    assert_null(lg_json_get(lg_json_get(json, "lagoon"), "pushLeaseMs"));
    assert_null(lg_json_get(lg_json_get(json, "lagoon"), "pushHeardTime"));
    assert_int_equal(lg_json_get_int(json, "number", 0), 1);
    assert_non_null(lg_json_get(json, "partitionerConfig"));
}

static void missing_members_take_their_defaults(void **state)
{
    LG_AUTO(lg_json) *json = NULL;
    struct lg_version v = {0};
    struct lg_error err = {0};

    (void)state;
    assert_ok(lg_json_parse(LG_LIT("{\"number\":3,\"whatever\":[1]}"), &json, &err));
    assert_ok(lg_version_from_json(json, &v, &err));
    assert_int_equal(v.number, 3);
    assert_int_equal(v.status, LG_VERSION_NOT_CREATED);
    assert_int_equal(v.replication_factor, 1);
    assert_int_equal(v.record_count, -1);
    assert_string_equal(v.push_job_id, "");
    lg_version_done(&v);
}

static void members_that_make_no_sense_are_named(void **state)
{
    static const struct {
        const char *json, *sentence;
    } rows[] = {
        {"[]", "not a JSON object"},
        {"{}", "number is missing"},
        {"{\"number\":\"1\"}", "number is missing"},
        {"{\"number\":0}", "number is 0"},
        {"{\"number\":2147483648}", "out of range"},
        {"{\"number\":1,\"replicationFactor\":0}", "replicationFactor"},
        {"{\"number\":1,\"partitionCount\":-1}", "partitionCount"},
        {"{\"number\":1,\"status\":\"online\"}", "status online is not known"},
        {"{\"number\":1,\"pushType\":\"B\"}", "pushType B is not known"},
        {"{\"number\":1,\"compressionStrategy\":\"LZ\"}", "compressionStrategy LZ"},
    };

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        LG_AUTO(lg_json) *json = NULL;
        struct lg_version v = {.number = 99};
        struct lg_error err = {0};

        assert_ok(lg_json_parse(lg_slice_str(rows[i].json), &json, &err));
        assert_rc(LG_ERR_BAD_DATA, lg_version_from_json(json, &v, &err));
        if (strstr(err.text, rows[i].sentence) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", err.text, rows[i].sentence);
        assert_int_equal(v.number, 99);
    }
}

static void version_json_has_all_of_venices_names(void **state)
{
    /* wire-formats.md 8.4 */
    static const char *const members[] = {
        "number",
        "createdTime",
        "status",
        "compressionStrategy",
        "nativeReplicationEnabled",
        "pushStreamSourceAddress",
        "chunkingEnabled",
        "rmdChunkingEnabled",
        "storeName",
        "pushJobId",
        "pushType",
        "partitionCount",
        "partitionerConfig",
        "versionSwapDeferred",
        "degradedPush",
        "replicationFactor",
        "minActiveReplicas",
        "nativeReplicationSourceFabric",
        "incrementalPushEnabled",
        "separateRealTimeTopicEnabled",
        "blobTransferEnabled",
        "blobTransferInServerEnabled",
        "blobDbEnabled",
        "useVersionLevelIncrementalPushEnabled",
        "hybrid",
        "hybridStoreConfig",
        "viewConfigs",
        "useVersionLevelHybridConfig",
        "activeActiveReplicationEnabled",
        "dataRecoveryVersionConfig",
        "repushSourceVersion",
        "repushTtlSeconds",
        "rmdVersionId",
        "targetSwapRegion",
        "targetSwapRegionWaitTime",
        "isDavinciHeartbeatReported",
        "targetRegionPromoted",
        "globalRtDivEnabled",
        "keyUrnCompressionEnabled",
        "keyUrnFields",
        "previousCurrentVersion",
        "storageMode",
    };
    struct lg_version v = {.number = 1};
    LG_AUTO(lg_json) *json = lg_version_to_json(&v, "cities", /* persistent= */ false);

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(members); i++)
        if (lg_json_get(json, members[i]) == NULL)
            fail_msg("member %s is missing", members[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_json_has_all_of_venices_names),
        cmocka_unit_test(a_lease_ends_after_silence_but_only_while_the_push_runs),
        cmocka_unit_test(complete_is_online_or_pushed),
        cmocka_unit_test(the_status_machine_is_venices_and_rollforward),
        cmocka_unit_test(a_version_comes_back_from_its_json),
        cmocka_unit_test(clients_are_told_the_record_count_but_not_the_lease),
        cmocka_unit_test(missing_members_take_their_defaults),
        cmocka_unit_test(members_that_make_no_sense_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
