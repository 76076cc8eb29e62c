/*     QUEUED ──pump──▶ FLYING ──answers──▶ SETTLED
 *        │                └─ deadline, cancel, close ──▲  the flight goes on without its read
 *        └──── deadline, cancel, close, bad key ───────┘
 *
 * A flight is what goes down the stack: it owns the arena with keys and values, and dies when the
 * stack has let go of it.
 */
#include "client/client.h"

#include "avro/json_text.h"
#include "avro/text.h"
#include "base/json.h"
#include "client/layers.h"
#include "model/names.h"

enum { QUEUED, FLYING, SETTLED };

static const struct lg_sm_state states[] = {
    [QUEUED] = {"queued", LG_TO(FLYING) | LG_TO(SETTLED)},
    [FLYING] = {"flying", LG_TO(SETTLED)},
    [SETTLED] = {"settled", 0},
};

static const struct lg_option rows[] = {
#define X(...) LG_OPTION_ROW(struct lg_client_options, __VA_ARGS__)
#include "client/options.def"
#undef X
};
const struct lg_option_table lg_client_option_table = {.rows = rows, .n = LG_ARRAY_SIZE(rows)};

/* Beside the answer itself: keys, layers' structs, decompressed and resolved values. */
#define ARENA_FACTOR 2u
#define ARENA_EXTRA_BYTES ((size_t)16 << 20)
/* A read that passed its deadline ends a moment later, so that the router's silence is told first.
 */
#define GRACE_US (2 * LG_MS)

struct lg_client_flight {
    struct lg_client *client;
    struct lg_client_read *read; /* NULL: it did not wait. */
    struct lg_list link;
    struct lg_arena *arena;
    struct lg_read below;
    struct lg_read_key *keys;
    bool *told; /* by key */
};

struct lg_client {
    struct lg_client_options o;
    struct lg_lane *lane;
    struct lg_http_client *http;
    struct lg_schema *reader;
    struct lg_routers routers;
    struct lg_schema_cache *schemas;
    struct lg_fetch_counters counters;
    /* Top to bottom: what a read passes through. */
    struct lg_meter_layer meter;
    struct lg_reader_layer reader_layer;
    struct lg_retry_layer retry;
    struct lg_thin_layer thin;

    struct lg_list queued;  /* struct lg_client_read */
    struct lg_list flights; /* struct lg_client_flight */
    size_t flight_count;
    struct lg_schema_wait load;
    struct lg_task pump;
    bool pump_posted;

    void (*ready)(void *ctx, const struct lg_error *err); /* NULL: nobody waits for the start. */
    void *ready_ctx;
    struct lg_timer ready_timer;
    struct lg_task ready_task;
    bool ready_posted;

    bool closing, schemas_stopped, close_posted;
    struct lg_task close_task;
    void (*closed)(void *ctx);
    void *closed_ctx;
};

static void post_pump(struct lg_client *c);

/* --- Life. -------------------------------------------------------------------------------------
 */

static char *copy_text(const char *text)
{
    return text == NULL ? NULL : lg_strdup(text);
}

static void copy_options(struct lg_client_options *to, const struct lg_client_options *from)
{
    *to = *from;
    to->router = copy_text(from->router);
    to->store = copy_text(from->store);
    to->reader_schema = copy_text(from->reader_schema);
    to->tls_ca = copy_text(from->tls_ca);
    to->tls_cert = copy_text(from->tls_cert);
    to->tls_key = copy_text(from->tls_key);
}

static enum lg_rc check_options(struct lg_client *c, struct lg_error *err)
{
    enum lg_rc rc;

    if (c->o.router == NULL)
        return lg_error_set(err, LG_ERR_INVALID,
                            "the option 'router' is missing: where the routers are");
    if (c->o.store == NULL)
        return lg_error_set(err, LG_ERR_INVALID, "the option 'store' is missing: what to read");
    rc = lg_names_check_store(lg_slice_str(c->o.store), err);
    if (rc == LG_OK)
        rc = lg_routers_init(&c->routers, c->o.router, c->o.retry_percent, err);
    if (rc == LG_OK && c->o.reader_schema != NULL) {
        rc = lg_schema_parse(lg_slice_str(c->o.reader_schema), &c->reader, err);
        if (rc != LG_OK) {
            rc = err->rc = LG_ERR_SCHEMA;
            (void)lg_error_wrap(err, "reader_schema");
        }
    }
    return rc;
}

