/* Versions: small questions and Venice's Version JSON. Pure. */
#include "model/version.h"

#include "model/partitioner.h"

void lg_version_done(struct lg_version *v)
{
    lg_free(v->push_job_id);
    *v = (struct lg_version){0};
}

bool lg_version_is_complete(const struct lg_version *v)
{
    return v->status == LG_VERSION_ONLINE || v->status == LG_VERSION_PUSHED;
}

bool lg_version_lease_expired(const struct lg_version *v, int64_t clock_ms)
{
    return v->status == LG_VERSION_STARTED && v->push_lease_ms > 0 &&
           clock_ms - v->heard_clock_ms > v->push_lease_ms;
}

bool lg_version_status_may_become(enum lg_version_status from, enum lg_version_status to)
{
    if (from == to)
        return true;
    switch (from) {
    case LG_VERSION_NOT_CREATED:
    case LG_VERSION_CREATED:
        return to == LG_VERSION_STARTED;
    case LG_VERSION_STARTED:
        return to == LG_VERSION_ONLINE || to == LG_VERSION_PUSHED || to == LG_VERSION_ERROR ||
               to == LG_VERSION_KILLED || to == LG_VERSION_PARTIALLY_ONLINE;
    case LG_VERSION_PUSHED:
    case LG_VERSION_ROLLED_BACK:
        return to == LG_VERSION_ONLINE;
    case LG_VERSION_ONLINE:
        return to == LG_VERSION_ROLLED_BACK;
    case LG_VERSION_ERROR:
    case LG_VERSION_PARTIALLY_ONLINE:
    case LG_VERSION_KILLED:
        return false;
    }
    return false;
}

static struct lg_json *partitioner_json(void)
{
    struct lg_json *json = lg_json_new_object();

    lg_json_set_str(json, "partitionerClass", LG_PARTITIONER_CLASS);
    lg_json_set(json, "partitionerParams", lg_json_new_object());
    lg_json_set_int(json, "amplificationFactor", 1);
    return json;
}

/* What no version of ours has but a Java reader looks at, with Venice's defaults. */
static void set_defaults(struct lg_json *json)
{
    lg_json_set(json, "partitionerConfig", partitioner_json());
    lg_json_set_bool(json, "nativeReplicationEnabled", false);
    lg_json_set_str(json, "pushStreamSourceAddress", "");
    lg_json_set_bool(json, "rmdChunkingEnabled", false);
    lg_json_set_str(json, "nativeReplicationSourceFabric", "");
    lg_json_set_bool(json, "incrementalPushEnabled", false);
    lg_json_set_bool(json, "separateRealTimeTopicEnabled", false);
    lg_json_set_bool(json, "blobTransferEnabled", false);
    lg_json_set_bool(json, "useVersionLevelIncrementalPushEnabled", true);
    lg_json_set_bool(json, "hybrid", false);
    lg_json_set(json, "hybridStoreConfig", lg_json_new_null());
    lg_json_set(json, "viewConfigs", lg_json_new_object());
    lg_json_set_bool(json, "useVersionLevelHybridConfig", true);
    lg_json_set_bool(json, "activeActiveReplicationEnabled", false);
    lg_json_set_int(json, "repushSourceVersion", -1);
    lg_json_set_int(json, "repushTtlSeconds", -1);
    lg_json_set_int(json, "rmdVersionId", -1);
    lg_json_set_bool(json, "degradedPush", false);
    lg_json_set_str(json, "blobTransferInServerEnabled", "NOT_SPECIFIED");
    lg_json_set_str(json, "blobDbEnabled", "NOT_SPECIFIED");
    lg_json_set(json, "dataRecoveryVersionConfig", lg_json_new_null());
    lg_json_set_str(json, "targetSwapRegion", "");
    lg_json_set_int(json, "targetSwapRegionWaitTime", 10);
    lg_json_set_bool(json, "isDavinciHeartbeatReported", false);
    lg_json_set_bool(json, "targetRegionPromoted", false);
    lg_json_set_bool(json, "globalRtDivEnabled", false);
    lg_json_set_bool(json, "keyUrnCompressionEnabled", false);
    lg_json_set(json, "keyUrnFields", lg_json_new_array());
    lg_json_set_int(json, "previousCurrentVersion", -1);
    lg_json_set_str(json, "storageMode", "INTERNAL");
}

struct lg_json *lg_version_to_json(const struct lg_version *v, const char *store, bool persistent)
{
    struct lg_json *json = lg_json_new_object();
    struct lg_json *ours = lg_json_new_object();

    lg_json_set_str(json, "storeName", store);
    lg_json_set_int(json, "number", v->number);
    lg_json_set_int(json, "createdTime", v->created_ms);
    lg_json_set_str(json, "status", lg_version_status_name(v->status));
    lg_json_set_str(json, "pushJobId", v->push_job_id == NULL ? "" : v->push_job_id);
    lg_json_set_str(json, "pushType", lg_push_type_name(v->push_type));
    lg_json_set_int(json, "partitionCount", v->partition_count);
    lg_json_set_int(json, "replicationFactor", v->replication_factor);
    lg_json_set_int(json, "minActiveReplicas", v->min_active_replicas);
    lg_json_set_str(json, "compressionStrategy", lg_compression_name(v->compression));
    lg_json_set_bool(json, "chunkingEnabled", v->chunking_enabled);
    lg_json_set_bool(json, "versionSwapDeferred", v->swap_deferred);
    set_defaults(json);
    lg_json_set_int(ours, "completedTime", v->completed_ms);
    lg_json_set_int(ours, "recordCount", v->record_count);
    lg_json_set_int(ours, "sizeBytes", v->size_bytes);
    if (persistent) {
        lg_json_set_int(ours, "pushLeaseMs", v->push_lease_ms);
        lg_json_set_int(ours, "pushHeardTime", v->push_heard_ms);
        if (v->started_clock_ms >= 0)
            lg_json_set_int(ours, "startedClockMs", v->started_clock_ms);
    }
    lg_json_set(json, "lagoon", ours);
    return json;
}

