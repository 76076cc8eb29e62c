/* Reads through a router: what the Java thin client sends and must get (wire-formats 4.3 to 4.9),
 * and the JSON of /v1, in a small cluster with a pushed version. */
#include "base/str.h"
#include "drivers/sim/lane_sim.h"
#include "router/router_impl.h"
#include "test/lib/cluster_world.h"
#include "test/test.h"

#define PARTITIONS 3u
#define GET_HEADERS "X-VENICE-API-VERSION: 1\nX-VENICE-SUPPORTED-COMPRESSION-STRATEGY: 1"
#define POST_HEADERS                                                                               \
    "X-VENICE-API-VERSION: 1\nX-VENICE-KEY-COUNT: 2\nX-VENICE-STREAMING: 1\n"                      \
    "X-VENICE-SUPPORTED-COMPRESSION-STRATEGY: 1\nContent-Type: application/octet-stream"

#define LONG_KEY_BYTES 3000
#define HUGE_KEY_BYTES 30000 /* more than a request target takes */

static struct lg_clw_row row(const char *key, const char *value)
{
    return (struct lg_clw_row){lg_slice_str(key), lg_slice_str(value), 1};
}

static void add_huge_key(struct lg_buf *out)
{
    lg_buf_append_str(out, "\xe0\xd4\x03"); /* zigzag of 30000 */
    for (int i = 0; i < HUGE_KEY_BYTES; i++)
        lg_buf_append_byte(out, 'h');
}

static void push_all(struct lg_clw *w)
{
    LG_SCOPED(lg_buf) long_key = {0};
    LG_SCOPED(lg_buf) huge_key = {0};
    struct lg_clw_row rows[] = {
        row("\x08key1", "\x54"), /* 42 */
        row("\x06"
            "a/b",
            "\x02"),                                                 /* 1 */
        row("\x08\xc3\xbc x", "\x04"),                               /* 2, "ü x" */
        {{(const uint8_t *)"", 1}, {(const uint8_t *)"\x06", 1}, 1}, /* 3, the empty string */
        row("\x06"
            "a+b",
            "\x08"),                                  /* 4 */
        {{NULL, 0}, {(const uint8_t *)"\x0a", 1}, 1}, /* 5, long */
        row("\x06"
            "bad",
            "\x02\x02"), /* a value that is more than a long */
        {{(const uint8_t *)"\x06new", 4}, {(const uint8_t *)"\x02", 1}, 7}, /* unknown schema */
        {{NULL, 0}, {(const uint8_t *)"\x0c", 1}, 1},                       /* 6, huge */
    };

    lg_buf_append_str(&long_key, "\xf0\x2e"); /* zigzag of 3000 */
    for (int i = 0; i < LONG_KEY_BYTES; i++)
        lg_buf_append_byte(&long_key, 'k');
    rows[5].key = lg_buf_slice(&long_key);
    add_huge_key(&huge_key);
    rows[8].key = lg_buf_slice(&huge_key);
    assert_int_equal(lg_clw_push(w, "test_store", PARTITIONS, rows, LG_ARRAY_SIZE(rows)), 1);
}

static int up(void **state)
{
    static const struct lg_clw_row numbers[] = {
        {{(const uint8_t *)"\x0e", 1}, {(const uint8_t *)"\x62", 1}, 1}, /* 7: 49 */
    };
    struct lg_clw *w = lg_clw_new(41, /* with_controller= */ true);

    lg_clw_server_start(w, 0);
    lg_clw_server_start(w, 1);
    lg_clw_router_start(w);
    lg_clw_run_ms(w, 2000);
    lg_clw_new_store(w, "test_store", "\"string\"", PARTITIONS, 1);
    lg_clw_new_store(w, "numbers", "\"long\"", 1, 1);
    lg_clw_new_store(w, "unpushed", "\"string\"", 1, 1);
    push_all(w);
    assert_int_equal(lg_clw_push(w, "numbers", 1, numbers, 1), 1);
    *state = w;
    return 0;
}

static int down(void **state)
{
    lg_clw_free(*state);
    return 0;
}

static int get(struct lg_clw *w, const char *target)
{
    return lg_clw_ask(w, &w->router, LG_HTTP_GET, target, NULL, LG_SLICE_NULL);
}

static int post_hex(struct lg_clw *w, const char *target, const char *headers, const char *hex)
{
    LG_SCOPED(lg_buf) body = {0};

    assert_true(lg_hex_decode(&body, lg_slice_str(hex)));
    return lg_clw_ask(w, &w->router, LG_HTTP_POST, target, headers, lg_buf_slice(&body));
}

static void expect_says(struct lg_clw *w, const char *part)
{
    LG_AUTO_STR char *text = lg_strf("%.*s", LG_FMT(lg_clw_body(w)));

    if (strstr(text, part) == NULL)
        fail_msg("'%s' is not in '%s'", part, text);
}

/* --- The thin client. --------------------------------------------------------------------------
 */

#define BASE                                                                                       \
    "{\"cluster\":\"lagoon-0\",\"name\":\"test_store\",\"error\":null,\"errorType\":null,"         \
    "\"exceptionType\":null,"

