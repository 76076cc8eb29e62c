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

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/vec.h"

#define READS_PER_TURN 4 /* of one connection */
#define WRITE_BYTES_PER_TURN ((size_t)4 << 20)
#define IOV_MAX_OURS 64
#define ADDRESSES_MAX 8
#define HOST_BYTES_MAX 256
#define SMALL_BYTES ((size_t)16 << 10) /* at most this much is copied instead of taken over */
#define CHUNK_BYTES ((size_t)64 << 10) /* small writes are gathered up to this */
#define LINGER_MS 1000

enum conn_state { RESOLVING, CONNECTING, OPEN, CLOSING, ENDED };

struct resolve { /* Shared with a thread of the pool while it runs. */
    struct lg_offload offload;
    struct conn_uv *conn; /* NULL when the connection ended meanwhile. The lane's. */
    char host[HOST_BYTES_MAX];
    char port[8];
    int failed; /* Of getaddrinfo. */
    size_t n;
    struct sockaddr_storage address[ADDRESSES_MAX];
    socklen_t size[ADDRESSES_MAX];
};

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
    struct resolve *resolve; /* The addresses; kept until connected. */
    size_t next_address;
    bool resolving; /* `resolve` is with the pool. */
    LG_VEC(struct lg_buf) out;
    size_t out_first;    /* Chunks before it are sent and empty. */
    size_t out_offset;   /* Bytes of the first chunk that are sent. */
    size_t queued;       /* bytes */
    struct lg_buf spare; /* Memory of a sent chunk, for the next. */
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

static void drop_out(struct conn_uv *c)
{
    for (size_t i = c->out_first; i < c->out.size; i++)
        lg_buf_done(&c->out.data[i]);
    c->out.size = c->out_first = c->out_offset = c->queued = 0;
}

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
    drop_out(c);
    release_socket(c);
    mark_dirty(c);
}

static void end_by_errno(struct conn_uv *c, int errnum)
{
    switch (errnum) {
    case ECONNREFUSED:
        end(c, LG_ERR_UNAVAILABLE, "connection refused");
        break;
    case ECONNRESET:
    case EPIPE:
        end(c, LG_ERR_UNAVAILABLE, "connection reset by peer");
        break;
    default:
        end(c, LG_ERR_UNAVAILABLE, uv_strerror(-errnum));
        break;
    }
}

/* The last step of every connection. */
static void tell_closed(struct conn_uv *c)
{
    c->conn.handler->closed(c->conn.ctx, &c->conn, c->why);
    lg_list_remove(&c->link);
    if (c->resolving)
        c->resolve->conn = NULL; /* resolve_done frees it. */
    else
        lg_free(c->resolve);
    LG_VEC_DONE(&c->out);
    lg_buf_done(&c->spare);
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
    int one = 1, failed;

    c->fd = fd;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one,
                     sizeof(one)); /* Slower without, no more. */
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

static void name_peer(char *out, size_t size, const struct sockaddr_storage *a)
{
    char ip[INET6_ADDRSTRLEN] = "?";
    unsigned port;

    if (a->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)a;

        (void)inet_ntop(AF_INET6, &in6->sin6_addr, ip, sizeof(ip));
        port = ntohs(in6->sin6_port);
        (void)snprintf(out, size, "[%s]:%u", ip, port);
    } else {
        const struct sockaddr_in *in = (const struct sockaddr_in *)a;

        (void)inet_ntop(AF_INET, &in->sin_addr, ip, sizeof(ip));
        port = ntohs(in->sin_port);
        (void)snprintf(out, size, "%s:%u", ip, port);
    }
}

/* A numeric address or "localhost". */
bool lg_conn_uv_address(const char *host, uint16_t port, struct sockaddr_storage *out,
                        socklen_t *out_size)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

    memset(out, 0, sizeof(*out));
    if (strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    if (inet_pton(AF_INET, host, &in.sin_addr) == 1) {
        memcpy(out, &in, sizeof(in));
        *out_size = sizeof(in);
        return true;
    }
    if (inet_pton(AF_INET6, host, &in6.sin6_addr) == 1) {
        memcpy(out, &in6, sizeof(in6));
        *out_size = sizeof(in6);
        return true;
    }
    return false;
}

/* --- Connections: out ----------------------------------------------------------------------- */

static void chunk_sent(struct conn_uv *c)
{
    struct lg_buf *chunk = &c->out.data[c->out_first];

    if (c->spare.data == NULL && chunk->capacity <= CHUNK_BYTES) {
        c->spare = *chunk;
        lg_buf_clear(&c->spare);
        *chunk = (struct lg_buf){0};
    } else {
        lg_buf_done(chunk);
    }
    c->out_first++;
    c->out_offset = 0;
    if (c->out_first == c->out.size)
        c->out.size = c->out_first = 0;
}

static void bytes_sent(struct conn_uv *c, size_t n)
{
    c->queued -= n;
    while (n > 0) {
        size_t rest = c->out.data[c->out_first].size - c->out_offset;

        if (n < rest) {
            c->out_offset += n;
            return;
        }
        n -= rest;
        chunk_sent(c);
    }
}

