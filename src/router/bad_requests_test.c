/* What is wrong with a request to a router is answered with its status, and counted by reason,
 * once: a row for each way to be wrong. */
#include "base/str.h"
#include "drivers/sim/lane_sim.h"
#include "router/metrics.h"
#include "test/lib/cluster_world.h"
#include "test/test.h"

#define API_VERSION "X-VENICE-API-VERSION: 1"
#define KEYS_MAX "2"

static int up(void **state)
{
    static const struct lg_clw_row rows[] = {
        {{(const uint8_t *)"\x02"
                           "a",
          2},
         {(const uint8_t *)"\x54", 1},
         1},
    };
    struct lg_clw *w = lg_clw_new(47, /* with_controller= */ true);

    lg_clw_server_start(w, 0);
    lg_clw_router_start(w);
    lg_clw_run_ms(w, 2000);
    lg_clw_new_store(w, "cities", "\"string\"", 1, 1);
    lg_clw_new_store(w, "numbers", "\"long\"", 1, 1);
    assert_int_equal(lg_clw_push(w, "cities", 1, rows, 1), 1);
    assert_int_equal(lg_clw_push(w, "numbers", 1, rows, 1), 1);
    assert_int_equal(lg_clw_post(w, "/update_store", "store_name=cities&batch_get_limit=" KEYS_MAX),
                     200);
    lg_clw_run_ms(w, 1000);
    *state = w;
    return 0;
}

static int down(void **state)
{
    lg_clw_free(*state);
    return 0;
}

#define REASONS (LG_ROUTER_NO_RESOURCE + 1)
#define NONE REASONS

static uint64_t counted[REASONS];

static void note(void)
{
    for (uint32_t i = 0; i < REASONS; i++)
        counted[i] = lg_metric_value(&lg_metric_router_bad_requests_total, i);
}

/* Since `note`: once, for `why`; NONE: nothing. */
static void expect(const char *what, uint32_t why)
{
    for (uint32_t i = 0; i < REASONS; i++) {
        uint64_t n = lg_metric_value(&lg_metric_router_bad_requests_total, i) - counted[i];

        if (n != (i == why))
            fail_msg("%s: counted %llu times for reason %u", what, (unsigned long long)n, i);
    }
}

struct row {
    enum lg_http_method method;
    const char *target, *headers, *body;
    int status;
    uint32_t why;
};

static void ask(struct lg_clw *w, const struct row *row)
{
    note();
    (void)lg_clw_ask(w, &w->router, row->method, row->target, row->headers,
                     lg_slice_str(row->body));
    if (w->call.status != row->status)
        fail_msg("%s %s: %d %.*s", row->target, row->body, w->call.status, LG_FMT(lg_clw_body(w)));
    expect(row->target, row->why);
}

/* --- Malformed ---------------------------------------------------------------------------------
 */

#define GET(target, status, why)                                                                   \
    {                                                                                              \
        LG_HTTP_GET, target, NULL, "", status, why                                                 \
    }
#define STORE "/storage/cities"
#define V1 "/v1/stores/cities"