static void the_thin_clients_start_and_first_read(void **state)
{
    struct lg_clw *w = *state;

    assert_int_equal(get(w, "/all_value_schema_ids/test_store"), 200);
    assert_string_equal(lg_clw_header(w, "Content-Type"), "application/json");
    lg_clw_expect_text(w, BASE "\"superSetSchemaId\":-1,\"schemaIdSet\":[1]}");
    assert_int_equal(get(w, "/value_schema/test_store/1"), 200);
    lg_clw_expect_text(w, BASE "\"id\":1,\"derivedSchemaId\":-1,\"schemaStr\":\"\\\"long\\\"\"}");
    assert_int_equal(get(w, "/key_schema/test_store"), 200);
    lg_clw_expect_text(w, BASE "\"id\":1,\"derivedSchemaId\":-1,\"schemaStr\":\"\\\"string\\\"\"}");
    assert_int_equal(lg_clw_ask(w, &w->router, LG_HTTP_GET, "/storage/test_store/CGtleTE=?f=b64",
                                GET_HEADERS, LG_SLICE_NULL),
                     200);
    assert_string_equal(lg_clw_header(w, "X-VENICE-SCHEMA-ID"), "1");
    assert_string_equal(lg_clw_header(w, "X-VENICE-COMPRESSION-STRATEGY"), "0");
    assert_string_equal(lg_clw_header(w, "X-VENICE-RCU"), "1");
    assert_string_equal(lg_clw_header(w, "Content-Type"), "avro/binary");
    assert_string_equal(lg_clw_header(w, "Content-Length"), "1");
    lg_clw_expect_hex(w, "54");
    assert_int_equal(get(w, "//storage/test_store/CGtleTE=?f=b64"),
                     200); /* As clients join paths. */
}

static void a_key_that_is_not_there_is_404_without_a_body(void **state)
{
    struct lg_clw *w = *state;

    assert_int_equal(get(w, "/storage/test_store/AmE=?f=b64"), 404);
    assert_int_equal(lg_clw_body(w).size, 0);
    assert_int_equal(get(w, "/storage/test_store/%02a"), 404); /* The same as text. */
    assert_int_equal(get(w, "/storage/test_store/%08key1"), 200);
    lg_clw_expect_hex(w, "54");
}

static void a_streaming_multi_get_names_the_missing_keys(void **state)
{
    struct lg_clw *w = *state;

    /* The keys "a" and "key1", as the client writes them. */
    assert_int_equal(post_hex(w, "/storage/test_store", POST_HEADERS, "0402610a086b657931"), 200);
    assert_string_equal(lg_clw_header(w, "X-VENICE-SCHEMA-ID"), "1");
    assert_string_equal(lg_clw_header(w, "X-VENICE-COMPRESSION-STRATEGY"), "0");
    assert_string_equal(lg_clw_header(w, "X-VENICE-STREAMING-RESPONSE"), "1");
    assert_string_equal(lg_clw_header(w, "Content-Type"), "avro/binary");
    assert_string_equal(lg_clw_header(w, "Transfer-Encoding"), "chunked");
    lg_clw_expect_hex(w, "02025402"
                         "0000cf0f");
    /* Index 1 is missing: -1. */
    assert_int_equal(post_hex(w, "/storage/test_store", POST_HEADERS, "0a086b657931040261"), 200);
    lg_clw_expect_hex(w, "00025402"
                         "0100cf0f");
}

static void a_plain_multi_get_omits_the_missing_keys(void **state)
{
    struct lg_clw *w = *state;

    assert_int_equal(
        post_hex(w, "/storage/test_store", "X-VENICE-API-VERSION: 1", "0402610a086b657931"), 200);
    assert_string_equal(lg_clw_header(w, "X-VENICE-SCHEMA-ID"), "1");
    assert_string_equal(lg_clw_header(w, "X-VENICE-RCU"), "2");
    assert_string_equal(lg_clw_header(w, "X-VENICE-STREAMING-RESPONSE"), "");
    lg_clw_expect_hex(w, "02025402");
    /* Nothing at all is still 200, and has its schema id: else the client waits for ever. */
    assert_int_equal(post_hex(w, "/storage/test_store", "X-VENICE-API-VERSION: 1", "040261"), 200);
    assert_string_equal(lg_clw_header(w, "X-VENICE-SCHEMA-ID"), "1");
    lg_clw_expect_hex(w, "");
    /* One key twice. */
    assert_int_equal(
        post_hex(w, "/storage/test_store", "X-VENICE-API-VERSION: 1", "0a086b6579310a086b657931"),
        200);
    lg_clw_expect_hex(w, "0002540202025402");
}

/* --- Statuses (4.6). ---------------------------------------------------------------------------
 */

