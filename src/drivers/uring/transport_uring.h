/* The transport port on TCP sockets of this machine, for lanes on io_uring (lane_uring.h).
 *
 * What a lane's connections wrote during a turn is asked for as one send per connection and goes to
 * the kernel with everything else of the turn, in one system call. A closed half is a closed
 * connection.
 *
 * Owner: the composition root. One transport serves all lanes; a listener or connection belongs to
 * its lane.
 */
#ifndef LG_DRIVERS_URING_TRANSPORT_URING_H
#define LG_DRIVERS_URING_TRANSPORT_URING_H

#include "net/transport.h"

/* `others` gets what is asked for on lanes of other drivers; borrowed, lives longer. NULL: there
 * are none. An address is shared between lanes of one driver only. */
struct lg_transport *lg_transport_uring_new(struct lg_transport *others);
/* Closes what is still open: connections get their `closed` (LG_ERR_CANCELLED) inside this call. No
 * lane may run any more, and all must still exist; free them afterwards. NULL is allowed. */
void lg_transport_uring_free(struct lg_transport *transport);

#endif
