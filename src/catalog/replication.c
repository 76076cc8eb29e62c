#include "catalog/replication.h"

#include "base/buf.h"
#include "base/health.h"
#include "base/str.h"

#define CHECK_NAME "replication"

void lg_replication_add(struct lg_replication *r, const char *store, int32_t version,
                        uint32_t partition, uint32_t ready, uint32_t wanted)
{
    if (r->partitions < LG_REPLICATION_NAMED_MAX) {
        (void)snprintf(r->named[r->partitions].store, sizeof r->named[0].store, "%s", store);
        r->named[r->partitions].version = version;
        r->named[r->partitions].partition = partition;
        r->named[r->partitions].ready = ready;
        r->named[r->partitions].wanted = wanted;
    }
    r->partitions++;
}

static void count_version(struct lg_replication *r, const struct lg_catalog_snapshot *s,
                          const char *store, const struct lg_version *v)
{
    char name[LG_NAMES_TOPIC_MAX + 1];
    const struct lg_catalog_topic *topic;
    uint32_t ignored[LG_CATALOG_REPLICAS_MAX];

    lg_names_version_topic(name, store, v->number);
    topic = lg_catalog_topic(s, lg_slice_str(name));
    for (uint32_t p = 0; p < (uint32_t)v->partition_count; p++) {
        size_t ready =
            topic == NULL || p >= topic->partition_count ? 0 : lg_catalog_ready(topic, p, ignored);

        if (ready < (size_t)v->replication_factor)
            lg_replication_add(r, store, v->number, p, (uint32_t)ready,
                               (uint32_t)v->replication_factor);
    }
}

void lg_replication_count(struct lg_replication *r, const struct lg_catalog_snapshot *s)
{
    for (size_t i = 0; i < s->stores.size; i++) {
        const struct lg_store *store = s->stores.data[i]->store;
        const struct lg_version *v =
            store->current_version == 0 ? NULL : lg_store_version(store, store->current_version);

        if (v != NULL)
            count_version(r, s, store->name, v);
    }
}

void lg_replication_tell(const struct lg_replication *r)
{
    LG_SCOPED(lg_buf) text = {0};
    uint32_t named = LG_MIN(r->partitions, LG_REPLICATION_NAMED_MAX);

    if (r->partitions == 0) {
        lg_health_warn(CHECK_NAME, true, "every partition that is read has all its replicas");
        return;
    }
    lg_buf_appendf(&text, "under-replicated: %u partition%s of current versions: ", r->partitions,
                   r->partitions == 1 ? "" : "s");
    for (uint32_t i = 0; i < named; i++)
        lg_buf_appendf(&text, "%s%s version %d partition %u (%u of %u ready)", i == 0 ? "" : ", ",
                       r->named[i].store, r->named[i].version, r->named[i].partition,
                       r->named[i].ready, r->named[i].wanted);
    if (r->partitions > named)
        lg_buf_appendf(&text, " and %u more", r->partitions - named);
    lg_buf_append_str(&text, "; `lagoon cluster status` lists them");
    lg_health_warn(CHECK_NAME, false, "%.*s", LG_FMT(lg_buf_slice(&text)));
}

void lg_replication_forget(void)
{
    lg_health_forget(CHECK_NAME);
}
