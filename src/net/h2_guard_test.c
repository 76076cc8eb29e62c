/* Each limit of h2_limits.def against both HTTP/2 engines: the connection is cut (or the request
 * refused) with its reason. What a server's other connections see of it: http2_floods_test.c. */
#include "test/test.h"

#include "net/h2_guard.h"
#include "net/metrics.h"
#include "test/lib/h2_floods.h"
#include "test/lib/h2_peer.h"

static void flood_is_cut(const struct h2_flood *f, enum h2_engine engine)
{
    bool by_us = engine == H2_OWN || f->nghttp2 == 0;
    uint32_t code = by_us ? LG_H2_ENHANCE_YOUR_CALM : f->nghttp2;
    struct h2_peer p;

    h2_peer_open(&p, engine, NULL, 0, 0);
    p.cut = 4096;
    h2_peer_send(&p, f->script);
    if (!p.over || p.h2->fault.by_limit != by_us || (by_us && p.h2->fault.why != f->why) ||
        p.h2->fault.code != code || p.h2->over[f->why] != by_us)
        fail_msg("%s (%s): over %d, fault %u %s", f->name, h2_engine_names[engine], p.over,
                 p.h2->fault.code, p.h2->fault.text);
    /* nghttp2's resets are counted as they go out: once per piece of input. */
    assert_true(p.h2->requests <= f->requests_max * (engine == H2_OWN ? 1 : 2));
    assert_true(lg_h2_is_over(p.h2));
    /* Nothing more is heard, and nothing is answered. */
    assert_false(lg_h2_input(p.h2, LG_LIT("\0\0\10\6\0\0\0\0\0abcdefgh")));
    h2_peer_close(&p);
}

static void every_flood_is_cut_with_its_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < H2_FLOODS; i++)
        for (unsigned engine = 0; engine < H2_ENGINES; engine++)
            flood_is_cut(&h2_floods[i], (enum h2_engine)engine);
}

static void a_cut_says_goodbye_and_tells_who_waits(void **state)
{
    (void)state;
    for (unsigned engine = 0; engine < H2_ENGINES; engine++) {
        struct h2_peer p;

        h2_peer_open(&p, (enum h2_engine)engine, NULL, 0, 0);
        h2_peer_send(&p, "H 5 1 @hold; x1001 (P 0 0 z8)");
        assert_true(h2_peer_got(&p, "GOAWAY 1 11"));
        assert_true(h2_peer_heard(&p, "gone 1 11"));
        h2_peer_close(&p);
    }
}

/* A bomb of 4 KiB that unpacks to more than 1 MiB: refused with 431, in the memory of the limit. */
static void a_header_bomb_is_answered_431(void **state)
{
    (void)state;
    for (unsigned engine = 0; engine < H2_ENGINES; engine++) {
        LG_SCOPED(lg_buf) script = {0};
        struct h2_peer p;

        lg_buf_append_str(&script, "H 5 1 @get 40 01 78 7f d118 ");
        for (unsigned i = 0; i < 3280; i++)
            lg_buf_append_str(&script, "61");
        lg_buf_append_str(&script, "; H 5 3 @get ");
        for (unsigned i = 0; i < 3500; i++)
            lg_buf_append_str(&script, "be");
        lg_buf_append_byte(&script, 0);
        h2_peer_open(&p, (enum h2_engine)engine, NULL, 0, 0);
        h2_peer_send(&p, (const char *)script.data);
        assert_true(h2_peer_got(&p, "DATA 1 5 END"));
        assert_true(h2_peer_got(&p, "HEADERS 3 END"));
        assert_int_equal(p.h2->over[LG_H2_OVER_header_bytes], 1);
        assert_int_equal(p.h2->requests, 1);
        h2_peer_send(&p, "H 5 5 @get");
        assert_true(h2_peer_got(&p, "DATA 5 5 END"));
        h2_peer_close(&p);
    }
}

static void too_many_fields_are_answered_431(void **state)
{
    struct lg_h2_limits limits = {.header_count = 6};

    (void)state;
    for (unsigned engine = 0; engine < H2_ENGINES; engine++) {
        struct h2_peer p;

        h2_peer_open(&p, (enum h2_engine)engine, &limits, 0, 0);
        h2_peer_send(&p, "H 5 1 @get {a=b c=d}; H 4 3 @get {a=b c=d e=f}");
        assert_true(h2_peer_got(&p, "DATA 1 5 END"));
        assert_true(h2_peer_got(&p, "HEADERS 3 END"));
        assert_true(h2_peer_got(&p, "RST 3 0")); /* Its body is not wanted. */
        assert_int_equal(p.h2->over[LG_H2_OVER_header_count], 1);
        h2_peer_close(&p);
    }
}

