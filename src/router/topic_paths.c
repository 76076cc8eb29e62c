/* The router's paths for writers and operators: real-time topics, storage quotas, where versions
 * can be fetched from, pushes, and the switch of read throttling (wire-formats 4.7).
 *
 * All stores here are batch stores so far: what is for hybrid ones is refused with the words that
 * Venice's router uses, because clients show them. */
#include "base/str.h"
#include "model/names.h"
#include "model/push_status.h"
#include "router/router_impl.h"

static void refuse(struct lg_http_request *rq, enum lg_rc rc, const char *fmt, ...) LG_PRINTF(3, 4);
static void refuse(struct lg_http_request *rq, enum lg_rc rc, const char *fmt, ...)
{
    struct lg_error err = {0};
    char text[LG_ERROR_TEXT_MAX];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    (void)lg_error_set(&err, rc, "%s", text);
    lg_reply_text(rq, &err);
}

/* As it stands; counted. */
static void refuse_bad(struct lg_http_request *rq, enum lg_router_bad why, int status,
                       const char *fmt, ...) LG_PRINTF(4, 5);
static void refuse_bad(struct lg_http_request *rq, enum lg_router_bad why, int status,
                       const char *fmt, ...)
{
    char text[LG_ERROR_TEXT_MAX];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    lg_router_count_bad(why);
    lg_http_respond_text(rq, status, "%s", text);
}

/* /request_topic/<store>: where to write online. */
static void request_topic(struct lg_http_request *rq, const struct lg_catalog_store *store)
{
    if (!store->store->enable_writes)
        refuse(rq, LG_ERR_INVALID, "Write operations to the store are disabled.");
    else
        refuse(rq, LG_ERR_INVALID, "Online writes are only supported for hybrid stores.");
}

/* /stream_hybrid_store_quota/<store>, /stream_reprocessing_hybrid_store_quota/<topic>: UNKNOWN, as
 * Venice answers for what is no hybrid store. */
static void hybrid_quota(struct lg_router *r, struct lg_http_request *rq, const char *topic)
{
    struct lg_json *json = lg_reply_base(r->cluster, topic);

    lg_json_set_str(json, "quotaStatus", "UNKNOWN");
    lg_reply_json(rq, 200, json);
}

static void blob_discovery(struct lg_router *r, struct lg_http_request *rq,
                           const struct lg_catalog_snapshot *s)
{
    struct lg_slice name = LG_SLICE_NULL, version = LG_SLICE_NULL, partition = LG_SLICE_NULL;
    const struct lg_catalog_store *store;
    struct lg_error err = {0};

    (void)r;
    (void)lg_http_param(rq, "store_name", &name);
    (void)lg_http_param(rq, "store_version", &version);
    (void)lg_http_param(rq, "store_partition", &partition);
    if (name.size == 0 || version.size == 0 || partition.size == 0)
        refuse_bad(
            rq, LG_ROUTER_BAD_PARAMETER, 400,
            "Blob Discovery: missing storeName:%.*s, storeVersion:%.*s, or storePartition:%.*s",
            LG_FMT(name), LG_FMT(version), LG_FMT(partition));
    else if (lg_catalog_find_store(s, name, &store, &err) != LG_OK)
        lg_reply_bad(rq, LG_ROUTER_NO_RESOURCE, &err);
    else
        lg_http_respond_text(rq, 403, "Blob Discovery: blob transfer is not enabled for store: %s",
                             store->store->name);
}

static const char *status_word(enum lg_version_status status)
{
    switch (status) {
    case LG_VERSION_STARTED:
        return lg_push_status_name(LG_PUSH_STARTED);
    case LG_VERSION_ONLINE:
    case LG_VERSION_PUSHED:
    case LG_VERSION_ROLLED_BACK:
        return lg_push_status_name(LG_PUSH_COMPLETED);
    case LG_VERSION_ERROR:
    case LG_VERSION_KILLED:
        return lg_push_status_name(LG_PUSH_ERROR);
    default:
        return NULL;
    }
}

/* /push_status/<topic>: always 400 in the version of Venice that we follow; clients that parse it
 * all the same find the status. */
