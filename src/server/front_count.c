/* countByValue; see the header.
 *
 *     ASKING the server's lane for schemas ──▶ READING ──▶ COUNTING on the pool ──▶ answered
 *
 * It is not of the hot path: it allocates, and reads the engine. */
#include "server/front_count.h"

#include <stdio.h>

#include "base/str.h"
#include "base/vec.h"
#include "model/names.h"
#include "model/partitioner.h"
#include "read/batch_get.h"
#include "record/value_codec.h"
#include "server/front_answer.h"
#include "server/front_ask.h"
#include "server/front_guard.h"
#include "server/read_group.h"
#include "server/server.h"
#include "server/value_counts.h"

#define OK 200u

struct count {
    const struct lg_front_rest *rest;
    struct lg_rpc_call *call;
    struct lg_lane *on;
    void (*over)(void *ctx);
    void *ctx;
    struct lg_buf message;
    struct lg_arena *arena;
    struct lg_venice_count_by_value_request rq; /* Into these two. */
    struct lg_front_ask ask;
    struct lg_front_doubt doubt; /* whether it may read */
    enum lg_replica_found found; /* LG_REPLICA_SERVING: it asks for schemas; else for the reason. */
    LG_VEC(struct lg_catalog_value_schema) schemas; /* References. */
    struct lg_batch_get get;
    struct lg_read_group *held; /* While the pool reads; the front may be gone then. */
    uint32_t store;             /* on metrics, meanwhile, and when it was there */
    uint64_t arrived_us;
    enum lg_compression compression;
    struct lg_buf dictionary;
    struct lg_offload work;
    struct lg_value_counts *counts;
    int status; /* of HTTP; 0: all is well so far */
    char text[LG_FRONT_TEXT_MAX];
};

/* --- The end --------------------------------------------------------------------------------- */

static void count_free(struct count *c)
{
    void (*over)(void *) = c->over;
    void *ctx = c->ctx;

    for (size_t i = 0; i < c->get.n; i++)
        lg_buf_done(&c->get.keys[i].value.payload);
    for (size_t i = 0; i < c->schemas.size; i++)
        lg_schema_unref(c->schemas.data[i].schema);
    LG_VEC_DONE(&c->schemas);
    lg_value_counts_free(c->counts);
    lg_free(c->get.keys);
    lg_buf_done(&c->dictionary);
    lg_buf_done(&c->message);
    lg_arena_free(c->arena);
    lg_free(c);
    over(ctx);
}

static void answer(struct count *c, struct lg_venice_count_by_value_response *rs)
{
    LG_SCOPED(lg_buf) frame = {0};
    struct lg_error err = {0};
    struct lg_slice piece;

    if (lg_grpc_append(&frame, &lg_venice_count_by_value_response_pb, rs, &err) == LG_OK) {
        piece = lg_buf_slice(&frame);
        lg_rpc_answer(c->call, &piece, 1);
    } else {
        lg_rpc_fail(c->call, LG_GRPC_INTERNAL, lg_slice_str(err.text));
    }
    count_free(c);
}

static void refuse(struct count *c, int status, const char *text)
{
    if (status == 400)
        lg_rpc_count_refused(LG_GRPC_BAD_REQUEST);
    answer(c, &(struct lg_venice_count_by_value_response){.error_code = (uint32_t)status,
                                                          .error_message = lg_slice_str(text)});
}

static void refuse_limit(struct count *c, enum lg_rc limit)
{
    refuse(c, lg_rc_http(limit, /* is_post= */ false), lg_front_limit_text(limit));
}

/* --- Counting -------------------------------------------------------------------------------- */

static const struct lg_schema *schema_of(const struct count *c, int32_t id)
{
    for (size_t i = 0; i < c->schemas.size; i++)
        if (c->schemas.data[i].id == id)
            return c->schemas.data[i].schema;
    return NULL;
}

