/* A generator on the simulated network, against a server of gRPC that does what the test says. */
#include "admin/bench_load.h"

#include "avro/encode.h"
#include "drivers/nghttp2/h2_client_nghttp2.h"
#include "drivers/nghttp2/hpack_nghttp2.h"
#include "drivers/sim/transport_sim.h"
#include "net/grpc.h"
#include "net/h2_conn.h"
#include "read/wire.h"
#include "test/test.h"

#define HELD_MAX 5000u
#define KEYS 100u

enum manner { ANSWERS, KEEPS, SAYS, HALF, GARBAGE, HANGS_UP };

struct held { /* A request that the server has in full; of a stream: the stream. */
    struct served *conn;
    struct lg_h2_stream *st;
    bool is_stream;
};

struct served { /* A connection of the server. */
    struct rig *rig;
    struct lg_conn *conn;
    struct lg_h2 *h2;
    struct lg_buf bodies[HELD_MAX]; /* by (stream id - 1) / 2 */
    bool begun[HELD_MAX];
    struct served *next;
};

struct rig {
    struct lg_sim *sim;
    struct lg_net_sim *net;
    struct lg_lane *lane;
    struct lg_listener *listener;
    struct served *all;
    enum manner manner;
    uint32_t says; /* SAYS: this errorCode, or status of gRPC's end of a batch */
    struct held held[HELD_MAX];
    size_t held_count, accepted, asked, keys_asked;
    struct lg_bench_plan plan;
    struct lg_bench_load *load;
    struct lg_bench_clock clock;
    struct lg_timer alarm, release;
    bool over;
};

static struct rig *the_rig; /* of the clock */

/* --- The server ------------------------------------------------------------------------------ */

static void flush(struct served *s)
{
    LG_SCOPED(lg_buf) out = {0};
    struct lg_slice bytes = lg_h2_output(s->h2);

    lg_buf_append_slice(&out, bytes);
    lg_h2_sent(s->h2, bytes.size);
    if (s->conn != NULL && out.size > 0)
        lg_conn_send(s->conn, &out);
}

static void respond(struct lg_h2_stream *st, struct lg_slice body)
{
    struct lg_http_header head[] = {{LG_LIT(":status"), LG_LIT("200")},
                                    {LG_LIT("content-type"), LG_LIT("application/grpc")}};
    struct lg_http_header tail[] = {{LG_LIT("grpc-status"), LG_LIT("0")}};
    struct lg_h2_head h = {NULL, head, 2}, t = {NULL, tail, 1};

    lg_h2_respond(st, &h, &body, 1, &t);
}

static void answer_unary(struct rig *r, struct lg_h2_stream *st, struct lg_slice body)
{
    struct lg_venice_client_request rq;
    struct lg_venice_server_response a = {.error_code = 200, .schema_id = 1};
    struct lg_slice message;
    LG_SCOPED(lg_buf) out = {0};
    LG_SCOPED(lg_buf) data = {0};
    struct lg_error err = {0};
    bool end = false;
    unsigned n = 0;

    assert_true(lg_grpc_single(body, 1 << 20, &message));
    assert_ok(lg_pb_decode(&lg_venice_client_request_pb, message, NULL, &rq, &err));
    assert_slice_equal(rq.resource_name, LG_LIT("st_v3"));
    if (rq.key_bytes.size > 0) {
        struct lg_decoder d = {.in = rq.key_bytes};
        struct lg_wire_key key;

        for (;; n++) {
            assert_ok(lg_wire_key_next(&d, &key, &end, &err));
            if (end)
                break;
            if (r->manner != HALF || n % 2 == 0)
                lg_wire_value_add(&data, &(struct lg_wire_value){key.index, LG_LIT("12345"), 1});
        }
        r->keys_asked += n;
    } else {
        r->keys_asked++;
        lg_buf_append_str(&data, "12345");
        if (r->manner == HALF && r->keys_asked % 2 == 0)
            a.error_code = (uint32_t)-420;
    }
    a.data = lg_buf_slice(&data);
    if (r->manner == SAYS) {
        a = (struct lg_venice_server_response){.error_code = r->says,
                                               .error_message = LG_LIT("too much")};
    }
    assert_ok(lg_grpc_append(&out, &lg_venice_server_response_pb, &a, &err));
    if (r->manner == GARBAGE)
        memset(out.data + 5, 0xff, out.size - 5);
    respond(st, lg_buf_slice(&out));
}

