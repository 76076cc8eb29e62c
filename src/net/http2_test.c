/* The port net/http2.h on both engines: what a caller may rely on, heads that are remembered by
 * their bytes, and a hit path without an allocation. What goes out: http2_answers_test.c. */
#include "test/test.h"

#include "base/alloc_fail.h"
#include "drivers/nghttp2/hpack_nghttp2.h"
#include "drivers/nghttp2/http2_nghttp2.h"
#include "net/h2_conn.h"
#include "net/h2_encode.h"
#include "net/h2_frame.h"
#include "test/lib/h2_peer.h"

static void a_unary_call_of_grpc_is_answered(void **state)
{
    struct lg_h2_prepared *tail = h2_peer_prepare("grpc-status", "0");
    struct h2_peer p;

    (void)state;
    EACH_PEER(&p)
    {
        p.trailers = tail;
        h2_peer_send(&p, "H 4 1 @post {te=trailers grpc-timeout=50m content-type=application/grpc};"
                         "D 1 1 0000000002 0801");
        assert_true(h2_peer_heard(
            &p, "request 1 POST / te=trailers content-type=application/grpc timeout 50m"));
        assert_true(h2_peer_heard(&p, "body 1 7"));
        assert_true(h2_peer_heard(&p, "end 1"));
        assert_true(h2_peer_got(&p, "HEADERS 1"));
        assert_true(h2_peer_got(&p, "DATA 1 5"));
        assert_true(h2_peer_got(&p, "HEADERS 1 END"));
        assert_int_equal(p.h2->requests, 1);
    }
    lg_h2_prepared_free(tail);
}

static void trailers_of_a_request_come_with_its_end(void **state)
{
    struct h2_peer p;

    (void)state;
    EACH_PEER(&p)
    {
        h2_peer_send(&p, "H 4 1 @post; D 0 1 61; H 5 1 {x-sum=1 x-more=2}");
        assert_true(h2_peer_heard(&p, "end 1 x-sum=1 x-more=2"));
        assert_true(h2_peer_got(&p, "DATA 1 5 END"));
    }
}

/* A request that says how long it is, and is not, is reset as soon as that is seen. */
static void a_body_of_another_length_is_not_waited_for(void **state)
{
    struct h2_peer p;

    (void)state;
    EACH_PEER(&p)
    {
        h2_peer_send(&p, "H 5 1 @post {content-length=1}");
        assert_true(h2_peer_got(&p, "RST 1 1"));
        assert_int_equal(p.h2->requests, 0);
        h2_peer_send(&p, "H 4 3 @post {content-length=3}; D 0 3 6161; D 0 3 6161");
        assert_true(h2_peer_heard(&p, "body 3 2") && h2_peer_heard(&p, "gone 3 1"));
        assert_true(h2_peer_got(&p, "RST 3 1"));
        h2_peer_send(&p, "H 4 5 @post {content-length=3}; D 1 5 6161");
        assert_true(h2_peer_got(&p, "RST 5 1"));
        h2_peer_send(&p, "H 4 7 @post {content-length=2}; D 1 7 6161");
        assert_true(h2_peer_heard(&p, "end 7"));
    }
}

static void an_answer_in_steps_goes_both_ways_at_once(void **state)
{
    struct lg_slice piece = LG_LIT("abcdef");
    struct h2_peer p;

    (void)state;
    EACH_PEER(&p)
    {
        struct lg_h2_head head = {p.head, NULL, 0};

        h2_peer_send(&p, "H 4 1 @hold; D 0 1 6162");
        lg_h2_begin(p.held[0], &head);
        lg_h2_write(p.held[0], &piece, 1);
        h2_peer_take(&p);
        assert_true(h2_peer_got(&p, "DATA 1 6"));
        h2_peer_send(&p, "D 1 1 6364");
        assert_true(h2_peer_heard(&p, "end 1"));
        lg_h2_write(p.held[0], &piece, 1);
        lg_h2_end(p.held[0], NULL);
        h2_peer_take(&p);
        assert_true(h2_peer_got(&p, "DATA 1 0 END") || h2_peer_got(&p, "DATA 1 6 END"));
        assert_false(h2_peer_heard(&p, "gone 1 0"));
    }
}

