/* Metadata of a store for Venice's fast client and Da Vinci. Every part of the answer is there and
 * not null, for those clients look at all of them (wire-formats 7.2). On the server's lane. */
#include "server/front_meta.h"

#include <stdio.h>

#include "base/str.h"
#include "model/names.h"
#include "model/partitioner.h"
#include "record/system_schema.h"
#include "server/front_answer.h"

struct subject { /* A store whose current version every partition of which can be read. */
    const struct lg_catalog_snapshot *snapshot;
    const struct lg_catalog_store *store;
    const struct lg_version *version;
    const struct lg_catalog_topic *topic;
    const char *scheme; /* of servers: that of this one */
    enum lg_client_protocols told;
};

/* False when the request was answered. */
static bool take_subject(struct lg_catalog *catalog, struct lg_http_request *rq,
                         struct lg_slice name, struct subject *out)
{
    struct subject s = {.snapshot = lg_catalog_current(catalog),
                        .scheme = rq->is_secure ? "https" : "http"};
    char topic[LG_NAMES_TOPIC_MAX + 1];
    struct lg_error err = {0};
    int32_t number;

    if (s.snapshot == NULL) {
        lg_front_refuse(rq, 503, "the metadata is not read yet");
        return false;
    }
    if (lg_catalog_find_store(s.snapshot, name, &s.store, &err) != LG_OK) {
        lg_front_refuse_bad(rq, LG_FRONT_NO_RESOURCE, "%s", err.text);
        return false;
    }
    if (lg_catalog_check_reads(s.snapshot, name, &err) != LG_OK) {
        lg_front_refuse(rq, 403, "%s", err.text);
        return false;
    }
    if (lg_catalog_served_version(s.snapshot, s.store, /* served_before= */ 0, &number, &err) !=
        LG_OK) {
        lg_front_refuse(rq, 503, "%s", err.text);
        return false;
    }
    s.told = lg_catalog_told(s.snapshot, s.store);
    lg_names_version_topic(topic, s.store->store->name, number);
    s.version = lg_store_version(s.store->store, number);
    s.topic = lg_catalog_topic(s.snapshot, lg_slice_str(topic));
    assert(s.version != NULL && s.topic != NULL); /* It is ready, so it is there. */
    *out = s;
    return true;
}

/* --- Parts that both answers have. -------------------------------------------------------------
 */

/* "http://10.0.0.7:8888", without a slash behind. Who is told to speak gRPC only is told the port
 * for it, if the server has one: it answers HTTP, too. The caller owns it. */
static char *url_of(const struct subject *s, const struct lg_catalog_instance *instance)
{
    bool grpc = s->told == LG_CLIENTS_GRPC && instance->grpc_port != 0;

    return lg_strf("%s://%s:%u", s->scheme, instance->host,
                   grpc ? instance->grpc_port : instance->port);
}

/* Keeps those that clients are told of, in their order: with gRPC only those that answer it, unless
 * none does. */
static size_t keep_told(const struct subject *s, uint32_t *ready, size_t n)
{
    size_t kept = 0;

    if (s->told != LG_CLIENTS_GRPC)
        return n;
    for (size_t i = 0; i < n; i++)
        if (s->snapshot->instances.data[ready[i]].grpc_port != 0)
            ready[kept++] = ready[i];
    return kept == 0 ? n : kept;
}

static struct lg_json *routing_json(const struct subject *s)
{
    struct lg_json *json = lg_json_new_object();

    for (uint32_t p = 0; p < s->topic->partition_count; p++) {
        uint32_t ready[LG_CATALOG_REPLICAS_MAX];
        size_t n = keep_told(s, ready, lg_catalog_ready(s->topic, p, ready));
        struct lg_json *urls = lg_json_new_array();
        char name[16];

        for (size_t i = 0; i < n; i++) {
            LG_AUTO_STR char *url = url_of(s, &s->snapshot->instances.data[ready[i]]);

            lg_json_push(urls, lg_json_new_string(lg_slice_str(url)));
        }
        (void)snprintf(name, sizeof name, "%u", p);
        lg_json_set(json, name, urls);
    }
    return json;
}

