#include "test/lib/stack_rig.h"

#include "base/str.h"

/* --- Storage nodes by script. ------------------------------------------------------------------
 */

static void keep(char *out, size_t size, struct lg_slice s)
{
    assert_true(s.size < size);
    memcpy(out, s.data == NULL ? (const uint8_t *)"" : s.data, s.size);
    out[s.size] = 0;
}

void stack_meet_many(struct stack_rig *r)
{
    for (uint32_t i = 0; i < 2 * LG_HOSTS_MAX; i++)
        (void)lg_host_table_get(r->hosts, "pod", (uint16_t)i);
}

static void handle(void *ctx, struct lg_http_request *rq)
{
    struct stack_node *n = ctx;
    struct lg_http_header headers[4];
    size_t header_count = 0;
    bool is_dictionary = lg_slice_starts(rq->target, LG_LIT("/dictionary/"));
    LG_SCOPED(lg_buf) body = {0};

    n->asked++;
    n->retries += lg_slice_eq_str(lg_http_header(&rq->headers, "X-VENICE-RETRY"), "1");
    n->method = rq->method;
    keep(n->target, sizeof n->target, rq->target);
    keep(n->version, sizeof n->version, lg_http_header(&rq->headers, "X-VENICE-API-VERSION"));
    lg_buf_clear(&n->body);
    lg_buf_append_slice(&n->body, rq->body);
    if (is_dictionary)
        stack_meet_many(n->rig);
    if (n->script.silent || is_dictionary) {
        n->held = rq;
        return;
    }
    if (n->packs || n->script.schema_id != NULL)
        headers[header_count++] = (struct lg_http_header){LG_LIT("X-VENICE-SCHEMA-ID"),
                                                          lg_slice_str(n->script.schema_id)};
    if (n->packs)
        headers[header_count++] =
            (struct lg_http_header){LG_LIT("X-VENICE-COMPRESSION-STRATEGY"), LG_LIT("3")};
    if (n->retry_after != NULL)
        headers[header_count++] =
            (struct lg_http_header){LG_LIT("Retry-After"), lg_slice_str(n->retry_after)};
    if (n->gzip.size > 0)
        headers[header_count++] =
            (struct lg_http_header){LG_LIT("X-VENICE-COMPRESSION-STRATEGY"), LG_LIT("1")};
    assert_true(lg_hex_decode(&body, lg_slice_str(n->script.body_hex)));
    lg_buf_append_slice(&body, n->gzip);
    lg_http_respond(rq, &(struct lg_http_response){.status = n->script.status,
                                                   .headers = headers,
                                                   .header_count = header_count,
                                                   .body = lg_buf_slice(&body)});
}

static size_t ready(void *ctx, const char *topic, uint32_t partition,
                    struct lg_host *out[LG_REPLICAS_MAX])
{
    const struct stack_rig *r = ctx;
    size_t n = 0;

    assert_string_equal(topic, "cities_v3");
    for (size_t i = 0; i < STACK_NODES; i++)
        if (r->holds[i] && !r->lacks[i][partition])
            out[n++] = r->host[i];
    return n;
}

static void node_up(struct stack_rig *r, size_t i)
{
    struct lg_http_server_options o = {.transport = lg_net_sim_transport(r->net),
                                       .lane = r->lane,
                                       .host = "world",
                                       .port = (uint16_t)(STACK_PORT + i),
                                       .handler = handle,
                                       .ctx = &r->node[i]};
    struct lg_error err = {0};

    assert_ok(lg_http_server_start(&o, &r->node[i].http, &err));
}

int stack_rig_up(void **state)
{
    struct stack_rig *r = lg_new(struct stack_rig);

    r->sim = lg_sim_new(5);
    r->net = lg_net_sim_new(r->sim);
    r->lane = lg_sim_lane_new(r->sim, NULL, "lane");
    r->hosts = lg_host_table_new();
    r->holds[0] = true;
    for (size_t i = 0; i < STACK_NODES; i++) {
        r->host[i] = lg_host_table_get(r->hosts, "world", (uint16_t)(STACK_PORT + i));
        node_up(r, i);
        r->node[i].rig = r;
    }
    r->stack =
        lg_fetch_stack_new(&(struct lg_fetch_options){.lane = r->lane,
                                                      .transport = lg_net_sim_transport(r->net),
                                                      .hosts = r->hosts,
                                                      .source = {.ready = ready, .ctx = r}});
    *state = r;
    return 0;
}

