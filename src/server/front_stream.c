/* Streams of batch gets; see the header.
 *
 * A batch is a run over its keys, a group of them at a time, so that batches of a stream and their
 * neighbours take turns with it:
 *
 *     ASKING for the version ──▶ READING ⇄ WAITING for room, or for the pool ──▶ over
 *
 * Of a group whose values are large as many are read as are enough for now, and of a stream few
 * groups are in the pool at a time: what it holds in memory is bounded, however much it asks for.
 * So are the keys that wait: a stream with many is paused.
 *
 * A run whose batch was cancelled or timed out ends it at once, and itself when what it waits for
 * is back: the pool passes over what nobody waits for. A stream goes when its call is gone and its
 * last run is over.
 */
#include "server/front_stream.h"

#include <stdio.h>

#include "base/memory_gate.h"
#include "base/str.h"
#include "model/names.h"
#include "model/partitioner.h"
#include "net/read_stream.h"
#include "read/batch_get.h"
#include "server/front_answer.h"
#include "server/front_ask.h"
#include "server/front_guard.h"
#include "server/key_profiler.h"
#include "server/metrics.h"
#include "server/read_group.h"
#include "server/server.h"

#define KEYS_AT_ONCE 64u
#define BYTES_ENOUGH ((size_t)4 << 20) /* of a group's values, but for the last */
#define IN_POOL_MAX 2u                 /* groups of a stream */
/* Of what a stream asks for and has not been told: with so much it is paused, and what comes all
 * the same, in messages that compress well, is refused from there on. */
#define KEYS_ENOUGH ((size_t)1 << 20)
#define KEYS_MAX ((size_t)8 << 20)

struct stream {
    struct lg_front_stream_lane *lane;
    struct lg_rpc_call *call; /* NULL: it is gone. */
    struct lg_lane *on;
    struct lg_read_stream *in;
    struct lg_list runs;
    unsigned in_pool;    /* of them */
    size_t key_bytes;    /* of them */
    struct lg_task turn; /* At the end of a tick: runs go on, and what they found is sent. */
    bool turn_due, gone; /* gone: the memory waits for the task. */
};

struct key { /* Its bytes are in the run's. */
    uint32_t id, partition;
    bool has_partition;
    size_t at, size;
};

struct run {
    struct lg_list link;
    struct stream *stream;
    struct lg_read_batch *batch; /* NULL: it has ended. */
    uint32_t version, asked_version, rcu, store_metric;
    uint64_t arrived_us; /* while the disk is asked */
    struct lg_slice store;
    char topic[LG_NAMES_TOPIC_MAX + 1];
    struct key *keys;
    size_t n, next, key_bytes;
    uint8_t *bytes;
    bool away;    /* It waits for the pool or the server's lane. */
    bool in_pool; /* For the pool, then. */
    bool was_in_pool;
    bool is_retry, allowed, let_in;
    uint32_t retry_after_ms; /* What its end says; 0: nothing. */
    struct lg_timer timeout;
    struct lg_front_ask ask;
    struct lg_front_doubt doubt; /* whether it may read */
    enum lg_replica_found found; /* What it asks about; LG_REPLICA_SERVING: the version. */
    int status;                  /* of HTTP: what it is told */
    char text[LG_FRONT_TEXT_MAX];
    struct lg_read_group *held;   /* While the pool reads; the front may be gone then. */
    uint32_t group[KEYS_AT_ONCE]; /* Keys that were begun with, and have no answer yet. */
    size_t group_size;
    enum lg_compression compression; /* of the version; its replicas may go while the pool reads */
    struct lg_batch_get get;         /* What no index knows of them, each of them: */
    uint32_t of[KEYS_AT_ONCE];
};

static const struct lg_front_rest *home_of(const struct stream *s)
{
    const struct lg_front_rest *rest = s->lane->rest;

    return rest->home == NULL ? rest : rest->home;
}

/* --- The end of runs and streams ------------------------------------------------------------- */

static void turn_soon(struct stream *s);

