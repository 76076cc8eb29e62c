/* The two JSON forms of a store, there and back. */
#include "model/store.h"

#include "test/test.h"

/* Two versions, rolled back, and a push that runs. */
static struct lg_store *rich_store(void)
{
    struct lg_store *s = lg_store_new("cities", "me", "\"long\"", 1000);
    struct lg_error err = {0};
    struct lg_version *v;
    int32_t id, current;
    bool flag;

    s->partition_count = 4;
    s->compression = LG_COMPRESSION_ZSTD_WITH_DICT;
    s->chunking_enabled = true;
    assert_ok(lg_store_add_value_schema(s, "{\"type\":\"int\"}", &id, &err));
    assert_ok(lg_store_add_value_schema(s, "\"long\"", &id, &err));
    for (int i = 1; i <= 3; i++) {
        const char *const ids[] = {"one", "two", "three"};
        struct lg_store_push push = {.push_job_id = ids[i - 1], .now_ms = 2000, .lease_ms = 5};

        assert_ok(lg_store_add_version(s, &push, &v, &flag, &err));
        if (i <= 2)
            assert_ok(lg_store_complete_version(s, i, 3000, &flag, &err));
        if (i == 2)
            assert_ok(lg_store_roll_back(s, 9000, &current, &err));
    }
    s->batch_get_limit = 50;
    s->enable_reads = false;
    s->num_versions_to_preserve = 4;
    s->latest_superset_schema_id = 2;
    s->client_decompression_enabled = false;
    s->read_compute_enabled = true;
    s->storage_node_read_quota_enabled = false;
    s->schema_auto_register = true;
    s->read_index_enabled = false;
    s->grpc_enabled = false;
    s->client_protocols = LG_CLIENTS_GRPC;
    s->storage_quota_bytes = INT64_C(1) << 40;
    s->read_quota = 1800;
    s->backup_retention_ms = 3600 * 1000;
    s->deleted_ms = 9500;
    assert_ok(lg_acl_add(&s->acl, LG_ACL_READ, LG_LIT("CN=reader,O=x"), &err));
    assert_ok(lg_acl_add(&s->acl, LG_ACL_ADMIN, LG_LIT("spiffe://x/owner"), &err));
    for (int i = 0; i < 2; i++) {
        struct lg_store_push push = {.push_job_id = i == 0 ? "gone-0" : "gone-1"};

        assert_ok(lg_store_fail_version(s, s->largest_used_version, LG_VERSION_ERROR, &err));
        assert_ok(lg_store_remove_version(s, s->largest_used_version, "disk", 77, &err));
        assert_ok(lg_store_add_version(s, &push, &v, &flag, &err));
        v->swap_deferred = true;
        v->size_bytes = 512;
    }
    return s;
}

static void a_store_comes_back_from_its_persistent_form(void **state)
{
    LG_AUTO(lg_store) *s = rich_store();
    LG_AUTO(lg_json) *json = lg_store_to_json(s, LG_STORE_JSON_PERSISTENT);
    LG_AUTO(lg_store) *back = NULL;
    LG_AUTO(lg_store) *copy = NULL;
    LG_AUTO(lg_json) *again = NULL;
    LG_AUTO(lg_json) *of_copy = NULL;
    LG_AUTO(lg_json) *parsed = NULL;
    LG_SCOPED(lg_buf) text = {0};
    struct lg_error err = {0};

    (void)state;
    lg_json_write(&text, json, /* pretty= */ false);
    assert_ok(lg_json_parse(lg_buf_slice(&text), &parsed, &err));
    assert_ok(lg_store_from_json(parsed, &back, &err));
    again = lg_store_to_json(back, LG_STORE_JSON_PERSISTENT);
    assert_true(lg_json_equal(json, again));
    assert_int_equal(back->created_ms, 1000);
    assert_int_equal(back->current_version, 1);
    assert_string_equal(back->key_schema, "\"long\"");
    assert_string_equal(lg_store_value_schema(back, 1), "{\"type\":\"int\"}");
    assert_false(back->enable_reads);
    assert_true(back->enable_writes);
    assert_int_equal(back->compression, LG_COMPRESSION_ZSTD_WITH_DICT);
    assert_true(back->chunking_enabled);
    assert_false(back->client_decompression_enabled);
    assert_true(back->read_compute_enabled);
    assert_false(back->storage_node_read_quota_enabled);
    assert_true(back->schema_auto_register);
    assert_false(back->read_index_enabled);
    assert_false(back->grpc_enabled);
    assert_int_equal(back->client_protocols, LG_CLIENTS_GRPC);
    assert_true(back->storage_quota_bytes == INT64_C(1) << 40);
    assert_int_equal(back->read_quota, 1800);
    assert_int_equal(back->backup_retention_ms, 3600 * 1000);
    assert_int_equal(back->deleted_ms, 9500);
    assert_int_equal(back->versions.data[2].compression, LG_COMPRESSION_ZSTD_WITH_DICT);
    assert_true(back->versions.data[2].chunking_enabled);
    copy = lg_store_copy(s);
    of_copy = lg_store_to_json(copy, LG_STORE_JSON_PERSISTENT);
    assert_true(lg_json_equal(json, of_copy));
}

