/* Route: picks a replica that serves every partition of the read and has not been tried yet. */
#include "fetch/layers.h"

/* `last_resort`: also those that are not ready any more, after the others. */
static size_t hosts_of(const struct lg_replica_source *source, const char *topic,
                       uint32_t partition, bool last_resort, struct lg_host *out[LG_REPLICAS_MAX])
{
    struct lg_host *more[LG_REPLICAS_MAX];
    size_t n = source->ready(source->ctx, topic, partition, out), more_count;

    if (!last_resort || source->last_resort == NULL)
        return n;
    more_count = source->last_resort(source->ctx, topic, partition, more);
    for (size_t i = 0; i < more_count && n < LG_REPLICAS_MAX; i++)
        out[n++] = more[i];
    return n;
}

size_t lg_replica_source_any(const struct lg_replica_source *source, const char *topic,
                             uint32_t partition, struct lg_host *out[LG_REPLICAS_MAX])
{
    size_t n = hosts_of(source, topic, partition, /* last_resort= */ false, out);

    return n > 0 ? n : hosts_of(source, topic, partition, /* last_resort= */ true, out);
}

static bool serves(const struct lg_route_layer *l, const char *topic, uint32_t partition,
                   bool last_resort, const struct lg_host *host)
{
    struct lg_host *hosts[LG_REPLICAS_MAX];
    size_t n = hosts_of(&l->source, topic, partition, last_resort, hosts);

    for (size_t i = 0; i < n; i++)
        if (hosts[i] == host)
            return true;
    return false;
}

/* The hosts that serve every partition of the read. */
static size_t candidates(const struct lg_route_layer *l, const struct lg_read *read,
                         bool last_resort, struct lg_host *out[LG_REPLICAS_MAX])
{
    uint32_t first = read->keys[0]->partition, last = first;
    size_t n = hosts_of(&l->source, read->topic, first, last_resort, out), kept;

    for (size_t k = 1; k < read->key_count && n > 0; k++) {
        if (read->keys[k]->partition == last)
            continue; /* Scatter keeps the keys of a partition together. */
        last = read->keys[k]->partition;
        kept = 0;
        for (size_t i = 0; i < n; i++)
            if (serves(l, read->topic, last, last_resort, out[i]))
                out[kept++] = out[i];
        n = kept;
    }
    return n;
}

static struct lg_host *pick(const struct lg_route_layer *l, const struct lg_read *read,
                            bool last_resort)
{
    struct lg_host *hosts[LG_REPLICAS_MAX];
    size_t n = candidates(l, read, last_resort, hosts);

    return lg_replica_pick(hosts, n, read->tried, read->tries, lg_lane_now_us(l->base.lane));
}

struct lg_host *lg_route_pick(struct lg_route_layer *l, const struct lg_read *read)
{
    struct lg_host *host = pick(l, read, /* last_resort= */ false);

    return host != NULL ? host : pick(l, read, /* last_resort= */ true);
}

static void submit(struct lg_layer *layer, struct lg_read *read)
{
    struct lg_route_layer *l = LG_CONTAINER_OF(layer, struct lg_route_layer, base);

    /* After a failure the host that scatter wished for is among the tried ones. */
    read->host = pick(l, read, /* last_resort= */ false);
    if (read->host == NULL) {
        read->host = pick(l, read, /* last_resort= */ true);
        l->counters->last_resorts += read->host != NULL;
    }
    if (read->host == NULL) {
        if (read->err.rc != LG_OK && read->tries > 0) /* Keep what the last host said. */
            lg_read_fail_later(layer, read, read->err.rc, "%s", read->err.text);
        else
            lg_read_fail_later(layer, read, LG_ERR_UNREADY,
                               "no server is ready for %s partition %u", read->topic,
                               read->keys[0]->partition);
        return;
    }
    assert(read->tries < LG_READ_TRIES_MAX);
    read->tried[read->tries++] = read->host;
    lg_layer_submit(layer->below, read);
}

static const struct lg_layer_ops ops = {"route", submit};

void lg_route_layer_init(struct lg_route_layer *l, struct lg_lane *lane, struct lg_layer *below,
                         const struct lg_replica_source *source, struct lg_fetch_counters *counters)
{
    *l = (struct lg_route_layer){
        .base = {&ops, below, lane}, .source = *source, .counters = counters};
}
