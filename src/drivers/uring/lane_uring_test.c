/* Lanes on io_uring do what lanes on threads must (test/lib/lane_driver.h). */
#include "drivers/uring/lane_uring.h"

#include "test/lib/lane_driver.h"
#include "test/lib/uring_here.h"
#include "test/test.h"

static enum lg_rc lane_new(const char *name, struct lg_pool_uv *pool, struct lg_lane **out,
                           struct lg_error *err)
{
    return lg_lane_uring_new(name, &(struct lg_lane_uring_options){.pool = lg_pool_uv_port(pool)},
                             out, err);
}

static const struct lg_lane_driver uring = {.lane_new = lane_new,
                                            .lane_free = lg_lane_uring_free,
                                            .start = lg_lane_uring_start,
                                            .stop = lg_lane_uring_stop,
                                            .join = lg_lane_uring_join,
                                            .run = lg_lane_uring_run};

/* --- The clock ------------------------------------------------------------------------------- */

#define TICKS 100u

struct busy {
    struct lg_lane *lane;
    struct lg_task task, rest;
    unsigned ticks, told;
    uint64_t rested_us;
};

static void busy_rests(struct lg_task *task)
{
    struct busy *b = LG_CONTAINER_OF(task, struct busy, rest);

    b->told++;
    b->rested_us = lg_lane_rested_us(b->lane);
}

static void busy_ran(struct lg_task *task)
{
    struct busy *b = LG_CONTAINER_OF(task, struct busy, task);

    if (b->ticks++ > 0)
        assert_int_equal(b->rested_us, lg_lane_now_us(b->lane));
    if (b->ticks == TICKS) {
        lg_lane_uring_stop(b->lane);
        return;
    }
    lg_lane_at_rest(b->lane, &b->rest);
    lg_lane_post(b->lane, task);
}

static void a_lane_that_does_not_wait_reads_the_clock_once_a_tick(void **state)
{
    struct busy b = {.task.run = busy_ran, .rest.run = busy_rests};
    struct lg_error err = {0};

    (void)state;
    assert_ok(lg_lane_uring_new("test", &(struct lg_lane_uring_options){0}, &b.lane, &err));
    lg_lane_post(b.lane, &b.task);
    lg_lane_uring_run(b.lane);
    assert_int_equal(b.ticks, TICKS);
    assert_int_equal(b.told, TICKS - 1);
    lg_lane_uring_free(b.lane);
}

int main(void)
{
    const struct CMUnitTest refused[] = {cmocka_unit_test(lg_uring_is_refused_with_a_reason)};
    const struct CMUnitTest own[] = {
        cmocka_unit_test(a_lane_that_does_not_wait_reads_the_clock_once_a_tick)};

    return lg_uring_is_here()
               ? lg_lane_driver_run(&uring) + cmocka_run_group_tests_name("clock", own, NULL, NULL)
               : cmocka_run_group_tests(refused, NULL, NULL);
}
