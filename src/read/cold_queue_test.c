/* Reads that wait for the pool: a model of threads, a disk and clients, under the test's clock. */
#include "read/cold_queue.h"

#include <math.h>
#include <pthread.h>

#include "base/rand.h"
#include "test/test.h"

#define THREADS 4u
#define KEY_US 200.0                  /* what a key takes of a thread, on average */
#define PEAK (THREADS * 1e6 / KEY_US) /* keys per second */
#define DEADLINE_US 300000u           /* Nobody waits for a later answer. */
#define TARGET_US 50000u
#define BURST_US 100000u
#define INTERVAL_US 100000u
#define QUEUE_MAX (1u << 20)
#define REFUSAL_US 1.0 /* of a thread */

static const struct lg_cold_queue_options defaults = {
    .target_us = TARGET_US, .burst_us = BURST_US, .interval_us = INTERVAL_US, .threads = THREADS};

struct read {
    struct lg_cold_wait wait;
    double came_us, ends_us;
    unsigned client; /* of a closed loop, from 1; 0: of nobody */
};

static struct world {
    struct lg_lane lane; /* First. */
    double now_us;
    struct lg_cold_queue *queue;
    struct lg_rand rand;
    double key_us;
    double stalled_us;  /* What a read that begins now takes besides. */
    unsigned enough;    /* 0, or so many keys are read at most of what waits. */
    bool goes_on;       /* What is asked from now on. */
    struct read *reads; /* a ring: those that wait */
    size_t head, tail;
    struct read at[THREADS]; /* what each thread reads ... */
    bool is_busy[THREADS];   /* ... if it does, */
    double away_us[THREADS]; /* and until when it does something else. */
    unsigned asked, good, refused, at_the_door;
    uint64_t longest_us; /* that somebody waited who was read */
    void (*ended)(unsigned client);
    uint64_t gone; /* a bit for each client who was refused at the door */
} w;

static uint64_t now_us(struct lg_lane *lane)
{
    (void)lane;
    return (uint64_t)w.now_us;
}

static const struct lg_lane_ops ops = {.now_us = now_us, .clock_us = now_us};

static void open_world(const struct lg_cold_queue_options *o)
{
    w = (struct world){.lane = {.ops = &ops}, .now_us = 1e9, .key_us = KEY_US};
    lg_rand_seed(&w.rand, 7);
    w.queue = lg_cold_queue_new(o);
    w.reads = lg_zalloc_array(QUEUE_MAX, sizeof w.reads[0]);
}

static int up(void **state)
{
    (void)state;
    open_world(&defaults);
    return 0;
}

static int down(void **state)
{
    (void)state;
    assert_int_equal(lg_cold_queue_keys(w.queue), 0); /* Every place is given back. */
    lg_cold_queue_unref(w.queue);
    lg_free(w.reads);
    return 0;
}

static double draw(double mean)
{
    double u = (double)(lg_rand_next(&w.rand) >> 11) / 9007199254740992.0;

    return -mean * log(1 - u);
}

/* --- The pool --------------------------------------------------------------------------------- */

static void ask(unsigned keys, unsigned client)
{
    struct read *r = &w.reads[w.tail % QUEUE_MAX];

    assert_true(w.tail - w.head < QUEUE_MAX);
    r->came_us = w.now_us;
    r->client = client;
    w.asked++;
    if (lg_cold_wait_begin(&r->wait, w.queue, &w.lane, keys, w.goes_on))
        w.tail++;
    else {
        w.refused++;
        w.at_the_door++;
        w.gone |= client > 0 ? UINT64_C(1) << client : 0;
    }
}

static unsigned read_keys(const struct read *r)
{
    return w.enough == 0 ? r->wait.keys : LG_MIN(w.enough, r->wait.keys);
}

static double takes_us(unsigned keys)
{
    double us = 0;

    for (unsigned i = 0; i < keys; i++)
        us += draw(w.key_us);
    return us;
}

