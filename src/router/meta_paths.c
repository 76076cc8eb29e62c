/* The router's metadata paths: Venice's JSON (wire-formats 4.7). */
#include "authz/gate.h"
#include "base/str.h"
#include "model/names.h"
#include "model/push_status.h"
#include "router/router_impl.h"
#include "router/system_store.h"

/* Defaults of Venice that mean nothing here but stand in its ZKStore. */
#define VENICE_RETENTION_MS 432000000 /* five days */
#define VENICE_SWAP_WAIT_MINUTES 60

static struct lg_json *schema_json(const struct lg_router *r, const char *store, int32_t id,
                                   const char *text)
{
    struct lg_json *json = lg_reply_base(r->cluster, store);

    lg_json_set_int(json, "id", id);
    lg_json_set_int(json, "derivedSchemaId", -1);
    lg_json_set_str(json, "schemaStr", text);
    return json;
}

static void value_schema(struct lg_router *r, struct lg_http_request *rq,
                         const struct lg_store *store, const struct lg_router_path *path)
{
    struct lg_json *json, *schemas;
    struct lg_error err;
    int64_t id;

    if (path->has_rest && path->rest.size > 0) {
        const char *text = NULL;

        if (lg_parse_i64(path->rest, 1, INT32_MAX, &id))
            text = lg_store_value_schema(store, (int32_t)id);
        if (text != NULL) {
            lg_reply_json(rq, 200, schema_json(r, store->name, (int32_t)id, text));
            return;
        }
        (void)lg_error_set(&err, LG_ERR_NO_SCHEMA, "store '%s' has no value schema '%.*s'",
                           store->name, LG_FMT(path->rest));
        lg_reply_bad(rq, LG_ROUTER_BAD_SCHEMA, &err);
        return;
    }
    json = lg_reply_base(r->cluster, store->name);
    schemas = lg_json_new_array();
    for (size_t i = 0; i < store->value_schemas.size; i++) {
        struct lg_json *schema = lg_json_new_object();

        lg_json_set_int(schema, "id", store->value_schemas.data[i].id);
        lg_json_set_int(schema, "derivedSchemaId", -1);
        lg_json_set_int(schema, "rmdValueSchemaId", -1);
        lg_json_set_str(schema, "schemaStr", store->value_schemas.data[i].text);
        lg_json_push(schemas, schema);
    }
    lg_json_set_int(json, "superSetSchemaId", store->latest_superset_schema_id);
    lg_json_set(json, "schemas", schemas);
    lg_reply_json(rq, 200, json);
}

static void all_value_schema_ids(struct lg_router *r, struct lg_http_request *rq,
                                 const struct lg_store *store)
{
    struct lg_json *json = lg_reply_base(r->cluster, store->name), *ids = lg_json_new_array();

    for (size_t i = 0; i < store->value_schemas.size; i++)
        lg_json_push(ids, lg_json_new_int(store->value_schemas.data[i].id));
    lg_json_set_int(json, "superSetSchemaId", store->latest_superset_schema_id);
    lg_json_set(json, "schemaIdSet", ids);
    lg_reply_json(rq, 200, json);
}

static void current_version(struct lg_router *r, struct lg_http_request *rq,
                            const struct lg_catalog_snapshot *s,
                            const struct lg_catalog_store *store)
{
    struct lg_json *json;
    struct lg_error err = {0};
    int32_t version = 0;

    if (store->store->current_version != 0 &&
        lg_router_ready_version(r, s, store, &version, &err) != LG_OK) {
        lg_reply_text(rq, &err);
        return;
    }
    json = lg_json_new_object();
    lg_json_set_int(json, "currentVersion", version);
    lg_reply_json(rq, 200, json);
}

static void controller(struct lg_router *r, struct lg_http_request *rq)
{
    const char *leader = lg_leader_watch_url(r->leader);
    const char *url = leader == NULL ? r->controller_url : leader;
    struct lg_json *json;
    struct lg_error err;

    if (url == NULL) {
        (void)lg_error_set(&err, LG_ERR_UNAVAILABLE,
                           "no controller leads cluster '%s' at this moment; ask again",
                           r->cluster);
        lg_reply_text(rq, &err);
        return;
    }
    json = lg_reply_base(r->cluster, NULL);
    lg_json_set_str(json, "url", url);
    lg_json_set_str(json, "secureUrl", NULL);
    lg_json_set_str(json, "grpcUrl", NULL);
    lg_json_set_str(json, "secureGrpcUrl", NULL);
    lg_reply_json(rq, 200, json);
}

/* Clients look for their stores before they are known to anybody: all may ask, so where not
 * everybody may see which stores there are, nobody is told one that was not asked for. */
