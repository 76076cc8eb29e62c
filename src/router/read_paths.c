/* The router's reads: Venice's /storage, and JSON for people under /v1/stores.
 *
 *   parse ─▶ pin a version ─▶ encode keys ─▶ fetch/ ─▶ write the answer
 *
 * Everything of one read lives in its request's arena; the snapshot it was pinned in is held, so
 * that schemas stay until the answer is written.
 */
#include <stdio.h>

#include "avro/json_text.h"
#include "avro/resolve.h"
#include "avro/text.h"
#include "base/str.h"
#include "lane/mutant.h"
#include "model/names.h"
#include "model/partitioner.h"
#include "read/wire.h"
#include "router/metrics.h"
#include "router/router_impl.h"
#include "router/stream_answer.h"

enum form { VENICE_ONE, VENICE_MANY, PEOPLE_ONE, PEOPLE_MANY };

struct pinned { /* One read. */
    struct lg_router *router;
    struct lg_http_request *rq;
    enum form form;
    bool streaming;
    struct lg_catalog_snapshot *snapshot; /* held */
    const struct lg_catalog_store *store;
    const struct lg_schema *reader; /* people's values are shown in; NULL: as they were written */
    int32_t version;
    uint32_t partition_count;
    char topic[LG_NAMES_TOPIC_MAX + 1];
    struct lg_read read;
    struct lg_read_key *keys;
    struct lg_stream_answer *stream; /* NULL: answered at once */
    uint32_t retry_after_ms;         /* of a refusal; 0: its table says it */
};

static void refuse(struct lg_http_request *rq, enum form form, const struct lg_error *err)
{
    lg_metric_add(&lg_metric_router_read_errors_total, (uint32_t)err->rc, 1);
    if (form == PEOPLE_ONE || form == PEOPLE_MANY)
        lg_reply_error_json(rq, err);
    else
        lg_reply_text(rq, err);
}

/* 429 and 529 say when to come back; when that is not known, in a second. So does the 503 of a
 * server that said it. */
static void refuse_limit(struct pinned *p, const struct lg_error *err)
{
    bool is_people = p->form == PEOPLE_ONE || p->form == PEOPLE_MANY;
    /* Never is said of a quota. Another part of a batch may have been refused so. */
    bool is_never = p->retry_after_ms == LG_QUOTA_NEVER_MS;
    uint32_t ms =
        p->retry_after_ms == 0 || (is_never && err->rc != LG_ERR_QUOTA) ? 1000 : p->retry_after_ms;
    struct lg_http_header header = {LG_LIT("Retry-After"), LG_SLICE_NULL};
    LG_SCOPED(lg_buf) body = {0};
    char seconds[16];

    (void)snprintf(seconds, sizeof seconds, "%u", (ms - 1) / 1000 + 1);
    header.value = lg_slice_str(seconds);
    if (is_people) {
        lg_buf_append_str(&body, "{\"error\":");
        lg_json_write_string(&body, lg_slice_str(err->text));
        lg_buf_appendf(&body, ",\"code\":\"%s\"}", lg_rc_name(err->rc));
    } else {
        lg_buf_appendf(&body, "%s\n", err->text);
    }
    lg_metric_add(&lg_metric_router_read_errors_total, (uint32_t)err->rc, 1);
    lg_http_respond(p->rq, &(struct lg_http_response){
                               .status = lg_rc_http(err->rc, p->rq->method == LG_HTTP_POST),
                               .content_type = is_people ? "application/json" : "text/plain",
                               .headers = &header,
                               .header_count = ms == LG_QUOTA_NEVER_MS ? 0 : 1,
                               .body = lg_buf_slice(&body)});
}

static void refuse_pinned(struct pinned *p, const struct lg_error *err)
{
    struct lg_catalog_snapshot *snapshot = p->snapshot;
    bool is_told = p->retry_after_ms != 0 && p->retry_after_ms != LG_QUOTA_NEVER_MS &&
                   err->rc == LG_ERR_UNREADY;

    if (err->rc == LG_ERR_QUOTA || err->rc == LG_ERR_OVERLOADED || is_told)
        refuse_limit(p, err);
    else
        refuse(p->rq, p->form, err); /* The arena, and `p` in it, are gone after this. */
    lg_catalog_snapshot_unref(snapshot);
}

/* A request that is refused as it stands. */
static void refuse_bad(struct pinned *p, enum lg_router_bad why, const struct lg_error *err)
{
    lg_router_count_bad(why);
    refuse_pinned(p, err);
}

