/* Connections on io_uring. Each belongs to the lane of its hub.
 *
 *   RESOLVING ──address──▶ CONNECTING ──writable──▶ OPEN ──lg_conn_close──▶ CLOSING ─┐
 *       └──────────────────────┴──────fault or peer──┴──────────────────────────┴──▶ ENDED
 *
 * CLOSING after a flush sends what is queued, then its FIN, and reads the peer's rest away for at
 * most LINGER_MS: a close with unread bytes would reset the connection and take the last answer
 * with it.
 *
 * A connection that ended is told so and freed; its socket lives until the kernel has let go of it.
 * shutdown() makes it do so: whatever is armed on it completes.
 *
 * Receiving goes on by itself, into buffers of the lane, until the kernel finds none free or we ask
 * it to stop. A pause does not stop it before something comes: that is held, at most what the
 * lane's buffers hold, and goes to the owner first when the pause is over.
 *
 * A send is tried once, when it reaches the kernel, and says nothing when all of it went: so the
 * usual answer costs no completion, and the lane can sleep in the call that sends. What did not go
 * is asked for again when the socket is writable. A send that something waits for (the rest of the
 * queue, the owner's `drained`, the FIN of a close) always says how it went, as the lane would
 * sleep over it.
 */
#include "drivers/uring/conn_uring.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "drivers/uring/lane_uring.h"
#include "drivers/uring/metrics.h"
#include "net/resolve.h"
#include "net/send_queue.h"
#include "net/socket.h"

#define LINGER_MS 1000

enum conn_state { RESOLVING, CONNECTING, OPEN, CLOSING, ENDED };

struct conn_uring;

struct wide { /* A send of more than one piece. */
    struct msghdr message;
    struct iovec iov[LG_SEND_QUEUE_IOV_MAX];
};

struct socket_uring { /* Lives until the kernel has let go of it. */
    struct lg_hub_uring *hub;
    struct conn_uring *conn; /* NULL: it ended. */
    struct lg_list wanting;  /* In hub->wanting. */
    struct lg_list sending;  /* In hub->sending. */
    int fd;
    struct lg_ring_op receive, writable, send;
    bool must_stop; /* More came than anybody takes: `receive` has to end. */
    bool stopping;  /* It has been asked to. */
    bool telling;   /* Its connection's owner is being told. */
    bool blocked;   /* It takes nothing more until it is writable. */
    bool is_sending;
    int send_result; /* What the kernel said of it. */
    size_t asked;    /* bytes */
    struct lg_send_queue out;
    struct wide *wide; /* NULL until there was one. */
};

struct conn_uring {
    struct lg_conn conn; /* First. */
    struct lg_hub_uring *hub;
    struct lg_list link;  /* In hub->conns. */
    struct lg_list dirty; /* In hub->dirty, when something is to tell. */
    enum conn_state state;
    enum lg_rc why;              /* ENDED: what `closed` will say. */
    struct socket_uring *socket; /* Has none with the kernel before CONNECTING. */
    bool to_open;                /* `opened` is to be told. */
    bool close_asked;            /* Before it was open: CLOSING comes next. */
    bool paused, above_high, fin_sent;
    bool peer_ended;            /* The peer's FIN came; told behind `held`. */
    struct lg_buf held;         /* Came while nobody may be told. */
    struct lg_resolve *resolve; /* The addresses; kept until connected. */
    size_t next_address;
    struct lg_timer linger;
};

static void connect_next(struct conn_uring *c);

static void mark_dirty(struct conn_uring *c)
{
    if (lg_list_empty(&c->dirty))
        lg_list_push_back(&c->hub->dirty, &c->dirty);
}

static void want(struct socket_uring *s)
{
    if (lg_list_empty(&s->wanting))
        lg_list_push_back(&s->hub->wanting, &s->wanting);
}

/* --- The end -------------------------------------------------------------------------------- */

/* Frees the socket of a connection that ended, once the kernel has nothing of it. */
static void socket_let_go(struct socket_uring *s)
{
    if (s->conn != NULL || s->receive.armed || s->writable.armed || s->is_sending || s->telling)
        return;
    if (s->fd >= 0)
        (void)close(s->fd); /* There is nobody left to tell of a failure. */
    lg_list_remove(&s->wanting);
    lg_send_queue_done(&s->out);
    lg_free(s->wide);
    lg_free(s);
}

