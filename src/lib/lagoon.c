/* liblagoon: the public functions over client/client.h, which runs on a lane with a thread of its
 * own. Everything that crosses from the application's threads to the lane is a request that moves
 * by lg_lane_post; the way back is a callback, or a latch that a blocking call waits for.
 */
#include <unistd.h>

#include "base/log.h"
#include "base/ref.h"
#include "drivers/openssl/transport_tls.h"
#include "drivers/uv/lane_uv.h"
#include "drivers/uv/latch_uv.h"
#include "drivers/uv/transport_uv.h"
#include "lane/shared.h"
#include "lib/value.h"

/* Looks up names of hosts, which may hang for seconds. */
#define POOL_THREADS 1

struct lagoon_client_options {
    struct lg_client_options o;
};

struct lagoon_client {
    pid_t process; /* that opened it */
    struct lg_pool_uv *pool;
    struct lg_lane *lane;
    bool lane_runs;
    struct lg_transport *sockets, *transport; /* the same, or TLS over them */
    struct lg_client *client;                 /* The lane's, once that runs. */
    struct lg_bound requests, bytes;
    uint32_t batch_keys_max;
    struct lg_flag closing;
    bool ended; /* The lane's: nothing goes to `client` any more. */

    struct lg_task task; /* The start, then the end. */
    struct lg_latch_uv latch;
    struct lg_error start_err;
    struct lg_schema *key_schema; /* NULL when it was opened lazily. */
};

struct lagoon_request { /* Moves to the lane with its submission; shared by its handle. */
    unsigned refs;      /* Atomic: the read under way, the caller's handle, a cancel under way. */
    struct lagoon_client *client; /* Until it is settled. */
    struct lg_flag settled, cancelled;
    struct lg_task submit, cancel;
    struct lg_client_read read;
    size_t key_bytes;
    /* One of the two. */
    void (*got)(void *ctx, enum lagoon_rc rc, struct lagoon_value *take_value, const char *why);
    void (*got_all)(void *ctx, enum lagoon_rc rc, const char *why);
    void (*answered)(void *ctx, size_t key_index, enum lagoon_rc rc,
                     struct lagoon_value *take_value, const char *why);
    void *ctx;
    struct lagoon_value *value; /* Of a single get, until it is told. */
    bool missing;
    struct lg_error value_err; /* No memory for a value: the first time. */
    struct lg_slice keys[];
};

/* The host's own jansson keeps its allocator. */
bool lg_json_leaves_allocator = true;

/* --- Options. ----------------------------------------------------------------------------------
 */

struct lagoon_client_options *lagoon_client_options_new(void)
{
    struct lagoon_client_options *options = lg_new(struct lagoon_client_options);

    lg_options_init(&lg_client_option_table, &options->o);
    return options;
}

void lagoon_client_options_free(struct lagoon_client_options *options)
{
    if (options == NULL)
        return;
    lg_options_done(&lg_client_option_table, &options->o);
    lg_free(options);
}

enum lagoon_rc lagoon_client_options_set(struct lagoon_client_options *options, const char *name,
                                         const char *text, char *why, size_t why_size)
{
    struct lg_error err;
    enum lg_rc rc =
        lg_option_set(&lg_client_option_table, &options->o, name, lg_slice_str(text), &err);

    return rc == LG_OK ? LAGOON_OK : lg_lib_fail(&err, why, why_size);
}

const char *lagoon_client_option_name(size_t i)
{
    return i < lg_client_option_table.n ? lg_client_option_table.rows[i].name : NULL;
}

const char *lagoon_client_option_help(size_t i)
{
    return i < lg_client_option_table.n ? lg_client_option_table.rows[i].help : NULL;
}

/* --- Start and end. ----------------------------------------------------------------------------
 */

static void started(void *ctx, const struct lg_error *err)
{
    struct lagoon_client *c = ctx;

    c->start_err = *err;
    if (lg_client_key_schema(c->client) != NULL)
        c->key_schema = lg_schema_ref(lg_client_key_schema(c->client));
    lg_latch_uv_open(&c->latch);
}

