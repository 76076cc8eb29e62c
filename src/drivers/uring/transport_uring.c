/* Hubs, listeners and the life of the transport on io_uring; connections are in conn_uring.c, and
 * what a hub is stands in conn_uring.h. Everything but the list of hubs belongs to one lane.
 *
 * A listener accepts by one operation that goes on by itself. Closing it shuts its socket down,
 * which ends that; its memory goes when the kernel has said so.
 */
#include "drivers/uring/transport_uring.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include "base/log.h"
#include "base/vec.h"
#include "drivers/uring/conn_uring.h"
#include "drivers/uring/lane_uring.h"
#include "net/socket.h"

#define ROUNDS_MAX 16
#define ACCEPT_PAUSE_US (100 * LG_MS) /* when descriptors ran out */

struct transport_uring {
    struct lg_transport transport; /* First. */
    struct lg_transport *others;
    pthread_mutex_t lock; /* Of `hubs`: the first use by a lane adds one. */
    struct lg_list hubs;
};

struct listener_uring {
    struct lg_listener listener; /* First. */
    struct lg_hub_uring *hub;
    struct lg_list link; /* In hub->listeners, until it is closed. */
    int fd;              /* -1: closed */
    bool held; /* Any thread: nobody accepts on its socket yet; the first that shares it does. */
    uint16_t port;
    struct lg_ring_op accept;
    LG_VEC(int) waiting; /* Came when nobody could be told. */
    struct lg_timer pause;
    void (*accepted)(void *ctx, struct lg_conn *c); /* NULL: it only holds the address. */
    void *ctx;
};

/* --- Listening ------------------------------------------------------------------------------ */

static void listen_again(struct lg_timer *t)
{
    LG_CONTAINER_OF(t, struct listener_uring, pause)->hub->must_listen = true;
}

/* Descriptors ran out: connections wait in the kernel's queue until some are closed. */
static void pause_listening(struct listener_uring *l, int errnum)
{
    struct lg_hub_uring *h = l->hub;
    uint64_t now_us = lg_lane_now_us(h->lane);

    if (h->complained_us == 0 || now_us - h->complained_us >= LG_SEC) {
        h->complained_us = now_us;
        lg_log(LG_LOG_ERROR, "accept_failed", "port=%u reason=\"%s\" remedy=\"raise ulimit -n\"",
               l->port, strerror(errnum));
    }
    lg_timer_start(h->lane, &l->pause, ACCEPT_PAUSE_US, listen_again);
}

static void listener_let_go(struct listener_uring *l)
{
    if (l->fd >= 0 || l->accept.armed)
        return;
    LG_VEC_DONE(&l->waiting);
    lg_free(l);
}

static void accept_completed(struct lg_ring_op *op, int result, unsigned flags)
{
    struct listener_uring *l = LG_CONTAINER_OF(op, struct listener_uring, accept);

    (void)flags;
    if (l->fd < 0) {
        if (result >= 0)
            (void)close(result); /* It came too late. */
        listener_let_go(l);
        return;
    }
    if (!op->armed)
        l->hub->must_listen = true;
    if (result >= 0) {
        LG_VEC_PUSH(&l->waiting, result);
        l->hub->must_listen = true;
    } else if (result == -EMFILE || result == -ENFILE || result == -ENOBUFS || result == -ENOMEM) {
        pause_listening(l, -result);
    } /* Else that one connection was faulty (ECONNABORTED, EINTR, …); the next may be good. */
}

static void tell_accepted(struct listener_uring *l)
{
    struct lg_hub_uring *h = l->hub;
    void (*accepted)(void *ctx, struct lg_conn *c) = l->accepted;
    void *ctx = l->ctx;
    LG_VEC(int) now = {l->waiting.data, l->waiting.size, l->waiting.capacity};

    l->waiting.data = NULL;
    l->waiting.size = l->waiting.capacity = 0;
    for (size_t i = 0; i < now.size; i++) /* The listener may be closed in there. */
        lg_conn_uring_accept(h, now.data[i], accepted, ctx);
    LG_VEC_DONE(&now);
}

/* Tells what came. Starts over after each, as owners may close listeners. */
static void serve_listeners(struct lg_hub_uring *h)
{
    bool told = h->must_listen;

    while (told) {
        told = false;
        LG_LIST_EACH(it, &h->listeners)
        {
            struct listener_uring *l = LG_CONTAINER_OF(it, struct listener_uring, link);

            if (l->waiting.size > 0) {
                tell_accepted(l);
                told = true;
                break;
            }
        }
    }
}

