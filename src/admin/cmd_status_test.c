/* lagoon status against a process that answers by a script. */
#include "admin/admin.h"

#include "drivers/sim/transport_sim.h"
#include "net/http_server.h"
#include "test/test.h"

#define METRICS                                                                                    \
    "# HELP lagoon_build_info Always 1.\n# TYPE lagoon_build_info gauge\n"                         \
    "lagoon_build_info{version=\"1.2.3\"} 1\n"                                                     \
    "process_start_time_seconds 1699990000.5\nprocess_resident_memory_bytes 35000000\n"            \
    "lagoon_controller_stores 3\nlagoon_controller_pushes_running 1\n"                             \
    "lagoon_router_reads_total{kind=\"single\",result=\"ok\",store=\"a\"} 7\n"                     \
    "lagoon_router_reads_total{kind=\"batch\",result=\"ok\",store=\"b\"} 4\n"                      \
    "lagoon_router_read_errors_total{code=\"OK\"} 0\n"                                             \
    "lagoon_router_read_errors_total{code=\"ERR_NO_STORE\"} 2\n"                                   \
    "lagoon_disk_free_bytes 72941219840\nlagoon_disk_total_bytes 270553174016\n"                   \
    "lagoon_disk_used_bytes{part=\"log\"} 500\nlagoon_disk_used_bytes{part=\"metadata\"} 500\n"
#define CHECK(name, ok, reason) "{\"name\":\"" name "\",\"ok\":" ok ",\"reason\":" reason "}"

struct world {
    struct lg_sim *sim;
    struct lg_net_sim *net;
    struct lg_lane *lane;
    struct lg_http_server *server;
    struct lg_http_client *http;
    const char *url, *ready, *metrics;
    int ready_status, metrics_status;
    bool awake, stopped;
    struct lg_buf out;
};

static void handle(void *ctx, struct lg_http_request *rq)
{
    struct world *w = ctx;
    bool ready = lg_slice_eq_str(rq->target, "/readyz?output=json");

    if (ready || lg_slice_eq_str(rq->target, "/metrics"))
        lg_http_respond_text(rq, ready ? w->ready_status : w->metrics_status, "%s",
                             ready ? w->ready : "");
    else
        lg_http_respond_text(rq, 404, "%s", "");
}

/* Longer than lg_http_respond_text takes. */
static void handle_all(void *ctx, struct lg_http_request *rq)
{
    struct world *w = ctx;

    if (lg_slice_eq_str(rq->target, "/metrics") && w->metrics_status == 200)
        lg_http_respond(
            rq, &(struct lg_http_response){.status = 200, .body = lg_slice_str(w->metrics)});
    else
        handle(ctx, rq);
}

static bool is_awake(void *ctx)
{
    return ((struct world *)ctx)->awake;
}

static void wait_for_it(void *ctx)
{
    struct world *w = ctx;

    assert_true(lg_sim_run_until(w->sim, is_awake, w, 60 * LG_SEC));
    w->awake = false;
}

static void wake(void *ctx)
{
    ((struct world *)ctx)->awake = true;
}

static int set_up(void **state)
{
    struct world *w = lg_new(struct world);
    struct lg_error err = {0};

    w->sim = lg_sim_new(3);
    w->net = lg_net_sim_new(w->sim);
    w->lane = lg_sim_lane_new(w->sim, NULL, "admin");
    assert_ok(lg_http_server_start(
        &(struct lg_http_server_options){.transport = lg_net_sim_transport(w->net),
                                         .lane = w->lane,
                                         .host = "world",
                                         .port = 7777,
                                         .handler = handle_all,
                                         .ctx = w},
        &w->server, &err));
    w->http = lg_http_client_new(lg_net_sim_transport(w->net), w->lane);
    w->ready_status = w->metrics_status = 200;
    w->ready = "{\"ok\":true,\"checks\":[" CHECK("metadata", "true", "null") "]}";
    w->metrics = METRICS;
    w->url = "http://world:7777";
    *state = w;
    return 0;
}

static void stopped(void *ctx)
{
    ((struct world *)ctx)->stopped = true;
}

static bool is_stopped(void *ctx)
{
    return ((struct world *)ctx)->stopped;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    lg_http_client_free(w->http);
    lg_http_server_stop(w->server, 0, stopped, w);
    assert_true(lg_sim_run_until(w->sim, is_stopped, w, 10 * LG_SEC));
    lg_sim_run_us(w->sim, LG_SEC);
    lg_buf_done(&w->out);
    lg_sim_free(w->sim);
    lg_net_sim_free(w->net);
    lg_free(w);
    return 0;
}

