#include "server/front_rest.h"

#include <stdio.h>

#include "authz/gate.h"
#include "authz/ops_guard.h"
#include "base/health.h"
#include "base/str.h"
#include "base/vec.h"
#include "model/names.h"
#include "net/http_forward.h"
#include "net/ops_front.h"
#include "read/wire.h"
#include "server/front_admin.h"
#include "server/front_answer.h"
#include "server/front_guard.h"
#include "server/front_meta.h"
#include "server/key_profiler.h"
#include "server/metrics.h"
#include "server/read_many.h"
#include "server/server.h"

#define STREAMING "X-VENICE-STREAMING"
#define RETRY "X-VENICE-RETRY"

/* --- Answers. ----------------------------------------------------------------------------------
 */

/* What cannot be answered from the serving table is for the home lane, which knows why. */
static void refuse_missing(const struct lg_front_rest *f, struct lg_http_request *rq,
                           enum lg_replica_found found, struct lg_slice topic)
{
    char text[LG_FRONT_TEXT_MAX];
    int status;

    if (f->home != NULL) {
        lg_http_forward(rq, f->home_lane, lg_front_rest_handle, f->home);
        return;
    }
    status = lg_front_why_missing(f->catalog, topic, found, text);
    if (status == 400)
        lg_front_refuse_bad(
            rq, found == LG_REPLICA_NOWHERE ? LG_FRONT_BAD_PARTITION : LG_FRONT_NO_RESOURCE, "%s",
            text);
    else
        lg_front_refuse(rq, status, "%s", text);
}

/* --- One key. ----------------------------------------------------------------------------------
 */

static void single_done(struct lg_read_get *get)
{
    struct lg_http_request *rq = get->user;

    if (get->rc == LG_OK)
        lg_front_answer(rq, 200,
                        &(struct lg_front_head){
                            .schema_id = get->schema_id, .rcu = 1, .compression = get->compression},
                        "avro/binary", get->payload);
    else if (get->rc == LG_ERR_NOT_FOUND)
        lg_front_answer(rq, 404, &(struct lg_front_head){.schema_id = -1, .rcu = 1}, NULL,
                        LG_SLICE_NULL);
    else if (get->rc == LG_ERR_OVERLOADED)
        lg_front_refuse_limit(rq, get->rc, LG_READ_GATE_OVERLOAD_MS);
    else
        lg_front_refuse(rq, get->rc == LG_ERR_UNREADY ? 503 : 500, "%s", get->err->text);
}

static bool take_key(struct lg_http_request *rq, struct lg_slice text, struct lg_buf *key)
{
    struct lg_slice format;

    if (lg_http_param(rq, "f", &format) && lg_slice_eq_str(format, "b64"))
        return lg_base64_decode(key, text);
    lg_buf_append_slice(key, text);
    return true;
}

/* Whatever it says: Venice's servers look whether it is there. */
static bool is_retry(const struct lg_http_request *rq)
{
    return lg_http_header(&rq->headers, RETRY).data != NULL;
}

/* False: it was refused. */
static bool is_let_in(const struct lg_front_rest *f, struct lg_http_request *rq,
                      const struct lg_serving_topic *topic)
{
    bool counts = lg_serving_limit_of(topic).resource == LG_QUOTA_NONE || !is_retry(rq);
    uint32_t retry_after_ms = 0;
    enum lg_rc limit = lg_read_group_admit(f->group, topic, 1, !counts, &retry_after_ms);

    if (LG_UNLIKELY(limit != LG_OK))
        lg_front_refuse_limit(rq, limit, retry_after_ms);
    return limit == LG_OK;
}

