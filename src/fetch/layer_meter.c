/* Meter: counts what enters and how it ends. */
#include "fetch/layers.h"

struct metered { /* One per read; in the read's arena. */
    struct lg_meter_layer *layer;
    struct lg_read *asked;
    struct lg_read copy;
};

static void settled(struct lg_read *copy)
{
    struct metered *m = LG_CONTAINER_OF(copy, struct metered, copy);
    struct lg_fetch_counters *n = m->layer->counters;

    for (size_t i = 0; i < copy->key_count; i++) {
        n->found += copy->keys[i]->rc == LG_OK;
        n->not_found += copy->keys[i]->rc == LG_ERR_NOT_FOUND;
    }
    if (copy->rc == LG_OK)
        n->answered++;
    else
        n->failed++;
    m->asked->rc = copy->rc;
    m->asked->err = copy->err;
    m->asked->retry_after_ms = copy->retry_after_ms;
    m->asked->done(m->asked);
}

static void submit(struct lg_layer *layer, struct lg_read *read)
{
    struct lg_meter_layer *l = LG_CONTAINER_OF(layer, struct lg_meter_layer, base);
    struct metered *m = lg_arena_zalloc(read->arena, sizeof *m);

    l->counters->reads++;
    l->counters->keys += read->key_count;
    if (m == NULL) {
        l->counters->failed++;
        lg_read_fail_later(layer, read, LG_ERR_TOO_LARGE,
                           "the read needs more memory than allowed");
        return;
    }
    m->layer = l;
    m->asked = read;
    m->copy = *read;
    m->copy.done = settled;
    lg_layer_submit(layer->below, &m->copy);
}

static const struct lg_layer_ops ops = {"meter", submit};

void lg_meter_layer_init(struct lg_meter_layer *l, struct lg_lane *lane, struct lg_layer *below,
                         struct lg_fetch_counters *counters)
{
    *l = (struct lg_meter_layer){.base = {&ops, below, lane}, .counters = counters};
}
