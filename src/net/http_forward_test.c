/* Requests that one lane takes in and another one answers. */
#include "net/http_forward.h"

#include "drivers/sim/transport_sim.h"
#include "net/http_client.h"
#include "test/test.h"

#define CALLS 20

struct rig {
    struct lg_sim *sim;
    struct lg_net_sim *net;
    struct lg_lane *front, *back, *user;
    struct lg_http_server *server;
    struct lg_http_client *client;
    struct lg_http_call calls[CALLS];
    unsigned done;
    struct lg_http_request *held; /* Under /hold. */
    bool stopped;
    struct lg_task task;
};

/* On the other lane. */
static void answer(void *ctx, struct lg_http_request *rq)
{
    struct rig *r = ctx;
    static uint8_t large[5000];
    const struct lg_http_header headers[] = {{LG_LIT("X-One"), LG_LIT("1")},
                                             {LG_LIT("X-Empty"), LG_LIT("")},
                                             {LG_LIT("X-Large"), {large, sizeof large}}};
    LG_SCOPED(lg_buf) body = {0};
    LG_SCOPED(lg_buf) taken = {0};

    memset(large, 'l', sizeof large);
    assert_true(lg_lane_is_current(r->back) && rq->lane == r->back);
    assert_null(rq->user); /* It is this handler's, now. */
    assert_false(lg_http_can_stream(rq));
    if (lg_slice_eq_str(rq->path, "/hold")) {
        r->held = rq;
        return;
    }
    if (lg_slice_eq_str(rq->path, "/bare")) {
        lg_http_respond(rq, &(struct lg_http_response){.status = 204});
        return;
    }
    taken = lg_http_request_take_body(rq);
    assert_int_equal(rq->body.size, 0);
    lg_buf_appendf(&body, "%.*s?%.*s %.*s", LG_FMT(rq->path), LG_FMT(rq->query), (int)taken.size,
                   (const char *)taken.data);
    lg_http_respond(rq, &(struct lg_http_response){.status = 201,
                                                   .content_type = "text/odd",
                                                   .headers = headers,
                                                   .header_count = 3,
                                                   .body = lg_buf_slice(&body)});
}

static void handle(void *ctx, struct lg_http_request *rq)
{
    struct rig *r = ctx;

    assert_true(lg_lane_is_current(r->front));
    rq->user = r;
    lg_http_forward(rq, r->back, answer, r);
}

static void call_done(struct lg_http_call *call)
{
    (void)call;
}

static int up(void **state)
{
    struct rig *r = lg_new(struct rig);
    struct lg_http_server_options o = {.host = "world", .handler = handle, .ctx = r};
    struct lg_error err = {0};

    r->sim = lg_sim_new(3);
    r->net = lg_net_sim_new(r->sim);
    o.transport = lg_net_sim_transport(r->net);
    r->front = o.lane = lg_sim_lane_new(r->sim, NULL, "front");
    r->back = lg_sim_lane_new(r->sim, NULL, "back");
    r->user = lg_sim_lane_new(r->sim, NULL, "user");
    assert_ok(lg_http_server_start(&o, &r->server, &err));
    r->client = lg_http_client_new(o.transport, r->user);
    *state = r;
    return 0;
}

static void server_stopped(void *ctx)
{
    ((struct rig *)ctx)->stopped = true;
}

static void stop(struct lg_task *task)
{
    struct rig *r = LG_CONTAINER_OF(task, struct rig, task);

    lg_http_server_stop(r->server, 1000, server_stopped, r);
}

static void stop_server(struct rig *r)
{
    r->task.run = stop;
    lg_lane_post(r->front, &r->task);
    lg_sim_run_us(r->sim, 3 * LG_SEC);
    assert_true(r->stopped);
}

