/* What connections of HTTP/2 under the server refuse, and when they end by themselves. */
#include "base/memory_gate.h"
#include "net/http2.h"
#include "net/metrics.h"
#include "test/lib/h2_rig.h"

#define CLASS_4XX 3 /* of http_requests_total, listener=other */

/* --- Limits ---------------------------------------------------------------------------------- */

static void a_body_over_the_limit_is_answered_413(void **state)
{
    LG_SCOPED(lg_buf) big = {0};
    struct h2_rig r;

    (void)state;
    memset(lg_buf_reserve(&big, 100001), 'x', 100001);
    lg_buf_commit(&big, 100001);
    EACH_ENGINE(&r)
    {
        h2_rig_on_lane(&r, h2_rig_open, 0);
        (void)h2_rig_ask(&r, 0, "/a", lg_slice(big.data, 100000));
        h2_rig_expect(&r, 0, 200, "POST /a world 100000 xxxxxxxxxxxxxxxxxxxx");
        (void)h2_rig_ask(&r, 0, "/a", lg_buf_slice(&big));
        h2_rig_expect(&r, 1, 413, "the body is over the limit body_bytes\n");
        assert_int_equal(r.requests, 1);
        assert_int_equal(lg_metric_value(&lg_metric_http_refused_total, LG_HTTP_REFUSED_BODY), 1);
        assert_int_equal(lg_metric_value(&lg_metric_http_requests_total, CLASS_4XX), 1);
        /* It waited for nobody: what took it no time at all is not counted as ages. */
        assert_true(lg_metric_quantile(&lg_metric_http_request_seconds, 0, 1.0) < LG_SEC);
        (void)h2_rig_get(&r, "/a");
        h2_rig_expect(&r, 2, 200, "GET /a world 0 ");
    }
}

static void ask_with_a_long_field(struct h2_rig *r, size_t i)
{
    static char value[9000];

    memset(value, 'v', sizeof value - 1);
    r->asked = h2_client_ask(&r->clients[i], NULL, "/a", LG_SLICE_NULL, "x-long", value);
}

static void a_head_over_the_limit_is_answered_431(void **state)
{
    struct h2_rig r;

    (void)state;
    EACH_ENGINE(&r)
    {
        h2_rig_on_lane(&r, h2_rig_open, 0);
        h2_rig_on_lane(&r, ask_with_a_long_field, 0);
        h2_rig_settle(&r);
        assert_int_equal(h2_rig_asked(&r, 0)->status, 431);
        assert_int_equal(r.requests, 0);
        (void)h2_rig_get(&r, "/a");
        h2_rig_expect(&r, 1, 200, "GET /a world 0 ");
    }
}

static void while_memory_is_short_only_small_bodies_are_taken(void **state)
{
    LG_SCOPED(lg_buf) big = {0};
    struct h2_rig r;

    (void)state;
    memset(lg_buf_reserve(&big, 20000), 'x', 20000);
    lg_buf_commit(&big, 20000);
    EACH_ENGINE(&r)
    {
        h2_rig_on_lane(&r, h2_rig_open, 0);
        lg_memory_gate_set(2, 1);
        (void)h2_rig_ask(&r, 0, "/a", lg_buf_slice(&big));
        (void)h2_rig_ask(&r, 0, "/b", LG_LIT("hello"));
        lg_memory_gate_set(0, 1);
        (void)h2_rig_ask(&r, 0, "/a", lg_buf_slice(&big));
        h2_rig_expect(&r, 0, 503, LG_MEMORY_GATE_TEXT "\n");
        h2_rig_expect(&r, 1, 200, "POST /b world 5 hello");
        assert_int_equal(h2_rig_asked(&r, 2)->status, 200);
    }
    lg_memory_gate_set(0, 0);
}

/* --- Time ------------------------------------------------------------------------------------ */