static void refuse_room(struct pinned *p)
{
    struct lg_error err;

    (void)lg_error_set(&err, LG_ERR_TOO_LARGE, "the keys need more memory than allowed");
    refuse_bad(p, LG_ROUTER_TOO_LARGE, &err);
}

/* --- Answers. ----------------------------------------------------------------------------------
 */

/* Of the values in the answer: all of one version have the same. */
static enum lg_compression compression_of(const struct pinned *p)
{
    for (size_t i = 0; i < p->read.key_count; i++)
        if (p->keys[i].rc == LG_OK)
            return p->keys[i].compression;
    return LG_COMPRESSION_NO_OP;
}

static void respond_venice(struct pinned *p, int32_t schema_id, struct lg_slice body)
{
    char id[16], rcu[16], compression[16], version[16];
    struct lg_http_header headers[5] = {
        {LG_LIT("X-VENICE-SCHEMA-ID"), LG_SLICE_NULL},
        {LG_LIT("X-VENICE-COMPRESSION-STRATEGY"), LG_SLICE_NULL},
        {LG_LIT("X-VENICE-RCU"), LG_SLICE_NULL},
        {LG_LIT("X-LAGOON-VERSION"), LG_SLICE_NULL}, /* Ours: Venice's clients do not see it. */
        {LG_LIT("X-VENICE-STREAMING-RESPONSE"), LG_LIT("1")},
    };
    struct lg_catalog_snapshot *snapshot = p->snapshot;

    (void)snprintf(id, sizeof id, "%d", schema_id);
    (void)snprintf(rcu, sizeof rcu, "%zu", p->read.key_count);
    (void)snprintf(compression, sizeof compression, "%d", (int)compression_of(p));
    headers[0].value = lg_slice_str(id);
    headers[1].value = lg_slice_str(compression);
    (void)snprintf(version, sizeof version, "%d", p->version);
    headers[2].value = lg_slice_str(rcu);
    headers[3].value = lg_slice_str(version);
    lg_http_respond(p->rq, &(struct lg_http_response){.status = 200,
                                                      .content_type = "avro/binary",
                                                      .headers = headers,
                                                      .header_count = p->streaming ? 5 : 4,
                                                      .body = body});
    lg_catalog_snapshot_unref(snapshot);
}

static void answer_venice_one(struct pinned *p)
{
    struct lg_catalog_snapshot *snapshot = p->snapshot;

    if (p->keys[0].rc == LG_OK) {
        respond_venice(p, p->keys[0].schema_id, p->keys[0].value);
        return;
    }
    lg_http_respond(p->rq, &(struct lg_http_response){.status = 404});
    lg_catalog_snapshot_unref(snapshot);
}

static void answer_venice_many(struct pinned *p)
{
    LG_SCOPED(lg_buf) body = {0};

    for (size_t i = 0; i < p->read.key_count; i++) {
        const struct lg_read_key *key = &p->keys[i];

        if (key->rc == LG_OK)
            lg_wire_value_add(&body,
                              &(struct lg_wire_value){(int32_t)i, key->value, key->schema_id});
        else if (p->streaming)
            lg_wire_missing_add(&body, (int32_t)i);
    }
    respond_venice(p, LG_MULTI_GET_API_VERSION, lg_buf_slice(&body));
}

/* How values of the schema met last become values of the reader's: neighbours mostly have the same.
 */
struct resolving {
    struct lg_resolver *resolver;
};

static void resolving_done(struct resolving *r)
{
    lg_resolver_unref(r->resolver);
}
LG_DEFINE_SCOPED(resolving, resolving_done)

static enum lg_rc write_datum(const struct lg_schema *schema, struct lg_slice datum,
                              struct lg_buf *out, struct lg_error *err)
{
    struct lg_decoder d = lg_decoder_of(datum);
    enum lg_rc rc = lg_avro_to_json(schema, &d, out, err);

    if (rc == LG_OK && lg_decoder_left(&d) > 0)
        rc = lg_error_set(err, LG_ERR_CORRUPT, "%zu bytes follow the value", lg_decoder_left(&d));
    return rc;
}

static enum lg_rc write_resolved(const struct pinned *p, struct resolving *r,
                                 const struct lg_schema *writer, struct lg_slice datum,
                                 struct lg_buf *out, struct lg_error *err)
{
    LG_SCOPED(lg_buf) resolved = {0};
    enum lg_rc rc = LG_OK;

