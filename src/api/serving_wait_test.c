/* Waiting for routers, against a controller and two routers by script on the simulated network. */
#include "api/serving_wait.h"

#include "base/str.h"
#include "drivers/sim/transport_sim.h"
#include "net/http_server.h"
#include "test/test.h"

struct rig;

struct router {
    struct rig *rig;
    struct lg_http_server *server;
    int serves; /* the version it says; -1: it answers 503 */
    unsigned asked;
};

struct rig {
    struct lg_sim *sim;
    struct lg_net_sim *net;
    struct lg_lane *lane;
    struct lg_http_server *controller;
    struct lg_http_client *http;
    struct lg_api_client *api;
    struct router routers[2];
    unsigned router_count; /* as the controller says */
    int current;
    struct lg_serving_wait wait;
    unsigned done, progressed;
};

static void answer(struct lg_http_request *rq, int status, const char *body)
{
    lg_http_respond(rq, &(struct lg_http_response){.status = status,
                                                   .content_type = "application/json",
                                                   .body = lg_slice_str(body)});
}

static void controller(void *ctx, struct lg_http_request *rq)
{
    const struct rig *r = ctx;
    LG_AUTO_STR char *store = lg_strf("{\"store\":{\"currentVersion\":%d}}", r->current);
    static const char *const lists[] = {
        "{\"routers\":[]}",
        "{\"routers\":[\"http://world:7770\"]}",
        "{\"routers\":[\"http://world:7770\",\"http://world:7771\"]}",
    };

    if (lg_slice_eq_str(rq->path, "/list_routers"))
        answer(rq, 200, lists[r->router_count]);
    else
        answer(rq, 200, store);
}

static void router(void *ctx, struct lg_http_request *rq)
{
    struct router *router = ctx;
    LG_AUTO_STR char *body = lg_strf("{\"currentVersion\":%d}", router->serves);

    router->asked++;
    assert_true(lg_slice_eq_str(rq->path, "/current_version/cities"));
    answer(rq, router->serves < 0 ? 503 : 200, body);
}

static struct lg_http_server *serve(struct rig *r, uint16_t port, lg_http_handler handler,
                                    void *ctx)
{
    struct lg_http_server_options o = {.transport = lg_net_sim_transport(r->net),
                                       .lane = r->lane,
                                       .host = "world",
                                       .port = port,
                                       .handler = handler,
                                       .ctx = ctx};
    struct lg_http_server *server = NULL;
    struct lg_error err = {0};

    assert_ok(lg_http_server_start(&o, &server, &err));
    return server;
}

static void rig_up(struct rig *r)
{
    struct lg_error err = {0};

    *r = (struct rig){.router_count = 2, .current = 3};
    r->sim = lg_sim_new(3);
    r->net = lg_net_sim_new(r->sim);
    r->lane = lg_sim_lane_new(r->sim, NULL, "lane");
    r->http = lg_http_client_new(lg_net_sim_transport(r->net), r->lane);
    assert_ok(lg_api_client_new(r->http, r->lane, "http://world:5555", &r->api, &err));
    r->controller = serve(r, 5555, controller, r);
    for (unsigned i = 0; i < 2; i++) {
        r->routers[i] = (struct router){.rig = r, .serves = 3};
        r->routers[i].server = serve(r, (uint16_t)(7770 + i), router, &r->routers[i]);
    }
}

static void nothing(void *ctx)
{
    (void)ctx;
}

static void rig_down(struct rig *r)
{
    lg_serving_wait_done(&r->wait);
    lg_http_server_stop(r->controller, 0, nothing, NULL);
    for (unsigned i = 0; i < 2; i++)
        lg_http_server_stop(r->routers[i].server, 0, nothing, NULL);
    lg_sim_run_us(r->sim, LG_SEC);
    lg_api_client_free(r->api);
    lg_http_client_free(r->http);
    lg_net_sim_free(r->net);
    lg_sim_free(r->sim);
}

static void done(struct lg_serving_wait *wait)
{
    ((struct rig *)wait->user)->done++;
}

static void progressed(struct lg_serving_wait *wait)
{
    ((struct rig *)wait->user)->progressed++;
}

static void start(struct rig *r, bool is_push)
{
    r->wait = (struct lg_serving_wait){
        .lane = r->lane,
        .http = r->http,
        .api = r->api,
        .store = "cities",
        .version = 3,
        .or_newer = is_push,
        .needs_router = is_push,
        .deadline_us = lg_lane_now_us(r->lane) + 10 * LG_SEC,
        .progress = progressed,
        .done = done,
        .user = r,
    };
    r->done = 0;
    lg_serving_wait_start(&r->wait);
    assert_int_equal(r->done, 0);
}