static void start_runs(struct lg_task *task)
{
    struct lagoon_client *c = LG_CONTAINER_OF(task, struct lagoon_client, task);
    struct lg_error none = {0};

    if (lg_client_options(c->client)->lazy)
        started(c, &none);
    else
        lg_client_start(c->client, started, c);
}

static void closed(void *ctx)
{
    struct lagoon_client *c = ctx;

    c->client = NULL;
    lg_latch_uv_open(&c->latch);
}

static void close_runs(struct lg_task *task)
{
    struct lagoon_client *c = LG_CONTAINER_OF(task, struct lagoon_client, task);

    c->ended = true;
    lg_client_close(c->client, closed, c);
}

static void nothing_runs(struct lg_task *task)
{
    lg_latch_uv_open(&LG_CONTAINER_OF(task, struct lagoon_client, task)->latch);
}

/* Runs `run` on the lane and waits until it opened the latch. */
static enum lg_rc await(struct lagoon_client *c, void (*run)(struct lg_task *task),
                        struct lg_error *err)
{
    enum lg_rc rc = lg_latch_uv_init(&c->latch, err);

    if (rc != LG_OK)
        return rc;
    c->task.run = run;
    lg_lane_post(c->lane, &c->task);
    lg_latch_uv_wait(&c->latch);
    lg_latch_uv_done(&c->latch);
    return LG_OK;
}

/* Half-built clients too. */
static void client_free(struct lagoon_client *c)
{
    if (c->lane_runs) {
        lg_lane_uv_stop(c->lane);
        lg_lane_uv_join(c->lane);
    }
    lg_client_free(c->client);
    lg_transport_uv_free(c->sockets);
    if (c->transport != c->sockets)
        lg_transport_tls_free(c->transport);
    lg_lane_uv_free(c->lane);
    lg_pool_uv_free(c->pool);
    lg_schema_unref(c->key_schema);
    lg_free(c);
}

static enum lg_rc open_transport(const struct lg_client_options *o, struct lagoon_client *c,
                                 struct lg_error *err)
{
    struct lg_tls_options tls = {.cert = o->tls_cert, .key = o->tls_key, .ca = o->tls_ca};

    c->transport = c->sockets = lg_transport_uv_new();
    if (o->tls_ca == NULL && o->tls_cert == NULL && o->tls_key == NULL &&
        (o->router == NULL || strstr(o->router, "https://") == NULL))
        return LG_OK;
    return lg_transport_tls_new(c->sockets, &tls, &c->transport, err);
}

static enum lg_rc open_client(const struct lg_client_options *o, struct lagoon_client *c,
                              struct lg_error *err)
{
    enum lg_rc rc = lg_pool_uv_new(POOL_THREADS, &c->pool, err);

    if (rc == LG_OK)
        rc = lg_lane_uv_new("lagoon-client", c->pool, &c->lane, err);
    if (rc != LG_OK)
        return rc;
    rc = open_transport(o, c, err);
    if (rc == LG_OK)
        rc = lg_client_new(o, c->lane, c->transport, &c->client, err);
    if (rc == LG_OK)
        rc = lg_lane_uv_start(c->lane, err);
    c->lane_runs = rc == LG_OK;
    return rc;
}

enum lagoon_rc lagoon_client_open(const struct lagoon_client_options *options,
                                  struct lagoon_client **out_client, char *why, size_t why_size)
{
    struct lagoon_client *c = lg_new(struct lagoon_client);
    struct lg_error err;
    enum lg_rc rc;

    lg_log_set_level(LG_LOG_OFF); /* Standard error belongs to the application. */
    c->process = getpid();
    c->requests.max = options->o.requests_max;
    c->bytes.max = options->o.queue_bytes_max;
    c->batch_keys_max = options->o.batch_keys_max;
    rc = open_client(&options->o, c, &err);
    if (rc != LG_OK) {
        client_free(c);
        return lg_lib_fail(&err, why, why_size);
    }
    rc = await(c, start_runs, &err);
    if (rc == LG_OK && c->start_err.rc == LG_OK) {
        *out_client = c;
        return LAGOON_OK;
    }
    if (rc == LG_OK)
        err = c->start_err;
    (void)lagoon_client_close(c);
    return lg_lib_fail(&err, why, why_size);
}