static void answer_batch(struct rig *r, struct lg_h2_stream *st, struct lg_slice message)
{
    LG_AUTO(lg_arena) *arena = lg_arena_new(0);
    struct lg_stream_batch_get_request rq;
    struct lg_stream_value values[KEYS];
    struct lg_stream_end end = {.status = r->manner == SAYS ? r->says : 0};
    struct lg_stream_batch_get_response a = {.values.data = values};
    LG_SCOPED(lg_buf) out = {0};
    struct lg_error err = {0};
    struct lg_slice piece;

    assert_ok(lg_pb_decode(&lg_stream_batch_get_request_pb, message, arena, &rq, &err));
    assert_int_equal(rq.action_case, LG_STREAM_BATCH_GET_REQUEST_GET);
    assert_slice_equal(rq.action.get->store, LG_LIT("st"));
    r->asked++;
    r->keys_asked += rq.action.get->keys.size;
    a.batch_id = rq.batch_id;
    for (uint32_t i = 0; i < rq.action.get->keys.size && r->manner == ANSWERS; i++)
        values[a.values.size++] = (struct lg_stream_value){
            .id = rq.action.get->keys.data[i].id, .schema_id = 1, .data = LG_LIT("12345")};
    assert_ok(lg_grpc_append(&out, &lg_stream_batch_get_response_pb, &a, &err));
    a = (struct lg_stream_batch_get_response){.batch_id = rq.batch_id, .end = &end};
    assert_ok(lg_grpc_append(&out, &lg_stream_batch_get_response_pb, &a, &err));
    piece = lg_buf_slice(&out);
    lg_h2_write(st, &piece, 1);
}

static void on_request(void *ctx, struct lg_h2_stream *st, const struct lg_h2_request *rq)
{
    struct served *s = (struct served *)ctx;

    (void)rq;
    lg_buf_clear(&s->bodies[(st->id - 1) / 2 % HELD_MAX]);
}

static void on_body(void *ctx, struct lg_h2_stream *st, struct lg_slice bytes)
{
    struct served *s = (struct served *)ctx;
    struct lg_buf *body = &s->bodies[(st->id - 1) / 2 % HELD_MAX];

    lg_buf_append_slice(body, bytes);
    if (s->rig->plan.kind != LG_BENCH_STREAM)
        return;
    lg_h2_release(st, bytes.size);
    if (!s->begun[0]) {
        struct lg_http_header head[] = {{LG_LIT(":status"), LG_LIT("200")}};
        struct lg_h2_head h = {NULL, head, 1};

        s->begun[0] = true;
        lg_h2_begin(st, &h);
    }
    while (body->size >= 5 && body->size >= 5 + (size_t)lg_load_u32be(body->data + 1)) {
        size_t size = lg_load_u32be(body->data + 1);

        if (s->rig->manner != KEEPS)
            answer_batch(s->rig, st, lg_slice(body->data + 5, size));
        lg_buf_consume(body, 5 + size);
    }
}

static void on_end(void *ctx, struct lg_h2_stream *st, const struct lg_http_headers *trailers)
{
    struct served *s = (struct served *)ctx;
    struct rig *r = s->rig;

    (void)trailers;
    r->asked++;
    if (r->manner == KEEPS) {
        assert_true(r->held_count < HELD_MAX);
        r->held[r->held_count++] = (struct held){s, st, false};
    } else {
        answer_unary(r, st, lg_buf_slice(&s->bodies[(st->id - 1) / 2 % HELD_MAX]));
    }
}

static void on_gone(void *ctx, struct lg_h2_stream *st, uint32_t code)
{
    struct rig *r = ((struct served *)ctx)->rig;

    (void)code;
    for (size_t i = 0; i < r->held_count; i++)
        if (r->held[i].st == st)
            r->held[i].st = NULL;
}

