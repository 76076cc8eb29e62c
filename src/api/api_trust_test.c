/* What a call does where certificates are refused: it ends, because waiting does not mend them. */
#include "api/api_client.h"
#include "drivers/sim/transport_sim.h"
#include "net/http_server.h"
#include "test/test.h"

struct rig {
    struct lg_sim *sim;
    struct lg_net_sim *net;
    struct lg_lane *lane;
    struct lg_http_server *server; /* world:5555 */
    struct lg_http_client *http;
    struct lg_api_client *api;
    struct lg_transport_ops refusing;
    const struct lg_transport_ops *usual;
    struct lg_http_response answer;
    struct lg_api_call call;
    unsigned done;
};

static struct rig *the_rig;

/* As TLS does with who does not take our certificate: everybody on host "stranger". */
static struct lg_conn *refusing_open(struct lg_transport *t, struct lg_lane *lane, const char *host,
                                     uint16_t port, const struct lg_conn_handler *h, void *ctx)
{
    struct lg_conn *c = the_rig->usual->open(t, lane, host, port, h, ctx);

    c->untrusted = strcmp(host, "stranger") == 0;
    return c;
}

static void handle(void *ctx, struct lg_http_request *rq)
{
    struct rig *r = ctx;

    if (lg_slice_eq_str(rq->path, "/leader_controller"))
        lg_http_respond(rq, &(struct lg_http_response){
                                .status = 200,
                                .content_type = "application/json",
                                .body = lg_slice_str("{\"url\":\"http://stranger:1\"}")});
    else
        lg_http_respond(rq, &r->answer);
}

static void call_done(struct lg_api_call *call)
{
    LG_CONTAINER_OF(call, struct rig, call)->done++;
}

static bool is_done(void *ctx)
{
    return ((struct rig *)ctx)->done > 0;
}

static void nothing(void *ctx)
{
    (void)ctx;
}

/* What comes of a call to `urls` where world:5555 answers `status` and `body`, and how long it
 * takes. */
static uint64_t ask(const char *urls, int status, const char *body, struct lg_error *out)
{
    struct rig r = {.sim = lg_sim_new(3),
                    .answer = {.status = status,
                               .content_type = "application/json",
                               .body = lg_slice_str(body)}};
    struct lg_transport *net;
    struct lg_error err;
    uint64_t begun;

    the_rig = &r;
    r.net = lg_net_sim_new(r.sim);
    net = lg_net_sim_transport(r.net);
    r.lane = lg_sim_lane_new(r.sim, NULL, "lane");
    r.usual = net->ops;
    r.refusing = *r.usual;
    r.refusing.open = refusing_open;
    net->ops = &r.refusing;
    r.http = lg_http_client_new(net, r.lane);
    assert_ok(lg_api_client_new(r.http, r.lane, urls, &r.api, &err));
    assert_ok(lg_http_server_start(&(struct lg_http_server_options){.transport = net,
                                                                    .lane = r.lane,
                                                                    .host = "world",
                                                                    .port = 5555,
                                                                    .handler = handle,
                                                                    .ctx = &r},
                                   &r.server, &err));
    begun = lg_lane_now_us(r.lane);
    r.call.route = LG_API_job;
    r.call.deadline_us = begun + 20 * LG_SEC;
    r.call.done = call_done;
    lg_api_call_submit(r.api, &r.call);
    assert_true(lg_sim_run_until(r.sim, is_done, &r, 600 * LG_SEC));
    begun = lg_lane_now_us(r.lane) - begun;
    *out = r.call.err;
    out->rc = r.call.rc;
    lg_api_call_done(&r.call);
    lg_api_client_free(r.api);
    lg_http_client_free(r.http);
    lg_http_server_stop(r.server, 0, nothing, NULL);
    lg_sim_run_us(r.sim, LG_SEC);
    assert_int_equal(r.done, 1);
    lg_sim_free(r.sim);
    lg_net_sim_free(r.net);
    return begun;
}

static void a_certificate_that_is_refused_ends_a_call_at_once(void **state)
{
    static const char not_me[] = "{\"error\":\"not me\",\"errorType\":\"INCORRECT_CONTROLLER\"}";
    struct lg_error err;

    (void)state;
    assert_in_range(ask("http://stranger:1", 200, "{}", &err), 0, LG_SEC);
    assert_rc(LG_ERR_REFUSED, err.rc);
    assert_non_null(strstr(err.text, "the controller at stranger:1: cannot reach stranger:1: "));
    assert_in_range(ask("http://stranger:1,http://stranger:2", 200, "{}", &err), 0, LG_SEC);
    assert_rc(LG_ERR_REFUSED, err.rc);
    /* Nobody but the leader could do it. */
    assert_in_range(ask("http://world:5555", 421, not_me, &err), 0, LG_SEC);
    assert_rc(LG_ERR_REFUSED, err.rc);
}

static void another_controller_may_take_the_certificate(void **state)
{
    struct lg_error err;

    (void)state;
    assert_in_range(ask("http://stranger:1,http://world:5555", 200, "{}", &err), 0, LG_SEC);
    assert_rc(LG_OK, err.rc);
    assert_in_range(ask("http://stranger:1,http://nowhere:2", 200, "{}", &err), 15 * LG_SEC,
                    25 * LG_SEC); /* It may come back. */
    assert_rc(LG_ERR_UNAVAILABLE, err.rc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_certificate_that_is_refused_ends_a_call_at_once),
        cmocka_unit_test(another_controller_may_take_the_certificate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