static void refusals_have_venices_statuses_and_a_text(void **state)
{
    static const struct {
        enum lg_http_method method;
        const char *target, *headers;
        const char *hex;
        int status;
        const char *says;
    } rows[] = {
        {LG_HTTP_GET, "/storage/test_stor/CGtleTE=?f=b64", NULL, "", 400,
         "did you mean 'test_store'?"},
        {LG_HTTP_POST, "/storage/test_stor", POST_HEADERS, "040261", 400,
         "did you mean 'test_store'?"},
        {LG_HTTP_GET, "/storage/test_store", NULL, "", 400, "a read is GET /storage/"},
        {LG_HTTP_GET, "/storage", NULL, "", 400, "Resource name required"},
        {LG_HTTP_GET, "/storage/test_store/a*b?f=b64", NULL, "", 400, "the key is not base64"},
        {LG_HTTP_GET, "/storage/test_store/?f=b64", NULL, "", 400, "the key is empty"},
        {LG_HTTP_GET, "/storage/test_store/%zz", NULL, "", 400, "bad escape"},
        {LG_HTTP_PUT, "/storage/test_store/CGtleTE=?f=b64", NULL, "", 400, "a read is"},
        {LG_HTTP_GET, "/storag/test_store/x", NULL, "", 400, "did you mean /storage"},
        {LG_HTTP_GET, "/", NULL, "", 400, "no such path"},
        {LG_HTTP_POST, "/storage/test_store", NULL, "040261", 400,
         "X-VENICE-API-VERSION must be 1"},
        {LG_HTTP_POST, "/storage/test_store", "X-VENICE-API-VERSION: 3", "040261", 400,
         "must be 1, not '3'"},
        {LG_HTTP_POST, "/storage/test_store", POST_HEADERS, "", 400, "no key"},
        {LG_HTTP_POST, "/storage/test_store", POST_HEADERS, "04026100", 400, "key 1 is empty"},
        {LG_HTTP_POST, "/storage/test_store", POST_HEADERS, "0402", 400, "no list of keys"},
        {LG_HTTP_POST, "/storage/test_store", POST_HEADERS, "0402610aff", 400, "no list of keys"},
        {LG_HTTP_POST, "/compute/test_store", "X-VENICE-API-VERSION: 3", "00", 405, "compute"},
        {LG_HTTP_GET, "/storage/unpushed/CGtleTE=?f=b64", NULL, "", 503,
         "store 'unpushed' has no version to serve yet"},
        {LG_HTTP_POST, "/storage/unpushed", POST_HEADERS, "040261", 503,
         "store 'unpushed' has no version to serve yet"},
    };
    struct lg_clw *w = *state;

    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        LG_SCOPED(lg_buf) body = {0};
        int status;

        assert_true(lg_hex_decode(&body, lg_slice_str(rows[i].hex)));
        status = lg_clw_ask(w, &w->router, rows[i].method, rows[i].target, rows[i].headers,
                            lg_buf_slice(&body));
        if (status != rows[i].status)
            fail_msg("%s: %d %.*s", rows[i].target, status, LG_FMT(lg_clw_body(w)));
        expect_says(w, rows[i].says);
    }
}

static void more_keys_than_the_store_allows_are_413(void **state)
{
    struct lg_clw *w = *state;
    LG_SCOPED(lg_buf) hex = {0};

    for (int i = 0; i < 500; i++)
        lg_buf_append_str(&hex, "0a086b657931");
    lg_buf_append_byte(&hex, 0);
    assert_int_equal(post_hex(w, "/storage/test_store", POST_HEADERS, (const char *)hex.data), 200);
    assert_int_equal(lg_clw_body(w).size,
                     64 * 4 + 436 * 5); /* Indexes from 64 on take two bytes. */
    hex.size--;
    lg_buf_append_str(&hex, "0a086b657931");
    lg_buf_append_byte(&hex, 0);
    assert_int_equal(post_hex(w, "/storage/test_store", POST_HEADERS, (const char *)hex.data), 413);
    expect_says(w, "store 'test_store' answers at most 500 at once");
}

static void a_server_that_does_not_answer_is_504(void **state)
{
    struct lg_clw *w = *state;

    lg_net_sim_partition(w->net, "router", "s0", true);
    lg_net_sim_partition(w->net, "router", "s1", true);
    assert_int_equal(get(w, "/storage/test_store/CGtleTE=?f=b64"), 504);
    assert_int_equal(post_hex(w, "/storage/test_store", POST_HEADERS, "0402610a086b657931"), 504);
    lg_net_sim_heal(w->net);
    lg_clw_run_ms(w, 5000);
    assert_int_equal(get(w, "/storage/test_store/CGtleTE=?f=b64"), 200);
}

/* --- People. -----------------------------------------------------------------------------------
 */

static void a_key_of_a_string_store_is_its_text(void **state)
{
    static const struct {
        const char *target, *value;
    } rows[] = {
        {"/v1/stores/test_store/key1", "42"},       {"/v1/stores/test_store/a/b", "1"},
        {"/v1/stores/test_store/a%2Fb", "1"},       {"/v1/stores/test_store/a%2fb", "1"},
        {"/v1/stores/test_store/%C3%BC%20x", "2"},  {"/v1/stores/test_store/", "3"},
        {"/v1/stores/test_store/a+b", "4"},         {"/v1/stores/test_store/a%2Bb", "4"},
        {"/v1/stores/test_store/k%65y1?x=1", "42"}, {"/v1/stores/numbers/7", "49"},
        {"/v1/stores/numbers/%37", "49"},
    };
    struct lg_clw *w = *state;
    LG_SCOPED(lg_buf) target = {0};

    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        if (get(w, rows[i].target) != 200)
            fail_msg("%s: %d %.*s", rows[i].target, w->call.status, LG_FMT(lg_clw_body(w)));
        assert_string_equal(lg_clw_header(w, "Content-Type"), "application/json");
        assert_string_equal(lg_clw_header(w, "X-LAGOON-VERSION"), "1");
        lg_clw_expect_text(w, rows[i].value);
    }
    lg_buf_append_str(&target, "/v1/stores/test_store/");
    for (int i = 0; i < LONG_KEY_BYTES; i++)
        lg_buf_append_byte(&target, 'k');
    lg_buf_append_byte(&target, 0);
    assert_int_equal(get(w, (const char *)target.data), 200);
    lg_clw_expect_text(w, "5");
}