static enum lg_rc discover_store(const struct lg_router *r, const struct lg_catalog_snapshot *s,
                                 struct lg_slice name, const struct lg_catalog_store **out,
                                 struct lg_error *err)
{
    return r->authz == NULL ? lg_catalog_find_store(s, name, out, err)
                            : lg_catalog_find_store_unhinted(s, name, out, err);
}

static void discover(struct lg_router *r, struct lg_http_request *rq,
                     const struct lg_catalog_snapshot *s, const struct lg_router_path *path)
{
    LG_AUTO(lg_store) *system = NULL;
    const struct lg_catalog_store *store = NULL;
    struct lg_slice name = path->resource;
    struct lg_error err = {0};
    struct lg_json *json;

    if (name.size == 0 && !lg_http_param(rq, "store_name", &name)) {
        (void)lg_error_set(
            &err, LG_ERR_INVALID,
            "Resource name required, valid path should be : /discover_cluster/<store>");
        lg_reply_bad(rq, LG_ROUTER_BAD_PATH, &err);
        return;
    }
    system = lg_router_system_store(name);
    if (system == NULL && discover_store(r, s, name, &store, &err) != LG_OK) {
        json = lg_reply_base(NULL, NULL);
        lg_json_set_str(json, "error", err.text);
        lg_json_set_str(json, "errorType", lg_rc_venice(err.rc));
        lg_json_set_str(json, "exceptionType", lg_rc_venice(err.rc));
        lg_router_count_bad(LG_ROUTER_NO_RESOURCE);
        lg_reply_json(rq, 404, json);
        return;
    }
    json = lg_reply_base(r->cluster, system != NULL ? system->name : store->store->name);
    lg_json_set_str(json, "d2Service", "lagoon-router");
    lg_json_set_str(json, "serverD2Service", "lagoon-server");
    lg_json_set_str(json, "zkAddress", NULL);
    lg_json_set_str(json, "kafkaBootstrapServers", NULL);
    if (store != NULL) /* Ours; others leave it unread. */
        lg_json_set_str(json, "lagoonClientProtocols",
                        lg_client_protocols_name(lg_catalog_told(s, store)));
    lg_reply_json(rq, 200, json);
}

static void stores(struct lg_router *r, struct lg_http_request *rq,
                   const struct lg_catalog_snapshot *s)
{
    struct lg_json *json = lg_reply_base(r->cluster, NULL), *names = lg_json_new_array();

    for (size_t i = 0; i < s->stores.size; i++)
        lg_json_push(names, lg_json_new_string(lg_slice_str(s->stores.data[i]->store->name)));
    lg_json_set(json, "stores", names);
    lg_reply_json(rq, 200, json);
}

/* /resource_state/<topic>: which replica of which partition stands where. */
static void resource_state(struct lg_router *r, struct lg_http_request *rq,
                           const struct lg_catalog_snapshot *s, const struct lg_router_path *path)
{
    const struct lg_catalog_topic *topic = lg_catalog_topic(s, path->resource);
    struct lg_json *json, *replicas, *missing;
    struct lg_error err;

    if (topic == NULL) {
        (void)lg_error_set(&err, LG_ERR_NOT_FOUND, "no version '%.*s'; a version is <store>_v<N>",
                           LG_FMT(path->resource));
        lg_reply_bad(rq, LG_ROUTER_NO_RESOURCE, &err);
        return;
    }
    json = lg_reply_base(r->cluster, topic->name);
    replicas = lg_json_new_array();
    missing = lg_json_new_array();
    for (uint32_t p = 0; p < topic->partition_count; p++) {
        const struct lg_catalog_partition *partition = &topic->partitions[p];
        uint32_t ready[LG_CATALOG_REPLICAS_MAX];

        for (uint32_t i = 0; i < partition->count; i++) {
            const struct lg_catalog_replica *replica = &partition->replicas[i];
            struct lg_json *state = lg_json_new_object();

            lg_json_set_int(state, "partition", p);
            lg_json_set_str(state, "participantId", s->instances.data[replica->instance].id);
            lg_json_set_str(state, "venicePushStatus", lg_push_status_name(replica->status));
            lg_json_push(replicas, state);
        }
        if (lg_catalog_ready(topic, p, ready) == 0)
            lg_json_push(missing, lg_json_new_int(p));
    }
    lg_json_set_bool(json, "readyToServe", lg_json_size(missing) == 0);
    lg_json_set(json, "replicaStates", replicas);
    lg_json_set(json, "unretrievablePartitions", missing);
    lg_reply_json(rq, 200, json);
}

