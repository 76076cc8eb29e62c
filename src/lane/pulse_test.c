/* Signs of life of lanes, some of which hang. */
#include "lane/pulse.h"

#include "drivers/sim/lane_sim.h"
#include "test/test.h"

struct rig {
    struct lg_sim *sim;
    struct lg_sim_node *nodes[2];
    struct lg_lane *home, *lanes[2];
    struct lg_pulse *pulse;
    struct lg_task task;
    uint64_t oldest_us, most_late_us;
    unsigned signs;
    bool taken;
};

static void nothing(void *ctx)
{
    (void)ctx;
}

static void came(void *ctx, uint64_t late_us)
{
    struct rig *r = (struct rig *)ctx;

    r->signs++;
    r->most_late_us = LG_MAX(r->most_late_us, late_us);
}

static void init(struct rig *r, size_t count)
{
    static const char *const names[] = {"a", "b"};

    *r = (struct rig){.sim = lg_sim_new(1)};

    r->home = lg_sim_lane_new(r->sim, NULL, "home");
    for (size_t i = 0; i < 2; i++) {
        r->nodes[i] = lg_sim_node_new(r->sim, names[i]);
        lg_sim_node_run(r->nodes[i], nothing, NULL);
        r->lanes[i] = lg_sim_lane_new(r->sim, r->nodes[i], names[i]);
    }
    r->pulse = lg_pulse_new(&(struct lg_pulse_options){
        .home = r->home, .lanes = r->lanes, .count = count, .late = came, .ctx = r});
}

static void done(struct rig *r)
{
    lg_sim_free(r->sim);
    lg_pulse_free(r->pulse);
}

static void take_now(struct lg_task *task)
{
    struct rig *r = LG_CONTAINER_OF(task, struct rig, task);

    r->oldest_us = lg_pulse_take(r->pulse);
    r->taken = true;
}

static bool is_taken(void *arg)
{
    return ((struct rig *)arg)->taken;
}

/* How old the oldest sign is, in seconds, after one more second. */
static uint64_t age_after_a_second(struct rig *r)
{
    lg_sim_run_us(r->sim, LG_SEC);
    r->taken = false;
    r->task.run = take_now;
    lg_lane_post(r->home, &r->task);
    assert_true(lg_sim_run_until(r->sim, is_taken, r, LG_SEC));
    return (lg_sim_now_us(r->sim) - r->oldest_us) / LG_SEC;
}

static void lanes_that_run_are_as_young_as_the_last_question(void **state)
{
    struct rig r;

    (void)state;
    init(&r, 2);
    for (int i = 0; i < 5; i++)
        assert_int_equal(age_after_a_second(&r), 1);
    lg_sim_run_us(r.sim, LG_SEC);
    assert_int_equal(r.signs, 10); /* Of each lane one to each question. */
    assert_true(r.most_late_us < LG_SEC);
    done(&r);
}

static void one_lane_that_hangs_is_seen(void **state)
{
    struct rig r;

    (void)state;
    init(&r, 2);
    assert_int_equal(age_after_a_second(&r), 1);
    lg_sim_run_us(r.sim, LG_MS);
    lg_sim_node_stop(r.nodes[1]);
    for (uint64_t i = 1; i <= 20; i++)
        assert_int_equal(age_after_a_second(&r), i);
    lg_sim_node_go_on(r.nodes[1]);
    assert_int_equal(age_after_a_second(&r), 1);
    lg_sim_run_us(r.sim, LG_SEC);
    /* One question to the lane that hung, not one for each time it was looked at. */
    assert_int_equal(r.signs, 22 + 3);
    assert_true(r.most_late_us > 18 * LG_SEC);
    done(&r);
}

static void without_lanes_nothing_hangs(void **state)
{
    struct rig r;

    (void)state;
    init(&r, 0);
    assert_int_equal(age_after_a_second(&r), 0);
    assert_int_equal(age_after_a_second(&r), 0);
    assert_int_equal(r.signs, 0);
    done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lanes_that_run_are_as_young_as_the_last_question),
        cmocka_unit_test(one_lane_that_hangs_is_seen),
        cmocka_unit_test(without_lanes_nothing_hangs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
