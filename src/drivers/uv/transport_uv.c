/* Hubs, listeners and the life of the transport on sockets; connections are in conn_uv.c, and what
 * a hub is stands in conn_uv.h. Everything but the list of hubs belongs to one lane.
 */
#include "drivers/uv/transport_uv.h"

#include <errno.h>
#include <unistd.h>

#include "base/log.h"
#include "drivers/uv/conn_uv.h"
#include "drivers/uv/lane_uv.h"
#include "net/socket.h"

#define ACCEPTS_PER_TURN 64
#define DIRTY_ROUNDS_MAX 16
#define ACCEPT_PAUSE_US (100 * LG_MS) /* when descriptors ran out */

struct transport_uv {
    struct lg_transport transport; /* First. */
    uv_mutex_t lock;               /* Of `hubs`: the first use by a lane adds one. */
    struct lg_list hubs;
};

struct listener_uv {
    struct lg_listener listener; /* First. */
    struct lg_hub_uv *hub;
    struct lg_list link;
    int fd;
    bool held; /* Any thread: nobody accepts on its socket yet; the first that shares it does. */
    uint16_t port;
    uv_poll_t poll;
    struct lg_timer pause;
    void (*accepted)(void *ctx, struct lg_conn *c); /* NULL: it only holds the address. */
    void *ctx;
};

/* --- Hubs ----------------------------------------------------------------------------------- */

/* Ends the tick and serves the dirty list; false when something is left after DIRTY_ROUNDS_MAX
 * rounds. */
static bool serve_dirty(struct lg_hub_uv *h)
{
    for (unsigned round = 0; round < DIRTY_ROUNDS_MAX; round++) {
        bool ended = lg_lane_uv_end_tick(h->lane);
        struct lg_list now;

        if (lg_list_empty(&h->dirty))
            return ended;
        lg_list_init(&now);
        while (!lg_list_empty(&h->dirty))
            lg_list_push_back(&now, lg_list_pop_front(&h->dirty));
        while (!lg_list_empty(&now))
            lg_conn_uv_serve(lg_list_pop_front(&now));
    }
    return lg_lane_uv_end_tick(h->lane) && lg_list_empty(&h->dirty);
}

static void hurried(uv_idle_t *handle)
{
    (void)handle; /* An active idle handle keeps the loop from waiting; that is all. */
}

static void turn_ends(uv_prepare_t *handle)
{
    struct lg_hub_uv *h = handle->data;

    if (serve_dirty(h))
        (void)uv_idle_stop(&h->hurry); /* Mostly it is stopped: that costs nothing. */
    else
        (void)uv_idle_start(&h->hurry, hurried);
}

static struct lg_hub_uv *hub_new(struct transport_uv *t, struct lg_lane *lane)
{
    struct lg_hub_uv *h = lg_new(struct lg_hub_uv);
    int failed;

    h->transport = &t->transport;
    h->lane = lane;
    h->loop = lg_lane_uv_loop(lane);
    lg_list_init(&h->conns);
    lg_list_init(&h->listeners);
    lg_list_init(&h->dirty);
    failed = uv_prepare_init(h->loop, &h->turn_end);
    assert(failed == 0);
    failed = uv_prepare_start(&h->turn_end, turn_ends);
    assert(failed == 0);
    failed = uv_idle_init(h->loop, &h->hurry);
    assert(failed == 0 && "these handles need no resources");
    (void)failed;
    h->turn_end.data = h->hurry.data = h;
    h->handles_open = 2;
    return h;
}

/* Hubs are few (one per lane) and looked up only when something is opened. */
static struct lg_hub_uv *hub_of(struct lg_transport *transport, struct lg_lane *lane)
{
    struct transport_uv *t = (struct transport_uv *)transport;
    struct lg_hub_uv *found = NULL;

    assert(lg_lane_is_current(lane));
    uv_mutex_lock(&t->lock);
    LG_LIST_EACH(it, &t->hubs)
    {
        struct lg_hub_uv *h = LG_CONTAINER_OF(it, struct lg_hub_uv, link);

        if (h->lane == lane)
            found = h;
    }
    if (found == NULL) {
        found = hub_new(t, lane);
        lg_list_push_back(&t->hubs, &found->link);
    }
    uv_mutex_unlock(&t->lock);
    return found;
}

/* --- Listening ------------------------------------------------------------------------------ */

static void accept_ready(uv_poll_t *handle, int status, int events);

static void listen_again(struct lg_timer *t)
{
    struct listener_uv *l = LG_CONTAINER_OF(t, struct listener_uv, pause);
    int failed = uv_poll_start(&l->poll, UV_READABLE, accept_ready);

    assert(failed == 0 && "the descriptor is registered with the loop already");
    (void)failed;
}

/* Descriptors ran out: connections wait in the kernel's queue until some are closed. */
static void pause_listening(struct listener_uv *l, int errnum)
{
    struct lg_hub_uv *h = l->hub;
    uint64_t now_us = lg_lane_now_us(h->lane);

    if (h->complained_us == 0 || now_us - h->complained_us >= LG_SEC) {
        h->complained_us = now_us;
        lg_log(LG_LOG_ERROR, "accept_failed", "port=%u reason=\"%s\" remedy=\"raise ulimit -n\"",
               l->port, uv_strerror(-errnum));
    }
    (void)uv_poll_stop(&l->poll);
    lg_timer_start(h->lane, &l->pause, ACCEPT_PAUSE_US, listen_again);
}

