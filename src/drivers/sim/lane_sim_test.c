/* The simulator's scheduler: the lane contract, determinism, time, and the death of nodes. */
#include "drivers/sim/lane_sim.h"

#include "lane/lane_contract.h"
#include "test/test.h"

#define RUN_US (60 * LG_SEC)

struct verdict {
    bool ended;
    struct lg_error err;
};

static void contract_ended(void *ctx, enum lg_rc rc, const struct lg_error *err)
{
    struct verdict *v = ctx;

    v->ended = true;
    v->err = *err;
    v->err.rc = rc;
}

static bool has_ended(void *ctx)
{
    return ((struct verdict *)ctx)->ended;
}

static void the_contract_is_kept_for_many_seeds(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        LG_AUTO(lg_sim) *sim = lg_sim_new(seed);
        struct verdict v = {0};

        lg_lane_contract_start(lg_sim_lane_new(sim, NULL, "test"), contract_ended, &v);
        assert_true(lg_sim_run_until(sim, has_ended, &v, RUN_US));
        if (v.err.rc != LG_OK)
            fail_msg("%s", v.err.text);
    }
}

/* --- A small world: nodes whose lanes chat at random ------------------------------------------ */

struct chatter {
    struct lg_task task;
    struct lg_timer timer;
    struct lg_offload offload;
    struct lg_lane *lane;
    unsigned rounds, worked;
    char *memory; /* Grows and shrinks, to be lost at a kill. */
};

static void chat(struct chatter *c);

static void chat_task(struct lg_task *task)
{
    chat(LG_CONTAINER_OF(task, struct chatter, task));
}

static void chat_timer(struct lg_timer *timer)
{
    chat(LG_CONTAINER_OF(timer, struct chatter, timer));
}

static void chat_work(struct lg_offload *offload)
{
    LG_CONTAINER_OF(offload, struct chatter, offload)->worked++;
}

static void chat_done(struct lg_offload *offload)
{
    chat(LG_CONTAINER_OF(offload, struct chatter, offload));
}

static void chat(struct chatter *c)
{
    uint64_t next = lg_rand_below(&c->lane->rand, 3);

    c->rounds++;
    lg_free(c->memory);
    c->memory = lg_alloc(c->rounds);
    if (next == 0) {
        c->task.run = chat_task;
        lg_lane_post(c->lane, &c->task);
    } else if (next == 1) {
        lg_timer_start(c->lane, &c->timer, lg_rand_below(&c->lane->rand, 5000), chat_timer);
    } else {
        c->offload.work = chat_work;
        c->offload.done = chat_done;
        lg_offload(c->lane, &c->offload);
    }
}

struct boot {
    struct lg_sim_node *node;
    struct chatter *chatter;
};

static void boot(void *ctx)
{
    struct boot *b = ctx;

    b->chatter = lg_new(struct chatter);
    b->chatter->lane = lg_sim_lane_new(lg_sim_node_sim(b->node), b->node, "chatter");
    chat(b->chatter);
}

static uint64_t hash_of_a_run(uint64_t seed)
{
    LG_AUTO(lg_sim) *sim = lg_sim_new(seed);
    struct boot nodes[4];

    for (unsigned i = 0; i < LG_ARRAY_SIZE(nodes); i++) {
        nodes[i].node = lg_sim_node_new(sim, "node");
        lg_sim_node_run(nodes[i].node, boot, &nodes[i]);
    }
    lg_sim_run_us(sim, 50 * LG_MS);
    lg_sim_node_kill(nodes[1].node);
    lg_sim_run_us(sim, 50 * LG_MS);
    lg_sim_node_start(nodes[1].node);
    lg_sim_node_run(nodes[1].node, boot, &nodes[1]);
    lg_sim_run_us(sim, 100 * LG_MS);
    assert_true(lg_sim_steps(sim) > 100);
    return lg_sim_trace_hash(sim);
}

static void one_seed_gives_one_hash_and_another_seed_another(void **state)
{
    (void)state;
    assert_int_equal(hash_of_a_run(1), hash_of_a_run(1));
    assert_int_not_equal(hash_of_a_run(1), hash_of_a_run(2));
    /* The same on every compiler and level of optimisation; new when the scheduler changes. */
    assert_int_equal(hash_of_a_run(1), 0x1C1AFC12DDF0D7AB);
}

/* --- Time ----------------------------------------------------------------------------------- */

static void append_event(void *ctx)
{
    lg_buf_append_byte(ctx, '0');
}

static void append_other(void *ctx)
{
    lg_buf_append_byte(ctx, '1');
}