/* GET /storage/<topic>/<partition>/<key> */
static void get_one(const struct lg_front_rest *f, struct lg_http_request *rq)
{
    struct lg_slice topic, partition_text, key_text;
    const struct lg_serving_topic *served;
    struct lg_replica *replica = NULL;
    enum lg_replica_found found;
    struct lg_read_get *get;
    uint64_t partition;
    bool is_get;

    is_get = lg_http_path_segments(rq) == 4 && lg_http_path_segment(rq, 1, &topic) &&
             lg_http_path_segment(rq, 2, &partition_text) &&
             lg_http_path_segment(rq, 3, &key_text) && key_text.data != NULL;
    if (!is_get || !lg_parse_u64(partition_text, UINT32_MAX, &partition)) {
        lg_front_refuse_bad(rq, is_get ? LG_FRONT_BAD_PARTITION : LG_FRONT_BAD_PATH,
                            "a get is /storage/<store>_v<N>/<partition>/<key>[?f=b64]");
        return;
    }
    get = lg_read_group_get(f->group);
    if (!take_key(rq, key_text, &get->key)) {
        lg_read_group_drop(get);
        lg_front_refuse_bad(rq, LG_FRONT_BAD_KEY, "the key is not base64");
        return;
    }
    served = lg_read_group_topic(f->group, f->serving, topic);
    found = lg_serving_partition(served, (uint32_t)partition, &replica);
    if (found != LG_REPLICA_SERVING) {
        lg_read_group_drop(get);
        refuse_missing(f, rq, found, topic);
        return;
    }
    if (!is_let_in(f, rq, served)) {
        lg_read_group_drop(get);
        return;
    }
    lg_key_profiler_record(f->profiler, topic, (uint32_t)partition, lg_buf_slice(&get->key));
    get->replica = replica;
    get->user = rq;
    get->done = single_done;
    lg_read_group_add(get);
}

/* --- Many keys. --------------------------------------------------------------------------------
 */

struct many { /* In the arena of its request. */
    struct lg_http_request *rq;
    struct lg_many *reads;
    bool streaming;
};

static void many_lost(struct lg_http_request *rq)
{
    lg_read_many_cancel(((struct many *)rq->user)->reads);
}

static void many_waits(void *user, struct lg_many *reads)
{
    struct many *m = user;

    m->reads = reads;
    m->rq->user = m;
    m->rq->lost = many_lost;
    if (m->rq->peer_gone) /* While it was not known whether the request is allowed. */
        many_lost(m->rq);
}

static void many_answered(void *user, const struct lg_many_answer *a)
{
    const struct many *m = user;

    if (a->limit != LG_OK)
        lg_front_refuse_limit(m->rq, a->limit, a->retry_after_ms);
    else if (a->is_malformed)
        lg_front_refuse_bad(m->rq, a->status == 413 ? LG_FRONT_TOO_LARGE : LG_FRONT_BAD_BODY, "%s",
                            a->text);
    else if (a->status != 200)
        lg_front_refuse(m->rq, a->status, "%s", a->text);
    else
        lg_front_answer(m->rq, 200,
                        &(struct lg_front_head){.schema_id = LG_MULTI_GET_API_VERSION,
                                                .rcu = a->keys,
                                                .streaming = m->streaming,
                                                .compression = a->compression},
                        "avro/binary", a->body);
}

/* POST /storage/<topic> */
static void get_many(const struct lg_front_rest *f, struct lg_http_request *rq)
{
    struct lg_slice topic, version = lg_http_header(&rq->headers, "X-VENICE-API-VERSION");
    enum lg_replica_found found;
    struct many *m;

    if (lg_http_path_segments(rq) != 2 || !lg_http_path_segment(rq, 1, &topic) ||
        topic.data == NULL) {
        lg_front_refuse_bad(rq, LG_FRONT_BAD_PATH, "a multi-get is POST /storage/<store>_v<N>");
        return;
    }
    if (!lg_slice_eq_str(version, "1")) {
        lg_front_refuse_bad(rq, LG_FRONT_BAD_VERSION, "X-VENICE-API-VERSION must be 1, not '%.*s'",
                            LG_FMT(version));
        return;
    }
    m = lg_arena_alloc(rq->arena, sizeof *m);
    if (m == NULL) {
        lg_front_refuse_bad(rq, LG_FRONT_TOO_LARGE, "the request is too large");
        return;
    }
    *m = (struct many){.rq = rq, .streaming = lg_http_header(&rq->headers, STREAMING).size > 0};
    found = lg_read_many(&(struct lg_many_question){.group = f->group,
                                                    .serving = f->serving,
                                                    .topic = topic,
                                                    .keys = rq->body,
                                                    .streaming = m->streaming,
                                                    .is_retry = is_retry(rq),
                                                    .profiler = f->profiler,
                                                    .user = m,
                                                    .answered = many_answered,
                                                    .waits = many_waits});
    if (found != LG_REPLICA_SERVING)
        refuse_missing(f, rq, found, topic);
}