static void a_huge_key_is_read_in_a_batch_of_one(void **state)
{
    struct lg_clw *w = *state;
    LG_SCOPED(lg_buf) body = {0};
    LG_SCOPED(lg_buf) json = {0};

    lg_buf_append_str(&body, "\xe6\xd4\x03"); /* zigzag of 30003: a key is bytes there */
    add_huge_key(&body);
    assert_int_equal(lg_clw_ask(w, &w->router, LG_HTTP_POST, "/storage/test_store",
                                "X-VENICE-API-VERSION: 1", lg_buf_slice(&body)),
                     200);
    lg_clw_expect_hex(w, "00020c02");
    lg_buf_append_str(&json, "{\"keys\":[\"");
    lg_buf_append_slice(&json, lg_slice(body.data + 6, HUGE_KEY_BYTES));
    lg_buf_append_str(&json, "\"]}");
    assert_int_equal(
        lg_clw_ask(w, &w->router, LG_HTTP_POST, "/v1/stores/test_store", NULL, lg_buf_slice(&json)),
        200);
    expect_says(w, "\"value\":6");
}

static void errors_under_v1_are_json_with_a_code(void **state)
{
    static const struct {
        const char *target;
        int status;
        const char *answer;
    } rows[] = {
        {"/v1/stores/test_store/nope", 404,
         "{\"error\":\"no key \\\"nope\\\" in version 1 of store 'test_store'\","
         "\"code\":\"ERR_NOT_FOUND\"}"},
        {"/v1/stores/test_stor/key1", 404,
         "{\"error\":\"no store named 'test_stor'; did you mean 'test_store'?\","
         "\"code\":\"ERR_NO_STORE\"}"},
        {"/v1/stores/unpushed/key1", 503,
         "{\"error\":\"store 'unpushed' has no version to serve yet; push one\","
         "\"code\":\"ERR_UNREADY\"}"},
        {"/v1/stores/test_store", 400,
         "{\"error\":\"the key is missing: GET /v1/stores/test_store/<key>\","
         "\"code\":\"ERR_INVALID\"}"},
    };
    struct lg_clw *w = *state;

    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        assert_int_equal(get(w, rows[i].target), rows[i].status);
        assert_string_equal(lg_clw_header(w, "Content-Type"), "application/json");
        lg_clw_expect_text(w, rows[i].answer);
    }
    assert_int_equal(get(w, "/v1/stores/test_store/%ff"), 400);
    expect_says(w, "not UTF-8");
    assert_int_equal(get(w, "/v1/stores/numbers/seven"), 400);
    expect_says(w, "the key of store 'numbers' is a long; 'seven' is not");
    assert_int_equal(get(w, "/v1/stores/numbers/7.5"), 400);
    expect_says(w, "\"code\":\"ERR_INVALID\"");
    assert_int_equal(get(w, "/v1/stores/numbers/"), 400);
    assert_int_equal(get(w, "/v1/stores/test_store/bad"), 500);
    expect_says(w, "\"code\":\"ERR_CORRUPT\"");
    assert_int_equal(get(w, "/v1/stores/test_store/new"), 503);
    expect_says(w, "value schema 7 of store 'test_store' is not known here yet");
    assert_int_equal(get(w, "/v1/storehouse"), 404);
    expect_says(w, "GET /v1/stores/<store>/<key>");
    assert_int_equal(
        lg_clw_ask(w, &w->router, LG_HTTP_DELETE, "/v1/stores/test_store/x", NULL, LG_SLICE_NULL),
        404);
}

static int post_json(struct lg_clw *w, const char *store, const char *body)
{
    LG_AUTO_STR char *target = lg_strf("/v1/stores/%s", store);

    return lg_clw_ask(w, &w->router, LG_HTTP_POST, target, "Content-Type: application/json",
                      lg_slice_str(body));
}

static void many_keys_come_in_the_order_they_were_asked(void **state)
{
    static const char answer[] = "{\"store\":\"test_store\",\"version\":1,\"results\":["
                                 "{\"key\":\"nope\",\"found\":false,\"value\":null},"
                                 "{\"key\":\"a/b\",\"found\":true,\"value\":1},"
                                 "{\"key\":\"key1\",\"found\":true,\"value\":42},"
                                 "{\"key\":\"key1\",\"found\":true,\"value\":42}]}";
    struct lg_clw *w = *state;

    assert_int_equal(post_json(w, "test_store", "{\"keys\":[\"nope\",\"a/b\",\"key1\",\"key1\"]}"),
                     200);
    assert_string_equal(lg_clw_header(w, "X-LAGOON-VERSION"), "1");
    lg_clw_expect_text(w, answer);
    assert_int_equal(
        post_json(w, "test_store", "{\"textKeys\":[\"nope\",\"a/b\",\"key1\",\"key1\"]}"), 200);
    lg_clw_expect_text(w, answer);
    assert_int_equal(post_json(w, "numbers", "{\"keys\":[7,8]}"), 200);
    lg_clw_expect_text(w, "{\"store\":\"numbers\",\"version\":1,\"results\":["
                          "{\"key\":7,\"found\":true,\"value\":49},"
                          "{\"key\":8,\"found\":false,\"value\":null}]}");
    assert_int_equal(post_json(w, "numbers", "{\"textKeys\":[\"7\"]}"), 200);
    lg_clw_expect_text(w, "{\"store\":\"numbers\",\"version\":1,\"results\":["
                          "{\"key\":7,\"found\":true,\"value\":49}]}");
}

