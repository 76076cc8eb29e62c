/* Floods against a server that serves somebody else meanwhile: each is played, again and again, on
 * a connection beside one that has requests under way. The flood is cut and counted, its memory
 * comes back, and the neighbour is answered: what it asked before, meanwhile and afterwards. */
#include "net/h2_frame.h"
#include "net/h2_guard.h"
#include "net/metrics.h"
#include "test/lib/h2_floods.h"
#include "test/lib/h2_peer.h"
#include "test/lib/h2_rig.h"
#include "test/lib/heap.h"

#define ROUNDS 8u
#define IDLE_MS ((uint64_t)60000)
#define PATIENCE_US (40 * LG_SEC) /* longer than stall_ms and head_ms */

/* --- The neighbour --------------------------------------------------------------------------- */

struct neighbour { /* Client 0 of the rig. */
    size_t held, upload;
};

static void neighbour_begins(struct h2_rig *r, struct neighbour *n)
{
    h2_rig_on_lane(r, h2_rig_open, 0);
    n->held = h2_rig_get(r, "/hold");
    r->path = "/upload";
    r->body = LG_LIT("begun before");
    h2_rig_on_lane(r, h2_rig_begin, 0);
    n->upload = r->asked;
    h2_rig_settle(r);
    assert_int_equal(r->held_count, 1);
}

static void neighbour_ends(struct h2_rig *r, const struct neighbour *n)
{
    assert_int_equal(h2_rig_asked(r, n->held)->status, 0);
    h2_rig_on_lane(r, h2_rig_release, 0);
    h2_rig_on_lane(r, h2_rig_end, n->upload);
    h2_rig_settle(r);
    h2_rig_expect(r, n->held, 200, "0");
    h2_rig_expect(r, n->upload, 200, "POST /upload world 12 begun before");
    assert_int_equal(r->clients[0].goaways, 0);
    assert_false(r->clients[0].closed);
}

/* --- The flood ------------------------------------------------------------------------------- */

static void play(struct h2_rig *r, const char *script)
{
    LG_SCOPED(lg_buf) bytes = {0};
    struct h2_peer p = {.opened = false};

    r->plain = NULL;
    r->plain_closed = false;
    h2_peer_script(&p, script, &bytes);
    r->body = lg_buf_slice(&bytes);
    h2_rig_on_lane(r, h2_rig_say_now, 0);
}

/* The code of the GOAWAY that came last; -1: none did. */
static int64_t goodbye(const struct lg_buf *received)
{
    int64_t code = -1;
    size_t at = 0;

    while (received->size - at >= LG_H2_FRAME_HEAD_BYTES) {
        struct lg_h2_frame f = lg_h2_frame_read(received->data + at);

        at += LG_H2_FRAME_HEAD_BYTES;
        if (received->size - at < f.size)
            break;
        if (f.type == LG_H2_GOAWAY)
            code = lg_load_u32be(received->data + at + 4);
        at += f.size;
    }
    return code;
}

static uint64_t limits_counted(void)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < LG_H2_REASONS; i++)
        sum += i == LG_H2_OVER_streams || i == LG_H2_OVER_header_bytes
                   ? 0 /* Those refuse requests before the cut. */
                   : lg_metric_value(&lg_metric_http2_limits_total, i);
    return sum;
}

/* By the world, of all rounds but the first. */
static size_t kept_bytes_max(void)
{
    return (heap_is_exact() ? (size_t)16 : (size_t)64) << 10;
}

static void is_cut(struct h2_rig *r, const struct h2_flood *f, size_t engine, uint64_t rounds)
{
    bool by_us = engine == 0 || f->nghttp2 == 0;
    uint32_t code = by_us ? LG_H2_ENHANCE_YOUR_CALM : f->nghttp2;
    uint32_t fault = lg_h2_fault_label(LG_H2_OF_CONNECTION, code);

    if (!r->plain_closed || goodbye(&r->plain_received) != code)
        fail_msg("%s (engine %zu): closed %d, GOAWAY %d", f->name, engine, r->plain_closed,
                 (int)goodbye(&r->plain_received));
    assert_int_equal(lg_metric_value(&lg_metric_http2_limits_total, f->why), by_us ? rounds : 0);
    assert_int_equal(limits_counted(), by_us ? rounds : 0);
    assert_int_equal(lg_metric_value(&lg_metric_http2_faults_total, fault), by_us ? 0 : rounds);
    assert_int_equal(lg_metric_value(&lg_metric_http_connections, 0), 1);
    lg_buf_done(&r->plain_received);
    r->plain_received = (struct lg_buf){0};
}