/* --- The rest. ---------------------------------------------------------------------------------
 */

static void current_version(const struct lg_front_rest *f, struct lg_http_request *rq)
{
    const struct lg_catalog_snapshot *s = lg_catalog_current(f->catalog);
    const struct lg_catalog_store *store;
    struct lg_slice name;
    struct lg_error err = {0};
    char body[64];

    if (!lg_http_path_segment(rq, 1, &name) || name.data == NULL)
        lg_front_refuse_bad(rq, LG_FRONT_BAD_PATH, "a store is missing: /current_version/<store>");
    else if (s == NULL)
        lg_front_refuse(rq, 503, "the metadata is not read yet");
    else if (lg_catalog_find_store(s, name, &store, &err) != LG_OK)
        lg_front_refuse(rq, 404, "%s", err.text);
    else {
        (void)snprintf(body, sizeof body,
                       "{\"currentVersion\":%d,\"error\":false,\"message\":null}",
                       store->store->current_version);
        lg_front_answer(rq, 200, &(struct lg_front_head){.schema_id = -1, .rcu = 1},
                        "application/json", lg_slice_str(body));
    }
}

/* GET /dictionary/<store>/<version> */
static void dictionary(const struct lg_front_rest *f, struct lg_http_request *rq)
{
    struct lg_slice store, version_text;
    struct lg_replica *replica = NULL;
    char topic[LG_NAMES_TOPIC_MAX + 1];
    enum lg_replica_found found;
    LG_AUTO_STR char *name = NULL;
    struct lg_error err;
    uint64_t version;

    if (lg_http_path_segments(rq) != 3 || !lg_http_path_segment(rq, 1, &store) ||
        !lg_http_path_segment(rq, 2, &version_text) ||
        !lg_parse_u64(version_text, INT32_MAX, &version) || version == 0 ||
        lg_names_check_store(store, &err) != LG_OK) {
        lg_front_refuse_bad(rq, LG_FRONT_BAD_PATH,
                            "a dictionary is GET /dictionary/<store>/<version>");
        return;
    }
    name = lg_strndup((const char *)store.data, store.size);
    lg_names_version_topic(topic, name, (int32_t)version);
    lg_read_group_enter(f->group);
    found = lg_serving_find_any(f->serving, lg_slice_str(topic), &replica);
    if (found != LG_REPLICA_SERVING)
        refuse_missing(f, rq, found, lg_slice_str(topic));
    else if (replica->compression != LG_COMPRESSION_ZSTD_WITH_DICT)
        lg_front_refuse(rq, 404, "%s has no dictionary: its compression strategy is %s", topic,
                        lg_compression_name(replica->compression));
    else
        lg_front_answer(rq, 200, &(struct lg_front_head){.schema_id = -1, .rcu = 1},
                        "application/octet-stream", replica->dictionary);
}

static void storage(const struct lg_front_rest *f, struct lg_http_request *rq)
{
    lg_read_group_enter(f->group);
    if (rq->method == LG_HTTP_GET)
        get_one(f, rq);
    else
        get_many(f, rq);
}

static void compute(const struct lg_front_rest *f, struct lg_http_request *rq)
{
    (void)f;
    lg_front_refuse_bad(rq, LG_FRONT_BAD_METHOD, "read compute is not enabled");
}

static void metadata(const struct lg_front_rest *f, struct lg_http_request *rq)
{
    lg_front_metadata(f->catalog, rq);
}

static void store_properties(const struct lg_front_rest *f, struct lg_http_request *rq)
{
    lg_front_store_properties(f->catalog, rq);
}

static void alive(const struct lg_front_rest *f, struct lg_http_request *rq)
{
    (void)f;
    lg_http_respond(rq, &(struct lg_http_response){.status = 200});
}

