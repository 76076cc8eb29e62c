/* Connections of HTTP/2 under the server, on the simulated network: nghttp2's client asks, each of
 * our engines answers, and every test holds for both. Limits and time: http2_conn_limits_test.c. */
#include "net/http2.h"
#include "test/lib/h2_rig.h"

/* --- Requests and answers -------------------------------------------------------------------- */

static void requests_are_answered_and_the_connection_kept(void **state)
{
    struct h2_rig r;

    (void)state;
    EACH_ENGINE(&r)
    {
        h2_rig_on_lane(&r, h2_rig_open, 0);
        (void)h2_rig_get(&r, "/a?b");
        h2_rig_expect(&r, 0, 200, "GET /a world 0 ");
        assert_true(h2_asked_has(h2_rig_asked(&r, 0), "content-type: text/plain\n"));
        assert_true(h2_asked_has(h2_rig_asked(&r, 0), "content-length: 15\n"));
        (void)h2_rig_ask(&r, 0, "/b", LG_LIT("hello"));
        h2_rig_expect(&r, 1, 200, "POST /b world 5 hello");
        (void)h2_rig_get(&r,
                         "/a?b"); /* The memory of the first ones is used again: nothing is left. */
        h2_rig_expect(&r, 2, 200, "GET /a world 0 ");
        assert_false(r.clients[0].closed);
        assert_int_equal(r.clients[0].goaways, 0);
    }
}

static void bytes_may_come_one_by_one(void **state)
{
    struct h2_rig r;

    (void)state;
    EACH_ENGINE(&r)
    {
        lg_net_sim_set_piece_bytes_max(r.net, 1);
        h2_rig_on_lane(&r, h2_rig_open, 0);
        (void)h2_rig_ask(&r, 0, "/b", LG_LIT("hello"));
        lg_sim_run_us(r.sim, LG_SEC);
        h2_rig_expect(&r, 0, 200, "POST /b world 5 hello");
    }
}

static void head_answers_have_a_length_and_no_body(void **state)
{
    struct h2_rig r;

    (void)state;
    EACH_ENGINE(&r)
    {
        h2_rig_on_lane(&r, h2_rig_open, 0);
        r.path = "/a";
        h2_rig_on_lane(&r, h2_rig_head, 0);
        h2_rig_settle(&r);
        h2_rig_expect(&r, 0, 200, "");
        assert_true(h2_asked_has(h2_rig_asked(&r, 0), "content-length: 16\n"));
    }
}

