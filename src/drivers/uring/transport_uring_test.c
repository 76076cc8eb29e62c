/* The transport on io_uring does what transports over sockets must (test/lib/socket_driver.h), also
 * with rings of all kinds and sizes; and what only it can do. */
#include "drivers/uring/transport_uring.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "drivers/uring/lane_uring.h"
#include "drivers/uring/metrics.h"
#include "drivers/uv/lane_uv.h"
#include "drivers/uv/transport_uv.h"
#include "lane/fault.h"
#include "net/socket.h"
#include "test/lib/socket_driver.h"
#include "test/lib/uring_here.h"
#include "test/test.h"

static struct lg_lane_uring_options ring; /* of the next lane */

static enum lg_rc lane_new(const char *name, struct lg_pool_uv *pool, struct lg_lane **out,
                           struct lg_error *err)
{
    ring.pool = lg_pool_uv_port(pool);
    return lg_lane_uring_new(name, &ring, out, err);
}

static struct lg_transport *transport_new(void)
{
    return lg_transport_uring_new(NULL);
}

static const struct lg_socket_driver uring = {.lanes = {.lane_new = lane_new,
                                                        .lane_free = lg_lane_uring_free,
                                                        .start = lg_lane_uring_start,
                                                        .stop = lg_lane_uring_stop,
                                                        .join = lg_lane_uring_join,
                                                        .run = lg_lane_uring_run},
                                              .transport_new = transport_new,
                                              .transport_free = lg_transport_uring_free};

static const struct lg_lane_uring_options tiny = {
    .requests = 1, .completions = 4, .buffers = 2, .buffer_bytes = 512};

static void rig_init_with(struct lg_socket_rig *r, struct lg_lane_uring_options options)
{
    ring = options;
    lg_socket_rig_init(r, &uring);
    ring = (struct lg_lane_uring_options){0};
}

static void rig_init(struct lg_socket_rig *r)
{
    rig_init_with(r, (struct lg_lane_uring_options){0});
}

/* There is room for hardly anything: requests wait for the next turn, completions are put aside by
 * the kernel, receives find no buffer. */
static void a_tiny_ring_keeps_the_contract(void **state)
{
    struct lg_socket_rig r;

    (void)state;
    rig_init_with(&r, tiny);
    lg_socket_rig_keep_contract(&r);
    lg_socket_rig_done(&r);
}

static void the_older_kind_of_ring_keeps_the_contract(void **state)
{
    struct lg_socket_rig r;

    (void)state;
    lg_fault_arm(LG_FAULT_URING_DEFER, 0, 2); /* Of the lane, and of what it tries first. */
    rig_init(&r);
    lg_fault_disarm_all();
    lg_socket_rig_keep_contract(&r);
    lg_socket_rig_done(&r);
}

/* Every now and then handing over to the kernel fails. */
static void fail_to_enter(void)
{
    lg_fault_arm(LG_FAULT_URING_ENTER, 1, 2);
}

static void a_kernel_that_is_short_of_memory_only_delays(void **state)
{
    struct lg_socket_rig r;

    (void)state;
    rig_init(&r);
    r.before_look = fail_to_enter;
    lg_socket_rig_keep_contract(&r);
    lg_fault_disarm_all();
    lg_socket_rig_done(&r);
}

/* --- What the kernel refuses ----------------------------------------------------------------- */

