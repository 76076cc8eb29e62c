#include "test/lib/lane_driver.h"

#include <pthread.h>

#include "lane/lane_contract.h"
#include "test/test.h"

static const struct lg_lane_driver *driver;

struct fixture {
    struct lg_pool_uv *pool;
    struct lg_lane *lane;
    struct lg_error verdict;
};

static int set_up(void **state)
{
    static struct fixture fx;
    struct lg_error err = {0};

    fx = (struct fixture){.verdict.rc = LG_ERR_UNREADY};
    assert_ok(lg_pool_uv_new(2, &fx.pool, &err));
    assert_ok(driver->lane_new("test", fx.pool, &fx.lane, &err));
    *state = &fx;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fx = *state;

    driver->lane_free(fx->lane);
    lg_pool_uv_free(fx->pool);
    return 0;
}

static void contract_ended(void *ctx, enum lg_rc rc, const struct lg_error *err)
{
    struct fixture *fx = ctx;

    fx->verdict = *err;
    fx->verdict.rc = rc;
    driver->stop(fx->lane);
}

static void the_contract_is_kept_on_the_calling_thread(void **state)
{
    struct fixture *fx = *state;

    lg_lane_contract_start(fx->lane, contract_ended, fx);
    driver->run(fx->lane);
    if (fx->verdict.rc != LG_OK)
        fail_msg("%s", fx->verdict.text);
}

static void the_contract_is_kept_on_a_thread_of_its_own(void **state)
{
    struct fixture *fx = *state;
    struct lg_error err = {0};

    assert_ok(driver->start(fx->lane, &err));
    lg_lane_contract_start(fx->lane, contract_ended, fx);
    driver->join(fx->lane);
    if (fx->verdict.rc != LG_OK)
        fail_msg("%s", fx->verdict.text);
}

enum { SENDERS = 4, EACH = 2000 };

struct message {
    struct lg_task task;
    struct crowd *crowd;
    unsigned sender, number;
};

struct crowd {
    struct lg_lane *lane;
    unsigned seen[SENDERS], total, out_of_order; /* The lane's. */
    struct message messages[SENDERS][EACH];
};

static void message_arrived(struct lg_task *task)
{
    struct message *m = LG_CONTAINER_OF(task, struct message, task);
    struct crowd *c = m->crowd;

    c->out_of_order += m->number != c->seen[m->sender]++;
    if (++c->total == SENDERS * EACH)
        driver->stop(c->lane);
}

struct sender {
    struct crowd *crowd;
    unsigned number;
};

static void *send_all(void *arg)
{
    struct sender *s = arg;

    for (unsigned i = 0; i < EACH; i++) {
        struct message *m = &s->crowd->messages[s->number][i];

        *m = (struct message){{.run = message_arrived}, s->crowd, s->number, i};
        lg_lane_post(s->crowd->lane, &m->task);
    }
    return NULL;
}

static void posts_of_each_thread_arrive_in_their_order(void **state)
{
    struct fixture *fx = *state;
    struct crowd *c = lg_new(struct crowd);
    struct sender senders[SENDERS];
    pthread_t threads[SENDERS];
    struct lg_error err = {0};

    c->lane = fx->lane;
    assert_ok(driver->start(fx->lane, &err));
    for (unsigned i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){c, i};
        assert_int_equal(pthread_create(&threads[i], NULL, send_all, &senders[i]), 0);
    }
    for (unsigned i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    driver->join(fx->lane);
    assert_int_equal(c->total, SENDERS * EACH);
    assert_int_equal(c->out_of_order, 0);
    lg_free(c);
}

struct endless {
    struct lg_task task;
    struct lg_lane *lane;
    struct lg_timer timer;
};

static void post_again(struct lg_task *task)
{
    lg_lane_post(LG_CONTAINER_OF(task, struct endless, task)->lane, task);
}

static void stop_lane(struct lg_timer *timer)
{
    driver->stop(LG_CONTAINER_OF(timer, struct endless, timer)->lane);
}

static void a_task_that_posts_itself_for_ever_starves_no_timer(void **state)
{
    struct fixture *fx = *state;
    struct endless e = {.task.run = post_again, .lane = fx->lane};

    lg_lane_post(fx->lane, &e.task);
    lg_timer_start(fx->lane, &e.timer, 2 * LG_MS, stop_lane);
    driver->run(fx->lane);
    assert_false(lg_timer_armed(&e.timer));
}

