/* The reader: for each router and store one chain of reads, single and several keys, one after the
 * other, for ever. When the world is quiet it reads everything at once, until it is right. And
 * where there are read quotas, for each server a fast client, which reads from it what it holds. */
#include <stdio.h>

#include "base/str.h"
#include "net/http_client.h"
#include "sim/world.h"

#define PAUSE_MAX_US (150 * LG_MS)
#define DEADLINE_US (12 * LG_SEC)
#define SEVERAL_MAX 8
/* Where stores have read quotas: now and then it reads as much as it can. */
#define GREEDY_ONE_IN 60
#define GREEDY_MAX_US (3 * LG_SEC)
#define GREEDY_PAUSE_US (30 * LG_MS)

struct chain {
    struct lg_world_node *n;
    struct lg_world *w;
    struct lg_lane *lane;
    struct lg_http_client *http;
    unsigned router, store;
    struct lg_http_call call;
    struct lg_buf target, body;
    unsigned keys[LG_HISTORY_KEYS];
    size_t key_count;
    bool single, whole;
    uint64_t greedy_until_us;
    uint64_t begun_us;
    struct lg_timer pause;
};

static void read_next(struct chain *c);

static void pause_ended(struct lg_timer *timer)
{
    read_next(LG_CONTAINER_OF(timer, struct chain, pause));
}

static int32_t version_of(const struct chain *c, const struct lg_json *body)
{
    struct lg_slice text = lg_http_header(&c->call.response_headers, "X-LAGOON-VERSION");
    int64_t version = 0;

    if (!lg_parse_i64(text, 1, INT32_MAX, &version))
        return 0;
    if (!c->single && lg_json_get_int(body, "version", 0) != version)
        return 0;
    return (int32_t)version;
}

/* The whole store was read without a violation: is it the version that the controller names? */
static void judge_whole(struct chain *c, const struct lg_check_read *r)
{
    const struct lg_world_operator *o = &c->w->operators[c->store];
    char *reason = c->w->scan_reason[c->router][c->store];

    if (r->status != 200)
        (void)snprintf(reason, sizeof c->w->scan_reason[0][0], "status %d, %s", r->status,
                       r->reason);
    else
        (void)snprintf(reason, sizeof c->w->scan_reason[0][0], "it answers version %d", r->version);
    if (r->status == 200 && o->last_push_done && o->settled &&
        r->version == c->w->history.stores[c->store].current)
        c->w->scanned[c->router][c->store] = true;
}

static bool is_greedy(const struct chain *c)
{
    return !c->w->quiet && lg_lane_now_us(c->lane) < c->greedy_until_us;
}

static void get_greedy(struct chain *c)
{
    struct lg_rand *rand = &c->lane->rand;

    if (c->w->history.read_quotas && !is_greedy(c) && lg_rand_chance(rand, 1, GREEDY_ONE_IN))
        c->greedy_until_us = lg_lane_now_us(c->lane) + lg_rand_below(rand, GREEDY_MAX_US);
}

static void answered(struct lg_http_call *call)
{
    struct chain *c = LG_CONTAINER_OF(call, struct chain, call);
    LG_AUTO(lg_json) *body = NULL;
    LG_AUTO_STR char *text = NULL;
    struct lg_error err = {0};
    struct lg_check_read r = {.store = c->store,
                              .router = c->router,
                              .keys = c->keys,
                              .key_count = c->key_count,
                              .single = c->single,
                              .excused = c->begun_us < c->w->excused_until_us,
                              .begun_us = c->begun_us,
                              .answered_us = lg_lane_now_us(c->lane),
                              .calm_us = LG_MAX(c->w->excused_until_us, c->w->slow_until_us)};

    if (call->rc == LG_OK) {
        r.status = call->status;
        text = lg_strndup((const char *)call->response_body.data, call->response_body.size);
        if (lg_json_parse(lg_buf_slice(&call->response_body), &body, &err) == LG_OK)
            r.version = version_of(c, body);
    } else {
        text = lg_strdup(call->err.text);
    }
    r.body = body;
    r.reason = text;
    if (r.status == 404 && strcmp(lg_json_get_str(body, "code", ""), "ERR_NOT_FOUND") != 0)
        r.status = 503; /* The store, not the key. */
    lg_sim_trace(c->w->sim, "read", c->router, c->store, c->key_count, (uint64_t)r.status,
                 (uint64_t)r.version);
    lg_check_read(&c->w->history, &r);
    if (c->whole)
        judge_whole(c, &r);
    lg_http_call_done(call);
    lg_timer_start(c->lane, &c->pause,
                   1 + lg_rand_below(&c->lane->rand, is_greedy(c) ? GREEDY_PAUSE_US : PAUSE_MAX_US),
                   pause_ended);
}

static void choose_keys(struct chain *c)
{
    struct lg_rand *rand = &c->lane->rand;
    unsigned first = (unsigned)lg_rand_below(rand, LG_HISTORY_KEYS);
    size_t several_max = is_greedy(c) ? LG_HISTORY_KEYS : SEVERAL_MAX;

    c->whole = c->w->quiet;
    c->single = !c->whole && lg_rand_chance(rand, 1, 2);
    c->key_count = c->whole    ? LG_HISTORY_KEYS
                   : c->single ? 1
                               : 2 + (size_t)lg_rand_below(rand, several_max - 1);
    for (size_t i = 0; i < c->key_count; i++)
        c->keys[i] = (unsigned)((first + i * 7) % LG_HISTORY_KEYS);
}