/* Arms every listener that is not and should be; false: no room. */
static bool ask_to_accept(struct lg_hub_uring *h)
{
    if (!h->must_listen)
        return true;
    LG_LIST_EACH(it, &h->listeners)
    {
        struct listener_uring *l = LG_CONTAINER_OF(it, struct listener_uring, link);
        struct io_uring_sqe *sqe;

        if (l->accepted == NULL || l->accept.armed || lg_timer_armed(&l->pause))
            continue;
        sqe = lg_ring_arm(h->ring, &l->accept);
        if (sqe == NULL)
            return false;
        io_uring_prep_multishot_accept(sqe, l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        lg_ring_bind(h->ring, sqe, &l->accept);
    }
    h->must_listen = false;
    return true;
}

static void close_waiting(struct listener_uring *l)
{
    for (size_t i = 0; i < l->waiting.size; i++)
        (void)close(l->waiting.data[i]);
    l->waiting.size = 0;
}

static void port_listener_close(struct lg_listener *listener)
{
    struct listener_uring *l = (struct listener_uring *)listener;

    assert(lg_lane_is_current(l->hub->lane));
    lg_timer_stop(l->hub->lane, &l->pause);
    lg_list_remove(&l->link);
    close_waiting(l);
    lg_socket_close_listening(l->fd); /* Ends what is armed, too. */
    l->fd = -1;
    listener_let_go(l);
}

/* --- Hubs ----------------------------------------------------------------------------------- */

static void turn_reaped(struct lg_turn_uring *turn, bool settled)
{
    if (settled)
        lg_conn_uring_sent(LG_CONTAINER_OF(turn, struct lg_hub_uring, turn));
}

/* Tells owners what there is to tell; false: something is left after ROUNDS_MAX rounds. */
static bool serve_dirty(struct lg_hub_uring *h)
{
    bool ended = true;

    for (unsigned round = 0; round < ROUNDS_MAX; round++) {
        struct lg_list now;

        serve_listeners(h);
        ended = lg_lane_uring_end_tick(h->lane);
        if (lg_list_empty(&h->dirty))
            break;
        lg_list_init(&now);
        while (!lg_list_empty(&h->dirty))
            lg_list_push_back(&now, lg_list_pop_front(&h->dirty));
        while (!lg_list_empty(&now))
            lg_conn_uring_serve(lg_list_pop_front(&now));
    }
    return ended;
}

static bool turn_ends(struct lg_turn_uring *turn)
{
    struct lg_hub_uring *h = LG_CONTAINER_OF(turn, struct lg_hub_uring, turn);
    bool done = serve_dirty(h) && ask_to_accept(h);

    while (!lg_list_empty(&h->wanting)) {
        struct lg_list *socket = lg_list_pop_front(&h->wanting);

        if (!lg_conn_uring_ask(socket)) {
            lg_list_push_front(&h->wanting, socket);
            return false;
        }
    }
    return done && lg_list_empty(&h->dirty);
}

static bool turn_idle(struct lg_turn_uring *turn)
{
    return lg_list_empty(&LG_CONTAINER_OF(turn, struct lg_hub_uring, turn)->sending);
}

static struct lg_hub_uring *hub_new(struct transport_uring *t, struct lg_lane *lane)
{
    struct lg_hub_uring *h = lg_new(struct lg_hub_uring);

    h->transport = &t->transport;
    h->lane = lane;
    h->ring = lg_lane_uring_ring(lane);
    h->turn.reaped = turn_reaped;
    h->turn.ends = turn_ends;
    h->turn.idle = turn_idle;
    lg_list_init(&h->conns);
    lg_list_init(&h->dirty);
    lg_list_init(&h->wanting);
    lg_list_init(&h->sending);
    lg_list_init(&h->listeners);
    lg_lane_uring_join_turns(lane, &h->turn);
    return h;
}

/* Hubs are few (one per lane) and looked up only when something is opened. */
static struct lg_hub_uring *hub_of(struct lg_transport *transport, struct lg_lane *lane)
{
    struct transport_uring *t = (struct transport_uring *)transport;
    struct lg_hub_uring *found = NULL;

    assert(lg_lane_is_current(lane));
    (void)pthread_mutex_lock(&t->lock);
    LG_LIST_EACH(it, &t->hubs)
    {
        struct lg_hub_uring *h = LG_CONTAINER_OF(it, struct lg_hub_uring, link);

        if (h->lane == lane)
            found = h;
    }
    if (found == NULL) {
        found = hub_new(t, lane);
        lg_list_push_back(&t->hubs, &found->link);
    }
    (void)pthread_mutex_unlock(&t->lock);
    return found;
}

/* --- The port ------------------------------------------------------------------------------- */

static struct lg_transport *others_of(struct lg_transport *t, const struct lg_lane *lane)
{
    struct lg_transport *others = ((struct transport_uring *)t)->others;

    if (lg_lane_uring_is(lane))
        return NULL;
    assert(others != NULL && "this transport serves no lanes of other drivers");
    return others;
}

static void listen_with(struct lg_transport *t, struct lg_lane *lane, int fd,
                        void (*accepted)(void *ctx, struct lg_conn *c), void *ctx,
                        struct lg_listener **out)
{
    struct listener_uring *l = lg_new(struct listener_uring);

    l->listener.transport = t;
    l->hub = hub_of(t, lane);
    l->fd = fd;
    l->port = lg_socket_port(fd);
    l->accepted = accepted;
    l->held = accepted == NULL;
    l->ctx = ctx;
    l->accept.completed = accept_completed;
    lg_list_push_back(&l->hub->listeners, &l->link);
    l->hub->must_listen = true;
    *out = &l->listener;
}

static enum lg_rc port_listen(struct lg_transport *t, struct lg_lane *lane, const char *host,
                              uint16_t port, void (*accepted)(void *ctx, struct lg_conn *c),
                              void *ctx, struct lg_listener **out, struct lg_error *err)
{
    struct lg_transport *others = others_of(t, lane);
    enum lg_rc rc;
    int fd;

    if (others != NULL)
        return lg_transport_listen(others, lane, host, port, accepted, ctx, out, err);
    rc = lg_socket_listen(host, port, &fd, err);
    if (rc == LG_OK)
        listen_with(t, lane, fd, accepted, ctx, out);
    return rc;
}

static enum lg_rc port_share(struct lg_listener *with, struct lg_lane *lane,
                             void (*accepted)(void *ctx, struct lg_conn *c), void *ctx,
                             struct lg_listener **out, struct lg_error *err)
{
    struct listener_uring *first = (struct listener_uring *)with;
    enum lg_rc rc;
    int fd;

    assert(lg_lane_uring_is(lane) && "an address is shared between lanes of one driver");
    rc = lg_socket_listen_beside(
        first->fd, __atomic_exchange_n(&first->held, false, __ATOMIC_ACQ_REL), &fd, err);
    if (rc == LG_OK)
        listen_with(with->transport, lane, fd, accepted, ctx, out);
    return rc;
}

static uint16_t port_listener_port(const struct lg_listener *l)
{
    return ((const struct listener_uring *)l)->port;
}

static struct lg_conn *port_open(struct lg_transport *t, struct lg_lane *lane, const char *host,
                                 uint16_t port, const struct lg_conn_handler *handler, void *ctx)
{
    struct lg_transport *others = others_of(t, lane);

    return others != NULL ? lg_conn_open(others, lane, host, port, handler, ctx)
                          : lg_conn_uring_open(hub_of(t, lane), host, port, handler, ctx);
}

/* --- Life ----------------------------------------------------------------------------------- */

static const struct lg_transport_ops ops = {
    .name = "uring",
    .listen = port_listen,
    .share = port_share,
    .listener_port = port_listener_port,
    .listener_close = port_listener_close,
    .open = port_open,
    .send = lg_conn_uring_send,
    .queued = lg_conn_uring_queued,
    .pause = lg_conn_uring_pause,
    .close = lg_conn_uring_close,
};

struct lg_transport *lg_transport_uring_new(struct lg_transport *others)
{
    struct transport_uring *t = lg_new(struct transport_uring);
    int failed = pthread_mutex_init(&t->lock, NULL);

    assert(failed == 0 && "a plain mutex needs no resources");
    (void)failed;
    t->transport.ops = &ops;
    t->others = others;
    lg_list_init(&t->hubs);
    return &t->transport;
}

static void hub_free(struct lg_hub_uring *h)
{
    while (!lg_list_empty(&h->listeners))
        port_listener_close(
            &LG_CONTAINER_OF(h->listeners.next, struct listener_uring, link)->listener);
    while (!lg_list_empty(&h->conns))
        lg_conn_uring_drop(h->conns.next);
    lg_list_remove(&h->turn.link);
    lg_free(h);
}

void lg_transport_uring_free(struct lg_transport *transport)
{
    struct transport_uring *t = (struct transport_uring *)transport;

    if (t == NULL)
        return;
    while (!lg_list_empty(&t->hubs))
        hub_free(LG_CONTAINER_OF(lg_list_pop_front(&t->hubs), struct lg_hub_uring, link));
    (void)pthread_mutex_destroy(&t->lock);
    lg_free(t);
}
