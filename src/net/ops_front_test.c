/* Tests of what operators ask of a listener, and of what a listener counts, on the simulated
 * network. */
#include "net/ops_front.h"

#include "base/health.h"
#include "base/str.h"
#include "drivers/sim/transport_sim.h"
#include "net/http_client.h"
#include "net/metrics.h"
#include "test/test.h"

struct rig {
    struct lg_sim *sim;
    struct lg_net_sim *net;
    struct lg_lane *lane;
    struct lg_http_server *server;
    struct lg_http_client *client;
    struct lg_http_call call;
    struct lg_task task;
    unsigned handled; /* by the handler behind */
    unsigned guarded; /* by who keeps names from some */
    bool done;
};

static void handle(void *ctx, struct lg_http_request *rq)
{
    ((struct rig *)ctx)->handled++;
    lg_http_respond_text(rq, 404, "not ours\n");
}

/* Nobody may hear names here. */
static void guard(void *ctx, struct lg_http_request *rq)
{
    if (lg_ops_front_handle_plain(rq))
        return;
    ((struct rig *)ctx)->guarded++;
    if (lg_ops_front_is_metrics(rq))
        lg_http_respond_text(rq, 403, "not yours\n");
    else
        lg_ops_front_handle_unnamed(rq);
}

static int set_up_guarded(void **state, lg_http_handler ops)
{
    static const struct lg_metric_table *const tables[] = {&lg_net_metrics};
    struct rig *r = lg_new(struct rig);
    struct lg_error err;

    lg_health_reset();
    lg_metrics_register(tables, 1, 10);
    r->sim = lg_sim_new(1);
    r->net = lg_net_sim_new(r->sim);
    r->lane = lg_sim_lane_new(r->sim, NULL, "lane");
    assert_ok(lg_http_server_start(
        &(struct lg_http_server_options){.transport = lg_net_sim_transport(r->net),
                                         .lane = r->lane,
                                         .host = "world",
                                         .connections_max = 1,
                                         .body_bytes_max = 10,
                                         .listener = LG_HTTP_LISTENER_ROUTER,
                                         .handler = handle,
                                         .ops = ops,
                                         .ctx = r},
        &r->server, &err));
    r->client = lg_http_client_new(lg_net_sim_transport(r->net), r->lane);
    *state = r;
    return 0;
}

static int set_up(void **state)
{
    return set_up_guarded(state, /* ops= */ NULL);
}

static int set_up_guard(void **state)
{
    return set_up_guarded(state, guard);
}

static void stopped(void *ctx)
{
    ((struct rig *)ctx)->done = true;
}

static void stop(struct lg_task *task)
{
    struct rig *r = LG_CONTAINER_OF(task, struct rig, task);

    lg_http_client_free(r->client);
    lg_http_server_stop(r->server, 0, stopped, r);
}

static bool is_done(void *ctx)
{
    return ((struct rig *)ctx)->done;
}

static int tear_down(void **state)
{
    struct rig *r = *state;

    r->done = false;
    r->task.run = stop;
    lg_lane_post(r->lane, &r->task);
    assert_true(lg_sim_run_until(r->sim, is_done, r, 10 * LG_SEC));
    lg_sim_run_us(r->sim, LG_SEC);
    lg_http_call_done(&r->call);
    lg_sim_free(r->sim);
    lg_net_sim_free(r->net);
    lg_free(r);
    lg_metrics_reset();
    lg_health_reset();
    return 0;
}

static void answered(struct lg_http_call *call)
{
    LG_CONTAINER_OF(call, struct rig, call)->done = true;
}

static void submit(struct lg_task *task)
{
    struct rig *r = LG_CONTAINER_OF(task, struct rig, task);

    lg_http_call_submit(r->client, &r->call);
}

/* The status; the body is text afterwards. */
static int ask_as(struct rig *r, enum lg_http_method method, const char *target, const char *body)
{
    lg_http_call_done(&r->call);
    r->call = (struct lg_http_call){.host = "world",
                                    .port = lg_http_server_port(r->server),
                                    .method = method,
                                    .target = lg_slice_str(target),
                                    .body = lg_slice_str(body),
                                    .done = answered};
    r->done = false;
    r->task.run = submit;
    lg_lane_post(r->lane, &r->task);
    assert_true(lg_sim_run_until(r->sim, is_done, r, 60 * LG_SEC));
    assert_rc(LG_OK, r->call.rc);
    lg_buf_append_byte(&r->call.response_body, 0);
    return r->call.status;
}