static void an_answer_before_the_end_stops_the_request(void **state)
{
    struct lg_slice piece = LG_LIT("no");
    struct h2_peer p;

    (void)state;
    EACH_PEER(&p)
    {
        struct lg_h2_head head = {p.head, NULL, 0};

        h2_peer_send(&p, "H 4 1 @hold; D 0 1 6162");
        lg_h2_respond(p.held[0], &head, &piece, 1, NULL);
        h2_peer_take(&p);
        assert_true(h2_peer_got(&p, "DATA 1 2 END"));
        assert_true(h2_peer_got(&p, "RST 1 0"));
        h2_peer_send(&p, "D 0 1 z100; D 1 1 z100; H 5 3 @get"); /* They crossed. */
        assert_false(h2_peer_heard(&p, "body 1 100"));
        assert_false(p.over);
        assert_true(h2_peer_got(&p, "DATA 3 5 END"));
    }
}

static void a_full_stream_tells_when_it_has_room(void **state)
{
    static const uint8_t zeros[40000];
    struct lg_slice piece = {zeros, sizeof(zeros)};
    struct h2_peer p;

    (void)state;
    EACH_PEER(&p)
    {
        struct lg_h2_head head = {p.head, NULL, 0};

        h2_peer_send(&p, "S 0 0 000400000000; H 5 1 @hold");
        lg_h2_begin(p.held[0], &head);
        lg_h2_write(p.held[0], &piece, 1);
        assert_false(lg_h2_is_full(p.held[0]));
        lg_h2_write(p.held[0], &piece, 1);
        assert_true(lg_h2_is_full(p.held[0]));
        h2_peer_send(&p, "W 0 1 00004000");
        assert_false(h2_peer_heard(&p, "room 1"));
        h2_peer_send(&p, "W 0 1 0000c000");
        assert_true(h2_peer_heard(&p, "room 1"));
        assert_false(lg_h2_is_full(p.held[0]));
    }
}

static void a_paused_stream_gives_no_window_back(void **state)
{
    struct h2_peer p;

    (void)state;
    EACH_PEER_OF(&p, NULL, 65535, 1 << 20)
    {
        h2_peer_send(&p, "S 1 0; H 4 1 @hold");
        lg_h2_pause(p.held[0], true);
        h2_peer_send(&p, "D 0 1 z16384; D 0 1 z16384; D 0 1 z16384");
        assert_false(h2_peer_got(&p, "WINDOW 1 49152"));
        lg_h2_pause(p.held[0], false);
        h2_peer_take(&p);
        assert_true(h2_peer_got(&p, "WINDOW 1 49152")); /* In one. */
    }
}

static void a_peer_beyond_a_streams_window_is_reset(void **state)
{
    struct h2_peer p;

    (void)state;
    EACH_PEER_OF(&p, NULL, 20000, 1 << 20)
    {
        h2_peer_send(&p, "S 1 0; H 4 1 @hold; H 4 3 @hold");
        lg_h2_pause(p.held[0], true);
        h2_peer_send(&p, "D 0 1 z16384; D 0 1 z3616; D 0 3 z16384");
        assert_false(h2_peer_heard(&p, "gone 1 3"));
        h2_peer_send(&p, "D 0 1 z1; D 1 3 z16384");
        assert_true(h2_peer_heard(&p, "gone 1 3"));
        assert_true(h2_peer_got(&p, "RST 1 3"));
        assert_true(h2_peer_heard(&p, "end 3"));
    }
}

static void a_peer_beyond_the_connections_window_is_cut(void **state)
{
    struct h2_peer p;

    (void)state;
    EACH_PEER_OF(&p, NULL, 1 << 20, 65535)
    {
        /* All in one piece: no window is given back meanwhile. */
        h2_peer_send(&p, "H 4 1 @hold; D 0 1 z16384; D 0 1 z16384; D 0 1 z16384; D 0 1 z16384");
        assert_true(p.over);
        assert_int_equal(p.h2->fault.code, LG_H2_FLOW_CONTROL_ERROR);
    }
}

static void a_body_that_ended_gives_only_the_connections_window_back(void **state)
{
    struct h2_peer p;

    (void)state;
    EACH_PEER_OF(&p, NULL, 65535, 65535)
    {
        h2_peer_send(&p, "S 1 0; H 4 1 @hold; D 0 1 z16384; D 0 1 z16000; D 1 1 z16384");
        assert_false(h2_peer_got(&p, "WINDOW 1 48768"));
        assert_true(h2_peer_got(&p, "WINDOW 0 48768"));
    }
}

