/* What both engines of net/http2.h send, and when: windows, resets, tables, and heads that shrink
 * to indices. */
#include "test/test.h"

#include "drivers/nghttp2/hpack_nghttp2.h"
#include "net/h2_encode.h"
#include "net/h2_frame.h"
#include "test/lib/h2_peer.h"

/* Bytes of the HEADERS that answer one GET; *last: the last of them. */
static size_t head_bytes_and(struct h2_peer *p, unsigned id, uint8_t *last)
{
    char script[64];
    struct lg_slice out;

    p->deaf = true;
    (void)snprintf(script, sizeof(script), "H 5 %u @get", id);
    h2_peer_send(p, script);
    out = lg_h2_output(p->h2);
    while (out.data[3] != LG_H2_HEADERS)
        out = lg_slice_skip(out, 9 + lg_h2_frame_read(out.data).size);
    *last = out.data[8 + lg_h2_frame_read(out.data).size];
    id = lg_h2_frame_read(out.data).size;
    p->deaf = false;
    h2_peer_take(p);
    return id;
}

static size_t head_bytes(struct h2_peer *p, unsigned id)
{
    uint8_t last;

    return head_bytes_and(p, id, &last);
}

/* --- Windows and resets ---------------------------------------------------------------------- */

/* What was sent of a window may be given back, up to the most that there is. */
static void a_window_can_always_be_filled_again(void **state)
{
    struct h2_peer p;

    (void)state;
    EACH_PEER_AND_CUT(&p)
    {
        p.answer_bytes = 1000;
        h2_peer_send(&p, "W 0 0 7fff0000"); /* 65535 and this are 2^31-1. */
        for (unsigned i = 0; i < 3; i++) {
            char script[64];

            (void)snprintf(script, sizeof(script), "H 5 %u @get; W 0 0 000003e8", 2 * i + 1);
            h2_peer_send(&p, script);
            assert_false(p.over);
        }
        h2_peer_send(&p, "W 0 0 00000001");
        assert_true(p.over && p.h2->fault.code == LG_H2_FLOW_CONTROL_ERROR);
    }
}

/* An update that crossed the end of an answer means nothing any more. */
static void a_window_of_an_answered_stream_is_passed_over(void **state)
{
    struct h2_peer p;

    (void)state;
    EACH_PEER(&p)
    {
        h2_peer_send(&p, "H 5 1 @get; W 0 1 00000000; W 0 1 7fffffff; H 5 3 @get");
        assert_true(h2_peer_got(&p, "DATA 3 5 END"));
        assert_false(p.over);
    }
}

/* A refused request whose head comes in two frames: what follows is heard as ever. */
static void a_head_in_pieces_that_is_refused_leaves_nothing_open(void **state)
{
    static const uint8_t zeros[100000] = {0};
    struct lg_slice body = lg_slice(zeros, sizeof zeros);
    struct lg_h2_limits limits = {.streams = 1};
    struct h2_peer p;

    (void)state;
    EACH_PEER_OF(&p, &limits, 0, 0)
    {
        struct lg_h2_head head;

        head = (struct lg_h2_head){p.head, NULL, 0};
        h2_peer_send(&p, "H 5 1 @hold");
        lg_h2_respond(p.held[0], &head, &body, 1, NULL);
        p.held[0] = NULL;
        h2_peer_take(&p);
        h2_peer_send(&p, "H 1 3 @get; C 4 3 {c=d}");
        assert_true(h2_peer_got(&p, "RST 3 7"));
        assert_true(lg_h2_tick(p.h2, 1000) && lg_h2_tick(p.h2, 60000 / 2));
        h2_peer_send(&p, "W 0 0 00010000; W 0 1 00010000");
        assert_int_equal(p.h2->queued, 0);
        assert_false(p.over);
    }
}

/* Answers beyond what may wait must not look as if they were whole. */
static void answers_over_the_queues_limit_do_not_end(void **state)
{
    static const uint8_t zeros[150000] = {0};
    struct lg_slice body = lg_slice(zeros, sizeof zeros);
    struct lg_h2_limits limits = {.queue_bytes = 100000};
    struct h2_peer p;

    (void)state;
    EACH_PEER_OF(&p, &limits, 0, 0)
    {
        struct lg_h2_head head;

        head = (struct lg_h2_head){p.head, NULL, 0};
        h2_peer_send(&p, "H 5 1 @hold; H 5 3 @hold; H 5 5 @hold");
        lg_h2_respond(p.held[0], &head, &body, 1, NULL);
        lg_h2_respond(p.held[1], &head, &body, 1, NULL);
        lg_h2_begin(p.held[2], &head);
        lg_h2_write(p.held[2], &body, 1);
        lg_h2_end(p.held[2], NULL);
        memset(p.held, 0, sizeof p.held);
        h2_peer_take(&p);
        assert_true(h2_peer_got(&p, "GOAWAY 5 11"));
        assert_false(h2_peer_got(&p, "DATA 3 0 END") || h2_peer_got(&p, "HEADERS 3 END") ||
                     h2_peer_got(&p, "DATA 5 0 END"));
    }
}