    if (r->resolver == NULL || lg_resolver_writer(r->resolver) != writer) {
        struct lg_resolver *next;

        rc = lg_resolver_new(writer, p->reader, &next, err);
        if (rc != LG_OK)
            return rc;
        lg_resolver_unref(r->resolver);
        r->resolver = next;
    }
    rc = lg_resolve(r->resolver, datum, &resolved, err);
    return rc == LG_OK ? write_datum(p->reader, lg_buf_slice(&resolved), out, err) : rc;
}

static enum lg_rc write_value(const struct pinned *p, struct resolving *r,
                              const struct lg_read_key *key, struct lg_buf *out,
                              struct lg_error *err)
{
    const struct lg_schema *schema = lg_catalog_value_schema(p->store, key->schema_id);
    enum lg_rc rc;

    if (schema == NULL)
        return lg_error_set(err, LG_ERR_UNREADY,
                            "value schema %d of store '%s' is not known here yet; try again",
                            key->schema_id, p->store->store->name);
    if (p->reader == NULL || p->reader == schema)
        rc = write_datum(schema, key->value, out, err);
    else
        rc = write_resolved(p, r, schema, key->value, out, err);
    return rc == LG_OK
               ? LG_OK
               : lg_error_wrap(err, "store '%s', version %d", p->store->store->name, p->version);
}

/* A planted bug: see lane/mutants.def. */
static int32_t version_now(const struct pinned *p)
{
    const struct lg_catalog_snapshot *s = lg_catalog_current(p->router->catalog);
    const struct lg_catalog_store *store = lg_catalog_store(s, lg_slice_str(p->store->store->name));
    struct lg_error err;
    int32_t version;

    if (store == NULL || lg_router_version(p->router, s, store, &version, &err) != LG_OK)
        return p->version;
    return version;
}

static void respond_people(struct pinned *p, struct lg_slice body)
{
    char version[16];
    struct lg_http_header header = {LG_LIT("X-LAGOON-VERSION"), LG_SLICE_NULL};
    struct lg_catalog_snapshot *snapshot = p->snapshot;

    if (lg_mutant(LG_MUTANT_request_not_pinned))
        p->version = version_now(p);
    (void)snprintf(version, sizeof version, "%d", p->version);
    header.value = lg_slice_str(version);
    lg_http_respond(p->rq, &(struct lg_http_response){.status = 200,
                                                      .content_type = "application/json",
                                                      .headers = &header,
                                                      .header_count = 1,
                                                      .body = body});
    lg_catalog_snapshot_unref(snapshot);
}

static void write_key(const struct pinned *p, const struct lg_read_key *key, struct lg_buf *out)
{
    struct lg_decoder d = lg_decoder_of(key->key);
    struct lg_error ignored;

    /* We encoded it ourselves a moment ago. */
    if (lg_avro_to_json(p->store->key_schema, &d, out, &ignored) != LG_OK)
        lg_buf_append_str(out, "null");
}

static void answer_people_one(struct pinned *p)
{
    LG_SCOPED(resolving) resolving = {0};
    LG_SCOPED(lg_buf) body = {0};
    struct lg_error err = {0};

    if (p->keys[0].rc == LG_ERR_NOT_FOUND) {
        LG_SCOPED(lg_buf) key = {0};

        write_key(p, &p->keys[0], &key);
        (void)lg_error_set(&err, LG_ERR_NOT_FOUND, "no key %.*s in version %d of store '%s'",
                           (int)LG_MIN(key.size, (size_t)200), (const char *)key.data, p->version,
                           p->store->store->name);
        refuse_pinned(p, &err);
    } else if (write_value(p, &resolving, &p->keys[0], &body, &err) != LG_OK) {
        refuse_pinned(p, &err);
    } else {
        respond_people(p, lg_buf_slice(&body));
    }
}

static void answer_people_many(struct pinned *p)
{
    LG_SCOPED(resolving) resolving = {0};
    LG_SCOPED(lg_buf) body = {0};
    struct lg_error err = {0};

    lg_buf_append_str(&body, "{\"store\":");
    lg_json_write_string(&body, lg_slice_str(p->store->store->name));
    lg_buf_appendf(&body, ",\"version\":%d,\"results\":[", p->version);
    for (size_t i = 0; i < p->read.key_count; i++) {
        const struct lg_read_key *key = &p->keys[i];

        lg_buf_append_str(&body, i == 0 ? "{\"key\":" : ",{\"key\":");
        write_key(p, key, &body);
        lg_buf_append_str(&body, key->rc == LG_OK ? ",\"found\":true,\"value\":"
                                                  : ",\"found\":false,\"value\":null");
        if (key->rc == LG_OK && write_value(p, &resolving, key, &body, &err) != LG_OK) {
            refuse_pinned(p, &err);
            return;
        }
        lg_buf_append_str(&body, "}");
    }
    lg_buf_append_str(&body, "]}");
    respond_people(p, lg_buf_slice(&body));
}