static void a_reset_by_the_caller_ends_the_stream(void **state)
{
    struct h2_peer p;

    (void)state;
    EACH_PEER(&p)
    {
        h2_peer_send(&p, "H 4 1 @hold");
        lg_h2_reset(p.held[0], LG_H2_CANCEL);
        h2_peer_take(&p);
        assert_true(h2_peer_got(&p, "RST 1 8"));
        h2_peer_send(&p, "D 0 1 6162; R 0 1 00000008; H 5 3 @get");
        assert_true(h2_peer_got(&p, "DATA 3 5 END"));
        assert_false(h2_peer_heard(&p, "body 1 2"));
        assert_false(h2_peer_heard(&p, "gone 1 8"));
    }
}

static void a_shutdown_serves_what_is_under_way(void **state)
{
    struct lg_slice piece = LG_LIT("last");
    struct h2_peer p;

    (void)state;
    EACH_PEER(&p)
    {
        struct lg_h2_head head = {p.head, NULL, 0};

        h2_peer_send(&p, "H 5 1 @hold");
        lg_h2_shutdown(p.h2);
        lg_h2_shutdown(p.h2); /* Saying it again hurries nobody. */
        h2_peer_take(&p);
        assert_true(h2_peer_got(&p, "GOAWAY 2147483647 0"));
        assert_true(h2_peer_got(&p, "PING"));
        h2_peer_send(&p, "H 5 3 @get; P 1 0 6162636465666768; H 5 5 @get"); /* They crossed it. */
        assert_true(h2_peer_got(&p, "DATA 3 5 END"));
        assert_true(h2_peer_got(&p, "DATA 5 5 END"));
        h2_peer_send(&p, "P 1 0 676f6f646279652e"); /* The peer knows. */
        h2_peer_send(&p, "H 5 7 @get");
        assert_true(h2_peer_got(&p, "GOAWAY 5 0"));
        assert_false(h2_peer_heard(&p, "request 7 GET /"));
        assert_false(lg_h2_is_over(p.h2));
        lg_h2_respond(p.held[0], &head, &piece, 1, NULL);
        h2_peer_take(&p);
        assert_true(h2_peer_got(&p, "DATA 1 4 END"));
        assert_true(lg_h2_is_over(p.h2));
    }
}

static void a_peer_that_never_says_that_it_knows_of_the_shutdown_is_taken_to_know(void **state)
{
    struct h2_peer p;

    (void)state;
    EACH_PEER(&p)
    {
        h2_peer_send(&p, "H 5 1 @get");
        assert_true(lg_h2_tick(p.h2, 5000));
        lg_h2_shutdown(p.h2);
        h2_peer_take(&p);
        assert_true(lg_h2_tick(p.h2, 5000 + LG_H2_SHUTDOWN_WAIT_MS - 1));
        h2_peer_send(&p, "H 5 3 @get");
        assert_true(h2_peer_got(&p, "DATA 3 5 END"));
        assert_false(lg_h2_is_over(p.h2));
        assert_true(lg_h2_tick(p.h2, 5000 + LG_H2_SHUTDOWN_WAIT_MS));
        h2_peer_send(&p, "H 5 5 @get");
        assert_true(h2_peer_got(&p, "GOAWAY 3 0"));
        assert_false(h2_peer_heard(&p, "request 5 GET /"));
        assert_true(lg_h2_is_over(p.h2));
    }
}

static void the_end_of_a_connection_is_told_to_all_streams(void **state)
{
    struct h2_peer p;

    (void)state;
    EACH_PEER_OF(&p, NULL, 0, 0)
    {
        h2_peer_send(&p, "H 5 1 @hold; H 4 3 @hold; H 5 5 @get");
        lg_h2_free(p.h2);
        p.h2 = NULL;
        assert_true(h2_peer_heard(&p, "gone 1 8") && h2_peer_heard(&p, "gone 3 8"));
        assert_false(h2_peer_heard(&p, "gone 5 8"));
    }
}

