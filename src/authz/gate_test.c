/* What stands in front of a request: at once where it is known who may, after a wait where it is
 * not, and not at all for who has gone. The driver is the test's, and so is the connection. */
#include "authz/gate.h"

#include "authz/metrics.h"
#include "base/log.h"
#include "drivers/sim/lane_sim.h"
#include "test/test.h"

enum came { NOTHING, WENT, REFUSED, ENDED, OVER };

static struct { /* The world. */
    struct lg_sim *sim;
    struct lg_lane *lane;
    struct lg_authz *a;
    struct lg_http_request rq;
    bool stopped;
    /* The driver: names that begin with 'y' may. */
    struct lg_authz_driver driver;
    struct lg_authz_ask *ask;
    /* What came of the request. */
    enum came came;
    enum lg_authz_verdict verdict;
    bool has_why, is_over;
    struct lg_error why;
} w;

static void driver_ask(struct lg_authz_driver *d, struct lg_authz_ask *ask)
{
    (void)d;
    assert_null(w.ask);
    w.ask = ask;
}

static void driver_free(struct lg_authz_driver *d)
{
    (void)d;
}

static const struct lg_authz_driver_ops driver_ops = {
    .name = "test", .ask = driver_ask, .free = driver_free};

static void let_go(bool fails)
{
    struct lg_authz_ask *ask = LG_TAKE(w.ask);

    if (fails)
        ask->rc = lg_error_set(&ask->err, LG_ERR_TIMEOUT, "the judge sleeps");
    ask->allowed = ask->principal != NULL && ask->principal[0] == 'y';
    ask->done(ask);
    lg_sim_run_us(w.sim, 1000);
}

static void answered(enum came came)
{
    assert_int_equal(w.came, NOTHING); /* Once. */
    w.came = came;
    lg_arena_free(LG_TAKE(w.rq.arena)); /* As a listener does. */
}

/* Only the gate itself responds here. */
static void respond(struct lg_http_request *rq, const struct lg_http_response *response)
{
    assert_ptr_equal(rq, &w.rq);
    assert_int_equal(response->status, 503);
    answered(ENDED);
}

static const struct lg_http_request_ops rq_ops = {.respond = respond};

struct asker {
    uint64_t mark;
    uint8_t filler[LG_AUTHZ_GATE_CTX_MAX - 2 * sizeof(uint64_t)];
    uint64_t tail;
};

static void go(const void *ctx, struct lg_http_request *rq)
{
    const struct asker *asker = ctx;

    assert_ptr_equal(rq, &w.rq);
    answered(WENT);
    assert_int_equal(asker->mark, 42); /* Still there. */
    assert_int_equal(asker->tail, 43);
}

static void refuse(const void *ctx, struct lg_http_request *rq, enum lg_authz_verdict verdict,
                   const struct lg_error *why)
{
    const struct asker *asker = ctx;
    struct lg_error err;

    assert_ptr_equal(rq, &w.rq);
    (void)!lg_authz_refuse(verdict, why, rq->identity, LG_SLICE_NULL, LG_ACL_READ, &err);
    answered(REFUSED);
    assert_int_equal(asker->mark, 42);
    w.verdict = verdict;
    w.has_why = why != NULL;
    if (why != NULL)
        w.why = *why;
}

static bool is_over(const void *ctx, struct lg_http_request *rq)
{
    const struct asker *asker = ctx;

    assert_ptr_equal(rq, &w.rq);
    assert_int_equal(asker->mark, 42);
    if (w.is_over)
        answered(OVER);
    return w.is_over;
}

static const struct lg_authz_gate_ops gate_ops = {.go = go, .refuse = refuse},
                                      gate_ops_over = {go, refuse, is_over};

static void pass(struct lg_authz *a, const char *who, size_t room,
                 const struct lg_authz_gate_ops *ops)
{
    struct asker asker = {.mark = 42, .tail = 43};

    w.came = NOTHING;
    w.rq = (struct lg_http_request){
        .ops = &rq_ops, .lane = w.lane, .identity = who, .arena = lg_arena_new(room)};
    lg_authz_gate(&(struct lg_authz_gate){.authz = a,
                                          .rq = &w.rq,
                                          .store = LG_LIT(LG_AUTHZ_CLUSTER),
                                          .may = LG_ACL_READ,
                                          .ops = ops,
                                          .ctx = &asker,
                                          .ctx_size = sizeof asker});
    asker = (struct asker){0}; /* It need not stay. */
}

static int up(void **state)
{
    (void)state;
    memset(&w, 0, sizeof w);
    lg_log_set_level(LG_LOG_OFF);
    w.sim = lg_sim_new(5);
    w.lane = lg_sim_lane_new(w.sim, NULL, "owner");
    w.driver.ops = &driver_ops;
    w.a = lg_authz_new(&(struct lg_authz_options){.lane = w.lane, .take_driver = &w.driver});
    return 0;
}

static void stopped(void *ctx)
{
    (void)ctx;
    w.stopped = true;
}

static int down(void **state)
{
    (void)state;
    lg_arena_free(w.rq.arena);
    lg_authz_stop(w.a, w.lane, stopped, NULL);
    lg_sim_run_us(w.sim, 1000);
    assert_true(w.stopped);
    lg_sim_free(w.sim);
    return 0;
}