/* wire-formats.md 8.4 */
static const char *const info_members[] = {
    "name",
    "kafkaBrokerUrl",
    "owner",
    "currentVersion",
    "coloToCurrentVersions",
    "reservedVersion",
    "partitionCount",
    "lowWatermark",
    "enableStoreWrites",
    "enableStoreReads",
    "versions",
    "storageQuotaInByte",
    "hybridStoreOverheadBypass",
    "readQuotaInCU",
    "hybridStoreConfig",
    "accessControlled",
    "chunkingEnabled",
    "rmdChunkingEnabled",
    "singleGetRouterCacheEnabled",
    "batchGetRouterCacheEnabled",
    "batchGetLimit",
    "largestUsedVersionNumber",
    "largestUsedRTVersionNumber",
    "incrementalPushEnabled",
    "compressionStrategy",
    "clientDecompressionEnabled",
    "numVersionsToPreserve",
    "migrating",
    "writeComputationEnabled",
    "viewConfigs",
    "replicationMetadataVersionId",
    "readComputationEnabled",
    "bootstrapToOnlineTimeoutInHours",
    "backupStrategy",
    "ingestionPauseMode",
    "ingestionPausedRegions",
    "externalStorageReadMode",
    "storageMode",
    "schemaAutoRegisterFromPushJobEnabled",
    "superSetSchemaAutoGenerationForReadComputeEnabled",
    "pushStreamSourceAddress",
    "nativeReplicationEnabled",
    "latestSuperSetValueSchemaId",
    "hybridStoreDiskQuotaEnabled",
    "etlStoreConfig",
    "partitionerConfig",
    "backupVersionRetentionMs",
    "replicationFactor",
    "migrationDuplicateStore",
    "nativeReplicationSourceFabric",
    "storeMetadataSystemStoreEnabled",
    "storeMetaSystemStoreEnabled",
    "daVinciPushStatusStoreEnabled",
    "activeActiveReplicationEnabled",
    "storageNodeReadQuotaEnabled",
    "compactionEnabled",
    "compactionThreshold",
    "encryptionEnabled",
    "pubSubEncryptionKeyUrn",
    "minCompactionLagSeconds",
    "maxCompactionLagSeconds",
    "maxRecordSizeBytes",
    "maxNearlineRecordSizeBytes",
    "throughputQuotaInBytes",
    "throughputQuotaInRecords",
    "unusedSchemaDeletionEnabled",
    "blobTransferEnabled",
    "blobTransferInServerEnabled",
    "blobDbEnabled",
    "nearlineProducerCompressionEnabled",
    "nearlineProducerCountPerWriter",
    "targetRegionSwap",
    "targetRegionSwapWaitTime",
    "isDavinciHeartbeatReported",
    "isStoreDead",
    "storeDeadStatusReasons",
    "globalRtDivEnabled",
    "ttlrepushEnabled",
    "enumSchemaEvolutionAllowed",
    "flinkVeniceViewsEnabled",
    "storeLifecycleHooks",
    "latestVersionPromoteToCurrentTimestamp",
    "keyUrnCompressionEnabled",
    "keyUrnFields",
    "previousCurrentVersion",
    "separateRealTimeTopicEnabled",
};

