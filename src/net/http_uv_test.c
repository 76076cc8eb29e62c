/* Client and server over real sockets, each on a lane and thread of its own: what the simulator
 * cannot show, such as races between the two and the kernel's buffers. Both on libuv, then the
 * server on io_uring, then both. */
#include "base/hash.h"
#include "drivers/uring/lane_uring.h"
#include "drivers/uring/transport_uring.h"
#include "drivers/uv/lane_uv.h"
#include "drivers/uv/transport_uv.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "test/lib/uring_here.h"
#include "test/test.h"

#define CALLS 64
#define ROUNDS 40
#define CALL_US (280 * LG_SEC) /* a slow machine is no fault of theirs */
#define BIG_BYTES ((size_t)5 << 20)

struct rig {
    struct lg_transport *uv, *transport;
    struct lg_lane *server_lane, *client_lane;
    struct lg_http_server *server;
    struct lg_http_client *client;
    struct lg_http_call calls[CALLS];
    struct lg_task start, stop;
    struct lg_buf big;
    size_t rounds, submitted, done, wrong;
    size_t served; /* The server's lane. */
};

static struct rig rig;

/* --- Lanes of both drivers ---------------------------------------------------------------------
 */

static struct lg_lane *make_lane(const char *name, bool uring)
{
    const struct lg_lane_uring_options options = {0};
    struct lg_lane *lane = NULL;
    struct lg_error err;

    assert_ok(uring ? lg_lane_uring_new(name, &options, &lane, &err)
                    : lg_lane_uv_new(name, NULL, &lane, &err));
    return lane;
}

static void start_lane(struct lg_lane *lane)
{
    struct lg_error err;

    assert_ok(lg_lane_uring_is(lane) ? lg_lane_uring_start(lane, &err)
                                     : lg_lane_uv_start(lane, &err));
}

static void stop_lane(struct lg_lane *lane)
{
    if (lg_lane_uring_is(lane))
        lg_lane_uring_stop(lane);
    else
        lg_lane_uv_stop(lane);
}

static void join_lane(struct lg_lane *lane)
{
    if (lg_lane_uring_is(lane))
        lg_lane_uring_join(lane);
    else
        lg_lane_uv_join(lane);
}

static void free_lane(struct lg_lane *lane)
{
    if (lg_lane_uring_is(lane))
        lg_lane_uring_free(lane);
    else
        lg_lane_uv_free(lane);
}

/* --- Calls ------------------------------------------------------------------------------------ */

/* /echo answers the body, everything else the path. */
static void handle(void *ctx, struct lg_http_request *rq)
{
    struct rig *r = (struct rig *)ctx;
    bool echoes = lg_slice_eq_str(rq->path, "/echo");
    struct lg_http_response response = {.status = 200, .body = echoes ? rq->body : rq->path};

    r->served++;
    lg_http_respond(rq, &response);
}

static void server_stopped(void *ctx)
{
    stop_lane(((struct rig *)ctx)->server_lane);
}

static void stop_server(struct lg_task *task)
{
    struct rig *r = LG_CONTAINER_OF(task, struct rig, stop);

    lg_http_server_stop(r->server, 5000, server_stopped, r);
}

static void submit(struct lg_http_call *call);

static void finish(struct rig *r)
{
    lg_http_client_free(r->client);
    stop_lane(r->client_lane);
    r->stop.run = stop_server;
    lg_lane_post(r->server_lane, &r->stop);
}

static void call_done(struct lg_http_call *call)
{
    struct rig *r = &rig;
    bool is_big = call->body.size > 0;
    struct lg_slice want = is_big ? lg_buf_slice(&r->big) : LG_LIT("/small");

    r->done++;
    r->wrong += call->rc != LG_OK || call->status != 200 ||
                !lg_slice_eq(lg_buf_slice(&call->response_body), want);
    lg_http_call_done(call);
    if (r->submitted < CALLS * r->rounds)
        submit(call);
    else if (r->done == r->submitted)
        finish(r);
}

/* Each 50th call carries a big body there and back. */
static void submit(struct lg_http_call *call)
{
    struct rig *r = &rig;
    bool is_big = r->submitted++ % 50 == 49;

    *call = (struct lg_http_call){.host = "127.0.0.1",
                                  .port = lg_http_server_port(r->server),
                                  .method = is_big ? LG_HTTP_POST : LG_HTTP_GET,
                                  .target = is_big ? LG_LIT("/echo") : LG_LIT("/small"),
                                  .body = is_big ? lg_buf_slice(&r->big) : LG_SLICE_NULL,
                                  .deadline_us = lg_lane_now_us(r->client_lane) + CALL_US,
                                  .done = call_done};
    lg_http_call_submit(r->client, call);
}

static void start_calls(struct lg_task *task)
{
    struct rig *r = LG_CONTAINER_OF(task, struct rig, start);

    for (size_t i = 0; i < CALLS; i++)
        submit(&r->calls[i]);
}

static void all_calls_come_back(bool server_uring, bool client_uring)
{
    struct lg_error err;
    struct rig *r = &rig;
    uint8_t *room;

    *r = (struct rig){0};
    room = lg_buf_reserve(&r->big, BIG_BYTES);
    for (size_t i = 0; i < BIG_BYTES; i++)
        room[i] = (uint8_t)(i * 2654435761u >> 17);
    lg_buf_commit(&r->big, BIG_BYTES);
    r->rounds = ROUNDS;
    r->uv = lg_transport_uv_new();
    r->transport = lg_transport_uring_new(r->uv);
    r->server_lane = make_lane("server", server_uring);
    r->client_lane = make_lane("client", client_uring);
    struct lg_http_server_options options = {.transport = r->transport,
                                             .lane = r->server_lane,
                                             .host = "127.0.0.1",
                                             .handler = handle,
                                             .ctx = r};
    assert_ok(lg_http_server_start(&options, &r->server, &err));
    r->client = lg_http_client_new(r->transport, r->client_lane);
    r->start.run = start_calls;
    lg_lane_post(r->client_lane, &r->start);
    start_lane(r->server_lane);
    start_lane(r->client_lane);
    join_lane(r->client_lane);
    join_lane(r->server_lane);
    assert_int_equal(r->done, CALLS * ROUNDS);
    assert_int_equal(r->wrong, 0);
    assert_int_equal(r->served, CALLS * ROUNDS);
    lg_transport_uring_free(r->transport);
    lg_transport_uv_free(r->uv);
    free_lane(r->client_lane);
    free_lane(r->server_lane);
    lg_buf_done(&r->big);
}

static void many_calls_over_two_threads_all_come_back(void **state)
{
    (void)state;
    all_calls_come_back(/* server_uring= */ false, /* client_uring= */ false);
}

static void all_come_back_from_a_server_on_io_uring(void **state)
{
    (void)state;
    all_calls_come_back(/* server_uring= */ true, /* client_uring= */ false);
}

static void all_come_back_between_lanes_on_io_uring(void **state)
{
    (void)state;
    all_calls_come_back(/* server_uring= */ true, /* client_uring= */ true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_calls_over_two_threads_all_come_back),
    };
    const struct CMUnitTest on_uring[] = {
        cmocka_unit_test(all_come_back_from_a_server_on_io_uring),
        cmocka_unit_test(all_come_back_between_lanes_on_io_uring),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    return lg_uring_is_here() ? failed + cmocka_run_group_tests(on_uring, NULL, NULL) : failed;
}
