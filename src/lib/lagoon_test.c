/* liblagoon through its public header, over sockets, against a router that answers what the test
 * says on a thread of its own. What goes over the network is client_test's; here it is threads,
 * blocking calls, bounds, ends. */
#include "lagoon/client.h"

#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "drivers/uv/lane_uv.h"
#include "drivers/uv/latch_uv.h"
#include "drivers/uv/transport_uv.h"
#include "lane/shared.h"
#include "read/wire.h"
#include "test/lib/mock_router.h"
#include "test/test.h"

#define WHY why, sizeof why
#define MANY 100000u
#define KEYS_MAX 512u

struct world {
    struct lg_pool_uv *pool;
    struct lg_lane *lane;
    struct lg_transport *transport;
    struct lg_mock_router mock;
    bool silent;
    struct lg_task task;
    void (*step)(struct world *w);
    struct lg_latch_uv latch;
    struct lagoon_client_options *options;
    char url[64];
};

/* --- The router: the value of a key is "v" and the key; keys that begin with 'x' are missing. ---
 */

static void value_of(struct lg_slice key, struct lg_buf *out)
{
    lg_buf_append_byte(out, (uint8_t)(2 * key.size)); /* An Avro string: a length, then text. */
    lg_buf_append_byte(out, 'v');
    lg_buf_append_slice(out, lg_slice_skip(key, 1));
}

static bool is_missing(struct lg_slice key)
{
    return key.size > 1 && key.data[1] == 'x';
}

static void handle(struct lg_mock_router *m, const struct lg_http1_message *rq,
                   struct lg_mock_reply *reply)
{
    static struct lg_buf body; /* The mock's lane alone. */
    struct world *w = m->ctx;

    lg_buf_done(&body);
    reply->silent = w->silent;
    reply->headers = "X-VENICE-SCHEMA-ID: 1\r\nX-LAGOON-VERSION: 3\r\n";
    if (rq->method == LG_HTTP_GET) {
        LG_SCOPED(lg_buf) key = {0};
        struct lg_slice text = lg_slice_skip(rq->target, strlen("/storage/test_store/"));

        text.size -= strlen("?f=b64");
        assert_true(lg_base64_decode(&key, text));
        if (is_missing(lg_buf_slice(&key)))
            reply->status = 404;
        else
            value_of(lg_buf_slice(&key), &body);
    } else {
        static struct lg_slice keys[KEYS_MAX];
        size_t n = lg_mock_keys(rq, keys, KEYS_MAX);

        if (n == KEYS_MAX) {
            reply->status = 413;
            lg_buf_append_str(&body, "too many keys at once");
        }
        for (size_t i = 0; n < KEYS_MAX && i < n; i++) {
            LG_SCOPED(lg_buf) value = {0};

            value_of(keys[i], &value);
            if (!is_missing(keys[i]))
                lg_wire_value_add(&body,
                                  &(struct lg_wire_value){(int32_t)i, lg_buf_slice(&value), 1});
        }
    }
    reply->body = lg_buf_slice(&body);
    if (m->asked.size > 1 << 20)
        lg_buf_clear(&m->asked);
}

static void free_body(void)
{
    struct lg_http1_message none = {.method = LG_HTTP_POST};
    struct lg_mock_router m = {0};
    struct world w = {0};
    struct lg_mock_reply reply = {0};

    m.ctx = &w;
    handle(&m, &none, &reply); /* Drops what the last answer held. */
}

static void step_runs(struct lg_task *task)
{
    struct world *w = LG_CONTAINER_OF(task, struct world, task);

    w->step(w);
    lg_latch_uv_open(&w->latch);
}

static void on_lane(struct world *w, void (*step)(struct world *w))
{
    struct lg_error err;

    w->step = step;
    w->task.run = step_runs;
    assert_ok(lg_latch_uv_init(&w->latch, &err));
    lg_lane_post(w->lane, &w->task);
    lg_latch_uv_wait(&w->latch);
    lg_latch_uv_done(&w->latch);
}

static void stop_mock(struct world *w)
{
    lg_mock_router_stop(&w->mock);
}