static enum lg_rc run(struct world *w, enum lg_output output, struct lg_error *err)
{
    struct lg_admin admin = {.lane = w->lane,
                             .http = w->http,
                             .router_url = w->url,
                             .output = output,
                             .timeout_ms = 2000,
                             .out = &w->out,
                             .wait = wait_for_it,
                             .wake = wake,
                             .ctx = w};
    enum lg_rc rc;

    lg_buf_clear(&w->out);
    rc = lg_admin_status(&admin, NULL, err);
    lg_buf_append_byte(&w->out, 0);
    return rc;
}

static void a_ready_process_is_shown_on_one_page(void **state)
{
    struct world *w = *state;
    struct lg_error err = {0};

    assert_ok(run(w, LG_OUTPUT_TABLE, &err));
    assert_string_equal((const char *)w->out.data, "version  1.2.3\n"
                                                   "up       0d 02:46:41\n"
                                                   "stores   3, 1 pushes running\n"
                                                   "reads    11, 2 failed\n"
                                                   "memory   33 MiB\n"
                                                   "disk     1000 B used, 67 GiB of 251 GiB free\n"
                                                   "[+] metadata\n");
}

static void programs_get_the_same_as_json(void **state)
{
    struct world *w = *state;
    struct lg_error err = {0};
    LG_AUTO(lg_json) *json = NULL;

    assert_ok(run(w, LG_OUTPUT_JSON, &err));
    assert_ok(lg_json_parse(lg_slice_str((const char *)w->out.data), &json, &err));
    assert_true(lg_json_get_bool(json, "ready", false));
    assert_int_equal(lg_json_get_int(json, "reads", 0), 11);
    assert_int_equal(lg_json_get_int(json, "diskUsedBytes", 0), 1000);
    assert_string_equal(lg_json_get_str(json, "version", ""), "1.2.3");
    assert_int_equal(lg_json_size(lg_json_get(json, "checks")), 1);
}

static void one_that_is_not_ready_is_shown_and_is_exit_5(void **state)
{
    struct world *w = *state;
    struct lg_error err = {0};

    w->ready_status = 503;
    w->ready = "{\"ok\":false,\"checks\":[" CHECK("metadata", "true", "null") "," CHECK(
        "disk", "false", "\"low: 3 % free\"") "]}";
    assert_rc(LG_ERR_UNAVAILABLE, run(w, LG_OUTPUT_TABLE, &err));
    assert_int_equal(lg_rc_exit(err.rc), 5);
    assert_string_equal(err.text, "not ready: disk low: 3 % free");
    assert_non_null(strstr((const char *)w->out.data, "[+] metadata\n[-] disk: low: 3 % free\n"));
}

static void who_may_not_see_it_is_told_who_may(void **state)
{
    struct world *w = *state;
    struct lg_error err = {0};

    w->metrics_status = 403;
    assert_rc(LG_ERR_REFUSED, run(w, LG_OUTPUT_TABLE, &err));
    assert_non_null(strstr(err.text, "authz_observers"));
    w->metrics_status = 503; /* It is not known yet. */
    assert_rc(LG_ERR_UNAVAILABLE, run(w, LG_OUTPUT_TABLE, &err));
}

static void who_is_no_lagoon_is_told_apart_from_who_does_not_answer(void **state)
{
    struct world *w = *state;
    struct lg_error err = {0};

    w->ready = "<html>";
    assert_rc(LG_ERR_FAILED, run(w, LG_OUTPUT_TABLE, &err));
    assert_non_null(strstr(err.text, "http://world:7777"));
    w->ready = "{\"ok\":true}";
    w->metrics_status = 404;
    assert_rc(LG_ERR_FAILED, run(w, LG_OUTPUT_TABLE, &err));
    w->url = "http://world:7";
    assert_int_not_equal(run(w, LG_OUTPUT_TABLE, &err), LG_OK);
    assert_non_null(strstr(err.text, "the router"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_ready_process_is_shown_on_one_page),
        TEST(programs_get_the_same_as_json),
        TEST(one_that_is_not_ready_is_shown_and_is_exit_5),
        TEST(who_may_not_see_it_is_told_who_may),
        TEST(who_is_no_lagoon_is_told_apart_from_who_does_not_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
