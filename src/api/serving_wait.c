/* Asks routers, one after the other and round after round, until all of them serve a version. */
#include "api/serving_wait.h"

#include "base/str.h"

#define ASK_TIMEOUT_US (5 * LG_SEC)
#define CALL_TIMEOUT_US (30 * LG_SEC)

static void list(struct lg_serving_wait *w);
static void ask_next(struct lg_serving_wait *w);

static void ended(struct lg_task *task)
{
    struct lg_serving_wait *w = LG_CONTAINER_OF(task, struct lg_serving_wait, ended);

    w->done(w);
}

static void end(struct lg_serving_wait *w, enum lg_rc rc, const struct lg_error *err)
{
    lg_timer_stop(w->lane, &w->pause);
    w->rc = rc;
    if (rc != LG_OK)
        w->err = *err;
    w->ended.run = ended;
    lg_lane_post(w->lane, &w->ended);
}

/* True when it was cancelled or its time is over: then it is on its way to its end. */
static bool is_over(struct lg_serving_wait *w)
{
    struct lg_error err;

    if (w->cancelled)
        (void)lg_error_set(&err, LG_ERR_CANCELLED, "waiting for the routers was cancelled");
    else if (lg_lane_now_us(w->lane) >= w->deadline_us)
        (void)lg_error_set(&err, LG_ERR_TIMEOUT,
                           "version %d of store '%s' is the current one, but not every router "
                           "serves it yet: %s; it will once each partition has a live replica",
                           w->version, w->store,
                           w->lagging == NULL ? "no router is live" : w->lagging);
    else
        return false;
    end(w, err.rc, &err);
    return true;
}

static void call(struct lg_serving_wait *w, enum lg_api_route route,
                 void (*done)(struct lg_api_call *))
{
    w->call.route = route;
    w->call.deadline_us = LG_MIN(lg_lane_now_us(w->lane) + CALL_TIMEOUT_US, w->deadline_us);
    w->call.done = done;
    lg_api_call_submit(w->api, &w->call);
}

/* True when the controller could not be asked and the operation is on its way to its end. */
static bool call_failed(struct lg_serving_wait *w)
{
    if (is_over(w)) /* What it waited for says more than that a call ran out of time. */
        return true;
    if (w->call.rc == LG_OK)
        return false;
    end(w, w->call.rc, &w->call.err);
    return true;
}

/* --- Is it still worth waiting? ----------------------------------------------------------------
 */

static void looked(struct lg_api_call *answer)
{
    struct lg_serving_wait *w = LG_CONTAINER_OF(answer, struct lg_serving_wait, call);
    int64_t current;
    struct lg_error err;

    if (call_failed(w))
        return;
    current = lg_json_get_int(lg_json_get(answer->answer, "store"), "currentVersion", 0);
    if (current == w->version || (w->or_newer && current > w->version)) {
        list(w);
        return;
    }
    if (w->or_newer)
        (void)lg_error_set(&err, LG_ERR_CONFLICT,
                           "version %d was complete and was rolled back before every router served "
                           "it: version %lld is current; `lagoon rollforward %s` switches to it",
                           w->version, (long long)current, w->store);
    else
        (void)lg_error_set(&err, LG_ERR_CONFLICT,
                           "version %d of store '%s' was current for a moment: somebody else made "
                           "version %lld current before every router served it",
                           w->version, w->store, (long long)current);
    end(w, err.rc, &err);
}

static void paused(struct lg_timer *timer)
{
    struct lg_serving_wait *w = LG_CONTAINER_OF(timer, struct lg_serving_wait, pause);

    lg_api_call_done(&w->call);
    lg_api_call_param(&w->call, "store_name", w->store);
    call(w, LG_API_store, looked);
}

static void again(struct lg_serving_wait *w)
{
    if (!is_over(w))
        lg_timer_start(w->lane, &w->pause, LG_SERVING_WAIT_PAUSE_MS * LG_MS, paused);
}

/* --- The routers. ------------------------------------------------------------------------------
 */

static void forget_routers(struct lg_serving_wait *w)
{
    for (size_t i = 0; i < w->routers.size; i++)
        lg_free(w->routers.data[i]);
    w->routers.size = 0;
    w->confirmed = 0;
}