/* /update_schema/<store>[/<value schema id>]: stores of batches have none. */
static void update_schema(struct lg_router *r, struct lg_http_request *rq,
                          const struct lg_store *store, const struct lg_router_path *path)
{
    struct lg_error err = {0};
    struct lg_json *json;

    if (path->has_rest && path->rest.size > 0) {
        (void)lg_error_set(&err, LG_ERR_NO_SCHEMA,
                           "Update schema doesn't exist for value schema id: %.*s of store: %s",
                           (int)LG_MIN(path->rest.size, (size_t)40), (const char *)path->rest.data,
                           store->name);
        lg_reply_bad(rq, LG_ROUTER_BAD_SCHEMA, &err);
        return;
    }
    json = lg_reply_base(r->cluster, store->name);
    lg_json_set_int(json, "superSetSchemaId", store->latest_superset_schema_id);
    lg_json_set(json, "schemas", lg_json_new_array());
    lg_reply_json(rq, 200, json);
}

/* /store_state/<store>: the members of ZKStore, as Venice keeps it in ZooKeeper (wire-formats
 * 10.5); most are named as in StoreInfo, whose other members no reader minds. */
static struct lg_json *zk_store_json(const struct lg_store *store)
{
    struct lg_json *json = lg_store_to_json(store, LG_STORE_JSON_INFO);

    lg_json_set_int(json, "createdTime", store->created_ms);
    lg_json_set_str(json, "persistenceType", "ROCKS_DB");
    lg_json_set_str(json, "routingStrategy", "CONSISTENT_HASH");
    lg_json_set_str(json, "readStrategy", "ANY_OF_ONLINE");
    lg_json_set_str(json, "offLinePushStrategy",
                    lg_push_strategy_name(LG_PUSH_STRATEGY_WAIT_N_MINUS_ONE));
    lg_json_set_bool(json, "enableWrites", store->enable_writes);
    lg_json_set_bool(json, "enableReads", store->enable_reads);
    lg_json_set_bool(json, "hybrid", false);
    lg_json_set_int(json, "rmdVersion", -1);
    lg_json_set_int(json, "compactionThresholdMilliseconds", -1);
    lg_json_set_int(json, "retentionTime", VENICE_RETENTION_MS);
    lg_json_set_str(json, "targetSwapRegion", "");
    lg_json_set_int(json, "targetSwapRegionWaitTime", VENICE_SWAP_WAIT_MINUTES);
    lg_json_set(json, "systemStores", lg_json_new_object());
    return json;
}

/* The latest: the superset schema if there is one, else that with the largest id. */
static void latest_value_schema(struct lg_router *r, struct lg_http_request *rq,
                                const struct lg_store *store)
{
    int32_t latest = lg_store_latest_value_schema_id(store);

    if (store->latest_superset_schema_id > 0)
        latest = store->latest_superset_schema_id;
    lg_reply_json(rq, 200,
                  schema_json(r, store->name, latest, lg_store_value_schema(store, latest)));
}

/* What system stores answer, too. False when it is something else. */
static bool schemas_of(struct lg_router *r, struct lg_http_request *rq,
                       const struct lg_store *store, const struct lg_router_path *path)
{
    switch (path->type) {
    case LG_ROUTER_KEY_SCHEMA:
        lg_reply_json(rq, 200, schema_json(r, store->name, 1, store->key_schema));
        return true;
    case LG_ROUTER_VALUE_SCHEMA:
        value_schema(r, rq, store, path);
        return true;
    case LG_ROUTER_LATEST_VALUE_SCHEMA:
        latest_value_schema(r, rq, store);
        return true;
    case LG_ROUTER_ALL_VALUE_SCHEMA_IDS:
        all_value_schema_ids(r, rq, store);
        return true;
    case LG_ROUTER_UPDATE_SCHEMA:
        update_schema(r, rq, store, path);
        return true;
    default:
        return false;
    }
}

static void of_store(struct lg_router *r, struct lg_http_request *rq,
                     const struct lg_catalog_snapshot *s, const struct lg_router_path *path)
{
    LG_AUTO(lg_store) *system = lg_router_system_store(path->resource);
    const struct lg_catalog_store *store;
    struct lg_error err = {0};

    if (system != NULL && schemas_of(r, rq, system, path))
        return;
    if (lg_catalog_find_store(s, path->resource, &store, &err) != LG_OK)
        lg_reply_bad(rq, LG_ROUTER_NO_RESOURCE, &err);
    else if (path->type == LG_ROUTER_CURRENT_VERSION)
        current_version(r, rq, s, store);
    else if (path->type == LG_ROUTER_STORE_STATE)
        lg_reply_json(rq, 200, zk_store_json(store->store));
    else
        (void)schemas_of(r, rq, store->store, path);
}

