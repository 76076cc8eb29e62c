/* The router's stack: nothing but the list of its layers. */
#include "fetch/layers.h"

struct lg_fetch_stack {
    struct lg_fetch_counters counters;
    struct lg_http_client *client;
    struct lg_task end;
    void (*stopped)(void *ctx);
    void *stopped_ctx;
    /* Top to bottom: what a read passes through. */
    struct lg_meter_layer meter;
    struct lg_limit_layer limit;
    struct lg_decode_layer decode;
    struct lg_scatter_layer scatter;
    struct lg_retry_layer retry;
    struct lg_hedge_layer hedge;
    struct lg_route_layer route;
    struct lg_send_layer send;
};

struct lg_fetch_stack *lg_fetch_stack_new(const struct lg_fetch_options *o)
{
    struct lg_fetch_stack *s = lg_new(struct lg_fetch_stack);
    unsigned tries_max = o->tries_max == 0 ? LG_READ_TRIES_MAX : o->tries_max;
    uint32_t reads_max = o->reads_max == 0 ? LG_FETCH_READS_MAX : o->reads_max;

    assert(tries_max <= LG_READ_TRIES_MAX);
    s->client = lg_http_client_new(o->transport, o->lane);
    lg_meter_layer_init(&s->meter, o->lane, &s->limit.base, &s->counters);
    lg_limit_layer_init(&s->limit, o->lane, &s->decode.base, reads_max, &s->counters);
    lg_decode_layer_init(&s->decode, o->lane, &s->scatter.base, &o->source, s->client);
    lg_scatter_layer_init(&s->scatter, o->lane, &s->retry.base, &o->source);
    lg_retry_layer_init(&s->retry, o->lane, &s->hedge.base, tries_max, &s->counters);
    lg_hedge_layer_init(&s->hedge, o->lane, &s->route, tries_max, &o->hedge, &s->counters);
    lg_route_layer_init(&s->route, o->lane, &s->send.base, &o->source, &s->counters);
    lg_send_layer_init(&s->send, o->lane, o->hosts, s->client);
    return s;
}

struct lg_layer *lg_fetch_stack_top(struct lg_fetch_stack *stack)
{
    return &stack->meter.base;
}

const struct lg_fetch_counters *lg_fetch_stack_counters(const struct lg_fetch_stack *stack)
{
    return &stack->counters;
}

void lg_fetch_stack_free(struct lg_fetch_stack *stack)
{
    if (stack == NULL)
        return;
    assert(stack->limit.in_flight == 0);
    lg_http_client_free(stack->client);
    lg_decode_layer_done(&stack->decode);
    lg_free(stack);
}

static void end(struct lg_task *task)
{
    struct lg_fetch_stack *s = LG_CONTAINER_OF(task, struct lg_fetch_stack, end);
    void (*stopped)(void *ctx) = s->stopped;
    void *ctx = s->stopped_ctx;

    lg_fetch_stack_free(s);
    stopped(ctx);
}

/* Tasks run in their order: reads that were refused before and not told yet are told before. */
void lg_fetch_stack_stop(struct lg_fetch_stack *stack, void (*stopped)(void *ctx), void *ctx)
{
    stack->stopped = stopped;
    stack->stopped_ctx = ctx;
    stack->end.run = end;
    stack->limit.idle = &stack->end;
    lg_http_client_cancel(stack->client);
    if (stack->limit.in_flight == 0)
        lg_lane_post(stack->limit.base.lane, &stack->end);
}
