/* Load shedding in simulated servers: goodput and delays under, at and far over what they can do.
 */
#include "fetch/shed.h"

#include <math.h>
#include <stdlib.h>

#include "base/histogram.h"
#include "base/rand.h"
#include "lane/lane.h"
#include "test/test.h"

#define SERVICE_NS 100000.0 /* on average */
#define REFUSAL_NS 3000.0
#define DEADLINE_US (20 * LG_MS) /* Nobody waits for a later answer. */
#define QUEUE_MAX 400000u
#define CAPACITY (1e9 / SERVICE_NS) /* answers a second */

/* One server with one queue, Poisson arrivals, exponential service times. */
struct sim {
    struct lg_shed shed;
    struct lg_rand rand;
    bool in_ticks; /* It takes all that came, unstamped; else one at a time, with its stamp. */
    bool sheds;
    double rate; /* arrivals a second */
    double now_ns, next_ns;
    double retries; /* part of the requests */
    struct {
        double at_ns;
        bool is_retry;
    } * queue;
    size_t head, tail;
    struct lg_histogram *delays; /* us, of what was answered */
    uint64_t good, late, refused, good_retries, offered;
};

static double draw(struct sim *s, double mean)
{
    double u = (double)(lg_rand_next(&s->rand) >> 11) / 9007199254740992.0;

    return -mean * log(1 - u);
}

static uint64_t us(double ns)
{
    return (uint64_t)(ns / 1000);
}

static struct sim *open_sim(bool in_ticks, bool sheds)
{
    struct sim *s = lg_new(struct sim);
    struct lg_shed_options none = {.target_us = 0};

    s->in_ticks = in_ticks;
    s->sheds = sheds;
    s->queue = lg_zalloc_array(QUEUE_MAX, sizeof s->queue[0]);
    s->delays = lg_new(struct lg_histogram);
    lg_rand_seed(&s->rand, 7);
    lg_shed_init(&s->shed, sheds ? NULL : &none, 0);
    return s;
}

static void close_sim(struct sim *s)
{
    lg_free(s->queue);
    lg_free(s->delays);
    lg_free(s);
}

static void let_arrive(struct sim *s)
{
    while (s->next_ns <= s->now_ns) {
        assert_true(s->tail - s->head < QUEUE_MAX);
        s->queue[s->tail % QUEUE_MAX].at_ns = s->next_ns;
        s->queue[s->tail++ % QUEUE_MAX].is_retry =
            (double)lg_rand_below(&s->rand, 1000) < 1000 * s->retries;
        s->next_ns += draw(s, 1e9 / s->rate);
        s->offered++;
    }
}

static void serve_one(struct sim *s, uint64_t arrived_us)
{
    bool is_retry = s->queue[s->head % QUEUE_MAX].is_retry;
    double at_ns = s->queue[s->head++ % QUEUE_MAX].at_ns;

    if (!lg_shed_admit(&s->shed, arrived_us, 1, is_retry)) {
        s->now_ns += REFUSAL_NS;
        s->refused++;
        return;
    }
    s->now_ns += draw(s, SERVICE_NS);
    lg_histogram_add(s->delays, us(s->now_ns - at_ns));
    if (us(s->now_ns - at_ns) > DEADLINE_US) {
        s->late++;
    } else {
        s->good++;
        s->good_retries += is_retry;
    }
}

static void step(struct sim *s)
{
    if (s->head == s->tail)
        s->now_ns = LG_MAX(s->now_ns, s->next_ns);
    let_arrive(s);
    lg_shed_wake(&s->shed, us(s->now_ns));
    if (s->in_ticks) {
        for (size_t end = s->tail; s->head < end;)
            serve_one(s, LG_SHED_THIS_TICK);
    } else {
        serve_one(s, us(s->queue[s->head % QUEUE_MAX].at_ns));
    }
    lg_shed_rest(&s->shed, us(s->now_ns));
}

