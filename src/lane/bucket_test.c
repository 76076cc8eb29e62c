/* Token buckets against their bound, alone, through changes and shared by threads. */
#include "lane/bucket.h"

#include <pthread.h>
#include <sched.h>

#include "base/rand.h"
#include "lane/lane.h"
#include "test/test.h"

#define START_US (77 * LG_SEC)

static struct lg_bucket open_bucket(uint64_t refill, uint64_t interval_us, uint64_t capacity)
{
    struct lg_bucket b;

    lg_bucket_init(&b,
                   &(struct lg_bucket_limit){
                       .refill = refill, .interval_us = interval_us, .capacity = capacity},
                   /* sharers= */ 1, /* before= */ NULL, START_US);
    return b;
}

static uint64_t take(struct lg_bucket *b, uint64_t at_us, uint64_t n)
{
    uint64_t wait_us = 0;

    return lg_bucket_take(b, START_US + at_us, n, n, &wait_us);
}

static uint64_t wait_for(struct lg_bucket *b, uint64_t at_us, uint64_t n)
{
    uint64_t wait_us = 0;

    assert_int_equal(lg_bucket_take(b, START_US + at_us, n, n, &wait_us), 0);
    return wait_us;
}

static void a_bucket_begins_full_and_fills_evenly(void **state)
{
    (void)state;
    struct lg_bucket b = open_bucket(7, 3 * LG_SEC, 50); /* 2.333 a second */
    uint64_t got = 0;

    assert_int_equal(lg_bucket_left(&b, START_US), 50);
    assert_int_equal(take(&b, 0, 50), 50);
    assert_int_equal(take(&b, 0, 1), 0);
    assert_int_equal(take(&b, 428571, 1), 0); /* 3/7 s = 428571.43 us */
    assert_int_equal(take(&b, 428572, 1), 1);
    /* No rate is rounded: one at a time, each millisecond, for an hour. */
    for (uint64_t ms = 429; ms <= 3600 * 1000; ms++)
        got += take(&b, ms * LG_MS, 1);
    assert_int_equal(got, 3600 * 7 / 3 - 1);
}

static void waits_are_exact(void **state)
{
    (void)state;
    struct lg_rand rand;

    lg_rand_seed(&rand, 5);
    for (int i = 0; i < 20000; i++) {
        uint64_t capacity = 1 + lg_rand_below(&rand, 1000);
        uint64_t refill = 1 + lg_rand_below(&rand, 5000);
        struct lg_bucket b = open_bucket(refill, 1 + lg_rand_below(&rand, 20 * LG_SEC), capacity);
        uint64_t first = 1 + lg_rand_below(&rand, capacity), wait;
        uint64_t n = capacity - first + 1 + lg_rand_below(&rand, first);
        uint64_t at = lg_rand_below(&rand, 100);

        assert_int_equal(take(&b, 0, first), first);
        if (lg_bucket_left(&b, START_US + at) >= n)
            continue;
        wait = wait_for(&b, at, n);
        assert_true(wait > 0);
        assert_int_equal(take(&b, at + wait - 1, n), 0);
        assert_int_equal(take(&b, at + wait, n), n);
    }
}

static void what_never_fits_is_told(void **state)
{
    (void)state;
    struct lg_bucket b = open_bucket(10, LG_SEC, 5), nothing = open_bucket(0, LG_SEC, 3);
    struct lg_bucket slow = open_bucket(1, (uint64_t)1 << 40, LG_BUCKET_CAPACITY_MAX);

    assert_int_equal(wait_for(&b, 0, 6), LG_BUCKET_NEVER_US);
    assert_int_equal(take(&b, 0, 5), 5);
    assert_int_equal(take(&nothing, 0, 3), 3);
    assert_int_equal(wait_for(&nothing, 1000 * LG_SEC, 1), LG_BUCKET_NEVER_US);
    assert_int_equal(take(&slow, 0, LG_BUCKET_CAPACITY_MAX), LG_BUCKET_CAPACITY_MAX);
    assert_int_equal(wait_for(&slow, 0, LG_BUCKET_CAPACITY_MAX), LG_BUCKET_NEVER_US);
}

static void clocks_that_jump_bring_at_most_a_full_bucket(void **state)
{
    (void)state;
    struct lg_bucket b = open_bucket(LG_BUCKET_RATE_MAX, LG_SEC, 100);
    uint64_t wait_us;

    assert_int_equal(take(&b, 0, 100), 100);
    assert_int_equal(lg_bucket_take(&b, 0, 1, 1, &wait_us), 0); /* Before its beginning. */
    /* Ten years at the highest rate, then time without end. */
    assert_int_equal(take(&b, 315360000 * LG_SEC, 100), 100);
    assert_int_equal(take(&b, 315360000 * LG_SEC, 1), 0);
    assert_int_equal(lg_bucket_take(&b, UINT64_MAX, 60, 60, &wait_us), 60);
    assert_int_equal(lg_bucket_take(&b, UINT64_MAX, 60, 60, &wait_us), 0);
    assert_int_equal(take(&b, LG_SEC, 1), 0); /* And back. */
}

