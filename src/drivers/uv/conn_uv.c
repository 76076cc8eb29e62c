/* Connections on sockets. Each belongs to the lane of its hub.
 *
 *   RESOLVING ──address──▶ CONNECTING ──writable──▶ OPEN ──lg_conn_close──▶ CLOSING ─┐
 *       └──────────────────────┴──────fault or peer──┴──────────────────────────┴──▶ ENDED
 *
 * CLOSING after a flush sends what is queued, then its FIN, and reads the peer's rest away for at
 * most LINGER_MS: a close with unread bytes would reset the connection and take the last answer
 * with it.
 */
#include "drivers/uv/conn_uv.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "net/resolve.h"
#include "net/send_queue.h"
#include "net/socket.h"

#define READS_PER_TURN 4 /* of one connection */
#define WRITE_BYTES_PER_TURN ((size_t)4 << 20)
#define LINGER_MS 1000

enum conn_state { RESOLVING, CONNECTING, OPEN, CLOSING, ENDED };

struct socket_uv { /* Lives until libuv has let go of it. */
    uv_poll_t poll;
    struct conn_uv *conn;
};

struct conn_uv {
    struct lg_conn conn; /* First. */
    struct lg_hub_uv *hub;
    struct lg_list link;  /* In hub->conns. */
    struct lg_list dirty; /* In hub->dirty, when something is to do. */
    enum conn_state state;
    enum lg_rc why;           /* ENDED: what `closed` will say. */
    int fd;                   /* -1: none. */
    struct socket_uv *socket; /* NULL: none. */
    int events;               /* What its poll handle waits for. */
    bool to_open;             /* `opened` is to be told. */
    bool close_asked;         /* Before it was open: CLOSING comes next. */
    bool paused, above_high, wants_out, fin_sent;
    struct lg_resolve *resolve; /* The addresses; kept until connected. */
    size_t next_address;
    struct lg_send_queue out;
    struct lg_timer linger;
};

static void conn_ready(uv_poll_t *handle, int status, int events);
static void connect_next(struct conn_uv *c);

static void mark_dirty(struct conn_uv *c)
{
    if (lg_list_empty(&c->dirty))
        lg_list_push_back(&c->hub->dirty, &c->dirty);
}

/* --- Connections: end ----------------------------------------------------------------------- */

static void socket_closed(uv_handle_t *handle)
{
    lg_free(handle->data);
}

/* The handle must stop watching the descriptor before that is closed. */
static void release_socket(struct conn_uv *c)
{
    if (c->socket != NULL)
        uv_close((uv_handle_t *)&c->socket->poll, socket_closed);
    if (c->fd >= 0)
        (void)close(c->fd); /* There is nobody left to tell of a failure. */
    c->socket = NULL;
    c->fd = -1;
    c->events = 0;
}

/* The connection is over; `closed` will be told at the end of the turn. */
static void end(struct conn_uv *c, enum lg_rc why, const char *fault)
{
    if (c->state == ENDED)
        return;
    c->state = ENDED;
    c->why = why;
    (void)snprintf(c->conn.fault, sizeof(c->conn.fault), "%s", fault);
    lg_timer_stop(c->conn.lane, &c->linger);
    lg_send_queue_done(&c->out);
    release_socket(c);
    mark_dirty(c);
}

static void end_by_errno(struct conn_uv *c, int errnum)
{
    end(c, LG_ERR_UNAVAILABLE, lg_socket_fault(errnum));
}

/* The last step of every connection. */
static void tell_closed(struct conn_uv *c)
{
    c->conn.handler->closed(c->conn.ctx, &c->conn, c->why);
    lg_list_remove(&c->link);
    lg_resolve_drop(c->resolve);
    lg_free(c);
}

/* --- Connections: sockets ------------------------------------------------------------------- */

static bool may_read(const struct conn_uv *c)
{
    return (c->state == OPEN && !c->paused) || (c->state == CLOSING && c->fin_sent);
}

/* Waits for what the state needs. */
static void update_events(struct conn_uv *c)
{
    int events = may_read(c) ? UV_READABLE : 0;
    int failed;

    if (c->state == ENDED || c->socket == NULL)
        return;
    if (c->state == CONNECTING || c->wants_out)
        events |= UV_WRITABLE;
    if (events == c->events)
        return;
    c->events = events;
    failed = events == 0 ? uv_poll_stop(&c->socket->poll)
                         : uv_poll_start(&c->socket->poll, events, conn_ready);
    if (failed != 0)
        end_by_errno(c, -failed);
}

/* Gives the descriptor to the loop; on failure the connection ends. */
static void adopt(struct conn_uv *c, int fd)
{
    int failed;

    c->fd = fd;
    lg_socket_no_delay(fd);
    c->socket = lg_new(struct socket_uv);
    c->socket->conn = c;
    failed = uv_poll_init(c->hub->loop, &c->socket->poll, fd);
    c->socket->poll.data = c->socket;
    if (failed != 0) {
        lg_free(LG_TAKE(c->socket));
        end_by_errno(c, -failed);
    }
}