static void flood_harms_nobody(const struct h2_flood *f, size_t engine, uint64_t patience_us)
{
    struct h2_rig r;
    struct neighbour n;
    size_t heap = 0, requests;

    h2_rig_init_with(&r, h2_rig_engines[engine], H2_RIG_BODY_BYTES, IDLE_MS, NULL);
    neighbour_begins(&r, &n);
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        size_t during, after;

        requests = r.requests;
        play(&r, f->script);
        during = h2_rig_get(&r, "/during");
        lg_sim_run_us(r.sim, patience_us);
        is_cut(&r, f, engine, round);
        h2_rig_expect(&r, during, 200, "GET /during world 0 ");
        after = h2_rig_get(&r, "/after");
        h2_rig_expect(&r, after, 200, "GET /after world 0 ");
        /* Of what the flood asked the handler heard what came whole before the cut. */
        assert_in_range(r.requests - requests, 2, 2 + f->whole_max * (engine == 0 ? 1 : 2));
        if (round == 1)
            heap = heap_bytes();
    }
    if (heap_bytes() > heap + kept_bytes_max())
        fail_msg("%s (engine %zu): %zu bytes are kept", f->name, engine, heap_bytes() - heap);
    neighbour_ends(&r, &n);
    h2_rig_done(&r);
}

static void no_flood_harms_a_neighbour(void **state)
{
    (void)state;
    for (size_t i = 0; i < H2_FLOODS; i++)
        for (size_t engine = 0; engine < H2_RIG_ENGINES; engine++)
            flood_harms_nobody(&h2_floods[i], engine, 0);
}

/* Those that hold a connection by doing nothing. */
static void nobody_who_waits_harms_a_neighbour(void **state)
{
    static const struct h2_flood waits[] = {
        {"a window that stays closed", "S 0 0 000400000000; H 5 1 @get", LG_H2_OVER_stall_ms, 1, 1,
         0},
        {"a closed window and PINGs", "S 0 0 000400000000; H 5 1 @get; x900 (P 0 0 z8)",
         LG_H2_OVER_stall_ms, 1, 1, 0},
        {"a preface without its frames", "!!", LG_H2_OVER_head_ms, 0, 0, 0},
        {"a head whose frame does not end", "H 5 1 #50", LG_H2_OVER_head_ms, 0, 0, 0},
        {"a head that is not continued", "H 1 1 @get", LG_H2_OVER_head_ms, 0, 0, 0},
        {"SETTINGS that do not end", "S 0 0 #12 z7", LG_H2_OVER_head_ms, 0, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(waits); i++)
        for (size_t engine = 0; engine < H2_RIG_ENGINES; engine++)
            flood_harms_nobody(&waits[i], engine, PATIENCE_US);
}

/* --- The slow reader ------------------------------------------------------------------------- */

static void read_nothing(struct h2_rig *r, size_t i)
{
    lg_conn_pause(r->clients[i].conn, true);
}

static void a_reader_that_takes_nothing_harms_no_neighbour(void **state)
{
    struct h2_rig r;
    struct neighbour n;

    (void)state;
    for (size_t engine = 0; engine < H2_RIG_ENGINES; engine++) {
        h2_rig_init_with(&r, h2_rig_engines[engine], H2_RIG_BODY_BYTES, IDLE_MS, NULL);
        neighbour_begins(&r, &n);
        r.window = 64 * MIB;
        h2_rig_on_lane(&r, h2_rig_open, 1);
        (void)h2_rig_ask(&r, 1, "/a", LG_SLICE_NULL);
        h2_rig_on_lane(&r, read_nothing, 1);
        for (size_t i = 0; i < 8; i++)
            (void)h2_rig_ask(&r, 1, "/big", LG_SLICE_NULL);
        h2_rig_expect(&r, h2_rig_get(&r, "/during"), 200, "GET /during world 0 ");
        assert_int_equal(lg_metric_value(&lg_metric_http_connections, 0), 2);
        lg_sim_run_us(r.sim, IDLE_MS * LG_MS + 2 * LG_SEC);
        assert_int_equal(lg_metric_value(&lg_metric_http_connections, 0), 1);
        assert_int_equal(lg_metric_value(&lg_metric_http_refused_total, LG_HTTP_REFUSED_TIME), 1);
        h2_rig_expect(&r, h2_rig_get(&r, "/after"), 200, "GET /after world 0 ");
        neighbour_ends(&r, &n);
        h2_rig_done(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_flood_harms_a_neighbour),
        cmocka_unit_test(nobody_who_waits_harms_a_neighbour),
        cmocka_unit_test(a_reader_that_takes_nothing_harms_no_neighbour),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