/* The connection is over; `closed` will be told at the end of the turn. */
static void end(struct conn_uring *c, enum lg_rc why, const char *fault)
{
    struct socket_uring *s = LG_TAKE(c->socket);

    if (c->state == ENDED)
        return;
    c->state = ENDED;
    c->why = why;
    (void)snprintf(c->conn.fault, sizeof(c->conn.fault), "%s", fault);
    lg_timer_stop(c->conn.lane, &c->linger);
    lg_buf_done(&c->held);
    mark_dirty(c);
    s->conn = NULL;
    if (s->receive.armed || s->writable.armed)
        (void)shutdown(s->fd, SHUT_RDWR);
    socket_let_go(s);
}

static void end_by_errno(struct conn_uring *c, int errnum)
{
    end(c, LG_ERR_UNAVAILABLE, lg_socket_fault(errnum));
}

/* The last step of every connection. */
static void tell_closed(struct conn_uring *c)
{
    c->conn.handler->closed(c->conn.ctx, &c->conn, c->why);
    lg_list_remove(&c->link);
    lg_resolve_drop(c->resolve);
    lg_free(c);
}

static void linger_ended(struct lg_timer *t)
{
    end(LG_CONTAINER_OF(t, struct conn_uring, linger), LG_ERR_CANCELLED, "");
}

/* --- In ------------------------------------------------------------------------------------- */

static bool may_read(const struct conn_uring *c)
{
    if (c->peer_ended || c->held.size > 0)
        return false;
    return (c->state == OPEN && !c->paused) || (c->state == CLOSING && c->fin_sent);
}

/* Tells it, holds it back, or drops what nobody will ask for. */
static void take_in(struct conn_uring *c, struct lg_slice bytes)
{
    if (c->state == CLOSING) {
        c->socket->must_stop = !c->fin_sent;
        return;
    }
    if (c->paused || c->held.size > 0 || lg_lane_uring_ending(c->conn.lane)) {
        lg_buf_append_slice(&c->held, bytes);
        c->socket->must_stop = true;
        mark_dirty(c);
        return;
    }
    c->conn.handler->received(c->conn.ctx, &c->conn, bytes);
}

/* Behind what is held, and in CLOSING behind our own FIN. */
static void tell_peer_ended(struct conn_uring *c)
{
    if (c->state == CLOSING ? c->fin_sent : c->state == OPEN && !c->paused && c->held.size == 0)
        end(c, c->state == CLOSING ? LG_ERR_CANCELLED : LG_OK, "");
}

static void receive_failed(struct conn_uring *c, int errnum)
{
    switch (errnum) {
    case ENOBUFS:
        lg_metric_add(&lg_metric_uring_buffers_exhausted_total, 0, 1);
        break;
    case ECANCELED:
    case EINTR:
    case EAGAIN:
        break; /* It is armed again if it is still wanted. */
    default:
        end_by_errno(c, errnum);
        break;
    }
}

static void receive_completed(struct lg_ring_op *op, int result, unsigned flags)
{
    struct socket_uring *s = LG_CONTAINER_OF(op, struct socket_uring, receive);
    struct lg_ring *ring = s->hub->ring;
    struct conn_uring *c = s->conn;

    s->telling = true;
    if (c != NULL && result > 0)
        take_in(c, lg_slice(lg_ring_buffer(ring, flags), (size_t)result));
    s->telling = false;
    if ((flags & IORING_CQE_F_BUFFER) != 0)
        lg_ring_buffer_back(ring, flags);
    if (!op->armed)
        s->must_stop = s->stopping = false;
    c = s->conn; /* It may have ended in there. */
    if (c == NULL) {
        socket_let_go(s);
        return;
    }
    if (!op->armed || s->must_stop)
        want(s);
    if (result < 0) {
        receive_failed(c, -result);
    } else if (result == 0) {
        c->peer_ended = true;
        mark_dirty(c);
    }
}

/* --- Out ------------------------------------------------------------------------------------ */

static void send_completed(struct lg_ring_op *op, int result, unsigned flags)
{
    (void)flags;
    LG_CONTAINER_OF(op, struct socket_uring, send)->send_result = result;
}

/* Something comes behind what is asked to be sent. */
static bool is_awaited(const struct socket_uring *s)
{
    const struct conn_uring *c = s->conn;

    return s->asked < s->out.bytes || c == NULL || c->state == CLOSING || c->above_high;
}

