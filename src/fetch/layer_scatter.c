/* Scatter: splits the keys of a read by server and gathers the answers.
 *
 * Keys are grouped by partition, partitions by the server that is best placed now, so that a batch
 * costs one request per server. When such a part fails because its server cannot answer and no
 * other server holds all of its partitions, it is split once more, by partition. When its server is
 * overloaded, it is split by server instead, without that one: a refusal must not become a request
 * for each partition. Nobody is asked a third time for that (see retry).
 *
 *     read ──▶ part per server ──▶ answered
 *                   ├─ overloaded, nobody else has all ──▶ part per other server ─┐
 *                   └─ failed, several partitions ──▶ part per partition ◀─failed─┘
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
    bool splittable; /* Spans several partitions. */
    bool moved;      /* Its first server was overloaded. */
    struct lg_read read;
};

static void part_settled(struct lg_read *read);

/* `failed`: the part whose keys these are; NULL: none was sent yet. */
static bool send_part(struct gather *g, const struct part *failed, struct lg_read_key **keys,
                      size_t count, bool splittable)
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
    p->read.again = failed != NULL;
    p->read.arena = g->asked->arena;
    p->read.deadline_us = g->asked->deadline_us;
    p->read.gone = g->asked->gone;
    p->read.done = part_settled;
    if (failed != NULL && failed->read.tries > 0) {
        p->moved = true;
        p->read.tries = failed->read.tries;
        memcpy(p->read.tried, failed->read.tried, sizeof p->read.tried);
        p->read.err = failed->read.err; /* What is said when nobody else has it. */
        p->read.retry_after_ms = failed->read.retry_after_ms;
    }
    g->open++;
    lg_layer_submit(g->layer->base.below, &p->read);
    return true;
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

static struct lg_host *best_host(struct gather *g, const struct part *failed, uint32_t partition)
{
    struct lg_scatter_layer *l = g->layer;
    struct lg_host *ready[LG_REPLICAS_MAX];
    size_t n = lg_replica_source_any(&l->source, g->asked->topic, partition, ready);

    return lg_replica_pick(ready, n, failed == NULL ? NULL : failed->read.tried,
                           failed == NULL ? 0 : failed->read.tries, lg_lane_now_us(l->base.lane));
}

static int by_partition(const void *a, const void *b)
{
    const struct place *x = a, *y = b;

    if (x->key->partition != y->key->partition)
        return x->key->partition < y->key->partition ? -1 : 1;
    return (x->key->index > y->key->index) - (x->key->index < y->key->index);
}

/* Gives each key its server; a partition is placed once. */
static void place_keys(struct gather *g, const struct part *failed, struct lg_read_key **keys,
                       size_t count, struct place *places, struct lg_host **seen)
{
    uint32_t seen_count = 0;

    for (size_t i = 0; i < count; i++)
        places[i].key = keys[i];
    qsort(places, count, sizeof *places, by_partition);
    for (size_t i = 0; i < count; i++) {
        bool same = i > 0 && places[i].key->partition == places[i - 1].key->partition;

        places[i].host = same ? places[i - 1].host : best_host(g, failed, places[i].key->partition);
        places[i].host_order =
            same ? places[i - 1].host_order : order_of(places[i].host, seen, &seen_count);
    }
    qsort(places, count, sizeof *places, place_compare);
}

/* Without a server, by partition: one that has all of them is nothing to hope for. */
static bool go_together(const struct place *a, const struct place *b)
{
    return a->host_order == b->host_order &&
           (a->host != NULL || a->key->partition == b->key->partition);
}

/* Sends keys[0..count), which it orders, as one part per server. Without memory some keep their
 * codes. */
static void send_by_server(struct gather *g, const struct part *failed, struct lg_read_key **keys,
                           size_t count)
{
    struct place *places = lg_arena_alloc(g->asked->arena, count * sizeof *places);
    struct lg_host **seen = lg_arena_alloc(g->asked->arena, count * sizeof *seen);
    size_t begin = 0;

    if (places == NULL || seen == NULL)
        return;
    place_keys(g, failed, keys, count, places, seen);
    for (size_t i = 0; i < count; i++)
        keys[i] = places[i].key;
    for (size_t i = 1; i <= count; i++) {
        if (i < count && go_together(&places[i], &places[begin]))
            continue;
        if (!send_part(g, failed, keys + begin, i - begin,
                       keys[begin]->partition != keys[i - 1]->partition))
            return;
        begin = i;
    }
}

/* Sends the keys of a part, which are ordered by partition, as one part per partition. */
static void send_by_partition(struct gather *g, const struct part *failed)
{
    struct lg_read_key **keys = failed->read.keys;
    size_t begin = 0;

    for (size_t i = 1; i <= failed->read.key_count; i++) {
        if (i < failed->read.key_count && keys[i]->partition == keys[begin]->partition)
            continue;
        if (!send_part(g, failed, keys + begin, i - begin, /* splittable= */ false))
            return; /* Their keys keep the error that led here. */
        begin = i;
    }
}

/* False: what became of the part stands. */
static bool split(struct part *p)
{
    if (p->read.rc == LG_OK || !p->splittable || !lg_read_is_wanted(&p->read))
        return false;
    if (lg_rc_retry(p->read.rc) == LG_RETRY_ELSEWHERE)
        send_by_partition(p->gather, p);
    else if (p->read.rc == LG_ERR_OVERLOADED && p->read.host == NULL && !p->moved)
        send_by_server(p->gather, p, p->read.keys, p->read.key_count);
    else
        return false;
    return true;
}

static void part_settled(struct lg_read *read)
{
    struct part *p = LG_CONTAINER_OF(read, struct part, read);
    struct gather *g = p->gather;

    if (!split(p)) {
        for (size_t i = 0; g->asked->key_answered != NULL && i < read->key_count; i++)
            g->asked->key_answered(g->asked->key_ctx, read->keys[i]);
        if (read->rc != LG_OK)
            g->asked->retry_after_ms = LG_MAX(g->asked->retry_after_ms, read->retry_after_ms);
    }
    if (read->rc != LG_OK)
        g->asked->err = read->err;
    if (--g->open > 0)
        return;
    lg_read_settle(g->asked);
}

static void submit(struct lg_layer *layer, struct lg_read *read)
{
    struct lg_scatter_layer *l = LG_CONTAINER_OF(layer, struct lg_scatter_layer, base);
    struct gather *g = lg_arena_zalloc(read->arena, sizeof *g);
    struct lg_read_key **keys = lg_arena_alloc(read->arena, read->key_count * sizeof(void *));

    if (g == NULL || keys == NULL) {
        lg_read_fail_later(layer, read, LG_ERR_TOO_LARGE,
                           "the read needs more memory than allowed");
        return;
    }
    g->layer = l;
    g->asked = read;
    for (size_t i = 0; i < read->key_count; i++) {
        keys[i] = read->keys[i];
        keys[i]->rc = LG_ERR_UNREADY; /* Until answered. */
    }
    g->open = 1; /* Held until every part is sent, though no part settles inside submit. */
    send_by_server(g, NULL, keys, read->key_count);
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