static void a_body_that_names_no_keys_says_what_it_should_be(void **state)
{
    static const struct {
        const char *store, *body;
        int status;
        const char *says;
    } rows[] = {
        {"test_store", "", 400, "the body"},
        {"test_store", "{\"keys\":", 400, "the body"},
        {"test_store", "{}", 400, "the body must be {\\\"keys\\\":[...]}"},
        {"test_store", "[\"key1\"]", 400, "the body must be"},
        {"test_store", "{\"keys\":[],\"textKeys\":[]}", 400, "the body must be"},
        {"test_store", "{\"keys\":[]}", 400, "names no key"},
        {"test_store", "{\"textKeys\":[]}", 400, "names no key"},
        {"test_store", "{\"keys\":\"key1\"}", 400, "keys must be an array of keys"},
        {"test_store", "{\"keys\":null}", 400, "keys must be an array of keys"},
        {"test_store", "{\"keys\":{\"a\":\"b\"}}", 400, "keys must be an array of keys"},
        {"test_store", "{\"textKeys\":\"key1\"}", 400, "textKeys must be an array of strings"},
        {"test_store", "{\"textKeys\":null}", 400, "textKeys must be an array of strings"},
        {"test_store", "{\"textKeys\":{\"a\":\"b\"}}", 400, "textKeys must be an array of str"},
        /* Not the empty string, which is a key of this store. */
        {"test_store", "{\"textKeys\":[3164603]}", 400, "textKeys[0] must be a string"},
        {"test_store", "{\"textKeys\":[null]}", 400, "textKeys[0] must be a string"},
        {"test_store", "{\"textKeys\":[\"key1\",[\"key1\"]]}", 400, "textKeys[1] must be a string"},
        {"test_store", "{\"textKeys\":[true,\"key1\"]}", 400, "textKeys[0] must be a string"},
        {"test_store", "{\"keys\":[5]}", 400, "a key of store 'test_store'"},
        {"numbers", "{\"keys\":[7,\"x\"]}", 400, "a key of store 'numbers'"},
        {"numbers", "{\"textKeys\":[\"x\"]}", 400, "the key of store 'numbers' is a long"},
        {"numbers", "{\"textKeys\":[7]}", 400, "textKeys[0] must be a string"},
        {"nowhere", "{\"keys\":[\"a\"]}", 400, "ERR_NO_STORE"},
        {"unpushed", "{\"keys\":[\"a\"]}", 503, "ERR_UNREADY"},
        {"test_store", "{\"keys\":[\"key1\",\"bad\"]}", 500, "ERR_CORRUPT"},
    };
    struct lg_clw *w = *state;

    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        if (post_json(w, rows[i].store, rows[i].body) != rows[i].status)
            fail_msg("%s: %d %.*s", rows[i].body, w->call.status, LG_FMT(lg_clw_body(w)));
        assert_string_equal(lg_clw_header(w, "Content-Type"), "application/json");
        expect_says(w, rows[i].says);
    }
}

static void stores_are_listed_and_health_names_what_is_missing(void **state)
{
    struct lg_clw *w = *state;

    assert_int_equal(get(w, "/v1/stores"), 200);
    lg_clw_expect_text(w, "{\"stores\":[{\"name\":\"numbers\",\"currentVersion\":1},"
                          "{\"name\":\"test_store\",\"currentVersion\":1},"
                          "{\"name\":\"unpushed\",\"currentVersion\":0}]}");
    assert_int_equal(get(w, "/v1/health"), 200);
    lg_clw_expect_text(w, "{\"status\":\"ok\"}");
    lg_clw_server_kill(w, 0);
    lg_clw_server_kill(w, 1);
    lg_clw_run_ms(w, 8000); /* Their sessions end. */
    assert_int_equal(get(w, "/v1/health"), 503);
    expect_says(w, "has no ready server for partition 0");
    assert_int_equal(get(w, "/storage/test_store/CGtleTE=?f=b64"), 503);
    lg_clw_server_start(w, 0);
    lg_clw_server_start(w, 1);
    lg_clw_run_ms(w, 8000);
    assert_int_equal(get(w, "/v1/health"), 200);
    assert_int_equal(get(w, "/storage/test_store/CGtleTE=?f=b64"), 200);
}

/* --- Schemas that evolve, stores that go. ------------------------------------------------------
 */

static void values_of_every_schema_are_read_and_shown_in_another(void **state)
{
    static const struct lg_clw_row rows[] = {
        {{(const uint8_t *)"\x02"
                           "a",
          2},
         {(const uint8_t *)"\x06", 1},
         1}, /* 3 */
        {{(const uint8_t *)"\x02"
                           "b",
          2},
         {(const uint8_t *)"\0\0\0\0\0\0\xf8\x3f", 8},
         2}, /* 1.5 */
    };
    struct lg_clw *w = *state;

    lg_clw_new_store(w, "evolving", "\"string\"", PARTITIONS, 1);
    assert_int_equal(lg_clw_post(w, "/add_value_schema",
                                 "store_name=evolving&value_schema=%22double%22&"
                                 "schema_compat_type=BACKWARD"),
                     200);
    assert_int_equal(lg_clw_push(w, "evolving", PARTITIONS, rows, LG_ARRAY_SIZE(rows)), 1);
    /* Venice's clients are told which schema it is. */
    assert_int_equal(lg_clw_ask(w, &w->router, LG_HTTP_GET, "/storage/evolving/AmE=?f=b64",
                                GET_HEADERS, LG_SLICE_NULL),
                     200);
    assert_string_equal(lg_clw_header(w, "X-VENICE-SCHEMA-ID"), "1");
    assert_int_equal(lg_clw_ask(w, &w->router, LG_HTTP_GET, "/storage/evolving/AmI=?f=b64",
                                GET_HEADERS, LG_SLICE_NULL),
                     200);
    assert_string_equal(lg_clw_header(w, "X-VENICE-SCHEMA-ID"), "2");
    /* People see each as it was written, or as they want it. */
    assert_int_equal(get(w, "/v1/stores/evolving/a"), 200);
    lg_clw_expect_text(w, "3");
    assert_int_equal(get(w, "/v1/stores/evolving/b"), 200);
    lg_clw_expect_text(w, "1.5");
    assert_int_equal(get(w, "/v1/stores/evolving/a?schema=2"), 200);
    lg_clw_expect_text(w, "3.0");
    assert_int_equal(get(w, "/v1/stores/evolving/b?schema=latest"), 200);
    lg_clw_expect_text(w, "1.5");
    assert_int_equal(lg_clw_ask(w, &w->router, LG_HTTP_POST, "/v1/stores/evolving?schema=latest",
                                NULL, LG_LIT("{\"keys\":[\"a\",\"b\",\"a\"]}")),
                     200);
    expect_says(w, "{\"key\":\"a\",\"found\":true,\"value\":3.0},{\"key\":\"b\",\"found\":true,"
                   "\"value\":1.5},{\"key\":\"a\",\"found\":true,\"value\":3.0}");
    /* A double is no long. */
    assert_int_equal(get(w, "/v1/stores/evolving/b?schema=1"), 400);
    expect_says(w, "double");
    assert_int_equal(get(w, "/v1/stores/evolving/b?schema=3"), 404);
    expect_says(w, "no value schema '3'");
    assert_int_equal(get(w, "/v1/stores/evolving/b?schema=superset"), 404);
    assert_int_equal(get(w, "/v1/stores/evolving/b?schema=x"), 404);
}

