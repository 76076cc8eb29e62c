/* The door of a reading lane under, at and over what the lane can do. The clock is the test's. */
#include "server/read_gate.h"

#include <math.h>
#include <stdlib.h>

#include "base/histogram.h"
#include "base/rand.h"
#include "server/metrics.h"
#include "test/test.h"

#define SERVICE_NS 8000.0 /* a read, on average */
#define SEND_NS 2000.0    /* of its answer, after the tick's reads */
#define REFUSAL_NS 400.0  /* with its answer */
#define CAPACITY (1e9 / (SERVICE_NS + SEND_NS))
#define DEADLINE_NS (20e6) /* Nobody waits for a later answer. */
#define QUEUE_MAX 4000000u
#define TOPIC LG_LIT("cities_v1")

struct world {
    struct lg_lane lane; /* First. */
    double now_ns, waited_ns;
    uint64_t tick_us; /* What the lane says: the time at which its tick began. */
    struct lg_epoch *epoch;
    struct lg_serving *serving;
    struct lg_quota *quota;
    struct lg_read_gate *gate;
    const struct lg_serving_topic *topic;
    uint32_t resource;
    struct lg_rand rand;
    double next_ns;
    double *queue;
    size_t head, tail;
    struct lg_histogram delays; /* us, of what was answered */
    uint64_t good, refused, asked, refused_ever;
    bool is_entered_twice;   /* Each tick, for the second half of what came. */
    uint64_t refused_second; /* of that half */
};

static uint64_t now_us(struct lg_lane *lane)
{
    return ((struct world *)lane)->tick_us;
}

static uint64_t waited_us(struct lg_lane *lane)
{
    return (uint64_t)(((struct world *)lane)->waited_ns / 1000);
}

static uint64_t clock_us(struct lg_lane *lane)
{
    return (uint64_t)(((struct world *)lane)->now_ns / 1000);
}

static const struct lg_lane_ops knows = {
    .now_us = now_us, .waited_us = waited_us, .clock_us = clock_us};
static const struct lg_lane_ops knows_not = {.now_us = now_us, .clock_us = clock_us};

static struct world *open_world(const struct lg_lane_ops *ops, uint64_t target_us)
{
    struct world *w = lg_new(struct world);
    struct lg_error err = {0};

    w->lane.ops = ops;
    w->tick_us = 1000000;
    w->now_ns = w->next_ns = 1e9;
    lg_rand_seed(&w->rand, 3);
    w->queue = lg_zalloc_array(QUEUE_MAX, sizeof w->queue[0]);
    assert_ok(lg_epoch_new(&w->epoch, &err));
    w->serving = lg_serving_new(w->epoch, 1);
    lg_serving_set(w->serving, TOPIC, 1, 0, LG_REPLICA_NOT_READY, NULL);
    assert_ok(lg_quota_new(&(struct lg_quota_options){.resources_max = 4, .lanes_max = 1},
                           &w->quota, &err));
    assert_ok(lg_quota_add(w->quota, &w->resource, &err));
    lg_serving_limit(w->serving, TOPIC, w->resource, LG_METRIC_STORE_OTHER);
    w->topic = lg_serving_topic(w->serving, TOPIC);
    assert_ok(lg_read_gate_open(&w->lane, w->quota, target_us, &w->gate, &err));
    return w;
}

static void close_world(struct world *w)
{
    lg_read_gate_close(w->gate);
    lg_quota_free(w->quota);
    lg_serving_free(w->serving);
    lg_epoch_free(w->epoch);
    lg_free(w->queue);
    lg_free(w);
}

static double draw(struct world *w, double mean)
{
    double u = (double)(lg_rand_next(&w->rand) >> 11) / 9007199254740992.0;

    return -mean * log(1 - u);
}