static void take_up(unsigned thread)
{
    struct read *r = &w.at[thread];

    *r = w.reads[w.head++ % QUEUE_MAX];
    w.is_busy[thread] = true;
    if (lg_cold_wait_end(&r->wait)) {
        w.longest_us = LG_MAX(w.longest_us, r->wait.waited_us);
        r->ends_us = w.now_us + takes_us(read_keys(r)) + w.stalled_us;
        return;
    }
    w.refused++;
    r->ends_us = w.now_us + REFUSAL_US;
}

static void end(unsigned thread)
{
    struct read *r = &w.at[thread];
    bool is_late = r->wait.is_late;

    w.is_busy[thread] = false;
    lg_cold_read_end(&r->wait, is_late ? 0 : read_keys(r));
    w.good += !is_late && w.now_us - r->came_us <= DEADLINE_US;
    if (r->client > 0)
        w.ended(r->client);
}

/* Up to this moment, in which nobody asks. */
static void run_until(double until_us)
{
    for (;;) {
        double next_us = until_us;
        unsigned next = THREADS;

        for (unsigned i = 0; i < THREADS; i++) {
            double at_us = w.is_busy[i]       ? w.at[i].ends_us
                           : w.head == w.tail ? INFINITY
                                              : LG_MAX(w.away_us[i], w.now_us);

            if (at_us < next_us) {
                next_us = at_us;
                next = i;
            }
        }
        w.now_us = next_us;
        if (next == THREADS)
            return;
        if (w.is_busy[next])
            end(next);
        else
            take_up(next);
    }
}

/* `seconds` of questions for `keys` each, so many keys per second; counted from zero. */
static void load(double keys_per_second, unsigned keys, double seconds)
{
    double until_us = w.now_us + seconds * 1e6;

    w.asked = w.good = w.refused = w.at_the_door = 0;
    w.longest_us = 0;
    for (;;) {
        double next_us = w.now_us + draw(keys * 1e6 / keys_per_second);

        run_until(LG_MIN(next_us, until_us));
        if (next_us >= until_us)
            return;
        ask(keys, 0);
    }
}

static void fill_for(unsigned keys)
{
    while (lg_cold_queue_has_room(w.queue, &w.lane, keys))
        ask(keys, 0);
}

static void drain(void)
{
    run_until(w.now_us + 60e6);
    assert_int_equal(w.head, w.tail);
}

/* --- Load and overload ------------------------------------------------------------------------ */

/* By chance many large ones come at once. */
static void hardly_anything_is_refused_that_can_be_read(void **state)
{
    (void)state;
    load(0.9 * PEAK, 1, 20);
    assert_int_equal(w.refused, 0);
    load(0.9 * PEAK, 10, 20);
    assert_int_equal(w.refused, 0);
    load(0.8 * PEAK, 100, 60);
    assert_true(w.refused < 0.01 * w.asked);
    drain();
}

static void five_times_the_load_keeps_the_peak(void **state)
{
    static const unsigned keys[] = {1, 10, 100};

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(keys); i++) {
        double peak = PEAK / keys[i];

        load(0.5 * PEAK, keys[i], 1);
        for (unsigned second = 0; second < 5; second++) { /* The first one, too. */
            load(5 * PEAK, keys[i], 1);
            assert_true(w.good > 0.8 * peak);
            assert_true(w.refused > 3 * peak);
            if (second == 0)
                continue;
            assert_true((double)w.longest_us <=
                        1.1 * LG_MAX(TARGET_US, LG_COLD_PATIENCE * keys[i] * KEY_US));
            assert_true(w.at_the_door > 0.8 * w.refused);
        }
        drain();
    }
}

static void without_a_target_all_are_answered_after_they_have_gone(void **state)
{
    (void)state;
    down(NULL);
    open_world(&(struct lg_cold_queue_options){0});
    load(5 * PEAK, 10, 2);
    load(5 * PEAK, 10, 1);
    assert_int_equal(w.refused, 0);
    assert_int_equal(w.good, 0);
    drain();
}

static void when_the_load_goes_so_do_the_refusals(void **state)
{
    (void)state;
    load(5 * PEAK, 10, 3);
    load(0.5 * PEAK, 10, 0.2); /* What is left of the queue. */
    load(0.9 * PEAK, 10, 20);
    assert_int_equal(w.refused, 0);
    drain();
}