/* All nodes are of one group. */
static struct lg_json *groups_json(const struct subject *s)
{
    struct lg_json *json = lg_json_new_object();

    for (size_t i = 0; i < s->snapshot->instances.size; i++) {
        LG_AUTO_STR char *url = url_of(s, &s->snapshot->instances.data[i]);

        lg_json_set_int(json, url, 0);
    }
    return json;
}

static struct lg_json *key_schemas_json(const struct lg_store *store)
{
    struct lg_json *json = lg_json_new_object();

    lg_json_set_str(json, "1", store->key_schema);
    return json;
}

static struct lg_json *value_schemas_json(const struct lg_store *store, int64_t above)
{
    struct lg_json *json = lg_json_new_object();

    for (size_t i = 0; i < store->value_schemas.size; i++) {
        char id[16];

        if (store->value_schemas.data[i].id <= above)
            continue;
        (void)snprintf(id, sizeof id, "%d", store->value_schemas.data[i].id);
        lg_json_set_str(json, id, store->value_schemas.data[i].text);
    }
    return json;
}

/* Encodes `take_json` and answers with it. */
static void answer_record(struct lg_http_request *rq, const struct subject *s, const char *word,
                          int32_t id, struct lg_json *take_json)
{
    LG_AUTO(lg_json) *json = take_json;
    LG_SCOPED(lg_buf) body = {0};
    struct lg_error err = {0};

    if (lg_system_record_encode(word, id, json, &body, &err) != LG_OK)
        lg_front_refuse(rq, 500, "%s: %s", word, err.text);
    else
        lg_front_answer(rq, 200,
                        &(struct lg_front_head){
                            .schema_id = id, .rcu = 1, .told = lg_client_protocols_name(s->told)},
                        "avro/binary", lg_buf_slice(&body));
}

/* --- /metadata. --------------------------------------------------------------------------------
 */

static struct lg_json *version_json(const struct subject *s)
{
    struct lg_json *json = lg_json_new_object();

    lg_json_set_int(json, "currentVersion", s->version->number);
    lg_json_set_int(json, "compressionStrategy", (int)s->version->compression);
    lg_json_set_int(json, "partitionCount", s->topic->partition_count);
    lg_json_set_str(json, "partitionerClass", LG_PARTITIONER_CLASS);
    lg_json_set(json, "partitionerParams", lg_json_new_object());
    lg_json_set_int(json, "amplificationFactor", 1);
    lg_json_set_int(json, "storageMode", 0);
    return json;
}

static struct lg_json *versions_json(const struct subject *s)
{
    const struct lg_store *store = s->store->store;
    struct lg_json *json = lg_json_new_array();

    for (size_t i = 0; i < store->versions.size; i++)
        if (store->versions.data[i].status == LG_VERSION_ONLINE ||
            &store->versions.data[i] == s->version)
            lg_json_push(json, lg_json_new_int(store->versions.data[i].number));
    return json;
}