static void trailers_over_the_limit_reset_the_request(void **state)
{
    struct lg_h2_limits limits = {.header_count = 6};

    (void)state;
    for (unsigned engine = 0; engine < H2_ENGINES; engine++) {
        struct h2_peer p;

        h2_peer_open(&p, (enum h2_engine)engine, &limits, 0, 0);
        h2_peer_send(&p, "H 4 1 @post; H 5 1 {a=1 b=2 c=3 d=4 e=5 f=6 g=7}");
        assert_true(h2_peer_got(&p, "RST 1 11"));
        assert_true(h2_peer_heard(&p, "gone 1 11"));
        h2_peer_close(&p);
    }
}

static void one_request_too_many_is_refused(void **state)
{
    struct lg_h2_limits limits = {.streams = 2};

    (void)state;
    for (unsigned engine = 0; engine < H2_ENGINES; engine++) {
        struct h2_peer p;

        h2_peer_open(&p, (enum h2_engine)engine, &limits, 0, 0);
        h2_peer_send(&p, "H 4 1 @post; H 4 3 @post; H 5 5 @get");
        assert_true(h2_peer_got(&p, "RST 5 7"));
        assert_int_equal(p.h2->over[LG_H2_OVER_streams], 1);
        h2_peer_send(&p, "D 1 1");
        h2_peer_send(&p, "H 5 7 @get");
        assert_true(h2_peer_got(&p, "DATA 1 5 END"));
        assert_true(h2_peer_got(&p, "DATA 7 5 END"));
        h2_peer_close(&p);
    }
}

static void a_body_beyond_its_limit_resets_the_request(void **state)
{
    static const struct lg_h2_limits limits[] = {{.body_bytes = 1000},
                                                 {.connection_body_bytes = 1500}};
    static const enum lg_h2_reason why[] = {LG_H2_OVER_body_bytes,
                                            LG_H2_OVER_connection_body_bytes};

    (void)state;
    for (unsigned engine = 0; engine < H2_ENGINES; engine++)
        for (size_t i = 0; i < 2; i++) {
            struct h2_peer p;

            h2_peer_open(&p, (enum h2_engine)engine, &limits[i], 0, 0);
            h2_peer_send(&p, "H 4 1 @post; D 0 1 z1000; H 4 3 @post; D 0 3 z500");
            assert_int_equal(p.h2->over[why[i]], 0);
            h2_peer_send(&p, i == 0 ? "D 1 1 z1; D 1 3" : "D 1 3 z1; D 1 1");
            assert_int_equal(p.h2->over[why[i]], 1);
            assert_true(h2_peer_got(&p, i == 0 ? "RST 1 11" : "RST 3 11"));
            assert_true(h2_peer_heard(&p, i == 0 ? "gone 1 11" : "gone 3 11"));
            assert_true(h2_peer_got(&p, i == 0 ? "DATA 3 5 END" : "DATA 1 5 END"));
            h2_peer_close(&p);
        }
}

/* Who releases what it read can read without an end. */
static void a_released_body_has_no_limit(void **state)
{
    struct lg_h2_limits limits = {.body_bytes = 1000, .connection_body_bytes = 1000};

    (void)state;
    for (unsigned engine = 0; engine < H2_ENGINES; engine++) {
        struct h2_peer p;

        h2_peer_open(&p, (enum h2_engine)engine, &limits, 0, 0);
        h2_peer_send(&p, "H 4 1 @hold");
        for (unsigned i = 0; i < 100; i++) {
            h2_peer_send(&p, "D 0 1 z900");
            assert_non_null(p.held[0]);
            lg_h2_release(p.held[0], 900);
        }
        assert_int_equal(p.bodies.size, 90000);
        h2_peer_close(&p);
    }
}

/* It is the frames of one head that are counted. */
static void heads_may_come_in_as_many_frames_each(void **state)
{
    struct lg_h2_limits limits = {.continuations = 8};

    (void)state;
    for (unsigned engine = 0; engine < H2_ENGINES; engine++) {
        struct h2_peer p;

        h2_peer_open(&p, (enum h2_engine)engine, &limits, 0, 0);
        h2_peer_send(&p, "H 1 1 8286; x7 (C 0 1); C 4 1 84 01 01 61;"
                         "H 1 3 8286; x7 (C 0 3); C 4 3 84 01 01 61");
        assert_false(p.over);
        assert_int_equal(p.h2->requests, 2);
        h2_peer_close(&p);
    }
}