static int ask(struct rig *r, const char *target)
{
    return ask_as(r, LG_HTTP_GET, target, "");
}

static const char *body(struct rig *r)
{
    return (const char *)r->call.response_body.data;
}

static void readyz_says_200_or_503_and_why(void **state)
{
    struct rig *r = *state;

    lg_health_set("metadata", true, "%s", "");
    assert_int_equal(ask(r, "/readyz"), 200);
    assert_string_equal(body(r), "ok\n");
    assert_int_equal(ask(r, "/readyz?verbose"), 200);
    assert_string_equal(body(r), "[+]metadata ok\nreadyz check passed\n");
    lg_health_set("disk", false, "low: 3 %% free");
    assert_int_equal(ask(r, "/readyz"), 503);
    assert_string_equal(body(r), "[-]disk low: 3 % free\nreadyz check failed\n");
    assert_int_equal(ask(r, "/readyz?verbose=1"), 503);
    assert_non_null(strstr(body(r), "[+]metadata ok\n[-]disk"));
    assert_int_equal(ask(r, "/readyz?output=json"), 503);
    assert_string_equal(body(r), "{\"ok\":false,\"checks\":[{\"name\":\"metadata\",\"ok\":true,"
                                 "\"reason\":null},{\"name\":\"disk\",\"ok\":false,"
                                 "\"reason\":\"low: 3 % free\"}]}\n");
    assert_int_equal(r->handled, 0);
}

static void a_guarded_listener_says_ok_to_all_and_reasons_to_none(void **state)
{
    struct rig *r = *state;

    lg_health_set("metadata", true, "of cities");
    assert_int_equal(ask(r, "/livez?verbose"), 200);
    assert_int_equal(ask(r, "/readyz"), 200);
    assert_string_equal(body(r), "ok\n");
    assert_int_equal(ask_as(r, LG_HTTP_POST, "/readyz", ""), 405);
    assert_int_equal(r->guarded, 0);
    assert_int_equal(ask(r, "/metrics"), 403);
    assert_int_equal(ask(r, "/readyz?verbose"), 200);
    assert_string_equal(body(r), "[+]metadata ok\nreadyz check passed\n");
    assert_int_equal(ask(r, "/readyz?output=json"), 200);
    assert_int_equal(r->guarded, 3);
    lg_health_set("disk", false, "of s0 is low");
    assert_int_equal(ask(r, "/readyz"), 503);
    assert_string_equal(body(r), "[-]disk failed: reason withheld\nreadyz check failed\n");
    assert_int_equal(ask(r, "/readyz?output=json"), 503);
    assert_string_equal(body(r), "{\"ok\":false,\"checks\":[{\"name\":\"metadata\",\"ok\":true,"
                                 "\"reason\":null},{\"name\":\"disk\",\"ok\":false,"
                                 "\"reason\":null}]}\n");
    assert_int_equal(r->guarded, 4);
    assert_int_equal(r->handled, 0);
}

static void livez_asks_only_who_must_give_a_sign_of_life(void **state)
{
    struct rig *r = *state;

    lg_health_set("disk", false, "%s", "");
    lg_health_beat("lane data", lg_sim_now_us(r->sim));
    assert_int_equal(ask(r, "/livez?verbose"), 200);
    assert_string_equal(body(r), "[+]lane data ok\nlivez check passed\n");
    lg_sim_run_us(r->sim, LG_HEALTH_STALE_US);
    assert_int_equal(ask(r, "/livez"), 503);
    assert_non_null(strstr(body(r), "[-]lane data silent for 20 s\n"));
}