static void start_mock(struct world *w)
{
    lg_mock_router_start(&w->mock, w->transport, w->lane, "127.0.0.1");
}

static void nothing(struct world *w)
{
    (void)w;
}

static void be_silent(struct world *w)
{
    w->silent = true;
}

static void set(struct world *w, const char *name, const char *text)
{
    char why[LAGOON_WHY_MAX];

    if (lagoon_client_options_set(w->options, name, text, WHY) != LAGOON_OK)
        fail_msg("%s", why);
}

static int set_up(void **state)
{
    struct world *w = lg_new(struct world);
    struct lg_error err;

    assert_ok(lg_pool_uv_new(1, &w->pool, &err));
    assert_ok(lg_lane_uv_new("mock", w->pool, &w->lane, &err));
    w->transport = lg_transport_uv_new();
    w->mock.store = "test_store";
    w->mock.key_schema = w->mock.value_schema[0] = "\"string\"";
    w->mock.handle = handle;
    w->mock.ctx = w;
    start_mock(w);
    assert_ok(lg_lane_uv_start(w->lane, &err));
    w->options = lagoon_client_options_new();
    (void)snprintf(w->url, sizeof w->url, "http://127.0.0.1:%u", w->mock.port);
    set(w, "router", w->url);
    set(w, "store", "test_store");
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    on_lane(w, stop_mock);
    lg_lane_uv_stop(w->lane);
    lg_lane_uv_join(w->lane);
    lg_transport_uv_free(w->transport);
    lg_lane_uv_free(w->lane);
    lg_pool_uv_free(w->pool);
    lg_mock_router_done(&w->mock);
    free_body();
    lagoon_client_options_free(w->options);
    lg_free(w);
    return 0;
}

static struct lagoon_client *open_client(struct world *w)
{
    struct lagoon_client *client = NULL;
    char why[LAGOON_WHY_MAX];

    if (lagoon_client_open(w->options, &client, WHY) != LAGOON_OK)
        fail_msg("%s", why);
    return client;
}

static void close_client(struct lagoon_client *client)
{
    assert_int_equal(lagoon_client_close(client), LAGOON_OK);
}

#define assert_lrc(want, got) assert_string_equal(lagoon_rc_name(want), lagoon_rc_name(got))

static struct lagoon_slice text(const char *s)
{
    return lagoon_slice_of(s, strlen(s));
}

static void assert_json(struct lagoon_value *value, const char *want)
{
    struct lagoon_slice json;
    char why[LAGOON_WHY_MAX];

    for (size_t i = 0; i < 2; i++) { /* The second time it is there already. */
        assert_lrc(LAGOON_OK, lagoon_value_json(value, &json, WHY));
        assert_int_equal(json.size, strlen(want));
        assert_memory_equal(json.data, want, json.size);
    }
}

/* --- Blocking. ---------------------------------------------------------------------------------
 */

static void a_get_waits_for_its_value(void **state)
{
    struct world *w = *state;
    struct lagoon_client *client = open_client(w);
    struct lagoon_value *value = NULL;
    char why[LAGOON_WHY_MAX] = "";

    assert_memory_equal(lagoon_client_key_schema(client).data, "\"string\"", 8);
    assert_lrc(LAGOON_OK, lagoon_client_get(client, LAGOON_KEY_TEXT, text("key1"), 0, &value, WHY));
    close_client(client); /* The value lives on. */
    assert_json(value, "\"vkey1\"");
    assert_int_equal(lagoon_value_bytes(value).size, 6);
    assert_memory_equal(lagoon_value_bytes(value).data, "\x0avkey1", 6);
    assert_memory_equal(lagoon_value_schema(value).data, "\"string\"", 8);
    assert_int_equal(lagoon_value_schema_id(value), 1);
    assert_int_equal(lagoon_value_version(value), 3);
    lagoon_value_free(value);
    lagoon_value_free(NULL);
    assert_lrc(LAGOON_OK, lagoon_client_close(NULL));
}