static void a_deleted_store_is_not_served_until_it_is_back(void **state)
{
    static const char on_server[] = "/storage/going_v1/0/AmE=?f=b64";
    static const struct lg_clw_row rows[] = {
        {{(const uint8_t *)"\x02"
                           "a",
          2},
         {(const uint8_t *)"\x06", 1},
         1},
    };
    struct lg_clw *w = *state;
    unsigned holders = 0;

    lg_clw_new_store(w, "going", "\"string\"", 1, 1);
    assert_int_equal(lg_clw_push(w, "going", 1, rows, LG_ARRAY_SIZE(rows)), 1);
    assert_int_equal(get(w, "/v1/stores/going/a"), 200);
    assert_int_equal(lg_clw_post(w, "/delete_store", "store_name=going&lagoon_enabled=true"), 200);
    lg_clw_run_ms(w, 1000);
    assert_int_equal(get(w, "/v1/stores/going/a"), 404);
    expect_says(w, "lagoon store undelete going");
    assert_int_equal(get(w, "/storage/going/AmE=?f=b64"), 400);
    assert_int_equal(get(w, "/v1/stores"), 200);
    {
        LG_AUTO_STR char *list = lg_strf("%.*s", LG_FMT(lg_clw_body(w)));

        assert_null(strstr(list, "going"));
    }
    for (unsigned i = 0; i < 2; i++) { /* Nor by whoever asks a server itself. */
        assert_int_equal(lg_clw_get(w, &w->servers[i], on_server), 400);
        assert_int_equal(lg_clw_ask(w, &w->servers[i], LG_HTTP_POST, "/storage/going_v1",
                                    "X-VENICE-API-VERSION: 1", LG_SLICE_NULL),
                         400);
    }
    assert_int_equal(lg_clw_post(w, "/undelete_store", "store_name=going"), 200);
    lg_clw_run_ms(w, 1000);
    assert_int_equal(get(w, "/v1/stores/going/a"), 200);
    lg_clw_expect_text(w, "3");
    for (unsigned i = 0; i < 2; i++)
        holders += lg_clw_get(w, &w->servers[i], on_server) == 200;
    assert_int_equal(holders, 1);
    /* A purge ends it everywhere. */
    assert_int_equal(lg_clw_post(w, "/delete_store", "store_name=going&lagoon_enabled=true"), 200);
    assert_int_equal(lg_clw_post(w, "/purge_store", "store_name=going"), 200);
    lg_clw_run_ms(w, 15000);
    assert_null(lg_clw_meta_get(w, "/stores/going"));
    assert_null(lg_clw_meta_get(w, "/assignment/going_v1"));
    assert_null(lg_clw_meta_get(w, "/trash/going_v1"));
    assert_int_equal(get(w, "/v1/stores/going/a"), 404);
}

static void disabled_reads_are_refused_everywhere(void **state)
{
    struct lg_clw *w = *state;
    unsigned refused = 0;

    assert_int_equal(get(w, "/v1/stores/numbers/7"), 200);
    assert_int_equal(lg_clw_post(w, "/update_store", "store_name=numbers&enable_reads=false"), 200);
    lg_clw_run_ms(w, 1000);
    assert_int_equal(get(w, "/v1/stores/numbers/7"), 403);
    expect_says(w, "lagoon store update numbers --reads true");
    assert_int_equal(get(w, "/storage/numbers/Dg==?f=b64"), 403);
    for (unsigned i = 0; i < 2; i++)
        refused += lg_clw_get(w, &w->servers[i], "/storage/numbers_v1/0/Dg==?f=b64") == 403;
    assert_int_equal(refused, 2);
    assert_int_equal(get(w, "/v1/stores/test_store/key1"), 200); /* Only these. */
    assert_int_equal(lg_clw_post(w, "/update_store", "store_name=numbers&enable_reads=true"), 200);
    lg_clw_run_ms(w, 1000);
    assert_int_equal(get(w, "/v1/stores/numbers/7"), 200);
}