static void nobody_gets_more_than_half_its_share_beyond_its_need(void **state)
{
    (void)state;
    struct lg_bucket b;
    uint64_t wait_us;

    lg_bucket_init(&b, &(struct lg_bucket_limit){.interval_us = 1, .capacity = 100},
                   /* sharers= */ 4, NULL, START_US);
    assert_int_equal(lg_bucket_take(&b, START_US, 20, 24, &wait_us), 24);
    assert_int_equal(lg_bucket_take(&b, START_US, 20, 70, &wait_us), 27); /* (76 - 20) / 8 */
    assert_int_equal(lg_bucket_take(&b, START_US, 42, 70, &wait_us), 42);
    assert_int_equal(lg_bucket_take(&b, START_US, 7, 1, &wait_us), 7);
}

static void what_is_given_back_is_there_again_up_to_the_capacity(void **state)
{
    (void)state;
    struct lg_bucket b = open_bucket(10, LG_SEC, 10);

    assert_int_equal(take(&b, 0, 8), 8);
    lg_bucket_give(&b, 5);
    assert_int_equal(lg_bucket_left(&b, START_US), 7);
    lg_bucket_give(&b, 3);
    assert_int_equal(lg_bucket_left(&b, START_US + 10 * LG_SEC), 10);
    assert_int_equal(take(&b, 10 * LG_SEC, 10), 10);
    assert_int_equal(take(&b, 10 * LG_SEC, 1), 0);
}

/* Every window of a random run, not only those that begin with the bucket. */
#define EVENTS 300

static void no_window_holds_more_than_it_may(void **state)
{
    (void)state;
    struct lg_rand rand;

    lg_rand_seed(&rand, 11);
    for (int run = 0; run < 100; run++) {
        uint64_t refill = lg_rand_below(&rand, 200), interval = 1 + lg_rand_below(&rand, LG_SEC);
        struct lg_bucket b = open_bucket(refill, interval, 1 + lg_rand_below(&rand, 100));
        struct {
            uint64_t at, n;
        } events[EVENTS];
        uint64_t at = 0;

        for (size_t i = 0; i < EVENTS; i++) {
            uint64_t late = lg_rand_below(&rand, 4) == 0 ? lg_rand_below(&rand, at + 1) : 0;
            uint64_t n = 1 + lg_rand_below(&rand, 20), wait_us;

            at += lg_rand_below(&rand, 3) == 0 ? lg_rand_below(&rand, interval / 10 + 1) : 0;
            events[i].at = at - late; /* A thread whose stamp is old. */
            events[i].n = lg_bucket_take(&b, START_US + at - late, n, 2 * n, &wait_us);
        }
        for (size_t i = 0; i < EVENTS; i++) {
            for (size_t j = 0; j < EVENTS; j++) {
                uint64_t from = events[i].at, to = events[j].at, sum = 0;

                if (from > to || i % 7 != j % 7)
                    continue;
                for (size_t k = 0; k < EVENTS; k++)
                    sum += events[k].at >= from && events[k].at <= to ? events[k].n : 0;
                assert_true(sum <= b.limit.capacity + refill * (to - from) / interval + 1);
            }
        }
    }
}

static void another_limit_goes_on_with_what_is_left(void **state)
{
    (void)state;
    struct lg_bucket a = open_bucket(10, LG_SEC, 100), b, c;
    uint64_t wait_us;

    assert_int_equal(take(&a, 0, 90), 90);
    lg_bucket_init(&b, &(struct lg_bucket_limit){100, LG_SEC, 1000}, 1, &a, START_US + LG_SEC);
    assert_int_equal(take(&a, LG_SEC, 5), 5);      /* Until it is settled. */
    assert_int_equal(take(&b, LG_SEC, 15 + 1), 0); /* 10 + 10 - 5: no burst. */
    assert_int_equal(take(&a, LG_SEC, 1), LG_BUCKET_CLOSED);
    lg_bucket_give(&a, 50); /* Comes too late. */
    assert_int_equal(lg_bucket_left(&a, START_US + LG_SEC), 0);
    assert_int_equal(take(&b, LG_SEC, 15), 15);
    lg_bucket_settle(&b);
    assert_int_equal(take(&b, LG_SEC, 1), 0);
    assert_int_equal(take(&b, 2 * LG_SEC, 100), 100);
    /* A smaller one takes only what fits. */
    lg_bucket_init(&c, &(struct lg_bucket_limit){1, LG_SEC, 7}, 1, &b, START_US + 60 * LG_SEC);
    assert_int_equal(lg_bucket_left(&c, START_US + 60 * LG_SEC), 0); /* Not known yet. */
    lg_bucket_settle(&c);
    assert_int_equal(lg_bucket_left(&c, START_US + 60 * LG_SEC), 7);
    lg_bucket_close(&c);
    assert_int_equal(lg_bucket_take(&c, START_US, 1, 1, &wait_us), LG_BUCKET_CLOSED);
}

