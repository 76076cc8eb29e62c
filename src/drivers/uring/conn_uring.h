/* The inside of the transport on io_uring, shared by its files: hubs and listeners
 * (transport_uring.c), connections (conn_uring.c). Users see transport_uring.h.
 *
 * A hub is what the transport keeps per lane: the connections, those that have something to tell
 * their owner at the end of the turn (`dirty`), and sockets that want something of the kernel
 * (`wanting`), which are served behind all handlers, just before the lane enters the kernel. So a
 * handler is never called from inside a call into the transport, and nobody writes to a queue
 * between the request for its send and the kernel's answer to it.
 */
#ifndef LG_DRIVERS_URING_CONN_URING_H
#define LG_DRIVERS_URING_CONN_URING_H

#include <sys/socket.h>

#include "base/list.h"
#include "drivers/uring/turn_uring.h"
#include "net/transport.h"

struct lg_hub_uring { /* One per lane, which owns it. */
    struct lg_list link;
    struct lg_turn_uring turn;
    struct lg_transport *transport;
    struct lg_lane *lane;
    struct lg_ring *ring;
    struct lg_list conns, dirty; /* Of connections. */
    struct lg_list wanting;      /* Of sockets. */
    struct lg_list sending;      /* Of sockets: the kernel has been asked to send. */
    struct lg_list listeners;
    bool must_listen;       /* Of some listener nothing is armed. */
    uint64_t complained_us; /* When the lack of descriptors was last logged. */
};

/* The operations of the port. */
struct lg_conn *lg_conn_uring_open(struct lg_hub_uring *hub, const char *host, uint16_t port,
                                   const struct lg_conn_handler *handler, void *ctx);
void lg_conn_uring_send(struct lg_conn *conn, struct lg_buf *take_bytes);
size_t lg_conn_uring_queued(const struct lg_conn *conn);
void lg_conn_uring_pause(struct lg_conn *conn, bool paused);
void lg_conn_uring_close(struct lg_conn *conn, bool after_flush);

/* Makes a connection of an accepted descriptor, which moves in, and tells `accepted`. */
void lg_conn_uring_accept(struct lg_hub_uring *hub, int take_fd,
                          void (*accepted)(void *ctx, struct lg_conn *c), void *ctx);
/* Tells the owner of a connection, taken from hub->dirty, what there is to tell. */
void lg_conn_uring_serve(struct lg_list *dirty);
/* Asks the kernel for what a socket of hub->wanting needs, and takes it out; false: no room, it
 * stays. */
bool lg_conn_uring_ask(struct lg_list *wanting);
/* What was asked to be sent has been, as far as the kernel did not tell otherwise. */
void lg_conn_uring_sent(struct lg_hub_uring *hub);
/* Ends a connection of hub->conns and tells it `closed`, at once. Nothing is armed. */
void lg_conn_uring_drop(struct lg_list *link);

#endif