/* Windows of a few bytes, and bytes that come one by one. */
static void an_answer_crosses_the_narrowest_windows_whole(void **state)
{
    struct lg_h2_prepared *tail = h2_peer_prepare("grpc-status", "0");
    struct h2_peer p;

    (void)state;
    EACH_PEER(&p)
    {
        p.answer_bytes = 50;
        p.trailers = tail;
        p.cut = 1;
        h2_peer_send(&p, "S 0 0 000400000007; H 5 1 @get; x7 (W 0 1 00000007)");
        assert_true(h2_peer_got(&p, "DATA 1 7") && h2_peer_got(&p, "DATA 1 1"));
        assert_true(h2_peer_got(&p, "HEADERS 1 END"));
    }
    lg_h2_prepared_free(tail);
}

/* However wide the windows are. */
static void an_answer_comes_out_in_pieces(void **state)
{
    static const uint8_t zeros[1 << 20];
    struct lg_slice body = {zeros, sizeof(zeros)};
    struct h2_peer p;

    (void)state;
    EACH_PEER(&p)
    {
        struct lg_h2_head head = {p.head, NULL, 0};
        size_t all = 0, n;

        h2_peer_send(&p, "S 0 0 00047fffffff; W 0 0 7fff0000; H 5 1 @hold");
        lg_h2_begin(p.held[0], &head);
        lg_h2_write(p.held[0], &body, 1);
        while ((n = lg_h2_output(p.h2).size) > 0) {
            assert_true(n < LG_H2_OUTPUT_BYTES + LG_H2_FRAME_BYTES_MAX + 100);
            assert_true(p.h2->queued >= n && p.h2->queued < sizeof(zeros) + 1000);
            all += n;
            lg_h2_sent(p.h2, n);
        }
        assert_true(all > sizeof(zeros) && all < sizeof(zeros) + 1000);
        assert_int_equal(p.h2->queued, 0);
        assert_false(lg_h2_is_full(p.held[0]));
    }
}

/* Five answers of 16,000 bytes into the 65,535 that a connection begins with. */
static void answers_share_the_connections_window(void **state)
{
    struct h2_peer p;

    (void)state;
    EACH_PEER(&p)
    {
        p.answer_bytes = 16000;
        h2_peer_send(&p, "S 0 0 00047fffffff; x5 (H 5 ? @get)");
        assert_true(h2_peer_got(&p, "DATA 7 16000 END"));
        assert_true(h2_peer_got(&p, "DATA 9 1535"));
        assert_false(h2_peer_got(&p, "DATA 9 14465 END"));
        h2_peer_send(&p, "W 0 0 00010000");
        assert_true(h2_peer_got(&p, "DATA 9 14465 END"));
    }
}

/* --- Heads that repeat ----------------------------------------------------------------------- */

static void a_head_that_came_before_is_remembered(void **state)
{
    struct h2_peer p;

    (void)state;
    EACH_PEER_AND_CUT(&p)
    {
        h2_peer_send(&p, "x10 (H 5 ? @get {x-a=1})");
        assert_int_equal(p.requests_with_memo, 10);
        assert_int_equal(p.memo_hits, 9);
        h2_peer_send(&p, "H 5 101 @get {x-a=2}");
        assert_true(h2_peer_heard(&p, "request 101 GET / x-a=2"));
        assert_int_equal(p.memo_hits, 9);
    }
}

/* The same bytes mean another thing once the table has another entry. */
static void a_changed_table_makes_it_forget(void **state)
{
    struct h2_peer p;

    (void)state;
    EACH_PEER_AND_CUT(&p)
    {
        h2_peer_send(&p, "H 5 1 @get 40 01 78 01 61; H 5 3 @get be; H 5 5 @get be;"
                         "H 5 7 @get 40 01 78 01 62; H 5 9 @get be; H 5 11 @get be");
        assert_true(h2_peer_heard(&p, "request 3 GET / x=a") &&
                    h2_peer_heard(&p, "request 5 GET / x=a"));
        assert_true(h2_peer_heard(&p, "request 9 GET / x=b"));
        h2_peer_send(&p, "H 5 13 @get be; H 5 15 20 @get; H 5 17 @get be"); /* An emptied table. */
        assert_true(h2_peer_heard(&p, "request 13 GET / x=b"));
        assert_true(p.over && p.h2->fault.code == LG_H2_COMPRESSION_ERROR);
    }
}

