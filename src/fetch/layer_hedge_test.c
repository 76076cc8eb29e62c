/* A read that gets no answer is asked of a second replica: over a bottom layer that answers by
 * script, on the simulator, so that every case names its millisecond. */
#include <stdio.h>

#include "drivers/sim/lane_sim.h"
#include "fetch/layers.h"
#include "test/test.h"

#define HOSTS 3u
#define READS 200u
#define NEVER UINT64_MAX

struct fleet {
    struct lg_sim *sim;
    struct lg_lane *lane;
    struct lg_host_table *hosts;
    struct lg_host *host[HOSTS];
    bool holds[HOSTS][2]; /* by partition */
    bool held[HOSTS];     /* all partitions, as a last resort */
    uint64_t delay_ms[HOSTS];
    enum lg_rc says[HOSTS];
    unsigned asked[HOSTS], cancelled, open;

    struct lg_layer bottom;
    struct lg_fetch_counters counters;
    struct lg_scatter_layer scatter;
    struct lg_retry_layer retry;
    struct lg_hedge_layer hedge;
    struct lg_route_layer route;
};

/* --- Servers by script. ------------------------------------------------------------------------
 */

struct pending {
    struct fleet *fleet;
    struct lg_read *read;
    size_t server;
    struct lg_timer timer;
    struct lg_task task;
};

static size_t last_resort(void *ctx, const char *topic, uint32_t partition,
                          struct lg_host *out[LG_REPLICAS_MAX])
{
    const struct fleet *f = ctx;
    size_t n = 0;

    (void)topic;
    (void)partition;
    for (size_t i = 0; i < HOSTS; i++)
        if (f->held[i])
            out[n++] = f->host[i];
    return n;
}

static size_t ready(void *ctx, const char *topic, uint32_t partition,
                    struct lg_host *out[LG_REPLICAS_MAX])
{
    const struct fleet *f = ctx;
    size_t n = 0;

    (void)topic;
    for (size_t i = 0; i < HOSTS; i++)
        if (f->holds[i][partition])
            out[n++] = f->host[i];
    return n;
}

static void end(struct pending *p, enum lg_rc rc)
{
    struct lg_read *read = p->read;
    struct fleet *f = p->fleet;

    f->open--;
    read->cancel = NULL;
    for (size_t i = 0; i < read->key_count; i++) {
        read->keys[i]->rc = rc;
        read->keys[i]->schema_id = (int32_t)p->server; /* Tells who answered. */
    }
    if (rc == LG_ERR_CANCELLED)
        lg_host_dropped(read->host);
    else
        lg_host_answered(read->host, rc == LG_OK, lg_lane_now_us(f->lane));
    lg_free(p);
    lg_read_settle(read);
}

static void answered(struct lg_timer *timer)
{
    struct pending *p = LG_CONTAINER_OF(timer, struct pending, timer);
    uint64_t now_us = lg_lane_now_us(p->fleet->lane);

    end(p, now_us >= p->read->deadline_us ? LG_ERR_TIMEOUT : p->fleet->says[p->server]);
}

static void taken_back(struct lg_task *task)
{
    end(LG_CONTAINER_OF(task, struct pending, task), LG_ERR_CANCELLED);
}

static void cancel(struct lg_read *read)
{
    struct pending *p = read->cancel_ctx;

    read->cancel = NULL;
    p->fleet->cancelled++;
    lg_timer_stop(p->fleet->lane, &p->timer);
    p->task.run = taken_back;
    lg_lane_post(p->fleet->lane, &p->task);
}

static void submit_bottom(struct lg_layer *layer, struct lg_read *read)
{
    struct fleet *f = LG_CONTAINER_OF(layer, struct fleet, bottom);
    struct pending *p = lg_new(struct pending);
    uint64_t left_us = read->deadline_us - lg_lane_now_us(f->lane), after_us;

    p->fleet = f;
    p->read = read;
    while (f->host[p->server] != read->host)
        p->server++;
    after_us = f->delay_ms[p->server] == NEVER ? left_us : f->delay_ms[p->server] * LG_MS;
    f->asked[p->server]++;
    f->open++;
    read->sent_us = lg_lane_now_us(f->lane);
    read->cancel = cancel;
    read->cancel_ctx = p;
    lg_host_sent(f->hosts, read->host);
    lg_timer_start(f->lane, &p->timer, LG_MIN(after_us, left_us), answered);
}