/* --- /v1/health. -------------------------------------------------------------------------------
 */

/* Is every store that has a current version served by servers that are ready? `err` names one that
 * is not. */
static enum lg_rc check_health(struct lg_router *r, struct lg_http_request *rq,
                               struct lg_error *err)
{
    const struct lg_catalog_snapshot *s = lg_router_snapshot(r, rq, err);
    enum lg_rc rc = s == NULL ? err->rc : LG_OK;
    int32_t version;

    for (size_t i = 0; rc == LG_OK && i < s->stores.size; i++)
        if (s->stores.data[i]->store->current_version != 0)
            rc = lg_router_ready_version(r, s, s->stores.data[i], &version, err);
    return rc;
}

static void tell_health(struct lg_http_request *rq, enum lg_rc rc, const struct lg_error *err)
{
    struct lg_json *json;

    if (rc != LG_OK) {
        lg_reply_error_json(rq, err);
        return;
    }
    json = lg_json_new_object();
    lg_json_set_str(json, "status", "ok");
    lg_reply_json(rq, 200, json);
}

static void health_for_observer(const void *ctx, struct lg_http_request *rq)
{
    struct lg_router *r = *(struct lg_router *const *)ctx;
    struct lg_error err;
    enum lg_rc rc = check_health(r, rq, &err);

    tell_health(rq, rc, &err);
}

static void health_for_others(const void *ctx, struct lg_http_request *rq,
                              enum lg_authz_verdict verdict, const struct lg_error *why)
{
    struct lg_router *r = *(struct lg_router *const *)ctx;
    struct lg_error err;
    enum lg_rc rc = check_health(r, rq, &err);

    (void)verdict, (void)why;
    if (rc != LG_OK && lg_catalog_current(r->catalog) != NULL)
        (void)lg_error_set(&err, rc,
                           "a store has no version that is served by servers that are ready; who "
                           "may see the cluster is told which");
    tell_health(rq, rc, &err);
}

/* Everybody hears whether all is well. What is not is for who may see which stores there are; who
 * asks while all is well waits for nobody's word. */
void lg_router_health_path(struct lg_router *r, struct lg_http_request *rq)
{
    static const struct lg_authz_gate_ops ops = {.go = health_for_observer,
                                                 .refuse = health_for_others};
    struct lg_error err;
    enum lg_rc rc = check_health(r, rq, &err);

    if (r->authz == NULL || rc == LG_OK || lg_catalog_current(r->catalog) == NULL)
        tell_health(rq, rc, &err);
    else
        lg_authz_gate(&(struct lg_authz_gate){.authz = r->authz,
                                              .rq = rq,
                                              .store = LG_SLICE_NULL,
                                              .may = LG_ACL_READ,
                                              .ops = &ops,
                                              .ctx = &r,
                                              .ctx_size = sizeof r});
}

/* --- All of them. ------------------------------------------------------------------------------
 */

static void compute(struct lg_http_request *rq)
{
    lg_router_count_bad(LG_ROUTER_BAD_METHOD);
    lg_http_respond_text(rq, 405, "read compute is not enabled for this store");
}

void lg_router_meta(struct lg_router *r, struct lg_http_request *rq,
                    const struct lg_router_path *path)
{
    struct lg_error err = {0};
    const struct lg_catalog_snapshot *s = lg_router_snapshot(r, rq, &err);

    if (path->type == LG_ROUTER_COMPUTE)
        compute(rq);
    else if (path->type == LG_ROUTER_ADMIN)
        lg_router_admin(r, rq, path);
    else if (rq->method != LG_HTTP_GET)
        lg_reply_bad_method(rq, "use GET");
    else if (path->type == LG_ROUTER_LEADER_CONTROLLER || path->type == LG_ROUTER_MASTER_CONTROLLER)
        controller(r, rq);
    else if (s == NULL)
        lg_reply_text(rq, &err);
    else if (path->type == LG_ROUTER_DISCOVER_CLUSTER)
        discover(r, rq, s, path);
    else if (path->type == LG_ROUTER_STORES)
        stores(r, rq, s);
    else if (path->type == LG_ROUTER_RESOURCE_STATE)
        resource_state(r, rq, s, path);
    else if (path->type == LG_ROUTER_REQUEST_TOPIC || path->type == LG_ROUTER_BLOB_DISCOVERY ||
             path->type == LG_ROUTER_PUSH_STATUS ||
             path->type == LG_ROUTER_STREAM_HYBRID_STORE_QUOTA ||
             path->type == LG_ROUTER_STREAM_REPROCESSING_HYBRID_STORE_QUOTA)
        lg_router_topic(r, rq, s, path);
    else
        of_store(r, rq, s, path);
}