/* What is malformed, again and again, for more keys than the quota has. */
static void ask_malformed(struct lg_clw *w, unsigned keys)
{
    static const char *const bodies[] = {
        "{\"keys\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\",5]}",
        "{\"textKeys\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\",5]}",
    };

    for (unsigned i = 0; i < keys / 10; i++)
        for (size_t k = 0; k < LG_ARRAY_SIZE(bodies); k++)
            assert_int_equal(post_json(w, "test_store", bodies[k]), 400);
    for (unsigned i = 0; i < keys; i++) {
        assert_int_equal(get(w, "/storage/test_store/*?f=b64"), 400);
        assert_int_equal(get(w, "/v1/stores/test_store/%ff"), 400);
    }
}

/* One router: twice the quota, saved up for 30 s. Servers have limits of their own when they are
 * asked to. */
static void a_store_over_its_read_quota_is_refused_until_there_is_some_again(void **state)
{
    enum { QUOTA = 5, CAPACITY = 2 * QUOTA * 30 };
    struct lg_clw *w = *state;
    uint64_t from_us;
    unsigned answered = 0;

    assert_int_equal(
        lg_clw_post(
            w, "/update_store",
            "store_name=test_store&read_quota_in_cu=5&storage_node_read_quota_enabled=false"),
        200);
    lg_clw_run_ms(w, 1000);
    ask_malformed(w, 2 * CAPACITY);
    from_us = lg_sim_now_us(w->sim);
    while (get(w, "/v1/stores/test_store/nowhere") != 429)
        assert_true(answered++ < 4 * CAPACITY);
    assert_true(answered >= CAPACITY);
    assert_true(answered <= CAPACITY + 1 + 2 * QUOTA * (lg_sim_now_us(w->sim) - from_us) / LG_SEC);
    assert_string_equal(lg_clw_header(w, "Retry-After"), "1");
    assert_string_equal(lg_json_get_str(w->json, "code", ""), "ERR_QUOTA");
    assert_int_equal(lg_clw_ask(w, &w->router, LG_HTTP_POST, "/admin/readQuotaThrottle/disable",
                                NULL, LG_SLICE_NULL),
                     200);
    assert_int_equal(get(w, "/v1/stores/test_store/nowhere"), 404);
    assert_int_equal(lg_clw_ask(w, &w->router, LG_HTTP_POST, "/admin/readQuotaThrottle/enable",
                                NULL, LG_SLICE_NULL),
                     200);
    assert_int_equal(
        lg_clw_post(
            w, "/update_store",
            "store_name=test_store&read_quota_in_cu=-1&storage_node_read_quota_enabled=true"),
        200);
    lg_clw_run_ms(w, 1000);
    assert_int_equal(get(w, "/v1/stores/test_store/nowhere"), 404);
}

/* 50 keys are saved up there, and one comes every second. */
static void a_servers_word_when_to_come_back_reaches_the_client(void **state)
{
    struct lg_clw *w = *state;
    LG_SCOPED(lg_buf) forty = {0};
    LG_SCOPED(lg_buf) sixty = {0};
    int64_t seconds;

    for (int i = 0; i < 60; i++) {
        if (i < 40)
            lg_buf_appendf(&forty, "%s%d", i == 0 ? "{\"keys\":[" : ",", i);
        lg_buf_appendf(&sixty, "%s%d", i == 0 ? "{\"keys\":[" : ",", i);
    }
    lg_buf_append_slice(&forty, lg_slice((const uint8_t *)"]}", 3));
    lg_buf_append_slice(&sixty, lg_slice((const uint8_t *)"]}", 3));
    assert_int_equal(
        lg_clw_post(w, "/update_store",
                    "store_name=numbers&read_quota_in_cu=1&storage_node_read_quota_enabled=true"),
        200);
    assert_int_equal(lg_clw_ask(w, &w->router, LG_HTTP_POST, "/admin/readQuotaThrottle/disable",
                                NULL, LG_SLICE_NULL),
                     200);
    lg_clw_run_ms(w, 1000);
    assert_int_equal(post_json(w, "numbers", (const char *)forty.data), 200);
    assert_int_equal(post_json(w, "numbers", (const char *)forty.data), 429);
    assert_true(lg_parse_i64(lg_slice_str(lg_clw_header(w, "Retry-After")), 25, 30, &seconds));
    assert_int_equal(post_json(w, "numbers", (const char *)sixty.data), 429);
    assert_string_equal(lg_clw_header(w, "Retry-After"), ""); /* It never can. */
    lg_clw_run_ms(w, (uint64_t)seconds * 1000);
    assert_int_equal(post_json(w, "numbers", (const char *)forty.data), 200);
    assert_int_equal(lg_clw_ask(w, &w->router, LG_HTTP_POST, "/admin/readQuotaThrottle/enable",
                                NULL, LG_SLICE_NULL),
                     200);
    assert_int_equal(lg_clw_post(w, "/update_store", "store_name=numbers&read_quota_in_cu=-1"),
                     200);
    lg_clw_run_ms(w, 1000);
}

static uint64_t refused(const char *store, enum lg_router_refusal why)
{
    const struct lg_metric *m = &lg_metric_router_refused_total;
    uint32_t metric = store == NULL ? LG_METRIC_STORE_OTHER : lg_metric_store(store);

    return lg_metric_value(m, lg_metric_of_store(m, metric, why));
}

