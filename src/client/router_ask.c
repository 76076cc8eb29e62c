/*     ASKING ──answer that nobody else would better──▶ done
 *       ▲  │
 *       │  └─ unreachable, silent, 503 ─▶ PAUSING ─┐
 *       └──────────── tries left ──────────────────┘
 */
#include "client/router_ask.h"

#include "client/answer.h"

static void send(struct lg_router_ask *ask);

static void settle(struct lg_router_ask *ask)
{
    ask->is_open = false;
    ask->done(ask);
}

static void pause_ended(struct lg_timer *timer)
{
    struct lg_router_ask *ask = LG_CONTAINER_OF(timer, struct lg_router_ask, pause);

    if (!ask->is_cancelled) {
        send(ask);
        return;
    }
    ask->rc = lg_error_set(&ask->err, LG_ERR_CANCELLED, "the client was closed");
    settle(ask);
}

static void answered(struct lg_http_call *call)
{
    struct lg_router_ask *ask = LG_CONTAINER_OF(call, struct lg_router_ask, call);

    ask->is_calling = false;
    ask->rc = lg_answer_status(call, ask->host->name, &ask->err);
    if (call->rc != LG_ERR_CANCELLED)
        lg_host_answered(ask->host, lg_rc_retry(ask->rc) != LG_RETRY_ELSEWHERE,
                         lg_lane_now_us(ask->lane));
    else
        lg_host_answered(ask->host, true, lg_lane_now_us(ask->lane));
    if (lg_rc_retry(ask->rc) != LG_RETRY_ELSEWHERE || ask->tries == LG_ROUTER_ASK_TRIES ||
        ask->is_cancelled) {
        settle(ask);
        return;
    }
    lg_http_call_done(call);
    lg_timer_start(ask->lane, &ask->pause, LG_ROUTER_ASK_PAUSE_US, pause_ended);
}

static void send(struct lg_router_ask *ask)
{
    uint64_t now_us = lg_lane_now_us(ask->lane);

    ask->host = lg_routers_pick(ask->routers, ask->tried, ask->round, now_us);
    if (ask->host == NULL) { /* Once more from the beginning. */
        ask->round = 0;
        ask->host = lg_routers_pick(ask->routers, NULL, 0, now_us);
    }
    ask->tried[ask->round++] = ask->host;
    ask->tries++;
    ask->call = (struct lg_http_call){.host = ask->host->address,
                                      .port = ask->host->port,
                                      .method = LG_HTTP_GET,
                                      .target = ask->target,
                                      .deadline_us = now_us + LG_ROUTER_ASK_TRY_US,
                                      .response_bytes_max = LG_ROUTER_ASK_BYTES_MAX,
                                      .done = answered};
    ask->is_calling = true;
    lg_host_sent(ask->routers->hosts, ask->host);
    lg_http_call_submit(ask->http, &ask->call);
}

void lg_router_ask_submit(struct lg_router_ask *ask)
{
    assert(!ask->is_open);
    ask->tries = ask->round = 0;
    ask->is_open = true;
    ask->is_cancelled = false;
    send(ask);
}

void lg_router_ask_cancel(struct lg_router_ask *ask)
{
    if (!ask->is_open || ask->is_cancelled)
        return;
    ask->is_cancelled = true;
    if (ask->is_calling)
        lg_http_call_cancel(&ask->call);
    else /* It pauses: the pause ends now. */
        lg_timer_start(ask->lane, &ask->pause, 0, pause_ended);
}

void lg_router_ask_done(struct lg_router_ask *ask)
{
    assert(!ask->is_open);
    lg_http_call_done(&ask->call);
}
