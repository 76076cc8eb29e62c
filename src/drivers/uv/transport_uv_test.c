/* The transport contract on real sockets of the loopback interface, and what only sockets can do.
 */
#include "drivers/uv/transport_uv.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "drivers/uv/lane_uv.h"
#include "net/transport_contract.h"
#include "test/test.h"

#define TOO_LONG_US (60 * LG_SEC)
#define LOOK_US (1 * LG_MS)

struct rig {
    struct lg_pool_uv *pool;
    struct lg_lane *lane;
    struct lg_transport *transport;
    struct lg_timer look;
    bool (*cond)(void *arg);
    void *arg;
    uint64_t give_up_us;
    bool held;
};

static void looked(struct lg_timer *t)
{
    struct rig *r = LG_CONTAINER_OF(t, struct rig, look);

    r->held = r->cond(r->arg);
    if (r->held || lg_lane_now_us(r->lane) > r->give_up_us)
        lg_lane_uv_stop(r->lane);
    else
        lg_timer_start(r->lane, t, LOOK_US, looked);
}

static bool run_until(void *ctx, bool (*cond)(void *arg), void *arg)
{
    struct rig *r = (struct rig *)ctx;

    r->cond = cond;
    r->arg = arg;
    r->give_up_us = lg_lane_now_us(r->lane) + TOO_LONG_US;
    lg_timer_start(r->lane, &r->look, 0, looked);
    lg_lane_uv_run(r->lane);
    return r->held;
}

static void rig_init(struct rig *r)
{
    struct lg_error err;

    *r = (struct rig){0};
    assert_ok(lg_pool_uv_new(1, &r->pool, &err));
    assert_ok(lg_lane_uv_new("test", r->pool, &r->lane, &err));
    r->transport = lg_transport_uv_new();
}

static void rig_done(struct rig *r)
{
    lg_transport_uv_free(r->transport);
    lg_lane_uv_free(r->lane);
    lg_pool_uv_free(r->pool);
}

static void sockets_keep_the_contract(void **state)
{
    struct rig r;
    struct lg_error err;

    (void)state;
    rig_init(&r);
    struct lg_transport_contract contract = {.transport = r.transport,
                                             .lane = r.lane,
                                             .host = "127.0.0.1",
                                             .no_address = "no address",
                                             .run_until = run_until,
                                             .ctx = &r};
    assert_ok(lg_transport_contract(&contract, &err));
    rig_done(&r);
}

/* --- Names, and what sockets say ------------------------------------------------------------- */

struct watched {
    struct lg_conn *accepted, *client;
    unsigned accepted_count, opened, closed;
    enum lg_rc why;
    char fault[128];
};

static void note_opened(void *ctx, struct lg_conn *c)
{
    (void)c;
    ((struct watched *)ctx)->opened++;
}

static void note_closed(void *ctx, struct lg_conn *c, enum lg_rc why)
{
    struct watched *w = (struct watched *)ctx;

    w->closed++;
    w->why = why;
    memcpy(w->fault, c->fault, sizeof(w->fault));
}

static void ignore_received(void *ctx, struct lg_conn *c, struct lg_slice bytes)
{
    (void)ctx, (void)c, (void)bytes;
}

static const struct lg_conn_handler watching = {
    .opened = note_opened, .received = ignore_received, .closed = note_closed};

static void note_accepted(void *ctx, struct lg_conn *c)
{
    struct watched *w = (struct watched *)ctx;

    w->accepted_count++;
    w->accepted = c;
    c->handler = &watching;
    c->ctx = w;
}

static bool has_closed(void *arg)
{
    return ((struct watched *)arg)->closed > 0;
}

static bool has_opened(void *arg)
{
    const struct watched *w = (const struct watched *)arg;

    return w->opened > 0 && w->accepted_count > 0;
}

static void a_name_that_does_not_resolve_says_so(void **state)
{
    struct rig r;
    struct watched w = {0};

    (void)state;
    rig_init(&r);
    lg_conn_open(r.transport, r.lane, "no-such-host.invalid", 80, &watching, &w);
    assert_true(run_until(&r, has_closed, &w));
    assert_rc(LG_ERR_UNAVAILABLE, w.why);
    assert_true(strlen(w.fault) > 0);
    rig_done(&r);
}

static void a_connection_given_up_while_its_name_resolves_is_closed_once(void **state)
{
    struct rig r;
    struct watched w = {0};
    struct lg_conn *c;

    (void)state;
    rig_init(&r);
    c = lg_conn_open(r.transport, r.lane, "no-such-host.invalid", 80, &watching, &w);
    lg_conn_close(c, /* after_flush= */ false);
    assert_true(run_until(&r, has_closed, &w));
    assert_rc(LG_ERR_CANCELLED, w.why);
    lg_pool_uv_free(LG_TAKE(r.pool)); /* The name's answer has been posted when this returns. */
    w.closed = 0;
    w.opened = w.accepted_count = 1;
    assert_true(run_until(&r, has_opened, &w));
    assert_int_equal(w.closed, 0);
    rig_done(&r);
}