void lg_front_metadata(struct lg_catalog *catalog, struct lg_http_request *rq)
{
    struct subject s;
    struct lg_slice name;
    const struct lg_store *store;
    struct lg_json *json;

    if (lg_http_path_segments(rq) != 2 || !lg_http_path_segment(rq, 1, &name) ||
        name.data == NULL) {
        lg_front_refuse_bad(rq, LG_FRONT_BAD_PATH,
                            "the metadata of a store is GET /metadata/<store>");
        return;
    }
    if (!take_subject(catalog, rq, name, &s))
        return;
    store = s.store->store;
    if (!store->storage_node_read_quota_enabled) {
        lg_front_refuse(rq, 403,
                        "Fast client is not enabled for store: %s, please ensure storage node read "
                        "quota is enabled for the given store",
                        store->name);
        return;
    }
    json = lg_json_new_object();
    lg_json_set(json, "versionMetadata", version_json(&s));
    lg_json_set(json, "versions", versions_json(&s));
    lg_json_set(json, "keySchema", key_schemas_json(store));
    lg_json_set(json, "valueSchemas", value_schemas_json(store, 0));
    lg_json_set_int(json, "latestSuperSetValueSchemaId", store->latest_superset_schema_id);
    lg_json_set(json, "routingInfo", routing_json(&s));
    lg_json_set(json, "helixGroupInfo", groups_json(&s));
    lg_json_set_int(json, "batchGetLimit",
                    store->batch_get_limit > 0 ? store->batch_get_limit
                                               : LG_STORE_BATCH_GET_LIMIT_DEFAULT);
    lg_json_set_int(json, "externalStorageReadMode", 0);
    answer_record(rq, &s, "SERVER_METADATA_RESPONSE", LG_METADATA_RESPONSE_SCHEMA_ID, json);
}

/* --- /store_properties: StoreMetaValue inside a payload. ---------------------------------------
 */

static struct lg_json *store_version_json(const struct lg_version *v, const char *store)
{
    struct lg_json *json = lg_json_new_object();

    lg_json_set_str(json, "storeName", store);
    lg_json_set_int(json, "number", v->number);
    lg_json_set_int(json, "createdTime", v->created_ms);
    lg_json_set_int(json, "status", (int)v->status);
    lg_json_set_str(json, "pushJobId", v->push_job_id);
    lg_json_set_int(json, "compressionStrategy", (int)v->compression);
    lg_json_set_bool(json, "leaderFollowerModelEnabled", true);
    lg_json_set_bool(json, "chunkingEnabled", v->chunking_enabled);
    lg_json_set_int(json, "pushType", (int)v->push_type);
    lg_json_set_int(json, "partitionCount", v->partition_count);
    lg_json_set_int(json, "replicationFactor", v->replication_factor);
    lg_json_set_bool(json, "deferVersionSwap", v->swap_deferred);
    return json;
}

static struct lg_json *properties_json(const struct lg_store *s)
{
    struct lg_json *json = lg_json_new_object(), *versions = lg_json_new_array();

    lg_json_set_str(json, "name", s->name);
    lg_json_set_str(json, "owner", s->owner);
    lg_json_set_int(json, "createdTime", s->created_ms);
    lg_json_set_int(json, "currentVersion", s->current_version);
    lg_json_set_int(json, "partitionCount", s->partition_count);
    lg_json_set_bool(json, "enableWrites", s->enable_writes);
    lg_json_set_bool(json, "enableReads", s->enable_reads);
    lg_json_set_int(json, "storageQuotaInByte", s->storage_quota_bytes);
    lg_json_set_int(json, "largestUsedVersionNumber", s->largest_used_version);
    lg_json_set_int(json, "readQuotaInCU", s->read_quota);
    lg_json_set_bool(json, "accessControlled", !lg_acl_is_empty(&s->acl));
    lg_json_set_int(json, "compressionStrategy", (int)s->compression);
    lg_json_set_bool(json, "clientDecompressionEnabled", s->client_decompression_enabled);
    lg_json_set_bool(json, "chunkingEnabled", s->chunking_enabled);
    lg_json_set_int(json, "batchGetLimit", s->batch_get_limit);
    lg_json_set_int(json, "numVersionsToPreserve", s->num_versions_to_preserve);
    lg_json_set_bool(json, "readComputationEnabled", s->read_compute_enabled);
    lg_json_set_bool(json, "leaderFollowerModelEnabled", true);
    lg_json_set_int(json, "backupStrategy", (int)LG_BACKUP_KEEP_MIN_VERSIONS);
    lg_json_set_bool(json, "schemaAutoRegisteFromPushJobEnabled", s->schema_auto_register);
    lg_json_set_int(json, "latestSuperSetValueSchemaId", s->latest_superset_schema_id);
    lg_json_set_int(json, "latestVersionPromoteToCurrentTimestamp",
                    s->latest_version_promote_to_current_ms);
    lg_json_set_int(json, "backupVersionRetentionMs", s->backup_retention_ms);
    lg_json_set_int(json, "replicationFactor", s->replication_factor);
    lg_json_set_bool(json, "storageNodeReadQuotaEnabled", s->storage_node_read_quota_enabled);
    lg_json_set_int(json, "previousCurrentVersion", s->previous_current_version);
    for (size_t i = 0; i < s->versions.size; i++)
        lg_json_push(versions, store_version_json(&s->versions.data[i], s->name));
    lg_json_set(json, "versions", versions);
    return json;
}