static void a_missing_key_is_told_by_its_code(void **state)
{
    struct world *w = *state;
    struct lagoon_client *client = open_client(w);
    struct lagoon_value *value = NULL;
    char why[LAGOON_WHY_MAX];

    assert_lrc(LAGOON_ERR_NOT_FOUND,
               lagoon_client_get(client, LAGOON_KEY_JSON, text("\"x\""), 0, &value, WHY));
    assert_string_equal(why, "the store has no such key");
    assert_lrc(LAGOON_ERR_NOT_FOUND,
               lagoon_client_get(client, LAGOON_KEY_AVRO, lagoon_slice_of("\x02x", 2), 0, &value,
                                 NULL, 0));
    assert_null(value); /* Untouched. */
    close_client(client);
}

static void a_batch_gives_values_in_the_order_of_its_keys(void **state)
{
    struct world *w = *state;
    struct lagoon_client *client = open_client(w);
    struct lagoon_slice keys[4] = {text("a"), text("x"), text("cc"), text("xx")};
    struct lagoon_value *values[4];
    size_t missing = 0;
    char why[LAGOON_WHY_MAX];

    assert_lrc(LAGOON_OK,
               lagoon_client_batch_get(client, LAGOON_KEY_TEXT, keys, 4, 0, values, &missing, WHY));
    assert_int_equal(missing, 2);
    assert_json(values[0], "\"va\"");
    assert_null(values[1]);
    assert_json(values[2], "\"vcc\"");
    assert_null(values[3]);
    lagoon_value_free(values[0]);
    lagoon_value_free(values[2]);
    close_client(client);
}

static void what_the_router_refuses_is_told_in_its_words(void **state)
{
    struct world *w = *state;
    struct lagoon_client *client = open_client(w);
    static struct lagoon_slice keys[10000];
    static struct lagoon_value *values[10000];
    char why[LAGOON_WHY_MAX], small[10];

    for (size_t i = 0; i < 10000; i++)
        keys[i] = text("k");
    assert_lrc(LAGOON_ERR_TOO_LARGE,
               lagoon_client_batch_get(client, LAGOON_KEY_TEXT, keys, 10000, 0, values, NULL, WHY));
    assert_non_null(strstr(why, "answers 413: too many keys at once"));
    assert_lrc(LAGOON_ERR_TOO_LARGE, lagoon_client_batch_get(client, LAGOON_KEY_TEXT, keys, 10000,
                                                             0, values, NULL, small, sizeof small));
    assert_int_equal(strlen(small), sizeof small - 1); /* Cut, not overflowed. */
    close_client(client);
}

/* --- Opening. ----------------------------------------------------------------------------------
 */

static void what_is_wrong_with_options_is_told(void **state)
{
    struct world *w = *state;
    struct lagoon_client_options *none = lagoon_client_options_new();
    struct lagoon_client *client = NULL;
    char why[LAGOON_WHY_MAX];

    assert_lrc(LAGOON_ERR_INVALID, lagoon_client_options_set(w->options, "timout_ms", "1s", WHY));
    assert_non_null(strstr(why, "timeout_ms")); /* What was meant. */
    assert_lrc(LAGOON_ERR_INVALID, lagoon_client_options_set(w->options, "connections", "0", WHY));
    assert_lrc(LAGOON_ERR_INVALID, lagoon_client_open(none, &client, WHY));
    assert_non_null(strstr(why, "'router' is missing"));
    assert_null(client);
    lagoon_client_options_free(none);
    lagoon_client_options_free(NULL);
    for (size_t i = 0; lagoon_client_option_name(i) != NULL; i++)
        assert_true(strlen(lagoon_client_option_help(i)) > 10);
    assert_string_equal(lagoon_client_option_name(0), "router");
    assert_null(lagoon_client_option_name(1000));
    assert_null(lagoon_client_option_help(1000));
}