static unsigned open_descriptors(void)
{
    unsigned n = 0;

    for (int fd = 0; fd < 1024; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void what_the_kernel_refuses_is_told_and_leaves_nothing(void **state)
{
    static const struct {
        enum lg_fault fault;
        unsigned skip;
        const char *says;
    } rows[] = {
        {LG_FAULT_URING_SETUP, 0, "io_uring is not allowed here"},
        {LG_FAULT_URING_SETUP, 1, "a second ring is refused"},
        {LG_FAULT_URING_BUFFERS, 0, "Linux 6.1 is: Invalid argument"},
        {LG_FAULT_URING_PROBE, 0, "Linux 6.1 is: injected fault"},
    };
    unsigned before = open_descriptors();

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        struct lg_lane *lane = NULL;
        struct lg_error err;

        lg_fault_arm(rows[i].fault, rows[i].skip, 1);
        assert_rc(LG_ERR_UNAVAILABLE,
                  lg_lane_uring_new("test", &(struct lg_lane_uring_options){0}, &lane, &err));
        lg_fault_disarm_all();
        if (strstr(err.text, rows[i].says) == NULL)
            fail_msg("row %zu: %s", i, err.text);
        assert_null(lane);
    }
    assert_int_equal(open_descriptors(), before);
}

/* --- Room that runs out ---------------------------------------------------------------------- */

#define CROWD 48
#define EACH_BYTES ((size_t)20000)

struct crowd {
    struct lg_conn *clients[CROWD];
    struct lg_transport *transport;
    size_t accepted, closed, received;
};

static void crowd_received(void *ctx, struct lg_conn *c, struct lg_slice bytes)
{
    (void)c;
    ((struct crowd *)ctx)->received += bytes.size;
}

static void crowd_closed(void *ctx, struct lg_conn *c, enum lg_rc why)
{
    (void)c, (void)why;
    ((struct crowd *)ctx)->closed++;
}

static const struct lg_conn_handler crowding = {.received = crowd_received, .closed = crowd_closed};

static void crowd_accepted(void *ctx, struct lg_conn *c)
{
    ((struct crowd *)ctx)->accepted++;
    c->handler = &crowding;
    c->ctx = ctx;
}

static bool crowd_came(void *arg)
{
    return ((struct crowd *)arg)->received == CROWD * EACH_BYTES;
}

/* Everything that a crowd sends comes; what `metric` says of it. */
static uint64_t crowd_on(struct lg_lane_uring_options options, const struct lg_metric *metric)
{
    static const struct lg_metric_table *const tables[] = {&lg_uring_metrics};
    struct lg_socket_rig r;
    struct crowd c = {0};
    struct lg_listener *l;
    struct lg_error err;
    uint64_t counted;

    lg_metrics_register(tables, 1, 1);
    rig_init_with(&r, options);
    assert_ok(
        lg_transport_listen(r.transport, r.lane, "127.0.0.1", 0, crowd_accepted, &c, &l, &err));
    for (size_t i = 0; i < CROWD; i++) {
        LG_SCOPED(lg_buf) bytes = {0};

        memset(lg_buf_reserve(&bytes, EACH_BYTES), 'x', EACH_BYTES);
        lg_buf_commit(&bytes, EACH_BYTES);
        c.clients[i] =
            lg_conn_open(r.transport, r.lane, "127.0.0.1", lg_listener_port(l), &crowding, &c);
        lg_conn_send(c.clients[i], &bytes);
    }
    assert_true(lg_socket_rig_run_until(&r, crowd_came, &c));
    assert_int_equal(c.accepted, CROWD);
    lg_socket_rig_done(&r);
    assert_int_equal(c.closed, 2 * CROWD);
    counted = lg_metric_value(metric, 0);
    lg_metrics_reset();
    return counted;
}

static void receives_without_a_buffer_go_on_and_are_counted(void **state)
{
    struct lg_lane_uring_options few = {.buffers = 2, .buffer_bytes = 512};

    (void)state;
    assert_true(crowd_on(few, &lg_metric_uring_buffers_exhausted_total) > 0);
}

static void more_than_the_ring_holds_comes_whole_and_is_counted(void **state)
{
    struct lg_lane_uring_options few = {.requests = 2, .completions = 4};

    (void)state;
    assert_true(crowd_on(few, &lg_metric_uring_overflows_total) > 0);
}

/* --- Lanes that do not run, connections that do not open ---------------------------------------
 */

static int raw_client(uint16_t port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    assert_true(fd >= 0);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
        assert_int_equal(errno, EINPROGRESS);
    return fd;
}

static bool has_accepted(void *arg)
{
    return ((struct crowd *)arg)->accepted > 0;
}

static bool has_ten(void *arg)
{
    return ((struct crowd *)arg)->received == 10;
}

static void what_comes_while_a_lane_does_not_run_waits_for_it(void **state)
{
    struct lg_socket_rig r;
    struct crowd c = {0};
    struct lg_listener *l;
    struct lg_error err;
    int fd;

    (void)state;
    rig_init(&r);
    assert_ok(
        lg_transport_listen(r.transport, r.lane, "127.0.0.1", 0, crowd_accepted, &c, &l, &err));
    fd = raw_client(lg_listener_port(l));
    assert_true(lg_socket_rig_run_until(&r, has_accepted, &c));
    assert_int_equal(write(fd, "0123456789", 10), 10);
    assert_int_equal(c.received, 0);
    assert_true(lg_socket_rig_run_until(&r, has_ten, &c));
    assert_int_equal(close(fd), 0);
    lg_socket_rig_done(&r);
    assert_int_equal(c.closed, 1);
}

/* Takes the first bytes, and nothing more. */
static void pause_received(void *ctx, struct lg_conn *c, struct lg_slice bytes)
{
    crowd_received(ctx, c, bytes);
    lg_conn_pause(c, true);
}

static const struct lg_conn_handler pausing = {.received = pause_received, .closed = crowd_closed};

static void pausing_accepted(void *ctx, struct lg_conn *c)
{
    crowd_accepted(ctx, c);
    c->handler = &pausing;
}

static bool some_turns(void *arg)
{
    return ++*(unsigned *)arg > 3;
}

struct flood {
    int fd;
    unsigned looks;
    size_t written;
};

/* Writes what the kernel takes, within one run of the lane. */
static bool has_flooded(void *arg)
{
    static const uint8_t piece[64 << 10];
    struct flood *f = arg;
    ssize_t n;

    while (f->written < (size_t)160 << 20 && (n = write(f->fd, piece, sizeof piece)) > 0)
        f->written += (size_t)n;
    return ++f->looks == 200;
}

/* What the kernel takes for both sides is up to 36 MiB, and the lane's buffers hold little more. */
static void a_peer_that_floods_a_paused_connection_is_stopped(void **state)
{
    struct lg_socket_rig r;
    struct crowd c = {0};
    struct flood f = {0};
    struct lg_listener *l;
    struct lg_error err;

    (void)state;
    rig_init(&r);
    assert_ok(
        lg_transport_listen(r.transport, r.lane, "127.0.0.1", 0, pausing_accepted, &c, &l, &err));
    f.fd = raw_client(lg_listener_port(l));
    assert_true(lg_socket_rig_run_until(&r, has_accepted, &c));
    assert_true(lg_socket_rig_run_until(&r, has_flooded, &f));
    assert_true(f.written > 0 && f.written < (size_t)80 << 20);
    assert_true(c.received > 0 && c.received <= (size_t)8 << 10); /* one buffer */
    assert_int_equal(close(f.fd), 0);
    lg_socket_rig_done(&r);
}

/* A listener that nobody accepts from, and whose queue is full. */
static int full_listener(int *fillers, size_t n, uint16_t *out_port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 0), 0);
    *out_port = lg_socket_port(fd);
    for (size_t i = 0; i < n; i++)
        fillers[i] = raw_client(*out_port);
    return fd;
}

