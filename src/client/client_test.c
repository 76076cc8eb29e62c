/* The thin client on the simulated network, against routers that answer what the test says: first
 * what Venice's own thin client was seen to ask and accept (wire-formats 4.8, 4.9), then what a
 * client of ours promises beyond that. */
#include "client/client.h"

#include <stdio.h>

#include "avro/encode.h"
#include "avro/json_text.h"
#include "base/compressor.h"
#include "base/str.h"
#include "drivers/sim/transport_sim.h"
#include "read/wire.h"
#include "test/lib/mock_router.h"
#include "test/test.h"

#define ROUTERS 2u
#define READS_MAX 600u
#define KEYS_MAX 64u
#define WAIT_US (60 * LG_SEC)

struct asked { /* One read and its outcome. */
    struct lg_client_read read;
    struct lg_slice keys[KEYS_MAX];
    size_t answered, dones;
    enum lg_rc rc, key_rc[KEYS_MAX];
    char why[LG_ERROR_TEXT_MAX], key_why[KEYS_MAX][128];
    struct lg_buf value[KEYS_MAX], json[KEYS_MAX];
    int32_t schema_id[KEYS_MAX], version[KEYS_MAX];
};

struct world {
    struct lg_sim *sim;
    struct lg_net_sim *net;
    struct lg_sim_node *node[ROUTERS];
    struct lg_lane *lane, *router_lane[ROUTERS];
    struct lg_mock_router mock[ROUTERS];
    struct lg_client_options options;
    struct lg_client *client;
    struct lg_mock_reply reply; /* what handle_as_told answers */
    struct asked asked[READS_MAX];
    size_t started, closed;
    struct lg_error start_err;
};

static void handle_as_told(struct lg_mock_router *m, const struct lg_http1_message *rq,
                           struct lg_mock_reply *reply)
{
    struct world *w = m->ctx;

    (void)rq;
    *reply = w->reply;
}

/* Serves "v:" and the key, for each key but those that begin with 'x'. */
static void handle_echo(struct lg_mock_router *m, const struct lg_http1_message *rq,
                        struct lg_mock_reply *reply)
{
    static uint8_t room[1 << 16];
    static struct lg_slice keys[2000];
    struct lg_buf body = {.data = room, .capacity = sizeof room, .ceiling = sizeof room};
    size_t n = lg_mock_keys(rq, keys, LG_ARRAY_SIZE(keys));

    (void)m;
    for (size_t i = 0; i < n; i++) {
        LG_SCOPED(lg_buf) value = {0};

        lg_buf_append_byte(&value, (uint8_t)((keys[i].size + 1) * 2)); /* "v" and the key's text */
        lg_buf_append_byte(&value, 'v');
        lg_buf_append_slice(&value, keys[i]);
        if (keys[i].size > 1 && keys[i].data[1] == 'x')
            lg_wire_missing_add(&body, (int32_t)i);
        else
            lg_wire_value_add(&body, &(struct lg_wire_value){(int32_t)i, lg_buf_slice(&value), 1});
    }
    reply->headers = "X-VENICE-SCHEMA-ID: 1\r\n";
    reply->body = lg_buf_slice(&body);
}

static int set_up(void **state)
{
    struct world *w = lg_new(struct world);

    w->sim = lg_sim_new(7);
    w->net = lg_net_sim_new(w->sim);
    w->lane = lg_sim_lane_new(w->sim, NULL, "client");
    for (size_t i = 0; i < ROUTERS; i++) {
        struct lg_mock_router *m = &w->mock[i];
        char name[8];

        (void)snprintf(name, sizeof name, "r%zu", i);
        w->node[i] = lg_sim_node_new(w->sim, name);
        w->router_lane[i] = lg_sim_lane_new(w->sim, NULL, name);
        m->store = "test_store";
        m->key_schema = "\"string\"";
        m->value_schema[0] = "\"string\"";
        m->handle = handle_as_told;
        m->ctx = w;
        m->port = (uint16_t)(7777 + i);
        lg_mock_router_start(m, lg_net_sim_transport(w->net), w->router_lane[i], "world");
    }
    lg_options_init(&lg_client_option_table, &w->options);
    w->options.store = lg_strdup("test_store");
    w->options.router = lg_strdup("http://world:7777");
    *state = w;
    return 0;
}

static void asked_done(struct asked *a)
{
    for (size_t i = 0; i < KEYS_MAX; i++) {
        lg_buf_done(&a->value[i]);
        lg_buf_done(&a->json[i]);
    }
    memset(a, 0, sizeof *a);
}

static bool is_closed(void *ctx)
{
    return ((struct world *)ctx)->closed > 0;
}

static void client_closed(void *ctx)
{
    ((struct world *)ctx)->closed++;
}

static void close_client(struct world *w)
{
    if (w->client == NULL)
        return;
    w->closed = 0;
    lg_client_close(w->client, client_closed, w);
    assert_int_equal(w->closed, 0);
    assert_true(lg_sim_run_until(w->sim, is_closed, w, WAIT_US));
    w->client = NULL;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    close_client(w);
    for (size_t i = 0; i < ROUTERS; i++) {
        lg_mock_router_stop(&w->mock[i]);
        lg_mock_router_done(&w->mock[i]);
    }
    for (size_t i = 0; i < READS_MAX; i++)
        asked_done(&w->asked[i]);
    lg_sim_run_us(w->sim, LG_SEC);
    lg_options_done(&lg_client_option_table, &w->options);
    lg_sim_free(w->sim);
    lg_net_sim_free(w->net);
    lg_free(w);
    return 0;
}

static void set(struct world *w, const char *name, const char *text)
{
    struct lg_error err;

    assert_ok(lg_option_set(&lg_client_option_table, &w->options, name, lg_slice_str(text), &err));
}

static void two_routers(struct world *w)
{
    set(w, "router", " http://world:7777, http://world:7778");
}

/* --- Reads. ------------------------------------------------------------------------------------
 */