/* The slow reader: answers wait until they are too many. */
static void a_reader_that_takes_nothing_is_cut(void **state)
{
    struct lg_h2_limits limits = {.queue_bytes = 1 << 20};

    (void)state;
    for (unsigned engine = 0; engine < H2_ENGINES; engine++) {
        struct h2_peer p;

        h2_peer_open(&p, (enum h2_engine)engine, &limits, 0, 0);
        p.deaf = true;
        p.answer_bytes = 100000;
        h2_peer_send(&p, "S 0 0 00047fffffff; x9 (H 5 ? @get)");
        assert_false(p.over);
        assert_true(p.h2->queued > 800000 && p.h2->queued <= 1 << 20);
        h2_peer_send(&p, "H 5 101 @get; H 5 103 @get; P 0 0 z8");
        assert_true(p.over && p.h2->fault.why == LG_H2_OVER_queue_bytes);
        assert_true(p.h2->queued < 1 << 20); /* What waited is dropped. */
        h2_peer_close(&p);
    }
}

/* A window of 0 is the slow reader's other trick. */
static void a_window_that_stays_closed_is_cut_in_time(void **state)
{
    (void)state;
    for (unsigned engine = 0; engine < H2_ENGINES; engine++) {
        struct h2_peer p;

        h2_peer_open(&p, (enum h2_engine)engine, NULL, 0, 0);
        h2_peer_send(&p, "S 1 0; S 0 0 000400000000; H 5 1 @get");
        assert_true(lg_h2_tick(p.h2, 1000));
        assert_true(lg_h2_tick(p.h2, 25000));
        h2_peer_send(&p, "W 0 1 00000001"); /* One byte is taken: it begins anew. */
        assert_true(lg_h2_tick(p.h2, 26000));
        assert_true(lg_h2_tick(p.h2, 55000));
        assert_false(lg_h2_tick(p.h2, 56500));
        assert_int_equal(p.h2->fault.why, LG_H2_OVER_stall_ms);
        h2_peer_close(&p);
    }
}

/* It takes what is no answer. */
static void pings_do_not_keep_a_window_closed(void **state)
{
    (void)state;
    for (unsigned engine = 0; engine < H2_ENGINES; engine++) {
        struct h2_peer p;

        h2_peer_open(&p, (enum h2_engine)engine, NULL, 0, 0);
        h2_peer_send(&p, "S 1 0; S 0 0 000400000000; H 5 1 @get");
        assert_true(lg_h2_tick(p.h2, 1000));
        for (uint64_t ms = 5000; ms <= 30000; ms += 5000) {
            h2_peer_send(&p, "P 0 0 z8");
            assert_true(lg_h2_tick(p.h2, ms));
        }
        assert_false(lg_h2_tick(p.h2, 31500));
        assert_int_equal(p.h2->fault.why, LG_H2_OVER_stall_ms);
        h2_peer_close(&p);
    }
}

static void a_head_that_does_not_come_is_cut_in_time(void **state)
{
    static const char *const scripts[] = {"!!", "H 5 1 #50", "H 1 1 @get", "S 0 0 #12 z7"};

    (void)state;
    for (unsigned engine = 0; engine < H2_ENGINES; engine++)
        for (size_t i = 0; i < LG_ARRAY_SIZE(scripts); i++) {
            struct h2_peer p;

            h2_peer_open(&p, (enum h2_engine)engine, NULL, 0, 0);
            h2_peer_send(&p, scripts[i]);
            assert_true(lg_h2_tick(p.h2, 1000));
            assert_true(lg_h2_tick(p.h2, 5900));
            assert_false(lg_h2_tick(p.h2, 6100));
            assert_int_equal(p.h2->fault.why, LG_H2_OVER_head_ms);
            h2_peer_close(&p);
        }
}

/* A body, or nothing at all between requests, may take its time. */
static void an_open_connection_may_be_quiet(void **state)
{
    (void)state;
    for (unsigned engine = 0; engine < H2_ENGINES; engine++) {
        struct h2_peer p;

        h2_peer_open(&p, (enum h2_engine)engine, NULL, 0, 0);
        h2_peer_send(&p, "S 1 0; H 4 1 @post; D 0 1 #9 z4");
        for (uint64_t ms = 0; ms < 1000000; ms += 1000)
            assert_true(lg_h2_tick(p.h2, ms));
        h2_peer_close(&p);
    }
}