static void a_connection_that_waits_for_its_peer_can_be_given_up(void **state)
{
    enum { FILLERS = 4 };
    struct lg_socket_rig r;
    struct lg_watched w = {0};
    int fillers[FILLERS];
    unsigned turns = 0;
    uint16_t port;
    struct lg_conn *given_up;
    int fd;

    (void)state;
    rig_init(&r);
    fd = full_listener(fillers, FILLERS, &port);
    given_up = lg_conn_open(r.transport, r.lane, "127.0.0.1", port, &lg_watched_handler, &w);
    lg_conn_open(r.transport, r.lane, "127.0.0.1", port, &lg_watched_handler, &w);
    assert_true(lg_socket_rig_run_until(&r, some_turns, &turns));
    assert_int_equal(w.opened + w.closed, 0);
    lg_conn_close(given_up, /* after_flush= */ false);
    assert_true(lg_socket_rig_run_until(&r, lg_watched_has_closed, &w));
    assert_rc(LG_ERR_CANCELLED, w.why);
    assert_int_equal(w.closed, 1);
    lg_socket_rig_done(&r); /* Ends the other one. */
    assert_int_equal(w.closed, 2);
    assert_int_equal(w.opened, 0);
    for (size_t i = 0; i < FILLERS; i++)
        assert_int_equal(close(fillers[i]), 0);
    assert_int_equal(close(fd), 0);
}

