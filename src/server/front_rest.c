#include "server/front_rest.h"

#include <stdio.h>

#include "base/str.h"
#include "base/vec.h"
#include "model/names.h"
#include "read/batch_get.h"
#include "read/wire.h"
#include "server/front_admin.h"
#include "server/front_answer.h"
#include "server/front_meta.h"
#include "server/key_profiler.h"
#include "server/metrics.h"
#include "server/server.h"

#define STREAMING "X-VENICE-STREAMING"

/* --- Answers. ----------------------------------------------------------------------------------
 */

/* Not here. Is it the current version, which should be, or one that never will be again? */
static int status_of_missing(const struct lg_front_rest *f, struct lg_slice topic)
{
    const struct lg_catalog_snapshot *s = lg_catalog_current(f->catalog);
    const struct lg_catalog_store *store;
    struct lg_slice name;
    int32_t version;
    struct lg_error err;

    if (s == NULL || lg_names_parse_version_topic(topic, &name, &version, &err) != LG_OK)
        return 400;
    store = lg_catalog_store(s, name);
    return store != NULL && store->store->current_version == version ? 503 : 400;
}

static void refuse_missing(const struct lg_front_rest *f, struct lg_http_request *rq,
                           enum lg_replica_found found, struct lg_slice topic)
{
    lg_metric_add(&lg_metric_server_not_here_total, found != LG_REPLICA_NOT_READY, 1);
    if (found == LG_REPLICA_NOT_READY)
        lg_front_refuse(rq, 503, "%.*s is not ready to serve yet", LG_FMT(topic));
    else
        lg_front_refuse(rq, status_of_missing(f, topic), "No storage exists for: %.*s",
                        LG_FMT(topic));
}

/* The replicas of a deleted store stay, in case it comes back; nobody may read them meanwhile. Nor
 * those of a store whose reads are disabled. */
static bool refuse_unread(const struct lg_front_rest *f, struct lg_http_request *rq,
                          struct lg_slice topic)
{
    const struct lg_catalog_snapshot *s = lg_catalog_current(f->catalog);
    struct lg_slice name;
    int32_t version;
    struct lg_error err;

    if (s == NULL || (s->deleted.size == 0 && s->disabled == 0) ||
        lg_names_parse_version_topic(topic, &name, &version, &err) != LG_OK ||
        lg_catalog_check_reads(s, name, &err) == LG_OK)
        return false;
    lg_front_refuse(rq, err.rc == LG_ERR_REFUSED ? 403 : 400, "%s", err.text);
    return true;
}

/* The labels of server_keys_total and server_reads_total. */
enum { KIND_SINGLE, KIND_BATCH };

static void count_key(uint32_t kind, enum lg_rc rc)
{
    lg_metric_add(&lg_metric_server_keys_total,
                  kind * 3 + (rc == LG_OK              ? 0
                              : rc == LG_ERR_NOT_FOUND ? 1
                                                       : 2),
                  1);
}

static void count_read(uint32_t kind, bool from_disk)
{
    lg_metric_add(&lg_metric_server_reads_total, kind * 2 + from_disk, 1);
}

/* --- One key. ----------------------------------------------------------------------------------
 */

struct single { /* Of a get that needs the disk; lives until its answer. */
    struct lg_http_request *rq;
    enum lg_compression compression;
    struct lg_point_get get;
};

static void answer_single(struct lg_http_request *rq, enum lg_rc rc, const struct lg_error *err,
                          const struct lg_value *value, enum lg_compression compression)
{
    count_key(KIND_SINGLE, rc);
    if (rc == LG_OK)
        lg_front_answer(rq, 200,
                        &(struct lg_front_head){
                            .schema_id = value->schema_id, .rcu = 1, .compression = compression},
                        "avro/binary", lg_buf_slice(&value->payload));
    else if (rc == LG_ERR_NOT_FOUND)
        lg_front_answer(rq, 404, &(struct lg_front_head){.schema_id = -1, .rcu = 1}, NULL,
                        LG_SLICE_NULL);
    else
        lg_front_refuse(rq, rc == LG_ERR_UNREADY ? 503 : 500, "%s", err->text);
}