/* A tick: what has come is taken, answered, and the answers are sent. */
static void tick(struct world *w, double rate)
{
    size_t first, second, admitted = 0;

    if (w->head == w->tail && w->next_ns > w->now_ns) {
        w->waited_ns += w->next_ns - w->now_ns;
        w->now_ns = w->next_ns;
    }
    for (; w->next_ns <= w->now_ns; w->next_ns += draw(w, 1e9 / rate)) {
        assert_true(w->tail - w->head < QUEUE_MAX);
        w->queue[w->tail++ % QUEUE_MAX] = w->next_ns;
    }
    w->tick_us = (uint64_t)(w->now_ns / 1000);
    lg_read_gate_tick(w->gate);
    first = w->head;
    second = w->is_entered_twice ? first + (w->tail - first + 1) / 2 : SIZE_MAX;
    for (; w->head < w->tail; w->head++) {
        uint32_t retry_after_ms = 0;

        if (w->head == second) {
            lg_read_gate_rest(w->gate);
            lg_read_gate_tick(w->gate);
        }
        w->asked++;
        if (lg_read_gate_admit(w->gate, w->topic, 1, false, &retry_after_ms) == LG_OK) {
            w->now_ns += draw(w, SERVICE_NS);
            w->queue[(first + admitted++) % QUEUE_MAX] = w->queue[w->head % QUEUE_MAX];
        } else {
            assert_int_equal(retry_after_ms, LG_READ_GATE_OVERLOAD_MS);
            w->now_ns += REFUSAL_NS;
            w->refused++;
            w->refused_ever++;
            w->refused_second += w->head >= second;
        }
    }
    lg_read_gate_rest(w->gate);
    w->now_ns += SEND_NS * (double)admitted;
    for (size_t i = first; i < first + admitted; i++) {
        double took_ns = w->now_ns - w->queue[i % QUEUE_MAX];

        w->good += took_ns <= DEADLINE_NS;
        lg_histogram_add(&w->delays, (uint64_t)(took_ns / 1000));
    }
}

/* So many times the capacity, in an open loop; returns the goodput as a part of the capacity. */
static double run(struct world *w, double load, double seconds)
{
    double from_ns = w->now_ns;

    w->good = w->refused = w->refused_second = w->asked = 0;
    lg_histogram_reset(&w->delays);
    w->next_ns = LG_MAX(w->next_ns, w->now_ns) + draw(w, 1e9 / (load * CAPACITY));
    while (w->now_ns < from_ns + seconds * 1e9)
        tick(w, load * CAPACITY);
    return (double)w->good / ((w->now_ns - from_ns) / 1e9) / CAPACITY;
}

static double peak(void)
{
    double most = 0;

    for (double load = 0.7; load < 1.2; load += 0.1) {
        struct world *w = open_world(&knows, LG_SHED_TARGET_US);

        most = fmax(most, run(w, load, 3));
        close_world(w);
    }
    return most;
}

static void goodput_at_five_times_the_load_stays_over_80_percent_of_the_peak(void **state)
{
    double most = peak();

    (void)state;
    assert_true(most > 0.9 && most < 1.05);
    for (double load = 2; load <= 5; load += 1) {
        struct world *w = open_world(&knows, LG_SHED_TARGET_US);
        double beginning = run(w, load, 3), later = run(w, load, 3);

        /* In the first three seconds it is the burst that is answered late. */
        if (beginning < 0.75 * most || later < 0.8 * most)
            fail_msg("load %.0f: %.3f, then %.3f of a peak of %.3f", load, beginning, later, most);
        assert_true(lg_histogram_quantile(&w->delays, 0.99) < 3 * LG_SHED_TARGET_US);
        close_world(w);
    }
}

/* As when single gets and a stream's batches come in one tick: they have waited alike. */
static void who_enters_a_tick_again_is_judged_like_who_was_first(void **state)
{
    struct world *w = open_world(&knows, LG_SHED_TARGET_US);

    (void)state;
    w->is_entered_twice = true;
    (void)run(w, 3, 3);
    assert_true(run(w, 3, 3) > 0.8 * peak());
    assert_true(w->refused_second > w->refused / 2);
    assert_true(lg_histogram_quantile(&w->delays, 0.99) < 3 * LG_SHED_TARGET_US);
    close_world(w);
}

static void below_its_capacity_a_lane_refuses_nothing_and_so_after_an_overload(void **state)
{
    struct world *w = open_world(&knows, LG_SHED_TARGET_US);

    (void)state;
    (void)run(w, 0.8, 5);
    assert_int_equal(w->refused, 0);
    (void)run(w, 5, 3);
    assert_true(w->refused > 0);
    (void)run(w, 0.8, 0.1);
    (void)run(w, 0.8, 5);
    assert_int_equal(w->refused, 0);
    close_world(w);
}

static void time_without_work_is_not_time_that_reads_took(void **state)
{
    struct world *w = open_world(&knows, LG_SHED_TARGET_US);

    (void)state;
    (void)run(w, 0.01, 2);
    for (unsigned i = 0; i < 50; i++)
        w->queue[w->tail++ % QUEUE_MAX] = w->now_ns;
    tick(w, 0.01 * CAPACITY);
    assert_int_equal(w->refused, 0);
    close_world(w);
}

