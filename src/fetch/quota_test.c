/* Read quotas shared by lanes: the bound over every window, leases, changes, retries. */
#include "fetch/quota.h"

#include <pthread.h>
#include <sched.h>

#include "base/rand.h"
#include "lane/lane.h"
#include "model/read_quota.h"
#include "test/test.h"

#define LANES 4u

/* A process: its quotas, its lanes, and one clock for all. */
struct world {
    struct lg_quota *quota;
    struct lg_quota_lane *lanes[LANES];
    uint32_t store; /* a resource */
    uint64_t now_us;
    uint32_t retry_after_ms;
};

static void limit(struct world *w, uint32_t resource, uint64_t per_second, uint64_t capacity)
{
    struct lg_bucket_limit l = {.refill = per_second, .interval_us = LG_SEC, .capacity = capacity};

    lg_quota_limit(w->quota, resource, &l, w->now_us);
}

static struct world *open_world(uint32_t lanes)
{
    struct world *w = lg_new(struct world);
    struct lg_error err = {0};

    w->now_us = 1000 * LG_SEC;
    assert_ok(lg_quota_new(&(struct lg_quota_options){.resources_max = 3, .lanes_max = lanes},
                           &w->quota, &err));
    for (uint32_t i = 0; i < lanes; i++)
        assert_ok(lg_quota_lane_open(w->quota, &w->lanes[i], &err));
    assert_ok(lg_quota_add(w->quota, &w->store, &err));
    return w;
}

static void close_world(struct world *w)
{
    for (uint32_t i = 0; i < LANES; i++)
        lg_quota_lane_close(w->lanes[i]);
    lg_quota_free(w->quota);
    lg_free(w);
}

static enum lg_rc take(struct world *w, uint32_t lane, uint32_t rcu)
{
    lg_quota_tick(w->lanes[lane], w->now_us);
    return lg_quota_take(w->lanes[lane], w->store, rcu, /* is_retry= */ false, &w->retry_after_ms);
}

/* How many of `n` single gets pass. */
static uint64_t take_singles(struct world *w, uint32_t lane, uint64_t n)
{
    uint64_t passed = 0;

    for (uint64_t i = 0; i < n; i++)
        passed += take(w, lane, 1) == LG_OK;
    return passed;
}

static void what_has_no_limit_passes(void **state)
{
    (void)state;
    struct world *w = open_world(1);

    assert_int_equal(take_singles(w, 0, 1000), 1000);
    assert_rc(LG_OK, take(w, 0, UINT32_MAX));
    limit(w, w->store, 10, 100);
    assert_int_equal(take_singles(w, 0, 1000), 100); /* Also for a lane that had no limit. */
    lg_quota_limit(w->quota, w->store, NULL, w->now_us);
    assert_int_equal(take_singles(w, 0, 1000), 1000);
    assert_true(lg_quota_left(w->quota, w->store, w->now_us) == UINT64_MAX);
    close_world(w);
}

static void a_refusal_says_when_to_come_back(void **state)
{
    (void)state;
    struct world *w = open_world(2);

    limit(w, w->store, 10, 50);
    assert_rc(LG_OK, take(w, 0, 50));
    assert_rc(LG_ERR_QUOTA, take(w, 0, 1));
    assert_int_equal(w->retry_after_ms, 100);
    w->now_us += 99 * LG_MS + 999;
    assert_rc(LG_ERR_QUOTA, take(w, 0, 1));
    assert_int_equal(w->retry_after_ms, 1);
    assert_rc(LG_ERR_QUOTA, take(w, 1, 20));
    assert_int_equal(w->retry_after_ms, 1901);
    w->now_us++;
    assert_rc(LG_OK, take(w, 0, 1));
    assert_rc(LG_ERR_QUOTA, take(w, 0, 51));
    assert_int_equal(w->retry_after_ms, LG_QUOTA_NEVER_MS);
    w->now_us += 1000 * LG_SEC;
    assert_rc(LG_ERR_QUOTA, take(w, 0, 51));
    assert_rc(LG_OK, take(w, 0, 50));
    close_world(w);
}