static void single_done(struct lg_point_get *get)
{
    struct single *s = LG_CONTAINER_OF(get, struct single, get);

    answer_single(s->rq, get->rc, &get->err, &get->value, s->compression);
    lg_buf_done(&get->value.payload);
    lg_free(s);
}

static bool take_key(struct lg_http_request *rq, struct lg_slice text, struct lg_buf *key)
{
    struct lg_slice format;

    if (lg_http_param(rq, "f", &format) && lg_slice_eq_str(format, "b64"))
        return lg_base64_decode(key, text);
    lg_buf_append_slice(key, text);
    return true;
}

/* GET /storage/<topic>/<partition>/<key> */
static void get_one(const struct lg_front_rest *f, struct lg_http_request *rq)
{
    LG_SCOPED(lg_buf) key = lg_buf_with_ceiling(LG_SERVER_KEY_BYTES_MAX);
    LG_SCOPED(lg_buf) payload = {0};
    struct lg_slice topic, partition_text, key_text;
    struct lg_replica *replica = NULL;
    struct lg_value value = {0};
    struct lg_error err = {0};
    enum lg_replica_found found;
    struct single *s;
    uint64_t partition;
    const uint8_t *key_copy;
    enum lg_rc rc;

    if (lg_http_path_segments(rq) != 4 || !lg_http_path_segment(rq, 1, &topic) ||
        !lg_http_path_segment(rq, 2, &partition_text) || !lg_http_path_segment(rq, 3, &key_text) ||
        !lg_parse_u64(partition_text, UINT32_MAX, &partition) || key_text.data == NULL) {
        lg_front_refuse(rq, 400, "a get is /storage/<store>_v<N>/<partition>/<key>[?f=b64]");
        return;
    }
    if (!take_key(rq, key_text, &key)) {
        lg_front_refuse(rq, 400, "the key is not base64");
        return;
    }
    if (refuse_unread(f, rq, topic))
        return;
    found = lg_replica_manager_find(f->replicas, topic, (uint32_t)partition, &replica);
    if (found != LG_REPLICA_SERVING) {
        refuse_missing(f, rq, found, topic);
        return;
    }
    lg_key_profiler_record(f->profiler, topic, (uint32_t)partition, lg_buf_slice(&key));
    rc = lg_point_get_try(replica, lg_buf_slice(&key), &value, &err);
    payload = value.payload; /* Freed at the end of the scope, also what a first row left in it. */
    count_read(KIND_SINGLE, rc == LG_ERR_WOULD_BLOCK);
    if (rc != LG_ERR_WOULD_BLOCK) {
        answer_single(rq, rc, &err, &value, replica->compression);
        return;
    }
    key_copy = lg_arena_copy(rq->arena, lg_buf_slice(&key));
    if (key_copy == NULL) {
        lg_front_refuse(rq, 413, "the key is too long");
        return;
    }
    s = lg_new(struct single);
    s->rq = rq;
    s->compression = replica->compression;
    s->get = (struct lg_point_get){.lane = rq->lane,
                                   .replica = replica,
                                   .key = lg_slice(key_copy, key.size),
                                   .done = single_done};
    lg_point_get_submit(&s->get);
}

/* --- Many keys. --------------------------------------------------------------------------------
 */

struct many { /* Of a batch get; lives until its answer. */
    struct lg_http_request *rq;
    struct lg_batch_get get;
    int32_t *indexes; /* the request's keyIndex of each key */
    bool streaming;
    enum lg_compression compression;
};

static void many_free(struct many *m)
{
    for (size_t i = 0; i < m->get.n; i++)
        lg_buf_done(&m->get.keys[i].value.payload);
    lg_free(m->get.keys);
    lg_free(m->indexes);
    lg_free(m);
}