static void make_stack(struct lg_client *c)
{
    struct lg_thin_options thin = {.lane = c->lane,
                                   .http = c->http,
                                   .routers = &c->routers,
                                   .store = c->o.store,
                                   .answer_bytes_max = (size_t)c->o.answer_bytes_max,
                                   .value_bytes_max = (size_t)c->o.value_bytes_max,
                                   .memory_max = c->o.memory_max,
                                   .retry_pause_us = c->o.retry_pause_ms * LG_MS,
                                   .tries_max = c->o.retries + 1};

    lg_meter_layer_init(&c->meter, c->lane, &c->reader_layer.base, &c->counters);
    lg_reader_layer_init(&c->reader_layer, c->lane, &c->retry.base, c->schemas,
                         (size_t)c->o.value_bytes_max);
    lg_retry_layer_init(&c->retry, c->lane, &c->thin.base, thin.tries_max, &c->counters);
    lg_thin_layer_init(&c->thin, &thin);
}

enum lg_rc lg_client_new(const struct lg_client_options *options, struct lg_lane *lane,
                         struct lg_transport *transport, struct lg_client **out,
                         struct lg_error *err)
{
    struct lg_client *c = lg_new(struct lg_client);
    enum lg_rc rc;

    c->lane = lane;
    lg_list_init(&c->queued);
    lg_list_init(&c->flights);
    copy_options(&c->o, options);
    rc = check_options(c, err);
    if (rc != LG_OK) {
        lg_client_free(c);
        return rc;
    }
    c->http = lg_http_client_new(transport, lane);
    c->schemas = lg_schema_cache_new(
        &(struct lg_schema_cache_options){.http = c->http,
                                          .lane = lane,
                                          .routers = &c->routers,
                                          .store = c->o.store,
                                          .reader = c->reader,
                                          .refresh_us = c->o.schema_refresh_ms * LG_MS});
    make_stack(c);
    *out = c;
    return LG_OK;
}

void lg_client_free(struct lg_client *c)
{
    if (c == NULL)
        return;
    lg_schema_cache_free(c->schemas);
    lg_http_client_free(c->http);
    lg_reader_layer_done(&c->reader_layer);
    lg_routers_done(&c->routers);
    lg_schema_unref(c->reader);
    lg_options_done(&lg_client_option_table, &c->o);
    lg_free(c);
}

const struct lg_client_options *lg_client_options(const struct lg_client *client)
{
    return &client->o;
}

const struct lg_fetch_counters *lg_client_counters(const struct lg_client *client)
{
    return &client->counters;
}

struct lg_schema *lg_client_key_schema(const struct lg_client *client)
{
    return lg_schema_cache_is_ready(client->schemas) ? lg_schema_cache_key(client->schemas) : NULL;
}

/* --- The end of a read. ------------------------------------------------------------------------
 */

static void settle(struct lg_client_read *read, const struct lg_error *err)
{
    lg_sm_move(&read->sm, SETTLED);
    lg_list_remove(&read->link);
    lg_timer_stop(read->client->lane, &read->timer);
    if (read->flight != NULL)
        read->flight->read = NULL;
    read->flight = NULL;
    read->done(read, err);
}

/* The read does not wait any longer; what it asked is called back. */
static void give_up(struct lg_client_read *read, const struct lg_error *err)
{
    struct lg_client *c = read->client;
    struct lg_client_flight *flight = read->flight;

    settle(read, err);
    if (flight != NULL)
        lg_thin_layer_cancel(&c->thin, flight->arena);
}

/* Why it ends before it has an answer. */
static void why_ended(const struct lg_client_read *read, struct lg_error *err)
{
    const struct lg_client_options *o = &read->client->o;

    if (read->is_cancelled)
        (void)lg_error_set(err, LG_ERR_CANCELLED, "the read was cancelled");
    else if (read->sm.now == QUEUED && !lg_schema_cache_is_ready(read->client->schemas))
        (void)lg_error_set(err, LG_ERR_TIMEOUT,
                           "the schemas of store '%s' could not be read from %s in time", o->store,
                           o->router);
    else if (read->sm.now == QUEUED)
        (void)lg_error_set(err, LG_ERR_TIMEOUT,
                           "the read waited for one of %u connections until its deadline passed",
                           o->connections);
    else
        (void)lg_error_set(err, LG_ERR_TIMEOUT, "store '%s' did not answer in time", o->store);
}

static void timer_ended(struct lg_timer *timer)
{
    struct lg_client_read *read = LG_CONTAINER_OF(timer, struct lg_client_read, timer);
    struct lg_error err;

    why_ended(read, &err);
    give_up(read, &err);
}