static enum lg_rc add_value(struct count *c, struct lg_value_codec *codec, struct lg_buf *plain,
                            const struct lg_value *value, struct lg_error *err)
{
    const struct lg_schema *schema = schema_of(c, value->schema_id);
    enum lg_rc rc;

    if (schema == NULL)
        return lg_error_set(err, LG_ERR_BAD_DATA, "value schema %d is not known here yet",
                            value->schema_id);
    lg_buf_clear(plain);
    rc = lg_value_codec_unpack(codec, lg_buf_slice(&value->payload), plain, err);
    return rc == LG_OK ? lg_value_counts_add(c->counts, schema, lg_buf_slice(plain), err) : rc;
}

static enum lg_rc count_values(struct count *c, struct lg_error *err)
{
    LG_AUTO(lg_value_codec) *codec = NULL;
    LG_SCOPED(lg_buf) plain = {0};
    enum lg_rc rc = lg_value_codec_new(c->compression, lg_buf_slice(&c->dictionary), &codec, err);

    for (size_t i = 0; i < c->get.n && rc == LG_OK; i++) {
        const struct lg_batch_get_key *key = &c->get.keys[i];

        if (key->rc == LG_OK)
            rc = add_value(c, codec, &plain, &key->value, err);
        else if (key->rc != LG_ERR_NOT_FOUND)
            rc = lg_error_set(err, key->rc, "%s", key->err.text);
    }
    return rc;
}

static void work(struct lg_offload *offload)
{
    struct count *c = LG_CONTAINER_OF(offload, struct count, work);
    struct lg_error err = {0};
    enum lg_rc rc = count_values(c, &err);

    if (rc == LG_OK)
        return;
    c->status = rc == LG_ERR_INVALID || rc == LG_ERR_TOO_LARGE ? 400
                : rc == LG_ERR_UNREADY                         ? 503
                                                               : 500;
    (void)snprintf(c->text, sizeof c->text, "%s", err.text);
}

static void worked(struct lg_offload *offload)
{
    struct count *c = LG_CONTAINER_OF(offload, struct count, work);
    struct lg_venice_count_by_value_response rs = {.error_code = OK};

    if (c->status != 0) {
        refuse(c, c->status, c->text);
        return;
    }
    lg_value_counts_take(c->counts, (size_t)c->rq.top_k, &rs);
    answer(c, &rs);
}

static void count_on_the_pool(struct count *c)
{
    c->work.work = work;
    c->work.done = worked;
    lg_offload(c->on, &c->work);
}

/* --- Reading --------------------------------------------------------------------------------- */

static void came_from_disk(struct lg_batch_get *get)
{
    struct count *c = LG_CONTAINER_OF(get, struct count, get);
    bool was_read = lg_read_gate_was_read(&get->wait, c->store, /* is_heard= */ true);

    lg_read_group_count_batch(c->held, c->store, get, was_read ? get->n : get->n - get->cold,
                              /* bytes= */ 0);
    if (was_read)
        lg_read_group_back(c->held, c->store, c->arrived_us);
    lg_read_group_release(c->held);
    if (was_read)
        count_on_the_pool(c);
    else
        refuse_limit(c, LG_ERR_OVERLOADED);
}

/* The replicas of all keys; what they share is taken over. */
static enum lg_replica_found find_replicas(struct count *c)
{
    const struct lg_serving_topic *topic = lg_serving_topic(c->rest->serving, c->rq.resource_name);
    enum lg_replica_found found = LG_REPLICA_SERVING;
    const struct lg_replica *any;

    if (topic == NULL)
        return LG_REPLICA_NOT_OURS;
    c->get.keys = lg_new_array(struct lg_batch_get_key, c->rq.keys.size);
    for (uint32_t i = 0; i < c->rq.keys.size && found == LG_REPLICA_SERVING; i++) {
        struct lg_batch_get_key *key = &c->get.keys[i];

        key->key = c->rq.keys.data[i];
        found = lg_serving_partition(
            topic, lg_partitioner_partition(key->key, lg_serving_partitions(topic)), &key->replica);
    }
    if (found != LG_REPLICA_SERVING)
        return found;
    any = c->get.keys[0].replica;
    c->compression = any->compression;
    lg_buf_append_slice(&c->dictionary, any->dictionary);
    c->get.n = c->rq.keys.size;
    return found;
}