static void an_open_that_fails_leaves_nothing_behind(void **state)
{
    struct world *w = *state;
    struct lagoon_client *client = NULL;
    char why[LAGOON_WHY_MAX];

    set(w, "store", "other");
    assert_lrc(LAGOON_ERR_NO_STORE, lagoon_client_open(w->options, &client, WHY));
    assert_non_null(strstr(why, "'other'"));
    on_lane(w, stop_mock);
    assert_lrc(LAGOON_ERR_UNAVAILABLE, lagoon_client_open(w->options, &client, WHY));
    assert_non_null(strstr(why, "cannot reach 127.0.0.1:"));
    set(w, "timeout_ms", "50");
    assert_lrc(LAGOON_ERR_TIMEOUT, lagoon_client_open(w->options, &client, WHY));
    assert_null(client);
    on_lane(w, start_mock);
}

static void a_lazy_client_opens_before_its_router(void **state)
{
    struct world *w = *state;
    struct lagoon_client *client;
    struct lagoon_value *value = NULL;
    char why[LAGOON_WHY_MAX];

    set(w, "lazy", "true");
    on_lane(w, stop_mock);
    client = open_client(w);
    assert_int_equal(lagoon_client_key_schema(client).size, 0);
    assert_lrc(LAGOON_ERR_UNAVAILABLE,
               lagoon_client_get(client, LAGOON_KEY_TEXT, text("a"), 0, &value, WHY));
    on_lane(w, start_mock);
    assert_lrc(LAGOON_OK, lagoon_client_get(client, LAGOON_KEY_TEXT, text("a"), 0, &value, WHY));
    lagoon_value_free(value);
    close_client(client);
}

/* --- Asynchronous. -----------------------------------------------------------------------------
 */

struct counted { /* Outcomes of many reads; the test waits on `all`. */
    struct lagoon_client *client;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    size_t done, found, missing, cancelled, timed_out, other, answered;
    enum lagoon_rc blocking, closing; /* What a callback was told. */
    size_t resubmitted;
    bool act;
};

static void count_init(struct counted *n, struct lagoon_client *client)
{
    memset(n, 0, sizeof *n);
    n->client = client;
    pthread_mutex_init(&n->mutex, NULL);
    pthread_cond_init(&n->changed, NULL);
}

static void count_await(struct counted *n, size_t done)
{
    pthread_mutex_lock(&n->mutex);
    while (n->done < done)
        pthread_cond_wait(&n->changed, &n->mutex);
    pthread_mutex_unlock(&n->mutex);
}

static void count_one(struct counted *n, enum lagoon_rc rc)
{
    pthread_mutex_lock(&n->mutex);
    n->found += rc == LAGOON_OK;
    n->missing += rc == LAGOON_ERR_NOT_FOUND;
    n->cancelled += rc == LAGOON_ERR_CANCELLED;
    n->timed_out += rc == LAGOON_ERR_TIMEOUT;
    n->other += rc != LAGOON_OK && rc != LAGOON_ERR_NOT_FOUND && rc != LAGOON_ERR_CANCELLED &&
                rc != LAGOON_ERR_TIMEOUT;
    n->done++;
    pthread_cond_signal(&n->changed);
    pthread_mutex_unlock(&n->mutex);
}

static void counted(void *ctx, enum lagoon_rc rc, struct lagoon_value *take_value, const char *why)
{
    assert_true((rc == LAGOON_OK) == (take_value != NULL));
    assert_true((rc == LAGOON_OK) == (why[0] == '\0'));
    lagoon_value_free(take_value);
    count_one(ctx, rc);
}

static void a_hundred_thousand_gets_are_answered_once_each(void **state)
{
    struct world *w = *state;
    struct lagoon_client *client = open_client(w);
    struct counted n;
    char why[LAGOON_WHY_MAX], key[16];
    size_t busy = 0;

    count_init(&n, client);
    for (size_t i = 0; i < MANY; i++) {
        enum lagoon_rc rc;

        (void)snprintf(key, sizeof key, "%s%zu", i % 10 == 0 ? "x" : "k", i);
        while ((rc = lagoon_client_get_async(client, LAGOON_KEY_TEXT, text(key), 60000, counted, &n,
                                             NULL, WHY)) == LAGOON_ERR_BUSY) {
            assert_non_null(strstr(why, "requests_max"));
            busy++;
            pthread_mutex_lock(&n.mutex);
            if (n.done < i) /* Something is in flight: one end makes room. */
                pthread_cond_wait(&n.changed, &n.mutex);
            pthread_mutex_unlock(&n.mutex);
        }
        assert_lrc(LAGOON_OK, rc);
    }
    count_await(&n, MANY);
    assert_int_equal(n.found, MANY - MANY / 10);
    assert_int_equal(n.missing, MANY / 10);
    assert_true(busy > 0); /* It was faster than the router, and bounded. */
    close_client(client);
    assert_int_equal(n.done, MANY);
}

