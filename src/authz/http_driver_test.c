/* The driver that asks a service: what it asks, what it takes for an answer, and what holds when
 * there is none. The service is the test's, in the simulator. */
#include "authz/authz.h"
#include "base/log.h"
#include "drivers/sim/transport_sim.h"
#include "net/http_server.h"
#include "test/test.h"

static struct {
    struct lg_sim *sim;
    struct lg_net_sim *net;
    struct lg_lane *lane;
    struct lg_http_server *server;
    struct lg_authz *a;
    struct lg_buf asked; /* target and body of each question */
    int status;
    const char *body; /* NULL: no answer comes */
    struct lg_http_request *held;
    unsigned asks, stops;
} w;

static void handle(void *ctx, struct lg_http_request *rq)
{
    (void)ctx;
    w.asks++;
    lg_buf_appendf(&w.asked, "%.*s %.*s\n", LG_FMT(rq->target), LG_FMT(rq->body));
    if (w.body == NULL)
        w.held = rq;
    else
        lg_http_respond(rq, &(struct lg_http_response){.status = w.status,
                                                       .content_type = "application/json",
                                                       .body = lg_slice_str(w.body)});
}

static int up(void **state)
{
    struct lg_http_server_options o = {.host = "judge", .port = 90, .handler = handle};
    struct lg_authz_http_options d = {.url = "http://judge:90/may/it", .timeout_ms = 500};
    struct lg_authz_driver *driver = NULL;
    struct lg_error err;

    (void)state;
    memset(&w, 0, sizeof w);
    lg_log_set_level(LG_LOG_OFF);
    w.status = 200;
    w.body = "{\"allowed\":true}";
    w.sim = lg_sim_new(9);
    w.net = lg_net_sim_new(w.sim);
    w.lane = lg_sim_lane_new(w.sim, NULL, "owner");
    o.transport = d.transport = lg_net_sim_transport(w.net);
    o.lane = d.lane = w.lane;
    assert_ok(lg_http_server_start(&o, &w.server, &err));
    assert_ok(lg_authz_http_new(&d, &driver, &err));
    w.a = lg_authz_new(
        &(struct lg_authz_options){.lane = w.lane, .take_driver = driver, .admins = "root"});
    return 0;
}

static void stopped(void *ctx)
{
    (void)ctx;
    w.stops++;
}

static int down(void **state)
{
    (void)state;
    lg_authz_stop(w.a, w.lane, stopped, NULL);
    lg_sim_run_us(w.sim, LG_SEC);
    assert_int_equal(w.stops, 1);
    if (w.held != NULL)
        lg_http_respond(w.held, &(struct lg_http_response){.status = 200});
    lg_http_server_stop(w.server, 0, stopped, NULL);
    lg_sim_run_us(w.sim, 60 * LG_SEC);
    assert_int_equal(w.stops, 2);
    lg_sim_free(w.sim);
    lg_net_sim_free(w.net);
    lg_buf_done(&w.asked);
    return 0;
}

static struct lg_authz_wait last;
static bool is_told;

static void told(struct lg_authz_wait *wait)
{
    (void)wait;
    is_told = true;
}

static bool has_come(void *arg)
{
    (void)arg;
    return is_told;
}

static enum lg_authz_verdict ask(const char *who, enum lg_acl_method m)
{
    is_told = false;
    last.done = told;
    lg_authz_wait(w.a, &last, who, LG_LIT(LG_AUTHZ_CLUSTER), m);
    assert_true(lg_sim_run_until(w.sim, has_come, NULL, 10 * LG_SEC));
    return last.verdict;
}

static enum lg_authz_verdict look(const char *who)
{
    return lg_authz_check(w.a, who, LG_LIT(LG_AUTHZ_CLUSTER), LG_ACL_READ);
}