static void metrics_are_text_for_prometheus(void **state)
{
    struct rig *r = *state;

    assert_int_equal(ask(r, "/metrics"), 200);
    assert_non_null(strstr(body(r), "\nlagoon_http_connections{listener=\"router\"} 1\n"));
    assert_slice_equal(lg_http_header(&r->call.response_headers, "Content-Type"),
                       lg_slice_str(LG_METRICS_CONTENT_TYPE));
    assert_int_equal(ask_as(r, LG_HTTP_POST, "/metrics", "x"), 405);
    lg_metrics_reset();
    assert_int_equal(ask(r, "/metrics"), 404);
    assert_int_equal(r->handled, 0);
}

static void other_paths_go_to_the_handler(void **state)
{
    struct rig *r = *state;

    assert_int_equal(ask(r, "/metricsx"), 404);
    assert_int_equal(ask(r, "/metrics/"), 404);
    assert_int_equal(ask(r, "/"), 404);
    assert_int_equal(r->handled, 3);
}

static struct lg_slice connection_header(struct rig *r)
{
    return lg_http_header(&r->call.response_headers, "Connection");
}

/* Its one connection is kept, while it drains one per answer is taken, and then none is lost. */
static void while_it_drains_answers_end_their_connections(void **state)
{
    struct rig *r = *state;

    assert_int_equal(ask(r, "/a"), 404);
    assert_int_equal(connection_header(r).size, 0);
    lg_http_server_drain(r->server);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ask(r, "/a"), 404);
        assert_slice_equal(connection_header(r), LG_LIT("close"));
    }
    assert_int_equal(r->handled, 4);
}

static uint64_t requests(uint32_t class)
{
    return lg_metric_value(&lg_metric_http_requests_total, LG_HTTP_LISTENER_ROUTER * 5 + class);
}

static uint64_t refusals(uint32_t limit)
{
    return lg_metric_value(&lg_metric_http_refused_total,
                           LG_HTTP_LISTENER_ROUTER * LG_HTTP_REFUSALS + limit);
}

static void a_listener_counts_requests_bytes_and_refusals(void **state)
{
    struct rig *r = *state;
    struct lg_http_client *second;

    assert_int_equal(ask(r, "/readyz"), 200);
    assert_int_equal(ask_as(r, LG_HTTP_POST, "/x", "12345"), 404);
    assert_int_equal(requests(1), 1); /* 2xx */
    assert_int_equal(requests(3), 1); /* 4xx */
    assert_int_equal(lg_metric_value(&lg_metric_http_request_seconds, LG_HTTP_LISTENER_ROUTER), 2);
    assert_int_equal(lg_metric_value(&lg_metric_http_request_bytes_total, LG_HTTP_LISTENER_ROUTER),
                     5);
    assert_int_equal(lg_metric_value(&lg_metric_http_response_bytes_total, LG_HTTP_LISTENER_ROUTER),
                     strlen("ok\nnot ours\n"));
    assert_int_equal(ask_as(r, LG_HTTP_POST, "/x", "12345678901"), 413);
    assert_int_equal(refusals(LG_HTTP_REFUSED_BODY), 1);
    assert_int_equal(ask(r, "/readyz"), 200); /* On a new connection: the only one allowed. */
    second = r->client;
    r->client = lg_http_client_new(lg_net_sim_transport(r->net), r->lane);
    assert_int_equal(ask(r, "/readyz"), 503);
    assert_int_equal(refusals(LG_HTTP_REFUSED_CONNECTIONS), 1);
    lg_http_client_free(second);
    lg_sim_run_us(r->sim, LG_SEC);
    assert_int_equal(lg_metric_value(&lg_metric_http_connections, LG_HTTP_LISTENER_ROUTER), 0);
    assert_int_equal(lg_metric_value(&lg_metric_http_connections_total, LG_HTTP_LISTENER_ROUTER),
                     2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_guarded_listener_says_ok_to_all_and_reasons_to_none,
                                        set_up_guard, tear_down),
        TEST(readyz_says_200_or_503_and_why),
        TEST(livez_asks_only_who_must_give_a_sign_of_life),
        TEST(metrics_are_text_for_prometheus),
        TEST(other_paths_go_to_the_handler),
        TEST(while_it_drains_answers_end_their_connections),
        TEST(a_listener_counts_requests_bytes_and_refusals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
