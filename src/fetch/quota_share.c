#include "fetch/quota_share.h"

#include "model/names.h"

static struct lg_read_share share_of(const struct lg_catalog_topic *topic, uint32_t self)
{
    struct lg_read_share share = {0};

    for (uint32_t p = 0; p < topic->partition_count; p++) {
        uint32_t ready[LG_CATALOG_REPLICAS_MAX];
        size_t n = lg_catalog_ready(topic, p, ready);
        bool mine = false;

        for (size_t i = 0; i < n; i++)
            mine |= ready[i] == self;
        lg_read_share_add(&share, (uint32_t)n, mine);
    }
    return share;
}

bool lg_quota_share_of_server(const struct lg_catalog_snapshot *s, struct lg_slice topic,
                              const char *instance_id, struct lg_bucket_limit *out)
{
    const struct lg_catalog_topic *t = lg_catalog_topic(s, topic);
    const struct lg_catalog_store *store;
    struct lg_read_share share;
    struct lg_slice name;
    int32_t version;
    uint32_t self;

    if (t == NULL || lg_catalog_instance(s, instance_id, &self) == NULL ||
        lg_names_parse_version_topic(topic, &name, &version, /* err= */ NULL) != LG_OK)
        return false;
    store = lg_catalog_store(s, name);
    if (store == NULL || !store->store->storage_node_read_quota_enabled)
        return false;
    share = share_of(t, self);
    return lg_read_quota_of_server(store->store->read_quota, &share, out);
}

struct lg_read_routers lg_quota_share_routers(const struct lg_catalog_snapshot *s,
                                              uint32_t routers_before, int64_t capacity)
{
    struct lg_read_routers r = {.live = (uint32_t)s->routers.size,
                                .capacity = capacity,
                                .buffer_percent = LG_READ_QUOTA_ROUTER_BUFFER_PERCENT};

    if (r.live == 0)
        r.live = routers_before;
    for (size_t i = 0; i < s->stores.size; i++) {
        int64_t quota = s->stores.data[i]->store->read_quota;

        if (quota > 0) /* As many as fit: no quotas of sense come near. */
            r.quota_total = quota > INT64_MAX - r.quota_total ? INT64_MAX : r.quota_total + quota;
    }
    return r;
}

bool lg_quota_share_of_router(const struct lg_catalog_snapshot *s, struct lg_slice store,
                              const struct lg_read_routers *routers, struct lg_bucket_limit *out)
{
    const struct lg_catalog_store *found = lg_catalog_store(s, store);

    return found != NULL && lg_read_quota_of_router(found->store->read_quota, routers, out);
}
