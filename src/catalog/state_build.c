/* Snapshots of the state: what did not change since the last one is shared with it. */
#include <stdlib.h>

#include "base/str.h"
#include "catalog/state_impl.h"

static struct lg_catalog_index *index_new(void)
{
    struct lg_catalog_index *x = lg_new(struct lg_catalog_index);

    x->refs = 1;
    x->places = lg_map_new();
    return x;
}

static void index_put(struct lg_catalog_index *x, const char *name, size_t place)
{
    (void)lg_map_put(x->places, lg_slice_str(name), (void *)(uintptr_t)(place + 1));
}

static int by_place(const void *a, const void *b)
{
    uint32_t x = (*(struct lg_report *const *)a)->instance->place;
    uint32_t y = (*(struct lg_report *const *)b)->instance->place;

    return x < y ? -1 : x > y;
}

/* Reports that are there of live instances, by their places: `out` is the caller's to free. */
static size_t live_reports(struct lg_topic_state *t, struct lg_report ***out)
{
    LG_VEC(struct lg_report *) live = {0};

    LG_LIST_EACH(it, &t->reports)
    {
        struct lg_report *r = LG_CONTAINER_OF(it, struct lg_report, of_topic);

        if (r->instance->live && !r->held)
            LG_VEC_PUSH(&live, r);
    }
    if (live.size > 1)
        qsort(live.data, live.size, sizeof(struct lg_report *), by_place);
    *out = live.data;
    return live.size;
}

/* What a report says of no partition is known only together with the assignment. */
static void judge_report(struct lg_catalog_state *s, const struct lg_report *r)
{
    LG_AUTO_STR char *path = NULL;
    const char *wrong = r->wrong;

    for (size_t i = 0; wrong == NULL && i < r->parts.size; i++)
        if (r->parts.data[i].partition >= r->topic->partition_count)
            wrong = "a replica of no partition, or without a known status";
    if (wrong == NULL && lg_map_size(s->junk) == 0)
        return;
    path = lg_report_path(r);
    if (wrong == NULL)
        lg_catalog_state_makes_sense(s, path);
    else
        lg_catalog_state_leave_out(s, path, wrong);
}

/* Counts, then gives each partition its part of one array. */
static void make_room(struct lg_catalog_topic *built, struct lg_report **reports, size_t n)
{
    size_t sum = 0;

    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < reports[i]->parts.size; k++) {
            uint32_t p = reports[i]->parts.data[k].partition;

            if (p < built->partition_count && built->partitions[p].count < LG_CATALOG_REPLICAS_MAX)
                built->partitions[p].count++;
        }
    for (uint32_t p = 0; p < built->partition_count; p++)
        sum += built->partitions[p].count;
    built->replicas = sum == 0 ? NULL : lg_new_array(struct lg_catalog_replica, sum);
    sum = 0;
    for (uint32_t p = 0; p < built->partition_count; p++) {
        built->partitions[p].replicas = built->replicas == NULL ? NULL : built->replicas + sum;
        sum += built->partitions[p].count;
        built->partitions[p].count = 0;
    }
}

static void add_replica(struct lg_catalog_topic *built, const struct lg_report *r,
                        const struct lg_report_part *part)
{
    struct lg_catalog_partition *partition = &built->partitions[part->partition];
    struct lg_catalog_replica *replica;

    if (partition->count == LG_CATALOG_REPLICAS_MAX)
        return;
    replica = &partition->replicas[partition->count++];
    *replica = part->replica;
    replica->instance = r->instance->place;
    if (replica->error != NULL)
        replica->error = lg_strdup(replica->error);
}

static void build_topic(struct lg_catalog_state *s, struct lg_topic_state *t)
{
    struct lg_catalog_topic *built = lg_new(struct lg_catalog_topic);
    struct lg_report **reports;
    size_t n = live_reports(t, &reports);

    built->refs = 1;
    built->name = lg_strdup(t->name);
    built->partition_count = t->partition_count;
    built->partitions = lg_new_array(struct lg_catalog_partition, t->partition_count);
    make_room(built, reports, n);
    for (size_t i = 0; i < n; i++) {
        judge_report(s, reports[i]);
        for (size_t k = 0; k < reports[i]->parts.size; k++)
            if (reports[i]->parts.data[k].partition < t->partition_count)
                add_replica(built, reports[i], &reports[i]->parts.data[k]);
    }
    lg_free(reports);
    lg_topic_state_build_held(t, built);
    t->built = built;
}

static struct lg_catalog_instances *instances_new(void)
{
    struct lg_catalog_instances *x = lg_new(struct lg_catalog_instances);

    x->refs = 1;
    return x;
}

static void add_instance(struct lg_catalog_instances *to, const struct lg_catalog_instance *says)
{
    LG_VEC_PUSH(&to->list, (struct lg_catalog_instance){
                               .id = lg_strdup(says->id),
                               .host = lg_strdup(says->host),
                               .port = says->port,
                               .grpc_port = says->grpc_port,
                               .zone = lg_strdup(says->zone),
                               .identity = lg_strdup(says->identity),
                               .release = lg_strdup(says->release),
                               .disk_low = says->disk_low,
                           });
}

/* Takes the place of what was there; false when everybody kept theirs. */
static bool replace_instances(struct lg_catalog_instances **old,
                              struct lg_catalog_instances *take_now)
{
    bool moved = *old == NULL || (*old)->list.size != take_now->list.size;

    for (size_t i = 0; !moved && i < take_now->list.size; i++)
        moved = strcmp((*old)->list.data[i].id, take_now->list.data[i].id) != 0;
    lg_catalog_instances_unref(*old);
    *old = take_now;
    return moved;
}

