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

int main(void)
{
    const struct CMUnitTest refused[] = {cmocka_unit_test(lg_uring_is_refused_with_a_reason)};

    return lg_uring_is_here() ? lg_lane_driver_run(&uring)
                              : cmocka_run_group_tests(refused, NULL, NULL);
}
