/* Limit: at most so many reads in flight; the next one is refused at once, not queued. */
#include "fetch/layers.h"

struct admitted { /* One per read; in the read's arena. */
    struct lg_limit_layer *layer;
    struct lg_read *asked;
    struct lg_read copy;
};

static void settled(struct lg_read *copy)
{
    struct admitted *a = LG_CONTAINER_OF(copy, struct admitted, copy);

    assert(a->layer->in_flight > 0);
    if (--a->layer->in_flight == 0 && a->layer->idle != NULL)
        lg_lane_post(a->layer->base.lane, a->layer->idle);
    a->asked->rc = copy->rc;
    a->asked->err = copy->err;
    a->asked->retry_after_ms = copy->retry_after_ms;
    a->asked->done(a->asked);
}

static void submit(struct lg_layer *layer, struct lg_read *read)
{
    struct lg_limit_layer *l = LG_CONTAINER_OF(layer, struct lg_limit_layer, base);
    struct admitted *a;

    assert(l->idle == NULL && "no read may be submitted any more");
    if (l->in_flight >= l->reads_max) {
        l->counters->refused++;
        lg_read_fail_later(layer, read, LG_ERR_BUSY,
                           "%u reads are in flight already; try again later", l->in_flight);
        return;
    }
    a = lg_arena_zalloc(read->arena, sizeof *a);
    if (a == NULL) {
        lg_read_fail_later(layer, read, LG_ERR_TOO_LARGE,
                           "the read needs more memory than allowed");
        return;
    }
    a->layer = l;
    a->asked = read;
    a->copy = *read;
    a->copy.done = settled;
    l->in_flight++;
    lg_layer_submit(layer->below, &a->copy);
}

static const struct lg_layer_ops ops = {"limit", submit};

void lg_limit_layer_init(struct lg_limit_layer *l, struct lg_lane *lane, struct lg_layer *below,
                         uint32_t reads_max, struct lg_fetch_counters *counters)
{
    *l = (struct lg_limit_layer){
        .base = {&ops, below, lane}, .reads_max = reads_max, .counters = counters};
}