static void accept_ready(uv_poll_t *handle, int status, int events)
{
    struct listener_uv *l = handle->data;

    (void)status; /* accept4 names the fault. */
    (void)events;
    (void)lg_lane_now_us(l->hub->lane); /* The wait is over: what comes now is work. */
    for (unsigned i = 0; i < ACCEPTS_PER_TURN && l->fd >= 0; i++) {
        struct sockaddr_storage address;
        socklen_t size = sizeof(address);
        int fd = accept4(l->fd, (struct sockaddr *)&address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0)
            lg_conn_uv_accept(l->hub, fd, &address, l->accepted, l->ctx);
        else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            pause_listening(l, errno);
            return;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } /* Else that one connection was faulty (ECONNABORTED, EINTR, …); the next may be good. */
    }
}

static enum lg_rc listen_with(struct lg_transport *t, struct lg_lane *lane, int fd,
                              const char *host, void (*accepted)(void *ctx, struct lg_conn *c),
                              void *ctx, struct lg_listener **out, struct lg_error *err)
{
    struct listener_uv *l = lg_new(struct listener_uv);
    int failed;

    l->listener.transport = t;
    l->hub = hub_of(t, lane);
    l->fd = fd;
    l->port = lg_socket_port(fd);
    l->accepted = accepted;
    l->held = accepted == NULL;
    l->ctx = ctx;
    failed = uv_poll_init(l->hub->loop, &l->poll, fd);
    if (failed != 0) {
        enum lg_rc rc = lg_socket_listen_failed(-failed, host, l->port, err);

        (void)close(fd);
        lg_free(l);
        return rc;
    }
    l->poll.data = l;
    lg_list_push_back(&l->hub->listeners, &l->link);
    if (accepted != NULL)
        listen_again(&l->pause);
    *out = &l->listener;
    return LG_OK;
}

static enum lg_rc port_listen(struct lg_transport *t, struct lg_lane *lane, const char *host,
                              uint16_t port, void (*accepted)(void *ctx, struct lg_conn *c),
                              void *ctx, struct lg_listener **out, struct lg_error *err)
{
    enum lg_rc rc;
    int fd;

    rc = lg_socket_listen(host, port, &fd, err);
    return rc != LG_OK ? rc : listen_with(t, lane, fd, host, accepted, ctx, out, err);
}

static enum lg_rc port_share(struct lg_listener *with, struct lg_lane *lane,
                             void (*accepted)(void *ctx, struct lg_conn *c), void *ctx,
                             struct lg_listener **out, struct lg_error *err)
{
    struct listener_uv *first = (struct listener_uv *)with;
    enum lg_rc rc;
    int fd;

    rc = lg_socket_listen_beside(
        first->fd, __atomic_exchange_n(&first->held, false, __ATOMIC_ACQ_REL), &fd, err);
    return rc != LG_OK
               ? rc
               : listen_with(with->transport, lane, fd, "its address", accepted, ctx, out, err);
}

static uint16_t port_listener_port(const struct lg_listener *l)
{
    return ((const struct listener_uv *)l)->port;
}

static void listener_closed(uv_handle_t *handle)
{
    lg_free(handle->data);
}

static void port_listener_close(struct lg_listener *listener)
{
    struct listener_uv *l = (struct listener_uv *)listener;

    assert(lg_lane_is_current(l->hub->lane));
    lg_timer_stop(l->hub->lane, &l->pause);
    lg_list_remove(&l->link);
    uv_close((uv_handle_t *)&l->poll, listener_closed);
    lg_socket_close_listening(l->fd);
    l->fd = -1;
}

static struct lg_conn *port_open(struct lg_transport *t, struct lg_lane *lane, const char *host,
                                 uint16_t port, const struct lg_conn_handler *handler, void *ctx)
{
    return lg_conn_uv_open(hub_of(t, lane), host, port, handler, ctx);
}

/* --- Life ----------------------------------------------------------------------------------- */

static const struct lg_transport_ops ops = {
    .name = "uv",
    .listen = port_listen,
    .share = port_share,
    .listener_port = port_listener_port,
    .listener_close = port_listener_close,
    .open = port_open,
    .send = lg_conn_uv_send,
    .queued = lg_conn_uv_queued,
    .pause = lg_conn_uv_pause,
    .close = lg_conn_uv_close,
};

struct lg_transport *lg_transport_uv_new(void)
{
    struct transport_uv *t = lg_new(struct transport_uv);
    int failed = uv_mutex_init(&t->lock);

    assert(failed == 0 && "a plain mutex needs no resources");
    (void)failed;
    t->transport.ops = &ops;
    lg_list_init(&t->hubs);
    return &t->transport;
}

static void hub_handle_closed(uv_handle_t *handle)
{
    struct lg_hub_uv *h = handle->data;

    if (--h->handles_open == 0)
        lg_free(h);
}

/* Its memory goes when the lane is freed, which runs the loop for handles that are closing. */
static void hub_free(struct lg_hub_uv *h)
{
    while (!lg_list_empty(&h->listeners))
        port_listener_close(
            &LG_CONTAINER_OF(h->listeners.next, struct listener_uv, link)->listener);
    while (!lg_list_empty(&h->conns))
        lg_conn_uv_drop(h->conns.next);
    uv_close((uv_handle_t *)&h->turn_end, hub_handle_closed);
    uv_close((uv_handle_t *)&h->hurry, hub_handle_closed);
}

void lg_transport_uv_free(struct lg_transport *transport)
{
    struct transport_uv *t = (struct transport_uv *)transport;

    if (t == NULL)
        return;
    while (!lg_list_empty(&t->hubs))
        hub_free(LG_CONTAINER_OF(lg_list_pop_front(&t->hubs), struct lg_hub_uv, link));
    uv_mutex_destroy(&t->lock);
    lg_free(t);
}