static ssize_t write_some(struct conn_uv *c)
{
    struct iovec iov[IOV_MAX_OURS];
    struct msghdr message = {.msg_iov = iov};
    ssize_t n;

    for (size_t i = c->out_first; i < c->out.size && message.msg_iovlen < IOV_MAX_OURS; i++) {
        size_t offset = i == c->out_first ? c->out_offset : 0;

        iov[message.msg_iovlen++] = (struct iovec){.iov_base = c->out.data[i].data + offset,
                                                   .iov_len = c->out.data[i].size - offset};
    }
    do {
        n = sendmsg(c->fd, &message, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return n;
}

static void tell_drained(struct conn_uv *c)
{
    if (!c->above_high || c->queued > LG_CONN_LOW_BYTES)
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
    while (c->queued > 0 && !c->wants_out) {
        ssize_t n = budget == 0 ? 0 : write_some(c);

        if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
            end_by_errno(c, errno);
            return;
        }
        c->wants_out = n <= 0;
        if (n > 0) {
            bytes_sent(c, (size_t)n);
            budget -= LG_MIN(budget, (size_t)n);
        }
    }
    if (c->state == CLOSING && c->queued == 0 && !c->fin_sent)
        send_fin(c);
    tell_drained(c);
    update_events(c);
}

void lg_conn_uv_send(struct lg_conn *conn, struct lg_buf *take_bytes)
{
    struct conn_uv *c = (struct conn_uv *)conn;
    struct lg_buf *last;

    assert(lg_lane_is_current(conn->lane) && lg_buf_ok(take_bytes));
    if (c->state >= CLOSING || take_bytes->size == 0) {
        lg_buf_clear(take_bytes);
        return;
    }
    c->queued += take_bytes->size;
    last = c->out.size > c->out_first ? &c->out.data[c->out.size - 1] : NULL;
    if (take_bytes->size > SMALL_BYTES) {
        LG_VEC_PUSH(&c->out, *take_bytes);
        *take_bytes = (struct lg_buf){.ceiling = take_bytes->ceiling};
    } else {
        if (last == NULL || last->size + take_bytes->size > CHUNK_BYTES) {
            LG_VEC_PUSH(&c->out, c->spare);
            c->spare = (struct lg_buf){0};
            last = &c->out.data[c->out.size - 1];
        }
        lg_buf_append_slice(last, lg_buf_slice(take_bytes));
        lg_buf_clear(take_bytes);
    }
    if (c->queued > LG_CONN_HIGH_BYTES)
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
    lg_free(LG_TAKE(c->resolve));
    c->state = c->close_asked ? CLOSING : OPEN;
    c->to_open = !c->close_asked;
    mark_dirty(c);
    update_events(c);
}

static int socket_error(const struct conn_uv *c)
{
    int errnum = 0;
    socklen_t size = sizeof(errnum);

    return getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &errnum, &size) == 0 ? errnum : errno;
}

static void connect_ready(struct conn_uv *c)
{
    int errnum = socket_error(c);

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

    if (status != 0) {
        c->events = 0;
        events = UV_READABLE;
    }
    if (c->state == CONNECTING) {
        connect_ready(c);
        return;
    }
    if (status != 0 && (c->paused || (c->state == CLOSING && !c->fin_sent))) {
        int errnum = socket_error(c);

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
    return ((const struct conn_uv *)conn)->queued;
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

static void resolve_work(struct lg_offload *o)
{
    struct resolve *r = LG_CONTAINER_OF(o, struct resolve, offload);
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;

    r->failed = getaddrinfo(r->host, r->port, &hints, &found);
    if (r->failed != 0)
        return;
    for (struct addrinfo *a = found; a != NULL && r->n < ADDRESSES_MAX; a = a->ai_next) {
        memcpy(&r->address[r->n], a->ai_addr, a->ai_addrlen);
        r->size[r->n++] = a->ai_addrlen;
    }
    freeaddrinfo(found);
}

static void resolve_done(struct lg_offload *o)
{
    struct resolve *r = LG_CONTAINER_OF(o, struct resolve, offload);
    struct conn_uv *c = r->conn;

    if (c == NULL) {
        lg_free(r);
        return;
    }
    c->resolving = false;
    if (c->state == ENDED)
        return;
    if (r->failed != 0)
        end(c, LG_ERR_UNAVAILABLE, gai_strerror(r->failed));
    else
        connect_next(c);
}

struct lg_conn *lg_conn_uv_open(struct lg_hub_uv *hub, const char *host, uint16_t port,
                                const struct lg_conn_handler *handler, void *ctx)
{
    struct conn_uv *c = conn_new(hub, RESOLVING);
    struct resolve *r = lg_new(struct resolve);

    c->conn.handler = handler;
    c->conn.ctx = ctx;
    c->resolve = r;
    r->conn = c;
    (void)snprintf(c->conn.peer, sizeof(c->conn.peer), "%.50s:%u", host, port);
    if (lg_conn_uv_address(host, port, &r->address[0], &r->size[0])) {
        r->n = 1;
        connect_next(c);
    } else if (strlen(host) >= sizeof(r->host)) {
        end(c, LG_ERR_UNAVAILABLE, "the name of the host is too long");
    } else {
        (void)snprintf(r->host, sizeof(r->host), "%s", host);
        (void)snprintf(r->port, sizeof(r->port), "%u", port);
        r->offload.work = resolve_work;
        r->offload.done = resolve_done;
        c->resolving = true;
        lg_offload(hub->lane, &r->offload);
    }
    return &c->conn;
}

/* The owner may send and even close inside `accepted`: the descriptor is adopted afterwards. */
void lg_conn_uv_accept(struct lg_hub_uv *hub, int take_fd, const struct sockaddr_storage *peer,
                       void (*accepted)(void *ctx, struct lg_conn *c), void *ctx)
{
    struct conn_uv *c = conn_new(hub, OPEN);

    name_peer(c->conn.peer, sizeof(c->conn.peer), peer);
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
