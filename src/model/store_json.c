/* Stores as JSON: Venice's StoreInfo, and the same with what only we keep under "lagoon". Pure. */
#include "lane/mutant.h"
#include "model/names.h"
#include "model/store.h"

static void set_settings(struct lg_json *json, const struct lg_store *s)
{
    lg_json_set_str(json, "name", s->name);
    lg_json_set_str(json, "owner", s->owner);
    lg_json_set_int(json, "currentVersion", s->current_version);
    lg_json_set_int(json, "previousCurrentVersion", s->previous_current_version);
    lg_json_set_int(json, "largestUsedVersionNumber",
                    lg_mutant(LG_MUTANT_largest_version_forgotten) ? s->current_version
                                                                   : s->largest_used_version);
    lg_json_set_int(json, "partitionCount", s->partition_count);
    lg_json_set_int(json, "replicationFactor", s->replication_factor);
    lg_json_set_int(json, "numVersionsToPreserve", s->num_versions_to_preserve);
    lg_json_set_int(json, "batchGetLimit", s->batch_get_limit);
    lg_json_set_bool(json, "enableStoreReads", s->enable_reads);
    lg_json_set_bool(json, "enableStoreWrites", s->enable_writes);
    lg_json_set_bool(json, "accessControlled", !lg_acl_is_empty(&s->acl));
    lg_json_set_str(json, "compressionStrategy", lg_compression_name(s->compression));
    lg_json_set_bool(json, "chunkingEnabled", s->chunking_enabled);
    lg_json_set_bool(json, "clientDecompressionEnabled", s->client_decompression_enabled);
    lg_json_set_bool(json, "readComputationEnabled", s->read_compute_enabled);
    lg_json_set_bool(json, "storageNodeReadQuotaEnabled", s->storage_node_read_quota_enabled);
    lg_json_set_bool(json, "schemaAutoRegisterFromPushJobEnabled", s->schema_auto_register);
    lg_json_set_int(json, "storageQuotaInByte", s->storage_quota_bytes);
    lg_json_set_int(json, "readQuotaInCU", s->read_quota);
    lg_json_set_int(json, "backupVersionRetentionMs", s->backup_retention_ms);
    lg_json_set_int(json, "latestSuperSetValueSchemaId", s->latest_superset_schema_id);
    lg_json_set_int(json, "latestVersionPromoteToCurrentTimestamp",
                    s->latest_version_promote_to_current_ms);
}