static struct conn_uv *conn_new(struct lg_hub_uv *h, enum conn_state state)
{
    struct conn_uv *c = lg_new(struct conn_uv);

    c->conn.transport = h->transport;
    c->conn.lane = h->lane;
    c->hub = h;
    c->state = state;
    c->fd = -1;
    lg_list_init(&c->dirty);
    lg_list_push_back(&h->conns, &c->link);
    return c;
}

/* --- Connections: out ----------------------------------------------------------------------- */

static ssize_t write_some(struct conn_uv *c)
{
    struct iovec iov[LG_SEND_QUEUE_IOV_MAX];
    struct msghdr message = {.msg_iov = iov, .msg_iovlen = lg_send_queue_peek(&c->out, iov)};
    ssize_t n;

    do {
        n = sendmsg(c->fd, &message, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return n;
}

static void tell_drained(struct conn_uv *c)
{
    if (!c->above_high || c->out.bytes > LG_CONN_LOW_BYTES)
        return;
    c->above_high = false;
    if (c->state == OPEN && c->conn.handler->drained != NULL)
        c->conn.handler->drained(c->conn.ctx, &c->conn);
}

static void linger_ended(struct lg_timer *t)
{
    end(LG_CONTAINER_OF(t, struct conn_uv, linger), LG_ERR_CANCELLED, "");
}

static void send_fin(struct conn_uv *c)
{
    c->fin_sent = true;
    if (shutdown(c->fd, SHUT_WR) != 0) {
        end(c, LG_ERR_CANCELLED, "");
        return;
    }
    lg_timer_start(c->conn.lane, &c->linger, LINGER_MS * LG_MS, linger_ended);
}

static void flush(struct conn_uv *c)
{
    size_t budget = WRITE_BYTES_PER_TURN;

    c->wants_out = false;
    while (c->out.bytes > 0 && !c->wants_out) {
        ssize_t n = budget == 0 ? 0 : write_some(c);

        if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
            end_by_errno(c, errno);
            return;
        }
        c->wants_out = n <= 0;
        if (n > 0) {
            lg_send_queue_sent(&c->out, (size_t)n);
            budget -= LG_MIN(budget, (size_t)n);
        }
    }
    if (c->state == CLOSING && c->out.bytes == 0 && !c->fin_sent)
        send_fin(c);
    tell_drained(c);
    update_events(c);
}

void lg_conn_uv_send(struct lg_conn *conn, struct lg_buf *take_bytes)
{
    struct conn_uv *c = (struct conn_uv *)conn;

    assert(lg_lane_is_current(conn->lane) && lg_buf_ok(take_bytes));
    if (c->state >= CLOSING || take_bytes->size == 0) {
        lg_buf_clear(take_bytes);
        return;
    }
    lg_send_queue_push(&c->out, take_bytes);
    if (c->out.bytes > LG_CONN_HIGH_BYTES)
        c->above_high = true;
    mark_dirty(c);
}

/* --- Connections: in ------------------------------------------------------------------------ */

/* One read. False when the connection ended or stopped reading. */
static bool read_some(struct conn_uv *c)
{
    ssize_t n;

    do {
        n = recv(c->fd, c->hub->read_buffer, LG_CONN_UV_READ_BYTES, 0);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        if (errno != EAGAIN && errno != EWOULDBLOCK)
            end_by_errno(c, errno);
        return false;
    }
    if (n == 0) {
        end(c, c->state == CLOSING ? LG_ERR_CANCELLED : LG_OK, "");
        return false;
    }
    if (c->state == OPEN)
        c->conn.handler->received(c->conn.ctx, &c->conn, lg_slice(c->hub->read_buffer, (size_t)n));
    return (size_t)n == LG_CONN_UV_READ_BYTES && may_read(c);
}

static void connected(struct conn_uv *c)
{
    lg_resolve_drop(LG_TAKE(c->resolve));
    c->state = c->close_asked ? CLOSING : OPEN;
    c->to_open = !c->close_asked;
    mark_dirty(c);
    update_events(c);
}

static void connect_ready(struct conn_uv *c)
{
    int errnum = lg_socket_error(c->fd);

    if (errnum == 0) {
        connected(c);
        return;
    }
    release_socket(c);
    if (c->next_address < c->resolve->n)
        connect_next(c);
    else
        end_by_errno(c, errnum);
}

/* Begins to connect to the next address; ends the connection when there is none that can be tried.
 */
static void connect_next(struct conn_uv *c)
{
    int errnum = EADDRNOTAVAIL;

    c->state = CONNECTING;
    while (c->next_address < c->resolve->n && c->state == CONNECTING) {
        size_t i = c->next_address++;
        const struct sockaddr *address = (const struct sockaddr *)&c->resolve->address[i];
        int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

        if (fd < 0) {
            errnum = errno;
            continue;
        }
        adopt(c, fd);
        if (c->state == ENDED)
            return;
        if (connect(fd, address, c->resolve->size[i]) == 0) {
            connected(c);
            return;
        }
        errnum = errno;
        if (errnum == EINPROGRESS) {
            update_events(c);
            return;
        }
        release_socket(c);
    }
    end_by_errno(c, errnum);
}

/* A status tells of an error condition of the socket, and that libuv stopped the handle: reading
 * delivers what came before the error, then names it. */
static void conn_ready(uv_poll_t *handle, int status, int events)
{
    struct conn_uv *c = ((struct socket_uv *)handle->data)->conn;

    (void)lg_lane_now_us(c->conn.lane); /* The wait is over: what comes now is work. */
    if (status != 0) {
        c->events = 0;
        events = UV_READABLE;
    }
    if (c->state == CONNECTING) {
        connect_ready(c);
        return;
    }
    if (status != 0 && (c->paused || (c->state == CLOSING && !c->fin_sent))) {
        int errnum = lg_socket_error(c->fd);

        end_by_errno(c, errnum != 0 ? errnum : ECONNRESET);
        return;
    }
    if ((events & UV_WRITABLE) != 0)
        flush(c);
    if ((events & UV_READABLE) != 0 && may_read(c))
        for (unsigned i = 0; i < READS_PER_TURN && read_some(c); i++)
            ;
    if (status != 0)
        update_events(c);
}

void lg_conn_uv_pause(struct lg_conn *conn, bool paused)
{
    struct conn_uv *c = (struct conn_uv *)conn;

    assert(lg_lane_is_current(conn->lane));
    c->paused = paused;
    update_events(c);
}

size_t lg_conn_uv_queued(const struct lg_conn *conn)
{
    return ((const struct conn_uv *)conn)->out.bytes;
}

void lg_conn_uv_close(struct lg_conn *conn, bool after_flush)
{
    struct conn_uv *c = (struct conn_uv *)conn;

    assert(lg_lane_is_current(conn->lane));
    if (!after_flush) {
        end(c, LG_ERR_CANCELLED, "");
    } else if (c->state == OPEN) {
        c->state = CLOSING;
        c->to_open = false;
        mark_dirty(c);
        update_events(c);
    } else {
        c->close_asked = true;
    }
}

/* One connection's turn of the dirty list. What ends in here is told in the next round. */
void lg_conn_uv_serve(struct lg_list *dirty)
{
    struct conn_uv *c = LG_CONTAINER_OF(dirty, struct conn_uv, dirty);

    if (c->state == ENDED) {
        tell_closed(c);
        return;
    }
    if (c->to_open) {
        c->to_open = false;
        if (c->conn.handler->opened != NULL)
            c->conn.handler->opened(c->conn.ctx, &c->conn);
    }
    if ((c->state == OPEN || (c->state == CLOSING && !c->fin_sent)) && !c->wants_out)
        flush(c);
}

/* --- Opening -------------------------------------------------------------------------------- */

static void resolved(void *ctx, struct lg_resolve *r)
{
    struct conn_uv *c = ctx;

    if (c->state == ENDED)
        return;
    if (r->n == 0)
        end(c, LG_ERR_UNAVAILABLE, lg_resolve_fault(r));
    else
        connect_next(c);
}

struct lg_conn *lg_conn_uv_open(struct lg_hub_uv *hub, const char *host, uint16_t port,
                                const struct lg_conn_handler *handler, void *ctx)
{
    struct conn_uv *c = conn_new(hub, RESOLVING);

    c->conn.handler = handler;
    c->conn.ctx = ctx;
    (void)snprintf(c->conn.peer, sizeof(c->conn.peer), "%.50s:%u", host, port);
    c->resolve = lg_resolve_start(hub->lane, host, port, resolved, c);
    if (c->resolve == NULL)
        end(c, LG_ERR_UNAVAILABLE, "the name of the host is too long");
    else if (!c->resolve->asking)
        connect_next(c);
    return &c->conn;
}

/* The owner may send and even close inside `accepted`: the descriptor is adopted afterwards. */
void lg_conn_uv_accept(struct lg_hub_uv *hub, int take_fd, const struct sockaddr_storage *peer,
                       void (*accepted)(void *ctx, struct lg_conn *c), void *ctx)
{
    struct conn_uv *c = conn_new(hub, OPEN);

    lg_socket_name(peer, c->conn.peer, sizeof(c->conn.peer));
    accepted(ctx, &c->conn);
    assert(c->conn.handler != NULL && "`accepted` sets the handler");
    if (c->state == ENDED) {
        (void)close(take_fd); /* Nothing was said on it. */
        return;
    }
    adopt(c, take_fd);
    update_events(c);
}

void lg_conn_uv_drop(struct lg_list *link)
{
    struct conn_uv *c = LG_CONTAINER_OF(link, struct conn_uv, link);

    end(c, LG_ERR_CANCELLED, "");
    lg_list_remove(&c->dirty);
    tell_closed(c);
}