static const struct lg_h2_handler serves = {on_request, on_body, on_end, on_gone, NULL};

static void received(void *ctx, struct lg_conn *c, struct lg_slice bytes)
{
    struct served *s = (struct served *)ctx;

    if (s->rig->manner == HANGS_UP && s->rig->asked >= 20) {
        lg_conn_close(c, false);
        return;
    }
    assert_true(lg_h2_input(s->h2, bytes));
    flush(s);
}

static void closed(void *ctx, struct lg_conn *c, enum lg_rc why)
{
    (void)c, (void)why;
    ((struct served *)ctx)->conn = NULL;
}

static const struct lg_conn_handler served_handler = {.received = received, .closed = closed};

static void accepted(void *ctx, struct lg_conn *c)
{
    struct rig *r = (struct rig *)ctx;
    struct served *s = lg_new(struct served);
    struct lg_h2_options o = {.handler = &serves, .ctx = s, .limits = {.streams = HELD_MAX}};

    s->rig = r;
    s->conn = c;
    s->h2 = lg_h2_own_new(&o, &lg_hpack_nghttp2);
    s->next = r->all;
    r->all = s;
    r->accepted++;
    c->handler = &served_handler;
    c->ctx = s;
}

/* What it kept is answered, and so is what comes. */
static void release(struct lg_timer *timer)
{
    struct rig *r = LG_CONTAINER_OF(timer, struct rig, release);

    r->manner = ANSWERS;
    for (size_t i = 0; i < r->held_count; i++) {
        struct held *h = &r->held[i];

        if (h->st == NULL)
            continue;
        answer_unary(r, h->st, lg_buf_slice(&h->conn->bodies[(h->st->id - 1) / 2 % HELD_MAX]));
        flush(h->conn);
    }
}

/* --- The generator --------------------------------------------------------------------------- */

static uint64_t now_ns(struct lg_bench_clock *clock)
{
    (void)clock;
    return lg_lane_now_us(the_rig->lane) * 1000;
}

static void rings(struct lg_timer *timer)
{
    (void)timer;
    lg_bench_load_rang(the_rig->load);
}

static void ring_at(struct lg_bench_clock *clock, uint64_t at_ns)
{
    uint64_t now = now_ns(clock);

    lg_timer_start(the_rig->lane, &the_rig->alarm, at_ns > now ? (at_ns - now + 999) / 1000 : 0,
                   rings);
}

static void is_over(void *ctx)
{
    ((struct rig *)ctx)->over = true;
}

static void rig_init(struct rig *r, enum lg_bench_kind kind, enum manner manner, double rate)
{
    LG_AUTO(lg_schema) *schema = NULL;
    struct lg_error err = {0};

    *r = (struct rig){.sim = lg_sim_new(7), .manner = manner};
    the_rig = r;
    r->net = lg_net_sim_new(r->sim);
    r->lane = lg_sim_lane_new(r->sim, NULL, "lane");
    lg_net_sim_set_delay_us(r->net, 50, 100);
    assert_ok(lg_transport_listen(lg_net_sim_transport(r->net), r->lane, "world", 7777, accepted, r,
                                  &r->listener, &err));
    r->plan = (struct lg_bench_plan){.kind = kind,
                                     .store = lg_strdup("st"),
                                     .version = 3,
                                     .partitions = 4,
                                     .rate = rate,
                                     .duration_ms = 2000,
                                     .warm_up_ms = 500,
                                     .timeout_ms = 5000,
                                     .connections = 2,
                                     .in_flight = 200,
                                     .threads = 1,
                                     .batch = 10,
                                     .seed = 1};
    assert_ok(lg_schema_parse(LG_LIT("\"long\""), &schema, &err));
    assert_ok(lg_bench_plan_add_numbers(&r->plan, schema, "", 1, KEYS, &err));
    LG_VEC_PUSH(&r->plan.targets,
                ((struct lg_bench_target){.host = lg_strdup("world"), .port = 7777}));
    assert_ok(lg_bench_plan_spread(&r->plan, &err));
    r->clock = (struct lg_bench_clock){now_ns, ring_at};
}