/* So many times the capacity for so long; returns the goodput as a part of the capacity. */
static double run(struct sim *s, double load, double seconds)
{
    double end_ns = s->now_ns + seconds * 1e9, from_ns = s->now_ns;

    if (s->rate < load * CAPACITY || s->rate > load * CAPACITY) {
        s->rate = load * CAPACITY;
        s->next_ns = s->now_ns + draw(s, 1e9 / s->rate);
    }
    s->good = s->late = s->refused = s->good_retries = s->offered = 0;
    lg_histogram_reset(s->delays);
    while (s->now_ns < end_ns)
        step(s);
    return (double)s->good / ((s->now_ns - from_ns) / 1e9) / CAPACITY;
}

static double peak_of(bool in_ticks)
{
    double peak = 0;

    for (double load = 0.5; load < 1.3; load += 0.1) {
        struct sim *s = open_sim(in_ticks, true);

        peak = fmax(peak, run(s, load, 5));
        close_sim(s);
    }
    return peak;
}

static void goodput_at_five_times_the_load_stays_over_80_percent_of_the_peak(void **state)
{
    (void)state;
    for (int in_ticks = 0; in_ticks < 2; in_ticks++) {
        double peak = peak_of(in_ticks != 0);

        assert_true(peak > 0.93 && peak < 1.02);
        for (double load = 1.5; load <= 5; load += 0.5) {
            struct sim *s = open_sim(in_ticks != 0, true);
            double goodput = run(s, load, 5); /* Its beginning too. */

            if (goodput < 0.8 * peak)
                fail_msg("ticks %d, load %.1f: %.3f of a peak of %.3f", in_ticks, load, goodput,
                         peak);
            assert_true(run(s, load, 5) > 0.8 * peak);
            /* And those who are answered do not wait: the target and a service time. */
            assert_true(lg_histogram_quantile(s->delays, 0.99) < 3 * LG_SHED_TARGET_US);
            assert_true(lg_histogram_quantile(s->delays, 0.5) < 2 * LG_SHED_TARGET_US);
            close_sim(s);
        }
    }
}

/* What the above is measured against: without shedding next to nothing is answered in time. */
static void without_shedding_goodput_collapses(void **state)
{
    (void)state;
    for (int in_ticks = 0; in_ticks < 2; in_ticks++) {
        struct sim *s = open_sim(in_ticks != 0, false);

        assert_true(run(s, 0.8, 2) > 0.75);
        assert_true(run(s, 2, 5) < 0.05);
        assert_int_equal(s->refused, 0);
        close_sim(s);
    }
}

static void below_its_capacity_a_lane_refuses_nothing(void **state)
{
    (void)state;
    static const double loads[] = {0.1, 0.5, 0.8};

    for (int in_ticks = 0; in_ticks < 2; in_ticks++) {
        for (size_t i = 0; i < LG_ARRAY_SIZE(loads); i++) {
            struct sim *s = open_sim(in_ticks != 0, true);

            (void)run(s, loads[i], 10);
            assert_int_equal(s->refused, 0);
            assert_true(s->late == 0);
            close_sim(s);
        }
    }
}

static void a_lane_recovers_within_a_tenth_of_a_second(void **state)
{
    (void)state;
    for (int in_ticks = 0; in_ticks < 2; in_ticks++) {
        struct sim *s = open_sim(in_ticks != 0, true);

        (void)run(s, 5, 5);
        assert_true(s->refused > 0 && lg_shed_is_standing(&s->shed));
        (void)run(s, 0.8, 0.1); /* What is left of the queue is refused or served. */
        (void)run(s, 0.8, 5);
        assert_int_equal(s->refused, 0);
        assert_int_equal(s->late, 0);
        assert_false(lg_shed_is_standing(&s->shed));
        assert_true(lg_histogram_quantile(s->delays, 0.99) < LG_SHED_TARGET_US);
        /* And again, as often as it comes. */
        assert_true(run(s, 5, 5) > 0.75);
        close_sim(s);
    }
}