static void count_read(const struct pinned *p)
{
    const struct lg_read *read = &p->read;
    uint32_t store = lg_router_store_metric(p->router, p->store->store->name);
    uint32_t kind = read->single ? 0 : 1;
    uint64_t keys[3] = {0}, bytes = 0; /* found, missing, error */

    for (size_t i = 0; i < read->key_count; i++) {
        keys[p->keys[i].rc == LG_OK ? 0 : p->keys[i].rc == LG_ERR_NOT_FOUND ? 1 : 2]++;
        bytes += p->keys[i].rc == LG_OK ? p->keys[i].value.size : 0;
    }
    lg_metric_add(
        &lg_metric_router_reads_total,
        lg_metric_of_store(&lg_metric_router_reads_total, store, kind * 2 + (read->rc != LG_OK)),
        1);
    for (uint32_t i = 0; i < LG_ARRAY_SIZE(keys); i++)
        if (keys[i] > 0)
            lg_metric_add(&lg_metric_router_keys_total,
                          lg_metric_of_store(&lg_metric_router_keys_total, store, i), keys[i]);
    lg_metric_add(&lg_metric_router_value_bytes_total,
                  lg_metric_of_store(&lg_metric_router_value_bytes_total, store, 0), bytes);
    lg_metric_observe(&lg_metric_router_read_seconds,
                      lg_metric_of_store(&lg_metric_router_read_seconds, store, kind),
                      lg_lane_now_us(p->rq->lane) - p->rq->received_us);
}

static void read_done(struct lg_read *read)
{
    struct pinned *p = LG_CONTAINER_OF(read, struct pinned, read);

    count_read(p);
    if (p->stream != NULL && lg_stream_answer_read_ended(p->stream))
        return;
    if (read->rc != LG_OK) {
        p->retry_after_ms = read->retry_after_ms;
        refuse_pinned(p, &read->err);
        return;
    }
    switch (p->form) {
    case VENICE_ONE:
        answer_venice_one(p);
        break;
    case VENICE_MANY:
        answer_venice_many(p);
        break;
    case PEOPLE_ONE:
        answer_people_one(p);
        break;
    case PEOPLE_MANY:
        answer_people_many(p);
        break;
    }
}

/* --- Beginnings. -------------------------------------------------------------------------------
 */

static enum lg_router_refusal why_refused(enum lg_rc rc)
{
    switch (rc) {
    case LG_ERR_REFUSED:
        return LG_ROUTER_REFUSED_DISABLED;
    case LG_ERR_UNREADY:
        return LG_ROUTER_REFUSED_UNREADY;
    default:
        return LG_ROUTER_REFUSED_UNKNOWN;
    }
}

/* Finds store and version. NULL: the request was answered. */
static struct pinned *pin(struct lg_router *r, struct lg_http_request *rq, enum form form,
                          struct lg_slice store_name)
{
    struct lg_error err = {0};
    const struct lg_catalog_snapshot *s = lg_router_snapshot(r, rq, &err);
    struct pinned *p = lg_arena_zalloc(rq->arena, sizeof *p);
    const struct lg_catalog_topic *topic;
    enum lg_rc rc = err.rc;

    assert(p != NULL); /* The first allocation of a fresh arena. */
    if (rc == LG_OK)
        rc = lg_catalog_find_store(s, store_name, &p->store, &err);
    if (rc == LG_ERR_NO_STORE && (form == VENICE_ONE || form == VENICE_MANY))
        err.rc = rc = LG_ERR_INVALID; /* Venice's router answers 400 on this path. */
    if (rc == LG_OK)
        rc = lg_catalog_check_reads(s, store_name, &err);
    if (rc == LG_OK)
        rc = lg_router_version(r, s, p->store, &p->version, &err);
    if (rc != LG_OK) {
        lg_router_count_refused(r, store_name, why_refused(rc));
        if (why_refused(rc) == LG_ROUTER_REFUSED_UNKNOWN)
            lg_router_count_bad(LG_ROUTER_NO_RESOURCE);
        refuse(rq, form, &err);
        return NULL;
    }
    p->router = r;
    p->rq = rq;
    p->form = form;
    lg_names_version_topic(p->topic, p->store->store->name, p->version);
    topic = lg_catalog_topic(s, lg_slice_str(p->topic));
    assert(topic != NULL); /* It is ready, so it is there. */
    p->partition_count = topic->partition_count;
    p->snapshot = lg_catalog_snapshot_ref(lg_catalog_current(r->catalog));
    return p;
}