static void stream_free_if_over(struct stream *s)
{
    struct lg_front_stream_lane *lane = s->lane;

    if (s->call != NULL || s->in == NULL || !lg_list_empty(&s->runs))
        return;
    lg_read_stream_free(LG_TAKE(s->in));
    lane->streams--;
    lg_metric_sub(&lg_metric_server_streams, 0, 1);
    if (s->turn_due)
        s->gone = true;
    else
        lg_free(s);
    lane->left(lane);
}

static void run_free(struct run *r)
{
    struct stream *s = r->stream;

    lg_timer_stop(s->on, &r->timeout);
    lg_list_remove(&r->link);
    for (size_t i = 0; i < r->get.n; i++)
        lg_buf_done(&r->get.keys[i].value.payload);
    lg_free(r->get.keys);
    lg_free(r->keys);
    lg_free(r->bytes);
    s->key_bytes -= r->key_bytes;
    lg_free(r);
    if (s->call != NULL)
        turn_soon(s); /* There is room for more. */
    stream_free_if_over(s);
}

/* The run is gone when this returns, unless it is away. */
static void run_end(struct run *r, enum lg_grpc_status status, const char *text)
{
    struct lg_stream_end end = {.status = (uint32_t)status,
                                .message = lg_slice_str(text),
                                .rcu = r->rcu,
                                .version = r->version,
                                .retry_after_ms = r->retry_after_ms};

    lg_timer_stop(r->stream->on, &r->timeout);
    if (r->batch != NULL && (status == LG_GRPC_INVALID_ARGUMENT || status == LG_GRPC_NOT_FOUND ||
                             status == LG_GRPC_UNIMPLEMENTED))
        lg_rpc_count_refused(LG_GRPC_BAD_REQUEST);
    if (r->batch != NULL) {
        lg_read_batch_end(LG_TAKE(r->batch), &end);
        turn_soon(r->stream);
    }
    if (r->in_pool)
        lg_batch_get_cancel(&r->get);
    if (!r->away)
        run_free(r);
}

static void timed_out(struct lg_timer *timer)
{
    run_end(LG_CONTAINER_OF(timer, struct run, timeout), LG_GRPC_DEADLINE_EXCEEDED,
            "the batch took longer than its timeout_ms");
}

/* --- Questions to the server's lane ---------------------------------------------------------- */

static enum lg_grpc_status status_of(int http)
{
    switch (http) {
    case 400:
    case 404:
        return LG_GRPC_NOT_FOUND;
    case 403:
        return LG_GRPC_PERMISSION_DENIED;
    default:
        return LG_GRPC_UNAVAILABLE;
    }
}

static void find_version(struct run *r)
{
    const struct lg_catalog_snapshot *s = lg_catalog_current(home_of(r->stream)->catalog);
    const struct lg_catalog_store *store;
    struct lg_error err = {0};

    r->status = 503;
    if (s == NULL) {
        (void)snprintf(r->text, sizeof r->text, "the metadata is not read yet");
    } else if (lg_catalog_find_store(s, r->store, &store, &err) != LG_OK) {
        r->status = 404;
        (void)snprintf(r->text, sizeof r->text, "%s", err.text);
    } else if (store->store->current_version <= 0) {
        r->status = 404;
        (void)snprintf(r->text, sizeof r->text, "store '%.*s' has no version that is served",
                       LG_FMT(r->store));
    } else {
        r->status = 200;
        r->version = (uint32_t)store->store->current_version;
    }
}

static void asked_there(struct lg_front_ask *ask)
{
    struct run *r = LG_CONTAINER_OF(ask, struct run, ask);

    if (r->found == LG_REPLICA_SERVING)
        find_version(r);
    else
        r->status = lg_front_why_missing(home_of(r->stream)->catalog, lg_slice_str(r->topic),
                                         r->found, r->text);
}

static void asked_back(struct lg_front_ask *ask)
{
    struct run *r = LG_CONTAINER_OF(ask, struct run, ask);

    r->away = false;
    if (r->batch == NULL)
        run_free(r);
    else if (r->status != 200)
        run_end(r, status_of(r->status), r->text);
    else
        turn_soon(r->stream);
}

static void ask_home(struct run *r, enum lg_replica_found about)
{
    const struct lg_front_rest *rest = r->stream->lane->rest;

    r->away = true;
    r->found = about;
    r->ask.there = asked_there;
    r->ask.back = asked_back;
    lg_front_ask(&r->ask, r->stream->on, rest->home == NULL ? r->stream->on : rest->home_lane);
}