/* --- Flights. ----------------------------------------------------------------------------------
 */

static void close_if_done(struct lg_client *c);

static void flight_free(struct lg_client_flight *flight)
{
    struct lg_client *c = flight->client;

    lg_list_remove(&flight->link);
    lg_arena_free(flight->arena);
    lg_free(flight);
    c->flight_count--;
    if (c->closing)
        close_if_done(c);
    else
        post_pump(c);
}

/* The first failure has its sentence in the read; the others have their code's. */
static const char *why_of(const struct lg_read *below, enum lg_rc rc)
{
    return rc == LG_OK || rc == LG_ERR_NOT_FOUND ? ""
           : below->err.rc == rc                 ? below->err.text
                                                 : lg_rc_text(rc);
}

static void tell_key(struct lg_client_flight *flight, const struct lg_read_key *key)
{
    struct lg_client *c = flight->client;
    const struct lg_client_schema *schema;
    struct lg_client_found found;
    struct lg_error ignored;

    if (flight->told[key->index])
        return;
    flight->told[key->index] = true;
    if (key->rc != LG_OK ||
        lg_schema_cache_value(c->schemas, key->schema_id, &schema, &ignored) != LG_OK) {
        assert(key->rc != LG_OK); /* The reader layer saw to that. */
        flight->read->answered(flight->read, key->index, key->rc, NULL,
                               why_of(&flight->below, key->rc));
        return;
    }
    found = (struct lg_client_found){.value = key->value,
                                     .schema = c->reader == NULL ? schema->schema : c->reader,
                                     .schema_id = key->schema_id,
                                     .version = key->version};
    flight->read->answered(flight->read, key->index, LG_OK, &found, "");
}

/* As answers come over the network; what is tried again later is not told twice. */
static void key_came(void *key_ctx, struct lg_read_key *key)
{
    struct lg_client_flight *flight = key_ctx;

    if (flight->read != NULL)
        tell_key(flight, key);
}

/* Did each key get an outcome of its own, or did the read fail as a whole? */
static bool is_per_key(const struct lg_read *below)
{
    for (size_t i = 0; i < below->key_count; i++)
        if (below->keys[i]->rc == LG_OK || below->keys[i]->rc == LG_ERR_NOT_FOUND)
            return true;
    return below->key_count == 1;
}

static void landed(struct lg_read *below)
{
    struct lg_client_flight *flight = LG_CONTAINER_OF(below, struct lg_client_flight, below);
    struct lg_client_read *read = flight->read;

    if (read != NULL) {
        struct lg_error err = {0};

        if (below->rc != LG_OK)
            err = below->err;
        err.rc = below->rc;
        for (size_t i = 0; read->answered != NULL && is_per_key(below) && i < below->key_count; i++)
            tell_key(flight, below->keys[i]);
        settle(read, &err);
    }
    flight_free(flight);
}

static enum lg_rc encode_key(const struct lg_client *c, const struct lg_client_read *read,
                             struct lg_slice key, struct lg_buf *out, struct lg_error *err)
{
    const struct lg_schema *schema = lg_schema_cache_key(c->schemas);
    LG_AUTO(lg_json) *json = NULL;
    enum lg_rc rc;

    if (read->form == LG_KEY_TEXT) {
        rc = lg_avro_from_text(schema, key, out, err);
    } else {
        rc = lg_json_parse(key, &json, err);
        if (rc == LG_OK)
            rc = lg_avro_from_json(schema, json, out, err);
    }
    if (rc == LG_OK)
        return LG_OK;
    err->rc = LG_ERR_INVALID;
    return lg_error_wrap(err, "the key of store '%s' is a %s; '%.*s' is not", c->o.store,
                         lg_avro_kind_name(lg_schema_kind(schema)),
                         (int)LG_MIN(key.size, (size_t)100), (const char *)key.data);
}

/* The key as it goes over the network, valid as long as the flight. */
static enum lg_rc take_key(const struct lg_client_flight *flight, size_t i, struct lg_slice *out,
                           struct lg_error *err)
{
    const struct lg_client_read *read = flight->read;
    LG_SCOPED(lg_buf) bytes = {0};
    struct lg_slice key = read->keys[i];
    const uint8_t *copy;
    enum lg_rc rc = LG_OK;