static const struct row rows[] = {
    GET("/", 400, LG_ROUTER_BAD_PATH),
    GET("/nonsense", 400, LG_ROUTER_BAD_PATH),
    GET("/storag/cities/AmE=?f=b64", 400, LG_ROUTER_BAD_PATH),
    GET("/storage", 400, LG_ROUTER_BAD_PATH),
    GET(STORE, 400, LG_ROUTER_BAD_PATH),
    GET(STORE "/%zz", 400, LG_ROUTER_BAD_PATH),
    GET("/storage/%zz/a", 400, LG_ROUTER_BAD_PATH),
    GET("/key_schema", 400, LG_ROUTER_BAD_PATH),
    GET("/value_schema/cities/%2", 400, LG_ROUTER_BAD_PATH),
    GET("/discover_cluster", 400, LG_ROUTER_BAD_PATH),
    GET("/v1", 404, LG_ROUTER_BAD_PATH),
    GET("/v1/storehouse", 404, LG_ROUTER_BAD_PATH),
    GET(V1, 400, LG_ROUTER_BAD_PATH),
    GET("/admin/readQuotaThrottle/enable", 400, LG_ROUTER_BAD_PATH),
    GET("/admin/unknown", 501, LG_ROUTER_BAD_PATH),
    {LG_HTTP_POST, "/admin", NULL, "", 400, LG_ROUTER_BAD_PATH},
    {LG_HTTP_POST, "/admin/readQuotaThrottle/flip", NULL, "", 400, LG_ROUTER_BAD_PATH},

    {LG_HTTP_PUT, STORE "/AmE=?f=b64", NULL, "", 400, LG_ROUTER_BAD_METHOD},
    {LG_HTTP_DELETE, V1 "/a", NULL, "", 404, LG_ROUTER_BAD_METHOD},
    {LG_HTTP_POST, "/v1/health", NULL, "", 400, LG_ROUTER_BAD_METHOD},
    {LG_HTTP_POST, "/key_schema/cities", NULL, "", 400, LG_ROUTER_BAD_METHOD},
    {LG_HTTP_PUT, "/admin", NULL, "", 400, LG_ROUTER_BAD_METHOD},
    GET("/compute/cities", 405, LG_ROUTER_BAD_METHOD),

    GET("/blob_discovery?store_name=cities&store_version=1", 400, LG_ROUTER_BAD_PARAMETER),

    GET(STORE "/a*b?f=b64", 400, LG_ROUTER_BAD_KEY),
    GET(STORE "/?f=b64", 400, LG_ROUTER_BAD_KEY),
    GET(V1 "/%ff", 400, LG_ROUTER_BAD_KEY),
    GET("/v1/stores/numbers/seven", 400, LG_ROUTER_BAD_KEY),
    {LG_HTTP_POST, STORE, API_VERSION, "\x02", 400, LG_ROUTER_BAD_BODY},
    {LG_HTTP_POST, STORE, API_VERSION, "", 400, LG_ROUTER_BAD_BODY},
    {LG_HTTP_POST, V1, NULL, "{\"keys\":[5]}", 400, LG_ROUTER_BAD_KEY},
    {LG_HTTP_POST, "/v1/stores/numbers", NULL, "{\"textKeys\":[\"x\"]}", 400, LG_ROUTER_BAD_KEY},

    GET("/value_schema/cities/2", 404, LG_ROUTER_BAD_SCHEMA),
    GET("/value_schema/cities/x", 404, LG_ROUTER_BAD_SCHEMA),
    GET("/value_schema/cities/99999999999", 404, LG_ROUTER_BAD_SCHEMA),
    GET("/update_schema/cities/1", 404, LG_ROUTER_BAD_SCHEMA),
    GET(V1 "/a?schema=3", 404, LG_ROUTER_BAD_SCHEMA),
    GET(V1 "/a?schema=x", 404, LG_ROUTER_BAD_SCHEMA),
    {LG_HTTP_POST, V1 "?schema=-1", NULL, "{\"keys\":[\"a\"]}", 400, LG_ROUTER_BAD_SCHEMA},

    {LG_HTTP_POST, STORE, NULL, "\x02x", 400, LG_ROUTER_BAD_VERSION},
    {LG_HTTP_POST, STORE, "X-VENICE-API-VERSION: 3", "\x02x", 400, LG_ROUTER_BAD_VERSION},
    {LG_HTTP_POST, STORE, "X-VENICE-API-VERSION: one", "\x02x", 400, LG_ROUTER_BAD_VERSION},

    {LG_HTTP_POST, STORE, API_VERSION, "\x02x\x02x\x02x", 413, LG_ROUTER_TOO_LARGE},
    {LG_HTTP_POST, V1, NULL, "{\"keys\":[\"a\",\"b\",\"c\"]}", 413, LG_ROUTER_TOO_LARGE},

    {LG_HTTP_POST, V1, NULL, "", 400, LG_ROUTER_BAD_BODY},
    {LG_HTTP_POST, V1, NULL, "{\"keys\":", 400, LG_ROUTER_BAD_BODY},
    {LG_HTTP_POST, V1, NULL, "{}", 400, LG_ROUTER_BAD_BODY},
    {LG_HTTP_POST, V1, NULL, "{\"keys\":[]}", 400, LG_ROUTER_BAD_BODY},
    {LG_HTTP_POST, V1, NULL, "{\"keys\":\"a\"}", 400, LG_ROUTER_BAD_BODY},
    {LG_HTTP_POST, V1, NULL, "{\"textKeys\":[7]}", 400, LG_ROUTER_BAD_BODY},

    GET("/storage/citeis/AmE=?f=b64", 400, LG_ROUTER_NO_RESOURCE),
    {LG_HTTP_POST, "/storage/citeis", API_VERSION, "\x02x", 400, LG_ROUTER_NO_RESOURCE},
    GET("/v1/stores/citeis/a", 404, LG_ROUTER_NO_RESOURCE),
    GET("/key_schema/citeis", 404, LG_ROUTER_NO_RESOURCE),
    GET("/current_version/citeis", 404, LG_ROUTER_NO_RESOURCE),
    GET("/store_state/citeis", 404, LG_ROUTER_NO_RESOURCE),
    GET("/discover_cluster/citeis", 404, LG_ROUTER_NO_RESOURCE),
    GET("/resource_state/cities_v7", 404, LG_ROUTER_NO_RESOURCE),
    GET("/resource_state/cities", 404, LG_ROUTER_NO_RESOURCE),
    GET("/request_topic/citeis", 404, LG_ROUTER_NO_RESOURCE),
    GET("/push_status/cities", 400, LG_ROUTER_NO_RESOURCE),
    GET("/push_status/citeis_v1", 404, LG_ROUTER_NO_RESOURCE),
    GET("/stream_reprocessing_hybrid_store_quota/cities", 400, LG_ROUTER_NO_RESOURCE),
    GET("/blob_discovery?store_name=citeis&store_version=1&store_partition=0", 404,
        LG_ROUTER_NO_RESOURCE),
};