static int down(void **state)
{
    struct rig *r = *state;

    if (!r->stopped)
        stop_server(r);
    for (unsigned i = 0; i < CALLS; i++)
        lg_http_call_done(&r->calls[i]);
    lg_http_client_free(r->client);
    lg_net_sim_free(r->net);
    lg_sim_free(r->sim);
    lg_free(r);
    return 0;
}

static struct lg_http_call *ask(struct rig *r, enum lg_http_method method, const char *target,
                                const char *body)
{
    struct lg_http_call *call = &r->calls[r->done++];

    *call = (struct lg_http_call){.host = "world",
                                  .port = lg_http_server_port(r->server),
                                  .method = method,
                                  .target = lg_slice_str(target),
                                  .body = lg_slice_str(body),
                                  .done = call_done};
    lg_http_call_submit(r->client, call);
    return call;
}

static void expect_body(const struct lg_http_call *call, const char *body)
{
    assert_rc(LG_OK, call->rc);
    assert_true(lg_slice_eq_str(lg_buf_slice(&call->response_body), body));
}

static void all_of_a_request_goes_there_and_all_of_its_answer_comes_back(void **state)
{
    struct rig *r = *state;
    struct lg_http_call *get = ask(r, LG_HTTP_GET, "/a/b?c=d", ""),
                        *post = ask(r, LG_HTTP_POST, "/p", "some body"),
                        *bare = ask(r, LG_HTTP_GET, "/bare", "");

    lg_sim_run_us(r->sim, LG_SEC);
    expect_body(get, "/a/b?c=d ");
    expect_body(post, "/p? some body");
    assert_int_equal(post->status, 201);
    assert_true(lg_slice_eq_str(lg_http_header(&post->response_headers, "X-One"), "1"));
    assert_true(
        lg_slice_eq_str(lg_http_header(&post->response_headers, "Content-Type"), "text/odd"));
    assert_int_equal(lg_http_header(&post->response_headers, "X-Large").size, 5000);
    assert_int_equal(bare->status, 204);
    expect_body(bare, "");
}

static void release(struct lg_task *task)
{
    struct rig *r = LG_CONTAINER_OF(task, struct rig, task);

    lg_http_respond_text(r->held, 200, "late");
}

static void release_held(struct rig *r)
{
    assert_non_null(r->held);
    r->task.run = release;
    lg_lane_post(r->back, &r->task);
    lg_sim_run_us(r->sim, LG_SEC);
}

static void answers_keep_their_order_on_a_connection(void **state)
{
    struct rig *r = *state;
    struct lg_http_call *held = ask(r, LG_HTTP_GET, "/hold", ""), *next;

    lg_sim_run_us(r->sim, LG_SEC);
    next = ask(r, LG_HTTP_GET, "/next", "");
    lg_sim_run_us(r->sim, LG_SEC);
    expect_body(next, "/next? ");
    release_held(r);
    expect_body(held, "late");
}

static void who_has_hung_up_harms_nobody(void **state)
{
    struct rig *r = *state;
    struct lg_http_call *held = ask(r, LG_HTTP_GET, "/hold", ""), *after;

    lg_sim_run_us(r->sim, LG_SEC);
    lg_http_call_cancel(held);
    lg_sim_run_us(r->sim, LG_SEC);
    assert_rc(LG_ERR_CANCELLED, held->rc);
    release_held(r);
    after = ask(r, LG_HTTP_GET, "/after", "");
    lg_sim_run_us(r->sim, LG_SEC);
    expect_body(after, "/after? ");
}

static void an_answer_may_come_when_the_server_has_gone(void **state)
{
    struct rig *r = *state;

    (void)ask(r, LG_HTTP_GET, "/hold", "");
    lg_sim_run_us(r->sim, LG_SEC);
    stop_server(r);
    release_held(r); /* Nothing leaks: the sanitizer looks. */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_of_a_request_goes_there_and_all_of_its_answer_comes_back),
        TEST(answers_keep_their_order_on_a_connection),
        TEST(who_has_hung_up_harms_nobody),
        TEST(an_answer_may_come_when_the_server_has_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
