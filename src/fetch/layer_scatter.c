/* Scatter: splits the keys of a read by server and gathers the answers.
 *
 * Keys are grouped by partition, partitions by the server that is best placed now, so that a batch
 * costs one request per server. When such a part fails because its server cannot answer and no
 * other server holds all of its partitions, it is split once more, by partition.
 *
 *     read ──▶ part per server ──▶ answered
 *                   └─ failed, several partitions ──▶ part per partition ──▶ answered or failed
 */
#include "fetch/layers.h"

#include <stdlib.h>

struct gather { /* One per read; in the read's arena. */
    struct lg_scatter_layer *layer;
    struct lg_read *asked;
    size_t open; /* Parts not settled. */
};

struct part { /* In the read's arena. */
    struct gather *gather;
    bool splittable; /* Spans several partitions and was not split before. */
    struct lg_read read;
};

static void part_settled(struct lg_read *read);

static bool send_part(struct gather *g, struct lg_read_key **keys, size_t count, bool splittable)
{
    struct part *p = lg_arena_zalloc(g->asked->arena, sizeof *p);

    if (p == NULL)
        return false;
    p->gather = g;
    p->splittable = splittable;
    p->read.topic = g->asked->topic;
    p->read.keys = keys;
    p->read.key_count = count;
    p->read.single = g->asked->single;
    p->read.arena = g->asked->arena;
    p->read.deadline_us = g->asked->deadline_us;
    p->read.gone = g->asked->gone;
    p->read.done = part_settled;
    g->open++;
    lg_layer_submit(g->layer->base.below, &p->read);
    return true;
}

/* Sends keys[0..count), which are ordered by partition, as one part per partition. */
static void split(struct gather *g, struct lg_read_key **keys, size_t count)
{
    size_t begin = 0;

    for (size_t i = 1; i <= count; i++) {
        if (i < count && keys[i]->partition == keys[begin]->partition)
            continue;
        if (!send_part(g, keys + begin, i - begin, /* splittable= */ false))
            return; /* Their keys keep the error that led here. */
        begin = i;
    }
}

static void part_settled(struct lg_read *read)
{
    struct part *p = LG_CONTAINER_OF(read, struct part, read);
    struct gather *g = p->gather;

    if (read->rc != LG_OK && p->splittable && lg_rc_retry(read->rc) == LG_RETRY_ELSEWHERE &&
        lg_read_is_wanted(read))
        split(g, read->keys, read->key_count);
    else if (g->asked->key_answered != NULL)
        for (size_t i = 0; i < read->key_count; i++)
            g->asked->key_answered(g->asked->key_ctx, read->keys[i]);
    if (read->rc != LG_OK)
        g->asked->err = read->err;
    if (--g->open > 0)
        return;
    lg_read_settle(g->asked);
}

/* Orders keys by (server, partition), stable: a counting of hosts seen, bounded by the partitions.
 */
struct place {
    struct lg_host *host;
    struct lg_read_key *key;
    uint32_t host_order;
};

static int place_compare(const void *a, const void *b)
{
    const struct place *x = a, *y = b;

    if (x->host_order != y->host_order)
        return x->host_order < y->host_order ? -1 : 1;
    if (x->key->partition != y->key->partition)
        return x->key->partition < y->key->partition ? -1 : 1;
    return (x->key->index > y->key->index) - (x->key->index < y->key->index);
}

static uint32_t order_of(struct lg_host *host, struct lg_host **seen, uint32_t *seen_count)
{
    for (uint32_t i = 0; i < *seen_count; i++)
        if (seen[i] == host)
            return i;
    seen[(*seen_count)++] = host;
    return *seen_count - 1;
}

static struct lg_host *best_host(struct lg_scatter_layer *l, const char *topic, uint32_t partition)
{
    struct lg_host *ready[LG_REPLICAS_MAX];
    size_t n = lg_replica_source_any(&l->source, topic, partition, ready);

    return lg_replica_pick(ready, n, NULL, 0, lg_lane_now_us(l->base.lane));
}

static int by_partition(const void *a, const void *b)
{
    const struct place *x = a, *y = b;

    if (x->key->partition != y->key->partition)
        return x->key->partition < y->key->partition ? -1 : 1;
    return (x->key->index > y->key->index) - (x->key->index < y->key->index);
}

/* Gives each key its server; a partition is placed once. */
static void place_keys(struct lg_scatter_layer *l, const struct lg_read *read, struct place *places,
                       struct lg_host **seen)
{
    uint32_t seen_count = 0;

    for (size_t i = 0; i < read->key_count; i++)
        places[i].key = read->keys[i];
    qsort(places, read->key_count, sizeof *places, by_partition);
    for (size_t i = 0; i < read->key_count; i++) {
        bool same = i > 0 && places[i].key->partition == places[i - 1].key->partition;

        places[i].host =
            same ? places[i - 1].host : best_host(l, read->topic, places[i].key->partition);
        places[i].host_order =
            same ? places[i - 1].host_order : order_of(places[i].host, seen, &seen_count);
    }
    qsort(places, read->key_count, sizeof *places, place_compare);
}

static void submit(struct lg_layer *layer, struct lg_read *read)
{
    struct lg_scatter_layer *l = LG_CONTAINER_OF(layer, struct lg_scatter_layer, base);
    struct gather *g = lg_arena_zalloc(read->arena, sizeof *g);
    struct place *places = lg_arena_alloc(read->arena, read->key_count * sizeof *places);
    struct lg_host **seen = lg_arena_alloc(read->arena, read->key_count * sizeof *seen);
    struct lg_read_key **keys = lg_arena_alloc(read->arena, read->key_count * sizeof(void *));
    size_t begin = 0;

    if (g == NULL || places == NULL || seen == NULL || keys == NULL) {
        lg_read_fail_later(layer, read, LG_ERR_TOO_LARGE,
                           "the read needs more memory than allowed");
        return;
    }
    g->layer = l;
    g->asked = read;
    place_keys(l, read, places, seen);
    for (size_t i = 0; i < read->key_count; i++) {
        keys[i] = places[i].key;
        keys[i]->rc = LG_ERR_UNREADY; /* Until answered. */
    }
    g->open = 1; /* Held until every part is sent, though no part settles inside submit. */
    for (size_t i = 1; i <= read->key_count; i++) {
        if (i < read->key_count && places[i].host_order == places[begin].host_order)
            continue;
        if (!send_part(g, keys + begin, i - begin,
                       keys[begin]->partition != keys[i - 1]->partition))
            break;
        begin = i;
    }
    if (--g->open == 0) /* Not even one part could be made. */
        lg_read_fail_later(layer, read, LG_ERR_TOO_LARGE,
                           "the read needs more memory than allowed");
}

static const struct lg_layer_ops ops = {"scatter", submit};

void lg_scatter_layer_init(struct lg_scatter_layer *l, struct lg_lane *lane, struct lg_layer *below,
                           const struct lg_replica_source *source)
{
    *l = (struct lg_scatter_layer){.base = {&ops, below, lane}, .source = *source};
}