static void key_answered(struct lg_client_read *read, size_t i, enum lg_rc rc,
                         const struct lg_client_found *found, const char *why)
{
    struct asked *a = LG_CONTAINER_OF(read, struct asked, read);
    struct lg_error err;

    assert_int_equal(a->dones, 0);
    a->answered++;
    a->key_rc[i] = rc;
    (void)snprintf(a->key_why[i], sizeof a->key_why[i], "%s", why);
    if (rc != LG_OK) {
        assert_null(found);
        return;
    }
    struct lg_decoder d = lg_decoder_of(found->value);

    lg_buf_append_slice(&a->value[i], found->value);
    assert_ok(lg_avro_to_json(found->schema, &d, &a->json[i], &err));
    lg_buf_append_byte(&a->json[i], '\0');
    a->schema_id[i] = found->schema_id;
    a->version[i] = found->version;
}

static void read_done(struct lg_client_read *read, const struct lg_error *err)
{
    struct asked *a = LG_CONTAINER_OF(read, struct asked, read);

    a->dones++;
    a->rc = err->rc;
    (void)snprintf(a->why, sizeof a->why, "%s", err->text);
}

static void open_client(struct world *w)
{
    struct lg_error err;

    if (w->client == NULL)
        assert_ok(
            lg_client_new(&w->options, w->lane, lg_net_sim_transport(w->net), &w->client, &err));
}

/* Submits a read of these text keys (NULL at the end). */
static struct asked *submit(struct world *w, size_t slot, bool single, const char *const *keys)
{
    struct asked *a = &w->asked[slot];

    open_client(w);
    asked_done(a);
    for (; keys[a->read.key_count] != NULL; a->read.key_count++)
        a->keys[a->read.key_count] = lg_slice_str(keys[a->read.key_count]);
    a->read.keys = a->keys;
    a->read.form = LG_KEY_TEXT;
    a->read.single = single;
    a->read.answered = key_answered;
    a->read.done = read_done;
    lg_client_submit(w->client, &a->read);
    assert_int_equal(a->dones, 0);
    return a;
}

static bool is_done(void *ctx)
{
    return ((struct asked *)ctx)->dones > 0;
}

static struct asked *wait_for(struct world *w, struct asked *a)
{
    assert_true(lg_sim_run_until(w->sim, is_done, a, WAIT_US));
    assert_int_equal(a->dones, 1);
    return a;
}

static struct asked *get(struct world *w, const char *key)
{
    return wait_for(w, submit(w, 0, true, (const char *const[]){key, NULL}));
}
#define BATCH(w, ...) wait_for(w, submit(w, 0, false, (const char *const[]){__VA_ARGS__, NULL}))

static void assert_json(const struct asked *a, size_t i, const char *want)
{
    if (a->key_rc[i] != LG_OK || a->answered == 0)
        fail_msg("%s: %s", lg_rc_name(a->key_rc[i]), a->why);
    assert_string_equal((const char *)a->json[i].data, want);
}

static void assert_why(const struct asked *a, enum lg_rc rc, const char *part)
{
    assert_rc(rc, a->rc);
    if (strstr(a->why, part) == NULL)
        fail_msg("'%s' does not say '%s'", a->why, part);
}

static void tell(struct world *w, int status, const char *headers, struct lg_slice body)
{
    w->reply = (struct lg_mock_reply){.status = status, .headers = headers, .body = body};
}

/* --- What Venice's thin client asks: 4.8. ------------------------------------------------------
 */

static void the_start_asks_what_venice_s_thin_client_asks(void **state)
{
    struct world *w = *state;

    tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\n", LG_LIT("\x0cvalue1"));
    assert_json(get(w, "key1"), 0, "\"value1\"");
    lg_buf_append_byte(&w->mock[0].asked, '\0');
    /* CGtleTE= is the Avro string "key1". */
    assert_string_equal((const char *)w->mock[0].asked.data,
                        "GET /all_value_schema_ids/test_store\n"
                        "GET /value_schema/test_store/1\n"
                        "GET /key_schema/test_store\n"
                        "GET /storage/test_store/CGtleTE=?f=b64\n");
}

static void check_single_headers(struct lg_mock_router *m, const struct lg_http1_message *rq,
                                 struct lg_mock_reply *reply)
{
    assert_slice_equal(lg_http_header(&rq->headers, "X-VENICE-API-VERSION"), LG_LIT("1"));
    assert_slice_equal(lg_http_header(&rq->headers, "X-VENICE-SUPPORTED-COMPRESSION-STRATEGY"),
                       LG_LIT("2"));
    handle_as_told(m, rq, reply);
}

static void check_multi_headers(struct lg_mock_router *m, const struct lg_http1_message *rq,
                                struct lg_mock_reply *reply)
{
    check_single_headers(m, rq, reply);
    assert_slice_equal(lg_http_header(&rq->headers, "X-VENICE-KEY-COUNT"), LG_LIT("2"));
    assert_slice_equal(lg_http_header(&rq->headers, "X-VENICE-STREAMING"), LG_LIT("1"));
    assert_slice_equal(lg_http_header(&rq->headers, "Content-Type"),
                       LG_LIT("application/octet-stream"));
    assert_slice_equal(rq->target, LG_LIT("/storage/test_store"));
    assert_slice_equal(lg_buf_slice(&rq->body), LG_LIT("\x04\x02"
                                                       "a\x0a\x08"
                                                       "key1"));
}

static void reads_carry_venice_s_headers_and_bodies(void **state)
{
    struct world *w = *state;

    w->mock[0].handle = check_single_headers;
    tell(w, 404, NULL, LG_SLICE_NULL);
    assert_rc(LG_ERR_NOT_FOUND, get(w, "key1")->key_rc[0]);
    w->mock[0].handle = check_multi_headers;
    /* Key 0 with value1, key 1 missing: the examples of 4.4. */
    tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\n", LG_LIT("\x00\x0e\x0cvalue1\x02\x01\x00\xcf\x0f"));
    struct asked *a = BATCH(w, "a", "key1");
    assert_rc(LG_OK, a->rc);
    assert_json(a, 0, "\"value1\"");
    assert_rc(LG_ERR_NOT_FOUND, a->key_rc[1]);
    assert_int_equal(w->mock[0].reads, 2);
}