    if (read->form != LG_KEY_AVRO) {
        rc = encode_key(flight->client, read, key, &bytes, err);
        key = lg_buf_slice(&bytes);
    }
    if (rc != LG_OK)
        return rc;
    if (key.size == 0)
        return lg_error_set(err, LG_ERR_INVALID, "key %zu is empty", i);
    copy = lg_arena_copy(flight->arena, key);
    if (copy == NULL)
        return lg_error_set(err, LG_ERR_TOO_LARGE,
                            "the keys need more memory than answer_bytes_max allows");
    *out = lg_slice(copy, key.size);
    return LG_OK;
}

static enum lg_rc make_keys(struct lg_client_flight *flight, struct lg_error *err)
{
    size_t n = flight->read->key_count;
    enum lg_rc rc = LG_OK;

    if (n > flight->client->o.batch_keys_max)
        return lg_error_set(err, LG_ERR_TOO_LARGE, "%zu keys; batch_keys_max allows %u", n,
                            flight->client->o.batch_keys_max);
    flight->keys = lg_arena_zalloc(flight->arena, n * sizeof *flight->keys);
    flight->below.keys = lg_arena_zalloc(flight->arena, n * sizeof(void *));
    flight->told = lg_arena_zalloc(flight->arena, n);
    if (flight->keys == NULL || flight->below.keys == NULL || flight->told == NULL)
        return lg_error_set(err, LG_ERR_TOO_LARGE,
                            "the keys need more memory than answer_bytes_max allows");
    for (size_t i = 0; rc == LG_OK && i < n; i++) {
        rc = take_key(flight, i, &flight->keys[i].key, err);
        flight->keys[i].index = (uint32_t)i;
        flight->keys[i].rc = LG_ERR_UNREADY;
        flight->below.keys[i] = &flight->keys[i];
    }
    return rc;
}

static void take_off(struct lg_client *c, struct lg_client_read *read)
{
    struct lg_client_flight *flight;
    struct lg_error err;

    if (read->is_cancelled || read->deadline_us <= lg_lane_now_us(c->lane)) {
        why_ended(read, &err);
        settle(read, &err);
        return;
    }
    flight = lg_new(struct lg_client_flight);
    flight->client = c;
    flight->read = read;
    flight->arena = lg_arena_new(ARENA_FACTOR * (size_t)c->o.answer_bytes_max + ARENA_EXTRA_BYTES);
    lg_list_push_back(&c->flights, &flight->link);
    c->flight_count++;
    if (make_keys(flight, &err) != LG_OK) {
        settle(read, &err);
        flight_free(flight);
        return;
    }
    lg_sm_move(&read->sm, FLYING);
    lg_list_remove(&read->link);
    read->flight = flight;
    flight->below.topic = c->o.store;
    flight->below.key_count = read->key_count;
    flight->below.single = read->single;
    flight->below.arena = flight->arena;
    flight->below.deadline_us = read->deadline_us;
    flight->below.done = landed;
    if (read->answered != NULL && !read->single)
        flight->below.key_answered = key_came;
    flight->below.key_ctx = flight;
    lg_layer_submit(&c->meter.base, &flight->below);
}

/* --- The queue. --------------------------------------------------------------------------------
 */

static void fail_queued(struct lg_client *c, const struct lg_error *err)
{
    struct lg_list now;

    lg_list_init(&now); /* Those who come meanwhile begin anew. */
    while (!lg_list_empty(&c->queued))
        lg_list_push_back(&now, lg_list_pop_front(&c->queued));
    while (!lg_list_empty(&now))
        settle(LG_CONTAINER_OF(now.next, struct lg_client_read, link), err);
}

static void tell_ready(struct lg_client *c, const struct lg_error *err)
{
    void (*ready)(void *ctx, const struct lg_error *err) = c->ready;

    if (ready == NULL)
        return;
    c->ready = NULL;
    lg_timer_stop(c->lane, &c->ready_timer);
    ready(c->ready_ctx, err);
}

static void loaded(struct lg_schema_wait *wait, const struct lg_error *err)
{
    struct lg_client *c = LG_CONTAINER_OF(wait, struct lg_client, load);

    tell_ready(c, err);
    if (err->rc != LG_OK)
        fail_queued(c, err);
    else if (!c->closing)
        post_pump(c);
}

static void load(struct lg_client *c)
{
    if (c->load.is_waiting)
        return;
    c->load.done = loaded;
    lg_schema_cache_load(c->schemas, &c->load);
}