/* An int member within [min, INT32_MAX]. */
static enum lg_rc read_int(const struct lg_json *json, const char *key, int32_t min,
                           int32_t otherwise, int32_t *out, struct lg_error *err)
{
    int64_t v = lg_json_get_int(json, key, otherwise);

    if (v < min || v > INT32_MAX)
        return lg_error_set(err, LG_ERR_BAD_DATA, "version: member %s is %lld, out of range", key,
                            (long long)v);
    *out = (int32_t)v;
    return LG_OK;
}

static enum lg_rc read_numbers(const struct lg_json *json, struct lg_version *v,
                               struct lg_error *err)
{
    const struct lg_json *number = lg_json_get(json, "number");
    enum lg_rc rc;

    if (number == NULL || lg_json_type(number) != LG_JSON_INT)
        return lg_error_set(err, LG_ERR_BAD_DATA, "version: member number is missing");
    rc = read_int(json, "number", 1, 0, &v->number, err);
    if (rc == LG_OK)
        rc = read_int(json, "partitionCount", 0, 0, &v->partition_count, err);
    if (rc == LG_OK)
        rc = read_int(json, "replicationFactor", 1, 1, &v->replication_factor, err);
    if (rc == LG_OK)
        rc = read_int(json, "minActiveReplicas", 0, 1, &v->min_active_replicas, err);
    return rc;
}

static enum lg_rc read_times(const struct lg_json *json, const struct lg_json *ours,
                             struct lg_version *v, struct lg_error *err)
{
    enum lg_rc rc = lg_json_get_number(json, "createdTime", 0, &v->created_ms, err);

    if (rc == LG_OK)
        rc = lg_json_get_number(ours, "completedTime", 0, &v->completed_ms, err);
    if (rc == LG_OK)
        rc = lg_json_get_number(ours, "pushLeaseMs", 0, &v->push_lease_ms, err);
    if (rc == LG_OK)
        rc = lg_json_get_number(ours, "pushHeardTime", 0, &v->push_heard_ms, err);
    if (rc == LG_OK)
        rc = lg_json_get_number(ours, "startedClockMs", -1, &v->started_clock_ms, err);
    return rc;
}

static enum lg_rc read_names(const struct lg_json *json, struct lg_version *v, struct lg_error *err)
{
    const char *status = lg_json_get_str(json, "status", "NOT_CREATED");
    const char *type = lg_json_get_str(json, "pushType", "BATCH");
    const char *compression = lg_json_get_str(json, "compressionStrategy", "NO_OP");

    if (!lg_version_status_from_name(lg_slice_str(status), &v->status))
        return lg_error_set(err, LG_ERR_BAD_DATA, "version: status %s is not known", status);
    if (!lg_push_type_from_name(lg_slice_str(type), &v->push_type))
        return lg_error_set(err, LG_ERR_BAD_DATA, "version: pushType %s is not known", type);
    if (!lg_compression_from_name(lg_slice_str(compression), &v->compression))
        return lg_error_set(err, LG_ERR_BAD_DATA, "version: compressionStrategy %s is not known",
                            compression);
    return LG_OK;
}

enum lg_rc lg_version_from_json(const struct lg_json *json, struct lg_version *out,
                                struct lg_error *err)
{
    struct lg_version v = {0};
    const char *push_job_id = lg_json_get_str(json, "pushJobId", "");
    const struct lg_json *ours = lg_json_get(json, "lagoon");
    enum lg_rc rc;

    if (lg_json_type(json) != LG_JSON_OBJECT)
        return lg_error_set(err, LG_ERR_BAD_DATA, "a version is not a JSON object");
    rc = read_numbers(json, &v, err);
    if (rc == LG_OK)
        rc = read_names(json, &v, err);
    if (rc != LG_OK)
        return rc;
    if (strlen(push_job_id) > LG_VERSION_PUSH_ID_MAX)
        return lg_error_set(err, LG_ERR_BAD_DATA, "version %d: pushJobId is longer than %d bytes",
                            v.number, LG_VERSION_PUSH_ID_MAX);
    rc = read_times(json, ours, &v, err);
    if (rc != LG_OK)
        return lg_error_wrap(err, "version %d", v.number);
    v.chunking_enabled = lg_json_get_bool(json, "chunkingEnabled", false);
    v.swap_deferred = lg_json_get_bool(json, "versionSwapDeferred", false);
    v.record_count = lg_json_get_int(ours, "recordCount", -1);
    v.size_bytes = lg_json_get_int(ours, "sizeBytes", -1);
    v.push_job_id = lg_strdup(push_job_id);
    *out = v;
    return LG_OK;
}