/* What came while the machine stood still is answered when twice the target is not over. */
static void one_stall_is_no_overload(void **state)
{
    static const struct {
        uint64_t target_us;
        double stall_ns;
        bool refuses;
    } rows[] = {{LG_SHED_TARGET_US, 50e6, false},
                {LG_SHED_TARGET_US, 500e6, true},
                {50000, 100e6, false},
                {50000, 5000e6, true}};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        struct world *w = open_world(&knows, rows[i].target_us);

        (void)run(w, 0.3, 1);
        assert_int_equal(w->refused, 0);
        w->now_ns += rows[i].stall_ns;
        tick(w, 0.3 * CAPACITY);
        (void)run(w, 0.3, 1);
        tick(w, 0.3 * CAPACITY);
        if ((w->refused_ever > 0) != rows[i].refuses)
            fail_msg("row %zu: %llu were refused", i, (unsigned long long)w->refused_ever);
        close_world(w);
    }
}

static void without_a_target_or_a_lane_that_knows_its_waits_nothing_is_refused(void **state)
{
    struct world *w;

    (void)state;
    for (int i = 0; i < 2; i++) {
        w = i == 0 ? open_world(&knows, 0) : open_world(&knows_not, LG_SHED_TARGET_US);
        (void)run(w, 3, 1);
        assert_int_equal(w->refused, 0);
        close_world(w);
    }
}

static void who_is_refused_for_being_late_pays_nothing(void **state)
{
    static const struct lg_bucket_limit limit = {
        .refill = 0, .interval_us = 1000000, .capacity = 1000000000};
    struct world *w = open_world(&knows, LG_SHED_TARGET_US);
    uint64_t admitted;

    (void)state;
    lg_quota_limit(w->quota, w->resource, &limit, 0);
    (void)run(w, 5, 2);
    admitted = w->asked - w->refused;
    assert_true(w->refused > admitted);
    lg_read_gate_close(LG_TAKE(w->gate)); /* What it has left goes back. */
    assert_int_equal(lg_quota_left(w->quota, w->resource, w->tick_us), limit.capacity - admitted);
    close_world(w);
}

static void each_refusal_is_counted_by_its_reason(void **state)
{
    static const struct lg_metric_table *const tables[] = {&lg_server_metrics};
    static const struct lg_bucket_limit few = {.refill = 0, .interval_us = 1000000, .capacity = 10},
                                        more = {
                                            .refill = 0, .interval_us = 1000000, .capacity = 15};
    const struct lg_metric *m = &lg_metric_server_refused_total;
    struct world *w;
    uint32_t ms = 0, metric;

    (void)state;
    lg_metrics_register(tables, 1, 10);
    metric = lg_metric_store("cities");
    w = open_world(&knows, LG_SHED_TARGET_US);
    lg_serving_limit(w->serving, TOPIC, w->resource, metric);
    lg_quota_limit(w->quota, w->resource, &few, 0);
    lg_quota_limit(w->quota, LG_QUOTA_NONE, &more, 0);
    lg_read_gate_tick(w->gate);
    assert_rc(LG_OK, lg_read_gate_admit(w->gate, w->topic, 8, false, &ms));
    assert_rc(LG_ERR_QUOTA, lg_read_gate_admit(w->gate, w->topic, 3, false, &ms));
    assert_int_equal(ms, LG_QUOTA_NEVER_MS);
    assert_rc(LG_OK, lg_read_gate_admit(w->gate, w->topic, 3, true, &ms));
    assert_rc(LG_ERR_BUSY, lg_read_gate_admit(w->gate, w->topic, 5, true, &ms));
    lg_read_gate_rest(w->gate);
    assert_int_equal(lg_metric_value(m, lg_metric_of_store(m, metric, 0)), 1);
    assert_int_equal(lg_metric_value(m, lg_metric_of_store(m, metric, 1)), 1);
    assert_int_equal(lg_metric_value(&lg_metric_server_rcu_total,
                                     lg_metric_of_store(&lg_metric_server_rcu_total, metric, 0)),
                     11);
    close_world(w);
    w = open_world(&knows, LG_SHED_TARGET_US);
    lg_serving_limit(w->serving, TOPIC, w->resource, metric);
    (void)run(w, 5, 1);
    assert_true(w->refused > 0);
    assert_int_equal(lg_metric_value(m, lg_metric_of_store(m, metric, 2)), w->refused);
    close_world(w);
    lg_metrics_reset();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goodput_at_five_times_the_load_stays_over_80_percent_of_the_peak),
        cmocka_unit_test(who_enters_a_tick_again_is_judged_like_who_was_first),
        cmocka_unit_test(below_its_capacity_a_lane_refuses_nothing_and_so_after_an_overload),
        cmocka_unit_test(time_without_work_is_not_time_that_reads_took),
        cmocka_unit_test(one_stall_is_no_overload),
        cmocka_unit_test(without_a_target_or_a_lane_that_knows_its_waits_nothing_is_refused),
        cmocka_unit_test(who_is_refused_for_being_late_pays_nothing),
        cmocka_unit_test(each_refusal_is_counted_by_its_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