/* Nor when a smaller one was refused before, which may come back. */
static void what_is_over_the_capacity_is_never_told_to_come_back(void **state)
{
    (void)state;
    struct world *w = open_world(1);
    struct lg_quota_lane *lane = w->lanes[0];
    const uint32_t resources[] = {w->store, LG_QUOTA_NONE};
    uint32_t ms;

    for (size_t i = 0; i < LG_ARRAY_SIZE(resources); i++) {
        enum lg_rc refused = i == 0 ? LG_ERR_QUOTA : LG_ERR_BUSY;

        limit(w, resources[i], 10, 50);
        assert_rc(LG_OK, lg_quota_take(lane, resources[i], 50, false, &ms));
        assert_rc(refused, lg_quota_take(lane, resources[i], 1, false, &ms));
        assert_int_equal(ms, 100);
        assert_rc(refused, lg_quota_take(lane, resources[i], 51, false, &ms));
        assert_int_equal(ms, LG_QUOTA_NEVER_MS);
        assert_rc(refused, lg_quota_take(lane, resources[i], 1, false, &ms));
        assert_int_equal(ms, 100);
        limit(w, resources[i], 10, 60); /* Another limit may have room for it. */
        w->now_us += 100 * LG_SEC;
        lg_quota_tick(lane, w->now_us);
        assert_rc(LG_OK, lg_quota_take(lane, resources[i], 51, false, &ms));
    }
    close_world(w);
}

static void a_retry_pays_the_node_only(void **state)
{
    (void)state;
    struct world *w = open_world(1);
    struct lg_quota_lane *lane = w->lanes[0];
    uint32_t ms;

    limit(w, w->store, 10, 10);
    limit(w, LG_QUOTA_NONE, 20, 20);
    assert_rc(LG_OK, take(w, 0, 10));
    assert_rc(LG_ERR_QUOTA, take(w, 0, 1));
    assert_rc(LG_OK, lg_quota_take(lane, w->store, 9, /* is_retry= */ true, &ms));
    assert_rc(LG_ERR_BUSY, lg_quota_take(lane, w->store, 2, true, &ms));
    assert_int_equal(ms, 50);
    w->now_us += 100 * LG_MS; /* One more for the store, two for the node. */
    assert_rc(LG_ERR_QUOTA, take(w, 0, 2));
    assert_rc(LG_OK, lg_quota_take(lane, w->store, 2, true, &ms));
    assert_rc(LG_OK, lg_quota_take(lane, LG_QUOTA_NONE, 1, false, &ms));
    assert_rc(LG_ERR_BUSY, lg_quota_take(lane, LG_QUOTA_NONE, 1, false, &ms));
    close_world(w);
}

static void the_limit_of_the_node_holds_for_all_stores(void **state)
{
    (void)state;
    struct world *w = open_world(2);
    uint64_t passed = 0;
    uint32_t ms;

    limit(w, LG_QUOTA_NONE, 100000, 10000); /* leases of 100 */
    for (int i = 0; i < 20000; i++) {
        passed += take(w, (uint32_t)i % 2, 1) == LG_OK;
        passed += lg_quota_take(w->lanes[i % 2], LG_QUOTA_NONE, 1, false, &ms) == LG_OK;
    }
    assert_in_range(passed, 10000 - 2 * 100, 10000);
    close_world(w);
}

static void what_the_node_refuses_costs_the_store_nothing(void **state)
{
    (void)state;
    struct world *w = open_world(1);

    limit(w, w->store, 1, 100);
    limit(w, LG_QUOTA_NONE, 1, 5);
    assert_rc(LG_OK, take(w, 0, 5));
    for (int i = 0; i < 50; i++)
        assert_rc(LG_ERR_BUSY, take(w, 0, 10 - (uint32_t)i % 2));
    lg_quota_limit(w->quota, LG_QUOTA_NONE, NULL, w->now_us);
    assert_rc(LG_OK, take(w, 0, 95));
    assert_rc(LG_ERR_QUOTA, take(w, 0, 1));
    close_world(w);
}

/* Ten thousand tokens a second, so leases of 10; a lane sleeps on its own for ever. */
static void lanes_that_sleep_keep_a_lease_and_no_more(void **state)
{
    (void)state;
    struct world *w = open_world(LANES);
    uint64_t passed;

    limit(w, w->store, 10000, 50000);
    for (uint32_t i = 1; i < LANES; i++)
        assert_rc(LG_OK, take(w, i, 1));
    passed = take_singles(w, 0, 60000);
    /* Of the capacity what is set aside for leases, and theirs, are missing ... */
    assert_in_range(passed, 50000 - LANES * 10 - (LANES - 1) * (10 + 1), 50000 - (LANES - 1));
    passed = 0;
    for (int ms = 0; ms < 10000; ms++) {
        w->now_us += LG_MS;
        passed += take_singles(w, 0, 20);
    }
    /* ... and of the rate nothing. */
    assert_in_range(passed, 100000 - 10, 100000 + 10);
    /* One that gives its lease back gives it to the others. */
    lg_quota_rest(w->lanes[1]);
    w->now_us += 100; /* As long as the last refusal said. */
    assert_in_range(take_singles(w, 0, 100), 1 + 9, 1 + 19);
    close_world(w);
}