static void a_silent_connection_is_closed(void **state)
{
    struct h2_rig r;

    (void)state;
    EACH_ENGINE(&r)
    {
        h2_rig_on_lane(&r, h2_rig_open, 0);
        (void)h2_rig_get(&r, "/a");
        lg_sim_run_us(r.sim, (H2_RIG_IDLE_MS - 1500) * LG_MS);
        assert_int_equal(r.clients[0].goaways, 0);
        lg_sim_run_us(r.sim, 4 * LG_SEC);
        assert_true(r.clients[0].goaways > 0 && r.clients[0].closed);
        assert_int_equal(r.clients[0].goaway_code, LG_H2_NO_ERROR);
    }
}

static void the_handler_may_take_its_time(void **state)
{
    struct h2_rig r;

    (void)state;
    EACH_ENGINE(&r)
    {
        h2_rig_on_lane(&r, h2_rig_open, 0);
        (void)h2_rig_get(&r, "/hold");
        lg_sim_run_us(r.sim, 10 * H2_RIG_IDLE_MS * LG_MS);
        assert_false(r.clients[0].closed);
        h2_rig_on_lane(&r, h2_rig_release, 0);
        h2_rig_settle(&r);
        h2_rig_expect(&r, 0, 200, "0");
    }
}

static void a_body_that_does_not_come_is_answered_408(void **state)
{
    struct h2_rig r;

    (void)state;
    EACH_ENGINE(&r)
    {
        h2_rig_on_lane(&r, h2_rig_open, 0);
        r.path = "/a";
        r.body = LG_LIT("begins");
        h2_rig_on_lane(&r, h2_rig_begin, 0);
        lg_sim_run_us(r.sim, (H2_RIG_IDLE_MS - 1500) * LG_MS);
        assert_int_equal(h2_rig_asked(&r, 0)->status, 0);
        lg_sim_run_us(r.sim, 4 * LG_SEC);
        assert_int_equal(h2_rig_asked(&r, 0)->status, 408);
        assert_true(r.clients[0].closed);
        assert_int_equal(r.requests, 0);
        assert_int_equal(lg_metric_value(&lg_metric_http_refused_total, LG_HTTP_REFUSED_TIME), 1);
    }
}

static void a_peer_that_never_reads_is_cut(void **state)
{
    struct h2_rig r;

    (void)state;
    EACH_ENGINE(&r)
    {
        r.window = 64 * MIB;
        h2_rig_on_lane(&r, h2_rig_open, 0);
        (void)h2_rig_get(&r, "/a");
        h2_rig_on_lane(&r, h2_rig_pause, true);
        (void)h2_rig_get(&r,
                         "/big"); /* All of it waits below the engine, in the connection's queue. */
        lg_sim_run_us(r.sim, (H2_RIG_IDLE_MS - 1500) * LG_MS);
        assert_int_equal(lg_metric_value(&lg_metric_http_connections, 0), 1);
        lg_sim_run_us(r.sim, 2 * H2_RIG_IDLE_MS * LG_MS);
        assert_int_equal(lg_metric_value(&lg_metric_http_connections, 0), 0);
        assert_int_equal(lg_metric_value(&lg_metric_http_refused_total, LG_HTTP_REFUSED_TIME), 1);
    }
}

static void pause_plain(struct h2_rig *r, size_t paused)
{
    lg_conn_pause(r->plain, paused != 0);
}