static void push_status(struct lg_router *r, struct lg_http_request *rq,
                        const struct lg_catalog_snapshot *s, struct lg_slice topic)
{
    const struct lg_catalog_store *store = NULL;
    const struct lg_version *version = NULL;
    LG_AUTO_STR char *name = NULL;
    struct lg_slice store_name;
    struct lg_error err = {0};
    struct lg_json *json;
    int32_t number;

    if (lg_names_parse_version_topic(topic, &store_name, &number, &err) != LG_OK) {
        err.rc = LG_ERR_INVALID;
        lg_reply_bad(rq, LG_ROUTER_NO_RESOURCE, &err);
        return;
    }
    if (lg_catalog_find_store(s, store_name, &store, &err) != LG_OK) {
        lg_reply_bad(rq, LG_ROUTER_NO_RESOURCE, &err);
        return;
    }
    version = lg_store_version(store->store, number);
    name = lg_strndup((const char *)topic.data, topic.size);
    json = lg_reply_base(r->cluster, name);
    lg_json_set_str(json, "error",
                    "the router does not tell the status of a push; ask the controller: GET "
                    "/job?store_name=<store>&version=<version>");
    lg_json_set_str(json, "errorType", "BAD_REQUEST");
    lg_json_set_str(json, "exceptionType", "BAD_REQUEST");
    lg_json_set_str(json, "executionStatus", version == NULL ? NULL : status_word(version->status));
    lg_reply_json(rq, 400, json);
}

/* --- /admin. -----------------------------------------------------------------------------------
 */

/* Whether this router enforces read quotas. */
static void throttle(struct lg_router *r, struct lg_http_request *rq,
                     const struct lg_router_path *path)
{
    struct lg_slice action = path->rest;
    struct lg_json *json;

    if (rq->method == LG_HTTP_GET && action.size > 0) {
        refuse_bad(rq, LG_ROUTER_BAD_PATH, 400, "GET /admin/readQuotaThrottle takes no action");
        return;
    }
    if (rq->method == LG_HTTP_POST) {
        if (lg_slice_eq_str(action, "enable")) {
            r->read_throttling_off = false;
        } else if (lg_slice_eq_str(action, "disable")) {
            r->read_throttling_off = true;
        } else {
            refuse_bad(rq, LG_ROUTER_BAD_PATH, 400,
                       "POST /admin/readQuotaThrottle/enable or .../disable, not '%.*s'",
                       (int)LG_MIN(action.size, (size_t)40), (const char *)action.data);
            return;
        }
    }
    json = lg_json_new_object();
    lg_json_set_bool(json, "readThrottlingEnabled", !r->read_throttling_off);
    lg_json_set_bool(json, "earlyThrottleEnabled", false);
    lg_reply_json(rq, 200, json);
}

void lg_router_admin(struct lg_router *r, struct lg_http_request *rq,
                     const struct lg_router_path *path)
{
    if (rq->method != LG_HTTP_GET && rq->method != LG_HTTP_POST)
        lg_reply_bad_method(rq, "use GET or POST");
    else if (path->resource.size == 0 && rq->method == LG_HTTP_GET) /* A health check. */
        lg_http_respond(rq, &(struct lg_http_response){.status = 200});
    else if (path->resource.size == 0)
        refuse_bad(rq, LG_ROUTER_BAD_PATH, 400,
                   "an admin task is missing: /admin/readQuotaThrottle");
    else if (lg_slice_eq_str(path->resource, "readQuotaThrottle"))
        throttle(r, rq, path);
    else
        refuse_bad(rq, LG_ROUTER_BAD_PATH, 501,
                   "no such admin task '%.*s'; there is readQuotaThrottle",
                   (int)LG_MIN(path->resource.size, (size_t)40), (const char *)path->resource.data);
}

void lg_router_topic(struct lg_router *r, struct lg_http_request *rq,
                     const struct lg_catalog_snapshot *s, const struct lg_router_path *path)
{
    const struct lg_catalog_store *store;
    char topic[LG_NAMES_TOPIC_MAX + 1];
    struct lg_slice name = path->resource;
    int32_t version = 0;
    struct lg_error err = {0};
    enum lg_rc rc = LG_OK;

    if (path->type == LG_ROUTER_BLOB_DISCOVERY) {
        blob_discovery(r, rq, s);
        return;
    }
    if (path->type == LG_ROUTER_PUSH_STATUS) {
        push_status(r, rq, s, path->resource);
        return;
    }
    if (path->type == LG_ROUTER_STREAM_REPROCESSING_HYBRID_STORE_QUOTA)
        rc = lg_names_parse_version_topic(path->resource, &name, &version, &err);
    if (rc != LG_OK)
        err.rc = LG_ERR_INVALID;
    else
        rc = lg_catalog_find_store(s, name, &store, &err);
    if (rc != LG_OK) {
        lg_reply_bad(rq, LG_ROUTER_NO_RESOURCE, &err);
    } else if (path->type == LG_ROUTER_REQUEST_TOPIC) {
        request_topic(rq, store);
    } else {
        lg_names_version_topic(topic, store->store->name,
                               version > 0 ? version : store->store->current_version);
        hybrid_quota(r, rq, topic);
    }
}
