/* Certificates that are replaced from one thread while two others shake hands with them: what only
 * real threads can show. Every call has a connection of its own. */
#include <stdio.h>

#include "drivers/openssl/transport_tls.h"
#include "drivers/uv/lane_uv.h"
#include "drivers/uv/transport_uv.h"
#include "lane/shared.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "test/lib/certs.h"
#include "test/test.h"

#define CALLS 16
#define TOTAL 600

struct rig {
    struct lg_transport *sockets, *tls;
    struct lg_lane *server_lane, *client_lane;
    struct lg_http_server *server;
    struct lg_http_client *client;
    struct lg_http_call calls[CALLS];
    struct lg_task start, stop;
    size_t submitted, done, wrong;
    struct lg_flag over;
};

static struct rig rig;
static struct certs certs;

static void handle(void *ctx, struct lg_http_request *rq)
{
    bool known = rq->is_secure && rq->identity != NULL && strcmp(rq->identity, "CN=node") == 0;

    (void)ctx;
    lg_http_respond_text(rq, known ? 200 : 403, "%s", known ? "well" : "who are you?");
}

static void server_stopped(void *ctx)
{
    lg_lane_uv_stop(((struct rig *)ctx)->server_lane);
}

static void stop_server(struct lg_task *task)
{
    struct rig *r = LG_CONTAINER_OF(task, struct rig, stop);

    lg_http_server_stop(r->server, 5000, server_stopped, r);
}

static void submit(struct lg_http_call *call);

static void call_done(struct lg_http_call *call)
{
    struct rig *r = &rig;

    r->done++;
    if (call->rc != LG_OK || call->status != 200) {
        r->wrong++;
        print_error("%d %s\n", call->status, call->err.text);
    }
    lg_http_call_done(call);
    if (r->submitted < TOTAL) {
        submit(call);
    } else if (r->done == r->submitted) {
        lg_http_client_free(r->client);
        (void)lg_flag_raise(&r->over);
        lg_lane_uv_stop(r->client_lane);
        r->stop.run = stop_server;
        lg_lane_post(r->server_lane, &r->stop);
    }
}

static void submit(struct lg_http_call *call)
{
    rig.submitted++;
    *call = (struct lg_http_call){.host = "tls:127.0.0.1",
                                  .port = lg_http_server_port(rig.server),
                                  .method = LG_HTTP_GET,
                                  .target = LG_LIT("/"),
                                  .done = call_done};
    lg_http_call_submit(rig.client, call);
}

static void start_calls(struct lg_task *task)
{
    (void)task;
    for (size_t i = 0; i < CALLS; i++)
        submit(&rig.calls[i]);
}

static struct lg_tls_options options(const char *cert, const char *key)
{
    return (struct lg_tls_options){.cert = certs_path(&certs, cert),
                                   .key = certs_path(&certs, key),
                                   .client_ca = certs_path(&certs, "ca.crt"),
                                   .client_auth = LG_TLS_CLIENT_REQUIRE,
                                   .handshake_ms = 120000, /* so many at once, on any machine */
                                   .ca = certs_path(&certs, "ca.crt")};
}

static void certificates_are_replaced_while_others_shake_hands(void **state)
{
    static const struct cert_wish wish = {.cn = "node", .names = "IP:127.0.0.1"};
    struct lg_tls_options one, two;
    struct rig *r = &rig;
    struct lg_error err;
    unsigned reloads = 0;

    (void)state;
    certs_init(&certs);
    certs_authority(&certs, "ca");
    certs_issue(&certs, "ca", "one", &wish);
    certs_issue(&certs, "ca", "two", &wish);
    one = options("one.crt", "one.key");
    two = options("two.crt", "two.key");
    r->sockets = lg_transport_uv_new();
    assert_ok(lg_transport_tls_new(r->sockets, &one, &r->tls, &err));
    assert_ok(lg_lane_uv_new("server", NULL, &r->server_lane, &err));
    assert_ok(lg_lane_uv_new("client", NULL, &r->client_lane, &err));
    assert_ok(lg_http_server_start(
        &(struct lg_http_server_options){
            .transport = r->tls, .lane = r->server_lane, .host = "127.0.0.1", .handler = handle},
        &r->server, &err));
    lg_http_server_drain(r->server); /* Each answer ends its connection. */
    r->client = lg_http_client_new(r->tls, r->client_lane);
    r->start.run = start_calls;
    lg_lane_post(r->client_lane, &r->start);
    assert_ok(lg_lane_uv_start(r->server_lane, &err));
    assert_ok(lg_lane_uv_start(r->client_lane, &err));
    while (!lg_flag_is_raised(&r->over))
        assert_ok(lg_transport_tls_reload(r->tls, ++reloads % 2 == 0 ? &one : &two, &err));
    lg_lane_uv_join(r->client_lane);
    lg_lane_uv_join(r->server_lane);
    assert_int_equal(r->done, TOTAL);
    assert_int_equal(r->wrong, 0);
    assert_true(reloads > 1);
    lg_transport_uv_free(r->sockets);
    lg_lane_uv_free(r->client_lane);
    lg_lane_uv_free(r->server_lane);
    lg_transport_tls_free(r->tls);
    certs_done(&certs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates_are_replaced_while_others_shake_hands),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