static void store_info_has_venices_names_and_little_of_ours(void **state)
{
    LG_AUTO(lg_store) *s = rich_store();
    LG_AUTO(lg_json) *json = lg_store_to_json(s, LG_STORE_JSON_INFO);
    LG_AUTO(lg_json) *usual = NULL;
    LG_AUTO(lg_store) *back = NULL;
    struct lg_error err = {0};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(info_members); i++)
        if (lg_json_get(json, info_members[i]) == NULL)
            fail_msg("StoreInfo lacks %s", info_members[i]);
    assert_int_equal(lg_json_size(lg_json_get(json, "lagoon")), 3); /* What is not as usual. */
    assert_false(lg_json_get_bool(lg_json_get(json, "lagoon"), "readIndexEnabled", true));
    for (size_t i = 0; i < s->versions.size; i++) {
        const struct lg_json *version = lg_json_at(lg_json_get(json, "versions"), i);

        assert_int_equal(lg_json_get_int(lg_json_get(version, "lagoon"), "recordCount", -2),
                         s->versions.data[i].record_count);
    }
    assert_string_equal(lg_json_get_str(lg_json_at(lg_json_get(json, "versions"), 1), "status", ""),
                        "ROLLED_BACK");
    assert_ok(lg_store_from_json(json, &back, &err));
    assert_int_equal(back->versions.size, 3);
    assert_null(back->key_schema);
    assert_false(back->read_index_enabled); /* Who describes the store shows it. */
    assert_false(back->grpc_enabled);
    assert_int_equal(back->client_protocols, LG_CLIENTS_GRPC);
    s->read_index_enabled = s->grpc_enabled = true;
    s->client_protocols = LG_CLIENTS_CLUSTER;
    usual = lg_store_to_json(s, LG_STORE_JSON_INFO);
    assert_null(lg_json_get(usual, "lagoon"));
}

static void missing_members_take_their_defaults(void **state)
{
    LG_AUTO(lg_json) *json = NULL;
    LG_AUTO(lg_store) *s = NULL;
    struct lg_error err = {0};

    (void)state;
    assert_ok(lg_json_parse(LG_LIT("{\"name\":\"s\",\"new\":{}}"), &json, &err));
    assert_ok(lg_store_from_json(json, &s, &err));
    assert_string_equal(s->owner, "");
    assert_int_equal(s->replication_factor, 1);
    assert_int_equal(s->previous_current_version, -1);
    assert_int_equal(s->latest_superset_schema_id, -1);
    assert_int_equal(s->batch_get_limit, -1);
    assert_true(s->enable_reads);
    assert_true(s->enable_writes);
    assert_int_equal(s->compression, LG_COMPRESSION_NO_OP);
    assert_false(s->chunking_enabled);
    assert_true(s->client_decompression_enabled);
    assert_false(s->read_compute_enabled);
    assert_true(s->storage_node_read_quota_enabled);
    assert_false(s->schema_auto_register);
    assert_true(s->read_index_enabled);
    assert_true(s->grpc_enabled);
    assert_int_equal(s->client_protocols, LG_CLIENTS_CLUSTER);
    assert_int_equal(s->storage_quota_bytes, -1);
    assert_int_equal(s->read_quota, -1);
    assert_int_equal(s->backup_retention_ms, -1);
    assert_int_equal(s->deleted_ms, 0);
}

