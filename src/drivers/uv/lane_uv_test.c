/* Lanes on libuv do what lanes on threads must (test/lib/lane_driver.h), and hear signals. */
#include "drivers/uv/lane_uv.h"

#include <signal.h>

#include "test/lib/lane_driver.h"
#include "test/test.h"

static const struct lg_lane_driver uv = {.lane_new = lg_lane_uv_new,
                                         .lane_free = lg_lane_uv_free,
                                         .start = lg_lane_uv_start,
                                         .stop = lg_lane_uv_stop,
                                         .join = lg_lane_uv_join,
                                         .run = lg_lane_uv_run};

struct caught {
    struct lg_lane *lane;
    int signo;
};

static void signal_came(void *ctx, int signo)
{
    struct caught *c = ctx;

    c->signo = signo;
    lg_lane_uv_stop(c->lane);
}

static void a_signal_arrives_on_the_lane(void **state)
{
    struct caught c = {0};
    struct lg_error err = {0};

    (void)state;
    assert_ok(lg_lane_uv_new("test", NULL, &c.lane, &err));
    assert_ok(lg_lane_uv_on_signal(c.lane, SIGUSR1, signal_came, &c, &err));
    assert_ok(lg_lane_uv_start(c.lane, &err));
    raise(SIGUSR1);
    lg_lane_uv_join(c.lane);
    assert_int_equal(c.signo, SIGUSR1);
    lg_lane_uv_free(c.lane);
}

static void signals_are_bounded_and_checked(void **state)
{
    struct caught c = {0};
    struct lg_error err = {0};

    (void)state;
    assert_ok(lg_lane_uv_new("test", NULL, &c.lane, &err));
    assert_rc(LG_ERR_IO, lg_lane_uv_on_signal(c.lane, SIGKILL, signal_came, &c, &err));
    for (int i = 1; i < LG_LANE_UV_SIGNALS_MAX; i++) /* The refused one has taken a place. */
        assert_ok(lg_lane_uv_on_signal(c.lane, SIGUSR2, signal_came, &c, &err));
    assert_rc(LG_ERR_TOO_LARGE, lg_lane_uv_on_signal(c.lane, SIGUSR2, signal_came, &c, &err));
    lg_lane_uv_free(c.lane);
}

int main(void)
{
    const struct CMUnitTest own[] = {
        cmocka_unit_test(a_signal_arrives_on_the_lane),
        cmocka_unit_test(signals_are_bounded_and_checked),
    };

    return lg_lane_driver_run(&uv) + cmocka_run_group_tests_name("signals", own, NULL, NULL);
}