static void a_burst_after_rest_is_read(void **state)
{
    (void)state;
    load(0.5 * PEAK, 1, 1);
    drain();
    w.asked = w.good = w.refused = 0;
    for (unsigned i = 0; i < 0.9 * BURST_US / 1e6 * PEAK; i++)
        ask(1, 0);
    drain();
    assert_int_equal(w.refused, 0);
    assert_int_equal(w.good, w.asked);
    for (unsigned i = 0; i < THREADS; i++) /* Other work goes before it. */
        w.away_us[i] = w.now_us + 0.36 * BURST_US;
    for (unsigned i = 0; i < 0.56 * BURST_US / 1e6 * PEAK; i++)
        ask(1, 0);
    drain();
    assert_int_equal(w.refused, 0);
}

/* Whoever comes first is refused after a wait; from then on it takes no thread. */
static void the_door_is_shut_while_the_queue_is_too_long(void **state)
{
    (void)state;
    load(0.5 * PEAK, 10, 1);
    assert_true(lg_cold_queue_has_room(w.queue, &w.lane, 10));
    load(5 * PEAK, 10, 0.09);
    assert_int_equal(w.at_the_door, 0); /* Nobody has been late. */
    load(5 * PEAK, 10, 1);
    fill_for(10);
    assert_true(lg_cold_queue_has_room(w.queue, &w.lane, 1000)); /* It takes longer itself. */
    w.at_the_door = 0;
    ask(10, 0);
    assert_int_equal(w.at_the_door, 1);
    ask(1000, 0);
    assert_int_equal(w.at_the_door, 1);
    drain();
    assert_true(lg_cold_queue_has_room(w.queue, &w.lane, 10));
}

/* What comes at once after an overload is a burst like any other. */
static void the_door_is_open_once_the_queue_was_short(void **state)
{
    (void)state;
    load(5 * PEAK, 1, 1);
    run_until(w.now_us + 2 * TARGET_US);
    w.at_the_door = 0;
    for (unsigned i = 0; i < 1.5 * BURST_US / 1e6 * PEAK; i++)
        ask(1, 0);
    assert_int_equal(w.at_the_door, 0);
    drain();
}

/* --- What is no overload of reads ------------------------------------------------------------- */

enum { BATCH = 1000, CLIENTS = 12 };

static void ask_again(unsigned client)
{
    if (w.asked < 500)
        ask(BATCH, client);
}

static void ignore(unsigned client)
{
    (void)client;
}

static void ask_for_most_again(unsigned client)
{
    if (w.asked < 50)
        ask(10 * BATCH, client);
}

/* Each takes 200 ms, four at a time: they wait for 400 ms and more. */
static void who_asks_for_much_at_once_may_wait_for_others_who_do(void **state)
{
    (void)state;
    w.ended = ask_again;
    for (unsigned i = 1; i <= CLIENTS; i++)
        ask(BATCH, i);
    drain();
    assert_int_equal(w.asked, 500);
    assert_int_equal(w.refused, 0);
    w.asked = 0;
    w.ended = ask_for_most_again; /* Each takes two seconds. */
    for (unsigned i = 1; i <= THREADS + 1; i++)
        ask(10 * BATCH, i);
    drain();
    assert_int_equal(w.refused, 0);
}

static unsigned batch;

static void ask_for_ever(unsigned client)
{
    ask(batch, client);
}

static void come_back(void)
{
    uint64_t gone = w.gone;

    w.gone = 0;
    for (unsigned i = 1; i < 64; i++)
        if ((gone >> i & 1) == 1)
            ask_for_ever(i);
}

/* Clients who keep the queue from ever being short, after others had overloaded it. */
static void expect_none_refused_after_a_surge(unsigned clients, unsigned keys)
{
    enum { SECONDS = 60 };

    batch = keys;
    load(5 * PEAK * KEY_US / w.key_us, 1, 1);
    w.ended = ask_for_ever;
    for (unsigned i = 1; i <= clients; i++)
        ask_for_ever(i);
    for (unsigned second = 0; second < SECONDS; second++) {
        if (second == 3)
            w.refused = 0;
        run_until(w.now_us + 1e6);
        come_back();
        ask(1, 0);
    }
    assert_int_equal(w.refused, 0);
    w.ended = ignore;
    drain();
}