static void a_lane_that_runs_gives_back_an_old_lease(void **state)
{
    (void)state;
    struct world *w = open_world(2);
    uint32_t other;
    struct lg_error err = {0};

    assert_ok(lg_quota_add(w->quota, &other, &err));
    limit(w, w->store, 100000, 100000); /* leases of 100 */
    assert_rc(LG_OK, take(w, 1, 1));
    /* Lane 1 has other things to do; nothing comes any more from now on. */
    w->now_us += LG_QUOTA_HOLD_US / 2;
    limit(w, w->store, 0, 100000);
    assert_rc(LG_OK, take(w, 1, 1));
    limit(w, w->store, 100000, 100000);
    assert_rc(LG_OK, take(w, 1, 1));
    while (take(w, 0, 1) == LG_OK)
        ;
    assert_int_equal(lg_quota_left(w->quota, w->store, w->now_us), 0);
    w->now_us += LG_QUOTA_HOLD_US + 1;
    assert_int_equal(lg_quota_left(w->quota, w->store, w->now_us), 1000);
    lg_quota_tick(w->lanes[1], w->now_us);
    assert_in_range(lg_quota_left(w->quota, w->store, w->now_us), 1090, 1101);
    close_world(w);
}

static void greedy_lanes_get_the_same(void **state)
{
    (void)state;
    static const uint64_t rates[] = {7, 1000, 10000, 100000};

    for (size_t r = 0; r < LG_ARRAY_SIZE(rates); r++) {
        struct world *w = open_world(2);
        uint64_t got[2] = {0, 0}, all = rates[r] * 21;
        struct lg_rand rand;

        lg_rand_seed(&rand, r);
        limit(w, w->store, rates[r], rates[r]);
        for (int step = 0; step < 20000; step++) {
            uint32_t first = (uint32_t)lg_rand_below(&rand, 2);

            w->now_us += LG_MS;
            got[first] += take_singles(w, first, rates[r] / 1000 * 2 + 1);
            got[!first] += take_singles(w, !first, rates[r] / 1000 * 2 + 1);
        }
        assert_in_range(got[0] + got[1], all * 999 / 1000, all + 1);
        if (rates[r] > 7) /* Of few each one counts. */
            assert_in_range(got[0] * 1000 / (got[0] + got[1]), 480, 520);
        close_world(w);
    }
}

static void a_lease_outlives_a_change_of_the_limit(void **state)
{
    (void)state;
    struct world *w = open_world(2);

    limit(w, w->store, 100000, 100000); /* leases of 100 */
    assert_rc(LG_OK, take(w, 0, 1));
    while (take(w, 1, 1) == LG_OK)
        ;
    limit(w, w->store, 50000, 100000); /* leases of 50 */
    assert_int_equal(take_singles(w, 0, 1000), 50);
    assert_int_equal(take_singles(w, 1, 1000), 0);
    close_world(w);
}

static void resources_and_lanes_are_bounded(void **state)
{
    (void)state;
    struct world *w = open_world(2);
    struct lg_quota_lane *lane;
    uint32_t more[3];
    struct lg_error err = {0};

    assert_ok(lg_quota_add(w->quota, &more[0], &err));
    assert_ok(lg_quota_add(w->quota, &more[1], &err));
    assert_rc(LG_ERR_BUSY, lg_quota_add(w->quota, &more[2], &err));
    assert_rc(LG_ERR_BUSY, lg_quota_lane_open(w->quota, &lane, &err));
    limit(w, w->store, 1, 1);
    assert_int_equal(take_singles(w, 0, 5), 1);
    lg_quota_drop(w->quota, w->store);
    assert_ok(lg_quota_add(w->quota, &more[2], &err));
    assert_int_equal(more[2], w->store);
    assert_int_equal(take_singles(w, 0, 5), 5);
    close_world(w);
}

