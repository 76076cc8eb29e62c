#include "test/lib/socket_driver.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/transport_contract.h"
#include "test/test.h"

#define TOO_LONG_US (60 * LG_SEC)
#define LOOK_US (1 * LG_MS)

/* --- The rig ---------------------------------------------------------------------------------- */

static void looked(struct lg_timer *t)
{
    struct lg_socket_rig *r = LG_CONTAINER_OF(t, struct lg_socket_rig, look);

    if (r->before_look != NULL)
        r->before_look();
    r->held = r->cond(r->arg);
    if (r->held || lg_lane_now_us(r->lane) > r->give_up_us)
        r->driver->lanes.stop(r->lane);
    else
        lg_timer_start(r->lane, t, LOOK_US, looked);
}

bool lg_socket_rig_run_until(struct lg_socket_rig *r, bool (*cond)(void *arg), void *arg)
{
    r->cond = cond;
    r->arg = arg;
    r->give_up_us = lg_lane_now_us(r->lane) + TOO_LONG_US;
    lg_timer_start(r->lane, &r->look, 0, looked);
    r->driver->lanes.run(r->lane);
    return r->held;
}

void lg_socket_rig_init(struct lg_socket_rig *r, const struct lg_socket_driver *driver)
{
    struct lg_error err;

    *r = (struct lg_socket_rig){.driver = driver};
    assert_ok(lg_pool_uv_new(1, &r->pool, &err));
    assert_ok(driver->lanes.lane_new("test", r->pool, &r->lane, &err));
    r->transport = driver->transport_new();
}

void lg_socket_rig_done(struct lg_socket_rig *r)
{
    r->driver->transport_free(r->transport);
    r->driver->lanes.lane_free(r->lane);
    lg_pool_uv_free(r->pool);
}

static bool contract_run_until(void *ctx, bool (*cond)(void *arg), void *arg)
{
    return lg_socket_rig_run_until((struct lg_socket_rig *)ctx, cond, arg);
}

void lg_socket_rig_keep_contract(struct lg_socket_rig *r)
{
    struct lg_transport_contract contract = {.transport = r->transport,
                                             .lane = r->lane,
                                             .host = "127.0.0.1",
                                             .no_address = "no address",
                                             .run_until = contract_run_until,
                                             .ctx = r};
    struct lg_error err;

    assert_ok(lg_transport_contract(&contract, &err));
}

/* --- Connections that are watched ------------------------------------------------------------- */

static void note_opened(void *ctx, struct lg_conn *c)
{
    (void)c;
    ((struct lg_watched *)ctx)->opened++;
}

static void note_closed(void *ctx, struct lg_conn *c, enum lg_rc why)
{
    struct lg_watched *w = (struct lg_watched *)ctx;

    w->closed++;
    w->why = why;
    memcpy(w->fault, c->fault, sizeof(w->fault));
}

static void ignore_received(void *ctx, struct lg_conn *c, struct lg_slice bytes)
{
    (void)ctx, (void)c, (void)bytes;
}

const struct lg_conn_handler lg_watched_handler = {
    .opened = note_opened, .received = ignore_received, .closed = note_closed};

void lg_watched_accepted(void *ctx, struct lg_conn *c)
{
    struct lg_watched *w = (struct lg_watched *)ctx;

    w->accepted_count++;
    w->accepted = c;
    c->handler = &lg_watched_handler;
    c->ctx = w;
}

bool lg_watched_has_closed(void *arg)
{
    return ((struct lg_watched *)arg)->closed > 0;
}

bool lg_watched_has_opened(void *arg)
{
    const struct lg_watched *w = (const struct lg_watched *)arg;

    return w->opened > 0 && w->accepted_count > 0;
}

/* --- Names, and what sockets say ------------------------------------------------------------- */

static const struct lg_socket_driver *driver;

static void sockets_keep_the_contract(void **state)
{
    struct lg_socket_rig r;

    (void)state;
    lg_socket_rig_init(&r, driver);
    lg_socket_rig_keep_contract(&r);
    lg_socket_rig_done(&r);
}

