/* Waits until every live router answers a version that is the current one. Runs on one lane.
 *
 *   LISTING (GET /list_routers) ─▶ ASKING each ─▶ finished
 *      ▲                              └─ one does not answer it yet, or none is live
 *      └── LOOKING (is it still the current one?) ◀── pause ◀┘
 */
#ifndef LG_PUSHJOB_CONFIRM_H
#define LG_PUSHJOB_CONFIRM_H

#include "api/api_client.h"

struct lg_confirm; /* Opaque. */

struct lg_confirm_options { /* All borrowed until `finished`. */
    struct lg_lane *lane;
    struct lg_http_client *http;
    struct lg_api_client *api;
    const char *store;
    int32_t version;
    uint64_t deadline_us; /* absolute lane time */
    uint64_t waited_ms;   /* how long that is for the user, for the sentence of LG_ERR_TIMEOUT */
    void (*progress)(void *ctx, uint64_t done, uint64_t total); /* routers; may cancel */
    /* Once. LG_ERR_TIMEOUT; LG_ERR_CONFLICT when the version was rolled back meanwhile. */
    void (*finished)(void *ctx, enum lg_rc rc, const struct lg_error *err);
    void *ctx;
};

struct lg_confirm *lg_confirm_start(const struct lg_confirm_options *options);
/* A wish: `finished` comes with LG_ERR_CANCELLED when what is under way has ended. */
void lg_confirm_cancel(struct lg_confirm *confirm);
/* After `finished`. NULL is allowed. */
void lg_confirm_free(struct lg_confirm *confirm);

#endif