static void http1_is_spoken_on_the_same_port(void **state)
{
    struct h2_rig r;

    (void)state;
    EACH_ENGINE(&r)
    {
        h2_rig_on_lane(&r, h2_rig_open, 0);
        h2_rig_say(&r, "P"); /* The preface begins so, too; and with the next piece it is not it. */
        h2_rig_say(&r, "OST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
        h2_rig_expect_plain(&r, "HTTP/1.1 200 OK\r\n");
        h2_rig_say(&r, "GET /c HTTP/1.1\r\nHost: a\r\n\r\n");
        h2_rig_expect_plain(&r, "GET /c a 0 ");
        (void)h2_rig_get(&r, "/a");
        h2_rig_expect(&r, 0, 200, "GET /a world 0 ");
        assert_false(r.plain_closed);
    }
}

static void without_an_engine_http2_is_not_spoken(void **state)
{
    struct h2_rig r;

    (void)state;
    h2_rig_init(&r, NULL);
    h2_rig_say(&r, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    h2_rig_expect_plain(&r, "HTTP/1.1 505 ");
    assert_true(r.plain_closed);
    h2_rig_done(&r);
}

static void answers_come_in_any_order(void **state)
{
    struct h2_rig r;

    (void)state;
    EACH_ENGINE(&r)
    {
        h2_rig_on_lane(&r, h2_rig_open, 0);
        for (size_t i = 0; i < 3; i++)
            (void)h2_rig_get(&r, "/hold");
        assert_int_equal(r.held_count, 3);
        h2_rig_on_lane(&r, h2_rig_release, 2);
        h2_rig_settle(&r);
        h2_rig_expect(&r, 2, 200, "2");
        assert_int_equal(h2_rig_asked(&r, 0)->status, 0);
        h2_rig_on_lane(&r, h2_rig_release, 0);
        h2_rig_on_lane(&r, h2_rig_release, 1);
        h2_rig_settle(&r);
        h2_rig_expect(&r, 0, 200, "0");
        h2_rig_expect(&r, 1, 200, "1");
    }
}

/* --- Streams --------------------------------------------------------------------------------- */

static void a_streamed_answer_comes_whole(void **state)
{
    struct h2_rig r;

    (void)state;
    EACH_ENGINE(&r)
    {
        r.stream_bytes = 5 * MIB;
        h2_rig_on_lane(&r, h2_rig_open, 0);
        (void)h2_rig_get(&r, "/stream");
        lg_sim_run_us(r.sim, 10 * LG_SEC);
        assert_int_equal(h2_rig_asked(&r, 0)->status, 200);
        assert_true(h2_rig_asked(&r, 0)->closed && h2_rig_asked(&r, 0)->code == 0);
        assert_int_equal(h2_rig_asked(&r, 0)->body.size, 5 * MIB);
        assert_true(h2_asked_has(h2_rig_asked(&r, 0), "x-kind: Long\n"));
        assert_false(h2_asked_has(h2_rig_asked(&r, 0), "content-length"));
        assert_true(r.streams[0].rooms > 10);
    }
}

static void a_stream_is_full_while_its_reader_gives_no_window(void **state)
{
    struct h2_rig r;
    unsigned rooms;

    (void)state;
    EACH_ENGINE(&r)
    {
        r.stream_bytes = MIB;
        r.window_by_hand = true;
        h2_rig_on_lane(&r, h2_rig_open, 0);
        (void)h2_rig_get(&r, "/stream");
        h2_rig_settle(&r);
        rooms = r.streams[0].rooms;
        h2_rig_settle(&r);
        assert_int_equal(h2_rig_asked(&r, 0)->body.size, 65535);
        assert_int_equal(r.streams[0].rooms, rooms);
        assert_true(r.streams[0].written <= 65535 + LG_H2_STREAM_HIGH_BYTES + H2_RIG_PIECE);
        h2_rig_on_lane(&r, h2_rig_take, 0);
        lg_sim_run_us(r.sim, LG_SEC);
        assert_true(h2_rig_asked(&r, 0)->closed);
        assert_int_equal(h2_rig_asked(&r, 0)->body.size, MIB);
        assert_true(r.streams[0].rooms > rooms);
    }
}

static void a_peer_that_does_not_read_holds_little_memory(void **state)
{
    struct h2_rig r;
    size_t most = LG_CONN_HIGH_BYTES + LG_H2_OUTPUT_BYTES + LG_NET_SIM_WINDOW_BYTES +
                  LG_H2_STREAM_HIGH_BYTES + 4 * H2_RIG_PIECE;

    (void)state;
    EACH_ENGINE(&r)
    {
        r.stream_bytes = 16 * MIB;
        r.window = 64 * MIB;
        h2_rig_on_lane(&r, h2_rig_open, 0);
        (void)h2_rig_get(&r, "/a");
        h2_rig_on_lane(&r, h2_rig_pause, true);
        (void)h2_rig_get(&r, "/stream");
        h2_rig_settle(&r);
        assert_true(r.streams[0].written >= LG_CONN_HIGH_BYTES);
        if (r.streams[0].written > most)
            fail_msg("%zu bytes were written, %zu are enough", r.streams[0].written, most);
        h2_rig_on_lane(&r, h2_rig_pause, false);
        lg_sim_run_us(r.sim, 4 * LG_SEC); /* As fast as it reads, not as clocks tick. */
        assert_int_equal(h2_rig_asked(&r, 1)->body.size, 16 * MIB);
        assert_true(h2_rig_asked(&r, 1)->closed);
    }
}

/* --- Ends --------------------------------------------------------------------------------------
 */

static unsigned lost_count;

static void is_lost(struct lg_http_request *rq)
{
    assert_true(rq->peer_gone);
    lost_count++;
}

static void a_request_reset_by_its_peer_is_still_answered_by_the_handler(void **state)
{
    struct h2_rig r;

    (void)state;
    EACH_ENGINE(&r)
    {
        h2_rig_on_lane(&r, h2_rig_open, 0);
        (void)h2_rig_get(&r, "/hold");
        (void)h2_rig_get(&r, "/hold");
        lost_count = 0;
        r.held[0]->lost = r.held[1]->lost = is_lost;
        h2_rig_on_lane(&r, h2_rig_reset, 0);
        h2_rig_settle(&r);
        assert_true(r.held[0]->peer_gone);
        assert_false(r.held[1]->peer_gone);
        assert_int_equal(lost_count, 1);
        h2_rig_on_lane(&r, h2_rig_release, 0);
        h2_rig_on_lane(&r, h2_rig_release, 1);
        h2_rig_settle(&r);
        assert_int_equal(h2_rig_asked(&r, 0)->status, 0);
        h2_rig_expect(&r, 1, 200, "1");
        (void)h2_rig_get(&r, "/a");
        h2_rig_expect(&r, 2, 200, "GET /a world 0 ");
    }
}

static void a_stream_that_is_reset_is_told_so(void **state)
{
    struct h2_rig r;
    unsigned rooms;

    (void)state;
    EACH_ENGINE(&r)
    {
        r.stream_bytes = MIB;
        r.window_by_hand = true;
        h2_rig_on_lane(&r, h2_rig_open, 0);
        (void)h2_rig_get(&r, "/stream");
        rooms = r.streams[0].rooms;
        h2_rig_on_lane(&r, h2_rig_reset, 0);
        h2_rig_settle(&r);
        assert_true(r.streams[0].saw_peer_gone);
        assert_int_equal(r.streams[0].rooms, rooms + 1);
        h2_rig_on_lane(&r, h2_rig_take, H2_CLIENT_NONE);
        (void)h2_rig_get(&r, "/a");
        h2_rig_expect(&r, 1, 200, "GET /a world 0 ");
    }
}

/* With many bytes behind it, so that the network, which cuts anywhere, hardly ever cuts here. */
static void end_by_request(struct h2_rig *r)
{
    static const uint8_t many[60000];
    struct h2_client *c = &r->clients[0];

    r->asked = h2_client_ask(c, NULL, "/end", LG_SLICE_NULL, NULL, NULL);
    (void)h2_client_ask(c, NULL, "/a", lg_slice(many, sizeof many), NULL, NULL);
    c->corked = false;
    h2_client_flush(c);
}

static void reset_and_end(struct h2_rig *r, size_t i)
{
    struct h2_client *c = &r->clients[0];

    c->corked = true;
    h2_client_reset(c, i);
    end_by_request(r);
}

/* When the reset and the request that makes the handler end the stream come in one piece, the task
 * that tells of the reset finds the stream ended. */
static void a_stream_may_end_before_it_is_told_of_its_reset(void **state)
{
    struct h2_rig r;

    (void)state;
    EACH_ENGINE(&r)
    {
        size_t told = 0;

        r.by_hand = true;
        h2_rig_on_lane(&r, h2_rig_open, 0);
        for (size_t i = 0; i < H2_RIG_HELD_MAX; i++) {
            h2_rig_on_lane(&r, reset_and_end, h2_rig_get(&r, "/stream"));
            h2_rig_settle(&r);
            h2_rig_expect(&r, r.asked, 200, "GET /end world 0 ");
            assert_true(r.streams[i].ended);
            told += r.streams[i].rooms;
        }
        assert_in_range(told, 0, H2_RIG_HELD_MAX / 4);
    }
}

/* Likewise with window instead of a reset. */
static void take_and_end(struct h2_rig *r, size_t i)
{
    struct h2_client *c = &r->clients[0];

    c->corked = true;
    h2_client_take(c, i, MIB);
    end_by_request(r);
}

static void a_stream_may_end_before_it_is_told_of_room(void **state)
{
    struct h2_rig r;

    (void)state;
    EACH_ENGINE(&r)
    {
        r.stream_bytes = MIB;
        r.window_by_hand = true;
        h2_rig_on_lane(&r, h2_rig_open, 0);
        (void)h2_rig_get(&r, "/stream");
        h2_rig_on_lane(&r, take_and_end, 0);
        h2_rig_settle(&r);
        assert_true(h2_rig_asked(&r, 0)->closed);
        assert_int_equal(h2_rig_asked(&r, 0)->body.size, r.streams[0].written);
        assert_int_equal(h2_rig_asked(&r, 1)->status, 200);
    }
}

static void a_body_that_is_reset_never_comes_to_the_handler(void **state)
{
    struct h2_rig r;

    (void)state;
    EACH_ENGINE(&r)
    {
        h2_rig_on_lane(&r, h2_rig_open, 0);
        r.path = "/a";
        r.body = LG_LIT("begins");
        h2_rig_on_lane(&r, h2_rig_begin, 0);
        h2_rig_settle(&r);
        h2_rig_on_lane(&r, h2_rig_reset, 0);
        h2_rig_settle(&r);
        assert_int_equal(r.requests, 0);
        (void)h2_rig_ask(&r, 0, "/b", LG_LIT("hello"));
        h2_rig_expect(&r, 1, 200, "POST /b world 5 hello"); /* Nothing of the other body. */
    }
}

static void a_connection_may_be_lost_while_requests_wait(void **state)
{
    struct h2_rig r;

    (void)state;
    EACH_ENGINE(&r)
    {
        r.stream_bytes = MIB;
        r.window_by_hand = true;
        h2_rig_on_lane(&r, h2_rig_open, 0);
        (void)h2_rig_get(&r, "/hold");
        (void)h2_rig_get(&r, "/stream");
        r.path = "/a";
        r.body = LG_LIT("begins");
        h2_rig_on_lane(&r, h2_rig_begin, 0);
        h2_rig_on_lane(&r, h2_rig_leave, 0);
        h2_rig_settle(&r);
        assert_true(r.held[0]->peer_gone);
        assert_true(r.streams[0].saw_peer_gone && r.streams[0].ended);
        h2_rig_on_lane(&r, h2_rig_release, 0);
        h2_rig_on_lane(&r, h2_rig_open, 1);
        (void)h2_rig_ask(&r, 1, "/b", LG_LIT("hello"));
        assert_int_equal(r.clients[1].asked[0].status, 200);
    }
}

static void a_draining_server_sends_its_peers_away(void **state)
{
    struct h2_rig r;

    (void)state;
    EACH_ENGINE(&r)
    {
        h2_rig_on_lane(&r, h2_rig_open, 0);
        (void)h2_rig_get(&r, "/hold");
        (void)h2_rig_get(&r, "/hold");
        lg_http_server_drain(r.server);
        assert_int_equal(r.clients[0].goaways, 0);
        h2_rig_on_lane(&r, h2_rig_release, 0);
        h2_rig_settle(&r);
        h2_rig_expect(&r, 0, 200, "0");
        assert_true(r.clients[0].goaways > 0);
        assert_int_equal(r.clients[0].goaway_code, LG_H2_NO_ERROR);
        assert_false(r.clients[0].closed);
        h2_rig_on_lane(&r, h2_rig_release, 1);
        h2_rig_settle(&r);
        h2_rig_expect(&r, 1, 200, "1");
        assert_true(r.clients[0].closed);
    }
}

static void a_stop_lets_requests_in_flight_end(void **state)
{
    struct h2_rig r;

    (void)state;
    EACH_ENGINE(&r)
    {
        h2_rig_on_lane(&r, h2_rig_open, 0);
        h2_rig_on_lane(&r, h2_rig_open, 1);
        (void)h2_rig_get(&r, "/hold");
        (void)h2_rig_ask(&r, 1, "/a", LG_SLICE_NULL);
        h2_rig_on_lane(&r, h2_rig_stop, 10000);
        h2_rig_settle(&r);
        assert_true(r.clients[1].closed); /* It was idle. */
        assert_true(r.clients[1].goaways > 0);
        assert_false(r.clients[0].closed || r.stopped);
        assert_true(r.clients[0].goaways > 0);
        h2_rig_on_lane(&r, h2_rig_release, 0);
        h2_rig_settle(&r);
        h2_rig_expect(&r, 0, 200, "0");
        assert_true(r.clients[0].closed && r.stopped);
    }
}

static void a_stop_ends_when_its_grace_is_over(void **state)
{
    struct h2_rig r;

    (void)state;
    EACH_ENGINE(&r)
    {
        r.stream_bytes = MIB;
        r.window_by_hand = r.by_hand = true;
        h2_rig_on_lane(&r, h2_rig_open, 0);
        (void)h2_rig_get(&r, "/hold");
        (void)h2_rig_get(&r, "/stream");
        h2_rig_on_lane(&r, h2_rig_stop, 1000);
        lg_sim_run_us(r.sim, 900 * LG_MS);
        assert_false(r.stopped || r.clients[0].closed);
        lg_sim_run_us(r.sim, 200 * LG_MS);
        assert_true(r.stopped && r.clients[0].closed);
        assert_true(r.held[0]->peer_gone && r.streams[0].saw_peer_gone);
        h2_rig_on_lane(&r, h2_rig_release,
                       0); /* The server is gone: there is nothing it could touch. */
    }
}

static void a_handler_may_stop_the_server(void **state)
{
    struct h2_rig r;

    (void)state;
    EACH_ENGINE(&r)
    {
        h2_rig_on_lane(&r, h2_rig_open, 0);
        (void)h2_rig_get(&r, "/stop");
        h2_rig_expect(&r, 0, 200, "GET /stop world 0 ");
        assert_true(r.clients[0].goaways > 0 && r.clients[0].closed && r.stopped);
    }
}

static void a_peer_that_breaks_the_rules_is_told_and_cut(void **state)
{
    struct h2_rig r;

    (void)state;
    EACH_ENGINE(&r)
    {
        h2_rig_on_lane(&r, h2_rig_open, 0);
        (void)h2_rig_get(&r, "/hold");
        /* A frame of DATA on a stream that never was. */
        h2_rig_say(&r, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        r.body = lg_slice("\0\0\0\4\0\0\0\0\0\0\0\1\0\0\0\0\0\7x", 19);
        h2_rig_on_lane(&r, h2_rig_say_now, 0);
        h2_rig_settle(&r);
        assert_true(r.plain_closed);
        assert_true(r.plain_received.size > 9 + 9 + 8);
        h2_rig_on_lane(&r, h2_rig_release, 0); /* Its neighbour does not notice. */
        h2_rig_settle(&r);
        h2_rig_expect(&r, 0, 200, "0");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_answered_and_the_connection_kept),
        cmocka_unit_test(bytes_may_come_one_by_one),
        cmocka_unit_test(head_answers_have_a_length_and_no_body),
        cmocka_unit_test(http1_is_spoken_on_the_same_port),
        cmocka_unit_test(without_an_engine_http2_is_not_spoken),
        cmocka_unit_test(answers_come_in_any_order),
        cmocka_unit_test(a_streamed_answer_comes_whole),
        cmocka_unit_test(a_stream_is_full_while_its_reader_gives_no_window),
        cmocka_unit_test(a_peer_that_does_not_read_holds_little_memory),
        cmocka_unit_test(a_request_reset_by_its_peer_is_still_answered_by_the_handler),
        cmocka_unit_test(a_stream_that_is_reset_is_told_so),
        cmocka_unit_test(a_stream_may_end_before_it_is_told_of_its_reset),
        cmocka_unit_test(a_stream_may_end_before_it_is_told_of_room),
        cmocka_unit_test(a_body_that_is_reset_never_comes_to_the_handler),
        cmocka_unit_test(a_connection_may_be_lost_while_requests_wait),
        cmocka_unit_test(a_draining_server_sends_its_peers_away),
        cmocka_unit_test(a_stop_lets_requests_in_flight_end),
        cmocka_unit_test(a_stop_ends_when_its_grace_is_over),
        cmocka_unit_test(a_handler_may_stop_the_server),
        cmocka_unit_test(a_peer_that_breaks_the_rules_is_told_and_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
