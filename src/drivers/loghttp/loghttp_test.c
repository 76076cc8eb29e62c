/* Tests of the log over HTTP: the contract through server and client, in the simulator and over
 * sockets; what is refused; errors that come from the other side and from the way there. */
#include "drivers/loghttp/loghttp.h"

#include "test/lib/doc_hex.h"
#include "test/lib/log_env.h"
#include "test/test.h"

#include "base/str.h"
#include "drivers/seglog/seglog.h"
#include "drivers/sim/transport_sim.h"
#include "drivers/uv/transport_uv.h"
#include "net/http_client.h"
#include "pubsub/batch.h"
#include "pubsub/log_front.h"
#include "pubsub/pubsub_contract.h"

struct world {
    struct lg_log_env env;
    struct lg_disk *disk; /* Simulated, or NULL. */
    struct lg_net_sim *net;
    struct lg_transport *transport;
    struct lg_seglog *log;
    struct lg_log_front *front;
    struct lg_http_server *server;
    struct lg_loghttp *client;
    struct lg_error err;
    bool done; /* Written on another lane: atomic. */
};

static void set_done(void *ctx)
{
    __atomic_store_n((bool *)ctx, true, __ATOMIC_RELEASE);
}

static bool is_set(void *ctx)
{
    return __atomic_load_n((bool *)ctx, __ATOMIC_ACQUIRE);
}

static void handle(void *ctx, struct lg_http_request *rq)
{
    struct world *w = ctx;

    if (!lg_log_front_handle(w->front, rq))
        lg_http_respond_text(rq, 404, "elsewhere\n");
}

static void start_server(struct world *w)
{
    struct lg_seglog_options log = {.disk = w->env.disk, .dir = "log", .lane = w->env.home};
    struct lg_http_server_options http = {.transport = w->transport,
                                          .lane = w->env.home,
                                          .host = "127.0.0.1",
                                          .handler = handle,
                                          .ctx = w};
    struct lg_error err = {0};

    assert_ok(lg_seglog_open(&log, &w->log, &err));
    w->front = lg_log_front_new(lg_seglog_pubsub(w->log), w->env.home);
    assert_ok(lg_http_server_start(&http, &w->server, &err));
}

static void start_client(struct world *w)
{
    LG_AUTO_STR char *url =
        lg_strf("lagoon+http://127.0.0.1:%u", (unsigned)lg_http_server_port(w->server));
    struct lg_loghttp_options options = {
        .transport = w->transport, .lane = w->env.lane, .url = url};
    struct lg_error err = {0};

    assert_ok(lg_loghttp_new(&options, &w->client, &err));
    assert_string_equal(lg_loghttp_pubsub(w->client)->url, url);
}

static void init_sim(struct world *w, uint64_t seed)
{
    *w = (struct world){0};
    w->disk = lg_disk_sim_new(NULL, seed);
    lg_log_env_init_sim(&w->env, seed, w->disk);
    w->net = lg_net_sim_new(w->env.sim);
    w->transport = lg_net_sim_transport(w->net);
    start_server(w);
    start_client(w);
}

static void stop_front(void *ctx)
{
    struct world *w = ctx;

    lg_log_front_stop(w->front);
    lg_http_server_stop(w->server, 1000, set_done, &w->done);
}

static void close_log(void *ctx)
{
    struct world *w = ctx;

    lg_log_front_free(w->front);
    lg_seglog_close(w->log, set_done, &w->done);
}

/* Client, server, log: each ends after the one that uses it. */
static void stop(struct world *w)
{
    lg_loghttp_free(w->client);
    w->done = false;
    lg_log_env_on_home(&w->env, stop_front, w);
    lg_log_env_run_until(&w->env, is_set, &w->done);
    assert_true(is_set(&w->done));
    w->done = false;
    lg_log_env_on_home(&w->env, close_log, w);
    lg_log_env_run_until(&w->env, is_set, &w->done);
    assert_true(is_set(&w->done));
}

static void done_sim(struct world *w)
{
    stop(w);
    lg_log_env_done(&w->env);
    lg_net_sim_free(w->net);
    lg_disk_sim_free(w->disk);
}

