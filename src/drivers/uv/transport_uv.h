/* The transport port on TCP sockets of this machine: own non-blocking descriptors under uv_poll, on
 * the loops of libuv lanes (lane_uv.h).
 *
 * What a lane's connections wrote during a turn goes out before the loop waits again, in as few
 * system calls as possible. A closed half is a closed connection.
 *
 * Owner: the composition root. One transport serves all lanes; a listener or connection belongs to
 * its lane.
 */
#ifndef LG_DRIVERS_UV_TRANSPORT_UV_H
#define LG_DRIVERS_UV_TRANSPORT_UV_H

#include "net/transport.h"

struct lg_transport *lg_transport_uv_new(void);
/* Closes what is still open: connections get their `closed` (LG_ERR_CANCELLED) inside this call. No
 * lane may run any more, and all must still exist; free them afterwards. NULL is allowed. */
void lg_transport_uv_free(struct lg_transport *transport);

#endif
