/* What operators ask of a lane that only reads: who may hear names is known on another one. */
#include "authz/authz.h"
#include "base/health.h"
#include "base/log.h"
#include "drivers/sim/transport_sim.h"
#include "net/http_client.h"
#include "server/front_rest.h"
#include "test/test.h"

static struct { /* The world. */
    struct lg_sim *sim;
    struct lg_net_sim *net;
    struct lg_lane *reading, *home, *user;
    struct lg_authz *authz;
    struct lg_front_rest front, home_front;
    struct lg_http_server *server;
    struct lg_http_client *client;
    struct lg_http_call call;
    struct lg_task task;
    bool done, server_stopped, authz_stopped;
} w;

static int up(void **state)
{
    struct lg_http_server_options o = {.host = "world",
                                       .handler = lg_front_rest_read,
                                       .ops = lg_front_rest_ops,
                                       .listener = LG_HTTP_LISTENER_SERVER,
                                       .ctx = &w.front};
    struct lg_error err;

    (void)state;
    memset(&w, 0, sizeof w);
    lg_health_reset();
    lg_log_set_level(LG_LOG_OFF);
    w.sim = lg_sim_new(5);
    w.net = lg_net_sim_new(w.sim);
    w.reading = lg_sim_lane_new(w.sim, NULL, "reading");
    w.home = lg_sim_lane_new(w.sim, NULL, "home");
    w.user = lg_sim_lane_new(w.sim, NULL, "user");
    w.authz = lg_authz_new(&(struct lg_authz_options){
        .lane = w.home, .take_driver = lg_authz_acl_new(), .observers = "CN=observer"});
    w.home_front.authz = w.authz;
    w.front = (struct lg_front_rest){.authz = w.authz, .home = &w.home_front, .home_lane = w.home};
    o.transport = lg_net_sim_transport(w.net);
    o.lane = w.reading;
    assert_ok(lg_http_server_start(&o, &w.server, &err));
    return 0;
}

static void stopped(void *ctx)
{
    *(bool *)ctx = true;
}

static void stop_client(struct lg_task *task)
{
    (void)task;
    lg_http_client_free(w.client);
}

static void stop_server(struct lg_task *task)
{
    (void)task;
    lg_http_server_stop(w.server, 0, stopped, &w.server_stopped);
}

static void stop_authz(struct lg_task *task)
{
    (void)task;
    lg_authz_stop(w.authz, w.home, stopped, &w.authz_stopped);
}

static void run_on(struct lg_lane *lane, void (*run)(struct lg_task *task))
{
    w.task.run = run;
    lg_lane_post(lane, &w.task);
    lg_sim_run_us(w.sim, LG_SEC);
}

static int down(void **state)
{
    (void)state;
    run_on(w.reading, stop_server);
    run_on(w.home, stop_authz);
    assert_true(w.server_stopped && w.authz_stopped);
    lg_http_call_done(&w.call);
    lg_sim_free(w.sim);
    lg_net_sim_free(w.net);
    lg_health_reset();
    return 0;
}

static void answered(struct lg_http_call *call)
{
    (void)call;
    w.done = true;
}

static void submit(struct lg_task *task)
{
    (void)task;
    w.client = lg_http_client_new(lg_net_sim_transport(w.net), w.user); /* Of its own identity. */
    lg_http_call_submit(w.client, &w.call);
}

static bool is_done(void *ctx)
{
    (void)ctx;
    return w.done;
}

static void expect(const char *who, const char *target, int status, const char *text)
{
    lg_net_sim_show(w.net, "world", /* secure= */ true, who);
    lg_http_call_done(&w.call);
    w.call = (struct lg_http_call){.host = "world",
                                   .port = lg_http_server_port(w.server),
                                   .method = LG_HTTP_GET,
                                   .target = lg_slice_str(target),
                                   .done = answered};
    w.done = false;
    w.task.run = submit;
    lg_lane_post(w.user, &w.task);
    assert_true(lg_sim_run_until(w.sim, is_done, NULL, 10 * LG_SEC));
    run_on(w.user, stop_client);
    assert_rc(LG_OK, w.call.rc);
    lg_buf_append_byte(&w.call.response_body, 0);
    assert_string_equal((const char *)w.call.response_body.data, text);
    assert_int_equal(w.call.status, status);
}

static void who_may_see_the_cluster_hears_reasons_from_a_lane_that_only_reads(void **state)
{
    (void)state;
    lg_health_set("metadata", true, "of cities");
    expect("CN=stranger", "/readyz", 200, "ok\n");
    expect("CN=stranger", "/readyz?verbose", 200, "[+]metadata ok\nreadyz check passed\n");
    expect("CN=observer", "/readyz?verbose", 200,
           "[+]metadata ok: of cities\nreadyz check passed\n");
    lg_health_set("metadata", false, "of cities");
    expect("CN=stranger", "/readyz", 503,
           "[-]metadata failed: reason withheld\nreadyz check failed\n");
    expect("CN=observer", "/readyz", 503,
           "[-]metadata failed: reason withheld\nreadyz check failed\n");
    expect("CN=observer", "/readyz?verbose", 503, "[-]metadata of cities\nreadyz check failed\n");
    expect("CN=stranger", "/metrics", 503,
           "it is not known who may do that: the metadata is not read yet\n");
}

static void no_probe_waits_for_a_lane_that_is_silent(void **state)
{
    (void)state;
    lg_health_set("metadata", true, "of cities");
    lg_health_beat("lane data", lg_lane_now_us(w.reading));
    lg_sim_run_us(w.sim, LG_HEALTH_STALE_US);
    expect("CN=observer", "/readyz?verbose", 503,
           "[+]metadata ok\n[-]lane data failed: reason withheld\nreadyz check failed\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            who_may_see_the_cluster_hears_reasons_from_a_lane_that_only_reads, up, down),
        cmocka_unit_test_setup_teardown(no_probe_waits_for_a_lane_that_is_silent, up, down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