/* --- What it accepts: 4.9, row by row. ---------------------------------------------------------
 */

static void row_1_an_answer_without_schema_id_is_refused(void **state)
{
    struct world *w = *state;

    tell(w, 200, NULL, LG_LIT("\x0cvalue1"));
    assert_why(get(w, "k"), LG_ERR_BAD_DATA, "without the header X-VENICE-SCHEMA-ID");
    tell(w, 200, "X-VENICE-SCHEMA-ID: -1\r\n", LG_LIT("\x0cvalue1"));
    assert_why(get(w, "k"), LG_ERR_BAD_DATA, "the schema id '-1'");
    assert_int_equal(w->mock[0].reads, 2); /* Nothing a retry would help. */
}

static void row_2_gzip_and_zstd_are_undone(void **state)
{
    struct world *w = *state;
    LG_SCOPED(lg_buf) gzip = {0};
    LG_SCOPED(lg_buf) zstd = {0};
    LG_AUTO(lg_zstd) *z = lg_zstd_new();
    struct lg_error err;

    assert_ok(lg_gzip(&gzip, LG_LIT("\x0cvalue1"), &err));
    assert_ok(lg_zstd_compress(z, NULL, &zstd, LG_LIT("\x0cvalue1"), &err));
    tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\nX-VENICE-COMPRESSION-STRATEGY: 1\r\n",
         lg_buf_slice(&gzip));
    assert_json(get(w, "k"), 0, "\"value1\"");
    tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\nX-VENICE-COMPRESSION-STRATEGY: 2\r\n",
         lg_buf_slice(&zstd));
    assert_json(get(w, "k"), 0, "\"value1\"");
    tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\nX-VENICE-COMPRESSION-STRATEGY: 0\r\n",
         LG_LIT("\x0cvalue1"));
    assert_json(get(w, "k"), 0, "\"value1\"");
    tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\nX-VENICE-COMPRESSION-STRATEGY: 1\r\n",
         LG_LIT("\x0cvalue1"));
    assert_rc(LG_ERR_BAD_DATA, get(w, "k")->rc);
    tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\nX-VENICE-COMPRESSION-STRATEGY: 3\r\n",
         LG_LIT("\x0cvalue1"));
    assert_why(get(w, "k"), LG_ERR_UNSUPPORTED, "dictionary");
    tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\nX-VENICE-COMPRESSION-STRATEGY: 9\r\n",
         LG_LIT("\x0cvalue1"));
    assert_why(get(w, "k"), LG_ERR_BAD_DATA, "unknown compression '9'");
}

static void row_3_a_chunked_answer_is_read(void **state)
{
    struct world *w = *state;

    tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\n", LG_LIT("\x0cvalue1"));
    w->reply.chunked = true;
    assert_json(get(w, "k"), 0, "\"value1\"");
}

static void row_4_an_unknown_schema_is_fetched_then(void **state)
{
    struct world *w = *state;

    w->mock[0].value_schema[1] = "\"long\"";
    w->mock[0].hidden = 1;
    tell(w, 200, "X-VENICE-SCHEMA-ID: 2\r\n", LG_LIT("\x06"));
    assert_json(get(w, "k"), 0, "3");
    assert_int_equal(w->asked[0].schema_id[0], 2);
    lg_buf_append_byte(&w->mock[0].asked, '\0');
    assert_non_null(
        strstr((const char *)w->mock[0].asked.data, "?f=b64\nGET /value_schema/test_store/2\n"));
    assert_json(get(w, "k"), 0, "3"); /* And remembered. */
    assert_int_equal(w->mock[0].requests, 6);
    tell(w, 200, "X-VENICE-SCHEMA-ID: 3\r\n", LG_LIT("\x06"));
    assert_why(get(w, "k"), LG_ERR_NO_SCHEMA, "does not know value schema 3");
}

static void row_5_404_with_or_without_a_body_is_a_missing_key(void **state)
{
    struct world *w = *state;

    tell(w, 404, NULL, LG_SLICE_NULL);
    assert_rc(LG_OK, get(w, "k")->rc); /* It is an answer. */
    assert_rc(LG_ERR_NOT_FOUND, w->asked[0].key_rc[0]);
    tell(w, 404, NULL, LG_LIT("nothing here"));
    assert_rc(LG_ERR_NOT_FOUND, get(w, "k")->key_rc[0]);
}

static void row_6_statuses_keep_their_meaning_and_text(void **state)
{
    static const struct {
        int status;
        enum lg_rc rc;
    } cases[] = {{400, LG_ERR_INVALID},     {403, LG_ERR_REFUSED},     {401, LG_ERR_REFUSED},
                 {500, LG_ERR_FAILED},      {503, LG_ERR_UNREADY},     {301, LG_ERR_FAILED},
                 {413, LG_ERR_TOO_LARGE},   {429, LG_ERR_BUSY},        {529, LG_ERR_BUSY},
                 {405, LG_ERR_UNSUPPORTED}, {502, LG_ERR_UNAVAILABLE}, {504, LG_ERR_TIMEOUT}};
    struct world *w = *state;

    set(w, "retries", "0");
    for (size_t i = 0; i < LG_ARRAY_SIZE(cases); i++) {
        char want[64];

        tell(w, cases[i].status, NULL, LG_LIT("boom\r\nbang"));
        (void)snprintf(want, sizeof want, "answers %d: boom  bang", cases[i].status);
        assert_why(get(w, "k"), cases[i].rc, want);
        assert_why(BATCH(w, "a", "b"), cases[i].rc, want);
        assert_int_equal(w->asked[0].answered, 0);
        tell(w, cases[i].status, NULL, LG_SLICE_NULL); /* Rows 8, 10: empty bodies. */
        assert_why(get(w, "k"), cases[i].rc, "answers ");
        assert_why(BATCH(w, "a", "b"), cases[i].rc, "answers ");
    }
}