static void many_done(struct lg_batch_get *get)
{
    struct many *m = LG_CONTAINER_OF(get, struct many, get);
    LG_SCOPED(lg_buf) body = {0};

    for (size_t i = 0; i < get->n; i++) {
        struct lg_batch_get_key *key = &get->keys[i];

        count_key(KIND_BATCH, key->rc);
        if (key->rc == LG_OK) {
            lg_wire_value_add(&body, &(struct lg_wire_value){m->indexes[i],
                                                             lg_buf_slice(&key->value.payload),
                                                             key->value.schema_id});
        } else if (key->rc == LG_ERR_NOT_FOUND) {
            if (m->streaming)
                lg_wire_missing_add(&body, m->indexes[i]);
        } else { /* A node has no footer to tell of one key: the whole request fails. */
            lg_front_refuse(m->rq, lg_rc_http(key->rc, /* is_post= */ true), "%s", key->err.text);
            many_free(m);
            return;
        }
    }
    lg_front_answer(m->rq, 200,
                    &(struct lg_front_head){.schema_id = LG_MULTI_GET_API_VERSION,
                                            .rcu = (uint32_t)get->n,
                                            .streaming = m->streaming,
                                            .compression = m->compression},
                    "avro/binary", lg_buf_slice(&body));
    many_free(m);
}

/* Reads the keys of the body; false when the request was refused. */
static bool take_keys(const struct lg_front_rest *f, struct many *m, struct lg_slice topic)
{
    struct lg_decoder d = lg_decoder_of(m->rq->body);
    struct lg_wire_key key;
    struct lg_error err = {0};
    bool end = false;
    /* None is shorter than a byte. */
    size_t room = LG_MIN(m->rq->body.size, (size_t)LG_SERVER_BATCH_KEYS_MAX);

    m->get.keys = lg_new_array(struct lg_batch_get_key, room);
    m->indexes = lg_new_array(int32_t, room);
    while (lg_wire_key_next(&d, &key, &end, &err) == LG_OK && !end) {
        struct lg_batch_get_key *slot = &m->get.keys[m->get.n];
        enum lg_replica_found found;

        if (m->get.n == LG_SERVER_BATCH_KEYS_MAX) {
            lg_front_refuse(m->rq, 413, "more than %u keys", LG_SERVER_BATCH_KEYS_MAX);
            return false;
        }
        found = key.partition < 0
                    ? LG_REPLICA_NOT_OURS
                    : lg_replica_manager_find(f->replicas, topic, (uint32_t)key.partition,
                                              &slot->replica);
        if (found != LG_REPLICA_SERVING) {
            refuse_missing(f, m->rq, found, topic);
            return false;
        }
        slot->key = key.key;
        lg_key_profiler_record(f->profiler, topic, (uint32_t)key.partition, key.key);
        m->compression = slot->replica->compression;
        m->indexes[m->get.n++] = key.index;
    }
    if (err.rc != LG_OK) {
        lg_front_refuse(m->rq, 400, "the body is no list of MultiGetRouterRequestKeyV1: %s",
                        err.text);
        return false;
    }
    return true;
}