static enum lg_rc check_process(const struct lagoon_client *c, struct lg_error *err)
{
    if (c->process == getpid())
        return LG_OK;
    return lg_error_set(err, LG_ERR_INVALID,
                        "the client belongs to process %ld, which opened it; open another one in "
                        "this process",
                        (long)c->process);
}

static enum lg_rc check_blocking(const struct lagoon_client *c, struct lg_error *err)
{
    enum lg_rc rc = check_process(c, err);

    if (rc == LG_OK && lg_lane_is_current(c->lane))
        rc = lg_error_set(err, LG_ERR_INVALID,
                          "this call waits, and a callback must not wait; use the asynchronous "
                          "one, or another thread");
    return rc;
}

enum lagoon_rc lagoon_client_close(struct lagoon_client *client)
{
    struct lg_error err;
    enum lg_rc rc;

    if (client == NULL)
        return LAGOON_OK;
    rc = check_blocking(client, &err);
    if (rc != LG_OK)
        return lg_lib_rc(rc);
    (void)lg_flag_raise(&client->closing);
    rc = await(client, close_runs, &err);
    if (rc == LG_OK) /* What a callback submitted at the last moment has been refused then. */
        rc = await(client, nothing_runs, &err);
    if (rc != LG_OK)
        return lg_lib_rc(rc);
    client_free(client);
    return LAGOON_OK;
}

struct lagoon_slice lagoon_client_key_schema(const struct lagoon_client *client)
{
    struct lg_slice text =
        client->key_schema == NULL ? LG_SLICE_NULL : lg_schema_text(client->key_schema);

    return lagoon_slice_of(text.data, text.size);
}

/* --- Requests. ---------------------------------------------------------------------------------
 */

static void request_unref(struct lagoon_request *r)
{
    if (!lg_ref_put(&r->refs))
        return;
    lagoon_value_free(r->value);
    lg_free(r);
}

void lagoon_request_free(struct lagoon_request *request)
{
    if (request != NULL)
        request_unref(request);
}

static void settled(struct lg_client_read *read, const struct lg_error *err);

static void submit_runs(struct lg_task *task)
{
    struct lagoon_request *r = LG_CONTAINER_OF(task, struct lagoon_request, submit);
    struct lg_error err;

    if (!r->client->ended) {
        lg_client_submit(r->client->client, &r->read);
        return;
    }
    (void)lg_error_set(&err, LG_ERR_CANCELLED, "the client was closed");
    settled(&r->read, &err);
}

static void cancel_runs(struct lg_task *task)
{
    struct lagoon_request *r = LG_CONTAINER_OF(task, struct lagoon_request, cancel);

    if (!lg_flag_is_raised(&r->settled))
        lg_client_cancel(&r->read);
    request_unref(r);
}

void lagoon_request_cancel(struct lagoon_request *request)
{
    if (lg_flag_is_raised(&request->settled) || !lg_flag_raise(&request->cancelled))
        return;
    lg_ref_get(&request->refs);
    request->cancel.run = cancel_runs;
    lg_lane_post(request->client->lane, &request->cancel);
}

/* --- Answers, on the lane. ---------------------------------------------------------------------
 */

static struct lagoon_value *copy_value(struct lagoon_request *r,
                                       const struct lg_client_found *found, struct lg_error *err)
{
    struct lagoon_value *value = NULL;

    if (lg_lib_value_new(found, &value, err) != LG_OK && r->value_err.rc == LG_OK)
        r->value_err = *err;
    return value;
}