static void note(struct lg_serving_wait *w, char *take_text)
{
    lg_free(w->lagging);
    w->lagging = take_text;
}

/* Does this router serve the version? Else it is noted what it says. */
static bool confirms(struct lg_serving_wait *w, const char *url)
{
    const struct lg_http_call *a = &w->ask;
    LG_AUTO(lg_json) *json = NULL;
    struct lg_error ignored;
    int64_t served = -1;

    if (a->rc != LG_OK) {
        note(w, lg_strf("%s does not answer (%s)", url, a->err.text));
        return false;
    }
    if (a->status == 200 &&
        lg_json_parse(lg_buf_slice(&a->response_body), &json, &ignored) == LG_OK)
        served = lg_json_get_int(json, "currentVersion", -1);
    if (served == w->version || (w->or_newer && served > w->version))
        return true;
    if (served >= 0)
        note(w, lg_strf("%s serves version %lld", url, (long long)served));
    else
        note(w, lg_strf("%s answers with status %d", url, a->status));
    return false;
}

static void router_answered(struct lg_http_call *answer)
{
    struct lg_serving_wait *w = LG_CONTAINER_OF(answer, struct lg_serving_wait, ask);

    if (w->cancelled) {
        (void)is_over(w);
        return;
    }
    if (!confirms(w, w->routers.data[w->confirmed])) {
        again(w); /* All of those that are live by then. */
        return;
    }
    w->confirmed++;
    if (w->progress != NULL)
        w->progress(w);
    if (w->confirmed < w->routers.size)
        ask_next(w);
    else
        end(w, LG_OK, NULL);
}

static void forget_ask(struct lg_serving_wait *w)
{
    lg_http_call_done(&w->ask);
    lg_free(w->host);
    w->host = NULL;
}

static void ask_next(struct lg_serving_wait *w)
{
    const char *url = w->routers.data[w->confirmed];
    struct lg_error err;
    uint16_t port;

    forget_ask(w);
    if (lg_http_parse_url(lg_slice_str(url), &w->host, &port, &err) != LG_OK) {
        end(w, err.rc, &err);
        return;
    }
    lg_buf_clear(&w->target);
    lg_buf_appendf(&w->target, "/current_version/%s", w->store);
    w->ask = (struct lg_http_call){
        .host = w->host,
        .port = port,
        .method = LG_HTTP_GET,
        .target = lg_buf_slice(&w->target),
        .deadline_us = lg_lane_now_us(w->lane) + ASK_TIMEOUT_US,
        .done = router_answered,
    };
    lg_http_call_submit(w->http, &w->ask);
}

static void listed(struct lg_api_call *answer)
{
    struct lg_serving_wait *w = LG_CONTAINER_OF(answer, struct lg_serving_wait, call);
    const struct lg_json *routers;

    if (call_failed(w))
        return;
    forget_routers(w);
    routers = lg_json_get(answer->answer, "routers");
    for (size_t i = 0; i < lg_json_size(routers) && i < LG_SERVING_WAIT_ROUTERS_MAX; i++) {
        struct lg_slice url = lg_json_string(lg_json_at(routers, i));

        LG_VEC_PUSH(&w->routers, lg_strndup((const char *)url.data, url.size));
    }
    w->router_count = w->routers.size;
    if (w->routers.size > 0)
        ask_next(w);
    else if (w->needs_router) /* The version is current, but nobody could read it. */
        again(w);
    else
        end(w, LG_OK, NULL);
}

static void list(struct lg_serving_wait *w)
{
    lg_api_call_done(&w->call);
    call(w, LG_API_list_routers, listed);
}

void lg_serving_wait_start(struct lg_serving_wait *w)
{
    w->rc = LG_OK;
    list(w);
}

void lg_serving_wait_cancel(struct lg_serving_wait *w)
{
    w->cancelled = true;
}

void lg_serving_wait_done(struct lg_serving_wait *w)
{
    lg_api_call_done(&w->call);
    forget_ask(w);
    forget_routers(w);
    LG_VEC_DONE(&w->routers);
    note(w, NULL);
    lg_buf_done(&w->target);
}