/* False: no room. */
static bool ask_to_send(struct socket_uring *s)
{
    struct io_uring_sqe *sqe = lg_ring_room(s->hub->ring);
    struct iovec iov[LG_SEND_QUEUE_IOV_MAX];
    size_t n;

    if (sqe == NULL)
        return false;
    n = lg_send_queue_peek(&s->out, iov);
    if (n == 1) {
        io_uring_prep_send(sqe, s->fd, iov[0].iov_base, iov[0].iov_len,
                           MSG_DONTWAIT | MSG_WAITALL | MSG_NOSIGNAL);
    } else {
        if (s->wide == NULL)
            s->wide = lg_new(struct wide);
        memcpy(s->wide->iov, iov, n * sizeof(iov[0]));
        s->wide->message = (struct msghdr){.msg_iov = s->wide->iov, .msg_iovlen = n};
        io_uring_prep_sendmsg(sqe, s->fd, &s->wide->message,
                              MSG_DONTWAIT | MSG_WAITALL | MSG_NOSIGNAL);
    }
    s->asked = 0;
    for (size_t i = 0; i < n; i++)
        s->asked += iov[i].iov_len;
    if (!is_awaited(s))
        sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    io_uring_sqe_set_data(sqe, &s->send);
    s->send_result = INT_MAX; /* Silence: all of it. */
    s->is_sending = true;
    lg_send_queue_fix(&s->out);
    lg_list_push_back(&s->hub->sending, &s->sending);
    return true;
}

/* How many bytes went; a fault ends the connection. */
static size_t send_outcome(struct socket_uring *s)
{
    if (s->send_result == INT_MAX)
        return s->asked;
    if (s->send_result >= 0) {
        s->blocked = (size_t)s->send_result < s->asked;
        return (size_t)s->send_result;
    }
    switch (-s->send_result) {
    case EAGAIN:
        s->blocked = true;
        break;
    case EINTR:
    case ENOBUFS:
    case ENOMEM:
        break; /* Once more. */
    default:
        if (s->conn != NULL)
            end_by_errno(s->conn, -s->send_result);
        break;
    }
    return 0;
}

static void sent(struct socket_uring *s)
{
    struct conn_uring *c;
    size_t n = send_outcome(s);

    s->is_sending = false;
    lg_send_queue_sent(&s->out, n);
    c = s->conn;
    if (c == NULL) {
        socket_let_go(s);
        return;
    }
    if (s->out.bytes > 0 || c->state == CLOSING)
        want(s);
    if (c->above_high && s->out.bytes <= LG_CONN_LOW_BYTES)
        mark_dirty(c);
}

void lg_conn_uring_sent(struct lg_hub_uring *hub)
{
    while (!lg_list_empty(&hub->sending))
        sent(LG_CONTAINER_OF(lg_list_pop_front(&hub->sending), struct socket_uring, sending));
}

static void tell_drained(struct conn_uring *c)
{
    if (!c->above_high || c->socket->out.bytes > LG_CONN_LOW_BYTES)
        return;
    c->above_high = false;
    if (c->state == OPEN && c->conn.handler->drained != NULL)
        c->conn.handler->drained(c->conn.ctx, &c->conn);
}

static void send_fin(struct conn_uring *c)
{
    c->fin_sent = true;
    if (shutdown(c->socket->fd, SHUT_WR) != 0) {
        end(c, LG_ERR_CANCELLED, "");
        return;
    }
    lg_timer_start(c->conn.lane, &c->linger, LINGER_MS * LG_MS, linger_ended);
    if (c->peer_ended)
        mark_dirty(c);
}

void lg_conn_uring_send(struct lg_conn *conn, struct lg_buf *take_bytes)
{
    struct conn_uring *c = (struct conn_uring *)conn;

    assert(lg_lane_is_current(conn->lane) && lg_buf_ok(take_bytes));
    if (c->state >= CLOSING || take_bytes->size == 0) {
        lg_buf_clear(take_bytes);
        return;
    }
    lg_send_queue_push(&c->socket->out, take_bytes);
    if (c->socket->out.bytes > LG_CONN_HIGH_BYTES)
        c->above_high = true;
    want(c->socket);
}

/* --- What a socket wants of the kernel ------------------------------------------------------- */