static void single_answered(struct lg_client_read *read, size_t key_index, enum lg_rc rc,
                            const struct lg_client_found *found, const char *why)
{
    struct lagoon_request *r = LG_CONTAINER_OF(read, struct lagoon_request, read);
    struct lg_error err;

    (void)key_index, (void)why; /* A failure is told by `done` too. */
    r->missing = rc == LG_ERR_NOT_FOUND;
    if (rc == LG_OK)
        r->value = copy_value(r, found, &err);
}

static void one_answered(struct lg_client_read *read, size_t key_index, enum lg_rc rc,
                         const struct lg_client_found *found, const char *why)
{
    struct lagoon_request *r = LG_CONTAINER_OF(read, struct lagoon_request, read);
    struct lagoon_value *value = NULL;
    struct lg_error err;

    if (rc == LG_OK) {
        value = copy_value(r, found, &err);
        if (value == NULL)
            rc = err.rc, why = err.text;
    }
    r->answered(r->ctx, key_index, lg_lib_rc(rc), value,
                rc == LG_ERR_NOT_FOUND ? "the store has no such key" : why);
}

/* What it held in flight is free before the callback, which may begin the next read. */
static void settled(struct lg_client_read *read, const struct lg_error *err)
{
    struct lagoon_request *r = LG_CONTAINER_OF(read, struct lagoon_request, read);
    struct lg_error failed = err->rc != LG_OK ? *err : r->value_err;

    (void)lg_flag_raise(&r->settled);
    lg_bound_give(&r->client->requests, 1);
    lg_bound_give(&r->client->bytes, r->key_bytes);
    if (r->got_all != NULL) {
        r->got_all(r->ctx, lg_lib_rc(failed.rc), failed.rc == LG_OK ? "" : failed.text);
    } else if (failed.rc != LG_OK) {
        r->got(r->ctx, lg_lib_rc(failed.rc), NULL, failed.text);
    } else if (r->missing) {
        r->got(r->ctx, LAGOON_ERR_NOT_FOUND, NULL, "the store has no such key");
    } else {
        r->got(r->ctx, LAGOON_OK, LG_TAKE(r->value), "");
    }
    request_unref(r);
}

/* --- Submitting, on any thread. ----------------------------------------------------------------
 */

struct asked { /* The parameters that all reads share. */
    struct lagoon_client *client;
    enum lagoon_key_form form;
    const struct lagoon_slice *keys;
    size_t key_count;
    uint64_t timeout_ms;
    void *ctx;
};

static enum lg_rc check_asked(const struct asked *a, size_t *out_bytes, struct lg_error *err)
{
    enum lg_rc rc = check_process(a->client, err);
    size_t bytes = 0;

    if (rc != LG_OK)
        return rc;
    if (lg_flag_is_raised(&a->client->closing))
        return lg_error_set(err, LG_ERR_CANCELLED, "the client is being closed");
    if (a->key_count == 0)
        return lg_error_set(err, LG_ERR_INVALID, "no key is given");
    if (a->key_count > a->client->batch_keys_max)
        return lg_error_set(err, LG_ERR_TOO_LARGE, "%zu keys; batch_keys_max allows %u",
                            a->key_count, a->client->batch_keys_max);
    if (a->form != LAGOON_KEY_AVRO && a->form != LAGOON_KEY_TEXT && a->form != LAGOON_KEY_JSON)
        return lg_error_set(err, LG_ERR_INVALID, "there is no key form %d", (int)a->form);
    for (size_t i = 0; i < a->key_count; i++) {
        if (a->keys[i].size > a->client->bytes.max - bytes)
            return lg_error_set(err, LG_ERR_TOO_LARGE,
                                "the keys are larger than queue_bytes_max, %llu bytes",
                                (unsigned long long)a->client->bytes.max);
        bytes += a->keys[i].size;
    }
    *out_bytes = bytes;
    return LG_OK;
}