static void begin(struct lg_task *task)
{
    (void)task;
    lg_bench_load_start(the_rig->load);
}

static bool has_ended(void *ctx)
{
    return ((struct rig *)ctx)->over;
}

static struct lg_task begins;

static const struct lg_bench_seen *start(struct rig *r)
{
    r->load =
        lg_bench_load_new(&(struct lg_bench_load_options){.plan = &r->plan,
                                                          .lane = r->lane,
                                                          .transport = lg_net_sim_transport(r->net),
                                                          .clock = &r->clock,
                                                          .h2_new = lg_h2_client_nghttp2_new,
                                                          .over = is_over,
                                                          .ctx = r});
    begins.run = begin;
    lg_lane_post(r->lane, &begins);
    return lg_bench_load_seen(r->load);
}

static const struct lg_bench_seen *run(struct rig *r)
{
    const struct lg_bench_seen *seen = start(r);

    assert_true(lg_sim_run_until(r->sim, has_ended, r, 60 * LG_SEC));
    return seen;
}

static void frees(struct lg_task *task)
{
    (void)task;
    lg_timer_stop(the_rig->lane, &the_rig->alarm);
    lg_timer_stop(the_rig->lane, &the_rig->release);
    lg_bench_load_free(LG_TAKE(the_rig->load));
}

static void rig_done(struct rig *r)
{
    struct served *s;

    begins.run = frees;
    lg_lane_post(r->lane, &begins);
    lg_sim_run_us(r->sim, LG_SEC);
    assert_null(r->load);
    lg_sim_free(r->sim);
    lg_net_sim_free(r->net);
    while ((s = r->all) != NULL) {
        r->all = s->next;
        lg_h2_free(s->h2);
        for (size_t i = 0; i < HELD_MAX; i++)
            lg_buf_done(&s->bodies[i]);
        lg_free(s);
    }
    lg_bench_plan_done(&r->plan);
}

/* --- Tests ----------------------------------------------------------------------------------- */

static void gets_are_sent_at_their_rate_and_counted_after_the_warm_up(void **state)
{
    struct rig r;
    const struct lg_bench_seen *seen;
    uint64_t began, ended;

    (void)state;
    rig_init(&r, LG_BENCH_GET, ANSWERS, 500);
    seen = run(&r);
    /* 1000 are expected in two seconds, with a deviation of 32. */
    assert_in_range(seen->intended, 850, 1150);
    assert_int_equal(seen->answered, seen->intended);
    assert_int_equal(seen->keys_found, seen->intended);
    assert_int_equal(seen->value_bytes, 5 * seen->intended);
    assert_int_equal(lg_bench_errors(seen), 0);
    assert_true(r.asked > seen->intended + 150); /* the warm-up */
    assert_int_equal(r.accepted, 2);
    lg_bench_load_times(r.load, &began, &ended);
    assert_int_equal(ended - began, UINT64_C(2000000000));
    assert_int_equal(lg_histogram_count(&seen->times.latency_ns), seen->answered);
    rig_done(&r);
}

static void a_stall_of_the_server_is_seen_by_all_that_were_due_meanwhile(void **state)
{
    struct rig r;
    const struct lg_bench_seen *seen;

    (void)state;
    rig_init(&r, LG_BENCH_GET, KEEPS, 500);
    r.plan.warm_up_ms = 0;
    r.plan.in_flight = 10; /* Nearly all of them cannot even be sent. */
    lg_timer_start(r.lane, &r.release, LG_SEC, release);
    seen = run(&r);
    assert_int_equal(seen->answered, seen->intended);
    /* Half of the requests came during the second of the stall, evenly: a quarter of all waited for
     * more than half of it. */
    assert_in_range(lg_histogram_quantile(&seen->times.latency_ns, 0.75), 400000000, 600000000);
    assert_in_range(lg_histogram_quantile(&seen->times.latency_ns, 0.99), 900000000, 1050000000);
    /* That is not the generator's doing. */
    assert_true(lg_histogram_quantile(&seen->times.late_ns, 1) < 1000000);
    rig_done(&r);
}