static void a_burst_after_rest_is_served(void **state)
{
    (void)state;
    struct lg_shed s;

    lg_shed_init(&s, NULL, 0);
    /* 300 at once, 100 us each: the last one waits for 30 ms. */
    lg_shed_wake(&s, LG_SEC);
    for (int i = 0; i < 100; i++)
        assert_true(lg_shed_admit(&s, LG_SHED_THIS_TICK, 1, false));
    lg_shed_rest(&s, LG_SEC + 10 * LG_MS);
    assert_int_equal(s.unit_ns, 100000);
    lg_shed_wake(&s, LG_SEC + 11 * LG_MS);
    for (int i = 0; i < 300; i++)
        assert_true(lg_shed_admit(&s, LG_SHED_THIS_TICK, 1, false));
    /* Up to the one that would wait for more than 100 ms. */
    for (int i = 300; i <= 1000; i++)
        assert_true(lg_shed_admit(&s, LG_SHED_THIS_TICK, 1, false));
    assert_false(lg_shed_admit(&s, LG_SHED_THIS_TICK, 1, false));
    assert_int_equal(s.delay_us_last, 100100);
    assert_int_equal(s.refused, 1);
    assert_int_equal(s.admitted, 1101);
}

/* 0.1 s away at a third of the load: some 350 are there at once, after 50 ms on average. */
static void one_stall_of_the_machine_is_no_overload(void **state)
{
    (void)state;
    struct sim *s = open_sim(/* in_ticks= */ true, true);

    for (int i = 0; i < 20; i++) {
        (void)run(s, 0.35, 0.5);
        assert_int_equal(s->refused, 0);
        lg_shed_wake(&s->shed, us(s->now_ns));
        s->now_ns += 100e6;
        lg_shed_rest(&s->shed, us(s->now_ns));
    }
    close_sim(s);
}

static void a_standing_queue_serves_what_has_waited_less_than_the_target(void **state)
{
    (void)state;
    struct lg_shed s;
    uint64_t now = LG_SEC;

    lg_shed_init(&s, NULL, now);
    for (int tick = 0; tick < 51; tick++) { /* 2 ms each, no rest. */
        lg_shed_wake(&s, now);
        assert_true(lg_shed_admit(&s, now - 20 * LG_MS, 64, false));
        now += 2 * LG_MS;
        lg_shed_rest(&s, now);
    }
    lg_shed_wake(&s, now);
    assert_true(lg_shed_is_standing(&s));
    assert_false(lg_shed_admit(&s, now - LG_SHED_TARGET_US - 1, 16, false));
    assert_true(lg_shed_admit(&s, now - LG_SHED_TARGET_US, 16, false));
    /* It came while the last tick ran: a millisecond on average, and half of one for each before.
     */
    for (unsigned i = 1; i <= 8; i++) {
        assert_true(lg_shed_admit(&s, LG_SHED_THIS_TICK, 16, false));
        assert_in_range(s.delay_us_last, 998 + 500 * i, 1000 + 500 * i);
    }
    assert_false(lg_shed_admit(&s, LG_SHED_THIS_TICK, 16, false));
    lg_shed_rest(&s, now);
    lg_shed_wake(&s, now - LG_SEC); /* A clock that goes back. */
    assert_int_equal(s.now_us, now);
    lg_shed_wake(&s, now + LG_SHED_SLEPT_US);
    assert_false(lg_shed_is_standing(&s));
}

static uint64_t clock_now_us;
static unsigned clock_reads;

static uint64_t clock_us(void *ctx)
{
    (void)ctx;
    clock_reads++;
    return clock_now_us;
}

static const struct lg_shed_options patient = {.target_us = 50 * LG_MS,
                                               .burst_us = 250 * LG_MS,
                                               .interval_us = 100 * LG_MS,
                                               .clock_us = clock_us};

/* Of so many keys, each of which takes so long; false: it was refused. */
static bool serve(struct lg_shed *s, uint32_t keys, uint64_t us)
{
    bool good = lg_shed_admit(s, LG_SHED_THIS_TICK, keys, false);

    clock_now_us += good ? us : 1;
    return good;
}

/* A tick of reads that are all served. */
static void serve_tick(struct lg_shed *s, unsigned reads, uint32_t keys, uint64_t us)
{
    lg_shed_wake(s, clock_now_us);
    for (unsigned i = 0; i < reads; i++)
        assert_true(serve(s, keys, us));
    lg_shed_rest(s, clock_now_us);
}