/* A place among those in flight. */
static enum lg_rc take_place(struct lagoon_client *c, size_t bytes, struct lg_error *err)
{
    if (!lg_bound_take(&c->requests, 1))
        return lg_error_set(err, LG_ERR_BUSY,
                            "%llu reads are in flight, which is requests_max; wait for some",
                            (unsigned long long)c->requests.max);
    if (lg_bound_take(&c->bytes, bytes))
        return LG_OK;
    lg_bound_give(&c->requests, 1);
    return lg_error_set(err, LG_ERR_BUSY,
                        "the keys in flight reach queue_bytes_max, %llu bytes; wait for some",
                        (unsigned long long)c->bytes.max);
}

static enum lg_rc request_new(const struct asked *a, struct lagoon_request **out,
                              struct lg_error *err)
{
    struct lagoon_request *r;
    uint8_t *at;
    size_t bytes;
    enum lg_rc rc = check_asked(a, &bytes, err);

    if (rc == LG_OK)
        rc = take_place(a->client, bytes, err);
    if (rc != LG_OK)
        return rc;
    r = lg_try_alloc(sizeof *r + a->key_count * sizeof(struct lg_slice) + bytes);
    if (r == NULL) {
        lg_bound_give(&a->client->requests, 1);
        lg_bound_give(&a->client->bytes, bytes);
        return lg_error_set(err, LG_ERR_FAILED, "no memory for %zu bytes of keys", bytes);
    }
    memset(r, 0, sizeof *r);
    r->refs = 1;
    r->client = a->client;
    r->key_bytes = bytes;
    r->ctx = a->ctx;
    r->submit.run = submit_runs;
    at = (uint8_t *)(r->keys + a->key_count);
    for (size_t i = 0; i < a->key_count; i++) {
        if (a->keys[i].size > 0)
            memcpy(at, a->keys[i].data, a->keys[i].size);
        r->keys[i] = lg_slice(at, a->keys[i].size);
        at += a->keys[i].size;
    }
    r->read.keys = r->keys;
    r->read.key_count = a->key_count;
    r->read.form = (enum lg_key_form)a->form;
    r->read.timeout_ms = a->timeout_ms;
    r->read.done = settled;
    *out = r;
    return LG_OK;
}

static void post(struct lagoon_request *r, struct lagoon_request **out_request)
{
    if (out_request != NULL) {
        lg_ref_get(&r->refs);
        *out_request = r;
    }
    lg_lane_post(r->client->lane, &r->submit); /* From here on it is the lane's. */
}

enum lagoon_rc lagoon_client_get_async(
    struct lagoon_client *client, enum lagoon_key_form form, struct lagoon_slice key,
    uint64_t timeout_ms,
    void (*done)(void *ctx, enum lagoon_rc rc, struct lagoon_value *take_value, const char *why),
    void *ctx, struct lagoon_request **out_request, char *why, size_t why_size)
{
    struct asked asked = {client, form, &key, 1, timeout_ms, ctx};
    struct lagoon_request *r;
    struct lg_error err;

    if (request_new(&asked, &r, &err) != LG_OK)
        return lg_lib_fail(&err, why, why_size);
    r->read.single = true;
    r->read.answered = single_answered;
    r->got = done;
    post(r, out_request);
    return LAGOON_OK;
}

enum lagoon_rc lagoon_client_batch_get_async(
    struct lagoon_client *client, enum lagoon_key_form form, const struct lagoon_slice *keys,
    size_t key_count, uint64_t timeout_ms,
    void (*answered)(void *ctx, size_t key_index, enum lagoon_rc rc,
                     struct lagoon_value *take_value, const char *why),
    void (*done)(void *ctx, enum lagoon_rc rc, const char *why), void *ctx,
    struct lagoon_request **out_request, char *why, size_t why_size)
{
    struct asked asked = {client, form, keys, key_count, timeout_ms, ctx};
    struct lagoon_request *r;
    struct lg_error err;

    if (request_new(&asked, &r, &err) != LG_OK)
        return lg_lib_fail(&err, why, why_size);
    r->read.answered = one_answered;
    r->answered = answered;
    r->got_all = done;
    post(r, out_request);
    return LAGOON_OK;
}

/* --- Waiting. ----------------------------------------------------------------------------------
 */