static void wrong_method(const struct lg_front_rest *f, struct lg_http_request *rq)
{
    (void)f;
    lg_front_refuse_bad(rq, LG_FRONT_BAD_METHOD, "only GET and POST /storage are answered here");
}

static void unknown(const struct lg_front_rest *f, struct lg_http_request *rq)
{
    (void)f;
    lg_front_refuse_bad(rq, LG_FRONT_BAD_PATH, "Invalid request resource: %.*s", LG_FMT(rq->path));
}

/* --- Routes, and who may take them. ------------------------------------------------------------
 */

struct route {
    const char *word;
    enum lg_front_about about;
    enum lg_acl_method may;
    bool any_method; /* Else GET. */
    void (*handle)(const struct lg_front_rest *f, struct lg_http_request *rq);
};

static const struct route the_storage = {"storage", LG_FRONT_ABOUT_TOPIC, LG_ACL_READ, true,
                                         storage},
                          the_replicas = {"v1", LG_FRONT_ABOUT_CLUSTER, LG_ACL_READ, false,
                                          lg_front_replicas},
                          the_options = {"", LG_FRONT_ABOUT_NOTHING, LG_ACL_READ, true, alive},
                          the_wrong_method = {"", LG_FRONT_ABOUT_NOTHING, LG_ACL_READ, true,
                                              wrong_method},
                          the_unknown = {"", LG_FRONT_ABOUT_NOTHING, LG_ACL_READ, true, unknown};
static const struct route routes[] = {
    {"compute", LG_FRONT_ABOUT_NOTHING, LG_ACL_READ, true, compute},
    {"key_partition_profiler", LG_FRONT_ABOUT_TOPIC, LG_ACL_ADMIN, true, lg_front_profiler},
    {"health", LG_FRONT_ABOUT_NOTHING, LG_ACL_READ, false, lg_front_health},
    {"current_version", LG_FRONT_ABOUT_STORE, LG_ACL_READ, false, current_version},
    {"dictionary", LG_FRONT_ABOUT_STORE, LG_ACL_READ, false, dictionary},
    {"metadata", LG_FRONT_ABOUT_STORE, LG_ACL_READ, false, metadata},
    {"store_properties", LG_FRONT_ABOUT_STORE, LG_ACL_READ, false, store_properties},
    {"admin", LG_FRONT_ABOUT_CLUSTER, LG_ACL_ADMIN, false, lg_front_admin},
    {"topic_partition_ingestion_context", LG_FRONT_ABOUT_CLUSTER, LG_ACL_READ, false,
     lg_front_ingestion_context},
    {"host_heartbeat_lag", LG_FRONT_ABOUT_CLUSTER, LG_ACL_READ, false, lg_front_heartbeat_lag},
};

static bool is_storage(const struct lg_http_request *rq, struct lg_slice word)
{
    return lg_slice_eq_str(word, "storage") &&
           (rq->method == LG_HTTP_GET || rq->method == LG_HTTP_POST);
}

static const struct route *find_route(struct lg_http_request *rq)
{
    struct lg_slice word = LG_SLICE_NULL;
    const struct route *found = &the_unknown;

    (void)lg_http_path_segment(rq, 0, &word);
    if (rq->method == LG_HTTP_OPTIONS)
        return &the_options;
    if (is_storage(rq, word))
        return &the_storage;
    for (size_t i = 0; i < LG_ARRAY_SIZE(routes); i++)
        if (lg_slice_eq_str(word, routes[i].word))
            found = &routes[i];
    if (lg_slice_eq_str(rq->path, "/v1/replicas"))
        found = &the_replicas;
    return found->any_method && found != &the_unknown ? found
           : rq->method != LG_HTTP_GET                ? &the_wrong_method
                                                      : found;
}

/* What the request is about: of a path, its second segment, as the handlers take it. */
static struct lg_slice subject_of(struct lg_http_request *rq, enum lg_front_about about)
{
    struct lg_slice name = LG_SLICE_NULL;