/* --- Who may read ---------------------------------------------------------------------------- */

static void refuse_read(struct run *r, enum lg_authz_verdict verdict, const struct lg_error *why,
                        const char *principal)
{
    struct lg_error err;
    enum lg_grpc_status status = lg_front_refuse_read(verdict, why, principal, r->store, &err);

    run_end(r, status, err.text);
}

static void doubt_over(struct lg_front_doubt *d)
{
    struct run *r = LG_CONTAINER_OF(d, struct run, doubt);

    r->away = false;
    r->allowed = d->wait.verdict == LG_AUTHZ_ALLOWED;
    if (r->batch == NULL)
        run_free(r);
    else if (r->allowed)
        turn_soon(r->stream);
    else
        refuse_read(r, d->wait.verdict, &d->wait.err, d->principal);
}

/* A batch is allowed as a whole. False: the run is over, or waits to know. */
static bool may_read(struct run *r)
{
    const struct lg_front_rest *rest = r->stream->lane->rest;
    const char *who = r->stream->call->identity;
    enum lg_authz_verdict verdict;

    lg_read_group_enter(rest->group);
    verdict = lg_authz_check(rest->authz, who, r->store, LG_ACL_READ);
    r->allowed = verdict == LG_AUTHZ_ALLOWED;
    if (verdict == LG_AUTHZ_DENIED) {
        refuse_read(r, verdict, NULL, who);
    } else if (verdict == LG_AUTHZ_UNKNOWN) {
        r->away = true;
        r->doubt.back = doubt_over;
        lg_front_doubt(&r->doubt, rest, r->stream->on, who, r->store);
    }
    return verdict == LG_AUTHZ_ALLOWED;
}

/* --- Reading --------------------------------------------------------------------------------- */

static struct lg_slice bytes_of(const struct run *r, const struct key *key)
{
    return lg_slice(r->bytes + key->at, key->size);
}

static void tell_value(struct run *r, uint32_t id, int32_t schema_id, struct lg_slice data,
                       enum lg_compression compression)
{
    lg_read_batch_value(
        r->batch, &(struct lg_stream_value){.id = id,
                                            .schema_id = schema_id,
                                            .data = data,
                                            .compression = (uint32_t)compression,
                                            .version = r->asked_version == 0 ? r->version : 0});
}

/* What the engine said of the keys that no index knows; what it left is the group from now on.
 * False: the run is over. */
static bool take_engine(struct run *r, struct lg_read_group *group)
{
    uint64_t bytes = 0;
    struct lg_batch_get_key *keys = r->get.keys;
    size_t n = r->get.n;
    struct lg_error failed = {0};

    r->group_size = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t id = r->keys[r->of[i]].id;

        if (keys[i].rc == LG_ERR_WOULD_BLOCK) {
            r->group[r->group_size++] = r->of[i];
            lg_buf_done(&keys[i].value.payload); /* Of one in chunks, the first. */
            continue;
        }
        lg_read_group_count_key(group, LG_READ_BATCH, keys[i].rc);
        bytes += keys[i].rc == LG_OK ? keys[i].value.payload.size : 0;
        if (keys[i].rc == LG_OK)
            tell_value(r, id, keys[i].value.schema_id, lg_buf_slice(&keys[i].value.payload),
                       r->compression);
        else if (keys[i].rc == LG_ERR_NOT_FOUND)
            lg_read_batch_missing(r->batch, id);
        else
            failed = keys[i].err;
        lg_buf_done(&keys[i].value.payload);
    }
    n -= r->group_size;
    r->rcu += (uint32_t)n;
    lg_read_group_count_batch(group, r->store_metric, &r->get, n, bytes);
    r->get.n = 0;
    if (failed.rc == LG_OK)
        return true;
    run_end(r, failed.rc == LG_ERR_UNREADY ? LG_GRPC_UNAVAILABLE : LG_GRPC_INTERNAL, failed.text);
    return false;
}