static void it_ends_when_every_router_serves_the_version(void **state)
{
    struct rig r;

    (void)state;
    rig_up(&r);
    r.routers[1].serves = 2;
    start(&r, /* is_push= */ false);
    lg_sim_run_us(r.sim, 2 * LG_SEC);
    assert_int_equal(r.done, 0);
    assert_true(r.routers[1].asked > 3); /* Asked again and again. */
    r.routers[1].serves = 3;
    lg_sim_run_us(r.sim, LG_SEC);
    assert_int_equal(r.done, 1);
    assert_int_equal(r.wait.rc, LG_OK);
    assert_int_equal(r.wait.confirmed, 2);
    assert_int_equal(r.wait.router_count, 2);
    assert_true(r.progressed >= 2);
    rig_down(&r);
}

static void a_newer_version_is_as_good_for_a_push_only(void **state)
{
    struct rig r;

    (void)state;
    rig_up(&r);
    r.routers[0].serves = r.routers[1].serves = r.current = 4;
    start(&r, /* is_push= */ true);
    lg_sim_run_us(r.sim, LG_SEC);
    assert_int_equal(r.done, 1);
    assert_int_equal(r.wait.rc, LG_OK);
    lg_serving_wait_done(&r.wait);
    start(&r, /* is_push= */ false);
    lg_sim_run_us(r.sim, LG_SEC);
    assert_int_equal(r.done, 1);
    assert_int_equal(r.wait.rc, LG_ERR_CONFLICT);
    assert_non_null(strstr(r.wait.err.text, "somebody else made version 4 current"));
    rig_down(&r);
}

static void a_push_that_was_rolled_back_meanwhile_is_told(void **state)
{
    struct rig r;

    (void)state;
    rig_up(&r);
    r.routers[0].serves = r.routers[1].serves = r.current = 2;
    start(&r, /* is_push= */ true);
    lg_sim_run_us(r.sim, LG_SEC);
    assert_int_equal(r.wait.rc, LG_ERR_CONFLICT);
    assert_non_null(strstr(r.wait.err.text, "lagoon rollforward cities"));
    rig_down(&r);
}

static void the_router_that_lags_is_named_when_time_is_over(void **state)
{
    struct rig r;

    (void)state;
    rig_up(&r);
    r.routers[1].serves = 2;
    start(&r, /* is_push= */ false);
    lg_sim_run_us(r.sim, 20 * LG_SEC);
    assert_int_equal(r.done, 1);
    assert_int_equal(r.wait.rc, LG_ERR_TIMEOUT);
    assert_non_null(strstr(r.wait.err.text, "http://world:7771 serves version 2"));
    lg_serving_wait_done(&r.wait);
    r.routers[1].serves = -1;
    start(&r, /* is_push= */ false);
    lg_sim_run_us(r.sim, 20 * LG_SEC);
    assert_int_equal(r.wait.rc, LG_ERR_TIMEOUT);
    assert_non_null(strstr(r.wait.err.text, "status 503"));
    rig_down(&r);
}

static void without_a_router_only_a_push_waits(void **state)
{
    struct rig r;

    (void)state;
    rig_up(&r);
    r.router_count = 0;
    start(&r, /* is_push= */ false);
    lg_sim_run_us(r.sim, LG_SEC);
    assert_int_equal(r.done, 1);
    assert_int_equal(r.wait.rc, LG_OK);
    lg_serving_wait_done(&r.wait);
    start(&r, /* is_push= */ true);
    lg_sim_run_us(r.sim, 2 * LG_SEC);
    assert_int_equal(r.done, 0);
    r.router_count = 1;
    lg_sim_run_us(r.sim, LG_SEC);
    assert_int_equal(r.done, 1);
    assert_int_equal(r.wait.rc, LG_OK);
    lg_serving_wait_done(&r.wait);
    r.router_count = 0;
    start(&r, /* is_push= */ true);
    lg_sim_run_us(r.sim, 20 * LG_SEC);
    assert_int_equal(r.wait.rc, LG_ERR_TIMEOUT);
    assert_non_null(strstr(r.wait.err.text, "no router is live"));
    rig_down(&r);
}

static void it_can_be_cancelled_at_any_moment(void **state)
{
    (void)state;
    for (unsigned ms = 0; ms < 300; ms += 7) {
        struct rig r;

        rig_up(&r);
        r.routers[1].serves = 2;
        start(&r, /* is_push= */ true);
        lg_sim_run_us(r.sim, ms * LG_MS);
        lg_serving_wait_cancel(&r.wait);
        lg_sim_run_us(r.sim, LG_SEC);
        assert_int_equal(r.done, 1);
        assert_int_equal(r.wait.rc, LG_ERR_CANCELLED);
        rig_down(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_ends_when_every_router_serves_the_version),
        cmocka_unit_test(a_newer_version_is_as_good_for_a_push_only),
        cmocka_unit_test(a_push_that_was_rolled_back_meanwhile_is_told),
        cmocka_unit_test(the_router_that_lags_is_named_when_time_is_over),
        cmocka_unit_test(without_a_router_only_a_push_waits),
        cmocka_unit_test(it_can_be_cancelled_at_any_moment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