static void ask_home(struct count *c, enum lg_replica_found found);

static void read_keys(struct count *c)
{
    struct lg_read_group *group = c->rest->group;
    enum lg_replica_found found;
    uint32_t retry_after_ms; /* Venice's message has no place for it. */
    enum lg_rc limit;

    lg_read_group_enter(group);
    if (lg_serving_grpc_is_off(lg_serving_topic(c->rest->serving, c->rq.resource_name))) {
        refuse(c, 400, LG_FRONT_GRPC_OFF);
        return;
    }
    found = find_replicas(c);
    if (found != LG_REPLICA_SERVING) {
        ask_home(c, found);
        return;
    }
    limit = lg_read_group_admit(group, lg_serving_topic(c->rest->serving, c->rq.resource_name),
                                c->rq.keys.size, /* is_retry= */ false, &retry_after_ms);
    if (limit != LG_OK) {
        c->get.n = 0; /* Nothing was read. */
        refuse_limit(c, limit);
        return;
    }
    c->get.lane = c->on;
    c->get.done = came_from_disk;
    c->get.bytes_max = LG_SERVER_ANSWER_BYTES_MAX;
    c->get.queue = lg_read_group_cold(group);
    if (lg_batch_get_try(&c->get)) {
        lg_read_group_count_read(group, LG_READ_BATCH, LG_READ_MEMORY);
        lg_read_group_count_batch(group, lg_read_group_store(group), &c->get, c->get.n,
                                  /* bytes= */ 0);
        count_on_the_pool(c);
        return;
    }
    lg_read_group_count_read(group, LG_READ_BATCH, LG_READ_DISK);
    c->store = lg_read_group_store(group);
    c->arrived_us = lg_read_group_away(group, c->store);
    c->held = group;
    lg_read_group_hold(group);
    lg_batch_get_submit(&c->get);
}

/* --- The server's lane ----------------------------------------------------------------------- */

static void take_schemas(struct count *c, struct lg_catalog *catalog)
{
    const struct lg_catalog_snapshot *s = lg_catalog_current(catalog);
    const struct lg_catalog_store *store = NULL;
    struct lg_slice name;
    int32_t version;
    struct lg_error err;

    if (s != NULL &&
        lg_names_parse_version_topic(c->rq.resource_name, &name, &version, &err) == LG_OK)
        store = lg_catalog_store(s, name);
    if (store == NULL) {
        c->status =
            lg_front_why_missing(catalog, c->rq.resource_name, LG_REPLICA_NOT_OURS, c->text);
        return;
    }
    for (size_t i = 0; i < store->value_schemas.size; i++)
        LG_VEC_PUSH(&c->schemas, ((struct lg_catalog_value_schema){
                                     store->value_schemas.data[i].id,
                                     lg_schema_ref(store->value_schemas.data[i].schema)}));
}

static void asked_there(struct lg_front_ask *ask)
{
    struct count *c = LG_CONTAINER_OF(ask, struct count, ask);
    struct lg_catalog *catalog = (c->rest->home == NULL ? c->rest : c->rest->home)->catalog;

    if (c->found == LG_REPLICA_SERVING)
        take_schemas(c, catalog);
    else
        c->status = lg_front_why_missing(catalog, c->rq.resource_name, c->found, c->text);
}

static void asked_back(struct lg_front_ask *ask)
{
    struct count *c = LG_CONTAINER_OF(ask, struct count, ask);

    if (c->call->peer_gone) { /* As in doubt_over. */
        lg_rpc_fail(c->call, LG_GRPC_CANCELLED, LG_SLICE_NULL);
        count_free(c);
    } else if (c->status != 0)
        refuse(c, c->status, c->text);
    else
        read_keys(c);
}

static void ask_home(struct count *c, enum lg_replica_found found)
{
    c->found = found;
    c->ask.there = asked_there;
    c->ask.back = asked_back;
    lg_front_ask(&c->ask, c->on, c->rest->home == NULL ? c->on : c->rest->home_lane);
}