static const struct lg_layer_ops bottom_ops = {"bottom", submit_bottom};

static int make_fleet(void **state)
{
    struct fleet *f = lg_new(struct fleet);
    struct lg_replica_source source = {.ready = ready, .last_resort = last_resort, .ctx = f};

    f->sim = lg_sim_new(1);
    f->lane = lg_sim_lane_new(f->sim, NULL, "test");
    f->hosts = lg_host_table_new();
    for (size_t i = 0; i < HOSTS; i++) {
        f->host[i] = lg_host_table_get(f->hosts, "server", (uint16_t)(i + 1));
        f->delay_ms[i] = 4;
    }
    for (size_t i = 0; i < 2; i++)
        f->holds[i][0] = f->holds[i][1] = true;
    f->bottom = (struct lg_layer){&bottom_ops, NULL, f->lane};
    lg_scatter_layer_init(&f->scatter, f->lane, &f->retry.base, &source);
    lg_retry_layer_init(&f->retry, f->lane, &f->hedge.base, LG_READ_TRIES_MAX, &f->counters);
    lg_hedge_layer_init(&f->hedge, f->lane, &f->route, LG_READ_TRIES_MAX,
                        &(struct lg_hedge_options){0}, &f->counters);
    lg_route_layer_init(&f->route, f->lane, &f->bottom, &source, &f->counters);
    lg_sim_run_us(f->sim, LG_SEC);
    *state = f;
    return 0;
}

static int free_fleet(void **state)
{
    struct fleet *f = *state;

    assert_int_equal(f->open, 0); /* Nothing of a settled read is under way. */
    for (size_t i = 0; i < HOSTS; i++)
        assert_int_equal(f->host[i]->pending, 0);
    lg_host_table_free(f->hosts);
    lg_sim_free(f->sim);
    lg_free(f);
    return 0;
}

/* --- One read of one or two keys. --------------------------------------------------------------
 */

struct asked {
    struct lg_read read;
    struct lg_read_key keys[2], *pointers[2];
    struct fleet *fleet;
    bool settled;
    uint64_t begun_us, took_ms;
};

static void settled(struct lg_read *read)
{
    struct asked *a = LG_CONTAINER_OF(read, struct asked, read);

    assert_false(a->settled);
    a->settled = true;
    a->took_ms = (lg_lane_now_us(a->fleet->lane) - a->begun_us) / LG_MS;
    lg_arena_free(LG_TAKE(a->read.arena)); /* Whoever still writes there is found out. */
}

static void ask(struct fleet *f, struct asked *a, size_t keys)
{
    memset(a, 0, sizeof *a);
    a->fleet = f;
    a->begun_us = lg_lane_now_us(f->lane);
    for (size_t i = 0; i < keys; i++) {
        a->keys[i] = (struct lg_read_key){
            .key = LG_LIT("k"), .index = (uint32_t)i, .partition = (uint32_t)i};
        a->pointers[i] = &a->keys[i];
    }
    a->read = (struct lg_read){.topic = "s_v1",
                               .keys = a->pointers,
                               .key_count = keys,
                               .arena = lg_arena_new(0),
                               .deadline_us = a->begun_us + 10 * LG_SEC,
                               .done = settled};
    lg_layer_submit(&f->scatter.base, &a->read);
    assert_false(a->settled);
}

static bool is_settled(void *ctx)
{
    return ((struct asked *)ctx)->settled;
}

static void finish(struct asked *a)
{
    assert_true(lg_sim_run_until(a->fleet->sim, is_settled, a, 20 * LG_SEC));
}

static void read_one(struct fleet *f, struct asked *a)
{
    ask(f, a, 1);
    finish(a);
}