static void key_counted(void *ctx, size_t key_index, enum lagoon_rc rc,
                        struct lagoon_value *take_value, const char *why)
{
    struct counted *n = ctx;
    static const char *const want[] = {"\"va\"", NULL, "\"vc\""};

    assert_int_equal(n->done, 0);
    n->answered++;
    assert_lrc(want[key_index] == NULL ? LAGOON_ERR_NOT_FOUND : LAGOON_OK, rc);
    if (take_value == NULL)
        assert_string_equal(why, "the store has no such key");
    else
        assert_json(take_value, want[key_index]);
    lagoon_value_free(take_value);
}

static void batch_counted(void *ctx, enum lagoon_rc rc, const char *why)
{
    (void)why;
    count_one(ctx, rc);
}

static void a_batch_streams_its_keys_and_then_ends(void **state)
{
    struct world *w = *state;
    struct lagoon_client *client = open_client(w);
    struct lagoon_slice keys[3] = {text("a"), text("x"), text("c")};
    struct counted n;
    char why[LAGOON_WHY_MAX];

    count_init(&n, client);
    assert_lrc(LAGOON_OK, lagoon_client_batch_get_async(client, LAGOON_KEY_TEXT, keys, 3, 0,
                                                        key_counted, batch_counted, &n, NULL, WHY));
    count_await(&n, 1);
    assert_int_equal(n.answered, 3);
    assert_int_equal(n.found, 1); /* The batch itself is well. */
    close_client(client);
}

static void what_would_pass_a_bound_is_refused_at_once(void **state)
{
    struct world *w = *state;
    struct lagoon_client *client;
    struct lagoon_slice keys[3] = {text("a"), text("b"), text("c")};
    struct lagoon_value *values[3];
    struct counted n;
    char why[LAGOON_WHY_MAX], large[2000] = {0};

    set(w, "requests_max", "3");
    set(w, "queue_bytes_max", "1KiB");
    set(w, "batch_keys_max", "2");
    client = open_client(w);
    count_init(&n, client);
    assert_lrc(LAGOON_ERR_TOO_LARGE,
               lagoon_client_batch_get(client, LAGOON_KEY_TEXT, keys, 3, 0, values, NULL, WHY));
    assert_non_null(strstr(why, "batch_keys_max allows 2"));
    assert_lrc(LAGOON_ERR_INVALID,
               lagoon_client_batch_get(client, LAGOON_KEY_TEXT, keys, 0, 0, values, NULL, WHY));
    assert_lrc(LAGOON_ERR_INVALID,
               lagoon_client_get(client, (enum lagoon_key_form)9, keys[0], 0, values, WHY));
    assert_lrc(LAGOON_ERR_TOO_LARGE,
               lagoon_client_get(client, LAGOON_KEY_AVRO, lagoon_slice_of(large, sizeof large), 0,
                                 values, WHY));
    assert_non_null(strstr(why, "queue_bytes_max"));
    on_lane(w, be_silent);
    for (size_t i = 0; i < 2; i++)
        assert_lrc(LAGOON_OK,
                   lagoon_client_get_async(client, LAGOON_KEY_AVRO, lagoon_slice_of(large, 500), 0,
                                           counted, &n, NULL, WHY));
    assert_lrc(LAGOON_ERR_BUSY,
               lagoon_client_get_async(client, LAGOON_KEY_AVRO, lagoon_slice_of(large, 100), 0,
                                       counted, &n, NULL, WHY));
    assert_non_null(strstr(why, "queue_bytes_max"));
    assert_lrc(LAGOON_OK, lagoon_client_get_async(client, LAGOON_KEY_TEXT, text("k"), 0, counted,
                                                  &n, NULL, WHY));
    assert_lrc(LAGOON_ERR_BUSY, lagoon_client_get_async(client, LAGOON_KEY_TEXT, text("k"), 0,
                                                        counted, &n, NULL, WHY));
    assert_non_null(strstr(why, "requests_max"));
    close_client(client);
    assert_int_equal(n.cancelled, 3);
}

