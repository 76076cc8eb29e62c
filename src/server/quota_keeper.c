#include "server/quota_keeper.h"

#include "fetch/quota_book.h"
#include "fetch/quota_share.h"
#include "model/names.h"
#include "server/metrics.h"

struct lg_quota_keeper {
    struct lg_quota_keeper_options o;
    struct lg_quota *quota;
    struct lg_quota_book *book; /* by version topic */
};

enum lg_rc lg_quota_keeper_new(const struct lg_quota_keeper_options *o,
                               struct lg_quota_keeper **out, struct lg_error *err)
{
    struct lg_quota_keeper *k;
    struct lg_bucket_limit node;
    struct lg_quota *quota;
    enum lg_rc rc =
        lg_quota_new(&(struct lg_quota_options){.resources_max = LG_QUOTA_KEEPER_TOPICS_MAX,
                                                .lanes_max = LG_MIN(o->lanes, LG_QUOTA_LANES_MAX)},
                     &quota, err);

    if (rc != LG_OK)
        return rc;
    k = lg_new(struct lg_quota_keeper);
    k->o = *o;
    k->quota = quota;
    k->book = lg_quota_book_new(quota);
    if (lg_read_quota_of_node(o->node_rcu, &node))
        lg_quota_limit(quota, LG_QUOTA_NONE, &node, lg_lane_now_us(o->lane));
    *out = k;
    return LG_OK;
}

void lg_quota_keeper_free(struct lg_quota_keeper *k)
{
    if (k == NULL)
        return;
    lg_quota_book_free(k->book);
    lg_quota_free(k->quota);
    lg_free(k);
}

struct lg_quota *lg_quota_keeper_quota(struct lg_quota_keeper *k)
{
    return k->quota;
}

/* Versions share a store's name on metrics; the one that is served tells its limit. */
static uint32_t tell(const struct lg_catalog_snapshot *s, struct lg_slice topic,
                     const struct lg_bucket_limit *limit)
{
    const struct lg_catalog_store *store;
    struct lg_slice name;
    struct lg_error err;
    int32_t version;
    uint32_t metric;

    if (!lg_metrics_registered() ||
        lg_names_parse_version_topic(topic, &name, &version, &err) != LG_OK)
        return LG_METRIC_STORE_OTHER;
    store = lg_catalog_store(s, name);
    if (store == NULL)
        return LG_METRIC_STORE_OTHER;
    metric = lg_metric_store(store->store->name);
    if (store->store->current_version == version && metric != LG_METRIC_STORE_OTHER)
        lg_metric_set(&lg_metric_server_read_quota,
                      lg_metric_of_store(&lg_metric_server_read_quota, metric, 0),
                      limit == NULL ? LG_BUCKET_RATE_MAX
                                    : limit->refill * LG_SEC / limit->interval_us);
    return metric;
}

struct update {
    struct lg_quota_keeper *k;
    const struct lg_catalog_snapshot *s;
};

/* It has no limit any more, but its reads are still its store's. */
static void topic_dropped(void *ctx, struct lg_slice topic)
{
    const struct update *u = ctx;

    lg_serving_limit(u->k->o.serving, topic, LG_QUOTA_NONE, tell(u->s, topic, /* limit= */ NULL));
}

void lg_quota_keeper_update(struct lg_quota_keeper *k, const struct lg_catalog_snapshot *s,
                            const char *instance)
{
    uint64_t now_us = lg_lane_now_us(k->o.lane);
    struct update update = {k, s};

    lg_quota_book_begin(k->book);
    for (size_t i = 0; i < s->topics.size; i++) {
        struct lg_slice topic = lg_slice_str(s->topics.data[i]->name);
        uint32_t resource = LG_QUOTA_NONE;
        struct lg_bucket_limit limit;
        bool is_limited;

        if (lg_serving_topic(k->o.serving, topic) == NULL)
            continue; /* None of it is here, or will be said to be ready in a later snapshot. */
        is_limited = lg_quota_share_of_server(s, topic, instance, &limit);
        if (is_limited)
            resource = lg_quota_book_set(k->book, topic, &limit, now_us);
        lg_serving_limit(k->o.serving, topic, resource, tell(s, topic, is_limited ? &limit : NULL));
    }
    lg_quota_book_end(k->book, topic_dropped, &update);
}