static void restart_timer(struct lg_timer *timer)
{
    lg_timer_start(LG_CONTAINER_OF(timer, struct endless, timer)->lane, timer, 0, restart_timer);
}

static void stop_by_task(struct lg_task *task)
{
    driver->stop(LG_CONTAINER_OF(task, struct endless, task)->lane);
}

static void a_timer_that_restarts_itself_for_ever_starves_no_task(void **state)
{
    struct fixture *fx = *state;
    struct endless e = {.task.run = stop_by_task, .lane = fx->lane};

    lg_timer_start(fx->lane, &e.timer, 0, restart_timer);
    lg_lane_post(fx->lane, &e.task);
    driver->run(fx->lane);
    lg_timer_stop(fx->lane, &e.timer);
}

static void a_stop_before_the_run_ends_it_and_the_lane_runs_again(void **state)
{
    struct fixture *fx = *state;

    driver->stop(fx->lane);
    driver->run(fx->lane);
    the_contract_is_kept_on_the_calling_thread(state);
}

struct slow {
    struct lg_offload offload;
    unsigned worked; /* Atomic. */
};

static void count_work(struct lg_offload *offload)
{
    __atomic_add_fetch(&LG_CONTAINER_OF(offload, struct slow, offload)->worked, 1,
                       __ATOMIC_RELEASE);
}

static void never_done(struct lg_offload *offload)
{
    (void)offload;
    fail_msg("a lane that does not run finished an offload");
}

struct long_tick {
    struct lg_lane *lane;
    struct lg_task task, end;
    struct lg_timer timer;
    uint64_t began_us, ended_us, expired_us;
};

static void long_tick_expired(struct lg_timer *timer)
{
    struct long_tick *t = LG_CONTAINER_OF(timer, struct long_tick, timer);

    t->expired_us = lg_lane_now_us(t->lane);
    driver->stop(t->lane);
}

static void long_tick_ends(struct lg_task *task)
{
    struct long_tick *t = LG_CONTAINER_OF(task, struct long_tick, end);

    t->ended_us = lg_lane_now_us(t->lane);
}

static void long_tick_begins(struct lg_task *task)
{
    struct long_tick *t = LG_CONTAINER_OF(task, struct long_tick, task);

    t->began_us = lg_lane_now_us(t->lane);
    lg_timer_start(t->lane, &t->timer, LG_MS, long_tick_expired);
    while (lg_lane_clock_us(t->lane) < t->began_us + 5 * LG_MS)
        ;
    lg_lane_defer(t->lane, &t->end);
}

static void time_stands_still_in_a_long_tick_and_its_timers_are_of_the_next(void **state)
{
    struct fixture *fx = *state;
    struct long_tick t = {
        .lane = fx->lane, .task.run = long_tick_begins, .end.run = long_tick_ends};

    lg_lane_post(fx->lane, &t.task);
    driver->run(fx->lane);
    assert_int_equal(t.ended_us, t.began_us);
    assert_true(t.expired_us >= t.began_us + 5 * LG_MS);
}

static void a_freed_lane_waits_for_work_in_the_pool(void **state)
{
    struct fixture *fx = *state;
    struct lg_error err = {0};
    struct lg_lane *other = NULL;
    struct slow s = {.offload = {.work = count_work, .done = never_done}};

    assert_ok(driver->lane_new("other", fx->pool, &other, &err));
    lg_offload(other, &s.offload);
    driver->lane_free(other);
    assert_int_equal(__atomic_load_n(&s.worked, __ATOMIC_ACQUIRE), 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int lg_lane_driver_run(const struct lg_lane_driver *d)
{
    const struct CMUnitTest tests[] = {
        T(the_contract_is_kept_on_the_calling_thread),
        T(the_contract_is_kept_on_a_thread_of_its_own),
        T(posts_of_each_thread_arrive_in_their_order),
        T(a_task_that_posts_itself_for_ever_starves_no_timer),
        T(a_timer_that_restarts_itself_for_ever_starves_no_task),
        T(a_stop_before_the_run_ends_it_and_the_lane_runs_again),
        T(time_stands_still_in_a_long_tick_and_its_timers_are_of_the_next),
        T(a_freed_lane_waits_for_work_in_the_pool),
    };

    driver = d;
    return cmocka_run_group_tests_name("what every driver of lanes does", tests, NULL, NULL);
}