static void read_next(struct chain *c)
{
    get_greedy(c);
    choose_keys(c);
    lg_buf_clear(&c->target);
    lg_buf_clear(&c->body);
    lg_buf_appendf(&c->target, "/v1/stores/%s", lg_history_store_name(c->store));
    if (c->single) {
        lg_buf_appendf(&c->target, "/%u", c->keys[0]);
    } else {
        lg_buf_append_str(&c->body, "{\"keys\":");
        for (size_t i = 0; i < c->key_count; i++)
            lg_buf_appendf(&c->body, "%s%u", i == 0 ? "[" : ",", c->keys[i]);
        lg_buf_append_str(&c->body, "]}");
    }
    c->begun_us = lg_lane_now_us(c->lane);
    c->call = (struct lg_http_call){
        .host = lg_world_node(c->w, LG_ROLE_ROUTER, c->router)->name,
        .port = LG_WORLD_ROUTER_PORT,
        .method = c->single ? LG_HTTP_GET : LG_HTTP_POST,
        .target = lg_buf_slice(&c->target),
        .body = lg_buf_slice(&c->body),
        .deadline_us = c->begun_us + DEADLINE_US,
        .done = answered,
    };
    lg_http_call_submit(c->http, &c->call);
}

/* --- Fast clients: for a while as fast as they can, and then they rest. -------------------------
 */

#define FAST_REST_US (8 * LG_SEC)
#define FAST_PAUSE_US (6 * LG_MS)

struct fast {
    struct lg_world *w;
    struct lg_lane *lane;
    struct lg_http_client *http;
    unsigned server;
    struct lg_http_call call;
    struct lg_buf target;
    int32_t version;
    uint64_t until_us, begun_us;
    struct lg_timer pause;
};

static void fast_read(struct fast *f);

static void fast_paused(struct lg_timer *timer)
{
    fast_read(LG_CONTAINER_OF(timer, struct fast, pause));
}

static void fast_rested(struct lg_timer *timer)
{
    struct fast *f = LG_CONTAINER_OF(timer, struct fast, pause);

    f->until_us = lg_lane_now_us(f->lane) + lg_rand_below(&f->lane->rand, GREEDY_MAX_US);
    fast_read(f);
}

static void fast_rest(struct fast *f)
{
    lg_timer_start(f->lane, &f->pause, 1 + lg_rand_below(&f->lane->rand, FAST_REST_US),
                   fast_rested);
}

static void fast_answered(struct lg_http_call *call)
{
    struct fast *f = LG_CONTAINER_OF(call, struct fast, call);
    struct lg_check_read r = {.store = LG_HISTORY_FAST,
                              .router = f->server,
                              .key_count = 1,
                              .single = true,
                              .begun_us = f->begun_us,
                              .answered_us = lg_lane_now_us(f->lane),
                              .calm_us = LG_MAX(f->w->excused_until_us, f->w->slow_until_us),
                              .status = call->rc == LG_OK ? call->status : 0,
                              .version = f->version};

    lg_sim_trace(f->w->sim, "fast_read", f->server, (uint64_t)r.version, (uint64_t)r.status);
    lg_check_server_read(&f->w->history, &r, lg_world_live(f->w));
    lg_http_call_done(call);
    if (r.status == 0)
        fast_rest(f);
    else
        lg_timer_start(f->lane, &f->pause, 1 + lg_rand_below(&f->lane->rand, FAST_PAUSE_US),
                       fast_paused);
}

/* One key of the current version, in a partition of which the server has said that it has all. */
static void fast_read(struct fast *f)
{
    const struct lg_history *h = &f->w->history;
    unsigned p = 0;

    f->version = h->stores[LG_HISTORY_FAST].current;
    while (p < LG_HISTORY_PARTITIONS &&
           (h->topics[LG_HISTORY_FAST][f->version].told[p] & 1u << f->server) == 0)
        p++;
    if (f->w->quiet)
        return; /* There are no quotas any more. */
    if (lg_lane_now_us(f->lane) >= f->until_us || p == LG_HISTORY_PARTITIONS) {
        fast_rest(f);
        return;
    }
    lg_buf_clear(&f->target);
    lg_buf_appendf(&f->target, "/storage/%s_v%d/%u/%%%02X", lg_history_store_name(LG_HISTORY_FAST),
                   f->version, p, (unsigned)lg_rand_below(&f->lane->rand, LG_HISTORY_KEYS) * 2);
    f->begun_us = lg_lane_now_us(f->lane);
    f->call = (struct lg_http_call){
        .host = lg_world_node(f->w, LG_ROLE_SERVER, f->server)->name,
        .port = LG_WORLD_SERVER_PORT,
        .method = LG_HTTP_GET,
        .target = lg_buf_slice(&f->target),
        .deadline_us = f->begun_us + DEADLINE_US,
        .done = fast_answered,
    };
    lg_http_call_submit(f->http, &f->call);
}

void lg_world_reader_main(void *ctx)
{
    struct lg_world_node *n = ctx;
    struct lg_lane *lane = lg_sim_lane_new(n->world->sim, n->node, n->name);
    struct lg_http_client *http = lg_http_client_new(lg_net_sim_transport(n->world->net), lane);

    for (unsigned r = 0; r < LG_WORLD_ROUTERS; r++)
        for (unsigned s = 0; s < LG_HISTORY_STORES; s++) {
            struct chain *c = lg_new(struct chain);

            c->n = n;
            c->w = n->world;
            c->lane = lane;
            c->http = http;
            c->router = r;
            c->store = s;
            read_next(c);
        }
    for (unsigned i = 0; i < LG_WORLD_SERVERS && n->world->history.read_quotas; i++) {
        struct fast *f = lg_new(struct fast);

        f->w = n->world;
        f->lane = lane;
        f->http = http;
        f->server = i;
        fast_rest(f);
    }
}