static void batches_ask_for_many_keys_and_what_is_missing_is_counted(void **state)
{
    struct rig r;
    const struct lg_bench_seen *seen;

    (void)state;
    rig_init(&r, LG_BENCH_BATCH, HALF, 100);
    seen = run(&r);
    assert_int_equal(seen->answered, seen->intended);
    assert_int_equal(seen->keys_found, 5 * seen->intended);
    assert_int_equal(seen->keys_missing, 5 * seen->intended);
    assert_int_equal(r.keys_asked, 10 * r.asked);
    rig_done(&r);
}

static void absent_keys_are_answers(void **state)
{
    struct rig r;
    const struct lg_bench_seen *seen;

    (void)state;
    rig_init(&r, LG_BENCH_GET, HALF, 100);
    seen = run(&r);
    assert_int_equal(seen->answered, seen->intended);
    assert_in_range(seen->keys_missing, seen->intended / 2, seen->intended / 2 + 1);
    assert_int_equal(seen->keys_found + seen->keys_missing, seen->intended);
    rig_done(&r);
}

static void a_stream_carries_many_batches(void **state)
{
    struct rig r;
    const struct lg_bench_seen *seen;

    (void)state;
    rig_init(&r, LG_BENCH_STREAM, ANSWERS, 100);
    seen = run(&r);
    assert_int_equal(lg_bench_errors(seen), 0);
    assert_int_equal(seen->answered, seen->intended);
    assert_int_equal(seen->keys_found, 10 * seen->intended);
    assert_int_equal(r.keys_asked, 10 * r.asked);
    rig_done(&r);
}

static void a_batch_that_leaves_keys_out_is_no_answer(void **state)
{
    struct rig r;
    const struct lg_bench_seen *seen;

    (void)state;
    rig_init(&r, LG_BENCH_STREAM, HALF, 100); /* Neither values nor missing ones. */
    seen = run(&r);
    assert_int_equal(seen->errors[LG_BENCH_BAD_ANSWER], seen->intended);
    assert_int_equal(seen->answered, 0);
    rig_done(&r);
}

static void refusals_are_counted_by_kind_with_what_was_said(void **state)
{
    static const struct {
        uint32_t code;
        enum lg_bench_error error;
    } rows[] = {{429, LG_BENCH_QUOTA},   {529, LG_BENCH_OVERLOADED}, {503, LG_BENCH_UNREADY},
                {403, LG_BENCH_REFUSED}, {400, LG_BENCH_INVALID},    {500, LG_BENCH_FAILED},
                {0, LG_BENCH_BAD_ANSWER}};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        struct rig r;
        const struct lg_bench_seen *seen;

        rig_init(&r, LG_BENCH_GET, SAYS, 50);
        r.says = rows[i].code;
        seen = run(&r);
        assert_int_equal(seen->errors[rows[i].error], seen->intended);
        assert_string_equal(seen->example[rows[i].error], "too much");
        assert_int_equal(seen->answered, 0);
        assert_int_equal(lg_histogram_count(&seen->times.latency_ns), 0);
        rig_done(&r);
    }
}

static void what_is_no_answer_is_one_of_the_errors(void **state)
{
    struct rig r;
    const struct lg_bench_seen *seen;

    (void)state;
    rig_init(&r, LG_BENCH_GET, GARBAGE, 50);
    seen = run(&r);
    assert_int_equal(seen->errors[LG_BENCH_BAD_ANSWER], seen->intended);
    rig_done(&r);
}

static void what_takes_too_long_is_given_up(void **state)
{
    struct rig r;
    const struct lg_bench_seen *seen;

    (void)state;
    rig_init(&r, LG_BENCH_GET, KEEPS, 50);
    r.plan.timeout_ms = 300;
    seen = run(&r);
    assert_true(seen->intended > 50);
    assert_int_equal(seen->errors[LG_BENCH_TIMEOUT] + seen->errors[LG_BENCH_UNANSWERED],
                     seen->intended);
    assert_true(seen->errors[LG_BENCH_TIMEOUT] > seen->intended / 2);
    rig_done(&r);
}