/* What reads took lately, of another kind, is not what these take. */
static void batches_that_come_together_to_a_quiet_lane_are_served(void **state)
{
    (void)state;
    struct lg_shed s;

    clock_now_us = LG_SEC;
    lg_shed_init(&s, &patient, clock_now_us);
    for (int i = 0; i < 200; i++) { /* Single gets, with all that a tick takes besides; then dear */
        clock_now_us += 100 * LG_MS; /* batches: 40 us a key. */
        serve_tick(&s, 1, i < 100 ? 1 : 100, i < 100 ? 2 * LG_MS : 4 * LG_MS);
    }
    assert_true(s.unit_ns > 30000);
    lg_shed_wake(&s, clock_now_us += 100 * LG_MS);
    for (int i = 0; i < 200; i++) /* Cheap ones. */
        assert_true(serve(&s, 100, 30));
    assert_int_equal(s.refused, 0);
    for (int i = 0; i < 70; i++) /* As long as these take. */
        (void)serve(&s, 100, 4 * LG_MS);
    assert_in_range(s.refused, 1, 20);
}

/* Of a queue that stands, though nobody in it waits for long as it goes. */
static void what_takes_long_may_wait_for_a_few_of_its_kind(void **state)
{
    (void)state;
    struct lg_shed s;

    clock_now_us = LG_SEC;
    lg_shed_init(&s, &patient, clock_now_us);
    for (int tick = 0; tick < 40; tick++)
        serve_tick(&s, 3, 5000, 25 * LG_MS);
    lg_shed_wake(&s, clock_now_us);
    assert_true(lg_shed_is_standing(&s));
    assert_true(serve(&s, 5000, 25 * LG_MS));
    assert_false(serve(&s, 1, 5)); /* This one is late. */
    assert_true(serve(&s, 5000, 25 * LG_MS));
    assert_true(serve(&s, 5000, 25 * LG_MS));
    assert_false(serve(&s, 5000, 25 * LG_MS));
}

/* Clients that each wait for their answer keep a lane busy that is not overloaded; what came while
 * the machine stood still is answered. */
static void a_stall_of_a_busy_lane_is_no_overload(void **state)
{
    (void)state;

    for (uint64_t stall_us = 50 * LG_MS; stall_us <= 400 * LG_MS; stall_us += 50 * LG_MS) {
        struct lg_shed s;

        clock_now_us = LG_SEC;
        lg_shed_init(&s, &patient, clock_now_us);
        for (int tick = 0; tick < 100; tick++) {
            lg_shed_wake(&s, clock_now_us);
            for (int i = 0; i < 100; i++)
                assert_true(serve(&s, 10, 100));
            clock_now_us += tick == 80 ? stall_us : 0;
            lg_shed_rest(&s, clock_now_us);
        }
        assert_true(lg_shed_is_standing(&s));
    }
}

/* Most of a tick with one key is not its key's: a full one is foretold to be as short as it is, and
 * nobody has to look at the clock. */
static void what_a_tick_takes_besides_its_keys_is_not_theirs(void **state)
{
    (void)state;
    struct lg_shed s;

    clock_now_us = LG_SEC;
    clock_reads = 0;
    lg_shed_init(&s, &patient, clock_now_us);
    for (int tick = 0; tick < 1000; tick++) {
        serve_tick(&s, 1, 1, 60);
        clock_now_us += LG_MS;
    }
    serve_tick(&s, 10000, 1, 1); /* With 60 us for each the last would wait for 600 ms. */
    assert_int_equal(clock_reads, 0);
    assert_int_equal(s.refused, 0);
}

/* As when reads come from a disk that is slow, though few keys are asked for in a tick. */
static void what_few_dear_reads_take_is_learned(void **state)
{
    (void)state;
    struct lg_shed s;

    clock_now_us = LG_SEC;
    lg_shed_init(&s, &patient, clock_now_us);
    for (int tick = 0; tick < 50; tick++) {
        lg_shed_wake(&s, clock_now_us);
        for (int i = 0; i < 8; i++)
            (void)serve(&s, 1, 5 * LG_MS);
        lg_shed_rest(&s, clock_now_us);
    }
    assert_in_range(s.unit_ns, 4000000, 6000000);
}

