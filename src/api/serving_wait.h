/* Waits until every live router serves a version of a store: what the end of a push, a rollback, a
 * roll-forward and a swap have in common, so that a read right after them sees it.
 *
 *     LISTING routers ─▶ ASKING each what it serves ─▶ all serve it: done
 *        ▲   └─ none, or one serves another: PAUSE ─▶ LOOKING: is it still current? ─┐
 *        └────────────────────────────────────────────────────────────────────────────┘
 *
 * Runs on one lane; one operation is one struct of the caller's, alive until `done`, which comes
 * exactly once and never from inside start.
 */
#ifndef LG_API_SERVING_WAIT_H
#define LG_API_SERVING_WAIT_H

#include "api/api_client.h"
#include "base/vec.h"

#define LG_SERVING_WAIT_ROUTERS_MAX 1000u
#define LG_SERVING_WAIT_PAUSE_MS 100u

struct lg_serving_wait {
    /* What the caller fills; borrowed until done. */
    struct lg_lane *lane;
    struct lg_http_client *http;
    struct lg_api_client *api;
    const char *store;
    int32_t version;
    bool or_newer;        /* a newer version confirms, too: somebody pushed meanwhile */
    bool needs_router;    /* wait for one when there is none; else that is success */
    uint64_t deadline_us; /* absolute lane time */
    void (*progress)(struct lg_serving_wait *wait); /* a router confirmed. May be NULL. */
    void (*done)(struct lg_serving_wait *wait);
    void *user; /* the caller's */

    /* LG_OK; LG_ERR_CONFLICT when another version became current meanwhile; LG_ERR_TIMEOUT, naming
     * the router that lags; LG_ERR_CANCELLED; or why the controller cannot be asked. */
    enum lg_rc rc;
    struct lg_error err;
    size_t confirmed, router_count; /* of this round */

    /* serving_wait.c only. */
    struct lg_api_call call;
    struct lg_http_call ask;
    struct lg_timer pause;
    struct lg_task ended;
    struct lg_buf target;
    char *host;
    char *lagging; /* which router said what, last */
    LG_VEC(char *) routers;
    bool cancelled;
};

void lg_serving_wait_start(struct lg_serving_wait *wait);
/* A wish: `done` comes with LG_ERR_CANCELLED, unless it was about to come anyway. */
void lg_serving_wait_cancel(struct lg_serving_wait *wait);
/* After `done`, or of a {0}: gives back what it holds. */
void lg_serving_wait_done(struct lg_serving_wait *wait);

#endif