static void a_surge_that_is_over_refuses_nobody(void **state)
{
    (void)state;
    expect_none_refused_after_a_surge(21, BATCH);
}

/* What streams ask for: they stop at so many bytes. */
static void a_surge_refuses_nobody_who_reads_few_of_many_keys(void **state)
{
    (void)state;
    w.key_us = 10 * KEY_US;
    w.enough = 4;
    expect_none_refused_after_a_surge(48, 64);
}

/* Gets that stand behind a batch for each thread and one more. */
static void who_stands_behind_large_ones_may_wait_for_them(void **state)
{
    double until_us = w.now_us + 10e6;

    (void)state;
    w.ended = ask_again;
    for (unsigned i = 1; i <= THREADS + 1; i++)
        ask(BATCH, i);
    while (w.now_us < until_us) {
        run_until(w.now_us + draw(20000));
        ask(1, 0);
    }
    drain();
    assert_int_equal(w.refused, 0);
}

/* Whoever may be refused for what they have done: what goes on is not, and counts. */
static void what_was_begun_goes_on(void **state)
{
    (void)state;
    load(0.5 * PEAK, 10, 1);
    w.goes_on = true;
    load(5 * PEAK, 10, 2);
    assert_int_equal(w.refused, 0);
    w.goes_on = false;
    load(0.1 * PEAK, 10, 1); /* Behind it. */
    drain();
    assert_true(w.refused > 0.8 * w.asked);
    load(5 * PEAK, 10, 1);
    fill_for(10);
    w.goes_on = true;
    w.at_the_door = 0;
    ask(10, 0);
    assert_int_equal(w.at_the_door, 0);
    drain();
}

static void nobody_takes_up(double us)
{
    for (unsigned i = 0; i < THREADS; i++)
        w.away_us[i] = w.now_us + us;
}

static void who_waits_for_other_work_is_not_refused(void **state)
{
    (void)state;
    load(0.3 * PEAK, 1, 1);
    for (unsigned round = 0; round < 5; round++) {
        nobody_takes_up(1.4 * BURST_US);
        load(0.2 * PEAK, 1, 1);
        assert_int_equal(w.refused, 0);
        nobody_takes_up(4 * BURST_US);
        load(0.05 * PEAK, 1, 1);
        assert_int_equal(w.refused, 0);
    }
    drain();
}

/* Reads under way end when it goes on: that is what the next ones would be judged by. */
static void who_waits_for_a_disk_that_stands_still_is_not_refused(void **state)
{
    (void)state;
    load(0.3 * PEAK, 1, 1);
    for (unsigned round = 0; round < 5; round++) {
        for (unsigned i = 0; i < THREADS; i++)
            ask(1, 0);
        w.stalled_us = 1.4 * BURST_US;
        run_until(w.now_us + 1);
        w.stalled_us = 0;
        load(0.2 * PEAK, 1, 1);
        assert_int_equal(w.refused, 0);
    }
    drain();
}

static void a_disk_that_became_slow_is_known_as_such(void **state)
{
    (void)state;
    load(0.5 * PEAK, 1, 1);
    w.key_us = 100 * KEY_US;
    load(5 * PEAK / 100, 1, 5);
    for (unsigned i = 0; i < 5; i++) {
        load(5 * PEAK / 100, 1, 2);
        assert_true(w.good > 0.8 * 2 * PEAK / 100);
    }
    drain();
}

/* --- The bound -------------------------------------------------------------------------------- */