/* Over HTTP/1.1 it counts as the same. */
static void a_plain_peer_that_never_reads_is_cut(void **state)
{
    struct h2_rig r;

    (void)state;
    h2_rig_init(&r, NULL);
    h2_rig_say(&r, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    h2_rig_on_lane(&r, pause_plain, true);
    h2_rig_say(&r, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    lg_sim_run_us(r.sim, (H2_RIG_IDLE_MS - 1500) * LG_MS);
    assert_int_equal(lg_metric_value(&lg_metric_http_connections, 0), 1);
    assert_int_equal(lg_metric_value(&lg_metric_http_refused_total, LG_HTTP_REFUSED_TIME), 0);
    lg_sim_run_us(r.sim, 2 * H2_RIG_IDLE_MS * LG_MS);
    assert_int_equal(lg_metric_value(&lg_metric_http_connections, 0), 0);
    assert_int_equal(lg_metric_value(&lg_metric_http_refused_total, LG_HTTP_REFUSED_TIME), 1);
    h2_rig_done(&r);
}

static size_t bytes_of_all(const struct h2_rig *r)
{
    size_t n = 0;

    for (size_t i = 0; i < r->clients[0].count; i++)
        n += r->clients[0].asked[i].body.size;
    return n;
}

static void a_peer_that_reads_slowly_is_not_cut(void **state)
{
    struct h2_rig r;

    (void)state;
    EACH_ENGINE(&r)
    {
        r.window = 64 * MIB;
        h2_rig_on_lane(&r, h2_rig_open, 0);
        (void)h2_rig_get(&r, "/a");
        h2_rig_on_lane(&r, h2_rig_pause, true);
        for (size_t i = 0; i < 8; i++)
            (void)h2_rig_get(&r, "/big");
        for (size_t i = 0; i < 6; i++) { /* It never has all that waits. */
            size_t had = bytes_of_all(&r);

            lg_sim_run_us(r.sim, (H2_RIG_IDLE_MS - 2000) * LG_MS);
            h2_rig_on_lane(&r, h2_rig_pause, false);
            lg_sim_run_us(r.sim, 200);
            h2_rig_on_lane(&r, h2_rig_pause, true);
            assert_true(bytes_of_all(&r) > had);
        }
        assert_true(bytes_of_all(&r) < 7 * MIB);
        h2_rig_on_lane(&r, h2_rig_pause, false);
        h2_rig_settle(&r);
        assert_true(bytes_of_all(&r) > 8 * MIB);
        assert_false(r.clients[0].closed);
    }
}

static void who_takes_no_answers_is_asked_no_more(void **state)
{
    struct h2_rig r;

    (void)state;
    EACH_ENGINE(&r)
    {
        size_t asked;

        r.window = 64 * MIB;
        h2_rig_on_lane(&r, h2_rig_open, 0);
        (void)h2_rig_get(&r, "/a");
        h2_rig_on_lane(&r, h2_rig_pause, true);
        for (size_t i = 0; i < 12; i++)
            (void)h2_rig_get(&r, "/big");
        asked = r.requests;
        assert_in_range(asked, 2, 4); /* What fits below the engine, and one that found room. */
        h2_rig_on_lane(&r, h2_rig_pause, false);
        h2_rig_settle(&r);
        assert_int_equal(r.requests, 13);
        assert_true(bytes_of_all(&r) > 12 * MIB);
        assert_false(r.clients[0].closed);
    }
}

/* The limit of a body is the server's, whatever an engine takes for all of a connection. */
static void a_large_limit_of_bodies_holds(void **state)
{
    LG_SCOPED(lg_buf) big = {0};
    struct h2_rig r;

    (void)state;
    memset(lg_buf_reserve(&big, 33 * MIB), 'x', 33 * MIB);
    lg_buf_commit(&big, 33 * MIB);
    for (size_t i = 0; i < H2_RIG_ENGINES; i++) {
        h2_rig_init_with(&r, h2_rig_engines[i], 34 * MIB, H2_RIG_IDLE_MS, NULL);
        h2_rig_on_lane(&r, h2_rig_open, 0);
        (void)h2_rig_ask(&r, 0, "/a", lg_buf_slice(&big));
        lg_sim_run_us(r.sim, 20 * LG_SEC);
        h2_rig_expect(&r, 0, 200, "POST /a world 34603008 xxxxxxxxxxxxxxxxxxxx");
        h2_rig_done(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_over_the_limit_is_answered_413),
        cmocka_unit_test(a_head_over_the_limit_is_answered_431),
        cmocka_unit_test(while_memory_is_short_only_small_bodies_are_taken),
        cmocka_unit_test(a_silent_connection_is_closed),
        cmocka_unit_test(the_handler_may_take_its_time),
        cmocka_unit_test(a_body_that_does_not_come_is_answered_408),
        cmocka_unit_test(a_peer_that_never_reads_is_cut),
        cmocka_unit_test(a_plain_peer_that_never_reads_is_cut),
        cmocka_unit_test(a_peer_that_reads_slowly_is_not_cut),
        cmocka_unit_test(who_takes_no_answers_is_asked_no_more),
        cmocka_unit_test(a_large_limit_of_bodies_holds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