/* What no store of ours has but a Java reader looks at, with Venice's defaults. */
static void set_defaults(struct lg_json *json)
{
    static const char *const off[] = {
        "hybridStoreOverheadBypass",
        "rmdChunkingEnabled",
        "singleGetRouterCacheEnabled",
        "batchGetRouterCacheEnabled",
        "incrementalPushEnabled",
        "migrating",
        "writeComputationEnabled",
        "nativeReplicationEnabled",
        "hybridStoreDiskQuotaEnabled",
        "migrationDuplicateStore",
        "storeMetaSystemStoreEnabled",
        "daVinciPushStatusStoreEnabled",
        "activeActiveReplicationEnabled",
        "separateRealTimeTopicEnabled",
        "superSetSchemaAutoGenerationForReadComputeEnabled",
        "storeMetadataSystemStoreEnabled",
        "encryptionEnabled",
        "unusedSchemaDeletionEnabled",
        "blobTransferEnabled",
        "isDavinciHeartbeatReported",
        "isStoreDead",
        "globalRtDivEnabled",
        "ttlrepushEnabled",
        "enumSchemaEvolutionAllowed",
        "flinkVeniceViewsEnabled",
        "keyUrnCompressionEnabled",
    };
    static const char *const minus_one[] = {
        "replicationMetadataVersionId", "compactionThreshold",        "minCompactionLagSeconds",
        "maxCompactionLagSeconds",      "maxNearlineRecordSizeBytes", "throughputQuotaInBytes",
        "throughputQuotaInRecords",     "maxRecordSizeBytes",
    };
    static const char *const lists[] = {
        "ingestionPausedRegions",
        "storeDeadStatusReasons",
        "storeLifecycleHooks",
        "keyUrnFields",
    };
    static const char *const words[][2] = {
        {"ingestionPauseMode", "NOT_PAUSED"},
        {"externalStorageReadMode", "VENICE_ONLY"},
        {"storageMode", "INTERNAL"},
        {"pubSubEncryptionKeyUrn", ""},
        {"blobTransferInServerEnabled", "NOT_SPECIFIED"},
        {"blobDbEnabled", "NOT_SPECIFIED"},
        {"targetRegionSwap", ""},
    };

    for (size_t i = 0; i < LG_ARRAY_SIZE(off); i++)
        lg_json_set_bool(json, off[i], false);
    for (size_t i = 0; i < LG_ARRAY_SIZE(minus_one); i++)
        lg_json_set_int(json, minus_one[i], -1);
    for (size_t i = 0; i < LG_ARRAY_SIZE(lists); i++)
        lg_json_set(json, lists[i], lg_json_new_array());
    for (size_t i = 0; i < LG_ARRAY_SIZE(words); i++)
        lg_json_set_str(json, words[i][0], words[i][1]);
    lg_json_set_int(json, "reservedVersion", 0);
    lg_json_set_int(json, "lowWatermark", 0);
    lg_json_set_bool(json, "compactionEnabled", true);
    lg_json_set_bool(json, "nearlineProducerCompressionEnabled", true);
    lg_json_set_int(json, "nearlineProducerCountPerWriter", 1);
    lg_json_set_int(json, "targetRegionSwapWaitTime", 10);
    lg_json_set_str(json, "kafkaBrokerUrl", "");
    lg_json_set(json, "coloToCurrentVersions", lg_json_new_object());
    lg_json_set(json, "hybridStoreConfig", lg_json_new_null());
    lg_json_set(json, "etlStoreConfig", lg_json_new_null());
    lg_json_set(json, "partitionerConfig", lg_json_new_null());
    lg_json_set(json, "viewConfigs", lg_json_new_object());
    lg_json_set_str(json, "backupStrategy", lg_backup_strategy_name(LG_BACKUP_KEEP_MIN_VERSIONS));
    lg_json_set_int(json, "bootstrapToOnlineTimeoutInHours", 24);
    lg_json_set_int(json, "largestUsedRTVersionNumber", 0);
    lg_json_set_str(json, "pushStreamSourceAddress", "");
    lg_json_set_str(json, "nativeReplicationSourceFabric", "");
}

static struct lg_json *past_pushes_json(const struct lg_store *s)
{
    struct lg_json *list = lg_json_new_array();

    for (size_t i = 0; i < s->past_pushes.size; i++) {
        const struct lg_past_push *p = &s->past_pushes.data[i];
        struct lg_json *row = lg_json_new_object();

        lg_json_set_int(row, "version", p->version);
        lg_json_set_str(row, "status", lg_version_status_name(p->status));
        lg_json_set_str(row, "pushJobId", p->push_job_id);
        lg_json_set_str(row, "details", p->details);
        lg_json_set_int(row, "createdTime", p->created_ms);
        lg_json_set_int(row, "endedTime", p->ended_ms);
        lg_json_set_int(row, "recordCount", p->record_count);
        lg_json_push(list, row);
    }
    return list;
}