static void run_contract(struct world *w)
{
    struct lg_error err = {0};

    assert_ok(lg_pubsub_contract(&(struct lg_pubsub_contract){.ps = lg_loghttp_pubsub(w->client),
                                                              .lane = w->env.lane,
                                                              .run_until = lg_log_env_run_until,
                                                              .ctx = &w->env},
                                 &err));
}

/* --- The contract --------------------------------------------------------------------------- */

static void it_keeps_the_contract_in_the_simulator(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct world w;

        init_sim(&w, seed);
        run_contract(&w);
        done_sim(&w);
    }
}

static void it_keeps_the_contract_over_sockets(void **state)
{
    (void)state;
    struct world w = {0};

    lg_log_env_init_uv(&w.env);
    w.transport = lg_transport_uv_new();
    start_server(&w);
    start_client(&w);
    lg_log_env_start_uv(&w.env);
    run_contract(&w);
    stop(&w);
    lg_log_env_stop_uv(&w.env);
    lg_transport_uv_free(w.transport);
    lg_log_env_done(&w.env);
}

/* --- Single requests ------------------------------------------------------------------------ */

struct call {
    struct lg_http_call http;
    bool done;
};

static void call_done(struct lg_http_call *http)
{
    LG_CONTAINER_OF(http, struct call, http)->done = true;
}

static bool call_is_done(void *ctx)
{
    return ((struct call *)ctx)->done;
}

/* The status of a request; `out` gets the body. */
static int ask(struct world *w, enum lg_http_method method, const char *target, const char *origin,
               struct lg_slice body, struct lg_buf *out)
{
    struct lg_http_header header = {LG_LIT("Origin"), lg_slice_str(origin)};
    struct lg_http_client *client = lg_http_client_new(w->transport, w->env.lane);
    struct call c = {.http = {.host = "127.0.0.1",
                              .port = lg_http_server_port(w->server),
                              .method = method,
                              .target = lg_slice_str(target),
                              .headers = &header,
                              .header_count = origin == NULL ? 0 : 1,
                              .body = body,
                              .done = call_done}};
    int status;

    lg_http_call_submit(client, &c.http);
    lg_log_env_run_until(&w->env, call_is_done, &c);
    assert_true(c.done);
    assert_rc(LG_OK, c.http.rc);
    status = c.http.status;
    lg_buf_clear(out);
    lg_buf_append_slice(out, lg_buf_slice(&c.http.response_body));
    lg_http_call_done(&c.http);
    lg_http_client_free(client);
    return status;
}

static void bodies_are_those_of_the_page(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) produced = {0};
    LG_SCOPED(lg_buf) fetched = {0};
    LG_SCOPED(lg_buf) body = {0};
    struct world w;

    lg_doc_hex("docs/formats/log-http.md", 0, &produced);
    lg_doc_hex("docs/formats/log-http.md", 1, &fetched);
    init_sim(&w, 1);
    assert_int_equal(ask(&w, LG_HTTP_PUT, "/log/topics/t?partitions=2", NULL, LG_SLICE_NULL, &body),
                     200);
    assert_slice_equal(lg_buf_slice(&body), LG_LIT("{\"topic\":\"t\",\"partitions\":2}\n"));
    assert_int_equal(ask(&w, LG_HTTP_POST, "/log/topics/t/1", NULL, lg_buf_slice(&produced), &body),
                     200);
    assert_slice_equal(lg_buf_slice(&body), LG_LIT("{\"position\":\"0:AA==\"}\n"));
    assert_int_equal(
        ask(&w, LG_HTTP_GET, "/log/topics/t/1?after=-2%3A", NULL, LG_SLICE_NULL, &body), 200);
    assert_slice_equal(lg_buf_slice(&body), lg_buf_slice(&fetched));
    assert_int_equal(ask(&w, LG_HTTP_GET, "/log/topics/t/1/end", NULL, LG_SLICE_NULL, &body), 200);
    assert_slice_equal(lg_buf_slice(&body), LG_LIT("{\"position\":\"0:AA==\"}\n"));
    assert_int_equal(ask(&w, LG_HTTP_GET, "/log/topics", NULL, LG_SLICE_NULL, &body), 200);
    assert_slice_equal(lg_buf_slice(&body), LG_LIT("{\"topics\":[\"t\"]}\n"));
    assert_int_equal(ask(&w, LG_HTTP_GET, "/elsewhere", NULL, LG_SLICE_NULL, &body), 404);
    done_sim(&w);
}