static void came_from_disk(struct lg_batch_get *get)
{
    struct run *r = LG_CONTAINER_OF(get, struct run, get);
    struct lg_read_group *group = r->held;
    bool was_read = lg_read_gate_was_read(&get->wait, r->store_metric, r->batch != NULL);

    r->away = r->in_pool = false;
    r->stream->in_pool--;
    turn_soon(r->stream); /* Another one may go. */
    if (was_read && r->arrived_us != 0)
        lg_read_group_back(group, r->store_metric, r->arrived_us);
    r->arrived_us = 0;
    if (r->batch == NULL) {
        run_free(r);
    } else if (take_engine(r, group) && !was_read) {
        r->retry_after_ms = LG_READ_GATE_OVERLOAD_MS;
        run_end(r, LG_GRPC_UNAVAILABLE, lg_front_limit_text(LG_ERR_OVERLOADED));
    }
    lg_read_group_release(group);
}

/* `is_first`: no key of the run was looked for before. False: the run waits for the pool, or is
 * over. */
static bool read_engine(struct run *r, const struct lg_hot_get *gets, size_t n, bool is_first)
{
    struct lg_read_group *group = r->stream->lane->rest->group;

    if (r->get.keys == NULL)
        r->get.keys = lg_new_array(struct lg_batch_get_key, KEYS_AT_ONCE);
    for (size_t i = 0; i < n; i++) {
        if (gets[i].rc == LG_OK || gets[i].rc == LG_ERR_NOT_FOUND)
            continue;
        r->of[r->get.n] = r->group[i];
        r->get.keys[r->get.n++] =
            (struct lg_batch_get_key){.replica = gets[i].replica, .key = gets[i].key};
    }
    r->get.lane = r->stream->on;
    r->get.done = came_from_disk;
    r->get.bytes_enough = BYTES_ENOUGH;
    r->get.queue = lg_read_group_cold(group);
    /* It has waited once, or will be asked for again. */
    r->get.goes_on = r->was_in_pool || r->stream->in_pool == IN_POOL_MAX;
    if (lg_batch_get_try(&r->get) || lg_batch_get_has_enough(&r->get) ||
        r->stream->in_pool == IN_POOL_MAX) {
        if (r->get.cold < r->get.n)
            lg_read_group_count_read(group, LG_READ_BATCH, LG_READ_MEMORY);
        return take_engine(r, group);
    }
    lg_read_group_count_read(group, LG_READ_BATCH, LG_READ_DISK);
    if (is_first) /* Else its service was told with its first keys. */
        r->arrived_us = lg_read_group_away(group, r->store_metric);
    r->held = group;
    lg_read_group_hold(group);
    r->away = r->in_pool = r->was_in_pool = true;
    r->stream->in_pool++;
    lg_batch_get_submit(&r->get);
    return false;
}

/* The replicas of the group. False: the run is over, or asks why. */
static bool find_replicas(struct run *r, const struct lg_serving_topic *topic,
                          struct lg_hot_get *gets)
{
    for (size_t i = 0; i < r->group_size; i++) {
        struct key *key = &r->keys[r->group[i]];
        enum lg_replica_found found = LG_REPLICA_NOT_OURS;

        gets[i].key = bytes_of(r, key);
        if (topic != NULL && !key->has_partition)
            key->partition = lg_partitioner_partition(gets[i].key, lg_serving_partitions(topic));
        if (topic != NULL)
            found = lg_serving_partition(topic, key->partition, &gets[i].replica);
        if (found == LG_REPLICA_NOWHERE) {
            run_end(r, LG_GRPC_INVALID_ARGUMENT, "the store has no such partition");
            return false;
        }
        if (found == LG_REPLICA_NOT_OURS && topic != NULL) {
            run_end(r, LG_GRPC_UNAVAILABLE, "the partition of a key is not on this server");
            return false;
        }
        if (found != LG_REPLICA_SERVING) {
            ask_home(r, found);
            return false;
        }
    }
    r->compression = gets[0].replica->compression;
    return true;
}