struct waiting { /* On the stack of the thread that waits. */
    struct lg_latch_uv latch;
    struct lagoon_value **values; /* of a batch */
    size_t missing;
    enum lagoon_rc rc;
    char *why;
    size_t why_size;
};

static void conclude(struct waiting *w, enum lagoon_rc rc, const char *why)
{
    struct lg_error err;

    w->rc = rc;
    if (rc != LAGOON_OK) {
        (void)lg_error_set(&err, LG_ERR_FAILED, "%s", why);
        (void)lg_lib_fail(&err, w->why, w->why_size);
    }
    lg_latch_uv_open(&w->latch);
}

static void got(void *ctx, enum lagoon_rc rc, struct lagoon_value *take_value, const char *why)
{
    struct waiting *w = ctx;

    w->values[0] = take_value;
    conclude(w, rc, why);
}

static void batch_answered(void *ctx, size_t key_index, enum lagoon_rc rc,
                           struct lagoon_value *take_value, const char *why)
{
    struct waiting *w = ctx;

    (void)why; /* `done` tells the first failure. */
    w->values[key_index] = take_value;
    w->missing += rc == LAGOON_ERR_NOT_FOUND;
}

static void batch_done(void *ctx, enum lagoon_rc rc, const char *why)
{
    conclude(ctx, rc, why);
}

static enum lg_rc wait_begin(struct lagoon_client *client, struct waiting *w, struct lg_error *err)
{
    enum lg_rc rc = check_blocking(client, err);

    return rc == LG_OK ? lg_latch_uv_init(&w->latch, err) : rc;
}

enum lagoon_rc lagoon_client_get(struct lagoon_client *client, enum lagoon_key_form form,
                                 struct lagoon_slice key, uint64_t timeout_ms,
                                 struct lagoon_value **out_value, char *why, size_t why_size)
{
    struct lagoon_value *value = NULL;
    struct waiting w = {.values = &value, .why = why, .why_size = why_size};
    struct lg_error err;
    enum lagoon_rc rc;

    if (wait_begin(client, &w, &err) != LG_OK)
        return lg_lib_fail(&err, why, why_size);
    rc = lagoon_client_get_async(client, form, key, timeout_ms, got, &w, NULL, why, why_size);
    if (rc == LAGOON_OK) {
        lg_latch_uv_wait(&w.latch);
        rc = w.rc;
    }
    lg_latch_uv_done(&w.latch);
    if (rc == LAGOON_OK)
        *out_value = value;
    return rc;
}

static void free_values(struct lagoon_value **values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        lagoon_value_free(values[i]);
    lg_free(values);
}

enum lagoon_rc lagoon_client_batch_get(struct lagoon_client *client, enum lagoon_key_form form,
                                       const struct lagoon_slice *keys, size_t key_count,
                                       uint64_t timeout_ms, struct lagoon_value **out_values,
                                       size_t *out_missing, char *why, size_t why_size)
{
    struct waiting w = {.why = why, .why_size = why_size};
    struct lg_error err;
    enum lagoon_rc rc;

    if (wait_begin(client, &w, &err) != LG_OK)
        return lg_lib_fail(&err, why, why_size);
    /* The caller's places stay as they are until all is well. */
    w.values = lg_new_array(struct lagoon_value *, LG_MIN(key_count, client->batch_keys_max));
    rc = lagoon_client_batch_get_async(client, form, keys, key_count, timeout_ms, batch_answered,
                                       batch_done, &w, NULL, why, why_size);
    if (rc == LAGOON_OK) {
        lg_latch_uv_wait(&w.latch);
        rc = w.rc;
    }
    lg_latch_uv_done(&w.latch);
    if (rc != LAGOON_OK) {
        free_values(w.values, LG_MIN(key_count, client->batch_keys_max));
        return rc;
    }
    memcpy(out_values, w.values, key_count * sizeof *out_values);
    lg_free(w.values);
    if (out_missing != NULL)
        *out_missing = w.missing;
    return LAGOON_OK;
}