static void a_name_that_does_not_resolve_says_so(void **state)
{
    struct lg_socket_rig r;
    struct lg_watched w = {0};

    (void)state;
    lg_socket_rig_init(&r, driver);
    lg_conn_open(r.transport, r.lane, "no-such-host.invalid", 80, &lg_watched_handler, &w);
    assert_true(lg_socket_rig_run_until(&r, lg_watched_has_closed, &w));
    assert_rc(LG_ERR_UNAVAILABLE, w.why);
    assert_true(strlen(w.fault) > 0);
    lg_socket_rig_done(&r);
}

static void a_connection_given_up_while_its_name_resolves_is_closed_once(void **state)
{
    struct lg_socket_rig r;
    struct lg_watched w = {0};
    struct lg_conn *c;

    (void)state;
    lg_socket_rig_init(&r, driver);
    c = lg_conn_open(r.transport, r.lane, "no-such-host.invalid", 80, &lg_watched_handler, &w);
    lg_conn_close(c, /* after_flush= */ false);
    assert_true(lg_socket_rig_run_until(&r, lg_watched_has_closed, &w));
    assert_rc(LG_ERR_CANCELLED, w.why);
    lg_pool_uv_free(LG_TAKE(r.pool)); /* The name's answer has been posted when this returns. */
    w.closed = 0;
    w.opened = w.accepted_count = 1;
    assert_true(lg_socket_rig_run_until(&r, lg_watched_has_opened, &w));
    assert_int_equal(w.closed, 0);
    lg_socket_rig_done(&r);
}

static void localhost_is_the_loopback_address(void **state)
{
    struct lg_socket_rig r;
    struct lg_watched w = {0};
    struct lg_listener *l;
    struct lg_error err;

    (void)state;
    lg_socket_rig_init(&r, driver);
    assert_ok(lg_transport_listen(r.transport, r.lane, "localhost", 0, lg_watched_accepted, &w, &l,
                                  &err));
    lg_conn_open(r.transport, r.lane, "localhost", lg_listener_port(l), &lg_watched_handler, &w);
    assert_true(lg_socket_rig_run_until(&r, lg_watched_has_opened, &w));
    assert_memory_equal(w.accepted->peer, "127.0.0.1:", 10);
    lg_socket_rig_done(&r); /* Closes both, which ASan would otherwise name. */
    assert_int_equal(w.closed, 2);
}