/* A client that works may ping, cancel and widen windows as it goes. */
static void work_gives_budgets_back(void **state)
{
    (void)state;
    for (unsigned engine = 0; engine < H2_ENGINES; engine++) {
        struct h2_peer p;

        h2_peer_open(&p, (enum h2_engine)engine, NULL, 0, 0);
        p.cut = 1000;
        h2_peer_send(&p, "x3000 (H 5 ? @get; P 0 0 z8; W 0 0 00000005)");
        assert_false(p.over);
        assert_true(h2_peer_got(&p, "DATA 5999 5 END"));
        h2_peer_close(&p);
    }
}

/* As gRPC's clients do where answers are small: a window for each message's beginning, one for what
 * it brought, of the stream and of the connection. */
static void reading_gives_budgets_back(void **state)
{
    (void)state;
    for (unsigned engine = 0; engine < H2_ENGINES; engine++) {
        struct h2_peer p;

        h2_peer_open(&p, (enum h2_engine)engine, NULL, 0, 0);
        p.cut = 1000;
        h2_peer_send(&p, "x3000 (H 5 ? @get; W 0 ? 00000005; W 0 ? 00000005; W 0 0 00000005)");
        assert_false(p.over);
        assert_true(h2_peer_got(&p, "DATA 5999 5 END"));
        h2_peer_close(&p);
    }
}

/* One request, and messages without an end. */
static void reading_a_stream_gives_budgets_back(void **state)
{
    (void)state;
    for (unsigned engine = 0; engine < H2_ENGINES; engine++) {
        const struct lg_http_header status = {LG_LIT(":status"), LG_LIT("200")};
        struct lg_slice five = LG_LIT("12345");
        struct h2_peer p;

        h2_peer_open(&p, (enum h2_engine)engine, NULL, 0, 0);
        h2_peer_send(&p, "H 4 1 @hold");
        lg_h2_begin(p.held[0], &(struct lg_h2_head){.fields = &status, .count = 1});
        for (unsigned i = 0; i < 3000; i++) {
            lg_h2_write(p.held[0], &five, 1);
            h2_peer_send(&p, "P 0 0 z8; x2 (W 0 1 00000005); x2 (W 0 0 00000005)");
            assert_false(p.over);
        }
        h2_peer_close(&p);
    }
}

static void time_gives_budgets_back(void **state)
{
    (void)state;
    for (unsigned engine = 0; engine < H2_ENGINES; engine++) {
        struct h2_peer p;

        h2_peer_open(&p, (enum h2_engine)engine, NULL, 0, 0);
        h2_peer_send(&p, "x1000 (P 0 0 z8)");
        assert_true(lg_h2_tick(p.h2, 10000)); /* Ten a second. */
        h2_peer_send(&p, "x100 (P 0 0 z8)");
        assert_false(p.over);
        h2_peer_send(&p, "P 0 0 z8");
        assert_true(p.over);
        h2_peer_close(&p);
    }
}

static void what_is_passed_is_counted(void **state)
{
    static const struct lg_metric_table *const tables[] = {&lg_net_metrics};
    struct h2_peer p;

    (void)state;
    lg_metrics_register(tables, 1, 10);
    h2_peer_open(&p, H2_OWN, NULL, 0, 0);
    h2_peer_send(&p, "x1001 (P 0 0 z8)");
    assert_int_equal(lg_metric_value(&lg_metric_http2_limits_total, LG_H2_OVER_pings), 1);
    assert_int_equal(lg_metric_value(&lg_metric_http2_limits_total, LG_H2_OVER_settings), 0);
    h2_peer_close(&p);
    /* Labels and enum are one list. */
    for (unsigned i = 0; i < LG_H2_REASONS; i++) {
        struct lg_slice name, values;

        assert_true(lg_metric_label_at(&lg_metric_http2_limits_total, 0, &name, &values));
        assert_int_equal(lg_metric_values_count(values), LG_H2_REASONS);
        assert_slice_equal(lg_metric_values_at(values, i),
                           lg_slice_str(lg_h2_reason_name((enum lg_h2_reason)i)));
    }
    lg_metrics_reset();
}