static void events_run_by_time_then_by_order_unless_cancelled(void **state)
{
    (void)state;
    LG_AUTO(lg_sim) *sim = lg_sim_new(7);
    LG_SCOPED(lg_buf) seen = {0};
    uint64_t now_us = lg_sim_now_us(sim), cancelled;

    lg_sim_at(sim, now_us + 2000, NULL, append_other, &seen);
    lg_sim_at(sim, now_us + 1000, NULL, append_event, &seen);
    lg_sim_at(sim, now_us + 1000, NULL, append_other, &seen);
    cancelled = lg_sim_at(sim, now_us + 500, NULL, append_other, &seen);
    assert_true(lg_sim_cancel(sim, cancelled));
    assert_false(lg_sim_cancel(sim, cancelled));
    lg_sim_run_us(sim, 1500);
    assert_slice_equal(lg_buf_slice(&seen), LG_LIT("01"));
    assert_true(lg_sim_step(sim));
    assert_false(lg_sim_step(sim));
    assert_slice_equal(lg_buf_slice(&seen), LG_LIT("011"));
    assert_int_equal(lg_sim_now_us(sim), now_us + 2001);
}

static void post_again(struct lg_task *task)
{
    lg_lane_post(LG_CONTAINER_OF(task, struct chatter, task)->lane, task);
}

static bool never(void *ctx)
{
    (void)ctx;
    return false;
}

static void a_run_ends_on_time_even_if_a_task_posts_itself_for_ever(void **state)
{
    (void)state;
    LG_AUTO(lg_sim) *sim = lg_sim_new(7);
    struct chatter c = {.task.run = post_again, .lane = lg_sim_lane_new(sim, NULL, "busy")};
    uint64_t began_us = lg_sim_now_us(sim);

    lg_lane_post(c.lane, &c.task);
    lg_sim_run_us(sim, 1000);
    assert_int_equal(lg_sim_now_us(sim), began_us + 1000);
    assert_false(lg_sim_run_until(sim, never, NULL, 1000));
    assert_int_equal(lg_sim_now_us(sim), began_us + 2000);
}

static void wall_clocks_follow_virtual_time_and_skew(void **state)
{
    (void)state;
    LG_AUTO(lg_sim) *sim = lg_sim_new(7);
    struct lg_sim_node *node = lg_sim_node_new(sim, "late");
    struct lg_lane *lane = lg_sim_lane_new(sim, node, "a");

    assert_int_equal(lg_lane_wall_ms(lane), LG_SIM_WALL_BASE_MS + 1000);
    lg_sim_run_us(sim, 250 * LG_MS);
    lg_sim_node_set_skew_ms(node, -300);
    assert_int_equal(lg_lane_wall_ms(lane), LG_SIM_WALL_BASE_MS + 950);
}

/* --- Death ---------------------------------------------------------------------------------- */

static void count_kill(void *ctx)
{
    (*(unsigned *)ctx)++;
}

static void a_killed_node_leaves_nothing_and_runs_nothing(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        unsigned kills = 0; /* Outlives the sim, whose end is a kill, too. */
        LG_AUTO(lg_sim) *sim = lg_sim_new(seed);
        struct boot b = {.node = lg_sim_node_new(sim, "victim")};
        uint64_t steps;

        lg_sim_node_on_kill(b.node, count_kill, &kills);
        lg_sim_node_run(b.node, boot, &b);
        lg_sim_run_us(sim, lg_sim_rand_below(sim, 20 * LG_MS));
        assert_true(lg_sim_node_bytes(b.node) > 0);
        lg_sim_node_kill(b.node);
        lg_sim_node_kill(b.node);
        assert_false(lg_sim_node_alive(b.node));
        assert_int_equal(kills, 1);
        assert_int_equal(lg_sim_node_bytes(b.node), 0);
        steps = lg_sim_steps(sim);
        lg_sim_run_us(sim, LG_SEC);
        assert_int_equal(lg_sim_steps(sim), steps);
        lg_sim_node_start(b.node);
        assert_int_equal(lg_sim_node_incarnation(b.node), 2);
        lg_sim_node_run(b.node, boot, &b);
        lg_sim_run_us(sim, LG_SEC);
        assert_true(b.chatter->rounds > 1);
    }
}

struct suicide {
    struct lg_task task;
    struct lg_sim_node *node;
    unsigned *went_on;
};

static void kill_self(struct lg_task *task)
{
    struct suicide *s = LG_CONTAINER_OF(task, struct suicide, task);

    lg_sim_node_kill(s->node);
    assert_false(lg_sim_node_alive(s->node));
    *s->went_on += 1; /* Its memory is still there. */
    lg_sim_at(lg_sim_node_sim(s->node), 0, s->node, append_event, NULL);
}