static void trailers_that_change_the_table_make_it_forget_too(void **state)
{
    struct h2_peer p;

    (void)state;
    EACH_PEER_AND_CUT(&p)
    {
        h2_peer_send(&p,
                     "H 5 1 @get 40 01 78 01 61; H 5 3 @get be; H 4 5 @post; H 5 5 40 01 78 01 62;"
                     "H 5 7 @get be");
        assert_true(h2_peer_heard(&p, "request 7 GET / x=b"));
    }
}

/* Another timeout each time: raw, by Huffman's code (0x0882 is "11"...), and longer ones. */
static void a_head_with_another_timeout_is_remembered(void **state)
{
#define TIMEOUT_ " 00 0c 677270632d74696d656f7574 "
    struct h2_peer p;

    (void)state;
    EACH_PEER_AND_CUT(&p)
    {
        h2_peer_send(&p, "H 5 1 @get" TIMEOUT_ "02 396d {te=trailers};"
                         "H 5 3 @get" TIMEOUT_ "03 31306d {te=trailers};"
                         "H 5 5 @get" TIMEOUT_ "82 7e9f {te=trailers};"
                         "H 5 7 @get" TIMEOUT_ "82 7e9f {te=trailers};"
                         "H 5 9 @get" TIMEOUT_ "03 31316d {te=trailers}");
        assert_true(h2_peer_heard(&p, "request 1 GET / te=trailers timeout 9m"));
        assert_true(h2_peer_heard(&p, "request 3 GET / te=trailers timeout 10m"));
        assert_true(h2_peer_heard(&p, "request 5 GET / te=trailers timeout 9m"));
        assert_true(h2_peer_heard(&p, "request 7 GET / te=trailers timeout 9m"));
        assert_true(h2_peer_heard(&p, "request 9 GET / te=trailers timeout 11m"));
        assert_int_equal(p.memo_hits, 4);
        /* What stands behind the hole counts, though it is as long. */
        h2_peer_send(&p, "H 5 13 @get" TIMEOUT_ "02 396d {te=trailerZ}");
        assert_true(h2_peer_got(&p, "RST 13 1"));
        h2_peer_send(&p, "H 5 15 @get" TIMEOUT_ "02 396d {tx=trailers}");
        assert_true(h2_peer_heard(&p, "request 15 GET / tx=trailers timeout 9m"));
        /* What stands in the hole is judged as any value. */
        h2_peer_send(&p, "H 5 17 @get" TIMEOUT_ "02 0a6d {te=trailers}");
        assert_true(h2_peer_got(&p, "RST 17 1"));
    }
}

/* An integer of HPACK may be longer than it has to be: what follows it still changes the table. */
static void a_padded_integer_hides_no_change(void **state)
{
    struct h2_peer p;

    (void)state;
    EACH_PEER(&p)
    {
        h2_peer_send(&p, "H 5 1 @get 40 01 78 01 61; H 5 3 @get be;"
                         "H 5 5 @get 0f 8080808000 01 69 40 01 78 01 62; H 5 7 @get be");
        assert_true(h2_peer_heard(&p, "request 3 GET / x=a"));
        assert_true(h2_peer_heard(&p, "request 7 GET / x=b"));
    }
}

/* A head in frames of its own, or padded, may change the table, too. */
static void a_head_in_pieces_hides_no_change(void **state)
{
    struct h2_peer p;

    (void)state;
    EACH_PEER_AND_CUT(&p)
    {
        h2_peer_send(&p, "H 5 1 @get 40 01 78 01 61; H 5 3 @get be; H 5 5 @get be;"
                         "H 1 7 @get 40; C 4 7 01 78 01 62; H 5 9 @get be;"
                         "H d 11 02 @get 40 01 78 01 63 0000; H 5 13 @get be;"
                         "H 25 15 0000000010 @get 40 01 78 01 64; H 5 17 @get be");
        assert_true(h2_peer_heard(&p, "request 5 GET / x=a"));
        assert_true(h2_peer_heard(&p, "request 9 GET / x=b"));
        assert_true(h2_peer_heard(&p, "request 13 GET / x=c"));
        assert_true(h2_peer_heard(&p, "request 17 GET / x=d"));
    }
}