static void what_is_refused_is_counted_by_store_and_reason(void **state)
{
    struct lg_clw *w = *state;
    uint64_t unknown = refused(NULL, LG_ROUTER_REFUSED_UNKNOWN), quota, unready, disabled;
    unsigned answered = 0;
    uint32_t stores;

    quota = refused("test_store", LG_ROUTER_REFUSED_QUOTA);
    unready = refused("unpushed", LG_ROUTER_REFUSED_UNREADY);
    disabled = refused("numbers", LG_ROUTER_REFUSED_DISABLED);
    stores = lg_metric_store_count();
    assert_int_equal(get(w, "/storage/nowhere/AmE=?f=b64"), 400);
    assert_int_equal(get(w, "/v1/stores/elsewhere/a"), 404);
    assert_int_equal(refused(NULL, LG_ROUTER_REFUSED_UNKNOWN), unknown + 2);
    assert_int_equal(get(w, "/v1/stores/unpushed/a"), 503);
    assert_int_equal(refused("unpushed", LG_ROUTER_REFUSED_UNREADY), unready + 1);
    assert_int_equal(lg_clw_post(w, "/update_store", "store_name=numbers&enable_reads=false"), 200);
    assert_int_equal(
        lg_clw_post(
            w, "/update_store",
            "store_name=test_store&read_quota_in_cu=0&storage_node_read_quota_enabled=false"),
        200);
    lg_clw_run_ms(w, 1000);
    assert_int_equal(get(w, "/v1/stores/numbers/7"), 403);
    assert_int_equal(refused("numbers", LG_ROUTER_REFUSED_DISABLED), disabled + 1);
    while (get(w, "/v1/stores/test_store/nope") != 429)
        assert_true(answered++ < 1000);
    assert_int_equal(post_json(w, "test_store", "{\"keys\":[\"a\",\"b\",\"c\"]}"), 429);
    assert_int_equal(refused("test_store", LG_ROUTER_REFUSED_QUOTA), quota + 2);
    assert_int_equal(refused("numbers", LG_ROUTER_REFUSED_QUOTA), 0);
    assert_int_equal(lg_metric_store_count(), stores); /* Of none that does not exist. */
    assert_int_equal(
        lg_clw_post(
            w, "/update_store",
            "store_name=test_store&read_quota_in_cu=-1&storage_node_read_quota_enabled=true"),
        200);
    assert_int_equal(lg_clw_post(w, "/update_store", "store_name=numbers&enable_reads=true"), 200);
    lg_clw_run_ms(w, 1000);
}

static void who_has_no_permission_is_counted_by_store(void **state)
{
    static const struct lg_authz_config config = {.admins = "CN=admin", .trusted = "CN=router"};
    struct lg_clw *w = lg_clw_new_guarded(43, &config);
    uint64_t other;
    uint32_t stores;

    (void)state;
    lg_net_sim_show(w->net, "world", true, "CN=admin");
    lg_net_sim_show(w->net, "router", true, "CN=router");
    lg_clw_router_start(w);
    lg_clw_run_ms(w, 2000);
    lg_clw_new_store(w, "secret", "\"string\"", 1, 1);
    lg_clw_run_ms(w, 1000);
    assert_int_equal(get(w, "/v1/stores/secret/a"), 503);
    assert_int_equal(refused("secret", LG_ROUTER_REFUSED_PERMISSION), 0);
    lg_net_sim_show(w->net, "world", true, "CN=somebody");
    lg_clw_run_ms(w, 60000); /* Connections that are kept end. */
    other = refused(NULL, LG_ROUTER_REFUSED_PERMISSION);
    stores = lg_metric_store_count();
    assert_int_equal(get(w, "/v1/stores/secret/a"), 403);
    assert_int_equal(get(w, "/storage/secret/AmE=?f=b64"), 403);
    assert_int_equal(refused("secret", LG_ROUTER_REFUSED_PERMISSION), 2);
    assert_int_equal(get(w, "/storage/nowhere/AmE=?f=b64"), 403);
    assert_int_equal(refused(NULL, LG_ROUTER_REFUSED_PERMISSION), other + 1);
    assert_int_equal(lg_metric_store_count(), stores);
    lg_clw_free(w);
}

int main(void)
{
    static const struct lg_metric_table *const tables[] = {&lg_router_metrics};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_thin_clients_start_and_first_read),
        cmocka_unit_test(a_key_that_is_not_there_is_404_without_a_body),
        cmocka_unit_test(a_streaming_multi_get_names_the_missing_keys),
        cmocka_unit_test(a_plain_multi_get_omits_the_missing_keys),
        cmocka_unit_test(a_store_over_its_read_quota_is_refused_until_there_is_some_again),
        cmocka_unit_test(refusals_have_venices_statuses_and_a_text),
        cmocka_unit_test(more_keys_than_the_store_allows_are_413),
        cmocka_unit_test(a_server_that_does_not_answer_is_504),
        cmocka_unit_test(a_key_of_a_string_store_is_its_text),
        cmocka_unit_test(a_huge_key_is_read_in_a_batch_of_one),
        cmocka_unit_test(errors_under_v1_are_json_with_a_code),
        cmocka_unit_test(many_keys_come_in_the_order_they_were_asked),
        cmocka_unit_test(a_body_that_names_no_keys_says_what_it_should_be),
        cmocka_unit_test(stores_are_listed_and_health_names_what_is_missing),
        cmocka_unit_test(values_of_every_schema_are_read_and_shown_in_another),
        cmocka_unit_test(a_deleted_store_is_not_served_until_it_is_back),
        cmocka_unit_test(disabled_reads_are_refused_everywhere),
        cmocka_unit_test(a_servers_word_when_to_come_back_reaches_the_client),
        cmocka_unit_test(what_is_refused_is_counted_by_store_and_reason),
        cmocka_unit_test(who_has_no_permission_is_counted_by_store),
    };
    int failed;

    lg_metrics_register(tables, LG_ARRAY_SIZE(tables), 10);
    failed = cmocka_run_group_tests(tests, up, down); /* One world for all. */
    lg_metrics_reset();
    return failed;
}