/* A batch is let in as a whole, before its first key is read. False: the run is over. */
static bool is_let_in(struct run *r, const struct lg_serving_topic *topic)
{
    const struct lg_front_rest *rest = r->stream->lane->rest;
    LG_AUTO_STR char *text = NULL;
    uint32_t retry_after_ms = 0;
    enum lg_rc limit;

    if (r->let_in)
        return true;
    limit = lg_read_group_admit(rest->group, topic, (uint32_t)r->n, r->is_retry, &retry_after_ms);
    r->let_in = limit == LG_OK;
    if (r->let_in) {
        r->store_metric = lg_read_group_store(rest->group);
        lg_metric_add(
            &lg_metric_server_stream_batches_total,
            lg_metric_of_store(&lg_metric_server_stream_batches_total, r->store_metric, 0), 1);
        return true;
    }
    r->retry_after_ms = retry_after_ms == LG_QUOTA_NEVER_MS ? 0 : retry_after_ms;
    text = limit == LG_ERR_QUOTA ? lg_strf("over the read quota of store %.*s", LG_FMT(r->store))
                                 : lg_strdup(lg_front_limit_text(limit));
    run_end(r, limit == LG_ERR_QUOTA ? LG_GRPC_RESOURCE_EXHAUSTED : LG_GRPC_UNAVAILABLE, text);
    return false;
}

static void record_keys(const struct run *r, const struct lg_hot_get *gets)
{
    for (size_t i = 0; i < r->group_size; i++)
        lg_key_profiler_record(r->stream->lane->rest->profiler, lg_slice_str(r->topic),
                               r->keys[r->group[i]].partition, gets[i].key);
}

/* What is left of the group, or else the next keys. False: the run is over or waits. */
static bool read_some(struct run *r)
{
    struct lg_hot_get gets[KEYS_AT_ONCE];
    const struct lg_front_rest *rest = r->stream->lane->rest;
    struct lg_read_group *group = rest->group;
    const struct lg_serving_topic *topic;
    bool is_new = r->group_size == 0, is_first = is_new && r->next == 0;
    size_t n, unknown = 0;
    uint64_t bytes = 0;

    lg_read_group_enter(group);
    topic = lg_serving_topic(rest->serving, lg_slice_str(r->topic));
    if (!r->let_in && lg_serving_grpc_is_off(topic)) {
        run_end(r, LG_GRPC_UNIMPLEMENTED, LG_FRONT_GRPC_OFF);
        return false;
    }
    while (is_new && r->next < r->n && r->group_size < KEYS_AT_ONCE)
        r->group[r->group_size++] = (uint32_t)r->next++;
    n = r->group_size;
    /* Found first: who asks the wrong server has spent nothing. */
    if (!find_replicas(r, topic, gets) || !is_let_in(r, topic))
        return false;
    if (is_new)
        record_keys(r, gets);
    lg_hot_get(gets, n);
    for (size_t i = 0; i < n; i++) {
        uint32_t id = r->keys[r->group[i]].id;

        if (gets[i].rc == LG_OK) {
            tell_value(r, id, gets[i].schema_id, gets[i].payload, r->compression);
            bytes += gets[i].payload.size;
        } else if (gets[i].rc == LG_ERR_NOT_FOUND) {
            lg_read_batch_missing(r->batch, id);
        } else {
            unknown++;
            continue;
        }
        lg_read_group_count_key(group, LG_READ_BATCH, gets[i].rc);
    }
    r->rcu += (uint32_t)(n - unknown);
    if (n > unknown)
        lg_read_group_count_store(group, r->store_metric, LG_READ_INDEX, (uint32_t)(n - unknown),
                                  bytes);
    if (unknown > 0)
        return read_engine(r, gets, n, is_first);
    r->group_size = 0;
    lg_read_group_count_read(group, LG_READ_BATCH, LG_READ_INDEX);
    return true;
}

/* A batch without keys is answered as one with some is. False: the run is over, or asks why. */
static bool has_version(struct run *r)
{
    const struct lg_front_rest *rest = r->stream->lane->rest;
    struct lg_replica *any;
    enum lg_replica_found found;

    lg_read_group_enter(rest->group);
    if (lg_serving_grpc_is_off(lg_serving_topic(rest->serving, lg_slice_str(r->topic)))) {
        run_end(r, LG_GRPC_UNIMPLEMENTED, LG_FRONT_GRPC_OFF);
        return false;
    }
    found = lg_serving_find_any(rest->serving, lg_slice_str(r->topic), &any);
    if (found != LG_REPLICA_SERVING)
        ask_home(r, found);
    return found == LG_REPLICA_SERVING;
}

