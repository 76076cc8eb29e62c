/* Retry: a replica that cannot answer is replaced by another, at once.
 *
 *     ASKING ──answer, or nobody left to ask──▶ settled
 *       ▲  │
 *       └──┘ ELSEWHERE error and tries left
 *
 * What may be repeated elsewhere stands in the retry column of errors.def; there is no list here.
 * But a server that is overloaded has its neighbour asked, and only once: else all are asked for
 * more than they can do as soon as one is. When no neighbour has all of the read, scatter gives
 * each its part; what it is handed up (host, tried, tries) keeps that to the one more try.
 */
#include "fetch/layers.h"

struct attempts { /* One per read; in the read's arena. */
    struct lg_retry_layer *layer;
    struct lg_read *asked;
    struct lg_read copy;
    bool overloaded; /* The first host was; it stays the only one that is repeated for that. */
};

static bool may_be_repeated(const struct lg_read *read)
{
    return lg_rc_retry(read->rc) == LG_RETRY_ELSEWHERE ||
           (read->rc == LG_ERR_OVERLOADED && read->tries == 1);
}

static bool worth_another(const struct attempts *a)
{
    return a->copy.rc != LG_OK && may_be_repeated(&a->copy) && lg_read_is_wanted(&a->copy) &&
           a->copy.tries > 0 && a->copy.tries < a->layer->tries_max &&
           lg_lane_now_us(a->layer->base.lane) < a->copy.deadline_us;
}

static void settled(struct lg_read *copy)
{
    struct attempts *a = LG_CONTAINER_OF(copy, struct attempts, copy);

    /* A read that route could not place has no new host: asking again would not help. */
    if (copy->host != NULL && worth_another(a)) {
        a->layer->counters->retries++;
        a->overloaded |= copy->rc == LG_ERR_OVERLOADED;
        copy->host = NULL;
        for (size_t i = 0; i < copy->key_count; i++)
            copy->keys[i]->rc = LG_ERR_UNREADY;
        lg_layer_submit(a->layer->base.below, copy);
        return;
    }
    a->asked->rc = copy->rc;
    a->asked->err = copy->err;
    a->asked->retry_after_ms = copy->retry_after_ms;
    a->asked->host = copy->host; /* NULL: there was nobody left to ask. */
    if (a->overloaded) {
        a->asked->tried[0] = copy->tried[0];
        a->asked->tries = 1;
    }
    a->asked->done(a->asked);
}

static void submit(struct lg_layer *layer, struct lg_read *read)
{
    struct lg_retry_layer *l = LG_CONTAINER_OF(layer, struct lg_retry_layer, base);
    struct attempts *a = lg_arena_zalloc(read->arena, sizeof *a);

    if (a == NULL) {
        lg_read_fail_later(layer, read, LG_ERR_TOO_LARGE,
                           "the read needs more memory than allowed");
        return;
    }
    a->layer = l;
    a->asked = read;
    a->copy = *read;
    a->copy.done = settled;
    lg_layer_submit(layer->below, &a->copy);
}

static const struct lg_layer_ops ops = {"retry", submit};

void lg_retry_layer_init(struct lg_retry_layer *l, struct lg_lane *lane, struct lg_layer *below,
                         unsigned tries_max, struct lg_fetch_counters *counters)
{
    *l = (struct lg_retry_layer){
        .base = {&ops, below, lane}, .tries_max = tries_max, .counters = counters};
}