static bool ask_to_receive(struct socket_uring *s)
{
    struct io_uring_sqe *sqe = lg_ring_arm(s->hub->ring, &s->receive);

    if (sqe == NULL)
        return false;
    io_uring_prep_recv_multishot(sqe, s->fd, NULL, 0, 0);
    lg_ring_bind(s->hub->ring, sqe, &s->receive);
    return true;
}

static bool ask_when_writable(struct socket_uring *s)
{
    struct io_uring_sqe *sqe = lg_ring_arm(s->hub->ring, &s->writable);

    if (sqe == NULL)
        return false;
    io_uring_prep_poll_add(sqe, s->fd, POLLOUT);
    lg_ring_bind(s->hub->ring, sqe, &s->writable);
    return true;
}

static bool ask_open(struct socket_uring *s)
{
    struct conn_uring *c = s->conn;
    bool reads = may_read(c);

    if (s->out.bytes > 0 && !s->blocked && !s->is_sending && !ask_to_send(s))
        return false;
    if (s->blocked && !s->writable.armed && !ask_when_writable(s))
        return false;
    if (c->state == CLOSING && s->out.bytes == 0 && !c->fin_sent) {
        send_fin(c);
        if (c->state == ENDED)
            return true;
        reads = may_read(c);
    }
    if (reads && !s->receive.armed)
        return ask_to_receive(s);
    if (reads || !s->receive.armed || !s->must_stop || s->stopping)
        return true;
    s->stopping = lg_ring_cancel(s->hub->ring, &s->receive);
    return s->stopping; /* When its end has come it is armed again, if it may be. */
}

bool lg_conn_uring_ask(struct lg_list *wanting)
{
    struct socket_uring *s = LG_CONTAINER_OF(wanting, struct socket_uring, wanting);
    struct conn_uring *c = s->conn;
    bool asked = true;

    if (c != NULL && c->state == CONNECTING)
        asked = s->writable.armed || ask_when_writable(s);
    else if (c != NULL && (c->state == OPEN || c->state == CLOSING) && s->fd >= 0)
        asked = ask_open(s);
    return asked;
}

/* --- Opening -------------------------------------------------------------------------------- */

static void connected(struct conn_uring *c)
{
    lg_resolve_drop(LG_TAKE(c->resolve));
    c->state = c->close_asked ? CLOSING : OPEN;
    c->to_open = !c->close_asked;
    mark_dirty(c);
    want(c->socket);
}

static void connect_ready(struct conn_uring *c)
{
    int errnum = lg_socket_error(c->socket->fd);

    if (errnum == 0) {
        connected(c);
        return;
    }
    (void)close(c->socket->fd);
    c->socket->fd = -1;
    if (c->next_address < c->resolve->n)
        connect_next(c);
    else
        end_by_errno(c, errnum);
}

static void writable_completed(struct lg_ring_op *op, int result, unsigned flags)
{
    struct socket_uring *s = LG_CONTAINER_OF(op, struct socket_uring, writable);
    struct conn_uring *c = s->conn;

    (void)flags;
    if (c == NULL) {
        socket_let_go(s);
        return;
    }
    want(s);
    if (result < 0) /* Cancelled at the end of a run: it is asked for again. */
        return;
    s->blocked = false;
    if (c->state == CONNECTING)
        connect_ready(c);
}

/* Begins to connect to the next address; ends the connection when there is none that can be tried.
 */
static void connect_next(struct conn_uring *c)
{
    int errnum = EADDRNOTAVAIL;

    c->state = CONNECTING;
    while (c->next_address < c->resolve->n) {
        size_t i = c->next_address++;
        const struct sockaddr *address = (const struct sockaddr *)&c->resolve->address[i];
        int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

        if (fd < 0) {
            errnum = errno;
            continue;
        }
        lg_socket_no_delay(fd);
        c->socket->fd = fd;
        if (connect(fd, address, c->resolve->size[i]) == 0) {
            connected(c);
            return;
        }
        errnum = errno;
        if (errnum == EINPROGRESS) {
            want(c->socket);
            return;
        }
        (void)close(fd);
        c->socket->fd = -1;
    }
    end_by_errno(c, errnum);
}

static void resolved(void *ctx, struct lg_resolve *r)
{
    struct conn_uring *c = ctx;

    if (c->state == ENDED)
        return;
    if (r->n == 0)
        end(c, LG_ERR_UNAVAILABLE, lg_resolve_fault(r));
    else
        connect_next(c);
}