/* A read that begins with server 0. */
static void read_from_first(struct fleet *f, struct asked *a)
{
    f->host[0]->last_sent = 0;
    f->host[1]->last_sent = f->host[2]->last_sent = 1000;
    read_one(f, a);
}

/* --- Tests. ------------------------------------------------------------------------------------
 */

static void a_quick_answer_is_asked_for_once(void **state)
{
    struct fleet *f = *state;
    struct asked a;

    f->delay_ms[0] = 249;
    read_from_first(f, &a);
    assert_rc(LG_OK, a.read.rc);
    assert_int_equal(a.took_ms, 249);
    assert_int_equal(f->asked[1], 0);
    assert_int_equal(f->counters.hedges, 0);
}

static void a_slow_answer_is_overtaken(void **state)
{
    struct fleet *f = *state;
    struct asked a;

    f->delay_ms[0] = 900;
    read_from_first(f, &a);
    assert_rc(LG_OK, a.read.rc);
    assert_int_equal(a.took_ms, 254);
    assert_int_equal(a.keys[0].schema_id, 1); /* The answer of the second. */
    assert_rc(LG_OK, a.keys[0].rc);
    assert_int_equal(f->cancelled, 1);
    assert_int_equal(f->counters.hedges, 1);
    assert_int_equal(f->counters.hedges_won, 1);
}

/* Two that are not ready any more are as good as two that are. */
static void a_last_resort_that_is_silent_is_overtaken(void **state)
{
    struct fleet *f = *state;
    struct asked a;

    for (size_t i = 0; i < 2; i++) {
        f->holds[i][0] = f->holds[i][1] = false;
        f->held[i] = true;
    }
    f->delay_ms[0] = NEVER;
    read_from_first(f, &a);
    assert_rc(LG_OK, a.read.rc);
    assert_int_equal(a.took_ms, 254);
    assert_int_equal(a.keys[0].schema_id, 1);
    assert_int_equal(f->counters.last_resorts, 2);
}

static void the_first_may_still_be_the_first_to_answer(void **state)
{
    struct fleet *f = *state;
    struct asked a;

    f->delay_ms[0] = 300;
    f->delay_ms[1] = 500;
    read_from_first(f, &a);
    assert_rc(LG_OK, a.read.rc);
    assert_int_equal(a.took_ms, 300);
    assert_int_equal(a.keys[0].schema_id, 0);
    assert_int_equal(f->cancelled, 1);
    assert_int_equal(f->counters.hedges_won, 0);
    assert_false(lg_host_avoided(f->host[1], lg_lane_now_us(f->lane)));
}

static void when_both_fail_the_read_fails_with_what_a_server_said(void **state)
{
    struct fleet *f = *state;
    struct asked a;

    f->delay_ms[0] = 300;
    f->delay_ms[1] = 100;
    f->says[0] = f->says[1] = LG_ERR_UNAVAILABLE;
    read_from_first(f, &a);
    assert_rc(LG_ERR_UNAVAILABLE, a.read.rc);
    assert_rc(LG_ERR_UNAVAILABLE, a.keys[0].rc);
    assert_int_equal(a.took_ms, 350);
    assert_int_equal(f->asked[0] + f->asked[1], 2); /* Each once. */
}

static void the_second_may_fail_while_the_first_answers(void **state)
{
    struct fleet *f = *state;
    struct asked a;

    f->delay_ms[0] = 300;
    f->says[1] = LG_ERR_UNAVAILABLE;
    read_from_first(f, &a);
    assert_rc(LG_OK, a.read.rc);
    assert_int_equal(a.took_ms, 300);
    assert_int_equal(a.keys[0].schema_id, 0);
}

static void a_silent_and_a_failing_server_leave_time_for_the_third(void **state)
{
    struct fleet *f = *state;
    struct asked a;

    f->holds[2][0] = true;
    f->delay_ms[0] = NEVER;
    f->says[1] = LG_ERR_UNAVAILABLE;
    f->host[2]->avoid_until_us = lg_lane_now_us(f->lane) + 252 * LG_MS; /* So that 1 is next. */
    read_from_first(f, &a);
    assert_rc(LG_OK, a.read.rc);
    assert_int_equal(a.keys[0].schema_id, 2);
    assert_int_equal(a.took_ms, 258);
}