static void boot_suicide(void *ctx)
{
    struct suicide *given = ctx, *s = lg_new(struct suicide);
    struct lg_lane *lane = lg_sim_lane_new(lg_sim_node_sim(given->node), given->node, "s");

    *s = *given;
    s->task.run = kill_self;
    lg_lane_post(lane, &s->task);
}

static void a_node_may_kill_itself_and_dies_when_its_task_returns(void **state)
{
    (void)state;
    LG_AUTO(lg_sim) *sim = lg_sim_new(7);
    unsigned kills = 0, went_on = 0;
    struct suicide s = {.node = lg_sim_node_new(sim, "s"), .went_on = &went_on};

    lg_sim_node_on_kill(s.node, count_kill, &kills);
    lg_sim_node_run(s.node, boot_suicide, &s);
    assert_int_equal(kills, 0);
    assert_true(lg_sim_step(sim));
    assert_int_equal(went_on, 1);
    assert_int_equal(kills, 1);
    assert_int_equal(lg_sim_node_bytes(s.node), 0);
    assert_false(lg_sim_step(sim));
}

static void a_late_post_to_a_dead_lane_is_dropped(void **state)
{
    (void)state;
    LG_AUTO(lg_sim) *sim = lg_sim_new(7);
    struct lg_sim_node *node = lg_sim_node_new(sim, "gone");
    struct lg_lane *dead = lg_sim_lane_new(sim, node, "a");
    struct lg_lane *freed = lg_sim_lane_new(sim, NULL, "b");
    struct chatter c = {.lane = freed}, d = {.lane = dead, .task.run = chat_task};

    lg_timer_start(freed, &c.timer, 10, chat_timer);
    c.offload.work = chat_work;
    c.offload.done = chat_done;
    lg_offload(freed, &c.offload);
    lg_sim_lane_free(freed);
    lg_sim_lane_free(freed);
    assert_false(lg_timer_armed(&c.timer));
    lg_sim_node_kill(node);
    lg_lane_post(dead, &d.task);
    lg_sim_run_us(sim, LG_SEC);
    assert_int_equal(c.rounds + c.worked + d.rounds, 0);
}

/* --- Stopped nodes and busy lanes ----------------------------------------------------------- */

static void a_stopped_node_runs_nothing_and_goes_on_where_it_was(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        LG_AUTO(lg_sim) *sim = lg_sim_new(seed);
        struct boot b = {.node = lg_sim_node_new(sim, "node")};
        unsigned rounds;

        lg_sim_node_run(b.node, boot, &b);
        lg_sim_run_us(sim, 50 * LG_MS);
        lg_sim_node_stop(b.node);
        lg_sim_node_stop(b.node);
        assert_true(lg_sim_node_stopped(b.node) && lg_sim_node_alive(b.node));
        rounds = b.chatter->rounds + b.chatter->worked;
        lg_sim_run_us(sim, LG_SEC);
        assert_int_equal(b.chatter->rounds + b.chatter->worked, rounds);
        lg_sim_node_go_on(b.node);
        lg_sim_node_go_on(b.node);
        assert_false(lg_sim_node_stopped(b.node));
        lg_sim_run_us(sim, LG_SEC);
        assert_true(b.chatter->rounds > rounds);
        lg_sim_node_stop(b.node);
        lg_sim_run_us(sim, LG_SEC);
        lg_sim_node_kill(b.node); /* With what was held back. */
        lg_sim_node_start(b.node);
        assert_false(lg_sim_node_stopped(b.node));
    }
}

struct moment {
    struct lg_sim *sim;
    uint64_t at_us;
    unsigned runs;
};

static void note_moment(void *ctx)
{
    struct moment *m = ctx;

    m->at_us = lg_sim_now_us(m->sim);
    m->runs++;
}

static void events_of_a_stopped_node_wait_and_may_be_cancelled(void **state)
{
    (void)state;
    LG_AUTO(lg_sim) *sim = lg_sim_new(3);
    struct lg_sim_node *node = lg_sim_node_new(sim, "node");
    struct moment kept = {.sim = sim}, dropped = {.sim = sim}, world = {.sim = sim};
    uint64_t start_us = lg_sim_now_us(sim), event;

    lg_sim_at(sim, start_us + 10, node, note_moment, &kept);
    event = lg_sim_at(sim, start_us + 20, node, note_moment, &dropped);
    lg_sim_at(sim, start_us + 30, NULL, note_moment, &world);
    lg_sim_node_stop(node);
    lg_sim_run_us(sim, LG_MS);
    assert_int_equal(world.at_us, start_us + 30);
    assert_int_equal(kept.runs, 0);
    assert_true(lg_sim_cancel(sim, event));
    assert_false(lg_sim_cancel(sim, event));
    lg_sim_node_go_on(node);
    lg_sim_run_us(sim, LG_MS);
    assert_int_equal(kept.runs, 1);
    assert_true(kept.at_us >= start_us + LG_MS);
    assert_int_equal(dropped.runs, 0);
}