/* What belongs to a request that crossed our last GOAWAY is passed over. */
static void what_crossed_the_last_goaway_harms_nobody(void **state)
{
    static const char *const scripts[] = {"H 4 3 @post; D 1 3 0a0b", "H 5 3 @get; W 0 3 00000100",
                                          "H 5 3 @get; R 0 3 00000008"};
    struct h2_peer p;

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(scripts); i++)
        EACH_PEER(&p)
        {
            struct lg_h2_head head;

            h2_peer_send(&p, "H 5 1 @hold");
            lg_h2_shutdown(p.h2);
            h2_peer_send(&p, "P 1 0 676f6f646279652e");
            h2_peer_send(&p, scripts[i]);
            assert_false(p.over || h2_peer_heard(&p, "gone 1 1"));
            head = (struct lg_h2_head){p.head, NULL, 0};
            lg_h2_respond(p.held[0], &head, NULL, 0, NULL);
            p.held[0] = NULL;
            h2_peer_take(&p);
            assert_true(h2_peer_got(&p, "HEADERS 1 END") && lg_h2_is_over(p.h2));
        }
}

/* It is the caller that ends them. */
static void resets_by_the_caller_cost_the_peer_nothing(void **state)
{
    struct lg_h2_limits limits = {.resets = 3};
    struct h2_peer p;

    (void)state;
    EACH_PEER_OF(&p, &limits, 0, 0)
    {
        for (unsigned i = 0; i < 8; i++) {
            char script[32];

            (void)snprintf(script, sizeof script, "H 5 %u @hold", 2 * i + 1);
            h2_peer_send(&p, script);
            lg_h2_reset(p.held[i], i % 2 == 0 ? LG_H2_INTERNAL_ERROR : LG_H2_CANCEL);
            p.held[i] = NULL;
            h2_peer_take(&p);
        }
        assert_true(h2_peer_got(&p, "RST 15 8") && h2_peer_got(&p, "RST 13 2"));
        assert_false(p.over);
    }
}

/* A peer that works may ping: all of it in one piece. */
static void pings_beside_requests_are_answered(void **state)
{
    struct lg_h2_limits limits = {.pings = 5, .settings = 1};
    struct h2_peer p;

    (void)state;
    EACH_PEER_OF(&p, &limits, 0, 0)
    {
        h2_peer_send(&p, "x40 (P 0 0 z8; H 5 ? @get)");
        assert_true(h2_peer_got(&p, "DATA 79 5 END") && h2_peer_got(&p, "PING ACK"));
        assert_false(p.over);
    }
}

/* Any code will do, also one that means something to us. */
static void a_reset_with_any_code_is_told(void **state)
{
    struct h2_peer p;

    (void)state;
    EACH_PEER(&p)
    {
        h2_peer_send(&p, "H 5 1 @hold; R 0 1 ffffffff; H 5 3 @get");
        assert_true(h2_peer_heard(&p, "gone 1 4294967295"));
        assert_true(h2_peer_got(&p, "DATA 3 5 END"));
        assert_false(p.over);
    }
}

/* A table that was emptied in between is empty. */
static void a_table_that_was_smaller_for_a_moment_is_begun_anew(void **state)
{
    struct h2_peer p;

    (void)state;
    EACH_PEER(&p)
    {
        h2_peer_send(&p, "H 5 1 @get; S 0 0 000100000000 000100001000");
        assert_int_equal(head_bytes(&p, 3), 1 + 3 + 19); /* 20, 3f e1 1f */
        assert_int_equal(head_bytes(&p, 5), 2);
    }
}

/* Heads go by a new table only behind the word that it is known (RFC 7541, 4.2). */
static void a_table_changes_behind_its_acknowledgement(void **state)
{
    struct lg_slice out;
    struct h2_peer p;

    (void)state;
    EACH_PEER(&p)
    {
        h2_peer_send(&p, "H 5 1 @get; H 5 3 @get");
        p.deaf = true;
        h2_peer_send(&p, "H 5 5 @get; S 0 0 000100000000; H 5 7 @get");
        out = lg_h2_output(p.h2);
        assert_int_equal(out.data[3], LG_H2_HEADERS); /* 5: an index, as before */
        assert_int_equal(lg_h2_frame_read(out.data).size, 2);
        out = lg_slice_skip(out, 9 + 2 + 9 + 5);
        assert_int_equal(out.data[3], LG_H2_SETTINGS);
        out = lg_slice_skip(out, 9);
        assert_int_equal(out.data[3], LG_H2_HEADERS); /* 7: behind two updates, without a table */
        assert_int_equal(lg_h2_frame_read(out.data).size, 2 + 20);
        assert_int_equal(out.data[9], 0x20);
        p.deaf = false;
        h2_peer_take(&p);
    }
}

/* --- Heads as indices ------------------------------------------------------------------------ */