/* The member "lagoon" of the persistent form, which begins with what /store tells, too. */
static void add_rest(struct lg_json *ours, const struct lg_store *s)
{
    struct lg_json *schemas = lg_json_new_array();

    lg_json_set_int(ours, "createdTime", s->created_ms);
    if (s->deleted_ms > 0)
        lg_json_set_int(ours, "deletedTime", s->deleted_ms);
    lg_json_set_str(ours, "keySchema", s->key_schema);
    for (size_t i = 0; i < s->value_schemas.size; i++) {
        struct lg_json *schema = lg_json_new_object();

        lg_json_set_int(schema, "id", s->value_schemas.data[i].id);
        lg_json_set_str(schema, "schemaStr", s->value_schemas.data[i].text);
        lg_json_push(schemas, schema);
    }
    lg_json_set(ours, "valueSchemas", schemas);
    if (!lg_acl_is_empty(&s->acl))
        lg_json_set(ours, "accessPermissions", lg_acl_to_json(&s->acl));
    if (s->past_pushes.size > 0)
        lg_json_set(ours, "pastPushes", past_pushes_json(s));
}

struct lg_json *lg_store_to_json(const struct lg_store *s, enum lg_store_json form)
{
    bool persistent = form == LG_STORE_JSON_PERSISTENT;
    struct lg_json *json = lg_json_new_object();
    struct lg_json *versions = lg_json_new_array();
    struct lg_json *ours = lg_json_new_object();

    set_settings(json, s);
    for (size_t i = 0; i < s->versions.size; i++)
        lg_json_push(versions, lg_version_to_json(&s->versions.data[i], s->name, persistent));
    lg_json_set(json, "versions", versions);
    if (!s->read_index_enabled)
        lg_json_set_bool(ours, "readIndexEnabled", false);
    if (!s->grpc_enabled)
        lg_json_set_bool(ours, "grpcEnabled", false);
    if (s->client_protocols != LG_CLIENTS_CLUSTER)
        lg_json_set_str(ours, "clientProtocols", lg_client_protocols_name(s->client_protocols));
    if (persistent)
        add_rest(ours, s);
    else
        set_defaults(json);
    if (lg_json_size(ours) > 0)
        lg_json_set(json, "lagoon", lg_json_ref(ours));
    lg_json_unref(ours);
    return json;
}

/* One row per int member of the settings. */
struct int_member {
    const char *key;
    size_t offset;
    int32_t min, otherwise;
};

static enum lg_rc read_ints(const struct lg_json *json, struct lg_store *s, struct lg_error *err)
{
    static const struct int_member rows[] = {
        {"currentVersion", offsetof(struct lg_store, current_version), 0, 0},
        {"previousCurrentVersion", offsetof(struct lg_store, previous_current_version), -1, -1},
        {"largestUsedVersionNumber", offsetof(struct lg_store, largest_used_version), 0, 0},
        {"partitionCount", offsetof(struct lg_store, partition_count), 0, 0},
        {"replicationFactor", offsetof(struct lg_store, replication_factor), 1, 1},
        {"numVersionsToPreserve", offsetof(struct lg_store, num_versions_to_preserve), 0, 0},
        {"batchGetLimit", offsetof(struct lg_store, batch_get_limit), -1, -1},
        {"latestSuperSetValueSchemaId", offsetof(struct lg_store, latest_superset_schema_id), -1,
         -1},
    };

    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        int64_t v = lg_json_get_int(json, rows[i].key, rows[i].otherwise);
        int32_t narrow = (int32_t)v;

        if (v < rows[i].min || v > INT32_MAX)
            return lg_error_set(err, LG_ERR_BAD_DATA, "store %s: member %s is %lld, out of range",
                                s->name, rows[i].key, (long long)v);
        memcpy((char *)s + rows[i].offset, &narrow, sizeof(narrow));
    }
    return LG_OK;
}

static enum lg_rc read_longs(const struct lg_json *json, struct lg_store *s, struct lg_error *err)
{
    static const struct {
        const char *key;
        size_t offset;
    } rows[] = {
        {"storageQuotaInByte", offsetof(struct lg_store, storage_quota_bytes)},
        {"readQuotaInCU", offsetof(struct lg_store, read_quota)},
        {"backupVersionRetentionMs", offsetof(struct lg_store, backup_retention_ms)},
    };

    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        int64_t v = lg_json_get_int(json, rows[i].key, -1);