/* POST /storage/<topic> */
static void get_many(const struct lg_front_rest *f, struct lg_http_request *rq)
{
    struct lg_slice topic, version = lg_http_header(&rq->headers, "X-VENICE-API-VERSION");
    struct many *m;

    if (lg_http_path_segments(rq) != 2 || !lg_http_path_segment(rq, 1, &topic) ||
        topic.data == NULL) {
        lg_front_refuse(rq, 400, "a multi-get is POST /storage/<store>_v<N>");
        return;
    }
    if (!lg_slice_eq_str(version, "1")) {
        lg_front_refuse(rq, 400, "X-VENICE-API-VERSION must be 1, not '%.*s'", LG_FMT(version));
        return;
    }
    if (refuse_unread(f, rq, topic))
        return;
    m = lg_new(struct many);
    m->rq = rq;
    m->streaming = lg_http_header(&rq->headers, STREAMING).size > 0;
    m->get.lane = rq->lane;
    m->get.done = many_done;
    m->get.bytes_max = LG_SERVER_ANSWER_BYTES_MAX;
    if (!take_keys(f, m, topic))
        many_free(m);
    else if (lg_batch_get_try(&m->get)) {
        count_read(KIND_BATCH, /* from_disk= */ false);
        many_done(&m->get);
    } else {
        count_read(KIND_BATCH, /* from_disk= */ true);
        lg_batch_get_submit(&m->get);
    }
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
        lg_front_refuse(rq, 400, "a store is missing: /current_version/<store>");
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
        lg_front_refuse(rq, 400, "a dictionary is GET /dictionary/<store>/<version>");
        return;
    }
    name = lg_strndup((const char *)store.data, store.size);
    lg_names_version_topic(topic, name, (int32_t)version);
    found = lg_replica_manager_find_any(f->replicas, lg_slice_str(topic), &replica);
    if (found != LG_REPLICA_SERVING)
        refuse_missing(f, rq, found, lg_slice_str(topic));
    else if (replica->compression != LG_COMPRESSION_ZSTD_WITH_DICT)
        lg_front_refuse(rq, 404, "%s has no dictionary: its compression strategy is %s", topic,
                        lg_compression_name(replica->compression));
    else
        lg_front_answer(rq, 200, &(struct lg_front_head){.schema_id = -1, .rcu = 1},
                        "application/octet-stream", replica->dictionary);
}

void lg_front_rest_handle(void *ctx, struct lg_http_request *rq)
{
    const struct lg_front_rest *f = ctx;
    struct lg_slice word = LG_SLICE_NULL;
    bool any = lg_http_path_segment(rq, 0, &word);

    if (rq->method == LG_HTTP_OPTIONS)
        lg_http_respond(rq, &(struct lg_http_response){.status = 200});
    else if (any && lg_slice_eq_str(word, "storage") && rq->method == LG_HTTP_GET)
        get_one(f, rq);
    else if (any && lg_slice_eq_str(word, "storage") && rq->method == LG_HTTP_POST)
        get_many(f, rq);
    else if (any && lg_slice_eq_str(word, "compute"))
        lg_front_refuse(rq, 405, "read compute is not enabled");
    else if (any && lg_slice_eq_str(word, "key_partition_profiler"))
        lg_front_profiler(f, rq);
    else if (rq->method != LG_HTTP_GET)
        lg_front_refuse(rq, 405, "only GET and POST /storage are answered here");
    else if (any && lg_slice_eq_str(word, "health"))
        lg_front_health(f, rq);
    else if (any && lg_slice_eq_str(word, "current_version"))
        current_version(f, rq);
    else if (any && lg_slice_eq_str(word, "dictionary"))
        dictionary(f, rq);
    else if (any && lg_slice_eq_str(word, "metadata"))
        lg_front_metadata(f->catalog, rq);
    else if (any && lg_slice_eq_str(word, "store_properties"))
        lg_front_store_properties(f->catalog, rq);
    else if (lg_slice_eq_str(rq->path, "/v1/replicas"))
        lg_front_replicas(f, rq);
    else if (any && lg_slice_eq_str(word, "admin"))
        lg_front_admin(f, rq);
    else if (any && lg_slice_eq_str(word, "topic_partition_ingestion_context"))
        lg_front_ingestion_context(f, rq);
    else if (any && lg_slice_eq_str(word, "host_heartbeat_lag"))
        lg_front_heartbeat_lag(f, rq);
    else
        lg_front_refuse(rq, 400, "Invalid request resource: %.*s", LG_FMT(rq->path));
}