/* --- Who may read ---------------------------------------------------------------------------- */

static void refuse_read(struct count *c, enum lg_authz_verdict verdict, const struct lg_error *why,
                        const char *principal, struct lg_slice store)
{
    struct lg_error err;
    enum lg_grpc_status status = lg_front_refuse_read(verdict, why, principal, store, &err);

    if (status == LG_GRPC_UNAVAILABLE) {
        refuse(c, 503, err.text);
        return;
    }
    lg_rpc_fail(c->call, status, lg_slice_str(err.text));
    count_free(c);
}

static void doubt_over(struct lg_front_doubt *d)
{
    struct count *c = LG_CONTAINER_OF(d, struct count, doubt);

    if (c->call->peer_gone) { /* Nobody hears it, and what it reads with may be gone as well. */
        lg_rpc_fail(c->call, LG_GRPC_CANCELLED, LG_SLICE_NULL);
        count_free(c);
    } else if (d->wait.verdict == LG_AUTHZ_ALLOWED) {
        ask_home(c, LG_REPLICA_SERVING);
    } else {
        refuse_read(c, d->wait.verdict, &d->wait.err, d->principal, lg_slice_str(d->store));
    }
}

static void guard(struct count *c)
{
    const char *who = c->call->identity;
    enum lg_authz_verdict verdict;

    lg_read_group_enter(c->rest->group);
    verdict = lg_front_may_read(c->rest, who, c->rq.resource_name);
    if (verdict == LG_AUTHZ_ALLOWED) {
        ask_home(c, LG_REPLICA_SERVING);
    } else if (verdict == LG_AUTHZ_DENIED) {
        refuse_read(c, verdict, NULL, who, lg_front_store_of(c->rq.resource_name));
    } else {
        c->doubt.back = doubt_over;
        lg_front_doubt(&c->doubt, c->rest, c->on, who, lg_front_store_of(c->rq.resource_name));
    }
}

/* --- The call -------------------------------------------------------------------------------- */

static bool has_empty_key(const struct count *c)
{
    for (uint32_t i = 0; i < c->rq.keys.size; i++)
        if (c->rq.keys.data[i].size == 0)
            return true;
    return false;
}

static bool check(struct count *c, struct lg_error *err)
{
    if (c->rq.keys.size == 0 || c->rq.keys.size > LG_SERVER_BATCH_KEYS_MAX)
        (void)lg_error_set(err, LG_ERR_INVALID,
                           "%u keys; 1 to %u can be counted (limit server_batch_keys)",
                           c->rq.keys.size, LG_SERVER_BATCH_KEYS_MAX);
    else if (has_empty_key(c))
        (void)lg_error_set(err, LG_ERR_INVALID, "a key is empty");
    else if (c->rq.top_k <= 0)
        (void)lg_error_set(err, LG_ERR_INVALID, "topK is %d; it is at least 1", c->rq.top_k);
    else
        return lg_value_counts_new(c->rq.field_names.data, c->rq.field_names.size, &c->counts,
                                   err) == LG_OK;
    return false;
}

void lg_front_count(const struct lg_front_rest *rest, struct lg_rpc_call *call,
                    struct lg_slice message, void (*over)(void *ctx), void *ctx)
{
    struct count *c = lg_new(struct count);
    struct lg_error err = {0};

    c->rest = rest;
    c->call = call;
    c->on = call->lane;
    c->over = over;
    c->ctx = ctx;
    c->arena = lg_arena_new(0);
    lg_buf_append_slice(&c->message, message);
    lg_rpc_wait(call);
    if (lg_pb_decode(&lg_venice_count_by_value_request_pb, lg_buf_slice(&c->message), c->arena,
                     &c->rq, &err) != LG_OK) {
        lg_rpc_refuse(call, &err);
        count_free(c);
    } else if (!check(c, &err)) {
        refuse(c, 400, err.text);
    } else {
        guard(c);
    }
}