static void what_is_limited_again_in_the_same_way_does_not_change(void **state)
{
    (void)state;
    struct world *w = open_world(1);

    limit(w, w->store, 1000, 1000);
    assert_rc(LG_OK, take(w, 0, 900));
    for (int i = 0; i < 100; i++)
        limit(w, w->store, 1000, 1000);
    assert_in_range(take_singles(w, 0, 500), 99, 100);
    /* And with each change nothing is gained, and at most a lease lost. */
    for (uint64_t i = 0; i < 100; i++)
        limit(w, w->store, 1000 + i, 1000 + i);
    assert_int_equal(take_singles(w, 0, 500), 0);
    w->now_us += LG_SEC / 10;
    assert_in_range(take_singles(w, 0, 500), 108, 110);
    close_world(w);
}

/* --- Against what may be, over every window. ---------------------------------------------------
 */

#define EVENTS 400u
#define RUNS 100u

struct event {
    uint64_t at_us, rcu, allowed; /* `allowed`: tokens that had come by then, over all limits */
};

static void check_windows(const struct event *events, uint64_t capacity)
{
    for (size_t i = 0; i < EVENTS; i++) {
        uint64_t sum = 0;

        for (size_t j = i; j < EVENTS; j++) {
            sum += events[j].rcu;
            assert_true(sum <= capacity + events[j].allowed - events[i].allowed + 1);
        }
    }
}

/* Lanes that wake, sleep and rest as they like, singles and batches, limits that change. */
static void no_window_admits_more_than_the_quota(void **state)
{
    (void)state;
    static struct event events[EVENTS];
    struct lg_rand rand;

    lg_rand_seed(&rand, 3);
    for (unsigned run = 0; run < RUNS; run++) {
        struct world *w = open_world(LANES);
        uint64_t rate = lg_rand_below(&rand, 1 + 100 * lg_rand_below(&rand, 2000));
        uint64_t capacity = 1 + lg_rand_below(&rand, 5000), allowed_before = 0, from_us = w->now_us;

        limit(w, w->store, rate, capacity);
        for (size_t i = 0; i < EVENTS; i++) {
            uint32_t rcu = (uint32_t)(lg_rand_below(&rand, 4) == 0 ? 1 + lg_rand_below(&rand, 200)
                                                                   : 1 + lg_rand_below(&rand, 3));
            uint32_t lane = (uint32_t)lg_rand_below(&rand, LANES);

            if (lg_rand_below(&rand, 3) == 0)
                w->now_us += lg_rand_below(&rand, lg_rand_below(&rand, 2) * 100 + 3) * LG_MS;
            if (lg_rand_below(&rand, 20) == 0) {
                allowed_before += (rate * (w->now_us - from_us) + LG_SEC - 1) / LG_SEC;
                from_us = w->now_us;
                rate = lg_rand_below(&rand, 100000);
                limit(w, w->store, rate, capacity);
            }
            if (lg_rand_below(&rand, 10) == 0)
                lg_quota_rest(w->lanes[lane]);
            events[i] = (struct event){
                .at_us = w->now_us,
                .rcu = take(w, lane, rcu) == LG_OK ? rcu : 0,
                .allowed = allowed_before + (rate * (w->now_us - from_us) + LG_SEC - 1) / LG_SEC};
        }
        check_windows(events, capacity);
        close_world(w);
    }
}

/* What is offered is far more than the quota: all of it is used. */
static void a_quota_under_pressure_is_used_up(void **state)
{
    (void)state;
    static const uint64_t rates[] = {1, 7, 600, 10000};

    for (size_t r = 0; r < LG_ARRAY_SIZE(rates); r++) {
        struct world *w = open_world(LANES);
        uint64_t passed = 0, wanted = rates[r] * 50;

        limit(w, w->store, rates[r], rates[r] * 50);
        for (int step = 0; step < 6000; step++) { /* a minute */
            w->now_us += 10 * LG_MS;
            for (uint32_t i = 0; i < LANES; i++)
                passed += take_singles(w, i, rates[r] / 20 + 2);
            wanted = rates[r] * 50 + rates[r] * (uint64_t)(step + 1) / 100;
        }
        assert_true(passed <= wanted + 1);
        assert_true(passed * 1000 + 1000 >= wanted * 999);
        close_world(w);
    }
}

/* --- Threads ---------------------------------------------------------------------------------- */

#define ROUNDS 4000u

