/* The inside of the transport on sockets, shared by its files: hubs and listeners (transport_uv.c),
 * connections (conn_uv.c). Users see transport_uv.h.
 *
 * A hub is what the transport keeps per lane: a read buffer, the connections, and the list of those
 * that have something to do at the end of the turn (flush, tell `opened`, tell `closed`), which a
 * uv_prepare handle serves, just before the loop waits. So a handler is never called from inside a
 * call into the transport.
 */
#ifndef LG_DRIVERS_UV_CONN_UV_H
#define LG_DRIVERS_UV_CONN_UV_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <uv.h>

#include "base/list.h"
#include "net/transport.h"

#define LG_CONN_UV_READ_BYTES ((size_t)64 << 10)

struct lg_hub_uv { /* One per lane, which owns it. */
    struct lg_list link;
    struct lg_transport *transport;
    struct lg_lane *lane;
    uv_loop_t *loop;
    uv_prepare_t turn_end;
    uv_idle_t hurry; /* Active when dirty connections must not wait for the sockets. */
    unsigned handles_open;
    struct lg_list conns, listeners, dirty;
    uint64_t complained_us; /* When the lack of descriptors was last logged. */
    uint8_t read_buffer[LG_CONN_UV_READ_BYTES];
};

/* The operations of the port. */
struct lg_conn *lg_conn_uv_open(struct lg_hub_uv *hub, const char *host, uint16_t port,
                                const struct lg_conn_handler *handler, void *ctx);
void lg_conn_uv_send(struct lg_conn *conn, struct lg_buf *take_bytes);
size_t lg_conn_uv_queued(const struct lg_conn *conn);
void lg_conn_uv_pause(struct lg_conn *conn, bool paused);
void lg_conn_uv_close(struct lg_conn *conn, bool after_flush);

/* Makes a connection of an accepted descriptor, which moves in, and tells `accepted`. */
void lg_conn_uv_accept(struct lg_hub_uv *hub, int take_fd, const struct sockaddr_storage *peer,
                       void (*accepted)(void *ctx, struct lg_conn *c), void *ctx);
/* Does what a connection, taken from hub->dirty, has to do at the end of the turn. */
void lg_conn_uv_serve(struct lg_list *dirty);
/* Ends a connection of hub->conns and tells it `closed`, at once. */
void lg_conn_uv_drop(struct lg_list *link);

#endif