/* What one head puts into the table moves the indices of the others. */
static void an_index_moves_with_the_table(void **state)
{
    struct lg_h2_prepared *tail = h2_peer_prepare("x-tail", "1");
    struct h2_peer p;
    uint8_t last;

    (void)state;
    EACH_PEER(&p)
    {
        h2_peer_send(&p, "H 5 1 @get; H 5 3 @get");
        assert_int_equal(head_bytes_and(&p, 5, &last), 2);
        assert_int_equal(last, 0x80 + 62);
        p.trailers = tail;
        h2_peer_send(&p, "H 5 7 @get");
        assert_int_equal(head_bytes_and(&p, 9, &last), 2);
        assert_int_equal(last, 0x80 + 63);
    }
    lg_h2_prepared_free(tail);
}

static void answers_shrink_to_indices_after_the_first(void **state)
{
    struct h2_peer p;

    (void)state;
    EACH_PEER(&p)
    {
        h2_peer_send(&p, "P 0 0 z8");
        assert_true(head_bytes(&p, 1) > 15);
        assert_int_equal(head_bytes(&p, 3), 2);
        assert_int_equal(head_bytes(&p, 5), 2);
        h2_peer_send(&p, "S 0 0 000100000000");      /* The peer wants no table. */
        assert_int_equal(head_bytes(&p, 7), 2 + 20); /* Two size updates before it. */
        assert_int_equal(head_bytes(&p, 9), 20);
    }
}

static size_t decode_all(struct lg_hpack *d, struct lg_slice block, struct lg_buf *text)
{
    struct lg_slice name, value;
    size_t n = 0;

    for (;;) {
        enum lg_hpack_step step = lg_hpack_nghttp2.next(d, &block, &name, &value);

        assert_int_not_equal(step, LG_HPACK_BAD);
        if (step == LG_HPACK_END)
            return n;
        lg_buf_appendf(text, "%.*s=%.*s;", LG_FMT(name), LG_FMT(value));
        n++;
    }
}

/* More heads than places, more fields than table: what is decoded is what was said. */
static void the_encoder_says_what_it_is_told(void **state)
{
    struct lg_h2_prepared *heads[12];
    struct lg_hpack *d = lg_hpack_nghttp2.open();
    struct lg_h2_encoder e;
    char value[12][500];

    (void)state;
    lg_h2_encoder_init(&e);
    for (unsigned i = 0; i < 12; i++) {
        struct lg_http_header f[] = {{LG_LIT(":status"), i % 2 ? LG_LIT("200") : LG_LIT("429")},
                                     {LG_LIT("x-long"), LG_SLICE_NULL},
                                     {LG_LIT("x"), LG_LIT("")}};

        memset(value[i], 'a' + (int)i, sizeof(value[i]));
        f[1].value = lg_slice(value[i], i * 40);
        heads[i] = lg_h2_prepared_new(f, 3);
    }
    for (unsigned round = 0; round < 40; round++) {
        struct lg_http_header given = {LG_LIT("retry-after"), LG_LIT("1")};
        struct lg_h2_head head = {heads[round % 12], &given, round % 3 == 0};
        LG_SCOPED(lg_buf) block = {0};
        LG_SCOPED(lg_buf) text = {0};
        LG_SCOPED(lg_buf) want = {0};
        size_t count;
        const struct lg_http_header *f = lg_h2_prepared_fields(head.prepared, &count);

        if (round == 25)
            lg_h2_encoder_resize(&e, 100);
        if (round == 30)
            lg_h2_encoder_resize(&e, 70000);
        for (size_t i = 0; i < count; i++)
            lg_buf_appendf(&want, "%.*s=%.*s;", LG_FMT(f[i].name), LG_FMT(f[i].value));
        if (head.count > 0)
            lg_buf_append_str(&want, "retry-after=1;");
        lg_h2_encode(&e, &head, &block);
        (void)decode_all(d, lg_buf_slice(&block), &text);
        assert_slice_equal(lg_buf_slice(&text), lg_buf_slice(&want));
    }
    for (unsigned i = 0; i < 12; i++)
        lg_h2_prepared_free(heads[i]);
    lg_hpack_nghttp2.free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pings_beside_requests_are_answered),
        cmocka_unit_test(a_window_can_always_be_filled_again),
        cmocka_unit_test(a_window_of_an_answered_stream_is_passed_over),
        cmocka_unit_test(a_head_in_pieces_that_is_refused_leaves_nothing_open),
        cmocka_unit_test(answers_over_the_queues_limit_do_not_end),
        cmocka_unit_test(what_crossed_the_last_goaway_harms_nobody),
        cmocka_unit_test(resets_by_the_caller_cost_the_peer_nothing),
        cmocka_unit_test(a_reset_with_any_code_is_told),
        cmocka_unit_test(a_table_that_was_smaller_for_a_moment_is_begun_anew),
        cmocka_unit_test(a_table_changes_behind_its_acknowledgement),
        cmocka_unit_test(an_index_moves_with_the_table),
        cmocka_unit_test(answers_shrink_to_indices_after_the_first),
        cmocka_unit_test(the_encoder_says_what_it_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