static void pump_runs(struct lg_task *task)
{
    struct lg_client *c = LG_CONTAINER_OF(task, struct lg_client, pump);

    c->pump_posted = false;
    if (c->closing) {
        close_if_done(c);
        return;
    }
    if (lg_list_empty(&c->queued))
        return;
    if (!lg_schema_cache_is_ready(c->schemas)) {
        load(c);
        return;
    }
    while (c->flight_count < c->o.connections && !lg_list_empty(&c->queued))
        take_off(c, LG_CONTAINER_OF(c->queued.next, struct lg_client_read, link));
}

static void post_pump(struct lg_client *c)
{
    if (c->pump_posted)
        return;
    c->pump_posted = true;
    c->pump.run = pump_runs;
    lg_lane_post(c->lane, &c->pump);
}

void lg_client_submit(struct lg_client *c, struct lg_client_read *read)
{
    uint64_t timeout_ms = read->timeout_ms == 0 ? c->o.timeout_ms : read->timeout_ms;

    assert(!c->closing && read->key_count > 0);
    read->client = c;
    read->flight = NULL;
    read->is_cancelled = false;
    lg_sm_start(&read->sm, states);
    lg_list_push_back(&c->queued, &read->link);
    read->deadline_us = lg_lane_now_us(c->lane) + timeout_ms * LG_MS;
    lg_timer_start(c->lane, &read->timer, timeout_ms * LG_MS + GRACE_US, timer_ended);
    post_pump(c);
}

void lg_client_cancel(struct lg_client_read *read)
{
    if (read->is_cancelled || read->sm.now == SETTLED)
        return;
    read->is_cancelled = true;
    lg_timer_start(read->client->lane, &read->timer, 0, timer_ended);
}

/* --- Start and end. ----------------------------------------------------------------------------
 */

static void ready_too_late(struct lg_timer *timer)
{
    struct lg_client *c = LG_CONTAINER_OF(timer, struct lg_client, ready_timer);
    struct lg_error err;

    (void)lg_error_set(&err, LG_ERR_TIMEOUT,
                       "the schemas of store '%s' could not be read from %s in time", c->o.store,
                       c->o.router);
    tell_ready(c, &err);
}

static void is_ready(struct lg_task *task)
{
    struct lg_client *c = LG_CONTAINER_OF(task, struct lg_client, ready_task);
    struct lg_error none = {0};

    c->ready_posted = false;
    tell_ready(c, &none);
    if (c->closing)
        close_if_done(c);
}

void lg_client_start(struct lg_client *c, void (*ready)(void *ctx, const struct lg_error *err),
                     void *ctx)
{
    assert(c->ready == NULL && !c->closing);
    c->ready = ready;
    c->ready_ctx = ctx;
    if (lg_schema_cache_is_ready(c->schemas)) {
        c->ready_posted = true;
        c->ready_task.run = is_ready;
        lg_lane_post(c->lane, &c->ready_task);
        return;
    }
    lg_timer_start(c->lane, &c->ready_timer, c->o.timeout_ms * LG_MS, ready_too_late);
    load(c);
}

static void close_runs(struct lg_task *task)
{
    struct lg_client *c = LG_CONTAINER_OF(task, struct lg_client, close_task);
    void (*closed)(void *ctx) = c->closed;
    void *ctx = c->closed_ctx;

    lg_client_free(c);
    closed(ctx);
}

/* The client may go when nothing of it is on the way any more. */
static void close_if_done(struct lg_client *c)
{
    if (c->flight_count > 0 || !c->schemas_stopped || c->pump_posted || c->ready_posted ||
        c->load.is_waiting || c->close_posted)
        return;
    c->close_posted = true;
    c->close_task.run = close_runs;
    lg_lane_post(c->lane, &c->close_task);
}

static void schemas_stopped(void *ctx)
{
    struct lg_client *c = ctx;

    c->schemas_stopped = true;
    close_if_done(c);
}

void lg_client_close(struct lg_client *c, void (*closed)(void *ctx), void *ctx)
{
    struct lg_error err;

    (void)lg_error_set(&err, LG_ERR_CANCELLED, "the client was closed");
    c->closing = true;
    c->closed = closed;
    c->closed_ctx = ctx;
    tell_ready(c, &err);
    fail_queued(c, &err);
    LG_LIST_EACH(it, &c->flights)
    {
        struct lg_client_read *read = LG_CONTAINER_OF(it, struct lg_client_flight, link)->read;

        if (read != NULL)
            settle(read, &err);
    }
    lg_schema_cache_stop(c->schemas, schemas_stopped, c);
    lg_thin_layer_stop(&c->thin);
}