static bool may_go_on(const struct run *r)
{
    bool pool_is_next = r->group_size > 0;

    return (pool_is_next || r->next < r->n) && !lg_read_stream_is_full(r->stream->in) &&
           (!pool_is_next || r->stream->in_pool < IN_POOL_MAX);
}

/* As far as it goes in this turn. */
static void run_on(struct run *r)
{
    if (r->away || r->batch == NULL || (!r->allowed && !may_read(r)))
        return;
    if (r->version == 0) {
        ask_home(r, LG_REPLICA_SERVING);
        return;
    }
    if (r->topic[0] == 0) {
        LG_AUTO_STR char *store = lg_strndup((const char *)r->store.data, r->store.size);

        lg_names_version_topic(r->topic, store, (int32_t)r->version);
    }
    if (r->n == 0 && !has_version(r))
        return;
    while (may_go_on(r))
        if (!read_some(r))
            return;
    if (r->next == r->n && r->group_size == 0)
        run_end(r, LG_GRPC_OK, "");
}

/* --- The stream ------------------------------------------------------------------------------ */

static void send_out(struct stream *s)
{
    struct lg_slice out = lg_read_stream_output(s->in), text;
    enum lg_grpc_status status;
    bool waits = out.size > 0 && lg_rpc_is_full(s->call);

    if (out.size > 0 && !waits) {
        lg_rpc_send(s->call, out);
        lg_read_stream_sent(s->in, out.size);
    }
    lg_rpc_keep(s->call, lg_read_stream_held(s->in) + s->key_bytes);
    lg_rpc_pause(s->call, lg_read_stream_is_full(s->in) || s->key_bytes >= KEYS_ENOUGH);
    if (waits)
        return; /* `room` follows. */
    if (!lg_read_stream_is_done(s->in, &status, &text))
        return;
    if (lg_read_stream_refused(s->in) != NULL)
        lg_rpc_refuse(LG_TAKE(s->call), lg_read_stream_refused(s->in));
    else
        lg_rpc_finish(LG_TAKE(s->call), status, text);
    stream_free_if_over(s);
}

static void turn(struct lg_task *task)
{
    struct stream *s = LG_CONTAINER_OF(task, struct stream, turn);
    struct lg_list *next;

    for (struct lg_list *it = s->runs.next; it != &s->runs; it = next) {
        next = it->next;
        run_on(LG_CONTAINER_OF(it, struct run, link));
    }
    if (s->gone) {
        lg_free(s);
        return;
    }
    s->turn_due = false;
    if (s->call != NULL)
        send_out(s);
}

static void turn_soon(struct stream *s)
{
    if (s->turn_due)
        return;
    s->turn_due = true;
    s->turn.run = turn;
    lg_lane_defer(s->on, &s->turn);
}

static size_t bytes_of_keys(const struct lg_stream_batch *asked)
{
    size_t size = 0;

    for (uint32_t i = 0; i < asked->keys.size; i++)
        size += asked->keys.data[i].key.size;
    return size;
}

/* False: the run is over. */
static bool has_room(struct run *r, size_t bytes)
{
    if (r->stream->key_bytes + bytes > KEYS_MAX) {
        lg_rpc_count_refused(LG_GRPC_TOO_LARGE);
        run_end(r, LG_GRPC_RESOURCE_EXHAUSTED,
                "too many keys of the stream wait for their values; ask for fewer at a time");
        return false;
    }
    if (bytes > LG_MEMORY_GATE_BODY_BYTES && lg_memory_gate_is_full()) {
        lg_rpc_count_refused(LG_GRPC_NO_MEMORY);
        run_end(r, LG_GRPC_UNAVAILABLE, LG_MEMORY_GATE_TEXT);
        return false;
    }
    r->key_bytes = bytes;
    r->stream->key_bytes += bytes;
    return true;
}