    if (about == LG_FRONT_ABOUT_STORE || about == LG_FRONT_ABOUT_TOPIC)
        (void)lg_http_path_segment(rq, 1, &name);
    return about == LG_FRONT_ABOUT_TOPIC ? lg_front_store_of(name) : name;
}

static void refuse(struct lg_http_request *rq, const struct route *route, struct lg_slice store,
                   enum lg_authz_verdict verdict, const struct lg_error *why)
{
    struct lg_error err;
    enum lg_rc rc = lg_authz_refuse(verdict, why, rq->identity, store, route->may, &err);

    lg_front_refuse(rq, lg_rc_http(rc, rq->method == LG_HTTP_POST), "%s", err.text);
}

struct asker {
    const struct lg_front_rest *front;
    const struct route *route;
    struct lg_slice store;
};

static void go(const void *ctx, struct lg_http_request *rq)
{
    const struct asker *a = ctx;

    a->route->handle(a->front, rq);
}

static void turn_away(const void *ctx, struct lg_http_request *rq, enum lg_authz_verdict verdict,
                      const struct lg_error *why)
{
    const struct asker *a = ctx;

    if (verdict == LG_AUTHZ_UNKNOWN && why == NULL)
        lg_front_refuse_bad(rq, LG_FRONT_TOO_LARGE, "the request is too large");
    else
        refuse(rq, a->route, a->store, verdict, why);
}

static bool is_over(const void *ctx, struct lg_http_request *rq)
{
    const struct asker *a = ctx;

    if (a->front->replicas != NULL)
        return false;
    lg_front_refuse(rq, 503, "the server ends"); /* What it asks about is gone. */
    return true;
}

void lg_front_rest_handle(void *ctx, struct lg_http_request *rq)
{
    static const struct lg_authz_gate_ops gate = {go, turn_away, is_over};
    const struct lg_front_rest *f = ctx;
    struct asker asker = {.front = f, .route = find_route(rq)};

    if (f->authz == NULL || asker.route->about == LG_FRONT_ABOUT_NOTHING) {
        asker.route->handle(f, rq);
        return;
    }
    asker.store = subject_of(rq, asker.route->about);
    lg_authz_gate(&(struct lg_authz_gate){.authz = f->authz,
                                          .rq = rq,
                                          .store = asker.store,
                                          .may = asker.route->may,
                                          .ops = &gate,
                                          .ctx = &asker,
                                          .ctx_size = sizeof asker});
}

/* The lane that knows who may see what may be the one that is stuck, which a probe should hear. */
void lg_front_rest_ops(void *ctx, struct lg_http_request *rq)
{
    const struct lg_front_rest *f = ctx;

    if (f->home == NULL || f->authz == NULL)
        lg_authz_guard_ops(f->authz, rq);
    else if (lg_ops_front_handle_plain(rq))
        return;
    else if (!lg_ops_front_is_metrics(rq) &&
             !lg_health_ok(LG_HEALTH_LIVE, lg_lane_now_us(rq->lane)))
        lg_ops_front_handle_unnamed(rq);
    else
        lg_http_forward(rq, f->home_lane, lg_front_rest_ops, f->home);
}

void lg_front_rest_read(void *ctx, struct lg_http_request *rq)
{
    const struct lg_front_rest *f = ctx;
    enum lg_authz_verdict verdict = LG_AUTHZ_ALLOWED;
    struct lg_slice word = LG_SLICE_NULL, store = LG_SLICE_NULL;

    if (!lg_http_path_segment(rq, 0, &word) || !is_storage(rq, word)) {
        lg_http_forward(rq, f->home_lane, lg_front_rest_handle, f->home);
        return;
    }
    if (f->authz != NULL) {
        lg_read_group_enter(f->group);
        store = subject_of(rq, LG_FRONT_ABOUT_TOPIC);
        verdict = lg_authz_check(f->authz, rq->identity, store, LG_ACL_READ);
    }
    if (LG_LIKELY(verdict == LG_AUTHZ_ALLOWED))
        storage(f, rq);
    else if (verdict == LG_AUTHZ_DENIED)
        refuse(rq, &the_storage, store, verdict, NULL);
    else
        lg_http_forward(rq, f->home_lane, lg_front_rest_handle, f->home);
}