static void a_read_ends_at_its_own_deadline(void **state)
{
    struct world *w = *state;
    struct lagoon_client *client = open_client(w);
    struct lagoon_value *value = NULL;
    char why[LAGOON_WHY_MAX];

    on_lane(w, be_silent);
    assert_lrc(LAGOON_ERR_TIMEOUT,
               lagoon_client_get(client, LAGOON_KEY_TEXT, text("k"), 30, &value, WHY));
    assert_true(lagoon_rc_may_retry(LAGOON_ERR_TIMEOUT));
    close_client(client);
}

static void a_request_may_be_cancelled_at_any_time_until_it_is_freed(void **state)
{
    struct world *w = *state;
    struct lagoon_client *client = open_client(w);
    struct lagoon_request *answered = NULL, *silent = NULL, *forgotten = NULL;
    struct counted n;
    char why[LAGOON_WHY_MAX];

    count_init(&n, client);
    assert_lrc(LAGOON_OK, lagoon_client_get_async(client, LAGOON_KEY_TEXT, text("k"), 0, counted,
                                                  &n, &answered, WHY));
    count_await(&n, 1);
    on_lane(w, be_silent);
    assert_lrc(LAGOON_OK, lagoon_client_get_async(client, LAGOON_KEY_TEXT, text("k"), 0, counted,
                                                  &n, &silent, WHY));
    assert_lrc(LAGOON_OK, lagoon_client_get_async(client, LAGOON_KEY_TEXT, text("k"), 0, counted,
                                                  &n, &forgotten, WHY));
    lagoon_request_free(forgotten); /* The read itself goes on. */
    lagoon_request_cancel(answered);
    lagoon_request_cancel(silent);
    lagoon_request_cancel(silent);
    count_await(&n, 2);
    assert_int_equal(n.found, 1);
    assert_int_equal(n.cancelled, 1);
    lagoon_request_cancel(silent);
    close_client(client);
    assert_int_equal(n.cancelled, 2);
    lagoon_request_cancel(silent); /* Nothing to do, and nobody to ask. */
    lagoon_request_free(silent);
    lagoon_request_free(answered);
    lagoon_request_free(NULL);
}

/* --- Ends. -------------------------------------------------------------------------------------
 */

static void asked_again(void *ctx, enum lagoon_rc rc, struct lagoon_value *take_value,
                        const char *why)
{
    struct counted *n = ctx;
    char ignored[LAGOON_WHY_MAX];

    (void)why;
    lagoon_value_free(take_value);
    /* Whatever happened: once more. So applications are written. */
    if (lagoon_client_get_async(n->client, LAGOON_KEY_TEXT, text("k"), 0, asked_again, n, NULL,
                                ignored, sizeof ignored) == LAGOON_OK)
        n->resubmitted++;
    count_one(n, rc);
}

static void a_close_ends_reads_that_ask_again_for_ever(void **state)
{
    struct world *w = *state;
    char why[LAGOON_WHY_MAX];

    for (size_t round = 0; round < 30; round++) {
        struct lagoon_client *client = open_client(w);
        struct counted n;
        size_t begun = 0;

        count_init(&n, client);
        for (; begun < 50; begun++)
            assert_lrc(LAGOON_OK, lagoon_client_get_async(client, LAGOON_KEY_TEXT, text("k"), 0,
                                                          asked_again, &n, NULL, WHY));
        count_await(&n, 1 + round * 20);
        close_client(client);
        assert_int_equal(n.done, begun + n.resubmitted); /* Each callback came. */
        assert_int_equal(n.other, 0);
    }
}