/* --- A lane that sleeps in the call that sends ------------------------------------------------ */

#define ANSWER_BYTES ((size_t)3000)
#define PATIENCE_S 20

static void send_n(struct lg_conn *c, size_t n)
{
    LG_SCOPED(lg_buf) bytes = {0};

    memset(lg_buf_reserve(&bytes, n), 'x', n);
    lg_buf_commit(&bytes, n);
    lg_conn_send(c, &bytes);
}

static void answer_and_close(void *ctx, struct lg_conn *c, struct lg_slice bytes)
{
    (void)ctx, (void)bytes;
    send_n(c, ANSWER_BYTES);
    lg_conn_close(c, /* after_flush= */ true);
}

static void answer_much(void *ctx, struct lg_conn *c, struct lg_slice bytes)
{
    (void)ctx, (void)bytes;
    send_n(c, LG_CONN_HIGH_BYTES + 1);
}

static void close_when_drained(void *ctx, struct lg_conn *c)
{
    (void)ctx;
    lg_conn_close(c, /* after_flush= */ true);
}

static void nobody_told(void *ctx, struct lg_conn *c, enum lg_rc why)
{
    (void)ctx, (void)c, (void)why;
}

static void answering_accepted(void *ctx, struct lg_conn *c)
{
    c->handler = (const struct lg_conn_handler *)ctx;
}

/* A ring that this thread made may interrupt it. */
static ssize_t read_some(int fd, void *into, size_t size)
{
    ssize_t n;

    while ((n = read(fd, into, size)) < 0 && errno == EINTR)
        ;
    return n;
}

static void ask_raw(int fd, const char *what, size_t bytes)
{
    static uint8_t into[64 << 10];
    size_t came = 0;
    ssize_t n;

    assert_int_equal(write(fd, "?", 1), 1);
    while (came < bytes && (n = read_some(fd, into, sizeof into)) > 0)
        came += (size_t)n;
    if (came != bytes)
        fail_msg("%s: %zu of %zu bytes came: %s", what, came, bytes, strerror(errno));
}

/* Nothing but the sockets wakes the lane: what it left for its next turn would never come. */
static void what_comes_behind_a_send_does_not_wait_for_another_turn(void **state)
{
    static const struct {
        const char *what;
        struct lg_conn_handler handler;
        size_t bytes;
    } rows[] = {
        {"the end", {.received = answer_and_close, .closed = nobody_told}, ANSWER_BYTES},
        {"what a drained connection is told",
         {.received = answer_much, .drained = close_when_drained, .closed = nobody_told},
         LG_CONN_HIGH_BYTES + 1},
    };

    (void)state;
    for (size_t i = 0; i < LG_ARRAY_SIZE(rows); i++) {
        struct lg_conn_handler handler = rows[i].handler;
        struct timeval patience = {.tv_sec = PATIENCE_S};
        struct lg_listener *l;
        struct lg_error err;
        struct lg_socket_rig r;
        char none;
        int fd;

        rig_init(&r);
        assert_ok(lg_transport_listen(r.transport, r.lane, "127.0.0.1", 0, answering_accepted,
                                      &handler, &l, &err));
        fd = raw_client(lg_listener_port(l));
        assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
        assert_ok(lg_lane_uring_start(r.lane, &err));
        ask_raw(fd, rows[i].what, rows[i].bytes);
        if (read_some(fd, &none, 1) != 0)
            fail_msg("%s: no end came", rows[i].what);
        assert_int_equal(close(fd), 0);
        lg_lane_uring_stop(r.lane);
        lg_lane_uring_join(r.lane);
        lg_socket_rig_done(&r);
    }
}

/* --- A lane that ends its turn -------------------------------------------------------------------
 */

struct chain { /* Connections of which each is opened when the one before has ended. */
    struct lg_task next;
    struct lg_socket_rig *rig;
    struct lg_timer patience;
    unsigned left;
    bool is_late;
};

static void chain_ended(void *ctx, struct lg_conn *c, enum lg_rc why)
{
    struct chain *chain = ctx;

    (void)c, (void)why;
    if (--chain->left > 0)
        lg_lane_defer(chain->rig->lane, &chain->next);
    else
        lg_lane_uring_stop(chain->rig->lane);
}