static void wrong_requests_are_named(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) body = {0};
    struct world w;

    init_sim(&w, 1);
    assert_int_equal(ask(&w, LG_HTTP_PUT, "/log/topics/t?partitions=1", NULL, LG_SLICE_NULL, &body),
                     200);
    assert_int_equal(ask(&w, LG_HTTP_GET, "/log/other", NULL, LG_SLICE_NULL, &body), 501);
    assert_int_equal(ask(&w, LG_HTTP_POST, "/log/topics", NULL, LG_SLICE_NULL, &body), 501);
    assert_int_equal(ask(&w, LG_HTTP_POST, "/log/topics/t", NULL, LG_SLICE_NULL, &body), 400);
    assert_int_equal(
        ask(&w, LG_HTTP_POST, "/log/topics/t?retention_ms=x", NULL, LG_SLICE_NULL, &body), 400);
    assert_int_equal(ask(&w, LG_HTTP_POST, "/log/topics/t?retention_ms=5&compacted=maybe", NULL,
                         LG_SLICE_NULL, &body),
                     400);
    assert_int_equal(
        ask(&w, LG_HTTP_POST, "/log/topics/none?retention_ms=5", NULL, LG_SLICE_NULL, &body), 400);
    assert_int_equal(
        ask(&w, LG_HTTP_GET, "/log/topics/t/0/time?at_ms=x", NULL, LG_SLICE_NULL, &body), 400);
    assert_int_equal(ask(&w, LG_HTTP_DELETE, "/log/topics/t/0", NULL, LG_SLICE_NULL, &body), 501);
    assert_int_equal(ask(&w, LG_HTTP_GET, "/log/topics/t/0/x", NULL, LG_SLICE_NULL, &body), 501);
    assert_int_equal(ask(&w, LG_HTTP_GET, "/log/topics/t/x", NULL, LG_SLICE_NULL, &body), 400);
    assert_int_equal(ask(&w, LG_HTTP_GET, "/log/topics/%00", NULL, LG_SLICE_NULL, &body), 400);
    assert_int_equal(ask(&w, LG_HTTP_GET, "/log/topics/t/0?after=x", NULL, LG_SLICE_NULL, &body),
                     400);
    assert_int_equal(ask(&w, LG_HTTP_GET, "/log/topics/t/0?wait_ms=-1", NULL, LG_SLICE_NULL, &body),
                     400);
    assert_int_equal(ask(&w, LG_HTTP_PUT, "/log/topics/u?partitions=x", NULL, LG_SLICE_NULL, &body),
                     400);
    assert_int_equal(ask(&w, LG_HTTP_GET, "/log/topics/none", NULL, LG_SLICE_NULL, &body), 404);
    assert_non_null(memmem(body.data, body.size, "\"ERR_NOT_FOUND\"", 15));
    /* A POST is never answered with 404 (see errors.def). */
    assert_int_equal(ask(&w, LG_HTTP_POST, "/log/topics/none/0", NULL, LG_LIT("x"), &body), 400);
    done_sim(&w);
}

static void a_web_page_may_not_use_the_log(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) body = {0};
    LG_AUTO_STR char *own = NULL;
    struct world w;

    init_sim(&w, 1);
    own = lg_strf("http://127.0.0.1:%u", (unsigned)lg_http_server_port(w.server));
    assert_int_equal(ask(&w, LG_HTTP_PUT, "/log/topics/t?partitions=1", "http://evil.example",
                         LG_SLICE_NULL, &body),
                     403);
    assert_int_equal(ask(&w, LG_HTTP_GET, "/log/topics", "null", LG_SLICE_NULL, &body), 403);
    assert_int_equal(ask(&w, LG_HTTP_GET, "/log/topics", own, LG_SLICE_NULL, &body), 200);
    assert_slice_equal(lg_buf_slice(&body), LG_LIT("{\"topics\":[]}\n"));
    done_sim(&w);
}