static void localhost_is_the_loopback_address(void **state)
{
    struct rig r;
    struct watched w = {0};
    struct lg_listener *l;
    struct lg_error err;

    (void)state;
    rig_init(&r);
    assert_ok(
        lg_transport_listen(r.transport, r.lane, "localhost", 0, note_accepted, &w, &l, &err));
    lg_conn_open(r.transport, r.lane, "localhost", lg_listener_port(l), &watching, &w);
    assert_true(run_until(&r, has_opened, &w));
    assert_memory_equal(w.accepted->peer, "127.0.0.1:", 10);
    rig_done(&r); /* Closes both, which ASan would otherwise name. */
    assert_int_equal(w.closed, 2);
}

static void a_port_in_use_is_named_with_its_remedy(void **state)
{
    struct rig r;
    struct watched w = {0};
    struct lg_listener *l, *second;
    struct lg_error err;
    char text[160];

    (void)state;
    rig_init(&r);
    assert_ok(
        lg_transport_listen(r.transport, r.lane, "127.0.0.1", 0, note_accepted, &w, &l, &err));
    assert_rc(LG_ERR_IN_USE,
              lg_transport_listen(r.transport, r.lane, "127.0.0.1", lg_listener_port(l),
                                  note_accepted, &w, &second, &err));
    (void)snprintf(text, sizeof(text),
                   "port %u on 127.0.0.1 is in use by another process; choose another port or stop "
                   "that process",
                   lg_listener_port(l));
    assert_string_equal(err.text, text);
    assert_rc(LG_ERR_INVALID, lg_transport_listen(r.transport, r.lane, "192.0.2.1", 0,
                                                  note_accepted, &w, &second, &err));
    rig_done(&r);
}

/* --- Listeners that share a port ------------------------------------------------------------- */

struct pair {
    struct watched first, joined;
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
    struct rig r;
    struct pair p = {0};
    struct lg_listener *l, *joined, *again;
    struct lg_error err;
    uint16_t port;

    (void)state;
    rig_init(&r);
    assert_ok(lg_transport_listen(r.transport, r.lane, "127.0.0.1", 0, note_accepted, &p.first, &l,
                                  &err));
    assert_ok(lg_transport_share(l, r.lane, note_accepted, &p.joined, &joined, &err));
    port = lg_listener_port(l);
    while (p.joined.accepted_count == 0) { /* The kernel chooses. */
        assert_true(p.asked++ < 100);
        lg_conn_open(r.transport, r.lane, "127.0.0.1", port, &watching, &p.first);
        assert_true(run_until(&r, has_accepted_all, &p));
    }
    lg_conn_close(p.joined.accepted, /* after_flush= */ true); /* It keeps the port for a while. */
    assert_true(run_until(&r, both_ends_are_closed, &p));
    lg_listener_close(joined);
    lg_listener_close(l);
    assert_ok(lg_transport_listen(r.transport, r.lane, "127.0.0.1", port, note_accepted, &p.first,
                                  &again, &err));
    rig_done(&r);
}

/* --- Descriptors that run out ---------------------------------------------------------------- */

static unsigned complaints;

static void count_complaints(void *ctx, enum lg_log_level level, const char *line)
{
    (void)ctx, (void)level;
    if (strstr(line, "accept_failed") != NULL)
        complaints++;
}

static bool has_complained(void *arg)
{
    (void)arg;
    return complaints > 0;
}

/* All descriptors but the one that a client needs are used up, then given back. */
static void without_descriptors_the_listener_waits_and_goes_on(void **state)
{
    enum { FILLERS_MAX = 512 };
    struct rig r;
    struct watched w = {0};
    struct lg_listener *l;
    struct lg_error err;
    struct rlimit before, small;
    int fillers[FILLERS_MAX], n = 0;

    (void)state;
    rig_init(&r);
    assert_ok(
        lg_transport_listen(r.transport, r.lane, "127.0.0.1", 0, note_accepted, &w, &l, &err));
    complaints = 0;
    lg_log_set_sink(count_complaints, NULL);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    small = before;
    small.rlim_cur = FILLERS_MAX / 2;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &small), 0);
    while (n < FILLERS_MAX && (fillers[n] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        n++;
    assert_int_equal(errno, EMFILE);
    assert_int_equal(close(fillers[--n]), 0);
    lg_conn_open(r.transport, r.lane, "127.0.0.1", lg_listener_port(l), &watching, &w);
    assert_true(run_until(&r, has_complained, NULL));
    assert_int_equal(w.accepted_count, 0);
    while (n > 0)
        assert_int_equal(close(fillers[--n]), 0);
    assert_true(run_until(&r, has_opened, &w));
    assert_int_equal(complaints, 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    lg_log_set_sink(NULL, NULL);
    rig_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sockets_keep_the_contract),
        cmocka_unit_test(a_name_that_does_not_resolve_says_so),
        cmocka_unit_test(a_connection_given_up_while_its_name_resolves_is_closed_once),
        cmocka_unit_test(localhost_is_the_loopback_address),
        cmocka_unit_test(a_port_in_use_is_named_with_its_remedy),
        cmocka_unit_test(a_port_that_was_shared_is_free_at_once),
        cmocka_unit_test(without_descriptors_the_listener_waits_and_goes_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