static bool copy_keys(struct run *r, const struct lg_stream_batch *asked, size_t size)
{
    r->n = asked->keys.size;
    r->keys = lg_new_array(struct key, r->n + 1);
    r->bytes = lg_alloc(size + 1);
    size = 0;
    for (uint32_t i = 0; i < asked->keys.size; i++) {
        const struct lg_stream_key *key = &asked->keys.data[i];

        r->keys[i] = (struct key){key->id, key->partition, key->has_partition, size, key->key.size};
        if (key->key.size > 0)
            memcpy(r->bytes + size, key->key.data, key->key.size);
        size += key->key.size;
        if (key->key.size == 0 || key->key.size > LG_SERVER_KEY_BYTES_MAX)
            return false;
    }
    return true;
}

static void batch_begin(void *ctx, struct lg_read_batch *batch, const struct lg_stream_batch *asked)
{
    struct stream *s = ctx;
    struct run *r = lg_zalloc(sizeof *r + asked->store.size);
    size_t size = bytes_of_keys(asked);
    struct lg_error err = {0};

    if (asked->store.size > 0)
        memcpy(r + 1, asked->store.data, asked->store.size);
    r->store = lg_slice(r + 1, asked->store.size);
    r->stream = s;
    r->batch = batch;
    r->version = r->asked_version = asked->version;
    r->is_retry = asked->is_retry;
    batch->user = r;
    lg_list_push_back(&s->runs, &r->link);
    if (lg_names_check_store(r->store, &err) != LG_OK)
        run_end(r, LG_GRPC_NOT_FOUND, err.text);
    else if (asked->version > INT32_MAX)
        run_end(r, LG_GRPC_NOT_FOUND, "there is no such version");
    else if (!has_room(r, asked->keys.size * sizeof *r->keys + size))
        return;
    else if (!copy_keys(r, asked, size))
        run_end(r, LG_GRPC_INVALID_ARGUMENT, "a key is empty or too long");
    else {
        if (asked->timeout_ms > 0)
            lg_timer_start(s->on, &r->timeout, asked->timeout_ms * LG_MS, timed_out);
        turn_soon(s);
    }
}

static void batch_cancel(void *ctx, struct lg_read_batch *batch)
{
    (void)ctx;
    run_end(batch->user, LG_GRPC_CANCELLED, "");
}

static void batch_room(void *ctx)
{
    turn_soon(ctx);
}

static void batch_refused(void *ctx)
{
    (void)ctx;
    lg_rpc_count_refused(LG_GRPC_BAD_REQUEST);
}

static const struct lg_read_stream_handler batch_handler = {
    .begin = batch_begin, .cancel = batch_cancel, .room = batch_room, .refused = batch_refused};

void lg_front_stream_begin(struct lg_front_stream_lane *lane, struct lg_rpc_call *call)
{
    struct stream *s = lg_new(struct stream);

    s->lane = lane;
    lane->streams++;
    lg_metric_add(&lg_metric_server_streams, 0, 1);
    s->call = call;
    s->on = call->lane;
    s->in = lg_read_stream_new(&(struct lg_read_stream_options){
        .handler = &batch_handler, .ctx = s, .encoding = call->encoding});
    lg_list_init(&s->runs);
    call->user = s;
}

void lg_front_stream_bytes(void *ctx, struct lg_rpc_call *call, struct lg_slice bytes)
{
    struct stream *s = call->user;

    (void)ctx;
    lg_read_stream_input(s->in, bytes);
    turn_soon(s);
}

void lg_front_stream_half_closed(void *ctx, struct lg_rpc_call *call)
{
    struct stream *s = call->user;

    (void)ctx;
    lg_read_stream_half_closed(s->in);
    turn_soon(s);
}

void lg_front_stream_drain(void *ctx, struct lg_rpc_call *call)
{
    struct stream *s = call->user;

    (void)ctx;
    lg_read_stream_drain(s->in);
    turn_soon(s);
}

void lg_front_stream_room(void *ctx, struct lg_rpc_call *call)
{
    (void)ctx;
    turn_soon(call->user);
}

void lg_front_stream_gone(void *ctx, struct lg_rpc_call *call)
{
    struct stream *s = call->user;

    (void)ctx;
    lg_read_stream_abort(s->in);
    s->call = NULL;
    stream_free_if_over(s);
}