static void tries_to_block(void *ctx, enum lagoon_rc rc, struct lagoon_value *take_value,
                           const char *why)
{
    struct counted *n = ctx;
    struct lagoon_value *value = NULL;
    char refused[LAGOON_WHY_MAX];

    (void)why;
    lagoon_value_free(take_value);
    n->blocking = lagoon_client_get(n->client, LAGOON_KEY_TEXT, text("k"), 0, &value, refused,
                                    sizeof refused);
    assert_non_null(strstr(refused, "a callback must not wait"));
    n->closing = lagoon_client_close(n->client);
    count_one(n, rc);
}

static void a_callback_may_not_wait(void **state)
{
    struct world *w = *state;
    struct lagoon_client *client = open_client(w);
    struct counted n;
    char why[LAGOON_WHY_MAX];

    count_init(&n, client);
    assert_lrc(LAGOON_OK, lagoon_client_get_async(client, LAGOON_KEY_TEXT, text("k"), 0,
                                                  tries_to_block, &n, NULL, WHY));
    count_await(&n, 1);
    assert_lrc(LAGOON_ERR_INVALID, n.blocking);
    assert_lrc(LAGOON_ERR_INVALID, n.closing);
    close_client(client);
}

static void a_forked_child_is_refused_and_the_parent_goes_on(void **state)
{
    struct world *w = *state;
    struct lagoon_client *client = open_client(w);
    struct lagoon_value *value = NULL;
    char why[LAGOON_WHY_MAX];
    int status;
    pid_t child = fork();

    if (child == 0) {
        bool refused = lagoon_client_get(client, LAGOON_KEY_TEXT, text("k"), 0, &value, WHY) ==
                           LAGOON_ERR_INVALID &&
                       strstr(why, "which opened it") != NULL &&
                       lagoon_client_close(client) == LAGOON_ERR_INVALID;

        _exit(refused ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_lrc(LAGOON_OK, lagoon_client_get(client, LAGOON_KEY_TEXT, text("k"), 0, &value, WHY));
    lagoon_value_free(value);
    close_client(client);
}

static size_t open_descriptors(void)
{
    size_t n = 0;

    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) != -1;
    return n;
}

/* Allows this many descriptors more than there are. */
static void allow_descriptors(size_t more, const struct rlimit *usual)
{
    struct rlimit limit = *usual;

    limit.rlim_cur = open_descriptors() + more; /* Those that are open have no gaps. */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void without_descriptors_nothing_works_and_nothing_breaks(void **state)
{
    struct world *w = *state;
    size_t before, opened = 0, refused = 0;
    struct rlimit usual;
    char why[LAGOON_WHY_MAX];

    close_client(open_client(w)); /* What the process keeps for good is there now. */
    before = open_descriptors();
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
    set(w, "timeout_ms", "2000");
    for (size_t more = 0; more < 14; more++) {
        struct lagoon_client *client = NULL;
        struct lagoon_value *value = NULL;
        enum lagoon_rc rc;

        allow_descriptors(more, &usual);
        rc = lagoon_client_open(w->options, &client, WHY);
        if (rc == LAGOON_OK) {
            rc = lagoon_client_get(client, LAGOON_KEY_TEXT, text("k"), 0, &value, WHY);
            opened++;
        } else {
            assert_true(rc == LAGOON_ERR_IO || rc == LAGOON_ERR_UNAVAILABLE ||
                        rc == LAGOON_ERR_TIMEOUT);
            assert_true(strlen(why) > 10);
            refused++;
        }
        assert_true(rc == LAGOON_OK || value == NULL);
        lagoon_value_free(value);
        close_client(client);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
    }
    on_lane(w, stop_mock); /* Its own side of the connections. */
    on_lane(w, start_mock);
    assert_true(opened > 0 && refused > 2);
    for (size_t i = 0; i < 100 && open_descriptors() > before; i++)
        on_lane(w, nothing); /* The mock's side closes a turn later. */
    assert_true(open_descriptors() <= before);
}

/* --- A guest in somebody's process. ------------------------------------------------------------
 */

struct reader {
    struct lagoon_client *client;
    pthread_t thread;
    unsigned number, wrong;
};

static void *read_many(void *arg)
{
    struct reader *r = arg;
    char why[LAGOON_WHY_MAX], key[32], want[40];

    for (unsigned i = 0; i < 500; i++) {
        struct lagoon_value *value = NULL;
        struct lagoon_slice json;

        (void)snprintf(key, sizeof key, "%u/%u", r->number, i);
        (void)snprintf(want, sizeof want, "\"v%s\"", key);
        if (lagoon_client_get(r->client, LAGOON_KEY_TEXT, text(key), 60000, &value, WHY) !=
                LAGOON_OK ||
            lagoon_value_json(value, &json, WHY) != LAGOON_OK || json.size != strlen(want) ||
            memcmp(json.data, want, json.size) != 0)
            r->wrong++;
        lagoon_value_free(value);
    }
    return NULL;
}

static void many_threads_share_a_client(void **state)
{
    struct world *w = *state;
    struct reader readers[8];
    struct lagoon_client *client = open_client(w);

    for (unsigned i = 0; i < LG_ARRAY_SIZE(readers); i++) {
        readers[i] = (struct reader){.client = client, .number = i};
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_many, &readers[i]), 0);
    }
    for (unsigned i = 0; i < LG_ARRAY_SIZE(readers); i++) {
        assert_int_equal(pthread_join(readers[i].thread, NULL), 0);
        assert_int_equal(readers[i].wrong, 0);
    }
    close_client(client);
}