static void there_is_room_for_so_many_keys(void **state)
{
    enum { ROOM = 100 };
    struct lg_cold_queue_options o = defaults;

    (void)state;
    down(NULL);
    o.keys_max = ROOM;
    open_world(&o);
    for (unsigned i = 0; i < ROOM / 10; i++) {
        assert_true(lg_cold_queue_has_room(w.queue, &w.lane, 10));
        ask(10, 0);
    }
    assert_int_equal(w.refused, 0);
    assert_false(lg_cold_queue_has_room(w.queue, &w.lane, 1));
    ask(1, 0);
    assert_int_equal(w.refused, 1);
    w.goes_on = true; /* What was begun needs none. */
    ask(1, 0);
    w.goes_on = false;
    assert_int_equal(w.refused, 1);
    drain();
    assert_int_equal(lg_cold_queue_keys(w.queue), 0);
    ask(ROOM, 0);
    assert_int_equal(w.refused, 1);
    drain();
}

static void it_is_bounded_without_a_target_too(void **state)
{
    struct lg_cold_wait wait;

    (void)state;
    down(NULL);
    open_world(&(struct lg_cold_queue_options){0});
    ask(LG_COLD_KEYS_MAX, 0);
    assert_false(lg_cold_wait_begin(&wait, w.queue, &w.lane, 1, false));
    w.key_us = 0;
    drain();
}

static void without_a_queue_there_are_no_bounds(void **state)
{
    struct lg_cold_wait wait;

    (void)state;
    assert_true(lg_cold_wait_begin(&wait, NULL, &w.lane, LG_COLD_KEYS_MAX * 2, false));
    w.now_us += 1e9;
    assert_true(lg_cold_wait_end(&wait));
    lg_cold_read_end(&wait, 1);
    assert_false(wait.is_late);
}

static void who_is_refused_is_told_what_to_do(void **state)
{
    struct lg_error err;

    (void)state;
    assert_int_equal(lg_cold_refused(&err), LG_ERR_OVERLOADED);
    assert_non_null(strstr(err.text, "ask another server, or come back later"));
}

/* --- Threads ---------------------------------------------------------------------------------- */

static uint64_t ticks;

static uint64_t ticking_us(struct lg_lane *lane)
{
    (void)lane;
    return __atomic_add_fetch(&ticks, 1000, __ATOMIC_RELAXED);
}

static void *read_much(void *arg)
{
    struct lg_cold_queue *q = lg_cold_queue_ref(arg);

    for (unsigned i = 0; i < 20000; i++) {
        struct lg_cold_wait wait;

        if (lg_cold_wait_begin(&wait, q, &w.lane, i % 7 + 1, i % 5 == 0))
            lg_cold_read_end(&wait, lg_cold_wait_end(&wait) ? i % 7 + 1 : 0);
    }
    lg_cold_queue_unref(q);
    return NULL;
}

static void threads_share_it(void **state)
{
    static const struct lg_lane_ops ticking = {.now_us = ticking_us, .clock_us = ticking_us};
    pthread_t threads[THREADS];

    (void)state;
    w.lane.ops = &ticking;
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_much, w.queue), 0);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(lg_cold_queue_keys(w.queue), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, up, down)
    const struct CMUnitTest tests[] = {
        TEST(hardly_anything_is_refused_that_can_be_read),
        TEST(five_times_the_load_keeps_the_peak),
        TEST(without_a_target_all_are_answered_after_they_have_gone),
        TEST(when_the_load_goes_so_do_the_refusals),
        TEST(the_door_is_shut_while_the_queue_is_too_long),
        TEST(the_door_is_open_once_the_queue_was_short),
        TEST(a_burst_after_rest_is_read),
        TEST(who_asks_for_much_at_once_may_wait_for_others_who_do),
        TEST(a_surge_that_is_over_refuses_nobody),
        TEST(a_surge_refuses_nobody_who_reads_few_of_many_keys),
        TEST(who_stands_behind_large_ones_may_wait_for_them),
        TEST(what_was_begun_goes_on),
        TEST(who_waits_for_other_work_is_not_refused),
        TEST(who_waits_for_a_disk_that_stands_still_is_not_refused),
        TEST(a_disk_that_became_slow_is_known_as_such),
        TEST(there_is_room_for_so_many_keys),
        TEST(it_is_bounded_without_a_target_too),
        TEST(without_a_queue_there_are_no_bounds),
        TEST(who_is_refused_is_told_what_to_do),
        TEST(threads_share_it),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