static void row_8_and_9_a_post_answered_404_or_without_schema_id_ends(void **state)
{
    struct world *w = *state;

    tell(w, 404, NULL, LG_SLICE_NULL);
    assert_why(BATCH(w, "a", "b"), LG_ERR_BAD_DATA, "404");
    tell(w, 200, NULL, LG_LIT("\x00\x0e\x0cvalue1\x02"));
    assert_why(BATCH(w, "a", "b"), LG_ERR_BAD_DATA, "without the header X-VENICE-SCHEMA-ID");
    tell(w, 200, "X-VENICE-SCHEMA-ID: 7\r\n", LG_LIT("\x00\x0e\x0cvalue1\x02"));
    assert_why(BATCH(w, "a", "b"), LG_ERR_BAD_DATA, "version 7 of the protocol");
}

static void row_11_missing_keys_are_told_or_left_out(void **state)
{
    struct world *w = *state;
    struct asked *a;

    tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\n", LG_LIT("\x02\x0e\x0cvalue1\x02"));
    a = BATCH(w, "a", "b", "c");
    assert_rc(LG_OK, a->rc);
    assert_rc(LG_ERR_NOT_FOUND, a->key_rc[0]);
    assert_json(a, 1, "\"value1\"");
    assert_rc(LG_ERR_NOT_FOUND, a->key_rc[2]);
    /* Told: -0 is 0, and -2 is 03. */
    tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\n",
         LG_LIT("\x03\x00\xcf\x0f\x02\x0e\x0cvalue1\x02\x00\x00\xcf\x0f"));
    w->reply.chunked = true;
    a = BATCH(w, "a", "b", "c");
    assert_rc(LG_OK, a->rc);
    assert_int_equal(a->answered, 3);
    assert_rc(LG_ERR_NOT_FOUND, a->key_rc[0]);
    assert_json(a, 1, "\"value1\"");
    assert_rc(LG_ERR_NOT_FOUND, a->key_rc[2]);
}

static void row_12_a_footer_is_an_error_after_the_first_byte(void **state)
{
    struct world *w = *state;

    set(w, "retries", "0");
    /* value1, then index -1000000, {503, "boom", {}}, schema -1001. */
    tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\n",
         LG_LIT("\x00\x0e\x0cvalue1\x02\xff\x88\x7a\x10\xee\x07\x08"
                "boom\x00\xd1\x0f"));
    assert_why(BATCH(w, "a", "b"), LG_ERR_UNREADY, "says 503: boom");
    assert_int_equal(w->asked[0].answered, 0);
}

/* --- Start. ------------------------------------------------------------------------------------
 */

static void started(void *ctx, const struct lg_error *err)
{
    struct world *w = ctx;

    w->started++;
    w->start_err = *err;
}

static bool has_started(void *ctx)
{
    return ((struct world *)ctx)->started > 0;
}

static enum lg_rc start(struct world *w)
{
    open_client(w);
    w->started = 0;
    lg_client_start(w->client, started, w);
    assert_int_equal(w->started, 0);
    assert_true(lg_sim_run_until(w->sim, has_started, w, WAIT_US));
    assert_int_equal(w->started, 1);
    return w->start_err.rc;
}

static void a_store_that_does_not_exist_is_told(void **state)
{
    struct world *w = *state;

    w->mock[0].key_schema = NULL;
    assert_rc(LG_ERR_NO_STORE, start(w));
    assert_non_null(strstr(w->start_err.text, "there is no store 'test_store': the router world:7777 answers "
                                "404: no such thing"));
    assert_why(get(w, "k"), LG_ERR_NO_STORE, "test_store");
    w->mock[0].key_schema = "\"string\""; /* Now it is created: the same client can read it. */
    tell(w, 404, NULL, LG_SLICE_NULL);
    assert_rc(LG_ERR_NOT_FOUND, get(w, "k")->key_rc[0]);
    assert_rc(LG_OK, start(w)); /* Again, when there is nothing to do. */
}

static void a_router_without_schema_ids_is_asked_for_all_schemas(void **state)
{
    struct world *w = *state;

    w->mock[0].no_ids = true;
    w->mock[0].value_schema[1] = "\"long\"";
    tell(w, 200, "X-VENICE-SCHEMA-ID: 2\r\n", LG_LIT("\x06"));
    assert_json(get(w, "k"), 0, "3");
    lg_buf_append_byte(&w->mock[0].asked, '\0');
    assert_string_equal((const char *)w->mock[0].asked.data,
                        "GET /all_value_schema_ids/test_store\n"
                        "GET /value_schema/test_store\n"
                        "GET /key_schema/test_store\n"
                        "GET /storage/test_store/Ams=?f=b64\n");
}

static void a_start_is_tried_ten_times_and_then_told(void **state)
{
    struct world *w = *state;

    w->mock[0].metadata_status = 503;
    assert_rc(LG_ERR_UNREADY, start(w));
    assert_int_equal(w->mock[0].requests, 10);
    assert_non_null(strstr(w->start_err.text, "world:7777 answers 503: not now"));
    lg_mock_router_stop(&w->mock[0]);
    assert_rc(LG_ERR_UNAVAILABLE, start(w));
    lg_mock_router_start(&w->mock[0], lg_net_sim_transport(w->net), w->router_lane[0], "world");
    w->mock[0].metadata_status = 0;
    assert_rc(LG_OK, start(w));
    close_client(w);
    /* The second router is asked when the first is not ready. */
    two_routers(w);
    w->mock[0].metadata_status = 503;
    assert_rc(LG_OK, start(w));
    assert_true(w->mock[1].requests > 0);
}