static void who_is_known_is_let_in_or_refused_within_the_call(void **state)
{
    (void)state;
    pass(/* a= */ NULL, "no", 0, &gate_ops); /* Nobody is asked. */
    assert_int_equal(w.came, WENT);
    pass(w.a, "yes", 0, &gate_ops);
    let_go(/* fails= */ false);
    pass(w.a, "no", 0, &gate_ops);
    let_go(/* fails= */ false);
    w.is_over = true; /* Nothing waits, so nothing is over. */
    pass(w.a, "yes", 0, &gate_ops_over);
    assert_int_equal(w.came, WENT);
    pass(w.a, "no", 0, &gate_ops_over);
    assert_int_equal(w.came, REFUSED);
    assert_int_equal(w.verdict, LG_AUTHZ_DENIED);
    assert_false(w.has_why);
}

static void who_is_known_costs_the_request_no_memory(void **state)
{
    (void)state;
    pass(w.a, "yes", 0, &gate_ops);
    let_go(/* fails= */ false);
    pass(w.a, "yes", /* room= */ 16, &gate_ops);
    assert_int_equal(w.came, WENT);
}

static void who_is_not_known_waits_and_is_let_in_or_refused_then(void **state)
{
    (void)state;
    pass(w.a, "yes", 0, &gate_ops);
    assert_int_equal(w.came, NOTHING);
    let_go(/* fails= */ false);
    assert_int_equal(w.came, WENT);
    pass(w.a, "no", 0, &gate_ops);
    assert_int_equal(w.came, NOTHING);
    let_go(/* fails= */ false);
    assert_int_equal(w.came, REFUSED);
    assert_int_equal(w.verdict, LG_AUTHZ_DENIED);
}

static void who_cannot_be_judged_is_refused_with_the_reason(void **state)
{
    (void)state;
    pass(w.a, "yes", 0, &gate_ops);
    let_go(/* fails= */ true);
    assert_int_equal(w.came, REFUSED);
    assert_int_equal(w.verdict, LG_AUTHZ_UNKNOWN);
    assert_true(w.has_why);
    assert_int_equal(w.why.rc, LG_ERR_TIMEOUT);
}

static void a_request_without_room_to_wait_is_refused_without_a_reason(void **state)
{
    (void)state;
    pass(w.a, "yes", /* room= */ 16, &gate_ops);
    assert_int_equal(w.came, REFUSED);
    assert_int_equal(w.verdict, LG_AUTHZ_UNKNOWN);
    assert_false(w.has_why);
    assert_null(w.ask);
}

static void a_request_whose_peer_has_gone_while_it_waited_only_ends(void **state)
{
    (void)state;
    pass(w.a, "yes", 0, &gate_ops_over);
    w.rq.peer_gone = true;
    w.is_over = true; /* That is not asked about who has gone. */
    let_go(/* fails= */ false);
    assert_int_equal(w.came, ENDED);
}

static void what_is_over_answers_that_itself(void **state)
{
    (void)state;
    pass(w.a, "yes", 0, &gate_ops_over);
    let_go(/* fails= */ false);
    assert_int_equal(w.came, WENT); /* It is not over. */
    w.is_over = true;
    pass(w.a, "no", 0, &gate_ops_over);
    let_go(/* fails= */ false);
    assert_int_equal(w.came, OVER);
}

/* As those who ask do, which call lg_authz_refuse. */
static void who_is_refused_is_counted_once_by_reason(void **state)
{
    enum { DENIED, ANONYMOUS, UNKNOWN, REASONS };
    static const struct {
        const char *who;
        size_t room;
        bool fails;
        unsigned reason; /* REASONS: it went */
    } rows[] = {
        {"yes", 0, false, REASONS},       {"no", 0, false, DENIED},
        {NULL, 0, false, ANONYMOUS},      {"yes too", 16, false, UNKNOWN},
        {"yes, later", 0, true, UNKNOWN}, {"no one", 0, true, UNKNOWN},
    };

    (void)state;
    for (unsigned i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        uint64_t before[REASONS];

        for (uint32_t k = 0; k < REASONS; k++)
            before[k] = lg_metric_value(&lg_metric_authz_refused_total, k);
        pass(w.a, rows[i].who, rows[i].room, &gate_ops);
        if (w.ask != NULL)
            let_go(rows[i].fails);
        assert_int_equal(w.came, rows[i].reason == REASONS ? WENT : REFUSED);
        for (uint32_t k = 0; k < REASONS; k++)
            if (lg_metric_value(&lg_metric_authz_refused_total, k) - before[k] !=
                (k == rows[i].reason))
                fail_msg("row %u: reason %u", i, k);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_is_known_is_let_in_or_refused_within_the_call),
        TEST(who_is_known_costs_the_request_no_memory),
        TEST(who_is_not_known_waits_and_is_let_in_or_refused_then),
        TEST(who_cannot_be_judged_is_refused_with_the_reason),
        TEST(a_request_without_room_to_wait_is_refused_without_a_reason),
        TEST(a_request_whose_peer_has_gone_while_it_waited_only_ends),
        TEST(what_is_over_answers_that_itself),
        TEST(who_is_refused_is_counted_once_by_reason),
    };
    static const struct lg_metric_table *const table = &lg_authz_metrics;
    int failed;

    lg_metrics_register(&table, 1, /* stores_max= */ 0);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    lg_metrics_reset();
    return failed;
}