static size_t keys_max(const struct pinned *p)
{
    int32_t limit = p->store->store->batch_get_limit;

    return limit > 0 ? (size_t)limit : LG_STORE_BATCH_GET_LIMIT_DEFAULT;
}

/* False: the request was refused, being over this router's part of the store's quota. To be called
 * once its keys are known to be keys: what is malformed pays nothing. */
static bool is_within_quota(struct pinned *p, size_t keys)
{
    struct lg_router *r = p->router;
    uint32_t resource = lg_quota_book_find(r->quota_book, lg_slice_str(p->store->store->name));
    uint32_t retry_after_ms = 0, rcu;
    struct lg_error err;

    if (resource == LG_QUOTA_NONE || r->read_throttling_off ||
        lg_mutant(LG_MUTANT_read_quota_ignored))
        return true;
    lg_quota_tick(r->quota_lane, lg_lane_now_us(p->rq->lane));
    rcu = lg_mutant(LG_MUTANT_read_quota_counts_requests) ? 1 : (uint32_t)keys;
    if (lg_quota_take(r->quota_lane, resource, rcu, /* is_retry= */ false, &retry_after_ms) ==
        LG_OK)
        return true;
    (void)lg_error_set(&err, LG_ERR_QUOTA,
                       "Quota exceeded for '%s': %zu keys; its read quota is "
                       "%lld keys per second for all routers together",
                       p->store->store->name, keys, (long long)p->store->store->read_quota);
    p->retry_after_ms = retry_after_ms;
    lg_router_count_refused(r, lg_slice_str(p->store->store->name), LG_ROUTER_REFUSED_QUOTA);
    refuse_pinned(p, &err);
    return false;
}

/* Room for `count` keys; false when the request was refused. */
static bool make_room(struct pinned *p, size_t count)
{
    struct lg_error err;

    if (count == 0) {
        (void)lg_error_set(&err, LG_ERR_INVALID, "the request names no key");
        refuse_bad(p, LG_ROUTER_BAD_BODY, &err);
    } else if (count > keys_max(p)) {
        (void)lg_error_set(&err, LG_ERR_TOO_LARGE,
                           "too many keys; store '%s' answers at most %zu at once (limit "
                           "batch_keys)",
                           p->store->store->name, keys_max(p));
        refuse_bad(p, LG_ROUTER_TOO_LARGE, &err);
    } else if ((p->keys = lg_arena_zalloc(p->rq->arena, count * sizeof *p->keys)) == NULL ||
               (p->read.keys = lg_arena_zalloc(p->rq->arena, count * sizeof(void *))) == NULL) {
        refuse_room(p);
    } else {
        return true;
    }
    return false;
}

static void add_key(struct pinned *p, struct lg_slice key)
{
    size_t i = p->read.key_count++;

    p->keys[i].key = key;
    p->keys[i].index = (uint32_t)i;
    p->keys[i].partition = lg_partitioner_partition(key, p->partition_count);
    p->read.keys[i] = &p->keys[i];
}

/* What the client says it decompresses, if the store lets it. */
static enum lg_compression accepted(const struct pinned *p)
{
    struct lg_slice text =
        lg_http_header(&p->rq->headers, "X-VENICE-SUPPORTED-COMPRESSION-STRATEGY");
    enum lg_compression accepts;
    int64_t id;

    if (p->form == PEOPLE_ONE || p->form == PEOPLE_MANY ||
        !p->store->store->client_decompression_enabled || !lg_parse_i64(text, 0, INT32_MAX, &id) ||
        !lg_compression_from_id(id, &accepts))
        return LG_COMPRESSION_NO_OP;
    return accepts;
}

static void stream_over(void *ctx)
{
    struct pinned *p = ctx;

    lg_catalog_snapshot_unref(LG_TAKE(p->snapshot));
}