static void metadata_that_is_none_is_refused(void **state)
{
    struct world *w = *state;

    w->mock[0].value_schema[0] = "{\"type\":\"what\"}";
    assert_rc(LG_ERR_BAD_DATA, start(w));
    assert_non_null(strstr(w->start_err.text, "the value schema of store 'test_store'"));
    w->mock[0].value_schema[0] = "\"string\"";
    w->mock[0].key_schema = "[]x";
    assert_rc(LG_ERR_BAD_DATA, start(w));
    assert_non_null(strstr(w->start_err.text, "the key schema of store 'test_store'"));
}

static void options_that_are_missing_or_wrong_are_named(void **state)
{
    struct world *w = *state;
    struct lg_client *client = NULL;
    struct lg_error err;
    static const struct {
        const char *name, *text, *part;
        enum lg_rc rc;
    } cases[] = {
        {"router", "ftp://x", "ftp://x", LG_ERR_INVALID},
        {"router", "http://a:1,,http://b:2", "is not a URL", LG_ERR_INVALID},
        {"store", "no--good", "no--good", LG_ERR_INVALID},
        {"reader_schema", "{\"type\":\"what\"}", "reader_schema", LG_ERR_SCHEMA},
        {"reader_schema", "not json", "reader_schema", LG_ERR_SCHEMA},
    };

    for (size_t i = 0; i < LG_ARRAY_SIZE(cases); i++) {
        struct lg_client_options o;

        lg_options_init(&lg_client_option_table, &o);
        assert_ok(lg_option_set(&lg_client_option_table, &o, "router", LG_LIT("http://a:1"), &err));
        assert_ok(lg_option_set(&lg_client_option_table, &o, "store", LG_LIT("s"), &err));
        assert_ok(lg_option_set(&lg_client_option_table, &o, cases[i].name,
                                lg_slice_str(cases[i].text), &err));
        assert_rc(cases[i].rc,
                  lg_client_new(&o, w->lane, lg_net_sim_transport(w->net), &client, &err));
        assert_non_null(strstr(err.text, cases[i].part));
        lg_options_done(&lg_client_option_table, &o);
    }
    lg_options_done(&lg_client_option_table, &w->options);
    lg_options_init(&lg_client_option_table, &w->options);
    assert_rc(LG_ERR_INVALID,
              lg_client_new(&w->options, w->lane, lg_net_sim_transport(w->net), &client, &err));
    assert_non_null(strstr(err.text, "'router' is missing"));
    set(w, "router", "http://a:1");
    assert_rc(LG_ERR_INVALID,
              lg_client_new(&w->options, w->lane, lg_net_sim_transport(w->net), &client, &err));
    assert_non_null(strstr(err.text, "'store' is missing"));
    assert_null(client);
}

/* --- Schema evolution. -------------------------------------------------------------------------
 */

#define CITY_1                                                                                     \
    "{\"type\":\"record\",\"name\":\"City\",\"fields\":[{\"name\":\"n\",\"type\":\"string\"},"     \
    "{\"name\":\"p\",\"type\":\"int\"}]}"
#define CITY_2                                                                                     \
    "{\"type\":\"record\",\"name\":\"City\",\"fields\":[{\"name\":\"p\",\"type\":\"long\"},"       \
    "{\"name\":\"n\",\"type\":\"string\"},{\"name\":\"c\",\"type\":\"string\",\"default\":\"?\"}]" \
    "}"

static void values_of_old_and_new_schemas_are_read_in_the_reader_s(void **state)
{
    struct world *w = *state;
    struct asked *a;

    w->mock[0].value_schema[0] = CITY_1;
    w->mock[0].value_schema[1] = CITY_2;
    /* Key 0 in schema 1, key 1 in schema 2. */
    tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\n",
         LG_LIT("\x00\x06\x02V\x0e\x02\x02\x0c\x10\x02W\x04IT\x04"));
    a = BATCH(w, "a", "b"); /* Without a reader schema each keeps its own. */
    assert_json(a, 0, "{\"n\":\"V\",\"p\":7}");
    assert_json(a, 1, "{\"p\":8,\"n\":\"W\",\"c\":\"IT\"}");
    close_client(w);
    set(w, "reader_schema", CITY_2);
    a = BATCH(w, "a", "b");
    assert_json(a, 0, "{\"p\":7,\"n\":\"V\",\"c\":\"?\"}");
    assert_json(a, 1, "{\"p\":8,\"n\":\"W\",\"c\":\"IT\"}");
    assert_int_equal(a->schema_id[0], 1);
    assert_int_equal(a->schema_id[1], 2);
    close_client(w);
    set(w, "reader_schema",
        "{\"type\":\"record\",\"name\":\"City\",\"fields\":[{\"name\":\"n\","
        "\"type\":\"string\"}]}");
    a = BATCH(w, "a", "b");
    assert_json(a, 0, "{\"n\":\"V\"}");
    assert_json(a, 1, "{\"n\":\"W\"}");
    close_client(w);
    /* An int reads the first schema, but not the long of the second. */
    set(w, "reader_schema",
        "{\"type\":\"record\",\"name\":\"City\",\"fields\":[{\"name\":\"p\","
        "\"type\":\"int\"}]}");
    a = BATCH(w, "a", "b");
    assert_rc(LG_ERR_SCHEMA, a->rc);
    assert_json(a, 0, "{\"p\":7}");
    assert_rc(LG_ERR_SCHEMA, a->key_rc[1]);
    assert_non_null(strstr(a->key_why[1], "value schema 2 of store 'test_store'"));
    close_client(w);
    set(w, "reader_schema", "\"bytes\""); /* It reads none of them. */
    assert_rc(LG_ERR_SCHEMA, start(w));
    assert_non_null(strstr(w->start_err.text, "value schema 1 of store 'test_store'"));
}