static void lost_connections_are_errors_and_are_opened_anew(void **state)
{
    struct rig r;
    const struct lg_bench_seen *seen;

    (void)state;
    rig_init(&r, LG_BENCH_GET, HANGS_UP, 50);
    r.plan.warm_up_ms = 0;
    seen = run(&r);
    assert_true(seen->answered > 0);
    assert_true(seen->errors[LG_BENCH_LOST] > 0);
    assert_int_equal(seen->answered + lg_bench_errors(seen), seen->intended);
    assert_true(r.accepted > 4);
    rig_done(&r);
}

static void without_a_server_every_request_is_an_error(void **state)
{
    struct rig r;
    const struct lg_bench_seen *seen;

    (void)state;
    rig_init(&r, LG_BENCH_GET, ANSWERS, 50);
    lg_listener_close(r.listener);
    seen = run(&r);
    assert_true(seen->intended > 50);
    assert_int_equal(seen->errors[LG_BENCH_CONNECT], seen->intended);
    assert_true(seen->example[LG_BENCH_CONNECT][0] != 0);
    rig_done(&r);
}

static void ends_now(struct lg_timer *timer)
{
    (void)timer;
    lg_bench_load_end(the_rig->load);
}

static void an_end_before_its_time_keeps_what_was_seen(void **state)
{
    struct rig r;
    const struct lg_bench_seen *seen;
    uint64_t began, ended;

    (void)state;
    rig_init(&r, LG_BENCH_GET, ANSWERS, 500);
    lg_timer_start(r.lane, &r.release, LG_SEC, ends_now);
    seen = run(&r);
    assert_in_range(seen->intended, 180, 330);
    assert_int_equal(seen->answered, seen->intended);
    lg_bench_load_times(r.load, &began, &ended);
    assert_in_range(ended - began, 400000000, 510000000);
    rig_done(&r);
}

static void a_second_end_waits_for_nobody(void **state)
{
    struct rig r;
    const struct lg_bench_seen *seen;

    (void)state;
    rig_init(&r, LG_BENCH_GET, KEEPS, 100);
    seen = start(&r);
    lg_timer_start(r.lane, &r.release, LG_SEC, ends_now);
    lg_sim_run_us(r.sim, 2 * LG_SEC);
    assert_false(r.over);
    lg_timer_start(r.lane, &r.release, 1, ends_now);
    lg_sim_run_us(r.sim, 100 * LG_MS);
    assert_true(r.over);
    assert_int_equal(seen->errors[LG_BENCH_UNANSWERED], seen->intended);
    rig_done(&r);
}

static void the_same_seed_sends_the_same(void **state)
{
    uint64_t first[2] = {0};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct rig r;

        rig_init(&r, LG_BENCH_GET, ANSWERS, 333);
        first[i] = run(&r)->intended;
        rig_done(&r);
    }
    assert_int_equal(first[0], first[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gets_are_sent_at_their_rate_and_counted_after_the_warm_up),
        cmocka_unit_test(a_stall_of_the_server_is_seen_by_all_that_were_due_meanwhile),
        cmocka_unit_test(batches_ask_for_many_keys_and_what_is_missing_is_counted),
        cmocka_unit_test(absent_keys_are_answers),
        cmocka_unit_test(a_stream_carries_many_batches),
        cmocka_unit_test(a_batch_that_leaves_keys_out_is_no_answer),
        cmocka_unit_test(refusals_are_counted_by_kind_with_what_was_said),
        cmocka_unit_test(what_is_no_answer_is_one_of_the_errors),
        cmocka_unit_test(what_takes_too_long_is_given_up),
        cmocka_unit_test(lost_connections_are_errors_and_are_opened_anew),
        cmocka_unit_test(without_a_server_every_request_is_an_error),
        cmocka_unit_test(an_end_before_its_time_keeps_what_was_seen),
        cmocka_unit_test(a_second_end_waits_for_nobody),
        cmocka_unit_test(the_same_seed_sends_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