/* To be sent as it comes, for who asks for that. False when the request was refused. */
static bool set_up_stream(struct pinned *p)
{
    struct lg_error err = {0};

    if (!p->streaming || !lg_http_can_stream(p->rq))
        return true;
    p->stream = lg_arena_zalloc(p->rq->arena, sizeof *p->stream);
    if (p->stream == NULL) {
        refuse_room(p);
        return false;
    }
    *p->stream = (struct lg_stream_answer){
        .rq = p->rq, .read = &p->read, .version = p->version, .over = stream_over, .ctx = p};
    if (lg_stream_answer_start(p->stream, &err) == LG_OK)
        return true;
    refuse_pinned(p, &err);
    return false;
}

static void start(struct pinned *p)
{
    p->read.accepts = accepted(p);
    p->read.topic = p->topic;
    p->read.single = p->form == VENICE_ONE || p->form == PEOPLE_ONE;
    p->read.arena = p->rq->arena;
    p->read.deadline_us = lg_lane_now_us(p->rq->lane) + p->router->o.read_timeout_ms * LG_MS;
    p->read.done = read_done;
    lg_layer_submit(lg_fetch_stack_top(p->router->stack), &p->read);
}

/* --- Venice. -----------------------------------------------------------------------------------
 */

static bool is_base64(struct lg_http_request *rq)
{
    struct lg_slice format;

    return lg_http_param(rq, "f", &format) && lg_slice_eq_str(format, "b64");
}

static void storage_one(struct lg_router *r, struct lg_http_request *rq,
                        const struct lg_router_path *path)
{
    struct pinned *p = pin(r, rq, VENICE_ONE, path->resource);
    LG_SCOPED(lg_buf) key = {0};
    struct lg_slice bytes = path->rest;
    struct lg_error err;

    if (p == NULL || !make_room(p, 1))
        return;
    if (is_base64(rq)) {
        const uint8_t *copy;

        if (!lg_base64_decode(&key, path->rest) ||
            (copy = lg_arena_copy(rq->arena, lg_buf_slice(&key))) == NULL) {
            (void)lg_error_set(&err, LG_ERR_INVALID, "the key is not base64");
            refuse_bad(p, LG_ROUTER_BAD_KEY, &err);
            return;
        }
        bytes = lg_slice(copy, key.size);
    }
    if (bytes.size == 0) { /* A storage node's path has no room for it. */
        (void)lg_error_set(&err, LG_ERR_INVALID, "the key is empty");
        refuse_bad(p, LG_ROUTER_BAD_KEY, &err);
        return;
    }
    if (!is_within_quota(p, 1))
        return;
    add_key(p, bytes);
    start(p);
}

static void storage_many(struct lg_router *r, struct lg_http_request *rq,
                         const struct lg_router_path *path)
{
    struct pinned *p = pin(r, rq, VENICE_MANY, path->resource);
    struct lg_slice version = lg_http_header(&rq->headers, "X-VENICE-API-VERSION"), key;
    struct lg_decoder count_d = lg_decoder_of(rq->body), d = count_d;
    enum lg_router_bad why = LG_ROUTER_BAD_BODY;
    struct lg_error err = {0};
    size_t count = 0;
    bool end = false;

    if (p == NULL)
        return;
    p->streaming = lg_http_header(&rq->headers, "X-VENICE-STREAMING").size > 0;
    if (!lg_slice_eq_str(version, "1")) {
        why = LG_ROUTER_BAD_VERSION;
        (void)lg_error_set(&err, LG_ERR_INVALID, "X-VENICE-API-VERSION must be 1, not '%.*s'",
                           LG_FMT(version));
    }
    while (err.rc == LG_OK && !end && count <= keys_max(p))
        if (lg_wire_client_key_next(&count_d, &key, &end, &err) == LG_OK && !end) {
            count++;
            if (key.size == 0) {
                why = LG_ROUTER_BAD_KEY;
                (void)lg_error_set(&err, LG_ERR_INVALID, "key %zu is empty", count - 1);
            }
        }
    if (err.rc != LG_OK) {
        if (err.rc == LG_ERR_BAD_DATA)
            (void)lg_error_wrap(&err, "the body is no list of keys");
        refuse_bad(p, why, &err);
        return;
    }
    if (!make_room(p, count) || !is_within_quota(p, count))
        return;
    for (size_t i = 0; i < count; i++) {
        if (lg_wire_client_key_next(&d, &key, &end, &err) != LG_OK)
            break; /* It was read once already. */
        add_key(p, key);
    }
    if (set_up_stream(p))
        start(p);
}