/* StoreMetaValue with all but the replicas and the cluster. */
static struct lg_json *meta_value_json(const struct lg_store *store, int64_t known, int64_t now_ms)
{
    struct lg_json *json = lg_json_new_object(), *keys = lg_json_new_object();
    struct lg_json *values = lg_json_new_object(), *written = lg_json_new_array();

    lg_json_set_int(json, "timestamp", now_ms);
    lg_json_set(json, "storeProperties", properties_json(store));
    lg_json_set(keys, "keySchemaMap", key_schemas_json(store));
    lg_json_set(json, "storeKeySchemas", keys);
    lg_json_set(values, "valueSchemaMap", value_schemas_json(store, known));
    lg_json_set(json, "storeValueSchemas", values);
    lg_json_push(written, lg_json_new_int(store->latest_superset_schema_id));
    lg_json_set(json, "storeValueSchemaIdsWrittenPerStoreVersion", written);
    return json;
}

void lg_front_store_properties(struct lg_catalog *catalog, struct lg_http_request *rq)
{
    LG_AUTO(lg_json) *meta = NULL;
    LG_SCOPED(lg_buf) value = {0};
    LG_SCOPED(lg_buf) text = {0};
    size_t segments = lg_http_path_segments(rq);
    struct lg_slice name, known_text;
    struct lg_error err = {0};
    struct lg_json *json;
    struct subject s;
    int64_t known = 0;

    if ((segments != 2 && segments != 3) || !lg_http_path_segment(rq, 1, &name) ||
        name.data == NULL ||
        (segments == 3 && (!lg_http_path_segment(rq, 2, &known_text) ||
                           !lg_parse_i64(known_text, 0, INT32_MAX, &known)))) {
        lg_front_refuse_bad(rq, LG_FRONT_BAD_PATH,
                            "the properties of a store are GET /store_properties/<store>[/<largest "
                            "known schema id>]");
        return;
    }
    if (!take_subject(catalog, rq, name, &s))
        return;
    meta = meta_value_json(s.store->store, known, (int64_t)lg_lane_wall_ms(rq->lane));
    if (lg_system_record_encode("METADATA_SYSTEM_SCHEMA_STORE", LG_STORE_META_VALUE_SCHEMA_ID, meta,
                                &value, &err) != LG_OK) {
        lg_front_refuse(rq, 500, "store '%s': %s", s.store->store->name, err.text);
        return;
    }
    lg_base64_encode(&text, lg_buf_slice(&value), /* url_safe= */ false);
    json = lg_json_new_object();
    lg_json_set_int(json, "storeMetaValueSchemaVersion", LG_STORE_META_VALUE_SCHEMA_ID);
    lg_json_set(json, "storeMetaValueAvro", lg_json_new_string(lg_buf_slice(&text)));
    lg_json_set(json, "helixGroupInfo", groups_json(&s));
    lg_json_set(json, "routingInfo", routing_json(&s));
    answer_record(rq, &s, "SERVER_STORE_PROPERTIES_PAYLOAD", LG_STORE_PROPERTIES_SCHEMA_ID, json);
}