static void members_that_make_no_sense_are_named(void **state)
{
    static const struct {
        const char *json, *sentence;
    } rows[] = {
        {"{}", "name is missing"},
        {"[]", "name is missing"},
        {"{\"name\":\"a--b\"}", "not a store name"},
        {"{\"name\":\"s\",\"currentVersion\":-1}", "currentVersion is -1"},
        {"{\"name\":\"s\",\"replicationFactor\":0}", "replicationFactor is 0"},
        {"{\"name\":\"s\",\"partitionCount\":3000000000}", "partitionCount"},
        {"{\"name\":\"s\",\"storageQuotaInByte\":-2}", "storageQuotaInByte is -2"},
        {"{\"name\":\"s\",\"compressionStrategy\":\"LZ4\"}", "compressionStrategy is LZ4"},
        {"{\"name\":\"s\",\"versions\":[{\"number\":0}]}", "store s: version: member number"},
        {"{\"name\":\"s\",\"versions\":[{\"number\":2},{\"number\":1}]}", "version 1 stands after"},
        {"{\"name\":\"s\",\"versions\":[{\"number\":2},{\"number\":2}]}", "version 2 stands after"},
        {"{\"name\":\"s\",\"lagoon\":{\"valueSchemas\":[{\"id\":1}]}}", "value schema 1"},
        {"{\"name\":\"s\",\"lagoon\":{\"valueSchemas\":[{\"schemaStr\":\"x\"}]}}",
         "value schema 1"},
        {"{\"name\":\"s\",\"lagoon\":{\"valueSchemas\":[{\"id\":2,\"schemaStr\":\"x\"},"
         "{\"id\":2,\"schemaStr\":\"y\"}]}}",
         "value schema 2"},
        {"{\"name\":\"s\",\"lagoon\":{\"accessPermissions\":{\"Own\":[]}}}",
         "member accessPermissions makes no sense"},
        {"{\"name\":\"s\",\"lagoon\":{\"accessPermissions\":{\"Read\":[7]}}}",
         "member accessPermissions makes no sense"},
    };

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        LG_AUTO(lg_json) *json = NULL;
        struct lg_store *s = NULL;
        struct lg_error err = {0};

        assert_ok(lg_json_parse(lg_slice_str(rows[i].json), &json, &err));
        assert_rc(LG_ERR_BAD_DATA, lg_store_from_json(json, &s, &err));
        if (strstr(err.text, rows[i].sentence) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", err.text, rows[i].sentence);
        assert_null(s);
    }
}

/* They come back, only in the form that is kept; and a store that lost them would be open or shut
 * to the wrong ones, so what makes no sense is not read at all. */
static void permissions_stay_with_the_store(void **state)
{
    LG_AUTO(lg_store) *s = rich_store();
    LG_AUTO(lg_json) *kept = lg_store_to_json(s, LG_STORE_JSON_PERSISTENT);
    LG_AUTO(lg_json) *told = lg_store_to_json(s, LG_STORE_JSON_INFO);
    LG_AUTO(lg_store) *back = NULL;
    LG_AUTO(lg_store) *copy = lg_store_copy(s);
    LG_AUTO(lg_json) *none = NULL;
    struct lg_error err = {0};

    (void)state;
    assert_ok(lg_store_from_json(kept, &back, &err));
    for (unsigned i = 0; i < 2; i++) {
        const struct lg_acl *acl = i == 0 ? &back->acl : &copy->acl;

        assert_true(lg_acl_allows(acl, "CN=reader,O=x", LG_ACL_READ));
        assert_false(lg_acl_allows(acl, "CN=reader,O=x", LG_ACL_WRITE));
        assert_true(lg_acl_allows(acl, "spiffe://x/owner", LG_ACL_WRITE));
        assert_false(lg_acl_allows(acl, NULL, LG_ACL_READ));
    }
    assert_true(lg_json_get_bool(told, "accessControlled", false));
    assert_null(lg_json_get(lg_json_get(told, "lagoon"), "accessPermissions"));
    lg_acl_done(&s->acl);
    none = lg_store_to_json(s, LG_STORE_JSON_PERSISTENT);
    assert_false(lg_json_get_bool(none, "accessControlled", true));
    assert_null(lg_json_get(lg_json_get(none, "lagoon"), "accessPermissions"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_comes_back_from_its_persistent_form),
        cmocka_unit_test(store_info_has_venices_names_and_little_of_ours),
        cmocka_unit_test(missing_members_take_their_defaults),
        cmocka_unit_test(members_that_make_no_sense_are_named),
        cmocka_unit_test(permissions_stay_with_the_store),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
