/* A thread waits for a lane. */
#include "drivers/uv/latch_uv.h"

#include "drivers/uv/lane_uv.h"
#include "test/test.h"

struct work {
    struct lg_task task;
    struct lg_latch_uv latch;
    unsigned done;
};

static void run(struct lg_task *task)
{
    struct work *w = LG_CONTAINER_OF(task, struct work, task);

    w->done++; /* No atomic: the latch orders it. */
    lg_latch_uv_open(&w->latch);
}

static void who_waits_sees_what_was_done_before(void **state)
{
    struct lg_lane *lane = NULL;
    struct work w = {.task = {.run = run}};
    struct lg_error err;

    (void)state;
    assert_ok(lg_lane_uv_new("latch", NULL, &lane, &err));
    assert_ok(lg_lane_uv_start(lane, &err));
    for (unsigned i = 1; i <= 1000; i++) {
        assert_ok(lg_latch_uv_init(&w.latch, &err));
        lg_lane_post(lane, &w.task);
        lg_latch_uv_wait(&w.latch);
        assert_int_equal(w.done, i);
        lg_latch_uv_done(&w.latch);
    }
    lg_lane_uv_stop(lane);
    lg_lane_uv_join(lane);
    lg_lane_uv_free(lane);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(who_waits_sees_what_was_done_before)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