/* Nobody hears of a request that is refused; its head may be one that is known, or change the
 * table. */
static void a_refused_head_is_decoded(void **state)
{
    struct lg_h2_limits limits = {.streams = 2};
    struct h2_peer p;

    (void)state;
    EACH_PEER_OF(&p, &limits, 0, 0)
    {
        h2_peer_send(&p, "H 5 1 @get 40 01 78 01 61; H 5 3 @get be");
        h2_peer_send(&p, "H 4 5 @post; H 5 7 @hold be");
        h2_peer_send(&p, "H 5 9 @hold be; H 5 5 {x=1}");
        assert_true(h2_peer_got(&p, "RST 9 7") && h2_peer_heard(&p, "end 5 x=1"));
        h2_peer_send(&p, "H 5 11 @hold be; H 5 13 @get 40 01 78 01 62");
        assert_true(h2_peer_got(&p, "RST 13 7"));
        lg_h2_reset(p.held[7 / 2], LG_H2_CANCEL);
        p.held[7 / 2] = NULL;
        h2_peer_take(&p);
        h2_peer_send(&p, "H 5 15 @get be");
        assert_true(h2_peer_heard(&p, "request 15 GET / x=b"));
    }
}

/* What stands in the hole counts as what it is decoded to: 120 bytes are 192. */
static void a_long_timeout_does_not_pass_the_limit_of_a_head(void **state)
{
    struct lg_h2_limits limits = {.header_bytes = 350};
    struct h2_peer p;

    (void)state;
    EACH_PEER_OF(&p, &limits, 0, 0)
    {
        h2_peer_send(&p, "H 5 1 @get" TIMEOUT_ "02 396d; H 5 3 @get" TIMEOUT_ "f8 z120");
        assert_true(h2_peer_got(&p, "DATA 1 5 END") && h2_peer_got(&p, "HEADERS 3 END"));
        assert_int_equal(p.h2->requests, 1);
    }
}

/* Paths that never repeat must not push out the head that does. */
static void heads_that_come_once_displace_none(void **state)
{
    LG_SCOPED(lg_buf) script = {0};
    struct h2_peer p;

    (void)state;
    EACH_PEER(&p)
    {
        h2_peer_send(&p, "H 5 1 @get; H 5 3 @get");
        for (unsigned id = 5; id < 205; id += 2)
            lg_buf_appendf(&script, "H 5 %u {:method=GET :scheme=http :authority=a :path=/%u};", id,
                           id);
        lg_buf_appendf(&script, "H 5 205 @get%c", 0);
        p.memo_hits = 0;
        h2_peer_send(&p, (const char *)script.data);
        assert_int_equal(p.memo_hits, 1);
    }
}

/* --- No allocation --------------------------------------------------------------------------- */

static void quiet_request(void *ctx, struct lg_h2_stream *st, const struct lg_h2_request *rq)
{
    (void)ctx, (void)st, (void)rq;
}
static void quiet_body(void *ctx, struct lg_h2_stream *st, struct lg_slice bytes)
{
    (void)ctx, (void)st, (void)bytes;
}
static void quiet_end(void *ctx, struct lg_h2_stream *st, const struct lg_http_headers *trailers)
{
    const struct lg_h2_prepared *const *p = (const struct lg_h2_prepared *const *)ctx;
    struct lg_h2_head head = {p[0], NULL, 0}, tail = {p[1], NULL, 0};
    struct lg_slice pieces[2] = {LG_LIT("\0\0\0\0\3"), LG_LIT("abc")};

    (void)trailers;
    lg_h2_respond(st, &head, pieces, 2, &tail);
}
static void quiet_gone(void *ctx, struct lg_h2_stream *st, uint32_t code)
{
    (void)ctx, (void)st, (void)code;
}

static void feed(struct lg_h2 *h2, struct lg_slice bytes)
{
    for (; bytes.size > 0; bytes = lg_slice_skip(bytes, 997)) {
        assert_true(lg_h2_input(h2, lg_slice(bytes.data, LG_MIN(bytes.size, (size_t)997))));
        lg_h2_sent(h2, lg_h2_output(h2).size);
    }
}