static void two_silent_servers_leave_time_for_the_third(void **state)
{
    struct fleet *f = *state;
    struct asked a;

    f->holds[2][0] = true;
    f->delay_ms[0] = f->delay_ms[1] = NEVER;
    read_from_first(f, &a);
    assert_rc(LG_OK, a.read.rc);
    assert_int_equal(a.keys[0].schema_id, 2);
    assert_true(a.took_ms < 2000);
}

static void an_only_replica_has_all_the_time(void **state)
{
    struct fleet *f = *state;
    struct asked a;

    f->holds[1][0] = f->holds[1][1] = false;
    f->delay_ms[0] = 9999;
    ask(f, &a, 2);
    finish(&a);
    assert_rc(LG_OK, a.read.rc);
    assert_int_equal(a.took_ms, 9999);
    assert_int_equal(f->asked[0], 1);
    assert_false(lg_host_avoided(f->host[0], lg_lane_now_us(f->lane)));
    f->delay_ms[0] = NEVER;
    read_one(f, &a);
    assert_rc(LG_ERR_TIMEOUT, a.read.rc);
    assert_int_equal(a.took_ms, 10000);
}

static void a_stopped_server_costs_no_read(void **state)
{
    struct fleet *f = *state;
    struct asked *a = lg_new_array(struct asked, READS);
    struct asked late;
    unsigned before;

    for (size_t i = 0; i < READS; i++)
        ask(f, &a[i], 1);
    f->delay_ms[0] = NEVER; /* Stops with some of them, and all that follow. */
    for (size_t i = 0; i < READS; i++)
        finish(&a[i]);
    for (size_t i = 0; i < READS; i++)
        ask(f, &a[i], 1);
    for (size_t i = 0; i < READS; i++) {
        finish(&a[i]);
        assert_rc(LG_OK, a[i].read.rc);
        assert_true(a[i].took_ms <= 1004); /* Beyond the budget: when the silence is certain. */
    }
    assert_true(f->counters.hedges_won >= READS / 2);
    before = f->asked[0];
    for (size_t i = 0; i < READS; i++) { /* It is avoided now. */
        read_one(f, &late);
        assert_rc(LG_OK, late.read.rc);
        assert_int_equal(late.took_ms, 4);
        if (lg_lane_now_us(f->lane) + 10 * LG_MS > f->host[0]->avoid_until_us)
            break;
    }
    assert_int_equal(f->asked[0], before);
    lg_free(a);
}

static void a_silent_server_is_tried_with_one_read_and_taken_back(void **state)
{
    struct fleet *f = *state;
    struct asked a[4];

    f->delay_ms[0] = NEVER;
    read_from_first(f, &a[0]);
    assert_true(lg_host_avoided(f->host[0], lg_lane_now_us(f->lane)));
    lg_sim_run_us(f->sim, LG_HOST_AVOID_US);
    assert_false(lg_host_avoided(f->host[0], lg_lane_now_us(f->lane)));
    for (size_t i = 0; i < 4; i++)
        ask(f, &a[i], 1);
    for (size_t i = 0; i < 4; i++)
        finish(&a[i]);
    assert_int_equal(f->asked[0], 2); /* One of the four. */
    lg_sim_run_us(f->sim, LG_HOST_AVOID_US);
    assert_true(lg_host_avoided(f->host[0], lg_lane_now_us(f->lane))); /* Longer this time. */
    lg_sim_run_us(f->sim, LG_HOST_AVOID_US);
    f->delay_ms[0] = 4;
    read_one(f, &a[0]);
    assert_int_equal(f->asked[0], 3);
    for (size_t i = 0; i < 4; i++)
        ask(f, &a[i], 1);
    for (size_t i = 0; i < 4; i++)
        finish(&a[i]);
    assert_int_equal(f->asked[0], 5); /* Half of them again. */
}