static void new_schemas_are_looked_for_when_told(void **state)
{
    struct world *w = *state;
    size_t before;

    w->mock[0].value_schema[1] = "\"long\"";
    w->mock[0].hidden = 1;
    set(w, "schema_refresh_ms", "10000");
    assert_rc(LG_OK, start(w));
    lg_sim_run_us(w->sim, 11 * LG_SEC);
    assert_int_equal(w->mock[0].requests, 4); /* Only the ids again. */
    w->mock[0].hidden = 0;
    lg_sim_run_us(w->sim, 10 * LG_SEC);
    before = w->mock[0].requests;
    assert_int_equal(before, 6); /* The ids, and the new one. */
    tell(w, 200, "X-VENICE-SCHEMA-ID: 2\r\n", LG_LIT("\x06"));
    assert_json(get(w, "k"), 0, "3");
    assert_int_equal(w->mock[0].requests, before + 1);
    w->mock[0].metadata_status = 500; /* A refresh that fails harms nobody. */
    lg_sim_run_us(w->sim, 30 * LG_SEC);
    assert_json(get(w, "k"), 0, "3");
}

/* --- Keys. -------------------------------------------------------------------------------------
 */

static void keys_are_checked_before_anything_is_asked(void **state)
{
    struct world *w = *state;
    struct asked *a;

    w->mock[0].key_schema = "\"long\"";
    tell(w, 404, NULL, LG_SLICE_NULL);
    assert_rc(LG_ERR_NOT_FOUND, get(w, "17")->key_rc[0]);
    assert_why(get(w, "seventeen"), LG_ERR_INVALID,
               "the key of store 'test_store' is a long; 'seventeen' is not");
    assert_why(BATCH(w, "17", "x"), LG_ERR_INVALID, "'x'");
    a = submit(w, 0, true, (const char *const[]){"", NULL});
    a->read.form = LG_KEY_AVRO;
    assert_why(wait_for(w, a), LG_ERR_INVALID, "key 0 is empty");
    a = submit(w, 0, true, (const char *const[]){"\x22", NULL});
    a->read.form = LG_KEY_AVRO;
    assert_rc(LG_ERR_NOT_FOUND, wait_for(w, a)->key_rc[0]);
    a = submit(w, 0, true, (const char *const[]){"17", NULL});
    a->read.form = LG_KEY_JSON;
    assert_rc(LG_ERR_NOT_FOUND, wait_for(w, a)->key_rc[0]);
    assert_int_equal(w->mock[0].reads, 3);
    close_client(w);
    set(w, "batch_keys_max", "2");
    assert_why(BATCH(w, "1", "2", "3"), LG_ERR_TOO_LARGE, "3 keys; batch_keys_max allows 2");
}

static void a_long_key_goes_into_a_body(void **state)
{
    struct world *w = *state;
    LG_SCOPED(lg_buf) key = {0};

    for (size_t i = 0; i < 100000; i++)
        lg_buf_append_byte(&key, 'k');
    lg_buf_append_byte(&key, '\0');
    tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\n", LG_LIT("\x00\x0e\x0cvalue1\x02"));
    assert_json(get(w, (const char *)key.data), 0, "\"value1\"");
    lg_buf_append_byte(&w->mock[0].asked, '\0');
    assert_non_null(strstr((const char *)w->mock[0].asked.data, "POST /storage/test_store\n"));
}

/* --- Limits. -----------------------------------------------------------------------------------
 */

static void values_and_answers_over_their_limits_are_refused_by_name(void **state)
{
    struct world *w = *state;
    LG_SCOPED(lg_buf) big = {0};
    LG_SCOPED(lg_buf) gzip = {0};
    LG_SCOPED(lg_buf) multi = {0};
    struct lg_error err;

    lg_encode_bytes(&big, LG_LIT("0123456789012345678901234567890123456789"));
    assert_ok(lg_gzip(&gzip, lg_buf_slice(&big), &err));
    lg_wire_value_add(&multi, &(struct lg_wire_value){0, lg_buf_slice(&big), 1});
    set(w, "value_bytes_max", "40B");
    tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\n", lg_buf_slice(&big));
    assert_why(get(w, "k"), LG_ERR_TOO_LARGE, "value_bytes_max");
    tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\nX-VENICE-COMPRESSION-STRATEGY: 1\r\n",
         lg_buf_slice(&gzip));
    assert_why(get(w, "k"), LG_ERR_TOO_LARGE, "value_bytes_max");
    tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\n", lg_buf_slice(&multi));
    assert_why(BATCH(w, "a"), LG_ERR_TOO_LARGE, "value_bytes_max");
    close_client(w);
    set(w, "value_bytes_max", "41B");
    assert_json(BATCH(w, "a"), 0, "\"0123456789012345678901234567890123456789\"");
    close_client(w);
    set(w, "answer_bytes_max", "1KiB");
    for (size_t i = 0; i < 30; i++)
        lg_wire_value_add(&multi, &(struct lg_wire_value){(int32_t)i + 1, lg_buf_slice(&big), 1});
    tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\n", lg_buf_slice(&multi));
    assert_rc(LG_ERR_TOO_LARGE, BATCH(w, "a", "b")->rc);
}

/* --- Retries. ----------------------------------------------------------------------------------
 */

static void a_router_that_is_gone_is_replaced_by_the_next(void **state)
{
    struct world *w = *state;

    two_routers(w);
    tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\n", LG_LIT("\x0cvalue1"));
    assert_json(get(w, "k"), 0, "\"value1\"");
    lg_mock_router_stop(&w->mock[0]);
    for (size_t i = 0; i < 20; i++)
        assert_json(get(w, "k"), 0, "\"value1\"");
    lg_mock_router_start(&w->mock[0], lg_net_sim_transport(w->net), w->router_lane[0], "world");
    lg_mock_router_stop(&w->mock[1]);
    for (size_t i = 0; i < 20; i++)
        assert_json(get(w, "k"), 0, "\"value1\"");
    lg_mock_router_stop(&w->mock[0]);
    assert_why(get(w, "k"), LG_ERR_UNAVAILABLE, "world:777");
}

static void handle_once_503(struct lg_mock_router *m, const struct lg_http1_message *rq,
                            struct lg_mock_reply *reply)
{
    handle_as_told(m, rq, reply);
    if (m->reads % 2 == 1)
        reply->status = 503;
}