/* A lane carries tokens over a change, and rests before anybody has taken from the new bucket. */
static void what_comes_back_first_finds_what_was_left_before(void **state)
{
    (void)state;
    struct lg_bucket a = open_bucket(0, LG_SEC, 100), b;

    assert_int_equal(take(&a, 0, 90), 90);
    lg_bucket_init(&b, &(struct lg_bucket_limit){0, LG_SEC, 1000}, 1, &a, START_US);
    lg_bucket_give(&b, 7);
    assert_int_equal(take(&a, 0, 1), LG_BUCKET_CLOSED);
    assert_int_equal(lg_bucket_left(&b, START_US), 10 + 7);
    lg_bucket_settle(&b);
    assert_int_equal(take(&b, 0, 17), 17);
    assert_int_equal(take(&b, 0, 1), 0);
}

/* --- Threads -------------------------------------------------------------------------------- */

#define THREADS 4
#define CHANGES 50u
#define STEPS 20000u

struct race {
    struct lg_bucket buckets[CHANGES];
    uint64_t current; /* Atomic. */
    uint64_t now_us;  /* Atomic. */
    uint64_t rounds;  /* Atomic: of all threads. */
    uint64_t taken[THREADS];
    uint64_t given[THREADS];
};

struct racer {
    struct race *race;
    size_t i;
};

static void *take_all(void *ctx)
{
    struct racer *r = ctx;
    struct race *x = r->race;
    uint64_t now_us = 0, wait_us;

    while (now_us < START_US + STEPS) {
        struct lg_bucket *b = &x->buckets[__atomic_load_n(&x->current, __ATOMIC_ACQUIRE)];
        uint64_t n;

        now_us = __atomic_load_n(&x->now_us, __ATOMIC_ACQUIRE);
        (void)__atomic_fetch_add(&x->rounds, 1, __ATOMIC_RELAXED);
        n = lg_bucket_take(b, now_us, 1 + now_us % 3, 8, &wait_us);
        if (n == LG_BUCKET_CLOSED)
            continue;
        x->taken[r->i] += n;
        if (n > 0 && now_us % 5 == 0) { /* May come too late, then it is lost. */
            lg_bucket_give(b, 1);
            x->given[r->i] += 1;
        }
    }
    return NULL;
}

static void threads_share_one_bucket_exactly_through_all_changes(void **state)
{
    (void)state;
    static struct race x;
    struct racer racers[THREADS];
    pthread_t threads[THREADS];
    uint64_t brought = 0, from = START_US, taken = 0, given = 0;
    struct lg_bucket_limit limit = {.refill = 3, .interval_us = 1, .capacity = 1000};

    lg_bucket_init(&x.buckets[0], &limit, THREADS, NULL, START_US);
    x.now_us = START_US;
    for (size_t i = 0; i < THREADS; i++) {
        racers[i] = (struct racer){&x, i};
        assert_int_equal(pthread_create(&threads[i], NULL, take_all, &racers[i]), 0);
    }
    for (uint64_t t = 1; t <= STEPS; t++) {
        __atomic_store_n(&x.now_us, START_US + t, __ATOMIC_RELEASE);
        if (t % (STEPS / CHANGES) == 0 && x.current + 1 < CHANGES) {
            struct lg_bucket *before = &x.buckets[x.current];

            brought += limit.refill * (START_US + t - from);
            from = START_US + t;
            limit.refill = 1 + t % 5;
            lg_bucket_init(before + 1, &limit, THREADS, before, from);
            __atomic_store_n(&x.current, x.current + 1, __ATOMIC_RELEASE);
            lg_bucket_settle(before + 1);
        }
        while (__atomic_load_n(&x.rounds, __ATOMIC_RELAXED) < t)
            (void)sched_yield();
    }
    brought += limit.refill * (START_US + STEPS - from);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        taken += x.taken[i];
        given += x.given[i];
    }
    /* Nothing is made: what was taken was there. */
    assert_true(taken - given <= 1000 + brought);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bucket_begins_full_and_fills_evenly),
        cmocka_unit_test(waits_are_exact),
        cmocka_unit_test(what_never_fits_is_told),
        cmocka_unit_test(clocks_that_jump_bring_at_most_a_full_bucket),
        cmocka_unit_test(nobody_gets_more_than_half_its_share_beyond_its_need),
        cmocka_unit_test(what_is_given_back_is_there_again_up_to_the_capacity),
        cmocka_unit_test(no_window_holds_more_than_it_may),
        cmocka_unit_test(another_limit_goes_on_with_what_is_left),
        cmocka_unit_test(what_comes_back_first_finds_what_was_left_before),
        cmocka_unit_test(threads_share_one_bucket_exactly_through_all_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