static void a_port_in_use_is_named_with_its_remedy(void **state)
{
    struct lg_socket_rig r;
    struct lg_watched w = {0};
    struct lg_listener *l, *second;
    struct lg_error err;
    char text[160];

    (void)state;
    lg_socket_rig_init(&r, driver);
    assert_ok(lg_transport_listen(r.transport, r.lane, "127.0.0.1", 0, lg_watched_accepted, &w, &l,
                                  &err));
    assert_rc(LG_ERR_IN_USE,
              lg_transport_listen(r.transport, r.lane, "127.0.0.1", lg_listener_port(l),
                                  lg_watched_accepted, &w, &second, &err));
    (void)snprintf(text, sizeof(text),
                   "port %u on 127.0.0.1 is in use by another process; choose another port or stop "
                   "that process",
                   lg_listener_port(l));
    assert_string_equal(err.text, text);
    assert_rc(LG_ERR_INVALID, lg_transport_listen(r.transport, r.lane, "192.0.2.1", 0,
                                                  lg_watched_accepted, &w, &second, &err));
    lg_socket_rig_done(&r);
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
    struct lg_socket_rig r;
    struct lg_watched w = {0};
    struct lg_listener *l;
    struct lg_error err;
    struct rlimit before, small;
    int fillers[FILLERS_MAX], n = 0;

    (void)state;
    lg_socket_rig_init(&r, driver);
    assert_ok(lg_transport_listen(r.transport, r.lane, "127.0.0.1", 0, lg_watched_accepted, &w, &l,
                                  &err));
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
    lg_conn_open(r.transport, r.lane, "127.0.0.1", lg_listener_port(l), &lg_watched_handler, &w);
    assert_true(lg_socket_rig_run_until(&r, has_complained, NULL));
    assert_int_equal(w.accepted_count, 0);
    while (n > 0)
        assert_int_equal(close(fillers[--n]), 0);
    assert_true(lg_socket_rig_run_until(&r, lg_watched_has_opened, &w));
    assert_int_equal(complaints, 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    lg_log_set_sink(NULL, NULL);
    lg_socket_rig_done(&r);
}

/* --- Rest and work ---------------------------------------------------------------------------- */

#define WORK_US (20 * LG_MS) /* of each of: a connection is accepted, it has received */

enum { WORKS = 2 };

struct worker {
    struct lg_lane *lane;
    uint16_t port;
    int fd; /* of who connects; -1: not yet */
    unsigned works;
    bool has_written;
    uint64_t worked_us, since_us, waited_us; /* at first, as the lane says it */
    uint64_t passed_us, rested_us;           /* in the end, since then */
};

static void work(struct worker *w)
{
    uint64_t since_us = lg_clock_mono_us(), now_us;

    while ((now_us = lg_clock_mono_us()) - since_us < WORK_US)
        ;
    w->works++;
    w->worked_us += now_us - since_us;
}

static void receive_slowly(void *ctx, struct lg_conn *c, struct lg_slice bytes)
{
    (void)c, (void)bytes;
    work(ctx);
}

static void ignore_closed(void *ctx, struct lg_conn *c, enum lg_rc why)
{
    (void)ctx, (void)c, (void)why;
}

static const struct lg_conn_handler slow = {.received = receive_slowly, .closed = ignore_closed};

static void accept_slowly(void *ctx, struct lg_conn *c)
{
    c->handler = &slow;
    c->ctx = ctx;
    work(ctx);
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* What is to come is there when the lane looks next, and it has nothing else to do then. */
static bool has_worked(void *arg)
{
    struct worker *w = arg;

    if (w->fd < 0) {
        w->since_us = lg_lane_now_us(w->lane);
        w->waited_us = lg_lane_waited_us(w->lane);
        w->fd = connect_to(w->port);
    } else if (w->works == 1 && !w->has_written) {
        w->has_written = true;
        assert_int_equal(write(w->fd, "x", 1), 1);
    }
    w->passed_us = lg_lane_clock_us(w->lane) - w->since_us;
    w->rested_us = lg_lane_waited_us(w->lane) - w->waited_us;
    return w->works == WORKS;
}

/* Though none of it asked for the time. */
static void what_connections_bring_is_work_and_no_rest(void **state)
{
    struct lg_socket_rig r;
    struct worker w = {.fd = -1};
    struct lg_listener *l;
    struct lg_error err;

    (void)state;
    lg_socket_rig_init(&r, driver);
    w.lane = r.lane;
    assert_ok(
        lg_transport_listen(r.transport, r.lane, "127.0.0.1", 0, accept_slowly, &w, &l, &err));
    w.port = lg_listener_port(l);
    assert_true(lg_socket_rig_run_until(&r, has_worked, &w));
    assert_true(w.rested_us + w.worked_us <= w.passed_us);
    lg_socket_rig_done(&r);
    assert_int_equal(close(w.fd), 0);
}

int lg_socket_driver_run(const struct lg_socket_driver *d)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sockets_keep_the_contract),
        cmocka_unit_test(a_name_that_does_not_resolve_says_so),
        cmocka_unit_test(a_connection_given_up_while_its_name_resolves_is_closed_once),
        cmocka_unit_test(localhost_is_the_loopback_address),
        cmocka_unit_test(a_port_in_use_is_named_with_its_remedy),
        cmocka_unit_test(without_descriptors_the_listener_waits_and_goes_on),
        cmocka_unit_test(what_connections_bring_is_work_and_no_rest),
    };

    driver = d;
    return cmocka_run_group_tests_name("what every transport over sockets does", tests, NULL, NULL);
}
