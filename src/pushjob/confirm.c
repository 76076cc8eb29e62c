/* One question at a time: to the controller which routers are live, then to each of them. What is
 * live may change, so after a pause the list is asked for again. */
#include "pushjob/confirm.h"

#include "base/vec.h"

#define POLL_MS 100u
#define CALL_TIMEOUT_MS 30000u
#define ASK_TIMEOUT_MS 5000u
#define ROUTERS_MAX 1000u

struct lg_confirm {
    struct lg_confirm_options o;
    struct lg_api_call call;
    struct lg_http_call ask;
    char *host; /* that is asked */
    struct lg_buf target;
    struct lg_timer pause;
    LG_VEC(char *) routers;
    size_t confirmed; /* of these */
    bool cancelled;
};

static void list(struct lg_confirm *c);
static void ask_next(struct lg_confirm *c);

static void forget_routers(struct lg_confirm *c)
{
    for (size_t i = 0; i < c->routers.size; i++)
        lg_free(c->routers.data[i]);
    c->routers.size = 0;
    c->confirmed = 0;
}

/* True when it is over because of a failed call or a cancel; `call` may be NULL. */
static bool went_wrong(struct lg_confirm *c, const struct lg_api_call *call)
{
    struct lg_error err = {0};

    if (c->cancelled)
        (void)lg_error_set(&err, LG_ERR_CANCELLED, "it was cancelled");
    else if (call != NULL && call->rc != LG_OK)
        err = call->err;
    if (err.rc == LG_OK)
        return false;
    c->o.finished(c->o.ctx, err.rc, &err);
    return true;
}

static void submit(struct lg_confirm *c, enum lg_api_route route,
                   void (*done)(struct lg_api_call *))
{
    uint64_t soon = lg_lane_now_us(c->o.lane) + CALL_TIMEOUT_MS * LG_MS;

    c->call.route = route;
    c->call.deadline_us = LG_MIN(soon, c->o.deadline_us);
    c->call.done = done;
    lg_api_call_submit(c->o.api, &c->call);
}

/* The push's own deadline ended the call: what to tell is what was waited for, not the call. */
static bool ran_out(struct lg_confirm *c, const struct lg_api_call *call)
{
    return call->rc == LG_ERR_TIMEOUT && !c->cancelled &&
           lg_lane_now_us(c->o.lane) >= c->o.deadline_us;
}

static void store_known(struct lg_api_call *call)
{
    struct lg_confirm *c = LG_CONTAINER_OF(call, struct lg_confirm, call);
    int64_t current = lg_json_get_int(lg_json_get(call->answer, "store"), "currentVersion", 0);
    struct lg_error err;

    if (call->rc == LG_OK && current < c->o.version && !c->cancelled) {
        (void)lg_error_set(&err, LG_ERR_CONFLICT,
                           "version %d was complete and was rolled back before every router served "
                           "it: version %lld is current; `lagoon rollforward %s` switches to it",
                           c->o.version, (long long)current, c->o.store);
        c->o.finished(c->o.ctx, err.rc, &err);
        return;
    }
    list(c);
}

/* Before the routers are asked again: is there still something to wait for? */
static void pause_over(struct lg_timer *timer)
{
    struct lg_confirm *c = LG_CONTAINER_OF(timer, struct lg_confirm, pause);

    lg_api_call_done(&c->call);
    lg_api_call_param(&c->call, "store_name", c->o.store);
    submit(c, LG_API_store, store_known);
}

static void ask_again(struct lg_confirm *c)
{
    struct lg_error err;

    if (lg_lane_now_us(c->o.lane) < c->o.deadline_us) {
        lg_timer_start(c->o.lane, &c->pause, POLL_MS * LG_MS, pause_over);
        return;
    }
    (void)lg_error_set(&err, LG_ERR_TIMEOUT,
                       "version %d is not served after %llu s by every router, though it is the "
                       "current one",
                       c->o.version, (unsigned long long)(c->o.waited_ms / 1000));
    c->o.finished(c->o.ctx, err.rc, &err);
}

static void listed(struct lg_api_call *call)
{
    struct lg_confirm *c = LG_CONTAINER_OF(call, struct lg_confirm, call);
    const struct lg_json *routers;

    if (ran_out(c, call)) {
        ask_again(c);
        return;
    }
    if (went_wrong(c, call))
        return;
    forget_routers(c);
    routers = lg_json_get(call->answer, "routers");
    for (size_t i = 0; i < lg_json_size(routers) && i < ROUTERS_MAX; i++) {
        struct lg_slice url = lg_json_string(lg_json_at(routers, i));

        LG_VEC_PUSH(&c->routers, lg_strndup((const char *)url.data, url.size));
    }
    if (c->routers.size == 0) /* The version is current, but nobody could read it. */
        ask_again(c);
    else
        ask_next(c);
}

static void list(struct lg_confirm *c)
{
    lg_api_call_done(&c->call);
    submit(c, LG_API_list_routers, listed);
}

/* Does this router serve our version, or a newer one that was pushed meanwhile? */
static bool confirms(const struct lg_confirm *c, const struct lg_http_call *answer)
{
    LG_AUTO(lg_json) *json = NULL;
    struct lg_error err;

    return answer->rc == LG_OK && answer->status == 200 &&
           lg_json_parse(lg_buf_slice(&answer->response_body), &json, &err) == LG_OK &&
           lg_json_get_int(json, "currentVersion", 0) >= c->o.version;
}

static void answered(struct lg_http_call *answer)
{
    struct lg_confirm *c = LG_CONTAINER_OF(answer, struct lg_confirm, ask);

    if (went_wrong(c, NULL))
        return;
    if (!confirms(c, answer)) { /* Ask again, all of those that are live by then. */
        ask_again(c);
        return;
    }
    c->confirmed++;
    c->o.progress(c->o.ctx, c->confirmed, c->routers.size);
    if (c->confirmed < c->routers.size)
        ask_next(c);
    else if (!went_wrong(c, NULL))
        c->o.finished(c->o.ctx, LG_OK, NULL);
}

static void ask_next(struct lg_confirm *c)
{
    const char *url = c->routers.data[c->confirmed];
    struct lg_error err;
    char *host;
    uint16_t port;

    if (lg_http_parse_url(lg_slice_str(url), &host, &port, &err) != LG_OK) {
        c->o.finished(c->o.ctx, err.rc, &err);
        return;
    }
    lg_http_call_done(&c->ask);
    lg_free(c->host);
    c->host = host;
    lg_buf_clear(&c->target);
    lg_buf_appendf(&c->target, "/current_version/%s", c->o.store);
    c->ask = (struct lg_http_call){
        .host = host,
        .port = port,
        .method = LG_HTTP_GET,
        .target = lg_buf_slice(&c->target),
        .deadline_us = lg_lane_now_us(c->o.lane) + ASK_TIMEOUT_MS * LG_MS,
        .done = answered,
    };
    lg_http_call_submit(c->o.http, &c->ask);
}

struct lg_confirm *lg_confirm_start(const struct lg_confirm_options *options)
{
    struct lg_confirm *c = lg_new(struct lg_confirm);

    c->o = *options;
    list(c);
    return c;
}

void lg_confirm_cancel(struct lg_confirm *c)
{
    c->cancelled = true;
}

void lg_confirm_free(struct lg_confirm *c)
{
    if (c == NULL)
        return;
    lg_api_call_done(&c->call);
    lg_http_call_done(&c->ask);
    forget_routers(c);
    LG_VEC_DONE(&c->routers);
    lg_buf_done(&c->target);
    lg_free(c->host);
    lg_free(c);
}
