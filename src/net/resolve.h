/* The addresses of a host: an address is its own, a name is asked for on the pool.
 *
 * One lookup per connection that is opened; it belongs to the lane that began it, and while it is
 * asked for, shared with a thread of the pool.
 */
#ifndef LG_NET_RESOLVE_H
#define LG_NET_RESOLVE_H

#include <sys/socket.h>

#include "lane/lane.h"

#define LG_RESOLVE_ADDRESSES_MAX 8
#define LG_RESOLVE_HOST_BYTES_MAX 256 /* with its NUL */

struct lg_resolve {
    struct lg_offload offload;
    /* On the lane, once, never from inside lg_resolve_start. Owner: see lg_resolve_drop. */
    void (*done)(void *ctx, struct lg_resolve *r);
    void *ctx;
    bool asking; /* `done` is still to come. */
    char host[LG_RESOLVE_HOST_BYTES_MAX];
    char port[8];
    int failed; /* Of getaddrinfo; 0: none. */
    size_t n;   /* addresses; may be 0 without a failure */
    struct sockaddr_storage address[LG_RESOLVE_ADDRESSES_MAX];
    socklen_t size[LG_RESOLVE_ADDRESSES_MAX];
};

/* A lookup that knows the address already (`asking` false), or asks the lane's pool and calls
 * `done`. NULL: the name is too long to be one. */
struct lg_resolve *lg_resolve_start(struct lg_lane *lane, const char *host, uint16_t port,
                                    void (*done)(void *ctx, struct lg_resolve *r), void *ctx);
/* Frees it, or lets it free itself once the pool has let go of it: `done` does not come then. NULL
 * is allowed. */
void lg_resolve_drop(struct lg_resolve *r);
/* Why there is no address, for messages; "" when there is one. */
const char *lg_resolve_fault(const struct lg_resolve *r);

#endif