static void a_single_router_is_asked_again_after_a_pause(void **state)
{
    struct world *w = *state;
    uint64_t before_us;

    w->mock[0].handle = handle_once_503;
    set(w, "retry_pause_ms", "200");
    assert_rc(LG_OK, start(w));
    tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\n", LG_LIT("\x0cvalue1"));
    before_us = lg_sim_now_us(w->sim);
    assert_json(get(w, "k"), 0, "\"value1\"");
    assert_int_equal(w->mock[0].reads, 2);
    assert_true(lg_sim_now_us(w->sim) - before_us >= 200 * LG_MS);
    /* 503 for ever: the retries end, 200 + 400 + 800 ms later. */
    w->mock[0].handle = handle_as_told;
    tell(w, 503, NULL, LG_LIT("not yet"));
    before_us = lg_sim_now_us(w->sim);
    assert_why(get(w, "k"), LG_ERR_UNREADY, "not yet");
    assert_int_equal(w->mock[0].reads, 6);
    assert_true(lg_sim_now_us(w->sim) - before_us >= 1400 * LG_MS);
}

static void retries_end_when_their_budget_is_spent(void **state)
{
    struct world *w = *state;

    set(w, "retry_percent", "10");
    set(w, "retry_pause_ms", "1");
    tell(w, 503, NULL, LG_LIT("not yet"));
    for (size_t i = 0; i < 600; i++)
        assert_rc(LG_ERR_UNREADY, get(w, "k")->rc);
    /* 600 first tries, the burst of 1000, and one for each ten reads. */
    assert_in_range(w->mock[0].reads, 1600 + 50, 1600 + 60);
}

static void quotas_and_failures_are_not_retried(void **state)
{
    static const int statuses[] = {400, 403, 413, 429, 500, 529};
    struct world *w = *state;

    two_routers(w);
    for (size_t i = 0; i < LG_ARRAY_SIZE(statuses); i++) {
        tell(w, statuses[i], NULL, LG_LIT("no"));
        (void)get(w, "k");
        assert_int_equal(w->mock[0].reads + w->mock[1].reads, i + 1);
    }
}

static void handle_silent(struct lg_mock_router *m, const struct lg_http1_message *rq,
                          struct lg_mock_reply *reply)
{
    (void)m, (void)rq;
    reply->silent = true;
}

static void handle_cut(struct lg_mock_router *m, const struct lg_http1_message *rq,
                       struct lg_mock_reply *reply)
{
    handle_as_told(m, rq, reply);
    reply->cut = true;
}

static void a_silent_router_leaves_time_for_the_next(void **state)
{
    struct world *w = *state;

    two_routers(w);
    w->mock[0].handle = handle_silent;
    tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\n", LG_LIT("\x0cvalue1"));
    for (size_t i = 0; i < 4; i++)
        assert_json(get(w, "k"), 0, "\"value1\"");
    assert_true(w->mock[0].reads > 0);
    w->mock[1].handle = handle_silent;
    assert_why(get(w, "k"), LG_ERR_TIMEOUT, "did not answer");
}

static void a_broken_answer_is_asked_for_again(void **state)
{
    struct world *w = *state;
    struct asked *a;

    two_routers(w);
    w->mock[0].handle = handle_cut;
    tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\n",
         LG_LIT("\x00\x0e\x0cvalue1\x02\x02\x0e\x0cvalue2\x02"));
    for (size_t i = 0; i < 4; i++) {
        a = BATCH(w, "a", "b");
        assert_rc(LG_OK, a->rc);
        assert_int_equal(a->answered, 2); /* Once each. */
        assert_json(a, 1, "\"value2\"");
    }
    assert_true(w->mock[0].reads > 0);
}

/* --- The queue, deadlines, cancelling, closing. ------------------------------------------------
 */

static bool all_done(void *ctx)
{
    struct world *w = ctx;

    for (size_t i = 0; i < READS_MAX; i++)
        if (w->asked[i].read.done != NULL && w->asked[i].dones == 0)
            return false;
    return true;
}

static void more_reads_than_connections_wait_their_turn(void **state)
{
    struct world *w = *state;

    set(w, "connections", "4");
    w->mock[0].handle = handle_echo;
    for (size_t i = 0; i < READS_MAX; i++)
        (void)submit(w, i, false, (const char *const[]){"a", "xb", "c", NULL});
    assert_true(lg_sim_run_until(w->sim, all_done, w, WAIT_US));
    for (size_t i = 0; i < READS_MAX; i++) {
        assert_rc(LG_OK, w->asked[i].rc);
        assert_int_equal(w->asked[i].dones, 1);
        assert_int_equal(w->asked[i].answered, 3);
        assert_rc(LG_ERR_NOT_FOUND, w->asked[i].key_rc[1]);
        assert_json(&w->asked[i], 2, "\"v\\u0002c\"");
    }
    assert_true(lg_net_sim_connections(w->net) <= 4);
    assert_int_equal(lg_client_counters(w->client)->found, 2 * READS_MAX);
    assert_int_equal(lg_client_counters(w->client)->not_found, READS_MAX);
}

static void deadlines_hold_wherever_the_read_is(void **state)
{
    struct world *w = *state;
    struct asked *a;
    uint64_t before_us;

    set(w, "connections", "1");
    set(w, "timeout_ms", "300");
    w->mock[0].handle = handle_silent;
    before_us = lg_sim_now_us(w->sim);
    (void)submit(w, 1, true, (const char *const[]){"k", NULL});
    a = submit(w, 2, true, (const char *const[]){"k", NULL});
    assert_why(wait_for(w, &w->asked[1]), LG_ERR_TIMEOUT, "did not answer");
    assert_why(wait_for(w, a), LG_ERR_TIMEOUT, "waited for one of 1 connections");
    assert_true(lg_sim_now_us(w->sim) - before_us < 400 * LG_MS);
    /* A read's own timeout wins. */
    before_us = lg_sim_now_us(w->sim);
    a = submit(w, 1, true, (const char *const[]){"k", NULL});
    w->asked[1].dones = 0;
    lg_client_cancel(&a->read);
    assert_why(wait_for(w, a), LG_ERR_CANCELLED, "cancelled");
    close_client(w);
    w->mock[0].metadata_status = 503;
    assert_why(get(w, "k"), LG_ERR_TIMEOUT, "schemas of store 'test_store'");
}