static void what_passes_a_limit_is_no_fault(void **state)
{
    static const struct lg_metric_table *const tables[] = {&lg_net_metrics};
    struct lg_h2_limits limits = {.streams = 2, .header_count = 6, .body_bytes = 10};

    (void)state;
    for (unsigned engine = 0; engine < H2_ENGINES; engine++) {
        struct h2_peer p;

        lg_metrics_register(tables, 1, 10);
        h2_peer_open(&p, (enum h2_engine)engine, &limits, 0, 0);
        h2_peer_send(&p, "H 4 1 @post; D 0 1 z11");
        h2_peer_send(&p, "H 4 3 @post; H 5 3 {a=1 b=2 c=3 d=4 e=5 f=6 g=7}");
        h2_peer_send(&p, "H 4 5 @post; H 4 7 @post; H 4 9 @post");
        assert_true(h2_peer_got(&p, "RST 1 11"));
        assert_true(h2_peer_got(&p, "RST 3 11"));
        assert_true(h2_peer_got(&p, "RST 9 7"));
        h2_peer_send(&p, "x1001 (P 0 0 z8)");
        assert_true(p.over);
        assert_int_equal(lg_metric_value(&lg_metric_http2_limits_total, LG_H2_OVER_body_bytes), 1);
        assert_int_equal(lg_metric_value(&lg_metric_http2_limits_total, LG_H2_OVER_header_count),
                         1);
        assert_int_equal(lg_metric_value(&lg_metric_http2_limits_total, LG_H2_OVER_streams), 1);
        assert_int_equal(lg_metric_value(&lg_metric_http2_limits_total, LG_H2_OVER_pings), 1);
        for (uint32_t i = 0; i <= lg_h2_fault_label(LG_H2_OF_STREAM, LG_H2_ENHANCE_YOUR_CALM); i++)
            assert_int_equal(lg_metric_value(&lg_metric_http2_faults_total, i), 0);
        h2_peer_close(&p);
        lg_metrics_reset();
    }
}

/* Labels and codes are one list. */
static void faults_have_the_labels_of_their_codes(void **state)
{
    static const uint32_t codes[] = {LG_H2_PROTOCOL_ERROR,     LG_H2_INTERNAL_ERROR,
                                     LG_H2_FLOW_CONTROL_ERROR, LG_H2_STREAM_CLOSED,
                                     LG_H2_FRAME_SIZE_ERROR,   LG_H2_COMPRESSION_ERROR,
                                     LG_H2_ENHANCE_YOUR_CALM};
    struct lg_slice name, scopes, errors;

    (void)state;
    assert_true(lg_metric_label_at(&lg_metric_http2_faults_total, 0, &name, &scopes));
    assert_true(lg_metric_label_at(&lg_metric_http2_faults_total, 1, &name, &errors));
    assert_int_equal(lg_metric_values_count(scopes), 2);
    assert_slice_equal(lg_metric_values_at(scopes, LG_H2_OF_STREAM), LG_LIT("stream"));
    assert_int_equal(lg_metric_values_count(errors), LG_ARRAY_SIZE(codes));
    for (uint32_t i = 0; i < LG_ARRAY_SIZE(codes); i++) {
        struct lg_slice label = lg_metric_values_at(errors, i);

        assert_int_equal(lg_h2_fault_label(LG_H2_OF_CONNECTION, codes[i]), i);
        assert_int_equal(lg_h2_fault_label(LG_H2_OF_STREAM, codes[i]), LG_ARRAY_SIZE(codes) + i);
        assert_int_equal(
            strncasecmp((const char *)label.data, lg_h2_error_name(codes[i]), label.size), 0);
        assert_int_equal(strlen(lg_h2_error_name(codes[i])), label.size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_flood_is_cut_with_its_reason),
        cmocka_unit_test(a_cut_says_goodbye_and_tells_who_waits),
        cmocka_unit_test(a_header_bomb_is_answered_431),
        cmocka_unit_test(too_many_fields_are_answered_431),
        cmocka_unit_test(trailers_over_the_limit_reset_the_request),
        cmocka_unit_test(one_request_too_many_is_refused),
        cmocka_unit_test(a_body_beyond_its_limit_resets_the_request),
        cmocka_unit_test(a_released_body_has_no_limit),
        cmocka_unit_test(heads_may_come_in_as_many_frames_each),
        cmocka_unit_test(a_reader_that_takes_nothing_is_cut),
        cmocka_unit_test(a_window_that_stays_closed_is_cut_in_time),
        cmocka_unit_test(pings_do_not_keep_a_window_closed),
        cmocka_unit_test(a_head_that_does_not_come_is_cut_in_time),
        cmocka_unit_test(an_open_connection_may_be_quiet),
        cmocka_unit_test(work_gives_budgets_back),
        cmocka_unit_test(reading_gives_budgets_back),
        cmocka_unit_test(reading_a_stream_gives_budgets_back),
        cmocka_unit_test(time_gives_budgets_back),
        cmocka_unit_test(what_is_passed_is_counted),
        cmocka_unit_test(what_passes_a_limit_is_no_fault),
        cmocka_unit_test(faults_have_the_labels_of_their_codes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