/* Server 0 holds both partitions; server 1 the one, server 2 the other. */
static void a_batch_on_a_silent_server_is_split(void **state)
{
    struct fleet *f = *state;
    struct asked a;

    f->holds[1][1] = false;
    f->holds[2][1] = true;
    f->delay_ms[0] = NEVER;
    f->host[1]->last_sent = f->host[2]->last_sent = 1000;
    ask(f, &a, 2);
    finish(&a);
    assert_rc(LG_OK, a.read.rc);
    assert_int_equal(f->asked[0], 1); /* Both keys with one request. */
    assert_int_equal(a.keys[0].schema_id, 1);
    assert_int_equal(a.keys[1].schema_id, 2);
    assert_int_equal(a.took_ms, 1004);
}

/* Both servers are slow, and answer others all the while: what is asked twice stays bounded. */
static void a_slow_cluster_is_not_asked_everything_twice(void **state)
{
    struct fleet *f = *state;
    struct asked *a = lg_new_array(struct asked, READS * 10);
    uint64_t begun_us = lg_lane_now_us(f->lane), seconds;
    unsigned asked;

    f->delay_ms[0] = f->delay_ms[1] = 800;
    for (size_t i = 0; i < READS * 10; i++) {
        ask(f, &a[i], 1);
        lg_sim_run_us(f->sim, 5 * LG_MS);
    }
    for (size_t i = 0; i < READS * 10; i++) {
        finish(&a[i]);
        assert_rc(LG_OK, a[i].read.rc);
    }
    seconds = (lg_lane_now_us(f->lane) - begun_us) / LG_SEC + 1;
    asked = f->asked[0] + f->asked[1];
    assert_true(f->counters.hedges > 0);
    assert_true(asked <= READS * 10 + READS + LG_HEDGES_BURST_MAX + seconds * LG_HEDGES_PER_SEC);
    lg_free(a);
}

static void when_nobody_wants_the_answer_nobody_else_is_asked(void **state)
{
    struct fleet *f = *state;
    struct asked a;
    bool gone = false;

    f->delay_ms[0] = 900;
    f->host[1]->last_sent = 1000;
    ask(f, &a, 1);
    assert_int_equal(f->asked[0], 1);
    finish(&a);
    assert_int_equal(f->asked[1], 1);
    lg_sim_run_us(f->sim, 2 * LG_HOST_AVOID_US);
    memset(f->asked, 0, sizeof f->asked);
    f->delay_ms[1] = 900;
    a = (struct asked){.fleet = f, .begun_us = lg_lane_now_us(f->lane)};
    a.pointers[0] = &a.keys[0];
    a.read = (struct lg_read){.topic = "s_v1",
                              .keys = a.pointers,
                              .key_count = 1,
                              .arena = lg_arena_new(0),
                              .deadline_us = a.begun_us + 10 * LG_SEC,
                              .gone = &gone,
                              .done = settled};
    lg_layer_submit(&f->scatter.base, &a.read);
    gone = true;
    finish(&a);
    assert_int_equal(f->asked[0] + f->asked[1], 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_fleet, free_fleet)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_quick_answer_is_asked_for_once),
        TEST(a_slow_answer_is_overtaken),
        TEST(a_last_resort_that_is_silent_is_overtaken),
        TEST(the_first_may_still_be_the_first_to_answer),
        TEST(when_both_fail_the_read_fails_with_what_a_server_said),
        TEST(the_second_may_fail_while_the_first_answers),
        TEST(a_silent_and_a_failing_server_leave_time_for_the_third),
        TEST(two_silent_servers_leave_time_for_the_third),
        TEST(an_only_replica_has_all_the_time),
        TEST(a_stopped_server_costs_no_read),
        TEST(a_silent_server_is_tried_with_one_read_and_taken_back),
        TEST(a_batch_on_a_silent_server_is_split),
        TEST(a_slow_cluster_is_not_asked_everything_twice),
        TEST(when_nobody_wants_the_answer_nobody_else_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