/* As when the read index goes: what was learned is over at once. */
static void reads_that_become_a_hundred_times_dearer_are_an_overload_soon(void **state)
{
    (void)state;
    struct lg_shed s;
    uint64_t since_us;

    clock_now_us = LG_SEC;
    lg_shed_init(&s, &patient, clock_now_us);
    for (int tick = 0; tick < 100; tick++) {
        serve_tick(&s, 100, 1, 10);
        clock_now_us += 10 * LG_MS;
    }
    since_us = clock_now_us;
    for (uint64_t asked = 0; s.refused == 0; asked = 5 * (clock_now_us - s.now_us) / LG_MS) {
        lg_shed_wake(&s, clock_now_us);
        for (uint64_t i = 0; i < LG_MAX(asked, (uint64_t)1); i++) /* Five times what it can do. */
            (void)serve(&s, 1, LG_MS);
        lg_shed_rest(&s, clock_now_us);
        assert_true(clock_now_us - since_us < 300 * LG_MS);
    }
}

/* Of hundreds of clients: it is no rest. */
static void what_the_kernel_takes_to_tell_what_came_is_no_rest(void **state)
{
    (void)state;
    struct lg_shed s;

    clock_now_us = LG_SEC;
    lg_shed_init(&s, &patient, clock_now_us);
    for (int tick = 0; tick < 100; tick++) {
        serve_tick(&s, 100, 1, 100);
        clock_now_us += 150;
    }
    assert_true(lg_shed_is_standing(&s));
    lg_shed_wake(&s, clock_now_us += 2 * LG_MS);
    assert_false(lg_shed_is_standing(&s));
}

static void batches_count_as_many_keys(void **state)
{
    (void)state;
    struct lg_shed s;

    lg_shed_init(&s, NULL, 0);
    lg_shed_wake(&s, LG_SEC);
    assert_true(lg_shed_admit(&s, LG_SHED_THIS_TICK, 500, false));
    lg_shed_rest(&s, LG_SEC + LG_MS); /* 2 us a key */
    lg_shed_wake(&s, 2 * LG_SEC);
    assert_true(lg_shed_admit(&s, LG_SHED_THIS_TICK, 100, false));
    assert_true(lg_shed_admit(&s, LG_SHED_THIS_TICK, 1, false));
    assert_int_equal(s.delay_us_last, 200);
}

static void retries_can_be_refused_first(void **state)
{
    (void)state;
    struct sim *s = open_sim(/* in_ticks= */ false, true);
    double all;

    s->retries = 0.5;
    all = run(s, 3, 5);
    assert_true(s->good_retries * 10 > s->good * 4); /* As Venice: no difference. */
    s->shed.o.retry_target_us = LG_SHED_TARGET_US / 2;
    assert_true(run(s, 3, 5) > 0.95 * all);
    assert_true(s->good_retries * 20 < s->good);
    (void)run(s, 0.5, 1);
    (void)run(s, 0.5, 5);
    assert_int_equal(s->refused, 0);
    close_sim(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goodput_at_five_times_the_load_stays_over_80_percent_of_the_peak),
        cmocka_unit_test(without_shedding_goodput_collapses),
        cmocka_unit_test(below_its_capacity_a_lane_refuses_nothing),
        cmocka_unit_test(a_lane_recovers_within_a_tenth_of_a_second),
        cmocka_unit_test(a_burst_after_rest_is_served),
        cmocka_unit_test(one_stall_of_the_machine_is_no_overload),
        cmocka_unit_test(a_standing_queue_serves_what_has_waited_less_than_the_target),
        cmocka_unit_test(batches_that_come_together_to_a_quiet_lane_are_served),
        cmocka_unit_test(what_takes_long_may_wait_for_a_few_of_its_kind),
        cmocka_unit_test(a_stall_of_a_busy_lane_is_no_overload),
        cmocka_unit_test(what_a_tick_takes_besides_its_keys_is_not_theirs),
        cmocka_unit_test(what_few_dear_reads_take_is_learned),
        cmocka_unit_test(reads_that_become_a_hundred_times_dearer_are_an_overload_soon),
        cmocka_unit_test(what_the_kernel_takes_to_tell_what_came_is_no_rest),
        cmocka_unit_test(batches_count_as_many_keys),
        cmocka_unit_test(retries_can_be_refused_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