struct spender {
    struct lg_task task;
    struct lg_timer timer;
    struct lg_offload offload;
    struct lg_lane *lane;
    uint64_t spend_us, timer_us, done_us;
};

static void spend_in_work(struct lg_offload *offload)
{
    struct spender *s = LG_CONTAINER_OF(offload, struct spender, offload);

    lg_sim_spend_us(lg_sim_lane_sim(s->lane), s->spend_us);
}

static void spend_work_done(struct lg_offload *offload)
{
    struct spender *s = LG_CONTAINER_OF(offload, struct spender, offload);

    s->done_us = lg_lane_now_us(s->lane);
}

static void spend_timer(struct lg_timer *timer)
{
    struct spender *s = LG_CONTAINER_OF(timer, struct spender, timer);

    s->timer_us = lg_lane_now_us(s->lane);
}

static void spend_task(struct lg_task *task)
{
    struct spender *s = LG_CONTAINER_OF(task, struct spender, task);

    lg_timer_start(s->lane, &s->timer, 10, spend_timer);
    lg_sim_spend_us(lg_sim_lane_sim(s->lane), s->spend_us);
}

static void what_is_spent_makes_an_offload_late_and_keeps_a_lane_busy(void **state)
{
    (void)state;
    LG_AUTO(lg_sim) *sim = lg_sim_new(4);
    struct spender on_lane = {.lane = lg_sim_lane_new(sim, NULL, "a"), .spend_us = LG_SEC};
    struct spender in_work = {.lane = lg_sim_lane_new(sim, NULL, "b"), .spend_us = 2 * LG_SEC};
    uint64_t start_us = lg_sim_now_us(sim);

    on_lane.task.run = spend_task;
    lg_lane_post(on_lane.lane, &on_lane.task);
    in_work.offload = (struct lg_offload){.work = spend_in_work, .done = spend_work_done};
    lg_offload(in_work.lane, &in_work.offload);
    lg_sim_run_us(sim, 4 * LG_SEC);
    assert_in_range(on_lane.timer_us, start_us + LG_SEC, start_us + LG_SEC + LG_MS);
    assert_in_range(in_work.done_us, start_us + 2 * LG_SEC, start_us + 3 * LG_SEC);
    lg_sim_spend_us(sim, LG_SEC); /* On no lane: nothing. */
}

/* --- Trace ---------------------------------------------------------------------------------- */

static void the_trace_shows_the_last_events_as_text(void **state)
{
    (void)state;
    LG_AUTO(lg_sim) *sim = lg_sim_new(7);
    LG_SCOPED(lg_buf) text = {0};
    uint64_t before;

    for (uint64_t i = 0; i < LG_SIM_EVENTS_KEPT; i++)
        lg_sim_trace(sim, "filler", i);
    before = lg_sim_trace_hash(sim);
    lg_sim_trace(sim, "sent", 4, 2);
    lg_sim_trace_text(sim, LG_LIT("a/path"));
    assert_int_not_equal(lg_sim_trace_hash(sim), before);
    lg_sim_trace_dump(sim, &text);
    assert_slice_equal(lg_slice(text.data, 28), LG_LIT("1000000 us  world  filler 1\n"));
    lg_buf_append_byte(&text, 0);
    assert_non_null(
        strstr((const char *)text.data, "filler 255\n1000000 us  world  sent 4 2  a/path\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_contract_is_kept_for_many_seeds),
        cmocka_unit_test(one_seed_gives_one_hash_and_another_seed_another),
        cmocka_unit_test(events_run_by_time_then_by_order_unless_cancelled),
        cmocka_unit_test(a_run_ends_on_time_even_if_a_task_posts_itself_for_ever),
        cmocka_unit_test(wall_clocks_follow_virtual_time_and_skew),
        cmocka_unit_test(a_killed_node_leaves_nothing_and_runs_nothing),
        cmocka_unit_test(a_node_may_kill_itself_and_dies_when_its_task_returns),
        cmocka_unit_test(a_late_post_to_a_dead_lane_is_dropped),
        cmocka_unit_test(a_stopped_node_runs_nothing_and_goes_on_where_it_was),
        cmocka_unit_test(events_of_a_stopped_node_wait_and_may_be_cancelled),
        cmocka_unit_test(what_is_spent_makes_an_offload_late_and_keeps_a_lane_busy),
        cmocka_unit_test(the_trace_shows_the_last_events_as_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
