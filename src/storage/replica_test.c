/* A replica drains once, after its owner and the last reader let go, in whatever order. */
#include "test/test.h"

#include "drivers/sim/lane_sim.h"
#include "storage/replica.h"

static int drains;

static void drained(struct lg_replica *r)
{
    (void)r;
    drains++;
}

static void it_drains_after_the_last_reader(void **state)
{
    (void)state;
    LG_AUTO(lg_sim) *sim = lg_sim_new(1);
    struct lg_lane *lane = lg_sim_lane_new(sim, NULL, "data");
    struct lg_replica r;

    drains = 0;
    lg_replica_init(&r, lane, NULL, "t_v1", 4);
    assert_ptr_equal(&r, lg_replica_ref(&r));
    (void)lg_replica_ref(&r);
    lg_replica_unref(&r);
    lg_replica_retire(&r, drained);
    lg_sim_run_us(sim, LG_SEC);
    assert_int_equal(0, drains);
    lg_replica_unref(&r);
    assert_int_equal(0, drains); /* Never from inside. */
    lg_sim_run_us(sim, LG_SEC);
    assert_int_equal(1, drains);
}

static void without_readers_it_drains_at_once(void **state)
{
    (void)state;
    LG_AUTO(lg_sim) *sim = lg_sim_new(1);
    struct lg_lane *lane = lg_sim_lane_new(sim, NULL, "data");
    struct lg_replica r;

    drains = 0;
    lg_replica_init(&r, lane, NULL, "t_v1", 4);
    lg_replica_retire(&r, drained);
    assert_int_equal(0, drains);
    lg_sim_run_us(sim, LG_SEC);
    assert_int_equal(1, drains);
    lg_replica_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_drains_after_the_last_reader),
        cmocka_unit_test(without_readers_it_drains_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
