/* The transport contract on io_uring over real sockets of the loopback interface, with rings of all
 * kinds and sizes, and what only sockets can do. */
#include "drivers/uring/transport_uring.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "drivers/uring/lane_uring.h"
#include "drivers/uring/metrics.h"
#include "drivers/uv/lane_uv.h"
#include "drivers/uv/transport_uv.h"
#include "lane/fault.h"
#include "net/socket.h"
#include "net/transport_contract.h"
#include "test/lib/uring_here.h"
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
    bool enters_fail; /* Every now and then handing over to the kernel fails. */
};

static const struct lg_lane_uring_options tiny = {
    .requests = 1, .completions = 4, .buffers = 2, .buffer_bytes = 512};

static void looked(struct lg_timer *t)
{
    struct rig *r = LG_CONTAINER_OF(t, struct rig, look);

    if (r->enters_fail)
        lg_fault_arm(LG_FAULT_URING_ENTER, 1, 2);
    r->held = r->cond(r->arg);
    if (r->held || lg_lane_now_us(r->lane) > r->give_up_us)
        lg_lane_uring_stop(r->lane);
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
    lg_lane_uring_run(r->lane);
    return r->held;
}

static void rig_init_with(struct rig *r, struct lg_lane_uring_options options)
{
    struct lg_error err;

    *r = (struct rig){0};
    assert_ok(lg_pool_uv_new(1, &r->pool, &err));
    options.pool = lg_pool_uv_port(r->pool);
    assert_ok(lg_lane_uring_new("test", &options, &r->lane, &err));
    r->transport = lg_transport_uring_new(NULL);
}

static void rig_init(struct rig *r)
{
    rig_init_with(r, (struct lg_lane_uring_options){0});
}

static void rig_done(struct rig *r)
{
    lg_transport_uring_free(r->transport);
    lg_lane_uring_free(r->lane);
    lg_pool_uv_free(r->pool);
}

static void keep_contract(struct rig *r)
{
    struct lg_transport_contract contract = {.transport = r->transport,
                                             .lane = r->lane,
                                             .host = "127.0.0.1",
                                             .no_address = "no address",
                                             .run_until = run_until,
                                             .ctx = r};
    struct lg_error err;

    assert_ok(lg_transport_contract(&contract, &err));
}

static void sockets_keep_the_contract(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r);
    keep_contract(&r);
    rig_done(&r);
}

/* There is room for hardly anything: requests wait for the next turn, completions are put aside by
 * the kernel, receives find no buffer. */
static void a_tiny_ring_keeps_the_contract(void **state)
{
    struct rig r;

    (void)state;
    rig_init_with(&r, tiny);
    keep_contract(&r);
    rig_done(&r);
}

static void the_older_kind_of_ring_keeps_the_contract(void **state)
{
    struct rig r;

    (void)state;
    lg_fault_arm(LG_FAULT_URING_DEFER, 0, 2); /* Of the lane, and of what it tries first. */
    rig_init(&r);
    lg_fault_disarm_all();
    keep_contract(&r);
    rig_done(&r);
}

static void a_kernel_that_is_short_of_memory_only_delays(void **state)
{
    struct rig r;

    (void)state;
    rig_init(&r);
    r.enters_fail = true;
    keep_contract(&r);
    lg_fault_disarm_all();
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
    struct rig r;
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
    assert_true(run_until(&r, crowd_came, &c));
    assert_int_equal(c.accepted, CROWD);
    rig_done(&r);
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
    struct rig r;
    struct crowd c = {0};
    struct lg_listener *l;
    struct lg_error err;
    int fd;

    (void)state;
    rig_init(&r);
    assert_ok(
        lg_transport_listen(r.transport, r.lane, "127.0.0.1", 0, crowd_accepted, &c, &l, &err));
    fd = raw_client(lg_listener_port(l));
    assert_true(run_until(&r, has_accepted, &c));
    assert_int_equal(write(fd, "0123456789", 10), 10);
    assert_int_equal(c.received, 0);
    assert_true(run_until(&r, has_ten, &c));
    assert_int_equal(close(fd), 0);
    rig_done(&r);
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
    struct rig r;
    struct crowd c = {0};
    struct flood f = {0};
    struct lg_listener *l;
    struct lg_error err;

    (void)state;
    rig_init(&r);
    assert_ok(
        lg_transport_listen(r.transport, r.lane, "127.0.0.1", 0, pausing_accepted, &c, &l, &err));
    f.fd = raw_client(lg_listener_port(l));
    assert_true(run_until(&r, has_accepted, &c));
    assert_true(run_until(&r, has_flooded, &f));
    assert_true(f.written > 0 && f.written < (size_t)80 << 20);
    assert_true(c.received > 0 && c.received <= (size_t)8 << 10); /* one buffer */
    assert_int_equal(close(f.fd), 0);
    rig_done(&r);
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
    struct rig r;
    struct watched w = {0};
    int fillers[FILLERS];
    unsigned turns = 0;
    uint16_t port;
    struct lg_conn *given_up;
    int fd;

    (void)state;
    rig_init(&r);
    fd = full_listener(fillers, FILLERS, &port);
    given_up = lg_conn_open(r.transport, r.lane, "127.0.0.1", port, &watching, &w);
    lg_conn_open(r.transport, r.lane, "127.0.0.1", port, &watching, &w);
    assert_true(run_until(&r, some_turns, &turns));
    assert_int_equal(w.opened + w.closed, 0);
    lg_conn_close(given_up, /* after_flush= */ false);
    assert_true(run_until(&r, has_closed, &w));
    assert_rc(LG_ERR_CANCELLED, w.why);
    assert_int_equal(w.closed, 1);
    rig_done(&r); /* Ends the other one. */
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
        struct rig r;
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
        rig_done(&r);
    }
}

/* --- Beside libuv ----------------------------------------------------------------------------- */

static void lanes_of_another_driver_get_its_transport(void **state)
{
    struct rig r;
    struct watched w = {0};
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
    assert_ok(lg_transport_listen(r.transport, other, "127.0.0.1", 0, note_accepted, &w, &l, &err));
    assert_string_equal(l->transport->ops->name, "uv");
    assert_string_equal(
        lg_conn_open(r.transport, other, "127.0.0.1", lg_listener_port(l), &watching, &w)
            ->transport->ops->name,
        "uv");
    assert_string_equal(
        lg_conn_open(r.transport, r.lane, "127.0.0.1", lg_listener_port(l), &watching, &w)
            ->transport->ops->name,
        "uring");
    rig_done(&r);
    lg_transport_uv_free(uv);
    lg_lane_uv_free(other);
    assert_int_equal(w.closed, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sockets_keep_the_contract),
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
        cmocka_unit_test(lanes_of_another_driver_get_its_transport),
        cmocka_unit_test(a_name_that_does_not_resolve_says_so),
        cmocka_unit_test(a_connection_given_up_while_its_name_resolves_is_closed_once),
        cmocka_unit_test(localhost_is_the_loopback_address),
        cmocka_unit_test(a_port_in_use_is_named_with_its_remedy),
        cmocka_unit_test(without_descriptors_the_listener_waits_and_goes_on),
    };
    const struct CMUnitTest refused[] = {cmocka_unit_test(lg_uring_is_refused_with_a_reason)};

    if (!lg_uring_is_here())
        return cmocka_run_group_tests(refused, NULL, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