static void a_stopped_front_ends_what_waits(void **state)
{
    (void)state;
    LG_SCOPED(lg_buf) body = {0};
    struct world w;

    init_sim(&w, 1);
    lg_log_front_stop(w.front);
    assert_int_equal(ask(&w, LG_HTTP_GET, "/log/topics", NULL, LG_SLICE_NULL, &body), 503);
    assert_non_null(memmem(body.data, body.size, "\"ERR_UNAVAILABLE\"", 17));
    assert_int_equal(lg_log_front_requests(w.front), 0);
    done_sim(&w);
}

/* --- The way there -------------------------------------------------------------------------- */

struct op_call {
    struct lg_pubsub_op op;
    bool done;
};

static void op_done(struct lg_pubsub_op *op)
{
    LG_CONTAINER_OF(op, struct op_call, op)->done = true;
}

static bool op_is_done(void *ctx)
{
    return ((struct op_call *)ctx)->done;
}

static void a_log_that_cannot_be_reached_is_unavailable(void **state)
{
    (void)state;
    struct op_call c = {.op = {.kind = LG_PUBSUB_LIST, .done = op_done}};
    struct lg_loghttp_options options = {.url = "lagoon+http://127.0.0.1:1"};
    struct lg_loghttp *nobody = NULL;
    struct lg_error err = {0};
    struct world w;

    init_sim(&w, 1);
    options.transport = w.transport;
    options.lane = w.env.lane;
    assert_ok(lg_loghttp_new(&options, &nobody, &err));
    c.op.lane = w.env.lane;
    lg_pubsub_submit(lg_loghttp_pubsub(nobody), &c.op);
    lg_log_env_run_until(&w.env, op_is_done, &c);
    assert_true(c.done);
    assert_rc(LG_ERR_UNAVAILABLE, c.op.rc);
    lg_loghttp_free(nobody);
    done_sim(&w);
}

static void an_operation_under_way_ends_with_the_driver(void **state)
{
    (void)state;
    struct op_call c = {.op = {.kind = LG_PUBSUB_LIST, .done = op_done}};
    struct lg_loghttp_options options = {.url = "lagoon+http://127.0.0.1:1"};
    struct lg_loghttp *nobody = NULL;
    struct lg_error err = {0};
    struct world w;

    init_sim(&w, 1);
    options.transport = w.transport;
    options.lane = w.env.lane;
    assert_ok(lg_loghttp_new(&options, &nobody, &err));
    c.op.lane = w.env.lane;
    lg_pubsub_submit(lg_loghttp_pubsub(nobody), &c.op);
    assert_true(lg_sim_step(w.env.sim)); /* It has arrived; its call is under way. */
    lg_loghttp_free(nobody);
    lg_log_env_run_until(&w.env, op_is_done, &c);
    assert_true(c.done);
    assert_rc(LG_ERR_CANCELLED, c.op.rc);
    done_sim(&w);
}

static void only_addresses_of_logs_are_taken(void **state)
{
    (void)state;
    struct lg_loghttp_options options = {.url = "http://127.0.0.1:1"};
    struct lg_loghttp *log = NULL;
    struct lg_error err = {0};

    assert_rc(LG_ERR_INVALID, lg_loghttp_new(&options, &log, &err));
    options.url = "lagoon+http://";
    assert_rc(LG_ERR_INVALID, lg_loghttp_new(&options, &log, &err));
    assert_null(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_keeps_the_contract_in_the_simulator),
        cmocka_unit_test(it_keeps_the_contract_over_sockets),
        cmocka_unit_test(bodies_are_those_of_the_page),
        cmocka_unit_test(wrong_requests_are_named),
        cmocka_unit_test(a_web_page_may_not_use_the_log),
        cmocka_unit_test(a_stopped_front_ends_what_waits),
        cmocka_unit_test(a_log_that_cannot_be_reached_is_unavailable),
        cmocka_unit_test(an_operation_under_way_ends_with_the_driver),
        cmocka_unit_test(only_addresses_of_logs_are_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