static void the_hit_path_allocates_nothing(void **state)
{
    static const struct lg_h2_handler handler = {quiet_request, quiet_body, quiet_end, quiet_gone,
                                                 NULL};
    struct lg_h2_prepared *heads[2] = {h2_peer_prepare(":status", "200"),
                                       h2_peer_prepare("grpc-status", "0")};
    struct lg_h2_options o = {.handler = &handler, .ctx = heads};
    struct h2_peer script = {0};
    LG_SCOPED(lg_buf) warm = {0};
    LG_SCOPED(lg_buf) hot = {0};

    (void)state;
    h2_peer_script(&script, "x60 (H 4 ? @post" TIMEOUT_ "02 396d; D 1 ? z20)", &warm);
    for (unsigned id = 121; id < 2000; id += 2) {
        char one[128];

        (void)snprintf(one, sizeof(one), "H 4 %u @post" TIMEOUT_ "02 %02x6d; D 1 %u z20", id,
                       0x30 + id % 10, id);
        h2_peer_script(&script, one, &hot);
    }
    for (unsigned engine = 0; engine < H2_ENGINES; engine++) {
        struct lg_h2 *h2 =
            engine == H2_OWN ? lg_h2_own_new(&o, &lg_hpack_nghttp2) : lg_h2_nghttp2_new(&o);

        feed(h2, lg_buf_slice(&warm));
        lg_alloc_fail_at(1);
        feed(h2, lg_buf_slice(&hot));
        assert_false(lg_alloc_has_failed());
        lg_alloc_fail_at(0);
        assert_int_equal(h2->requests, 1000);
        lg_h2_free(h2);
    }
    lg_h2_prepared_free(heads[0]);
    lg_h2_prepared_free(heads[1]);
}

static void names_are_those_of_the_rfc(void **state)
{
    (void)state;
    assert_string_equal(lg_h2_error_name(LG_H2_HTTP_1_1_REQUIRED), "HTTP_1_1_REQUIRED");
    assert_string_equal(lg_h2_error_name(LG_H2_STREAM_CLOSED), "STREAM_CLOSED");
    assert_string_equal(lg_h2_error_name(14), "UNKNOWN");
    assert_string_equal(lg_h2_reason_name(LG_H2_OVER_pings), "pings");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_unary_call_of_grpc_is_answered),
        cmocka_unit_test(trailers_of_a_request_come_with_its_end),
        cmocka_unit_test(a_body_of_another_length_is_not_waited_for),
        cmocka_unit_test(an_answer_in_steps_goes_both_ways_at_once),
        cmocka_unit_test(an_answer_before_the_end_stops_the_request),
        cmocka_unit_test(a_full_stream_tells_when_it_has_room),
        cmocka_unit_test(a_paused_stream_gives_no_window_back),
        cmocka_unit_test(a_peer_beyond_a_streams_window_is_reset),
        cmocka_unit_test(a_peer_beyond_the_connections_window_is_cut),
        cmocka_unit_test(a_body_that_ended_gives_only_the_connections_window_back),
        cmocka_unit_test(a_reset_by_the_caller_ends_the_stream),
        cmocka_unit_test(a_shutdown_serves_what_is_under_way),
        cmocka_unit_test(a_peer_that_never_says_that_it_knows_of_the_shutdown_is_taken_to_know),
        cmocka_unit_test(the_end_of_a_connection_is_told_to_all_streams),
        cmocka_unit_test(an_answer_crosses_the_narrowest_windows_whole),
        cmocka_unit_test(an_answer_comes_out_in_pieces),
        cmocka_unit_test(answers_share_the_connections_window),
        cmocka_unit_test(a_head_that_came_before_is_remembered),
        cmocka_unit_test(a_changed_table_makes_it_forget),
        cmocka_unit_test(trailers_that_change_the_table_make_it_forget_too),
        cmocka_unit_test(a_head_with_another_timeout_is_remembered),
        cmocka_unit_test(a_padded_integer_hides_no_change),
        cmocka_unit_test(a_head_in_pieces_hides_no_change),
        cmocka_unit_test(a_refused_head_is_decoded),
        cmocka_unit_test(a_long_timeout_does_not_pass_the_limit_of_a_head),
        cmocka_unit_test(heads_that_come_once_displace_none),
        cmocka_unit_test(the_hit_path_allocates_nothing),
        cmocka_unit_test(names_are_those_of_the_rfc),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