void lg_router_storage(struct lg_router *r, struct lg_http_request *rq,
                       const struct lg_router_path *path)
{
    struct lg_error err;

    if (rq->method == LG_HTTP_GET && path->has_rest) {
        storage_one(r, rq, path);
    } else if (rq->method == LG_HTTP_POST) {
        storage_many(r, rq, path);
    } else {
        (void)lg_error_set(&err, LG_ERR_INVALID,
                           "a read is GET /storage/<store>/<key>?f=b64 or POST /storage/<store>");
        lg_reply_bad(rq, rq->method == LG_HTTP_GET ? LG_ROUTER_BAD_PATH : LG_ROUTER_BAD_METHOD,
                     &err);
    }
}

/* --- People. -----------------------------------------------------------------------------------
 */

/* ?schema=<id>, latest or superset: the schema that values are shown in. False when the request was
 * refused. */
static bool choose_reader(struct pinned *p)
{
    const struct lg_store *store = p->store->store;
    struct lg_slice text;
    struct lg_error err;
    int64_t id = 0;

    if (!lg_http_param(p->rq, "schema", &text))
        return true;
    if (lg_slice_eq_str(text, "latest"))
        id = lg_store_latest_value_schema_id(store);
    else if (lg_slice_eq_str(text, "superset"))
        id = store->latest_superset_schema_id;
    else if (!lg_parse_i64(text, 1, INT32_MAX, &id))
        id = -1;
    p->reader = id > 0 ? lg_catalog_value_schema(p->store, (int32_t)id) : NULL;
    if (p->reader != NULL)
        return true;
    (void)lg_error_set(&err, LG_ERR_NO_SCHEMA,
                       "store '%s' has no value schema '%.*s'; `lagoon schema list %s` lists them",
                       store->name, (int)LG_MIN(text.size, (size_t)40), (const char *)text.data,
                       store->name);
    refuse_bad(p, LG_ROUTER_BAD_SCHEMA, &err);
    return false;
}

/* A key in text: itself for a string key, else JSON. Appends Avro bytes. */
static enum lg_rc encode_text_key(const struct pinned *p, struct lg_slice text, struct lg_buf *out,
                                  struct lg_error *err)
{
    const struct lg_schema *schema = p->store->key_schema;

    if (lg_avro_from_text(schema, text, out, err) == LG_OK)
        return LG_OK;
    err->rc = LG_ERR_INVALID;
    return lg_error_wrap(err, "the key of store '%s' is a %s; '%.*s' is not", p->store->store->name,
                         lg_avro_kind_name(lg_schema_kind(schema)),
                         (int)LG_MIN(text.size, (size_t)100), (const char *)text.data);
}

static bool keep_key(struct pinned *p, const struct lg_buf *key)
{
    const uint8_t *copy = lg_arena_copy(p->rq->arena, lg_buf_slice(key));

    if (copy != NULL) {
        add_key(p, lg_slice(copy, key->size));
        return true;
    }
    refuse_room(p);
    return false;
}

static void people_one(struct lg_router *r, struct lg_http_request *rq, struct lg_slice store,
                       struct lg_slice text)
{
    struct pinned *p = pin(r, rq, PEOPLE_ONE, store);
    LG_SCOPED(lg_buf) key = {0};
    struct lg_error err = {0};

    if (p == NULL || !choose_reader(p) || !make_room(p, 1))
        return;
    if (encode_text_key(p, text, &key, &err) != LG_OK)
        refuse_bad(p, LG_ROUTER_BAD_KEY, &err);
    else if (keep_key(p, &key) && is_within_quota(p, 1))
        start(p);
}

static enum lg_rc encode_json_key(const struct pinned *p, const struct lg_json *json,
                                  struct lg_buf *out, struct lg_error *err)
{
    if (lg_avro_from_json(p->store->key_schema, json, out, err) == LG_OK)
        return LG_OK;
    err->rc = LG_ERR_INVALID;
    return lg_error_wrap(err, "a key of store '%s'", p->store->store->name);
}

/* A getter gives a string or an element for anything: what is no list, or no text, would be read as
 * an empty one, and not be found. */
static enum lg_rc check_key_list(const struct lg_json *list, bool are_texts, struct lg_error *err)
{
    const char *name = are_texts ? "textKeys" : "keys";

    if (lg_json_type(list) != LG_JSON_ARRAY)
        return lg_error_set(err, LG_ERR_INVALID, "%s must be an array of %s", name,
                            are_texts ? "strings" : "keys");
    for (size_t i = 0; are_texts && i < lg_json_size(list); i++)
        if (lg_json_type(lg_json_at(list, i)) != LG_JSON_STRING)
            return lg_error_set(err, LG_ERR_INVALID, "%s[%zu] must be a string", name, i);
    return LG_OK;
}