static struct conn_uring *conn_new(struct lg_hub_uring *h, enum conn_state state)
{
    struct conn_uring *c = lg_new(struct conn_uring);
    struct socket_uring *s = lg_new(struct socket_uring);

    c->conn.transport = h->transport;
    c->conn.lane = h->lane;
    c->hub = h;
    c->state = state;
    c->socket = s;
    lg_list_init(&c->dirty);
    lg_list_push_back(&h->conns, &c->link);
    s->hub = h;
    s->conn = c;
    s->fd = -1;
    s->receive.completed = receive_completed;
    s->writable.completed = writable_completed;
    s->send.completed = send_completed;
    lg_list_init(&s->wanting);
    return c;
}

struct lg_conn *lg_conn_uring_open(struct lg_hub_uring *hub, const char *host, uint16_t port,
                                   const struct lg_conn_handler *handler, void *ctx)
{
    struct conn_uring *c = conn_new(hub, RESOLVING);

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

/* The owner may send and even close inside `accepted`: the descriptor is used afterwards. */
void lg_conn_uring_accept(struct lg_hub_uring *hub, int take_fd,
                          void (*accepted)(void *ctx, struct lg_conn *c), void *ctx)
{
    struct conn_uring *c = conn_new(hub, OPEN);
    struct sockaddr_storage peer = {0};
    socklen_t size = sizeof(peer);

    if (getpeername(take_fd, (struct sockaddr *)&peer, &size) != 0)
        peer.ss_family = AF_UNSPEC; /* It is gone already; reading will tell. */
    lg_socket_name(&peer, c->conn.peer, sizeof(c->conn.peer));
    accepted(ctx, &c->conn);
    assert(c->conn.handler != NULL && "`accepted` sets the handler");
    if (c->state == ENDED) {
        (void)close(take_fd); /* Nothing was said on it. */
        return;
    }
    lg_socket_no_delay(take_fd);
    c->socket->fd = take_fd;
    want(c->socket);
}

/* --- The rest of the port -------------------------------------------------------------------- */

void lg_conn_uring_pause(struct lg_conn *conn, bool paused)
{
    struct conn_uring *c = (struct conn_uring *)conn;

    assert(lg_lane_is_current(conn->lane));
    c->paused = paused;
    if (paused || c->state == ENDED)
        return;
    want(c->socket);
    if (c->held.size > 0 || c->peer_ended)
        mark_dirty(c);
}

size_t lg_conn_uring_queued(const struct lg_conn *conn)
{
    const struct conn_uring *c = (const struct conn_uring *)conn;

    return c->socket == NULL ? 0 : c->socket->out.bytes;
}

void lg_conn_uring_close(struct lg_conn *conn, bool after_flush)
{
    struct conn_uring *c = (struct conn_uring *)conn;

    assert(lg_lane_is_current(conn->lane));
    if (!after_flush) {
        end(c, LG_ERR_CANCELLED, "");
    } else if (c->state == OPEN) {
        c->state = CLOSING;
        c->to_open = false;
        lg_buf_done(&c->held);
        want(c->socket);
    } else {
        c->close_asked = true;
    }
}

static void tell_held(struct conn_uring *c)
{
    LG_SCOPED(lg_buf) held = c->held;

    c->held = (struct lg_buf){0};
    want(c->socket);
    c->conn.handler->received(c->conn.ctx, &c->conn, lg_buf_slice(&held));
}

/* One connection's turn of the dirty list. What ends in here is told in the next round. */
void lg_conn_uring_serve(struct lg_list *dirty)
{
    struct conn_uring *c = LG_CONTAINER_OF(dirty, struct conn_uring, dirty);

    if (c->state == ENDED) {
        tell_closed(c);
        return;
    }
    if (c->to_open) {
        c->to_open = false;
        if (c->conn.handler->opened != NULL)
            c->conn.handler->opened(c->conn.ctx, &c->conn);
    }
    if (c->state != ENDED)
        tell_drained(c);
    if (c->state == OPEN && !c->paused && c->held.size > 0)
        tell_held(c);
    if (c->state != ENDED && c->peer_ended)
        tell_peer_ended(c);
}

void lg_conn_uring_drop(struct lg_list *link)
{
    struct conn_uring *c = LG_CONTAINER_OF(link, struct conn_uring, link);

    end(c, LG_ERR_CANCELLED, "");
    lg_list_remove(&c->dirty);
    tell_closed(c);
}