static void open_next(struct lg_task *task)
{
    static const struct lg_conn_handler handler = {.closed = chain_ended};
    struct chain *chain = LG_CONTAINER_OF(task, struct chain, next);
    char name[400]; /* No resolver takes it: it ends at once. */

    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    (void)lg_conn_open(chain->rig->transport, chain->rig->lane, name, 1, &handler, chain);
}

static void is_late(struct lg_timer *timer)
{
    struct chain *chain = LG_CONTAINER_OF(timer, struct chain, patience);

    chain->is_late = true;
    chain->left = 1; /* The next is the last. */
}

/* A turn serves connections some times over and no more; what the last of them deferred is left. */
static void a_lane_does_not_sleep_over_what_is_deferred(void **state)
{
    struct lg_socket_rig r;
    struct chain c = {.next.run = open_next, .rig = &r, .left = 100};

    (void)state;
    rig_init(&r);
    lg_lane_defer(r.lane, &c.next);
    lg_timer_start(r.lane, &c.patience, PATIENCE_S * LG_SEC, is_late);
    lg_lane_uring_run(r.lane);
    assert_false(c.is_late);
    assert_int_equal(c.left, 0);
    lg_timer_stop(r.lane, &c.patience);
    lg_socket_rig_done(&r);
}

/* --- Beside libuv ----------------------------------------------------------------------------- */

static void lanes_of_another_driver_get_its_transport(void **state)
{
    struct lg_socket_rig r;
    struct lg_watched w = {0};
    struct lg_lane *other;
    struct lg_transport *uv = lg_transport_uv_new();
    struct lg_listener *l;
    struct lg_error err;

    (void)state;
    rig_init(&r);
    lg_transport_uring_free(r.transport);
    r.transport = lg_transport_uring_new(uv);
    assert_ok(lg_lane_uv_new("other", NULL, &other, &err));
    assert_false(lg_lane_uring_is(other));
    assert_true(lg_lane_uring_is(r.lane));
    assert_ok(
        lg_transport_listen(r.transport, other, "127.0.0.1", 0, lg_watched_accepted, &w, &l, &err));
    assert_string_equal(l->transport->ops->name, "uv");
    assert_string_equal(
        lg_conn_open(r.transport, other, "127.0.0.1", lg_listener_port(l), &lg_watched_handler, &w)
            ->transport->ops->name,
        "uv");
    assert_string_equal(
        lg_conn_open(r.transport, r.lane, "127.0.0.1", lg_listener_port(l), &lg_watched_handler, &w)
            ->transport->ops->name,
        "uring");
    lg_socket_rig_done(&r);
    lg_transport_uv_free(uv);
    lg_lane_uv_free(other);
    assert_int_equal(w.closed, 2);
}

int main(void)
{
    const struct CMUnitTest own[] = {
        cmocka_unit_test(a_tiny_ring_keeps_the_contract),
        cmocka_unit_test(the_older_kind_of_ring_keeps_the_contract),
        cmocka_unit_test(a_kernel_that_is_short_of_memory_only_delays),
        cmocka_unit_test(what_the_kernel_refuses_is_told_and_leaves_nothing),
        cmocka_unit_test(receives_without_a_buffer_go_on_and_are_counted),
        cmocka_unit_test(more_than_the_ring_holds_comes_whole_and_is_counted),
        cmocka_unit_test(what_comes_while_a_lane_does_not_run_waits_for_it),
        cmocka_unit_test(a_peer_that_floods_a_paused_connection_is_stopped),
        cmocka_unit_test(a_connection_that_waits_for_its_peer_can_be_given_up),
        cmocka_unit_test(what_comes_behind_a_send_does_not_wait_for_another_turn),
        cmocka_unit_test(a_lane_does_not_sleep_over_what_is_deferred),
        cmocka_unit_test(lanes_of_another_driver_get_its_transport),
    };
    const struct CMUnitTest refused[] = {cmocka_unit_test(lg_uring_is_refused_with_a_reason)};

    if (!lg_uring_is_here())
        return cmocka_run_group_tests(refused, NULL, NULL);
    return lg_socket_driver_run(&uring) +
           cmocka_run_group_tests_name("what only io_uring does", own, NULL, NULL);
}