static void people_many(struct lg_router *r, struct lg_http_request *rq, struct lg_slice store)
{
    struct pinned *p = pin(r, rq, PEOPLE_MANY, store);
    LG_AUTO(lg_json) *body = NULL;
    const struct lg_json *keys, *texts;
    struct lg_error err = {0};
    size_t count;

    if (p == NULL || !choose_reader(p))
        return;
    if (lg_json_parse(rq->body, &body, &err) != LG_OK) {
        err.rc = LG_ERR_INVALID;
        (void)lg_error_wrap(&err, "the body");
        refuse_bad(p, LG_ROUTER_BAD_BODY, &err);
        return;
    }
    keys = lg_json_get(body, "keys");
    texts = lg_json_get(body, "textKeys");
    if ((keys == NULL) == (texts == NULL)) {
        (void)lg_error_set(&err, LG_ERR_INVALID,
                           "the body must be {\"keys\":[...]} or {\"textKeys\":[\"...\"]}");
        refuse_bad(p, LG_ROUTER_BAD_BODY, &err);
        return;
    }
    if (check_key_list(keys != NULL ? keys : texts, texts != NULL, &err) != LG_OK) {
        refuse_bad(p, LG_ROUTER_BAD_BODY, &err);
        return;
    }
    count = lg_json_size(keys != NULL ? keys : texts);
    if (!make_room(p, count))
        return;
    for (size_t i = 0; i < count; i++) {
        LG_SCOPED(lg_buf) key = {0};
        enum lg_rc rc = keys != NULL
                            ? encode_json_key(p, lg_json_at(keys, i), &key, &err)
                            : encode_text_key(p, lg_json_string(lg_json_at(texts, i)), &key, &err);

        if (rc != LG_OK) {
            refuse_bad(p, LG_ROUTER_BAD_KEY, &err);
            return;
        }
        if (!keep_key(p, &key))
            return;
    }
    if (is_within_quota(p, count))
        start(p);
}

static void people_list(struct lg_router *r, struct lg_http_request *rq)
{
    struct lg_error err = {0};
    const struct lg_catalog_snapshot *s = lg_router_snapshot(r, rq, &err);
    struct lg_json *json, *stores;

    if (s == NULL) {
        lg_reply_error_json(rq, &err);
        return;
    }
    json = lg_json_new_object();
    stores = lg_json_new_array();
    for (size_t i = 0; i < s->stores.size; i++) {
        struct lg_json *store = lg_json_new_object();

        lg_json_set_str(store, "name", s->stores.data[i]->store->name);
        lg_json_set_int(store, "currentVersion", s->stores.data[i]->store->current_version);
        lg_json_push(stores, store);
    }
    lg_json_set(json, "stores", stores);
    lg_reply_json(rq, 200, json);
}

/* /v1/health, /v1/stores[/<store>[/<key>]]; what follows the store is the key, slashes and all. */
void lg_router_v1(struct lg_router *r, struct lg_http_request *rq,
                  const struct lg_router_path *path)
{
    struct lg_router_v1_path parts = lg_router_v1_path(path);
    struct lg_slice store = parts.store, key = parts.key;
    bool is_health = lg_slice_eq_str(path->resource, "health"),
         is_path = is_health || lg_slice_eq_str(path->resource, "stores");
    struct lg_error err;

    if (is_health && rq->method == LG_HTTP_GET) {
        lg_router_health_path(r, rq);
    } else if (!is_path || is_health || (rq->method != LG_HTTP_GET && rq->method != LG_HTTP_POST)) {
        (void)lg_error_set(&err, LG_ERR_NOT_FOUND,
                           "no such path; there are GET /v1/stores, GET /v1/stores/<store>/<key> "
                           "and POST /v1/stores/<store>");
        lg_router_count_bad(is_path ? LG_ROUTER_BAD_METHOD : LG_ROUTER_BAD_PATH);
        lg_reply_error_json(rq, &err);
    } else if (store.size == 0 && rq->method == LG_HTTP_GET) {
        people_list(r, rq);
    } else if (rq->method == LG_HTTP_POST) {
        people_many(r, rq, store);
    } else if (!parts.has_key) {
        (void)lg_error_set(&err, LG_ERR_INVALID, "the key is missing: GET /v1/stores/%.*s/<key>",
                           LG_FMT(store));
        lg_router_count_bad(LG_ROUTER_BAD_PATH);
        lg_reply_error_json(rq, &err);
    } else {
        people_one(r, rq, store, key);
    }
}