        if (v < -1)
            return lg_error_set(err, LG_ERR_BAD_DATA, "store %s: member %s is %lld, out of range",
                                s->name, rows[i].key, (long long)v);
        memcpy((char *)s + rows[i].offset, &v, sizeof(v));
    }
    return LG_OK;
}

/* The defaults are those of a new store, which `s` holds. */
static enum lg_rc read_choices(const struct lg_json *json, struct lg_store *s, struct lg_error *err)
{
    static const struct {
        const char *key;
        size_t offset;
    } rows[] = {
        {"enableStoreReads", offsetof(struct lg_store, enable_reads)},
        {"enableStoreWrites", offsetof(struct lg_store, enable_writes)},
        {"chunkingEnabled", offsetof(struct lg_store, chunking_enabled)},
        {"clientDecompressionEnabled", offsetof(struct lg_store, client_decompression_enabled)},
        {"readComputationEnabled", offsetof(struct lg_store, read_compute_enabled)},
        {"storageNodeReadQuotaEnabled", offsetof(struct lg_store, storage_node_read_quota_enabled)},
        {"schemaAutoRegisterFromPushJobEnabled", offsetof(struct lg_store, schema_auto_register)},
    };
    const char *compression = lg_json_get_str(json, "compressionStrategy", "NO_OP");

    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        bool *member = (bool *)(void *)((char *)s + rows[i].offset);

        *member = lg_json_get_bool(json, rows[i].key, *member);
    }
    if (!lg_compression_from_name(lg_slice_str(compression), &s->compression))
        return lg_error_set(err, LG_ERR_BAD_DATA,
                            "store %s: member compressionStrategy is %s, which is not known",
                            s->name, compression);
    return LG_OK;
}

static enum lg_rc read_schemas(const struct lg_json *ours, struct lg_store *s, struct lg_error *err)
{
    const struct lg_json *schemas = lg_json_get(ours, "valueSchemas");
    const char *key_schema = lg_json_get_str(ours, "keySchema", NULL);
    size_t n = lg_json_size(schemas);

    s->key_schema = key_schema == NULL ? NULL : lg_strdup(key_schema);
    if (n > LG_STORE_SCHEMAS_MAX)
        return lg_error_set(err, LG_ERR_BAD_DATA, "store %s: more than %d value schemas", s->name,
                            LG_STORE_SCHEMAS_MAX);
    for (size_t i = 0; i < n; i++) {
        const struct lg_json *row = lg_json_at(schemas, i);
        const char *text = lg_json_get_str(row, "schemaStr", NULL);
        int64_t id = lg_json_get_int(row, "id", 0);

        if (text == NULL || id <= lg_store_latest_value_schema_id(s) || id > INT32_MAX)
            return lg_error_set(err, LG_ERR_BAD_DATA,
                                "store %s: value schema %zu needs a text and an id above the one "
                                "before",
                                s->name, i + 1);
        LG_VEC_PUSH(&s->value_schemas,
                    (struct lg_store_schema){.id = (int32_t)id, .text = lg_strdup(text)});
    }
    return LG_OK;
}

/* What is remembered for people only: a row that makes no sense is left out. */
static void read_past_pushes(const struct lg_json *ours, struct lg_store *s)
{
    const struct lg_json *list = lg_json_get(ours, "pastPushes");
    size_t n = lg_json_size(list);

    for (size_t i = n > LG_STORE_PAST_PUSHES_MAX ? n - LG_STORE_PAST_PUSHES_MAX : 0; i < n; i++) {
        const struct lg_json *row = lg_json_at(list, i);
        const char *status = lg_json_get_str(row, "status", "");
        int64_t version = lg_json_get_int(row, "version", 0);
        struct lg_past_push p = {
            .version = (int32_t)version,
            .created_ms = lg_json_get_int(row, "createdTime", 0),
            .ended_ms = lg_json_get_int(row, "endedTime", 0),
            .record_count = lg_json_get_int(row, "recordCount", -1),
        };

        if (version < 1 || version > INT32_MAX ||
            !lg_version_status_from_name(lg_slice_str(status), &p.status))
            continue;
        p.push_job_id = lg_strdup(lg_json_get_str(row, "pushJobId", ""));
        p.details = lg_strdup(lg_json_get_str(row, "details", ""));
        LG_VEC_PUSH(&s->past_pushes, p);
    }
}

