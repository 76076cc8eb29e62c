/* The transport on libuv does what transports over sockets must (test/lib/socket_driver.h), and
 * listeners of its lanes share a port. */
#include "drivers/uv/transport_uv.h"

#include "drivers/uv/lane_uv.h"
#include "test/lib/socket_driver.h"
#include "test/test.h"

static const struct lg_socket_driver uv = {.lanes = {.lane_new = lg_lane_uv_new,
                                                     .lane_free = lg_lane_uv_free,
                                                     .start = lg_lane_uv_start,
                                                     .stop = lg_lane_uv_stop,
                                                     .join = lg_lane_uv_join,
                                                     .run = lg_lane_uv_run},
                                           .transport_new = lg_transport_uv_new,
                                           .transport_free = lg_transport_uv_free};

struct pair {
    struct lg_watched first, joined;
    unsigned asked;
};

static bool has_accepted_all(void *arg)
{
    const struct pair *p = (const struct pair *)arg;

    return p->first.accepted_count + p->joined.accepted_count == p->asked &&
           p->first.opened + p->joined.opened >= p->asked;
}

static bool both_ends_are_closed(void *arg)
{
    return ((const struct pair *)arg)->joined.closed >= 1 &&
           ((const struct pair *)arg)->first.closed >= 1;
}

static void a_port_that_was_shared_is_free_at_once(void **state)
{
    struct lg_socket_rig r;
    struct pair p = {0};
    struct lg_listener *l, *joined, *again;
    struct lg_error err;
    uint16_t port;

    (void)state;
    lg_socket_rig_init(&r, &uv);
    assert_ok(lg_transport_listen(r.transport, r.lane, "127.0.0.1", 0, lg_watched_accepted,
                                  &p.first, &l, &err));
    assert_ok(lg_transport_share(l, r.lane, lg_watched_accepted, &p.joined, &joined, &err));
    port = lg_listener_port(l);
    while (p.joined.accepted_count == 0) { /* The kernel chooses. */
        assert_true(p.asked++ < 100);
        lg_conn_open(r.transport, r.lane, "127.0.0.1", port, &lg_watched_handler, &p.first);
        assert_true(lg_socket_rig_run_until(&r, has_accepted_all, &p));
    }
    lg_conn_close(p.joined.accepted, /* after_flush= */ true); /* It keeps the port for a while. */
    assert_true(lg_socket_rig_run_until(&r, both_ends_are_closed, &p));
    lg_listener_close(joined);
    lg_listener_close(l);
    assert_ok(lg_transport_listen(r.transport, r.lane, "127.0.0.1", port, lg_watched_accepted,
                                  &p.first, &again, &err));
    lg_socket_rig_done(&r);
}

int main(void)
{
    const struct CMUnitTest own[] = {cmocka_unit_test(a_port_that_was_shared_is_free_at_once)};

    return lg_socket_driver_run(&uv) +
           cmocka_run_group_tests_name("listeners that share a port", own, NULL, NULL);
}