static bool has_last_resort(const struct lg_instance_state *i)
{
    if (i->live)
        return i->held > 0;
    for (const struct lg_list *it = i->reports.next; it != &i->reports; it = it->next)
        if (lg_report_is_last_resort(LG_CONTAINER_OF(it, struct lg_report, of_instance)))
            return true;
    return false;
}

/* The live instances, and those with reports of the last resort, in arrays of their own; when their
 * places moved, all topics are stale. */
static void renew_instances(struct lg_catalog_state *s)
{
    struct lg_catalog_instances *now, *holders;
    struct lg_catalog_index *index;
    bool moved;

    if (!s->instances_changed)
        return;
    s->instances_changed = false;
    lg_directory_sort(&s->instances);
    now = instances_new();
    holders = instances_new();
    index = index_new();
    for (size_t i = 0; i < s->instances.sorted.size; i++) {
        struct lg_instance_state *one = s->instances.sorted.data[i]->thing;

        if (one->live) {
            one->place = (uint32_t)now->list.size;
            index_put(index, one->id, one->place);
            add_instance(now, &one->says);
        }
        if (has_last_resort(one)) {
            one->held_place = (uint32_t)holders->list.size;
            add_instance(holders, &one->says);
        }
    }
    lg_catalog_index_unref(s->instance_by_id);
    s->instance_by_id = index;
    lg_directory_sort(&s->topics);
    moved = replace_instances(&s->live, now);
    moved |= replace_instances(&s->holders, holders);
    for (size_t i = 0; moved && i < s->topics.sorted.size; i++)
        lg_topic_state_changed(s->topics.sorted.data[i]->thing);
}

static void add_stores(struct lg_catalog_state *s, struct lg_catalog_snapshot *out)
{
    bool moved = s->stores_moved || s->store_by_name == NULL;

    lg_directory_sort(&s->stores);
    if (moved) {
        lg_catalog_index_unref(s->store_by_name);
        lg_catalog_index_unref(s->deleted_by_name);
        s->store_by_name = index_new();
        s->deleted_by_name = index_new();
    }
    s->stores_moved = false;
    for (size_t i = 0; i < s->stores.sorted.size; i++) {
        const struct lg_directory_entry *e = s->stores.sorted.data[i];
        struct lg_catalog_store *store = e->thing;

        store->refs++;
        if (lg_catalog_store_is_deleted(store)) {
            LG_VEC_PUSH(&out->deleted, store);
            if (moved)
                index_put(s->deleted_by_name, e->name, out->deleted.size - 1);
        } else {
            LG_VEC_PUSH(&out->stores, store);
            out->disabled += !store->store->enable_reads;
            if (moved)
                index_put(s->store_by_name, e->name, out->stores.size - 1);
        }
    }
}

static void add_topics(struct lg_catalog_state *s, struct lg_catalog_snapshot *out)
{
    bool moved = s->topics_moved || s->topic_by_name == NULL;

    lg_directory_sort(&s->topics);
    if (moved) {
        lg_catalog_index_unref(s->topic_by_name);
        s->topic_by_name = index_new();
    }
    s->topics_moved = false;
    for (size_t i = 0; i < s->topics.sorted.size; i++) {
        struct lg_topic_state *t = s->topics.sorted.data[i]->thing;

        if (t->partition_count == 0)
            continue;
        if (t->built == NULL)
            build_topic(s, t);
        t->built->refs++;
        LG_VEC_PUSH(&out->topics, t->built);
        if (moved)
            index_put(s->topic_by_name, t->name, out->topics.size - 1);
    }
}

static void add_peers(struct lg_catalog_state *s, struct lg_catalog_snapshot *out)
{
    lg_directory_sort(&s->routers);
    for (size_t i = 0; i < s->routers.sorted.size; i++)
        LG_VEC_PUSH(&out->routers, lg_strdup(s->routers.sorted.data[i]->thing));
    lg_directory_sort(&s->controllers);
    for (size_t i = 0; i < s->controllers.sorted.size; i++) {
        const struct lg_catalog_controller *c = s->controllers.sorted.data[i]->thing;

        LG_VEC_PUSH(&out->controllers,
                    (struct lg_catalog_controller){lg_strdup(c->id), lg_strdup(c->url),
                                                   lg_strdup(c->release)});
    }
}

static struct lg_catalog_index *index_ref(struct lg_catalog_index *x)
{
    x->refs++;
    return x;
}

struct lg_catalog_snapshot *lg_catalog_state_snapshot(struct lg_catalog_state *s)
{
    struct lg_catalog_snapshot *out = lg_new(struct lg_catalog_snapshot);

    out->refs = 1;
    out->serial = ++s->serial;
    out->client_protocols = s->client_protocols;
    renew_instances(s);
    add_stores(s, out);
    add_topics(s, out);
    add_peers(s, out);
    s->live->refs++;
    s->holders->refs++;
    out->holders = s->holders;
    out->shared_instances = s->live;
    out->instances.data = s->live->list.data;
    out->instances.size = out->instances.capacity = s->live->list.size;
    out->store_by_name = index_ref(s->store_by_name);
    out->deleted_by_name = index_ref(s->deleted_by_name);
    out->topic_by_name = index_ref(s->topic_by_name);
    out->instance_by_id = index_ref(s->instance_by_id);
    out->junk = lg_map_size(s->junk);
    lg_catalog_state_add_unreadable(s, out);
    s->changed = false;
    return out;
}