static void it_asks_once_and_says_what_about(void **state)
{
    (void)state;
    assert_int_equal(ask("CN=\"x\",O=y", LG_ACL_READ), LG_AUTHZ_ALLOWED);
    assert_int_equal(look("CN=\"x\",O=y"), LG_AUTHZ_ALLOWED);
    assert_int_equal(ask("CN=\"x\",O=y", LG_ACL_READ), LG_AUTHZ_ALLOWED);
    assert_int_equal(w.asks, 1);
    w.body = "{\"allowed\":false,\"why\":\"no\"}";
    assert_int_equal(ask(NULL, LG_ACL_ADMIN), LG_AUTHZ_DENIED);
    assert_int_equal(ask("root", LG_ACL_ADMIN), LG_AUTHZ_ALLOWED); /* Nobody is asked. */
    lg_buf_append_byte(&w.asked, 0);
    assert_string_equal(
        (const char *)w.asked.data,
        "/may/it {\"principal\":\"CN=\\\"x\\\",O=y\",\"store\":\"\",\"method\":\"Read\"}\n"
        "/may/it {\"principal\":null,\"store\":\"\",\"method\":\"Admin\"}\n");
}

static void what_is_no_answer_lets_nobody_in(void **state)
{
    static const struct {
        int status;
        const char *body, *said;
    } rows[] = {
        {200, "", "did not say"},
        {200, "true", "did not say"},
        {200, "{}", "did not say"},
        {200, "{\"allowed\":1}", "did not say"},
        {200, "{\"allowed\":\"true\"}", "did not say"},
        {200, "{\"allowed\":true", "did not say"},
        {201, "{\"allowed\":true}", "said 201"},
        {403, "{\"allowed\":true}", "said 403"},
        {500, "{\"allowed\":true}", "said 500"},
        {200, NULL, "the service that decides: "}, /* in time */
    };

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        w.status = rows[i].status;
        w.body = rows[i].body;
        assert_int_equal(ask("x", LG_ACL_READ), LG_AUTHZ_UNKNOWN);
        if (strstr(last.err.text, rows[i].said) == NULL)
            fail_msg("%zu: '%s', not '%s'", i, last.err.text, rows[i].said);
        assert_int_equal(look("x"), LG_AUTHZ_UNKNOWN);
    }
}

static void a_known_one_is_asked_about_again_behind_its_back(void **state)
{
    (void)state;
    assert_int_equal(ask("x", LG_ACL_READ), LG_AUTHZ_ALLOWED);
    w.status = 500; /* What it said last holds. */
    lg_sim_run_us(w.sim, LG_AUTHZ_REFRESH_MS * LG_MS + LG_SEC);
    assert_int_equal(w.asks, 2);
    assert_int_equal(look("x"), LG_AUTHZ_ALLOWED);
    w.status = 200;
    w.body = "{\"allowed\":false}";
    lg_sim_run_us(w.sim, LG_AUTHZ_REFRESH_MS * LG_MS);
    assert_int_equal(w.asks, 3);
    assert_int_equal(look("x"), LG_AUTHZ_DENIED);
}

/* The end does not wait for the service. */
static void who_waits_at_the_end_is_told(void **state)
{
    (void)state;
    w.body = NULL;
    is_told = false;
    last.done = told;
    lg_authz_wait(w.a, &last, "x", LG_LIT(LG_AUTHZ_CLUSTER), LG_ACL_READ);
    lg_sim_run_us(w.sim, 100 * LG_MS);
    assert_int_equal(w.asks, 1);
    lg_authz_stop(LG_TAKE(w.a), w.lane, stopped, NULL);
    lg_sim_run_us(w.sim, LG_MS);
    assert_true(is_told);
    assert_int_equal(last.verdict, LG_AUTHZ_UNKNOWN);
    assert_int_equal(w.stops, 1);
    w.stops = 0; /* That of the end of the test follows. */
}

static void an_address_that_is_none_is_refused(void **state)
{
    struct lg_authz_http_options o = {
        .url = "judge:90", .lane = w.lane, .transport = lg_net_sim_transport(w.net)};
    struct lg_authz_driver *driver = NULL;
    struct lg_error err;

    (void)state;
    assert_rc(LG_ERR_INVALID, lg_authz_http_new(&o, &driver, &err));
    assert_null(driver);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_asks_once_and_says_what_about, up, down),
        cmocka_unit_test_setup_teardown(what_is_no_answer_lets_nobody_in, up, down),
        cmocka_unit_test_setup_teardown(a_known_one_is_asked_about_again_behind_its_back, up, down),
        cmocka_unit_test_setup_teardown(who_waits_at_the_end_is_told, up, down),
        cmocka_unit_test_setup_teardown(an_address_that_is_none_is_refused, up, down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