struct race {
    struct lg_quota *quota;
    uint32_t store;
    uint64_t now_us; /* Atomic. */
    uint64_t ticks;  /* Atomic: of all lanes. */
};

struct racer {
    struct race *race;
    uint64_t passed, refused;
};

static void *read_all(void *ctx)
{
    struct racer *r = ctx;
    struct lg_quota_lane *lane;
    struct lg_error err = {0};
    uint64_t now_us;

    assert_ok(lg_quota_lane_open(r->race->quota, &lane, &err));
    do {
        uint32_t ms = 0;

        now_us = __atomic_load_n(&r->race->now_us, __ATOMIC_ACQUIRE);
        lg_quota_tick(lane, now_us);
        (void)__atomic_fetch_add(&r->race->ticks, 1, __ATOMIC_RELAXED);
        for (uint32_t i = 0; i < 20; i++) {
            uint32_t rcu = 1 + i % 7 * (i % 3);

            if (lg_quota_take(lane, r->race->store, rcu, /* is_retry= */ i == 13, &ms) == LG_OK)
                r->passed += i == 13 ? 0 : rcu;
            else
                r->refused++;
        }
    } while (now_us < (1 + ROUNDS) * LG_MS);
    lg_quota_lane_close(lane);
    return NULL;
}

static void threads_share_a_quota_that_changes_exactly(void **state)
{
    (void)state;
    struct world *w = open_world(0);
    struct race race = {.store = 1, .now_us = LG_MS};
    struct racer racers[LANES];
    pthread_t threads[LANES];
    struct lg_error err = {0};
    struct lg_bucket_limit l = {.refill = 10000, .interval_us = LG_SEC, .capacity = 5000};
    uint64_t passed = 0, refused = 0, brought = 0, from_us = LG_MS;

    assert_ok(lg_quota_new(&(struct lg_quota_options){.resources_max = 8, .lanes_max = LANES},
                           &race.quota, &err));
    assert_ok(lg_quota_add(race.quota, &race.store, &err));
    lg_quota_limit(race.quota, race.store, &l, LG_MS);
    for (size_t i = 0; i < LANES; i++) {
        racers[i] = (struct racer){.race = &race};
        assert_int_equal(pthread_create(&threads[i], NULL, read_all, &racers[i]), 0);
    }
    for (uint64_t t = 1; t <= ROUNDS; t++) {
        uint64_t now_us = LG_MS + t * LG_MS;

        if (t % 2 == 0) { /* The capacity stays: what the bound is about. */
            brought += l.refill * (now_us - from_us) / LG_SEC + 1;
            from_us = now_us;
            l.refill = 500 + t % 5 * 50000; /* With leases and without. */
            lg_quota_limit(race.quota, race.store, &l, now_us);
        }
        __atomic_store_n(&race.now_us, now_us, __ATOMIC_RELEASE);
        while (__atomic_load_n(&race.ticks, __ATOMIC_RELAXED) < 4 * t)
            (void)sched_yield();
    }
    brought += l.refill * (LG_MS + ROUNDS * LG_MS - from_us) / LG_SEC + 1;
    for (size_t i = 0; i < LANES; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        passed += racers[i].passed;
        refused += racers[i].refused;
    }
    assert_true(passed <= l.capacity + brought);
    assert_true(refused > 0 && passed > 0);
    lg_quota_free(race.quota);
    close_world(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_has_no_limit_passes),
        cmocka_unit_test(a_refusal_says_when_to_come_back),
        cmocka_unit_test(what_is_over_the_capacity_is_never_told_to_come_back),
        cmocka_unit_test(a_retry_pays_the_node_only),
        cmocka_unit_test(the_limit_of_the_node_holds_for_all_stores),
        cmocka_unit_test(what_the_node_refuses_costs_the_store_nothing),
        cmocka_unit_test(lanes_that_sleep_keep_a_lease_and_no_more),
        cmocka_unit_test(a_lane_that_runs_gives_back_an_old_lease),
        cmocka_unit_test(greedy_lanes_get_the_same),
        cmocka_unit_test(a_lease_outlives_a_change_of_the_limit),
        cmocka_unit_test(resources_and_lanes_are_bounded),
        cmocka_unit_test(what_is_limited_again_in_the_same_way_does_not_change),
        cmocka_unit_test(no_window_admits_more_than_the_quota),
        cmocka_unit_test(a_quota_under_pressure_is_used_up),
        cmocka_unit_test(threads_share_a_quota_that_changes_exactly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