static void its_threads_take_no_signals(void **state)
{
    struct world *w = *state;
    struct lagoon_client *client = open_client(w);
    sigset_t one, before, pending;
    siginfo_t info;

    (void)sigemptyset(&one);
    (void)sigaddset(&one, SIGUSR1);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, &one, &before), 0);
    /* Its default action would end the process if any thread took it. */
    assert_int_equal(kill(getpid(), SIGUSR1), 0);
    assert_int_equal(sigpending(&pending), 0);
    assert_int_equal(sigismember(&pending, SIGUSR1), 1);
    assert_int_equal(sigwaitinfo(&one, &info), SIGUSR1);
    assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
    close_client(client);
}

static void the_host_s_jansson_keeps_its_allocator(void **state)
{
    json_t *json = json_pack("{s:i}", "a", 1);
    char *dumped = json_dumps(json, JSON_COMPACT);
    json_malloc_t allocate;
    json_free_t release;

    (void)state;
    assert_string_equal(dumped, "{\"a\":1}");
    free(dumped);
    json_decref(json);
    json_get_alloc_funcs(&allocate, &release);
    assert_ptr_equal(allocate, malloc);
    assert_ptr_equal(release, free);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_get_waits_for_its_value),
        TEST(a_missing_key_is_told_by_its_code),
        TEST(a_batch_gives_values_in_the_order_of_its_keys),
        TEST(what_the_router_refuses_is_told_in_its_words),
        TEST(what_is_wrong_with_options_is_told),
        TEST(an_open_that_fails_leaves_nothing_behind),
        TEST(a_lazy_client_opens_before_its_router),
        TEST(a_hundred_thousand_gets_are_answered_once_each),
        TEST(a_batch_streams_its_keys_and_then_ends),
        TEST(what_would_pass_a_bound_is_refused_at_once),
        TEST(a_read_ends_at_its_own_deadline),
        TEST(a_request_may_be_cancelled_at_any_time_until_it_is_freed),
        TEST(a_close_ends_reads_that_ask_again_for_ever),
        TEST(a_callback_may_not_wait),
        TEST(a_forked_child_is_refused_and_the_parent_goes_on),
        TEST(without_descriptors_nothing_works_and_nothing_breaks),
        TEST(many_threads_share_a_client),
        TEST(its_threads_take_no_signals),
        cmocka_unit_test(the_host_s_jansson_keeps_its_allocator),
    };

    (void)setenv("CMOCKA_TEST_ABORT", "1", 0); /* A failure on another thread ends the program. */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
