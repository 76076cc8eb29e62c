#include "net/resolve.h"

#include <netdb.h>
#include <stdio.h>

#include "net/socket.h"

static void work(struct lg_offload *o)
{
    struct lg_resolve *r = LG_CONTAINER_OF(o, struct lg_resolve, offload);
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;

    r->failed = getaddrinfo(r->host, r->port, &hints, &found);
    if (r->failed != 0)
        return;
    for (struct addrinfo *a = found; a != NULL && r->n < LG_RESOLVE_ADDRESSES_MAX; a = a->ai_next) {
        if (a->ai_addrlen > sizeof(r->address[0]))
            continue;
        memcpy(&r->address[r->n], a->ai_addr, a->ai_addrlen);
        r->size[r->n++] = a->ai_addrlen;
    }
    freeaddrinfo(found);
}

static void worked(struct lg_offload *o)
{
    struct lg_resolve *r = LG_CONTAINER_OF(o, struct lg_resolve, offload);

    r->asking = false;
    if (r->done == NULL)
        lg_free(r);
    else
        r->done(r->ctx, r);
}

struct lg_resolve *lg_resolve_start(struct lg_lane *lane, const char *host, uint16_t port,
                                    void (*done)(void *ctx, struct lg_resolve *r), void *ctx)
{
    struct lg_resolve *r;

    if (strlen(host) >= LG_RESOLVE_HOST_BYTES_MAX)
        return NULL;
    r = lg_new(struct lg_resolve);
    r->done = done;
    r->ctx = ctx;
    if (lg_socket_address(host, port, &r->address[0], &r->size[0])) {
        r->n = 1;
        return r;
    }
    (void)snprintf(r->host, sizeof(r->host), "%s", host);
    (void)snprintf(r->port, sizeof(r->port), "%u", port);
    r->offload.work = work;
    r->offload.done = worked;
    r->asking = true;
    lg_offload(lane, &r->offload);
    return r;
}

void lg_resolve_drop(struct lg_resolve *r)
{
    if (r != NULL && r->asking)
        r->done = NULL;
    else
        lg_free(r);
}

const char *lg_resolve_fault(const struct lg_resolve *r)
{
    return r->failed != 0 ? gai_strerror(r->failed) : r->n == 0 ? "the host has no address" : "";
}