static enum lg_rc read_versions(const struct lg_json *json, struct lg_store *s,
                                struct lg_error *err)
{
    const struct lg_json *versions = lg_json_get(json, "versions");
    size_t n = lg_json_size(versions);
    int32_t last = 0;

    if (n > LG_STORE_VERSIONS_MAX)
        return lg_error_set(err, LG_ERR_BAD_DATA, "store %s: more than %d versions", s->name,
                            LG_STORE_VERSIONS_MAX);
    for (size_t i = 0; i < n; i++) {
        struct lg_version v;

        if (lg_version_from_json(lg_json_at(versions, i), &v, err) != LG_OK)
            return err == NULL ? LG_ERR_BAD_DATA : lg_error_wrap(err, "store %s", s->name);
        LG_VEC_PUSH(&s->versions, v);
        if (v.number <= last)
            return lg_error_set(err, LG_ERR_BAD_DATA,
                                "store %s: version %d stands after version %d", s->name, v.number,
                                last);
        last = v.number;
    }
    return LG_OK;
}

enum lg_rc lg_store_from_json(const struct lg_json *json, struct lg_store **out,
                              struct lg_error *err)
{
    const char *name = lg_json_get_str(json, "name", NULL);
    const struct lg_json *ours = lg_json_get(json, "lagoon");
    LG_AUTO(lg_store) *s = NULL;
    enum lg_rc rc;

    if (name == NULL)
        return lg_error_set(err, LG_ERR_BAD_DATA, "store: member name is missing");
    if (lg_names_check_store(lg_slice_str(name), err) != LG_OK)
        return lg_error_set(err, LG_ERR_BAD_DATA, "store: member name is not a store name");
    s = lg_store_new(name, lg_json_get_str(json, "owner", ""), /* key_schema= */ NULL,
                     lg_json_get_int(ours, "createdTime", 0));
    s->read_index_enabled = lg_json_get_bool(ours, "readIndexEnabled", true);
    s->grpc_enabled = lg_json_get_bool(ours, "grpcEnabled", true);
    /* What a later release may know is nothing to stop at: the cluster's then. */
    (void)!lg_client_protocols_from_name(lg_slice_str(lg_json_get_str(ours, "clientProtocols", "")),
                                         &s->client_protocols);
    rc = lg_json_get_number(ours, "deletedTime", 0, &s->deleted_ms, err);
    if (rc == LG_OK)
        rc = lg_json_get_number(json, "latestVersionPromoteToCurrentTimestamp", 0,
                                &s->latest_version_promote_to_current_ms, err);
    if (rc != LG_OK)
        return lg_error_wrap(err, "store %s", name);
    rc = read_ints(json, s, err);
    if (rc == LG_OK)
        rc = read_longs(json, s, err);
    if (rc == LG_OK)
        rc = read_choices(json, s, err);
    if (rc == LG_OK)
        rc = read_schemas(ours, s, err);
    if (rc == LG_OK)
        rc = read_versions(json, s, err);
    if (rc == LG_OK &&
        lg_acl_from_json(lg_json_get(ours, "accessPermissions"), &s->acl, err) != LG_OK)
        rc = lg_error_set(err, LG_ERR_BAD_DATA, "store %s: member accessPermissions makes no sense",
                          name);
    read_past_pushes(ours, s);
    if (rc != LG_OK)
        return rc;
    *out = LG_TAKE(s);
    return LG_OK;
}