static void a_cancelled_read_ends_once_and_frees_its_connection(void **state)
{
    struct world *w = *state;
    struct asked *a;

    set(w, "connections", "1");
    assert_rc(LG_OK, start(w));
    w->mock[0].handle = handle_silent;
    a = submit(w, 1, true, (const char *const[]){"k", NULL});
    lg_sim_run_us(w->sim, 100 * LG_MS); /* It is under way. */
    assert_int_equal(w->mock[0].reads, 1);
    w->mock[0].handle = handle_echo;
    (void)submit(w, 2, false, (const char *const[]){"a", NULL});
    lg_sim_run_us(w->sim, 100 * LG_MS);
    assert_int_equal(w->asked[2].dones, 0); /* There is but one connection. */
    lg_client_cancel(&a->read);
    assert_int_equal(a->dones, 0);
    lg_client_cancel(&a->read);
    assert_why(wait_for(w, a), LG_ERR_CANCELLED, "cancelled");
    assert_rc(LG_OK, wait_for(w, &w->asked[2])->rc);
    lg_sim_run_us(w->sim, 10 * LG_SEC);
    assert_int_equal(a->dones, 1);
}

/* Closes the client `steps` steps after the reads were submitted: every moment of their lives. */
static void close_after(struct world *w, size_t steps)
{
    static const char *const keys[] = {"a", "b", NULL};

    for (size_t i = 0; i < 6; i++)
        (void)submit(w, i, i % 2 == 0, keys);
    if (w->asked[0].dones == 0)
        lg_client_cancel(&w->asked[0].read);
    for (size_t i = 0; i < steps; i++)
        if (!lg_sim_step(w->sim))
            break;
    close_client(w);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(w->asked[i].dones, 1);
}

static void a_close_ends_everything_at_any_moment(void **state)
{
    struct world *w = *state;

    set(w, "connections", "2");
    set(w, "retry_pause_ms", "5");
    set(w, "schema_refresh_ms", "3");
    w->mock[0].value_schema[1] = "\"long\"";
    w->mock[0].hidden = 1;
    for (size_t steps = 0; steps < 400; steps += steps < 60 ? 1 : 7) {
        w->mock[0].handle = steps % 3 == 0 ? handle_echo : handle_as_told;
        /* An unknown schema, or a retry: the moments that wait for something else. */
        if (steps % 3 == 1)
            tell(w, 200, "X-VENICE-SCHEMA-ID: 2\r\n", LG_LIT("\x06"));
        else
            tell(w, 503, NULL, LG_SLICE_NULL);
        close_after(w, steps);
    }
}

static void a_close_while_it_starts_is_told_to_who_waits(void **state)
{
    struct world *w = *state;

    open_client(w);
    lg_client_start(w->client, started, w);
    close_client(w);
    assert_int_equal(w->started, 1);
    assert_rc(LG_ERR_CANCELLED, w->start_err.rc);
}

static void the_version_is_told_when_the_router_does(void **state)
{
    struct world *w = *state;

    tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\nX-LAGOON-VERSION: 12\r\n", LG_LIT("\x0cvalue1"));
    assert_int_equal(get(w, "k")->version[0], 12);
    tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\nX-LAGOON-VERSION: x\r\n", LG_LIT("\x0cvalue1"));
    assert_int_equal(get(w, "k")->version[0], 0);
    tell(w, 200, "X-VENICE-SCHEMA-ID: 1\r\nX-LAGOON-VERSION: 12\r\n",
         LG_LIT("\x00\x0e\x0cvalue1\x02"));
    assert_int_equal(BATCH(w, "k")->version[0], 12);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_start_asks_what_venice_s_thin_client_asks),
        TEST(reads_carry_venice_s_headers_and_bodies),
        TEST(row_1_an_answer_without_schema_id_is_refused),
        TEST(row_2_gzip_and_zstd_are_undone),
        TEST(row_3_a_chunked_answer_is_read),
        TEST(row_4_an_unknown_schema_is_fetched_then),
        TEST(row_5_404_with_or_without_a_body_is_a_missing_key),
        TEST(row_6_statuses_keep_their_meaning_and_text),
        TEST(row_8_and_9_a_post_answered_404_or_without_schema_id_ends),
        TEST(row_11_missing_keys_are_told_or_left_out),
        TEST(row_12_a_footer_is_an_error_after_the_first_byte),
        TEST(a_store_that_does_not_exist_is_told),
        TEST(a_router_without_schema_ids_is_asked_for_all_schemas),
        TEST(a_start_is_tried_ten_times_and_then_told),
        TEST(metadata_that_is_none_is_refused),
        TEST(options_that_are_missing_or_wrong_are_named),
        TEST(values_of_old_and_new_schemas_are_read_in_the_reader_s),
        TEST(new_schemas_are_looked_for_when_told),
        TEST(keys_are_checked_before_anything_is_asked),
        TEST(a_long_key_goes_into_a_body),
        TEST(values_and_answers_over_their_limits_are_refused_by_name),
        TEST(a_router_that_is_gone_is_replaced_by_the_next),
        TEST(a_single_router_is_asked_again_after_a_pause),
        TEST(retries_end_when_their_budget_is_spent),
        TEST(quotas_and_failures_are_not_retried),
        TEST(a_silent_router_leaves_time_for_the_next),
        TEST(a_broken_answer_is_asked_for_again),
        TEST(more_reads_than_connections_wait_their_turn),
        TEST(deadlines_hold_wherever_the_read_is),
        TEST(a_cancelled_read_ends_once_and_frees_its_connection),
        TEST(a_close_ends_everything_at_any_moment),
        TEST(a_close_while_it_starts_is_told_to_who_waits),
        TEST(the_version_is_told_when_the_router_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