static void what_is_malformed_is_refused_and_counted_by_reason(void **state)
{
    bool seen[REASONS] = {false};

    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        ask(*state, &rows[i]);
        seen[rows[i].why] = true;
    }
    for (uint32_t i = 0; i < REASONS; i++)
        assert_true(seen[i]);
}

/* An empty key among others needs a NUL byte. */
static void an_empty_key_of_a_batch_is_counted_as_a_key(void **state)
{
    struct lg_clw *w = *state;

    note();
    assert_int_equal(
        lg_clw_ask(w, &w->router, LG_HTTP_POST, STORE, API_VERSION, lg_slice("\x02x\0", 3)), 400);
    expect("an empty key", LG_ROUTER_BAD_KEY);
}

/* --- Fine --------------------------------------------------------------------------------------
 */

static void what_is_well_formed_counts_as_nothing(void **state)
{
    static const struct row fine[] = {
        GET(STORE "/AmE=?f=b64", 200, NONE),
        GET(STORE "/AmI=?f=b64", 404, NONE), /* A key that is not there. */
        {LG_HTTP_POST, STORE, API_VERSION, "\x02x\x02x", 200, NONE},
        GET(V1 "/a", 200, NONE),
        GET(V1 "/a?schema=1", 200, NONE),
        GET(V1 "/nope", 404, NONE),
        {LG_HTTP_POST, V1, NULL, "{\"keys\":[\"a\",\"b\"]}", 200, NONE},
        GET("/v1/stores", 200, NONE),
        GET("/v1/health", 200, NONE),
        GET("/key_schema/cities", 200, NONE),
        GET("/value_schema/cities/1", 200, NONE),
        GET("/discover_cluster/cities", 200, NONE),
        GET("/resource_state/cities_v1", 200, NONE),
        GET("/admin/readQuotaThrottle", 200, NONE),
        GET("/request_topic/cities", 400, NONE), /* The store is wrong for it, not the words. */
        {LG_HTTP_OPTIONS, "/", NULL, "", 200, NONE},
    };

    for (size_t i = 0; i < LG_ARRAY_SIZE(fine); i++)
        ask(*state, &fine[i]);
}

int main(void)
{
    static const struct lg_metric_table *const tables[] = {&lg_router_metrics};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_malformed_is_refused_and_counted_by_reason),
        cmocka_unit_test(an_empty_key_of_a_batch_is_counted_as_a_key),
        cmocka_unit_test(what_is_well_formed_counts_as_nothing),
    };
    int failed;

    lg_metrics_register(tables, LG_ARRAY_SIZE(tables), 10);
    failed = cmocka_run_group_tests(tests, up, down); /* One world for all. */
    lg_metrics_reset();
    return failed;
}