static void nothing(void *ctx)
{
    (void)ctx;
}

static void stack_stopped(void *ctx)
{
    ((struct stack_rig *)ctx)->stopped = true;
}

void stack_stop(struct stack_rig *r)
{
    lg_fetch_stack_stop(LG_TAKE(r->stack), stack_stopped, r);
    assert_false(r->stopped);
    lg_sim_run_us(r->sim, 2 * LG_SEC);
    assert_true(r->stopped);
}

int stack_rig_down(void **state)
{
    struct stack_rig *r = *state;

    if (r->stack != NULL)
        stack_stop(r);
    for (size_t i = 0; i < STACK_NODES; i++) {
        if (r->node[i].held != NULL)
            lg_http_respond_text(r->node[i].held, 200, "late");
        lg_http_server_stop(r->node[i].http, 0, nothing, NULL);
        lg_buf_done(&r->node[i].body);
    }
    lg_sim_run_us(r->sim, LG_SEC);
    lg_arena_free(r->read.arena);
    lg_host_table_free(r->hosts);
    lg_sim_free(r->sim);
    lg_net_sim_free(r->net);
    lg_free(r);
    return 0;
}

/* --- One read. ---------------------------------------------------------------------------------
 */

static void settled(struct lg_read *read)
{
    LG_CONTAINER_OF(read, struct stack_rig, read)->settled++;
}

static bool is_settled(void *ctx)
{
    return ((struct stack_rig *)ctx)->settled > 0;
}

void stack_begin_keys(struct stack_rig *r, const struct lg_slice *keys, size_t count)
{
    lg_arena_free(r->read.arena);
    memset(&r->read, 0, sizeof r->read);
    memset(r->keys, 0, sizeof r->keys);
    for (size_t i = 0; i < count; i++) {
        r->keys[i].key = keys[i];
        r->keys[i].partition = r->spread ? 8 - (uint32_t)i : 8;
        r->keys[i].index = (uint32_t)i;
        r->pointers[i] = &r->keys[i];
    }
    r->read.topic = "cities_v3";
    r->read.keys = r->pointers;
    r->read.key_count = count;
    r->read.single = count == 1;
    r->read.arena = lg_arena_new(0);
    r->read.deadline_us = lg_lane_now_us(r->lane) + LG_SEC;
    r->read.done = settled;
    r->settled = 0;
    lg_layer_submit(lg_fetch_stack_top(r->stack), &r->read);
    assert_int_equal(r->settled, 0);
}

void stack_read_keys(struct stack_rig *r, const struct lg_slice *keys, size_t count)
{
    stack_begin_keys(r, keys, count);
    assert_true(lg_sim_run_until(r->sim, is_settled, r, 10 * LG_SEC));
    lg_sim_run_us(r->sim, LG_SEC / 10);
    assert_int_equal(r->settled, 1);
}

const struct lg_slice stack_two_keys[2] = {{(const uint8_t *)"\x02"
                                                             "a",
                                            2},
                                           {(const uint8_t *)"\x08"
                                                             "key1",
                                            5}};

void stack_read_one(struct stack_rig *r)
{
    stack_read_keys(r, stack_two_keys + 1, 1);
}

void stack_read_two(struct stack_rig *r)
{
    stack_read_keys(r, stack_two_keys, 2);
}

void stack_has_value(const struct stack_rig *r, size_t i, const char *hex, int32_t schema_id)
{
    LG_SCOPED(lg_buf) want = {0};

    assert_true(lg_hex_decode(&want, lg_slice_str(hex)));
    assert_rc(LG_OK, r->keys[i].rc);
    assert_int_equal(r->keys[i].schema_id, schema_id);
    assert_slice_equal(r->keys[i].value, lg_buf_slice(&want));
}
