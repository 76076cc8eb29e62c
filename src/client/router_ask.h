/* One GET of a router's metadata, tried over the routers until one answers: at most
 * LG_ROUTER_ASK_TRIES times, LG_ROUTER_ASK_TRY_US each, with a pause between them, as Venice's
 * thin client does at its start.
 *
 * Owned by the client's lane. The struct is the caller's and must live until `done`, which comes
 * once, never from inside submit.
 */
#ifndef LG_CLIENT_ROUTER_ASK_H
#define LG_CLIENT_ROUTER_ASK_H

#include "client/routers.h"
#include "net/http_client.h"

#define LG_ROUTER_ASK_TRIES 10u
#define LG_ROUTER_ASK_TRY_US (1 * LG_SEC)
#define LG_ROUTER_ASK_PAUSE_US (50 * LG_MS)
#define LG_ROUTER_ASK_BYTES_MAX ((size_t)64 << 20)

struct lg_router_ask {
    /* What the caller fills; borrowed until done. */
    struct lg_http_client *http;
    struct lg_lane *lane;
    struct lg_routers *routers;
    struct lg_slice target;
    void (*done)(struct lg_router_ask *ask);

    /* LG_OK: call.status is 200 and call.response_body the answer, until lg_router_ask_done. Else
     * why: LG_ERR_NOT_FOUND for 404, LG_ERR_CANCELLED, or what the last try said. */
    enum lg_rc rc;
    struct lg_error err;
    struct lg_http_call call;

    /* router_ask.c only. */
    struct lg_host *host;
    const struct lg_host *tried[LG_ROUTER_ASK_TRIES];
    unsigned tries, round; /* in all; since every router was tried */
    struct lg_timer pause;
    bool is_open, is_calling, is_cancelled;
};

void lg_router_ask_submit(struct lg_router_ask *ask);
/* A wish; `done` still comes, not from inside. Does nothing when it has come. */
void lg_router_ask_cancel(struct lg_router_ask *ask);
/* Frees the answer; the struct may be submitted again. */
void lg_router_ask_done(struct lg_router_ask *ask);

#endif
